"""Report: problems as people read them, and as GitHub does.

In: problems. Out: text. A file's problems stand together, files with errors first; of a kind that occurs very often
only some are shown. For GitHub each is a workflow command, with paths from the root of the repository.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from feedd.errors import Problem, Severity, printable

MOST = 20
"""Warnings or suggestions of one kind that are shown to people; of errors all are."""

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "suggestion": "notice"}
_ORDER: list[Severity] = ["error", "warning", "suggestion"]
_WIDTH = len("suggestion")
Style = Callable[[str, Severity], str]
"""Colours a word that tells a severity."""


def _plain(word: str, severity: Severity) -> str:
    return word


def text(problems: Sequence[Problem], most: int = MOST, style: Style = _plain) -> Iterator[str]:
    """The lines of a report: for each file its name, and below it a line for each problem."""
    shown, kept_back = _shown(problems, most)
    groups: dict[str, list[Problem]] = {}
    for problem in shown:
        groups.setdefault(problem.file, []).append(problem)
    for file, group in sorted(groups.items(), key=lambda item: (min(map(_rank, item[1])), item[0] != "")):
        yield printable(file) or "here"
        width = max(len(_line(problem)) for problem in group)
        yield from (_row(problem, width, style) for problem in sorted(group, key=_place))
    for kind, count in kept_back.items():
        yield f"… and {count} more of the kind {kind}: --json lists all, --ignore {kind} none"


def _shown(problems: Sequence[Problem], most: int) -> tuple[list[Problem], dict[str, int]]:
    """The problems that are shown, and how many of which kinds are not."""
    counts: Counter[str] = Counter()
    shown: list[Problem] = []
    for problem in problems:
        counts[problem.kind] += problem.severity != "error"  # of which none is kept back
        if counts[problem.kind] <= most:
            shown.append(problem)
    return shown, {kind: count - most for kind, count in counts.items() if count > most}


def _rank(problem: Problem) -> int:
    return _ORDER.index(problem.severity)


def _place(problem: Problem) -> tuple[int, int]:
    return _rank(problem), problem.line or 0


def _line(problem: Problem) -> str:
    return str(problem.line or "")


def _row(problem: Problem, width: int, style: Style) -> str:
    """`    7  warning     title: is missing. Write … [missing]`."""
    word = style(problem.severity, problem.severity) + " " * (_WIDTH - len(problem.severity))
    what = f"{problem.field}: {problem.what}" if problem.field else problem.what
    said = f"{what}. {problem.remedy}" if problem.remedy else what
    return f"  {_line(problem):>{width}}  {word}  {printable(said)} [{problem.kind}]"


def counts(problems: Sequence[Problem]) -> str:
    """`2 errors, 3 warnings: 2 missing, 3 mojibake`: kinds with errors first, then the most frequent."""
    severities = Counter(problem.severity for problem in problems)
    kinds = Counter(problem.kind for problem in sorted(problems, key=_rank))
    worst = {problem.kind: _rank(problem) for problem in sorted(problems, key=_rank, reverse=True)}
    ordered = sorted(kinds.items(), key=lambda item: (worst[item[0]], -item[1]))
    many = [f"{count} {name}{'s' * (count != 1)}" for name in _ORDER if (count := severities[name])]
    return f"{', '.join(many)}: {', '.join(f'{count} {kind}' for kind, count in ordered)}"


def files(states: Mapping[str, int]) -> str:
    """`25 broken, 2 articles`: how many files are in each state, the most frequent first."""
    ordered = sorted(states.items(), key=lambda item: (-item[1], item[0]))
    said = (f"{count} {state}{'s' * (state == 'article' and count != 1)}" for state, count in ordered)
    return ", ".join(said) or "none"


# GitHub


def github(problems: Iterable[Problem], place: Callable[[str], Path], root: Path) -> Iterator[str]:
    """Workflow commands that annotate files of a pull request; `place` tells where a problem's file lies, `root` is the
    repository's directory. Errors come first, since GitHub shows few of each.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    for problem in sorted(problems, key=_rank):
        file = _path(place(problem.file), root) if problem.file else ""
        properties = {"file": file, "line": _line(problem), "title": f"feedd: {problem.kind}"}
        told = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
        what = f"{problem.field}: {problem.what}" if problem.field else problem.what
        yield f"::{_LEVELS[problem.severity]} {told}::{_data(f'{what}. {problem.remedy}' if problem.remedy else what)}"


def _path(place: Path, root: Path) -> str:
    """A file from the root of the repository, if it lies there."""
    real = os.path.realpath(place)
    return os.path.relpath(real, root) if Path(real).is_relative_to(root) else str(place)


def _data(value: str) -> str:
    return printable(value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")

"""What commands say, and how they end: results on standard output, words for people on standard error, an exit code.

In: problems and values. Out: text, coloured on terminals alone, or JSON. Finds nothing out.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from feedd.errors import ConfigError, FeeddError, Problem, printable

if TYPE_CHECKING:
    from feedd.run import Progress

FINE, PROBLEMS, USAGE, CONFIGURATION, INTERRUPTED, UNREAD = 0, 1, 2, 78, 130, 141
"""The exit codes: fine; done but with problems in the content or the output; wrong usage; wrong configuration;
interrupted; nobody reads the output any more.
"""

_BAR = 24  # letters
_REDRAWN = 0.1  # seconds after which progress is shown anew

SHOWN = 20
"""Of what may be thousands, how many a command shows that does not list all: problems of a build, names of feeds."""


def mark(problem: Problem) -> str:
    """The word that stands before a problem."""
    colour = "red" if problem.severity == "error" else "yellow"
    return click.style(f"{problem.severity}:", fg=colour)


def say(problem: Problem) -> None:
    """A problem, on a line of its own."""
    click.echo(f"{mark(problem)} {problem}", err=True)


def say_problems(problems: Sequence[Problem], most: int) -> None:
    """The problems by kind, the most frequent kind last so that it is read first."""
    kinds = Counter(problem.kind for problem in problems)
    ordered = sorted(problems, key=lambda problem: (problem.severity != "error", kinds[problem.kind], problem.kind))
    for problem in ordered[:most]:
        click.echo(f"{mark(problem)} {problem} [{problem.kind}]", err=True)
    if len(problems) > most:
        click.echo(f"… and {len(problems) - most} more: `--json` shows all", err=True)


def counted(problems: Sequence[Problem]) -> str:
    """How many there are of each kind, the most frequent first."""
    kinds = Counter(problem.kind for problem in problems)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none"


def serious(problems: Sequence[Problem]) -> bool:
    """Whether something was left out or not done."""
    return any(problem.severity == "error" for problem in problems)


def many(count: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def print_json(value: Any) -> None:
    """A value as JSON, on standard output."""
    import msgspec

    click.echo(plain_json(msgspec.json.format(msgspec.json.encode(value)).decode()), nl=False)
    # Apart: with PYTHONUNBUFFERED a reader that went away amid a long text is noticed by the next write only.
    click.echo()


def plain_json(text: str) -> str:
    """The same JSON, with escapes for what does something to a terminal, or what the output's encoding lacks."""
    from json import dumps  # late: of those who say something, few say JSON

    kept = "\n" + "".join(letter for letter in set(text) if letter.isprintable() and _is_written(letter))
    return text.translate({ord(letter): dumps(letter)[1:-1] for letter in set(text).difference(kept)})


def _is_written(letter: str) -> bool:
    try:
        return bool(letter.encode(sys.stdout.encoding or "utf-8"))
    except UnicodeEncodeError:
        return False


def refuse(what: str) -> NoReturn:
    """End, since the command was given something that it cannot use."""
    click.echo(f"feedd: {printable(what)}", err=True)
    sys.exit(USAGE)


def fail(error: FeeddError, as_json: bool = False) -> NoReturn:
    """End for an expected failure, which programs are told of where they expect JSON: as its `problems`."""
    wrong = isinstance(error, ConfigError)
    problems = error.problems if isinstance(error, ConfigError) else (error.problem,)
    if as_json:
        print_json({"problems": problems})
    for problem in () if as_json else problems:
        say(problem)
    sys.exit(CONFIGURATION if wrong else PROBLEMS)


def quiet(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def progress() -> "Progress":
    """A bar on the last line of a terminal, drawn ten times a second, which goes when all is done; none elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") in {"", "dumb"}:
        return quiet
    last = [0.0]

    def show(what: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if moment - last[0] > _REDRAWN or done == total:
            last[0] = moment
            click.echo(f"\r\x1b[K{'' if done == total else _bar(what, done, total)}", err=True, nl=False)

    return show


def _bar(what: str, done: int, total: int) -> str:
    """`articles [######..................] 5,021/20,000`; without a bar while nobody knows of how many."""
    if not total:
        return f"{what} {done:,}"
    full = min(_BAR, _BAR * done // total)
    return f"{what} [{'#' * full}{'.' * (_BAR - full)}] {done:,}/{total:,}"

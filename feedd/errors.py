"""What can go wrong, and what a person is told about it.

An expected failure is raised where it arises, as one of

    FeeddError
    ├── ConfigError    every problem of a configuration at once; caught in `cli`
    ├── BrokenArticle  one file cannot be read; caught where files are parsed: `article`, `taxonomy`, `check`
    ├── SourceError    the content directory cannot be listed; caught in `pipeline`
    ├── RenderError    one feed or entry cannot be written in one format; caught in `pipeline` and `desk`
    ├── PublishError   a document cannot be put in its place, or another feedd does so; caught in `pipeline` and `cli`
    ├── StateError     the state cannot be read or written; caught in `pipeline`
    ├── PluginError    what an installed package brings cannot be used; caught in `desk`
    ├── ControlError   the daemon cannot be reached, or its socket not be made; caught in `cli` and `daemon`
    ├── ServeError     nobody can listen where feeds or monitoring are to be served; caught in `cli` and `daemon`
    └── SetupError     a new site cannot be made; caught in `commands.init`

and travels on from there as a `Problem`, a value in the report of the run. This module knows nothing else of feedd.
"""

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "suggestion"]


class Problem(Struct, frozen=True):
    """One thing that a person should mend: where it is, what is wrong, what would be right.

    `kind` is a short stable name to group by, such as `unknown-topic`. `file` is as the person knows it (content
    files: relative to the content directory), `line` counts from 1, `field` is a front matter field or a
    configuration key such as `site.url`. `error`: something is left out of the feeds or not done. `warning`: feedd
    went on, but perhaps not as was meant. `suggestion`: all is done, and could be better.
    """

    kind: str
    what: str
    remedy: str = ""
    file: str = ""
    line: int | None = None
    field: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        """One line: `news/a.md:7: title: is missing. Write …`, leaving out what is not known."""
        place = self.file + (f":{self.line}" if self.file and self.line else "")
        words = ": ".join(part for part in (place, self.field, self.what) if part)
        return printable(f"{words}. {self.remedy}" if self.remedy else words)


def printable(text: str) -> str:
    """A text on one line that does nothing to a terminal, whoever wrote it: titles and names of files may hold what
    moves the cursor or turns letters round.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS:
        return letter
    return " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"


_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


class FeeddError(Exception):
    """The base of all expected failures. `problem` is what a person is told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class ConfigError(FeeddError):
    """The configuration cannot be used; `problems` holds all that is wrong with it, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems[0])
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class BrokenArticle(FeeddError):
    """A file that means to be an article but cannot be read as one."""


class SourceError(FeeddError):
    """The content directory cannot be listed."""


class RenderError(FeeddError):
    """One feed cannot be written in one format."""


class PublishError(FeeddError):
    """One document cannot be put in its place."""


class StateError(FeeddError):
    """The state cannot be read or written."""


class PluginError(FeeddError):
    """What an installed package brings cannot be used."""


class ControlError(FeeddError):
    """The daemon cannot be reached over its socket, or the socket cannot be made."""


class ServeError(FeeddError):
    """An address cannot be listened at."""


class SetupError(FeeddError):
    """A new site cannot be made."""

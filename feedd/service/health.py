"""Health: what keeps the daemon from doing all that it should, what of it is news, and when to try again.

In: the problems that each run reports. Out: those that are new and those that are gone, what the next run should look
at again, and how long to wait for it. Pure: knows no clock, tells nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from feedd.errors import Problem

_MOST_PATIENT = 60.0  # seconds between tries at the most

_PASSING = {
    "no-content", "not-written", "not-synced", "unreadable", "unreadable-folder", "state-unusable", "guard", "failure",
}  # fmt: skip
"""Kinds of problems whose causes may go by themselves."""
_BY_SCANS = {"no-content", "unreadable-folder", "bad-file-name", "guard", "failure", "plugin-broken"}
"""Kinds that only a run tells of which looks at everything."""
OF_FILES = {"unreadable", "unreadable-folder", "bad-file-name"}
"""Kinds of problems that name files of the content."""
_NOT_GOOD = {"no-content", "failure"}
"""Kinds that say that the feeds could not be brought up to date at all."""


def is_good(problems: Iterable[Problem], documents: int) -> bool:
    """Whether a run with these problems, after which so many documents are as they should be, brought feeds up to date.

    One document that cannot be written must not keep a service from starting whose others can.
    """
    kinds = {problem.kind for problem in problems}
    return kinds.isdisjoint(_NOT_GOOD) and (documents > 0 or "not-written" not in kinds)


@dataclass(slots=True)
class Health:
    """`problems` are in force since the run that first reported them, until one that should tell of them does not."""

    problems: tuple[Problem, ...] = ()
    _tries: int = field(default=0)

    def take(self, reported: Iterable[Problem], everything: bool) -> tuple[list[Problem], list[Problem]]:
        """Take in what a run reported, which looked at everything or only at some paths; gives the problems that are
        new, and those that are gone.
        """
        before, reported = dict.fromkeys(self.problems), tuple(reported)
        stays = set() if everything else _BY_SCANS.difference(problem.kind for problem in reported)
        now = dict.fromkeys((*reported, *(problem for problem in before if problem.kind in stays)))
        is_try = everything or not self.scans
        self.problems = tuple(now)
        if not any(problem.kind in _PASSING for problem in now):
            self._tries = 0
        elif is_try:
            self._tries += 1
        return [problem for problem in now if problem not in before], [one for one in before if one not in now]

    @property
    def patience(self) -> float | None:
        """Seconds to wait before the next try, twice as long after each; None if there is nothing to try again."""
        return min(2.0 ** (self._tries - 1), _MOST_PATIENT) if self._tries else None

    @property
    def scans(self) -> bool:
        """Whether the next try has to look at everything."""
        return any(problem.kind in _BY_SCANS for problem in self.problems)

    @property
    def paths(self) -> set[str]:
        """The content files that could not be read, which any run looks at again."""
        return {problem.file for problem in self.problems if problem.kind == "unreadable"}

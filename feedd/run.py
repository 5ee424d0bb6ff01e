"""Run: what one pass of the pipeline goes by and comes to, as values.

In: nothing. Out: the words that `pipeline` and `press` share. Does nothing itself.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from feedd.content.article import Link
from feedd.errors import Problem
from feedd.state.ledger import Told

if TYPE_CHECKING:
    from feedd.desk import Desk
    from feedd.feeds.catalogue import Catalogue
    from feedd.workers import Workers

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many are done, and how many there are (0 while that is not known)."""

SITE = ""
"""In the place of a feed's name: the documents that belong to no feed, such as the index page."""


class Touched(Struct):
    """What may be different in a run: feeds by name, each with when the articles that are different were published, or
    were said to be; everything at all times if `everything` is set.
    """

    feeds: dict[str, set[int]] = {}
    everything: bool = False

    def add(self, name: str, *moments: int) -> None:
        """A feed may be different, in articles of these moments."""
        self.feeds.setdefault(name, set()).update(moments)


class Run(Struct, frozen=True):
    """What is known in a run: the moment, all cards, what is told of an entry, which related links may be shown."""

    now: int
    desk: "Desk"
    catalogue: "Catalogue"
    workers: "Workers"
    told: Callable[[str], Told]
    shown: Callable[[Iterable[Link]], tuple[Link, ...]]


class Outcome(Struct):
    """What a run has published so far. `written` is a set that keeps its order, as is `changed`: all documents of which
    the command of `[hooks]` is to be told, those that are gone included. `news` are the documents of feeds of which
    hubs are to be told.
    """

    written: dict[str, None] = {}
    changed: dict[str, None] = {}
    unchanged: int = 0
    problems: list[Problem] = []
    news: list[str] = []

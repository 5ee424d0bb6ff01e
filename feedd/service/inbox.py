"""Inbox: what the wakers post, and when the loop takes it.

In: paths that may have changed, and wishes: look at everything, load the configuration, answer a question, stop. Any
thread may post (signal handlers may not: they interrupt the one who takes). Out: all that has gathered, once it is
ripe: a wish at once, paths when no other came for the quiet time, or the first has waited for the limit. Does nothing
that it is asked for, and reads no file.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Literal

MOST_PATHS = 5000
"""Paths that are looked at one by one: beyond, looking at everything is quicker (and their memory has a bound)."""

Command = Literal["status", "reload", "withheld", "approve", "prune", "health", "metrics"]
Reply = dict[str, Any]
Wait = Callable[[threading.Condition, float | None], object]


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked of the loop, by a thread that waits for the answer. `names` say what it is about, where
    it is not about everything; with a `digest` exactly that is to be done which an earlier answer listed.
    """

    command: Command
    names: tuple[str, ...] = ()
    digest: str = ""
    _answers: "SimpleQueue[Reply]" = field(default_factory=SimpleQueue, compare=False, repr=False)

    def answer(self, reply: Reply) -> None:
        """Let the one who asks go on."""
        self._answers.put(reply)

    def wait(self, timeout: float | None = None) -> Reply | None:
        """The answer; None if there is none after so many seconds."""
        try:
            return self._answers.get(timeout=timeout)
        except Empty:
            return None


@dataclass(frozen=True, slots=True)
class News:
    """What had gathered. `paths` are files of the content directory, or folders, which end in a slash; `scan` are the
    reasons to look at everything instead; `reload` says that the configuration may have changed. `since` is the moment,
    of the inbox's clock, of the first sign of the changes that are looked at now, if there was one.
    """

    paths: frozenset[str] = frozenset()
    scan: tuple[str, ...] = ()
    reload: bool = False
    questions: tuple[Question, ...] = ()
    stop: bool = False
    since: float | None = field(default=None, compare=False)


def ripe(first: float, last: float, quiet: float, limit: float) -> float:
    """The moment at which paths are taken of which the first and the last came at these moments, all in seconds."""
    return min(last + quiet, first + limit)


def _wait(condition: threading.Condition, timeout: float | None) -> object:
    return condition.wait(timeout)


class Inbox:
    """`quiet` and `limit` in seconds. Times are those of `monotonic`, waiting is done by `wait`."""

    def __init__(
        self,
        quiet: float,
        limit: float,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Wait = _wait,
    ) -> None:
        self.quiet, self.limit = quiet, limit
        self._monotonic, self._wait = monotonic, wait
        self._posted = threading.Condition()
        self._paths: set[str] = set()
        self._first = self._last = 0.0
        self._scan: dict[str, None] = {}
        self._settling: dict[str, None] = {}
        self._questions: list[Question] = []
        self._reload = self._awake = False
        self.stopping = False

    def hint(self, paths: Iterable[str]) -> None:
        """Files or folders may have changed."""
        paths = set(paths)
        if paths:
            with self._posted:
                self._note()
                self._paths |= paths
                if len(self._paths) > MOST_PATHS:
                    self._paths = {"/"}  # the folder of all
                self._posted.notify()

    def scan(self, reason: str, settled: bool = False) -> None:
        """Everything is to be looked at: now, or `settled`, when it has been left alone as paths have to be."""
        with self._posted:
            if settled:
                self._note()
            (self._settling if settled else self._scan)[reason] = None
            self._posted.notify()

    def _note(self) -> None:
        """Something has changed that is not to be looked at before it was left alone."""
        self._last = self._monotonic()
        if not (self._paths or self._settling):
            self._first = self._last

    def reload(self) -> None:
        """The configuration may have changed."""
        with self._posted:
            self._reload = True
            self._posted.notify()

    def ask(self, question: Question) -> None:
        """A question waits to be answered."""
        with self._posted:
            self._questions.append(question)
            self._posted.notify()

    def wake(self) -> None:
        """It is time for something: let the loop look at the clock."""
        with self._posted:
            self._awake = True
            self._posted.notify()

    def stop(self) -> None:
        """Nothing more is to be begun."""
        self.stopping = True
        with self._posted:
            self._posted.notify()

    def take(self, timeout: float | None = None) -> News:
        """All that is ripe, as soon as anything is; nothing, if nothing is after so many seconds."""
        with self._posted:
            end = None if timeout is None else self._monotonic() + timeout
            while not (self._has_wish() or self._is_ripe()):
                moments = [moment for moment in (end, self._ripens()) if moment is not None]
                now = self._monotonic()
                if end is not None and end <= now:
                    break
                self._wait(self._posted, min(moments) - now if moments else None)
            return self._taken()

    def _ripens(self) -> float | None:
        return ripe(self._first, self._last, self.quiet, self.limit) if self._paths or self._settling else None

    def _is_ripe(self) -> bool:
        moment = self._ripens()
        return moment is not None and moment <= self._monotonic()

    def _has_wish(self) -> bool:
        return bool(self.stopping or self._awake or self._reload or self._scan or self._questions)

    def _taken(self) -> News:
        paths: frozenset[str] = frozenset()
        looked_at = self._is_ripe() or (self._scan and self._ripens() is not None)
        since = self._first if looked_at else None
        if self._is_ripe():
            paths, self._paths = frozenset(self._paths), set()
            self._scan, self._settling = {**self._settling, **self._scan}, {}
        news = News(paths, tuple(self._scan), self._reload, tuple(self._questions), self.stopping, since)
        self._scan, self._questions, self._reload, self._awake = {}, [], False, False
        return news

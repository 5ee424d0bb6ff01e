"""Hook: what the ledger says that the command of `[hooks]` is yet to be told → the command, and what came of it.

In: the documents that wait, and the configuration. Out: one process at a time, told of all of them at once; what it
says, line by line; what is wrong with it, for people. What changes while it runs waits for the next time, and so does
what it failed for, ever more seldom. A thread sees to the process and leaves here how it ended: `Hook.turn` alone reads
and writes the state, and waits for nobody. How a process is kept within bounds is `publish/command.py`'s.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feedd.config import Config, Hooks
from feedd.errors import Problem, StateError
from feedd.publish.command import STOPPED, Execution, Say, environment
from feedd.publish.websub import FORGOTTEN, LONGEST, backoff
from feedd.service import log
from feedd.state.pings import HOOK, Gathered, Pings, Trouble

_PAUSE = 0.5  # seconds between two looks for what has become due
_HURRY = 5.0  # seconds from one start to the next for which what is new does not wait
_MOMENT = 0.5  # seconds that a command has to end by itself when feedd ends, and again after each word that it is to
_NOT_STARTED = "Install it, let feedd's user execute it (`chmod +x`), or name its full path."
_WORDS = 2  # the first of which it can heed


@dataclass(slots=True)
class _Start:
    """A command that was started for these documents of a state; `why` it failed, once it has ended, or "" if it did
    not.
    """

    hooks: Hooks
    pings: Pings
    gathered: Gathered
    execution: Execution
    thread: threading.Thread | None = None
    why: str | None = None


def _by_chance() -> float:
    return random.random()  # noqa: S311 - it spreads starts over time, and is no secret


def to_log(complained: bool, line: str) -> None:
    """What a command says, for the log."""
    (log.warning if complained else log.info)("hook-says", line=line)


class Hook:
    """Starts the command. `file` is that of the configuration. `wake` is called from any thread, when the command has
    ended; `say` gets what the command says, from another.

    `problems` is what is wrong with it, as of the last turn.
    """

    def __init__(
        self,
        file: Path,
        wake: Callable[[], None],
        say: Say = to_log,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _by_chance,
    ) -> None:
        self._file, self._wake, self._say = file.absolute(), wake, say
        self._clock, self._monotonic, self._chance = clock, monotonic, chance
        self._start: _Start | None = None
        self._hooks: Hooks | None = None  # those of the last turn
        self._waits, self._looked, self._closed = True, float("-inf"), False
        self._hurries = True  # is started for what is new however long it rests; also by a new process
        self._tried = float("-inf")  # the moment of the last start
        self.problems: tuple[Problem, ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether the command runs, or has ended and that is not noted yet."""
        return self._start is not None

    def look(self, news: bool = True) -> None:
        """There may be something to tell. With `news` there is something new, for which a command that failed is tried
        again soon.
        """
        self._waits, self._looked = True, float("-inf")
        self._hurries = self._hurries or news

    def turn(self, pings: Pings, config: Config) -> tuple[Problem, ...]:
        """Note how the command ended, and start it if there is something to tell. Gives what was given up, once. Where
        the state does not take it, it is noted at a later turn.
        """
        moment, hooks = self._monotonic(), config.hooks
        ended = self._start is not None and self._start.why is not None
        if not (ended or hooks != self._hooks or (self._waits and moment - self._looked >= _PAUSE)):
            return ()
        self._looked = moment
        try:
            return self._exchange(pings, config)
        except StateError as error:
            log.debug("not-noted", what=str(error.problem))
            return ()

    def close(self, pings: Pings, config: Config) -> None:
        """Give the command a moment to end, then end it, and begin nothing any more. What it was started for waits for
        the next process.
        """
        self._closed = True
        if (start := self._start) and (thread := start.thread):
            for _ in range(_WORDS):
                thread.join(_MOMENT)
                if thread.is_alive():
                    start.execution.end()
            thread.join(_MOMENT)
        self.turn(pings, config)

    # With the state

    def _exchange(self, pings: Pings, config: Config) -> tuple[Problem, ...]:
        now, hooks = self._clock(), config.hooks
        ended = self._start if self._start and self._start.why is not None else None
        with pings.transaction():
            if not hooks.command:
                pings.dismiss(HOOK)
            elif self._hooks and hooks.command != self._hooks.command:
                pings.settle(HOOK)  # what is wrong with another command
            given_up = self._settle(pings, ended, now) if ended and ended.hooks.command == hooks.command else ()
            trouble, waiting = pings.trouble_of_hook(), pings.waiting_for_hook()
            may = waiting and not self._closed and self._start is ended and self._may_start(trouble, now)
            gathered = pings.gathered() if may else None
        if ended:
            self._start = None
        self._hooks, self._waits = hooks, waiting is not None
        self.problems = (_failing(hooks, trouble),) if trouble and hooks.command else ()
        if gathered:
            self._begin(pings, config, gathered)
        return given_up

    def _settle(self, pings: Pings, ended: _Start, now: float) -> tuple[Problem, ...]:
        """Note how the command ended; gives what is given up."""
        log.debug("hook", documents=len(ended.gathered.paths), why=ended.why)
        if ended.pings is not pings:  # in another state the same numbers may be other documents'
            return ()
        if not ended.why:
            pings.taken(ended.gathered)
            pings.settle(HOOK)
        elif ended.why != STOPPED:
            before = pings.trouble_of_hook()
            tries, since = (before.tries + 1, before.since) if before else (1, int(now))
            due = now + backoff(tries, self._chance())
            pings.trouble(Trouble(HOOK, min(since, int(now)), tries, due, ended.why))
            dropped = pings.expire(HOOK, now - FORGOTTEN)
            return (_missed(ended.hooks, dropped),) if dropped else ()
        return ()

    def _may_start(self, trouble: Trouble | None, now: float) -> bool:
        """Whether the command is not left alone, or not now that something is new. What is more than the longest pause
        away was noted before the clock was set back.
        """
        if trouble is None or not now < trouble.due <= now + LONGEST:
            return True
        return self._hurries and self._monotonic() - self._tried >= _HURRY

    # With the command

    def _begin(self, pings: Pings, config: Config, gathered: Gathered) -> None:
        told = environment(
            os.environ,
            FEEDD_OUTPUT=str(config.output.path),
            FEEDD_FEEDS_URL=config.site.feeds_url,
            FEEDD_CONFIG=str(self._file),
        )
        execution = Execution(
            command=config.hooks.command, directory=config.output.path, environment=told, timeout=config.hooks.timeout,
            say=self._say, monotonic=self._monotonic,
        )  # fmt: skip
        self._hurries, self._tried = False, self._monotonic()
        start = self._start = _Start(config.hooks, pings, gathered, execution)
        # A daemon's thread: the process does not wait for it at its end.
        start.thread = threading.Thread(target=self._attend, args=(start,), name="hook", daemon=True)
        log.debug("hook-started", documents=len(gathered.paths))
        try:
            start.thread.start()
        except RuntimeError as error:  # the system has no more threads
            start.thread, start.why = None, f"cannot be started: {error}"

    def _attend(self, start: _Start) -> None:
        """What the thread does."""
        try:
            start.why = start.execution.run(start.gathered.paths)
        except Exception as error:  # noqa: BLE001 - a fault of feedd itself must not leave it under way for ever
            log.crash("fault", error)
            start.why = f"a fault of feedd itself: {type(error).__name__}"
        self._wake()


def _failing(hooks: Hooks, trouble: Trouble) -> Problem:
    told = _NOT_STARTED if trouble.error.startswith("cannot be started") else "What it said tells why."
    remedy = f"{told} It is started again, with the same documents and what changes until then."
    what = f"{hooks.command[0]} {trouble.error}"
    return Problem("hook-fails", what, remedy, field="hooks.command", severity="warning")


def _missed(hooks: Hooks, dropped: int) -> Problem:
    what = f"{hooks.command[0]} failed for a day for {dropped} document{'s' if dropped > 1 else ''}, which is given up"
    return Problem("hook-missed", what, "The next change is told again.", field="hooks.command", severity="warning")


def call(pings: Pings, config: Config, file: Path, say: Say) -> tuple[Problem, ...]:
    """Start the command for what it is yet to be told, once, and wait for it. Gives what is wrong; what it was not told
    waits for the next time.
    """
    bell = threading.Event()
    hook = Hook(file, bell.set, say)
    try:
        given_up = hook.turn(pings, config)
        while hook.under_way:
            bell.wait()
            bell.clear()
            hook.close(pings, config)
    finally:
        hook.close(pings, config)
    return (*given_up, *hook.problems)

"""Elsewhere: a part of some work is done in a copy of this process, while this one does the rest.

In: a function and items, as many as are worth a process. Out: what the function gives for them. For work that waits for
the kernel, such as asking for the status of many files; what needs an article is done by `workers`, whose processes
live longer and take longer to start. A copy that dies costs nothing: its share is done here.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import msgspec

Results = list[bytes | None]
Work = Callable[[Sequence[str]], Results]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Results).decode


def may_fork() -> bool:
    """Whether a copy of this process can be made and helps: there is a processor for it, and no other thread that could
    hold a lock at that moment.
    """
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


@contextmanager
def elsewhere(work: Work, items: Sequence[str]) -> Iterator[Callable[[], Results]]:
    """Have work done on items, one or more, by a copy of this process, which begins at once and ends with the `with`.
    Gives what waits for the results.
    """
    try:
        child, answer = _copy(work, items)
    except OSError:  # no process is to be had
        yield lambda: work(items)
        return
    try:
        with os.fdopen(answer, "rb", buffering=0) as said:
            yield lambda: _results(said.read(), len(items)) or work(items)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _copy(work: Work, items: Sequence[str]) -> tuple[int, int]:
    """A copy of this process at work: its number, and the end of a pipe through which it says the results."""
    answer, there = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(answer)
        os.close(there)
        raise
    if not child:
        _say(work, items, there)
    os.close(there)
    return child, answer


def _say(work: Work, items: Sequence[str], there: int) -> NoReturn:
    """Do the work, say the results, and end without a trace: nothing else that was copied is this process's to end."""
    try:
        rest = memoryview(_encode(work(items)))
        while rest:
            rest = rest[os.write(there, rest) :]
    finally:
        os._exit(0)


def _results(said: bytes, count: int) -> Results | None:
    """The results that were said; None where that was not all."""
    try:
        results = _decode(said)
    except msgspec.DecodeError:
        return None
    return results if len(results) == count else None

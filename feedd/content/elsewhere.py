"""Elsewhere: work on many items that a copy of this process begins, and in which this one joins as soon as it has time.

In: what lists the items, and what does a few of them. Out: the list, and what came of each. The copy lists them, then
goes through them from the front, piece by piece; this process takes pieces from the end until both meet. For work that
waits for the kernel, such as asking for the status of many files; what needs an article is done by `workers`, whose
processes live longer and take longer to start. A copy that dies costs nothing: its share is done here.

The copy writes into a file in memory, where any amount has room before somebody reads it, and says through a pipe how
many bytes each message has. The first bytes of that file are this process's: the number of the first piece that it
took. A piece that both take at one moment is done twice.
"""

import os
import select
import signal
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import msgspec

from feedd.errors import FeeddError, Problem

Listing = tuple[list[str], list[Problem]]
"""The items, and what is wrong with what would be items."""
Results = list[bytes | None]
Work = Callable[[Sequence[str]], Results]

PIECE = 500
"""Items that are done before anybody is asked or told anything; on a slow network they take a second."""
_ALL = 1 << 62
_NUMBER = struct.Struct("q")
_LENGTHS = 8192  # bytes of them that are read at a time
_encode = msgspec.msgpack.Encoder().encode
_decode_listing = msgspec.msgpack.Decoder(Listing).decode
_decode_results = msgspec.msgpack.Decoder(Results).decode


def may_fork() -> bool:
    """Whether a copy of this process can be made and helps: there is a processor for it, and no other thread that could
    hold a lock at that moment.
    """
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1 and hasattr(os, "memfd_create")


class Copy:
    """A copy of this process, which is at work from the start; `process` is its number. Raises OSError where none is to
    be had.
    """

    def __init__(self, list_items: Callable[[], Listing], work: Work) -> None:
        self._lengths, self._read = list[int](), _NUMBER.size
        self._memory = os.memfd_create("feedd", os.MFD_CLOEXEC)
        try:
            os.pwrite(self._memory, _NUMBER.pack(_ALL), 0)
            self._said, there = os.pipe()
        except OSError:
            os.close(self._memory)
            raise
        try:
            self.process = os.fork()
        except OSError:
            self._let_go()
            os.close(there)
            raise
        if not self.process:
            _do(list_items, work, self._memory, there)
        os.close(there)

    def close(self) -> None:
        """End it, whatever it is at: that leaves no trace."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._memory)
        os.close(self._said)

    def listing(self) -> Listing | None:
        """The items, as soon as it has listed them; None where it died before."""
        message = self._next()
        return None if message is None else _decode_listing(message)

    def results(self, items: Sequence[str], work: Work, heed: Callable[[int], object]) -> Results:
        """What came of the items that it listed, in their order. `heed` is told now and then how many are done."""
        end = -(-len(items) // PIECE)
        front, back = list[Results](), list[Results]()
        while len(front) < end:
            if front or back:
                heed((len(front) + len(back)) * PIECE)
            if len(front) + 1 < end and not self._has_spoken():
                end -= 1
                os.pwrite(self._memory, _NUMBER.pack(end), 0)
                back.append(work(_piece(items, end)))
            else:
                message = self._next()
                front.append(work(_piece(items, len(front))) if message is None else _decode_results(message))
        return [result for piece in (*front, *reversed(back)) for result in piece]

    def _has_spoken(self) -> bool:
        """Whether its next message, or its end, is there already."""
        return bool(self._lengths or select.select([self._said], [], [], 0)[0])

    def _next(self) -> bytes | None:
        """Its next message, waited for; None after its end."""
        if not self._lengths:
            self._lengths = [length for (length,) in _NUMBER.iter_unpack(os.read(self._said, _LENGTHS))]
        if not self._lengths:
            return None
        message = os.pread(self._memory, length := self._lengths.pop(0), self._read)
        self._read += length
        return message


@contextmanager
def begun(list_items: Callable[[], Listing], work: Work) -> Iterator[Copy | None]:
    """A copy that is at work until the `with` ends; None where there is none to be had, or where it would not help."""
    copy = None
    if may_fork():
        with suppress(OSError):
            copy = Copy(list_items, work)
    try:
        yield copy
    finally:
        if copy:
            copy.close()


def _piece(items: Sequence[str], number: int) -> Sequence[str]:
    return items[number * PIECE : (number + 1) * PIECE]


def _do(list_items: Callable[[], Listing], work: Work, memory: int, there: int) -> NoReturn:
    """Do the work of the copy, and end without a trace: nothing else that was copied is this process's to end. What
    fails is not said: it fails again where somebody hears of it.
    """
    try:
        with suppress(OSError, FeeddError):
            os.lseek(memory, _NUMBER.size, os.SEEK_SET)
            listing = list_items()
            _say(_encode(listing), memory, there)
            items, number = listing[0], 0
            while number * PIECE < len(items) and number < _NUMBER.unpack(os.pread(memory, _NUMBER.size, 0))[0]:
                _say(_encode(work(_piece(items, number))), memory, there)
                number += 1
    finally:
        os._exit(0)


def _say(message: bytes, memory: int, there: int) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(memory, rest) :]
    os.write(there, _NUMBER.pack(len(message)))

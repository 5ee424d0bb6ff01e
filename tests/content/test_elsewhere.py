"""Elsewhere: the same results in the same order, whoever does which part and whatever becomes of the other process."""

import errno
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from feedd.content.elsewhere import PIECE, Copy, Listing, Results, begun
from feedd.errors import Problem, SourceError

ITEMS = [str(number) for number in range(7 * PIECE + 3)]
PROBLEM = Problem("strange", "is strange", "Leave it.")

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors"),
]


def listed() -> Listing:
    return ITEMS, [PROBLEM]


def work(items: Sequence[str]) -> Results:
    """Nothing comes of items that end in 7."""
    return [None if item.endswith("7") else item.encode() for item in items]


def nothing(done: int) -> None:
    """Nobody wants to know."""


def wait_for(copy: Copy) -> None:
    """Wait until a copy has ended."""
    os.waitid(os.P_PID, copy.process, os.WEXITED | os.WNOWAIT)


class Shared:
    """Work of which this process notes the first item of each piece that it does; the other one waits amid its first
    until this one has come so far that there is nothing else to do.
    """

    def __init__(self) -> None:
        self.here: list[str] = []
        self._process, (self._gate, self._key) = os.getpid(), os.pipe()

    def __call__(self, items: Sequence[str]) -> Results:
        if os.getpid() != self._process:
            os.read(self._gate, 1)
        else:
            self.here.append(items[0])
            if items[0] == str(PIECE):
                os.write(self._key, b".")
        return work(items)

    def close(self) -> None:
        os.close(self._gate)
        os.close(self._key)


def dying_at(item: str) -> "Dying":
    return Dying(item, os.getpid())


class Dying:
    """Work amid which any other process than this one dies, when it comes to an item."""

    def __init__(self, item: str, process: int) -> None:
        self._item, self._process = item, process

    def __call__(self, items: Sequence[str]) -> Results:
        if self._item in items and os.getpid() != self._process:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(items)


def test_a_copy_does_all_that_nobody_takes_from_it() -> None:
    def refuse(items: Sequence[str]) -> Results:
        raise AssertionError(items)

    told: list[int] = []
    with begun(listed, work) as copy:
        assert copy is not None
        wait_for(copy)
        assert copy.listing() == (ITEMS, [PROBLEM])
        assert copy.results(ITEMS, refuse, told.append) == work(ITEMS)
    assert told == list(range(PIECE, len(ITEMS), PIECE))


def test_this_process_takes_pieces_from_the_end() -> None:
    shared = Shared()
    with begun(listed, shared) as copy:
        assert copy is not None
        assert copy.listing() == (ITEMS, [PROBLEM])
        assert copy.results(ITEMS, shared, nothing) == work(ITEMS)
        wait_for(copy)  # which leaves to this process what it took
    assert shared.here == [str(number * PIECE) for number in range(7, 0, -1)]
    shared.close()


@pytest.mark.parametrize("piece", [0, 1, 4, 7])
@pytest.mark.parametrize("first", [True, False], ids=["dead", "dying"])
def test_what_a_copy_that_dies_leaves_undone_is_done_here(piece: int, first: bool) -> None:
    mortal = dying_at(str(piece * PIECE + 1))
    with begun(listed, mortal) as copy:
        assert copy is not None
        if first:
            wait_for(copy)
        assert copy.listing() == (ITEMS, [PROBLEM])
        assert copy.results(ITEMS, mortal, nothing) == work(ITEMS)


def test_a_copy_that_cannot_list_says_nothing() -> None:
    def fail() -> Listing:
        raise SourceError(PROBLEM)

    with begun(fail, work) as copy:
        assert copy is not None
        assert copy.listing() is None


def test_of_no_items_there_are_no_results() -> None:
    with begun(lambda: ([], []), work) as copy:
        assert copy is not None
        assert copy.listing() == ([], [])
        assert copy.results([], work, nothing) == []


def test_a_copy_ends_with_the_block() -> None:
    def wait_for_ever() -> Listing:
        signal.pause()
        return [], []

    with begun(wait_for_ever, work) as copy:
        assert copy is not None
    with pytest.raises(ChildProcessError):
        wait_for(copy)


def test_beside_other_threads_there_is_no_copy() -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        with begun(listed, work) as copy:
            assert copy is None
    finally:
        done.set()
        other.join()


@pytest.mark.parametrize("call", ["memfd_create", "pipe", "fork"])
def test_where_the_system_gives_no_process_there_is_no_copy_and_nothing_stays_open(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, "there are too many")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, call, refuse)
    with begun(listed, work) as copy:
        assert copy is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before

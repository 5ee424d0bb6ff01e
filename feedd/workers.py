"""Workers: the desk's work on many articles, in as many processes as there are processors.

In: the configuration and items. Out: the results in the order of the items. Few items, or a single processor, are done
in this process; so is what a process that died (out of memory, say) leaves undone. The processes end with the `with`.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

import msgspec

from feedd.config import Config
from feedd.desk import Desk, Job, Record
from feedd.errors import Problem

Item = TypeVar("Item")
Result = TypeVar("Result")
Packed = TypeVar("Packed")

FEW = 1000
"""Items that are done sooner than other processes have started."""
_CHUNK = 100
# Chunks that may be done before their results are asked for: what waits takes memory.
_AHEAD = 8

# Records and jobs travel as MessagePack: pickle would run Python for every field of every dataclass.
_Wire = tuple[list[Record | None], dict[int, Problem]]
_encode = msgspec.msgpack.Encoder().encode
_decode_records = msgspec.msgpack.Decoder(_Wire).decode
_decode_jobs = msgspec.msgpack.Decoder(list[Job]).decode

_SIGNAL_OF_PARENTS_DEATH = 1  # Linux's PR_SET_PDEATHSIG

_desk: Desk


def _start(config: Config) -> None:
    global _desk
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If that one is killed, nobody else would: they wait for work for ever.
    ctypes.CDLL(None).prctl(_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
    _desk = Desk(config)
    # What is made here has no cycles, and the process does not live long: looking for some would take 6 % of its time.
    gc.disable()


def _records(paths: Sequence[str]) -> bytes:
    found = _desk.records(paths)
    problems = {place: one for place, one in enumerate(found) if isinstance(one, Problem)}
    return _encode(([None if isinstance(one, Problem) else one for one in found], problems))


def _unpacked(data: bytes) -> list[Record | Problem | None]:
    records, problems = _decode_records(data)
    return [problems.get(place, record) for place, record in enumerate(records)]


def _write(jobs: bytes) -> list[list[bytes | Problem]]:
    return _desk.write(_decode_jobs(jobs))


class Workers:
    """A desk, and processes with desks of their own once there is much to do."""

    def __init__(self, desk: Desk, processes: int | None = None) -> None:
        self._desk = desk
        self._processes = len(os.sched_getaffinity(0)) if processes is None else processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def records(self, paths: Sequence[str]) -> Iterator[Record | Problem | None]:
        """`Desk.records` of many paths."""
        return self._map(self._desk.records, paths, lambda pool, chunk: pool.submit(_records, chunk), _unpacked)

    def write(self, jobs: Sequence[Job]) -> Iterator[list[bytes | Problem]]:
        """`Desk.write` of many jobs."""
        return self._map(self._desk.write, jobs, lambda pool, chunk: pool.submit(_write, _encode(chunk)), _as_is)

    def _map(
        self,
        here: Callable[[Sequence[Item]], list[Result]],
        items: Sequence[Item],
        there: Callable[[ProcessPoolExecutor, Sequence[Item]], Future[Packed]],
        unpack: Callable[[Packed], list[Result]],
    ) -> Iterator[Result]:
        """The results of the items in their order, done `here` or `there` in chunks."""
        chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
        if len(items) < FEW or self._processes < 2:
            for chunk in chunks:
                yield from here(chunk)
            return
        waiting: deque[tuple[Sequence[Item], Future[Packed] | None]] = deque()
        for chunk in islice(chunks, _AHEAD):
            waiting.append((chunk, self._submitted(there, chunk)))
        while waiting:
            chunk, future = waiting.popleft()
            try:
                results = unpack(future.result()) if future else here(chunk)
            except BrokenExecutor:
                results = here(chunk)
            waiting.extend((following, self._submitted(there, following)) for following in islice(chunks, 1))
            yield from results

    def _submitted(
        self, there: Callable[[ProcessPoolExecutor, Sequence[Item]], Future[Packed]], chunk: Sequence[Item]
    ) -> Future[Packed] | None:
        """A chunk on its way to another process; None if there is none any more."""
        try:
            return there(self._started(), chunk)
        except BrokenExecutor:
            return None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A copy of this process starts at once, but must not be made while other threads hold locks.
            method = "fork" if threading.active_count() == 1 else "spawn"
            context = multiprocessing.get_context(method)
            self._pool = ProcessPoolExecutor(self._processes, context, _start, (self._desk.config,))
        return self._pool


def _as_is(results: list[Result]) -> list[Result]:
    return results

"""Workers: the desk's work on many articles, in as many processes as there are processors.

In: the configuration and items. Out: the results in the order of the items. Few items, or a single processor, are done
in this process; so is what a process that died (out of memory, say) leaves undone. The processes end with the `with`.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

from feedd.config import Config
from feedd.desk import Desk, Job, Record
from feedd.errors import Problem

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 1000
"""Items that are done sooner than other processes have started."""
_CHUNK = 100
# Chunks that may be done before their results are asked for: what waits takes memory.
_AHEAD = 8

_desk: Desk


def _start(config: Config) -> None:
    global _desk
    _desk = Desk(config)


def _records(paths: Sequence[str]) -> list[Record | Problem | None]:
    return _desk.records(paths)


def _write(jobs: Sequence[Job]) -> list[list[bytes | Problem]]:
    return _desk.write(jobs)


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
        return self._map(_records, self._desk.records, paths)

    def write(self, jobs: Sequence[Job]) -> Iterator[list[bytes | Problem]]:
        """`Desk.write` of many jobs."""
        return self._map(_write, self._desk.write, jobs)

    def _map(
        self,
        there: Callable[[Sequence[Item]], list[Result]],
        here: Callable[[Sequence[Item]], list[Result]],
        items: Sequence[Item],
    ) -> Iterator[Result]:
        chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
        if len(items) < FEW or self._processes < 2:
            for chunk in chunks:
                yield from here(chunk)
            return
        pool = self._started()
        waiting: deque[tuple[Sequence[Item], Future[list[Result]]]] = deque()
        for chunk in islice(chunks, _AHEAD):
            waiting.append((chunk, pool.submit(there, chunk)))
        while waiting:
            chunk, future = waiting.popleft()
            try:
                results = future.result()
                waiting.extend((following, pool.submit(there, following)) for following in islice(chunks, 1))
            except BrokenExecutor:
                results = here(chunk)
                waiting.extend((following, future) for following in islice(chunks, 1))
            yield from results

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A copy of this process starts at once, but must not be made while other threads hold locks.
            method = "fork" if threading.active_count() == 1 else "spawn"
            context = multiprocessing.get_context(method)
            self._pool = ProcessPoolExecutor(self._processes, context, _start, (self._desk.config,))
        return self._pool

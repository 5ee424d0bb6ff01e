"""Workers: the desk's work on many articles, in as many processes as there are processors.

In: the configuration and items. Out: the results in the order of the items. Few items, or a single processor, are done
in this process; so is what a process that died (out of memory, say) leaves undone. The processes end with the `with`.

Every process has a pipe of its own, so that its death ends what it was saying and nothing else: in the pools of the
standard library it can take a lock or half a message with it, and all wait for ever.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import msgspec

from feedd.config import Config
from feedd.content.taxonomy import Known
from feedd.desk import Desk, Job, Record
from feedd.errors import Problem

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 1000
"""Items that are done sooner than other processes have started."""
_CHUNK = 100
# Chunks that may be done before their results are asked for: what waits takes memory.
_AHEAD = 8
# Chunks that a process is given at a time, so that it need not wait while this one is busy.
_QUEUE = 2

_SIGNAL_OF_PARENTS_DEATH = 1  # Linux's PR_SET_PDEATHSIG

# Everything travels as MessagePack: pickle would run Python for every field of every dataclass. It cannot tell a record
# from a problem, so these travel apart.
_encode = msgspec.msgpack.Encoder().encode
_decode_paths = msgspec.msgpack.Decoder(list[str]).decode
_decode_records = msgspec.msgpack.Decoder(tuple[list[Record | None], dict[int, Problem]]).decode
_decode_jobs = msgspec.msgpack.Decoder(list[Job]).decode
_decode_entries = msgspec.msgpack.Decoder(list[list[bytes | Problem]]).decode


# In the other process


def _work(there: Connection, config: Config, thorough: bool, known: Known) -> None:
    """Answer until nobody asks any more."""
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If that one is killed, nobody else would end them.
    ctypes.CDLL(None).prctl(_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
    # What is made here has no cycles, and the process does not live long: looking for some would take 6 % of its time.
    gc.disable()
    desk = Desk(config, thorough, known)
    desk.get_ready()
    answer(there, desk)


def answer(there: Connection, desk: Desk) -> None:
    """Do what is asked for over a connection until its other end is closed."""
    tasks: dict[bytes, Callable[[Desk, bytes], bytes]] = {b"r": _records, b"w": _entries}
    questions: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(there, questions), daemon=True).start()
    with suppress(OSError):
        while asked := questions.get():
            there.send_bytes(tasks[asked[:1]](desk, asked[1:]))


def _listen(there: Connection, questions: "SimpleQueue[bytes]") -> None:
    """Take what is asked for off the connection at once, however long the answer before it takes: who asks and who
    answers would else wait for each other. Nothing stands for the end.
    """
    with suppress(EOFError, OSError):
        while True:
            questions.put(there.recv_bytes())
    questions.put(b"")


def _records(desk: Desk, paths: bytes) -> bytes:
    found = desk.records(_decode_paths(paths))
    problems = {place: one for place, one in enumerate(found) if isinstance(one, Problem)}
    return _encode(([None if isinstance(one, Problem) else one for one in found], problems))


def _entries(desk: Desk, jobs: bytes) -> bytes:
    return _encode(desk.write(_decode_jobs(jobs)))


# In this process


def _unpacked(data: bytes) -> list[Record | Problem | None]:
    records, problems = _decode_records(data)
    return [problems.get(place, record) for place, record in enumerate(records)]


@contextmanager
def _signals_as_they_are() -> Iterator[None]:
    """After it the same signals are blocked as before: multiprocessing lets SIGINT and SIGTERM through."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class _Worker:
    """Another process with a desk of its own; `asked` are the numbers of the chunks that it has still to answer."""

    def __init__(self, method: str, desk: Desk) -> None:
        context: Any = multiprocessing.get_context(method)
        self.connection, there = context.Pipe()
        self.asked: deque[int] = deque()
        self._process = context.Process(target=_work, args=(there, desk.config, desk.thorough, desk.known), daemon=True)
        self._process.start()
        there.close()

    def end(self) -> None:
        """End the process, whatever it is at: what it does leaves no trace."""
        self._process.kill()
        self._process.join()
        self.connection.close()


class _Chunks(Generic[Item]):
    """Items in pieces, which are numbered from 0. A piece is kept until its results are handed on, since who took it
    may die.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items, self._kept = iter(items), dict[int, list[Item]]()
        self.taken = 0

    def take(self) -> list[Item] | None:
        """The next piece, None after the last."""
        piece = list(islice(self._items, _CHUNK))
        if not piece:
            return None
        self._kept[self.taken] = piece
        self.taken += 1
        return piece

    def give_up(self, number: int) -> list[Item] | None:
        """The piece of a number, which is kept no more; None where there is none."""
        if number == self.taken:
            self.take()
        return self._kept.pop(number, None)


class Workers:
    """A desk, and processes with desks of their own once there is much to do."""

    def __init__(self, desk: Desk, processes: int | None = None) -> None:
        self._desk = desk
        self._processes = len(os.sched_getaffinity(0)) if processes is None else processes
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._dismiss(worker)

    def records(self, paths: Sequence[str]) -> Iterator[Record | Problem | None]:
        """`Desk.records` of many paths."""
        return self._map(b"r", paths, len(paths), self._desk.records, _unpacked)

    def write(self, jobs: Iterable[Job], count: int) -> Iterator[list[bytes | Problem]]:
        """`Desk.write` of that many jobs, which are asked for as they are needed."""
        return self._map(b"w", jobs, count, self._desk.write, _decode_entries)

    def _map(
        self,
        task: bytes,
        items: Iterable[Item],
        count: int,
        here: Callable[[Sequence[Item]], list[Result]],
        unpack: Callable[[bytes], list[Result]],
    ) -> Iterator[Result]:
        """The results of the items in their order, done `here` or by workers, in chunks."""
        if count >= FEW:
            self.start()
        chunks, done, number = _Chunks(items), dict[int, list[Result]](), 0
        try:
            while True:
                self._ask(task, chunks, number + _AHEAD)
                while number not in done and any(number in worker.asked for worker in self._workers):
                    done |= {place: unpack(data) for place, data in self._answers()}
                    self._ask(task, chunks, number + _AHEAD)
                chunk = chunks.give_up(number)
                if chunk is None:
                    return
                yield from done.pop(number) if number in done else here(chunk)
                number += 1
        finally:
            for worker in [worker for worker in self._workers if worker.asked]:
                self._dismiss(worker)

    def _ask(self, task: bytes, chunks: _Chunks[Any], end: int) -> None:
        """Give the next chunks, those before the number `end`, to whoever has too little to do."""
        for depth in range(_QUEUE):
            for worker in list(self._workers):
                if len(worker.asked) == depth and chunks.taken < end and (chunk := chunks.take()):
                    try:
                        worker.connection.send_bytes(task + _encode(chunk))
                    except OSError:
                        self._dismiss(worker)
                    else:
                        worker.asked.append(chunks.taken - 1)

    def _answers(self) -> Iterator[tuple[int, bytes]]:
        """What workers have done, by the number of the chunk, as soon as there is anything."""
        busy = {worker.connection: worker for worker in self._workers if worker.asked}
        ready = wait(list(busy))
        for worker in [worker for connection, worker in busy.items() if connection in ready]:
            try:
                data = worker.connection.recv_bytes()
            except (EOFError, OSError):
                self._dismiss(worker)
            else:
                yield worker.asked.popleft(), data

    def start(self) -> None:
        """Start the processes, if there are to be several, so that they are ready when there is work for them."""
        if self._processes < 2:
            return
        # A copy of this process starts at once, but must not be made while other threads hold locks.
        method = "fork" if threading.active_count() == 1 else "spawn"
        with _signals_as_they_are(), suppress(OSError):  # as many as the system allows
            while len(self._workers) < self._processes:
                self._workers.append(_Worker(method, self._desk))

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

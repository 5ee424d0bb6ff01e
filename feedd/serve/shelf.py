"""Shelf: resources that are kept in memory, as far as they fit, for one event loop.

In: the directory, and paths below it that are open to all. Out: the resource at each. A file that lies there as it was
read is not read again: one `stat` tells. Files are read in threads, each once however many ask for it. Does not know
who asks.
"""

import asyncio
import os
import stat
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import finalize

from feedd.serve.paths import KINDS, Kind, kind_of
from feedd.serve.resources import MIB, NotThere, Resource, read, reopened, stamp_of

_THREADS = 4


class Crowded(Exception):
    """Too much is being sent that is not there any more; in a while there is room again."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: of the resources that are kept; of these and of the former ones that are still being sent; of the largest
    one that is held in memory at all.
    """

    kept: int = 64 * MIB
    held: int = 256 * MIB
    largest: int = 8 * MIB


class Shelf:
    """The resources of a directory. `clock` gives seconds since the epoch. Belongs to one event loop."""

    def __init__(self, root: Path, clock: Callable[[], float], room: Room = Room()) -> None:
        self.root = root
        self._clock, self._room = clock, room
        self._kept: OrderedDict[str, Resource] = OrderedDict()
        self._size = 0
        self._held, self._freed = 0, deque[int]()  # bytes of what is alive; of what has gone, from whatever thread
        self._reading: dict[str, asyncio.Task[Resource]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "read")

    def at_hand(self, path: str, kinds: Mapping[str, Kind] = KINDS) -> Resource | None:
        """The resource at a path, if it is known and the file still is as it was, and of one of these kinds."""
        kept = self._kept.get(path)
        if kept is None or kinds.get(kept.kind.suffix) != kept.kind:
            return None
        try:
            found = os.stat(f"{self.root}/{path}")  # noqa: PTH116 - for each request
        except OSError:
            return None
        if stamp_of(found) != kept.stamp or (not kept.modified_date and self._clock() >= kept.modified + 1):
            return None
        self._kept.move_to_end(path)
        return kept

    async def find(self, path: str, kinds: Mapping[str, Kind] = KINDS) -> Resource:
        """The resource at an open path, of one of these kinds. Raises NotThere or Crowded."""
        if found := self.at_hand(path, kinds):
            return found
        self._forget(path)
        kind = kind_of(path, kinds)
        if kind is None or not self.lies(path):
            raise NotThere
        if path not in self._reading:
            self._reading[path] = asyncio.ensure_future(self._taken_in(path, kind))
        try:
            return await asyncio.shield(self._reading[path])
        finally:
            if (task := self._reading.get(path)) and task.done():
                del self._reading[path]

    def lies(self, path: str) -> bool:
        """Whether there seems to be a file at an open path."""
        with suppress(OSError, ValueError):
            return stat.S_ISREG(os.stat(f"{self.root}/{path}").st_mode)  # noqa: PTH116 - for each request
        return False

    async def _taken_in(self, path: str, kind: Kind) -> Resource:
        while self._freed:
            self._held -= self._freed.popleft()
        if self._held > self._room.held:
            raise Crowded
        loop = asyncio.get_running_loop()
        resource = await loop.run_in_executor(self._threads, self._read, path, kind)
        self._held += resource.held
        finalize(resource, self._freed.append, resource.held).atexit = False
        self._forget(path)
        self._kept[path] = resource
        self._size += resource.held
        while self._size > self._room.kept:
            self._size -= self._kept.popitem(last=False)[1].held
        return resource

    def _forget(self, path: str) -> None:
        if former := self._kept.pop(path, None):
            self._size -= former.held

    def _read(self, path: str, kind: Kind) -> Resource:
        return read(self.root, path, kind, self._clock, self._room.largest)

    def reader(self, resource: Resource) -> int:
        """A handle from which the bytes of a resource can be read that are not in memory, see `reopened`."""
        return reopened(self.root, resource)

    async def read(self, handle: int, start: int, size: int) -> bytes:
        """Bytes of a file, read in a thread: a disk may be slow."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, os.pread, handle, size, start)

    def close(self) -> None:
        """End the threads, once they have read what is asked for."""
        self._threads.shutdown()

"""Rendered: the bytes of entries as they were last written, kept so that each is written once for all feeds and runs.

In: an entry in each format, and what was told of it. Out: the same, later. Between runs it is packed, and the entries
that were used longest ago are forgotten once there is too much: they are written again when a feed needs them. Does not
write entries itself.
"""

import zlib
from collections import OrderedDict

import msgspec

from feedd.errors import Problem
from feedd.state.ledger import Told

Columns = list[bytes | Problem]
"""An entry in each format, or why it could not be written in that."""

ROOM = 24 * 1024 * 1024
"""Bytes of packed entries that are kept: some 20,000, which is every entry of 400 feeds that have 50 each."""

_LEVEL = 1  # of zlib: formats of one entry say the same, so that the quickest level makes a quarter of them
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class Rendered:
    """Entries by id, the one that was used longest ago first."""

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._size = room, 0
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._loose: dict[str, Columns] = {}
        self._packed: dict[str, bytes] = {}
        self._unwritten: set[str] = set()

    def __len__(self) -> int:
        return len(self._told)

    def __contains__(self, id: str) -> bool:
        return id in self._told

    def holds(self, id: str, told: Told) -> bool:
        """Whether an entry was written as it is told now; what some format could not write is not at hand."""
        return self._told.get(id) == told and id not in self._unwritten

    def keep(self, id: str, told: Told, columns: Columns) -> list[Problem]:
        """Keep an entry in each format; gives the problems among them."""
        self.drop(id)
        self._told[id], self._loose[id] = told, columns
        failed = [column for column in columns if isinstance(column, Problem)]
        if failed:
            self._unwritten.add(id)
        return failed

    def drop(self, id: str) -> None:
        """Forget an entry."""
        self._told.pop(id, None)
        self._loose.pop(id, None)
        self._unwritten.discard(id)
        self._size -= len(self._packed.pop(id, b""))

    def take(self, id: str) -> tuple[Told, Columns]:
        """What was told of an entry that is kept, and the entry in each format."""
        self._told.move_to_end(id)
        packed = self._packed.pop(id, None)
        if packed is not None:
            self._size -= len(packed)
            self._loose[id] = [*_decode(zlib.decompress(packed))]
        return self._told[id], self._loose[id]

    def failed(self, id: str) -> bool:
        """Whether some format could not write an entry."""
        return id in self._unwritten

    def clear(self) -> None:
        """Forget all."""
        self._size = 0
        for kept in (self._told, self._loose, self._packed, self._unwritten):
            kept.clear()

    def rest(self) -> None:
        """Take less memory, until it is needed again."""
        for id in [id for id in self._loose if id not in self._unwritten]:
            self._packed[id] = packed = zlib.compress(_encode(self._loose.pop(id)), _LEVEL)
            self._size += len(packed)
        for id in list(self._told):
            if self._size <= self._room:
                break
            self.drop(id)

"""Rendered: the bytes of entries as they were last written, kept so that each is written once for all feeds and runs.

In: an entry in each format, and what was told of it. Out: the same, later, also in another process. A cache: what is
not there is written again. Within a run entries are in memory; when the daemon rests they go to the state, packed,
which holds so many of those that were written last. Does not write entries itself.
"""

import zlib
from collections.abc import Iterable

import msgspec

from feedd.errors import Problem
from feedd.state.database import Database
from feedd.state.ledger import Told

Columns = list[bytes | Problem]
"""An entry in each format, or why it could not be written in that."""

ROOM = 50_000
"""Entries that the state keeps, some 50 MB: every entry of 1,000 feeds that have 50 each."""

_LEVEL = 1  # of zlib: formats of one entry say the same, so that the quickest level makes a quarter of them
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Told, list[bytes]]).decode


class Rendered:
    """Entries by id. `room` is how many of them the state keeps."""

    def __init__(self, database: Database, room: int = ROOM) -> None:
        self._database, self._execute, self._room = database, database.execute, room
        self._stored: bool | None = None  # whether the state holds any; None while nobody asked
        self._entries: dict[str, tuple[Told, Columns]] = {}
        self._new: set[str] = set()
        self._failed: set[str] = set()

    def __contains__(self, id: str) -> bool:
        """Whether an entry is in memory."""
        return id in self._entries

    def recall(self, id: str, told: Told) -> bool:
        """Have an entry in memory as it is told now; False if it must be written: also what failed is."""
        if id not in self._entries and self._holds_any() and (row := self._execute(_SELECT, (id,)).fetchone()):
            before, columns = _decode(zlib.decompress(row[0]))
            self._entries[id] = before, [*columns]
        known = self._entries.get(id)
        if known and known[0] == told and id not in self._failed:
            return True
        self._entries.pop(id, None)
        self._new.discard(id)
        return False

    def _holds_any(self) -> bool:
        if self._stored is None:
            self._stored = self._execute("SELECT 1 FROM rendered LIMIT 1").fetchone() is not None
        return self._stored

    def keep(self, id: str, told: Told, columns: Columns) -> list[Problem]:
        """Keep an entry in each format; gives the problems among them."""
        self._entries[id] = told, columns
        self._new.add(id)
        failed = [column for column in columns if isinstance(column, Problem)]
        (self._failed.add if failed else self._failed.discard)(id)
        return failed

    def take(self, id: str) -> tuple[Told, Columns]:
        """What was told of an entry that is in memory, and the entry in each format."""
        return self._entries[id]

    def failed(self, id: str) -> bool:
        """Whether some format could not write an entry."""
        return id in self._failed

    def drop(self, ids: Iterable[str]) -> None:
        """Forget these entries: there are more of them than are worth to be kept."""
        for id in ids:
            self._entries.pop(id, None)
            self._new.discard(id)

    def clear(self) -> None:
        """Forget all."""
        self._execute("DELETE FROM rendered")
        self._stored = False
        for held in (self._entries, self._new, self._failed):
            held.clear()

    def rest(self) -> None:
        """Move all that is in memory to the state. Raises StateError, with nothing moved and all forgotten."""
        moved = ((id, zlib.compress(_encode(self._entries[id]), _LEVEL)) for id in sorted(self._new - self._failed))
        try:
            with self._database.transaction():
                self._database.executemany("INSERT OR REPLACE INTO rendered (id, data) VALUES (?, ?)", moved)
                self._execute("DELETE FROM rendered WHERE key <= (SELECT max(key) FROM rendered) - ?", (self._room,))
        finally:
            self._stored = None
            self._entries.clear()
            self._new.clear()


_SELECT = "SELECT data FROM rendered WHERE id = ?"

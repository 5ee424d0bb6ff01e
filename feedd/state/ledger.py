"""Ledger: what was told to the world, and when. Not a cache: what is lost here cannot be found out again.

In: what subscribers see now. Out: since when, whether they saw it change, and what was withdrawn. Does not decide what
is shown. Times are whole seconds since the epoch.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from feedd.feeds.archive import Archived
from feedd.feeds.entry import Listing, Tombstone
from feedd.feeds.select import Edition
from feedd.state.database import Database

_MADE = re.compile(r"tag:([^,]*),([^:]*):")
_encode = Encoder().encode
_decode_ids = Decoder(tuple[str, ...]).decode
_decode_listing = Decoder(Listing).decode


class Told(Struct, frozen=True, gc=False):
    """What was told of one entry. `changed` is the last visible change after it was first public, `retracted` when it
    was withdrawn; `updated` is what its documents say; `hash` is of its projection.
    """

    first_public: int
    hash: bytes
    updated: int
    changed: int | None = None
    retracted: int | None = None


class KnownFeed(Struct, frozen=True):
    """A feed that was public once: what it is called, its last `updated`, when time changes it, whether it must be
    written again because that failed, how lists of feeds show it (None: not at all), a digest of what its archives say
    of it, and the ids of the entries in it.
    """

    label: str
    updated: int
    due: int | None
    stale: bool
    listing: Listing | None = None
    head: bytes = b""
    members: tuple[str, ...] = ()


class Written(Struct, frozen=True):
    """A document as it was last put into its place; `mtime` in nanoseconds."""

    feed: str
    digest: bytes
    size: int
    mtime: int


class Ledger:
    """The tables of the ledger in a database."""

    def __init__(self, database: Database) -> None:
        self._execute = database.execute
        self._executemany = database.executemany

    def told(self, id: str) -> Told | None:
        """What was told of an entry."""
        row = self._execute(
            "SELECT first_public, hash, updated, changed, retracted FROM entry WHERE id = ?", (id,)
        ).fetchone()
        return Told(*row) if row else None

    def all_told(self) -> dict[str, Told]:
        """What was told of every entry, by id."""
        rows = self._execute("SELECT id, first_public, hash, updated, changed, retracted FROM entry")
        return {id: Told(*row) for id, *row in rows}

    def tell(self, entries: Iterable[tuple[str, Told]]) -> None:
        """Keep what is told of these entries from now on."""
        self._executemany(
            "INSERT OR REPLACE INTO entry (id, first_public, hash, updated, changed, retracted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (id, told.first_public, told.hash, told.updated, told.changed, told.retracted)
                for id, told in sorted(entries)
            ),
        )

    def retract(self, id: str, now: int) -> bool:
        """Note that an entry is public nowhere any more; False if it was not public before."""
        cursor = self._execute("UPDATE entry SET retracted = ? WHERE id = ? AND retracted IS NULL", (now, id))
        return cursor.rowcount > 0

    def id_of_name(self, name: str) -> str | None:
        """The first id of any entry that ends in a name, as those do that are made from names of files."""
        query = "SELECT id FROM entry WHERE substr(id, -length(?)) = ? ORDER BY id LIMIT 1"
        row = self._execute(query, (f"/{name}", f"/{name}")).fetchone()
        return row[0] if row else None

    def public(self) -> int:
        """How many entries are public."""
        return int(self._execute("SELECT count(*) FROM entry WHERE retracted IS NULL").fetchone()[0])

    def made(self) -> Counter[tuple[str, str]]:
        """With which authority and date the ids of what is public were made, those aside that are written as `guid`."""
        query = "SELECT entry.id FROM entry JOIN file USING (id) WHERE entry.retracted IS NULL AND file.guid = 0"
        found = (_MADE.match(id) for (id,) in self._execute(query))
        return Counter((made[1], made[2]) for made in found if made)

    def retracted(self) -> list[tuple[str, int]]:
        """The ids that were withdrawn, and when."""
        return list(self._execute("SELECT id, retracted FROM entry WHERE retracted IS NOT NULL ORDER BY id"))

    def identity(self, derived: str) -> str:
        """The id of an article whose file name would give it the id `derived`: another one if it was renamed."""
        row = self._execute("SELECT id FROM identity WHERE derived = ?", (derived,)).fetchone()
        return row[0] if row else derived

    def identify(self, derived: str, id: str) -> None:
        """Remember the id of a renamed article; what its file was called in between is free again."""
        self._execute("DELETE FROM identity WHERE id = ?", (id,))
        self._execute("INSERT OR REPLACE INTO identity VALUES (?, ?)", (derived, id))

    def renames(self) -> bool:
        """Whether any article was ever renamed."""
        return self._execute("SELECT 1 FROM identity LIMIT 1").fetchone() is not None

    def feed(self, name: str) -> KnownFeed | None:
        """What is known of a feed."""
        query = "SELECT label, updated, due, stale, listing, head, members FROM feed WHERE name = ?"
        row = self._execute(query, (name,)).fetchone()
        if row is None:
            return None
        members = _decode_ids(row[6]) if row[6] else ()
        return KnownFeed(row[0], row[1], row[2], bool(row[3]), _listing(row[4]), row[5] or b"", members)

    def unlisted(self) -> set[str]:
        """The feeds of which it is not known which entries are in them: an earlier version did not keep that."""
        return {name for (name,) in self._execute("SELECT name FROM feed WHERE members IS NULL")}

    def all_members(self) -> Iterator[tuple[str, bool, tuple[str, ...]]]:
        """Every feed, whether it must be written again because that failed, and the ids of the entries in it."""
        for name, stale, members in self._execute("SELECT name, stale, members FROM feed"):
            yield name, bool(stale), _decode_ids(members) if members else ()

    def keep_feed(self, name: str, feed: KnownFeed) -> None:
        """Remember a feed."""
        listing = _encode(feed.listing) if feed.listing else None
        self._execute(
            "INSERT OR REPLACE INTO feed (name, label, updated, due, stale, listing, head, members)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, feed.label, feed.updated, feed.due, feed.stale, listing, feed.head, _encode(feed.members)),
        )

    def forget_feed(self, name: str) -> None:
        """Forget a feed, and all that was remembered for it but its documents."""
        self._execute("DELETE FROM feed WHERE name = ?", (name,))
        for table in ("archive", "tombstone", "mark", "edition"):
            self._execute(f"DELETE FROM {table} WHERE feed = ?", (name,))  # noqa: S608 - one of those above

    def listings(self) -> dict[str, Listing]:
        """The feeds that lists of feeds show, by name."""
        rows = self._execute("SELECT name, listing FROM feed WHERE listing IS NOT NULL ORDER BY name")
        return {name: _decode_listing(data) for name, data in rows}

    def feeds(self) -> list[str]:
        """The names of all feeds that were public once."""
        return [name for (name,) in self._execute("SELECT name FROM feed ORDER BY name")]

    def stale_feeds(self, now: int) -> list[str]:
        """The feeds that must be looked at again: writing them failed, or time changes them. `run.SITE` is among them
        if what is about all feeds could not be written.
        """
        rows = self._execute("SELECT name FROM feed WHERE stale OR due <= ? ORDER BY name", (now,))
        site = self._execute("SELECT '' FROM meta WHERE name = 'site-stale' UNION SELECT '' FROM doomed")
        return [name for (name,) in (*rows, *site)]

    def mark_stale(self, feed: str) -> None:
        """A feed must be looked at again, since something of it could not be written or removed."""
        self._execute("UPDATE feed SET stale = 1 WHERE name = ?", (feed,))

    def mark_site(self, stale: bool) -> None:
        """Whether what is about all feeds must be written again, since that failed."""
        if stale:
            self._execute("INSERT OR REPLACE INTO meta VALUES ('site-stale', x'')")
        else:
            self._execute("DELETE FROM meta WHERE name = 'site-stale'")

    def doubt_archive(self, feed: str, name: str) -> None:
        """An archive document of a feed must be written again: it is not as it was left."""
        self._execute("UPDATE archive SET digest = x'' WHERE feed = ? AND name = ?", (feed, name))

    def next_due(self) -> int | None:
        """The first moment at which time changes the members of a feed."""
        found: int | None = self._execute("SELECT min(due) FROM feed").fetchone()[0]
        return found

    def marks(self, feed: str) -> set[str]:
        """The ids that stay in a sticky feed."""
        return {id for (id,) in self._execute("SELECT id FROM mark WHERE feed = ?", (feed,))}

    def mark(self, feed: str, ids: Iterable[str]) -> None:
        """Keep exactly these ids as those that stay in a sticky feed."""
        self._execute("DELETE FROM mark WHERE feed = ?", (feed,))
        self._executemany("INSERT INTO mark VALUES (?, ?)", ((feed, id) for id in ids))

    def edition(self, feed: str) -> Edition | None:
        """What a feed with a schedule goes by."""
        row = self._execute("SELECT ids, due, wish FROM edition WHERE feed = ?", (feed,)).fetchone()
        return Edition(_decode_ids(row[0]), row[1], row[2]) if row else None

    def keep_edition(self, feed: str, edition: Edition | None) -> None:
        """Let a feed go by this from now on; None for one that has no schedule."""
        self._execute("DELETE FROM edition WHERE feed = ?", (feed,))
        if edition:
            ids = _encode(edition.ids)
            self._execute("INSERT INTO edition VALUES (?, ?, ?, ?)", (feed, ids, edition.due, edition.wish))

    def archives(self, feed: str) -> list[Archived]:
        """The archive documents of a feed, the oldest first."""
        query = "SELECT name, previous, count, since, id, digest FROM archive WHERE feed = ? ORDER BY name"
        return [Archived(*row) for row in self._execute(query, (feed,))]

    def archived_until(self, feed: str) -> tuple[int, str] | None:
        """The place of the newest article in the archives of a feed."""
        query = "SELECT since, id FROM archive WHERE feed = ? ORDER BY name DESC LIMIT 1"
        found: tuple[int, str] | None = self._execute(query, (feed,)).fetchone()
        return found

    def keep_archive(self, feed: str, archived: Archived) -> None:
        """Remember an archive document of a feed."""
        row = (
            feed, archived.name, archived.previous, archived.count, archived.since, archived.id, archived.digest
        )  # fmt: skip
        self._execute("INSERT OR REPLACE INTO archive VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def forget_archive(self, feed: str, name: str) -> None:
        """A feed has no such archive document any more."""
        self._execute("DELETE FROM archive WHERE feed = ? AND name = ?", (feed, name))

    def bury(self, id: str, feeds: Iterable[str], since: int) -> None:
        """Remember in which feeds an entry was that is public nowhere any more."""
        rows = ((feed, id, since) for feed in feeds)
        self._executemany("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", rows)

    def raise_up(self, id: str) -> list[str]:
        """Forget that an entry was withdrawn; gives the feeds that told so."""
        feeds = [feed for (feed,) in self._execute("SELECT feed FROM tombstone WHERE id = ? ORDER BY feed", (id,))]
        if feeds:
            self._execute("DELETE FROM tombstone WHERE id = ?", (id,))
        return feeds

    def tombstones(self, feed: str, after: int, most: int) -> tuple[Tombstone, ...]:
        """What left a feed after a moment, the newest first, so many at most; what left before is forgotten."""
        self._execute("DELETE FROM tombstone WHERE feed = ? AND since <= ?", (feed, after))
        rows = self._execute(
            "SELECT id, since FROM tombstone WHERE feed = ? ORDER BY since DESC, id LIMIT ?", (feed, most)
        )
        return tuple(Tombstone(*row) for row in rows)

    def written(self, path: str) -> Written | None:
        """A document as it was last written."""
        row = self._execute("SELECT feed, digest, size, mtime FROM document WHERE path = ?", (path,)).fetchone()
        return Written(*row) if row else None

    def all_written(self) -> Iterator[tuple[str, Written]]:
        """Every document that was written, by path."""
        for path, *row in self._execute("SELECT path, feed, digest, size, mtime FROM document ORDER BY path"):
            yield path, Written(*row)

    def below(self, folder: str) -> list[str]:
        """The paths of the documents that were written in a folder, such as `topics/ai/`."""
        end = folder[:-1] + "0"  # which follows "/"
        rows = self._execute("SELECT path FROM document WHERE path > ? AND path < ?", (folder, end))
        return [path for (path,) in rows]

    def gone(self) -> tuple[str, ...]:
        """The paths of documents that were removed."""
        return tuple(path for (path,) in self._execute("SELECT path FROM gone ORDER BY path"))

    def doom(self, path: str) -> None:
        """Remember that a document is to be removed, but could not be yet."""
        self._execute("INSERT OR IGNORE INTO doomed VALUES (?)", (path,))

    def doomed(self) -> list[str]:
        """The paths of the documents that could not be removed yet."""
        return [path for (path,) in self._execute("SELECT path FROM doomed ORDER BY path")]

    def remove(self, path: str) -> None:
        """Remember that a document was removed."""
        self._execute("DELETE FROM document WHERE path = ?", (path,))
        self._execute("DELETE FROM doomed WHERE path = ?", (path,))
        self._execute("INSERT OR IGNORE INTO gone VALUES (?)", (path,))

    def write(self, path: str, written: Written) -> None:
        """Remember a document."""
        self._execute("DELETE FROM gone WHERE path = ?", (path,))
        self._execute("DELETE FROM doomed WHERE path = ?", (path,))
        self._execute(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
            (path, written.feed, written.digest, written.size, written.mtime),
        )


def _listing(data: bytes | None) -> Listing | None:
    return _decode_listing(data) if data else None

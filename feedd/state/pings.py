"""Pings: which hubs are yet to be told of which documents. Part of the ledger: what is lost here, nobody is told.

In: documents that changed, and what came of telling a hub. Out: what is still to be told, and which hubs do not take
it. One document waits once for each hub, however often it changes before that is told. The command of `[hooks]` is told
like a hub, but of all documents at once. Decides neither when something is told nor how often: that is
`publish/websub.py` and `service/hook.py`. Moments are seconds since the epoch.
"""

from collections.abc import Collection, Iterable

from msgspec import Struct

from feedd.state.database import Database

HOOK = "hook"
"""Stands for the command of `[hooks]` where else the address of a hub does."""

_OF_HUBS = f"hub <> '{HOOK}'"


class Ping(Struct, frozen=True):
    """A hub is to be told that the document at `path` changed. `since` is when it last did, `tries` how often it
    answered that to no effect. A document that changes again has a ping with another `key`.
    """

    key: int
    path: str
    hub: str
    since: int
    tries: int = 0


class Trouble(Struct, frozen=True):
    """A hub that has taken nothing `since` a moment. `tries` is how often in a row it could not be reached: while that
    is not 0, it is left alone until `due`. `error` is what was wrong last.
    """

    hub: str
    since: int
    tries: int
    due: float
    error: str


class Waiting(Struct, frozen=True):
    """How many documents a hub is to be told of, of which the first changed at the moment `since`."""

    hub: str
    count: int
    since: int


class Gathered(Struct, frozen=True):
    """The documents that the command is to be told of, in order; `last` is the greatest key of their pings."""

    last: int
    paths: tuple[str, ...]


class Pings:
    """The tables of pings in a database."""

    def __init__(self, database: Database) -> None:
        self.transaction = database.transaction
        self._execute = database.execute
        self._executemany = database.executemany

    def note(self, paths: Iterable[str], hubs: Iterable[str], now: int) -> None:
        """These documents changed: each hub is to be told, afresh if it was to be told before."""
        hubs = tuple(hubs)
        rows = ((path, hub, now) for path in paths for hub in hubs)
        self._executemany("INSERT OR REPLACE INTO ping (path, hub, since) VALUES (?, ?, ?)", rows)

    def forget(self, paths: Iterable[str]) -> None:
        """These documents are no more: no hub is to be told of them."""
        self._executemany(f"DELETE FROM ping WHERE path = ? AND {_OF_HUBS}", ((path,) for path in paths))  # noqa: S608

    def keep_to(self, hubs: Collection[str]) -> int:
        """Forget all other hubs; gives how many of them there were."""
        known = {hub for (hub,) in self._execute("SELECT hub FROM ping UNION SELECT url FROM hub")} - {HOOK}
        for hub in (others := known.difference(hubs)):
            self.dismiss(hub)
        return len(others)

    def dismiss(self, hub: str) -> None:
        """A hub, or the command, is to be told of nothing any more."""
        self._execute("DELETE FROM ping WHERE hub = ?", (hub,))
        self.settle(hub)

    def gathered(self) -> Gathered | None:
        """What the command is to be told of, None if that is nothing."""
        rows = self._execute("SELECT path, key FROM ping WHERE hub = ? ORDER BY path", (HOOK,)).fetchall()
        return Gathered(max(key for _, key in rows), tuple(path for path, _ in rows)) if rows else None

    def taken(self, gathered: Gathered) -> None:
        """The command was told of what was gathered. Documents that changed since are to be told again."""
        self._execute("DELETE FROM ping WHERE hub = ? AND key <= ?", (HOOK, gathered.last))

    def ready(self, hub: str, now: float, most: int, horizon: float, but: Collection[str] = ()) -> list[Ping]:
        """What a hub can be told now, so many at most, first what was tried least and the longest ago: no documents in
        `but`, and none that waits for a later moment, unless that is beyond `horizon`, which says that the clock was
        set back.
        """
        rows = self._execute(
            "SELECT key, path, hub, since, tries FROM ping WHERE hub = ? AND (due <= ? OR due > ?)"
            " ORDER BY tries, due, key LIMIT ?",
            (hub, now, horizon, most + len(but)),
        )
        return [ping for row in rows if (ping := Ping(*row)).path not in but][:most]

    def done(self, ping: Ping) -> None:
        """A ping is not to be told any more. A later change of its document is."""
        self._execute("DELETE FROM ping WHERE key = ?", (ping.key,))

    def put_off(self, ping: Ping, due: float) -> None:
        """A ping was told in vain, and is to be told again at a moment."""
        self._execute("UPDATE ping SET tries = tries + 1, due = ? WHERE key = ?", (due, ping.key))

    def put_back(self, ping: Ping, now: float) -> None:
        """A ping did not get to its hub: it counts as not tried, but others come first."""
        self._execute("UPDATE ping SET due = ? WHERE key = ?", (now, ping.key))

    def expire(self, hub: str, before: float) -> int:
        """Forget what a hub was to be told of documents that last changed before a moment; gives how many."""
        return self._execute("DELETE FROM ping WHERE hub = ? AND since < ?", (hub, before)).rowcount

    def waiting(self) -> list[Waiting]:
        """What hubs are still to be told, hub by hub."""
        query = f"SELECT hub, count(*), min(since) FROM ping WHERE {_OF_HUBS} GROUP BY hub ORDER BY hub"  # noqa: S608
        return [Waiting(*row) for row in self._execute(query)]

    def waiting_for_hook(self) -> Waiting | None:
        """What the command is still to be told; None if that is nothing."""
        query = "SELECT hub, count(*), min(since) FROM ping WHERE hub = ? GROUP BY hub"
        row = self._execute(query, (HOOK,)).fetchone()
        return Waiting(*row) if row else None

    def any(self) -> bool:
        """Whether there is anything to tell hubs."""
        query = f"SELECT 1 FROM ping WHERE {_OF_HUBS} LIMIT 1"  # noqa: S608 - no text from outside
        return self._execute(query).fetchone() is not None

    def troubles(self) -> dict[str, Trouble]:
        """The hubs that took nothing when they were last told something."""
        rows = self._execute("SELECT url, since, tries, due, error FROM hub ORDER BY url")
        return {row[0]: Trouble(*row) for row in rows if row[0] != HOOK}

    def trouble_of_hook(self) -> Trouble | None:
        """How it stands with the command if it failed when it was last told something."""
        row = self._execute("SELECT url, since, tries, due, error FROM hub WHERE url = ?", (HOOK,)).fetchone()
        return Trouble(*row) if row else None

    def trouble(self, trouble: Trouble) -> None:
        """Remember what is wrong with a hub."""
        row = (trouble.hub, trouble.since, trouble.tries, trouble.due, trouble.error)
        self._execute("INSERT OR REPLACE INTO hub VALUES (?, ?, ?, ?, ?)", row)

    def settle(self, hub: str) -> None:
        """Nothing is wrong with a hub."""
        self._execute("DELETE FROM hub WHERE url = ?", (hub,))

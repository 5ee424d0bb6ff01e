"""Database: the one SQLite file of the state, opened so that it never stops publishing.

In: the state directory. Out: a `Database` with the tables of the index and the ledger, and what is wrong with it. A
file that is corrupt is put aside and replaced; one that is locked, or in a place that cannot be written, is copied into
memory as far as it can be read, and the run goes on from there. Does not know what the rows mean.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from feedd.config import STATE_MODE
from feedd.errors import Problem, StateError

FILE = "feedd.sqlite3"
VERSION = 4
"""Of the tables below. Files with a version that is not known are put aside like corrupt ones."""
_FORMER = {3}
"""Versions that lack nothing but tables and columns which `_UPGRADE` adds."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

-- The index: what was parsed from which file. A cache.
CREATE TABLE IF NOT EXISTS file (
    key INTEGER PRIMARY KEY, path TEXT NOT NULL, stamp BLOB NOT NULL, state TEXT NOT NULL,
    id TEXT, guid INTEGER, story INTEGER, public INTEGER, since INTEGER, until INTEGER, modified INTEGER,
    traits BLOB, look BLOB, links BLOB, rival TEXT
);
-- With the stamp, so that a scan reads all of them without reading the rest.
CREATE INDEX IF NOT EXISTS file_path ON file (path, stamp);
CREATE INDEX IF NOT EXISTS file_id ON file (id) WHERE id IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_story ON file (story) WHERE story IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_modified ON file (modified) WHERE modified > since;
CREATE INDEX IF NOT EXISTS file_rival ON file (rival) WHERE rival IS NOT NULL;
CREATE TABLE IF NOT EXISTS article (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS address (story INTEGER, key INTEGER, PRIMARY KEY (story, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS address_key ON address (key);
CREATE TABLE IF NOT EXISTS related (story INTEGER, key INTEGER, PRIMARY KEY (story, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problem (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
-- Entries as they were last written, a cache as well; the greatest keys are the latest.
CREATE TABLE IF NOT EXISTS rendered (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, data BLOB NOT NULL);

-- The ledger: what was told to the world and when. Not a cache.
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY, first_public INTEGER NOT NULL, hash BLOB NOT NULL, updated INTEGER NOT NULL,
    changed INTEGER, retracted INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (derived TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed (
    name TEXT PRIMARY KEY, label TEXT NOT NULL, updated INTEGER NOT NULL, due INTEGER, stale INTEGER NOT NULL DEFAULT 0,
    listing BLOB, head BLOB, members BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive (
    feed TEXT, name TEXT, previous TEXT NOT NULL, count INTEGER NOT NULL, since INTEGER NOT NULL, id TEXT NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (feed, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone (feed TEXT, id TEXT, since INTEGER NOT NULL, PRIMARY KEY (feed, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tombstone_id ON tombstone (id);
CREATE TABLE IF NOT EXISTS gone (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doomed (path TEXT PRIMARY KEY) WITHOUT ROWID;
-- Which hubs are yet to be told of which documents: a document that changes again gets another key. A hub is in the
-- second table while what it was last told did not get through.
CREATE TABLE IF NOT EXISTS ping (
    key INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, hub TEXT NOT NULL, since INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, UNIQUE (path, hub)
);
CREATE INDEX IF NOT EXISTS ping_next ON ping (hub, tries, due);
CREATE TABLE IF NOT EXISTS hub (
    url TEXT PRIMARY KEY, since INTEGER NOT NULL, tries INTEGER NOT NULL, due REAL NOT NULL, error TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (feed TEXT, id TEXT, PRIMARY KEY (feed, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edition (
    feed TEXT PRIMARY KEY, ids BLOB NOT NULL, due INTEGER, wish BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document (
    path TEXT PRIMARY KEY, feed TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL
) WITHOUT ROWID;
"""
_UPGRADE = """
ALTER TABLE feed ADD COLUMN listing BLOB;
ALTER TABLE feed ADD COLUMN head BLOB;
ALTER TABLE feed ADD COLUMN members BLOB;
DELETE FROM meta WHERE name = 'settings';
"""
"""After which everything is looked at anew."""

# A first run of 20,000 articles fits; SQLite's own 2 MiB would be written out and read back again and again.
_CACHE_KIB = 65536
# A reader (backup, status) holds the file for moments; longer than this, work goes on in memory.
_PATIENCE_S = 2.0
# What SQLite says of the place and not of the file: all else than these means that the file is damaged.
_PASSING = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
}  # fmt: skip


class Database:
    """A connection, and the problems met when it was made. `path` is the file that it ought to lead to, None for one
    that is in memory on purpose; `durable` tells whether it does lead there. `unread` is why a copy is empty, and none
    of what lies there.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path | None = None,
        problems: tuple[Problem, ...] = (),
        durable: bool = False,
        unread: Problem | None = None,
    ) -> None:
        self.connection, self.path, self.problems, self.durable = connection, path, problems, durable
        self.unread = unread
        self._file = _identity(path) if path and durable else None
        self._logs = False
        self.execute = connection.execute
        self.executemany = connection.executemany

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what an exception interrupts is as if it had never been. Raises StateError where it fails."""
        try:
            self.execute("BEGIN IMMEDIATE")
            yield
            self.connection.commit()
            self._keep_log()
        except BaseException as error:
            with suppress(sqlite3.Error):
                self.connection.rollback()
            if self._is_to_blame(error):
                raise StateError(self._problem(error)) from error
            raise

    def _keep_log(self) -> None:
        """Write ahead from now on, which is quick for small changes. A new file has no log until it is first filled:
        what is appended needs none to be undone, and would be written twice.
        """
        if self.durable and not self._logs:
            with suppress(sqlite3.Error):  # while somebody reads: the next time
                self._logs = self.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)

    def _is_to_blame(self, error: BaseException) -> bool:
        """Whether an exception comes from the state: from SQLite, from rows that hold what nobody wrote there, or from
        anything else while the file is in disorder.
        """
        if isinstance(error, sqlite3.ProgrammingError):
            return False
        return isinstance(error, sqlite3.Error | msgspec.DecodeError) or (
            isinstance(error, Exception) and not _is_sound(self.connection)
        )

    def _problem(self, error: BaseException) -> Problem:
        file = str(self.path or "")
        return _damaged(str(error), file) if _is_damage(error) else _unusable("written", error, file)

    def rescued(self, error: StateError, blank: bool = False) -> "Database":
        """The database to go on with after an error, in place of this one. Never raises.

        A damaged file is replaced by a new one; what cannot be written is copied into memory, or not even that if
        `blank`.
        """
        self.close()
        if self.path and self.durable and error.problem.kind == DAMAGED and not blank:
            return _replaced(self.path, error.problem.what, 0)
        connection = _in_memory(self.path) if self.path and not blank else _blank()
        return Database(connection, self.path, (error.problem,))

    def reopened(self) -> "Database | None":
        """The database in its file, if this one is not in it (any more) and the file can be used; this one is closed
        then. What was only in memory is forgotten. Never raises.
        """
        if self.path is None or (self.durable and self._file == _identity(self.path)):
            return None
        try:
            database = _in_file(self.path, 0)
        except _TROUBLE:
            return None
        self.close()
        return database

    def get(self, name: str) -> bytes | None:
        """A value of the table of single values."""
        row = self.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set(self, name: str, value: bytes) -> None:
        """Keep a value under a name."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def copied(self) -> "Database":
        """A copy in memory of one that no transaction changes at the moment."""
        connection = _connect(":memory:", 0)
        self.connection.backup(connection)
        return Database(connection, unread=self.unread)

    def rest(self) -> None:
        """Take less memory, until it is used again."""
        with suppress(sqlite3.Error):
            self.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self.connection.close()


_TROUBLE = (OSError, ValueError, sqlite3.Error)  # ValueError: a path that no file can have


def open_database(folder: Path | None, patience: float = _PATIENCE_S) -> Database:
    """The database in a state directory, made where there is none; in memory without one. Never raises.

    `patience` is how many seconds to wait for another process that writes there.
    """
    if folder is None:
        return Database(_blank())
    path = folder / FILE
    try:
        return _in_file(path, patience)
    except _TROUBLE as error:
        return Database(_in_memory(path), path, (_unusable("used", error, str(path)),))


def open_copy(folder: Path) -> Database:
    """A copy in memory of the database in a state directory, to try things out on; what is written there is lost. One
    that cannot be had is empty, and says why in `unread` unless there is nothing. Never raises.
    """
    path = folder / FILE
    try:
        return Database(_copied_from(path))
    except _TROUBLE as error:
        return Database(_blank(), unread=_unread(path, error))


def _unread(path: Path, error: Exception) -> Problem | None:
    """Why a file could not be copied; None if there is no such file."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _TROUBLE as trouble:
        error = trouble
    if isinstance(error, sqlite3.DatabaseError) and _is_damage(error):
        what = f"cannot be used: {error}; a run puts it aside and begins a new one"
        return Problem(DAMAGED, what, RESTORE, str(path), field="state.path")
    remedy = "Run this as a user who may read it, such as `sudo -u feedd`; if a first run is filling it, wait for that."
    why = getattr(error, "strerror", None) or error
    return Problem("state-unread", f"cannot be read: {why}", remedy, str(path), field="state.path")


def _in_file(path: Path, patience: float) -> Database:
    """The database in its file, a new one if that is damaged. Raises one of _TROUBLE where the place is of no use."""
    path.parent.mkdir(STATE_MODE, parents=True, exist_ok=True)
    try:
        return Database(_for_writing(path, patience), path, durable=True)
    except sqlite3.Error as error:
        if _is_damage(error):
            return _replaced(path, str(error), patience)
        raise


def _is_damage(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF not in _PASSING


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name."""
    try:
        status = path.stat()
    except _TROUBLE:
        return None
    return status.st_dev, status.st_ino


def _connect(place: str, patience: float) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=patience, isolation_level=None, check_same_thread=False)


def _for_writing(path: Path, patience: float) -> sqlite3.Connection:
    connection = _connect(str(path), patience)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        return _prepared(connection)
    except BaseException:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, VERSION, *_FORMER}:
        raise sqlite3.DatabaseError(f"it is of version {version}, this feedd knows {VERSION}")
    if version != VERSION:
        upgrade = _UPGRADE if version else ""
        connection.executescript(f"BEGIN; {upgrade} {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    return connection


def _blank() -> sqlite3.Connection:
    return _prepared(_connect(":memory:", 0))


def _in_memory(path: Path) -> sqlite3.Connection:
    """A copy in memory of what can be read there, so that the memory of the ledger is not lost for this run."""
    with suppress(*_TROUBLE):
        return _copied_from(path)
    return _blank()


def _copied_from(path: Path) -> sqlite3.Connection:
    """A copy of a file, beside which nothing is made. Raises one of _TROUBLE."""
    wal, shared, journal = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
    if _identity(wal) and not _identity(shared):
        # SQLite would make the latter. Nobody uses a file without it, so that both can be read elsewhere.
        import shutil  # late: a process has to be killed for it
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="feedd-") as folder:
            for one in (path, wal):
                shutil.copyfile(one, Path(folder, one.name))
            return _copied(Path(folder, path.name).as_uri())
    # With neither, SQLite would make a WAL beside the file just to read it, unless it is told that nobody changes it. A
    # file that somebody is filling for the first time has a journal, and cannot be read yet.
    begun = _identity(wal) or _identity(journal)
    return _copied(f"{path.absolute().as_uri()}?mode=ro" + ("" if begun else "&immutable=1"))


def _copied(address: str) -> sqlite3.Connection:
    """A copy of the database at an address."""
    connection = _connect(":memory:", 0)
    try:
        old = sqlite3.connect(address, timeout=0.1, uri=True, isolation_level=None)
        try:
            # Without a transaction of its own, a copy waits for ever for a file that is locked.
            old.execute("BEGIN")
            old.execute("SELECT 1 FROM sqlite_master").fetchone()
            old.backup(connection)
        finally:
            old.close()
        return _prepared(connection)
    except BaseException:
        connection.close()
        raise


def _is_sound(connection: sqlite3.Connection) -> bool:
    try:
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _replaced(path: Path, why: str, patience: float) -> Database:
    """A new database in the place of a damaged one, which is kept under another name."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    what = f"cannot be used: {why}; kept as {aside.name}, a new one was begun"
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return Database(_for_writing(path, patience), path, (_damaged(what, str(path)),), durable=True)
    except _TROUBLE as again:
        return Database(_in_memory(path), path, (_unusable("used", again, str(path)),))


DAMAGED = "state-damaged"
"""The kind of the problem of a state that is not usable as it is, wherever it lies."""

RESTORE = "Restore a backup first: in a new one, what was told before is forgotten."
"""What to do about such a state before a run puts it aside."""


def _damaged(what: str, file: str) -> Problem:
    remedy = "Put a backup in its place to have back what was told before; else delete the old file in time."
    return Problem(DAMAGED, what, remedy, file, field="state.path")


def _unusable(how: str, error: BaseException, file: str) -> Problem:
    what = f"cannot be {how}: {getattr(error, 'strerror', None) or error}"
    remedy = "Mend the place or its permissions; until then feedd works from memory and forgets at its end."
    return Problem("state-unusable", what, remedy, file, field="state.path")

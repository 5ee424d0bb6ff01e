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

from feedd.errors import Problem, StateError

FILE = "feedd.sqlite3"
VERSION = 1
"""Of the tables below. Files with another version are put aside like corrupt ones."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

-- The index: what was parsed from which file. A cache.
CREATE TABLE IF NOT EXISTS file (
    key INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, stamp BLOB NOT NULL, state TEXT NOT NULL,
    id TEXT, guid INTEGER, story INTEGER, public INTEGER, since INTEGER, until INTEGER, modified INTEGER,
    traits BLOB, look BLOB, links BLOB, rival TEXT
);
CREATE INDEX IF NOT EXISTS file_id ON file (id) WHERE id IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_story ON file (story) WHERE story IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_rival ON file (rival) WHERE rival IS NOT NULL;
CREATE TABLE IF NOT EXISTS article (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS related (story INTEGER, key INTEGER, PRIMARY KEY (story, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problem (key INTEGER PRIMARY KEY, data BLOB NOT NULL);

-- The ledger: what was told to the world and when. Not a cache.
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY, first_public INTEGER NOT NULL, hash BLOB NOT NULL, updated INTEGER NOT NULL,
    changed INTEGER, retracted INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (derived TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed (
    name TEXT PRIMARY KEY, label TEXT NOT NULL, updated INTEGER NOT NULL, due INTEGER, stale INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (feed TEXT, id TEXT, PRIMARY KEY (feed, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document (
    path TEXT PRIMARY KEY, feed TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL
) WITHOUT ROWID;
"""

# The rows of a first run of 20,000 articles; with SQLite's own 2 MiB that run took three times as long (measured).
_CACHE_KIB = 65536
# A reader (backup, status) holds the file for moments; longer than this, work goes on in memory.
_PATIENCE_S = 2.0


class Database:
    """A connection, and the problems met when it was opened. `durable` tells whether it outlives the process."""

    def __init__(self, connection: sqlite3.Connection, problems: tuple[Problem, ...] = ()) -> None:
        self.connection = connection
        self.problems = problems
        self.execute = connection.execute
        self.executemany = connection.executemany

    @property
    def durable(self) -> bool:
        """Whether what is written here is there at the next start."""
        return not self.problems

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what an exception interrupts is as if it had never been. Raises StateError where it fails."""
        try:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self.connection.rollback()
                raise
            self.connection.commit()
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self.connection.rollback()
            raise StateError(_unusable(f"cannot be written: {error}", "")) from error

    def get(self, name: str) -> bytes | None:
        """A value of the table of single values."""
        row = self.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set(self, name: str, value: bytes) -> None:
        """Keep a value under a name."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def open_database(folder: Path | None, patience: float = _PATIENCE_S) -> Database:
    """The database in a state directory, made where there is none; in memory without one. Never raises."""
    if folder is None:
        return Database(_prepared(_connect(":memory:", 0)))
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Database(_for_writing(path, patience))
    except (OSError, sqlite3.OperationalError) as error:
        return Database(_in_memory(path), (_unusable(str(error), str(path)),))
    except sqlite3.DatabaseError as error:
        return _replaced(path, error, patience)


def open_copy(folder: Path) -> Database:
    """A copy in memory of the database in a state directory, to try things out on; what is written there is lost."""
    return Database(_in_memory(folder / FILE))


def _connect(place: str, patience: float) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=patience, isolation_level=None, check_same_thread=False)


def _for_writing(path: Path, patience: float) -> sqlite3.Connection:
    connection = _connect(str(path), patience)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
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
    if version not in {0, VERSION}:
        raise sqlite3.DatabaseError(f"it is of version {version}, this feedd knows {VERSION}")
    if version == 0:
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    return connection


def _in_memory(path: Path) -> sqlite3.Connection:
    """A copy in memory of what can be read there, so that the memory of the ledger is not lost for this run."""
    connection = _connect(":memory:", 0)
    if path.is_file():
        with suppress(sqlite3.Error):
            old = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.1)
            try:
                old.backup(connection)
            finally:
                old.close()
    try:
        return _prepared(connection)
    except sqlite3.Error:
        connection.close()
        return _prepared(_connect(":memory:", 0))


def _replaced(path: Path, error: sqlite3.Error, patience: float) -> Database:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    what = f"cannot be used: {error}; kept as {aside.name}, a new one was begun"
    problem = Problem("state-damaged", what, "Nothing to do; delete the old file when nobody needs it.", str(path))
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        connection = _for_writing(path, patience)
    except (OSError, sqlite3.Error) as again:
        return Database(_in_memory(path), (_unusable(str(again), str(path)),))
    database = Database(connection)
    database.problems = (problem,)
    return database


def _unusable(what: str, file: str) -> Problem:
    remedy = "Mend the place or its permissions; until then feedd works from memory and forgets at its end."
    return Problem("state-unusable", what, remedy, file, field="state.path")

"""The database: opened whatever lies there, all or nothing, and back in its file as soon as that can be used."""

import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.errors import StateError
from feedd.state.database import FILE, VERSION, Database, open_copy, open_database
from feedd.testing import bound_by_permissions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state directory with a database that remembers one value."""
    folder = tmp_path / "state"
    with closing(open_database(folder)) as database, database.transaction():
        database.set("name", b"value")
    return folder


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with closing(open_database(folder, patience=0)) as database:
        yield database


def kinds(database: Database) -> list[str]:
    return [problem.kind for problem in database.problems]


def error(kind: str) -> StateError:
    """An error as a transaction raises it."""
    with closing(open_database(None)) as database, pytest.raises(StateError) as raised, database.transaction():
        database.execute("SELECT * FROM no_such_table")
    assert raised.value.problem.kind == kind
    return raised.value


# Opening


def test_values_outlive_the_process(database: Database) -> None:
    assert database.durable
    assert database.problems == ()
    assert database.get("name") == b"value"
    assert database.get("other") is None


def test_copy_of_a_file_that_is_being_filled_is_empty_and_no_problem(tmp_path: Path) -> None:
    with closing(open_database(tmp_path, patience=0)) as database:
        database.execute("PRAGMA cache_size = 10")
        with database.transaction():
            for number in range(1000):
                database.set(str(number), b"x" * 1000)  # more than the cache holds, so that pages are written
            with closing(open_copy(tmp_path)) as copy:
                found = copy.get("999"), copy.problems, copy.execute("PRAGMA integrity_check").fetchone()
                unread = copy.unread
    with closing(open_copy(tmp_path)) as copy:
        assert copy.get("999") == b"x" * 1000

    assert found == (None, (), ("ok",))
    assert unread is not None
    assert "if a first run is filling it, wait for that" in unread.remedy


def test_file_is_written_ahead_of_once_it_was_filled(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as database:
        before = database.execute("PRAGMA journal_mode").fetchone()
        with database.transaction():
            database.set("name", b"value")
        after = database.execute("PRAGMA journal_mode").fetchone()

    assert (before, after) == (("delete",), ("wal",))


def test_reader_who_comes_just_then_puts_that_off(tmp_path: Path) -> None:
    readers: list[sqlite3.Connection] = []

    def come(statement: str) -> None:
        if "journal_mode = WAL" in statement and not readers:
            readers.append(sqlite3.connect(tmp_path / FILE, isolation_level=None))
            readers[0].execute("BEGIN")
            readers[0].execute("SELECT * FROM meta").fetchall()

    with closing(open_database(tmp_path, patience=0)) as database:
        database.connection.set_trace_callback(come)
        with database.transaction():
            database.set("name", b"value")
        before = database.execute("PRAGMA journal_mode").fetchone()
        readers[0].close()
        with database.transaction():
            database.set("name", b"other")
        after = database.execute("PRAGMA journal_mode").fetchone()

    assert (before, after) == (("delete",), ("wal",))


def test_database_without_folder_is_in_memory_and_no_problem() -> None:
    with closing(open_database(None)) as database:
        database.set("name", b"value")
        assert (database.durable, database.problems, database.get("name")) == (False, (), b"value")
        assert database.reopened() is None


def test_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "a" / "b")) as database:
        assert database.durable
    assert (tmp_path / "a" / "b" / FILE).is_file()


def test_copy_reads_the_file_and_leaves_it_alone(folder: Path) -> None:
    before = (folder / FILE).read_bytes()
    with closing(open_copy(folder)) as copy:
        assert copy.get("name") == b"value"
        copy.set("name", b"other")
        assert copy.reopened() is None
    assert (folder / FILE).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_copy_of_nothing_is_empty_and_makes_nothing(tmp_path: Path) -> None:
    with closing(open_copy(tmp_path / "state")) as copy:
        assert copy.get("name") is None
        assert copy.unread is None
    assert list(tmp_path.iterdir()) == []


def test_copy_that_cannot_be_had_says_why(folder: Path) -> None:
    (folder / FILE).chmod(0)
    with bound_by_permissions(), closing(open_copy(folder)) as copy:
        assert copy.get("name") is None
        assert copy.unread is not None
        assert copy.unread.kind == "state-unread"
    (folder / FILE).chmod(0o600)
    (folder / FILE).write_bytes(b"no database")
    with closing(open_copy(folder)) as copy:
        assert copy.unread is not None
        assert copy.unread.kind == "state-damaged"
        assert "puts it aside" in copy.unread.what


def test_copy_of_a_copy_goes_its_own_way(folder: Path) -> None:
    with closing(open_copy(folder)) as copy, closing(copy.copied()) as other:
        other.set("name", b"other")
        assert (copy.get("name"), other.get("name")) == (b"value", b"other")


def test_copy_holds_what_another_process_has_just_written(database: Database, folder: Path) -> None:
    with database.transaction():
        database.set("name", b"later")
    with closing(open_copy(folder)) as copy:
        assert copy.get("name") == b"later"


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "a b", "é", "a&mode=memory"])
def test_any_folder_name_can_be_read_from(tmp_path: Path, name: str) -> None:
    with closing(open_database(tmp_path / name)) as database:
        database.set("name", b"value")
    with closing(open_copy(tmp_path / name)) as copy:
        assert copy.get("name") == b"value"


@pytest.mark.parametrize(
    "name", ["x" * 300, "nul\0", "\udcff", "file/below"], ids=["too long", "a NUL", "not UTF-8", "below a file"]
)
def test_impossible_place_is_worked_around(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with closing(open_database(tmp_path / name / "state", patience=0)) as database:
        database.set("name", b"value")
        assert database.get("name") == b"value"
        assert database.durable == (name == "\udcff")


def test_folder_that_cannot_be_entered_is_worked_around(folder: Path) -> None:
    folder.chmod(0)
    with bound_by_permissions(), closing(open_database(folder, patience=0)) as database:
        assert (kinds(database), database.durable) == (["state-unusable"], False)
        [problem] = database.problems
        assert problem.file == str(folder / FILE)
        assert database.reopened() is None
    folder.chmod(0o755)


def test_file_that_can_only_be_read_is_read(folder: Path) -> None:
    folder.chmod(0o555)
    (folder / FILE).chmod(0o444)
    with bound_by_permissions(), closing(open_database(folder, patience=0)) as database:
        assert (kinds(database), database.durable) == (["state-unusable"], False)
        assert database.get("name") == b"value"
    folder.chmod(0o755)


def hold(path: Path, held: "multiprocessing.connection.Connection") -> None:
    """What the other process does: write, and wait until it is told to end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        held.send("held")
        held.recv()


def test_file_that_another_process_writes_is_read_and_used_when_that_ends(folder: Path) -> None:
    here, there = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=hold, args=(folder / FILE, there))
    other.start()
    try:
        assert here.recv() == "held"
        database = open_database(folder, patience=0)
        assert (kinds(database), database.durable) == (["state-unusable"], False)
        assert "locked" in database.problems[0].what
        assert database.get("name") == b"value"
        assert database.reopened() is None
    finally:
        here.send("end")
        other.join()
    reopened = database.reopened()
    assert reopened is not None
    with closing(reopened):
        assert (reopened.durable, reopened.problems, reopened.get("name")) == (True, (), b"value")


def test_directory_in_the_place_of_the_file_is_worked_around(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with closing(open_database(tmp_path, patience=0)) as database:
        assert kinds(database) == ["state-unusable"]


def test_file_of_another_version_is_put_aside(folder: Path) -> None:
    with closing(sqlite3.connect(folder / FILE)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")

    with closing(open_database(folder)) as database:
        [problem] = database.problems
        assert (problem.kind, database.durable) == ("state-damaged", True)
        assert f"version {VERSION + 1}" in problem.what
        assert database.get("name") is None
    [aside] = folder.glob(f"{FILE}.damaged-*")
    assert aside.name in problem.what


def test_damaged_file_that_cannot_be_put_aside_is_worked_around(folder: Path) -> None:
    (folder / FILE).write_bytes(b"no database " * 100)
    folder.chmod(0o555)
    with bound_by_permissions(), closing(open_database(folder, patience=0)) as database:
        assert (kinds(database), database.durable) == (["state-unusable"], False)
        assert database.get("name") is None
    folder.chmod(0o755)


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=5000)), max_size=3),
    st.floats(0, 1),
)
def test_any_bytes_open_and_hold_values(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, bytes]], length: float
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with closing(open_database(folder)) as database:
        database.set("name", b"value")
    data = bytearray((folder / FILE).read_bytes())
    for place, junk in damage:
        start = int(place * len(data))
        data[start : start + len(junk)] = junk
    (folder / FILE).write_bytes(data[: int(length * len(data))])

    database = open_database(folder, patience=0)
    try:
        with database.transaction():
            database.set("other", b"another")
    except StateError as raised:
        database = database.rescued(raised)
        with database.transaction():
            database.set("other", b"another")
    with closing(database):
        assert database.get("other") == b"another"


# Transactions


def test_transaction_is_all_or_nothing(database: Database) -> None:
    def interrupted() -> None:
        with database.transaction():
            database.set("name", b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert database.get("name") == b"value"


def test_bug_within_a_transaction_is_raised_as_it_is(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        _ = 1 / 0
    with pytest.raises(sqlite3.ProgrammingError), database.transaction():
        database.execute("SELECT ?")


def test_transaction_on_a_closed_database_is_a_bug(database: Database) -> None:
    database.close()
    with pytest.raises(sqlite3.ProgrammingError), database.transaction():
        pass


def test_missing_table_is_damage(database: Database, folder: Path) -> None:
    with pytest.raises(StateError) as raised, database.transaction():
        database.execute("SELECT * FROM no_such_table")
    assert raised.value.problem.kind == "state-damaged"
    assert raised.value.problem.file == str(folder / FILE)


def test_row_that_cannot_be_decoded_is_damage(database: Database) -> None:
    with pytest.raises(StateError) as raised, database.transaction():
        msgspec.msgpack.decode(b"\xc1")
    assert raised.value.problem.kind == "state-damaged"


def test_any_error_while_the_file_is_in_disorder_is_damage(database: Database, folder: Path) -> None:
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (folder / FILE).open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"junk" * 2048)
    database.execute("PRAGMA cache_size = 0")
    with pytest.raises(StateError) as raised, database.transaction():
        raise TypeError("caused by a row that is not there")
    assert raised.value.problem.kind == "state-damaged"


def test_full_disk_is_not_damage(database: Database) -> None:
    database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StateError) as raised, database.transaction():
        database.set("large", os.urandom(1_000_000))
    assert raised.value.problem.kind == "state-unusable"
    assert "full" in raised.value.problem.what


# Rescue and return


def test_damaged_database_is_replaced_by_an_empty_one_in_its_place(folder: Path) -> None:
    with closing(open_database(folder).rescued(error("state-damaged"))) as rescued:
        assert (rescued.durable, kinds(rescued), rescued.get("name")) == (True, ["state-damaged"], None)
        assert rescued.reopened() is None
    assert len(list(folder.glob(f"{FILE}.damaged-*"))) == 1


def unusable(database: Database) -> StateError:
    database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StateError) as raised, database.transaction():
        database.set("large", os.urandom(1_000_000))
    return raised.value


def test_database_that_cannot_be_written_goes_on_as_a_copy_and_returns(folder: Path) -> None:
    database = open_database(folder)
    rescued = database.rescued(unusable(database))
    assert (rescued.durable, kinds(rescued), rescued.get("name")) == (False, ["state-unusable"], b"value")
    with rescued.transaction():
        rescued.set("name", b"forgotten")

    reopened = rescued.reopened()
    assert reopened is not None
    with closing(reopened):
        assert (reopened.durable, reopened.problems, reopened.get("name")) == (True, (), b"value")


def test_last_resort_is_an_empty_database_in_memory(folder: Path) -> None:
    with closing(open_database(folder).rescued(error("state-damaged"), blank=True)) as rescued:
        assert (rescued.durable, rescued.get("name")) == (False, None)
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_database_whose_file_was_deleted_is_opened_anew(database: Database, folder: Path) -> None:
    assert database.reopened() is None
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()

    reopened = database.reopened()
    assert reopened is not None
    with closing(reopened):
        assert (reopened.durable, reopened.get("name")) == (True, None)


def test_database_whose_file_was_replaced_is_opened_anew(database: Database, folder: Path, tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "backup")) as backup, backup.transaction():
        backup.set("name", b"restored")
    for suffix in ("-wal", "-shm"):
        (folder / f"{FILE}{suffix}").unlink(missing_ok=True)
    (tmp_path / "backup" / FILE).replace(folder / FILE)

    reopened = database.reopened()
    assert reopened is not None
    with closing(reopened):
        assert reopened.get("name") == b"restored"

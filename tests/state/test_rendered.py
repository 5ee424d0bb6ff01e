"""Entries as they were written last, in memory and at rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedd.errors import Problem
from feedd.state.database import Database, open_database
from feedd.state.ledger import Told
from feedd.state.rendered import Columns, Rendered

TOLD, LATER = Told(1, b"hash", 2), Told(1, b"other", 3)
ENTRY: Columns = [b"<entry>one</entry>", b"<item>one</item>"]
FAILED: Columns = [b"<entry/>", Problem("not-rendered", "holds what XML cannot carry")]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path)
    yield database
    database.close()


def test_an_entry_is_kept_as_it_was_told(database: Database) -> None:
    rendered = Rendered(database)
    assert not rendered.recall("a", TOLD)
    assert rendered.keep("a", TOLD, ENTRY) == []

    assert rendered.recall("a", TOLD)
    assert rendered.take("a") == (TOLD, ENTRY)


def test_an_entry_that_is_told_otherwise_is_written_again(database: Database) -> None:
    rendered = Rendered(database)
    rendered.keep("a", TOLD, ENTRY)

    assert not rendered.recall("a", LATER)
    assert "a" not in rendered


def test_an_entry_that_was_not_written_again_after_all_does_not_hinder_the_rest(database: Database) -> None:
    rendered = Rendered(database)
    rendered.keep("a", TOLD, ENTRY)
    rendered.keep("b", TOLD, ENTRY)
    rendered.recall("a", LATER)
    rendered.rest()

    assert rendered.recall("b", TOLD)
    assert not rendered.recall("a", LATER)


def test_what_failed_is_tried_again_and_named(database: Database) -> None:
    rendered = Rendered(database)

    assert rendered.keep("a", TOLD, FAILED) == [FAILED[1]]
    assert rendered.failed("a")
    assert not rendered.recall("a", TOLD)
    rendered.keep("a", TOLD, ENTRY)
    assert not rendered.failed("a")
    assert rendered.recall("a", TOLD)


def test_entries_outlast_a_rest_and_a_restart(database: Database, tmp_path: Path) -> None:
    rendered = Rendered(database)
    rendered.keep("a", TOLD, ENTRY)
    rendered.rest()
    assert "a" not in rendered
    assert rendered.recall("a", TOLD)
    again = open_database(tmp_path)
    other = Rendered(again)

    assert other.recall("a", TOLD)
    assert other.take("a") == (TOLD, ENTRY)
    again.close()


def test_what_failed_does_not_go_to_rest(database: Database) -> None:
    rendered = Rendered(database)
    rendered.keep("a", TOLD, FAILED)
    rendered.rest()

    assert not Rendered(database).recall("a", TOLD)


def test_another_entry_takes_the_place_of_the_one_at_rest(database: Database) -> None:
    rendered = Rendered(database)
    for told, data in ((TOLD, b"old"), (LATER, b"new")):
        rendered.keep("a", told, [data])
        rendered.rest()

    assert not Rendered(database).recall("a", TOLD)
    assert Rendered(database).recall("a", LATER)


def test_the_state_holds_no_more_than_there_is_room_for(database: Database) -> None:
    rendered = Rendered(database, room=10)
    for number in range(40):
        rendered.keep(f"{number:02}", TOLD, ENTRY)
        rendered.rest()

    assert [number for number in range(40) if rendered.recall(f"{number:02}", TOLD)] == list(range(30, 40))


def test_what_is_cleared_is_gone_everywhere(database: Database) -> None:
    rendered = Rendered(database)
    rendered.keep("a", TOLD, ENTRY)
    rendered.rest()
    rendered.keep("b", TOLD, ENTRY)
    rendered.clear()

    assert not rendered.recall("a", TOLD)
    assert not rendered.recall("b", TOLD)

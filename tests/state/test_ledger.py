"""The ledger: what was told to the world, as it is written and read back."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from feedd.feeds.select import Edition
from feedd.state.database import open_database
from feedd.state.ledger import KnownFeed, Ledger, Told, Written

TOLD = Told(first_public=1, hash=b"hash", updated=2, changed=None, retracted=None)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(open_database(None)) as database:
        yield Ledger(database)


def test_what_was_told_is_remembered(ledger: Ledger) -> None:
    assert ledger.told("a") is None
    ledger.tell([("a", TOLD), ("b", Told(1, b"other", 5, 4, 6))])

    assert ledger.told("a") == TOLD
    assert ledger.told("b") == Told(1, b"other", 5, 4, 6)
    assert ledger.all_told() == {"a": TOLD, "b": Told(1, b"other", 5, 4, 6)}
    assert (ledger.public(), ledger.retracted()) == (1, [("b", 6)])


def test_retraction_is_noted_once(ledger: Ledger) -> None:
    ledger.tell([("a", TOLD)])

    assert ledger.retract("a", 10) is True
    assert ledger.retract("a", 20) is False
    assert ledger.retract("never told", 10) is False
    assert ledger.retracted() == [("a", 10)]


def test_name_in_between_two_renames_is_free(ledger: Ledger) -> None:
    assert ledger.renames() is False
    ledger.identify("b", "a")
    ledger.identify("c", "a")
    ledger.identify("z", "y")

    assert ledger.renames() is True
    assert {name: ledger.identity(name) for name in "abcyz"} == {"a": "a", "b": "b", "c": "a", "y": "y", "z": "y"}


def test_feeds_are_remembered(ledger: Ledger) -> None:
    assert ledger.feed("all") is None
    ledger.keep_feed("topics/ai", KnownFeed("AI", 1, 9, True))
    ledger.keep_feed("all", KnownFeed("all", 1, None, False))
    ledger.keep_feed("all", KnownFeed("All", 2, 7, False))

    assert ledger.feed("all") == KnownFeed("All", 2, 7, False)
    assert ledger.feeds() == ["all", "topics/ai"]


@pytest.mark.parametrize(
    ("now", "stale"), [(6, ["failed"]), (7, ["failed", "first"]), (99, ["failed", "first", "second"])]
)
def test_feeds_that_failed_or_are_due_must_be_looked_at(ledger: Ledger, now: int, stale: list[str]) -> None:
    assert ledger.next_due() is None
    ledger.keep_feed("second", KnownFeed("", 0, 8, False))
    ledger.keep_feed("first", KnownFeed("", 0, 7, False))
    ledger.keep_feed("failed", KnownFeed("", 0, None, True))
    ledger.keep_feed("good", KnownFeed("", 0, None, False))

    assert ledger.stale_feeds(now) == stale
    assert ledger.next_due() == 7


def test_marks_are_exactly_the_last_ones_of_a_feed(ledger: Ledger) -> None:
    ledger.mark("hot", ["a", "b"])
    ledger.mark("hot", ["b", "c"])
    ledger.mark("best", ["d"])

    assert (ledger.marks("hot"), ledger.marks("best"), ledger.marks("other")) == ({"b", "c"}, {"d"}, set())


def test_a_feed_goes_by_its_last_edition(ledger: Ledger) -> None:
    ledger.keep_edition("digest", Edition(("b", "a"), 9, b"wish"))
    ledger.keep_edition("weekly", Edition((), None, b"other"))

    assert ledger.edition("digest") == Edition(("b", "a"), 9, b"wish")
    assert ledger.edition("weekly") == Edition((), None, b"other")
    ledger.keep_edition("digest", Edition(("c",), 12, b"wish"))
    ledger.keep_edition("weekly", None)
    ledger.keep_edition("never there", None)
    assert ledger.edition("digest") == Edition(("c",), 12, b"wish")
    assert ledger.edition("weekly") is None


def test_documents_are_remembered(ledger: Ledger) -> None:
    ledger.write("b.atom", Written("b", b"digest", 3, 4))
    ledger.write("a.atom", Written("a", b"old", 3, 4))
    ledger.write("a.atom", Written("a", b"new", 5, 6))

    assert ledger.written("a.atom") == Written("a", b"new", 5, 6)
    assert ledger.written("c.atom") is None
    assert [path for path, _ in ledger.all_written()] == ["a.atom", "b.atom"]

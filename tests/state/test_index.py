"""The index: what is asked of it apart from runs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from feedd.content.article import Link
from feedd.desk import Record
from feedd.state.database import open_database
from feedd.state.index import Index, Row
from feedd.testing import NOON, Site

STAMP = bytes(range(32))


@pytest.fixture
def index() -> Iterator[Index]:
    with closing(open_database(None)) as database:
        yield Index(database)


def record(path: str, **values: object) -> Record:
    return replace(Record(path, STAMP, "article", id=path, public=True, since=NOON), **values)


def relating(path: str, *stories: int) -> Record:
    links = tuple(Link(f"Story {story}", f"https://elsewhere.example/{story}", story) for story in stories)
    return record(path, links=msgspec.msgpack.encode(links), stories=stories, article=b"x")


def put_in(index: Index, *records: Record) -> None:
    index.add((record, record.id) for record in records)


def row(index: Index, path: str) -> Row:
    found = index.row(path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a_b.md", "x/a_b.md"),
        ("a_b", "x/a_b.md"),
        ("top", "top.md"),
        ("top.md", "top.md"),
        ("x/a_b", "x/a_b.md"),
        ("100%", "x/100%.md"),
        ("story", "a/story.md"),
        ("b/story", "b/story.md"),
        ("dotted.name", "x/dotted.name.md"),
        ("dotted", None),
        ("boats", "y/boats/index.md"),
        ("y/boats", "y/boats/index.md"),
        ("boats.de", "y/boats/index.de.md"),
        ("boats.md", None),
        ("index", "y/boats/index.md"),
        ("index.md", "y/boats/index.md"),
        ("y", None),
        ("b", None),
        ("tory.md", None),
        ("x", None),
        ("", None),
        ("%", None),
        ("A_B", None),
    ],
)
def test_file_is_found_by_its_name_in_any_folder(index: Index, name: str, path: str | None) -> None:
    names = ("x/a-b.md", "x/a_b.md", "top.md", "b/story.md", "a/story.md", "x/100%.md", "x/100x.md", "x/dotted.name.md")
    names += ("y/boats/index.md", "y/boats/index.de.md")
    put_in(index, *map(record, names))

    assert index.path_of_name(name) == path


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, True),
        ({"since": NOON + 1}, False),
        ({"until": NOON}, False),
        ({"until": NOON + 1}, True),
        ({"public": False}, False),
        ({"id": None, "public": False, "since": None}, False),
    ],
    ids=["public", "embargoed", "expired", "expires next", "unpublished", "no article"],
)
def test_row_tells_whether_it_is_seen(index: Index, values: dict[str, object], shown: bool) -> None:
    put_in(index, record("a.md", **values))

    assert row(index, "a.md").shown(NOON) == shown
    assert record("a.md", **values).shown(NOON) == shown


def test_unknown_file_has_no_row_and_no_stamp(index: Index) -> None:
    assert index.row("a.md") is None
    assert index.stamp("a.md") is None
    assert index.stamps() == {}


@pytest.mark.parametrize(
    ("known", "found", "same"),
    [
        (STAMP, STAMP, True),
        (b"", STAMP, True),
        (STAMP, bytes(32), False),
        (STAMP, b"", False),
        (bytes(32), bytes(32), True),
        (bytes(32), STAMP, False),
    ],
    ids=["the same", "not settled then", "another", "not settled now", "zeros", "was zeros"],
)
def test_forgotten_stamp_tells_whether_the_file_changed(index: Index, known: bytes, found: bytes, same: bool) -> None:
    put_in(index, record("a.md", stamp=known))
    assert not row(index, "a.md").read_as(found)

    for _ in range(2):
        index.forget_stamps()
        assert index.stamp("a.md") != known
        assert row(index, "a.md").read_as(found) == same


def test_first_path_keeps_an_id_and_the_stories_of_the_others_are_news(index: Index) -> None:
    second, third = record("b.md", id="same", addresses=(2, 22)), record("c.md", id="same", addresses=(3, 33))
    put_in(index, second, third, record("d.md", addresses=(4,)))
    stories, aside = index.settle("same")
    assert stories == {3, 33}
    assert [(one.kind, one.file) for one in aside] == [("duplicate-id", "c.md")]
    assert index.settle("same") == (set(), [])

    put_in(index, record("a.md", id="same", addresses=(1,)))
    stories, aside = index.settle("same")
    assert stories == {2, 22, 3, 33}
    assert [one.file for one in aside] == ["b.md", "c.md"]
    assert [holder.path for holder in index.holders("same")] == ["a.md", "b.md", "c.md"]
    assert [holder.rival for holder in index.holders("same")] == [None, "a.md", "a.md"]
    assert index.settle("d.md") == (set(), [])


def test_all_ids_can_be_settled_at_once(index: Index) -> None:
    paths = ("1/a.md", "2/a.md", "3/a.md", "2/b.md", "1/c.md", "3/b.md", "0/b.md")
    put_in(index, *(record(path, id=path[-4:]) for path in paths))
    index.settle("b.md")
    index.drop(row(index, "0/b.md").key)
    index.settle_all()

    rivals = {path: row(index, path).rival for path in index.paths(10)}
    assert rivals == {
        "1/a.md": None,
        "2/a.md": "1/a.md",
        "3/a.md": "1/a.md",
        "2/b.md": None,
        "3/b.md": "2/b.md",
        "1/c.md": None,
    }
    assert [problem.file for problem in index.problems()] == ["2/a.md", "3/a.md", "3/b.md"]


def test_articles_that_relate_to_a_story_are_known(index: Index) -> None:
    put_in(index, relating("a.md", 7, 8), relating("b.md", 8), record("c.md"))
    assert index.relating([7]) == {"a.md"}
    assert index.relating([8, 9]) == {"a.md", "b.md"}

    index.put(row(index, "a.md").key, relating("a.md", 9), "a.md")
    assert index.relating([7, 8, 9]) == {"a.md", "b.md"}
    assert index.relating([7]) == set()

    index.drop(row(index, "b.md").key)
    assert index.relating([8]) == set()


def test_files_of_a_story_are_those_with_any_address_of_it(index: Index) -> None:
    put_in(index, record("a.md", addresses=(7, 8)), record("b.md", addresses=(8,)))
    assert [row.path for row in index.of_story(7)] == ["a.md"]
    assert sorted(row.path for row in index.of_story(8)) == ["a.md", "b.md"]
    assert index.addresses(row(index, "a.md").key) == {7, 8}

    index.put(row(index, "a.md").key, record("a.md", article=b"x", addresses=(9,)), "a.md")
    assert index.of_story(7) == []
    index.drop(row(index, "b.md").key)
    assert index.of_story(8) == []


def test_cards_with_equal_traits_share_them(tmp_path: Path) -> None:
    """Most articles of a site share theirs with others; a hundred thousand copies would take memory."""
    site = Site(tmp_path)
    for name in "abc":
        site.story(f"{name}.md", topics=["AI"] if name != "c" else ["Cloud"])
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        a, b, c = sorted(pipeline.index.cards(), key=lambda card: card.id)

    assert a.traits is b.traits
    assert a.traits != c.traits


@pytest.mark.parametrize(
    ("values", "kept_by"),
    [
        ({}, "public"),
        ({"since": NOON + 1}, "embargoed"),
        ({"until": NOON + 1}, "public"),
        ({"until": NOON}, "expired"),
        ({"public": False, "since": NOON + 1}, "unpublished"),
        ({"state": "broken"}, "broken"),
        ({"state": "skipped", "public": False}, None),
        ({"state": "empty", "public": False}, None),
    ],
)
def test_articles_are_counted_by_what_keeps_them_from_being_public(
    index: Index, values: dict[str, object], kept_by: str | None
) -> None:
    put_in(index, record("a.md", **values))

    assert index.articles(NOON) == ({kept_by: 1} if kept_by else {})


def test_articles_whose_id_another_file_keeps_are_duplicates(index: Index) -> None:
    put_in(index, record("a.md", id="one"), record("b.md", id="one"), record("c.md"))
    index.settle("one")

    assert index.articles(NOON) == {"public": 2, "duplicate": 1}

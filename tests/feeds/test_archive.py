"""Archives: what no longer fits in a feed is in documents by month; closed ones change with their articles only."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from feedd.feeds.archive import MOST, Archives, arrange, count, every, has_archives, is_period, month, span, touched
from feedd.feeds.select import Card, Selection, Spec, Traits, members, place, select

TRAITS = Traits("news", "article", "en", ("ai",), "source.example")
SPEC = Spec("all", "all", limit=3)
DAY = 86400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOW = at("2024-06-01")
NONE = Archives()


def card(since: int, until: int | None = None) -> Card:
    return Card(since, f"id{since}", since, since, until, TRAITS)


def days(first: str, many: int) -> list[Card]:
    """One article a day from a day on."""
    return [card(at(first) + day * DAY) for day in range(many)]


def no_twins(card: Card) -> Iterable[Card]:
    return ()


def look(card: Card) -> bytes:
    return card.id.encode()


def chosen(shelf: Sequence[Card], spec: Spec = SPEC) -> Selection:
    return select(spec, shelf, NOW, (), no_twins)


def arranged(
    shelf: Sequence[Card],
    old: Archives = NONE,
    moments: set[int] | None = None,
    spec: Spec = SPEC,
    look: Callable[[Card], bytes] = look,
    most: int = MOST,
) -> Archives:
    """The archives of a shelf; with `moments` only what changed then is looked at."""
    selection = chosen(shelf, spec)
    documents = old.documents
    looked_at = every(shelf, documents) if moments is None else {*map(month, moments)}
    looked_at |= touched(shelf, selection, documents)

    def of(month: str) -> list[Card]:
        return members(spec, shelf, span(month), NOW, (), no_twins)

    return arrange(documents, looked_at, moments, selection, of, look, b"", most)


def ids(archives: Archives) -> list[str]:
    return [card.id for volume in archives.changed for card in reversed(volume.cards)]


def names(archives: Archives) -> list[str]:
    return [one.name for one in archives.documents]


def test_there_is_no_archive_while_everything_fits() -> None:
    assert arranged(days("2024-04-29", 3)) == Archives()


def test_months_are_archived_up_to_the_oldest_article_of_the_feed() -> None:
    archives = arranged(days("2024-04-29", 6))  # 29, 30 April, 1 May | 2, 3, 4 May

    assert names(archives) == ["2024-04", "2024-05"]
    assert [volume.archived.count for volume in archives.changed] == [2, 4]
    assert [one.previous for one in archives.documents] == ["", "2024-04"]


def test_a_month_that_the_feed_holds_whole_has_no_archive() -> None:
    assert names(arranged(days("2024-04-29", 5))) == ["2024-04"]  # 29, 30 April | 1, 2, 3 May


def test_a_new_article_leaves_closed_months_alone() -> None:
    shelf = [*days("2024-03-01", 5), *days("2024-04-01", 3)]
    old = arranged(shelf)
    new = card(at("2024-04-04"))

    archives = arranged([*shelf, new], old, {new.since})

    assert [volume.archived.name for volume in archives.changed] == ["2024-04"]
    assert archives.changed[0].archived.previous == "2024-03"


def minutes(first: str, many: int) -> list[Card]:
    """One article a minute from a day on."""
    return [card(at(first) + minute * 60) for minute in range(many)]


def test_a_month_of_too_many_articles_is_split_into_days_and_these_into_hours() -> None:
    shelf = [*minutes("2024-05-01", 60), *minutes("2024-05-02", MOST + 50), *minutes("2024-05-09", 10)]

    hours = [f"2024-05-02T0{hour}" for hour in range(5)]
    assert names(arranged(shelf)) == ["2024-05-01", *hours, "2024-05-09"]


def test_one_second_is_not_split() -> None:
    one = card(at("2024-05-01"))
    shelf = [structs.replace(one, id=f"{number:03}") for number in range(MOST + 50)]

    assert [one.count for one in arranged(shelf).documents] == [MOST + 50]
    assert names(arranged(shelf)) == ["2024-05-01T000000"]


def test_one_article_of_thousands_changes_the_document_of_its_own_period_alone() -> None:
    shelf = [one for day in range(1, 31) for one in minutes(f"2024-05-{day:02}", 100)]
    old = arranged(shelf)
    gone, new = shelf[50], card(shelf[1000].since + 1)
    after = sorted([*(one for one in shelf if one is not gone), new], key=place)
    looked: list[str] = []

    def watched(one: Card) -> bytes:
        looked.append(one.id)
        return look(one)

    archives = arranged(after, old, {gone.since, new.since}, look=watched)

    assert [volume.archived.name for volume in archives.changed] == ["2024-05-01", "2024-05-11"]
    assert len(looked) == 99 + 101, "no more is even looked at"
    assert archives.documents == arranged(after).documents


def test_what_follows_a_document_that_is_gone_names_the_one_before_that() -> None:
    shelf = [*days("2024-02-01", 2), *days("2024-03-01", 1), *days("2024-04-01", 2), *days("2024-05-01", 3)]
    old = arranged(shelf)
    without = [one for one in shelf if month(one.since) != "2024-03"]

    archives = arranged(without, old, {at("2024-03-01")})

    assert archives.gone == ("2024-03",)
    assert [(one.name, one.previous) for one in archives.documents] == [("2024-02", ""), ("2024-04", "2024-02")]
    assert [volume.archived.name for volume in archives.changed] == ["2024-04"]


def test_an_archive_goes_when_its_articles_are_in_the_feed_again() -> None:
    shelf = [*days("2024-03-01", 2), *days("2024-04-01", 3)]
    old = arranged(shelf)
    fewer = shelf[:-2]

    archives = arranged(fewer, old, {shelf[-1].since, shelf[-2].since})

    assert names(old) == ["2024-03"]
    assert archives.documents == ()
    assert archives.gone == ("2024-03",)


def test_an_article_that_looks_otherwise_changes_its_own_document_only() -> None:
    shelf = [*days("2024-02-01", 2), *days("2024-03-01", 2), *days("2024-05-01", 3)]
    old = arranged(shelf)

    def edited(one: Card) -> bytes:
        return look(one) + b"!" * (one == shelf[0])

    archives = arranged(shelf, old, {shelf[0].since}, look=edited)

    assert [volume.archived.name for volume in archives.changed] == ["2024-02"]
    assert archives.documents[1:] == old.documents[1:]


def test_what_could_not_be_written_is_written_again() -> None:
    shelf = [*days("2024-02-01", 2), *days("2024-05-01", 3)]
    old = arranged(shelf)
    failed = Archives(tuple(structs.replace(one, digest=b"") for one in old.documents))

    archives = arranged(shelf, failed, {shelf[0].since})

    assert [volume.archived for volume in archives.changed] == list(old.documents)


@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_of_articles_of_one_second_none_is_lost(limit: int, minutes: list[int]) -> None:
    spec = structs.replace(SPEC, limit=limit)
    cards = [Card(n, f"id{n}", n, at("2024-05-01") + minute, None, TRAITS) for n, minute in enumerate(minutes)]
    shelf = sorted(cards, key=place)
    in_feed, archives = [one.id for one in chosen(shelf, spec).cards], arranged(shelf, spec=spec)
    kept = [card.id for volume in archives.changed for card in volume.cards]
    assert {*in_feed, *kept} == {card.id for card in cards}
    assert bool(kept) == (len(cards) > limit)
    assert count(archives.documents, chosen(shelf, spec)) == len(cards)


def test_a_feed_that_forgets_has_no_archives() -> None:
    assert has_archives(SPEC)
    assert not has_archives(structs.replace(SPEC, max_age=DAY))
    assert not has_archives(structs.replace(SPEC, order="heat"))


def test_the_articles_of_a_feed_and_its_archives_are_counted_once() -> None:
    shelf = days("2024-04-20", 30)

    assert count(arranged(shelf).documents, chosen(shelf)) == 30
    assert count((), chosen(shelf[:2])) == 2


def test_names_of_archives_are_told_from_others() -> None:
    for name in ("2024-05", "2024-05-12", "2024-05-12T09", "2024-05-12T0930", "2024-05-12T093015", "0001-01"):
        assert is_period(name), name
    for other in ("2024-05-1", "2024-5", "all", "", "2024-05-x", "２０２４-05", "2024-13", "2024-05-12T9"):
        assert not is_period(other), other


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("2024-02", 29 * DAY),
        ("2024-05-12", DAY),
        ("2024-05-12T09", 3600),
        ("2024-05-12T0930", 60),
        ("2024-05-12T093015", 1),
    ],
)
def test_a_period_is_as_long_as_its_name_says(name: str, seconds: int) -> None:
    start, end = span(name)
    assert end - start == seconds


def test_a_month_ends_where_the_next_begins() -> None:
    for one, following in pairwise(("2023-11", "2023-12", "2024-01", "2024-02", "2024-03")):
        start, end = map(int, span(one))
        assert month(start) == month(end - 1) == one
        assert end == span(following)[0]


def test_the_last_month_of_the_calendar_has_no_end() -> None:
    assert span("9999-12")[1] == math.inf


HOURS = st.sampled_from([0, 1, 60, 3600, 7200])
DAYS = st.integers(at("2023-11-01") // DAY, at("2024-06-20") // DAY)
MOMENTS = st.builds(lambda day, after: day * DAY + after, st.sampled_from([19700, 19701, 19750]) | DAYS, HOURS)
EDITS = st.lists(st.lists(MOMENTS, max_size=4), min_size=1, max_size=6)


@given(st.lists(MOMENTS, unique=True, max_size=20), EDITS, st.integers(1, 5), st.sampled_from([1, 2, 4, MOST]))
def test_archives_after_any_edits_are_those_of_a_fresh_start(
    first: list[int], edits: list[list[int]], limit: int, most: int
) -> None:
    """Whoever looks at what changed alone comes to what he finds who looks at everything."""
    spec = structs.replace(SPEC, limit=limit)
    there = dict.fromkeys(first)
    shelf = sorted(map(card, there), key=place)
    known = arranged(shelf, spec=spec, most=most)
    for moments in edits:
        for moment in moments:  # comes, or goes if it is there
            if moment in there:
                del there[moment]
            else:
                there[moment] = None
        shelf = sorted(map(card, there), key=place)
        known = arranged(shelf, known, set(moments), spec, most=most)
        fresh = arranged(shelf, spec=spec, most=most)
        assert known.documents == fresh.documents
    public = [one.id for one in shelf if one.shown(NOW)]
    in_feed, kept = [one.id for one in reversed(chosen(shelf, spec).cards)], ids(arranged(shelf, spec=spec, most=most))
    assert kept == public[: len(kept)], "each once, the oldest first"
    assert public[len(kept) :] == in_feed[len(in_feed) - len(public[len(kept) :]) :], "the rest is in the feed"

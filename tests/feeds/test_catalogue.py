"""Catalogue: cards on shelves, kept right through any history of comings and goings."""

from collections.abc import Callable, Iterable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.feeds.catalogue import Catalogue
from feedd.feeds.select import Card, Traits, place

TOPICS = ("ai", "cars", "food")


def card(id: str, since: int = 0, until: int | None = None, story: int = 0, topics: Iterable[str] = ()) -> Card:
    return Card(ord(id[0]), id, story, since, until, Traits("news", "article", "en", tuple(topics), "source.example"))


def route(one: Card) -> list[str]:
    """Every card is in `all` and in the feeds of its topics."""
    return ["all", *one.traits.topics]


def filled(*cards: Card) -> Catalogue:
    catalogue = Catalogue(route)
    catalogue.fill(cards)
    return catalogue


def replaced(*cards: Card) -> Catalogue:
    catalogue = Catalogue(route)
    for one in cards:
        catalogue.replace(one.id, one)
    return catalogue


Made = Callable[..., Catalogue]
both_ways = pytest.mark.parametrize("made", [filled, replaced], ids=["at-once", "one-by-one"])


# Shelves


@both_ways
def test_a_shelf_is_in_order_of_publication_then_id(made: Made) -> None:
    a, b, c = card("a", 2), card("b", 1), card("c", 1)
    assert list(made(a, c, b).shelf("all")) == [b, c, a]


@both_ways
def test_a_card_is_on_the_shelves_of_the_feeds_that_admit_it(made: Made) -> None:
    a, b = card("a", topics=["ai", "cars"]), card("b", topics=["cars"])
    catalogue = made(a, b)
    assert {name: list(catalogue.shelf(name)) for name in ("all", *TOPICS)} == {
        "all": [a, b],
        "ai": [a],
        "cars": [a, b],
        "food": [],
    }
    assert sorted(catalogue.names()) == ["ai", "all", "cars"]


def test_embargoed_and_expired_cards_are_on_their_shelves() -> None:
    """Whether they are shown is asked at each selection."""
    cards = [card("a", 10**10), card("b", 0, 1)]
    assert list(filled(*cards).shelf("all")) == cards[::-1]


def test_a_changed_card_moves_to_its_new_shelves_and_place() -> None:
    catalogue = filled(card("a", 1, topics=["ai"]), card("b", 2, topics=["ai"]))
    moved = card("a", 3, topics=["cars"])
    catalogue.replace("a", moved)
    assert list(catalogue.shelf("ai")) == [card("b", 2, topics=["ai"])]
    assert list(catalogue.shelf("cars")) == [moved]
    assert [one.id for one in catalogue.shelf("all")] == ["b", "a"]
    assert catalogue.get("a") is moved


def test_a_card_that_goes_leaves_nothing_behind() -> None:
    catalogue = filled(card("a", 1, 5, topics=["ai"]))
    catalogue.replace("a", None)
    assert (len(catalogue), catalogue.names()) == (0, [])
    assert catalogue.get("a") is None
    assert list(catalogue.shelf("all")) == []
    assert catalogue.next_moment(0) is None


def test_taking_away_what_is_not_there_does_nothing() -> None:
    catalogue = filled(card("a"))
    catalogue.replace("b", None)
    assert (len(catalogue), catalogue.get("a")) == (1, card("a"))


# Twins


@both_ways
def test_twins_are_the_other_cards_of_a_story_earliest_first(made: Made) -> None:
    early, middle, late, other = card("c", 1, story=7), card("b", 2, story=7), card("a", 3, story=7), card("d", story=8)
    catalogue = made(late, other, early, middle)
    assert list(catalogue.twins(middle)) == [early, late]
    assert list(catalogue.twins(early)) == [middle, late]
    assert list(catalogue.twins(other)) == []


def test_a_twin_that_goes_is_nobody_s_twin_any_more() -> None:
    a, b, c = (card(id, story=7) for id in "abc")
    catalogue = filled(a, b, c)
    catalogue.replace("b", None)
    assert list(catalogue.twins(a)) == [c]
    catalogue.replace("c", None)
    assert list(catalogue.twins(a)) == []


def test_a_card_that_turns_to_another_story_leaves_its_twins() -> None:
    a, b, c = card("a", story=7), card("b", story=7), card("c", story=8)
    catalogue = filled(a, b, c)
    turned = card("b", story=8)
    catalogue.replace("b", turned)
    assert list(catalogue.twins(a)) == []
    assert list(catalogue.twins(c)) == [turned]


# Moments


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (9, 10, ["a"]),
        (10, 11, []),
        (8, 9, []),
        (9, 20, ["a", "b"]),
        (19, 20, ["a", "b"]),
        (20, 29, []),
        (29, 31, ["b"]),
        (10, 10, []),
        (0, 99, ["a", "b"]),
    ],
)
def test_crossing_names_who_comes_or_goes_after_the_earlier_moment_and_until_the_later(
    last: int, now: int, expected: list[str]
) -> None:
    catalogue = filled(card("a", 10, 20), card("b", 20, 30), card("c", 100))
    assert sorted(catalogue.crossing(last, now)) == expected


@pytest.mark.parametrize(("last", "now", "expected"), [(10, 9, ["a"]), (20, 10, ["a"]), (10, 10, []), (9, 8, [])])
def test_crossing_sees_a_clock_that_is_set_back(last: int, now: int, expected: list[str]) -> None:
    assert filled(card("a", 10, 20)).crossing(last, now) == expected


@pytest.mark.parametrize(("now", "expected"), [(0, 10), (9, 10), (10, 20), (19, 20), (20, None)])
def test_next_moment_is_the_first_after_now_at_which_an_article_comes_or_goes(now: int, expected: int | None) -> None:
    assert filled(card("a", 10, 20), card("b", 10)).next_moment(now) == expected


# Properties

moments = st.integers(0, 9)
cards = st.builds(
    card,
    st.sampled_from("abcdef"),
    moments,
    st.none() | moments,
    st.integers(0, 2),
    st.lists(st.sampled_from(TOPICS), unique=True, max_size=2),
)
goings = st.sampled_from([(id, None) for id in "abcdef"])
histories = st.lists(cards.map(lambda one: (one.id, one)) | goings)


def seen(catalogue: Catalogue) -> dict[str, object]:
    """All that a catalogue answers."""
    every = [one for id in "abcdef" if (one := catalogue.get(id))]
    return {
        "size": len(catalogue),
        "cards": every,
        "names": sorted(catalogue.names()),
        "shelves": {name: list(catalogue.shelf(name)) for name in ("all", *TOPICS)},
        "twins": {one.id: list(catalogue.twins(one)) for one in every},
        "crossing": {pair: sorted(catalogue.crossing(*pair)) for pair in product(range(-1, 11), repeat=2)},
        "next": [catalogue.next_moment(now) for now in range(-1, 11)],
    }


@settings(deadline=None, max_examples=60)
@given(st.sets(st.sampled_from("abcdef")), histories)
def test_after_any_history_a_catalogue_equals_a_fresh_one(
    start: set[str], history: list[tuple[str, Card | None]]
) -> None:
    final = {id: card(id, 3, story=1) for id in start}
    catalogue = filled(*final.values())
    for id, one in history:
        catalogue.replace(id, one)
        if one is None:
            final.pop(id, None)
        else:
            final[id] = one
    assert seen(catalogue) == seen(filled(*final.values()))


@settings(deadline=None, max_examples=60)
@given(st.lists(cards, unique_by=lambda one: one.id), moments, moments)
def test_whoever_is_seen_at_one_of_two_moments_only_is_crossing(some: list[Card], one: int, other: int) -> None:
    crossing = filled(*some).crossing(one, other)
    assert {each.id for each in some if each.shown(one) != each.shown(other)} <= set(crossing)
    assert len(crossing) == len(set(crossing))


@settings(deadline=None, max_examples=60)
@given(st.lists(cards, unique_by=lambda one: one.id), moments)
def test_nobody_comes_or_goes_before_the_next_moment(some: list[Card], now: int) -> None:
    following = filled(*some).next_moment(now) or 99
    assert [one.shown(now) for one in some] == [one.shown(following - 1) for one in some]


@settings(deadline=None, max_examples=30)
@given(st.lists(cards, unique_by=lambda one: one.id))
def test_shelves_are_always_sorted(some: list[Card]) -> None:
    assert list(replaced(*some).shelf("all")) == sorted(some, key=place)

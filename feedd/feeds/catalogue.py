"""Catalogue: the cards of all published articles, on the shelves of the feeds that admit them.

In: cards that come, change and go. Out: the shelf of a feed in order, the cards of one story, and the cards whose
embargo or expiry lies between two moments. Work for one card does not grow with the number of cards (but for moving
references within a list). Holds no titles, files or documents; decides nothing (`select` does).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence

from feedd.feeds.select import Card, place

Route = Callable[[Card], Iterable[str]]


class Catalogue:
    """Cards by id, by story and by feed. `route` names the feeds that admit a card (`plan.Plan.route`)."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._cards: dict[str, Card] = {}
        self._stories: dict[int, Card | list[Card]] = {}
        self._shelves: dict[str, list[Card]] = {}
        self._moments: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._cards)

    def __iter__(self) -> Iterator[Card]:
        """Every card, in no order."""
        return iter(self._cards.values())

    def fill(self, cards: Iterable[Card]) -> None:
        """Take in many cards at once, whose ids are new: quicker than one by one, since shelves are sorted once."""
        for card in cards:
            self._cards[card.id] = card
            self._add_story(card)
            self._add_moments(card, list.append)
            for name in self._route(card):
                self._shelves.setdefault(name, []).append(card)
        for shelf in self._shelves.values():
            shelf.sort(key=place)
        self._moments.sort()

    def get(self, id: str) -> Card | None:
        """The card of an article, None if its author does not publish it."""
        return self._cards.get(id)

    def replace(self, id: str, card: Card | None) -> None:
        """Let this be the card of that article from now on; None takes it away."""
        old = self._cards.pop(id, None)
        if old is not None:
            self._remove(old)
        if card is not None:
            self._cards[id] = card
            self._add_story(card)
            self._add_moments(card, insort)
            for name in self._route(card):
                insort(self._shelves.setdefault(name, []), card, key=place)

    def _remove(self, card: Card) -> None:
        for name in self._route(card):
            shelf = self._shelves[name]
            del shelf[bisect_left(shelf, place(card), key=place)]
            if not shelf:
                del self._shelves[name]
        for moment in _moments(card):
            index = bisect_left(self._moments, (moment, card.id))
            del self._moments[index]
        held = self._stories.pop(card.story)
        rest = [other for other in held if other is not card] if isinstance(held, list) else []
        if rest:
            self._stories[card.story] = rest if len(rest) > 1 else rest[0]

    def _add_story(self, card: Card) -> None:
        held = self._stories.get(card.story)
        if held is None:
            self._stories[card.story] = card
        elif isinstance(held, list):
            insort(held, card, key=place)
        else:
            self._stories[card.story] = sorted((held, card), key=place)

    def _add_moments(self, card: Card, add: Callable[[list[tuple[int, str]], tuple[int, str]], None]) -> None:
        for moment in _moments(card):
            add(self._moments, (moment, card.id))

    def shelf(self, name: str) -> Sequence[Card]:
        """The cards that a feed admits, in the order of `select.place`, those under embargo or expired included."""
        return self._shelves.get(name, ())

    def names(self) -> list[str]:
        """The feeds that admit at least one card."""
        return list(self._shelves)

    def twins(self, card: Card) -> Iterable[Card]:
        """The other cards of the same story, the earliest first; also of a card that is not held any more."""
        held = self._stories.get(card.story)
        if held is card or held is None:
            return ()
        return (other for other in held if other is not card) if isinstance(held, list) else (held,)

    def crossing(self, one: int, other: int) -> list[str]:
        """The ids of the articles that come or go at a moment after the earlier of two and not after the later."""
        low, high = sorted((one, other))
        start, end = (bisect_left(self._moments, (moment + 1, "")) for moment in (low, high))
        return list(dict.fromkeys(id for _, id in self._moments[start:end]))

    def next_moment(self, now: int) -> int | None:
        """The first moment after `now` at which an article comes or goes."""
        index = bisect_left(self._moments, (now + 1, ""))
        return self._moments[index][0] if index < len(self._moments) else None


def _moments(card: Card) -> tuple[int, ...]:
    return (card.since,) if card.until is None else (card.since, card.until)

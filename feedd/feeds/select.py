"""Selection: which articles are in which feed at a given moment, and when that changes next.

In: cards (what selection needs to know of an article), specs (what a feed wants), `now`. Out: cards in order, and the
next moment at which the answer would differ. Pure: the rules below are the only place that decides; `explain` asks the
same rules. Does not know titles' markup, files, or formats. Times are whole seconds since the epoch.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
from datetime import UTC, datetime
from hashlib import blake2b
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import asdict, replace

from feedd.content.text import key
from feedd.cron import Cron


def seen(since: int, until: int | None, now: int) -> bool:
    """Whether what is public from `since` on, and before `until` if there is one, is public at a moment."""
    return since <= now and (until is None or now < until)


class Traits(NamedTuple):
    """What feeds select by. `topics` are slugs, `provider` is a file name; `title`, `quality` and `heat` are only
    filled in where some feed selects by them. `icon` is the provider's picture, which only the head of a feed shows.
    `filters` are the names of those that let it pass, of those that some feed names.
    """

    collection: str
    type: str
    language: str
    topics: tuple[str, ...]
    provider: str
    quality: int = 0
    heat: int = 0
    title: str = ""
    icon: str = ""
    filters: tuple[str, ...] = ()


class Card(Struct, frozen=True, gc=False):
    """What selection knows of an article that its author published: where it belongs, and from when until when.

    `key` leads to the article in the index, `story` stands for its canonical address.
    """

    key: int
    id: str
    story: int
    since: int
    until: int | None
    traits: Traits

    def shown(self, now: int) -> bool:
        """Whether the article is public at that moment: its embargo is over, and it has not expired."""
        return seen(self.since, self.until, now)


place: Callable[[Card], tuple[int, str]] = attrgetter("since", "id")
"""The place of a card among others: by publication, ties by id."""


class Spec(Struct, frozen=True):
    """What one feed wants. An empty set wants anything; `max_age` is in seconds; times and topics as in `Card`. With a
    `schedule` articles enter at its moments only.
    """

    name: str
    kind: str
    title: str = ""
    description: str = ""
    collections: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    all_topics: frozenset[str] = frozenset()
    not_topics: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    not_providers: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    title_contains: tuple[str, ...] = ()
    min_quality: int | None = None
    min_heat: int | None = None
    max_age: int | None = None
    limit: int = 50
    order: str = "newest"
    schedule: Cron | None = None
    filters: frozenset[str] = frozenset()

    @property
    def wish(self) -> bytes:
        """A digest of all that decides on the members."""
        decides = {name: value for name, value in asdict(self).items() if name not in _WORDS}
        values = [(name, value) for name, value in decides.items() if value or name != _NEW]
        plain = [(name, sorted(value) if isinstance(value, frozenset) else value) for name, value in values]
        return blake2b(repr(plain).encode(), digest_size=16).digest()

    @property
    def sticky(self) -> bool:
        """Whether an article stays once it was in, although its quality or heat falls again."""
        return self.min_quality is not None or self.min_heat is not None


_WORDS = {"title", "description"}
"""What a spec says of a feed without deciding on anything."""
_NEW = "filters"
"""What counts only where something is asked of it, so that editions chosen by a feedd that did not know it stay."""


class Rule(NamedTuple):
    """One reason for which a card can be kept out of a feed.

    `asks` tells whether a spec asks for it at all; `says` is the sentence for people, whether it passes or not.
    """

    name: str
    asks: Callable[[Spec], object]
    passes: Callable[[Card, Spec], bool]
    says: Callable[[Card, Spec], str]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _has_words(card: Card, spec: Spec) -> bool:
    title = f" {key(card.traits.title)} "
    return any(_folded(words) in title for words in spec.title_contains)


def _folded(words: str) -> str:
    """Words to be found in a title; a space at either end means that a word ends there."""
    return f"{' ' * words[:1].isspace()}{key(words)}{' ' * words[-1:].isspace()}"


FILTERS: tuple[Rule, ...] = (
    Rule(
        "collection",
        lambda spec: spec.collections,
        lambda card, spec: card.traits.collection in spec.collections,
        lambda card, spec: f"{card.traits.collection}; the feed takes {_listed(spec.collections)}",
    ),
    Rule(
        "topics",
        lambda spec: spec.topics,
        lambda card, spec: not spec.topics.isdisjoint(card.traits.topics),
        lambda card, spec: f"{_listed(card.traits.topics)}; the feed takes any of {_listed(spec.topics)}",
    ),
    Rule(
        "all-topics",
        lambda spec: spec.all_topics,
        lambda card, spec: spec.all_topics.issubset(card.traits.topics),
        lambda card, spec: f"{_listed(card.traits.topics)}; the feed wants all of {_listed(spec.all_topics)}",
    ),
    Rule(
        "not-topics",
        lambda spec: spec.not_topics,
        lambda card, spec: spec.not_topics.isdisjoint(card.traits.topics),
        lambda card, spec: f"{_listed(card.traits.topics)}; the feed takes none of {_listed(spec.not_topics)}",
    ),
    Rule(
        "providers",
        lambda spec: spec.providers,
        lambda card, spec: card.traits.provider in spec.providers,
        lambda card, spec: f"{card.traits.provider}; the feed takes {_listed(spec.providers)}",
    ),
    Rule(
        "not-providers",
        lambda spec: spec.not_providers,
        lambda card, spec: card.traits.provider not in spec.not_providers,
        lambda card, spec: f"{card.traits.provider}; the feed takes none of {_listed(spec.not_providers)}",
    ),
    Rule(
        "types",
        lambda spec: spec.types,
        lambda card, spec: card.traits.type in spec.types,
        lambda card, spec: f"{card.traits.type}; the feed takes {_listed(spec.types)}",
    ),
    Rule(
        "languages",
        lambda spec: spec.languages,
        lambda card, spec: card.traits.language in spec.languages,
        lambda card, spec: f"{card.traits.language}; the feed takes {_listed(spec.languages)}",
    ),
    Rule(
        "title",
        lambda spec: spec.title_contains,
        _has_words,
        lambda card, spec: f"{card.traits.title!r}; the feed wants one of {_listed(map(repr, spec.title_contains))}",
    ),
    Rule(
        "filters",
        lambda spec: spec.filters,
        lambda card, spec: spec.filters.issubset(card.traits.filters),
        lambda card, spec: f"passes {_listed(card.traits.filters)}; the feed wants all of {_listed(spec.filters)}",
    ),
)
"""What does not change with time, in the order in which `explain` shows it."""


def asked(spec: Spec) -> list[Rule]:
    """The filters that a feed asks for."""
    return [rule for rule in FILTERS if rule.asks(spec)]


def admits(spec: Spec, card: Card) -> bool:
    """Whether a feed takes a card, time and its other members left aside."""
    return all(rule.passes(card, spec) for rule in asked(spec))


def enough(card: Card, spec: Spec) -> bool:
    """Whether quality and heat reach what the feed wants now; a heat of -1 ("unranked") fails any minimum."""
    return (spec.min_quality is None or card.traits.quality >= spec.min_quality) and (
        spec.min_heat is None or card.traits.heat >= spec.min_heat
    )


def shortfall(card: Card, spec: Spec) -> int:
    """By how much quality and heat together fall short of what the feed wants now."""
    wanted = ((spec.min_quality, card.traits.quality), (spec.min_heat, card.traits.heat))
    return sum(max(0, least - value) for least, value in wanted if least is not None)


def leaves(card: Card, spec: Spec) -> int | None:
    """The moment at which a card grows too old for a feed."""
    return None if spec.max_age is None else card.since + spec.max_age


class Edition(Struct, frozen=True):
    """What was chosen for a feed with a schedule, in its order, at its last moment. It is all that may be in the feed
    until it is `due` to be chosen anew. `wish` is that of the spec for which it was chosen.
    """

    ids: tuple[str, ...]
    due: int | None
    wish: bytes

    def holds(self, spec: Spec, now: int) -> bool:
        """Whether it is still what a feed shows."""
        return self.wish == spec.wish and (self.due is None or now < self.due)


class Selection(Struct, frozen=True):
    """The members of a feed in its order. `due` is when time alone may change them, `marks` are the ids that stay in a
    sticky feed, `edition` is what a feed with a schedule goes by from now on, `whole` tells that there are no others
    beyond its limit.
    """

    cards: tuple[Card, ...] = ()
    due: int | None = None
    marks: frozenset[str] = frozenset()
    edition: Edition | None = None
    whole: bool = False


Twins = Callable[[Card], Iterable[Card]]
"""The other cards that lead to the same story."""
Find = Callable[[str], Card | None]
"""The card of an article, by its id."""


def enters(card: Card, spec: Spec, marked: Container[str]) -> bool:
    """Whether quality and heat let a card in: they are enough, or were once."""
    return not spec.sticky or enough(card, spec) or card.id in marked


def earlier_twin(card: Card, spec: Spec, now: int, marked: Container[str], twins: Twins) -> Card | None:
    """The card of the same story that came first and that the feed takes too: of the two, that one stays.

    It stands for the story even after it grew too old for the feed: subscribers saw it.
    """
    for other in twins(card):
        if place(other) < place(card) and other.shown(now) and admits(spec, other) and enters(other, spec, marked):
            return other
    return None


def choose(
    spec: Spec, shelf: Sequence[Card], now: int, marked: Set[str], twins: Twins, last: Edition | None, find: Find
) -> Selection:
    """The members of a feed at a moment: as `select` gives them. With a schedule, this is done at its moments only, and
    where the feed wants something else than before; in between nothing enters, and what is not to be seen leaves.
    """
    if spec.schedule is None:
        return select(spec, shelf, now, marked, twins)
    due = spec.schedule.next(now)  # asked again, since the clock may have been set back
    if last and last.holds(spec, now):
        return held(spec, replace(last, due=due), now, marked, find)
    chosen = select(spec, shelf, now, marked, twins)
    edition = Edition(tuple(card.id for card in chosen.cards), due, spec.wish)
    return replace(chosen, due=due, edition=edition, whole=False)  # between its moments nobody knows of others


def held(spec: Spec, edition: Edition, now: int, marked: Set[str], find: Find) -> Selection:
    """Those members of an edition that are still to be seen, in its order; of two that tell one story by now, the
    earlier. Those of `marked` that are not to be seen have to earn their place again.
    """

    def remaining(ids: Iterable[str]) -> Iterator[Card]:
        return (card for id in ids if (card := find(id)) and card.shown(now) and admits(spec, card))

    cards = list(remaining(edition.ids))
    firsts = {card.story: card for card in sorted(cards, key=place, reverse=True)}
    members = tuple(card for card in cards if firsts[card.story] is card)
    return Selection(members, edition.due, frozenset(card.id for card in remaining(marked)), edition)


def select(spec: Spec, shelf: Sequence[Card], now: int, marked: Container[str], twins: Twins) -> Selection:
    """The members of a feed at a moment, out of the cards that it admits, in the order of `place`.

    `marked` are the ids that were members when the feed was last selected; it matters for sticky feeds alone.
    """
    chosen: list[Card] = []
    firsts: set[str] = set()
    stops = spec.order == "newest" and not spec.sticky
    for card in _candidates(spec, shelf, now):
        if stops and len(chosen) > spec.limit and card.since < chosen[-1].since:
            break
        if not enters(card, spec, marked):
            continue
        twin = earlier_twin(card, spec, now, marked, twins)
        if twin is None:
            chosen.append(card)
        elif twin.id in marked:
            firsts.add(twin.id)
    marks = firsts.union(card.id for card in chosen) if spec.sticky else ()
    ordered = sorted(chosen, key=ORDERS[spec.order])[: spec.limit]
    due = min((when for card in chosen if (when := leaves(card, spec)) is not None), default=None)
    return Selection(tuple(ordered), due, frozenset(marks), whole=len(chosen) <= spec.limit)


def members(
    spec: Spec, shelf: Sequence[Card], span: tuple[float, float], now: int, marked: Container[str], twins: Twins
) -> list[Card]:
    """The public articles of a feed that were published from one moment until before another, the oldest first, its
    limit left aside. Only for feeds without `max_age` and `schedule`.
    """
    start, end = (bisect_left(shelf, moment, key=attrgetter("since")) for moment in span)
    return [
        card
        for card in shelf[start:end]
        if card.shown(now) and enters(card, spec, marked) and not earlier_twin(card, spec, now, marked, twins)
    ]


def _candidates(spec: Spec, shelf: Sequence[Card], now: int) -> Iterator[Card]:
    """The public cards of a shelf within the feed's window, newest first."""
    oldest = None if spec.max_age is None else now - spec.max_age
    for index in range(bisect_right(shelf, now, key=attrgetter("since")) - 1, -1, -1):
        card = shelf[index]
        if oldest is not None and card.since <= oldest:
            return
        if card.shown(now):
            yield card


def newest(card: Card) -> tuple[int, str]:
    """The place of a card in a feed that has the newest first; ties by id."""
    return -card.since, card.id


ORDERS: dict[str, Callable[[Card], tuple[int, ...] | tuple[int, str] | tuple[int, int, str]]] = {
    "newest": newest,
    "oldest": place,
    "quality": lambda card: (-card.traits.quality, *newest(card)),
    "heat": lambda card: (-card.traits.heat, *newest(card)),
}
"""The orders of a feed; ties by publication, newest first, then by id."""


def readable(moment: int) -> str:
    """A moment as people read it: `2024-05-31T09:30:00Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

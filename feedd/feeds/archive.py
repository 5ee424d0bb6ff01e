"""Archives: which documents hold what no longer fits in a feed (RFC 5005, section 4), and how they follow each other.

In: the public articles of a feed, month by month, and what is known of its archive documents. Out: which of them there
are from now on, which must be written, and which must go. Pure.

A document is for a month. A month of too many articles is split into its days, such a day into its hours, and so on: so
that one article changes the document of its own period alone, however many others there are. There is a document for
each period up to the last article that the feed itself does not reach; what it shares with the feed readers tell by the
ids. Each document names the one before it, and the feed names the last. Periods are those of UTC.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter

from msgspec import Struct

from feedd.feeds.select import Card, Selection, Spec, newest, place

MOST = 250
"""The most articles in an archive document, but for those of one second, which cannot be split."""

_NAMES = ("%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S")
"""How periods are called, from months to seconds. In the order of the alphabet they are in the order of time, as long
as none lies in another.
"""
_LENGTHS = {10: timedelta(days=1), 13: timedelta(hours=1), 15: timedelta(minutes=1), 17: timedelta(seconds=1)}
"""How long periods are, by the length of their names; months differ."""
_NAME = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])(?:-[0-3][0-9](?:T[0-2][0-9](?:[0-5][0-9]){0,2})?)?")


class Archived(Struct, frozen=True):
    """An archive document as it was last written. `name` is that of its period, such as `2024-05`, `previous` that of
    the document before it, "" if it is the first; `count` is how many articles are in it, `since` and `id` the place of
    the newest of them. `digest` changes with all that can be seen in it; it is empty while the document could not be
    written.
    """

    name: str
    previous: str
    count: int
    since: int
    id: str
    digest: bytes


class Volume(Struct, frozen=True):
    """An archive document that must be written, with its articles in the order of the feed. `new`: there was none."""

    archived: Archived
    cards: tuple[Card, ...]
    new: bool


class Archives(Struct, frozen=True):
    """The archive documents of a feed: all that there are, oldest first, those to be written, those to be removed."""

    documents: tuple[Archived, ...] = ()
    changed: tuple[Volume, ...] = ()
    gone: tuple[str, ...] = ()


def has_archives(spec: Spec) -> bool:
    """Whether a feed has archives: not one that shows a selection of what is new, which it forgets again."""
    return spec.order == "newest" and spec.max_age is None and spec.schedule is None


def is_period(name: str) -> bool:
    """Whether a name may be that of an archive document."""
    return _NAME.fullmatch(name) is not None


def month(moment: int) -> str:
    """The month of a moment in seconds since the epoch: `2024-05`."""
    return _period(moment, 0)


def _period(moment: int, level: int) -> str:
    text = datetime.fromtimestamp(moment, UTC).strftime(_NAMES[level])
    return "0" * (4 - text.index("-")) + text


@lru_cache(4096)
def span(name: str) -> tuple[float, float]:
    """The moment at which a period begins, and the one at which the next does."""
    parts = (name[:4], name[5:7], name[8:10] or "1", *(name[place : place + 2] or "0" for place in (11, 13, 15)))
    start = datetime(*map(int, parts), tzinfo=UTC)  # type: ignore[misc, arg-type]  # six numbers
    try:
        return start.timestamp(), (start + _length(start, name)).timestamp()
    except OverflowError:
        return start.timestamp(), math.inf


def _length(start: datetime, name: str) -> timedelta:
    if len(name) > len("2024-05"):
        return _LENGTHS[len(name)]
    following = (start.year + start.month // 12, start.month % 12 + 1)
    return datetime(*following, 1, tzinfo=UTC) - start if following[0] <= MAXYEAR else timedelta(days=31)


def months(shelf: Sequence[Card], first: int, last: int) -> Iterator[str]:
    """The months in which articles of a shelf were published, from the month of one moment to that of another."""
    index = bisect_left(shelf, span(month(first))[0], key=attrgetter("since"))
    end = span(month(last))[1]
    while index < len(shelf) and shelf[index].since < end:
        found = month(shelf[index].since)
        yield found
        index = bisect_left(shelf, span(found)[1], lo=index, key=attrgetter("since"))


def every(shelf: Sequence[Card], old: Sequence[Archived]) -> set[str]:
    """All months in which a feed has articles, or an archive document."""
    there = set(months(shelf, shelf[0].since, shelf[-1].since)) if shelf else set()
    return there.union(one.name[:7] for one in old)


def touched(shelf: Sequence[Card], selection: Selection, old: Sequence[Archived]) -> set[str]:
    """The months between where the archives ended and where the feed itself ends now: the documents there may be more
    or fewer than before, although no article in them changed.
    """
    if selection.whole or not selection.cards:
        return {one.name[:7] for one in old}
    ends = min(map(place, selection.cards))[0]
    ended = old[-1].since if old else shelf[0].since
    first = min(ended, ends)
    since = month(first)
    return {*months(shelf, first, max(ended, ends)), *(one.name[:7] for one in old if one.name >= since)}


def arrange(
    old: Sequence[Archived],
    looked_at: Iterable[str],
    moments: Set[int] | None,
    selection: Selection,
    members: Callable[[str], Sequence[Card]],
    look: Callable[[Card], bytes],
    head: bytes,
    most: int = MOST,
) -> Archives:
    """The archives of a feed. `looked_at` are the months in which there may be something different, `moments` those
    that articles have, or had, which are different: None for any. All other documents are as they were.

    `members` gives the public articles of a month, the oldest first; `look` what changes with all that is seen of an
    article, and `head` with all that is said of the feed. More than `most` articles are split.
    """
    known, looked_at = {one.name: one for one in old}, set(looked_at)
    fresh = {name: cards for one in looked_at for name, cards in _documents(members(one), selection, most)}
    names = sorted([*(name for name in known if name[:7] not in looked_at), *fresh])
    before = dict(zip(names, ["", *names], strict=False))
    # What follows another document than before must name that, though its articles are the same.
    moved = {name[:7] for name in names if name not in fresh and known[name].previous != before[name]}
    if moved:
        return arrange(old, moved | looked_at, moments, selection, members, look, head, most)
    made = {
        name: _volume(name, before[name], cards, look, head, new=name not in known)
        for name, cards in fresh.items()
        if not _is_as_it_was(known.get(name), before[name], cards, moments)
    }
    return Archives(
        tuple(made[name].archived if name in made else known[name] for name in names),
        tuple(made[name] for name in names if name in made and known.get(name) != made[name].archived),
        tuple(name for name in known if name not in before),
    )


def _documents(cards: Sequence[Card], selection: Selection, most: int) -> list[tuple[str, Sequence[Card]]]:
    """The periods of a month that have a document, with their articles: up to the last one that the feed does not
    reach. Of one second the feed takes those with lower ids first.
    """
    if selection.whole or not selection.cards:
        return []
    last = max(map(newest, selection.cards))
    return [(name, some) for name, some in _split(cards, 0, most) if any(newest(card) > last for card in some)]


def _split(cards: Sequence[Card], level: int, most: int) -> Iterator[tuple[str, Sequence[Card]]]:
    """Articles of one period, or of all time, in the periods that they need."""
    for name, group in groupby(cards, lambda card: _period(card.since, level)):
        some = list(group)
        if len(some) > most and level + 1 < len(_NAMES):
            yield from _split(some, level + 1, most)
        else:
            yield name, some


def _is_as_it_was(known: Archived | None, previous: str, cards: Sequence[Card], moments: Set[int] | None) -> bool:
    if known is None or moments is None or not known.digest:
        return False
    start, end = span(known.name)
    return known.previous == previous and known.count == len(cards) and not any(start <= one < end for one in moments)


def _volume(
    name: str, previous: str, cards: Sequence[Card], look: Callable[[Card], bytes], head: bytes, new: bool
) -> Volume:
    digest = blake2b(head, digest_size=16)
    digest.update(previous.encode())
    for card in cards:
        digest.update(look(card))
    last = cards[-1]
    archived = Archived(name, previous, len(cards), last.since, last.id, digest.digest())
    return Volume(archived, tuple(sorted(cards, key=newest)), new)


def count(archives: Sequence[Archived], selection: Selection) -> int:
    """How many articles a feed has with its archives."""
    last = (archives[-1].since, archives[-1].id) if archives else (0, "")
    newer = sum(place(card) > last for card in selection.cards) if archives else len(selection.cards)
    return sum(one.count for one in archives) + newer

"""Archives: which documents hold what no longer fits in a feed (RFC 5005, section 4), and how they follow each other.

In: the public articles of a feed, month by month, and what is known of its archive documents. Out: which of them there
are from now on, which must be written, and which must go. Pure.

A month's articles are cut into parts, the oldest first, so that a new article changes the last part at most. There is a
document for each part up to the last article that the feed itself does not reach. So a part that once was closed
changes only when one of its articles does; what it shares with the feed readers tell by the ids. Each document names
the one before it, and the feed names the last. Months are those of UTC.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import MAXYEAR, UTC, datetime
from hashlib import blake2b
from operator import attrgetter

from msgspec import Struct

from feedd.feeds.select import Card, Selection, Spec, newest, place

PART = 250
"""The most articles in an archive document."""

_NAME = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))(?:-([2-9]|[1-9][0-9]+))?")

Part = tuple[str, int]
"""A month, such as `2024-05`, and the number of a part of it, from 1 on."""


class Archived(Struct, frozen=True):
    """An archive document as it was last written. `previous` is the name of the one before it, "" if it is the first;
    `count` is how many articles are in it, `since` and `id` the place of the newest of them. `digest` changes with all
    that can be seen in it; it is empty while the document could not be written.
    """

    month: str
    part: int
    previous: str
    count: int
    since: int
    id: str
    digest: bytes

    @property
    def key(self) -> Part:
        """Its place among the archive documents of its feed."""
        return self.month, self.part


class Volume(Struct, frozen=True):
    """An archive document that must be written, with its articles in the order of the feed."""

    archived: Archived
    cards: tuple[Card, ...]


class Archives(Struct, frozen=True):
    """The archive documents of a feed: all that there are, oldest first, those to be written, those to be removed."""

    documents: tuple[Archived, ...] = ()
    changed: tuple[Volume, ...] = ()
    gone: tuple[Part, ...] = ()

    @property
    def last(self) -> str:
        """The name of the newest below the folder of its feed, "" without any."""
        return name(self.documents[-1].key) if self.documents else ""


def has_archives(spec: Spec) -> bool:
    """Whether a feed has archives: not one that shows a selection of what is new, which it forgets again."""
    return spec.order == "newest" and spec.max_age is None and spec.schedule is None


def name(part: Part) -> str:
    """The name of an archive document below the folder of its feed: `2024-05`, `2024-05-2`, …"""
    month, number = part
    return month if number == 1 else f"{month}-{number}"


def part_named(text: str) -> Part | None:
    """The part that has such a name; None for what is not the name of an archive document."""
    found = _NAME.fullmatch(text)
    return (found[1], int(found[2] or 1)) if found else None


def month(moment: int) -> str:
    """The month of a moment in seconds since the epoch: `2024-05`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m").zfill(7)


def span(month: str) -> tuple[float, float]:
    """The moment at which a month begins, and the one at which the next does."""
    year, number = int(month[:4]), int(month[5:])
    start = datetime(year, number, 1, tzinfo=UTC)
    following = (year + number // 12, number % 12 + 1)
    end = datetime(*following, 1, tzinfo=UTC).timestamp() if following[0] <= MAXYEAR else math.inf
    return start.timestamp(), end


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
    return there.union(one.month for one in old)


def touched(shelf: Sequence[Card], selection: Selection, old: Sequence[Archived]) -> set[str]:
    """The months between where the archives ended and where the feed itself ends now: the documents there may be more
    or fewer than before, although no article in them changed.
    """
    if selection.whole or not selection.cards:
        return {one.month for one in old}
    ends = min(map(place, selection.cards))[0]
    ended = old[-1].since if old else shelf[0].since
    first = min(ended, ends)
    since = month(first)
    return {*months(shelf, first, max(ended, ends)), *(one.month for one in old if one.month >= since)}


def arrange(
    old: Sequence[Archived],
    looked_at: Iterable[str],
    selection: Selection,
    members: Callable[[str], Sequence[Card]],
    look: Callable[[Card], bytes],
    head: bytes,
) -> Archives:
    """The archives of a feed. `looked_at` are the months in which something may be different; the other documents are
    as they were. `members` gives the public articles of a month, the oldest first; `look` what changes with all that is
    seen of an article, and `head` with all that is said of the feed.
    """
    known = {one.key: one for one in old}
    fresh = {one: _parts(one, selection, members) for one in looked_at}
    kept = (key for key in known if key[0] not in fresh)
    keys = sorted([*kept, *((one, number) for one, parts in fresh.items() for number in parts)])
    before = dict(zip(keys, ["", *map(name, keys)], strict=False))
    # What follows another document than before must name that, though its articles are the same.
    moved = {key[0] for key in keys if key[0] not in fresh and known[key].previous != before[key]}
    if moved:
        return arrange(old, moved.union(fresh), selection, members, look, head)
    volumes = [_volume(key, before[key], fresh[key[0]][key[1]], look, head) for key in keys if key[0] in fresh]
    made = {volume.archived.key: volume.archived for volume in volumes}
    return Archives(
        tuple(made.get(key) or known[key] for key in keys),
        tuple(volume for volume in volumes if known.get(volume.archived.key) != volume.archived),
        tuple(key for key in known if key not in before),
    )


def _parts(
    month: str, selection: Selection, members: Callable[[str], Sequence[Card]]
) -> Mapping[int, Sequence[Card]]:
    """The parts of a month that have a document, by number: up to the last article that the feed does not reach. Of one
    second the feed takes those with lower ids first.
    """
    if selection.whole or not selection.cards:
        return {}
    last = max(map(newest, selection.cards))
    cards = members(month)
    end = max((index for index, card in enumerate(cards, 1) if newest(card) > last), default=0)
    return {number: cards[start : start + PART] for number, start in enumerate(range(0, end, PART), 1)}


def _volume(key: Part, previous: str, cards: Sequence[Card], look: Callable[[Card], bytes], head: bytes) -> Volume:
    digest = blake2b(head, digest_size=16)
    digest.update(previous.encode())
    for card in cards:
        digest.update(look(card))
    last = cards[-1]
    archived = Archived(*key, previous, len(cards), last.since, last.id, digest.digest())
    return Volume(archived, tuple(sorted(cards, key=newest)))


def count(archives: Sequence[Archived], selection: Selection) -> int:
    """How many articles a feed has with its archives."""
    last = (archives[-1].since, archives[-1].id) if archives else (0, "")
    newer = sum(place(card) > last for card in selection.cards) if archives else len(selection.cards)
    return sum(one.count for one in archives) + newer

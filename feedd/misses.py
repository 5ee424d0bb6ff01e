"""Misses: what a feed is, what is in it, and which articles are not, but nearly.

In: a pipeline that has just run, the moment, and the name of a feed. Out: a `View`. The rules are those of `explain`,
asked of all articles at once. Names articles that are not public: it is for those who can read their files anyway, and
goes nowhere but to their terminal. Writes nothing.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from feedd.content.article import Article
from feedd.desk import rules_of
from feedd.feeds.select import Card, Traits, admits, newest, readable, shortfall
from feedd.pipeline import Pipeline
from feedd.reasons.membership import Membership, Wish
from feedd.reasons.places import Place
from feedd.reasons.standing import inquiry, read_file, verdict_on_hold
from feedd.reasons.verdicts import OF_FEEDS, Documents, Inquiry, Verdict

_decode_traits = msgspec.msgpack.Decoder(Traits).decode


class Item(Struct, frozen=True):
    """An article, named: `published` is the moment from which on it is public, in UTC."""

    id: str
    path: str
    title: str
    published: str


class Miss(Struct, frozen=True):
    """An article that one rule alone keeps out of the feed, and what that says."""

    item: Item
    verdict: Verdict


class Group(Struct, frozen=True):
    """All that one rule alone keeps out: how many, and the nearest of them: those that a minimum keeps out by how much
    they lack, all others by their date, the newest first.
    """

    rule: str
    count: int
    articles: tuple[Miss, ...]


class Coming(Struct, frozen=True):
    """An article that time alone will let in, and when."""

    item: Item
    when: str


class View(Struct, frozen=True):
    """A feed: its documents below the output directory, what it asks for, how many entries it has and the first of
    them, in its order; what it nearly has, by rule; how many articles time alone lets in, and the first of those. What
    has another topic than the feed of a topic is no near miss, nor is another provider's article for a provider's feed.

    `not_public` counts the articles of the whole site that nobody sees, by what keeps them (`Index.articles`);
    `held_back` names, if that was asked, those that their authors do not publish and that the feed would take.
    """

    name: str
    title: str
    documents: tuple[str, ...]
    asks: tuple[Wish, ...]
    count: int
    entries: tuple[Item, ...]
    misses: tuple[Group, ...]
    coming_count: int
    coming: tuple[Coming, ...]
    not_public: dict[str, int]
    held_back: tuple[Miss, ...] = ()
    former: Place | None = None


def view(
    pipeline: Pipeline,
    name: str,
    now: int,
    file: Path | None = None,
    documents: Documents | None = None,
    most: int | None = None,
    former: str | None = None,
) -> View:
    """The feed of that name, which there must be (`named.find_feed`). `most` is how many articles are named in each
    list, None for all; then also those that their authors hold back. `file` and `documents` are as in `explain`;
    `former` is the name by which it was asked for, if that is one it had before.
    """
    asked = inquiry(pipeline, now, file, documents)
    feed = Membership(asked, name)
    inside, missed, coming = _sorted_out(pipeline, feed, now)
    entries = [card for card in feed.members if card.id in inside]
    return View(
        name,
        _title(pipeline, feed),
        tuple(feed.paths()),
        tuple(feed.wishes()),
        len(entries),
        tuple(_item(pipeline, card) for card in entries[:most]),
        tuple(_group(pipeline, feed, rule, missed[rule], most) for rule in OF_FEEDS if rule in missed),
        len(coming),
        tuple(Coming(_item(pipeline, card), readable(when)) for when, card in coming[:most]),
        _not_public(pipeline, now),
        tuple(_held_back(pipeline, feed, asked)) if most is None else (),
        asked.places.former(former, name) if former else None,
    )


def _sorted_out(
    pipeline: Pipeline, feed: Membership, now: int
) -> tuple[set[str], dict[str, list[Card]], list[tuple[int, Card]]]:
    """The ids that are in the feed, the public articles that one rule keeps out, by rule, and those that time lets in,
    the first to come first.
    """
    inside: set[str] = set()
    missed: dict[str, list[Card]] = {}
    coming: list[tuple[int, Card]] = []
    for card in pipeline.catalogue:
        against = _against(feed, card)
        if card.shown(now):
            if not against:
                inside.add(card.id)
            elif len(against) == 1 and against != [feed.defined_by]:
                missed.setdefault(against[0], []).append(card)
        elif card.since > now and not {*against} - {"schedule"} and (when := _comes(feed, card)) is not None:
            coming.append((when, card))
    return inside, missed, sorted(coming, key=lambda one: (one[0], one[1].id))


def _comes(feed: Membership, card: Card) -> int | None:
    """When an article comes in, unless it has expired by then."""
    when = feed.enters_at(card)
    return when if when is not None and (card.until is None or when < card.until) else None


def _against(feed: Membership, card: Card) -> list[str]:
    """The rules that say no, two at most: more is no near miss."""
    return list(islice((ruling.rule for ruling in feed.rulings(card) if not ruling.passes), 2))


def _group(pipeline: Pipeline, feed: Membership, rule: str, cards: list[Card], most: int | None) -> Group:
    def verdict(card: Card) -> Verdict:
        return next(ruling.explained() for ruling in feed.rulings(card) if ruling.rule == rule)

    def nearest(card: Card) -> tuple[int, int, str]:
        return shortfall(card, feed.spec) if rule == "minimum" else 0, *newest(card)

    first = sorted(cards, key=nearest)[:most]
    return Group(rule, len(cards), tuple(Miss(_item(pipeline, card), verdict(card)) for card in first))


def _item(pipeline: Pipeline, card: Card) -> Item:
    return _named(card.id, pipeline.index.article(card.key))


def _named(id: str, article: Article) -> Item:
    return Item(id, article.path, article.title, readable(article.date))


def _title(pipeline: Pipeline, feed: Membership) -> str:
    known, spec = pipeline.ledger.feed(feed.name), feed.spec
    if spec.kind == "feed":
        return spec.title
    label = known.label if known else feed.name.rpartition("/")[2]
    return spec.title.format(site=pipeline.config.site.title, name=label)


def _not_public(pipeline: Pipeline, now: int) -> dict[str, int]:
    return {what: count for what, count in pipeline.index.articles(now).items() if what != "public"}


def _held_back(pipeline: Pipeline, feed: Membership, asked: Inquiry) -> Iterator[Miss]:
    """The articles that their authors do not publish and that the feed's filters would take, with the first of what
    keeps each. Of these the state knows too little, so that their files are read.
    """
    desk, rules = pipeline.desk, rules_of(pipeline.config, thorough=True)
    for path in pipeline.index.unpublished():
        file = read_file(desk, path, rules)
        article = file.reading.article if file.reading else None
        if file.reading and file.reading.held and article:
            card = Card(0, "", 0, article.date, article.expires, _decode_traits(desk.traits(article)))
            if admits(feed.spec, card):
                yield Miss(_named(desk.id(article), article), verdict_on_hold(asked, path, file.reading.held[0], file))

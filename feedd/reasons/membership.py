"""Membership: the rules that are asked of an article in a feed.

In: what is asked, the name of a feed, and cards. Out: rulings: what each rule decides, with words and places for those
who want them. The rules are those of `feeds.select`; whether the documents show what they are to show the ledger knew.
Decides nothing.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from feedd.content.article import Article
from feedd.desk import Job
from feedd.errors import Problem
from feedd.feeds.archive import has_archives
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.plan import ALL
from feedd.feeds.select import (
    Card,
    Rule,
    Selection,
    asked,
    earlier_twin,
    enough,
    enters,
    held,
    leaves,
    readable,
    select,
)
from feedd.publish.directory import PAGE
from feedd.reasons.places import Place
from feedd.reasons.verdicts import Documents, Inquiry, Verdict


class Source(NamedTuple):
    """What a filter compares: an attribute of `Traits`, one of `Article`, and one of `Spec`, as its key is called."""

    trait: str
    attribute: str
    key: str


SOURCES = {
    "collection": Source("collection", "category", "collections"),
    "topics": Source("topics", "topics", "topics"),
    "all-topics": Source("topics", "topics", "all_topics"),
    "not-topics": Source("topics", "topics", "not_topics"),
    "providers": Source("provider", "provider", "providers"),
    "not-providers": Source("provider", "provider", "not_providers"),
    "types": Source("type", "type", "types"),
    "languages": Source("language", "language", "languages"),
    "title": Source("title", "title", "title_contains"),
}
"""Of the filters that compare one value of an article with a list; others are shown by what they say."""


_AUTOMATIC = {"collections": "collections", "topics": "topics", "providers": "providers"}
"""The key of `[output]` that makes a feed which nobody described ask for something."""


def _plain(value: Any) -> Any:
    """A value of a spec, as JSON has it."""
    return sorted(value) if isinstance(value, frozenset) else value


class Wish(Struct, frozen=True):
    """What a feed asks for: a key of `[[feed]]` or what stands for it, its value, and where that is written."""

    key: str
    value: Any
    place: Place


class Ruling(NamedTuple):
    """What a rule decides on an article in a feed; `explained` finds the words and the places, which takes longer."""

    rule: str
    passes: bool
    explained: Callable[[], Verdict]


class Membership:
    """The rules of a feed, as they are asked of one article after the other."""

    def __init__(self, inquiry: Inquiry, name: str) -> None:
        pipeline = inquiry.pipeline
        self._inquiry, self.name = inquiry, name
        self._plan, self._catalogue, self._now = pipeline.desk.plan, pipeline.catalogue, inquiry.now
        self.spec = self._plan.spec(name)
        self._filters = asked(self.spec)
        self._marked = pipeline.ledger.marks(name) if self.spec.sticky else set()
        edition = pipeline.ledger.edition(name)
        holds = edition is not None and self.spec.schedule is not None and edition.holds(self.spec, inquiry.now)
        self._edition = edition if holds else None

    def verdicts(self, card: Card) -> tuple[Verdict, ...]:
        """The verdicts of the feed's rules: on what it takes, on what is chosen of that, and on what is written."""
        return tuple(ruling.explained() for ruling in self.rulings(card))

    def rulings(self, card: Card) -> Iterator[Ruling]:
        """The same, not yet explained. What is written is asked only of a public article that everything lets in."""
        public = fits = card.shown(self._now)
        for ruling in self._choice(card):
            fits &= ruling.passes
            yield ruling
        documents = self._inquiry.documents
        if documents and public and fits:
            yield from self._written(card, documents)
        elif documents and self.name in documents.stale and card.id in documents.members.get(self.name, ()):
            yield Ruling("documents", True, self._still_shown)

    def _choice(self, card: Card) -> Iterator[Ruling]:
        fits = True
        for rule in self._filters:
            passes = rule.passes(card, self.spec)
            fits &= passes
            yield Ruling(rule.name, passes, partial(self._filter, rule, card, passes))
        if fits and self.name not in self._plan.route(card):
            fits = False
            yield Ruling("feed", False, self._no_feed)
        if self._edition is not None and card.id in self._edition.ids:
            yield from self._stay(card, self._edition.due)
            return
        for ruling in self._entry(card, fits):
            fits &= ruling.passes
            yield ruling
        if self._edition is not None:
            yield Ruling("schedule", False, partial(self._waits, card, fits))

    def _entry(self, card: Card, admitted: bool) -> Iterator[Ruling]:
        """Whether an article is chosen, or would be now; by the limit only one that passes all else."""
        spec = self.spec
        chosen = True
        if spec.sticky:
            chosen &= (enough := enters(card, spec, self._marked))
            yield Ruling("minimum", enough, partial(self._minimum, card, enough))
        until = leaves(card, spec)
        if until is not None:
            chosen &= (young := self._now < until)
            yield Ruling("age", young, partial(self._age, card, until))
        twin = earlier_twin(card, spec, self._now, self._marked, self._catalogue.twins)
        yield Ruling("same-story", twin is None, partial(self._told_once, card, twin))
        if card.shown(self._now) and admitted and chosen and twin is None:
            inside = card.id in self._chosen
            yield Ruling("limit", inside, partial(self._limit, card, inside))

    def _stay(self, card: Card, due: int | None) -> Iterator[Ruling]:
        """Whether an article that was chosen at the last moment of a schedule is still in the feed."""
        twin = next((other for other in self._members if other.story == card.story and other is not card), None)
        yield Ruling("same-story", twin is None, partial(self._told_once, card, twin))
        says = "is in the feed at least until " + (readable(due) if due else "it is withdrawn")
        yield Ruling("schedule", True, partial(self._scheduled, True, says, due))

    def _written(self, card: Card, documents: Documents) -> Iterator[Ruling]:
        """Whether the documents show what they are to show."""
        name = self.name
        lies = card.id in documents.members.get(name, ()) and name not in documents.lost
        yield Ruling("documents", lies, partial(self._document, lies, documents))
        known = self._inquiry.pipeline.ledger.feed(name)
        if lies and (name in documents.stale or (known and known.stale)):
            failed = self._unwritable(card)
            if failed:
                yield Ruling("format", False, partial(self._format, failed))

    # What is known of the feed as a whole

    @cached_property
    def selection(self) -> Selection:
        """What is chosen, the schedule left aside."""
        shelf = self._catalogue.shelf(self.name)
        return select(self.spec, shelf, self._now, self._marked, self._catalogue.twins)

    @cached_property
    def _chosen(self) -> frozenset[str]:
        return frozenset(card.id for card in self.selection.cards)

    @cached_property
    def _members(self) -> tuple[Card, ...]:
        """Those of an edition that are still in it."""
        if self._edition is None:
            return self.selection.cards
        return held(self.spec, self._edition, self._now, set(), self._catalogue.get).cards

    @property
    def defined_by(self) -> str:
        """The rule that makes it the feed of a topic or of a provider; empty for any other."""
        if self._config:
            return ""
        return {TOPICS: "topics", PROVIDERS: "providers"}.get(self.name[: self.name.rfind("/") + 1], "")

    @property
    def members(self) -> tuple[Card, ...]:
        """The articles that are in the feed, in its order."""
        return self._members

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """The place of each article that would be chosen if there were no limit, counted from 1."""
        spec = replace(self.spec, limit=len(self._catalogue))
        shelf = self._catalogue.shelf(self.name)
        cards = select(spec, shelf, self._now, self._marked, self._catalogue.twins).cards
        return {card.id: rank for rank, card in enumerate(cards, 1)}

    # Words and places

    def wishes(self) -> Iterator[Wish]:
        """All that the feed asks for, its filters first."""
        spec = self.spec
        for rule in self._filters:
            key = SOURCES[rule.name].key if rule.name in SOURCES else rule.name.replace("-", "_")
            yield Wish(key, _plain(getattr(spec, key, None)), self.wish(key, _AUTOMATIC.get(key, "all")))
        for key in ("min_quality", "min_heat", "max_age"):
            if (value := getattr(spec, key)) is not None:
                yield Wish(key, value, self.wish(key, "all"))
        if spec.schedule:
            yield Wish("schedule", spec.schedule.text, self.wish("schedule", "all"))
        yield Wish("limit", spec.limit, self.wish("limit", "limit"))
        if self._config:
            yield Wish("order", spec.order, self.wish("order", "limit"))

    def wish(self, key: str, automatic: str) -> Place:
        """Where a key of this feed is written."""
        return self._inquiry.places.wish(self.name, key, automatic)

    def _article(self, card: Card) -> Article:
        return self._inquiry.pipeline.index.article(card.key)

    def _filter(self, rule: Rule, card: Card, passes: bool) -> Verdict:
        source, says = SOURCES.get(rule.name), rule.says(card, self.spec)
        if source is None:
            key = rule.name.replace("-", "_")
            value, wanted = getattr(card.traits, key, None), _plain(getattr(self.spec, key, None))
            failed = () if passes else self._inquiry.pipeline.desk.filters.ask(self._article(card))[1]
            notes = "; ".join(problem.what for problem in failed)
            says = f"{says} ({notes})" if notes else says
            return Verdict(rule.name, passes, says, value, wanted=wanted, wanted_at=self.wish(key, "all"))
        article, key = self._article(card), source.key
        wanted = getattr(self.spec, key)
        at = self._source(article, source.attribute)
        through = tuple(self._through(article, source))
        notes = "; ".join(place.note for place in through)
        return Verdict(
            rule.name, passes, f"{says} ({notes})" if notes else says, getattr(card.traits, source.trait),
            at.file, at.line, at.field, at.note, _plain(wanted), self.wish(key, _AUTOMATIC.get(key, "all")), through,
        )  # fmt: skip

    def _source(self, article: Article, attribute: str) -> Place:
        places = self._inquiry.places
        special = {"category": places.collection, "language": places.language, "provider": places.provider}
        return special[attribute](article) if attribute in special else places.front(article.path, attribute)

    def _through(self, article: Article, source: Source) -> Iterator[Place]:
        """What the taxonomy has to do with it: names that the article and the feed use, and topics above others."""
        config, places = self._config, self._inquiry.places
        wished = getattr(config, source.key, ()) if config else ()
        if source.trait == "topics":
            wanted = getattr(self.spec, source.key)
            yield from places.topics(article.topics, wanted)
            yield from places.topics(wished, frozenset())
        elif source.trait == "provider":
            named = [article.provider.name] if article.provider.name and not article.provider.domain else []
            for name in (*named, *wished):
                yield from places.known_provider(name)

    @property
    def _config(self) -> Any:
        return next((feed for feed in self._inquiry.pipeline.config.feeds if feed.name == self.name), None)

    def _no_feed(self) -> Verdict:
        """Why there is no such feed, or not any more."""
        name, places = self.name, self._inquiry.places
        switch = ALL if name == ALL else name.partition("/")[0] if name.startswith((TOPICS, PROVIDERS)) else ""
        if switch:
            at = places.setting(("output", switch))
            says = f"there is no such feed: output.{switch} is false"
            return Verdict("feed", False, says, name, wanted=False, wanted_at=at, remedy=f"Write `{switch} = true`.")
        at = places.configuration("no [[feed]] has that name")
        says = "the configuration has no such feed any more; its documents stay, and are empty"
        return Verdict("feed", False, says, name, wanted_at=at, remedy="Describe it again in a [[feed]].")

    def _minimum(self, card: Card, passes: bool) -> Verdict:
        spec, traits, places = self.spec, card.traits, self._inquiry.places
        minima = {"quality": spec.min_quality, "heat": spec.min_heat}
        asked_for = {name: least for name, least in minima.items() if least is not None}
        values = {"quality": traits.quality, "heat": traits.heat}
        wants = ", ".join(f"{name} ≥ {least}" for name, least in asked_for.items())
        stays = not enough(card, spec) and card.id in self._marked
        path = self._article(card).path
        has = ", ".join(f"{name} {value}{self._ranked(path, name, value)}" for name, value in values.items())
        says = f"{has}; the feed wants {wants}"
        low = [name for name, least in asked_for.items() if values[name] < least] or list(asked_for)
        first, *others = (places.front(path, name) for name in low)
        wishes = [self.wish(f"min_{name}", "all") for name in low]
        return Verdict(
            "minimum", passes, f"{says}{'; it was in before, so it stays' if stays else ''}", values,
            first.file, first.line, first.field, first.note, asked_for, wishes[0], (*others, *wishes[1:]),
        )  # fmt: skip

    def _ranked(self, path: str, attribute: str, value: int) -> str:
        """What a quality or a heat means that is none."""
        if value < 0:
            return " (unranked)"
        return "" if value or self._inquiry.places.front(path, attribute).file else " (not written)"

    def _age(self, card: Card, until: int) -> Verdict:
        young = self._now < until
        at = self._inquiry.places.front(self._article(card).path, "date")
        says = f"{'in the window until' if young else 'too old since'} {readable(until)}"
        return Verdict(
            "age", young, says, readable(card.since), at.file, at.line, at.field, at.note,
            self.spec.max_age, self.wish("max_age", "all"),
        )  # fmt: skip

    def _told_once(self, card: Card, twin: Card | None) -> Verdict:
        if twin is None:
            return Verdict("same-story", True, "told once")
        places, own, other = self._inquiry.places, self._article(card), self._article(twin)
        at, there = (places.front(one.path, "web_url" if one.web_url else "original_url") for one in (own, other))
        says = f"{twin.id} tells the same story and came first"
        through = (replace(there, note="came first"),)
        return Verdict("same-story", False, says, own.link, at.file, at.line, at.field, at.note, through=through)

    def _limit(self, card: Card, inside: bool) -> Verdict:
        spec, archives = self.spec, self._inquiry.pipeline.config.output.archives
        at, order = self.wish("limit", "limit"), self.wish("order", "limit") if self._config else Place()
        says = f"{'among' if inside else 'not among'} the first {spec.limit} ({spec.order})"
        if not inside:
            says += f": it is number {self._ranks[card.id]} of {len(self._ranks)}"
        kept = "; it is in the archives" if not inside and archives and has_archives(spec) else ""
        last = Place("", self._article(self.selection.cards[-1]).path, note="the last that is in")
        through = (*((order,) if order.file else ()), *(() if inside else (last,)))
        value = None if inside else self._ranks[card.id]
        return Verdict("limit", inside, f"{says}{kept}", value, wanted=spec.limit, wanted_at=at, through=through)

    def _waits(self, card: Card, fits: bool) -> Verdict:
        """When an article that fits can come in, or the feed is chosen anew."""
        moment = self.enters_at(card)
        says = "enters" if fits else "the feed is chosen anew"
        return self._scheduled(False, f"{says} at {readable(moment)}" if moment else "nothing enters any more", moment)

    def enters_at(self, card: Card) -> int | None:
        """The first moment at which an article may come in; None for none."""
        if self.spec.schedule is None:
            return max(self._now, card.since)
        return self.spec.schedule.next(max(self._now, card.since - 1))

    def _scheduled(self, passes: bool, says: str, moment: int | None) -> Verdict:
        schedule = self.spec.schedule.text if self.spec.schedule else ""
        at = self.wish("schedule", "all")
        return Verdict("schedule", passes, says, readable(moment) if moment else None, wanted=schedule, wanted_at=at)

    @property
    def _formats(self) -> list[str]:
        return [form.suffix for form in self._inquiry.pipeline.desk.formats if form.suffix != PAGE]

    def paths(self) -> list[str]:
        """The documents of the feed, as paths below the output directory."""
        return [f"{self.name}.{suffix}" for suffix in self._formats]

    def _document(self, lies: bool, documents: Documents) -> Verdict:
        paths = ", ".join(self.paths())
        output = self._inquiry.pipeline.config.output.path
        at = str(output / (documents.lost.get(self.name) or self.paths()[0]))
        wanted_at = self._inquiry.places.setting(("output", "path"))
        remedy = "`feedd run` or `feedd build` writes it."
        if lies:
            return Verdict("documents", True, f"is in {paths}", self.paths(), wanted_at=wanted_at)
        if self.name in documents.lost:
            says = f"{documents.lost[self.name]} was changed or removed since it was written"
        elif self.name in documents.stale:
            says = f"{paths}: something could not be written at the last try, which is made again"
            remedy = "`feedd status` and the log say why; look after the disk and the permissions."
        else:
            says = f"{paths}: not written since, so that they do not show it yet"
        return Verdict("documents", False, says, self.paths(), at, wanted_at=wanted_at, remedy=remedy)

    def _still_shown(self) -> Verdict:
        says = f"{', '.join(self.paths())}: something could not be written, so that they may still show it"
        wanted_at = self._inquiry.places.setting(("output", "path"))
        return Verdict("documents", True, says, self.paths(), wanted_at=wanted_at)

    def _unwritable(self, card: Card) -> list[Problem]:
        """Why formats cannot write the article's entry: asked of the formats themselves."""
        pipeline = self._inquiry.pipeline
        told = pipeline.ledger.told(card.id)
        links, article = pipeline.index.sources([card.key])[card.key]
        [columns] = pipeline.desk.write([Job(card.id, told.updated if told else card.since, links, article)])
        pairs = zip(pipeline.desk.formats, columns, strict=True)
        return [column for form, column in pairs if isinstance(column, Problem) and form.suffix != PAGE]

    def _format(self, failed: list[Problem]) -> Verdict:
        at = self._inquiry.places.setting(("output", "formats"))
        beside = "; the other formats have it" if len(failed) < len(self._formats) else ""
        says = "; ".join(problem.what for problem in failed) + beside
        formats = self._inquiry.pipeline.config.output.formats
        remedy = "Mend what it says in the article, or the format."
        return Verdict("format", False, says, wanted=formats, wanted_at=at, remedy=remedy)

"""Explain: why an article is in a feed or not, rule by rule, each with where what decides is written.

In: a pipeline that has just run, the moment, and an article's path (`named` makes one of what somebody calls it). Out:
verdicts in the order in which the rules are asked. Decides nothing: files are read by the desk, the rules are those of
`feeds.select`, and whether documents show what they are to show the ledger knows. Writes nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from sqlite3 import DatabaseError
from stat import S_ISDIR, S_ISREG
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from feedd.content.article import Article, Hold, Reading, Rules, parse
from feedd.content.header import withdrawn_at
from feedd.content.source import pattern, shown
from feedd.desk import Job, Record, duplicate_id
from feedd.errors import Problem
from feedd.feeds.archive import has_archives
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.plan import ALL
from feedd.feeds.select import (
    FILTERS,
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
from feedd.named import feed_names
from feedd.pipeline import Pipeline
from feedd.places import Place, Places
from feedd.publish.directory import PAGE, Directory
from feedd.state.index import Row

OF_ARTICLES = (
    "content", "file", "front-matter", "scan", "id", "guard", "published", "draft", "removed", "slip", "embargo",
    "expiry",
)  # fmt: skip
"""The rules that are asked of an article by itself, in their order."""
OF_FEEDS = (
    *(rule.name for rule in FILTERS), "feed", "minimum", "age", "same-story", "limit", "schedule", "documents", "format"
)  # fmt: skip
"""The rules that are asked of an article in a feed, in their order."""


class Verdict(Struct, frozen=True):
    """What one rule says of an article: whether it lets it in, and why, for people.

    `value` is what the article has, and `file`, `line`, `field` and `note` tell of where that is written (as
    `places.Place` does); `wanted` is what the feed, or feedd, wants, and `wanted_at` where that is; `through` is what
    else decides, such as a name in the taxonomy. `remedy` says what to do about a mistake.
    """

    rule: str
    passes: bool
    says: str
    value: Any = None
    file: str = ""
    line: int | None = None
    field: str = ""
    note: str = ""
    wanted: Any = None
    wanted_at: Place | None = None
    through: tuple[Place, ...] = ()
    remedy: str = ""

    @property
    def places(self) -> tuple[Place, ...]:
        """All places: of the article's value if it is a field, of what is wanted, and what else decides."""
        own = (Place(self.field, self.file, self.line, self.note),) if self.line or self.field else ()
        return (*own, *((self.wanted_at,) if self.wanted_at else ()), *self.through)


class Explanation(Struct, frozen=True):
    """All verdicts on an article by itself (`article`), then on it in each feed that matters (`feeds`). `former` tells
    that the feed was asked for by a name that its topic had before.
    """

    path: str
    id: str
    article: tuple[Verdict, ...]
    feeds: dict[str, tuple[Verdict, ...]]
    former: Place | None = None

    def shown_in(self, feed: str) -> bool:
        """Whether subscribers of that feed see the article, whichever of its documents they read."""
        return feed in self.feeds and not self.refusals(feed)

    def refusals(self, feed: str) -> list[Verdict]:
        """The verdicts that keep it out of that feed."""
        return [one for one in (*self.article, *self.feeds.get(feed, ())) if not one.passes]

    def barred_by_itself(self, feed: str) -> bool:
        """Whether what is said of the article by itself alone keeps it out of that feed: no rule of the feed does."""
        return not all(one.passes for one in self.article) and all(one.passes for one in self.feeds.get(feed, ()))


class Documents(Struct, frozen=True):
    """What the documents of feeds show: the ids in each, the feeds of which something could not be written, and those
    of which a document is not as it was left, with that document.
    """

    members: dict[str, frozenset[str]]
    stale: frozenset[str]
    lost: dict[str, str]


def documents_of(pipeline: Pipeline) -> Documents | None:
    """What lies in the output directory; None where the state that knows is damaged. To be asked before a rehearsal,
    which only notes what it would write.
    """
    try:
        feeds = list(pipeline.ledger.all_members())
        written = list(pipeline.ledger.all_written())
    except DatabaseError:
        return None
    directory, formats = (
        Directory(pipeline.config.output.path),
        {form.suffix for form in pipeline.desk.formats} - {PAGE},
    )
    lost = {
        one.feed: path
        for path, one in written
        if path.rpartition(".")[2] in formats
        and path.rpartition(".")[0] == one.feed
        and not (directory.lies(path, one.size, one.mtime) or _is_as_left(directory.root / path, one.digest))
    }
    members = {name: frozenset(ids) for name, _, ids in feeds}
    return Documents(members, frozenset(name for name, stale, _ in feeds if stale), lost)


def _is_as_left(place: Path, digest: bytes) -> bool:
    """Whether a document is as it was left, though its file looks another, as one that was copied does."""
    with suppress(OSError):
        return blake2b(place.read_bytes(), digest_size=len(digest) or 1).digest() == digest
    return False


@dataclass(slots=True)
class Inquiry:
    """What is asked: of a pipeline that has just run, at a moment; what documents show, None if that is not asked."""

    pipeline: Pipeline
    now: int
    places: Places
    documents: Documents | None


def explain(
    pipeline: Pipeline,
    path: str,
    now: int,
    feed: str | None = None,
    file: Path | None = None,
    documents: Documents | None = None,
) -> Explanation:
    """Why the article at a path is where it is. `feed` names one feed, perhaps by a former name; without it, those of
    its topics, its provider, all, and every configured one. No feeds are explained for what no author published.

    `file` is that of the configuration, in which places are looked for. `documents` are looked at as well if they are
    given: as they are now, or were before a rehearsal. Raises KeyError for a feed that there is not, and that would not
    be there whatever `[output]` says.
    """
    inquiry, plan = Inquiry(pipeline, now, Places(pipeline.desk, file), documents), pipeline.desk.plan
    asked_for, feed = feed, plan.former.get(feed, feed) if feed else None
    row = pipeline.index.row(path) if _can_be_named(path) else None
    card = pipeline.catalogue.get(row.id) if row and row.id and not row.rival else None
    article = pipeline.index.article(card.key) if card else None
    if feed and feed not in {*feed_names(pipeline), *(possible_feeds(pipeline, article) if article else ())}:
        raise KeyError(feed)
    former = inquiry.places.former(asked_for, feed) if asked_for and feed and asked_for != feed else None
    verdicts = tuple(_standing(inquiry, row, path))
    if row is None or card is None:
        return Explanation(path, (row and row.id) or "", verdicts, {}, former)
    names = [feed] if feed else sorted({*plan.route(card), *plan.configured})
    feeds = {name: Membership(inquiry, name).verdicts(card) for name in names}
    return Explanation(path, card.id, verdicts, feeds, former)


def possible_feeds(known: Pipeline, article: Article) -> set[str]:
    """The automatic feeds that an article would be in if no switch in the configuration kept them from being there."""
    taxonomy = known.desk.taxonomy
    topics = {taxonomy.topic(name).slug for name in article.topics}
    above = {slug for topic in topics for slug in taxonomy.ancestors(topic)}
    provider = taxonomy.organization(article.provider, article.link).key
    return {ALL, *(TOPICS + slug for slug in topics | above), *([PROVIDERS + provider] if provider else [])}


# The article by itself


class File(NamedTuple):
    """What a file holds now: its record and its reading, or why it cannot be read."""

    record: Record | Problem | None
    reading: Reading | None = None
    data: bytes = b""


def _standing(inquiry: Inquiry, row: Row | None, path: str) -> Iterator[Verdict]:
    """What the file says now, then what the index holds of it, which is what subscribers see."""
    kept = row is not None and row.id is not None
    whereabouts = _content(inquiry, path, kept)
    wanted = whereabouts.passes and not whereabouts.remedy
    file = read_file(inquiry, path, inquiry.pipeline.desk.rules) if wanted else File(None)
    yield whereabouts
    if wanted:
        yield from _as_read(inquiry, path, file, kept)
    if row is None or row.id is None:
        if isinstance(file.record, Record) and file.record.state == "article":
            yield _not_found(inquiry, path)
        return
    yield _id(inquiry, row)
    if row.shown(inquiry.now) and _leaves(file.record, inquiry.now):
        says = "it would leave, but is held back: too many would at once, or the content cannot be listed"
        yield Verdict("guard", True, says, wanted_at=inquiry.places.setting(("guard", "fraction")))
    yield from _decided(inquiry, inquiry.pipeline.index.article(row.key), file)


def _can_be_named(path: str) -> bool:
    return shown(path) == path


def _content(inquiry: Inquiry, path: str, kept: bool) -> Verdict:
    """Whether a path is one of content; the remedy is there only if it is not."""
    tree, content, places = inquiry.pipeline.desk.tree, inquiry.pipeline.config.content, inquiry.places
    include, exclude = places.setting(("content", "include")), places.setting(("content", "exclude"))

    def refused(says: str, remedy: str, wanted: object = None, at: Place | None = None) -> Verdict:
        return Verdict("content", kept, says, shown(path), wanted=wanted, wanted_at=at, remedy=remedy)

    hidden = next((part for part in path.split("/") if part.startswith(".") and part not in {".", ".."}), "")
    if path.startswith(("/", "../")) or path == "..":
        root = places.setting(("content", "path"))
        return refused("is outside the content directory", "Move it there.", str(content.path), root)
    if not _can_be_named(path):
        return refused("its name is not UTF-8", "Rename the file.")
    if hidden:
        return refused(f"is hidden, since {hidden} begins with a dot", "Rename it.")
    if glob := next((glob for glob in content.exclude if pattern([glob]).match(path)), ""):
        return refused(
            f"is excluded by {glob}", "Move it, or take that out of content.exclude.", content.exclude, exclude
        )
    if not (glob := next((glob for glob in content.include if pattern([glob]).match(path)), "")):
        says = f"is not matched by content.include: {', '.join(content.include)}"
        return refused(says, "Rename it, or add a pattern.", content.include, include)
    if link := tree.linked(path):
        return refused(f"lies behind the symbolic link {link}, which is not followed", "Put the folder itself there.")
    return Verdict("content", True, f"is matched by {glob}", path, wanted=content.include, wanted_at=include)


def read_file(inquiry: Inquiry, path: str, rules: Rules) -> File:
    """What a file holds now, read by these rules."""
    desk = inquiry.pipeline.desk
    try:
        found = desk.tree.read(path, rules.max_bytes)
    except OSError:
        return File(desk.record(path))
    if found is None:
        return File(None)
    reading = parse(path, found[1], rules)
    return File(desk.file(path, found[0], reading), reading, found[1])


def _as_read(inquiry: Inquiry, path: str, file: File, kept: bool) -> Iterator[Verdict]:
    """The verdict on the file; one that says nothing good passes where the index still holds an article of it."""
    record, reading = file.record, file.reading
    if record is None:
        says = _absent(Path(inquiry.pipeline.desk.tree.root, path))
        yield Verdict("file", kept, says, path, path)
    elif isinstance(record, Problem):
        yield Verdict("file", kept, record.what, path, path, remedy=record.remedy)
    elif reading is None or record.state == "article":
        yield Verdict("front-matter", True, "reads well", file=path)
    elif record.state == "skipped":
        says = "the file does not open with a --- fence, so it is no article"
        yield Verdict("front-matter", kept, says, file=path, line=1, remedy="Open it with a line of three dashes.")
    elif record.state == "empty":
        yield Verdict("front-matter", kept, f"the file is empty; {_kept(record, kept)}", file=path, remedy="Write it.")
    else:
        yield from _broken(inquiry, path, file, reading, kept)


def _absent(place: Path) -> str:
    with suppress(OSError):
        status = place.stat()
        return "" if S_ISREG(status.st_mode) else f"is {'a folder' if S_ISDIR(status.st_mode) else 'no regular file'}"
    return "is a symbolic link that leads nowhere" if place.is_symlink() else "there is no such file"


def _broken(inquiry: Inquiry, path: str, file: File, reading: Reading, kept: bool) -> Iterator[Verdict]:
    """A verdict for each error; what the text says beside them once."""
    wrong = [problem for problem in reading.problems if problem.severity == "error"]
    at = withdrawn_at(file.data) if reading.withdrawn else None
    through = (Place(at[0], path, at[1], "the text says not to publish it"),) if at else ()
    for problem in wrong:
        says = f"{problem.field}: {problem.what}" if problem.field else problem.what
        wanted_at = inquiry.places.setting(("content", "max_bytes")) if problem.kind == "too-large" else None
        yield Verdict(
            "front-matter", kept, f"{says}; {_kept(reading, kept)}", problem.kind, path, problem.line, problem.field,
            wanted_at=wanted_at, through=through, remedy=problem.remedy,
        )  # fmt: skip


def _kept(reading: Reading | Record, kept: bool) -> str:
    if reading.withdrawn:
        return "its text says not to publish it"
    return "its last good version stays" if kept else "it never read well"


def _not_found(inquiry: Inquiry, path: str) -> Verdict:
    """Why an article that reads well is not known: nothing tells of it, or the guard keeps what it would replace."""
    folders = path.split("/")[:-1]
    for count in range(len(folders) + 1):
        folder = "/".join(folders[:count])
        try:
            os.scandir(f"{inquiry.pipeline.desk.tree.root}/{folder}").close()
        except OSError as error:
            says = f"the folder {folder or '.'} cannot be listed: {error.strerror}, so nobody knows of the file"
            return Verdict("scan", False, says, path, path, remedy="Let feedd's user read it.")
    says = "is not known yet: it came since the content was looked at, or would replace what the guard holds back"
    return Verdict(
        "scan", False, says, path, path, remedy="Ask again after the next run; `feedd status` tells of the guard."
    )


def _id(inquiry: Inquiry, row: Row) -> Verdict:
    id, places = str(row.id), inquiry.places
    at = places.front(row.path, "guid") if row.guid else Place("", row.path)
    if not row.rival:
        return Verdict("id", True, id, id, at.file, at.line, at.field)
    problem = duplicate_id(row.path, id, row.rival)
    other = places.key(row.rival, "guid") if places.has(row.rival, "guid") else Place("", row.rival)
    through = (replace(other, note="keeps the id"),)
    return Verdict(
        "id", False, f"{id}, which {row.rival} keeps", id, at.file, at.line, at.field,
        through=through, remedy=problem.remedy,
    )  # fmt: skip


def _leaves(record: Record | Problem | None, now: int) -> bool:
    """Whether an article would be seen no longer, if it went by its file alone."""
    if record is None:
        return True
    if isinstance(record, Problem) or (record.state in {"broken", "empty"} and not record.withdrawn):
        return False
    return not record.shown(now)


def _decided(inquiry: Inquiry, article: Article, file: File) -> Iterator[Verdict]:
    """What its author decided, and when it is public."""
    holds = _holds(article, file)
    if not holds or any(hold.rule != "slip" for hold in holds) or inquiry.places.has(article.path, "published"):
        yield _published(inquiry, article, holds, file)
    if any(hold.rule == "draft" for hold in holds):
        yield verdict_on_hold(inquiry, article.path, Hold("draft", "draft"), file)
    removals = [hold for hold in holds if hold.rule == "removed"]
    yield from (verdict_on_hold(inquiry, article.path, hold, file) for hold in removals)
    if not removals:
        yield Verdict("removed", True, "not removed")
    yield from (verdict_on_hold(inquiry, article.path, hold, file) for hold in holds if hold.rule == "slip")
    yield from _in_time(inquiry, article, file)


def _holds(article: Article, file: File) -> tuple[Hold, ...]:
    """All that keeps the article from being published as the index has it: what the file says, if it is that which the
    index has.
    """
    if article.published and not article.removed:
        return ()
    if file.reading and file.reading.held:
        return file.reading.held
    at = withdrawn_at(file.data)
    if at and at[0] != "published":
        return (Hold("draft", "draft"),) if at[0] == "draft" else (Hold("removed", at[0]),)
    removed = (Hold("removed", "removed"),) if article.removed else ()
    return (*removed, *(() if article.published else (Hold("published", "published"),)))


def _published(inquiry: Inquiry, article: Article, holds: tuple[Hold, ...], file: File) -> Verdict:
    if any(hold.rule == "published" for hold in holds):
        return verdict_on_hold(inquiry, article.path, Hold("published", "published"), file)
    at = inquiry.places.front(article.path, "published")
    if at.file:
        return Verdict("published", True, "published is true", True, at.file, at.line, at.field)
    for number, one in enumerate(inquiry.pipeline.config.collections, 1):
        if one.name == article.collection and one.published_default:
            wanted_at = inquiry.places.setting(("collection", number, "published_default"))
            return Verdict("published", True, f"is true unless said otherwise in {one.name}", True, wanted_at=wanted_at)
    return Verdict("published", True, "published was true", True, article.path)


def verdict_on_hold(inquiry: Inquiry, path: str, hold: Hold, file: File) -> Verdict:
    """The verdict on a key that keeps an article from being published."""
    at = inquiry.places.key(path, hold.key)
    problems = file.reading.problems if file.reading else ()
    told = next((one for one in problems if one.field == hold.key and one.severity == "warning"), None)
    text = withdrawn_at(file.data)
    if told:
        says, remedy = f"{hold.key} {told.what}", told.remedy
    elif at.line:
        says, remedy = _SAID[hold.rule].format(key=hold.key), _REMEDIES[hold.rule].format(key=hold.key)
    elif text and text[0] == hold.key:
        at, says = Place(hold.key, path, text[1]), "its text, which cannot be read, says not to publish it"
        remedy = "Mend the file, and write `published: true`."
    else:
        says, remedy = "published was not true", "Write `published: true`."
    return Verdict(hold.rule, False, says, False, at.file, at.line, at.field, wanted=True, remedy=remedy)


_SAID = {"published": "published is false", "draft": "draft is true", "removed": "{key} is true", "slip": "{key}"}
_REMEDIES = {
    "published": "Write `published: true` to publish it.",
    "draft": "Take `draft` out to publish it.",
    "removed": "Take `{key}` out to publish it again.",
    "slip": "",
}


def _in_time(inquiry: Inquiry, article: Article, file: File) -> Iterator[Verdict]:
    now, places = inquiry.now, inquiry.places
    naive = {one.field for one in (file.reading.problems if file.reading else ()) if one.kind == "naive-date"}
    zone = places.setting(("content", "timezone"), note="the date names no time zone")
    over, at = article.date <= now, places.front(article.path, "date")
    says = f"{'public since' if over else 'appears at'} {readable(article.date)}"
    through = (zone,) if at.field in naive else ()
    yield Verdict("embargo", over, says, readable(article.date), at.file, at.line, at.field, through=through)
    if article.expires is not None:
        stays, at = now < article.expires, places.front(article.path, "expires")
        says = f"{'leaves' if stays else 'left'} at {readable(article.expires)}"
        through = (zone,) if at.field in naive else ()
        yield Verdict("expiry", stays, says, readable(article.expires), at.file, at.line, at.field, through=through)


# The article in a feed


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
        says = f"quality {traits.quality}, heat {traits.heat}; the feed wants {wants}"
        low = [name for name, least in asked_for.items() if values[name] < least] or list(asked_for)
        path = self._article(card).path
        first, *others = (places.front(path, name) for name in low)
        wishes = [self.wish(f"min_{name}", "all") for name in low]
        return Verdict(
            "minimum", passes, f"{says}{'; it was in before, so it stays' if stays else ''}", values,
            first.file, first.line, first.field, "", asked_for, wishes[0], (*others, *wishes[1:]),
        )  # fmt: skip

    def _age(self, card: Card, until: int) -> Verdict:
        young = self._now < until
        at = self._inquiry.places.front(self._article(card).path, "date")
        says = f"{'in the window until' if young else 'too old since'} {readable(until)}"
        return Verdict(
            "age", young, says, readable(card.since), at.file, at.line, at.field, "",
            self.spec.max_age, self.wish("max_age", "all"),
        )  # fmt: skip

    def _told_once(self, card: Card, twin: Card | None) -> Verdict:
        if twin is None:
            return Verdict("same-story", True, "told once")
        places, own, other = self._inquiry.places, self._article(card), self._article(twin)
        at, there = (places.front(one.path, "web_url" if one.web_url else "original_url") for one in (own, other))
        says = f"{twin.id} tells the same story and came first"
        through = (replace(there, note="came first"),)
        return Verdict("same-story", False, says, own.link, at.file, at.line, at.field, through=through)

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

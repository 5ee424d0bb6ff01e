"""Pipeline: one run, from what changed on disk to documents in their places.

    config → scan or hints → intake → file → observe → select(now) → render → publish

In: a configuration, the moment, and perhaps the paths to look at. Out: a `Report`. `Pipeline.run` is the line; each word
of it is a method below and a module of its own. Nothing here asks for the time. Every failure costs what it must and no
more, becomes a `Problem` in the report, and is tried again by the next run: what the state says is committed only after
the documents are in their places.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo

from feedd import __version__
from feedd.config import Config
from feedd.content import taxonomy as taxonomies
from feedd.content.article import Article, Link, Picture, Rules
from feedd.content.source import Changes, Tree
from feedd.content.taxonomy import OrganizationItem, Taxonomy, TopicItem
from feedd.errors import PublishError, Problem, RenderError, SourceError
from feedd.feeds.catalogue import Catalogue
from feedd.feeds.entry import Document, Entry, Feed, projection_hash
from feedd.feeds.formats import FORMATS, Format
from feedd.feeds.plan import Plan
from feedd.feeds.project import MAX_RELATED, distinct_related, project
from feedd.feeds.select import Card, Selection, Spec, select
from feedd.publish.directory import Directory
from feedd.state.database import Database
from feedd.state.index import Index, decode_card
from feedd.state.intake import Edits, Intake
from feedd.state.ledger import KnownFeed, Ledger, Told, Written


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. `written` are the paths of the documents that changed, `feeds` those looked at, `due` the next
    moment at which something changes by time alone, `withheld` the articles that the guard keeps from leaving.
    """

    now: int
    read: int = 0
    feeds: int = 0
    written: tuple[str, ...] = ()
    unchanged: int = 0
    withheld: int = 0
    due: int | None = None
    problems: tuple[Problem, ...] = ()


Progress = Callable[[str, int, int], None]
"""Told what is being done, how many are done, and how many there are."""


def _silent(what: str, done: int, total: int) -> None:
    """No progress."""


@dataclass(slots=True)
class _Outcome:
    """What a run has published so far."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


class Pipeline:
    """The line, with what it keeps in memory between runs: the plan, the catalogue, and bytes of entries."""

    def __init__(
        self, config: Config, database: Database, tree: Tree, directory: Directory, progress: Progress = _silent
    ) -> None:
        self.config = config
        self._database, self._tree, self._directory, self._progress = database, tree, directory, progress
        self.index, self.ledger = Index(database), Ledger(database)
        self._rules = rules_of(config)
        self._formats = [FORMATS[name] for name in config.output.formats]
        self._plan: Plan | None = None
        self._catalogue: Catalogue | None = None
        self._rendered: dict[str, tuple[Told, list[bytes | None]]] = {}

    def run(self, now: int, hints: Iterable[str] | None = None, approved: bool = False) -> Report:
        """One pass at the moment `now`. `hints` are paths to look at, None scans everything.

        Raises StateError where the state cannot be kept; the documents are in their places nevertheless, and the next
        run does it again.
        """
        try:
            with self._database.transaction():
                return self._run(now, hints, approved)
        except BaseException:
            self._catalogue = None
            raise

    def _run(self, now: int, hints: Iterable[str] | None, approved: bool) -> Report:
        renewed = self._renew(hints)
        changes, problems = self._changes(hints)
        edits = Intake(self.config, self._tree, self._rules, self.index, self.ledger, now).take(changes, approved)
        last, due = self._number("now", now), self._number("due", now)
        touched = set(self.ledger.stale_feeds(now))
        touched |= set() if hints is not None else self._missing()
        if renewed or edits.ids or not last <= now < due:
            touched |= self._observe_all(edits, now) if renewed else self._observe(edits, last, now)
        outcome = self._publish(touched, now)
        report = Report(
            now, edits.read, len(touched), tuple(outcome.written), outcome.unchanged, edits.withheld, self._due(now),
            (*problems, *edits.problems, *outcome.problems),
        )  # fmt: skip
        self._remember(report)
        return report

    # Scan

    def _changes(self, hints: Iterable[str] | None) -> tuple[Changes, list[Problem]]:
        """What is different on disk; nothing, and the problem, where the content cannot be listed."""
        try:
            if hints is not None:
                return self._tree.look(hints, self.index.stamp), []
            return self._tree.scan(self.index.stamps()), []
        except SourceError as error:
            return Changes(), [error.problem]

    # Settings

    def _renew(self, hints: Iterable[str] | None) -> bool:
        """Whether configuration, taxonomy or feedd itself changed, so that every entry has to be looked at again."""
        if hints is not None:
            return False
        parsing = f"{__version__} {self.config.parsing_fingerprint} {self.config.site.id_authority},{self.config.site.id_date}"
        if self._changed("parsing", parsing):
            self.index.forget_stamps()
        folders = (*self.config.taxonomy.topics, *self.config.taxonomy.providers)
        settings = f"{__version__} {self.config.fingerprint} {taxonomies.fingerprint(folders).hex()}"
        renewed = self._changed("settings", settings)
        if renewed:
            self._plan, self._catalogue = None, None
        return renewed

    def _changed(self, name: str, value: str) -> bool:
        if self._database.get(name) == value.encode():
            return False
        self._database.set(name, value.encode())
        return True

    def _number(self, name: str, absent: int) -> int:
        value = self._database.get(name)
        return int(value) if value else absent

    @property
    def plan(self) -> Plan:
        """The feeds that there can be."""
        if self._plan is None:
            self._plan = Plan(self.config, read_taxonomy(self.config)[0])
        return self._plan

    @property
    def catalogue(self) -> Catalogue:
        """The cards of all published articles."""
        if self._catalogue is None:
            self._catalogue = Catalogue(self.plan.route)
            self._catalogue.fill(map(decode_card, self.index.cards()))
        return self._catalogue

    # File: ids get their cards

    def _file_all(self) -> None:
        """Make every card anew, out of the index alone."""
        keepers: dict[str, str] = {}
        cards: list[tuple[int, Card | None]] = []
        for row, article in self.index.all_articles():
            keeper = keepers.setdefault(row.id or "", row.path)
            self.index.rival(row.key, None if keeper == row.path else keeper)
            cards.append((row.key, self._card(row.key, row.id, row.story, article) if keeper == row.path else None))
        self.index.file_cards(cards)
        self._catalogue = Catalogue(self.plan.route)
        self._catalogue.fill(card for _, card in cards if card)

    def _card(self, key: int, id: str | None, story: int | None, article: Article) -> Card | None:
        if id is None or not article.published or article.removed:
            return None
        return self.plan.card(key, id, -key if story is None else story, article)

    def _file(self, id: str) -> set[str]:
        """Bring the card of one id up to date: of the files that hold it, the first keeps it. Gives the feeds touched."""
        old, new = self.catalogue.get(id), None
        for place, row in enumerate(holders := self.index.holders(id)):
            self.index.rival(row.key, holders[0].path if place else None)
            card = None if place else self._card(row.key, id, row.story, self.index.article(row.key))
            self.index.file_cards([(row.key, card)])
            new = card or new
        if old == new:
            return set()
        self.catalogue.replace(id, new)
        return {name for card in (old, new) if card for name in self.plan.route(card)}

    # Observe: what subscribers see of them now, against what they were told

    def _observe_all(self, edits: Edits, now: int) -> set[str]:
        """Everything anew: all cards, all entries, all feeds."""
        self._file_all()
        ids = self.catalogue.ids()
        for done, id in enumerate(ids):
            self._tell(id, now, id in edits.ids)
            self._progress("articles", done, len(ids))
        for id in self.ledger.standing():
            if self.catalogue.get(id) is None:
                self.ledger.retract(id, now)
        return {*self.catalogue.names(), *self.ledger.feeds(), *self.plan.standing()}

    def _observe(self, edits: Edits, last: int, now: int) -> set[str]:
        """What changed on disk, what came or went with time, and what has a link to one of those."""
        touched = {name for id in sorted(edits.ids) for name in self._file(id)}
        crossing = self.catalogue.crossing(last, now)
        stories = edits.stories | {card.story for id in crossing if (card := self.catalogue.get(id))}
        relating = {id for key in self.index.relating(stories) if (id := self.index.id_of(key))}
        for id in sorted(edits.ids | set(crossing) | relating):
            if self._tell(id, now, True):
                touched |= set(self.plan.route(card)) if (card := self.catalogue.get(id)) else set()
        return touched

    def _tell(self, id: str, now: int, edited: bool) -> bool:
        """Note in the ledger what is told of an entry from now on; False if that is what was told before.

        `edited`: its content may have changed. A change that comes from the configuration or the taxonomy is published,
        but is no news: it leaves `updated` alone.
        """
        card, told = self.catalogue.get(id), self.ledger.told(id)
        if card is None or not card.shown(now):
            return self.ledger.retract(id, now)
        article = self.index.article(card.key)
        entry = self._entry(id, article, now)
        digest = projection_hash(entry)
        changed = _last_change(told, digest, now, edited)
        updated = max(article.date, article.modified or 0, changed or 0)
        new = Told(told.first_public if told else now, digest, updated, changed)
        if new == told:
            return False
        self.ledger.tell(id, new, entry.link)
        return True

    def _entry(self, id: str, article: Article, now: int, updated: int = 0) -> Entry:
        related = self._shown_related(article, now)
        return project(article, id, updated, related, self.plan.taxonomy, self.config)

    def _shown_related(self, article: Article, now: int) -> list[Link]:
        """The related links that give nothing away: those to articles of one's own that are not public are left out."""
        links: list[Link] = []
        for link in distinct_related(article):
            rows = self.index.of_story(link.story)
            if not rows or any(self._seen(row.id, row.key, now) for row in rows):
                links.append(link)
            if len(links) == MAX_RELATED:
                break
        return links

    def _seen(self, id: str | None, key: int, now: int) -> bool:
        card = self.catalogue.get(id) if id else None
        return card is not None and card.key == key and card.shown(now)

    # Select, render, publish

    def _publish(self, names: Iterable[str], now: int) -> _Outcome:
        """Bring the documents of these feeds up to date."""
        outcome = _Outcome()
        todo = sorted(names)
        for done, name in enumerate(todo):
            self._progress("feeds", done, len(todo))
            self._publish_feed(name, now, outcome)
        try:
            self._directory.settle()
        except OSError as error:
            what = f"cannot be made durable: {error.strerror}"
            outcome.problems.append(Problem("not-synced", what, "Look after the disk.", str(self._directory.root)))
        return outcome

    def _publish_feed(self, name: str, now: int, outcome: _Outcome) -> None:
        known, spec = self.ledger.feed(name), self.plan.spec(name)
        marked = self.ledger.marks(name) if spec.sticky else set()
        selection = select(spec, self.catalogue.shelf(name), now, marked, self.catalogue.twins)
        if not (selection.cards or known or name in self.plan.standing()):
            return
        if spec.sticky:
            self.ledger.mark(name, selection.marks)
        rendered = [(card, *self._render(card, now, outcome)) for card in selection.cards]
        feed, label = self._feed(spec, selection, [told for _, told, _ in rendered], known, now)
        stale = False
        for column, form in enumerate(self._formats):
            entries = [data for _, _, columns in rendered if (data := columns[column]) is not None]
            stale |= not self._place(feed, form, entries, outcome)
        self.ledger.keep_feed(name, KnownFeed(label, feed.updated, selection.due, stale))

    def _render(self, card: Card, now: int, outcome: _Outcome) -> tuple[Told, list[bytes | None]]:
        """What was told of a card, and its entry in each format; None for a format that cannot write it."""
        told = self.ledger.told(card.id)
        if told is None:
            raise LookupError(f"{card.id} was never told")
        cached = self._rendered.get(card.id)
        if cached is None or cached[0] != told:
            entry = self._entry(card.id, self.index.article(card.key), now, told.updated)
            cached = self._rendered[card.id] = (told, [_entry_bytes(form, entry, outcome) for form in self._formats])
        return cached

    def _feed(
        self, spec: Spec, selection: Selection, told: Sequence[Told], known: KnownFeed | None, now: int
    ) -> tuple[Feed, str]:
        """The head of a feed, and what its topic or provider is called."""
        site, output = self.config.site, self.config.output
        newest = max(selection.cards, key=lambda card: card.since, default=None)
        label, icon, logo = self._named(spec, newest, known)
        title = spec.title.format(site=site.title, name=label) if spec.kind != "feed" else spec.title
        description = spec.description or output.description.format(site=site.title, name=label, title=title)
        updated = max((one.updated for one in told), default=known.updated if known else 0)
        feed = Feed(
            f"tag:{site.id_authority},{site.id_date}:feeds/{spec.name}", spec.name, site.feeds_url, title, description,
            site.url, site.language, updated, newest.since if newest else None, output.ttl, icon, logo,
        )  # fmt: skip
        return feed, label

    def _named(self, spec: Spec, newest: Card | None, known: KnownFeed | None) -> tuple[str, str, str]:
        """The name of a feed's topic or provider, as the taxonomy or else the newest article has it; icon and logo."""
        if newest is None or spec.kind not in {"topic", "provider"}:
            return (known.label if known else spec.name.rpartition("/")[2]), "", ""
        article = self.index.article(newest.key)
        taxonomy = self.plan.taxonomy
        if spec.kind == "provider":
            found = taxonomy.organization(article.provider, article.link)
            return found.name, found.icon, found.logo
        wanted = spec.name.rpartition("/")[2]
        own = next((topic for topic in map(taxonomy.topic, article.topics) if topic.slug == wanted), None)
        listed = taxonomy.listed(wanted)
        return (listed or own).name if listed or own else wanted, "", ""

    def _place(self, feed: Feed, form: Format, entries: Sequence[bytes], outcome: _Outcome) -> bool:
        """Put a feed in one format into its place, and wherever a former name of it leads; False if that failed."""
        try:
            data = form.document(feed, entries)
            for name in (feed.name, *self.plan.aliases(feed.name)):
                self._put(name, Document(f"{name}.{form.suffix}", data), outcome)
        except (RenderError, PublishError) as error:
            outcome.problems.append(error.problem)
            return False
        return True

    def _put(self, name: str, document: Document, outcome: _Outcome) -> None:
        placed = self._directory.put(document)
        if placed.written:
            outcome.written.append(document.path)
        else:
            outcome.unchanged += 1
        self.ledger.write(document.path, Written(name, document.digest, placed.size, placed.mtime))

    def _missing(self) -> set[str]:
        """The feeds of which a document does not lie as it was left: somebody removed or changed it."""
        lies = self._directory.lies
        return {one.feed for path, one in self.ledger.all_written() if not lies(path, one.size, one.mtime)}

    # State

    def _due(self, now: int) -> int | None:
        """The next moment at which time alone changes something."""
        if self._catalogue is None:
            stored = self._database.get("due")
            return int(stored) if stored else None
        moments = (self._catalogue.next_moment(now), self.ledger.next_due())
        return min((moment for moment in moments if moment is not None), default=None)

    def _remember(self, report: Report) -> None:
        self._database.set("now", str(report.now).encode())
        self._database.set("due", str(report.due).encode() if report.due is not None else b"")


def _last_change(told: Told | None, digest: bytes, now: int, edited: bool) -> int | None:
    """When subscribers last saw an entry change; coming back later than its tombstone's `when` (design: section 6)."""
    if told is None:
        return None
    if told.retracted is not None:
        return max(now, told.retracted + 1)
    return now if edited and told.hash != digest else told.changed


def _entry_bytes(form: Format, entry: Entry, outcome: _Outcome) -> bytes | None:
    try:
        return form.entry(entry)
    except RenderError as error:
        outcome.problems.append(error.problem)
        return None


def rules_of(config: Config) -> Rules:
    """How the configuration wants files read."""
    content = config.content
    return Rules(
        zone=_zone(content.timezone),
        own_pages=bool(content.own_pages),
        repair_mojibake=content.repair_mojibake,
        max_bytes=content.max_bytes,
        folders=tuple((folder, one.name) for one in config.collections for folder in one.folders),
        published_by_default=frozenset(one.name for one in config.collections if one.published_default),
    )


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)


def tree_of(config: Config) -> Tree:
    """The content directory as the configuration describes it."""
    return Tree(config.content.path, config.content.include, config.content.exclude)


def read_taxonomy(config: Config) -> tuple[Taxonomy, list[Problem]]:
    """The taxonomy of the configuration and of the directories that it names, and what is wrong with it."""
    settings = config.taxonomy
    topics, problems = taxonomies.read_topics(settings.topics)
    organizations, more = taxonomies.read_organizations(settings.providers)
    inline = [TopicItem(one.name, one.id, one.parent, one.aliases) for one in settings.inline_topics]
    known = [
        OrganizationItem(one.name, one.domain, one.aliases, one.feed, _pictures(one.icon, one.logo))
        for one in settings.inline_providers
    ]
    taxonomy, doubled = taxonomies.build([*inline, *topics], [*known, *organizations], config.site.url)
    return taxonomy, [*problems, *more, *doubled]


def _pictures(icon: str, logo: str) -> tuple[Picture, ...]:
    """A configured icon and logo, as the smaller and the larger of two pictures."""
    return tuple(Picture(url, side, side) for url, side in ((icon, 1), (logo, 2)) if url)

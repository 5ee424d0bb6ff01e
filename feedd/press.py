"""Press: feeds in their places, with all that lies beside them: pages, archives, and lists of the feeds.

In: the names of the feeds that may be different now, and what the run knows. Out: documents in the output directory,
remembered in the ledger, and an `Outcome`. The only place from which documents are written and removed. Decides nothing
about articles: what is public was told to the ledger before, which feed takes what is `select`'s.

What a document names is there before it: pages need assets, feeds name archives, the index names feeds. Archives that
are only different come after the feeds, so that a story waits for little, and what goes comes last. A run that looks at
everything writes all archives after the feeds: they are many, and readers of the feeds are more.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from itertools import groupby

import msgspec
from msgspec import structs

from feedd import __version__
from feedd.config import TAKEN, Config
from feedd.content.article import Article
from feedd.desk import Job
from feedd.errors import Problem, PublishError, RenderError
from feedd.feeds import archive, opml, pages, select
from feedd.feeds.archive import Archives, Volume
from feedd.feeds.entry import Document, Feed, Listing, Tombstone
from feedd.feeds.formats import FORMATS, Format, formats_of
from feedd.feeds.manifest import ASSETS, NAME, UNKNOWN, Manifest
from feedd.feeds.plan import ALL
from feedd.feeds.project import address
from feedd.feeds.select import Card, Selection, Spec, choose, place
from feedd.feeds.site import SiteDocuments
from feedd.publish.directory import PAGE, Directory, Placed
from feedd.run import SITE, Outcome, Progress, Run, Touched
from feedd.state.index import Index
from feedd.state.ledger import KnownFeed, Ledger, Told, Written
from feedd.state.rendered import Columns, Rendered

_WRITERS = 4
"""Documents that are written at once: most of the time of each is waiting for the disk."""

_JOBS = 100
"""Entries whose articles are asked for at once."""

_MOST_TOMBSTONES = 100
"""In a feed, so that a large withdrawal does not make it much longer; the newest stay."""

_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class _UnderWay:
    """Documents that are being written, what is wrong with them so far, and what to do when all are in their places."""

    name: str
    settle: Callable[[list[Problem]], None]
    documents: list[tuple[str, Future[tuple[Placed, bytes]]]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Issue:
    """A feed as it is to be from now on: its head and its members, the archives, and what is known of it."""

    feed: Feed
    selection: Selection
    archives: Archives
    known: KnownFeed


class Press:
    """Writes into one directory what belongs to one configuration."""

    def __init__(
        self, config: Config, index: Index, ledger: Ledger, rendered: Rendered, directory: Directory, progress: Progress
    ) -> None:
        self.config, self._index, self._ledger, self._rendered = config, index, ledger, rendered
        self._directory, self._progress = directory, progress
        self._unused: set[str] | None = None  # the documents in formats that are used no more, once that was asked
        self._former: tuple[tuple[Format, ...], tuple[str, ...]] | None = None  # likewise, `_former_formats`
        self._listings = ledger.listings()
        self._made: SiteDocuments | None = None
        # Of this run: archive documents that are not there since they could not be written, feeds of which some archive
        # could not, and whether something that is about all feeds could not.
        self._absent: set[str] = set()
        self._troubled: set[str] = set()
        self._site_failed = False

    def publish(self, run: Run, touched: Touched, outcome: Outcome) -> None:
        """Bring the documents of these feeds up to date, and those that are about all feeds."""
        looked_at = self._looked_at(run, touched)
        issues = {name: issue for name in sorted(looked_at) if (issue := self._issue(run, name, looked_at[name]))}
        volumes = [(name, volume) for name, issue in issues.items() for volume in issue.archives.changed]
        first = [one for one in volumes if one[1].new and not touched.everything]
        rest = [one for one in volumes if touched.everything or not one[1].new]
        thoroughly = touched.everything or SITE in touched.feeds
        self._absent, self._troubled, self._site_failed = set(), set(), False
        with ThreadPoolExecutor(_WRITERS) as writers:
            self._all(self._assets(run, writers) if thoroughly else iter(()), outcome)
            self._all(self._archives(run, issues, first, writers, outcome), outcome)
            self._all(self._feeds(run, issues, writers, outcome), outcome)
            self._all(self._archives(run, issues, rest, writers, outcome, touched.everything), outcome)
            for name, issue in issues.items():
                self._clear(run, name, issue, outcome)
            self._all(self._site(run, writers), outcome)
            for path in (*(self._useless() if thoroughly else ()), *self._ledger.doomed()):
                self._remove(path, outcome)
        try:
            self._directory.settle()
        except OSError as error:
            what = f"cannot be made durable: {error.strerror}"
            outcome.problems.append(Problem("not-synced", what, "Look after the disk.", str(self._directory.root)))

    def _looked_at(self, run: Run, touched: Touched) -> dict[str, set[int] | None]:
        """The moments of what may be different in each feed, None for all. A former name of a topic is none of its own:
        its documents are those of the topic.
        """
        names: dict[str, set[int] | None] = {}
        for name, moments in touched.feeds.items():
            own = run.desk.plan.former.get(name, name)
            if own != SITE:
                names[own] = None if touched.everything else moments | (names.get(own) or set())
        return names

    def _all(self, beginnings: Iterator[_UnderWay], outcome: Outcome) -> None:
        """Write what is begun, a few at once; what was begun is also ended where the run is left."""
        under_way: deque[_UnderWay] = deque()
        try:
            for begun in beginnings:
                under_way.append(begun)
                if len(under_way) > _WRITERS:
                    self._end(under_way.popleft(), outcome)
        finally:
            while under_way:
                self._end(under_way.popleft(), outcome)

    def _end(self, under_way: _UnderWay, outcome: Outcome) -> None:
        """Wait until documents are in their places, and remember them."""
        for path, placing in under_way.documents:
            try:
                self._placed(under_way.name, path, *placing.result(), outcome)
            except PublishError as error:
                under_way.failed.append(error.problem)
        outcome.problems += under_way.failed
        under_way.settle(under_way.failed)

    def _place(self, document: Document) -> tuple[Placed, bytes]:
        return self._directory.put(document), document.digest

    def _placed(self, name: str, path: str, placed: Placed, digest: bytes, outcome: Outcome) -> None:
        if path != NAME and placed.written:
            outcome.written[path] = None
        elif path != NAME and path not in outcome.written:
            outcome.unchanged += 1
        if self.config.websub.hubs and self._is_news(name, path, digest, outcome):
            outcome.news.append(path)
        if self.config.hooks.command and path != NAME and (placed.written or self._is_another(path, digest)):
            outcome.changed[path] = None
        self._ledger.write(path, Written(name, digest, placed.size, placed.mtime))

    def _is_news(self, name: str, path: str, digest: bytes, outcome: Outcome) -> bool:
        """Whether hubs are to be told of a document: one of a feed under its own name, which is what it calls itself,
        and none of its archives; that is another than the ledger knows. That of a run which could not remember it lies
        in its place already, so that is not what counts; nor is a file news that was only lost. One that the ledger
        does not know is news if it was written.
        """
        stem, _, suffix = path.rpartition(".")
        if stem != name or name == SITE or (suffix not in FORMATS and suffix not in self.config.output.formats):
            return False
        known = self._ledger.written(path)
        return known.digest != digest if known and known.digest else path in outcome.written

    def _is_another(self, path: str, digest: bytes) -> bool:
        """Whether a document is not known to be what it is, as after a run that was killed before it could say so."""
        known = self._ledger.written(path)
        return known is None or known.digest != digest

    # What a feed is from now on

    def _issue(self, run: Run, name: str, moments: set[int] | None) -> _Issue | None:
        """None for a feed that has no member, never had any, and need not be there."""
        spec, known = run.desk.plan.spec(name), self._ledger.feed(name)
        selection = self._select(run, spec)
        if not selection.cards and name not in run.desk.plan.standing() and not known:
            return None
        newest = max(selection.cards, key=place, default=None)
        article = self._index.article(newest.key) if newest else None
        label, icon, logo = (article and run.desk.plan.named(spec, article)) or (
            known.label if known else name.rpartition("/")[2], "", ""
        )  # fmt: skip
        feed = self._feed(run, spec, label, icon, logo)
        said = _encode((__version__, self._archive_suffixes(run), _archive_head(feed)))
        head = blake2b(said, digest_size=16).digest()
        moments = moments if known and known.head == head else None
        archives = self._arranged(run, spec, selection, head, moments)
        updated = max((run.told(card.id).updated for card in selection.cards), default=known.updated if known else 0)
        updated = updated or _first_moment(self.config.site.id_date)
        tombstones, last = self._tombstones(run, name)
        feed = structs.replace(
            feed, updated=updated, newest=newest.since if newest else None, tombstones=tombstones,
            complete=selection.whole,
        )  # fmt: skip
        due = min((moment for moment in (selection.due, last) if moment is not None), default=None)
        listing = self._listing(run, spec, feed, label, selection, archives, article)
        feed = structs.replace(feed, count=listing.count if listing else 0)
        members = tuple(card.id for card in selection.cards)
        known_now = KnownFeed(label, updated, due, False, listing, head, members)
        return _Issue(feed, selection, archives, known_now)

    def _select(self, run: Run, spec: Spec) -> Selection:
        catalogue, last = run.catalogue, self._ledger.edition(spec.name)
        marked = self._ledger.marks(spec.name) if spec.sticky else set()
        selection = choose(spec, catalogue.shelf(spec.name), run.now, marked, catalogue.twins, last, catalogue.get)
        if spec.sticky:
            self._ledger.mark(spec.name, selection.marks)
        if selection.edition != last:
            self._ledger.keep_edition(spec.name, selection.edition)
        return selection

    def _feed(self, run: Run, spec: Spec, label: str, icon: str, logo: str) -> Feed:
        """What is said of a feed whatever is in it."""
        site, output, has_pages = self.config.site, self.config.output, self.config.pages.enabled
        title = spec.title.format(site=site.title, name=label) if spec.kind != "feed" else spec.title
        description = spec.description or output.description.format(site=site.title, name=label, title=title)
        page = f"{site.feeds_url}{spec.name}.{PAGE}" if has_pages and spec.name != ALL else site.url
        return Feed(
            f"tag:{site.id_authority},{site.id_date}:feeds/{spec.name}", spec.name, site.feeds_url, title, description,
            page, site.language, 0, None, output.ttl, icon, logo, hubs=self.config.websub.hubs,
            stylesheet=f"{site.feeds_url}{pages.STYLESHEET}" if has_pages else "",
        )  # fmt: skip

    def _tombstones(self, run: Run, name: str) -> tuple[tuple[Tombstone, ...], int | None]:
        """What left a feed lately, and when the first of it is to be told no more."""
        kept = self.config.output.tombstones or 0
        tombstones = self._ledger.tombstones(name, run.now - kept, _MOST_TOMBSTONES)
        return tombstones, min((tombstone.when + kept for tombstone in tombstones), default=None)

    def _listing(
        self,
        run: Run,
        spec: Spec,
        feed: Feed,
        label: str,
        selection: Selection,
        archives: Archives,
        article: Article | None,
    ) -> Listing | None:
        """A feed in lists of feeds; None for one without members that need not be there."""
        if not selection.cards and spec.name not in run.desk.plan.standing():
            return None
        newest = max(selection.cards, key=place, default=None)
        whole = selection.whole or bool(archives.documents)
        kind = spec.kind if spec.name != ALL else "all"
        listing = Listing(feed.name, kind, feed.title, label, feed.description, feed.icon, whole=whole)
        if not newest or not article:
            return listing
        return structs.replace(
            listing, count=archive.count(archives.documents, selection), newest=newest.since,
            newest_title=article.title, newest_link=address(article, self.config),
        )  # fmt: skip

    def _arranged(
        self, run: Run, spec: Spec, selection: Selection, head: bytes, moments: set[int] | None
    ) -> Archives:
        """The archives of a feed."""
        old, shelf = self._ledger.archives(spec.name), run.catalogue.shelf(spec.name)
        kept = self.config.output.archives and self._archive_suffixes(run) and archive.has_archives(spec)
        if not kept or selection.whole or not selection.cards:
            return Archives(gone=tuple(one.name for one in old))
        months = archive.touched(shelf, selection, old) | {one.name[:7] for one in old if not one.digest}
        months |= archive.every(shelf, old) if moments is None else set(map(archive.month, moments))
        if not months:
            return Archives(tuple(old))
        marked = self._ledger.marks(spec.name) if spec.sticky else frozenset()
        catalogue = run.catalogue

        def members(month: str) -> list[Card]:
            return select.members(spec, shelf, archive.span(month), run.now, marked, catalogue.twins)

        def look(card: Card) -> bytes:
            told = run.told(card.id)
            return b"%b %d %b" % (card.id.encode(), told.updated, told.hash)

        return archive.arrange(old, months, moments, selection, members, look, head)

    def _archive_suffixes(self, run: Run) -> list[str]:
        return [form.suffix for form in run.desk.formats if form.archives]

    # Feeds

    def _feeds(
        self, run: Run, issues: dict[str, _Issue], writers: Executor, outcome: Outcome
    ) -> Iterator[_UnderWay]:
        """The documents of feeds, begun one feed after the other."""
        rendering = self._render(run, (card for issue in issues.values() for card in issue.selection.cards))
        for done, (name, issue) in enumerate(issues.items(), 1):
            self._await(issue.selection.cards, rendering, outcome)
            yield self._begin_feed(run, name, issue, writers)
            self._progress("feeds", done, len(issues))

    def _begin_feed(self, run: Run, name: str, issue: _Issue, writers: Executor) -> _UnderWay:
        """Make the documents of a feed and let them be written."""
        cards = issue.selection.cards
        incomplete = any(self._rendered.failed(card.id) for card in cards)

        def settle(failed: list[Problem]) -> None:
            stale, members = incomplete or bool(failed) or name in self._troubled, issue.known.members
            if failed:  # some document may not show the new ones
                before = self._ledger.feed(name)
                members = before.members if before else ()
            self._ledger.keep_feed(name, structs.replace(issue.known, stale=stale, members=members))
            self._list(name, issue.known.listing)

        under_way = _UnderWay(name, settle)
        names = (name, *run.desk.plan.aliases(name))
        feed = structs.replace(issue.feed, previous=self._last_archive(name, issue.archives))
        gives_away = partial(self._shows_withdrawn, run, name)
        for column, form in enumerate(run.desk.formats):
            self._write(under_way, feed, names, form, self._column(cards, column), writers, gives_away)
        for form, dropped in self._dropped(run, names):
            self._write(under_way, structs.replace(feed, previous="", complete=False), dropped, form, (), writers)
        return under_way

    def _shows_withdrawn(self, run: Run, name: str) -> bool:
        """Whether the documents of a feed as they lie there show what is public no more."""
        known = self._ledger.feed(name)
        cards = (run.catalogue.get(id) for id in (known.members if known else ()))
        return any(card is None or not card.shown(run.now) for card in cards)

    def _last_archive(self, name: str, archives: Archives) -> str:
        """The name of the newest archive document of a feed that is in its place, or will be; "" without any."""
        names = (f"{name}/{one.name}" for one in reversed(archives.documents))
        return next((one for one in names if one not in self._absent), "")

    def _list(self, name: str, listing: Listing | None) -> None:
        if listing:
            self._listings[name] = listing
        else:
            self._listings.pop(name, None)

    def _column(self, cards: Iterable[Card], column: int) -> list[bytes]:
        """Entries in one format, without those that cannot be written in it."""
        columns = (self._rendered.take(card.id)[1][column] for card in cards)
        return [data for data in columns if isinstance(data, bytes)]

    def _dropped(self, run: Run, names: Sequence[str]) -> Iterator[tuple[Format, list[str]]]:
        """The formats in which a feed was written once and is no more, and under which of its names that was: who still
        reads those finds nothing in them.
        """
        unused = self._in_unused_formats(run)
        for form in (*FORMATS.values(), *self._former_formats(run)[0]):
            if dropped := [name for name in names if f"{name}.{form.suffix}" in unused]:
                yield form, dropped

    def _former_formats(self, run: Run) -> tuple[tuple[Format, ...], tuple[str, ...]]:
        """The formats of installed packages in which something was written once and is no more, and the suffixes of
        those that are not installed any more, so that nobody can write that a feed is empty.
        """
        if self._former is None:
            paths = (path for path in self._in_unused_formats(run) if not path.startswith(ASSETS))
            suffixes = sorted({path.rpartition(".")[2] for path in paths} - {*FORMATS, *TAKEN})
            found, _ = formats_of(suffixes)
            absent = tuple(form.suffix for form in found if not form.media_type)
            self._former = tuple(form for form in found if form.media_type), absent
        return self._former

    def _in_unused_formats(self, run: Run) -> set[str]:
        if self._unused is None:
            used = {form.suffix for form in run.desk.formats}
            paths = {path for path, _ in self._ledger.all_written()}.difference(self._ledger.doomed())
            self._unused = {path for path in paths if path.rpartition(".")[2] not in used}
        return self._unused

    def _write(
        self,
        under_way: _UnderWay,
        feed: Feed,
        names: Iterable[str],
        form: Format,
        entries: Sequence[bytes],
        writers: Executor,
        gives_away: Callable[[], bool] = lambda: True,
    ) -> None:
        """Let a feed in one format be written, under each of these names. What a format of an installed package cannot
        write stays as it lies there, unless that `gives_away` what was withdrawn.
        """
        try:
            data = form.document(feed, entries)
        except RenderError as error:
            under_way.failed.append(error.problem)
            for path in (f"{name}.{form.suffix}" for name in names):
                if form.suffix not in {*FORMATS, PAGE} and self._ledger.written(path) and gives_away():
                    self._ledger.doom(path)
            return
        for name in names:
            self._submit(under_way, Document(f"{name}.{form.suffix}", data), writers)

    def _submit(self, under_way: _UnderWay, document: Document, writers: Executor) -> None:
        under_way.documents.append((document.path, writers.submit(self._place, document)))

    # Archives

    def _archives(
        self,
        run: Run,
        issues: dict[str, _Issue],
        volumes: Sequence[tuple[str, Volume]],
        writers: Executor,
        outcome: Outcome,
        everything: bool = False,
    ) -> Iterator[_UnderWay]:
        """These archive documents, month by month: if it is everything, the entries of one month at a time are all that
        is at hand, since those of all articles would be too many.
        """
        in_order = sorted(volumes, key=lambda one: (one[1].archived.name, one[0]))
        rendering = self._render(run, (card for _, volume in in_order for card in volume.cards))
        in_feeds = {card.id for issue in issues.values() for card in issue.selection.cards} if everything else set()
        done = 0
        for _, group in groupby(in_order, lambda one: one[1].archived.name[:7]):
            shown: set[str] = set()
            for name, volume in group:
                self._await(volume.cards, rendering, outcome)
                yield self._begin_archive(run, name, issues[name].feed, volume, writers)
                shown.update(card.id for card in volume.cards)
                done += 1
                self._progress("archives", done, len(volumes))
            if everything:
                self._rendered.drop(shown - in_feeds)

    def _begin_archive(self, run: Run, name: str, feed: Feed, volume: Volume, writers: Executor) -> _UnderWay:
        archived = volume.archived
        own = f"{name}/{archived.name}"
        incomplete = any(self._rendered.failed(card.id) for card in volume.cards)

        def settle(failed: list[Problem]) -> None:
            if failed and volume.new:
                self._absent.add(own)
            if failed or incomplete:
                self._troubled.add(name)
                self._ledger.keep_archive(name, structs.replace(archived, digest=b""))
                self._ledger.mark_stale(name)
            else:
                self._ledger.keep_archive(name, archived)

        under_way = _UnderWay(name, settle)
        head = structs.replace(
            _archive_head(feed), name=own, previous=f"{name}/{archived.previous}" if archived.previous else "",
            updated=max(run.told(card.id).updated for card in volume.cards), newest=archived.since,
        )  # fmt: skip
        for column, form in enumerate(run.desk.formats):
            if form.archives:
                self._write(under_way, head, [own], form, self._column(volume.cards, column), writers)
        return under_way

    # What goes

    def _clear(self, run: Run, name: str, issue: _Issue, outcome: Outcome) -> None:
        """Remove the archives that a feed has no more, and its pages where there are to be none. A former name of a
        topic may have been a feed with archives, and in lists of feeds, before: it is neither any more.
        """
        for gone in issue.archives.gone:
            self._ledger.forget_archive(name, gone)
        suffixes = self._archive_suffixes(run)
        wanted = {f"{name}/{one.name}.{suffix}" for one in issue.archives.documents for suffix in suffixes}
        names = (name, *run.desk.plan.aliases(name))
        for path in (path for one in names for path in self._ledger.below(f"{one}/")):
            if path not in wanted and archive.is_period(path.rpartition("/")[2].rpartition(".")[0]):
                self._remove(path, outcome)
        for former in names[1:]:
            self._forget_feed(former)
        if not self.config.pages.enabled:
            unused = self._in_unused_formats(run)
            for path in (path for one in names if (path := f"{one}.{PAGE}") in unused):
                self._remove(path, outcome)
        for suffix in self._former_formats(run)[1]:
            for path in (path for one in names if (path := f"{one}.{suffix}") in self._in_unused_formats(run)):
                self._remove(path, outcome)

    def _forget_feed(self, name: str) -> None:
        """What was a feed of its own leads to another one now."""
        for archived in self._ledger.archives(name):
            self._ledger.forget_archive(name, archived.name)
        if (known := self._ledger.feed(name)) and known.listing:
            self._ledger.keep_feed(name, structs.replace(known, listing=None))
        self._list(name, None)

    def _remove(self, path: str, outcome: Outcome) -> None:
        try:
            self._directory.remove(path)
        except PublishError as error:
            if error.problem not in outcome.problems:
                outcome.problems.append(error.problem)
            self._ledger.doom(path)
        else:
            self._ledger.remove(path)
            if self.config.hooks.command:
                outcome.changed[path] = None

    # What is about all feeds

    def _assets(self, run: Run, writers: Executor) -> Iterator[_UnderWay]:
        """What pages need, which changes only with the settings."""
        under_way = _UnderWay(SITE, self._settle_site)
        if self.config.pages.enabled:
            made = self._made = self._made or SiteDocuments(self.config, run.desk.taxonomy)
            self._make(under_way, made.assets, writers)
        yield under_way

    def _site(self, run: Run, writers: Executor) -> Iterator[_UnderWay]:
        """The lists of feeds, and what servers of the directory have to know."""
        under_way = _UnderWay(SITE, self._settle_site)
        self._submit(under_way, Document(NAME, self._manifest(run).encode()), writers)
        if self.config.pages.enabled:
            made = self._made = self._made or SiteDocuments(self.config, run.desk.taxonomy)
            self._make(under_way, partial(made.opml, self._listings.values()), writers)
            self._make(under_way, partial(made.index, self._listings.values()), writers)
        yield under_way

    def _settle_site(self, failed: list[Problem]) -> None:
        if failed:
            self._site_failed = True
        self._ledger.mark_site(stale=self._site_failed)

    def _make(self, under_way: _UnderWay, make: Callable[[], list[Document]], writers: Executor) -> None:
        """Each for itself: a file of an admin's that is wrong costs what is made of it."""
        try:
            for document in make():
                self._submit(under_way, document, writers)
        except RenderError as error:
            under_way.failed.append(error.problem)

    def _manifest(self, run: Run) -> Manifest:
        """What a server of the directory has to know: among others that a former name of a topic leads elsewhere, and
        so do the archives that were below it. What is about to be removed is told to be gone before it is.
        """
        former = {old: new for old, new in run.desk.plan.former.items() if self._ledger.feed(new)}
        suffixes = [form.suffix for form in run.desk.formats]
        moved = {f"{old}.{suffix}": f"{new}.{suffix}" for old, new in former.items() for suffix in suffixes}
        gone = sorted({*self._ledger.gone(), *self._ledger.doomed()})
        for path in gone:
            folder, _, file = path.rpartition("/")
            if folder in former and self._ledger.written(f"{former[folder]}/{file}"):
                moved[path] = f"{former[folder]}/{file}"
        left = tuple(path for path in gone if path not in moved)
        others = (*run.desk.formats, *self._former_formats(run)[0])
        types = {form.suffix: form.media_type or UNKNOWN for form in others if form.suffix not in {*FORMATS, PAGE}}
        return Manifest(self.config.site.feeds_url, self.config.websub.hubs, moved, left, types)

    def _useless(self) -> list[str]:
        """The documents about all feeds that are to be there no more."""
        there = self._ledger.below("assets/")
        if not self._made:
            return [*there, *(path for path in (pages.INDEX, opml.PATH) if self._ledger.written(path))]
        try:
            wanted = {document.path for document in self._made.assets()}
        except RenderError:  # it was told of when they were to be written
            return []
        return [path for path in there if path not in wanted]

    # Entries

    def _render(self, run: Run, cards: Iterable[Card]) -> Iterator[tuple[str, Told, Columns]]:
        """Every entry that is needed and not at hand as it is told now, written once in all formats, in the order in
        which it is first needed.
        """
        by_id = {card.id: card for card in cards}
        told = {id: run.told(id) for id in by_id}
        todo = [id for id in by_id if not self._rendered.recall(id, told[id])]
        jobs = self._jobs(run, [by_id[id] for id in todo], told)
        written = zip(todo, run.workers.write(jobs, len(todo)), strict=True)
        return ((id, told[id], columns) for id, columns in written)

    def _jobs(self, run: Run, cards: Sequence[Card], told: dict[str, Told]) -> Iterator[Job]:
        for start in range(0, len(cards), _JOBS):
            some = cards[start : start + _JOBS]
            sources = self._index.sources([card.key for card in some])
            for card in some:
                links, article = sources[card.key]
                yield Job(card.id, told[card.id].updated, run.shown(links), article)

    def _await(
        self, cards: Iterable[Card], rendering: Iterator[tuple[str, Told, Columns]], outcome: Outcome
    ) -> None:
        """Take entries out of the rendering until these are at hand."""
        for card in cards:
            while card.id not in self._rendered:
                outcome.problems += self._rendered.keep(*next(rendering))


def _archive_head(feed: Feed) -> Feed:
    """What all archive documents of a feed say of it: nothing that changes with what is new in it."""
    return structs.replace(
        feed, updated=0, newest=None, icon="", logo="", hubs=(), tombstones=(), complete=False, previous="",
        current=feed.name, count=0,
    )  # fmt: skip


def _first_moment(date: str) -> int:
    """That of a year, month or day in UTC. The date in the ids says when a feed was updated that never had an article:
    Atom wants a date, and readers and validators take 1970 for a mistake.
    """
    return int(datetime.fromisoformat(f"{date}-01-01"[:10]).replace(tzinfo=UTC).timestamp())

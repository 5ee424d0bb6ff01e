"""Pipeline: one run, from what changed on disk to documents in their places.

    config → scan or hints → intake → file → observe → select(now) → render → publish

In: a configuration, the moment, and perhaps the paths to look at. Out: a `Report`. `Pipeline.run` is the line; each
word of it is a method below and a module of its own. Nothing here asks for the time. Every failure costs what it must
and no more, becomes a `Problem` in the report, and is tried again by the next run: what the state says is committed
only after the documents are in their places.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedd import __version__, installed
from feedd.config import Config
from feedd.content.article import REVISION, Link
from feedd.content.source import Changes, tree_of
from feedd.content.taxonomy import NOTHING, fingerprint
from feedd.desk import Desk, decode_known, decode_problems
from feedd.errors import Problem, SourceError, StateError
from feedd.feeds import formats
from feedd.feeds.archive import is_period
from feedd.feeds.catalogue import Catalogue
from feedd.feeds.manifest import FOLDERS
from feedd.feeds.project import MAX_RELATED
from feedd.feeds.select import Card, Spec, admits, place
from feedd.publish.directory import PAGE, Directory
from feedd.run import SITE, Outcome, Progress, Run, Touched
from feedd.state.database import Database
from feedd.state.index import Index, Look, Row
from feedd.state.intake import Edits, Held, Intake, Withheld
from feedd.state.ledger import KnownFeed, Ledger, Told, Written
from feedd.state.pings import HOOK, Pings
from feedd.state.rendered import Rendered

if TYPE_CHECKING:
    from feedd.content.elsewhere import Copy
    from feedd.press import Press
    from feedd.workers import Workers

_encode = msgspec.msgpack.Encoder().encode
_decode_withheld = msgspec.msgpack.Decoder(Withheld).decode

_LATELY = 60
"""Seconds over which the guard adds up what leaves, run by run."""

_RESTORING = 600
"""Seconds for which what the guard keeps stays, although it is little by now, after the last of it came back."""

_RESCUES = 2
"""Databases that a run may go through after the first: a new or copied one, and an empty one in memory."""


_BLIND = Problem(
    "guard",
    "there is no content, and the state does not know what is in the feeds; all of them stay as they are",
    "Restore the content, or remove the feeds yourself.",
    field="content.path",
)


class Report(Struct, frozen=True):
    """What a run did. `written` are the paths of the documents that changed, `feeds` those looked at, `due` the next
    moment at which something changes by time alone, `withheld` the articles that the guard keeps from leaving, of which
    `held` names the first; `digest` stands for all of them, see `Pipeline.run`. `came`,
    `changed` and `left` are ids: of articles that are public since this run, whose entry is another, and that were
    public until this run. No other article is ever named there. `noticed` is what is wrong with the files that were
    read in this run, `mended` what was before; `problems` is what kept the run from doing all that it should.
    """

    now: int
    read: int = 0
    feeds: int = 0
    written: tuple[str, ...] = ()
    unchanged: int = 0
    withheld: int = 0
    due: int | None = None
    problems: tuple[Problem, ...] = ()
    came: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[bytes, ...] = ()  # not decoded before somebody asks
    held: tuple[Held, ...] = ()
    digest: str = ""
    mended: tuple[Problem, ...] = ()

    @property
    def noticed(self) -> Iterator[Problem]:
        """See above."""
        return (problem for data in self.notes for problem in decode_problems(data))


def silent(what: str, done: int, total: int) -> None:
    """No progress."""


class _News(Struct):
    """The ids of articles as in `Report`."""

    came: list[str] = []
    changed: list[str] = []
    left: list[str] = []

    def ids(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Those that came, changed and left, each in order."""
        return tuple(sorted(self.came)), tuple(sorted(self.changed)), tuple(sorted(self.left))


class Pipeline:
    """The line, with what it keeps in memory between runs: the desk, the catalogue, and the bytes of entries.

    `untold` is what was wrong with the database when it was opened, where whoever opened it leaves it to the runs to
    tell: it is in the report of the first, and of all until it is mended. `look` is one at the content directory that
    was begun (`Tree.begun`), for the first run.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        directory: Directory,
        progress: Progress = silent,
        processes: int | None = None,
        untold: tuple[Problem, ...] = (),
        look: "Copy | None" = None,
    ) -> None:
        self.config = config
        self._database, self._directory, self._progress, self._processes = database, directory, progress, processes
        self._tree, self._look = tree_of(config, lambda count: progress("files", count, 0)), look
        self.index, self.ledger, self._rendered = Index(database), Ledger(database), Rendered(database)
        self.pings = Pings(database)
        self._desk: Desk | None = None
        self._catalogue: Catalogue | None = None
        # Those of all articles, and what is told of all entries, while everything is looked at.
        self._stories: set[int] | None = None
        self._told_now: dict[str, Told] = {}
        self._press: Press | None = None
        self._heard = _News()  # of this run
        self._former: dict[str, Card] = {}  # as they were before this run, of articles that changed
        self._stories_before: dict[int, list[Card]] = {}  # those of `_former`, once asked
        self._before: dict[str, tuple[Set[str], tuple[int, str] | None, Set[str]]] = {}  # `_shown_before`, once asked
        self._raised: list[str] = []  # feeds that told of articles as withdrawn which are public again
        self._complete = False
        self._untold, self._rescued = untold, bool(untold)
        self._lost: list[tuple[int, int]] = []  # when how many articles left, within `_LATELY`

    def run(
        self, now: int, hints: Iterable[str] | None = None, approved: bool | Container[str] = False
    ) -> Report:
        """One pass at the moment `now`. `hints` are paths to look at, None scans everything; so do the first run and
        one that follows a failure. A hint that ends in a slash is a folder, and means all that is or was below it.
        What the guard would keep may leave where it is `approved`: anything, or exactly what one of these stands for,
        each the `digest` of an earlier report.

        A state that fails on the way is replaced or worked around, and the run begins again; what was wrong with it
        when it was opened is known to whoever opened it. Raises SourceError where the content directory goes while its
        files are read, and StateError where not even memory can be written.
        """
        if approved is True:
            self._lost.clear()
        faults = self._return_to_file()
        return self._attempt(now, hints, approved, Outcome(), faults, rescues=0)

    def _attempt(
        self,
        now: int,
        hints: Iterable[str] | None,
        approved: bool | Container[str],
        outcome: Outcome,
        faults: tuple[Problem, ...],
        rescues: int,
    ) -> Report:
        """A run; begun again with another database where this one fails. What an earlier attempt wrote, it wrote."""
        complete, self._complete, self._heard = self._complete, False, _News()
        self._stories, self._told_now, lost = None, {}, self._lost
        self._former, self._raised, self._before, self._stories_before = {}, [], {}, {}
        try:
            with self._database.transaction():
                report = self._run(now, hints if complete else None, approved, outcome)
        except StateError as error:
            if rescues == _RESCUES:
                raise
            self._lost = lost
            self._work_on(self._database.rescued(error, blank=rescues > 0))
            self._rescued = True
            again = Outcome(outcome.written, outcome.changed)
            return self._attempt(now, None, approved, again, (*faults, *self._database.problems), rescues + 1)
        except BaseException:
            self._catalogue, self._press, self._lost = None, None, lost
            raise
        self._complete = True
        return replace(report, problems=(*faults, *report.problems))

    def _return_to_file(self) -> tuple[Problem, ...]:
        """Go back to the state's file where a run had to leave it; what is wrong with it now, and is to be told."""
        untold, self._untold = self._untold, ()
        reopened = self._database.reopened()
        if reopened:
            self._work_on(reopened)
            return reopened.problems
        return self._database.problems if self._rescued and not self._database.durable else untold

    def _work_on(self, database: Database) -> None:
        self._database, self._catalogue, self._press, self._complete = database, None, None, False
        self.index, self.ledger, self._rendered = Index(database), Ledger(database), Rendered(database)
        self.pings = Pings(database)

    def _run(
        self, now: int, hints: Iterable[str] | None, approved: bool | Container[str], outcome: Outcome
    ) -> Report:
        if hints is not None or not self._renew():
            return self._pass(now, hints, approved, outcome, None)
        from feedd.workers import FEW, Workers

        with Workers(self.desk, self._processes) as workers:
            if self._tree.holds(FEW):
                workers.start()  # so that they get ready while this process looks what there is to do
            return self._pass(now, None, approved, outcome, workers)

    def _pass(
        self,
        now: int,
        hints: Iterable[str] | None,
        approved: bool | Container[str],
        outcome: Outcome,
        workers: "Workers | None",
    ) -> Report:
        """The run itself. With `workers`, everything is looked at anew; without, only what changed."""
        renewed = workers is not None
        changes, problems = self._changes(hints)
        if (problems or changes.total == 0) and self._knows_nothing():
            self._database.set("settings", b"")
            return Report(now, problems=(*problems, _BLIND))
        stale, last, due = self._stale(hints, now), self._number("now", now), self._number("due", now + 1)
        if not (renewed or changes or stale or self._directory.unsettled) and last <= now < due:
            written, due_at = tuple(outcome.written), self._number("due", 0) or None
            if changes.total is not None and self._withheld():  # all is as it was
                self._database.set("withheld", b"")
            kept = 0 if problems else len(self._withheld())
            report = Report(now, written=written, withheld=kept, due=due_at, problems=tuple(problems))
        else:
            edits, feeds = self._advance(changes, stale, last, now, approved, outcome, workers)
            report = Report(
                now, edits.read, feeds, tuple(outcome.written), outcome.unchanged, 0 if problems else edits.withheld,
                self._due(now),
                tuple(dict.fromkeys((*problems, *edits.problems, *outcome.problems, *self.desk.lacks))),
                *self._heard.ids(), (*edits.notes, *([_encode(self._settings_noted())] if renewed else ())),
                edits.held, edits.digest, tuple(edits.mended),
            )  # fmt: skip
        self.pings.note(outcome.news, self.config.websub.hubs, now)
        self.pings.note(outcome.changed, (HOOK,), now)
        self._database.set("now", str(now).encode())
        self._database.set("due", str(report.due or "").encode())
        return report

    def _advance(
        self,
        changes: Changes,
        stale: set[str],
        last: int,
        now: int,
        approved: bool | Container[str],
        outcome: Outcome,
        workers: "Workers | None",
    ) -> tuple[Edits, int]:
        """Take in what changed, find the feeds that this touches, and publish those."""
        if workers is None:
            from feedd.workers import Workers  # a run that finds nothing to do needs none, nor a desk

            self._filled()  # before the intake, so that it is known which feeds an article leaves
            with Workers(self.desk, self._processes) as few:
                edits = self._take_in(changes, few, now, approved, renewed=False)
                touched = self._observe(edits, stale, last, now)
                self._publish(touched, few, now, outcome)
        else:
            self._former = {card.id: card for card in self.index.cards()} if self.ledger.public() else {}
            edits = self._take_in(changes, workers, now, approved, renewed=True)
            touched = Touched({name: set() for name in stale | self._observe_all(edits, now)}, everything=True)
            self._publish(touched, workers, now, outcome)
            self._stories = None
        self._former, self._told_now = {}, {}
        return edits, len(touched.feeds)

    def rest(self) -> None:
        """Take less memory, until the next run. Never raises."""
        with suppress(StateError):  # then entries are written again, and the next run says what is wrong
            self._rendered.rest()
        self._database.rest()

    def close(self) -> None:
        """Let go of the state."""
        self._database.close()

    def feed_names(self) -> list[str]:
        """The feeds that there are."""
        return sorted({*self.ledger.feeds(), *self.desk.plan.standing()})

    def feeds_showing(self, id: str) -> list[str]:
        """The feeds of which some document shows an article, as of the last run."""
        self._before = {}
        card = self.catalogue.get(id)
        return sorted(self._feeds_with(card)) if card else []

    def give_up(self, feeds: Iterable[str], documents: Sequence[str]) -> None:
        """Forget these feeds, and have the next run remove these documents for good, or any later one if that fails:
        which are those of feeds that nothing asks for (`prune`). A document that is written again by then stays.

        Raises StateError, with nothing done.
        """
        with self._database.transaction():
            for name in feeds:
                self.ledger.forget_feed(name)
            for path in documents:
                self.ledger.doom(path)
            self.pings.forget(documents)
        self._press = None

    def _knows_nothing(self) -> bool:
        """Whether documents lie there that an earlier state knew, and this one does not."""
        return next(self.ledger.all_written(), None) is None and bool(self._directory.find(()))

    # Settings

    @property
    def desk(self) -> Desk:
        """The configuration and the taxonomy, ready for use."""
        if self._desk is None:
            told = self._database.get("taxonomy")
            self._desk = Desk(self.config, last=decode_known(told) if told else NOTHING)
        return self._desk

    def _renew(self) -> bool:
        """Whether configuration, taxonomy or feedd itself changed, so that every entry has to be looked at again."""
        config = self.config
        parsing = f"{__version__} {REVISION} {config.parsing_fingerprint}"
        parsing += f" {config.site.id_authority},{config.site.id_date}"
        parsing += _of_packages(installed.FILTERS, config.filters)
        if self._changed("parsing", parsing):
            self.index.forget_stamps()
        settings = self._settings()
        renewed = self._changed("settings", settings)
        if renewed:
            self._desk, self._catalogue, self._press = None, None, None
            self._rendered.clear()
            self._database.set("problems", _encode(self.desk.problems))
            self._database.set("taxonomy", _encode(self.desk.known))
            if self._settings() != settings:  # the taxonomy changed while it was read
                self._database.set("settings", b"")
            if self.desk.lacks:  # perhaps not for long
                self._database.set("settings", b"")
                self._database.set("parsing", b"")
        return renewed

    def _settings(self) -> str:
        """What changes with configuration, taxonomy, templates, packages that bring something, or feedd itself."""
        files = fingerprint((*self.config.taxonomy.topics, *self.config.taxonomy.providers)).hex()
        if self.config.pages.enabled:
            from feedd.feeds import pages  # what has none needs none

            files += pages.fingerprint(self.config).hex()
        files += _of_packages(installed.FILTERS, self.config.filters)
        files += _of_packages(installed.FORMATS, set(self.config.output.formats).difference(formats.FORMATS))
        return f"{__version__} {self.config.fingerprint} {files}"

    def _settings_noted(self) -> list[Problem]:
        """What is wrong with the settings, but for what keeps each run from doing all that it should."""
        return [problem for problem in self.desk.problems if problem not in self.desk.lacks]

    def problems(self) -> list[Problem]:
        """Everything that is wrong with the taxonomy and the content, as of the last run."""
        data = self._database.get("problems")
        return [*(decode_problems(data) if data else ()), *self.index.problems()]

    def _changed(self, name: str, value: str) -> bool:
        if self._database.get(name) == value.encode():
            return False
        self._database.set(name, value.encode())
        return True

    def _number(self, name: str, absent: int) -> int:
        value = self._database.get(name)
        return int(value) if value else absent

    # Scan and intake

    def _changes(self, hints: Iterable[str] | None) -> tuple[Changes, list[Problem]]:
        """What is different on disk; nothing, and the problem, where the content cannot be listed."""
        try:
            if hints is not None and "/" not in (hints := set(hints)):
                changes = self._tree.look(self._below(hints), self.index.stamp)
                if not changes.removed or self._others_remain(changes):
                    return changes, []
            look, self._look = self._look, None
            return self._tree.scan(self.index.stamps(), look), []
        except SourceError as error:
            return Changes(), [error.problem]

    def _below(self, hints: Iterable[str]) -> Iterator[str]:
        """The files that hints mean."""
        for hint in hints:
            if hint.endswith("/"):
                yield from self._tree.files(hint)
                yield from self.index.below(hint)
            else:
                yield hint

    def _others_remain(self, changes: Changes) -> bool:
        """Whether there are files beside those that are gone; where none is found, only a scan tells if all are."""
        if changes.added or changes.changed:
            return True
        others = set(self.index.paths(len(changes.removed) + 10)).difference(changes.removed)
        return bool(self._tree.look(others, lambda path: None).added)

    def _take_in(
        self, changes: Changes, workers: "Workers", now: int, approved: bool | Container[str], renewed: bool
    ) -> Edits:
        """Read what changed and bring the index up to date."""
        self._lost = [(when, count) for when, count in self._lost if now - _LATELY < when <= now]
        withheld, lately = self._withheld(), sum(count for _, count in self._lost)
        settled = not 0 <= now - self._number("withheld-since", 0) < _RESTORING
        intake = Intake(self.desk, self.index, self.ledger, now, lately, withheld, settled)
        for path in changes.removed:
            intake.remove(path)
        todo = (*changes.changed, *changes.added)
        for done, record in enumerate(workers.records(todo)):
            if isinstance(record, Problem):
                intake.unreadable(record)
            elif record is None:
                self._tree.assure()
                intake.remove(todo[done])
            elif done < len(changes.changed):
                intake.change(record)
            else:
                intake.add(record)
            self._progress("articles", done + 1, len(todo))
        edits = intake.finish(changes.total, self.config.guard, approved, renewed)
        edits.problems[:0] = changes.problems
        if edits.lasting != withheld:
            self._database.set("withheld", _encode(edits.lasting) if edits.lasting else b"")
            self._database.set("withheld-since", str(now).encode())
        if edits.approved:
            self._lost = []
        elif edits.lost and approved is not True:
            self._lost.append((now, edits.lost))
        return edits

    def _withheld(self) -> Withheld:
        """What the guard keeps, as of the last run."""
        data = self._database.get("withheld")
        return _decode_withheld(data) if data else {}

    def _stale(self, hints: Iterable[str] | None, now: int) -> set[str]:
        """The feeds that time changes or that could not be written; in a scan also those that were tampered with."""
        stale = set(self.ledger.stale_feeds(now))
        if now < self._number("now", now):
            stale |= {name for name, spec in self.desk.plan.configured.items() if spec.max_age or spec.schedule}
        if hints is None:
            lies, written = self._directory.lies, dict(self.ledger.all_written())
            moved = {path: one.feed for path, one in written.items() if not lies(path, one.size, one.mtime)}
            for path, name in moved.items():
                if path.startswith(f"{name}/"):
                    self.ledger.doubt_archive(name, path.removeprefix(f"{name}/").rpartition(".")[0])
            stale |= set(moved.values())
            stale |= self._adopted(self._directory.find(written))
            self._directory.sweep(path.rpartition("/")[0] for path in (*written, *FOLDERS))
        return stale

    def _adopted(self, paths: Iterable[str]) -> set[str]:
        """The feeds of documents that feedd wrote and does not remember: they are known from now on, and looked after.
        Whatever is in them may have been withdrawn meanwhile.
        """
        self._press = None
        names = {path: feed_of(path) for path in paths}
        for path, name in names.items():
            self.ledger.write(path, Written(name, b"", -1, -1))
            if name != SITE:
                self._known(name)
        return set(names.values())

    # Observe: what subscribers see now, against what they were told

    @property
    def catalogue(self) -> Catalogue:
        """The cards of all published articles."""
        return self._filled()

    def _filled(self) -> Catalogue:
        if self._catalogue is None:
            self._catalogue = Catalogue(self.desk.plan.route)
            self._catalogue.fill(self.index.cards())
        return self._catalogue

    def _observe_all(self, edits: Edits, now: int) -> set[str]:
        """Everything anew, since the settings are others: all traits and looks, all entries, all feeds."""
        filed = self.index.public_articles(edits.kept if edits.everything else None)
        self.index.refile((key, self.desk.traits(article), self.desk.look(article)) for key, article in filed)
        self._catalogue = None
        self._stories = self.index.stories()
        self._tell_all(now, edits.ids - edits.reread)
        return {*self.catalogue.names(), *self.ledger.feeds(), *self.desk.plan.standing(), *self._unled()}

    def _unled(self) -> set[str]:
        """The names of documents to which another feed leads than the one that wrote them, or none: those of an alias
        that left the taxonomy, or is another topic's now. Left alone they would show for ever what was in them when
        they were last written: who has such a name is a feed, be it an empty one.
        """
        former, doomed = self.desk.plan.former, set(self.ledger.doomed())
        paths = ((path, one.feed) for path, one in self.ledger.all_written() if path not in doomed)
        names = ((path.rpartition(".")[0], feed_of(path), feed) for path, feed in paths)
        written = {name: feed for name, own, feed in names if feed != SITE and own == name}  # archives left aside
        leads = {name: former.get(name, name) for name in written}
        return {name for name, feed in written.items() if feed != leads[name] and self._known(leads[name])}

    def _known(self, name: str) -> KnownFeed:
        """What is known of a feed, which is a little from now on."""
        known = self.ledger.feed(name) or KnownFeed(name.rpartition("/")[2], 0, None, False)
        self.ledger.keep_feed(name, known)
        return known

    def _observe(self, edits: Edits, stale: set[str], last: int, now: int) -> Touched:
        """What changed on disk, what came or went with time, and what has a link to one of those."""
        touched = Touched({name: set() for name in stale})
        for id in sorted(edits.ids):
            for filed in self._file(id):
                self._touch(filed, touched)
        crossing = self.catalogue.crossing(last, now)
        cards = [card for id in crossing if (card := self.catalogue.get(id))]
        stories = edits.stories.union(*(self.index.addresses(card.key) for card in cards))
        updating = self.index.updating(last, now)
        for id in sorted({*edits.ids, *crossing, *updating, *self.index.relating(stories)}):
            if self._tell(id, now, id not in edits.reread) and (card := self.catalogue.get(id)):
                self._touch(card, touched)
        for name in self._raised:
            touched.add(name)
        return touched

    def _touch(self, card: Card, touched: Touched) -> None:
        """All feeds of an article may be different, in the month of it and of those that tell the same story."""
        moments = {card.since, *(twin.since for twin in self.catalogue.twins(card))}
        for name in self.desk.plan.route(card):
            touched.add(name, *moments)

    def _file(self, id: str) -> list[Card]:
        """Bring the card of an article up to date; gives the former one and the new one where they differ."""
        old, new = self.catalogue.get(id), self.index.card(id)
        if old == new:
            return []
        if old:
            self._former[id] = old
        self.catalogue.replace(id, new)
        return [card for card in (old, new) if card]

    def _tell(self, id: str, now: int, edited: bool) -> bool:
        """Note in the ledger what is told of an entry from now on; False if that is what was told before.

        `edited`: its content may have changed. A change that comes from the configuration or the taxonomy is published,
        but is no news: it leaves `updated` alone.
        """
        card, told = self.catalogue.get(id), self.ledger.told(id)
        if card is None or not card.shown(now):
            return told is not None and self._retract(id, now)
        new = self._news(card, self.index.look(card.key), told, now, edited)
        self.ledger.tell([(id, new)] if new else ())
        return new is not None

    def _retract(self, id: str, now: int) -> bool:
        """Note in the ledger that an entry is public no more; False if it was not before."""
        retracted = self.ledger.retract(id, now)
        if retracted:
            self._heard.left.append(id)
            card = self._former.get(id) or self.catalogue.get(id)  # the feeds that had it, whatever it says now
            self.ledger.bury(id, self._feeds_with(card) if card else (), now)
        return retracted

    def _feeds_with(self, card: Card) -> Iterator[str]:
        """The feeds of which some document showed an article before this run: what nobody saw is not to be seen when it
        is withdrawn. Where that is not certain, it is not told: what is in archives is not, where feeds may want
        something else than before.
        """
        renewed = self._stories is not None
        for name in self.desk.plan.route(card):
            members, until, marks = self._shown_before(name)
            spec = self.desk.plan.spec(name)
            reached = not renewed and until is not None and place(card) <= until
            was_in = not spec.sticky or card.id in marks
            if card.id in members or (reached and was_in and not self._stood_back(card, spec)):
                yield name

    def _shown_before(self, name: str) -> tuple[Set[str], tuple[int, str] | None, Set[str]]:
        """Of a feed as it was before this run: the ids of its entries, the place up to which it had archives, and the
        ids that stay in it if it is sticky.
        """
        if name not in self._before:
            known = self.ledger.feed(name)
            members = frozenset(known.members if known else ())
            self._before[name] = members, self.ledger.archived_until(name), self.ledger.marks(name)
        return self._before[name]

    def _stood_back(self, card: Card, spec: Spec) -> bool:
        """Whether an earlier article told the story of this one, before this run or now."""
        if not self._stories_before:
            for one in self._former.values():
                self._stories_before.setdefault(one.story, []).append(one)
        former = (one for one in self._stories_before.get(card.story, ()) if one.id != card.id)
        others = (*self.catalogue.twins(card), *former)
        return any(place(other) < place(card) and admits(spec, other) for other in others)

    def _tell_all(self, now: int, edited: Container[str]) -> None:
        """`_tell` for every card and whatever was told before, with one query where that has one for each."""
        before, catalogue = self.ledger.all_told(), self.catalogue
        for id, told in before.items():
            if told.retracted is None and catalogue.get(id) is None:
                self._retract(id, now)
        news: list[tuple[str, Told]] = []
        for id, look in self.index.looks():
            card = catalogue.get(id)
            if card is None or not card.shown(now):
                self._retract(id, now)
            elif new := self._news(card, look, before.get(id), now, id in edited):
                news.append((id, new))
                before[id] = new
        self.ledger.tell(news)
        self._told_now = before

    def _news(self, card: Card, look: Look, told: Told | None, now: int, edited: bool) -> Told | None:
        """What is told of a public entry from now on; None if that is what was told before. What its front matter says
        of an update that is yet to come is not told before then.
        """
        related = self._shown(look.links, now)
        digest = blake2b(look.hash + _encode(related), digest_size=16).digest()
        changed = _last_change(told, digest, now, edited)
        modified = look.modified if look.modified is not None and look.modified <= now else None
        updated = max(moment for moment in (card.since, modified, changed) if moment is not None)
        new = Told(told.first_public if told else now, digest, updated, changed)
        if new == told:
            return None
        (self._heard.changed if told and told.retracted is None else self._heard.came).append(card.id)
        if told and told.retracted is not None:
            self._raised += self.ledger.raise_up(card.id)
        return new

    def _shown(self, links: Iterable[Link], now: int) -> tuple[Link, ...]:
        """The related links that give nothing away: those to articles of one's own that are not public are left out."""
        shown = (link for link in links if self._public_or_foreign(link, now))
        return tuple(islice(shown, MAX_RELATED))

    def _public_or_foreign(self, link: Link, now: int) -> bool:
        if self._stories is not None and link.story not in self._stories:
            return True
        rows = self.index.of_story(link.story)
        return not rows or any(self._seen(row, now) for row in rows)

    def _seen(self, row: Row, now: int) -> bool:
        card = self.catalogue.get(row.id) if row.id else None
        return card is not None and card.key == row.key and card.shown(now)

    # Publish

    def _publish(self, touched: "Touched", workers: "Workers", now: int, outcome: Outcome) -> None:
        """Bring the documents of these feeds up to date."""
        from feedd.press import Press  # a run that finds nothing to do needs none

        if self._press is None:
            self._press = Press(
                self.config, self.index, self.ledger, self._rendered, self._directory, self._progress
            )
        shown = partial(self._shown, now=now)
        self._press.publish(Run(now, self.desk, self.catalogue, workers, self._told, shown), touched, outcome)

    def _told(self, id: str) -> Told:
        """What the ledger must know of every card that is selected, since `_tell` came before."""
        told = self._told_now.get(id)
        if told is None:
            told = self.ledger.told(id)
            if told is None:
                raise LookupError(f"{id} is selected and was never told")
            self._told_now[id] = told
        return told

    def _due(self, now: int) -> int | None:
        """The next moment at which time alone changes something."""
        moments = (self.catalogue.next_moment(now), self.index.next_update(now), self.ledger.next_due())
        return min((moment for moment in moments if moment is not None), default=None)


def _of_packages(group: str, names: Collection[str]) -> str:
    """What changes with the packages that bring these; nothing, which takes no time, where there are none."""
    return f" {installed.fingerprint(group, names)}" if names else ""


def feed_of(path: str) -> str:
    """The name of the feed to which a document with that path belongs, or `SITE`."""
    folder, _, file = path.rpartition("/")
    name = file.rpartition(".")[0]
    if f"{folder}/" not in FOLDERS and is_period(name) and folder:
        return folder
    return SITE if path in (f"index.{PAGE}", "feeds.opml") else path.rpartition(".")[0]


def _last_change(told: Told | None, digest: bytes, now: int, edited: bool) -> int | None:
    """When subscribers last saw an entry change; coming back is later than its tombstone (design: section 6)."""
    if told is None:
        return None
    if told.retracted is not None:
        return max(now, told.retracted + 1)
    return now if edited and told.hash != digest else told.changed

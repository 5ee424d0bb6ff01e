"""Diff: what a run would change of what is published.

In: a configuration, the one under which the feeds were published, and the moment. Out: a `Difference`: the documents
that a run writes and removes, and what that means for feeds, entries, addresses and redirects. Decides nothing: a real
run on a copy of the state, with a `Rehearsal` in the place of the output directory, finds it out; both sides are then
compared as the ledger tells of them. Writes nothing, and takes nothing out of documents.

An article is named only if it is public now or after the change, by the title that it has there. Of others nothing can
be told from a difference, not even how many there are.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, structs

from feedd.config import Config
from feedd.errors import Problem, StateError
from feedd.feeds.entry import Document
from feedd.feeds.manifest import NAME, Manifest, decode
from feedd.pipeline import Pipeline, Report, feed_of, silent
from feedd.publish.directory import Directory, Rehearsal
from feedd.run import SITE, Progress
from feedd.state.database import DAMAGED, Database, open_copy, open_database
from feedd.state.index import Index
from feedd.state.ledger import KnownFeed, Ledger, Told, Written

if TYPE_CHECKING:
    from feedd.content.elsewhere import Copy

Kind = Literal["gone", "emptied", "moved", "added", "changed", "rewritten"]
"""What becomes of a feed, the weightiest first. `gone`: nothing lies there any more; `emptied`: it has no entries any
more; `moved`: its documents are those of another feed; `added`: nothing lay there; `changed`: in its entries, or in
what it says of itself; `rewritten`: only in the form of its documents, their archives, or what was withdrawn.
"""
KINDS: tuple[Kind, ...] = ("gone", "emptied", "moved", "added", "changed", "rewritten")

_UNNAMED = {"unreadable", "unreadable-folder", "bad-file-name"}
"""Problems of single content files, which may hold articles that are not public."""


class Named(Struct, frozen=True, omit_defaults=True):
    """An article: its id, and its public title, empty if that is not known any more. `was` is its former title, if that
    is another; `withdrawn` tells of one that leaves a feed that it is public nowhere any more, `why` of one that the
    guard keeps why it would leave.
    """

    id: str
    title: str = ""
    was: str = ""
    withdrawn: bool = False
    why: str = ""


class Withheld(Struct, frozen=True):
    """What the guard keeps in the feeds: how many articles, and the first of them."""

    count: int = 0
    articles: tuple[Named, ...] = ()


class Value(Struct, frozen=True):
    """Something that is another after the change."""

    before: str
    after: str


class Entries(Struct, frozen=True, rename={"entered": "in", "left": "out"}):
    """The entries of a feed's own documents, its archives left aside: how many before (None: nobody knows) and after,
    which come in, go out and are others, each in the order of the feed; and whether those that stay change places.
    """

    before: int | None
    after: int
    entered: tuple[Named, ...] = ()
    left: tuple[Named, ...] = ()
    changed: tuple[Named, ...] = ()
    reordered: bool = False

    def __bool__(self) -> bool:
        return bool(self.entered or self.left or self.changed or self.reordered)


class Documents(Struct, frozen=True):
    """Paths below the output directory: of what is written where nothing lies, of what is written in the place of other
    bytes, and of what is removed; each sorted.
    """

    added: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.rewritten or self.removed)

    def __len__(self) -> int:
        return len(self.added) + len(self.rewritten) + len(self.removed)


class FeedDiff(Struct, frozen=True):
    """What becomes of a feed. `head` is what it says of itself that is another: `title`, `description`, `icon`,
    `address`, `hubs`, as far as it is known; `leads_to` the feed to which its name leads, if it is `moved`.
    """

    name: str
    kind: Kind
    entries: Entries
    head: dict[str, Value] = {}
    documents: Documents = Documents()
    leads_to: str = ""


class Paths(Struct, frozen=True):
    """What a server of the output directory tells of paths, see `Manifest`: redirects that come and go, and paths that
    are gone, or are there again.
    """

    moved: dict[str, str] = {}
    moved_no_more: dict[str, str] = {}
    gone: tuple[str, ...] = ()
    gone_no_more: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moved or self.moved_no_more or self.gone or self.gone_no_more)


class Difference(Struct, frozen=True):
    """What a run at the moment `now` would change. `site` is what changes for all feeds: `address`, `hubs`, `output`.
    `came`, `left` and `changed` are articles that are public since then, until then, or as others. `known` is False if
    the state knows nothing of what lies in the output directory: then only documents are told of. `feeds` are in the
    order of `KINDS`, those with more entries that come and go first.
    """

    now: int
    known: bool = True
    site: dict[str, Value] = {}
    withheld: Withheld = Withheld()
    feeds: tuple[FeedDiff, ...] = ()
    came: tuple[Named, ...] = ()
    left: tuple[Named, ...] = ()
    changed: tuple[Named, ...] = ()
    paths: Paths = Paths()
    documents: Documents = Documents()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything would change."""
        return bool(self.documents or self.feeds)

    def of(self, names: Collection[str]) -> "Difference":
        """The same of these feeds alone: their documents and entries, and what is about all feeds."""
        feeds = tuple(feed for feed in self.feeds if feed.name in names)
        documents = Documents(*(
            tuple(sorted(path for feed in feeds for path in getattr(feed.documents, kind)))
            for kind in Documents.__struct_fields__
        ))
        return structs.replace(self, feeds=feeds, came=(), left=(), changed=(), paths=Paths(), documents=documents)


class Published(Struct, frozen=True):
    """What is published: what the state tells of it, and where it lies."""

    ledger: Ledger
    index: Index
    output: Path


class Rehearsed:
    """A run of a configuration at the moment `now` that writes nothing, and its `difference` from what is published
    under `old`, which is the same configuration unless feeds were published under another; close it. `approved` as in
    `Pipeline.run`, `look` as in `Pipeline`.

    Raises StateError where the state is there and cannot be read, SourceError where the content goes meanwhile.
    """

    def __init__(
        self,
        config: Config,
        old: Config,
        now: int,
        approved: bool = False,
        progress: Progress = silent,
        look: "Copy | None" = None,
    ) -> None:
        with ExitStack() as copies:
            state = copies.enter_context(closing(_copy(old.state.path)))
            trial = state.copied() if config.state.path == old.state.path else _copy(config.state.path)
            directory = Rehearsal(config.output.path)
            self._pipeline = Pipeline(config, trial, directory, progress, look=look)
            copies.callback(self._pipeline.close)
            report = self._pipeline.run(now, approved=approved)
            if any(problem.kind == DAMAGED for problem in report.problems):  # then the copy cannot be asked either
                state = copies.enter_context(closing(open_database(None)))
            before = Published(Ledger(state), Index(state), old.output.path)
            found = _Comparison(before, self._pipeline, directory, report).difference()
            unread = dict.fromkeys(one.unread for one in (state, trial) if one.unread)
            self.difference = structs.replace(found, problems=(*unread, *found.problems))
            self._before, self._copies = before, copies.pop_all()

    def feed(self, named: str, here: Path) -> str | None:
        """The name of a feed, before or after, that somebody calls so; `named.find_feed` tells how."""
        from feedd.named import find_feed

        return find_feed(self._pipeline, named, here, among=self._feed_names())

    def near_feed(self, named: str) -> str | None:
        """The feed that was probably meant by a name that none has."""
        from feedd.named import near_feed

        return near_feed(self._pipeline, named, self._feed_names())

    def _feed_names(self) -> set[str]:
        """The feeds that were public once, that are so after the change, or that the configuration describes: what one
        only holds that is not public yet is no feed to anybody.
        """
        after = self._pipeline
        return {*self._before.ledger.feeds(), *after.ledger.feeds(), *after.desk.plan.standing()} - {SITE}

    def close(self) -> None:
        """Let go of the copies."""
        self._copies.close()


def _copy(folder: Path) -> Database:
    """A copy of the state. One that is damaged is empty, as it is to a run. Raises StateError where nobody knows."""
    state = open_copy(folder)
    if state.unread and state.unread.kind != DAMAGED:
        raise StateError(state.unread)
    return state


class _Comparison:
    """Both sides, and what of them was looked up already."""

    def __init__(self, before: Published, pipeline: Pipeline, directory: Rehearsal, report: Report) -> None:
        self.before, self.directory, self.report, self.site = before, directory, report, pipeline.config.site
        self.after = Published(pipeline.ledger, pipeline.index, directory.root)
        self.unlisted = before.ledger.unlisted()
        self.was, self.is_now = _manifest(before.output), _manifest(directory.root, directory.manifest)
        self.titles: dict[tuple[str, bool], str] = {}
        self.told_before: Mapping[str, Told] = {}
        self.told_after: Mapping[str, Told] = {}
        self.wrote_before: Mapping[str, Written] = {}
        self.wrote_after: Mapping[str, Written] = {}
        self.paths: dict[str, list[str]] = {}  # of the documents that a feed has, or had, under its name

    def difference(self) -> Difference:
        """See `Difference`."""
        documents = _documents(self.directory.written.items(), self.directory.removed)
        common = Difference(
            self.report.now, site=self._site(), withheld=self._withheld(), problems=_problems(self.report.problems)
        )
        if not documents and self.before.output == self.after.output:
            return common
        self._look_up()
        known = self._is_known()
        came, left, changed = self._articles() if known else ((), (), ())
        problems = (*common.problems, *(() if known else (_unknown(self.before.output),)), *self._unpublished())
        return Difference(
            common.now, known, common.site, common.withheld, self._feeds(), came, left, changed,
            _paths(self.was, self.is_now), documents, problems,
        )  # fmt: skip

    def _look_up(self) -> None:
        before, after = self.before.ledger, self.after.ledger
        self.told_before, self.told_after = before.all_told(), after.all_told()
        self.wrote_before, self.wrote_after = dict(before.all_written()), dict(after.all_written())
        for path in sorted({*self.wrote_before, *self.wrote_after, *self.directory.removed}):
            name = path.rpartition(".")[0]
            if name == _name_of(path):  # none of its archives
                self.paths.setdefault(name, []).append(path)

    def _is_known(self) -> bool:
        """Whether the state knows of what lies there, if anything does."""
        return bool(self.before.ledger.feeds()) or not Directory(self.before.output).find(())

    def _unpublished(self) -> tuple[Problem, ...]:
        """A word for who compares a configuration that lies elsewhere with what is published there: nothing."""
        if self.before.output.exists() or self.before.output != self.after.output:
            return ()
        what = "does not exist, so that nothing is published"
        remedy = "If this configuration is to take the place of another, name that with --against."
        output = str(self.after.output)
        return (Problem("nothing-published", what, remedy, output, field="output.path", severity="suggestion"),)

    # What is about all feeds

    def _site(self) -> dict[str, Value]:
        outputs = Value(str(self.before.output), str(self.after.output))
        return self._said() | ({"output": outputs} if outputs.before != outputs.after else {})

    def _said(self) -> dict[str, Value]:
        """What all feeds say of themselves that is another; nothing where none said anything yet."""
        pairs = {
            "address": Value(self.was.base, self.is_now.base),
            "hubs": Value(" ".join(self.was.hubs), " ".join(self.is_now.hubs)),
            "ids of feeds and new articles": self._ids(),
        }
        return {key: one for key, one in pairs.items() if one.before != one.after and self.was.base}

    def _ids(self) -> Value:
        """How ids begin that are made. Those of articles that are known stay as they are."""
        now = (self.site.id_authority, self.site.id_date)
        told = self.before.ledger.made()
        before = now if not told or now in told else told.most_common(1)[0][0]
        return Value(*(f"tag:{authority},{date}:" for authority, date in (before, now)))

    def _withheld(self) -> Withheld:
        kept = (Named(one.id, self._title(one.id, after=False), why=one.why) for one in self.report.held)
        return Withheld(self.report.withheld, tuple(kept))

    def _articles(self) -> tuple[tuple[Named, ...], tuple[Named, ...], tuple[Named, ...]]:
        """Those that came, left and changed, by title."""
        before, after = _public(self.told_before), _public(self.told_after)
        both = (id for id in after & before if self._is_other(id))
        return (
            tuple(sorted(map(self._entered, after - before), key=_by_title)),
            tuple(sorted(map(self._left, before - after), key=_by_title)),
            tuple(sorted(map(self._changed, both), key=_by_title)),
        )

    # Feeds

    def _feeds(self) -> tuple[FeedDiff, ...]:
        documents: dict[str, list[str]] = {}
        names = {*self.before.ledger.feeds()} - {*self.after.ledger.feeds()}
        for path in (*self.directory.written, *self.directory.removed):
            owners = self._owners(path)
            names.update(owners)
            documents.setdefault(owners[0], []).append(path)
        found = (self._feed(name, documents.get(name, ())) for name in names - {SITE})
        return tuple(sorted((feed for feed in found if feed), key=_by_weight))

    def _owners(self, path: str) -> list[str]:
        """The feeds to which a document belongs, before and after, the one first under whose name it lies."""
        name = _name_of(path)
        sides = (self.wrote_after.get(path), self.wrote_before.get(path))
        owners = [one.feed for one in sides if one] or [name]
        return [name, *owners] if name in owners else owners

    def _feed(self, name: str, paths: Iterable[str]) -> FeedDiff | None:
        """None for one of which nothing lies there, neither before nor after."""
        was, will = self._lay(name), self._lies(name)
        if not (was or will):
            return None
        paths = set(paths)
        written = ((path, old) for path, old in self.directory.written.items() if path in paths)
        documents = _documents(written, self.directory.removed & paths)
        own, owner = self._owner(name, self.wrote_before), self._owner(name, self.wrote_after)
        entries = self._entries(name, own, owner, was, will)
        head = self._head(own, owner) if was and will and entries.before is not None else {}
        leads_to = owner if will and owner != name and own == name else ""
        kind: Kind = (
            "gone" if not will
            else "added" if not was
            else "moved" if leads_to
            else "emptied" if entries.before and not entries.after
            else "changed" if entries or head
            else "rewritten"
        )  # fmt: skip
        return FeedDiff(name, kind, entries, head, documents, leads_to)

    def _lay(self, name: str) -> bool:
        return any(os.path.lexists(self.before.output / path) for path in self.paths.get(name, ()))

    def _lies(self, name: str) -> bool:
        written, removed = self.directory.written, self.directory.removed
        return any(
            path in written or (path not in removed and os.path.lexists(self.after.output / path))
            for path in self.paths.get(name, ())
        )

    def _owner(self, name: str, wrote: Mapping[str, Written]) -> str:
        """The feed that wrote the documents of that name: another one where the name is a former one of its topic."""
        return next((wrote[path].feed for path in self.paths.get(name, ()) if path in wrote), name)

    def _head(self, own: str, owner: str) -> dict[str, Value]:
        """What a feed says of itself that is another, as far as the ledger keeps it."""
        one, other = _listing(self.before.ledger.feed(own)), _listing(self.after.ledger.feed(owner))
        shown = {key: Value(one[key], other[key]) for key in one if key in other and one[key] != other[key]}
        return shown | self._said()

    # Entries

    def _entries(self, name: str, own: str, owner: str, was: bool, will: bool) -> Entries:
        """Of what lay under a name, written by the feed `own`, and is to lie there, written by `owner`."""
        known, new = self.before.ledger.feed(own), self.after.ledger.feed(owner)
        after = new.members if new and will else ()
        if was and (own in self.unlisted or not self._is_as_it_was(name)):
            return Entries(None, len(after))
        before = known.members if known and was else ()
        ids, former = {*after}, {*before}
        stay = [id for id in after if id in former]
        return Entries(
            len(before), len(after),
            tuple(self._entered(id) for id in after if id not in former),
            tuple(self._left(id) for id in before if id not in ids),
            tuple(self._changed(id) for id in stay if self._is_other(id)),
            stay != [id for id in before if id in ids],
        )  # fmt: skip

    def _is_as_it_was(self, name: str) -> bool:
        """Whether any document of a feed is the one that the ledger knows: those of a directory that was used before
        another are of another time.
        """
        return any(
            path in self.wrote_before and self._is(path, self.wrote_before[path]) for path in self.paths.get(name, ())
        )

    def _is(self, path: str, known: Written) -> bool:
        if Directory(self.before.output).lies(path, known.size, known.mtime):
            return True
        try:
            return Document(path, (self.before.output / path).read_bytes()).digest == known.digest
        except OSError:
            return False

    def _is_other(self, id: str) -> bool:
        one, other = self.told_before.get(id), self.told_after.get(id)
        return one is None or other is None or (one.hash, one.updated) != (other.hash, other.updated)

    def _entered(self, id: str) -> Named:
        return Named(id, self._title(id, after=True))

    def _left(self, id: str) -> Named:
        """One that leaves. If it stays public its title is the one of then, as the former may be of a time before."""
        told = self.told_after.get(id)
        withdrawn = told is None or told.retracted is not None
        return Named(id, self._title(id, after=not withdrawn), withdrawn=withdrawn)

    def _changed(self, id: str) -> Named:
        title, was = self._title(id, after=True), self._title(id, after=False)
        return Named(id, title, was if was != title else "")

    def _title(self, id: str, after: bool) -> str:
        """The title of an article on one side; empty where it is not public, or not known there."""
        if (id, after) not in self.titles:
            side = self.after if after else self.before
            told = (self.told_after if after else self.told_before).get(id) or side.ledger.told(id)
            card = side.index.card(id) if told and told.retracted is None else None
            self.titles[id, after] = side.index.article(card.key).title if card else ""
        return self.titles[id, after]


def _manifest(output: Path, told: bytes | None = None) -> Manifest:
    """What an output directory says of itself, or is told to; nothing where that cannot be read."""
    try:
        return decode((output / NAME).read_bytes() if told is None else told)
    except (OSError, ValueError):
        return Manifest()


def _paths(before: Manifest, after: Manifest) -> Paths:
    return Paths(
        dict(sorted(after.moved.items() - before.moved.items())),
        {old: new for old, new in before.moved.items() if old not in after.moved},
        tuple(sorted({*after.gone} - {*before.gone})),
        tuple(sorted({*before.gone} - {*after.gone})),
    )


def _documents(written: Iterable[tuple[str, bool]], removed: Iterable[str]) -> Documents:
    paths = sorted(written)
    added = tuple(path for path, there in paths if not there)
    return Documents(added, tuple(path for path, there in paths if there), tuple(sorted(removed)))


def _problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """What kept the run from being what a real one would be; of content that cannot be read only that there is some."""
    problems = list(problems)
    told = [problem for problem in problems if problem.kind not in _UNNAMED and problem.kind != "guard"]
    if any(problem.kind in _UNNAMED for problem in problems):
        what = "some of the content cannot be read; what is known of it is taken to stay as it is"
        told.append(Problem("content-unread", what, "`feedd check` names it.", field="content.path"))
    return tuple(told)


def _unknown(output: Path) -> Problem:
    what = "the state does not know what lies here, so it is not told which entries come and go"
    remedy = "If another configuration wrote it, name that with --against. Else the state was lost."
    return Problem("state-unknown", what, remedy, str(output), field="output.path", severity="warning")


def _name_of(path: str) -> str:
    """The name of the feed under which a document lies, `SITE` for one that is about all feeds."""
    return SITE if path == NAME or path.startswith("assets/") else feed_of(path)


def _listing(known: KnownFeed | None) -> dict[str, str]:
    shown = known and known.listing
    return {"title": shown.title, "description": shown.description, "icon": shown.icon} if shown else {}


def _public(told: Mapping[str, Told]) -> set[str]:
    return {id for id, one in told.items() if one.retracted is None}


def _by_title(named: Named) -> tuple[str, str]:
    return named.title, named.id


def _by_weight(feed: FeedDiff) -> tuple[int, int, str]:
    entries = feed.entries
    return KINDS.index(feed.kind), -len(entries.entered) - len(entries.left) - len(entries.changed), feed.name

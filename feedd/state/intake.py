"""Intake: what changed in the content goes into the index, and the guard says how much may leave at once.

In: records of files that changed, and the paths of those that are gone. Out: the index brought up to date, and the ids
and stories that were touched. What comes and what stays goes in as it is read; what would leave is gathered first, so
that the guard can keep all of it. Ids are carried over renames here. Does not read files and does not know feeds.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedd.config import Guard
from feedd.content.article import Reading
from feedd.desk import Desk, Record, decode_article, decode_problems
from feedd.errors import Problem
from feedd.feeds.select import readable
from feedd.state.index import Index, Row
from feedd.state.ledger import Ledger

MOST_HELD = 1000
"""Articles that the guard keeps and that are named: a folder that was lost may have held a hundred thousand."""

_BATCH = 500
_encode = msgspec.msgpack.Encoder().encode


class Held(Struct, frozen=True):
    """An article that the guard keeps in the feeds: its file, its id, and why it would leave."""

    path: str
    id: str
    why: str


Withheld = dict[str, str]
"""Files whose articles the guard keeps, each with why its article would leave."""

GONE = "its file is gone"
"""Why an article leaves whose file is not there."""
UNWANTED = "[content] does not ask for its file"
"""Why one leaves whose file is none of content any more."""


class Edits(Struct):
    """What the intake did: ids whose files were filed anew, stories that came or went, and counts.

    `reread` are those of `ids` whose files are as they were, but are read in another way now. `kept` are the ids of
    files that were read and left as they were filed. `read` counts files that were read, `everything` tells whether
    those are all that there are, `lost` counts the public articles that left, `withheld` those that the guard keeps
    from leaving; of these `lasting` are kept until they are approved, and `held` names the first by path,
    `MOST_HELD` at most, and `digest` stands for all: it is what an approval of exactly these says. `approved` tells
    that the guard would have kept those that left, but for that. `notes` are the problems of the files that were
    read, as in `desk.Record`, but for what was known of those that were only read again to be sure. `mended` are
    the problems that files had before and have no more.
    """

    ids: set[str] = set()
    reread: set[str] = set()
    kept: set[str] = set()
    stories: set[int] = set()
    everything: bool = False
    read: int = 0
    lost: int = 0
    withheld: int = 0
    lasting: Withheld = {}
    held: tuple[Held, ...] = ()
    digest: str = ""
    approved: bool = False
    problems: list[Problem] = []
    notes: list[bytes] = []
    mended: list[Problem] = []


class _Leaving(Struct, frozen=True):
    """An article that would no longer be public or known: its file as it was, and what that holds now (None: it is
    gone).
    """

    row: Row
    record: Record | None = None

    @property
    def meant(self) -> bool:
        """Whether somebody wrote that it is to leave, as far as the file tells."""
        return self.record is not None and (self.record.article is not None or self.record.withdrawn)


class Intake:
    """Brings an index up to date, at one moment. Call `add`, `change` and `remove` for all there is, then `finish`.

    `lately` is how many articles left in the runs just before, which the guard counts as if they left in this one: what
    removes files one after the other must not get past it in small portions. `withheld` is what it keeps already: that
    stays, however few are left of it, since content is restored in portions, too; once nothing of it has come back for
    a while (`settled`), what is left of it counts like anything else.
    """

    def __init__(
        self,
        desk: Desk,
        index: Index,
        ledger: Ledger,
        now: int,
        lately: int = 0,
        withheld: Withheld | None = None,
        settled: bool = False,
    ) -> None:
        self._desk, self._index, self._ledger, self._now, self._lately = desk, index, ledger, now, lately
        self._withheld, self._settled = dict(withheld or {}), settled
        self._renamed = ledger.renames()
        self._fresh: list[tuple[Record, str | None]] = []
        self._leaving: list[_Leaving] = []
        self._gone: list[Row] = []
        self._came: dict[int, Record] = {}
        self._edited: set[str] = set()
        self._looked: set[str] = set()
        self._edits = Edits()

    def remove(self, path: str) -> None:
        """A file is gone."""
        row = self._index.row(path)
        self._looked.add(path)
        if row is None:
            return
        self._gone.append(row)
        # Also a draft: should the guard keep all that are gone, nobody must be told of it meanwhile.
        self._leaving.append(_Leaving(row))

    def add(self, record: Record) -> None:
        """A file is new."""
        self._looked.add(record.path)
        self._note(record)
        id = self._id(record, None)
        self._fresh.append((record, id))
        self._touch(id, record.addresses)
        if self._gone and record.story is not None:
            self._came[record.story] = record
        if len(self._fresh) == _BATCH or self._renamed:
            self._flush()

    def change(self, record: Record) -> None:
        """A known file has changed: keep the last good version of what is broken, hold back what would leave."""
        old = self._index.row(record.path)
        if old is None:
            self.add(record)
            return
        self._looked.add(record.path)
        self._note(record, old)
        if record.state in {"broken", "empty"} and old.id and not record.withdrawn:
            self._index.keep(old.key, record if record.problems else replace(record, problems=_emptied(record.path)))
            self._edits.kept.add(old.id)
        elif self._is_seen(old) and not record.shown(self._now):
            self._leaving.append(_Leaving(old, record))
        else:
            self._put(old, record)

    def finish(
        self, total: int | None, guard: Guard, approved: bool | Container[str], all_ids: bool = False
    ) -> Edits:
        """Settle ids, and let leave what the guard lets leave. `total` counts the files that there are, if all were
        looked at; `approved`: a person said that any number may leave, or those that one of these digests stands for;
        `all_ids`: every article is looked at anew, so that all ids are settled at once, and it does not matter which
        stories that touches.
        """
        self._flush()
        self._carry_ids()
        lost = [leaving for leaving in self._leaving if self._is_seen(leaving.row) and not self._lives_on(leaving)]
        unseen = self._withheld.keys() - self._looked if total is None else set()
        kept = () if approved is True else self._kept(lost, total, guard, approved or (), bool(unseen))
        held = {leaving.row.path for leaving in (*kept, *(self._unseen() if kept else ()))}
        self._edits.kept |= {leaving.row.id for leaving in kept if leaving.row.id}
        self._forget_heirs(leaving.row for leaving in kept)
        self._edits.lost = len(lost) - len(kept)
        self._edits.withheld = len(unseen) + len(kept)
        self._edits.lasting |= {path: self._withheld[path] for path in unseen}
        for leaving in self._leaving:
            if leaving.row.path not in held:
                self._let_go(leaving)
        self._settle_ids(all_ids)
        self._edits.reread = self._edits.ids - self._edited
        self._edits.everything = self._edits.read == total
        return self._edits

    def _settle_ids(self, all_ids: bool) -> None:
        """Whose id another file keeps is in no feed any more: that is noticed, also of a file that did not change."""
        problems = self._index.settle_all() if all_ids else []
        for id in () if all_ids else sorted(self._edits.ids):
            stories, aside = self._index.settle(id)
            self._edits.stories |= stories
            problems += aside
        if problems:
            self._edits.notes.append(_encode(tuple(problems)))

    def unreadable(self, problem: Problem) -> None:
        """A file is there and cannot be read: what was known of it stays."""
        self._edits.problems.append(problem)

    def _note(self, record: Record, old: Row | None = None) -> None:
        self._edits.read += 1
        as_it_was = old is None or old.read_as(record.stamp)  # of all files, when settings change
        before = self._index.noted(old.key) if old and (record.problems or not as_it_was) else None
        if record.problems and not (old and old.may_be(record.stamp) and before == record.problems):
            self._edits.notes.append(record.problems)
        if before and not as_it_was:
            kinds = {problem.kind for problem in decode_problems(record.problems)} if record.problems else set()
            self._edits.mended += [problem for problem in decode_problems(before) if problem.kind not in kinds]

    def _flush(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._index.add(fresh)

    def _put(self, old: Row, record: Record) -> None:
        if record.withdrawn and old.id:
            record = self._unpublished(old, record)
        id = self._id(record, old)
        edited = not old.read_as(record.stamp)
        self._touch(old.id, self._index.addresses(old.key), edited)
        self._index.put(old.key, record, id)
        self._touch(id, record.addresses, edited)

    def _unpublished(self, old: Row, record: Record) -> Record:
        """The record of a broken file whose text says not to publish it: its last good version, not published, so that
        it is still known which related links lead to it.
        """
        article = replace(self._index.article(old.key), published=False)
        problems = decode_problems(record.problems) if record.problems else ()
        made = self._desk.file(record.path, record.stamp, Reading("broken", article, problems))
        return replace(made, addresses=tuple(self._index.addresses(old.key).union(record.addresses)))

    def _let_go(self, leaving: _Leaving) -> None:
        if leaving.record is None:
            self._touch(leaving.row.id, self._index.addresses(leaving.row.key))
            self._index.drop(leaving.row.key)
        else:
            self._put(leaving.row, leaving.record)

    def _touch(self, id: str | None, stories: Iterable[int], edited: bool = True) -> None:
        if id:
            self._edits.ids.add(id)
            if edited:
                self._edited.add(id)
        self._edits.stories.update(stories)

    # Ids over renames

    def _id(self, record: Record, old: Row | None) -> str | None:
        """The id of an article: its own `guid`, else the one that its file always had, else the one of its name."""
        if record.id is None or record.guid:
            return record.id
        if old and old.id and old.id != record.id and not (old.guid or old.rival) and self._ledger.told(old.id):
            self._remember(record.id, old.id)
            return old.id
        if not self._renamed:
            return record.id
        self._give_way(record.path, record.id)
        id = self._ledger.identity(record.id)
        gone = {record.path, *(row.path for row in self._gone)}
        if id != record.id and any(holder.path not in gone for holder in self._index.holders(id)):
            # The name is used again, and so is the id that its article had.
            self._ledger.identify(record.id, record.id)
            return record.id
        return id

    def _remember(self, derived: str, id: str) -> None:
        self._ledger.identify(derived, id)
        self._renamed = True

    def _give_way(self, path: str, derived: str) -> None:
        """A renamed article leaves its former id to a new file with its former name, and takes the one of its own name,
        which another may have to leave in turn.
        """
        for holder in self._index.holders(derived):
            own = self._desk.id(self._index.article(holder.key))
            if holder.path != path and own != derived:
                self._index.identify(holder.key, own)
                self._ledger.identify(own, own)
                self._touch(own, self._index.addresses(holder.key))
                self._touch(derived, ())
                self._give_way(holder.path, own)

    def _carry_ids(self) -> None:
        """A file that is gone and a new one with the same story are one article, which keeps its id."""
        for row in self._gone:
            came = self._came.get(row.story) if row.story is not None else None
            if came is None or came.guid or not row.id or came.id in {None, row.id}:
                continue
            held_elsewhere = any(holder.path != row.path for holder in self._index.holders(row.id))
            placed = self._index.row(came.path)
            if self._ledger.told(row.id) and placed and not held_elsewhere:
                self._index.identify(placed.key, row.id)
                self._remember(came.id or "", row.id)
                self._touch(row.id, self._index.addresses(placed.key))
                del self._came[came.story or 0]

    # The guard

    def _is_seen(self, row: Row) -> bool:
        return row.shown(self._now) and not row.rival

    def _unseen(self) -> Iterator[_Leaving]:
        """The drafts that are gone, and nowhere else."""
        for leaving in self._leaving:
            row = leaving.row
            others = [holder for holder in self._index.holders(row.id or "") if holder.path != row.path]
            if leaving.record is None and not others and not self._is_seen(row):
                yield leaving

    def _lives_on(self, leaving: _Leaving) -> bool:
        """Whether it only moved: its file is gone, and another holds the article now."""
        row = leaving.row
        others = (holder for holder in self._index.holders(row.id or "") if holder.path != row.path)
        return leaving.record is None and any(holder.shown(self._now) for holder in others)

    def _forget_heirs(self, rows: Iterable[Row]) -> None:
        """Forget other files that would take the ids of articles that must stay and show nothing: the next scan finds
        those files again. Those that are gone are let go anyway.
        """
        gone = {row.key for row in self._gone}
        for row in rows:
            for holder in self._index.holders(row.id or ""):
                if holder.path != row.path and holder.key not in gone and not holder.shown(self._now):
                    self._index.drop(holder.key)

    def _kept(
        self, lost: Sequence[_Leaving], total: int | None, guard: Guard, approved: Container[str], others: bool
    ) -> Sequence[_Leaving]:
        """Those that must not leave now; says so in a problem, and notes which they are: what was kept before, and what
        would leave beside it, if that is too much at once. While anything is kept (also what this run does not look at:
        `others`) so is each article that nobody wrote is to leave: the accident may be under way. Where there is no
        content at all, everything is kept as long as that is so.
        """
        before = [one for one in lost if self._was_kept(one)]
        if self._settled and total is not None and len(before) == len(self._withheld):
            before = []
        new = [one for one in lost if not (before and self._was_kept(one))]
        gone = len(new) + self._lately
        public = self._ledger.public() if before or others or total == 0 or gone > guard.count else 0
        many = gone > guard.count and gone > guard.fraction * (public + self._lately)
        lasting = [*before, *(one for one in new if many or ((before or others) and not one.meant))]
        kept = list(lost) if total == 0 else lasting
        kept.sort(key=lambda leaving: leaving.row.path)
        digest = _digest(leaving.row for leaving in kept)
        if not kept or digest in approved:
            self._edits.approved = bool(kept)
            return ()
        self._edits.lasting = {one.row.path: self._why(one) for one in lasting}
        self._edits.digest, self._edits.held = digest, tuple(map(self._held, kept[:MOST_HELD]))
        self._edits.problems.append(self._problem(len(kept), public))
        return kept

    def _was_kept(self, leaving: _Leaving) -> bool:
        why = self._withheld.get(leaving.row.path)
        return why is not None and why == self._why(leaving)

    def _problem(self, kept: int, public: int) -> Problem:
        before = f", after the {self._lately} that left within a minute" if self._lately else ""
        what = f"{kept} of {public} published articles would leave the feeds at once{before}; these stay"
        remedy = "If that is meant, `feedd approve` lists and frees them, as `feedd build --approve` does unasked. Else"
        remedy += " restore the content."
        return Problem("guard", what, remedy, field="guard.fraction")

    def _held(self, leaving: _Leaving) -> Held:
        return Held(leaving.row.path, leaving.row.id or "", self._why(leaving))

    def _why(self, leaving: _Leaving) -> str:
        if leaving.record:
            return why_leaving(leaving.record, self._now)
        return GONE if self._desk.tree.wanted(leaving.row.path) else UNWANTED


def _digest(rows: Iterable[Row]) -> str:
    """What stands for these articles, in this order."""
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(_encode((row.path, row.id)))
    return digest.hexdigest()


def why_leaving(record: Record, now: int) -> str:
    """Why a file that was an article which subscribers saw shows none now."""
    if record.article is None:
        return "its text says not to publish it" if record.withdrawn else "its file is no article any more"
    article = decode_article(record.article)
    if article.removed:
        return "deleted or removed is true"
    if not article.published:
        return "published is not true"
    if record.since is not None and record.since > now:
        return f"under embargo until {readable(record.since)}"
    return f"expired at {readable(record.until)}" if record.until is not None else "its file is no article any more"


def _emptied(path: str) -> bytes:
    what = "is empty; the last good version of its article stays in the feeds"
    remedy = "Write it again, or delete the file to withdraw the article."
    return msgspec.msgpack.encode((Problem("empty-file", what, remedy, path),))

"""Intake: what changed in the content goes into the index, and the guard says how much may leave at once.

In: the changes that a scan found. Out: the index brought up to date, and the ids and stories that were touched. What
comes and what stays goes in as it is read, one file at a time; what would leave is gathered first, so that the guard can
keep all of it. Ids are settled here: over renames, and between files that claim the same one. Does not know feeds.
"""

from dataclasses import dataclass, field

from feedd.config import Config, Guard
from feedd.content.article import Article, Reading, Rules, parse
from feedd.content.source import UNSETTLED, Changes, Tree
from feedd.errors import Problem
from feedd.state.index import Index, Row
from feedd.state.ledger import Ledger


@dataclass(slots=True)
class Edits:
    """What the intake did: ids whose files changed, stories that came, went or changed visibility, and counts.

    `read` counts files that were read, `withheld` the public articles that the guard keeps from leaving.
    """

    ids: set[str] = field(default_factory=set)
    stories: set[int] = field(default_factory=set)
    read: int = 0
    withheld: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Leaving:
    """A public article that would no longer be: its file as it was, and what the file holds now (None: it is gone)."""

    row: Row
    stamp: bytes = UNSETTLED
    reading: Reading | None = None


class Intake:
    """Brings an index up to date with a tree, at one moment."""

    def __init__(self, config: Config, tree: Tree, rules: Rules, index: Index, ledger: Ledger, now: int) -> None:
        self._config, self._tree, self._rules = config, tree, rules
        self._index, self._ledger, self._now = index, ledger, now
        self._renamed = ledger.renames()
        self._leaving: list[_Leaving] = []
        self._gone: list[Row] = []
        self._came: dict[int, tuple[int, str]] = {}
        self._edits = Edits()

    def take(self, changes: Changes, approved: bool) -> Edits:
        """Take in all changes. `approved`: a person said that as much may leave as there is."""
        self._edits.problems += changes.problems
        for path in changes.removed:
            self._lose(path)
        for path in changes.changed:
            self._look(path)
        self._carry_ids()
        if self._held_back(changes, approved):
            self._edits.withheld = len(self._leaving)
        else:
            for leaving in self._leaving:
                self._let_go(leaving)
        return self._edits

    # One file

    def _look(self, path: str) -> None:
        old = self._index.row(path)
        try:
            found = self._tree.read(path, self._rules.max_bytes)
        except OSError as error:
            what = f"cannot be read: {error.strerror}; what was known of it stays"
            self._edits.problems.append(Problem("unreadable", what, "Let feedd's user read it.", path))
            return
        if found is None:
            self._lose(path)
            return
        self._edits.read += 1
        self._judge(path, old, found[0], parse(path, found[1], self._rules))

    def _judge(self, path: str, old: Row | None, stamp: bytes, reading: Reading) -> None:
        """Keep the last good version of what is broken, hold what would leave, put everything else in its place."""
        if reading.state in {"broken", "empty"} and old and old.id and not reading.withdrawn:
            self._index.keep(path, stamp, reading)
        elif old and old.shown(self._now) and not self._shown(reading.article):
            self._leaving.append(_Leaving(old, stamp, reading))
        else:
            self._put(path, old, stamp, reading)

    def _shown(self, article: Article | None) -> bool:
        if article is None or not article.published or article.removed or article.date > self._now:
            return False
        return article.expires is None or self._now < article.expires

    def _put(self, path: str, old: Row | None, stamp: bytes, reading: Reading) -> None:
        id = self._id(reading.article, old) if reading.article else None
        key = self._index.put(path, stamp, reading, id)
        self._touch(old)
        if reading.article and id:
            story = reading.article.story
            self._touch(Row(key, path, id, story, False, None, None))
            if old is None and story is not None:
                self._came[story] = (key, id)

    def _lose(self, path: str) -> None:
        row = self._index.row(path)
        if row is None:
            return
        self._gone.append(row)
        if row.shown(self._now):
            self._leaving.append(_Leaving(row))
        else:
            self._let_go(_Leaving(row))

    def _let_go(self, leaving: _Leaving) -> None:
        if leaving.reading is None:
            self._index.drop(leaving.row.key)
            self._touch(leaving.row)
        else:
            self._put(leaving.row.path, leaving.row, leaving.stamp, leaving.reading)

    def _touch(self, row: Row | None) -> None:
        if row and row.id:
            self._edits.ids.add(row.id)
        if row and row.story is not None:
            self._edits.stories.add(row.story)

    # Ids

    def _id(self, article: Article, old: Row | None) -> str:
        """The id of an article: its own `guid`, else made from its file name (RFC 4151), else the one it always had."""
        if article.guid:
            return article.guid
        derived = self._derived(article)
        if old and old.id and old.id != derived and self._ledger.told(old.id) and not self._has_guid(old):
            self._remember(derived, old.id)
            return old.id
        if not self._renamed:
            return derived
        self._give_way(article.path, derived)
        return self._ledger.identity(derived)

    def _derived(self, article: Article) -> str:
        site = self._config.site
        return f"tag:{site.id_authority},{site.id_date}:{article.collection}/{article.slug}"

    def _give_way(self, path: str, derived: str) -> None:
        """A renamed article gives its former id to a new file with its former name, and takes the one of its own name."""
        for holder in self._index.holders(derived):
            if holder.path != path and not self._has_guid(holder):
                own = self._derived(self._index.article(holder.key))
                if own != derived:
                    self._index.identify(holder.key, own)
                    self._ledger.identify(own, own)
                    self._edits.ids |= {own, derived}

    def _has_guid(self, row: Row) -> bool:
        return bool(self._index.article(row.key).guid)

    def _remember(self, derived: str, id: str) -> None:
        self._ledger.identify(derived, id)
        self._renamed = True

    def _carry_ids(self) -> None:
        """An old file that is gone and a new one with the same story are one article: it keeps its id."""
        for row in self._gone:
            came = self._came.get(row.story) if row.story is not None else None
            if came and row.id and came[1] != row.id and self._ledger.told(row.id):
                key, derived = came
                if all(holder.path == row.path for holder in self._index.holders(row.id)):
                    self._index.identify(key, row.id)
                    self._remember(derived, row.id)
                    self._edits.ids.add(row.id)

    # The guard

    def _held_back(self, changes: Changes, approved: bool) -> bool:
        """Whether all that would leave must stay; says so in a problem."""
        lost = {leaving.row.id for leaving in self._leaving if not self._stays(leaving.row)}
        if approved or not lost:
            return False
        public = self._index.public()
        if not (changes.total == 0 or _too_many(len(lost), public, self._config.guard)):
            return False
        what = f"{len(lost)} of {public} published articles would leave the feeds at once; all of them stay"
        remedy = "If that is meant, approve it: `feedd build --approve`. Else restore the content."
        self._edits.problems.append(Problem("guard", what, remedy, field="guard.fraction"))
        return True

    def _stays(self, row: Row) -> bool:
        """Whether the article lives on in another file."""
        holders = self._index.holders(row.id) if row.id else []
        return any(holder.path != row.path and holder.public for holder in holders)


def _too_many(leaving: int, public: int, guard: Guard) -> bool:
    return leaving > guard.count and leaving > guard.fraction * public

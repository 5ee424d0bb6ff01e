"""Index: which file holds which article, as it was when last looked at.

In: records. Out: rows, cards, articles and problems. A cache but for one thing: the last good version of an article
whose file is broken now. Does not decide what is shown; it only keeps, for each file, what was said.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from sys import intern
from typing import Any, NamedTuple

import msgspec

from feedd.content.article import Article, Link, is_bundle
from feedd.desk import Record, decode_article, decode_links, decode_problems, duplicate_id
from feedd.errors import Problem
from feedd.feeds.select import Card, Traits, seen
from feedd.state.database import Database

_decode_traits = msgspec.msgpack.Decoder(Traits).decode

_FORGOTTEN = b"\0"
"""Stands before the stamp of a file that must be read again although it may be the same."""
_STAMP = 32  # bytes (`source.stamp`)


class Row(NamedTuple):
    """What the index says of one file. `public` is what the author decided, `since` and `until` bound when it is seen;
    `id` and `story` are None for a file without article, `rival` is the path of the file that keeps the same id.
    `stamp` is what the file's was when it was last read, see `read_as`.
    """

    key: int
    path: str
    id: str | None
    guid: bool
    story: int | None
    public: bool
    since: int | None
    until: int | None
    rival: str | None
    stamp: bytes

    def read_as(self, stamp: bytes) -> bool:
        """Whether it must be read again for the settings' sake only: its stamp was forgotten, and is still the same (or
        had not settled).
        """
        return self.stamp in {_FORGOTTEN, _FORGOTTEN + stamp}

    def may_be(self, stamp: bytes) -> bool:
        """Whether nothing says that it is another by now: when it was read, its stamp had not settled, or see above."""
        return not self.stamp or self.read_as(stamp)

    def shown(self, now: int) -> bool:
        """Whether it is seen at that moment, if no other file keeps its id."""
        return bool(self.public) and self.since is not None and seen(self.since, self.until, now)


_ROW = "SELECT key, path, id, guid, story, public, since, until, rival, stamp FROM file "
_OF_STORY = "WHERE key IN (SELECT key FROM address WHERE story = ?)"
_CARDS = "FROM file WHERE traits IS NOT NULL AND rival IS NULL"
_CARD = f"SELECT key, id, ifnull(story, -key), since, until, traits {_CARDS}"

_BY_PUBLICATION = """
SELECT CASE
    WHEN state = 'broken' THEN 'broken'
    WHEN public IS NOT 1 OR since IS NULL THEN 'unpublished'
    WHEN rival IS NOT NULL THEN 'duplicate'
    WHEN since > :now THEN 'embargoed'
    WHEN until <= :now THEN 'expired'
    ELSE 'public'
END AS publication, count(*) FROM file WHERE state IN ('article', 'broken') GROUP BY publication
"""

_LATER = "AND modified > since AND modified > ?"


class Look(NamedTuple):
    """What an entry looks like: a hash of its projection but for its related links (`desk.Record.look`), those links,
    and its `updatedDateTime`.
    """

    hash: bytes
    links: tuple[Link, ...]
    modified: int | None


def _look(hash: bytes, links: bytes | None, modified: int | None) -> Look:
    return Look(hash, decode_links(links) if links else (), modified)


def _shared(traits: Traits, topics: dict[tuple[str, ...], tuple[str, ...]]) -> Traits:
    """The same traits, of which the text that others have too is not held twice."""
    collection, kind, language, names, provider, quality, heat, title, icon, filters = traits
    kept = topics.get(names)
    if kept is None:
        kept = topics[names] = tuple(map(intern, names))
    return Traits(
        intern(collection), intern(kind), intern(language), kept, intern(provider), quality, heat, title, intern(icon),
        tuple(map(intern, filters)),
    )  # fmt: skip


class Index:
    """The tables of the index in a database."""

    def __init__(self, database: Database) -> None:
        self._execute, self._executemany = database.execute, database.executemany
        self._next_key: int | None = None

    # Files

    def stamps(self) -> dict[str, bytes]:
        """The stamp of every file."""
        return dict(self._execute("SELECT path, stamp FROM file"))

    def stamp(self, path: str) -> bytes | None:
        """The stamp of a file, None for one that is not known."""
        if not _can_be_known(path):
            return None
        row = self._execute("SELECT stamp FROM file WHERE path = ?", (path,)).fetchone()
        return row[0] if row else None

    def paths(self, at_most: int) -> list[str]:
        """Some of the files that are known."""
        return [path for (path,) in self._execute("SELECT path FROM file LIMIT ?", (at_most,))]

    def below(self, folder: str) -> list[str]:
        """The files that are known below a folder, whose path ends in a slash."""
        if not _can_be_known(folder):
            return []
        after = folder[:-1] + chr(ord("/") + 1)
        return [path for (path,) in self._execute("SELECT path FROM file WHERE path > ? AND path < ?", (folder, after))]

    def forget_stamps(self) -> None:
        """Have every file read again by the next scan, its last good version kept."""
        # A concatenation is text to SQLite, whatever it is made of.
        query = "UPDATE file SET stamp = CAST(? || stamp AS BLOB) WHERE length(stamp) IN (0, ?)"
        self._execute(query, (_FORGOTTEN, _STAMP))

    def row(self, path: str) -> Row | None:
        """What is known of a file."""
        found = self._execute(_ROW + "WHERE path = ?", (path,)).fetchone()
        return Row(*found) if found else None

    def noted(self, key: int) -> bytes | None:
        """The problems of a file, as in `desk.Record`."""
        found = self._execute("SELECT data FROM problem WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def holders(self, id: str) -> list[Row]:
        """The files that hold an id, the one that keeps it first."""
        return [Row(*found) for found in self._execute(_ROW + "WHERE id = ? ORDER BY path", (id,))]

    def path_of_name(self, name: str) -> str | None:
        """The first file with that name in any folder, with or without its suffix, or in a page bundle of that name; a
        whole path counts as a name.
        """
        query = "SELECT path FROM file WHERE instr('/' || path || '.', :name) "
        query += "OR instr('/' || replace(path, '/index.', '.') || '.', :name) ORDER BY path"
        for (path,) in self._execute(query, {"name": f"/{name}."}):
            bundle = path.replace("/index.", ".") if is_bundle(path) else path
            names = (f"/{path}", f"/{path}".rpartition(".")[0], f"/{bundle}".rpartition(".")[0])
            if any(one.endswith(f"/{name}") for one in names):
                return str(path)
        return None

    def of_story(self, story: int) -> list[Row]:
        """The files with an article of which any address leads to a story."""
        return [Row(*found) for found in self._execute(_ROW + _OF_STORY, (story,))]

    def stories(self) -> set[int]:
        """The stories to which any address of any article leads."""
        return {story for (story,) in self._execute("SELECT story FROM address")}

    def addresses(self, key: int) -> set[int]:
        """The stories to which an article's addresses lead."""
        return {story for (story,) in self._execute("SELECT story FROM address WHERE key = ?", (key,))}

    def relating(self, stories: Iterable[int]) -> set[str]:
        """The ids of the articles with a related link to one of these stories."""
        query = "SELECT id FROM related JOIN file USING (key) WHERE related.story = ?"
        return {id for story in stories for (id,) in self._execute(query, (story,))}

    def states(self) -> dict[str, int]:
        """How many files are in each state of `article.Reading`."""
        return dict(self._execute("SELECT state, count(*) FROM file GROUP BY state ORDER BY state"))

    def unpublished(self) -> list[str]:
        """The files of the articles that their authors do not publish."""
        query = "SELECT path FROM file WHERE state = 'article' AND public IS NOT 1 ORDER BY path"
        return [path for (path,) in self._execute(query)]

    def articles(self, now: int) -> dict[str, int]:
        """How many articles are public at that moment, and how many are not, by what keeps them from it: `broken`,
        `unpublished`, `duplicate` (another file keeps their id), `embargoed`, `expired`. What is broken may be public
        as it last was.
        """
        return dict(self._execute(_BY_PUBLICATION, {"now": now}))

    # Changes

    def add(self, records: Iterable[tuple[Record, str | None]]) -> None:
        """Keep new files, each with the id of its article."""
        placed = [(self._new_key(), record, id) for record, id in records]
        self._executemany(_INSERT, ((*_columns(record, id), record.path, key) for key, record, id in placed))
        articles = ((key, record.article) for key, record, _ in placed if record.article)
        self._executemany("INSERT INTO article VALUES (?, ?)", articles)
        addresses = ((story, key) for key, record, _ in placed for story in record.addresses)
        self._executemany("INSERT INTO address VALUES (?, ?)", addresses)
        related = ((story, key) for key, record, _ in placed for story in record.stories)
        self._executemany("INSERT INTO related VALUES (?, ?)", related)
        problems = ((key, record.problems) for key, record, _ in placed if record.problems)
        self._executemany("INSERT INTO problem VALUES (?, ?)", problems)

    def _new_key(self) -> int:
        if self._next_key is None:
            self._next_key = self._execute("SELECT ifnull(max(key), 0) FROM file").fetchone()[0]
        self._next_key += 1
        return self._next_key

    def put(self, key: int, record: Record, id: str | None) -> None:
        """Keep what a known file holds now."""
        self._forget(key)
        self._execute(_UPDATE, (*_columns(record, id), key))
        if record.article:
            self._execute("INSERT INTO article VALUES (?, ?)", (key, record.article))
        self._executemany("INSERT INTO address VALUES (?, ?)", ((story, key) for story in record.addresses))
        self._executemany("INSERT INTO related VALUES (?, ?)", ((story, key) for story in record.stories))
        self._report(key, record)

    def keep(self, key: int, record: Record) -> None:
        """Note that a file is broken or empty, and keep its last good article as it was."""
        self._execute("UPDATE file SET stamp = ?, state = ? WHERE key = ?", (record.stamp, record.state, key))
        self._execute("DELETE FROM problem WHERE key = ?", (key,))
        self._report(key, record)

    def _report(self, key: int, record: Record) -> None:
        if record.problems:
            self._execute("INSERT INTO problem VALUES (?, ?)", (key, record.problems))

    def drop(self, key: int) -> None:
        """Forget a file."""
        self._forget(key)
        self._execute("DELETE FROM file WHERE key = ?", (key,))

    def _forget(self, key: int) -> None:
        """Forget all that other tables say of a file."""
        self._execute("DELETE FROM article WHERE key = ?", (key,))
        self._execute("DELETE FROM address WHERE key = ?", (key,))
        # They are sorted by story, and there is one for each link: finding them by their key would mean to look at all.
        related = ((link.story, key) for link in self.look(key).links)
        self._executemany("DELETE FROM related WHERE story = ? AND key = ?", related)
        self._execute("DELETE FROM problem WHERE key = ?", (key,))

    def identify(self, key: int, id: str) -> None:
        """Let a file hold another id."""
        self._execute("UPDATE file SET id = ? WHERE key = ?", (id, key))

    def settle(self, id: str) -> tuple[set[int], list[Problem]]:
        """Of the files that hold an id, let the first by path keep it, and note that for the others. Gives the stories
        of those for which this is news, and the problem of each that does not keep it any more.
        """
        holders = self.holders(id)
        stories: set[int] = set()
        problems: list[Problem] = []
        for row in holders:
            rival = None if row is holders[0] else holders[0].path
            if row.rival != rival:
                self._execute("UPDATE file SET rival = ? WHERE key = ?", (rival, row.key))
                stories |= self.addresses(row.key)
                problems += [duplicate_id(row.path, id, rival)] if rival else []
        return stories, problems

    def settle_all(self) -> list[Problem]:
        """The same for all ids at once; gives the problem of each file that does not keep its id."""
        self._execute("UPDATE file SET rival = NULL WHERE rival IS NOT NULL")
        self._execute(
            "UPDATE file SET rival = first.path FROM (SELECT id, min(path) AS path FROM file WHERE id IN"
            " (SELECT id FROM file WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1) GROUP BY id) AS first"
            " WHERE file.id = first.id AND file.path != first.path"
        )
        return self._duplicates()

    def refile(self, records: Iterable[tuple[int, bytes | None, bytes | None]]) -> None:
        """Keep traits and looks that were made anew: key, traits, look."""
        rows = ((traits, look, key) for key, traits, look in records)
        self._executemany("UPDATE file SET traits = ?, look = ? WHERE key = ?", rows)

    # Articles

    def card(self, id: str) -> Card | None:
        """The card of an article; None if no file holds it, or its author does not publish it."""
        found = self._execute(_CARD + " AND id = ?", (id,)).fetchone()
        if found is None:
            return None
        key, _, story, since, until, data = found
        return Card(key, id, story, since, until, _decode_traits(data))

    def cards(self) -> Iterator[Card]:
        """Every card. Equal traits are one object, and so are equal parts of them: of 100,000 articles, 14 MiB."""
        shared: dict[bytes, Traits] = {}
        topics: dict[tuple[str, ...], tuple[str, ...]] = {}
        for key, id, story, since, until, data in self._execute(_CARD):
            traits = shared.get(data)
            if traits is None:
                traits = shared[data] = _shared(_decode_traits(data), topics)
            yield Card(key, id, story, since, until, traits)

    def updating(self, one: int, other: int) -> list[str]:
        """The ids of the cards whose `updatedDateTime` is after the earlier of two moments and not after the later."""
        moments = sorted((one, other))
        return [id for (id,) in self._execute(f"SELECT id {_CARDS} {_LATER} AND modified <= ?", moments)]

    def next_update(self, now: int) -> int | None:
        """The first moment after `now` that is the `updatedDateTime` of a card."""
        found: int | None = self._execute(f"SELECT min(modified) {_CARDS} {_LATER}", (now,)).fetchone()[0]
        return found

    def look(self, key: int) -> Look:
        """What the entry of an article looks like."""
        return _look(*self._execute("SELECT look, links, modified FROM file WHERE key = ?", (key,)).fetchone())

    def looks(self) -> Iterator[tuple[str, Look]]:
        """What the entries of all cards look like, each with its id."""
        for id, *found in self._execute(f"SELECT id, look, links, modified {_CARDS}"):
            yield id, _look(*found)

    def sources(self, keys: Sequence[int]) -> dict[int, tuple[tuple[Link, ...], bytes]]:
        """What entries are written from: the related links and the article, encoded, of each of a few files."""
        places = ", ".join("?" * len(keys))
        query = f"SELECT key, links, data FROM file JOIN article USING (key) WHERE key IN ({places})"  # noqa: S608
        found = self._execute(query, keys)
        return {key: (decode_links(links) if links else (), data) for key, links, data in found}

    def data(self, key: int) -> bytes:
        """The article of a file that has one, encoded."""
        found: bytes = self._execute("SELECT data FROM article WHERE key = ?", (key,)).fetchone()[0]
        return found

    def article(self, key: int) -> Article:
        """The article of a file that has one."""
        return decode_article(self.data(key))

    def public_articles(self, ids: Iterable[str] | None = None) -> Iterator[tuple[int, Article]]:
        """Every article that its author published, or those with these ids, with the key of its file."""
        query = "SELECT key, data FROM file JOIN article USING (key) WHERE public"
        found = self._execute(query) if ids is None else self._of_ids(query, ids)
        for key, data in found:
            yield key, decode_article(data)

    def _of_ids(self, query: str, ids: Iterable[str]) -> Iterator[Any]:
        for id in ids:
            yield from self._execute(f"{query} AND id = ?", (id,))

    # Problems

    def problems(self) -> list[Problem]:
        """Everything that is wrong with files, by path; files that claim the id of another come last."""
        query = "SELECT data FROM problem JOIN file USING (key) ORDER BY path"
        found = [problem for (data,) in self._execute(query) for problem in decode_problems(data)]
        return found + self._duplicates()

    def _duplicates(self) -> list[Problem]:
        rows = self._execute("SELECT path, id, rival FROM file WHERE rival IS NOT NULL").fetchall()
        return [duplicate_id(*row) for row in sorted(rows)]


_COLUMNS = ("stamp", "state", "id", "guid", "story", "public", "since", "until", "modified", "traits", "look", "links")
_UPDATE = f"UPDATE file SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE key = ?"  # noqa: S608
_INSERT = f"INSERT INTO file ({', '.join(_COLUMNS)}, path, key) VALUES ({'?, ' * len(_COLUMNS)}?, ?)"  # noqa: S608


def _columns(record: Record, id: str | None) -> tuple[Any, ...]:
    return (
        record.stamp, record.state, id, record.guid, record.story, record.public, record.since, record.until,
        record.modified, record.traits, record.look, record.links,
    )  # fmt: skip


def _can_be_known(path: str) -> bool:
    """Whether a path is UTF-8, as all are that are known: SQLite cannot even be asked for another."""
    with suppress(UnicodeEncodeError):
        return path.isascii() or bool(path.encode())
    return False

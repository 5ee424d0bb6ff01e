"""Index: which file holds which article, as it was when last looked at.

In: paths, stamps and readings. Out: rows, articles and problems. A cache but for one thing: the last good version of an
article whose file is broken now. Does not decide what is shown; it only keeps, for each file, what was said.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from feedd.content.article import Article, Reading
from feedd.errors import Problem
from feedd.feeds.select import Card
from feedd.state.database import Database

_encode = msgspec.msgpack.Encoder().encode
_decode_article = msgspec.msgpack.Decoder(Article).decode
_decode_problems = msgspec.msgpack.Decoder(tuple[Problem, ...]).decode


@dataclass(frozen=True, slots=True)
class Row:
    """What the index says of one file that holds, or held, an article.

    `public` is what its author decided; `since` and `until` bound when it is seen. `id` and `story` are None for a file
    without article.
    """

    key: int
    path: str
    id: str | None
    story: int | None
    public: bool
    since: int | None
    until: int | None

    def shown(self, now: int) -> bool:
        """Whether it is seen at that moment, if no other file holds its id."""
        return (
            self.public and self.since is not None and self.since <= now and (self.until is None or now < self.until)
        )


_UPDATE = (
    "UPDATE file SET stamp = ?, state = ?, id = ?, story = ?, public = ?, since = ?, until = ?, card = NULL"
    " WHERE path = ? RETURNING key"
)
_INSERT = "INSERT INTO file (stamp, state, id, story, public, since, until, path) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def _columns(stamp: bytes, reading: Reading, id: str | None) -> tuple[Any, ...]:
    article = reading.article
    if article is None:
        return stamp, reading.state, id, None, False, None, None
    public = article.published and not article.removed
    return stamp, reading.state, id, article.story, public, article.date, article.expires


_ROW = "SELECT key, path, id, story, public, since, until FROM file "


class Index:
    """The tables of the index in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._execute = database.execute

    def stamps(self) -> dict[str, bytes]:
        """The stamp of every file."""
        return dict(self._execute("SELECT path, stamp FROM file"))

    def stamp(self, path: str) -> bytes | None:
        """The stamp of a file, None for one that is not known."""
        row = self._execute("SELECT stamp FROM file WHERE path = ?", (path,)).fetchone()
        return row[0] if row else None

    def row(self, path: str) -> Row | None:
        """What is known of a file."""
        found = self._execute(_ROW + "WHERE path = ?", (path,)).fetchone()
        return Row(*found) if found else None

    def holders(self, id: str) -> list[Row]:
        """The files that hold an id, the one that keeps it first."""
        return [Row(*found) for found in self._execute(_ROW + "WHERE id = ? ORDER BY path", (id,))]

    def of_story(self, story: int) -> list[Row]:
        """The files whose article leads to a story."""
        return [Row(*found) for found in self._execute(_ROW + "WHERE story = ?", (story,))]

    def public(self) -> int:
        """How many files hold an article that its author published."""
        return int(self._execute("SELECT count(*) FROM file WHERE public").fetchone()[0])

    def put(self, path: str, stamp: bytes, reading: Reading, id: str | None) -> int:
        """Keep what a file holds now, under its id; gives its key. For a broken file use `keep`."""
        values = _columns(stamp, reading, id)
        found = self._execute(_UPDATE, (*values, path)).fetchone()
        if found is None:
            key = int(self._execute(_INSERT, (*values, path)).lastrowid or 0)
        else:
            key = int(found[0])
            for table in ("article", "related", "problem"):
                self._execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608 - the names stand here
        if article := reading.article:
            self._execute("INSERT INTO article VALUES (?, ?)", (key, _encode(article)))
            links = {(link.story, key) for link in article.related}
            self._database.executemany("INSERT INTO related VALUES (?, ?)", links)
        self._problems(key, reading.problems)
        return key

    def keep(self, path: str, stamp: bytes, reading: Reading) -> int:
        """Note that a file is broken or empty, and keep its last good article as it was."""
        found = self._execute(
            "UPDATE file SET stamp = ?, state = ? WHERE path = ? RETURNING key", (stamp, reading.state, path)
        ).fetchone()
        key = int(found[0])
        self._problems(key, reading.problems)
        return key

    def _problems(self, key: int, problems: tuple[Problem, ...]) -> None:
        if problems:
            self._execute("INSERT OR REPLACE INTO problem VALUES (?, ?)", (key, _encode(problems)))

    def drop(self, key: int) -> None:
        """Forget a file."""
        for table in ("file", "article", "related", "problem"):
            self._execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608 - the names stand here

    def identify(self, key: int, id: str) -> None:
        """Let a file hold another id."""
        self._execute("UPDATE file SET id = ? WHERE key = ?", (id, key))

    def rival(self, key: int, path: str | None) -> None:
        """Note which file keeps the id that this one claims too."""
        self._execute("UPDATE file SET rival = ? WHERE key = ? AND rival IS NOT ?", (path, key, path))

    def article(self, key: int) -> Article:
        """The article of a file that has one."""
        found = self._execute("SELECT data FROM article WHERE key = ?", (key,)).fetchone()
        return _decode_article(found[0])

    def all_articles(self) -> Iterator[tuple[Row, Article]]:
        """Every file that holds an article, by path."""
        for *row, data in self._execute(
            "SELECT key, path, id, story, public, since, until, data FROM file JOIN article USING (key) ORDER BY path"
        ):
            yield Row(*row), _decode_article(data)

    def file_cards(self, cards: Iterable[tuple[int, Card | None]]) -> None:
        """Keep the cards of files, so that the next start need not make them anew; None for a file without."""
        rows = ((card and _encode(card), key) for key, card in cards)
        self._database.executemany("UPDATE file SET card = ? WHERE key = ?", rows)

    def cards(self) -> Iterator[bytes]:
        """Every card that is kept, as bytes for `decode_card`."""
        return (data for (data,) in self._execute("SELECT card FROM file WHERE card IS NOT NULL"))

    def relating(self, stories: Iterable[int]) -> set[int]:
        """The keys of the files whose article has a related link to one of these stories."""
        found: set[int] = set()
        for story in stories:
            found.update(key for (key,) in self._execute("SELECT key FROM related WHERE story = ?", (story,)))
        return found

    def id_of(self, key: int) -> str | None:
        """The id that a file holds."""
        found = self._execute("SELECT id FROM file WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def problems(self) -> list[Problem]:
        """Everything that is wrong with files, by path; files that claim one id are named together."""
        found = [
            problem
            for _, data in self._execute("SELECT path, data FROM problem JOIN file USING (key) ORDER BY path")
            for problem in _decode_problems(data)
        ]
        rows = self._execute("SELECT path, id, rival FROM file WHERE rival IS NOT NULL ORDER BY path")
        return found + [_doubled(*row) for row in rows]

    def states(self) -> dict[str, int]:
        """How many files are in each state of `Reading`."""
        return dict(self._execute("SELECT state, count(*) FROM file GROUP BY state ORDER BY state"))

    def forget_stamps(self) -> None:
        """Have every file read again by the next scan, its last good version kept."""
        self._execute("UPDATE file SET stamp = x''")


def _doubled(path: str, id: str, rival: str) -> Problem:
    what = f"has the id {id} of {rival}, which keeps it; this one is in no feed"
    return Problem("duplicate-id", what, "Rename one of the two files, or give it a `guid`.", path, field="guid")


decode_card = msgspec.msgpack.Decoder(Card).decode
"""A card out of bytes; raises msgspec.MsgspecError for others."""

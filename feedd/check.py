"""Check: every problem of configuration, taxonomy and content, found without the state and without writing anything.

In: a desk, which has read the configuration, and the moment. Out: problems, each with file, line, field and remedy.
The rules are those by which a run reads; what is added here needs all articles at once, or is no obstacle to a run
but likely a mistake.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from feedd.content import header
from feedd.content.article import Article
from feedd.content.text import key
from feedd.desk import Desk, Record, decode_article, decode_problems, duplicate_id
from feedd.errors import BrokenArticle, Problem, SourceError
from feedd.feeds.select import readable
from feedd.workers import Workers


def check(desk: Desk, now: int) -> tuple[list[Problem], dict[str, int]]:
    """All problems, those of settings first, then by file; and how many files are in each state."""
    problems = [*desk.problems, *_places(desk)]
    states: dict[str, int] = {}
    try:
        changes = desk.tree.scan({})
    except SourceError as error:
        return [*problems, error.problem], states
    problems += changes.problems
    with Workers(desk) as workers:
        problems += _files(desk, workers.records(changes.added), states, now)
    return problems, states


def _files(
    desk: Desk, records: Iterable[Record | Problem | None], states: dict[str, int], now: int
) -> Iterator[Problem]:
    keepers: dict[str, str] = {}
    for record in records:
        if isinstance(record, Problem):
            yield record
        elif record is not None:
            states[record.state] = states.get(record.state, 0) + 1
            yield from _file(desk, record, keepers, now)


def _file(desk: Desk, record: Record, keepers: dict[str, str], now: int) -> Iterator[Problem]:
    if record.problems:
        yield from decode_problems(record.problems)
    if record.id is None or record.article is None:
        return
    keeper = keepers.setdefault(record.id, record.path)
    if keeper != record.path:
        yield duplicate_id(record.path, record.id, keeper, _line(desk, record.path, "guid"))
    article = decode_article(record.article)
    yield from _announced(desk, article, now)
    yield from unknown_topics(desk, article)


def _announced(desk: Desk, article: Article, now: int) -> Iterator[Problem]:
    """An update that is yet to come, unless the article itself is: most likely a slip."""
    if article.modified is not None and article.modified > max(now, article.date):
        what = f"is in the future; until {readable(article.modified)} no feed tells of it"
        line = _line(desk, article.path, "updatedDateTime")
        remedy = "Write when the article was last changed, or leave it out."
        yield Problem("future-update", what, remedy, article.path, line, "updatedDateTime", "warning")


def unknown_topics(desk: Desk, article: Article) -> Iterator[Problem]:
    """The topics of an article that the taxonomy does not list, each with the nearest one that it does; none where it
    lists no topics at all.
    """
    listed = desk.taxonomy.topics
    unknown = [name for name in article.topics if key(name) not in listed] if listed else []
    line = _line(desk, article.path, "topics") if unknown else None
    for name in unknown:
        near = get_close_matches(key(name), listed, 1)
        meant = f"Did you mean {listed[near[0]].name!r}? Else add" if near else "Add"
        ignored = desk.config.taxonomy.unknown_topics == "ignore"
        what = f"{name!r} is not in the taxonomy; it gets {'no feed' if ignored else 'a feed of its own'}"
        yield Problem("unknown-topic", what, f"{meant} it to the taxonomy.", article.path, line, "topics", "warning")


def _line(desk: Desk, path: str, field: str) -> int | None:
    """The line of a front matter field; the file is read again, since few lines are asked for and records keep none."""
    with suppress(OSError, BrokenArticle):  # it was changed meanwhile
        found = desk.tree.read(path, desk.rules.max_bytes)
        head = header.read(found[1]) if found else None
        return head.line(field) if head else None
    return None


def _places(desk: Desk) -> Iterator[Problem]:
    """Directories in which feedd could not write."""
    for field, place in (("output.path", desk.config.output.path), ("state.path", desk.config.state.path)):
        nearest = next((folder for folder in (place, *place.parents) if folder.exists()), Path("/"))
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            what = f"{nearest} is not a directory that this user can write in"
            yield Problem("not-writable", what, "Mend its permissions, or name another.", str(place), field=field)

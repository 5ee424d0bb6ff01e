"""Nearby: to check some files, which others have to be read.

In: records of some files, and the paths of all. Out: the paths of those that may have an id, a story or an address in
common with them, as their bytes tell. None is missing but for addresses that YAML writes in pieces, or whose host alone
tells them apart and is in capitals; some are too many. Searching 20,000 files takes half a second, reading them three.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote

from feedd.content.article import slug_of
from feedd.content.links import canonical
from feedd.content.source import Tree
from feedd.desk import Desk, Record, decode_article, decode_links

MOST = 150
"""Texts to search for; with more, reading everything is quicker."""

# What everybody writes alike in an address: the rest may be encoded, or not.
_AS_WRITTEN = re.compile(r"(?<![%A-Za-z0-9_-])[A-Za-z0-9_-]+|(?<=%[0-9A-Fa-f]{2})[A-Za-z0-9_-]+")
_SHORTEST = 4  # letters: what is shorter is everywhere
_PIECE = 65536


def nearby(desk: Desk, records: Iterable[Record], paths: Sequence[str]) -> list[str]:
    """The paths that may have to do with these records, or have an id in common with one that has: of two with one id,
    only one tells a story. All of them where too much would have to be searched for.
    """
    own = [record for record in records if record.article is not None]
    first = _sharing(desk, own, paths, _marks)
    if len(first) == len(paths):
        return sorted(first)
    others = desk.records(sorted(first - {record.path for record in own}))
    strangers = [one for one in others if isinstance(one, Record) and one.article is not None]
    return sorted(first | _sharing(desk, strangers, paths, _mark_of_id)) if strangers else sorted(first)


def _sharing(
    desk: Desk, records: Iterable[Record], paths: Sequence[str], marks_of: Callable[[Record], Iterable[bytes]]
) -> set[str]:
    """The paths that may share what the marks of records stand for, or are called like one of them."""
    marks = {mark for record in records for mark in marks_of(record)}
    if len(marks) > MOST or b"" in marks:
        return set(paths)
    names = {name for record in records for name in _names(record)}
    slugs = frozenset(mark.decode() for mark in marks) if desk.config.content.own_pages else frozenset()
    named = {path for path in paths if slug_of(path) in names or _is_named(path, slugs)}
    return named.union(_holding(desk.tree, paths, sorted(marks), desk.rules.max_bytes))


def _names(record: Record) -> Iterator[str]:
    """What another file may be called that has its id, which is made from that unless a `guid` says it."""
    yield slug_of(record.path)
    yield unquote(str(record.id).rpartition("/")[2])


def _is_named(path: str, slugs: Collection[str]) -> bool:
    """Whether an article's own page may be what one of the texts is a part of."""
    return any(slug in path for slug in slugs)


def _marks(record: Record) -> Iterator[bytes]:
    """The texts one of which each file holds that has to do with a record; an empty one where nothing can be told."""
    article = decode_article(record.article or b"")
    links = decode_links(record.links) if record.links else ()
    for url in {article.web_url, article.original_url, *(link.url for link in links)} - {""}:
        yield _mark(canonical(url))
    yield from _mark_of_id(record)


def _mark_of_id(record: Record) -> Iterator[bytes]:
    yield _mark(decode_article(record.article or b"").guid or str(record.id))


def _mark(address: str) -> bytes:
    """The longest piece of the last part of an address that everybody writes alike; of the whole, if that is short."""
    for part in (address.rpartition("/")[2], address):
        alike = (piece for piece in _AS_WRITTEN.findall(part) if not piece.startswith("xn--"))  # it may be unencoded
        found = max(alike, key=len, default="")
        if len(found) >= _SHORTEST:
            return str(found).encode()
    return b""


def _holding(tree: Tree, paths: Iterable[str], marks: Sequence[bytes], at_most: int) -> Iterator[str]:
    """Those files that hold one of these texts."""
    for path in paths:
        with suppress(OSError):
            data = _read(f"{tree.root}/{path}", at_most)
            if any(mark in data and _whole(mark).search(data) for mark in marks):
                yield path


@lru_cache(MOST)
def _whole(mark: bytes) -> re.Pattern[bytes]:
    """A text that is no part of a longer one. Looking for the text alone is ten times as quick, and mostly enough."""
    return re.compile(rb"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2}))" + re.escape(mark) + rb"(?![A-Za-z0-9_-])")


def _read(path: str, at_most: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        data = os.read(handle, _PIECE)
        while len(data) % _PIECE == 0 and len(data) <= at_most and (more := os.read(handle, _PIECE)):
            data += more
        return data
    finally:
        os.close(handle)

"""The line on which each key of a sound TOML text begins.

tomllib does not tell, so each statement is parsed alone. Only a mistake needs it.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from feedd.config.phrases import Where

_DEPTH = 8  # keys lie at most five deep; a hostile file may nest without end


def lines_of(text: str) -> dict[Where, int]:
    """The line, from 1, on which each table and key begins; a key in an inline table has the line of the whole."""
    found: dict[Where, int] = {}
    counts: dict[Where, int] = {}
    table: Where = ()
    for line, is_header, value in _statements(text):
        if is_header:
            table = _opened(value, counts)
        ways: Iterable[Where] = (table,) if is_header else (table + way for way in _ways(value))
        for way in ways:
            for end in range(1, min(len(way), _DEPTH) + 1):
                found.setdefault(way[:end], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, bool, dict[str, Any]]]:
    """Each statement, the fewest lines that are TOML: its first line, whether it is a header."""
    start, pending = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        going_on = pending and not _CLOSING.search(line)  # nothing to try, or long lists would take long
        pending += line + "\n"
        value = None if going_on else _complete(pending)
        if value:
            yield start, pending.lstrip().startswith("["), value
        if value is not None:
            start, pending = number + 1, ""


_CLOSING = re.compile(r"""[\]}]|\"{3}|'{3}""")  # ends a list, a table or a text of several lines


def _complete(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _opened(header: dict[str, Any], counts: dict[Where, int]) -> Where:
    """The way to the table that a header opens; `counts` knows, and learns, how many of each there are."""
    way: Where = ()
    inner: Any = header
    while inner:
        ((key, inner),) = inner.items()
        way = (*way, key)
        if isinstance(inner, list):
            counts[way] = counts.get(way, 0) + 1
            inner = None
        if way in counts:
            way = (*way, counts[way])
    return way


def _ways(value: Any, above: Where = ()) -> Iterator[Where]:
    """The ways to everything in a value."""
    if above:
        yield above
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict | list) and len(above) < _DEPTH:
        inner = value.items() if isinstance(value, dict) else enumerate(value, 1)
    yield from chain.from_iterable(_ways(item, (*above, key)) for key, item in inner)


def line_of(where: Where, lines: Mapping[Where, int]) -> int | None:
    """The line of a key, or of what would hold it."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where)

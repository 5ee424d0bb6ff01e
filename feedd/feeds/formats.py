"""The formats that feeds are written in, as a table.

In: nothing. Out: for each suffix the media type and the functions that write an entry and a document. A new format is
one module and one row. Writes nothing itself, and imports a module only when it is first asked to write: feedgen takes
90 ms, which a build that finds nothing new should not wait for.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any

from msgspec import Struct

from feedd.feeds.entry import Entry, Feed


class Format(Struct, frozen=True):
    """One way to write a feed.

    `entry` writes an entry apart from any feed, and `document` a feed around such bytes in the order given. Both give
    the same bytes for the same values, and raise RenderError for what they cannot write. `suffix` ends the name of the
    document, without a dot. `get_ready` imports what both need. `archives` tells whether what no longer fits in a feed
    is kept in documents of this format.
    """

    suffix: str
    media_type: str
    entry: Callable[[Entry], bytes]
    document: Callable[[Feed, Sequence[bytes]], bytes]
    get_ready: Callable[[], object] = tuple
    archives: bool = False


def _row(suffix: str, media_type: str, module: str, entry: str, document: str, archives: bool) -> Format:
    ready = partial(import_module, f"feedd.feeds.{module}")
    return Format(suffix, media_type, _late(module, entry), _late(module, document), ready, archives)


def _late(module: str, name: str) -> Callable[..., bytes]:
    """That function of a module in this package, imported at its first call."""

    @cache
    def found() -> Callable[..., bytes]:
        function: Callable[..., bytes] = getattr(import_module(f"feedd.feeds.{module}"), name)
        return function

    def call(*arguments: Any) -> bytes:
        return found()(*arguments)

    return call


_ROWS = (
    _row("atom", "application/atom+xml", "rss_atom", "atom_entry", "atom_document", archives=True),
    _row("rss", "application/rss+xml", "rss_atom", "rss_item", "rss_document", archives=False),
    _row("json", "application/feed+json", "json_feed", "json_item", "json_document", archives=True),
)

FORMATS: dict[str, Format] = {row.suffix: row for row in _ROWS}
"""Every format by its suffix."""

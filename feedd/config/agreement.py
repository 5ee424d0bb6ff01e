"""What must fit together in a configuration, and what one key derives from another.

In: every value that could be read, by key. Out: a `Finding` for each contradiction; the `Config` with what is derived.
Compares paths as text: does not look at the disk (`links` does).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from feedd.config.forms import authority
from feedd.config.model import SOCKET, Config, Site, keys, words
from feedd.config.phrases import Where, dotted, shown
from feedd.config.reader import Finding

Values = Mapping[Where, Any]
"""Every value that could be read, by key; what could not is absent, so that one mistake is reported once."""


_ITS_OWN = "feedd would read its own feeds"
_SERVED = "the state would be served"
_STIRRED = "each write of the state would look like a change of the content"
_APART: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "output",
        "content",
        {"is": _ITS_OWN, "is inside": _ITS_OWN, "holds": "the articles' sources would be served"},
    ),
    ("state", "output", {"is": _SERVED, "is inside": _SERVED}),
    ("state", "content", {"is": _STIRRED, "is inside": _STIRRED}),
)


def _nesting(values: Values) -> Iterator[Finding]:
    """Directories that must not be inside one another."""
    paths = {table: path for table in ("content", "output", "state") if (path := values.get((table, "path")))}
    for table, other, how, why in overlaps(paths):
        what = f"{how} {other}.path, so {why}"
        yield Finding("conflict", (table, "path"), what, f"Choose a directory apart from {paths[other]}.")


def overlaps(paths: Mapping[str, Path]) -> Iterator[tuple[str, str, str, str]]:
    """Of the paths of these tables, those that must be apart and are not: the table and the other one, how the path of
    the one lies to that of the other, and what follows.
    """
    for table, other, reasons in _APART:
        how = _relation(paths[table], paths[other]) if table in paths and other in paths else ""
        if how in reasons:
            yield table, other, how, reasons[how]


def _relation(path: Path, other: Path) -> str:
    if path == other:
        return "is"
    return "is inside" if path.is_relative_to(other) else "holds" if other.is_relative_to(path) else ""


def _uniqueness(values: Values) -> Iterator[Finding]:
    """Names that only one item may have."""
    for shapes, remedy in (
        ({"feed.name"}, "Give each [[feed]] a name of its own."),
        ({"collection.name"}, "Give each [[collection]] a name of its own."),
        ({"collection.folders"}, "Name each folder in one [[collection]] only."),
        (
            {f"taxonomy.topic.{key}" for key in ("name", "id", "aliases")},
            "Let each name mean one topic only.",
        ),
        ({"taxonomy.provider.domain"}, "Let each domain mean one provider only."),
        ({"server.listen", "monitoring.listen"}, 'Name another address; only "systemd" may be both.'),
    ):
        yield from _repeated(values, shapes, remedy)


def _repeated(values: Values, shapes: set[str], remedy: str) -> Iterator[Finding]:
    first: dict[str, Where] = {}
    for where, text in _texts(values, shapes):
        seen = first.setdefault(_folded(text), where)
        # An item may repeat itself: an alias that is also the name. systemd hands over more than one socket.
        if seen[:-1] != where[:-1] and (where[-1], text) != ("listen", "systemd"):
            yield Finding("conflict", where, f"has {shown(text)}, as has {dotted(seen)}", remedy, seen)


def _texts(values: Values, shapes: set[str]) -> Iterator[tuple[Where, str]]:
    for where, value in values.items():
        if ".".join(part for part in where if isinstance(part, str)) in shapes:
            yield from ((where, text) for text in (value if isinstance(value, tuple) else (value,)) if text)


def _folded(text: str) -> str:
    """A name without what does not tell names apart: case, white space, the way accents are written."""
    from unicodedata import normalize

    return " ".join(normalize("NFC", text).casefold().split())


def _identity(values: Values) -> Iterator[Finding]:
    """An id authority that is left to the URL, but that the URL cannot give."""
    url = values.get(("site", "url"))
    if url and values.get(("site", "id_authority")) == "" and not _host_of(url):
        what = f"cannot be taken from site.url, {shown(url)}"
        yield Finding("missing-key", ("site", "id_authority"), what, f"Write {_AUTHORITY_WORDS}.")


_AUTHORITY_WORDS = words(keys(Site)["id_authority"].type)


def _host_of(url: str) -> str:
    """The host of a URL as a tag URI may have it, in ASCII; or nothing."""
    host = urlsplit(url).hostname or ""
    try:
        return authority(host if host.isascii() else host.encode("idna").decode(), Path())
    except ValueError:
        return ""


CHECKS: tuple[Callable[[Values], Iterator[Finding]], ...] = (_nesting, _uniqueness, _identity)


def derived(config: Config) -> Config:
    """The configuration with what one key derives from another."""
    site = replace(config.site, id_authority=config.site.id_authority or _host_of(config.site.url))
    feeds = (
        replace(feed, title=feed.title or feed.name, limit=feed.limit or config.output.limit) for feed in config.feeds
    )
    control = replace(config.control, socket=config.control.socket or config.state.path / SOCKET)
    return replace(config, site=site, feeds=tuple(feeds), control=control)

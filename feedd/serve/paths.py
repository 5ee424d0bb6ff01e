"""Paths: what a client asks for → what that can mean below the output directory.

In: the path of a request as it was sent, and the manifest. Out: paths below the directory, the likeliest first, none of
which leads out of it, to anything hidden, or to a kind of file that is not published. Pure: whether anything lies there
is found out elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

from feedd.feeds.formats import FORMATS, Format, is_media_type
from feedd.feeds.manifest import FOLDERS, Manifest

INDEX = "index.html"
"""What a folder shows of itself."""

_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
_SUFFIX = re.compile(r"[a-z][a-z0-9]{0,15}")
_REMEMBERED = 1024  # paths whose reading is remembered
_LONGEST = 4096  # bytes of a path: the system takes no longer ones


@dataclass(frozen=True, slots=True)
class Kind:
    """What files with a suffix are: their media type, whether they get smaller by gzip, whether scripts of other sites
    may read them, whether they are feeds, and what browsers that open one are told of its security. `opened` is the
    kind as which one is sent to who opens it in a browser, where that is another.
    """

    suffix: str
    media_type: bytes
    packs: bool = True
    shared: bool = False
    feed: bool = False
    policy: bytes = b""
    opened: "Kind | None" = None


_PAGE = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; "
    b"img-src 'self' https: http: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PICTURE = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"  # an SVG that is opened by itself is a document
_FEED = b"default-src 'none'; style-src 'self' https: http:; sandbox"  # so is XML, and scripts in it would run


def _feed(row: Format) -> Kind:
    """The kind of a feed. In Atom and RSS browsers heed a style sheet only where they are called XML."""
    kind = Kind(row.suffix, f"{row.media_type}; charset=utf-8".encode(), shared=True, feed=True)
    if not row.media_type.endswith("+xml"):
        return kind
    return replace(kind, opened=replace(kind, media_type=b"application/xml; charset=utf-8", policy=_FEED))


_OTHERS = (
    Kind("opml", b"text/x-opml; charset=utf-8", shared=True),
    Kind("html", b"text/html; charset=utf-8", policy=_PAGE),
    Kind("css", b"text/css; charset=utf-8"),
    Kind("js", b"text/javascript; charset=utf-8"),
    Kind("txt", b"text/plain; charset=utf-8"),
    Kind("svg", b"image/svg+xml; charset=utf-8", policy=_PICTURE),
    Kind("png", b"image/png", packs=False),
    Kind("jpg", b"image/jpeg", packs=False),
    Kind("jpeg", b"image/jpeg", packs=False),
    Kind("gif", b"image/gif", packs=False),
    Kind("webp", b"image/webp", packs=False),
    Kind("avif", b"image/avif", packs=False),
    Kind("woff2", b"font/woff2", packs=False),
    Kind("ico", b"image/x-icon"),
)

KINDS: dict[str, Kind] = {
    **{row.suffix: _feed(row) for row in FORMATS.values()},
    **{kind.suffix: kind for kind in _OTHERS},
}
"""What is served, by suffix; beside it nothing is but feeds in formats that installed packages bring."""


def _brought(types: Mapping[str, str]) -> dict[str, Kind]:
    """The kinds of feeds in formats that installed packages bring, of which a manifest tells the media types. Whatever
    they are, nothing in them runs when a browser opens one.
    """
    return {
        suffix: Kind(suffix, f"{name}; charset=utf-8".encode(), shared=True, feed=True, policy=_FEED)
        for suffix, name in sorted(types.items())
        if _SUFFIX.fullmatch(suffix) and suffix not in KINDS and is_media_type(name)
    }


def kind_of(path: str, kinds: Mapping[str, Kind] = KINDS) -> Kind | None:
    """The kind of the file at a path, of these; None where such files are not served."""
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return kinds.get(suffix) if dot else None


def is_open(path: str) -> bool:
    """Whether no part of a path below the directory, such as `a/b`, is hidden, empty, or leads upwards; "" is open."""
    return path == "" or (not _ODD.search(path) and all(map(_is_name, path.split("/"))))


def _is_name(part: str) -> bool:
    return part != "" and part[0] != "."


@lru_cache(_REMEMBERED)
def below(raw: bytes) -> str | None:
    """The path below the directory that the path of a request names: `a/b`, with a slash at its end where it names a
    folder, "" for the directory itself. None where it names nothing that can be served.

    Escapes are read once; an escaped slash is none (RFC 3986, section 2.2).
    """
    if raw[:1] != b"/" or len(raw) > _LONGEST or b"%2f" in raw.lower():
        return None
    try:
        path = unquote_to_bytes(raw[1:]).decode()
    except UnicodeDecodeError:
        return None
    return path if is_open(path.removesuffix("/")) and path != "/" else None


@dataclass(frozen=True, slots=True)
class Map:
    """The manifest as a server needs it. `prefix` is the path of its `base`, such as `/feeds/`. `gone` are the paths of
    documents that are no more, `kinds` what is served, by suffix.
    """

    manifest: Manifest
    prefix: bytes
    gone: frozenset[str]
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)

    @classmethod
    def of(cls, manifest: Manifest) -> "Map":
        """The map of a manifest; one whose base is no URL has none."""
        try:
            path = urlsplit(manifest.base).path
        except ValueError:
            path = ""
        prefix = path.encode() if path.endswith("/") else b"/"
        return cls(manifest, prefix, frozenset(manifest.gone), KINDS | _brought(manifest.types))

    def meanings(self, raw: bytes) -> tuple[str, ...]:
        """What the path of a request may mean: first with the prefix taken off, as the addresses that feedd writes have
        it; then as it is, which is what a proxy sends that has taken the prefix off already.
        """
        found = (raw[len(self.prefix) - 1 :] if raw.startswith(self.prefix) else None, raw)
        paths = (below(one) for one in found if one is not None)
        return tuple(dict.fromkeys(path for path in paths if path is not None))

    def is_bare(self, raw: bytes) -> bool:
        """Whether a request is for the prefix without its slash."""
        return raw + b"/" == self.prefix

    def target(self, path: str) -> str | None:
        """Where the document at a path has moved to, through any number of moves; None if it has not, or in circles."""
        seen = {path}
        while (after := self.manifest.moved.get(path)) is not None:
            if after in seen:
                return None
            seen.add(after)
            path = after
        return path if len(seen) > 1 else None

    def address(self, path: str) -> bytes:
        """The URL of a path; without a base, one that starts at the root of whatever serves it."""
        return (_uri(self.manifest.base or "/") + _quoted(path)).encode()

    def links(self, path: str) -> bytes:
        """The Link header of a feed (WebSub, section 4); empty without hubs, and for archives: no hub is told of them,
        and they name none.
        """
        hubs = self.manifest.hubs
        if not hubs or path[: path.rfind("/") + 1] not in FOLDERS:
            return b""
        links = [*((hub, "hub") for hub in hubs), (self.address(path).decode(), "self")]
        return ", ".join(f'<{_uri(url)}>; rel="{rel}"' for url, rel in links).encode()


def _quoted(path: str) -> str:
    return quote(path, safe="/~")


def _uri(url: str) -> str:
    """A URL that ends where it should in a header, also where it holds letters beyond ASCII."""
    return quote(url, safe="%:/?#[]@!$&'()*+,;=~")

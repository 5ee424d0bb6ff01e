"""Answer: a request and what lies where it points → status, headers, and which bytes.

In: method and headers of a request, a resource or what is known of its absence, and how the directory is served. Out:
an `Answer`. Pure: it reads no file, asks no clock and no network. The rules are those of RFC 9110: conditions in
section 13, ranges in section 14, codings in section 12.5.3. Who opens a feed in a browser (Fetch Metadata Request
Headers, section 2.1) gets it as something that browsers show. Headers are pairs of bytes, names in lower case.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import inf

from feedd.serve.paths import Kind, Map
from feedd.serve.resources import Resource, Variant

Header = tuple[bytes, bytes]

METHODS = b"GET, HEAD, OPTIONS"
CONDITIONS = (
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"if-range",
    b"range",
    b"accept-encoding",
    b"sec-fetch-dest",
)
"""The headers of a request that change what it gets. The last two are not for scripts to set."""

OPENED = (b"document", b"iframe")
"""What a browser says in Sec-Fetch-Dest when it asks for something to show it by itself."""

_ASKED = frozenset(CONDITIONS)
_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
_SHARED: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link"),
)
_VARY: Header = (b"vary", b"Accept-Encoding")
_VARY_OPENED: Header = (b"vary", b"Accept-Encoding, Sec-Fetch-Dest")
_TAGS = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(rb"bytes\s*=\s*([0-9]{0,40})\s*-\s*([0-9]{0,40})\s*", re.IGNORECASE)
_CODING = re.compile(rb"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE)
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is what is sent, if the method allows it: text, or the bytes of a `variant` from `start` up to `stop`."""

    status: int
    headers: list[Header]
    body: bytes = b""
    variant: Variant | None = None
    start: int = 0
    stop: int = 0


def sent(answer: Answer, method: str) -> bytes | memoryview:
    """The body of an answer as it is sent, where it is in memory."""
    if method == "HEAD" or answer.variant is None or answer.variant.data is None:
        return b"" if method == "HEAD" else answer.body
    return memoryview(answer.variant.data)[answer.start : answer.stop]


def conditions(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """What of a request's headers counts here, by name; what came in several lines is put together."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ASKED:
            found[name] = found[name] + b", " + value if name in found else value
    return found


def answer(method: str, asked: dict[bytes, bytes], resource: Resource, notice: Map, max_age: int) -> Answer:
    """The answer to GET or HEAD of a resource. `max_age` is in seconds."""
    kind, variant = _taken(resource, asked)
    cache = (b"cache-control", b"public, max-age=%d" % max_age)
    head: list[Header] = [(b"etag", variant.tag), cache, _NOSNIFF]
    if kind.packs:
        head.append(_VARY_OPENED if resource.kind.opened else _VARY)
    if kind.shared:
        head += _SHARED
    if asked:
        modified = resource.modified if resource.modified_date else inf
        if not _is_met(asked, variant, modified):
            return told(412, "The file is another one than you expect.")
        if _has_already(asked, variant, modified):
            return Answer(304, head)
    head += _described(resource, kind, variant, notice)
    if method == "GET" and b"range" in asked and _is_same(asked.get(b"if-range"), variant):
        return _part(asked[b"range"], variant, head)
    return _whole(200, variant, head)


def _taken(resource: Resource, asked: dict[bytes, bytes]) -> tuple[Kind, Variant]:
    """What a client gets of a resource, and as what. A feed that is opened in a browser is another representation, and
    has tags of its own (RFC 9110, section 8.8.1): a cache that holds both tells them apart by these.
    """
    kind, variant = resource.kind, chosen(resource, asked.get(b"accept-encoding", b""))
    if kind.opened and asked.get(b"sec-fetch-dest") in OPENED:
        return kind.opened, replace(variant, tag=variant.tag[:-1] + b'-opened"')
    return kind, variant


def _described(resource: Resource, kind: Kind, variant: Variant, notice: Map) -> list[Header]:
    """What a whole answer says beyond what one without a body does."""
    found: list[Header] = [
        (b"content-type", kind.media_type),
        (b"accept-ranges", b"bytes"),
    ]
    if resource.modified_date:
        found.append((b"last-modified", resource.modified_date))
    if variant.coding:
        found.append((b"content-encoding", variant.coding))
    if kind.feed and (links := notice.links(resource.path)):
        found.append((b"link", links))
    if kind.policy:
        found += [(b"content-security-policy", kind.policy), (b"referrer-policy", b"no-referrer")]
    return found


def _whole(status: int, variant: Variant, head: list[Header]) -> Answer:
    return Answer(status, [*head, (b"content-length", b"%d" % variant.size)], b"", variant, 0, variant.size)


# Codings


def chosen(resource: Resource, accepted: bytes) -> Variant:
    """The variant that a client with this Accept-Encoding likes best."""
    return resource.packed if resource.packed and takes_gzip(accepted) else resource.plain


@lru_cache(_REMEMBERED)
def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding allows gzip, and likes it no less than the plain bytes."""
    weights: dict[bytes, float] = {}
    for part in accepted.split(b","):
        if match := _CODING.fullmatch(part):
            weights[match[1].lower()] = float(match[2] or 1)
    gzip = weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", 0.0)))
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)


# Conditions


def _is_met(asked: dict[bytes, bytes], variant: Variant, modified: float) -> bool:
    """Whether If-Match holds, or without it If-Unmodified-Since (RFC 9110, section 13.2.2)."""
    if (tags := asked.get(b"if-match")) is not None:
        return tags.strip() == b"*" or (b"", variant.tag) in _TAGS.findall(tags)
    since = _moment(asked.get(b"if-unmodified-since"))
    return since is None or modified <= since


def _has_already(asked: dict[bytes, bytes], variant: Variant, modified: float) -> bool:
    """Whether the client has what it asks for: by If-None-Match, which compares weakly, or without it by
    If-Modified-Since.
    """
    if (tags := asked.get(b"if-none-match")) is not None:
        return tags == variant.tag or tags.strip() == b"*" or any(tag == variant.tag for _, tag in _TAGS.findall(tags))
    since = _moment(asked.get(b"if-modified-since"))
    return since is not None and modified <= since


def _is_same(tag: bytes | None, variant: Variant) -> bool:
    """Whether If-Range holds or is absent. Dates do not hold: a file may change twice within the second that they can
    tell (section 8.8.2.2), and a tag is always there.
    """
    return tag is None or tag.strip() == variant.tag


@lru_cache(_REMEMBERED)
def _moment(date: bytes | None) -> float | None:
    """Seconds since the epoch; None for what is no date."""
    try:
        found = parsedate_to_datetime((date or b"").decode("ascii"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


# Ranges


def _part(asked: bytes, variant: Variant, head: list[Header]) -> Answer:
    """One range of a variant; all of it, which is always allowed, for what is not understood or is several."""
    found = span(asked, variant.size)
    if found is None:
        return _whole(200, variant, head)
    start, stop = found
    if start >= stop:
        nothing = told(416, f"There are {variant.size} bytes.")
        return Answer(416, [*nothing.headers, (b"content-range", b"bytes */%d" % variant.size)], nothing.body)
    place = (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, variant.size))
    return Answer(206, [*head, place, (b"content-length", b"%d" % (stop - start))], b"", variant, start, stop)


def span(asked: bytes, size: int) -> tuple[int, int] | None:
    """The bytes that a Range asks for of so many, from a start up to a stop; empty if there are none of them. None for
    what is to be ignored.
    """
    match = _RANGE.fullmatch(asked.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(size - int(match[2]), 0), size if int(match[2]) else 0
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    return (first, last + 1) if first < size else (size, size)


# Without a resource


def told(status: int, text: str, *headers: Header) -> Answer:
    """An answer of a line of text, which nobody is to keep without asking again."""
    body = f"{text}\n".encode()
    head: list[Header] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-cache"),
        _NOSNIFF,
    ]
    return Answer(status, [*head, *headers], body)


def moved(address: bytes, max_age: int) -> Answer:
    """What is asked for has another address, for good."""
    found = told(301, "It has moved.", (b"location", address), *_SHARED)
    return Answer(301, _lasting(found.headers, max_age), found.body)


def gone(max_age: int) -> Answer:
    """What is asked for was there, and will not be again."""
    found = told(410, "It is gone for good.", *_SHARED)
    return Answer(410, _lasting(found.headers, max_age), found.body)


def _lasting(headers: list[Header], max_age: int) -> list[Header]:
    cache = (b"cache-control", b"public, max-age=%d" % max_age)
    return [cache if name == cache[0] else (name, value) for name, value in headers]


def unknown() -> Answer:
    """Nothing is there, or nothing that is served."""
    return told(404, "There is nothing here.", *_SHARED)


def crowded() -> Answer:
    """There is no room to answer now."""
    return told(503, "Too much is asked for at once.", (b"retry-after", b"10"))


def refused() -> Answer:
    """The method is none that can be used here."""
    return told(405, "There is only reading here.", (b"allow", METHODS))


def options() -> Answer:
    """What can be asked for, also from scripts of other sites (the Fetch standard, CORS-preflight)."""
    names = b", ".join((*CONDITIONS[:-2],))
    return Answer(204, [
        (b"allow", METHODS),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", b"86400"),
        _NOSNIFF,
    ])  # fmt: skip

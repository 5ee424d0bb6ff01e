"""Links: which strings are web addresses, and which addresses lead to the same story.

In: strings. Out: absolute http(s) URLs, and canonical forms to compare by. Asks no network.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

_PLAIN = re.compile(
    r"(https?)://(?![^/?]*\.\.)([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(/[!$-;=@-Z_a-z~%]*)?(\?[!$-;=?-Z_a-z~%]*)?"
)
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_HOST = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\]")
# Everything that RFC 3986 allows, and the percent sign of what is already encoded.
_ALLOWED = "!$%&'()*+,-./:;=?@_~"
_TRACKING = re.compile(
    r"(?:utm_[a-z_]*|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|mc_cid|mc_eid|igshid|yclid|twclid|ttclid"
    r"|_hsenc|_hsmi|mkt_tok|vero_id|oly_anon_id|oly_enc_id|wickedid)(?:=.*)?",
    re.IGNORECASE,
)


def web_url(value: object) -> str:
    """The value as an absolute http(s) URL that RFC 3986 allows, or an empty string if it is none.

    Characters that a URL must not hold, spaces among them, are percent-encoded, names beyond ASCII become IDNA; other
    inner white space, control characters, passwords and hosts that cannot exist make it none.
    """
    if not isinstance(value, str):
        return ""
    value = value.strip()
    return value if _PLAIN.fullmatch(value) and "%" not in value else _careful(value)


def web_story(value: object) -> tuple[str, int]:
    """`web_url` of a value and the `story` of that, 0 without one: one look at the value instead of two."""
    if isinstance(value, str) and "%" not in value and (plain := _PLAIN.fullmatch(value)) and not plain[4]:
        return value, _number(_plain_canonical(plain))
    url = web_url(value)
    return url, story(url) if url else 0


def _is_plain(value: str) -> bool:
    return _PLAIN.fullmatch(value) is not None and not ("%" in value and _BARE_PERCENT.search(value))


def _careful(value: str) -> str:
    if _FORBIDDEN.search(value.replace(" ", "")):
        return ""
    try:
        parts = urlsplit(value)
        host, port = _ascii_host(parts.hostname or ""), parts.port
        path, query, fragment = (_BARE_PERCENT.sub("%25", quote(part, safe=_ALLOWED)) for part in parts[2:])
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or "@" in parts.netloc:
        return ""
    place = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, path, query, fragment))


def _ascii_host(host: str) -> str:
    """The host as the name system knows it; raises ValueError (UnicodeError) where it cannot be."""
    if ":" in host:
        return f"[{host}]"
    return host if host.isascii() else host.encode("idna").decode("ascii")


def absolute(value: str, base: str) -> str:
    """The address, made absolute from `base` where it is relative; an empty string if that gives no web address."""
    if _is_plain(value):
        return value
    try:
        return web_url(urljoin(base, value.strip())) if value.strip() else ""
    except ValueError:
        return ""


def host(url: str) -> str:
    """The host of a web address in lower case without `www.`."""
    if plain := _PLAIN.fullmatch(url):
        return plain[2].removeprefix("www.")
    return (urlsplit(url).hostname or "").removeprefix("www.").rstrip(".")


@lru_cache(maxsize=4096)
def domain(value: str) -> str:
    """A domain in lower case without `www.`, as the name system knows it; empty for what is none.

    An address is cut down to its host.
    """
    value = value.strip().lower()
    found = host(web_url(value if "://" in value else f"https://{value}/"))
    return found if "." in found else ""


def canonical(url: str) -> str:
    """What addresses of one story share (design: section 5, same story twice); the scheme does not count.

    Host in lower case without `www.`, no fragment, no trailing slash, no known tracking parameters; all others kept.
    """
    plain = _PLAIN.fullmatch(url)
    if plain and not plain[4]:
        return _plain_canonical(plain)
    parts = urlsplit(url)
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    query = "&".join(item for item in parts.query.split("&") if item and not _TRACKING.fullmatch(item))
    return f"{host(url)}{port}{parts.path.rstrip('/')}" + (f"?{query}" if query else "")


@lru_cache(maxsize=4096)
def story(url: str) -> int:
    """The canonical address as a number of 63 bits; two different ones share it by chance once in 10¹⁸ pairs."""
    return _number(canonical(url))


def _plain_canonical(plain: re.Match[str]) -> str:
    """The canonical form of an address without query."""
    return plain[2].removeprefix("www.") + (plain[3] or "").rstrip("/")


def _number(canonical: str) -> int:
    return int.from_bytes(blake2b(canonical.encode(), digest_size=8).digest(), "big") >> 1

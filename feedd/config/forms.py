"""What a single value may be beyond its type in TOML: text that is not blank, a URL, a span of time, a schedule.

In: a value as TOML has it, with the directory that relative paths start from. Out: the value that a `Config` holds,
or `Wrong` with what is wrong about it. The annotated types below are those that the tables of `model` are made of:
each holds its bounds (`Meta`) and its `Form`. Does not look at the disk; asks only the time zone database
and, for what is not feedd's own, which packages are installed.

What a JSON Schema can say of a value beyond the bounds is in `extra_json_schema`. It must not refuse what is right, but
may pass what only Python can tell to be wrong; a test holds both to each other. Its patterns mean the same in ECMA 262,
Python and Rust: no classes of letters or digits, which differ, and no `$` alone, which in Python also matches before a
line end.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta, Struct

from feedd import installed
from feedd.config.phrases import did_you_mean, listed, shown


class Wrong(ValueError):
    """A value is not as it should be: what is wrong, and the remedy if it is not the form in words."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Form(Struct, frozen=True):
    """What a value must be beyond its type.

    `words` completes the sentence "Write …". `read` turns the value as written, with the directory that
    relative paths start from, into the value of the `Config`. `source` is the type in TOML where the `Config`
    has another; then `write` turns a value of the `Config` back.
    """

    words: str
    read: Callable[[Any, Path], Any] = lambda value, base: value
    source: Any = None
    write: Callable[[Any], Any] = lambda value: value


def _not_blank(value: str, base: Path) -> str:
    if not value.strip():
        raise Wrong("is blank")
    return value.strip()


def _not_twice(value: tuple[str, ...], base: Path) -> tuple[str, ...]:
    for item in value:
        if value.count(item) > 1:
            raise Wrong(f"holds {shown(item)} twice", "Name each once.")
    return value


def _unreserved(value: str, base: Path) -> str:
    if value in RESERVED:
        raise Wrong(f"is {shown(value)}, a name that feedd itself uses", f"Choose a name other than {_RESERVED}.")
    return value


def absolute(value: str | Path, base: Path) -> Path:
    """Where a path leads from the configuration file's directory; `..` is resolved as text."""
    text = str(value)
    if text.startswith("~"):
        raise Wrong(f"is {shown(text)}, but ~ means nothing here", "Write the path in full.")
    return Path(os.path.normpath(base / text))


def _below(value: str, base: Path) -> str:
    """A folder below the content directory, as `a/b`."""
    if value.startswith("/"):
        raise Wrong(f"is {shown(value)}, an absolute path", "Write the folder as seen from content.path.")
    folder = os.path.normpath(value)
    if folder == ".." or folder.startswith("../"):
        raise Wrong(f"is {shown(value)}, which leaves content.path", "Name a folder below content.path.")
    return folder


def _pattern(value: str, base: Path) -> str:
    """A pattern for paths below the content directory."""
    if value.startswith("/") or ".." in value.split("/"):
        raise Wrong(f"is {shown(value)}, but patterns are for paths below content.path")
    return value


def _split(value: str, written: str = "") -> SplitResult:
    """The parts of an absolute http(s) URL without credentials; `written` is what an admin knows it as."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # a bad IPv6 address
        sound = False
    if not sound or re.search(r'[\s<>"\\^`{|}]', value):
        lacks_scheme = re.match(r"[\w-]+(\.[\w-]+)+(/|$)", value)
        raise Wrong(f"is {shown(written or value)}", f'Did you mean "https://{value}"?' if lacks_scheme else "")
    if "@" in parts.netloc:
        raise Wrong(
            "holds a user name or password, which every subscriber would see",
            "Leave out what is before the @.",
        )
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise Wrong(f"is {shown(written or value)}, but {_PORT}", "Leave the port out, or write that of the server.")
    return parts


_PORT = "a port is a number from 1 to 65535"


def _base_url(value: str, base: Path) -> str:
    """A URL that others are made from by adding to it: it ends in a slash."""
    parts = _split(value)
    if "?" in value or "#" in value:
        raise Wrong(f"is {shown(value)}, but other URLs start with it", "Leave out what is after the ? or #.")
    return value if parts.path.endswith("/") else value + "/"


def _url(value: str, base: Path) -> str:
    """A URL, or nothing."""
    if value:
        _split(value)
    return value


def _placeholders(value: str, known: tuple[str, ...]) -> set[str]:
    """The `{…}` of a template for `str.format`: known plain names only, so that it reaches no attribute."""
    from string import Formatter

    try:
        found = [parts[1:] for parts in Formatter().parse(value) if parts[1] is not None]
    except ValueError:
        raise Wrong(f"is {shown(value)}, with a brace that has no partner", _BRACES) from None
    for name, form, conversion in found:
        if name not in known or form or conversion:
            raise Wrong(f"holds an unknown placeholder {{{name}}}", f"Known: {_braced(known)}. {_BRACES}")
    return {str(name) for name, _, _ in found}


_BRACES = "Write {{ and }} for the braces themselves."


def _braced(names: Iterable[str]) -> str:
    return listed((f"{{{name}}}" for name in names), "and")


def _template(*known: str) -> tuple[Meta, Form]:
    """What text with such placeholders must be."""

    def read(value: str, base: Path) -> str:
        _placeholders(value, known)
        return value

    pattern = rf"^([^{{}}]|\{{\{{|\}}\}}|\{{({'|'.join(known)}):?\}})*$(?!\n)"
    words = f"text in quotes, with no other placeholders than {_braced(known)}"
    return Meta(extra_json_schema={"pattern": pattern}), Form(words, read)


def _page_template(value: str, base: Path) -> str:
    if value and "slug" not in _placeholders(value, ("slug",)):
        raise Wrong(
            f"is {shown(value)}, which gives all articles one URL",
            "Put {slug} where the file's name belongs.",
        )
    if value:
        _split(value.replace("{slug}", "slug"), value)
    return value


def authority(value: str, base: Path) -> str:
    """The authority of a tag URI (RFC 4151): a domain or an e-mail address, or nothing."""
    if value and not re.fullmatch(r"([\w.-]+@)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value, re.ASCII | re.IGNORECASE):
        raise Wrong(f"is {shown(value)}")
    return value


def _tag_date(value: str, base: Path) -> str:
    """The date of a tag URI (RFC 4151), of one, two or three parts."""
    try:
        date.fromisoformat((value + "-01-01")[:10])
    except ValueError:
        raise Wrong(f"is {shown(value)}, which is no date") from None
    return value


def _zone(value: str, base: Path) -> str:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(value)
    except (ValueError, KeyError, OSError):  # OSError: the name of a directory of the database
        # Abbreviations are left out: that which is most like "CEST" is "EST", six hours away.
        meant = did_you_mean(value, sorted(name for name in available_timezones() if "/" in name))
        raise Wrong(f"is {shown(value)}, which is no known time zone", meant) from None
    return value


def _language(value: str, base: Path) -> str:
    """A language tag in its usual case, in which articles have it too: `en`, `pt-BR`."""
    first, *rest = value.split("-")
    return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 36500 * _SECONDS["d"]  # a century: what is longer would leave the calendar when taken from a date


def _duration(value: str, base: Path) -> int | None:
    """Seconds, or None where nothing is written."""
    if not value:
        return None
    match = re.fullmatch(r"([0-9]{1,9})([mhdw])", value)
    if not match:
        raise Wrong(f"is {shown(value)}")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds <= _LONGEST:
        raise Wrong(f"is {shown(value)}, which is {'more than a century' if seconds else 'no time at all'}")
    return seconds


def _as_duration(seconds: int | None) -> str:
    return "" if seconds is None else _in_units(seconds, _SECONDS)


def _in_units(number: int, sizes: Mapping[str, int]) -> str:
    """A number with the largest unit that needs no fraction."""
    return next(f"{number // size}{unit}" for unit, size in reversed([*sizes.items()]) if number % size == 0)


_SPANS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def _span(value: str, base: Path) -> float:
    """Seconds."""
    match = re.fullmatch(r"([0-9]{1,6})(ms|s|m|h)", value)
    if not match:
        raise Wrong(f"is {shown(value)}")
    return int(match[1]) * _SPANS[match[2]]


def _as_span(seconds: float | str) -> str:
    """A span of time; a schedule stays what it is."""
    if isinstance(seconds, str):
        return seconds
    milliseconds = {unit: round(size * 1000) for unit, size in _SPANS.items()}
    return _in_units(round(seconds * 1000), milliseconds) if seconds else "0ms"


def _interval(value: str, base: Path) -> float:
    """Seconds, at least one: what is done so often must leave time for anything else."""
    seconds = _span(value, base)
    if seconds < 1:
        raise Wrong(f"is {shown(value)}, which is less than a second")
    return seconds


def _cron(value: str, base: Path) -> str:
    """A schedule as in cron, or nothing. Whether it ever comes does not depend on its time zone."""
    if not value:
        return value
    from feedd.cron import Cron  # late: most configurations have none

    try:
        return Cron(value, "UTC").text
    except ValueError as error:
        raise Wrong(f"is {shown(value)}, but {error}") from None


def _rescan(value: str, base: Path) -> float | str:
    """Seconds, or a schedule as in cron."""
    is_schedule = len(value.split()) > 1 or value.startswith("@")
    return _cron(value, base) if is_schedule else _interval(value, base)


def _address(value: str, base: Path) -> str:
    """Where to listen: `host:port`, the absolute path of a Unix socket, `systemd`, or nothing."""
    if value in ("", "systemd"):
        return value
    if "://" in value:
        raise Wrong(f"is {shown(value)}, a URL", 'Write its host and port alone, such as "127.0.0.1:8000".')
    if "/" in value:
        return str(absolute(value, base))
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,9})", value, re.ASCII)
    if not match:
        raise Wrong(f"is {shown(value)}")
    if not 0 < int(match[2]) <= 65535:
        raise Wrong(f"is {shown(value)}, but {_PORT}")
    return value


def _filter(value: str, base: Path) -> str:
    """A filter that an installed package brings."""
    packages = installed.packages(installed.FILTERS)
    if value not in packages:
        there = ", ".join(_each_with_packages(packages))
        remedy = f"There are: {there}." if there else "Install the package that brings it."
        what = f"is {shown(value)}, a filter that no installed package brings"
        raise Wrong(what, " ".join(filter(None, (did_you_mean(value, packages), remedy))))
    return _brought_once(value, packages)


def _format(value: str, base: Path) -> str:
    """The name of a format: feedd's own, or one that an installed package brings."""
    if value in _OWN_FORMATS:
        return value
    if value in TAKEN:
        raise Wrong(f"is {shown(value)}, which is no feed but another kind of file beside feeds", _NAME_FORMATS)
    packages = installed.packages(installed.FORMATS)
    if value not in packages:
        there = listed((*(f'"{name}"' for name in _OWN_FORMATS), *_each_with_packages(packages)), "or")
        what = f"is {shown(value)}, a format that neither feedd nor an installed package writes"
        guess = did_you_mean(value, (*_OWN_FORMATS, *packages))
        raise Wrong(what, " ".join(filter(None, (f"Write {there}.", guess))))
    return _brought_once(value, packages)


def _each_with_packages(packages: Mapping[str, list[str]]) -> Iterable[str]:
    """Each name with the packages that bring it."""
    return (f'"{name}" ({", ".join(which)})' for name, which in packages.items())


def _brought_once(value: str, packages: Mapping[str, list[str]]) -> str:
    """A name that one installed package brings, and no other."""
    if len(packages[value]) > 1:
        what = f"is {shown(value)}, which several packages bring: {listed(packages[value], 'and')}"
        raise Wrong(what, "Keep one of them.")
    return value


def _readable(value: tuple[str, ...], base: Path) -> tuple[str, ...]:
    """Formats, one of which feed readers know: pages and lists of feeds lead to that."""
    if not set(value).intersection(_OWN_FORMATS):
        raise Wrong("holds no format that feed readers know", _NAME_FORMATS)
    return _not_twice(value, base)


def _program(value: tuple[str, ...], base: Path) -> tuple[str, ...]:
    """A program and its arguments; the path of a program is absolute, a name without a slash stays one."""
    if not value:
        return value
    program, *arguments = value
    if not program.strip():
        raise Wrong("begins with a blank", "Write the program first, then its arguments.")
    return (str(absolute(program, base)) if "/" in program else program, *arguments)


def _domain(value: str, base: Path) -> str:
    """A provider's key: lower case, without `www.`."""
    domain = value.lower().removeprefix("www.")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", domain):
        url = re.match(r"https?://([\w.-]+)", value)
        raise Wrong(f"is {shown(value)}", f'Did you mean "{url[1]}"?' if url else "")
    return domain


RESERVED = ("all", "topics", "providers", "index", "feeds", "assets")
"""Names in the output directory that are feedd's own, so that no configured feed may have them."""
_RESERVED = listed(RESERVED, "and")
_SLUG_WORDS = 'up to 100 small letters, digits and hyphens, a hyphen not first, such as "power-apps"'

Text = Annotated[str, Meta(min_length=1, extra_json_schema={"pattern": r"\S"}), Form("text in quotes", _not_blank)]
Phrase = Annotated[str, Meta(min_length=1), Form("text in quotes")]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)", max_length=100), Form(_SLUG_WORDS)]
FeedName = Annotated[Slug, Meta(extra_json_schema={"not": {"enum": list(RESERVED)}}), Form(_SLUG_WORDS, _unreserved)]
Language = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)"),
    Form('a language tag, such as "en" or "pt-BR"', _language),
]

_SIGNS = r"""[^\s<>"\\^`{|}]*"""
_HOST = r"""(\[[^\s<>"\\^`{|}@/?#\[\]]+\]|[^\s<>"\\^`{|}@/?#:\[\]]+)(:[0-9]*)?"""
_WEB = r"[Hh][Tt][Tt][Pp][Ss]?://"
_SLUG_IN_IT = r"(?=[^{]*\{slug\})"
BaseUrl = Annotated[
    str,
    Meta(extra_json_schema={"pattern": rf"""^{_WEB}{_HOST}(/[^\s<>"\\^`{{|}}?#]*)?$(?!\n)"""}),
    Form('an absolute http or https URL, such as "https://example.org/"', _base_url),
]
Url = Annotated[
    str,
    Meta(extra_json_schema={"pattern": rf"^({_WEB}{_HOST}([/?#]{_SIGNS})?)?$(?!\n)"}),
    Form('an absolute http or https URL, or "" for none', _url),
]
HubUrl = Annotated[
    str,
    Meta(min_length=1, extra_json_schema={"pattern": rf"^{_WEB}{_HOST}([/?#]{_SIGNS})?$(?!\n)"}),
    Form("an absolute http or https URL", _url),
]
PageUrl = Annotated[
    str,
    Meta(
        extra_json_schema={
            "pattern": rf"^({_SLUG_IN_IT}{_WEB}"
            r"""(\[[^\s<>"\\^`{|}@/?#\[\]]+\]|([^\s<>"\\^`{|}@/?#:\[\]]|\{slug\})+)(:[0-9]*)?"""
            r"""([/?#]([^\s<>"\\^`{|}]|\{slug\})*)?)?$(?!\n)"""
        }
    ),
    Form('an absolute http or https URL with {slug}, or "" for none', _page_template),
]
Address = Annotated[
    str,
    Meta(
        extra_json_schema={
            "pattern": r"^(|systemd|(?!~|[\s\S]*://)[\s\S]*/[\s\S]*|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?!0+$)[0-9]{1,9})$(?!\n)"
        }
    ),
    Form(
        'a host and a port, such as "127.0.0.1:8000", the path of a Unix socket, such as "/run/feedd/http.sock", '
        '"systemd", or "" for none',
        _address,
    ),
]

_PATH = Form("a path in quotes", absolute, Annotated[str, Meta(min_length=1)], lambda path: path and str(path))
Location = Annotated[Path, Meta(extra_json_schema={"pattern": "^[^~]"}), _PATH]
Place = Annotated[Path | None, Meta(extra_json_schema={"pattern": "^[^~]"}), _PATH]
Folder = Annotated[
    str,
    Meta(min_length=1, extra_json_schema={"pattern": r"^(?!\.\.(/|$))[^/]"}),
    Form("the path of a folder below content.path, in quotes", _below),
]
Pattern = Annotated[
    str,
    Meta(min_length=1, extra_json_schema={"pattern": r"^(?!/)(?!([\s\S]*/)?\.\.(/|$(?!\n)))"}),
    Form('a pattern in quotes, such as "news/**/*.md"', _pattern),
]
Authority = Annotated[
    str,
    Meta(extra_json_schema={"pattern": r"^(([A-Za-z0-9_.-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?$(?!\n)"}),
    Form('a domain or an e-mail address of yours, such as "example.org"', authority),
]
TagDate = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$(?!\n)"),
    Form('a year, month or day in quotes, such as "2020", "2020-06" or "2020-06-30"', _tag_date),
]
TimeZone = Annotated[
    str,
    Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9_+/-]+$(?!\n)"}),
    Form('the name of a time zone, such as "UTC" or "Europe/Berlin"', _zone),
]
# Letters are whatever is not ASCII: no pattern knows all that domains may have.
_LABEL = r"[^\u0000-,./:-@\[-^`{-\u007f]+"
Domain = Annotated[
    str,
    Meta(extra_json_schema={"pattern": rf"^{_LABEL}(\.{_LABEL})*$(?!\n)"}),
    Form('a domain, such as "example.org"', _domain),
]

Duration = Annotated[
    int | None,
    Meta(extra_json_schema={"pattern": r"^((?!0+[mhdw])[0-9]{1,9}[mhdw])?$(?!\n)"}),
    Form(
        'a whole number with m, h, d or w in quotes, such as "90m", "12h" or "7d", or "" for none',
        _duration,
        str,
        _as_duration,
    ),
]
Span = Annotated[
    float,
    Meta(extra_json_schema={"pattern": r"^[0-9]{1,6}(ms|s|m|h)$(?!\n)"}),
    Form('a whole number with ms, s, m or h in quotes, such as "50ms" or "2s"', _span, str, _as_span),
]
_SECOND = r"(?!0+[smh]|0*[0-9]{1,3}ms)[0-9]{1,6}(ms|s|m|h)"
Interval = Annotated[
    float,
    Meta(extra_json_schema={"pattern": rf"^{_SECOND}$(?!\n)"}),
    Form('a whole number with s, m or h in quotes, at least a second, such as "10s"', _interval, str, _as_span),
]
_FIELDS_WORDS = "minute, hour, day of the month, month and day of the week"
_FIELDS = r"\s*[0-9A-Za-z*,/-]+(\s+[0-9A-Za-z*,/-]+){4}\s*"
_NICKNAMES = r"@(hourly|daily|midnight|weekly|monthly|yearly|annually)\s*"
Rescan = Annotated[
    float | str,
    Meta(extra_json_schema={"pattern": rf"^({_SECOND}|{_FIELDS}|{_NICKNAMES})$(?!\n)"}),
    Form(
        'a whole number with s, m or h in quotes, at least a second, such as "1h", '
        f'or {_FIELDS_WORDS}, such as "30 4 * * *"',
        _rescan,
        str,
        _as_span,
    ),
]
Moments = Annotated[
    str,
    Meta(extra_json_schema={"pattern": rf"^({_FIELDS}|\s*{_NICKNAMES})?$(?!\n)"}),
    Form(f'{_FIELDS_WORDS} in quotes, such as "0 7 * * 1-5", or "" for none', _cron),
]

Title = Annotated[str, Meta(min_length=1), *_template("site", "name")]
Description = Annotated[str, *_template("site", "name", "title")]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Format = Literal["atom", "rss", "json"]
_OWN_FORMATS: tuple[str, ...] = get_args(Format)
_NAME_FORMATS = 'Name at least one of "atom", "rss" and "json", and beside it what installed packages bring.'
TAKEN = (
    "html", "htm", "xhtml", "xml", "opml", "css", "js", "mjs", "txt", "svg", "png", "jpg", "jpeg", "gif", "webp",
    "avif", "woff2", "ico",
)  # fmt: skip
"""Suffixes that are other files', so that no installed package may write feeds under them."""
FormatName = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9]{0,15}$(?!\n)", extra_json_schema={"examples": list(_OWN_FORMATS)}),
    Form('"atom", "rss", "json" or the name of a format that an installed package brings', _format),
]
FilterName = Annotated[str, Meta(min_length=1), Form("the name of a filter that an installed package brings", _filter)]
Order = Literal["newest", "oldest", "quality", "heat"]
Formats = Annotated[
    tuple[FormatName, ...],
    Meta(min_length=1, extra_json_schema={"uniqueItems": True}),
    Form('a list with at least one item, each "atom", "rss", "json" or what an installed package brings', _readable),
]
Hubs = Annotated[
    tuple[HubUrl, ...],
    Meta(extra_json_schema={"uniqueItems": True}),
    Form("a list, each item an absolute http or https URL", _not_twice),
]
Command = Annotated[
    tuple[str, ...],
    Form(
        'a program and its arguments as a list, such as ["/usr/local/bin/purge-cache", "--all"], or [] for none',
        _program,
    ),
]

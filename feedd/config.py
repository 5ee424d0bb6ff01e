"""The configuration: what an admin writes in TOML, as values.

In: a TOML file, or its text with the directory that relative paths start from. Out: a `Config`, every key
checked and every default filled in; or a `ConfigError` with *all* problems in the order of the file, each
with its line and its remedy. Does not look at the directories that it names (whether they exist is found out
where they are used), nor at the clock, the environment or the network; it asks only the time zone database.

The structs below *are* the list of keys: a field's annotation says type, range, form and meaning, its
default is the key's default. A new key is one field, a new table one struct and one field of `Config`. In
problems, tables in double brackets are counted from 1: `feed[2].limit` is the limit of the second `[[feed]]`.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import FieldInfo, fields, replace

from feedd.errors import ConfigError, Problem

# --- What a single value may be ---


class _Wrong(ValueError):
    """A value is not as it should be: what is wrong, and the remedy if it is not the form in words."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Form(Struct, frozen=True):
    """What a value must be beyond its type.

    `words` completes the sentence "Write …". `read` turns the value as written, with the directory that
    relative paths start from, into the value of the `Config`. `source` is the type in TOML where the `Config`
    has another.
    """

    words: str
    read: Callable[[Any, Path], Any] = lambda value, base: value
    source: Any = None


def _nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, however it joins its parts (`feedsUrl`); or nothing."""
    from difflib import get_close_matches  # late: only a mistake needs it

    plain = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word[:100]), plain, n=1)
    return plain[found[0]] if found else ""


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _did_you_mean(value: object, known: Iterable[str]) -> str:
    nearest = _nearest(value, known) if isinstance(value, str) else ""
    return f'Did you mean "{nearest}"?' if nearest else ""


def _shown(value: object) -> str:
    """A TOML value for a message, short and on one line."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list" if value else "an empty list"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:59] + "…"
        return f'"{text}"' if text.isprintable() else ascii(text)
    if isinstance(value, int) and abs(value) >= 10**20:  # Python refuses to write thousands of digits
        return "a number of more than 20 digits"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(words: Iterable[str], joint: str) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} {joint} {last}" if most else last


def _not_blank(value: str, base: Path) -> str:
    if not value.strip():
        raise _Wrong("is blank")
    return value.strip()


def _not_twice(value: tuple[str, ...], base: Path) -> tuple[str, ...]:
    for item in value:
        if value.count(item) > 1:
            raise _Wrong(f"holds {_shown(item)} twice", "Name each once.")
    return value


def _unreserved(value: str, base: Path) -> str:
    if value in RESERVED:
        raise _Wrong(f"is {_shown(value)}, a name that feedd itself uses", f"Choose a name other than {_RESERVED}.")
    return value


def _absolute(value: str | Path, base: Path) -> Path:
    """Where a path leads from the configuration file's directory; `..` is resolved as text."""
    text = str(value)
    if text.startswith("~"):
        raise _Wrong(f"is {_shown(text)}, but ~ means nothing here", "Write the path in full.")
    return Path(os.path.normpath(base / text))


def _below(value: str, base: Path) -> str:
    """A folder below the content directory, as `a/b`."""
    if value.startswith("/"):
        raise _Wrong(f"is {_shown(value)}, an absolute path", "Write the folder as seen from content.path.")
    folder = os.path.normpath(value)
    if folder == ".." or folder.startswith("../"):
        raise _Wrong(f"is {_shown(value)}, which leaves content.path", "Name a folder below content.path.")
    return folder


def _pattern(value: str, base: Path) -> str:
    """A pattern for paths below the content directory."""
    if value.startswith("/") or ".." in value.split("/"):
        raise _Wrong(f"is {_shown(value)}, but patterns are for paths below content.path")
    return value


def _split(value: str, written: str = "") -> SplitResult:
    """The parts of an absolute http(s) URL without credentials; `written` is what an admin knows it as."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bad port or a bad IPv6 address
        sound = False
    if not sound or re.search(r'[\s<>"\\^`{|}]', value):
        raise _Wrong(f"is {_shown(written or value)}")
    if "@" in parts.netloc:
        raise _Wrong(
            "holds a user name or password, which every subscriber would see",
            "Leave out what is before the @.",
        )
    return parts


def _base_url(value: str, base: Path) -> str:
    """A URL that others are made from by adding to it: it ends in a slash."""
    parts = _split(value)
    if "?" in value or "#" in value:
        raise _Wrong(f"is {_shown(value)}, but other URLs start with it", "Leave out what is after the ? or #.")
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
        raise _Wrong(f"is {_shown(value)}, with a brace that has no partner", _BRACES) from None
    for name, form, conversion in found:
        if name not in known or form or conversion:
            raise _Wrong(f"holds an unknown placeholder {{{name}}}", f"Known: {_braced(known)}. {_BRACES}")
    return {str(name) for name, _, _ in found}


_BRACES = "Write {{ and }} for the braces themselves."


def _braced(names: Iterable[str]) -> str:
    return _listed((f"{{{name}}}" for name in names), "and")


def _template(*known: str) -> Form:
    def read(value: str, base: Path) -> str:
        _placeholders(value, known)
        return value

    return Form(f"text in quotes, with no other placeholders than {_braced(known)}", read)


def _page_template(value: str, base: Path) -> str:
    if value and "slug" not in _placeholders(value, ("slug",)):
        raise _Wrong(
            f"is {_shown(value)}, which gives all articles one URL",
            "Put {slug} where the file's name belongs.",
        )
    if value:
        _split(value.replace("{slug}", "slug"), value)
    return value


def _authority_form(value: str, base: Path) -> str:
    """The authority of a tag URI (RFC 4151): a domain or an e-mail address, or nothing."""
    if value and not re.fullmatch(r"([\w.-]+@)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value, re.ASCII | re.IGNORECASE):
        raise _Wrong(f"is {_shown(value)}")
    return value


def _tag_date(value: str, base: Path) -> str:
    """The date of a tag URI (RFC 4151), of one, two or three parts."""
    try:
        date.fromisoformat((value + "-01-01")[:10])
    except ValueError:
        raise _Wrong(f"is {_shown(value)}, which is no date") from None
    return value


def _zone(value: str, base: Path) -> str:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(value)
    except (ValueError, KeyError, OSError):  # OSError: the name of a directory of the database
        nearest = _did_you_mean(value, sorted(available_timezones()))
        raise _Wrong(f"is {_shown(value)}, which is no known time zone", nearest) from None
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
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise _Wrong(f"is {_shown(value)}")
    return seconds


_SPANS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def _span(value: str, base: Path) -> float:
    """Seconds."""
    match = re.fullmatch(r"([0-9]{1,6})(ms|s|m|h)", value)
    if not match:
        raise _Wrong(f"is {_shown(value)}")
    return int(match[1]) * _SPANS[match[2]]


def _interval(value: str, base: Path) -> float:
    """Seconds, at least one: what is done so often must leave time for anything else."""
    seconds = _span(value, base)
    if seconds < 1:
        raise _Wrong(f"is {_shown(value)}, which is less than a second")
    return seconds


def _cron(value: str, base: Path) -> str:
    """A schedule as in cron, or nothing. Whether it ever comes does not depend on its time zone."""
    if not value:
        return value
    from feedd.cron import Cron  # late: most configurations have none

    try:
        return Cron(value, "UTC").text
    except ValueError as error:
        raise _Wrong(f"is {_shown(value)}, but {error}") from None


def _rescan(value: str, base: Path) -> float | str:
    """Seconds, or a schedule as in cron."""
    is_schedule = len(value.split()) > 1 or value.startswith("@")
    return _cron(value, base) if is_schedule else _interval(value, base)


def _address(value: str, base: Path) -> str:
    """Where to listen: `host:port`, the absolute path of a Unix socket, `systemd`, or nothing."""
    if value in ("", "systemd"):
        return value
    if "/" in value:
        return str(_absolute(value, base))
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", value, re.ASCII)
    if not match or not 0 < int(match[2]) <= 65535:
        raise _Wrong(f"is {_shown(value)}")
    return value


def _domain(value: str, base: Path) -> str:
    """A provider's key: lower case, without `www.`."""
    domain = value.lower().removeprefix("www.")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", domain):
        raise _Wrong(f"is {_shown(value)}")
    return domain


_SLUG_WORDS = 'up to 100 small letters, digits and hyphens, a hyphen not first, such as "power-apps"'

Text = Annotated[str, Meta(min_length=1), Form("text in quotes", _not_blank)]
Phrase = Annotated[str, Meta(min_length=1), Form("text in quotes")]
# `$` alone would also match before a line end.
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)", max_length=100), Form(_SLUG_WORDS)]
FeedName = Annotated[Slug, Form(_SLUG_WORDS, _unreserved)]
Language = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)"),
    Form('a language tag, such as "en" or "pt-BR"', _language),
]
BaseUrl = Annotated[str, Form('an absolute http or https URL, such as "https://example.org/"', _base_url)]
Url = Annotated[str, Form('an absolute http or https URL, or "" for none', _url)]
HubUrl = Annotated[str, Meta(min_length=1), Form("an absolute http or https URL", _url)]
Address = Annotated[
    str,
    Form(
        'a host and a port, such as "127.0.0.1:8000", the path of a Unix socket, such as "/run/feedd/http.sock", '
        '"systemd", or "" for none',
        _address,
    ),
]
Location = Annotated[
    Path,
    Meta(extra_json_schema={"type": "string"}),
    Form("a path in quotes", _absolute, Annotated[str, Meta(min_length=1)]),
]
Place = Annotated[
    Path | None,
    Meta(extra_json_schema={"type": "string"}),
    Form("a path in quotes", _absolute, Annotated[str, Meta(min_length=1)]),
]
Folder = Annotated[str, Meta(min_length=1), Form("the path of a folder below content.path, in quotes", _below)]
Pattern = Annotated[str, Meta(min_length=1), Form('a pattern in quotes, such as "news/**/*.md"', _pattern)]
Domain = Annotated[str, Form('a domain, such as "example.org"', _domain)]
Duration = Annotated[
    int | None,
    Meta(extra_json_schema={"type": "string", "pattern": "^([0-9]{1,9}[mhdw])?$"}),
    Form(
        'a number with m, h, d or w, such as "90m", "12h" or "7d" (a century at most), or "" for none',
        _duration,
        str,
    ),
]
_SPAN_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,6}(ms|s|m|h)$"}
Span = Annotated[
    float,
    Meta(extra_json_schema=_SPAN_SCHEMA),
    Form('a number with ms, s, m or h in quotes, such as "50ms" or "2s"', _span, str),
]
Interval = Annotated[
    float,
    Meta(extra_json_schema=_SPAN_SCHEMA),
    Form('a number with s, m or h in quotes, at least a second, such as "10s"', _interval, str),
]
_FIELDS_WORDS = "minute, hour, day of the month, month and day of the week"
_CRON_SCHEMA = r"\S+(\s+\S+){4}|@[a-z]+"
Rescan = Annotated[
    float | str,
    Meta(extra_json_schema={"type": "string", "pattern": f"^([0-9]{{1,6}}(ms|s|m|h)|{_CRON_SCHEMA})$"}),
    Form(
        f'a number with s, m or h in quotes, at least a second, such as "1h", or {_FIELDS_WORDS}, such as "30 4 * * *"',
        _rescan,
        str,
    ),
]
Moments = Annotated[
    str,
    Meta(extra_json_schema={"pattern": f"^({_CRON_SCHEMA})?$"}),
    Form(f'{_FIELDS_WORDS} in quotes, such as "0 7 * * 1-5", or "" for none', _cron),
]
Title = Annotated[str, Meta(min_length=1), _template("site", "name")]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Format = Literal["atom", "rss", "json"]
Order = Literal["newest", "oldest", "quality", "heat"]

_SOCKET = "control.sock"

RESERVED = ("all", "topics", "providers", "index", "feeds", "assets")
"""Names in the output directory that are feedd's own, so that no configured feed may have them."""
_RESERVED = _listed(RESERVED, "and")


# --- The tables ---


class Site(Struct, frozen=True):
    """`[site]`: the site that the feeds are about."""

    title: Annotated[Text, Meta(description="The site's title.")]
    url: Annotated[BaseUrl, Meta(description="The site's home page; made to end in a slash.")]
    feeds_url: Annotated[BaseUrl, Meta(description="The URL at which output.path is served; made to end in a slash.")]
    description: Annotated[str, Meta(description="What the site is about, in a sentence.")] = ""
    language: Annotated[Language, Meta(description="The language of articles that do not say theirs (BCP 47).")] = "en"
    id_authority: Annotated[
        str,
        Form('a domain or an e-mail address of yours, such as "example.org"', _authority_form),
        Meta(
            description="The authority in the ids of entries (RFC 4151); empty: the host of url. "
            "Never change it: every reader would show every article as new."
        ),
    ] = ""
    id_date: Annotated[
        str,
        Meta(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$(?!\n)"),
        Form('a year, month or day in quotes, such as "2020", "2020-06" or "2020-06-30"', _tag_date),
        Meta(description="A date on which the authority was yours (RFC 4151). Never change it, as above."),
    ] = "2020"


class Content(Struct, frozen=True):
    """`[content]`: where the articles are and how they are read."""

    path: Annotated[Location, Meta(description="The directory of the articles.")] = Path("content")
    include: Annotated[
        tuple[Pattern, ...],
        Meta(min_length=1, description="Patterns of the files that may be articles, as seen from path."),
    ] = ("**/*.md",)
    exclude: Annotated[
        tuple[Pattern, ...],
        Meta(description="Patterns of files that are left out all the same. Hidden files always are."),
    ] = (
        "**/_data/**",
        "**/_site/**",
        "**/_includes/**",
        "**/_layouts/**",
        "**/node_modules/**",
        "**/vendor/**",
    )
    timezone: Annotated[
        str,
        Form('the name of a time zone, such as "UTC" or "Europe/Berlin"', _zone),
        Meta(description="The time zone of dates that do not say theirs."),
    ] = "UTC"
    own_pages: Annotated[
        str,
        Form('an absolute http or https URL with {slug}, or "" for none', _page_template),
        Meta(
            description="The URL of an article's own page, with {slug} for the file's name without suffix: "
            "where articles without webUrl link to. Empty: they have no page of their own."
        ),
    ] = ""
    amp: Annotated[bool, Meta(description="Whether entries link to the AMP page where there is one.")] = False
    repair_mojibake: Annotated[
        bool,
        Meta(description="Whether text in a wrong encoding (â€™ for ’) is repaired where that is certain."),
    ] = True
    max_bytes: Annotated[
        int,
        Meta(
            ge=4096,
            le=67108864,
            description="The largest article in bytes; a larger file is a broken article.",
        ),
    ] = 1048576


class Collection(Struct, frozen=True):
    """`[[collection]]`: articles with common defaults."""

    name: Annotated[Slug, Meta(description="The collection's name, as articles have it in category.")]
    folders: Annotated[
        tuple[Folder, ...],
        Meta(description="Folders below content.path; their articles belong to it unless they have a category."),
    ] = ()
    published_default: Annotated[
        bool, Meta(description="Whether an article without the key published is published.")
    ] = False


class TopicConfig(Struct, frozen=True):
    """`[[taxonomy.topic]]`: one topic, written here rather than in a file."""

    name: Annotated[Text, Meta(description="The topic's name, as readers see it.")]
    id: Annotated[str, Meta(description="The topic's stable name; empty: made from the name.")] = ""
    parent: Annotated[str, Meta(description="The name or id of the topic above it; empty: none.")] = ""
    aliases: Annotated[tuple[Text, ...], Meta(description="Other names that articles use for it.")] = ()


class ProviderConfig(Struct, frozen=True):
    """`[[taxonomy.provider]]`: one provider, written here rather than in a file."""

    name: Annotated[Text, Meta(description="The provider's name, as readers see it.")]
    domain: Annotated[Domain, Meta(description="The provider's domain; www. is left out.")]
    aliases: Annotated[tuple[Text, ...], Meta(description="Other names that articles use for it.")] = ()
    feed: Annotated[Url, Meta(description="The URL of the provider's own feed; empty: not known.")] = ""
    icon: Annotated[Url, Meta(description="The URL of its square picture; empty: none.")] = ""
    logo: Annotated[Url, Meta(description="The URL of its wide picture; empty: none.")] = ""


class Taxonomy(Struct, frozen=True):
    """`[taxonomy]`: what is known about topics and providers."""

    topics: Annotated[
        tuple[Location, ...], Meta(description="Directories of YAML or Markdown files, one a topic.")
    ] = ()
    providers: Annotated[
        tuple[Location, ...], Meta(description="Directories of YAML or Markdown files, one a provider.")
    ] = ()
    unknown_topics: Annotated[
        Literal["feed", "ignore"],
        Meta(description="Topics that are not known: feed (a feed of their own, and a warning) or ignore."),
    ] = "feed"
    rollup: Annotated[
        bool, Meta(description="Whether a topic's feed also takes the articles of the topics below it.")
    ] = False
    inline_topics: Annotated[
        tuple[TopicConfig, ...], Meta(description="Topics written in the configuration itself.")
    ] = field(default=(), name="topic")
    inline_providers: Annotated[
        tuple[ProviderConfig, ...], Meta(description="Providers written in the configuration itself.")
    ] = field(default=(), name="provider")


class Output(Struct, frozen=True):
    """`[output]`: where the feeds go, and the automatic ones among them."""

    path: Annotated[Location, Meta(description="The directory that feedd writes and a web server serves.")] = Path(
        "feeds"
    )
    formats: Annotated[
        tuple[Format, ...],
        Form('a list with at least one item, each "atom", "rss" or "json"', _not_twice),
        Meta(min_length=1, description="The formats that each feed is written in."),
    ] = ("atom", "rss", "json")
    limit: Annotated[int, Meta(ge=1, le=1000, description="The most entries in a feed.")] = 50
    ttl: Annotated[
        int, Meta(ge=1, le=10080, description="Minutes after which readers may ask again, as RSS tells them.")
    ] = 60
    collections: Annotated[
        tuple[Text, ...], Meta(description="The collections that the automatic feeds take; empty: all.")
    ] = ()
    archives: Annotated[
        bool,
        Meta(description="Whether what no longer fits in a feed is in archive documents, month by month (RFC 5005)."),
    ] = True
    tombstones: Annotated[
        Duration,
        Meta(description="How long Atom feeds tell that an article was withdrawn (RFC 6721; in Config: seconds)."),
    ] = 2592000
    all: Annotated[bool, Meta(description="Whether there is a feed of all articles.")] = True
    topics: Annotated[bool, Meta(description="Whether there is a feed for each topic.")] = True
    providers: Annotated[bool, Meta(description="Whether there is a feed for each provider.")] = True
    all_title: Annotated[Title, Meta(description="The title of the feed of all articles; {site}.")] = "{site}"
    topic_title: Annotated[Title, Meta(description="The title of a topic's feed; {site}, {name}.")] = "{site}: {name}"
    provider_title: Annotated[Title, Meta(description="The title of a provider's feed; {site}, {name}.")] = (
        "{site}: {name}"
    )
    description: Annotated[
        str,
        _template("site", "name", "title"),
        Meta(description="The description of an automatic feed; {site}, {name} and its own {title}."),
    ] = "{title}"


class Pages(Struct, frozen=True):
    """`[pages]`: what is there for browsers beside the feeds."""

    enabled: Annotated[
        bool, Meta(description="Whether there are an index, a page for each feed, and an OPML list.")
    ] = True
    templates: Annotated[
        Place, Meta(description="A directory of templates and assets that replace feedd's own of the same name.")
    ] = None
    pictures: Annotated[
        bool,
        Meta(description="Whether pages show the pictures of articles and providers, which browsers fetch from there."),
    ] = True


class WebSub(Struct, frozen=True):
    """`[websub]`: who is told at once that a feed changed, and tells its subscribers."""

    hubs: Annotated[
        tuple[HubUrl, ...],
        Form("a list, each item an absolute http or https URL", _not_twice),
        Meta(description="The hubs that are told, and that feeds name."),
    ] = ()


class Server(Struct, frozen=True):
    """`[server]`: the HTTP server of `feedd run` and `feedd serve`."""

    listen: Annotated[Address, Meta(description="Where the feeds are served; empty: nowhere.")] = ""
    max_age: Annotated[
        Span, Meta(description="How long readers may keep what they got without asking again (in Config: seconds).")
    ] = 300.0


class Monitoring(Struct, frozen=True):
    """`[monitoring]`: where those who run feedd ask how it is."""

    listen: Annotated[Address, Meta(description="Where /healthz and /metrics are served; empty: nowhere.")] = ""


STATE_MODE = 0o750
"""Of a new state directory: it knows of articles that are not public."""


class State(Struct, frozen=True):
    """`[state]`: what feedd remembers."""

    path: Annotated[Location, Meta(description="The directory of the state; never serve it.")] = Path("state")


class Guard(Struct, frozen=True):
    """`[guard]`: a run that would withdraw more than both of these withdraws nothing until it is approved."""

    fraction: Annotated[
        float,
        Meta(ge=0, le=1, description="The part of all public articles, from 0 to 1, that may go in one run."),
    ] = 0.2
    count: Annotated[Count, Meta(description="The number of articles that may go in one run.")] = 10


class Watch(Struct, frozen=True):
    """`[watch]`: how `feedd run` learns that files changed."""

    quiet: Annotated[
        Span, Meta(description="How long files were left alone before they are looked at (in Config: seconds).")
    ] = 0.05
    limit: Annotated[
        Span, Meta(description="The longest that a change waits while others follow it (in Config: seconds).")
    ] = 1.0
    mode: Annotated[
        Literal["auto", "poll"],
        Meta(description="auto: the system tells what changed, where it can; poll: everything is looked at, often."),
    ] = "auto"
    poll: Annotated[
        Interval,
        Meta(description="How often everything is looked at where the system does not tell (in Config: seconds)."),
    ] = 10.0
    configuration: Annotated[
        bool, Meta(description="Whether this file is loaded anew when it changes, as by `feedd reload`.")
    ] = True


class Schedule(Struct, frozen=True):
    """`[schedule]`: what `feedd run` does at fixed times."""

    rescan: Annotated[
        Rescan,
        Meta(
            description="How often everything is looked at although no change was seen (in Config: seconds), "
            "or when, as in cron."
        ),
    ] = 3600.0
    timezone: Annotated[
        str,
        Form('the name of a time zone, such as "UTC" or "Europe/Berlin"', _zone),
        Meta(description="The time zone of rescan and of the schedules of feeds."),
    ] = "UTC"


class Control(Struct, frozen=True):
    """`[control]`: how `feedd status`, `reload` and `approve` reach `feedd run`."""

    socket: Annotated[
        Place,
        Meta(description="The Unix socket; absent: control.sock in the directory of the state (filled in by Config)."),
    ] = None


class Log(Struct, frozen=True):
    """`[log]`: what `feedd run` tells of what it does, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important lines that are written."),
    ] = "info"
    format: Annotated[
        Literal["text", "json"],
        Meta(description="text: key=value; json: an object a line."),
    ] = "text"


class FeedConfig(Struct, frozen=True):
    """`[[feed]]`: a feed of its own. An article has to meet every condition; an empty list is none."""

    name: Annotated[FeedName, Meta(description="The feed's name, which is its file name without suffix.")]
    title: Annotated[str, Meta(description="The feed's title; empty: its name.")] = ""
    description: Annotated[str, Meta(description="What the feed is about, in a sentence.")] = ""
    topics: Annotated[tuple[Text, ...], Meta(description="Topics, of which an article has at least one.")] = ()
    all_topics: Annotated[tuple[Text, ...], Meta(description="Topics, all of which an article has.")] = ()
    not_topics: Annotated[tuple[Text, ...], Meta(description="Topics, none of which an article has.")] = ()
    providers: Annotated[
        tuple[Text, ...], Meta(description="Domains or names of providers, one of which is the article's.")
    ] = ()
    not_providers: Annotated[
        tuple[Text, ...], Meta(description="Domains or names of providers, none of which is the article's.")
    ] = ()
    collections: Annotated[tuple[Text, ...], Meta(description="Collections, one of which is the article's.")] = ()
    types: Annotated[
        tuple[Text, ...], Meta(description="Types such as article or video, one of which is the article's.")
    ] = ()
    languages: Annotated[
        tuple[Language, ...], Meta(description="Languages (BCP 47), one of which is the article's.")
    ] = ()
    title_contains: Annotated[
        tuple[Phrase, ...],
        Meta(description="Texts, at least one of which is in the title; small and capital letters are alike."),
    ] = ()
    min_quality: Annotated[
        Count | None, Meta(description="The least quality of an article; absent: any, also unranked ones.")
    ] = None
    min_heat: Annotated[
        Count | None,
        Meta(description="The least heat that lets an article in, for good; absent: any, also unranked ones."),
    ] = None
    max_age: Annotated[
        Duration,
        Meta(description="How long after publication an article stays (in Config: seconds); empty: for ever."),
    ] = None
    limit: Annotated[int, Meta(ge=0, le=1000, description="The most entries in the feed; 0: as output.limit.")] = 0
    order: Annotated[Order, Meta(description="Which entries come first and, beyond the limit, stay.")] = "newest"
    schedule: Annotated[Moments, Meta(description="When articles enter the feed, as in cron; empty: at once.")] = ""


class Config(Struct, frozen=True):
    """The whole configuration.

    As `load` and `parse` give it, every path is absolute and what is derived from another key is filled in:
    `site.id_authority` from `site.url`, a feed's `title` from its name, a feed's `limit` from `output.limit`.
    """

    site: Annotated[Site, Meta(description="The site that the feeds are about.")]
    content: Annotated[Content, Meta(description="Where the articles are and how they are read.")] = Content()
    collections: Annotated[tuple[Collection, ...], Meta(description="Sets of articles with common defaults.")] = field(
        default=(), name="collection"
    )
    taxonomy: Annotated[Taxonomy, Meta(description="What is known about topics and providers.")] = Taxonomy()
    output: Annotated[
        Output, Meta(description="Where the feeds go, and which are made for each topic and provider.")
    ] = Output()
    pages: Annotated[Pages, Meta(description="What is there for browsers.")] = Pages()
    websub: Annotated[WebSub, Meta(description="Who is told at once that a feed changed.")] = WebSub()
    server: Annotated[Server, Meta(description="The HTTP server for subscribers.")] = Server()
    monitoring: Annotated[Monitoring, Meta(description="The HTTP server for health and metrics.")] = Monitoring()
    state: Annotated[State, Meta(description="What feedd remembers.")] = State()
    guard: Annotated[Guard, Meta(description="How much may be withdrawn in one run without approval.")] = Guard()
    watch: Annotated[Watch, Meta(description="How the daemon learns that files changed.")] = Watch()
    schedule: Annotated[Schedule, Meta(description="What the daemon does at fixed times.")] = Schedule()
    control: Annotated[Control, Meta(description="How the daemon is asked and told.")] = Control()
    log: Annotated[Log, Meta(description="What the daemon tells of what it does.")] = Log()
    feeds: Annotated[
        tuple[FeedConfig, ...],
        Meta(description="Feeds beside those of all articles, topics and providers."),
    ] = field(default=(), name="feed")

    @property
    def fingerprint(self) -> str:
        """A digest, in hexadecimal, of all that can change what is published, and of nothing else."""
        zone = self.schedule.timezone if any(feed.schedule for feed in self.feeds) else ""
        seen = (self.site, self.output, self.pages, self.websub)
        tables = (*seen, self.content, self.collections, self.taxonomy, self.feeds)
        return _digest(*tables, Schedule(timezone=zone))

    @property
    def parsing_fingerprint(self) -> str:
        """A digest, in hexadecimal, of what can change how a file is parsed, not of which files are."""
        nowhere = replace(self.content, path=Path(), include=(), exclude=())
        return _digest(nowhere, self.collections)


def _digest(*tables: Any) -> str:
    from hashlib import blake2b

    # A path need not be UTF-8, which JSON is.
    return blake2b(msgspec.json.encode(tables, enc_hook=os.fsencode), digest_size=16).hexdigest()


# --- What the model says about itself ---


@cache
def keys(table: Any) -> Mapping[str, FieldInfo]:
    """The keys of a table's struct as TOML has them, in order, each with its field."""
    return {item.encode_name: item for item in fields(table)}


def table_of(kind: Any) -> tuple[Any, bool]:
    """The struct of a field that holds a table, or tables in double brackets (then True); else None."""
    bare, _ = _bare(kind)
    if _is_struct(bare):
        return bare, False
    item = get_args(bare)[0] if get_origin(bare) is tuple else None
    return (item, True) if _is_struct(item) else (None, False)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def headers(table: Any = Config, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every table below a struct with its header, such as `[[taxonomy.topic]]`."""
    for key, item in keys(table).items():
        inner, many = table_of(item.type)
        if inner:
            name = f"{above}{key}"
            yield (f"[[{name}]]" if many else f"[{name}]"), inner
            yield from headers(inner, f"{name}.")


def words(kind: Any) -> str:
    """What a field's value must be, to complete "Write …": `a whole number from 1 to 1000`."""
    bare, form = _bare(kind)
    if form:
        return form.words
    if get_origin(bare) is tuple:
        least = " with at least one item, each" if _bounds(kind).get("min_length") else ", each item"
        return f"a list{least} {words(get_args(bare)[0])}"
    if get_origin(bare) is Literal:
        return _listed((f'"{choice}"' for choice in get_args(bare)), "or")
    if get_args(bare):  # a type or None: TOML has no None
        return words(get_args(bare)[0])
    return _PLAIN_WORDS[bare] + _range(_bounds(kind))


_PLAIN_WORDS = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


def _bare(kind: Any) -> tuple[Any, Form | None]:
    """A type without its annotations, and the form among them; of two, the outer one."""
    if get_origin(kind) is not Annotated:
        return kind, None
    forms = [item for item in kind.__metadata__ if isinstance(item, Form)]
    return kind.__origin__, forms[-1] if forms else None


def _bounds(kind: Any) -> dict[str, Any]:
    """The limits in a type's annotations."""
    metas = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]
    found = [(name, getattr(meta, name)) for meta in metas for name in ("ge", "le", "min_length")]
    return {name: limit for name, limit in found if limit is not None}


def _range(bounds: Mapping[str, Any]) -> str:
    if "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    return f", {bounds['ge']} or more" if "ge" in bounds else ""


# --- From TOML to values ---

Where = tuple[str | int, ...]
"""The way to a key: `("feed", 2, "limit")`."""


class _Finding(NamedTuple):
    """A problem whose file and line are not known yet."""

    kind: str
    where: Where
    what: str
    remedy: str


_BAD: Any = object()  # the value of what could not be read

# Controls that XML cannot carry (NUL, which no path can hold, among them), and halves of characters.
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Reader:
    """Reads tables into their structs and gathers what is wrong on the way, and what is right, by key."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.findings: list[_Finding] = []
        self.values: dict[Where, Any] = {}

    def table(self, kind: Any, raw: Any, where: Where) -> Any:
        if not isinstance(raw, dict):
            self.refuse(where, f"is {_shown(raw)}", _as_table(where))
            return _BAD
        known = keys(kind)
        for key in raw:
            if key not in known:
                self.findings.append(_unknown(kind, key, (*where, key), raw[key]))
        found = {item.name: self.member(item, key, raw, where) for key, item in known.items()}
        return _BAD if _BAD in found.values() else kind(**found)

    def member(self, item: FieldInfo, key: str, raw: dict[str, Any], where: Where) -> Any:
        inner, many = table_of(item.type)
        if many:
            return self.tables(inner, raw.get(key, []), (*where, key))
        if inner:
            return self.table(inner, raw.get(key, {}), (*where, key))
        if key not in raw:
            return self.absent(item, key, where)
        return self.keep((*where, key), self.value(item.type, raw[key], (*where, key)))

    def tables(self, kind: Any, raw: Any, where: Where) -> Any:
        if not isinstance(raw, list):
            self.refuse(where, f"is {_shown(raw)}", _as_tables(where))
            return _BAD
        found = tuple(self.table(kind, item, (*where, count)) for count, item in enumerate(raw, 1))
        return _BAD if _BAD in found else found

    def absent(self, item: FieldInfo, key: str, where: Where) -> Any:
        if item.required:
            remedy = f'Add {key} = "…" below {_header(where)}: {words(item.type)}.'
            self.findings.append(_Finding("missing-key", (*where, key), "is missing", remedy))
            return _BAD
        default = item.default
        return self.keep((*where, key), _absolute(default, self.base) if isinstance(default, Path) else default)

    def value(self, kind: Any, raw: Any, where: Where) -> Any:
        """The value of one key or of one item of a list, or `_BAD`."""
        try:
            return self.converted(kind, raw, where)
        except msgspec.ValidationError:
            self.refuse(where, f"is {_shown(raw)}", _right(kind, raw))
        except _Wrong as wrong:
            self.refuse(where, wrong.what, wrong.remedy or _right(kind, raw))
        return _BAD

    def converted(self, kind: Any, raw: Any, where: Where) -> Any:
        bare, form = _bare(kind)
        if isinstance(raw, str) and (bad := _UNUSABLE.search(raw)):
            raise _Wrong(
                f"holds the character U+{ord(bad[0]):04X}",
                "Leave it out: neither feeds nor paths can carry it.",
            )
        if get_origin(bare) is tuple:
            value = self.items(kind, raw, where)
        else:
            value = msgspec.convert(raw, form.source if form and form.source else kind)
        return value if value is _BAD or not form else form.read(value, self.base)

    def items(self, kind: Any, raw: Any, where: Where) -> Any:
        any_list = Annotated[tuple[Any, ...], Meta(min_length=_bounds(kind).get("min_length"))]
        item = get_args(_bare(kind)[0])[0]
        counted = enumerate(msgspec.convert(raw, any_list), 1)
        found = tuple(self.value(item, value, (*where, count)) for count, value in counted)
        return _BAD if _BAD in found else found

    def keep(self, where: Where, value: Any) -> Any:
        if value is not _BAD:
            self.values[where] = value
        return value

    def refuse(self, where: Where, what: str, remedy: str) -> None:
        self.findings.append(_Finding("wrong-value", where, what, remedy))


def _right(kind: Any, raw: object) -> str:
    """The remedy for a value of the wrong type or form."""
    bare, form = _bare(kind)
    hint = ", without quotes" if isinstance(raw, str) and not form and _is_unquoted(bare) else ""
    guess = _did_you_mean(raw, get_args(bare)) if get_origin(bare) is Literal else ""
    return f"Write {words(kind)}{hint}." + (f" {guess}" if guess else "")


def _is_unquoted(bare: Any) -> bool:
    """Whether a type is written without quotes: numbers and truth values, also where they may be absent."""
    return any(_bare(kind)[0] in (int, float, bool) for kind in (bare, *get_args(bare)))


def _as_table(where: Where) -> str:
    return f"Write its keys on lines below {_header(where)}."


def _as_tables(where: Where) -> str:
    return f"Write {_header((*where, 1))}, in double brackets, above each of them."


def _unknown(table: Any, key: str, where: Where, raw: object) -> _Finding:
    """A key or table that is not known, with the one that was probably meant."""
    is_table = _is_table(raw)
    what = "is not a known " + ("table" if is_table else "key")
    return _Finding("unknown-key", where, what, _meant(table, key, where, is_table))


def _meant(table: Any, key: str, where: Where, is_table: bool) -> str:
    """The remedy: the same word here, the same word elsewhere, a like word here, a like word elsewhere."""
    known = {name: item for name, item in keys(table).items() if is_table or not table_of(item.type)[0]}
    everywhere = (name for _, other in headers() for name in keys(other))
    here, anywhere = _nearest(key, known), _nearest(key, everywhere)
    guess = f"Did you mean {_written(known[here], here, where)}?" if here else ""
    if here and (_plain(here) == _plain(key) or _plain(anywhere) != _plain(key)):
        return guess
    if anywhere:
        homes = _listed((header for header, other in headers() if anywhere in keys(other)), "or")
        if guess:
            return f"{guess} {anywhere} belongs below {homes}."
        guess = "" if anywhere == key else f"Did you mean {anywhere}? "
        return f"{guess}It belongs below {homes}."
    return f"Known here: {_listed(keys(table), 'and')}."


def _is_table(raw: object) -> bool:
    return isinstance(raw, dict) or (isinstance(raw, list) and bool(raw) and isinstance(raw[0], dict))


def _written(item: FieldInfo, key: str, where: Where) -> str:
    """A key as it is written: tables in their brackets."""
    inner, many = table_of(item.type)
    return _header((*where[:-1], key, *([1] if many else []))) if inner else key


def _header(where: Where) -> str:
    """`[site]`, or `[[feed]]` for the way to one of several."""
    name = ".".join(_key(part) for part in where if isinstance(part, str))
    return f"[[{name}]]" if isinstance(where[-1], int) else f"[{name}]"


def _dotted(where: Where) -> str:
    """`feed[2].limit`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in where)[1:]


def _key(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,60}", part) else _shown(part)


# --- What must fit together ---

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


def _nesting(values: Values) -> Iterator[_Finding]:
    """Directories that must not be inside one another."""
    for table, other, reasons in _APART:
        path, apart = values.get((table, "path")), values.get((other, "path"))
        how = _relation(path, apart) if path and apart else ""
        if how in reasons:
            what = f"{how} {other}.path, so {reasons[how]}"
            yield _Finding("conflict", (table, "path"), what, f"Choose a directory apart from {apart}.")


def _relation(path: Path, other: Path) -> str:
    if path == other:
        return "is"
    return "is inside" if path.is_relative_to(other) else "holds" if other.is_relative_to(path) else ""


def _uniqueness(values: Values) -> Iterator[_Finding]:
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


def _repeated(values: Values, shapes: set[str], remedy: str) -> Iterator[_Finding]:
    first: dict[str, Where] = {}
    for where, text in _texts(values, shapes):
        seen = first.setdefault(_folded(text), where)
        # An item may repeat itself: an alias that is also the name. systemd hands over more than one socket.
        if seen[:-1] != where[:-1] and (where[-1], text) != ("listen", "systemd"):
            yield _Finding("conflict", where, f"has {_shown(text)}, as has {_dotted(seen)}", remedy)


def _texts(values: Values, shapes: set[str]) -> Iterator[tuple[Where, str]]:
    for where, value in values.items():
        if ".".join(part for part in where if isinstance(part, str)) in shapes:
            yield from ((where, text) for text in (value if isinstance(value, tuple) else (value,)) if text)


def _folded(text: str) -> str:
    """A name without what does not tell names apart: case, white space, the way accents are written."""
    from unicodedata import normalize

    return " ".join(normalize("NFC", text).casefold().split())


def _identity(values: Values) -> Iterator[_Finding]:
    """An id authority that is left to the URL, but that the URL cannot give."""
    url = values.get(("site", "url"))
    if url and values.get(("site", "id_authority")) == "" and not _authority(url):
        what = f"cannot be taken from site.url, {_shown(url)}"
        yield _Finding("missing-key", ("site", "id_authority"), what, f"Write {_AUTHORITY_WORDS}.")


_AUTHORITY_WORDS = words(keys(Site)["id_authority"].type)


def _authority(url: str) -> str:
    """The host of a URL as a tag URI may have it, in ASCII; or nothing."""
    host = urlsplit(url).hostname or ""
    try:
        return _authority_form(host if host.isascii() else host.encode("idna").decode(), Path())
    except ValueError:
        return ""


CHECKS: tuple[Callable[[Values], Iterator[_Finding]], ...] = (_nesting, _uniqueness, _identity)


def _derived(config: Config) -> Config:
    """The configuration with what one key derives from another."""
    site = replace(config.site, id_authority=config.site.id_authority or _authority(config.site.url))
    feeds = (
        replace(feed, title=feed.title or feed.name, limit=feed.limit or config.output.limit) for feed in config.feeds
    )
    control = replace(config.control, socket=config.control.socket or config.state.path / _SOCKET)
    return replace(config, site=site, feeds=tuple(feeds), control=control)


# --- Lines ---

_DEPTH = 8  # keys lie at most five deep; a hostile file may nest without end


def _lines(text: str) -> dict[Where, int]:
    """The line, from 1, on which each table and key of a sound TOML text begins.

    tomllib does not tell, so each statement is parsed alone. A key in an inline table has the line of the
    whole.
    """
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


def _line(where: Where, lines: Mapping[Where, int]) -> int | None:
    """The line of a key, or of what would hold it."""
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where)


# --- The two doors ---


def load(path: Path) -> Config:
    """The configuration in a file.

    Raises:
        ConfigError: the file cannot be read, or anything is wrong in it.
    """
    return parse(_text(path), str(path), path.absolute().parent)


def parse(text: str, file: str, base: Path) -> Config:
    """The configuration in TOML text; `file` is what problems call it, `base` where relative paths start.

    Raises:
        ConfigError: anything is wrong. It holds all that is, in the order of the text, but what is missing
            with its whole table first.
    """
    raw = _toml(text, file)
    reader = _Reader(base)
    config = reader.table(Config, raw, ())
    findings = [*reader.findings, *chain.from_iterable(check(reader.values) for check in CHECKS)]
    if findings:
        raise ConfigError(_problems(findings, file, text))
    return _derived(cast(Config, config))


def socket_in(path: Path) -> Path:
    """Where the daemon of a configuration file listens, as far as that can be made out of one that is wrong. Never
    raises: who asks wants to know what the daemon says of it.
    """
    raw: Any = {}
    with suppress(ConfigError):
        raw = _toml(_text(path), str(path))
    base = path.absolute().parent
    for table, key, below in (("control", "socket", ""), ("state", "path", _SOCKET)):
        value = raw[table].get(key) if isinstance(raw.get(table), dict) else None
        if isinstance(value, str) and value:
            return Path(os.path.normpath(base / value / below))
    return base / State().path / _SOCKET


def _problems(findings: Iterable[_Finding], file: str, text: str) -> tuple[Problem, ...]:
    lines = _lines(text)
    found = [
        Problem(kind, what, remedy, file, _line(where, lines), _dotted(where)) for kind, where, what, remedy in findings
    ]
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


def noted(file: Path, kind: str, where: Where, what: str, remedy: str) -> Problem:
    """A warning about a key of a configuration that is sound by itself; its line is looked up in the file."""
    try:
        line = _line(where, _lines(_text(file)))
    except ConfigError:  # it was changed meanwhile
        line = None
    return Problem(kind, what, remedy, str(file), line, _dotted(where), "warning")


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    except ValueError:
        message = "A number has too many digits"
    except RecursionError:
        message = "Lists or tables are nested too deep"
    raise ConfigError((_syntax(message, file, text),))


def _syntax(message: str, file: str, text: str) -> Problem:
    """What tomllib says, its place as a line."""
    what, _, place = message.partition(" (at ")
    at = re.match(r"line (\d+), column (\d+)", place)
    line = int(at[1]) if at else (text.rstrip().count("\n") + 1 if place else None)
    column = f" in column {at[2]}" if at else " at the end of the file" if place else ""
    remedy = "Mend this line or the one before it; text belongs in quotes, and each key in one place."
    return Problem("not-toml", f"is not TOML{column}: {what[:1].lower()}{what[1:]}", remedy, file, line)


def _text(path: Path) -> str:
    """The file's text, without the mark that some editors put first."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _unreadable(path, "does not exist", "Name another file with --config, or write this one.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "Name a regular file that feedd's user may read."
        raise _unreadable(path, f"cannot be read: {reason}", remedy) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With the mark taken off, the place is counted from behind it.
        at = len(data) - len(error.object) + error.start
        line = data.count(b"\n", 0, at) + 1
        what = f"is not UTF-8: the byte 0x{data[at]:02X} is none of its characters"
        raise _unreadable(path, what, "Save the file as UTF-8.", line) from None


def _unreadable(path: Path, what: str, remedy: str, line: int | None = None) -> ConfigError:
    return ConfigError((Problem("unreadable", what, remedy, str(path), line),))

"""The model of the configuration: its tables as structs, and what these say about themselves.

The structs below *are* the list of keys: a field's annotation says type, range, form and meaning, its default is the
key's default. A new key is one field, a new table one struct and one field of `Config`. Whoever reads, documents or
describes the configuration asks `keys`, `headers`, `table_of` and `words`. Reads nothing by itself.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import FieldInfo, fields, replace

from feedd.config.forms import (
    Address,
    Authority,
    BaseUrl,
    Command,
    Count,
    Description,
    Domain,
    Duration,
    FeedName,
    FilterName,
    Folder,
    Form,
    Formats,
    Hubs,
    Interval,
    Language,
    Location,
    Moments,
    Order,
    PageUrl,
    Pattern,
    Phrase,
    Place,
    Rescan,
    Slug,
    Span,
    TagDate,
    Text,
    TimeZone,
    Title,
    Url,
)
from feedd.config.phrases import listed

SOCKET = "control.sock"
"""The name of the control socket in the directory of the state, unless it is told to be elsewhere."""


class Site(Struct, frozen=True):
    """`[site]`: the site that the feeds are about."""

    title: Annotated[Text, Meta(description="The site's title.")]
    url: Annotated[BaseUrl, Meta(description="The site's home page; made to end in a slash.")]
    feeds_url: Annotated[BaseUrl, Meta(description="The URL at which output.path is served; made to end in a slash.")]
    description: Annotated[str, Meta(description="What the site is about, in a sentence.")] = ""
    language: Annotated[Language, Meta(description="The language of articles that do not say theirs (BCP 47).")] = "en"
    id_authority: Annotated[
        Authority,
        Meta(
            description="The authority in the ids of entries (RFC 4151); empty: the host of url. "
            "Never change it: every reader would show every article as new."
        ),
    ] = ""
    id_date: Annotated[
        TagDate,
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
        TimeZone, Meta(description="The time zone of dates that do not say theirs, and of the dates on pages.")
    ] = "UTC"
    own_pages: Annotated[
        PageUrl,
        Meta(
            description="The URL of an article's own page, with {slug} for the file's name without suffix, "
            "its folder's if it is called index: where articles without webUrl link to. Empty: they have no page of "
            "their own."
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
    formats: Annotated[Formats, Meta(description="The formats that each feed is written in.")] = ("atom", "rss", "json")
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
        Meta(description="How long Atom feeds tell that an article was withdrawn (RFC 6721)."),
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
        Description,
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

    hubs: Annotated[Hubs, Meta(description="The hubs that are told, and that feeds name.")] = ()


class Hooks(Struct, frozen=True):
    """`[hooks]`: what is started after feeds changed."""

    command: Annotated[
        Command,
        Meta(
            description="A program and its arguments (no shell), which is told of what changed on its standard input, "
            "one path below output.path a line; empty: none. A relative path is seen from this file, a bare name is "
            "looked for on PATH."
        ),
    ] = ()
    timeout: Annotated[Interval, Meta(description="How long it may take; then it is killed.")] = 60.0


class Server(Struct, frozen=True):
    """`[server]`: the HTTP server of `feedd run` and `feedd serve`."""

    listen: Annotated[Address, Meta(description="Where the feeds are served; empty: nowhere.")] = ""
    max_age: Annotated[Span, Meta(description="How long readers may keep what they got without asking again.")] = 300.0


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

    quiet: Annotated[Span, Meta(description="How long files were left alone before they are looked at.")] = 0.05
    limit: Annotated[Span, Meta(description="The longest that a change waits while others follow it.")] = 1.0
    mode: Annotated[
        Literal["auto", "poll"],
        Meta(description="auto: the system tells what changed, where it can; poll: everything is looked at, often."),
    ] = "auto"
    poll: Annotated[
        Interval,
        Meta(description="How often everything is looked at where the system does not tell."),
    ] = 10.0
    configuration: Annotated[
        bool, Meta(description="Whether this file is loaded anew when it changes, as by `feedd reload`.")
    ] = True


class Schedule(Struct, frozen=True):
    """`[schedule]`: what `feedd run` does at fixed times."""

    rescan: Annotated[
        Rescan,
        Meta(description="How often everything is looked at although no change was seen, or when, as in cron."),
    ] = 3600.0
    timezone: Annotated[TimeZone, Meta(description="The time zone of rescan and of the schedules of feeds.")] = "UTC"


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
    filters: Annotated[
        tuple[FilterName, ...],
        Meta(description="Filters that installed packages bring, all of which let the article pass."),
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
        Meta(description="How long after publication an article stays; empty: for ever."),
    ] = None
    limit: Annotated[int, Meta(ge=0, le=1000, description="The most entries in the feed; 0: as output.limit.")] = 0
    order: Annotated[Order, Meta(description="Which entries come first and, beyond the limit, stay.")] = "newest"
    schedule: Annotated[Moments, Meta(description="When articles enter the feed, as in cron; empty: at once.")] = ""


class Config(Struct, frozen=True):
    """The whole configuration.

    As `load` and `parse` give it, every path is absolute, every span of time a number of seconds, and what is derived
    from another key is filled in: `site.id_authority` from `site.url`, a feed's `title` from its name, a feed's `limit`
    from `output.limit`, `control.socket` from `state.path`.
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
    hooks: Annotated[Hooks, Meta(description="What is started after feeds changed.")] = Hooks()
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
    def filters(self) -> tuple[str, ...]:
        """The filters that feeds name, sorted."""
        return tuple(sorted({name for feed in self.feeds for name in feed.filters}))

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


@cache
def keys(table: Any) -> Mapping[str, FieldInfo]:
    """The keys of a table's struct as TOML has them, in order, each with its field."""
    return {item.encode_name: item for item in fields(table)}


def table_of(kind: Any) -> tuple[Any, bool]:
    """The struct of a field that holds a table, or tables in double brackets (then True); else None."""
    bare, _ = unannotated(kind)
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
    bare, form = unannotated(kind)
    if form:
        return form.words
    if get_origin(bare) is tuple:
        least = " with at least one item, each" if bounds_of(kind).get("min_length") else ", each item"
        return f"a list{least} {words(get_args(bare)[0])}"
    if get_origin(bare) is Literal:
        return listed((f'"{choice}"' for choice in get_args(bare)), "or")
    if get_args(bare):  # a type or None: TOML has no None
        return words(get_args(bare)[0])
    return _PLAIN_WORDS[bare] + _range(bounds_of(kind))


_PLAIN_WORDS = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


def unannotated(kind: Any) -> tuple[Any, Form | None]:
    """A type without its annotations, and the form among them; of two, the outer one."""
    if get_origin(kind) is not Annotated:
        return kind, None
    forms = [item for item in kind.__metadata__ if isinstance(item, Form)]
    return kind.__origin__, forms[-1] if forms else None


def bounds_of(kind: Any) -> dict[str, Any]:
    """The limits in a type's annotations."""
    metas = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]
    found = [(name, getattr(meta, name)) for meta in metas for name in ("ge", "le", "min_length")]
    return {name: limit for name, limit in found if limit is not None}


def _range(bounds: Mapping[str, Any]) -> str:
    if "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    return f", {bounds['ge']} or more" if "ge" in bounds else ""

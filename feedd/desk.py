"""Desk: all that can be done with one article without knowing of any other, or of what time it is.

In: the configuration with its taxonomy, and a path or an article. Out: the `Record` of a file, the bytes of an entry.
Everything here is a function of its arguments and of one file, so that `workers` can do it in other processes. Does not
touch the state, and decides nothing about feeds.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from feedd.config import Config
from feedd.content import taxonomy as taxonomies
from feedd.content.article import Article, Link, Picture, Reading, Rules, is_bundle, parse, slug_of
from feedd.content.links import story
from feedd.content.source import tree_of
from feedd.content.taxonomy import NOTHING, Known, OrganizationItem, Taxonomy, TopicItem
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Entry
from feedd.feeds.formats import Format, formats_of
from feedd.feeds.pages import page_format
from feedd.feeds.pages import problems as template_problems
from feedd.feeds.plan import Plan
from feedd.feeds.project import address, distinct_related, project
from feedd.feeds.select import seen

if TYPE_CHECKING:
    from feedd.feeds.filters import Filters

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[!#$&-;=?-Z\[\]_a-z~]|%[0-9A-Fa-f]{2})+")
_SPECIFIC = "!$&'()*+,;=:@/~"  # what may stand in a tag beside letters, digits and -._ (RFC 4151, section 2.1)

_encode = msgspec.msgpack.Encoder().encode
decode_article = msgspec.msgpack.Decoder(Article).decode
"""An article out of `Record.article`."""
decode_links = msgspec.msgpack.Decoder(tuple[Link, ...]).decode
"""Related links out of `Record.links`."""
decode_problems = msgspec.msgpack.Decoder(tuple[Problem, ...]).decode
"""Problems out of `Record.problems`."""
decode_known = msgspec.msgpack.Decoder(Known).decode
"""What taxonomy files told, out of the state."""


class Record(Struct, frozen=True, array_like=True):
    """One file, as the index keeps it. What ends in "bytes" is encoded already, since it only passes through.

    `id` is made from the file's name, or `guid` where that is True. `traits` are the parts of the card that come from
    the article alone, None where its author does not publish it; `look` changes when its entry does, related links left
    aside; `links` are those links, which `article` leaves out, `stories` where they lead; `addresses` are the stories
    to which the article's own addresses lead, as far as they can be made out of a broken one. `since`, `until`,
    `modified` in seconds since the epoch.
    """

    path: str
    stamp: bytes
    state: str
    withdrawn: bool = False
    id: str | None = None
    guid: bool = False
    story: int | None = None
    public: bool = False
    since: int | None = None
    until: int | None = None
    modified: int | None = None
    traits: bytes | None = None
    look: bytes | None = None
    links: bytes | None = None
    stories: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()
    article: bytes | None = None
    problems: bytes | None = None

    def shown(self, now: int) -> bool:
        """Whether subscribers would see it at that moment."""
        return self.public and self.since is not None and seen(self.since, self.until, now)


class Job(Struct, frozen=True, array_like=True):
    """An entry to be written: its article, and what the article itself does not tell."""

    id: str
    updated: int
    related: tuple[Link, ...]
    article: bytes


class Desk:
    """One configuration with its taxonomy, ready to work on files and entries; `thorough` as in `article.Rules`.

    `last` is what taxonomy files told when they were last read: of those that cannot be read now, this stays. `known`
    is what they tell now.
    """

    def __init__(self, config: Config, thorough: bool = False, last: Known = NOTHING) -> None:
        self.config, self.thorough = config, thorough
        self.known, self.taxonomy, self._of_taxonomy = read_taxonomy(config, last)
        self.plan = Plan(config, self.taxonomy)
        self.tree = tree_of(config)
        self.rules = rules_of(config, thorough)
        self._has_filters = bool(config.filters)

    @cached_property
    def filters(self) -> "Filters":
        """The filters that feeds name."""
        from feedd.feeds.filters import Filters  # late: most sites have none

        return Filters(self.config)

    def _asked(self, article: Article) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
        """The filters that let an article pass, and a problem for each that failed."""
        return self.filters.ask(article) if self._has_filters else ((), ())

    @cached_property
    def formats(self) -> tuple[Format, ...]:
        """The formats that feeds are written in, pages among them."""
        pages = (page_format(self.config),) if self.config.pages.enabled else ()
        return (*self._found_formats[0], *pages)

    @cached_property
    def _found_formats(self) -> tuple[tuple[Format, ...], list[Problem]]:
        return formats_of(self.config.output.formats)

    @cached_property
    def problems(self) -> list[Problem]:
        """What is wrong with the taxonomy, with what installed packages bring, and with the templates of pages, which
        are tried once this is asked.
        """
        return [*self._of_taxonomy, *self.lacks, *template_problems(self.config)]

    @property
    def lacks(self) -> list[Problem]:
        """What installed packages should bring and do not."""
        return [*(self.filters.problems if self._has_filters else ()), *self._found_formats[1]]

    def get_ready(self) -> None:
        """Import what reading and writing need, which takes 0.1 s, before there is anything to read or write."""
        from feedd.content import header  # noqa: F401

        for form in self.formats:
            form.get_ready()

    def records(self, paths: Iterable[str]) -> list[Record | Problem | None]:
        """The record of each file; None for one that is gone, the problem of one that is there and cannot be read."""
        return [self.record(path) for path in paths]

    def record(self, path: str) -> Record | Problem | None:
        """The record of a file, see `records`."""
        try:
            found = self.tree.read(path, self.rules.max_bytes)
        except OSError as error:
            what = f"cannot be read: {error.strerror}; what was known of it stays"
            return Problem("unreadable", what, "Let feedd's user read it.", path)
        return found and self.file(path, found[0], parse(path, found[1], self.rules))

    def file(self, path: str, stamp: bytes, reading: Reading) -> Record:
        """The record of what a file turned out to be. One for which a filter failed is read again by the next scan, as
        if its stamp had not settled: the cause may be gone by then.
        """
        article = reading.article
        if article is None:
            problems = _encode(reading.problems) if reading.problems else None
            return Record(path, stamp, reading.state, reading.withdrawn, addresses=reading.stories, problems=problems)
        links = tuple(distinct_related(article))
        public = article.published and not article.removed
        passed, failed = self._asked(article) if public else ((), ())
        problems = _encode((*reading.problems, *failed)) if reading.problems or failed else None
        traits = _encode(self.plan.traits(article, passed)) if public else None
        return Record(
            path, b"" if failed else stamp, reading.state, False, self.id(article), bool(article.guid), article.story,
            public, article.date, article.expires, article.modified,
            traits, self.look(article) if public else None,
            _encode(links) if links else None, tuple(link.story for link in links),
            self.addresses(article), _encode(structs.replace(article, related=(), other_stories=())), problems,
        )  # fmt: skip

    def addresses(self, article: Article) -> tuple[int, ...]:
        """The stories to which any address of an article leads: its own page's, the original's, the AMP page's, ….

        A related link that leads to one of them gives the article away.
        """
        urls = {article.web_url, article.original_url, article.amp_url, address(article, self.config)} - {""}
        return tuple(sorted({*map(story, urls), *article.other_stories}))

    def id(self, article: Article) -> str:
        """The id of an article: a tag (RFC 4151) made from its file name, unless it has a `guid`.

        An id must be an address of some kind (RFC 4287, section 4.2.6), so a `guid` that is none becomes a tag too.
        """
        site = self.config.site
        if _ADDRESS.fullmatch(article.guid):
            return article.guid
        specific = f"guid/{article.guid}" if article.guid else f"{article.collection}/{article.slug}"
        return f"tag:{site.id_authority},{site.id_date}:{quoted(specific)}"

    def traits(self, article: Article) -> bytes:
        """What feeds select an article by, encoded."""
        return _encode(self.plan.traits(article, self._asked(article)[0]))

    def look(self, article: Article) -> bytes:
        """16 bytes that change exactly when an article's entry does, its related links and `updated` left aside."""
        entry = self.entry(article, "", 0, ())
        return blake2b(_encode(entry), digest_size=16).digest()

    def entry(self, article: Article, id: str, updated: int, related: Sequence[Link]) -> Entry:
        """The entry of an article."""
        return project(article, id, updated, related, self.taxonomy, self.config)

    def write(self, jobs: Iterable[Job]) -> list[list[bytes | Problem]]:
        """Each entry in every format; the problem where a format cannot write it."""
        return [self._write(job) for job in jobs]

    def _write(self, job: Job) -> list[bytes | Problem]:
        entry = self.entry(decode_article(job.article), job.id, job.updated, job.related)
        return [_entry_bytes(form, entry) for form in self.formats]


def quoted(specific: str) -> str:
    """What an article is called, as the end of an id that is made of it."""
    return quote(specific, safe=_SPECIFIC)


def duplicate_id(path: str, id: str, keeper: str, line: int | None = None) -> Problem:
    """The problem of a file whose id another file keeps: both have one name, or say one `guid`."""
    name = slug_of(path)
    if name == slug_of(keeper) and id.endswith(quoted(f"/{name}")):
        reason = f", since both files are called {name!r}, whatever their folders"
        if is_bundle(path) or is_bundle(keeper):
            reason = f", since both are called {name!r}, as a file index is by its folder"
        named = "the folder" if is_bundle(path) else "this file"
        remedy = f"Give {named} a name of its own, or write a `guid` in {'the file' if is_bundle(path) else 'it'}."
    else:
        reason, remedy = "", "Write another `guid` in one of the two, or none."
    what = f"has the id {id} of {keeper}{reason}; that one keeps it, this one is in no feed"
    return Problem("duplicate-id", what, remedy, path, line, "guid")


def _entry_bytes(form: Format, entry: Entry) -> bytes | Problem:
    try:
        return form.entry(entry)
    except RenderError as error:
        return error.problem


def rules_of(config: Config, thorough: bool = False) -> Rules:
    """How the configuration wants files read; of nested folders the inner one names the collection."""
    content = config.content
    folders = [(folder, one.name) for one in config.collections for folder in one.folders]
    return Rules(
        zone=ZoneInfo(content.timezone),
        own_pages=bool(content.own_pages),
        repair_mojibake=content.repair_mojibake,
        max_bytes=content.max_bytes,
        folders=tuple(sorted(folders, key=lambda one: (one[0] == ".", -len(one[0])))),
        published_by_default=frozenset(one.name for one in config.collections if one.published_default),
        thorough=thorough,
    )


def read_taxonomy(config: Config, last: Known) -> tuple[Known, Taxonomy, list[Problem]]:
    """What the directories that the configuration names tell, the taxonomy that comes of it and of the configuration
    itself, and what is wrong with it; `last` as in `Desk`.
    """
    settings = config.taxonomy
    topics, problems = taxonomies.read_topics(settings.topics, last.topics)
    organizations, more = taxonomies.read_organizations(settings.providers, last.organizations)
    inline = [TopicItem(one.name, one.id, one.parent, one.aliases) for one in settings.inline_topics]
    known = [
        OrganizationItem(one.name, one.domain, one.aliases, one.feed, _pictures(one.icon, one.logo))
        for one in settings.inline_providers
    ]
    taxonomy, doubled = taxonomies.build([*inline, *topics], [*known, *organizations], config.site.url)
    return Known(tuple(topics), tuple(organizations)), taxonomy, [*problems, *more, *doubled]


def _pictures(icon: str, logo: str) -> tuple[Picture, ...]:
    """A configured icon and logo, as the smaller and the larger of two pictures."""
    return tuple(Picture(url, side, side) for url, side in ((icon, 1), (logo, 2)) if url)

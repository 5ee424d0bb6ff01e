"""OPML 2.0 (http://opml.org/spec2.opml): all feeds in one list that feed readers import.

In: the configuration, the feeds as `Listing`, and the taxonomy, whose tree is that of the topics. Out: one document. It
changes when a feed appears or is called otherwise, and for no other reason: it holds no dates and no counts. Asks no
clock; chooses no feeds.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from feedd.config import Config
from feedd.content.taxonomy import Taxonomy, Topic
from feedd.content.text import key
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Document, Listing
from feedd.feeds.formats import FORMATS
from feedd.feeds.manifest import TOPICS

PATH = "feeds.opml"
"""Where the list lies below the output directory."""

_MADE_BY = " Made by feedd "
"""By which `publish.directory` knows the list for feedd's own."""

_Element = Any
"""An lxml element; lxml has no types."""


def opml_document(config: Config, listings: Iterable[Listing], taxonomy: Taxonomy) -> Document:
    """The list of these feeds, in whatever order they come. Raises RenderError for what XML cannot carry."""
    from lxml import etree  # late: it takes 15 ms

    root = etree.Element("opml", version="2.0")
    root.addprevious(etree.Comment(_MADE_BY))
    head, body = etree.SubElement(root, "head"), etree.SubElement(root, "body")
    try:
        etree.SubElement(head, "title").text = config.site.title
        _fill(body, listings, _Outlines(etree.SubElement, config), taxonomy)
    except ValueError as error:
        raise RenderError(Problem("render-failed", f"the list of feeds cannot be written as OPML: {error}")) from error
    data: bytes = etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return Document(PATH, data)


class _Outlines:
    """Adds outlines to others, with what all feeds of a configuration share; `add` is lxml's `SubElement`."""

    def __init__(self, add: Callable[..., _Element], config: Config) -> None:
        self._add, self._base, self._language = add, config.site.feeds_url, config.site.language
        self._suffix = next(suffix for suffix in FORMATS if suffix in config.output.formats)
        self._has_pages = config.pages.enabled

    def name(self, parent: _Element, text: str) -> _Element:
        """One that only holds others."""
        return self._add(parent, "outline", text=text, title=text)

    def feed(self, parent: _Element, listing: Listing) -> _Element:
        """A feed; its address is that of the first of atom, rss and json that there is."""
        address = self._base + listing.name
        told = {"type": "rss", "text": listing.title, "title": listing.title, "xmlUrl": f"{address}.{self._suffix}"}
        if self._has_pages:
            told["htmlUrl"] = f"{address}.html"
        if listing.description:
            told["description"] = listing.description
        return self._add(parent, "outline", told, language=self._language)


def _fill(body: _Element, listings: Iterable[Listing], outlines: _Outlines, taxonomy: Taxonomy) -> None:
    """Everything and the feeds of one's own at the top, then topics, then providers."""
    kinds: dict[str, list[Listing]] = {"all": [], "feed": [], "topic": [], "provider": []}
    for listing in sorted(listings, key=_order):
        kinds[listing.kind].append(listing)
    for listing in kinds["all"] + kinds["feed"]:
        outlines.feed(body, listing)
    if kinds["topic"]:
        _grow(outlines.name(body, "Topics"), kinds["topic"], outlines, taxonomy)
    if kinds["provider"]:
        folder = outlines.name(body, "Providers")
        for listing in kinds["provider"]:
            outlines.feed(folder, listing)


def _order(listing: Listing) -> tuple[str, str]:
    return key((listing.label if listing.kind in {"topic", "provider"} else "") or listing.title), listing.name


def _grow(folder: _Element, listings: list[Listing], outlines: _Outlines, taxonomy: Taxonomy) -> None:
    """Add the topics at the top, each with those below it. One above that has no feed of its own is a name."""
    known = {topic.slug: topic for topic in taxonomy.topics.values()}
    feeds = {listing.name.removeprefix(TOPICS): listing for listing in listings}
    parents = {slug: parent for start in feeds for slug, parent in _way_up(start, known)}
    below: dict[str, list[str]] = {}
    for slug in sorted(parents, key=lambda slug: (key(feeds[slug].label if slug in feeds else known[slug].name), slug)):
        below.setdefault(parents[slug], []).append(slug)
    todo = [("", folder)]
    for parent, element in todo:  # it grows meanwhile
        for slug in below.get(parent, ()):
            added = outlines.feed(element, feeds[slug]) if slug in feeds else outlines.name(element, known[slug].name)
            todo.append((slug, added))


def _way_up(slug: str, known: Mapping[str, Topic]) -> Iterable[tuple[str, str]]:
    """A topic and those above it, each with its parent; empty for the topmost. Topics in a loop are all topmost."""
    passed: set[str] = set()
    while slug and slug not in passed:
        passed.add(slug)
        parent = _parent(slug, known)
        yield slug, parent
        slug = parent


def _parent(slug: str, known: Mapping[str, Topic]) -> str:
    """The topic above another; none where that lies below it."""
    first = known[slug].parent if slug in known else ""
    above, passed = first, {slug}
    while above in known and above not in passed:
        passed.add(above)
        above = known[above].parent
    return "" if above == slug or first not in known else first

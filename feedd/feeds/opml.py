"""OPML 2.0 (http://opml.org/spec2.opml): all feeds in one list that feed readers import.

In: the configuration, the feeds as `Listing`, and the taxonomy, whose tree is that of the topics. Out: one document. It
changes when a feed appears or is called otherwise, and for no other reason: it holds no dates and no counts. Asks no
clock; chooses no feeds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from feedd.config import Config
from feedd.content.taxonomy import Taxonomy, Topic
from feedd.content.text import key
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Document, Listing
from feedd.feeds.formats import FORMATS
from feedd.feeds.plan import TOPICS

PATH = "feeds.opml"
"""Where the list lies below the output directory."""

_DOCS = "http://opml.org/spec2.opml"

_Element = Any
"""An lxml element; lxml has no types."""


def opml_document(config: Config, listings: Iterable[Listing], taxonomy: Taxonomy) -> Document:
    """The list of these feeds, in whatever order they come. Raises RenderError for what XML cannot carry."""
    from lxml import etree  # late: a run that changes no list needs none

    root = etree.Element("opml", version="2.0")
    head, body = etree.SubElement(root, "head"), etree.SubElement(root, "body")
    try:
        etree.SubElement(head, "title").text = config.site.title
        etree.SubElement(head, "docs").text = _DOCS
        _fill(body, config, sorted(listings, key=_order), taxonomy)
    except ValueError as error:
        raise RenderError(Problem("render-failed", f"the list of feeds cannot be written as OPML: {error}")) from error
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return Document(PATH, data)


def _order(listing: Listing) -> tuple[str, str]:
    return key((listing.label if listing.kind in {"topic", "provider"} else "") or listing.title), listing.name


def _fill(body: _Element, config: Config, listings: list[Listing], taxonomy: Taxonomy) -> None:
    """Everything and the feeds of one's own at the top, then topics, then providers."""
    kinds: dict[str, list[Listing]] = {}
    for listing in listings:
        kinds.setdefault(listing.kind, []).append(listing)
    for listing in (*kinds.pop("all", ()), *kinds.pop("feed", ())):
        body.append(_outline(listing, config))
    if topics := kinds.pop("topic", None):
        _folder(body, "Topics").extend(_tree(topics, config, taxonomy))
    for kind, some in kinds.items():
        _folder(body, "Providers" if kind == "provider" else kind).extend(_outline(one, config) for one in some)


def _folder(parent: _Element, text: str) -> _Element:
    made = _named(text)
    parent.append(made)
    return made


def _named(text: str) -> _Element:
    """An outline that only holds others."""
    from lxml import etree

    return etree.Element("outline", text=text, title=text)


def _outline(listing: Listing, config: Config) -> _Element:
    """A feed; its address is that of the first of atom, rss and json that there is."""
    from lxml import etree

    suffix = min(config.output.formats, key=list(FORMATS).index)
    address = f"{config.site.feeds_url}{listing.name}"
    told = {
        "type": "rss",
        "text": listing.title,
        "title": listing.title,
        "xmlUrl": f"{address}.{suffix}",
        "htmlUrl": f"{address}.html" if config.pages.enabled else "",
        "description": listing.description,
        "language": config.site.language,
    }
    return etree.Element("outline", {name: value for name, value in told.items() if value})


def _tree(listings: list[Listing], config: Config, taxonomy: Taxonomy) -> list[_Element]:
    """The topics that stand at the top, each with those below it. One above that has no feed of its own is a name."""
    known = {topic.slug: topic for topic in taxonomy.topics.values()}
    feeds = {listing.name.removeprefix(TOPICS): listing for listing in listings}
    parents = {slug: parent for slug in feeds for slug, parent in _way_up(slug, known)}
    outlines = {slug: _outline(feeds[slug], config) for slug in feeds}
    outlines |= {slug: _named(known[slug].name) for slug in parents if slug not in outlines}
    names = {slug: key(feeds[slug].label if slug in feeds else known[slug].name) for slug in outlines}
    top: list[_Element] = []
    for slug in sorted(outlines, key=lambda slug: (names[slug], slug)):
        siblings = outlines[parents[slug]] if parents.get(slug) else top
        siblings.append(outlines[slug])
    return top


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

"""Atom 1.0 (RFC 4287) and RSS 2.0, made by feedgen.

In: an `Entry`, or a `Feed` with the bytes of its entries. Out: bytes of XML in UTF-8. Neither chooses the
entries nor writes files.

An entry is made once, apart from any feed, and its bytes are spliced into every feed that holds it: 50
entries take feedgen 4.6 ms, their bytes 9 µs. Such bytes are no document of their own: their prefixes are
declared by the root of the feed. feedgen writes what it writes right; what it lacks or gets wrong is added by
the extensions below. Atom and RSS have a generator each, since most setters of feedgen write into both.
"""

# feedgen has no annotations:
# mypy: allow-untyped-calls

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from html import escape
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedd import __version__
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Category, Entry, Feed, Image, Instant

_ATOM = "http://www.w3.org/2005/Atom"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_DC = "http://purl.org/dc/elements/1.1/"
_DELETED = "http://purl.org/atompub/tombstones/1.0"
_HISTORY = "http://purl.org/syndication/history/1.0"
_MEDIA = "http://search.yahoo.com/mrss/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_ATOM_PREFIXES = {"media": _MEDIA}
_RSS_PREFIXES = {"atom": _ATOM, "content": _CONTENT, "dc": _DC, "media": _MEDIA}

_REFUSALS = (ValueError, TypeError, OverflowError)
"""What feedgen, lxml and datetime raise for a value that they cannot write."""

_Element = Any
"""An lxml element; lxml has no types."""


def atom_entry(entry: Entry) -> bytes:
    """The `entry` element (RFC 4287, section 4.1.2) for `atom_document`. Raises RenderError."""
    try:
        return _ATOM_FRAME.cut(_feedgen_atom(entry).atom_entry())
    except _REFUSALS as error:
        raise _refused(f"entry {entry.id!r}", "Atom", error) from error


def rss_item(entry: Entry) -> bytes:
    """The `item` element (RSS 2.0, "Elements of <item>") for `rss_document`. Raises RenderError."""
    try:
        return _hexadecimal(_RSS_FRAME.cut(_feedgen_rss(entry).rss_entry()))
    except _REFUSALS as error:
        raise _refused(f"entry {entry.id!r}", "RSS", error) from error


def atom_document(feed: Feed, entries: Sequence[bytes]) -> bytes:
    """The `feed` document (RFC 4287, section 4.1.1) around those entries. Raises RenderError."""
    try:
        head = _feedgen_head(feed, "atom", "application/atom+xml")
        head.updated(_AtomTime.fromtimestamp(feed.updated, UTC))
        _atom_head(feed, head)
        return _splice(_styled(head.atom_str(pretty=True), feed), b"</feed>", entries)
    except _REFUSALS as error:
        raise _refused(f"feed {feed.name!r}", "Atom", error) from error


def rss_document(feed: Feed, entries: Sequence[bytes]) -> bytes:
    """The `rss` document (RSS 2.0) around those items. Raises RenderError."""
    try:
        head = _feedgen_head(feed, "rss", "application/rss+xml")
        head.lastBuildDate(_Absent.fromtimestamp(feed.updated, UTC))
        _rss_head(feed, head)
        made = _styled(_hexadecimal(head.rss_str(pretty=True)), feed)
        return _splice(made, b"</channel>\n</rss>", entries)
    except _REFUSALS as error:
        raise _refused(f"feed {feed.name!r}", "RSS", error) from error


def _refused(what: str, format_name: str, error: Exception) -> RenderError:
    return RenderError(Problem("render-failed", f"{what} cannot be written as {format_name}: {error}"))


def _hexadecimal(xml: bytes) -> bytes:
    """The same XML with `&#x26;`, `&#x3C;` and `&#x3E;` for what is escaped.

    RSS does not say whether a title is plain text or HTML; in this form most readers take it for plain text, so that
    the RSS Board's profile asks for it ("Character Data").
    """
    return xml.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;").replace(b"&gt;", b"&#x3E;")


# Times


class _AtomTime(datetime):
    """A moment in UTC that feedgen writes as RFC 3339 with `Z`, not with `+00:00`."""

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return super().isoformat(sep, timespec).removesuffix("+00:00") + "Z"


class _Absent(datetime):
    """A moment that feedgen takes for none, since it would write it through the process-wide `setlocale`."""

    def __bool__(self) -> bool:
        return False


def _rfc3339(moment: Instant) -> str:
    return _AtomTime.fromtimestamp(moment, UTC).isoformat()


def _rfc822(moment: Instant) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


# Entries: what feedgen writes


def _feedgen_atom(entry: Entry) -> FeedEntry:
    """With one link only: feedgen drops `rel` and `title` of all, so that others would be alternates too."""
    made = _feedgen_entry(entry, _AtomExtension)
    made.updated(_AtomTime.fromtimestamp(entry.updated, UTC))
    made.published(_AtomTime.fromtimestamp(entry.published, UTC))
    made.author(_person(entry))
    if entry.summary:
        made.summary(entry.summary, type="text")
    if entry.html:
        made.content(entry.html, type="html")
    return made


def _feedgen_rss(entry: Entry) -> FeedEntry:
    """A description is HTML, so that plain text is escaped once more than XML asks.

    Without a summary feedgen makes the body the description: `content:encoded` alone is not valid, and a reader that
    knows nothing else gets the whole of it.
    """
    made = _feedgen_entry(entry, _RssExtension)
    if entry.summary:
        made.description(escape(entry.summary, quote=False))
    if entry.html:
        made.content(entry.html)
    if entry.source_feed:
        made.source(url=entry.source_feed, title=entry.author.name or entry.source_feed)
    return made


def _feedgen_entry(entry: Entry, extension: type["_EntryExtension"]) -> FeedEntry:
    made = FeedEntry()
    made.register_extension("feedd", partial(extension, entry))
    made.guid(entry.id, permalink=False)
    made.title(entry.title)
    made.link(href=entry.link)
    if entry.categories:
        made.category([_category(category) for category in entry.categories])
    return made


def _category(category: Category) -> dict[str, str]:
    label = category.label or category.term
    return {"term": category.term, "label": label, "scheme": category.scheme}


def _person(entry: Entry) -> dict[str, str]:
    """Atom demands an author of every entry (RFC 4287, section 4.1.2): the host of the link stands in."""
    name = entry.author.name or urlsplit(entry.link).netloc
    return {"name": name, "uri": entry.author.url}


# Entries: what the extensions add


class _EntryExtension(BaseEntryExtension):
    def __init__(self, entry: Entry) -> None:
        self.entry = entry


_EXPLICIT = {"title": ("type", "text"), "link": ("rel", "alternate")}
"""What feedgen does not write, as Atom means it anyway; but some readers do look."""


class _AtomExtension(_EntryExtension):
    def extend_atom(self, element: _Element) -> _Element:
        entry = self.entry
        _ATOM_FRAME.put_around(element)
        for child in element.iterchildren(*_EXPLICIT):
            child.set(*_EXPLICIT[child.tag])
        if entry.language:
            element.set(_XML_LANG, entry.language)
        _add_links(element, entry)
        if entry.source_feed:
            _add_source(element, entry)
        _add_media(element, entry)
        return element


class _RssExtension(_EntryExtension):
    def extend_rss(self, element: _Element) -> _Element:
        entry = self.entry
        _RSS_FRAME.put_around(element)
        _add(element, "pubDate", _rfc822(entry.published))
        _add(element, f"{{{_ATOM}}}updated", _rfc3339(entry.updated))
        if entry.author.name:
            _add(element, f"{{{_DC}}}creator", entry.author.name)
        if entry.language:
            _add(element, f"{{{_DC}}}language", entry.language)
        _add_media(element, entry)
        if entry.html and not entry.summary:
            # Readers do not mind the order. A style sheet, which cannot read HTML, knows by it which texts are none.
            element.append(element.find("description"))
        return element


def _add(parent: _Element, tag: str, text: str) -> _Element:
    child = etree.SubElement(parent, tag)
    child.text = text
    return child


def _add_links(element: _Element, entry: Entry) -> None:
    if entry.via:
        etree.SubElement(element, "link", rel="via", href=entry.via)
    for related in entry.related:
        etree.SubElement(element, "link", rel="related", href=related.url, title=related.title)


def _add_source(element: _Element, entry: Entry) -> None:
    """RFC 4287, section 4.2.11. The W3C validator asks for id, title and updated.

    All that is known of the provider's feed is its address, which is its identity too; and that it changed
    when the story came out.
    """
    source = etree.SubElement(element, "source")
    _add(source, "id", entry.source_feed)
    _add(source, "title", entry.author.name or entry.source_feed)
    _add(source, "updated", _rfc3339(entry.published))
    etree.SubElement(source, "link", rel="self", href=entry.source_feed)


def _add_media(element: _Element, entry: Entry) -> None:
    """Media RSS 1.5.1, without `media:group`, which is for renditions of one and the same thing.

    The address of a video itself is not known, only the page that plays it, the original for certain. That is
    what `media:player` is for; a `media:content` that holds one needs no `url`. The picture comes first, as
    many readers take the first.
    """
    if entry.image:
        _add_picture(element, entry.image)
    if entry.video:
        video = etree.SubElement(element, _MEDIA_CONTENT, medium="video")
        etree.SubElement(video, f"{{{_MEDIA}}}player", url=entry.via or entry.link)


def _add_picture(element: _Element, image: Image) -> None:
    """The title and the credit belong to the picture, not to the story, and hence into it."""
    size = _size(image)
    content = etree.SubElement(element, _MEDIA_CONTENT, url=image.url, medium="image", **size)
    if image.title:
        _add(content, f"{{{_MEDIA}}}title", image.title).set("type", "plain")
    if image.credit:
        _add(content, f"{{{_MEDIA}}}credit", image.credit)
    etree.SubElement(element, f"{{{_MEDIA}}}thumbnail", url=image.url, **size)


_MEDIA_CONTENT = f"{{{_MEDIA}}}content"


def _size(image: Image) -> dict[str, str]:
    known = (("width", image.width), ("height", image.height))
    return {name: str(pixels) for name, pixels in known if pixels > 0}


class _Frame(threading.local):
    """A root that lends an element its prefixes, and is cut off again when the element is serialised.

    One for each thread and for all entries, since making such a root takes longer than filling it.
    """

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._root = etree.Element("feed", nsmap=prefixes)
        self._start = len(etree.tostring(self._root)) - len("/>") + len(">")
        self._end = -len("</feed>")

    def put_around(self, element: _Element) -> None:
        """To be done first: lxml declares a prefix of its own invention where none is in scope."""
        del self._root[:]
        self._root.append(element)

    def cut(self, element: _Element) -> bytes:
        framed: bytes = etree.tostring(element.getparent(), encoding="UTF-8", xml_declaration=False)
        return framed[self._start : self._end]


_ATOM_FRAME = _Frame(_ATOM_PREFIXES)
_RSS_FRAME = _Frame(_RSS_PREFIXES)


# Feeds


def _feedgen_head(feed: Feed, suffix: str, media_type: str) -> FeedGenerator:
    """What both formats say. The last link becomes the link of the RSS channel, which must be the page."""
    head = FeedGenerator()
    head.id(feed.id)
    head.title(feed.title)
    head.link(href=feed.url(suffix), rel="self", type=media_type)
    head.link(href=feed.page, rel="alternate", type="text/html")
    head.generator("feedd", version=__version__)
    if feed.language:
        head.language(feed.language)
    return head


def _atom_head(feed: Feed, head: FeedGenerator) -> None:
    head.register_extension("feedd", partial(_AtomHead, feed))
    if feed.description:
        head.subtitle(feed.description)
    if feed.icon:
        head.icon(feed.icon)
    if feed.logo:
        head.logo(feed.logo)


def _rss_head(feed: Feed, head: FeedGenerator) -> None:
    head.register_extension("feedd", partial(_RssHead, feed))
    head.description(feed.description or feed.title)
    head.docs("https://www.rssboard.org/rss-specification")
    head.ttl(feed.ttl)
    # At most 144 by 400 pixels, so the smaller one, if it is of a kind that RSS knows.
    picture = next(filter(_is_rss_picture, (feed.icon, feed.logo)), None)
    if picture:
        head.image(picture, title=feed.title, link=feed.page)


def _is_rss_picture(url: str) -> bool:
    """Whether it may be a GIF, JPEG or PNG; an address without a suffix may be anything."""
    return bool(url) and PurePosixPath(urlsplit(url).path).suffix.lower() in {"", ".gif", ".jpg", ".jpeg", ".png"}


class _AtomHead(BaseExtension):
    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def extend_ns(self) -> dict[str, str]:
        """No namespace that is not used: the W3C validator warns of those that it does not know."""
        feed = self.feed
        history = {"fh": _HISTORY} if feed.complete or feed.current else {}
        deleted = {"at": _DELETED} if feed.tombstones else {}
        return deleted | history | _ATOM_PREFIXES

    def extend_atom(self, element: _Element) -> _Element:
        """Hubs (WebSub, section 4), archives (RFC 5005), withdrawn entries (RFC 6721): feedgen refuses all."""
        feed = self.feed
        _add_own_page(element, feed)
        for hub in feed.hubs:
            etree.SubElement(element, "link", rel="hub", href=hub)
        if feed.complete:
            etree.SubElement(element, f"{{{_HISTORY}}}complete")
        if feed.current:
            etree.SubElement(element, f"{{{_HISTORY}}}archive")
            _add_atom_link(element, "current", f"{feed.base}{feed.current}.atom")
        if feed.previous:
            _add_atom_link(element, "prev-archive", f"{feed.base}{feed.previous}.atom")
        for tombstone in feed.tombstones:
            attributes = {"ref": tombstone.id, "when": _rfc3339(tombstone.when)}
            etree.SubElement(element, f"{{{_DELETED}}}deleted-entry", attributes)
        return element


def _add_atom_link(element: _Element, rel: str, href: str) -> None:
    etree.SubElement(element, "link", rel=rel, href=href, type="application/atom+xml")


def _own_page(feed: Feed) -> str:
    """The address of the page on which a feed is shown; an archive has that of its feed."""
    return f"{feed.base}{feed.current or feed.name}.html"


def _add_own_page(head: _Element, feed: Feed) -> None:
    """A link to the page on which a feed is shown, where it is about another one, its alternate: the feed of everything
    is about the site. The style sheet tells where to read a feed, and knows no address but those in the document.
    """
    if feed.stylesheet and _own_page(feed) != feed.page:
        tag = f"{{{_ATOM}}}link" if head.tag == "channel" else "link"
        etree.SubElement(head, tag, rel="related", href=_own_page(feed), type="text/html")


class _RssHead(BaseExtension):
    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def extend_ns(self) -> dict[str, str]:
        return _RSS_PREFIXES | ({"fh": _HISTORY} if self.feed.complete else {})

    def extend_rss(self, element: _Element) -> _Element:
        """Hubs, and that there is nothing more (RFC 5005, section 2 and appendix B): of what was withdrawn RSS cannot
        tell otherwise.
        """
        channel = element.find("channel")
        _add_own_page(channel, self.feed)
        for hub in self.feed.hubs:
            etree.SubElement(channel, f"{{{_ATOM}}}link", rel="hub", href=hub)
        if self.feed.complete:
            etree.SubElement(channel, f"{{{_HISTORY}}}complete")
        _add(channel, "lastBuildDate", _rfc822(self.feed.updated))
        if self.feed.newest is not None:
            _add(channel, "pubDate", _rfc822(self.feed.newest))
        return element


def _styled(document: bytes, feed: Feed) -> bytes:
    """The same document for browsers, which show it with the style sheet (https://www.w3.org/TR/xml-stylesheet/), or as
    it is: then the first lines tell what it is, and where its page is.
    """
    if not feed.stylesheet:
        return document
    declaration, line, rest = document.partition(b"\n")
    page = _own_page(feed).replace("--", "-%2D")  # which would end the comment
    head = (
        f'<?xml-stylesheet type="text/css" href="{escape(feed.stylesheet)}"?>\n'
        f"<!-- This is a feed, for feed readers. To read it here, visit {page} -->\n"
    )
    return b"".join((declaration, line, head.encode(), rest))


def _splice(head: bytes, end: bytes, entries: Sequence[bytes]) -> bytes:
    """The entries before the end of the head, each on a line of its own, so that feeds differ line by line.

    The end tag is found for certain: in texts and attributes `<` is written as `&lt;`.
    """
    start = head[: head.rindex(end)].rstrip()
    return b"\n".join((start, *entries, end, b""))

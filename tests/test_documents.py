"""Documents: what feedd publishes satisfies the specification of each format, and says the same in all of them.

Whole runs over invented articles, read back. The rules are written from the texts: RFC 4287 (Atom) with RFC 5005
(archives) and RFC 6721 (withdrawn entries), RSS 2.0 with the Best Practices Profile of the RSS Advisory Board,
JSON Feed 1.1, OPML 2.0, WebSub. That the rules notice what they should is tested too. How one field is mapped is
tested in `feeds/`.
"""

import copy
import json
import re
import tempfile
import warnings
from calendar import timegm
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedd.content.article import Article, parse
from feedd.desk import rules_of
from feedd.testing import NOON, Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
    import feedparser

BASE = "https://news.example/feeds/"
SUFFIXES = ("atom", "rss", "json")
HOUR = 3600

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
DELETED = "{http://purl.org/atompub/tombstones/1.0}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
MEDIA = "{http://search.yahoo.com/mrss/}"
XML = "{http://www.w3.org/XML/1998/namespace}"

# RFC 3987 leaves out white space, controls, these characters, and a percent sign that encodes nothing.
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[^\s\x00-\x20\x7f-\x9f<>\"{}|\\^`%]|%[0-9A-Fa-f]{2})+")
WEB = re.compile(r"https?://[^/?#]+(?:[/?#].*)?")
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
RFC822 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d (GMT|[+-]\d{4})")

Faults = Iterator[str]


def is_iri(value: str | None) -> bool:
    return value is not None and IRI.fullmatch(value) is not None


def is_web_address(value: str | None) -> bool:
    return is_iri(value) and WEB.fullmatch(value or "") is not None


def is_rfc3339(value: str | None) -> bool:
    try:
        return RFC3339.fullmatch(value or "") is not None and bool(datetime.fromisoformat(value or ""))
    except ValueError:
        return False


def count(element: Any, name: str) -> int:
    return len(element.findall(name))


def counted(element: Any, once: str, at_most_once: str, prefix: str) -> Faults:
    """The names in `once` must be there exactly once, those in `at_most_once` not twice."""
    for name in once.split():
        if count(element, prefix + name) != 1:
            yield f"{count(element, prefix + name)} {name} in {element.tag}"
    for name in at_most_once.split():
        if count(element, prefix + name) > 1:
            yield f"{count(element, prefix + name)} {name} in {element.tag}"


# Atom: RFC 4287, RFC 5005, RFC 6721

_IN_FEED = "author category contributor generator icon id link logo rights subtitle title updated entry"
_IN_ENTRY = "author category content contributor id link published rights source summary title updated"
_KNOWN = {
    "feed": _IN_FEED,
    "source": _IN_FEED,
    "entry": _IN_ENTRY,
    "author": "name uri email",
    "contributor": "name uri email",
}
_ATTRIBUTES = {
    "generator": "uri version",
    "category": "term scheme label",
    "link": "href rel type hreflang title length",
    "title": "type",
    "subtitle": "type",
    "summary": "type",
    "rights": "type",
    "content": "type src",
}
_OF_FEEDS = {"self", "hub", "current", "prev-archive", "next-archive"}
_RELATIONS = {"alternate", "related", "enclosure", "via"} | _OF_FEEDS


def atom_faults(data: bytes, url: str) -> Faults:
    """Where an Atom document at that address is not what RFC 4287 wants."""
    feed = etree.fromstring(data)
    if feed.tag != f"{ATOM}feed":
        yield f"the root is {feed.tag}"
    yield from counted(feed, "id title updated", "generator icon logo rights subtitle", ATOM)
    entries = feed.findall(f"{ATOM}entry")
    for entry in entries:
        yield from counted(entry, "id title updated", "content published rights source summary", ATOM)
        if not _alternates(entry) and not count(entry, f"{ATOM}content"):
            yield "an entry has neither alternate link nor content"
        if not (count(entry, f"{ATOM}author") or count(feed, f"{ATOM}author")):
            yield "nobody is the author of an entry"
    ids = Counter(entry.findtext(f"{ATOM}id") for entry in entries)
    yield from (f"id {id} occurs {times} times" for id, times in ids.items() if times > 1)
    newest = max((entry.findtext(f"{ATOM}updated") for entry in entries), default="")
    if feed.findtext(f"{ATOM}updated", "") < newest:
        yield "the feed is older than its entries"
    own = [dict(link.attrib) for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"]
    if own != [{"href": url, "rel": "self", "type": "application/atom+xml"}]:
        yield f"self is {own}"
    if [element.tag for element in feed][len(feed) - len(entries) :] != [f"{ATOM}entry"] * len(entries):
        yield "entries do not come last"
    yield from _history_faults(feed)
    yield from _deleted_faults(feed)
    for element in feed.iter():
        yield from _atom_element(element)


def _links(element: Any, relation: str) -> list[str]:
    """Where an element of Atom or a channel of RSS leads by links of one relation."""
    return [link.get("href") for link in element.findall(f"{ATOM}link") if link.get("rel") == relation]


def _history_faults(feed: Any) -> Faults:
    """RFC 5005: what is complete has no archives (section 2); an archive says so and names its feed (section 4)."""
    yield from counted(feed, "", "complete archive", HISTORY)
    marks = [element for element in feed.iter() if element.tag.startswith(HISTORY)]
    if any(mark.getparent() is not feed or len(mark) or mark.text or mark.attrib for mark in marks):
        yield "a mark of RFC 5005 is not empty, or not in the head"
    for relation in ("current", "prev-archive", "next-archive"):
        if len(_links(feed, relation)) > 1:
            yield f"two links of relation {relation}"
        if set(_links(feed, relation)) & set(_links(feed, "self")):
            yield f"{relation} is the document itself"
    if count(feed, f"{HISTORY}archive") != len(_links(feed, "current")):
        yield "an archive without its feed, or a feed that has another"
    if count(feed, f"{HISTORY}complete") and (count(feed, f"{HISTORY}archive") or _links(feed, "prev-archive")):
        yield "complete, and yet there are archives"


def _deleted_faults(feed: Any) -> Faults:
    """RFC 6721, section 3."""
    ids = {entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")}
    deleted = [element for element in feed.iter() if element.tag.startswith(DELETED)]
    for element in deleted:
        if element.tag != f"{DELETED}deleted-entry" or element.getparent() is not feed:
            yield f"{element.tag} in {element.getparent().tag}"
        if sorted(element.attrib) != ["ref", "when"] or len(element) or element.text:
            yield f"deleted-entry with {dict(element.attrib)}"
        if not (is_iri(element.get("ref")) and is_rfc3339(element.get("when"))):
            yield f"deleted-entry of {element.get('ref')!r} at {element.get('when')!r}"
        if element.get("ref") in ids:
            yield f"{element.get('ref')} is there and withdrawn"
    refs = Counter(element.get("ref") for element in deleted)
    yield from (f"{ref} is withdrawn {times} times" for ref, times in refs.items() if times > 1)


def _alternates(element: Any) -> list[tuple[str | None, str | None]]:
    links = element.findall(f"{ATOM}link")
    return [(link.get("type"), link.get("hreflang")) for link in links if link.get("rel", "alternate") == "alternate"]


def _atom_element(element: Any) -> Faults:
    if not element.tag.startswith((ATOM, MEDIA, HISTORY, DELETED)):
        yield f"{element.tag} is in no namespace, or in an unknown one"
    if not element.tag.startswith(ATOM):
        return
    name, text = element.tag.removeprefix(ATOM), element.text or ""
    yield from _atom_names(element, name)
    if len(_alternates(element)) != len(set(_alternates(element))):
        yield f"two alternates of one type and language in {name}"
    if name in {"id", "icon", "logo", "uri"} and not is_iri(text):
        yield f"{name} is no IRI: {text!r}"
    if name in {"updated", "published"} and not is_rfc3339(text):
        yield f"{name} is no date: {text!r}"
    if name in {"title", "name", "generator", "summary", "content", "subtitle"} and not text.strip():
        yield f"{name} is blank"
    if name in {"title", "subtitle", "summary", "content"}:
        yield from _atom_text(element, name)
    if name in {"author", "contributor"}:
        yield from counted(element, "name", "uri email", ATOM)
    if name == "link":
        yield from _atom_link(element)
    if name == "category" and not (element.get("term") and is_iri(element.get("scheme", "x:y"))):
        yield f"category {dict(element.attrib)}"
    if (language := element.get(f"{XML}lang")) is not None and not LANGUAGE.fullmatch(language):
        yield f"language {language!r}"


def _atom_names(element: Any, name: str) -> Faults:
    known = {ATOM + child for child in _KNOWN.get(name, "").split()}
    for child in element:
        if child.tag.startswith(ATOM) and child.tag not in known:
            yield f"{child.tag} in {name}"
    for attribute in element.attrib:
        if not attribute.startswith("{") and attribute not in _ATTRIBUTES.get(name, "").split():
            yield f"attribute {attribute} of {name}"


def _atom_text(element: Any, name: str) -> Faults:
    if element.get("type", "text") not in {"text", "html"}:
        yield f"{name} of type {element.get('type')}"
    if len(element):
        yield f"{name} holds elements"


def _atom_link(element: Any) -> Faults:
    rel, media_type = element.get("rel", "alternate"), element.get("type", "text/html")
    if not is_iri(element.get("href")):
        yield f"link to {element.get('href')!r}"
    if rel not in _RELATIONS or (rel in _OF_FEEDS and element.getparent().tag == f"{ATOM}entry"):
        yield f"link of relation {rel!r}"
    if rel == "hub" and not is_web_address(element.get("href")):
        yield f"hub at {element.get('href')!r}"
    if rel in {"current", "prev-archive", "next-archive"} and media_type != "application/atom+xml":
        yield f"an archive of type {media_type}"
    if not MEDIA_TYPE.fullmatch(media_type):
        yield f"link of type {media_type!r}"


# RSS: 2.0, and the profile

_IN_CHANNEL = (
    "title link description language copyright managingEditor webMaster pubDate lastBuildDate category generator docs"
    " cloud ttl image rating textInput skipHours skipDays item"
)
_IN_ITEM = "title link description author category comments enclosure guid pubDate source"


def rss_faults(data: bytes, url: str) -> Faults:
    """Where an RSS document at that address is not what RSS 2.0 and the profile want."""
    root = etree.fromstring(data)
    if (root.tag, dict(root.attrib), len(root)) != ("rss", {"version": "2.0"}, 1):
        yield "the root is not rss 2.0 with one channel"
    channel = root[0]
    single = " ".join(set(_IN_CHANNEL.split()) - {"title", "link", "description", "category", "item"})
    yield from counted(channel, "title link description", single, "")
    yield from _rss_children(channel, _IN_CHANNEL)
    yield from _rss_channel(channel, url)
    items = channel.findall("item")
    if [element.tag for element in channel][len(channel) - len(items) :] != ["item"] * len(items):
        yield "items do not come last"
    guids = Counter(item.findtext("guid") for item in items)
    yield from (f"guid {guid} occurs {times} times" for guid, times in guids.items() if times > 1)
    for item in items:
        yield from counted(item, "title link guid pubDate", "description author comments enclosure source", "")
        yield from _rss_children(item, _IN_ITEM)
        yield from _rss_item(item)
    if named := re.findall(rb"&(?!#x26;|#x3C;|#x3E;|quot;)[^;]{1,9};", data):
        yield f"references other than hexadecimal ones: {named[0]!r}"


def _rss_children(element: Any, known: str) -> Faults:
    for child in element:
        if not child.tag.startswith("{") and child.tag not in known.split():
            yield f"{child.tag} in {element.tag}"
        if child.tag in {"title", "link", "description", "guid", "category", "generator"} and not child.text:
            yield f"{child.tag} is blank"
        if child.tag in {"link", "docs", "comments"} and not is_web_address(child.text):
            yield f"{child.tag} is {child.text!r}"
        if child.tag in {"pubDate", "lastBuildDate"} and not _is_rfc822(child.text or ""):
            yield f"{child.tag} is {child.text!r}"


def _is_rfc822(value: str) -> bool:
    """With four digits of the year, and the day of the week that it was."""
    return RFC822.fullmatch(value) is not None and parsedate_to_datetime(value).strftime("%a") == value[:3]


def _rss_channel(channel: Any, url: str) -> Faults:
    own = [dict(link.attrib) for link in channel.findall(f"{ATOM}link") if link.get("rel") == "self"]
    if own != [{"href": url, "rel": "self", "type": "application/rss+xml"}]:
        yield f"self is {own}"
    yield from counted(channel, "", "complete", HISTORY)
    known = {"self", "hub", "related"}
    if any(link.get("rel") not in known or len(link) or link.text for link in channel.findall(f"{ATOM}link")):
        yield "a link that RSS has no use for"
    if channel.find(f"item/{ATOM}link") is not None:
        yield "a link of an item that RSS has no use for"
    if not all(is_web_address(hub) for hub in _links(channel, "hub")):
        yield f"hubs at {_links(channel, 'hub')}"
    if not channel.findtext("ttl", "1").isdigit():
        yield "ttl is no number"
    if not LANGUAGE.fullmatch(channel.findtext("language", "en")):
        yield f"language is {channel.findtext('language')!r}"
    for image in channel.findall("image"):
        yield from counted(image, "url title link", "width height description", "")
        if [image.findtext(name) for name in ("title", "link")] != [channel.findtext(n) for n in ("title", "link")]:
            yield "the image has another title or link than the channel"
        if re.search(r"\.(webp|svg|avif|ico)$", image.findtext("url", "")):
            yield f"the image is no GIF, JPEG or PNG: {image.findtext('url')}"


def _rss_item(item: Any) -> Faults:
    names = [child.tag for child in item]
    if f"{CONTENT}encoded" in names and "description" not in names[: names.index(f"{CONTENT}encoded")]:
        yield "content:encoded without a description before it"
    if "author" in names and "@" not in item.findtext("author"):
        yield "an author without e-mail"
    if "author" in names and f"{DC}creator" in names:
        yield "two kinds of author"
    if any(guid.get("isPermaLink") != "false" for guid in item.findall("guid")):
        yield "a guid that is no address says that it is one"
    if not all(is_web_address(source.get("url")) for source in item.findall("source")):
        yield "source without address"
    for html in (item.findtext("description", ""), item.findtext(f"{CONTENT}encoded", "")):
        relative = [value for value in re.findall(r'(?:href|src)="([^"]*)"', html) if not is_iri(value)]
        yield from (f"relative address {value!r}" for value in relative)


# JSON Feed: 1.1

_TEXT = str
_TOP = {
    "version": _TEXT,
    "title": _TEXT,
    "home_page_url": _TEXT,
    "feed_url": _TEXT,
    "description": _TEXT,
    "user_comment": _TEXT,
    "next_url": _TEXT,
    "icon": _TEXT,
    "favicon": _TEXT,
    "authors": list,
    "language": _TEXT,
    "expired": bool,
    "hubs": list,
    "items": list,
}
_ITEM = {
    "id": _TEXT,
    "url": _TEXT,
    "external_url": _TEXT,
    "title": _TEXT,
    "content_html": _TEXT,
    "content_text": _TEXT,
    "summary": _TEXT,
    "image": _TEXT,
    "banner_image": _TEXT,
    "date_published": _TEXT,
    "date_modified": _TEXT,
    "authors": list,
    "tags": list,
    "language": _TEXT,
    "attachments": list,
}
_ADDRESSES = {"home_page_url", "feed_url", "next_url", "icon", "favicon", "url", "external_url", "image", "avatar"}


def json_faults(data: bytes, url: str) -> Faults:
    """Where a JSON document at that address is not what JSON Feed 1.1 wants."""
    doubled: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        doubled.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return dict(pairs)

    feed = json.loads(data.decode("utf-8"), object_pairs_hook=mapping)
    yield from (f"two keys {key}" for key in doubled)
    yield from _json_keys(feed, _TOP, "version title items home_page_url")
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield f"version {feed.get('version')!r}"
    if feed.get("feed_url") != url:
        yield f"feed_url is {feed.get('feed_url')!r}"
    if feed.get("next_url") == url:
        yield "next_url is the document itself"
    for hub in feed.get("hubs", []):
        if sorted(hub) != ["type", "url"] or hub["type"] != "WebSub" or not is_web_address(hub["url"]):
            yield f"hub {hub!r}"
    items = feed.get("items", [])
    ids = Counter(item.get("id") for item in items)
    yield from (f"id {id} occurs {times} times" for id, times in ids.items() if times > 1)
    for item in items:
        yield from _json_keys(item, _ITEM, "id")
        yield from _json_item(item)


def _json_keys(found: dict[str, Any], known: dict[str, type], required: str) -> Faults:
    yield from (f"no {key}" for key in required.split() if key not in found)
    for key, value in found.items():
        if not key.startswith("_") and not isinstance(value, known.get(key, type(None))):
            yield f"{key} is {value!r}"
        if key.startswith("_") and not isinstance(value, dict):
            yield f"the extension {key} is no object"
        if isinstance(value, str) and not value:
            yield f"{key} is empty"
        if key in _ADDRESSES and not is_web_address(value):
            yield f"{key} is {value!r}"
        if key == "language" and not LANGUAGE.fullmatch(value):
            yield f"language {value!r}"


def _json_item(item: dict[str, Any]) -> Faults:
    if not ("content_html" in item or "content_text" in item):
        yield "an item without content"
    for key in ("date_published", "date_modified"):
        if key in item and not is_rfc3339(item[key]):
            yield f"{key} is {item[key]!r}"
    for author in item.get("authors", []):
        yield from _json_keys(author, {"name": str, "url": str, "avatar": str}, "")
        if not author:
            yield "an author without any key"
    if not all(isinstance(tag, str) and tag for tag in item.get("tags", [])):
        yield f"tags {item['tags']!r}"


# OPML: 2.0, the parts on subscription lists

_IN_HEAD = {"title", "dateCreated", "dateModified", "ownerName", "ownerEmail", "ownerId", "docs"}
_OF_SUBSCRIPTIONS = {"type", "text", "title", "xmlUrl", "htmlUrl", "description", "language", "version"}


def opml_faults(data: bytes, url: str) -> Faults:
    """Where an OPML document is not a subscription list as OPML 2.0 has it."""
    root = etree.fromstring(data)
    if (root.tag, dict(root.attrib), [child.tag for child in root]) != ("opml", {"version": "2.0"}, ["head", "body"]):
        yield "the root is not opml 2.0 with a head and a body"
    head, body = root.find("head"), root.find("body")
    for element in head if head is not None else ():
        if element.tag not in _IN_HEAD or not element.text or len(element):
            yield f"{element.tag} in the head"
    for outline in body.iter() if body is not None else ():
        if outline is not body:
            yield from _outline_faults(outline)
    if body is None or not len(body):
        yield "no outline"


def _outline_faults(outline: Any) -> Faults:
    attributes = dict(outline.attrib)
    if outline.tag != "outline" or (outline.text or "").strip() or (outline.tail or "").strip():
        yield f"{outline.tag}, or text, among outlines"
    if not attributes.get("text") or not all(attributes.values()):
        yield f"a blank attribute: {attributes}"
    if unknown := set(attributes) - _OF_SUBSCRIPTIONS:
        yield f"attributes {sorted(unknown)}"
    if attributes.get("type", "rss") != "rss" or ("type" in attributes) != ("xmlUrl" in attributes):
        yield f"outline of type {attributes.get('type')!r}"
    if "type" not in attributes and not len(outline):
        yield "an outline that is neither a feed nor holds any"
    for name in {"xmlUrl", "htmlUrl"} & set(attributes):
        if not is_web_address(attributes[name]):
            yield f"{name} is {attributes[name]!r}"
    if not LANGUAGE.fullmatch(attributes.get("language", "en")):
        yield f"language {attributes['language']!r}"


FAULTS: dict[str, Callable[[bytes, str], Faults]] = {
    "atom": atom_faults,
    "rss": rss_faults,
    "json": json_faults,
    "opml": opml_faults,
}


def faults(documents: dict[str, bytes]) -> dict[str, list[str]]:
    """Each document with faults, and these."""
    found = {path: list(FAULTS[path.rpartition(".")[2]](data, BASE + path)) for path, data in documents.items()}
    return {path: some for path, some in found.items() if some}


# A site with everything

SETTINGS = """
description = "All & <sundry>"
language = "en-GB"
[content]
own_pages = "https://news.example/{slug}/"
[[taxonomy.topic]]
name = "C & C++ <templates>"
aliases = ["Templates"]
[[taxonomy.provider]]
name = "Ärger & Söhne"
domain = "xn--rger-koa.example"
feed = "https://xn--rger-koa.example/feed?x=1&y=2"
icon = "https://news.example/icon.webp"
logo = "https://news.example/logo.png"
[[taxonomy.provider]]
name = "Vector"
domain = "vector.example"
icon = "https://news.example/icon.svg"
logo = "https://news.example/logo.webp"
[[taxonomy.provider]]
name = "Source"
domain = "source.example"
icon = "https://news.example/small.PNG?size=50"
logo = "https://news.example/large.png"
[[feed]]
name = "nothing"
title = "Nothing & nobody"
topics = ["A topic that nobody has"]
[[feed]]
name = "best"
title = "The <best> of it & more"
description = "Ordered by quality"
order = "quality"
"""

TITLES = {
    "markup": "Using &lt;b&gt; and &lt;/b&gt; in HTML",
    "ampersand": "Q&A at AT&T; R&amp;D",
    "entities": "The &amp;nbsp; and &amp;#65; thing",
    "script": "<script>alert(1)</script>x &lt;a href='x'&gt;",
    "cdata": "a ]]> b <![CDATA[ c ]]>",
    "emoji": "😀👩‍👩‍👧 🇫🇷",
    "right-to-left": "עברית and العربية ‮reversed‬",
    "mail": "Write to Joe &lt;joe@news.example&gt; now",
    "long": "word " * 600,
    "quotes": "\"double\" 'single' “curly”",
    "less": "1 &lt; 2 &lt; 3 > 2",
    "declaration": 'xmlns:media="x" &lt;/entry>&lt;/feed>&lt;/channel>',
}

BODY = """# Head

Text with [a link](rel/a), ![a picture](../i.png) <iframe src=x></iframe><script>x</script>
<p style='color:red' onclick=x>p</p> <a href='javascript:x'>j</a> <a href='#there'>t</a> &nbsp; &copy; <b>unclosed

| a | b |
|---|---|
| 1 | ~~2~~ |
"""


def furnish(site: Site) -> None:
    """Write articles that have between them everything an entry can have, and the oddest texts."""
    for day, (name, title) in enumerate(TITLES.items(), 1):
        topics = ["C & C++ <templates>", "AI", title[:50]]
        address = f"https://source.example/{name}?a=1&b=ü&c='#frag ment"
        when = f"2024-05-{day:02d}T08:00:00+02:00"
        site.story(f"{name}.md", title, excerpt=title, topics=topics, webUrl=address, publishedDateTime=when)
    site.story("no-excerpt.md", excerpt=None, topics="Just one")
    site.story("body.md", body=BODY)
    site.story("body-only.md", body=BODY, excerpt=None, topics=None)
    site.story("video.md", type="video", webUrl=None, originalUrl="https://video.example/watch?v=1&t=2")
    picture = {"url": "/i/ü b.jpg?x=1&y=2", "width": 640, "height": 480, "title": "A &lt;b&gt;", "attribution": "J & J"}
    site.story("image.md", images=[picture])
    site.story("odd-image.md", images=[{"url": "data:image/png;base64,xx"}, {"width": 1}])
    related = [{"title": f"R & D {n}", "webUrl": f"https://related.example/{n}?a&b"} for n in range(7)]
    site.story("related.md", related=related)
    site.story("language.md", locale="de_AT")
    site.story("known-provider.md", provider={"name": "Ärger", "domain": "www.ärger.example"})
    site.story("vector.md", provider={"name": "Vector", "domain": "vector.example"})
    site.story("no-provider.md", provider=None)
    site.story("nameless-provider.md", provider={"domain": "only.example"})
    site.story("odd-provider.md", provider="Just & a &lt;name&gt;")
    site.story("updated.md", updatedDateTime="2024-05-30T00:00:00Z")
    site.story("guid.md", guid="urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    site.story("address.md", webUrl="https://münchen.example:8443/straße/%7Ea b/?q=[x]|^`{}")
    site.story("old.md", publishedDateTime="1901-12-13T20:45:52Z")
    site.story("year-one.md", publishedDateTime="0001-01-02")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with everything; tests only look."""
    made = Site(tmp_path_factory.mktemp("site"), SETTINGS)
    furnish(made)
    report = made.build()
    assert [str(problem) for problem in report.problems] == []
    return made


def of_format(documents: dict[str, bytes], suffix: str) -> dict[str, bytes]:
    return {path: data for path, data in documents.items() if path.endswith(f".{suffix}")}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_document_satisfies_its_format(site: Site, suffix: str) -> None:
    documents = of_format(site.documents(), suffix)
    former = documents.pop(f"topics/templates.{suffix}")  # it says that it is the one of the present name
    assert len(documents) > 20
    assert former in documents.values()
    assert faults(documents) == {}


@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_feedparser_reads_every_document_without_complaint(site: Site, suffix: str) -> None:
    media_type, version = {"atom": ("atom+xml", "atom10"), "rss": ("rss+xml", "rss20")}[suffix]
    for path, data in of_format(site.documents(), suffix).items():
        read = feedparser.parse(data, response_headers={"content-type": f"application/{media_type}"})
        assert (path, read.bozo, read.version) == (path, False, version)
        assert all(entry.get("published_parsed") for entry in read.entries)


def test_no_document_is_alone_in_its_format(site: Site) -> None:
    names = Counter(path.rpartition(".")[0] for path in site.documents())
    assert set(names.values()) == {len(SUFFIXES)}


# Feeds as a whole


def head(path: str, data: bytes) -> tuple[str, str, str]:
    """The title, description and page of a document."""
    if path.endswith(".json"):
        feed = json.loads(data)
        return feed["title"], feed["description"], feed["home_page_url"]
    root = etree.fromstring(data)
    if path.endswith(".rss"):
        return tuple(root[0].findtext(name) for name in ("title", "description", "link"))  # type: ignore[return-value]
    (page,) = [link.get("href") for link in root.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
    return root.findtext(f"{ATOM}title"), root.findtext(f"{ATOM}subtitle"), page


def test_title_description_and_page_of_a_feed_are_equal_in_all_formats(site: Site) -> None:
    heads: dict[str, set[tuple[str, str, str]]] = {}
    for path, data in site.documents().items():
        heads.setdefault(path.rpartition(".")[0], set()).add(head(path, data))
    assert {name: len(found) for name, found in heads.items()} == dict.fromkeys(heads, 1)
    assert {name: next(iter(heads[name]))[0] for name in ("all", "nothing", "best", "providers/vector.example")} == {
        "all": "Example News",
        "nothing": "Nothing & nobody",
        "best": "The <best> of it & more",
        "providers/vector.example": "Example News: Vector",
    }


def test_a_feed_without_articles_is_there_and_valid(site: Site) -> None:
    empty = {path: data for path, data in site.documents().items() if path.startswith("nothing.")}
    assert len(empty) == len(SUFFIXES)
    assert {path: len(read(path, data)) for path, data in empty.items()} == dict.fromkeys(empty, 0)
    assert faults(empty) == {}


def test_a_feed_that_lost_its_articles_stays_valid_and_as_old_as_it_was(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("one.md", publishedDateTime="2024-05-01T08:00:00Z")
    site.build()
    site.story("one.md", published=False)
    site.now += 3600
    site.build()
    documents = site.documents()
    assert sorted({path.rpartition(".")[0] for path in documents}) == ["all", "providers/source.example", "topics/ai"]
    assert {path: read(path, data) for path, data in documents.items()} == {path: [] for path in documents}
    assert faults(documents) == {}
    atom = etree.fromstring(documents["all.atom"])
    assert atom.findtext(f"{ATOM}updated") == "2024-05-01T08:00:00Z"


def test_documents_do_not_depend_on_the_clock(site: Site, tmp_path: Path) -> None:
    later = Site(tmp_path, SETTINGS)
    later.now = NOON + 86400 * 400
    furnish(later)
    later.build()
    assert later.documents() == site.documents()


def test_the_picture_of_an_rss_channel_is_of_a_kind_that_rss_knows(site: Site) -> None:
    wanted = {"source.example": "small.PNG?size=50", "xn--rger-koa.example": "logo.png", "vector.example": None}
    for path, data in of_format(site.documents(), "rss").items():
        provider = path.removeprefix("providers/").removesuffix(".rss")
        found = etree.fromstring(data).findtext("channel/image/url")
        expected = wanted.get(provider)
        assert (path, found) == (path, expected and f"https://news.example/{expected}")


# Ids


@pytest.mark.parametrize(
    "name",
    [
        "white space",
        "ünïcödé",
        "q?#[x]",
        "50%",
        "100%25",
        "a&b",
        'quote"s',
        "back\\slash",
        "<tag>",
        "a" * 240,
        "日本語",
    ],
)
def test_an_article_with_an_odd_file_name_has_a_valid_id(tmp_path: Path, name: str) -> None:
    """An Atom id is an IRI (RFC 4287, section 4.2.6), and this one a tag (RFC 4151), whatever the file is called."""
    site = Site(tmp_path)
    site.story(f"{name}.md", "A title", category="Größe & <mehr>")
    site.build()
    assert faults(site.documents()) == {}
    (entry,) = read_atom(site.documents()["all.atom"])
    assert re.fullmatch(r"tag:news\.example,2020:(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})+", entry.id)


@pytest.mark.parametrize("guid", ["12", "just words & more", "relative/path", "two words:x", "<b>"])
def test_a_guid_that_cannot_be_an_id_leaves_a_valid_document(tmp_path: Path, guid: str) -> None:
    site = Site(tmp_path)
    site.story("one.md", guid=guid)
    site.build()
    assert faults(site.documents()) == {}


@pytest.mark.parametrize("name", ["q?#[x]", "50%", "100%25", "a b", "ü", "a&b=c;d"])
def test_a_page_of_ones_own_is_addressed_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path, '[content]\nown_pages = "https://news.example/{slug}/"')
    site.story(f"{name}.md", "A title", webUrl=None, originalUrl="https://source.example/original")
    site.build()
    (entry,) = read_atom(site.documents()["all.atom"])
    assert unquote(urlsplit(entry.link).path) == f"/{name}/"
    assert faults(site.documents()) == {}


def test_two_odd_file_names_have_two_ids(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number, name in enumerate(["a b", "a%20b", "a-b", "a_b", "A b"]):
        site.story(f"{name}.md", f"Title {number}")
    site.build()
    assert len({one.id for one in read_atom(site.documents()["all.atom"])}) == 5


# An article through the whole line, and back


@dataclass(frozen=True)
class Shown:
    """What a document says of an article; times in seconds since the epoch."""

    id: str
    title: str
    link: str
    published: int
    updated: int
    html: str


def read_atom(data: bytes) -> list[Shown]:
    return [
        Shown(
            *(entry.findtext(f"{ATOM}{name}") for name in ("id", "title")),
            next(link.get("href") for link in entry.findall(f"{ATOM}link") if link.get("rel") == "alternate"),
            *(_seconds(entry.findtext(f"{ATOM}{name}")) for name in ("published", "updated")),
            entry.findtext(f"{ATOM}content") or "",
        )
        for entry in etree.fromstring(data).findall(f"{ATOM}entry")
    ]


def read_rss(data: bytes) -> list[Shown]:
    return [
        Shown(
            *(item.findtext(name) for name in ("guid", "title", "link")),
            int(parsedate_to_datetime(item.findtext("pubDate")).timestamp()),
            _seconds(item.findtext(f"{ATOM}updated")),
            item.findtext(f"{CONTENT}encoded") or "",
        )
        for item in etree.fromstring(data).findall("channel/item")
    ]


def read_json(data: bytes) -> list[Shown]:
    return [
        Shown(
            *(item[name] for name in ("id", "title", "url")),
            *(_seconds(item[name]) for name in ("date_published", "date_modified")),
            item.get("content_html", ""),
        )
        for item in json.loads(data)["items"]
    ]


def _seconds(value: str) -> int:
    return int(datetime.fromisoformat(value).timestamp())


READERS: dict[str, Callable[[bytes], list[Shown]]] = {"atom": read_atom, "rss": read_rss, "json": read_json}


def read(path: str, data: bytes) -> list[Shown]:
    return READERS[path.rpartition(".")[2]](data)


def _quoted(text: str) -> str:
    """Any text as a scalar of YAML."""
    plain = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(plain)}"'


_texts = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(
        ["<b>", "</b>", "&amp;", "&lt;", "&#65;", "&", "]]>", "<!--", "a", " ", "é", "â€™", "\n", '"', "\0"]
    )
).map("".join)
_titles = st.tuples(_texts, st.sampled_from(["x", "é", "&", "0", "😀"])).map("".join)
_moments = st.datetimes(datetime(1900, 1, 1), datetime(2024, 6, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
_addresses = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=12).map(
    lambda end: f"https://source.example/{end}"
)


@dataclass(frozen=True)
class Written:
    """An article as somebody writes it."""

    title: str
    excerpt: str
    body: str
    link: str
    published: datetime
    later: timedelta

    @property
    def text(self) -> bytes:
        lines = [
            "---",
            f"title: {_quoted(self.title)}",
            f"excerpt: {_quoted(self.excerpt)}",
            f"webUrl: {_quoted(self.link)}",
            f"publishedDateTime: {self.published.isoformat()}",
            f"updatedDateTime: {(self.published + self.later).isoformat()}",
            "published: true",
            "---",
            self.body,
        ]
        return "\n".join(lines).encode()


_written = st.builds(
    Written, _titles, _texts, _texts, _addresses, _moments, st.timedeltas(timedelta(days=-900), timedelta(days=900))
)


def understood(site: Site, path: str, data: bytes) -> Article | None:
    return parse(path, data, rules_of(site.config)).article


@settings(deadline=None, max_examples=40)
@given(st.lists(_written, min_size=1, max_size=3))
def test_an_article_comes_back_from_every_format_as_it_was_read(articles: list[Written]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), "[output]\ntopics = false\nproviders = false")
        expected = {}
        for number, one in enumerate(articles):
            site.write(f"{number}.md", one.text)
            found = understood(site, f"{number}.md", one.text)
            if found is not None:
                id = f"tag:news.example,2020:articles/{number}"
                announced = found.modified is not None and found.modified > site.now
                updated = found.date if announced else max(found.date, found.modified or found.date)
                expected[id] = (found.title, found.link, found.date, updated)
        site.build()
        documents = site.documents()
        assert faults(documents) == {}
        shown = {path: read(path, data) for path, data in documents.items()}
        assert shown["all.atom"] == shown["all.json"]
        for found_there in shown.values():
            stories = {one.id: (one.title, one.link, one.published, one.updated) for one in found_there}
            assert stories.items() <= expected.items()
        links = {link for _, link, _, _ in expected.values()}
        assert bool(links) == bool(shown["all.rss"])


@settings(deadline=None, max_examples=40)
@given(st.lists(_written, min_size=2, max_size=5))
def test_an_article_comes_back_from_archives_as_from_a_feed_that_holds_everything(articles: list[Written]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = "[output]\nformats = ['atom', 'json']\ntopics = false\nproviders = false\nlimit = "
        short, whole = Site(Path(folder, "short"), settings + "1"), Site(Path(folder, "whole"), settings + "1000")
        for number, one in enumerate(articles):
            for site in (short, whole):
                site.write(f"{number}.md", one.text)
        short.build()
        whole.build()
        documents = short.documents()
        assert faults(documents) == {}
        expected = {one.id: one for one in read("all.json", whole.documents()["all.json"])}
        for suffix in ("atom", "json"):
            start = f"all.{suffix}"
            archives = told(documents, chain(documents, start))
            assert len(archives) == len({one.id for one in archives})
            assert {one.id: one for one in read(start, documents[start]) + archives} == expected
            assert len(expected) < 2 or archives


@given(_written)
@settings(deadline=None, max_examples=50)
def test_dates_and_titles_are_read_as_they_were_written(one: Written) -> None:
    """So that the property above is not true for the reason that everything is lost."""
    with tempfile.TemporaryDirectory() as folder:
        found = understood(Site(Path(folder)), "one.md", one.text)
    assert found is not None
    assert found.date == timegm(one.published.timetuple()) + bool(one.published.microsecond)
    assert "<" in one.title or "&" in one.title or _letters(one.title) == _letters(found.title)


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isalnum())


# Archives: RFC 5005, and next_url of JSON Feed

HUBS = ("https://hub.example/?a=1&b=2", "https://second.example/")
LONG = f"""
[output]
limit = 3
[websub]
hubs = ["{HUBS[0]}", "{HUBS[1]}"]
[pages]
enabled = true
[[taxonomy.topic]]
name = "Sea"
aliases = ["Ocean"]
[[feed]]
name = "window"
title = "What is new"
max_age = "3d"
[[feed]]
name = "hot"
title = "What is hot"
min_heat = 10
[[feed]]
name = "best"
title = "What is best"
order = "quality"
"""
ARCHIVE = re.compile(r"(.+)/(\d{4}-\d\d)(?:-\d\d(?:T\d\d(?:\d\d){0,2})?)?\.(atom|json)")


def write_months(site: Site) -> set[str]:
    """Articles over months: the ids of those that are public at noon of 2024-06-01."""
    days = ("2023-11-30T23:59:59Z", "2023-12-01T00:00:00Z", "2023-12-31T23:30:00-01:00", "2024-02-29", "2024-05-01")
    for number, day in enumerate([*days, *(f"2024-05-{day}" for day in range(10, 32))]):
        topics = ["AI", "Ocean"] if number % 3 else ["AI"]
        site.story(f"{number:02}.md", topics=topics, publishedDateTime=day, heat=number, quality=number)
    site.story("unpublished.md", publishedDateTime="2024-02-01", published=False)
    site.story("embargoed.md", publishedDateTime="2024-06-01T12:00:01Z")
    site.story("expired.md", publishedDateTime="2024-02-02", expiryDate="2024-06-01T12:00:00Z")
    site.story("expiring.md", publishedDateTime="2024-02-03", expiryDate="2024-06-01T12:00:01Z")
    site.story("told-again.md", publishedDateTime="2024-02-04", webUrl="https://source.example/00")
    names = [*(f"{number:02}" for number in range(27)), "expiring"]
    return {f"tag:news.example,2020:articles/{name}" for name in names}


def write_many(site: Site) -> None:
    """More articles of one month than fit in an archive document, many of them of one second."""
    for number in range(254):
        site.story(f"many-{number:03}.md", topics=["Many"], publishedDateTime=f"2024-03-01T00:{number // 60:02}:01Z")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with more than fits into its feeds; tests only look."""
    made = Site(tmp_path_factory.mktemp("long"), LONG)
    write_months(made)
    write_many(made)
    assert [str(problem) for problem in made.build().problems] == []
    return made


def at(documents: dict[str, bytes], url: str) -> tuple[str, bytes]:
    """The document at an address."""
    assert url.startswith(BASE)
    path = url.removeprefix(BASE)
    return path, documents[path]


def previous(path: str, data: bytes) -> str:
    """The address of the document before this one, "" if there is none."""
    if path.endswith(".json"):
        return str(json.loads(data).get("next_url", ""))
    return "".join(_links(etree.fromstring(data), "prev-archive"))


def chain(documents: dict[str, bytes], start: str) -> list[str]:
    """The paths of the archives of a document, as a reader finds them: the newest first."""
    found: list[str] = []
    path = start
    while url := previous(path, documents[path]):
        path, _ = at(documents, url)
        assert path not in found
        found.append(path)
    return found


def told(documents: dict[str, bytes], paths: list[str]) -> list[Shown]:
    """What documents tell, one after the other."""
    return [one for path in paths for one in read(path, documents[path])]


def currents(documents: dict[str, bytes], suffix: str) -> list[str]:
    return [path for path in of_format(documents, suffix) if not ARCHIVE.fullmatch(path)]


every_with_archives = pytest.mark.parametrize("suffix", ["atom", "json"])


@pytest.mark.parametrize("suffix", [*SUFFIXES, "opml"])
def test_every_document_of_a_site_with_archives_satisfies_its_format(long: Site, suffix: str) -> None:
    documents = of_format(long.documents(), suffix)
    documents.pop("topics/ocean." + suffix, None)  # it says that it is the one of the present name
    assert documents
    assert faults(documents) == {}
    if suffix in {"atom", "rss"}:
        assert {path: feedparser.parse(data).bozo for path, data in documents.items()} == dict.fromkeys(
            documents, False
        )


@every_with_archives
def test_the_chain_of_a_feed_reaches_every_public_article_once(tmp_path: Path, suffix: str) -> None:
    site = Site(tmp_path, LONG)
    public = write_months(site)
    site.build()
    documents = site.documents()
    archives = chain(documents, f"all.{suffix}")
    ids = [one.id for one in told(documents, archives)]
    assert len(ids) == len(set(ids))
    assert {*ids, *(one.id for one in read(f"all.{suffix}", documents[f"all.{suffix}"]))} == public
    assert len(ids) > 20


@every_with_archives
def test_months_follow_each_other_and_hold_their_own_articles_newest_first(long: Site, suffix: str) -> None:
    documents = long.documents()
    for start in currents(documents, suffix):
        archives = chain(documents, start)
        moments = [one.published for one in told(documents, archives)]
        assert moments == sorted(moments, reverse=True)
        for path in archives:
            found = ARCHIVE.fullmatch(path)
            assert found
            assert found[1] == start.removesuffix(f".{suffix}").replace("ocean", "sea")
            shown = read(path, documents[path])
            assert shown == sorted(shown, key=lambda one: (-one.published, one.id))
            assert {datetime.fromtimestamp(one.published, UTC).strftime("%Y-%m") for one in shown} == {found[2]}
    names = [path.rpartition("/")[2].partition(".")[0] for path in chain(documents, f"all.{suffix}")]
    minutes = [f"2024-03-01T000{minute}" for minute in (4, 3, 2, 1, 0)]
    assert names == ["2024-05", *minutes, "2024-02", "2024-01", "2023-12", "2023-11"]


@every_with_archives
def test_every_archive_is_in_the_chain_of_its_feed(long: Site, suffix: str) -> None:
    documents = long.documents()
    starts = [path for path in currents(documents, suffix) if "ocean" not in path]
    reached = [path for start in starts for path in chain(documents, start)]
    assert sorted(reached) == sorted(path for path in documents if path.endswith(suffix) and ARCHIVE.fullmatch(path))
    assert len(reached) > 10


def test_an_archive_names_its_feed_and_is_one_of_it(long: Site) -> None:
    documents = long.documents()
    for start in currents(documents, "atom"):
        feed = etree.fromstring(documents[start])
        for path in chain(documents, start):
            archive = etree.fromstring(documents[path])
            assert _links(archive, "current") == _links(feed, "self")
            assert [archive.findtext(f"{ATOM}{name}") for name in ("id", "title")] == [
                feed.findtext(f"{ATOM}{name}") for name in ("id", "title")
            ]


def test_a_feed_is_complete_where_everything_fits_and_then_only(long: Site) -> None:
    documents = long.documents()
    complete = {}
    for path in currents(documents, "atom") + currents(documents, "rss"):
        root = etree.fromstring(documents[path])
        complete[path] = count(root[0] if path.endswith(".rss") else root, f"{HISTORY}complete") == 1
    assert {path for path, one in complete.items() if one} == {"window.atom", "window.rss"}
    assert not any(b"complete" in documents[path] for path in chain(documents, "all.atom"))


def test_a_feed_that_shows_a_selection_of_what_is_new_has_no_archives(long: Site) -> None:
    documents = long.documents()
    for name in ("window", "best"):
        assert chain(documents, f"{name}.atom") == chain(documents, f"{name}.json") == []
    assert len(chain(documents, "hot.atom")) == 1


def test_an_entry_is_the_same_in_an_archive_and_in_the_feed(long: Site) -> None:
    documents = long.documents()
    pattern = {"atom": rb"<entry.*?</entry>", "json": rb'\{"id":.*'}
    for suffix, one in pattern.items():
        for start in currents(documents, suffix):
            in_feed = {data.strip(b",") for data in re.findall(one, documents[start])}
            archives = b"".join(documents[path] for path in chain(documents, start))
            kept = {data.strip(b",") for data in re.findall(one, archives)}
            ids = {one.id for one in read(start, documents[start])}
            both = ids & {one.id for one in told(documents, chain(documents, start))}
            assert len(in_feed & kept) == len(both)
        assert both


def test_archives_are_the_same_in_atom_and_json(long: Site) -> None:
    documents = long.documents()
    archives = [path for path in documents if ARCHIVE.fullmatch(path) and path.endswith(".atom")]
    assert {path: read(path, documents[path]) for path in archives} == {
        path: read(other, documents[other]) for path in archives for other in [path.replace(".atom", ".json")]
    }


def test_an_archived_article_leaves_when_it_expires_and_is_told_as_withdrawn(tmp_path: Path) -> None:
    site = Site(tmp_path, "[output]\nlimit = 3")
    public = write_months(site)
    site.build()
    site.now += 1
    site.build()
    documents = site.documents()
    expiring = "tag:news.example,2020:articles/expiring"
    for suffix in ("atom", "json"):
        paths = [f"all.{suffix}", *chain(documents, f"all.{suffix}")]
        ids = {one.id for one in told(documents, paths)}
        assert ids == (public - {expiring}) | {"tag:news.example,2020:articles/embargoed"}
    assert [path for path, refs in withdrawn(documents).items() if expiring in refs] == [
        "all.atom",
        "providers/source.example.atom",
        "topics/ai.atom",
    ]
    assert faults(documents) == {}


def test_without_archives_there_are_none_and_no_document_leads_to_one(tmp_path: Path) -> None:
    site = Site(tmp_path, "[output]\nlimit = 3\narchives = false")
    write_months(site)
    site.build()
    documents = site.documents()
    assert [path for path in documents if ARCHIVE.fullmatch(path)] == []
    assert [path for path in currents(documents, "atom") + currents(documents, "json") if chain(documents, path)] == []
    assert faults(documents) == {}


def test_a_site_in_rss_alone_has_no_archives_and_remembers_none(tmp_path: Path) -> None:
    """RSS keeps none, so that nothing older than the feed is rendered for them."""
    site = Site(tmp_path, '[output]\nlimit = 3\nformats = ["rss"]')
    write_months(site)
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        assert pipeline.ledger.archives("all") == []
    assert [path for path in site.documents() if not path.endswith(".rss")] == []


# Withdrawn entries: RFC 6721


def withdrawn(documents: dict[str, bytes]) -> dict[str, dict[str, int]]:
    """For each Atom document that tells of withdrawn entries, their ids, and since when."""
    found: dict[str, dict[str, int]] = {}
    for path, data in sorted(of_format(documents, "atom").items()):
        for element in etree.fromstring(data).iterfind(f"{DELETED}deleted-entry"):
            found.setdefault(path, {})[element.get("ref")] = _seconds(element.get("when"))
    return found


STORY = "tag:news.example,2020:articles/one"
WITHDRAWALS: dict[str, Callable[[Site], object]] = {
    "published-is-false": lambda site: site.story("one.md", topics=["AI", "Sea"], published=False),
    "removed": lambda site: site.story("one.md", topics=["AI", "Sea"], removed=True),
    "deleted": lambda site: (site.content / "one.md").unlink(),
    "expired": lambda site: site.story("one.md", topics=["AI", "Sea"], expiryDate="2024-06-01"),
    "under-embargo": lambda site: site.story("one.md", topics=["AI", "Sea"], publishedDateTime="2999-01-01"),
    "and-its-topics-edited": lambda site: site.story("one.md", topics=["Land"], published=False),
    "expired-and-its-topics-edited": lambda site: site.story("one.md", topics=["Land"], expiryDate="2024-06-01"),
    "under-embargo-and-moved": lambda site: site.story("one.md", topics=["Land"], publishedDateTime="2999-01-01"),
}


def with_topics(folder: Path, settings: str = "") -> Site:
    """A site that has published an article in two topics, among others in these and in another."""
    site = Site(folder, settings)
    site.story("one.md", topics=["AI", "Sea"])
    site.story("two.md", topics=["AI", "Land"])
    site.story("three.md", topics=["Sea"])
    site.build()
    site.now += HOUR
    return site


@pytest.mark.parametrize("way", WITHDRAWALS)
def test_feeds_that_had_an_article_tell_that_it_was_withdrawn_and_no_others_do(tmp_path: Path, way: str) -> None:
    site = with_topics(tmp_path)
    had = {path for path, data in of_format(site.documents(), "atom").items() if STORY in data.decode()}
    assert had == {"all.atom", "providers/source.example.atom", "topics/ai.atom", "topics/sea.atom"}
    WITHDRAWALS[way](site)
    site.build()
    documents = site.documents()
    assert withdrawn(documents) == {path: {STORY: site.now} for path in had}
    assert faults(documents) == {}
    assert not any(STORY.encode() in data for path, data in documents.items() if path not in had)
    assert not any(feedparser.parse(documents[path]).bozo for path in had)


def test_an_article_that_is_public_elsewhere_was_not_withdrawn(tmp_path: Path) -> None:
    site = with_topics(tmp_path)
    site.story("one.md", topics=["Land"])
    site.build()
    assert STORY not in {one.id for one in read("topics/ai.atom", site.documents()["topics/ai.atom"])}
    assert withdrawn(site.documents()) == {}


def test_what_was_withdrawn_is_told_for_the_time_that_is_set(tmp_path: Path) -> None:
    site = with_topics(tmp_path, '[output]\ntombstones = "2d"')
    WITHDRAWALS["published-is-false"](site)
    site.build()
    site.now += 2 * 24 * HOUR - 1
    site.build()
    assert len(withdrawn(site.documents())) == 4
    site.now += 1
    report = site.build()
    assert withdrawn(site.documents()) == {}
    assert len(report.written) == 4
    assert b"atompub" not in b"".join(site.documents().values())


def test_what_is_published_again_is_no_longer_told_as_withdrawn_and_is_newer(tmp_path: Path) -> None:
    site = with_topics(tmp_path)
    WITHDRAWALS["published-is-false"](site)
    site.build()
    when = site.now
    site.now += HOUR
    site.story("one.md", topics=["AI"])
    site.build()
    documents = site.documents()
    assert withdrawn(documents) == {}
    (entry,) = [one for one in read("all.atom", documents["all.atom"]) if one.id == STORY]
    assert entry.updated > when
    assert faults(documents) == {}


def test_many_that_were_withdrawn_are_valid_and_the_newest_first(tmp_path: Path) -> None:
    site = Site(tmp_path, "[guard]\ncount = 1000")
    for number in range(130):
        site.story(f"{number:03}.md")
    site.build()
    for start, many in ((0, 20), (20, 110)):
        site.now += HOUR
        for number in range(start, start + many):
            site.story(f"{number:03}.md", published=False)
        site.build()
    documents = site.documents()
    assert faults(documents) == {}
    for told in withdrawn(documents).values():
        assert list(told.values()) == [site.now] * 100
    assert len(withdrawn(documents)) == 3


def test_a_withdrawn_article_of_an_archive_is_gone_from_it_and_told_by_the_feed(tmp_path: Path) -> None:
    site = Site(tmp_path, "[output]\nlimit = 3")
    public = write_months(site)
    site.build()
    story = "tag:news.example,2020:articles/03"
    site.story("03.md", publishedDateTime="2024-02-29", published=False)
    site.build()
    documents = site.documents()
    for suffix in ("atom", "json"):
        paths = [f"all.{suffix}", *chain(documents, f"all.{suffix}")]
        ids = {one.id for one in told(documents, paths)}
        assert ids == public - {story}
    telling = [path for path, refs in withdrawn(documents).items() if story in refs]
    assert telling == ["all.atom", "providers/source.example.atom", "topics/ai.atom"]


def test_a_feed_that_never_had_an_article_does_not_tell_that_it_was_withdrawn(tmp_path: Path) -> None:
    """What no feed showed is not to be seen for the first time when it is withdrawn."""
    hot = "[[feed]]\nname = 'hot'\ntitle = 'Hot'\nmin_heat = 10\n"
    window = "[[feed]]\nname = 'window'\ntitle = 'Window'\nmax_age = '3d'\n"
    site = Site(tmp_path, "[output]\nall = false\ntopics = false\nproviders = false\n" + hot + window)
    site.story("cold.md", heat=3)
    site.story("warm.md", heat=20)
    site.story("new.md", heat=3, publishedDateTime="2024-05-31")
    site.build()
    site.now += HOUR
    site.story("warm.md", heat=3)
    site.build()
    for name in ("cold", "warm", "new"):
        site.story(f"{name}.md", published=False)
    site.build(approved=True)
    found = {path: set(refs) for path, refs in withdrawn(site.documents()).items()}
    assert found == {
        "hot.atom": {"tag:news.example,2020:articles/warm"},
        "window.atom": {"tag:news.example,2020:articles/new"},
    }
    assert not any(b"cold" in data for data in site.documents().values())


def test_an_article_that_was_never_public_is_not_told_as_withdrawn(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("one.md", publishedDateTime="2024-06-02")
    site.story("two.md", published=False)
    site.story("three.md", expiryDate="2024-05-02")
    site.story("four.md")
    site.build()
    for path in ("one.md", "two.md", "three.md"):
        (site.content / path).unlink()
    site.now += HOUR
    site.build()
    assert withdrawn(site.documents()) == {}


# Hubs, the style sheet, the list of feeds, pages


def test_every_feed_names_every_hub_and_archives_name_none(long: Site) -> None:
    documents = long.documents()
    for path in currents(documents, "atom"):
        assert _links(etree.fromstring(documents[path]), "hub") == list(HUBS)
    for path in currents(documents, "rss"):
        assert _links(etree.fromstring(documents[path])[0], "hub") == list(HUBS)
    for path in currents(documents, "json"):
        assert json.loads(documents[path])["hubs"] == [{"url": hub, "type": "WebSub"} for hub in HUBS]
    assert not any(b"hub.example" in data for path, data in documents.items() if ARCHIVE.fullmatch(path))


def test_browsers_find_a_style_sheet_for_every_feed(long: Site) -> None:
    documents = long.documents()
    for path, data in (of_format(documents, "atom") | of_format(documents, "rss")).items():
        instructions = etree.fromstring(data).xpath("/processing-instruction('xml-stylesheet')")
        assert [(path, one.get("type")) for one in instructions] == [(path, "text/css")]
        assert at(documents, instructions[0].get("href"))[0].endswith(".css")


def test_without_pages_there_is_no_style_sheet_to_ask_for(site: Site) -> None:
    assert not any(b"<?xml-stylesheet" in data for data in site.documents().values())


def test_the_list_of_feeds_names_every_feed_once_and_no_archive(long: Site) -> None:
    documents = long.documents()
    outlines = list(etree.fromstring(documents["feeds.opml"]).iter("outline"))
    feeds = [outline.get("xmlUrl") for outline in outlines if outline.get("xmlUrl")]
    present = [path for path in currents(documents, "atom") if path != "topics/ocean.atom"]
    assert sorted(at(documents, url)[0] for url in feeds) == sorted(present)
    for outline in outlines:
        if outline.get("xmlUrl"):
            feed = etree.fromstring(at(documents, outline.get("xmlUrl"))[1])
            assert outline.get("title") == outline.get("text") == feed.findtext(f"{ATOM}title")
            assert at(documents, outline.get("htmlUrl"))


class Page(HTMLParser):
    """What a page links to and asks for, and what of its elements is not closed, or closed twice."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.faults += [f"{tag} with two {name}" for name, n in Counter(name for name, _ in attrs).items() if n > 1]
        self.links += [found[name] for name in ("href", "src") if name in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag not in {"meta", "link", "img", "input", "br", "hr", "source", "wbr", "use", "path", "circle", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} is closed")


def test_pages_are_well_formed_and_lead_to_what_is_there(long: Site) -> None:
    documents = long.documents()
    pages = of_format(documents, "html")
    assert len(pages) == 1 + len(currents(documents, "atom"))
    for path, data in pages.items():
        page = Page(data)
        assert (path, page.open, page.faults) == (path, [], [])
        assert max(Counter(page.ids).values(), default=1) == 1
        for link in page.links:
            url = urljoin(BASE + path, link)
            assert not url.startswith(BASE) or url.partition("#")[0].removeprefix(BASE) in {*documents, ""}, link


def test_no_archive_has_a_page(long: Site) -> None:
    pages = {path.removesuffix(".html") for path in of_format(long.documents(), "html")}
    assert pages - {"index"} == {path.removesuffix(".atom") for path in currents(long.documents(), "atom")}


# That the rules above notice


def _without(path: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = root.find(path)
        found.getparent().remove(found)

    return change


def _doubled(path: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = root.find(path)
        found.addnext(copy.deepcopy(found))

    return change


def _said(path: str, text: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        root.find(path).text = text

    return change


def _attribute(path: str, name: str, value: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        root.find(path).set(name, value)

    return change


def _link(relation: str, media_type: str) -> Any:
    return etree.Element(f"{ATOM}link", rel=relation, href="https://news.example/feeds/x.atom", type=media_type)


def _deleted(ref: str, when: str) -> Any:
    return etree.Element(f"{DELETED}deleted-entry", ref=ref, when=when)


A = ATOM
ATOM_DAMAGE = {
    "no-id": _without(f"{A}id"),
    "two-titles": _doubled(f"{A}title"),
    "no-updated": _without(f"{A}updated"),
    "no-self": _without(f"{A}link"),
    "two-alternates": _doubled(f"{A}link[@rel='alternate']"),
    "blank-title": _said(f"{A}title", " "),
    "date-without-zone": _said(f"{A}updated", "2024-05-01T08:00:00"),
    "impossible-date": _said(f"{A}updated", "2024-13-01T08:00:00Z"),
    "older-than-its-entries": _said(f"{A}updated", "1999-01-01T00:00:00Z"),
    "entry-without-id": _without(f"{A}entry/{A}id"),
    "entry-without-author": _without(f"{A}entry/{A}author"),
    "entry-without-link": _without(f"{A}entry/{A}link"),
    "entry-twice": _doubled(f"{A}entry"),
    "two-summaries": _doubled(f"{A}entry/{A}summary"),
    "id-with-a-space": _said(f"{A}entry/{A}id", "tag:x,2020:a b"),
    "relative-id": _said(f"{A}entry/{A}id", "12"),
    "relative-link": _attribute(f"{A}entry/{A}link", "href", "/here"),
    "bad-escape": _attribute(f"{A}entry/{A}link", "href", "https://a.example/%zz"),
    "unknown-relation": _attribute(f"{A}entry/{A}link", "rel", "original"),
    "author-without-name": _without(f"{A}entry/{A}author/{A}name"),
    "category-without-term": _attribute(f"{A}entry/{A}category", "term", ""),
    "unknown-attribute": _attribute(f"{A}entry/{A}title", "lang", "en"),
    "bad-language": _attribute(f"{A}entry", f"{XML}lang", "de_AT"),
    "misplaced-element": lambda root: etree.SubElement(root.find(f"{A}entry"), f"{A}subtitle"),
    "element-of-no-namespace": lambda root: etree.SubElement(root, "extra", {}),
    "markup-in-text": lambda root: etree.SubElement(root.find(f"{A}entry/{A}title"), f"{A}b"),
    "unknown-namespace": lambda root: etree.SubElement(root.find(f"{A}entry"), "{http://nobody.example/}x"),
    "entry-before-title": lambda root: root.insert(0, root.find(f"{A}entry")),
    "complete-twice": _doubled(f"{HISTORY}complete"),
    "complete-with-text": _said(f"{HISTORY}complete", "yes"),
    "complete-and-archive": lambda root: etree.SubElement(root, f"{HISTORY}archive"),
    "archive-without-its-feed": lambda root: (
        _without(f"{HISTORY}complete")(root) or root.insert(0, etree.Element(f"{HISTORY}archive"))
    ),
    "complete-before-an-archive": lambda root: root.insert(0, _link("prev-archive", "application/atom+xml")),
    "current-without-archive": lambda root: root.insert(0, _link("current", "application/atom+xml")),
    "archive-in-another-format": lambda root: (
        _without(f"{HISTORY}complete")(root) or root.insert(0, _link("prev-archive", "application/rss+xml"))
    ),
    "archive-of-an-entry": lambda root: (
        root.find(f"{A}entry").append(_link("prev-archive", "application/atom+xml"))
    ),
    "hub-at-no-web-address": lambda root: root.insert(0, etree.Element(f"{A}link", rel="hub", href="tag:x,2020:hub")),
    "deleted-without-when": lambda root: root.insert(0, etree.Element(f"{DELETED}deleted-entry", ref="tag:x,2020:y")),
    "deleted-at-no-time": lambda root: root.insert(0, _deleted("tag:x,2020:y", "yesterday")),
    "deleted-without-id": lambda root: root.insert(0, _deleted("y", "2024-05-01T08:00:00Z")),
    "deleted-and-there": lambda root: (
        root.insert(0, _deleted(root.findtext(f"{A}entry/{A}id"), "2024-05-01T08:00:00Z"))
    ),
    "deleted-twice": lambda root: [root.insert(0, _deleted("tag:x,2020:y", f"2024-05-0{day}")) for day in (1, 2)],
    "deleted-in-an-entry": lambda root: (
        root.find(f"{A}entry").append(_deleted("tag:x,2020:y", "2024-05-01T08:00:00Z"))
    ),
    "deleted-after-the-entries": lambda root: root.append(_deleted("tag:x,2020:y", "2024-05-01T08:00:00Z")),
}

RSS_DAMAGE = {
    "no-title": _without("channel/title"),
    "two-links": _doubled("channel/link"),
    "no-description": _without("channel/description"),
    "other-version": _attribute(".", "version", "0.91"),
    "no-self": _without(f"channel/{A}link"),
    "self-elsewhere": _attribute(f"channel/{A}link", "href", "https://news.example/other.rss"),
    "two-digit-year": _said("channel/lastBuildDate", "Wed, 01 May 24 08:00:00 GMT"),
    "wrong-weekday": _said("channel/item/pubDate", "Sun, 01 May 2024 08:00:00 GMT"),
    "ttl-in-words": _said("channel/ttl", "an hour"),
    "item-without-guid": _without("channel/item/guid"),
    "item-twice": _doubled("channel/item"),
    "item-before-title": lambda root: root[0].insert(0, root.find("channel/item")),
    "permalink": _attribute("channel/item/guid", "isPermaLink", "true"),
    "relative-link": _said("channel/item/link", "/here"),
    "unknown-element": lambda root: etree.SubElement(root.find("channel/item"), "updated"),
    "author-without-mail": lambda root: _said("author", "Jane")(_with(root.find("channel/item"), "author")),
    "content-without-description": lambda root: (
        etree.SubElement(root.find("channel/item"), f"{CONTENT}encoded").append(etree.Comment("x"))
        or _without("channel/item/description")(root)
    ),
    "relative-address-in-html": _said("channel/item/description", '<a href="here">x</a>'),
    "complete-twice": _doubled(f"channel/{HISTORY}complete"),
    "unknown-link": lambda root: root[0].insert(0, _link("prev-archive", "application/rss+xml")),
    "hub-at-no-web-address": lambda root: root[0].insert(0, etree.Element(f"{A}link", rel="hub", href="tag:x,2020:h")),
    "named-reference": lambda root: None,
}


def _with(element: Any, name: str) -> Any:
    etree.SubElement(element, name)
    return element


JSON_DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "no-version": lambda feed: feed.pop("version"),
    "version-1": lambda feed: feed.update(version="https://jsonfeed.org/version/1"),
    "no-title": lambda feed: feed.pop("title"),
    "no-items": lambda feed: feed.pop("items"),
    "elsewhere": lambda feed: feed.update(feed_url="https://news.example/other.json"),
    "unknown-key": lambda feed: feed.update(author={"name": "x"}),
    "relative-icon": lambda feed: feed.update(icon="/icon.png"),
    "item-without-id": lambda feed: feed["items"][0].pop("id"),
    "id-is-a-number": lambda feed: feed["items"][0].update(id=12),
    "item-twice": lambda feed: feed["items"].append(feed["items"][0]),
    "item-without-content": lambda feed: feed["items"][0].pop("content_text"),
    "date-without-zone": lambda feed: feed["items"][0].update(date_published="2024-05-01T08:00:00"),
    "empty-tag": lambda feed: feed["items"][0].update(tags=[""]),
    "tags-as-text": lambda feed: feed["items"][0].update(tags="AI"),
    "empty-author": lambda feed: feed["items"][0].update(authors=[{}]),
    "empty-title": lambda feed: feed["items"][0].update(title=""),
    "bad-language": lambda feed: feed.update(language="en_GB"),
    "extension-is-text": lambda feed: feed.update(_feedd="x"),
    "next-is-itself": lambda feed: feed.update(next_url=feed["feed_url"]),
    "relative-next": lambda feed: feed.update(next_url="all/2024-05.json"),
    "hub-without-type": lambda feed: feed.update(hubs=[{"url": "https://hub.example/"}]),
    "hub-of-another-type": lambda feed: feed.update(hubs=[{"type": "x", "url": "https://hub.example/"}]),
    "hub-at-no-web-address": lambda feed: feed.update(hubs=[{"type": "WebSub", "url": "hub.example"}]),
}

OPML_DAMAGE = {
    "version-1": _attribute(".", "version", "1.0"),
    "no-head": _without("head"),
    "no-body": _without("body"),
    "no-outlines": lambda root: root.find("body").clear(),
    "blank-title": _said("head/title", ""),
    "unknown-element": lambda root: etree.SubElement(root.find("head"), "updated"),
    "outline-without-text": lambda root: root.find("body/outline").attrib.pop("text"),
    "relative-address": _attribute("body/outline", "xmlUrl", "all.atom"),
    "relative-page": _attribute("body/outline", "htmlUrl", "all.html"),
    "no-address": lambda root: root.find("body/outline").attrib.pop("xmlUrl"),
    "no-type": lambda root: root.find("body/outline").attrib.pop("type"),
    "another-type": _attribute("body/outline", "type", "link"),
    "unknown-attribute": _attribute("body/outline", "icon", "https://news.example/i.png"),
    "bad-language": _attribute("body/outline", "language", "en_GB"),
    "empty-folder": lambda root: etree.SubElement(root.find("body"), "outline", text="Nothing"),
    "text-between": _said("body/outline", "x"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The documents of a site with two plain articles."""
    made = Site(tmp_path_factory.mktemp("plain"))
    made.story("one.md", "Q and A")
    made.story("two.md")
    made.build()
    return made.documents()


@pytest.mark.parametrize("damage", ATOM_DAMAGE)
def test_the_rules_of_atom_notice(plain: dict[str, bytes], damage: str) -> None:
    root = etree.fromstring(plain["all.atom"])
    assert list(atom_faults(etree.tostring(root), f"{BASE}all.atom")) == []
    ATOM_DAMAGE[damage](root)
    assert list(atom_faults(etree.tostring(root), f"{BASE}all.atom")) != []


@pytest.mark.parametrize("damage", RSS_DAMAGE)
def test_the_rules_of_rss_notice(plain: dict[str, bytes], damage: str) -> None:
    root = etree.fromstring(plain["all.rss"])
    assert list(rss_faults(etree.tostring(root), f"{BASE}all.rss")) == []
    RSS_DAMAGE[damage](root)
    data = etree.tostring(root)
    if damage == "named-reference":
        data = data.replace(b"Q and A", b"Q &amp; A")
    assert list(rss_faults(data, f"{BASE}all.rss")) != []


@pytest.mark.parametrize("damage", JSON_DAMAGE)
def test_the_rules_of_json_feed_notice(plain: dict[str, bytes], damage: str) -> None:
    feed = json.loads(plain["all.json"])
    assert list(json_faults(json.dumps(feed).encode(), f"{BASE}all.json")) == []
    JSON_DAMAGE[damage](feed)
    assert list(json_faults(json.dumps(feed).encode(), f"{BASE}all.json")) != []


@pytest.mark.parametrize("damage", OPML_DAMAGE)
def test_the_rules_of_opml_notice(long: Site, damage: str) -> None:
    root = etree.fromstring(long.documents()["feeds.opml"])
    assert list(opml_faults(etree.tostring(root), f"{BASE}feeds.opml")) == []
    OPML_DAMAGE[damage](root)
    assert list(opml_faults(etree.tostring(root), f"{BASE}feeds.opml")) != []

"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/), made by msgspec.

In: an `Entry`, or a `Feed` with the bytes of its items. Out: bytes of JSON in UTF-8. Neither chooses the
entries nor writes files. An item is made once and its bytes are spliced into every feed that holds it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from feedd import __version__
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Author, Entry, Feed, Related


class _Author(msgspec.Struct, omit_defaults=True):
    name: str = ""
    url: str = ""
    avatar: str = ""


class _Extension(msgspec.Struct):
    """What JSON Feed has no key for."""

    related: tuple[Related, ...]


class _Item(msgspec.Struct, omit_defaults=True, rename={"extension": "_feedd"}):
    """The keys of an item, in the order in which they are written."""

    id: str
    url: str
    title: str
    date_published: datetime
    date_modified: datetime
    external_url: str = ""
    summary: str = ""
    content_html: str = ""
    content_text: str = ""
    image: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[_Author, ...] = ()
    language: str = ""
    extension: _Extension | None = None


class _Hub(msgspec.Struct):
    """Where a reader asks to be told of changes."""

    url: str
    type: str = "WebSub"


class _About(msgspec.Struct):
    """What made the feed; JSON Feed has no key for that either."""

    generator: str = f"feedd {__version__}"


class _Document(msgspec.Struct, omit_defaults=True, kw_only=True, rename={"about": "_feedd"}):
    """The keys of a feed, in the order in which they are written."""

    version: str
    title: str
    home_page_url: str
    feed_url: str
    next_url: str = ""
    description: str = ""
    icon: str = ""
    favicon: str = ""
    language: str = ""
    hubs: tuple[_Hub, ...] = ()
    about: _About
    items: msgspec.Raw


_encode = msgspec.json.Encoder().encode

_REFUSALS = (ValueError, TypeError, OverflowError)
"""What msgspec and datetime raise for a value that they cannot write."""


def json_item(entry: Entry) -> bytes:
    """The item object on one line, for `json_document`. Raises RenderError."""
    try:
        return _encode(_item(entry))
    except _REFUSALS as error:
        raise _refused(f"entry {entry.id!r}", error) from error


def json_document(feed: Feed, items: Sequence[bytes]) -> bytes:
    """The feed object around those items, each on a line of its own. Raises RenderError."""
    try:
        return _encode(_document(feed, items)) + b"\n"
    except _REFUSALS as error:
        raise _refused(f"feed {feed.name!r}", error) from error


def _refused(what: str, error: Exception) -> RenderError:
    return RenderError(Problem("render-failed", f"{what} cannot be written as JSON: {error}"))


def _item(entry: Entry) -> _Item:
    return _Item(
        id=entry.id,
        url=entry.link,
        title=entry.title,
        date_published=datetime.fromtimestamp(entry.published, UTC),
        date_modified=datetime.fromtimestamp(entry.updated, UTC),
        external_url=entry.via,
        summary=entry.summary,
        content_html=entry.html,
        content_text=_content_text(entry),
        image=entry.image.url if entry.image else "",
        tags=tuple(category.label or category.term for category in entry.categories),
        authors=_authors(entry.author),
        language=entry.language,
        extension=_Extension(entry.related) if entry.related else None,
    )


def _content_text(entry: Entry) -> str:
    """An item must have a content of one kind or the other."""
    return "" if entry.html else entry.summary or entry.title


def _authors(author: Author) -> tuple[_Author, ...]:
    known = author.name or author.url or author.avatar
    return (_Author(author.name, author.url, author.avatar),) if known else ()


def _document(feed: Feed, items: Sequence[bytes]) -> _Document:
    return _Document(
        version="https://jsonfeed.org/version/1.1",
        title=feed.title,
        home_page_url=feed.page,
        feed_url=feed.url("json"),
        next_url=f"{feed.base}{feed.previous}.json" if feed.previous else "",
        description=feed.description,
        icon=feed.logo,
        favicon=feed.icon,
        language=feed.language,
        hubs=tuple(map(_Hub, feed.hubs)),
        about=_About(),
        items=msgspec.Raw(b"[\n" + b",\n".join(items) + b"\n]"),
    )

"""Entry, feed and document: what subscribers see, as values.

In: nothing. Out: the vocabulary that selection fills and that the formats write. An `Entry` is exactly the projection
of an article that can reach a subscriber; whatever is not a field here (`secured`, `heat`, `quality`, the excerpts of
related links) cannot be published by mistake. Does not decide what is shown (`select`) nor how it is written
(`rss_atom`, `json_feed`).

Every time is in whole seconds since 1970-01-01T00:00:00Z. Every URL is absolute. Every text is plain text that XML 1.0
can carry, but for `Entry.html`, which is sanitised HTML. An empty string means that there is none.
"""

from hashlib import blake2b

from msgspec import Struct

Instant = int
"""A moment in whole seconds since 1970-01-01T00:00:00Z."""


class Image(Struct, frozen=True, array_like=True):
    """A picture; `width` and `height` are in pixels, 0 where they are not known."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""
    credit: str = ""


class Category(Struct, frozen=True, array_like=True):
    """A topic of an entry: `term` names it for ever, `label` for people, `scheme` says whose terms these are."""

    term: str
    label: str
    scheme: str


class Author(Struct, frozen=True, array_like=True):
    """The provider of an entry: its name, home page and picture."""

    name: str
    url: str = ""
    avatar: str = ""


class Related(Struct, frozen=True):
    """A link to another story."""

    title: str
    url: str


class Entry(Struct, frozen=True, array_like=True):
    """What subscribers see of one article.

    `link` is where the story is read, `via` its original where that is another page. `source_feed` is the address of
    the provider's own feed, where known. `language` is empty where it is the site's. `updated` is at least `published`.
    """

    id: str
    title: str
    summary: str
    html: str
    link: str
    via: str
    published: Instant
    updated: Instant
    categories: tuple[Category, ...]
    author: Author
    source_feed: str
    image: Image | None
    video: bool
    related: tuple[Related, ...]
    language: str


class Tombstone(Struct, frozen=True, array_like=True):
    """An entry that was withdrawn (RFC 6721): its id, and since when it is public nowhere."""

    id: str
    when: Instant


class Listing(Struct, frozen=True, array_like=True):
    """A feed as lists of feeds show it: the index page and the OPML document.

    `kind` is "all", "topic", "provider" or "feed", `label` what its topic or provider is called. `count` is how many
    public articles it has, those in its archives included, `whole` False if there are more than are counted. The newest
    of them has the title `newest_title` and the link `newest_link`, and was published at `newest`.
    """

    name: str
    kind: str
    title: str
    label: str
    description: str = ""
    icon: str = ""
    count: int = 0
    whole: bool = True
    newest_title: str = ""
    newest_link: str = ""
    newest: Instant | None = None


class Feed(Struct, frozen=True):
    """What is said of a feed as a whole, its title above all; the same in every format.

    `name` is the path of its documents below the output directory without the suffix, such as `topics/ai`; `base` is
    the URL of that directory, ending in `/`. `page` is the page or site that the feed is about. `updated` is the newest
    of its entries', never the clock's; `newest` is when the newest of them was published, None without any. `icon` is a
    small square picture, `logo` a larger one. `ttl` is in minutes. `hubs` are the addresses of WebSub hubs,
    `stylesheet` that of the CSS for browsers. `tombstones` are what was withdrawn lately, the newest first.

    What no longer fits is in archive documents (RFC 5005): `previous` is the name of the one before this document, such
    as `topics/ai/2024-05`. `complete`: there is nothing more than what is here. `count` is how many public articles the
    feed has, those in its archives included, as in `Listing`; 0 where that is not known. An archive document has the id
    of its feed, a name of its own, and in `current` the name of its feed.
    """

    id: str
    name: str
    base: str
    title: str
    description: str
    page: str
    language: str
    updated: Instant
    newest: Instant | None
    ttl: int
    icon: str = ""
    logo: str = ""
    hubs: tuple[str, ...] = ()
    stylesheet: str = ""
    tombstones: tuple[Tombstone, ...] = ()
    previous: str = ""
    current: str = ""
    complete: bool = False
    count: int = 0

    def url(self, suffix: str) -> str:
        """The address of this feed's document with that suffix, such as `https://…/feeds/topics/ai.atom`."""
        return f"{self.base}{self.name}.{suffix}"


class Document(Struct, frozen=True):
    """One feed in one format: the bytes, and the path below the output directory with `/` between its parts."""

    path: str
    data: bytes

    @property
    def digest(self) -> bytes:
        """16 bytes that differ where the data differ."""
        return blake2b(self.data, digest_size=16).digest()

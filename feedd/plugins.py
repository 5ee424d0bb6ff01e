"""Plug-ins: what packages beside feedd import from it, and all that they should.

A filter is a function of an `Article` that says whether a feed takes it, under an entry point of the group
`feedd.filters`. A format is a `Format` under one of the group `feedd.formats`, whose name is the suffix of its
documents: its `entry` writes an `Entry`, its `document` a `Feed` around those bytes. Both give text in UTF-8, the same
for the same values, and raise RenderError for what they cannot write. What is named here stays as it is over minor
versions; whatever else is in feedd may change with any.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Author, Category, Entry, Feed, Image, Related, Tombstone
from feedd.feeds.formats import Format

__all__ = [
    "Article",
    "Author",
    "Category",
    "Entry",
    "Feed",
    "Filter",
    "Format",
    "Image",
    "Problem",
    "Related",
    "RenderError",
    "Tombstone",
]


class Article(Struct, frozen=True):
    """What a filter is given of an article that its author publishes: what subscribers are going to see, without the
    body. It may be under embargo still.

    `published` and `modified` are in UTC, the latter None where the article does not say; `language` is never empty.
    `link` is where the story is read, `original` its original. `topics` are called as in the article. `provider` is
    called as there, with its `domain`. `image` is the address of the first picture. An empty string means that there is
    none.
    """

    title: str
    excerpt: str
    link: str
    original: str
    published: datetime
    modified: datetime | None
    language: str
    collection: str
    type: str
    topics: tuple[str, ...]
    provider: str
    domain: str
    image: str


Filter = Callable[[Article], bool]
"""Whether a feed takes an article. It must depend on nothing but that: feedd asks when the article is filed, and again
when the article or the package changes. So it must not ask what time it is. Nobody can stop one that does not end.
"""

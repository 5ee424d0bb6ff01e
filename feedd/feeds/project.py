"""Projection: an article becomes its entry, which is all that subscribers ever see of it.

In: the article, its id, the taxonomy, the site, and which related links may be shown. Out: an `Entry`. Pure. Bodies are
Markdown or HTML and come out sanitised either way. Does not choose articles, nor format entries.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from feedd.config import Config
from feedd.content.article import Article, Link, Picture
from feedd.content.links import absolute, story
from feedd.content.taxonomy import Taxonomy
from feedd.content.text import carriable
from feedd.feeds.entry import Author, Category, Entry, Image, Related

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MAX_RELATED = 5


def project(
    article: Article, id: str, updated: int, related: Sequence[Link], taxonomy: Taxonomy, config: Config
) -> Entry:
    """What subscribers see of an article. `related` are those of its `distinct_related` that may be shown."""
    link = address(article, config)
    provider = taxonomy.organization(article.provider, article.link)
    language = article.language
    return Entry(
        id=id,
        title=article.title,
        summary=article.excerpt,
        html=body_html(article, link) if article.body else "",
        link=link,
        via=_via(article, link),
        published=article.date,
        updated=updated,
        categories=_categories(article, taxonomy, config),
        author=Author(provider.name or config.site.title, provider.url, provider.logo),
        source_feed=provider.feed,
        image=_image(article.image, config.site.url),
        video=article.type == "video",
        related=tuple(Related(link.title, link.url) for link in related),
        language="" if language == config.site.language else language,
    )


def address(article: Article, config: Config) -> str:
    """Where readers are sent: the AMP page if wanted, the article's web address, the site's own page, the original."""
    if config.content.amp and article.amp_url:
        return article.amp_url
    if config.content.own_pages and not article.web_url:
        return absolute(config.content.own_pages.replace("{slug}", quote(article.slug, safe="")), config.site.url)
    return article.link


def _via(article: Article, link: str) -> str:
    """The original, where that is another page than the one that the link leads to (an AMP page is the same page)."""
    page = article.link if link == article.amp_url else link
    original = article.original_url
    return original if original and original != page and story(original) != story(page) else ""


def _categories(article: Article, taxonomy: Taxonomy, config: Config) -> tuple[Category, ...]:
    scheme = f"{config.site.feeds_url}topics/"
    topics = {topic.slug: topic for topic in map(taxonomy.topic, article.topics)}
    ignore = config.taxonomy.unknown_topics == "ignore"
    return tuple(Category(topic.term, topic.name, scheme) for topic in topics.values() if topic.known or not ignore)


def _image(picture: Picture | None, base: str) -> Image | None:
    url = absolute(picture.url, base) if picture else ""
    if picture is None or not url:
        return None
    return Image(url, picture.width, picture.height, picture.title, picture.credit)


def distinct_related(article: Article) -> list[Link]:
    """The related links of an article without itself and without those that lead to one story twice."""
    if not article.related:
        return []
    other_pages = {article.original_url, article.amp_url} - {article.link, ""}
    own = {article.story, *map(story, other_pages)}
    links: dict[int, Link] = {}
    for link in article.related:
        if link.story not in own:
            links.setdefault(link.story, link)
    return list(links.values())


def body_html(article: Article, link: str) -> str:
    """The body as sanitised HTML: no scripts, frames, forms, styles, event handlers; every address absolute."""
    is_html = article.path.lower().endswith((".html", ".htm"))
    return sanitised(article.body if is_html else _markdown().render(article.body), link)


@lru_cache(maxsize=1)
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # takes 60 ms to import, and many sites have no bodies

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def sanitised(html: str, base: str) -> str:
    """HTML of which nothing can run or load a page: an allow-list of tags, http(s) and mailto addresses only.

    Relative addresses are made absolute from `base`; those that cannot be are dropped, as is what XML cannot carry.
    What is left when a tag goes may be read in another way (`<p><select><p>`): it is done until nothing more changes.
    """
    clean = _sanitised_once(html, base)
    for _ in range(_ROUNDS):
        before, clean = clean, _sanitised_once(clean, base)
        if clean == before:
            return clean
    return escape(clean)  # never seen; what cannot be settled is shown as text


def _sanitised_once(html: str, base: str) -> str:
    import nh3

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name not in {"href", "src", "cite"}:
            return value
        return value if _MAIL.match(value) else absolute(value, base) or None

    attributes = {**nh3.ALLOWED_ATTRIBUTES, "img": {"src", "alt", "title", "width", "height"}}
    clean: str = nh3.clean(
        html, attributes=attributes, attribute_filter=attribute, url_schemes={"http", "https", "mailto"}
    )
    return carriable(clean).strip()


_ROUNDS = 8
_MAIL = re.compile(r"mailto:[^\s]+\Z", re.IGNORECASE)

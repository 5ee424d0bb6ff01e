"""Taxonomy: what is known about topics and providers, from the configuration and from directories beside the content.

In: inline topics and organizations, and files: YAML (`_id`, `name`, `parent`, `aliases`) or Markdown with front matter
(`_id`, `name`, `domain`, `images`, `otherNames`). Out: a `Taxonomy`, which tells what an article's topics and provider
are called and where their feeds lie. Knows no articles.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from feedd.content import header
from feedd.content.article import Picture, Provider, pixels
from feedd.content.links import absolute, host, web_url
from feedd.content.simple_yaml import Flag
from feedd.content.slugs import domain_slug, hashed, slug
from feedd.content.text import key, plain
from feedd.errors import BrokenArticle, Problem

MAX_FILE = 1 << 20
_SUFFIXES = (".yaml", ".yml", ".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as subscribers see it: `term` names it for ever, `slug` names its feed's file, `parent` is a slug."""

    name: str
    term: str
    slug: str
    parent: str = ""
    aliases: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Organization:
    """A provider as subscribers see it. `key` names its feed's file; the pictures are absolute addresses or empty."""

    key: str
    name: str
    url: str = ""
    feed: str = ""
    icon: str = ""
    logo: str = ""
    aliases: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Topics and organizations by every name that leads to them. `base` makes relative picture addresses absolute.

    `slugs` are those that listed topics hold.
    """

    base: str = ""
    topics: Mapping[str, Topic] = field(default_factory=dict)
    organizations: Mapping[str, Organization] = field(default_factory=dict)
    slugs: frozenset[str] = frozenset()

    def topic(self, name: str) -> Topic:
        """The topic that an article means by that name; one that nobody listed gets a feed of its own."""
        found = self.topics.get(key(name))
        return found or _unknown_topic(name, self.slugs)

    def listed(self, slug: str) -> Topic | None:
        """The topic of the taxonomy whose feed has that file name."""
        return next((topic for topic in self.topics.values() if topic.slug == slug), None)

    def organization(self, provider: Provider, link: str) -> Organization:
        """The provider of an article: by its domain, else by its name, else by the host of the article's link."""
        domain = provider.domain
        found = self.organizations.get(domain) or self.organizations.get(key(provider.name))
        if found:
            return found if found.icon else _with_pictures(found, provider, self.base)
        domain = domain or host(link)
        name = provider.name or domain
        lies_at = domain_slug(domain) if domain else slug(name)
        unknown = Organization(lies_at, name, f"https://{domain}/" if domain else "", known=False)
        return _with_pictures(unknown, provider, self.base)

    def children(self, parent: str) -> frozenset[str]:
        """The slugs below a topic in the tree, with its own."""
        found, size = {parent}, 0
        while size != len(found):
            size = len(found)
            found |= {topic.slug for topic in self.topics.values() if topic.parent in found}
        return frozenset(found)

    def ancestors(self, child: str) -> list[str]:
        """The slugs above a topic in the tree, nearest first; a loop in the tree ends the climb."""
        parents = {topic.slug: topic.parent for topic in self.topics.values()}
        path: list[str] = []
        while (child := parents.get(child, "")) and child not in path:
            path.append(child)
        return path


@lru_cache(maxsize=4096)
def _unknown_topic(name: str, taken: frozenset[str]) -> Topic:
    lies_at = slug(name)
    lies_at = hashed(name) if lies_at in taken else lies_at
    return Topic(name, lies_at, lies_at, known=False)


def _with_pictures(found: Organization, provider: Provider, base: str) -> Organization:
    icon, logo = icon_and_logo(provider.images, base)
    return Organization(found.key, found.name, found.url, found.feed, icon, logo, found.aliases, found.known)


def icon_and_logo(pictures: Iterable[Picture], base: str) -> tuple[str, str]:
    """The addresses of the smallest and the largest picture; empty where there is none."""
    usable = [(picture.width * picture.height, absolute(picture.url, base)) for picture in pictures]
    usable = [(size, url) for size, url in usable if url]
    return (min(usable)[1], max(usable)[1]) if usable else ("", "")


@dataclass(frozen=True, slots=True)
class TopicItem:
    """A topic as somebody wrote it down; `file` says where."""

    name: str
    id: str = ""
    parent: str = ""
    aliases: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class OrganizationItem:
    """A provider as somebody wrote it down; `file` says where."""

    name: str
    domain: str
    aliases: tuple[str, ...] = ()
    feed: str = ""
    pictures: tuple[Picture, ...] = ()
    file: str = ""


def build(
    topics: Iterable[TopicItem], organizations: Iterable[OrganizationItem], base: str
) -> tuple[Taxonomy, tuple[Problem, ...]]:
    """The taxonomy of these items, the earlier one first where two claim one name, and what is wrong with them."""
    problems: list[Problem] = []
    named = _topics(topics, problems)
    by_name = _organizations(organizations, base, problems)
    return Taxonomy(base, named, by_name, frozenset(topic.slug for topic in named.values())), tuple(problems)


def _topics(items: Iterable[TopicItem], problems: list[Problem]) -> dict[str, Topic]:
    items = list(items)
    named: dict[str, Topic] = {}
    slugs: set[str] = set()
    for item in items:
        lies_at = slug(item.id.replace("-", " ")) if item.id else slug(item.name)
        if lies_at in slugs:
            lies_at = hashed(item.name)
        topic = Topic(item.name, item.id or lies_at, lies_at, key(item.parent), item.aliases)
        if _claim(named, (item.name, item.id, *item.aliases), topic, item.file, "topic", problems):
            slugs.add(lies_at)
    return {name: _with_parent(topic, named, items, problems) for name, topic in named.items()}


def _with_parent(topic: Topic, named: dict[str, Topic], items: list[TopicItem], problems: list[Problem]) -> Topic:
    parent = named.get(topic.parent)
    if topic.parent and parent is None:
        file = next((item.file for item in items if item.name == topic.name), "")
        what = f"parent {topic.parent!r} of topic {topic.name!r} is not in the taxonomy"
        problem = Problem("unknown-parent", what, "Add it, or mend its name.", file, None, "parent", "warning")
        if problem not in problems:
            problems.append(problem)
    lies_at = parent.slug if parent and parent.slug != topic.slug else ""
    return Topic(topic.name, topic.term, topic.slug, lies_at, topic.aliases)


def _organizations(items: Iterable[OrganizationItem], base: str, problems: list[Problem]) -> dict[str, Organization]:
    named: dict[str, Organization] = {}
    for item in items:
        icon, logo = icon_and_logo(item.pictures, base)
        home = f"https://{item.domain}/"
        found = Organization(domain_slug(item.domain), item.name, home, item.feed, icon, logo, item.aliases)
        _claim(named, (item.domain, item.name, *item.aliases), found, item.file, "provider", problems)
    return named


def _claim(
    named: dict[str, Any], names: Iterable[str], value: Any, file: str, what: str, problems: list[Problem]
) -> bool:
    """Give every name that is still free to the value; say which are not. False if not even one was free."""
    free = False
    for name in dict.fromkeys(key(name) for name in names if name.strip()):
        holder = named.setdefault(name, value)
        free = free or holder is value
        if holder is not value and holder.name != value.name:
            said = f"{what} name {name!r} belongs to {holder.name!r} already"
            problems.append(Problem("doubled-name", said, "Use each name once.", file, None, "name", "warning"))
    return free


def files(folders: Iterable[Path]) -> list[Path]:
    """The taxonomy files in these directories (not below), sorted; a file given instead of a directory is itself."""
    found: list[Path] = []
    for folder in folders:
        if folder.is_file():
            found.append(folder)
        elif folder.is_dir():
            inside = sorted(folder.iterdir())
            found += [path for path in inside if path.suffix in _SUFFIXES and not path.name.startswith(".")]
    return found


def fingerprint(folders: Iterable[Path]) -> bytes:
    """16 bytes that change when a taxonomy file may have: paths, sizes, times. Reads no file."""
    digest = blake2b(digest_size=16)
    for path in files(folders):
        try:
            status = os.stat(path)  # noqa: PTH116 - the same function as source.stamp is fed by
        except OSError:
            continue
        digest.update(f"{path}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_size}\0".encode())
    return digest.digest()


def read_topics(folders: Iterable[Path]) -> tuple[list[TopicItem], list[Problem]]:
    """The topics in these directories, and the files that hold none."""
    items: list[TopicItem] = []
    problems: list[Problem] = []
    for path, mapping in _mappings(folders, problems):
        name = _text(mapping.get("name"))
        if name:
            names = _texts(mapping.get("aliases")) + _texts(mapping.get("otherNames"))
            items.append(TopicItem(name, _text(mapping.get("_id")), _text(mapping.get("parent")), names, str(path)))
        else:
            problems.append(_nameless(path))
    return items, problems


def read_organizations(folders: Iterable[Path]) -> tuple[list[OrganizationItem], list[Problem]]:
    """The organizations in these directories, and the files that hold none."""
    items: list[OrganizationItem] = []
    problems: list[Problem] = []
    for path, mapping in _mappings(folders, problems):
        name, domain = _text(mapping.get("name")), _text(mapping.get("domain")).lower().removeprefix("www.")
        if name and domain:
            names = _texts(mapping.get("otherNames")) + _texts(mapping.get("aliases"))
            feed = web_url(mapping.get("feed"))
            pictures = tuple(_pictures(mapping.get("images")))
            items.append(OrganizationItem(name, domain, names, feed, pictures, str(path)))
        else:
            problems.append(_nameless(path, "name and domain"))
    return items, problems


def _nameless(path: Path, needed: str = "name") -> Problem:
    return Problem("taxonomy-file", f"has no {needed}", f"Write {needed}, or move it away.", str(path), None, "name")


def _mappings(folders: Iterable[Path], problems: list[Problem]) -> Iterable[tuple[Path, dict[str, Any]]]:
    for folder in folders:
        if not folder.exists():
            what = "does not exist"
            problems.append(Problem("no-taxonomy", what, "Create it, or take it out of [taxonomy].", str(folder)))
    for path in files(folders):
        try:
            mapping = _mapping(path)
        except BrokenArticle as error:
            found = error.problem
            problems.append(Problem(found.kind, found.what, found.remedy, str(path), found.line))
        except OSError as error:
            remedy = "Let feedd's user read it."
            problems.append(Problem("unreadable", f"cannot be read: {error.strerror}", remedy, str(path)))
        else:
            yield path, mapping


def _mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, or in the front matter of a Markdown file; an empty one where there is none."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE)
    if path.suffix in {".yaml", ".yml"}:
        data = b"---\n" + data.removeprefix(b"\xef\xbb\xbf").removeprefix(b"---\n") + b"\n---\n"
    head = header.read(data)
    return head.mapping if head else {}


def _text(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(text for item in items if (text := _text(item)))


def _pictures(value: object) -> Iterable[Picture]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("url"), str) and not isinstance(item["url"], Flag):
            yield Picture(item["url"], pixels(item.get("width")), pixels(item.get("height")))

"""Taxonomy: what is known about topics and providers, from the configuration and from directories beside the content.

In: inline topics and organizations, and files: YAML (`_id`, `name`, `parent`, `aliases`) or Markdown with front matter
(`_id`, `name`, `domain`, `images`, `otherNames`). Out: a `Taxonomy`, which tells what an article's topics and provider
are called and where their feeds lie. Knows no articles.
"""

import errno
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from feedd.content.article import Picture, Provider, pixels
from feedd.content.links import absolute, host, web_url
from feedd.content.links import domain as domain_of
from feedd.content.slugs import domain_slug, hashed, slug
from feedd.content.source import shown
from feedd.content.text import Flag, key, plain
from feedd.errors import BrokenArticle, Problem

if TYPE_CHECKING:
    from feedd.content.header import Header

MAX_FILE = 1 << 20
_REMEMBERED = 4096  # answers
_SUFFIXES = (".yaml", ".yml", ".md", ".markdown")
# What may stand before the content of a YAML file: a byte order mark, comments, directives, the start of the document.
_YAML_START = re.compile(rb"(?:\xef\xbb\xbf)?(?:(?:[ \t]*(?:#.*)?|%.*)\r?\n)*---[ \t]*(?:#.*)?(?:\r?\n|\Z)")


class Topic(Struct, frozen=True):
    """A topic as subscribers see it: `term` names it for ever, `slug` names its feed's file, `parent` is a slug."""

    name: str
    term: str
    slug: str
    parent: str = ""
    aliases: tuple[str, ...] = ()
    known: bool = True


class Organization(Struct, frozen=True):
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
    topic: Callable[[str], Topic] = field(init=False, repr=False, compare=False)
    """The topic that an article means by a name; one that nobody listed gets a feed of its own."""
    _found: Callable[[Provider, str], Organization] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Most articles share topics and provider with others.
        object.__setattr__(self, "topic", lru_cache(_REMEMBERED)(self._topic))
        object.__setattr__(self, "_found", lru_cache(_REMEMBERED)(self._organization))

    def _topic(self, name: str) -> Topic:
        return self.topics.get(key(name)) or _unknown_topic(name, self.slugs)

    def listed(self, slug: str) -> Topic | None:
        """The topic of the taxonomy whose feed has that file name."""
        return next((topic for topic in self.topics.values() if topic.slug == slug), None)

    def organization(self, provider: Provider, link: str) -> Organization:
        """The provider of an article: by its domain, else by its name, else by the host of the article's link."""
        return self._found(provider, "" if provider.domain else host(link))

    def _organization(self, provider: Provider, linked: str) -> Organization:
        domain = provider.domain
        found = self.organizations.get(domain or key(provider.name))
        if not found and not domain:
            domain = linked
            found = self.organizations.get(domain)
        if found:
            return found if found.icon else _with_pictures(found, provider, self.base)
        name = provider.name or domain
        lies_at = domain_slug(domain) if domain else (name and slug(name))
        unknown = Organization(lies_at, name, f"https://{domain}/" if domain else "", known=False)
        return _with_pictures(unknown, provider, self.base)

    def ancestors(self, child: str) -> list[str]:
        """The slugs above a topic in the tree, nearest first; a loop in the tree ends the climb."""
        return _climb(child, {topic.slug: topic.parent for topic in self.topics.values()})[1:]


def _unknown_topic(name: str, taken: frozenset[str]) -> Topic:
    lies_at = _free(slug(name), name, taken)
    return Topic(name, lies_at, lies_at, known=False)


def _free(lies_at: str, name: str, taken: Container[str]) -> str:
    """The first file name for a topic that no other has; the last can only be taken by a name that ends in NUL."""
    return next((place for place in (lies_at, hashed(name)) if place not in taken), hashed(f"{name}\0"))


def _with_pictures(found: Organization, provider: Provider, base: str) -> Organization:
    icon, logo = icon_and_logo(provider.images, base)
    return Organization(found.key, found.name, found.url, found.feed, icon, logo, found.aliases, found.known)


@lru_cache(_REMEMBERED)
def icon_and_logo(pictures: tuple[Picture, ...], base: str) -> tuple[str, str]:
    """The addresses of the smallest and the largest picture; empty where there is none."""
    usable = [(picture.width * picture.height, absolute(picture.url, base)) for picture in pictures]
    usable = [(size, url) for size, url in usable if url]
    return (min(usable)[1], max(usable)[1]) if usable else ("", "")


class TopicItem(Struct, frozen=True):
    """A topic as somebody wrote it down; `file` says where."""

    name: str
    id: str = ""
    parent: str = ""
    aliases: tuple[str, ...] = ()
    file: str = ""


class OrganizationItem(Struct, frozen=True):
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
    listed = _merged(items, problems)
    named: dict[str, Topic] = {}
    slugs: set[str] = set()
    for item in listed:
        lies_at = _free(slug(item.id.replace("-", " ")) if item.id else slug(item.name), item.name, slugs)
        topic = Topic(item.name, item.id or lies_at, lies_at, key(item.parent), item.aliases)
        if _claim(named, (item.name, item.id, *item.aliases), topic, item.file, "topic", problems):
            slugs.add(lies_at)
    whole = {name: _with_parent(topic, named, listed, problems) for name, topic in named.items()}
    problems += _loops(whole, listed)
    return whole


def _merged(items: Iterable[TopicItem], problems: list[Problem]) -> list[TopicItem]:
    """One item a name: what a later one with the same name says is added to the first."""
    merged: dict[str, TopicItem] = {}
    for item in items:
        first = merged.setdefault(key(item.name), item)
        if first is item:
            continue
        if first.file:
            what = f"topic {item.name!r} is described in {first.file} already"
            problems.append(Problem("doubled-name", what, "Use each name once.", item.file, None, "name", "warning"))
        aliases = (*first.aliases, *([item.id] if first.id else []), *item.aliases)
        merged[key(item.name)] = replace(
            first, id=first.id or item.id, parent=first.parent or item.parent, aliases=aliases
        )
    return list(merged.values())


def _loops(named: dict[str, Topic], items: list[TopicItem]) -> Iterable[Problem]:
    """A warning for each topic that lies above its own parent."""
    parents = {topic.slug: topic.parent for topic in named.values()}
    for item in items:
        topic, above = named.get(key(item.name)), named.get(key(item.parent))
        if topic and above and topic.slug in _climb(above.slug, parents):
            what = f"parent {item.parent!r} of topic {item.name!r} lies below it"
            yield Problem("parent-loop", what, "Break the loop.", item.file, None, "parent", "warning")


def _climb(start: str, parents: Mapping[str, str]) -> list[str]:
    """A topic and those above it, nearest first; a loop ends the climb."""
    path = [start]
    while (above := parents.get(path[-1], "")) and above not in path:
        path.append(above)
    return path


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
        domain = domain_of(item.domain) or item.domain
        home = f"https://{domain}/"
        found = Organization(domain_slug(domain), item.name, home, item.feed, icon, logo, item.aliases)
        _claim(named, (domain, item.domain, item.name, *item.aliases), found, item.file, "provider", problems)
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
    """The taxonomy files in these directories (not below), sorted; a file given instead of a directory is itself.

    A directory that cannot be listed has none.
    """
    found: list[Path] = []
    for folder in folders:
        with suppress(OSError):
            found += _inside(folder)
    return found


def _inside(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return [path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES and not path.name.startswith(".")]


def fingerprint(folders: Iterable[Path]) -> bytes:
    """16 bytes that change when a taxonomy file may have: paths, sizes, times; also when a directory can be listed that
    could not be, and thus told what it told last. Reads no file.
    """
    digest = blake2b(digest_size=16)
    for folder in folders:
        with suppress(OSError):
            inside = _inside(folder)
            digest.update(os.fsencode(folder) + b"/\0")
            for path in inside:
                digest.update(_look(path))
    return digest.digest()


def _look(path: Path) -> bytes:
    """What of a file changes with it; nothing if it is gone."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the same function as source.stamp is fed by
    except OSError:
        return b""
    return os.fsencode(path) + f"\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_size}\0".encode()


class Known(Struct, frozen=True, array_like=True):
    """All that files told of topics and organizations, in the order of the files."""

    topics: tuple[TopicItem, ...] = ()
    organizations: tuple[OrganizationItem, ...] = ()


NOTHING = Known()


Item = TypeVar("Item", TopicItem, OrganizationItem)


def read_topics(folders: Iterable[Path], last: Iterable[TopicItem] = ()) -> tuple[list[TopicItem], list[Problem]]:
    """The topics in these directories, and the files that hold none. What cannot be read tells what it told `last`."""
    items: list[TopicItem] = []
    problems: list[Problem] = []
    for path, mapping in _mappings(folders, problems):
        name = _text(mapping.get("name"))
        if name:
            names = _texts(mapping.get("aliases")) + _texts(mapping.get("otherNames"))
            parent, file = _text(mapping.get("parent")), shown(str(path))
            items.append(TopicItem(name, _text(mapping.get("_id")), parent, names, file))
        else:
            problems.append(_nameless(path))
    return _with_last(items, problems, last, folders)


def read_organizations(
    folders: Iterable[Path], last: Iterable[OrganizationItem] = ()
) -> tuple[list[OrganizationItem], list[Problem]]:
    """The organizations in these directories, and the files that hold none; `last` as above."""
    items: list[OrganizationItem] = []
    problems: list[Problem] = []
    for path, mapping in _mappings(folders, problems):
        name, domain = _text(mapping.get("name")), domain_of(_text(mapping.get("domain")))
        if name and domain:
            names = _texts(mapping.get("otherNames")) + _texts(mapping.get("aliases"))
            feed = web_url(mapping.get("feed"))
            pictures = tuple(_pictures(mapping.get("images")))
            items.append(OrganizationItem(name, domain, names, feed, pictures, shown(str(path))))
        else:
            problems.append(_nameless(path, "name and domain"))
    return _with_last(items, problems, last, folders)


def _with_last(
    items: list[Item], problems: list[Problem], last: Iterable[Item], folders: Iterable[Path]
) -> tuple[list[Item], list[Problem]]:
    """With what was known of files and directories that have a problem now. So have directories that are empty, if
    there is nothing in any: what is around them, the content, is likely on its way out or back.
    """
    last = list(last)
    if last and not items:
        problems = [*problems, *_emptied(folders, problems)]
    kept = {place.file: [item for item in last if _is_in(item.file, place.file)] for place in problems}
    noted = [replace(one, what=f"{one.what}; what it said before stays") if kept[one.file] else one for one in problems]
    order = [shown(str(folder)) for folder in folders]
    every = items + [item for some in kept.values() for item in some]
    return sorted(every, key=lambda item: _rank(item.file, order)) if any(kept.values()) else items, noted


def _emptied(folders: Iterable[Path], problems: Sequence[Problem]) -> Iterator[Problem]:
    """The directories that can be listed and hold nothing, not even what has a problem."""
    for place in (shown(str(folder)) for folder in folders):
        if not any(_is_in(problem.file, place) for problem in problems):
            yield Problem("no-taxonomy", "is empty", "Put its files back, or take it out of [taxonomy].", place)


def _is_in(file: str, place: str) -> bool:
    return file == place or file.startswith(f"{place}/")


def _rank(file: str, folders: list[str]) -> tuple[int, str]:
    return next((rank for rank, folder in enumerate(folders) if _is_in(file, folder)), 0), file


def _nameless(path: Path, needed: str = "name") -> Problem:
    what, remedy = f"has no {needed}", f"Write {needed}, or move it away."
    return Problem("taxonomy-file", what, remedy, shown(str(path)), None, "name")


def _mappings(folders: Iterable[Path], problems: list[Problem]) -> Iterable[tuple[Path, dict[str, Any]]]:
    paths: list[Path] = []
    for folder in folders:
        try:
            paths += _inside(folder)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            what = "does not exist" if missing else f"cannot be listed: {error.strerror}"
            remedy = "Create it, or take it out of [taxonomy]." if missing else "Let feedd's user read it."
            problems.append(Problem("no-taxonomy", what, remedy, shown(str(folder))))
    for path in paths:
        try:
            mapping = _mapping(path)
        except BrokenArticle as error:
            found = error.problem
            problems.append(Problem(found.kind, found.what, found.remedy, shown(str(path)), found.line))
        except OSError as error:
            remedy = "Let feedd's user read it."
            problems.append(Problem("unreadable", f"cannot be read: {error.strerror}", remedy, shown(str(path))))
        else:
            yield path, mapping


def _mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, or in the front matter of a Markdown file; an empty one where there is none."""
    if not S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")  # a named pipe would be waited for
    with path.open("rb") as file:
        data = file.read(MAX_FILE)
    if path.suffix in {".yaml", ".yml"}:
        return _yaml_mapping(data)
    head = _header(data)
    return head.mapping if head else {}


def _yaml_mapping(data: bytes) -> dict[str, Any]:
    """The mapping of a YAML document, with or without `---` before it: read as front matter is, by the same rules."""
    start = _YAML_START.match(data)
    skipped = start.end() if start else 3 * data.startswith(b"\xef\xbb\xbf")
    try:
        head = _header(b"---\n" + data[skipped:] + b"\n---\n")
    except BrokenArticle as error:
        found = error.problem
        line = found.line and found.line - 1 + data.count(b"\n", 0, skipped)
        raise BrokenArticle(replace(found, line=line)) from None
    if head and head.body not in {"", "---"}:
        what = "holds more than one document"
        raise BrokenArticle(Problem("taxonomy-file", what, "Write one file for each."))
    return head.mapping if head else {}


def _header(data: bytes) -> "Header | None":
    from feedd.content import header  # late, as in `article.parse`

    return header.read(data)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(text for item in items if (text := _text(item)))


def _pictures(value: object) -> Iterable[Picture]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("url"), str) and not isinstance(item["url"], Flag):
            yield Picture(item["url"], pixels(item.get("width")), pixels(item.get("height")))

"""Survey: what lies in a directory that feedd does not know yet.

In: a directory. Out: a `Survey`: the files that are articles or mean to be, as feedd reads them, the directories of a
taxonomy, and what is not as feedd wants it. Files are read by the desk, as a build does, but by lenient rules: an
article without an address is one, since its page may be known later. Proposes nothing (`proposal` does) and writes
nothing.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from msgspec import Struct, field

from feedd.config import Config, Content, Output, Pages, Site, State
from feedd.content import header, taxonomy
from feedd.content.text import key
from feedd.desk import Desk, Record, decode_article, decode_problems
from feedd.errors import BrokenArticle, Problem, SourceError
from feedd.run import Progress
from feedd.workers import Workers

SUFFIXES = (".md", ".markdown", ".mdx", ".html", ".htm", ".txt")
"""Of files that may be articles."""

_MOSTLY_ARTICLES = (".md", ".markdown")
_DATA = (".yaml", ".yml")
_ALWAYS_SKIPPED = frozenset(
    {"node_modules", "bower_components", "site-packages", "__pycache__", "vendor", "venv", "_site"}
)
GENERATORS_OWN = ("_drafts", "_templates", "archetypes", "exampleSite")
"""Folders in which generators keep what is no article, or none yet, beside those that feedd leaves out anyway."""
LISTS = "_index.md"
"""The name of Hugo's pages that list others, which have front matter like articles."""

_MANY = 200  # files of a kind in one folder, of which some are looked at before all are
_SOME = 100
_KEYS_OF = 300  # articles whose keys are counted
_TAXONOMY_FILES = 20  # of a folder that are read to tell what it is


class Seen(Struct, frozen=True, gc=False):
    """A file that is an article or means to be one. `category` is empty where its front matter names none; `linked`:
    it names an address; `says`: it says whether it is published. Of what is `broken` no more is known than its path.
    """

    path: str
    broken: bool = False
    category: str = ""
    linked: bool = True
    says: bool = True
    naive: bool = False
    language: str = ""
    quality: int = 0
    heat: int = 0

    @property
    def place(self) -> str:
        """Its path, that of its folder where it is a page bundle (`a-story/index.md`), which stands for one article."""
        folder, _, name = self.path.rpartition("/")
        return folder if folder and name.startswith("index.") else self.path


class Survey(Struct):
    """What was found. Paths are below the directory, with `/`.

    `pages` have front matter and no date, so that they are hardly meant as articles; `toml` open with the fence of
    TOML, which feedd does not read; `aside` lie where generators keep what is no article, and were not looked at.
    `topics` and `providers` are folders, "" for the directory itself; `keys` counts the keys of the front matter of
    `keyed` articles.
    """

    seen: list[Seen] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    toml: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)
    keyed: int = 0

    @property
    def articles(self) -> list[Seen]:
        """Those that can be read."""
        return [one for one in self.seen if not one.broken]


def survey(root: Path, progress: Progress) -> Survey:
    """What lies in a directory; nothing, if it is not there. Raises SourceError where it cannot be listed."""
    found = Survey()
    if not root.is_dir():
        return found
    desk = Desk(_lenient(root), thorough=True)
    texts, folders = _listed(root, progress)
    wanted = {path: desk.tree.wanted(path) for path in texts}
    found.aside = [path for path in texts if not wanted[path]]
    paths = _worth_reading(desk, [path for path in texts if wanted[path]])
    used: set[str] = set()
    with Workers(desk) as workers:
        for count, record in enumerate(workers.records(paths), 1):
            if isinstance(record, Record):
                _sort(record, desk, found, used)
            progress("files", count, len(paths))
    _count_keys(desk, found)
    _find_taxonomy(root, folders, found, used)
    return found


def _lenient(root: Path) -> Config:
    """Everything in a directory, by rules that no address is asked for; nothing is ever written by it."""
    nowhere = "http://localhost/"
    own = tuple(f"**/{name}/**" for name in GENERATORS_OWN)
    content = Content(
        path=root,
        include=tuple(f"**/*{suffix}" for suffix in SUFFIXES),
        exclude=(*Content().exclude, *own, f"**/{LISTS}"),
        own_pages="http://localhost/{slug}/",
    )
    site = Site(title="?", url=nowhere, feeds_url=nowhere, id_authority="localhost")
    away = root / "?"
    return Config(site=site, content=content, output=Output(path=away), state=State(path=away), pages=Pages(False))


# Which files there are


def _listed(root: Path, progress: Progress) -> tuple[list[str], list[str]]:
    """The files that may be articles, and the folders that hold such or YAML. Hidden ones, links to folders and what
    package managers install are left out.
    """
    texts: list[str] = []
    folders: list[str] = []
    pending = [""]
    while pending:
        folder = pending.pop()
        holds = False
        for item in _items(root, folder):
            if item.is_dir(follow_symlinks=False):
                if item.name not in _ALWAYS_SKIPPED:
                    pending.append(f"{folder}{item.name}/")
            elif item.name.endswith(SUFFIXES):
                texts.append(folder + item.name)
                holds = True
            else:
                holds = holds or item.name.endswith(_DATA)
        if holds:
            folders.append(folder.rstrip("/"))
        progress("looking", len(texts), 0)
    progress("looking", len(texts), len(texts))
    return sorted(texts), sorted(folders)


def _items(root: Path, folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder and can be named in a configuration. A folder that cannot be listed is told of by whatever
    reads the content.
    """
    try:
        with os.scandir(root / folder) as items:
            yield from (item for item in items if item.name[0] != "." and not _UNFIT.search(item.name))
    except OSError as error:
        if not folder:
            what = f"cannot be listed: {error.strerror or error}"
            raise SourceError(Problem("no-content", what, "Let this user read it.", str(root))) from error


# Controls, and what is no UTF-8: a configuration holds neither.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _worth_reading(desk: Desk, paths: Sequence[str]) -> list[str]:
    """The paths without those of pages that a program made: of many files of a kind in one folder, none of some opens
    with front matter.
    """
    found: list[str] = []
    for (_, kind), group in groupby(sorted(paths, key=_kind), _kind):
        some = list(group)
        if kind in _MOSTLY_ARTICLES or len(some) <= _MANY or any(_opens(desk, path) for path in spread(some, _SOME)):
            found += some
    return sorted(found)


def _kind(path: str) -> tuple[str, str]:
    return path.rpartition("/")[0], suffix(path)


def suffix(path: str) -> str:
    """`.md`; all paths here have one."""
    return path[path.rindex(".") :]


def _opens(desk: Desk, path: str, fence: bytes = b"---") -> bool:
    """Whether a file opens with a fence."""
    try:
        data = desk.tree.read(path, 64)
    except OSError:
        return False
    return data is not None and data[1].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(fence)


def spread(items: Sequence[str], most: int) -> list[str]:
    """At most so many of the items, from all over them."""
    step = max(1, -(-len(items) // most))
    return list(items[::step])


# What each of them is


def _sort(record: Record, desk: Desk, found: Survey, used: set[str]) -> None:
    """Put a file where it belongs; `used` are the names of the topics of articles, as `text.key` has them."""
    if record.state == "article" and record.article:
        article = decode_article(record.article)
        kinds = {one.kind for one in _problems(record)}
        used.update(map(key, article.topics))
        found.seen.append(
            Seen(
                record.path,
                category="" if article.collection == "articles" else article.collection,
                linked=bool(article.link),
                says="published-missing" not in kinds,
                naive="naive-date" in kinds,
                language=article.language,
                quality=article.quality,
                heat=article.heat,
            )
        )
    elif record.state == "broken":
        _sort_broken(record, found)
    elif record.state == "skipped" and _opens(desk, record.path, b"+++"):
        found.toml.append(record.path)


def _sort_broken(record: Record, found: Survey) -> None:
    missing = {one.field for one in _problems(record) if one.kind == "missing"}
    if "publishedDateTime" not in missing:
        found.seen.append(Seen(record.path, broken=True))
    else:
        found.pages.append(record.path)


def _problems(record: Record) -> tuple[Problem, ...]:
    return decode_problems(record.problems) if record.problems else ()


def _count_keys(desk: Desk, found: Survey) -> None:
    """Count the keys of some articles: all have much the same."""
    for path in spread([one.path for one in found.articles], _KEYS_OF):
        try:
            data = desk.tree.read(path, desk.rules.max_bytes)
            head = header.read(data[1]) if data else None
        except (OSError, BrokenArticle):  # it was changed meanwhile
            continue
        if head:
            found.keys.update(name for name in head.mapping if isinstance(name, str))
            found.keyed += 1


# Taxonomy


def _find_taxonomy(root: Path, folders: Iterable[str], found: Survey, used: set[str]) -> None:
    """Find the folders of topics and of providers by what is in their files, wherever they are."""
    with_articles = {one.path.rpartition("/")[0] for one in found.seen}
    for folder in folders:
        if folder in with_articles:
            continue
        files = taxonomy.files([root / folder])
        some = [Path(path) for path in spread([str(path) for path in files], _TAXONOMY_FILES)]
        if _are_providers(some):
            found.providers.append(folder)
        elif _are_topics(some, used):
            found.topics.append(folder)


def _are_providers(files: Sequence[Path]) -> bool:
    items, _ = taxonomy.read_organizations(files)
    return _nearly_all(len(items), len(files))


def _are_topics(files: Sequence[Path], used: set[str]) -> bool:
    """Whether files describe topics: each has a name, and articles use some of them, or, where no article has any
    topic, each has an id too. People and events have names as well.
    """
    items, _ = taxonomy.read_topics(files)
    if not _nearly_all(len(items), len(files)):
        return False
    if used:
        return any(key(name) in used for one in items for name in (one.name, one.id, *one.aliases) if name)
    return all(one.id for one in items)


def _nearly_all(count: int, total: int) -> bool:
    return total > 0 and count * 10 >= total * 9


# Where the articles are


_HOMES = ("content", "articles")


def content_root(found: Survey) -> str:
    """The folder that holds nearly all articles, and as few other files with front matter as can be: the deepest one,
    or one above it that is named for articles, if nothing else would come in. "" is the directory itself.
    """
    places = [one.place for one in found.seen] or found.toml
    nearest = deepest(places)
    parts = nearest.split("/")
    others = [*found.pages, *(one.path for one in found.seen if one.broken)]
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        if parts[count - 1] in _HOMES and not any(is_below(path, above) > is_below(path, nearest) for path in others):
            return above
    return nearest


def deepest(places: Sequence[str]) -> str:
    """The deepest folder that holds nearly all of these places; "" if none does."""
    folder = ""
    while True:
        start = len(folder) + bool(folder)
        below = (place[start:].split("/") for place in places if is_below(place, folder))
        children = Counter(parts[0] for parts in below if len(parts) > 1)
        child, count = children.most_common(1)[0] if children else ("", 0)
        if not count or not _nearly_all(count, len(places)):
            return folder
        folder = f"{folder}/{child}" if folder else child


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder or deeper; all lie in ""."""
    return not folder or path.startswith(f"{folder}/")

"""Proposal: the configuration that fits what a survey found, as values.

In: a survey, what a generator told, what an admin wishes, and where the site is to be. Out: a `Proposal`, which `text`
writes as TOML and `notes` comments on. Pure but for the question whether a place is free, which is passed in. Does not
know what a build would make of it (`site` finds that out).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from feedd.config import Content
from feedd.content.source import shown
from feedd.content.text import key, plain
from feedd.init.generators import Told
from feedd.init.survey import GENERATORS_OWN, LISTS, SUFFIXES, Seen, Survey, content_root, deepest, is_below, suffix

_MOST_COLLECTIONS = 12
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")  # of a collection
_DATE_FOLDER = re.compile(r"\d+(?:-\d+)*")


class Wishes(Struct, frozen=True):
    """What an admin wants to be so, whatever was found; empty: to be found out. `listen` is a host and a port."""

    title: str = ""
    url: str = ""
    listen: str = "127.0.0.1:8000"


class Group(Struct, frozen=True):
    """A collection: its folders, how many articles there are, and how many of them do not say whether they are
    published.
    """

    name: str
    folders: tuple[str, ...] = ()
    articles: int = 0
    unsaid: int = 0


class Rank(Struct, frozen=True):
    """A number by which articles can be chosen, `heat` or `quality`, and one that a fifth of them reach."""

    name: str
    least: int


class Proposal(Struct, frozen=True):
    """What a configuration is to say. Paths are as they are to be written: below its directory relative, else absolute.

    `exclude` are patterns beside those that hold anyway, `timezone` and `own_pages` empty where nobody told; `naive`
    counts the articles whose date has no zone, `homeless` those that have no address; `articles` are all that can be
    read; `generator` is what makes the pages, a name for people.
    """

    title: str
    url: str
    authority: str
    date: str
    content: str
    output: str
    state: str
    listen: str
    language: str = "en"
    include: tuple[str, ...] = ("**/*.md",)
    exclude: tuple[str, ...] = ()
    timezone: str = ""
    own_pages: str = ""
    groups: tuple[Group, ...] = ()
    topics: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    articles: int = 0
    naive: int = 0
    homeless: int = 0
    rank: Rank | None = None
    generator: str = ""

    @property
    def feeds_url(self) -> str:
        """The address at which the feeds can be read on this machine."""
        return local(self.listen)

    @property
    def unsaid(self) -> int:
        """How many articles do not say whether they are published."""
        return sum(group.unsaid for group in self.groups)


def local(listen: str) -> str:
    """The address at which somebody on this machine reaches who listens there."""
    host, _, port = listen.rpartition(":")
    return f"http://{_LOOPBACK.get(host, host)}:{port}/"


_LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - where whoever listens everywhere is reached


class Found(Struct, frozen=True):
    """What there is: a survey of the directory `root`, the folder of the articles below it, and what a generator told.

    `content` is "" where that folder is `root` itself.
    """

    root: Path
    survey: Survey
    told: Told = Told()
    content: str = ""

    @property
    def folder(self) -> Path:
        """The directory of the articles."""
        return self.root / self.content if self.content else self.root

    @property
    def seen(self) -> list[Seen]:
        """What lies in it."""
        return [one for one in self.survey.seen if is_below(one.path, self.content)]

    @property
    def any(self) -> bool:
        """Whether there is anything that is an article, or means to be one."""
        return bool(self.survey.seen or self.survey.toml)

    def below(self, path: str) -> str:
        """A path as seen from the directory of the articles."""
        return path[len(self.content) + 1 :] if self.content else path


def files(count: int, what: str = "file") -> str:
    """`1 file has`, `2 files have`."""
    return f"{count} {what} has" if count == 1 else f"{count} {what}s have"


def undecided(unsaid: int, articles: int) -> str:
    """`2 of 3 articles do not say whether they are published, so they are not`."""
    if articles == 1:
        return "1 article does not say whether it is published, so it is not"
    return f"{unsaid} of {articles} articles do not say whether they are published, so they are not"


def find(root: Path, survey: Survey, told: Told, content: str | None = None) -> Found:
    """What was found, with the folder of the articles: the one that was named, or the one that holds nearly all."""
    return Found(root, survey, told, content_root(survey) if content is None else content)


# Values


def propose(found: Found, site: Path, wishes: Wishes, now: int, free: Callable[[Path], bool]) -> Proposal:
    """The configuration that fits. `site` is the directory in which it is to be, absolute; `free` tells whether feedd
    may make a directory at a place. Paths must be UTF-8.
    """
    told, articles = found.told, [one for one in found.seen if not one.broken]
    output, state = _places(site, found.folder, free, underscored=told.generator == "Jekyll" or _is_hidden(found))
    url = wishes.url or told.url
    return Proposal(
        title=wishes.title or told.title or _title(site),
        url=url or local(wishes.listen),
        authority=_authority(url, site),
        date=datetime.fromtimestamp(now, UTC).date().isoformat(),
        content=_written(found.folder, site),
        output=_written(output, site),
        state=_written(state, site),
        listen=wishes.listen,
        language=_language(told, articles),
        include=_include(found.seen),
        exclude=tuple(_exclude(found)),
        timezone=told.timezone,
        own_pages=_own_pages(found, url, articles),
        groups=tuple(_groups(found, articles)),
        topics=tuple(_written(found.root / folder, site) for folder in found.survey.topics),
        providers=tuple(_written(found.root / folder, site) for folder in found.survey.providers),
        articles=len(articles),
        naive=sum(one.naive for one in articles),
        homeless=sum(not one.linked for one in articles),
        rank=_rank(articles),
        generator=told.generator,
    )


def _is_hidden(found: Found) -> bool:
    """Whether folders are named as Jekyll's are, which copies all others to where they are served."""
    return found.content.startswith("_")


def _places(site: Path, content: Path, free: Callable[[Path], bool], underscored: bool) -> tuple[Path, Path]:
    """Where the feeds and the state go: into the site, or beside the articles where the site is among these."""
    above, start = (content.parent, f"{content.name}-") if site.is_relative_to(content) else (site, "_" * underscored)

    def place(word: str) -> Path:
        names = (f"{start}{word}", f"{start}feedd-{word}", *(f"{start}feedd-{word}-{count}" for count in range(2, 100)))
        places = [above / name for name in names]
        return next((one for one in places if not content.is_relative_to(one) and free(one)), places[-1])

    return place("feeds"), place("state")


def _written(path: Path, site: Path) -> str:
    """A path as the configuration has it: the site may be moved with what is in it. A ~ means nothing there."""
    if not path.is_relative_to(site):
        return str(path)
    inside = path.relative_to(site).as_posix()
    return f"./{inside}" if inside.startswith("~") else inside


def _title(site: Path) -> str:
    """A title out of the name of a directory."""
    words = plain(shown(site.name).replace("-", " ").replace("_", " "))
    return words[:1].upper() + words[1:] if words else "Feeds"


def _authority(url: str, site: Path) -> str:
    """The authority of ids: the host of the site, or a name that nobody owns, made from that of the directory."""
    host = urlsplit(url).hostname or ""
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*", host):
        return host
    folded = unicodedata.normalize("NFKD", shown(site.name)).encode("ascii", "ignore").decode().lower()
    return f"{'-'.join(re.findall('[a-z0-9]+', folded))[:60].strip('-') or 'site'}.example"


_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def _language(told: Told, articles: Sequence[Seen]) -> str:
    """What the generator says, else what most articles say. What a few say, they say since it is another."""
    language = told.language.replace("_", "-")
    if _TAG.fullmatch(language):
        return language
    named = Counter(one.language for one in articles if one.language)
    name, count = named.most_common(1)[0] if named else ("", 0)
    return name if count * 2 > len(articles) else "en"


def _include(seen: Iterable[Seen]) -> tuple[str, ...]:
    had = {suffix(one.path) for one in seen}
    return tuple(f"**/*{kind}" for kind in SUFFIXES if kind in had) or Content().include


def _exclude(found: Found) -> Iterator[str]:
    """What has to be left out beside what is anyway: generators' own folders, Hugo's lists, folders of pages alone."""
    aside = [path for path in found.survey.aside if is_below(path, found.content)]
    for name in GENERATORS_OWN:
        if any(f"/{name}/" in f"/{found.below(path)}" for path in aside):
            yield f"**/{name}/**"
    if any(path.rpartition("/")[2] == LISTS for path in aside):
        yield f"**/{LISTS}"
    yield from (f"{folder}/**" for folder in sorted(folders_of_pages(found)))


def folders_of_pages(found: Found) -> set[str]:
    """The topmost folders in which files have front matter and none is an article."""
    held = {folder for one in found.seen for folder in _above(found.below(one.path))}
    pages = (found.below(path) for path in found.survey.pages if is_below(path, found.content))
    return {first for page in pages if (first := next((one for one in _above(page) if one not in held), ""))}


def _above(path: str) -> list[str]:
    """The folders in which a path lies, the topmost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _own_pages(found: Found, url: str, articles: Sequence[Seen]) -> str:
    """Where the pages of articles are, if some have no other address: right below the site, or where Hugo has them."""
    if not url or all(one.linked for one in articles):
        return ""
    _, is_hugo, section = deepest([one.place for one in articles if not one.linked]).partition("content/")
    known = found.told.generator == "Hugo" and is_hugo and re.fullmatch(r"[A-Za-z0-9/_-]+", section)
    home = url if url.endswith("/") else f"{url}/"
    return f"{home}{section}/{{slug}}/" if known else f"{home}{{slug}}/"


def _rank(articles: Sequence[Seen]) -> Rank | None:
    for name in ("heat", "quality"):
        had = sorted(value for one in articles if (value := getattr(one, name)) > 0)
        if had:
            return Rank(name, had[len(had) * 4 // 5])
    return None


# Collections


def _groups(found: Found, articles: Sequence[Seen]) -> Iterator[Group]:
    """The collections that articles name, and folders that stand for one, the largest first."""
    folders = _collection_folders(found, articles)
    of: dict[str, list[Seen]] = {}
    for one in articles:
        name = one.category or folders.get(_top(found, one)) or folders.get(".") or "articles"
        of.setdefault(name, []).append(one)
    written = sorted((name for name in of if _NAME.fullmatch(name)), key=lambda name: (-len(of[name]), name))
    for name in written[:_MOST_COLLECTIONS]:
        own = tuple(sorted(folder for folder, owner in folders.items() if owner == name))
        yield Group(name, own, len(of[name]), sum(not one.says for one in of[name]))


def _top(found: Found, one: Seen) -> str:
    """The folder right below that of the articles in which one lies; "." for none."""
    first, is_deeper, _ = found.below(one.place).partition("/")
    return first if is_deeper else "."


def _collection_folders(found: Found, articles: Sequence[Seen]) -> dict[str, str]:
    """The folders that stand for a collection, each with its name: nearly all that is in it names that one, or nobody
    names any and folders are few.
    """
    whole = _stands_for(".", articles) if len({one.category for one in articles if one.category}) == 1 else ""
    if whole and sum(bool(one.category) for one in articles) * 10 >= len(articles) * 9:
        return {".": whole}
    tops: dict[str, list[Seen]] = {}
    for one in articles:
        tops.setdefault(_top(found, one), []).append(one)
    named = {top: name for top, inside in tops.items() if (name := _stands_for(top, inside))}
    alike = Counter(map(key, named))  # which a configuration does not tell apart
    own = {top for top in named if not any(one.category for one in tops[top])}
    dropped = own if len(own) > _MOST_COLLECTIONS else set()
    return {top: name for top, name in named.items() if alike[key(top)] == 1 and top not in dropped}


def _stands_for(top: str, inside: Sequence[Seen]) -> str:
    """The collection for which a folder stands, if any."""
    categories = Counter(one.category for one in inside if one.category)
    if categories:
        name, count = categories.most_common(1)[0]
        return name if count * 10 >= categories.total() * 9 and _NAME.fullmatch(name) else ""
    name = "-".join(re.findall("[a-z0-9]+", top.lower())) if top.isascii() else ""
    return "" if _DATE_FOLDER.fullmatch(name) or not _NAME.fullmatch(name) else name

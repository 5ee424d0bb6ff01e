"""Acceptance on real articles: what feedd says of them must equal a count that shares no code with it.

The articles are not part of the project. They are read, never written, from the directory that FEEDD_REAL_INPUT names,
which holds `corpus/powerapps/_news` and `corpus/powerapps/_data` (674 articles of a public news site and its taxonomy)
and `seeds` (five text files, one of them a published article). feedd is used as its users use it, by its commands. The
count of one's own is the first part below: written from the specification, with nothing of feedd in it.
"""

import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ftfy
import pytest
import yaml
from lxml import etree

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
    import feedparser

_GIVEN = os.environ.get("FEEDD_REAL_INPUT", "")
ROOT = Path(_GIVEN)
CORPUS, SEEDS = ROOT / "corpus" / "powerapps", ROOT / "seeds"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _GIVEN, reason="FEEDD_REAL_INPUT does not name a directory of real articles"),
]

SUFFIXES = ("atom", "rss", "json")
LIMIT = 50
EVERY_ONE = 1000
"""A limit that no feed reaches, to see every article."""


# What is right, counted without feedd


@dataclass(frozen=True)
class Shown:
    """What subscribers must see of an article; times in seconds since the epoch."""

    id: str
    title: str
    summary: str
    link: str
    published: int
    updated: int


@dataclass(frozen=True)
class Story:
    """A published article, as the specification reads it. `story` is its canonical address."""

    file: str
    shown: Shown
    story: str
    topics: tuple[str, ...]
    provider: str


class Library(yaml.CSafeLoader):
    """Plain YAML, by the C library."""


def front_matter(path: Path) -> dict[str, Any] | None:
    """The mapping between the fences; None where the text does not open with one, or it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = text.splitlines()
        if not lines or lines[0].rstrip() != "---":
            return None
        end = next(index for index, line in enumerate(lines[1:], 1) if line.rstrip() == "---")
        found = yaml.load("\n".join(lines[1:end]), Loader=Library)
    except (UnicodeDecodeError, StopIteration, ValueError, yaml.YAMLError):
        return None
    return found if isinstance(found, dict) else None


def plain_text(value: str) -> str:
    """Tags stripped, entities unescaped once, white space folded; what was read in a wrong encoding is repaired."""
    return " ".join(html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", ftfy.fix_encoding(value))).split())


def seconds(value: object) -> int:
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    assert isinstance(value, date)
    return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())


def is_web_address(value: object) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).netloc)


def domain(host: str) -> str:
    return host.lower().removeprefix("www.")


_TRACKING = {"fbclid", "gclid", "msclkid", "mc_cid", "mc_eid", "igshid"}


def canonical(url: str) -> str:
    """The address of a story: host in lower case without `www.`, no fragment, no trailing slash, no tracking."""
    parts = urlsplit(url)
    kept = [item for item in parts.query.split("&") if item]
    names = [(item, item.partition("=")[0].lower()) for item in kept]
    query = "&".join(item for item, name in names if name not in _TRACKING and not name.startswith("utm_"))
    return f"{domain(parts.hostname or '')}{parts.path.rstrip('/')}?{query}"


def folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def taxonomy(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The file name of each topic and of each provider, by every name that leads to it."""
    topics: dict[str, str] = {}
    for path in sorted((folder / "topics").glob("*.y*ml")):
        item = yaml.load(path.read_text(encoding="utf-8"), Loader=Library)
        for name in (item["name"], item["_id"]):
            topics.setdefault(folded(name), item["_id"])
    providers: dict[str, str] = {}
    for path in sorted((folder / "organizations").glob("*.md")):
        item = front_matter(path) or {}
        for name in (item["domain"], item["name"], *(item.get("otherNames") or [])):
            providers.setdefault(folded(str(name)), domain(item["domain"]))
    return topics, providers


def stories(files: Iterable[Path], data: Path, own_pages: str = "") -> Iterator[Story]:
    """The published ones of these articles."""
    topics, providers = taxonomy(data)
    for path in sorted(files):
        item = front_matter(path)
        if item is None or item.get("published") is not True:
            continue
        addresses = [item.get(key) for key in ("webUrl", "originalUrl", "sourceUrl")]
        original = next(str(value) for value in addresses if is_web_address(value))
        link = own_pages.replace("{slug}", path.stem) if own_pages and not item.get("webUrl") else original
        provider = item.get("provider") or {}
        lies_at = domain(provider.get("domain") or "") or providers.get(folded(provider.get("name") or ""))
        names = item["topics"] if isinstance(item["topics"], list) else [item["topics"]]
        when = seconds(item["publishedDateTime"])
        updated = max(when, seconds(item["updatedDateTime"])) if item.get("updatedDateTime") else when
        id = f"tag:everyday.example,2020:{item['category']}/{path.stem}"
        yield Story(
            path.name,
            Shown(id, plain_text(item["title"]), plain_text(item["excerpt"]), link, when, updated),
            canonical(original),
            tuple(topics.get(folded(name), "-".join(folded(name).split())) for name in names),
            lies_at or domain(urlsplit(original).hostname or ""),
        )


def feeds(found: Iterable[Story], limit: int = LIMIT) -> dict[str, list[Shown]]:
    """The entries of every feed: of one story the earliest, newest first, so many."""
    members: dict[str, dict[str, Story]] = {}
    for one in sorted(found, key=lambda one: (one.shown.published, one.shown.id)):
        for name in ("all", *(f"topics/{topic}" for topic in one.topics), f"providers/{one.provider}"):
            members.setdefault(name, {}).setdefault(one.story, one)
    return {
        name: sorted((one.shown for one in held.values()), key=lambda one: (-one.published, one.id))[:limit]
        for name, held in members.items()
    }


def articles(folder: Path) -> list[Path]:
    return sorted((folder / "_news").glob("*.md"))


def corpus_feeds(folder: Path, limit: int = LIMIT, own_pages: str = "") -> dict[str, list[Shown]]:
    return feeds(stories(articles(folder), CORPUS / "_data", own_pages), limit)


# What the documents say, read without feedd

SPACES = {
    "a": "http://www.w3.org/2005/Atom",
    "at": "http://purl.org/atompub/tombstones/1.0",
    "fh": "http://purl.org/syndication/history/1.0",
}


def text(element: Any, path: str) -> str:
    (found,) = element.findall(path, SPACES)
    return found.text or ""


def read_atom(data: bytes) -> list[Shown]:
    return [
        Shown(
            text(entry, "a:id"),
            text(entry, "a:title"),
            text(entry, "a:summary"),
            *(link.get("href") for link in entry.iterfind("a:link[@rel='alternate']", SPACES)),
            read_time(text(entry, "a:published")),
            read_time(text(entry, "a:updated")),
        )
        for entry in etree.fromstring(data).iterfind("a:entry", SPACES)
    ]


def read_rss(data: bytes) -> list[Shown]:
    return [
        Shown(
            text(item, "guid"),
            text(item, "title"),
            html.unescape(text(item, "description")),
            text(item, "link"),
            int(parsedate_to_datetime(text(item, "pubDate")).timestamp()),
            read_time(text(item, "a:updated")),
        )
        for item in etree.fromstring(data).iterfind("channel/item")
    ]


def read_json(data: bytes) -> list[Shown]:
    return [
        Shown(
            item["id"],
            item["title"],
            item["summary"],
            item["url"],
            read_time(item["date_published"]),
            read_time(item["date_modified"]),
        )
        for item in json.loads(data)["items"]
    ]


def read_time(value: str) -> int:
    return int(datetime.fromisoformat(value).timestamp())


READERS: dict[str, Callable[[bytes], list[Shown]]] = {"atom": read_atom, "rss": read_rss, "json": read_json}


# feedd, as its users use it


def feedd(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "feedd", *arguments], capture_output=True, check=False)


@dataclass(frozen=True)
class Made:
    """What a build said. `report` is what it printed as JSON, `bad` the files with an error."""

    code: int
    report: dict[str, Any]
    said: bytes

    @property
    def bad(self) -> set[str]:
        return {Path(one["file"]).name for one in self.report["problems"] if one["severity"] == "error"}


@dataclass
class Installation:
    """A configuration with its output and its state, in a folder."""

    folder: Path
    content: Path
    settings: str = ""
    include: str = "**/*.md"
    made: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(
            f"""\
[site]
title = "Power Apps Every Day"
url = "https://everyday.example/powerapps/"
feeds_url = "https://everyday.example/powerapps/feeds/"
[taxonomy]
topics = ["{CORPUS}/_data/topics"]
providers = ["{CORPUS}/_data/organizations"]
[content]
path = "{self.content}"
include = ["{self.include}"]
{self.settings}
""",
            encoding="utf-8",
        )

    @property
    def file(self) -> Path:
        return self.folder / "feedd.toml"

    @property
    def output(self) -> Path:
        return self.folder / "feeds"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return feedd(command, "--config", str(self.file), *arguments)

    def build(self) -> Made:
        done = self.run("build", "--json")
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        self.made.append(Made(done.returncode, json.loads(done.stdout), done.stdout + done.stderr))
        return self.made[-1]

    def documents(self) -> dict[str, bytes]:
        """Every file of the output: nothing is left beside what is served."""
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file()
        }

    def state_files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.state.rglob("*")) if path.is_file()}

    def times(self) -> dict[str, int]:
        return {path: (self.output / path).stat().st_mtime_ns for path in self.documents()}

    def of_format(self, suffix: str) -> dict[str, bytes]:
        """The documents in one format, archives included, by path without the suffix."""
        found = {path: data for path, data in self.documents().items() if path.endswith(f".{suffix}")}
        return {path.removesuffix(f".{suffix}"): data for path, data in found.items() if path[0] != "."}

    def entries(self, suffix: str) -> dict[str, list[Shown]]:
        """The entries of every feed in one format, without its archives."""
        found = self.of_format(suffix)
        return {name: READERS[suffix](data) for name, data in found.items() if not ARCHIVE.fullmatch(name)}


ARCHIVE = re.compile(r"(.+)/(\d{4}-\d\d)(?:-\d\d(?:T\d\d(?:\d\d){0,2})?)?")
"""The path of an archive document, without its suffix."""


def built(folder: Path, content: Path, settings: str = "", include: str = "**/*.md") -> Installation:
    made = Installation(folder, content, settings, include)
    made.build()
    return made


def copied(folder: Path) -> Path:
    """A copy of the articles that may be written in."""
    shutil.copytree(CORPUS / "_news", folder / "_news", copy_function=shutil.copyfile)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The articles, built once; tests only look."""
    return built(tmp_path_factory.mktemp("corpus"), CORPUS)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The seeds, built once; tests only look."""
    return built(tmp_path_factory.mktemp("seeds"), SEEDS, include="*.txt")


every_format = pytest.mark.parametrize("suffix", SUFFIXES)


# The corpus: which articles, which feeds


def test_exactly_428_articles_are_public(corpus: Installation) -> None:
    assert len(list(stories(articles(CORPUS), CORPUS / "_data"))) == 428
    assert corpus.made[0].report["public"] == 428
    assert corpus.made[0].report["files"] == {"article": 674}
    assert corpus.made[0].code == 0


def test_a_feed_for_each_topic_and_provider_with_articles_and_for_no_other(corpus: Installation) -> None:
    names = sorted(corpus_feeds(CORPUS))
    assert len(names) == 1 + 7 + 15
    for suffix in (*SUFFIXES, "html"):
        current = [name for name in corpus.of_format(suffix) if not ARCHIVE.fullmatch(name) and name != "index"]
        assert current == names
    others = {path for path in corpus.documents() if path.rpartition(".")[2] not in {*SUFFIXES, "html"}}
    assert {path for path in others if not path.startswith("assets/")} == {"feeds.opml"}
    assert corpus.made[0].report["feeds"] == len(names)


@every_format
def test_each_feed_holds_the_newest_50_and_each_entry_is_right(corpus: Installation, suffix: str) -> None:
    expected, actual = corpus_feeds(CORPUS), corpus.entries(suffix)
    assert expected == actual
    assert len(actual["all"]) == LIMIT


@every_format
def test_without_a_limit_all_of_them_are_there(tmp_path: Path, suffix: str) -> None:
    settings = f'[output]\nlimit = {EVERY_ONE}\nformats = ["{suffix}"]'
    every = built(tmp_path, CORPUS, settings).entries(suffix)
    assert corpus_feeds(CORPUS, EVERY_ONE) == every
    assert len(every["all"]) == 425  # three stories were told twice


def without_web_address() -> set[str]:
    found = [(path, front_matter(path) or {}) for path in articles(CORPUS)]
    return {path.stem for path, item in found if not item.get("webUrl")}


def test_the_12_articles_without_web_address_link_to_their_original(tmp_path: Path) -> None:
    settings = f"[output]\nlimit = {EVERY_ONE}\ntopics = false\nproviders = false"
    made = built(tmp_path, CORPUS, settings)
    wanted = without_web_address()
    assert len(wanted) == 12
    for suffix in SUFFIXES:
        links = [one.link for one in made.entries(suffix)["all"] if one.id.rpartition("/")[2] in wanted]
        assert [urlsplit(link).hostname for link in links] == ["youtube.com"] * 12


def test_the_12_articles_without_web_address_link_to_pages_of_ones_own(tmp_path: Path) -> None:
    own_pages = "https://everyday.example/powerapps/{slug}/"
    settings = f'own_pages = "{own_pages}"\n[output]\nlimit = {EVERY_ONE}\ntopics = false\nproviders = false'
    made = built(tmp_path, CORPUS, settings)
    expected = corpus_feeds(CORPUS, EVERY_ONE, own_pages)["all"]
    assert sum(one.link.startswith("https://everyday.example/") for one in expected) == 12
    assert {suffix: made.entries(suffix)["all"] for suffix in SUFFIXES} == dict.fromkeys(SUFFIXES, expected)
    atom = etree.fromstring(made.documents()["all.atom"])
    via = [link.get("href") for link in atom.iterfind("a:entry/a:link[@rel='via']", SPACES)]
    items = json.loads(made.documents()["all.json"])["items"]
    assert [item["external_url"] for item in items if "external_url" in item] == via
    assert [urlsplit(link).hostname for link in via] == ["youtube.com"] * 12


# The corpus: archives


@dataclass(frozen=True)
class Reader:
    """A reader that starts at a feed and goes back, document by document. `documents` by their path."""

    documents: dict[str, bytes]
    base: str = "https://everyday.example/powerapps/feeds/"

    def at(self, url: str) -> str:
        """The path of the document at an address, which is there."""
        path = url.removeprefix(self.base)
        assert url.startswith(self.base)
        assert path in self.documents
        return path

    def links(self, path: str, relation: str) -> list[str]:
        found = etree.fromstring(self.documents[path]).iterfind(f"a:link[@rel='{relation}']", SPACES)
        return [link.get("href") for link in found]

    def before(self, path: str) -> str | None:
        """The path of the document before one, as that says."""
        if path.endswith(".json"):
            url = json.loads(self.documents[path]).get("next_url")
            return self.at(url) if url else None
        urls = self.links(path, "prev-archive")
        assert len(urls) < 2
        return self.at(urls[0]) if urls else None

    def archives(self, path: str) -> list[str]:
        """The paths of the archives of the feed at a path, the newest first."""
        found: list[str] = []
        while (before := self.before(found[-1] if found else path)) is not None:
            assert before not in found
            found.append(before)
        return found

    def shown(self, path: str) -> list[Shown]:
        return READERS[path.rpartition(".")[2]](self.documents[path])


@pytest.fixture(scope="module", params=[1, 7, LIMIT])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Reader]:
    """The articles under different limits, and what a reader finds; tests only look."""
    made = built(tmp_path_factory.mktemp("kept"), CORPUS, f"[output]\nlimit = {request.param}")
    return request.param, Reader(made.documents())


with_archives = pytest.mark.parametrize("suffix", ["atom", "json"])


@with_archives
def test_from_each_feed_all_its_public_articles_are_reached(kept: tuple[int, Reader], suffix: str) -> None:
    """Each with all that it says, and no archive has one that another has."""
    limit, reader = kept
    for name, expected in corpus_feeds(CORPUS, EVERY_ONE).items():
        current = reader.shown(f"{name}.{suffix}")
        archived = [one for path in reader.archives(f"{name}.{suffix}") for one in reader.shown(path)]
        ids = [one.id for one in archived]
        assert (name, len(ids)) == (name, len(set(ids)))
        assert {one.id: one for one in current + archived} == {one.id: one for one in expected}
        assert current == expected[:limit]
        assert bool(archived) == (len(expected) > limit)


@with_archives
def test_each_archive_is_of_its_month_and_in_order(kept: tuple[int, Reader], suffix: str) -> None:
    _, reader = kept
    reached = []
    for name in corpus_feeds(CORPUS):
        archives = [path.removesuffix(f".{suffix}") for path in reader.archives(f"{name}.{suffix}")]
        found = [ARCHIVE.fullmatch(path) for path in archives]
        months = [one[2] for one in found if one and one[1] == name]
        assert months == sorted(set(months), reverse=True)
        assert len(months) == len(archives)
        for path, month in zip(archives, months, strict=True):
            shown = reader.shown(f"{path}.{suffix}")
            assert {datetime.fromtimestamp(one.published, UTC).strftime("%Y-%m") for one in shown} == {month}
            assert shown == sorted(shown, key=lambda one: (-one.published, one.id))
        reached += archives
    there = [path.removesuffix(f".{suffix}") for path in reader.documents if path.endswith(f".{suffix}")]
    assert sorted(reached) == sorted(path for path in there if ARCHIVE.fullmatch(path))
    assert len(reached) > 100


def test_each_atom_document_says_what_it_is(kept: tuple[int, Reader]) -> None:
    """Itself, the feed of an archive, that it is one, and that there is nothing more where everything fits."""
    limit, reader = kept
    for name, expected in corpus_feeds(CORPUS, EVERY_ONE).items():
        feed = f"{name}.atom"
        for path in (feed, *reader.archives(feed)):
            root = etree.fromstring(reader.documents[path])
            assert [reader.at(url) for url in reader.links(path, "self")] == [path]
            assert [reader.at(url) for url in reader.links(path, "current")] == [feed] * (path != feed)
            assert len(root.findall("fh:archive", SPACES)) == (path != feed)
            assert len(root.findall("fh:complete", SPACES)) == (path == feed and len(expected) <= limit)
        rss = etree.fromstring(reader.documents[f"{name}.rss"])
        assert len(rss.findall("channel/fh:complete", SPACES)) == (len(expected) <= limit)


def test_an_entry_is_the_same_in_an_archive_and_in_the_feed(kept: tuple[int, Reader]) -> None:
    _, reader = kept
    shared = 0
    for suffix, entry, id in (
        ("atom", rb"<entry[ >].*?</entry>", rb"<id>(.*?)</id>"),
        ("json", rb'(?m)^\{"id":.*?\}(?=,?$)', rb'"id":"(.*?)"'),
    ):
        for name in corpus_feeds(CORPUS):
            bodies: dict[bytes, set[bytes]] = {}
            paths = (f"{name}.{suffix}", *reader.archives(f"{name}.{suffix}"))
            found = [one for path in paths for one in re.findall(entry, reader.documents[path], re.DOTALL)]
            assert len(found) == sum(len(reader.shown(path)) for path in paths)
            for one in found:
                named = re.search(id, one)
                bodies.setdefault(named[1] if named else b"", set()).add(one)
            assert all(len(same) == 1 for same in bodies.values())
            shared += len(found) - len(bodies)
    assert shared


def test_the_list_of_feeds_leads_to_every_feed(kept: tuple[int, Reader]) -> None:
    _, reader = kept
    outlines = list(etree.fromstring(reader.documents["feeds.opml"]).iter("outline"))
    feeds = [reader.at(one.get("xmlUrl")) for one in outlines if one.get("xmlUrl")]
    pages = [reader.at(one.get("htmlUrl")) for one in outlines if one.get("htmlUrl")]
    assert sorted(feeds) == sorted(f"{name}.atom" for name in corpus_feeds(CORPUS))
    assert sorted(pages) == sorted(f"{name}.html" for name in corpus_feeds(CORPUS))


def test_feedparser_reads_every_document_without_complaint(kept: tuple[int, Reader]) -> None:
    _, reader = kept
    versions = {"atom": "atom10", "rss": "rss20"}
    for path, data in reader.documents.items():
        if suffix := versions.get(path.rpartition(".")[2]):
            read = feedparser.parse(data, response_headers={"content-type": f"application/{path[-4:].strip('.')}+xml"})
            assert (path, read.bozo, read.version) == (path, False, suffix)
            assert len(read.entries) == len(reader.shown(path))


# The corpus: when nothing is written


def test_a_second_build_writes_nothing(tmp_path: Path) -> None:
    made = built(tmp_path, CORPUS)
    before = made.documents(), made.times()
    again = made.build()
    assert (again.report["read"], again.report["written"]) == (0, [])
    assert (made.documents(), made.times()) == before


SILENT = {"heat": "99", "quality": "1", "secured": '"' + "q6Y1mZ0bX4vT9kLr" * 20 + ';c2VjcmV0IGtleQ=="'}


def edited_in_silence(content: Path) -> int:
    """Give every article other heat, quality and secured; how many lines that changed."""
    count = 0
    for path in articles(content):
        before = path.read_text(encoding="utf-8")
        for name, value in SILENT.items():
            before, changed = re.subn(rf"^{name}: .*$", f"{name}: {value}", before, flags=re.MULTILINE)
            count += changed
        path.write_text(before, encoding="utf-8")
    return count


def test_other_heat_quality_and_secured_in_all_files_write_nothing(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    made = built(tmp_path, content)
    before = made.documents(), made.times()
    assert edited_in_silence(content) == 3 * 674
    again = made.build()
    assert (again.report["read"], again.report["written"]) == (674, [])
    assert (made.documents(), made.times()) == before


def test_deleting_the_state_gives_the_same_bytes(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    made = built(tmp_path, content)
    first = made.documents()
    edited_in_silence(content)
    made.build()
    shutil.rmtree(made.state)
    shutil.rmtree(made.output)
    made.build()
    assert made.documents() == first


# The corpus: what is withdrawn


WITHDRAWN: dict[str, Callable[[str], str] | None] = {
    "published-is-false": lambda before: before.replace("published: true", "published: false"),
    "deleted": lambda before: before.replace("published: true", "published: true\ndeleted: true"),
    "removed": lambda before: before.replace("published: true", "published: true\nremoved: true"),
    "under-embargo": lambda before: re.sub("publishedDateTime: .*", "publishedDateTime: 2999-01-01T00:00:00Z", before),
    "expired": lambda before: before.replace("published: true", "published: true\nexpiryDate: 2024-04-12"),
    "a-note-without-fence": lambda before: "Withdrawn.\n",
    "file-gone": None,
}


def test_withdrawn_articles_leave_every_feed_at_the_next_build(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    made = built(tmp_path, content, NO_LIMIT)
    chosen = dict(zip(WITHDRAWN, list(victims().values())[3:], strict=False))
    for way, change in WITHDRAWN.items():
        path = content / "_news" / chosen[way].name
        if change is None:
            path.unlink()
        else:
            path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    again = made.build()
    assert (again.code, again.bad) == (0, set())
    expected = left({path.name for path in chosen.values()})
    assert {suffix: made.entries(suffix) for suffix in SUFFIXES} == dict.fromkeys(SUFFIXES, expected)
    everything = strings(made, without_tombstones=True)
    assert [path.stem for path in chosen.values() if path.stem in everything] == []
    had = corpus_feeds(CORPUS, EVERY_ONE)
    for path in chosen.values():
        (id,) = [one.id for one in had["all"] if one.id.rpartition("/")[2] == path.stem]
        feeds_with_it = sorted(name for name, shown in had.items() if id in {one.id for one in shown})
        assert [name for name, data in made.of_format("atom").items() if id in tombstones(data)] == feeds_with_it


def tombstones(data: bytes) -> list[str]:
    """The ids of what an Atom document tells as withdrawn."""
    return [one.get("ref") for one in etree.fromstring(data).iterfind("at:deleted-entry", SPACES)]


# What must never get out


@dataclass(frozen=True)
class Secrets:
    """The encrypted payloads of articles, in windows of 20 characters."""

    values: tuple[str, ...]

    @cached_property
    def windows(self) -> set[str]:
        return {value[start : start + 20] for value in self.values for start in range(len(value) - 19)}

    def in_(self, data: bytes) -> list[str]:
        """The windows that occur in some bytes."""
        runs = re.findall(rb"[A-Za-z0-9+/=;]{20,}", data)
        parts = (run[start : start + 20].decode() for run in runs for start in range(len(run) - 19))
        return [part for part in parts if part in self.windows]


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    files = [*articles(CORPUS), *sorted(SEEDS.glob("*.txt"))]
    values = [str(item["secured"]) for path in files if (item := front_matter(path)) and "secured" in item]
    assert len(values) > 674
    assert all(re.fullmatch(r"[A-Za-z0-9+/=;]{100,}", value) for value in values)
    return Secrets((*values, SILENT["secured"].strip('"')))


def test_the_search_for_secrets_finds_one(secrets: Secrets) -> None:
    assert secrets.in_(b"x" * 50 + secrets.values[7][30:50].encode() + b" y") == [secrets.values[7][30:50]]


def leaks(found: dict[str, bytes], secrets: Secrets) -> dict[str, object]:
    """The names of what holds a part of a secret or an iframe."""
    frames = {name: "iframe" for name, data in found.items() if re.search(rb"(?i)(<|&lt;|&#x3c;|\\u003c)iframe", data)}
    return {**frames, **{name: parts[0] for name, data in found.items() if (parts := secrets.in_(data))}}


def test_no_secret_and_no_iframe_in_any_document(corpus: Installation, seeds: Installation, secrets: Secrets) -> None:
    assert leaks(corpus.documents(), secrets) == {}
    assert leaks(seeds.documents(), secrets) == {}


def test_no_secret_and_no_iframe_in_what_commands_say(tmp_path: Path, secrets: Secrets) -> None:
    videos = [path.name for path in articles(CORPUS) if (front_matter(path) or {}).get("featuredContent")]
    assert videos
    made = Installation(tmp_path, CORPUS)
    said = {
        "build, as text": made.run("build", "--dry-run"),
        "build, as JSON": made.run("build", "--json"),
        "check, as text": made.run("check"),
        "check, as JSON": made.run("check", "--json"),
        "explain, as text": made.run("explain", videos[0]),
        "explain, as JSON": made.run("explain", videos[-1], "--json"),
    }
    assert {name: (done.returncode, b"Traceback" in done.stderr) for name, done in said.items()} == dict.fromkeys(
        said, (0, False)
    )
    assert leaks({name: done.stdout + done.stderr for name, done in said.items()}, secrets) == {}


def test_check_says_of_the_corpus_what_is_wrong_and_hardly_anything_else(tmp_path: Path) -> None:
    """Five things of 674 articles, each counted without feedd: what is many here would be noise."""
    done = Installation(tmp_path, CORPUS).run("check", "--json", "--content-only")
    said: dict[str, set[str]] = {}
    for problem in json.loads(done.stdout)["problems"]:
        said.setdefault(problem["kind"], set()).add(Path(problem["file"]).name)

    written = {path.name: front_matter(path) or {} for path in articles(CORPUS)}
    texts = {name: f"{item['title']} {item['excerpt']}" for name, item in written.items()}
    pictures = {name: item["images"][0]["url"] for name, item in written.items() if item.get("images")}
    told: dict[str, list[Story]] = {}
    for one in sorted(stories(articles(CORPUS), CORPUS / "_data"), key=lambda one: one.shown.published):
        told.setdefault(one.story, []).append(one)
    assert said == {
        "duplicate-story": {later.file for same in told.values() for later in same[1:]},
        "http-link": {name for name, address in pictures.items() if address.startswith("http://")},
        "mojibake": {name for name, words in texts.items() if ftfy.fix_encoding(words) != words},
    }
    assert {kind: len(files) for kind, files in said.items()} == {"duplicate-story": 3, "http-link": 1, "mojibake": 1}
    assert done.returncode == 0


def test_no_secret_and_no_iframe_in_any_file_of_the_state(tmp_path: Path, secrets: Secrets) -> None:
    """Nor in SQLite's log: whoever reads the database meanwhile, as a backup does, keeps it from being emptied."""
    content = copied(tmp_path / "content")
    made = built(tmp_path, content)
    (database,) = made.state.glob("*.sqlite3")
    reader = sqlite3.connect(database)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM file").fetchone()
        edited_in_silence(content)
        made.build()
        files = made.state_files()
    finally:
        reader.close()
    assert len(files[f"{database.name}-wal"]) > 100_000
    assert leaks(files, secrets) == {}
    assert any(b"powerapps.microsoft.com" in data for data in files.values()), "the search looks at the right bytes"


# The seeds

GUARDIAN = "002_d70f7a521785bf3a.txt"


def test_one_seed_is_public_in_all_its_topics_and_its_provider(seeds: Installation) -> None:
    expected = feeds(stories(SEEDS.glob("*.txt"), CORPUS / "_data"))
    assert sorted(expected) == [
        "all",
        "providers/theguardian.com",
        "topics/ai",
        "topics/computer-vision",
        "topics/natural-language-processing",
    ]
    assert {suffix: seeds.entries(suffix) for suffix in SUFFIXES} == dict.fromkeys(SUFFIXES, expected)
    assert [one.id for one in expected["all"]] == [f"tag:everyday.example,2020:news/{GUARDIAN.removesuffix('.txt')}"]
    assert seeds.made[0].report["public"] == 1


def test_a_text_file_without_fence_is_skipped_without_complaint(seeds: Installation) -> None:
    plain = [path.name for path in sorted(SEEDS.glob("*.txt")) if front_matter(path) is None]
    assert len(plain) == 1
    assert seeds.made[0].code == 0
    assert seeds.made[0].report["files"] == {"article": 4, "skipped": 1}
    assert plain[0] not in {Path(one["file"]).name for one in seeds.made[0].report["problems"]}


def telling(path: Path) -> list[str]:
    """What gives a file away: titles, excerpts and addresses of an article, the lines of a text."""
    item = front_matter(path)
    if item is None:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if len(line) > 30]
    urls = [item[key] for key in item if key.lower().endswith("url")]
    images = [image["url"] for image in item.get("images") or []]
    return [path.stem, item["title"], item["excerpt"], *urls, *images]


def strings(made: Installation, without_tombstones: bool = False) -> str:
    """All text, all attributes and all values of all documents, and their bytes."""
    parts = []
    for path, data in made.documents().items():
        if without_tombstones:
            data = re.sub(rb"<at:deleted-entry [^>]*/>", b"", data)
        parts += [path, data.decode()]
        if path.endswith(".json"):
            parts.append(json.dumps(json.loads(data), ensure_ascii=False))
        elif path.endswith(".html"):
            parts.append(html.unescape(data.decode()))
        elif not path.startswith("assets/"):
            for element in etree.fromstring(data).iter():
                parts += [element.text or "", *element.attrib.values()]
    return "\n".join(parts)


def given_away(made: Installation, path: Path) -> list[str]:
    everything = strings(made)
    return [part for part in telling(path) if part in everything]


def test_nothing_of_the_other_seeds_is_visible_anywhere(seeds: Installation) -> None:
    others = [path for path in sorted(SEEDS.glob("*.txt")) if path.name != GUARDIAN]
    assert len(others) == 4
    assert {path.name: given_away(seeds, path) for path in others} == {path.name: [] for path in others}
    assert len(given_away(seeds, SEEDS / GUARDIAN)) > 3


def test_a_published_seed_does_not_link_to_one_that_is_not(tmp_path: Path) -> None:
    """Two seeds are related: one of them, published, must not tell of the other."""
    content = tmp_path / "content"
    shutil.copytree(SEEDS, content, copy_function=shutil.copyfile)
    (publish,) = content.glob("003_*.txt")
    (hidden,) = content.glob("000_*.txt")
    address = (front_matter(hidden) or {})["webUrl"]
    before = publish.read_text(encoding="utf-8")
    assert address in before
    publish.write_text(before.replace("published: false", "published: true"), encoding="utf-8")
    made = built(tmp_path, content, include="*.txt")
    assert made.made[0].report["public"] == 2
    assert given_away(made, hidden) == []
    related = [item["_feedd"]["related"] for item in json.loads(made.documents()["all.json"])["items"]]
    assert [len(links) for links in related] == [2, 5]


# One broken article costs that article


def header(**lines: str | None) -> Callable[[str], str]:
    """An edit that gives keys of the front matter another value, or takes their line away."""

    def edit(before: str) -> str:
        for key, value in lines.items():
            line = "" if value is None else f"{key}: {value}\n"
            before, found = re.subn(rf"^{key}: .*\n", lambda _, line=line: line, before, count=1, flags=re.MULTILINE)
            before = before if found or value is None else before.replace("---\n", f"---\n{line}", 1)
        return before

    return edit


def merged(levels: int) -> str:
    """Aliases that multiply at every level."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, levels)]
    return "\n".join(lines)


BROKEN: dict[str, Callable[[str], str | bytes]] = {
    "no-closing-fence": lambda before: before[: before.rindex("\n---")],
    "unclosed-quote": header(title='"No end'),
    "tab": header(type="\n\tvideo"),
    "colon-in-plain-text": header(title="One: two: three"),
    "unknown-alias": header(type="*nobody"),
    "python-object": header(type="!!python/object:os.system x"),
    "two-documents": lambda before: before.replace("---\n", "---\nx: 1\n...\n", 1),
    "a-list": lambda before: "---\n- one\n- two\n---\n",
    "a-single-value": lambda before: "---\nJust words\n---\n",
    "nothing-between-fences": lambda before: "---\n---\n",
    "only-a-comment": lambda before: "---\n# soon\n---\n",
    "impossible-date": header(publishedDateTime="2021-02-30T10:00:00Z"),
    "impossible-month": header(publishedDateTime="2021-13-01"),
    "date-in-words": header(publishedDateTime="yesterday"),
    "date-of-6000-digits": header(publishedDateTime="9" * 6000),
    "date-is-null": header(publishedDateTime="null"),
    "impossible-expiry": header(expiryDate="2021-02-30"),
    "no-title": header(title=None),
    "empty-title": header(title='""'),
    "title-of-tags-only": header(title='"<b></b>"'),
    "title-is-a-list": header(title="[one, two]"),
    "title-is-a-mapping": header(title="{one: two}"),
    "no-link": header(webUrl=None, originalUrl=None),
    "link-that-is-no-web-address": header(webUrl='"javascript:alert(1)"', originalUrl='"/relative/path"'),
    "link-without-host": header(webUrl='"https://"', originalUrl='"http:///path"'),
    "100000-levels": header(x="[" * 100_000),
    "20000-levels": header(x="[" * 20_000 + "]" * 20_000),
    "5000-levels-of-dashes": header(x="\n" + "".join(f"{' ' * n}- \n" for n in range(300)) + "- " * 20_000),
    "bomb-of-merged-aliases": lambda before: before.replace("---\n", f"---\n{merged(12)}\n", 1),
    "fence-in-a-block-scalar": lambda before: before.replace("---\n", "---\nnote: |\n  one\n---\n  two\n", 1),
    "latin-1": lambda before: before.replace("title: ", "title: é", 1).encode("latin-1", "replace"),
    "utf-16": lambda before: before.encode("utf-16"),
    "control-character": lambda before: before.replace('title: "', 'title: "\x01', 1),
    "nul-bytes": lambda before: before.replace('title: "', 'title: "\x00', 1),
    "header-of-100-kilobytes": header(x="y" * 100_000),
    "2-megabytes": lambda before: before + "word " * 400_000,
    "binary": lambda before: b"---\n" + bytes(range(256)) * 20,
}
"""The ways to break an article so that it cannot be read."""

HIDDEN: dict[str, Callable[[str], str | bytes]] = {
    "published-is-text": header(published='"true"'),
    "published-is-a-number": header(published="1"),
    "published-is-null": header(published="null"),
    "published-is-absent": header(published=None),
    "published-twice": header(type="article\npublished: false"),
}
"""The ways to write an article so that it is read but, by a slip perhaps, not published."""

HARMLESS: dict[str, Callable[[str], str | bytes]] = {
    "bom": lambda before: b"\xef\xbb\xbf" + before.encode(),
    "crlf": lambda before: before.replace("\n", "\r\n").encode(),
    "heat-of-6000-digits": header(heat="9" * 6000),
    "quality-in-words": header(quality="high"),
    "images-of-nothing": header(locale="\nimages: [1, null, {}, {url: }]"),
    "shared-aliases": lambda before: before.replace("---\n", "---\nx: &x [1]\ny: [*x, *x]\n", 1),
    "trailing-spaces-after-fences": lambda before: before.replace("---\n", "--- \t\n"),
    "unknown-keys": header(x="1", featuredContent='"<iframe src=x></iframe>"'),
    "bad-language": header(locale="klingon!"),
    "fence-in-the-body": lambda before: before + "\n---\npublished: false\n---\n",
}
"""What looks bad and costs nothing, for each field that is not vital is left aside by itself."""


@cache
def victims() -> dict[str, Path]:
    """A published article for each way, none of a story told twice; the newest first, so that they are in feeds."""
    found = sorted(stories(articles(CORPUS), CORPUS / "_data"), key=lambda one: -one.shown.published)
    told = [one.story for one in found]
    once = [one.file for one in found if told.count(one.story) == 1]
    ways = (*BROKEN, *HIDDEN, *HARMLESS)
    return dict(zip(ways, (CORPUS / "_news" / name for name in once), strict=False))


def edit(content: Path, ways: dict[str, Callable[[str], str | bytes]]) -> set[str]:
    """Write each way's article so; the names of those files."""
    for way, path in ((way, victims()[way]) for way in ways):
        before = path.read_text(encoding="utf-8")
        after = ways[way](before)
        assert after != before, way
        (content / "_news" / path.name).write_bytes(after if isinstance(after, bytes) else after.encode())
    return {victims()[way].name for way in ways}


def left(without: set[str]) -> dict[str, list[Shown]]:
    files = [path for path in articles(CORPUS) if path.name not in without]
    return feeds(stories(files, CORPUS / "_data"), EVERY_ONE)


NO_LIMIT = f"[output]\nlimit = {EVERY_ONE}"


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A new installation on articles of which some are bad in every way; tests only look."""
    folder = tmp_path_factory.mktemp("damaged")
    content = copied(folder / "content")
    edit(content, BROKEN | HIDDEN | HARMLESS)
    return built(folder, content, NO_LIMIT)


@every_format
def test_each_way_to_break_an_article_costs_exactly_that_article(damaged: Installation, suffix: str) -> None:
    lost = {victims()[way].name for way in (*BROKEN, *HIDDEN)}
    assert left(lost) == damaged.entries(suffix)
    assert damaged.made[0].report["public"] == 428 - len(lost)


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_article_is_reported_as_an_error(damaged: Installation, way: str) -> None:
    name = victims()[way].name
    problems = [one for one in damaged.made[0].report["problems"] if Path(one["file"]).name == name]
    errors = [one for one in problems if one["severity"] == "error"]
    assert errors
    assert all(one["what"] and one["remedy"] for one in errors)
    assert damaged.made[0].code == 1


@pytest.mark.parametrize("way", HIDDEN)
def test_an_article_that_is_unpublished_by_a_slip_is_reported_as_a_warning(damaged: Installation, way: str) -> None:
    name = victims()[way].name
    problems = [one for one in damaged.made[0].report["problems"] if Path(one["file"]).name == name]
    assert [(one["field"], one["severity"]) for one in problems] == [("published", "warning")]


def test_nothing_else_is_reported_as_an_error(damaged: Installation) -> None:
    assert damaged.made[0].bad == {victims()[way].name for way in BROKEN}


def test_check_and_explain_tell_of_broken_articles(damaged: Installation) -> None:
    checked = damaged.run("check", "--json")
    found = {Path(one["file"]).name for one in json.loads(checked.stdout)["problems"] if one["severity"] == "error"}
    assert (checked.returncode, found) == (1, {victims()[way].name for way in BROKEN})
    explained = damaged.run("explain", victims()["impossible-date"].name)
    assert b"2021-02-30" in explained.stdout


def test_articles_broken_by_an_edit_stay_as_they_were(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    made = built(tmp_path, content, NO_LIMIT)
    before = made.documents(), made.times()
    broken = edit(content, BROKEN)
    again = made.build()
    assert (made.documents(), made.times()) == before
    assert (again.code, again.bad, again.report["written"]) == (1, broken, [])
    third = made.build()
    assert (third.code, third.bad, third.report["read"]) == (1, broken, 0)


def test_mended_articles_are_right_again_and_no_longer_reported(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    edit(content, BROKEN)
    made = built(tmp_path, content, NO_LIMIT)
    for way in BROKEN:
        shutil.copyfile(victims()[way], content / "_news" / victims()[way].name)
    again = made.build()
    assert (again.code, again.bad) == (0, set())
    assert {suffix: made.entries(suffix) for suffix in SUFFIXES} == dict.fromkeys(SUFFIXES, left(set()))


def test_a_broken_article_that_still_says_published_false_goes(tmp_path: Path) -> None:
    content = copied(tmp_path / "content")
    made = built(tmp_path, content, NO_LIMIT)
    path = victims()["no-title"]
    text = header(title=None, published="false")(path.read_text(encoding="utf-8"))
    (content / "_news" / path.name).write_text(text, encoding="utf-8")
    again = made.build()
    assert (again.code, again.bad) == (1, {path.name})
    assert made.entries("json") == left({path.name})

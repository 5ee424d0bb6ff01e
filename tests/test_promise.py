"""The promise of `feedd run`: what there is after any history of edits is what a fresh start makes of the final state,
and at no moment is anything to be read that is not to be seen yet, or not at all.

The daemon runs, told of changes by the real system, while files are written, saved, moved and deleted, folders and the
root replaced, the clock and the configuration set, the daemon stopped and started. It looks at everything only where it
finds a reason, so that a change of which it does not hear is missing at the end.

The ledger's memory is left aside exactly: dates of updates are only held to be no earlier than those of a fresh start;
ids that are made from file names are not compared, since they outlast renames; the fresh start gets the last good
version of what is broken; and a feed that only once had articles must be empty.

Histories are random, each by its number. FEEDD_HISTORIES=417 lives through that one alone, FEEDD_HISTORIES=0-999
through so many.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from lxml import etree

from feedd.config import Config
from feedd.feeds.archive import is_period
from feedd.feeds.entry import Document
from feedd.pipeline import Pipeline, Progress
from feedd.publish.directory import Directory, Placed
from feedd.service.inbox import Inbox
from feedd.testing import NOON, Site, approved, article, asked, eventually, no_sync, running

HOUR = 3600
FOLDERS = ("", "", "news/", "news/deep/", "letters/")
NAMES = "abcdef"
STORIES = 8


# What is written, and when it may be read


@dataclass(frozen=True)
class Version:
    """One version of an article. Its texts bear its `number`, by which they are known wherever they turn up."""

    number: int
    story: int
    since: int
    until: int | None
    front: dict[str, Any]
    secret: bool

    @property
    def text(self) -> str:
        mark = f"Mark{self.number:04}x"
        until = None if self.until is None else zulu(self.until)
        text = article(
            f"Story {self.story} {mark}",
            excerpt=f"What {mark} says.",
            publishedDateTime=zulu(self.since),
            expiryDate=until,
            webUrl=f"https://source.example/{self.story}",
            originalUrl=f"https://original.example/{mark}",
            **self.front,
            body=f"It is {mark}.",
        )
        return text.replace(NAMED, f"Name{self.number:04}x")

    def shown(self, now: int) -> bool:
        return not self.secret and self.since <= now and (self.until is None or now < self.until)


SECRETS: tuple[dict[str, Any], ...] = (
    {"published": False},
    {"published": "true"},
    {"published": None},
    {"deleted": True},
    {"removed": True},
    {"draft": True},
)
NAMED = "A name that nobody else has"
MARK = re.compile(rb"(?i)(mark|name)(\d{4})x")


def zulu(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Author:
    """Writes versions, no two of which are of one moment, and knows all of them."""

    def __init__(self, random: Random) -> None:
        self.random, self.versions = random, list[Version]()

    def version(self, now: int) -> Version:
        """A new version of any story."""
        pick, story = self.random.random, self.random.randrange(STORIES)
        until = now + self.random.randint(-2, 6) * HOUR if pick() < 0.15 else None
        front: dict[str, Any] = {
            "guid": f"urn:story:{story}{self.random.choice(['', ':twin'])}" if story % 2 else None,
            "topics": self.random.sample(TOPIC_NAMES, self.random.randint(0, 2)),
            "provider": {
                "name": NAMED if pick() < 0.2 else "The Gazette",
                "domain": self.random.choice(["gazette.example", "www.harbour.example"]),
            },
            "quality": self.random.randint(0, 3),
            "category": self.random.choice(["letters", "Essays"]) if pick() < 0.15 else None,
        }
        if pick() < 0.15:
            front["topics"].append(NAMED)
        if pick() < 0.3:
            others = self.random.sample([*range(STORIES + 2), "vault"], 2)
            links = ((f"See {other}", f"https://source.example/{other}") for other in others)
            front["related"] = [{"title": title, "webUrl": link} for title, link in links]
        secret = pick() < 0.2
        if secret:
            front |= self.random.choice(SECRETS)
        since = NOON + self.random.choice([-30, -3, -2, -1, -1, 0, 1, 2]) * HOUR + (now - NOON) // HOUR * HOUR
        return self.add(Version(0, story, since, until, front, secret))

    def another(self, version: Version) -> Version:
        """The same, published if it was not, else not."""
        front = {name: value for name, value in version.front.items() if not any(name in one for one in SECRETS)}
        front |= {} if version.secret else self.random.choice(SECRETS)
        return self.add(replace(version, front=front, secret=not version.secret))

    def add(self, version: Version) -> Version:
        number = len(self.versions)
        version = replace(version, number=number, since=version.since // HOUR * HOUR + number)
        self.versions.append(version)
        return version

    def of(self, text: str) -> Version | None:
        """The version that a text is of."""
        found = MARK.search(text.encode())
        return self.versions[int(found[2])] if found else None


class Reader:
    """Reads whatever is published, as it is put into its place and as it lies there, and keeps what was wrong with it.

    `latest` is the latest moment that the clock ever showed. The vault is a draft that nobody touches: no related link
    leads to it, unless it was gone with everything else at some time (`exposed`).
    """

    def __init__(self, author: Author, feeds: Path) -> None:
        self.author, self.feeds, self.latest, self.faults = author, feeds, NOON, list[str]()
        self.exposed = False
        self._read: dict[Path, tuple[int, int]] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within it, a thread reads without a pause."""
        ended = threading.Event()

        def read() -> None:
            while not ended.wait(0.002):
                self.look()

        thread = threading.Thread(target=read, name="reader")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def look(self) -> None:
        # Folders of archives may go while they are walked through, which os.walk does not mind.
        there = (Path(folder, name) for folder, _, names in os.walk(self.feeds) for name in names)
        for place in {*self._read, *(path for path in there if path.suffix in SUFFIXES)}:
            try:
                status = place.stat()
                version = status.st_ino, status.st_mtime_ns
                if self._read.get(place) != version:
                    self.check(place.relative_to(self.feeds).as_posix(), place.read_bytes())
                    self._read[place] = version
            except FileNotFoundError:
                if not is_period(place.stem):  # archives may go
                    self.faults.append(f"{place} is not there any more")

    def check(self, path: str, data: bytes) -> None:
        """A document is whole, and says nothing that is not to be seen, or was not yet."""
        try:
            items = json.loads(data).get("items", ()) if path.endswith(".json") else etree.fromstring(data)[:0]
        except ValueError as error:
            self.faults.append(f"{path} is not whole: {error}")
        else:
            if len(items) != len({item["id"] for item in items}):
                self.faults.append(f"{path} has two of one id")
        if b"See vault" in data and not self.exposed:
            self.faults.append(f"{path} leads to the vault")
        for found in {int(number) for _, number in MARK.findall(path.encode() + data)}:
            version = self.author.versions[found]
            if version.secret or version.since > self.latest:
                self.faults.append(f"{path} tells at {zulu(self.latest)} of {version}")


SUFFIXES = {".atom", ".rss", ".json"}


class Proofread(Directory):
    """An output directory of which each document is checked before it is there."""

    def __init__(self, root: Path, reader: Reader) -> None:
        super().__init__(root, no_sync)
        self._reader = reader

    def put(self, document: Document) -> Placed:
        self._reader.check(document.path, document.data)
        return super().put(document)


# What is compared

UPDATED = re.compile(
    rb"(?<=<updated>)[^<]*|(?<=<atom:updated>)[^<]*|(?<=\"date_modified\":\")[^\"]*|(?<=<lastBuildDate>)[^<]*"
)
TOMBSTONE = re.compile(rb"\s*<at:deleted-entry [^>]*/>| xmlns:at=\"[^\"]*\"")
MADE_ID = re.compile(rb"(?<=tag:news\.example,2020:)(?!feeds/)[^<\"]+")


def normal(data: bytes) -> bytes:
    """A document without the dates of updates, without tombstones, and without ids that are made from file names."""
    return MADE_ID.sub(b"", UPDATED.sub(b"", TOMBSTONE.sub(b"", data)))


def is_filled(data: bytes) -> bool:
    return b"<entry>" in data or b"<item>" in data or b'{"id":' in data


def differences(found: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """What of the documents is other than after a fresh start."""
    told: list[str] = []
    for path in sorted({*found, *fresh}):
        one, other = found.get(path, b""), fresh.get(path, b"")
        if path in fresh and normal(one) != normal(other):
            texts = (normal(data).decode().replace("><", ">\n<").splitlines() for data in (other, one))
            told += [f"{path} is other than fresh:", *list(difflib.unified_diff(*texts, lineterm="", n=0))[2:12]]
        elif path not in fresh and is_filled(one):
            told.append(f"{path} is not empty: {one.decode()}")
    return told


# The site, and what happens to it

TOPICS = "_data/topics"
FIXED = ("stays.md", "vault.md")
TOPIC_NAMES = ["AI", "ai", "Thinking Machines", "Sea", "Technology"]
# The clock stands in the past: a scan within the hour would be due at once, and hide what was not heard of.
UNTIMED = '[schedule]\nrescan = "900000h"\n'
WHOLE = '["atom", "rss", "json"]'


@dataclass
class Life:
    """A site with its daemon. Everything happens in the order in which it is called, and is written into `history`.

    `kept` are the last good versions of files that are broken now, as far as it is certain that a run saw them.
    """

    site: Site
    random: Random
    linked: bool = False
    guarded: bool = False
    history: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.author = Author(self.random)
        self.reader = Reader(self.author, self.site.feeds)
        self.outside = self.site.folder / "outside"
        self.outside.mkdir()
        self.in_force = self.settings()
        self.site.configure(self.in_force)
        self.serial = 0
        self.stack = ExitStack()

    # The daemon

    def start(self) -> None:
        self.inbox: Inbox = self.stack.enter_context(running(self.site, open=self.opened))

    def opened(self, config: Config, progress: Progress) -> Pipeline:
        return self.site.opened(config, progress, Proofread(config.output.path, self.reader))

    def stop(self) -> None:
        self.stack.close()

    def settings(self) -> str:
        pick, choose = self.random.random, self.random.choice
        feeds = {
            "window": 'max_age = "3h"',
            "oldest": 'title_contains = ["1", "7"]\norder = "oldest"\nlimit = 2',
            "best": 'order = "quality"\nnot_topics = ["Sea"]',
            "letters": 'collections = ["letters"]',
        }
        exclude = '\nexclude = ["**/_data/**", "**/_site/**", "letters/**"]' if pick() < 0.2 else ""
        return f"""
{UNTIMED}
[watch]
quiet = "{choose([0, 0, 3])}ms"
[guard]
count = {2 if self.guarded else 1_000_000}
[content]
include = {choose(['["**/*.md"]', '["**/*.md", "**/*.html"]'])}{exclude}
[output]
limit = {choose([3, 50])}
formats = {choose([WHOLE, WHOLE, '["json", "atom"]', '["rss"]'])}
topics = {choose(["true", "true", "false"])}
[taxonomy]
topics = ["content/{TOPICS}"]
rollup = {choose(["true", "false"])}
[[collection]]
name = "letters"
folders = ["letters"]
""" + "".join(f'[[feed]]\nname = "{name}"\n{wish}\n' for name, wish in feeds.items() if pick() < 0.5)

    def at(self, now: int) -> None:
        """Set the clock."""
        self.reader.latest = max(self.reader.latest, now)
        self.site.now = now
        self.inbox.wake()

    # Waiting

    def pause(self, calm: float = 0.1) -> None:
        """Let the daemon do nothing in particular, what is ripe, or all that there is to do."""
        chance = self.random.random()
        if chance < calm:
            self.calm()
        elif chance < 0.4:
            asked(self.inbox, "status")

    def fresh(self) -> dict[str, bytes]:
        """What a fresh start makes of what there is."""
        with TemporaryDirectory() as folder:
            fresh = Site.copied(self.site.folder, Path(folder))
            fresh.configure(self.in_force)
            for path, text in self.kept.items():
                fresh.write(path, text)
            fresh.now = self.site.now
            fresh.build()
            return fresh.documents()

    def calm(self, timeout: float = 20) -> None:
        """Wait until everything is as after a fresh start."""
        fresh, before = self.fresh(), dict[str, bytes]()

        def alike() -> bool:
            nonlocal before
            found = documents(self.site.feeds)
            changed, before = found != before, found
            if self.guarded:
                approved(self.inbox)
            return changed and not differences(found, fresh)

        with suppress(TimeoutError):
            eventually(alike, timeout)
        status = asked(self.inbox, "status")  # whatever was under way is done
        found = documents(self.site.feeds)
        wrong = differences(found, fresh) or self.backdated(found, fresh)
        wrong += self.overdue(found) + self.reader.faults
        if wrong:
            pytest.fail("\n".join([*self.history, str(status), *wrong[:40]]))

    def overdue(self, found: dict[str, bytes]) -> list[str]:
        """What is to be read in documents and is not to be seen any more."""
        texts = [self.kept.get(path, "") or (self.site.content / path).read_text() for path in self.files()]
        shown = {one.number for text in texts if (one := self.author.of(text)) and one.shown(self.site.now)}
        marks = (mark for data in found.values() for mark in MARK.findall(data))
        told = {int(number) for kind, number in marks if kind.lower() == b"mark"}
        return [f"still there: {self.author.versions[number]}" for number in sorted(told - shown)]

    def backdated(self, found: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
        """Dates of updates that are too early, or not even now; what came back was updated a second later."""
        wrong: list[str] = []
        for path in (path for path in fresh if not path.endswith(".rss") and is_filled(fresh[path])):
            pairs = zip(UPDATED.findall(fresh[path]), UPDATED.findall(found[path]), strict=True)
            latest = zulu(self.reader.latest + 1).encode()
            wrong += [f"{path} has {one!r}, not {other!r}" for other, one in pairs if not other <= one <= latest]
        return wrong

    # The content

    def files(self) -> list[str]:
        """The articles' files that there are, but for one that always stays: without content nothing would leave."""
        found = (path.relative_to(self.site.content) for path in self.site.content.rglob("*.md") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0][0] not in "._" and path.name not in FIXED)

    def folders(self) -> list[str]:
        found = (path.relative_to(self.site.content) for path in self.site.content.rglob("*") if path.is_dir())
        return sorted(path.as_posix() for path in found if path.parts[0][0] not in "._")

    def file(self) -> str | None:
        return self.random.choice(self.files() or [None])

    def place(self) -> str:
        """A path at which there may be a file already."""
        return self.random.choice(FOLDERS) + self.random.choice(NAMES) + ".md"

    def text(self) -> str:
        if self.random.random() < 0.05:
            return "A plain note.\n"
        return self.author.version(self.site.now).text

    def topic_text(self, id: str) -> str:
        name = self.random.choice(["AI", "Thinking Machines", "Sea", "Technology"])
        parent = self.random.choice(["", "parent: Technology\n"])
        aliases = self.random.choice(["", "aliases: [ai, AI]\n", "aliases: [Ocean]\n"])
        return f"_id: {id}\nname: {name}\n{parent}{aliases}"

    def whole(self, under: str = "") -> None:
        """Mend what is broken, since what becomes of it is not certain when it is moved."""
        for path in [path for path in self.kept if path.startswith(under)]:
            self.site.write(path, self.topic_text(path[-9:-5]) if path.startswith(TOPICS) else self.text())
            del self.kept[path]

    def clear(self, path: str, moved: str = "") -> Path:
        """Make room for a file at a path, and let no other have its name: with it an id, which outlasts renames."""
        place = self.site.content / path
        self.kept.pop(path, None)
        others = (other for other in self.files() if other.rpartition("/")[2] == place.name)
        for other in (other for other in others if other not in {path, moved}):
            (self.site.content / other).unlink()
            self.kept.pop(other, None)
        if place.is_dir():
            self.whole(f"{path}/")
            shutil.rmtree(place)
        if place.is_symlink() and path != moved:  # what is written through it nobody hears of, before all is looked at
            place.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def name(self, kind: str) -> str:
        """A name that was never used."""
        self.serial += 1
        return f"{self.serial}-{kind}"


def documents(feeds: Path) -> dict[str, bytes]:
    """Every document, without files that are only passing through."""
    paths = (path for path in feeds.rglob("*") if path.suffix in SUFFIXES)
    return {path.relative_to(feeds).as_posix(): path.read_bytes() for path in paths}


# Edits of files


def write(life: Life) -> None:
    life.clear(place := life.place()).write_text(life.text())
    life.history.append(f"write {place}")


def save(life: Life) -> None:
    """As editors do: beside the file, then in its place."""
    place = life.clear(life.place())
    beside = place.with_name(life.random.choice([f".{place.name}.swp", f"{place.name}~", "4913"]))
    beside.write_text(life.text())
    beside.replace(place)
    life.history.append(f"save {place.name}")


def upload(life: Life) -> None:
    """From outside into its place."""
    place = life.clear(life.place())
    (life.outside / "upload").write_text(life.text())
    (life.outside / "upload").replace(place)


def write_in_pieces(life: Life) -> None:
    place, data = life.clear(life.file() or life.place()), life.text().encode()
    cuts = sorted(life.random.sample(range(len(data)), min(3, len(data))))
    with place.open("wb", buffering=0) as file:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            file.write(data[start:end])
            life.pause(calm=0)


def touch(life: Life) -> None:
    """Something changes that nobody sees."""
    if (path := life.file()) and path not in life.kept:
        place = life.site.content / path
        text = re.sub(r"\nheat: .*", "", place.read_text())
        place.write_text(text.replace("\ntitle:", f"\nheat: {life.random.randrange(100)}\ntitle:", 1))
        place.chmod(life.random.choice([0o600, 0o644]))


def rewrite(life: Life) -> None:
    """Again and again, faster than the file's times tell."""
    if path := life.file():
        place = life.site.content / path
        if version := life.author.of(life.kept.get(path, "") or place.read_text()):
            for _ in range(life.random.randint(2, 6)):
                version = life.author.add(version)
                life.clear(path).write_text(version.text)


def flip(life: Life) -> None:
    """Publish what was not, and the reverse."""
    if path := life.file():
        place = life.site.content / path
        if version := life.author.of(life.kept.get(path, "") or place.read_text()):
            life.clear(path).write_text(life.author.another(version).text)


def remove(life: Life) -> None:
    if path := life.file():
        (life.site.content / path).unlink()
        life.kept.pop(path, None)


def move(life: Life) -> None:
    """Rename a file, or move it to another folder, perhaps over another file."""
    if path := life.file():
        life.whole(path)
        place = life.place()
        if not path.startswith(f"{place}/"):
            (life.site.content / path).replace(life.clear(place, moved=path))


def exchange(life: Life) -> None:
    if (one := life.file()) and (other := life.file()) and one != other:
        life.whole(one)
        life.whole(other)
        first, second, beside = life.site.content / one, life.site.content / other, life.site.content / "beside"
        first.rename(beside)
        second.rename(first)
        beside.rename(second)


def copy(life: Life) -> None:
    if (path := life.file()) and path not in life.kept:
        text = (life.site.content / path).read_text()
        life.clear(life.place()).write_text(text)


def link(life: Life) -> None:
    """A symbolic link to a file that lies elsewhere."""
    target = life.outside / life.name("target")
    target.write_text(life.text())
    place = life.clear(life.place())
    place.unlink(missing_ok=True)
    place.symlink_to(target)


BREAKS: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace('title: "', 'title: ["', 1),
    lambda text: text.rpartition("\n---\n")[0],
    lambda text: re.sub(r"(publishedDateTime: \"....)-..-..", r"\1-02-30", text),
    lambda text: "",
)


def spoil(life: Life) -> None:
    """Break a file whose article is to be seen, once it is certain that it was read."""
    life.calm()
    told = b"".join(documents(life.site.feeds).values())
    for path in life.files():
        place = life.site.content / path
        version = life.author.of(place.read_text())
        is_told = version is not None and f"Mark{version.number:04}x".encode() in told
        if path not in life.kept and version and is_told and not place.is_symlink():
            edited = replace(life.author.version(life.site.now), story=version.story)
            broken = life.random.choice(BREAKS)(life.author.add(edited).text)
            withdrawn = re.search(r"(?m)^(published: (false|\"true\")|(deleted|removed|draft): true)$", broken)
            text = place.read_text()
            life.kept[path] = text.replace("\npublished: true\n", "\npublished: false\n") if withdrawn else text
            place.write_text(broken)
            return


# Folders


def folder(life: Life) -> str | None:
    return life.random.choice(life.folders() or [None])


def move_folder(life: Life) -> None:
    if path := folder(life):
        life.whole(f"{path}/")
        (life.site.content / path).rename(life.site.content / life.name("folder"))


def edit(life: Life, place: Path) -> None:
    """Something changes in a place where nobody looks."""
    files = [path for path in place.rglob("*.md") if path.is_file() and path.name not in FIXED]
    if files:
        life.random.choice(sorted(files)).unlink()
    (place / life.name("edit.md")).write_text(life.text())


def take_folder_out(life: Life) -> None:
    """Out of the content and back, perhaps as another, perhaps edited meanwhile."""
    if path := folder(life):
        life.whole(f"{path}/")
        away = life.outside / life.name("away")
        (life.site.content / path).rename(away)
        life.pause()
        if life.random.random() < 0.5:
            edit(life, away)
        if life.random.random() < 0.8:
            back = life.site.content / life.random.choice([path, life.name("folder")])
            if not back.exists():
                away.rename(back)


def make_folder_again(life: Life) -> None:
    if path := folder(life):
        life.whole(f"{path}/")
        shutil.rmtree(life.site.content / path)
        life.pause(calm=0.05)
        (life.site.content / path).mkdir(parents=True)
        (life.site.content / path / life.name("a.md")).write_text(life.text())


def bring_folder(life: Life) -> None:
    """A tree that was made elsewhere."""
    made = life.outside / life.name("made")
    (made / "deep" / "deeper").mkdir(parents=True)
    (made / life.name("a.md")).write_text(life.text())
    (made / "deep" / "deeper" / life.name("b.md")).write_text(life.text())
    made.rename(life.site.content / life.name("folder"))


def grow(life: Life) -> None:
    """Folders in folders, and a file at once."""
    path = "/".join([life.name("new"), *"xyz"[: life.random.randint(0, 3)], life.name("a.md")])
    life.clear(path).write_text(life.text())


def folder_like_file(life: Life) -> None:
    path = life.place()
    place = life.clear(path)
    place.unlink(missing_ok=True)
    place.mkdir()
    (place / life.name("b.md")).write_text(life.text())


def burst(life: Life) -> None:
    """As a version control system does that checks another state out: each file is unlinked and made anew."""
    life.whole()
    for _ in range(life.random.randint(20, 60)):
        place = life.clear(f"{life.random.choice(FOLDERS)}{life.random.choice(NAMES)}{life.random.randrange(4)}.md")
        place.unlink(missing_ok=True)
        if life.random.random() < 0.6:
            place.write_text(life.text())


def noise(life: Life) -> None:
    """Files that are no articles."""
    for path in (".git/index.lock", "_site/a.md", "news/picture.png", "news/.a.md.swp"):
        if life.random.random() < 0.5:
            life.site.write(path, life.author.add(replace(life.author.version(life.site.now), secret=True)).text)


# The root


def swap_root(life: Life) -> None:
    """Another release, by a symbolic link that is replaced."""
    if not life.linked:
        return
    life.whole()
    release = life.site.folder / life.name("release")
    former = life.site.content.resolve()
    shutil.copytree(former, release, symlinks=True)
    edit(life, release)
    (life.site.folder / "next").symlink_to(release.name)
    (life.site.folder / "next").replace(life.site.content)
    if life.random.random() < 0.5:
        life.pause(calm=0)
        shutil.rmtree(former)


def make_root_again(life: Life) -> None:
    """Remove everything and put other things there."""
    life.whole()
    life.reader.exposed = True
    root = life.site.content.resolve()
    if life.random.random() < 0.5:
        root.rename(life.outside / life.name("former"))
    else:
        shutil.rmtree(root)
    life.pause(calm=0)
    root.mkdir()
    if life.random.random() < 0.5:
        life.pause(calm=0)
    furnish(life)


def take_root_away(life: Life) -> None:
    """Away and back, as a file system that is unmounted for a moment."""
    life.reader.exposed = True
    root, away = life.site.content.resolve(), life.outside / life.name("away")
    life.whole()
    root.rename(away)
    life.pause(calm=0)
    if life.random.random() < 0.5:
        edit(life, away)
    away.rename(root)


def furnish(life: Life) -> None:
    """A little of everything."""
    life.site.story("stays.md", "Stays", publishedDateTime=zulu(NOON - 90 * HOUR), guid="urn:stays", topics=[])
    life.site.story("vault.md", webUrl="https://source.example/vault", published=False)
    (life.site.content / TOPICS).mkdir(parents=True, exist_ok=True)
    topic(life)
    for _ in range(life.random.randint(0, 8)):
        write(life)


# Time, taxonomy, configuration, the daemon itself


def later(life: Life) -> None:
    life.at(life.site.now + life.random.choice([600, HOUR, HOUR, 2 * HOUR, 5 * HOUR]))


def due(life: Life) -> None:
    """The very moment at which something changes."""
    moment = asked(life.inbox, "status")["status"]["due"]
    if moment is not None and moment > life.site.now:
        life.at(moment)


def earlier(life: Life) -> None:
    life.at(life.site.now - life.random.choice([600, HOUR, 3 * HOUR, 30 * HOUR]))


def topic(life: Life) -> None:
    """The taxonomy: a file of it comes, changes, goes or is renamed."""
    folder = life.site.content / TOPICS
    place = folder / life.random.choice(["ai.yaml", "sea.yaml", "technology.yaml"])
    life.whole(f"{TOPICS}/{place.name}")
    chance = life.random.random()
    if chance < 0.15 and len(list(folder.iterdir())) > 1:  # of what is emptied the last that was known stays
        place.unlink(missing_ok=True)
    elif chance < 0.25 and place.exists():
        place.rename(folder / life.name("topic.yaml"))
    elif chance < 0.6:
        place.write_text(life.topic_text(place.stem))
    else:
        (life.outside / "topic.yaml").write_text(life.topic_text(place.stem))
        (life.outside / "topic.yaml").replace(place)


def spoil_topic(life: Life) -> None:
    life.calm()
    for place in sorted((life.site.content / TOPICS).glob("*.yaml")):
        if (path := f"{TOPICS}/{place.name}") not in life.kept:
            life.kept[path] = place.read_text()
            place.write_text(life.random.choice(["name: [\n", "", "_id: nothing\n"]))
            return


def configure(life: Life) -> None:
    life.whole()
    if life.random.random() < 0.3:
        life.pause()
        life.calm()
        life.site.configure("[nonsense\n")
        life.pause()
        write(life)
        life.pause()
    life.in_force = life.settings()
    life.site.configure(life.in_force)
    if life.random.random() < 0.3:
        asked(life.inbox, "reload")


def restart(life: Life) -> None:
    """A stop, and a start after something happened."""
    life.stop()
    for _ in range(life.random.randint(0, 2)):
        life.random.choice([write, move, remove, move_folder, topic, flip])(life)
    if life.random.random() < 0.3:
        life.site.now += HOUR
        life.reader.latest = max(life.reader.latest, life.site.now)
    life.start()


OPERATIONS: dict[Callable[[Life], None], int] = {
    write: 6, save: 4, upload: 4, write_in_pieces: 4, touch: 2, rewrite: 3, flip: 4, remove: 4, move: 6, exchange: 3,
    copy: 3, link: 1, spoil: 2, move_folder: 3, take_folder_out: 3, make_folder_again: 3, bring_folder: 2, grow: 2,
    folder_like_file: 1, burst: 1, noise: 1, swap_root: 3, make_root_again: 1, take_root_away: 1, later: 4, due: 3,
    earlier: 3, topic: 3, spoil_topic: 1, configure: 2, restart: 2,
}  # fmt: skip


def live(seed: int, folder: Path) -> None:
    """A history, and what it comes to."""
    random = Random(seed)
    life = Life(Site(folder), random, linked=random.random() < 0.4, guarded=random.random() < 0.1)
    life.history.append(f"FEEDD_HISTORIES={seed}")
    if life.linked:
        life.site.content.rename(folder / "release")
        life.site.content.symlink_to("release")
    furnish(life)
    with life.stack, life.reader.reading():
        life.start()
        for operation in random.choices(list(OPERATIONS), list(OPERATIONS.values()), k=random.randint(3, 20)):
            life.history.append(operation.__name__)
            operation(life)
            life.pause()
        life.calm()
        life.history.append("stop")
        life.stop()
        assert not differences(documents(life.site.feeds), life.fresh())


def histories() -> list[Any]:
    """The numbers of those that are lived through."""
    if asked_for := os.environ.get("FEEDD_HISTORIES"):
        first, _, last = asked_for.partition("-")
        return [*range(int(first), int(last or first) + 1)]
    return [*range(30), *(pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long]) for seed in range(30, 150))]


@pytest.mark.parametrize("seed", histories())
def test_any_history_ends_like_a_fresh_start(seed: int, tmp_path: Path) -> None:
    live(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(120)
def test_thousands_of_files_at_once_are_all_seen(tmp_path: Path) -> None:
    life = Life(Site(tmp_path), Random(1))
    # Long enough for more hints than are looked at one by one.
    patience = 'quiet = "300ms"\nlimit = "10s"'
    life.in_force = f"{UNTIMED}[watch]\n{patience}\n[guard]\ncount = 1_000_000\n[output]\nlimit = 300\n"
    life.site.configure(life.in_force)
    furnish(life)

    def made(name: str) -> Path:
        """A tree of 5,200 articles, in 13 folders and on 20 topics."""
        for number in range(5200):
            front: dict[str, Any] = {"topics": [f"Topic {number % 20}"], "published": number % 7 > 0}
            version = Version(0, number, NOON - 30 * HOUR, None, front, secret=not front["published"])
            place = life.outside / name / f"{number % 13}" / f"{number}.md"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(life.author.add(version).text)
        return life.outside / name

    def shell(command: str) -> None:
        """In a process of its own, which does not share this one's time with the daemon."""
        subprocess.run(["sh", "-c", command], cwd=life.site.content, check=True)

    one, other = made("one"), made("other")
    with life.stack, life.reader.reading():
        life.start()
        shell(f"cp -R {one}/. .")
        life.calm(timeout=60)
        shutil.rmtree(other / "12")
        shutil.rmtree(other / "11")
        shell(f"mv 12 twelve; rm -r 0 1 2 11; cp -R {other}/. .")
        life.calm(timeout=60)

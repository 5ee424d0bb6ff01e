"""Crashes: `feedd run` is killed at any moment, again and again, while files are edited and documents are read.

No reader ever meets a document that is broken or missing, or holds what was never public; and the next daemon makes of
what is there what a fresh build would. The ledger's memory is left aside: dates of updates are not compared, and a feed
that only once had articles must be empty.

FEEDD_KILLS says how many daemons the longer of these tests kill, such as 1000.
"""

import json
import os
import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from feedd.testing import Service, Site, article, eventually

SETTINGS = """
[output]
description = "{{title}}, edition {edition}"
[watch]
quiet = "0ms"
[guard]
count = 1000000
[[feed]]
name = "oldest"
order = "oldest"
limit = 5
"""
SLOTS = 24
KILLS = int(os.environ.get("FEEDD_KILLS", "24"))
SECRETS = (b"Embargoed", b"Unpublished")
MEMORY = re.compile(
    rb"<(atom:)?updated>[^<]*</(atom:)?updated>|<lastBuildDate>[^<]*</lastBuildDate>|\"date_modified\":\"[^\"]*\",?"
    rb"|\s*<at:deleted-entry [^>]*/>"
    rb"| xmlns:at=\"[^\"]*\""
)
ENTRIES = re.compile(rb'<entry|<item>|\{"id":')


def filled(site: Site) -> dict[str, bytes]:
    """The documents that hold entries, without the dates of updates and without tombstones."""
    return {path: MEMORY.sub(b"", data) for path, data in site.documents().items() if ENTRIES.search(data)}


def assert_right(site: Site) -> None:
    """The documents are those of a fresh build of the same content."""
    with TemporaryDirectory() as folder:
        fresh = Site.copied(site.folder, Path(folder))
        fresh.now = int(time.time())
        fresh.build()
        assert filled(site) == filled(fresh)
        assert sorted(fresh.documents().keys() - site.documents().keys()) == []


# Who reads meanwhile


def fault(data: bytes, suffix: str) -> str:
    """What is wrong with a document, if anything."""
    try:
        json.loads(data) if suffix == ".json" else ElementTree.fromstring(data)
    except (ValueError, ElementTree.ParseError) as error:
        return f"broken: {error}: {data[-200:]!r}"
    return "".join(f"tells of {secret!r}" for secret in SECRETS if secret in data)


class Reader:
    """Looks at every document that is there, or ever was, without pause, and reads it when it is another one than it
    was. `wrong` is what it had to complain about.
    """

    def __init__(self, feeds: Path) -> None:
        self.feeds, self.known = feeds, dict[Path, tuple[int, int, int]]()
        self.wrong: list[str] = []
        self.rounds = 0

    def look(self) -> None:
        found = {Path(folder, name) for folder, _, names in os.walk(self.feeds) for name in names if name[0] != "."}
        for path in sorted(found | self.known.keys()):
            try:
                complaint = self._complaint(path)
            except OSError as error:
                complaint = f"missing: {error}"
            if complaint:
                self.wrong.append(f"{path.relative_to(self.feeds)}: {complaint}")
        self.rounds += 1

    def _complaint(self, path: Path) -> str:
        stat = path.stat()
        identity = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if self.known.get(path) == identity:
            return ""
        self.known[path] = identity
        return fault(path.read_bytes(), path.suffix)


@contextmanager
def reading(feeds: Path) -> Iterator[Reader]:
    """Within it somebody reads; at the end nothing was wrong."""
    reader, stop = Reader(feeds), threading.Event()

    def read() -> None:
        while not stop.is_set():
            reader.look()

    thread = threading.Thread(target=read, name="reader")
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join()
    reader.look()
    assert reader.wrong == []


# Who edits meanwhile


class Editor:
    """Writes, saves, moves and removes articles by chance. Each tells a story of its own, which keeps its id."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self.site, self.chance = site, chance
        self.version = 0
        for slot in range(SLOTS):
            self.write(slot)
        self.configure()
        site.story("stays.md", "Stays", guid="urn:stays")
        site.story("embargoed.md", "Embargoed", guid="urn:embargoed", publishedDateTime="2999-01-01T00:00:00Z")
        site.story("draft.md", "Unpublished", guid="urn:draft", published=False, related=[])

    def configure(self) -> None:
        """Change what is in the head of every document."""
        self.version += 1
        self.site.configure(SETTINGS.format(edition=self.version))

    def place(self, slot: int) -> Path:
        return self.site.content / f"{self.chance.choice(('', 'a/', 'b/c/'))}{slot}.md"

    def find(self, slot: int) -> Path | None:
        return next(self.site.content.rglob(f"{slot}.md"), None)

    def text(self, slot: int) -> str:
        self.version += 1
        return article(
            f"Story {slot}, version {self.version}",
            guid=f"urn:story:{slot}",
            webUrl=f"https://source.example/{slot}",
            publishedDateTime=f"2024-05-{slot + 1:02}T08:00:00Z",
            published=self.chance.random() < 0.8,
            heat=self.version,
            topics=self.chance.sample(["AI", "Cloud", "Robots", "Sea"], 2),
            provider={"name": "One", "domain": self.chance.choice(("one.example", "two.example"))},
            related=[{"title": "See", "webUrl": f"https://source.example/{self.chance.randrange(SLOTS)}"}],
            body="word " * self.chance.randrange(2000),
        )

    def write(self, slot: int) -> None:
        """In place, which lets others see a file that is empty or cut off."""
        path = self.find(slot) or self.place(slot)
        self.site.write(path.relative_to(self.site.content).as_posix(), self.text(slot))

    def save(self, slot: int) -> None:
        """Under another name first, as most editors do."""
        beside = self.site.write(".saving", self.text(slot))
        beside.rename(self.find(slot) or self.site.content / f"{slot}.md")

    def move(self, slot: int) -> None:
        path, place = self.find(slot), self.place(slot)
        if path:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)

    def remove(self, slot: int) -> None:
        if path := self.find(slot):
            path.unlink()

    def edit(self) -> None:
        """Some edits at once."""
        for _ in range(self.chance.choice((1, 1, 2, 5, 20))):
            kind = self.chance.choice((self.write, self.write, self.save, self.save, self.move, self.remove))
            kind(self.chance.randrange(SLOTS))


# The storm


@dataclass
class Tally:
    """How many daemons were killed, how many of them at work on documents, and how many were right before."""

    kills: int = 0
    at_work: int = 0
    right: int = 0
    moments: dict[str, int] = field(default_factory=dict)


def left_over(site: Site) -> list[Path]:
    """Temporary files, which a daemon leaves that is killed while it writes documents."""
    return list(site.feeds.rglob(".*.feedd-tmp"))


def pause(chance: random.Random, most: float) -> None:
    """Let some time pass, more often little than much."""
    threading.Event().wait(most * chance.random() ** 2)


def killed_while_it_starts(service: Service, editor: Editor) -> bool:
    if editor.chance.random() < 0.5:
        editor.edit()
    pause(editor.chance, 0.6)
    return False


def killed_at_its_first_run(service: Service, editor: Editor) -> bool:
    service.wait_for("STATUS=starting: ")
    pause(editor.chance, 0.15)
    return False


def killed_after_an_edit(service: Service, editor: Editor) -> bool:
    service.wait_for("READY=1")
    assert_right(editor.site)
    for _ in range(editor.chance.randint(1, 3)):
        editor.edit()
        pause(editor.chance, 0.3)
    return True


def killed_after_a_reload(service: Service, editor: Editor) -> bool:
    service.wait_for("READY=1")
    assert_right(editor.site)
    editor.configure()
    pause(editor.chance, 0.3)
    return True


def killed_while_documents_are_written(service: Service, editor: Editor) -> bool:
    service.wait_for("READY=1")
    document = editor.site.feeds / "all.atom"
    before = document.stat().st_ino
    editor.configure()
    eventually(lambda: left_over(editor.site) or document.stat().st_ino != before)
    pause(editor.chance, 0.1)
    return False


def killed_about_the_commit(service: Service, editor: Editor) -> bool:
    """The state is written to when the documents are in their places."""
    service.wait_for("READY=1")
    log = editor.site.state / "feedd.sqlite3-wal"
    before = log.stat().st_mtime_ns
    editor.save(0)
    eventually(lambda: log.stat().st_mtime_ns > before)
    pause(editor.chance, 0.004)
    return False


MOMENTS = (
    killed_while_it_starts,
    killed_at_its_first_run,
    killed_after_an_edit,
    killed_after_a_reload,
    killed_while_documents_are_written,
    killed_about_the_commit,
)


def storm(folder: Path, seed: int, kills: int) -> Tally:
    """Kill a daemon so often; the last one must be right."""
    site, tally = Site(folder), Tally()
    editor = Editor(site, random.Random(seed))
    with reading(site.feeds) as reader:
        for _ in range(kills):
            moment = editor.chance.choice(MOMENTS)
            with Service(site.file, folder) as service:  # which is killed at the end
                tally.right += moment(service, editor)
            tally.kills += 1
            tally.moments[moment.__name__] = tally.moments.get(moment.__name__, 0) + 1
            tally.at_work += bool(left_over(site))
            if editor.chance.random() < 0.3:
                editor.edit()
            if editor.chance.random() < 0.05:
                shutil.rmtree(site.state, ignore_errors=True)  # the daemon may have died before it was made
        with Service(site.file, folder) as service:
            service.wait_for("READY=1")
            assert_right(site)
            assert left_over(site) == []
            assert service.stop() == 0
            log = service.log.read_text()
        rounds = reader.rounds
        eventually(lambda: reader.rounds > rounds)
    assert [line for line in log.splitlines() if " error " in line or "Traceback" in line] == []
    [stays] = [item for item in site.items() if item["id"] == "urn:stays"]
    assert stays["date_modified"] == stays["date_published"]
    assert {path.name.split("-")[0] for path in site.state.iterdir()} == {"feedd.sqlite3"}
    assert list(site.state.glob("*damaged*")) == []
    return tally


def said(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f" [{tally}]", end="")


def test_killed_daemons_leave_whole_documents_and_the_next_one_is_right(tmp_path: Path) -> None:
    tally = storm(tmp_path, random.randrange(1 << 32), 12)
    assert tally.kills == 12


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_killed_daemons_leave_whole_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = storm(tmp_path, random.randrange(1 << 32), KILLS)
    said(tally, capsys)
    assert tally.at_work > 0


# Other processes


def family(mark: str) -> set[int]:
    """The processes that were started with this in their environment, by a daemon or by its workers."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@contextmanager
def no_survivors(mark: str) -> Iterator[None]:
    """Whatever goes wrong, none of these processes is left at the end."""
    try:
        yield
    finally:
        for pid in family(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def large(folder: Path) -> Site:
    """A site of which it takes several processes to read all."""
    site = Site(folder, "[guard]\ncount = 1000000\n")
    for number in range(1500):
        site.story(f"{number}.md", webUrl=f"https://source.example/{number}", topics=[f"Topic {number % 40}"])
    return site


def workers_storm(folder: Path, chance: random.Random, kills: int) -> Tally:
    """Kill daemons at their first run, in which they have workers."""
    site, tally, mark = large(folder), Tally(), f"mark-of-{folder}"
    with reading(site.feeds), no_survivors(mark):
        for _ in range(kills):
            with Service(site.file, folder, FEEDD_MARK=mark) as service:
                daemon = service.process.pid
                eventually(lambda: family(mark) - {daemon})  # noqa: B023 - it is over then
                pause(chance, 0.8)
                tally.at_work += len(family(mark)) > 2
            tally.kills += 1
            eventually(lambda: not family(mark), timeout=5)
        with Service(site.file, folder, FEEDD_MARK=mark) as service:
            service.wait_for("READY=1")
            assert_right(site)
            assert service.stop() == 0
            eventually(lambda: not family(mark), timeout=5)
            assert " error " not in service.log.read_text()
    return tally


several = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor needs no workers")


@several
@pytest.mark.slow
def test_killed_workers_cost_nothing(tmp_path: Path) -> None:
    site, mark = large(tmp_path), f"mark-of-{tmp_path}"
    killed: set[int] = set()
    with Service(site.file, tmp_path, FEEDD_MARK=mark) as service:

        def kill() -> int:
            for pid in family(mark) - {service.process.pid} - killed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            return len(killed)

        eventually(lambda: kill() >= 3)  # what keeps an eye on the others among them
        service.wait_for("READY=1")
        assert_right(site)
        assert service.stop() == 0


@several
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_daemons_leave_no_process_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(workers_storm(tmp_path, random.Random(), KILLS // 6), capsys)

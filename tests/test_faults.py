"""Faults: one bad thing costs no more than itself, is reported, and heals when its cause goes."""

import errno
import json
import os
import resource
import shutil
import signal
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from feedd.errors import Problem, RenderError, StateError
from feedd.feeds.entry import Document, Entry, Feed
from feedd.feeds.formats import FORMATS, Format
from feedd.pipeline import Pipeline, Report
from feedd.publish.directory import Directory, Placed
from feedd.state.database import FILE, Database, open_database
from feedd.testing import FailingDirectory, Site, bound_by_permissions, no_sync

HOUR = 3600


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with two articles."""
    site = Site(tmp_path)
    site.story("one.md", "One", topics=["AI"], publishedDateTime="2024-05-02T08:00:00Z")
    site.story("two.md", "Two", topics=["Cloud"], publishedDateTime="2024-05-01T08:00:00Z")
    return site


def kinds(report: Report) -> list[str]:
    return [problem.kind for problem in report.problems]


def edited(site: Site, title: str = "One, edited") -> None:
    site.story("one.md", title, topics=["AI"], publishedDateTime="2024-05-02T08:00:00Z")


# The state cannot be used when it is opened


@contextmanager
def missing(site: Site) -> Iterator[None]:
    shutil.rmtree(site.state, ignore_errors=True)
    yield


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    site.state.mkdir(exist_ok=True)
    site.state.chmod(0o555)
    for file in site.state.iterdir():
        file.chmod(0o444)
    try:
        with bound_by_permissions():
            yield
    finally:
        site.state.chmod(0o755)
        for file in site.state.iterdir():
            file.chmod(0o644)


@contextmanager
def not_to_be_entered(site: Site) -> Iterator[None]:
    site.state.mkdir(exist_ok=True)
    site.state.chmod(0)
    try:
        with bound_by_permissions():
            yield
    finally:
        site.state.chmod(0o755)


@contextmanager
def a_file(site: Site) -> Iterator[None]:
    shutil.rmtree(site.state, ignore_errors=True)
    site.state.write_text("not a directory")
    yield
    site.state.unlink()


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Another process writes and does not end."""
    site.state.mkdir(exist_ok=True)
    with closing(sqlite3.connect(site.state / FILE, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def locked_whole(site: Site) -> Iterator[None]:
    """Another process lets nobody even read."""
    site.state.mkdir(exist_ok=True)
    with closing(sqlite3.connect(site.state / FILE, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


UNUSABLE = [read_only, not_to_be_entered, a_file, locked, locked_whole]
unusable = pytest.mark.parametrize("fault", UNUSABLE, ids=lambda fault: str(fault.__name__))


@unusable
def test_first_build_publishes_without_a_state(
    site: Site, tmp_path: Path, fault: Callable[[Site], Iterator[None]]
) -> None:
    with fault(site):
        site.build()
        assert [problem.kind for problem in site.database.problems] == ["state-unusable"]
        assert not site.database.durable

    good = Site.copied(site.folder, tmp_path / "good")
    good.build()
    assert site.documents() == good.documents()


@unusable
def test_edits_are_published_without_a_state_and_the_next_run_heals(
    site: Site, fault: Callable[[Site], Iterator[None]]
) -> None:
    site.build()
    edited(site)
    with fault(site):
        site.now += HOUR
        site.build()
        assert [problem.kind for problem in site.database.problems] == ["state-unusable"]
        assert site.titles() == ["One, edited", "Two"]

    edited(site, "One, again")
    site.now += HOUR
    assert kinds(site.build()) == []
    assert site.database.problems == ()
    assert site.titles() == ["One, again", "Two"]
    assert site.build().written == ()


@pytest.mark.parametrize("fault", [read_only, locked], ids=lambda fault: str(fault.__name__))
def test_memory_of_a_state_that_can_only_be_read_is_used(site: Site, fault: Callable[[Site], Iterator[None]]) -> None:
    """Ids of renamed articles, last good versions and times of visible edits are in it."""
    site.build()
    (site.content / "two.md").rename(site.content / "renamed.md")
    edited(site)
    site.build()
    site.write("one.md", "---\ntitle: [\n---\n")
    before = site.documents()

    with fault(site):
        site.now += HOUR
        site.build()
        assert not site.database.durable

    assert site.documents() == before


@unusable
def test_long_lived_process_goes_back_to_the_state_when_it_can(
    site: Site, fault: Callable[[Site], Iterator[None]]
) -> None:
    with fault(site):
        pipeline = site.pipeline()
        pipeline.run(site.now)
    edited(site)
    pipeline.run(site.now, hints=["one.md"])
    pipeline.close()

    assert site.titles() == ["One, edited", "Two"]
    assert site.build().written == ()
    assert site.database.problems == ()


def test_missing_state_is_made(site: Site) -> None:
    with missing(site):
        site.build()
    assert site.database.problems == ()
    assert (site.state / FILE).is_file()


def garbage(data: bytes) -> bytes:
    return b"This is no database. " * 1000


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def headless(data: bytes) -> bytes:
    return b"\xff" * 100 + data[100:]


def other_version(data: bytes) -> bytes:
    return data[:60] + (99).to_bytes(4, "big") + data[64:]


@pytest.mark.parametrize("damage", [garbage, cut, headless, other_version], ids=lambda damage: str(damage.__name__))
def test_damaged_state_is_put_aside_and_all_is_published(site: Site, damage: Callable[[bytes], bytes]) -> None:
    site.build()
    before = site.documents()
    file = site.state / FILE
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)

    report = site.build()
    [problem] = [*site.database.problems, *report.problems]
    assert problem.kind == "state-damaged"
    assert site.documents() == before
    [aside] = site.state.glob("*.damaged-*")
    assert aside.read_bytes()[:4096] == damaged[:4096]
    assert aside.name in problem.what

    edited(site)
    assert kinds(site.build()) == []
    assert site.database.problems == ()
    assert site.titles() == ["One, edited", "Two"]


# The state fails during a run


def pages_of(site: Site, table: str) -> list[int]:
    """The offsets of a table's pages in the file."""
    with closing(sqlite3.connect(site.state / FILE)) as state:
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root, size = state.execute("SELECT rootpage, 4096 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return [(root - 1) * size]


@pytest.mark.parametrize("junk", [b"\x00", b"\xff", b"junk"], ids=["zeros", "ones", "junk"])
@pytest.mark.parametrize("table", ["file", "article", "entry", "feed", "document", "meta", "related"])
def test_damage_in_the_middle_of_the_state_is_met_during_the_run(site: Site, table: str, junk: bytes) -> None:
    site.build()
    [page] = pages_of(site, table)
    with (site.state / FILE).open("r+b") as file:
        file.seek(page)
        file.write(junk * (4096 // len(junk)))
    edited(site)
    site.story("three.md", "Three", related=[{"title": "One", "webUrl": "https://source.example/one"}])

    report = site.build()

    assert site.titles() == ["One, edited", "Three", "Two"]
    assert [problem.kind for problem in [*site.database.problems, *report.problems]] == ["state-damaged"]
    assert len(list(site.state.glob("*.damaged-*"))) == 1
    assert site.build().written == ()
    assert kinds(site.build()) == []


@pytest.mark.parametrize("value", [b"\x00junk", b"\xc1" * 30], ids=["junk", "no MessagePack"])
@pytest.mark.parametrize(
    ("column", "settings"),
    [("file.traits", ""), ("file.links", "limit = 9"), ("article.data", "limit = 9")],
    ids=["traits", "links", "article"],
)
def test_rows_that_nobody_wrote_so_are_damage(site: Site, column: str, settings: str, value: bytes) -> None:
    site.story("three.md", "Three", related=[{"title": "Far", "webUrl": "https://far.example/"}])
    site.settle()
    site.build()
    table, _, name = column.partition(".")
    with closing(sqlite3.connect(site.state / FILE)) as state:
        state.execute(f"UPDATE {table} SET {name} = ? WHERE {name} IS NOT NULL", (value,))
        state.commit()
    site.configure(f"[output]\n{settings}\n")
    edited(site)

    report = site.build()

    assert site.titles() == ["One, edited", "Three", "Two"]
    assert kinds(report) == ["state-damaged"]
    assert site.build().written == ()


def test_state_whose_tables_are_gone_is_replaced(site: Site) -> None:
    site.build()
    with closing(sqlite3.connect(site.state / FILE)) as state:
        state.execute("DROP TABLE entry")
    edited(site)

    assert kinds(site.build()) == ["state-damaged"]
    assert site.titles() == ["One, edited", "Two"]
    assert kinds(site.build()) == []


def test_state_that_is_damaged_under_a_long_lived_process_is_replaced(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    with closing(sqlite3.connect(site.state / FILE)) as state:
        state.execute("DROP TABLE feed")
    edited(site)

    assert kinds(pipeline.run(site.now, hints=["one.md"])) == ["state-damaged"]
    assert site.titles() == ["One, edited", "Two"]

    edited(site, "One, again")
    assert kinds(pipeline.run(site.now, hints=["one.md"])) == []
    assert site.titles() == ["One, again", "Two"]
    pipeline.close()


def test_state_that_is_deleted_under_a_long_lived_process_is_made_again(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    shutil.rmtree(site.state)
    edited(site)

    assert kinds(pipeline.run(site.now, hints=["one.md"])) == []
    pipeline.close()

    assert site.titles() == ["One, edited", "Two"]
    assert site.build().written == ()


def test_state_that_is_locked_under_a_long_lived_process_is_worked_around(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    with locked(site):
        for title, hour in (("first", 13), ("second", 14)):
            edited(site, title)
            site.now += HOUR
            assert kinds(pipeline.run(site.now, hints=["one.md"])) == ["state-unusable"]
            assert site.titles() == [title, "Two"]
            assert site.items()[0]["date_modified"] == f"2024-06-01T{hour}:00:00Z"

    edited(site, "third")
    assert kinds(pipeline.run(site.now, hints=["one.md"])) == []
    pipeline.close()
    assert site.titles() == ["third", "Two"]
    assert site.build().written == ()


def test_edit_is_news_once_though_the_state_is_unusable_for_long(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    with locked(site):
        edited(site)
        for _ in range(3):
            site.now += HOUR
            pipeline.run(site.now)
        assert site.items()[0]["date_modified"] == "2024-06-01T13:00:00Z"
    pipeline.close()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond that many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def many(site: Site) -> None:
    for number in range(60):
        site.story(f"many/{number}.md", f"Many {number}", body="word " * 500, publishedDateTime="2024-04-01")


def test_disk_that_is_full_at_the_commit_keeps_nobody_from_publishing(site: Site) -> None:
    site.configure("[output]\nlimit = 5\narchives = false\n")
    pipeline = site.pipeline()
    pipeline.run(site.now)
    edited(site)
    many(site)
    with file_size_limit(100_000):
        report = pipeline.run(site.now)

    assert kinds(report) == ["state-unusable"]
    assert "all.atom" in report.written
    assert len(report.written) == len(set(report.written))
    assert site.titles()[:2] == ["One, edited", "Two"]

    assert kinds(pipeline.run(site.now)) == []
    pipeline.close()
    assert site.build().written == ()


def test_state_that_may_not_grow_keeps_nobody_from_publishing(site: Site) -> None:
    site.build()
    edited(site)
    many(site)
    with closing(site.pipeline()) as pipeline:
        site.database.execute("PRAGMA max_page_count = 1")
        report = pipeline.run(site.now)

    assert kinds(report) == ["state-unusable"]
    assert site.titles()[:2] == ["One, edited", "Two"]
    assert kinds(site.build()) == []
    assert len(site.titles()) == 50


class Hopeless(Database):
    """A state that fails in memory too."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        raise StateError(Problem("state-unusable", "out of memory"))
        yield

    def rescued(self, error: StateError, blank: bool = False) -> Database:
        return self


def test_run_that_can_keep_its_state_nowhere_says_so(site: Site) -> None:
    database = Hopeless(open_database(None).connection)
    pipeline = Pipeline(site.config, database, Directory(site.feeds))
    with closing(pipeline), pytest.raises(StateError, match="out of memory"):
        pipeline.run(site.now)


# A process that dies


class Died(BaseException):
    """The process is gone at this place; nothing may catch that."""


class DyingDirectory(Directory):
    """An output directory whose process dies after so many documents."""

    def __init__(self, root: Path, documents: int) -> None:
        super().__init__(root, sync=no_sync)
        self.left = documents

    def put(self, document: Document) -> Placed:
        if not self.left:
            raise Died
        self.left -= 1
        return super().put(document)

    def settle(self) -> None:
        if not self.left:
            raise Died
        super().settle()


@pytest.mark.parametrize("documents", [0, 1, 6, 11, 12], ids=lambda number: f"after {number}")
@pytest.mark.parametrize("same_process", [False, True], ids=["new process", "same process"])
def test_run_after_a_death_between_publication_and_commit_is_right(
    site: Site, documents: int, same_process: bool
) -> None:
    site.build()
    edited(site)
    (site.content / "two.md").unlink()
    directory = DyingDirectory(site.feeds, documents)
    pipeline = site.pipeline(directory)
    with pytest.raises(Died):
        pipeline.run(site.now)

    directory.left = 1000
    site.now += HOUR
    if same_process:
        pipeline.run(site.now, hints=())
    else:
        site.build()
    pipeline.close()

    assert site.titles() == ["One, edited"]
    assert site.titles("topics/cloud") == []
    assert site.items()[0]["date_modified"] == "2024-06-01T13:00:00Z"
    assert site.build().written == ()


def test_bug_is_no_fault_of_the_state(site: Site) -> None:
    """It is raised as it is, and leaves the state alone."""

    class Buggy(Directory):
        def put(self, document: Document) -> Placed:
            raise TypeError("a bug")

    site.build()
    edited(site)
    with pytest.raises(TypeError, match="a bug"):
        site.build(directory=Buggy(site.feeds))

    assert list(site.state.glob("*damaged*")) == []
    assert kinds(site.build()) == []


# The output


def test_full_disk_for_one_document_costs_that_document(site: Site) -> None:
    site.build()
    before = site.documents()
    edited(site)

    report = site.build(directory=FailingDirectory(site.feeds, {"all.rss"}))

    [problem] = report.problems
    assert (problem.kind, problem.file) == ("not-written", str(site.feeds / "all.rss"))
    assert "No space left" in problem.what
    assert site.documents()["all.rss"] == before["all.rss"]
    assert site.titles() == ["One, edited", "Two"]

    report = site.build()
    assert (kinds(report), report.written) == ([], ("all.rss",))
    assert b"One, edited" in site.documents()["all.rss"]


def test_failed_document_is_tried_and_reported_at_every_run(site: Site) -> None:
    directory = FailingDirectory(site.feeds, {"topics/ai.json"})
    with closing(site.pipeline(directory)) as pipeline:
        for hints in (None, (), None):
            assert kinds(pipeline.run(site.now, hints)) == ["not-written"]
        directory.full.clear()
        report = pipeline.run(site.now, hints=())
        assert (kinds(report), report.written) == ([], ("topics/ai.json",))
        assert kinds(pipeline.run(site.now)) == []


def test_unwritable_folder_costs_its_documents_only(site: Site) -> None:
    site.build()
    before = site.documents()
    edited(site)
    (site.feeds / "topics").chmod(0o555)
    with bound_by_permissions():
        report = site.build()
    (site.feeds / "topics").chmod(0o755)

    assert kinds(report) == ["not-written"] * 3
    assert site.titles() == ["One, edited", "Two"]
    assert {path for path, data in site.documents().items() if data == before[path] and "topics/ai" in path} == {
        "topics/ai.atom",
        "topics/ai.rss",
        "topics/ai.json",
    }

    assert kinds(site.build()) == []
    assert site.titles("topics/ai") == ["One, edited"]


def test_output_directory_that_cannot_be_made_is_reported(site: Site) -> None:
    site.feeds.write_text("a file")
    assert set(kinds(site.build())) == {"not-written"}

    site.feeds.unlink()
    assert kinds(site.build()) == []
    assert site.titles() == ["One", "Two"]


def test_output_directory_that_cannot_be_entered_is_reported(site: Site) -> None:
    site.build()
    edited(site)
    site.feeds.chmod(0)
    with bound_by_permissions():
        report = site.build()
    site.feeds.chmod(0o755)

    assert set(kinds(report)) == {"not-written"}
    assert kinds(site.build()) == []
    assert site.titles() == ["One, edited", "Two"]


def test_directory_in_the_place_of_a_document_costs_that_document(site: Site) -> None:
    (site.feeds / "all.rss" / "mine").mkdir(parents=True)

    report = site.build()

    [problem] = report.problems
    assert (problem.kind, problem.file) == ("not-written", str(site.feeds / "all.rss"))
    assert problem.remedy.startswith("Remove or rename the folder that is in the way.")
    assert (site.feeds / "all.rss" / "mine").is_dir()
    assert site.titles() == ["One", "Two"]

    shutil.rmtree(site.feeds / "all.rss")
    assert kinds(site.build()) == []
    assert (site.feeds / "all.rss").is_file()


def test_file_in_the_place_of_a_folder_costs_its_documents(site: Site) -> None:
    site.feeds.mkdir()
    (site.feeds / "topics").write_text("mine")

    report = site.build()

    [problem] = report.problems  # of six documents
    assert (problem.kind, problem.file) == ("not-written", str(site.feeds / "topics"))
    assert problem.remedy.startswith("Remove or rename the file that is in the way.")
    assert (site.feeds / "topics").read_text() == "mine"
    assert site.titles("providers/source.example") == ["One", "Two"]


def test_folder_that_cannot_be_synced_is_reported(site: Site) -> None:
    def sync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    [problem] = site.build(directory=Directory(site.feeds, sync)).problems

    assert (problem.kind, problem.what) == ("not-synced", "cannot be made durable: Input/output error")
    assert site.titles() == ["One", "Two"]


def test_left_over_temporary_files_are_swept(site: Site) -> None:
    site.build()
    left = [site.feeds / ".all.atom.4711.feedd-tmp", site.feeds / "topics" / ".ai.atom.4711.feedd-tmp"]
    for file in left:
        file.write_bytes(b"torn")

    site.build()

    assert [file for file in left if file.exists()] == []


def test_foreign_files_are_left_alone(site: Site) -> None:
    site.build()
    foreign = ("index.html", "topics/.htaccess", "topics/mine.atom", "other/feed.rss", ".feedd-tmp.x", "all.atom.bak")
    for path in foreign:
        (site.feeds / path).parent.mkdir(exist_ok=True)
        (site.feeds / path).write_bytes(b"foreign")
    (site.feeds / ".folder.feedd-tmp").mkdir()
    stamps = {path: (site.feeds / path).stat() for path in foreign}

    edited(site)
    (site.content / "two.md").unlink()
    site.build()
    shutil.rmtree(site.state)
    site.build()

    assert {path: (site.feeds / path).read_bytes() for path in foreign} == dict.fromkeys(foreign, b"foreign")
    assert {path: (site.feeds / path).stat().st_mtime_ns for path in foreign} == {
        path: status.st_mtime_ns for path, status in stamps.items()
    }
    assert (site.feeds / ".folder.feedd-tmp").is_dir()


TAMPERED: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "emptied": lambda file: file.write_bytes(b""),
    "appended to": lambda file: file.write_bytes(file.read_bytes() + b"<!-- -->"),
    "replaced by as many bytes": lambda file: file.write_bytes(b" " * file.stat().st_size),
    "taken away with its folder": lambda file: shutil.rmtree(file.parent),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=list(TAMPERED))
def test_tampered_document_is_restored_by_the_next_build(site: Site, tamper: Callable[[Path], object]) -> None:
    site.build()
    before = site.documents()

    tamper(site.feeds / "topics" / "ai.atom")
    report = site.build()

    assert "topics/ai.atom" in report.written
    assert site.documents() == before
    assert site.build().written == ()


def test_touched_document_is_known_again_without_writing(site: Site) -> None:
    site.build()
    (site.feeds / "all.atom").touch()

    report = site.build()
    assert (report.feeds, report.written) == (1, ())
    assert site.build().feeds == 0


# A format that fails


def failing(form: Format, title: str) -> Format:
    """A format that cannot write one entry."""

    def entry(entry: Entry) -> bytes:
        if entry.title == title:
            raise RenderError(Problem("render", f"cannot write {entry.id}"))
        return form.entry(entry)

    return Format(form.suffix, form.media_type, entry, form.document)


def headless_format(form: Format) -> Format:
    """A format that cannot write any document."""

    def document(feed: Feed, entries: Sequence[bytes]) -> bytes:
        raise RenderError(Problem("render", f"cannot write {feed.name}"))

    return Format(form.suffix, form.media_type, form.entry, document)


def with_formats(site: Site, **forms: Format) -> Pipeline:
    """A pipeline that has run once, and now has these formats in place of its own."""
    pipeline = site.pipeline()
    pipeline.run(site.now)
    pipeline.desk.formats = tuple(forms.get(form.suffix, form) for form in pipeline.desk.formats)
    return pipeline


def test_entry_that_one_format_cannot_write_is_missing_there_only(site: Site) -> None:
    with closing(with_formats(site, rss=failing(FORMATS["rss"], "Bad"))) as pipeline:
        edited(site, "Bad")
        site.story("three.md", "Three", publishedDateTime="2024-05-03T08:00:00Z")
        for _ in range(2):
            report = pipeline.run(site.now)
            assert kinds(report) == ["render"]
        assert site.titles() == ["Three", "Bad", "Two"]
        rss = site.documents()["all.rss"]
        assert (b"Three" in rss, b"Bad" in rss, b"Two" in rss) == (True, False, True)

        edited(site, "Good")
        assert kinds(pipeline.run(site.now)) == []
        assert b"Good" in site.documents()["all.rss"]


def test_format_that_heals_is_published_without_any_edit(site: Site) -> None:
    with closing(with_formats(site, rss=failing(FORMATS["rss"], "Bad"))) as pipeline:
        edited(site, "Bad")
        pipeline.run(site.now)
    report = site.build()

    assert kinds(report) == []
    assert b"Bad" in site.documents()["all.rss"]


def test_document_that_cannot_be_written_leaves_the_old_one(site: Site) -> None:
    with closing(with_formats(site, atom=headless_format(FORMATS["atom"]))) as pipeline:
        before = site.documents()
        edited(site)
        report = pipeline.run(site.now)

    assert set(kinds(report)) == {"render"}
    after = site.documents()
    assert {path for path in before if after[path] == before[path]} == {path for path in before if "atom" in path} | {
        "topics/cloud.rss",
        "topics/cloud.json",
    }
    assert kinds(site.build()) == []
    assert b"One, edited" in site.documents()["all.atom"]


# Readers meanwhile


def parsed(path: Path) -> int:
    """The entries of a document, which must be whole."""
    data = path.read_bytes()
    if path.suffix == ".json":
        return len(json.loads(data)["items"])
    return len(ElementTree.fromstring(data))


def test_readers_never_meet_a_broken_or_missing_document(site: Site) -> None:
    site.build()
    paths = sorted(site.feeds / path for path in site.documents())
    wrong: list[str] = []
    read = threading.Event()
    stop = threading.Event()

    def reader() -> None:
        while not stop.is_set():
            for path in paths:
                try:
                    parsed(path)
                except (OSError, ValueError, ElementTree.ParseError) as error:
                    wrong.append(f"{path}: {error!r}")
            read.set()

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        for number in range(30):
            edited(site, f"One {number} {'x' * 20_000}")
            site.build()
            read.clear()
            assert read.wait(10)
    finally:
        stop.set()
        thread.join()

    assert wrong == []

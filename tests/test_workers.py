"""Workers and desk: the same results in the same order, from any number of processes, whatever becomes of them."""

import multiprocessing
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from feedd.content.source import tree_of
from feedd.desk import Desk, Job, Record, decode_article, decode_links, decode_problems
from feedd.errors import Problem
from feedd.testing import NOON, Site
from feedd.workers import FEW, Workers, answer

MANY = FEW + 234


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with more articles than one process does alone; one in fifty is none."""
    site = Site(tmp_path_factory.mktemp("workers"), '[output]\nformats = ["json"]\n')
    for number in range(MANY):
        if number % 50:
            site.story(f"{number:04}.md", f"Story {number}", topics=["AI", f"Topic {number % 7}"])
        else:
            site.write(f"{number:04}.md", "---\ntitle: [\n---\n")
    site.settle()
    return site


@pytest.fixture(scope="module")
def desk(site: Site) -> Desk:
    return Desk(site.config)


@pytest.fixture(scope="module")
def paths(site: Site) -> list[str]:
    """Every file, one that is gone, and one that cannot be read."""
    return [*sorted(path.name for path in site.content.glob("*.md")), "gone.md", f"{'x' * 300}.md"]


@pytest.fixture(scope="module")
def expected(desk: Desk, paths: list[str]) -> list[Record | Problem | None]:
    return desk.records(paths)


@pytest.fixture(scope="module")
def jobs(desk: Desk, expected: list[Record | Problem | None]) -> list[Job]:
    records = [one for one in expected if isinstance(one, Record)]
    return [Job(one.id or "", NOON, (), one.article) for one in records if one.article]


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


processes = pytest.mark.parametrize("processes", [1, 2, 3], ids=lambda number: f"{number} processes")


@processes
def test_records_come_in_the_order_of_the_paths(
    desk: Desk, paths: list[str], expected: list[Record | Problem | None], processes: int
) -> None:
    with Workers(desk, processes) as workers:
        assert list(workers.records(paths)) == expected


@processes
def test_entries_come_in_the_order_of_the_jobs(desk: Desk, jobs: list[Job], processes: int) -> None:
    with Workers(desk, processes) as workers:
        assert list(workers.write(jobs, len(jobs))) == desk.write(jobs)


class Onlooker(Desk):
    """A desk that counts what it is asked for itself."""

    asked = 0

    def records(self, paths: Iterable[str]) -> list[Record | Problem | None]:
        self.asked += 1
        return super().records(paths)

    def write(self, jobs: Iterable[Job]) -> list[list[bytes | Problem]]:
        self.asked += 1
        return super().write(jobs)


def test_other_processes_do_all_the_work_if_there_are_any(site: Site, paths: list[str], jobs: list[Job]) -> None:
    desk = Onlooker(site.config)
    with Workers(desk, 2) as workers:
        assert len(list(workers.records(paths))) == len(paths)
        assert len(list(workers.write(jobs, len(jobs)))) == len(jobs)

    assert desk.asked == 0


def test_few_items_start_no_process(desk: Desk, paths: list[str], expected: list[Record | Problem | None]) -> None:
    with Workers(desk, 2) as workers:
        assert list(workers.records(paths[: FEW - 1])) == expected[: FEW - 1]
        assert multiprocessing.active_children() == []
        assert list(workers.records([])) == []


def test_processes_end_with_the_workers_though_work_is_left(desk: Desk, paths: list[str]) -> None:
    with Workers(desk, 2) as workers:
        records = workers.records(paths)
        assert len(list(islice(records, 5))) == 5
        assert len(multiprocessing.active_children()) == 2


def test_processes_end_when_the_work_fails(desk: Desk, paths: list[str]) -> None:
    def fail() -> None:
        with Workers(desk, 2) as workers:
            next(workers.records(paths))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


@pytest.mark.parametrize("done", [1, 450, FEW], ids=lambda done: f"after {done}")
def test_killed_process_costs_nothing(
    desk: Desk, paths: list[str], jobs: list[Job], expected: list[Record | Problem | None], done: int
) -> None:
    with Workers(desk, 2) as workers:
        records = workers.records(paths)
        found = list(islice(records, done))
        multiprocessing.active_children()[0].kill()
        found += records

        assert found == expected
        assert list(workers.write(jobs, len(jobs))) == desk.write(jobs)


@pytest.mark.slow
def test_processes_start_while_other_threads_run(
    desk: Desk, paths: list[str], expected: list[Record | Problem | None]
) -> None:
    """As in a daemon; a copy of a process whose threads hold locks might never move."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with Workers(desk, 2) as workers:
            records = workers.records(paths)
            found = [next(records)]
            commands = [Path(f"/proc/{child.pid}/cmdline").read_bytes() for child in multiprocessing.active_children()]
            assert [b"multiprocessing.spawn" in command for command in commands] == [True, True]
            assert [*found, *records] == expected
    finally:
        ended.set()
        thread.join()


ORPHANS = """
import multiprocessing, os, signal, sys
from pathlib import Path
import feedd.config
from feedd.desk import Desk
from feedd.workers import Workers
workers = Workers(Desk(feedd.config.load(Path(sys.argv[1]))), 2)
records = workers.records(sys.argv[2:] * 1000)
next(records)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def test_processes_end_with_a_killed_parent(site: Site) -> None:
    command = [sys.executable, "-c", ORPHANS, str(site.file), "0001.md", "0002.md"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    children = [int(pid) for pid in done.stdout.split()]
    assert (done.returncode, len(children)) == (-signal.SIGKILL, 2)
    for pid in children:
        while runs(pid):  # the test's time limit ends this
            pass


@pytest.mark.slow
def test_documents_are_the_same_from_one_process_and_from_two(site: Site, tmp_path: Path) -> None:
    settings = '[output]\nlimit = 1000\nformats = ["atom", "json"]\ntopics = false\n'
    one, two = Site.copied(site.folder, tmp_path / "one"), Site.copied(site.folder, tmp_path / "two")
    one.configure(settings)
    two.configure(settings)

    first, second = one.build(processes=1), two.build(processes=2)

    assert second == first
    assert two.documents() == one.documents()
    assert len(one.titles()) == 1000


@pytest.mark.slow
def test_killed_process_costs_no_article(site: Site, tmp_path: Path) -> None:
    one, two = Site.copied(site.folder, tmp_path / "one"), Site.copied(site.folder, tmp_path / "two")
    one.build(processes=1)
    killed: list[object] = []

    def kill(what: str, done: int, total: int) -> None:
        children = multiprocessing.active_children()
        if children and not killed:
            children[0].kill()
            killed.append(children[0])

    pipeline = two.pipeline(processes=2, progress=kill)
    report = pipeline.run(two.now)
    pipeline.close()

    assert len(killed) == 1
    assert report.read == len(list(two.content.glob("*.md")))
    assert two.documents() == one.documents()


def test_all_processes_killed_cost_nothing(
    desk: Desk, paths: list[str], jobs: list[Job], expected: list[Record | Problem | None]
) -> None:
    with Workers(desk, 2) as workers:
        records = workers.records(paths)
        found = [next(records)]
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
        found += records

        assert found == expected
        assert list(workers.write(jobs, len(jobs))) == desk.write(jobs)


def test_work_that_was_left_is_not_taken_for_other_work(
    desk: Desk, paths: list[str], jobs: list[Job], expected: list[Record | Problem | None]
) -> None:
    with Workers(desk, 2) as workers:
        for _ in range(3):
            records = workers.records(paths)
            next(records)
            records.close()  # type: ignore[attr-defined]
        assert list(workers.write(jobs, len(jobs))) == desk.write(jobs)
        assert list(workers.records(paths)) == expected


def test_process_answers_until_nobody_asks_any_more(desk: Desk, jobs: list[Job]) -> None:
    """What goes on in the other process, in this one."""
    here, there = multiprocessing.Pipe()
    encode = msgspec.msgpack.encode
    here.send_bytes(b"r" + encode(["0001.md", "gone.md"]))
    here.send_bytes(b"w" + encode(jobs[:1]))
    reader = threading.Thread(target=answer, args=(there, desk))
    reader.start()

    records, problems = msgspec.msgpack.decode(here.recv_bytes())
    entries = msgspec.msgpack.decode(here.recv_bytes())
    here.close()
    reader.join()

    assert ([one and one[0] for one in records], problems) == (["0001.md", None], {})
    assert entries == desk.write(jobs[:1])


def test_process_has_imported_what_it_needs_before_it_is_asked(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from feedd.config import load; from feedd.desk import Desk;"
        "desk = Desk(load(Path(sys.argv[1]))); before = set(sys.modules); desk.get_ready();"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", program, str(Site(tmp_path).file)]
    imported = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    assert {"feedd.content.header", "feedd.feeds.rss_atom", "feedd.feeds.json_feed", "yaml", "feedgen"} <= set(imported)


# The desk


def test_record_of_an_article_says_what_the_index_keeps(tmp_path: Path) -> None:
    site = Site(tmp_path)
    link = {"title": "Other", "webUrl": "https://other.example/1"}
    site.story("one.md", "One", related=[link, link, {"title": "Self", "webUrl": "https://source.example/one"}])
    site.settle()

    record = Desk(site.config).record("one.md")

    assert isinstance(record, Record)
    assert (record.path, record.state, record.id, record.guid) == (
        "one.md",
        "article",
        "tag:news.example,2020:articles/one",
        False,
    )
    assert (record.public, record.shown(NOON), record.shown(0)) == (True, True, False)
    assert decode_article(record.article or b"").title == "One"
    assert [link.title for link in decode_links(record.links or b"")] == ["Other"]
    assert record.problems is None
    assert tree_of(site.config).scan({"one.md": record.stamp}).changed == ()


@pytest.mark.parametrize(
    ("front", "public", "shown"),
    [
        ({}, True, True),
        ({"published": False}, False, False),
        ({"deleted": True}, False, False),
        ({"publishedDateTime": "2030-01-01"}, True, False),
        ({"expiryDate": "2024-01-01"}, True, False),
    ],
    ids=["published", "unpublished", "deleted", "embargoed", "expired"],
)
def test_record_tells_what_is_decided_from_what_is_seen(
    tmp_path: Path, front: dict[str, object], public: bool, shown: bool
) -> None:
    site = Site(tmp_path)
    site.story("one.md", **front)

    record = Desk(site.config).record("one.md")

    assert isinstance(record, Record)
    assert (record.public, record.shown(NOON)) == (public, shown)
    assert (record.traits is not None, record.look is not None) == (public, public)


def test_record_of_a_broken_file_holds_its_problems(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("broken.md", "---\ntitle: [\npublished: false\n---\n")

    record = Desk(site.config).record("broken.md")

    assert isinstance(record, Record)
    assert (record.state, record.withdrawn, record.id, record.article) == ("broken", True, None, None)
    assert [problem.file for problem in decode_problems(record.problems or b"")] == ["broken.md"]


def test_file_that_is_gone_has_no_record(tmp_path: Path) -> None:
    assert Desk(Site(tmp_path).config).records(["gone.md", "gone/too.md"]) == [None, None]


def test_look_changes_with_what_subscribers_see_only(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def look(**front: object) -> bytes | None:
        site.story("one.md", "One", **front)
        record = Desk(site.config).record("one.md")
        assert isinstance(record, Record)
        return record.look

    plain = look()
    silent = [
        {"heat": 1},
        {"quality": 1},
        {"secured": "x" * 40},
        {"related": [{"title": "a", "webUrl": "https://a.b/"}]},
    ]
    visible = [{"excerpt": "Other."}, {"topics": ["Cloud"]}, {"type": "video"}, {"locale": "de"}, {"body": "Text"}]
    assert [look(**front) == plain for front in silent] == [True] * 4
    assert [look(**front) == plain for front in visible] == [False] * 5


def test_inner_folder_names_the_collection(tmp_path: Path) -> None:
    site = Site(
        tmp_path,
        '[[collection]]\nname = "all"\nfolders = ["."]\n'
        '[[collection]]\nname = "news"\nfolders = ["news"]\n'
        '[[collection]]\nname = "local"\nfolders = ["news/local"]\n',
    )
    for path in ("a.md", "news/b.md", "news/local/c.md"):
        site.story(path)

    records = Desk(site.config).records(["a.md", "news/b.md", "news/local/c.md"])

    ids = [one.id.rpartition(":")[2] for one in records if isinstance(one, Record) and one.id]
    assert ids == ["all/a", "news/b", "local/c"]

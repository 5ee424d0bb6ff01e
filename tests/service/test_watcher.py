"""The watcher tells of everything that changes, soon and after it did; where it cannot, everything is looked at."""

import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watchdog.observers.inotify_c import InotifyFD

from feedd.service.inbox import Inbox, News
from feedd.service.watcher import RETRY, Targets, Watcher
from feedd.testing import bound_by_permissions

PATIENCE = 20.0
MOUNTS = "1 0 0:1 / / rw - ext4 /dev/sda rw\n"
QUIET = {"mounts": lambda: MOUNTS}


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(quiet=0, limit=0)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


@contextmanager
def watching(targets: Targets, inbox: Inbox, **options: Any) -> Iterator[Watcher]:
    watcher = Watcher(targets, inbox, **{**QUIET, **options})
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.close()


@pytest.fixture
def watcher(content: Path, inbox: Inbox) -> Iterator[Watcher]:
    with watching(Targets(content), inbox) as it:
        assert it.kind == "inotify"
        yield it


def merged(one: News, other: News) -> News:
    """As the inbox does it: of each reason to scan there is one, whether or not somebody took it in between."""
    scan = tuple(dict.fromkeys((*one.scan, *other.scan)))
    return News(one.paths | other.paths, scan, one.reload or other.reload)


def heard(inbox: Inbox, enough: Callable[[News], bool]) -> News:
    """All that was posted until it was enough."""
    news, end = News(), time.monotonic() + PATIENCE
    while not enough(news):
        left = end - time.monotonic()
        assert left > 0, f"not heard within {PATIENCE} s, but {news}"
        news = merged(news, inbox.take(left))
    return news


def so_far(inbox: Inbox, content: Path) -> News:
    """All that was posted for what happened until now. Events are told in their order."""
    (content / "last.md").mkdir()
    news = heard(inbox, lambda news: "last.md/" in news.paths)
    (content / "last.md").rmdir()
    heard(inbox, lambda news: "last.md/" in news.paths)
    return News(news.paths - {"last.md/"}, news.scan, news.reload)


def after(check: Callable[[], None], inbox: Inbox) -> News:
    """What is posted by that, without waiting for anything."""
    check()
    return inbox.take(0)


def scans(inbox: Inbox, watcher: Watcher) -> tuple[str, ...]:
    """The reasons to scan, as soon as there are any, for a loop that checks whenever it wakes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        news = merged(inbox.take(0.02), after(watcher.check, inbox))
        if news.scan:
            return news.scan
    return ()


# Files


def create(file: Path) -> None:
    file.write_text("new")


def append_without_closing(file: Path) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_APPEND)
    OPEN.append(handle)
    os.write(handle, b"more")


def hide(file: Path) -> None:
    file.rename(file.with_name(".away"))


def link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/null")


OPEN: list[int] = []


@pytest.fixture
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        os.close(OPEN.pop())


@pytest.mark.usefixtures("_closed", "watcher")
@pytest.mark.parametrize(
    "change",
    [create, append_without_closing, hide, link, Path.unlink, lambda file: file.chmod(0o600), os.utime],
    ids=lambda change: change.__name__,
)
def test_whatever_happens_to_a_file_hints_its_path(content: Path, inbox: Inbox, change: Callable[[Path], Any]) -> None:
    (content / "a").mkdir()
    (content / "a/x.md").write_text("old")
    so_far(inbox, content)
    change(content / "a/x.md")
    assert so_far(inbox, content) == News(frozenset({"a/x.md"}))


def test_a_start_posts_nothing(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir()
    create(content / "a/x.md")
    with watching(Targets(content, content / "feedd.toml", (content / "a",)), inbox) as watcher:
        assert after(watcher.check, inbox) == News()


@pytest.mark.usefixtures("watcher")
def test_reading_posts_nothing(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir()
    create(content / "a/x.md")
    so_far(inbox, content)
    assert (content / "a/x.md").read_text() == "new"
    assert (content / "a/x.md").stat()
    assert list((content / "a").iterdir())
    assert so_far(inbox, content) == News()


@pytest.mark.usefixtures("watcher")
def test_an_atomic_save_hints_the_file_alone(content: Path, inbox: Inbox) -> None:
    create(content / "x.md")
    so_far(inbox, content)
    create(content / ".x.md.swp")
    (content / ".x.md.swp").rename(content / "x.md")
    assert so_far(inbox, content).paths == {"x.md"}


@pytest.mark.usefixtures("watcher")
def test_a_file_moved_out_of_the_tree_is_hinted_at_once(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    begun = time.monotonic()
    for _ in range(10):
        create(content / "x.md")
        so_far(inbox, content)
        (content / "x.md").rename(tmp_path / "x.md")
        assert so_far(inbox, content).paths == {"x.md"}
    assert time.monotonic() - begun < 10 * 0.5


@pytest.mark.usefixtures("watcher")
def test_a_file_moved_into_the_tree_or_in_it_is_hinted_by_its_names(
    content: Path, inbox: Inbox, tmp_path: Path
) -> None:
    create(tmp_path / "x.md")
    (tmp_path / "x.md").rename(content / "y.md")
    assert so_far(inbox, content).paths == {"y.md"}
    (content / "y.md").rename(content / "z.md")
    assert so_far(inbox, content).paths == {"y.md", "z.md"}


@pytest.mark.usefixtures("watcher")
def test_a_name_that_is_not_utf8_is_hinted_as_os_walk_tells_it(content: Path, inbox: Inbox) -> None:
    folder = content / os.fsdecode(b"\xff")
    folder.mkdir()
    assert so_far(inbox, content).paths == {"\udcff/"}
    create(folder / os.fsdecode(b"\xfe.md"))
    assert so_far(inbox, content).paths == {"\udcff/\udcfe.md"}


# Folders


@pytest.mark.usefixtures("watcher")
def test_a_folder_that_comes_is_hinted_with_a_slash_and_watched(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir()
    assert so_far(inbox, content).paths == {"a/"}
    create(content / "a/x.md")
    assert so_far(inbox, content).paths == {"a/x.md"}


@pytest.mark.usefixtures("watcher")
def test_a_folder_that_goes_is_hinted(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir()
    so_far(inbox, content)
    (content / "a").rmdir()
    assert so_far(inbox, content).paths == {"a/"}


@pytest.mark.usefixtures("watcher")
def test_a_folder_that_is_renamed_is_hinted_by_both_names_and_no_file_in_it(content: Path, inbox: Inbox) -> None:
    (content / "a/b").mkdir(parents=True)
    create(content / "a/b/x.md")
    so_far(inbox, content)
    (content / "a").rename(content / "c")
    assert so_far(inbox, content).paths == {"a/", "c/"}
    create(content / "c/b/x.md")
    assert so_far(inbox, content).paths == {"c/b/x.md"}


@pytest.mark.usefixtures("watcher")
def test_a_folder_moved_out_of_the_tree_is_hinted_once_and_heard_no_more(
    content: Path, inbox: Inbox, tmp_path: Path
) -> None:
    (content / "a/b").mkdir(parents=True)
    so_far(inbox, content)
    (content / "a").rename(tmp_path / "a")
    assert so_far(inbox, content).paths == {"a/"}
    create(tmp_path / "a/b/x.md")
    assert so_far(inbox, content) == News()


@pytest.mark.usefixtures("watcher")
def test_a_folder_whose_permissions_change_is_hinted(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir()
    so_far(inbox, content)
    (content / "a").chmod(0o700)
    assert so_far(inbox, content).paths == {"a/"}
    content.chmod(0o700)
    assert so_far(inbox, content).paths == {"/"}


def test_a_folder_that_can_be_read_at_last_is_watched(content: Path, inbox: Inbox) -> None:
    (content / "a").mkdir(mode=0)
    with bound_by_permissions(), watching(Targets(content), inbox) as watcher:
        assert watcher.kind == "inotify"
        (content / "a").chmod(0o700)
        assert so_far(inbox, content).paths == {"a/"}
        create(content / "a/x.md")
        assert so_far(inbox, content).paths == {"a/x.md"}


def test_hidden_and_skipped_folders_are_not_watched(content: Path, inbox: Inbox) -> None:
    for name in (".git", "vendor", "a"):
        (content / name / "deep").mkdir(parents=True)
    with watching(Targets(content), inbox, skip=lambda path: path.rpartition("/")[2] == "vendor"):
        for name in (".git", "vendor", "a"):
            create(content / name / "deep/x.md")
        (content / ".hg").mkdir()
        (content / "a/vendor").mkdir()
        (content / "a/vendor/y.md").touch()
        assert so_far(inbox, content).paths == {"a/deep/x.md"}


@pytest.mark.usefixtures("watcher")
def test_a_hidden_folder_that_is_renamed_is_watched_then(content: Path, inbox: Inbox) -> None:
    (content / ".a/b").mkdir(parents=True)
    (content / ".a").rename(content / "a")
    assert so_far(inbox, content).paths == {"a/"}
    create(content / "a/b/x.md")
    assert so_far(inbox, content).paths == {"a/b/x.md"}


def test_links_to_folders_are_not_followed(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (content / "old").symlink_to(tmp_path / "else")
    with watching(Targets(content), inbox) as watcher:
        (content / "new").symlink_to(tmp_path / "else")
        create(tmp_path / "else/x.md")
        assert so_far(inbox, content).paths == {"new"}
        assert watcher.problems == ()


def test_a_root_that_is_a_link_is_watched_where_it_leads(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(content)
    with watching(Targets(tmp_path / "link"), inbox):
        create(content / "x.md")
        assert so_far(inbox, content).paths == {"x.md"}


# Whatever is seen after a hint is right


class Follower:
    """Looks where it is told to, and knows what it saw there last."""

    def __init__(self, content: Path, inbox: Inbox, watcher: Watcher) -> None:
        self.content, self.inbox, self.watcher = content, inbox, watcher
        self.known, self.scans = self.found(), list[str]()

    def found(self, folder: str = "") -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for place, folders, names in os.walk(self.content / folder):
            folders[:] = [name for name in folders if name[0] != "."]
            for path in (Path(place, name) for name in names if name[0] != "."):
                with suppress(OSError):
                    files[path.relative_to(self.content).as_posix()] = path.read_bytes()
        return files

    def take(self) -> None:
        news = self.inbox.take(0.02)
        self.watcher.check()
        self.scans += news.scan
        if news.scan or "/" in news.paths:
            self.known = self.found()
        for path in news.paths:
            for gone in [name for name in self.known if f"{name}/".startswith(path.rstrip("/") + "/")]:
                del self.known[gone]
            if path.endswith("/"):
                self.known |= self.found(path)
            else:
                with suppress(OSError):
                    self.known[path] = (self.content / path).read_bytes()

    def is_right(self) -> bool:
        return self.known == self.found()

    def follow(self, change: Callable[[], Any]) -> None:
        """Look while it changes, until all is as it is."""
        thread = threading.Thread(target=change)
        thread.start()
        end = time.monotonic() + PATIENCE
        while thread.is_alive() or not self.is_right():
            assert time.monotonic() < end, sorted(self.known.items() ^ self.found().items())
            self.take()
        thread.join()

    def misses_no_folder(self) -> None:
        """Whatever has happened, what happens now is told."""
        folders = [self.content, *(path for path in self.content.rglob("*") if path.is_dir())]
        for folder in folders:
            if "/." not in folder.relative_to(self.content.parent).as_posix():
                (folder / "probe").write_text(str(random.random()))
        self.follow(lambda: None)


@contextmanager
def following(content: Path, **options: Any) -> Iterator[Follower]:
    inbox = Inbox(0, 0)
    with watching(Targets(content), inbox, **options) as watcher:
        yield Follower(content, inbox, watcher)


def deep_folders(content: Path, _: Path) -> None:
    for number in range(50):
        folder = content / f"{number}/a/b/c"
        folder.mkdir(parents=True)
        (folder / "x.md").write_text("x")


def populated_folder_moved_in(content: Path, outside: Path) -> None:
    for number in range(20):
        deep_folders(outside / str(number), outside) if number < 2 else (outside / str(number)).mkdir()
        (outside / str(number)).rename(content / f"in{number}")
        (content / f"in{number}/x.md").write_text("x")


def copied(content: Path, outside: Path) -> None:
    deep_folders(outside / "from", outside)
    shutil.copytree(outside / "from", content / "to")


def renamed_then_edited(content: Path, _: Path) -> None:
    (content / "n0/a").mkdir(parents=True)
    for number in range(100):
        (content / f"n{number}").rename(content / f"n{number + 1}")
        (content / f"n{number + 1}/a/x.md").write_text(str(number))


def moved_out_then_edited_there(content: Path, outside: Path) -> None:
    for number in range(20):
        (content / "a/b").mkdir(parents=True)
        (content / "a/b/x.md").write_text("x")
        (content / "a").rename(outside / str(number))
        (outside / f"{number}/b/x.md").write_text("y")


def replaced_by_another_of_the_same_name(content: Path, outside: Path) -> None:
    (content / "a/b").mkdir(parents=True)
    for number in range(50):
        (outside / f"new{number}/b").mkdir(parents=True)
        (content / "a").rename(outside / f"old{number}")
        (outside / f"new{number}").rename(content / "a")
        (content / "a/b/x.md").write_text(str(number))
        shutil.rmtree(outside / f"old{number}")


def renamed_over_an_empty_one(content: Path, outside: Path) -> None:
    for number in range(20):
        (content / f"{number}/to").mkdir(parents=True)
        (outside / f"{number}/deep").mkdir(parents=True)
        (outside / f"{number}").rename(content / f"{number}/to")
        (content / f"{number}/to/deep/x.md").write_text("x")


def exchanged(content: Path, outside: Path) -> None:
    for name in "ab":
        (content / name / "deep").mkdir(parents=True)
    for number in range(100):
        (content / "a").rename(content / "c")
        (content / "b").rename(content / "a")
        (content / "c").rename(content / "b")
        (content / "ab"[number % 2] / "deep/x.md").write_text(str(number))


def removed_and_made_again(content: Path, _: Path) -> None:
    for number in range(100):
        (content / "a/b").mkdir(parents=True)
        (content / "a/b/x.md").write_text(str(number))
        if number < 99:
            shutil.rmtree(content / "a")


def checked_out(content: Path, outside: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
        subprocess.run(["git", *identity, "-C", str(content), *words], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    for branch in ("one", "two"):
        git("checkout", "-q", "--orphan", branch)
        git("rm", "-rfq", "--ignore-unmatch", ".")
        for number in range(150):
            place = content / f"{number % 7}/{branch if number % 3 else 'both'}/{number}.md"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(branch)
        git("add", ".")
        git("commit", "-qm", branch)
    for branch in ("one", "two", "one"):
        git("checkout", "-q", branch)


@pytest.mark.parametrize(
    "change",
    [
        deep_folders,
        populated_folder_moved_in,
        copied,
        renamed_then_edited,
        moved_out_then_edited_there,
        replaced_by_another_of_the_same_name,
        renamed_over_an_empty_one,
        exchanged,
        removed_and_made_again,
        pytest.param(checked_out, marks=pytest.mark.skipif(not shutil.which("git"), reason="there is no git")),
    ],
    ids=lambda change: change.__name__,
)
def test_who_looks_where_hints_lead_knows_all_in_the_end(
    content: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "outside").mkdir()
    with following(content) as follower:
        follower.follow(lambda: change(content, tmp_path / "outside"))
        follower.misses_no_folder()
        assert follower.scans == []


def test_what_comes_just_before_a_folder_is_watched_is_known(content: Path) -> None:
    class Late(InotifyFD):
        def add_callback(self, path: bytes, *rest: Any) -> Any:
            if path.endswith(b"/a/b"):
                (content / "a/b/c").mkdir()
                (content / "a/b/c/x.md").write_text("x")
            return super().add_callback(path, *rest)

    with following(content, inotify=Late) as follower:
        follower.follow(lambda: (content / "a/b").mkdir(parents=True))
        follower.misses_no_folder()
        assert follower.scans == []


NAMES = st.sampled_from(["a", "b", "c", ".h"])
FOLDERS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
STEPS = st.tuples(st.sampled_from(["write", "save", "unlink", "rename", "remove", "out", "in"]), FOLDERS, FOLDERS)


def step(content: Path, outside: Path, what: str, one: str, other: str) -> None:
    folder = content / one
    with suppress(OSError):
        if what in {"write", "save"}:
            folder.mkdir(parents=True, exist_ok=True)
            place = folder / ("x.md" if what == "write" else ".tmp")
            place.write_text(other)
            place.rename(folder / "x.md")
        elif what == "unlink":
            (folder / "x.md").unlink()
        elif what == "rename":
            folder.rename(content / other)
        elif what == "remove":
            shutil.rmtree(folder)
        elif what == "out":
            folder.rename(outside / other.replace("/", ""))
        else:
            (outside / other.replace("/", "")).rename(folder)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=10), st.lists(STEPS, max_size=60))
def test_no_history_is_misunderstood(before: list[tuple[str, str, str]], history: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as base:
        content, outside = Path(base, "content"), Path(base, "outside")
        content.mkdir()
        outside.mkdir()
        for one in before:
            step(content, outside, *one)
        with following(content) as follower:
            follower.follow(lambda: [step(content, outside, *one) for one in history])
            follower.misses_no_folder()
            assert follower.scans == []


# Taxonomy


@pytest.fixture
def topics(content: Path) -> Path:
    folder = content / "_data/topics"
    folder.mkdir(parents=True)
    return folder


def test_a_change_of_taxonomy_asks_for_a_scan(content: Path, inbox: Inbox, topics: Path) -> None:
    with watching(Targets(content, None, (topics,)), inbox):
        for change in (create, lambda file: file.rename(topics / "b.yaml"), lambda _: (topics / "b.yaml").unlink()):
            change(topics / "a.yaml")
            assert heard(inbox, lambda news: bool(news.scan)).scan == ("taxonomy",)


def test_what_is_not_whole_or_hidden_asks_for_no_scan(content: Path, inbox: Inbox, topics: Path) -> None:
    with watching(Targets(content, None, (topics,)), inbox):
        create(topics / ".a.swp")
        with (topics / "a.yaml").open("w") as file:
            assert so_far(inbox, content).scan == ()
            file.write("half")
            file.flush()
            assert so_far(inbox, content).scan == ()
        assert heard(inbox, lambda news: bool(news.scan)).scan == ("taxonomy",)


def test_a_linked_taxonomy_file_asks_for_a_scan(content: Path, inbox: Inbox, topics: Path) -> None:
    with watching(Targets(content, None, (topics,)), inbox):
        (topics / "a.yaml").symlink_to("/dev/null")
        assert so_far(inbox, content).scan == ("taxonomy",)


def test_of_a_taxonomy_file_its_neighbours_do_not_count(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    create(tmp_path / "topics.yaml")
    with watching(Targets(content, None, (tmp_path / "topics.yaml",)), inbox):
        create(tmp_path / "other.yaml")
        assert so_far(inbox, content).scan == ()
        create(tmp_path / "topics.yaml")
        assert so_far(inbox, content).scan == ("taxonomy",)


def test_a_taxonomy_directory_that_comes_later_is_watched(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    topics = tmp_path / "topics"
    with watching(Targets(content, None, (topics,)), inbox) as watcher:
        assert after(watcher.check, inbox) == News()
        topics.mkdir()
        assert after(watcher.check, inbox).scan == ("taxonomy",)
        assert after(watcher.check, inbox) == News()
        create(topics / "a.yaml")
        assert so_far(inbox, content).scan == ("taxonomy",)


def test_a_taxonomy_directory_made_anew_is_watched(content: Path, inbox: Inbox, topics: Path) -> None:
    with watching(Targets(content, None, (topics,)), inbox) as watcher:
        topics.rmdir()
        topics.mkdir()
        so_far(inbox, content)
        assert after(watcher.check, inbox).scan == ("taxonomy",)
        create(topics / "a.yaml")
        assert so_far(inbox, content).scan == ("taxonomy",)


# Configuration


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "feedd.toml").write_text("one")
    return folder / "feedd.toml"


def saved_by_rename(file: Path) -> None:
    file.with_name("feedd.toml~").write_text("two")
    file.with_name("feedd.toml~").rename(file)


def saved_in_place(file: Path) -> None:
    file.write_text("three")


def saved_with_a_backup(file: Path) -> None:
    file.rename(file.with_name("feedd.toml~"))
    file.write_text("four")


@pytest.mark.parametrize("change", [saved_by_rename, saved_in_place, saved_with_a_backup])
def test_a_change_of_the_configuration_is_a_reload(
    content: Path, inbox: Inbox, settings_file: Path, change: Callable[[Path], None]
) -> None:
    with watching(Targets(content, settings_file), inbox) as watcher:
        change(settings_file)
        assert heard(inbox, lambda news: news.reload).scan == ()
        assert so_far(inbox, content).scan == ()  # a change may be more than one event
        assert after(watcher.check, inbox) == News()
        assert after(watcher.check, inbox) == News()


@pytest.mark.parametrize("is_new", [False, True])
def test_a_configuration_that_is_being_written_is_waited_for(
    content: Path, inbox: Inbox, settings_file: Path, is_new: bool
) -> None:
    with watching(Targets(content, settings_file), inbox) as watcher:
        if is_new:
            settings_file.unlink()
        with settings_file.open("w") as file:
            assert so_far(inbox, content) == News()
            assert after(watcher.check, inbox) == News()
            file.write("half")
            file.flush()
            assert so_far(inbox, content) == News()
            assert after(watcher.check, inbox) == News()
        assert heard(inbox, lambda news: news.reload).reload


def test_neighbours_of_the_configuration_are_no_reload(content: Path, inbox: Inbox, settings_file: Path) -> None:
    with watching(Targets(content, settings_file), inbox) as watcher:
        create(settings_file.with_name("other.toml"))
        assert so_far(inbox, content) == News()
        assert after(watcher.check, inbox) == News()


def test_a_configuration_behind_links_is_followed_to_its_end(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "feedd.toml").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "feedd.toml").symlink_to("..data/feedd.toml")
    with watching(Targets(content, tmp_path / "feedd.toml"), inbox) as watcher:
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        assert heard(inbox, lambda news: news.reload).scan == ()
        assert after(watcher.check, inbox).scan == ("watcher",)
        (tmp_path / "v2/feedd.toml").write_text("more")
        assert so_far(inbox, content).reload


@pytest.mark.parametrize("mode", ["auto", "poll"])
def test_looking_twice_finds_a_configuration_that_no_event_told_of(
    content: Path, inbox: Inbox, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "far/etc").mkdir(parents=True)
    (tmp_path / "near").symlink_to("far")
    (tmp_path / "far/etc/feedd.toml").write_text("one")
    with watching(Targets(content, tmp_path / "near/etc/feedd.toml"), inbox, mode=mode) as watcher:
        (tmp_path / "other/etc").mkdir(parents=True)
        (tmp_path / "other/etc/feedd.toml").write_text("two")
        (tmp_path / "near").unlink()
        (tmp_path / "near").symlink_to("other")
        assert not after(watcher.check, inbox).reload
        assert after(watcher.check, inbox).reload
        assert after(watcher.check, inbox) == News()


def test_a_configuration_that_stays_away_is_a_reload(content: Path, inbox: Inbox, settings_file: Path) -> None:
    with watching(Targets(content, settings_file), inbox) as watcher:
        settings_file.unlink()
        assert not merged(so_far(inbox, content), after(watcher.check, inbox)).reload
        assert after(watcher.check, inbox).reload
        assert after(watcher.check, inbox) == News()


# Supervision


def test_a_root_that_goes_is_told_once_and_again_when_it_returns(content: Path, inbox: Inbox, watcher: Watcher) -> None:
    content.rmdir()
    assert after(watcher.check, inbox).scan == ("root",)
    assert after(watcher.check, inbox) == News()
    content.mkdir()
    assert after(watcher.check, inbox).scan == ("root",)
    assert after(watcher.check, inbox) == News()
    create(content / "x.md")
    assert so_far(inbox, content).paths == {"x.md"}


def test_a_root_that_is_not_there_yet_is_waited_for(tmp_path: Path, inbox: Inbox) -> None:
    with watching(Targets(tmp_path / "content"), inbox) as watcher:
        assert (watcher.kind, watcher.problems) == ("inotify", ())
        (tmp_path / "content").write_text("no directory")
        assert after(watcher.check, inbox) == News()
        (tmp_path / "content").unlink()
        (tmp_path / "content").mkdir()
        assert after(watcher.check, inbox).scan == ("root",)


def test_a_root_removed_and_made_anew_is_heard_whatever_its_inode(
    content: Path, inbox: Inbox, watcher: Watcher
) -> None:
    content.rmdir()
    content.mkdir()
    assert scans(inbox, watcher) == ("root",)
    create(content / "x.md")
    assert so_far(inbox, content).paths == {"x.md"}


@pytest.mark.usefixtures("watcher")
def test_a_root_that_was_away_for_a_moment_is_looked_at_again(content: Path, inbox: Inbox, tmp_path: Path) -> None:
    content.rename(tmp_path / "away")
    (tmp_path / "away").rename(content)
    assert "/" in so_far(inbox, content).paths


def test_a_root_replaced_by_another_is_heard(content: Path, inbox: Inbox, watcher: Watcher, tmp_path: Path) -> None:
    content.rename(tmp_path / "old")
    (tmp_path / "new/a").mkdir(parents=True)
    (tmp_path / "new").rename(content)
    assert after(watcher.check, inbox).scan == ("root",)
    create(content / "a/x.md")
    assert so_far(inbox, content).paths == {"a/x.md"}


def test_a_link_to_the_root_that_leads_elsewhere_is_followed(inbox: Inbox, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("one")
    with watching(Targets(tmp_path / "link"), inbox) as watcher:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "link")
        assert after(watcher.check, inbox).scan == ("root",)
        create(tmp_path / "two/x.md")
        assert so_far(inbox, tmp_path / "two").paths == {"x.md"}


def test_a_root_that_cannot_be_read_is_as_if_it_were_not_there(content: Path, inbox: Inbox) -> None:
    content.chmod(0)
    with bound_by_permissions(), watching(Targets(content), inbox) as watcher:
        assert (watcher.kind, after(watcher.check, inbox)) == ("inotify", News())
        content.chmod(0o700)
        assert after(watcher.check, inbox).scan == ("root",)


class Fragile(InotifyFD):
    """Fails with the next event, or hears nothing any more, when it is told to."""

    fails = ends = False

    def read_events(self, **options: Any) -> Any:
        events = super().read_events(**options)
        if self.fails:
            raise KeyError("a mistake")
        return [] if self.ends else events


@pytest.mark.parametrize("how", ["fails", "ends"])
def test_a_listener_that_dies_is_replaced(content: Path, how: str) -> None:
    opened: list[Fragile] = []

    def opener() -> Fragile:
        opened.append(Fragile())
        return opened[-1]

    inbox = Inbox(0, 0, wait=must_be_woken)
    with watching(Targets(content), inbox, inotify=opener) as watcher:
        setattr(opened[0], how, True)
        create(content / "x.md")
        assert inbox.take(PATIENCE) == News()
        opened[0].close()
        assert after(watcher.check, inbox).scan == ("watcher",)
        create(content / "y.md")
        assert so_far(inbox, content).paths == {"y.md"}
        assert len(opened) == 2


def must_be_woken(condition: threading.Condition, timeout: float | None) -> None:
    assert condition.wait(timeout)


def test_a_root_that_is_swapped_while_it_is_being_watched_is_watched_anew(content: Path, inbox: Inbox) -> None:
    class Late(InotifyFD):
        def add_callback(self, path: bytes, *rest: Any) -> Any:
            if path != b"/":
                content.rmdir()
            try:
                return super().add_callback(path, *rest)
            finally:
                content.mkdir(exist_ok=True)

    instances = [Late()]
    with watching(Targets(content), inbox, inotify=lambda: instances.pop() if instances else InotifyFD()) as watcher:
        assert scans(inbox, watcher) == ("root",)
        create(content / "x.md")
        assert so_far(inbox, content).paths == {"x.md"}


class Slow(InotifyFD):
    """Reads only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_read = threading.Event()
        self.may_read.set()

    def read_events(self, **options: Any) -> Any:
        self.may_read.wait(PATIENCE)
        return super().read_events(**options)


def test_when_events_are_lost_everything_is_looked_at_and_watched_anew(content: Path, inbox: Inbox) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip("too many events are kept here")
    slow = Slow()
    instances = [slow]
    with watching(Targets(content), inbox, inotify=lambda: instances.pop() if instances else InotifyFD()) as watcher:
        slow.may_read.clear()
        create(content / "x.md")
        heard(inbox, lambda news: "x.md" in news.paths)
        for _ in range(limit // 2 + 1):
            (content / "y").touch()
            (content / "y").unlink()
        (content / "a").mkdir()
        slow.may_read.set()
        assert scans(inbox, watcher) == ("overflow",)
        create(content / "a/x.md")
        heard(inbox, lambda news: "a/x.md" in news.paths)


def test_closing_ends_the_thread_and_leaves_no_descriptor(content: Path, inbox: Inbox) -> None:
    threads, before = threading.active_count(), descriptors()
    for _ in range(20):
        with watching(Targets(content), inbox):
            assert threading.active_count() == threads + 1
    assert (threading.active_count(), descriptors()) == (threads, before)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_closing_twice_or_unstarted_is_harmless(content: Path, inbox: Inbox) -> None:
    watcher = Watcher(Targets(content), inbox)
    watcher.close()
    watcher.start()
    watcher.close()
    watcher.close()
    assert inbox.take(0) == News()


# Limits


def limited(to: int, error: int = errno.ENOSPC) -> type[InotifyFD]:
    class Limited(InotifyFD):
        watches = 0

        def add_callback(self, path: bytes, *rest: Any) -> Any:
            if path != b"/":
                type(self).watches += 1
            if type(self).watches > to:
                raise OSError(error, os.strerror(error))
            return super().add_callback(path, *rest)

    return Limited


def test_without_watches_for_all_folders_everything_is_polled(content: Path, inbox: Inbox) -> None:
    (content / "a/b").mkdir(parents=True)
    clock = Clock()
    with watching(Targets(content), inbox, inotify=limited(2), monotonic=clock, poll=7.0) as watcher:
        assert watcher.kind == "polling"
        (problem,) = watcher.problems
        assert (problem.kind, problem.severity) == ("watch-limit", "warning")
        assert "fs.inotify.max_user_watches is reached" in problem.what
        assert "every 7 s" in problem.what
        assert "sysctl fs.inotify.max_user_watches=" in problem.remedy
        assert after(watcher.check, inbox) == News()
        for _ in range(3):
            clock.now += 7
            assert after(watcher.check, inbox).scan == ("poll",)
            assert after(watcher.check, inbox) == News()


def test_a_folder_that_comes_when_there_are_no_more_watches_makes_it_poll(content: Path, inbox: Inbox) -> None:
    with watching(Targets(content), inbox, inotify=limited(1)) as watcher:
        assert watcher.kind == "inotify"
        (content / "a").mkdir()
        heard(inbox, lambda news: "a/" in news.paths)
        assert after(watcher.check, inbox).scan == ("poll",)
        assert (watcher.kind, watcher.problems[0].kind) == ("polling", "watch-limit")


def test_watching_is_tried_again_and_heals(content: Path, inbox: Inbox) -> None:
    opener, clock = limited(0), Clock()
    with watching(Targets(content), inbox, inotify=opener, monotonic=clock, poll=10 * RETRY) as watcher:
        clock.now += RETRY
        assert after(watcher.check, inbox).scan == ("watcher",)
        assert watcher.kind == "polling"
        assert after(watcher.check, inbox) == News()
        opener.watches = -99  # type: ignore[attr-defined]
        clock.now += RETRY
        assert after(watcher.check, inbox).scan == ("watcher",)
        assert (watcher.kind, watcher.problems) == ("inotify", ())
        create(content / "x.md")
        assert so_far(inbox, content).paths == {"x.md"}


def test_without_instances_everything_is_polled(content: Path, inbox: Inbox) -> None:
    def none_left() -> InotifyFD:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    with watching(Targets(content), inbox, inotify=none_left) as watcher:
        assert (watcher.kind, watcher.problems[0].kind) == ("polling", "watch-limit")
        assert "fs.inotify.max_user_instances" in watcher.problems[0].remedy


def test_whatever_else_keeps_it_from_watching_everything_is_polled(content: Path, inbox: Inbox) -> None:
    def other_version() -> InotifyFD:
        raise TypeError("changed")

    with watching(Targets(content), inbox, inotify=other_version) as watcher:
        assert (watcher.kind, watcher.problems[0].kind) == ("polling", "watch-failed")
        assert "TypeError: changed" in watcher.problems[0].what


def test_a_root_that_may_not_be_watched_is_polled(content: Path, inbox: Inbox) -> None:
    class Forbidding(InotifyFD):
        def add_callback(self, *_: Any) -> Any:
            return -1

    with watching(Targets(content), inbox, inotify=Forbidding) as watcher:
        assert (watcher.kind, watcher.problems[0].kind) == ("polling", "watch-failed")


def test_failing_leaves_no_descriptor(content: Path, inbox: Inbox) -> None:
    class Exhausted(InotifyFD):
        def add_callback(self, *_: Any) -> Any:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")

    before = descriptors()
    for opener in (Exhausted, limited(0)):
        with watching(Targets(content), inbox, inotify=opener) as watcher:
            assert watcher.kind == "polling"
    assert descriptors() == before


# Mounts


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "fuse", "ceph", "vboxsf"])
def test_a_mount_from_elsewhere_is_polled(content: Path, inbox: Inbox, kind: str) -> None:
    mounts = f"{MOUNTS}2 1 0:2 / {content.parent} rw shared:1 - {kind} server:/ rw\n"
    with watching(Targets(content), inbox, mounts=lambda: mounts) as watcher:
        (problem,) = watcher.problems
        assert (watcher.kind, problem.kind, problem.severity) == ("polling", "network-mount", "warning")
        assert str(content.parent) in problem.what
        assert kind in problem.what


@pytest.mark.parametrize(
    "lines",
    [
        "2 1 0:2 / {parent} rw - ext4 /dev/sdb rw",
        "2 1 0:2 / {parent} rw - fuse.fuse-overlayfs fuse-overlayfs rw",
        "2 1 0:2 / {parent}/contents rw - nfs4 server:/ rw",
        "2 1 0:2 / {parent} rw - nfs4 server:/ rw\n3 2 0:3 / {parent} rw - tmpfs tmpfs rw",
        "not a mount\n",
    ],
)
def test_what_else_is_mounted_does_not_matter(content: Path, inbox: Inbox, lines: str) -> None:
    mounts = MOUNTS + lines.format(parent=content.parent)
    with watching(Targets(content), inbox, mounts=lambda: mounts) as watcher:
        assert (watcher.kind, watcher.problems) == ("inotify", ())


def test_a_mount_from_elsewhere_in_the_content_is_polled_while_it_is_there(content: Path, inbox: Inbox) -> None:
    (content / "a b").mkdir()
    mounts = [MOUNTS]
    with watching(Targets(content), inbox, mounts=lambda: mounts[0]) as watcher:
        assert watcher.kind == "inotify"
        mounts[0] = f"{MOUNTS}2 1 0:2 / {content}/a\\040b rw - nfs server:/ rw\n"
        assert (after(watcher.check, inbox).scan, watcher.kind) == (("root",), "polling")
        assert f"{content}/a b" in watcher.problems[0].what
        mounts[0] = MOUNTS
        assert (after(watcher.check, inbox).scan, watcher.kind, watcher.problems) == (("root",), "inotify", ())


def test_who_wants_to_poll_is_not_warned(content: Path, inbox: Inbox) -> None:
    mounts = f"{MOUNTS}2 1 0:2 / {content} rw - nfs server:/ rw\n"
    clock = Clock()
    with watching(Targets(content), inbox, mode="poll", mounts=lambda: mounts, monotonic=clock) as watcher:
        assert (watcher.kind, watcher.problems) == ("polling", ())
        clock.now += 10 * RETRY
        assert after(watcher.check, inbox).scan == ("poll",)


def test_without_a_table_of_mounts_it_watches(content: Path, inbox: Inbox) -> None:
    with watching(Targets(content), inbox, mounts=lambda: "") as watcher:
        assert watcher.kind == "inotify"


# The real system, in a namespace where its limits and mounts can be changed


IN_NAMESPACE = """
import sys
from pathlib import Path
from feedd.service.inbox import Inbox
from feedd.service.watcher import Targets, Watcher
content, inbox = Path(sys.argv[1]), Inbox(0, 0)
def limit(what, to):
    try:
        Path("/proc/sys/user", what).write_text(str(to))
    except OSError:
        sys.exit(77)
"""


def in_namespace(script: str, content: Path) -> list[str]:
    """What a script prints as root of a user namespace of its own. Skips where that is not to be had."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", content], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("user namespaces with mounts are not permitted here")
    command = [*unshare, sys.executable, "-c", IN_NAMESPACE + script, str(content)]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE)
    if ended.returncode == 77:
        pytest.skip("limits of user namespaces cannot be set here")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_systems_limit_of_watches_is_noticed_and_heals(content: Path) -> None:
    script = """
(content / "a").mkdir()
limit("max_inotify_watches", 3)
now = [0.0]
watcher = Watcher(Targets(content), inbox, monotonic=lambda: now[0])
watcher.start()
print(watcher.kind)
(content / "a/b/c/d").mkdir(parents=True)
while watcher.kind == "inotify":
    inbox.take(20)
    watcher.check()
print(watcher.kind, watcher.problems[0].kind, *inbox.take(0).scan)
limit("max_inotify_watches", 100)
now[0] = 301.0
watcher.check()
print(watcher.kind, *watcher.problems, *inbox.take(0).scan)
watcher.close()
"""
    assert in_namespace(script, content) == ["inotify", "polling watch-limit poll", "inotify watcher"]


def test_the_systems_limit_of_instances_is_noticed(content: Path) -> None:
    script = """
limit("max_inotify_instances", 0)
watcher = Watcher(Targets(content), inbox)
watcher.start()
print(watcher.kind, watcher.problems[0].kind)
"""
    assert in_namespace(script, content) == ["polling watch-limit"]


def test_what_is_mounted_over_the_root_or_in_it_is_watched_and_again_what_was_there(content: Path) -> None:
    script = """
import subprocess
def told():
    watcher.check()
    return inbox.take(0).scan
def hears(folder):
    (folder / "x.md").write_text("x")
    name = (folder / "x.md").relative_to(content).as_posix()
    while name not in inbox.take(20).paths:
        pass
    return name
(content / "a").mkdir()
watcher = Watcher(Targets(content), inbox)
watcher.start()
for place in (content, content / "a"):
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    print(*told(), hears(place))
    subprocess.run(["umount", place], check=True)
    while not (scans := told()):
        pass
    print(*scans, hears(place))
watcher.close()
"""
    assert in_namespace(script, content) == ["root x.md", "root x.md", "root a/x.md", "root a/x.md"]

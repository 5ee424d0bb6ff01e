"""The output directory: documents whole at every moment, and nothing touched that need not be."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.errors import PublishError
from feedd.feeds.entry import Document
from feedd.publish.directory import Directory, Placed, Rehearsal
from feedd.testing import bound_by_permissions, no_sync


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "feeds")


def document(data: bytes = b"whole", path: str = "all.atom") -> Document:
    return Document(path, data)


def below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def opened(handle: int) -> Path:
    """The path of an open file or folder."""
    return Path(f"/proc/self/fd/{handle}").readlink()


def untouched(path: Path) -> tuple[int, int, int, int]:
    """What of a file's status any write would change; the time of the last read, which reading changes, is not."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


# Putting


def test_document_gets_its_place_and_nothing_else_is_there(directory: Directory) -> None:
    placed = directory.put(document(b"whole", "topics/ai.atom"))

    assert below(directory.root) == {"topics/ai.atom": b"whole"}
    status = (directory.root / "topics/ai.atom").stat()
    assert placed == Placed(status.st_size, status.st_mtime_ns, True)
    assert directory.lies("topics/ai.atom", placed.size, placed.mtime)


def test_same_bytes_are_not_written_again(directory: Directory) -> None:
    first = directory.put(document())
    before = untouched(directory.root / "all.atom")

    second = directory.put(document())

    assert second == Placed(first.size, first.mtime, False)
    assert untouched(directory.root / "all.atom") == before


@pytest.mark.parametrize("data", [b"other", b"whole and more", b"", b"whola"])
def test_other_bytes_replace_the_file(directory: Directory, data: bytes) -> None:
    directory.put(document())
    inode = (directory.root / "all.atom").stat().st_ino

    assert directory.put(document(data)).written
    assert below(directory.root) == {"all.atom": data}
    assert (directory.root / "all.atom").stat().st_ino != inode


def test_reader_of_the_old_file_keeps_it(directory: Directory) -> None:
    directory.put(document(b"old"))
    with (directory.root / "all.atom").open("rb") as reader:
        directory.put(document(b"new"))
        assert reader.read() == b"old"


def test_document_is_synced_under_another_name_before_it_gets_its_own(tmp_path: Path) -> None:
    seen: list[tuple[list[str], bytes]] = []

    def sync(handle: int) -> None:
        seen.append((sorted(path.name for path in tmp_path.iterdir()), opened(handle).read_bytes()))

    Directory(tmp_path, sync).put(document(b"whole"))

    [(names, data)] = seen
    assert data == b"whole"
    assert "all.atom" not in names
    assert len(names) == 1


def test_folders_that_took_documents_are_synced_once(tmp_path: Path) -> None:
    synced: list[Path] = []
    directory = Directory(tmp_path, lambda handle: synced.append(opened(handle)))
    for path in ("all.atom", "all.rss", "topics/ai.atom"):
        directory.put(document(path=path))
    directory.put(document())
    synced.clear()

    directory.settle()
    directory.settle()

    assert synced == [tmp_path, tmp_path / "topics"]


def test_no_file_stays_open(directory: Directory) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(5):
        directory.put(document(bytes([number]), f"topics/{number}.atom"))
        directory.settle()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_folder_that_cannot_be_synced_keeps_no_other_from_it(tmp_path: Path) -> None:
    synced: list[Path] = []
    directory = Directory(tmp_path, lambda handle: synced.append(opened(handle)))
    for path in ("a/all.atom", "b/all.atom"):
        directory.put(document(path=path))
    synced.clear()
    (tmp_path / "a").rename(tmp_path / "c")

    with pytest.raises(FileNotFoundError):
        directory.settle()

    assert synced == [tmp_path / "b"]


def test_failure_leaves_the_old_document_and_no_temporary_file(tmp_path: Path) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    Directory(tmp_path).put(document(b"old"))

    with pytest.raises(PublishError) as raised:
        Directory(tmp_path, full).put(document(b"new"))

    assert raised.value.problem.what == "cannot be written: No space left on device"
    assert raised.value.problem.file == str(tmp_path / "all.atom")
    assert below(tmp_path) == {"all.atom": b"old"}


def test_interruption_leaves_the_old_document_and_no_temporary_file(tmp_path: Path) -> None:
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    Directory(tmp_path).put(document(b"old"))

    with pytest.raises(KeyboardInterrupt):
        Directory(tmp_path, interrupted).put(document(b"new"))

    assert below(tmp_path) == {"all.atom": b"old"}


def test_left_over_of_a_process_with_the_same_number_is_no_obstacle(directory: Directory) -> None:
    """In a container every process may be number 1."""
    directory.root.mkdir()
    (directory.root / f".all.atom.{os.getpid()}.feedd-tmp").write_bytes(b"torn")

    directory.put(document())

    assert below(directory.root) == {"all.atom": b"whole"}


def test_document_that_nobody_may_read_is_replaced(directory: Directory) -> None:
    directory.put(document(b"old"))
    (directory.root / "all.atom").chmod(0)
    with bound_by_permissions():
        directory.put(document(b"new"))

    assert below(directory.root) == {"all.atom": b"new"}


@settings(max_examples=30, deadline=None, database=None)
@given(st.lists(st.binary(max_size=20000), min_size=1, max_size=4))
def test_last_bytes_that_were_put_are_there(tmp_path_factory: pytest.TempPathFactory, versions: list[bytes]) -> None:
    directory = Directory(tmp_path_factory.mktemp("feeds"), no_sync)
    for data in versions:
        directory.put(document(data))

    assert below(directory.root) == {"all.atom": versions[-1]}


def test_reader_meets_either_version_whole(tmp_path: Path) -> None:
    directory = Directory(tmp_path, no_sync)
    versions = [bytes([number]) * 300_000 for number in range(30)]
    directory.put(document(versions[0]))
    met: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            met.add((tmp_path / "all.atom").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for data in versions:
        directory.put(document(data))
    done.set()
    reader.join()

    assert met
    assert met.issubset(versions)


# Looking


@pytest.mark.parametrize("path", ["none.atom", "topics/none.atom", "all.atom/below"])
def test_what_is_not_there_does_not_lie_there(directory: Directory, path: str) -> None:
    placed = directory.put(document())

    assert not directory.lies(path, placed.size, placed.mtime)


def test_touched_or_changed_file_does_not_lie_as_it_was_left(directory: Directory) -> None:
    placed = directory.put(document())
    file = directory.root / "all.atom"

    assert not directory.lies("all.atom", placed.size + 1, placed.mtime)
    os.utime(file, ns=(0, placed.mtime + 1))
    assert not directory.lies("all.atom", placed.size, placed.mtime)


ATOM_MARK = b'<feed><id>tag:x</id><generator version="0.1.0">feedd</generator>'
JSON_MARK = b'{"version":"1.1","_feedd":{"generator":"feedd 0.1.0"},"items":[]}'


def test_documents_that_feedd_wrote_and_that_are_not_known_are_found(directory: Directory) -> None:
    directory.put(document(ATOM_MARK, "all.atom"))
    directory.put(document(b"<rss><generator>feedd</generator>", "providers/x.example.rss"))
    directory.put(document(JSON_MARK, "topics/ai.json"))
    directory.put(document(ATOM_MARK, "topics/known.atom"))

    assert directory.find({"topics/known.atom"}) == ["all.atom", "topics/ai.json", "providers/x.example.rss"]


def test_documents_of_others_are_not_found(directory: Directory) -> None:
    directory.put(document(b"<generator>feedder</generator>", "other.rss"))
    directory.put(document(b"<link href='https://news.example/feeds/podcast.rss'/>", "podcast.rss"))
    directory.put(document(b" " * 100_000 + ATOM_MARK, "late.atom"))
    directory.put(document(ATOM_MARK, ".hidden.atom"))
    directory.put(document(b"<title>A page of somebody</title>", "page.html"))
    directory.put(document(ATOM_MARK, "page.xml"))
    directory.put(document(ATOM_MARK, "beta/all.atom"))
    (directory.root / "folder.atom").mkdir()
    (directory.root / "loop.atom").symlink_to("loop.atom")

    assert directory.find(()) == []


def test_nothing_is_found_where_no_directory_is(tmp_path: Path) -> None:
    assert Directory(tmp_path / "none").find(()) == []


# Sweeping


def test_folders_in_which_nothing_is_left_go_with_the_last_document(tmp_path: Path) -> None:
    synced: list[Path] = []
    directory = Directory(tmp_path / "feeds", sync=lambda handle: synced.append(opened(handle)))
    for path in ("topics/ai/2024-05.atom", "topics/ai/2024-06.atom"):
        directory.put(document(path=path))
    directory.settle()
    directory.remove("topics/ai/2024-05.atom")
    assert (directory.root / "topics" / "ai").is_dir()
    directory.remove("topics/ai/2024-06.atom")
    assert list(directory.root.iterdir()) == []
    synced.clear()
    directory.settle()

    assert synced == [directory.root]


def test_sweep_removes_temporary_files_of_these_folders_only(directory: Directory) -> None:
    left = ("a.atom.1.feedd-tmp", "topics/.ai.atom.1.feedd-tmp", ".all.atom.1.feedd-tmp", "other/.x.atom.1.feedd-tmp")
    for path in (*left, "all.atom", ".mine"):
        directory.put(document(path=path))
    (directory.root / ".folder.feedd-tmp").mkdir()

    directory.sweep(["topics", "none", "all.atom", "topics"])

    assert sorted(below(directory.root)) == [".mine", "a.atom.1.feedd-tmp", "all.atom", "other/.x.atom.1.feedd-tmp"]
    assert (directory.root / ".folder.feedd-tmp").is_dir()


def test_sweep_that_is_not_allowed_goes_on(directory: Directory) -> None:
    for path in ("closed/.a.feedd-tmp", "kept/.a.feedd-tmp", "open/.a.feedd-tmp"):
        directory.put(document(path=path))
    (directory.root / "closed").chmod(0)
    (directory.root / "kept").chmod(0o555)
    with bound_by_permissions():
        directory.sweep(["closed/below", "closed", "kept", "open"])
    (directory.root / "closed").chmod(0o755)
    (directory.root / "kept").chmod(0o755)

    assert sorted(below(directory.root)) == ["closed/.a.feedd-tmp", "kept/.a.feedd-tmp"]


# Rehearsing


def test_rehearsal_says_what_it_would_write_and_writes_nothing(directory: Directory) -> None:
    directory.put(document(b"old"))
    directory.put(document(b"torn", ".left.feedd-tmp"))
    before = below(directory.root)
    rehearsal = Rehearsal(directory.root)

    assert rehearsal.put(document(b"old")).written is False
    assert rehearsal.put(document(b"newer")) == Placed(5, 0, True)
    assert rehearsal.put(document(b"new", "topics/ai.atom")).written is True
    rehearsal.sweep([""])
    rehearsal.settle()

    assert below(directory.root) == before


def test_rehearsal_needs_no_directory(tmp_path: Path) -> None:
    assert Rehearsal(tmp_path / "feeds").put(document()).written is True
    assert list(tmp_path.iterdir()) == []


def test_rehearsal_notes_what_would_come_of_what_lies_there(directory: Directory) -> None:
    for path in ("all.atom", "all.rss", "topics/ai.atom", "topics/sea.atom"):
        directory.put(document(b"old", path))
    rehearsal = Rehearsal(directory.root)
    rehearsal.put(document(b"new", "all.atom"))
    rehearsal.put(document(b"old", "all.rss"))
    rehearsal.put(document(b"new", "topics/kites.atom"))
    for path in ("topics/ai.atom", "topics/sea.atom", "topics/never.atom"):
        rehearsal.remove(path)

    assert rehearsal.written == {"all.atom": True, "topics/kites.atom": False}
    assert rehearsal.removed == {"topics/ai.atom", "topics/sea.atom"}
    rehearsal.remove("topics/kites.atom")
    rehearsal.put(document(b"old", "topics/ai.atom"))
    rehearsal.put(document(b"new", "topics/sea.atom"))
    rehearsal.put(document(b"old", "all.atom"))

    assert rehearsal.written == {"topics/sea.atom": True}
    assert rehearsal.removed == set()
    assert rehearsal.manifest is None
    rehearsal.put(document(b"{}", ".feedd.json"))
    assert rehearsal.manifest == b"{}"
    assert "topics/kites.atom" not in below(directory.root)


@pytest.mark.parametrize("act", [lambda there: there.put(document()), lambda there: there.remove("all.atom")])
@pytest.mark.parametrize("kind", [Directory, Rehearsal])
def test_folder_in_the_place_of_a_document_is_in_the_way_also_of_a_rehearsal(
    directory: Directory, kind: type[Directory], act: Callable[[Directory], object]
) -> None:
    (directory.root / "all.atom" / "folder").mkdir(parents=True)

    with pytest.raises(PublishError, match=r"all\.atom: .* (is a folder|Is a directory)"):
        act(kind(directory.root))


@pytest.mark.parametrize("make", [lambda place: place.write_bytes(b""), lambda place: place.symlink_to("nowhere")])
def test_what_is_no_folder_is_in_the_way_of_a_rehearsal_as_of_a_run(
    directory: Directory, make: Callable[[Path], object]
) -> None:
    directory.root.mkdir(exist_ok=True)
    make(directory.root / "topics")

    for there in (directory, Rehearsal(directory.root)):
        with pytest.raises(PublishError, match=r"topics: output\.path: is no folder, so nothing can be"):
            there.put(document(b"new", "topics/ai.atom"))

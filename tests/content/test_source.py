"""Source: which files are content, and what changed since their stamps were taken (design, sections 5, 8, 9 and 13)."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.content.elsewhere import Copy
from feedd.content.source import UNSETTLED, Changes, Tree, pattern, stamp
from feedd.errors import SourceError
from feedd.testing import bound_by_permissions

DAY_NS = 86_400_000_000_000
USUAL = ("**/_data/**", "**/_site/**", "**/_includes/**", "**/_layouts/**", "**/node_modules/**", "**/vendor/**")


def write(root: Path, *paths: str, text: str = "---\n") -> None:
    """Write files of that text."""
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def tree(root: Path, include: tuple[str, ...] = ("**/*.md",), exclude: tuple[str, ...] = USUAL) -> Tree:
    """The tree of a directory, read by a clock that is a day ahead: whatever was written has settled."""
    return Tree(root, include, exclude, lambda: time.time_ns() + DAY_NS)


def learn(tree: Tree) -> dict[str, bytes]:
    """The stamps of all files, as they are known after each was read."""
    found = {path: tree.read(path, 1000) for path in tree.scan({}).added}
    return {path: reading[0] for path, reading in found.items() if reading}


def looked(tree: Tree, known: dict[str, bytes], *paths: str) -> Changes:
    """What looking at those paths tells."""
    return tree.look(paths, known.get)


@contextmanager
def locked(place: Path, mode: int) -> Iterator[None]:
    """For a while, let a file or folder have that mode, and let that count."""
    before = place.stat().st_mode
    place.chmod(mode)
    try:
        with bound_by_permissions():
            yield
    finally:
        place.chmod(before)


# Which files are content


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a.md", True),
        ("news/a.md", True),
        ("news/2024/05/a.md", True),
        ("news/a b ü.md", True),
        ("news/a\nb.md", True),
        ("a.txt", False),
        ("a.md.bak", False),
        ("a.mdx", False),
        (".a.md", False),
        ("news/.a.md.swp.md", False),
        (".git/a.md", False),
        ("news/.drafts/a.md", False),
        ("_data/topics/a.md", False),
        ("news/_data/a.md", False),
        ("_data/a\nb.md", False),
        ("_site/a.md", False),
        ("node_modules/x/README.md", False),
        ("sub/vendor/a.md", False),
        ("_database/a.md", True),
        ("vendor.md", True),
        ("../a.md", False),
        ("news/../../a.md", False),
        ("", False),
    ],
)
def test_the_usual_patterns(path: str, wanted: bool) -> None:
    assert wanted is Tree(Path(), ("**/*.md",), USUAL).wanted(path)


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        pytest.param("**/*.md", ["a.md", "x/a.md", "x/y/a.md"], ["a.mdx", "a.md/b"], id="any folder"),
        pytest.param("*.md", ["a.md"], ["x/a.md"], id="the top alone"),
        pytest.param("news/*.md", ["news/a.md"], ["news/x/a.md", "old/news/a.md"], id="one folder"),
        pytest.param("news/**", ["news/a", "news/x/a"], ["news", "newsletter/a"], id="all below"),
        pytest.param("**/drafts/**", ["drafts/a", "x/drafts/y/a"], ["drafts", "x/drafts"], id="all below, anywhere"),
        pytest.param("news/**/a.md", ["news/a.md", "news/x/y/a.md"], ["a.md"], id="folders between"),
        pytest.param("**", ["a", "x/y"], [], id="all"),
        pytest.param("20??/*", ["2024/a"], ["202/a", "2024/x/a", "20/4/a"], id="one character"),
        pytest.param("a[1]+(b).md", ["a[1]+(b).md"], ["a1b.md", "a1.md"], id="characters of expressions"),
        pytest.param("a.md", ["a.md"], ["A.md", "aXmd", "a.md\n"], id="as it is"),
    ],
)
def test_patterns(glob: str, matching: list[str], others: list[str]) -> None:
    expression = pattern([glob])

    assert all(expression.match(path) for path in matching)
    assert not any(expression.match(path) for path in others)


def test_no_pattern_matches_nothing() -> None:
    assert pattern([]).match("") is None


def test_scan_finds_what_is_wanted(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "news/b.md", "news/x/y/c.md", "news/d.txt", ".keep", ".git/e.md", "_data/f.md", "x/.g.md")

    changes = tree(tmp_path).scan({})

    assert changes == Changes(added=("a.md", "news/b.md", "news/x/y/c.md"), total=3)


@pytest.mark.parametrize(
    "exclude", ["drafts/*", "**/x", "*/?", "drafts/**/a.md", "**/x.md", "drafts/x", "dra*/**", "**"]
)
def test_scan_and_wanted_agree_on_exclude_patterns(exclude: str, tmp_path: Path) -> None:
    paths = ["a.md", "x.md", "drafts/a.md", "drafts/x.md", "drafts/sub/a.md", "news/x/a.md", "news/b/c/a.md", "x/a.md"]
    write(tmp_path, *paths)
    it = tree(tmp_path, exclude=(exclude,))

    assert tuple(sorted(path for path in paths if it.wanted(path))) == it.scan({}).added


def test_folder_with_a_name_like_a_file_is_no_content(tmp_path: Path) -> None:
    write(tmp_path, "a.md/b.md")

    assert tree(tmp_path).scan({}).added == ("a.md/b.md",)
    assert looked(tree(tmp_path), {}, "a.md").added == ()


def test_an_empty_directory_is_no_error(tmp_path: Path) -> None:
    assert Tree(tmp_path, ("**/*.md",)).scan({}) == Changes(total=0)


# What changed


def test_nothing_changed(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "news/b.md")
    known = learn(tree(tmp_path))

    assert Changes(total=2) == tree(tmp_path).scan(known)
    assert Changes() == looked(tree(tmp_path), known, "a.md", "news/b.md", "never.md")


def test_new_changed_and_removed_files_are_told_apart_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "c.md", "d.md", "y.md", "z.md")
    known = learn(tree(tmp_path))
    write(tmp_path, "x.md", "a.md")
    write(tmp_path, "d.md", "c.md", text="---\nedited: true\n")
    (tmp_path / "z.md").unlink()
    (tmp_path / "y.md").unlink()

    expected = Changes(("a.md", "x.md"), ("c.md", "d.md"), ("y.md", "z.md"))

    assert expected == looked(tree(tmp_path), known, *"zyxdcba", *(f"{name}.md" for name in "zyxdcba"))
    assert Changes(expected.added, expected.changed, expected.removed, 5) == tree(tmp_path).scan(known)


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "a.md", text="published: true ")
    before = (tmp_path / "a.md").stat()
    known = learn(tree(tmp_path))
    (tmp_path / "a.md").write_text("published: false")
    after = before
    while before.st_ctime_ns == after.st_ctime_ns:  # until the system's clock has made a step
        os.utime(tmp_path / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
        after = (tmp_path / "a.md").stat()

    assert (before.st_mtime_ns, before.st_size, before.st_ino) == (after.st_mtime_ns, after.st_size, after.st_ino)
    assert tree(tmp_path).scan(known).changed == ("a.md",)
    assert looked(tree(tmp_path), known, "a.md").changed == ("a.md",)


def test_a_file_replaced_by_another_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ".new")
    known = learn(tree(tmp_path))
    (tmp_path / ".new").rename(tmp_path / "a.md")

    assert tree(tmp_path).scan(known).changed == ("a.md",)


def test_stamps_differ_in_every_part() -> None:
    same = os.stat_result((0, 5, 0, 0, 0, 0, 10, 0, 1, 1, 0.0, 1.0, 1.0, 0, 10**9, 10**9))
    others = [
        os.stat_result((0, 6, 0, 0, 0, 0, 10, 0, 1, 1, 0.0, 1.0, 1.0, 0, 10**9, 10**9)),
        os.stat_result((0, 5, 0, 0, 0, 0, 11, 0, 1, 1, 0.0, 1.0, 1.0, 0, 10**9, 10**9)),
        os.stat_result((0, 5, 0, 0, 0, 0, 10, 0, 1, 1, 0.0, 1.0, 1.0, 0, 10**9 + 1, 10**9)),
        os.stat_result((0, 5, 0, 0, 0, 0, 10, 0, 1, 1, 0.0, 1.0, 1.0, 0, 10**9, 10**9 + 1)),
    ]

    assert len({stamp(status) for status in [same, *others]}) == 5
    assert len(stamp(same)) == 32


def test_a_huge_inode_and_an_ancient_time_have_a_stamp() -> None:
    status = os.stat_result((0, 2**64 - 1, 0, 0, 0, 0, 2**62, 0, 1, 1, 0.0, 1.0, 1.0, 0, -(2**62), -(2**62)))

    assert len(stamp(status)) == 32


@pytest.mark.parametrize("mtime", [pytest.param(0, id="now"), pytest.param(DAY_NS, id="mtime in the future")])
def test_a_file_written_a_moment_ago_is_read_again(mtime: int, tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    written = (tmp_path / "a.md").stat().st_mtime_ns
    os.utime(tmp_path / "a.md", ns=(1, written + mtime))
    written = (tmp_path / "a.md").stat().st_ctime_ns
    at_once = Tree(tmp_path, ("*.md",), (), lambda: written + 1_000_000)
    known = learn(at_once)

    assert known == {"a.md": UNSETTLED}
    assert at_once.scan(known).changed == ("a.md",)
    assert looked(at_once, known, "a.md").changed == ("a.md",)

    later = Tree(tmp_path, ("*.md",), (), lambda: written + 2 * DAY_NS)
    known = learn(later)

    assert Changes(total=1) == later.scan(known)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a.md", "x/b.md", "x/y/c.md", "_data/d.md", "x/.e.md", "f.txt"]), st.booleans())
    )
)
@settings(max_examples=30, deadline=None)
def test_look_agrees_with_scan(tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, bool]]) -> None:
    root = tmp_path_factory.mktemp("content")
    write(root, "a.md", "x/b.md", "_data/d.md")
    known = learn(tree(root))
    for number, (path, there) in enumerate(edits):
        if there:
            write(root, path, text="x" * (number + 10))
        else:
            (root / path).unlink(missing_ok=True)

    scanned, seen = tree(root).scan(known), looked(tree(root), known, *(path for path, _ in edits))

    assert (scanned.added, scanned.changed, scanned.removed) == (seen.added, seen.changed, seen.removed)


# Reading


def test_read_gives_stamp_and_bytes(tmp_path: Path) -> None:
    write(tmp_path, "news/a.md", text="---\nü\n")

    assert (stamp((tmp_path / "news/a.md").stat()), "---\nü\n".encode()) == tree(tmp_path).read("news/a.md", 1000)


@pytest.mark.parametrize("size", [0, 9, 10, 11, 5_000_000])
def test_read_stops_one_byte_after_the_limit(size: int, tmp_path: Path) -> None:
    write(tmp_path, "a.md", text="x" * size)
    found = tree(tmp_path).read("a.md", 10)

    assert found is not None
    assert b"x" * min(size, 11) == found[1]


def test_read_gives_large_files_whole(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(os.urandom(3_000_000))
    found = tree(tmp_path).read("a.md", 10_000_000)

    assert found is not None
    assert (tmp_path / "a.md").read_bytes() == found[1]


def test_a_file_that_vanished_is_none(tmp_path: Path) -> None:
    write(tmp_path, "file.md")

    assert tree(tmp_path).read("gone.md", 10) is None
    assert tree(tmp_path).read("gone/a.md", 10) is None
    assert tree(tmp_path).read("file.md/a.md", 10) is None


# Links, pipes, and names


def test_a_link_to_a_file_is_read_and_followed(tmp_path: Path) -> None:
    write(tmp_path, "content/a.txt", "elsewhere.md")
    root = tmp_path / "content"
    (root / "b.md").symlink_to("a.txt")
    (root / "c.md").symlink_to(tmp_path / "elsewhere.md")
    known = learn(tree(root))

    assert {"b.md", "c.md"} == set(known)

    write(tmp_path, "elsewhere.md", text="changed")

    assert tree(root).scan(known).changed == ("c.md",)
    assert looked(tree(root), known, "b.md", "c.md").changed == ("c.md",)


def test_a_link_to_nothing_is_no_file(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    known = learn(tree(tmp_path))
    (tmp_path / "a.md").unlink()
    (tmp_path / "a.md").symlink_to("nowhere")
    it = Tree(tmp_path, ("**/*.md",))

    assert it.scan(known).removed == ("a.md",)
    assert looked(it, known, "a.md").removed == ("a.md",)
    assert it.read("a.md", 10) is None


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "content/news/a.md", "outside/b.md", "outside/sub/c.md")
    root = tmp_path / "content"
    (root / "loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "folder.md").symlink_to(tmp_path / "outside")

    assert tree(root).scan({}).added == ("news/a.md",)
    assert Changes() == looked(tree(root), {}, "loop/news/a.md", "out/b.md", "out/sub/c.md", "folder.md")
    assert looked(tree(root), {"out/b.md": b"before"}, "out/b.md").removed == ("out/b.md",)
    assert [tree(root).linked(path) for path in ("loop/news/a.md", "out/sub/c.md", "folder.md", "news/a.md")] == [
        "loop",
        "out",
        "",
        "",
    ]


def test_a_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "real/news/a.md")
    (tmp_path / "content").symlink_to("real")

    assert tree(tmp_path / "content").scan({}).added == ("news/a.md",)
    assert looked(tree(tmp_path / "content"), {}, "news/a.md").added == ("news/a.md",)


def test_pipes_and_sockets_are_no_files_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    with socket.socket(socket.AF_UNIX) as listener, chdir(tmp_path):
        listener.bind("socket.md")
        it = tree(tmp_path)

        assert Changes(total=0) == it.scan({})
        assert Changes() == looked(it, {}, "pipe.md", "socket.md")
        assert it.read("pipe.md", 10) is None


def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    name = os.fsdecode(b"caf\xe9.md")
    (tmp_path / name).write_text("---\n")
    it = tree(tmp_path)
    scanned, seen = it.scan({}), looked(it, {}, name, "a.md")

    assert scanned.added == seen.added == ("a.md",)
    assert scanned.total == 1
    assert scanned.problems == seen.problems
    assert [(problem.kind, problem.file) for problem in scanned.problems] == [("bad-file-name", "caf\\udce9.md")]
    assert str(scanned.problems[0]).encode()


def test_a_name_that_is_not_utf8_is_no_matter_where_it_is_no_content(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("")

    assert Changes(total=0) == tree(tmp_path).scan({})


# What cannot be read


def test_a_directory_that_is_missing_is_an_error_that_names_it(tmp_path: Path) -> None:
    it = Tree(tmp_path / "content", ("**/*.md",))

    with pytest.raises(SourceError) as caught:
        it.scan({"a.md": b"before"})

    problem = caught.value.problem
    assert ("no-content", str(tmp_path / "content"), "content.path") == (problem.kind, problem.file, problem.field)
    assert "No such file" in problem.what


def test_nothing_is_removed_because_the_directory_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        looked(Tree(tmp_path / "content", ("**/*.md",)), {"a.md": b"before"}, "a.md")


def test_nothing_is_removed_because_the_directory_goes_meanwhile(tmp_path: Path) -> None:
    root = tmp_path / "content"
    root.mkdir()
    for number in range(501):
        (root / f"{number}.md").touch()
    it = Tree(root, ["*.md"], heed=lambda _: shutil.rmtree(root))
    with pytest.raises(SourceError, match="cannot be listed"):
        it.scan({f"{number}.md": b"before" for number in range(501)})


def test_a_file_instead_of_the_directory_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "content")
    it = Tree(tmp_path / "content", ("**/*.md",))

    with pytest.raises(SourceError):
        it.scan({})
    with pytest.raises(SourceError):
        looked(it, {"a.md": b"before"}, "a.md")


def test_a_directory_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "content/a.md")
    it = tree(tmp_path / "content")

    with locked(tmp_path / "content", 0), pytest.raises(SourceError, match="cannot be listed: Permission denied"):
        it.scan({"a.md": b"before"})


def test_a_folder_that_cannot_be_listed_keeps_what_was_known(tmp_path: Path) -> None:
    write(tmp_path, "news/a.md", "news/sub/b.md", "newsletter/c.md", "d.md")
    it = tree(tmp_path)
    known = learn(it)
    (tmp_path / "d.md").unlink()

    with locked(tmp_path / "news", 0):
        changes = it.scan(known)
        seen = looked(it, known, "news/a.md", "news/sub/b.md")

    assert changes.removed == ("d.md",)
    assert changes.added == changes.changed == ()
    assert [(problem.kind, problem.file) for problem in changes.problems] == [("unreadable-folder", "news")]
    assert "Permission denied; what was known of it stays" in changes.problems[0].what
    assert seen.removed == ()
    assert Changes(removed=("d.md",), total=3) == it.scan(known)


def test_a_folder_that_cannot_be_entered_keeps_what_was_known(tmp_path: Path) -> None:
    write(tmp_path, "news/a.md", "b.md")
    it = tree(tmp_path)
    known = learn(it)

    with locked(tmp_path / "news", 0o444):
        changes = it.scan(known)
        seen = looked(it, known, "news/a.md")
        with pytest.raises(PermissionError):
            it.read("news/a.md", 10)

    assert Changes(changed=("news/a.md",), total=2) == changes
    assert Changes(changed=("news/a.md",)) == seen


def test_a_file_that_cannot_be_read_says_so_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    it = tree(tmp_path)
    known = learn(it)

    with locked(tmp_path / "a.md", 0):
        assert it.scan(known).removed == ()
        with pytest.raises(PermissionError):
            it.read("a.md", 10)


def test_a_link_to_itself_keeps_what_was_known_until_it_is_mended(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("a.md")
    it = tree(tmp_path)

    for known in ({"a.md": b"before"}, {"a.md": UNSETTLED}):
        assert Changes(changed=("a.md",), total=1) == it.scan(known)
        assert Changes(changed=("a.md",)) == looked(it, known, "a.md")
    with pytest.raises(OSError, match="symbolic links"):
        it.read("a.md", 10)


def test_a_folder_whose_name_is_not_utf8_and_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write(tmp_path, f"{name}/a.md")
    it = tree(tmp_path)

    with locked(tmp_path / name, 0):
        problems = it.scan({}).problems

    assert [(problem.kind, problem.file) for problem in problems] == [("unreadable-folder", "caf\\udce9")]


@pytest.mark.parametrize(("count", "expected"), [(1, True), (3, True), (4, False)])
def test_tree_tells_whether_it_holds_so_many_files(tmp_path: Path, count: int, expected: bool) -> None:
    for name in ("a.md", "b/c.md", "b/d/e.md", "b/note.txt", "_data/f.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    assert Tree(tmp_path, ["**/*.md"], ["**/_data/**"]).holds(count) is expected


def test_tree_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert Tree(tmp_path / "missing", ["**/*.md"]).holds(1) is False


def test_file_is_excluded_by_a_pattern_that_names_no_folder(tmp_path: Path) -> None:
    for name in ("a.md", "draft-a.md", "b/draft-b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    assert Tree(tmp_path, ["**/*.md"], ["**/draft-*", "b/x/**"]).scan({}).added == ("a.md",)


def test_a_long_scan_says_that_it_goes_on(tmp_path: Path) -> None:
    write(tmp_path, *(f"{number}.md" for number in range(1100)))
    told: list[int] = []
    found = Tree(tmp_path, ("**/*.md",), heed=told.append).scan({})

    assert found.total == 1100
    assert told == [500, 1000]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of so many files that two processes share them."""
    root = tmp_path_factory.mktemp("large")
    for number in range(6000):
        (root / f"{number}.md").touch()
    os.link(root / "7.md", root / "caf\xe9.md")
    (root / "gone.md").symlink_to("nowhere")
    os.mkfifo(root / "pipe.md")
    return root


def several_processors(test: Callable[..., None]) -> Callable[..., None]:
    """What needs a processor for a copy of the process, and no other thread in it."""
    needs_two = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
    return needs_two(pytest.mark.alone(test))


def stamps_of(root: Path) -> dict[str, bytes]:
    """The stamp of every file in a directory, each asked for alone."""
    paths = [path.name for path in root.iterdir() if path.is_file()]
    return {path: stamp((root / path).stat()) for path in paths}


def check_look(root: Path, before: Callable[[Copy], object], amid: Callable[[Copy], object]) -> None:
    """A scan by a look that was begun finds no file changed whose stamp is known, and all whose stamps were others."""
    known = stamps_of(root)
    turned = {path: data[::-1] for path, data in known.items()}
    for stamps, changed in ((known, set()), (turned, set(known))):
        looks: list[Copy] = []
        it = Tree(root, ("*.md",), heed=lambda _, looks=looks: amid(looks[0]))
        with it.begun() as look:
            assert look is not None
            looks.append(look)
            before(look)
            changes = it.scan(stamps, look)
        assert (set(changes.changed), changes.added, changes.removed, changes.total) == (changed, (), (), 6001)


@several_processors
def test_a_scan_goes_by_a_look_that_was_begun(large: Path) -> None:
    check_look(large, leave, leave)


@several_processors
def test_a_look_whose_process_dies_costs_nothing(large: Path) -> None:
    check_look(large, kill, leave)
    check_look(large, leave, kill)


def leave(look: Copy) -> None:
    """Let it do what it does."""


def kill(look: Copy) -> None:
    os.kill(look.process, signal.SIGKILL)


@several_processors
def test_a_file_that_goes_after_a_look_is_found_gone_by_the_next(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md")
    it, known = tree(tmp_path), stamps_of(tmp_path)
    with it.begun() as look:
        assert look is not None
        os.waitid(os.P_PID, look.process, os.WEXITED | os.WNOWAIT)
        (tmp_path / "a.md").unlink()
        assert it.scan(known, look) == Changes(total=2)

    assert it.scan(known).removed == ("a.md",)


@several_processors
def test_what_a_look_cannot_list_is_said_by_the_scan(tmp_path: Path) -> None:
    it = Tree(tmp_path / "missing", ("*.md",))
    with it.begun() as look:
        assert look is not None
        with pytest.raises(SourceError):
            it.scan({}, look)


@several_processors
def test_a_look_tells_of_names_that_nobody_can_write(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.md")).touch()
    it = Tree(tmp_path, ("*.md",))
    with it.begun() as look:
        changes = it.scan({}, look)

    assert [problem.kind for problem in changes.problems] == ["bad-file-name"]


def test_files_below_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "a/1.md", "a/b/2.md", "a/.c/3.md", "a/_data/4.md", "ab/5.md", "a/6.txt")

    assert sorted(tree(tmp_path).files("a/")) == ["a/1.md", "a/b/2.md"]
    assert sorted(tree(tmp_path).files("a/b/")) == ["a/b/2.md"]
    assert [*tree(tmp_path).files("a/.c/"), *tree(tmp_path).files("a/_data/"), *tree(tmp_path).files("x/")] == []

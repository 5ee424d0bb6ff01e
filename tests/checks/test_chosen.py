"""Chosen: which files are asked about, as named, listed, or changed as Git tells."""

import os
import subprocess
from pathlib import Path

import pytest

from feedd.checks.chosen import ChangesError, below, changed_since, listed, repository
from feedd.content.source import Tree

WHO = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@a.example", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@a.example", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


class Repository:
    """A repository with a commit on `main`, in which content lies below a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.content = root, root / "site" / "content"
        self.content.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.write("old.md", "gone.md", "moved.md")
        self.commit()

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        environment = {**os.environ, **WHO}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, *names: str, text: str = "text") -> None:
        for name in names:
            (self.content / name).parent.mkdir(parents=True, exist_ok=True)
            (self.content / name).write_text(f"{text} of {name}")

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def changed(self, revision: str) -> list[str]:
        """The changed files of the content, by their paths in it."""
        return sorted(below(Tree(self.content, ["**/*"]), changed_since(self.content, revision)))


@pytest.fixture
def repository_(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "checkout")


@pytest.fixture(autouse=True)
def _nobody_elses_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, WHO[name])


# What Git tells


def test_nothing_is_changed_in_a_fresh_checkout(repository_: Repository) -> None:
    assert repository_.changed("main") == []


def test_committed_staged_edited_and_new_files_are_changed(repository_: Repository) -> None:
    repository_.git("switch", "-q", "-c", "branch")
    repository_.write("committed.md")
    repository_.commit()
    repository_.write("staged.md")
    repository_.git("add", "-A")
    repository_.write("old.md", text="another text")
    repository_.write("deep/new.md")
    assert repository_.changed("main") == ["committed.md", "deep/new.md", "old.md", "staged.md"]
    assert repository_.changed("HEAD") == ["deep/new.md", "old.md", "staged.md"]


def test_a_deleted_file_is_none_and_a_renamed_one_has_its_new_name(repository_: Repository) -> None:
    repository_.git("rm", "-q", "site/content/gone.md")
    repository_.git("mv", "site/content/moved.md", "site/content/here.md")
    (repository_.content / "old.md").unlink()
    assert changed_since(repository_.content, "main") == [repository_.content / "here.md"]


def test_what_the_other_branch_did_since_is_not_ours(repository_: Repository) -> None:
    repository_.git("switch", "-q", "-c", "branch")
    repository_.write("mine.md")
    repository_.commit()
    repository_.git("switch", "-q", "main")
    repository_.write("theirs.md")
    repository_.commit()
    repository_.git("switch", "-q", "branch")
    assert repository_.changed("main") == ["mine.md"]


def test_ignored_files_and_those_elsewhere_are_none(repository_: Repository) -> None:
    (repository_.root / ".gitignore").write_text("*.draft.md\n")
    (repository_.root / "README.md").write_text("x")
    repository_.write("a.draft.md", "b.md")
    assert repository_.changed("main") == ["b.md"]


@pytest.mark.parametrize("name", ["two words.md", "line\nend.md", 'quote".md', "-n.md", "été.md", "*.md", ":(top).md"])
def test_names_may_be_odd(name: str, repository_: Repository) -> None:
    repository_.write(name)
    assert repository_.changed("main") == [name]
    repository_.commit()
    assert repository_.changed("HEAD~1") == [name]


def test_the_content_directory_may_have_an_odd_name(tmp_path: Path) -> None:
    odd = tmp_path / "a [b] *"
    Repository(odd)
    for folder in ("con*", "contrary"):
        (odd / "site" / folder).mkdir()
        (odd / "site" / folder / "new.md").write_text("x")
    assert changed_since(odd / "site" / "con*", "main") == [odd / "site" / "con*" / "new.md"]


def test_a_hooks_own_repository_is_not_taken_for_that_of_the_content(
    repository_: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
    repository_.write("new.md")
    assert repository_.changed("main") == ["new.md"]


def test_files_and_index_stay_as_they_are(repository_: Repository) -> None:
    repository_.write("staged.md")
    repository_.git("add", "-A")
    repository_.write("staged.md", text="another text")
    before = repository_.git("status", "--porcelain"), repository_.git("ls-files", "--stage")
    assert repository_.changed("main") == ["staged.md"]
    assert (repository_.git("status", "--porcelain"), repository_.git("ls-files", "--stage")) == before


# Where it cannot tell


def refused(folder: Path, revision: str) -> str:
    with pytest.raises(ChangesError) as caught:
        changed_since(folder, revision)
    return str(caught.value)


def test_without_a_repository_that_is_said(tmp_path: Path) -> None:
    assert repository(tmp_path) is None
    assert refused(tmp_path, "main") == (
        f"{tmp_path} is in no Git repository. Name the files, or leave --changed-since out to check all."
    )


@pytest.mark.parametrize("revision", ["nowhere", "--output=/tmp/x", "", "main:site", "a..b"])
def test_an_unknown_revision_is_said(revision: str, repository_: Repository) -> None:
    assert refused(repository_.content, revision) == (
        f"{revision!r} names no commit. Name a branch, a tag or a commit, or `git fetch`."
    )


def test_a_branch_without_common_ancestor_is_said(repository_: Repository) -> None:
    repository_.git("switch", "-q", "--orphan", "island")
    repository_.write("a.md")
    repository_.commit()
    assert refused(repository_.content, "main") == (
        "'main' and the present commit have no common ancestor. Name another revision."
    )


@pytest.mark.parametrize("revision", ["origin/main~2", "origin/other"])
def test_in_a_shallow_clone_the_remedy_is_to_fetch_more(revision: str, repository_: Repository, tmp_path: Path) -> None:
    repository_.git("branch", "other")
    for name in ("b.md", "c.md"):
        repository_.write(name)
        repository_.commit()
    clone = tmp_path / "clone"
    address = f"file://{repository_.root}"
    repository_.git("clone", "-q", "--depth", "1", "--no-single-branch", address, str(clone))
    said = refused(clone / "site" / "content", revision)
    assert "this clone is shallow. Fetch more: `git fetch --unshallow`" in said
    assert "fetch-depth: 0" in said


def test_a_repository_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert refused(tmp_path, "HEAD").startswith("'HEAD' names no commit.")


def test_without_git_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(tmp_path, "main") == "there is no git on this machine. Install it, or name the files."


def test_without_the_content_directory_that_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path / "content", "main") == f"{tmp_path / 'content'} is not there. Create it."


# Lists and names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"", []),
        (b"a.md\nb c.md\n", ["a.md", "b c.md"]),
        (b"a.md\r\nb.md", ["a.md", "b.md"]),
        (b"a\nb.md\0c.md\0", ["a\nb.md", "c.md"]),
        (b"\xff.md\n", ["\udcff.md"]),
    ],
)
def test_a_list_has_lines_or_nul(text: bytes, names: list[str]) -> None:
    assert listed(text) == names


def test_what_is_named_is_found_below_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tmp_path / "content"
    for name in ("a.md", "news/b.md", "news/c.txt", "..d.md"):
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text("x")
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "link").symlink_to(content)
    monkeypatch.chdir(content)
    named = ["a.md", "../content/news/b.md", tmp_path / "README.md", "gone.md", "..d.md"]
    tree = Tree(content, ["**/*.md"])
    assert below(tree, map(Path, named)) == {"a.md", "news/b.md", "..d.md"}
    assert below(tree, [Path("news")]) == {"news/b.md"}
    assert below(tree, [content]) == {"a.md", "news/b.md"}  # what is hidden is no content
    assert below(tree, [tmp_path / "link" / "a.md"]) == {"a.md"}
    assert below(Tree(tmp_path / "link", ["**/*.md"]), [content / "a.md"]) == {"a.md"}


def test_what_lies_behind_a_link_to_a_folder_counts_where_it_really_lies(tmp_path: Path) -> None:
    content = tmp_path / "content"
    (content / "news").mkdir(parents=True)
    (content / "news" / "b.md").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.md").touch()
    for name, to in (("up", ".."), ("self", "."), ("alias", "news"), ("out", "../elsewhere")):
        (content / name).symlink_to(to)
    tree = Tree(content, ["**/*.md"])

    assert below(tree, [content / "up"]) == set()
    assert below(tree, [content / "up" / "content" / "news"]) == {"news/b.md"}
    assert below(tree, [content / "self", content / "alias"]) == {"news/b.md"}
    assert below(tree, [content / "alias" / "b.md"]) == {"news/b.md"}
    assert below(tree, [content / "out", content / "out" / "c.md"]) == set()

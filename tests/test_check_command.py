"""`feedd check` as hooks and CI use it: for some files alone, in a repository, for GitHub, for programs."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedd.check import check_files
from feedd.checks.kinds import KINDS
from feedd.cli import main
from feedd.config import Config
from feedd.desk import Desk, Record
from feedd.errors import Problem
from feedd.testing import Site, article

GUIDE = (Path(__file__).parent.parent / "config" / "README.md").read_text(encoding="utf-8")
(HOOK,) = re.findall(r"^```sh\n(#!/bin/sh\n.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
(PRE_COMMIT,) = re.findall(r"^ +entry: (feedd check .*)$", GUIDE, re.MULTILINE)
(WORKFLOW,) = re.findall(r"^- run: (feedd check .*)$", GUIDE, re.MULTILINE)
"""What the guide says of hooks and CI: `.git/hooks/pre-commit`, commands of pre-commit and a workflow."""


def here(command: str) -> str:
    """A command of the guide where the configuration lies in a folder."""
    return command.replace("feedd.toml", "site/feedd.toml")


ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@a.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(site: Site, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=site.folder.parent, env=ENVIRONMENT, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site in a folder of a repository, with one sound article that is committed; commands start at its root."""
    site = Site(tmp_path / "site")
    site.story("sound.md", topics=[])
    (tmp_path / ".gitignore").write_text("feeds/\nstate/\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "x"]):
        assert git(site, *arguments).returncode == 0
    monkeypatch.chdir(tmp_path)
    return site


def feedd(*arguments: str, text: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["check", "--config", "site/feedd.toml", *arguments], input=text)


def kinds(*arguments: str, text: bytes | None = None) -> list[tuple[str, str]]:
    """The kind and the file of each problem."""
    result = feedd("--json", *arguments, text=text)
    return [(one["kind"], one["file"]) for one in json.loads(result.stdout)["problems"]]


# Some files


def test_of_named_files_alone_problems_are_told(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    site.write("worse.md", "---\ntitle: x\n")
    result = feedd("site/content/bad.md")

    first, problem, counts = result.stdout.splitlines()
    assert (first, problem.endswith("[no-closing-fence]")) == ("bad.md", True)
    assert counts.startswith("files: 1 broken; problems: 1 error: 1 no-closing-fence.")
    assert result.stderr == ""
    assert result.exit_code == 1
    assert feedd("site/content/sound.md").stdout == "files: 1 article; problems: none\n"


def test_a_folder_stands_for_what_is_in_it(site: Site) -> None:
    site.write("news/bad.md", "---\ntitle: x\n")
    assert kinds("site/content/news") == [("no-closing-fence", "news/bad.md")]
    assert kinds("site/content/sound.md", "site") == []


def test_files_that_are_no_content_are_passed_over(site: Site) -> None:
    assert feedd("site/feedd.toml", ".gitignore").stdout == "files: none; problems: none\n"


def test_a_named_file_that_should_be_content_is_told(site: Site) -> None:
    site.story("a.markdown")
    assert kinds("site/content/a.markdown") == [("not-included", "a.markdown")]


def test_of_names_that_some_systems_take_for_one_the_named_is_told(site: Site) -> None:
    site.story("twin.md", title="One")
    site.story("Twin.md", title="Two")
    assert kinds("site/content/twin.md") == [("twin-names", "twin.md")]
    assert kinds("site/content/sound.md") == []


@pytest.mark.parametrize(
    "text",
    [b"site/content/bad.md\nsite/content/gone.md\n", b"site/content/bad.md\0README.md\0", b"site/content/bad.md"],
    ids=["lines", "nul", "one"],
)
def test_a_list_may_come_from_standard_input(text: bytes, site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    assert kinds("-", text=text) == [("no-closing-fence", "bad.md")]


def test_an_empty_list_is_nothing_but_settings(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    site.configure('[taxonomy]\ntopics = ["nowhere"]\n')
    assert [kind for kind, _ in kinds("-", text=b"")] == ["no-taxonomy"]


def test_for_some_files_nothing_around_is_looked_at(site: Site) -> None:
    site.feeds.write_text("no directory")
    assert kinds("site/content/sound.md") == []
    assert [kind for kind, _ in kinds("--content-only")] == []
    assert "not-writable" in [kind for kind, _ in kinds()]


def test_some_files_need_the_content_directory(site: Site) -> None:
    (site.folder / "content").rename(site.folder / "elsewhere")
    assert [kind for kind, _ in kinds("-", text=b"")] == ["no-content"]


def test_a_configuration_is_looked_at_as_if_it_took_the_place_of_another(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    new = site.folder.parent / "new.toml"
    new.write_text(site.file.read_text())
    arguments = ["check", "--json", "--config", str(new)]
    found = [
        [(one["kind"], one["file"]) for one in json.loads(CliRunner().invoke(main, more).stdout)["problems"]]
        for more in (arguments, [*arguments, "--against", str(site.file)])
    ]
    assert found == [[("no-content", str(new))], [("no-closing-fence", "bad.md")]]


def test_a_configuration_cannot_be_looked_at_against_one_that_is_not_there(site: Site) -> None:
    result = feedd("--against", "feedd.toml")
    assert (result.exit_code, result.stderr) == (2, "feedd: no file 'feedd.toml'. Name one that there is.\n")


# What Git tells


def test_what_was_changed_since_a_revision_is_checked(site: Site) -> None:
    site.write("old.md", "---\ntitle: x\n")
    git(site, "add", "-A")
    git(site, "commit", "-qm", "x")
    site.write("new\nname.md", "---\ntitle: x\n")

    assert kinds("--changed-since", "HEAD") == [("no-closing-fence", "new\nname.md")]
    assert kinds("--changed-since", "HEAD~1") == [("no-closing-fence", "new\nname.md"), ("no-closing-fence", "old.md")]


@pytest.mark.parametrize("revision", ["nowhere", ""])
def test_a_revision_that_git_does_not_know_cannot_be_asked_about(revision: str, site: Site) -> None:
    result = feedd("--changed-since", revision)
    assert result.stderr == f"feedd: {revision!r} names no commit. Name a branch, a tag or a commit, or `git fetch`.\n"
    assert result.exit_code == 2


def test_files_are_named_once(site: Site) -> None:
    result = feedd("--changed-since", "main", "site/content/sound.md")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_a_file_that_is_not_there_cannot_be_asked_about(site: Site) -> None:
    result = feedd("site/content/nowhere.md")
    assert result.stderr == "feedd: no file 'site/content/nowhere.md'. Name one that there is.\n"
    assert result.exit_code == 2


# For GitHub


def test_annotations_name_files_from_the_root_of_the_repository(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("news/bad.md", "---\ntitle: x\n")
    site.configure('[taxonomy]\ntopics = ["nowhere"]\n[output]\ncollections = ["quokka"]\n')
    monkeypatch.chdir(site.folder)
    result = CliRunner().invoke(main, ["check", "--content-only", "--format", "github"])

    assert result.exit_code == 1
    assert [line.partition("::")[2].partition("::")[0] for line in result.stdout.splitlines()] == [
        "error file=site/feedd.toml,line=6,title=feedd%3A no-taxonomy",
        "error file=site/content/news/bad.md,line=1,title=feedd%3A no-closing-fence",
        "warning file=site/feedd.toml,line=8,title=feedd%3A unknown-collection",
    ]
    assert result.stderr.startswith("files: 1 article, 1 broken; problems: 2 errors, 1 warning: ")


def test_a_configuration_that_cannot_be_used_is_annotated(site: Site) -> None:
    site.configure("[output]\nlimitt = 3\n")
    result = feedd("--format", "github")
    assert result.stdout == (
        "::error file=site/feedd.toml,line=6,title=feedd%3A unknown-key::output.limitt: is not a known key."
        " Did you mean limit?\n"
    )
    assert result.exit_code == 78


def test_a_configuration_that_cannot_be_used_is_what_check_finds(site: Site) -> None:
    site.configure("[output]\nlimitt = 3\n")
    result = feedd()
    assert result.stdout == "error: site/feedd.toml:6: output.limitt: is not a known key. Did you mean limit?\n"
    assert (result.exit_code, result.stderr) == (78, "")


def test_a_configuration_that_cannot_be_used_is_told_to_programs(site: Site) -> None:
    site.configure("[output]\nlimitt = 3\n")
    result = feedd("--json")
    assert [one["kind"] for one in json.loads(result.stdout)["problems"]] == ["unknown-key"]
    assert (result.exit_code, result.stderr) == (78, "")


def test_without_a_repository_annotations_name_files_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "plain")
    site.write("bad.md", "---\ntitle: x\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check", "-c", "plain/feedd.toml", "--content-only", "--format", "github"])
    assert result.stdout.startswith("::error file=plain/content/bad.md,line=1,")


# Kinds and exit codes


def test_kinds_are_listed_with_what_they_mean(site: Site) -> None:
    result = CliRunner().invoke(main, ["check", "--kinds"])
    assert result.exit_code == 0
    for about, listed in KINDS.items():
        assert f"{about}\n" in result.stdout
        for kind, what in listed.items():
            assert any(line.split(None, 1) == [kind, what] for line in result.stdout.splitlines())


def test_a_kind_that_is_ignored_neither_shows_nor_fails(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    site.story("naive.md", title="N", publishedDateTime="2024-05-01 08:00")
    arguments = ["--content-only", "--strict"]
    assert feedd(*arguments).exit_code == 1
    assert feedd(*arguments, "--ignore", "naive-date").exit_code == 1
    assert feedd(*arguments, "--ignore", "naive-date, no-closing-fence").exit_code == 0
    assert kinds(*arguments, "--ignore", "naive-date", "--ignore", "no-closing-fence") == []


def test_a_kind_that_there_is_not_cannot_be_ignored(site: Site) -> None:
    result = feedd("--ignore", "naive-dates")
    assert result.stderr == "feedd: 'naive-dates' is no kind of problem. Did you mean naive-date?\n"
    assert result.exit_code == 2


def _suggest(site: Site) -> None:
    site.story("sound.md", webUrl="http://source.example/sound")


def _warn(site: Site) -> None:
    site.story("sound.md", publishedDateTime="2024-05-01 08:00")


def _fail(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")


@pytest.mark.parametrize(
    ("make", "code", "strict"), [(_suggest, 0, 0), (_warn, 0, 1), (_fail, 1, 1)], ids=["suggestion", "warning", "error"]
)
def test_errors_fail_and_if_strict_warnings_too(
    make: Callable[[Site], None], code: int, strict: int, site: Site
) -> None:
    make(site)
    assert feedd("--content-only").exit_code == code
    assert feedd("--content-only", "--strict").exit_code == strict


# In a hook


def committed(site: Site) -> "subprocess.CompletedProcess[str]":
    git(site, "add", "-A")
    return git(site, "commit", "-m", "an article")


@pytest.fixture
def hooked(site: Site) -> Site:
    """The site, with a hook in its repository."""
    hook = site.folder.parent / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(here(HOOK))
    hook.chmod(0o755)
    return site


def test_a_hook_refuses_a_bad_article_and_lets_a_good_one_pass(hooked: Site) -> None:
    hooked.write("news/new.md", article("New", publishedDateTime="2024-02-30"))
    refused = committed(hooked)
    assert refused.returncode == 1
    assert "news/new.md\n  4  error       publishedDateTime: '2024-02-30'" in refused.stderr
    assert git(hooked, "log", "--oneline").stdout.count("\n") == 1

    hooked.write("news/new.md", article("New"))
    passed = committed(hooked)
    assert passed.returncode == 0
    assert "files: 1 article; problems: none\n" in passed.stderr  # where Git puts what hooks say
    assert git(hooked, "status", "--porcelain").stdout == ""


@pytest.mark.parametrize(
    "afterwards", [lambda path: path.write_text(article("New")), Path.unlink], ids=["mended", "gone"]
)
def test_a_hook_refuses_what_is_staged_whatever_the_working_copy_holds(
    afterwards: Callable[[Path], object], hooked: Site
) -> None:
    hooked.write("news/new.md", article("New", publishedDateTime="2024-02-30"))
    git(hooked, "add", "-A")
    afterwards(hooked.content / "news" / "new.md")
    refused = git(hooked, "commit", "-m", "an article")
    assert refused.returncode == 1
    assert "news/new.md\n  4  error       publishedDateTime: '2024-02-30'" in refused.stderr


def test_a_hook_does_not_mind_what_is_not_staged(hooked: Site) -> None:
    hooked.write("news/new.md", article("New"))
    git(hooked, "add", "-A")
    hooked.write("news/new.md", article("New", publishedDateTime="2024-02-30"))
    passed = git(hooked, "commit", "-m", "an article")
    assert passed.returncode == 0
    assert "files: 1 article; problems: none\n" in passed.stderr


def test_a_hook_leaves_no_copy(hooked: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = tmp_path / ".git" / "copies"
    copies.mkdir()
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(copies))
    hooked.write("news/new.md", article("New", publishedDateTime="2024-02-30"))
    assert committed(hooked).returncode == 1
    assert list(copies.iterdir()) == []


def test_a_hook_refuses_a_second_article_of_one_name(hooked: Site) -> None:
    hooked.story("elsewhere/sound.md", title="Another")
    refused = committed(hooked)
    assert refused.returncode == 1
    assert "[duplicate-id]" in refused.stderr


def test_a_hook_does_not_mind_what_is_wrong_elsewhere_or_gone(hooked: Site) -> None:
    hooked.write("bad.md", "---\ntitle: x\n")
    assert git(hooked, "add", "-A").returncode == 0
    assert git(hooked, "commit", "-qm", "x", "--no-verify").returncode == 0
    hooked.story("fine.md", title="Fine")
    (hooked.content / "sound.md").unlink()
    assert committed(hooked).returncode == 0


def test_the_command_for_pre_commit_takes_files(site: Site) -> None:
    site.write("bad.md", "---\ntitle: x\n")
    arguments = [*shlex.split(here(PRE_COMMIT))[1:], "site/content/bad.md", "site/content/sound.md"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "bad.md")
    assert CliRunner().invoke(main, [*arguments[:-2], "site/content/sound.md"]).exit_code == 0


def test_the_command_of_a_workflow_annotates_what_a_branch_changed(site: Site, tmp_path: Path) -> None:
    site.write("before.md", "---\ntitle: x\n")
    git(site, "add", "-A")
    git(site, "commit", "-qm", "x")
    clone = tmp_path / "clone"
    git(site, "clone", "-q", str(tmp_path), str(clone))
    Site.copied(site.folder, clone / "site").write("bad.md", "---\ntitle: x\n")
    environment = {**ENVIRONMENT, "GITHUB_BASE_REF": "main"}
    done = subprocess.run(
        here(WORKFLOW), shell=True, cwd=clone, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert [line.partition("::title")[0].partition(",")[0] for line in done.stdout.splitlines()] == [
        "::error file=site/content/bad.md"
    ]


class Noting(Desk):
    """A desk that notes which files it reads as articles."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, thorough=True)
        self.read: list[str] = []

    def record(self, path: str) -> Record | Problem | None:
        self.read.append(path)
        return super().record(path)


def test_of_many_files_only_those_are_read_as_articles_that_are_asked_for_or_may_clash(site: Site) -> None:
    for number in range(300):
        site.story(f"many/{number:03}.md", webUrl=f"https://source.example/tale-{number:03}")
    site.story("many/other.md", webUrl="https://www.source.example/tale-007/")
    desk = Noting(site.config)

    problems, _ = check_files(desk, site.file, ["many/007.md"], site.now)

    assert set(desk.read) == {"many/007.md", "many/other.md"}
    assert [problem.kind for problem in problems if problem.file == "many/007.md"] == ["duplicate-story"]

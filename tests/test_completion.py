"""What the tab key is offered, as the shells are told it, and at what price (tests/test_shells.py asks real shells)."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from feedd.checks.kinds import KINDS
from feedd.cli import main
from feedd.commands.names import file_names
from feedd.testing import UNMEASURED, Site

MINE = '[[feed]]\nname = "mine"\ntopics = ["Nothing yet"]\n'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A built site with two articles and a feed of one's own."""
    site = Site(tmp_path, MINE)
    site.story("news/moonrise.md", topics=["Night Sky"])
    site.story("sea.md", topics=["Sea"])
    site.write("notes.txt", "x")
    site.build()
    return site


def offered(site: Site, *words: str) -> list[tuple[str, str]]:
    """Kinds and values that complete the last word."""
    with contextlib.chdir(site.folder):
        items = ShellComplete(main, {}, "feedd", "_FEEDD_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [(item.type, item.value) for item in items]


def values(site: Site, *words: str) -> list[str]:
    return [value for kind, value in offered(site, *words) if kind == "plain"]


def test_kinds_of_problems_are_offered(site: Site) -> None:
    assert values(site, "check", "--ignore", "naive") == ["naive-date"]
    assert values(site, "check", "--ignore", "") == sorted(name for kinds in KINDS.values() for name in kinds)


def test_of_several_kinds_the_last_is_completed_with_those_that_are_not_named_yet(site: Site) -> None:
    assert values(site, "check", "--ignore", "old-date,na") == ["old-date,naive-date"]
    assert values(site, "check", "--ignore", "naive-date,na") == []


def test_names_of_articles_are_offered_beside_paths(site: Site) -> None:
    assert offered(site, "explain", "") == [("file", ""), ("plain", "moonrise.md"), ("plain", "sea.md")]
    assert values(site, "explain", "moo") == ["moonrise.md"]


@pytest.mark.parametrize("begun", ["content/n", "con", "./s", "x"])
def test_a_path_is_completed_by_the_shell_alone(begun: str, site: Site) -> None:
    assert offered(site, "explain", begun) == [("file", begun)]


def test_of_more_articles_than_are_looked_at_none_is_offered(site: Site) -> None:
    """A shell would take what the first of them have in common for what all have."""
    assert file_names(site.config, "", most=2) == {"moonrise.md", "sea.md"}
    assert file_names(site.config, "", most=1) == set()


def test_only_what_nothing_may_ask_for_is_offered_to_be_pruned(site: Site) -> None:
    site.configure(f"{MINE}[pages]\n")
    site.build()
    assert values(site, "prune", "") == []
    site.story("sea.md", topics=["Night Sky"])
    site.build()
    assert values(site, "prune", "") == ["topics/sea"]
    site.configure('[output]\nformats = ["atom", "json"]\n[pages]\n')
    site.build()
    assert values(site, "prune", "") == [".rss", "mine", "topics/sea"]


def test_without_a_list_of_feeds_all_are_offered_to_be_pruned(site: Site) -> None:
    assert values(site, "prune", "topics/") == ["topics/night-sky", "topics/sea"]


@pytest.mark.parametrize("words", [("diff",), ("explain", "--feed"), ("explain", "sea.md")])
def test_feeds_are_offered_wherever_one_is_named(words: tuple[str, ...], site: Site) -> None:
    assert values(site, *words, "topics/") == ["topics/night-sky", "topics/sea"]


@pytest.mark.parametrize("words", ["check --ignore ", "explain ", "prune ", "diff ", "explain --feed "])
def test_nothing_is_offered_and_nothing_said_where_the_configuration_is_wrong(words: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.file.write_text("[site\n", encoding="utf-8")
    assert words.startswith("check") or values(site, *words.split(" ")) == []


@pytest.mark.parametrize("words", ["explain ", "prune ", "diff ", "check --ignore "])
def test_completion_imports_neither_state_nor_server_nor_templates(words: str, site: Site) -> None:
    heavy = ["sqlite3", "yaml", "jinja2", "asyncio", "lxml.etree", "feedd.pipeline"]
    code = (
        "import sys; from click.shell_completion import ShellComplete; from feedd.cli import main;"
        f" ShellComplete(main, {{}}, 'feedd', 'X').get_completions({words.split(' ')[:-1]}, '');"
        f" print(*[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site.folder, env={**os.environ, **UNMEASURED}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "\n"

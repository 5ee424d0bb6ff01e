"""Files: names that no two should have, and files that look like articles though no pattern takes them."""

import os
from pathlib import Path

import pytest

from feedd.checks.files import folders, lookalikes, strays, twins
from feedd.content.source import tree_of
from feedd.errors import Problem
from feedd.testing import Site, article


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.md", "b.md"], []),
        (["A.md", "a.md"], ["a.md"]),
        (["News/a.md", "news/a.md", "news/b.md"], ["news/a.md"]),
        (["caf\u00e9.md", "cafe\u0301.md"], ["caf\u00e9.md"]),
        (["STRASSE.md", "stra\u00dfe.md"], ["stra\u00dfe.md"]),
        (["a.md", "A.md", "a.MD"], ["a.MD", "a.md"]),
    ],
    ids=["others", "capitals", "folder", "accents", "folded", "three"],
)
def test_names_that_some_systems_take_for_one(paths: list[str], found: list[str]) -> None:
    assert [one.file for one in twins(paths)] == found


def test_how_names_differ_is_said() -> None:
    (capitals,), (accents,) = list(twins(["a.md", "A.md"])), list(twins(["caf\u00e9.md", "cafe\u0301.md"]))
    assert "in capitals alone" in capitals.what
    assert "in the way accents are written" in accents.what


def not_included(site: Site) -> list[Problem]:
    tree = tree_of(site.config)
    return list(lookalikes(tree, strays(site.config, tree)))


def test_all_that_end_alike_are_one_problem(site: Site) -> None:
    for name in ("a.markdown", "news/b.markdown", "c.txt", "d"):
        site.write(name, article("x"))
    assert [(one.file, one.what.partition(" takes it")[2]) for one in not_included(site)] == [
        ("a.markdown", ", as do 1 more that end in .markdown"),
        ("c.txt", ""),
        ("d", ""),
    ]


def test_hugo_s_dates_make_a_file_look_like_an_article(site: Site) -> None:
    site.write("a.markdown", "---\ntitle: A\npublishDate: 2024-05-01\n---\n")
    assert [one.file for one in not_included(site)] == ["a.markdown"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", article("x")),
        (".a.markdown", article("x")),
        ("_data/a.markdown", article("x")),
        ("drafts/a.markdown", article("x")),
        ("a.png", article("x")),
        ("note.txt", "Just a note."),
        ("layout.html", "---\nlayout: default\ntitle: x\n---\n<html>"),
        ("empty.txt", ""),
        ("binary.txt", "\0" * 100),
    ],
    ids=["content", "hidden", "left-out", "excluded", "picture", "note", "layout", "empty", "binary"],
)
def test_what_is_meant_so_is_no_problem(name: str, text: str, site: Site) -> None:
    site.configure('[content]\nexclude = ["**/_data/**", "drafts/*"]\n')
    site.write(name, text)
    assert not_included(site) == []


def test_a_named_pipe_is_not_waited_for(site: Site) -> None:
    os.mkfifo(site.content / "pipe.txt")
    assert not_included(site) == []


def test_folders_are_those_that_content_may_lie_in(site: Site) -> None:
    for name in ("a/b/c.md", "_data/d.md", ".git/e.md", "node_modules/f.md", "g/h.png"):
        site.write(name, "x")
    (site.content / "link").symlink_to(site.content / "a")
    assert sorted(folders(tree_of(site.config))) == ["", "a/", "a/b/", "g/"]

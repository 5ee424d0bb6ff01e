"""The command `explain`: what it says of articles that are hard to find, and of feeds with many near misses."""

import contextlib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedd.cli import main
from feedd.named import find_unmatched
from feedd.testing import Site

NAMES = ["news/story-1.md", "story-1.md", "story-1", "tag:news.example,2020:articles/story-1"]
IDS = ["path", "file name", "stem", "id"]


def explain(site: Site, *arguments: str) -> Result:
    """The command in this process. A bug, which is an exception other than the exit, is raised."""
    command = ("explain", "--config", str(site.file), *arguments)
    return CliRunner().invoke(main, command, catch_exceptions=False)


def built(folder: Path, count: int) -> Site:
    """A site with so many articles in its feeds."""
    site = Site(folder)
    for number in range(count):
        site.story(f"news/story-{number}.md", topics=["AI"])
    site.build()
    return site


def words(result: Result) -> list[str]:
    """The lines, one space between words."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


# An article whose file is gone


@pytest.mark.parametrize("named", NAMES, ids=IDS)
def test_what_the_guard_keeps_is_found_and_what_to_do_is_said(named: str, tmp_path: Path) -> None:
    site = built(tmp_path, 12)
    for path in site.content.rglob("*.md"):
        path.unlink()
    result = explain(site, named)

    assert result.exit_code == 0
    said = words(result)
    assert said[0] == "news/story-1.md tag:news.example,2020:articles/story-1"
    kept = "the file is gone; the guard keeps the article in the feeds, since too many would leave at once"
    assert any(line.startswith(f"yes guard {kept}") for line in said)
    assert "Put the file back, or let it go: `feedd approve`." in said
    assert [line for line in said if line.endswith(": in")] == [
        "all: in",
        "providers/source.example: in",
        "topics/ai: in",
    ]


@pytest.mark.parametrize("named", NAMES, ids=IDS)
def test_what_the_feeds_still_show_is_found_though_a_run_would_take_it_out(named: str, tmp_path: Path) -> None:
    """A daemon may keep it in the feeds, since it counts what left just before."""
    site = built(tmp_path, 12)
    (site.content / "news/story-1.md").unlink()
    result = explain(site, named)

    assert result.exit_code == 0
    said = words(result)
    assert said[0] == "news/story-1.md tag:news.example,2020:articles/story-1"
    assert (
        "yes file the file is gone; the article stays in the feeds until the next run, and longer if the guard keeps it"
        in said
    )
    assert "Put the file back to keep it; `feedd approve` lists, and lets go, what the guard keeps." in said
    assert [line for line in said if line.endswith(": in")] == [
        "all: in",
        "providers/source.example: in",
        "topics/ai: in",
    ]
    assert [line for line in words(explain(site, named, "topics/ai")) if "in" in line.split()[1:2]] == ["topics/ai: in"]


@pytest.mark.parametrize("named", NAMES[1:], ids=IDS[1:])
def test_of_what_left_the_feeds_the_moment_is_told(named: str, tmp_path: Path) -> None:
    site = built(tmp_path, 12)
    (site.content / "news/story-1.md").unlink()
    site.build()
    result = explain(site, named)

    assert result.exit_code == 0
    assert words(result) == [
        "tag:news.example,2020:articles/story-1",
        "no file the file is gone; the article left the feeds at 2024-06-01T12:00:00Z",
    ]


def test_a_content_directory_that_is_gone_keeps_every_article(tmp_path: Path) -> None:
    site = built(tmp_path, 2)
    site.content.rename(tmp_path / "elsewhere")
    said = words(explain(site, "story-1"))

    assert any("the content cannot be listed: No such file or directory" in line for line in said)
    assert "Restore the content directory." in said
    assert "all: in" in said


def test_a_name_that_nothing_ever_had_is_refused(tmp_path: Path) -> None:
    result = explain(built(tmp_path, 1), "story-9")

    assert result.exit_code == 2
    assert "no article 'story-9' below" in result.stderr


# A file that is no article


@pytest.mark.parametrize("named", ["c18-case.MD", "c18-case", "deep/c18-case.MD", "./content/deep/c18-case.MD"])
def test_a_file_that_the_configuration_does_not_ask_for_is_found_by_its_name(named: str, tmp_path: Path) -> None:
    site = built(tmp_path, 1)
    site.write("deep/c18-case.MD", "x")
    with contextlib.chdir(tmp_path):
        result = explain(site, named)

    assert result.exit_code == 0
    assert words(result)[0] == "deep/c18-case.MD"
    assert words(result)[1].startswith("no content is not matched by content.include: **/*.md")


def test_a_feed_is_meant_rather_than_a_file_that_is_no_article(tmp_path: Path) -> None:
    site = built(tmp_path, 1)
    site.write("all.txt", "x")

    assert words(explain(site, "all"))[0] == "all Example News"


def test_the_search_for_a_file_by_its_name_ends(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").touch()

    assert find_unmatched(tmp_path, "7") == "7.txt"
    assert find_unmatched(tmp_path, "7", most=0) is None

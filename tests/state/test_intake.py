"""Intake: ids over renames and moves, files that claim one id, and what stays of a file that is broken."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from feedd.errors import Problem
from feedd.testing import Site

HOUR = 3600
BROKEN = "---\ntitle: [\n---\n"
SETTINGS = '[output]\nformats = ["json"]\n[[collection]]\nname = "news"\nfolders = ["news"]\n'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with JSON feeds only, where nothing lies below `news` yet."""
    return Site(tmp_path, SETTINGS)


def ids(site: Site) -> dict[str, str]:
    """The ids in the feed of all, without what they have in common, by title."""
    return {item["title"]: item["id"].removeprefix("tag:news.example,2020:") for item in site.items()}


def move(site: Site, old: str, new: str) -> None:
    (site.content / new).parent.mkdir(parents=True, exist_ok=True)
    (site.content / old).rename(site.content / new)


def problems(site: Site) -> list[Problem]:
    """What is wrong with the content, as of the last run."""
    pipeline = site.pipeline()
    try:
        return pipeline.problems()
    finally:
        pipeline.close()


# Renames and moves


def test_id_comes_from_collection_and_file_name(site: Site) -> None:
    site.story("2024/a-story.md", "A")
    site.story("news/b.md", "B")
    site.story("c.md", "C", category="Press Releases")
    site.story("d.md", "D", guid="urn:d")
    site.build()

    assert ids(site) == {"A": "articles/a-story", "B": "news/b", "C": "press-releases/c", "D": "urn:d"}


def test_rename_within_one_run_keeps_the_id_and_is_no_news(site: Site) -> None:
    site.story("old.md", "Story")
    site.build()
    before = site.documents()

    move(site, "old.md", "new.md")
    site.now += HOUR
    report = site.build()

    assert ids(site) == {"Story": "articles/old"}
    assert report.written == ()
    assert site.documents() == before


def test_renamed_article_keeps_its_id_ever_after(site: Site) -> None:
    site.story("old.md", "Story")
    site.build()
    move(site, "old.md", "new.md")
    site.build()

    site.story("new.md", "Retold", webUrl="https://elsewhere.example/")
    site.build()
    assert ids(site) == {"Retold": "articles/old"}

    (site.content / "new.md").unlink()
    site.build()
    site.story("new.md", "Restored")
    site.build()
    assert ids(site) == {"Restored": "articles/old"}


def test_rename_with_an_edit_keeps_the_id_if_the_link_stays(site: Site) -> None:
    site.story("old.md", "Story", webUrl="https://www.source.example/story/?utm_source=x")
    site.build()

    (site.content / "old.md").unlink()
    site.story("sub/new.md", "Retold", webUrl="https://source.example/story")
    site.build()

    assert ids(site) == {"Retold": "articles/old"}


def test_new_file_with_another_story_is_another_article(site: Site) -> None:
    site.story("old.md", "Story")
    site.build()

    (site.content / "old.md").unlink()
    site.story("new.md", "Other")
    site.build()

    assert ids(site) == {"Other": "articles/new"}


def test_rename_that_two_runs_see_is_a_new_article(site: Site) -> None:
    text = site.story("old.md", "Story").read_bytes()
    site.story("stays.md", "Stays")
    site.build()
    (site.content / "old.md").unlink()
    site.build()
    site.write("new.md", text)
    site.build()

    assert ids(site) == {"Story": "articles/new", "Stays": "articles/stays"}


def test_rename_of_what_nobody_saw_gives_the_new_name(site: Site) -> None:
    site.story("old.md", "Story", published=False)
    site.build()
    move(site, "old.md", "new.md")
    site.build()
    site.story("new.md", "Story")
    site.build()

    assert ids(site) == {"Story": "articles/new"}


def test_guid_wins_over_the_name_a_rename_leaves(site: Site) -> None:
    site.story("old.md", "Story")
    site.build()
    (site.content / "old.md").unlink()
    site.story("new.md", "Story", guid="urn:story")
    site.build()

    assert ids(site) == {"Story": "urn:story"}


@pytest.mark.parametrize("target", ["2024/06/story.md", "news/story.md", "news/renamed.md"])
def test_move_between_folders_keeps_the_id(site: Site, target: str) -> None:
    site.story("story.md", "Story")
    site.build()
    move(site, "story.md", target)
    site.build()

    assert ids(site) == {"Story": "articles/story"}


def test_change_of_category_at_the_same_path_keeps_the_id(site: Site) -> None:
    site.story("story.md", "Story", category="news")
    site.build()
    for category in ("letters", "press", "news"):
        site.story("story.md", "Story", category=category)
        site.build()
        assert ids(site) == {"Story": "news/story"}


def test_rename_and_change_of_category_keep_the_id(site: Site) -> None:
    site.story("story.md", "Story", category="news")
    site.build()
    (site.content / "story.md").unlink()
    site.story("told.md", "Told", webUrl="https://source.example/story", category="letters")
    site.build()

    assert ids(site) == {"Told": "news/story"}


def test_new_file_under_the_old_name_gets_the_id_of_that_name(site: Site) -> None:
    """Else two articles would claim it, and a fresh start would show others."""
    site.story("old.md", "Story")
    site.build()
    move(site, "old.md", "new.md")
    site.build()

    site.story("old.md", "Another")
    site.build()

    assert ids(site) == {"Story": "articles/new", "Another": "articles/old"}
    assert problems(site) == []


def test_rename_and_back_keeps_the_id(site: Site) -> None:
    site.story("old.md", "Story")
    site.build()
    move(site, "old.md", "new.md")
    site.build()
    move(site, "new.md", "old.md")
    site.build()
    assert ids(site) == {"Story": "articles/old"}

    site.story("new.md", "Another")
    site.build()
    assert ids(site) == {"Story": "articles/old", "Another": "articles/new"}


def test_name_in_between_is_free_again_after_a_second_rename(site: Site) -> None:
    site.story("a.md", "Story")
    site.build()
    move(site, "a.md", "b.md")
    site.build()
    move(site, "b.md", "c.md")
    site.build()
    assert ids(site) == {"Story": "articles/a"}

    site.story("b.md", "Another")
    site.build()
    assert ids(site) == {"Story": "articles/a", "Another": "articles/b"}
    assert problems(site) == []


@pytest.mark.parametrize("together", [True, False], ids=["in one run", "one by one"])
def test_both_names_of_a_rename_can_be_used_again(site: Site, together: bool) -> None:
    site.story("stays.md", "Stays")
    site.story("a.md", "Story")
    site.build()
    move(site, "a.md", "b.md")
    site.build()
    (site.content / "b.md").unlink()
    site.build()

    site.story("a.md", "New A")
    if not together:
        site.build()
    site.story("b.md", "New B")
    site.build()

    assert ids(site) == {"Stays": "articles/stays", "New A": "articles/a", "New B": "articles/b"}
    assert problems(site) == []


def test_each_of_a_row_of_renames_gives_way_when_the_first_name_is_used_again(site: Site) -> None:
    for title in "abc":
        site.story(f"{title}.md", title.upper())
    site.build()
    for old, new in ("ab", "bc", "cd"):
        move(site, f"{old}.md", f"folder/{new}.md")
    site.build()
    assert ids(site) == {"A": "articles/a", "B": "articles/b", "C": "articles/c"}
    site.story("a.md", "New")
    site.build()

    assert ids(site) == {"New": "articles/a", "A": "articles/b", "B": "articles/c", "C": "articles/d"}
    assert problems(site) == []


def test_one_of_two_files_of_a_story_that_leave_hands_on_its_id(site: Site) -> None:
    site.story("a.md", "Story", publishedDateTime="2024-05-01T08:00:00Z")
    site.story("b.md", "Story", publishedDateTime="2024-05-02T08:00:00Z")
    site.build()
    assert ids(site) == {"Story": "articles/a"}

    (site.content / "a.md").unlink()
    (site.content / "b.md").unlink()
    site.story("c.md", "Story")
    site.build()

    assert ids(site) == {"Story": "articles/a"}


def test_renames_are_seen_through_hints_too(site: Site) -> None:
    site.story("old.md", "Story")
    site.story("other.md", "Other")
    pipeline = site.pipeline()
    pipeline.run(site.now)
    move(site, "old.md", "new.md")
    pipeline.run(site.now, hints=["new.md", "old.md"])
    pipeline.close()

    assert ids(site) == {"Story": "articles/old", "Other": "articles/other"}


# Two files with one id


def doubled(site: Site) -> None:
    site.story("a/story.md", "First", webUrl="https://source.example/first")
    site.story("b/story.md", "Second", webUrl="https://source.example/second")


def test_of_two_files_with_one_id_the_first_path_keeps_it_and_both_are_named(site: Site) -> None:
    doubled(site)
    site.build()

    assert site.titles() == ["First"]
    [problem] = problems(site)
    assert (problem.kind, problem.file) == ("duplicate-id", "b/story.md")
    assert "a/story.md" in problem.what
    assert "tag:news.example,2020:articles/story" in problem.what


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")], ids=["first came first", "first came last"])
def test_first_path_keeps_the_id_whenever_it_came(site: Site, order: tuple[str, str]) -> None:
    for folder in order:
        site.story(f"{folder}/story.md", folder.upper(), webUrl=f"https://source.example/{folder}")
        site.build()

    assert site.titles() == ["A"]


def test_second_takes_over_when_the_first_goes(site: Site) -> None:
    doubled(site)
    site.build()
    (site.content / "a/story.md").unlink()
    site.build()

    assert site.titles() == ["Second"]
    assert problems(site) == []

    site.story("a/story.md", "First", webUrl="https://source.example/first")
    site.build()
    assert site.titles() == ["First"]


def test_second_that_moves_to_another_category_has_an_id_of_its_own(site: Site) -> None:
    doubled(site)
    site.build()
    site.story("b/story.md", "Second", webUrl="https://source.example/second", category="news")
    site.build()

    assert ids(site) == {"First": "articles/story", "Second": "news/story"}
    assert problems(site) == []


def test_first_keeps_the_id_though_it_is_not_published(site: Site) -> None:
    doubled(site)
    site.story("a/story.md", "First", webUrl="https://source.example/first", published=False)
    site.build()

    assert site.titles() == []
    assert len(problems(site)) == 1


def test_doubled_guid_is_a_doubled_id(site: Site) -> None:
    site.story("a.md", "A", guid="urn:one")
    site.story("b.md", "B", guid="urn:one")
    site.build()

    assert site.titles() == ["A"]


# Broken by an edit


def broken(site: Site) -> None:
    site.story("story.md", "Story", topics=["AI"])
    site.build()
    site.write("story.md", BROKEN)


def test_last_good_version_stays_when_an_edit_breaks_the_file(site: Site) -> None:
    broken(site)
    site.now += HOUR
    report = site.build()

    assert report.written == ()
    assert site.titles() == ["Story"]


def test_broken_file_is_reported_until_it_is_mended(site: Site) -> None:
    broken(site)
    site.build()
    assert [problem.file for problem in problems(site)] == ["story.md"]
    site.build()
    assert [problem.file for problem in problems(site)] == ["story.md"]

    site.story("story.md", "Mended", topics=["AI"])
    site.build()
    assert problems(site) == []
    assert site.titles() == ["Mended"]


def another_version(site: Site) -> None:
    with sqlite3.connect(site.state / "feedd.sqlite3") as state:
        state.execute("UPDATE meta SET value = '0.0.1' WHERE name IN ('parsing', 'settings')")
    state.close()


CHANGES: dict[str, Callable[[Site], object]] = {
    "a restart": lambda site: None,
    "another version of feedd": another_version,
    "other settings": lambda site: site.configure(SETTINGS + '[content]\ntimezone = "Europe/Berlin"\n'),
    "a change of the broken file": lambda site: site.write("story.md", "---\ntitle: {\n---\n"),
    "an empty file": lambda site: site.write("story.md", ""),
    "a blank file": lambda site: site.write("story.md", "  \n"),
    "a torn file": lambda site: site.write("story.md", "---\ntitle: Torn\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_last_good_version_survives(site: Site, change: Callable[[Site], object]) -> None:
    broken(site)
    site.build()
    before = site.documents()

    change(site)
    site.now += HOUR
    site.build()
    site.build()

    assert site.documents() == before


ENDS: dict[str, Callable[[Site], object]] = {
    "unpublished": lambda site: site.write("story.md", "---\ntitle: [\npublished: false\n---\n"),
    "published as text": lambda site: site.write("story.md", '---\ntitle: [\npublished: "true"\n---\n'),
    "deleted": lambda site: site.write("story.md", "---\ndeleted: true\ntitle: [\n---\n"),
    "removed": lambda site: site.write("story.md", "---\nremoved: true\ntitle: [\n---\n"),
    "file gone": lambda site: (site.content / "story.md").unlink(),
    "no front matter any more": lambda site: site.write("story.md", "A note.\n"),
    "renamed": lambda site: move(site, "story.md", "renamed.md"),
}


@pytest.mark.parametrize("again", [False, True], ids=["when it breaks", "after it broke"])
@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_last_good_version_goes(site: Site, end: Callable[[Site], object], again: bool) -> None:
    broken(site)
    if again:
        site.build()
    end(site)
    site.story("other.md", "Other")
    site.build()

    assert site.titles() == ["Other"]
    assert site.titles("topics/ai") == ["Other"]


def test_article_that_left_broken_stays_away_until_it_is_mended(site: Site) -> None:
    broken(site)
    site.write("story.md", "---\ntitle: [\npublished: false\n---\n")
    site.build()
    site.write("story.md", BROKEN)
    site.build()
    assert site.titles() == []

    site.story("story.md", "Mended")
    site.build()
    assert ids(site) == {"Mended": "articles/story"}


def test_never_good_file_is_left_out(site: Site) -> None:
    site.write("story.md", BROKEN)
    site.story("other.md", "Other")
    site.build()

    assert site.titles() == ["Other"]
    assert [problem.file for problem in problems(site)] == ["story.md"]


def test_files_without_front_matter_are_counted_and_no_problem(site: Site) -> None:
    site.write("note.md", "Just a note.\n")
    site.write("empty.md", "")
    site.story("story.md")
    site.write("broken.md", BROKEN)
    site.build()

    pipeline = site.pipeline()
    assert pipeline.index.states() == {"article": 1, "broken": 1, "empty": 1, "skipped": 1}
    assert [problem.file for problem in pipeline.problems()] == ["broken.md"]
    pipeline.close()


def test_file_that_cannot_be_read_keeps_what_was_known_of_it(site: Site) -> None:
    """A symbolic link that leads to itself is there and cannot be opened."""
    site.story("story.md", "Story")
    site.story("other.md", "Other")
    site.build()
    (site.content / "story.md").unlink()
    (site.content / "story.md").symlink_to("story.md")

    for _ in range(2):
        report = site.build()
        assert [(problem.kind, problem.file) for problem in report.problems] == [("unreadable", "story.md")]
        assert sorted(site.titles()) == ["Other", "Story"]

    (site.content / "story.md").unlink()
    assert site.build().problems == ()
    assert site.titles() == ["Other"]

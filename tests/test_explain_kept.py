"""What `explain` says where the feeds have something else than the files: what is kept, and what is yet to be built."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedd.cli import main
from feedd.testing import Site

SMALL_GUARD = "[guard]\nfraction = 0\ncount = 0\n"


def explain(site: Site, *arguments: str) -> Result:
    command = ("explain", "--config", str(site.file), *arguments)
    return CliRunner().invoke(main, command, catch_exceptions=False)


def verdicts(site: Site, *arguments: str) -> list[dict[str, object]]:
    """All verdicts, those of feeds too."""
    told = json.loads(explain(site, *arguments, "--json").stdout)
    return [*told["article"], *(one for feed in told["feeds"].values() for one in feed)]


def line_of(site: Site, path: str, key: str) -> int:
    lines = (site.content / path).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:"))


@pytest.fixture
def guarded(tmp_path: Path) -> Site:
    site = Site(tmp_path, SMALL_GUARD)
    site.story("a.md", "First", topics=["AI"], heat=3)
    site.build()
    return site


EDITS: list[tuple[dict[str, object], str, str]] = [
    ({"published": False}, "published is not true", "published"),
    ({"removed": True}, "deleted or removed is true", "removed"),
    ({"publishedDateTime": "2099-01-01T00:00:00Z"}, "under embargo until 2099-01-01", "publishedDateTime"),
    ({"expiryDate": "2024-01-02T00:00:00Z"}, "expired at 2024-01-02", "expiryDate"),
]


@pytest.mark.parametrize(("edit", "why", "key"), EDITS, ids=[edit[2] for edit in EDITS])
def test_the_guard_says_why_an_article_would_leave_and_where(
    edit: dict[str, object], why: str, key: str, guarded: Site
) -> None:
    guarded.story("a.md", "First", **{"topics": ["AI"], "heat": 3, **edit})
    [guard] = [one for one in verdicts(guarded, "a.md") if one["rule"] == "guard"]

    assert f"it would leave, since {why}" in str(guard["says"])
    assert str(guard["value"]).startswith(why)
    assert (guard["file"], guard["field"], guard["line"]) == ("a.md", key, line_of(guarded, "a.md", key))


def test_what_the_guard_keeps_is_not_said_to_be_written_in_the_file(guarded: Site) -> None:
    guarded.story("a.md", "First", topics=["Robots"], heat=1, published=False)
    said = explain(guarded, "a.md", "topics/ai").stdout

    found = [one for one in verdicts(guarded, "a.md", "topics/ai") if one["rule"] != "guard"]
    assert all(one["line"] is None for one in found if one["file"] == "a.md")
    published = next(one for one in found if one["rule"] == "published")
    assert (published["passes"], published["says"]) == (True, "published was true")
    assert published["note"] == "as the guard keeps it; the file may say something else now"
    assert "a.md: published (as the guard keeps it; the file may say something else now)" in said
    assert "a.md: topics (as the guard keeps it; the file may say something else now)" in said


@pytest.mark.parametrize("published", [True, False])
def test_what_was_last_good_is_not_said_to_be_written_in_a_broken_file(published: bool, guarded: Site) -> None:
    guarded.story("b.md", "Second", topics=["AI"], published=published)
    guarded.build()
    text = guarded.story("b.md", "Second", topics=["Robots"], published=not published).read_text()
    guarded.write("b.md", "\n".join(line for line in text.split("\n") if not line.startswith("title:")))
    found = {str(one["rule"]): one for one in verdicts(guarded, "b.md")}

    assert "title" in str(found["front-matter"]["says"])
    if published:
        assert "since its text says not to publish it" in str(found["guard"]["says"])
        assert (found["guard"]["field"], found["guard"]["line"]) == ("published", line_of(guarded, "b.md", "published"))
    assert (found["published"]["passes"], found["published"]["line"]) == (published, None)
    note = f"as {'the guard keeps it' if published else 'it was last good'}; the file may say something else now"
    assert (found["published"]["note"], found["embargo"]["note"]) == (note, note)


def test_every_filter_of_a_feed_names_no_line_of_a_file_that_is_kept(guarded: Site) -> None:
    guarded.configure(
        SMALL_GUARD + '[[collection]]\nname = "articles"\nfolders = ["news"]\n'
        '[[feed]]\nname = "narrow"\ncollections = ["articles"]\nlanguages = ["en"]\nproviders = ["source.example"]\n'
        'types = ["news"]\nmin_heat = 1\nmax_age = "500w"\n'
    )
    guarded.story("a.md", "First", category="articles", locale="en", type="news", heat=3)
    guarded.build()
    guarded.story("a.md", "First", category="notes", locale="de", type="other", heat=0, published=False)
    found = {str(one["rule"]): one for one in verdicts(guarded, "a.md", "narrow")}

    for rule in ("collection", "languages", "providers", "types", "minimum"):
        assert (found[rule]["passes"], found[rule]["line"]) == (True, None), rule
        assert found[rule]["note"] == "as the guard keeps it; the file may say something else now"


def test_an_article_that_is_as_its_file_says_has_its_lines_and_no_notes(guarded: Site) -> None:
    found = {str(one["rule"]): one for one in verdicts(guarded, "a.md", "topics/ai")}

    assert found["published"]["line"] == line_of(guarded, "a.md", "published")
    assert found["topics"]["line"] == line_of(guarded, "a.md", "topics")
    assert (found["published"].get("note") or "", found["topics"].get("note") or "") == ("", "")


@pytest.mark.parametrize("edit", [{"published": False}, {"publishedDateTime": "2099-01-01T00:00:00Z"}, {"topics": []}])
def test_until_the_next_run_the_documents_show_what_left_and_explain_says_so(
    edit: dict[str, object], tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.story("a.md", "First", topics=["AI"])
    site.build()
    site.story("a.md", "First", **{"topics": ["AI"], **edit})
    still = "still shows the article, as it was last written, until the next run (`feedd build`, or `feedd run`)"
    feeds = {"topics/ai", *(() if "topics" in edit else ("all", "providers/source.example"))}

    told = json.loads(explain(site, "a.md", "--json").stdout)["feeds"]
    lingering = {name for name, rules in told.items() if any(one["says"] == still for one in rules)}
    assert lingering == feeds
    said = explain(site, "a.md", "topics/ai").stdout
    assert "\ntopics/ai: not in" in said
    assert still in said
    assert site.titles("topics/ai") == ["First"]
    site.build()
    assert still not in explain(site, "a.md", "topics/ai").stdout
    assert still not in explain(site, "a.md").stdout


def test_what_documents_show_is_not_told_of_the_file_that_another_keeps_the_id_from(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md", "First", guid="one")
    site.build()
    site.story("b.md", "Second", guid="one")

    assert "still shows" not in explain(site, "b.md").stdout
    assert "still shows" not in explain(site, "a.md").stdout

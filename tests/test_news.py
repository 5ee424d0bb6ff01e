"""What a run says of the articles that came, changed and left, and that it names no others (design: section 5)."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedd.pipeline import Report
from feedd.testing import NOON, Site

HOUR = 3600
DAY = 24 * HOUR
News = tuple[list[str], list[str], list[str]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with two articles that were built."""
    site = Site(tmp_path)
    site.story("a.md", "A")
    site.story("b.md", "B")
    site.build()
    site.now += HOUR
    return site


def zulu(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def news(report: Report) -> News:
    """The names in the ids of what came, what changed and what left."""
    came, changed, left = ([id.rpartition("/")[2] for id in ids] for ids in (report.came, report.changed, report.left))
    return came, changed, left


def test_of_a_first_run_every_public_article_came(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for name in ("c", "a", "b"):
        site.story(f"{name}.md")
    site.story("later.md", publishedDateTime=zulu(NOON + 1))
    site.story("never.md", published=False)
    site.story("over.md", expiryDate=zulu(NOON))
    report = site.build()
    assert report.came == tuple(f"tag:news.example,2020:articles/{name}" for name in "abc")
    assert (report.changed, report.left) == ((), ())


def test_run_without_news_names_nobody(site: Site) -> None:
    assert news(site.build()) == ([], [], [])


def test_new_changed_and_deleted_articles_are_told_apart(site: Site) -> None:
    site.story("a.md", "A, in other words")
    (site.content / "b.md").unlink()
    site.story("c.md", "C")
    assert news(site.build()) == (["c"], ["a"], ["b"])
    assert news(site.build()) == ([], [], [])


def test_hinted_runs_tell_the_same(site: Site) -> None:
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        site.story("a.md", "A, in other words")
        (site.content / "b.md").unlink()
        site.story("c.md", "C")
        assert news(pipeline.run(site.now, hints=["a.md", "b.md", "c.md"])) == (["c"], ["a"], ["b"])
        assert news(pipeline.run(site.now, hints=["a.md"])) == ([], [], [])


QUIET: dict[str, Callable[[Site], object]] = {
    "hotter": lambda site: site.story("a.md", "A", heat=99),
    "secured": lambda site: site.story("a.md", "A", secured="VGhpcw"),
    "broken": lambda site: site.write("a.md", "---\ntitle: [\n---\n"),
    "moved": lambda site: (site.content / "a.md").rename(site.content / "sub" / "a.md"),
    "renamed": lambda site: (site.content / "a.md").rename(site.content / "z.md"),
    "an unpublished file": lambda site: site.story("c.md", "C", published=False),
    "an embargoed file": lambda site: site.story("c.md", "C", publishedDateTime=zulu(site.now + 1)),
    "a file that has expired": lambda site: site.story("c.md", "C", expiryDate=zulu(site.now)),
    "a second file with its id": lambda site: site.story("sub/a.md", "A again", webUrl="https://source.example/x"),
    "a note": lambda site: site.write("c.md", "Just a note.\n"),
    "another version of the configuration": lambda site: site.configure("[guard]\ncount = 7\n"),
}


@pytest.mark.parametrize("edit", QUIET.values(), ids=list(QUIET))
def test_what_subscribers_do_not_see_is_no_news(edit: Callable[[Site], object], site: Site) -> None:
    (site.content / "sub").mkdir()
    edit(site)
    assert news(site.build()) == ([], [], [])


LEAVING: dict[str, Callable[[Site], object]] = {
    "unpublished": lambda site: site.story("b.md", "B", published=False),
    "removed": lambda site: site.story("b.md", "B", removed=True),
    "put under embargo": lambda site: site.story("b.md", "B", publishedDateTime=zulu(NOON + DAY)),
    "broken and withdrawn": lambda site: site.write("b.md", "---\npublished: false\ntitle: [\n---\n"),
    "excluded": lambda site: site.configure('[content]\nexclude = ["b.md"]\n'),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=list(LEAVING))
def test_withdrawn_article_left_once(leave: Callable[[Site], object], site: Site) -> None:
    leave(site)
    assert news(site.build()) == ([], [], ["b"])
    assert news(site.build()) == ([], [], [])


def test_time_alone_lets_articles_come_and_leave(site: Site) -> None:
    site.story("early.md", publishedDateTime=zulu(site.now + HOUR))
    site.story("late.md", expiryDate=zulu(site.now + HOUR))
    assert news(site.build()) == (["late"], [], [])
    site.now += HOUR
    assert news(site.build()) == (["early"], [], ["late"])


def test_article_that_is_published_again_came_again(site: Site) -> None:
    site.story("b.md", "B", published=False)
    site.build()
    site.story("b.md", "B")
    assert news(site.build()) == (["b"], [], [])


def test_article_that_the_guard_keeps_did_not_leave(site: Site) -> None:
    site.configure("[guard]\nfraction = 0\ncount = 0\n")
    (site.content / "b.md").unlink()
    assert news(site.build()) == ([], [], [])
    assert news(site.build(approved=True)) == ([], [], ["b"])


def test_another_guid_is_another_article(site: Site) -> None:
    site.story("b.md", "B", guid="urn:b")
    report = site.build()
    assert (report.came, report.changed) == (("urn:b",), ())
    assert report.left == ("tag:news.example,2020:articles/b",)


def test_change_by_the_configuration_changes_what_it_touches(site: Site) -> None:
    site.story("c.md", "C", topics=["Cars"])
    site.build()
    site.configure('[[taxonomy.topic]]\nname = "Artificial Intelligence"\naliases = ["AI"]\n')
    assert news(site.build()) == ([], ["a", "b"], [])


def test_article_that_expires_while_the_configuration_changes_left(site: Site) -> None:
    site.story("late.md", expiryDate=zulu(site.now + HOUR))
    site.build()
    site.now += HOUR
    site.configure("[output]\nlimit = 7\n")
    assert news(site.build()) == ([], [], ["late"])


def test_related_link_that_appears_changes_its_article(site: Site) -> None:
    site.story("c.md", "C", published=False)
    site.story("a.md", "A", related=[{"title": "C", "webUrl": "https://source.example/c"}])
    assert news(site.build()) == ([], [], [])
    site.story("c.md", "C")
    assert news(site.build()) == (["c"], ["a"], [])


def test_a_file_that_loses_its_id_to_another_is_noticed_although_it_did_not_change(site: Site) -> None:
    site.story("news/story.md", "The first")
    site.build()
    site.story("culture/story.md", "The other")
    noticed = list(site.build().noticed)

    assert [(problem.kind, problem.file) for problem in noticed] == [("duplicate-id", "news/story.md")]
    assert "culture/story.md" in str(noticed[0])
    assert list(site.build().noticed) == []


@pytest.mark.parametrize("settled", [False, True])
def test_what_is_mended_in_a_file_is_told_once(site: Site, settled: bool) -> None:
    site.story("a.md", "A", publishedDateTime="2024-05-01 08:00", locale="x")
    site.story("b.md", "B", publishedDateTime="2024-02-30")
    if settled:
        site.settle()
    assert site.build().mended == ()
    site.story("a.md", "A", publishedDateTime="2024-05-01 08:00")
    site.story("b.md", "B")
    mended = site.build().mended

    assert {(problem.kind, problem.file) for problem in mended} == {("bad-language", "a.md"), ("bad-date", "b.md")}
    assert site.build().mended == ()

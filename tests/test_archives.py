"""Archives and tombstones in the output directory: what subscribers find there after edits, accidents and changes."""

import errno
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree

from feedd.feeds.entry import Document
from feedd.feeds.manifest import decode
from feedd.publish.directory import Directory, Placed
from feedd.state.database import FILE, VERSION
from feedd.testing import NOON, FailingDirectory, Site, no_sync

ATOM = {"a": "http://www.w3.org/2005/Atom", "at": "http://purl.org/atompub/tombstones/1.0"}
DAY = 86400
SMALL = "[output]\nlimit = 2\n"


def day(month: int, day: int) -> str:
    return f"2024-{month:02}-{day:02}T08:00:00Z"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two articles in each of the months from February to May; the feeds hold two."""
    site = Site(tmp_path, SMALL)
    for month in (2, 3, 4, 5):
        for number in (1, 2):
            site.story(f"{month}-{number}.md", publishedDateTime=day(month, number))
    return site


def archives(site: Site, feed: str = "all") -> list[str]:
    return sorted(path.name for path in (site.feeds / feed).glob("*"))


def chain(site: Site, feed: str = "all") -> list[list[str]]:
    """The titles in a feed's Atom document, then in each archive to which it leads."""
    found: list[list[str]] = []
    path: str | None = f"{feed}.atom"
    while path:
        root = etree.parse(site.feeds / path).getroot()
        found.append(root.xpath("a:entry/a:title/text()", namespaces=ATOM))
        links = root.xpath("a:link[@rel='prev-archive']/@href", namespaces=ATOM)
        path = links[0].removeprefix(site.config.site.feeds_url) if links else None
    return found


def tombstones(site: Site, feed: str = "all") -> list[str]:
    root = etree.parse(site.feeds / f"{feed}.atom").getroot()
    return [ref.rpartition("/")[2] for ref in root.xpath("at:deleted-entry/@ref", namespaces=ATOM)]


def test_every_article_is_reached_from_the_feed(site: Site) -> None:
    site.build()

    assert chain(site) == [["5-2", "5-1"], ["4-2", "4-1"], ["3-2", "3-1"], ["2-2", "2-1"]]
    assert chain(site, "topics/ai") == chain(site)


def test_json_pages_lead_to_the_same(site: Site) -> None:
    site.build()

    assert site.titles("all/2024-04") == ["4-2", "4-1"]
    assert b'"next_url":"https://news.example/feeds/all/2024-03.json"' in site.documents()["all/2024-04.json"]


def test_a_second_build_leaves_archives_alone(site: Site) -> None:
    site.build()

    assert site.build().written == ()


def test_a_silent_edit_leaves_archives_alone(site: Site) -> None:
    site.build()
    site.story("2-1.md", publishedDateTime=day(2, 1), heat=99, secured="x" * 50)

    assert site.build().written == ()


def test_a_visible_edit_writes_the_archives_of_that_month_only(site: Site) -> None:
    site.build()
    site.story("2-1.md", "Edited", publishedDateTime=day(2, 1))

    written = site.build().written

    assert {path.rpartition("/")[2] for path in written} == {"2024-02.atom", "2024-02.json"}
    assert chain(site)[-1] == ["2-2", "Edited"]


def test_a_new_article_leaves_closed_months_alone(site: Site) -> None:
    site.build()
    site.story("5-3.md", publishedDateTime=day(5, 3))

    written = site.build().written

    assert [path for path in written if path.startswith("all/")] == ["all/2024-05.atom", "all/2024-05.json"]
    assert site.build().written == ()


def test_a_withdrawn_article_is_in_no_archive(site: Site) -> None:
    site.build()
    site.story("3-1.md", publishedDateTime=day(3, 1), published=False)
    site.build()

    assert not [path for path, data in site.documents().items() if b"3-1</title>" in data or b'"3-1"' in data]
    assert chain(site)[-2] == ["3-2"]


def test_an_archive_without_articles_goes_and_the_chain_goes_on(site: Site) -> None:
    site.build()
    for number in (1, 2):
        (site.content / f"3-{number}.md").unlink()
    site.build()

    assert archives(site) == ["2024-02.atom", "2024-02.json", "2024-04.atom", "2024-04.json"]
    assert chain(site) == [["5-2", "5-1"], ["4-2", "4-1"], ["2-2", "2-1"]]
    assert "all/2024-03.atom" in (site.feeds / ".feedd.json").read_text()


def test_what_comes_back_is_not_gone(site: Site) -> None:
    site.build()
    text = (site.content / "3-1.md").read_text()
    for number in (1, 2):
        (site.content / f"3-{number}.md").unlink()
    site.build()
    site.write("3-1.md", text)
    site.build()

    assert "2024-03" not in (site.feeds / ".feedd.json").read_text()
    assert chain(site)[-2] == ["3-1"]


def test_an_embargoed_article_of_a_past_month_is_nowhere_until_it_is_due(site: Site) -> None:
    site.story("later.md", "Later", publishedDateTime="2024-06-01T13:00:00Z")
    site.build()
    assert not [path for path, data in site.documents().items() if b"Later" in data]

    site.now = NOON + 3600
    site.build()
    assert chain(site)[0] == ["Later", "5-2"]
    assert chain(site)[1] == ["5-2", "5-1"], "the month of which the feed holds only a part is an archive, too"


def test_what_expires_leaves_its_archive(site: Site) -> None:
    site.story("3-1.md", publishedDateTime=day(3, 1), expiryDate="2024-06-01T13:00:00Z")
    site.build()
    site.now = NOON + 3600
    site.build()

    assert chain(site)[-2] == ["3-2"]
    assert tombstones(site) == ["3-1"]


def test_a_changed_date_moves_an_article_from_one_archive_to_another(site: Site) -> None:
    site.build()
    site.story("2-2.md", publishedDateTime=day(4, 9))
    site.build()

    assert chain(site) == [["5-2", "5-1"], ["2-2", "4-2", "4-1"], ["3-2", "3-1"], ["2-1"]]


def test_of_one_story_told_twice_the_later_one_is_in_an_archive_once_the_earlier_is_gone(site: Site) -> None:
    for path, published in (("2-2.md", day(2, 2)), ("3-1.md", day(3, 1))):
        site.story(path, path[:3], publishedDateTime=published, webUrl="https://source.example/same")
    site.build()
    assert chain(site)[-2:] == [["3-2"], ["2-2", "2-1"]]

    (site.content / "2-2.md").unlink()
    site.build()
    assert chain(site)[-2:] == [["3-2", "3-1"], ["2-1"]]


def test_an_archive_that_was_tampered_with_is_written_again(site: Site) -> None:
    site.build()
    before = site.documents()
    (site.feeds / "all/2024-03.atom").write_text("<nonsense/>")
    (site.feeds / "topics/ai/2024-02.json").unlink()
    site.build()

    assert site.documents() == before


def test_archives_of_a_lost_state_are_looked_after(site: Site) -> None:
    site.build()
    (site.state / FILE).unlink()
    site.story("3-1.md", publishedDateTime=day(3, 1), published=False)
    for path in ("2-1.md", "2-2.md"):
        (site.content / path).unlink()
    site.build()

    assert archives(site) == ["2024-03.atom", "2024-03.json", "2024-04.atom", "2024-04.json"]
    assert chain(site)[-1] == ["3-2"]


def test_archives_of_a_topic_that_nobody_has_any_more_go(site: Site) -> None:
    for month in (2, 3, 4, 5):
        for number in (1, 2):
            site.story(f"{month}-{number}.md", publishedDateTime=day(month, number), topics=["AI", "Sea"])
    site.build()
    assert len(archives(site, "topics/sea")) == 6
    for month in (2, 3, 4, 5):
        for number in (1, 2):
            site.story(f"{month}-{number}.md", publishedDateTime=day(month, number), topics=["AI"])
    site.build()

    assert not (site.feeds / "topics/sea").exists()
    assert chain(site, "topics/sea") == [[]]


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ("[output]\nlimit = 2\narchives = false\n", set()),
        ('[output]\nlimit = 2\nformats = ["json", "rss"]\n', {"json"}),
        ('[output]\nlimit = 2\nformats = ["rss"]\n', set()),
        ("[output]\nlimit = 50\n", set()),
    ],
)
def test_archives_that_are_no_longer_wanted_go(site: Site, settings: str, left: set[str]) -> None:
    site.build()
    site.configure(settings)
    site.build()

    assert {path.rpartition(".")[2] for path in archives(site)} == left
    assert "all/2024-02.atom" not in site.documents()


def test_archives_in_a_format_that_is_new_are_there(site: Site) -> None:
    site.configure('[output]\nlimit = 2\nformats = ["json", "rss"]\n')
    site.build()
    site.configure(SMALL)
    site.build()

    assert chain(site)[-1] == ["2-2", "2-1"]


def test_an_archive_that_cannot_be_written_is_tried_again(site: Site) -> None:
    directory = FailingDirectory(site.feeds, {"all/2024-03.atom"})
    pipeline = site.pipeline(directory)
    report = pipeline.run(site.now)
    assert [problem.kind for problem in report.problems] == ["not-written"]

    directory.full.clear()
    assert pipeline.run(site.now + 1, hints=()).written == ("all/2024-03.atom",)
    assert pipeline.run(site.now + 2, hints=()).written == ()
    pipeline.close()


def test_a_feed_with_a_window_has_no_archives(site: Site) -> None:
    site.configure(SMALL + '[[feed]]\nname = "week"\nmax_age = "5000d"\n')
    site.build()

    assert not (site.feeds / "week").exists()
    assert chain(site, "week") == [["5-2", "5-1"]]


def test_a_sticky_feed_has_archives_of_what_was_ever_in(site: Site) -> None:
    site.configure(SMALL + '[[feed]]\nname = "hot"\nmin_heat = 50\n')
    for month in (2, 3, 4, 5):
        site.story(f"{month}-1.md", publishedDateTime=day(month, 1), heat=60)
    site.build()
    site.story("2-1.md", publishedDateTime=day(2, 1), heat=1)
    site.build()

    assert chain(site, "hot") == [["5-1", "4-1"], ["3-1"], ["2-1"]]


def test_a_state_of_the_version_before_keeps_what_it_knows(site: Site) -> None:
    site.build()
    site.story("5-2.md", "Edited", publishedDateTime=day(5, 2))
    site.now += 60
    site.build()
    before = site.documents()
    database = sqlite3.connect(site.state / FILE)
    database.executescript(
        "DROP TABLE archive; DROP TABLE tombstone; DROP TABLE gone; DROP TABLE doomed;"
        "ALTER TABLE feed DROP COLUMN listing; ALTER TABLE feed DROP COLUMN head;"
        "ALTER TABLE feed DROP COLUMN members;"
        "PRAGMA user_version = 3"
    )
    database.close()
    for path in site.feeds.glob("*/*-0?.*"):
        path.unlink()
    site.now += 60
    report = site.build()

    assert report.problems == ()
    assert site.documents() == before, "dates of updates are in there"
    assert sqlite3.connect(site.state / FILE).execute("PRAGMA user_version").fetchone() == (VERSION,)


# Tombstones


def test_a_withdrawn_article_has_a_tombstone_in_the_feeds_that_had_it(site: Site) -> None:
    site.story("5-2.md", publishedDateTime=day(5, 2), topics=["Sea"])
    site.build()
    site.story("5-2.md", publishedDateTime=day(5, 2), topics=["Sea"], published=False)
    site.build()

    assert tombstones(site) == ["5-2"]
    assert tombstones(site, "topics/sea") == ["5-2"]
    assert tombstones(site, "topics/ai") == []


def test_a_tombstone_is_there_for_as_long_as_configured(site: Site) -> None:
    site.configure('[output]\nlimit = 2\ntombstones = "7d"\n')
    site.build()
    (site.content / "5-2.md").unlink()
    due = site.build().due
    assert due == site.now + 7 * DAY

    site.now = due - 1
    site.build()
    assert tombstones(site) == ["5-2"]

    site.now = due
    assert "all.atom" in site.build().written
    assert tombstones(site) == []


def test_without_a_time_there_are_no_tombstones(site: Site) -> None:
    site.configure('[output]\nlimit = 2\ntombstones = ""\n')
    site.build()
    (site.content / "5-2.md").unlink()
    site.build()

    assert tombstones(site) == []


def test_what_is_published_again_has_no_tombstone_and_was_updated_later(site: Site) -> None:
    site.build()
    text = (site.content / "5-2.md").read_text()
    (site.content / "5-2.md").unlink()
    site.build()
    when = etree.parse(site.feeds / "all.atom").getroot().xpath("at:deleted-entry/@when", namespaces=ATOM)[0]
    site.write("5-2.md", text)
    site.build()

    root = etree.parse(site.feeds / "all.atom").getroot()
    assert tombstones(site) == []
    assert root.xpath("a:entry[1]/a:updated/text()", namespaces=ATOM)[0] > when


def test_what_was_never_public_has_no_tombstone(site: Site) -> None:
    site.story("secret.md", publishedDateTime="2024-07-01T08:00:00Z")
    site.build()
    (site.content / "secret.md").unlink()
    site.build()

    assert not [path for path, data in site.documents().items() if b"secret" in data]


def test_a_moved_file_has_no_tombstone(site: Site) -> None:
    site.build()
    (site.content / "old").mkdir()
    (site.content / "5-2.md").rename(site.content / "old/5-2.md")
    site.build()

    assert tombstones(site) == []


def test_an_article_that_goes_while_the_configuration_changes_has_a_tombstone_too(site: Site) -> None:
    site.build()
    (site.content / "5-2.md").unlink()
    site.configure("[output]\nlimit = 3\n")
    site.build()

    assert tombstones(site) == ["5-2"]
    assert tombstones(site, "topics/ai") == ["5-2"]


def test_a_large_withdrawal_leaves_a_hundred_tombstones(tmp_path: Path) -> None:
    site = Site(tmp_path, "[guard]\ncount = 1000\n")
    site.story("stays.md")
    for number in range(120):
        site.story(f"{number}.md")
    site.build()
    for number in range(120):
        (site.content / f"{number}.md").unlink()
    site.build()

    assert len(tombstones(site)) == 100


# What is named is there


class Watchful(FailingDirectory):
    """An output directory in which every document that an Atom document names is there when that is written."""

    def __init__(self, site: Site, full: Iterable[str] = ()) -> None:
        super().__init__(site.feeds, full)
        self.base, self.dangling = site.config.site.feeds_url, list[str]()

    def _write(self, place: Path, data: bytes) -> Placed:
        if place.suffix == ".atom":
            links = etree.fromstring(data).xpath("a:link[@rel='prev-archive']/@href", namespaces=ATOM)
            named = (self.root / link.removeprefix(self.base) for link in links)
            self.dangling += [f"{place.name} names {one.name}" for one in named if not one.exists()]
        return super()._write(place, data)


def test_an_archive_that_begins_is_there_before_the_feed_names_it(site: Site) -> None:
    site.build()
    for number in (3, 4):
        site.story(f"5-{number}.md", publishedDateTime=day(5, 20 + number))
    directory = Watchful(site)
    with closing(site.pipeline(directory)) as pipeline:
        written = pipeline.run(site.now).written

    assert "all/2024-05.atom" in written
    assert directory.dangling == []


def test_a_feed_names_the_archive_before_one_that_cannot_be_written(site: Site) -> None:
    site.build()
    for number in (3, 4):
        site.story(f"5-{number}.md", publishedDateTime=day(5, 20 + number))
    directory = Watchful(site, {"all/2024-05.atom", "topics/ai/2024-05.atom", "providers/source.example/2024-05.atom"})
    with closing(site.pipeline(directory)) as pipeline:
        pipeline.run(site.now)
        assert directory.dangling == []
        assert chain(site)[1] == ["4-2", "4-1"]

        directory.full.clear()
        pipeline.run(site.now + 1, hints=())
        assert chain(site)[:2] == [["5-4", "5-3"], ["5-4", "5-3", "5-2", "5-1"]]


def test_a_feed_in_a_format_that_is_used_no_more_names_no_archive(site: Site) -> None:
    site.build()
    site.configure('[output]\nlimit = 2\nformats = ["json"]\n')
    site.build()

    assert b"prev-archive" not in site.documents()["all.atom"]
    assert b"complete" not in site.documents()["all.rss"]


def test_archives_say_what_the_feed_says_when_a_provider_is_called_otherwise(site: Site) -> None:
    site.build()
    site.story("5-3.md", publishedDateTime=day(5, 3), provider={"name": "New Name", "domain": "source.example"})
    site.build()

    fresh = Site(site.folder / "fresh", SMALL)
    for path in site.content.glob("*.md"):
        fresh.write(path.name, path.read_bytes())
    fresh.build()
    assert b"New Name" in site.documents()["providers/source.example/2024-02.atom"]
    assert site.documents() == fresh.documents()


def test_archives_of_a_former_name_lead_to_those_of_the_topic(site: Site) -> None:
    site.configure(SMALL + '[[taxonomy.topic]]\nname = "AI"\n')
    site.build()
    site.configure(SMALL + '[[taxonomy.topic]]\nname = "Machines"\naliases = ["AI"]\n')
    site.build()

    manifest = decode((site.feeds / ".feedd.json").read_bytes())
    assert manifest.moved["topics/ai/2024-03.atom"] == "topics/machines/2024-03.atom"
    assert manifest.gone == ()


def test_what_cannot_be_removed_is_removed_later_whoever_wrote_it(site: Site) -> None:
    site.configure(SMALL + '[pages]\nenabled = true\n[[taxonomy.topic]]\nname = "Sea"\naliases = ["AI"]\n')
    site.build()
    assert (site.feeds / "topics/ai.html").exists()
    site.configure(SMALL)
    directory = Stuck(site.feeds, "topics/ai.html")
    with closing(site.pipeline(directory)) as pipeline:
        assert [problem.kind for problem in pipeline.run(site.now).problems] == ["not-written"]
        directory.stuck = ""
        assert pipeline.run(site.now + 1, hints=()).problems == ()
    assert not (site.feeds / "topics/ai.html").exists()
    assert site.build().written == ()


class Stuck(Directory):
    """An output directory from which one document cannot be removed."""

    def __init__(self, root: Path, stuck: str) -> None:
        super().__init__(root, sync=no_sync)
        self.stuck = stuck

    def _remove(self, place: Path) -> None:
        if place == self.root / self.stuck:
            raise OSError(errno.EACCES, "Permission denied")
        super()._remove(place)


def test_lists_of_a_lost_state_go_where_there_are_to_be_none(site: Site) -> None:
    site.configure(SMALL + "[pages]\nenabled = true\n")
    site.build()
    (site.state / FILE).unlink()
    site.configure(SMALL)
    site.build()

    assert not (site.feeds / "feeds.opml").exists()
    assert not (site.feeds / "index.html").exists()


def test_pages_find_what_they_need(site: Site) -> None:
    site.configure(SMALL + "[pages]\nenabled = true\n")
    order: list[str] = []

    class Noting(Directory):
        def put(self, document: Document) -> Placed:
            order.append(document.path)
            return super().put(document)

    with closing(site.pipeline(Noting(site.feeds, sync=no_sync))) as pipeline:
        pipeline.run(site.now)
    first_page = min(order.index(path) for path in order if path.endswith(".html"))
    assert max(order.index(path) for path in order if path.startswith("assets/")) < first_page
    assert order.index("index.html") > order.index("topics/ai.html")


def test_a_page_says_how_many_more_there_are_and_leads_to_them(site: Site) -> None:
    site.configure(SMALL + "[pages]\nenabled = true\n")
    site.build()
    page = site.documents()["all.html"].decode()

    assert "The newest 2 of 8" in page
    assert 'href="all/2024-04.atom"' in page


def test_a_story_that_was_told_before_has_no_tombstone_when_its_second_telling_goes(site: Site) -> None:
    site.story("5-2.md", publishedDateTime=day(5, 2), webUrl="https://source.example/4-1")
    site.build()
    (site.content / "5-2.md").unlink()
    site.build()

    assert not [path for path, data in site.documents().items() if b"5-2" in data]


def test_nor_when_both_tellings_go_at_once(site: Site) -> None:
    site.story("3-1.md", publishedDateTime=day(3, 1), webUrl="https://source.example/2-1")
    site.build()
    for path in ("2-1.md", "3-1.md"):
        (site.content / path).unlink()
    site.build()

    assert tombstones(site) == ["2-1"]


def test_what_came_and_went_between_two_editions_has_no_tombstone(site: Site) -> None:
    site.configure(SMALL + '[[feed]]\nname = "digest"\nschedule = "0 18 * * *"\n')
    site.build()
    site.story("6-1.md", publishedDateTime="2024-06-01T11:00:00Z")
    site.build()
    (site.content / "6-1.md").unlink()
    (site.content / "5-2.md").unlink()
    site.build()

    assert tombstones(site, "digest") == ["5-2"]
    assert sorted(tombstones(site)) == ["5-2", "6-1"]


def test_what_was_never_among_the_best_has_no_tombstone_there(site: Site) -> None:
    site.configure(SMALL + '[[feed]]\nname = "best"\norder = "quality"\n')
    for path, quality in (("5-1.md", 9), ("5-2.md", 8), ("4-1.md", 1)):
        site.story(path, publishedDateTime=day(int(path[0]), int(path[2])), quality=quality)
    site.build()
    for path in ("5-1.md", "4-1.md"):
        (site.content / path).unlink()
    site.build()

    assert tombstones(site, "best") == ["5-1"]


def test_without_archives_what_was_beyond_the_limit_has_no_tombstone(site: Site) -> None:
    site.configure("[output]\nlimit = 2\narchives = false\n")
    site.build()
    for path in ("5-1.md", "4-1.md"):
        (site.content / path).unlink()
    site.build()

    assert tombstones(site) == ["5-1"]


def test_what_was_in_an_archive_has_a_tombstone(site: Site) -> None:
    site.build()
    (site.content / "3-1.md").unlink()
    site.build()

    assert tombstones(site) == ["3-1"]


@pytest.mark.parametrize("before", ['topics = ["Land"]', "min_quality = 50"])
def test_a_feed_that_wants_something_else_now_does_not_tell_of_what_it_never_had(site: Site, before: str) -> None:
    own = '[[feed]]\nname = "some"\n'
    for month in (2, 3, 4):
        site.story(f"land-{month}.md", publishedDateTime=day(month, 20), topics=["Land"], quality=60)
    site.configure(SMALL + own + before + "\n")
    site.build()
    assert (site.feeds / "some").exists()
    (site.content / "2-1.md").unlink()
    site.configure(SMALL + own)
    site.build()

    assert tombstones(site, "some") == []

"""The pipeline: what subscribers see after a run, what a run leaves alone, and what it remembers."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from feedd.content.article import REVISION
from feedd.pipeline import Report
from feedd.testing import NOON, Site

MINUTE, HOUR, DAY = 60, 3600, 86400
SECRET = "Quokka"
"""A word that occurs in one article only."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with three published articles and every format."""
    site = Site(tmp_path)
    site.story("news/one.md", "One", topics=["AI", "Power"], publishedDateTime="2024-05-03T08:00:00Z")
    site.story("news/two.md", "Two", topics=["AI"], publishedDateTime="2024-05-02T08:00:00Z")
    site.story(
        "news/three.md",
        "Three",
        topics=["Cloud"],
        provider={"name": "Other", "domain": "other.example"},
        publishedDateTime="2024-05-01T08:00:00Z",
    )
    return site


def stand(site: Site) -> dict[str, tuple[int, int, bytes]]:
    """Every file below the output directory: its mtime, its inode, its bytes."""
    found = (path for path in site.feeds.rglob("*") if path.is_file())
    return {
        path.relative_to(site.feeds).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
        for path in found
    }


def everywhere(site: Site) -> bytes:
    """All that subscribers can see: the paths and the bytes of all documents."""
    return b"\n".join(path.encode() + b"\n" + data for path, data in site.documents().items())


def zulu(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_formats(*feeds: str) -> set[str]:
    return {f"{feed}.{suffix}" for feed in feeds for suffix in ("atom", "rss", "json")}


def modified(site: Site, feed: str = "all") -> dict[str, str]:
    """When the entries of a feed were last updated, by title."""
    return {item["title"]: item["date_modified"] for item in site.items(feed)}


# Builds


def test_first_build_writes_every_feed_in_every_format(site: Site) -> None:
    report = site.build()

    feeds = ("all", "topics/ai", "topics/power", "topics/cloud", "providers/source.example", "providers/other.example")
    assert set(site.documents()) == in_formats(*feeds)
    assert set(report.written) == in_formats(*feeds)
    assert report.problems == ()
    assert report.read == 3


def test_feeds_hold_what_belongs_to_them_newest_first(site: Site) -> None:
    site.build()

    assert site.titles() == ["One", "Two", "Three"]
    assert site.titles("topics/ai") == ["One", "Two"]
    assert site.titles("topics/power") == ["One"]
    assert site.titles("providers/other.example") == ["Three"]


def test_site_without_articles_has_its_standing_feeds_only(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "picks"\ntitle = "Picks"\n')

    site.build()

    assert set(site.documents()) == in_formats("all", "picks")
    assert site.titles() == []


def test_second_build_writes_nothing(site: Site) -> None:
    site.build()
    before = stand(site)

    report = site.build()

    assert report.written == ()
    assert stand(site) == before


def test_second_build_reads_no_file(site: Site) -> None:
    site.settle()
    site.build()

    report = site.build()

    assert (report.read, report.feeds, report.written, report.unchanged) == (0, 0, (), 0)


def test_file_that_was_just_written_is_read_once_more(site: Site) -> None:
    """A second write in the same tick of the file system's clock could leave the same stamp."""
    site.build()
    site.settle()

    assert site.build().read <= 3
    assert site.build().read == 0


HOT = '[[feed]]\nname = "hot"\ntitle = "Hot"\nmin_heat = 50\n'


@pytest.mark.parametrize("settings", ["", HOT], ids=["no heat feed", "heat feed"])
@pytest.mark.parametrize(
    "edit",
    [
        {"heat": 99},
        {"heat": -1},
        {"quality": 12},
        {"secured": "qGmVvR4T0GPLcZq8zxw1h8Q=="},
        {"featuredContent": {"title": "x"}},
        {"isCached": False},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_edit_that_subscribers_cannot_see_writes_nothing(tmp_path: Path, settings: str, edit: dict[str, Any]) -> None:
    site = Site(tmp_path, settings)
    names = [f"{number}.md" for number in range(5)]
    for name in names:
        site.story(name, heat=60, quality=70, secured="oldoldoldoldoldoldold", isCached=True)
    site.build()
    before = stand(site)

    for name in names:
        site.story(name, **{"heat": 60, "quality": 70, "secured": "oldoldoldoldoldoldold", "isCached": True, **edit})
    site.now += HOUR
    report = site.build()

    assert report.read == 5
    assert report.written == ()
    assert stand(site) == before


def test_lost_state_gives_the_same_bytes_and_touches_no_file(site: Site) -> None:
    site.story("video.md", "Moving", type="video", updatedDateTime="2024-05-20T08:00:00Z", expiryDate="2024-07-01")
    site.story("embargoed.md", publishedDateTime=zulu(NOON + HOUR))
    site.story("not.md", published=False)
    site.build()
    before = stand(site)

    for file in site.state.iterdir():
        file.unlink()
    site.now += MINUTE
    report = site.build()

    assert report.written == ()
    assert stand(site) == before


def test_secured_text_reaches_neither_documents_nor_state(site: Site) -> None:
    secured = "pFtLq2Xc9YwB7uKd3RzV5sMhJ8aNgTe1"
    site.story("news/one.md", "One", secured=secured)
    site.build()

    windows = [secured[start : start + 20].encode() for start in range(len(secured) - 19)]
    files = [path.read_bytes() for folder in (site.feeds, site.state) for path in folder.rglob("*") if path.is_file()]
    assert [window for window in windows if any(window in data for data in files)] == []


def test_one_edit_rewrites_exactly_the_feeds_of_its_article(site: Site) -> None:
    site.build()
    before = stand(site)

    site.story("news/three.md", "Third", topics=["Cloud"], provider={"name": "Other", "domain": "other.example"})
    report = site.build()

    touched = in_formats("all", "topics/cloud", "providers/other.example")
    assert set(report.written) == touched
    assert {path for path, found in stand(site).items() if found != before[path]} == touched


def test_edit_that_moves_an_article_rewrites_its_old_and_new_feeds(site: Site) -> None:
    site.build()

    site.story("news/two.md", "Two", topics=["Cloud"], publishedDateTime="2024-05-02T08:00:00Z")
    report = site.build()

    assert set(report.written) == in_formats("all", "topics/ai", "topics/cloud", "providers/source.example")
    assert site.titles("topics/cloud") == ["Two", "Three"]


def test_edit_of_an_article_beyond_the_limit_leaves_the_feeds_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, "[output]\nlimit = 2\n")
    for day in (1, 2, 3):
        site.story(f"{day}.md", publishedDateTime=f"2024-05-0{day}T08:00:00Z")
    site.build()

    site.story("1.md", "First of May", publishedDateTime="2024-05-01T08:00:00Z")
    assert {path.rpartition("/")[2] for path in site.build().written} == {"2024-05.atom", "2024-05.json"}

    (site.content / "3.md").unlink()
    site.build()
    assert site.titles() == ["2", "First of May"]


def test_documents_are_the_same_on_another_day_from_another_place(site: Site, tmp_path: Path) -> None:
    site.build()
    other = Site.copied(site.folder, tmp_path / "elsewhere")
    other.now += 30 * DAY

    other.build()

    assert other.documents() == site.documents()


def test_run_says_when_time_alone_changes_something_next(site: Site) -> None:
    assert site.build().due is None

    site.story("later.md", publishedDateTime=zulu(NOON + 2 * HOUR))
    site.story("sooner.md", expiryDate=zulu(NOON + HOUR))
    assert site.build().due == NOON + HOUR
    assert site.build().due == NOON + HOUR

    site.now = NOON + HOUR
    assert site.build().due == NOON + 2 * HOUR

    site.now = NOON + 2 * HOUR
    assert site.build().due == NOON + HOUR + 30 * 24 * HOUR, "what expired is told of no more"


# `updated`


def test_entry_is_at_first_updated_when_it_was_published(site: Site) -> None:
    site.build()

    assert modified(site)["One"] == "2024-05-03T08:00:00Z"


def test_visible_edit_is_updated_at_the_moment_of_the_run(site: Site) -> None:
    site.build()

    site.story("news/one.md", "One", excerpt="Corrected.", publishedDateTime="2024-05-03T08:00:00Z")
    site.now += HOUR
    site.build()

    assert modified(site) == {
        "One": zulu(NOON + HOUR),
        "Two": "2024-05-02T08:00:00Z",
        "Three": "2024-05-01T08:00:00Z",
    }
    assert feedparser.parse(site.feeds / "all.atom").feed.updated == zulu(NOON + HOUR)


def test_updated_stays_at_the_last_visible_edit(site: Site) -> None:
    site.build()
    site.story("news/one.md", "One", excerpt="Corrected.", publishedDateTime="2024-05-03T08:00:00Z")
    site.now += HOUR
    site.build()

    site.story("news/one.md", "One", excerpt="Corrected.", publishedDateTime="2024-05-03T08:00:00Z", heat=5)
    site.now += HOUR
    assert site.build().written == ()

    assert modified(site)["One"] == zulu(NOON + HOUR)


def test_front_matter_may_say_a_later_update(site: Site) -> None:
    site.story("news/one.md", "One", updatedDateTime="2024-05-20T10:00:00Z", publishedDateTime="2024-05-03T08:00:00Z")
    site.build()

    assert modified(site)["One"] == "2024-05-20T10:00:00Z"


@pytest.fixture
def announcing(tmp_path: Path) -> Site:
    """A site with one article, which says that it will be updated in an hour."""
    site = Site(tmp_path)
    site.story("one.md", "One", updatedDateTime=zulu(NOON + HOUR))
    return site


def test_update_that_is_yet_to_come_is_told_by_no_document(announcing: Site) -> None:
    report = announcing.build()

    assert zulu(NOON + HOUR).encode() not in everywhere(announcing)
    assert b"01 Jun 2024" not in everywhere(announcing)
    assert modified(announcing) == {"One": "2024-05-01T08:00:00Z"}
    assert report.due == NOON + HOUR


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
def test_update_is_told_from_its_moment_on(announcing: Site, restarted: bool, tmp_path: Path) -> None:
    with closing(announcing.pipeline()) as pipeline:
        pipeline.run(NOON)
        before = stand(announcing)
        pipeline.run(NOON + HOUR - 1, hints=())
        assert stand(announcing) == before
        announcing.now = NOON + HOUR
        report = announcing.build() if restarted else pipeline.run(announcing.now, hints=())

    assert modified(announcing) == {"One": zulu(NOON + HOUR)}
    assert report.due is None

    fresh = Site(tmp_path / "fresh")
    fresh.story("one.md", "One", updatedDateTime=zulu(NOON + HOUR))
    fresh.now = announcing.now
    fresh.build()
    assert fresh.documents() == announcing.documents()


def test_update_that_is_yet_to_come_makes_no_noise_of_a_quiet_edit(announcing: Site) -> None:
    announcing.build()
    announcing.story("one.md", "One", updatedDateTime=zulu(NOON + HOUR), heat=5)
    announcing.now += MINUTE

    assert announcing.build().written == ()


def test_visible_edit_before_an_announced_update_is_told_at_once(announcing: Site) -> None:
    announcing.build()
    announcing.story("one.md", "One", excerpt="Corrected.", updatedDateTime=zulu(NOON + HOUR))
    announcing.now += MINUTE
    announcing.build()
    assert modified(announcing) == {"One": zulu(NOON + MINUTE)}

    announcing.now = NOON + DAY
    announcing.build()
    assert modified(announcing) == {"One": zulu(NOON + HOUR)}


def test_announced_update_of_an_article_that_is_not_published_is_never_due(announcing: Site) -> None:
    announcing.story("one.md", "One", updatedDateTime=zulu(NOON + HOUR), published=False)

    assert announcing.build().due is None


def test_announced_update_before_publication_is_never_due(announcing: Site) -> None:
    announcing.story("one.md", "One", updatedDateTime=zulu(NOON + HOUR), publishedDateTime=zulu(NOON + 2 * HOUR))

    assert announcing.build().due == NOON + 2 * HOUR
    announcing.now = NOON + 2 * HOUR
    announcing.build()
    assert modified(announcing) == {"One": zulu(NOON + 2 * HOUR)}


def test_visible_edit_under_embargo_is_none(site: Site) -> None:
    site.story("later.md", "Draft", publishedDateTime=zulu(NOON + HOUR))
    site.build()
    site.story("later.md", "Final", publishedDateTime=zulu(NOON + HOUR))
    site.now += MINUTE
    site.build()

    site.now = NOON + 2 * HOUR
    site.build()

    assert modified(site)["Final"] == zulu(NOON + HOUR)


CHANGES_OF_SETTINGS = {
    "the description": '[output]\ndescription = "All about {title}"\n',
    "links, which are parsed": '[content]\nown_pages = "https://news.example/read/{slug}/"\n',
    "the zone": '[content]\ntimezone = "Europe/Berlin"\n',
    "a topic's name": '[[taxonomy.topic]]\nname = "Artificial Intelligence"\nid = "ai"\naliases = ["AI"]\n',
    "a provider's name": '[[taxonomy.provider]]\nname = "The Source"\ndomain = "source.example"\n',
}


@pytest.mark.parametrize("settings", CHANGES_OF_SETTINGS.values(), ids=list(CHANGES_OF_SETTINGS))
def test_change_of_settings_republishes_but_is_no_news(tmp_path: Path, settings: str) -> None:
    site = Site(tmp_path)
    original = "https://source.example/1"
    site.story("one.md", "One", webUrl=None, originalUrl=original, publishedDateTime="2024-05-01 08:00")
    site.story("two.md", "Two", publishedDateTime="2024-05-02T08:00:00Z")
    site.settle()
    site.build()
    before = modified(site)

    site.configure(settings)
    site.now += HOUR
    report = site.build()

    assert report.written != ()
    assert modified(site) == before | ({"One": "2024-05-01T06:00:00Z"} if "Berlin" in settings else {})
    assert site.build().written == ()


def test_edit_together_with_a_change_of_settings_is_news(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("one.md", "One")
    site.story("two.md", "Two")
    site.settle()
    site.build()

    site.configure(CHANGES_OF_SETTINGS["links, which are parsed"])
    site.story("two.md", "Two", excerpt="Corrected.")
    site.now += HOUR
    site.build()

    assert modified(site) == {"One": "2024-05-01T08:00:00Z", "Two": zulu(NOON + HOUR)}


def test_new_version_of_feedd_reads_everything_anew_and_is_no_news(site: Site) -> None:
    site.settle()
    site.build()
    before = stand(site)
    with sqlite3.connect(site.state / "feedd.sqlite3") as state:
        state.execute("UPDATE meta SET value = '0.0.1' WHERE name IN ('parsing', 'settings')")
    state.close()

    site.now += HOUR
    report = site.build()

    assert report.read == 3
    assert stand(site) == before


def test_taxonomy_file_is_noticed(tmp_path: Path) -> None:
    site = Site(tmp_path, '[taxonomy]\ntopics = ["topics"]\n')
    (tmp_path / "topics").mkdir()
    site.story("one.md", topics=["AI"])
    site.settle()
    site.build()

    (tmp_path / "topics" / "clever.yaml").write_text("name: Clever\notherNames: [AI]\n")
    assert site.build().read == 0

    assert site.items()[0]["tags"] == ["Clever"]
    assert site.titles("topics/clever") == ["one"]


def test_problems_of_the_taxonomy_are_known_after_a_run(tmp_path: Path) -> None:
    site = Site(tmp_path, '[taxonomy]\ntopics = ["missing"]\n')
    site.story("one.md", published="maybe")
    for _ in range(2):
        site.build()
        with closing(site.pipeline()) as pipeline:
            assert [problem.kind for problem in pipeline.problems()] == ["no-taxonomy", "published-not-boolean"]


def test_settings_reach_an_article_that_is_broken_now(tmp_path: Path) -> None:
    """Its last good version is filed under the new settings too, whatever else is read in the same run."""
    site = Site(tmp_path)
    site.story("kept.md", "Kept", topics=["AI"])
    site.story("good.md", "Good", topics=["Cloud"])
    for name in ("a.md", "b.md", "c.md"):
        site.story(name, published=False)
    site.build()
    site.write("kept.md", "---\ntitle: [\n---\n")

    site.configure('[content]\ntimezone = "Europe/Berlin"\n[[taxonomy.topic]]\nname = "Clever"\naliases = ["AI"]\n')
    site.build()

    assert site.titles("topics/clever") == ["Kept"]


def test_article_that_is_withdrawn_together_with_a_change_of_settings_is_retracted(site: Site) -> None:
    site.build()
    (site.content / "news/two.md").unlink()
    site.configure('[output]\ndescription = "Other"\n')
    pipeline = site.pipeline()
    pipeline.run(site.now)

    assert pipeline.ledger.retracted() == [("tag:news.example,2020:articles/two", NOON)]
    pipeline.close()
    assert site.titles() == ["One", "Three"]


def test_format_that_is_configured_no_more_leaves_empty_documents(site: Site) -> None:
    """Who still reads them must not be shown for ever what may have been withdrawn since."""
    site.build()
    site.configure('[output]\nformats = ["atom", "json"]\n')
    site.build()

    assert [path for path, data in site.documents().items() if path.endswith(".rss") and b"<item>" in data] == []
    assert feedparser.parse(site.feeds / "all.rss").feed.title == "Example News"
    assert len(feedparser.parse(site.feeds / "all.atom").entries) == 3
    report = site.build()
    assert (report.feeds, report.written) == (0, ())


def test_feed_that_is_configured_no_more_stays_and_is_empty(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "picks"\ntitle = "Picks"\n')
    site.story("one.md", "One")
    site.build()
    assert site.titles("picks") == ["One"]

    site.configure("")
    site.build()

    assert site.titles("picks") == []
    assert site.titles() == ["One"]
    assert feedparser.parse(site.documents()["picks.atom"]).feed.title == "Example News: picks"


# Withdrawal

DEPARTURES: dict[str, Callable[[Site], object]] = {
    "unpublished": lambda site: site.story("gone.md", SECRET, published=False),
    "published is text": lambda site: site.story("gone.md", SECRET, published="true"),
    "deleted": lambda site: site.story("gone.md", SECRET, deleted=True),
    "removed": lambda site: site.story("gone.md", SECRET, removed=True),
    "file removed": lambda site: (site.content / "gone.md").unlink(),
    "file moved out": lambda site: (site.content / "gone.md").rename(site.folder / "gone.md"),
    "file hidden": lambda site: (site.content / "gone.md").rename(site.content / ".gone.md"),
    "no article any more": lambda site: site.write("gone.md", "A plain note.\n"),
    "embargoed": lambda site: site.story("gone.md", SECRET, publishedDateTime=zulu(NOON + DAY)),
    "expired by edit": lambda site: site.story("gone.md", SECRET, expiryDate=zulu(NOON)),
    "expired by time": lambda site: setattr(site, "now", NOON + 30 * DAY),
}


@pytest.mark.parametrize("depart", DEPARTURES.values(), ids=list(DEPARTURES))
def test_withdrawn_article_is_gone_from_every_document(site: Site, depart: Callable[[Site], object]) -> None:
    site.story("gone.md", SECRET, topics=["AI", "Marsupials"], expiryDate=zulu(NOON + 30 * DAY))
    site.story("news/one.md", "One", related=[{"title": SECRET, "webUrl": "https://source.example/elsewhere"}])
    site.build()
    assert SECRET.encode() in everywhere(site)
    site.story("news/one.md", "One")

    depart(site)
    site.now += MINUTE
    site.build()

    assert SECRET.encode() not in everywhere(site)
    assert SECRET.lower().encode() not in everywhere(site)
    assert sorted(site.titles()) == ["One", "Three", "Two"]


def test_feed_once_public_stays_as_a_valid_empty_document(site: Site) -> None:
    site.build()
    paths = ("topics/cloud.atom", "topics/cloud.rss")
    heads = [(head.title, head.updated) for head in (feedparser.parse(site.feeds / path).feed for path in paths)]

    (site.content / "news/three.md").unlink()
    site.now += HOUR
    site.build()

    assert site.titles("topics/cloud") == []
    documents = [feedparser.parse(site.feeds / path) for path in paths]
    assert [document.bozo for document in documents] == [False, False]
    assert [document.entries for document in documents] == [[], []]
    assert [(document.feed.title, document.feed.updated) for document in documents] == heads


@pytest.mark.parametrize(
    "front",
    [{"published": False}, {"publishedDateTime": zulu(NOON + 1)}, {"expiryDate": zulu(NOON)}, {"deleted": True}],
    ids=["unpublished", "embargoed", "expired", "deleted"],
)
def test_topic_and_provider_without_public_article_have_no_feed(site: Site, front: dict[str, Any]) -> None:
    site.story("x.md", topics=["Ghosts"], provider={"name": "Ghost", "domain": "ghost.example"}, **front)
    site.build()

    assert [path for path in site.documents() if "ghost" in path] == []


def test_republished_article_is_updated_later_than_it_was_withdrawn(site: Site) -> None:
    front = {"topics": ["AI"], "publishedDateTime": "2024-05-02T08:00:00Z"}
    site.build()
    site.story("news/two.md", "Two", published=False, **front)
    site.now += HOUR
    pipeline = site.pipeline()
    pipeline.run(site.now)
    assert pipeline.ledger.retracted() == [("tag:news.example,2020:articles/two", NOON + HOUR)]
    assert pipeline.ledger.public() == 2

    site.story("news/two.md", "Two", **front)
    pipeline.run(site.now)
    assert pipeline.ledger.retracted() == []
    pipeline.close()

    assert modified(site)["Two"] == zulu(NOON + HOUR + 1)


# Embargo, expiry, and the clock


def embargoed(site: Site, instant: int) -> None:
    site.story(
        "later.md",
        f"{SECRET} title",
        excerpt=f"{SECRET} excerpt",
        body=f"{SECRET} body",
        topics=["AI", SECRET],
        provider={"name": SECRET, "domain": f"{SECRET.lower()}.example"},
        publishedDateTime=zulu(instant),
    )


def test_embargoed_article_changes_no_byte_before_its_instant(site: Site, tmp_path: Path) -> None:
    without = Site.copied(site.folder, tmp_path / "without")
    without.build()
    embargoed(site, NOON + HOUR)

    for moment in (NOON, NOON + 1, NOON + HOUR - 1):
        site.now = moment
        report = site.build()
        assert SECRET.lower() not in repr(report).lower()
        assert site.documents() == without.documents()


@pytest.mark.parametrize("earlier", [{"date": zulu(NOON - DAY), "publishedDateTime": None}, {}], ids=["date", "both"])
def test_what_hugo_publishes_later_is_not_seen_earlier(site: Site, earlier: dict[str, Any]) -> None:
    site.story("later.md", f"{SECRET} title", publishDate=zulu(NOON + HOUR), **earlier)
    for moment in (NOON, NOON + HOUR - 1, NOON + HOUR):
        site.now = moment
        site.build()
        assert (f"{SECRET} title".encode() in everywhere(site)) == (moment == NOON + HOUR)


def test_a_post_is_not_seen_before_the_day_in_its_name(site: Site) -> None:
    site.configure('[content]\ntimezone = "Europe/Berlin"\n')
    site.story("_posts/2024-06-02-later.md", f"{SECRET} title", publishedDateTime=None)
    midnight = NOON + 10 * HOUR  # in Berlin
    for moment in (NOON, midnight - 1, midnight):
        site.now = moment
        site.build()
        assert (f"{SECRET} title".encode() in everywhere(site)) == (moment == midnight)


def test_a_state_of_another_way_to_read_is_read_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier feedd took for public may be under embargo as this one reads it."""
    site.build()
    while site.build().read:  # the files may be too young for their stamps to be trusted
        pass

    monkeypatch.setattr("feedd.pipeline.REVISION", REVISION + 1)

    assert site.build().read == 3


CLOCKS = {
    "the instant itself": [0],
    "a later run": [10],
    "step by step": [-1800, -1, 0],
    "set back before": [-1800, -3000, -1, 0],
    "set back after": [5, -1800, -1, 3],
    "set back and forth": [5, -5, 5, -5, 0],
    "years ahead and back": [10 * 365 * DAY, -1, 0],
}


@pytest.mark.parametrize("restarted", [True, False], ids=["over restarts", "in one process"])
@pytest.mark.parametrize("clock", CLOCKS.values(), ids=list(CLOCKS))
def test_embargoed_article_is_there_from_its_instant_on(site: Site, clock: list[int], restarted: bool) -> None:
    """No file changes; what is seen follows from the clock. (A topic that once had a feed keeps its name.)"""
    instant = NOON + HOUR
    embargoed(site, instant)
    pipeline = site.pipeline()
    pipeline.run(NOON)
    for offset in clock:
        if restarted:
            pipeline.close()
            pipeline = site.pipeline()
        pipeline.run(instant + offset, hints=())
        assert (f"{SECRET} ".encode() in everywhere(site)) == (offset >= 0)
        assert (f"{SECRET} title" in site.titles()) == (offset >= 0)
    pipeline.close()
    assert site.titles(f"topics/{SECRET.lower()}") == [f"{SECRET} title"]


def test_article_expires_at_its_instant(site: Site) -> None:
    site.story("short.md", "Short", expiryDate=zulu(NOON + HOUR))
    site.build()
    site.now = NOON + HOUR - 1
    site.build()
    assert "Short" in site.titles()

    site.now = NOON + HOUR
    site.build()
    assert "Short" not in site.titles()


def test_article_that_came_and_went_between_two_runs_was_never_there(site: Site) -> None:
    site.story("blink.md", "Blink", publishedDateTime=zulu(NOON + MINUTE), expiryDate=zulu(NOON + 2 * MINUTE))
    site.build()
    before = stand(site)

    site.now = NOON + HOUR
    site.build()

    assert stand(site) == before


WINDOW = '[[feed]]\nname = "day"\ntitle = "Day"\nmax_age = "24h"\n'


def test_article_leaves_a_window_by_age_and_returns_if_the_clock_does(tmp_path: Path) -> None:
    site = Site(tmp_path, WINDOW)
    site.story("one.md", "One", publishedDateTime=zulu(NOON - HOUR))
    assert site.build().due == NOON + 23 * HOUR
    assert site.titles("day") == ["One"]

    site.now = NOON + 23 * HOUR
    site.build()
    assert site.titles("day") == []
    assert site.titles() == ["One"]

    site.now -= 1
    site.build()
    assert site.titles("day") == ["One"]


# Related links


def relating(site: Site, **front: Any) -> None:
    site.story("news/one.md", "One", related=[{"title": SECRET, "webUrl": "https://source.example/target"}], **front)


def related(site: Site) -> list[str]:
    [one] = [item for item in site.items() if item["title"] == "One"]
    return [link["title"] for link in one.get("_feedd", {}).get("related", [])]


def target(site: Site, path: str = "target.md", **front: Any) -> None:
    site.story(path, "Target", **{"webUrl": "https://www.source.example/target/?utm_source=x", **front})


def test_related_link_to_a_foreign_story_is_shown(site: Site) -> None:
    relating(site)
    site.build()

    assert related(site) == [SECRET]


@pytest.mark.parametrize(
    "front",
    [
        {"published": False},
        {"published": "yes"},
        {"deleted": True},
        {"publishedDateTime": zulu(NOON + DAY)},
        {"expiryDate": zulu(NOON - DAY)},
    ],
    ids=["unpublished", "published is text", "deleted", "embargoed", "expired"],
)
def test_related_link_to_a_local_article_that_is_not_seen_is_in_no_document(site: Site, front: dict[str, Any]) -> None:
    relating(site)
    target(site, **front)
    site.build()

    assert SECRET.encode() not in everywhere(site)


def test_new_unpublished_file_makes_a_foreign_link_local(site: Site) -> None:
    relating(site)
    site.build()
    assert related(site) == [SECRET]

    target(site, published=False)
    site.now += HOUR
    site.build()

    assert SECRET.encode() not in everywhere(site)
    assert modified(site)["One"] == zulu(NOON + HOUR)


def test_related_link_follows_the_article_that_it_leads_to(site: Site) -> None:
    relating(site)
    target(site, published=False)
    site.build()
    assert related(site) == []

    target(site)
    site.build()
    assert related(site) == [SECRET]

    target(site, published=False)
    site.build()
    assert related(site) == []

    (site.content / "target.md").unlink()
    site.build()
    assert related(site) == [SECRET]


def test_related_link_appears_when_an_embargo_ends_and_goes_with_expiry(site: Site) -> None:
    relating(site)
    target(site, publishedDateTime=zulu(NOON + HOUR), expiryDate=zulu(NOON + 2 * HOUR))
    seen = {}
    for moment in (NOON, NOON + HOUR - 1, NOON + HOUR, NOON + 2 * HOUR - 1, NOON + 2 * HOUR):
        site.now = moment
        site.build()
        seen[moment - NOON] = related(site)

    assert seen == {0: [], HOUR - 1: [], HOUR: [SECRET], 2 * HOUR - 1: [SECRET], 2 * HOUR: []}


def test_related_link_is_shown_if_any_article_of_that_story_is(site: Site) -> None:
    relating(site)
    target(site, published=False)
    target(site, "twin.md")
    site.build()

    assert related(site) == [SECRET]


def test_related_link_to_an_article_that_another_file_displaces_follows(site: Site) -> None:
    """Of two files with one id the first by path is seen: the link to the other one's story goes, and comes back."""
    relating(site)
    target(site, "z.md", guid="urn:same")
    site.build()
    assert related(site) == [SECRET]

    site.story("a.md", "First", guid="urn:same")
    site.build()
    assert related(site) == []

    (site.content / "a.md").unlink()
    site.build()
    assert related(site) == [SECRET]


def test_related_link_to_a_broken_file_that_says_not_to_publish_stays_hidden(site: Site) -> None:
    relating(site)
    target(site)
    site.build()

    site.write("target.md", "---\ntitle: [\npublished: false\n---\n")
    site.build()
    assert related(site) == []

    site.build()
    target(site)
    site.build()
    assert related(site) == [SECRET]


# Sticky feeds


def hot(site: Site, heat: int, **front: Any) -> None:
    site.story("one.md", "One", heat=heat, **front)
    site.build()


def test_article_that_was_hot_stays_over_restarts_and_edits(tmp_path: Path) -> None:
    site = Site(tmp_path, HOT)
    hot(site, 49)
    assert site.titles("hot") == []

    hot(site, 50)
    assert site.titles("hot") == ["One"]

    hot(site, 0)
    hot(site, 0, excerpt="Corrected.")
    assert site.titles("hot") == ["One"]


def test_article_that_was_hot_and_withdrawn_must_be_hot_again(tmp_path: Path) -> None:
    site = Site(tmp_path, HOT)
    hot(site, 50)
    hot(site, 0, published=False)
    assert site.titles("hot") == []

    hot(site, 0)
    assert site.titles("hot") == []
    assert site.titles() == ["One"]

    hot(site, 51)
    assert site.titles("hot") == ["One"]


def test_marks_of_articles_that_left_are_forgotten(tmp_path: Path) -> None:
    site = Site(tmp_path, HOT + 'max_age = "24h"\n')
    for name in ("stays", "goes", "ages"):
        published = NOON - (23 * HOUR if name == "ages" else HOUR)
        site.story(f"{name}.md", heat=60, publishedDateTime=zulu(published))
    site.build()

    (site.content / "goes.md").unlink()
    site.now += HOUR
    pipeline = site.pipeline()
    pipeline.run(site.now)

    assert pipeline.ledger.marks("hot") == {"tag:news.example,2020:articles/stays"}
    pipeline.close()
    assert site.titles("hot") == ["stays"]


def test_unranked_article_is_withheld_from_a_heat_feed_only(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "hot"\ntitle = "Hot"\nmin_heat = 0\n')
    site.story("unranked.md", heat=-1)
    site.story("silent.md")
    site.build()

    assert site.titles("hot") == ["silent"]
    assert sorted(site.titles()) == ["silent", "unranked"]


# Hints


def test_hinted_run_looks_at_hinted_paths_only(site: Site) -> None:
    site.settle()
    pipeline = site.pipeline()
    pipeline.run(site.now)
    site.story("news/one.md", "Uno")
    site.story("news/two.md", "Due")

    report = pipeline.run(site.now, hints=["news/one.md", "no/such.md", ".hidden.md", "../outside.md"])

    assert report.read == 1
    assert sorted(site.titles()) == ["Three", "Two", "Uno"]
    pipeline.run(site.now)
    assert sorted(site.titles()) == ["Due", "Three", "Uno"]
    pipeline.close()


def test_first_run_of_a_process_scans_everything_whatever_is_hinted(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now, hints=["news/one.md"])
    pipeline.close()

    assert site.titles() == ["One", "Two", "Three"]


def test_file_that_vanishes_while_others_are_read_counts_as_removed(site: Site) -> None:
    """Whether it is known already or new: it was there when the directory was listed."""
    late = [site.content / "z-known.md", site.content / "z-new.md"]

    def write(heat: int) -> None:
        for number in range(150):
            site.story(f"many/{number}.md", published=False, heat=heat)
        site.story("z-known.md", "Known", heat=heat)

    write(1)
    site.build()
    write(2)
    site.story("z-new.md", "New")

    def vanish(what: str, done: int, total: int) -> None:
        if done == 1:
            for file in late:
                file.unlink(missing_ok=True)

    pipeline = site.pipeline(progress=vanish)
    report = pipeline.run(site.now)
    pipeline.close()

    assert report.problems == ()
    assert site.titles() == ["One", "Two", "Three"]


def test_progress_is_told(site: Site) -> None:
    told: list[tuple[str, int, int]] = []
    pipeline = site.pipeline(progress=lambda what, done, total: told.append((what, done, total)))
    pipeline.run(site.now)
    pipeline.close()

    assert told == [("articles", n, 3) for n in (1, 2, 3)] + [("feeds", n, 6) for n in range(1, 7)]


def test_desk_and_names_of_feeds_are_there_without_a_run(site: Site) -> None:
    pipeline = site.pipeline()
    assert pipeline.feed_names() == ["all"]
    assert pipeline.problems() == []
    pipeline.close()


# Folders as hints


def after_hints(site: Site, change: Callable[[], object], *hints: str) -> Report:
    """A run that is told of some hints after a change; everything was looked at before."""
    site.settle()
    pipeline = site.pipeline()
    pipeline.run(site.now)
    change()
    report = pipeline.run(site.now, hints=hints)
    pipeline.close()
    return report


@pytest.fixture
def archive(site: Site) -> Path:
    """A folder with twelve more articles."""
    for number in range(12):
        site.story(f"archive/{number}.md", f"Old {number}", webUrl=f"https://source.example/old/{number}")
    return site.content / "archive"


def test_a_folder_that_came_is_looked_at_whole(site: Site, archive: Path, tmp_path: Path) -> None:
    archive.rename(tmp_path / "away")
    report = after_hints(site, lambda: (tmp_path / "away").rename(archive), "archive/")

    assert (report.read, len(report.came)) == (12, 12)


def test_a_folder_that_was_renamed_keeps_its_articles(site: Site, archive: Path) -> None:
    before = site.build() and site.documents()
    report = after_hints(site, lambda: archive.rename(site.content / "attic"), "archive/", "attic/")

    assert (report.read, report.left, report.written) == (12, (), ())
    assert site.documents() == before


def test_page_bundles_are_all_published_and_lead_to_their_own_pages(site: Site) -> None:
    site.configure('[content]\nown_pages = "https://news.example/{slug}/"\n')
    for folder in ("posts/boats", "posts/kites"):
        site.story(f"{folder}/index.md", folder, webUrl=None)
    site.build()

    items = {item["title"]: item for item in site.items() if item["title"].startswith("posts")}
    assert {title: item["url"] for title, item in items.items()} == {
        "posts/boats": "https://news.example/boats/",
        "posts/kites": "https://news.example/kites/",
    }
    assert {item["id"].rpartition("/")[2] for item in items.values()} == {"boats", "kites"}


def test_an_article_that_becomes_a_page_bundle_is_the_same(site: Site) -> None:
    """Nothing changes, not even where nobody could tell that by its address."""
    site.configure('[content]\nown_pages = "https://news.example/{slug}/"\n')
    file = site.story("posts/boats.md", "Boats", webUrl=None)
    site.build()
    before = site.documents()

    (site.content / "posts/boats").mkdir()
    file.rename(site.content / "posts/boats/index.md")
    site.now += HOUR
    report = site.build()

    assert (report.came, report.left, report.written) == ((), (), ())
    assert site.documents() == before


def test_a_page_bundle_that_is_renamed_keeps_its_id(site: Site) -> None:
    site.story("posts/boats/index.md", "Boats", webUrl="https://source.example/boats")
    site.build()
    before = {item["title"]: item["id"] for item in site.items()}

    (site.content / "posts/boats").rename(site.content / "posts/ships")
    site.build()

    assert {item["title"]: item["id"] for item in site.items()} == before


def test_a_page_bundle_that_was_told_by_the_name_of_its_file_keeps_that_id(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an upgrade finds it: what readers know does not come to them a second time."""
    with monkeypatch.context() as earlier:
        earlier.setattr("feedd.content.article.is_bundle", lambda path: False)
        site.story("posts/boats/index.md", "Boats")
        site.story("posts/kites/index.md", "Kites")
        site.build()
    assert "Kites" not in site.titles()
    before = {item["title"]: item["id"] for item in site.items()}

    monkeypatch.setattr("feedd.pipeline.REVISION", REVISION + 1)
    site.build()

    after = {item["title"]: item["id"] for item in site.items()}
    assert {title: after[title] for title in before} == before
    assert after["Kites"].endswith("/kites")


def test_articles_of_a_folder_that_is_gone_leave(site: Site, archive: Path, tmp_path: Path) -> None:
    site.configure("[guard]\ncount = 100\n")
    report = after_hints(site, lambda: archive.rename(tmp_path / "away"), "archive/")

    assert len(report.left) == 12
    assert not [title for title in site.titles() if title.startswith("Old")]


def test_a_folder_beside_one_that_is_hinted_is_left_alone(site: Site, archive: Path) -> None:
    site.story("archive-2/a.md", "Other", webUrl="https://source.example/other")

    def change() -> None:
        for path in (archive / "3.md", site.content / "archive-2" / "a.md"):
            path.write_text(path.read_text("utf-8").replace("title: ", "title: New "), "utf-8")

    report = after_hints(site, change, "archive/")

    assert (report.read, len(report.changed)) == (1, 1)


def test_hidden_folders_and_those_that_are_left_out_hold_nothing(site: Site) -> None:
    def change() -> None:
        for folder in (".git", "node_modules", "a/.hidden", "a/node_modules/b"):
            site.story(f"{folder}/secret.md", "Secret", webUrl="https://source.example/secret")

    report = after_hints(site, change, ".git/", "node_modules/", "a/.hidden/", "a/node_modules/b/", "no/such/")

    assert (report.read, report.problems) == (0, ())


@pytest.mark.parametrize("name", [b"caf\xe9.md", b"caf\xe9.jpg", b"caf\xe9/a.md"])
def test_a_hint_that_is_not_utf8_costs_nothing_else(site: Site, name: bytes) -> None:
    def change() -> None:
        site.story(path, "Nameless")
        site.story("new.md", "New", webUrl="https://source.example/new")

    path = os.fsdecode(name)
    report = after_hints(site, change, path, f"{path.partition('/')[0]}/", "new.md")

    assert len(report.came) == 1
    assert {problem.kind for problem in report.problems} <= {"bad-file-name"}


def test_the_folder_of_all_is_looked_at_as_in_a_scan(site: Site, archive: Path) -> None:
    def change() -> None:
        (archive / "3.md").unlink()
        site.story("new.md", "New", webUrl="https://source.example/new")

    report = after_hints(site, change, "/", "new.md")

    assert (len(report.came), len(report.left)) == (1, 1)


def test_a_report_says_what_is_wrong_with_the_files_that_were_read(site: Site) -> None:
    site.write("broken.md", "---\ntitle: [\n---\n")
    broken = site.build()
    site.settle()
    site.build()
    again = site.build()

    assert [problem.file for problem in broken.noticed] == ["broken.md"]
    assert list(again.noticed) == []


def test_what_is_wrong_with_a_file_is_told_once_though_it_is_read_again_to_be_sure(site: Site) -> None:
    def slip() -> None:
        site.story("slip.md", "Slip", publishedDateTime="2024-05-01 08:00")

    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        slip()
        told = [list(pipeline.run(site.now).noticed) for _ in range(2)]
        site.settle()
        pipeline.run(site.now)
        slip()
        told.append(list(pipeline.run(site.now).noticed))
    assert [[problem.kind for problem in some] for some in told] == [["naive-date"], [], ["naive-date"]]


def test_a_run_after_a_rest_gives_what_it_would_have_given(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    pipeline.rest()
    site.story("new.md", "New", webUrl="https://source.example/new")
    pipeline.run(site.now, hints=["new.md"])
    pipeline.close()

    assert set(site.titles()) == {"New", "One", "Two", "Three"}


# What is not read


def test_front_matter_in_toml_is_told_of_once_and_no_article(site: Site) -> None:
    site.write("toml.md", '+++\ntitle = "Quokka"\npublished = true\n+++\n')
    told = [[problem.kind for problem in site.build().noticed] for _ in range(2)]

    assert told == [["toml-front-matter"], []]
    assert SECRET.encode() not in everywhere(site)

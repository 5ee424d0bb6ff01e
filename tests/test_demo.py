"""The demo: that it shows every feature it is there to show, and holds nothing but inventions."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from feedd.check import check
from feedd.desk import Desk
from feedd.testing import Site

DEMO = Path(__file__).parent.parent / "config" / "demo"
THIS_YEAR = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
NEXT_CENTURY = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())

Documents = dict[str, bytes]
Item = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The demo as it is built in 2026; not to be changed."""
    site = Site.copied(DEMO, tmp_path_factory.mktemp("demo"))
    site.now = THIS_YEAR
    site.build()
    return site


@pytest.fixture(scope="module")
def documents(site: Site) -> Documents:
    return site.documents()


def items(documents: Documents, feed: str) -> dict[str, Item]:
    """The items of a feed by title, in order."""
    return {item["title"]: item for item in json.loads(documents[f"{feed}.json"])["items"]}


def test_one_file_is_broken_and_the_other_mistakes_cost_nothing_else(site: Site) -> None:
    problems, states = check(Desk(site.config, thorough=True), site.file, site.now)

    assert [(problem.kind, problem.file, problem.line) for problem in problems if problem.severity == "error"] == [
        ("bad-date", "news/2024-02-30-the-day-that-never-was.md", 5)
    ]
    assert Counter(problem.kind for problem in problems if problem.severity == "warning") == {
        "duplicate-story": 1,
        "far-date": 1,
        "mojibake": 1,
        "naive-date": 1,
        "published-not-boolean": 1,
        "unknown-topic": 1,
    }
    assert states == {"article": 31, "broken": 1, "skipped": 1}


def test_feeds_of_six_topics_eight_providers_and_a_few_of_its_own(documents: Documents) -> None:
    feeds = {path.removesuffix(".atom") for path in documents if path.endswith(".atom")}

    assert sorted(feed.removeprefix("topics/") for feed in feeds if feed.startswith("topics/")) == [
        "bicycles",
        "kitchen",
        "mending",
        "night-sky",
        "repair",  # the former name of mending
        "street-trees",
        "tea-and-coffee",
    ]
    assert sorted(feed.removeprefix("providers/") for feed in feeds if feed.startswith("providers/")) == [
        "answering-sock.example",
        "chanoma.example",
        "crumb-quarterly.example",
        "films.quiet-marvels.example",
        "nachthimmelbote.example",
        "puddlewick-gazette.example",
        "risalat-al-qamar.example",
        "three-spokes.example",
    ]
    assert sorted(feed for feed in feeds if "/" not in feed) == ["all", "best", "deutsch", "letters", "moon", "videos"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("postcard", id="under embargo"),
        pytest.param("ferry", id="not published, nor as a related link"),
        pytest.param("pigeon", id="deleted"),
        pytest.param("post box", id="published as text"),
        pytest.param("lost gloves", id="expired"),
        pytest.param("July letter", id="letter that says no"),
        pytest.param("never was", id="broken"),
        pytest.param("sent in once more", id="told before"),
        pytest.param("page.title", id="template"),
        pytest.param("one file a story", id="plain text note"),
        pytest.param("VGhpcyBpcyBub3Qg", id="secured"),
        pytest.param("bm90IGZvciByZWFk", id="featured content"),
        pytest.param("xcerpts of related", id="excerpt of a related story"),
        pytest.param("<script", id="script"),
        pytest.param("&lt;script", id="escaped script"),
        pytest.param("iframe", id="frame"),
        pytest.param("onclick", id="event handler"),
        pytest.param("cdn.example", id="copy of a page elsewhere"),
    ],
)
def test_no_document_holds(words: str, documents: Documents) -> None:
    own = re.compile(r'<script src="(\.\./)?assets/feedd\.js" defer></script>')  # of pages
    texts = {path: own.sub("", data.decode()).lower() for path, data in documents.items() if path[:7] != "assets/"}
    assert [path for path, text in texts.items() if words.lower() in text] == []


@pytest.mark.parametrize("words", [b"VGhpcyBpcyBub3Qg", b"bm90IGZvciByZWFk"], ids=["secured", "featured content"])
def test_the_state_does_not_hold(words: bytes, site: Site) -> None:
    assert [path for path in site.state.iterdir() if words in path.read_bytes()] == []


def test_time_brings_the_postcard_and_closes_the_museum(tmp_path: Path) -> None:
    site = Site.copied(DEMO, tmp_path)
    site.now = THIS_YEAR
    site.build()
    before = items(site.documents(), "all").keys()
    site.now = NEXT_CENTURY
    site.build()
    after = items(site.documents(), "all").keys()

    assert after - before == {"A postcard from the far side of the moon"}
    assert before - after == {"The museum of borrowed umbrellas is open until further notice"}


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("月夜のほうじ茶", id="Japanese"),
        pytest.param("هلالٌ فوق الميناء", id="Arabic, right to left"),
        pytest.param("Ένα ποδήλατο, δύο καρπούζια", id="Greek"),
        pytest.param("Wie man eine Straßenlinde grüßt", id="German"),
        pytest.param("A sock is a letter you can answer 🧦✉️", id="emoji"),
        pytest.param("Salt & patience: bread for people who can’t sit still", id="HTML entities"),
    ],
)
def test_titles_of_all_scripts_reach_subscribers_in_every_format(title: str, documents: Documents) -> None:
    assert title in items(documents, "all")
    assert all(
        title in [entry.title for entry in feedparser.parse(documents[f"all.{suffix}"]).entries]
        for suffix in ("atom", "rss")
    )


def test_readers_read_every_document_without_complaint(documents: Documents) -> None:
    xml = {path: data for path, data in documents.items() if path.endswith((".atom", ".rss"))}

    assert {path: parsed.bozo for path, data in xml.items() if (parsed := feedparser.parse(data)).bozo} == {}


def test_renamed_topic_keeps_its_former_feed(documents: Documents) -> None:
    assert "A sock is a letter you can answer 🧦✉️" in items(documents, "topics/mending")
    assert documents["topics/mending.atom"] == documents["topics/repair.atom"]


def test_kitchen_takes_what_is_told_under_tea_and_coffee(documents: Documents) -> None:
    assert items(documents, "topics/tea-and-coffee").keys() < items(documents, "topics/kitchen").keys()


def test_video_without_a_page_elsewhere_is_read_on_the_own_page(documents: Documents) -> None:
    video = items(documents, "videos")["How bread gets up in the morning"]

    assert video["url"] == "https://quiet-marvels.example/stories/how-bread-gets-up/"
    assert video["external_url"] == "https://films.quiet-marvels.example/watch/how-bread-gets-up"


def test_bodies_in_markdown_and_html_keep_what_is_harmless(documents: Documents) -> None:
    stories = items(documents, "all")
    census = stories["We counted the trees of Kettle Street, and they counted us"]["content_html"]
    choir = stories["The kettle choir needs a bass"]["content_html"]

    assert "<strong>one afternoon</strong>" in census
    assert 'href="https://puddlewick-gazette.example/2024/04/tree-census/map.html"' in census
    assert "<em>crescendo</em>" in choir
    assert 'href="https://crumb-quarterly.example/cups.html"' in choir


def test_related_links_show_foreign_and_public_stories(documents: Documents) -> None:
    library = items(documents, "all")["The bicycle that tows a library"]

    assert [link["title"] for link in library["_feedd"]["related"]] == [
        "How to listen to a loaf",
        "A short history of the bicycle bell",
    ]


def test_text_in_a_wrong_encoding_is_repaired(documents: Documents) -> None:
    assert items(documents, "all")["A puncture is a pause"]["summary"].startswith("Nobody’s in a hurry")


def test_naive_date_is_read_in_the_zone_of_the_site(documents: Documents) -> None:
    assert items(documents, "all")["Eleven minutes past closing time"]["date_published"] == "2024-05-18T21:11:00Z"


def test_letters_are_published_by_default_and_in_their_own_feed_only(documents: Documents) -> None:
    letters = items(documents, "letters").keys()

    assert list(letters) == ["The June letter: a queue in the dark", "The May letter: what the swifts brought"]
    assert not letters & items(documents, "all").keys()


def test_best_is_ordered_by_heat_and_takes_the_hot_alone(documents: Documents) -> None:
    best = list(items(documents, "best"))

    assert best[0] == "A sock is a letter you can answer 🧦✉️"
    assert best[1] == "The bicycle that tows a library"
    assert len(best) == 10
    assert "A puncture is a pause" not in best


def test_feeds_by_language_and_by_words_of_the_title(documents: Documents) -> None:
    assert {item["language"] for item in items(documents, "deutsch").values()} == {"de"}
    assert list(items(documents, "moon")) == [
        "The moon rents a boat",
        "هلالٌ فوق الميناء",
        "Mond über dem Schrebergarten: eine Gebrauchsanweisung",
    ]


def test_schemas_of_both_generations_occur() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (DEMO / "content").rglob("*.md")]

    assert any("\nsourceUrl:" in text and "\nampUrl:" in text for text in texts)
    assert any("\noriginalUrl:" in text and "\nampWebUrl:" in text for text in texts)


def test_every_host_is_invented() -> None:
    sources = [DEMO / "feedd.toml", *(path for path in (DEMO / "content").rglob("*") if path.is_file())]
    hosts = {host for path in sources for host in re.findall(r"https?://([^/\s\"')>]+)", path.read_text("utf-8"))}

    assert sorted(host for host in hosts if not host.endswith(".example")) == ["127.0.0.1:8000"]


def test_it_names_its_feeds_where_it_serves_them_to_this_machine_alone(site: Site) -> None:
    assert site.config.site.feeds_url == f"http://{site.config.server.listen}/" == "http://127.0.0.1:8000/"

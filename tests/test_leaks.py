"""What is withdrawn or not yet to be seen is in no document, whatever else went wrong at the same time."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from feedd.errors import PublishError
from feedd.feeds.entry import Document
from feedd.publish.directory import Directory, Placed
from feedd.publish.lock import sole_writer
from feedd.testing import Site, article

SECRET = "The secret story"


def leaks(site: Site, words: str = SECRET) -> list[str]:
    """The documents that hold the words."""
    return [path for path, data in site.documents().items() if words.encode() in data]


class _Death(BaseException):
    """The end of a process, as by `kill -9`: nothing after it is done."""


class DyingDirectory(Directory):
    """An output directory that takes some documents, and then the process dies."""

    def __init__(self, root: Path, after: int) -> None:
        super().__init__(root)
        self.left = after

    def put(self, document: Document) -> Placed:
        if self.left == 0:
            raise _Death
        self.left -= 1
        return super().put(document)


@pytest.mark.parametrize("after", [3, 6, 8])
def test_documents_of_a_run_that_died_do_not_keep_what_was_withdrawn_since(tmp_path: Path, after: int) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.build()
    site.story("new.md", SECRET, topics=["Fresh"], provider={"name": "New", "domain": "new.example"})
    pipeline = site.pipeline(DyingDirectory(site.feeds, after))
    with pytest.raises(_Death):
        pipeline.run(site.now)
    pipeline.close()
    site.story("new.md", SECRET, topics=["Fresh"], published=False)
    site.build()
    assert leaks(site) == []


def test_documents_of_a_lost_state_do_not_keep_what_was_withdrawn_since(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.story("new.md", SECRET, topics=["Fresh"])
    site.build()
    shutil.rmtree(site.state)
    site.story("new.md", SECRET, topics=["Fresh"], published=False)
    site.configure('[output]\nformats = ["atom"]\n')
    site.build()
    assert leaks(site) == []


def test_a_lost_state_and_missing_content_leave_the_feeds_as_they_are(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.build()
    before = site.documents()
    shutil.rmtree(site.state)
    for away in (lambda: (site.content / "a.md").unlink(), site.content.rmdir):
        away()
        report = site.build()
        assert site.documents() == before
        assert "guard" in {problem.kind for problem in report.problems}
    site.story("a.md")
    assert site.build().problems == ()
    assert site.documents() == before


HIDDEN = {"webUrl": "https://own.example/hidden", "originalUrl": "https://else.example/x", "published": False}


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("https://own.example/hidden", HIDDEN),
        ("https://else.example/x?utm_source=feed", HIDDEN),
        ("https://else.example/amp", {**HIDDEN, "ampUrl": "https://else.example/amp"}),
        (
            "https://news.example/own/hidden/",
            {"webUrl": None, "originalUrl": "https://else.example/y", "published": False},
        ),
        ("https://else.example/x", {**HIDDEN, "published": True, "publishedDateTime": "2099-01-01T00:00:00Z"}),
    ],
    ids=["web-url", "original", "amp", "own-page", "embargo"],
)
def test_no_related_link_leads_to_an_article_that_is_not_public(
    tmp_path: Path, url: str, hidden: dict[str, object]
) -> None:
    site = Site(tmp_path, '[content]\nown_pages = "https://news.example/own/{slug}/"\n')
    site.story("open.md", related=[{"title": SECRET, "webUrl": url}])
    site.build()
    assert leaks(site) != []
    site.story("hidden.md", "Hidden", **hidden)
    site.build()
    assert leaks(site) == []
    (site.content / "hidden.md").unlink()
    site.build()
    assert leaks(site) != []


def test_moved_and_unpublished_at_once_is_held_back_as_a_whole(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(30):
        site.story(f"news/{number}.md")
    site.build()
    before = site.documents()
    for number in range(30):
        (site.content / f"news/{number}.md").unlink()
        site.story(f"archive/{number}.md", published=False)
    report = site.build()
    assert report.withheld == 30
    assert site.documents() == before
    site.build(approved=True)
    assert b"<entry>" not in site.documents()["all.atom"]


def test_an_emptied_file_keeps_its_article_and_is_reported_until_mended(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md", SECRET)
    site.build()
    site.write("a.md", b"")
    for _ in range(2):
        site.build()
        pipeline = site.pipeline()
        assert [problem.kind for problem in pipeline.problems()] == ["empty-file"]
        pipeline.close()
    assert leaks(site) != []


SAYINGS = [
    "published: true\npublished: true",
    "published: yes please",
    "published: true\ndeleted: yes please",
    "published: true\ndeleted: [true]",
    "published: true\ndeleted: true\ndeleted: false",
    "published: true\nDeleted: true",
    "published: true\nPublished: false",
    "published: true\nexpirydate: 2024-01-01",
    "published: true\npublishedDateTime: 2099-01-01T00:00:00Z\npublishedDateTime: 2024-05-01T00:00:00Z",
]


@pytest.mark.parametrize("lines", SAYINGS)
def test_in_doubt_an_article_is_not_published(tmp_path: Path, lines: str) -> None:
    site = Site(tmp_path)
    site.write("a.md", article(SECRET, published=None).replace("---\n", f"---\n{lines}\n", 1))
    site.build()
    assert leaks(site) == []


@pytest.mark.parametrize(
    "data",
    [
        b"\n\n\n\n\n---\ntitle: [\npublished: false\n---\n",
        b"\xef\xbb\xbf\n\n---\ntitle: [\npublished: false\n---\n",
        "---\ntitle: x\npublished: false\n---\n".encode("utf-16"),
        b"---\ntitle: x\n---\npublished: false\n---\ntitle: [",
        b"---\ntitle: [\n---\npublished: false\n",
    ],
    ids=["blank-lines", "bom-and-blank-lines", "utf-16", "second-fence", "after-a-fence"],
)
def test_a_broken_file_that_says_not_to_be_published_is_withdrawn(tmp_path: Path, data: bytes) -> None:
    site = Site(tmp_path)
    site.story("a.md", SECRET)
    site.build()
    site.write("a.md", data)
    site.build()
    assert leaks(site) == []


@pytest.mark.parametrize(
    "line",
    ["secured: !!int {}", "secured: !!float {}", "secured: !{} x", "secured: *{}", 'secured: "{}', "secured: [{}"],
)
def test_no_message_quotes_what_is_secured(tmp_path: Path, line: str) -> None:
    site = Site(tmp_path)
    token = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo"
    site.write("a.md", article(SECRET).replace("---\n", f"---\n{line.format(token)}\n", 1))
    site.build()
    pipeline = site.pipeline()
    messages = " ".join(map(str, pipeline.problems()))
    pipeline.close()
    assert token.lower() not in messages.lower()


def test_a_feed_of_somebody_else_in_the_output_directory_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.feeds.mkdir()
    podcast = site.feeds / "podcast.rss"
    podcast.write_text(
        '<rss><channel><atom:link rel="self" href="https://news.example/feeds/podcast.rss"/></channel></rss>'
    )
    before = podcast.read_bytes()
    site.story("a.md")
    site.build()
    site.build()
    assert podcast.read_bytes() == before


def test_two_cannot_write_into_one_directory_at_once(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "feeds"):
        with pytest.raises(PublishError, match=f"process {os.getpid()},"), sole_writer(tmp_path / "feeds"):
            raise AssertionError("a second writer was let in")
        with sole_writer(tmp_path / "other"):
            pass
    with sole_writer(tmp_path / "feeds"):
        pass


ADDRESSES = ("webUrl", "link", "originalUrl", "sourceUrl", "ampWebUrl", "ampUrl", "cdnAmpWebUrl", "cdnAmpUrl")


@pytest.mark.parametrize("broken", [False, True], ids=["draft", "draft that cannot be read"])
@pytest.mark.parametrize("key", ADDRESSES)
def test_no_related_link_leads_to_a_draft_by_any_of_its_addresses(tmp_path: Path, key: str, broken: bool) -> None:
    site = Site(tmp_path)
    urls = {name: f"https://source.example/{name}" for name in ADDRESSES}
    site.story("draft.md", SECRET, published=False, **urls)
    if broken:
        text = (site.content / "draft.md").read_text()
        site.write("draft.md", text.replace(f'"{SECRET}"', f'"{SECRET}'))
    site.story("a.md", related=[{"title": SECRET, "webUrl": f"{urls[key]}?utm_source=x"}])
    site.build()

    assert site.titles() == ["a"]
    assert leaks(site) == []


def test_addresses_of_a_draft_are_known_still_when_it_breaks(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("draft.md", SECRET, ampUrl="https://source.example/amp", ampWebUrl="https://source.example/amp2")
    site.build()
    site.write("draft.md", "---\npublished: false\ntitle: [\n---\n")
    site.story("a.md", related=[{"title": SECRET, "webUrl": "https://source.example/amp"}])
    site.build()

    assert leaks(site) == []


def test_temporary_files_of_a_first_run_that_was_killed_are_removed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    for folder in ("", "topics/", "providers/"):
        (site.feeds / folder).mkdir(parents=True, exist_ok=True)
        (site.feeds / folder / ".secret.atom.4711.feedd-tmp").write_text(SECRET)
    site.build()

    assert leaks(site) == []


@pytest.mark.parametrize("before", ['\naliases = ["Ocean"]', '\n[[taxonomy.topic]]\nname = "Ocean"'])
def test_a_name_that_now_leads_to_a_topic_without_articles_shows_none(tmp_path: Path, before: str) -> None:
    site = Site(tmp_path, f'[[taxonomy.topic]]\nname = "Sea"{before}\n')
    site.story("first.md", SECRET, topics=["Sea", "Ocean"])
    site.build()
    assert "topics/ocean.atom" in leaks(site)
    site.configure('[[taxonomy.topic]]\nname = "Water"\naliases = ["Ocean", "Sea"]\n')
    site.story("first.md", SECRET, published=False)
    site.story("second.md", topics=[])
    site.build()
    assert leaks(site) == []
    assert site.titles("topics/ocean") == site.titles("topics/water") == []


def test_a_former_name_in_a_format_that_is_used_no_more_shows_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[taxonomy.topic]]\nname = "Ocean"\n')
    site.story("first.md", SECRET, topics=["Ocean"])
    site.build()
    assert "topics/ocean.rss" in leaks(site)
    site.configure('[output]\nformats = ["json"]\n[[taxonomy.topic]]\nname = "Sea"\naliases = ["Ocean"]\n')
    site.build()
    site.story("first.md", SECRET, published=False)
    site.story("second.md", topics=[])
    site.build()
    assert leaks(site) == []
    assert not (site.feeds / "topics" / "sea.rss").exists()


# Pages, lists and archives

EVERYTHING = "[output]\nlimit = 1\n[pages]\nenabled = true\n"


def furnished(tmp_path: Path, settings: str = EVERYTHING, **front: Any) -> Site:
    """A site where the story is the newest of its topic, and in an archive of all others."""
    site = Site(tmp_path, settings)
    site.story("first.md", SECRET, topics=["Ocean"], **front)
    site.story("later.md", publishedDateTime="2024-05-20T08:00:00Z")
    site.story("latest.md", publishedDateTime="2024-05-21T08:00:00Z")
    return site


def test_a_published_story_is_on_pages_in_lists_and_in_archives(tmp_path: Path) -> None:
    site = furnished(tmp_path)
    site.build()
    assert {"topics/ocean.html", "index.html", "all/2024-05.atom", "all/2024-05.json"} <= set(leaks(site))


@pytest.mark.parametrize("front", [{"published": False}, {"removed": True}, {"publishedDateTime": "2030-01-01"}])
def test_a_withdrawn_story_is_on_no_page_in_no_list_and_in_no_archive(tmp_path: Path, front: dict[str, Any]) -> None:
    site = furnished(tmp_path)
    site.build()
    site.story("first.md", SECRET, topics=["Ocean"], **front)
    site.build()
    assert leaks(site) == []


@pytest.mark.parametrize("front", [{"published": False}, {"publishedDateTime": "2030-01-01"}])
def test_what_was_never_public_is_on_no_page_and_in_no_list_or_archive(tmp_path: Path, front: dict[str, Any]) -> None:
    site = furnished(tmp_path, **front)
    site.build()
    assert leaks(site) == []
    assert not [path for path, data in site.documents().items() if b"cean" in path.encode() + data], "nor is its topic"


def test_a_former_name_that_was_a_feed_keeps_no_archive_and_is_in_no_list(tmp_path: Path) -> None:
    topic = '[[taxonomy.topic]]\nname = "{}"\n'
    site = furnished(tmp_path, EVERYTHING + topic.format("Ocean"))
    site.story("another.md", topics=["Ocean"], publishedDateTime="2024-05-22T08:00:00Z")
    site.build()
    assert "topics/ocean/2024-05.atom" in leaks(site)
    site.configure(EVERYTHING + topic.format("Sea") + 'aliases = ["Ocean"]\n')
    site.build()
    assert not (site.feeds / "topics/ocean").exists()
    assert b"topics/ocean" not in site.documents()["index.html"] + site.documents()["feeds.opml"]
    site.story("first.md", SECRET, topics=["Ocean"], published=False)
    site.build()
    assert leaks(site) == []


def test_pages_that_are_no_longer_wanted_go(tmp_path: Path) -> None:
    site = furnished(tmp_path)
    site.build()
    site.configure("[output]\nlimit = 1\n[pages]\nenabled = false\n")
    site.build()
    assert not [path for path in site.documents() if path.rpartition(".")[2] not in {"atom", "rss", "json"}]


def test_pages_of_a_lost_state_show_nothing_that_was_withdrawn(tmp_path: Path) -> None:
    site = furnished(tmp_path)
    site.build()
    shutil.rmtree(site.state)
    (site.content / "first.md").unlink()
    site.build()
    assert leaks(site) == []


def test_pages_that_are_no_longer_wanted_go_also_after_the_state_was_lost(tmp_path: Path) -> None:
    site = furnished(tmp_path)
    site.build()
    shutil.rmtree(site.state)
    site.configure("[output]\nlimit = 1\n[pages]\nenabled = false\n")
    site.build()
    assert not [path for path in site.documents() if path.endswith(".html")]

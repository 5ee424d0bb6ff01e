"""Pages, list and assets as a site has them: made by runs, kept through mistakes, never with what is not public."""

from pathlib import Path

import pytest
from lxml import etree

from feedd.testing import NOON, Site

DAY = 86400


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, "[pages]\n")
    site.story("a.md", "Of whales", topics=["Sea"], publishedDateTime="2024-05-02T08:00:00Z")
    site.story("b.md", "Of hills", topics=["Land"])
    return site


def with_templates(site: Site, **templates: str) -> Path:
    """Give a site templates of its own; gives their directory."""
    folder = site.folder / "mine"
    folder.mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    site.configure('[pages]\ntemplates = "mine"')
    return folder


def test_every_feed_has_a_page_and_all_are_on_the_index_and_in_the_list(site: Site) -> None:
    site.build()
    documents = site.documents()
    feeds = {path.removesuffix(".atom") for path in documents if path.endswith(".atom")}
    index = etree.HTML(documents["index.html"])
    outlines = etree.fromstring(documents["feeds.opml"]).xpath("//outline/@htmlUrl")

    assert feeds == {"all", "topics/sea", "topics/land", "providers/source.example"}
    assert {f"{name}.html" for name in feeds} | {"index.html"} == {path for path in documents if path.endswith(".html")}
    assert set(index.xpath("//h3/a/@href")) == {f"{name}.html" for name in feeds}
    assert set(outlines) == {f"https://news.example/feeds/{name}.html" for name in feeds}
    assert {path for path in documents if path.startswith("assets/")} == {
        "assets/feed.css",
        "assets/feedd.css",
        "assets/feedd.js",
        "assets/feedd.svg",
    }


def test_index_counts_and_tells_the_newest(site: Site) -> None:
    site.build()
    index = etree.HTML(site.documents()["index.html"])

    assert [" ".join(facts.xpath("string()").split()) for facts in index.xpath("//p[@class='facts']")] == [
        "2 stories, newest 2 May 2024",
        "1 story, newest 1 May 2024",
        "1 story, newest 2 May 2024",
        "2 stories, newest 2 May 2024",
    ]
    assert index.xpath("//p[@class='news']/a/text()") == ["Of whales", "Of hills", "Of whales", "Of whales"]


def test_atom_and_rss_name_the_style_sheet_that_is_there(site: Site) -> None:
    site.build()
    documents = site.documents()

    line = b'<?xml-stylesheet type="text/css" href="https://news.example/feeds/assets/feed.css"?>'
    assert all(line in documents[f"topics/sea.{suffix}"] for suffix in ("atom", "rss"))
    assert "assets/feed.css" in documents


def test_what_is_not_public_is_on_no_page_and_in_no_list(site: Site) -> None:
    site.story("later.md", "Of secrets", topics=["Deep"], publishedDateTime="2024-06-02T12:00:00Z")
    site.story("draft.md", "Of secrets", topics=["Deep"], published=False)
    site.build()
    before = site.documents()
    site.now = NOON + DAY
    site.build()
    after = site.documents()

    assert [path for path, data in before.items() if b"ecrets" in data or b"Deep" in data or b"deep" in data] == []
    assert b"Of secrets" in after["all.html"]
    assert b"topics/deep.html" in after["index.html"]
    assert b"topics/deep.atom" in after["feeds.opml"]


def test_withdrawn_story_leaves_pages_and_index(site: Site) -> None:
    site.build()
    site.story("a.md", "Of whales", topics=["Sea"], published=False)
    site.build()

    assert [path for path, data in site.documents().items() if b"Of whales" in data] == []


def test_edit_that_nobody_sees_writes_no_page(site: Site) -> None:
    site.build()
    site.story("a.md", "Of whales", topics=["Sea"], publishedDateTime="2024-05-02T08:00:00Z", heat=99)
    assert site.build().written == ()


def test_edit_changes_the_pages_that_show_it_and_no_other(site: Site) -> None:
    site.build()
    site.story("a.md", "Of whales", topics=["Sea"], publishedDateTime="2024-05-02T08:00:00Z", excerpt="New words.")
    written = set(site.build().written)

    assert {path for path in written if path.endswith(".html")} == {
        "all.html",
        "topics/sea.html",
        "providers/source.example.html",
    }
    assert not written & {"feeds.opml", "assets/feedd.css"}


def test_template_that_changes_changes_the_pages_with_the_next_run(site: Site) -> None:
    folder = with_templates(site, entry="<h3>Before {{ entry.title }}</h3>")
    site.build()
    assert b"Before Of whales" in site.documents()["topics/sea.html"]

    (folder / "entry.html").write_text("<h3>Afterwards {{ entry.title }}</h3>")
    site.build()
    assert b"Afterwards Of whales" in site.documents()["topics/sea.html"]
    assert b"Before" not in site.documents()["all.html"]


def test_asset_that_changes_is_written_with_the_next_run(site: Site) -> None:
    folder = with_templates(site)
    (folder / "assets").mkdir()
    site.build()
    (folder / "assets" / "feedd.css").write_text("body { color: teal }")
    site.build()

    assert site.documents()["assets/feedd.css"] == b"body { color: teal }"


@pytest.mark.parametrize("template", ["entry", "feed", "row", "index", "words", "base"])
def test_slip_in_a_template_keeps_the_pages_as_they_were_and_costs_no_feed(site: Site, template: str) -> None:
    folder = with_templates(site)
    site.build()
    pages = {path: data for path, data in site.documents().items() if path.endswith(".html")}

    (folder / f"{template}.html").write_text("{{ nothing }}\n{% endfor %}")
    site.story("a.md", "Of white whales", topics=["Sea"], publishedDateTime="2024-05-02T08:00:00Z")
    report = site.build()
    documents = site.documents()

    assert {(one.kind, one.file, one.line) for one in report.problems} == {
        ("template", str(folder / f"{template}.html"), 2)
    }
    assert b"Of white whales" in documents["topics/sea.atom"]
    assert all(
        pages[path].startswith(b"<!DOCTYPE html>") and documents[path].startswith(b"<!DOCTYPE html>") for path in pages
    )
    assert b"topics/sea.atom" in documents["feeds.opml"]

    (folder / f"{template}.html").unlink()
    assert site.build().problems == ()
    assert b"Of white whales" in site.documents()["topics/sea.html"]
    assert b"Of white whales" in site.documents()["index.html"]


def test_without_pages_there_are_none_and_feeds_lead_to_none(site: Site) -> None:
    site.build()
    site.configure("[pages]\nenabled = false")
    site.build()
    documents = {path: data for path, data in site.documents().items() if path != "feeds.opml"}

    assert {path.rpartition(".")[2] for path in documents} == {"atom", "rss", "json"}
    assert [path for path, data in documents.items() if b"xml-stylesheet" in data or b".html" in data] == []

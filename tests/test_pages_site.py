"""Pages, list and assets as a site has them: made by runs, whatever is wrong, never with what is not public."""

from pathlib import Path

import pytest
from lxml import etree

from feedd.errors import Problem
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


def test_article_is_shown_on_the_day_that_its_file_names_wherever_the_site_is(site: Site) -> None:
    site.write("c.md", "---\ntitle: Of larks\ndate: 2024-05-20\npublished: true\nwebUrl: https://a.example/\n---\n")
    site.configure('[pages]\n[content]\ntimezone = "Europe/Berlin"')
    site.build()
    documents = {path: etree.HTML(data) for path, data in site.documents().items() if path.endswith(".html")}
    (shown, *_) = documents["all.html"].xpath("//article//time")

    assert (shown.text, shown.get("datetime")) == ("20 May 2024, 00:00 CEST", "2024-05-19T22:00:00Z")
    assert documents["index.html"].xpath("//time[@datetime='2024-05-19T22:00:00Z']/text()") == ["20 May 2024"] * 2


def test_pages_follow_the_time_zone_that_is_configured(site: Site) -> None:
    site.build()
    site.configure('[pages]\n[content]\ntimezone = "Asia/Tokyo"')
    site.build()
    documents = site.documents()

    assert b"2 May 2024, 17:00 JST</time>" in documents["all.html"]
    assert [path for path, data in documents.items() if b" UTC</time>" in data or b"are in UTC" in data] == []


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


TEMPLATES = ("entry", "feed", "row", "index", "words", "base")
SLIPS = {
    "syntax": "\n{{ nothing",
    "undefined": "\n{{ nothing }}",
    "unclosed": "\n{% if site %}",
    "certain entries": "\n{{ 1 // (feed.ttl - 60 if feed is defined else entry.picture.width) }}",
}


def told(site: Site) -> list[Problem]:
    """What is wrong as of the last run, as `build` and `status` tell it beside the report."""
    pipeline = site.pipeline()
    try:
        return pipeline.problems()
    finally:
        pipeline.close()


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_withdrawn_is_on_no_page_whatever_is_wrong_with_a_template(
    site: Site, template: str, slip: str
) -> None:
    folder = with_templates(site)
    site.build()
    assert b"Of whales" in site.documents()["all.html"]

    (folder / f"{template}.html").write_text(SLIPS[slip])
    site.build()
    site.story("a.md", "Of whales", topics=["Sea"], published=False)
    report = site.build()
    documents = site.documents()

    assert report.problems == ()
    assert [path for path, data in documents.items() if b"Of whales" in data] == []
    for path, data in documents.items():
        if path.endswith(".html"):
            assert data.startswith(b"<!DOCTYPE html>"), path
            assert data.endswith(b"</html>\n"), path
    assert b"Of hills" in documents["all.html"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_slip_in_a_template_is_told_once_costs_nothing_and_is_over_once_it_is_mended(site: Site, template: str) -> None:
    folder = with_templates(site)
    site.build()
    (folder / f"{template}.html").write_text("{{ nothing }}\n{% endfor %}")
    site.story("a.md", "Of white whales", topics=["Sea"], publishedDateTime="2024-05-02T08:00:00Z")
    report = site.build()
    documents = site.documents()

    (problem,) = told(site)
    assert [problem] == list(report.noticed)
    assert (problem.kind, problem.file, problem.line) == ("template", str(folder / f"{template}.html"), 2)
    assert all(b"Of white whales" in documents[path] for path in ("topics/sea.atom", "topics/sea.html", "index.html"))
    assert site.build().written == ()
    assert told(site) == [problem]

    (folder / f"{template}.html").unlink()
    assert list(site.build().noticed) == told(site) == []


def test_directory_of_templates_that_is_not_there_is_told_until_it_is(site: Site) -> None:
    folder = with_templates(site)
    site.build()
    assert told(site) == []

    folder.rmdir()
    report = site.build()
    assert [one.kind for one in report.noticed] == [one.kind for one in told(site)] == ["no-templates"]

    folder.mkdir()
    site.build()
    assert told(site) == []


def test_page_leads_to_the_archive_before_it(tmp_path: Path) -> None:
    site = Site(tmp_path, "[pages]\n[output]\nlimit = 2\n")
    for number in range(1, 6):
        site.story(f"{number}.md", f"Story {number}", publishedDateTime=f"2024-0{number}-01T00:00:00Z")
    site.build()
    documents = site.documents()
    page = etree.HTML(documents["all.html"])
    (older,) = page.xpath("//p[@class='older']/a/@href")

    assert older in documents
    assert b"Story 3" in documents[older]


def test_without_pages_there_are_none_and_feeds_lead_to_none(site: Site) -> None:
    site.build()
    site.configure("[pages]\nenabled = false")
    site.build()
    documents = {path: data for path, data in site.documents().items() if path != "feeds.opml"}

    assert {path.rpartition(".")[2] for path in documents} == {"atom", "rss", "json"}
    assert [path for path, data in documents.items() if b"xml-stylesheet" in data or b".html" in data] == []

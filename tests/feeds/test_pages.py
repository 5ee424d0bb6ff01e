"""Pages: what a visitor finds on them, that nothing in a text can break out, and that an admin's slip has a place."""

import subprocess
import sys
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feedd.config import Config, parse
from feedd.content.text import carriable
from feedd.errors import RenderError
from feedd.feeds import pages
from feedd.feeds.entry import Author, Category, Entry, Feed, Image, Listing
from feedd.serve.paths import kind_of
from feedd.testing import bound_by_permissions

NOON = 1607688000  # 2020-12-11T12:00:00Z

ENTRY = Entry(
    id="tag:everyday.example,2020:news/one",
    title="Privacy backlash",
    summary="The retailer answered.",
    html="",
    link="https://grocer.example/one?a=1&b=2",
    via="",
    published=NOON,
    updated=NOON,
    categories=(Category("computer-vision", "Computer Vision", "https://everyday.example/topics/"),),
    author=Author("The Grocer", "https://grocer.example/", "https://icons.example/grocer.png"),
    source_feed="",
    image=Image("https://pictures.example/one.jpg", 1024, 536, "A shop", "Jane Doe"),
    video=False,
    related=(),
    language="",
)

FEED = Feed(
    id="tag:everyday.example,2020:feeds/topics/ai",
    name="topics/ai",
    base="https://everyday.example/feeds/",
    title="Every Day: AI",
    description="All about AI",
    page="https://everyday.example/",
    language="en",
    updated=NOON,
    newest=NOON,
    ttl=60,
)

LISTING = Listing(
    name="topics/ai",
    kind="topic",
    title="Every Day: AI",
    label="AI",
    description="All about AI",
    count=12,
    newest_title="Privacy backlash",
    newest_link="https://grocer.example/one",
    newest=NOON,
)


def config(more: str = "", base: Path = Path("/")) -> Config:
    site = 'title = "Every Day"\nurl = "https://everyday.example/"\nfeeds_url = "https://everyday.example/feeds/"'
    return parse(f"[site]\n{site}\n{more}", "feedd.toml", base)


CONFIG = config()
WITHOUT_PICTURES = config("[pages]\npictures = false")


class Page(HTMLParser):
    """The elements of a page in order, each with its attributes and the text in it."""

    VOID = ("meta", "link", "img", "input", "br", "hr")

    def __init__(self, html: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.comments: list[str] = []
        self._open: list[list[str]] = []
        self.feed(html.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"{tag} has an attribute twice"
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag not in self.VOID:
            self._open.append(self.elements[-1][2])

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for texts in self._open:
            texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and the names of their attributes."""
        return [(tag, tuple(attrs)) for tag, attrs, _ in self.elements]

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of all elements of that name that have these."""
        return [attrs for name, attrs, _ in self.elements if name == tag and wanted.items() <= attrs.items()]

    def texts(self, tag: str, **wanted: str) -> list[str]:
        found = (texts for name, attrs, texts in self.elements if name == tag and wanted.items() <= attrs.items())
        return [" ".join("".join(texts).split()) for texts in found]

    def policy(self) -> dict[str, list[str]]:
        """The Content Security Policy: sources by directive."""
        (meta,) = self.all("meta", **{"http-equiv": "Content-Security-Policy"})
        return {name: sources for name, *sources in map(str.split, meta["content"].split(";"))}


def feed_page(*entries: Entry, config: Config = CONFIG, **changes: Any) -> Page:
    form = pages.page_format(config)
    return Page(form.document(replace(FEED, **changes), [form.entry(entry) for entry in entries]))


def entry_page(config: Config = CONFIG, **changes: Any) -> Page:
    return feed_page(replace(ENTRY, **changes), config=config)


def index_page(*listings: Listing, config: Config = CONFIG) -> Page:
    return Page(pages.index_document(config, [pages.index_row(one, config) for one in listings]).data)


# A page of a feed


def test_page_of_a_feed_offers_every_format_to_readers_that_look_for_one() -> None:
    assert [(link["type"], link["href"]) for link in feed_page().all("link", rel="alternate")] == [
        ("application/atom+xml", "https://everyday.example/feeds/topics/ai.atom"),
        ("application/rss+xml", "https://everyday.example/feeds/topics/ai.rss"),
        ("application/feed+json", "https://everyday.example/feeds/topics/ai.json"),
    ]


def test_page_offers_configured_formats_only_and_the_one_to_copy_is_atom_before_rss_before_json() -> None:
    page = feed_page(config=config('[output]\nformats = ["json", "rss"]'))

    types = ["application/feed+json", "application/rss+xml"]
    assert [link["type"] for link in page.all("link", rel="alternate")] == types
    assert [link["type"] for link in page.all("a") if "type" in link] == types
    assert [button["data-copy"] for button in page.all("button")] == ["https://everyday.example/feeds/topics/ai.rss"]


@pytest.mark.parametrize(("name", "root"), [("all", ""), ("topics/ai", "../"), ("a/b/c", "../../")])
def test_what_is_in_the_directory_itself_is_linked_to_relatively(name: str, root: str) -> None:
    page = feed_page(name=name)

    assert page.all("link", rel="stylesheet") == [{"rel": "stylesheet", "href": f"{root}assets/feedd.css"}]
    assert [script["src"] for script in page.all("script")] == [f"{root}assets/feedd.js"]
    assert f"{root}{name}.atom" in [link["href"] for link in page.all("a")]
    assert f"{root}index.html" in [link["href"] for link in page.all("a")]


def test_entry_is_shown_as_a_reader_would_show_it() -> None:
    page = entry_page()

    assert page.texts("h3") == ["Privacy backlash"]
    assert {"href": "https://grocer.example/one?a=1&b=2"} in page.all("a")
    assert page.texts("p", **{"class": "excerpt"}) == ["The retailer answered."]
    assert page.texts("span", **{"class": "source"}) == ["The Grocer"]
    assert page.texts("time", datetime="2020-12-11T12:00:00Z")[0] == "11 December 2020, 12:00 UTC"
    assert page.texts("li") == ["Computer Vision"]
    assert page.texts("figcaption") == ["Jane Doe"]
    (picture,) = page.all("img", src="https://pictures.example/one.jpg")
    assert (picture["alt"], picture["width"], picture["height"]) == ("A shop", "1024", "536")


def test_pictures_load_late_and_do_not_tell_where_they_are_seen() -> None:
    page = entry_page()

    assert len(page.all("img")) == 2
    assert page.all("img") == page.all("img", loading="lazy", referrerpolicy="no-referrer")
    assert page.all("meta", name="referrer") == [{"name": "referrer", "content": "no-referrer"}]


def test_entry_without_anything_but_a_title_is_shown_without_empty_parts() -> None:
    page = entry_page(summary="", author=Author(""), image=None, categories=())

    assert page.texts("h3") == ["Privacy backlash"]
    assert page.all("img") == page.all("figure") == page.all("li") == page.all("p", **{"class": "excerpt"}) == []


def test_beginning_of_the_body_stands_in_for_an_excerpt() -> None:
    html = "<p>One &amp; <em>only</em>.</p><p>" + "More words. " * 50 + "</p>"
    (excerpt,) = entry_page(summary="", html=html).texts("p", **{"class": "excerpt"})

    assert excerpt.startswith("One & only. More words.")
    assert excerpt.endswith("…")
    assert len(excerpt) < 330


def test_change_original_and_video_are_told() -> None:
    page = entry_page(updated=NOON + 86400, via="https://film.example/1", video=True)

    assert page.texts("time", datetime="2020-12-12T12:00:00Z") == ["12 December 2020, 12:00 UTC"]
    assert page.texts("a", href="https://film.example/1") == ["Original"]
    assert page.texts("span", **{"class": "kind"}) == ["Video"]


@pytest.mark.parametrize(
    ("zone", "moment", "exact", "shown"),
    [
        ("Europe/Berlin", 1709420400, "2024-03-02T23:00:00Z", "3 March 2024, 00:00 CET"),
        ("Europe/Berlin", 1711846799, "2024-03-31T00:59:59Z", "31 March 2024, 01:59 CET"),
        ("Europe/Berlin", 1711846800, "2024-03-31T01:00:00Z", "31 March 2024, 03:00 CEST"),
        ("Europe/Berlin", 1729987200, "2024-10-27T00:00:00Z", "27 October 2024, 02:00 CEST"),
        ("Europe/Berlin", 1729990800, "2024-10-27T01:00:00Z", "27 October 2024, 02:00 CET"),
        ("America/Sao_Paulo", 1704076200, "2024-01-01T02:30:00Z", "31 December 2023, 23:30 UTC-03"),
        ("Asia/Kathmandu", 1704047400, "2023-12-31T18:30:00Z", "1 January 2024, 00:15 UTC+0545"),
        ("UTC", 1709420400, "2024-03-02T23:00:00Z", "2 March 2024, 23:00 UTC"),
        ("Asia/Tokyo", 253402300799, "9999-12-31T23:59:59Z", "31 December 9999, 23:59 UTC"),
    ],
)
def test_moment_is_shown_in_the_time_zone_of_the_site_and_told_to_programs_exactly(
    zone: str, moment: int, exact: str, shown: str
) -> None:
    here = config(f'[content]\ntimezone = "{zone}"')
    page = feed_page(replace(ENTRY, published=moment, updated=moment), config=here, updated=moment)
    index = index_page(replace(LISTING, newest=moment), config=here)
    day = shown.partition(",")[0]

    assert page.texts("time", datetime=exact) == [shown, day]
    assert index.texts("time") == index.texts("time", datetime=exact) == [day]
    assert [one.texts("p")[-2].rpartition(". ")[2] for one in (page, index)] == [
        f"All times are in {zone.replace('_', ' ')}."
    ] * 2


def test_story_that_changed_in_the_hour_that_the_clocks_repeat_changed_after_it_came_out() -> None:
    here = config('[content]\ntimezone = "Europe/Berlin"')
    page = entry_page(here, published=1729989000, updated=1729990800)

    assert page.texts("time")[:2] == ["27 October 2024, 02:30 CEST", "27 October 2024, 02:00 CET"]


def test_language_of_an_entry_and_of_the_site_reach_what_reads_aloud() -> None:
    page = feed_page(replace(ENTRY, language="ar"), ENTRY, language="de")

    assert [article.get("lang") for article in page.all("article")] == ["ar", None]
    assert page.all("div", lang="de") != []
    assert all(heading["dir"] == "auto" for heading in page.all("h3"))


def test_feed_without_entries_has_a_page_that_says_so() -> None:
    page = feed_page(newest=None)

    assert "no story" in page.texts("p", **{"class": "nothing"})[0]
    assert page.all("time") == []


def test_same_feed_is_the_same_page() -> None:
    form, again = pages.page_format(CONFIG), pages.page_format(config())
    assert form.document(FEED, [form.entry(ENTRY)]) == again.document(FEED, [again.entry(ENTRY)])


# The policy


BARE = {
    "default-src": ["'none'"],
    "style-src": ["'self'"],
    "script-src": ["'self'"],
    "font-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "img-src": ["'self'"],
}


def test_policy_names_the_hosts_of_the_pictures_on_the_page_and_no_others() -> None:
    page = feed_page(ENTRY, replace(ENTRY, image=Image("http://10.0.0.1:8080/a.png")), icon="https://icons.example/ai")

    assert page.policy() == BARE | {
        "img-src": ["'self'", "http://10.0.0.1:8080", "https://icons.example", "https://pictures.example"]
    }


def test_page_without_pictures_allows_none_from_elsewhere() -> None:
    assert feed_page(replace(ENTRY, image=None, author=Author("The Grocer"))).policy() == BARE


def test_pages_without_pictures_name_no_other_host_than_links_do() -> None:
    page = feed_page(ENTRY, config=WITHOUT_PICTURES, icon="https://icons.example/ai.png")
    index = index_page(replace(LISTING, icon="https://icons.example/ai.png"), config=WITHOUT_PICTURES)

    assert page.policy() == index.policy() == BARE
    assert page.all("img") == index.all("img") == []


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:image/svg+xml,<svg/>",
        "https://[2001:db8::1]/a.png",  # no policy can name it
        "https://a.example;script-src 'unsafe-inline'/a.png",
        "https://user@a.example/a.png",
        "//a.example/a.png",
        "a.png",
    ],
)
def test_picture_that_a_policy_cannot_allow_alone_is_left_out(url: str) -> None:
    page = entry_page(image=Image(url), author=Author("", "", url))

    assert page.all("img") == []
    assert page.policy() == BARE


@pytest.mark.parametrize("url", ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", ""])
def test_address_that_is_no_web_address_becomes_no_link(url: str) -> None:
    page = entry_page(link=url, via=url)
    index = index_page(replace(LISTING, newest_link=url))

    assert page.texts("h3") == ["Privacy backlash"]
    assert index.texts("p", **{"class": "news"}) == ["Privacy backlash"]
    assert url not in [link["href"] for link in (*page.all("a"), *index.all("a"))]


# Nothing breaks out

HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</title></style></textarea><script>",
        '" onload="alert(1)',
        "' onfocus='alert(1)' autofocus='",
        "<!--",
        "-->",
        "]]>",
        "{{ 7 * 7 }}{% raw %}",
        "\0topic\0",
        "</article></main>",
        "&quot;&#x27;&lt;",
        "javascript:alert(1)",
        "\u202e\u2066",
    ]
)
ANY = st.text(max_size=30).map(carriable)
TEXT = (
    st.lists(st.one_of(HOSTILE.map(carriable), ANY), min_size=1, max_size=3).map("".join).map(lambda text: f"x{text}x")
)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, TEXT, TEXT)
def test_no_text_of_an_entry_changes_the_shape_of_the_page(title: str, summary: str, name: str, credit: str) -> None:
    def page(title: str, summary: str, name: str, credit: str) -> Page:
        return entry_page(
            title=title,
            summary=summary,
            author=Author(name, "", "https://icons.example/grocer.png"),
            categories=(Category(name, name, ""),),
            image=Image("https://pictures.example/one.jpg", 1, 1, title, credit),
        )

    hostile, harmless = page(title, summary, name, credit), page("a", "b", "c", "d")

    assert hostile.shape == harmless.shape
    assert hostile.comments == []
    assert hostile.policy() == harmless.policy()
    assert hostile.texts("h3") == [" ".join(title.split())]
    assert hostile.texts("p", **{"class": "excerpt"}) == [" ".join(summary.split())]


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_no_title_or_description_of_a_feed_changes_the_shape_of_a_page(title: str, about: str, newest: str) -> None:
    def shapes(title: str, about: str, newest: str) -> tuple[Any, Any]:
        listing = replace(LISTING, kind="feed", label=title, title=title, description=f"y{about}", newest_title=newest)
        page = feed_page(title=title, description=f"y{about}", language="")
        index = index_page(listing)
        assert page.comments == index.comments == []
        return page.shape, index.shape

    assert shapes(title, about, newest) == shapes("a", "b", "c")


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=40), HOSTILE.map(lambda text: f"https://a.example/{text}")))
def test_no_address_leads_or_loads_from_anywhere_but_the_web(url: str) -> None:
    page = entry_page(link=url, via=url, image=Image(url), author=Author("x", url, url))

    for attrs in chain(page.all("a"), page.all("img")):
        address = attrs.get("href", attrs.get("src", ""))
        assert address.startswith(("https://", "http://", "../", "#")), address
    assert set(page.policy()) == set(BARE)
    assert page.comments == []


def test_templates_hold_no_inline_script_or_style() -> None:
    everything = (feed_page(ENTRY), index_page(LISTING))

    for page in everything:
        assert page.all("style") == []
        assert page.texts("script") == [""]
        assert [attrs for _, attrs, _ in page.elements if any(name.startswith("on") for name in attrs)] == []
        assert [attrs for _, attrs, _ in page.elements if "style" in attrs] == []


# The index


def test_index_lists_a_feed_with_what_there_is_to_know_of_it() -> None:
    page = index_page(replace(LISTING, icon="https://icons.example/ai.png"))

    assert page.texts("h3") == ["AI"]
    assert {"href": "topics/ai.html", "title": "Every Day: AI"} in page.all("a")
    assert page.texts("p", **{"class": "facts"}) == ["12 stories, newest 11 December 2020"]
    assert {"href": "https://grocer.example/one"} in page.all("a")
    assert [(link["href"], link["type"]) for link in page.all("a") if "aria-label" in link] == [
        ("topics/ai.atom", "application/atom+xml"),
        ("topics/ai.rss", "application/rss+xml"),
        ("topics/ai.json", "application/feed+json"),
    ]
    assert page.policy() == BARE | {"img-src": ["'self'", "https://icons.example"]}
    assert [button["data-copy"] for button in page.all("button", type="button") if "data-copy" in button] == [
        "https://everyday.example/feeds/topics/ai.atom"
    ]


def test_index_groups_feeds_and_orders_them_by_what_they_are_called() -> None:
    page = index_page(
        replace(LISTING, kind="provider", name="providers/z", label="Zeta"),
        replace(LISTING, name="topics/o", label="Öl"),
        replace(LISTING, name="topics/z", label="zoo"),
        replace(LISTING, name="topics/p", label="Paper"),
        replace(LISTING, kind="feed", name="best", label="best", title="What is best"),
        replace(LISTING, kind="all", name="all", label="", title="Every Day"),
    )

    assert page.texts("h2") == ["Everything", "Selections", "Topics", "Sources"]
    assert page.texts("h3") == ["Every Day", "What is best", "Öl", "Paper", "zoo", "Zeta"]


def test_index_is_the_same_in_whatever_order_the_rows_come() -> None:
    rows = [pages.index_row(replace(LISTING, name=f"topics/{n}", label="Same"), CONFIG) for n in range(9)]
    assert pages.index_document(CONFIG, rows) == pages.index_document(CONFIG, rows[::-1])


def test_index_offers_the_feed_of_everything_and_those_of_ones_own_to_readers() -> None:
    page = index_page(LISTING, config=config('[[feed]]\nname = "best"\ntitle = "The <best>"'))

    assert [(link["title"], link["href"].rpartition("/")[2]) for link in page.all("link", rel="alternate")] == [
        ("Every Day (Atom)", "all.atom"),
        ("Every Day (RSS)", "all.rss"),
        ("Every Day (JSON)", "all.json"),
        ("The <best> (Atom)", "best.atom"),
        ("The <best> (RSS)", "best.rss"),
        ("The <best> (JSON)", "best.json"),
    ]
    assert {"href": "feeds.opml", "type": "text/x-opml"} in page.all("a")


@pytest.mark.parametrize(
    ("count", "whole", "words"), [(0, True, "no stories"), (1, True, "1 story"), (500, False, "500+ stories")]
)
def test_index_counts(count: int, whole: bool, words: str) -> None:
    page = index_page(replace(LISTING, count=count, whole=whole, newest=None, newest_title="", newest_link=""))
    assert page.texts("p", **{"class": "facts"}) == [words]


def test_long_group_is_laid_out_as_it_comes_into_view() -> None:
    listings = [replace(LISTING, name=f"topics/t{number}") for number in range(101)]

    assert [one["class"] for one in index_page(LISTING).all("ul") if "class" in one] == ["rows"]
    assert [one["class"] for one in index_page(*listings).all("ul") if "class" in one] == ["rows many"]


def test_index_without_feeds_says_so() -> None:
    assert index_page().texts("p", **{"class": "nothing"})[0] == "There are no feeds yet."


def test_every_word_for_the_script_is_in_the_page() -> None:
    (status,) = index_page(LISTING).all("p", id="status")
    script = (Path(pages.__file__).parent / "assets" / "feedd.js").read_text(encoding="utf-8")

    assert {name for name in ("copied", "uncopied", "found") if f"dataset.{name}" in script} == {
        name.removeprefix("data-") for name in status if name.startswith("data-")
    }


# Assets


def test_assets_are_what_pages_and_documents_link_to() -> None:
    paths = [asset.path for asset in pages.assets(CONFIG)]

    assert paths == ["assets/feed.css", "assets/feedd.css", "assets/feedd.js", "assets/feedd.svg"]
    assert pages.STYLESHEET in paths
    linked = [link["href"] for link in index_page(LISTING).all("link") if link["href"].startswith("assets/")]
    assert set(linked) <= set(paths)


def test_assets_load_nothing() -> None:
    for asset in pages.assets(CONFIG):
        text = asset.data.decode().replace("http://www.w3.org/2005/Atom", "").replace("http://www.w3.org/2000/svg", "")
        assert "@import" not in text
        assert "fetch(" not in text
        assert "//" not in text.replace("// ", "").replace("https://www.w3.org/TR/xml-stylesheet/", "")


# An admin's templates


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The directory of an admin's templates."""
    folder = tmp_path / "mine"
    (folder / "assets").mkdir(parents=True)
    return folder


def own_config(own: Path) -> Config:
    return config('[pages]\ntemplates = "mine"', own.parent)


def test_template_of_an_admin_replaces_that_of_feedd_and_the_others_stay(own: Path) -> None:
    (own / "entry.html").write_text("<article><h3>{{ entry.title | upper }}</h3></article>")
    page = feed_page(ENTRY, config=own_config(own))

    assert page.texts("h3") == ["PRIVACY BACKLASH"]
    assert page.texts("h1") == ["Every Day: AI"]


def test_template_that_changes_is_used_as_it_is_now(own: Path) -> None:
    (own / "entry.html").write_text("<h3>Before</h3>")
    before, digest = feed_page(ENTRY, config=own_config(own)), pages.fingerprint(own_config(own))
    (own / "entry.html").write_text("<h3>Afterwards</h3>")

    assert pages.fingerprint(own_config(own)) != digest
    assert (before.texts("h3"), feed_page(ENTRY, config=own_config(own)).texts("h3")) == (["Before"], ["Afterwards"])


def test_template_that_appears_or_goes_is_heeded_at_once(own: Path) -> None:
    assert entry_page(own_config(own)).texts("h3") == ["Privacy backlash"]
    (own / "entry.html").write_text("<h3>Mine</h3>")
    assert entry_page(own_config(own)).texts("h3") == ["Mine"]
    (own / "entry.html").unlink()
    assert entry_page(own_config(own)).texts("h3") == ["Privacy backlash"]


def test_no_template_is_taken_from_outside(own: Path) -> None:
    (own.parent / "secret.html").write_text("secret")
    (own / "entry.html").write_text("{% include '../secret.html' %}")

    assert entry_page(own_config(own)).shape == entry_page().shape
    (problem,) = pages.problems(own_config(own))
    assert problem.what == "fails: there is no template '../secret.html'"


def test_what_a_template_uses_lies_beside_it(own: Path) -> None:
    (own / "parts").mkdir()
    for name in ("part.html", "parts/part.html"):
        (own / name).write_text("<b>{{ entry.title }}</b>")
    (own / "entry.html").write_text("{% include 'part.html' %}")
    assert entry_page(own_config(own)).texts("b") == ["Privacy backlash"]

    (own / "entry.html").write_text("{% include 'parts/part.html' %}")
    assert [one.what for one in pages.problems(own_config(own))] == ["fails: there is no template 'parts/part.html'"]


def test_template_that_cannot_be_compiled_is_compiled_once_for_all_stories(own: Path) -> None:
    (own / "entry.html").write_text("{% if entry %} not closed")
    form = pages.page_format(own_config(own))
    form.entry(ENTRY)
    misses = pages._slip.cache_info().misses
    for number in range(9):
        form.entry(replace(ENTRY, title=f"Number {number}"))

    assert pages._slip.cache_info().misses == misses


def test_words_can_be_translated_in_one_place(own: Path) -> None:
    words = (Path(pages.__file__).parent / "templates" / "words.html").read_text(encoding="utf-8")
    (own / "words.html").write_text(words.replace('"December"', '"Dezember"').replace("}} stories", "}} Geschichten"))

    assert entry_page(own_config(own)).texts("time") == ["11 Dezember 2020, 12:00 UTC", "11 Dezember 2020"]
    assert index_page(LISTING, config=own_config(own)).texts("p", **{"class": "facts"}) == [
        "12 Geschichten, newest 11 Dezember 2020"
    ]


@pytest.mark.parametrize(
    ("template", "line", "words"),
    [
        pytest.param("<p>\n{{ entry.title }\n", 2, "unexpected '}'", id="syntax"),
        pytest.param("<p>\n\n{{ entry.titel }}", 3, "no attribute 'titel'", id="unknown attribute"),
        pytest.param("{{ nothing }}", 1, "'nothing' is undefined", id="unknown name"),
        pytest.param("\n{% include 'gone.html' %}", 2, "gone.html", id="another that is not there"),
        pytest.param("\n{{ entry.title | shout }}", 2, "No filter named 'shout'", id="unknown filter"),
        pytest.param("\n{{ 1 / 0 }}", 2, "division by zero", id="arithmetic"),
        pytest.param("{% extends 'entry.html' %}", None, "recursion", id="itself"),
    ],
)
def test_slip_in_a_template_is_told_with_file_line_and_remedy(
    own: Path, template: str, line: int | None, words: str
) -> None:
    (own / "entry.html").write_text(template)

    (problem,) = pages.problems(own_config(own))
    assert (problem.kind, problem.file) == ("template", str(own / "entry.html"))
    assert words in problem.what
    assert line is None or problem.line == line
    assert str(problem).endswith(". Mend it. Where it fails, feedd's own is used.")
    assert ".." not in str(problem)
    assert feed_page(ENTRY, config=own_config(own)).shape == feed_page(ENTRY).shape


def test_template_in_another_encoding_is_told(own: Path) -> None:
    (own / "entry.html").write_bytes("<p>Größe</p>".encode("latin-1"))

    (problem,) = pages.problems(own_config(own))
    assert "utf-8" in problem.what
    assert entry_page(own_config(own)).shape == entry_page().shape


@pytest.mark.parametrize("template", ["entry", "feed", "row", "index", "words", "base"])
@pytest.mark.parametrize("slip", ["{% if site %}", "{{ nothing }}", "{{ 1 / 0 }}", "{% extends 'gone.html' %}"])
def test_slip_in_any_template_leaves_whole_pages_and_is_told_once(own: Path, template: str, slip: str) -> None:
    (own / f"{template}.html").write_text(slip)

    assert feed_page(ENTRY, config=own_config(own)).shape == feed_page(ENTRY).shape
    assert index_page(LISTING, config=own_config(own)).shape == index_page(LISTING).shape
    (problem,) = pages.problems(own_config(own))
    assert problem.file == str(own / f"{template}.html")
    assert "example.org" not in str(problem)


def test_template_that_fails_for_one_story_is_used_for_the_others(own: Path) -> None:
    (own / "entry.html").write_text("<article><h3>My {{ entry.title }} {{ 10 // entry.picture.width }}</h3></article>")
    page = feed_page(replace(ENTRY, title="Of whales", image=None), ENTRY, config=own_config(own))

    assert page.texts("h3") == ["Of whales", "My Privacy backlash 0"]
    (problem,) = pages.problems(own_config(own))
    assert (problem.file, problem.line) == (str(own / "entry.html"), 1)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("entry", "{% if entry.video and not entry.picture %}{{ nothing }}{% endif %}"),
        ("entry", "{% if not entry.source and entry.topics %}{{ nothing }}{% endif %}"),
        ("feed", "{% if older and not updated %}{{ nothing }}{% endif %}"),
        ("feed", "{% if not entries %}{{ nothing }}{% endif %}"),
        ("row", "{% if feed.kind == 'provider' and not feed.newest %}{{ nothing }}{% endif %}"),
        ("index", "{% if not groups %}{{ nothing }}{% endif %}"),
        ("index", "{% for kind in groups if kind == 'topic' %}{{ nothing }}{% endfor %}"),
    ],
)
def test_slip_that_shows_only_where_something_is_or_lacks_is_found(own: Path, template: str, text: str) -> None:
    (own / f"{template}.html").write_text(text)

    assert [problem.what for problem in pages.problems(own_config(own))] == ["fails: 'nothing' is undefined"]


def test_translation_that_lacks_a_word_is_told_of_itself(own: Path) -> None:
    (own / "words.html").write_text("{% macro day(moment) %}{{ moment.iso }}{% endmacro %}")

    (problem,) = pages.problems(own_config(own))
    assert problem.file == str(own / "words.html")
    assert entry_page(own_config(own)).shape == entry_page().shape


def test_page_tells_how_much_more_there_is_and_where_it_lies() -> None:
    page = feed_page(ENTRY, count=13, previous="topics/ai/2024-05")

    assert page.texts("p", **{"class": "shown"}) == ["The newest 1 of 13"]
    assert page.texts("p", **{"class": "older"}) == ["Older stories (Atom)"]
    assert {"href": "../topics/ai/2024-05.atom", "type": "application/atom+xml"} in page.all("a")


def test_older_stories_are_in_a_format_that_has_them() -> None:
    def older(formats: str) -> list[str]:
        page = feed_page(ENTRY, config=config(f"[output]\nformats = {formats}"), count=2, previous="topics/ai/2024-05")
        return page.texts("p", **{"class": "older"})

    assert older('["rss", "json", "atom"]') == ["Older stories (JSON)"]
    assert older('["rss"]') == []


@pytest.mark.parametrize("count", [0, 1])
def test_page_that_shows_everything_speaks_of_nothing_more(count: int) -> None:
    page = feed_page(ENTRY, count=count)

    assert page.texts("p", **{"class": "shown"}) == page.texts("p", **{"class": "older"}) == []


def test_template_engine_is_imported_by_who_writes_pages_only() -> None:
    code = "import sys, feedd.pipeline; assert not {'jinja2', 'markupsafe', 'lxml'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_getting_ready_compiles_what_is_needed() -> None:
    pages.page_format(CONFIG).get_ready()
    assert {name for _, name in pages._environment(None).cache or {}} >= {"entry.html", "feed.html"}


def test_getting_ready_minds_no_slip(own: Path) -> None:
    (own / "feed.html").write_text("{{")
    form = pages.page_format(own_config(own))
    form.get_ready()

    assert b"Privacy backlash" in form.document(FEED, [form.entry(ENTRY)])


def test_value_that_no_page_can_show_is_told_without_blaming_an_admin() -> None:
    with pytest.raises(RenderError) as caught:
        pages.page_format(CONFIG).entry(replace(ENTRY, published=10**18))
    assert caught.value.problem.remedy == ""


def test_assets_of_an_admin_replace_those_of_feedd_or_stand_beside_them(own: Path) -> None:
    (own / "assets" / "feedd.css").write_text("body { color: teal }")
    (own / "assets" / "logo.png").write_bytes(b"\x89PNG")
    (own / "assets" / "feedd.css~").write_text("an editor's copy")
    (own / "assets" / ".htaccess").write_text("hidden")
    (own / "assets" / "folder.css").mkdir()
    found = {asset.path: asset.data for asset in pages.assets(own_config(own))}

    assert found["assets/feedd.css"] == b"body { color: teal }"
    assert found["assets/logo.png"] == b"\x89PNG"
    assert sorted(found) == [
        "assets/feed.css",
        "assets/feedd.css",
        "assets/feedd.js",
        "assets/feedd.svg",
        "assets/logo.png",
    ]


def test_assets_are_of_kinds_that_are_served() -> None:
    assert {"gif", "woff2", "avif", "jpeg"} <= set(pages.ASSETS)
    assert [suffix for suffix in pages.ASSETS if not kind_of(f"assets/a.{suffix}")] == []


def test_assets_of_every_kind_are_taken(own: Path) -> None:
    for suffix in pages.ASSETS:
        (own / "assets" / f"mine.{suffix}").write_bytes(b"0")

    found = {asset.path for asset in pages.assets(own_config(own))}
    assert {f"assets/mine.{suffix}" for suffix in pages.ASSETS} <= found
    assert pages.unused(own_config(own)) == []


def test_files_of_which_no_page_makes_use_are_told_with_what_was_likely_meant(own: Path) -> None:
    for name in ("entries.html", "mine.html", "part.html", "logo.png", "words.html~", ".hidden", "licence.rst"):
        (own / name).write_text("")
    (own / "index.html").write_text("{% include 'part.html' %}")
    for name in ("logo.PNG", "film.mp4", "logo.gif", ".DS_Store", "old.css~"):
        (own / "assets" / name).write_text("")
    (own / "assets" / "fonts").mkdir()
    found = {Path(one.file).name: one for one in pages.unused(own_config(own))}

    assert sorted(found) == ["entries.html", "film.mp4", "fonts", "licence.rst", "logo.PNG", "logo.png", "mine.html"]
    assert {one.severity for one in found.values()} == {"warning"}
    assert found["entries.html"].remedy == "Did you mean 'entry.html'?"
    assert found["logo.png"].remedy == "Move it there."
    assert "base.html" in found["licence.rst"].remedy
    assert ".woff2" in found["film.mp4"].remedy


def test_folder_of_assets_under_another_name_is_told(own: Path) -> None:
    (own / "asset").mkdir()
    (own / "parts").mkdir()

    (problem,) = pages.unused(own_config(own))
    assert (problem.file, problem.remedy) == (str(own / "asset"), "Did you mean 'assets'?")


def test_templates_that_choose_what_they_use_have_no_file_called_unused(own: Path) -> None:
    (own / "part.html").write_text("")
    (own / "index.html").write_text("{% include 'part' ~ '.html' %}")

    assert pages.unused(own_config(own)) == []


def test_asset_without_measure_is_told(own: Path) -> None:
    with (own / "assets" / "film.png").open("wb") as file:
        file.truncate(5 << 20)

    with pytest.raises(RenderError, match="more than 4 MiB"):
        pages.assets(own_config(own))


def test_templates_can_be_tried_before_anything_is_written_with_them(own: Path) -> None:
    assert pages.problems(own_config(own)) == []

    (own / "words.html").write_text("{% macro day(moment) %}")
    (own / "entry.html").write_text("\n{{ entry.picture.url }}")  # not every story has one
    (own / "row.html").write_text("{{ feed.nme }}")
    found = {Path(problem.file).name: problem for problem in pages.problems(own_config(own))}

    assert sorted(found) == ["entry.html", "row.html", "words.html"]
    assert (found["entry.html"].line, found["row.html"].line) == (2, 1)
    assert all(problem.remedy for problem in found.values())


def test_templates_that_are_not_asked_for_have_no_problems(tmp_path: Path) -> None:
    assert pages.problems(CONFIG) == []
    assert pages.problems(config('[pages]\ntemplates = "gone"\nenabled = false', tmp_path)) == []
    (gone,) = pages.problems(config('[pages]\ntemplates = "gone"', tmp_path))
    assert (gone.kind, gone.file) == ("no-templates", str(tmp_path / "gone"))
    assert pages.unused(CONFIG) == pages.unused(config('[pages]\ntemplates = "gone"', tmp_path)) == []


def test_directory_of_templates_that_comes_or_goes_changes_the_fingerprint(tmp_path: Path) -> None:
    its_config = config('[pages]\ntemplates = "mine"', tmp_path)
    without = pages.fingerprint(its_config)
    (tmp_path / "mine").mkdir()

    assert pages.fingerprint(its_config) != without


def test_directory_of_templates_that_is_closed_is_told(own: Path) -> None:
    (own / "entry.html").write_text("<h3>Mine</h3>")
    own.chmod(0)
    try:
        with bound_by_permissions():
            (problem,) = pages.problems(own_config(own))
            assert entry_page(own_config(own)).shape == entry_page().shape
    finally:
        own.chmod(0o755)
    assert problem.kind == "no-templates"


def test_asset_or_folder_that_cannot_be_read_is_told(own: Path) -> None:
    locked = own / "assets" / "logo.png"
    locked.write_bytes(b"\x89PNG")
    for place in (locked, own / "assets"):
        place.chmod(0)
        try:
            with bound_by_permissions(), pytest.raises(RenderError, match="Permission denied") as caught:
                pages.assets(own_config(own))
            with bound_by_permissions():
                assert len(pages.fingerprint(own_config(own))) == 16
        finally:
            place.chmod(0o755)
        assert caught.value.problem.file == str(place)


def test_fingerprint_overlooks_what_leads_nowhere(own: Path) -> None:
    before = pages.fingerprint(own_config(own))
    (own / "entry.html").symlink_to("gone")

    assert pages.fingerprint(own_config(own)) == before


def test_directory_of_templates_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    gone = config('[pages]\ntemplates = "gone"', tmp_path)

    assert entry_page(gone).shape == entry_page().shape
    assert pages.assets(gone) == pages.assets(CONFIG)
    assert len(pages.fingerprint(gone)) == 16

"""Projection: an article becomes what subscribers see of it (design: sections 5 and 6)."""

import re
from typing import Any

import lxml.html
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from feedd.config import Config, Content, Site
from feedd.config import Taxonomy as TaxonomySettings
from feedd.content.article import Article, Link, Picture, Provider
from feedd.content.links import story
from feedd.content.taxonomy import OrganizationItem, Taxonomy, TopicItem, build
from feedd.feeds.entry import Author, Category, Entry, Image, Related
from feedd.feeds.project import address, body_html, distinct_related, project, sanitised

SITE = Site("Example News", "https://news.example/", "https://news.example/feeds/")
WEB = "https://source.example/2024/story?id=1"
ORIGINAL = "https://videos.example/watch/1"
AMP = "https://amp.source.example/story"
ARTICLE = Article(
    "news/a-story.md",
    "a-story",
    "news",
    "A story",
    1717243200,
    True,
    excerpt="What it says.",
    web_url=WEB,
    original_url=WEB,
    story=story(WEB),
    topics=("AI",),
    provider=Provider("Source", "source.example"),
)
SCHEME = "https://news.example/feeds/topics/"


def taxonomy(*items: TopicItem | OrganizationItem) -> Taxonomy:
    topics = [item for item in items if isinstance(item, TopicItem)]
    organizations = [item for item in items if isinstance(item, OrganizationItem)]
    return build(topics, organizations, SITE.url)[0]


def config(amp: bool = False, own_pages: str = "", unknown_topics: Any = "feed", language: str = "en") -> Config:
    settings = TaxonomySettings(unknown_topics=unknown_topics)
    return Config(
        replace(SITE, language=language), Content(amp=amp, own_pages=own_pages), taxonomy=settings
    )


def entry(*known: TopicItem | OrganizationItem, settings: Config | None = None, **changes: Any) -> Entry:
    """The entry of the article with those changes."""
    article = replace(ARTICLE, **changes)
    related = distinct_related(article)
    return project(article, "tag:a", article.date, related, taxonomy(*known), settings or config())


def test_the_whole_of_an_entry() -> None:
    assert entry() == Entry(
        id="tag:a",
        title="A story",
        summary="What it says.",
        html="",
        link=WEB,
        via="",
        published=1717243200,
        updated=1717243200,
        categories=(Category("ai", "AI", SCHEME),),
        author=Author("Source", "https://source.example/"),
        source_feed="",
        image=None,
        video=False,
        related=(),
        language="",
    )


def test_quality_heat_and_path_show_nowhere() -> None:
    assert entry() == entry(quality=80, heat=99, path="elsewhere/a-story.md", collection="letters", slug="b")


def test_updated_is_what_the_ledger_says() -> None:
    assert project(ARTICLE, "tag:a", 1717250000, (), taxonomy(), config()).updated == 1717250000


# The link


@pytest.mark.parametrize(
    ("web", "original", "amp", "wants_amp", "own_pages", "link", "via"),
    [
        (WEB, WEB, "", False, False, WEB, ""),
        (WEB, "", "", False, False, WEB, ""),
        ("", ORIGINAL, "", False, False, ORIGINAL, ""),
        (WEB, ORIGINAL, "", False, False, WEB, ORIGINAL),
        (WEB, WEB + "&utm_source=feed", "", False, False, WEB, ""),
        (
            "https://www.source.example/a/",
            "http://source.example/a#top",
            "",
            False,
            False,
            "https://www.source.example/a/",
            "",
        ),
        (WEB, WEB, AMP, False, False, WEB, ""),
        (WEB, WEB, AMP, True, False, AMP, ""),
        (WEB, ORIGINAL, AMP, True, False, AMP, ORIGINAL),
        ("", ORIGINAL, AMP, True, False, AMP, ""),
        ("", ORIGINAL, AMP, True, True, AMP, ""),
        (WEB, WEB, "", True, False, WEB, ""),
        (WEB, WEB, "", False, True, WEB, ""),
        (WEB, ORIGINAL, "", False, True, WEB, ORIGINAL),
        ("", ORIGINAL, "", False, True, "https://news.example/a-story/", ORIGINAL),
        ("", "", "", False, True, "https://news.example/a-story/", ""),
    ],
    ids=[
        "web-is-original",
        "web-alone",
        "original-alone",
        "web-before-original",
        "original-differs-in-tracking-alone",
        "original-differs-in-spelling-alone",
        "amp-not-wanted",
        "amp-wanted",
        "amp-wanted-beside-another-original",
        "amp-of-the-original",
        "amp-before-own-page",
        "amp-wanted-but-absent",
        "web-before-own-page",
        "web-before-own-page-and-original",
        "own-page-without-web",
        "own-page-alone",
    ],
)
def test_link_and_original(
    web: str, original: str, amp: str, wants_amp: bool, own_pages: bool, link: str, via: str
) -> None:
    settings = config(wants_amp, "https://news.example/{slug}/" if own_pages else "")
    made = entry(settings=settings, web_url=web, original_url=original, amp_url=amp)
    assert (made.link, made.via) == (link, via)


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("2024-05-31-a", "https://news.example/2024-05-31-a/"),
        ("a b", "https://news.example/a%20b/"),
        ("grüße", "https://news.example/gr%C3%BC%C3%9Fe/"),
        ("50%", "https://news.example/50%25/"),
    ],
)
def test_own_pages_are_addresses_whatever_the_file_is_called(slug: str, expected: str) -> None:
    article = replace(ARTICLE, web_url="", original_url="", slug=slug)
    assert address(article, config(own_pages="https://news.example/{slug}/")) == expected


# Topics


def test_topics_have_the_taxonomy_s_spelling_and_its_stable_name() -> None:
    known = TopicItem("Artificial Intelligence", id="ml", aliases=("AI",))
    assert entry(known, topics=("ai",)).categories == (Category("ml", "Artificial Intelligence", SCHEME),)


def test_unknown_topics_have_the_article_s_spelling() -> None:
    assert entry(topics=("Big DATA",)).categories == (Category("big-data", "Big DATA", SCHEME),)


def test_two_names_of_one_topic_are_one_category_in_the_place_of_the_first() -> None:
    known = TopicItem("AI", aliases=("Artificial Intelligence",))
    made = entry(known, topics=("artificial intelligence", "Food", "AI"))
    assert [category.label for category in made.categories] == ["AI", "Food"]


def test_unknown_topics_are_left_out_where_the_configuration_ignores_them() -> None:
    made = entry(TopicItem("AI"), settings=config(unknown_topics="ignore"), topics=("Quantum", "AI"))
    assert [category.label for category in made.categories] == ["AI"]


def test_a_parent_of_a_topic_is_no_category_of_its_articles() -> None:
    made = entry(TopicItem("Technology"), TopicItem("AI", parent="Technology"))
    assert [category.label for category in made.categories] == ["AI"]


# The provider

LISTED = OrganizationItem(
    "The Source",
    "source.example",
    aliases=("Source",),
    feed="https://source.example/feed.xml",
    pictures=(Picture("/small.png", 10, 10), Picture("https://source.example/large.png", 99, 99)),
)


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (Provider("Source", "source.example"), Author("Source", "https://source.example/")),
        (Provider("", "source.example"), Author("source.example", "https://source.example/")),
        (Provider("Somebody"), Author("Somebody", "https://source.example/")),
        (Provider(), Author("source.example", "https://source.example/")),
    ],
    ids=["name-and-domain", "domain", "name", "nothing"],
)
def test_an_unlisted_provider_is_who_the_article_says_or_else_its_domain(provider: Provider, expected: Author) -> None:
    assert entry(provider=provider).author == expected


@pytest.mark.parametrize(
    "provider",
    [Provider("SOURCE!", "source.example"), Provider("source"), Provider("The  source"), Provider()],
    ids=["domain", "alias", "name", "link"],
)
def test_a_listed_provider_is_who_the_taxonomy_says(provider: Provider) -> None:
    made = entry(LISTED, provider=provider)
    assert made.author == Author("The Source", "https://source.example/", "https://source.example/large.png")
    assert made.source_feed == "https://source.example/feed.xml"


def test_the_avatar_is_the_largest_picture_that_the_article_has_of_an_unlisted_provider() -> None:
    pictures = (Picture("/small.png", 50, 50), Picture("/large.png", 200, 200), Picture("/middle.png", 100, 100))
    made = entry(provider=Provider("Source", "source.example", pictures))
    assert made.author.avatar == "https://news.example/large.png"


def test_the_taxonomy_s_pictures_come_before_the_article_s() -> None:
    provider = Provider("Source", "source.example", (Picture("/huge.png", 999, 999),))
    assert entry(LISTED, provider=provider).author.avatar == "https://source.example/large.png"


def test_the_article_s_pictures_serve_where_the_taxonomy_has_none() -> None:
    provider = Provider("Source", "source.example", (Picture("/huge.png", 999, 999),))
    made = entry(replace(LISTED, pictures=()), provider=provider)
    assert made.author == Author("The Source", "https://source.example/", "https://news.example/huge.png")


def test_the_site_is_the_author_of_what_has_no_provider() -> None:
    made = entry(
        settings=config(own_pages="https://news.example/{slug}/"), web_url="", original_url="", provider=Provider()
    )
    assert made.author == Author("Example News")


# The image, the video, the language


def test_the_image_has_all_that_is_known_of_it() -> None:
    picture = Picture("https://source.example/a.jpg", 1024, 536, "A shop", "Jane Doe")
    assert entry(image=picture).image == Image("https://source.example/a.jpg", 1024, 536, "A shop", "Jane Doe")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/images/a.jpg", "https://news.example/images/a.jpg"),
        ("images/a.jpg", "https://news.example/images/a.jpg"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("https://cdn.example/a b.jpg", "https://cdn.example/a%20b.jpg"),
    ],
)
def test_image_addresses_are_absolute_from_the_site(written: str, expected: str) -> None:
    assert entry(image=Picture(written)).image == Image(expected)


@pytest.mark.parametrize(
    "written", ["data:image/png;base64,AAAA", "javascript:alert(1)", "ftp://a.example/a.png", "   "]
)
def test_an_image_without_a_web_address_is_none(written: str) -> None:
    assert entry(image=Picture(written)).image is None


@pytest.mark.parametrize(("type", "expected"), [("video", True), ("article", False), ("videos", False), ("", False)])
def test_only_a_video_is_a_video(type: str, expected: bool) -> None:
    assert entry(type=type).video is expected


@pytest.mark.parametrize(
    ("language", "site", "expected"), [("", "en", ""), ("en", "en", ""), ("de", "en", "de"), ("en-GB", "en", "en-GB")]
)
def test_language_is_said_where_it_is_not_the_site_s(language: str, site: str, expected: str) -> None:
    assert entry(settings=config(language=site), language=language).language == expected


# Related links


def related(*urls: str) -> tuple[Link, ...]:
    return tuple(Link(f"To {url}", url, story(url)) for url in urls)


def test_related_links_keep_their_order_titles_and_addresses() -> None:
    made = entry(related=related("https://b.example/2", "https://a.example/1"))
    assert made.related == (
        Related("To https://b.example/2", "https://b.example/2"),
        Related("To https://a.example/1", "https://a.example/1"),
    )


def test_of_related_links_to_one_story_the_first_stays_in_its_place() -> None:
    links = related(
        "https://a.example/1", "https://b.example/2", "https://www.a.example/1/?utm_medium=x", "https://c.example/3"
    )
    assert distinct_related(replace(ARTICLE, related=links)) == [links[0], links[1], links[3]]


@pytest.mark.parametrize(
    "own",
    [WEB, WEB + "&utm_campaign=x", WEB + "#top", ORIGINAL, AMP],
    ids=["web", "tracked", "part", "original", "amp"],
)
def test_an_article_is_not_related_to_itself(own: str) -> None:
    article = replace(ARTICLE, original_url=ORIGINAL, amp_url=AMP, related=related(own, "https://a.example/1"))
    assert distinct_related(article) == list(related("https://a.example/1"))


def test_an_article_without_links_is_related_to_nothing() -> None:
    assert distinct_related(ARTICLE) == []


def test_related_links_have_no_other_fields_than_title_and_address() -> None:
    """Their excerpts must not be shown, so there is no place for them."""
    assert [field.name for field in fields(Related)] == ["title", "url"]


# The body


def html(body: str, path: str = "news/a.md") -> str:
    return body_html(replace(ARTICLE, path=path, body=body), "https://source.example/2024/story")


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("One *two* **three**", "<p>One <em>two</em> <strong>three</strong></p>"),
        ("# Head\n\n- a\n- b", "<h1>Head</h1>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("~~gone~~", "<p><s>gone</s></p>"),
        ("Salt & <em>pepper</em> &copy;", "<p>Salt &amp; <em>pepper</em> ©</p>"),
        ("`<b>`", "<p><code>&lt;b&gt;</code></p>"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("![A shop](/shop.jpg)", '<p><img src="https://source.example/shop.jpg" alt="A shop"></p>'),
        ("a<br>b", "<p>a<br>b</p>"),
        ("Grüße, 世界 😀", "<p>Grüße, 世界 😀</p>"),
    ],
    ids=["emphasis", "blocks", "strikethrough", "inline-html", "code", "quote", "image", "line-break", "non-ascii"],
)
def test_markdown_becomes_html(markdown: str, expected: str) -> None:
    assert html(markdown) == expected


def test_tables_are_markdown_too() -> None:
    table = lxml.html.fromstring(html("| a | b |\n|---|--:|\n| 1 | 2 |"))
    assert [cell.text for cell in table.iter("th", "td")] == ["a", "b", "1", "2"]


@pytest.mark.parametrize("path", ["news/a.html", "news/a.htm", "news/A.HTML"])
def test_html_is_no_markdown(path: str) -> None:
    assert html("<p>2 * 3 * 4</p>\n    <p># not a heading</p>", path) == "<p>2 * 3 * 4</p>\n    <p># not a heading</p>"


def test_an_article_without_body_has_no_html() -> None:
    assert entry().html == ""


def test_the_body_s_addresses_are_absolute_from_the_link() -> None:
    made = entry(body="[here](more)", web_url="https://source.example/2024/story")
    assert 'href="https://source.example/2024/more"' in made.html


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/a?b=1&amp;c=2", "https://source.example/a?b=1&amp;c=2"),
        ("a", "https://source.example/2024/a"),
        ("../a", "https://source.example/a"),
        ("?q=1", "https://source.example/2024/story?q=1"),
        ("#part", "https://source.example/2024/story#part"),
        ("//cdn.example/a", "https://cdn.example/a"),
        ("https://a.example/", "https://a.example/"),
        ("HTTPS://A.example/", "https://a.example/"),
        ("mailto:jane@a.example?subject=Hello", "mailto:jane@a.example?subject=Hello"),
    ],
)
def test_addresses_are_made_absolute_and_mail_is_kept(written: str, expected: str) -> None:
    made = sanitised(f'<a href="{written}">x</a>', "https://source.example/2024/story")
    assert made == f'<a href="{expected}" rel="noopener noreferrer">x</a>'


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java&#10;script:alert(1)",
        "java&#9;script:alert(1)",
        "&#1;javascript:alert(1)",
        "&#106;avascript:alert(1)",
        "javascript&colon;alert(1)",
        "vbscript:x",
        "data:text/html;base64,PHNjcmlwdD4=",
        "ftp://files.example/a",
        "file:///etc/passwd",
        "mailto:",
        "mailto:a b",
        "https://user:secret@a.example/",
        "",
    ],
)
@pytest.mark.parametrize(
    "written", ['<a href="{}">x</a>', '<img src="{}" alt="x">', '<blockquote cite="{}">x</blockquote>']
)
def test_addresses_that_are_none_go(written: str, address: str) -> None:
    made = sanitised(written.format(address), "https://source.example/2024/story")
    element = lxml.html.fromstring(made)
    assert {"href", "src", "cite"}.isdisjoint(element.attrib)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a<script>alert(1)</script>b", "ab"),
        ("a<SCRIPT SRC=//x.example/x.js></SCRIPT>b", "ab"),
        ("a<scr<script>ipt>alert(1)</script>b", "aipt&gt;alert(1)b"),
        ("a<style>p { color: red }</style>b", "ab"),
        ('<p style="color: red" class="x" id="y">b</p>', "<p>b</p>"),
        ('a<iframe src="https://x.example/"></iframe>b', "ab"),
        ('a<object data="x.swf"></object><embed src="x.swf">b', "ab"),
        ('<p onclick="alert(1)" ONMOUSEOVER=alert(2)>b</p>', "<p>b</p>"),
        ('<img src="/a.png" onerror="alert(1)" srcset="/b.png 2x">', '<img src="https://source.example/a.png">'),
        ('<form action="/x"><input name="a"><button>b</button></form>', "b"),
        ("<svg onload=alert(1)><script>alert(2)</script></svg>b", "b"),
        ('<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>b', "b"),
        ('<math><mi xlink:href="data:x,<script>alert(1)</script>"></mi></math>b', "b"),
        ('<svg><style><img src=x onerror=alert(1)></style></svg>b', '<img src="https://source.example/2024/x">b'),
        ('<base href="https://x.example/"><meta http-equiv="refresh" content="0"><link href="/x">b', "b"),
        ('<video src="/x" poster="/y"></video><audio src="/x"></audio>b', "b"),
        ("<!-- secret -->b", "b"),
        ("<![CDATA[x]]>b", "b"),
        ("<p>unclosed <b>bold", "<p>unclosed <b>bold</b></p>"),
        ("a &lt;script&gt; b", "a &lt;script&gt; b"),
        ("&#8;a&#x1f;b&#xFFFE;", "ab"),
        ('<p title="&#8;t">b</p>', '<p title="t">b</p>'),
    ],
)  # fmt: skip
def test_nothing_that_runs_or_loads_a_page_survives(written: str, expected: str) -> None:
    made = sanitised(written, "https://source.example/2024/story")
    assert made == expected


def test_scripts_in_markdown_go_too() -> None:
    assert html("One <script>alert(1)</script>\n\n<iframe src='//x.example'></iframe>\n\n[x](javascript:alert(1))") == (
        "<p>One </p>\n\n<p>[x](javascript:alert(1))</p>"
    )


def test_deep_nesting_ends() -> None:
    assert html("> " * 3000 + "x").startswith("<blockquote>")
    assert "x" in html("<div>" * 3000 + "x", "a.html")


SAFE_TAG = re.compile(
    r"a|abbr|acronym|area|article|aside|b|bdi|bdo|blockquote|br|caption|center|cite|code|col|colgroup|data|dd|del"
    r"|details|dfn|div|dl|dt|em|figcaption|figure|footer|h[1-6]|header|hgroup|hr|i|img|ins|kbd|li|map|mark|nav|ol|p|pre"
    r"|q|rp|rt|rtc|ruby|s|samp|small|span|strike|strong|sub|summary|sup|table|tbody|td|th|thead|time|tr|tt|u|ul|var|wbr"
)
SAFE_ATTRIBUTE = re.compile(
    r"align|alt|char|charoff|cite|colspan|datetime|dir|headers|height|href|hreflang|lang|rel|rowspan|scope|size|span"
    r"|src|start|summary|title|width"
)
bits = st.sampled_from(
    [
        "<script>", "</script>", "<script src=//x>", "<iframe src=x>", "</iframe>", "<style>", "</style>", "<svg>",
        "</svg>", "<math>", "<mtext>", "<noscript>", "<template>", "<textarea>", "</textarea>", "<title>", "</title>",
        "<select>", "<option>", "<table>", "<tr>", "<td>", "</table>", "<p>", "</p>", "<a href=", "<img src=", "<form>",
        "<div ", "onerror=alert(1)", "onload='x'", " style=x ", "javascript:alert(1)", "'java\nscript:1'", "data:,x",
        '"', "'", ">", "/>", "<", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "&lt;", "&#60;", "&#x3c;script&#x3e;", "&",
        "x", " ", "\n", "\t", "\0", "=", "`", "/", "/a", "mailto:x@y", "https://a.example/", "*", "[x](", ")", "    ",
        "é", "&#8;", "&#0;",
    ]
)  # fmt: skip
soups = st.lists(bits, max_size=14).map("".join) | st.text(max_size=40)


@settings(deadline=None, max_examples=200)
@given(soups, st.sampled_from(["a.md", "a.html"]))
def test_whatever_the_body_nothing_runs_and_every_address_is_absolute(body: str, path: str) -> None:
    made = html(body, path)
    for element in lxml.html.fragment_fromstring(made, create_parent="section").iterdescendants():
        assert SAFE_TAG.fullmatch(element.tag)
        assert all(map(SAFE_ATTRIBUTE.fullmatch, element.attrib))
        addresses = [element.attrib[name] for name in ("href", "src", "cite") if name in element.attrib]
        assert all(address.lower().startswith(("https://", "http://", "mailto:")) for address in addresses)


@settings(deadline=None, max_examples=60)
@given(soups)
@example("<p><select><p>")
def test_sanitising_twice_changes_nothing_more(body: str) -> None:
    once = sanitised(body, "https://source.example/2024/story")
    assert sanitised(once, "https://other.example/") == once

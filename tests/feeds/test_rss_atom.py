"""Atom and RSS: every row of the mapping table (design, section 6) and every trap of feedgen (section 14)."""

import locale
import threading
import warnings
from calendar import timegm
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feedd import __version__
from feedd.errors import RenderError
from feedd.feeds.entry import Author, Category, Entry, Feed, Image, Related, Tombstone
from feedd.feeds.rss_atom import atom_document, atom_entry, rss_document, rss_item

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
    import feedparser

SPACES = {
    "a": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/",
}
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

NOON = 1607688000  # 2020-12-11T12:00:00Z
ONE = 1607691600  # 2020-12-11T13:00:00Z

ENTRY = Entry(
    id="tag:everyday.example,2020:news/one",
    title="Privacy backlash",
    summary="The retailer answered.",
    html="",
    link="https://grocer.example/one?a=1&b=2",
    via="",
    published=NOON,
    updated=ONE,
    categories=(Category("computer-vision", "Computer Vision", "https://everyday.example/topics/"),),
    author=Author("The Grocer", "https://grocer.example/", "https://grocer.example/face.png"),
    source_feed="",
    image=None,
    video=False,
    related=(),
    language="",
)
IMAGE = Image("https://grocer.example/one.jpg", 1024, 536, "A shop", "Jane Doe")

FEED = Feed(
    id="tag:everyday.example,2020:feeds/topics/ai",
    name="topics/ai",
    base="https://everyday.example/feeds/",
    title="Every Day: AI",
    description="All about AI",
    page="https://everyday.example/",
    language="en",
    updated=ONE,
    newest=NOON,
    ttl=60,
    icon="https://everyday.example/icon.png",
    logo="https://everyday.example/logo.png",
)

ODD_TEXTS = {
    "markup": "<b>Bold</b> & <script>alert(1)</script>",
    "entities": "AT&T &amp; &lt;entities&gt; &#65;",
    "cdata": "a ]]> b <![CDATA[ c ]]>",
    "quotes": """"double" and 'single' and “curly”""",
    "emoji": "emoji 😀👩‍👩‍👧 and flags 🇫🇷",
    "right-to-left": "עברית and العربية ‮reversed‬",
    "declaration": 'xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom"',
    "end-tags": "</entry></feed></item></channel></rss>",
}


def atom(*entries: Entry, feed: Feed = FEED) -> Any:
    """The root of the Atom document of those entries."""
    return etree.fromstring(atom_document(feed, [atom_entry(entry) for entry in entries]))


def rss(*entries: Entry, feed: Feed = FEED) -> Any:
    """The channel of the RSS document of those entries."""
    return etree.fromstring(rss_document(feed, [rss_item(entry) for entry in entries]))[0]


def in_atom(**changes: Any) -> Any:
    """The `entry` element of an entry with those changes."""
    return find(atom(replace(ENTRY, **changes)), "a:entry")


def in_rss(**changes: Any) -> Any:
    """The `item` element of an entry with those changes."""
    return find(rss(replace(ENTRY, **changes)), "item")


def find(element: Any, path: str) -> Any:
    (found,) = element.iterfind(path, SPACES)
    return found


def absent(element: Any, path: str) -> bool:
    return element.find(path, SPACES) is None


def both(**changes: Any) -> list[Any]:
    return [in_atom(**changes), in_rss(**changes)]


# The mapping table


def test_id_is_the_atom_id() -> None:
    assert find(in_atom(), "a:id").text == ENTRY.id


def test_id_is_a_guid_that_is_no_permalink() -> None:
    guid = find(in_rss(id="https://everyday.example/one"), "guid")
    assert (guid.text, guid.get("isPermaLink")) == ("https://everyday.example/one", "false")


def test_title_is_plain_text() -> None:
    assert find(in_atom(), "a:title").items() == [("type", "text")]
    assert find(in_atom(), "a:title").text == find(in_rss(), "title").text == ENTRY.title


def test_summary_is_plain_text_in_atom() -> None:
    summary = find(in_atom(summary="1 < 2 & <b>"), "a:summary")
    assert (summary.text, summary.items()) == ("1 < 2 & <b>", [("type", "text")])


def test_description_is_escaped_as_html_in_rss() -> None:
    assert find(in_rss(summary='1 < 2 & "<b>"'), "description").text == '1 &lt; 2 &amp; "&lt;b&gt;"'


def test_no_summary_no_element() -> None:
    assert absent(in_atom(summary=""), "a:summary")
    assert absent(in_rss(summary=""), "description")


def test_body_is_html() -> None:
    html = "<p>Fish &amp; chips ]]></p>\n<p>&nbsp;</p>"
    content = find(in_atom(html=html), "a:content")
    assert (content.text, content.get("type")) == (html, "html")
    assert find(in_rss(html=html), "content:encoded").text == html
    assert find(in_rss(html=html), "description").text == ENTRY.summary


def test_body_without_summary_is_the_description() -> None:
    """`content:encoded` is valid only after a description."""
    item = in_rss(html="<p>Body</p>", summary="")
    assert find(item, "description").text == "<p>Body</p>"
    assert absent(item, "content:encoded")


@pytest.mark.parametrize(
    ("summary", "html", "last"), [("A", "", False), ("A", "<p>B</p>", False), ("", "<p>B</p>", True)]
)
def test_style_sheet_knows_a_description_that_is_the_body_by_its_being_last(
    summary: str, html: str, last: bool
) -> None:
    names = [child.tag for child in in_rss(summary=summary, html=html, image=IMAGE, video=True, language="de")]
    assert (names[-1] == "description") == (names.index("description") > names.index("pubDate")) == last


def test_times_are_written_in_utc() -> None:
    entry, item = both()
    assert find(entry, "a:published").text == "2020-12-11T12:00:00Z"
    assert find(entry, "a:updated").text == "2020-12-11T13:00:00Z"
    assert find(item, "pubDate").text == "Fri, 11 Dec 2020 12:00:00 GMT"
    assert find(item, "a:updated").text == "2020-12-11T13:00:00Z"


def test_link_is_the_alternate() -> None:
    assert dict(find(in_atom(), "a:link").items()) == {"rel": "alternate", "href": ENTRY.link}
    assert find(in_rss(), "link").text == ENTRY.link


def test_original_is_via_in_atom_only() -> None:
    original = "https://video.example/watch?v=1&t=2"
    entry, item = both(via=original)
    assert find(entry, "a:link[@rel='via']").get("href") == original
    assert find(entry, "a:link[@rel='alternate']").get("href") == ENTRY.link
    assert find(item, "link").text == ENTRY.link
    assert original.encode() not in etree.tostring(item)


def test_topics_are_categories() -> None:
    entry, item = both()
    assert dict(find(entry, "a:category").items()) == {
        "term": "computer-vision",
        "label": "Computer Vision",
        "scheme": "https://everyday.example/topics/",
    }
    category = find(item, "category")
    assert (category.text, category.items()) == (
        "Computer Vision",
        [("domain", "https://everyday.example/topics/")],
    )


def test_topic_without_label_and_scheme_is_its_term() -> None:
    entry, item = both(categories=(Category("ai", "", ""), Category("ml", "", "")))
    assert [dict(found.items()) for found in entry.iterfind("a:category", SPACES)] == [
        {"term": "ai", "label": "ai"},
        {"term": "ml", "label": "ml"},
    ]
    assert [(found.text, found.items()) for found in item.iterfind("category")] == [("ai", []), ("ml", [])]


def test_provider_is_the_author() -> None:
    entry, item = both()
    assert find(entry, "a:author/a:name").text == "The Grocer"
    assert find(entry, "a:author/a:uri").text == "https://grocer.example/"
    assert find(item, "dc:creator").text == "The Grocer"


def test_entry_without_a_provider_is_still_valid() -> None:
    """Atom demands an author of every entry."""
    entry, item = both(author=Author(""))
    assert find(entry, "a:author/a:name").text == "grocer.example"
    assert absent(item, "dc:creator")


def test_source_only_where_the_providers_feed_is_known() -> None:
    assert absent(in_atom(), "a:source")
    assert absent(in_rss(), "source")


def test_source_is_complete() -> None:
    """The W3C validator asks for id, title and updated in an atom:source."""
    entry, item = both(source_feed="https://grocer.example/feed")
    source = find(entry, "a:source")
    assert find(source, "a:id").text == "https://grocer.example/feed"
    assert find(source, "a:title").text == "The Grocer"
    assert find(source, "a:updated").text == "2020-12-11T12:00:00Z"
    assert find(source, "a:link").items() == [("rel", "self"), ("href", "https://grocer.example/feed")]
    assert find(item, "source").text == "The Grocer"
    assert find(item, "source").get("url") == "https://grocer.example/feed"


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_image_is_media_content_and_thumbnail(form: Any) -> None:
    element = form(image=IMAGE)
    size = {"url": IMAGE.url, "width": "1024", "height": "536"}
    assert dict(find(element, "media:content").items()) == {**size, "medium": "image"}
    assert dict(find(element, "media:thumbnail").items()) == size


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_image_title_and_credit_are_within_its_content(form: Any) -> None:
    content = find(form(image=IMAGE), "media:content")
    assert find(content, "media:title").text == "A shop"
    assert find(content, "media:title").get("type") == "plain"
    assert find(content, "media:credit").text == "Jane Doe"


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_what_is_not_known_of_an_image_is_left_out(form: Any) -> None:
    content = find(form(image=Image("https://grocer.example/one.jpg")), "media:content")
    assert dict(content.items()) == {"url": "https://grocer.example/one.jpg", "medium": "image"}
    assert len(content) == 0


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_no_image_no_media(form: Any) -> None:
    assert absent(form(), "media:content")
    assert absent(form(), "media:thumbnail")


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_video_is_media_content_with_the_page_that_plays_it(form: Any) -> None:
    video = find(form(video=True), "media:content")
    assert video.items() == [("medium", "video")]
    assert find(video, "media:player").get("url") == ENTRY.link


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_video_is_played_by_its_original(form: Any) -> None:
    element = form(video=True, via="https://video.example/1")
    assert find(element, "media:content/media:player").get("url") == "https://video.example/1"


@pytest.mark.parametrize("form", [in_atom, in_rss])
def test_picture_of_a_video_comes_first(form: Any) -> None:
    contents = form(video=True, image=IMAGE).findall("media:content", SPACES)
    assert [content.get("medium") for content in contents] == ["image", "video"]


def test_related_are_links_with_titles_in_atom_only() -> None:
    related = (Related("Two & three", "https://a.example/2"), Related("Four", "https://a.example/4"))
    entry, item = both(related=related)
    links = entry.findall("a:link[@rel='related']", SPACES)
    assert [(link.get("title"), link.get("href")) for link in links] == [
        ("Two & three", "https://a.example/2"),
        ("Four", "https://a.example/4"),
    ]
    assert b"a.example" not in etree.tostring(item)


def test_language_is_written_where_it_differs() -> None:
    entry, item = both(language="de")
    assert entry.get(LANG) == "de"
    assert find(item, "dc:language").text == "de"
    entry, item = both()
    assert entry.get(LANG) is None
    assert absent(item, "dc:language")


# Feeds


def test_atom_head_says_what_the_feed_is() -> None:
    root = atom(ENTRY)
    assert root.get(LANG) == "en"
    assert find(root, "a:id").text == FEED.id
    assert find(root, "a:title").text == "Every Day: AI"
    assert find(root, "a:subtitle").text == "All about AI"
    assert find(root, "a:updated").text == "2020-12-11T13:00:00Z"
    assert find(root, "a:generator").text == "feedd"
    assert find(root, "a:generator").items() == [("version", __version__)]
    assert find(root, "a:icon").text == FEED.icon
    assert find(root, "a:logo").text == FEED.logo


def test_atom_head_links_to_itself_and_to_its_page() -> None:
    assert [dict(link.items()) for link in atom().iterfind("a:link", SPACES)] == [
        {
            "href": "https://everyday.example/feeds/topics/ai.atom",
            "rel": "self",
            "type": "application/atom+xml",
        },
        {"href": "https://everyday.example/", "rel": "alternate", "type": "text/html"},
    ]


def pages_beside(feed: Feed) -> list[list[tuple[str, str | None]]]:
    """The addresses and types of related documents, as Atom and as RSS have them."""
    heads = (atom(ENTRY, feed=feed), rss(ENTRY, feed=feed))
    return [
        [(link.get("href"), link.get("type")) for link in head.iterfind("a:link[@rel='related']", SPACES)]
        for head in heads
    ]


@pytest.mark.parametrize(("name", "current"), [("all", ""), ("all/2020-12", "all")])
def test_feed_that_is_about_another_page_than_its_own_leads_to_both(name: str, current: str) -> None:
    feed = replace(FEED, name=name, current=current, stylesheet="https://everyday.example/feeds/assets/feed.css")
    assert pages_beside(feed) == [[("https://everyday.example/feeds/all.html", "text/html")]] * 2


def test_feed_leads_to_no_second_page_where_it_is_about_its_own_or_has_none() -> None:
    own = "https://everyday.example/feeds/topics/ai.html"
    assert pages_beside(replace(FEED, page=own, stylesheet="https://everyday.example/a.css")) == [[], []]
    assert pages_beside(FEED) == [[], []]


def test_rss_head_says_what_the_feed_is() -> None:
    channel = rss(ENTRY)
    said = {child.tag: child.text for child in channel if not len(child)}
    assert said == {
        "title": "Every Day: AI",
        "link": "https://everyday.example/",
        "description": "All about AI",
        "language": "en",
        "lastBuildDate": "Fri, 11 Dec 2020 13:00:00 GMT",
        "pubDate": "Fri, 11 Dec 2020 12:00:00 GMT",
        "ttl": "60",
        "generator": "feedd",
        "docs": "https://www.rssboard.org/rss-specification",
        "{http://www.w3.org/2005/Atom}link": None,
    }


def test_rss_head_links_to_itself() -> None:
    assert dict(find(rss(), "a:link").items()) == {
        "href": "https://everyday.example/feeds/topics/ai.rss",
        "rel": "self",
        "type": "application/rss+xml",
    }


def test_rss_image_has_the_title_and_link_of_its_channel() -> None:
    image = {child.tag: child.text for child in find(rss(), "image")}
    assert image == {"url": FEED.icon, "title": FEED.title, "link": FEED.page}


def test_rss_image_is_the_logo_where_there_is_no_icon() -> None:
    assert find(rss(feed=replace(FEED, icon="")), "image/url").text == FEED.logo


def test_what_a_feed_has_not_is_left_out() -> None:
    bare = replace(FEED, description="", language="", icon="", logo="", ttl=0, newest=None)
    root, channel = atom(feed=bare), rss(feed=bare)
    assert root.get(LANG) is None
    assert {etree.QName(child).localname for child in root} == {"id", "title", "updated", "link", "generator"}
    assert find(channel, "description").text == FEED.title  # RSS must have one
    assert all(absent(channel, tag) for tag in ("language", "image", "ttl", "pubDate"))


def test_feed_without_entries_is_whole() -> None:
    root, channel = atom(), rss()
    assert absent(root, "a:entry")
    assert absent(channel, "item")


# Bytes


def test_prefixes_are_declared_once_and_by_the_root() -> None:
    entry = replace(ENTRY, image=IMAGE, video=True, language="de", html="<p>")
    assert atom_document(FEED, [atom_entry(entry)] * 2).count(b"xmlns") == 2
    assert rss_document(FEED, [rss_item(entry)] * 2).count(b"xmlns") == 4


def test_namespaces_of_archives_and_of_withdrawn_entries_are_declared_where_they_are_used() -> None:
    withdrawn = replace(FEED, tombstones=(Tombstone("tag:everyday.example,2020:news/gone", NOON),))
    assert b"atompub/tombstones" in atom_document(withdrawn, [])
    for feed in (replace(FEED, complete=True), replace(FEED, current="topics/ai")):
        assert b"syndication/history" in atom_document(feed, [])
    assert b"syndication/history" in rss_document(replace(FEED, complete=True), [])


def test_prefixes_are_the_usual_ones() -> None:
    data = rss_item(replace(ENTRY, image=IMAGE, language="de", html="<p>"))
    for tag in (
        b"<atom:updated>",
        b"<content:encoded>",
        b"<dc:creator>",
        b"<dc:language>",
        b"<media:content ",
    ):
        assert tag in data
    assert b"<media:thumbnail " in atom_entry(replace(ENTRY, image=IMAGE))


def test_each_entry_begins_a_line() -> None:
    for document, write, last in (
        (atom_document, atom_entry, b"</feed>"),
        (rss_document, rss_item, b"</channel>"),
    ):
        data = write(ENTRY)
        lines = document(FEED, [data, data]).splitlines()
        assert lines.count(data) == 2
        assert lines[lines.index(data) + 2] == last


def test_documents_declare_utf8_and_end_with_a_line_end() -> None:
    for data in (atom_document(FEED, []), rss_document(FEED, [])):
        assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n")
        assert data.endswith(b">\n")


def test_entries_from_another_thread_are_the_same() -> None:
    entries = [replace(ENTRY, id=f"tag:a,2020:{number}", image=IMAGE) for number in range(200)]
    wanted = [(atom_entry(entry), rss_item(entry)) for entry in entries]
    seen: list[Any] = []

    def write() -> None:
        seen.append([(atom_entry(entry), rss_item(entry)) for entry in entries])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [wanted] * 4


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=list(ODD_TEXTS))
def test_odd_text_survives_everywhere(text: str) -> None:
    changes = {
        "title": text,
        "summary": text,
        "html": text,
        "categories": (Category(text, text, ""),),
        "author": Author(text),
        "image": replace(IMAGE, title=text, credit=text),
        "related": (Related(text, "https://a.example/"),),
    }
    entry, item = both(**changes)
    for path in ("title", "summary", "content", "author/a:name"):
        assert find(entry, f"a:{path}").text == text
    assert find(entry, "a:category").get("term") == text
    assert find(entry, "a:link[@rel='related']").get("title") == text
    for path in ("title", "category", "dc:creator", "content:encoded", "media:content/media:title"):
        assert find(item, path).text == text
    assert find(atom(feed=replace(FEED, title=text)), "a:title").text == text
    assert find(rss(feed=replace(FEED, title=text)), "title").text == text


# The traps of feedgen


def test_via_and_related_links_survive_feedgen() -> None:
    """feedgen drops `rel` and `title` of the links of an entry."""
    entry = in_atom(via="https://video.example/1", related=(Related("Two", "https://a.example/2"),))
    assert [link.get("rel") for link in entry.iterfind("a:link", SPACES)] == ["alternate", "via", "related"]
    assert find(entry, "a:link[@rel='related']").get("title") == "Two"


def test_channel_links_to_the_page_not_to_the_feed() -> None:
    """feedgen takes the last link that was added."""
    assert find(rss(), "link").text == FEED.page


def test_updated_is_never_the_clocks() -> None:
    """feedgen's default is now; 1970 is a time like any other."""
    feed, entry = replace(FEED, updated=0), replace(ENTRY, published=0, updated=0)
    root, channel = atom(entry, feed=feed), rss(entry, feed=feed)
    assert find(root, "a:updated").text == find(root, "a:entry/a:updated").text == "1970-01-01T00:00:00Z"
    assert find(channel, "lastBuildDate").text == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert find(channel, "item/pubDate").text == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_order_is_kept() -> None:
    """feedgen puts each new entry before the others."""
    entries = [replace(ENTRY, id=f"tag:a,2020:{number}") for number in (1, 2, 3)]
    wanted = [entry.id for entry in entries]
    assert [found.text for found in atom(*entries).iterfind("a:entry/a:id", SPACES)] == wanted
    assert [found.text for found in rss(*entries).iterfind("item/guid")] == wanted


def test_author_without_email_is_in_rss() -> None:
    """feedgen leaves authors without e-mail out."""
    assert find(in_rss(), "dc:creator").text == "The Grocer"
    assert absent(in_rss(), "author")


def test_media_is_not_grouped() -> None:
    """feedgen's media extension puts every picture into a group of its own, which is not valid."""
    assert all(absent(element, "media:group") for element in both(image=IMAGE, video=True))


def test_locale_of_the_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """feedgen sets it twice for each RSS time, which other threads see."""

    def refuse(*_: Any) -> None:
        raise AssertionError("setlocale was called")

    monkeypatch.setattr(locale, "setlocale", refuse)
    assert find(rss(ENTRY), "lastBuildDate").text == "Fri, 11 Dec 2020 13:00:00 GMT"
    assert find(atom(ENTRY), "a:entry/a:id").text == ENTRY.id


@pytest.mark.parametrize("write", [atom_entry, rss_item])
def test_refusal_names_the_entry(write: Any) -> None:
    """feedgen refuses the whole feed for one control character; here it is the entry alone that fails."""
    with pytest.raises(RenderError, match=r"tag:everyday\.example,2020:news/one") as refusal:
        write(replace(ENTRY, title="a\x00b"))
    assert refusal.value.problem.kind == "render-failed"
    with pytest.raises(RenderError):
        write(replace(ENTRY, published=10**20, updated=10**20))


def test_entry_after_a_refused_one_is_written() -> None:
    wanted = atom_entry(ENTRY), rss_item(ENTRY)
    for write in (atom_entry, rss_item):
        with pytest.raises(RenderError):
            write(replace(ENTRY, image=replace(IMAGE, title="\x00")))
    assert (atom_entry(ENTRY), rss_item(ENTRY)) == wanted


@pytest.mark.parametrize("document", [atom_document, rss_document])
def test_refusal_names_the_feed(document: Any) -> None:
    with pytest.raises(RenderError, match="topics/ai") as refusal:
        document(replace(FEED, title=""), [])
    assert refusal.value.problem.kind == "render-failed"


# Any entry

EXAMPLES = settings(max_examples=50, deadline=None)

XML = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
TEXT = st.text(XML, max_size=40).map(lambda text: " ".join(text.split())) | st.sampled_from([*ODD_TEXTS.values(), "Â¡"])
TITLE = TEXT.filter(bool)
URL = st.text("abcXYZ019-._~/?&=%+", max_size=20).map(lambda path: f"https://a.example/{path}")
MOMENT = st.integers(0, 4102444800)
IMAGES = st.builds(Image, URL, st.integers(0, 9999), st.integers(0, 9999), TEXT, TEXT)

ENTRIES = st.builds(
    lambda times, **fields: Entry(published=min(times), updated=max(times), **fields),
    times=st.tuples(MOMENT, MOMENT),
    id=st.text("abc019/-_.", min_size=1).map(lambda slug: f"tag:everyday.example,2020:{slug}"),
    title=TITLE,
    summary=TEXT,
    html=TEXT,
    link=URL,
    via=st.just("") | URL,
    categories=st.lists(st.builds(Category, TITLE, TEXT, URL), max_size=3).map(tuple),
    author=st.builds(Author, TEXT, st.just("") | URL),
    source_feed=st.just("") | URL,
    image=st.none() | IMAGES,
    video=st.booleans(),
    related=st.lists(st.builds(Related, TITLE, URL), max_size=5).map(tuple),
    language=st.sampled_from(["", "de", "pt-BR"]),
)


@EXAMPLES
@given(st.lists(ENTRIES, max_size=3))
def test_any_entries_are_read_back_by_feedparser(entries: list[Entry]) -> None:
    for data in (
        atom_document(FEED, [atom_entry(entry) for entry in entries]),
        rss_document(FEED, [rss_item(entry) for entry in entries]),
    ):
        read = feedparser.parse(data, sanitize_html=False, resolve_relative_uris=False)
        assert not read.bozo
        assert (read.feed.title, read.feed.link) == (FEED.title, FEED.page)
        assert [seen(entry) for entry in read.entries] == [
            (entry.id, mended(entry.title), entry.link, entry.published, entry.updated) for entry in entries
        ]


def mended(text: str) -> str:
    """Text as feedparser has it: what reads like UTF-8 that was taken for ISO 8859-1 ("Â¡") it takes for a mistake."""
    with suppress(UnicodeError):
        return text.encode("iso-8859-1").decode("utf-8")
    return text


def seen(entry: Any) -> tuple[Any, ...]:
    moments = timegm(entry.published_parsed), timegm(entry.updated_parsed)
    return (entry.id, entry.title, entry.link, *moments)


@EXAMPLES
@given(ENTRIES)
def test_the_same_entry_gives_the_same_bytes(entry: Entry) -> None:
    feed, again = replace(FEED), replace(entry)
    assert atom_entry(entry) == atom_entry(again)
    assert rss_item(entry) == rss_item(again)
    assert atom_document(FEED, [atom_entry(entry)]) == atom_document(feed, [atom_entry(again)])
    assert rss_document(FEED, [rss_item(entry)]) == rss_document(feed, [rss_item(again)])


@EXAMPLES
@given(ENTRIES)
def test_any_entry_in_a_feed_is_that_entry(entry: Entry) -> None:
    """What is spliced is neither more nor less than one element."""
    assert len(atom(entry).findall("a:entry", SPACES)) == 1
    assert len(rss(entry).findall("item")) == 1

"""JSON Feed: every row of the mapping table (design, section 6), and the rules of version 1.1."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feedd import __version__
from feedd.errors import RenderError
from feedd.feeds.entry import Author, Category, Entry, Feed, Image, Related
from feedd.feeds.json_feed import json_document, json_item

NOON = 1607688000  # 2020-12-11T12:00:00Z
ONE = 1607691600  # 2020-12-11T13:00:00Z

ENTRY = Entry(
    id="tag:everyday.example,2020:news/one",
    title="Privacy backlash",
    summary="The retailer answered.",
    html="",
    link="https://grocer.example/one",
    via="",
    published=NOON,
    updated=ONE,
    categories=(),
    author=Author("The Grocer", "https://grocer.example/", "https://grocer.example/face.png"),
    source_feed="",
    image=None,
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
    updated=ONE,
    newest=NOON,
    ttl=60,
    icon="https://everyday.example/icon.png",
    logo="https://everyday.example/logo.png",
)


def item(**changes: Any) -> dict[str, Any]:
    """The item of an entry with those changes, read back."""
    read: dict[str, Any] = msgspec.json.decode(json_item(replace(ENTRY, **changes)))
    return read


def document(*entries: Entry, **changes: Any) -> dict[str, Any]:
    """The document of a feed with those changes, read back."""
    data = json_document(replace(FEED, **changes), [json_item(entry) for entry in entries])
    read: dict[str, Any] = msgspec.json.decode(data)
    return read


# The mapping table


def test_smallest_item_holds_these_keys_and_no_others() -> None:
    assert item(author=Author("")) == {
        "id": "tag:everyday.example,2020:news/one",
        "url": "https://grocer.example/one",
        "title": "Privacy backlash",
        "summary": "The retailer answered.",
        "content_text": "The retailer answered.",
        "date_published": "2020-12-11T12:00:00Z",
        "date_modified": "2020-12-11T13:00:00Z",
    }


def test_original_is_the_external_url() -> None:
    assert item(via="https://video.example/1")["external_url"] == "https://video.example/1"


def test_body_is_html_content_and_the_only_content() -> None:
    read = item(html="<p>Body</p>")
    assert read["content_html"] == "<p>Body</p>"
    assert read["summary"] == "The retailer answered."
    assert "content_text" not in read


def test_item_without_summary_and_body_has_its_title_as_content() -> None:
    """An item must have a content."""
    read = item(summary="")
    assert read["content_text"] == "Privacy backlash"
    assert "summary" not in read


def test_topics_are_tags_by_their_names() -> None:
    topics = (Category("computer-vision", "Computer Vision", "https://a.example/"), Category("ai", "", ""))
    assert item(categories=topics)["tags"] == ["Computer Vision", "ai"]


def test_provider_is_the_author() -> None:
    assert item()["authors"] == [
        {
            "name": "The Grocer",
            "url": "https://grocer.example/",
            "avatar": "https://grocer.example/face.png",
        }
    ]
    assert item(author=Author("The Grocer"))["authors"] == [{"name": "The Grocer"}]


def test_image_is_its_address() -> None:
    image = Image("https://grocer.example/one.jpg", 1024, 536, "A shop", "Jane Doe")
    assert item(image=image)["image"] == "https://grocer.example/one.jpg"


def test_language_is_written_where_it_differs() -> None:
    assert item(language="de")["language"] == "de"


def test_related_are_in_the_extension() -> None:
    related = (Related("Two", "https://a.example/2"), Related("Four", "https://a.example/4"))
    assert item(related=related)["_feedd"] == {
        "related": [
            {"title": "Two", "url": "https://a.example/2"},
            {"title": "Four", "url": "https://a.example/4"},
        ]
    }


# Documents


def test_document_says_what_the_feed_is() -> None:
    assert document() == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Every Day: AI",
        "home_page_url": "https://everyday.example/",
        "feed_url": "https://everyday.example/feeds/topics/ai.json",
        "description": "All about AI",
        "icon": "https://everyday.example/logo.png",
        "favicon": "https://everyday.example/icon.png",
        "language": "en",
        "_feedd": {"generator": f"feedd {__version__}"},
        "items": [],
    }


def test_what_a_feed_has_not_is_left_out() -> None:
    assert set(document(description="", icon="", logo="", language="")) == {
        "version",
        "title",
        "home_page_url",
        "feed_url",
        "_feedd",
        "items",
    }


def test_order_is_kept() -> None:
    entries = [replace(ENTRY, id=f"tag:a,2020:{number}") for number in (1, 2, 3)]
    assert [read["id"] for read in document(*entries)["items"]] == [entry.id for entry in entries]


def test_each_item_is_a_line() -> None:
    odd = json_item(replace(ENTRY, html="<p>a\nb\r\nc</p>"))
    lines = json_document(FEED, [odd, odd]).splitlines()
    assert (lines[1], lines[2]) == (odd + b",", odd)
    assert len(lines) == 4


def test_other_scripts_are_written_as_they_are() -> None:
    assert "שלום 😀 “é”".encode() in json_item(replace(ENTRY, title="שלום 😀 “é”"))


def test_refusal_names_the_entry() -> None:
    for changes in ({"title": "\ud800"}, {"published": 10**20}):
        with pytest.raises(RenderError, match=r"tag:everyday\.example,2020:news/one") as refusal:
            json_item(replace(ENTRY, **changes))
        assert refusal.value.problem.kind == "render-failed"


def test_refusal_names_the_feed() -> None:
    with pytest.raises(RenderError, match="topics/ai") as refusal:
        json_document(replace(FEED, title="\ud800"), [])
    assert refusal.value.problem.kind == "render-failed"


# Any entry

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
MOMENT = st.integers(0, 4102444800)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT, MOMENT, MOMENT)
def test_any_entry_is_read_back(title: str, summary: str, html: str, published: int, updated: int) -> None:
    entry = replace(ENTRY, title=title, summary=summary, html=html, published=published, updated=updated)
    (read,) = document(entry)["items"]
    assert (read["id"], read["url"], read["title"]) == (ENTRY.id, ENTRY.link, title)
    assert read.get("summary", "") == summary
    assert read.get("content_html", "") == html
    assert datetime.fromisoformat(read["date_published"]).timestamp() == published
    assert datetime.fromisoformat(read["date_modified"]).timestamp() == updated
    assert json_item(entry) == json_item(replace(entry))

"""The table of formats: what every format must do, whichever it is."""

import subprocess
import sys

import pytest
from msgspec.structs import replace

from feedd.errors import RenderError
from feedd.feeds.entry import Author, Category, Entry, Feed, Image, Related
from feedd.feeds.formats import FORMATS, Format

ENTRY = Entry(
    id="tag:everyday.example,2020:news/one",
    title="Privacy backlash",
    summary="The retailer answered.",
    html="<p>Body</p>",
    link="https://grocer.example/one",
    via="https://original.example/one",
    published=1607688000,
    updated=1607691600,
    categories=(Category("ai", "AI", "https://everyday.example/topics/"),),
    author=Author("The Grocer", "https://grocer.example/", "https://grocer.example/face.png"),
    source_feed="https://grocer.example/feed",
    image=Image("https://grocer.example/one.jpg", 1024, 536, "A shop", "Jane Doe"),
    video=True,
    related=(Related("Two", "https://a.example/2"),),
    language="de",
)

FEED = Feed(
    id="tag:everyday.example,2020:feeds/all",
    name="all",
    base="https://everyday.example/feeds/",
    title="Every Day",
    description="All of it",
    page="https://everyday.example/",
    language="en",
    updated=1607691600,
    newest=1607688000,
    ttl=60,
)

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))


def test_formats_and_their_media_types() -> None:
    assert {suffix: form.media_type for suffix, form in FORMATS.items()} == {
        "atom": "application/atom+xml",
        "rss": "application/rss+xml",
        "json": "application/feed+json",
    }


def test_a_format_is_found_by_its_suffix() -> None:
    assert all(form.suffix == suffix for suffix, form in FORMATS.items())


@every_format
def test_document_links_to_itself(form: Format) -> None:
    assert f"https://everyday.example/feeds/all.{form.suffix}".encode() in form.document(FEED, [])


@every_format
def test_document_holds_the_bytes_of_its_entries_in_order(form: Format) -> None:
    entries = [form.entry(replace(ENTRY, id=f"tag:everyday.example,2020:{slug}")) for slug in "abc"]
    data = form.document(FEED, entries)
    places = [data.index(entry) for entry in entries]
    assert places == sorted(places)
    assert len(set(places)) == 3


@every_format
def test_the_same_values_give_the_same_bytes(form: Format) -> None:
    assert form.entry(ENTRY) == form.entry(replace(ENTRY))
    assert form.document(FEED, [form.entry(ENTRY)]) == form.document(replace(FEED), [form.entry(ENTRY)])


@every_format
def test_what_cannot_be_written_is_a_render_error(form: Format) -> None:
    with pytest.raises(RenderError, match="news/one"):
        form.entry(replace(ENTRY, summary="\ud800"))
    with pytest.raises(RenderError, match="all"):
        form.document(replace(FEED, title="\ud800"), [])


def test_the_table_is_cheap_to_import() -> None:
    """feedgen takes 90 ms, which commands that write no feed should not wait for."""
    told = "import sys, feedd.feeds.formats; print('feedgen' in sys.modules, 'lxml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]

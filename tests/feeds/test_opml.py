"""OPML: the list of all feeds, its tree of topics, and that it changes only when it must."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feedd.config import Config, parse
from feedd.content.taxonomy import Taxonomy, TopicItem, build
from feedd.content.text import carriable
from feedd.errors import RenderError
from feedd.feeds.entry import Listing
from feedd.feeds.opml import opml_document

NOON = 1607688000  # 2020-12-11T12:00:00Z
NOTHING = Taxonomy()


def config(more: str = "") -> Config:
    site = 'title = "Every Day"\nurl = "https://everyday.example/"\nfeeds_url = "https://everyday.example/feeds/"'
    return parse(f"[site]\n{site}\n{more}", "feedd.toml", Path("/"))


CONFIG = config()
ALL = Listing("all", "all", "Every Day", "all", "Of every day")


def topic(label: str, **changes: Any) -> Listing:
    return replace(Listing(f"topics/{label.lower()}", "topic", f"Every Day: {label}", label), **changes)


def provider(label: str) -> Listing:
    return Listing(f"providers/{label.lower()}.example", "provider", f"Every Day: {label}", label)


def taxonomy(**parents: str) -> Taxonomy:
    """Topics, each with the one above it."""
    return build([TopicItem(name, parent=parent) for name, parent in parents.items()], [], "")[0]


def body(*listings: Listing, taxonomy: Taxonomy = NOTHING, config: Config = CONFIG) -> Any:
    return etree.fromstring(opml_document(config, listings, taxonomy).data).find("body")


def tree(element: Any) -> list[Any]:
    """Outlines as text, with those below them: `["A", ("B", ["C"])]`."""
    made = []
    for outline in element:
        below = tree(outline)
        made.append((outline.get("text"), below) if below else outline.get("text"))
    return made


def test_document_is_opml_2_with_what_the_specification_asks_for() -> None:
    document = opml_document(CONFIG, [ALL], NOTHING)
    root = etree.fromstring(document.data)

    assert document.path == "feeds.opml"
    assert document.data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n")
    assert (root.tag, dict(root.attrib)) == ("opml", {"version": "2.0"})
    assert [child.tag for child in root] == ["head", "body"]
    assert root.findtext("head/title") == "Every Day"


def test_feed_is_an_outline_that_readers_can_subscribe_to() -> None:
    (outline,) = body(ALL)

    assert dict(outline.attrib) == {
        "type": "rss",
        "text": "Every Day",
        "title": "Every Day",
        "xmlUrl": "https://everyday.example/feeds/all.atom",
        "htmlUrl": "https://everyday.example/feeds/all.html",
        "description": "Of every day",
        "language": "en",
    }


@pytest.mark.parametrize(
    ("formats", "suffix"), [('["json", "rss", "atom"]', "atom"), ('["json", "rss"]', "rss"), ('["json"]', "json")]
)
def test_address_is_that_of_atom_before_rss_before_json(formats: str, suffix: str) -> None:
    (outline,) = body(ALL, config=config(f"[output]\nformats = {formats}"))
    assert outline.get("xmlUrl") == f"https://everyday.example/feeds/all.{suffix}"


def test_without_pages_no_outline_leads_to_one() -> None:
    (outline,) = body(ALL, config=config("[pages]\nenabled = false"))
    assert "htmlUrl" not in outline.attrib


def test_everything_and_ones_own_feeds_come_first_then_topics_then_providers() -> None:
    own = [Listing("z", "feed", "About Zoos", "z"), Listing("a", "feed", "Zeroes", "a")]

    assert tree(body(provider("Zeta"), provider("Beta"), topic("Sea"), *own, ALL)) == [
        "Every Day",
        "About Zoos",
        "Zeroes",
        ("Topics", ["Every Day: Sea"]),
        ("Providers", ["Every Day: Beta", "Every Day: Zeta"]),
    ]


def test_topics_lie_in_those_above_them() -> None:
    known = taxonomy(Kitchen="", Tea="Kitchen", Matcha="Tea", Sea="")

    assert tree(body(topic("Matcha"), topic("Tea"), topic("Kitchen"), topic("Sea"), taxonomy=known)) == [
        ("Topics", [
            ("Every Day: Kitchen", [("Every Day: Tea", ["Every Day: Matcha"])]),
            "Every Day: Sea",
        ])
    ]  # fmt: skip


def test_topic_with_topics_below_it_can_still_be_subscribed_to() -> None:
    kitchen = body(topic("Tea"), topic("Kitchen"), taxonomy=taxonomy(Kitchen="", Tea="Kitchen"))[0][0]
    assert (kitchen.get("type"), kitchen.get("xmlUrl"), len(kitchen)) == (
        "rss",
        "https://everyday.example/feeds/topics/kitchen.atom",
        1,
    )


def test_topic_above_without_a_feed_of_its_own_is_a_name() -> None:
    topics = body(topic("Matcha"), taxonomy=taxonomy(Kitchen="", Tea="Kitchen", Matcha="Tea", Unused="Kitchen"))[0]

    assert tree(topics) == [("Kitchen", [("Tea", ["Every Day: Matcha"])])]
    assert dict(topics[0].attrib) == {"text": "Kitchen", "title": "Kitchen"}


def test_topics_in_a_loop_stand_at_the_top_and_those_below_them_below() -> None:
    known = taxonomy(A="B", B="A", C="A", D="D")

    assert tree(body(*map(topic, "DCBA"), taxonomy=known)) == [
        ("Topics", [("Every Day: A", ["Every Day: C"]), "Every Day: B", "Every Day: D"])
    ]


def test_topic_that_nobody_listed_stands_at_the_top() -> None:
    assert tree(body(topic("New"), taxonomy=taxonomy(Sea=""))) == [("Topics", ["Every Day: New"])]


def test_long_way_up_ends_well() -> None:
    names = [f"T{number:04}" for number in range(300)]
    known = taxonomy(**dict(zip(names, ["", *names], strict=False)))
    data = opml_document(CONFIG, [topic(names[-1])], known).data

    assert data.count(b"<outline") == 301


def test_order_counts_and_dates_of_feeds_change_nothing() -> None:
    listings = [ALL, topic("Sea"), topic("Land"), provider("Beta")]
    once = opml_document(CONFIG, listings, NOTHING)
    moved = [replace(one, count=7, whole=False, newest=NOON, newest_title="News", newest_link="x") for one in listings]

    assert {opml_document(CONFIG, some, NOTHING) for some in permutations(listings)} == {once}
    assert opml_document(CONFIG, moved, NOTHING) == once
    assert opml_document(CONFIG, listings[1:], NOTHING) != once


TEXT = st.text(min_size=1, max_size=30).map(lambda text: f"x{carriable(text)}x")


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT)
def test_no_title_breaks_out_of_its_attribute(title: str, description: str) -> None:
    (outline,) = body(replace(ALL, title=title, description=description))

    # XML itself turns white space in attributes into spaces unless it is written as a reference.
    assert (outline.get("text"), outline.get("description")) == (title, description)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDEFG"), st.sampled_from("ABCDEFG"), max_size=7),
    st.sets(st.sampled_from("ABCDEFG")),
)
def test_whatever_the_tree_every_feed_is_there_once(parents: dict[str, str], feeds: set[str]) -> None:
    outlines = body(*map(topic, feeds), taxonomy=taxonomy(**parents)).iter("outline")
    addresses = [one.get("xmlUrl") for one in outlines if one.get("xmlUrl")]

    assert sorted(addresses) == sorted(f"https://everyday.example/feeds/topics/{name.lower()}.atom" for name in feeds)


def test_what_xml_cannot_carry_is_told() -> None:
    with pytest.raises(RenderError, match="OPML"):
        opml_document(CONFIG, [replace(ALL, title="a\0b")], NOTHING)

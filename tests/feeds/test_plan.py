"""Plan: which feeds there can be, and which of them an article goes to (design: sections 5 and 7)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feedd.config import Config, FeedConfig, Output, ProviderConfig, TopicConfig
from feedd.config import Site as SiteSettings
from feedd.config import Taxonomy as TaxonomySettings
from feedd.content.article import Article, Picture, Provider
from feedd.content.links import host
from feedd.content.slugs import slug
from feedd.content.taxonomy import TopicItem, build
from feedd.desk import Desk
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.plan import ALL, Plan
from feedd.feeds.select import Card, admits
from feedd.testing import Site

SITE = SiteSettings("Example News", "https://news.example/", "https://news.example/feeds/")
ARTICLE = Article(
    "news/a.md",
    "a",
    "news",
    "A story",
    1717243200,
    True,
    web_url="https://source.example/a",
    topics=("AI",),
    provider=Provider("Source", "source.example"),
)
AUTOMATIC = Output()
TREE = (
    TopicConfig("Technology"),
    TopicConfig("AI", parent="Technology", aliases=("Artificial Intelligence",)),
    TopicConfig("Computer Vision", parent="AI"),
    TopicConfig("Food"),
)


def plan(
    topics: Sequence[TopicConfig] = (),
    providers: Sequence[ProviderConfig] = (),
    rollup: bool = False,
    unknown_topics: Any = "feed",
    output: Output = AUTOMATIC,
    feeds: Sequence[FeedConfig] = (),
) -> Plan:
    taxonomy = TaxonomySettings(
        unknown_topics=unknown_topics, rollup=rollup, inline_topics=tuple(topics), inline_providers=tuple(providers)
    )
    return Desk(Config(SITE, taxonomy=taxonomy, output=output, feeds=tuple(feeds))).plan


def card(plan: Plan, article: Article = ARTICLE, **changes: Any) -> Card:
    """The card of an article with those changes."""
    return Card(1, "tag:a", 1, article.date, None, plan.traits(replace(article, **changes)))


def routed(plan: Plan, article: Article = ARTICLE, **changes: Any) -> list[str]:
    return plan.route(card(plan, article, **changes))


# The automatic feeds


def test_an_article_is_in_all_and_in_the_feeds_of_its_topics_and_provider() -> None:
    assert routed(plan(), topics=("AI", "Computer Vision")) == [
        "all",
        "topics/ai",
        "topics/computer-vision",
        "providers/source.example",
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (Output(all=False), ["topics/ai", "providers/source.example"]),
        (Output(topics=False), ["all", "providers/source.example"]),
        (Output(providers=False), ["all", "topics/ai"]),
        (Output(all=False, topics=False, providers=False), []),
    ],
    ids=["no-all", "no-topics", "no-providers", "none"],
)
def test_automatic_feeds_can_be_switched_off(output: Output, expected: list[str]) -> None:
    assert routed(plan(output=output)) == expected


@pytest.mark.parametrize(("collection", "expected"), [("news", 3), ("letters", 3), ("drafts", 0)])
def test_automatic_feeds_take_the_collections_that_the_configuration_names(collection: str, expected: int) -> None:
    assert len(routed(plan(output=Output(collections=("news", "Letters"))), collection=collection)) == expected


def test_configured_feeds_take_any_collection_unless_they_name_some() -> None:
    feeds = [FeedConfig("every"), FeedConfig("letters", collections=("Letters",))]
    made = plan(output=Output(collections=("news",)), feeds=feeds)
    assert routed(made, collection="letters") == ["every", "letters"]
    assert routed(made, collection="drafts") == ["every"]


def test_all_and_configured_feeds_stand_even_without_articles() -> None:
    assert plan(feeds=[FeedConfig("hot")]).standing() == ["all", "hot"]
    assert plan(output=Output(all=False)).standing() == []


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("all", "all", "{site}"),
        ("topics/ai", "topic", "About {name}"),
        ("providers/a.example", "provider", "By {name}"),
        ("taken-out", "all", "About {name}"),
    ],
)
def test_titles_come_from_the_templates_of_the_configuration(name: str, kind: str, title: str) -> None:
    spec = plan(output=Output(topic_title="About {name}", provider_title="By {name}", limit=7)).spec(name)
    assert (spec.name, spec.kind, spec.title, spec.limit) == (name, kind, title, 7)


# Topics


@pytest.mark.parametrize("written", ["AI", "ai", "  Ai ", "artificial  intelligence", "Artificial Intelligence"])
def test_every_name_of_a_topic_leads_to_its_one_feed(written: str) -> None:
    assert routed(plan(TREE), topics=(written,)) == ["all", "topics/ai", "providers/source.example"]


def test_two_names_of_one_topic_count_once() -> None:
    assert routed(plan(TREE), topics=("Artificial Intelligence", "AI")).count("topics/ai") == 1


def test_an_unknown_topic_has_a_feed_of_its_own() -> None:
    assert "topics/quantum" in routed(plan(TREE), topics=("Quantum",))


def test_an_unknown_topic_is_ignored_where_the_configuration_says_so() -> None:
    made = plan(TREE, unknown_topics="ignore")
    assert routed(made, topics=("Quantum", "AI")) == ["all", "topics/ai", "providers/source.example"]


def test_a_topic_s_feed_bears_the_taxonomy_s_name() -> None:
    made = plan(TREE)
    article = replace(ARTICLE, topics=("artificial intelligence",))
    assert made.named(made.spec("topics/ai"), article) == ("AI", "", "")


def test_the_feed_of_an_unknown_topic_bears_the_name_that_its_newest_article_uses() -> None:
    made = plan()
    assert made.named(made.spec("topics/big-data"), replace(ARTICLE, topics=("AI", "Big DATA"))) == ("Big DATA", "", "")


def test_a_feed_of_neither_topic_nor_provider_has_a_title_of_its_own() -> None:
    made = plan(feeds=[FeedConfig("hot", title="Hot")])
    assert made.named(made.spec("all"), ARTICLE) is None
    assert made.named(made.spec("hot"), ARTICLE) is None
    assert made.spec("hot").title == "Hot"


# Roll-up


def test_without_roll_up_a_parent_has_only_its_own_articles() -> None:
    assert routed(plan(TREE), topics=("Computer Vision",))[1:-1] == ["topics/computer-vision"]


def test_rolled_up_a_parent_is_the_union_of_its_children() -> None:
    made = plan(TREE, rollup=True)
    assert routed(made, topics=("Computer Vision",))[1:-1] == [
        "topics/computer-vision",
        "topics/ai",
        "topics/technology",
    ]
    assert routed(made, topics=("Technology",))[1:-1] == ["topics/technology"]
    assert routed(made, topics=("Food", "AI"))[1:-1] == ["topics/food", "topics/ai", "topics/technology"]


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        (FeedConfig("one", topics=("Technology",)), True),
        (FeedConfig("one", topics=("Food",)), False),
        (FeedConfig("one", all_topics=("Technology", "AI")), True),
        (FeedConfig("one", all_topics=("Technology", "Food")), False),
        (FeedConfig("one", not_topics=("Technology",)), False),
        (FeedConfig("one", not_topics=("Food",)), True),
    ],
    ids=["any", "not-any", "all", "not-all", "none", "not-none"],
)
def test_rolled_up_an_article_has_the_parents_of_its_topics_in_configured_feeds_too(
    feed: FeedConfig, expected: bool
) -> None:
    made = plan(TREE, rollup=True, feeds=[feed])
    assert ("one" in routed(made, topics=("Computer Vision",))) is expected


@pytest.mark.parametrize("start", ["A", "B", "C"])
def test_a_loop_in_the_tree_ends_and_joins_the_topics_in_it(start: str) -> None:
    loop = [TopicConfig("A", parent="B"), TopicConfig("B", parent="A"), TopicConfig("C", parent="A")]
    expected = {"topics/a", "topics/b"} | {f"topics/{start.lower()}"}
    assert set(routed(plan(loop, rollup=True), topics=(start,))[1:-1]) == expected


def test_a_topic_that_is_its_own_parent_is_in_one_feed() -> None:
    assert routed(plan([TopicConfig("A", parent="A")], rollup=True), topics=("A",))[1:-1] == ["topics/a"]


# Former names


def test_the_documents_of_a_topic_lie_under_its_former_names_too() -> None:
    made = plan([TopicConfig("AI", aliases=("Machine Learning", "artificial intelligence", "ai"))])
    assert made.aliases("topics/ai") == ["topics/artificial-intelligence", "topics/machine-learning"]
    assert made.former == dict.fromkeys(made.aliases("topics/ai"), "topics/ai")


@pytest.mark.parametrize("name", ["all", "topics/quantum", "providers/ai", "ai"])
def test_other_feeds_have_no_former_names(name: str) -> None:
    assert plan(TREE).aliases(name) == []


def test_a_former_name_that_is_another_topic_s_own_name_stays_with_that() -> None:
    items = [TopicItem("AI", aliases=("Robots",)), TopicItem("Robots")]
    made = Plan(Config(SITE), build(items[::-1], [], SITE.url)[0])
    assert made.aliases("topics/ai") == []


def test_a_former_name_that_two_topics_claim_goes_to_the_first_alone() -> None:
    """Else two feeds would write one document in turn."""
    items = [TopicItem("AI", aliases=("Robots",)), TopicItem("Machines", aliases=("Robots",))]
    made = Plan(Config(SITE), build(items, [], SITE.url)[0])
    assert (made.aliases("topics/ai"), made.aliases("topics/machines")) == (["topics/robots"], [])


def test_a_path_that_belongs_to_another_topic_is_nobody_s_former_name() -> None:
    items = [TopicItem("Zed", id="old-topic"), TopicItem("AI", aliases=("Old Topic",))]
    made = Plan(Config(SITE), build(items, [], SITE.url)[0])
    assert made.aliases("topics/ai") == []


# Providers


def test_a_provider_is_found_under_its_domain_whatever_it_is_called() -> None:
    known = [ProviderConfig("The Guardian", "theguardian.com", aliases=("Guardian",))]
    made = plan(providers=known)
    for provider in (Provider("", "theguardian.com"), Provider("guardian"), Provider("The Guardian", "")):
        assert routed(made, provider=provider)[-1] == "providers/theguardian.com"


def test_without_a_domain_the_link_names_the_provider() -> None:
    assert routed(plan(), provider=Provider("Somebody"))[-1] == "providers/source.example"


def test_without_a_link_either_the_name_does() -> None:
    assert routed(plan(), provider=Provider("Our Own Desk"), web_url="")[-1] == "providers/our-own-desk"


@pytest.mark.parametrize(
    "wanted", ["source.example", "WWW.Source.Example", "https://source.example/", "Source", "the  SOURCE"]
)
def test_a_feed_names_a_provider_by_domain_or_name(wanted: str) -> None:
    known = [ProviderConfig("Source", "source.example", aliases=("The Source",))]
    made = plan(
        providers=known, feeds=[FeedConfig("in", providers=(wanted,)), FeedConfig("out", not_providers=(wanted,))]
    )
    assert routed(made)[3:] == ["in"]
    assert routed(made, provider=Provider("", "other.example"))[3:] == ["out"]


@pytest.mark.parametrize(
    ("wanted", "provider", "link"),
    [
        ("other.example", Provider("", "other.example"), "https://x.example/"),
        ("www.other.example", Provider("", "other.example"), "https://x.example/"),
        ("bücher.example", Provider("", "xn--bcher-kva.example"), "https://x.example/"),
        ("Our Own Desk", Provider("Our own desk"), ""),
    ],
)
def test_a_feed_names_a_provider_that_the_taxonomy_does_not_list(wanted: str, provider: Provider, link: str) -> None:
    made = plan(feeds=[FeedConfig("in", providers=(wanted,))])
    assert "in" in routed(made, provider=provider, web_url=link)


def test_a_provider_s_feed_bears_its_name_and_pictures() -> None:
    known = [ProviderConfig("The Source", "source.example", icon="https://source.example/i.png")]
    made = plan(providers=known)
    assert made.named(made.spec("providers/source.example"), ARTICLE) == (
        "The Source",
        "https://source.example/i.png",
        "https://source.example/i.png",
    )


def test_the_feed_of_an_unlisted_provider_bears_what_its_newest_article_says() -> None:
    pictures = (Picture("/i.png", 10, 10), Picture("https://source.example/l.png", 99, 99))
    article = replace(ARTICLE, provider=Provider("Source!", "source.example", pictures))
    assert plan().named(plan().spec("providers/source.example"), article) == (
        "Source!",
        "https://news.example/i.png",
        "https://source.example/l.png",
    )


# Configured feeds


def test_a_configured_feed_wants_what_its_table_says() -> None:
    feed = FeedConfig(
        "hot",
        title="Hot",
        description="What is hot",
        topics=("ai",),
        all_topics=("Artificial Intelligence",),
        not_topics=("Food",),
        providers=("Source",),
        not_providers=("other.example",),
        collections=("News",),
        types=("Video",),
        languages=("de",),
        title_contains=("Moon",),
        min_quality=1,
        min_heat=2,
        max_age=3,
        limit=4,
        order="heat",
    )
    spec = plan(TREE, [ProviderConfig("Source", "source.example")], feeds=[feed]).spec("hot")
    assert (spec.name, spec.kind, spec.title, spec.description) == ("hot", "feed", "Hot", "What is hot")
    assert (spec.topics, spec.all_topics, spec.not_topics) == ({"ai"}, {"ai"}, {"food"})
    assert (spec.providers, spec.not_providers) == ({"source.example"}, {"other.example"})
    assert (spec.collections, spec.types, spec.languages) == ({"news"}, {"video"}, {"de"})
    assert (spec.title_contains, spec.min_quality, spec.min_heat) == (("Moon",), 1, 2)
    assert (spec.max_age, spec.limit, spec.order) == (3, 4, "heat")


def test_an_empty_table_takes_all_that_there_is_up_to_the_general_limit() -> None:
    spec = plan(output=Output(limit=9), feeds=[FeedConfig("hot")]).spec("hot")
    assert (spec.title, spec.limit, spec.max_age, spec.sticky) == ("hot", 9, None, False)
    assert admits(spec, card(plan(), topics=(), provider=Provider(), web_url="", title=""))


# What selection is told


def test_traits_are_an_article_s_under_the_names_of_the_taxonomy() -> None:
    feeds = [FeedConfig("hot", min_heat=1), FeedConfig("moon", title_contains=("moon",))]
    article = replace(ARTICLE, type="video", language="de", topics=("artificial intelligence",), quality=3, heat=-1)
    traits = plan(TREE, feeds=feeds).traits(article)
    assert traits._asdict() == {
        "collection": "news",
        "type": "video",
        "language": "de",
        "topics": ("ai",),
        "provider": "source.example",
        "quality": 3,
        "heat": -1,
        "title": "A story",
        "icon": "",
        "filters": (),
    }


def test_the_site_s_language_is_that_of_articles_that_do_not_say_theirs() -> None:
    assert plan().traits(ARTICLE).language == "en"


@pytest.mark.parametrize(
    "feeds",
    [(), (FeedConfig("all-ai", topics=("AI",)),), (FeedConfig("oldest", order="oldest"),)],
    ids=["none", "by-topic", "oldest"],
)
def test_what_no_feed_selects_by_is_not_told(feeds: tuple[FeedConfig, ...]) -> None:
    """So that an edit of heat or quality alone changes no card."""
    traits = plan(feeds=feeds).traits(replace(ARTICLE, quality=9, heat=9))
    assert (traits.quality, traits.heat, traits.title) == (0, 0, "")


@pytest.mark.parametrize(
    "feed",
    [
        FeedConfig("one", min_quality=0),
        FeedConfig("one", min_heat=0),
        FeedConfig("one", order="quality"),
        FeedConfig("one", order="heat"),
    ],
    ids=["min-quality", "min-heat", "by-quality", "by-heat"],
)
def test_quality_and_heat_are_told_where_some_feed_selects_or_orders_by_them(feed: FeedConfig) -> None:
    traits = plan(feeds=[feed]).traits(replace(ARTICLE, quality=9, heat=8))
    assert (traits.quality, traits.heat) == (9, 8)


# The property that makes routing safe

names = st.sampled_from(
    ["AI", "ai", "Artificial Intelligence", "Technology", "Food", "Quantum", "C++", "c#", "x  y", "X Y"]
)
some_names = st.lists(names, max_size=3, unique=True).map(tuple)
parents = st.sampled_from(["", "AI", "Technology", "Food", "nowhere"])
topic_items = st.lists(
    st.builds(TopicConfig, names, id=st.sampled_from(["", "ml", "food"]), parent=parents, aliases=some_names),
    max_size=4,
)
domains = st.sampled_from(["a.example", "www.a.example", "b.example", "A desk", "Somebody", "ü.example"])
some_domains = st.lists(domains, max_size=2, unique=True).map(tuple)
collections = st.lists(st.sampled_from(["news", "letters"]), max_size=1).map(tuple)
feeds = st.builds(
    FeedConfig,
    st.just("one"),
    topics=some_names,
    all_topics=some_names,
    not_topics=some_names,
    providers=some_domains,
    not_providers=some_domains,
    collections=collections,
    types=st.sampled_from([(), ("Video",)]),
    languages=st.sampled_from([(), ("de",), ("en",)]),
    title_contains=st.sampled_from([(), ("moon",)]),
    min_heat=st.sampled_from([None, 5]),
)
plans = st.builds(
    plan,
    topic_items,
    st.lists(st.builds(ProviderConfig, st.just("Somebody"), st.just("a.example"), aliases=some_domains), max_size=1),
    st.booleans(),
    st.sampled_from(["feed", "ignore"]),
    st.builds(Output, collections=collections, all=st.booleans(), topics=st.booleans(), providers=st.booleans()),
    feeds.map(lambda feed: [feed]),
)
articles = st.builds(
    replace,
    st.just(ARTICLE),
    collection=st.sampled_from(["news", "letters"]),
    type=st.sampled_from(["article", "video"]),
    language=st.sampled_from(["", "de"]),
    title=st.sampled_from(["Moonlight", "Sunlight"]),
    topics=some_names,
    provider=st.builds(
        Provider,
        st.sampled_from(["", "Somebody", "A desk"]),
        st.sampled_from(["", "a.example", "b.example", host("https://ü.example/")]),
    ),
    web_url=st.sampled_from(["", "https://b.example/1"]),
    heat=st.sampled_from([-1, 0, 9]),
)


@settings(deadline=None, max_examples=150)
@given(plans, articles, articles)
def test_an_article_is_routed_to_exactly_the_feeds_that_admit_it(made: Plan, article: Article, other: Article) -> None:
    """`other` is there so that feeds are asked for that this article has nothing to do with."""
    output = made.config.output
    traits = [card(made, one).traits for one in (article, other)]
    slugs = {topic for one in traits for topic in one.topics} | {slug("AI"), slug("Quantum"), *made.taxonomy.slugs}
    names = {
        *([ALL] if output.all else []),
        *({TOPICS + topic for topic in slugs} if output.topics else ()),
        *({PROVIDERS + one.provider for one in traits if one.provider} if output.providers else ()),
        *made.configured,
    }
    route = routed(made, article)
    assert sorted(route) == sorted(name for name in names if admits(made.spec(name), card(made, article)))


@settings(deadline=None, max_examples=60)
@given(topic_items, some_names)
def test_rolled_up_an_article_is_where_it_was_and_above(items: list[TopicConfig], topics: tuple[str, ...]) -> None:
    flat, rolled = plan(items), plan(items, rollup=True)
    own = set(flat.topics(replace(ARTICLE, topics=topics)))
    above = {parent for topic in own for parent in rolled.taxonomy.ancestors(topic)}
    assert set(rolled.topics(replace(ARTICLE, topics=topics))) == own | above


# A renamed topic, on disk


RENAMED = """
[[taxonomy.topic]]
name = "New"
aliases = ["Old"]
"""


@pytest.mark.parametrize("settings_before", ["", '[[taxonomy.topic]]\nname = "Old"\n'], ids=["unlisted", "listed"])
def test_a_renamed_topic_keeps_its_old_path_alive_with_the_same_documents(tmp_path: Path, settings_before: str) -> None:
    site = Site(tmp_path, settings_before)
    site.story("a.md", topics=["Old"])
    site.build()
    site.configure(RENAMED)
    for path in ("b.md", "c.md"):
        site.story(path, topics=["new"])
        site.build()
        documents = site.documents()
        assert f"/{path.removesuffix('.md')}</id>".encode() in documents["topics/new.atom"]
        for suffix in ("atom", "rss", "json"):
            assert documents[f"topics/new.{suffix}"] == documents[f"topics/old.{suffix}"]

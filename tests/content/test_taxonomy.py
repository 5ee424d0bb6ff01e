"""Taxonomy: what topics and providers are called, and where their feeds lie (design, sections 5 and 7)."""

import os
import time
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.content.article import Picture, Provider
from feedd.content.slugs import hashed, slug
from feedd.content.taxonomy import (
    Organization,
    OrganizationItem,
    Taxonomy,
    Topic,
    TopicItem,
    build,
    files,
    fingerprint,
    read_organizations,
    read_topics,
)
from feedd.content.text import key
from feedd.errors import Problem
from feedd.testing import bound_by_permissions

BASE = "https://site.example/news/"

APPS = TopicItem("Power Apps", "power-apps", aliases=("PowerApps", "Microsoft PowerApps"))
CANVAS = TopicItem("Canvas apps", "canvas-apps", "Power Apps", file="01-canvas-apps.yaml")
DRIVEN = TopicItem("Model-driven apps", "model-driven-apps", "power-apps")

SMALL = Picture("/small.jpg", 50, 50)
LARGE = Picture("/large.jpg", 400, 400)
GROCER = OrganizationItem("The Grocer", "grocer.example", ("Grocer Magazine", "grocer.test"), pictures=(SMALL, LARGE))


def topics(*items: TopicItem) -> Taxonomy:
    """The taxonomy of these topics, which must be flawless."""
    taxonomy, problems = build(items, (), BASE)
    assert problems == ()
    return taxonomy


def organizations(*items: OrganizationItem) -> Taxonomy:
    """The taxonomy of these providers, which must be flawless."""
    taxonomy, problems = build((), items, BASE)
    assert problems == ()
    return taxonomy


def said(problems: Iterable[Problem]) -> list[tuple[str, str, str]]:
    """What matters of problems."""
    return [(problem.kind, Path(problem.file).name, problem.severity) for problem in problems]


# Topics


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Power Apps", id="name"),
        pytest.param("  power\u00a0APPS ", id="case and white space"),
        pytest.param("power-apps", id="_id"),
        pytest.param("PowerApps", id="alias"),
        pytest.param("microsoft  powerapps", id="another alias"),
    ],
)
def test_a_topic_is_found_by_every_name_and_the_taxonomys_spelling_wins(name: str) -> None:
    topic = topics(APPS, CANVAS).topic(name)

    assert (topic.name, topic.term, topic.slug, topic.known) == ("Power Apps", "power-apps", "power-apps", True)


def test_composition_of_characters_makes_no_difference() -> None:
    assert topics(TopicItem("Café")).topic("cafe\u0301").known


def test_an_id_is_the_term_and_gives_the_file_name() -> None:
    topic = topics(TopicItem("Künstliche Intelligenz", "ai")).topic("künstliche intelligenz")

    assert topic == Topic("Künstliche Intelligenz", "ai", "ai")


def test_without_an_id_the_name_gives_term_and_file_name() -> None:
    assert Topic("Power BI", "power-bi", "power-bi") == topics(TopicItem("Power BI")).topic("Power BI")


@pytest.mark.parametrize("id", ["../../etc/passwd", "CON", "C++", "a/b", "x" * 300])
def test_an_id_gives_a_safe_file_name_whatever_it_is(id: str) -> None:
    topic = topics(TopicItem("Name", id)).topic("Name")

    assert (id, slug(id.replace("-", " "))) == (topic.term, topic.slug)


def test_a_topic_that_nobody_listed_has_a_feed_of_its_own() -> None:
    taxonomy = topics(APPS)

    assert Topic("New Thing", "new-thing", "new-thing", known=False) == taxonomy.topic("New Thing")
    assert Topic("C++", slug("C++"), slug("C++"), known=False) == taxonomy.topic("C++")


def test_a_topic_that_nobody_listed_takes_no_listed_ones_file_name() -> None:
    taxonomy = topics(TopicItem("Machines that learn", "machine-learning"))
    topic = taxonomy.topic("Machine Learning")

    assert not topic.known
    assert hashed("Machine Learning") == topic.slug
    assert taxonomy.topic("Machines that learn").slug == "machine-learning"


def test_two_topics_whose_ids_give_one_file_name_have_two() -> None:
    taxonomy = topics(TopicItem("One", "a-b"), TopicItem("Other", "a b"))

    assert [taxonomy.topic("One").slug, taxonomy.topic("Other").slug] == ["a-b", hashed("Other")]


def test_a_topic_takes_no_file_name_that_an_id_has_taken_with_its_hash() -> None:
    taxonomy = topics(TopicItem("AI", "künstliche-intelligenz"), TopicItem("Künstliche Intelligenz"))
    unknown = topics(TopicItem("AI", "künstliche-intelligenz")).topic("Künstliche Intelligenz")

    assert len(taxonomy.slugs) == 2
    assert taxonomy.topic("AI").slug == hashed("künstliche intelligenz") != unknown.slug


@given(st.lists(st.text(max_size=12) | st.sampled_from(["C", "C++", "a b", "a-b", "A_B", "con"]), max_size=10))
@example([" ", ""])
@settings(max_examples=40, deadline=None)
def test_topics_lie_at_one_place_each(names: list[str]) -> None:
    listed, others = names[::2], names[1::2]
    taxonomy, _ = build([TopicItem(name, name.replace(" ", "-")) for name in listed], (), BASE)
    places = {name: taxonomy.topic(name).slug for name in others if not taxonomy.topic(name).known}

    assert not taxonomy.slugs & set(places.values())
    assert len({key(name) for name in places}) == len(set(places.values()))


@given(st.permutations([APPS, CANVAS, DRIVEN, TopicItem("C++"), TopicItem("C#"), TopicItem("日本")]))
@settings(max_examples=20, deadline=None)
def test_order_makes_no_difference_without_conflicts(items: list[TopicItem]) -> None:
    expected = topics(APPS, CANVAS, DRIVEN, TopicItem("C++"), TopicItem("C#"), TopicItem("日本"))

    assert expected == topics(*items)


def test_another_topic_changes_no_slug() -> None:
    alone = {name: topics(TopicItem(name)).topic(name).slug for name in ("AI", "C++", "日本")}
    together = topics(TopicItem("AI"), TopicItem("C++"), TopicItem("日本"), TopicItem("C#"), TopicItem("A.I."))

    assert alone == {name: together.topic(name).slug for name in alone}


def test_listed_finds_a_topic_by_its_file_name() -> None:
    taxonomy = topics(APPS, CANVAS)

    assert taxonomy.topic("Power Apps") == taxonomy.listed("power-apps")
    assert taxonomy.listed("other") is None


# The tree


def test_a_parent_is_found_by_name_and_by_id() -> None:
    taxonomy = topics(APPS, CANVAS, DRIVEN)

    assert [taxonomy.topic(name).parent for name in ("Canvas apps", "Model-driven apps", "Power Apps")] == [
        "power-apps",
        "power-apps",
        "",
    ]


def test_ancestors_are_all_above_nearest_first() -> None:
    taxonomy = topics(APPS, CANVAS, TopicItem("Forms", parent="Canvas apps"))

    assert taxonomy.ancestors("forms") == ["canvas-apps", "power-apps"]
    assert taxonomy.ancestors("power-apps") == []
    assert taxonomy.ancestors("unknown") == []


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_loop_of_parents_ends_and_is_reported(length: int) -> None:
    items = [TopicItem(f"T{n}", parent=f"T{(n + 1) % length}", file=f"{n}.yaml") for n in range(length)]
    taxonomy, problems = build([*items, TopicItem("Below", parent="T0", file="below.yaml")], (), BASE)
    loop = [f"t{n}" for n in range(length)]

    assert [("parent-loop", f"{n}.yaml", "warning") for n in range(length)] == said(problems)
    assert loop[1:] == taxonomy.ancestors("t0")
    assert loop == taxonomy.ancestors("below")


def test_a_parent_that_is_not_there_is_reported_and_left_out() -> None:
    taxonomy, problems = build([CANVAS], (), BASE)

    assert said(problems) == [("unknown-parent", "01-canvas-apps.yaml", "warning")]
    assert "'power apps' of topic 'Canvas apps'" in problems[0].what
    assert taxonomy.topic("Canvas apps").parent == ""


# Names that two claim


def test_an_alias_that_is_anothers_name_is_reported_and_stays_with_the_first() -> None:
    thief = TopicItem("Thief", aliases=("power apps", "My own"), file="thief.yaml")
    taxonomy, problems = build([APPS, thief], (), BASE)

    assert said(problems) == [("doubled-name", "thief.yaml", "warning")]
    assert "'power apps' belongs to 'Power Apps' already" in problems[0].what
    assert [taxonomy.topic(name).name for name in ("Power Apps", "My own")] == ["Power Apps", "Thief"]


def test_a_topic_described_twice_is_one_topic_with_all_its_names() -> None:
    inline = TopicItem("AI", aliases=("KI",))
    listed = TopicItem("ai", "artificial-intelligence", "Science", ("Machine Thinking",), "ai.yaml")
    taxonomy = topics(inline, listed, TopicItem("Science"))

    names = ("AI", "KI", "artificial-intelligence", "Machine Thinking")
    assert [taxonomy.topic("AI")] * 4 == [taxonomy.topic(name) for name in names]
    assert tuple(getattr(taxonomy.topic("AI"), part) for part in ("name", "slug", "parent")) == (
        "AI",
        "artificial-intelligence",
        "science",
    )


def test_two_files_with_one_topic_are_reported() -> None:
    items = [TopicItem("AI", "ai", file="a.yaml"), TopicItem("AI", "ai-2", aliases=("KI",), file="b.yaml")]
    taxonomy, problems = build(items, (), BASE)

    assert said(problems) == [("doubled-name", "b.yaml", "warning")]
    assert "described in a.yaml already" in problems[0].what
    assert [taxonomy.topic(name).slug for name in ("AI", "ai-2", "KI")] == ["ai"] * 3


def test_problems_name_a_remedy() -> None:
    items = [APPS, TopicItem("X", aliases=("power apps",), parent="nowhere"), TopicItem("Y", parent="Y")]
    _, problems = build(items, [GROCER, OrganizationItem("Other", "other.example", ("the grocer",))], BASE)

    assert len(problems) == 4
    assert all(problem.remedy for problem in problems)


# Organizations


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(Provider("Whatever", "grocer.example"), id="domain"),
        pytest.param(Provider("THE  grocer"), id="name"),
        pytest.param(Provider("Grocer Magazine"), id="other name"),
        pytest.param(Provider("Whatever", "grocer.test"), id="other domain"),
    ],
)
def test_an_organization_is_found_by_every_name(provider: Provider) -> None:
    found = organizations(GROCER).organization(provider, "https://elsewhere.example/x")

    assert found == Organization(
        "grocer.example",
        "The Grocer",
        "https://grocer.example/",
        "",
        "https://site.example/small.jpg",
        "https://site.example/large.jpg",
        ("Grocer Magazine", "grocer.test"),
    )


def test_a_name_does_not_stand_for_another_domain() -> None:
    found = organizations(GROCER).organization(Provider("The Grocer", "other.example"), "https://grocer.example/")

    assert (found.key, found.known) == ("other.example", False)


@pytest.mark.parametrize("provider", [Provider(), Provider("A name that nobody listed")])
def test_an_organization_is_found_by_the_host_of_the_link(provider: Provider) -> None:
    found = organizations(GROCER).organization(provider, "https://www.grocer.example/story")

    assert (found.key, found.name, found.known) == ("grocer.example", "The Grocer", True)


def test_the_domain_goes_before_the_name() -> None:
    taxonomy = organizations(GROCER, OrganizationItem("Post", "post.example"))

    assert taxonomy.organization(Provider("The Grocer", "post.example"), "").name == "Post"


@pytest.mark.parametrize(
    ("provider", "link", "expected"),
    [
        pytest.param(
            Provider("Post", "post.example"), "https://x.example/", ("post.example", "Post", "https://post.example/"),
            id="domain",
        ),
        pytest.param(
            Provider("", "post.example"), "", ("post.example", "post.example", "https://post.example/"),
            id="domain as a name",
        ),
        pytest.param(
            Provider("Post"), "https://www.x.example/a", ("x.example", "Post", "https://x.example/"),
            id="host of the link",
        ),
        pytest.param(Provider("The Post"), "", ("the-post", "The Post", ""), id="name"),
        pytest.param(
            Provider("Post", "con.example"), "", (hashed("con.example"), "Post", "https://con.example/"),
            id="domain that is no file name",
        ),
    ],
)  # fmt: skip
def test_a_provider_that_nobody_listed_has_a_feed_of_its_own(
    provider: Provider, link: str, expected: tuple[str, str, str]
) -> None:
    found = organizations(GROCER).organization(provider, link)

    assert (*expected, False) == (found.key, found.name, found.url, found.known)


def test_pictures_of_the_taxonomy_go_before_those_of_the_article() -> None:
    own = Picture("/own.jpg", 1, 1)
    taxonomy = organizations(GROCER, OrganizationItem("Post", "post.example"))

    assert taxonomy.organization(Provider("", "grocer.example", (own,)), "").icon == "https://site.example/small.jpg"
    assert taxonomy.organization(Provider("", "post.example", (own,)), "").icon == "https://site.example/own.jpg"
    assert taxonomy.organization(Provider("", "x.example", (own,)), "").logo == "https://site.example/own.jpg"


@pytest.mark.parametrize("pictures", [*permutations([SMALL, Picture("/m.jpg", 100, 100), LARGE])])
def test_the_smallest_picture_is_the_icon_and_the_largest_the_logo(pictures: tuple[Picture, ...]) -> None:
    found = organizations(OrganizationItem("Post", "post.example", pictures=pictures)).organizations["post.example"]

    assert (found.icon, found.logo) == ("https://site.example/small.jpg", "https://site.example/large.jpg")


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param((), ("", ""), id="none"),
        pytest.param((Picture("javascript:x", 9, 9),), ("", ""), id="none with an address"),
        pytest.param((LARGE, Picture("data:,", 1, 1)), ("https://site.example/large.jpg",) * 2, id="one of two"),
        pytest.param((Picture("/a.jpg"),), ("https://site.example/a.jpg",) * 2, id="size not known"),
    ],
)
def test_pictures_without_an_address_are_no_icon(pictures: tuple[Picture, ...], expected: tuple[str, str]) -> None:
    found = organizations(OrganizationItem("Post", "post.example", pictures=pictures)).organizations["post.example"]

    assert expected == (found.icon, found.logo)


def test_a_domain_beyond_ascii_is_the_one_that_articles_have() -> None:
    taxonomy = organizations(OrganizationItem("Bücher", "bücher.example"))

    for domain in ("bücher.example", "xn--bcher-kva.example"):
        assert taxonomy.organizations[domain].key == "xn--bcher-kva.example"


def test_two_organizations_with_one_name_are_reported() -> None:
    second = OrganizationItem("Post", "post.example", ("The Grocer",), file="post.md")
    taxonomy, problems = build((), [GROCER, second], BASE)

    assert said(problems) == [("doubled-name", "post.md", "warning")]
    assert taxonomy.organization(Provider("The Grocer"), "").name == "The Grocer"
    assert taxonomy.organization(Provider("Post"), "").name == "Post"


def test_an_empty_taxonomy_knows_nothing_and_fails_at_nothing() -> None:
    assert not Taxonomy().topic("AI").known
    assert not Taxonomy().organization(Provider(), "").known
    assert Taxonomy().ancestors("ai") == []


# Files


def test_topics_are_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "01-canvas.yaml").write_text(
        "taxonomy: topic\n_id: canvas-apps\nname: Canvas &amp; apps\nshortname: Canvas\nparent: Power Apps\n"
        'keywords:\n  - canvas app\naliases: [Canvas, "Tafeln"]\notherNames:\n- Boards\n'
    )
    file = str(tmp_path / "01-canvas.yaml")
    expected = TopicItem("Canvas & apps", "canvas-apps", "Power Apps", ("Canvas", "Tafeln", "Boards"), file)

    assert ([expected], []) == read_topics([tmp_path])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("name: AI\n_id: ai\n", id="as it is"),
        pytest.param("name: AI\n_id: ai", id="no last line end"),
        pytest.param("---\nname: AI\n_id: ai\n", id="document start"),
        pytest.param("---\nname: AI\n_id: ai\n---\n", id="fences"),
        pytest.param("---\r\nname: AI\r\n_id: ai\r\n", id="CRLF"),
        pytest.param("\ufeff---\nname: AI\n_id: ai\n", id="BOM"),
        pytest.param("\ufeffname: AI\n_id: ai\n", id="BOM without document start"),
        pytest.param("# Topics\n\n--- # here\nname: AI # yes\n_id: ai\n", id="comments"),
        pytest.param("# Topics\nname: AI\n_id: ai\n", id="comment without document start"),
        pytest.param("%YAML 1.1\n---\nname: AI\n_id: ai\n...\n", id="directive and document end"),
        pytest.param("{name: AI, _id: ai}\n", id="flow mapping"),
    ],
)
@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_a_yaml_file_may_begin_and_end_as_yaml_allows(text: str, suffix: str, tmp_path: Path) -> None:
    place = tmp_path / f"ai.{suffix}"
    place.write_text(text, newline="")

    assert ([TopicItem("AI", "ai", file=str(place))], []) == read_topics([tmp_path])


@pytest.mark.parametrize("suffix", ["md", "markdown"])
def test_organizations_are_read_from_markdown(suffix: str, tmp_path: Path) -> None:
    place = tmp_path / f"grocer.{suffix}"
    place.write_text(
        "---\ntaxonomy: organization\n_id: grocer.example\nname: The Grocer\ndomain: www.Grocer.example\n"
        "otherNames: Grocer Magazine\nfeed: https://grocer.example/rss\n"
        "images:\n  - url: /small.jpg\n    width: 50\n    height: 50\n  - url: 5\n  - {}\n---\nWhat they are.\n"
    )
    pictures = (SMALL, Picture("5"))
    feed = "https://grocer.example/rss"
    expected = OrganizationItem("The Grocer", "grocer.example", ("Grocer Magazine",), feed, pictures, str(place))

    assert ([expected], []) == read_organizations([tmp_path])


@pytest.mark.parametrize("word", ["No", "On", "true", "1984", "3.10", "2024-01-01"])
def test_a_name_is_text_whatever_it_looks_like(word: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"name: {word}\n_id: {word}\naliases:\n  - {word}\n")
    ((item,), problems) = read_topics([tmp_path])

    assert problems == []
    assert [word] * 3 == [item.name, item.id, *item.aliases]
    assert {str} == {type(text) for text in (item.name, item.id, *item.aliases)}


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("https://www.grocer.example/", "grocer.example"),
        ("GROCER.example", "grocer.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_read_as_that_of_an_article(written: str, domain: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\nname: A\ndomain: {written}\n---\n")

    assert [domain] == [item.domain for item in read_organizations([tmp_path])[0]]


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        pytest.param("", "not-a-mapping", 1, id="empty"),
        pytest.param("- AI\n- ML\n", "not-a-mapping", 1, id="list"),
        pytest.param("just text\n", "not-a-mapping", 1, id="text"),
        pytest.param("_id: ai\n", "taxonomy-file", None, id="no name"),
        pytest.param("name:\n", "taxonomy-file", None, id="empty name"),
        pytest.param("name: [AI]\n", "taxonomy-file", None, id="name that is a list"),
        pytest.param("name: AI\nparent: [x\n", "yaml", 4, id="YAML that fails"),
        pytest.param("name: AI\nparent: 'x\n", "yaml", 4, id="quote that does not end"),
        pytest.param("\tname: AI\n", "yaml", 1, id="tab"),
        pytest.param("# one\n---\nname: AI\na: b: c\n", "yaml", 4, id="error after comments"),
        pytest.param("name: AI\n---\nname: ML\n", "taxonomy-file", None, id="two documents"),
        pytest.param("x: " + "[" * 100_000, "header-too-large", 1, id="nesting bomb"),
    ],
)
def test_a_broken_file_costs_only_itself_and_is_reported(
    text: str, kind: str, line: int | None, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text("name: Good\n")
    items, problems = read_topics([tmp_path])

    assert [item.name for item in items] == ["Good"]
    assert [(kind, "a.yaml", "error")] == said(problems)
    assert line == problems[0].line
    assert problems[0].remedy


@pytest.mark.parametrize("data", [b"name: caf\xe9\n", "name: AI\n".encode("utf-16"), b"name: \x00\n", b"\xff\xfe"])
def test_a_file_of_another_encoding_is_reported(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    items, problems = read_topics([tmp_path])

    assert (items, 1) == ([], len(problems))


@pytest.mark.parametrize(
    "front", ["name: A\n", "domain: a.example\n", "name: A\ndomain: no domain\n", "domain: [a.b]\nname: A\n"]
)
def test_an_organization_needs_name_and_domain(front: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\n{front}---\n")
    items, problems = read_organizations([tmp_path])

    assert items == []
    assert said(problems) == [("taxonomy-file", "a.md", "error")]
    assert problems[0].what == "has no name and domain"


def test_markdown_without_front_matter_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("About this folder.\n")

    assert said(read_topics([tmp_path])[1]) == [("taxonomy-file", "README.md", "error")]


def test_a_missing_directory_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.yaml").write_text("name: A\n")
    items, problems = read_topics([tmp_path / "gone", tmp_path / "there"])

    assert [item.name for item in items] == ["A"]
    assert said(problems) == [("no-taxonomy", "gone", "error")]


def test_a_directory_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "topics"
    folder.mkdir()
    (folder / "a.yaml").write_text("name: A\n")
    folder.chmod(0)
    try:
        with bound_by_permissions():
            items, problems = read_topics([folder, folder / "a.yaml"])
            marks = fingerprint([folder])
    finally:
        folder.chmod(0o755)

    assert items == []
    assert said(problems) == [("no-taxonomy", "topics", "error"), ("no-taxonomy", "a.yaml", "error")]
    assert "Permission denied" in problems[0].what
    assert marks == fingerprint([])


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: A\n")
    (tmp_path / "a.yaml").chmod(0)
    with bound_by_permissions():
        items, problems = read_topics([tmp_path])

    assert items == []
    assert said(problems) == [("unreadable", "a.yaml", "error")]


def test_pipes_folders_and_links_to_nothing_are_reported_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").symlink_to("nowhere")
    items, problems = read_topics([tmp_path])

    assert items == []
    assert [("unreadable", f"{name}.yaml", "error") for name in "abc"] == said(problems)


def test_a_file_name_that_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.yaml")
    (tmp_path / name).write_text("name: A\n")
    before = fingerprint([tmp_path])
    (item,) = read_topics([tmp_path])[0]

    assert item.file.encode().endswith(b"caf\\udce9.yaml")

    (tmp_path / name).write_text("no name\n")

    assert before != fingerprint([tmp_path])
    assert all(str(problem).encode() for problem in read_topics([tmp_path])[1])


def test_only_taxonomy_files_right_inside_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.md", "c.yml", ".hidden.yaml", "d.txt", "e.json", "f.markdown"):
        (tmp_path / name).write_text("name: A\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "g.yaml").write_text("name: A\n")

    assert [path.name for path in files([tmp_path])] == ["a.md", "b.yaml", "c.yml", "f.markdown"]


def test_a_file_may_be_named_instead_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: One\n")
    (tmp_path / "other.yaml").write_text("name: Other\n")

    assert [item.name for item in read_topics([tmp_path / "one.yaml"])[0]] == ["One"]


def test_the_fingerprint_changes_with_every_file_and_with_nothing_else(tmp_path: Path) -> None:
    topic = tmp_path / "a.yaml"
    topic.write_text("name: A\n")
    marks = [fingerprint([tmp_path])]

    assert marks == [fingerprint([tmp_path])]
    (tmp_path / "notes.txt").write_text("not a topic")
    assert marks == [fingerprint([tmp_path])]

    topic.write_text("name: AA\n")
    marks.append(fingerprint([tmp_path]))
    os.utime(topic, ns=(time.time_ns(), topic.stat().st_mtime_ns + 10**9))
    marks.append(fingerprint([tmp_path]))
    (tmp_path / "b.yaml").write_text("name: B\n")
    marks.append(fingerprint([tmp_path]))
    topic.rename(tmp_path / "c.yaml")
    marks.append(fingerprint([tmp_path]))
    (tmp_path / "b.yaml").unlink()
    marks.append(fingerprint([tmp_path]))

    assert len(marks) == len(set(marks))
    assert fingerprint([tmp_path / "gone"]) == fingerprint([])

"""Explain: each rule that lets an article into a feed or keeps it out (design: sections 1, 5, 7 and 10)."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedd.explain import Explanation, explain
from feedd.misses import Miss, View, view
from feedd.named import feed_names, find, find_feed, told_of
from feedd.pipeline import Pipeline
from feedd.reasons.verdicts import Verdict, documents_of
from feedd.testing import FailingDirectory, Site, article, bound_by_permissions

HOUR = 3600
TWIN = "https://source.example/the-story"


@contextmanager
def after_run(site: Site) -> Iterator[Pipeline]:
    """A pipeline that has just run."""
    pipeline = site.pipeline()
    try:
        pipeline.run(site.now)
        yield pipeline
    finally:
        pipeline.close()


def explained(site: Site, path: str, feed: str | None = None) -> Explanation:
    with after_run(site) as pipeline:
        return explain(pipeline, path, site.now, feed)


def refusals(explanation: Explanation, feed: str) -> list[str]:
    """The rules that say no."""
    verdicts = (*explanation.article, *explanation.feeds.get(feed, ()))
    return [verdict.rule for verdict in verdicts if not verdict.passes]


def says(explanation: Explanation, rule: str, feed: str = "all") -> str:
    verdicts = (*explanation.article, *explanation.feeds.get(feed, ()))
    return next(verdict.says for verdict in verdicts if verdict.rule == rule)


def addresses(site: Site, feed: str) -> set[str]:
    """The addresses in a feed's document."""
    return {item["url"] for item in site.items(feed)} if (site.feeds / f"{feed}.json").exists() else set()


@dataclass
class Case:
    """Files, those of an earlier run, settings, and the article and the feed that are asked for."""

    files: dict[str, str]
    rule: str = ""
    words: str = ""
    before: dict[str, str] = field(default_factory=dict)
    settings: str = ""
    feed: str = "all"
    path: str = "a.md"

    def site(self, folder: Path) -> Site:
        """The site before its last run."""
        site = Site(folder, self.settings)
        for path, text in self.before.items():
            site.write(path, text)
        if self.before:
            site.build()
        for path in set(self.before) - set(self.files):
            (site.content / path).unlink()
        for path, text in self.files.items():
            site.write(path, text)
        return site


def hot(wish: str) -> dict[str, Any]:
    return {"settings": f'[[feed]]\nname = "hot"\n{wish}\n', "feed": "hot"}


GOOD = article("a")
TOPICLESS = article("a", topics=None)
LATER = article("b", publishedDateTime="2024-05-02T08:00:00Z")

SMALL_GUARD = "[guard]\nfraction = 0\ncount = 0\n"

KEPT_IN = {
    "good": Case({"a.md": GOOD}, "front-matter", "reads well"),
    "embargo-over": Case(
        {"a.md": article("a", publishedDateTime="2024-06-01T12:00:00Z")}, "embargo", "public since 2024-06-01T12:00:00Z"
    ),
    "not-yet-expired": Case(
        {"a.md": article("a", expiryDate="2024-06-01T12:00:01Z")}, "expiry", "leaves at 2024-06-01T12:00:01Z"
    ),
    "broken-since": Case({"a.md": "---\ntitle: [\n---\n"}, "front-matter", "good version stays", before={"a.md": GOOD}),
    "emptied": Case({"a.md": ""}, "front-matter", "the file is empty; its last good version", before={"a.md": GOOD}),
    "earlier-twin": Case(
        {"a.md": article("a", webUrl=TWIN), "b.md": article("b", webUrl=TWIN, publishedDateTime="2024-05-02")},
        "same-story",
        "told once",
    ),
    "first-of-the-limit": Case({"a.md": GOOD, "b.md": article("b")}, "limit", "among the first 1", **hot("limit = 1")),
    "cooled-down": Case(
        {"a.md": article("a", heat=1)},
        "minimum",
        "it was in before, so it stays",
        before={"a.md": article("a", heat=5)},
        **hot("min_heat = 5"),
    ),
    "in-the-window": Case(
        {"a.md": article("a", publishedDateTime="2024-05-25T12:00:01Z")},
        "age",
        "in the window until 2024-06-01T12:00:01Z",
        **hot('max_age = "7d"'),
    ),
    "guarded-unpublished": Case(
        {"a.md": article("a", published=False)}, "guard", "held back", before={"a.md": GOOD}, settings=SMALL_GUARD
    ),
    "guarded-removed": Case(
        {"a.md": article("a", removed=True)}, "guard", "held back", before={"a.md": GOOD}, settings=SMALL_GUARD
    ),
    "guarded-embargo": Case(
        {"a.md": article("a", publishedDateTime="2030-01-01T00:00:00Z")},
        "guard",
        "held back",
        before={"a.md": GOOD},
        settings=SMALL_GUARD,
    ),
    "guarded-expiry": Case(
        {"a.md": article("a", expiryDate="2024-05-31T00:00:00Z")},
        "guard",
        "held back",
        before={"a.md": GOOD},
        settings=SMALL_GUARD,
    ),
    "guarded-note": Case({"a.md": "A note\n"}, "guard", "held back", before={"a.md": GOOD}, settings=SMALL_GUARD),
    "guarded-broken": Case(
        {"a.md": "---\npublished: false\ntitle: [\n---\n"}, "guard", before={"a.md": GOOD}, settings=SMALL_GUARD
    ),
    "guarded-deletion": Case({}, "file", "there is no such file", before={"a.md": GOOD}, settings=SMALL_GUARD),
}


@pytest.mark.parametrize("case", KEPT_IN.values(), ids=list(KEPT_IN))
def test_no_rule_says_no_of_an_article_that_is_in(case: Case, tmp_path: Path) -> None:
    site = case.site(tmp_path)
    explanation = explained(site, case.path, case.feed)
    assert refusals(explanation, case.feed) == []
    assert case.words in says(explanation, case.rule, case.feed)
    assert explanation.shown_in(case.feed)
    assert len(addresses(site, case.feed)) == 1


def test_an_article_excluded_under_the_guard_is_in(tmp_path: Path) -> None:
    site = Site(tmp_path, SMALL_GUARD)
    site.story("news/a.md")
    site.build()
    site.configure(SMALL_GUARD + '[content]\nexclude = ["news/**"]\n')
    explanation = explained(site, "news/a.md")
    assert explanation.shown_in("all")
    assert [says(explanation, rule) for rule in ("content", "guard")] == [
        "is excluded by news/**",
        "it would leave, since [content] does not ask for its file, but is held back: the guard keeps it in the feeds, "
        "since too many would leave at once",
    ]
    assert len(addresses(site, "all")) == 1


def test_an_article_whose_content_directory_is_gone_is_in(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.build()
    site.content.rename(tmp_path / "elsewhere")
    explanation = explained(site, "a.md")
    assert explanation.shown_in("all")
    assert "the content cannot be listed" in says(explanation, "guard")


def test_an_article_whose_file_cannot_be_read_is_in(tmp_path: Path) -> None:
    """A loop of symbolic links cannot be read by anybody."""
    site = Site(tmp_path)
    site.story("a.md")
    with after_run(site) as pipeline:
        (site.content / "a.md").unlink()
        (site.content / "a.md").symlink_to("a.md")
        explanation = explain(pipeline, "a.md", site.now)
    assert explanation.shown_in("all")
    assert "cannot be read" in says(explanation, "file")


def test_several_rules_can_say_no(tmp_path: Path) -> None:
    """Everything that has to be mended is said at once."""
    site = Site(tmp_path, '[[feed]]\nname = "hot"\ntopics = ["Cars"]\ntypes = ["video"]\n')
    site.story("a.md", publishedDateTime="2030-01-01T00:00:00Z")
    assert refusals(explained(site, "a.md", "hot"), "hot") == ["embargo", "topics", "types"]


def test_a_full_feed_is_no_reason_against_what_it_does_not_take(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "hot"\ntopics = ["Cars"]\nlimit = 1\n')
    site.story("a.md")
    site.story("b.md", topics=["Cars"])
    site.story("c.md", topics=["Cars"], publishedDateTime="2030-01-01T00:00:00Z")
    assert refusals(explained(site, "a.md", "hot"), "hot") == ["topics"]
    assert refusals(explained(site, "c.md", "hot"), "hot") == ["embargo"]


def test_each_of_several_keys_that_hold_an_article_back_is_told_of_by_itself(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(
        "a.md", article("a", published=False, draft=True).replace("draft: true", "draft: true\npublished: false")
    )
    explanation = explained(site, "a.md")
    assert [(one.rule, one.says, one.value, one.line) for one in explanation.refusals("all")] == [
        ("published", "published is false", False, 13),
        ("draft", "draft is true", True, 12),
        ("slip", "published occurs more than once, so the article is not published", None, 13),
    ]


def test_what_was_written_in_a_file_that_is_gone_is_no_default(tmp_path: Path) -> None:
    site = Site(tmp_path, SMALL_GUARD)
    site.story("a.md")
    site.build()
    (site.content / "a.md").unlink()
    explanation = explained(site, "a.md")
    assert [str(place) for one in explanation.article for place in one.places if one.rule == "embargo"] == [
        "a.md: publishedDateTime"
    ]


def test_documents_that_could_not_be_written_may_still_show_what_is_out_by_now(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "hot"\ntopics = ["AI"]\n')
    site.story("a.md")
    site.build()
    site.story("a.md", topics=["Cars"])
    with closing(site.pipeline(FailingDirectory(site.feeds, {"hot.json"}))) as pipeline:
        pipeline.run(site.now)
        explanation = explain(pipeline, "a.md", site.now, "hot", site.file, documents_of(pipeline))
    assert refusals(explanation, "hot") == ["topics"]
    assert "so that they may still show it" in says(explanation, "documents", "hot")
    assert addresses(site, "hot") == {"https://source.example/a"}


def test_what_documents_show_nobody_knows_of_a_damaged_state(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    with after_run(site) as pipeline:
        site.database.execute("DROP TABLE document")
        assert documents_of(pipeline) is None


# What is asked, and how it is answered


def test_verdicts_come_in_the_order_in_which_rules_are_asked(tmp_path: Path) -> None:
    site = Site(
        tmp_path, '[[feed]]\nname = "hot"\ntopics = ["AI"]\nlanguages = ["en"]\nmin_heat = 0\nmax_age = "500w"\n'
    )
    site.story("a.md", expiryDate="2030-01-01T00:00:00Z")
    explanation = explained(site, "a.md", "hot")
    assert [verdict.rule for verdict in explanation.article] == [
        "content",
        "front-matter",
        "id",
        "published",
        "removed",
        "embargo",
        "expiry",
    ]
    assert [verdict.rule for verdict in explanation.feeds["hot"]] == [
        "topics",
        "languages",
        "minimum",
        "age",
        "same-story",
        "limit",
    ]


def test_without_a_feed_all_that_could_hold_the_article_are_explained(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "hot"\ntopics = ["Cars"]\n')
    site.story("a.md")
    site.story("b.md", topics=["Food"])
    explanation = explained(site, "a.md")
    assert explanation.path == "a.md"
    assert explanation.id == "tag:news.example,2020:articles/a"
    assert {name: explanation.shown_in(name) for name in explanation.feeds} == {
        "all": True,
        "hot": False,
        "providers/source.example": True,
        "topics/ai": True,
    }
    assert not explanation.shown_in("topics/food")


def test_what_its_author_does_not_publish_is_explained_without_feeds(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md", published=False)
    explanation = explained(site, "a.md", "all")
    assert explanation.feeds == {}
    assert not explanation.shown_in("all")


def test_a_feed_that_there_is_not_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    with pytest.raises(KeyError, match="topics/cars"):
        explained(site, "a.md", "topics/cars")


def test_a_feed_whose_first_article_is_yet_to_appear_can_be_asked_for(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md", topics=["Future"], publishedDateTime="2030-01-01T00:00:00Z")
    explanation = explained(site, "a.md", "topics/future")
    assert list(explanation.feeds) == ["topics/future"]
    assert refusals(explanation, "topics/future") == ["embargo"]
    with after_run(site) as pipeline:
        assert find_feed(pipeline, "feeds/topics/future.atom", tmp_path) == "topics/future"


@pytest.mark.parametrize(
    ("wish", "wants"),
    [
        ("min_quality = 60", "quality ≥ 60"),
        ("min_heat = 0", "heat ≥ 0"),
        ("min_quality = 60\nmin_heat = 0", "quality ≥ 60, heat ≥ 0"),
    ],
)
def test_only_minima_that_a_feed_sets_are_said(wish: str, wants: str, tmp_path: Path) -> None:
    site = Site(tmp_path, f'[[feed]]\nname = "hot"\n{wish}\n')
    site.story("a.md")
    assert says(explained(site, "a.md", "hot"), "minimum", "hot") == (
        f"quality 0 (not written), heat 0 (not written); the feed wants {wants}"
    )


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ({}, "quality 0 (not written), heat 0 (not written)"),
        ({"heat": 0, "quality": 0}, "quality 0, heat 0"),
        ({"heat": -1, "quality": 5}, "quality 5, heat -1 (unranked)"),
    ],
    ids=["absent", "zero", "unranked"],
)
def test_a_heat_of_zero_is_told_from_one_that_nobody_wrote_and_from_unranked(
    front: dict[str, int], words: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "hot"\nmin_heat = 0\n')
    site.story("a.md", **front)
    explanation = explained(site, "a.md", "hot")
    assert says(explanation, "minimum", "hot") == f"{words}; the feed wants heat ≥ 0"
    assert explanation.shown_in("hot") is ("unranked" not in words)


def test_a_former_name_of_a_topic_leads_to_its_feed(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[taxonomy.topic]]\nname = "AI"\naliases = ["Machine Learning"]\n')
    site.story("a.md")
    assert list(explained(site, "a.md", "topics/machine-learning").feeds) == ["topics/ai"]


def test_explaining_writes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    with after_run(site) as pipeline:
        state = list(pipeline.ledger.all_written())
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        explain(pipeline, "a.md", site.now)
        explain(pipeline, "b.md", site.now + 10**9)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        assert list(pipeline.ledger.all_written()) == state


def test_another_moment_can_be_asked_for(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md", publishedDateTime="2024-06-01T13:00:00Z", expiryDate="2024-06-01T14:00:00Z")
    with after_run(site) as pipeline:
        later = [explain(pipeline, "a.md", site.now + hours * HOUR) for hours in (0, 1, 2)]
    assert [one.shown_in("all") for one in later] == [False, True, False]


# Finding the article


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("news/a.md", "news/a.md"),
        ("./news/a.md", "news/a.md"),
        ("a.md", "news/a.md"),
        ("a", "news/a.md"),
        ("tag:news.example,2020:articles/a", "news/a.md"),
        ("note.txt", "note.txt"),
        ("c.md", None),
        ("tag:news.example,2020:" + "x" * 300, None),
        ("", None),
        ("news", None),
        ("../feedd.toml", "../feedd.toml"),
    ],
    ids=["path", "dotted", "file-name", "stem", "id", "not-content", "unknown", "long", "nothing", "folder", "outside"],
)
def test_an_article_is_found_by_its_path_its_file_name_or_its_id(
    named: str, expected: str | None, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.story("news/a.md")
    site.write("note.txt", "A note")
    with after_run(site) as pipeline:
        assert find(pipeline.desk, named, pipeline, tmp_path / "elsewhere") == expected


@pytest.mark.parametrize("named", ["boats", "news/boats", "content/news/boats/", "./content/news/boats", "boats/index"])
def test_the_article_of_a_page_bundle_is_found_by_its_folder(named: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("news/boats/index.md")
    site.story("news/boats/a.md")
    with after_run(site) as pipeline:
        assert find(pipeline.desk, named, pipeline, tmp_path) == "news/boats/index.md"


@pytest.mark.parametrize("named", ["news/boats/index.md", "boats", "news/boats"])
def test_the_id_of_a_page_bundle_that_is_gone_is_known(named: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = site.story("news/boats/index.md")
    site.story("news/index.md")  # which is called news
    site.build()
    file.unlink()
    with after_run(site) as pipeline:
        assert told_of(pipeline, named) == "tag:news.example,2020:articles/boats"


def test_an_article_that_could_never_be_read_is_found_and_said_to_be_unreadable(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md").chmod(0)
    with bound_by_permissions(), after_run(site) as pipeline:
        path = find(pipeline.desk, "a.md", pipeline, tmp_path)
        assert path == "a.md"
        explanation = explain(pipeline, path, site.now)
    assert refusals(explanation, "all") == ["file"]
    assert "cannot be read" in says(explanation, "file")


def test_an_article_is_found_by_its_absolute_path(tmp_path: Path) -> None:
    site = Site(tmp_path)
    place = site.story("news/a.md")
    with after_run(site) as pipeline:
        assert find(pipeline.desk, str(place), pipeline, tmp_path / "elsewhere") == "news/a.md"


@pytest.mark.parametrize(
    ("here", "named", "expected"),
    [
        (".", "content/news/a.md", "news/a.md"),
        (".", "./content/news/a.md", "news/a.md"),
        ("content/news", "a.md", "a.md"),
        ("content/news", "./a.md", "news/a.md"),
        ("content/news", "b.md", "news/b.md"),
        ("content/news", "../a.md", "a.md"),
        ("feeds", "../content/news/b.md", "news/b.md"),
        ("content/news", "gone.md", "news/gone.md"),
        (".", "content/note.txt", "note.txt"),
        (".", "content/news/c.md", None),
        ("content/news", "", None),
    ],
    ids=["below", "dotted", "2", "2-dotted", "beside", "above", "across", "gone", "not-content", "unknown", "nothing"],
)
def test_an_article_is_found_by_its_path_as_a_shell_has_it(
    here: str, named: str, expected: str | None, tmp_path: Path
) -> None:
    site = Site(tmp_path, SMALL_GUARD)
    for path in ("a.md", "news/a.md", "news/b.md", "news/gone.md"):
        site.story(path)
    site.build()
    (site.content / "news" / "gone.md").unlink()
    site.write("note.txt", "A note")
    with after_run(site) as pipeline:
        assert find(pipeline.desk, named, pipeline, tmp_path / here) == expected


def test_an_article_is_found_by_a_path_through_symbolic_links(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.story("news/a.md")
    (site.content / "linked.md").symlink_to("news/a.md")
    (tmp_path / "link").symlink_to(tmp_path / "site")
    site.file = tmp_path / "link" / "feedd.toml"
    with after_run(site) as pipeline:
        named = [str(site.content / "news" / "a.md"), "link/content/news/a.md", "site/content/linked.md"]
        assert [find(pipeline.desk, name, pipeline, tmp_path) for name in named] == [
            "news/a.md",
            "news/a.md",
            "linked.md",
        ]


@pytest.mark.parametrize(
    ("here", "named", "expected"),
    [
        (".", "topics/ai", "topics/ai"),
        (".", "topics/ai.atom", "topics/ai"),
        (".", "topics/ai.rss", "topics/ai"),
        (".", "./topics/ai.json", "topics/ai"),
        (".", "feeds/topics/ai.json", "topics/ai"),
        ("content", "feeds/topics/ai.json", "topics/ai"),
        ("feeds/topics", "ai.atom", "topics/ai"),
        ("content", "../feeds/all.atom", "all"),
        (".", "{feeds}/all.json", "all"),
        (".", "https://news.example/feeds/all.rss", "all"),
        (".", "topics/machine-learning.atom", "topics/ai"),
        (".", "providers/source.example", "providers/source.example"),
        (".", "providers/source.example.rss", "providers/source.example"),
        (".", "topics/ai.txt", None),
        (".", "topics", None),
        (".", ".atom", None),
        (".", "https://other.example/feeds/all.rss", None),
    ],
)
def test_a_feed_is_found_by_its_name_or_by_a_document(
    here: str, named: str, expected: str | None, tmp_path: Path
) -> None:
    site = Site(
        tmp_path, '[output]\nformats = ["atom"]\n[[taxonomy.topic]]\nname = "AI"\naliases = ["Machine Learning"]\n'
    )
    site.story("a.md")
    with after_run(site) as pipeline:
        assert find_feed(pipeline, named.format(feeds=site.feeds), tmp_path / here) == expected


def test_what_lies_outside_the_content_is_never_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "b.md").write_text(GOOD)
    explanation = explained(site, "../b.md")
    assert [(verdict.rule, verdict.passes) for verdict in explanation.article] == [("content", False)]


def test_of_files_with_one_id_the_one_that_keeps_it_is_found(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("x/a.md")
    site.story("y/a.md")
    with after_run(site) as pipeline:
        assert find(pipeline.desk, "tag:news.example,2020:articles/a", pipeline, tmp_path) == "x/a.md"


# Agreement with what is published

FEEDS = """
[[feed]]
name = "warm"
min_heat = 5
max_age = "2h"

[[feed]]
name = "picked"
topics = ["AI"]
not_providers = ["other.example"]
order = "quality"
limit = 2

[[feed]]
name = "films"
types = ["video"]
languages = ["de"]
title_contains = ["moon"]

[[feed]]
name = "digest"
schedule = "0 */2 * * *"
limit = 3
"""
PATHS = ("a.md", "b.md", "news/a.md", "c.md", "news/d.md")
hours = st.sampled_from([f"2024-06-01T{hour:02}:00:00Z" for hour in (9, 10, 11, 12, 13, 14)])
fronts = st.fixed_dictionaries(
    {"publishedDateTime": hours, "heat": st.sampled_from([-1, 0, 5, 9]), "quality": st.sampled_from([0, 1])},
    optional={
        "published": st.sampled_from([True, True, False, None, "true"]),
        "pubilshed": st.sampled_from([True, False]),
        "draft": st.sampled_from([True, False]),
        "removed": st.just(True),
        "expiryDate": hours,
        "topics": st.sampled_from([[], ["AI"], ["ai", "Cars"], ["Robots"]]),
        "provider": st.sampled_from([{"domain": "other.example"}, "Somebody"]),
        "type": st.just("video"),
        "locale": st.just("de"),
        "guid": st.sampled_from(["one", "two"]),
        "category": st.just("news"),
    },
)
BAD = ("", "A note\n", "---\ntitle: [\n---\n", "---\npublished: false\ntitle: [\n---\n")
switches = st.sampled_from(
    [
        "",
        "",
        "all = false\n",
        "topics = false\nproviders = false\n",
        'collections = ["news"]\nlimit = 1\n',
        '[taxonomy]\nunknown_topics = "ignore"\n[[taxonomy.topic]]\nname = "AI"\naliases = ["Robots"]\n',
        '[taxonomy]\nrollup = true\n[[taxonomy.topic]]\nname = "Cars"\n'
        '[[taxonomy.topic]]\nname = "AI"\nparent = "Cars"\n',
    ]
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, str]:
    """Some files: few stories, each file with an address of its own, so that it is known in a document."""
    written: dict[str, str] = {}
    for path in PATHS:
        kind = draw(st.sampled_from(["article", "article", "article", "bad", "absent"]))
        if kind == "bad":
            written[path] = draw(st.sampled_from(BAD))
        elif kind == "article":
            story = draw(st.sampled_from(["x", "y", path]))
            address = f"https://source.example/{story}?utm_source={path.replace('/', '-')}"
            title = draw(st.sampled_from(["Moonlight", "Sunlight"]))
            written[path] = article(title, **draw(fronts), webUrl=address)
    return written


def paths_in(site: Site, feed: str) -> list[str]:
    """The paths of the articles in a feed's document, in its order."""
    urls = [item["url"] for item in site.items(feed)] if (site.feeds / f"{feed}.json").exists() else []
    return [path for url in urls for path in PATHS if url.endswith(f"={path.replace('/', '-')}")]


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
STATES = given(st.lists(st.tuples(files(), switches), min_size=1, max_size=3), st.sampled_from(["", SMALL_GUARD]))


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(PATIENT, max_examples=15)
@STATES
def test_explain_says_in_exactly_of_what_is_in_the_documents(
    tmp_path_factory: pytest.TempPathFactory, states: list[tuple[dict[str, str], str]], guard: str
) -> None:
    hold_to_the_documents(Site(tmp_path_factory.mktemp("site")), states, guard)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(PATIENT, max_examples=250)
@STATES
def test_explain_says_in_exactly_of_what_is_in_the_documents_whatever_happened(
    tmp_path_factory: pytest.TempPathFactory, states: list[tuple[dict[str, str], str]], guard: str
) -> None:
    hold_to_the_documents(Site(tmp_path_factory.mktemp("site")), states, guard)


def hold_to_the_documents(site: Site, states: list[tuple[dict[str, str], str]], guard: str) -> None:
    """After any few runs, an hour apart, over good, bad, withdrawn, doubled and missing files, and over other settings.
    Of what is not in, some rule says no; a feed has as near misses the public ones of which exactly one does.
    """
    for state, switched in states:
        site.configure(f"{guard}[output]\nformats = ['json']\n{switched}{FEEDS}")
        for path in PATHS:
            (site.content / path).unlink(missing_ok=True)
        for path, text in state.items():
            site.write(path, text)
        site.now += HOUR
        with after_run(site) as pipeline:
            documents = documents_of(pipeline)
            everywhere = {path: explain(pipeline, path, site.now, None, site.file, documents) for path in PATHS}
            for feed in sorted(feed_names(pipeline)):
                inside = paths_in(site, feed)
                explanations = {path: explain(pipeline, path, site.now, feed, site.file, documents) for path in PATHS}
                assert {path for path, one in explanations.items() if one.shown_in(feed)} == set(inside)
                assert all(one.refusals(feed) for path, one in explanations.items() if path not in inside)
                # All is written: that it might not be is no reason, and must not stand for one that was overlooked.
                assert "documents" not in {no.rule for one in explanations.values() for no in one.refusals(feed)}
                assert {path for path, one in everywhere.items() if one.shown_in(feed)} == set(inside)
                found = view(pipeline, feed, site.now, site.file, documents)
                assert [item.path for item in found.entries] == inside
                assert {(group.rule, one.item.path) for group in found.misses for one in group.articles} == {
                    (one.refusals(feed)[0].rule, path)
                    for path, one in explanations.items()
                    if is_public(one, feed) and len(one.refusals(feed)) == 1
                } - {(OWN_RULES.get(feed.partition("/")[0], ""), path) for path in PATHS}
                assert all(miss.verdict in refusals_of(explanations, miss, feed) for miss in every_miss(found))


OWN_RULES = {"topics": "topics", "providers": "providers"}
"""What makes an automatic feed: nothing misses it by that alone."""


def is_public(explanation: Explanation, feed: str) -> bool:
    return feed in explanation.feeds and all(verdict.passes for verdict in explanation.article)


def every_miss(found: View) -> Iterator[Miss]:
    return (miss for group in found.misses for miss in group.articles)


def refusals_of(explanations: dict[str, Explanation], miss: Miss, feed: str) -> list[Verdict]:
    """What `explain` says against an article that the feed just misses."""
    return explanations[miss.item.path].refusals(feed)

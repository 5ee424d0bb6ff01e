"""Misses: what a feed asks for, has, and nearly has (design: sections 1, 5, 7 and 10)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedd.misses import Group, View, view
from feedd.pipeline import Pipeline
from feedd.reasons.verdicts import documents_of
from feedd.testing import FailingDirectory, Site

HOUR = 3600
HOT = '[[feed]]\nname = "hot"\n'


@contextmanager
def after_run(site: Site) -> Iterator[Pipeline]:
    """A pipeline that has just run."""
    pipeline = site.pipeline()
    try:
        pipeline.run(site.now)
        yield pipeline
    finally:
        pipeline.close()


def viewed(site: Site, feed: str = "all", most: int | None = None) -> View:
    with after_run(site) as pipeline:
        return view(pipeline, feed, site.now, site.file, documents_of(pipeline), most)


def missed(found: View) -> dict[str, list[str]]:
    """The paths of what the feed just misses, by rule."""
    return {group.rule: [miss.item.path for miss in group.articles] for group in found.misses}


def asks(found: View, site: Site) -> list[tuple[str, object, str]]:
    return [(wish.key, wish.value, str(wish.place).removeprefix(f"{site.folder}/")) for wish in found.asks]


def test_a_configured_feed_tells_what_it_asks_for_and_where_that_is_written(tmp_path: Path) -> None:
    site = Site(
        tmp_path, f'{HOT}title = "What is hot"\nmin_heat = 5\ntopics = ["b", "AI"]\nmax_age = "1d"\nlimit = 3\n'
    )
    site.story("a.md")
    found = viewed(site, "hot")
    assert (found.name, found.title) == ("hot", "What is hot")
    assert found.documents == ("hot.atom", "hot.rss", "hot.json")
    assert asks(found, site) == [
        ("topics", ["ai", "b"], "feedd.toml:9: feed[1].topics"),
        ("min_heat", 5, "feedd.toml:8: feed[1].min_heat"),
        ("max_age", 86400, "feedd.toml:10: feed[1].max_age"),
        ("limit", 3, "feedd.toml:11: feed[1].limit"),
        ("order", "newest", "default: feed[1].order"),
    ]


def test_an_automatic_feed_tells_what_it_asks_for_too(tmp_path: Path) -> None:
    site = Site(tmp_path, '[output]\nlimit = 7\ncollections = ["articles"]\n')
    site.story("a.md")
    found = viewed(site, "topics/ai")
    assert found.title == "Example News: AI"
    assert asks(found, site) == [
        ("collections", ["articles"], "feedd.toml:7: output.collections"),
        ("topics", ["ai"], "default: output.topics"),
        ("limit", 7, "feedd.toml:6: output.limit"),
    ]


def test_a_schedule_is_among_what_a_feed_asks_for(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}schedule = "0 7 * * *"\n')
    site.story("a.md")
    assert ("schedule", "0 7 * * *", "feedd.toml:7: feed[1].schedule") in asks(viewed(site, "hot"), site)


def test_entries_are_those_of_the_documents_in_their_order(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}order = "oldest"\nlimit = 2\n')
    for day in (3, 1, 2):
        site.story(f"{day}.md", publishedDateTime=f"2024-05-0{day}T08:00:00Z")
    found = viewed(site, "hot")
    assert [item.title for item in found.entries] == site.titles("hot") == ["1", "2"]
    assert (found.count, found.entries[0].published) == (2, "2024-05-01T08:00:00Z")
    assert missed(found) == {"limit": ["3.md"]}


def test_near_misses_are_the_public_articles_of_which_one_rule_alone_says_no(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["AI"]\ntypes = ["article"]\nmin_heat = 3\nmax_age = "30d"\nlimit = 1\n')
    site.now = site.now - 15 * 24 * HOUR
    site.story("in.md", heat=3, publishedDateTime="2024-05-10T08:00:00Z")
    site.story("topic.md", heat=3, topics=["Cars"])
    site.story("type.md", heat=3, type="video")
    site.story("cold.md", heat=2)
    site.story("old.md", heat=3, publishedDateTime="2024-04-01T08:00:00Z")
    site.story("twin.md", heat=3, webUrl="https://source.example/in", publishedDateTime="2024-05-11T08:00:00Z")
    site.story("late.md", heat=3, publishedDateTime="2024-05-09T08:00:00Z")
    site.story("two.md", heat=3, topics=["Cars"], type="video")
    site.story("draft.md", heat=3, published=False)
    site.story("gone.md", heat=3, expiryDate="2024-05-02T08:00:00Z")
    assert missed(viewed(site, "hot")) == {
        "topics": ["topic.md"],
        "types": ["type.md"],
        "minimum": ["cold.md"],
        "age": ["old.md"],
        "same-story": ["twin.md"],
        "limit": ["late.md"],
    }


def test_each_miss_says_why_and_where_that_is_written(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["Cars"]\n')
    site.story("a.md")
    [group] = viewed(site, "hot").misses
    [miss] = group.articles
    assert (miss.item.id, miss.item.title) == ("tag:news.example,2020:articles/a", "a")
    assert miss.verdict.says == "ai; the feed takes any of cars"
    assert [str(place).removeprefix(f"{tmp_path}/") for place in miss.verdict.places] == [
        "a.md:10: topics",
        "feedd.toml:7: feed[1].topics",
    ]


def test_misses_are_the_newest_first_and_counted_where_they_are_not_named(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["Cars"]\n')
    for day in (2, 5, 3, 4):
        site.story(f"{day}.md", publishedDateTime=f"2024-05-0{day}T08:00:00Z")
    assert missed(viewed(site, "hot", 2)) == {"topics": ["5.md", "4.md"]}
    assert [group.count for group in viewed(site, "hot", 2).misses] == [4]
    assert missed(viewed(site, "hot", 0)) == {"topics": []}
    assert missed(viewed(site, "hot")) == {"topics": ["5.md", "4.md", "3.md", "2.md"]}


def test_entries_and_what_is_to_come_are_counted_where_they_are_not_named(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for name, year in (("a", 2024), ("b", 2024), ("c", 2030), ("d", 2031)):
        site.story(f"{name}.md", publishedDateTime=f"{year}-05-01T08:00:00Z")
    found = viewed(site, most=1)
    assert (found.count, len(found.entries)) == (2, 1)
    assert (found.coming_count, [one.item.path for one in found.coming]) == (2, ["c.md"])


def test_what_is_under_embargo_comes_when_it_is_said_to(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["AI"]\n')
    site.story("a.md", publishedDateTime="2024-06-02T08:00:00Z")
    site.story("b.md", publishedDateTime="2024-06-02T09:00:00Z", topics=["Cars"])
    [coming] = viewed(site, "hot").coming
    assert (coming.item.path, coming.when) == ("a.md", "2024-06-02T08:00:00Z")
    site.now += 20 * HOUR - 1
    assert viewed(site, "hot").count == 0
    site.now += 1
    assert [item.path for item in viewed(site, "hot").entries] == ["a.md"]


def test_what_is_under_embargo_comes_into_a_feed_with_a_schedule_at_the_moment_after(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}schedule = "0 7 * * *"\n')
    site.story("x.md")
    site.build()
    site.story("a.md", publishedDateTime="2024-06-02T08:00:00Z")
    [coming] = viewed(site, "hot").coming
    assert coming.when == "2024-06-03T07:00:00Z"
    site.now += 19 * HOUR
    site.build()
    site.now += 24 * HOUR - 1
    assert [item.path for item in viewed(site, "hot").entries] == ["x.md"]
    site.now += 1
    assert [item.path for item in viewed(site, "hot").entries] == ["a.md", "x.md"]


def test_what_expires_before_it_could_come_does_not_come(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}schedule = "0 7 * * *"\n')
    site.story("x.md")
    site.build()
    site.story("a.md", publishedDateTime="2024-06-02T08:00:00Z", expiryDate="2024-06-03T07:00:00Z")
    assert viewed(site, "hot").coming == ()
    assert [one.item.path for one in viewed(site).coming] == ["a.md"]


def test_an_article_that_waits_for_a_schedule_is_a_near_miss(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}schedule = "0 7 * * *"\n')
    site.story("x.md")
    site.build()
    site.story("a.md")
    found = viewed(site, "hot")
    assert missed(found) == {"schedule": ["a.md"]}
    assert found.misses[0].articles[0].verdict.says == "enters at 2024-06-02T07:00:00Z"


def test_what_authors_hold_back_is_counted_and_named_only_if_all_is_asked_for(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["AI"]\n')
    site.story("a.md", published=False)
    site.story("b.md", draft=True, topics="ai")
    site.story("c.md", removed=True, topics=["Cars"])
    site.story("d.md")
    few, every = viewed(site, "hot", 100), viewed(site, "hot")
    assert few.not_public == every.not_public == {"unpublished": 3}
    assert few.held_back == ()
    assert [(miss.item.path, miss.verdict.rule) for miss in every.held_back] == [
        ("a.md", "published"),
        ("b.md", "draft"),
    ]
    assert str(every.held_back[0].verdict.places[0]) == "a.md:6: published"


def test_what_is_not_public_is_counted_by_what_keeps_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.story("b/a.md")
    site.story("c.md", publishedDateTime="2030-01-01T00:00:00Z")
    site.story("d.md", expiryDate="2024-05-02T00:00:00Z")
    site.story("e.md", published=None)
    site.write("f.md", "---\ntitle: [\n---\n")
    site.write("g.md", "A note\n")
    assert viewed(site).not_public == {"broken": 1, "duplicate": 1, "embargoed": 1, "expired": 1, "unpublished": 1}


def test_a_feed_that_could_not_be_written_misses_what_it_should_have(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    pipeline = site.pipeline(FailingDirectory(site.feeds, {"all.json"}))
    try:
        pipeline.run(site.now)
        found = view(pipeline, "all", site.now, site.file, documents_of(pipeline))
    finally:
        pipeline.close()
    assert (found.count, missed(found)) == (0, {"documents": ["a.md"]})


def test_a_feed_that_is_switched_off_misses_all_that_it_would_take(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.build()
    site.configure("[output]\ntopics = false\n")
    assert missed(viewed(site, "topics/ai")) == {"feed": ["a.md"]}


def test_groups_come_in_the_order_in_which_rules_are_asked(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{HOT}topics = ["AI"]\nlanguages = ["en"]\nlimit = 1\n')
    site.story("a.md")
    site.story("b.md", publishedDateTime="2024-05-02T00:00:00Z")
    site.story("c.md", locale="de")
    site.story("d.md", topics=["Cars"])
    assert [(group.rule, group.count) for group in _groups(site)] == [("topics", 1), ("languages", 1), ("limit", 1)]


def _groups(site: Site) -> tuple[Group, ...]:
    return viewed(site, "hot").misses


def test_a_former_name_leads_to_the_feed_and_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[taxonomy.topic]]\nname = "AI"\naliases = ["Robots"]\n')
    site.story("a.md")
    with after_run(site) as pipeline:
        found = view(pipeline, "topics/ai", site.now, site.file, former="topics/robots")
    assert found.former
    assert found.former.note == "topics/robots is a former name of topics/ai"
    assert str(found.former) == f"{site.file}:7: taxonomy.topic[1].aliases"


def test_looking_at_a_feed_writes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("a.md")
    site.story("b.md", published=False)
    with after_run(site) as pipeline:
        list(pipeline.ledger.all_written())  # the state is open from here on
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        view(pipeline, "all", site.now, site.file, documents_of(pipeline))
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_about_something_else_is_no_near_miss_of_a_feed_that_is_about_one_thing(tmp_path: Path) -> None:
    site = Site(tmp_path, '[output]\ncollections = ["articles"]\n')
    site.story("a.md", topics=["AI"])
    site.story("b.md", topics=["Cars"])
    site.story("c.md", topics=["AI"], category="news")
    site.story("d.md", topics=["AI"], provider={"domain": "other.example"})
    assert missed(viewed(site, "topics/ai")) == {"collection": ["c.md"]}
    assert missed(viewed(site, "topics/cars")) == {}
    assert missed(viewed(site, "providers/other.example")) == {}


def test_what_a_minimum_keeps_out_comes_by_what_it_lacks(tmp_path: Path) -> None:
    site = Site(tmp_path, f"{HOT}min_heat = 50\nmin_quality = 10\n")
    for day, (heat, quality) in enumerate([(10, 10), (49, 10), (-1, 10), (50, 7), (49, 0), (10, 99)], 1):
        site.story(f"{day}.md", heat=heat, quality=quality, publishedDateTime=f"2024-05-0{day}T08:00:00Z")
    assert missed(viewed(site, "hot")) == {"minimum": ["2.md", "4.md", "5.md", "6.md", "1.md", "3.md"]}
    assert missed(viewed(site, "hot", 1)) == {"minimum": ["2.md"]}

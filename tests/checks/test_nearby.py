"""Nearby: what is said of a few files is what is said of them among all, and few others are read for it."""

import random
from pathlib import Path
from typing import Any

import pytest

from feedd.check import check, check_files
from feedd.checks.nearby import MOST, nearby
from feedd.desk import Desk, Record
from feedd.errors import Problem
from feedd.testing import Site, article, quiet_world

OWN_PAGES = '[content]\nown_pages = "https://news.example/{slug}/"\n'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def alone(site: Site, *paths: str) -> list[tuple[str, str]]:
    """The kinds and files of the problems of some files."""
    found = check_files(Desk(site.config, thorough=True), site.file, paths, site.now)[0]
    return [(one.kind, one.file) for one in found]


def read_for(site: Site, path: str) -> list[str]:
    """Which files are read for one."""
    desk = Desk(site.config, thorough=True)
    record = desk.record(path)
    assert isinstance(record, Record)
    return nearby(desk, [record], sorted(desk.tree.files("")))


def test_a_file_with_nothing_in_common_is_read_alone(site: Site) -> None:
    for number in range(9):
        site.story(f"{number}.md", title=f"story number {number}")
    assert read_for(site, "3.md") == ["3.md"]


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ({"webUrl": "https://source.example/a-story"}, {"webUrl": "http://WWW.source.example/a-story/?utm_source=x#y"}),
        ({"webUrl": "https://source.example/a-story"}, {"webUrl": None, "sourceUrl": "https://source.example/a-story"}),
        ({"webUrl": "https://source.example/grüße-aus-wien"}, {"webUrl": "https://source.example/gr%C3%BC%C3%9Fe-aus-wien"}),
        ({"webUrl": "https://source.example/watch?v=dQw4w9WgXcQ"}, {"webUrl": "https://source.example/watch?v=dQw4w9WgXcQ&fbclid=x"}),
        ({"webUrl": "https://source.example/2024/1"}, {"webUrl": "https://source.example/2024/1/"}),
        ({"webUrl": "https://source.example/"}, {"webUrl": "https://source.example"}),
        ({"webUrl": "https://ö.example/"}, {"webUrl": "https://xn--nda.example"}),
    ],
    ids=["spelling", "key", "encoded", "query", "short", "host", "idna"],
)
def test_two_files_with_one_story_are_found_whichever_is_asked_about(
    mine: dict[str, Any], other: dict[str, Any], site: Site
) -> None:
    site.write("mine.md", article("mine", **mine))
    site.write("other.md", article("other", **{"publishedDateTime": "2024-04-01T00:00:00Z", **other}))
    assert alone(site, "mine.md") == [("duplicate-story", "mine.md")]
    kinds = [kind for kind, _ in alone(site, "other.md")]
    assert [kind for kind in kinds if kind != "http-link"] == ["duplicate-story"]


@pytest.mark.parametrize(
    ("names", "guids"),
    [
        (("x/a.md", "y/a.md"), (None, None)),
        (("x/a-long-name.md", "y/a-long-name.md"), (None, None)),
        (("a.md", "b.md"), ("urn:one", "urn:one")),
        (("a.md", "b.md"), ("1", "1")),
        (("a.md", "b.md"), (None, "tag:news.example,2020:articles/a")),
        (("a.md", "b.md"), ("tag:news.example,2020:articles/b", None)),
        (("été & more.md", "y/été & more.md"), (None, None)),
        (("x/boats/index.md", "y/boats/index.md"), (None, None)),
        (("boats.md", "x/boats/index.md"), (None, None)),
    ],
    ids=["name", "long-name", "guid", "short-guid", "guid-is-id", "id-is-guid", "odd-name", "bundles", "bundle"],
)
def test_two_files_with_one_id_are_found_whichever_is_asked_about(
    names: tuple[str, str], guids: tuple[str | None, str | None], site: Site
) -> None:
    for number, (name, guid) in enumerate(zip(names, guids, strict=True)):
        site.write(name, article(f"title number {number}", guid=guid))
    for name in names:
        assert alone(site, name) == [("duplicate-id", name)]


def test_the_file_that_keeps_an_id_is_said_to(site: Site) -> None:
    site.story("x/a.md", title="One")
    site.story("y/a.md", title="Two")
    found = check_files(Desk(site.config, thorough=True), site.file, ["x/a.md"], site.now)[0]
    assert [one.what for one in found] == [
        "has the id tag:news.example,2020:articles/a of y/a.md; this one keeps it, and that one is in no feed any more"
    ]


@pytest.mark.parametrize("published", [True, False])
def test_a_link_to_an_own_draft_is_found(published: bool, site: Site) -> None:
    site.story("draft.md", published=published)
    site.story("mine.md", related=[{"title": "D", "webUrl": "https://source.example/draft/"}])
    assert alone(site, "mine.md") == ([] if published else [("hidden-link", "mine.md")])


def test_a_link_to_what_one_of_two_articles_shows_is_shown(site: Site) -> None:
    address = "https://source.example/told-twice"
    site.story("a.md", webUrl=address, published=False)
    site.story("b.md", webUrl=address)
    site.story("c.md", webUrl=address, published=False)
    site.story("mine.md", related=[{"title": "D", "webUrl": address}])
    assert alone(site, "mine.md") == []


def test_what_has_expired_tells_no_story_any_more(site: Site) -> None:
    site.write("a.md", article("A", webUrl="https://source.example/told-twice"))
    site.write(
        "b.md",
        article(
            "B",
            webUrl="https://source.example/told-twice",
            publishedDateTime="2024-04-01T00:00:00Z",
            expiryDate="2024-06-01T12:00:00Z",
        ),
    )
    assert alone(site, "a.md") == []
    site.now -= 1
    assert alone(site, "a.md") == [("duplicate-story", "a.md")]


def test_a_link_to_the_own_page_of_a_draft_is_found_by_the_drafts_name(site: Site) -> None:
    site.configure(OWN_PAGES)
    site.write("news/a-long-name.md", article("D", published=False, webUrl=None))
    site.story("mine.md", related=[{"title": "D", "webUrl": "https://news.example/a-long-name/"}])
    assert alone(site, "mine.md") == [("hidden-link", "mine.md")]


def test_with_too_much_to_search_for_everything_is_read(site: Site) -> None:
    for number in range(9):
        site.story(f"{number}.md", title=f"story number {number}")
    links = [{"title": "L", "webUrl": f"https://x.example/link-{number}"} for number in range(20)]
    names = [f"many-{number}.md" for number in range(MOST // 20 + 1)]
    for at, name in enumerate(names):
        own = [{**link, "webUrl": f"{link['webUrl']}-of-{at}"} for link in links]
        site.story(name, related=own)
    desk = Desk(site.config, thorough=True)
    records = [record for record in desk.records(names) if isinstance(record, Record)]
    every = sorted(desk.tree.files(""))
    assert nearby(desk, records, every) == every


def test_a_broken_file_needs_no_other(site: Site) -> None:
    site.story("a.md")
    site.write("b.md", "---\ntitle: [\n---\n")
    assert alone(site, "b.md") == [("yaml", "b.md")]


def random_site(site: Site, dice: random.Random) -> list[str]:
    """Articles that have a good deal in common."""
    names = [f"{dice.choice('xyz')}/{dice.choice(['alpha', 'bravo', 'gamma', 'delta'])}.md" for _ in range(12)]
    stories = ["one-story", "other-story", "third-story", "fourth-one"]
    others = [f"story-of-{number}" for number in range(20)]  # which few have in common
    for name in set(names):
        front: dict[str, Any] = {
            "webUrl": f"https://source.example/{dice.choice(stories + others)}",
            "published": dice.random() < 0.7,
            "publishedDateTime": f"2024-0{dice.randint(1, 5)}-01T00:00:00Z",
            "guid": dice.choice([None, None, "urn:first", "tag:news.example,2020:articles/bravo"]),
            "related": [{"title": "R", "webUrl": f"https://source.example/{dice.choice(stories + others)}"}],
            "quality": dice.choice([1, "good"]),
            "expiryDate": dice.choice([None, "2024-05-15T00:00:00Z"]),
        }
        site.write(name, article(name, **front) if dice.random() < 0.9 else "---\ntitle: [\n---\n")
    return sorted(set(names))


@pytest.mark.parametrize("seed", range(30))
def test_of_each_file_the_same_is_said_as_among_all(seed: int, site: Site) -> None:
    """But for what two files have in common, which is told of the one that is asked about."""
    names = random_site(site, random.Random(seed))
    desk = Desk(site.config, thorough=True)
    whole, states = check(desk, site.file, site.now, quiet_world())
    together, counted = check_files(desk, site.file, names, site.now)
    assert (together, counted) == (whole, states)
    for name in names:
        mine = check_files(desk, site.file, [name], site.now)[0]
        assert [one for one in mine if not is_mirrored(one)] == [one for one in whole if one.file == name]


def is_mirrored(problem: Problem) -> bool:
    return "this one keeps it" in problem.what or "feeds show this one" in problem.what

"""Check: every problem of configuration, taxonomy and content, with its place and its remedy (design: section 10)."""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from feedd.check import check
from feedd.checks.articles import unknown_topics
from feedd.content.article import parse
from feedd.content.source import Changes, Tree
from feedd.desk import Desk
from feedd.errors import Problem
from feedd.testing import Site, article, bound_by_permissions, quiet_world
from feedd.workers import FEW


def checked(site: Site) -> list[Problem]:
    return check(Desk(site.config, thorough=True), site.file, site.now, quiet_world())[0]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def lines(*front: str) -> str:
    """A file of these front matter lines, the first of which is line 2, and what makes them an article."""
    whole = ["title: A", "date: 2024-05-01T08:00:00Z", "webUrl: https://source.example/a", "published: true"]
    keys = {line.partition(":")[0] for line in front}
    rest = [line for line in whole if line.partition(":")[0] not in keys]
    return "\n".join(["---", *front, *rest, "---", "The body."])


# A site without problems


def test_a_sound_site_has_no_problems(site: Site) -> None:
    site.story("a.md")
    site.write("note.md", "Just a note")
    site.write("empty.md", "")
    site.write("_data/b.md", "---\ntitle: [")
    found = check(Desk(site.config, thorough=True), site.file, site.now)
    assert found == ([], {"article": 1, "skipped": 1, "empty": 1})


def test_an_empty_site_has_no_problems(site: Site) -> None:
    assert check(Desk(site.config, thorough=True), site.file, site.now) == ([], {})


def test_template_that_fails_is_said_with_its_line(site: Site) -> None:
    (site.folder / "mine").mkdir()
    (site.folder / "mine" / "entry.html").write_text("<p>\n{{ entry.titel }}")
    site.configure('[pages]\ntemplates = "mine"')
    (problem,) = checked(site)

    assert (problem.kind, problem.file, problem.line) == ("template", str(site.folder / "mine" / "entry.html"), 2)


def test_directory_of_templates_that_is_not_there_is_a_problem(site: Site) -> None:
    site.configure('[pages]\ntemplates = "mine"')
    (problem,) = checked(site)

    assert (problem.kind, problem.field, problem.severity) == ("no-templates", "pages.templates", "error")


def test_files_beside_templates_that_are_not_used_are_named(site: Site) -> None:
    (site.folder / "mine" / "assets").mkdir(parents=True)
    for name in ("entrys.html", "assets/film.mp4"):
        (site.folder / "mine" / name).write_text("")
    site.configure('[pages]\ntemplates = "mine"')

    assert {(one.kind, one.file, one.severity) for one in checked(site)} == {
        ("unused-template", str(site.folder / "mine" / "entrys.html"), "warning"),
        ("unused-asset", str(site.folder / "mine" / "assets" / "film.mp4"), "warning"),
    }


# Problems of one file


@dataclass
class Case:
    """What a file holds, and the kind, field, line and severity of its one problem."""

    text: str | bytes
    kind: str
    field: str = ""
    line: int | None = None
    severity: str = "error"


def warning(text: str, kind: str, field: str, line: int | None) -> Case:
    return Case(text, kind, field, line, "warning")


CASES = {
    "no-closing-fence": Case("---\ntitle: A\n", "no-closing-fence", "", 1),
    "no-yaml": Case("---\ntitle: A\nexcerpt: [\n---\n", "yaml", "", 4),
    "a-list": Case("---\n- a\n---\n", "not-a-mapping", "", 2),
    "no-header": Case("---\n---\n", "not-a-mapping", "", 2),
    "latin-1": Case("---\ntitle: A\nexcerpt: Grüße\n---\n".encode("latin-1"), "not-utf8", "", 3),
    "utf-16": Case("---\ntitle: A\n---\n".encode("utf-16"), "not-utf8"),
    "too-deep": Case(f"---\ntitle: {'[' * 2000}\n---\n", "header-too-deep", "", 2),
    "too-long": Case(f"---\ntitle: {'a' * 70000}\n---\n", "header-too-large", "", 2),
    "too-large": Case(f"---\ntitle: A\n---\n{'a' * 5000}", "too-large"),
    "no-title": Case(lines("title:"), "missing", "title", 2),
    "title-is-a-list": Case(lines("topics: []", "title: [a]"), "not-text", "title", 3),
    "no-date": Case(lines("excerpt: x", "date:"), "missing", "publishedDateTime"),
    "impossible-date": Case(lines("date: 2024-02-30"), "bad-date", "date", 2),
    "impossible-expiry": Case(lines("expiryDate: soon"), "bad-date", "expiryDate", 2),
    "no-link": Case(lines("webUrl:"), "no-link", "webUrl", 2),
    "published-missing": warning(lines("x: 1", "published:"), "published-missing", "published", 3),
    "published-as-text": warning(lines('published: "true"'), "published-not-boolean", "published", 2),
    "published-twice": warning(
        lines("published: true").replace("---\nT", "published: false\n---\nT"), "duplicate-key", "published", 6
    ),
    "naive-date": warning(lines("date: 2024-05-01 08:00"), "naive-date", "date", 2),
    "impossible-update": warning(lines("updatedDateTime: soon"), "bad-date", "updatedDateTime", 2),
    "bad-url": warning(lines("originalUrl: somewhere"), "bad-url", "originalUrl", 2),
    "bad-language": warning(lines("x: 1", "locale: German"), "bad-language", "locale", 3),
    "bad-quality": warning(lines("quality: good"), "bad-number", "quality", 2),
    "bad-topic": warning(lines("topics:", "  - {a: b}"), "bad-topic", "topics", 2),
    "bad-provider": warning(lines("provider: [a]"), "bad-provider", "provider", 2),
    "bad-domain": warning(lines("provider:", "  domain: not a domain"), "bad-domain", "provider", 2),
    "bad-image": warning(lines("images:", "  - width: 3"), "bad-image", "images", 2),
    "mojibake": warning(lines("excerpt: The supermarketâ€™s"), "mojibake", "excerpt", 2),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_problem_has_its_kind_file_line_field_and_remedy(case: Case, site: Site) -> None:
    site.configure("[content]\nmax_bytes = 4096\n" if case.kind == "too-large" else "")
    site.write("news/a.md", case.text)
    (problem,) = checked(site)
    assert (problem.kind, problem.file, problem.field) == (case.kind, "news/a.md", case.field)
    assert (problem.line, problem.severity) == (case.line, case.severity)
    assert problem.what
    assert problem.remedy


def test_all_problems_of_a_file_are_said_at_once(site: Site) -> None:
    site.write("a.md", lines("title: [a]", "date: 2024-02-30", "quality: good", "published: maybe"))
    assert [(problem.kind, problem.line) for problem in checked(site)] == [
        ("not-text", 2),
        ("bad-date", 3),
        ("published-not-boolean", 5),
        ("bad-number", 4),
    ]


def test_files_are_counted_by_what_they_are(site: Site) -> None:
    site.story("a.md")
    site.story("b.md", published=False)
    site.write("c.md", "---\ntitle: [\n---\n")
    assert check(Desk(site.config, thorough=True), site.file, site.now)[1] == {"article": 2, "broken": 1}


def test_problems_come_by_file_whatever_they_are(site: Site) -> None:
    for name in ("c", "a", "b"):
        site.write(f"{name}.md", lines("quality: good", "x: 1", "published:"))
    assert [problem.file for problem in checked(site)] == ["a.md", "a.md", "b.md", "b.md", "c.md", "c.md"]


def test_a_file_that_cannot_be_read_is_said(site: Site) -> None:
    site.story("a.md").chmod(0)
    with bound_by_permissions():
        (problem,) = checked(site)
    assert (problem.kind, problem.file) == ("unreadable", "a.md")
    assert problem.remedy


def test_a_name_that_is_not_utf_8_is_said(site: Site) -> None:
    with open(os.fsencode(site.content) + b"/\xff.md", "wb") as file:  # noqa: PTH123 - a Path cannot hold it
        file.write(article("a").encode())
    (problem,) = checked(site)
    assert problem.kind == "bad-file-name"
    assert problem.file.isprintable()


def test_a_folder_that_cannot_be_listed_is_said(site: Site) -> None:
    folder = site.story("news/a.md").parent
    folder.chmod(0)
    try:
        with bound_by_permissions():
            (problem,) = checked(site)
    finally:
        folder.chmod(0o755)
    assert (problem.kind, problem.file) == ("unreadable-folder", "news")


def test_a_content_directory_that_is_not_there_is_said(site: Site) -> None:
    site.content.rmdir()
    problems, states = check(Desk(site.config, thorough=True), site.file, site.now)
    assert [(one.kind, one.file, one.field) for one in problems] == [("no-content", str(site.content), "content.path")]
    assert states == {}


def test_an_update_that_is_yet_to_come_is_said(site: Site) -> None:
    site.write("a.md", lines("excerpt: x", "updatedDateTime: 2024-06-01T12:00:01Z"))
    assert checked(site) == [
        Problem(
            "future-update",
            "is in the future; until 2024-06-01T12:00:01Z no feed tells of it",
            "Write when the article was last changed, or leave it out.",
            "a.md",
            3,
            "updatedDateTime",
            "warning",
        )
    ]
    site.now += 1
    assert checked(site) == []


@pytest.mark.parametrize(
    ("path", "dates", "line", "key"),
    [
        ("a.md", ("publishedDateTime: 2024-05-01", "publishDate: 2099-06-01"), 4, "publishDate"),
        ("a.md", ("publishDate: 2099-06-01", "date: 2024-05-01"), 3, "publishDate"),
        ("a.md", ("publishedDateTime: 2099-06-01", "publishDate: 2024-05-01"), 3, "publishedDateTime"),
        ("2099-06-01-a.md", ("excerpt: x",), None, "date"),
    ],
    ids=["later", "before-date", "earlier", "name"],
)
def test_a_date_far_away_is_found_where_it_is_written(
    path: str, dates: tuple[str, ...], line: int | None, key: str, site: Site
) -> None:
    rest = ("webUrl: https://source.example/a", "published: true")
    site.write(path, "\n".join(["---", "title: A", *dates, *rest, "---", "The body."]))
    (problem,) = checked(site)
    assert (problem.kind, problem.file, problem.line, problem.field) == ("far-date", path, line, key)


def test_an_update_before_publication_is_no_problem(site: Site) -> None:
    site.write("a.md", lines("date: 2024-06-30T00:00:00Z", "updatedDateTime: 2024-05-30T00:00:00Z"))
    assert checked(site) == []


# Problems of several files


def test_of_two_files_with_one_id_both_are_named(site: Site) -> None:
    site.story("x/a.md")
    site.story("y/a.md")
    (problem,) = checked(site)
    assert (problem.kind, problem.file, problem.field, problem.severity) == ("duplicate-id", "y/a.md", "guid", "error")
    assert problem.what == (
        "has the id tag:news.example,2020:articles/a of x/a.md,"
        " since both files are called 'a', whatever their folders;"
        " that one keeps it, this one is in no feed"
    )
    assert problem.remedy == "Give this file a name of its own, or write a `guid` in it."


@pytest.mark.parametrize("name", ["_index", "été & more", "a.b"])
def test_files_of_one_name_in_several_folders_are_said_to_have_it(name: str, site: Site) -> None:
    for folder in ("news/one", "news/two"):
        site.story(f"{folder}/{name}.md")
    (problem,) = checked(site)
    assert f"both files are called {name!r}" in problem.what


def test_the_remedies_for_files_of_one_name_help(site: Site) -> None:
    for folder in ("one", "two", "three"):
        site.story(f"{folder}/a.md", title=folder)
    (site.content / "one" / "a.md").rename(site.content / "one" / "one.md")
    site.story("two/a.md", title="two", guid="urn:two")
    assert checked(site) == []


def test_page_bundles_have_the_ids_of_their_folders(site: Site) -> None:
    for folder in ("one", "two", "three/four"):
        site.story(f"{folder}/index.md", title=folder)
    assert checked(site) == []


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("a/boats/index.md", "b/boats/index.md", "the folder"),
        ("boats.md", "boats/index.md", "the folder"),
        ("boats/index.md", "c/boats.md", "this file"),
    ],
)
def test_two_bundles_of_one_name_are_told_apart_by_what_names_them(
    first: str, second: str, named: str, site: Site
) -> None:
    site.story(first, title="first")
    site.story(second, title="second")
    (problem,) = checked(site)
    assert (problem.kind, problem.file) == ("duplicate-id", second)
    assert "since both are called 'boats', as a file index is by its folder;" in problem.what
    assert problem.remedy.startswith(f"Give {named} a name of its own, or write a `guid` in ")

    old = (site.content / second).parent if named == "the folder" else site.content / second
    old.rename(old.with_name("ships" + old.suffix))
    assert checked(site) == []


def test_files_of_one_name_in_two_collections_have_no_id_in_common(site: Site) -> None:
    site.story("one/a.md", title="one", category="one")
    site.story("two/a.md", title="two", category="two")
    assert checked(site) == []


@pytest.mark.parametrize("other", ["b.md", "y/a.md"], ids=["other-name", "same-name"])
def test_of_two_files_with_one_guid_no_name_is_blamed(other: str, site: Site) -> None:
    site.story(other, guid="urn:one")
    site.story("z/a.md", guid="urn:one")
    (problem,) = checked(site)
    assert problem.what == f"has the id urn:one of {other}; that one keeps it, this one is in no feed"
    assert problem.remedy == "Write another `guid` in one of the two, or none."


def test_of_a_file_and_a_guid_that_says_its_id_no_name_is_blamed(site: Site) -> None:
    site.story("a.md", guid="tag:news.example,2020:articles/b")
    site.story("b.md")
    (problem,) = checked(site)
    assert (problem.kind, problem.file) == ("duplicate-id", "b.md")
    assert "called" not in problem.what


def test_a_build_says_the_same_of_a_doubled_id(site: Site) -> None:
    for folder in ("x", "y"):
        site.story(f"{folder}/a.md")
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        assert pipeline.problems() == checked(site)


def test_a_doubled_guid_is_found_at_its_line(site: Site) -> None:
    site.write("a.md", lines("guid: urn:one"))
    site.write("b.md", lines("excerpt: x", "guid: urn:one"))
    (problem,) = checked(site)
    assert (problem.kind, problem.file, problem.line) == ("duplicate-id", "b.md", 3)


def test_of_three_files_with_one_id_two_are_reported(site: Site) -> None:
    for folder in ("z", "x", "y"):
        site.story(f"{folder}/a.md")
    assert [(one.kind, one.file) for one in checked(site)] == [("duplicate-id", "y/a.md"), ("duplicate-id", "z/a.md")]


def test_broken_files_have_no_id_to_share(site: Site) -> None:
    site.story("x/a.md")
    site.write("y/a.md", "---\ntitle: [\n---\n")
    assert [one.kind for one in checked(site)] == ["yaml"]


# Topics

TOPICS = """
[[taxonomy.topic]]
name = "Artificial Intelligence"
aliases = ["AI"]

[[taxonomy.topic]]
name = "Food"
"""


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("Artifical Inteligence", "Did you mean 'Artificial Intelligence'? Else add it to the taxonomy."),
        ("Foods", "Did you mean 'Food'? Else add it to the taxonomy."),
        ("AIs", "Did you mean 'Artificial Intelligence'? Else add it to the taxonomy."),
        ("Quantum", "Add it to the taxonomy."),
    ],
)
def test_an_unknown_topic_is_said_with_the_nearest_known_one(written: str, remedy: str, site: Site) -> None:
    site.configure(TOPICS)
    site.write("a.md", lines("excerpt: x", "topics:", f"  - {written}", "  - food"))
    assert checked(site) == [
        Problem(
            "unknown-topic",
            f"{written!r} is not in the taxonomy; it gets a feed of its own",
            remedy,
            "a.md",
            3,
            "topics",
            "warning",
        )
    ]


def test_each_unknown_topic_is_said(site: Site) -> None:
    site.configure(TOPICS)
    site.story("a.md", topics=["Cars", "ai", "Ships"])
    assert [problem.what.partition("'")[2].partition("'")[0] for problem in checked(site)] == ["Cars", "Ships"]


def test_an_ignored_topic_is_said_to_get_no_feed(site: Site) -> None:
    site.configure('[taxonomy]\nunknown_topics = "ignore"\n' + TOPICS)
    site.story("a.md", topics=["Cars"])
    (problem,) = checked(site)
    assert problem.what == "'Cars' is not in the taxonomy; it gets no feed"


@pytest.mark.parametrize("topics", [["AI"], ["artificial  intelligence"], []], ids=["alias", "spelling", "none"])
def test_known_topics_are_no_problem(topics: list[str], site: Site) -> None:
    site.configure(TOPICS)
    site.story("a.md", topics=topics)
    assert checked(site) == []


def test_without_a_taxonomy_no_topic_is_unknown(site: Site) -> None:
    site.story("a.md", topics=["Whatever"])
    assert checked(site) == []


@pytest.mark.parametrize("now", ["---\ntitle: [\n---\n", "A note\n", None], ids=["broken", "a-note", "gone"])
def test_a_file_that_changes_meanwhile_costs_the_line_alone(now: str | None, site: Site) -> None:
    site.configure(TOPICS)
    text = lines("topics: [Cars]")
    place = site.write("a.md", text)
    desk = Desk(site.config, thorough=True)
    read = parse("a.md", text.encode(), desk.rules).article
    assert read is not None
    place.unlink() if now is None else place.write_text(now)
    assert [(problem.kind, problem.line) for problem in unknown_topics(desk, read)] == [("unknown-topic", None)]


class HauntedTree(Tree):
    """A directory one of whose files goes between listing and reading."""

    def scan(self, known: Mapping[str, bytes]) -> Changes:
        return replace(super().scan(known), added=("gone.md",))


def test_a_file_that_goes_meanwhile_is_no_problem(site: Site) -> None:
    desk = Desk(site.config, thorough=True)
    desk.tree = HauntedTree(site.content, ["**/*.md"])
    assert check(desk, site.file, site.now) == ([], {})


# Topics and providers of feeds


@pytest.mark.parametrize(
    ("wish", "remedy"),
    [
        ('topics = ["ai", "Foood"]', "Did you mean 'Food'?"),
        ('all_topics = ["AI", "Ship"]', "Did you mean 'Ships'?"),
        ('not_topics = ["AI", "Artificial Intelligenc"]', "Did you mean 'Artificial Intelligence'?"),
        ('topics = ["AI", "Quantum"]', "Name one that there is, or leave it out."),
        ('providers = ["a.example", "sorce.example"]', "Did you mean 'source.example'?"),
        ('providers = ["Source.example", "Source"]', "Did you mean 'source.example'?"),
        ('not_providers = ["The Lamp", "The Lmp"]', "Did you mean 'the lamp'?"),
    ],
)
def test_a_topic_or_provider_of_a_feed_that_there_is_not_is_said_with_the_nearest(
    wish: str, remedy: str, site: Site
) -> None:
    lamp = '[[taxonomy.provider]]\nname = "The Lamp"\ndomain = "a.example"\n'
    site.configure(f'[[feed]]\nname = "a"\n[[feed]]\nname = "b"\n{wish}\n{lamp}{TOPICS}')
    site.story("a.md", topics=["Ships"], published=False)
    (problem,) = (one for one in checked(site) if one.file == str(site.file))
    kind, name = "provider" if "providers" in wish else "topic", wish.split('"')[3]
    assert (problem.kind, problem.severity, problem.remedy) == (f"unknown-{kind}", "warning", remedy)
    assert problem.what == f"{name!r} is a {kind} that the taxonomy does not list and no article has"
    assert (problem.field, problem.line) == (f"feed[2].{wish.partition(' ')[0]}[2]", 9)


def test_topics_and_providers_of_feeds_may_be_those_of_articles_alone(site: Site) -> None:
    providers = 'providers = ["https://www.source.example/", "con.example", "The Lamp"]\n'
    pages = '[content]\nown_pages = "https://news.example/{slug}/"\n'
    site.configure(f'{pages}[[feed]]\nname = "a"\ntopics = ["C++"]\n{providers}')
    site.story("a.md", topics=["c++"])
    site.story("b.md", provider={"domain": "con.example"})
    site.story("c.md", provider="the lamp", webUrl=None)
    assert checked(site) == []


# Collections

UNKNOWN = "is a collection that no [[collection]] defines and no article has"


@pytest.mark.parametrize(
    ("settings", "field", "line"),
    [
        ('[[feed]]\nname = "a"\n[[feed]]\nname = "b"\ncollections = ["news", "newz"]\n', "feed[2].collections[2]", 9),
        ('[output]\ncollections = ["newz"]\n', "output.collections[1]", 6),
    ],
    ids=["feed", "automatic"],
)
def test_a_collection_that_there_is_not_is_said(settings: str, field: str, line: int, site: Site) -> None:
    site.story("a.md", category="letters")
    site.story("b.md", category="News")
    site.configure(settings)
    assert checked(site) == [
        Problem(
            "unknown-collection",
            f"'newz' {UNKNOWN}",
            "Did you mean 'news'?",
            str(site.file),
            line,
            field,
            "warning",
        )
    ]


def test_collections_that_there_are_are_named_where_none_is_near(site: Site) -> None:
    site.story("a.md")
    site.configure('[[collection]]\nname = "letters"\n[[feed]]\nname = "a"\ncollections = ["quokka"]\n')
    (problem,) = checked(site)
    assert problem.remedy == "Name one that there is: articles, letters."


@pytest.mark.parametrize("name", ["letters", "Letters", "daily-news", "articles"])
def test_collections_that_are_defined_or_that_articles_have_are_no_problem(name: str, site: Site) -> None:
    site.story("a.md", category="Daily News", published=False)
    site.story("b.md")
    site.configure(f'[[collection]]\nname = "letters"\n[[feed]]\nname = "a"\ncollections = ["{name}"]\n')
    assert checked(site) == []


def test_a_collection_as_a_category_spells_it_is_said_to_be_another(site: Site) -> None:
    site.story("a.md", category="Daily News")
    site.configure('[[feed]]\nname = "a"\ncollections = ["Daily News"]\n')
    (problem,) = checked(site)
    assert problem.remedy == "Did you mean 'daily-news'?"


def test_a_folder_of_a_collection_that_there_is_not_is_said(site: Site) -> None:
    site.story("letters/2024/a.md")
    site.write("file", "no folder")
    site.configure('[[collection]]\nname = "letters"\nfolders = ["letters", "leters/2024", "quokka", "file", "."]\n')
    assert [(one.kind, one.file, one.line, one.field, one.severity, one.remedy) for one in checked(site)] == [
        ("no-folder", str(site.file), 7, f"collection[1].folders[{number}]", "warning", remedy)
        for number, remedy in (
            (2, "Did you mean 'letters/2024'?"),
            (3, "Create it, or leave it out."),
            (4, "Create it, or leave it out."),
        )
    ]


def test_a_folder_of_a_collection_that_cannot_be_seen_ends_no_check(site: Site) -> None:
    site.story("locked/in/a.md")
    site.configure('[[collection]]\nname = "a"\nfolders = ["locked/in"]\n')
    (site.content / "locked").chmod(0)
    try:
        with bound_by_permissions():
            kinds = [problem.kind for problem in checked(site)]
    finally:
        (site.content / "locked").chmod(0o755)
    assert kinds == ["no-folder", "unreadable-folder"]


def test_without_content_no_collection_and_no_folder_is_missed(site: Site) -> None:
    site.content.rmdir()
    site.configure('[[collection]]\nname = "a"\nfolders = ["a"]\n[[feed]]\nname = "b"\ncollections = ["b"]\n')
    assert [problem.kind for problem in checked(site)] == ["no-content"]


def test_a_configuration_that_goes_meanwhile_costs_the_line_alone(site: Site) -> None:
    site.configure('[output]\ncollections = ["newz"]\n')
    desk = Desk(site.config, thorough=True)
    site.file.unlink()
    (problem,) = check(desk, site.file, site.now)[0]
    assert (problem.kind, problem.line, problem.field) == ("unknown-collection", None, "output.collections[1]")


# Taxonomy and places


def test_problems_of_the_taxonomy_come_first(site: Site) -> None:
    topics = site.folder / "topics"
    topics.mkdir()
    (topics / "a.yaml").write_text("name: A\nparent: Nowhere\n")
    (topics / "b.yaml").write_text("parent: A\n")
    (topics / "c.yaml").write_text("name: [\n")
    site.configure('[taxonomy]\ntopics = ["topics", "elsewhere"]\n')
    site.write("a.md", lines("quality: good"))
    problems = checked(site)
    assert {(one.kind, one.file, one.field) for one in problems[:-1]} == {
        ("taxonomy-file", str(topics / "b.yaml"), "name"),
        ("unknown-parent", str(topics / "a.yaml"), "parent"),
        ("yaml", str(topics / "c.yaml"), ""),
        ("no-taxonomy", str(site.folder / "elsewhere"), ""),
    }
    assert problems[-1].kind == "bad-number"
    assert all(problem.remedy for problem in problems)


@pytest.mark.parametrize("table", ["output", "state"])
def test_a_file_where_a_directory_should_be_is_said(table: str, site: Site) -> None:
    (site.folder / "file").write_text("")
    site.configure(f'[{table}]\npath = "file/below"\n')
    assert checked(site) == [
        Problem(
            "not-writable",
            f"{site.folder / 'file'} is no directory",
            "Remove or rename the file, or name another directory.",
            str(site.folder / "file" / "below"),
            field=f"{table}.path",
        )
    ]


@pytest.mark.parametrize("table", ["output", "state"])
@pytest.mark.parametrize("path", ["locked", "locked/below/it"], ids=["itself", "above"])
def test_a_directory_that_cannot_be_written_in_is_said(table: str, path: str, site: Site) -> None:
    locked = site.folder / "locked"
    locked.mkdir(mode=0o550)
    site.configure(f'[{table}]\npath = "{path}"\n')
    with bound_by_permissions():
        (problem,) = checked(site)
    assert (problem.kind, problem.file, problem.field) == ("not-writable", str(site.folder / path), f"{table}.path")
    assert str(locked) in problem.what


# What check leaves alone


def everything(folder: Path) -> dict[str, Any]:
    """Every path below a folder with its time and bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted([folder, *folder.rglob("*")])
    }


def test_check_writes_nothing_at_all(site: Site) -> None:
    site.story("a.md")
    site.write("b.md", "---\ntitle: [\n---\n")
    before = everything(site.folder)
    checked(site)
    assert everything(site.folder) == before
    assert not site.feeds.exists()
    assert not site.state.exists()


def test_check_leaves_feeds_and_state_as_they_are(site: Site) -> None:
    site.story("a.md")
    site.build()
    site.story("b.md")
    before = everything(site.folder)
    checked(site)
    assert everything(site.folder) == before


def test_check_reads_every_file_again_whatever_the_state_knows(site: Site) -> None:
    site.write("a.md", lines("quality: good"))
    site.build()
    assert [problem.kind for problem in checked(site)] == ["bad-number"]


@pytest.mark.slow
def test_many_files_are_checked_as_few_are(site: Site) -> None:
    """Other processes help with many."""
    for number in range(FEW + 1):
        quality = "good" if number % 100 == 0 else 1
        site.write(f"{number:05}.md", lines(f"quality: {quality}", f"webUrl: https://source.example/{number}"))
    problems, states = check(Desk(site.config, thorough=True), site.file, site.now)
    assert [problem.file for problem in problems] == [f"{number:05}.md" for number in range(0, FEW + 1, 100)]
    assert states == {"article": FEW + 1}

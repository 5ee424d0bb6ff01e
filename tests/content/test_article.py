"""Article: what the front matter and body of one file mean (design, section 5, row by row)."""

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import yaml
from generations import NEWER, OLDER
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feedd.content import header, simple_yaml
from feedd.content.article import (
    FIELDS,
    MAX_RELATED,
    Article,
    Link,
    Picture,
    Provider,
    Reading,
    Rules,
    key_of_date,
    parse,
    slug_of,
)
from feedd.content.links import story, web_url
from feedd.content.text import carriable, key, plain
from feedd.testing import article

RULES = Rules(UTC)
BERLIN = Rules(ZoneInfo("Europe/Berlin"))


def reading(text: str | bytes, rules: Rules = RULES, path: str = "news/a-story.md") -> Reading:
    """The reading of a file of that text."""
    return parse(path, text.encode() if isinstance(text, str) else text, rules)


def read(rules: Rules = RULES, **front: Any) -> Article:
    """The article of a file with that front matter."""
    found = reading(article(**front), rules).article
    assert found is not None
    return found


def written(lines: str, rules: Rules = RULES, without: tuple[str, ...] = ()) -> Reading:
    """The reading of a whole article with those lines of YAML, and without the fields of these names."""
    gone = {*without, *(line.partition(":")[0] for line in lines.split("\n"))}
    text = article(**dict.fromkeys(gone - {"title"}))
    if "title" in gone:
        text = text.replace('title: "A story"\n', "")
    return reading(text.replace("---\n", f"---\n{lines}\n", 1), rules)


def kinds(found: Reading) -> list[tuple[str, str, str]]:
    """What matters of its problems."""
    return [(problem.kind, problem.field, problem.severity) for problem in found.problems]


def at(*moment: int) -> int:
    """A moment in UTC."""
    return int(datetime(*moment, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


# Both generations of the schema


def test_the_newer_generation_is_read() -> None:
    expected = Article(
        path="news/2023/lighthouse.md",
        slug="lighthouse",
        collection="news",
        title="Lighthouse keeps its keeper: ferries return to the harbour",
        excerpt='The lamp stays lit. Visitors "just wanted a look" – and left with a "certificate".',
        date=at(2023, 7, 29, 15, 11),
        published=True,
        web_url="https://www.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper?ref=front#top",
        original_url="https://www.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper",
        amp_url="https://amp.harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper",
        story=story("https://harbour-post.example/2023/jul/29/lighthouse-keeps-its-keeper?ref=front"),
        other_stories=(story("https://amp-harbour--post-example.cdn.amp.example/c/s/amp.harbour-post.example/lighthouse"),),
        type="article",
        topics=("Lighthouses", "AI", "Coastal Shipping"),
        provider=Provider(
            "The Harbour Post",
            "harbour-post.example",
            (Picture("https://news.example/assets/images/organizations/harbour-post.example-50x50.jpg", 50, 50),),
        ),
        image=Picture("https://cdn.harbour-post.example/media/5000.jpg?width=620&quality=85&s=1c29", 620, 372),
        related=(
            Link(
                "Ferry company finds its lost timetable",
                "https://islander.example/news/2023/07/28/ferry-company-finds-its-lost-timetable/",
                story("https://islander.example/news/2023/07/28/ferry-company-finds-its-lost-timetable"),
            ),
            Link(
                "Nine months of fog, and no arrests",
                "https://fogbank.example/blog/2023/07/28/nine-months-of-fog/",
                story("https://fogbank.example/blog/2023/07/28/nine-months-of-fog"),
            ),
        ),
        quality=58,
        heat=78,
    )

    assert Reading("article", expected) == reading(NEWER, path="news/2023/lighthouse.md")


def test_the_older_generation_is_read() -> None:
    url = "https://knowbench.example/town-hall-is-setting-up-talking-benches/"
    related = "https://square.example/5770976/pigeons-file-a-complaint/"
    expected = Article(
        path="benches.txt",
        slug="benches",
        collection="news",
        title="Town hall is setting up talking benches and pigeons are not happy about it",
        excerpt="The town already has the most benches of the coast, but now some will say good morning. If you…",
        date=at(2020, 1, 24, 18, 11),
        published=True,
        original_url=url,
        amp_url=f"{url}amp/",
        story=story(url),
        other_stories=(story("https://knowbench-example.cdn.amp.example/c/s/knowbench.example/talking-benches/amp/"),),
        topics=("AI", "Street Furniture"),
        provider=Provider("KnowBench", "knowbench.example"),
        image=Picture(
            "https://knowbench.example/uploads/2018/11/bench%252F1.jpg", 1528, 900, "Town hall sets up talking benches"
        ),
        related=(Link("Pigeons file a complaint – again", related, story(related)),),
        quality=47,
        heat=-1,
    )

    assert Reading("article", expected) == reading(OLDER, path="benches.txt")


def test_generations_may_be_mixed() -> None:
    mixed = NEWER.replace("originalUrl:", "sourceUrl:").replace("ampWebUrl:", "ampUrl:").replace('"https', "https", 0)
    expected, found = reading(NEWER).article, reading(mixed).article

    assert expected == found


# Is it an article?


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"A plain text note.\n\n- with a list\n", id="note"),
        pytest.param(b"# Read me\n\n---\npublished: true\n---\n", id="Markdown with a rule"),
        pytest.param(b"title: A\npublished: true\n", id="YAML without a fence"),
        pytest.param(b"\xef\xbb\xbf", id="BOM alone"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00", id="picture"),
    ],
)
def test_a_file_without_a_fence_is_skipped_without_complaint(data: bytes) -> None:
    assert Reading("skipped") == reading(data)


@pytest.mark.parametrize("before", ["", "\n\r\n", "\ufeff"], ids=["nothing", "lines", "BOM"])
def test_a_file_with_front_matter_in_toml_is_no_article_and_that_is_told(before: str) -> None:
    found = reading(f"{before}+++\npublished = true\n+++\n".encode())
    (problem,) = found.problems

    assert (found.state, found.article, problem.severity) == ("skipped", None, "warning")
    assert (problem.kind, problem.line) == ("toml-front-matter", 1 + before.count("\n"))


@pytest.mark.parametrize("data", [b"++++\n", b"+++ C++ +++\n", b"A\n+++\ntitle = 'A'\n+++\n", b"+++"])
def test_other_signs_are_no_front_matter_in_toml(data: bytes) -> None:
    assert reading(data) == Reading("skipped")


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t "])
def test_a_file_with_nothing_in_it_is_empty(data: bytes) -> None:
    assert Reading("empty") == reading(data)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no BOM", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_byte_order_mark_and_line_ends_make_no_difference(mark: str, end: str) -> None:
    text = article("Café", body="One.\n\nTwo.", excerpt="It said\nso.")

    assert reading(text) == reading(mark + text.replace("\n", end))


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        pytest.param(article().removesuffix("---\n\n"), "no-closing-fence", 1, id="no closing fence"),
        pytest.param("---\n---\nBody.\n", "not-a-mapping", 2, id="no front matter"),
        pytest.param("---\n- title: A\n---\n", "not-a-mapping", 2, id="list"),
        pytest.param(article(title="A").replace('"A"', "A: B"), "yaml", 2, id="colon in a title"),
        pytest.param(article(title="A").replace('"A"', '"A'), "yaml", 3, id="quote that does not end"),
        pytest.param(article(title="A").encode("utf-16"), "not-utf8", None, id="UTF-16"),
        pytest.param(article(title="Café").encode("latin-1"), "not-utf8", 2, id="Latin-1"),
        pytest.param(
            article().replace("---", "---\nx: [" + "[" * 100_000, 1), "header-too-large", 2, id="nesting bomb"
        ),
        pytest.param(article().replace("title:", "titel:"), "missing", None, id="no title"),
        pytest.param(article(title="A").replace('"A"', "''"), "missing", 2, id="empty title"),
        pytest.param(article(title="<b> </b>"), "missing", 2, id="title of nothing but tags"),
        pytest.param(article(title="A").replace('"A"', "[A]"), "not-text", 2, id="title that is a list"),
        pytest.param(article(publishedDateTime=None), "missing", None, id="no date"),
        pytest.param(article(publishedDateTime="2021-02-30"), "bad-date", 4, id="impossible date"),
        pytest.param(article(publishedDateTime="soon"), "bad-date", 4, id="no date at all"),
        pytest.param(article(publishedDateTime={"day": 1}), "bad-date", 4, id="date that is a mapping"),
        pytest.param(article(expiryDate="2021-13-01"), "bad-date", 12, id="impossible expiry"),
        pytest.param(article(webUrl=None), "no-link", None, id="no link"),
    ],
)
def test_a_broken_article_says_what_is_wrong_where(data: str | bytes, kind: str, line: int | None) -> None:
    found = reading(data)
    errors = [problem for problem in found.problems if problem.severity == "error"]

    assert (found.state, found.article, len(errors)) == ("broken", None, 1)
    assert (kind, line, "news/a-story.md") == (errors[0].kind, errors[0].line, errors[0].file)
    assert errors[0].what
    assert errors[0].remedy


def test_all_that_is_wrong_with_an_article_is_said_at_once() -> None:
    rules = Rules(UTC, thorough=True)
    found = written("title:\npublishedDateTime: 2021-02-30\nwebUrl: nowhere\nheat: hot\npublished: maybe", rules)

    assert kinds(found) == [
        ("missing", "title", "error"),
        ("bad-date", "publishedDateTime", "error"),
        ("published-not-boolean", "published", "warning"),
        ("bad-url", "webUrl", "warning"),
        ("no-link", "webUrl", "error"),
        ("bad-number", "heat", "warning"),
    ]


@pytest.mark.parametrize("withheld", ["published: false", "published: true\nremoved: true"])
def test_of_a_draft_no_more_is_read_than_tells_what_it_is(withheld: str) -> None:
    text = f"{withheld}\nexcerpt: Secret\ntopics: [Plans]\nquality: good\nimages: [{{url: /a, width: 9, height: 9}}]"

    found = written(text).article

    assert found is not None
    assert (found.excerpt, found.topics, found.image) == ("", (), None)
    assert kinds(written(text)) == []
    assert kinds(written(text, Rules(UTC, thorough=True))) == [("bad-number", "quality", "warning")]


def test_body_of_a_draft_goes_no_further() -> None:
    found = reading(article(published=False, body="Not yet.")).article

    assert found is not None
    assert found.body == ""


def test_a_file_larger_than_allowed_is_broken() -> None:
    text = article(body="x" * 1000)
    size = len(text.encode())

    assert reading(text, Rules(UTC, max_bytes=size)).state == "article"
    assert kinds(reading(text, Rules(UTC, max_bytes=size - 1))) == [("too-large", "", "error")]


# Published?


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "yes", "on", "!!bool true", "true # at last"])
def test_only_a_boolean_true_publishes(value: str) -> None:
    found = written(f"published: {value}")

    assert found.article is not None
    assert found.article.published
    assert found.problems == ()


@pytest.mark.parametrize("value", ["false", "False", "no", "off"])
def test_a_boolean_false_does_not_publish(value: str) -> None:
    found = written(f"published: {value}")

    assert found.article is not None
    assert not found.article.published
    assert found.problems == ()


@pytest.mark.parametrize(
    "value",
    [
        *('"true"', "'true'", '"false"', "'false'", "1", "0", "1.0", "y", "truee", "tRue", "published", "!!str true"),
        *("2024-01-01", "[true]", "{true: true}", "|\n  true", "draft"),
    ],
)
def test_anything_else_does_not_publish_and_is_reported(value: str) -> None:
    found = written(f"published: {value}")

    assert found.article is not None
    assert not found.article.published
    assert kinds(found) == [("published-not-boolean", "published", "warning")]


@pytest.mark.parametrize("lines", ["", "published:", "published: null", "published: ~"])
def test_absent_or_null_does_not_publish_and_is_reported(lines: str) -> None:
    found = written(lines, without=("published",))

    assert found.article is not None
    assert not found.article.published
    assert kinds(found) == [("published-missing", "published", "warning")]


@pytest.mark.parametrize(
    ("lines", "published"),
    [
        ("", True),
        ("published: true", True),
        ("published: false", False),
        ('published: "true"', False),
        ("published: null", False),
        ("published:", False),
        ("published: 1", False),
    ],
)
def test_a_collection_may_publish_what_lacks_the_key_and_nothing_else(lines: str, published: bool) -> None:
    rules = Rules(UTC, published_by_default=frozenset({"newsletters"}))
    found = written(f"category: newsletters\n{lines}", rules, ("published",)).article
    other = written(f"category: news\n{lines}", rules, ("published",)).article

    assert found is not None
    assert other is not None
    assert published is found.published
    assert other.published is (lines == "published: true")


def test_a_collection_that_publishes_what_lacks_the_key_reports_nothing() -> None:
    rules = Rules(UTC, published_by_default=frozenset({"articles"}))

    assert written("", rules, ("published",)).problems == ()


@pytest.mark.parametrize(
    "front",
    [
        "published: true\npublished: false",
        "published: false\npublished: true",
        "published: true\npublished: true",
        'published: false\n"published": true',
        "published:\npublished: true",
    ],
)
def test_published_twice_does_not_publish_and_is_reported(front: str) -> None:
    found = written(front)

    assert found.article is not None
    assert not found.article.published
    assert ("duplicate-key", "published", "warning") in kinds(found)


@pytest.mark.parametrize("indented", [True, False], ids=["indented", "flow"])
def test_published_twice_is_seen_in_every_style(indented: bool) -> None:
    fields = "title: A\npublishedDateTime: 2024-01-01\nwebUrl: 'https://x.example/'\npublished: false\npublished: true"
    front = "  " + fields.replace("\n", "\n  ") if indented else "{" + fields.replace("\n", ", ") + "}"
    found = reading(f"---\n{front}\n---\n")

    assert found.article is not None
    assert not found.article.published


def test_any_key_twice_is_reported_and_the_last_wins() -> None:
    found = written("title: A\ntype: x\ntitle: B\ntype: video")

    assert found.article is not None
    assert (found.article.title, found.article.type) == ("B", "video")
    assert kinds(found) == [("duplicate-key", "title", "warning"), ("duplicate-key", "type", "warning")]


@pytest.mark.parametrize("value", ["true", "yes", "True", '"true"', "'yes'", "1", "on"])
@pytest.mark.parametrize("name", ["deleted", "removed"])
def test_deleted_and_removed_retract(name: str, value: str) -> None:
    found = written(f"{name}: {value}").article

    assert found is not None
    assert found.removed


@pytest.mark.parametrize("value", ["[x]", "{a: b}", "soon", "2"])
def test_deleted_that_is_no_boolean_retracts_to_be_safe(value: str) -> None:
    found = written(f"deleted: {value}").article

    assert found is not None
    assert found.removed


@pytest.mark.parametrize(
    "lines", ["deleted: true\nremoved: false", "deleted: false\nremoved: true", "removed: true\ndeleted:", "deleted: 1"]
)
def test_either_of_deleted_and_removed_retracts(lines: str) -> None:
    found = written(lines).article

    assert found is not None
    assert found.removed


@pytest.mark.parametrize("lines", ["", "deleted: false", "removed: no", "deleted:", "removed: 0", "removed: null"])
def test_without_them_nothing_is_retracted(lines: str) -> None:
    found = written(lines).article

    assert found is not None
    assert not found.removed


# When?


def test_an_aware_time_is_kept_and_known_in_utc() -> None:
    assert at(2024, 5, 31, 9, 30) == read(BERLIN, publishedDateTime="2024-05-31T11:30:00+02:00").date
    assert at(2024, 5, 31, 9, 30) == read(BERLIN, publishedDateTime="2024-05-31T09:30:00Z").date


def test_a_naive_time_is_read_in_the_configured_zone_with_a_warning() -> None:
    found = written("publishedDateTime: 2024-05-31T11:30:00", BERLIN)

    assert found.article is not None
    assert at(2024, 5, 31, 9, 30) == found.article.date
    assert kinds(found) == [("naive-date", "publishedDateTime", "warning")]
    assert "Europe/Berlin" in found.problems[0].what


def test_a_date_alone_is_midnight_in_the_configured_zone_without_a_warning() -> None:
    found = written("publishedDateTime: 2024-05-31", BERLIN)

    assert found.article is not None
    assert at(2024, 5, 30, 22) == found.article.date
    assert found.problems == ()


@pytest.mark.parametrize("style", ["2024-05-31T09:30:00Z", '"2024-05-31T09:30:00Z"', "'2024-05-31 09:30Z'"])
def test_quotes_make_no_difference_to_a_date(style: str) -> None:
    found = written(f"publishedDateTime: {style}").article

    assert found is not None
    assert at(2024, 5, 31, 9, 30) == found.date


def test_a_date_in_the_future_is_kept_for_the_embargo() -> None:
    found = written("publishedDateTime: 2999-12-31T23:59:59Z")

    assert found.article is not None
    assert (at(2999, 12, 31, 23, 59, 59), True) == (found.article.date, found.article.published)
    assert found.problems == ()


def test_an_expiry_is_the_instant_at_which_it_leaves() -> None:
    assert at(2024, 6, 30, 22) == read(BERLIN, expiryDate="2024-07-01").expires
    assert read().expires is None


# What an article is called


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("boats.md", "boats"),
        ("posts/boats.md", "boats"),
        ("posts/boats/index.md", "boats"),
        ("boats/index.html", "boats"),
        ("posts/v1.2/index.md", "v1.2"),
        ("posts/v1.2.md", "v1.2"),
        ("posts/boats/index.de.md", "boats.de"),
        ("posts/boats.de.md", "boats.de"),
        ("index.md", "index"),
        ("posts/_index.md", "_index"),
        ("posts/index-of-boats.md", "index-of-boats"),
        ("index.d/boats.md", "boats"),
        ("posts/boats", "boats"),
        ("posts/été/index.md", "été"),
    ],
)
def test_a_file_gives_its_name_and_a_page_bundle_that_of_its_folder(path: str, slug: str) -> None:
    found = reading(article(), path=path).article

    assert (slug_of(path), found and found.slug) == (slug, slug)


# The keys that say when

UNDATED = {"publishedDateTime": None}  # articles of tests have one unless told otherwise
PAST, LATER = "2024-05-01", "2999-06-01T08:00:00Z"


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        pytest.param({"publishDate": LATER}, LATER, id="alone"),
        pytest.param({"publishDate": LATER, "date": PAST}, LATER, id="beside an earlier date"),
        pytest.param({"publishDate": PAST, "date": LATER}, PAST, id="beside a later date"),
        pytest.param({"publishDate": None, "date": PAST}, PAST, id="absent"),
        pytest.param({"publishDate": LATER, "publishedDateTime": PAST}, LATER, id="later"),
        pytest.param({"publishDate": PAST, "publishedDateTime": LATER}, LATER, id="earlier"),
        pytest.param({"publishedDateTime": PAST, "date": LATER}, PAST, id="not there"),
    ],
)
def test_publish_date_is_when_and_never_makes_it_earlier(front: dict[str, Any], expected: str) -> None:
    day = datetime.fromisoformat(expected)

    assert int(day.replace(tzinfo=UTC).timestamp()) == read(**{**UNDATED, **front}).date


@pytest.mark.parametrize("others", [{"date": PAST}, {"publishedDateTime": PAST}, {}])
@pytest.mark.parametrize("value", ["2024-02-30", "soon", ["2024-05-01"], ""])
def test_a_publish_date_that_is_none_breaks_the_article(value: Any, others: dict[str, str]) -> None:
    found = reading(article(**{**UNDATED, "publishDate": value, **others}))

    assert found.state == "broken"
    assert kinds(found) == [("bad-date", "publishDate", "error")]


@pytest.mark.parametrize("key", ["publishdate", "PublishDate", "publish_date", "publsihDate", "pubDate", "publishDat"])
@pytest.mark.parametrize("others", [{"date": PAST}, {"publishedDateTime": PAST}, {"publishDate": PAST}])
def test_a_misspelt_publish_date_keeps_the_article_back(key: str, others: dict[str, str]) -> None:
    found = reading(article(**{**UNDATED, **others, key: LATER}))

    assert [(hold.rule, hold.key) for hold in found.held] == [("slip", key)]
    assert found.article
    assert found.article.published is False
    assert next(one.remedy for one in found.problems if one.field == key) == "Did you mean `publishDate`?"


def test_a_date_in_other_capitals_keeps_back_what_no_other_key_dates() -> None:
    assert [hold.key for hold in reading(article(**UNDATED, date=PAST, Date=LATER)).held] == ["Date"]
    assert reading(article(**UNDATED, publishDate=PAST, Date=LATER)).held == ()


@pytest.mark.parametrize("plain", [True, False], ids=["simple", "PyYAML"])
@pytest.mark.parametrize("order", [("publishedDateTime", "publishDate"), ("publishDate", "publishedDateTime")])
def test_the_key_of_the_date_is_the_one_whose_value_counts(order: tuple[str, str], plain: bool) -> None:
    """Also where one of the two names another time zone, so that their texts sort the other way."""
    earlier, later = "2024-05-01T08:00:00+05:00", "2024-05-01T04:00:00Z"
    lines = f"{order[0]}: {earlier}\n{order[1]}: {later}\n" + ("" if plain else "x: {}\n")
    head = header.read(f"---\n{lines}---\n".encode())

    assert head is not None
    assert (simple_yaml.load(lines) is not None) is plain
    assert key_of_date(head.mapping, UTC) == order[1]


# A date in the name of the file


def named(path: str, rules: Rules = RULES, **front: Any) -> Reading:
    """The reading of a file of that name, without any date unless one is given."""
    return reading(article(**{**UNDATED, **front}), rules, path)


@pytest.mark.parametrize(
    "path", ["2024-02-08-post8.md", "_posts/2024-02-08-post8.md", "2024-2-8-a.md", "posts/2024-02-08-boats/index.md"]
)
def test_what_no_key_dates_has_the_date_that_its_name_begins_with(path: str) -> None:
    found = named(path, BERLIN).article

    assert found is not None
    assert found.date == at(2024, 2, 7, 23)
    assert kinds(named(path, BERLIN)) == []


def test_a_date_in_the_name_stays_in_the_slug() -> None:
    found = named("_posts/2024-02-08-post8.md").article

    assert found is not None
    assert found.slug == "2024-02-08-post8"


@pytest.mark.parametrize(("key", "value"), [(key, LATER) for key in ("date", "publishDate", "publishedDateTime")])
def test_a_key_counts_before_the_name(key: str, value: str) -> None:
    found = named("2024-02-08-a.md", **{key: value}).article

    assert found is not None
    assert found.date == at(2999, 6, 1, 8)


@pytest.mark.parametrize("key", ["date", "publishDate", "publishedDateTime"])
@pytest.mark.parametrize("value", ["soon", "", "2024-02-30"])
def test_a_key_without_a_date_is_not_mended_by_the_name(key: str, value: str) -> None:
    found = named("2024-02-08-a.md", **{key: value})

    assert (found.state, kinds(found)) == ("broken", [("bad-date", key, "error")])


def test_a_key_without_a_value_says_nothing_and_the_name_does_not_stand_in_for_it() -> None:
    found = written("date:", without=("publishedDateTime",))

    assert kinds(found) == [("missing", "publishedDateTime", "error")]
    assert found.problems[0].remedy == "Write `date: …` or `publishedDateTime: …`."
    lines = article(**UNDATED).replace("---\n", "---\ndate:\n", 1)
    assert reading(lines, path="2024-02-08-a.md").state == "broken"


@pytest.mark.parametrize("day", ["2024-02-30", "2024-13-01", "0000-01-01", "2024-00-10"])
def test_a_date_in_the_name_that_does_not_exist_breaks_the_article(day: str) -> None:
    found = named(f"{day}-a.md")

    assert (found.state, kinds(found)) == ("broken", [("bad-date", "date", "error")])
    assert f"is missing, and the file's name begins with {day!r}: " in found.problems[0].what
    assert found.problems[0].remedy == "Write `date: …`, or mend the name."
    assert named(f"{day}-a.md", date=PAST).state == "article"


@pytest.mark.parametrize(
    "path", ["2024-02-08.md", "a-2024-02-08-b.md", "20240208-a.md", "2024-02-08-x/a.md", "24-2-8-a.md"]
)
def test_other_names_hold_no_date(path: str) -> None:
    assert kinds(named(path)) == [("missing", "publishedDateTime", "error")]


@pytest.mark.parametrize(
    "key", ["Date", "dtae", "publishdate", "pubDate", "published_at", "datePublished", "publishOn"]
)
def test_a_key_that_may_mean_another_date_keeps_back_what_its_name_dates(key: str) -> None:
    found = named("2024-02-08-a.md", **{key: LATER})

    assert [(hold.rule, hold.key) for hold in found.held] == [("slip", key)]
    assert found.article
    assert found.article.published is False


@pytest.mark.parametrize("key", ["published_at", "datePublished", "created"])
def test_dates_of_others_decide_nothing_beside_one_of_our_own(key: str) -> None:
    assert named("2024-02-08-a.md", **{key: LATER, "date": PAST}).held == ()


def test_an_updated_time_is_kept() -> None:
    assert at(2024, 6, 1, 8) == read(updatedDateTime="2024-06-01T08:00:00Z").modified
    assert read().modified is None


def test_an_updated_time_that_cannot_be_read_is_reported_and_left_aside() -> None:
    found = written("updatedDateTime: 2024-06-31")

    assert found.article is not None
    assert found.article.modified is None
    assert kinds(found) == [("bad-date", "updatedDateTime", "warning")]


# Its link


@pytest.mark.parametrize(
    ("urls", "link"),
    [
        pytest.param(["w", "o", "s"], "w", id="all"),
        pytest.param([None, "o", "s"], "o", id="no webUrl"),
        pytest.param([None, None, "s"], "s", id="sourceUrl alone"),
        pytest.param(["", "o", "s"], "o", id="empty webUrl"),
        pytest.param(["/relative", "o", "s"], "o", id="relative webUrl"),
        pytest.param(["javascript:alert(1)", "ftp:x", "s"], "s", id="neither is valid"),
        pytest.param(["w", None, None], "w", id="webUrl alone"),
        pytest.param(["w", "nowhere", "s"], "w", id="invalid original"),
    ],
)
def test_the_first_valid_url_is_the_link(urls: list[str | None], link: str) -> None:
    full = [url and (f"https://{url}.example/" if len(url) == 1 else url) for url in urls]
    found = read(**dict(zip(("webUrl", "originalUrl", "sourceUrl"), full, strict=True)))

    assert f"https://{link}.example/" == found.link
    assert found.story == story(found.link)


def test_a_url_that_is_none_is_reported() -> None:
    found = reading(article(webUrl="/relative", originalUrl="https://o.example/"))

    assert kinds(found) == [("bad-url", "webUrl", "warning")]


def test_a_url_is_made_valid() -> None:
    assert read(webUrl=" HTTPS://bücher.example/über uns ").web_url == "https://xn--bcher-kva.example/%C3%BCber%20uns"


def test_an_article_without_link_is_broken_unless_there_are_own_pages() -> None:
    own = Rules(UTC, own_pages=True)
    found = reading(article(webUrl=None), own).article

    assert reading(article(webUrl=None)).state == "broken"
    assert found is not None
    assert (found.link, found.story) == ("", None)


def test_with_own_pages_the_original_is_kept_apart() -> None:
    found = read(Rules(UTC, own_pages=True), webUrl=None, originalUrl="https://o.example/")

    assert (found.web_url, found.original_url) == ("", "https://o.example/")


@pytest.mark.parametrize("name", ["ampWebUrl", "ampUrl"])
def test_an_amp_url_is_kept_beside_the_link(name: str) -> None:
    found = read(**{name: "https://amp.example/"})

    assert (found.amp_url, found.link) == ("https://amp.example/", "https://source.example/a-story")


@pytest.mark.parametrize("name", ["cdnAmpWebUrl", "cdnAmpUrl"])
def test_amp_caches_are_never_used(name: str) -> None:
    url = "https://cdn.amp.example/"
    assert replace(read(), other_stories=(story(url),)) == read(**{name: url})
    assert reading(article(webUrl=None, **{name: "https://cdn.amp.example/"})).state == "broken"


# Its id


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("news/2024-05-31-a-story.md", "2024-05-31-a-story"),
        ("a.b.c.md", "a.b.c"),
        ("Ünïcode & spaces.md", "Ünïcode & spaces"),
        ("no-suffix", "no-suffix"),
        ("x/bell\x07.md", "bell"),
    ],
)
def test_the_slug_is_the_file_name_without_suffix(path: str, slug: str) -> None:
    found = reading(article(), path=path).article

    assert found is not None
    assert (path, slug) == (found.path, found.slug)


def test_moving_a_file_between_folders_keeps_its_slug() -> None:
    slugs = {reading(article(), path=path).article.slug for path in ("a.md", "x/a.md", "x/y/a.md")}  # type: ignore[union-attr]

    assert slugs == {"a"}


def test_a_guid_is_kept() -> None:
    assert [read(guid="tag:x,2020:1").guid, read(guid=" urn:y ").guid, read().guid] == ["tag:x,2020:1", "urn:y", ""]


# Topics


@pytest.mark.parametrize(
    ("lines", "topics"),
    [
        pytest.param("topics:\n  - AI\n  - Power Apps", ("AI", "Power Apps"), id="list"),
        pytest.param("topics: [AI, 'Power Apps']", ("AI", "Power Apps"), id="flow list"),
        pytest.param("topics: AI", ("AI",), id="single text"),
        pytest.param('topics: "Arts, Crafts & More"', ("Arts, Crafts & More",), id="comma is no separator"),
        pytest.param("topics:\n  - AI\n  - ai\n  - ' A\u00a0I'\n  - a i", ("AI", "A I"), id="one topic spelled twice"),
        pytest.param("topics:\n  - No\n  - 1984\n  - 1.10\n  - true", ("No", "1984", "1.10", "true"), id="words"),
        pytest.param("topics:\n  - R&amp;D\n  - <b>Bold</b>", ("R&D", "Bold"), id="plain text"),
        pytest.param("topics:\n  - AI\n  -\n  - ''\n  - ' '", ("AI",), id="nothing among them"),
        pytest.param("topics:", (), id="null"),
        pytest.param("topics: []", (), id="empty list"),
        pytest.param("topics: ''", (), id="empty text"),
        pytest.param("excerpt: x", (), id="absent"),
    ],
)
def test_topics_are_a_list_or_a_single_text(lines: str, topics: tuple[str, ...]) -> None:
    found = written(lines, without=("topics",))

    assert found.article is not None
    assert topics == found.article.topics
    assert found.problems == ()
    assert {str} >= {type(topic) for topic in found.article.topics}


@pytest.mark.parametrize("lines", ["topics: {AI: x}", "topics:\n  - [AI]", "topics:\n  - name: AI"])
def test_topics_that_are_no_text_are_reported(lines: str) -> None:
    found = written(lines)

    assert found.article is not None
    assert found.article.topics == ()
    assert kinds(found) == [("bad-topic", "topics", "warning")]


# Provider


@pytest.mark.parametrize(
    ("lines", "provider"),
    [
        pytest.param("provider:\n  name: Post\n  domain: post.example", Provider("Post", "post.example"), id="mapping"),
        pytest.param(
            "provider: {name: Post, domain: WWW.Post.Example}", Provider("Post", "post.example"), id="case and www"
        ),
        pytest.param(
            "provider: {name: Post, domain: 'https://www.post.example/x'}", Provider("Post", "post.example"), id="URL"
        ),
        pytest.param("provider: {name: P, domain: bücher.example}", Provider("P", "xn--bcher-kva.example"), id="IDNA"),
        pytest.param("provider: Post", Provider("Post"), id="text"),
        pytest.param("provider:\n  name: Post", Provider("Post"), id="name alone"),
        pytest.param("provider:\n  domain: post.example", Provider("", "post.example"), id="domain alone"),
        pytest.param("provider:\n  name: 1984\n  domain: ''", Provider("1984"), id="number for a name"),
        pytest.param("provider: {name: R&amp;D &lt;x&gt;}", Provider("R&D <x>"), id="entities"),
        pytest.param("provider:", Provider("", "www.source.example".removeprefix("www.")), id="null"),
        pytest.param("provider: {}", Provider("", "source.example"), id="empty mapping"),
        pytest.param("excerpt: x", Provider("", "source.example"), id="absent: the host of the link"),
    ],
)
def test_a_provider_is_a_mapping_or_a_name(lines: str, provider: Provider) -> None:
    found = written(lines, without=("provider",))

    assert found.article is not None
    assert provider == found.article.provider
    assert found.problems == ()


def test_a_provider_has_pictures() -> None:
    found = read(provider={"name": "P", "images": [{"url": "/a.png", "width": 50, "height": 40}, {"url": "b.png"}]})

    assert found.provider.images == (Picture("/a.png", 50, 40), Picture("b.png"))


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("provider: [Post]", "bad-provider"),
        ("provider: {name: P, domain: no domain}", "bad-domain"),
        ("provider: {name: P, domain: localhost}", "bad-domain"),
        ("provider: {name: [P]}", "not-text"),
    ],
)
def test_a_provider_that_is_none_is_reported_and_costs_nothing_else(lines: str, kind: str) -> None:
    found = written(lines)

    assert found.article is not None
    assert kinds(found) == [(kind, "provider", "warning")]


# Text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("1984", "1984", id="number"),
        pytest.param("No", "No", id="boolean"),
        pytest.param("1.10", "1.10", id="fraction"),
        pytest.param("2024-05-31", "2024-05-31", id="date"),
        pytest.param("0x1F", "0x1F", id="hexadecimal"),
        pytest.param("9" * 6000, "9" * 6000, id="6,000 digits"),
        pytest.param(".inf", ".inf", id="infinity"),
        pytest.param('"We&#8217;re &amp; you"', "We’re & you", id="entities"),
        pytest.param('"&amp;lt;b&amp;gt;"', "&lt;b&gt;", id="entities once only"),
        pytest.param('"<p>One.</p><p><em>Two</em>.</p>"', "One. Two.", id="tags"),
        pytest.param('"one\\u00a0\\u00a0two\\r\\nthree\\n"', "one two three", id="NBSP and line ends"),
        pytest.param("|\n  one\n  two\n", "one two", id="block"),
        pytest.param(">-\n  one\n\n  two", "one two", id="folded"),
        pytest.param('"a\\0b\\e\\x07c\\ud"', None, id="no YAML"),
        pytest.param('"a\\0b\\x07c\\uffff\\ufeffd"', "abcd", id="what XML cannot carry"),
        pytest.param("Zürich 日本 🚀", "Zürich 日本 🚀", id="beyond ASCII"),
        pytest.param("'  x  '", "x", id="white space around it"),
    ],
)
def test_titles_and_excerpts_are_plain_text(value: str, text: str | None) -> None:
    for name in ("title", "excerpt"):
        found = written(f"{name}: {value}")

        if text is None:
            assert found.state == "broken"
        else:
            assert found.article is not None
            assert text == getattr(found.article, name)
            assert type(getattr(found.article, name)) is str
            assert found.problems == ()


def test_mojibake_is_repaired_and_reported_where_it_is_switched_on() -> None:
    found = reading(article("The supermarketâ€™s system", excerpt="CafÃ©"))
    off = reading(article("The supermarketâ€™s system", excerpt="CafÃ©"), Rules(UTC, repair_mojibake=False))

    assert found.article is not None
    assert (found.article.title, found.article.excerpt) == ("The supermarket’s system", "Café")
    assert kinds(found) == [("mojibake", "title", "warning"), ("mojibake", "excerpt", "warning")]
    assert off.article is not None
    assert (off.article.title, off.problems) == ("The supermarketâ€™s system", ())


@pytest.mark.parametrize("lines", ["excerpt:", "excerpt: ''", "type: article"])
def test_an_excerpt_may_be_missing(lines: str) -> None:
    found = written(lines, without=("excerpt",))

    assert found.article is not None
    assert found.article.excerpt == ""
    assert found.problems == ()


def test_an_excerpt_that_is_no_text_is_reported_and_left_aside() -> None:
    found = written("excerpt: [a, b]")

    assert found.article is not None
    assert found.article.excerpt == ""
    assert kinds(found) == [("not-text", "excerpt", "warning")]


def test_the_body_is_kept_without_what_xml_cannot_carry() -> None:
    assert read(body="# One\n\n---\n\n<b>two</b>\x00 &amp;\n").body == "# One\n\n---\n\n<b>two</b> &amp;"


@pytest.mark.parametrize(
    ("value", "language"),
    [
        *(("en", "en"), ("en-US", "en-US"), ("en_us", "en-US"), ("DE", "de"), ("no", "no"), ("", "")),
        ("zh-Hant-TW", "zh-Hant-TW"),
    ],
)
def test_a_locale_is_a_language_tag(value: str, language: str) -> None:
    found = written(f"locale: {value}")

    assert found.article is not None
    assert language == found.article.language
    assert found.problems == ()


@pytest.mark.parametrize("value", ["english", "1", "e", "en-", "en--US", "en US", "日本", "[en]", "en-waytoolongpart"])
def test_a_locale_that_is_no_language_tag_is_reported(value: str) -> None:
    found = written(f"locale: {value}")

    assert found.article is not None
    assert found.article.language == ""
    assert [problem.field for problem in found.problems] == ["locale"]


@pytest.mark.parametrize(("value", "expected"), [("video", "video"), ("Video", "video"), ("", "article")])
def test_the_type_is_a_word(value: str, expected: str) -> None:
    found = written(f"type: {value}").article

    assert found is not None
    assert expected == found.type


# Images


def test_the_first_image_is_the_image() -> None:
    first = {"url": "/a.jpg", "width": 620, "height": 372, "title": "A &amp; b", "attribution": "<i>Me</i>"}
    images = [first, {"url": "/b.jpg"}]

    assert read(images=images).image == Picture("/a.jpg", 620, 372, "A & b", "Me")
    assert read().image is None


@pytest.mark.parametrize("value", ["-5", "5.5", "wide", "''", "[5]", "1234567", "٥", "0x10"])
def test_a_size_that_is_none_is_not_known(value: str) -> None:
    found = written(f"images:\n  - url: /a.jpg\n    width: {value}\n    height: 5")

    assert found.article is not None
    assert found.article.image == Picture("/a.jpg", 0, 5)


def test_an_image_without_url_is_reported_and_the_next_one_taken() -> None:
    found = written("images:\n  - width: 5\n  - url: /b.jpg")

    assert found.article is not None
    assert found.article.image == Picture("/b.jpg")
    assert kinds(found) == [("bad-image", "images", "warning")]


# Slips that decide


@pytest.mark.parametrize(
    "line",
    [
        "remvoed: true", "pubilshed: false", "dleeted: true", "unpublished: true", "expires: 2021-01-01",
        "expiry: soon", "Removed: true", "expriyDate: 2021-01-01",
    ],
)  # fmt: skip
def test_article_with_a_slip_in_a_key_that_decides_is_not_published(line: str) -> None:
    found = written(line)

    assert found.article is not None
    assert found.article.published is False
    [(kind, field, severity)] = kinds(found)
    assert (kind, field, severity) == ("unknown-key", line.partition(":")[0], "warning")


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ("published: true", []),
        ("published: false", ["published published"]),
        ("published: maybe", ["published published"]),
        ("published:", ["published published"]),
        ("draft: true", ["draft draft"]),
        ("removed: true\ndeleted: true", ["removed removed", "removed deleted"]),
        ("published: false\nremoved: true", ["published published", "removed removed"]),
        ("expires: 2021-01-01", ["slip expires"]),
        ("expires: 2021-01-01\npublished: false", ["slip expires", "published published"]),
        ("published: true\npublished: true", ["slip published"]),
        ("published: true\npublished: false", ["slip published", "published published"]),
    ],
)
def test_all_that_keeps_an_article_from_being_published_is_named(lines: str, held: list[str]) -> None:
    assert [f"{hold.rule} {hold.key}" for hold in written(lines).held] == held


def test_what_a_misspelt_key_would_say_is_not_missed_beside_it() -> None:
    assert [hold.rule for hold in written("pubilshed: true", without=("published",)).held] == ["slip"]
    assert [hold.rule for hold in written("expires: 2021-01-01", without=("published",)).held] == ["slip", "published"]


@pytest.mark.parametrize("line", ["published_by: me", "topic: x", "expert: x", "deletable: true", "author: x"])
def test_keys_of_others_decide_nothing(line: str) -> None:
    found = written(line)

    assert found.article is not None
    assert found.article.published is True


@pytest.mark.parametrize(
    ("value", "published"), [("true", False), ("maybe", False), ("", True), ("false", True), ("no", True)]
)
def test_draft_is_not_published(value: str, published: bool) -> None:
    found = written(f"draft: {value}").article

    assert found is not None
    assert found.published is published


@pytest.mark.parametrize("key", ["removed", "deleted", "draft"])
@pytest.mark.parametrize("breaking", ["expiryDate: soon", "title: [", 'excerpt: "x'], ids=["date", "list", "quote"])
def test_article_that_breaks_is_withdrawn_by_whatever_is_not_false(key: str, breaking: str) -> None:
    for value in ("maybe", "true", "2", "false", "'no'", ""):
        found = written(f"{key}: {value}\n{breaking}")

        assert (found.state, found.withdrawn) == ("broken", value in {"maybe", "true", "2"})


# What goes no further


def test_secured_and_the_rest_go_no_further() -> None:
    secret = "Qm90aCBhcmUgaW52ZW50ZWQu0hG7"
    text = NEWER.replace("heat: 78", "heat: hot").replace("domain: harbour-post.example", "domain: [x]")
    for data in (NEWER, text, text.replace("title:", "titel:"), text.replace("published: true", "published: [")):
        found = msgspec.json.encode(reading(data)).decode()

        assert secret in data
        assert not any(secret[n : n + 20] in found for n in range(len(secret) - 19))
        for word in ("iframe", "featured", "player.example", "isCached", "cdn.amp", "clock, where", "shortname"):
            assert word not in found


def test_unknown_fields_change_nothing() -> None:
    assert read() == read(layout="post", author={"name": "x"}, tags=["x"], comments=True, shortname="x")


def test_there_is_no_attribute_that_no_row_of_the_table_reads() -> None:
    made = {"path", "slug", "collection", "story", "body", "other_stories"}

    read = {spec.attribute for spec in FIELDS} - {"category", "deleted", "draft"}
    assert set(Article.__struct_fields__) == read | made


# Heat and quality


@pytest.mark.parametrize(
    ("value", "number"),
    [("58", 58), ("-1", -1), ("0", 0), ("+7", 7), ('"58"', 58), ("58.9", 58), ("", 0), ("null", 0), ("1_000", 1000)],
)
@pytest.mark.parametrize("name", ["heat", "quality"])
def test_heat_and_quality_are_numbers_and_zero_where_absent(name: str, value: str, number: int) -> None:
    found = written(f"{name}: {value}")

    assert found.article is not None
    assert number == getattr(found.article, name)
    assert found.article.published
    assert found.problems == ()
    assert [read().heat, read().quality] == [0, 0]


@pytest.mark.parametrize(
    "value", ["hot", "'5 '' 6'", "[5]", "{a: 5}", "9" * 6000, "1e400", ".nan", "-.inf", "no", "²", "--5"]
)
def test_a_number_that_is_none_is_reported_and_zero(value: str) -> None:
    found = written(f"heat: {value}\nquality: {value}")

    assert found.article is not None
    assert (found.article.heat, found.article.quality) == (0, 0)
    assert kinds(found) == [("bad-number", "quality", "warning"), ("bad-number", "heat", "warning")]


@pytest.mark.parametrize("value", ["-100", "-1", "0", "80", "1000"])
def test_neither_heat_nor_quality_withholds_an_article(value: str) -> None:
    found = written(f"heat: {value}\nquality: {value}").article

    assert found is not None
    assert (found.published, found.removed) == (True, False)


# Related


def test_related_items_are_links_with_titles_by_the_same_url_rules() -> None:
    items = [
        {
            "title": "R&amp;D <b>1</b>",
            "webUrl": "nowhere",
            "originalUrl": "https://o.example/",
            "excerpt": "secret words",
        },
        {"title": "2", "sourceUrl": "https://S.example/ü", "provider": {"name": "x"}, "quality": 5},
        {"title": "3", "webUrl": "https://w.example/", "originalUrl": "https://o2.example/"},
    ]

    assert read(related=items).related == (
        Link("R&D 1", "https://o.example/", story("https://o.example/")),
        Link("2", "https://s.example/%C3%BC", story("https://s.example/%C3%BC")),
        Link("3", "https://w.example/", story("https://w.example/")),
    )


@pytest.mark.parametrize(
    "item",
    [
        *("title: A", "webUrl: https://x.example/", "{title: A, webUrl: /x}", "text", "[x]", ""),
        *("{title: '', webUrl: https://x.example/}", "{title: [A], webUrl: https://x.example/}"),
        "{title: A, cdnAmpUrl: https://x.example/}",
    ],
)
def test_a_related_item_without_title_or_link_is_left_out(item: str) -> None:
    found = written(f"related:\n  - {item}\n  - title: Good\n    webUrl: https://good.example/")

    assert found.article is not None
    assert [link.title for link in found.article.related] == ["Good"]


@pytest.mark.parametrize("value", ["text", "5", "{title: A, webUrl: https://x.example/}", "", "[]"])
def test_related_that_is_no_list_is_none(value: str) -> None:
    found = written(f"related: {value}").article

    assert found is not None
    assert found.related == ()


def test_related_items_are_bounded() -> None:
    items = [{"title": str(n), "webUrl": f"https://x.example/{n}"} for n in range(50)]

    assert [str(n) for n in range(MAX_RELATED)] == [link.title for link in read(related=items).related]


# Broken by an edit


@pytest.mark.parametrize(
    "breaking",
    [
        pytest.param(lambda text: text.replace('title: "', 'title: "x" "'), id="YAML"),
        pytest.param(lambda text: text.replace("title:", "titel:"), id="no title"),
        pytest.param(lambda text: text.replace("2024-05-01", "2024-05-32"), id="impossible date"),
        pytest.param(lambda text: text.replace("webUrl", "webURL"), id="no link"),
        pytest.param(lambda text: text.removesuffix("---\n\n"), id="no closing fence"),
        pytest.param(lambda text: text.encode() + b"\xff", id="encoding"),
        pytest.param(lambda text: text + "x" * (1 << 20), id="size"),
        pytest.param(lambda text: text.replace("---", f"---\nx: {'[' * 2000}", 1), id="depth"),
    ],
)
@pytest.mark.parametrize(
    ("front", "withdrawn"),
    [
        pytest.param({"published": True}, False, id="published"),
        pytest.param({"published": False}, True, id="unpublished"),
        pytest.param({"published": "false"}, True, id="text"),
        pytest.param({"published": True, "deleted": True}, True, id="deleted"),
        pytest.param({"published": True, "removed": True}, True, id="removed"),
        pytest.param({"published": True, "deleted": False}, False, id="not deleted"),
        pytest.param({"published": None}, False, id="nothing said"),
    ],
)
def test_a_broken_file_still_says_whether_it_is_withdrawn(
    front: dict[str, Any], withdrawn: bool, breaking: Callable[[str], str | bytes]
) -> None:
    found = reading(breaking(article(**front)))

    assert ("broken", withdrawn) == (found.state, found.withdrawn)


def test_a_file_that_is_read_is_never_called_withdrawn() -> None:
    assert [reading(text).withdrawn for text in ("", "note", article(published=False))] == [False] * 3


# Category and collection


@pytest.mark.parametrize(
    ("lines", "path", "collection"),
    [
        pytest.param("category: news", "a.md", "news", id="category"),
        pytest.param("category: News", "letters/a.md", "news", id="category before folder"),
        pytest.param("category: 'Press  Releases!'", "a.md", "press-releases", id="words"),
        pytest.param("category: ../../etc", "a.md", "etc", id="traversal"),
        pytest.param("type: x", "letters/a.md", "newsletters", id="folder"),
        pytest.param("type: x", "letters/2024/05/a.md", "newsletters", id="folder further up"),
        pytest.param("type: x", "letters/old/a.md", "archive", id="inner folder"),
        pytest.param("type: x", "lettersandmore/a.md", "rest", id="folder whose name only begins like it"),
        pytest.param("category: ''", "letters/a.md", "newsletters", id="empty category"),
        pytest.param("category:", "a.md", "rest", id="folder of the whole"),
    ],
)
def test_category_or_folder_routes_to_a_collection(lines: str, path: str, collection: str) -> None:
    folders = (("letters/old", "archive"), ("letters", "newsletters"), (".", "rest"))
    text = article().replace("---\n", f"---\n{lines}\n", 1)
    found = reading(text, Rules(UTC, folders=folders), path).article

    assert found is not None
    assert collection == found.collection


def test_without_category_and_folders_the_collection_is_articles() -> None:
    assert read().collection == "articles"


def test_a_category_that_is_no_text_is_reported() -> None:
    assert kinds(written("category: [news]")) == [("not-text", "category", "warning")]


# Bombs


LEVELS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    "lines",
    [
        *("title: *f", "excerpt: *f", "published: *f", "deleted: *f", "guid: *f", "category: *f", "type: *f"),
        *("locale: *f", "originalUrl: *f", "ampUrl: *f", "topics: *f", "topics: [*f]", "provider: *f", "heat: *f"),
        *("provider: {name: x, domain: *f}", "provider: {name: *f}", "images: *f", "images: [{url: *f}]"),
        *("images: [{url: x, width: *f}]", "related: *f", "related: [{title: *f, webUrl: *f}]"),
        *("updatedDateTime: *f", "expiryDate: *f"),
    ],
)
def test_a_million_aliases_in_a_field_cost_nothing(lines: str) -> None:
    tracemalloc.start()
    try:
        found = written(f"{LEVELS}{lines}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.state in {"article", "broken"}
    assert peak < 1 << 20


LONG = '&a "' + "&amp;" * 3_000 + '"'


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("topics: [" + ",".join(["*a"] * 1_500) + "]", id="topics"),
        pytest.param("topics: [" + ",".join(["[]"] * 900) + "]", id="topics that are lists"),
        pytest.param("topics: [" + ",".join(["*b"] * 6_000) + "]", id="topics that are one list"),
        pytest.param("provider: {images: [" + ",".join(["*c"] * 1_500) + "]}", id="pictures of a provider"),
        pytest.param("images: [" + ",".join(["*c"] * 1_500) + "]", id="images"),
        pytest.param("images: [" + ",".join(["x"] * 6_000) + "]", id="images without url"),
        pytest.param("related: [" + ",".join(["{title: *a, webUrl: 'https://x.example/'}"] * 900) + "]", id="related"),
        pytest.param('excerpt: "' + "<!--" * 4_000 + '"', id="comments"),
        pytest.param("excerpt: " + "â€™" * 9_000, id="mojibake"),
        pytest.param('originalUrl: "https://' + "é" * 9_000 + '/"', id="long host"),
        pytest.param("locale: " + "en-" * 9_000 + "us", id="locale"),
        pytest.param("heat: 1" + "0" * 40_000, id="number"),
        pytest.param("heat: 1e" + "9" * 9_000, id="exponent"),
    ],
)
def test_a_flood_in_a_field_costs_little_and_is_reported_in_few_words(lines: str) -> None:
    lead = f"x: {LONG}\ny: &b []\nz: &c {{url: x, title: *a}}\n"
    began = time.process_time()

    found = written(lead + lines)

    assert time.process_time() - began < 20
    assert found.state in {"article", "broken"}
    assert len(found.problems) <= 100
    assert all(len(str(problem)) < 500 for problem in found.problems)


# Agreement with PyYAML


def by_pyyaml(line: str) -> Any:
    """The value in a line of YAML, as PyYAML's own safe loader has it."""
    try:
        return yaml.load(f"{line}\n", yaml.CSafeLoader).popitem()[1]
    except ValueError:
        return ValueError


BOOLEANS = (
    *("true", "True", "TRUE", "false", "yes", "Yes", "no", "NO", "on", "On", "off", "y", "n", "tRue", '"true"'),
    *("1", "~", ""),
)
NUMBERS = (
    *("0", "7", "-1", "+3", "58", "1_000", "007", "08", "010", "0x1F", "0b11", "1:30", "58.0", "5e3", "1e3"),
    *("'58'", "99999999"),
)
DATES = (
    *("2024-05-31", "2024-05-31T09:30:00Z", "2024-05-31 09:30:00", "2024-05-31t09:30:00.5-02:00", "20240531"),
    *("2024-5-1 9:30:00 +1", "2021-02-30", "2024-05-31T25:00:00Z", "1970-01-01", "1900-01-01", "9999-12-31"),
    *("'2024-05-31'", "1717"),
)


@pytest.mark.parametrize("value", BOOLEANS)
def test_booleans_agree_with_pyyaml(value: str) -> None:
    found = written(f"published: {value}").article

    assert found is not None
    assert found.published is (by_pyyaml(f"published: {value}") is True)


@pytest.mark.parametrize("value", NUMBERS)
def test_integers_agree_with_pyyaml_or_are_reported(value: str) -> None:
    found, expected = written(f"quality: {value}"), by_pyyaml(f"quality: {value}")

    assert found.article is not None
    if isinstance(expected, int | float):
        assert found.article.quality == int(expected) or kinds(found) == [("bad-number", "quality", "warning")]


@pytest.mark.parametrize("value", DATES)
@pytest.mark.parametrize("rules", [RULES, BERLIN], ids=["UTC", "Berlin"])
def test_dates_agree_with_pyyaml(rules: Rules, value: str) -> None:
    found, expected = written(f"publishedDateTime: {value}", rules), by_pyyaml(f"publishedDateTime: {value}")

    if expected is ValueError:
        assert found.state == "broken"
    elif isinstance(expected, date):
        assert found.article is not None
        if not isinstance(expected, datetime):
            expected = datetime(expected.year, expected.month, expected.day)
        whole = expected.replace(microsecond=0) + timedelta(seconds=bool(expected.microsecond))
        assert int((whole if whole.tzinfo else whole.replace(tzinfo=rules.zone)).timestamp()) == found.article.date


NAMES = st.sampled_from(["title", "excerpt", "guid", "type"])


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]))))
@settings(max_examples=80, deadline=None)
def test_any_text_dumped_by_pyyaml_is_read_back(front: dict[str, str]) -> None:
    text = yaml.dump({"title": "A", **front}, allow_unicode=True)
    found = written(text.rstrip("\n"), Rules(UTC, repair_mojibake=False), ("title", *front))
    title = plain(front.get("title", "A"))

    assert (found.article is None) is (title == "")
    if found.article:
        assert title == found.article.title
        assert plain(front.get("excerpt", "What A story says.")) == found.article.excerpt
        assert plain(front.get("guid", "")) == found.article.guid


# Anything


def whole(found: Article) -> bool:
    """Whether all of an article is as the other stages need it."""
    lines = (found.title, found.excerpt, found.guid, found.collection, found.type, found.language, *found.topics)
    return (
        found == msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Article)
        and found.title != ""
        and all(line == carriable(line) == " ".join(line.split()) for line in lines)
        and datetime.fromtimestamp(found.date, UTC).year > 0
        and all(url == web_url(url) for url in (found.web_url, found.original_url, found.amp_url) if url)
        and found.link != ""
        and len(found.topics) == len({key(topic) for topic in found.topics})
        and len(found.related) <= MAX_RELATED
        and abs(found.heat) < 1 << 53
    )


def is_sound(found: Reading, path: str) -> bool:
    """Whether a reading keeps its promises."""
    errors = [problem for problem in found.problems if problem.severity == "error"]
    return (
        (found.article is not None) is (found.state == "article")
        and bool(errors) is (found.state == "broken")
        and all(problem.file == path and problem.what and problem.remedy for problem in found.problems)
        and all(str(problem).encode() for problem in found.problems)
        and (found.article is None or whole(found.article))
    )


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"---\n" + data + b"\n---\n"))
@example(b"---\n")
@example(b"---\n? !!set {x}\n---")
@example(b"---\ntitle: !!int ''\n---")
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_an_article_a_skip_nothing_or_a_problem(data: bytes) -> None:
    assert is_sound(reading(data), "news/a-story.md")


INNER = st.sampled_from(["url", "title", "name", "domain", "webUrl", "width", "images"])
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.datetimes()
    | st.dates()
    | st.binary(max_size=5)
    | st.sampled_from(["https://x.example/", "true", "2024-01-01", "en", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(INNER, inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({name for spec in FIELDS for name in spec.keys} | {"secured", "featuredContent"})


@given(st.dictionaries(st.sampled_from(KEYS), VALUE, max_size=5))
@example({"topics": [float("inf")], "heat": float("nan"), "images": [{"url": True}]})
@example({"published": b"x", "locale": "", "related": [{"webUrl": "https://x.example/", "title": True}]})
@settings(max_examples=150, deadline=None)
def test_any_values_give_an_article_or_a_problem(front: dict[str, Any]) -> None:
    base = {"title": "A", "publishedDateTime": "2024-01-01", "webUrl": "https://x.example/", "published": True}
    text = yaml.dump(base | front, allow_unicode=True)
    found = reading(f"---\n{text}---\n")

    assert is_sound(found, "news/a-story.md")
    if found.article:
        assert bool(found.held) is (not found.article.published or found.article.removed)


PIECE = st.text("\n :-#'\"[]{}&*!|>%@\t\x00a1é\ufeff", max_size=4)


@given(st.sampled_from([NEWER, OLDER]), st.integers(0, 3000), PIECE, st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_any_damage_gives_an_article_or_a_problem(text: str, place: int, piece: str, lost: int) -> None:
    assert is_sound(reading(text[:place] + piece + text[place + lost :]), "news/a-story.md")


@pytest.mark.parametrize("text", [NEWER, OLDER], ids=["newer", "older"])
def test_a_file_cut_off_anywhere_is_an_article_or_a_problem(text: str) -> None:
    data = text.encode()
    for size in range(0, len(data), 7):
        found = reading(data[:size])

        assert is_sound(found, "news/a-story.md")
        assert found.state != "article" or b"\n---" in data[4:size]

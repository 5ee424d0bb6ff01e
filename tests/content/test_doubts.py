"""Doubts: what is let pass, beside the rows of `checks/test_kinds.py`, which tell what is not."""

from datetime import UTC
from typing import Any

import pytest

from feedd.content.article import Rules, parse
from feedd.testing import article


def kinds(thorough: bool = True, **front: Any) -> list[str]:
    text = article(front.pop("title", "A story"), **front)
    return [one.kind for one in parse("a.md", text.encode(), Rules(UTC, thorough=thorough)).problems]


PICTURE = {"url": "https://source.example/a.jpg", "width": 1200, "height": 630}


@pytest.mark.parametrize(
    "front",
    [
        {},
        {"publishedDateTime": "1990-01-01T00:00:00Z"},
        {"publishedDateTime": "2024-05-01T08:00:00Z", "updatedDateTime": "2023-05-02T08:00:00Z"},
        {"expiryDate": "2024-05-01T08:00:01Z"},
        {"title": "x" * 200},
        {"title": "Why List<Item> and a < b, b > a"},
        {"title": "Salt &amp; pepper &lt;b&gt;"},
        {"title": "AT&T; R&D"},
        {"title": "IBM, NASA, ESA"},
        {"excerpt": "<em>Repeat</em> until &frac12; done"},
        {"excerpt": None, "body": "Text."},
        {"excerpt": None, "published": False},
        {"images": [PICTURE]},
        {"images": [{**PICTURE, "width": "1200"}]},
        {"images": [PICTURE, {"url": "https://source.example/b.jpg"}]},
        {"images": [{**PICTURE, "url": "/assets/a.jpg"}]},
        {"webUrl": "https://source.example/http://other.example/"},
        {"related": [{"title": "R", "webUrl": "http://other.example/"}]},
    ],
)
def test_what_may_be_meant_so_is_no_doubt(front: dict[str, Any]) -> None:
    assert kinds(**front) == []


@pytest.mark.parametrize(
    ("front", "kind"),
    [
        ({"publishedDateTime": "1989-12-31T23:59:59Z"}, "old-date"),
        ({"publishedDateTime": "0001-01-01T00:00:00Z"}, "old-date"),
        ({"updatedDateTime": "2023-04-01T08:00:00Z"}, "early-update"),
        ({"expiryDate": "2024-05-01T08:00:00Z"}, "never-shown"),
        ({"title": "x" * 201}, "long-title"),
        ({"title": "A <i>story"}, "markup"),
        ({"title": "Dogs &amp;amp; cats", "excerpt": "x"}, "escaped-twice"),
        ({"excerpt": "It&amp;#8217;s"}, "escaped-twice"),
        ({"excerpt": ""}, "no-text"),
        ({"images": [{**PICTURE, "width": 0}]}, "image-size"),
        ({"images": [{**PICTURE, "height": "auto"}]}, "image-size"),
        ({"images": [{**PICTURE, "height": -630}]}, "image-size"),
        ({"images": [{**PICTURE, "width": 1200000}]}, "image-size"),
        ({"images": [{**PICTURE, "url": "http://source.example/a.jpg"}]}, "http-link"),
        ({"originalUrl": "http://source.example/a"}, "http-link"),
    ],
)
def test_what_can_hardly_be_meant_so_is_one(front: dict[str, Any], kind: str) -> None:
    assert kinds(**front) == [kind]


def test_a_doubt_about_a_date_names_the_key_that_counts() -> None:
    text = article("A story", publishedDateTime="1980-01-01", publishDate="1985-01-01", excerpt="x")
    found = parse("a.md", text.encode(), Rules(UTC, thorough=True))

    assert [(one.kind, one.field) for one in found.problems] == [("old-date", "publishDate")]


def test_a_build_asks_for_no_doubts() -> None:
    assert kinds(thorough=False, title="A <b>bold</b> claim") == []


def test_of_a_date_that_is_none_only_that_is_said() -> None:
    assert kinds(publishedDateTime="soon") == ["bad-date"]

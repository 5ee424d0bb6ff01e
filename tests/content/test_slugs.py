"""Slugs: safe, distinct and stable file names, whatever a topic is called (design, section 7)."""

import re
from pathlib import PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.content.slugs import domain_slug, hashed, slug
from feedd.content.text import key

NAME = st.text(st.characters(), max_size=120) | st.text("aAbB-_. +#/é\u0301ß", max_size=6)
SUFFIXES = (".atom", ".rss", ".json", ".html")


def is_safe(name: str) -> bool:
    """Whether a file of that name is safe and means the same on every system."""
    return (
        re.fullmatch(r"[a-z0-9][a-z0-9_.-]*[a-z0-9]|[a-z0-9]", name) is not None
        and len(name) <= 100
        and name != "index"
        and not any(PureWindowsPath(name + suffix).is_reserved() for suffix in ("", *SUFFIXES))
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AI", "ai"),
        ("Power Apps", "power-apps"),
        ("  Canvas \t apps ", "canvas-apps"),
        ("Web 2", "web-2"),
        ("5G", "5g"),
    ],
)
def test_a_plain_name_is_itself_with_hyphens(name: str, expected: str) -> None:
    assert expected == slug(name)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        pytest.param("C++", "c_", id="C++"),
        pytest.param("C#", "c_", id="C#"),
        pytest.param(".NET", "net_", id="leading dot"),
        pytest.param("Model-driven apps", "model-driven-apps_", id="hyphen"),
        pytest.param("R&D", "r-d_", id="ampersand"),
        pytest.param("Zürich", "zurich_", id="accent"),
        pytest.param("日本の市場", "x_", id="no letter of ASCII"),
        pytest.param("🚀", "x_", id="emoji"),
        pytest.param("../../etc/passwd", "etc-passwd_", id="traversal"),
        pytest.param("..", "x_", id="dots"),
        pytest.param("", "x_", id="nothing"),
        pytest.param("CON", "con_", id="device"),
        pytest.param("nul", "nul_", id="null device"),
        pytest.param("LPT1", "lpt1_", id="printer"),
        pytest.param("Index", "index_", id="the page beside the feeds"),
        pytest.param("a" * 300, "a" * 80 + "_", id="300 characters"),
        pytest.param("-rf", "rf_", id="option"),
        pytest.param("a\x00b\n", "a-b_", id="control characters"),
        pytest.param("com¹", "com1_", id="superscript of Windows"),
    ],
)
def test_any_other_name_is_what_is_safe_of_it_and_a_hash(name: str, beginning: str) -> None:
    assert slug(name).startswith(beginning)
    assert re.fullmatch(r"[0-9a-f]{12}", slug(name).rpartition("_")[2])
    assert is_safe(slug(name))


def test_slugs_are_the_same_for_ever() -> None:
    assert [slug("C++"), slug("C#"), slug("日本の市場"), slug("CON")] == [
        "c_c1efefb9bc13",
        "c_ab517b4fa185",
        "x_a01b2b6fd267",
        "con_64f7f592f584",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C++", "C#"),
        ("C", "C++"),
        ("Model-driven apps", "Model driven apps"),
        ("Zürich", "Zurich"),
        ("日本", "中国"),
        ("a" * 300, "a" * 301),
        ("../a", "a"),
        ("a/b", "a b"),
        ("a_b", "a b"),
        ("con", "con_"),
        ("", "x"),
    ],
)
def test_different_names_have_different_slugs(one: str, other: str) -> None:
    assert slug(one) != slug(other)


@pytest.mark.parametrize(("one", "other"), [("AI", "ai"), ("Cafe\u0301", "CAFÉ"), ("Straße", "STRASSE")])
def test_spellings_of_one_name_have_one_slug(one: str, other: str) -> None:
    assert slug(one) == slug(other)


def test_a_name_cannot_take_the_slug_of_another() -> None:
    taken = slug("C++")

    assert taken != slug(taken)
    assert taken != slug(taken.replace("_", " "))
    assert taken != domain_slug(taken)


@given(NAME)
@example("aux.")
@example("İ" * 90)
@settings(max_examples=200, deadline=None)
def test_any_name_gives_a_safe_file_name(name: str) -> None:
    assert is_safe(slug(name))
    assert is_safe(hashed(name))


@given(NAME, NAME)
@example("k", "\u212a")  # the Kelvin sign
@example("\ud800", "\ud801")
@settings(max_examples=200, deadline=None)
def test_slugs_differ_exactly_where_keys_do(one: str, other: str) -> None:
    assert (key(one) == key(other)) is (slug(one) == slug(other))
    assert (key(one) == key(other)) is (hashed(one) == hashed(other))


@given(st.lists(NAME, unique_by=key, max_size=12))
@settings(max_examples=50, deadline=None)
def test_many_names_have_as_many_slugs(names: list[str]) -> None:
    assert len(names) == len({slug(name) for name in names} | {hashed(name) for name in names if "_" in slug(name)})


# Domains


@pytest.mark.parametrize("domain", ["grocer.example", "a-b.example", "xn--bcher-kva.example", "localhost", "192.0.2.1"])
def test_a_domain_is_its_own_file_name(domain: str) -> None:
    assert domain == domain_slug(domain)


@pytest.mark.parametrize(
    "domain",
    ["con.example", "aux", "nul.com", "index", "../up.example", ".hidden", "a/b", "2001:db8::1", "a" * 200, ""],
)
def test_a_domain_that_is_no_safe_file_name_gets_a_hash(domain: str) -> None:
    assert domain != domain_slug(domain)
    assert is_safe(domain_slug(domain))


@given(NAME | st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True))
@example("com1.example")
@settings(max_examples=200, deadline=None)
def test_any_domain_gives_a_safe_file_name(domain: str) -> None:
    assert is_safe(domain_slug(domain))


@given(NAME, NAME)
@settings(max_examples=100, deadline=None)
def test_domains_that_differ_have_slugs_that_differ(one: str, other: str) -> None:
    assert key(one) == key(other) or domain_slug(one) != domain_slug(other)

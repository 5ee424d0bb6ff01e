"""Paths: whatever is asked for, nothing hidden and nothing outside is meant by it."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedd.feeds.formats import FORMATS
from feedd.feeds.manifest import Manifest
from feedd.serve.paths import KINDS, Map, below, kind_of

ODD = ["..", ".", "", "%2e%2e", "%2E.", ".git", "%2egit", "%2f", "..%2f", "\\", "%5c", "%00", "%ff", "é", "%25", "~"]
PARTS = st.sampled_from([*ODD, "a", "all.atom"])
RAW = st.one_of(st.binary(max_size=60), st.lists(PARTS, max_size=8).map(lambda parts: "/".join(["", *parts]).encode()))
NAMES = st.text(st.characters(exclude_characters="/\\", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@given(RAW)
@example(b"/..")
@example(b"/%2e%2e/%2e%2e/etc/passwd.txt")
@example(b"/a/..%2f..%2fb.txt")
@example(b"/a%00.txt")
def test_what_is_meant_lies_below_the_directory_and_is_not_hidden(raw: bytes) -> None:
    path = below(raw)

    if path is not None:
        place = Path("/srv/feeds") / path
        assert place.is_relative_to("/srv/feeds")
        assert not path.startswith("/")
        assert all(part and part[0] != "." for part in path.removesuffix("/").split("/") if path)
        assert "\0" not in path


@given(RAW, st.binary(max_size=10).map(lambda part: f"https://a.example/{part.hex()}/"))
def test_with_and_without_a_prefix_no_more_is_meant(raw: bytes, base: str) -> None:
    notice = Map.of(Manifest(base))

    assert set(notice.meanings(raw)) <= {below(raw), below(raw.removeprefix(notice.prefix[:-1]))}


@given(st.lists(NAMES.filter(lambda name: name[0] != "."), min_size=1, max_size=4))
def test_names_come_back_from_their_escapes(parts: list[str]) -> None:
    path = "/".join(parts)

    assert below(("/" + quote(path)).encode()) == path


def test_an_escaped_slash_is_none() -> None:
    assert below(b"/topics/ai.atom") == "topics/ai.atom"
    assert below(b"/topics%2fai.atom") is below(b"/topics%2Fai.atom") is None


@pytest.mark.parametrize("base", ["", "https://a.example/", "no url", "https://[bad/", "https://a.example/no-slash"])
def test_a_base_without_a_path_has_no_prefix(base: str) -> None:
    assert Map.of(Manifest(base)).meanings(b"/all.atom") == ("all.atom",)


def test_the_meaning_without_the_prefix_comes_first() -> None:
    assert Map.of(Manifest("https://a.example/x/feeds/")).meanings(b"/x/feeds/all.atom") == (
        "all.atom",
        "x/feeds/all.atom",
    )


def test_every_format_is_served_as_a_feed_for_all() -> None:
    for suffix, row in FORMATS.items():
        kind = KINDS[suffix]
        assert kind.media_type.decode() == f"{row.media_type}; charset=utf-8"
        assert kind.feed
        assert kind.shared


def test_what_packages_bring_is_served_as_feeds_in_which_nothing_runs() -> None:
    kinds = Map.of(Manifest(types={"twtxt": "text/plain", "gmi": "text/gemini"})).kinds
    found = kind_of("topics/ai.twtxt", kinds)

    assert found is not None
    assert (found.media_type, found.feed, found.shared) == (b"text/plain; charset=utf-8", True, True)
    assert found.policy.endswith(b"sandbox")
    assert kind_of("topics/ai.twtxt") is None
    assert dict(KINDS).items() <= dict(kinds).items()


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        ("html", "text/plain"),
        ("atom", "text/plain"),
        ("db-wal", "text/plain"),
        ("a/b", "text/plain"),
        ("", "text/plain"),
        ("Twtxt", "text/plain"),
        ("twtxt", ""),
        ("twtxt", "text/plain\r\nSet-Cookie: a=b"),
        ("twtxt", 'text/plain; x="y"'),
        ("twtxt", "text/$uri"),
    ],
)
def test_a_manifest_makes_nothing_else_of_what_is_served(suffix: str, media_type: str) -> None:
    assert Map.of(Manifest(types={suffix: media_type})).kinds == KINDS


@pytest.mark.parametrize(
    "name", ["state.db", "state.db-wal", "a", "a.atom~", "a.feedd-tmp", ".atom.bak", "a.toml", "a.md", "a.ATOM", "atom"]
)
def test_other_kinds_of_files_are_not_served(name: str) -> None:
    assert kind_of(name) is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_moves_lead_to_an_end_or_nowhere(moved: dict[str, str]) -> None:
    notice = Map.of(Manifest(moved=moved))

    for path in "abcdef":
        target = notice.target(path)
        assert target is None or (path in moved and target not in moved)


def test_addresses_hold_no_line_ends() -> None:
    notice = Map.of(Manifest("https://a.example/\r\nSet-Cookie: a=b/", ("https://hub.example/\r\nX: >y",)))

    for text in (notice.address("a\r\nb.atom"), notice.links("ü>.atom")):
        assert text.isascii()
        assert not {b"\r", b"\n"} & {text[index : index + 1] for index in range(len(text))}
    assert notice.links("a.atom").count(b">") == 2

"""Simple YAML: either nothing, or exactly what PyYAML reads (design, section 12: the result must agree, by test)."""

import random
import time
from typing import Any

import pytest
from generations import NEWER, OLDER, front_matter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.content import header, simple_yaml
from feedd.content.simple_yaml import LINK_KEYS
from feedd.content.text import Flag
from feedd.errors import BrokenArticle
from feedd.testing import article


def tagged(value: Any) -> Any:
    """The value with its types, so that a `Flag` differs from text of the same letters."""
    if isinstance(value, dict):
        return {(key, "key"): tagged(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [tagged(inner) for inner in value]
    return type(value), value


def slowly(text: str) -> Any:
    """What PyYAML reads, or the kind of the problem that it has."""
    try:
        return tagged(what_is_read(header.load(text)))
    except BrokenArticle as error:
        return error.problem.kind


def what_is_read(found: Any) -> Any:
    """A mapping with those keys of its related stories that anybody reads."""
    if not isinstance(found, dict) or not isinstance(found.get("related"), list):
        return found
    items = [
        {key: value for key, value in item.items() if key in LINK_KEYS} if isinstance(item, dict) else item
        for item in found["related"]
    ]
    return {**found, "related": items}


def agrees(text: str) -> bool:
    """Whether the quick reader read a header, which must then be right."""
    quick = simple_yaml.load(text)
    if quick is None:
        return False
    assert slowly(text) == tagged(what_is_read(quick))
    return True


SEEDS = [
    front_matter(NEWER),
    front_matter(OLDER),
    front_matter(article()),
    front_matter(
        article(
            "A “second” story",
            excerpt='It said "no" \\ and left.\nThen it came back.',
            published=False,
            quality=58,
            heat=-1,
            webUrl=None,
            images=[{"url": "/a.jpg", "width": 50, "height": 50}, {"url": "/b.jpg"}],
            provider={"name": "Source", "domain": "source.example", "images": [{"url": "/s.png"}]},
            related=[{"title": "One", "webUrl": "https://x.example/1", "provider": {"name": "X"}, "quality": 9}],
            topics=["AI", "C++", "Zürich: heute", "No"],
        )
    ),
    "title: It's\nexcerpt: 'It''s: no'\npublished: true\ntopics:\n- a\n- No\n-1: x\n",
    "a:\n  - b:\n    - c\n    - d: e\n      f:\n  - g\n# note\n\nh:\ni: null\n",
]


# What it reads


@pytest.mark.parametrize("text", SEEDS[:4], ids=["newer", "older", "short", "long"])
def test_what_programs_write_is_read(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: b\n", {"a": "b"}, id="text"),
        pytest.param("a: b c, d's (e) [f] & h! i#\n", {"a": "b c, d's (e) [f] & h! i#"}, id="text of all sorts"),
        pytest.param("a: https://x.example/?b=c&d=%20#e\n", {"a": "https://x.example/?b=c&d=%20#e"}, id="URL"),
        pytest.param("a: 2024-01-01T00:00:00Z\n", {"a": "2024-01-01T00:00:00Z"}, id="date"),
        pytest.param("a: 1984\nb: -1\nc: 1.10\n", {"a": "1984", "b": "-1", "c": "1.10"}, id="numbers as written"),
        pytest.param('a: "b: \\"c\\" \\\\ \\/ \\n \\r \\t \\u00e9"\n', {"a": 'b: "c" \\ / \n \r \t é'}, id="escapes"),
        pytest.param("a: 'b: it''s # c'\n", {"a": "b: it's # c"}, id="single quotes"),
        pytest.param("a: ''\nb: \"\"\n", {"a": "", "b": ""}, id="empty text"),
        pytest.param("a: Zürich 日本 🚀\n", {"a": "Zürich 日本 🚀"}, id="beyond ASCII"),
        pytest.param("a:\nb: null\nc: Null\nd: NULL\n", {"a": None, "b": None, "c": None, "d": None}, id="nothing"),
        pytest.param("a:\n  - b\n  - c\n", {"a": ["b", "c"]}, id="list"),
        pytest.param("a:\n- b\n- c\nd: e\n", {"a": ["b", "c"], "d": "e"}, id="list without indent"),
        pytest.param("a:\n  b: c\n  d:\n    e: f\n", {"a": {"b": "c", "d": {"e": "f"}}}, id="mappings"),
        pytest.param(
            "a:\n  - b: c\n    d: e\n  - b: f\n", {"a": [{"b": "c", "d": "e"}, {"b": "f"}]}, id="list of mappings"
        ),
        pytest.param("a:\n  - b:\n    - c\n  - d\n", {"a": [{"b": ["c"]}, "d"]}, id="list in a mapping in a list"),
        pytest.param("# x\n\na: b\n   # y: z\n\nc: d\n", {"a": "b", "c": "d"}, id="comments and blank lines"),
        pytest.param("a:\n  b: c\n  b: d\n", {"a": {"b": "d"}}, id="doubled key below the top"),
    ],
)
def test_simple_headers_are_read(text: str, expected: dict[str, Any]) -> None:
    assert expected == simple_yaml.load(text)
    assert agrees(text)


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "on", "On", "false", "no", "No", "NO", "off", "OFF"])
def test_plain_booleans_are_flags(word: str) -> None:
    found = simple_yaml.load(f"a: {word}\nb:\n  - {word}\nc: '{word}'\nd: \"{word}\"\n")

    assert found is not None
    assert [Flag, Flag, str, str] == [type(found["a"]), type(found["b"][0]), type(found["c"]), type(found["d"])]
    assert found["a"].on is (word.lower() in {"true", "yes", "on"})


@pytest.mark.parametrize("word", ["y", "n", "tRue", "truE", "yEs", "oN", "nUll", "none", "trueish", "no.", "N0"])
def test_words_that_are_no_booleans_are_text(word: str) -> None:
    assert simple_yaml.load(f"a: {word}\n") == {"a": word}
    assert agrees(f"a: {word}\n")


# Related stories, of which little is read


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("related:\n  - title: a\n    webUrl: b\n", id="two keys"),
        pytest.param("a: b\nrelated:\n- c: d\n  title: e\n\nf: g\n", id="without indent, between others"),
        pytest.param("related:\n  - title: a\n    title: b\n    b: c\n    title: null\n", id="doubled key"),
        pytest.param("related:\n  - a: b\n    c:\n      d: e\n      f: g\n    title: h\n", id="mapping inside"),
        pytest.param("related:\n  - title: a\n    c:\n      - d: e\n        f: g\n      - d: h\n", id="list inside"),
    ],
)
def test_related_stories_are_read_in_part(text: str) -> None:
    found = simple_yaml.load(text)

    assert found is not None
    assert all(set(item) <= set(LINK_KEYS) for item in found["related"])
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("related:\n  - title: a\n   b: c\n", id="one space too few"),
        pytest.param("related:\n  - title: a\n     b: c\n", id="one space too many"),
        pytest.param("related:\n  - title: a\n - title: b\n", id="items apart"),
        pytest.param("related:\n  - title: a\n    b: c\n      d: e\n", id="below a value"),
        pytest.param("a:\nrelated:\n  - title: a\n\n  b: c\n", id="behind a blank line"),
        pytest.param("related:\n  - title: a\nrelated:\n  - title: b\n", id="twice"),
        pytest.param("related:\n  - title: a\nb: c\nrelated: d\n", id="twice, in two ways"),
        pytest.param('related:\n  - title: a\n    b: "c\n    d: "\n', id="text over two lines"),
        pytest.param("related:\n  - title: a\n    b:\n      - c: d\n       e: f\n", id="inner list out of line"),
    ],
)
def test_related_stories_out_of_line_are_left_to_pyyaml(text: str) -> None:
    assert simple_yaml.load(text) is None


@pytest.mark.parametrize(
    "first", ['"bad \\q escape"', '"over\n    two lines"', '"a\\"'], ids=["escape", "two lines", "open quote"]
)
def test_what_is_said_twice_of_a_related_story_must_be_sound_each_time(first: str) -> None:
    for item in (f"title: {first}\n    title: b\n", f"title: a\n    title: {first}\n    title: b\n"):
        assert simple_yaml.load(f"related:\n  - {item}") is None


def test_key_of_a_related_story_that_holds_others_is_read_as_it_is() -> None:
    text = "related:\n  - link: a\n    link:\n      b: c\n"

    assert simple_yaml.load(text) == {"related": [{"link": {"b": "c"}}]}
    assert agrees(text)


# What it leaves to PyYAML


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("# note\n", id="comment alone"),
        pytest.param("a: b\na: c\n", id="doubled key"),
        pytest.param("a: b\nc: d\na:\n  e: f\n", id="doubled key further down"),
        pytest.param("a: b # c\n", id="comment behind a value"),
        pytest.param("a: b \n", id="space behind a value"),
        pytest.param("a : b\n", id="space behind a key"),
        pytest.param("a:\tb\n", id="tab"),
        pytest.param('"a": b\n', id="key in quotes"),
        pytest.param("? a\n: b\n", id="question mark"),
        pytest.param("a: |\n  b\n", id="block of text"),
        pytest.param("a: >-\n  b\n", id="folded text"),
        pytest.param("a: b\n  c\n", id="text over two lines"),
        pytest.param('a: "b\n  c"\n', id="quoted text over two lines"),
        pytest.param("a:\n  b\n", id="text on the next line"),
        pytest.param("a: [b, c]\n", id="flow list"),
        pytest.param("a: {b: c}\n", id="flow mapping"),
        pytest.param("a: &x b\nc: *x\n", id="anchor and alias"),
        pytest.param("a: !!str b\n", id="tag"),
        pytest.param("<<: b\n", id="merge key"),
        pytest.param("a: ~\n", id="tilde"),
        pytest.param("a: b: c\n", id="two colons"),
        pytest.param("a: b:\n", id="colon at the end"),
        pytest.param("a: - b\n", id="dash in a value"),
        pytest.param("- a\n- b\n", id="list at the top"),
        pytest.param("a:\n  - - b\n", id="list in a list"),
        pytest.param("a\n", id="text at the top"),
        pytest.param(" a: b\nc: d\n", id="indents that do not fit"),
        pytest.param("a:\n    b: c\n  d: e\n", id="indent between two others"),
        pytest.param("a: b\n  c: d\n", id="mapping below text"),
        pytest.param("a:\n  - b\n  c: d\n", id="key in a list"),
        pytest.param("a:\n  b: c\n  - d\n", id="item in a mapping"),
        pytest.param("a: 'b\n", id="quote that does not end"),
        pytest.param("a: 'b' c\n", id="text behind a quote"),
        pytest.param('a: "\\x41"\n', id="escape that JSON has not"),
        pytest.param('a: "\\ud83d\\ude80"\n', id="halves of a character"),
        pytest.param('a: "\\q"\n', id="escape that nobody has"),
        pytest.param("a: b\x07\n", id="control character"),
        pytest.param("a: b\u2028c\n", id="line end of Unicode"),
        pytest.param("a: b\x85c\n", id="line end of old"),
        pytest.param("a: b\ufeff\n", id="byte order mark"),
        pytest.param("a: %b\n", id="reserved character"),
        pytest.param("a: =\n", id="equals sign"),
        pytest.param("null: a\n", id="null as a key"),
        pytest.param("a: b\n---\nc: d\n", id="second document"),
        pytest.param("%YAML 1.1\n---\na: b\n", id="directive"),
    ],
)
def test_whatever_is_not_plainly_simple_is_left_to_pyyaml(text: str) -> None:
    assert simple_yaml.load(text) is None


def test_the_header_is_the_same_whoever_reads_it() -> None:
    simple = front_matter(NEWER)
    doubtful = simple + "more: [x]\n"
    quick, slow = header.read(f"---\n{simple}---\n".encode()), header.read(f"---\n{doubtful}---\n".encode())

    assert simple_yaml.load(simple) is not None
    assert simple_yaml.load(doubtful) is None
    assert quick is not None
    assert slow is not None
    assert {**quick.mapping, "more": ["x"]} == what_is_read(slow.mapping)


# Agreement

SPECIAL = " \n:#-?[]{},&*!|>'\"%@`=~.\\\tabtrueno019éß\u00a0\u2028\x85\ufeff🚀"
WORDS = (
    *("true", "True", "no", "Off", "null", "~", "Null", "1984", "1.10", "-1", "0x1F", "010", "1:30", ".5", "1e3"),
    *(".inf", "2024-01-01", "2024-02-30", "=", "<<", "y", "-", "--", "---", "?", ":", "a", "b"),
)
NAMES = ("title", "excerpt", "published", "a", "b_c", "A1", "_x", "null", "yes", "No", "1", "a-b")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "/": "\\/", "é": "\\u00e9", "ß": "\\xdf"}


def double(text: str) -> str:
    """The text in double quotes."""
    return '"' + "".join(ESCAPES.get(c, c) for c in text) + '"'


def single(text: str) -> str:
    """The text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def block(style: str, text: str) -> str:
    """The text as a block below its key."""
    return style + "".join(f"\n      {line}" for line in text.split("\n"))


def joined(*parts: str) -> str:
    """The parts in a row."""
    return "".join(parts)


a_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(SPECIAL, max_size=10)
a_word, a_name = st.sampled_from(WORDS), st.sampled_from(NAMES)
a_scalar = (
    a_text
    | a_word
    | a_text.map(double)
    | a_text.map(single)
    | a_text.map(lambda text: f'"{text}"')
    | a_text.map(lambda text: f"'{text}'")
    | st.builds(block, st.sampled_from(["|", ">", "|-", ">+", "|2"]), a_text)
    | st.builds(joined, st.sampled_from(["!!str ", "!!int ", "!!bool ", "&a ", "*a ", "!x "]), a_word)
    | st.lists(a_word, max_size=3).map(lambda words: f"[{', '.join(words)}]")
    | st.just("")
)
a_gap = st.sampled_from([*[": "] * 8, ":", ":  ", " : ", ":\t"])
a_tail = st.sampled_from([*[""] * 8, " ", " # note", "\t", " #", "#x"])
an_indent = st.sampled_from(["", "", "", "  ", "  ", "    ", " ", "   "])
a_line = (
    st.builds(joined, an_indent, a_name, a_gap, a_scalar, a_tail)
    | st.builds(joined, an_indent, a_name, st.sampled_from([":", ": "]))
    | st.builds(joined, an_indent, st.sampled_from(["- ", "-  ", "-"]), a_scalar, a_tail)
    | st.builds(joined, an_indent, st.just("- "), a_name, a_gap, a_scalar)
    | st.sampled_from(["", "  ", "# note", "    # note", "...", "? a", ": b", "---"])
)


@given(st.lists(a_line, min_size=1, max_size=7))
@example(["a: b", "  - c"])
@example(["a:", "- b", "  c: d"])
@example(["a: 'b' # c"])
@example(["yes: no", "No:", "- off"])
@settings(max_examples=200, deadline=None)
def test_generated_headers_are_read_alike_or_left_alone(lines: list[str]) -> None:
    agrees("".join(f"{line}\n" for line in lines))


@given(a_name.filter(lambda name: name != "null"), a_text | a_word)
@settings(max_examples=100, deadline=None)
def test_any_text_in_any_quotes_is_read_alike(name: str, text: str) -> None:
    for written in (text, double(text), f'"{text}"', single(text)):
        agrees(f"{name}: {written}\n")
        agrees(f"{name}:\n  - {written}\n  - {name}: {written}\n")


ACCIDENTS = ("insert", "delete", "replace", "drop line", "double line", "swap lines", "indent", "outdent")
PIECES = (
    *(*SPECIAL, "  ", "- ", ": ", " #", "''", "true", "null", "x:", "&a ", "!!int ", "[x]"),
    *("\n", "\n  ", "\n- ", "\n  - a", "\n    b: c", "a: &a b", "|", ">"),
)


def damaged(text: str, accident: str, where: float, piece: str) -> str:
    """The text after an accident at a place between 0 (begin) and 1 (end)."""
    place = int(where * len(text))
    lines = text.split("\n")
    number = int(where * len(lines))
    line = lines[number]
    match accident:
        case "insert":
            return text[:place] + piece + text[place:]
        case "delete":
            return text[:place] + text[place + 1 :]
        case "replace":
            return text[:place] + piece + text[place + 1 :]
        case "drop line":
            del lines[number]
        case "double line":
            lines.insert(number, line)
        case "swap lines":
            lines[number], lines[number - 1] = lines[number - 1], line
        case "indent":
            lines[number] = " " * len(piece) + line
        case _:
            lines[number] = line[1:]
    return "\n".join(lines)


an_accident = st.tuples(st.sampled_from(ACCIDENTS), st.floats(0, 0.999), st.sampled_from(PIECES))


@given(st.sampled_from(SEEDS), st.lists(an_accident, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_damaged_headers_are_read_alike_or_left_alone(text: str, accidents: list[tuple[str, float, str]]) -> None:
    for accident in accidents:
        text = damaged(text, *accident)
    agrees(text if text.endswith("\n") else f"{text}\n")


@pytest.mark.slow
def test_many_damaged_headers_are_read_alike_or_left_alone() -> None:
    read = 0
    for _ in range(20_000):
        lines = random.choice(SEEDS).split("\n")
        begin = random.randrange(len(lines))
        text = "\n".join(lines[begin : begin + random.randrange(2, 40)])
        for _ in range(random.randrange(1, 4)):
            text = damaged(text, random.choice(ACCIDENTS), random.random(), random.choice(PIECES))
        read += agrees(text if text.endswith("\n") else f"{text}\n")

    assert read > 2_000  # which shows that the reader was tested, and not only its doubts


@pytest.mark.parametrize("seed", SEEDS[:3], ids=["newer", "older", "short"])
def test_headers_with_one_character_missing_are_read_alike_or_left_alone(seed: str) -> None:
    text = seed[:600].rpartition("\n")[0] + "\n"

    assert sum(agrees(text[:place] + text[place + 1 :]) for place in range(len(text) - 1)) > len(text) / 2


# Speed


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: " + "b" * 60_000 + " \n", id="long text"),
        pytest.param("a: b" + " " * 60_000 + "\n", id="spaces behind it"),
        pytest.param("a: b" + " c" * 30_000 + " \n", id="words"),
        pytest.param("a: b" + ":c" * 30_000 + ":\n", id="colons"),
        pytest.param("a: b" + "#" * 60_000 + " #\n", id="hashes"),
        pytest.param("a: '" + "''" * 30_000 + "\n", id="quotes"),
        pytest.param('a: "' + "\\\\" * 30_000 + "\n", id="backslashes"),
        pytest.param(" " * 60_000 + "\n", id="spaces"),
        pytest.param("\n" * 60_000, id="line ends"),
        pytest.param("a" * 60_000 + ": b\n", id="long key"),
        pytest.param("- " * 30_000 + "\n", id="dashes"),
        pytest.param("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 350)), id="indents"),
        pytest.param("".join(f"a{n}:\n" for n in range(9_000)), id="keys"),
        pytest.param("# " * 30_000 + "\n", id="comment"),
        pytest.param('a: "b\n' * 9_000, id="open quotes"),
        pytest.param("related:\n" + "- title: a\n" * 5_000, id="related stories"),
        pytest.param("related:\n- title: a\n" + "  b: c\n" * 8_000 + "  d:\n", id="a related story"),
        pytest.param("related:\n- a:\n" + "    - b: c\n" * 5_000 + "     d\n", id="lists in a related story"),
    ],
)
def test_doubt_takes_no_longer_than_reading(text: str) -> None:
    began = time.process_time()

    simple_yaml.load(text)

    assert time.process_time() - began < 20

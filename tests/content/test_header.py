"""Header: the bytes of a file as front matter and body, and how that fails (design, sections 5 and 14)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import frontmatter
import pytest
import yaml
from generations import NEWER, OLDER, front_matter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedd.content import header
from feedd.content.header import Header, says_withdrawn
from feedd.content.text import Flag
from feedd.errors import BrokenArticle, Problem


def read(text: str) -> Header:
    """The header of a text that has one."""
    found = header.read(text.encode())
    assert found is not None
    return found


def problem_of(data: bytes) -> Problem:
    """What is wrong with the bytes of a file."""
    with pytest.raises(BrokenArticle) as caught:
        header.read(data)
    return caught.value.problem


def outcome(data: bytes) -> str:
    """`read`, `none`, or the kind of the problem."""
    try:
        found = header.read(data)
    except BrokenArticle as error:
        return error.problem.kind
    return "none" if found is None else "read"


@contextmanager
def quickly() -> Iterator[None]:
    """Fails for what takes more than a second of computing."""
    began = time.process_time()
    yield
    assert time.process_time() - began < 20


# Which files have front matter


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\n \n", id="white space"),
        pytest.param(b"\xef\xbb\xbf", id="BOM alone"),
        pytest.param(b"A note.\n", id="text"),
        pytest.param(b"A note.\n---\ntitle: A\n---\n", id="fence further down"),
        pytest.param(b"# Title\n", id="Markdown"),
        pytest.param(b"- a list\n- of lines\n", id="Markdown list"),
        pytest.param(b"--\ntitle: A\n--\n", id="two dashes"),
        pytest.param(b"----\ntitle: A\n----\n", id="four dashes"),
        pytest.param(b"--- title\n---\n", id="text behind the dashes"),
        pytest.param(b"+++\ntitle = 'A'\n+++\n", id="TOML"),
        pytest.param(b'{"title": "A"}\n', id="JSON"),
        pytest.param(b"caf\xe9\n", id="text of another encoding"),
        pytest.param(b"\x00" * 100, id="NULs"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="picture"),
    ],
)
def test_a_file_without_a_fence_has_no_header(data: bytes) -> None:
    assert header.read(data) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("---\ntitle: A\ntype: video\n---\nBody.\n", id="LF"),
        pytest.param("---\r\ntitle: A\r\ntype: video\r\n---\r\nBody.\r\n", id="CRLF"),
        pytest.param("---\rtitle: A\rtype: video\r---\rBody.\r", id="CR"),
        pytest.param("\ufeff---\ntitle: A\ntype: video\n---\nBody.\n", id="BOM"),
        pytest.param("\ufeff---\r\ntitle: A\r\ntype: video\r\n---\r\nBody.\r\n", id="BOM and CRLF"),
        pytest.param("\n\r\n  \n---\ntitle: A\ntype: video\n---\nBody.\n", id="blank lines before it"),
        pytest.param("---  \ntitle: A\ntype: video\n--- \t\nBody.\n", id="white space behind the fences"),
        pytest.param("---\ntitle: A\ntype: video\n---\n\n\nBody.\n\n", id="blank lines around the body"),
        pytest.param("---\n\ntitle: A\n# note\n\ntype: video\n\n---\nBody.", id="blank lines and comments"),
    ],
)
def test_header_and_body_are_read(text: str) -> None:
    found = read(text)

    assert (found.mapping, found.body) == ({"title": "A", "type": "video"}, "Body.")


def test_the_closing_fence_may_be_the_end_of_the_file() -> None:
    assert (read("---\ntitle: A\n---").mapping, read("---\ntitle: A\n---").body) == ({"title": "A"}, "")


def test_a_fence_in_the_body_belongs_to_the_body() -> None:
    assert read("---\ntitle: A\n---\nOne.\n\n---\n\nTwo: 2\n---\n").body == "One.\n\n---\n\nTwo: 2\n---"


def test_dashes_inside_a_block_of_text_do_not_end_the_header() -> None:
    found = read("---\ntitle: A\nexcerpt: |\n  One.\n  ---\n  Two.\npublished: true\n---\nBody.\n")

    assert found.mapping["excerpt"] == "One.\n---\nTwo.\n"
    assert found.mapping["published"] == "true"
    assert found.body == "Body."


def test_a_line_of_three_dashes_ends_the_header_wherever_it_stands() -> None:
    found = read("---\ntitle: A\nexcerpt: |\n  One.\n---\npublished: true\n---\n")

    assert "published" not in found.mapping
    assert found.body.startswith("published: true")


@pytest.mark.parametrize("line", ["----", "---a", "- --", " ---"])
def test_other_dashes_do_not_end_the_header(line: str) -> None:
    found = read(f"---\ntitle: |\n  A\n\n# {line}\ntype: video\n---\n{line}\n")

    assert found.mapping["type"] == "video"


@pytest.mark.parametrize("text", [NEWER, OLDER], ids=["newer", "older"])
def test_python_frontmatter_agrees_on_ordinary_files(text: str) -> None:
    expected = frontmatter.loads(text + "\nThe *body*.\n")
    found = read(text + "\nThe *body*.\n")

    assert set(expected.metadata) == set(found.mapping)
    assert expected.content == found.body
    for name in ("title", "excerpt", "topics", "secured"):
        assert expected.metadata.get(name) == found.mapping.get(name)


# What python-frontmatter passes over in silence, and more


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        pytest.param(b"---\ntitle: A\n", "no-closing-fence", 1, id="no closing fence"),
        pytest.param(b"---", "no-closing-fence", 1, id="opening fence alone"),
        pytest.param(b"---\ntitle: A\n...\nBody.\n", "no-closing-fence", 1, id="dots for a closing fence"),
        pytest.param(b"---\n---\nBody.\n", "not-a-mapping", 2, id="empty"),
        pytest.param(b"---\n\n# note\n---\n", "not-a-mapping", 2, id="comments alone"),
        pytest.param(b"---\n~\n---\n", "not-a-mapping", 2, id="null"),
        pytest.param(b"---\n- a\n- b\n---\n", "not-a-mapping", 2, id="list"),
        pytest.param(b"---\njust text\n---\n", "not-a-mapping", 2, id="text"),
        pytest.param(b"---\n2024-01-01\n---\n", "not-a-mapping", 2, id="date"),
        pytest.param(b"---\n!!set {a, b}\n---\n", "not-a-mapping", 2, id="set"),
        pytest.param(b"---\ntitle: A\ntype: [x\n---\n", "yaml", 4, id="bracket that does not end"),
        pytest.param(b'---\ntitle: "A\n---\n', "yaml", 3, id="quote that does not end"),
        pytest.param(b"---\ntitle: A: B\n---\n", "yaml", 2, id="colon"),
        pytest.param(b"---\n\ttitle: A\n---\n", "yaml", 2, id="tab"),
        pytest.param(b"---\ntitle: *a\n---\n", "yaml", 2, id="alias of nothing"),
        pytest.param(b"---\ntitle: @a\n---\n", "yaml", 2, id="reserved character"),
        pytest.param(b"---\ntitle: !!python/object:os.system x\n---\n", "yaml", 2, id="object"),
        pytest.param(b"---\ntitle: !unknown x\n---\n", "yaml", 2, id="unknown tag"),
        pytest.param(b"---\n? [a]\n: b\n---\n", "yaml", 2, id="list for a key"),
        pytest.param(b"---\ntitle: A\x00\n---\n", "yaml", 2, id="NUL"),
        pytest.param(b"---\ntitle: A\n---\ncaf\xe9\n", "not-utf8", 4, id="body of another encoding"),
        pytest.param(b"---\ntitle: caf\xe9\n---\n", "not-utf8", 2, id="header of another encoding"),
        pytest.param("---\ntitle: A\n---\n".encode("utf-16"), "not-utf8", None, id="UTF-16"),
        pytest.param("\ufeff---\ntitle: A\n---\n".encode("utf-16-be"), "not-utf8", None, id="UTF-16 big endian"),
    ],
)
def test_a_header_that_cannot_be_read_is_broken_and_says_where(data: bytes, kind: str, line: int | None) -> None:
    problem = problem_of(data)

    assert (kind, line) == (problem.kind, problem.line)
    assert problem.what
    assert problem.remedy


@pytest.mark.parametrize(
    "value",
    [
        *('!!int ""', "!!int x", "!!int " + "9" * 6000, '!!float ""', "!!float x", "!!timestamp x", "!!timestamp ''"),
        *("!!timestamp 2021-02-30", "!!binary é", "!!bool [a]", "!!omap x", "!!pairs x", "!!seq x", "!!map [a]"),
    ],
)
def test_a_tag_that_does_not_fit_its_value_is_broken_or_makes_no_difference(value: str) -> None:
    assert outcome(f"---\ntitle: A\nheat: {value}\n---\n".encode()) in {"yaml", "read"}


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("provider:\n\tname: B", True),
        ("title: A\n  \texcerpt: B", True),
        ("topics:\n  - A\n\t- B", True),
        ("title:\tA\nexcerpt: @B", False),
        ("title: \u2028\u2028\u2028[", False),  # ends of lines for YAML, but for nobody else
    ],
)
def test_a_tab_that_is_in_the_way_is_told_by_its_name(front: str, told: bool) -> None:
    problem = problem_of(f"---\n{front}\n---\n".encode())

    assert problem.kind == "yaml"
    assert (problem.remedy == "Write spaces instead of the tab.") == told


def test_blank_lines_before_the_fence_count() -> None:
    assert problem_of(b"\n\n---\ntitle: A: B\n---\n").line == 4
    assert read("\n\n---\ntitle: A\n---\n").line("title") == 4


# Scalars


@pytest.mark.parametrize(
    "text",
    [
        *("1984", "1.10", "0x1F", "0o17", "010", "1_000", "1:30", "-1", "+5", "1e3", ".5", ".inf", ".nan", "A", "="),
        *("2024-01-01", "2024-02-30", "2024-01-01T00:00:00Z", "2024-01-01 00:00 +01:00", "9" * 6000, "y", "n", "nUll"),
    ],
)
@pytest.mark.parametrize(
    "front", ["title: {}\n", "title: {} # so\n", "{{title: {}}}\n"], ids=["plain", "comment", "flow"]
)
def test_a_scalar_stays_as_the_author_wrote_it(text: str, front: str) -> None:
    title = read(f"---\n{front.format(text)}---\n").mapping["title"]

    assert text == title
    assert type(title) is str


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"])
def test_a_word_for_true_is_a_flag_that_is_on(word: str) -> None:
    for front in (f"published: {word}\n", f"published: {word} # now\n", f"published: !!bool {word}\n"):
        value = read(f"---\n{front}---\n").mapping["published"]

        assert isinstance(value, Flag)
        assert value.on
        assert word == value


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"])
def test_a_word_for_false_is_a_flag_that_is_off(word: str) -> None:
    for front in (f"published: {word}\n", f"published: {word} # yet\n"):
        value = read(f"---\n{front}---\n").mapping["published"]

        assert isinstance(value, Flag)
        assert not value.on


@pytest.mark.parametrize("value", ['"true"', "'true'", "!!str true", "tRUE", "truee", "|-\n  true", ">-\n  true"])
def test_any_other_true_is_text(value: str) -> None:
    assert type(read(f"---\npublished: {value}\n---\n").mapping["published"]) is str


@pytest.mark.parametrize("value", ["", "~", "null", "Null", "NULL", "# nothing", "!!null x"])
def test_nothing_is_none(value: str) -> None:
    assert read(f"---\ntitle: A\npublished: {value}\n---\n").mapping["published"] is None


def test_the_plain_loader_of_pyyaml_is_left_as_it_is() -> None:
    header.load("a: 1\n")

    assert yaml.load("{a: 1, b: true, c: 2024-01-01}", yaml.CSafeLoader)["a"] == 1
    assert yaml.safe_load("b: true")["b"] is True


# Doubled keys


@pytest.mark.parametrize(
    "front",
    [
        pytest.param("published: true\npublished: false\n", id="plain"),
        pytest.param("published: true\ntitle: A\npublished: false\n", id="apart"),
        pytest.param("published: true\n\"published\": false\n'published' : false\n", id="in quotes"),
        pytest.param("  published: true\n  published: false\n", id="indented"),
        pytest.param("{published: true, published: false}\n", id="flow mapping"),
        pytest.param("? published\n: true\npublished: false\n", id="question mark"),
        pytest.param("published: true\nexcerpt: |\n  x\npublished:\n", id="beside a block of text"),
    ],
)
def test_doubled_keys_are_named(front: str) -> None:
    assert read(f"---\n{front}---\n").doubled == ("published",)


@pytest.mark.parametrize(
    "front",
    [
        pytest.param("title: A\nprovider:\n  title: B\nrelated:\n  - title: C\n  - title: D\n", id="below others"),
        pytest.param("title: A\nexcerpt: |\n  title: B\n  title: C\n", id="in a block of text"),
        pytest.param("title: A\n# title: B\n", id="in a comment"),
        pytest.param("title: A\nTitle: B\ntitles: C\n", id="other keys"),
        pytest.param("title: A\nx: {title: B, y: [title: C]}\n", id="in flow mappings"),
    ],
)
def test_keys_elsewhere_are_not_doubled(front: str) -> None:
    assert read(f"---\n{front}---\n").doubled == ()


def test_a_field_is_found_at_its_line() -> None:
    front = "\ntitle: A\n'type' : video\n\"heat\": 5\nprovider:\n  name: X\nexcerpt: |\n  name: x\ntitle: B\n"
    found = read(f"---\n{front}---\n")

    assert [found.line(name) for name in ("title", "type", "heat", "provider", "name")] == [10, 4, 5, 6, None]


# Bombs


@pytest.mark.parametrize("count", [999, 5_000, 20_000, 100_000])
@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "- ? ", "[{", "{a: ", "[? ", "!!seq [", "&a [", "? - ", "-\n"])
@pytest.mark.parametrize("front", ["x: {}", "x:\n  {}", "{}"], ids=["value", "block", "whole"])
def test_nesting_is_broken_or_read_but_ends(front: str, piece: str, count: int) -> None:
    with quickly():
        found = outcome(f"---\n{front.format(piece * count)}\n---\n".encode())
    assert found in {"read", "header-too-large", "header-too-deep", "yaml", "not-a-mapping"}


@pytest.mark.parametrize(
    "front",
    [
        pytest.param("x: " + "[" * 500 + "]" * 500, id="lists"),
        pytest.param("x: " + "{a: " * 500 + "1" + "}" * 500, id="mappings"),
        pytest.param("x:\n  " + "- " * 900 + "1", id="dashes"),  # newer releases of libyaml stop at 1,000
        pytest.param("x:\n" + "".join(" " * n + "a:\n" for n in range(1, 350)), id="indents"),
    ],
)
def test_deep_nesting_below_the_bounds_is_read(front: str) -> None:
    with quickly():
        assert "x" in read(f"---\n{front}\n---\n").mapping


@pytest.mark.parametrize(
    "front", ["x: " + "[" * 1_001, "x: " + "{a: " * 1_001, "x:\n  " + "- " * 10_001, "? " * 10_001]
)
def test_a_header_beyond_the_bounds_is_too_deep(front: str) -> None:
    problem = problem_of(f"---\n{front}\n---\n".encode())

    assert (problem.kind, problem.line) == ("header-too-deep", 2)


@pytest.mark.parametrize("simple", [True, False])
def test_the_size_of_a_header_is_bounded(simple: bool) -> None:
    lead = "title: A\n" if simple else "title: [A]\n"
    fits = lead + "x: " + "x" * (65_536 - len(lead) - 4) + "\n"

    assert len(read(f"---\n{fits}---\n").text) == 65_536
    assert outcome(f"---\n{fits[:-1]}x\n---\n".encode()) == "header-too-large"


def test_the_size_of_a_body_is_not_the_headers_matter() -> None:
    with quickly():
        assert len(read("---\ntitle: A\n---\n" + "word " * 1_000_000).body) == 4_999_999


def levels(line: str, count: int, width: int) -> str:
    """A header of so many levels, each of which holds the one before several times."""
    names = "abcdefghijklmnopqrstuvwxyz"
    return "a: &a {k: v}\n" + "".join(
        line.format(new=names[n + 1], old=",".join([f"*{names[n]}"] * width)) for n in range(count)
    )


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(levels("{new}: &{new} [{old}]\n", 20, 9), id="lists"),
        pytest.param(levels("{new}: &{new} {{<<: [{old}]}}\n", 7, 9), id="merge keys"),
        pytest.param(levels("{new}: &{new} {{!!merge m: [{old}]}}\n", 7, 9), id="merge keys by short tag"),
        pytest.param(levels("{new}: &{new} {{!<tag:yaml.org,2002:merge> m: [{old}]}}\n", 7, 9), id="merge by tag"),
        pytest.param(levels("{new}: &{new}\n  ? [{old}]\n  : x\n", 6, 9), id="keys"),
        pytest.param("x: &a [*a]\n", id="a list in itself"),
        pytest.param("x: &a {k: *a}\n", id="a mapping in itself"),
        pytest.param("x: &a\n  <<: *a\n", id="a mapping merged into itself"),
        pytest.param("x: &a\n  ? *a\n  : x\n", id="a mapping as its own key"),
        pytest.param("x: &a y\nz: [" + "*a," * 20_000 + "]\n", id="many aliases"),
        pytest.param("".join(f"a{n}: &a{n} x\n" for n in range(4_000)), id="many anchors"),
    ],
)
def test_aliases_are_broken_or_read_but_end(front: str) -> None:
    with quickly():
        assert outcome(f"---\n{front}\n---\n".encode()) in {"read", "header-too-deep", "yaml"}


def test_ordinary_merge_keys_are_read() -> None:
    found = read("---\nbase: &base {name: X, domain: x.example}\nprovider:\n  <<: *base\n  name: Y\n---\n")

    assert found.mapping["provider"] == {"name": "Y", "domain": "x.example"}


@pytest.mark.parametrize(
    "front",
    [
        pytest.param('x: "a\na' + " " * 20_000 + 'b"\n', id="spaces in a line that could be a key"),
        pytest.param("a: b\n" * 13_000, id="doubled keys"),
        pytest.param("a" + " " * 60_000 + ": b\n", id="spaces behind a key"),
        pytest.param('x: "' + "\\\\" * 30_000 + '"\n', id="backslashes"),
        pytest.param("x: '" + "''" * 30_000 + "'\n", id="quotes"),
        pytest.param("x: " + ":" * 60_000 + "\n", id="colons"),
        pytest.param("x: " + "# " * 30_000 + "\n", id="hashes"),
        pytest.param("x: a" + " " * 60_000 + "b\n", id="spaces in a value"),
        pytest.param("x: a" + "\n" * 60_000 + " b\n", id="line ends in a value"),
        pytest.param("x: |\n" + "\n" * 60_000, id="line ends in a block of text"),
        pytest.param(" " * 60_000 + "x: a\n", id="indent"),
        pytest.param("x: " + "!a " * 20_000 + "\n", id="tags"),
        pytest.param("%" * 60_000 + "\n", id="directives"),
    ],
)
def test_time_is_linear_in_the_size_of_a_header(front: str) -> None:
    with quickly(), suppress(BrokenArticle):
        read(f"---\n{front}---\n").line("x")


# What a broken file still says


@pytest.mark.parametrize(
    "line",
    [
        *("published: false", "published: False", "published: no", "published: off", "published: 0", "published: ~"),
        *("published:", "published: null", 'published: "false"', 'published: "true"', "published: 'true'"),
        *("published : false", '"published": false', "'published': false", "{published: false}", "  published: false"),
        *("published: # not yet", "published: false # not yet", "published: truely", "published: [true]"),
        *("deleted: true", "removed: true", "deleted: yes", "removed: 'true'", "deleted: 1", "removed: On"),
        *('"deleted": true', "PUBLISHED: false"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_broken_file_that_withdraws_is_heard(line: str, end: str) -> None:
    assert says_withdrawn(end.join(["---", "title: 'A", line, "x: [", "---", "Body", ""]).encode())
    assert says_withdrawn(end.join(["---", "title: 'A", line]).encode())


@pytest.mark.parametrize(
    "line",
    [
        *("published: true", "published: True", "published: yes", "published: on", "published: true # now"),
        *(
            "published:  true ",
            '"published": true',
            "{published: true,",
            "# published: false",
            "excerpt: published: no",
        ),
        *("publishedDateTime: 2024-01-01", "unpublished: false", "published_at: no", "{title: A, published: true}"),
        *("deleted: false", "removed: no", "deleted: 0", "removed:", "notdeleted: true", "title: deleted: true"),
    ],
)
def test_a_broken_file_that_withdraws_nothing_is_not_misheard(line: str) -> None:
    assert not says_withdrawn(f"---\ntitle: 'A\n{line}\nx: [\n---\nBody\n".encode())


def test_a_broken_file_is_heard_wherever_it_speaks() -> None:
    assert says_withdrawn(b"---\ntitle: 'A\npublished: true\n---\npublished: false\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_an_encoding_that_cannot_be_read_still_withdraws(encoding: str) -> None:
    assert says_withdrawn("---\ntitle: Café\npublished: false\n---\n".encode(encoding))
    assert not says_withdrawn("---\ntitle: Café\npublished: true\n---\n".encode(encoding))


@pytest.mark.parametrize("piece", [b" ", b"\n", b"---\n", b"published", b"{,", b'"', b"published: ", b"\t"])
def test_listening_takes_time_linear_in_the_size(piece: bytes) -> None:
    with quickly():
        says_withdrawn(b"---\n" + piece * (500_000 // len(piece)))


# Anything


@given(
    st.binary(max_size=80).map(lambda data: b"---\n" + data + b"\n---\n")
    | st.binary(max_size=40)
    | st.text("-:[]{}&*!|>'\"%@`#?,\n\t ab\ufeff0.<", max_size=60).map(lambda text: f"---\n{text}\n---\n".encode())
)
@example(b"---\n!!int ''\n---\n")
@example(b"---\n---")
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_header_or_none_or_a_broken_article(data: bytes) -> None:
    assert outcome(data)
    assert says_withdrawn(data) in {True, False}


@given(
    st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_line_ends_and_byte_order_mark_make_no_difference(body: str, end: str, mark: bool) -> None:
    text = f"---\ntitle: A\nexcerpt: |\n  One.\n  Two.\n---\n{body}"
    expected = read(text)
    other = read("\ufeff" * mark + text.replace("\n", end))

    assert (expected.mapping, expected.body) == (other.mapping, other.body)


@pytest.mark.parametrize("text", [NEWER, OLDER], ids=["newer", "older"])
def test_both_generations_are_read(text: str) -> None:
    found = read(text)

    assert found.doubled == ()
    assert front_matter(text) == found.text
    assert isinstance(found.mapping["published"], Flag)

"""What is wrong with text that is not TOML: lines that a remedy tells to write are right (design: section 8)."""

import tomllib
from pathlib import Path

import pytest

from feedd.config import parse
from feedd.errors import ConfigError

OWN_LINE = "Give each key a line of its own: "


def remedy(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "feedd.toml", Path("/"))
    [problem] = caught.value.problems
    return problem.remedy


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ('url = "https://a.example/" path = "x"', ['url = "https://a.example/"', 'path = "x"']),
        ("url = 'https://a.example/' path = 'x'", ["url = 'https://a.example/'", "path = 'x'"]),
        ('url = "https://a.example/", path = "x"', ['url = "https://a.example/"', 'path = "x"']),
        ('a = "x" b = "y" c = 3  # three', ['a = "x"', 'b = "y"', "c = 3"]),
        ('[site] title = "x"', ["[site]", 'title = "x"']),
        ("limit = 10 ttl = 60", ["limit = 10", "ttl = 60"]),
        ('topics = ["a", "b"] title = "a = b"', ['topics = ["a", "b"]', 'title = "a = b"']),
    ],
)
def test_of_several_keys_on_one_line_each_is_to_be_written_on_its_own(line: str, lines: list[str]) -> None:
    said = remedy(f"{line}\n")

    assert said == OWN_LINE + ", then ".join(lines)
    tomllib.loads("\n".join(lines))


@pytest.mark.parametrize(
    "line", ['title = "The "best" of"', 'title = "a "b = c" d"', "date = 2024-05-01 noon", 'title = "x" "y"']
)
def test_what_is_no_key_is_not_taken_for_one(line: str) -> None:
    assert OWN_LINE not in remedy(f"{line}\n")


def test_long_keys_on_one_line_are_not_repeated() -> None:
    assert remedy(f'a = "{"x" * 100}" b = "y"\n') == "Write each key on a line of its own."


@pytest.mark.parametrize("value", ["2020-13-45", "2020-02-30", "2020-00-01", "2020-6-31", "2019-02-29"])
def test_a_date_that_there_is_not_is_not_to_be_written_in_quotes(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"[site]\nid_date = {value}\n", "feedd.toml", Path("/"))
    [problem] = caught.value.problems

    assert problem.line == 2
    assert f'"{value}" is no date' in problem.what
    assert problem.remedy == 'Write one that there is, in quotes, such as "2020-06-30".'

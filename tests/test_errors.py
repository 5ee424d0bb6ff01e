"""Errors: what people are told is one line, and does nothing to a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.errors import Problem, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode ✓", "plain, ünïcode ✓"),
        ("two\nlines\tand\u00a0spaces", "two lines and spaces"),
        ("\x1b[2J\x07", "\ufffd[2J\ufffd"),
        ("\u202etxt.exe", "\ufffdtxt.exe"),
        ("a file \udcff", "a file \ufffd"),
        ("family: \U0001f468\u200d\U0001f469", "family: \U0001f468\u200d\U0001f469"),
    ],
)
def test_what_somebody_else_wrote_does_nothing_to_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_whatever_is_told_is_one_line_without_controls(text: str) -> None:
    told = str(Problem("kind", text, text, text, 7, text))

    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in told)

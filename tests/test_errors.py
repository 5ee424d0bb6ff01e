"""Errors: what people are told is one line, and does nothing to a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.errors import Problem, printable
from feedd.testing import Site


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


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e"
COMMANDS = [
    "build", "build --dry-run", "check", "check --format github", "check content", "diff --all", "diff all",
    "explain --feed all --all", "explain --feed picked --all", "explain {named}", "explain {named} all", "explain {no}",
    "explain all {no}", "diff {no}", "prune", "prune {no}", "approve", "status", "print-config nginx", "init {no}",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_lets_content_speak_to_the_terminal(command: str, tmp_path: Path) -> None:
    site = Site(tmp_path, f'[[feed]]\nname = "picked"\ntitle_contains = ["{HOSTILE[-1]}x"]\n')
    named = f"a{HOSTILE[:-1]}.md"
    site.story(named, title=f"T{HOSTILE}", topics=[f"Topic {HOSTILE}"], excerpt=f"E{HOSTILE}")
    site.story("held.md", title=f"H{HOSTILE}", published=False)
    site.story("due.md", title=f"D{HOSTILE}", publishedDateTime="2999-01-01T00:00:00Z")
    site.story(f"broken{HOSTILE[:-1]}.md", title=None)
    site.story("wrong.md", publishedDateTime=f"never {HOSTILE}", type=f"t{HOSTILE}", guid=f"g{HOSTILE}")
    words = [word.format(named=named, no=f"no{HOSTILE}") for word in command.split(" ")]
    if words[0] != "build":
        subprocess.run([sys.executable, "-m", "feedd", "build"], cwd=tmp_path, capture_output=True, timeout=50)
        site.story("b.md", title=f"B{HOSTILE}")
    done = subprocess.run(
        [sys.executable, "-m", "feedd", *words],
        cwd=tmp_path, env={**os.environ, "FEEDD_CONFIG": "feedd.toml"}, capture_output=True, timeout=50,
    )  # fmt: skip

    said = (done.stdout + done.stderr).decode()
    assert "Traceback" not in said
    assert [letter for letter in "\x07\x1b\u202e" if letter in said] == []

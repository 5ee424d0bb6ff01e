"""Report: problems as people read them, and as GitHub does."""

from pathlib import Path

import pytest

from feedd.checks.report import counts, files, github, text
from feedd.errors import Problem, Severity


def problem(file: str = "a.md", line: int | None = 1, severity: Severity = "error", kind: str = "missing") -> Problem:
    return Problem(kind, "is missing", "Write it.", file, line, "title", severity)


def shown(*problems: Problem, most: int = 20) -> list[str]:
    return list(text(problems, most))


# For people


def test_problems_of_a_file_stand_together_below_its_name() -> None:
    assert shown(problem("b.md", 12), problem("a.md"), problem("b.md", 3)) == [
        "b.md",
        "   3  error       title: is missing. Write it. [missing]",
        "  12  error       title: is missing. Write it. [missing]",
        "a.md",
        "  1  error       title: is missing. Write it. [missing]",
    ]


def test_errors_come_first_among_files_and_in_a_file() -> None:
    rows = shown(
        problem("a.md", severity="suggestion"),
        problem("b.md", 1, "warning"),
        problem("c.md", 1, "warning"),
        problem("c.md", 9, "error"),
    )
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == ["c.md", "b.md", "a.md"]
    assert [row.split()[:2] for row in rows if row.startswith(" ")][:2] == [["9", "error"], ["1", "warning"]]


def test_what_is_about_no_file_stands_below_here() -> None:
    row = Problem("wrong-clock", "the clock is wrong", "Set it.")
    assert shown(row) == ["here", "    error       the clock is wrong. Set it. [wrong-clock]"]


def test_of_a_kind_of_warning_only_some_are_shown_of_errors_all() -> None:
    rows = shown(*(problem(f"{n}.md", severity="warning", kind="markup") for n in range(5)), most=3)
    assert len([row for row in rows if row.startswith(" ")]) == 3
    assert rows[-1] == "… and 2 more of the kind markup: --json lists all, --ignore markup none"
    assert len(shown(*(problem(f"{n}.md") for n in range(5)), most=3)) == 10


def test_words_that_tell_a_severity_are_styled_and_aligned() -> None:
    rows = text([problem(severity="warning")], style=lambda word, severity: f"<{severity}>{word}</>")
    assert list(rows)[1].startswith("  1  <warning>warning</>     title: ")


def test_counts_are_by_severity_and_by_kind() -> None:
    found = [problem(), problem(), problem(severity="warning", kind="markup")]
    assert counts(found) == "2 errors, 1 warning: 2 missing, 1 markup"


def test_kinds_with_errors_are_counted_first_and_then_the_most_frequent() -> None:
    few, many = [problem(severity="warning", kind="markup")] * 2, [problem(severity="warning", kind="mojibake")] * 3
    mixed = [problem(severity="warning", kind="yaml"), problem(kind="yaml")]
    assert counts([*few, *many, *mixed]) == "1 error, 6 warnings: 2 yaml, 3 mojibake, 2 markup"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"article": 1, "skipped": 1}, "1 article, 1 skipped"),
        ({"article": 31, "broken": 2, "skipped": 40}, "40 skipped, 31 articles, 2 broken"),
        ({}, "none"),
    ],
)
def test_files_are_counted_by_state_the_most_frequent_first(states: dict[str, int], said: str) -> None:
    assert files(states) == said


# For GitHub

ROOT = Path("/checkout")


def commands(*problems: Problem) -> list[str]:
    return list(github(problems, (ROOT / "site" / "content").joinpath, ROOT))


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("suggestion", "notice")]
)
def test_a_severity_is_a_command_of_github(severity: Severity, level: str) -> None:
    assert commands(problem(severity=severity)) == [
        f"::{level} file=site/content/a.md,line=1,title=feedd%3A missing::title: is missing. Write it."
    ]


def test_what_commands_are_made_of_is_escaped() -> None:
    """As the runner undoes it: `%`, CR and LF anywhere; `:` and `,` in properties alone, where they would end them."""
    nasty = Problem("x", "100%\r\n::error::a, b", "", "a,b:c%\n.md", 2)
    assert commands(nasty) == [
        "::error file=site/content/a%2Cb%3Ac%25%0A.md,line=2,title=feedd%3A x::100%25%0D%0A::error::a, b"
    ]


def test_what_is_about_no_file_has_none() -> None:
    assert commands(Problem("wrong-clock", "the clock is wrong", "Set it.")) == [
        "::error title=feedd%3A wrong-clock::the clock is wrong. Set it."
    ]


def test_a_file_outside_of_the_repository_is_named_in_full() -> None:
    assert commands(problem("/etc/feedd/feedd.toml"))[0].startswith("::error file=/etc/feedd/feedd.toml,")


def test_errors_come_first_as_few_of_each_are_shown() -> None:
    found = commands(problem(severity="suggestion"), problem(severity="warning"), problem())
    assert [row.split()[0] for row in found] == ["::error", "::warning", "::notice"]

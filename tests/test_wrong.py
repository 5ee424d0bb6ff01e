"""Wrong configurations: what `feedd check` and `feedd build` say of each, word for word, and how they end.

A case is a file in tests/wrong/, `NAME.toml`, or an arrangement below where the configuration is right and what it
names is not. It is put as `feedd.toml` into a directory with one article; `NAME.txt` is what the commands then say.

After a change that is meant, write them anew and read the difference: `GOLDEN=write pytest tests/test_wrong.py`.
"""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedd.checks.kinds import KINDS
from feedd.cli import main
from feedd.testing import article, bound_by_permissions

WRONG = Path(__file__).parent / "wrong"
RIGHT = """\
[site]
title = "Everyday"
url = "https://everyday.example/"
feeds_url = "https://everyday.example/feeds/"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with a sound configuration and one article."""
    (tmp_path / "content" / "news").mkdir(parents=True)
    (tmp_path / "content" / "news" / "first.md").write_text(article("The first"), encoding="utf-8")
    (tmp_path / "feedd.toml").write_text(RIGHT, encoding="utf-8")
    return tmp_path


def outcome(site: Path, *options: str) -> str:
    """What `check` and `build` say in a directory, which is called /site."""
    with contextlib.chdir(site):
        checked, built = (
            CliRunner().invoke(main, arguments, env={"FEEDD_CONFIG": None}, catch_exceptions=False)
            for arguments in (["check", *options], ["build"])
        )
    said = said_by("check", checked.exit_code, checked.output)
    if (built.exit_code, built.stderr) == (checked.exit_code, checked.output):
        said += "feedd build: the same\n"
    else:
        said += said_by("build", built.exit_code, built.stderr)
    return said.replace(str(site), "/site")


def said_by(command: str, exit_code: int, words: str) -> str:
    return f"feedd {command}: exit code {exit_code}\n{words}"


def compare(actual: str, name: str) -> None:
    """The text of a case is this; or becomes so, if that is asked for."""
    file = WRONG / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(actual, encoding="utf-8")
    assert actual == file.read_text(encoding="utf-8")


# --- What is in the file ---

FILES = sorted(file.stem for file in WRONG.glob("*.toml"))


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_configuration_is_told_of_in_these_words(name: str, site: Path) -> None:
    (site / "feedd.toml").write_bytes((WRONG / f"{name}.toml").read_bytes())

    compare(outcome(site, "--content-only"), name)


# --- What the file names ---


def no_file(site: Path) -> None:
    (site / "feedd.toml").unlink()


def a_directory(site: Path) -> None:
    (site / "feedd.toml").unlink()
    (site / "feedd.toml").mkdir()


def an_unreadable_file(site: Path) -> None:
    (site / "feedd.toml").chmod(0)


def an_output_in_a_closed_directory(site: Path) -> None:
    (site / "web").mkdir(mode=0o555)
    with (site / "feedd.toml").open("a") as file:
        file.write('\n[output]\npath = "web/feeds"\n')


def a_state_in_a_closed_directory(site: Path) -> None:
    (site / "var").mkdir(mode=0o555)
    with (site / "feedd.toml").open("a") as file:
        file.write('\n[state]\npath = "var/state"\n')


def a_file_in_the_place_of_the_output(site: Path) -> None:
    (site / "feeds").write_text("feeds")


def a_file_in_the_place_of_the_state(site: Path) -> None:
    (site / "state").write_text("state")


def a_file_in_the_place_of_the_content(site: Path) -> None:
    (site / "article.md").write_text(article())
    with (site / "feedd.toml").open("a") as file:
        file.write('\n[content]\npath = "article.md"\n')


def an_unreadable_content(site: Path) -> None:
    (site / "content").chmod(0o300)


ARRANGED: dict[str, Callable[[Path], None]] = {
    arrange.__name__.replace("_", "-"): arrange
    for arrange in (
        no_file,
        a_directory,
        an_unreadable_file,
        an_output_in_a_closed_directory,
        a_state_in_a_closed_directory,
        a_file_in_the_place_of_the_output,
        a_file_in_the_place_of_the_state,
        a_file_in_the_place_of_the_content,
        an_unreadable_content,
    )
}
ELSEWHERE = ",".join([*KINDS["The machine and the service"], "low-space", "network-mount"])
"""Kinds of problems that the machine has on which the test runs."""


@pytest.mark.parametrize("name", ARRANGED)
def test_a_place_that_cannot_be_used_is_told_of_in_these_words(name: str, site: Path) -> None:
    ARRANGED[name](site)
    with bound_by_permissions():
        compare(outcome(site, "--ignore", ELSEWHERE), name)


# --- All of them ---


def test_there_are_cases_and_no_text_without_one() -> None:
    texts = {file.stem for file in WRONG.glob("*.txt")}

    assert len(texts) >= 80
    assert texts == {*FILES, *ARRANGED}


@pytest.mark.parametrize("name", [*FILES, *ARRANGED])
def test_every_mistake_is_told_with_its_place_and_a_remedy(name: str) -> None:
    """A remedy is a sentence that tells what to do, asks whether something else was meant, or shows a line to write."""
    said = (WRONG / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    problems = [line for line in said if "error" in line or "warning" in line]
    remedy = (
        r"[.:] (Write|Did you mean|Choose|Name|Leave|Add|Put|Save|Give|Let|It belongs|Known|Create|Mend|Remove|Set"
        r"|Show)\b"
    )

    assert [line for line in problems if not re.search(remedy, line)] == []
    assert problems or name == "a-mark-of-utf-8"

"""Completion in real shells, the manual page as real programs read it, and colours."""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from feedd.cli import COMMANDS, find_command, main
from feedd.config import headers, keys, table_of
from feedd.manual import ENVIRONMENT, of_commands
from feedd.testing import Site

PROGRAM = Path(sys.executable).parent / "feedd"
SHELLS = ["bash", "zsh", "fish"]


def needs(program: str) -> str:
    """The path of a program of the system."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A built site with a few feeds, beside it a program `feedd`."""
    site = Site(tmp_path)
    site.story("a.md", topics=["Night Sky", "Sea"])
    site.build()
    return site


def environment(folder: Path) -> dict[str, str]:
    """That of a shell which finds feedd on its path, and nothing of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return {**kept, "PATH": f"{PROGRAM.parent}:/usr/bin:/bin", "HOME": str(folder), "TERM": "xterm", "LANG": "C.UTF-8"}


def completed(shell: str, line: str, folder: Path) -> list[str]:
    """What a shell makes of a line after which the tab key is pressed, or offers for it."""
    program = needs(shell)
    script = folder / f"feedd.{shell}"
    script.write_text(CliRunner().invoke(main, ["completion", shell]).output)
    if shell == "zsh":
        return zsh_completed(program, script, line, folder)
    words = line.split(" ")
    code = {
        "bash": f"source {script}; COMP_WORDS=({line if words[-1] else line + chr(39) * 2});"
        f' COMP_CWORD={len(words) - 1}; _feedd_completion feedd; printf "%s\\n" "${{COMPREPLY[@]}}"',
        "fish": f"source {script}; complete -C '{line}'",
    }[shell]
    done = subprocess.run(
        [program, "-c", code], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=30,
        check=True,
    )  # fmt: skip
    return [word.split("\t")[0].rstrip("/") for word in done.stdout.splitlines()]


def zsh_completed(program: str, script: Path, line: str, folder: Path) -> list[str]:
    """As `completed`, at a terminal, since zsh completes nowhere else: the words of the line after the key was pressed,
    which is made into an argument of `echo` and then says itself.
    """
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.execve(program, [program, "-f", "-i"], {**environment(folder), "PS1": "ready> "})
    try:
        talk(terminal, "", r"ready> ")
        talk(terminal, f"autoload -U compinit; compinit -u; source {script}; echo so-far=$?\r", r"so-far=0\r")
        (words,) = talk(terminal, f"{line}\t{TO_THE_END}end{TO_THE_START}echo start=\r", r"\nstart= ?(.*?)end\r")
    finally:
        os.close(terminal)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return words.split()


TO_THE_START, TO_THE_END = "\x01", "\x05"


def talk(terminal: int, typed: str, awaited: str) -> tuple[str, ...]:
    """The groups of what is awaited, once it comes after something was typed."""
    os.write(terminal, typed.encode())
    said, end = "", time.monotonic() + 20
    while not (found := re.search(awaited, said)):
        if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            raise AssertionError(f"{awaited} did not come: {said!r}")
        said += re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", os.read(terminal, 65536).decode())
    return found.groups()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands(shell: str, tmp_path: Path) -> None:
    assert "build" in completed(shell, "feedd bui", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_options(shell: str, tmp_path: Path) -> None:
    assert "--dry-run" in completed(shell, "feedd build --dry", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_feeds(shell: str, site: Site) -> None:
    assert "topics/night-sky" in completed(shell, "feedd explain a.md topics/ni", site.folder)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "whole"),
    [("explain moo", "moonrise.md"), ("explain con", "content"), ("check --ignore naive", "naive-date")],
    ids=["article", "path", "kind"],
)
def test_a_shell_completes_names_of_articles_paths_and_kinds(shell: str, typed: str, whole: str, site: Site) -> None:
    site.story("news/moonrise.md")
    found = completed(shell, f"feedd {typed}", site.folder)
    # bash completes paths by itself where it is offered nothing.
    assert found == [""] if (shell, whole) == ("bash", "content") else whole in [word.rstrip("/") for word in found]


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_offers_every_feed_that_goes_on_like_this(shell: str, site: Site) -> None:
    assert completed(shell, "feedd explain a.md topics/", site.folder) == ["topics/night-sky", "topics/sea"]


def test_where_the_configuration_is_wrong_or_missing_no_feed_is_offered(tmp_path: Path) -> None:
    assert completed("bash", "feedd explain a.md to", tmp_path) == [""]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_completes_is_well_formed(shell: str, tmp_path: Path) -> None:
    program = needs(shell)
    script = tmp_path / "script"
    script.write_text(CliRunner().invoke(main, ["completion", shell]).output)

    assert subprocess.run([program, "-n", script], capture_output=True, timeout=30, check=True).stderr == b""


def test_completion_says_nothing_but_the_script(tmp_path: Path) -> None:
    done = subprocess.run([PROGRAM, "completion", "bash"], capture_output=True, env={"PATH": str(tmp_path)}, timeout=30)

    assert done.returncode == 0
    assert done.stderr == b""


# The manual pages

READERS = ["groff -man -ww -Tutf8", "mandoc -Tutf8"]


def manual(page: str) -> str:
    return CliRunner().invoke(main, ["man", page], catch_exceptions=False).output


def read_by(program: list[str], page: str) -> str:
    """A page as text, one space between words; what the program complains of is a failure."""
    needs(program[0])
    done = subprocess.run(program, input=manual(page), capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    plain = re.sub(r".\x08|\x1b\[[\d;]*m", "", done.stdout).replace("‐", "-").replace("−", "-")
    return " ".join(plain.split())


@pytest.mark.parametrize("program", READERS)
def test_manual_page_holds_every_command_with_its_options_and_example(program: str) -> None:
    text = read_by(program.split(), "feedd")

    for name in COMMANDS:
        command = find_command(name)
        _, _, own = text.rpartition(f" {name} feedd {name} ")
        assert [one for option in options_of(command) for one in option if one not in own] == []
        assert " ".join((command.epilog or "").split()) in own


def options_of(command: click.Command) -> list[list[str]]:
    return [parameter.opts for parameter in command.params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("program", READERS)
def test_manual_page_holds_every_key_with_its_meaning(program: str) -> None:
    text = read_by(program.split(), "feedd.toml")

    for header, table in headers():
        _, _, own = text.partition(f" {header} ")
        for key, item in keys(table).items():
            assert f" {key}{' (required)' if item.required else ''} " in own or table_of(item.type)[0]
    assert "limit = 50 The most entries in a feed. Write a whole number from 1 to 1000." in text


@pytest.mark.parametrize("page", ["feedd", "feedd.toml"])
def test_manual_page_has_no_flaw_that_mandoc_knows(page: str) -> None:
    needs("mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=manual(page), capture_output=True, text=True)
    flaws = [
        line for line in done.stdout.splitlines() if "missing date" not in line
    ]  # it is of a version, not of a day

    assert flaws == []


def test_what_is_code_in_help_is_bold_and_nothing_is_taken_for_a_request() -> None:
    group = click.Group("x", help="About.\n\n.dot `code` back\\slash 'quote\n\nExit codes: 0 fine.")

    assert r"\&.dot \fBcode\fR back\eslash \(aqquote" in of_commands(group, "1")


def test_manual_page_names_the_variables_that_commands_read() -> None:
    read = {str(one.envvar) for name in COMMANDS for one in find_command(name).params if one.envvar}

    assert read <= set(ENVIRONMENT)
    assert set(ENVIRONMENT) - read == {"NO_COLOR", "FORCE_COLOR"}


# Colours

WRONG = "[site]\ntitle = 1\n"
RED = "\x1b[31m"


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_what_is_no_terminal_is_coloured_only_if_that_is_wanted(
    variables: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    (tmp_path / "feedd.toml").write_text(WRONG)
    done = subprocess.run(
        [PROGRAM, "check"], cwd=tmp_path, env={**environment(tmp_path), **variables}, capture_output=True, text=True
    )

    assert done.returncode == 78
    assert (RED in done.stdout) == coloured


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_is_coloured_unless_that_is_not_wanted(
    variables: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    (tmp_path / "feedd.toml").write_text(WRONG)
    child, terminal = pty.fork()
    if not child:
        os.chdir(tmp_path)
        os.execve(PROGRAM, ["feedd", "check"], {**environment(tmp_path), **variables})
    said = read_to_the_end(terminal)
    os.waitpid(child, 0)

    assert "title" in said
    assert (RED in said) == coloured


def read_to_the_end(terminal: int) -> str:
    said = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while data := os.read(terminal, 65536):
            said += data
    os.close(terminal)
    return said.decode()

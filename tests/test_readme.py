"""The README tells the truth: every command in it is run, every output compared, every path looked for."""

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from feedd.cli import COMMANDS, find_command, main
from feedd.config import headers, keys, load
from feedd.content.article import FIELDS, parse
from feedd.desk import rules_of
from feedd.testing import Service, Site, running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
LINES = [line for block in BLOCKS if block.language == "sh" for line in block.text.splitlines()]
SET_UP = [line for line in LINES if line.startswith("python3 ")]
INSTALL = [line for line in LINES if line.startswith("sudo ")]
DAEMON = {"status", "reload", "approve"}
"""Commands that ask `feedd run`."""
EXAMPLES = [line for line in LINES if not line.startswith(("python3 ", "sudo "))]
ASKING = [line for line in EXAMPLES if line.split()[1] in DAEMON]
SESSIONS = [block.text for block in BLOCKS if block.language == "console"]
FRONT_MATTER = re.findall(
    r"^\| (`.*) \| (.*) \|$", README.partition("| Front matter |")[2].partition("\n\n")[0], re.MULTILINE
)
TREES = [block.text for block in BLOCKS if block.language == "text" and block.text.startswith("feeds/")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the checkout that the README's commands use, with the demo built."""
    folder = tmp_path_factory.mktemp("checkout")
    Site.copied(ROOT / "config" / "demo", folder / "config" / "demo")
    run(".venv/bin/feedd build --config config/demo/feedd.toml", folder)
    return folder


def run(command: str, checkout: Path) -> Result:
    """A line of the README, `.venv/bin/feedd …`, as if typed in the checkout."""
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/feedd"
    with contextlib.chdir(checkout):
        return CliRunner().invoke(main, arguments, env={"FEEDD_CONFIG": None}, catch_exceptions=False)


def without_seconds(text: str) -> str:
    return re.sub(r"\d+\.\d\d s\n", "… s\n", text)


def parts(command: str) -> list[str]:
    return re.split(r" && |; ", command)


def test_there_is_one_block_of_each_kind_at_least() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "console", "toml", "markdown", "text"}
    assert len(SET_UP) == 2
    assert len(EXAMPLES) >= 3
    assert len(SESSIONS) >= 2


@pytest.mark.parametrize("command", SET_UP, ids=["run", "test"])
def test_set_up_is_a_single_line_that_needs_nothing_but_python(command: str) -> None:
    make, install, *_ = parts(command)

    assert make == "python3 -m venv .venv"
    assert re.fullmatch(r"\.venv/bin/pip install -q -e (\.|'\.\[test\]')", install)


def test_first_command_keeps_the_feeds_of_the_demo_up_to_date_until_it_is_stopped(tmp_path: Path) -> None:
    _, _, command = parts(SET_UP[0])
    assert shlex.split(command) == [".venv/bin/feedd", "run", "--config", "config/demo/feedd.toml"]
    demo = Site.copied(ROOT / "config" / "demo", tmp_path / "config" / "demo")
    with Service(demo.file, tmp_path) as service:
        service.wait_for("READY=1")
        assert sorted(path.name for path in demo.feeds.iterdir() if path.is_dir()) == ["assets", "providers", "topics"]
        assert service.stop() == 0


def test_second_command_runs_the_tests_with_the_coverage_floor() -> None:
    assert parts(SET_UP[1])[2:] == [".venv/bin/pytest --cov"]
    assert "\nfail_under = 95\n" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [line for line in EXAMPLES if line not in ASKING])
def test_example_runs(command: str, checkout: Path) -> None:
    result = run(command, checkout)

    assert result.exit_code in (0, 1)
    assert result.stdout


def test_examples_that_ask_the_daemon_are_answered(tmp_path: Path) -> None:
    demo = Site.copied(ROOT / "config" / "demo", tmp_path / "config" / "demo")
    with running(demo):
        results = [run(command, tmp_path) for command in ASKING]

    assert {line.split()[1] for line in ASKING} >= {"status", "reload"}
    assert [result.exit_code for result in results] == [0] * len(ASKING)


def test_build_beside_the_daemon_says_that_this_one_writes(tmp_path: Path) -> None:
    demo = Site.copied(ROOT / "config" / "demo", tmp_path / "config" / "demo")
    with running(demo):
        result = run(".venv/bin/feedd build --config config/demo/feedd.toml", tmp_path)

    assert result.exit_code == 1
    assert f"another feedd, process {os.getpid()}, is writing here" in result.stderr


def test_installation_names_files_that_there_are_and_places_that_the_unit_means() -> None:
    words = [word for line in INSTALL for word in line.split()]
    unit = (ROOT / "config" / "feedd.service").read_text(encoding="utf-8")

    assert len(INSTALL) == 5
    assert [word for word in words if word.startswith("config/") and not (ROOT / word).is_file()] == []
    assert "ExecStart=/opt/feedd/bin/feedd run --config /etc/feedd/feedd.toml" in unit
    assert "/opt/feedd" in words
    assert "/etc/feedd/feedd.toml" in words


@pytest.mark.parametrize("session", SESSIONS, ids=[session.split()[2] for session in SESSIONS])
def test_session_shows_what_is_really_said(session: str, tmp_path: Path) -> None:
    Site.copied(ROOT / "config" / "demo", tmp_path / "config" / "demo")
    command, _, said = session.partition("\n")
    result = run(command.removeprefix("$ "), tmp_path)

    assert without_seconds(result.output) == without_seconds(said)


def test_configuration_has_ten_lines_and_builds(tmp_path: Path) -> None:
    (text,) = (block.text for block in BLOCKS if block.language == "toml")
    site = Site(tmp_path)
    site.file.write_text(text, encoding="utf-8")
    (lighthouse,) = (block.text for block in BLOCKS if block.language == "markdown")
    site.write("a-lighthouse-learns-to-whistle.md", lighthouse)
    site.build()

    assert len(text.splitlines()) == 10
    assert load(site.file).site.title == "Power Apps Every Day"
    atom = {path.removesuffix(".atom") for path in site.documents() if path.endswith(".atom")}
    assert atom == {"all", "topics/sea", "providers/harbour.example"}
    assert b"A lighthouse learns to whistle" in site.documents()["topics/sea.atom"]


def test_example_article_reads_without_a_complaint(tmp_path: Path) -> None:
    (text,) = (block.text for block in BLOCKS if block.language == "markdown")
    reading = parse("a.md", text.encode(), rules_of(Site(tmp_path).config))

    assert (reading.state, reading.problems) == ("article", ())


def test_table_lists_exactly_the_front_matter_that_is_read_in_its_order() -> None:
    assert [tuple(re.findall(r"`(\w+)`", names)) for names, _ in FRONT_MATTER] == [spec.keys for spec in FIELDS]


def test_table_says_required_of_the_front_matter_that_is() -> None:
    told = [names for names, says in FRONT_MATTER if re.search(r"; required(;|$)", says)]

    assert [re.findall(r"`(\w+)`", names)[0] for names in told] == [spec.keys[0] for spec in FIELDS if spec.required]


def test_table_names_settings_that_there_are() -> None:
    named = [name for _, says in FRONT_MATTER for name in re.findall(r"`(\w+\.\w+)`", says)]
    known = {f"{table.strip('[]')}.{name}" for table, kind in headers() for name in keys(kind)}

    assert len(named) == 5
    assert set(named) <= known


def test_table_lists_exactly_the_commands_that_there_are() -> None:
    assert re.findall(r"^\| `feedd ([\w-]+)", README, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_options_named_for_a_command_are_its_own(command: str) -> None:
    (row,) = re.findall(rf"^\| `feedd {command}\b.*$", README, re.MULTILINE)
    own = {name for parameter in find_command(command).params for name in parameter.opts}

    assert set(re.findall(r"`(--[\w-]+)`", row)) <= own


def test_exit_codes_are_those_of_the_help() -> None:
    said = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    (codes,) = re.findall(r"^Exit codes: (.*?) \(`feedd check", README, re.MULTILINE | re.DOTALL)

    assert f"Exit codes: {' '.join(codes.split())}." in said


def layout() -> Iterator[str]:
    for line in TREES[0].splitlines():
        stem, suffixes = re.fullmatch(r"feeds/(\S+)\.\{(.*?)\} +.*", line).groups()  # type: ignore[union-attr]
        yield from (f"{stem}.{suffix}" for suffix in suffixes.split(","))


def test_layout_names_documents_that_are_there(checkout: Path) -> None:
    missing = [path for path in layout() if not (checkout / "config" / "demo" / "feeds" / path).is_file()]

    assert len(list(layout())) == 25
    assert missing == []


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)

    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_reads_the_test_command_out_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    (pattern,) = re.findall(r"grep -E '(.*)' README\.md", script.read_text(encoding="utf-8"))

    assert os.access(script, os.X_OK)
    assert [line for line in README.splitlines() if re.match(pattern, line)] == [SET_UP[1]]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_ci_is_a_sound_script() -> None:
    assert os.system(f"bash -n '{ROOT / '.ci' / 'run'}'") == 0

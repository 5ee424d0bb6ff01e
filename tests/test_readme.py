"""The README tells the truth: every command in it is run, every output compared, every path looked for."""

import os
import re
import shlex
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from documents import ASKING, FEEDD, ROOT, Document, demo, parts, run, size_of, without_seconds

from feedd.cli import COMMANDS, find_command, main
from feedd.config import headers, keys, load
from feedd.content.article import FIELDS, parse
from feedd.desk import rules_of
from feedd.testing import Service, Site, eventually, running

README = Document("README.md")
SET_UP = [line for line in README.lines if line.startswith("python3 ")]
INSTALL = [line for line in README.lines if line.startswith("sudo ")]
PUBLISH = README.commands("run")
ASKED = README.commands(*ASKING)
SESSIONS = README.of("console")
FRONT_MATTER = README.table("Front matter")
COMMAND_ROWS = README.table("Command")
SUFFIXES = ("atom", "rss", "json", "html")
LAYOUT = [text for text in README.of("text") if text.startswith("feeds/")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the checkout that the README's commands use, with the demo built."""
    folder = tmp_path_factory.mktemp("checkout")
    demo(folder)
    run(f"{FEEDD} build --config config/demo/feedd.toml", folder)
    return folder


def test_there_is_one_block_of_each_kind_at_least() -> None:
    assert {block.language for block in README.blocks} == {"sh", "console", "toml", "markdown", "text"}
    assert len(SET_UP) == 2
    assert len(README.examples) >= 8
    assert len(SESSIONS) >= 2


def test_every_line_to_type_is_of_a_kind_that_is_tested() -> None:
    known = [*SET_UP, *INSTALL, *PUBLISH, *ASKED, *README.examples]

    assert [line for line in README.lines if line not in known] == []


@pytest.mark.parametrize("command", SET_UP, ids=["run", "test"])
def test_set_up_is_a_single_line_that_needs_nothing_but_python(command: str) -> None:
    make, install, *_ = parts(command)

    assert make == "python3 -m venv .venv"
    assert re.fullmatch(r"\.venv/bin/pip install -q -e (\.|'\.\[test\]')", install)


def test_two_commands_and_an_address_show_the_feeds_in_a_browser(tmp_path: Path) -> None:
    first, second = README.lines[:2]
    assert (first, [second]) == (SET_UP[0], PUBLISH)
    assert parts(first)[2:] == []
    assert shlex.split(second) == [FEEDD, "run", "--config", "config/demo/feedd.toml"]
    assert re.findall("<(http://.*)>", README.text) == [load(ROOT / shlex.split(second)[3]).site.feeds_url]

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = demo(tmp_path, port)
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(lambda: b"Quiet Marvels" in get(site.config.site.feeds_url))
        assert service.stop() == 0
    assert {path.name for path in site.feeds.iterdir() if path.is_dir()} >= {"assets", "providers", "topics"}


def get(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_where_the_port_is_taken_that_and_the_remedy_are_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site = demo(tmp_path, taken.getsockname()[1])
        with Service(site.file, tmp_path) as service:
            assert service.process.wait(30) == 1
            said = service.log.read_text()

    assert "Address already in use" in said
    assert 'remedy="End what listens there, or name another address."' in said
    assert "name another one in feeds_url and in listen below" in (ROOT / "config/demo/feedd.toml").read_text("utf-8")


def test_test_command_runs_the_tests_with_the_coverage_floor() -> None:
    assert parts(SET_UP[1])[2:] == [".venv/bin/pytest --cov -n 4"]
    assert "\nfail_under = 95\n" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [line for line in README.examples if "my-feeds" not in line])
def test_example_runs(command: str, checkout: Path) -> None:
    result = run(command, checkout)

    assert result.exit_code in (0, 1)
    assert result.stdout


def test_init_makes_what_the_next_line_checks_without_a_complaint(tmp_path: Path) -> None:
    init, check = (line for line in README.examples if "my-feeds" in line)

    assert run(init, tmp_path).exit_code == 0
    assert (run(check, tmp_path).exit_code, load(tmp_path / "my-feeds" / "feedd.toml").site.title) == (0, "My Feeds")


def test_examples_that_ask_the_daemon_are_answered(tmp_path: Path) -> None:
    with running(demo(tmp_path)):
        results = [run(command, tmp_path) for command in ASKED]

    assert {line.split()[1] for line in ASKED} >= {"status", "reload"}
    assert [result.exit_code for result in results] == [0] * len(ASKED)


def test_build_beside_the_daemon_says_that_this_one_writes(tmp_path: Path) -> None:
    with running(demo(tmp_path)):
        result = run(f"{FEEDD} build --config config/demo/feedd.toml", tmp_path)

    assert result.exit_code == 1
    assert f"another feedd, process {os.getpid()}, is writing here" in result.stderr


def test_a_broken_article_is_an_error_of_build_and_check_and_a_warning_in_the_log_of_run(tmp_path: Path) -> None:
    site = demo(tmp_path)
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        assert service.stop() == 0
        said = service.log.read_text()

    for command in ("build", "check"):
        result = run(f"{FEEDD} {command} --config config/demo/feedd.toml", tmp_path)
        assert result.exit_code == 1
        assert re.search(r"\berror\b.* publishedDateTime: '2024-02-30T08:00:00Z': day is out of range", result.output)
    assert " warning problem kind=bad-date file=news/2024-02-30-the-day-that-never-was.md line=5 " in said
    assert " error " not in said
    assert "For `feedd run`, which goes on, it is a warning in the log" in " ".join(README.text.split())


def test_installation_names_files_that_there_are_and_places_that_the_unit_means() -> None:
    words = [word for line in INSTALL for word in line.split()]
    unit = (ROOT / "config" / "feedd.service").read_text(encoding="utf-8")

    assert len(INSTALL) == 5
    assert [word for word in words if word.startswith("config/") and not (ROOT / word).is_file()] == []
    assert "ExecStart=/opt/feedd/bin/feedd run --config /etc/feedd/feedd.toml" in unit
    assert "/opt/feedd" in words
    assert "/etc/feedd/feedd.toml" in words


@pytest.mark.parametrize("session", SESSIONS, ids=[session.split()[2] for session in SESSIONS])
def test_session_shows_what_is_really_said_after_the_demo_was_published(session: str, tmp_path: Path) -> None:
    demo(tmp_path)
    run(f"{FEEDD} build --config config/demo/feedd.toml", tmp_path)
    command, _, said = session.partition("\n")
    result = run(command.removeprefix("$ "), tmp_path)

    assert without_seconds(result.output) == without_seconds(said)


def test_configuration_has_ten_lines_and_builds(tmp_path: Path) -> None:
    (text,), (lighthouse,) = README.of("toml"), README.of("markdown")
    site = Site(tmp_path)
    site.file.write_text(text, encoding="utf-8")
    site.write("a-lighthouse-learns-to-whistle.md", lighthouse)
    site.build()

    assert len(text.splitlines()) == 10
    assert load(site.file).site.title == "Power Apps Every Day"
    atom = {path.removesuffix(".atom") for path in site.documents() if path.endswith(".atom")}
    assert atom == {"all", "topics/sea", "providers/harbour.example"}
    assert b"A lighthouse learns to whistle" in site.documents()["topics/sea.atom"]


def test_example_article_reads_without_a_complaint(tmp_path: Path) -> None:
    (text,) = README.of("markdown")
    reading = parse("a.md", text.encode(), rules_of(Site(tmp_path).config))

    assert (reading.state, reading.problems) == ("article", ())


def names_in(row: list[str]) -> list[str]:
    return re.findall(r"`(\w+)`", row[0])


def test_table_lists_exactly_the_front_matter_that_is_read_in_its_order() -> None:
    assert [tuple(names_in(row)) for row in FRONT_MATTER] == [spec.keys for spec in FIELDS]


def test_table_says_required_of_the_front_matter_that_is() -> None:
    told = [names_in(row)[0] for row in FRONT_MATTER if re.search(r"; required(;|$)", row[1])]

    assert told == [spec.keys[0] for spec in FIELDS if spec.required]


def test_table_names_settings_that_there_are() -> None:
    named = [name for _, says in FRONT_MATTER for name in re.findall(r"`(\w+\.\w+)`", says)]
    known = {f"{table.strip('[]')}.{name}" for table, kind in headers() for name in keys(kind)}

    assert len(named) == 5
    assert set(named) <= known


def command_of(row: list[str]) -> str:
    return row[0].strip("`").split()[1]


def test_table_lists_exactly_the_commands_that_there_are() -> None:
    assert [command_of(row) for row in COMMAND_ROWS] == list(COMMANDS)


@pytest.mark.parametrize("row", COMMAND_ROWS, ids=command_of)
def test_arguments_and_options_named_for_a_command_are_its_own(row: list[str]) -> None:
    command = find_command(command_of(row))
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    named = re.findall(r"`(--[\w-]+)", row[1])

    assert set(named) <= options
    assert bool(row[0].strip("`").split()[2:]) == bool(arguments)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "but_for"),
    [("--json", r"\bBut for ([^.]*?), each has `--json`"), ("--config", r"\bbut for ([^.]*?), `--config")],
)
def test_commands_without_an_option_are_the_ones_that_are_named(option: str, but_for: str, command: str) -> None:
    (named,) = re.findall(but_for, README.text)
    options = {name for parameter in find_command(command).params for name in parameter.opts}

    assert (option in options) == (f"`{command}`" not in named)


def test_exit_codes_are_those_of_the_help() -> None:
    said = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    (codes,) = re.findall(r"^Exit codes: (.*?) \(`feedd check", README.text, re.MULTILINE | re.DOTALL)

    assert f"Exit codes: {' '.join(codes.split())}." in said


def layout() -> Iterator[str]:
    for line in LAYOUT[0].splitlines():
        stem, suffixes = re.fullmatch(r"feeds/(\S+)\.\{(.*?)\} +.*", line).groups()  # type: ignore[union-attr]
        yield from (f"{stem}.{suffix}" for suffix in suffixes.split(","))


def test_layout_names_documents_that_are_there(checkout: Path) -> None:
    missing = [path for path in layout() if not (checkout / "config" / "demo" / "feeds" / path).is_file()]

    assert len(list(layout())) == 27
    assert missing == []


def test_layout_leaves_out_no_kind_of_document(checkout: Path) -> None:
    feeds = checkout / "config" / "demo" / "feeds"
    top = {path.relative_to(feeds).as_posix() for path in [*feeds.glob("*.*"), *feeds.glob("assets/*")]}
    own = {f"{feed.name}.{suffix}" for feed in load(feeds.parent / "feedd.toml").feeds for suffix in SUFFIXES}

    assert {path for path in top if not path.startswith(".feedd.lock")} - own - set(layout()) == set()


def test_every_link_leads_somewhere() -> None:
    assert len(README.links) >= 5
    assert README.missing() == []


def test_pictures_are_there_and_as_large_as_the_page_leaves_room_for() -> None:
    there = {one.source: (one.width, one.height) for one in README.pictures}

    assert sorted(there) == sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config/pictures").iterdir())
    assert {source: size_of((ROOT / source).read_bytes()) for source in there} == there
    assert [source for source in there if (ROOT / source).stat().st_size > 100_000] == []


def test_it_is_read_in_ten_minutes() -> None:
    assert len(re.findall(r"\w+", README.text)) < 10 * 400


def test_ci_reads_the_test_command_out_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    (pattern,) = re.findall(r"grep -E '(.*)' README\.md", script.read_text(encoding="utf-8"))

    assert os.access(script, os.X_OK)
    assert [line for line in README.text.splitlines() if re.match(pattern, line)] == [SET_UP[1]]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_ci_is_a_sound_script() -> None:
    assert os.system(f"bash -n '{ROOT / '.ci' / 'run'}'") == 0

"""The handbook for operators tells the truth: its commands are run, its examples loaded, its tables compared."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import ASKING, FEEDD, ROOT, Document, demo, parts, run

from feedd.cli import COMMANDS, find_command
from feedd.config import headers, keys, load
from feedd.cron import Cron
from feedd.testing import Service, Site, eventually, running

HANDBOOK = Document("config/README.md")
UNIT = (ROOT / "config" / "feedd.service").read_text(encoding="utf-8")
BACKUP = [line for line in HANDBOOK.lines if line.startswith(".venv/bin/python ")]
UPGRADE = [line for line in HANDBOOK.lines if line.startswith("sudo ")]
HOOK = [text for text in HANDBOOK.of("sh") if text.startswith("#!")]
GIT = shutil.which("git")
SITE = '[site]\ntitle = "News"\nurl = "https://news.example/"\nfeeds_url = "https://news.example/feeds/"\n'
KEYS = {(table.strip("[]"), name) for table, kind in headers() for name in keys(kind)}


def redirected(command: str, checkout: Path) -> Any:
    """A line as if typed, its output in a file where it says so."""
    typed, _, file = command.partition(" > ")
    result = run(typed, checkout)
    if file:
        (checkout / file).write_text(result.stdout)
    return result


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the demo was built, with another configuration beside its own."""
    folder = tmp_path_factory.mktemp("checkout")
    site = demo(folder)
    run(f"{FEEDD} build --config config/demo/feedd.toml", folder)
    settings = site.file.read_text(encoding="utf-8").replace('title = "Quiet Marvels"', 'title = "Loud Marvels"')
    site.file.with_name("feedd.toml.new").write_text(settings, encoding="utf-8")
    return folder


# What is to be typed


def test_every_line_to_type_is_of_a_kind_that_is_tested() -> None:
    known = [*HANDBOOK.examples, *HANDBOOK.commands(*ASKING), *BACKUP, *UPGRADE]
    others = [line for line in HANDBOOK.lines if line not in known and not any(line in text for text in HOOK)]

    assert others == ["export FEEDD_CONFIG=/etc/feedd/feedd.toml"]
    assert (len(BACKUP), len(UPGRADE), len(HOOK)) == (1, 1, 1)


def test_places_of_an_installation_are_those_of_the_unit() -> None:
    assert "ExecStart=/opt/feedd/bin/feedd run --config /etc/feedd/feedd.toml" in UNIT
    assert "`.venv/bin/feedd` is `/opt/feedd/bin/feedd`" in HANDBOOK.text
    assert [parts(line) for line in UPGRADE] == [
        ["sudo /opt/feedd/bin/pip install -q --upgrade .", "sudo systemctl restart feedd"]
    ]


@pytest.mark.parametrize("command", HANDBOOK.examples)
def test_example_runs(command: str, checkout: Path) -> None:
    result = redirected(command, checkout)

    assert result.exit_code in (0, 1)
    assert "Traceback" not in result.output
    assert result.output


def test_examples_that_ask_the_daemon_are_answered(tmp_path: Path) -> None:
    with running(demo(tmp_path)):
        results = [run(command, tmp_path) for command in HANDBOOK.commands(*ASKING)]

    assert results
    assert [(result.exit_code, result.output.strip() != "") for result in results] == [(0, True)] * len(results)


def test_what_is_printed_for_the_shell_and_for_man_is_whole(checkout: Path) -> None:
    completion, commands, settings = (line for line in HANDBOOK.examples if " > " in line)

    assert "_feedd_completion" in redirected(completion, checkout).stdout
    assert redirected(commands, checkout).stdout.splitlines()[0].startswith(".TH")
    assert redirected(settings, checkout).stdout.splitlines()[0].startswith(".TH")


def test_line_of_the_timer_is_a_moment_a_user_and_a_command() -> None:
    (line,) = HANDBOOK.of("cron")
    *moment, user, program, command, option, file = line.split()

    assert Cron(" ".join(moment), "UTC").next(0) == 300
    assert f"User={user}\n" in UNIT
    assert (program, option, file) == ("/opt/feedd/bin/feedd", "--config", "/etc/feedd/feedd.toml")
    assert command == "build"


def test_diff_before_a_change_says_what_it_changes(checkout: Path) -> None:
    (line,) = HANDBOOK.commands("diff")

    assert "nothing would change" not in run(line, checkout).stdout


# Examples of settings


@pytest.mark.parametrize("text", HANDBOOK.of("toml"), ids=lambda text: text.partition("\n")[0].strip("[]"))
def test_settings_of_an_example_are_taken_as_they_are(text: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    file = tmp_path / "feedd.toml"
    file.write_text(SITE + text, encoding="utf-8")
    table, *lines = text.splitlines()
    values = getattr(load(file), table.strip("[]"))

    assert lines
    assert all(getattr(values, line.partition(" =")[0]) for line in lines)


def test_each_table_of_what_is_explained_has_its_example() -> None:
    told = {text.partition("\n")[0].strip("[]") for text in HANDBOOK.of("toml")}

    assert told == {"server", "pages", "websub", "hooks", "monitoring"}


def test_settings_that_are_named_are_there() -> None:
    named = set(re.findall(r"\[(\w+)\] (\w+)", HANDBOOK.text))

    assert len(named) >= 8
    assert named <= KEYS


# Tables


def test_table_of_files_names_all_and_where_they_go() -> None:
    rows = HANDBOOK.table("File")
    named = {name for row in rows for name in re.findall(r"\(([\w.-]+)\)", row[0])}
    there = {path.name for path in (ROOT / "config").iterdir() if path.is_file()}

    assert there - named == {"README.md"}
    for name, _, place in ([row[0], *row[1:]] for row in rows):
        (file,) = re.findall(r"\(([\w.-]+)\)", name)[:1]
        if place.startswith("`"):
            assert place.strip("`").removesuffix(file) in (ROOT / "config" / file).read_text(encoding="utf-8") + UNIT


def test_table_of_permissions_names_what_the_unit_gives() -> None:
    named = {row[0].partition("`, ")[0].strip("`") for row in HANDBOOK.table("What")}
    places = re.findall(r'^#     \[(\w+)\] (\w+) = "([^"]+)"', UNIT, re.MULTILINE)

    assert {path for _, _, path in places} <= named
    assert {f"[{table}] {key}" for table, key, _ in places} <= set(re.findall(r"\[\w+\] \w+", HANDBOOK.text))
    assert "StateDirectoryMode=0700" in UNIT


ASKED = [command for row in HANDBOOK.table("Symptom") for command in re.findall(r"`feedd ([^`]+)`", " ".join(row))]


@pytest.mark.parametrize("command", sorted(set(ASKED)))
def test_commands_that_are_named_for_a_symptom_are_there(command: str) -> None:
    name, *words = command.split()
    options = {option for parameter in find_command(name).params for option in parameter.opts}

    assert name in COMMANDS
    assert {word for word in words if word.startswith("--")} <= options


def test_every_symptom_has_a_question_and_a_remedy() -> None:
    rows = HANDBOOK.table("Symptom")

    assert len(rows) >= 18
    assert all(len(row) == 3 and all(row) for row in rows)


def test_every_link_leads_somewhere() -> None:
    assert len(HANDBOOK.links) >= 20
    assert HANDBOOK.missing() == []


# Content that others check


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of articles with a configuration, and `feedd` on the path; `origin/main` is its first commit."""
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "feedd").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m feedd "$@"\n')
    (bin / "feedd").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin), prepend=os.pathsep)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@news.example")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    site = Site(tmp_path / "repository")
    site.story("first.md")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
        git(site.folder, *words)
    git(site.folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    return site.folder


def git(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.skipif(not GIT, reason="needs git")
def test_hook_lets_no_broken_article_in_and_all_others(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK[0], encoding="utf-8")
    hook.chmod(0o755)
    article = Site(repository).story("second.md", publishedDateTime="2024-02-30")
    git(repository, "add", ".")
    refused = git(repository, "commit", "-m", "Second")
    article.write_text(article.read_text().replace("2024-02-30", "2024-02-28"))
    git(repository, "add", ".")
    taken = git(repository, "commit", "-m", "Second")

    assert (refused.returncode, taken.returncode) == (1, 0), refused.stderr + taken.stderr
    assert "second.md" in refused.stderr
    assert "day is out of range for month" in refused.stderr


@pytest.mark.skipif(not GIT, reason="needs git")
def test_step_of_ci_annotates_what_a_branch_brings(repository: Path) -> None:
    (command,) = re.findall(r"^- run: (.*)$", "".join(HANDBOOK.of("yaml")), re.MULTILINE)
    Site(repository).story("second.md", publishedDateTime="2024-02-30")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Second")
    environ = os.environ | {"GITHUB_BASE_REF": "main"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=repository, env=environ, capture_output=True, text=True, check=False, timeout=50
    )

    assert done.returncode == 1
    assert re.search(r"^::error file=content/second\.md,line=\d+", done.stdout, re.MULTILINE)
    assert "first.md" not in done.stdout


# Monitoring


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], str]]:
    """What a daemon tells of itself whose configuration was broken after its start: /healthz and /metrics."""
    site, port = demo(tmp_path_factory.mktemp("monitored")), free_port()
    settings = site.file.read_text(encoding="utf-8")
    settings += f'\n[monitoring]\nlisten = "127.0.0.1:{port}"\n[hooks]\ncommand = ["true"]\n'
    site.file.write_text(settings, encoding="utf-8")

    def get(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return bytes(answer.read()).decode()

    with Service(site.file, site.folder) as service:
        service.wait_for("READY=1")
        site.file.write_text(settings + "x=\n", encoding="utf-8")
        eventually(lambda: json.loads(get("/healthz"))["degraded"])
        yield json.loads(get("/healthz")), get("/metrics")
        assert service.stop() == 0


def test_health_is_told_as_in_the_example(told: tuple[dict[str, Any], str]) -> None:
    (text,) = HANDBOOK.of("json")
    example, health = json.loads(text), told[0]
    (reason,), (said,) = health.pop("reasons"), example.pop("reasons")

    assert re.sub(r"^\S+?:\d+: ", "", reason) == re.sub(r"^\S+?:\d+: ", "", said)
    assert health.keys() == example.keys()
    assert {type(health[name]) for name in health} == {type(example[name]) for name in health}
    assert {**health, "uptime": 0, "version": ""} == {**example, "uptime": 0, "version": ""}


def families(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))


def test_table_of_metrics_is_complete(told: tuple[dict[str, Any], str]) -> None:
    named = [name for row in HANDBOOK.table("Metric") for name in re.findall(r"`([\w*]+)`", row[0])]
    prefixes = tuple(name.removesuffix("*") for name in named if name.endswith("*"))
    there = families(told[1])

    assert {name for name in there if not name.startswith(prefixes)} == {name for name in named if name[-1] != "*"}
    assert all(any(name.startswith(prefix) for name in there) for prefix in prefixes)


def test_labels_that_are_named_for_a_metric_are_its_own(told: tuple[dict[str, Any], str]) -> None:
    samples = re.findall(r"^(\w+)\{([^}]*)\}", told[1], re.MULTILINE)
    for name in (
        "feedd_build_info",
        "feedd_state",
        "feedd_watcher",
        "feedd_runs_total",
        "feedd_article_changes_total",
        "feedd_articles",
        "feedd_content_problems",
        "feedd_problems",
        "feedd_http_requests_total",
    ):
        (says,) = (row[1] for row in HANDBOOK.table("Metric") if f"`{name}`" in row[0])
        (named,) = re.findall(r"by (`\w+`(?:(?:, | and )`\w+`)*)", says)
        (labels, *_) = (labels for one, labels in samples if one == name)
        assert set(re.findall(r"`(\w+)`", named)) == set(re.findall(r'(\w+)="', labels)), name


def test_expressions_to_be_woken_by_are_of_metrics_that_there_are(told: tuple[dict[str, Any], str]) -> None:
    rows = HANDBOOK.table("Expression")
    there = families(told[1])
    values = set(re.findall(r'\w+="\w+"', told[1]))

    assert len(rows) >= 9
    for expression, *_ in rows:
        for name in re.findall(r"feedd_\w+", expression.replace('job="feedd"', "")):
            assert name.removesuffix("_bucket") in there
        assert set(re.findall(r'(?:state|kind)="\w+"', expression)) <= values


# Backup and recovery


def copy_of_the_state(folder: Path) -> None:
    program, *arguments = shlex.split(BACKUP[0])
    assert program == ".venv/bin/python"
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, timeout=50)


def test_backup_brings_back_what_only_the_state_knows(tmp_path: Path) -> None:
    site = demo(tmp_path)
    site.build()
    site.now += 1000
    first = next(path for path in sorted(site.content.rglob("*.md")) if "moon-rents" in path.name)
    first.write_text(first.read_text(encoding="utf-8").replace("The moon rents", "The moon returns"), encoding="utf-8")
    site.build()
    documents = site.documents()
    copy_of_the_state(tmp_path)
    shutil.rmtree(site.state)
    site.state.mkdir()
    (tmp_path / "backup.sqlite3").rename(site.state / "feedd.sqlite3")
    site.now += 1000

    assert site.build().written == ()
    assert site.documents() == documents


def lose_the_output(site: Site) -> None:
    shutil.rmtree(site.feeds)


def lose_the_state(site: Site) -> None:
    shutil.rmtree(site.state)


def damage_the_state(site: Site) -> None:
    for path in site.state.glob("feedd.sqlite3*"):
        path.write_bytes(b"This is no database." * 1000)


def lose_the_content(site: Site) -> None:
    shutil.rmtree(site.content)


@pytest.mark.parametrize("lose", [lose_the_output, lose_the_state, damage_the_state, lose_the_content])
def test_whatever_is_lost_the_feeds_are_there_after_the_next_run(tmp_path: Path, lose: Any) -> None:
    site = demo(tmp_path)
    site.build()
    before = site.documents()
    lose(site)
    site.build()
    aside = [path.name for path in site.state.iterdir() if ".damaged-" in path.name]

    assert site.documents() == before
    assert bool(aside) == (lose is damage_the_state)
    assert "`feedd.sqlite3.damaged-…`" in HANDBOOK.text

"""What a command imports: what it works with, and nothing else that is slow."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from feedd.cli import COMMANDS
from feedd.testing import UNMEASURED, Site, running

SLOW = {
    "apscheduler", "asyncio", "feedgen", "feedd.config", "feedd.pipeline", "feedd.press", "feedd.serve.app",
    "feedd.service.control", "feedd.service.daemon", "feedd.state.database", "frontmatter", "ftfy", "http.client",
    "httptools", "importlib.metadata", "jinja2", "lxml", "markdown_it", "multiprocessing", "nh3", "prometheus_client",
    "sqlite3", "urllib3", "uvicorn", "uvloop", "watchdog", "yaml",
}  # fmt: skip
"""What takes milliseconds to import, and parts of feedd that stand for all that they need."""

RUNNING = {"feedd.config", "feedd.pipeline", "feedd.state.database", "sqlite3"}
READING = {"frontmatter", "yaml"}
WRITING = {"feedd.press", "feedgen", "lxml"}
ASKING = {"feedd.config", "feedd.service.control"}

PROGRAM = """
import atexit, os, sys
process = os.getpid()
def tell():
    if os.getpid() == process:
        print("imported:", *sorted(sys.modules), file=sys.stderr)
atexit.register(tell)
from feedd.cli import main
main(sys.argv[1:], prog_name="feedd")
"""


def imported(site: Site, *arguments: str, asked: str = "") -> set[str]:
    """Of what is slow, what a command imported that was called in a site's folder; `asked` completes a line instead."""
    typed = {"_FEEDD_COMPLETE": "bash_complete", "COMP_WORDS": asked, "COMP_CWORD": "1"} if asked else {}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=site.folder, env={**os.environ, **UNMEASURED, **typed}, capture_output=True, text=True, timeout=50,
        check=False,
    )  # fmt: skip
    return _told(done.stderr)


def imported_until(site: Site, said: str, *arguments: str) -> set[str]:
    """The same of a command that goes on until it is stopped, which it is when it says that."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=site.folder, env={**os.environ, **UNMEASURED}, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        overdue = threading.Timer(40, process.kill)
        overdue.start()
        before = []
        for line in process.stderr:
            before.append(line)
            if said in line:
                break
        process.terminate()
        told = "".join([*before, *process.stderr])
        overdue.cancel()
    assert said in told
    return _told(told)


def _told(said: str) -> set[str]:
    told = [line for line in said.splitlines() if line.startswith("imported: ")]
    assert told, said
    return SLOW & set(told[0].split())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.story("a.md")
    return site


@pytest.mark.parametrize("arguments", ["--version", "--help", "completion bash", "man"])
def test_what_is_about_feedd_itself_imports_nothing_slow(arguments: str, site: Site) -> None:
    assert imported(site, *arguments.split()) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_nothing_slow(command: str, site: Site) -> None:
    assert imported(site, command, "--help") == set()


def test_completion_of_a_command_imports_nothing_slow(site: Site) -> None:
    assert imported(site, asked="feedd bu") == set()


def test_a_build_imports_what_reads_and_writes_and_one_that_finds_nothing_new_does_not(site: Site) -> None:
    assert imported(site, "build") == RUNNING | READING | WRITING | {"multiprocessing"}
    assert imported(site, "build") == RUNNING


def test_check_imports_what_reads(site: Site) -> None:
    assert imported(site, "check") >= READING
    assert not imported(site, "check") & (WRITING | {"apscheduler", "watchdog", "jinja2", "uvicorn", "urllib3"})


def test_diff_imports_what_runs_and_what_writes_only_if_there_is_something_new(site: Site) -> None:
    assert imported(site, "diff") == RUNNING | READING | WRITING | {"multiprocessing"}
    imported(site, "build")
    assert imported(site, "diff") == RUNNING


@pytest.mark.parametrize("where", ["new", "."], ids=["without articles", "with articles"])
def test_init_imports_what_reads_and_nothing_that_runs_or_writes(where: str, site: Site) -> None:
    site.file.unlink()
    keeping = {"feedd.config", "feedd.state.database", "multiprocessing", "sqlite3"}
    found = imported(site, "init", where)
    assert READING | keeping == found - {"markdown_it", "nh3"}  # of which the samples take some


def test_prune_imports_what_asks_and_without_a_daemon_what_runs(site: Site) -> None:
    imported(site, "build")
    assert imported(site, "prune") == RUNNING | ASKING
    with running(site):
        assert imported(site, "prune") == ASKING


def test_ping_imports_what_tells_hubs_only_if_there_is_a_hub(site: Site) -> None:
    imported(site, "build")
    assert imported(site, "ping") == {"feedd.config", "feedd.state.database", "sqlite3"}


@pytest.mark.parametrize("arguments", ["schema", "man feedd.toml"])
def test_what_is_about_the_configuration_imports_that(arguments: str, site: Site) -> None:
    assert imported(site, *arguments.split()) == {"feedd.config"}


def test_run_imports_what_wakes_it_and_no_server_and_what_writes_only_if_there_is_something_new(site: Site) -> None:
    waking = {"apscheduler", "asyncio", "importlib.metadata", "feedd.service.daemon", "multiprocessing", "watchdog"}
    assert imported_until(site, " ready ", "run") == RUNNING | ASKING | waking | READING | WRITING
    assert imported_until(site, " ready ", "run") == RUNNING | ASKING | waking


def test_serve_imports_a_server_and_nothing_that_makes_feeds(site: Site) -> None:
    serving = {"asyncio", "feedd.config", "feedd.serve.app", "httptools", "multiprocessing", "uvicorn", "uvloop"}
    site.feeds.mkdir()
    assert imported_until(site, "serving ", "serve", "--listen", "./feeds.sock") == serving


def test_explain_imports_what_reads(site: Site) -> None:
    imported(site, "build")

    assert imported(site, "explain", "a.md") == RUNNING | READING


@pytest.mark.parametrize("command", ["status", "reload", "approve"])
def test_what_asks_the_daemon_imports_what_asks(command: str, site: Site) -> None:
    with running(site):
        assert imported(site, command) == ASKING


def test_a_web_servers_configuration_is_printed_without_a_web_server(site: Site) -> None:
    assert imported(site, "print-config", "nginx") == {"feedd.config"}

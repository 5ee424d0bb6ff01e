"""The commands that ask a daemon: what they say, their exit codes, and what they say where there is none."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from feedd.cli import main
from feedd.errors import Problem
from feedd.service.control import Control
from feedd.service.inbox import Inbox, Reply
from feedd.status import ApproveReply, InForce, ReloadReply, Status, StatusReply, failed, told
from feedd.testing import NOON, Site, answering, bound_by_permissions

COMMANDS = ["status", "reload", "approve"]

READY = Status(
    "1.2.3", 4711, NOON, NOON, 0.0, "ready", InForce("feedd.toml", NOON, "0123456789ab"), public=25, feeds=20
)
BAD = Problem("unknown-key", "is not a known key", "Did you mean limit?", "feedd.toml", 6, "output.limitt")
NAIVE = Problem("naive-date", "has no time zone", "Write it.", "a.md", 5, severity="warning")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def feedd(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
    """A command in this process. A bug, which is an exception other than the exit, is raised."""
    settings = {"FEEDD_CONFIG": None, "FEEDD_SOCKET": None, **(env or {})}
    return CliRunner().invoke(main, arguments, env=settings, catch_exceptions=False)


def on(site: Site, command: str, *arguments: str) -> Result:
    return feedd(command, "--config", str(site.file), *arguments)


@contextmanager
def daemon(place: Path | None, reply: Reply) -> Iterator[None]:
    """A daemon that replies so to whatever it is asked."""
    assert place is not None
    inbox = Inbox(0, 0)
    with Control(place, inbox, lambda: reply), answering(inbox, lambda command: reply):
        yield


def asked(site: Site, reply: Any, command: str, *arguments: str) -> Result:
    """A command that gets a reply."""
    with daemon(site.config.control.socket, told(reply)):
        return on(site, command, *arguments)


# --- status ---


def test_status_tells_people_how_the_daemon_is(site: Site) -> None:
    result = asked(site, StatusReply(True, READY), "status")

    assert result.stdout.startswith("feedd 1.2.3 is ready\n  process    4711, since 2024-06-01T12:00:00Z (")
    assert "  articles   25 articles public in 20 feeds\n" in result.stdout
    assert re.search(r"\(\d+ d ago\)", result.stdout)
    assert (result.stderr, result.exit_code) == ("", 0)


def test_status_json_is_the_reply_as_it_is(site: Site) -> None:
    reply = {**told(StatusReply(True, READY)), "more": "than this version knows"}
    with daemon(site.config.control.socket, reply):
        result = on(site, "status", "--json")

    assert json.loads(result.stdout) == json.loads(json.dumps(reply))
    assert (result.stderr, result.exit_code) == ("", 0)


@pytest.mark.parametrize(
    ("change", "exit_code"),
    [
        ({}, 0),
        ({"state": "reloading"}, 0),
        ({"state": "starting"}, 1),
        ({"state": "stopping"}, 1),
        ({"degraded": True, "reasons": ["the disk is full"]}, 1),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_exit_code_of_status_says_whether_all_is_well(
    change: dict[str, Any], exit_code: int, form: tuple[str, ...], site: Site
) -> None:
    reply = told(StatusReply(True, READY))
    reply["status"].update(change)
    with daemon(site.config.control.socket, reply):
        assert on(site, "status", *form).exit_code == exit_code


# --- reload ---


def test_reload_says_what_came_of_it(site: Site) -> None:
    result = asked(site, ReloadReply(True, (NAIVE,), "the configuration is in force"), "reload")

    assert result.stdout == "the configuration is in force\n"
    assert result.stderr == "warning: a.md:5: has no time zone. Write it.\n"
    assert result.exit_code == 0


def test_reload_that_is_refused_names_every_problem_as_at_the_start(site: Site) -> None:
    reply = ReloadReply(False, (BAD, BAD), "the configuration from before stays in force", refused=True)
    result = asked(site, reply, "reload")

    assert result.stderr == "error: feedd.toml:6: output.limitt: is not a known key. Did you mean limit?\n" * 2
    assert result.stdout == "the configuration from before stays in force\n"
    assert result.exit_code == 78


def test_reload_that_fails_otherwise_is_no_matter_of_the_configuration(site: Site) -> None:
    result = asked(site, ReloadReply(False, (Problem("failure", "the disk is full", "Make room."),)), "reload")

    assert (result.stderr, result.exit_code) == ("error: the disk is full. Make room.\n", 1)


def test_reload_json_is_the_reply_as_it_is(site: Site) -> None:
    result = asked(site, ReloadReply(False, (BAD,), "as before", refused=True), "reload", "--json")

    assert json.loads(result.stdout)["problems"][0]["line"] == 6
    assert (result.stderr, result.exit_code) == ("", 78)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ("[output]\nlimitt = 3\n", "state/control.sock"),
        ('[output]\nlimitt = 3\n[state]\npath = "elsewhere"\n', "elsewhere/control.sock"),
        ('[output]\nlimitt = 3\n[control]\nsocket = "my.sock"\n', "my.sock"),
        ("[nonsense\n", "state/control.sock"),
        ("state = 7\n", "state/control.sock"),
    ],
)
def test_daemon_is_asked_although_the_configuration_is_wrong(
    command: str, settings: str, place: str, site: Site
) -> None:
    site.configure(settings)
    with daemon(site.folder / place, failed(BAD)):
        result = on(site, command)

    assert result.stderr == "error: feedd.toml:6: output.limitt: is not a known key. Did you mean limit?\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_configuration_that_is_wrong_is_told_where_nobody_listens(command: str, site: Site) -> None:
    site.configure("[output]\nlimitt = 3\n")
    result = on(site, command)

    assert "feedd.toml:6: output.limitt: is not a known key" in result.stderr
    assert "--socket" in result.stderr.splitlines()[-1]
    assert result.exit_code == 78


@pytest.mark.parametrize("by", ["option", "environment"])
def test_daemon_is_reached_whatever_the_configuration_says(by: str, site: Site) -> None:
    place = site.folder / "elsewhere.sock"
    site.configure("[output]\nlimitt = 3\n")
    with daemon(place, told(ReloadReply(False, (BAD,), refused=True))):
        result = (
            on(site, "reload", "--socket", str(place))
            if by == "option"
            else feedd("reload", env={"FEEDD_SOCKET": str(place)})
        )

    assert result.stderr == "error: feedd.toml:6: output.limitt: is not a known key. Did you mean limit?\n"
    assert result.exit_code == 78


def test_help_of_reload_tells_of_a_configuration_that_is_wrong() -> None:
    said = " ".join(feedd("reload", "--help").stdout.split())

    assert "goes on with the one from before" in said
    assert "FEEDD_SOCKET" in said


# --- approve ---


@pytest.mark.parametrize(
    ("reply", "says", "exit_code"),
    [
        (ApproveReply(True, left=12), "12 articles left the feeds\n", 0),
        (ApproveReply(True, left=1), "1 article left the feeds\n", 0),
        (ApproveReply(True), "nothing is withheld\n", 0),
        (ApproveReply(True, problems=(NAIVE,)), "nothing is withheld\n", 0),
        (ApproveReply(True, left=1, withheld=2), "1 article left the feeds\n2 articles still withheld\n", 1),
        (ApproveReply(True, left=1, problems=(BAD,)), "1 article left the feeds\n", 1),
        (ApproveReply(False, problems=(BAD,)), "", 1),
    ],
)
def test_approve_says_what_left_the_feeds(reply: ApproveReply, says: str, exit_code: int, site: Site) -> None:
    result = asked(site, reply, "approve")

    assert (result.stdout, result.exit_code) == (says, exit_code)
    assert len(result.stderr.splitlines()) == len(reply.problems)


def test_approve_json_is_the_reply_as_it_is(site: Site) -> None:
    result = asked(site, ApproveReply(True, left=12), "approve", "--json")

    assert json.loads(result.stdout) == {"ok": True, "left": 12, "withheld": 0, "problems": []}


# --- Where there is no answer ---


def _no_daemon(site: Site) -> None:
    """Nothing at all."""


def _a_dead_daemon(site: Site) -> None:
    place = site.config.control.socket
    assert place is not None
    code = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    place.parent.mkdir()
    subprocess.run([sys.executable, "-c", code, str(place)], check=True, timeout=50)
    assert place.is_socket()


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("prepare", [_no_daemon, _a_dead_daemon])
def test_daemon_that_does_not_run_is_told_with_how_to_start_it(
    prepare: Callable[[Site], None], command: str, form: tuple[str, ...], site: Site
) -> None:
    prepare(site)
    result = on(site, command, *form)

    assert result.stdout == ""
    assert f"{site.config.control.socket}: control.socket: feedd does not run" in result.stderr
    assert "systemctl start feedd" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_who_may_not_ask_is_told_so(command: str, site: Site) -> None:
    place = site.config.control.socket
    assert place is not None
    with daemon(place, failed(BAD)):
        place.chmod(0)
        with bound_by_permissions():
            result = on(site, command)

    assert f"is for the user {site.folder.owner()}" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_daemon_could_not_do_is_told(command: str, site: Site) -> None:
    with daemon(site.config.control.socket, failed(Problem("stopping", "the daemon is stopping", "Start it."))):
        result = on(site, command)

    assert (result.stdout, result.stderr) == ("", "error: the daemon is stopping. Start it.\n")
    assert result.exit_code == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_answer_that_makes_no_sense_is_told(command: str, site: Site) -> None:
    with daemon(site.config.control.socket, {"fine": "yes"}):
        result = on(site, command)

    assert "the answer is not understood" in result.stderr
    assert result.exit_code == 1


# --- All three ---


WEIGHT = """
import sys
from feedd.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""
HEAVY = {
    "apscheduler",
    "concurrent.futures",
    "feedgen",
    "ftfy",
    "lxml",
    "multiprocessing",
    "sqlite3",
    "watchdog",
    "yaml",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_loads_nothing_that_it_does_not_need(command: str, site: Site) -> None:
    replies: dict[str, Any] = {
        "status": StatusReply(True, READY),
        "reload": ReloadReply(True),
        "approve": ApproveReply(True),
    }
    arguments = [sys.executable, "-c", WEIGHT, command, "--config", str(site.file)]
    # What measures coverage would load more.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with daemon(site.config.control.socket, told(replies[command])):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=50, check=True, env=environment)
    loaded = set(done.stderr.split())

    assert "feedd.service.control" in loaded
    assert loaded & (HEAVY | {"feedd.pipeline", "feedd.service.daemon"}) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_nobody_reads_ends_a_command_quietly(command: str, site: Site) -> None:
    reply = {**told(StatusReply(True, READY)), "left": 1, "text": "in force"}
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [sys.executable, "-m", "feedd", command, "--config", str(site.file)]
    with daemon(site.config.control.socket, reply):
        done = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=50, check=False)
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, "")

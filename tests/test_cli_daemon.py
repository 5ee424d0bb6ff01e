"""The commands that ask a daemon: what they say, their exit codes, and what they say where there is none."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from feedd import __version__
from feedd.cli import main
from feedd.errors import Problem
from feedd.publish.lock import sole_writer
from feedd.service.control import Control
from feedd.service.inbox import Inbox, Question, Reply
from feedd.status import (
    ApproveReply,
    Broken,
    InForce,
    Prunable,
    PruneReply,
    ReloadReply,
    Status,
    StatusReply,
    Withheld,
    WithheldReply,
    failed,
    told,
)
from feedd.testing import NOON, Site, answering, bound_by_permissions

ALONE = ["approve", "prune"]
"""Commands that do without a daemon."""
COMMANDS = ["status", "reload", *ALONE]

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
    with Control(place, inbox, lambda command: reply), answering(inbox, lambda command: reply):
        yield


@contextmanager
def talking(site: Site, *replies: Any) -> Iterator[list[Question]]:
    """A daemon that gives these replies, one after the other. Gives what it was asked."""
    place, inbox, asked = site.config.control.socket, Inbox(0, 0), list[Question]()
    assert place is not None

    def loop() -> None:
        while not (news := inbox.take()).stop:
            for question in news.questions:
                asked.append(question)
                reply = replies[len(asked) - 1]
                question.answer(reply if isinstance(reply, dict) else told(reply))

    thread = threading.Thread(target=loop, name="loop")
    with Control(place, inbox, lambda command: {}):
        thread.start()
        try:
            yield asked
        finally:
            inbox.stop()
            thread.join()


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


NOT_RUNNING = "feedd does not run: nobody answers there. Start it: `systemctl start feedd`, or `feedd run`."


def test_line_is_for_scripts_and_says_it_with_the_exit_code_too(site: Site) -> None:
    result = asked(site, StatusReply(True, READY), "status", "--line")

    assert re.fullmatch(r"(\w+=[^ ']+ )+why=''\n", result.stdout)
    assert result.stdout.startswith("state=ready degraded=no public=25 feeds=20 ")
    assert (result.stderr, result.exit_code) == ("", 0)

    reply = told(StatusReply(True, READY))
    reply["status"].update({"degraded": True, "reasons": ["the disk is full"]})
    with daemon(site.config.control.socket, reply):
        assert on(site, "status", "--line").exit_code == 1


def test_line_says_on_standard_output_that_there_is_no_daemon(site: Site) -> None:
    result = on(site, "status", "--line")

    assert (result.stdout, result.stderr, result.exit_code) == (f"state=absent why='{NOT_RUNNING}'\n", "", 1)


def test_line_and_json_at_once_are_refused(site: Site) -> None:
    assert on(site, "status", "--line", "--json").exit_code == 2


def test_status_tells_that_the_daemon_is_of_another_version(site: Site) -> None:
    said = asked(site, StatusReply(True, READY), "status").stdout.splitlines()[-1]

    assert said.startswith(f"  version    this command is of {__version__}: restart the daemon to upgrade it")
    same = replace(READY, version=__version__)
    assert "version   " not in asked(site, StatusReply(True, same), "status").stdout


def test_what_files_are_called_does_nothing_to_the_terminal(site: Site) -> None:
    status = replace(READY, broken=(Broken("a\x1b]0;owned\x07\u202e.md", 1, "is bad"),), broken_total=1)
    said = asked(site, StatusReply(True, status), "status").stdout

    assert "a\ufffd]0;owned\ufffd\ufffd.md:1: is bad" in said


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


@pytest.mark.parametrize("command", COMMANDS)
def test_a_slip_in_the_name_of_the_configuration_is_not_answered_by_another_daemon(command: str, site: Site) -> None:
    with daemon(site.folder / "state" / "control.sock", failed(BAD)):
        result = feedd(command, "--config", str(site.folder / "fedd.toml"))

    assert "fedd.toml: does not exist" in result.stderr
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


def test_reload_tells_that_the_daemon_stays_of_another_version(site: Site) -> None:
    said = asked(site, ReloadReply(True, text="in force", version="0.0.1"), "reload")

    assert said.stderr == (
        f"warning: feedd run is of version 0.0.1, this is {__version__}. Restart it: `systemctl restart feedd`.\n"
    )
    assert said.exit_code == 0
    assert asked(site, ReloadReply(True, text="in force", version=__version__), "reload").stderr == ""


# --- approve ---

ONE = Withheld("news/a.md", "tag:a", "A story", "its file is gone", ("all", "topics/ai"))
TWO = Withheld("b.md", "tag:b", "Another", "published is not true", tuple("abcdef"))
LISTED = WithheldReply(True, (ONE, TWO), 2, "d1")
NOBODY = "feedd: nothing was done. Nobody can be asked here: with --yes it is done.\n"
WOULD_LEAVE = """\
2 articles would leave, and are kept in the feeds by the guard:
  news/a.md: A story  tag:a
      its file is gone; in all, topics/ai
  b.md: Another  tag:b
      published is not true; in a, b, c, d and 2 more
"""


def test_approve_lists_what_would_leave_and_does_nothing_where_nobody_can_be_asked(site: Site) -> None:
    with talking(site, LISTED) as questions:
        result = on(site, "approve")

    assert (result.stdout, result.stderr, result.exit_code) == (WOULD_LEAVE, NOBODY, 1)
    assert [question.command for question in questions] == ["withheld"]


def test_approve_lists_no_more_than_somebody_reads(site: Site) -> None:
    many = WithheldReply(True, (ONE,) * 30, 5000, "d1")
    said = asked(site, many, "approve").stdout.splitlines()

    assert len(said) == 1 + 2 * 20 + 1
    assert said[-1] == "  … and 4980 more: `feedd approve --json` names 30"


@pytest.mark.parametrize(
    ("reply", "says", "exit_code"),
    [
        (ApproveReply(True, left=12), "12 articles left the feeds\n", 0),
        (ApproveReply(True, left=1), "1 article left the feeds\n", 0),
        (ApproveReply(True, left=1, problems=(NAIVE,)), "1 article left the feeds\n", 0),
        (ApproveReply(True, left=1, problems=(BAD,)), "1 article left the feeds\n", 1),
        (ApproveReply(False, problems=(BAD,)), "", 1),
    ],
)
def test_approve_says_what_left_the_feeds(reply: ApproveReply, says: str, exit_code: int, site: Site) -> None:
    with talking(site, LISTED, reply) as questions:
        result = on(site, "approve", "--yes")

    assert (result.stdout, result.exit_code) == (WOULD_LEAVE + says, exit_code)
    assert len(result.stderr.splitlines()) == len(reply.problems)
    assert [(question.command, question.digest) for question in questions] == [("withheld", ""), ("approve", "d1")]


def test_approve_lists_again_what_is_another_by_now(site: Site) -> None:
    other = replace(LISTED, articles=(TWO,), withheld=1, digest="d2")
    with talking(site, LISTED, ApproveReply(True, withheld=1), other, ApproveReply(True, left=1)) as questions:
        result = on(site, "approve", "--yes")

    assert [question.digest for question in questions] == ["", "d1", "", "d2"]
    assert result.stdout.startswith(f"{WOULD_LEAVE}1 article would leave, and is kept in the feeds by the guard:\n  b.")
    assert result.stdout.endswith("\n1 article left the feeds\n")
    assert (result.stderr, result.exit_code) == ("feedd: nothing was done, since by now it is this:\n", 0)


def test_approve_does_not_agree_to_others_for_ever(site: Site) -> None:
    with talking(site, *[LISTED, ApproveReply(True, withheld=2)] * 3) as questions:
        result = on(site, "approve", "--yes")

    assert len(questions) == 6
    assert result.stdout.endswith("2 articles still kept in the feeds by the guard\n")
    assert result.exit_code == 1


def test_approve_says_that_nothing_is_kept(site: Site) -> None:
    result = asked(site, WithheldReply(True), "approve", "--yes")

    assert (result.stdout, result.exit_code) == ("nothing is kept in the feeds by the guard\n", 0)


def test_approve_json_lists_and_does_nothing(site: Site) -> None:
    result = asked(site, LISTED, "approve", "--json")

    assert json.loads(result.stdout) == json.loads(json.dumps(told(LISTED)))
    assert (result.stderr, result.exit_code) == ("", 1)


def test_approve_json_with_yes_is_what_was_done(site: Site) -> None:
    with talking(site, LISTED, ApproveReply(True, left=2)):
        result = on(site, "approve", "--json", "--yes")

    assert json.loads(result.stdout) == {"ok": True, "left": 2, "withheld": 0, "problems": []}
    assert result.exit_code == 0


# --- prune ---

OLD = Prunable("topics/old", "no public article has this topic", ("topics/old.atom", "topics/old.rss"), NOON)
FOUND = PruneReply(True, (OLD,), 1, "d1")


def test_prune_lists_what_could_go_and_does_nothing_where_nobody_can_be_asked(site: Site) -> None:
    with talking(site, FOUND) as questions:
        result = on(site, "prune", "topics/old", "a\udcff")

    says = (
        r"topics/old: no public article has this topic; empty since 2024-06-01T12:00:00Z \(\d+ d ago\)\n"
        r"    topics/old.atom, topics/old.rss\n"
    )
    assert re.fullmatch(says, result.stdout)
    assert (result.stderr, result.exit_code) == (NOBODY, 1)
    assert [(one.command, one.names, one.digest) for one in questions] == [("prune", ("topics/old", "a?"), "")]


def test_prune_removes_exactly_what_it_listed(site: Site) -> None:
    with talking(site, FOUND, PruneReply(True, removed=2)) as questions:
        result = on(site, "prune", "--yes")

    assert result.stdout.endswith("\n2 documents removed for good\n")
    assert [(one.names, one.digest) for one in questions] == [((), ""), ((), "d1")]
    assert (result.stderr, result.exit_code) == ("", 0)


def test_prune_lists_again_what_is_another_by_now(site: Site) -> None:
    with talking(site, FOUND, replace(FOUND, digest="d2"), FOUND, PruneReply(True, removed=2)):
        result = on(site, "prune", "--yes")

    assert (result.stderr, result.exit_code) == ("feedd: nothing was done, since by now it is this:\n", 0)


def test_prune_does_nothing_if_something_that_was_named_is_wanted(site: Site) -> None:
    with talking(site, replace(FOUND, ok=False, problems=(BAD,))) as questions:
        result = on(site, "prune", "--yes", "topics/old", "topics/ai")

    assert len(questions) == 1
    assert (result.stderr.count("\n"), result.exit_code) == (1, 1)


def test_more_names_than_a_request_holds_are_refused(site: Site) -> None:
    with talking(site) as questions:
        result = on(site, "prune", *(f"topics/{number:010}" for number in range(2000)))

    assert result.stderr == "error: so many names are not taken at once. Give fewer, or none for all.\n"
    assert (questions, result.exit_code) == ([], 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_daemon_that_does_not_know_a_command_is_of_another_version(command: str, site: Site) -> None:
    what = Problem("not-understood", "the request is not understood: Invalid enum value", "Send one line.")
    with talking(site, failed(what), StatusReply(True, replace(READY, version="0.9"))):
        result = on(site, command)

    assert f"feedd run is of version 0.9, this is {__version__}: it does not know" in result.stderr
    assert f"what `feedd {command}` asks for" in result.stderr
    assert "systemctl restart feedd" in result.stderr
    assert (result.stdout, result.exit_code) == ("", 1)


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
    which = ("--socket", str(site.config.control.socket)) if command in ALONE else ()
    result = on(site, command, *form, *which)

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


# --- Beside one that writes ---


def test_programs_are_told_in_json_that_another_writes(site: Site) -> None:
    with sole_writer(site.feeds):
        built, pinged = on(site, "build", "--json"), on(site, "ping", "--json")

    for result in (built, pinged):
        [problem] = json.loads(result.stdout)["problems"]
        assert problem["kind"] == "locked"
        assert (result.stderr, result.exit_code) == ("", 1)


def test_who_tells_hubs_beside_a_daemon_hears_that_it_does_so_itself(site: Site) -> None:
    with sole_writer(site.feeds):
        result = on(site, "ping")

    assert "is writing here. If it is `feedd run`, it tells hubs by itself: `feedd status` says how" in result.stderr
    assert (result.stdout, result.exit_code) == ("", 1)


# --- All of them ---


WEIGHT = """
import sys
from feedd import __version__
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
        "approve": WithheldReply(True),
        "prune": PruneReply(True),
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

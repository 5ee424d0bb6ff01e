"""What the daemon says of itself: as values that travel, in a dozen lines, in one line."""

import json
import re
import subprocess
from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.errors import ControlError, Problem
from feedd.status import (
    MOST_BROKEN,
    STUCK,
    ApproveReply,
    Broken,
    HookStatus,
    Hub,
    InForce,
    LastRun,
    Prunable,
    PruneReply,
    ReloadReply,
    Running,
    State,
    Status,
    StatusReply,
    Withheld,
    WithheldReply,
    absent,
    failed,
    read,
    relative,
    span,
    summary,
    text,
    told,
    vitals,
)
from feedd.status import line as script_line
from feedd.testing import NOON

HOUR = 3600

READY = Status(
    version="1.2.3",
    pid=4711,
    now=NOON,
    started=NOON - 5 * HOUR,
    uptime=5.0 * HOUR,
    state="ready",
    configuration=InForce("/etc/feedd/feedd.toml", NOON - 2 * HOUR, "0123456789abcdef0123456789abcdef"),
    articles={"article": 30, "broken": 1, "skipped": 2},
    public=25,
    feeds=20,
    broken=(Broken("news/a.md", 5, "publishedDateTime: day is out of range for month"),),
    broken_total=1,
    last=LastRun(NOON - 120, 0.0412, read=3, written=9, unchanged=2, came=1, left=2),
    due=NOON + 180,
    watcher="inotify",
)
BAD = Problem("unknown-key", "is not a known key", "Did you mean limit?", "feedd.toml", 6, "output.limitt")
UNDER_WAY = replace(READY, running=Running("reading articles", 1200, 5000), current=False, now=NOON - 60)


def lines(status: Status, now: int = NOON) -> list[str]:
    return list(text(status, now))


def line(status: Status, name: str) -> str:
    """What is said after a word."""
    found = [line for line in lines(status) if line.startswith(f"  {name} ")]
    return found[0][13:] if found else ""


# --- Replies ---

REPLIES = [
    StatusReply(True, READY),
    StatusReply(True, UNDER_WAY),
    StatusReply(False, None, (BAD,)),
    ReloadReply(True, text="the configuration is in force"),
    ReloadReply(False, (BAD,), refused=True),
    ApproveReply(True, left=12),
    ApproveReply(False, withheld=3, problems=(BAD,)),
    WithheldReply(True, (Withheld("a.md", "tag:a", "A", "its file is gone", ("all",)),), 1, "d1"),
    PruneReply(True, (Prunable("topics/old", "no article", ("topics/old.rss",), NOON),), 1, "d1"),
    PruneReply(True, removed=3),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_reply_is_read_as_it_was_told(reply: Any) -> None:
    assert read(json.loads(msgspec.json.encode(told(reply))), type(reply)) == reply


@pytest.mark.parametrize("kind", [StatusReply, ReloadReply, WithheldReply, ApproveReply, PruneReply])
def test_failure_reads_as_any_reply(kind: Any) -> None:
    reply = read(failed(BAD), kind)

    assert not reply.ok
    assert reply.problems == (BAD,)


def test_what_a_newer_daemon_says_beyond_is_left_alone() -> None:
    reply = told(StatusReply(True, READY))
    reply["status"]["mood"] = "good"

    assert read({**reply, "more": 1}, StatusReply).status == READY


@pytest.mark.parametrize(
    "reply", [{}, {"ok": "yes"}, {"ok": True, "status": {"version": "1"}}, {"ok": True, "status": 1}]
)
def test_what_is_no_reply_is_refused(reply: dict[str, Any]) -> None:
    with pytest.raises(ControlError) as raised:
        read(reply, StatusReply)

    assert raised.value.problem.kind == "not-understood"
    assert raised.value.problem.remedy


def test_json_of_a_status_has_everything() -> None:
    status = json.loads(msgspec.json.encode(told(StatusReply(True, READY))))["status"]

    assert set(status) == {field.name for field in fields(Status)}
    assert status["broken"] == [
        {"file": "news/a.md", "line": 5, "what": "publishedDateTime: day is out of range for month"}
    ]
    assert (status["due"], status["running"], status["last"]["came"]) == (NOON + 180, None, 1)


@pytest.mark.parametrize(
    ("status", "fine"),
    [
        (READY, True),
        (replace(READY, state="reloading"), True),
        (replace(READY, degraded=True), False),
        (replace(READY, state="starting"), False),
        (replace(READY, state="stopping"), False),
    ],
)
def test_fine_is_who_keeps_the_feeds_right(status: Status, fine: bool) -> None:
    assert status.fine == fine


# --- Text ---


def test_status_is_a_dozen_lines() -> None:
    assert lines(READY) == [
        "feedd 1.2.3 is ready",
        "  process    4711, since 2024-06-01T07:00:00Z (5 h ago)",
        "  articles   25 articles public in 20 feeds",
        "  files      33: 30 articles, 1 broken, 2 skipped",
        "  broken     news/a.md:5: publishedDateTime: day is out of range for month",
        "  last run   2024-06-01T11:58:00Z (2 min ago), 0.04 s:"
        " 3 files read, 9 documents written, 2 unchanged; articles: 1 came, 2 left",
        "  next due   2024-06-01T12:03:00Z (in 3 min)",
        "  watching   inotify",
        "  settings   /etc/feedd/feedd.toml, since 2024-06-01T10:00:00Z (2 h ago)",
    ]


def test_status_of_a_daemon_that_has_just_started() -> None:
    status = Status("1.2.3", 1, NOON, NOON, 0.0, "starting", READY.configuration)

    assert lines(status) == [
        "feedd 1.2.3 is starting",
        "  process    1, since 2024-06-01T12:00:00Z (now)",
        "  articles   0 articles public in 0 feeds",
        "  files      none",
        "  last run   none yet",
        "  next due   nothing",
        "  watching   not yet",
        "  settings   /etc/feedd/feedd.toml, since 2024-06-01T10:00:00Z (2 h ago)",
    ]


def test_each_reason_to_be_degraded_has_its_line() -> None:
    status = replace(READY, degraded=True, reasons=("the disk is full. Make room.", "no content. Restore it."))

    assert lines(status)[:3] == [
        "feedd 1.2.3 is ready, but degraded",
        "  why        the disk is full. Make room.",
        "             no content. Restore it.",
    ]


def test_run_under_way_is_told_with_how_far_it_is() -> None:
    current = replace(UNDER_WAY, current=True, now=NOON)

    assert line(current, "at work") == "reading articles 1200/5000"
    assert line(replace(current, running=Running("scanning")), "at work") == "scanning"


def test_what_is_not_current_is_said_to_be_of_then() -> None:
    assert line(UNDER_WAY, "at work") == (
        "reading articles 1200/5000; what follows is of 2024-06-01T11:59:00Z (1 min ago)"
    )
    assert line(replace(UNDER_WAY, running=None), "at work").startswith("the daemon does not answer just now; what")


def test_withheld_articles_are_told() -> None:
    assert line(replace(READY, withheld=7), "articles").endswith(
        ", 7 of them kept there by the guard (see `feedd approve`)"
    )


def test_broken_files_beyond_the_most_are_counted() -> None:
    broken = tuple(Broken(f"{number}.md", None, "has no title") for number in range(25))
    said = lines(replace(READY, broken=broken, broken_total=30))
    first = said.index("  broken     0.md: has no title")

    assert said[first + MOST_BROKEN - 1] == "             19.md: has no title"
    assert said[first + MOST_BROKEN] == "             … and 10 more: `feedd check` shows all"


def test_problems_of_the_last_run_are_counted() -> None:
    assert line(replace(READY, last=LastRun(NOON, 1.0, read=1, problems=2)), "last run") == (
        "2024-06-01T12:00:00Z (now), 1.00 s: 1 file read, 0 documents written, 0 unchanged; 2 problems"
    )


def test_refused_configuration_is_told_with_every_problem() -> None:
    status = replace(READY, configuration=replace(READY.configuration, last_error=(str(BAD), "another")))

    assert lines(status)[-2:] == [
        "  refused    feedd.toml:6: output.limitt: is not a known key. Did you mean limit?",
        "             another",
    ]
    assert line(replace(status, reasons=(str(BAD),)), "refused") == "another"


def test_articles_that_are_not_to_be_seen_are_counted_by_the_reason() -> None:
    counts = {"public": 25, "broken": 1, "expired": 1, "unpublished": 4, "embargoed": 2, "duplicate": 3}

    assert line(replace(READY, publication=counts), "not public") == (
        "2 embargoed, 4 unpublished, 1 expired, 3 duplicate"
    )
    assert line(replace(READY, publication={"public": 25, "broken": 1}), "not public") == ""


def test_where_it_serves_is_told() -> None:
    status = replace(READY, serves="http://127.0.0.1:8000/", monitoring="unix:/run/feedd/monitoring.sock")
    said = lines(status)
    first = said.index("  serving    feeds at http://127.0.0.1:8000/")

    assert said[first + 1] == "             /healthz and /metrics at unix:/run/feedd/monitoring.sock"
    assert line(replace(status, serves=""), "serving") == "/healthz and /metrics at unix:/run/feedd/monitoring.sock"


def test_other_version_of_the_command_is_told() -> None:
    assert not any("version" in line for line in text(READY, NOON, "1.2.3"))
    assert list(text(READY, NOON, "1.3.0"))[-1] == (
        "  version    this command is of 1.3.0: restart the daemon to upgrade it, `systemctl restart feedd`"
    )


# --- One line ---

KEYS = [
    "state", "degraded", "public", "feeds", "withheld", "broken", "embargoed", "unpublished", "expired",
    "notifications", "due", "why",
]  # fmt: skip
"""Scripts read them by name or by place: none may go, and new ones come before the last."""


def test_line_for_scripts_has_every_key_in_its_place() -> None:
    status = replace(
        READY, withheld=3, degraded=True, reasons=('the disk is "full"', "C:\\"),
        publication={"embargoed": 2, "unpublished": 4, "expired": 1}, hubs=(BEHIND,),
    )  # fmt: skip
    said = script_line(status)

    assert said == (
        "state=ready degraded=yes public=25 feeds=20 withheld=3 broken=1 embargoed=2 unpublished=4 expired=1"
        """ notifications=12 due=2024-06-01T12:03:00Z why='the disk is "full" C:\\'"""
    )
    assert re.findall(r"(?:^| )(\w+)=", said) == KEYS


def test_line_for_scripts_may_be_given_to_a_shell_whatever_files_are_called() -> None:
    status = replace(READY, reasons=("it's\n$(echo bad) `echo bad`\x1b[m",), due=None)
    script = 'eval "$1"; echo "$due $why"'
    done = subprocess.run(["sh", "-c", script, "-", script_line(status)], capture_output=True, text=True, check=True)

    assert done.stdout == "never it's $(echo bad) `echo bad` [m\n"
    assert absent("nobody answers") == "state=absent why='nobody answers'"




@pytest.mark.parametrize(
    ("status", "said"),
    [
        (READY, "ready: 25 articles public in 20 feeds, 1 broken file, next change 2024-06-01T12:03:00Z"),
        (replace(READY, broken_total=0, due=None), "ready: 25 articles public in 20 feeds"),
        (replace(READY, public=1, feeds=1, broken_total=0, due=None), "ready: 1 article public in 1 feed"),
        (UNDER_WAY, "ready: reading articles 1200/5000"),
        (
            replace(READY, broken_total=0, due=None, withheld=3, degraded=True, reasons=("one", "two")),
            "ready, but degraded: 25 articles public in 20 feeds, 3 of them kept there by the guard"
            " (see `feedd approve`); one",
        ),
    ],
)
def test_summary_is_one_line_of_truth(status: Status, said: str) -> None:
    assert summary(status) == said


# --- Moments ---


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (1, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (47 * HOUR, "47 h"),
        (48 * HOUR - 1, "47 h"), (48 * HOUR, "2 d"), (400 * 24 * HOUR, "400 d"),
    ],
)  # fmt: skip
def test_span_is_told_in_whole_units(seconds: int, said: str) -> None:
    assert span(seconds) == said


def test_moments_are_told_as_seen_from_now() -> None:
    assert [relative(NOON + seconds, NOON) for seconds in (-7200, -1, 0, 1, 180)] == [
        "2 h ago", "1 s ago", "now", "in 1 s", "in 3 min",
    ]  # fmt: skip


@given(st.integers(0, 10**9))
def test_span_never_tells_more_than_there_is_and_hardly_less(seconds: int) -> None:
    number, unit = span(seconds).split()
    size = {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]

    assert int(number) * size <= seconds < (int(number) + 1) * size
    assert int(number) < 60 or unit == "d"


# --- Hubs ---

HUB = Hub("https://hub.example/")
BEHIND = Hub("https://slow.example/", 12, NOON - 120, NOON - 90, "HTTP 503: busy", NOON + 40)


def test_hubs_are_told_of_in_a_line_each() -> None:
    status = replace(READY, hubs=(HUB, BEHIND))

    assert line(status, "hubs") == "https://hub.example/ was told of all changes"
    assert (
        "             https://slow.example/ is yet to be told of 12 documents, the first since 2024-06-01T11:58:00Z "
        "(2 min ago); took nothing since 2024-06-01T11:58:30Z (1 min ago): HTTP 503: busy; asked again in 40 s"
    ) in lines(status)


def test_hub_that_refused_all_there_was_is_not_called_up_to_date() -> None:
    status = replace(READY, hubs=(replace(HUB, failing=NOON - 90, error="HTTP 400"),))

    assert line(status, "hubs") == (
        "https://hub.example/ has nothing to be told of; took nothing since 2024-06-01T11:58:30Z (1 min ago): HTTP 400"
    )


def test_without_hubs_nothing_is_said_of_them() -> None:
    assert line(READY, "hubs") == ""


HOOK = HookStatus("/usr/local/bin/purge")


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (HOOK, "was told of all changes"),
        (replace(HOOK, runs=True, waiting=1, since=NOON - 5), "is being told of 1 document, the first since"),
        (replace(HOOK, waiting=12, since=NOON - 120), "is yet to be told of 12 documents, the first since"),
        (
            replace(HOOK, waiting=2, since=NOON, failing=NOON - 90, error="ended with exit code 1", again=NOON + 40),
            "failed since 2024-06-01T11:58:30Z (1 min ago): it ended with exit code 1; started again in 40 s",
        ),
        (replace(HOOK, failing=NOON - 90, error="ended with exit code 1"), "has nothing to be told of; failed since"),
    ],
)
def test_the_command_is_told_of_in_a_line(hook: HookStatus, said: str) -> None:
    told = line(replace(READY, hook=hook), "hook")
    assert told.startswith("/usr/local/bin/purge ")
    assert said in told


def test_without_a_command_nothing_is_said_of_it() -> None:
    assert line(READY, "hook") == ""


def test_notifications_are_those_of_all_hubs() -> None:
    assert READY.notifications == 0
    assert replace(READY, hubs=(HUB, BEHIND, replace(HUB, waiting=1))).notifications == 13


def test_hubs_are_read_as_they_were_told() -> None:
    reply = StatusReply(True, replace(READY, hubs=(HUB, BEHIND)))

    assert read(json.loads(json.dumps(told(reply))), StatusReply) == reply


# --- Vitals ---


@pytest.mark.parametrize(
    ("state", "ready"), [("starting", False), ("ready", True), ("reloading", True), ("stopping", False)]
)
def test_feeds_that_are_kept_up_to_date_make_a_daemon_ready(state: State, ready: bool) -> None:
    assert vitals(replace(READY, state=state), 0).ready is ready


def test_what_keeps_it_from_doing_all_that_it_should_leaves_it_ready() -> None:
    found = vitals(replace(READY, degraded=True, reasons=("the disk is full",)), 0)

    assert (found.ready, found.degraded, found.reasons) == (True, True, ("the disk is full",))


@pytest.mark.parametrize(("silent", "stuck"), [(0, False), (STUCK - 1, False), (STUCK, True), (3600, True)])
def test_a_loop_without_signs_of_life_is_taken_for_stuck(silent: float, stuck: bool) -> None:
    found = vitals(READY, silent)

    assert (found.ready, found.degraded) == (not stuck, stuck)
    assert (f"no sign of life for {silent:.0f} s" in " ".join(found.reasons)) is stuck

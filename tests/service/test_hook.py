"""The hook: when the command is started for what, and what is kept of that. Real processes, a clock that stands."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from feedd.config import Config, parse
from feedd.errors import Problem
from feedd.publish.websub import FORGOTTEN
from feedd.service.hook import Hook, call
from feedd.state.database import Database, open_database
from feedd.state.pings import HOOK, Pings
from feedd.testing import SETTINGS, eventually


@dataclass
class Post:
    """A hook with a ledger, clocks that stand, and a script as its command. What that is given is noted in files: one
    for each start.
    """

    folder: Path
    database: Database
    now: float = 1_000_000.0
    moment: float = 0.0
    said: list[tuple[bool, str]] = field(default_factory=list)
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.pings, self.script = Pings(self.database), self.folder / "hook"
        (self.folder / "feeds").mkdir(exist_ok=True)
        self.does("exit 0")
        self.configure(f'command = ["{self.script}"]')
        self.begin()

    def configure(self, hooks: str) -> None:
        self.config: Config = parse(f"{SETTINGS}[hooks]\n{hooks}\n", str(self.folder / "feedd.toml"), self.folder)

    def begin(self) -> None:
        """A new process begins."""
        clocks = (lambda: self.now, lambda: self.moment)
        self.hook = Hook(self.folder / "feedd.toml", self.ended.release, self.say, *clocks, chance=lambda: 1.0)

    def say(self, complained: bool, line: str) -> None:
        self.said.append((complained, line))

    def does(self, script: str) -> None:
        """What the command does once it has noted what it is given."""
        note = f"cat > {self.folder}/part.$$; mv {self.folder}/part.$$ {self.folder}/told.$(date +%s%N)"
        self.script.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        self.script.chmod(0o755)

    def note(self, *paths: str) -> None:
        self.pings.note(paths, (HOOK,), int(self.now))
        self.hook.look(bool(paths))

    def turn(self) -> tuple[Problem, ...]:
        self.moment += 1
        return self.hook.turn(self.pings, self.config)

    def next(self) -> tuple[Problem, ...]:
        """The turn after the end of a command."""
        assert self.ended.acquire(timeout=20)
        return self.turn()

    def rest(self) -> tuple[Problem, ...]:
        """Turns until nothing is under way any more; gives what was given up."""
        given_up = self.turn()
        while self.hook.under_way:
            given_up += self.next()
        return given_up

    def told(self) -> list[list[str]]:
        """What the command was told at each of its starts."""
        return [path.read_text().splitlines() for path in sorted(self.folder.glob("told.*"))]

    def waiting(self) -> int:
        waiting = self.pings.waiting_for_hook()
        return waiting.count if waiting else 0


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with closing(open_database(tmp_path / "state")) as database:
        made = Post(tmp_path, database)
        yield made
        made.hook.close(made.pings, made.config)


# What it is started for


def test_the_command_is_told_of_all_that_changed_in_one_go(post: Post) -> None:
    post.note("topics/ai.atom", "all.atom", "all.json")
    assert post.rest() == ()
    assert post.told() == [["all.atom", "all.json", "topics/ai.atom"]]
    assert post.waiting() == 0
    assert post.rest() == ()
    assert len(post.told()) == 1


def test_nothing_is_started_where_nothing_changed(post: Post) -> None:
    assert post.rest() == ()
    assert post.told() == []


def test_what_changes_meanwhile_is_gathered_for_one_next_start(post: Post) -> None:
    gate = post.folder / "gate"
    os.mkfifo(gate)
    post.does(f"read line < {gate}")
    post.note("all.atom")
    post.turn()
    eventually(post.told)
    post.note("all.atom", "index.html")
    post.turn()
    post.note("all.json")
    post.turn()
    assert len(post.told()) == 1  # one at a time
    post.does("exit 0")
    gate.write_text("go\n")
    post.next()
    post.rest()
    assert post.told() == [["all.atom"], ["all.atom", "all.json", "index.html"]]
    assert post.waiting() == 0


def test_the_command_is_told_where_the_feeds_are(post: Post) -> None:
    post.does('pwd; echo "$FEEDD_OUTPUT"; echo "$FEEDD_FEEDS_URL"; echo "$FEEDD_CONFIG"; echo "$NOTIFY_SOCKET" >&2')
    post.note("all.atom")
    post.rest()
    feeds, url, file = str(post.folder / "feeds"), "https://news.example/feeds/", str(post.folder / "feedd.toml")
    assert post.said == [(False, feeds), (False, feeds), (False, url), (False, file)]


def test_a_path_is_seen_from_the_configuration_and_a_name_from_path(post: Post) -> None:
    post.configure('command = ["./hook", "--all"]')
    assert post.config.hooks.command == (str(post.folder / "hook"), "--all")
    post.configure('command = ["cp", "/dev/stdin", "copy"]')
    post.note("all.atom")
    post.rest()
    assert (post.folder / "feeds/copy").read_text() == "all.atom\n"


# When it fails


def test_a_command_that_fails_is_told_again_with_what_is_new(post: Post) -> None:
    post.does("exit 7")
    post.note("all.atom")
    post.rest()
    (problem,) = post.hook.problems
    assert (problem.kind, problem.field, problem.severity) == ("hook-fails", "hooks.command", "warning")
    assert problem.what == f"{post.script} ended with exit code 7"
    assert post.waiting() == 1

    post.turn()
    assert not post.hook.under_way  # it rests
    post.does("exit 0")
    post.note("all.json")
    post.moment += 10
    post.rest()
    assert post.told() == [["all.atom"], ["all.atom", "all.json"]]
    assert (post.waiting(), post.hook.problems) == (0, ())


def test_without_news_a_command_that_failed_rests_ever_longer(post: Post) -> None:
    post.does("exit 1")
    post.note("all.atom")
    post.rest()
    pauses: list[int] = []
    for starts in range(2, 6):
        before = post.now
        while len(post.told()) < starts:
            post.now += 1
            post.rest()
        pauses.append(int(post.now - before))
    assert pauses == [5, 10, 20, 40]


def test_news_does_not_start_a_failing_command_over_and_over(post: Post) -> None:
    post.does("exit 1")
    for number in range(20):
        post.note(f"{number}.atom")
        post.rest()  # a second or two each
    assert 1 < len(post.told()) <= 1 + post.moment / 5


def test_a_timeout_is_a_failure(post: Post) -> None:
    post.does("while :; do echo; sleep 0.05; done")  # with each line of it the clock is looked at
    post.configure(f'command = ["{post.script}"]\ntimeout = "30s"')
    post.note("all.atom")
    post.turn()
    eventually(post.told)
    post.moment += 31
    post.next()
    assert post.hook.problems[0].what == f"{post.script} did not end within 30 s, and was killed"
    assert post.waiting() == 1


def test_a_command_that_is_not_there_is_a_failure(post: Post) -> None:
    post.script.unlink()
    post.note("all.atom")
    post.rest()
    assert "cannot be started: there is no such program" in post.hook.problems[0].what
    assert post.hook.problems[0].remedy.startswith("Install it, let feedd's user execute it (`chmod +x`), or name")
    assert post.waiting() == 1


def test_what_fails_for_a_day_is_given_up_and_what_is_new_is_not(post: Post) -> None:
    post.does("exit 1")
    post.note("all.atom", "all.json")
    post.rest()
    post.now += FORGOTTEN + 1
    post.note("index.html")
    (given_up,) = post.rest()
    assert given_up.kind == "hook-missed"
    assert "failed for a day for 2 documents" in given_up.what
    assert post.waiting() == 1


def test_another_command_is_started_at_once(post: Post) -> None:
    post.does("exit 1")
    post.note("all.atom")
    post.rest()
    post.configure(f'command = ["/bin/cp", "/dev/stdin", "{post.folder}/copy"]')
    post.rest()
    assert (post.folder / "copy").read_text() == "all.atom\n"
    assert post.hook.problems == ()


def test_without_a_command_what_waits_is_forgotten(post: Post) -> None:
    post.does("exit 1")
    post.note("all.atom")
    post.rest()
    post.configure("command = []")
    post.rest()
    assert (post.waiting(), post.hook.problems, post.pings.trouble_of_hook()) == (0, (), None)


def test_hubs_and_the_command_do_not_get_in_each_others_way(post: Post) -> None:
    post.does("exit 1")
    post.pings.note(["all.atom"], ["https://hub.example/"], int(post.now))
    post.note("all.atom")
    post.rest()
    assert [one.hub for one in post.pings.waiting()] == ["https://hub.example/"]
    assert post.pings.troubles() == {}
    assert post.pings.keep_to([]) == 1
    assert (post.pings.any(), post.waiting()) == (False, 1)


# Over the end of the process


def test_what_is_due_is_told_by_the_next_process_at_once(post: Post) -> None:
    post.does("exit 1")
    post.note("all.atom")
    post.rest()
    post.hook.close(post.pings, post.config)
    post.does("exit 0")
    post.begin()
    post.rest()
    assert post.told() == [["all.atom"], ["all.atom"]]
    assert post.waiting() == 0


def test_at_the_end_a_command_gets_a_moment_and_what_it_was_told_stays_due(post: Post) -> None:
    post.does("trap '' TERM; echo begun; while :; do sleep 600; done")
    post.note("all.atom")
    post.turn()
    eventually(lambda: post.said)
    post.hook.close(post.pings, post.config)
    assert not post.hook.under_way
    assert post.waiting() == 1
    assert post.pings.trouble_of_hook() is None


def test_a_command_that_ends_in_that_moment_is_not_told_again(post: Post) -> None:
    gate = post.folder / "gate"
    os.mkfifo(gate)
    post.does(f"read line < {gate}")
    post.note("all.atom")
    post.turn()
    eventually(post.told)
    threading.Thread(target=gate.write_text, args=("go\n",)).start()
    post.hook.close(post.pings, post.config)
    assert post.waiting() == 0


def test_nothing_is_started_after_the_end(post: Post) -> None:
    post.hook.close(post.pings, post.config)
    post.note("all.atom")
    post.turn()
    assert not post.hook.under_way


def test_a_state_that_cannot_be_written_is_no_reason_to_forget(post: Post) -> None:
    post.note("all.atom")
    post.turn()
    assert post.ended.acquire(timeout=20)
    with closing(sqlite3.connect(post.folder / "state/feedd.sqlite3", isolation_level=None)) as other:
        post.database.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        post.turn()
        assert post.hook.under_way
        other.execute("ROLLBACK")
    post.turn()
    assert not post.hook.under_way
    assert (post.waiting(), len(post.told())) == (0, 1)


def test_a_state_that_is_replaced_meanwhile_loses_nothing(post: Post, tmp_path: Path) -> None:
    post.note("all.atom")
    post.turn()
    with closing(open_database(tmp_path / "other")) as other:
        post.pings = Pings(other)
        post.note("all.json", "all.rss")
        post.next()
        post.rest()
        assert post.told() == [["all.atom"], ["all.json", "all.rss"]]
        post.hook.close(post.pings, post.config)


# Without a daemon


def test_a_build_starts_it_once_and_waits(post: Post) -> None:
    post.note("all.atom")
    assert call(post.pings, post.config, post.folder / "feedd.toml", post.say) == ()
    assert post.told() == [["all.atom"]]
    assert post.waiting() == 0


def test_a_build_does_not_wait_for_another_try(post: Post) -> None:
    post.now = time.time()
    post.does("echo no >&2; exit 1")
    post.note("all.atom")
    (problem,) = call(post.pings, post.config, post.folder / "feedd.toml", post.say)
    assert problem.kind == "hook-fails"
    assert post.said == [(True, "no")]
    assert (post.waiting(), len(post.told())) == (1, 1)

"""The loop, in a thread of this process: real files, inotify and notify socket, and a clock that is set by hand."""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from feedd.config import Config
from feedd.errors import Problem, PublishError
from feedd.feeds.entry import Document
from feedd.pipeline import Pipeline, Progress, Report
from feedd.publish.directory import Directory, Placed
from feedd.service.control import ask
from feedd.service.inbox import Inbox
from feedd.service.systemd import Notifier
from feedd.state.database import open_database
from feedd.testing import (
    NOON,
    UNMEASURED,
    FailingDirectory,
    ServiceManager,
    Site,
    approved,
    asked,
    eventually,
    no_sync,
    running,
)

# The clock of these sites stands in the past: what is to be done within the hour would be done at once, and hide that a
# change was not heard of.
AT_ONCE = '[schedule]\nrescan = "900000h"\n[watch]\nquiet = "0ms"\n'
FEW = AT_ONCE + "[guard]\ncount = 2\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, AT_ONCE)
    site.story("first.md")
    return site


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(str(tmp_path / "notify")) as manager:
        yield manager


def stories(site: Site, count: int) -> None:
    for number in range(count):
        site.story(f"{number:02}.md", webUrl=f"https://source.example/{number}")


def titles(site: Site) -> set[str]:
    return set(site.titles())


def status(inbox: Inbox) -> dict[str, Any]:
    found: dict[str, Any] = asked(inbox, "status")["status"]
    return found


def shows(site: Site, title: str) -> bool:
    return title in site.titles()


def everything(site: Site) -> bytes:
    return b"".join(site.documents().values())


# Changes


def test_what_is_there_at_the_start_is_published(site: Site) -> None:
    with running(site):
        assert titles(site) == {"first"}


def test_a_new_article_is_published(site: Site) -> None:
    with running(site):
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


def test_an_article_that_is_unpublished_leaves(site: Site) -> None:
    site.story("second.md")
    with running(site):
        site.story("second.md", published=False)
        eventually(lambda: titles(site) == {"first"})


def test_an_article_that_is_moved_out_leaves(site: Site, tmp_path: Path) -> None:
    site.story("second.md")
    with running(site):
        (site.content / "first.md").rename(tmp_path / "first.md")
        eventually(lambda: titles(site) == {"second"})


def test_an_atomic_save_is_seen(site: Site, tmp_path: Path) -> None:
    with running(site):
        beside = site.story(".first.md.swp", "Saved", webUrl="https://source.example/first")
        beside.rename(site.content / "first.md")
        eventually(lambda: titles(site) == {"Saved"})


def test_an_article_that_is_truncated_and_written_again_stays(site: Site) -> None:
    with running(site), (site.content / "first.md").open("r+") as file:
        text = file.read()
        file.truncate(0)
        file.seek(0)
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        file.write(text.replace('"first"', '"mended"'))
        file.flush()
        eventually(lambda: titles(site) == {"mended", "second"})


def test_a_folder_that_is_moved_takes_its_articles_along(site: Site) -> None:
    for number in range(20):
        site.story(f"old/{number}.md", webUrl=f"https://source.example/{number}")
    with running(site):
        before = site.documents()
        (site.content / "old").rename(site.content / "new")
        site.story("new/7.md", "Edited", webUrl="https://source.example/7")
        eventually(lambda: "Edited" in titles(site))
        assert len(site.titles()) == len(json.loads(before["all.json"])["items"])


def test_a_quiet_edit_writes_nothing(site: Site) -> None:
    with running(site) as inbox:
        before = {path: path.stat().st_mtime_ns for path in site.feeds.rglob("*.*")}
        site.story("first.md", heat=80)
        site.story("second.md", published=False)
        eventually(lambda: status(inbox)["articles"]["article"] == 2)
        assert {path: path.stat().st_mtime_ns for path in site.feeds.rglob("*.*")} == before


def test_a_taxonomy_that_changes_is_taken_in(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{AT_ONCE}[taxonomy]\ntopics = ["content/_data/topics"]\n')
    site.story("first.md")
    site.write("_data/topics/ai.yaml", "_id: ai\nname: AI\n")
    with running(site):
        site.write("_data/topics/ai.yaml", "_id: ai\nname: Thinking machines\notherNames: [AI]\n")
        eventually(lambda: b"Thinking machines" in everything(site))


def test_polling_finds_what_nobody_told(tmp_path: Path) -> None:
    site = Site(tmp_path, '[watch]\nmode = "poll"\npoll = "1s"\n')
    site.story("first.md")
    with running(site) as inbox:
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        assert status(inbox)["watcher"] == "polling"
        assert not status(inbox)["degraded"]


# Moments


def test_an_embargoed_article_is_nowhere_until_its_instant(site: Site) -> None:
    with running(site) as inbox:
        site.story("secret.md", "Hush", publishedDateTime="2024-06-01T12:30:00Z")
        eventually(lambda: status(inbox)["due"] == NOON + 1800)
        site.now = NOON + 1799
        inbox.wake()
        asked(inbox, "status")
        assert b"Hush" not in everything(site)
        site.now = NOON + 1800
        inbox.wake()
        eventually(lambda: titles(site) == {"first", "Hush"})


def test_an_embargo_that_ended_while_nobody_looked_is_seen_at_the_tick(site: Site) -> None:
    site.story("secret.md", "Hush", publishedDateTime="2024-06-01T12:30:00Z")
    with running(site):
        site.now = NOON + 7200  # as if the clock were stepped: nobody wakes the loop
        eventually(lambda: titles(site) == {"first", "Hush"})


def test_a_clock_that_is_set_back_hides_what_is_not_public_yet(site: Site) -> None:
    site.story("secret.md", "Hush", publishedDateTime="2024-06-01T11:30:00Z")
    with running(site):
        assert titles(site) == {"first", "Hush"}
        site.now = NOON - 3600
        eventually(lambda: titles(site) == {"first"})


def test_an_embargo_outlasts_a_restart(site: Site) -> None:
    site.story("secret.md", "Hush", publishedDateTime="2024-06-01T12:30:00Z")
    with running(site):
        pass
    with running(site) as inbox:
        assert b"Hush" not in everything(site)
        assert status(inbox)["due"] == NOON + 1800


# The content root


def test_a_root_that_is_removed_leaves_the_feeds_as_they_are(site: Site) -> None:
    with running(site) as inbox:
        before = site.documents()
        shutil.rmtree(site.content)
        eventually(lambda: "no-content" in kinds(inbox) or "guard" in kinds(inbox))
        assert site.documents() == before
        site.content.mkdir()
        site.story("first.md")
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        eventually(lambda: not status(inbox)["degraded"])
        site.story("third.md")
        eventually(lambda: titles(site) == {"first", "second", "third"})


def kinds(inbox: Inbox) -> str:
    """What is wrong, as far as these tests ask."""
    words = {"would leave": "guard", "cannot be listed": "no-content"}
    reasons = " ".join(status(inbox)["reasons"])
    return " ".join(kind for text, kind in words.items() if text in reasons)


def test_a_root_that_is_emptied_leaves_the_feeds_as_they_are(site: Site) -> None:
    with running(site) as inbox:
        before = site.documents()
        (site.content / "first.md").unlink()
        eventually(lambda: kinds(inbox) == "guard")
        assert site.documents() == before


def test_a_symlink_that_is_swapped_is_followed(tmp_path: Path) -> None:
    site = Site(tmp_path, AT_ONCE)
    site.story("first.md")
    site.content.rename(tmp_path / "release-1")
    site.content.symlink_to("release-1")
    shutil.copytree(tmp_path / "release-1", tmp_path / "release-2")
    with running(site):
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        (tmp_path / "next").symlink_to("release-2")
        (tmp_path / "next").rename(site.content)
        site.story("third.md")
        eventually(lambda: titles(site) == {"first", "third"})


def test_a_start_without_content_is_not_ready_until_it_comes(tmp_path: Path, manager: ServiceManager) -> None:
    site = Site(tmp_path, AT_ONCE)
    site.content.rmdir()
    with running(site, notifier=Notifier(manager.address)) as inbox:
        assert status(inbox)["state"] == "starting"
        assert "READY=1" not in " ".join(manager.queued())
        site.story("first.md")
        eventually(lambda: status(inbox)["state"] == "ready")
        eventually(lambda: any("READY=1" in told for told in manager.queued()))
        assert titles(site) == {"first"}


# The guard


def test_guard_keeps_what_leaves_at_once_until_it_is_approved(tmp_path: Path) -> None:
    site = Site(tmp_path, FEW)
    stories(site, 10)
    with running(site) as inbox:
        for number in range(5):
            (site.content / f"{number:02}.md").unlink()
        eventually(lambda: status(inbox)["withheld"] > 0)
        site.story("new.md")
        eventually(lambda: "new" in titles(site))
        eventually(lambda: status(inbox)["withheld"] == 5 - (10 - (len(titles(site)) - 1)))
        assert status(inbox)["degraded"]
        reply = approved(inbox)
        assert reply["ok"]
        assert titles(site) == {f"{number:02}" for number in range(5, 10)} | {"new"}
        assert not status(inbox)["degraded"]


def test_guard_lets_go_by_itself_when_the_files_are_back(tmp_path: Path) -> None:
    site = Site(tmp_path, FEW)
    stories(site, 10)
    with running(site) as inbox:
        site.content.rename(tmp_path / "away")
        site.content.mkdir()
        eventually(lambda: status(inbox)["degraded"])
        site.content.rmdir()
        (tmp_path / "away").rename(site.content)
        eventually(lambda: not status(inbox)["degraded"])
        assert len(site.titles()) == 10


def test_guard_lets_go_as_soon_as_the_last_file_is_back(tmp_path: Path) -> None:
    site = Site(tmp_path, FEW)
    stories(site, 10)
    with running(site) as inbox:
        kept = [(site.content / f"{number:02}.md") for number in range(6)]
        texts = [place.read_text("utf-8") for place in kept]
        for place in kept:
            place.unlink()
        eventually(lambda: status(inbox)["withheld"] == 6)
        for _ in range(7):  # looks in vain, after which the next would be a minute away
            asked(inbox, "withheld")
        for place, text in zip(kept, texts, strict=True):
            place.write_text(text, "utf-8")
        eventually(lambda: not status(inbox)["degraded"])
        assert len(site.titles()) == 10


# The configuration


def test_reload_brings_a_new_feed(site: Site) -> None:
    with running(site) as inbox:
        site.configure(f'{AT_ONCE}configuration = false\n[[feed]]\nname = "extra"\n')
        reply = asked(inbox, "reload")
        assert (reply["ok"], list(reply["problems"])) == (True, [])
        assert site.titles("extra") == ["first"]


def test_a_bad_configuration_is_refused_with_its_line_and_the_old_one_goes_on(site: Site) -> None:
    with running(site) as inbox:
        site.configure(f"{AT_ONCE}[output]\nlimt = 3\n")
        reply = asked(inbox, "reload")
        (problem,) = reply["problems"]
        assert (reply["ok"], reply["refused"]) == (False, True)
        assert (problem["file"], problem["line"], problem["field"]) == (str(site.file), 10, "output.limt")
        assert "limit" in problem["remedy"]
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        assert status(inbox)["degraded"]
        site.configure(AT_ONCE)
        assert asked(inbox, "reload")["ok"]
        assert not status(inbox)["degraded"]


def test_the_watched_configuration_is_loaded_when_it_changes(site: Site) -> None:
    with running(site):
        site.configure(f'{AT_ONCE}[[feed]]\nname = "extra"\n')
        eventually(lambda: (site.feeds / "extra.json").exists())


def test_a_configuration_that_is_not_watched_waits_for_a_reload(tmp_path: Path) -> None:
    site = Site(tmp_path, f"{AT_ONCE}configuration = false\n")
    with running(site) as inbox:
        site.configure(f'{AT_ONCE}[[feed]]\nname = "extra"\n')
        site.story("first.md")
        eventually(lambda: titles(site) == {"first"})
        asked(inbox, "status")
        assert not (site.feeds / "extra.json").exists()


def test_reload_moves_to_other_directories(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.content, tmp_path / "other")
    with running(site) as inbox:
        site.configure(f'{AT_ONCE}configuration = false\n[content]\npath = "other"\n[output]\npath = "elsewhere"\n')
        assert asked(inbox, "reload")["ok"]
        site.feeds = tmp_path / "elsewhere"
        assert titles(site) == {"first"}
        (tmp_path / "other" / "first.md").rename(tmp_path / "other" / "second.md")
        (tmp_path / "other" / "third.md").write_text((tmp_path / "other" / "second.md").read_text("utf-8"))
        site.content = tmp_path / "other"
        site.story("fourth.md")
        eventually(lambda: "fourth" in titles(site))


def test_an_output_directory_that_another_holds_is_refused(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", AT_ONCE)
    with running(site) as inbox, running(other):
        site.configure(f'{AT_ONCE}configuration = false\n[output]\npath = "other/feeds"\n')
        reply = asked(inbox, "reload")
        assert (reply["ok"], reply["refused"]) == (False, True)
        assert f"process {os.getpid()}" in reply["problems"][0]["what"]
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


def test_a_storm_of_reloads_is_harmless(site: Site, manager: ServiceManager) -> None:
    with running(site) as inbox:
        for _ in range(10_000):
            inbox.reload()
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        assert status(inbox)["state"] == "ready"


def test_two_daemons_do_not_share_an_output_directory(site: Site, tmp_path: Path) -> None:
    with running(site):
        other = Site(tmp_path / "other", f'[output]\npath = "{site.feeds}"\n')
        with pytest.raises(PublishError, match=f"process {os.getpid()}"), running(other):
            pass


# What the service manager is told


def test_ready_is_told_once_and_after_the_first_publication(site: Site, manager: ServiceManager) -> None:
    with running(site, notifier=Notifier(manager.address)) as inbox:
        told = manager.queued()
        assert (site.feeds / "all.atom").exists()
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        asked(inbox, "status")
        told += manager.queued()
    assert [one for one in told if "READY=1" in one.splitlines()] == [
        "READY=1\nSTATUS=ready: 1 article public in 3 feeds"
    ]
    assert manager.queued()[-1] == "STOPPING=1"


def test_nothing_is_ready_before_the_documents_are_there(site: Site, manager: ServiceManager) -> None:
    seen: list[bool] = []

    class Telling(Directory):
        def put(self, document: Document) -> Placed:
            seen.append("READY=1" in " ".join(manager.queued()))
            return super().put(document)

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, Telling(config.output.path, no_sync))

    with running(site, notifier=Notifier(manager.address), open=opened):
        assert "READY=1" in " ".join(manager.queued())
    assert seen
    assert not any(seen)


def test_reloading_is_told_with_its_moment_in_one_datagram_and_ready_after_it(
    site: Site, manager: ServiceManager
) -> None:
    with running(site, notifier=Notifier(manager.address)) as inbox:
        manager.queued()
        asked(inbox, "reload")
        told = [one for one in manager.queued() if not one.startswith(("WATCHDOG", "STATUS"))]
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told[0])
    assert [one.splitlines()[0] for one in told] == ["RELOADING=1", "READY=1"]


def test_a_refused_configuration_ends_the_reloading_all_the_same(site: Site, manager: ServiceManager) -> None:
    with running(site, notifier=Notifier(manager.address)) as inbox:
        site.configure("[nonsense]\n")
        manager.queued()
        asked(inbox, "reload")
        told = manager.queued()
    assert any("READY=1" in one and "degraded" in one for one in told)


class Stuck(Directory):
    """An output directory whose disk hangs, from when it is told to until it may go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, no_sync)
        self.hang, self.hangs, self.go_on = False, threading.Event(), threading.Event()

    def put(self, document: Document) -> Placed:
        if self.hang:
            self.hangs.set()
            self.go_on.wait(30)
        return super().put(document)


def test_the_watchdog_hears_nothing_while_the_loop_is_stuck(site: Site, manager: ServiceManager) -> None:
    disk = Stuck(site.feeds)

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, disk)

    with running(site, notifier=Notifier(manager.address), watchdog=0.01, open=opened):
        manager.queued()
        assert manager.next() == "WATCHDOG=1"
        disk.hang = True
        site.story("second.md")
        assert disk.hangs.wait(10)
        manager.queued()
        with pytest.raises(TimeoutError):
            manager.next(0.2)
        disk.hang = False
        disk.go_on.set()
        assert manager.next()
        eventually(lambda: titles(site) == {"first", "second"})


def test_a_long_start_asks_for_more_time_and_says_what_it_is_at(site: Site, manager: ServiceManager) -> None:
    with running(site, notifier=Notifier(manager.address)):
        told = manager.queued()
    assert told[0] == "EXTEND_TIMEOUT_USEC=30000000"
    assert told[1].startswith("STATUS=starting: articles ")


def test_the_status_line_does_not_tell_of_an_embargo(site: Site, manager: ServiceManager) -> None:
    site.story("secret.md", "Hush", publishedDateTime="2024-06-01T12:30:00Z")
    with running(site, notifier=Notifier(manager.address)):
        told = " ".join(manager.queued())
    assert "2024" not in told
    assert "Hush" not in told


# Failures


def test_documents_that_cannot_be_written_are_tried_again(site: Site) -> None:
    disk = FailingDirectory(site.feeds)

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, disk)

    with running(site, open=opened) as inbox:
        disk.full = {"all.json"}
        site.story("second.md")
        eventually(lambda: status(inbox)["degraded"])
        assert "No space left" in status(inbox)["reasons"][0]
        disk.full = set()
        eventually(lambda: not status(inbox)["degraded"])
        assert titles(site) == {"first", "second"}


def test_a_fault_of_feedd_itself_costs_a_run_and_is_tried_again(site: Site) -> None:
    faults = iter([False, True])

    class Faulty(Directory):
        def settle(self) -> None:
            if next(faults, False):
                raise ZeroDivisionError
            super().settle()

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, Faulty(config.output.path, no_sync))

    with running(site, open=opened) as inbox:
        site.story("second.md")
        eventually(lambda: status(inbox)["degraded"])
        assert "ZeroDivisionError" in status(inbox)["reasons"][0]
        eventually(lambda: not status(inbox)["degraded"])
        assert titles(site) == {"first", "second"}


def test_a_stop_leaves_a_run_between_two_documents(site: Site) -> None:
    disk = Stuck(site.feeds)

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, disk)

    with running(site, open=opened) as inbox:
        for number in range(40):
            site.story(f"{number}.md", topics=[f"Topic {number}"], webUrl=f"https://source.example/{number}")
        disk.hang = True
        assert disk.hangs.wait(10)
        inbox.stop()
        disk.go_on.set()
    written = len(site.documents())
    site.settle()
    site.build()
    assert written < len(site.documents())
    assert len(titles(site)) == 41


# What it says of itself


def test_status_says_all_that_there_is_to_say(site: Site) -> None:
    site.write("broken.md", "---\ntitle: [\n---\n")
    with running(site) as inbox:
        found = status(inbox)
    assert found["state"] == "ready"
    assert found["articles"] == {"article": 1, "broken": 1}
    assert (found["public"], found["feeds"], found["watcher"]) == (1, 3, "inotify")
    assert [broken["file"] for broken in found["broken"]] == ["broken.md"]
    assert found["configuration"]["file"] == str(site.file)
    assert found["last"]["at"] == NOON
    assert not found["degraded"]


def test_memory_is_given_back_when_there_is_nothing_to_do(site: Site) -> None:
    hands = [0.0]
    with running(site, monotonic=lambda: hands[0]) as inbox:
        hands[0] = 60.0
        asked(inbox, "status")
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


def test_a_socket_that_moves_answers_those_who_asked_at_the_old_one(site: Site, tmp_path: Path) -> None:
    with running(site):
        site.configure(f'{AT_ONCE}configuration = false\n[control]\nsocket = "elsewhere.sock"\n')
        reply = ask(site.state / "control.sock", "reload", 10)
        assert reply["ok"]
        assert ask(tmp_path / "elsewhere.sock", "status", 10)["ok"]
        eventually(lambda: not (site.state / "control.sock").exists())


def test_a_state_that_cannot_be_asked_costs_no_more_than_the_answer(site: Site) -> None:
    class Mute(Pipeline):
        def problems(self) -> list[Problem]:
            raise sqlite3.OperationalError("database is locked")

    def opened(config: Config, progress: Progress) -> Pipeline:
        return Mute(config, open_database(config.state.path), Directory(config.output.path, no_sync), progress)

    with running(site, open=opened) as inbox:
        reply = asked(inbox, "status")
        assert reply["ok"]
        assert not reply["status"]["current"]
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


def test_a_fault_while_a_configuration_is_loaded_leaves_the_old_one_in_force(site: Site) -> None:
    def opened(config: Config, progress: Progress) -> Pipeline:
        if config.feeds:
            raise ZeroDivisionError
        return site.opened(config, progress)

    with running(site, open=opened) as inbox:
        site.configure(f'{AT_ONCE}configuration = false\n[[feed]]\nname = "extra"\n')
        reply = asked(inbox, "reload")
        assert (reply["ok"], reply["refused"]) == (False, True)
        assert "ZeroDivisionError" in reply["problems"][0]["what"]
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


def test_memory_is_given_back_also_under_steady_work(site: Site) -> None:
    rests: list[float] = []
    hands = [0.0]

    class Resting(Pipeline):
        def rest(self) -> None:
            rests.append(hands[0])
            super().rest()

    def opened(config: Config, progress: Progress) -> Pipeline:
        return Resting(config, open_database(config.state.path), Directory(config.output.path, no_sync), progress)

    with running(site, open=opened, monotonic=lambda: hands[0]) as inbox:
        for number in range(40):
            hands[0] = 4.0 * number
            site.story("second.md", f"For the {number}. time")
            eventually(partial(shows, site, f"For the {number}. time"))
            asked(inbox, "status")
    assert len(rests) == 2


def test_a_configuration_that_changes_while_the_daemon_starts_is_loaded(site: Site) -> None:
    def opened(config: Config, progress: Progress) -> Pipeline:
        if not config.feeds:
            site.configure(f'{AT_ONCE}[[feed]]\nname = "extra"\n')
        return site.opened(config, progress)

    with running(site, open=opened):
        eventually(lambda: (site.feeds / "extra.json").exists())


def test_a_socket_that_is_taken_away_is_made_again(site: Site) -> None:
    with running(site):
        place = site.state / "control.sock"
        place.unlink()
        eventually(place.is_socket)
        assert ask(place, "status", 10)["ok"]
        shutil.rmtree(site.state)
        eventually(place.is_socket)
        assert ask(place, "status", 10)["ok"]


def test_a_document_that_cannot_be_written_keeps_nobody_from_starting(site: Site, manager: ServiceManager) -> None:
    (site.feeds / "all.rss").mkdir(parents=True)
    with running(site, notifier=Notifier(manager.address)) as inbox:
        assert any("READY=1" in told for told in manager.queued())
        assert status(inbox)["degraded"]
        assert titles(site) == {"first"}


def test_two_daemons_do_not_share_a_state(site: Site, tmp_path: Path) -> None:
    settings = f'[state]\npath = "{site.state}"\n[control]\nsocket = "other.sock"\n'
    with running(site):
        other = Site(tmp_path / "other", settings)
        with pytest.raises(PublishError, match=r"state\.path: another feedd"), running(other):
            pass


def test_idle_nothing_is_looked_at(site: Site) -> None:
    """Else these tests would not notice that a change was not heard of."""
    runs: list[object] = []

    class Counting(Pipeline):
        def run(self, now: int, hints: Iterable[str] | None = None, approved: bool = False) -> Report:
            runs.append(hints)
            return super().run(now, hints, approved)

    def opened(config: Config, progress: Progress) -> Pipeline:
        return Counting(config, open_database(config.state.path), Directory(config.output.path, no_sync), progress)

    site.settle()
    hands = [0.0]
    with running(site, open=opened, monotonic=lambda: hands[0]) as inbox:
        for moment in range(20):
            hands[0] = float(moment)
            inbox.wake()
            asked(inbox, "status")
    assert runs == [None]


def test_guard_lets_go_under_steady_work_when_the_files_are_back(tmp_path: Path) -> None:
    site = Site(tmp_path, FEW)
    stories(site, 10)
    kept = {number: (site.content / f"{number:02}.md").read_text("utf-8") for number in range(6)}
    with running(site) as inbox:
        for number in kept:
            (site.content / f"{number:02}.md").unlink()
        eventually(lambda: status(inbox)["degraded"])
        for number, text in kept.items():
            site.write(f"{number:02}.md", text)

        def is_well() -> bool:
            site.story("busy.md", f"Busy {len(site.documents())}", published=False)
            return not status(inbox)["degraded"]

        eventually(is_well)
        assert len(site.titles()) == 10


def test_the_status_line_names_no_content_file(site: Site, manager: ServiceManager) -> None:
    (site.content / "secret-merger.md").symlink_to("secret-merger.md")
    with running(site, notifier=Notifier(manager.address)) as inbox:
        told = " ".join(manager.queued())
        assert "secret-merger" in " ".join(status(inbox)["reasons"])
    assert "degraded" in told
    assert "secret" not in told


def test_an_output_directory_by_another_path_is_the_same(site: Site, tmp_path: Path) -> None:
    with running(site) as inbox:
        (tmp_path / "alias").symlink_to("feeds")
        site.configure(f'{AT_ONCE}configuration = false\n[output]\npath = "alias"\n')
        assert asked(inbox, "reload")["ok"]
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})


@pytest.mark.slow
def test_ten_thousand_files_in_a_burst_are_all_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in UNMEASURED.items():  # of the workers
        monkeypatch.setenv(name, value)
    site, store = Site(tmp_path, AT_ONCE), Site(tmp_path / "store")
    for number in range(10_000):
        link = f"https://source.example/{number}"
        store.story(f"{number % 20}/{number}.md", topics=[f"Topic {number % 30}"], webUrl=link)
    for number in range(20):
        (site.content / str(number)).mkdir()
    with running(site) as inbox:
        for number in range(10_000):
            path = f"{number % 20}/{number}.md"
            (store.content / path).rename(site.content / path)
        eventually(lambda: status(inbox)["public"] == 10_000, timeout=50)
        documents = site.documents()
    fresh = Site(tmp_path / "fresh", AT_ONCE)
    fresh.content.rmdir()
    fresh.content.symlink_to(site.content)
    fresh.build()
    assert documents == fresh.documents()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Site]:
    """A site whose content lies on a file system of its own, mounted there."""
    site = Site(tmp_path, FEW)
    command = ["mount", "-t", "tmpfs", "none", site.content]
    mounting = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounting.returncode:
        pytest.skip(f"nothing may be mounted here: {mounting.stderr.strip()}")
    try:
        yield site
    finally:
        while site.content.is_mount():
            subprocess.run(["umount", "--lazy", site.content], check=True)


def test_content_that_is_unmounted_leaves_the_feeds_as_they_are(mounted: Site, tmp_path: Path) -> None:
    stories(mounted, 6)
    with running(mounted) as inbox:
        before = mounted.documents()
        kept = shutil.copytree(mounted.content, tmp_path / "copy")
        subprocess.run(["umount", "--lazy", mounted.content], check=True)
        eventually(lambda: kinds(inbox) == "guard")
        assert mounted.documents() == before
        subprocess.run(["mount", "-t", "tmpfs", "none", mounted.content], check=True)
        for path in kept.iterdir():
            shutil.copy2(path, mounted.content)
        mounted.story("new.md")
        eventually(lambda: len(mounted.titles()) == 7)
        eventually(lambda: not status(inbox)["degraded"])


def test_an_edited_template_is_on_the_pages(tmp_path: Path) -> None:
    site = Site(tmp_path, '[pages]\ntemplates = "own"\n[schedule]\nrescan = "900000h"\n')
    own = site.folder / "own"
    (own / "assets").mkdir(parents=True)
    site.story("a.md", "A story")
    with running(site):
        eventually(lambda: (site.feeds / "all.html").exists())
        (own / "entry.html").write_text("<p>mine: {{ entry.title }}</p>")
        eventually(lambda: b"mine: A story" in (site.feeds / "all.html").read_bytes())
        (own / "assets" / "feedd.css").write_text("body { color: teal }")
        eventually(lambda: b"teal" in (site.feeds / "assets" / "feedd.css").read_bytes())


def test_status_counts_what_is_not_to_be_seen_and_says_where_feeds_are_served(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen = f'[server]\nlisten = "127.0.0.1:{port}"\n[monitoring]\nlisten = "./my.sock"\n'
    site = Site(tmp_path, f'{listen}[watch]\nquiet = "0ms"\n')
    site.story("public.md")
    site.story("draft.md", published=False)
    site.story("soon.md", publishedDateTime="2024-07-01T00:00:00Z")
    site.story("over.md", expiryDate="2024-05-02T00:00:00Z")
    with running(site) as inbox:
        status = asked(inbox, "status")["status"]
        assert status["publication"] == {"public": 1, "unpublished": 1, "embargoed": 1, "expired": 1}
        assert status["serves"] == f"http://127.0.0.1:{port}/"
        assert status["monitoring"] == f"unix:{tmp_path}/my.sock"
        site.now += 40 * 86400
        inbox.wake()
        eventually(lambda: asked(inbox, "status")["status"]["publication"].get("public") == 2)

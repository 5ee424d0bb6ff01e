"""World: the machine as it is, as far as any machine that runs tests is alike; and what is made of what it tells."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from feedd.check import check
from feedd.checks import machine, world
from feedd.checks.world import Watches, this_world
from feedd.config import load
from feedd.desk import Desk
from feedd.errors import ControlError
from feedd.service.watcher import open_inotify
from feedd.testing import NOON, Site, quiet_world


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_room_is_what_is_free(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    found = world.room(tmp_path)
    assert found is not None
    assert abs(found.size - free.f_bavail * free.f_frsize) < 1 << 30
    assert world.room(tmp_path / "nowhere") is None


def test_an_account_has_its_groups() -> None:
    found = world.account("root")
    assert found is not None
    assert (found.uid, 0 in found.gids) == (0, True)
    assert world.account("no such user") is None


def test_watches_in_use_are_counted(tmp_path: Path) -> None:
    before = world.watches(os.geteuid())
    assert before is not None
    assert before.most > 0
    inotify = open_inotify()
    try:

        class Nobody:
            def on_event(self, event: object) -> None: ...

            def on_watch_deleted(self, wd: int) -> None: ...

        nobody = Nobody()
        watch = inotify.add_callback(os.fsencode(tmp_path), 0x100, nobody, id(nobody))
        after = world.watches(os.geteuid())
        assert after is not None
        assert after.used_instances > 0
        assert after.used > 0
        inotify.remove_callbacks([(watch, id(nobody))])
        inotify.read_events()
    finally:
        inotify.close()


def test_the_kernel_is_asked_whether_the_clock_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "_SYSTEMD", tmp_path)
    assert world.clock_is_set() in {True, False}
    monkeypatch.setattr(world, "_SYSTEMD", tmp_path / "nowhere")
    assert world.clock_is_set() is None


def test_a_daemon_that_is_not_there_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(ControlError) as caught:
        world.status(tmp_path / "control.sock")
    assert caught.value.problem.kind == "not-running"


def test_an_address_is_refused_if_another_listens_there() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        assert world.refusal(f"127.0.0.1:{port}") == "another program listens there"
    assert world.refusal(f"127.0.0.1:{port}") == ""


def test_an_address_of_another_machine_is_refused() -> None:
    assert world.refusal("192.0.2.1:8000") == "it is no address of this machine"
    assert world.refusal("[::1") == ""


def test_a_port_that_is_taken_is_said_while_no_daemon_runs(site: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        site.configure(f'[server]\nlisten = "{address}"\n[monitoring]\nlisten = "{site.folder}/m.sock"\n')
        asks = quiet_world(refusal=world.refusal)
        found = check(Desk(load(site.file), thorough=True), site.file, site.now, asks)[0]
    assert [(one.kind, one.field) for one in found] == [("address-taken", "server.listen")]
    assert list(machine.ports(load(site.file), asks)) == []


def test_a_check_of_a_sound_site_by_the_machine_as_it_is_has_no_errors(site: Site) -> None:
    site.story("a.md")
    site.build()
    now = int(site.file.stat().st_mtime)
    found = check(Desk(site.config, thorough=True), site.file, now, this_world())[0]
    assert {one.kind for one in found} <= {"wrong-clock", "watch-limit", "low-space", "unit-other", "network-mount"}
    assert [one for one in found if one.severity == "error"] == []


# What is made of it


@pytest.mark.parametrize(
    ("folders", "watches", "running", "kinds"),
    [
        (8190, Watches(8192, 128, 1, 1), False, []),
        (8190, Watches(8192, 128, 2, 1), False, ["watch-limit"]),
        (8190, Watches(8192, 128, 8190, 128), True, []),
        (8193, Watches(8192, 128), True, ["watch-limit"]),
        (1, Watches(8192, 128, 5, 128), False, ["watch-limit"]),
        (10**6, None, False, []),
    ],
)
def test_watches_are_enough_or_not(
    folders: int, watches: Watches | None, running: bool, kinds: list[str], site: Site
) -> None:
    assert [one.kind for one in machine.inotify(site.config, folders, watches, running)] == kinds


def test_who_polls_needs_no_watches(site: Site) -> None:
    site.configure('[watch]\nmode = "poll"\n')
    assert list(machine.inotify(site.config, 10**6, Watches(1, 1), False)) == []


@pytest.mark.parametrize(
    ("changed", "is_set", "severities"),
    [
        (NOON, True, []),
        (NOON + 86400, True, []),
        (NOON + 86401, True, ["error"]),
        (NOON + 86401, False, ["error"]),
        (NOON, False, ["warning"]),
        (NOON, None, []),
    ],
)
def test_a_clock_is_wrong_before_files_were_written_or_if_nothing_keeps_it(
    changed: int, is_set: bool | None, severities: list[str], site: Site
) -> None:
    asks = quiet_world(changed=lambda _: changed, clock_is_set=lambda: is_set)
    assert [one.severity for one in machine.clock(NOON, site.file, asks)] == severities

"""`feedd run` as a process, as systemd has it: signals, exit codes, the notify socket, the log, and the real clock."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from feedd.publish.lock import sole_writer
from feedd.service.control import ask
from feedd.testing import UNMEASURED, Service, Site, eventually

AT_ONCE = '[watch]\nquiet = "0ms"\n'
UNWATCHED = f"{AT_ONCE}configuration = false\n"
BAD = '[output]\nlimt = 3\n[content]\ntimezone = "Mars"\n'
SECOND = 1_000_000  # microseconds


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, UNWATCHED)
    site.story("first.md")
    return site


@contextmanager
def serving(site: Site, measured: bool = False, **environ: str) -> Iterator[Service]:
    """Within it the daemon runs, and is ready."""
    with Service(site.file, site.folder, measured=measured, **environ) as service:
        service.wait_for("READY=1")
        yield service


def feedd(command: str, site: Site, *options: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "feedd", command, "--config", str(site.file), *options]
    settings = os.environ | environ
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=settings)


def status(site: Site) -> dict[str, Any]:
    socket = site.config.control.socket
    assert socket
    found: dict[str, Any] = ask(socket, "status", 10)["status"]
    return found


def public(site: Site) -> dict[str, bytes]:
    """What a web server would serve, while the daemon may be writing more."""
    paths = [path for path in site.feeds.rglob("*.*") if path.name[0] != "."]
    return {path.relative_to(site.feeds).as_posix(): path.read_bytes() for path in paths}


def titles(site: Site, feed: str = "all") -> set[str]:
    return set(site.titles(feed))


def lines(service: Service, start: str = "") -> list[str]:
    """What was logged, without the times, from lines that begin so."""
    found = [re.sub(r"^\S+Z ", "", line) for line in service.log.read_text().splitlines()]
    return [line for line in found if line.startswith(start)]


def told(service: Service, line: str) -> int:
    """How many datagrams have a line that begins so."""
    return sum(any(one.startswith(line) for one in text.splitlines()) for _, text in list(service.told))


def is_whole(path: str, data: bytes) -> bool:
    try:
        json.loads(data) if path.endswith(".json") else ElementTree.fromstring(data)
    except (ValueError, ElementTree.ParseError):
        return False
    return True


def corpus(site: Site, count: int, providers: int = 1) -> None:
    for number in range(count):
        name = f"p{number % providers}"
        provider = {"name": name, "domain": f"{name}.example"}
        site.story(f"{number:05}.md", webUrl=f"https://{name}.example/{number}", topics=[name], provider=provider)


# Start and stop


def test_bad_configuration_at_the_start_ends_with_78_and_a_line_for_each_problem(tmp_path: Path) -> None:
    site = Site(tmp_path, BAD)
    with Service(site.file, tmp_path, measured=True) as service:
        assert service.process.wait(30) == 78
        first, second = lines(service)
    place = f"error problem kind=\\S+ file={re.escape(str(site.file))}"
    assert re.fullmatch(rf'{place} line=6 field=output.limt what=".+" remedy=".*limit.*"', first)
    assert re.fullmatch(rf'{place} line=8 field=content.timezone what=".*Mars.*" remedy=".+"', second)
    assert service.told == []


def test_configuration_that_is_not_there_ends_with_78(tmp_path: Path) -> None:
    with Service(tmp_path / "feedd.toml", tmp_path) as service:
        assert service.process.wait(30) == 78
        [line] = lines(service)
    assert f"file={tmp_path}/feedd.toml" in line
    assert "remedy=" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_signal_ends_the_daemon_with_0(site: Site, number: signal.Signals) -> None:
    with serving(site, measured=True) as service:
        service.process.send_signal(number)
        assert service.process.wait(10) == 0
        service.wait_for("STOPPING=1")
        assert lines(service)[-1].startswith("info stop ")
    assert not (site.state / "control.sock").exists()


BUSY = {
    # At what it is, and how many articles and providers keep it there for some seconds.
    "reads": ("STATUS=starting: articles", 6_000, 1),
    "writes": ("STATUS=starting: feeds 1", 800, 400),
}


@pytest.fixture(scope="module", params=BUSY.values(), ids=list(BUSY))
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Site]:
    """A site with much to do, built without being disturbed; and the sign of the daemon that it is at it."""
    sign, count, providers = request.param
    site = Site(tmp_path_factory.mktemp("undisturbed"), UNWATCHED)
    corpus(site, count, providers)
    assert feedd("build", site, **UNMEASURED).returncode == 0
    return sign, site


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stop_during_a_long_first_build_leaves_whole_documents(
    tmp_path: Path, number: signal.Signals, busy: tuple[str, Site]
) -> None:
    sign, other = busy
    site = Site.copied(other.folder, tmp_path)
    with Service(site.file, site.folder) as service:
        service.wait_for(sign)
        service.process.send_signal(number)
        assert service.process.wait(5) == 0
        assert told(service, "READY=1") == 0
    stopped = site.documents()
    assert [path for path, data in stopped.items() if not is_whole(path, data)] == []
    assert feedd("build", site, **UNMEASURED).returncode == 0
    assert len(stopped) < len(other.documents())
    assert site.documents() == other.documents()


def test_two_daemons_do_not_share_an_output_directory(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other", f'[output]\npath = "{site.feeds}"\n')
    with serving(site) as service:
        with Service(other.file, other.folder) as second:
            assert second.process.wait(30) == 1
            [line] = lines(second)
        assert f"process {service.process.pid}," in line
        assert "remedy=" in line
        assert status(site)["state"] == "ready"


def test_build_beside_a_daemon_names_it_and_does_nothing(site: Site) -> None:
    with serving(site) as service:
        site.story("first.md", "Edited")
        eventually(lambda: titles(site) == {"Edited"} and status(site)["state"])  # which is answered after the run
        before = site.documents()
        built = feedd("build", site)
        assert built.returncode == 1
        assert f"process {service.process.pid}," in built.stderr
        assert site.documents() == before


def test_output_directory_that_is_removed_is_made_and_locked_again(site: Site) -> None:
    with serving(site) as service:
        before = public(site)
        shutil.rmtree(site.feeds)
        eventually(lambda: public(site) == before)
        built = feedd("build", site)
        assert built.returncode == 1
        assert f"process {service.process.pid}," in built.stderr


def test_output_directory_that_another_has_taken_ends_the_daemon(site: Site) -> None:
    site.feeds.symlink_to("first")
    (site.folder / "first").mkdir()
    with sole_writer(site.folder / "second"), serving(site) as service:
        (site.folder / "next").symlink_to("second")
        (site.folder / "next").rename(site.feeds)
        assert service.process.wait(10) == 1
        assert f"process {os.getpid()}," in lines(service)[-1]
        assert service.told[-1][1] == "STOPPING=1"


# What it is asked


def test_status_as_json_and_as_text(site: Site) -> None:
    with serving(site) as service:
        asked = feedd("status", site, "--json")
        found = json.loads(asked.stdout)["status"]
        assert (asked.returncode, found["pid"], found["public"]) == (0, service.process.pid, 1)
        text = feedd("status", site)
        assert (text.returncode, text.stderr) == (0, "")
        assert text.stdout.splitlines()[0].endswith("is ready")
    assert feedd("status", site).returncode == 1


def test_bad_configuration_at_a_reload_leaves_the_old_one_in_force(site: Site) -> None:
    with serving(site, measured=True) as service:
        before = len(service.told)
        site.configure(BAD)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1", after=before)
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        logged = [line for line in lines(service, "error problem") if "output.limt" in line]
        assert len(logged) == 1
        assert f"file={site.file} line=6" in logged[0]


def socket_of(site: Site) -> tuple[str, str]:
    return "--socket", str(site.state / "control.sock")


@pytest.mark.parametrize("place", [lambda site: (), socket_of], ids=["without --socket", "with --socket"])
def test_reload_says_what_is_wrong_and_when_it_is_mended(site: Site, place: Callable[[Site], tuple[str, ...]]) -> None:
    with serving(site):
        site.configure(BAD)
        refused = feedd("reload", site, *place(site))
        assert refused.returncode == 78
        assert f"{site.file}:6: output.limt: " in refused.stderr
        assert "limit" in refused.stderr
        assert f"{site.file}:8: content.timezone: " in refused.stderr
        site.configure(f'{UNWATCHED}[[feed]]\nname = "extra"\n')
        mended = feedd("reload", site, *place(site))
        assert (mended.returncode, mended.stderr) == (0, "")
        assert titles(site, "extra") == {"first"}
        assert feedd("status", site).returncode == 0


def test_status_names_the_refusal_until_it_is_mended(site: Site) -> None:
    with serving(site) as service:
        before = len(service.told)
        site.configure(BAD)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1", after=before)
        asked = feedd("status", site, *socket_of(site))
        assert asked.returncode == 1
        assert "is ready, but degraded" in asked.stdout
        assert f"{site.file}:6: output.limt: " in asked.stdout
        assert f"{site.file}:8: content.timezone: " in asked.stdout
        site.configure(UNWATCHED)
        assert feedd("reload", site).returncode == 0
        assert feedd("status", site).returncode == 0


def test_storm_of_hangups_while_articles_are_edited_is_harmless(site: Site) -> None:
    with serving(site) as service:
        for number in range(1000):
            service.process.send_signal(signal.SIGHUP)
            if number % 20 == 0:
                site.story(f"{number % 200:03}.md", f"Version {number}", webUrl=f"https://source.example/{number}")
        newest = {f"Version {number}" for number in range(800, 1000, 20)}
        eventually(lambda: titles(site) == {"first", *newest})
        eventually(lambda: told(service, "RELOADING=1") == told(service, "READY=1") - 1)
        assert (status(site)["state"], status(site)["degraded"]) == ("ready", False)
        assert service.stop() == 0
        assert lines(service, "warning") + lines(service, "error") == []


def test_reloads_leave_nothing_open(site: Site) -> None:
    settings = [f"{UNWATCHED}[output]\nttl = {ttl}\n" for ttl in (10, 20)]
    with serving(site) as service:
        process = Path(f"/proc/{service.process.pid}")

        def holds() -> tuple[int, int]:
            return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

        def reload(times: int) -> None:
            for text in settings * times:
                site.configure(text)
                assert ask(site.state / "control.sock", "reload", 20)["ok"]

        reload(1)  # some threads begin late; SQLite keeps a file of what is closed while it is open elsewhere
        files, threads = holds()
        reload(9)
        eventually(lambda: holds()[0] <= files and holds()[1] <= threads)


def test_hangups_during_the_first_build_wait_for_its_end(site: Site) -> None:
    corpus(site, 1500)
    with Service(site.file, site.folder) as service:
        service.wait_for("STATUS=starting: articles")
        for _ in range(50):
            service.process.send_signal(signal.SIGHUP)
        service.wait_for("RELOADING=1")
        service.wait_for("READY=1", after=[text[:9] for _, text in service.told].index("RELOADING"))
        ready = [text for _, text in service.told if text.startswith("READY=1")]
        assert all(text.endswith("STATUS=ready: 1501 articles public in 5 feeds") for text in ready)
        assert service.stop() == 0


# What the service manager is told


def test_ready_is_not_told_before_the_feeds_are_there(site: Site) -> None:
    away = site.content.rename(site.folder / "away")
    with Service(site.file, site.folder) as service:
        service.wait_for("STATUS=starting, but degraded: ")
        assert told(service, "READY=1") == 0
        asked = feedd("status", site)
        assert asked.returncode == 1
        assert " is starting, but degraded\n" in asked.stdout
        away.rename(site.content)
        service.wait_for("READY=1")
        assert (site.feeds / "all.atom").is_file()
        assert told(service, "READY=1") == 1


def test_reload_is_told_with_its_moment_in_one_datagram_and_then_ready(site: Site) -> None:
    with serving(site) as service:
        before, earlier = len(service.told), time.monotonic_ns() // 1000
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1", after=before)
        found = [text for _, text in service.told[before:] if not text.startswith(("WATCHDOG", "STATUS"))]
    first, second = found
    match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", first)
    assert match
    assert earlier <= int(match[1]) <= time.monotonic_ns() // 1000
    assert second.startswith("READY=1\nSTATUS=ready")


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_watchdog_hears_of_a_process_that_lives_and_of_no_other(site: Site) -> None:
    with serving(site, WATCHDOG_USEC=str(SECOND // 5)) as service:
        for _ in range(3):
            service.wait_for("WATCHDOG=1", timeout=5, after=len(service.told))
        os.kill(service.process.pid, signal.SIGSTOP)
        eventually(lambda: is_stopped(service.process.pid))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.sendto(b"MARK", str(site.folder / "notify"))  # after all that it told before
        service.wait_for("MARK")
        marked = [text for _, text in service.told].index("MARK") + 1
        with pytest.raises(TimeoutError):
            service.wait_for("", timeout=0.6, after=marked)
        os.kill(service.process.pid, signal.SIGCONT)
        service.wait_for("WATCHDOG=1", timeout=5, after=marked)


def family(mark: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The processes with this value anywhere in the environment they were started with."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            data = (folder / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if mark.encode() in data:
            yield int(folder.name), dict(one.split("=", 1) for one in data.decode().split("\0") if "=" in one)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor needs no workers")
def test_workers_cannot_speak_to_the_service_manager(site: Site) -> None:
    corpus(site, 3000)
    seen: dict[int, dict[str, str]] = {}
    with Service(site.file, site.folder, FEEDD_MARK=str(site.folder)) as service:
        daemon = service.process.pid

        def found() -> bool:
            seen.update({pid: environ for pid, environ in family(str(site.folder)) if pid != daemon})
            return told(service, "READY=1") > 0

        eventually(found)
        assert "NOTIFY_SOCKET" in dict(family(str(site.folder)))[daemon]
    assert len(seen) >= 2
    assert [pid for pid, environ in seen.items() if "NOTIFY_SOCKET" in environ] == []


# The clock


def soon(seconds: int) -> int:
    return ceil(time.time()) + seconds


def zulu(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def embargoed(site: Site, moment: int) -> None:
    site.story("secret.md", "Hush", publishedDateTime=zulu(moment), webUrl="https://source.example/hush")


def lateness(site: Site, moment: int) -> float:
    """How many seconds after its moment an embargoed article was in all documents; in none of them before."""
    everywhere = {path for path in public(site) if "all." in path or "ai." in path or "source.example" in path}
    assert len(everywhere) == 9
    measured: list[float] = []

    def is_out() -> bool:
        shown = {path for path, data in public(site).items() if b"ush" in data}
        now = time.time()
        assert now >= moment or not shown
        measured.append(now - moment)
        return shown >= everywhere

    eventually(is_out)
    assert measured[0] < 0  # it was looked for in time
    return measured[-1]


@pytest.mark.slow
def test_embargoed_article_appears_at_its_instant(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(site):
        moment = soon(2)
        embargoed(site, moment)
        eventually(lambda: status(site)["due"] == moment)
        late = lateness(site, moment)
        with capsys.disabled():
            print(f" [{late * 1000:.0f} ms]", end="")
        assert 0 <= late < 1


@pytest.mark.slow
def test_embargoed_article_appears_at_its_instant_after_a_restart(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = soon(3)
    embargoed(site, moment)
    with serving(site) as service:
        assert status(site)["due"] == moment
        assert service.stop() == 0
    with serving(site):
        assert status(site)["due"] == moment
        late = lateness(site, moment)
        with capsys.disabled():
            print(f" [{late * 1000:.0f} ms]", end="")
        assert 0 <= late < 1


def test_expired_article_leaves_at_its_instant(site: Site) -> None:
    with serving(site):
        moment = soon(1)
        site.story("brief.md", "Brief", expiryDate=zulu(moment), webUrl="https://source.example/brief")
        eventually(lambda: titles(site) == {"first", "Brief"})
        eventually(lambda: titles(site) == {"first"})
        assert 0 <= time.time() - moment < 1


# Limits of the system


def lowered(limit: str) -> list[str]:
    """A command that executes another one where this limit is 0; skips the test where that is not permitted."""
    script = f'echo 0 > /proc/sys/user/{limit} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not permitted here")
    return command


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["watches", "instances"])
def test_where_nothing_can_be_watched_everything_is_looked_at(tmp_path: Path, limit: str) -> None:
    site = Site(tmp_path, '[watch]\nquiet = "0ms"\npoll = "1s"\n')
    site.story("first.md")
    with Service(site.file, site.folder, lowered(f"max_inotify_{limit}")) as service:
        service.wait_for("READY=1")
        [warning] = lines(service, "warning problem kind=watch-limit")
        assert f"fs.inotify.max_user_{limit}" in warning
        assert "remedy=" in warning
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        (site.content / "first.md").unlink()
        eventually(lambda: titles(site) == {"second"})
        asked = feedd("status", site)
        assert asked.returncode == 1
        assert "is ready, but degraded" in asked.stdout
        assert f"fs.inotify.max_user_{limit} is reached" in asked.stdout
        assert "polling" in asked.stdout
        assert len(lines(service, "warning problem")) == 1


# The log


def test_log_does_not_tell_of_what_is_under_embargo(site: Site) -> None:
    moment = soon(3600)
    with serving(site) as service:
        embargoed(site, moment)
        eventually(lambda: status(site)["due"] == moment)
        site.story("draft.md", "Sketch", published=False)
        eventually(lambda: status(site)["articles"].get("article") == 3)
        assert service.stop() == 0
        log = service.log.read_text()
        notified = "\n".join(text for _, text in service.told)
    for secret in ("secret", "ush", zulu(moment)[:16], str(moment), "draft", "ketch"):
        assert secret not in log
        assert secret not in notified


def test_each_run_is_a_line(site: Site) -> None:
    with serving(site) as service:
        assert len(lines(service, "info run ")) == 1
        for number in range(4):
            site.story(".first.md", f"Version {number}").rename(site.content / "first.md")
            eventually(lambda: len(lines(service, "info run ")) == number + 2)  # noqa: B023 - it is over then
            assert "read=1 written=9 " in lines(service, "info run ")[-1]
        assert titles(site) == {"Version 3"}


def test_mistake_is_warned_of_once_for_each_change(site: Site) -> None:
    def warned() -> int:
        return len([line for line in lines(service, "warning") if "file=slip.md" in line])

    with serving(site) as service:
        site.story("slip.md", "Slip", publishedDateTime="2024-05-01 08:00")
        eventually(lambda: titles(site) == {"first", "Slip"})
        eventually(lambda: warned() == 1)
        site.story("second.md")
        eventually(lambda: "second" in titles(site))
        site.settle()
        before = len(service.told)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("READY=1", after=before)
        assert warned() == 1
        site.story("slip.md", "Slip, edited", publishedDateTime="2024-05-01 08:00")
        eventually(lambda: "Slip, edited" in titles(site))
        eventually(lambda: warned() == 2)
        assert service.stop() == 0
    with serving(site) as service:
        assert warned() == 2


def test_log_as_json_is_an_object_a_line(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{AT_ONCE}[log]\nformat = "json"\nlevel = "debug"\n')
    site.write("broken.md", "---\ntitle: [\n---\n")
    with serving(site) as service:
        site.story("first.md", 'A "title"\nwith lines')
        eventually(lambda: status(site)["public"] == 1)
        site.configure(BAD)
        eventually(lambda: "output.limt" in service.log.read_text())
        service.stop()
        logged = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert all({"time", "level", "event"} <= one.keys() for one in logged)
    assert {"start", "run", "ready", "problem", "stop"} <= {one["event"] for one in logged}


def test_log_in_the_journal_has_priorities(tmp_path: Path) -> None:
    site = Site(tmp_path, f'{AT_ONCE}[log]\nlevel = "debug"\n')
    site.write("broken.md", "---\ntitle: [\n---\n")
    (tmp_path / "log").touch()
    place = (tmp_path / "log").stat()
    with serving(site, JOURNAL_STREAM=f"{place.st_dev}:{place.st_ino}") as service:
        site.configure(BAD)
        eventually(lambda: "output.limt" in service.log.read_text())
        service.stop()
        logged = service.log.read_text().splitlines()
    assert [line for line in logged if not re.match(r"<[3467]>[a-z]", line)] == []
    assert {line[1] for line in logged} == {"3", "4", "6", "7"}


# The state


def test_state_that_cannot_be_used_is_told_of_and_the_feeds_are_right(site: Site) -> None:
    site.state.write_text("not a directory")
    site.configure(f'{UNWATCHED}[control]\nsocket = "control.sock"\n')
    with serving(site) as service:
        site.story("second.md")
        eventually(lambda: titles(site) == {"first", "second"})
        asked = feedd("status", site)
        assert asked.returncode == 1
        assert "degraded" in asked.stdout.splitlines()[0]
        assert str(site.state) in asked.stdout
        assert [line for line in lines(service, "error problem") if "kind=state-unusable" in line]
        site.state.unlink()
        site.story("third.md")
        eventually(lambda: titles(site) == {"first", "second", "third"})
        eventually(lambda: not status(site)["degraded"])

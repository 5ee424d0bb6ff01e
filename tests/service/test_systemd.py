"""What systemd is told: real datagrams on real sockets, and nothing that could hold the daemon up."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from feedd.service.systemd import Notifier, notifier, watchdog_interval
from feedd.testing import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}"
    with ServiceManager(address) as listening:
        yield listening


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[ServiceManager]:
    """A manager whose queue is full."""
    with (
        ServiceManager(str(tmp_path / "notify")) as listening,
        closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as other,
    ):
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"WATCHDOG=1", listening.address)
        yield listening


def test_each_message_is_one_datagram_in_the_words_of_the_protocol(manager: ServiceManager) -> None:
    tells = Notifier(manager.address)
    tells.extend(1.5)
    tells.ready("3 articles")
    tells.status("resting")
    tells.watchdog()
    tells.stopping()

    assert manager.queued() == [
        "EXTEND_TIMEOUT_USEC=1500000",
        "READY=1\nSTATUS=3 articles",
        "STATUS=resting",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_reloading_and_its_moment_are_in_one_datagram(manager: ServiceManager) -> None:
    Notifier(manager.address).reloading(123_456_789)

    assert manager.queued() == ["RELOADING=1\nMONOTONIC_USEC=123456789"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\r\nthree\u2028four", "one two three four"),
        ("forged\nREADY=1", "forged READY=1"),
        ("\x1b[31mred\0 \udcff.md", "[31mred .md"),
        ("fünf Übel 🧦", "fünf Übel 🧦"),
        ("", ""),
    ],
)
def test_status_is_one_line_that_the_manager_takes(text: str, line: str, manager: ServiceManager) -> None:
    Notifier(manager.address).status(text)

    assert manager.queued() == [f"STATUS={line}"]


def test_status_too_long_for_the_manager_is_cut_so_that_ready_arrives(manager: ServiceManager) -> None:
    Notifier(manager.address).ready("🧦" * 5000)
    (told,) = manager.queued()

    assert told.startswith("READY=1\nSTATUS=🧦")
    assert told.endswith("🧦…")
    assert 3000 < len(told.encode()) <= 4096


def test_ready_arrives_though_the_queue_was_full(busy: ServiceManager) -> None:
    sending = Thread(target=Notifier(busy.address, timeout=10).ready, args=("at last",))
    sending.start()
    try:
        while (told := busy.next()) == "WATCHDOG=1":
            pass
    finally:
        sending.join()

    assert told == "READY=1\nSTATUS=at last"


def test_manager_that_never_reads_is_waited_for_as_long_as_the_time_out_says(busy: ServiceManager) -> None:
    started = time.monotonic()
    Notifier(busy.address, timeout=0.05).ready("in vain")
    waited = time.monotonic() - started

    assert 0.045 <= waited < 2
    assert set(busy.queued()) == {"WATCHDOG=1"}


def test_waiting_for_the_manager_takes_no_processor_time(busy: ServiceManager) -> None:
    started = time.thread_time()
    Notifier(busy.address, timeout=0.2).watchdog()

    assert time.thread_time() - started < 0.05


def test_manager_that_went_away_is_no_error_and_is_found_again(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with ServiceManager(address):
        tells = Notifier(address)
    tells.watchdog()
    Path(address).unlink()
    tells.ready("nobody hears")
    with ServiceManager(address) as again:
        tells.status("back")
        assert again.queued() == ["STATUS=back"]


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "/" + "long" * 100])
def test_without_a_usable_socket_nothing_happens(address: str | None) -> None:
    tells = Notifier(address)
    tells.ready("unheard")
    tells.reloading(1)
    tells.stopping()
    tells.status("unheard")
    tells.watchdog()
    tells.extend(1)


def test_socket_is_taken_out_of_the_environment_and_the_rest_stays(manager: ServiceManager) -> None:
    environ = {"NOTIFY_SOCKET": manager.address, "LANG": "C"}
    notifier(environ).watchdog()

    assert environ == {"LANG": "C"}
    assert manager.queued() == ["WATCHDOG=1"]


def test_environment_without_a_socket_gives_a_silent_notifier() -> None:
    notifier({}).ready("unheard")


def test_children_do_not_inherit_the_socket(tmp_path: Path) -> None:
    with ServiceManager(str(tmp_path / "notify")) as manager:
        program = (
            "import os, subprocess; from feedd.service.systemd import notifier; tells = notifier(os.environ);"
            "tells.status(str(b'NOTIFY_SOCKET' in subprocess.check_output(['env'])))"
        )
        subprocess.run([sys.executable, "-c", program], env=os.environ | {"NOTIFY_SOCKET": manager.address}, check=True)

        assert manager.queued() == ["STATUS=False"]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "1500000"}, 0.75),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_PID": "42"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": ""}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_half_of_what_this_process_is_allowed(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_interval(environ, 42) == seconds

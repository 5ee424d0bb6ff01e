"""systemd: what the service manager is told, by the protocol of sd_notify(3).

In: the environment that the service was started with, and what there is to tell. Out: datagrams to the manager's
socket, or nothing where there is none. Never raises, and waits no longer than the time-out for each datagram: feeds
matter more than being heard. Does not know when anything is to be told, and asks no clock.
"""

import socket
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

PATIENCE = 2.0
"""Seconds that a datagram waits for room in the manager's queue, which holds ten or so."""

# The manager drops a datagram of more than 4096 bytes; a character takes at most four.
_LONGEST_STATUS = 1000


class Notifier:
    """Tells the manager whose socket has this address: a path, or an abstract name after `@`. None: tells nobody.

    `timeout` is in seconds.
    """

    def __init__(self, address: str | None, timeout: float = PATIENCE) -> None:
        self._address = "\0" + address[1:] if address and address[0] == "@" else address
        self._timeout = timeout

    def ready(self, status: str) -> None:
        """The service has started, or has loaded its configuration anew; `status` as below."""
        self._send("READY=1", _status(status))

    def reloading(self, monotonic_usec: int) -> None:
        """The configuration is being loaded anew, since a moment of CLOCK_MONOTONIC in microseconds; `ready` follows.

        Both in one datagram: of two the manager would take the first for a whole one.
        """
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_usec}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """What the service is at: one line, as `systemctl status` shows it."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """The service is alive."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping takes so long from now on, whatever the unit says."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> None:
        """Send one datagram. It waits for room: those that may not are lost when the queue is full, READY=1 or not."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(self._timeout)
            channel.connect(self._address)  # only a connected socket can wait for the other's queue
            channel.send("\n".join(lines).encode())


def notifier(environ: MutableMapping[str, str]) -> Notifier:
    """The notifier for NOTIFY_SOCKET, which is taken out of the environment: children must not speak for us."""
    return Notifier(environ.pop("NOTIFY_SOCKET", None))


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two `watchdog` of the process `pid`: half of what the manager allows, see sd_watchdog_enabled(3).

    None where it expects none of this process.
    """
    try:
        allowed, watched = int(environ["WATCHDOG_USEC"]), int(environ.get("WATCHDOG_PID", pid))
    except (KeyError, ValueError):
        return None
    return allowed / 2_000_000 if allowed > 0 and watched == pid else None


def _status(text: str) -> str:
    """On one line, without what the manager refuses (NUL, what is not UTF-8) or a terminal obeys."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return f"STATUS={line if len(line) <= _LONGEST_STATUS else line[: _LONGEST_STATUS - 1] + '…'}"

"""Alone: a directory served by this process, without a daemon.

In: a directory and an address. Out: answers, until SIGTERM or Ctrl-C. What it listens to is said once it does.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feedd.errors import Problem, ServeError
from feedd.serve.app import feeds
from feedd.serve.listening import SYSTEMD, Handed, guard, listen, spoken
from feedd.serve.server import Listener
from feedd.serve.server import serve as answer
from feedd.serve.traffic import Traffic
from feedd.service import log

ADDRESS = "127.0.0.1:8000"
"""Where it is served unless something else is said: on this machine alone."""

MODE = 0o666
"""Permissions of a Unix socket: feeds are for all, whoever may enter the folder that it lies in."""

_FIELD = "--listen"


def serve(directory: Path, address: str, max_age: int, say: Callable[[str], None]) -> None:
    """Serve a directory; an empty address is that of systemd, if it has opened a socket, else `ADDRESS`. `max_age` is
    in seconds. Raises ServeError.
    """
    log.configure("warning", "text", sys.stderr, os.environ, time.time)
    handed = Handed(os.environ, os.getpid())
    with _listening(address or (SYSTEMD if handed else ADDRESS), handed) as listener:
        traffic = Traffic()
        shown = Listener("feeds", listener, feeds(directory, max_age, time.time))
        answer([shown], traffic, lambda: say(f"serving {directory} at {spoken(listener)}"))


@contextmanager
def _listening(address: str, handed: Handed) -> Iterator[socket.socket]:
    if address == SYSTEMD:
        yield handed.find("http", _FIELD, alone=True)
        return
    if not _is_address(address):
        remedy = 'Write a host and a port, such as "127.0.0.1:8000", the path of a Unix socket, or "systemd".'
        raise ServeError(Problem("not-served", f'is "{address}"', remedy, field=_FIELD))
    place = Path(address).absolute() if "/" in address else None
    listener = listen(str(place or address), _FIELD, MODE)
    guard(listener)
    try:
        yield listener
    finally:
        if place:
            with suppress(OSError):
                place.unlink()


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return "/" in text or (host != "" and port.isdecimal() and int(port) < 1 << 16)

"""Alone: a directory served by this process, without a daemon.

In: a directory and an address. Out: answers, until SIGTERM or Ctrl-C. What it listens to is said once it does.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from feedd.errors import Problem, ServeError
from feedd.serve.app import feeds
from feedd.serve.listening import PUBLIC, SYSTEMD, Handed, Listening, spoken
from feedd.serve.server import Listener
from feedd.serve.server import serve as answer
from feedd.serve.traffic import Traffic
from feedd.service import log

ADDRESS = "127.0.0.1:8000"
"""Where it is served unless something else is said: on this machine alone."""


def serve(directory: Path, address: str, field: str, max_age: int, say: Callable[[str], None]) -> None:
    """Serve a directory; an empty address is that of systemd, if it has opened a socket, else `ADDRESS`. `field` is
    where the address was written. `max_age` is in seconds. Raises ServeError, of the kind `wrong-value` for an address
    that is none.
    """
    log.configure("warning", "text", sys.stderr, os.environ, time.time)
    handed = Handed(os.environ, os.getpid())
    with ExitStack() as stack:
        listener, place = _listener(address or (SYSTEMD if handed else ADDRESS), field, handed, stack)
        traffic = Traffic()
        shown = Listener("feeds", listener, feeds(directory, max_age, time.time))
        answer([shown], traffic, lambda: say(f"serving {directory} at {place}"))


def _listener(address: str, field: str, handed: Handed, stack: ExitStack) -> tuple[socket.socket, str]:
    """The socket and what it is called; one that is opened is closed with the stack."""
    if address == SYSTEMD:
        found = handed.find("http", field, alone=True)
        return found, spoken(found)
    if not _is_address(address):
        remedy = 'Write a host and a port, such as "127.0.0.1:8000", the path of a Unix socket, or "systemd".'
        raise ServeError(Problem("wrong-value", f'is "{address}"', remedy, field=field))
    listening = Listening(str(Path(address).absolute()) if "/" in address else address, field, PUBLIC)
    stack.callback(listening.close)
    return listening.socket, listening.spoken


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return "/" in text or (host != "" and port.isdecimal() and int(port) < 1 << 16)

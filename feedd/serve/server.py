"""Server: an event loop that listens until it is told to stop.

In: listening sockets, each with an ASGI application. Out: answers, until SIGTERM or SIGINT; then what is under way is
finished, for a moment. Does not know what is answered.
"""

import asyncio
import gc
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import partial

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from feedd.serve.crowd import Bounds, Crowd
from feedd.serve.listening import BACKLOG, guard
from feedd.serve.protocol import Connection
from feedd.serve.traffic import Application, Counted, Traffic

_SWEEP = 1.0  # seconds between two looks for who is slow
_GRACE = 1.5  # seconds in which answers are finished at the end
_FILES = 512  # open files that are no connections
_PAUSE = 0.05


BOUNDS = Bounds()
"""What clients may take."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and what is answered there. `name` is what its traffic is counted under."""

    name: str
    socket: socket.socket
    application: Application


def serve(listeners: Sequence[Listener], traffic: Traffic, ready: Callable[[], None], bounds: Bounds = BOUNDS) -> None:
    """Answer on all listeners until the process is told to stop. `ready` is called when they are open."""
    room = _raise_limit(bounds.connections + _FILES) - _FILES
    uvloop.run(_serve(listeners, traffic, ready, replace(bounds, connections=min(bounds.connections, max(room, 16)))))


def _raise_limit(wanted: int) -> int:
    """Let this process have as many open files as wanted, if it may; how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    better = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        if soft != resource.RLIM_INFINITY and soft < better:
            resource.setrlimit(resource.RLIMIT_NOFILE, (better, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else soft


async def _serve(listeners: Sequence[Listener], traffic: Traffic, ready: Callable[[], None], bounds: Bounds) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    crowd, state = Crowd(bounds, traffic, loop.time), ServerState()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what clients do wrong is counted, not told
    servers = [await _opened(listener, crowd, state) for listener in listeners]
    gc.collect()
    gc.freeze()
    ready()
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _SWEEP)
        crowd.sweep()
    for server in servers:
        server.close()
    await _finish(state, loop)


async def _opened(listener: Listener, crowd: Crowd, state: ServerState) -> asyncio.AbstractServer:
    application = Counted(listener.application, listener.name, crowd.traffic)
    config = Config(
        application, lifespan="off", ws="none", interface="asgi3", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, date_header=False,
    )  # fmt: skip
    config.load()
    at_once = getattr(listener.application, "at_once", None)
    connection = partial(Connection, config, state, listener.name, crowd, _Dated(), at_once)
    loop = asyncio.get_running_loop()
    guard(listener.socket)
    if listener.socket.family == socket.AF_UNIX:
        return await loop.create_unix_server(connection, sock=listener.socket, backlog=BACKLOG)
    return await loop.create_server(connection, sock=listener.socket, backlog=BACKLOG)


async def _finish(state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    """Let answers that are under way be taken, but not for long."""
    for connection in list(state.connections):
        connection.shutdown()
    end = loop.time() + _GRACE
    while state.connections and loop.time() < end:
        await asyncio.sleep(_PAUSE)
    for connection in list(state.connections):
        connection.transport.abort()


class _Dated:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._second, self._headers = 0, [(b"date", b"")]

    def __call__(self) -> list[tuple[bytes, bytes]]:
        second = int(time.time())
        if second != self._second:
            self._second, self._headers = second, [(b"date", formatdate(second, usegmt=True).encode())]
        return self._headers

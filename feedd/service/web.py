"""Web: the process that serves feeds and monitoring over HTTP, as the daemon keeps it.

In: a configuration, and sockets that systemd has opened. Out: open sockets, and a child process that answers on them,
started anew whenever it ends; or a ServeError where nobody can listen. The daemon itself never speaks HTTP: whatever
clients do, they do it to the child. While there is none, connections wait in the sockets. Does not know what is served.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from socket import socket
from typing import NamedTuple

import msgspec

from feedd.config import Config
from feedd.errors import Problem
from feedd.serve.listening import PRIVATE, PUBLIC, SYSTEMD, Handed, Listening, spoken
from feedd.serve.orders import Orders
from feedd.service import log

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0  # seconds until a child that ended is started anew, twice as long each time
_STEADY = 30.0  # seconds after which a child counts as one that works
_GRACE = 3.0  # seconds in which a child that is told to end does


class Pauses(NamedTuple):
    """Seconds: until the first new start, the most until a later one, and those after which all is well again."""

    first: float = _FIRST_PAUSE
    longest: float = _LONGEST_PAUSE
    steady: float = _STEADY


PAUSES = Pauses()
"""As they are unless a test is in a hurry."""


class Web:
    """What one configuration asks for. Sockets that `former` has open at the same addresses are shared with it.

    `serves` and `monitoring` are the addresses of both, "" for none.

    Raises ServeError where an address cannot be listened at; `former` is as it was then.
    """

    def __init__(
        self,
        config: Config,
        handed: Handed,
        former: "Web | None" = None,
        pauses: Pauses = PAUSES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asks = _what_counts(config)
        self._pauses, self._monotonic = pauses, monotonic
        self._own: dict[str, Listening] = {}
        self._former: Web | None = None
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.problems: tuple[Problem, ...] = ()
        try:
            feeds = self._socket(config.server.listen, "server", "http", config, handed, former)
            monitoring = self._socket(config.monitoring.listen, "monitoring", "monitoring", config, handed, former)
        except BaseException:
            self._let_go(former)
            raise
        self.serves, self.monitoring = (self._said(one) for one in (feeds, monitoring))
        self._sockets = [one for one in (feeds, monitoring) if one]
        self._places = [one.spoken for one in self._own.values()] or [spoken(one) for one in self._sockets]
        shown, told = (one.fileno() if one else None for one in (feeds, monitoring))
        self._orders = Orders(
            str(config.output.path), int(config.server.max_age), shown, told, str(config.control.socket), os.getpid(),
            level=config.log.level, format=config.log.format,
        )  # fmt: skip

    def _socket(
        self, address: str, table: str, name: str, config: Config, handed: Handed, former: "Web | None"
    ) -> socket | None:
        if not address:
            return None
        field = f"{table}.listen"
        if address == SYSTEMD:
            return handed.find(name, field, alone=config.server.listen != config.monitoring.listen)
        kept = former._own.get(address) if former and address not in self._own else None
        mode = PUBLIC if table == "server" else PRIVATE
        self._own[address] = kept or Listening(address, field, mode)
        return self._own[address].socket

    def _said(self, listener: socket | None) -> str:
        """The address of a socket, as a person or a browser takes it; "" without one."""
        own = next((one.spoken for one in self._own.values() if one.socket is listener), "")
        return own or (spoken(listener) if listener else "")

    def suits(self, config: Config) -> bool:
        """Whether another configuration asks for the same."""
        return _what_counts(config) == self._asks

    def start(self, former: "Web | None" = None) -> None:
        """Serve, if anything is to be served; `former` is closed once this one answers. Nothing if it does already."""
        if self._thread is None and (self._sockets or former):
            self._former = former
            self._thread = threading.Thread(target=self._supervise, name="web", daemon=True)
            self._thread.start()

    def close(self, successor: "Web | None" = None) -> None:
        """Serve no more: the child ends, or is ended; sockets that a successor shares stay open."""
        with self._lock:
            self._stop.set()
            process = self._process
            if process:
                process.terminate()
        if self._thread:
            self._thread.join(_GRACE)
            if process and self._thread.is_alive():
                process.kill()
            self._thread.join()
        self._end_former()
        self._let_go(successor)

    def _let_go(self, other: "Web | None") -> None:
        shared = list(other._own.values()) if other else []
        for one in self._own.values():
            if one not in shared:
                one.close()
        self._own = {}

    # The thread, which is the child's parent and must live as long

    def _supervise(self) -> None:
        if not self._sockets:
            self._end_former()
            return
        pause = self._pauses.first
        while not self._stop.is_set():
            started = self._monotonic()
            ended = self._serve()
            if self._stop.is_set():
                return
            pause = self._pauses.first if self._monotonic() - started > self._pauses.steady else pause
            self._report(ended, pause)
            self._stop.wait(pause)
            pause = min(2 * pause, self._pauses.longest)

    def _serve(self) -> str:
        """Let a child serve as long as it lives; how it ended."""
        ready, tell = os.pipe()
        try:
            with self._lock:
                if self._stop.is_set():
                    return ""
                self._process = self._started(tell)
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        finally:
            os.close(tell)
            if self._process is None:
                os.close(ready)
        with os.fdopen(ready, "rb") as news:
            if news.read(1):
                self._answers()
        status = self._process.wait()
        with self._lock:
            self._process = None
        return f"ended by signal {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"

    def _started(self, tell: int) -> subprocess.Popen[bytes]:
        orders = msgspec.structs.replace(self._orders, ready=tell).encode()
        handles = (*(one.fileno() for one in self._sockets), tell)
        command = [sys.executable, "-P", "-m", "feedd.serve", orders]
        return subprocess.Popen(  # noqa: S603 - this feedd; in a group of its own, since Ctrl-C is for the daemon
            command, stdin=subprocess.DEVNULL, pass_fds=handles, process_group=0
        )

    def _answers(self) -> None:
        """The child listens."""
        if self.problems:
            log.info("over", kind=self.problems[0].kind)
        self.problems = ()
        log.info("serving", at=self._places)
        self._end_former()

    def _report(self, ended: str, pause: float) -> None:
        what = f"the process that serves over HTTP {ended}"
        problem = Problem(
            "not-served", what, "It is started anew; the log may say why it ended.", field="server.listen"
        )
        if (problem,) != self.problems:
            log.problem(problem)
        log.debug("serve-again", seconds=pause)
        self.problems = (problem,)

    def _end_former(self) -> None:
        former, self._former = self._former, None
        if former:
            former.close(self)


def _what_counts(config: Config) -> tuple[object, ...]:
    return config.server, config.monitoring, config.output.path, config.control, config.log

"""`python -m feedd.serve ORDERS`: the process that serves, as `feedd run` starts it.

In: one argument, see `orders`, and the open sockets that it names. Out: answers, and an exit code. It ends with its
parent, whatever that dies of, and lets everything else on the machine go first.
"""

import ctypes
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from feedd.serve.orders import Orders, decode
from feedd.serve.server import Listener, serve
from feedd.serve.traffic import Traffic
from feedd.service import log

_NICENESS = 10
_DISPENSABLE = "500"  # of 1000: to be ended before the daemon where memory is short
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main(argument: str) -> None:
    """Serve as ordered."""
    orders = decode(argument)
    _depend_on(orders.parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _step_back()
    log.configure(orders.level, orders.format, sys.stderr, os.environ, time.time)
    traffic = Traffic()
    serve(_listeners(orders, traffic), traffic, lambda: _tell(orders.ready))


def _depend_on(parent: int) -> None:
    """End when the parent does (prctl(2)), also if it already has."""
    if parent:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("feedd.serve: whoever started this is gone")


def _step_back() -> None:
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_DISPENSABLE, encoding="ascii")


def _listeners(orders: Orders, traffic: Traffic) -> list[Listener]:
    found: list[Listener] = []
    if orders.feeds is not None:
        from feedd.serve.app import feeds

        shown = feeds(Path(orders.directory), orders.max_age, time.time)
        found.append(Listener("feeds", socket.socket(fileno=orders.feeds), shown))
    if orders.monitoring is not None:
        from feedd.serve.monitoring import Monitoring

        asked = Monitoring(Path(orders.control), traffic)
        found.append(Listener("monitoring", socket.socket(fileno=orders.monitoring), asked))
    return found


def _tell(ready: int | None) -> None:
    if ready is not None:
        os.write(ready, b"1")
        os.close(ready)


if __name__ == "__main__":
    main(sys.argv[1])

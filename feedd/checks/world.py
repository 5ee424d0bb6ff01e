"""World: what a check asks of the machine that it runs on, beside the files that the configuration names.

In: nothing. Out: a `World`, each part of which is a function that can be replaced by one that tells something else.
None of them changes anything, and each tells nothing rather than raise where the system has no answer.
"""

import ctypes
import errno
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from feedd.publish.command import BARE_PATH, environment
from feedd.service.control import ask
from feedd.service.inbox import Reply
from feedd.service.watcher import read_mounts

_PATIENCE = 2.0  # seconds that the daemon has to answer
_LIMITS = Path("/proc/sys/fs/inotify")
_PROCESSES = Path("/proc")
_SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)
_TIMEX = 512  # bytes, more than `struct timex` has on any system
_TIME_ERROR = 5  # <sys/timex.h>


@dataclass(frozen=True, slots=True)
class Who:
    """A user as the system knows it, with all groups."""

    name: str
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Room:
    """What is free in a file system: bytes, and files, None where it does not count them."""

    size: int
    files: int | None = None


@dataclass(frozen=True, slots=True)
class Watches:
    """inotify's limits for a user, and how much of them is in use as far as can be seen."""

    most: int
    most_instances: int
    used: int = 0
    used_instances: int = 0


def room(path: Path) -> Room | None:
    """What is free where a path lies; None where that cannot be told."""
    with suppress(OSError):
        found = os.statvfs(path)
        return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
    return None


def account(name: str) -> Who | None:
    """The user of a name; None where there is none."""
    with suppress(KeyError):
        found = pwd.getpwnam(name)
        return Who(name, found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))
    return None


def watches(uid: int) -> Watches | None:
    """inotify's limits, and what processes of a user use of them; None where there is no inotify."""
    with suppress(OSError, ValueError):
        most, instances = (int((_LIMITS / f"max_user_{name}").read_text()) for name in ("watches", "instances"))
        used = list(_used(uid))
        return Watches(most, instances, sum(used), len(used))
    return None


def _used(uid: int) -> Iterator[int]:
    """How many watches each instance of inotify has, in processes of a user that this one may look into."""
    for process in _PROCESSES.iterdir():
        with suppress(OSError):
            if process.name.isdecimal() and process.stat().st_uid == uid:
                handles = [handle.name for handle in (process / "fd").iterdir() if _is_inotify(handle)]
                for name in handles:
                    yield (process / "fdinfo" / name).read_text().count("inotify wd:")


def _is_inotify(handle: Path) -> bool:
    with suppress(OSError):
        return os.readlink(handle) == "anon_inode:inotify"  # noqa: PTH115 - a Path would drop nothing, but cost more
    return False


def changed(path: Path) -> int:
    """When a file was changed; 0 if there is none."""
    with suppress(OSError):
        return int(path.stat().st_mtime)
    return 0


def clock_is_set() -> bool | None:
    """Whether something keeps the clock right, as the kernel knows (adjtimex(2)); None where nobody would tell it: in
    containers, and on machines without systemd.
    """
    if not _SYSTEMD.is_dir():
        return None
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).adjtimex((ctypes.c_byte * _TIMEX)()) != _TIME_ERROR)
    return None


def systemctl(arguments: Sequence[str]) -> str | None:
    """What `systemctl` prints; None where there is none, or nobody who answers it."""
    program = shutil.which("systemctl")
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - no shell, and arguments of our own
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False
        )
        return done.stdout if done.returncode == 0 else None
    return None


def status(path: Path) -> Reply:
    """What the daemon whose socket is there says of itself. Raises ControlError, as `control.ask`."""
    return ask(path, "status", _PATIENCE)


def refusal(address: str) -> str:
    """Why nobody could listen at `host:port` just now; empty if somebody could, or nobody knows."""
    host, _, port = address.rpartition(":")
    with suppress(socket.gaierror, UnicodeError):
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
            except OSError as error:
                return _why(error)
    return ""


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there"
    return "it is no address of this machine" if error.errno == errno.EADDRNOTAVAIL else error.strerror or str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The machine. `uid` is the user that the check runs as, `path` where it looks for programs; the others are the
    functions above.
    """

    uid: int
    path: str = BARE_PATH
    room: Callable[[Path], Room | None] = room
    account: Callable[[str], Who | None] = account
    watches: Callable[[int], Watches | None] = watches
    changed: Callable[[Path], int] = changed
    clock_is_set: Callable[[], bool | None] = clock_is_set
    systemctl: Callable[[Sequence[str]], str | None] = systemctl
    status: Callable[[Path], Reply] = status
    refusal: Callable[[str], str] = refusal
    mounts: Callable[[], str] = read_mounts


def this_world() -> World:
    """The machine as it is."""
    return World(uid=os.geteuid(), path=environment(os.environ)["PATH"])

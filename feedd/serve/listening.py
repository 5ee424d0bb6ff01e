"""Listening: an address → a socket that listens there.

In: `host:port`, the absolute path of a Unix socket, or "systemd" for a socket that the service manager has opened. Out:
the socket, or a ServeError that says what to do. Does not answer on it.
"""

import errno
import os
import socket
import stat
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

from feedd.errors import Problem, ServeError

BACKLOG = 4096
"""Connections that the kernel keeps until they are taken."""

SYSTEMD = "systemd"
"""The address of sockets that the service manager has opened."""

PUBLIC, PRIVATE = 0o666, 0o660
"""Permissions of Unix sockets: feeds are for all who may enter the folder that one lies in, monitoring is not."""

_FIRST = 3  # the number of the first descriptor that is handed over, see sd_listen_fds(3)
_PROBE = 1.0  # seconds that it may take to find out who is there
_UNTAKEN = 30_000  # milliseconds after which the kernel ends a connection whose other side takes nothing


class Handed:
    """The sockets that systemd has opened for the process `pid`, by name. What tells of them is taken out of the
    environment, so that no child takes them for its own.
    """

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        count, mine = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "") == str(pid)
        names = environ.pop("LISTEN_FDNAMES", "").split(":")
        self._sockets: list[tuple[str, socket.socket]] = []
        for index in range(int(count) if mine and count.isdecimal() else 0):
            with suppress(OSError):  # something else than a socket, or nothing
                os.set_inheritable(_FIRST + index, False)
                handed = socket.socket(fileno=_FIRST + index)
                self._sockets.append((names[index] if index < len(names) else "", handed))

    def __bool__(self) -> bool:
        return bool(self._sockets)

    def find(self, name: str, field: str, alone: bool) -> socket.socket:
        """The socket with that name; the first, where it is `alone` in asking and none has it. Raises ServeError."""
        named = [one for called, one in self._sockets if called == name]
        found = next(iter(named or [one for _, one in self._sockets if alone]), None)
        if found is None or not _listens(found):
            what = f"systemd has handed over no listening stream socket{'' if alone else f' that is called {name}'}"
            remedy = f"Start it by a socket unit with ListenStream= and FileDescriptorName={name}."
            raise ServeError(Problem("not-served", what, remedy, field=field))
        return found


def _listens(one: socket.socket) -> bool:
    is_stream = one.type == socket.SOCK_STREAM and one.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    return is_stream and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


class Listening:
    """A new socket that listens at a host and a port, or at a path, which a dead process' socket may hold; the latter
    with the permissions `mode`. `field` is the key of the configuration, or the option, that names the address. Raises
    ServeError.
    """

    def __init__(self, address: str, field: str, mode: int) -> None:
        self._path = Path(address) if address.startswith("/") else None
        try:
            self.socket = _at_path(self._path, field, mode) if self._path else _at_port(address)
            self._inode = _identity(self._path) if self._path else None
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            what = f"nobody can listen at {address}: {error.strerror or error}"
            remedy = f"{'End what listens there, or name' if taken else 'Name'} another address."
            raise ServeError(Problem("not-served", what, remedy, field=field)) from error

    def close(self) -> None:
        """Listen no more, and take the socket's file away if it is still this one's."""
        self.socket.close()
        if self._path:
            with suppress(OSError):
                if _identity(self._path) == self._inode:
                    self._path.unlink()

    @property
    def spoken(self) -> str:
        """The address, as a person or a browser takes it."""
        return f"unix:{self._path}" if self._path else spoken(self.socket)


def spoken(listener: socket.socket) -> str:
    """The address of a socket, as a person or a browser takes it."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}/"


def guard(listener: socket.socket) -> None:
    """Let the kernel end connections whose other side takes nothing (TCP_USER_TIMEOUT of tcp(7)), also once they are
    closed here.
    """
    with suppress(OSError):  # a Unix socket
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN)


def _at_port(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _at_path(path: Path, field: str, mode: int) -> socket.socket:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        _refuse_if_taken(path, folder, field)
        return _bound(path.name, folder, mode)
    finally:
        os.close(folder)


def _bound(name: str, folder: int, mode: int) -> socket.socket:
    """A socket that listens under a name in an open folder: by `/proc/self/fd`, since paths of sockets must not have
    more than 107 bytes. It is made under another name, so that nobody finds it deaf or with other permissions.
    """
    listener, makeshift = socket.socket(socket.AF_UNIX), f".feedd-{os.getpid()}"
    place = Path(f"/proc/self/fd/{folder}/{makeshift}")
    try:
        place.unlink(missing_ok=True)
        listener.bind(str(place))
        place.chmod(mode)
        listener.listen(BACKLOG)
        place.replace(place.with_name(name))
    except OSError:
        listener.close()
        place.unlink(missing_ok=True)
        raise
    return listener


def _refuse_if_taken(path: Path, folder: int, field: str) -> None:
    with suppress(FileNotFoundError, ConnectionRefusedError):  # nothing there, or what a dead process left
        if not stat.S_ISSOCK(path.lstat().st_mode):
            what, remedy = f"{path} is something else than a socket, and is left as it is", "Name another path."
            raise ServeError(Problem("not-served", what, remedy, field=field))
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PROBE)
            with suppress(BlockingIOError):  # more wait there already than the kernel keeps
                probe.connect(f"/proc/self/fd/{folder}/{path.name}")
        what = f"another process answers at {path}"
        raise ServeError(Problem("not-served", what, "Stop it, or name another path.", field=field))


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino

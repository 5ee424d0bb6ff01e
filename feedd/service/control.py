"""Control: the Unix socket over which a running daemon is asked and told.

In, at the daemon: connections, each of which brings one line of JSON, `{"command": "status"}` or another command of
`inbox.Command`, with `names` and a `digest` where it takes any (`inbox.Question`). Out: one line of JSON each
(`feedd.status`), which the loop gives: here a request only becomes a `Question` in the inbox. In, at the commands: a
path and a command; out: the reply, or a ControlError that says what to do.

One thread serves all connections and waits for none of them. Who may connect, the file system decides: the socket is
its owner's and its group's. Does not know what the commands mean.
"""

import grp
import os
import pwd
import select
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from feedd.errors import ControlError, Problem
from feedd.service.inbox import Command, Inbox, Question, Reply
from feedd.status import failed

_MODE = 0o660
_MOST_CLIENTS = 64
_BACKLOG = 1024  # connections that the kernel keeps until they are taken
_REQUEST = 16384  # bytes at the most
_REPLY = 1 << 24  # bytes at the most: a thousand times what a long one has
_PAUSE = 0.1  # seconds until connections are taken again after the system refused one
_PROBE = 1.0  # seconds that it may take to find out who is there
_FIELD = "control.socket"
_OF_ITSELF: set[Command] = {"status", "metrics"}
"""What the loop is asked of itself, and what is otherwise answered with what is known."""
_AT_ONCE: set[Command] = {"health"}
"""What is answered without asking the loop."""

_NAME_IT = "Name feedd's own socket."
_SEE = "See what it is at: `systemctl status feedd`, `journalctl -u feedd`."
_FORM = (
    'Send one line, {"command": "status"}, or "reload", "withheld", "approve", "prune", "health", "metrics", within'
    " five seconds."
)
_START = "Start it: `systemctl start feedd`, or `feedd run`."
_STOPPING = Problem("stopping", "the daemon is stopping", f"{_START[:-1]}, once it has ended.")
_TOO_MANY = Problem("too-many", "too many requests wait for the daemon", "Try again when it has answered them.")
_TOO_LATE = Problem("not-understood", "no whole request came in time", _FORM)
_TOO_LONG = Problem("not-understood", f"the request is longer than {_REQUEST} bytes", _FORM)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that are waited: for a request to arrive or a reply to be taken, for the loop to answer what it is asked
    of itself, and at the end for all replies to be taken.
    """

    client: float = 5.0
    status: float = 1.0
    end: float = 1.0


class _Request(msgspec.Struct, omit_defaults=True):
    command: Command
    names: tuple[str, ...] = ()
    digest: str = ""


_decode_request = msgspec.json.Decoder(_Request).decode


class _Bell:
    """What wakes a thread that waits in `poll`, from another one (eventfd(2))."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.handle = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def ring(self) -> None:
        """Wake it; nothing if the bell is gone, whose number another file may have by now."""
        with self._lock:
            if self.handle >= 0:
                os.eventfd_write(self.handle, 1)

    def hush(self) -> None:
        """It is awake."""
        os.eventfd_read(self.handle)

    def close(self) -> None:
        with self._lock:
            os.close(self.handle)
            self.handle = -1


def _unheard() -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True)
class _Asked(Question):
    """A question whose answer wakes the thread that serves."""

    ring: Callable[[], None] = field(default=_unheard, compare=False)

    def answer(self, reply: Reply) -> None:
        Question.answer(self, reply)  # a class with slots is made anew, which `super` does not know
        self.ring()


@dataclass(slots=True, eq=False)
class _Client:
    """A connection. First its request is read, then its `question` is with the loop, then `reply` is what is still to
    be sent. `until` is the moment at which patience ends; None while the loop may take its time.
    """

    connection: socket.socket
    until: float | None
    request: bytes = b""
    question: Question | None = None
    reply: bytes = b""

    @property
    def silent(self) -> bool:
        """Whether its request has not arrived."""
        return self.question is None and not self.reply


class Control:
    """The socket at `path`, served by a thread until `close`. `busy` gives, from what is known, the reply to `health`,
    and to `status` and `metrics` when the loop does not answer in time; it is asked in that thread.

    Raises ControlError where another process answers at that path, or the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        inbox: Inbox,
        busy: Callable[[Command], Reply],
        patience: Patience = Patience(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._inbox, self._busy, self._patience, self._monotonic = inbox, busy, patience, monotonic
        self._listener = _listen(path)
        self._inode = _identity(path)
        self._bell = _Bell()
        self._poll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._unanswered: list[Question] = []
        self._rests: float | None = None  # until then no connection is taken
        self._stopping = False
        self._poll.register(self._listener, select.EPOLLIN)
        self._poll.register(self._bell.handle, select.EPOLLIN)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lies(self) -> bool:
        """Whether the socket is still found at its path."""
        with suppress(OSError):
            return _identity(self.path) == self._inode
        return False

    def close(self) -> None:
        """Answer all who wait that the daemon is stopping, and take the socket away."""
        if self._thread.is_alive():
            self._stopping = True
            self._bell.ring()
            self._thread.join()

    # The thread

    def _serve(self) -> None:
        try:
            while not self._stopping:
                self._turn()
            self._take_leave()
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            self._remove()
            self._listener.close()
            self._poll.close()
            self._bell.close()

    def _turn(self) -> None:
        """Wait until something happens, and do what it asks for."""
        happened = dict(self._poll.poll(self._patient_for()))
        if happened.pop(self._bell.handle, None):
            self._bell.hush()
            self._deliver()
        newcomers = happened.pop(self._listener.fileno(), None)
        for handle in happened:
            if client := self._clients.get(handle):
                self._attend(client)
        self._expire()
        if newcomers:  # last, so that whoever has asked already is not taken for silent
            self._accept()

    def _patient_for(self) -> float | None:
        moments = [client.until for client in self._clients.values() if client.until is not None]
        moments += [] if self._rests is None else [self._rests]
        return max(min(moments) - self._monotonic(), 0) if moments else None

    def _attend(self, client: _Client) -> None:
        """A connection can be read or written, or is gone."""
        if client.silent:
            self._hear(client)
        elif client.reply:
            self._send(client)
        else:
            self._drop(client)  # while it waits, only that it is gone can happen

    # Connections

    def _accept(self) -> None:
        """Take one connection, so that between two of them the others are looked at."""
        try:
            connection, _ = self._listener.accept()
        except OSError:  # no file handles or no memory are left
            self._rests = self._monotonic() + _PAUSE
            self._poll.modify(self._listener, 0)
        else:
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        room = len(self._clients) < _MOST_CLIENTS or self._make_room()
        client = self._add(connection)
        if room:
            self._hear(client)
        else:
            self._say(client, failed(_TOO_MANY))

    def _add(self, connection: socket.socket) -> _Client:
        connection.setblocking(False)
        client = _Client(connection, self._monotonic() + self._patience.client)
        self._clients[connection.fileno()] = client
        self._poll.register(connection, select.EPOLLIN)
        return client

    def _make_room(self) -> bool:
        """Dismiss the one who has been silent for the longest; else who asked the loop of itself the longest ago."""
        for client in self._clients.values():
            if client.silent:
                self._say(client, failed(_TOO_MANY))
                return True
        for client in self._clients.values():
            if client.question and client.question.command in _OF_ITSELF:
                self._say(client, self._busy(client.question.command))
                return True
        return False

    def _hear(self, client: _Client) -> None:
        """Read what there is of a request; ask, if that is all of it."""
        try:
            data = client.connection.recv(_REQUEST + 1 - len(client.request))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        client.request += data
        line, end, _ = client.request.partition(b"\n")
        if end:
            self._ask(client, line)
        elif len(client.request) > _REQUEST:
            self._say(client, failed(_TOO_LONG))
        elif not data:  # a line without an end, from one who sends no more
            self._ask(client, line) if line else self._drop(client)

    def _ask(self, client: _Client, line: bytes) -> None:
        try:
            request = _decode_request(line)
        except (msgspec.DecodeError, RecursionError) as error:
            self._say(client, failed(Problem("not-understood", f"the request is not understood: {error}", _FORM)))
            return
        command = request.command
        question = None if command in _AT_ONCE else self._question(request)
        if question is None:
            known = command in _AT_ONCE | _OF_ITSELF
            self._say(client, self._busy(command) if known else failed(_TOO_MANY))
            return
        client.question = question
        client.until = self._monotonic() + self._patience.status if command in _OF_ITSELF else None
        self._poll.modify(client.connection, 0)  # that a connection is gone is told all the same

    def _question(self, request: _Request) -> Question | None:
        """The question to wait for: of the loop itself the one that is open, since any later answer will do; for what
        is to be done a new one. None if too many are open.
        """
        for asked in self._unanswered:
            if asked.command == request.command and request.command in _OF_ITSELF:
                return asked
        if len(self._unanswered) >= _MOST_CLIENTS:
            return None
        question = _Asked(request.command, request.names, request.digest, ring=self._bell.ring)
        self._unanswered.append(question)
        self._inbox.ask(question)
        return question

    def _deliver(self) -> None:
        """Say what the loop has answered."""
        asked, self._unanswered = self._unanswered, []
        for question in asked:
            reply = question.wait(0)
            if reply is None:
                self._unanswered.append(question)
                continue
            for client in [client for client in self._clients.values() if client.question is question]:
                self._say(client, reply)

    def _expire(self) -> None:
        """End the patience with whom it ends."""
        now = self._monotonic()
        if self._rests is not None and self._rests <= now:
            self._rests = None
            self._poll.modify(self._listener, select.EPOLLIN)
        for client in [client for client in self._clients.values() if client.until is not None and client.until <= now]:
            if client.reply:
                self._drop(client)
            else:
                question = client.question
                self._say(client, self._busy(question.command) if question else failed(_TOO_LATE))

    def _say(self, client: _Client, reply: Reply) -> None:
        client.question, client.reply = None, msgspec.json.encode(reply, enc_hook=str) + b"\n"
        client.until = self._monotonic() + self._patience.client
        self._poll.modify(client.connection, select.EPOLLOUT)
        self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            with suppress(BlockingIOError):
                client.reply = client.reply[client.connection.send(client.reply) :]
        except OSError:  # nobody is there any more
            client.reply = b""
        if not client.reply:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        del self._clients[client.connection.fileno()]
        client.connection.close()  # which also takes it out of the poll

    # The end

    def _take_leave(self) -> None:
        """Tell all who are connected, or about to be, that the daemon is stopping."""
        self._poll.unregister(self._listener)
        self._poll.unregister(self._bell.handle)
        self._deliver()
        self._remove()  # from now on nobody finds it
        for client in [client for client in self._clients.values() if not client.reply]:
            self._say(client, failed(_STOPPING))
        with suppress(OSError):  # until no more wait
            while True:
                self._say(self._add(self._listener.accept()[0]), failed(_STOPPING))
        end = self._monotonic() + self._patience.end
        while self._clients and (left := end - self._monotonic()) > 0:
            for handle, _ in self._poll.poll(left):
                self._send(self._clients[handle])

    def _remove(self) -> None:
        """Take the socket's file away, if it is still the one that was made here."""
        with suppress(OSError):
            if _identity(self.path) == self._inode:
                self.path.unlink()


# The place of the socket


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _listen(path: Path) -> socket.socket:
    """A socket that listens at a path, which a dead daemon's socket may hold."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _refuse_if_taken(path)
        with _opened(path.parent) as folder:
            return _bound(path.name, folder)
    except OSError as error:
        what, remedy = f"cannot be made: {error.strerror}", "Mend the place or its permissions, or name another path."
        raise _error("no-socket", what, remedy, path) from error


def _refuse_if_taken(path: Path) -> None:
    with suppress(FileNotFoundError, ConnectionRefusedError):  # nothing there, or what a dead daemon left
        if not stat.S_ISSOCK(path.lstat().st_mode):
            remedy = "Move it away, or name another path."
            raise _error("no-socket", "is something else than a socket, and is left as it is", remedy, path)
        try:
            with _connected(path, _PROBE) as connection:
                who = _process_of(connection)
        except BlockingIOError:  # more wait there already than the kernel keeps
            who = ""
        remedy = "Stop it first, or give each its own control.socket and output.path."
        raise _error("running", f"another feedd{who} answers there", remedy, path)


def _process_of(connection: socket.socket) -> str:
    """Who listens at the other end (SO_PEERCRED of unix(7)); nothing for one whom this container cannot see."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    process, _user, _group = struct.unpack("iII", credentials)
    return f", process {process}," if process else ""


def _bound(name: str, folder: int) -> socket.socket:
    """A socket that listens under a name in an open folder, in the place of whatever has that name.

    It gets there when all is ready, so that nobody finds it deaf or with other permissions.
    """
    listener, makeshift = socket.socket(socket.AF_UNIX), f".feedd-{os.getpid()}"
    try:
        with suppress(FileNotFoundError):
            os.unlink(makeshift, dir_fd=folder)
        os.fchmod(listener.fileno(), _MODE)  # what it is made with, less the umask
        listener.bind(f"/proc/self/fd/{folder}/{makeshift}")
        os.chmod(makeshift, _MODE, dir_fd=folder)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        os.rename(makeshift, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        listener.close()
        with suppress(OSError):
            os.unlink(makeshift, dir_fd=folder)
        raise
    return listener


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A handle of a place, by which `/proc/self/fd` leads there: paths of sockets must not have more than 107 bytes."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _connected(path: Path, timeout: float | None) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        with _opened(path) as handle:
            connection.connect(f"/proc/self/fd/{handle}")
        yield connection


# The other side


def ask(
    path: Path, command: Command, timeout: float | None = None, names: tuple[str, ...] = (), digest: str = ""
) -> Reply:
    """What the daemon whose socket is at `path` replies to a command. `timeout` is how many seconds it may be silent;
    `names` and `digest` as in `Question`.

    Raises ControlError where it does not run, must not be asked, or gives no reply; and for more names than it takes.
    """
    request = msgspec.json.encode(_Request(command, names, digest)) + b"\n"
    if len(request) > _REQUEST:
        raise ControlError(Problem("too-long", "so many names are not taken at once", "Give fewer, or none for all."))
    line = _exchange(path, request, timeout)
    try:
        return msgspec.json.decode(line, type=Reply)
    except msgspec.DecodeError as error:
        raise _error("not-understood", f"something else than feedd answers there: {error}", _NAME_IT, path) from error


def _exchange(path: Path, request: bytes, timeout: float | None) -> bytes:
    try:
        with _connected(path, timeout) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # a reply may have come before the request was read
                connection.sendall(request)
            return _line(connection, path)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        raise _error("not-running", "feedd does not run: nobody answers there", _START, path) from error
    except PermissionError as error:
        raise _not_permitted(path) from error
    except (TimeoutError, BlockingIOError) as error:
        what = "feedd does not answer in time" + ("" if timeout is None else f", which is {timeout:g} s")
        raise _error("no-answer", what, _SEE, path) from error
    except OSError as error:
        raise _error("no-answer", f"cannot be asked: {error.strerror}", _SEE, path) from error


def _line(connection: socket.socket, path: Path) -> bytes:
    received = bytearray()
    while data := connection.recv(1 << 16):
        received += data
        if b"\n" in data:
            return bytes(received)
        if len(received) > _REPLY:
            raise _error("not-understood", "something else than feedd answers there, without end", _NAME_IT, path)
    raise _error("no-answer", "feedd ended before it answered", _SEE, path)


def _not_permitted(path: Path) -> ControlError:
    """Whose the socket is, or the nearest folder above it that keeps others out."""
    for place in (path, *path.parents):
        with suppress(OSError):
            found = place.stat()
            user, group = _user(found.st_uid), _group(found.st_gid)
            what = f"you may not ask feedd: {place} is for the user {user} and the group {group}"
            return _error("not-permitted", what, f"Use sudo, or join the group: `sudo usermod -aG {group} NAME`.", path)
    return _error("not-permitted", "you may not ask feedd", "Use sudo.", path)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _error(kind: str, what: str, remedy: str, path: Path) -> ControlError:
    return ControlError(Problem(kind, what, remedy, str(path), field=_FIELD))

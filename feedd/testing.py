"""Testing: what a test of feedd, or of something built on it, needs instead of patches.

In: a temporary directory. Out: a small site in it whose clock stands still until it is told otherwise, an output
directory that fails on request, a process whose permissions count, a service manager and a hub that keep what they are
told. Real files, the real pipeline, the real formats.
"""

import ctypes
import errno
import fcntl
import http.client
import json
import os
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import feedd.config
from feedd.checks.world import Room, World
from feedd.config import Config
from feedd.errors import ControlError, Problem
from feedd.pipeline import Pipeline, Report, silent
from feedd.publish.directory import Directory, Placed
from feedd.run import Progress
from feedd.service.daemon import Daemon
from feedd.service.inbox import Command, Inbox, Question, Reply
from feedd.service.post import Edges
from feedd.state.database import Database, open_database

NOON = int(datetime(2024, 6, 1, 12, tzinfo=UTC).timestamp())
"""The moment at which a `Site` stands at first: 2024-06-01T12:00:00Z."""

UNMEASURED = {"COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
"""Environment of a process of which coverage is to measure nothing: it is killed before it could tell, or has much to
do and nothing that others do not do.
"""

_SETTLES_NS = 25_000_000

SETTINGS = """\
[site]
title = "Example News"
url = "https://news.example/"
feeds_url = "https://news.example/feeds/"
"""


def article(title: str = "A story", **front: Any) -> str:
    """The text of a whole, published article. Keyword arguments set or (None) remove front matter; `body` is the body.

    Values are written as they would be typed: True as `true`, lists and mappings nested, text in double quotes.
    """
    body = front.pop("body", "")
    slug = "-".join(title.lower().split()) or "untitled"
    fields = {
        "title": title,
        "excerpt": f"What {title} says.",
        "publishedDateTime": "2024-05-01T08:00:00Z",
        "webUrl": f"https://source.example/{slug}",
        "published": True,
        "provider": {"name": "Source", "domain": "source.example"},
        "topics": ["AI"],
        **front,
    }
    lines = [line for name, value in fields.items() if value is not None for line in _yaml(name, value)]
    return "\n".join(["---", *lines, "---", body, ""])


def _yaml(name: str, value: Any, indent: str = "") -> Iterable[str]:
    if isinstance(value, dict):
        yield f"{indent}{name}:"
        for key, inner in value.items():
            yield from _yaml(key, inner, indent + "  ")
    elif isinstance(value, list):
        yield f"{indent}{name}:"
        for item in value:
            if isinstance(item, dict):
                inner_lines = [line for key, inner in item.items() for line in _yaml(key, inner, indent + "    ")]
                yield f"{indent}  - {inner_lines[0].lstrip()}"
                yield from inner_lines[1:]
            else:
                yield f"{indent}  - {_scalar(item)}"
    else:
        yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


def no_sync(handle: int) -> None:
    """In place of `os.fsync`, which takes most of the time of a small build: no test cuts the power."""


class Site:
    """A site in a directory: `content/`, `feeds/`, `state/`, a configuration, and a clock that stands at `now`.

    `settings` is TOML that follows `[site]`; unless it has a table `[pages]`, there are none. Each `build` is a process
    of its own; use `pipeline` for runs in one.
    `database` is the state as it was last opened.
    """

    database: Database

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder, self.now = folder, NOON
        self.content, self.feeds, self.state = folder / "content", folder / "feeds", folder / "state"
        self.content.mkdir(parents=True, exist_ok=True)
        self.configure(settings)

    @classmethod
    def copied(cls, original: Path, folder: Path) -> "Site":
        """A copy of a site that lies elsewhere: its `feedd.toml` and `content/`, without what was made of them."""
        site = cls(folder)
        shutil.copytree(original / "content", site.content, dirs_exist_ok=True)
        shutil.copyfile(original / "feedd.toml", site.file)
        return site

    def configure(self, settings: str) -> None:
        """Write another configuration."""
        self.file = self.folder / "feedd.toml"
        pages = "" if "[pages]" in settings else "\n[pages]\nenabled = false\n"
        self.file.write_text(SETTINGS + settings + pages, encoding="utf-8")

    @property
    def config(self) -> Config:
        """The configuration as it is now. Raises ConfigError."""
        return feedd.config.load(self.file)

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a content file."""
        place = self.content / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)
        return place

    def story(self, path: str, title: str = "", **front: Any) -> Path:
        """Write an article, see `article`; its title is made from its path unless given."""
        return self.write(path, article(title or path.rpartition("/")[2].removesuffix(".md"), **front))

    def settle(self) -> None:
        """Let some 20 ms pass, after which files that were written count as settled (`source.UNSETTLED`)."""
        written = max(path.stat().st_ctime_ns for path in self.content.rglob("*"))
        probe = self.folder / "probe"
        while True:
            probe.touch()
            if probe.stat().st_ctime_ns > written + _SETTLES_NS:
                return

    def pipeline(
        self, directory: Directory | None = None, processes: int | None = None, progress: Progress = silent
    ) -> Pipeline:
        """A pipeline for several runs in one process; close it."""
        return self.opened(self.config, progress, directory, processes)

    def opened(
        self, config: Config, progress: Progress, directory: Directory | None = None, processes: int | None = None
    ) -> Pipeline:
        """The pipeline of a configuration, whatever the site's own is now."""
        self.database = open_database(config.state.path, patience=0)
        directory = directory or Directory(config.output.path, sync=no_sync)
        return Pipeline(config, self.database, directory, progress, processes)

    def build(self, approved: bool = False, directory: Directory | None = None, processes: int | None = None) -> Report:
        """One run at the moment `now`, as by a new process."""
        pipeline = self.pipeline(directory, processes)
        try:
            return pipeline.run(self.now, approved=approved)
        finally:
            pipeline.close()

    def documents(self) -> dict[str, bytes]:
        """Every document below the output directory, by path: all files there but hidden ones."""
        files = (path for path in self.feeds.rglob("*") if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(self.feeds).as_posix(): path.read_bytes() for path in files}

    def items(self, feed: str = "all") -> list[dict[str, Any]]:
        """The items of a feed's JSON document."""
        found: list[dict[str, Any]] = json.loads((self.feeds / f"{feed}.json").read_bytes())["items"]
        return found

    def titles(self, feed: str = "all") -> list[str]:
        """The titles in a feed, in its order."""
        return [item["title"] for item in self.items(feed)]


class FailingDirectory(Directory):
    """An output directory whose disk is full for the paths in `full`."""

    def __init__(self, root: Path, full: Iterable[str] = ()) -> None:
        super().__init__(root, sync=no_sync)
        self.full = set(full)

    def _write(self, place: Path, data: bytes) -> Placed:
        if place.relative_to(self.root).as_posix() in self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super()._write(place, data)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_OVER_PERMISSIONS = 0b110
"""Linux's CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Within it the permissions of files count for this thread as they do for a service, even if it is root's."""
    libc = ctypes.CDLL(None)
    header, sets = _CapabilityHeader(0x20080522), (_Capabilities * 2)()
    libc.capget(ctypes.byref(header), sets)
    before = sets[0].effective
    sets[0].effective = before & ~_OVER_PERMISSIONS
    libc.capset(ctypes.byref(header), sets)
    try:
        yield
    finally:
        sets[0].effective = before
        libc.capset(ctypes.byref(header), sets)


class ServiceManager:
    """The socket that systemd listens on: `address`, for NOTIFY_SOCKET, is a path or an abstract name after `@`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address[0] == "@" else address)

    def __enter__(self) -> "ServiceManager":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next(self, timeout: float | None = 10.0) -> str:
        """The next datagram. Raises TimeoutError if none comes within so many seconds."""
        self._socket.settimeout(timeout)
        return self._socket.recv(65536).decode()

    def queued(self) -> list[str]:
        """The datagrams that wait, without waiting for any."""
        self._socket.setblocking(False)
        found: list[str] = []
        with suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(65536).decode())
        return found


@contextmanager
def answering(inbox: Inbox, answer: Callable[[str], Reply]) -> Iterator[None]:
    """Within it a thread plays the daemon's loop: it answers each question of the inbox, by its command."""

    def loop() -> None:
        while not (news := inbox.take()).stop:
            for question in news.questions:
                question.answer(answer(question.command))

    thread = threading.Thread(target=loop, name="loop")
    thread.start()
    try:
        yield
    finally:
        inbox.stop()
        thread.join()


class Service:
    """`feedd run` in a process of its own, as a service manager starts it. `told` is what that was told: the datagrams,
    each with its moment of the monotonic clock. Its log goes to the file `log`. `through` is a command that executes
    the one that is appended to it. Coverage takes half of its time, so that it is `measured` only where it does what no
    daemon in the tests' own process does (`running`).
    """

    def __init__(
        self, file: Path, folder: Path, through: Sequence[str] = (), measured: bool = False, **environ: str
    ) -> None:
        self.told: list[tuple[float, str]] = []
        self.log = folder / "log"
        self._manager, self._news = ServiceManager(str(folder / "notify")), threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="service manager", daemon=True)
        self._thread.start()
        settings = os.environ | ({} if measured else UNMEASURED)
        settings |= {"NOTIFY_SOCKET": self._manager.address, **environ}
        command = [*through, sys.executable, "-m", "feedd", "run", "--config", str(file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this feedd
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=settings
            )

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _listen(self) -> None:
        """Take what comes at once: who tells waits while many datagrams lie there."""
        while (datagram := self._manager.next(timeout=None)) != "END":
            with self._news:
                self.told.append((time.monotonic(), datagram))
                self._news.notify_all()

    def wait_for(self, line: str, timeout: float = 60.0, after: int = 0) -> float:
        """The moment of the first datagram, from number `after` on, with a line that starts so. Raises TimeoutError."""

        def found() -> Iterator[float]:
            return (at for at, told in self.told[after:] if any(one.startswith(line) for one in told.splitlines()))

        end = time.monotonic() + timeout
        with self._news:
            while (moment := next(found(), None)) is None:
                ended = self.process.poll()  # before the wait: what it told last is there by then
                self._news.wait(0.1)
                if time.monotonic() > end or (ended is not None and next(found(), None) is None):
                    raise TimeoutError(f"no {line!r} came, but {self.told[-3:]}; {self.log.read_text()[-2000:]}")
            return moment

    def stop(self, timeout: float = 10.0) -> int:
        """Ask it to stop; its exit code. Raises subprocess.TimeoutExpired if it does not within so many seconds."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def end(self) -> None:
        """End it, whatever it is at."""
        self.process.kill()
        self.process.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"END", self._manager.address)
        self._thread.join()
        with self._manager:
            Path(self._manager.address).unlink()


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A pseudo terminal on which a command runs as if somebody had typed it. `said` is all that was written on it,
    `before` the settings that it had at first. `kind` is what it says that it is.
    """

    def __init__(self, *command: str, columns: int = 100, rows: int = 30, kind: str = "xterm-256color") -> None:
        self.said = ""
        self._own, self._line = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self._line)
        self.process = subprocess.Popen(  # noqa: S603 - what the test names
            [sys.executable, "-c", _TAKE_TERMINAL, *command], stdin=self._line, stdout=self._line, stderr=self._line,
            start_new_session=True, env={**os.environ, "TERM": kind},
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, name="terminal")
        self._thread.start()

    def _read(self) -> None:
        data = b""
        with suppress(OSError):  # nobody has it open any more
            while more := os.read(self._own, 65536):
                data += more
                self.said = data.decode(errors="replace")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._line)
        self._thread.join()
        os.close(self._own)

    def resize(self, columns: int, rows: int) -> None:
        """Let the window have another size."""
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Type something; "\\x03" is Ctrl-C."""
        os.write(self._own, text.encode())

    @property
    def settings(self) -> list[Any]:
        """The settings that it has now (termios(3))."""
        return termios.tcgetattr(self._line)


def eventually(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Return as soon as a condition is true. Raises TimeoutError if it is not within so many seconds."""
    end, pause = time.monotonic() + timeout, threading.Event()
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it never became so")
        pause.wait(0.005)


@contextmanager
def running(site: Site, **edges: Any) -> Iterator[Inbox]:
    """Within it the daemon of a site runs in a thread of this process, its clock the site's. Gives its inbox, when the
    first run is over. What the daemon raises is raised at the end. `edges` as in `post.Edges`.
    """
    config = site.config
    inbox = Inbox(config.watch.quiet, config.watch.limit)
    edges = {"tick": 0.1, "clock": lambda: float(site.now), "open": site.opened, "log": lambda settings: None, **edges}
    daemon = Daemon(site.file, config, inbox, Edges(**edges))
    with ThreadPoolExecutor(1, "daemon") as threads:
        ended = threads.submit(daemon.run)
        try:
            asked(inbox, "status", ended)
            yield inbox
        finally:
            inbox.stop()
            ended.result(timeout=30)


def asked(inbox: Inbox, command: Command, ended: "Future[None] | None" = None, digest: str = "") -> Reply:
    """What the loop answers; it has done by then whatever was ripe before. Raises TimeoutError."""
    question = Question(command, digest=digest)
    inbox.ask(question)
    for _ in range(600):
        if (reply := question.wait(0.05)) is not None:
            return reply
        if ended and ended.done():
            return {}
    raise TimeoutError(f"no answer to {command}")


def approved(inbox: Inbox) -> Reply:
    """What the loop answers to who lets leave what the guard keeps now; the list of it if that is nothing."""
    found = asked(inbox, "withheld")
    return asked(inbox, "approve", digest=found["digest"]) if found.get("digest") else found


class Hub:
    """A hub as a publisher sees it: an HTTP server on loopback, at `url`. `told` are the forms that were posted to it,
    each the pairs in their order; it answers with `status` and the fields `fields`, once it is not `held`. `asked`
    counts the requests that have arrived.
    """

    def __init__(self, port: int = 0) -> None:
        self.told: list[list[tuple[str, str]]] = []
        self.status, self.fields, self.says, self.asked = 202, dict[str, str](), b"", 0
        self._open = threading.Event()
        self._open.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hub"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="hub", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Hub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def topics(self) -> list[str]:
        """The documents that it was told of, in their order."""
        return [dict(form)["hub.topic"] for form in self.told]

    def hold(self) -> None:
        """Answer nobody from now on."""
        self._open.clear()

    def answer(self) -> None:
        """Answer all who wait, and whoever comes."""
        self._open.set()

    def close(self) -> None:
        """Be gone: who waits is answered, who comes finds nobody."""
        self.answer()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # `self` is the request's
        class Handler(BaseHTTPRequestHandler):
            timeout = 60

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
                hub.asked += 1
                hub._open.wait()
                hub.told.append(parse_qsl(form))
                with suppress(OSError):  # nobody waits for it any more
                    self.send_response(hub.status)
                    for name, value in {"Content-Length": str(len(hub.says)), **hub.fields}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(hub.says)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


def quiet_world(**told: Any) -> World:
    """A machine on which nothing is amiss, with neither systemd nor a daemon, but for what is `told` otherwise."""

    def nobody(path: Path) -> Reply:
        raise ControlError(Problem("not-running", "nobody answers", file=str(path)))

    quiet: dict[str, Any] = {
        "uid": os.geteuid(),
        "room": lambda _: Room(1 << 40),
        "account": lambda _: None,
        "watches": lambda _: None,
        "changed": lambda _: 0,
        "clock_is_set": lambda: True,
        "systemctl": lambda _: None,
        "status": nobody,
        "refusal": lambda _: "",
        "mounts": lambda: "",
    }
    return World(**{**quiet, **told})


@dataclass(frozen=True, slots=True)
class Got:
    """What a server answered; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """`feedd serve` of a directory, in a process of its own, on loopback at `port`. `url` is its root."""

    def __init__(self, directory: Path, *options: str) -> None:
        command = [sys.executable, "-m", "feedd", "serve", str(directory), "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - this feedd
        assert self.process.stderr is not None  # noqa: S101 - a pipe was asked for
        said = self.process.stderr.readline()
        self.url = said.rpartition(" at ")[2].strip()
        if not self.url.startswith("http://"):
            self.end()
            raise RuntimeError(f"it does not serve: {said}")
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """The answer to a request, by a connection of its own; `if_none_match="…"` is a header If-None-Match. The path
        is sent as it is.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return Got(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())

    def connect(self) -> socket.socket:
        """A connection on which nothing has been sent yet; close it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            if self.process.stderr:
                self.process.stderr.close()


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[Served]:
    """Within it `feedd serve` serves a directory, with these options."""
    served = Served(directory, *options)
    try:
        yield served
    finally:
        served.end()

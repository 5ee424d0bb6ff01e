"""Command: how a program of the admin's is run to its end, within bounds, whatever it does.

In: the program with its arguments, a directory, an environment, and lines for its standard input. Out: what it says,
line by line and not more than so many; and why it failed, if it did. `Execution.run` takes as long as the program, so
it is called in a thread; `Execution.end`, from any other, makes it short. Knows neither why the program is run nor what
it is told, and keeps no state.

The standard input is a file in memory, not a pipe: nobody waits for a program that does not read it. The program leads
a process group of its own, which is what ends when its time is over. What it leaves behind when it ends by itself is
its own affair, but has nobody who reads what it says.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import which
from threading import Lock

from feedd.publish import launch

GRACE = 2.0
"""Seconds between the word that a program is to end (SIGTERM) and its end (SIGKILL)."""
MOST_LINES = 50
"""Lines that are passed on of what a program says, of its standard output and of its standard error each."""
MOST_LETTERS = 500
"""Letters that are passed on of a line."""
BARE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, unless the environment says otherwise."""

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR")  # and LC_*
_CHUNK = 1 << 16
_REST = 1 << 20  # bytes that are taken of a stream after the end: who has it open still may go on for ever
STOPPED = "was ended, since feedd ends"
"""Why a program failed that was ended by `Execution.end`."""

Say = Callable[[bool, str], None]
"""Is given each line that a program says; first whether it says it on standard error."""


def environment(own: Mapping[str, str], **told: str) -> dict[str, str]:
    """What a program gets of feedd's own environment, and what it is told. What concerns feedd alone, such as the
    sockets and secrets of its service, is left out.
    """
    kept = {name: value for name, value in own.items() if name in _KEPT or name.startswith("LC_")}
    return {"PATH": BARE_PATH, "LANG": "C.UTF-8", **kept, **told}


@dataclass(slots=True)
class _Lines:
    """One stream of what a program says, cut into lines as it comes: no more than `MOST_LINES`, each cut off."""

    said: Callable[[str], None]
    _begun: bytes = b""
    _count: int = 0

    def take(self, data: bytes) -> None:
        """The next bytes of the stream."""
        if self._count > MOST_LINES:
            self._count += data.count(b"\n")
            return
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._line(self._begun + line)
            self._begun = b""
        self._begun = (self._begun + rest)[: 4 * MOST_LETTERS]  # a letter has four bytes at the most

    def close(self) -> None:
        """The stream is over."""
        if self._begun:
            self._line(self._begun)
        if self._count > MOST_LINES:
            self.said(f"… and {self._count - MOST_LINES} more lines")

    def _line(self, line: bytes) -> None:
        self._count += 1
        text = line[: 4 * MOST_LETTERS].decode("utf-8", "replace").strip()
        if text and self._count <= MOST_LINES:
            self.said(text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…")


@dataclass(slots=True, kw_only=True)
class Execution:
    """One run of a program, which is found as in a shell: on PATH unless its name holds a slash. `timeout` is how many
    seconds it has, `monotonic` tells seconds.
    """

    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    timeout: float
    say: Say
    monotonic: Callable[[], float]
    grace: float = GRACE
    _lock: Lock = field(init=False, default_factory=Lock)
    _over: bool = field(init=False, default=False)
    _bell: tuple[int, int] = field(init=False, default_factory=os.pipe)

    def end(self) -> None:
        """Let the program end now, or not begin; said again: at once. Nothing if it already has ended."""
        with self._lock:
            if not self._over:
                os.write(self._bell[1], b"1")

    def run(self, lines: Iterable[str]) -> str:
        """Run the program to its end, once; why that was no good one, for people, or nothing. Never raises for what
        programs and systems do.
        """
        try:
            with ExitStack() as stack:
                return self._run(_in_memory(lines, stack), stack)
        except OSError as error:
            return f"cannot be started: {error.strerror or error}"
        finally:
            with self._lock:
                self._over = True
                for one in self._bell:
                    os.close(one)

    def _run(self, documents: int, stack: ExitStack) -> str:
        program = which(self.command[0], path=self.environment.get("PATH"))
        if program is None:
            place = "" if "/" in self.command[0] else " on PATH"
            return f"cannot be started: there is no such program{place} that feedd's user may run"
        failed, tell = os.pipe()
        stack.callback(os.close, failed)
        with os.fdopen(tell, "wb") as told:
            process = stack.enter_context(self._started(program, documents, told.fileno()))
        try:
            return self._attended(process, failed)
        finally:  # whatever happened: who leads the group still counts as its member, so that it is no other group
            if process.returncode is None:
                _tell(process, signal.SIGKILL)

    def _started(self, program: str, documents: int, told: int) -> "subprocess.Popen[bytes]":
        start = [sys.executable, "-I", "-S", str(launch.__file__), str(told), str(os.getpid()), program, *self.command]
        return subprocess.Popen(  # noqa: S603 - the admin's own command, and no shell
            start,
            stdin=documents,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=dict(self.environment),
            pass_fds=(told,),
            start_new_session=True,
        )

    def _attended(self, process: "subprocess.Popen[bytes]", failed: int) -> str:
        """Take what the program says until it has ended, or its time is over."""
        assert process.stdout  # noqa: S101 - pipes were asked for
        assert process.stderr  # noqa: S101 - likewise
        said, complained, failure = _Lines(partial(self.say, False)), _Lines(partial(self.say, True)), bytearray()
        streams = {
            process.stdout.fileno(): said.take,
            process.stderr.fileno(): complained.take,
            failed: failure.extend,  # which closes as the program begins
        }
        why = self._watched(process, streams)
        for stream, take in streams.items():
            _take_rest(stream, take)
        said.close()
        complained.close()
        if why:
            return why
        return f"cannot be started: {os.strerror(int(failure))}" if failure else _in_words(process.wait())

    def _watched(self, process: "subprocess.Popen[bytes]", streams: Mapping[int, Callable[[bytes], object]]) -> str:
        """Wait until the program has ended, and see to it that it does; why it had to be ended, if it had."""
        why, deadline, bell = "", self.monotonic() + self.timeout, self._bell[0]
        with os.fdopen(os.pidfd_open(process.pid), "rb", buffering=0) as ended:
            watch = select.poll()
            for one in (ended.fileno(), bell, *streams):
                watch.register(one, select.POLLIN)
            while True:
                left = deadline - self.monotonic()
                ready = {handle for handle, _ in watch.poll(max(left, 0) * 1000)}
                for one in ready.intersection(streams):
                    if not _take(one, streams[one]):
                        watch.unregister(one)
                if ended.fileno() in ready:
                    return why
                if left <= 0 or bell in ready:
                    _tell(process, signal.SIGKILL if why else signal.SIGTERM)
                    over = f"did not end within {self.timeout:g} s, and was killed"
                    why = why or (STOPPED if bell in ready else over)
                    deadline = self.monotonic() + self.grace
                if bell in ready:
                    os.read(bell, 1)


def _in_memory(lines: Iterable[str], stack: ExitStack) -> int:
    """An open file with these lines, at its beginning."""
    file = stack.enter_context(os.fdopen(os.memfd_create("documents", os.MFD_CLOEXEC), "w+b"))
    file.writelines(os.fsencode(f"{line}\n") for line in lines)
    file.seek(0)
    return file.fileno()


def _take(stream: int, take: Callable[[bytes], object]) -> int:
    """Take what a stream holds now; how many bytes that are, none at its end."""
    data = os.read(stream, _CHUNK)
    take(data)
    return len(data)


def _take_rest(stream: int, take: Callable[[bytes], object]) -> None:
    """Take what a stream still holds when whoever wrote it has ended, without waiting for others who have it open."""
    os.set_blocking(stream, False)
    with suppress(BlockingIOError):
        rest = _REST
        while rest > 0 and (size := _take(stream, take)):
            rest -= size


def _tell(process: "subprocess.Popen[bytes]", what: signal.Signals) -> None:
    """Send a signal to a program and all of its group."""
    with suppress(OSError):
        os.killpg(process.pid, what)


def _in_words(status: int) -> str:
    """What an exit status says, as `subprocess` has it."""
    if status >= 0:
        return f"ended with exit code {status}" if status else ""
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # a signal without a name
        return f"was ended by signal {-status}"

"""The control socket: who asks is answered, who means harm or is broken harms nobody, and nothing is left behind."""

import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from feedd.errors import ControlError, Problem
from feedd.service.control import Control, Patience, ask
from feedd.service.inbox import Command, Inbox, Question, Reply
from feedd.testing import answering, bound_by_permissions, eventually

MOST = 64
"""Connections, and questions, that the daemon has at once."""

STATUS = b'{"command": "status"}\n'
RELOAD = b'{"command": "reload"}\n'
BUSY = {"ok": True, "status": "as last known"}


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Daemon:
    """A control socket without a loop: questions wait until the test takes them. Its clock stands still by default."""

    def __init__(
        self, place: Path, patience: Patience | None = None, monotonic: Callable[[], float] | None = None
    ) -> None:
        self.clock = Clock()
        self.inbox = Inbox(0, 0)
        self.control = Control(place, self.inbox, lambda command: BUSY, patience or Patience(), monotonic or self.clock)
        self.place = place
        self._connections: list[socket.socket] = []

    def connect(self, said: bytes = b"") -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        self._connections.append(connection)
        connection.settimeout(20)
        connection.connect(str(self.place))
        connection.sendall(said)
        return connection

    def questions(self, count: int = 1) -> list[Question]:
        """The questions that reach the loop, as soon as there are so many."""
        found: list[Question] = []
        while len(found) < count:
            news = self.inbox.take(20)
            assert news.questions, "no question came"
            found += news.questions
        return found

    def turn(self) -> None:
        """Return when all that happened before has been noticed: the answer to nonsense comes last."""
        assert heard(self.connect(b"?\n"))["problems"][0]["kind"] == "not-understood"

    def later(self, seconds: float) -> None:
        """Let time pass for those who are there already."""
        self.turn()
        self.clock.now += seconds
        self.turn()

    def close(self) -> None:
        self.control.close()
        for connection in self._connections:
            connection.close()


def heard(connection: socket.socket) -> dict[str, Any]:
    """The one line of a reply, after which nothing follows."""
    data = b""
    with suppress(ConnectionResetError):  # what was said was not all read
        while more := connection.recv(1 << 20):
            data += more
    reply: dict[str, Any] = json.loads(data)
    assert data.endswith(b"\n")
    return reply


def kind(reply: Reply) -> str:
    """What kind of problem a reply tells of, which must say what to do."""
    (problem,) = reply["problems"]
    assert not reply["ok"]
    assert problem["remedy"]
    return str(problem["kind"])


def is_gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def handles() -> list[int]:
    """The open file handles of this process."""
    return [int(path.name) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def daemon(place: Path) -> Iterator[Daemon]:
    daemon = Daemon(place)
    yield daemon
    daemon.close()


@contextmanager
def listening(place: Path, kind: int = socket.SOCK_STREAM, backlog: int = 8) -> Iterator[socket.socket]:
    """A socket that listens but is not feedd's."""
    place.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(str(place))
        if kind == socket.SOCK_STREAM:
            listener.listen(backlog)
        yield listener


@contextmanager
def saying(place: Path, data: bytes, reads: bool = True) -> Iterator[None]:
    """Something that says the same to everybody."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    if reads:
                        connection.recv(4096)
                    connection.sendall(data)

    with listening(place) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def leave_a_socket(place: Path) -> None:
    """What a daemon leaves that was killed."""
    with listening(place):
        pass


# --- Questions and answers ---


@pytest.mark.parametrize("command", ["status", "reload", "approve", "metrics"])
def test_loop_answers_what_is_asked(command: Any, place: Path) -> None:
    inbox = Inbox(0, 0)
    with Control(place, inbox, lambda command: BUSY), answering(inbox, lambda asked: {"ok": True, "asked": asked}):
        assert ask(place, command, timeout=20) == {"ok": True, "asked": command}


def test_many_ask_at_once_and_all_are_answered(place: Path) -> None:
    inbox, replies = Inbox(0, 0), list[Reply]()
    with Control(place, inbox, lambda command: BUSY), answering(inbox, lambda asked: {"asked": asked}):
        askers = [threading.Thread(target=lambda: replies.append(ask(place, "approve"))) for _ in range(40)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()

    assert replies == [{"asked": "approve"}] * 40


def test_what_json_does_not_know_is_told_as_text(daemon: Daemon) -> None:
    asker = daemon.connect(STATUS)
    daemon.questions()[0].answer({"file": Path("/etc/feedd.toml")})

    assert heard(asker) == {"file": "/etc/feedd.toml"}


def test_request_may_come_in_pieces(daemon: Daemon) -> None:
    asker = daemon.connect()
    for byte in STATUS:
        asker.sendall(bytes([byte]))
        daemon.turn()
    daemon.questions()[0].answer({"ok": True})

    assert heard(asker) == {"ok": True}


def test_request_may_end_with_the_sending_side(daemon: Daemon) -> None:
    asker = daemon.connect(STATUS.rstrip())
    asker.shutdown(socket.SHUT_WR)
    daemon.questions()[0].answer({"ok": True})

    assert heard(asker) == {"ok": True}


def test_who_ends_the_sending_side_still_waits(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    asker.shutdown(socket.SHUT_WR)
    (question,) = daemon.questions()
    daemon.turn()
    question.answer({"ok": True})

    assert heard(asker) == {"ok": True}


def test_long_reply_arrives_whole(place: Path) -> None:
    inbox, text = Inbox(0, 0), "x" * 3_000_000
    with Control(place, inbox, lambda command: BUSY), answering(inbox, lambda asked: {"text": text}):
        assert ask(place, "reload", timeout=20) == {"text": text}


def test_reload_is_waited_for_however_long_it_takes(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    (question,) = daemon.questions()
    daemon.later(3600)
    question.answer({"ok": True, "text": "at last"})

    assert heard(asker)["text"] == "at last"


def test_each_reload_is_a_question_of_its_own(daemon: Daemon) -> None:
    askers = [daemon.connect(RELOAD), daemon.connect(RELOAD)]
    first, second = daemon.questions(2)
    second.answer({"nth": 2})
    first.answer({"nth": 1})

    assert {heard(asker)["nth"] for asker in askers} == {1, 2}


# --- While a run is under way ---


def test_status_is_told_as_last_known_if_the_loop_takes_too_long(daemon: Daemon) -> None:
    asker = daemon.connect(STATUS)
    daemon.questions()
    daemon.later(0.9)
    asker.setblocking(False)
    with pytest.raises(BlockingIOError):
        asker.recv(1)
    asker.settimeout(20)
    daemon.later(0.1)

    assert heard(asker) == BUSY


def test_status_needs_nothing_else_to_happen(place: Path) -> None:
    daemon = Daemon(place, Patience(status=0.02), time.monotonic)
    try:
        assert ask(place, "status", timeout=20) == BUSY
    finally:
        daemon.close()


def test_those_who_ask_for_the_status_share_a_question(daemon: Daemon) -> None:
    askers = [daemon.connect(STATUS) for _ in range(10)]
    daemon.turn()
    (question,) = daemon.questions()
    question.answer({"ok": True})

    assert [heard(asker) for asker in askers] == [{"ok": True}] * 10


def test_late_answer_goes_to_who_waits_then(daemon: Daemon) -> None:
    daemon.connect(STATUS)
    (question,) = daemon.questions()
    daemon.later(1)
    asker = daemon.connect(STATUS)
    daemon.turn()
    question.answer({"ok": True})

    assert heard(asker) == {"ok": True}


def test_late_answer_to_nobody_is_forgotten(daemon: Daemon) -> None:
    asker = daemon.connect(STATUS)
    (question,) = daemon.questions()
    daemon.later(1)
    question.answer({"of": "then"})
    assert heard(asker) == BUSY
    daemon.turn()
    asker = daemon.connect(STATUS)
    daemon.questions()[0].answer({"of": "now"})

    assert heard(asker) == {"of": "now"}


# --- Those who are broken or mean harm ---


@pytest.mark.parametrize(
    "said",
    [
        b"hello\n",
        b"\n",
        b"{}\n",
        b"\xff\xfe\n",
        b"[" * 4000 + b"\n",
        b'{"more": ' + b"[" * 4000 + b"\n",
        b'{"command": "stop"}\n',
        b'{"command": ["status"]}\n',
        b'{"command": "status"',
        b'{"command": "status"} and more\n',
    ],
)
def test_nonsense_is_answered_with_what_to_say(said: bytes, daemon: Daemon) -> None:
    asker = daemon.connect(said)
    asker.shutdown(socket.SHUT_WR)
    reply = heard(asker)

    assert kind(reply) == "not-understood"
    assert '{"command": "status"}' in reply["problems"][0]["remedy"]


def test_unknown_command_is_named(daemon: Daemon) -> None:
    assert "'stop'" in heard(daemon.connect(b'{"command": "stop"}\n'))["problems"][0]["what"]


def test_endless_request_is_cut_off_and_told_so(daemon: Daemon) -> None:
    asker = daemon.connect()
    with suppress(BrokenPipeError, ConnectionResetError):
        asker.sendall(b"x" * 1_000_000)
    reply = heard(asker)

    assert kind(reply) == "not-understood"
    assert "longer than 16384 bytes" in reply["problems"][0]["what"]


def test_what_follows_a_request_is_left_alone(daemon: Daemon) -> None:
    asker = daemon.connect(STATUS + b"x" * 100_000)
    daemon.questions()[0].answer({"ok": True})

    assert heard(asker) == {"ok": True}


def test_silent_one_is_told_after_five_seconds(daemon: Daemon) -> None:
    silent, slow = daemon.connect(), daemon.connect(STATUS[:-1])
    daemon.later(5)

    assert [kind(heard(connection)) for connection in (silent, slow)] == ["not-understood"] * 2


def test_who_leaves_without_a_word_is_let_go(daemon: Daemon) -> None:
    before = handles()
    daemon.connect().close()
    daemon.turn()

    assert [handle for handle in handles() if handle not in before][1:] == []


def test_who_goes_away_while_waiting_is_let_go(daemon: Daemon) -> None:
    daemon.turn()
    before = len(handles())
    asker = daemon.connect(RELOAD)
    (question,) = daemon.questions()
    asker.close()
    daemon.turn()

    assert len(handles()) == before + 1  # that of the test, which asked for a turn
    question.answer({"ok": True})
    daemon.turn()


def test_who_goes_away_before_the_reply_is_let_go(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    (question,) = daemon.questions()
    asker.shutdown(socket.SHUT_RD)
    daemon.turn()
    question.answer({"ok": True})
    daemon.turn()

    assert is_gone(asker)


def test_who_does_not_take_the_reply_is_let_go_after_five_seconds(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    daemon.questions()[0].answer({"text": "x" * 3_000_000})
    daemon.turn()
    daemon.later(5)
    taken = b""
    while data := asker.recv(1 << 20):
        taken += data

    assert taken.startswith(b'{"text":"xxx')
    assert taken.endswith(b"xxx")


def test_thousand_silent_connections_keep_nobody_waiting(daemon: Daemon) -> None:
    threads, handles_before = threading.active_count(), len(handles())
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - handles_before - 2 * MOST
    crowd = [daemon.connect() for _ in range(min(1000, room))]
    asker = daemon.connect(STATUS)
    daemon.questions()[0].answer({"ok": True})

    assert heard(asker) == {"ok": True}
    assert threading.active_count() == threads
    assert len(handles()) <= handles_before + len(crowd) + 1 + MOST
    assert kind(heard(crowd[0])) == "too-many"


def test_requests_that_have_come_are_not_taken_for_silence(daemon: Daemon) -> None:
    """The thread is kept waiting until more requests are there than it serves at once."""
    busy, go_on = threading.Event(), threading.Event()

    def answer(command: Command) -> Reply:
        busy.set()
        go_on.wait(20)
        return BUSY

    place = daemon.place.with_name("other.sock")
    inbox, clock = Inbox(0, 0), Clock()
    with Control(place, inbox, answer, monotonic=clock), socket.socket(socket.AF_UNIX) as first:
        first.connect(str(place))
        first.sendall(STATUS)
        (question,) = inbox.take(20).questions
        clock.now += 1
        daemon.place = place
        askers = [daemon.connect()]
        assert busy.wait(20)
        askers[0].sendall(STATUS)
        askers += [daemon.connect(STATUS) for _ in range(2 * MOST)]
        question.answer({"ok": True})
        go_on.set()
        with answering(inbox, lambda asked: {"ok": True}):
            replies = [heard(asker) for asker in askers]

    assert [reply for reply in replies if not reply["ok"]] == []


def test_health_is_answered_without_the_loop(daemon: Daemon) -> None:
    assert heard(daemon.connect(b'{"command": "health"}\n')) == BUSY
    assert daemon.inbox.take(0).questions == ()


def test_metrics_are_answered_with_what_is_known_when_the_loop_is_late(daemon: Daemon) -> None:
    asker = daemon.connect(b'{"command": "metrics"}\n')
    daemon.questions()
    daemon.later(1)

    assert heard(asker) == BUSY


def test_more_than_the_most_wait_for_the_status_and_the_first_are_told_the_last_known(daemon: Daemon) -> None:
    askers = [daemon.connect(STATUS) for _ in range(MOST + 1)]
    daemon.turn()
    (question,) = daemon.questions()
    question.answer({"ok": True})
    replies = [heard(asker) for asker in askers]

    assert replies[:2] == [BUSY, BUSY]  # one for the last, one for the turn
    assert replies[2:] == [{"ok": True}] * (MOST - 1)


def test_more_reloads_than_the_most_are_refused(daemon: Daemon) -> None:
    askers = [daemon.connect(RELOAD) for _ in range(MOST)]
    questions = daemon.questions(MOST)
    refused = daemon.connect(RELOAD)

    assert kind(heard(refused)) == "too-many"
    for question in questions:
        question.answer({"ok": True})
    assert [heard(asker) for asker in askers] == [{"ok": True}] * MOST


def test_questions_of_those_who_went_away_do_not_pile_up(daemon: Daemon) -> None:
    for _ in range(MOST):
        daemon.connect(RELOAD).close()
    daemon.turn()
    questions = daemon.questions(MOST)

    assert kind(heard(daemon.connect(RELOAD))) == "too-many"
    assert heard(daemon.connect(STATUS)) == BUSY
    for question in questions:
        question.answer({"ok": True})
    daemon.turn()
    asker = daemon.connect(RELOAD)
    daemon.questions()[0].answer({"ok": True})
    assert heard(asker) == {"ok": True}


def test_connections_are_taken_again_when_there_are_file_handles_again(place: Path) -> None:
    looks = 0

    def monotonic() -> float:
        nonlocal looks
        looks += 1
        return time.monotonic()

    daemon = Daemon(place, monotonic=monotonic)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        others = [daemon.connect(), daemon.connect()]
        daemon.turn()
        late = socket.socket(socket.AF_UNIX)
        late.settimeout(20)
        none_free = os.dup(0)
        os.close(none_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (none_free, hard))
        try:
            late.connect(str(place))
            for other in others:  # when the second is heard, it has been tried to take the late one
                other.sendall(RELOAD)
                daemon.questions()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        late.sendall(STATUS)
        daemon.questions()[0].answer({"ok": True})
        assert heard(late) == {"ok": True}
        assert looks < 100  # until then it does not try all the time
        late.close()
    finally:
        daemon.close()


# --- The end ---


def test_all_who_wait_at_the_end_are_told_that_the_daemon_is_stopping(daemon: Daemon) -> None:
    askers = [daemon.connect(STATUS), daemon.connect(RELOAD), daemon.connect()]
    daemon.questions(2)
    daemon.control.close()

    assert [kind(heard(asker)) for asker in askers] == ["stopping"] * 3


def test_those_who_have_just_come_are_told_as_well(daemon: Daemon) -> None:
    askers = [daemon.connect(RELOAD) for _ in range(MOST)]
    daemon.control.close()

    assert [kind(heard(asker)) for asker in askers] == ["stopping"] * MOST


def test_what_the_loop_answered_before_the_end_is_told(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    daemon.questions()[0].answer({"ok": True})
    daemon.control.close()

    assert heard(asker) == {"ok": True}


def test_answer_after_the_end_goes_nowhere(daemon: Daemon) -> None:
    asker = daemon.connect(RELOAD)
    (question,) = daemon.questions()
    daemon.control.close()
    question.answer({"ok": True})

    assert kind(heard(asker)) == "stopping"


def test_long_reply_is_taken_to_its_end_at_the_end(daemon: Daemon) -> None:
    asker, reply = daemon.connect(RELOAD), {"text": "x" * 3_000_000}
    daemon.questions()[0].answer(reply)
    daemon.turn()
    closing = threading.Thread(target=daemon.control.close)
    closing.start()

    assert heard(asker) == reply
    closing.join()


def test_who_takes_no_reply_does_not_hold_up_the_end(place: Path) -> None:
    daemon = Daemon(place, Patience(end=0.02), time.monotonic)
    daemon.connect(RELOAD)
    daemon.questions()[0].answer({"text": "x" * 3_000_000})
    daemon.turn()
    daemon.control.close()

    assert not place.exists()
    daemon.close()


def test_nothing_is_left_at_the_end(place: Path) -> None:
    threads, before = threading.active_count(), handles()
    daemon = Daemon(place)
    daemon.connect(STATUS)
    daemon.connect(b"nonsense")
    daemon.turn()
    daemon.close()

    assert list(place.parent.iterdir()) == []
    assert threading.active_count() == threads
    assert handles() == before


def test_ending_twice_does_no_harm(daemon: Daemon) -> None:
    daemon.control.close()
    daemon.control.close()


def test_socket_of_a_successor_is_left(daemon: Daemon) -> None:
    daemon.place.unlink()
    with Control(daemon.place, daemon.inbox, lambda command: BUSY):
        daemon.control.close()
        assert daemon.place.is_socket()


def test_no_handle_is_left_to_programs_that_are_started(place: Path) -> None:
    before = handles()
    daemon = Daemon(place)
    daemon.connect()
    daemon.turn()
    opened = [handle for handle in handles() if handle not in before]

    assert len(opened) >= 5
    assert [handle for handle in opened if os.get_inheritable(handle)] == []
    daemon.close()


# --- The place of the socket ---


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_socket_is_its_owners_and_its_groups(mask: int, umask: Callable[[int], int], place: Path) -> None:
    umask(mask)
    with Control(place, Inbox(0, 0), lambda command: BUSY):
        assert stat.S_IMODE(place.stat().st_mode) == 0o660


def test_folder_is_made_and_others_are_kept_out_of_it(umask: Callable[[int], int], place: Path) -> None:
    umask(0)
    with Control(place, Inbox(0, 0), lambda command: BUSY):
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o750


WITNESS = """
import os, stat, sys
from pathlib import Path
from feedd.service.control import Control
from feedd.service.inbox import Inbox

place = Path(sys.argv[1])

def see(event, arguments):
    if event in ("os.chmod", "os.rename"):
        for found in place.parent.iterdir():
            print(event, found == place, oct(stat.S_IMODE(found.stat().st_mode)))

os.umask(0)
sys.addaudithook(see)
Control(place, Inbox(0, 0), dict).close()
"""


def test_socket_is_kept_from_others_at_every_moment(place: Path) -> None:
    command = [sys.executable, "-c", WITNESS, str(place)]
    seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout

    assert seen == "os.chmod False 0o660\nos.rename False 0o660\n"


def test_path_may_be_longer_than_the_system_takes(tmp_path: Path) -> None:
    place, inbox = tmp_path / ("d" * 200) / ("s" * 200), Inbox(0, 0)
    with Control(place, inbox, lambda command: BUSY), answering(inbox, lambda asked: {"ok": True}):
        assert ask(place, "status", timeout=20) == {"ok": True}
    assert list(place.parent.iterdir()) == []


def test_socket_that_a_dead_daemon_left_is_replaced(place: Path) -> None:
    leave_a_socket(place)
    inbox = Inbox(0, 0)
    with Control(place, inbox, lambda command: BUSY), answering(inbox, lambda asked: {"ok": True}):
        assert ask(place, "status", timeout=20) == {"ok": True}


def test_what_a_dead_daemon_had_begun_is_replaced(place: Path) -> None:
    leave_a_socket(place.with_name(f".feedd-{os.getpid()}"))
    with Control(place, Inbox(0, 0), lambda command: BUSY):
        assert list(place.parent.iterdir()) == [place]


def refusal(place: Path) -> Problem:
    """Why no socket can be made at that place. Nothing is left of the attempt."""
    before = handles()
    with pytest.raises(ControlError) as raised:
        Control(place, Inbox(0, 0), lambda command: BUSY)
    problem = raised.value.problem
    assert (problem.file, problem.field) == (str(place), "control.socket")
    assert problem.remedy
    del raised
    eventually(lambda: handles() == before)  # who answered may have closed its end a moment later
    return problem


def test_second_daemon_is_refused_and_told_who_the_first_is(daemon: Daemon) -> None:
    problem = refusal(daemon.place)

    assert problem.kind == "running"
    assert f"process {os.getpid()}" in problem.what
    asker = daemon.connect(STATUS)
    daemon.questions()[0].answer({"ok": True})
    assert heard(asker) == {"ok": True}


def test_daemon_that_is_too_busy_to_be_asked_is_not_replaced(place: Path) -> None:
    with listening(place, backlog=0), socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(place))

        assert refusal(place).kind == "running"


def _a_file(place: Path) -> None:
    place.write_text("mine")


def _a_folder(place: Path) -> None:
    place.mkdir()


def _a_link(place: Path) -> None:
    leave_a_socket(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def _a_link_to_nothing(place: Path) -> None:
    place.symlink_to("nowhere")


@pytest.mark.parametrize("put", [_a_file, _a_folder, _a_link, _a_link_to_nothing])
def test_what_is_no_socket_is_left_as_it_is(put: Callable[[Path], None], place: Path) -> None:
    place.parent.mkdir()
    put(place)
    before = place.lstat()

    assert refusal(place).kind == "no-socket"
    assert place.lstat() == before


def test_folder_that_cannot_be_written_is_reported(place: Path) -> None:
    place.parent.mkdir(mode=0o500)
    with bound_by_permissions():
        problem = refusal(place)

    assert (problem.kind, problem.what) == ("no-socket", "cannot be made: Permission denied")
    assert list(place.parent.iterdir()) == []


def test_file_in_the_place_of_the_folder_is_reported(place: Path) -> None:
    place.parent.write_text("mine")

    assert refusal(place).kind == "no-socket"
    assert place.parent.read_text() == "mine"


# --- Those who ask ---


def failure(place: Path, timeout: float | None = 20) -> Problem:
    """Why there is no reply from that place."""
    with pytest.raises(ControlError) as raised:
        ask(place, "status", timeout)
    problem = raised.value.problem
    assert (problem.file, problem.field) == (str(place), "control.socket")
    assert problem.remedy
    return problem


def _nothing(place: Path) -> None:
    place.parent.mkdir()


def _no_folder(place: Path) -> None:
    """Nothing at all."""


def _a_file_for_a_folder(place: Path) -> None:
    place.parent.write_text("mine")


def _a_file_in_the_folder(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("mine")


@pytest.mark.parametrize("prepare", [_nothing, _no_folder, leave_a_socket, _a_file_for_a_folder, _a_file_in_the_folder])
def test_who_asks_a_daemon_that_does_not_run_is_told_how_to_start_it(
    prepare: Callable[[Path], None], place: Path
) -> None:
    prepare(place)
    problem = failure(place)

    assert problem.kind == "not-running"
    assert "`systemctl start feedd`" in problem.remedy
    assert "`feedd run`" in problem.remedy


def test_who_may_not_ask_is_told_whose_the_socket_is(place: Path) -> None:
    leave_a_socket(place)
    place.chmod(0)
    with bound_by_permissions():
        problem = failure(place)

    assert problem.kind == "not-permitted"
    assert f"{place} is for the user {place.owner()} and the group {place.group()}" in problem.what
    assert "sudo" in problem.remedy
    assert place.group() in problem.remedy


def test_who_may_not_even_look_is_told_whose_the_folder_is(place: Path) -> None:
    leave_a_socket(place)
    place.parent.chmod(0o600)
    with bound_by_permissions():
        problem = failure(place)

    assert problem.kind == "not-permitted"
    assert f"{place.parent} is for the user {place.owner()}" in problem.what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owners_without_names_are_told_by_number(place: Path) -> None:
    leave_a_socket(place)
    os.chown(place, 54321, 54322)
    with bound_by_permissions():
        assert "is for the user 54321 and the group 54322" in failure(place).what


def test_silence_is_reported_with_the_seconds(place: Path) -> None:
    with listening(place):
        problem = failure(place, timeout=0.01)

    assert problem.kind == "no-answer"
    assert "0.01 s" in problem.what


def test_daemon_with_too_many_waiting_is_reported(place: Path) -> None:
    with listening(place, backlog=0), socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(place))
        problem = failure(place)

    assert problem.kind == "no-answer"
    assert "does not answer in time" in problem.what


def test_nothing_is_left_of_those_who_asked(place: Path) -> None:
    before = handles()
    with saying(place, b'{"ok": true}\n'):
        ask(place, "status", timeout=20)
    for _ in range(10):
        failure(place)
    place.unlink()
    with listening(place):
        failure(place, timeout=0.001)

    assert handles() == before


@pytest.mark.parametrize("said", [b"220 smtp.example ESMTP\n", b"[1]\n", b"\xff\n"])
def test_answer_of_something_else_is_reported(said: bytes, place: Path) -> None:
    with saying(place, said):
        assert failure(place).kind == "not-understood"


def test_answer_without_end_is_reported(place: Path) -> None:
    with saying(place, b"x" * ((1 << 24) + 1)):
        assert failure(place).kind == "not-understood"


@pytest.mark.parametrize("said", [b"", b'{"ok": '])
def test_daemon_that_dies_before_it_answers_is_reported(said: bytes, place: Path) -> None:
    with saying(place, said):
        problem = failure(place)

    assert problem.kind == "no-answer"
    assert "journalctl" in problem.remedy


def test_answer_that_does_not_wait_for_the_question_is_heard(place: Path) -> None:
    with saying(place, b'{"ok": false}\n', reads=False):
        for _ in range(50):
            assert ask(place, "reload", timeout=20) == {"ok": False}


@pytest.mark.parametrize("there", ["link", "datagram"])
def test_other_failures_are_reported_as_the_system_names_them(there: str, place: Path) -> None:
    with listening(place, socket.SOCK_DGRAM):
        if there == "link":
            place.unlink()
            place.symlink_to(place.name)
        problem = failure(place)

    assert problem.kind == "no-answer"
    assert problem.what.startswith("cannot be asked: ")

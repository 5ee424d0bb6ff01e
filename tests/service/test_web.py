"""Web: the process that serves is there as long as it is wanted, and no longer."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from feedd.config import Config
from feedd.errors import ServeError
from feedd.serve.listening import Handed
from feedd.service.web import Pauses, Web
from feedd.testing import Site, eventually

NONE = Handed({}, 0)


@pytest.fixture
def asks(tmp_path: Path) -> Callable[..., Config]:
    """A configuration that serves at these sockets of a directory."""
    site = Site(tmp_path)
    site.feeds.mkdir()
    (site.feeds / "all.json").write_text("{}")

    def config(server: str = "", monitoring: str = "", age: str = "5m") -> Config:
        one, other = (f"{tmp_path}/{name}" if name else "" for name in (server, monitoring))
        site.configure(f'[server]\nlisten = "{one}"\nmax_age = "{age}"\n[monitoring]\nlisten = "{other}"\n')
        return site.config

    return config


def got(place: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(place))
        connection.sendall(b"GET /all.json HTTP/1.0\r\n\r\n")
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def process_of(web: Web) -> int:
    assert web._process
    return web._process.pid


def is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_it_serves_until_it_is_closed_and_leaves_nothing(tmp_path: Path, asks: Callable[..., Config]) -> None:
    web = Web(asks("a.sock"), NONE)
    with closing(web):
        web.start()
        assert got(tmp_path / "a.sock").endswith(b"{}")
        process = process_of(web)
    assert not is_there(process)
    assert not (tmp_path / "a.sock").exists()


def test_nothing_is_started_where_nothing_is_to_be_served(asks: Callable[..., Config]) -> None:
    with closing(Web(asks(), NONE)) as web:
        web.start()
        assert web._process is None
        assert web.problems == ()


def test_it_lets_others_go_first(tmp_path: Path, asks: Callable[..., Config]) -> None:
    with closing(Web(asks("a.sock"), NONE)) as web:
        web.start()
        got(tmp_path / "a.sock")
        assert os.getpriority(os.PRIO_PROCESS, process_of(web)) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
        assert int(Path(f"/proc/{process_of(web)}/oom_score_adj").read_text()) == 500


def test_one_that_dies_is_started_anew_and_told_of_until_it_serves(tmp_path: Path, asks: Callable[..., Config]) -> None:
    with closing(Web(asks("a.sock"), NONE, pauses=Pauses(first=0.5))) as web:
        web.start()
        got(tmp_path / "a.sock")
        first = process_of(web)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: web.problems)
        assert "ended by signal SIGKILL" in str(web.problems[0])
        assert got(tmp_path / "a.sock").endswith(b"{}")
        eventually(lambda: not web.problems)
        assert process_of(web) != first


def test_one_that_cannot_serve_is_tried_again_ever_more_seldom(
    tmp_path: Path, asks: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[float]()
    real = Web._started

    def fails(web: Web, tell: int) -> object:
        started.append(time.monotonic())
        monkeypatch.setattr("feedd.service.web.sys.executable", "/bin/false")
        return real(web, tell)

    monkeypatch.setattr(Web, "_started", fails)
    with closing(Web(asks("a.sock"), NONE, pauses=Pauses(first=0.05, longest=0.2))) as web:
        web.start()
        eventually(lambda: len(started) > 5)
        assert "ended with exit code 1" in str(web.problems[0])
    gaps = [later - sooner for sooner, later in pairwise(started)]
    assert gaps[0] >= 0.05
    assert min(gaps[3:]) >= 0.2


def test_one_that_does_not_listen_to_reason_is_killed(tmp_path: Path, asks: Callable[..., Config]) -> None:
    web = Web(asks("a.sock"), NONE)
    web.start()
    got(tmp_path / "a.sock")
    process = process_of(web)
    os.kill(process, signal.SIGSTOP)
    started = time.monotonic()
    web.close()
    assert not is_there(process)
    assert time.monotonic() - started < 5


def test_a_successor_takes_over_the_sockets_without_a_gap(tmp_path: Path, asks: Callable[..., Config]) -> None:
    web = Web(asks("a.sock"), NONE)
    web.start()
    got(tmp_path / "a.sock")
    before, inode = process_of(web), (tmp_path / "a.sock").stat().st_ino
    after = Web(asks("a.sock", age="7s"), NONE, web)
    with closing(after):
        after.start(web)
        while b"max-age=7\r\n" not in (answer := got(tmp_path / "a.sock")):
            assert b"max-age=300\r\n" in answer
        eventually(lambda: not is_there(before))
        assert (tmp_path / "a.sock").stat().st_ino == inode
        assert b"max-age=7\r\n" in got(tmp_path / "a.sock")
    assert not (tmp_path / "a.sock").exists()


def test_an_address_that_cannot_be_had_leaves_the_former_as_it_was(tmp_path: Path, asks: Callable[..., Config]) -> None:
    (tmp_path / "taken").write_text("")
    with closing(Web(asks("a.sock"), NONE)) as web:
        web.start()
        with pytest.raises(ServeError, match="something else than a socket") as caught:
            Web(asks("b.sock", "taken"), NONE, web)
        assert caught.value.problem.field == "monitoring.listen"
        assert not (tmp_path / "b.sock").exists()
        with pytest.raises(ServeError):
            Web(asks("a.sock", "taken"), NONE, web)
        assert got(tmp_path / "a.sock").endswith(b"{}")


def test_two_names_of_one_address_are_refused(asks: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to(tmp_path)
    with pytest.raises(ServeError, match="another process answers"):
        Web(asks("a.sock", "same/a.sock"), NONE)


def test_only_what_counts_makes_another_one(asks: Callable[..., Config], tmp_path: Path) -> None:
    with closing(Web(asks("a.sock"), NONE)) as web:
        assert web.suits(asks("a.sock"))
        assert not web.suits(asks("a.sock", age="7s"))
        assert not web.suits(asks("b.sock"))


def test_monitoring_is_for_the_group_and_feeds_for_all(tmp_path: Path, asks: Callable[..., Config]) -> None:
    with closing(Web(asks("a.sock", "b.sock"), NONE)):
        assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.sock", "b.sock")] == [0o666, 0o660]

"""Listening: addresses, and sockets that systemd hands over."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from feedd.errors import ServeError
from feedd.serve.listening import PRIVATE, PUBLIC, Handed, Listening


def connects(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_a_port_is_listened_at(address: str) -> None:
    if address.startswith("[") and not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    try:
        one = Listening(address, "server.listen", PUBLIC)
    except ServeError as error:
        pytest.skip(f"there is no IPv6 here: {error}")
    with closing(one):
        socket.create_connection(one.socket.getsockname()[:2], timeout=5).close()
        assert one.spoken.startswith("http://")


def test_a_port_that_is_taken_is_told_by_the_key_that_names_it() -> None:
    with closing(Listening("127.0.0.1:0", "server.listen", PUBLIC)) as one:
        port = one.socket.getsockname()[1]
        with pytest.raises(
            ServeError, match=f"nobody can listen at 127.0.0.1:{port}: Address already in use"
        ) as caught:
            Listening(f"127.0.0.1:{port}", "server.listen", PUBLIC)
        assert caught.value.problem.field == "server.listen"
        assert caught.value.problem.remedy == "End what listens there, or name another address."


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    with pytest.raises(ServeError, match=r"nobody can listen at 192\.0\.2\.1:80: "):
        Listening("192.0.2.1:80", "server.listen", PUBLIC)


@pytest.mark.parametrize("mode", [PUBLIC, PRIVATE])
def test_a_path_has_the_permissions_that_are_asked_for_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        with closing(Listening(str(tmp_path / "a.sock"), "server.listen", mode)):
            assert (tmp_path / "a.sock").stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    place = tmp_path / ("a" * 120) / "a.sock"
    with closing(Listening(str(place), "server.listen", PUBLIC)) as one:
        assert place.is_socket()
        assert one.spoken == f"unix:{place}"


def test_a_dead_socket_is_replaced_a_living_one_and_other_files_are_not(tmp_path: Path) -> None:
    place = tmp_path / "a.sock"
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(place))
    with closing(Listening(str(place), "server.listen", PUBLIC)):
        with pytest.raises(ServeError, match="another process answers"):
            Listening(str(place), "server.listen", PUBLIC)
        assert connects(place)
    assert not place.exists()

    place.write_text("mine")
    with pytest.raises(ServeError, match="something else than a socket"):
        Listening(str(place), "server.listen", PUBLIC)
    assert place.read_text() == "mine"


def test_only_its_own_socket_is_taken_away(tmp_path: Path) -> None:
    place = tmp_path / "a.sock"
    first = Listening(str(place), "server.listen", PUBLIC)
    place.unlink()
    with closing(Listening(str(place), "server.listen", PUBLIC)):
        first.close()
        assert connects(place)


# systemd


def handed(monkeypatch: pytest.MonkeyPatch, first: int, **environ: str) -> Handed:
    monkeypatch.setattr("feedd.serve.listening._FIRST", first)
    return Handed({"LISTEN_PID": "7", **environ}, 7)


def test_sockets_are_found_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with first, second:
        low = 200
        for index, one in enumerate((first, second)):
            os.dup2(one.fileno(), low + index)
        found = handed(monkeypatch, low, LISTEN_FDS="2", LISTEN_FDNAMES="monitoring:http")
        assert found.find("http", "server.listen", alone=False).getsockname() == second.getsockname()
        assert found.find("monitoring", "monitoring.listen", alone=False).getsockname() == first.getsockname()
        assert not os.get_inheritable(low)
        for _, one in found._sockets:
            one.close()


def test_one_alone_is_taken_whatever_it_is_called_but_not_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as only:
        os.dup2(only.fileno(), 210)
        found = handed(monkeypatch, 210, LISTEN_FDS="1", LISTEN_FDNAMES="feedd.socket")
        assert found.find("http", "server.listen", alone=True).getsockname() == only.getsockname()
        with pytest.raises(ServeError, match="that is called http"):
            found.find("http", "server.listen", alone=False)
        for _, one in found._sockets:
            one.close()


def test_what_does_not_listen_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        os.dup2(other.fileno(), 220)
        found = handed(monkeypatch, 220, LISTEN_FDS="1")
        with pytest.raises(ServeError, match="no listening stream socket"):
            found.find("http", "server.listen", alone=True)
        for _, one in found._sockets:
            one.close()


@pytest.mark.parametrize(
    "environ", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "8"}, {"LISTEN_FDS": "many"}, {"LISTEN_FDS": "1"}]
)
def test_what_is_for_others_or_nonsense_is_left_and_no_child_sees_it(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.setattr("feedd.serve.listening._FIRST", 230)
    told = {"LISTEN_PID": "7", "LISTEN_FDNAMES": "http", **environ}

    assert not Handed(told, 7)
    assert told == {}

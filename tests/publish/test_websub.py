"""WebSub: how a hub is told, over real sockets, and what its answers mean."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd import __version__
from feedd.publish.websub import LONGEST, Answer, Teller, asked_for, backoff, body, judged
from feedd.testing import Hub

TOPIC = "https://news.example/feeds/topics/c%2B%2B.atom"


@pytest.fixture
def teller() -> Iterator[Teller]:
    found = Teller(patience=5)
    yield found
    found.close()


@contextmanager
def peer(says: bytes, heard: list[bytes] | None = None) -> Iterator[str]:
    """The address of a server that takes one connection, says these bytes whatever it hears, and hangs up."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            request = b""
            while b"hub.url=" not in request:
                request += connection.recv(65536)
            if heard is not None:
                heard.append(request)
            connection.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hub?key=1"
        thread.join()


def said(teller: Teller, says: bytes) -> Answer:
    with peer(says) as hub:
        return teller(hub, TOPIC)


# What is sent


def test_hub_is_told_in_both_dialects(teller: Teller) -> None:
    with Hub() as hub:
        assert teller(hub.url, TOPIC) == Answer("told")
    assert hub.told == [[("hub.mode", "publish"), ("hub.topic", TOPIC), ("hub.url", TOPIC)]]


def test_request_says_who_asks_and_what_it_holds(teller: Teller) -> None:
    heard: list[bytes] = []
    with peer(b"HTTP/1.1 204 No Content\r\n\r\n", heard) as hub:
        teller(hub, TOPIC)
    head, _, form = heard[0].partition(b"\r\n\r\n")

    assert head.startswith(b"POST /hub?key=1 HTTP/1.1\r\n")
    assert f"\r\nUser-Agent: feedd/{__version__}".encode() in head
    assert b"\r\nContent-Type: application/x-www-form-urlencoded" in head
    assert form == body(TOPIC)


def test_addresses_are_written_so_that_none_can_end_the_form() -> None:
    assert body("https://news.example/a&b=c\r\n") == (
        b"hub.mode=publish&hub.topic=https%3A%2F%2Fnews.example%2Fa%26b%3Dc%0D%0A"
        b"&hub.url=https%3A%2F%2Fnews.example%2Fa%26b%3Dc%0D%0A"
    )


def test_connection_is_used_again(teller: Teller) -> None:
    connections = 0

    def serve() -> None:
        nonlocal connections
        connection, _ = listener.accept()
        connections += 1
        with connection:
            for _ in range(3):
                while b"hub.url=" not in connection.recv(65536):
                    pass
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        hub = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert [teller(hub, TOPIC).outcome for _ in range(3)] == ["told"] * 3
        thread.join()
    assert connections == 1


# What comes back


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "told"), (202, "told"), (204, "told"), (299, "told"),
        (301, "refused"), (307, "refused"), (400, "refused"), (403, "refused"), (404, "refused"), (410, "refused"),
        (408, "away"), (429, "away"), (502, "away"), (503, "away"), (504, "away"),
        (500, "failed"), (501, "failed"), (999, "failed"),
    ],
)  # fmt: skip
def test_status_means(status: int, outcome: str) -> None:
    assert judged(status).outcome == outcome


def test_reason_of_a_hub_is_one_short_line_of_what_can_be_shown() -> None:
    assert judged(400, "Invalid hub.mode:\n\x1b[31m publish\0").why == "HTTP 400: Invalid hub.mode: [31m publish"
    assert len(judged(400, "x" * 9999).why) < 200
    assert judged(404, "\n <!doctype html><title>Not found</title>").why == "HTTP 404"


def test_redirect_is_not_followed_but_told(teller: Teller) -> None:
    with Hub() as elsewhere, Hub() as hub:
        hub.status, hub.fields = 308, {"Location": elsewhere.url}
        answer = teller(hub.url, TOPIC)

    assert answer == Answer("refused", f"it redirects to {elsewhere.url} (HTTP 308)")
    assert elsewhere.asked == 0


def test_hub_that_is_too_busy_says_for_how_long(teller: Teller) -> None:
    with Hub() as hub:
        hub.status, hub.fields, hub.says = 429, {"Retry-After": "120"}, b"slow down"
        assert teller(hub.url, TOPIC) == Answer("away", "HTTP 429: slow down", "120")


def test_hub_that_is_not_there_is_away(teller: Teller) -> None:
    with Hub() as hub:
        pass
    assert teller(hub.url, TOPIC) == Answer("away", "no connection: Connection refused")


def test_hub_that_never_answers_is_given_up() -> None:
    teller = Teller(patience=0.05)
    with Hub() as hub:
        hub.hold()
        assert teller(hub.url, TOPIC) == Answer("away", "no answer within 0.05 s")
    teller.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key in the same file, that nobody but its maker vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here, which makes the certificate")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", f"{file}.public"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + Path(f"{file}.public").read_text())
    return file


@contextmanager
def secure_peer(certificate: Path, heard: list[bytes]) -> Iterator[str]:
    """The address of a server with this certificate that takes one connection, and accepts what it hears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            while not heard or (b"hub.url=" not in heard[-1] and heard[-1]):
                heard.append(secure.recv(65536))
            secure.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_certificate_that_nobody_vouches_for_is_not_accepted(teller: Teller, certificate: Path) -> None:
    heard: list[bytes] = []
    with secure_peer(certificate, heard) as hub:
        answer = teller(hub, TOPIC)

    assert answer.outcome == "away"
    assert answer.why.startswith("no secure connection: ")
    assert b"".join(heard) == b""


def test_certificate_that_the_system_trusts_is_accepted(
    teller: Teller, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # where OpenSSL looks for those whom the system trusts
    heard: list[bytes] = []
    with secure_peer(certificate, heard) as hub:
        assert teller(hub, TOPIC) == Answer("told")
    assert b"".join(heard).endswith(body(TOPIC))


@pytest.mark.parametrize(
    "says",
    [
        b"", b"hello", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6,
    ],
    ids=["nothing", "no HTTP", "no status", "fields without end", "a field without end"],
)  # fmt: skip
def test_whatever_is_no_answer_is_none(teller: Teller, says: bytes) -> None:
    assert said(teller, says).outcome == "away"


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 100\r\n\r\nshort", b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n", b"\r\n" + b"x" * 100_000],
    ids=["cut off", "broken", "long"],
)
def test_text_that_is_broken_or_long_does_not_change_what_was_answered(teller: Teller, rest: bytes) -> None:
    assert said(teller, b"HTTP/1.1 202 Accepted\r\n" + rest).outcome == "told"


def test_text_is_not_unpacked(teller: Teller) -> None:
    answer = said(teller, b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb")

    assert answer == Answer("refused", "HTTP 400: bomb")


@pytest.mark.parametrize("hub", ["http://no-such-host.invalid/", f"http://{'a' * 70}.example/", "http://[::1/"])
def test_address_that_leads_nowhere_is_away(teller: Teller, hub: str) -> None:
    assert teller(hub, TOPIC).outcome == "away"


# When to try again


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_pauses_are_between_seconds_and_an_hour(tries: int, chance: float) -> None:
    assert 2.5 <= backoff(tries, chance) <= LONGEST


def test_pauses_double() -> None:
    assert [backoff(tries, 1) for tries in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert backoff(100, 1) == LONGEST == 3600
    assert [backoff(2, chance) for chance in (0, 0.5, 1)] == [5, 7.5, 10]


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("120", 120), ("0", 0), ("", 0), ("-5", 0), ("soon", 0), ("٣", 0), ("9" * 5000, 0), ("86400", 3600),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200), ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600), ("Fri, 99 Dec 9999 23:59:59 GMT", 0),
    ],
)  # fmt: skip
def test_what_a_hub_asks_for_is_granted_within_bounds(field: str, seconds: float) -> None:
    assert asked_for(field, now=1000) == seconds


@given(st.text())
def test_no_field_is_too_strange(field: str) -> None:
    assert 0 <= asked_for(field, now=1000) <= LONGEST

"""/healthz and /metrics, asked as ASGI applications are, over a real control socket."""

import asyncio
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from feedd.serve.monitoring import Monitoring
from feedd.serve.traffic import Traffic
from feedd.service.control import Control
from feedd.service.inbox import Command, Inbox, Reply
from feedd.service.metrics import Known, Metrics
from feedd.status import HealthReply, InForce, MetricsReply, State, Status, failed, told, vitals
from feedd.testing import NOON, answering

READY = Status("1.0", 1, NOON, NOON, 0.0, "ready", InForce("feedd.toml", NOON, "f"), public=5, watcher="inotify")


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


async def call(application: Monitoring, path: str, method: str = "GET") -> Response:
    """The response to one request."""
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("nothing of a request but its head is wanted")

    async def send(message: Any) -> None:
        sent.append(message)

    await application({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Response(sent[0]["status"], headers, b"".join(one["body"] for one in sent[1:]))


def response(place: Path, path: str, method: str = "GET", traffic: Traffic | None = None) -> Response:
    return asyncio.run(call(Monitoring(place, traffic or Traffic(), patience=2.0), path, method))


def of(health: Status, silent: float = 0.0) -> Callable[[Command], Reply]:
    """What a daemon with this status knows."""

    def known(command: Command) -> Reply:
        if command == "health":
            return told(HealthReply(True, vitals(health, silent)))
        return told(MetricsReply(True, Metrics(NOON).text(Known(health))))

    return known


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def health(place: Path, status: Status, silent: float = 0.0) -> Response:
    with Control(place, Inbox(0, 0), of(status, silent)):
        return response(place, "/healthz")


def having(state: State, *reasons: str) -> Status:
    return replace(READY, uptime=9.0, state=state, degraded=bool(reasons), reasons=reasons, feeds=3)


# /healthz


def test_a_daemon_that_is_ready_is_200(place: Path) -> None:
    found = health(place, having("ready"))

    assert found.status == 200
    assert found.headers["content-type"] == "application/json"
    assert found.json == {
        "state": "ready",
        "ready": True,
        "degraded": False,
        "reasons": [],
        "articles": 5,
        "feeds": 3,
        "version": "1.0",
        "uptime": 9.0,
        "running": None,
    }


def test_a_degraded_daemon_is_200_and_says_why(place: Path) -> None:
    found = health(place, having("ready", "the disk is full"))

    assert found.status == 200
    assert (found.json["degraded"], found.json["reasons"]) == (True, ["the disk is full"])


@pytest.mark.parametrize(("state", "status"), [("starting", 503), ("reloading", 200), ("stopping", 503)])
def test_feeds_that_are_kept_up_to_date_are_200_and_others_503(place: Path, state: State, status: int) -> None:
    found = health(place, having(state))

    assert (found.status, found.json["state"], found.json["ready"]) == (status, state, status == 200)


def test_a_daemon_whose_loop_is_stuck_is_503(place: Path) -> None:
    found = health(place, having("ready"), silent=75)

    assert found.status == 503
    assert found.json["reasons"] == ["the loop has given no sign of life for 75 s"]


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_daemon_that_is_gone_is_503_and_said_to_be(place: Path, path: str) -> None:
    found = response(place, path)

    assert found.status == 503
    assert b"feedd does not run" in found.body


def test_health_of_a_daemon_that_is_gone_is_json_too(place: Path) -> None:
    found = response(place, "/healthz").json

    assert (found["ready"], found["degraded"], len(found["reasons"])) == (False, True, 1)


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_daemon_that_does_not_answer_is_503_in_time(place: Path, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(place))
        deaf.listen()
        found = asyncio.run(call(Monitoring(place, Traffic(), patience=0.2), path))

    assert found.status == 503
    assert b"in time" in found.body


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
@pytest.mark.parametrize("answer", [b"", b"nonsense\n", b"{}\n", b'{"ok": 3}\n', b"[]\n", b'{"ok": true}\n'])
def test_what_is_no_answer_is_503(place: Path, path: str, answer: bytes) -> None:
    def say(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as strange, ThreadPoolExecutor(1) as threads:
        strange.bind(str(place))
        strange.listen()
        threads.submit(say, strange)
        found = response(place, path)

    assert found.status == (200 if path == "/metrics" and answer == b'{"ok": true}\n' else 503)


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_daemon_that_refuses_is_503_with_its_words(place: Path, path: str) -> None:
    from feedd.service.daemon import _BEGINNING

    with Control(place, Inbox(0, 0), lambda command: failed(_BEGINNING)) as control:
        control.close()
        stopped = response(place, path)
    inbox = Inbox(0, 0)
    with Control(place, inbox, lambda command: failed(_BEGINNING)), answering(inbox, lambda _: failed(_BEGINNING)):
        found = response(place, path)

    assert (stopped.status, found.status) == (503, 503)
    assert b"only beginning to start" in found.body


# /metrics


def test_metrics_are_the_daemons_and_those_of_this_process(place: Path) -> None:
    traffic = Traffic()
    traffic.answers["feeds", 200, "atom"] += 3
    traffic.answers["feeds", 404, ""] += 1
    traffic.connections["feeds"] = 2
    traffic.dismissed["feeds", "idle"] += 4
    inbox = Inbox(0, 0)
    with Control(place, inbox, of(READY)), answering(inbox, of(READY)):
        found = response(place, "/metrics", traffic=traffic)

    families = list(text_string_to_metric_families(found.body.decode()))
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert found.status == 200
    assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len({family.name for family in families}) == len(families)
    assert samples["feedd_public_articles",] == 5
    assert samples["feedd_http_requests_total", "atom", "feeds", "200"] == 3
    assert samples["feedd_http_requests_total", "", "feeds", "404"] == 1
    assert samples["feedd_http_connections", "feeds"] == 2
    assert samples["feedd_http_dismissed_connections_total", "feeds", "idle"] == 4
    assert samples["process_resident_memory_bytes",] > 0
    assert samples["feedd_http_process_resident_memory_bytes",] > 0


def test_many_who_ask_cost_the_daemon_one_question(place: Path) -> None:
    asked: list[str] = []

    def answer(command: Command) -> Reply:
        asked.append(command)
        return of(READY)(command)

    async def crowd() -> list[Response]:
        application = Monitoring(place, Traffic(), fresh=60)
        return await asyncio.gather(*(call(application, "/metrics") for _ in range(200)))

    inbox = Inbox(0, 0)
    with Control(place, inbox, of(READY)), answering(inbox, answer):
        found = asyncio.run(crowd())

    assert {one.status for one in found} == {200}
    assert asked == ["metrics"]


def test_an_answer_is_soon_asked_for_anew(place: Path) -> None:
    async def until_it_is_gone() -> int:
        application = Monitoring(place, Traffic(), fresh=0)
        with Control(place, Inbox(0, 0), of(having("ready"))):
            assert (await call(application, "/healthz")).status == 200
        for _ in range(1000):
            await asyncio.sleep(0)
            if (found := await call(application, "/healthz")).status != 200:
                break
        return found.status

    assert asyncio.run(until_it_is_gone()) == 503


def test_one_who_goes_away_takes_the_answer_from_nobody(place: Path) -> None:
    async def two() -> Response:
        application = Monitoring(place, Traffic())
        impatient = asyncio.ensure_future(call(application, "/healthz"))
        patient = asyncio.ensure_future(call(application, "/healthz"))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    with Control(place, Inbox(0, 0), of(having("ready"))):
        assert asyncio.run(two()).status == 200


def test_the_event_loop_goes_on_while_the_daemon_is_silent(place: Path) -> None:
    async def both() -> int:
        application = Monitoring(place, Traffic(), patience=5)
        asking = asyncio.ensure_future(call(application, "/metrics"))
        await asyncio.sleep(0)
        other = await call(application, "/nothing")
        asking.cancel()
        return other.status if not asking.done() else 0

    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(place))
        deaf.listen()
        with ThreadPoolExecutor(1) as threads:
            found = threads.submit(asyncio.run, both())
            connection, _ = deaf.accept()
            connection.close()
            assert found.result(20) == 404


# HTTP


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/other"])
def test_nothing_is_to_be_kept_or_guessed_at(place: Path, path: str) -> None:
    inbox = Inbox(0, 0)
    with Control(place, inbox, of(READY)), answering(inbox, of(READY)):
        found = response(place, path)

    assert found.headers["cache-control"] == "no-store"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert int(found.headers["content-length"]) == len(found.body)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/other"])
def test_head_is_get_without_a_body(place: Path, path: str) -> None:
    inbox = Inbox(0, 0)
    with Control(place, inbox, of(READY)), answering(inbox, of(READY)):
        get, head = response(place, path), response(place, path, "HEAD")

    assert head.body == b""
    assert (head.status, head.headers["content-type"]) == (get.status, get.headers["content-type"])
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "BREW"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_other_methods_are_405(place: Path, path: str, method: str) -> None:
    found = response(place, path, method)

    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "", "/healthz/", "/metrics/x", "//metrics", "/../metrics", "/all.atom"])
def test_nothing_else_is_there(place: Path, path: str) -> None:
    assert response(place, path).status == 404

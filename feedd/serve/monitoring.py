"""Monitoring: /healthz and /metrics, for those who run feedd, as an ASGI application.

In: HTTP requests, what the server counts, and the daemon's control socket, over which the daemon is asked. Out: whether
it is ready (200) or not (503), whether it is degraded and why, and its numbers for Prometheus with those of this
process. Nothing here names what is not public. However many ask, the daemon is asked one question of a kind at a time,
and its answer is good for a moment; if there is none, that is the answer. Does not listen, and knows of no feed.

Degraded is 200: the feeds are there and whole, and a load balancer that took them away would make an outage of a
warning. It is told in the body, and by the metric `feedd_degraded`, for which people are to be called.
"""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feedd.errors import ControlError
from feedd.serve.traffic import KIND, Message, Receive, Send, Traffic
from feedd.service.control import ask
from feedd.service.inbox import Command
from feedd.status import HealthReply, Kind, MetricsReply, read

PATIENCE = 3.0
"""Seconds that the daemon may be silent: three times what it takes to answer from what it knows."""
FRESH = 0.5
"""Seconds for which an answer of the daemon is good for others who ask."""

_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"
_METHODS = ("GET", "HEAD")
_REQUEST = ("listener", "status", "kind")  # as in `Traffic.answers`


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is answered to a request."""

    status: int
    media_type: str
    body: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those of any answer: nothing here is to be kept, or read as anything else."""
        named = {
            "content-type": self.media_type,
            "content-length": str(len(self.body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **({"allow": ", ".join(_METHODS)} if self.status == 405 else {}),
        }
        return [(name.encode(), value.encode()) for name, value in named.items()]


class Monitoring:
    """The application. `control` is the socket at which the daemon is asked, `patience` and `fresh` are as `PATIENCE`
    and `FRESH`.
    """

    def __init__(self, control: Path, traffic: Traffic, patience: float = PATIENCE, fresh: float = FRESH) -> None:
        self._control, self._patience, self._fresh = control, patience, fresh
        self._own = _Own(traffic)
        self._asked: dict[Command, asyncio.Future[Any]] = {}
        self._threads = ThreadPoolExecutor(2, "monitoring")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["path"] in {"/healthz", "/metrics"}:
            scope[KIND] = scope["path"][1:]
        answer = await self._answer(scope["method"], scope["path"])
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers()})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, method: str, path: str) -> _Answer:
        if path not in {"/healthz", "/metrics"}:
            return _Answer(404, _TEXT, b"there are /healthz and /metrics\n")
        if method not in _METHODS:
            return _Answer(405, _TEXT, b"GET and HEAD only\n")
        return await (self._health() if path == "/healthz" else self._metrics())

    async def _health(self) -> _Answer:
        reply = await self._ask("health", HealthReply)
        if isinstance(reply, str) or reply.health is None:
            return _Answer(503, _JSON, _json({"ready": False, "degraded": True, "reasons": [_reason(reply)]}))
        return _Answer(200 if reply.health.ready else 503, _JSON, _json(reply.health))

    async def _metrics(self) -> _Answer:
        reply = await self._ask("metrics", MetricsReply)
        if isinstance(reply, str) or not reply.ok:
            return _Answer(503, _TEXT, f"{_reason(reply)}\n".encode())
        return _Answer(200, _METRICS, reply.text.encode() + generate_latest(self._own))

    async def _ask(self, command: Command, kind: type[Kind]) -> Kind | str:
        """The daemon's reply, or why there is none."""
        asked = self._asked.get(command)
        if asked is None:
            loop = asyncio.get_running_loop()
            question = partial(_reply, self._control, command, kind, self._patience)
            asked = self._asked[command] = loop.run_in_executor(self._threads, question)
            asked.add_done_callback(lambda _: loop.call_later(self._fresh, self._asked.pop, command))
        reply: Kind | str = await asyncio.shield(asked)  # one who goes away takes it from nobody
        return reply


def _reply(control: Path, command: Command, kind: type[Kind], patience: float) -> Kind | str:
    try:
        return read(ask(control, command, patience), kind)
    except ControlError as error:
        return str(error.problem)


def _reason(reply: HealthReply | MetricsReply | str) -> str:
    return reply if isinstance(reply, str) else " ".join(map(str, reply.problems)) or "the daemon says nothing"


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


class _Own(Collector):
    """What is counted in this process. No name of it is one of the daemon's."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic, self._process = traffic, CollectorRegistry()
        ProcessCollector("feedd_http", registry=self._process)

    def collect(self) -> Iterator[Metric]:
        """The families of `Traffic`, and those of the process."""
        yield _filled(
            CounterMetricFamily("feedd_http_requests", "HTTP requests that were answered.", labels=_REQUEST),
            self._traffic.answers,
        )
        yield _filled(
            GaugeMetricFamily("feedd_http_connections", "Open HTTP connections.", labels=["listener"]),
            {(listener,): count for listener, count in self._traffic.connections.items()},
        )
        what = "HTTP connections that the server ended, by reason."
        yield _filled(
            CounterMetricFamily("feedd_http_dismissed_connections", what, labels=["listener", "reason"]),
            self._traffic.dismissed,
        )
        yield from self._process.collect()


def _filled(family: CounterMetricFamily | GaugeMetricFamily, counts: Mapping[Any, int]) -> Metric:
    for labels, count in counts.items():
        family.add_metric([str(label) for label in labels], count)
    return family

"""Protocol: HTTP/1.1 on a connection, by uvicorn, within bounds that uvicorn does not set.

In: bytes. Out: calls of an ASGI application, and its answers as bytes. What is added: heads of requests are bounded in
bytes, in headers and in time, and so is how long a client takes its answer; a request that is against the rules is
refused with a line of text; a body is not read, and the connection ends after the answer. When whoever is slow has to
go, `crowd` decides.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from feedd.serve.answer import Answer, Header, sent, told
from feedd.serve.crowd import Crowd, Guest

_WORDS = {
    400: "This is no request that can be understood.",
    408: "The request did not arrive in time.",
    431: "The head of the request is too large.",
}

_CLOSE: Header = (b"connection", b"close")
_AT_ONCE = struct.pack("ii", 1, 0)


class _Refused(Exception):
    """A request goes no further."""


class _Done:
    """In the place of uvicorn's request, for one that was answered at once."""

    response_complete, keep_alive, message_event = True, True, asyncio.Event()


_DONE: Any = _Done()

AtOnce = Callable[[str, bytes, list[Header]], tuple[Answer, str] | None]
"""Method, path and headers of a request → an answer that needs not be waited for, and its kind, if there is one."""


class Connection(HttpToolsProtocol):
    """One connection to a listener. `dated` gives the headers that all answers have, the date among them. `at_once` is
    asked first: making a task of a request and waiting for it takes as long as most answers.
    """

    blocked: float | None = None
    group: dict[Guest, float] = {}  # noqa: RUF012 - replaced by the crowd before it is looked at

    def __init__(
        self,
        config: Config,
        state: ServerState,
        listener: str,
        crowd: Crowd,
        dated: Callable[[], list[Header]],
        at_once: AtOnce | None = None,
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.listener, self._crowd, self._dated, self._at_once = listener, crowd, dated, at_once
        self._in_head, self._head, self._pending = False, 0, 0
        self._asked, self._answered, self._in_row = 0, 0, 0
        self._refusal, self._ends = 400, False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """It is there."""
        super().connection_made(transport)
        self._crowd.welcome(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._crowd.forget(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn never answers who has hung up half
        """The client sends no more, but may wait for an answer that is under way."""
        self._ends = True
        return self._is_answering()

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        self.blocked = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self.blocked = None
        super().resume_writing()

    def shutdown(self) -> None:
        """End as soon as the answer that is under way is sent."""
        super().shutdown()
        if self.transport.is_closing():
            self._crowd.leaves(self)

    def dismiss(self, reason: str) -> None:
        """End it; a client that has sent half a request is told why."""
        if reason == "slow-request" and self._in_head:
            self._refuse(408)
        else:
            self._close()

    def abort(self) -> None:
        """End it at once, and let the kernel forget what is still to be sent (SO_LINGER of socket(7))."""
        with suppress(OSError, ValueError), _handle_of(self.transport) as handle:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    # Requests

    def data_received(self, data: bytes) -> None:
        """Read more of what a client sends."""
        if self._ends or self.transport.is_closing():
            return
        self._in_row = 0
        try:
            self.parser.feed_data(data)
            if self._in_head:
                self._pending += len(data)
                self._bound(self._pending)
                self._crowd.begins(self)
        except httptools.HttpParserUpgrade:  # not done here: the request was answered as if it did not ask for that
            self._crowd.leaves(self)
        except (httptools.HttpParserError, _Refused):
            self._crowd.traffic.dismissed[self.listener, "bad-request"] += 1
            self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= self._crowd.bounds.pipelined:
            raise _Refused
        self._in_head, self._head, self._pending = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of what is asked for."""
        self._head += len(url)
        self._bound(self._head)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._head += len(name) + len(value)
        self._bound(self._head)
        self.headers.append((name.lower(), value))

    def _bound(self, size: int) -> None:
        bounds = self._crowd.bounds
        if size > bounds.head_bytes or len(self.headers) >= bounds.headers:
            self._refusal = 431
            raise _Refused

    def on_headers_complete(self) -> None:
        """A whole head is there: let the application answer."""
        self._in_head = False
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 and (names.count(b"host") or self.parser.get_http_version() != "1.0"):
            raise _Refused  # RFC 9112, section 3.2
        is_last = b"content-length" in names or b"transfer-encoding" in names or self.parser.should_upgrade()
        if self._is_answered_at_once(is_last):
            return
        self.server_state.default_headers = self._dated()
        super().on_headers_complete()
        self._asked += 1
        self._crowd.asks(self)
        if is_last:
            self.cycle.keep_alive = False

    def _is_answered_at_once(self, is_last: bool) -> bool:
        """Answer if that needs no waiting: neither for a file, nor for the client to take what was sent before, nor for
        others after many requests in a row.
        """
        method = self.parser.get_method().decode()
        must_wait = self._is_answering() or self.flow.write_paused or self._in_row >= self._crowd.bounds.pipelined
        if not self._at_once or must_wait or method not in ("GET", "HEAD"):
            return False
        try:
            found = self._at_once(method, httptools.parse_url(self.url).path or b"", self.headers)
        except Exception:  # noqa: BLE001 - whoever waits for the answer is told of the same fault
            found = None
        if found is None:
            return False
        answer, kind = found
        self._in_row += 1
        self._crowd.traffic.answers[self.listener, answer.status, kind] += 1
        is_last = is_last or not self.parser.should_keep_alive() or self.parser.get_http_version() == "1.0"
        self._send(answer.status, [*answer.headers, _CLOSE] if is_last else answer.headers, sent(answer, method))
        self.cycle = _DONE
        if is_last:
            self._close()
        else:
            self._crowd.rests(self)
        return True

    def _send(self, status: int, headers: list[Header], body: bytes | memoryview) -> None:
        lines = [b"%s: %s\r\n" % header for header in (*self._dated(), *headers)]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n"]))
        if body:
            self.transport.write(body)

    def on_response_complete(self) -> None:
        """An answer is sent: go on with the next request that is there, or wait for one."""
        self.server_state.total_requests += 1
        self._answered += 1
        if self._ends or self.transport.is_closing():
            self._close()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._crowd.rests(self)
            if self._in_head:
                self._crowd.begins(self)

    # The end

    def _refuse(self, status: int) -> None:
        """Say what is wrong, unless another answer is under way, and end."""
        self._ends = True
        self.flow.pause_reading()
        self.pipeline.clear()
        if self._is_answering():
            return
        self._crowd.traffic.answers[self.listener, status, ""] += 1
        answer = told(status, _WORDS[status])
        self._send(status, [*answer.headers, _CLOSE], answer.body)
        self._close()

    def _is_answering(self) -> bool:
        return self._asked > self._answered

    def _close(self) -> None:
        self._crowd.leaves(self)
        self.transport.close()


def _handle_of(transport: asyncio.Transport) -> socket.socket:
    """Another handle of the socket of a transport, which does not give its own."""
    return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

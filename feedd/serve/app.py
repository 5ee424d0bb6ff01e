"""App: the output directory as an ASGI application.

In: requests. Out: answers, and their bytes at the pace of whoever reads them. A known file that has not changed is
answered without waiting for anything. Does not know connections: what a slow or hostile client may do is `protocol`'s.
"""

import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from feedd.serve import answer as answers
from feedd.serve.answer import Answer, Header
from feedd.serve.paths import INDEX, Map
from feedd.serve.resources import Board, NotThere, Resource
from feedd.serve.shelf import Crowded, Shelf
from feedd.serve.traffic import KIND, Receive, Send

_CHUNK = 1 << 16
_MOST_STREAMS = 256  # answers at once whose bytes are not in memory, each of which takes a few chunks


def feeds(directory: Path, max_age: int, clock: Callable[[], float]) -> "Feeds":
    """The application for a directory; `clock` gives seconds since the epoch."""
    return Feeds(Shelf(directory, clock), Board(directory), max_age)


class Feeds:
    """The resources of a directory, as its manifest says. `max_age` is in seconds."""

    def __init__(self, shelf: Shelf, board: Board, max_age: int) -> None:
        self._shelf, self._board, self._max_age = shelf, board, max_age
        self._streams = 0

    def close(self) -> None:
        """End its threads. The process that serves does not wait for a slow disk: it ends with them."""
        self._shelf.close()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request (ASGI 3)."""
        method = scope["method"]
        if method == "GET" or method == "HEAD":
            await self._show(method, scope, send)
        else:
            await _say(answers.options() if method == "OPTIONS" else answers.refused(), method, send)

    def at_once(self, method: str, raw: bytes, headers: Sequence[Header]) -> tuple[Answer, str] | None:
        """The same answer, and its kind, for GET or HEAD of a file that is at hand and short: without waiting for
        anything. None where there is no such answer.
        """
        notice = self._board.current()
        path = next(iter(notice.meanings(raw)), None)
        if path is None or notice.target(path) is not None:
            return None
        found = self._shelf.at_hand(path + INDEX if path == "" or path.endswith("/") else path, notice.kinds)
        if found is None or notice.is_bare(raw):
            return None
        answer = answers.answer(method, answers.conditions(headers), found, notice, self._max_age)
        is_short = answer.stop - answer.start <= _CHUNK and (not answer.variant or answer.variant.data is not None)
        return (answer, found.kind.suffix) if is_short else None

    async def _show(self, method: str, scope: MutableMapping[str, Any], send: Send) -> None:
        notice = self._board.current()
        try:
            found = await self._found(scope["raw_path"], notice)
        except Crowded:
            found = answers.crowded()
        if isinstance(found, Answer):
            await _say(found, method, send)
            return
        scope[KIND] = found.kind.suffix
        asked = answers.conditions(scope["headers"])
        await self._send(answers.answer(method, asked, found, notice, self._max_age), found, method, send)

    # What there is

    async def _found(self, raw: bytes, notice: Map) -> Resource | Answer:
        """What lies at the path of a request, or what is to be said instead."""
        if notice.is_bare(raw):
            return answers.moved(notice.address(""), self._max_age)
        meanings = notice.meanings(raw)
        for path in meanings:
            if found := await self._meant(path, notice):
                return found
        if any(path in notice.gone for path in meanings):
            return answers.gone(self._max_age)
        return answers.unknown()

    async def _meant(self, path: str, notice: Map) -> Resource | Answer | None:
        if (target := notice.target(path)) is not None:
            return answers.moved(notice.address(target), self._max_age)
        file = path + INDEX if path == "" or path.endswith("/") else path
        if at_hand := self._shelf.at_hand(file, notice.kinds):
            return at_hand
        try:
            return await self._shelf.find(file, notice.kinds)
        except NotThere:
            if file == path and self._shelf.lies(f"{path}/{INDEX}"):
                return answers.moved(notice.address(f"{path}/"), self._max_age)
            return None

    # What is sent

    async def _send(self, answer: Answer, resource: Resource, method: str, send: Send) -> None:
        variant = answer.variant
        if variant is None or method == "HEAD":
            await _say(answer, method, send)
        elif variant.data is not None:
            await _send_bytes(answer, memoryview(variant.data)[answer.start : answer.stop], send)
        else:
            await self._stream(answer, resource, send)

    async def _stream(self, answer: Answer, resource: Resource, send: Send) -> None:
        """Send bytes from a file as it was: it may be replaced meanwhile, what was opened stays."""
        try:
            handle = None if self._streams >= _MOST_STREAMS else self._shelf.reader(resource)
        except NotThere:  # replaced since it was looked at: the client asks again
            handle = None
        if handle is None:
            await _say(answers.crowded(), "GET", send)
            return
        self._streams += 1
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            for start in range(answer.start, answer.stop, _CHUNK):
                size = min(_CHUNK, answer.stop - start)
                data = await self._shelf.read(handle, start, size)
                await _go_on(data, send, more=start + size < answer.stop)
        finally:
            self._streams -= 1
            os.close(handle)


async def _say(answer: Answer, method: str, send: Send) -> None:
    """Send an answer that has a line of text, or no body at all."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await _go_on(b"" if method == "HEAD" else answer.body, send, more=False)


async def _send_bytes(answer: Answer, data: memoryview, send: Send) -> None:
    """Send bytes that are in memory, in pieces: each waits until the client has taken most of what was before it."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    for start in range(0, len(data), _CHUNK):
        await _go_on(data[start : start + _CHUNK], send, more=start + _CHUNK < len(data))
    if not data:
        await _go_on(b"", send, more=False)


async def _go_on(data: bytes | memoryview, send: Send, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})

"""Traffic: what a server has answered and to how many it is connected, as numbers.

In: an ASGI application, and what happens to connections. Out: counters, which monitoring reads. All of it belongs to
one thread, that of the event loop. Knows nothing of what is answered but its status and its kind.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
"""An ASGI 3 application: scope, receive, send."""

KIND = "feedd.kind"
"""What an application may put into the scope before it answers: the kind of what it answers with, such as `atom`."""


@dataclass(slots=True)
class Traffic:
    """`answers` counts by listener, status and kind (empty where nothing was found or it has none); `connections` are
    open now, by listener; `dismissed` counts those that were ended by the server, by listener and reason: `idle`,
    `slow-request`, `slow-reader`, `bad-request`, `crowded`.
    """

    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    dismissed: Counter[tuple[str, str]] = field(default_factory=Counter)


class Counted:
    """An application whose answers are counted under the name of a listener."""

    def __init__(self, application: Application, listener: str, traffic: Traffic) -> None:
        self._application, self._listener, self._answers = application, listener, traffic.answers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers[self._listener, message["status"], scope.get(KIND, "")] += 1
            await send(message)

        await self._application(scope, receive, noted)

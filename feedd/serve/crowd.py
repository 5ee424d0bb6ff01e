"""Crowd: who is connected, and when whoever holds a connection without using it has to go.

In: what happens on connections, and the time. Out: connections that are told to end: those that are silent or slow for
too long, and when there are too many, whoever has been idle the longest. Reads and writes nothing itself; times are in
seconds of any one clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from feedd.serve.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take. `connections` at once; seconds in which a request's `head` must have arrived, a connection
    may be `idle` between two requests, and a client must `take` a piece of what it asked for; bytes and headers of a
    head; requests that wait for the answer to the one before.
    """

    connections: int = 12_000
    head: float = 10.0
    idle: float = 60.0
    take: float = 30.0
    head_bytes: int = 16_384
    headers: int = 100
    pipelined: int = 4


class Guest(Protocol):
    """A connection. `blocked` is since when it takes nothing of what is sent, if so; `group` is the crowd's."""

    listener: str
    blocked: float | None
    group: "dict[Guest, float]"

    def dismiss(self, reason: str) -> None:
        """End it as soon as what was sent is taken."""

    def abort(self) -> None:
        """End it at once."""


class Crowd:
    """All connections of a server, in groups by what they are at, each with since when it is at it: `fresh` ones have
    not sent a whole head yet, `busy` ones wait for an answer, `idle` ones had one, `leaving` ones are to end.
    """

    def __init__(self, bounds: Bounds, traffic: Traffic, now: Callable[[], float]) -> None:
        self.bounds, self.traffic, self._now = bounds, traffic, now
        self.fresh: dict[Guest, float] = {}
        self.busy: dict[Guest, float] = {}
        self.idle: dict[Guest, float] = {}
        self.leaving: dict[Guest, float] = {}

    def __len__(self) -> int:
        return len(self.fresh) + len(self.busy) + len(self.idle) + len(self.leaving)

    def welcome(self, guest: Guest) -> None:
        """A connection is there, and another one may have to go for it."""
        if len(self) >= self.bounds.connections:
            self._make_room()
        guest.group = self.fresh
        self.fresh[guest] = self._now()
        self.traffic.connections[guest.listener] += 1

    def forget(self, guest: Guest) -> None:
        """A connection is gone."""
        if guest.group.pop(guest, None) is not None:
            self.traffic.connections[guest.listener] -= 1

    def begins(self, guest: Guest) -> None:
        """The first part of a request is there; from now on the rest is waited for."""
        if guest.group is self.idle:
            self._move(guest, self.fresh)

    def asks(self, guest: Guest) -> None:
        """A whole request is there."""
        self._move(guest, self.busy)

    def rests(self, guest: Guest) -> None:
        """The answer to the last request is given."""
        self._move(guest, self.idle)

    def leaves(self, guest: Guest) -> None:
        """The connection is to end once all is sent."""
        if guest.group is not self.leaving:
            self._move(guest, self.leaving)

    def _move(self, guest: Guest, group: dict[Guest, float]) -> None:
        if guest.group.pop(guest, None) is not None:  # else it is gone already
            group[guest] = self._now()
            guest.group = group

    def sweep(self) -> None:
        """End what has taken too long; call it every second or so."""
        now, bounds = self._now(), self.bounds
        for guest in _older(self.fresh, now - bounds.head):
            self._dismiss(guest, "slow-request")
        for guest in _older(self.idle, now - bounds.idle):
            self._dismiss(guest, "idle")
        stuck = [one for one in (*self.busy, *self.idle) if one.blocked and one.blocked < now - bounds.take]
        for guest in (*stuck, *_older(self.leaving, now - bounds.take)):
            self._abort(guest, "slow-reader")

    def _make_room(self) -> None:
        """End the connection that is worth least: the longest idle, the longest without a request, or else who has been
        taking the longest to leave, or to take its answer.
        """
        for group in (self.idle, self.fresh, self.leaving, self.busy):
            for guest in group:
                self._abort(guest, "crowded")
                return

    def _dismiss(self, guest: Guest, reason: str) -> None:
        self.traffic.dismissed[guest.listener, reason] += 1
        guest.dismiss(reason)

    def _abort(self, guest: Guest, reason: str) -> None:
        self.traffic.dismissed[guest.listener, reason] += 1
        self.forget(guest)
        guest.abort()


def _older(group: dict[Guest, float], moment: float) -> list[Guest]:
    """Who has been in a group since before a moment; a group is in the order in which they came."""
    found = []
    for guest, since in group.items():
        if since >= moment:
            break
        found.append(guest)
    return found

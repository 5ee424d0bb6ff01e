"""Crowds: who is let go, and who is not, by a clock that stands still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.serve.crowd import Bounds, Crowd, Guest
from feedd.serve.traffic import Traffic


class Client:
    """A connection that remembers how it ended."""

    def __init__(self, crowd: Crowd) -> None:
        self.listener, self.blocked, self.ended = "feeds", None, ""
        self.group: dict[Guest, float] = {}
        self.crowd = crowd
        self.blocked: float | None = None
        crowd.welcome(self)

    def dismiss(self, reason: str) -> None:
        self.ended = reason
        self.crowd.leaves(self)

    def abort(self) -> None:
        self.ended = "aborted"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def crowd(clock: Clock) -> Crowd:
    return Crowd(Bounds(connections=4, head=10, idle=60, take=30), Traffic(), clock)


def test_a_request_has_ten_seconds_to_arrive(crowd: Crowd, clock: Clock) -> None:
    client = Client(crowd)
    clock.now += 10
    crowd.sweep()
    assert client.ended == ""

    clock.now += 1
    crowd.sweep()
    assert client.ended == "slow-request"


def test_drops_of_a_request_do_not_win_time(crowd: Crowd, clock: Clock) -> None:
    client = Client(crowd)
    for _ in range(12):
        clock.now += 1
        crowd.begins(client)
    crowd.sweep()
    assert client.ended == "slow-request"


def test_a_connection_may_be_idle_for_a_minute_but_what_begins_then_must_end_soon(crowd: Crowd, clock: Clock) -> None:
    idle, begins = Client(crowd), Client(crowd)
    for client in (idle, begins):
        crowd.asks(client)
        crowd.rests(client)
    clock.now += 40
    crowd.begins(begins)
    clock.now += 15
    crowd.sweep()
    assert (idle.ended, begins.ended) == ("", "slow-request")

    clock.now += 10
    crowd.sweep()
    assert idle.ended == "idle"


def test_who_takes_nothing_is_cut_off_and_who_takes_time_is_not(crowd: Crowd, clock: Clock) -> None:
    takes_none, takes_no_more, takes_some = (Client(crowd) for _ in range(3))
    for client in (takes_none, takes_no_more, takes_some):
        crowd.asks(client)
        client.blocked = clock.now
    crowd.rests(takes_no_more)
    clock.now += 25
    takes_some.blocked = clock.now
    clock.now += 10
    crowd.sweep()
    assert (takes_none.ended, takes_no_more.ended, takes_some.ended) == ("aborted", "aborted", "")


def test_who_is_told_to_leave_and_does_not_is_cut_off(crowd: Crowd, clock: Clock) -> None:
    client = Client(crowd)
    crowd.leaves(client)
    clock.now += 31
    crowd.sweep()
    assert client.ended == "aborted"
    assert len(crowd) == 0


def test_room_is_made_by_who_is_idle_longest_then_by_who_asks_nothing_last_by_who_is_served(crowd: Crowd) -> None:
    busy, fresh, idle, idler = (Client(crowd) for _ in range(4))
    crowd.asks(busy)
    for client in (idler, idle):
        crowd.asks(client)
        crowd.rests(client)
    order = []
    for _ in range(4):
        newcomer = Client(crowd)
        crowd.asks(newcomer)
        order += [
            name for name, one in (("idler", idler), ("idle", idle), ("fresh", fresh), ("busy", busy)) if one.ended
        ]
    assert order == ["idler", "idler", "idle", "idler", "idle", "fresh", "idler", "idle", "fresh", "busy"]


def test_what_happened_is_counted(crowd: Crowd, clock: Clock) -> None:
    clients = [Client(crowd) for _ in range(5)]
    clock.now += 11
    crowd.sweep()
    assert crowd.traffic.dismissed == {("feeds", "crowded"): 1, ("feeds", "slow-request"): 4}
    assert crowd.traffic.connections["feeds"] == 4
    for client in clients:
        crowd.forget(client)
    assert crowd.traffic.connections["feeds"] == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["welcome", "begins", "asks", "rests", "leaves", "forget", "sweep", "wait"]),
            st.integers(0, 9),
        )
    )
)
def test_whatever_happens_there_never_are_too_many_and_the_count_is_right(events: list[tuple[str, int]]) -> None:
    clock = Clock()
    crowd = Crowd(Bounds(connections=3), Traffic(), clock)
    clients: list[Client] = []
    for event, number in events:
        if event == "welcome":
            clients.append(Client(crowd))
        elif event == "sweep":
            crowd.sweep()
        elif event == "wait":
            clock.now += number * 10
        elif clients:
            getattr(crowd, event)(clients[number % len(clients)])
        assert len(crowd) <= 3
        assert crowd.traffic.connections["feeds"] == len(crowd)

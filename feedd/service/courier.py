"""Courier: what the ledger says that hubs are yet to be told → hubs, and what came of that → the ledger.

In: the pings that wait, and the hubs. Out: requests, a few at once for each hub; what is wrong with hubs, for people.
Each request has a thread of its own, which leaves its answer here and calls for a turn. The threads touch nothing else:
`Courier.turn` alone reads and writes the state, and waits for none of them. A hub that never answers holds up its own
pings; those that are under way when the process ends are told again by the next one.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue

from feedd.errors import Problem, StateError
from feedd.publish.websub import AT_ONCE, FEW, FORGOTTEN, LONGEST, Answer, Teller, asked_for, backoff
from feedd.service import log
from feedd.state.pings import Ping, Pings, Trouble

LONG = 300.0
"""Seconds that a hub may fail before a person should look at it: every hub is restarted at times."""

_SLOWEST = 60.0  # seconds after which a hub that still answers, bit by bit, counts as one that does not
_PAUSE = 0.5  # seconds between two looks for what has become due
_HURRY = 5.0  # seconds from one try to the next for which what is new does not wait
_QUIET = 60.0  # seconds after a word about a hub that begins to fail, in which there is no other

Tell = Callable[[str, str], Answer]
"""Tells a hub, at the first address, of a document, at the second; called in many threads."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A ping that was told, in the request of that number, and what the hub answered."""

    number: int
    ping: Ping
    answer: Answer


@dataclass(slots=True)
class _Request:
    """A ping that is being told, `since` a moment of the monotonic clock. One that is `late` counts as told in vain: it
    only holds its connection.
    """

    ping: Ping
    since: float
    late: bool = False


def _by_chance() -> float:
    return random.random()  # noqa: S311 - it spreads requests over time, and is no secret


class Courier:
    """Tells hubs. `wake` is called from any thread, when there is an answer for the next turn.

    `problems` are the hubs that a person should look at, as of the last turn.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        tell: Tell | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _by_chance,
    ) -> None:
        self._wake, self._clock, self._monotonic, self._chance = wake, clock, monotonic, chance
        self._teller = Teller()
        self._tell: Tell = tell or self._teller
        self._numbers = count()
        self._requests: dict[int, _Request] = {}
        self._delivered: SimpleQueue[_Delivery] = SimpleQueue()  # by the threads
        self._unsettled: list[_Delivery] = []  # what the state does not know yet
        self._kept: tuple[str, ...] | None = None  # the hubs that the state knows, at the most
        self._waits, self._looked, self._closed = True, float("-inf"), False
        self._refused: dict[str, Problem] = {}  # by hub: it refused a document, and has taken none since
        self._failing: dict[str, Problem] = {}  # by hub: it has taken nothing for long
        self._news: bool = False  # something is new since the last exchange
        self._hurried: set[str] = set()  # hubs that are to be tried for what is new, however long they rest
        self._tried: dict[str, float] = {}  # by hub: the moment of the last try
        self._bidden: dict[str, float] = {}  # by hub: it asked to be left alone until then
        self._complained: dict[str, float] = {}  # by hub: the moment of the last word about it
        self._turned: dict[str, str] = {}
        self._down: set[str] = set()  # hubs that fail, as was told

    @property
    def problems(self) -> tuple[Problem, ...]:
        """See above."""
        return tuple({**self._failing, **self._refused}.values())

    @property
    def under_way(self) -> int:
        """How many pings hubs are being told just now."""
        return sum(not request.late for request in self._requests.values())

    def look(self, news: bool = True) -> None:
        """There may be something to tell. With `news` there is something new: hubs that could not be reached are tried
        for it at once.
        """
        self._waits, self._looked = True, float("-inf")
        self._news = self._news or news

    def turned(self) -> dict[str, str]:
        """The hubs that began to fail since this was last asked, each with why, and those that take what they are told
        again, with "". Of one that comes and goes a minute passes before there is another word.
        """
        turned, self._turned = self._turned, {}
        return turned

    def turn(self, pings: Pings, hubs: Sequence[str], base: str) -> tuple[Problem, ...]:
        """Note what was answered, and begin to tell what is to be told now of documents below the address `base`. Gives
        what was given up, once. Where the state does not take it, it is noted at a later turn.
        """
        moment = self._monotonic()
        self._unsettled += [*self._answered(), *self._late(moment)]
        if not self._unsettled and self._kept == tuple(hubs) and not (self._waits and moment - self._looked >= _PAUSE):
            return ()
        self._looked = moment
        try:
            return self._exchange(pings, tuple(hubs), base)
        except StateError as error:
            log.debug("not-noted", what=str(error.problem))
            return ()

    def close(self, pings: Pings, hubs: Sequence[str]) -> None:
        """Note what was answered, and begin nothing any more. Waits for nobody."""
        self._closed = True
        self.turn(pings, hubs, "")
        self._teller.close()

    # With the state

    def _exchange(self, pings: Pings, hubs: tuple[str, ...], base: str) -> tuple[Problem, ...]:
        now = self._clock()
        ended = {delivery.number for delivery in self._unsettled}
        under_way = {number: one for number, one in self._requests.items() if number not in ended}
        with pings.transaction():
            others = pings.keep_to(hubs) if self._kept != hubs else 0
            settled = [delivery for delivery in self._unsettled if delivery.ping.hub in hubs]
            given_up = [problem for delivery in settled for problem in self._settle(pings, delivery, now)]
            troubles, waits = pings.troubles(), pings.any()
            ask = hubs if waits and not self._closed else ()
            self._hurry(hubs, troubles, now)
            ready = [ping for hub in ask for ping in self._ready(pings, hub, now, troubles.get(hub), under_way)]
        if others:
            log.info("hubs-forgotten", hubs=others)
        self._unsettled, self._requests, self._kept, self._waits = [], under_way, hubs, waits
        self._judge(hubs, troubles, now)
        for ping in ready:
            self._begin(ping, base + ping.path)
        return tuple(given_up)

    def _settle(self, pings: Pings, delivery: _Delivery, now: float) -> Iterator[Problem]:
        """Note what came of a ping; gives what was given up."""
        ping, answer = delivery.ping, delivery.answer
        trouble = pings.troubles().get(ping.hub)
        log.debug("pinged", hub=ping.hub, document=ping.path, outcome=answer.outcome, why=answer.why)
        self._note_turn(ping.hub, answer)
        if answer.outcome == "told":
            pings.done(ping)
            pings.settle(ping.hub)
            self._refused.pop(ping.hub, None)
            return
        since = min(trouble.since, int(now)) if trouble else int(now)
        if answer.outcome == "away":
            self._bidden[ping.hub] = now + asked_for(answer.retry_after, now)
            pings.put_back(ping, now)
            if not (trouble and _rests(trouble, now)):  # else it was told of several documents at once
                tries = trouble.tries + 1 if trouble else 1
                pings.trouble(Trouble(ping.hub, since, tries, now + self._delay(tries, answer, now), answer.why))
        elif answer.outcome == "refused" and ping.tries + 1 >= FEW:
            pings.done(ping)
            pings.trouble(Trouble(ping.hub, since, 0, 0, answer.why))
            yield from self._refusal(ping, answer)
        else:
            pings.put_off(ping, now + self._delay(ping.tries + 1, answer, now))
            pings.trouble(Trouble(ping.hub, since, 0, 0, answer.why))
        if dropped := pings.expire(ping.hub, now - FORGOTTEN):
            yield _forgotten(ping.hub, dropped)

    def _note_turn(self, hub: str, answer: Answer) -> None:
        """Note that a hub began to fail, or takes again what it is told."""
        moment = self._monotonic()
        if answer.outcome == "told":
            if hub in self._down:
                self._turned[hub] = ""
            self._down.discard(hub)
        elif hub not in self._down and moment - self._complained.get(hub, float("-inf")) >= _QUIET:
            self._turned[hub] = answer.why or answer.outcome
            self._complained[hub] = moment
            self._down.add(hub)

    def _hurry(self, hubs: tuple[str, ...], troubles: dict[str, Trouble], now: float) -> None:
        """Find the hubs that are not left alone for as long as was thought, since something is new."""
        if self._news:
            self._hurried = {
                hub for hub in hubs
                if (one := troubles.get(hub)) and _rests(one, now) and one.due - now > _HURRY
            }  # fmt: skip
            self._news = False

    def _ready(
        self, pings: Pings, hub: str, now: float, trouble: Trouble | None, under_way: dict[int, _Request]
    ) -> list[Ping]:
        """What to tell a hub now. One that could not be reached is told one thing, to see whether it is there again."""
        connections = [request for request in under_way.values() if request.ping.hub == hub]
        busy = {request.ping.path for request in connections if not request.late}
        room = AT_ONCE - len(connections)
        if trouble and trouble.tries:
            rests = _rests(trouble, now) and not self._may_hurry(hub, now)
            room = 0 if busy or rests else min(room, 1)
        return pings.ready(hub, now, room, now + LONGEST, busy) if room > 0 else []

    def _may_hurry(self, hub: str, now: float) -> bool:
        """Whether a hub that rests is tried all the same: for news, not just after another try, and not where it asked
        for its rest itself.
        """
        recent = self._monotonic() - self._tried.get(hub, float("-inf")) < _HURRY
        return hub in self._hurried and not recent and now >= self._bidden.get(hub, 0.0)

    def _delay(self, tries: int, answer: Answer, now: float) -> float:
        return max(backoff(tries, self._chance()), asked_for(answer.retry_after, now))

    def _refusal(self, ping: Ping, answer: Answer) -> Iterator[Problem]:
        """The first document that a hub refuses is told of; others, until it takes one, are no news."""
        if ping.hub not in self._refused:
            self._refused[ping.hub] = _refused(ping, answer)
            yield self._refused[ping.hub]

    def _judge(self, hubs: Sequence[str], troubles: dict[str, Trouble], now: float) -> None:
        """Find the hubs that a person should look at. What is said of one stays until it takes something."""
        long = {hub: one for hub, one in troubles.items() if now - one.since >= LONG}
        self._failing = {hub: self._failing.get(hub) or _failing(one) for hub, one in long.items()}
        self._refused = {hub: problem for hub, problem in self._refused.items() if hub in hubs}

    # With hubs

    def _answered(self) -> Iterator[_Delivery]:
        """What the threads have left here."""
        with suppress(Empty):
            while True:
                yield self._delivered.get_nowait()

    def _late(self, moment: float) -> Iterator[_Delivery]:
        """Those for which hubs need too long, though they are at it still. They go on to count as connections."""
        for request in self._requests.values():
            if not request.late and moment - request.since >= _SLOWEST:
                request.late = True
                yield _Delivery(-1, request.ping, Answer("away", f"no whole answer within {_SLOWEST:g} s"))

    def _begin(self, ping: Ping, topic: str) -> None:
        number = next(self._numbers)
        self._tried[ping.hub] = self._monotonic()
        self._hurried.discard(ping.hub)
        self._requests[number] = _Request(ping, self._monotonic())
        # A daemon's thread: the process does not wait for it at its end.
        thread = threading.Thread(target=self._carry, args=(number, ping, topic), name="courier", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._delivered.put(_Delivery(number, ping, Answer("away", str(error))))

    def _carry(self, number: int, ping: Ping, topic: str) -> None:
        """What a thread does."""
        try:
            answer = self._tell(ping.hub, topic)
        except Exception as error:  # noqa: BLE001 - a fault of feedd itself must not leave a ping under way for ever
            log.crash("fault", error)
            answer = Answer("failed", f"a fault of feedd itself: {type(error).__name__}")
        self._delivered.put(_Delivery(number, ping, answer))
        self._wake()


def _rests(trouble: Trouble, now: float) -> bool:
    """Whether a hub that could not be reached is left alone. What is more than the longest pause away was noted before
    the clock was set back.
    """
    return trouble.tries > 0 and now < trouble.due <= now + LONGEST


def _failing(trouble: Trouble) -> Problem:
    what = f"{trouble.hub} takes nothing that it is told: {trouble.error}"
    remedy = "It is tried again. See whether the address is right, the hub is up, and feedd's unit lets it out."
    return Problem("hub-fails", what, remedy, field="websub.hubs", severity="warning")


def _refused(ping: Ping, answer: Answer) -> Problem:
    what = f"{ping.hub} refuses to be told of {ping.path}: {answer.why}"
    remedy = "Write the address that the hub gives to publishers, or ask those who run it; the next change is told."
    return Problem("hub-refuses", what, remedy, field="websub.hubs", severity="warning")


def _forgotten(hub: str, dropped: int) -> Problem:
    what = f"{hub} could not be told for a day of {dropped} document{'s' if dropped > 1 else ''}, which is given up"
    return Problem("hub-missed", what, "The next change is told again.", field="websub.hubs", severity="warning")


def deliver(
    pings: Pings,
    hubs: Sequence[str],
    base: str,
    seconds: float,
    courier: Callable[[Callable[[], None]], Courier] = Courier,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[Problem, ...]:
    """Tell hubs what they can be told now, each document once, and wait so many seconds at the most. Gives what was
    given up; the rest waits for the next time.
    """
    bell, end = threading.Event(), monotonic() + seconds
    at_work = courier(bell.set)
    given_up = at_work.turn(pings, hubs, base)
    while at_work.under_way and bell.wait(max(end - monotonic(), 0)):
        bell.clear()
        given_up += at_work.turn(pings, hubs, base)
    at_work.close(pings, hubs)
    return given_up

"""The courier: when hubs are told what, and what is kept of that."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from feedd.errors import Problem
from feedd.publish.websub import AT_ONCE, FORGOTTEN, Answer
from feedd.service.courier import LONG, Courier, deliver
from feedd.state.database import open_database
from feedd.state.pings import Pings
from feedd.testing import Hub, eventually

BASE = "https://news.example/feeds/"
HUB, OTHER = "https://hub.example/", "https://other.example/"
TOLD, AWAY, FAILED = Answer("told"), Answer("away", "no answer"), Answer("failed", "HTTP 500")
REFUSED = Answer("refused", "HTTP 400: no")


@dataclass
class Post:
    """A courier with a ledger, a clock that stands, hubs that answer what a test says, and what was posted."""

    pings: Pings
    now: float = 1_000_000.0
    moment: float = 0.0
    answer: Callable[[str, str], Answer] = lambda hub, topic: TOLD
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    hubs: tuple[str, ...] = (HUB,)

    def __post_init__(self) -> None:
        clocks = (lambda: self.now, lambda: self.moment)
        self.courier = Courier(self.answers.release, self.tell, *clocks, chance=lambda: 1.0)

    def tell(self, hub: str, topic: str) -> Answer:
        self.asked.append((hub, topic.removeprefix(BASE)))
        return self.answer(hub, topic)

    def note(self, *paths: str, hubs: Iterable[str] = ()) -> None:
        self.pings.note(paths, tuple(hubs) or self.hubs, int(self.now))
        self.courier.look(bool(paths))

    def turn(self) -> tuple[Problem, ...]:
        self.moment += 1
        return self.courier.turn(self.pings, self.hubs, BASE)

    def next(self) -> tuple[Problem, ...]:
        """The turn after an answer."""
        assert self.answers.acquire(timeout=10)
        return self.turn()

    def rest(self) -> tuple[Problem, ...]:
        """Turns until nothing is under way any more; gives what was given up."""
        given_up = self.turn()
        while self.courier.under_way:
            given_up += self.next()
        return given_up

    def documents(self, hub: str = HUB) -> list[str]:
        """What a hub was asked to fetch, in order of the alphabet, since the last time."""
        found = sorted(path for told, path in self.asked if told == hub)
        self.asked = [one for one in self.asked if one[0] != hub]
        return found

    def waiting(self) -> int:
        return sum(one.count for one in self.pings.waiting())


@pytest.fixture
def post() -> Iterator[Post]:
    with closing(open_database(None)) as database:
        yield Post(Pings(database))


def kinds(problems: Iterable[Problem]) -> list[str]:
    return [problem.kind for problem in problems]


# What is told


def test_each_hub_is_told_of_each_document_once(post: Post) -> None:
    post.hubs = (HUB, OTHER)
    post.note("all.atom", "all.json")

    assert post.rest() == ()
    assert post.documents() == ["all.atom", "all.json"] == post.documents(OTHER)
    assert post.waiting() == 0
    assert post.rest() == ()
    assert post.asked == []


def test_nothing_is_told_that_did_not_change(post: Post) -> None:
    assert post.rest() == ()
    assert post.asked == []


def test_document_that_changes_while_a_hub_is_told_of_it_is_told_of_again_but_not_at_once(post: Post) -> None:
    gate = threading.Event()
    post.answer = lambda hub, topic: TOLD if gate.wait(10) else FAILED
    post.note("all.atom")
    post.turn()
    post.note("all.atom")
    post.turn()
    eventually(lambda: len(post.asked) == 1)
    gate.set()
    post.next()
    post.rest()

    assert post.documents() == ["all.atom", "all.atom"]
    assert post.waiting() == 0


def test_few_connections_to_one_hub_are_open_at_once(post: Post) -> None:
    gate, most, now, lock = threading.Event(), 0, 0, threading.Lock()

    def answer(hub: str, topic: str) -> Answer:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        gate.wait(10)
        with lock:
            now -= 1
        return TOLD

    post.answer = answer
    post.note(*(f"{number}.atom" for number in range(25)))
    post.turn()
    post.turn()
    eventually(lambda: len(post.asked) == AT_ONCE)
    gate.set()
    post.rest()

    assert (most, len(post.asked), post.waiting()) == (AT_ONCE, 25, 0)


def test_hub_that_hangs_holds_up_no_other(post: Post) -> None:
    gate = threading.Event()
    post.answer = lambda hub, topic: TOLD if hub == OTHER or gate.wait(10) else FAILED
    post.hubs = (HUB, OTHER)
    post.note(*(f"{number}.atom" for number in range(10)))
    post.turn()
    for _ in range(10):
        post.next()

    assert len(post.documents(OTHER)) == 10
    assert post.waiting() == 10
    gate.set()
    post.rest()
    assert post.waiting() == 0


# When it is told again


def test_hub_that_is_away_is_asked_for_one_thing_ever_more_seldom(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note(*(f"{number}.atom" for number in range(9)))
    post.rest()
    assert len(post.documents()) == AT_ONCE  # as nobody knew

    pauses = []
    for _ in range(12):
        begun = post.now
        while not post.asked:
            post.now += 1
            post.rest()
        pauses.append(post.now - begun)
        assert len(post.documents()) == 1
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert post.waiting() == 9


def test_hub_that_is_away_is_asked_for_each_document_in_turn(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note("a.atom", "b.atom", "c.atom")
    post.rest()
    post.documents()
    for _ in range(3):
        post.now += 3600
        post.rest()

    assert post.documents() == ["a.atom", "b.atom", "c.atom"]


def test_hub_that_is_back_is_told_all_at_once(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note(*(f"{number}.atom" for number in range(9)))
    post.rest()
    post.answer = lambda hub, topic: TOLD
    post.documents()
    post.now += 5
    post.rest()

    assert len(post.documents()) == 9
    assert (post.waiting(), post.pings.troubles(), post.courier.problems) == (0, {}, ())


def long_away(post: Post) -> None:
    """Let the hub be away for so long that it is tried seldom."""
    post.answer = lambda hub, topic: AWAY
    post.note("old.atom")
    for _ in range(9):
        post.rest()
        post.now, post.moment = post.pings.troubles()[HUB].due, post.moment + 9
    post.rest()
    post.documents()


def test_change_is_told_at_once_to_a_hub_that_is_tried_seldom(post: Post) -> None:
    long_away(post)
    post.now, post.moment = post.now + 9, post.moment + 9
    post.note()
    post.rest()
    assert post.documents() == []

    post.answer = lambda hub, topic: TOLD
    post.note("new.atom")
    post.rest()
    assert post.documents() == ["new.atom", "old.atom"]
    assert post.waiting() == 0


def test_changes_let_a_hub_that_is_away_be_tried_once_in_five_seconds_and_its_rest_as_long_as_it_was(
    post: Post,
) -> None:
    long_away(post)
    trouble = post.pings.troubles()[HUB]
    for number in range(20):  # each turn takes a second
        post.note(f"{number}.atom")
        post.turn()
        assert not post.courier.under_way or post.answers.acquire(timeout=10)

    assert 3 <= len(post.documents()) <= 4
    assert post.pings.troubles()[HUB] == trouble


def test_change_does_not_hurry_a_hub_that_asked_to_be_left_alone(post: Post) -> None:
    post.answer = lambda hub, topic: Answer("away", "HTTP 429", retry_after="100")
    post.note("all.atom")
    post.rest()
    post.documents()
    post.now, post.moment = post.now + 50, post.moment + 50
    post.note("all.atom")
    post.rest()

    assert post.documents() == []
    assert post.waiting() == 1


def test_there_is_a_word_when_a_hub_begins_to_fail_and_when_it_takes_again_what_it_is_told(post: Post) -> None:
    said = []
    for answer in (AWAY, AWAY, TOLD, TOLD, REFUSED, TOLD, FAILED):
        post.answer = lambda hub, topic, answer=answer: answer  # type: ignore[misc]
        post.note("all.atom")
        post.rest()
        post.now, post.moment = post.now + 3600, post.moment + 20
        said.append(post.courier.turned())

    assert said == [{HUB: "no answer"}, {}, {HUB: ""}, {}, {HUB: "HTTP 400: no"}, {HUB: ""}, {}]


def test_hub_that_is_too_busy_is_left_alone_for_as_long_as_it_asks(post: Post) -> None:
    post.answer = lambda hub, topic: Answer("away", "HTTP 429", retry_after="100")
    post.note("all.atom")
    post.rest()
    post.documents()
    post.now += 99
    post.rest()
    assert post.documents() == []
    post.now += 1
    post.rest()
    assert post.documents() == ["all.atom"]


def test_document_that_a_hub_cannot_take_holds_up_no_other(post: Post) -> None:
    post.answer = lambda hub, topic: FAILED if topic.endswith("bad.atom") else TOLD
    post.note("bad.atom", "good.atom")
    post.rest()
    post.note("good.atom")
    post.rest()
    assert post.documents() == ["bad.atom", "good.atom", "good.atom"]
    assert post.waiting() == 1

    post.answer = lambda hub, topic: TOLD
    post.now += 5
    post.rest()
    assert post.waiting() == 0


def test_what_a_hub_refuses_is_given_up_after_a_few_tries_and_told_of_once(post: Post) -> None:
    post.answer = lambda hub, topic: REFUSED
    post.note("a.atom", "b.atom")
    given_up = post.rest()
    for _ in range(20):
        post.now += 3600
        given_up += post.rest()

    assert post.documents() == ["a.atom"] * 3 + ["b.atom"] * 3
    assert kinds(given_up) == ["hub-refuses"] == kinds(post.courier.problems)
    assert "HTTP 400: no" in given_up[0].what
    assert HUB in given_up[0].what
    assert given_up[0].remedy
    assert post.waiting() == 0


def test_hub_that_refused_and_takes_it_again_is_no_problem_any_more(post: Post) -> None:
    post.answer = lambda hub, topic: REFUSED
    post.note("a.atom")
    for _ in range(3):
        post.rest()
        post.now += 3600
    assert kinds(post.courier.problems) == ["hub-refuses"]
    post.answer = lambda hub, topic: TOLD
    post.note("b.atom")
    post.rest()

    assert post.courier.problems == ()


def test_hub_that_was_long_away_and_refuses_for_a_moment_is_not_given_up(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note("a.atom")
    for _ in range(6):
        post.rest()
        post.now += 3600
    post.answer = lambda hub, topic: REFUSED
    post.rest()
    post.answer = lambda hub, topic: TOLD
    post.now += 5
    post.rest()

    assert post.waiting() == 0
    assert post.pings.troubles() == {}


def test_what_no_hub_takes_for_a_day_is_given_up_with_a_word(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note("old.atom")
    post.now += 3600
    post.note("new.atom")
    given_up = post.rest()
    assert given_up == ()
    post.now += FORGOTTEN - 3599
    given_up = post.rest()

    assert kinds(given_up) == ["hub-missed"]
    assert "1 document," in given_up[0].what
    assert [ping.path for ping in post.pings.ready(HUB, post.now, 9, 1e12)] == ["new.atom"]


def test_hub_is_a_problem_once_it_has_failed_for_long(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note("all.atom")
    post.rest()
    post.now += LONG - 1
    post.rest()
    assert post.courier.problems == ()
    post.answer = lambda hub, topic: FAILED
    post.now += 1
    post.rest()
    (problem,) = post.courier.problems
    assert (problem.kind, problem.severity) == ("hub-fails", "warning")

    post.answer = lambda hub, topic: Answer("away", "something else")
    post.now += 3600
    post.rest()
    assert post.courier.problems == (problem,)  # which is told once, whatever is wrong now
    post.answer = lambda hub, topic: TOLD
    post.now += 3600
    post.rest()
    assert post.courier.problems == ()


def test_clock_that_is_set_back_puts_nothing_off_for_longer_than_an_hour(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.note("all.atom")
    post.rest()
    post.documents()
    post.now -= 500_000
    post.rest()

    assert post.documents() == ["all.atom"]


def test_hub_that_answers_bit_by_bit_counts_as_away_and_keeps_its_few_connections(post: Post) -> None:
    gate = threading.Event()
    post.answer = lambda hub, topic: TOLD if gate.wait(10) else FAILED
    post.note("a.atom", "b.atom")
    post.turn()
    eventually(lambda: len(post.asked) == 2)
    post.moment += 60
    post.turn()
    assert post.courier.under_way == 0
    assert post.pings.troubles()[HUB].tries == 1

    for _ in range(9):
        post.now, post.moment = post.now + 3600, post.moment + 60
        post.turn()
    eventually(lambda: len(post.asked) == AT_ONCE)
    gate.set()
    for _ in range(AT_ONCE):
        post.next()
    post.rest()
    assert post.waiting() == 0


def test_fault_in_a_thread_leaves_nothing_under_way(post: Post) -> None:
    def answer(hub: str, topic: str) -> Answer:
        raise ZeroDivisionError

    post.answer = answer
    post.note("all.atom")
    post.rest()

    assert "ZeroDivisionError" in post.pings.troubles()[HUB].error
    assert (post.courier.under_way, post.waiting()) == (0, 1)


def test_system_without_threads_costs_pings_their_time_and_nothing_else(post: Post) -> None:
    post.note("all.atom")
    before = threading.stack_size(1 << 47)  # more than there are addresses
    try:
        post.turn()
    finally:
        threading.stack_size(before)
    post.turn()
    assert "thread" in post.pings.troubles()[HUB].error
    post.now += 5
    post.rest()

    assert (post.documents(), post.waiting()) == (["all.atom"], 0)


# Configuration and state


def test_hub_that_is_no_longer_configured_is_forgotten(post: Post) -> None:
    post.answer = lambda hub, topic: AWAY
    post.hubs = (HUB, OTHER)
    post.note("all.atom")
    post.rest()
    post.hubs = (OTHER,)
    post.rest()

    assert [one.hub for one in post.pings.waiting()] == [OTHER]
    assert list(post.pings.troubles()) == [OTHER]


def test_answer_of_a_hub_that_is_no_longer_configured_is_nothing(post: Post) -> None:
    post.answer = lambda hub, topic: REFUSED
    post.note("all.atom")
    post.turn()
    post.hubs = ()
    post.rest()

    assert post.pings.troubles() == {}


def test_documents_are_told_of_at_the_address_that_they_have_now(post: Post) -> None:
    post.note("all.atom")
    post.courier.turn(post.pings, post.hubs, "https://moved.example/")
    eventually(lambda: bool(post.asked))

    assert post.asked == [(HUB, "https://moved.example/all.atom")]


def test_back_off_outlasts_a_restart(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as database:
        post = Post(Pings(database))
        post.answer = lambda hub, topic: AWAY
        post.note("all.atom")
        for _ in range(4):
            post.rest()
            post.now += 100
    with closing(open_database(tmp_path)) as database:
        again = Post(Pings(database), now=post.now - 100 + 1)
        again.rest()
        assert again.asked == []
        again.now += 40
        again.rest()
        assert again.documents() == ["all.atom"]


def test_what_the_state_does_not_take_is_noted_later_and_not_told_twice(tmp_path: Path) -> None:
    with closing(open_database(tmp_path, patience=0)) as database, closing(open_database(tmp_path)) as other:
        post = Post(Pings(database))
        post.note("all.atom")
        post.turn()
        with other.transaction():
            assert post.next() == ()
            assert post.turn() == ()
            assert post.courier.under_way == 1
        post.rest()

        assert post.documents() == ["all.atom"]
        assert post.waiting() == 0


def test_end_notes_what_was_answered_and_begins_nothing(post: Post) -> None:
    post.note(*(f"{number}.atom" for number in range(AT_ONCE + 1)))
    post.turn()
    for _ in range(AT_ONCE):
        assert post.answers.acquire(timeout=10)
    post.courier.close(post.pings, post.hubs)

    assert post.waiting() == 1
    assert (post.courier.under_way, len(post.asked)) == (0, AT_ONCE)


# One delivery


def test_delivery_ends_when_all_are_told(post: Post) -> None:
    post.note("a.atom", "b.atom", hubs=[HUB, OTHER])
    given_up = deliver(post.pings, [HUB, OTHER], BASE, 30, lambda wake: Courier(wake, post.tell, lambda: post.now))

    assert (given_up, post.waiting()) == ((), 0)
    assert post.documents() == ["a.atom", "b.atom"] == post.documents(OTHER)


def test_delivery_tries_once_and_leaves_the_rest_to_the_next(post: Post) -> None:
    post.answer = lambda hub, topic: FAILED
    post.note("a.atom")
    deliver(post.pings, [HUB], BASE, 30, lambda wake: Courier(wake, post.tell, lambda: post.now))

    assert post.documents() == ["a.atom"]
    assert post.waiting() == 1


def test_delivery_to_a_hub_that_hangs_ends_in_time() -> None:
    with closing(open_database(None)) as database, Hub() as hub:
        pings = Pings(database)
        pings.note(["a.atom"], [hub.url], 1)
        hub.hold()
        assert deliver(pings, [hub.url], BASE, 0.01) == ()
        assert len(pings.waiting()) == 1


def test_delivery_over_real_sockets() -> None:
    with closing(open_database(None)) as database, Hub() as hub:
        pings = Pings(database)
        pings.note([f"{number}.atom" for number in range(50)], [hub.url], 1)
        deliver(pings, [hub.url], BASE, 30)

        assert sorted(hub.topics) == sorted(f"{BASE}{number}.atom" for number in range(50))
        assert pings.waiting() == []

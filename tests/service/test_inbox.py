"""The inbox: nothing that is posted is lost, paths are taken when they are ripe, wishes at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.service.inbox import MOST_PATHS, Inbox, News, Question, ripe

QUIET, LIMIT = 50, 1000  # milliseconds, in whole numbers so that no moment is rounded


class Time:
    """A clock whose moments pass while somebody waits, and what happens at them."""

    def __init__(self) -> None:
        self.now = 0
        self.waits = 0
        self._plan: list[tuple[int, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now

    def at(self, moment: int, happen: Callable[[], None]) -> None:
        """Let something happen at a moment that is not before those that were planned."""
        self._plan.append((moment, happen))

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        """In place of `Condition.wait`: let time pass until something happens, at the most so long."""
        self.waits += 1
        end = None if timeout is None else self.now + timeout
        if self._plan and (end is None or self._plan[0][0] <= end):
            moment, happen = self._plan.pop(0)
            self.now = max(self.now, moment)
            happen()
        else:
            assert end is not None, "it would be waited for ever"
            self.now = int(end)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def inbox(clock: Time) -> Inbox:
    return Inbox(QUIET, LIMIT, clock, clock.wait)


def hint_at(clock: Time, inbox: Inbox, moment: int, *paths: str) -> None:
    clock.at(moment, lambda: inbox.hint(paths))


# --- Paths: quiet and limit ---


def test_path_is_taken_when_it_has_been_quiet(clock: Time, inbox: Inbox) -> None:
    hint_at(clock, inbox, 100, "a.md")

    assert inbox.take() == News(frozenset({"a.md"}))
    assert clock.now == 100 + QUIET


def test_each_further_path_lets_the_others_wait(clock: Time, inbox: Inbox) -> None:
    for number in range(10):
        hint_at(clock, inbox, 40 * number, f"{number}.md")

    assert len(inbox.take().paths) == 10
    assert clock.now == 40 * 9 + QUIET


def test_stream_without_end_does_not_keep_paths_for_ever(clock: Time, inbox: Inbox) -> None:
    for number in range(200):
        hint_at(clock, inbox, 10 * number, f"{number}.md")
    taken = inbox.take().paths

    assert clock.now == LIMIT
    assert "0.md" in taken
    assert len(taken | inbox.take().paths) == 200


def test_limit_counts_anew_once_paths_were_taken(clock: Time, inbox: Inbox) -> None:
    hint_at(clock, inbox, 0, "a.md")
    inbox.take()
    for number in range(200):
        hint_at(clock, inbox, 500 + 10 * number, f"{number}.md")
    inbox.take()

    assert clock.now == 500 + LIMIT


def test_quiet_time_of_zero_takes_a_path_at_once(clock: Time) -> None:
    inbox = Inbox(0, LIMIT, clock, clock.wait)
    hint_at(clock, inbox, 70, "a.md")

    assert inbox.take().paths == {"a.md"}
    assert clock.now == 70


def test_limit_below_the_quiet_time_wins(clock: Time) -> None:
    inbox = Inbox(QUIET, 20, clock, clock.wait)
    hint_at(clock, inbox, 0, "a.md")
    inbox.take()

    assert clock.now == 20


def test_same_path_again_is_one_path_and_waits_on(clock: Time, inbox: Inbox) -> None:
    hint_at(clock, inbox, 0, "a.md")
    hint_at(clock, inbox, 30, "a.md")

    assert inbox.take().paths == {"a.md"}
    assert clock.now == 30 + QUIET


def test_no_paths_at_all_delay_nothing(clock: Time, inbox: Inbox) -> None:
    hint_at(clock, inbox, 0, "a.md")
    hint_at(clock, inbox, 30)

    assert inbox.take().paths == {"a.md"}
    assert clock.now == QUIET


def test_no_paths_at_all_begin_nothing(clock: Time, inbox: Inbox) -> None:
    inbox.hint(())
    clock.now = 990
    inbox.hint(["a.md"])
    inbox.take()

    assert clock.now == 990 + QUIET


def test_path_is_taken_once(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])
    inbox.take()

    assert inbox.take(500) == News()


def test_more_paths_than_are_looked_at_become_the_folder_of_all(inbox: Inbox) -> None:
    for number in range(MOST_PATHS):
        inbox.hint([f"{number}.md"])
    inbox.hint(["0.md"])
    inbox.hint(["one-more.md"])
    inbox.hint(["after.md"])

    assert inbox.take().paths == {"/", "after.md"}


def test_as_many_paths_as_are_looked_at_stay_what_they_are(inbox: Inbox) -> None:
    inbox.hint(f"{number}.md" for number in range(MOST_PATHS))

    assert len(inbox.take().paths) == MOST_PATHS


def test_ripe_is_after_the_quiet_time_but_at_the_limit_at_last() -> None:
    assert ripe(first=10, last=20, quiet=5, limit=100) == 25
    assert ripe(first=10, last=108, quiet=5, limit=100) == 110


steps = st.lists(
    st.tuples(st.integers(0, 120), st.one_of(st.none(), st.sampled_from(["wake", "scan", "ask", "reload"]))),
    max_size=60,
)


@settings(deadline=None)
@given(steps, st.integers(0, 100), st.integers(0, 400), st.one_of(st.none(), st.integers(20, 200)))
def test_whatever_comes_when_nothing_is_lost_too_early_or_too_late(
    steps: list[tuple[int, str | None]], quiet: int, limit: int, patience: int | None
) -> None:
    clock, model = Time(), Model(quiet, limit)
    inbox = Inbox(quiet, limit, clock, clock.wait)
    moment = 0
    for number, (pause, wish) in enumerate(steps):
        moment += pause
        clock.at(moment, lambda wish=wish, number=number: model.post(inbox, wish, number, clock.now))  # type: ignore[misc]
    clock.at(moment + 1000, inbox.stop)
    taken = 0
    while not inbox.stopping:
        begun, taken = clock.now, taken + 1
        news = inbox.take(patience)
        model.check(news, begun, clock.now, patience)

    assert model.paths == {}
    assert clock.waits <= taken + len(steps)  # it waits, rather than look again and again


class Model:
    """What must be so, told in another way: a path and the moments of all posts since the last taking."""

    def __init__(self, quiet: int, limit: int) -> None:
        self.quiet, self.limit = quiet, limit
        self.paths: dict[str, int] = {}
        self.wishes: list[str] = []
        self.questions: list[Question] = []

    def post(self, inbox: Inbox, wish: str | None, number: int, now: int) -> None:
        if wish is None:
            self.paths[f"{number}.md"] = now
            inbox.hint([f"{number}.md"])
        elif wish == "ask":
            self.questions.append(Question("status"))
            inbox.ask(self.questions[-1])
        else:
            self.wishes.append(wish)
            {"wake": inbox.wake, "scan": lambda: inbox.scan("moved"), "reload": inbox.reload}[wish]()

    def check(self, news: News, begun: int, now: int, patience: int | None) -> None:
        wished = self._take_wishes(news)
        if news.paths:
            assert news.paths == set(self.paths)
            first, last = min(self.paths.values()), max(self.paths.values())
            moment = min(last + self.quiet, first + self.limit)
            assert now >= moment  # not too early
            assert now <= max(moment, begun)  # nor too late
            self.paths.clear()
        elif not (wished or news.stop):
            assert patience is not None
            assert now == begun + patience

    def _take_wishes(self, news: News) -> bool:
        """Whether there were any, all of which must be in the news."""
        assert news.scan == (("moved",) if "scan" in self.wishes else ())
        assert news.reload == ("reload" in self.wishes)
        assert [id(asked) for asked in news.questions] == [id(asked) for asked in self.questions]
        wished = bool(self.wishes or self.questions)
        self.wishes, self.questions = [], []
        return wished


# --- Wishes ---


@pytest.mark.parametrize(
    ("post", "news"),
    [
        pytest.param(lambda inbox: inbox.scan("start"), News(scan=("start",)), id="scan"),
        pytest.param(lambda inbox: inbox.reload(), News(reload=True), id="reload"),
        pytest.param(lambda inbox: inbox.wake(), News(), id="wake"),
        pytest.param(lambda inbox: inbox.stop(), News(stop=True), id="stop"),
        pytest.param(lambda inbox: inbox.ask(Question("reload")), News(questions=(Question("reload"),)), id="question"),
    ],
)
def test_wish_is_taken_at_once_and_once(post: Callable[[Inbox], None], news: News, clock: Time, inbox: Inbox) -> None:
    clock.at(300, lambda: post(inbox))

    assert inbox.take() == news
    assert clock.now == 300
    if not news.stop:
        assert inbox.take(200) == News()
        assert clock.now == 500


def test_wish_does_not_bring_paths_before_their_time(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])
    clock.at(10, inbox.wake)

    assert inbox.take() == News()
    assert clock.now == 10
    assert inbox.take() == News(frozenset({"a.md"}))
    assert clock.now == QUIET


def test_wish_brings_the_paths_that_are_ripe(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])
    clock.now = QUIET
    inbox.scan("moved")

    assert inbox.take() == News(frozenset({"a.md"}), ("moved",))


def test_reasons_to_scan_are_kept_in_their_order_each_once(inbox: Inbox) -> None:
    for reason in ("start", "overflow", "start"):
        inbox.scan(reason)

    assert inbox.take().scan == ("start", "overflow")


def test_many_wishes_to_reload_are_one(inbox: Inbox) -> None:
    for _ in range(1000):
        inbox.reload()

    assert inbox.take() == News(reload=True)
    assert inbox.take(0) == News()


def test_who_is_to_stop_is_told_again_and_again(inbox: Inbox) -> None:
    assert not inbox.stopping
    inbox.stop()

    assert inbox.stopping
    assert [inbox.take().stop, inbox.take().stop] == [True, True]


def test_paths_are_there_still_when_it_is_stopped(inbox: Inbox) -> None:
    inbox.hint(["a.md"])
    inbox.stop()

    assert inbox.take() == News(stop=True)


# --- Patience ---


def test_nothing_comes_when_patience_ends(clock: Time, inbox: Inbox) -> None:
    assert inbox.take(200) == News()
    assert clock.now == 200


def test_patience_ends_before_a_path_is_ripe(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])

    assert inbox.take(20) == News()
    assert clock.now == 20
    assert inbox.take(200) == News(frozenset({"a.md"}))
    assert clock.now == QUIET


def test_path_that_is_ripe_when_patience_ends_is_taken(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])

    assert inbox.take(QUIET) == News(frozenset({"a.md"}))


def test_no_patience_takes_what_is_there(clock: Time, inbox: Inbox) -> None:
    assert inbox.take(0) == News()
    inbox.hint(["a.md"])
    clock.now = QUIET

    assert inbox.take(0) == News(frozenset({"a.md"}))
    assert clock.waits == 0


# --- Since when changes wait ---


def test_news_tell_when_the_first_sign_of_their_changes_came(clock: Time, inbox: Inbox) -> None:
    for moment in (10, 40, 70):
        hint_at(clock, inbox, moment, "a.md")

    assert inbox.take().since == 10


def test_a_scan_that_had_to_settle_waits_since_it_was_asked_for(clock: Time, inbox: Inbox) -> None:
    clock.at(30, lambda: inbox.scan("moved", settled=True))

    assert inbox.take().since == 30


def test_a_scan_at_once_is_also_for_changes_that_are_not_ripe(clock: Time, inbox: Inbox) -> None:
    inbox.hint(["a.md"])
    clock.now = 20
    inbox.scan("overflow")

    assert inbox.take().since == 0


@pytest.mark.parametrize(
    "post",
    [
        pytest.param(lambda inbox: inbox.scan("start"), id="scan"),
        pytest.param(lambda inbox: inbox.wake(), id="wake"),
        pytest.param(lambda inbox: inbox.ask(Question("status")), id="question"),
        pytest.param(lambda inbox: (inbox.hint(["a.md"]), inbox.ask(Question("status"))), id="unripe"),
    ],
)
def test_news_without_changes_wait_since_never(inbox: Inbox, post: Callable[[Inbox], object]) -> None:
    post(inbox)

    assert inbox.take().since is None


def test_what_waits_is_told_of_once(clock: Time, inbox: Inbox) -> None:
    hint_at(clock, inbox, 10, "a.md")
    inbox.take()
    hint_at(clock, inbox, 300, "b.md")

    assert inbox.take().since == 300


# --- Questions ---


def test_who_asks_gets_the_answer() -> None:
    question = Question("status")
    question.answer({"ok": True})

    assert question.wait() == {"ok": True}


def test_who_asks_waits_no_longer_than_is_said() -> None:
    assert Question("status").wait(0) is None
    assert Question("status").wait(0.001) is None


def test_each_question_has_its_own_answer() -> None:
    first, second = Question("status"), Question("status")
    second.answer({"nth": 2})
    first.answer({"nth": 1})

    assert [first.wait(), second.wait()] == [{"nth": 1}, {"nth": 2}]


# --- Threads ---


@contextmanager
def started(*works: Callable[[], None]) -> Iterator[None]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    "post",
    [
        Inbox.reload,
        Inbox.wake,
        Inbox.stop,
        lambda inbox: inbox.hint(["a.md"]),
        lambda inbox: inbox.scan("start"),
        lambda inbox: inbox.ask(Question("status")),
    ],
)
def test_who_waits_is_woken_by_another_thread(post: Callable[[Inbox], None]) -> None:
    waits, woken = threading.Event(), list[bool]()

    def wait(condition: threading.Condition, timeout: float | None) -> None:
        waits.set()
        woken.append(condition.wait(timeout))

    inbox, taken = Inbox(0, 0, wait=wait), list[News]()
    with started(lambda: taken.append(inbox.take(2))):
        assert waits.wait(20)
        post(inbox)

    assert woken == [True]
    assert len(taken) == 1


def test_paths_of_many_threads_are_all_taken() -> None:
    inbox, posted, taken = Inbox(0.001, 0.01), 4 * 1000, set[str]()

    def post(name: str) -> None:
        for number in range(1000):
            inbox.hint([f"{name}/{number}.md"])

    with started(*(partial(post, name) for name in "abcd")):
        while len(taken) < posted:
            news = inbox.take(20)
            assert news.paths, "nothing came any more"
            taken |= news.paths

    assert inbox.take(0) == News()


def test_real_time_passes_while_it_is_quiet() -> None:
    inbox = Inbox(0.02, 1.0)
    inbox.hint(["a.md"])

    assert inbox.take(0) == News()
    assert inbox.take(20).paths == {"a.md"}

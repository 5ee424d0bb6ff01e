"""Schedule: moments reach the inbox, whatever happens to the clock."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue

import pytest

from feedd.service.inbox import Inbox
from feedd.service.schedule import Schedule

LONG = 3600.0
PATIENCE = 10.0


class Listening(Inbox):
    """An inbox that tells what the schedule posts, and when."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.posts: SimpleQueue[tuple[str, float]] = SimpleQueue()

    def scan(self, reason: str) -> None:
        super().scan(reason)
        self.posts.put((reason, time.time()))

    def wake(self) -> None:
        super().wake()
        self.posts.put(("wake", time.time()))

    def next(self) -> str:
        """The next post; what does not come in a long while never does."""
        return self.posts.get(timeout=PATIENCE)[0]

    def silent(self) -> bool:
        """Whether nothing was posted."""
        try:
            self.posts.get_nowait()
        except Empty:
            return True
        return False


class Clocks:
    """The clock of this machine, and how far somebody set it; the other clock cannot be set."""

    def __init__(self) -> None:
        self.set = 0.0

    def time(self) -> float:
        return time.time() + self.set

    def monotonic(self) -> float:
        return time.monotonic()


@contextmanager
def running(
    inbox: Inbox, rescan: float | str = LONG, zone: str = "UTC", clocks: Clocks | None = None
) -> Iterator[Schedule]:
    clocks = clocks or Clocks()
    schedule = Schedule(inbox, rescan, zone, time=clocks.time, monotonic=clocks.monotonic)
    schedule.start()
    try:
        yield schedule
    finally:
        schedule.close()


def passed(inbox: Listening, schedule: Schedule) -> bool:
    """Whether nothing was posted up to now: what is due now comes after all that was due before."""
    schedule.retry(time.time())
    return inbox.next() == "wake" and inbox.silent()


def test_the_loop_is_woken_at_the_moment_and_no_later_than_a_quarter_of_a_second() -> None:
    """Taken as the loop takes it: the clock shows the moment then."""
    inbox = Listening()
    with running(inbox) as schedule:
        moment = int(time.time()) + 1
        schedule.due(moment)
        inbox.take(PATIENCE)
        woken = time.time()
    assert moment <= woken < moment + 0.25


@pytest.mark.parametrize("ago", [0, 1, 86400 * 365])
def test_a_moment_that_has_passed_wakes_the_loop_at_once(ago: int) -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        schedule.due(int(time.time()) - ago)
        assert inbox.next() == "wake"


def test_a_moment_wakes_the_loop_once_however_often_it_is_told() -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        moment = int(time.time()) - 5
        schedule.due(moment)
        assert inbox.next() == "wake"
        schedule.due(moment)
        schedule.check()
        assert passed(inbox, schedule)


def test_only_the_last_moment_that_was_told_counts() -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        schedule.due(int(time.time()) + 3600)
        schedule.due(int(time.time()) - 1)
        assert inbox.next() == "wake"
        schedule.due(int(time.time()) + 3600)
        assert passed(inbox, schedule)


def test_a_moment_that_is_taken_back_wakes_nobody() -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        soon = int(time.time()) + 1
        schedule.due(soon)
        schedule.due(None)
        schedule.due(None)
        schedule.retry(soon + 0.05)
        assert inbox.next() == "wake"
        assert time.time() >= soon + 0.05
        assert inbox.silent()


def test_what_failed_is_tried_again_at_its_own_moment() -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        schedule.due(int(time.time()) + 3600)
        soon = time.time() + 0.1
        schedule.retry(soon)
        assert inbox.next() == "wake"
        assert time.time() >= soon


def test_moments_that_are_told_before_the_start_count_from_then_on() -> None:
    inbox = Listening()
    schedule = Schedule(inbox, LONG, "UTC")
    schedule.due(int(time.time()) - 1)
    schedule.check()
    assert inbox.silent()
    schedule.start()
    try:
        assert inbox.next() == "wake"
    finally:
        schedule.close()


def test_a_moment_beyond_the_calendar_is_waited_for_all_the_same() -> None:
    inbox = Listening()
    with running(inbox) as schedule:
        schedule.due(10**15)
        assert passed(inbox, schedule)


# Looking at everything


def test_everything_is_looked_at_again_and_again() -> None:
    inbox = Listening()
    with running(inbox, 0.05) as schedule:
        started = time.time()
        for _ in range(3):
            assert inbox.next() == "schedule"
            schedule.check()
        assert time.time() - started >= 0.15


def test_the_next_scan_waits_until_the_loop_has_turned() -> None:
    """However long a scan takes, the next is not posted while it is under way."""
    inbox = Listening()
    with running(inbox, 0.01) as schedule:
        assert inbox.next() == "schedule"
        schedule.retry(time.time() + 0.05)
        assert inbox.next() == "wake"
        schedule.check()
        assert inbox.next() == "schedule"


@pytest.mark.parametrize(("zone", "ahead"), [("UTC", 0), ("Asia/Tokyo", 9)])
def test_everything_is_looked_at_at_the_moments_of_a_zone(zone: str, ahead: int) -> None:
    """By a clock that is two hours slow they are still to come, and have passed by that of this machine."""
    clocks, inbox = Clocks(), Listening()
    clocks.set = -7200.0
    soon = datetime.fromtimestamp(clocks.time(), UTC) + timedelta(hours=ahead, minutes=2)
    with running(inbox, f"{soon.minute} {soon.hour} * * *", zone, clocks) as schedule:
        assert inbox.next() == "schedule"
        schedule.check()
        assert passed(inbox, schedule)


def test_a_schedule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="its hour 25 is not from 0 to 23"):
        Schedule(Inbox(0, 0), "0 25 * * *", "UTC")


# The clock is set


@pytest.mark.parametrize("step", [-86400.0, -1.5, 1.5, 86400.0])
def test_the_loop_looks_at_a_clock_that_was_set(step: float) -> None:
    clocks, inbox = Clocks(), Listening()
    with running(inbox, clocks=clocks) as schedule:
        clocks.set = step
        schedule.check()
        assert inbox.next() == "wake"
        schedule.check()
        assert inbox.silent()


@pytest.mark.parametrize("step", [-0.5, 0.0, 0.5])
def test_a_clock_that_is_corrected_wakes_nobody(step: float) -> None:
    clocks, inbox = Clocks(), Listening()
    with running(inbox, clocks=clocks) as schedule:
        clocks.set = step
        schedule.check()
        assert inbox.silent()


def test_many_small_corrections_are_a_step() -> None:
    clocks, inbox = Clocks(), Listening()
    with running(inbox, clocks=clocks) as schedule:
        for _ in range(3):
            assert inbox.silent()
            clocks.set += 0.4
            schedule.check()
        assert inbox.next() == "wake"


def test_a_moment_that_a_step_reaches_comes() -> None:
    clocks, inbox = Clocks(), Listening()
    with running(inbox, clocks=clocks) as schedule:
        schedule.due(int(time.time()) - 5)
        assert inbox.next() == "wake"
        clocks.set = 100
        schedule.check()
        assert [inbox.next(), inbox.next()] == ["wake", "wake"]


@pytest.mark.parametrize("rescan", [LONG, "* * * * *"], ids=["span", "cron"])
def test_scans_go_on_after_the_clock_was_set_back(rescan: float | str) -> None:
    """They do not wait for the moment that they had before: by the clock of this machine the new one is in the past."""
    clocks, inbox = Clocks(), Listening()
    with running(inbox, rescan, clocks=clocks) as schedule:
        clocks.set = -86400.0
        schedule.check()
        assert {inbox.next(), inbox.next()} == {"wake", "schedule"}


def test_what_failed_is_tried_again_so_much_later_however_the_clock_is_set() -> None:
    clocks, inbox = Clocks(), Listening()
    with running(inbox, 86400.0, clocks=clocks) as schedule:
        schedule.due(int(time.time()) + 1800)
        schedule.retry(time.time() + 1800)
        clocks.set = -3600.0
        schedule.check()
        assert [inbox.next(), inbox.next()] == ["wake", "wake"]
        assert passed(inbox, schedule)


# The end


def test_nothing_is_posted_after_the_end() -> None:
    inbox = Listening()
    before = set(threading.enumerate())
    with running(inbox, 0.2) as schedule:
        schedule.due(int(time.time()) + 1)
    assert set(threading.enumerate()) == before
    schedule.due(int(time.time()) - 1)
    schedule.check()
    schedule.close()
    assert inbox.silent()


def test_the_thread_does_not_keep_the_process_alive() -> None:
    before = set(threading.enumerate())
    with running(Listening()):
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)

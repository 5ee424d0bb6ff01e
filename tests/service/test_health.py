"""What is wrong, what of it is news, and when to try again."""

from feedd.errors import Problem
from feedd.service.health import Health, is_good

FULL = Problem("not-written", "cannot be written: No space left on device", "Free space.", "feeds/all.atom")
GUARD = Problem("guard", "12 of 40 published articles would leave the feeds at once; these stay")
LOCKED = Problem("unreadable", "cannot be read: Permission denied", "Let feedd's user read it.", "news/a.md")
DAMAGED = Problem("state-damaged", "cannot be used: malformed; kept as x, a new one was begun")


def test_what_is_new_is_told_once() -> None:
    health = Health()

    assert health.take([FULL], True) == ([FULL], [])
    assert health.take([FULL], True) == ([], [])


def test_what_is_gone_is_told_once() -> None:
    health = Health()
    health.take([FULL], True)

    assert health.take([], True) == ([], [FULL])
    assert health.take([], True) == ([], [])


def test_tries_are_ever_more_seldom_up_to_a_minute() -> None:
    health = Health()
    waits = []
    for _ in range(9):
        health.take([FULL], True)
        waits.append(health.patience)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_first_try_after_health_is_soon_again() -> None:
    health = Health()
    for _ in range(5):
        health.take([FULL], True)
    health.take([], True)
    health.take([FULL], True)

    assert health.patience == 1


def test_what_only_a_scan_can_mend_is_not_tried_by_other_runs() -> None:
    health = Health()
    health.take([GUARD], True)
    for _ in range(5):
        health.take([], False)

    assert health.patience == 1


def test_the_healthy_try_nothing_again() -> None:
    health = Health()
    assert health.patience is None
    health.take([DAMAGED], True)  # which is mended already
    assert health.patience is None


def test_what_only_a_scan_can_tell_stays_until_a_scan() -> None:
    health = Health()
    health.take([GUARD], True)

    assert health.take([], False) == ([], [])
    assert health.problems == (GUARD,)
    assert health.scans
    assert health.take([], True) == ([], [GUARD])
    assert not health.scans


def test_what_a_scan_told_gives_way_to_news_of_its_kind() -> None:
    health = Health()
    health.take([GUARD], True)
    worse = Problem("guard", "14 of 40 published articles would leave the feeds at once; these stay")
    health.take([worse], False)

    assert health.problems == (worse,)


def test_what_any_run_can_tell_goes_with_any_run() -> None:
    health = Health()
    health.take([FULL], True)

    assert health.take([], False) == ([], [FULL])


def test_files_that_could_not_be_read_are_looked_at_again() -> None:
    health = Health()
    health.take([LOCKED, FULL], True)

    assert health.paths == {"news/a.md"}


def test_a_run_is_good_although_articles_are_broken_or_the_guard_holds_some() -> None:
    assert is_good([], 0)
    assert is_good([GUARD, LOCKED, DAMAGED], 0)


def test_a_run_is_good_if_some_documents_could_be_written() -> None:
    assert is_good([FULL], 1)
    assert not is_good([GUARD, FULL], 0)


def test_a_run_without_content_is_not_good() -> None:
    assert not is_good([Problem("no-content", "cannot be listed")], 3)

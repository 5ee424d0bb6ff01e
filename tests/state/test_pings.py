"""Pings: what hubs are yet to be told, as it is written and read back."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from feedd.state.database import open_database
from feedd.state.pings import Ping, Pings, Trouble, Waiting

HUB, OTHER = "https://hub.example/", "https://other.example/"
FAR = 1e12


@pytest.fixture
def pings() -> Iterator[Pings]:
    with closing(open_database(None)) as database:
        yield Pings(database)


def ready(pings: Pings, now: float = 100, hub: str = HUB, most: int = 10, but: tuple[str, ...] = ()) -> list[Ping]:
    return pings.ready(hub, now, most, FAR, but)


def paths(found: list[Ping]) -> list[str]:
    return [ping.path for ping in found]


def test_each_hub_is_to_be_told_of_each_document(pings: Pings) -> None:
    assert not pings.any()
    pings.note(["all.atom", "all.rss"], [HUB, OTHER], 7)

    assert pings.any()
    assert paths(ready(pings)) == ["all.atom", "all.rss"] == paths(ready(pings, hub=OTHER))
    assert pings.waiting() == [Waiting(HUB, 2, 7), Waiting(OTHER, 2, 7)]


def test_document_that_changes_twice_is_told_of_once(pings: Pings) -> None:
    pings.note(["all.atom"], [HUB], 7)
    pings.note(["all.atom"], [HUB], 9)

    assert pings.waiting() == [Waiting(HUB, 1, 9)]


def test_document_that_changes_while_it_is_told_of_is_told_of_again(pings: Pings) -> None:
    pings.note(["all.atom"], [HUB], 7)
    (under_way,) = ready(pings)
    pings.note(["all.atom"], [HUB], 8)
    pings.done(under_way)
    (again,) = ready(pings)
    pings.done(again)

    assert (again.path, again.since) == ("all.atom", 8)
    assert ready(pings) == []


def test_key_of_what_was_told_is_never_used_again(pings: Pings) -> None:
    pings.note(["all.atom"], [HUB], 7)
    (told,) = ready(pings)
    pings.done(told)
    pings.note(["all.atom"], [HUB], 8)
    pings.done(told)

    assert paths(ready(pings)) == ["all.atom"]


def test_change_while_the_hub_was_told_in_vain_is_told_at_once(pings: Pings) -> None:
    pings.note(["all.atom"], [HUB], 7)
    pings.put_off(ready(pings)[0], due=500)
    assert ready(pings) == []
    pings.note(["all.atom"], [HUB], 9)

    assert [(ping.since, ping.tries) for ping in ready(pings)] == [(9, 0)]


def test_what_failed_is_told_after_what_did_not(pings: Pings) -> None:
    pings.note(["a.atom", "b.atom"], [HUB], 7)
    pings.put_off(ready(pings)[0], due=50)

    assert paths(ready(pings, 49)) == ["b.atom"]
    assert paths(ready(pings, 50)) == ["b.atom", "a.atom"]
    assert paths(ready(pings, 50, most=1)) == ["b.atom"]


def test_what_did_not_get_through_is_told_after_what_was_not_tried(pings: Pings) -> None:
    pings.note(["a.atom", "b.atom", "c.atom"], [HUB], 7)
    pings.put_back(ready(pings, 50)[0], now=50)
    pings.put_back(ready(pings, 60)[0], now=60)

    assert paths(ready(pings, 70)) == ["c.atom", "a.atom", "b.atom"]
    assert {ping.tries for ping in ready(pings, 70)} == {0}


def test_what_is_under_way_is_left_out(pings: Pings) -> None:
    pings.note(["a.atom", "b.atom", "c.atom"], [HUB], 7)

    assert paths(ready(pings, most=1, but=("a.atom",))) == ["b.atom"]


def test_clock_that_was_set_back_puts_nothing_off_for_ever(pings: Pings) -> None:
    pings.note(["a.atom"], [HUB], 7)
    pings.put_off(ready(pings)[0], due=1000)

    assert pings.ready(HUB, 10, 1, horizon=1000) == []
    assert paths(pings.ready(HUB, 10, 1, horizon=999)) == ["a.atom"]


def test_hubs_that_are_no_longer_asked_for_are_forgotten(pings: Pings) -> None:
    pings.note(["a.atom"], [HUB, OTHER], 7)
    pings.trouble(Trouble(OTHER, 1, 2, 3.5, "gone"))

    assert pings.keep_to([HUB]) == 1
    assert (pings.waiting(), pings.troubles()) == ([Waiting(HUB, 1, 7)], {})
    assert pings.keep_to([HUB]) == 0


def test_what_is_too_old_is_forgotten(pings: Pings) -> None:
    pings.note(["a.atom"], [HUB, OTHER], 7)
    pings.note(["b.atom"], [HUB], 8)

    assert pings.expire(HUB, 8) == 1
    assert pings.waiting() == [Waiting(HUB, 1, 8), Waiting(OTHER, 1, 7)]


def test_trouble_with_a_hub_is_remembered_until_it_is_settled(pings: Pings) -> None:
    pings.trouble(Trouble(HUB, 1, 1, 3.5, "no answer"))
    pings.trouble(Trouble(HUB, 1, 2, 9.5, "no answer"))
    assert pings.troubles() == {HUB: Trouble(HUB, 1, 2, 9.5, "no answer")}
    pings.settle(HUB)

    assert pings.troubles() == {}


def test_pings_survive_a_restart_and_an_interrupted_change_does_not(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as database:
        with database.transaction():
            Pings(database).note(["a.atom"], [HUB], 7)
        with suppress(KeyboardInterrupt), database.transaction():
            Pings(database).note(["b.atom"], [HUB], 7)
            raise KeyboardInterrupt
    with closing(open_database(tmp_path)) as database:
        assert paths(ready(Pings(database))) == ["a.atom"]

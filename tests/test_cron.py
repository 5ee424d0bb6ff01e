"""Cron: schedules as in crontab(5) become moments, also where the clock is put forward or back."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedd.cron import NICKNAMES, Cron


def moment(text: str) -> int:
    """A moment such as `2024-06-01T12:00`, in UTC unless it says otherwise."""
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def after(text: str, start: str, count: int = 3, zone: str = "UTC") -> list[str]:
    """The next moments of a schedule, as the clock of its zone shows them."""
    cron, now, found = Cron(text, zone), moment(start), []
    for _ in range(count):
        coming = cron.next(now)
        assert coming is not None
        now = coming
        found.append(datetime.fromtimestamp(now, ZoneInfo(zone)).strftime("%a %Y-%m-%dT%H:%M:%S%z"))
    return [one.removesuffix(":00+0000") for one in found]


# What a schedule means


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 4 * * *", ["Sun 2024-06-02T04:30", "Mon 2024-06-03T04:30", "Tue 2024-06-04T04:30"]),
        ("* * * * *", ["Sat 2024-06-01T12:01", "Sat 2024-06-01T12:02", "Sat 2024-06-01T12:03"]),
        ("*/25 12,14 * * *", ["Sat 2024-06-01T12:25", "Sat 2024-06-01T12:50", "Sat 2024-06-01T14:00"]),
        ("10-50/20 12 * * *", ["Sat 2024-06-01T12:10", "Sat 2024-06-01T12:30", "Sat 2024-06-01T12:50"]),
        ("0 0 1 jan,DEC *", ["Sun 2024-12-01T00:00", "Wed 2025-01-01T00:00", "Mon 2025-12-01T00:00"]),
        ("0 0 29 2 *", ["Tue 2028-02-29T00:00", "Sun 2032-02-29T00:00", "Fri 2036-02-29T00:00"]),
        ("0 0 31 * *", ["Wed 2024-07-31T00:00", "Sat 2024-08-31T00:00", "Thu 2024-10-31T00:00"]),
        ("\t0   7 * *\t1-5 ", ["Mon 2024-06-03T07:00", "Tue 2024-06-04T07:00", "Wed 2024-06-05T07:00"]),
    ],
)
def test_moments(text: str, expected: list[str]) -> None:
    assert after(text, "2024-06-01T12:00", len(expected)) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("sun", "Sun"),
        ("Sat", "Sat"),
        ("5-7", "Fri Sat Sun"),
        ("0-2", "Mon Tue Sun"),
        ("fri-sun", "Fri Sat Sun"),
        ("1-5/2", "Mon Wed Fri"),
        ("*/2", "Tue Thu Sat Sun"),
        ("0-7/7", "Sun"),
        ("mon,3,fri-6", "Mon Wed Fri Sat"),
    ],
)
def test_a_week_begins_on_sunday_and_ends_on_it_too(days: str, expected: str) -> None:
    week = expected.split()
    assert [one[:3] for one in after(f"0 0 * * {days}", "2024-06-02T12:00", len(week))] == week


def test_of_both_days_either_is_enough() -> None:
    assert after("0 0 13 * 5", "2024-06-01T12:00", 4) == [
        "Fri 2024-06-07T00:00",
        "Thu 2024-06-13T00:00",
        "Fri 2024-06-14T00:00",
        "Fri 2024-06-21T00:00",
    ]


@pytest.mark.parametrize("text", ["0 0 */2 * 5", "0 0 1-31/2 * */5"])
def test_a_day_that_starts_with_a_star_does_not_widen_the_other(text: str) -> None:
    assert {int(one[12:14]) % 2 for one in after(text, "2024-06-01T12:00", 10)} == {1}


def test_a_day_that_never_comes_leaves_the_other() -> None:
    assert after("0 0 30 2 1", "2024-02-01T12:00", 2) == ["Mon 2024-02-05T00:00", "Mon 2024-02-12T00:00"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("@hourly", "Sat 2024-06-01T13:00"),
        ("@daily", "Sun 2024-06-02T00:00"),
        ("@midnight", "Sun 2024-06-02T00:00"),
        (" @weekly ", "Sun 2024-06-02T00:00"),
        ("@monthly", "Mon 2024-07-01T00:00"),
        ("@yearly", "Wed 2025-01-01T00:00"),
        ("@annually", "Wed 2025-01-01T00:00"),
    ],
)
def test_nicknames(name: str, expected: str) -> None:
    assert after(name, "2024-06-01T12:30", 1) == [expected]


def test_the_next_moment_is_later_than_the_one_that_is_asked_about() -> None:
    noon = moment("2024-06-01T12:00")
    cron = Cron("0 12 * * *", "UTC")
    assert (cron.next(noon - 1), cron.next(noon)) == (noon, noon + 86400)


def test_the_calendar_has_an_end() -> None:
    cron = Cron("0 0 1 1 *", "Europe/Berlin")
    assert cron.next(moment("9998-06-01T00:00")) is None
    assert Cron("0 0 29 2 *", "UTC").next(moment("9997-06-01T00:00")) is None
    assert cron.next(10**18) is None
    assert cron.next(-(10**18)) == moment("1971-01-01T00:00+01:00")


def test_schedules_are_values() -> None:
    assert Cron("0 7 * * *", "UTC") == Cron("0 7 * * *", "UTC") != Cron("0 7 * * *", "Europe/Berlin")
    assert len({Cron("0 7 * * *", "UTC"), Cron("0 7 * * *", "UTC"), Cron("0 8 * * *", "UTC")}) == 2


# What makes no sense


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has 0 fields, not 5"),
        ("7", "it has 1 field, not 5"),
        ("0 0 7 * * 1", "it has 6 fields, not 5"),
        ("60 * * * *", "its minute 60 is not from 0 to 59"),
        ("0 25 * * *", "its hour 25 is not from 0 to 23"),
        ("0 0 0 * *", "its day of the month 0 is not from 1 to 31"),
        ("0 0 1 13 *", "its month 13 is not from 1 to 12"),
        ("0 0 * * 8", "its day of the week 8 is not from 0 to 7"),
        (f"{'1' * 5000} * * * *", "its minute 1111111111111111111… is not from 0 to 59"),
        ("0 7-24 * * *", "its hour 7-24 is not from 0 to 23"),
        ("0 0 1 foo *", "its month foo is not a number, nor a name such as feb"),
        ("0 0 * * L", "its day of the week L is not a number, nor a name such as mon"),
        ("0 mon * * *", "its hour mon is not a number"),
        ("0 0 * mon *", "its month mon is not a number, nor a name such as feb"),
        ("-1 * * * *", "its minute -1 is no value, range or step"),
        ("5- * * * *", "its minute 5- is no value, range or step"),
        ("*-5 * * * *", "its minute *-5 is no value, range or step"),
        ("0 0 1 1 ?", "its day of the week ? is no value, range or step"),
        ("0 0 * * 1#2", "its day of the week 1#2 is no value, range or step"),
        ("٣ * * * *", "its minute ٣ is no value, range or step"),
        ("0,,5 * * * *", "its minute is missing"),
        ("0 22-6 * * *", "its hour 22-6 runs backwards"),
        ("5/15 * * * *", "its minute 5/15 has a step without a range such as 5-59"),
        ("*/0 * * * *", "its minute */0 has a step that is not from 1 to 60"),
        ("*/90 * * * *", "its minute */90 has a step that is not from 1 to 60"),
        ("0 0 * * 1-5/6", "its day of the week 1-5/6 has a step that is not from 1 to 5"),
        ("0 0 30 2 *", "no month that it names has such a day, so it never comes"),
        ("0 0 31 4,jun */2", "no month that it names has such a day, so it never comes"),
        ("@reboot", "@reboot is none of " + ", ".join(NICKNAMES)),
        ("@Daily", "@Daily is none of " + ", ".join(NICKNAMES)),
        ("@daily 5", "it has 2 fields, not 5"),
    ],
)
def test_a_mistake_is_named_with_its_field(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        Cron(text, "UTC")


@given(st.text(st.sampled_from("0123456789*/-,@ \tmonjul"), max_size=30) | st.text(max_size=30))
@settings(deadline=None)
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        cron = Cron(text, "Europe/Berlin")
        assert (cron.next(0) or 1) > 0


def test_a_schedule_is_read_without_apscheduler() -> None:
    program = """
import sys
from feedd.cron import Cron

cron = Cron("0 7 * * 1-5", "UTC")
print("apscheduler" in sys.modules)
cron.next(0)
print([name for name in sys.modules if name.startswith("apscheduler.schedulers")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n[]\n"


# Clocks that are put forward and back


def test_a_moment_that_is_skipped_comes_an_hour_later() -> None:
    assert after("30 2 * * *", "2024-03-30T00:00", 3, "Europe/Berlin") == [
        "Sat 2024-03-30T02:30:00+0100",
        "Sun 2024-03-31T03:30:00+0200",
        "Mon 2024-04-01T02:30:00+0200",
    ]


def test_a_moment_that_is_there_twice_comes_once() -> None:
    assert after("30 2 * * *", "2024-10-26T12:00", 2, "Europe/Berlin") == [
        "Sun 2024-10-27T02:30:00+0200",
        "Mon 2024-10-28T02:30:00+0100",
    ]
    assert after("30 2 * * *", "2024-10-27T00:45", 1, "Europe/Berlin") == ["Mon 2024-10-28T02:30:00+0100"]


def test_what_comes_every_hour_comes_every_hour() -> None:
    for start in ("2024-03-30T20:00", "2024-10-26T20:00"):
        cron, now = Cron("0 * * * *", "Europe/Berlin"), moment(start)
        for _ in range(12):
            assert cron.next(now) == now + 3600
            now += 3600


def test_of_what_is_skipped_and_what_takes_its_place_one_comes() -> None:
    assert after("30 2,3 * * *", "2024-03-31T00:00", 2, "Europe/Berlin") == [
        "Sun 2024-03-31T03:30:00+0200",
        "Mon 2024-04-01T02:30:00+0200",
    ]


def test_a_day_that_is_skipped_is_not_lost() -> None:
    """Samoa went over the date line: there was no 30 December 2011."""
    assert after("0 12 30 12 *", "2011-01-01T00:00", 2, "Pacific/Apia") == [
        "Sat 2011-12-31T12:00:00+1400",
        "Sun 2012-12-30T12:00:00+1400",
    ]


# Against another implementation


class Item(NamedTuple):
    """One field: its text, and its values as a set."""

    text: str
    values: frozenset[int]


@st.composite
def items(draw: st.DrawFn, first: int, last: int) -> Item:
    """A field with lists, ranges and steps."""
    if draw(st.integers(0, 2)) == 0:
        step = draw(st.integers(1, 7))
        return Item(f"*/{step}" if step > 1 else "*", frozenset(range(first, last + 1, step)))
    texts, values = [], set[int]()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(first, last))
        end = draw(st.integers(start, last))
        step = draw(st.integers(1, end - start + 1))
        texts.append(draw(st.sampled_from([f"{start}-{end}/{step}", f"{start}"])))
        values |= set(range(start, end + 1, step)) if "-" in texts[-1] else {start}
    return Item(",".join(texts), frozenset(values))


class Table(NamedTuple):
    """A line of a crontab."""

    minute: Item
    hour: Item
    day: Item
    month: Item
    weekday: Item

    @property
    def text(self) -> str:
        return " ".join(item.text for item in self)

    def takes(self, day: date) -> bool:
        """Whether the line is for that day, in the words of crontab(5)."""
        if day.month not in self.month.values:
            return False
        of_month, of_week = day.day in self.day.values, day.isoweekday() % 7 in {one % 7 for one in self.weekday.values}
        if self.day.text[0] == "*" or self.weekday.text[0] == "*":
            return of_month and of_week
        return of_month or of_week

    def shown(self, first: date, days: int) -> Iterator[datetime]:
        """Minute by minute, the times that a clock on the wall shows when the line is due."""
        for day in (first + timedelta(days) for days in range(days)):
            if self.takes(day):
                for minute in range(24 * 60):
                    if minute // 60 in self.hour.values and minute % 60 in self.minute.values:
                        yield datetime(day.year, day.month, day.day, minute // 60, minute % 60)


tables = st.builds(Table, items(0, 59), items(0, 23), items(1, 31), items(1, 12), items(0, 7))


def cron_of(table: Table, zone: str) -> Cron | None:
    """None for a schedule that never comes."""
    with suppress(ValueError):
        return Cron(table.text, zone)
    return None


@settings(deadline=None)
@given(tables, st.integers(0, 2_000_000_000))
def test_moments_are_those_of_crontab(table: Table, now: int) -> None:
    cron = cron_of(table, "UTC")
    days = 800
    today = datetime.fromtimestamp(now, UTC).date()
    moments = (int(wall.replace(tzinfo=UTC).timestamp()) for wall in table.shown(today, days))
    expected = next((one for one in moments if one > now), None)
    found = cron.next(now) if cron else None
    if expected is None:
        assert found is None or found >= now + (days - 1) * 86400
    else:
        assert found == expected


CHANGES = {
    "forward": ("Europe/Berlin", date(2024, 3, 31)),
    "back": ("Europe/Berlin", date(2024, 10, 27)),
    "forward-in-the-west": ("America/New_York", date(2024, 3, 10)),
    "back-at-midnight": ("America/Sao_Paulo", date(2018, 2, 18)),
    "forward-by-half-an-hour": ("Australia/Lord_Howe", date(2024, 10, 6)),
    "back-by-half-an-hour": ("Australia/Lord_Howe", date(2024, 4, 7)),
    "forward-by-a-day": ("Pacific/Apia", date(2011, 12, 30)),
}


@cache
def clock(zone: str, day: date) -> dict[datetime, list[int]]:
    """What the clock on the wall shows around a day, minute by minute, with the moments at which it does."""
    seen: dict[datetime, list[int]] = {}
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    for now in range(start - 4 * 86400, start + 4 * 86400, 60):
        wall = datetime.fromtimestamp(now, ZoneInfo(zone)).replace(tzinfo=None)
        seen.setdefault(wall, []).append(now)
    return seen


def due(table: Table, zone: str, day: date) -> list[int]:
    """The moments of a schedule within 30 hours of a change, found on the clock on the wall."""
    seen = clock(zone, day)
    every_hour = table.hour.values == frozenset(range(24))
    moments: set[int] = set()
    for wall in table.shown(day - timedelta(2), 5):
        before, skipped = wall, 0
        while before not in seen:
            before, skipped = before - timedelta(minutes=1), skipped + 60
        moments.update(one + skipped for one in (seen[before] if every_hour and not skipped else seen[before][:1]))
    walls = {now: wall for wall, several in seen.items() for now in several}
    offsets = [(now, now - int(walls[now].replace(tzinfo=UTC).timestamp())) for now in sorted(walls)]
    change = next(now for (_, offset), (now, other) in pairwise(offsets) if offset != other)
    return sorted(one for one in moments if abs(one - change) <= 30 * 3600)


@pytest.mark.parametrize("change", CHANGES)
@settings(deadline=None, max_examples=30)
@given(st.data())
def test_no_moment_is_lost_or_comes_twice_where_the_clock_changes(change: str, data: st.DataObject) -> None:
    zone, day = CHANGES[change]
    small_hours = items(0, 5).filter(lambda item: item.text[0] != "*")
    anyday = Item("*", frozenset(range(32)))
    minutes = data.draw(items(0, 59).filter(lambda item: len(item.values) <= 5))
    table = Table(minutes, data.draw(small_hours | items(0, 23)), anyday, anyday, anyday)
    cron = Cron(table.text, zone)
    pairs = list(pairwise(due(table, zone, day)))
    for one, other in data.draw(st.lists(st.sampled_from(pairs), max_size=5)):
        assert {cron.next(moment) for moment in (one, data.draw(st.integers(one, other - 1)))} == {other}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Africa/Casablanca", "Asia/Kathmandu", "Antarctica/Troll"])
@settings(deadline=None, max_examples=30)
@given(table=tables, now=st.integers(-(10**10), 10**11))
def test_there_is_always_progress(zone: str, table: Table, now: int) -> None:
    cron = cron_of(table, zone)
    for _ in range(5):
        coming = cron.next(now) if cron else None
        if coming is None:
            return
        assert coming > now
        now = coming

"""Cron: a schedule as in cron becomes moments.

In: a schedule as crontab(5) has it, the name of a time zone, and a moment. Out: the next moment, or a ValueError that
says what is wrong with which field. Pure: asks no clock. The calendar is that of APScheduler's CronTrigger, which is
imported when the first moment is asked for: a schedule is read without it, since it reads other things under the same
names (0 is Monday there, and both days must fit).

Where a clock is put forward it never shows some times, where it is put back it shows some twice. What is due at a time
that is skipped comes as much later as the clock was put forward (02:30 at 03:30). What is due at a time that comes
twice comes the first time only, unless it is due in every hour: then in the hour that is there twice, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from apscheduler.triggers.cron import CronTrigger

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class _Kind(NamedTuple):
    """What a field may hold: the numbers of a range, or names for those from its start on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_KINDS = (
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day of the month", 1, 31),
    _Kind("month", 1, 12, _MONTHS),
    _Kind("day of the week", 0, 7, _DAYS),
)
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_NEAR = 2 * 86400
"""Seconds on either side of a moment within which a change of the zone's offset matters; none is by more than a day."""

_END = 253370764800
"""The year 9999, in which the calendar ends."""


class _Fields(NamedTuple):
    """The values of each field; `either` says that one of both days is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool


@dataclass(frozen=True)
class Cron:
    """A schedule: `text` in the time zone `zone`. Raises ValueError for one that makes no sense or never comes."""

    text: str
    zone: str
    _fields: _Fields = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fields", _read(self.text))

    def next(self, after: int) -> int | None:
        """The first moment after another, both in seconds since the epoch; None beyond the year 9998."""
        if after >= _END:
            return None
        after = max(after, -1)
        found: int | None = None
        for wall in self._walls(after + min(self._offsets(after))):
            moments = self._moments(wall)
            found = min((moment for moment in (*moments, found) if moment is not None and moment > after), default=None)
            if found is not None and wall - max(self._offsets(moments[0])) >= found:
                return found
        return found

    def _walls(self, after: int) -> Iterator[int]:
        """The times on the wall to come, as seconds since the epoch as if they were in UTC."""
        start: int | None = after
        while start is not None:
            now = datetime.fromtimestamp(start + 1, UTC)
            found = [trigger.get_next_fire_time(None, now) for trigger in self._triggers]
            walls = [int(one.timestamp()) for one in found if one is not None]
            start = min((wall for wall in walls if wall < _END), default=None)
            if start is not None:
                yield start

    def _moments(self, wall: int) -> tuple[int, ...]:
        """The moments that a time on the wall stands for."""
        shown = datetime.fromtimestamp(wall, UTC).replace(tzinfo=self._zone)
        first, second = (int(shown.replace(fold=fold).timestamp()) for fold in (0, 1))
        is_twice = second > first and len(self._fields.hours) == 24
        return (first, second) if is_twice else (first,)

    def _offsets(self, moment: int) -> set[int]:
        """How many seconds the zone is ahead of UTC around a moment."""
        around = (datetime.fromtimestamp(moment + apart, self._zone) for apart in (-_NEAR, 0, _NEAR))
        return {int((one.utcoffset() or timedelta()).total_seconds()) for one in around}

    @cached_property
    def _zone(self) -> "ZoneInfo":
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.zone)

    @cached_property
    def _triggers(self) -> "tuple[CronTrigger, ...]":
        """One for the days that must fit both; one for each of the days where either is enough."""
        from apscheduler.triggers.cron import CronTrigger  # late: takes 50 ms to import

        minutes, hours, days, months, weekdays, either = self._fields
        named = ",".join(_DAYS[day] for day in sorted(weekdays))
        which = [{"day": _listed(days), "day_of_week": named}]
        if either:
            which = [{"day_of_week": named}, *([{"day": _listed(days)}] if _comes(days, months) else [])]
        rest = {"minute": _listed(minutes), "hour": _listed(hours), "month": _listed(months), "timezone": UTC}
        return tuple(CronTrigger(**day, **rest) for day in which)


def _listed(values: frozenset[int]) -> str:
    return ",".join(map(str, sorted(values)))


def _read(text: str) -> _Fields:
    words = NICKNAMES.get(text.strip(), text).split()
    if len(words) == 1 and words[0].startswith("@"):
        raise ValueError(f"{_short(words[0])} is none of {', '.join(NICKNAMES)}")
    if len(words) != len(_KINDS):
        raise ValueError(f"it has {len(words)} field{'s' * (len(words) != 1)}, not 5")
    minutes, hours, days, months, weekdays = (_values(word, kind) for word, kind in zip(words, _KINDS, strict=True))
    # As in crontab(5), a field that starts with a star restricts nothing, whatever its step.
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and not _comes(days, months):
        raise ValueError("no month that it names has such a day, so it never comes")
    return _Fields(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def _comes(days: frozenset[int], months: frozenset[int]) -> bool:
    """Whether there is ever such a day in such a month."""
    return any(min(days) <= _LENGTHS[month - 1] for month in months)


def _values(word: str, kind: _Kind) -> frozenset[int]:
    return frozenset(value for part in word.split(",") for value in _part(part, kind))


_PART = re.compile(r"(?P<start>\*|[a-z0-9]+)(-(?P<end>[a-z0-9]+))?(/(?P<step>[0-9]{1,4}))?", re.ASCII | re.IGNORECASE)


def _part(part: str, kind: _Kind) -> range:
    """The values of one item of a list."""
    match = _PART.fullmatch(part)
    if not match or (match["start"] == "*" and match["end"]):
        raise _wrong(part, kind, "is no value, range or step" if part else "is missing")
    if match["start"] == "*":
        # 7 is Sunday again: nothing that 0 is not.
        first, last = kind.first, kind.last - (kind.names is _DAYS)
    else:
        first = _value(match["start"], kind, part)
        last = _value(match["end"], kind, part) if match["end"] else first
        if kind.names is _DAYS and last == 0 < first:  # a week that ends on Sunday
            last = 7
    if last < first:
        raise _wrong(part, kind, "runs backwards")
    if match["step"] and match["start"] != "*" and not match["end"]:
        raise _wrong(part, kind, f"has a step without a range such as {match['start']}-{kind.last}")
    return range(first, last + 1, _step(match["step"], last - first + 1, part, kind))


def _step(text: str | None, most: int, part: str, kind: _Kind) -> int:
    step = int(text or 1)
    if not 1 <= step <= most:
        raise _wrong(part, kind, f"has a step that is not from 1 to {most}")
    return step


def _value(text: str, kind: _Kind, part: str) -> int:
    """The number that a number or a name stands for."""
    if text.casefold() in kind.names:
        return kind.first + kind.names.index(text.casefold())
    if not text.isdecimal():
        named = f", nor a name such as {kind.names[1]}" if kind.names else ""
        raise _wrong(part, kind, f"is not a number{named}")
    if len(text) > 4 or not kind.first <= int(text) <= kind.last:
        raise _wrong(part, kind, f"is not from {kind.first} to {kind.last}")
    return int(text)


def _wrong(part: str, kind: _Kind, what: str) -> ValueError:
    return ValueError(" ".join(["its", kind.name, *([_short(part)] if part else []), what]))


def _short(word: str) -> str:
    return word if len(word) <= 20 else word[:19] + "…"

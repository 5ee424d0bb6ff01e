"""Instants: the dates of front matter become whole seconds since 1970-01-01T00:00:00Z.

In: the text of a date and the zone to read naive ones in. Out: seconds. Knows no clock.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d)(?::(\d\d)(\.\d*)?)?[ \t]*(Z|z|UTC|[-+]\d\d?(?::?\d\d)?)?)?",
    re.ASCII,
)


def instant(text: str, zone: tzinfo) -> tuple[int, bool]:
    """Seconds since the epoch, and whether the text names its own zone (a date alone is midnight in `zone`).

    Reads the timestamps of YAML 1.1, seconds optional. A part of a second counts as a whole one, so that nothing
    appears before its time. Raises ValueError for what is no timestamp and for impossible dates.
    """
    if len(text) == 20 and f"{text[4]}{text[7]}{text[10]}{text[13]}{text[16]}{text[19]}" == "--T::Z":
        with suppress(ValueError):  # below it says what is wrong
            return int(datetime.fromisoformat(text).timestamp()), True
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a date")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    moment = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
        tzinfo=_offset(offset) if offset else zone,
    )  # fmt: skip
    try:
        seconds = int(moment.timestamp()) + bool(fraction and fraction.strip(".0"))
        datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("is out of range") from error
    return seconds, offset is not None


def _offset(text: str) -> tzinfo:
    """`Z`, `+1`, `-05`, `+0530`, `+05:30` as a zone."""
    if text in {"Z", "z", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)

"""Instants: the dates of front matter as seconds since the epoch (design, section 5, when)."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from feedd.content.instants import instant

BERLIN = ZoneInfo("Europe/Berlin")


def seconds(*moment: int, zone: tzinfo = UTC) -> int:
    """A moment given as year, month, day, hour, minute, second."""
    return int(datetime(*moment, tzinfo=zone).timestamp())  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("2024-05-31T09:30:15Z", seconds(2024, 5, 31, 9, 30, 15), id="UTC"),
        pytest.param("2024-05-31t09:30:15z", seconds(2024, 5, 31, 9, 30, 15), id="lower case"),
        pytest.param("2024-05-31 09:30:15 UTC", seconds(2024, 5, 31, 9, 30, 15), id="UTC by name"),
        pytest.param("2024-05-31T11:30:15+02:00", seconds(2024, 5, 31, 9, 30, 15), id="offset"),
        pytest.param("2024-05-31T04:00:15-0530", seconds(2024, 5, 31, 9, 30, 15), id="offset without colon"),
        pytest.param("2024-05-31 11:30:15 +2", seconds(2024, 5, 31, 9, 30, 15), id="offset in hours"),
        pytest.param("2024-05-31T09:30Z", seconds(2024, 5, 31, 9, 30), id="without seconds"),
        pytest.param("2024-5-1T9:30:00Z", seconds(2024, 5, 1, 9, 30), id="single digits"),
        pytest.param("  2024-05-31T09:30:15Z\n", seconds(2024, 5, 31, 9, 30, 15), id="white space around it"),
        pytest.param("1969-12-31T23:59:59Z", -1, id="before 1970"),
    ],
)
def test_aware_times_are_kept(written: str, meant: int) -> None:
    assert (meant, True) == instant(written, BERLIN)


def test_naive_times_are_read_in_the_configured_zone() -> None:
    assert (seconds(2024, 1, 31, 8, 30), False) == instant("2024-01-31 09:30:00", BERLIN)
    assert (seconds(2024, 7, 31, 7, 30), False) == instant("2024-07-31 09:30:00", BERLIN)


def test_a_date_alone_is_midnight_in_the_configured_zone() -> None:
    assert (seconds(2024, 5, 30, 22), False) == instant("2024-05-31", BERLIN)


@pytest.mark.parametrize("fraction", ["0.001", "0.5", "0.999999999999"])
def test_nothing_is_due_before_its_fraction_of_a_second(fraction: str) -> None:
    assert (seconds(2024, 5, 31, 9, 30, 16), True) == instant(f"2024-05-31T09:30:15{fraction[1:]}Z", UTC)


@pytest.mark.parametrize("fraction", [".", ".0", ".000"])
def test_a_fraction_of_nothing_adds_nothing(fraction: str) -> None:
    assert (seconds(2024, 5, 31, 9, 30, 15), True) == instant(f"2024-05-31T09:30:15{fraction}Z", UTC)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("2021-02-30", id="no such day"),
        pytest.param("2023-02-29T00:00:00Z", id="no leap year"),
        pytest.param("2024-13-01", id="no such month"),
        pytest.param("2024-00-10", id="month zero"),
        pytest.param("0000-01-01", id="year zero"),
        pytest.param("2024-05-31T24:00:00Z", id="hour 24"),
        pytest.param("2024-05-31T09:60:00Z", id="minute 60"),
        pytest.param("2024-05-31T09:30:60Z", id="second 60"),
        pytest.param("2024-05-31T09:30:00+24:00", id="offset of a day"),
        pytest.param("0001-01-01T00:00:00+05:00", id="before the calendar"),
        pytest.param("9999-12-31T23:59:59-05:00", id="after the calendar"),
        pytest.param("9999-12-31T23:59:59.5Z", id="after the calendar by a fraction"),
    ],
)
def test_impossible_dates_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        instant(written, UTC)


@pytest.mark.parametrize(
    "written",
    [
        *("", "now", "1717147800", "31.05.2024", "05/31/2024", "2024-05", "20240531", "2024-05-31T", "2024-05-31 9h30"),
        *("2024-05-31T09:30:00 CET", "2024-05-31T09:30:00ZZ", "٢٠٢٤-٠٥-٣١", "2024-05-31\n2024-06-01", "-2024-05-31"),
    ],
)
def test_what_is_no_timestamp_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        instant(written, UTC)


def test_a_long_text_is_refused_at_once() -> None:
    for written in ("2024-05-31" + " " * 100_000 + "x", "2024-05-31T09:30:00." + "0" * 100_000 + "x", "2" * 100_000):
        with pytest.raises(ValueError, match="is not a date"):
            instant(written, UTC)


@given(
    st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
@settings(max_examples=100, deadline=None)
def test_iso_format_is_read_back(naive: datetime, zone: tzinfo) -> None:
    moment = naive.replace(microsecond=0, tzinfo=zone)

    assert (int(moment.timestamp()), True) == instant(moment.isoformat(), BERLIN)


TWO_DIGITS = st.integers(0, 70).flatmap(lambda n: st.sampled_from([f"{n:02}", str(n)]))
SPELLED = st.tuples(
    *(st.integers(1970, 2070).map(str), st.just("-"), TWO_DIGITS, st.just("-"), TWO_DIGITS),
    *(st.sampled_from(["", "T", "t", " ", "\t "]), TWO_DIGITS, st.just(":"), TWO_DIGITS, st.just(":"), TWO_DIGITS),
    *(
        st.sampled_from(["", ".", ".0", ".25"]),
        st.sampled_from(["", "Z", " Z", "+1", " -05", "+05:30", "-0530"]),
    ),
).map("".join)
ALONE = st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(date.isoformat)


@given(SPELLED | ALONE)
@example("2024-06-02 03:04:05.5+05:30")
@example("2024-06-02T03:04:05")
@settings(max_examples=200, deadline=None)
def test_whatever_pyyaml_reads_as_a_date_is_the_same_date(written: str) -> None:
    try:
        read = yaml.load(f"date: {written}\n", yaml.CSafeLoader)["date"]
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            instant(written, BERLIN)
        return
    assume(isinstance(read, date))
    if isinstance(read, datetime):
        whole = read.replace(microsecond=0) + timedelta(seconds=bool(read.microsecond))
        expected = (int((whole if whole.tzinfo else whole.replace(tzinfo=BERLIN)).timestamp()), bool(whole.tzinfo))
    else:
        expected = (int(datetime(read.year, read.month, read.day, tzinfo=BERLIN).timestamp()), False)

    assert expected == instant(written, BERLIN)

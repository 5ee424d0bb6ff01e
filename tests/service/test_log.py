"""What the daemon tells people: a line for each event, which nothing in it can forge, and never an error of its own."""

import ast
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedd.errors import Problem
from feedd.service import log
from feedd.service.log import Form, Level

MOMENT = 1767323045.9  # 2026-01-02T03:04:05Z, and a bit
HOSTILE = 'a.md\n<0>run read=9 "x\\\x1b[31m\x85\u2028\u202e\0\udcff'


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Logging belongs to the whole process: give it back as it was."""
    root = logging.getLogger()
    levels = {logger: logger.level for logger in (root, logging.getLogger("apscheduler"), logging.getLogger("feedd"))}
    yield
    for handler in [handler for handler in root.handlers if type(handler).__module__ == log.__name__]:
        root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)


def configured(level: Level = "info", form: Form = "text", stream: TextIO | None = None) -> io.StringIO:
    """Logging to memory, which is no journal (unless to another stream)."""
    memory = io.StringIO()
    log.configure(level, form, stream or memory, {"JOURNAL_STREAM": "1:2"}, lambda: MOMENT)
    return memory


class Journal:
    """A file that stands for the journal: `lines` are what was written to it."""

    def __init__(self, place: Path, level: Level = "debug", form: Form = "text") -> None:
        self._place = place
        self._stream = place.open("w", encoding="utf-8")
        status = os.fstat(self._stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        log.configure(level, form, self._stream, environ, lambda: MOMENT)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def lines(self) -> list[str]:
        return self._place.read_text(encoding="utf-8").splitlines()


def test_event_is_a_line_of_time_level_name_and_fields() -> None:
    lines = configured()
    log.info("run", read=3, seconds=0.25, dry=False, path=Path("feeds/all.atom"))

    assert lines.getvalue() == "2026-01-02T03:04:05Z info run read=3 seconds=0.25 dry=false path=feeds/all.atom\n"


def test_journal_gets_priorities_in_place_of_time_and_level(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        log.error("state", file="state.db")
        log.warning("guard")
        log.info("run", read=3)
        log.debug("hint", path="a.md")

        assert journal.lines == ["<3>state file=state.db", "<4>guard", "<6>run read=3", "<7>hint path=a.md"]


@pytest.mark.parametrize("told", ["", "1:2", "nonsense"])
def test_stream_that_is_not_the_journals_gets_no_priorities(told: str, tmp_path: Path) -> None:
    place = tmp_path / "redirected"
    with place.open("w") as stream:
        log.configure("info", "text", stream, {"JOURNAL_STREAM": told}, lambda: MOMENT)
        log.info("run")

    assert place.read_text() == "2026-01-02T03:04:05Z info run\n"


def test_json_is_an_object_with_the_values_as_they_are() -> None:
    lines = configured(form="json")
    log.warning("run", read=3, came=["a", "b"], dry=False, what="über \n", time="noon")

    assert json.loads(lines.getvalue()) == {
        "time": "2026-01-02T03:04:05Z",
        "level": "warning",
        "event": "run",
        "read": 3,
        "came": ["a", "b"],
        "dry": False,
        "what": "über \n",
    }


def test_json_has_priorities_too_in_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", form="json") as journal:
        log.warning("guard")

        assert journal.lines == ['<4>{"time": "2026-01-02T03:04:05Z", "level": "warning", "event": "guard"}']


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("Übersicht/größe.md", "Übersicht/größe.md"),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("C:\\x", r'"C:\\x"'),
        ("a\nb\tc", r'"a\nb\tc"'),
        ("\x1b[31m", r'"\x1b[31m"'),
        ("\0", r'"\x00"'),
        ("\u2028\u202e\xa0", r'"\u2028\u202e\xa0"'),
        ("\udcff.md", r'"\udcff.md"'),
        (["a", "b"], "a,b"),
        (["a b", "c"], '"a b,c"'),
        (True, "true"),
        (0, "0"),
    ],
)
def test_value_is_quoted_where_it_could_be_mistaken(value: object, written: str) -> None:
    lines = configured()
    log.info("x", v=value)

    assert lines.getvalue() == f"2026-01-02T03:04:05Z info x v={written}\n"


def test_empty_fields_are_left_out_and_zero_and_false_are_not() -> None:
    lines = configured()
    log.info("run", a=None, b="", c=[], d=(), e=0, f=False)

    assert lines.getvalue().endswith(" info run e=0 f=false\n")


@given(st.text(st.characters()), st.sampled_from(["text", "json"]))
@example(HOSTILE, "text")
@example(HOSTILE, "json")
def test_whatever_a_field_holds_it_is_one_line_of_as_many_fields(value: str, form: Form) -> None:
    lines = configured(form=form)
    log.info("x", v=value, last=1)
    (line,) = lines.getvalue().splitlines()

    assert line.isprintable()
    if form == "json":
        assert json.loads(line).get("v", "") == value
    else:
        assert unquoted(line.removeprefix("2026-01-02T03:04:05Z info x ").removesuffix("last=1")) == value


def unquoted(field: str) -> str:
    """The value of `v=… `, read back by somebody who knows how Python escapes."""
    written = field.removeprefix("v=").removesuffix(" ")
    if not written.startswith('"'):
        assert not set(written) & set(' "=\\')
        return written
    value = ast.literal_eval(written)
    assert isinstance(value, str)
    return value


def test_event_cannot_forge_anything_either() -> None:
    lines = configured()
    log.info(HOSTILE)

    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("letter", ["x", "\n", "\U000e0001"])
def test_line_is_shorter_than_what_the_journal_breaks(letter: str, form: Form) -> None:
    lines = configured(form=form)
    log.info("x", start=1, a=letter * 100_000, b=[letter * 1000] * 5000, c=letter * 5000, end=2)
    line = lines.getvalue()

    assert len(line.encode()) < 48 * 1024
    assert "…" in (json.loads(line)["a"] if form == "json" else line)
    assert "end" in line


def test_line_that_never_fits_is_the_event_alone() -> None:
    lines = configured()
    log.info("x" * 100_000, **{f"field{number}": "y" * 100 for number in range(1000)})

    assert len(lines.getvalue()) < 300


def test_of_a_long_field_both_ends_are_told() -> None:
    lines = configured()
    log.info("x", v="first" + "." * 100_000 + "last")

    assert " v=first" in lines.getvalue()
    assert lines.getvalue().endswith("last\n")


def test_problem_is_told_at_its_severity_with_all_that_is_known(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        log.problem(Problem("mojibake", "is bad", "Save it once.", "news/a b.md", 4, "excerpt", "warning"))
        log.problem(Problem("locked", "another feedd is writing here"))
        log.problem(Problem("http-link", "is not encrypted", severity="suggestion"))

        assert journal.lines == [
            '<4>problem kind=mojibake file="news/a b.md" line=4 field=excerpt what="is bad" remedy="Save it once."',
            '<3>problem kind=locked what="another feedd is writing here"',
            '<6>problem kind=http-link what="is not encrypted"',
        ]


def test_crash_is_one_line_with_the_traceback() -> None:
    lines = configured()
    try:
        raise ValueError("two\nlines")
    except ValueError as failure:
        log.crash("loop", failure, run=7)
    (line,) = lines.getvalue().splitlines()

    assert line.startswith(r'2026-01-02T03:04:05Z error loop run=7 traceback="Traceback (most recent call last):\n')
    assert line.endswith(r'ValueError: two\nlines"')
    assert "test_log.py" in line


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_lines_below_the_level_are_not_written(level: Level, told: list[str]) -> None:
    lines = configured(level)
    for tell in (log.debug, log.info, log.warning, log.error):
        tell("x")

    assert [line.split()[1] for line in lines.getvalue().splitlines()] == told


def test_configuring_again_neither_doubles_lines_nor_keeps_the_former_form() -> None:
    before = configured()
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    after = configured("warning", "json")
    log.warning("once")
    log.info("not any more")

    assert before.getvalue() == ""
    assert json.loads(after.getvalue())["event"] == "once"
    assert other in logging.getLogger().handlers
    logging.getLogger().removeHandler(other)


def test_libraries_come_out_in_the_same_form() -> None:
    lines = configured()
    logging.getLogger("watchdog.observers").warning("no %s left\nat all", "watches")

    assert lines.getvalue() == r'2026-01-02T03:04:05Z warning watchdog.observers message="no watches left\nat all"' "\n"


def test_exception_that_a_library_logs_is_one_line() -> None:
    lines = configured()
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("apscheduler.executors").exception("job failed")
    logging.getLogger("apscheduler.executors").exception("outside of any")
    first, second = lines.getvalue().splitlines()

    assert 'error apscheduler.executors message="job failed" traceback="Traceback' in first
    assert second.endswith('message="outside of any"')


def test_record_of_a_library_whose_arguments_do_not_fit_is_told_all_the_same() -> None:
    lines = configured()
    record = logging.LogRecord("library", logging.CRITICAL, "", 1, "%d of %d", ("x",), None)
    logging.getLogger().handlers[-1].handle(record)  # the one just configured: pytest's own would raise

    assert lines.getvalue() == '2026-01-02T03:04:05Z error library message="%d of %d"\n'


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["apscheduler.scheduler", "apscheduler.scheduler", "library"]),
        ("info", ["apscheduler.scheduler", "library"]),
        ("warning", ["apscheduler.scheduler", "library"]),
        ("error", []),
    ],
)
def test_libraries_are_heard_from_warnings_on_and_the_scheduler_in_full_when_debugging(
    level: Level, told: list[str]
) -> None:
    lines = configured(level)
    for name in ("apscheduler.scheduler", "library"):
        logging.getLogger(name).info("ran a job")
        logging.getLogger(name).warning("missed a job")

    assert [line.split()[2] for line in lines.getvalue().splitlines()] == told


class _Broken(io.StringIO):
    def write(self, text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [_Broken(), None])
def test_stream_that_cannot_be_written_raises_nothing(stream: Any) -> None:
    log.configure("info", "text", stream, {}, lambda: MOMENT)
    log.error("unheard", why="x")
    log.problem(Problem("a", "b"))


def test_closed_stream_raises_nothing(tmp_path: Path) -> None:
    stream = (tmp_path / "log").open("w")
    stream.close()
    configured(stream=stream)
    log.error("unheard")


def test_reader_that_went_away_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", buffering=1, encoding="utf-8")  # noqa: PTH123, SIM115 - of a handle; closed below
    configured(stream=stream)
    log.error("unheard")

    with pytest.raises(BrokenPipeError):  # what waited is still there: it was this that could not be written
        stream.close()


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_value_that_cannot_be_told_raises_nothing() -> None:
    configured()
    log.info("x", v=_Unprintable())


def test_each_line_is_written_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        for count in range(3):
            log.info("run")
            assert len(journal.lines) == count + 1

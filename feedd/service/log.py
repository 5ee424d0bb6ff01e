"""Log: what the daemon tells people, as lines on standard error.

In: events, each a name with fields, and the records of libraries that use `logging`. Out: one line for each, as text or
as JSON, with a priority in front where the journal reads it. Whatever a field holds, a line stays one line, and nothing
in it passes for another field. Does not decide what is worth telling, and never raises: what is told must not end what
it tells of.
"""

import json
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from feedd.errors import Problem

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["text", "json"]

_LEVELS: dict[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_PRIORITIES: dict[Level, int] = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""What syslog(3) calls them; the journal reads them off the line, see sd-daemon(3)."""

# The journal breaks a line of 48 KiB, and what follows would pass for another.
_LONGEST_LINE = 40_000
_LONGEST_FIELDS = (10_000, 1000, 100)
_LONGEST_ITEM = 200

_logger = logging.getLogger("feedd")


def configure(level: Level, form: Form, stream: TextIO, environ: Mapping[str, str], clock: Callable[[], float]) -> None:
    """From now on, write events of at least this level to a stream; in place of what was configured before.

    `clock` gives seconds since the epoch. What libraries tell comes out in the same form, from warnings on: only of
    APScheduler is more worth knowing when debugging.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Lines)]:
        root.removeHandler(handler)
    root.addHandler(_Lines(form, stream, is_journal(stream, environ), clock))
    root.setLevel(max(logging.WARNING, _LEVELS[level]))
    logging.getLogger("apscheduler").setLevel(logging.DEBUG if level == "debug" else logging.NOTSET)
    _logger.setLevel(_LEVELS[level])


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether what is written to a stream goes to the journal, see JOURNAL_STREAM in systemd.exec(5)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # a stream without a file, a closed one, none at all
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


# What is told


def debug(event: str, /, **fields: object) -> None:
    """A decision. Fields that are None or empty text are left out, here and below."""
    _tell("debug", event, fields)


def info(event: str, /, **fields: object) -> None:
    """Something that went as it should."""
    _tell("info", event, fields)


def warning(event: str, /, **fields: object) -> None:
    """Something that a person should look at."""
    _tell("warning", event, fields)


def error(event: str, /, **fields: object) -> None:
    """Something that could not be done."""
    _tell("error", event, fields)


def crash(event: str, failure: BaseException, /, **fields: object) -> None:
    """An error that nobody expected, with the traceback."""
    _tell("error", event, fields, failure)


def problem(found: Problem, /) -> None:
    """A problem, at its own severity; a suggestion is told as information."""
    place = {"file": found.file, "line": found.line, "field": found.field}
    level: Level = "info" if found.severity == "suggestion" else found.severity
    _tell(level, "problem", {"kind": found.kind, **place, "what": found.what, "remedy": found.remedy})


def _tell(level: Level, event: str, fields: Mapping[str, object], failure: BaseException | None = None) -> None:
    _logger.log(_LEVELS[level], event, exc_info=failure, extra={"fields": fields})


# How it is written


class _Lines(logging.Handler):
    """Writes every record as a line, at once."""

    def __init__(self, form: Form, stream: TextIO, journal: bool, clock: Callable[[], float]) -> None:
        super().__init__()
        self._stream, self._journal, self._clock = stream, journal, clock
        self._line = _json if form == "json" else _journal_text if journal else _text

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; one that cannot be written is lost."""
        with suppress(Exception):
            level, (event, fields) = _level(record), _content(record)
            priority = f"<{_PRIORITIES[level]}>" if self._journal else ""
            self._stream.write(f"{priority}{self._fitting(level, event, fields)}\n")
            self._stream.flush()

    def _fitting(self, level: Level, event: str, fields: Mapping[str, object]) -> str:
        """The line, with as much of every field as goes in."""
        time = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines = (self._line(time, level, event, _told(fields, longest)) for longest in _LONGEST_FIELDS)
        short = (line for line in lines if len(line.encode()) <= _LONGEST_LINE)
        return next(short, self._line(time, level, event[:_LONGEST_ITEM], {}))


def _level(record: logging.LogRecord) -> Level:
    return next((name for name in ("error", "warning", "info") if record.levelno >= _LEVELS[name]), "debug")


def _content(record: logging.LogRecord) -> tuple[str, Mapping[str, object]]:
    """Event and fields of a record; those of a library are its name and its message."""
    own = record.name == _logger.name
    fields: Mapping[str, object] = getattr(record, "fields", {}) if own else {"message": _message(record)}
    failure = record.exc_info[1] if record.exc_info else None
    if failure:
        fields = {**fields, "traceback": "".join(traceback.format_exception(failure)).rstrip()}
    return str(record.msg) if own else record.name, fields


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # its arguments do not fit
        return str(record.msg)


def _told(fields: Mapping[str, object], longest: int) -> dict[str, Any]:
    """The fields that say anything, as JSON knows values, and none longer than so many characters."""
    values = {name: _plain(value, longest) for name, value in fields.items()}
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _plain(value: object, longest: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        most = longest // _LONGEST_ITEM
        items = [_plain(item, _LONGEST_ITEM) for item in value[:most]]
        return [*items, "…"] if len(value) > most else items
    text = str(value)
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2) :]}"


def _json(time: str, level: Level, event: str, fields: dict[str, Any]) -> str:
    head = {"time": time, "level": level, "event": event}
    return json.dumps({**head, **fields, **head})


def _text(time: str, level: Level, event: str, fields: dict[str, Any]) -> str:
    return f"{time} {level} {_journal_text(time, level, event, fields)}"


def _journal_text(time: str, level: Level, event: str, fields: dict[str, Any]) -> str:
    """Without what the journal knows by itself: the time and, by the priority, the level."""
    return " ".join([_quoted(event), *(f"{name}={_value(value)}" for name, value in fields.items())])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(",".join(map(str, value)) if isinstance(value, list) else str(value))


def _quoted(text: str) -> str:
    """Text as it is if nothing in it could be mistaken; else in quotes, with what is special escaped as in Python."""
    if text and text.isprintable() and not any(letter in text for letter in ' "=\\'):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(letter: str) -> str:
    if letter == '"':
        return '\\"'
    return letter if letter.isprintable() and letter != "\\" else letter.encode("unicode_escape").decode("ascii")

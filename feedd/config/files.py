"""A configuration file, or its text → a `Config`, or a `ConfigError` with *all* problems in the order of the file.

Each problem has its line and its remedy. Of the directories that a file names, `load` finds out where symbolic links
lead them, so that whatever puts a configuration to use refuses one by which the state would be served; whether they
exist is found out where they are used. Does not look at the clock, the environment or the network.
"""

import os
import re
import stat
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, cast

from feedd.config.agreement import CHECKS, derived
from feedd.config.links import linked
from feedd.config.model import SOCKET, Config, State
from feedd.config.phrases import Where, dotted
from feedd.config.reader import Finding, Reader
from feedd.errors import ConfigError, Problem


def load(path: Path, instead_of: Path | None = None) -> Config:
    """The configuration in a file; as it would be in the place of another, from where its relative paths start then.

    Raises:
        ConfigError: the file cannot be read, anything is wrong in it, or symbolic links lead directories into one
            another that must be apart.
    """
    text = _text(path)
    config = parse(text, str(path), (instead_of or path).absolute().parent)
    if findings := tuple(linked(config)):
        raise ConfigError(_problems(findings, str(path), text))
    return config


def parse(text: str, file: str, base: Path) -> Config:
    """The configuration in TOML text, whatever is on the disk; `file` is what problems call it, `base` where relative
    paths start.

    Raises:
        ConfigError: anything is wrong. It holds all that is, in the order of the text, but what is missing
            with its whole table first.
    """
    raw = _toml(text, file)
    if not raw:
        remedy = "Write [site] with title, url and feeds_url, or let `feedd init` write a whole file."
        raise ConfigError((Problem("missing-key", "holds no settings", remedy, file),))
    reader = Reader(base)
    config = reader.table(Config, raw, ())
    findings = [*reader.findings, *chain.from_iterable(check(reader.values) for check in CHECKS)]
    if findings:
        raise ConfigError(_problems(findings, file, text))
    return derived(cast(Config, config))


def socket_in(path: Path) -> Path:
    """Where the daemon of a configuration file listens, as far as that can be made out of one that is wrong. Never
    raises: who asks wants to know what the daemon says of it.
    """
    raw: Any = {}
    with suppress(ConfigError):
        raw = _toml(_text(path), str(path))
    base = path.absolute().parent
    for table, key, below in (("control", "socket", ""), ("state", "path", SOCKET)):
        value = raw[table].get(key) if isinstance(raw.get(table), dict) else None
        if isinstance(value, str) and value:
            return Path(os.path.normpath(base / value / below))
    return base / State().path / SOCKET


def _problems(findings: Iterable[Finding], file: str, text: str) -> tuple[Problem, ...]:
    from feedd.config.lines import line_of, lines_of  # late: most configurations are right

    lines = lines_of(text)
    found = []
    for kind, where, what, remedy, other in findings:
        there = line_of(other, lines)
        what += f" in line {there}" if there else ""
        found.append(Problem(kind, what, remedy, file, line_of(where, lines), dotted(where)))
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


def noted(file: Path, kind: str, where: Where, what: str, remedy: str) -> Problem:
    """A warning about a key of a configuration that is sound by itself; its line is looked up in the file."""
    from feedd.config.lines import line_of, lines_of

    try:
        line = line_of(where, lines_of(_text(file)))
    except ConfigError:  # it was changed meanwhile
        line = None
    return Problem(kind, what, remedy, str(file), line, dotted(where), "warning")


def written(file: Path) -> dict[Where, int]:
    """Every key that a configuration file sets, with its line; none if it cannot be read any more."""
    from feedd.config.lines import lines_of

    try:
        return lines_of(_text(file))
    except ConfigError:
        return {}


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax(str(error), file, text)
    except ValueError:
        problem = Problem("not-toml", "is not TOML: a number has too many digits", "Write a smaller one.", file)
    except RecursionError:
        problem = Problem("not-toml", "is not TOML: lists or tables are nested too deep", "Write less brackets.", file)
    raise ConfigError((problem,))


def _syntax(message: str, file: str, text: str) -> Problem:
    """What tomllib says, in other words and with its place as a line; at the end of a text that is the last one."""
    from feedd.config.syntax import Slip, explain

    said, _, place = message.partition(" (at ")
    at = re.match(r"line (\d+), column (\d+)", place)
    text = text.replace("\r\n", "\n")  # as tomllib does, before it counts
    last = text.rstrip().split("\n")
    line, column = (int(at[1]), int(at[2])) if at else (len(last), len(last[-1]) + 1)
    what, remedy = explain(Slip(text, said, line, column))
    where = f"in column {column}" if at else "at the end of the file"
    return Problem("not-toml", f"is not TOML {where}: {what}", remedy, file, line)


def _text(path: Path) -> str:
    """The file's text, without the mark that some editors put first."""
    try:
        data = _bytes(path)
    except FileNotFoundError:
        raise _unreadable(
            path, "does not exist", "Name another file with --config, or let `feedd init` write one."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "Name a regular file that feedd's user may read."
        raise _unreadable(path, f"cannot be read: {reason}", remedy) from error
    if data.count(0) > len(data) // 3:  # of ASCII in UTF-16, each other byte is 0
        raise _unreadable(path, "is UTF-16, not UTF-8", "Save the file as UTF-8.", 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With the mark taken off, the place is counted from behind it.
        at = len(data) - len(error.object) + error.start
        line = data.count(b"\n", 0, at) + 1
        sign = data[at : at + 1].decode("cp1252", "ignore")
        meant = f" ({sign} in Windows-1252)" if sign.isprintable() and sign else ""
        what = f"is not UTF-8: the byte 0x{data[at]:02X}{meant} is none of its characters"
        raise _unreadable(path, what, "Save the file as UTF-8.", line) from None


def _bytes(path: Path) -> bytes:
    """What a regular file holds. A pipe would be waited for, perhaps for ever, and could be read only once: feedd reads
    its configuration again, to name lines and whenever it changes.

    Raises OSError, and ConfigError for what is neither file nor folder.
    """
    with open(path, "rb", opener=_at_once) as file:
        kind = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(kind):
            what = "is a pipe" if stat.S_ISFIFO(kind) else "is a device"
            raise _unreadable(path, f"{what}, not a file", "Write what it holds into a file, and name that one.")
        return file.read()


def _at_once(path: str, flags: int) -> int:
    """A handle of a place, for which no pipe has to be written to."""
    return os.open(path, flags | os.O_NONBLOCK)


def _unreadable(path: Path, what: str, remedy: str, line: int | None = None) -> ConfigError:
    return ConfigError((Problem("unreadable", what, remedy, str(path), line),))

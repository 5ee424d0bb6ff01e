"""Installed: what packages beside feedd bring for it, by entry points (as the packaging specifications define them).

In: a group and a name. Out: which packages have it, the object behind it, and what tells one version of it from
another. `call` is the way to run their code. Knows nothing of what these objects are for. Asking takes 20 ms and more,
so it is asked only where a configuration names something that is not feedd's own; whoever imports this does so late.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from feedd.errors import PluginError, Problem

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FILTERS, FORMATS = "feedd.filters", "feedd.formats"
"""The groups: conditions for feeds, and ways to write feeds."""

_MOST_SAID = 200  # letters of what an exception says


def packages(group: str) -> dict[str, list[str]]:
    """The names in a group, each with the packages that have it, such as `feedd-weekdays 1.0`."""
    found: dict[str, list[str]] = {}
    for point in sorted(_points(group), key=lambda point: (point.name, _package(point))):
        found.setdefault(point.name, []).append(_package(point))
    return found


def package(group: str, name: str) -> str:
    """The package that has a name in a group. Raises PluginError where none has it."""
    return _package(_point(group, name))


def load(group: str, name: str) -> object:
    """The object of that name in a group. Raises PluginError where there is none, or importing it fails."""
    point = _point(group, name)
    try:
        return call(point.load)
    except CallFailed as error:
        what = f"{name!r} of {_package(point)} cannot be loaded: {error}"
        raise PluginError(Problem("plugin-broken", what, _REMEDY, field=group)) from error


_REMEDY = "Mend or upgrade the package, or leave its name out of the configuration."


def fingerprint(group: str, names: Iterable[str]) -> str:
    """What is different where another version of one of these may do something else. What this process found first
    stays so: another version takes its place when feedd starts anew.
    """
    return " ".join(_print(group, name) for name in sorted(set(names)))


@cache
def _print(group: str, name: str) -> str:
    try:
        point = _point(group, name)
    except PluginError:
        return f"{name} -"
    return f"{name} {point.value} {_package(point)} {_digest(point.module)}"


def _digest(module: str) -> str:
    """A digest of a module's file, which may change without its version: that of a package under development."""
    from hashlib import blake2b
    from importlib.util import find_spec
    from pathlib import Path

    try:
        spec = call(find_spec, module)  # which imports the packages above it
        data = Path(spec.origin).read_bytes() if spec and spec.origin else b""
    except (CallFailed, OSError):
        return "-"
    return blake2b(data, digest_size=16).hexdigest()


class CallFailed(Exception):
    """Code of a package raised something, the `__cause__`; the text is that as one short line, for people."""


class Interrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C: it ends the command, while a KeyboardInterrupt that a package raises by itself is a
    failure like any other.
    """


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a package gives. What it prints goes to standard error: standard output is the command's own,
    which programs read.

    Raises CallFailed, whatever the function raises, so that it costs no more than what was asked for.
    """
    _tell_interrupts()
    try:
        with redirect_stdout(sys.stderr):
            return function(*arguments)
    except Interrupted:
        raise
    except BaseException as error:
        raise CallFailed(_said(error)) from error


def _tell_interrupts() -> None:
    """Let Ctrl-C raise Interrupted, where it raises KeyboardInterrupt: in the main thread, unless feedd takes the
    signal otherwise.
    """
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted


def _said(error: BaseException) -> str:
    """An exception as one short line."""
    try:
        text = " ".join(str(error).split())
    except Interrupted:
        raise
    except BaseException:  # noqa: BLE001 - a stranger's exception may be broken as well
        text = ""
    plain = "".join(letter for letter in text if letter.isprintable())[:_MOST_SAID]
    return f"{type(error).__name__}: {plain}" if plain else type(error).__name__


def _points(group: str) -> "Iterable[EntryPoint]":
    from importlib.metadata import entry_points

    return entry_points(group=group)


def _point(group: str, name: str) -> "EntryPoint":
    found = sorted((point for point in _points(group) if point.name == name), key=_package)
    if not found:
        what = f"{name!r} is brought by no installed package any more"
        raise PluginError(Problem("plugin-broken", what, "Install the package that does.", field=group))
    return found[0]


def _package(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"

"""`feedd status`: how the daemon is, once or again and again."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import ask, asked, now, place_of_socket
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import FINE, PROBLEMS, plain_json
from feedd.errors import ControlError, Problem, printable

if TYPE_CHECKING:
    from feedd.service.inbox import Reply
    from feedd.status import Status

_PATIENCE = 5.0  # seconds that the daemon has to tell its status
_EVERY = 2.0  # seconds between two looks
_LOOKS = {True: "\x1b[1;32m", False: "\x1b[1;33m", None: "\x1b[1;31m"}  # fine, not fine, away


def _a_number(_: click.Context, __: click.Parameter, seconds: float | None) -> float | None:
    """What is not a number is within every range."""
    if seconds is not None and seconds != seconds:
        raise click.BadParameter("nan is no number of seconds.")
    return seconds


@click.command(epilog="Example: feedd status --watch")
@configured
@socketed
@jsonable
@click.option("--line", "as_line", is_flag=True, help="Say it in one line, for scripts.")
@click.option(
    "--watch",
    "seconds",
    is_flag=False,
    flag_value=_EVERY,
    type=click.FloatRange(0.1, 86400),
    callback=_a_number,
    metavar="[SECONDS]",
    help=f"Look again every so many seconds, {_EVERY:g} unless given, until q or Ctrl-C.",
)
def command(file: Path, socket: Path | None, as_json: bool, as_line: bool, seconds: float | None) -> None:
    """Say how the daemon is, what is public and what is wrong.

    Exits with 1 if `feedd run` does not run, is still starting, or does not do all that it should. With --line that is
    said as key=value, `state=absent` if it does not run: keys stay what and where they are, new ones come
    before `why`, the last. With --watch the screen is kept up to date, also over restarts of the daemon; where there is
    no terminal, texts follow each other, and with --json a line each. It ends with 0.
    """
    if as_line and as_json:
        raise click.UsageError("--line and --json are two ways to say it: use one of them.")
    if seconds is not None:
        _watch(socket or place_of_socket(file), seconds, _as_json if as_json else _as_line if as_line else _as_text)
        sys.exit(FINE)
    if as_line:
        status, lines = _read(socket or place_of_socket(file), _as_line)
        click.echo("\n".join(lines))
        sys.exit(FINE if status and status.fine else PROBLEMS)
    from feedd.status import StatusReply

    answer = ask(file, socket, "status", StatusReply, as_json, _PATIENCE)
    if answer.status and not as_json:
        click.echo("\n".join(_text(answer.status)))
    sys.exit(FINE if answer.ok and answer.status and answer.status.fine else PROBLEMS)


Form = Callable[["Status | None", "Reply", str], list[str]]
"""How it is said: the status, the whole reply, and why there is none."""


def _read(place: Path, form: Form) -> "tuple[Status | None, list[str]]":
    """The status, if the daemon tells it, and how it is said."""
    import msgspec

    from feedd.status import StatusReply, read

    try:
        reply = asked(place, "status", _PATIENCE)
        answer = read(reply, StatusReply)
        problem = next(iter(answer.problems), Problem("no-answer", "feedd does not tell how it is"))
        return answer.status, form(answer.status, reply, f"{problem.what}. {problem.remedy}")
    except ControlError as error:
        reply = {"ok": False, "problems": [msgspec.to_builtins(error.problem)]}
        return None, form(None, reply, f"{error.problem.what}. {error.problem.remedy}")


def _text(status: "Status") -> list[str]:
    from feedd import __version__
    from feedd.status import text

    return list(map(printable, text(status, now(), __version__)))


def _as_text(status: "Status | None", _: "Reply", why: str) -> list[str]:
    return _text(status) if status else [printable(why)]


def _as_line(status: "Status | None", _: "Reply", why: str) -> list[str]:
    from feedd.status import absent, line

    return [line(status) if status else absent(why)]


def _as_json(_: "Status | None", reply: "Reply", __: str) -> list[str]:
    import msgspec

    return [plain_json(msgspec.json.encode(reply).decode())]


def _watch(place: Path, seconds: float, form: Form) -> None:
    """Show it again and again, until somebody ends it. While there is no answer, the last one stays below."""
    from feedd.live import shown
    from feedd.status import relative

    last: list[str] = []
    at = now()
    asks = printable(f"It is asked again every {seconds:g} s, at {place}.")
    try:
        with shown() as show:
            while True:
                status, lines = _read(place, form)
                if status:
                    last, at = lines, now()
                elif form is _as_text:
                    before = ["", f"How it was {relative(at, now())}:", *last] if last else []
                    lines = [*lines, asks, *before]
                show.draw(lines, _LOOKS[status.fine if status else None])
                if show.wait(seconds) == "end":
                    break
    except KeyboardInterrupt:  # that is how it is ended
        pass

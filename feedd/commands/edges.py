"""The real world, as commands reach it: clock, disk, locks, and the daemon over its socket.

In: the configuration's file. Out: what a command works on; where that cannot be had, the command ends with what to do.
"""

import sys
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from msgspec.structs import replace

from feedd import __version__
from feedd.commands.terminal import CONFIGURATION, fail, print_json, quiet, say
from feedd.errors import ConfigError, ControlError, FeeddError, Problem

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.content.elsewhere import Copy
    from feedd.pipeline import Pipeline, Report
    from feedd.run import Progress
    from feedd.service import inbox
    from feedd.service.inbox import Reply
    from feedd.status import Kind

_PATIENCE = 5.0  # seconds that the daemon has to tell its version


def now() -> int:
    """The moment, in seconds since the epoch."""
    return int(time.time())


def here() -> Path:
    """Where the command was started; the root if that directory is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def load(file: Path, otherwise: str = "", instead_of: Path | None = None) -> "Config":
    """The configuration, perhaps as it would be in the place of another file. If it is wrong, what follows from that is
    said after its problems.
    """
    from feedd.config import load as load_config

    try:
        return load_config(file, instead_of)
    except ConfigError as error:
        for problem in error.problems:
            say(problem)
        if otherwise:
            click.echo(f"feedd: {otherwise}", err=True)
        sys.exit(CONFIGURATION)


def look(config: "Config") -> "AbstractContextManager[Copy | None]":
    """A look at the content directory, by another process while this one imports what else it needs."""
    from feedd.content.source import tree_of

    return tree_of(config).begun()


def open_pipeline(
    config: "Config", dry_run: bool, progress: "Progress | None" = None, begun: "Copy | None" = None
) -> "tuple[Pipeline, list[Problem]]":
    """The pipeline on the real disk, or for a dry run on a copy of the state, and what is wrong with the state. `begun`
    is a `look` that is at work.
    """
    from feedd.pipeline import Pipeline
    from feedd.publish.directory import Directory, Rehearsal
    from feedd.state.database import open_copy, open_database

    database = open_copy(config.state.path) if dry_run else open_database(config.state.path)
    directory = (Rehearsal if dry_run else Directory)(config.output.path)
    problems = [*database.problems, *([database.unread] if database.unread else ())]
    return Pipeline(config, database, directory, progress or quiet, look=begun), problems


def run(pipeline: "Pipeline", approve: "bool | tuple[str, ...]" = False, as_json: bool = False) -> "Report":
    """A run, now; `approve` as in `Pipeline.run`."""
    try:
        return pipeline.run(now(), approved=approve)
    except FeeddError as error:
        fail(error, as_json)


def alone(config: "Config", stack: ExitStack, as_json: bool = False, otherwise: str = "") -> None:
    """Let no other feedd write into the output directory or the state until the stack ends. If one does, `otherwise` is
    what to do about it, where that is something else than for most commands.
    """
    from feedd.publish.lock import sole_keeper, sole_writer

    try:
        stack.enter_context(sole_writer(config.output.path))
        stack.enter_context(sole_keeper(config.state.path))
    except FeeddError as error:
        if otherwise and error.problem.kind == "locked":
            error.problem = replace(error.problem, remedy=otherwise)
        fail(error, as_json)


def ask(
    file: Path,
    socket: Path | None,
    command: "inbox.Command",
    kind: "type[Kind]",
    as_json: bool,
    timeout: float | None = None,
) -> "Kind":
    """What the daemon answers, of which JSON is all that there is to print; its problems are said."""
    from feedd.status import read

    place = socket or place_of_socket(file)
    try:
        reply = asked(place, command, timeout)
        if as_json:
            print_json(reply)
        answer = read(reply, kind)
    except FeeddError as error:
        fail(error)
    for problem in () if as_json else answer.problems:
        say(problem)
    return answer


def asked(
    place: Path,
    command: "inbox.Command",
    timeout: float | None = None,
    names: tuple[str, ...] = (),
    digest: str = "",
) -> "Reply":
    """What the daemon whose socket is at `place` answers; `names` and `digest` as in `inbox.Question`.

    Raises ControlError where there is none, and where it is of a version that does not know what it is asked for.
    """
    from feedd.service.control import ask as ask_daemon

    reply = ask_daemon(place, command, timeout, names, digest)
    if any(isinstance(one, dict) and one.get("kind") == "not-understood" for one in reply.get("problems", ())):
        raise ControlError(_of_another_version(place, command))
    return reply


def _of_another_version(place: Path, command: str) -> Problem:
    """That a daemon does not know a command, with its version if it tells that."""
    from feedd.service.control import ask as ask_daemon

    status: Any = {}
    with suppress(FeeddError):
        status = ask_daemon(place, "status", _PATIENCE).get("status") or {}
    version = f"of version {status['version']}" if isinstance(status, dict) and "version" in status else "another one"
    name = "approve" if command == "withheld" else command
    what = f"feedd run is {version}, this is {__version__}: it does not know what `feedd {name}` asks for"
    return Problem("other-version", what, "Restart it: `systemctl restart feedd`.", str(place))


def place_of_socket(file: Path) -> Path:
    """Where the daemon listens. A configuration that is wrong is told of only if that cannot be made out of it: what
    the daemon says of it is what is asked for. One that is not there has no daemon: its name is likely a slip, and
    who would answer beside it is another's.
    """
    from feedd.config import load as load_config
    from feedd.config import socket_in

    place = socket_in(file)
    try:
        return cast(Path, load_config(file).control.socket)  # which is filled in if it was absent
    except ConfigError:
        if place.is_socket() and file.exists():
            return place
    load(file, "the daemon was not asked. If it runs all the same, name its socket by --socket.")
    return place

"""Options that several commands have.

In: a command's function. Out: the function with the option. Imports nothing that a command might not need.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_SOCKET = click.Path(dir_okay=False, path_type=Path)
_FILE = click.Path(readable=False, path_type=Path)  # what is wrong with it is told by whoever reads it


def configured(command: Command) -> Command:
    """`--config`, as the argument `file`."""
    return click.option(
        "--config",
        "-c",
        "file",
        type=_FILE,
        default="feedd.toml",
        show_default=True,
        envvar="FEEDD_CONFIG",
        show_envvar=True,
        help="The configuration file.",
    )(command)


def socketed(command: Command) -> Command:
    """`--socket`, as the argument `socket`, for the commands that ask the daemon."""
    return click.option(
        "--socket",
        type=_SOCKET,
        envvar="FEEDD_SOCKET",
        show_envvar=True,
        help="The daemon's socket; else the configuration says where it is.",
    )(command)


def jsonable(command: Command) -> Command:
    """`--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)

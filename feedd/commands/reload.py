"""`feedd reload`: the daemon loads its configuration anew."""

import sys
from pathlib import Path

import click

from feedd.commands.edges import ask
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import CONFIGURATION, FINE, PROBLEMS, say
from feedd.errors import Problem


@click.command(epilog="Example: feedd reload --config /etc/feedd/feedd.toml")
@configured
@socketed
@jsonable
def command(file: Path, socket: Path | None, as_json: bool) -> None:
    """Let the daemon load its configuration anew.

    Waits until it has. If the configuration is wrong, `feedd run` goes on with the one from before, and every problem
    is named; the exit code is 78. The program stays the one that was started: an upgrade takes a restart.
    """
    from feedd.status import ReloadReply

    answer = ask(file, socket, "reload", ReloadReply, as_json)
    if not as_json:
        click.echo(answer.text, nl=bool(answer.text))
        _compare(answer.version)
    sys.exit(FINE if answer.ok else CONFIGURATION if answer.refused else PROBLEMS)


def _compare(version: str) -> None:
    """Say so if the daemon is of another version than this, as after an upgrade. Old ones do not tell theirs."""
    from feedd import __version__

    if version not in {"", __version__}:
        what = f"feedd run is of version {version}, this is {__version__}"
        say(Problem("other-version", what, "Restart it: `systemctl restart feedd`.", severity="warning"))

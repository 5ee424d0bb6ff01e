"""`feedd reload`: the daemon loads its configuration anew."""

import sys
from pathlib import Path

import click

from feedd.commands.edges import ask
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import CONFIGURATION, FINE, PROBLEMS


@click.command(epilog="Example: feedd reload --config /etc/feedd/feedd.toml")
@configured
@socketed
@jsonable
def command(file: Path, socket: Path | None, as_json: bool) -> None:
    """Let the daemon load its configuration anew.

    Waits until it has. If the configuration is wrong, `feedd run` goes on with the one from before, and every problem
    is named; the exit code is 78.
    """
    from feedd.status import ReloadReply

    answer = ask(file, socket, "reload", ReloadReply, as_json)
    if answer.text and not as_json:
        click.echo(answer.text)
    sys.exit(FINE if answer.ok else CONFIGURATION if answer.refused else PROBLEMS)

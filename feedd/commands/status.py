"""`feedd status`: how the daemon is."""

import sys
from pathlib import Path

import click

from feedd.commands.edges import ask, now
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import FINE, PROBLEMS

_PATIENCE = 5.0  # seconds that the daemon has to tell its status


@click.command(epilog="Example: feedd status --json | jq .status.due")
@configured
@socketed
@jsonable
def command(file: Path, socket: Path | None, as_json: bool) -> None:
    """Say how the daemon is, what is public and what is wrong.

    Exits with 1 if `feedd run` does not run, is still starting, or does not do all that it should.
    """
    from feedd.status import StatusReply, text

    answer = ask(file, socket, "status", StatusReply, as_json, _PATIENCE)
    if answer.status and not as_json:
        click.echo("\n".join(text(answer.status, now())))
    sys.exit(FINE if answer.ok and answer.status and answer.status.fine else PROBLEMS)

"""`feedd approve`: what the guard withholds may leave."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import ask
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import FINE, PROBLEMS, many, serious

if TYPE_CHECKING:
    from feedd.status import ApproveReply


@click.command(epilog="Example: feedd approve --json | jq .left")
@configured
@socketed
@jsonable
def command(file: Path, socket: Path | None, as_json: bool) -> None:
    """Let the articles leave the feeds that the guard withholds.

    The guard keeps what would leave at once in large numbers, see [guard] in the configuration; `feedd status` says
    whether it does so.
    """
    from feedd.status import ApproveReply

    answer = ask(file, socket, "approve", ApproveReply, as_json)
    if not as_json:
        _say_approved(answer)
    sys.exit(FINE if answer.ok and not answer.withheld and not serious(answer.problems) else PROBLEMS)


def _say_approved(answer: "ApproveReply") -> None:
    if answer.left:
        click.echo(f"{many(answer.left, 'article')} left the feeds")
    if answer.withheld:
        click.echo(f"{many(answer.withheld, 'article')} still withheld")
    if answer.ok and not answer.left and not answer.withheld:
        click.echo("nothing is withheld")

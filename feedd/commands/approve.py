"""`feedd approve`: what the guard keeps in the feeds may leave."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.consent import seek
from feedd.commands.keeper import Keeper
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import SHOWN, many
from feedd.errors import printable

if TYPE_CHECKING:
    from feedd.status import ApproveReply, WithheldReply


@click.command(epilog="Example: feedd approve --yes")
@configured
@socketed
@jsonable
@click.option("--yes", is_flag=True, help="Let them leave without asking.")
def command(file: Path, socket: Path | None, as_json: bool, yes: bool) -> None:
    """Let the articles leave the feeds that the guard keeps there.

    The guard keeps what would leave at once in large numbers, see [guard] in the configuration. Each of these articles
    is listed, with the reason why it would leave; then you are asked, and exactly these leave. Works without `feedd
    run`, too. Exits with 1 if there are any, and they stay: without a terminal and without --yes nothing is done.
    """
    sys.exit(seek(_Approval(Keeper(file, socket, as_json)), yes, as_json))


class _Approval:
    """The wish that articles leave."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def find(self) -> "WithheldReply":
        return self._keeper.withheld()

    def count(self, listed: "WithheldReply") -> int:
        return listed.withheld

    def show(self, listed: "WithheldReply") -> None:
        if not listed.withheld:
            if listed.ok:
                click.echo("nothing is kept in the feeds by the guard")
            return
        are = "is" if listed.withheld == 1 else "are"
        click.echo(f"{many(listed.withheld, 'article')} would leave, and {are} kept in the feeds by the guard:")
        for one in listed.articles[:SHOWN]:
            click.echo(printable(f"  {one.path}: {one.title}  {one.id}"))
            click.echo(printable(f"      {one.why}; in {_feeds(one.feeds)}"))
        if listed.withheld > SHOWN:
            click.echo(f"  … and {listed.withheld - SHOWN} more: `feedd approve --json` names {len(listed.articles)}")

    def question(self, listed: "WithheldReply") -> str:
        return f"Let {many(listed.withheld, 'article')} leave the feeds?"

    def act(self, listed: "WithheldReply") -> "ApproveReply":
        return self._keeper.approve(listed.digest)

    def is_another(self, done: "ApproveReply") -> bool:
        return done.withheld > 0

    def tell(self, done: "ApproveReply") -> None:
        if done.withheld:
            click.echo(f"{many(done.withheld, 'article')} still kept in the feeds by the guard")
        elif done.ok or done.left:
            click.echo(f"{many(done.left, 'article')} left the feeds")


def _feeds(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "no feed by now"

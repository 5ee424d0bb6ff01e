"""`feedd prune`: what nothing asks for any more is removed for good."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.consent import seek
from feedd.commands.edges import now
from feedd.commands.keeper import Keeper
from feedd.commands.names import PRUNABLE
from feedd.commands.options import configured, jsonable, socketed
from feedd.commands.terminal import SHOWN, many
from feedd.errors import printable

if TYPE_CHECKING:
    from feedd.status import Prunable, PruneReply

_MOST_PATHS = 8  # of one feed


@click.command(
    short_help="Remove for good what nothing asks for any more.", epilog="Example: feedd prune topics/old-name"
)
@configured
@socketed
@jsonable
@click.argument("names", nargs=-1, type=PRUNABLE, metavar="[NAME]...")
@click.option("--yes", is_flag=True, help="Remove them without asking.")
def command(file: Path, socket: Path | None, as_json: bool, names: tuple[str, ...], yes: bool) -> None:
    """Remove feeds and documents for good that nothing asks for any more.

    A feed that was public once stays, empty, since people read it. This lists those that neither the configuration nor
    any article asks for, such as that of a topic which no article has any more, and what is left of formats that are
    not written any more, such as .rss; then you are asked, and exactly these documents are removed. Whoever asks for
    them is told that they are gone (410). NAME is a feed, one of its documents, or such a format; without any, all is
    meant. Works without `feedd run`, too. Exits with 1 if there is something to remove, and it stays.
    """
    wanted = tuple(name.encode(errors="replace").decode() for name in names)  # what is no text is no feed
    sys.exit(seek(_Pruning(Keeper(file, socket, as_json), wanted), yes, as_json))


class _Pruning:
    """The wish that documents are removed."""

    def __init__(self, keeper: Keeper, names: tuple[str, ...]) -> None:
        self._keeper, self._names = keeper, names

    def find(self) -> "PruneReply":
        return self._keeper.prune(self._names)

    def count(self, listed: "PruneReply") -> int:
        return listed.total

    def show(self, listed: "PruneReply") -> None:
        if not listed.total:
            if listed.ok:
                click.echo("there is nothing to remove: everything is asked for")
            return
        moment = now()
        for one in listed.found[:SHOWN]:
            _show(one, moment)
        if listed.total > SHOWN:
            click.echo(f"… and {listed.total - SHOWN} more: `feedd prune --json` names {len(listed.found)}")

    def question(self, listed: "PruneReply") -> str:
        count = sum(len(one.documents) for one in listed.found)
        more = "more than " if listed.total > len(listed.found) else ""
        return f"Remove {more}{many(count, 'document')} for good?"

    def act(self, listed: "PruneReply") -> "PruneReply":
        return self._keeper.prune(self._names, listed.digest)

    def is_another(self, done: "PruneReply") -> bool:
        return bool(done.digest)

    def tell(self, done: "PruneReply") -> None:
        if done.removed or done.ok:
            click.echo(f"{many(done.removed, 'document')} removed for good")


def _show(one: "Prunable", moment: int) -> None:
    from feedd.feeds.select import readable
    from feedd.status import relative

    since = "" if one.since is None else f"; empty since {readable(one.since)} ({relative(one.since, moment)})"
    click.echo(printable(f"{one.name}: {one.why}{since}"))
    more = f" and {len(one.documents) - _MOST_PATHS} more" if len(one.documents) > _MOST_PATHS else ""
    click.echo(printable(f"    {', '.join(one.documents[:_MOST_PATHS]) or 'no documents'}{more}"))

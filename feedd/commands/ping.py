"""`feedd ping`: hubs are told what `feedd build --no-ping` left."""

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import alone, load
from feedd.commands.hubs import tell
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import FINE, PROBLEMS, many, print_json, say_problems

if TYPE_CHECKING:
    from feedd.state.pings import Pings

_BY_ITSELF = "If it is `feedd run`, it tells hubs by itself: `feedd status` says how it stands with each. Else wait."


@click.command(short_help="Tell hubs of what changed.", epilog="Example: feedd ping --config /etc/feedd/feedd.toml")
@configured
@jsonable
def command(file: Path, as_json: bool) -> None:
    """Tell hubs of the documents that changed since they were told.

    `run` and `build` do so by themselves. This is for feeds that are copied elsewhere after `build --no-ping`: a hub
    fetches at once what it is told of, so it must be there. Exits with 1 if a hub could not be told.
    """
    from feedd.state.database import open_database
    from feedd.state.pings import Pings

    config = load(file)
    with ExitStack() as stack:
        alone(config, stack, as_json, _BY_ITSELF)
        database = stack.enter_context(closing(open_database(config.state.path)))
        pings = Pings(database)
        due = _notifications(pings)
        problems = [*database.problems, *tell(pings, config)]
        left = _notifications(pings)
    if as_json:
        print_json({"due": due, "left": left, "problems": problems})
    else:
        say_problems(problems, len(problems))
        click.echo(f"hubs: {many(due, 'notification')}, {left} of them left" if due else "hubs: nothing to tell")
    sys.exit(PROBLEMS if problems else FINE)


def _notifications(pings: "Pings") -> int:
    """How many documents hubs are yet to be told of, counted for each hub."""
    return sum(one.count for one in pings.waiting())

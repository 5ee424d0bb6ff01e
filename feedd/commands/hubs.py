"""Hubs, as commands tell them: those of the configuration, at once, for half a minute at the most.

In: which hub is yet to be told of which document. Out: what could not be told, as problems; the state keeps it. Says
nothing.
"""

from typing import TYPE_CHECKING

from feedd.commands.terminal import many
from feedd.errors import FeeddError, Problem

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.state.pings import Pings, Trouble, Waiting

_TELLING = 30.0  # seconds that hubs have at the most, before they are left to the next time


def tell(pings: "Pings", config: "Config") -> list[Problem]:
    """Tell hubs what they are to be told; what they did not take, as warnings. The ledger keeps that."""
    try:
        with pings.transaction():
            if not pings.any():
                return []
        from feedd.service.courier import deliver

        problems = deliver(pings, config.websub.hubs, config.site.feeds_url, _TELLING)
        with pings.transaction():
            troubles, waiting = pings.troubles(), pings.waiting()
        return [*problems, *(_untold(one, troubles.get(one.hub)) for one in waiting)]
    except FeeddError as error:
        return [error.problem]


def _untold(waiting: "Waiting", trouble: "Trouble | None") -> Problem:
    why = f": {trouble.error}" if trouble else " yet: it is slow"
    what = f"{waiting.hub} could not be told of {many(waiting.count, 'document')}{why}"
    remedy = "The next `feedd build` or `feedd ping` tells it."
    return Problem("hub-untold", what, remedy, field="websub.hubs", severity="warning")

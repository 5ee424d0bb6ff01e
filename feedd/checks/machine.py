"""Machine: what feedd needs of the system beside directories.

In: the configuration, the moment, and the machine. Out: problems. Asks, and changes nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import feedd
from feedd.checks.world import Watches, World
from feedd.config import Config
from feedd.errors import Problem
from feedd.feeds.select import readable

_EARLY = 86400  # seconds by which files of other machines may be newer


def inotify(config: Config, folders: int, watches: Watches | None, running: bool) -> Iterator[Problem]:
    """Whether so many folders can be watched. What a daemon that runs uses of the limits it has already."""
    if watches is None or config.watch.mode == "poll":
        return
    used, instances = (0, 0) if running else (watches.used, watches.used_instances)
    needed = folders + len(config.taxonomy.topics) + len(config.taxonomy.providers) + 1
    if needed + used > watches.most:
        yield _limit("watches", watches.most, f"{needed} directories are to be watched", used, needed + used)
    elif instances >= watches.most_instances:
        yield _limit("instances", watches.most_instances, "one is needed", instances, instances + 1)


def _limit(name: str, most: int, needed: str, used: int, least: int) -> Problem:
    key = f"fs.inotify.max_user_{name}"
    what = f"{key} is {most}, but {needed}{f', and {used} are in use' if used else ''}"
    remedy = f"Run `sysctl {key}={max(2 * least, 1024)}`; until then feedd looks at everything every so often."
    return Problem("watch-limit", what, remedy, field="watch.mode", severity="warning")


def clock(now: int, file: Path, world: World) -> Iterator[Problem]:
    """Whether the clock can be right: embargoes end by it."""
    newest = max(world.changed(file), world.changed(Path(feedd.__file__)))
    if now + _EARLY < newest:
        what = f"the clock says {readable(now)}, but a file was changed at {readable(newest)}"
        yield Problem("wrong-clock", what, "Set the clock: embargoes and expiry go by it.")
    elif world.clock_is_set() is False:
        what = "nothing keeps the clock right, as the kernel tells"
        remedy = "Let a time service run, such as systemd-timesyncd: embargoes and expiry go by the clock."
        yield Problem("wrong-clock", what, remedy, severity="warning")


def ports(config: Config, world: World) -> Iterator[Problem]:
    """Addresses that the daemon, which does not run, could not listen at."""
    for name, address in (("server.listen", config.server.listen), ("monitoring.listen", config.monitoring.listen)):
        if address and ":" in address and "/" not in address and (why := world.refusal(address)):
            what = f"nobody could listen at {address} now: {why}"
            yield Problem("address-taken", what, "Stop what listens there, or name another address.", field=name)

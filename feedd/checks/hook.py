"""Hook: whether the command of `[hooks]` could be started.

In: the configuration, its file, who is to start it, and where programs are looked for. Out: an error at its key where
there is no such program, or none that may be executed. Starts nothing.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from feedd.checks.places import can
from feedd.checks.world import Who
from feedd.config import Config, noted
from feedd.errors import Problem

_EXECUTE = 1  # as a bit for os.access
_ANYBODY = 0o111


def startable(config: Config, file: Path, who: Who | None, search: str) -> Iterator[Problem]:
    """What keeps a user, or if None the one who asks, from starting the command. `search` is the user's PATH."""
    if not config.hooks.command:
        return
    name = config.hooks.command[0]
    places = [Path(name)] if "/" in name else [Path(folder, name) for folder in search.split(os.pathsep) if folder]
    if any(_starts(place, who) for place in places):
        return
    user = f"the user {who.name}" if who else "this user"
    there = next((place for place in places if os.path.lexists(place)), None)
    if there:
        what = f"{there} is not a program that {user} may run"
        remedy = f"Run `chmod +x {there}`, or name the full path of another."
    else:
        what = f"there is no program {name}{'' if '/' in name else ' on PATH'}"
        remedy = "Install it, or name its full path."
    yield replace(noted(file, "hook-missing", ("hooks", "command"), what, remedy), severity="error")


def _starts(place: Path, who: Who | None) -> bool:
    """Whether a user may execute a file; so it is if who asks may not even look there, but another may."""
    try:
        mode = place.stat().st_mode
    except PermissionError:
        return who is not None
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & _ANYBODY) and can(place, _EXECUTE, who)

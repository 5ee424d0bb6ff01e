"""Places: the directories that feedd writes in and reads, as they are on the disk.

In: the configuration, who is to work there, and the machine. Out: problems. Reads heads of files in the output
directory, and the state as a copy; writes nothing. Permissions of others than the one who asks are told by the bits of
the mode: who has access lists is believed.
"""

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from feedd.checks.articles import Survey
from feedd.checks.world import Who, World
from feedd.config import Config
from feedd.content.source import Tree
from feedd.errors import Problem
from feedd.feeds.manifest import FOLDERS, PROVIDERS, TOPICS
from feedd.publish.directory import OBSTRUCTS, PAGE, Directory, in_the_way
from feedd.service.watcher import remote_mounts
from feedd.state.database import FILE, RESTORE, open_copy

_LEAST_ROOM = 100 << 20  # bytes
_LEAST_FILES = 1000
_OTHERS = 0o007
_READ, _WRITE, _ENTER = 4, 2, 1  # bits of a mode, as for os.access
_ACCESS_LIST = "system.posix_acl_access"


def directories(config: Config, world: World, who: Who | None) -> Iterator[Problem]:
    """What keeps a user, or if None the one who asks, from writing, and what soon will."""
    told: set[int] = set()
    for name, place in (("output.path", config.output.path), ("state.path", config.state.path)):
        below = [place / folder for folder in FOLDERS] if name == "output.path" else [place, place / FILE]
        refused = _refusing(place, below, who)
        if refused:
            user = f"the user {who.name}" if who else "this user"
            what = f"{refused} is not a directory that {user} can write in"
            remedy = "Mend its permissions, or name another."
            if refused.is_file() and refused == place / FILE:
                what = f"{refused} is not a file that {user} can write"
            elif not refused.is_dir():
                what, remedy = f"{refused} is no directory", "Remove or rename the file, or name another directory."
            yield Problem("not-writable", what, remedy, str(place), field=name)
        else:
            yield from _room(place, name, world, told)


def _refusing(place: Path, below: Iterable[Path], who: Who | None) -> Path | None:
    """What of a directory, and of what is in it, cannot be written; of what is not there, the nearest above it."""
    nearest = _nearest(place)
    if not nearest.is_dir() or not can(nearest, _WRITE | _ENTER, who):
        return nearest
    inside = (path for path in below if path != place and _is_there(path))
    return next((path for path in inside if not can(path, _WRITE | _ENTER * path.is_dir(), who)), None)


def can(path: Path, what: int, who: Who | None) -> bool:
    """Whether a user may do something with a path: `what` are bits as in a mode. True where that cannot be told."""
    if who is None:
        return os.access(path, what, effective_ids=True)
    reached = all(_permits(folder, _ENTER, who) for folder in path.parents)
    return reached and _permits(path, what, who)


def _permits(path: Path, what: int, who: Who) -> bool:
    with suppress(OSError):
        found = path.stat()
        if who.uid == 0 or _ACCESS_LIST in os.listxattr(path):
            return True
        shift = 6 if found.st_uid == who.uid else 3 if found.st_gid in who.gids else 0
        return (found.st_mode >> shift) & what == what
    return True


def _nearest(place: Path) -> Path:
    """What is there of a path, or of those above it."""
    return next((folder for folder in (place, *place.parents) if _is_there(folder)), Path("/"))


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a folder may not be entered


def _room(place: Path, name: str, world: World, told: set[int]) -> Iterator[Problem]:
    """Whether there is room; `told` are the file systems that were asked about."""
    nearest = _nearest(place)
    device = nearest.stat().st_dev
    room = None if device in told else world.room(nearest)
    told.add(device)
    left = ""
    if room and room.size < _LEAST_ROOM:
        left = f"{room.size >> 20} MiB are free"
    elif room and room.files is not None and room.files < _LEAST_FILES:
        left = f"{room.files} more files fit"
    if left:
        what, remedy = f"only {left} in the file system of {nearest}", "Remove something, or name another place."
        yield Problem("low-space", what, remedy, str(place), field=name, severity="warning")


# The output directory


def obstacles(config: Config, survey: Survey) -> Iterator[Problem]:
    """What lies in the way of documents: files in the place of folders, and folders in theirs."""
    root = config.output.path
    if root.is_dir():
        found = (in_the_way(root, root / path) for path in sorted(_documents(config, survey)))
        for obstacle in dict.fromkeys(one for one in found if one):
            what, remedy = OBSTRUCTS[obstacle.is_dir()]
            yield Problem("not-writable", what, remedy, str(obstacle), field="output.path")


def foreign(config: Config, survey: Survey) -> Iterator[Problem]:
    """Files that somebody else put where feedd's own will be, and which it will replace."""
    directory = Directory(config.output.path)
    own, names = set(directory.find(())), _documents(config, survey)
    for folder in FOLDERS:
        with suppress(OSError), os.scandir(config.output.path / folder) as items:
            paths = [folder + item.name for item in items if item.is_file()]
            for path in sorted(paths):
                if path in names and path not in own:
                    what = "was not written by feedd, which will put its own in its place"
                    remedy = "Move it away, or let feedd write elsewhere."
                    place = str(config.output.path / path)
                    yield Problem("foreign-file", what, remedy, place, field="output.path", severity="warning")


def _documents(config: Config, survey: Survey) -> set[str]:
    """The paths of documents that there may be; archives left aside."""
    suffixes = [*config.output.formats, *([PAGE] if config.pages.enabled else [])]
    feeds = [feed.name for feed in config.feeds] + ["all"] * config.output.all
    feeds += [f"{TOPICS}{name}" for name in survey.topics.selected] if config.output.topics else []
    feeds += [f"{PROVIDERS}{name}" for name in survey.providers.selected] if config.output.providers else []
    lists = {"index.html", "feeds.opml"} if config.pages.enabled else set()
    return {f"{feed}.{suffix}" for feed in feeds for suffix in suffixes} | lists


def mounted_files(config: Config, world: World) -> Iterator[Problem]:
    """Files in the output directory that are mounted, as containers do: no new one can take their place."""
    points = (line.split(" ")[4].replace("\\040", " ") for line in world.mounts().splitlines() if line.count(" ") > 4)
    for point in map(Path, points):
        if point.is_relative_to(config.output.path) and point.is_file():
            what = "is mounted by itself, so feedd cannot put a new one in its place"
            yield Problem("mounted-file", what, "Mount its directory instead.", str(point), field="output.path")


# The state


def state(config: Config) -> Iterator[Problem]:
    """Whether others can read what is not public, and whether the database can be used."""
    place = config.state.path
    with suppress(OSError):
        found = place.stat().st_mode
        if stat.S_ISDIR(found) and found & _OTHERS:
            what = f"is open to everybody (mode {stat.S_IMODE(found):03o}), and knows what is not public"
            remedy = f"Run `chmod o= {place}`."
            yield Problem("state-open", what, remedy, str(place), field="state.path", severity="warning")
    if _is_there(place / FILE):
        yield from _database(place)


def _database(folder: Path) -> Iterator[Problem]:
    file = str(folder / FILE)
    with closing(open_copy(folder)) as copy:
        if copy.unread:
            yield copy.unread
            return
        try:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        what = f"is damaged: {' '.join(found.split())}"
        yield Problem("state-damaged", what, RESTORE, file, field="state.path")


# Content


def unreadable(config: Config, tree: Tree, paths: Iterable[str], who: Who) -> Iterator[Problem]:
    """Files that a user cannot read, in one problem: most likely there is one reason."""
    folders: dict[Path, bool] = {}
    found = [path for path in paths if not _readable(Path(tree.root, path), who, folders)]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        what = f"{found[0]}{more} cannot be read by the user {who.name}"
        remedy = f"Let {who.name} read all that is below it, for instance by its group."
        yield Problem("unreadable-by-service", what, remedy, str(config.content.path), field="content.path")


def _readable(path: Path, who: Who, folders: dict[Path, bool]) -> bool:
    folder = path.parent
    if folder not in folders:
        folders[folder] = can(folder, _READ | _ENTER, who)
    return folders[folder] and _permits(path, _READ, who)


# Mounts


def remote(config: Config, world: World) -> Iterator[Problem]:
    """Directories that lie on other machines."""
    table = world.mounts()
    for point, kind in remote_mounts(config.content.path, table) if config.watch.mode == "auto" else ():
        what = f"{point} is mounted from elsewhere ({kind}), so feedd looks at everything every {config.watch.poll:g} s"
        remedy = 'Set watch.mode = "poll", which says the same in peace.'
        place = str(config.content.path)
        yield Problem("network-mount", what, remedy, place, field="content.path", severity="suggestion")
    for point, kind in remote_mounts(config.state.path, table):
        what = f"{point} is mounted from elsewhere ({kind}), where SQLite's log is not safe"
        place, remedy = str(config.state.path), "Name a place on this machine."
        yield Problem("network-mount", what, remedy, place, field="state.path", severity="warning")
    for point, kind in remote_mounts(config.output.path, table):
        what = f"{point} is mounted from elsewhere ({kind}): a feedd of another machine may write there, too"
        place, remedy = str(config.output.path), "Let one machine alone write there."
        yield Problem("network-mount", what, remedy, place, field="output.path", severity="suggestion")

"""Watcher: what changes on disk becomes hints in the inbox.

In: where content, taxonomy and configuration lie. Out: paths to look at; a scan where no path can be named: after an
overflow, for a directory that is another one now, for taxonomy; a reload for the configuration. Where the system tells
nothing (limits, network mounts), a scan every so often. Reads no file, and does not ask what a change means.

The promise: a path, or a folder above it, is hinted after its change can be seen, or a scan is asked for. Directories
are watched first and hinted then, and one that was moved is watched anew from where it is now. For that, watchdog's
instance of inotify is used without watchdog's observers: these hold whatever follows a move out of the tree back for
half a second, leave directories out for which there is no watch, and can lose sight of some that are moved in haste.

Nothing tells of a change that is made through another name of a file: a hard link, or what a symbolic link leads to.
That is found by a scan.
"""

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Literal, Protocol, cast

from feedd.errors import Problem
from feedd.service.inbox import Inbox

RETRY = 300.0
"""Seconds after which watching is tried again where it failed."""

# <sys/inotify.h>, explained in inotify(7)
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_MOVE_SELF, _OVERFLOW, _ISDIR = 0x800, 0x4000, 0x40000000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x01000000, 0x02000000, 0x04000000

_COMES, _GOES = _CREATE | _MOVED_TO, _DELETE | _MOVED_FROM
_WANTED = _MODIFY | _ATTRIB | _CLOSE_WRITE | _COMES | _GOES | _MOVE_SELF | _ONLYDIR | _DONT_FOLLOW | _EXCL_UNLINK
"""What is asked of the system, for every directory: reading, as feedd does, is not in it. One mask for all, since a
directory that is watched for two reasons has one watch."""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""Errors of a directory that is none any more. What is in its place now is told by the folder above."""

_REMOTE = re.compile(
    r"nfs4?|cifs|smb3|smbfs|9p|virtiofs|ceph|glusterfs|lustre|beegfs|gpfs|gfs2|ocfs2|orangefs|afs|coda|ncpfs"
    r"|vboxsf|prl_fs|drvfs|fuse|fuse\.(?!fuse-overlayfs$).+"
)
"""Types of file systems that others change without this system's knowledge."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What is watched: the content directory, the configuration file if it is, directories or files of the taxonomy
    (and of templates, which matter likewise).
    """

    content: Path
    configuration: Path | None = None
    taxonomy: tuple[Path, ...] = ()


class Event(Protocol):
    """One event, as in inotify(7)."""

    @property
    def mask(self) -> int:
        """What happened."""
        ...

    @property
    def name(self) -> bytes:
        """To what in the directory; empty for the directory itself."""
        ...


class Callback(Protocol):
    """Who watches a directory."""

    def on_event(self, event: Event) -> None:
        """Something happened in it."""
        ...

    def on_watch_deleted(self, wd: int) -> None:
        """It is watched no more, as it was removed or unmounted."""
        ...


class Inotify(Protocol):
    """What is used of watchdog's `InotifyFD`, an instance of inotify."""

    def add_callback(self, path: bytes, mask: int, callback: Callback, id_: int) -> int:
        """Watch a directory; the watch's number, -1 without permission. Raises OSError."""
        ...

    def remove_callbacks(self, callbacks: list[tuple[int, int]]) -> None:
        """Let these ids watch these watches no more."""
        ...

    def read_events(self) -> list[Event]:
        """Wait for events; none once it is closed."""
        ...

    def handle_event(self, event: Event) -> None:
        """Call back those whom it concerns."""
        ...

    def close(self) -> None:
        """Watch nothing any more."""
        ...


def open_inotify() -> Inotify:
    """An instance of inotify. Raises OSError where there is none to be had."""
    from watchdog.observers.inotify_c import InotifyFD

    return cast("Inotify", InotifyFD())


def read_mounts() -> str:
    """What is mounted where, as in proc_pid_mountinfo(5); empty if that is not to be had."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return ""


def _nothing(_: str) -> bool:
    return False


class Watcher:
    """`poll` in seconds, of `monotonic`. `skip` tells folders, by their paths, that hold no content at any depth.

    `check` is to be called every other second, and whenever the inbox woke without news. One thread calls all that is
    here; events are heard by another, which only posts.
    """

    def __init__(
        self,
        targets: Targets,
        inbox: Inbox,
        *,
        mode: Literal["auto", "poll"] = "auto",
        poll: float = 10.0,
        skip: Callable[[str], bool] = _nothing,
        monotonic: Callable[[], float] = time.monotonic,
        inotify: Callable[[], Inotify] = open_inotify,
        mounts: Callable[[], str] = read_mounts,
    ) -> None:
        self.targets, self.mode, self.poll = targets, mode, poll
        self.problems: tuple[Problem, ...] = ()
        self._inbox, self._skip = inbox, skip
        self._monotonic, self._inotify, self._mounts = monotonic, inotify, mounts
        self._configuration = _Configuration(targets.configuration, inbox)
        self._surroundings = _surroundings(targets, "")
        self._ear: _Ear | None = None
        self._next_poll = self._next_try = 0.0

    @property
    def kind(self) -> Literal["inotify", "polling"]:
        """How changes are learned of."""
        return "inotify" if self._ear else "polling"

    def start(self) -> None:
        """Watch from now on. Whoever calls scans afterwards: what was before is not told."""
        self._close_ear()
        self._surroundings = _surroundings(self.targets, self._mounts())
        remote = self._surroundings.remote()
        if self.mode == "poll":
            self._fall_back()
        elif remote:
            self._fall_back(self._remote(remote[0]))
        else:
            self._listen()

    def check(self) -> None:
        """See whether all that is to be watched still is, and do something about it. Never raises."""
        reason = self._reason()
        if reason:
            self.start()
            self._inbox.scan(reason)
        elif self._ear and self._ear.trouble:
            self._fall_back(self._failed(self._ear.trouble))
            self._inbox.scan("poll")
        elif not self._ear and self._monotonic() >= self._next_poll:
            self._next_poll = self._monotonic() + self.poll
            self._inbox.scan("poll")
        self._configuration.check()

    def close(self) -> None:
        """Watch no more, and end the thread."""
        self._close_ear()

    def _reason(self) -> str:
        """Why everything is to be watched anew; empty if it is not."""
        now = _surroundings(self.targets, self._mounts())
        if now != self._surroundings:
            return self._surroundings.difference(now)
        if self._ear:
            return self._ear.lost
        return "watcher" if self._next_try <= self._monotonic() else ""

    def _listen(self) -> None:
        try:
            self._ear = _Ear(_prime(self._inotify()), self._inbox)
            self._ear.arm(self._surroundings, self._skip, self._configuration)
            self._ear.start()
            self.problems = ()
        except Exception as error:  # noqa: BLE001 - whatever it is, looking at everything is still right
            self._fall_back(self._failed(error))

    def _fall_back(self, *problems: Problem) -> None:
        """Look at everything every so often; for ever if nothing else is wanted or possible."""
        self._close_ear()
        self.problems = problems
        now = self._monotonic()
        self._next_poll = now + self.poll
        fails = any(problem.kind != "network-mount" for problem in problems)
        self._next_try = now + RETRY if fails else float("inf")

    def _close_ear(self) -> None:
        ear, self._ear = self._ear, None
        if ear:
            ear.close()

    def _failed(self, error: Exception) -> Problem:
        again = f"feedd tries again every {RETRY / 60:g} minutes."
        limits = {errno.ENOSPC: ("watches", "1048576"), errno.EMFILE: ("instances", "1024")}
        limit = limits.get(error.errno or 0) if isinstance(error, OSError) else None
        if limit:
            key = f"fs.inotify.max_user_{limit[0]}"
            return self._problem("watch-limit", f"{key} is reached", f"Raise it: sysctl {key}={limit[1]}; {again}")
        why = f"files cannot be watched ({type(error).__name__}: {error})"
        return self._problem("watch-failed", why, f'Set watch.mode = "poll" to have it so; {again}')

    def _remote(self, mount: "_Mount") -> Problem:
        what = f"{mount.point} is mounted from elsewhere ({mount.type}), where changes by others are not told"
        return self._problem("network-mount", what, 'Set watch.mode = "poll" to have it so without this warning.')

    def _problem(self, kind: str, what: str, remedy: str) -> Problem:
        what = f"{what}, so everything is looked at every {self.poll:g} s instead"
        return Problem(kind, what, remedy, field="watch.mode", severity="warning")


def _prime(inotify: Inotify) -> Inotify:
    """Let it read one event. Until then watchdog (7.1) leaves its descriptors open when it is closed."""
    nobody = _Beside(_nothing_heard, _nothing_heard)
    try:
        watch = inotify.add_callback(b"/", _WANTED, nobody, id(nobody))
    except OSError:
        getattr(inotify, "_close_resources", inotify.close)()
        raise
    inotify.remove_callbacks([(watch, id(nobody))])
    if watch != -1:
        inotify.read_events()
    return inotify


def _nothing_heard(*_: object) -> None: ...


class _Ear(threading.Thread):
    """What one instance of inotify tells, from when it is armed until it is closed.

    Until it is started, the thread that arms it has it; from then on its own, but for `lost` and `trouble`, which are
    read by the loop: why everything is to be watched anew, and why a directory could not be watched.
    """

    def __init__(self, inotify: Inotify, inbox: Inbox) -> None:
        super().__init__(name="watcher", daemon=True)
        self.inotify, self.inbox = inotify, inbox
        self.hints: set[str] = set()
        self.scans: set[str] = set()
        self.lost = ""
        self.trouble: OSError | None = None

    def arm(self, places: "_Surroundings", skip: Callable[[str], bool], configuration: "_Configuration") -> None:
        """Watch what there is of the targets. Raises OSError."""
        if places.content:
            _Tree(self, places.content.path, skip).arm()
        for place in places.taxonomy:
            if place:
                self._arm_beside(place, self._taxonomy(place), "taxonomy")
        for place in places.configuration:
            if place:
                self._arm_beside(place, configuration.heard, "watcher")
        if self.trouble:
            raise self.trouble

    def _arm_beside(self, place: "_Place", heard: Callable[[Event], None], reason: str) -> None:
        self.watch(os.fsencode(place.path), _Beside(heard, lambda _: self.lose(reason)), reason)

    def _taxonomy(self, place: "_Place") -> Callable[[Event], None]:
        """A file that is still empty is not complete, nor is one that somebody writes to."""

        def heard(event: Event) -> None:
            ours = not place.file or place.file == event.name
            if ours and not event.name.startswith(b".") and event.mask & ~_MODIFY and not _begins(place, event):
                self.scans.add("taxonomy")

        return heard

    def watch(self, path: bytes, callback: Callback, reason: str = "") -> int:
        """Watch a directory; the number of its watch, -1 if it cannot be. With a reason to scan, it has to be."""
        try:
            return self._add(path, callback)
        except OSError as error:
            if error.errno not in _GONE and (reason or error.errno != errno.EACCES):
                self.trouble = error
            elif reason:
                self.lose(reason)
            return -1

    def _add(self, path: bytes, callback: Callback) -> int:
        watch = self.inotify.add_callback(path, _WANTED, callback, id(callback))
        if watch == -1:
            self.inotify.remove_callbacks([(watch, id(callback))])
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fsdecode(path))
        return watch

    def lose(self, reason: str) -> None:
        """Everything is to be watched anew: let the loop know."""
        self.lost = self.lost or reason
        self.inbox.wake()

    def run(self) -> None:
        """Hear, and post what was heard, until it is closed."""
        with suppress(Exception):  # whatever it is, listening anew and looking at everything is right
            while events := self.inotify.read_events():
                self._hear(events)
        self.lose("watcher")

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if event.mask & _OVERFLOW:
                self.lose("overflow")
            else:
                self.inotify.handle_event(event)
        if self.hints:
            self.inbox.hint(self.hints)
            self.hints = set()
        while self.scans:
            self.inbox.scan(self.scans.pop(), settled=True)

    def close(self) -> None:
        """Hear no more, and end the thread."""
        self.inotify.close()
        if self.ident is not None:
            self.join()


class _Beside:
    """A directory of which only the files in it are watched."""

    def __init__(self, heard: Callable[[Event], None], lost: Callable[[int], None]) -> None:
        self.on_event, self.on_watch_deleted = heard, lost


class _Tree:
    """The content directory: each folder in it that is not hidden has a watch."""

    def __init__(self, ear: _Ear, root: str, skip: Callable[[str], bool]) -> None:
        self.ear, self.root, self.skip = ear, os.fsencode(root).rstrip(b"/") + b"/", skip
        self.top = _Folder(self, "")

    def arm(self) -> None:
        """Watch all of it."""
        self._grow(self.top)

    def changed(self, folder: "_Folder", event: Event) -> None:
        """Something happened in a folder, or to it."""
        name = os.fsdecode(event.name)
        path = folder.path + name
        if not name:
            if folder is self.top:
                self.ear.hints.add("/")
        elif name.startswith("."):
            return
        elif not event.mask & _ISDIR:
            self.ear.hints.add(path)
        elif not self.skip(path):
            self._folder_changed(folder, name, event.mask)
            self.ear.hints.add(f"{path}/")

    def _folder_changed(self, above: "_Folder", name: str, mask: int) -> None:
        """Watch what is there now, if anything is. What was known of the name is of another time, or of elsewhere."""
        known = above.below.get(name)
        if known and (mask & (_COMES | _GOES) or known.watch == -1):
            self._forget(above.below.pop(name))
            known = None
        if not known and not mask & _GOES:
            above.below[name] = new = _Folder(self, f"{above.path}{name}/")
            self._grow(new)

    def _grow(self, folder: "_Folder") -> None:
        """Watch a folder and those below: each before it is listed, so that whatever comes later is told."""
        folders = [folder]
        while folders:
            folder = folders.pop()
            place = self.root + os.fsencode(folder.path)
            folder.watch = self.ear.watch(place, folder, "root" if folder is self.top else "")
            if self.ear.trouble:
                return
            if folder.watch != -1:
                names = (name for name in _folders(place) if not self.skip(folder.path + name))
                folder.below = {name: _Folder(self, f"{folder.path}{name}/") for name in names}
                folders += folder.below.values()

    def _forget(self, folder: "_Folder") -> None:
        folders = [folder]
        while folders:
            folder = folders.pop()
            folders += folder.below.values()
            if folder.watch != -1:
                self.ear.inotify.remove_callbacks([(folder.watch, id(folder))])


class _Folder:
    """A folder of the content directory, by its path, which ends in a slash; that of the directory itself is empty.

    One directory may be two folders for a moment, where it was moved and only one of its names was heard of: its
    events are then told for both, and the one that is no more goes when its turn has come.
    """

    __slots__ = ("below", "path", "tree", "watch")

    def __init__(self, tree: _Tree, path: str) -> None:
        self.tree, self.path, self.watch = tree, path, -1
        self.below: dict[str, _Folder] = {}

    def on_event(self, event: Event) -> None:
        """Something happened in it."""
        self.tree.changed(self, event)

    def on_watch_deleted(self, _: int) -> None:
        """It is no more."""
        self.watch = -1
        if self is self.tree.top:
            self.tree.ear.lose("root")


def _folders(place: bytes) -> Iterator[str]:
    with suppress(OSError), os.scandir(place) as items:
        for item in items:
            if not item.name.startswith(b".") and item.is_dir(follow_symlinks=False):
                yield os.fsdecode(item.name)


def _begins(place: "_Place", event: Event) -> bool:
    """Whether an event tells only that a file is about to be written."""
    if not event.mask & _CREATE:
        return False
    with suppress(OSError):
        status = os.lstat(os.path.join(os.fsencode(place.path), event.name))  # noqa: PTH118 - bytes
        return S_ISREG(status.st_mode) and not status.st_size
    return True


class _Configuration:
    """The configuration file, whose change is a reload, once it is whole.

    What is known of it is where it is found and its status: a symbolic link on the way to it may lead elsewhere. Events
    tell of a change when it is complete; looking now and then finds the rest, such as a link far away that was changed.
    """

    def __init__(self, path: Path | None, inbox: Inbox) -> None:
        self._path, self._inbox = path, inbox
        self._known = self._seen = self._look()

    def heard(self, event: Event) -> None:
        """Something happened beside it, or to it. While it is empty or gone it may be about to be written."""
        found = self._look() if event.mask & ~_MODIFY else None
        if found and found.size and found != self._known:
            self._changed(found)

    def check(self) -> None:
        """Reload what was found changed twice, and thus is not just being written."""
        before, found = self._seen, self._look()
        self._seen = found
        if found == before != self._known:
            self._changed(found)

    def _changed(self, found: "_Look | None") -> None:
        self._known = self._seen = found
        self._inbox.reload()

    def _look(self) -> "_Look | None":
        if self._path is None:
            return None
        with suppress(OSError):
            real, status = os.path.realpath(self._path), self._path.stat()
            times = status.st_mtime_ns, status.st_ctime_ns
            return _Look(real, status.st_dev, status.st_ino, status.st_size, times)
        return None


@dataclass(frozen=True, slots=True)
class _Look:
    """What tells one version of a file from another."""

    path: str
    device: int
    inode: int
    size: int
    times: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory as it is at a moment: its real path, and which it is. `file` is what counts in it, if not all."""

    path: str
    device: int
    inode: int
    file: bytes = b""


@dataclass(frozen=True, slots=True)
class _Mount:
    """Something that is mounted: its number, where it is, and its type of file system."""

    number: str
    point: str
    type: str


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Which directories the targets are, None for those that are not there, and the mounts that they are in."""

    content: _Place | None
    taxonomy: tuple[_Place | None, ...]
    configuration: tuple[_Place | None, ...]
    mounts: tuple[_Mount, ...]

    def remote(self) -> list[_Mount]:
        """The mounts whose changes are not told."""
        return [mount for mount in self.mounts if _REMOTE.fullmatch(mount.type)]

    def difference(self, now: "_Surroundings") -> str:
        """The reason for a scan, if this is how it was."""
        if self.content == now.content and self.taxonomy != now.taxonomy:
            return "taxonomy"
        return "root" if (self.content, self.mounts) != (now.content, now.mounts) else "watcher"


def _surroundings(targets: Targets, mounts: str) -> _Surroundings:
    content = _place(targets.content)
    content = None if content and content.file else content
    taxonomy = tuple(map(_place, targets.taxonomy))
    named = targets.configuration
    beside = {named.parent, Path(os.path.realpath(named)).parent} if named else ()
    there = tuple(place.path for place in (content, *taxonomy) if place)
    return _Surroundings(content, taxonomy, tuple(map(_place, sorted(beside))), _mounts(mounts, there))


def _place(path: Path) -> _Place | None:
    """The directory at a path; the one that holds it, for a file."""
    with suppress(OSError):
        real = os.path.realpath(path, strict=True)
        status, file = os.stat(real), b""  # noqa: PTH116 - every other second, for all
        if not S_ISDIR(status.st_mode):
            real, file = os.path.dirname(real), os.fsencode(os.path.basename(real))  # noqa: PTH119, PTH120
            status = os.stat(real)  # noqa: PTH116
        if os.access(real, os.R_OK | os.X_OK, effective_ids=True):
            return _Place(real, status.st_dev, status.st_ino, file)
    return None


@lru_cache(maxsize=1)
def _mounts(table: str, places: tuple[str, ...]) -> tuple[_Mount, ...]:
    """The mounts that hold these directories, or lie in them."""
    mounts = [_mount(line.split(" ")) for line in table.splitlines() if " - " in line]
    found: list[_Mount] = []
    for place in places:
        around = [mount for mount in mounts if _holds(mount.point, place)]
        found += [mount for mount in mounts if _holds(place, mount.point) and mount.point != place]
        found += sorted(around, key=lambda mount: len(mount.point))[-1:]
    return tuple(found)


def _mount(fields: list[str]) -> _Mount:
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
    return _Mount(fields[0], point, fields[fields.index("-") + 1])


def _holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def remote_mounts(path: Path, table: str) -> list[tuple[str, str]]:
    """What of a directory is mounted from elsewhere, by a table of mounts as `read_mounts` gives it: the mounts that
    hold it or lie in it, and their types.
    """
    mounts = _mounts(table, (os.path.realpath(path),))
    return [(mount.point, mount.type) for mount in mounts if _REMOTE.fullmatch(mount.type)]

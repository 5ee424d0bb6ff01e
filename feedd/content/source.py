"""Source: a directory of content becomes paths, stamps and bytes.

In: the content directory and the patterns of the configuration. Out: what changed since the stamps that are known. Does
not look into files (`article` does) and writes nothing. Paths are relative to the directory, with `/` between parts.
Symbolic links to files are read, links to directories are not followed: a loop would never end, and watchers do not
see through them. A file whose name is not UTF-8 is reported, since nothing could name it afterwards.
"""

import os
import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from msgspec import Struct

from feedd.content.elsewhere import PIECE, Copy, Listing, begun
from feedd.errors import Problem, SourceError

if TYPE_CHECKING:
    from feedd.config import Config

UNSETTLED = b""
"""The stamp of a file that is to be read again: it was written so lately that a later write could leave the same stamp,
or its status is not to be had.
"""

_GRAIN_NS = 20_000_000  # file systems count time in steps of up to 10 ms (Linux, 100 Hz)
_pack = struct.Struct("<qqqQ").pack


def stamp(status: os.stat_result) -> bytes:
    """32 bytes that change when a file does: mtime and ctime in ns, size in bytes, inode.

    ctime is in it because mtime can be set back: a file restored by a tool that keeps times is still seen.
    """
    return _pack(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino & 0xFFFFFFFFFFFFFFFF)


class Changes(Struct, frozen=True):
    """What is different from the stamps that were known: new files, files to read again, and files that are gone.

    `total` counts the files that match now, None where only some paths were looked at.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    total: int | None = None
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.problems)


def pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """One expression for paths that match any of the globs: `**/` is any number of folders, `*` and `?` stay in one."""
    return re.compile("|".join(map(_glob, globs)) or r"(?!)", re.DOTALL)


def _glob(glob: str) -> str:
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", glob)
    meaning = {"**/": r"(?:[^/]+/)*", "/**": r"/.+", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return "(?:" + "".join(meaning.get(part, re.escape(part)) for part in parts) + r")\Z"


class Tree:
    """The articles' directory on disk.

    `heed` is called now and then during a scan, with the number of files that were seen: where each takes long to be
    looked at, as over a network, whoever waits for the scan must know that it goes on. `wanted` tells whether a path is
    content: matched by an include pattern, by no exclude pattern, and hidden nowhere.
    """

    def __init__(
        self,
        root: Path,
        include: Iterable[str],
        exclude: Iterable[str] = (),
        time_ns: Callable[[], int] = time.time_ns,
        heed: Callable[[int], object] = int,
    ) -> None:
        self.root = str(root)
        exclude = tuple(exclude)
        self._include, self._exclude = pattern(include), pattern(exclude)
        # Folders of which every file is excluded, and what files of others are.
        self._pruned = pattern(glob.removesuffix("/**") for glob in exclude if glob.endswith("/**"))
        single = pattern(glob for glob in exclude if not glob.endswith("/**"))
        self._listed = re.compile(f"(?!{single.pattern})(?:{self._include.pattern})", re.DOTALL)
        self._time_ns, self._heed = time_ns, heed

    def wanted(self, path: str) -> bool:
        """Whether a file at that path would be content."""
        return bool(
            self._include.match(path)
            and not self._exclude.match(path)
            and not path.startswith(".")
            and "/." not in path
        )

    def skips(self, folder: str) -> bool:
        """Whether all that is below a folder is left out by its place."""
        return bool(self._pruned.match(folder))

    def begun(self) -> AbstractContextManager[Copy | None]:
        """A look at everything that another process begins now, for a scan that comes later; None where it would not
        help. What changes after it is found by the next.
        """
        return begun(self._listing, self._stamps)

    def scan(self, known: Mapping[str, bytes], look: Copy | None = None) -> Changes:
        """Everything that differs from the known stamps, as of now or of a look that was begun. Raises SourceError
        where the directory cannot be listed, or goes meanwhile.
        """
        listing = look and look.listing()
        paths, problems = listing or self._listing()
        stamps = look.results(paths, self._stamps, self._heed) if look and listing else self._all_stamps(paths)
        found = {path: stamp for path, stamp in zip(paths, stamps, strict=True) if stamp is not None}
        if found == known and UNSETTLED not in found.values():  # as most scans end: told in a third of the time
            return Changes(total=len(found), problems=tuple(problems))
        different = sorted(path for path, stamp in found.items() if stamp != known.get(path) or not stamp)
        added = tuple(path for path in different if path not in known)
        changed = tuple(path for path in different if path in known)
        folders = tuple(f"{problem.file}/" for problem in problems if problem.kind == "unreadable-folder")
        gone = tuple(sorted(path for path in known.keys() - found.keys() if not path.startswith(folders)))
        if gone:
            self.assure()
        return Changes(added, changed, gone, len(found), tuple(problems))

    def holds(self, count: int) -> bool:
        """Whether there seem to be at least so many content files; quicker to tell than a scan."""
        with suppress(SourceError):
            return next(islice(self._paths([]), count - 1, None), None) is not None
        return False

    def files(self, folder: str) -> Iterator[str]:
        """Whatever has the name of a content file below a folder, whose path ends in a slash; nothing if it is gone."""
        parts = folder.split("/")[:-1]
        places = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if not any(place.rpartition("/")[2].startswith(".") or self.skips(place) for place in places):
            yield from self._paths([], folder)

    def look(self, paths: Iterable[str], known: Callable[[str], bytes | None]) -> Changes:
        """The same for some paths only, as hints name them. `known` gives the stamp of a path, None if there is none.

        Raises SourceError where the directory is gone, rather than to call its files removed.
        """
        added, changed, removed, problems = list[str](), list[str](), list[str](), list[Problem]()
        linked: dict[str, bool] = {"": False}
        for path in sorted(set(paths)):
            found = None
            if self.wanted(path) and not self._is_linked(path.rpartition("/")[0], linked):
                found = _stamp_at(f"{self.root}/{path}") if _can_be_named(path, problems) else None
            before = known(path)
            if found is None and before is not None:
                removed.append(path)
            elif found is not None and (found != before or not found):
                (added if before is None else changed).append(path)
        if removed:
            self.assure()
        return Changes(tuple(added), tuple(changed), tuple(removed), None, tuple(problems))

    def linked(self, path: str) -> str:
        """The symbolic link among the folders above a file, which is not followed; empty if there is none."""
        parts = path.split("/")
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return next((folder for folder in folders if os.path.islink(f"{self.root}/{folder}")), "")  # noqa: PTH114

    def assure(self) -> None:
        """Raise SourceError where the directory is gone: then none of its files was removed."""
        if not os.path.isdir(self.root):  # noqa: PTH112 - a hot path
            next(self._list("", []), None)  # which raises

    def _is_linked(self, folder: str, linked: dict[str, bool]) -> bool:
        """Whether a folder lies behind a symbolic link; `linked` remembers those that were asked about."""
        if folder not in linked:
            above = self._is_linked(folder.rpartition("/")[0], linked)
            linked[folder] = above or os.path.islink(f"{self.root}/{folder}")  # noqa: PTH114 - a hot path
        return linked[folder]

    def read(self, path: str, at_most: int) -> tuple[bytes, bytes] | None:
        """The stamp and the bytes of a file, one byte more than `at_most` where it is larger; None where it is gone.

        The stamp is taken before the bytes: a write in between shows as another stamp next time. Raises OSError for a
        file that is there and cannot be read.
        """
        try:
            # Without waiting for a writer, should somebody put a named pipe among the articles.
            file = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            status = os.fstat(file)
            return (
                (self._settled(status), _whole(file, status.st_size, at_most + 1)) if S_ISREG(status.st_mode) else None
            )
        finally:
            os.close(file)

    def _settled(self, status: os.stat_result) -> bytes:
        now, modified, changed = self._time_ns(), status.st_mtime_ns, status.st_ctime_ns
        lately = 0 <= now - modified < _GRAIN_NS or 0 <= now - changed < _GRAIN_NS
        return UNSETTLED if lately else stamp(status)

    def _listing(self) -> Listing:
        """The paths of what have the names of content files, and what is wrong with names and folders."""
        problems = list[Problem]()
        paths = list(self._paths(problems))
        if not "".join(paths).isascii():  # of all at once: each alone takes ten times as long
            paths = [path for path in paths if _can_be_named(path, problems)]
        return paths, problems

    def _all_stamps(self, paths: Sequence[str]) -> list[bytes | None]:
        stamps: list[bytes | None] = []
        for start in range(0, len(paths), PIECE):
            if start:
                self._heed(start)
            stamps += self._stamps(paths[start : start + PIECE])
        return stamps

    def _paths(self, problems: list[Problem], folder: str = "") -> Iterator[str]:
        """Whatever has the name of a content file below a folder, in no order."""
        folders = [folder]
        while folders:
            folder = folders.pop()
            for item in self._list(folder, problems):
                path = folder + item.name
                if item.name.startswith("."):
                    continue
                if item.is_dir(follow_symlinks=False):
                    if not self._pruned.match(path):
                        folders.append(f"{path}/")
                elif self._listed.match(path):
                    yield path

    def _stamps(self, paths: Sequence[str]) -> list[bytes | None]:
        """The stamp of each file as it is now; None where there is none."""
        with self._opened() as root:
            return [_stamp_at(path, root) for path in paths]

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The directory itself, from which the way to a file is shorter."""
        try:
            root = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield root
        finally:
            os.close(root)

    def _list(self, folder: str, problems: list[Problem]) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self.root}/{folder}") as items:
                yield from items
        except OSError as error:
            if not folder:
                raise self._unusable(error) from error
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                what = f"cannot be listed: {error.strerror or error}; what was known of it stays"
                problems.append(Problem("unreadable-folder", what, _REMEDY, shown(folder.rstrip("/"))))

    def _unusable(self, error: OSError) -> SourceError:
        what = f"cannot be listed: {error.strerror or error}"
        return SourceError(Problem("no-content", what, _REMEDY, self.root, field="content.path"))


def tree_of(config: "Config", heed: Callable[[int], object] = int) -> Tree:
    """The content directory as the configuration describes it; `heed` as in `Tree`."""
    return Tree(config.content.path, config.content.include, config.content.exclude, heed=heed)


_REMEDY = "Create it, mount it, or let feedd's user read it."


def _stamp_at(path: str, folder: int | None = None) -> bytes | None:
    """The stamp of a file as it is now, by its path in an open folder; None where there is none."""
    try:
        status = os.stat(path, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return UNSETTLED  # reading it will tell why
    return stamp(status) if S_ISREG(status.st_mode) else None


def _can_be_named(path: str, problems: list[Problem]) -> bool:
    """Whether a path is UTF-8, which a name need not be."""
    try:
        return path.isascii() or bool(path.encode())
    except UnicodeEncodeError:
        problems.append(Problem("bad-file-name", "the name is not UTF-8", "Rename the file.", shown(path)))
        return False


def shown(path: str) -> str:
    """A path as it can be printed, whatever bytes it holds."""
    return path.encode("utf-8", "backslashreplace").decode()


_PIECE = 65536


def _whole(file: int, size: int, at_most: int) -> bytes:
    """The bytes of a file, up to that many; `size` is how many it is likely to have.

    Asking for few is quick: whatever is asked for is allocated first (1 MiB: 30 µs, ten times as long as reading).
    """
    data = os.read(file, min(size + 1, at_most))
    if len(data) == size:
        return data
    while len(data) < at_most and (more := os.read(file, min(at_most - len(data), _PIECE))):
        data += more
    return data

"""Directory: documents as files below the output directory, each whole at every moment.

In: documents. Out: files, and what was done. A document is written beside its place, flushed, synced and renamed;
whoever reads meanwhile sees the old bytes or the new, never a part. A file that holds the same bytes already is not
touched. Does not decide what is published or removed, and removes nothing by itself but left-over temporary files.
"""

import errno
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from feedd.errors import Problem, PublishError
from feedd.feeds.archive import is_period
from feedd.feeds.entry import Document
from feedd.feeds.formats import FORMATS
from feedd.feeds.manifest import FOLDERS, NAME

_TEMPORARY = ".feedd-tmp"
_HEAD = 8192  # bytes of a document before its first entry, generously
_MARK = re.compile(
    rb'<generator[^>]*>feedd\b[^<]*</generator>|"_feedd":\{"generator":"feedd\b|<meta name="generator" content="feedd\b'
    rb"|<!-- Made by feedd -->"
)
PAGE = "html"
"""What pages end in."""


class Placed(Struct, frozen=True):
    """A document in its place: size in bytes, mtime in nanoseconds, and whether it had to be written."""

    size: int
    mtime: int
    written: bool


class Directory:
    """The output directory. Its folders are made when they are needed. `sync` makes what was written to an open file or
    folder outlast a power cut.
    """

    def __init__(self, root: Path, sync: Callable[[int], None] = os.fsync) -> None:
        self.root, self._sync = root, sync
        self._touched: set[str] = set()

    def put(self, document: Document) -> Placed:
        """Bring a document into its place, unless the same bytes lie there. Raises PublishError, the old file left."""
        place = self.root / document.path
        try:
            if self._holds(place, document.data):
                status = place.stat()
                return Placed(status.st_size, status.st_mtime_ns, False)
            return self._write(place, document.data)
        except OSError as error:
            raise PublishError(self._not_written(place, error)) from error

    def _not_written(self, place: Path, error: OSError) -> Problem:
        """Why a document is not in its place: the same for all those that one thing is in the way of."""
        obstacle = in_the_way(self.root, place)
        if obstacle is None:
            remedy = "Free space, or mend the place or its permissions; it is tried again at the next run."
            what = f"cannot be written: {error.strerror or error}"
            return Problem("not-written", what, remedy, str(place), field="output.path")
        what, remedy = OBSTRUCTS[obstacle == place]
        remedy = f"{remedy} It is tried again at the next run."
        return Problem("not-written", what, remedy, str(obstacle), field="output.path")

    def remove(self, path: str) -> None:
        """Take a document away, if it is there. Raises PublishError."""
        place = self.root / path
        try:
            self._remove(place)
        except OSError as error:
            remedy = "Mend the permissions, or remove it yourself; it is tried again at the next run."
            what = f"cannot be removed: {error.strerror or error}"
            raise PublishError(Problem("not-written", what, remedy, str(place), field="output.path")) from error

    def _remove(self, place: Path) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
            self._touched.add(str(place.parent))
        folder = place.parent
        with suppress(OSError):  # it is not empty, or is not there
            while folder != self.root:
                folder.rmdir()
                self._touched.discard(str(folder))
                folder = folder.parent
                self._touched.add(str(folder))

    def _holds(self, place: Path, data: bytes) -> bool:
        try:
            file = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            return False
        with os.fdopen(file, "rb", buffering=0) as old:
            return os.fstat(file).st_size == len(data) and old.read() == data

    def _write(self, place: Path, data: bytes) -> Placed:
        beside = f"{place.parent}/.{place.name}.{os.getpid()}{_TEMPORARY}"
        try:
            status = self._written(_created(beside, place.parent), data)
            os.replace(beside, place)  # noqa: PTH105 - a document has many steps, and pathlib doubles the time of each
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)  # noqa: PTH108 - likewise
            raise
        self._touched.add(str(place.parent))
        return Placed(status.st_size, status.st_mtime_ns, True)

    def _written(self, file: int, data: bytes) -> os.stat_result:
        """Write and close an open file, which is durable then."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            self._sync(file)
            return os.fstat(file)
        finally:
            os.close(file)

    @property
    def unsettled(self) -> bool:
        """Whether there are renames that may not outlast a power cut."""
        return bool(self._touched)

    def settle(self) -> None:
        """Make the renames durable: sync every folder that took a document since it was last synced. Raises OSError for
        the first that cannot be synced, when all others are.
        """
        failed = {folder: error for folder in sorted(self._touched) if (error := self._settle(folder))}
        self._touched = set(failed)
        for error in failed.values():
            raise error

    def _settle(self, folder: str) -> OSError | None:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._sync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            return error
        return None

    def lies(self, path: str, size: int, mtime: int) -> bool:
        """Whether the file at a path looks as it was left: same size, same mtime."""
        try:
            status = os.stat(f"{self.root}/{path}")  # noqa: PTH116 - thousands of them at every start
        except OSError:
            return False
        return status.st_size == size and status.st_mtime_ns == mtime

    def find(self, known: Container[str]) -> list[str]:
        """The paths of documents that feedd wrote here, as their heads say, and that are not known: those of a run that
        died before it could remember them, or of a state that was lost.
        """
        return [path for path in self._documents() if path not in known and self._is_own(path)]

    def _documents(self) -> Iterator[str]:
        """The paths of all files that may be feeds, pages or archives."""
        for folder in FOLDERS:
            folders, files = self._listed(folder)
            yield from (path for path in files if path.rpartition(".")[2] in _SUFFIXES)
            for inner in folders:
                if f"{inner}/" not in FOLDERS:
                    yield from (path for path in self._listed(f"{inner}/")[1] if _is_archive(path))

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        """The paths of the folders and of the files in a folder, but for hidden ones, in order."""
        folders: list[str] = []
        files: list[str] = []
        with suppress(OSError), os.scandir(self.root / folder) as items:
            for item in items:
                if not item.name.startswith("."):
                    (folders if item.is_dir(follow_symlinks=False) else files).append(folder + item.name)
        return sorted(folders), sorted(files)

    def _is_own(self, path: str) -> bool:
        with suppress(OSError), (self.root / path).open("rb") as file:
            return _MARK.search(file.read(_HEAD)) is not None
        return False

    def sweep(self, folders: Iterable[str]) -> None:
        """Remove temporary files that a killed process left in these folders (and in the output directory itself)."""
        for folder in {"", *folders}:
            with suppress(OSError):
                for left in list((self.root / folder).glob(f".*{_TEMPORARY}")):
                    with suppress(OSError):
                        left.unlink()


def in_the_way(root: Path, place: Path) -> Path | None:
    """What keeps a document from its place below a directory, whatever the permissions: a file where a folder must be,
    or a folder in the very place; None if nothing does.
    """
    folders = [folder for folder in place.parents if folder == root or root in folder.parents]
    blocked = next((folder for folder in reversed(folders) if os.path.lexists(folder) and not _is_folder(folder)), None)
    return blocked or (place if _is_folder(place) else None)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a folder may not be entered


OBSTRUCTS = (
    ("is no folder, so nothing can be written below it", "Remove or rename the file that is in the way."),
    ("is a folder, so the document of that name cannot be written", "Remove or rename the folder that is in the way."),
)
"""What to say of something that is in the way of a document, and the remedy: above its place, and in it."""

_SUFFIXES = {*FORMATS, PAGE, "opml"}


def _is_archive(path: str) -> bool:
    name, _, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix in FORMATS and is_period(name)


def _created(path: str, folder: Path) -> int:
    """A new file in a folder, which is made where it is not there, open for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # left over by a killed process that had the same number, as in containers
        os.unlink(path)  # noqa: PTH108 - as above
    return os.open(path, flags, 0o666)


class Rehearsal(Directory):
    """An output directory that is looked at but not written in. It notes what it was asked to do, against what lies
    there: `written` are the documents that would be, True for those that are there with other bytes, `removed` those
    that would be; `manifest` is what the directory would say of itself, None while nobody told. It is not tried whether
    the place can be written, only whether something else is in the way.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.written: dict[str, bool] = {}
        self.removed: set[str] = set()
        self.manifest: bytes | None = None

    def put(self, document: Document) -> Placed:
        """Note a document, unless the same bytes lie there; raises PublishError where something is in its way."""
        placed = super().put(document)
        self.removed.discard(document.path)
        self.written.pop(document.path, None)
        if placed.written:
            self.written[document.path] = os.path.lexists(self.root / document.path)
        if document.path == NAME:
            self.manifest = document.data
        return placed

    def remove(self, path: str) -> None:
        """Note that a document would be removed, if it is there. Raises PublishError as above."""
        super().remove(path)
        self.written.pop(path, None)
        if os.path.lexists(self.root / path):
            self.removed.add(path)

    def _write(self, place: Path, data: bytes) -> Placed:
        above = next((folder for folder in place.parents if os.path.lexists(folder)), place)
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return Placed(len(data), 0, True)

    def _remove(self, place: Path) -> None:
        if place.is_dir() and not place.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def sweep(self, folders: Iterable[str]) -> None:
        """Removes nothing."""

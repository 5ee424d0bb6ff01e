"""Resources: files below the output directory as they are served.

In: the directory, and paths below it that are open to all (`paths`). Out: for each its bytes, plain and packed, with
what HTTP says of them. Only regular files that really lie in the directory, under names that are open to all, whatever
symbolic links lead to them. Does not know who asks, keeps nothing, and tells nothing of what cannot be read but that it
is not there.
"""

import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import blake2b
from pathlib import Path

from feedd.feeds.manifest import NAME, Manifest, decode
from feedd.serve.paths import Kind, Map, is_open, kind_of
from feedd.service import log

MIB = 1 << 20
_CHUNK = 1 << 20  # bytes read at once of a file that is only looked through
_TRIES = 3  # for a file that is written while it is read, or a directory that is swapped
_ENTRY = 2048  # bytes that an entry takes beside its bodies, generously
_LARGEST_MANIFEST = 16 * MIB
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime in nanoseconds: what tells that a file is as it was."""


class NotThere(Exception):
    """Nothing is served at a path."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The bytes of a resource in one coding: none or `gzip`. `data` is None where they are read as they are sent. `tag`
    is a strong entity tag with its quotes (RFC 9110, section 8.8.3): other bytes have another one.
    """

    coding: bytes
    tag: bytes
    size: int
    data: bytes | None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Resource:
    """A file as it was at a moment. `modified` is when it became so, as HTTP writes it, and in seconds since the epoch:
    never later than when it was read. `packed` is there only if it is smaller. While the second lasts in which it
    became so, `modified_date` is empty: other bytes may follow with the same date, and who had asked in between would
    take them for these (RFC 9110, section 8.8.2.2).
    """

    path: str
    kind: Kind
    stamp: Stamp
    modified: int
    modified_date: bytes
    plain: Variant
    packed: Variant | None = None

    @property
    def held(self) -> int:
        """Bytes of memory that it takes, about."""
        return sum(len(one.data or b"") for one in (self.plain, self.packed) if one) + _ENTRY


class Board:
    """The manifest of a directory, read again when it changes."""

    def __init__(self, root: Path) -> None:
        self._file = f"{root}/{NAME}"
        self._stamp: Stamp | None = None
        self._map = Map.of(Manifest())

    def current(self) -> Map:
        """What the directory says of itself now; what it said last, where that cannot be read."""
        try:
            found = os.stat(self._file)  # noqa: PTH116 - for each request
        except OSError:
            if self._stamp is not None:
                self._stamp, self._map = None, Map.of(Manifest())
            return self._map
        if stamp_of(found) != self._stamp:
            self._stamp = stamp_of(found)
            self._look()
        return self._map

    def _look(self) -> None:
        try:
            with Path(self._file).open("rb") as file:
                data = file.read(_LARGEST_MANIFEST + 1)
            self._map = Map.of(decode(data))
        except (OSError, ValueError) as error:
            log.warning("manifest", file=self._file, what=str(error), remedy="What it said before is gone by.")


# Files


def read(root: Path, path: str, kind: Kind, clock: Callable[[], float], largest: int) -> Resource:
    """The resource at an open path, read again if it was written meanwhile; one of more than `largest` bytes is only
    looked through. Raises NotThere.
    """
    for last in range(_TRIES, 0, -1):
        with suppress(_Moved), opened(root, path, kind) as handle:
            resource = _described(path, kind, handle, int(clock()), largest)
            if stamp_of(os.fstat(handle)) == resource.stamp or last == 1:
                return resource
    raise NotThere


def _described(path: str, kind: Kind, handle: int, now: int, largest: int) -> Resource:
    found = os.fstat(handle)
    modified = min(int(found.st_mtime), now)
    date = formatdate(modified, usegmt=True).encode() if modified < now else b""
    if found.st_size > largest:
        return Resource(path, kind, stamp_of(found), modified, date, _looked_through(handle, found.st_size))
    plain, packed = _variants(b"".join(_chunks(handle)), kind)
    return Resource(path, kind, stamp_of(found), modified, date, plain, packed)


def reopened(root: Path, resource: Resource) -> int:
    """A handle from which the bytes of a resource can be read that are not in memory; close it. Raises NotThere if the
    file is another one by now.
    """
    with suppress(_Moved), opened(root, resource.path, resource.kind) as handle:
        if stamp_of(os.fstat(handle)) == resource.stamp:
            return os.dup(handle)
    raise NotThere


class _Moved(Exception):
    """What was opened does not lie where it was looked for."""


@contextmanager
def opened(root: Path, path: str, kind: Kind | None = None) -> Iterator[int]:
    """A handle of the regular file at an open path, which is of that kind or a usual one. Raises NotThere where there
    is none, or where what was opened lies elsewhere than it seems: the file itself is asked, so that no symbolic link
    can be swapped in between.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # which a pipe would wait without
    try:
        handle = os.open(root / path, flags)
    except (OSError, ValueError) as error:
        raise NotThere from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotThere
        _refuse_if_elsewhere(handle, root, kind)
        yield handle
    finally:
        os.close(handle)


def _refuse_if_elsewhere(handle: int, root: Path, kind: Kind | None) -> None:
    place = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115 - its text, not a path
    if os.fstat(handle).st_nlink == 0:  # renamed over since it was opened; asked last, since it may be at any moment
        place = place.removesuffix(" (deleted)")
    inside = os.path.realpath(root).rstrip("/") + "/"
    if not place.startswith(inside):
        raise _Moved
    real = place.removeprefix(inside)
    if not is_open(real) or not (kind_of(real) or (kind and real.endswith(f".{kind.suffix}"))):
        raise NotThere


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _chunks(handle: int) -> Iterator[bytes]:
    place = 0
    while data := os.pread(handle, _CHUNK, place):
        yield data
        place += len(data)


def _looked_through(handle: int, size: int) -> Variant:
    return Variant(b"", _tag(_chunks(handle)), size, None)


def _variants(data: bytes, kind: Kind) -> tuple[Variant, Variant | None]:
    plain = Variant(b"", _tag([data]), len(data), data)
    if not kind.packs:
        return plain, None
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)  # whose header holds no time: equal bytes stay equal
    packed = packer.compress(data) + packer.flush()
    return plain, Variant(b"gzip", _tag([packed]), len(packed), packed) if len(packed) < len(data) else None


def _tag(chunks: "Iterator[bytes] | list[bytes]") -> bytes:
    digest = blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(chunk)
    return f'"{digest.hexdigest()}"'.encode()

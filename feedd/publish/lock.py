"""Lock: one writer for each output directory.

In: the directory. Out: the lock, or a PublishError that names who holds it. The lock lies on the directory itself and
is the kernel's: it dies with its holder, and no file is ever left behind.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feedd.errors import Problem, PublishError

_LOCKS = Path("/proc/locks")


@contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Hold the lock of an output directory, which is made if it is not there.

    Raises PublishError where another process holds it, or where the directory cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        what, remedy = f"cannot be used: {error.strerror}", "Mend the place or its permissions."
        raise PublishError(Problem("not-writable", what, remedy, str(directory), field="output.path")) from error
    try:
        _take(handle, directory)
        yield
    finally:
        os.close(handle)


def _take(handle: int, directory: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        what = f"another feedd{_holder(os.fstat(handle).st_ino)} is writing here"
        remedy = "Wait until it has ended, or give each its own output.path."
        raise PublishError(Problem("locked", what, remedy, str(directory), field="output.path")) from error


def _holder(inode: int) -> str:
    """The process that holds a lock on an inode, as Linux tells; empty where it does not."""
    with suppress(OSError):
        for line in _LOCKS.read_text().splitlines():
            fields = line.split()
            if fields[1:2] == ["FLOCK"] and fields[5].rpartition(":")[2] == str(inode):
                return f", process {fields[4]},"
    return ""

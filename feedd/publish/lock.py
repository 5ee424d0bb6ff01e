"""Lock: one writer for each output directory.

In: the directory. Out: the lock, or a PublishError that names who holds it. The lock is the kernel's and dies with its
holder, so nothing is ever left locked; the file that carries it stays, hidden and empty but for a process number.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedd.errors import Problem, PublishError

_FILE = ".feedd.lock"


@contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Hold the lock of an output directory, which is made if it is not there.

    Raises PublishError where another process holds it, or where no file can be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = os.open(directory / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        what, remedy = f"cannot be written in: {error.strerror}", "Mend the place or its permissions."
        raise PublishError(Problem("not-writable", what, remedy, str(directory), field="output.path")) from error
    try:
        _take(file, directory)
        yield
    finally:
        os.close(file)


def _take(file: int, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
        what = f"another feedd, process {holder}, is writing here"
        remedy = "Wait until it has ended, or give each its own output.path."
        raise PublishError(Problem("locked", what, remedy, str(directory), field="output.path")) from error
    os.ftruncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())

"""Lock: one writer for each output directory.

In: the directory. Out: the lock, or a PublishError that names who holds it. The lock lies on the directory itself and
is the kernel's: it dies with its holder, and no file is ever left behind.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from feedd.config import STATE_MODE
from feedd.errors import Problem, PublishError

_LOCKS = Path("/proc/locks")


@contextmanager
def sole_writer(
    directory: Path, field: str = "output.path", mode: int = 0o777
) -> Iterator[Callable[[], bool]]:
    """Hold the lock of an output directory, which is made (with `mode`) if it is not there. Gives what tells whether
    that directory still lies at its path. `field` is the key of the configuration that names it: the state has one
    writer, too.

    Raises PublishError where another process holds it, or where the directory cannot be made.
    """
    try:
        directory.mkdir(mode, parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        what, remedy = f"cannot be used: {error.strerror}", "Mend the place or its permissions."
        if isinstance(error, FileExistsError | NotADirectoryError):
            remedy = "Remove or rename the file that is in the way, or name another directory."
        raise PublishError(Problem("not-writable", what, remedy, str(directory), field=field)) from error
    try:
        _take(handle, directory, field)
        yield partial(_lies, handle, directory)
    finally:
        os.close(handle)


@contextmanager
def sole_keeper(directory: Path) -> Iterator[None]:
    """Hold the lock of a state directory: two that remember in one place would tell the world two things. One that
    cannot be made is nobody's: whoever finds it so works from memory. Raises PublishError where another holds it.
    """
    with ExitStack() as lock:
        try:
            lock.enter_context(sole_writer(directory, "state.path", STATE_MODE))
        except PublishError as error:
            if error.problem.kind == "locked":
                raise
        yield


class Hold:
    """The lock of an output directory that is held for long, while other directories may take its place. Raises
    PublishError as above.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._lock = directory, ExitStack()
        self._lies = self._lock.enter_context(sole_writer(directory))

    def renew(self) -> bool:
        """Lock the directory that lies there now; False if it is the same. Raises PublishError, as above."""
        if self._lies():
            return False
        with ExitStack() as lock:
            self._lies = lock.enter_context(sole_writer(self._directory))
            self._lock.close()
            self._lock = lock.pop_all()
        return True

    def close(self) -> None:
        """Hold it no more."""
        self._lock.close()


def _lies(handle: int, directory: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), directory.stat())
    return False


def _take(handle: int, directory: Path, field: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        what = f"another feedd{_holder(os.fstat(handle).st_ino)} is writing here"
        remedy = f"If it is `feedd run`, it keeps the feeds up to date. Else wait, or give each its own {field}."
        raise PublishError(Problem("locked", what, remedy, str(directory), field=field)) from error


def _holder(inode: int) -> str:
    """The process that holds a lock on an inode, as Linux tells; empty where it does not."""
    with suppress(OSError):
        for line in _LOCKS.read_text().splitlines():
            fields = line.split()
            if fields[1:2] == ["FLOCK"] and fields[5].rpartition(":")[2] == str(inode):
                return f", process {fields[4]},"
    return ""

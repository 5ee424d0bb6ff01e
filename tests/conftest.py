"""What holds for every test: when the tests of a file are over, so are their threads; what is marked `alone` has none.

A thread that one file leaves behind changes what the tests of another see: what it holds stays open. Those of whoever
runs the tests, several at once perhaps, are there all the time; where there is one, no copy of the process is made
(`content/elsewhere.py`), so what is about such copies is tested in a process without any.
"""

import gc
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

PATIENCE = 2.0  # seconds in which a thread that was told to end does
FIRST = set(threading.enumerate())


def others() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in FIRST]


def ends_not(thread: threading.Thread) -> bool:
    """Whether a thread goes on; one of an executor that nobody knows any more ends when that is collected."""
    gc.collect()
    thread.join(PATIENCE)
    return thread.is_alive()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Fail the last test of a file if threads are left."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        left = [thread.name for thread in others() if ends_not(thread)]
        assert not left, f"the tests of {item.path.name} left threads behind: {', '.join(left)}"
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Where several processes run the tests, those of a file are one's, so that what they share is made once."""
    return LoadFileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test wrote travels between processes as UTF-8, which some tests take care not to write."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run what is marked `alone` in a copy of this process, which has no thread but the one that made it."""
    if not pyfuncitem.get_closest_marker("alone"):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    failure = in_a_copy(lambda: pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    assert not failure, failure
    return True


def in_a_copy(work: Callable[[], object]) -> str:
    """How some work failed, as text; empty if it did not."""
    said, tell = os.pipe()
    process = os.fork()
    if not process:
        try:
            work()
        except BaseException:  # noqa: BLE001 - it is told
            os.write(tell, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(0)
    os.close(tell)
    try:
        with os.fdopen(said, "rb") as end:
            return end.read().decode()
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)

"""What holds for every test: when the tests of a file are over, so are their threads.

A thread that one file leaves behind changes what the tests of another see: where there is one, no copy of the process
is made (`content/elsewhere.py`), and what it holds stays open.
"""

import gc
import threading
from collections.abc import Generator

import pytest

PATIENCE = 2.0  # seconds in which a thread that was told to end does


def others() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread is not threading.main_thread()]


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

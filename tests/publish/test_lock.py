"""The lock: one writer for each output directory, and nothing left of those that died."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feedd.errors import PublishError
from feedd.publish.lock import Hold, sole_keeper, sole_writer

HOLDER = """
import sys
from pathlib import Path
from feedd.publish.lock import sole_writer, sole_keeper
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with sole_writer(tmp_path), pytest.raises(PublishError) as raised, sole_writer(tmp_path):
        pass

    problem = raised.value.problem
    assert (problem.kind, problem.file, problem.field) == ("locked", str(tmp_path), "output.path")
    assert f"process {os.getpid()}" in problem.what


def test_lock_ends_with_the_with(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_writer(tmp_path):
            pass


def test_other_directory_has_its_own_lock(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "a"), sole_writer(tmp_path / "b"):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_directory_is_made_and_nothing_is_put_in_it(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "above" / "feeds"):
        assert list((tmp_path / "above" / "feeds").iterdir()) == []


def test_file_in_the_place_of_the_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("mine")
    with pytest.raises(PublishError) as raised, sole_writer(tmp_path / "feeds"):
        pass

    assert raised.value.problem.kind == "not-writable"


def test_lock_follows_to_the_directory_that_takes_the_place(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    hold = Hold(feeds)
    assert not hold.renew()
    feeds.rename(tmp_path / "former")
    assert hold.renew()
    assert not hold.renew()
    with sole_writer(tmp_path / "former"), pytest.raises(PublishError, match="another feedd"), sole_writer(feeds):
        pass
    hold.close()
    with sole_writer(feeds):
        pass


def test_lock_is_kept_while_no_other_is_to_be_had(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    hold = Hold(feeds)
    feeds.rename(tmp_path / "former")
    with sole_writer(feeds), pytest.raises(PublishError, match="another feedd"):
        hold.renew()
    feeds.rmdir()
    feeds.write_text("mine")
    with pytest.raises(PublishError, match="cannot be used"):
        hold.renew()
    with pytest.raises(PublishError, match="another feedd"), sole_writer(tmp_path / "former"):
        pass
    feeds.unlink()
    assert hold.renew()
    hold.close()


def test_lock_dies_with_its_holder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PublishError, match=f"process {holder.pid}"), sole_writer(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    with sole_writer(tmp_path):
        pass


def test_a_state_has_one_keeper(tmp_path: Path) -> None:
    state, says = tmp_path / "state", r"state\.path: another feedd, process \d+, is writing here"
    with sole_keeper(state):
        with pytest.raises(PublishError, match=says), sole_keeper(state):
            pass
        assert state.stat().st_mode & 0o777 == 0o750


def test_a_state_that_cannot_be_made_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with sole_keeper(tmp_path / "file" / "state"):
        assert not (tmp_path / "file" / "state").exists()

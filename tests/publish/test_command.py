"""A command is run to its end, whatever it does: real processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from feedd.publish.command import MOST_LETTERS, MOST_LINES, STOPPED, Execution, environment
from feedd.testing import eventually

NEVER = 1_000_000.0
PATIENCE = 20.0
"""Seconds within which a test is over."""


@dataclass
class Shell:
    """Runs scripts in a directory; `said` and `complained` are what they say. With each line that is said, a thousand
    seconds have passed.
    """

    directory: Path
    said: list[str] = field(default_factory=list)
    complained: list[str] = field(default_factory=list)

    def execution(self, *command: str, timeout: float = NEVER, grace: float = NEVER, **told: str) -> Execution:
        return Execution(
            command=command, directory=self.directory, environment=environment(os.environ, **told), timeout=timeout,
            say=lambda bad, line: (self.complained if bad else self.said).append(line),
            monotonic=lambda: 1000.0 * len(self.said), grace=grace,
        )  # fmt: skip

    def run(self, script: str, lines: Iterable[str] = (), **bounds: float) -> str:
        return self.execution("/bin/sh", "-c", script, **bounds).run(lines)

    def python(self, script: str, lines: Iterable[str] = (), **bounds: float) -> str:
        return self.execution(sys.executable, "-c", script, **bounds).run(lines)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell whose processes are killed when a test takes too long: what does not end by itself, as it should, would
    be waited for even after pytest has given up the test.
    """
    over, before = threading.Event(), descendants(os.getpid())

    def watch() -> None:
        while not over.wait(PATIENCE):
            for process in descendants(os.getpid()) - before:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    watching = threading.Thread(target=watch)
    watching.start()
    yield Shell(tmp_path)
    over.set()
    watching.join()


def descendants(process: int) -> set[int]:
    """The processes that one has started, and those that these have."""
    found = set[int]()
    with suppress(OSError):  # it has ended meanwhile
        for task in Path(f"/proc/{process}/task").iterdir():
            found |= set(map(int, (task / "children").read_text().split()))
    return found.union(*map(descendants, found))


def lives(process: int) -> bool:
    """Whether a process runs: one that has ended and that nobody has asked for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children() -> set[int]:
    """The processes that this one has started and not yet asked for, the dead ones included."""
    return set(map(int, Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()))


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


# What it is given


def test_a_command_reads_what_it_is_told_line_by_line(shell: Shell) -> None:
    assert shell.run("cat", ["all.atom", "topics/käse.json"]) == ""
    assert shell.said == ["all.atom", "topics/käse.json"]


def test_more_than_a_pipe_holds_gets_to_a_command(shell: Shell) -> None:
    assert shell.run("wc -l", (f"topics/{number:0100}.atom" for number in range(20_000))) == ""
    assert shell.said == ["20000"]


def test_a_command_works_in_the_directory_that_it_is_about(shell: Shell) -> None:
    shell.run("pwd")
    assert shell.said == [str(shell.directory.resolve())]


def test_a_command_gets_no_more_of_the_environment_than_it_needs() -> None:
    own = {"PATH": "/bin", "HOME": "/home/feedd", "LC_TIME": "C", "NOTIFY_SOCKET": "/run/x", "TOKEN": "secret"}
    own |= {"CREDENTIALS_DIRECTORY": "/run/credentials", "LISTEN_FDS": "2", "PYTHONPATH": "/x", "SSH_AUTH_SOCK": "/y"}
    told = {"PATH": "/bin", "HOME": "/home/feedd", "LC_TIME": "C", "LANG": "C.UTF-8", "FEEDD_OUTPUT": "/feeds"}
    assert environment(own, FEEDD_OUTPUT="/feeds") == told
    assert set(environment({})) == {"PATH", "LANG"}


def test_the_environment_is_what_a_command_sees(shell: Shell) -> None:
    execution = shell.execution("/usr/bin/env", FEEDD_OUTPUT="/feeds")
    assert execution.run(()) == ""
    assert sorted(shell.said) == sorted(f"{name}={value}" for name, value in execution.environment.items())


def test_a_command_inherits_no_open_file(shell: Shell) -> None:
    with Path("/dev/null").open() as file:
        os.set_inheritable(file.fileno(), True)
        shell.python("import os; print(*sorted(os.listdir('/proc/self/fd'))[:-1])")
    assert shell.said == ["0 1 2"]


def test_no_signal_is_blocked_or_ignored_in_a_command(shell: Shell) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
    try:
        shell.execution("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status").run(())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert [line.split()[1].strip("0") for line in shell.said] == ["", ""]


def test_arguments_are_no_shells(shell: Shell) -> None:
    execution = shell.execution("printf", "%s,", "$HOME; rm -rf", "two words", "", "*")
    assert execution.run(()) == ""
    assert shell.said == ["$HOME; rm -rf,two words,,*,"]


# How it ends


def test_a_command_that_does_not_read_is_fine(shell: Shell) -> None:
    assert shell.run("exec true", ["x" * 200] * 5000) == ""
    assert shell.run("exec <&-; exit 0", ["x" * 200] * 5000) == ""


def test_an_exit_code_is_why_a_command_failed(shell: Shell) -> None:
    assert shell.run("exit 3") == "ended with exit code 3"


def test_a_signal_is_why_a_command_failed(shell: Shell) -> None:
    assert shell.run("kill -SEGV $$") == "was ended by SIGSEGV"
    assert shell.run("kill -40 $$") == "was ended by signal 40"


def test_what_cannot_be_started_is_said(shell: Shell) -> None:
    plain, empty = shell.directory / "plain", shell.directory / "empty"
    plain.write_text("#!/nowhere/sh\n")
    empty.write_text("exit 0\n")
    assert "no such program that feedd's user may run" in shell.execution(str(plain)).run(())
    assert "no such program on PATH" in shell.execution("no-such-program-anywhere").run(())
    plain.chmod(0o755)
    empty.chmod(0o755)
    assert shell.execution(str(plain)).run(()) == "cannot be started: No such file or directory"
    assert shell.execution(str(empty)).run(()) == "cannot be started: Exec format error"


def test_a_directory_that_is_gone_is_said(shell: Shell) -> None:
    shell.directory /= "gone"
    assert shell.run("true") == "cannot be started: No such file or directory"


def test_a_command_that_closes_what_it_could_say_is_waited_for(shell: Shell) -> None:
    mark = shell.directory / "mark"
    assert shell.run(f"exec >&- 2>&-; read line; echo $line > {mark}; exit 4", ["all.atom"]) == "ended with exit code 4"
    assert mark.read_text() == "all.atom\n"


def test_no_process_and_no_open_file_is_left(shell: Shell) -> None:
    shell.run("true")
    before, had = open_files(), children()
    shell.run("cat", ["a"] * 10_000)
    shell.run("exit 1")
    shell.run("sleep 600 & echo; echo begun; sleep 600", timeout=500)
    shell.execution("no-such-program-anywhere").run(())
    assert (open_files(), children()) == (before, had)


# Whose time is over


def test_a_command_that_takes_too_long_is_killed_with_all_its_group(shell: Shell) -> None:
    script = "sleep 600 & echo $!; echo $$; wait"
    assert shell.run(script, timeout=1500) == "did not end within 1500 s, and was killed"
    assert len(shell.said) == 2
    eventually(lambda: not any(lives(int(process)) for process in shell.said))


def test_a_command_that_ignores_the_word_is_killed(shell: Shell) -> None:
    script = "trap 'echo told' TERM; echo $$; while :; do sleep 600 & wait; done"
    assert shell.run(script, timeout=500, grace=500) == "did not end within 500 s, and was killed"
    assert shell.said[1:] == ["told"]
    assert not lives(int(shell.said[0]))


def test_a_command_may_tidy_up_when_its_time_is_over(shell: Shell) -> None:
    mark = shell.directory / "mark"
    shell.run(f"trap 'echo tidy > {mark}; exit 0' TERM; echo begun; sleep 600 & wait", timeout=500)
    assert mark.read_text() == "tidy\n"


def test_a_command_can_be_ended_from_elsewhere(shell: Shell) -> None:
    execution = shell.execution("/bin/sh", "-c", "echo begun; exec sleep 600")
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(execution.run(())))
    thread.start()
    eventually(lambda: shell.said)
    execution.end()
    thread.join(2 * PATIENCE)
    execution.end()  # which is nothing any more
    assert ended == [STOPPED]


def test_a_command_that_is_ended_before_it_begins_does_nothing(shell: Shell) -> None:
    execution = shell.execution("sleep", "600")
    execution.end()
    assert execution.run(()) == STOPPED


# What it leaves behind


def test_a_daemon_that_a_command_leaves_behind_is_not_waited_for(shell: Shell) -> None:
    script = "setsid sleep 600 & echo $!; echo done"
    assert shell.run(script) == ""
    process = int(shell.said[0])
    try:
        assert shell.said[1:] == ["done"]
        assert lives(process)
    finally:
        os.kill(process, signal.SIGKILL)


def test_one_that_goes_on_to_talk_does_not_hold_up_the_end(shell: Shell) -> None:
    assert shell.run("yes >&1 & echo $! >&2; exit 0") == ""
    eventually(lambda: not lives(int(shell.complained[0])))  # nobody reads what it says, so SIGPIPE ends it


# What it says


def test_what_a_command_complains_of_is_told_apart(shell: Shell) -> None:
    shell.run("echo fine; echo bad >&2; printf 'no end'")
    assert (shell.said, shell.complained) == (["fine", "no end"], ["bad"])


def test_of_many_lines_the_first_are_passed_on(shell: Shell) -> None:
    shell.run("seq 1000")
    assert shell.said == [*map(str, range(1, MOST_LINES + 1)), f"… and {1000 - MOST_LINES} more lines"]


@pytest.mark.slow
def test_of_a_gigabyte_the_first_lines_are_passed_on(shell: Shell) -> None:
    assert shell.run("yes something to say | head -c 1000000000") == ""
    assert shell.said[:-1] == ["something to say"] * MOST_LINES
    assert shell.said[-1] == f"… and {1_000_000_000 // 17 - MOST_LINES + 1} more lines"


def test_a_line_without_end_is_cut_off(shell: Shell) -> None:
    assert shell.run("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo after") == ""
    assert shell.said == ["x" * MOST_LETTERS + "…", "after"]


def test_bytes_that_are_no_text_are_no_harm(shell: Shell) -> None:
    shell.run("printf '\\377\\376 \\303\\274 \\033[31mred\\n'")
    assert shell.said == ["�� ü \x1b[31mred"]


# When feedd dies


def test_a_command_dies_with_whoever_started_it(tmp_path: Path) -> None:
    script = f"""
import os, time
from pathlib import Path
from feedd.publish.command import Execution
Execution(
    command=("/bin/sh", "-c", "echo $$; exec sleep 600"), directory=Path("{tmp_path}"), environment={{"PATH": "/bin"}},
    timeout=600, say=lambda bad, line: print(line, flush=True), monotonic=time.monotonic,
).run(())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        assert lives(process)
        parent.kill()
    eventually(lambda: not lives(process))

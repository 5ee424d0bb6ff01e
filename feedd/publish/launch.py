"""Launch: the last steps of a new process before it becomes a command; a script: `launch.py FAILED PARENT PROGRAM …`.

In: a descriptor, the process id of feedd, a program's path, and its arguments from its name on. Out: that program in
place of this one; or, if there cannot be one, the number of the error in the descriptor, which else closes without a
word. In between it lets go of what feedd's own processes need and a stranger must not have: signals that are blocked or
ignored. Should feedd die, of whatever, the command is killed (prctl(2)). These steps cannot be taken in a copy of feedd
itself, which has other threads; the script imports next to nothing, to be quick.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main(failed: int, parent: int, program: str, arguments: list[str]) -> None:
    """Become the program."""
    os.set_inheritable(failed, False)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for one in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(one, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execv(program, arguments)  # noqa: S606 - the admin's own command, and no shell
    except OSError as error:
        os.write(failed, str(error.errno).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])

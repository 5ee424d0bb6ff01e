"""Live: a text on a terminal that is drawn again and again in its place; elsewhere, texts one after the other.

In: lines of plain text, and how long to wait between two of them. Out: the terminal's alternate screen, as it fits into
the window at that moment, and the former screen when it is over, however that ends. Each picture is written at once and
over the one before, so that nothing flickers. Knows nothing of what it shows, and asks no clock.

The sequences are those of ECMA-48 and, after a question mark, of xterm, which all terminals of today know or ignore.
"""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Literal, Protocol
from unicodedata import category, east_asian_width

News = Literal["time", "resized", "end"]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # the alternate screen, without a cursor, without breaking long lines
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # what is between is shown at once, where a terminal knows that
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_PLAIN = "\x1b[m"
_LAST_WORDS = (signal.SIGTERM, signal.SIGHUP)
_QUIT = b"qQ"


def picture(lines: Sequence[str], columns: int, rows: int, look: str = "") -> str:
    """What brings lines onto a screen of that size, over whatever is there. Lines that are too long are cut, and if
    there are too many, it says how many more there are. `look` is the sequence that the first line is shown with.
    """
    room = columns - 1  # the rest of a line that is full begins with its last letter
    shown = [cut(line, room) for line in lines]
    if len(shown) > rows:
        shown[rows - 1 :] = [cut(f"… and {len(lines) - rows + 1} more lines", room)]
    if look and shown:
        shown[0] = f"{look}{shown[0]}{_PLAIN}"
    body = f"{_REST_OF_LINE}\r\n".join(shown)
    return f"{_BEGIN}{_HOME}{body}{_REST_OF_LINE}{_REST_OF_SCREEN}{_END}"


def cut(line: str, columns: int) -> str:
    """As much of a line as goes into so many columns, with `…` at the end if that is not all."""
    if len(line) <= columns and line.isascii():
        return line
    widths = list(map(_width, line))
    if sum(widths) <= columns:
        return line
    used = 0
    for place, width in enumerate(widths):
        used += width
        if used > columns - 1:
            return f"{line[:place]}…" if columns > 0 else ""
    return line


def _width(letter: str) -> int:
    """The columns that a letter takes (UAX #11): none that is written above or below another, two of wide scripts."""
    if category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


class Show(Protocol):
    """Where texts are shown."""

    def draw(self, lines: Sequence[str], look: str = "") -> None:
        """Show lines, the first of them with a look of its own where that can be."""

    def wait(self, seconds: float) -> News:
        """Wait for so long, unless something happens before."""


@contextmanager
def shown() -> Iterator[Show]:
    """Within it texts are shown on standard output: in place on a terminal, else one after the other."""
    with ExitStack() as stack:
        bell = stack.enter_context(_bell())
        if sys.stdout.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}:
            yield stack.enter_context(_Screen(bell))
        else:
            yield _Sheets(bell)


@contextmanager
def _bell() -> Iterator[int]:
    """A handle that can be read from once a signal has come that has a handler (`signal.set_wakeup_fd`)."""
    ear, bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    try:
        yield ear
    finally:
        signal.set_wakeup_fd(before)
        os.close(bell)
        os.close(ear)


class _Sheets:
    """Texts one after the other, with an empty line between them."""

    def __init__(self, bell: int) -> None:
        self._bell, self._is_first = bell, True

    def draw(self, lines: Sequence[str], look: str = "") -> None:
        between = "" if self._is_first or len(lines) == 1 else "\n"
        self._is_first = False
        sys.stdout.write(between + "".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    def wait(self, seconds: float) -> News:
        select.select((), (), (), seconds)
        return "time"


class _Screen:
    """The terminal of standard output, from `with` on."""

    def __init__(self, bell: int) -> None:
        self._bell = bell
        self._keys = sys.stdin.fileno() if _is_terminal(sys.stdin) else None
        self._before: list[object] | None = None
        self._handlers: dict[int, object] = {}
        self._ends = False
        self._resized = False

    def __enter__(self) -> "_Screen":
        handlers = {
            signal.SIGWINCH: self._note_size, signal.SIGTSTP: self._step_back,
            **dict.fromkeys(_LAST_WORDS, self._note_end),
        }  # fmt: skip
        for number, handler in handlers.items():
            self._handlers[number] = signal.signal(number, handler)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` gave

    def draw(self, lines: Sequence[str], look: str = "") -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        self._write(picture(lines, size.columns or 80, size.lines or 24, look))

    def wait(self, seconds: float) -> News:
        keys = [] if self._keys is None else [self._keys]
        ready = select.select([self._bell, *keys], (), (), 0 if self._ends or self._resized else seconds)[0]
        with suppress(BlockingIOError):
            while os.read(self._bell, 1024):
                pass
        if self._keys in ready and self._is_quit(self._keys):
            return "end"
        resized, self._resized = self._resized, False
        return "end" if self._ends else "resized" if resized else "time"

    def _is_quit(self, keys: int | None) -> bool:
        """Whether somebody typed that it is enough, or nobody can type any more."""
        with suppress(OSError):
            typed = os.read(keys or 0, 1024)
            return not typed or any(letter in _QUIT for letter in typed)
        return True

    def _note_size(self, _number: int, _frame: FrameType | None) -> None:
        self._resized = True

    def _note_end(self, _number: int, _frame: FrameType | None) -> None:
        self._ends = True

    def _step_back(self, number: int, _frame: FrameType | None) -> None:
        """Be suspended (Ctrl-Z) with the terminal as it was, and take it again thereafter."""
        self._give_back()
        handler = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns once it goes on
        signal.signal(number, handler)
        self._take()
        self._resized = True

    def _take(self) -> None:
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)  # keys come at once, and are not shown; Ctrl-C and Ctrl-Z do what they do
        self._write(_ENTER)

    def _give_back(self) -> None:
        with suppress(OSError):
            self._write(_LEAVE)
        if self._keys is not None and self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]  # as it was got

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal: it may also be closed, or none at all."""
    with suppress(AttributeError, ValueError, OSError):
        return bool(stream.isatty())  # type: ignore[attr-defined]  # see above
    return False

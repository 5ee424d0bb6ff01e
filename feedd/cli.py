"""Command line: the commands, each found by its name and imported when it is asked for.

In: arguments. Out: what the command does, and an exit code (`commands.terminal`). Does no work of its own: a command is
a module of `feedd.commands`, which imports what it needs when it runs.
"""

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from types import TracebackType
from typing import Any

import click

from feedd import __version__

COMMANDS = {
    "init": "init",
    "run": "run",
    "build": "build",
    "check": "check",
    "diff": "diff",
    "explain": "explain",
    "status": "status",
    "reload": "reload",
    "approve": "approve",
    "prune": "prune",
    "ping": "ping",
    "serve": "serve",
    "print-config": "print_config",
    "schema": "schema",
    "completion": "completion",
    "man": "man",
}
"""The module of each command, in the order in which help and README list them: the sooner needed, the higher up."""


def find_command(name: str) -> click.Command:
    """A command by its name."""
    found: click.Command = import_module(f"feedd.commands.{COMMANDS[name]}").command
    found.name = name  # that of the function is the same for all
    return found


class _Commands(click.Group):
    """Commands that are imported when they are asked for, all of them for the list of them.

    Ctrl-C and a reader that went away (`feedd check | head`) have the exit codes that shells give to programs which
    these signals end: click's is 1 for both, which here means done with problems. The signal of the latter stays
    ignored, as Python has it: it would end a build halfway.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """The same as click's, for whatever stands behind the standard streams."""
        _get_streams_ready()
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if not _is_about_output(error):
                raise
            from feedd.commands.terminal import PROBLEMS  # late: takes 10 ms, which `--version` has no use for

            with suppress(OSError):
                click.echo(f"feedd: cannot write: {error.strerror}", err=True)
            _say_no_more()
            sys.exit(PROBLEMS)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return find_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            from difflib import get_close_matches  # late: only a mistake needs it

            near = get_close_matches(args[0], COMMANDS, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else "See `feedd --help`."
            ctx.fail(f"No such command {args[0]!r}. {remedy}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        from feedd.commands.terminal import INTERRUPTED, UNREAD

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nfeedd: interrupted; no document is left half-written", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _say_no_more()
            sys.exit(UNREAD)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="feedd")
def main() -> None:
    """Make RSS, Atom and JSON feeds out of a directory of articles.

    Exit codes: 0 fine, 1 done but with problems in the content or the output, 2 wrong usage, 78 wrong configuration,
    130 interrupted, 141 nobody reads the output any more.
    """
    click.get_current_context().color = _coloured()


def _coloured() -> bool | None:
    """Whether output is coloured, as no-color.org and force-color.org have it; None: on terminals."""
    return False if os.environ.get("NO_COLOR") else bool(os.environ.get("FORCE_COLOR")) or None


def _get_streams_ready() -> None:
    """Let standard streams that are closed be empty and swallow everything, before a file that is opened takes the
    number of one; and write what the encoding of output lacks in another way: no title ends a command.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = os.fdopen(os.open(os.devnull, os.O_RDWR), mode)
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error has it


def _is_about_output(error: OSError) -> bool:
    """Whether it was raised where something was said, and not by a file, which would be a bug of the command."""
    at: TracebackType | None = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    return bool(at and at.tb_frame.f_globals["__name__"] in _SAYING)


_SAYING = {"click.utils", "click._compat", "feedd.live"}
"""The modules that write to the standard streams."""


def _say_no_more() -> None:
    """Let what has not been written go nowhere: Python complains if it cannot write that when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())

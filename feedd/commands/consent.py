"""Consent: what a command would do is listed first, and done once a person says so.

In: how to list it, to tell of it, and to do it. Out: it is done, or not, and the exit code says whether all is as was
wished. It is asked on a terminal alone; elsewhere `--yes` says so beforehand. What is done is exactly what was listed:
if that is another by then, it is listed again.
"""

import sys
from typing import Generic, Protocol, TypeVar

import click

from feedd.commands.terminal import FINE, PROBLEMS, print_json, say, serious
from feedd.errors import Problem

_TRIES = 3  # lists that `--yes` agrees to, one after the other


class _Reply(Protocol):
    @property
    def ok(self) -> bool: ...

    @property
    def problems(self) -> tuple[Problem, ...]: ...


class _Listed(_Reply, Protocol):
    @property
    def digest(self) -> str: ...


Listed = TypeVar("Listed", bound=_Listed)
Done = TypeVar("Done", bound=_Reply)


class Wish(Protocol, Generic[Listed, Done]):
    """What a command is about."""

    def find(self) -> Listed:
        """What there is to do."""

    def count(self, listed: Listed) -> int:
        """How much that is."""

    def show(self, listed: Listed) -> None:
        """Tell people of it."""

    def question(self, listed: Listed) -> str:
        """Whether that is to be done, as people are asked."""

    def act(self, listed: Listed) -> Done:
        """Do it."""

    def is_another(self, done: Done) -> bool:
        """Whether what was to be done was not, since there is something else to do by now."""

    def tell(self, done: Done) -> None:
        """Tell people of what was done."""


def seek(wish: Wish[Listed, Done], agreed: bool, as_json: bool) -> int:
    """List what is wished for, and do it with consent, which is `agreed` beforehand or asked for; the exit code."""
    for _ in range(_TRIES if agreed else sys.maxsize):
        listed = wish.find()
        if not as_json:
            _say_all(listed.problems)
            wish.show(listed)
        if not wish.count(listed) or not listed.ok:
            return _end(listed, as_json)
        if not agreed and (as_json or not _is_consented(wish.question(listed))):
            if as_json:
                print_json(listed)
            return PROBLEMS
        done = wish.act(listed)
        if not wish.is_another(done):
            break
        click.echo("feedd: nothing was done, since by now it is this:", err=True)
    else:
        click.echo("feedd: it changes all the time. Try again when it is left alone.", err=True)
    if not as_json:
        _say_all(done.problems)
        wish.tell(done)
    code = _end(done, as_json)
    return PROBLEMS if wish.is_another(done) else code


def _end(reply: _Reply, as_json: bool) -> int:
    if as_json:
        print_json(reply)
    return FINE if reply.ok and not serious(reply.problems) else PROBLEMS


def _say_all(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        say(problem)


def _is_consented(question: str) -> bool:
    """Whether somebody at a terminal says yes; elsewhere nobody is asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo("feedd: nothing was done. Nobody can be asked here: with --yes it is done.", err=True)
        return False
    click.echo(f"{question} [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    click.echo("feedd: nothing was done", err=True)
    return False

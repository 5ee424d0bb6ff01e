"""`feedd check`: every problem."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import here, now
from feedd.commands.names import KIND
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import CONFIGURATION, FINE, PROBLEMS, mark, print_json, progress, quiet, refuse, serious
from feedd.errors import ConfigError, FeeddError, Problem, Severity

if TYPE_CHECKING:
    from feedd.desk import Desk

    Found = tuple[list[Problem], dict[str, int]]

_COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "suggestion": "cyan"}


def _show_kinds(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from feedd.checks.kinds import KINDS

        width = max(len(name) for kinds in KINDS.values() for name in kinds)
        for about, kinds in KINDS.items():
            click.echo(click.style(about, bold=True))
            for name, what in kinds.items():
                click.echo(f"  {name:<{width}}  {what}")
        ctx.exit(FINE)


@click.command(epilog="Example: feedd check --changed-since origin/main --format github")
@configured
@jsonable
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration in force: --config is looked at as if it took the place of this file.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--changed-since", metavar="REV", help="Only files that were changed since Git's REV, and new ones.")
@click.option("--content-only", is_flag=True, help="Look at settings and content, not at the surroundings.")
@click.option("--format", "form", type=click.Choice(["text", "github", "json"]), help="How problems are printed.")
@click.option(
    "--ignore", metavar="KIND", type=KIND, multiple=True, help="Leave out problems of a kind, or several: a,b."
)
@click.option("--kinds", is_flag=True, is_eager=True, expose_value=False, callback=_show_kinds, help="List all kinds.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, allow_dash=True))
def command(
    file: Path,
    as_json: bool,
    against: Path | None,
    strict: bool,
    changed_since: str | None,
    content_only: bool,
    form: str | None,
    ignore: tuple[str, ...],
    files: tuple[Path, ...],
) -> None:
    """Find every problem; write nothing.

    It looks at settings, content and surroundings: directories, limits, clock, systemd unit, daemon. With FILEs (or
    folders) or --changed-since, only at settings and these, as a pre-commit hook or a pull request needs. `-` reads a
    list of files from standard input, one a line or ended by NUL. Files that are no content are passed over.

    With --against, --config names a configuration that is yet to take the place of that one: relative paths are those
    that they will be when it lies there.

    What it finds is printed on standard output. Exits with 1 for errors, 2 for what cannot be asked, 78 for a
    configuration that cannot be used.
    """
    from feedd.checks.located import at_keys
    from feedd.config import load
    from feedd.desk import Desk

    form = form or ("json" if as_json else "text")
    ignored = _kinds(ignore)
    _refuse_what_cannot_be(files, changed_since, against)
    try:
        desk = Desk(load(file, instead_of=against), thorough=True)
        if files or changed_since is not None:
            found, states = _check_some(desk, file, files, changed_since)
        else:
            found, states = _check_all(desk, file, against, content_only, form)
        problems = at_keys(desk.config, file, (problem for problem in found if problem.kind not in ignored))
        _print(form, problems, states, partial(_place, file, desk.config.content.path), desk.config.content.path)
    except ConfigError as error:
        if form == "text":
            for problem in error.problems:
                click.echo(f"{mark(problem)} {problem}")
        else:
            _print(form, error.problems, {}, partial(_place, file, here()), here())
        sys.exit(CONFIGURATION)
    except FeeddError as error:
        refuse(str(error))
    doubtful = strict and any(problem.severity == "warning" for problem in problems)
    sys.exit(PROBLEMS if serious(problems) or doubtful else FINE)


def _refuse_what_cannot_be(files: Sequence[Path], changed_since: str | None, against: Path | None) -> None:
    if files and changed_since is not None:
        refuse("FILE and --changed-since name the files twice. Leave one of them out.")
    named = files if against is None else (against, *files)
    missing = next((one for one in named if str(one) != "-" and not os.path.lexists(one)), None)
    if missing:
        refuse(f"no file {str(missing)!r}. Name one that there is.")


def _check_all(desk: "Desk", file: Path, against: Path | None, content_only: bool, form: str) -> "Found":
    from feedd.check import check
    from feedd.checks.world import this_world

    world = None if content_only else this_world()
    return check(desk, file, now(), world, progress() if form == "text" else quiet, against)


def _check_some(desk: "Desk", file: Path, files: Sequence[Path], revision: str | None) -> "Found":
    """What is wrong with the files that are named, or that were changed. Raises FeeddError."""
    from feedd.check import check_files
    from feedd.checks.chosen import below, changed_since, listed

    places = list(files) if revision is None else changed_since(Path(desk.tree.root), revision)
    if Path("-") in files:
        places += map(Path, listed(_standard_input()))
    return check_files(desk, file, below(desk.tree, places), now())


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        refuse(f"standard input cannot be read: {error.strerror}")


def _kinds(names: Sequence[str]) -> set[str]:
    from feedd.checks.kinds import unknown

    kinds = {kind.strip() for name in names for kind in name.split(",") if kind.strip()}
    if wrong := unknown(sorted(kinds)):
        refuse(wrong)
    return kinds


def _place(file: Path, content: Path, name: str) -> Path:
    """Where a problem's file lies: the configuration is named as from here, content as from its directory."""
    return (here() if name == str(file) else content) / name


# What is said


def _print(
    form: str, problems: Sequence[Problem], states: dict[str, int], place: Callable[[str], Path], content: Path
) -> None:
    if form == "json":
        print_json({"files": states, "problems": problems})
        return
    from feedd.checks.report import counts, files, github, text

    if form == "github":
        for line in github(problems, place, _root(content)):
            click.echo(line)
    else:
        for line in text(problems, style=_styled):
            click.echo(line)
    said = counts(problems) if problems else "none"
    click.echo(f"files: {files(states)}; problems: {said}{_advice(problems)}", err=form == "github")


def _root(content: Path) -> Path:
    """The directory of the repository; where Git tells of none, paths from here are as good as any."""
    from feedd.checks.chosen import repository

    try:
        return repository(content) or here()
    except FeeddError:
        return here()


def _styled(word: str, severity: Severity) -> str:
    return click.style(word, fg=_COLOURS[severity])


def _advice(problems: Sequence[Problem]) -> str:
    if serious(problems):
        return ". Mend the errors first: what they name is left out or not done."
    warned = any(problem.severity == "warning" for problem in problems)
    return ". Mend what is not meant so; --ignore KIND is for the rest." if warned else ""

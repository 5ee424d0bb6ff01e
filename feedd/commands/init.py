"""`feedd init`: a new site in one step."""

import gc
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from feedd.commands.edges import here, now
from feedd.commands.options import jsonable
from feedd.commands.terminal import fail, many, print_json, progress, quiet, refuse, say
from feedd.errors import ConfigError, FeeddError, Problem, SetupError, printable

if TYPE_CHECKING:
    from feedd.init.prospect import Prospect
    from feedd.init.site import Plan

_FEW = 3  # problems that are shown
_OPTIONS = {"site.title": "--title", "site.url": "--url", "site.feeds_url": "--listen", "server.listen": "--listen"}
"""The option by which the value of a key was given."""
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(epilog="Example: feedd init my-feeds --title 'My Feeds' --url https://news.example/")
@click.argument("directory", metavar="DIR", type=_FOLDER)
@jsonable
@click.option("--content", metavar="DIR", type=_FOLDER, help="The directory of the articles; else it is looked for.")
@click.option("--title", metavar="TEXT", default="", help="The title of the site.")
@click.option("--url", metavar="URL", default="", help="The home page of the site.")
@click.option("--listen", metavar="ADDRESS", default="", help="The host and port to serve at, else 127.0.0.1:8000.")
@click.option("--dry-run", is_flag=True, help="Print the configuration; write nothing.")
def command(
    directory: Path, as_json: bool, content: Path | None, title: str, url: str, listen: str, dry_run: bool
) -> None:
    """Make DIR a working site, fitted to the articles there.

    Articles are looked for in DIR and below. Where they lie, how they are called, which collections and taxonomy there
    are goes into DIR/feedd.toml, and what it means for the feeds is said. Where there are none, two are written to
    begin with. Nothing is overwritten: if DIR has a feedd.toml, this ends with 2, as it does where --content names what
    is not there.
    """
    from feedd.init.proposal import Wishes
    from feedd.init.prospect import prospect
    from feedd.init.site import make, plan

    if listen and not re.fullmatch(r".+:\d+", listen):
        refuse(f"--listen {listen!r} is not a host and a port, such as 127.0.0.1:8000.")
    gc.disable()  # as for a build
    wishes = Wishes(title, url, *([listen] if listen else []))
    showing, moment = quiet if as_json else progress(), now()
    try:
        planned = plan(directory, content, wishes, moment, showing)
        if not dry_run:
            make(planned.files)
        is_there = planned.prospect or not dry_run
        seen = planned.prospect or (prospect(planned.config, moment, showing) if is_there else None)
    except ConfigError as error:
        refuse(_as_options(error.problems))
    except SetupError as error:
        refuse(str(error.problem)) if error.problem.kind in {"in-the-way", "content-missing"} else fail(error)
    except FeeddError as error:
        fail(error)
    steps = _steps(planned, directory)
    if as_json:
        print_json(_report(planned, seen, steps, dry_run))
    else:
        if planned.found.any and seen:
            _say_found(planned, seen, steps)
        for note in planned.notes:
            say(note)
        check = "`feedd check` names them once the configuration is written" if dry_run else steps["check"]
        _say_problems(seen.problems if seen else (), check)
        _say_made(planned, steps, dry_run)


def _as_options(problems: Sequence[Problem]) -> str:
    """Problems of the configuration in the words of the command line; an address is the reason for others."""
    wrong = [one for one in problems if one.field == "server.listen"] or problems
    return "; ".join(f"{_OPTIONS.get(one.field, one.field)} {one.what}. {one.remedy}" for one in wrong)


def _steps(planned: "Plan", directory: Path) -> dict[str, str]:
    """What to do next: commands to paste, the address for a browser, and where what is mentioned lies."""
    file, feedd = quote(str(directory / planned.file.name)), _program()
    config = planned.config
    return {
        "run": f"{feedd} run --config {file}",
        "browser": planned.proposal.feeds_url,
        "feeds": _from_here(config.output.path),
        "articles": _from_here(config.content.path),
        "check": f"{feedd} check --config {file}",
        "configuration": str(directory / planned.file.name),
    }


def _program() -> str:
    """How feedd was called, as one may paste it."""
    from shutil import which

    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{quote(sys.executable)} -m feedd"
    known = which("feedd")
    if called.name != "feedd" or (known and Path(known).resolve() == called.resolve()):
        return "feedd"
    return quote(str(called))


def _from_here(path: Path) -> str:
    """A path as somebody here would write it."""
    place = here()
    return str(path.relative_to(place) if path.is_relative_to(place) else path)


def _report(planned: "Plan", seen: "Prospect | None", steps: dict[str, str], dry_run: bool) -> dict[str, Any]:
    proposal = planned.proposal
    return {
        "written": [] if dry_run else [str(path) for path in planned.files],
        "config": str(planned.file),
        "configuration": planned.files[planned.file],
        "content": str(planned.config.content.path),
        "generator": planned.found.told.generator,
        "files": seen.files if seen else {},
        "public": seen.public if seen else None,
        "feeds": sorted(seen.feeds) if seen else None,
        "published_default": planned.would,
        "collections": proposal.groups,
        "topics": proposal.topics,
        "providers": proposal.providers,
        "keys": planned.keys,
        "notes": planned.notes,
        "problems": seen.problems if seen else [],
        "next": steps,
    }


def _say_found(planned: "Plan", seen: "Prospect", steps: dict[str, str]) -> None:
    """What lies there, and what that means for the feeds."""
    generator = planned.found.told.generator
    _row("articles", f"{steps['articles']}{f', a site of {generator}' if generator else ''}")
    _row("", _counts(planned, seen))
    _row("collections", ", ".join(f"{one.name} ({one.articles})" for one in planned.proposal.groups))
    _row("topics", ", ".join(planned.proposal.topics))
    _row("providers", ", ".join(planned.proposal.providers))
    read = [key.name for key in planned.keys if key.read_as]
    ignored = [key.name for key in planned.keys if not key.read_as]
    _row("keys read", ", ".join(read))
    _row("not read", _first(ignored, 12))


def _counts(planned: "Plan", seen: "Prospect") -> str:
    """How many are public, and why the others are not."""
    there, broken = seen.files.get("article", 0), seen.files.get("broken", 0)
    parts = [f"{seen.public} of {many(there, 'article')} public in {many(len(seen.feeds), 'feed')}"]
    parts += [f"{seen.at_other_times} before or after their time"] * bool(seen.at_other_times)
    parts += [f"{many(broken, 'file')} broken"] * bool(broken)
    return ", ".join(parts)


def _first(words: Sequence[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def _row(name: str, value: str) -> None:
    if value:
        click.echo(printable(f"{name:<13}{value}"))


def _say_problems(problems: Sequence[Problem], check: str) -> None:
    """One problem of each of some kinds, errors first, and how to see the others."""
    kinds: dict[str, Problem] = {}
    for problem in sorted(problems, key=lambda one: one.severity != "error"):
        kinds.setdefault(problem.kind, problem)
    shown = list(kinds.values())[:_FEW]
    for problem in shown:
        say(problem)
    if len(problems) > len(shown):
        click.echo(printable(f"… and {len(problems) - len(shown)} more: {check}"), err=True)


def _say_made(planned: "Plan", steps: dict[str, str], dry_run: bool) -> None:
    files = printable(", ".join(_from_here(path) for path in planned.files))
    if dry_run:
        click.echo(f"would write {files}; the last is:\n")
        click.echo(planned.files[planned.file], nl=False)
        return
    click.echo(f"made {files}")
    click.echo("\nNext:")
    rows = {
        steps["run"]: "keeps the feeds up to date, until Ctrl-C",
        steps["browser"]: "shows them in a browser, while that runs",
        steps["feeds"]: "is where they lie, for a web server",
    }
    if not planned.found.any:
        rows[steps["articles"]] = "is where the articles lie: change one, and the feeds change"
    width = max(map(len, rows))
    for what, why in rows.items():
        click.echo(printable(f"  {what:<{width}}  {why}"))
    decide = f"Before anybody subscribes, decide on url, feeds_url and id_authority in {steps['configuration']}."
    click.echo(printable(decide))

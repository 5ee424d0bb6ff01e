"""`feedd check`: every problem."""

import sys
from pathlib import Path

import click

from feedd.commands.edges import load, now
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import FINE, PROBLEMS, counted, print_json, say_problems, serious


@click.command(epilog="Example: feedd check --json | jq '.problems[].file'")
@configured
@jsonable
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
def command(file: Path, as_json: bool, strict: bool) -> None:
    """Find every problem, in settings and content; write nothing."""
    from feedd.check import check
    from feedd.desk import Desk

    problems, states = check(Desk(load(file), thorough=True), file, now())
    if as_json:
        print_json({"files": states, "problems": problems})
    else:
        say_problems(problems, len(problems))
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        click.echo(f"files: {counts}; problems: {counted(problems)}")
    sys.exit(PROBLEMS if serious(problems) or (strict and problems) else FINE)

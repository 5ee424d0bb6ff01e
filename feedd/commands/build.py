"""`feedd build`: one run."""

import gc
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feedd.commands.edges import alone, load, look, open_pipeline, run
from feedd.commands.hubs import tell
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import FINE, PROBLEMS, SHOWN, many, print_json, progress, say_problems, serious
from feedd.errors import FeeddError, Problem, printable

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.pipeline import Pipeline, Report


@click.command(epilog="Example: feedd build --config config/demo/feedd.toml")
@configured
@jsonable
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@click.option("--approve", is_flag=True, help="Let any number of articles leave the feeds at once.")
@click.option("--no-ping", is_flag=True, help="Leave it to `feedd ping` to tell hubs of what changed.")
@click.option("--no-hooks", is_flag=True, help="Leave it to the next build to start the command of [hooks].")
def command(file: Path, as_json: bool, dry_run: bool, approve: bool, no_ping: bool, no_hooks: bool) -> None:
    """Bring all feeds up to date, once.

    Then the command and the hubs of the configuration, if any, are told which documents changed. What they cannot be
    told now, the next build tells.
    """
    gc.disable()  # a run makes hardly any cycles, and looking for them would take 2 % of its time
    started = time.monotonic()
    config = load(file)
    with ExitStack() as stack:
        if not dry_run:
            alone(config, stack, as_json)
        begun = stack.enter_context(look(config))
        pipeline, problems = open_pipeline(config, dry_run, None if as_json else progress(), begun)
        stack.enter_context(closing(pipeline))
        report = run(pipeline, approve, as_json)
        problems = list(dict.fromkeys((*problems, *report.problems, *pipeline.problems())))
        if not as_json:
            _say_report(report, pipeline, dry_run, time.monotonic() - started)
        if config.hooks.command and not (dry_run or no_hooks):
            problems += _call_hook(pipeline, config, file)
        if not (dry_run or no_ping):
            problems += tell(pipeline.pings, config)
        if as_json:
            files = pipeline.index.states()
            print_json({"files": files, **_summary(report, pipeline), "problems": problems})
        else:
            say_problems(problems, SHOWN)
    gc.freeze()  # nor are there any to be looked for when Python ends, which it would do at length
    sys.exit(PROBLEMS if serious(problems) else FINE)


def _call_hook(pipeline: "Pipeline", config: "Config", file: Path) -> list[Problem]:
    """Start the command of the configuration, and wait for it; what is wrong, as warnings. The ledger keeps what it is
    yet to be told.
    """
    from feedd.service.hook import call

    try:
        return list(call(pipeline.pings, config, file, _say_of_hook))
    except FeeddError as error:
        return [error.problem]


def _say_of_hook(_: bool, line: str) -> None:
    with suppress(OSError):  # nobody listens any more, which is not the command's fault
        click.echo(f"hook: {printable(line)}", err=True)


def _summary(report: "Report", pipeline: "Pipeline") -> dict[str, Any]:
    return {
        "read": report.read,
        "public": pipeline.ledger.public(),
        "feeds": len(pipeline.feed_names()),
        "written": report.written,
        "unchanged": report.unchanged,
        "withheld": report.withheld,
        "came": report.came,
        "changed": report.changed,
        "left": report.left,
        "due": report.due,
    }


def _say_report(report: "Report", pipeline: "Pipeline", dry_run: bool, seconds: float) -> None:
    if dry_run:
        for path in report.written:
            click.echo(f"would write {path}")
    summary = _summary(report, pipeline)
    moved = [f"{len(summary[what])} {what}" for what in ("came", "changed", "left") if summary[what]]
    news = f" ({', '.join(moved)})" if moved else ""
    click.echo(
        f"{'rehearsed' if dry_run else 'built'}: {many(summary['read'], 'file')} read,"
        f" {many(summary['public'], 'article')} public in {many(summary['feeds'], 'feed')}{news},"
        f" {many(len(summary['written']), 'document')} {'to write' if dry_run else 'written'}, {seconds:.2f} s"
    )

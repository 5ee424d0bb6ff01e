"""Command line: the one place that brings real clock, disk and terminal together.

In: arguments. Out: text for people on standard error, results on standard output, and an exit code: 0 fine, 1 done but
with problems in the content or the output, 2 usage, 78 configuration, 130 interrupted, 141 nobody reads the output any
more. Does no work of its own.
"""

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from feedd import __version__
from feedd.errors import ConfigError, FeeddError, Problem

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.content.elsewhere import Copy
    from feedd.explain import Explanation
    from feedd.feeds.manifest import Manifest
    from feedd.pipeline import Pipeline, Report
    from feedd.run import Progress
    from feedd.service import inbox
    from feedd.state.pings import Pings, Trouble, Waiting
    from feedd.status import ApproveReply, Kind

FINE, PROBLEMS, USAGE, CONFIGURATION, INTERRUPTED, UNREAD = 0, 1, 2, 78, 130, 141
_PATIENCE = 5.0  # seconds that the daemon has to tell its status
_TELLING = 30.0  # seconds that hubs have at the most, before they are left to the next time
_SHOWN = 20  # problems that `build` lists (`check` lists all), and feeds that `explain` names

Command = TypeVar("Command", bound=Callable[..., Any])


def _configured(command: Command) -> Command:
    """The option that every command has."""
    place = click.Path(dir_okay=False, path_type=Path)
    help_text = "The configuration file."
    return click.option(
        "--config",
        "-c",
        "file",
        type=place,
        default="feedd.toml",
        show_default=True,
        envvar="FEEDD_CONFIG",
        show_envvar=True,
        help=help_text,
    )(command)


def _socket(command: Command) -> Command:
    """The option of the commands that ask the daemon."""
    return click.option(
        "--socket",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="FEEDD_SOCKET",
        show_envvar=True,
        help="The daemon's socket; else the configuration says where it is.",
    )(command)


def _json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")(command)


class _Commands(click.Group):
    """Ctrl-C and a reader that went away (`feedd check | head`) have the exit codes that shells give to programs which
    these signals end: click's is 1 for both, which here means done with problems.

    The signal of the latter stays ignored, as Python has it: it would end a build halfway.
    """

    def invoke(self, ctx: click.Context) -> Any:
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


@main.command(epilog="Example: feedd run --config /etc/feedd/feedd.toml")
@_configured
def run(file: Path) -> None:
    """Keep all feeds up to date until it is stopped.

    Whatever changes in the content is in the feeds a moment later, and so is what an embargo or an expiry date asks
    for. SIGHUP (or `feedd reload`) loads the configuration anew; SIGTERM or Ctrl-C ends. What it does is logged on
    standard error.
    """
    from feedd.config import Log, load
    from feedd.serve.listening import Handed
    from feedd.service import log, systemd
    from feedd.service.daemon import Daemon
    from feedd.service.inbox import Inbox
    from feedd.service.post import Edges, open_log
    from feedd.service.signals import listen_for_signals

    open_log(Log())
    handed = Handed(os.environ, os.getpid())
    notifier, watchdog = systemd.notifier(os.environ), systemd.watchdog_interval(os.environ, os.getpid())
    try:
        config = load(file)
        open_log(config.log)
        inbox = Inbox(config.watch.quiet, config.watch.limit)
        listen_for_signals(inbox)
        Daemon(file.absolute(), config, inbox, Edges(notifier=notifier, watchdog=watchdog, handed=handed)).run()
    except ConfigError as error:
        for problem in error.problems:
            log.problem(problem)
        sys.exit(CONFIGURATION)
    except FeeddError as error:
        log.problem(error.problem)
        sys.exit(PROBLEMS)


@main.command(epilog="Example: feedd build --config config/demo/feedd.toml")
@_configured
@_json
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@click.option("--approve", is_flag=True, help="Let any number of articles leave the feeds at once.")
@click.option("--no-ping", is_flag=True, help="Leave it to `feedd ping` to tell hubs of what changed.")
def build(file: Path, as_json: bool, dry_run: bool, approve: bool, no_ping: bool) -> None:
    """Bring all feeds up to date, once.

    Then the hubs of the configuration, if any, are told which documents changed. What they cannot be told now, the next
    build tells.
    """
    gc.disable()  # a run makes hardly any cycles, and looking for them would take 2 % of its time
    started = time.monotonic()
    config = _load(file)
    with ExitStack() as stack:
        if not dry_run:
            _alone(config, stack)
        look = stack.enter_context(_look(config))
        pipeline, problems = _pipeline(config, dry_run, None if as_json else _progress(), look)
        stack.enter_context(closing(pipeline))
        report = _run(pipeline, approve)
        problems += [*report.problems, *pipeline.problems()]
        if not as_json:
            _say_report(report, pipeline, dry_run, time.monotonic() - started)
        if not (dry_run or no_ping):
            problems += _tell_hubs(pipeline.pings, config)
        if as_json:
            files = pipeline.index.states()
            _print_json({"files": files, **_summary(report, pipeline), "problems": problems})
        else:
            _say_problems(problems, _SHOWN)
    gc.freeze()  # nor are there any to be looked for when Python ends, which it would do at length
    sys.exit(PROBLEMS if _serious(problems) else FINE)


@main.command(epilog="Example: feedd ping --config /etc/feedd/feedd.toml")
@_configured
@_json
def ping(file: Path, as_json: bool) -> None:
    """Tell hubs of the documents that changed since they were told.

    `run` and `build` do so by themselves. This is for feeds that are copied elsewhere after `build --no-ping`: a hub
    fetches at once what it is told of, so it must be there. Exits with 1 if a hub could not be told.
    """
    from feedd.state.database import open_database
    from feedd.state.pings import Pings

    config = _load(file)
    with ExitStack() as stack:
        _alone(config, stack)
        database = stack.enter_context(closing(open_database(config.state.path)))
        pings = Pings(database)
        due = _notifications(pings)
        problems = [*database.problems, *_tell_hubs(pings, config)]
        left = _notifications(pings)
    if as_json:
        _print_json({"due": due, "left": left, "problems": problems})
    else:
        _say_problems(problems, len(problems))
        click.echo(f"hubs: {_many(due, 'notification')}, {left} of them left" if due else "hubs: nothing to tell")
    sys.exit(PROBLEMS if problems else FINE)


def _notifications(pings: "Pings") -> int:
    """How many documents hubs are yet to be told of, counted for each hub."""
    return sum(one.count for one in pings.waiting())


@main.command(epilog="Example: feedd check --json | jq '.problems[].file'")
@_configured
@_json
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
def check(file: Path, as_json: bool, strict: bool) -> None:
    """Find every problem, in settings and content; write nothing."""
    from feedd.check import check as find_problems
    from feedd.desk import Desk

    problems, states = find_problems(Desk(_load(file), thorough=True), file, _now())
    if as_json:
        _print_json({"files": states, "problems": problems})
    else:
        _say_problems(problems, len(problems))
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        click.echo(f"files: {counts}; problems: {_counted(problems)}")
    sys.exit(PROBLEMS if _serious(problems) or (strict and problems) else FINE)


@main.command(epilog="Example: feedd explain content/news/2024-05-31-a-story.md topics/ai")
@_configured
@_json
@click.argument("article")
@click.argument("feed", required=False)
def explain(file: Path, as_json: bool, article: str, feed: str | None) -> None:
    """Say why ARTICLE is in FEED or not: each rule, in order.

    ARTICLE is a path, from here or below the content directory, a file name or an id; FEED a name such as all,
    topics/ai or providers/news.example, or one of its documents, such as feeds/topics/ai.atom. Without FEED, all
    that could hold it are explained.
    """
    from feedd.explain import explain as ask
    from feedd.explain import find, find_feed

    pipeline, _ = _pipeline(_load(file), dry_run=True, progress=None)
    with closing(pipeline):
        now, here = _run(pipeline, approve=False).now, _here()
        path = find(pipeline.desk, article, pipeline, here)
        if path is None:
            _refuse(f"no article {article!r} below {pipeline.config.content.path}. Name its path, file name or id.")
        name = find_feed(pipeline, feed, here) if feed else None
        if feed and name is None:
            _refuse(f"no feed {feed!r}. {_other_feeds(pipeline, feed)}")
        explanation = ask(pipeline, path, now, name)
    _print_json(explanation) if as_json else _say_explanation(explanation, name)


@main.command(epilog="Example: feedd status --json | jq .status.due")
@_configured
@_socket
@_json
def status(file: Path, socket: Path | None, as_json: bool) -> None:
    """Say how the daemon is, what is public and what is wrong.

    Exits with 1 if `feedd run` does not run, is still starting, or does not do all that it should.
    """
    from feedd.status import StatusReply, text

    answer = _ask(file, socket, "status", StatusReply, as_json, _PATIENCE)
    if answer.status and not as_json:
        click.echo("\n".join(text(answer.status, _now())))
    sys.exit(FINE if answer.ok and answer.status and answer.status.fine else PROBLEMS)


@main.command(epilog="Example: feedd reload --config /etc/feedd/feedd.toml")
@_configured
@_socket
@_json
def reload(file: Path, socket: Path | None, as_json: bool) -> None:
    """Let the daemon load its configuration anew.

    Waits until it has. If the configuration is wrong, `feedd run` goes on with the one from before, and every problem
    is named; the exit code is 78.
    """
    from feedd.status import ReloadReply

    answer = _ask(file, socket, "reload", ReloadReply, as_json)
    if answer.text and not as_json:
        click.echo(answer.text)
    sys.exit(FINE if answer.ok else CONFIGURATION if answer.refused else PROBLEMS)


@main.command(epilog="Example: feedd approve --json | jq .left")
@_configured
@_socket
@_json
def approve(file: Path, socket: Path | None, as_json: bool) -> None:
    """Let the articles leave the feeds that the guard withholds.

    The guard keeps what would leave at once in large numbers, see [guard] in the configuration; `feedd status` says
    whether it does so.
    """
    from feedd.status import ApproveReply

    answer = _ask(file, socket, "approve", ApproveReply, as_json)
    if not as_json:
        _say_approved(answer)
    sys.exit(FINE if answer.ok and not answer.withheld and not _serious(answer.problems) else PROBLEMS)


@main.command(epilog="Example: feedd serve feeds --listen 127.0.0.1:8000")
@_configured
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="A host and a port, the path of a Unix socket, or systemd; else that of [server], or 127.0.0.1:8000.",
)
@click.option("--max-age", type=click.IntRange(min=0), metavar="SECONDS", help="How long readers may keep it.")
def serve(file: Path, directory: Path | None, listen: str | None, max_age: int | None) -> None:
    """Serve DIRECTORY over HTTP, and nothing else.

    Without DIRECTORY, it is the output directory of the configuration, at the address that [server] gives. Hidden
    files are never served. `feedd run` does the same by itself where [server] says so. SIGTERM or Ctrl-C ends.
    """
    from feedd.config import Server
    from feedd.serve.alone import serve as serve_alone

    config = None if directory else _load(file)
    place, settings = (config.output.path, config.server) if config else (cast(Path, directory), Server())
    seconds = int(settings.max_age) if max_age is None else max_age
    try:
        address, field = (listen, "--listen") if listen else (settings.listen, "server.listen")
        serve_alone(place.absolute(), address, field, seconds, lambda said: click.echo(said, err=True))
    except FeeddError as error:
        click.echo(f"{_mark(error.problem)} {error.problem}", err=True)
        sys.exit(PROBLEMS)


@main.command("print-config", epilog="Example: feedd print-config nginx > /etc/nginx/snippets/feedd.conf")
@_configured
@click.argument("server", type=click.Choice(["nginx", "caddy"]))
def print_config(file: Path, server: str) -> None:
    """Print how nginx or Caddy serves the feeds as feedd does.

    It is to be included in the block of the site that [site] feeds_url leads to, and serves the directory of
    [output] path with the same types, headers and redirects as `feedd serve`.
    """
    from feedd.webservers import PRINTERS

    config = _load(file)
    try:
        text = PRINTERS[server](config, _manifest(config.output.path))
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"{_mark(problem)} {problem}", err=True)
        sys.exit(CONFIGURATION)
    click.echo(os.fsencode(text), nl=False)


# The edges


def _manifest(directory: Path) -> "Manifest":
    """What an output directory says of itself; nothing, with a word about it, if that cannot be read."""
    from feedd.feeds.manifest import NAME, Manifest, decode

    try:
        return decode((directory / NAME).read_bytes())
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValueError) as error:
        click.echo(f"feedd: {directory / NAME}: {error}; what moved or is gone is left out", err=True)
        return Manifest()


def _now() -> int:
    return int(time.time())


def _here() -> Path:
    """Where the command was started; the root if that directory is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def _load(file: Path, otherwise: str = "") -> "Config":
    """The configuration. If it is wrong, what follows from that is said after its problems."""
    from feedd.config import load

    try:
        return load(file)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"{_mark(problem)} {problem}", err=True)
        if otherwise:
            click.echo(f"feedd: {otherwise}", err=True)
        sys.exit(CONFIGURATION)


def _look(config: "Config") -> "AbstractContextManager[Copy | None]":
    """A look at the content directory, by another process while this one imports what else it needs."""
    from feedd.content.source import tree_of

    return tree_of(config).begun()


def _pipeline(
    config: "Config", dry_run: bool, progress: "Progress | None", look: "Copy | None" = None
) -> "tuple[Pipeline, list[Problem]]":
    from feedd.pipeline import Pipeline
    from feedd.publish.directory import Directory, Rehearsal
    from feedd.state.database import open_copy, open_database

    database = open_copy(config.state.path) if dry_run else open_database(config.state.path)
    directory = (Rehearsal if dry_run else Directory)(config.output.path)
    return Pipeline(config, database, directory, progress or _quiet, look=look), list(database.problems)


def _ask(
    file: Path,
    socket: Path | None,
    command: "inbox.Command",
    kind: "type[Kind]",
    as_json: bool,
    timeout: float | None = None,
) -> "Kind":
    """What the daemon answers, of which JSON is all that there is to print; its problems are said."""
    from feedd.service.control import ask
    from feedd.status import read

    place = socket or _place_of_socket(file)
    try:
        reply = ask(place, command, timeout)
        if as_json:
            _print_json(reply)
        answer = read(reply, kind)
    except FeeddError as error:
        click.echo(f"{_mark(error.problem)} {error.problem}", err=True)
        sys.exit(PROBLEMS)
    for problem in () if as_json else answer.problems:
        click.echo(f"{_mark(problem)} {problem}", err=True)
    return answer


def _place_of_socket(file: Path) -> Path:
    """Where the daemon listens. A configuration that is wrong is told of only if that cannot be made out of it: what
    the daemon says of it is what is asked for.
    """
    from feedd.config import load, socket_in

    place = socket_in(file)
    try:
        return cast(Path, load(file).control.socket)  # which is filled in if it was absent
    except ConfigError:
        if place.is_socket():
            return place
    _load(file, f"the daemon was not asked, as nobody listens at {place}. If it is elsewhere, use --socket.")
    return place


def _alone(config: "Config", stack: ExitStack) -> None:
    """Let no other feedd write into the output directory or the state until the stack ends."""
    from feedd.publish.lock import sole_keeper, sole_writer

    try:
        stack.enter_context(sole_writer(config.output.path))
        stack.enter_context(sole_keeper(config.state.path))
    except FeeddError as error:
        click.echo(f"{_mark(error.problem)} {error.problem}", err=True)
        sys.exit(PROBLEMS)


def _run(pipeline: "Pipeline", approve: bool) -> "Report":
    try:
        return pipeline.run(_now(), approved=approve)
    except FeeddError as error:
        click.echo(f"{_mark(error.problem)} {error.problem}", err=True)
        sys.exit(PROBLEMS)


def _tell_hubs(pings: "Pings", config: "Config") -> list[Problem]:
    """Tell hubs what they are to be told; what they did not take, as warnings. The ledger keeps that."""
    try:
        with pings.transaction():
            if not pings.any():
                return []
        from feedd.service.courier import deliver

        problems = deliver(pings, config.websub.hubs, config.site.feeds_url, _TELLING)
        with pings.transaction():
            troubles, waiting = pings.troubles(), pings.waiting()
        return [*problems, *(_untold(one, troubles.get(one.hub)) for one in waiting)]
    except FeeddError as error:
        return [error.problem]


def _untold(waiting: "Waiting", trouble: "Trouble | None") -> Problem:
    why = f": {trouble.error}" if trouble else " yet: it is slow"
    what = f"{waiting.hub} could not be told of {_many(waiting.count, 'document')}{why}"
    remedy = "The next `feedd build` or `feedd ping` tells it."
    return Problem("hub-untold", what, remedy, field="websub.hubs", severity="warning")


def _quiet(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def _progress() -> "Progress":
    """Progress on one line of a terminal, ten times a second; none elsewhere."""
    if not sys.stderr.isatty():
        return _quiet
    last = [0.0]

    def show(what: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if moment - last[0] > 0.1 or done == total:
            last[0] = moment
            of = f"/{total}" if total else ""
            click.echo(f"\r\x1b[K{what} {done}{of}" if done != total else "\r\x1b[K", err=True, nl=False)

    return show


def _say_no_more() -> None:
    """Let what has not been written go nowhere: Python complains if it cannot write that when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


# What is said


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
    click.echo(
        f"{'rehearsed' if dry_run else 'built'}: {_many(summary['read'], 'file')} read,"
        f" {_many(summary['public'], 'article')} public in {_many(summary['feeds'], 'feed')}{_news(report)},"
        f" {_many(len(report.written), 'document')} {'to write' if dry_run else 'written'}, {seconds:.2f} s"
    )


def _news(report: "Report") -> str:
    """How many articles came, changed and left, in parentheses; nothing if none did."""
    counts = {"came": len(report.came), "changed": len(report.changed), "left": len(report.left)}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f" ({told})" if told else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _say_problems(problems: Sequence[Problem], most: int) -> None:
    """The problems by kind, the most frequent kind last so that it is read first."""
    kinds = Counter(problem.kind for problem in problems)
    ordered = sorted(problems, key=lambda problem: (problem.severity != "error", kinds[problem.kind], problem.kind))
    for problem in ordered[:most]:
        click.echo(f"{_mark(problem)} {problem} [{problem.kind}]", err=True)
    if len(problems) > most:
        click.echo(f"… and {len(problems) - most} more: `--json` shows all", err=True)


def _mark(problem: Problem) -> str:
    colour = "red" if problem.severity == "error" else "yellow"
    return click.style(f"{problem.severity}:", fg=colour)


def _counted(problems: Sequence[Problem]) -> str:
    kinds = Counter(problem.kind for problem in problems)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none"


def _serious(problems: Sequence[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _say_explanation(explanation: "Explanation", feed: str | None) -> None:
    """All verdicts; a feed that was asked for is answered for also where no rule of it was asked."""
    click.echo(f"{explanation.path}  {explanation.id}".rstrip())
    for verdict in explanation.article:
        _say_verdict(verdict)
    for name in explanation.feeds or ([feed] if feed else []):
        reason = ", for the reason above" if explanation.barred_by_itself(name) else ""
        click.echo(f"{name}: {'in' if explanation.shown_in(name) else 'not in'}{reason}")
        for verdict in explanation.feeds.get(name, ()):
            _say_verdict(verdict)


def _other_feeds(pipeline: "Pipeline", named: str) -> str:
    """What to name instead of a feed that there is not: the nearest, else some that there are."""
    from feedd.explain import feed_names, near_feed

    near, names = near_feed(pipeline, named), sorted(feed_names(pipeline))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Did you mean {near}?" if near else f"There are: {', '.join(names[:_SHOWN])}{more}"


def _say_verdict(verdict: Any) -> None:
    mark = click.style("yes", fg="green") if verdict.passes else click.style("no ", fg="red")
    click.echo(f"  {mark}  {verdict.rule}: {verdict.says}")


def _say_approved(answer: "ApproveReply") -> None:
    if answer.left:
        click.echo(f"{_many(answer.left, 'article')} left the feeds")
    if answer.withheld:
        click.echo(f"{_many(answer.withheld, 'article')} still withheld")
    if answer.ok and not answer.left and not answer.withheld:
        click.echo("nothing is withheld")


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)), nl=False)
    # Apart: with PYTHONUNBUFFERED a reader that went away amid a long text is noticed by the next write only.
    click.echo()


def _refuse(what: str) -> NoReturn:
    click.echo(f"feedd: {what}", err=True)
    sys.exit(USAGE)

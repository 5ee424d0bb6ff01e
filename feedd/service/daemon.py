"""Daemon: one loop that takes what has gathered in the inbox, runs the pipeline, and tells what came of it.

In: a configuration and its file, the inbox, and whom to tell (systemd, the log, who asks over the control socket). Out:
feeds that are right, until it is told to stop. It is the only writer, and adds no way of its own to do anything: a
change, a moment and a wish all end in `Pipeline.run`. A failure costs the run in which it happens, and is tried again,
ever more seldom, until its cause has gone.
"""

import ctypes
import gc
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from feedd import __version__
from feedd.config import Config, load
from feedd.errors import ConfigError, FeeddError, Problem, PublishError
from feedd.pipeline import Report
from feedd.service import log
from feedd.service.control import Control
from feedd.service.courier import Courier
from feedd.service.health import OF_FILES, Health, is_good
from feedd.service.hook import Hook
from feedd.service.inbox import Command, Inbox, News, Question, Reply
from feedd.service.post import Edges, Post, staged
from feedd.service.web import Web
from feedd.state.pings import Trouble, Waiting
from feedd.status import (
    MOST_BROKEN,
    Broken,
    HealthReply,
    HookStatus,
    Hub,
    InForce,
    LastRun,
    MetricsReply,
    PruneReply,
    ReloadReply,
    Running,
    State,
    Status,
    StatusReply,
    failed,
    summary,
    told,
    vitals,
)

if TYPE_CHECKING:
    from feedd.service.metrics import Metrics

_HEED = 0.2  # seconds between two looks at the surroundings during a run
_EXTENSION = 30.0  # seconds that systemd is asked for, again and again, during a long start or reload
_REST = 5.0  # seconds without work after which memory is given back
_NO_REST = 60.0  # seconds after which it is although there always is work
_MOST_NOTICED = 20  # problems of files that one run logs: `feedd check` names all
_SPARING = 20.0  # times as long as counting takes is not counted again
_LATE = {"failure", "not-written"}  # kinds of problems that keep documents from their places
_NO_DIGEST = Problem("no-digest", "`approve` does not say what may leave", "Send the `digest` of `withheld` with it.")
_NO_METRICS = Problem("no-metrics", "no metrics are kept", "Say where to serve them.", field="monitoring.listen")
_BEGINNING = Problem("starting", "the daemon is only beginning to start", "Ask again in a moment.")


class Stopped(BaseException):
    """A run is left, since the daemon is to stop. What it wrote is whole, and what the state says is as before."""


class _Signs:
    """Signs of life during a run, which is left where the daemon is to stop: between two documents."""

    def __init__(self, inbox: Inbox, edges: Edges) -> None:
        self._inbox, self._edges = inbox, edges
        self._next = 0.0
        self.state: State = "starting"
        self.running: Running | None = None
        self.last = edges.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """The `Progress` of the pipeline."""
        if self._inbox.stopping:
            raise Stopped
        moment = self.last = self._edges.monotonic()
        if moment < self._next:
            return
        self._next = moment + _HEED
        self.running = Running(what, done, total)
        if self.state != "ready":
            self._edges.notifier.extend(_EXTENSION)
            self._edges.notifier.status(f"{self.state}: {what} {done}" + (f"/{total}" if total else ""))
        self._edges.notifier.watchdog()


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many articles are in which state (`Index.articles`), and problems of the content by severity: as of
    a run and, by the monotonic clock, good enough until then even after others. How it stood with hubs and with the
    command when last asked.
    """

    articles: Mapping[str, int] = field(default_factory=dict)
    content: Mapping[str, int] = field(default_factory=dict)
    hubs: tuple[Hub, ...] = ()
    hook: HookStatus | None = None
    of: LastRun | None = None
    until: float = 0.0


class Daemon:
    """The daemon of the configuration in `file`, which was loaded as `config`."""

    def __init__(self, file: Path, config: Config, inbox: Inbox, edges: Edges) -> None:
        self._file, self._config, self._inbox, self._edges = file, config, inbox, edges
        self._signs = _Signs(inbox, edges)  # which know the state that the daemon is in
        self._health = Health()
        self._started, self._since = int(edges.clock()), edges.monotonic()
        self._refused: tuple[Problem, ...] = ()
        self._unlocked: tuple[Problem, ...] = ()  # why the output directory is not locked, if it is not
        self._published = (0, 0)  # articles, feeds
        self._said = ""
        self._last: LastRun | None = None
        self._seen = self._started  # the moment of the last run
        self._due: int | None = None
        self._withheld = 0
        self._again: float | None = None  # when to try again, by the monotonic clock
        self._worked = 0.0  # when there was work last
        self._busy_since: float | None = None  # when there was work first, since memory was given back
        self._known: Status | None = None
        self._counts = _Counts()
        self._metrics: Metrics | None = None  # if they were ever wanted
        self._unmet: float | None = None  # since when a change waits that earlier runs could not do justice to
        self._parting: list[Control] = []  # those of former configurations, where some may wait for an answer
        self._courier = Courier(inbox.wake, clock=edges.clock, monotonic=edges.monotonic)
        self._hook = Hook(file, inbox.wake, clock=edges.clock, monotonic=edges.monotonic)

    # From the start to the end

    def run(self) -> None:
        """Keep the feeds right until the inbox says to stop.

        Raises PublishError, ControlError or ServeError where another feedd is in the way.
        """
        self._post = self._staged(self._config, None)
        try:
            log.info("start", version=__version__, pid=os.getpid(), configuration=str(self._file))
            self._begin(self._post)
            self._look(None)
            while not self._inbox.stopping:
                self._turn(self._inbox.take(self._patience()))
        except Stopped:
            pass
        finally:
            self._end()

    def _begin(self, post: Post, former: Web | None = None) -> None:
        """Let changes and moments wake the loop: before the first look, so that nothing falls in between. Feeds are
        served meanwhile, at first those of last time, in place of whatever did so.
        """
        if post.config.monitoring.listen and self._metrics is None:
            from feedd.service.metrics import Metrics  # late: what it needs takes 50 ms and 4 MB

            self._metrics = Metrics(self._edges.clock())
        post.web.start(former)
        post.watcher.start()
        post.schedule.start()
        self._tell_of_watcher(())
        if post.config.watch.configuration and not self._is_in_force():
            self._inbox.reload()

    def _is_in_force(self) -> bool:
        """Whether the file says what is in force: it may have changed before it was watched."""
        with suppress(ConfigError):
            return load(self._file) == self._post.config
        return False

    def _end(self) -> None:
        self._signs.state = "stopping"
        self._edges.notifier.stopping()
        self._post.web.close()
        self._courier.close(self._post.pipeline.pings, self._post.config.websub.hubs)
        self._hook.close(self._post.pipeline.pings, self._post.config)
        self._post.leave()
        for control in (*self._parting, self._post.control):
            control.close()
        self._post.lock.close()
        self._post.keeping.close()
        log.info("stop", seconds=round(self._edges.monotonic() - self._since))

    def _patience(self) -> float:
        """Seconds that the loop may wait for news: until it is to look at something, or to give a sign of life."""
        tick, watcher = self._edges.tick, self._post.watcher
        return min(tick, self._edges.watchdog or tick, watcher.poll if watcher.kind == "polling" else tick)

    def _turn(self, news: News) -> None:
        """One turn of the loop: see that all who wake it are well, do what there is to do, answer who asks."""
        parting, self._parting = self._parting, []
        self._edges.notifier.watchdog()
        self._signs.last = self._edges.monotonic()
        before = self._post.watcher.problems
        self._post.watcher.check()
        self._tell_of_watcher(before)
        self._post.schedule.check()
        self._check_output()
        self._check_socket()
        asked = {command: [one for one in news.questions if one.command == command] for command in _COMMANDS}
        wishes = [question for question in news.questions if question.command in _WISHES]
        reloaded = (news.reload or asked["reload"]) and self._reload(asked["reload"])
        if not reloaded or wishes:
            self._look_where_needed(news, wishes)
        for question in (*asked["status"], *asked["metrics"]):
            question.answer(self._answered(question.command))
        for control in parting:
            control.close()
        self._tell_hubs()
        self._call_hook()
        self._rest()

    def _check_output(self) -> None:
        """Fill the output directory if it is another one by now. Raises PublishError where another feedd does that."""
        unlocked: tuple[Problem, ...] = ()
        try:
            if self._post.lock.renew():
                self._inbox.scan("output")
        except PublishError as error:
            if error.problem.kind == "locked":
                raise
            unlocked = (error.problem,)
            if unlocked != self._unlocked:
                log.problem(error.problem)
        self._unlocked = unlocked

    def _check_socket(self) -> None:
        """Listen anew where the socket was taken away."""
        former = self._post.control
        if not former.lies():
            with suppress(FeeddError):  # at the next turn
                self._post.control = Control(former.path, self._inbox, self._busy)
                self._parting.append(former)

    # Looking

    def _look_where_needed(self, news: News, wishes: Sequence[Question]) -> None:
        """A run, if there is any reason for one."""
        again = self._again is not None and self._edges.monotonic() >= self._again
        if news.scan or wishes or (again and self._health.scans):
            asked = dict.fromkeys(question.command for question in wishes)
            log.debug("scan", reasons=" ".join((*news.scan, *asked)) or "again")
            approvals = [question.digest for question in wishes if question.command == "approve" and question.digest]
            report = self._look(None, approvals, news.since)
            if approvals:
                log.warning("approved", left=len(report.left), withheld=report.withheld)
            for question in wishes:
                question.answer(self._granted(question, report))
        elif news.paths or again or self._is_time():
            self._look(news.paths, since=news.since)

    def _is_time(self) -> bool:
        """Whether time alone changes something; also where it was set back."""
        now = int(self._edges.clock())
        return now < self._seen or (self._due is not None and now >= self._due)

    def _look(
        self, paths: Iterable[str] | None, approved: bool | Sequence[str] = False, since: float | None = None
    ) -> Report:
        """A run that looks at these paths, at everything if None, for changes whose first sign was at a moment."""
        started, now, due = self._edges.monotonic(), int(self._edges.clock()), self._due
        hints = None if paths is None else {*paths, *self._health.paths}
        report = self._run(now, hints, approved)
        self._signs.running = None
        seconds = self._edges.monotonic() - started
        self._remember(report, seconds, everything=hints is None)
        self._measure(report, seconds, since, due)
        self._tell(report, seconds)
        self._courier.look(bool(report.written))
        self._hook.look(bool(report.written))
        self._tell_hubs()
        self._call_hook()
        return report

    def _run(self, now: int, hints: set[str] | None, approved: bool | Sequence[str]) -> Report:
        """A run; its failure is a report, too."""
        try:
            return self._post.pipeline.run(now, hints, approved)
        except FeeddError as error:
            return Report(now, problems=(structs.replace(error.problem, kind="failure"),))
        except Exception as error:  # noqa: BLE001 - a fault of feedd itself must cost one run, not the feeds
            return Report(now, problems=(_fault(error),))

    def _remember(self, report: Report, seconds: float, everything: bool) -> None:
        new, gone = self._health.take(report.problems, everything)
        for problem in new:
            log.problem(problem)
        for problem in gone:
            log.info("over", kind=problem.kind, file=problem.file)
        self._seen, self._worked = report.now, self._edges.monotonic()
        self._busy_since = self._worked if self._busy_since is None else self._busy_since
        if report.due is not None or is_good(report.problems, 1):  # a run that failed does not know
            self._due = report.due
            if self._withheld and not report.withheld and not everything:
                self._inbox.scan("restored")  # which tells for certain
            self._withheld = report.withheld
        self._post.schedule.due(self._due)
        if everything or self._again is None or not self._health.scans:  # else a scan is waited for
            self._try_again_after(self._health.patience)
        self._last = LastRun(
            report.now, seconds, report.read, len(report.written), report.unchanged, len(report.came),
            len(report.changed), len(report.left), len(report.problems),
        )  # fmt: skip

    def _measure(self, report: Report, seconds: float, since: float | None, due: int | None) -> None:
        """The run, for the metrics. What it left undone counts from its beginning when it is done."""
        moments = [moment for moment in (since, self._unmet) if moment is not None]
        first = min(moments, default=None)
        self._unmet = first if any(problem.kind in _LATE for problem in report.problems) else None
        if self._metrics:
            lag = None if first is None else self._edges.monotonic() - first
            due_lag = None if due is None or report.now < due else self._edges.clock() - due
            self._metrics.ran(report, seconds, _is_good(report), lag, due_lag)

    def _try_again_after(self, seconds: float | None) -> None:
        self._again = None if seconds is None else self._worked + seconds
        self._post.schedule.retry(None if seconds is None else self._edges.clock() + seconds)

    # Telling

    def _tell(self, report: Report, seconds: float) -> None:
        """The log, and systemd, of a run."""
        for what, names in (("came", report.came), ("changed", report.changed), ("left", report.left)):
            for id in names:
                log.debug(what, id=id)
        for path in report.written:
            log.debug("written", document=path)
        noticed = list(report.noticed)
        for problem in noticed[:_MOST_NOTICED]:
            log.problem(structs.replace(problem, severity="warning"))
        for problem in report.mended[:_MOST_NOTICED]:
            log.info("over", kind=problem.kind, file=problem.file)
        if len(noticed) > _MOST_NOTICED:
            log.warning("more", problems=len(noticed) - _MOST_NOTICED, remedy="`feedd check` shows all.")
        (log.info if report.read or report.written or report.problems else log.debug)(
            "run", read=report.read, written=len(report.written), unchanged=report.unchanged, came=len(report.came),
            changed=len(report.changed), left=len(report.left), withheld=self._withheld, noticed=len(noticed),
            problems=len(report.problems), seconds=round(seconds, 3),
        )  # fmt: skip
        if report.came or report.left or self._signs.state == "starting":
            self._published = self._counted()
        self._tell_systemd()
        if self._signs.state == "starting" and _is_good(report):
            self._get_ready()

    def _get_ready(self) -> None:
        """The first good publication is done."""
        self._signs.state = "ready"
        self._edges.notifier.ready(self._line())
        broken = self._post.pipeline.index.states().get("broken", 0)
        log.info("ready", articles=self._published[0], feeds=self._published[1], broken=broken)

    def _tell_systemd(self) -> None:
        line = self._line()
        if line != self._said or self._signs.state != "ready":  # else it was said what the run is at
            self._said = line
            self._edges.notifier.status(line)

    def _line(self) -> str:
        """The state in one line, for all to see."""
        return summary(self._for_all())

    def _for_all(self) -> Status:
        """What all may know: of what is not public nothing is said, not even that it is there."""
        return replace(self._brief(), due=None, reasons=tuple(map(_without_name, self._problems())))

    def _problems(self) -> tuple[Problem, ...]:
        """Why not all is as it should be."""
        of_post = (*self._post.watcher.problems, *self._post.web.problems)
        outside = (*self._courier.problems, *self._hook.problems)
        return (*self._health.problems, *self._unlocked, *of_post, *outside, *self._refused[:1])

    def _tell_of_watcher(self, before: Sequence[Problem]) -> None:
        for problem in self._post.watcher.problems:
            if problem not in before:
                log.problem(problem)
        if before and not self._post.watcher.problems:
            log.info("over", kind=before[0].kind, watcher=self._post.watcher.kind)

    def _tell_hubs(self) -> None:
        """Let hubs be told of what changed; what was told before is noted. Takes no longer than that."""
        config, before = self._post.config, self._courier.problems
        try:
            given_up = self._courier.turn(self._post.pipeline.pings, config.websub.hubs, config.site.feeds_url)
        except Exception as error:  # noqa: BLE001 - a fault of feedd itself must not end the loop: the feeds are right
            log.crash("fault", error)
            return
        for hub, why in self._courier.turned().items():
            log.warning("hub-fails", hub=hub, why=why) if why else log.info("hub-takes-again", hub=hub)
        self._tell_of_outside(given_up, before, self._courier.problems)

    def _call_hook(self) -> None:
        """Let the command be told of what changed; how it ended is noted. Takes no longer than that."""
        before = self._hook.problems
        try:
            given_up = self._hook.turn(self._post.pipeline.pings, self._post.config)
        except Exception as error:  # noqa: BLE001 - as for hubs
            log.crash("fault", error)
            return
        self._tell_of_outside(given_up, before, self._hook.problems)

    def _tell_of_outside(
        self, given_up: Sequence[Problem], before: Sequence[Problem], after: Sequence[Problem]
    ) -> None:
        """Tell of what is wrong with who is told of changes, and of what no longer is."""
        for problem in dict.fromkeys((*given_up, *(one for one in after if one not in before))):
            log.problem(problem)
        for problem in (one for one in before if one not in after):
            log.info("over", kind=problem.kind, what=problem.what)
        if before != after:
            self._tell_systemd()

    # Being asked

    def _counted(self) -> tuple[int, int]:
        """How many articles are public, in how many feeds; what was known, where the state does not tell."""
        with suppress(Exception):
            return self._post.pipeline.ledger.public(), len(self._post.pipeline.feed_names())
        return self._published

    def _brief(self) -> Status:
        """What can be said without asking the state."""
        now, post = int(self._edges.clock()), self._post
        problems = self._problems()
        in_force = InForce(str(self._file), post.loaded, post.config.fingerprint, tuple(map(str, self._refused)))
        since = self._edges.monotonic() - self._since
        return Status(
            __version__, os.getpid(), now, self._started, since, self._signs.state, in_force,
            degraded=bool(problems), reasons=tuple(map(str, problems)), public=self._published[0],
            feeds=self._published[1], withheld=self._withheld, last=self._last, due=self._due,
            watcher=post.watcher.kind, serves=post.web.serves, monitoring=post.web.monitoring,
        )  # fmt: skip

    def _answered(self, command: Command) -> Reply:
        """The answer to `status` and `metrics`; what is known without the state where that cannot be asked."""
        try:
            if command == "status":
                return told(StatusReply(True, self._status()))
            self._count()
            self._counts = replace(self._counts, hubs=self._hubs(), hook=self._how_hook_is())
            return self._measured()
        except Exception as error:  # noqa: BLE001 - to be asked must cost nothing; the next run works around the state
            log.crash(command, error)
            return self._busy(command)

    def _status(self) -> Status:
        """All that can be said."""
        pipeline = self._post.pipeline
        self._published = self._counted()
        self._count()
        self._counts = replace(self._counts, hubs=self._hubs(), hook=self._how_hook_is())
        broken = [problem for problem in pipeline.problems() if problem.severity == "error" and problem.file]
        first = tuple(map(_broken, broken[:MOST_BROKEN]))
        self._known = replace(
            self._brief(), articles=pipeline.index.states(), broken=first, broken_total=len(broken),
            hubs=self._counts.hubs, hook=self._counts.hook, publication=dict(self._counts.articles),
        )  # fmt: skip
        return self._known

    def _hubs(self) -> tuple[Hub, ...]:
        """How it stands with each hub."""
        pings = self._post.pipeline.pings
        waiting, troubles = {one.hub: one for one in pings.waiting()}, pings.troubles()
        return tuple(_hub(url, waiting.get(url), troubles.get(url)) for url in self._post.config.websub.hubs)

    def _how_hook_is(self) -> HookStatus | None:
        """How it stands with the command; None if there is none."""
        command, pings = self._post.config.hooks.command, self._post.pipeline.pings
        if not command:
            return None
        return _hook(command[0], self._hook.under_way, pings.waiting_for_hook(), pings.trouble_of_hook())

    def _busy(self, command: Command) -> Reply:
        """The answer to who asks how the daemon is, without the loop: what is known, and what a run is at."""
        if not hasattr(self, "_post"):  # the socket is there a moment before all else is
            return failed(_BEGINNING)
        if command == "health":
            silent = self._edges.monotonic() - self._signs.last
            return told(HealthReply(True, vitals(replace(self._for_all(), running=self._signs.running), silent)))
        if command == "metrics":
            return self._measured()
        brief = self._brief()
        known = self._known or brief
        return told(StatusReply(True, replace(
            brief, articles=known.articles, broken=known.broken, broken_total=known.broken_total, current=False,
            running=self._signs.running, hubs=known.hubs, hook=known.hook,
            publication=known.publication,
        )))  # fmt: skip

    def _count(self) -> None:
        """Bring up to date what only the state knows, unless nothing has happened since, or it would be all that the
        loop does: of 100,000 articles it takes a tenth of a second.
        """
        started, pipeline = self._edges.monotonic(), self._post.pipeline
        if self._counts.of is self._last or started < self._counts.until:
            return
        self._published = self._counted()
        severities = Counter(str(problem.severity) for problem in pipeline.problems())
        articles = pipeline.index.articles(int(self._edges.clock()))
        ended = self._edges.monotonic()
        self._counts = _Counts(articles, severities, (), None, self._last, ended + _SPARING * (ended - started))

    def _measured(self) -> Reply:
        """The answer to who asks for metrics. May be asked by another thread than the loop's."""
        if self._metrics is None:
            return failed(_NO_METRICS)
        from feedd.service.metrics import Known

        kinds = Counter(problem.kind for problem in self._problems())
        silent = self._edges.monotonic() - self._signs.last
        counts = self._counts
        status = replace(self._brief(), hubs=counts.hubs, hook=counts.hook)
        known = Known(status, counts.articles, kinds, counts.content, silent)
        return told(MetricsReply(True, self._metrics.text(known)))

    def _granted(self, question: Question, report: Report) -> Reply:
        """The answer to a wish, after a run that looked at everything."""
        from feedd import withheld  # late: hardly ever needed

        try:
            if question.command == "prune":
                return told(self._pruned(question, report))
            if question.command == "approve" and not question.digest:
                return failed(_NO_DIGEST)
            listed = question.command == "withheld"
            return told((withheld.listed if listed else withheld.approved)(self._post.pipeline, report))
        except FeeddError as error:
            return failed(error.problem)
        except Exception as error:  # noqa: BLE001 - what was asked for is not done; the feeds are right
            return failed(_fault(error))

    def _pruned(self, question: Question, report: Report) -> PruneReply:
        from feedd.prune import prune

        pipeline, names, digest = self._post.pipeline, question.names, question.digest
        reply = prune(pipeline, self._file, report, lambda: self._look(None), names, digest)
        if reply.removed:
            log.warning("pruned", documents=reply.removed)
            self._published = self._counted()
            self._tell_systemd()
        return reply

    # Another configuration

    def _staged(self, config: Config, former: Post | None) -> Post:
        return staged(config, former, self._file, self._inbox, self._edges, self._signs, self._busy)

    def _reload(self, asked: Sequence[Question]) -> bool:
        """Load the configuration anew and look at everything by it; False if it is refused, and nothing has changed."""
        former, state = self._post, self._signs.state
        if state == "ready":
            self._signs.state = "reloading"
            self._edges.notifier.reloading(time.monotonic_ns() // 1000)
        reply = self._loaded()
        if state == "ready":
            self._signs.state = "ready"
            self._edges.notifier.ready(self._line())
        if self._metrics:
            self._metrics.reloaded(not reply.refused, self._edges.clock())
        for question in asked:
            question.answer(told(reply))
        if former.control is not self._post.control:
            self._parting.append(former.control)
        return not reply.refused

    def _loaded(self) -> ReloadReply:
        try:
            config = load(self._file)
            if config != self._post.config:
                self._take_over(self._staged(config, self._post))
        except ConfigError as error:
            return self._refuse(error.problems)
        except FeeddError as error:
            return self._refuse((error.problem,))
        except Exception as error:  # noqa: BLE001 - as for a run: what is in force goes on
            return self._refuse((_fault(error),))
        self._refused = ()
        report = self._look(None)
        taxonomy = tuple(self._post.pipeline.desk.problems)
        log.info("reloaded", configuration=str(self._file), fingerprint=config.fingerprint[:12])
        fine = _is_good(report) and not any(problem.severity == "error" for problem in taxonomy)
        return ReloadReply(
            fine, (*report.problems, *taxonomy), "the configuration is in force", version=__version__
        )

    def _take_over(self, post: Post) -> None:
        """Let what belongs to another configuration do the work from now on."""
        former, self._post = self._post, post
        former.leave()
        if former.config.output.path != post.config.output.path:
            what = "the feeds there are kept no longer"
            log.warning("output-moved", former=str(former.config.output.path), what=what)
        if former.lock is not post.lock:
            former.lock.close()
        if former.keeping is not post.keeping:
            former.keeping.close()
        self._inbox.quiet, self._inbox.limit = post.config.watch.quiet, post.config.watch.limit
        self._edges.log(post.config.log)
        self._begin(post, former.web if former.web is not post.web else None)

    def _refuse(self, problems: tuple[Problem, ...]) -> ReloadReply:
        if problems != self._refused:
            for problem in problems:
                log.problem(problem)
        self._refused = problems
        stays = "the configuration from before stays in force"
        log.error("reload-refused", configuration=str(self._file), problems=len(problems), what=stays)
        return ReloadReply(False, problems, stays, refused=True, version=__version__)

    # Rest

    def _rest(self) -> None:
        """Give memory back after a while without work, or with nothing but work."""
        now = self._edges.monotonic()
        if self._busy_since is None or (now - self._worked < _REST and now - self._busy_since < _NO_REST):
            return
        self._busy_since = None
        self._post.pipeline.rest()
        gc.collect()
        gc.freeze()  # what is there now need not be looked through again
        _trim()


def _without_name(problem: Problem) -> str:
    """A problem as all may read it: a content file is not named, since it may be one that is not public."""
    return f"a content file: {problem.kind}" if problem.kind in OF_FILES else str(problem)


def _is_good(report: Report) -> bool:
    return is_good(report.problems, len(report.written) + report.unchanged)


def _fault(error: Exception) -> Problem:
    log.crash("fault", error)
    what = f"a fault of feedd itself: {type(error).__name__}: {error}"
    return Problem("failure", what, "Report it, with the log; it is tried again.")


def _broken(problem: Problem) -> Broken:
    return Broken(problem.file, problem.line, f"{problem.field}: {problem.what}" if problem.field else problem.what)


def _hub(url: str, waiting: Waiting | None, trouble: Trouble | None) -> Hub:
    hub = Hub(url, waiting.count, waiting.since) if waiting else Hub(url)
    if trouble is None:
        return hub
    again = int(trouble.due) if waiting and trouble.tries else None
    return replace(hub, failing=trouble.since, error=trouble.error, again=again)


def _hook(program: str, runs: bool, waiting: Waiting | None, trouble: Trouble | None) -> HookStatus:
    hook = HookStatus(program, runs, waiting.count, waiting.since) if waiting else HookStatus(program, runs)
    if trouble is None:
        return hook
    return replace(hook, failing=trouble.since, error=trouble.error, again=int(trouble.due) if waiting else None)


_COMMANDS = ("status", "reload", "metrics")
_WISHES = {"withheld", "approve", "prune"}
"""What needs a look at everything first."""


def _trim() -> None:
    """Let the C library give free memory back to the system (malloc_trim(3)), where it is one that can."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)

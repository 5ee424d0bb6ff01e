"""Post: everything that belongs to one configuration while the daemon works by it: who reads, writes, serves and wakes.

In: a configuration, and the post of the one before, of which goes on in use what is the same. Out: another post, or a
FeeddError and all as it was. Does none of the work, and starts nobody: `daemon` does.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from feedd.config import Config, Log
from feedd.content.source import tree_of
from feedd.pipeline import Pipeline
from feedd.publish.directory import Directory
from feedd.publish.lock import Hold, sole_keeper
from feedd.run import Progress
from feedd.serve.listening import Handed
from feedd.service import log
from feedd.service.control import Control
from feedd.service.inbox import Command, Inbox, Reply
from feedd.service.schedule import Schedule
from feedd.service.systemd import Notifier
from feedd.service.watcher import Targets, Watcher
from feedd.service.web import Web
from feedd.state.database import open_database

TICK = 2.0
"""Seconds after which the loop looks at the clock, and at those who are to wake it, although nobody did."""


def open_pipeline(config: Config, progress: Progress) -> Pipeline:
    """The pipeline of a configuration, on the real disk."""
    database = open_database(config.state.path)
    return Pipeline(config, database, Directory(config.output.path), progress, untold=database.problems)


def open_log(settings: Log) -> None:
    """Write the log on standard error."""
    log.configure(settings.level, settings.format, sys.stderr, os.environ, time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What the daemon has of the world. `tick` is how many seconds may pass between two looks at the clock, `watchdog`
    how many between two signs of life, if any are wanted. `handed` are sockets that systemd has opened.
    """

    tick: float = TICK
    notifier: Notifier = field(default_factory=lambda: Notifier(None))
    watchdog: float | None = None
    open: Callable[[Config, Progress], Pipeline] = open_pipeline
    log: Callable[[Log], None] = open_log
    handed: Handed = field(default_factory=lambda: Handed({}, 0))
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Post:
    """Everything that belongs to one configuration: what reads and writes, and who wakes the loop."""

    config: Config
    loaded: int
    pipeline: Pipeline
    watcher: Watcher
    schedule: Schedule
    lock: Hold
    keeping: ExitStack
    control: Control
    web: Web

    def leave(self) -> None:
        """Wake the loop no more, and let go of the state."""
        self.watcher.close()
        self.schedule.close()
        self.pipeline.close()


def staged(
    config: Config,
    former: Post | None,
    file: Path,
    inbox: Inbox,
    edges: Edges,
    progress: Progress,
    busy: Callable[[Command], Reply],
) -> Post:
    """Everything that a configuration in `file` needs, all of it or a FeeddError. What the former one has goes on in
    use, if it is the same. `busy` answers who asks over the control socket while nobody else does.
    """
    assert config.control.socket is not None  # noqa: S101 - filled in by `config`
    with ExitStack() as failing:
        if former and _is_same(former.config.output.path, config.output.path):
            lock = former.lock
        else:
            lock = Hold(config.output.path)
            failing.callback(lock.close)
        if former and _is_same(former.config.state.path, config.state.path):
            keeping = former.keeping
        else:
            keeping = failing.enter_context(ExitStack())
            keeping.enter_context(sole_keeper(config.state.path))
        pipeline = edges.open(config, progress)
        failing.callback(pipeline.close)
        if former and former.config.control == config.control:
            control = former.control
        else:
            control = Control(config.control.socket, inbox, busy)
            failing.callback(control.close)
        web = former.web if former and former.web.suits(config) else _web(config, former, edges, failing)
        watcher, schedule = _watcher(config, file, inbox), _schedule(config, inbox, edges)
        failing.pop_all()
    return Post(config, int(edges.clock()), pipeline, watcher, schedule, lock, keeping, control, web)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one place."""
    return one.resolve() == other.resolve()


def _web(config: Config, former: Post | None, edges: Edges, failing: ExitStack) -> Web:
    before = former.web if former else None
    web = Web(config, edges.handed, before)
    failing.callback(web.close, before)
    return web


def _watcher(config: Config, file: Path, inbox: Inbox) -> Watcher:
    own = config.pages.templates
    templates = (own, own / "assets") if own and config.pages.enabled else ()
    settings = (*config.taxonomy.topics, *config.taxonomy.providers, *templates)
    targets = Targets(config.content.path, file if config.watch.configuration else None, settings)
    watch, skip = config.watch, tree_of(config).skips
    return Watcher(targets, inbox, mode=watch.mode, poll=watch.poll, skip=skip)


def _schedule(config: Config, inbox: Inbox, edges: Edges) -> Schedule:
    times = config.schedule
    return Schedule(inbox, times.rescan, times.timezone, time=edges.clock, monotonic=edges.monotonic)

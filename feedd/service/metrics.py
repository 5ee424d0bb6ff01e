"""Metrics: what the daemon did and how it is, as Prometheus reads it.

In: runs and reloads as they end, and what the daemon knows of itself. Out: text in Prometheus's exposition format
(version 0.0.4). Names nothing but kinds, states and hubs: no article, no file, no feed. Keeps its numbers in a registry
of its own; two daemons in one process do not add up. Any thread may ask. Imported only where [monitoring] wants it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feedd.pipeline import Report
from feedd.status import HookStatus, Hub, Status

_LAG = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds: the quiet time of 50 ms and what a run takes are in the middle, a run that waits for a disk at the end."""
_RUN = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_STATES = ("starting", "ready", "reloading", "stopping")
_WATCHERS = ("inotify", "polling")
_ARTICLES = ("public", "unpublished", "embargoed", "expired", "duplicate", "broken")


@dataclass(frozen=True, slots=True)
class Known:
    """What the daemon knows of itself beyond its `status`: how many articles are in each state
    (`Index.articles`), how many problems of each kind are in force and of each severity in the content, and for how
    many seconds the loop has given no sign of life.
    """

    status: Status
    articles: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    content_problems: Mapping[str, int] = field(default_factory=dict)
    silent: float = 0.0


class Metrics:
    """The numbers of one daemon, from `started` on (seconds since the epoch)."""

    def __init__(self, started: float) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter("feedd_runs", "Runs of the pipeline, by how they ended.", ["result"], registry=registry)
        for result in ("good", "failed"):
            self._runs.labels(result)
        self._seconds = _histogram("feedd_run_seconds", "How long runs took.", _RUN, registry)
        self._lag = _histogram(
            "feedd_publish_lag_seconds",
            "From the first sign that files changed until the documents were in their places.",
            _LAG,
            registry,
        )
        self._due_lag = _histogram(
            "feedd_due_lag_seconds",
            "From the end of an embargo, an expiry date or a moment of a schedule until the documents were in their "
            "places.",
            _LAG,
            registry,
        )
        self._read = Counter("feedd_files_read", "Content files that runs read.", registry=registry)
        self._written = Counter("feedd_documents_written", "Documents that were written.", registry=registry)
        self._unchanged = Counter(
            "feedd_documents_unchanged", "Documents that were looked at and said the same already.", registry=registry
        )
        self._news = Counter(
            "feedd_article_changes", "Articles that came, changed visibly or left.", ["change"], registry=registry
        )
        for change in ("came", "changed", "left"):
            self._news.labels(change)
        self._reload_good = Gauge(
            "feedd_config_last_reload_successful",
            "Whether the configuration as it was last loaded is in force.",
            registry=registry,
        )
        self._reloaded_at = Gauge(
            "feedd_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded and taken over.",
            registry=registry,
        )
        self.reloaded(True, started)

    def ran(self, report: Report, seconds: float, good: bool, lag: float | None, due_lag: float | None) -> None:
        """A run ended. Lags, in seconds, are those of the changes and of the moment that it was for, if any; they count
        only where something was written.
        """
        self._runs.labels("good" if good else "failed").inc()
        self._seconds.observe(seconds)
        self._read.inc(report.read)
        self._written.inc(len(report.written))
        self._unchanged.inc(report.unchanged)
        for change, ids in (("came", report.came), ("changed", report.changed), ("left", report.left)):
            self._news.labels(change).inc(len(ids))
        if report.written and lag is not None:
            self._lag.observe(max(lag, 0))
        if report.written and due_lag is not None:
            self._due_lag.observe(max(due_lag, 0))

    def reloaded(self, good: bool, now: float) -> None:
        """The configuration was loaded at that moment, in seconds since the epoch, or was refused."""
        self._reload_good.set(good)
        if good:
            self._reloaded_at.set(now)

    def text(self, known: Known) -> str:
        """All numbers, with those that follow from what is known."""
        return generate_latest(_Families(self._registry, known)).decode()


def _histogram(name: str, what: str, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(name, what, buckets=buckets, registry=registry)


class _Families(Collector):
    """What has been counted, and then what is so now."""

    def __init__(self, registry: CollectorRegistry, known: Known) -> None:
        self._registry, self._known = registry, known

    def collect(self) -> Iterator[Metric]:
        yield from map(_without_dates, self._registry.collect())
        yield from _of_state(self._known)
        yield from _of_content(self._known)
        yield from _of_hubs(self._known.status.hubs)
        yield from _of_hook(self._known.status.hook)


def _without_dates(family: Metric) -> Metric:
    """A family without the moments at which its series began: the text format has no place for them, and as series of
    their own they say nothing.
    """
    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    return family


def _of_state(known: Known) -> Iterator[Metric]:
    status, last = known.status, known.status.last
    yield _by("feedd_build_info", "Which feedd this is.", "version", {status.version: 1})
    yield _one("feedd_start_timestamp_seconds", "When the daemon was started.", status.started)
    yield _by("feedd_state", "What the daemon is, as 1.", "state", {one: one == status.state for one in _STATES})
    yield _one("feedd_degraded", "Whether something keeps the daemon from doing all that it should.", status.degraded)
    yield _by("feedd_problems", "Problems that do, by kind.", "kind", known.problems)
    watchers = {one: one == status.watcher for one in _WATCHERS}
    yield _by("feedd_watcher", "How changes are learned of, as 1.", "kind", watchers)
    yield _one("feedd_loop_silent_seconds", "How long the loop has given no sign of life.", known.silent)
    if last:
        yield _one("feedd_last_run_timestamp_seconds", "When the last run was.", last.at)
        yield _one("feedd_last_run_seconds", "How long the last run took.", last.seconds)


def _of_content(known: Known) -> Iterator[Metric]:
    status, articles = known.status, dict.fromkeys(_ARTICLES, 0) | dict(known.articles)
    yield _by("feedd_articles", "Files that are articles, by what keeps them from being public.", "state", articles)
    yield _one("feedd_public_articles", "Articles in the feeds, also those that are only kept there.", status.public)
    yield _one("feedd_withheld_articles", "Articles that the guard keeps in the feeds.", status.withheld)
    yield _one("feedd_feeds", "Feeds.", status.feeds)
    problems = {"error": 0, "warning": 0} | dict(known.content_problems)
    yield _by("feedd_content_problems", "Problems of content and taxonomy, by severity.", "severity", problems)


def _of_hubs(hubs: Iterable[Hub]) -> Iterator[Metric]:
    waiting = {hub.url: hub.waiting for hub in hubs}
    yield _by("feedd_pending_notifications", "Documents that a hub is yet to be told of.", "hub", waiting)
    failing = {hub.url: hub.failing is not None for hub in hubs}
    yield _by("feedd_hub_failing", "Whether a hub took nothing when it was told last.", "hub", failing)


def _of_hook(hook: HookStatus | None) -> Iterator[Metric]:
    if hook:
        yield _one("feedd_hook_pending_documents", "Documents that the command is yet to be told of.", hook.waiting)
        failing = hook.failing is not None
        yield _one("feedd_hook_failing", "Whether the command failed when it was last started.", failing)


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _by(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for one, value in values.items():
        family.add_metric([one], value)
    return family

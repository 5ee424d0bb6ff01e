"""Status: what the daemon says of itself over its socket, as values, and those as text for people.

In: what the daemon knows of itself; on the other side, the JSON that came of it. Out: replies that any program can
read, the lines of `feedd status`, and one line for a service manager. Asks nobody for anything: moments are seconds
since the epoch, and `now` is an argument.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from feedd.errors import ControlError, Problem
from feedd.feeds.select import readable
from feedd.service.inbox import Reply

State = Literal["starting", "ready", "reloading", "stopping"]

MOST_BROKEN = 20
"""Broken files that a status names: `feedd check` names all."""

STUCK = 60.0
"""Seconds without a sign of life after which the loop is taken for stuck, as systemd does (`config/feedd.service`)."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_TWICE = 2 * 86400  # up to two days, hours tell more than days
_UNSEEN = ("embargoed", "unpublished", "expired", "duplicate")  # of what `publication` counts
_WIDTH = 10  # of the words at the beginning of a line


# What a status is


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is under way: what it is doing, how much of that is done, of how much (0: that is not known)."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that means to be an article and cannot be read."""

    file: str
    line: int | None
    what: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run: when it ended, how long it took, and how many files, documents and articles it is about."""

    at: int
    seconds: float
    read: int = 0
    written: int = 0
    unchanged: int = 0
    came: int = 0
    changed: int = 0
    left: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration that is in force. `last_error` are the problems of a later one that was refused."""

    file: str
    loaded_at: int
    fingerprint: str
    last_error: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub: of how many documents it is yet to be told, and since when the first of these waits. If it took nothing
    last, `failing` is since when, `error` why, `again` when it is asked again.
    """

    url: str
    waiting: int = 0
    since: int | None = None
    failing: int | None = None
    error: str = ""
    again: int | None = None


@dataclass(frozen=True, slots=True)
class HookStatus:
    """The command of `[hooks]`: its program, whether it runs, of how many documents it is yet to be told or is being
    told, and since when the first of these waits. If it failed last, `failing` is since when, `error` how, `again` when
    it is started again.
    """

    program: str
    runs: bool = False
    waiting: int = 0
    since: int | None = None
    failing: int | None = None
    error: str = ""
    again: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the daemon says of itself.

    `now` is the moment at which it was so; `current` is false for the last that is known while the loop is at work and
    does not answer. `articles` are files by state (`article.Reading`), `publication` are articles by what keeps them
    from being public (`state.index`), `withheld` is how many the guard keeps in the feeds, `due` the next moment at
    which time alone changes something. `broken` holds the first `MOST_BROKEN` of `broken_total`. `reasons` say why it
    is `degraded`. `serves` and `monitoring` are the addresses at which feeds and how the daemon is can be asked for
    over HTTP, "" for none.
    """

    version: str
    pid: int
    now: int
    started: int
    uptime: float
    state: State
    configuration: InForce
    degraded: bool = False
    reasons: tuple[str, ...] = ()
    current: bool = True
    running: Running | None = None
    articles: dict[str, int] = field(default_factory=dict)
    public: int = 0
    feeds: int = 0
    withheld: int = 0
    broken: tuple[Broken, ...] = ()
    broken_total: int = 0
    last: LastRun | None = None
    due: int | None = None
    watcher: str = ""
    hubs: tuple[Hub, ...] = ()
    publication: dict[str, int] = field(default_factory=dict)
    serves: str = ""
    monitoring: str = ""
    hook: HookStatus | None = None

    @property
    def fine(self) -> bool:
        """Whether the feeds are kept up to date, and nothing is amiss."""
        return self.state in {"ready", "reloading"} and not self.degraded

    @property
    def notifications(self) -> int:
        """Of how many documents hubs are yet to be told, each counted for each hub."""
        return sum(hub.waiting for hub in self.hubs)


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the daemon is, for those who watch over it: nothing here names what is not public.

    `ready`: the feeds were brought up to date since the start, and are kept so. `degraded`: though not all of them may
    be, for these `reasons`. `articles` and `feeds` are how many are public.
    """

    state: State
    ready: bool
    degraded: bool
    reasons: tuple[str, ...]
    articles: int
    feeds: int
    version: str
    uptime: float
    running: Running | None = None


def vitals(status: Status, silent: float) -> Vitals:
    """The vitals of a daemon with this status, whose reasons name nothing that is not public, and whose loop has given
    no sign of life for so many seconds.
    """
    stuck = () if silent < STUCK else (f"the loop has given no sign of life for {silent:.0f} s",)
    reasons = (*stuck, *status.reasons)
    ready = status.state in {"ready", "reloading"} and not stuck
    return Vitals(
        status.state, ready, bool(reasons), reasons, status.public, status.feeds, status.version,
        status.uptime, status.running,
    )  # fmt: skip


# What is answered


@dataclass(frozen=True, slots=True)
class StatusReply:
    """The answer to `status`; without one if it could not be given, for which there are `problems`."""

    ok: bool
    status: Status | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadReply:
    """The answer to `reload`. `refused`: the configuration is wrong, the one from before stays in force. `text` says
    what came of it. `version` is that of the daemon, which only a restart changes.
    """

    ok: bool
    problems: tuple[Problem, ...] = ()
    text: str = ""
    refused: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """An article that the guard keeps in feeds: its file, why it would leave, and which feeds show it."""

    path: str
    id: str
    title: str
    why: str
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WithheldReply:
    """The answer to `withheld`: the first of the articles that the guard keeps in the feeds, how many there are, and
    what stands for exactly these in a request to `approve`.
    """

    ok: bool
    articles: tuple[Withheld, ...] = ()
    withheld: int = 0
    digest: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ApproveReply:
    """The answer to `approve`: how many articles left the feeds, and how many the guard still keeps there: others than
    those that were approved.
    """

    ok: bool
    left: int = 0
    withheld: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Prunable:
    """What could be removed for good: a feed that nothing asks for, by its name, or what is left of a format that is
    not written any more, such as `.rss`; `why` it is not wanted. `documents` are paths below the output directory,
    sorted; `since` a moment they are as they are, and empty, since then at the latest, if anybody knows.
    """

    name: str
    why: str
    documents: tuple[str, ...] = ()
    since: int | None = None


@dataclass(frozen=True, slots=True)
class PruneReply:
    """The answer to `prune`. What was asked for without a digest is listed: `found`, the first of `total`, and what
    stands for exactly these. What was asked for with it is `removed`, counted in documents; with `found` again instead
    where it is another by now. `problems` say, among others, why what was named is not to be removed.
    """

    ok: bool
    found: tuple[Prunable, ...] = ()
    total: int = 0
    digest: str = ""
    removed: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthReply:
    """The answer to `health`."""

    ok: bool
    health: Vitals | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsReply:
    """The answer to `metrics`: `text` in Prometheus's format."""

    ok: bool
    text: str = ""
    problems: tuple[Problem, ...] = ()


AnyReply = StatusReply | ReloadReply | WithheldReply | ApproveReply | PruneReply | HealthReply | MetricsReply
Kind = TypeVar("Kind", StatusReply, ReloadReply, WithheldReply, ApproveReply, PruneReply, HealthReply, MetricsReply)


def told(reply: AnyReply) -> Reply:
    """A reply as it goes out."""
    builtins: Reply = msgspec.to_builtins(reply)
    return builtins


def failed(problem: Problem) -> Reply:
    """The reply to whatever could not be done; it reads as any kind of reply."""
    return {"ok": False, "problems": [msgspec.to_builtins(problem)]}


def read(reply: Reply, kind: type[Kind]) -> Kind:
    """A reply that came in. What it holds beyond `kind` is left alone: a newer daemon may say more.

    Raises ControlError for one that is no such reply.
    """
    try:
        return msgspec.convert(reply, kind)
    except msgspec.ValidationError as error:
        what, remedy = f"the answer is not understood: {error}", "Restart the daemon if it is of another version."
        raise ControlError(Problem("not-understood", what, remedy)) from error


# Status for people


def summary(status: Status) -> str:
    """One line of truth: `ready: 25 articles public in 20 feeds, next change 2024-06-01T12:30:00Z`."""
    if status.running:
        return f"{_state(status)}: {_progress(status.running)}"
    parts = [_published(status)]
    if status.broken_total:
        parts.append(_many(status.broken_total, "broken file"))
    if status.due is not None:
        parts.append(f"next change {readable(status.due)}")
    why = f"; {status.reasons[0]}" if status.reasons else ""
    return f"{_state(status)}: {', '.join(parts)}{why}"


def line(status: Status) -> str:
    """One line for scripts: `state=ready degraded=no public=25 … due=2024-06-01T12:30:00Z why=''`. Keys stay where they
    are; new ones come before the last.
    """
    count = status.publication.get
    values: dict[str, object] = {
        "state": status.state, "degraded": "yes" if status.degraded else "no", "public": status.public,
        "feeds": status.feeds, "withheld": status.withheld, "broken": status.broken_total,
        "embargoed": count("embargoed", 0), "unpublished": count("unpublished", 0), "expired": count("expired", 0),
        "notifications": status.notifications, "due": "never" if status.due is None else readable(status.due),
    }  # fmt: skip
    return f"{' '.join(f'{name}={value}' for name, value in values.items())} {_why(' '.join(status.reasons))}"


def absent(why: str) -> str:
    """The same where there is no daemon, or none that answers."""
    return f"state=absent {_why(why)}"


def _why(text: str) -> str:
    """The last of the values: text on one line, in quotes where a shell wants any, since some script will `eval` it."""
    return f"why={shlex.quote(''.join(one if one.isprintable() else ' ' for one in text))}"


def text(status: Status, now: int, version: str = "") -> Iterator[str]:
    """The lines of `feedd status`, at the moment `now`; `version` is that of the command, if it is to be compared."""
    yield f"feedd {status.version} is {_state(status)}"
    sections = {**_sections(status, now), "version": _other_version(status, version)}
    for name, lines in sections.items():
        for line in lines:
            yield f"  {name:<{_WIDTH}} {line}"
            name = ""


def _sections(status: Status, now: int) -> Mapping[str, Iterable[str]]:
    """What is said, by the word that stands before it."""
    stopped = "" if status.current else f"; what follows is of {_moment(status.now, now)}"
    settings = status.configuration
    return {
        "why": status.reasons,
        "at work": [f"{_progress(status.running)}{stopped}"] if status.running or stopped else (),
        "process": [f"{status.pid}, since {_moment(status.started, now)}"],
        "articles": [_published(status)],
        "not public": _not_public(status.publication),
        "files": [_files(status.articles)],
        "broken": list(_broken(status)),
        "last run": [_last(status.last, now)],
        "next due": ["nothing" if status.due is None else _moment(status.due, now)],
        "hubs": [_hub(hub, now) for hub in status.hubs],
        "hook": [_hook(status.hook, now)] if status.hook else (),
        "watching": [status.watcher or "not yet"],
        "serving": [*_serving(status)],
        "settings": [f"{settings.file}, since {_moment(settings.loaded_at, now)}"],
        "refused": [line for line in settings.last_error if line not in status.reasons],
    }


def _other_version(status: Status, version: str) -> list[str]:
    """That a command is of another version than the daemon, which goes on as it was when it is upgraded."""
    if version in {"", status.version}:
        return []
    return [f"this command is of {version}: restart the daemon to upgrade it, `systemctl restart feedd`"]


def _not_public(publication: Mapping[str, int]) -> list[str]:
    """How many articles are not to be seen, for each reason; nothing if there are none."""
    counts = [f"{publication[state]} {state}" for state in _UNSEEN if publication.get(state)]
    return [", ".join(counts)] if counts else []


def _serving(status: Status) -> Iterator[str]:
    if status.serves:
        yield f"feeds at {status.serves}"
    if status.monitoring:
        yield f"/healthz and /metrics at {status.monitoring}"


def _state(status: Status) -> str:
    return f"{status.state}, but degraded" if status.degraded else status.state


def _progress(running: Running | None) -> str:
    if running is None:
        return "the daemon does not answer just now"
    return f"{running.what} {running.done}/{running.total}" if running.total else running.what


def _published(status: Status) -> str:
    withheld = f", {status.withheld} of them kept there by the guard (see `feedd approve`)" if status.withheld else ""
    return f"{_many(status.public, 'article')} public in {_many(status.feeds, 'feed')}{withheld}"


def _files(states: Mapping[str, int]) -> str:
    kinds = ", ".join(
        _many(count, state) if state == "article" else f"{count} {state}" for state, count in sorted(states.items())
    )
    return f"{sum(states.values())}: {kinds}" if kinds else "none"


def _broken(status: Status) -> Iterator[str]:
    for broken in status.broken[:MOST_BROKEN]:
        yield f"{broken.file}:{broken.line}: {broken.what}" if broken.line else f"{broken.file}: {broken.what}"
    more = status.broken_total - min(len(status.broken), MOST_BROKEN)
    if more > 0:
        yield f"… and {more} more: `feedd check` shows all"


def _hub(hub: Hub, now: int) -> str:
    if hub.since is None:
        parts = ["was told of all changes" if hub.failing is None else "has nothing to be told of"]
    else:
        parts = [f"is yet to be told of {_many(hub.waiting, 'document')}, the first since {_moment(hub.since, now)}"]
    if hub.failing is not None:
        parts.append(f"took nothing since {_moment(hub.failing, now)}: {hub.error}")
    if hub.again is not None:
        parts.append(f"asked again {relative(hub.again, now)}")
    return f"{hub.url} {'; '.join(parts)}"


def _hook(hook: HookStatus, now: int) -> str:
    if hook.since is None:
        parts = ["was told of all changes" if hook.failing is None else "has nothing to be told of"]
    else:
        parts = [f"{'is being' if hook.runs else 'is yet to be'} told of {_many(hook.waiting, 'document')}"]
        parts[0] += f", the first since {_moment(hook.since, now)}"
    if hook.failing is not None:
        parts.append(f"failed since {_moment(hook.failing, now)}: it {hook.error}")
    if hook.again is not None and not hook.runs:
        parts.append(f"started again {relative(hook.again, now)}")
    return f"{hook.program} {'; '.join(parts)}"


def _last(run: LastRun | None, now: int) -> str:
    if run is None:
        return "none yet"
    counts = {"came": run.came, "changed": run.changed, "left": run.left}
    news = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    parts = [
        f"{_many(run.read, 'file')} read, {_many(run.written, 'document')} written, {run.unchanged} unchanged",
        f"articles: {news}" if news else "",
        _many(run.problems, "problem") if run.problems else "",
    ]
    return f"{_moment(run.at, now)}, {run.seconds:.2f} s: {'; '.join(part for part in parts if part)}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _moment(moment: int, now: int) -> str:
    return f"{readable(moment)} ({relative(moment, now)})"


def relative(moment: int, now: int) -> str:
    """How far a moment is away: `in 3 min`, `2 h ago`, `now`. Whole units, never more than there are."""
    if moment == now:
        return "now"
    return f"in {span(moment - now)}" if moment > now else f"{span(now - moment)} ago"


def span(seconds: int) -> str:
    """A span of time in its largest whole unit: `59 s`, `3 min`, `47 h`, `2 d`."""
    units = _UNITS if seconds >= _TWICE else _UNITS[1:]
    size, name = next(((size, name) for size, name in units if seconds >= size), _UNITS[-1])
    return f"{seconds // size} {name}"

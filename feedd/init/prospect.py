"""Prospect: what a build by a configuration would publish, without building.

In: a configuration and the moment. Out: a `Prospect`. Files are read by the desk and feeds chosen by the plan, as in a
build of an empty output directory; nothing is rendered or written.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from feedd.config import Collection, Config
from feedd.desk import Desk, Record, decode_problems, duplicate_id
from feedd.errors import Problem
from feedd.feeds.select import Card, Traits
from feedd.run import Progress
from feedd.workers import Workers

_decode_traits = msgspec.msgpack.Decoder(Traits).decode


class Prospect(Struct):
    """What there will be: articles that are public, feeds by name, files by state, articles that the author publishes
    and that are not public yet or any more, problems.
    """

    public: int = 0
    feeds: set[str] = field(default_factory=set)
    files: dict[str, int] = field(default_factory=dict)
    at_other_times: int = 0
    problems: list[Problem] = field(default_factory=list)


def prospect(config: Config, now: int, progress: Progress) -> Prospect:
    """What a build would publish. Raises SourceError where the content directory cannot be listed."""
    desk = Desk(config)
    changes = desk.tree.scan({})
    found = Prospect(feeds=set(desk.plan.standing()), problems=[*desk.problems, *changes.problems])
    holders: dict[str, str] = {}
    with Workers(desk) as workers:
        for count, record in enumerate(workers.records(changes.added), 1):
            if isinstance(record, Problem):
                found.problems.append(record)
            elif record is not None:
                _add(record, desk, found, holders, now)
            progress("articles", count, len(changes.added))
    return found


def _add(record: Record, desk: Desk, found: Prospect, holders: dict[str, str], now: int) -> None:
    """Count a file in; `holders` are the files that hold an id, the first by path."""
    found.files[record.state] = found.files.get(record.state, 0) + 1
    found.problems += decode_problems(record.problems) if record.problems else ()
    holder = holders.setdefault(record.id, record.path) if record.id else record.path
    if record.id and holder != record.path:
        found.problems.append(duplicate_id(record.path, record.id, holder))
    elif record.shown(now):
        found.public += 1
        found.feeds.update(_route(record, desk))
    elif record.public:
        found.at_other_times += 1


def _route(record: Record, desk: Desk) -> Iterable[str]:
    """The feeds that take a public article."""
    traits = _decode_traits(record.traits or b"")
    card = Card(0, record.id or "", record.story or 0, record.since or 0, record.until, traits)
    return desk.plan.route(card)


def with_default(config: Config, names: Iterable[str]) -> Config:
    """The same, but that articles of these collections are published unless they say otherwise."""
    chosen = set(names)
    collections = tuple(
        replace(one, published_default=True) if one.name in chosen else one for one in config.collections
    )
    new = (Collection(name, published_default=True) for name in sorted(chosen - {one.name for one in collections}))
    return replace(config, collections=(*collections, *new))

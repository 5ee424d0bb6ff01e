"""Check: every problem of settings (configuration, taxonomy, templates), of content and of the surroundings, found
without writing anything.

In: a desk, which has read the configuration, its file, the moment; the files that are asked about, or all; the machine,
or none. Out: problems, each with file, line, field and remedy. The rules are those by which a run reads; what is added
is no obstacle to a run but likely a mistake, or needs all articles at once, or a look around. The kinds of problems are
listed in `checks.kinds`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedd.checks import articles, files, settings
from feedd.checks.articles import Survey
from feedd.checks.nearby import nearby
from feedd.config import socket_in
from feedd.desk import Desk, Record
from feedd.errors import Problem, SourceError
from feedd.feeds import pages
from feedd.run import Progress
from feedd.workers import Workers

if TYPE_CHECKING:
    from feedd.checks.world import World


def check(
    desk: Desk,
    file: Path,
    now: int,
    world: "World | None" = None,
    progress: Progress | None = None,
    instead_of: Path | None = None,
) -> tuple[list[Problem], dict[str, int]]:
    """All problems, those of settings and surroundings first, then by file; and how many files are in each state.

    `file` is that of the configuration, `instead_of` the one in force whose place it is yet to take. Without a `world`
    the surroundings are left alone.
    """
    found = list(_of_settings(desk, file))
    survey = Survey()
    try:
        changes = desk.tree.scan({})
    except SourceError as error:
        around = _around(desk, file, (), survey, now, world, instead_of) if world else ()
        return [*found, *around, error.problem], survey.states
    of_names = [*files.twins(changes.added), *files.lookalikes(desk.tree, files.strays(desk.config, desk.tree))]
    with Workers(desk) as workers:
        records = _counted(workers.records(changes.added), len(changes.added), progress)
        of_articles = articles.problems(desk, records, survey, lambda _: True, now)
    found += settings.folders(desk, file, changes.added)
    found += settings.collections(desk, file, survey.collections)
    found += settings.selectors(desk, file, survey)
    if world:
        found += _around(desk, file, changes.added, survey, now, world, instead_of)
    return [*found, *changes.problems, *of_names, *settings.told_once(file, of_articles, survey)], survey.states


def check_files(desk: Desk, file: Path, paths: Collection[str], now: int) -> tuple[list[Problem], dict[str, int]]:
    """The problems of settings and of some files, with what they have in common with others: for who edits content.

    `paths` are below the content directory; those that are no content are looked at only for whether they should be. As
    few files as possible are read, so what no feed asks of articles all together is not found, nor anything around.
    """
    found = list(_of_settings(desk, file))
    survey = Survey()
    try:
        every = sorted(path for path in desk.tree.files("") if path.isascii() or _can_be_named(path))
    except SourceError as error:
        return [*found, error.problem], survey.states
    asked = set(paths).intersection(every)
    found += files.lookalikes(desk.tree, set(paths) - asked)
    found += [problem for problem in files.twins(every) if problem.file in asked]
    with Workers(desk) as workers:
        own = [one for one in workers.records(sorted(asked)) if isinstance(one, Record)]
        records = workers.records(sorted({*asked, *nearby(desk, own, every)}))
        found += articles.problems(desk, records, survey, asked.__contains__, now)
    return found, survey.states


def _of_settings(desk: Desk, file: Path) -> Iterator[Problem]:
    """What can be said of settings without any article."""
    yield from settings.placed(desk, file, desk.problems)
    yield from pages.unused(desk.config)
    yield from settings.contradictions(desk, file)


def _can_be_named(path: str) -> bool:
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _counted(
    records: Iterable[Record | Problem | None], total: int, progress: Progress | None
) -> Iterator[Record | Problem | None]:
    for number, record in enumerate(records, 1):
        if progress:
            progress("files", number, total)
        yield record


def _around(
    desk: Desk, file: Path, paths: Sequence[str], survey: Survey, now: int, world: "World", instead_of: Path | None
) -> Iterator[Problem]:
    """What is wrong around: directories, the machine, the service."""
    from feedd.checks import hook, identity, machine, places, service  # a hook needs nothing of what they import

    config, unit, in_force = desk.config, service.unit(world), instead_of or file
    daemon = service.daemon(socket_in(instead_of) if instead_of else config.control.socket, world)
    mine = unit if unit and service.is_for(unit, in_force) else None
    who = world.account(mine.user) if mine else None
    who = None if who and who.uid == world.uid else who
    yield from places.directories(config, world, who)
    yield from places.obstacles(config, survey)
    yield from places.foreign(config, survey)
    yield from places.mounted_files(config, world)
    yield from places.state(config)
    yield from identity.changed_ids(config, file)
    yield from places.remote(config, world)
    if who:
        yield from places.unreadable(config, desk.tree, paths, who)
    yield from hook.startable(config, file, who, mine.path if mine else world.path)
    uid = who.uid if who else world.uid
    folders = sum(1 for _ in files.folders(desk.tree))
    yield from machine.inotify(config, folders, world.watches(uid), bool(daemon.runs))
    yield from machine.clock(now, file, world)
    if daemon.runs is False:
        yield from machine.ports(config, world)
    if unit:
        yield from service.of_unit(unit, config, in_force, survey.states.get("article", 0))
    yield from service.of_daemon(daemon, in_force, None if instead_of else config.fingerprint)

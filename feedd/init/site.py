"""Site: a directory becomes one that feedd can run, or stays as it was.

In: the directory, that of the articles if it was named, what the admin wishes, and the moment. Out: a `Plan` with every
file that is to be written and what a build will make of them, made without writing; then the files on disk, all of them
or none. Overwrites nothing.
"""

import os
from difflib import get_close_matches
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedd.config import Config, parse
from feedd.errors import ConfigError, Problem, SetupError
from feedd.init.generators import Told, told
from feedd.init.notes import Key, keys, notes
from feedd.init.proposal import Found, Proposal, Wishes, find, propose
from feedd.init.prospect import Prospect, prospect, with_default
from feedd.init.samples import samples
from feedd.init.survey import Survey, is_below, survey
from feedd.init.text import SCHEMA, text
from feedd.run import Progress

NAME = "feedd.toml"
_CONTENT = "content"
_ABOVE = 3  # directories in which the configuration of a generator may lie, articles in content/posts


class Plan(Struct, frozen=True):
    """A site that can be made. `files` are the texts of all files by path; the configuration is the last, so that there
    is none before all else is there. `prospect` is None where the articles are the samples: they are not there yet.
    """

    directory: Path
    config: Config
    files: dict[Path, str]
    found: Found
    proposal: Proposal
    prospect: Prospect | None
    notes: list[Problem]
    keys: list[Key]
    would: int = 0

    @property
    def file(self) -> Path:
        """The configuration's."""
        return self.directory / NAME


def plan(directory: Path, content: Path | None, wishes: Wishes, now: int, progress: Progress) -> Plan:
    """What would make a site of a directory, which need not be there; nothing is written.

    Raises SetupError where something is in the way or the directory of the articles is not there, ConfigError where
    what is wished is wrong (`field` of each problem says which key), SourceError where a directory cannot be listed.
    """
    site = _resolved(directory)
    _check_free([site / NAME])  # before a long look
    if content and not content.is_dir():
        raise SetupError(_no_content(content, directory))
    found = _found(site, _resolved(content) if content else None, progress)
    try:
        proposal, config = _proposed(found, site, wishes, now)
    except ConfigError:  # it may be what the generator told that feedd cannot use
        found = replace(found, told=Told(found.told.generator))
        proposal, config = _proposed(found, site, wishes, now)
    files = {site / SCHEMA: _schema()}
    if not found.any:
        files |= {found.folder / name: article for name, article in samples(now).items()}
    _check_free([*files, site / NAME])
    seen, would = _prospects(config, found, proposal, now, progress)
    files[site / NAME] = text(proposal, would)
    said = notes(found, proposal, would, in_git=any((one / ".git").exists() for one in (site, *site.parents)))
    return Plan(site, config, files, found, proposal, seen, said, keys(found.survey), would)


def _no_content(content: Path, site: Path) -> Problem:
    """That the directory of the articles is not there, and which may be meant: one in the site, or one beside with a
    name like that.
    """
    near = site / content
    if content.is_absolute() or not near.is_dir():
        beside = [one.name for one in _items(content.parent) if one.is_dir()]
        names = {name.casefold(): name for name in sorted(beside)}
        found = get_close_matches(content.name.casefold(), names, 1)
        near = content.parent / names[found[0]] if found else Path()
    remedy = f"Did you mean {near}?" if near.name else "Name the directory in which your articles lie."
    return Problem("content-missing", "there is no such directory", remedy, str(content))


def _items(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _proposed(found: Found, site: Path, wishes: Wishes, now: int) -> tuple[Proposal, Config]:
    proposal = propose(found, site, wishes, now, _is_free)
    return proposal, parse(text(proposal), NAME, site)


def _prospects(
    config: Config, found: Found, proposal: Proposal, now: int, progress: Progress
) -> tuple[Prospect | None, int]:
    """What a build will publish, and how many more articles it would if those that do not say were published."""
    if not found.any:
        return None, 0
    seen = prospect(config, now, progress)
    unsaid = [group.name for group in proposal.groups if group.unsaid]
    return seen, prospect(with_default(config, unsaid), now, progress).public - seen.public if unsaid else 0


def _resolved(path: Path) -> Path:
    """Where a path leads, symbolic links followed: what lies in what must be known. Raises SetupError."""
    try:
        found = path.resolve()
        str(found).encode()
    except (OSError, RuntimeError, ValueError) as error:
        reason = "is not UTF-8, which a configuration has to be" if isinstance(error, UnicodeError) else f": {error}"
        raise _in_the_way(path, f"the path {reason}", "Choose another directory.") from None
    return found


def _found(site: Path, content: Path | None, progress: Progress) -> Found:
    """What there is, in the site or in the directory that was named."""
    root = site if content is None or content.is_relative_to(site) else content
    seen = survey(root, progress)
    known = _told(root, 1 if root == site else _ABOVE)
    if content is None and not (seen.seen or seen.toml):
        content = site / _CONTENT
        if content.is_symlink():  # which no look at the site follows
            return _found(site, _resolved(content), progress)
    if content is None or content == root:
        return find(root, seen, known, None if content is None else "")
    folder = content.relative_to(root).as_posix()
    return find(root, _narrowed(seen, folder), known, folder)


def _told(root: Path, count: int) -> Told:
    """What a generator tells in a directory, or in one of those above it; so many are looked at."""
    places = (root, *root.parents)[:count]
    return next((one for place in places if (one := told(place)) != Told()), Told())


def _narrowed(seen: Survey, folder: str) -> Survey:
    """The survey, of which nothing is left outside of a folder that was named; the taxonomy stays."""
    below = {
        name: [path for path in getattr(seen, name) if is_below(path, folder)]
        for name in ("pages", "toml", "aside")
    }
    return replace(seen, seen=[one for one in seen.seen if is_below(one.path, folder)], **below)


def _is_free(place: Path) -> bool:
    """Whether there is nothing, or an empty directory."""
    try:
        return not os.path.lexists(place) or (place.is_dir() and next(place.iterdir(), None) is None)
    except OSError:
        return False


def _check_free(files: list[Path]) -> None:
    """Raise SetupError for the first of these files that is there, or cannot be."""
    for path in reversed(files):
        if os.path.lexists(path):
            if path.name == NAME:
                raise _in_the_way(
                    path, "is there already, and stays as it is", "`feedd check` tells whether it is right."
                )
            raise _in_the_way(path, "is there already", "Move it away, or name another directory.")
        above = next(one for one in path.parents if os.path.lexists(one))
        if not above.is_dir():
            raise _in_the_way(above, "is not a directory", "Move it away, or name another directory.")


def _in_the_way(path: Path, what: str, remedy: str) -> SetupError:
    return SetupError(Problem("in-the-way", what, remedy, str(path)))


def _schema() -> str:
    from feedd.config.schema import schema

    return msgspec.json.format(msgspec.json.encode(schema()), indent=1).decode() + "\n"


# On disk


def make(files: dict[Path, str]) -> None:
    """Write files that are not there, with the directories that they need; all of them, or none and no directory.

    Raises SetupError where that cannot be, with what could not be undone, if anything.
    """
    made: list[Path] = []
    path = Path()
    try:
        for path, content in files.items():
            _make_folders(path.parent, made)
            _write(path, content, made)
    except OSError as error:
        left = _unmake(made)
        undone = f"; {', '.join(map(str, left))} could not be removed" if left else "; nothing was made"
        what = f"cannot be written: {error.strerror or error}{undone}"
        raise SetupError(Problem("not-written", what, "Mend that, or name another directory.", str(path))) from error
    except BaseException:
        _unmake(made)
        raise


def _make_folders(folder: Path, made: list[Path]) -> None:
    for one in reversed([folder, *folder.parents]):
        if not one.is_dir():
            one.mkdir()
            made.append(one)


def _write(path: Path, content: str, made: list[Path]) -> None:
    """Write a file that is not there; whatever comes there meanwhile stays."""
    with path.open("x", encoding="utf-8") as file:
        made.append(path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _unmake(made: list[Path]) -> list[Path]:
    """Remove what was made, the last first; what of it could not be."""
    left: list[Path] = []
    for path in reversed(made):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            left.append(path)
    return left

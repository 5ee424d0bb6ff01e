"""Named: which article, or which feed, somebody means by what they call it.

In: words as they were typed, and the directory in which they were. Out: the path of an article, or the name of a feed.
Asks a pipeline that has just run what there is, and the disk for files that no run could read.
"""

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from feedd.content.article import is_bundle, slug_of
from feedd.content.source import shown
from feedd.content.text import key
from feedd.desk import Desk, quoted
from feedd.feeds.formats import FORMATS
from feedd.pipeline import Pipeline
from feedd.state.index import Index, Row


def find(desk: Desk, named: str, known: Pipeline, here: Path) -> str | None:
    """The path of an article that somebody names by its path below the content directory or as seen from the directory
    `here`, by its id, or by its file name; the folder of a page bundle stands for its article. Where both paths lead to
    one the former wins, since messages name files like that, unless `./`, `../` or `/` says that the latter is meant.
    """
    for path in _paths(Path(desk.tree.root), named, here):
        if (shown(path) == path and known.index.row(path)) or _is_there(desk, path):
            return path
        if bundle := _in_bundle(known.index, path.rstrip("/")):
            return bundle
    return _path_known(known.index, named)


def _in_bundle(index: Index, folder: str) -> str | None:
    """The path of the article for which a folder stands, if it is a page bundle."""
    files = index.below(f"{folder}/")
    return next((path for path in files if is_bundle(path) and path.rpartition("/")[0] == folder), None)


def find_unmatched(root: Path, named: str, most: int = 100_000) -> str | None:
    """The path of a file below the content directory that is called so, with or without its suffix, though no article
    is: `[content]` may not ask for it. Of several the first by path; no more than `most` files are looked at.
    """
    ends = f"/{named}"
    found = [
        path
        for path in islice(_files(root, most), most)
        if f"/{path}".endswith(ends) or f"/{path}".rpartition(".")[0].endswith(ends)
    ]
    return min(found, key=lambda path: (not path.endswith(named), path), default=None)


def _files(root: Path, most: int) -> Iterator[str]:
    """All files below a directory, as paths from there, of so many folders; those behind symbolic links are none."""
    for folder, _, names in islice(os.walk(root), most):
        place = os.path.relpath(folder, root)
        yield from (name if place == "." else f"{place}/{name}" for name in names)


def remembered(known: Pipeline, named: str, here: Path) -> Row | None:
    """What the index holds of the article that is called so, whatever lies on the disk."""
    for path in _paths(known.config.content.path, named, here):
        if shown(path) == path and (row := known.index.row(path)):
            return row
    found = _path_known(known.index, named)
    return known.index.row(found) if found else None


def told_of(known: Pipeline, named: str) -> str | None:
    """The id that somebody names by it or by a file name and that was told to the world once, in whatever file."""
    if shown(named) != named or known.ledger.told(named):
        return named if shown(named) == named else None
    file = named.rpartition("/")[2]
    names = (quoted(one) for one in (file, slug_of(named)) if one)
    return next((id for name in names if (id := known.ledger.id_of_name(name))), None)


def _paths(root: Path, named: str, here: Path) -> list[str]:
    """The paths that somebody may mean, the likelier first."""
    below, seen = named.removeprefix("./"), _below(root, named, here)
    paths = (seen, below) if named.startswith(("./", "../", "/")) else (below, seen)
    return [path for path in paths if path]


def _path_known(index: Index, named: str) -> str | None:
    """The path of the article with that id or that file name."""
    if shown(named) != named:  # no id and no name that is known holds such bytes
        return None
    holders = index.holders(named)
    return holders[0].path if holders else index.path_of_name(named)


def feed_names(known: Pipeline) -> set[str]:
    """The feeds that can be asked for: those that there are, and those whose first article is yet to appear."""
    return {*known.feed_names(), *known.catalogue.names()}


def near_feed(known: Pipeline, named: str, among: Collection[str] | None = None) -> str | None:
    """The feed that was probably meant by a name that none has: one whose last part is like that of the name. `among`
    are those that count, else `feed_names`.
    """
    folder, _, last = _without_format(named, known.config.output.formats).rpartition("/")
    all_names = feed_names(known) if among is None else among
    names = sorted(all_names, key=lambda name: (name.rpartition("/")[0] == folder, name))
    lasts = {name.rpartition("/")[2]: name for name in names}  # of two with one last part that in the folder counts
    found = get_close_matches(key(last[:100]), lasts, 1)
    return lasts[found[0]] if found else None


def find_feed(
    known: Pipeline, named: str, here: Path, also: frozenset[str] = frozenset(), among: Collection[str] | None = None
) -> str | None:
    """The name of a feed that somebody names by it, by a former name, or by one of its documents: its path below the
    output directory or as seen from the directory `here`, or its address. `also` are names that count although there
    are no such feeds; `among` are as in `near_feed`.
    """
    names = {*(feed_names(known) if among is None else among), *also}
    for name in _names(known, named, here):
        present = known.desk.plan.former.get(name, name)
        if present in names:
            return present
    return None


def former_name(known: Pipeline, named: str, here: Path) -> str | None:
    """The former name, if it is by one that somebody names a feed."""
    return next((name for name in _names(known, named, here) if name in known.desk.plan.former), None)


def _names(known: Pipeline, named: str, here: Path) -> Iterator[str]:
    """All that may be meant by a word, as names of feeds."""
    output = known.config.output.path
    below = named.removeprefix(known.config.site.feeds_url).removeprefix("./")
    for path in (below, below.removeprefix(f"{output.name}/"), _below(output, named, here)):
        yield path
        yield _without_format(path, known.config.output.formats)


def _below(root: Path, named: str, here: Path) -> str:
    """A path as seen from `here` as seen from `root`; empty for one that does not lead below it."""
    place = Path(os.path.normpath(here / named))
    # Either may have been reached through symbolic links; the last part may be one itself, and is named as that.
    for folder, top in ((place.parent, root), (_real(place.parent), _real(root))):
        if folder.is_relative_to(top):
            return (folder.relative_to(top) / place.name).as_posix()
    return ""


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))  # `resolve` raises for a loop of links


def _without_format(path: str, suffixes: Iterable[str]) -> str:
    """The name of the feed to which a document belongs, in a format that is used or that feedd has."""
    name, _, suffix = path.rpartition(".")
    return name if suffix in {*FORMATS, *suffixes} else path


def _is_there(desk: Desk, path: str) -> bool:
    """Whether something that can be asked about lies at a path: a file, also one that cannot be read, or a link."""
    try:
        return desk.tree.read(path, 0) is not None or Path(desk.tree.root, path).is_symlink()
    except OSError as error:  # there and unreadable, unless no file can have that name
        return error.errno != errno.ENAMETOOLONG

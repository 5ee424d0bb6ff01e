"""Names that are given as arguments, as shells complete them.

In: what has been typed. Out: what it may become. Never fails: where nothing can be found, nothing is offered. Looks at
a bounded number of files and runs nothing: whoever pressed the key waits for it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.errors import FeeddError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from feedd.config import Config


_MOST_FILES = 20_000
"""Files of content that are looked at to complete the name of one; where there are more, paths alone are completed."""


class ArticleName(click.ParamType[str]):
    """A path, a file name or an id of an article: the shell completes paths, and names of files below the content
    directory.
    """

    name = "article"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """The articles whose file names go on like this, and a path."""
        path = _items([incomplete], "file")
        if incomplete and (os.sep in incomplete or _begins_a_path(incomplete)):
            return path  # bash completes no paths beside names
        with suppress(FeeddError, OSError):
            return path + _items(sorted(file_names(_config(ctx), incomplete)))
        return path


class FeedName(click.ParamType[str]):
    """The name of a feed, or one of its documents: those in the output directory are offered."""

    name = "feed"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """The feeds whose names go on like this."""
        with suppress(FeeddError, OSError):
            names = sorted(self.offered(_config(ctx)))
            return _items(name for name in names if name.startswith(incomplete))
        return []

    def offered(self, config: "Config") -> set[str]:
        """All that may be meant."""
        return set(_feeds(config.output.path))


class PrunableName(FeedName):
    """The name of a feed that nothing may ask for any more, or what is left of a format, such as `.rss`."""

    def offered(self, config: "Config") -> set[str]:
        """The feeds in the output directory that the list of feeds lacks and the configuration does not describe; all,
        if there is no list.
        """
        from feedd.feeds.formats import FORMATS

        feeds, listed = super().offered(config), _listed(config)
        kept = {*listed, "all", *(feed.name for feed in config.feeds)} if listed else set()
        former = set(FORMATS).difference(config.output.formats)
        left = (suffix for name in feeds for suffix in former if (config.output.path / f"{name}.{suffix}").exists())
        return (feeds - kept).union(f".{suffix}" for suffix in left)


class KindName(click.ParamType[str]):
    """The kind of a problem, or several with commas between them."""

    name = "kind"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """The kinds that go on like this."""
        from feedd.checks.kinds import KINDS

        before, comma, last = incomplete.rpartition(",")
        names = sorted({name for kinds in KINDS.values() for name in kinds} - set(before.split(",")))
        return _items(f"{before}{comma}{name}" for name in names if name.startswith(last))


def _items(names: Iterable[str], kind: str = "plain") -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, type=kind) for name in names]


def _config(ctx: click.Context) -> "Config":
    """The configuration. Raises ConfigError and OSError."""
    from feedd.config import load

    return load(ctx.params.get("file") or Path(os.environ.get("FEEDD_CONFIG") or "feedd.toml"))


def _begins_a_path(incomplete: str) -> bool:
    """Whether something here is called like that."""
    with suppress(OSError), os.scandir() as items:
        return any(item.name.startswith(incomplete) for item in items)
    return False


def file_names(config: "Config", incomplete: str, most: int = _MOST_FILES) -> set[str]:
    """The names of files of content that go on like this; none where there are more files than are looked at."""
    from feedd.content.source import tree_of

    paths = list(islice(tree_of(config).files(""), most + 1))
    if len(paths) > most:
        return set()
    names = {path.rpartition("/")[2] for path in paths}
    return {name for name in names if name.startswith(incomplete) and name.isprintable()}


def _listed(config: "Config") -> set[str]:
    """The feeds in the list of those that have anything in them."""
    from feedd.feeds.opml import PATH

    with suppress(OSError, UnicodeDecodeError):
        text = (config.output.path / PATH).read_text(encoding="utf-8")
        addresses = (found[1].replace("&amp;", "&") for found in re.finditer(r'xmlUrl="([^"]*)"', text))
        return {address.removeprefix(config.site.feeds_url).rpartition(".")[0] for address in addresses}
    return set()


def _feeds(output: Path) -> Iterator[str]:
    """The names of the feeds that lie in an output directory."""
    from feedd.feeds.formats import FORMATS
    from feedd.feeds.manifest import FOLDERS

    for folder in FOLDERS:
        with suppress(OSError), os.scandir(output / folder) as items:
            for item in items:
                name, _, suffix = item.name.rpartition(".")
                if suffix in FORMATS and not name.startswith("."):
                    yield folder + name


ARTICLE, FEED, PRUNABLE, KIND = ArticleName(), FeedName(), PrunableName(), KindName()

"""Names that are given as arguments, as shells complete them.

In: what has been typed. Out: what it may become. Never fails: where nothing can be found, nothing is offered.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.errors import FeeddError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class ArticleName(click.ParamType[str]):
    """A path, a file name or an id of an article: the shell completes paths."""

    name = "article"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """A path."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class FeedName(click.ParamType[str]):
    """The name of a feed, or one of its documents: those in the output directory are offered."""

    name = "feed"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """The feeds whose names go on like this."""
        from click.shell_completion import CompletionItem

        from feedd.config import load

        file = ctx.params.get("file") or Path(os.environ.get("FEEDD_CONFIG") or "feedd.toml")
        with suppress(FeeddError, OSError):
            names = sorted(set(_feeds(load(file).output.path)))
            return [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return []


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


ARTICLE, FEED = ArticleName(), FeedName()

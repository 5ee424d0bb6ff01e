"""`feedd diff`: what a run would change of what is published."""

import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import here, load, look, now
from feedd.commands.names import FEED
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import (
    FINE,
    PROBLEMS,
    SHOWN,
    fail,
    many,
    print_json,
    progress,
    quiet,
    refuse,
    say_problems,
    serious,
)
from feedd.errors import FeeddError, printable

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.content.elsewhere import Copy
    from feedd.diff import Difference, Documents, FeedDiff, Named, Rehearsed, Value
    from feedd.run import Progress

_SIGNS = {"+": "green", "-": "red", "~": "yellow"}
_KINDS = {"gone": "red", "emptied": "red", "moved": "yellow", "added": "green"}
_NO_END = 1 << 30


@click.command(epilog="Example: feedd diff --config feedd.toml.new --against /etc/feedd/feedd.toml")
@configured
@jsonable
@click.argument("feeds", metavar="[FEED]...", nargs=-1, type=FEED)
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration in force: --config is compared as if it took the place of this file.",
)
@click.option("--approve", is_flag=True, help="As if the guard let any number of articles leave.")
@click.option("--all", "everything", is_flag=True, help="Show all of it: every feed, article and document.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything would change.")
def command(
    file: Path,
    as_json: bool,
    feeds: tuple[str, ...],
    against: Path | None,
    approve: bool,
    everything: bool,
    exit_code: bool,
) -> None:
    """Say what would change of what is published; write nothing.

    What configuration and content on disk come to at this moment is compared with what was last published: feeds that
    are added, emptied or gone, entries that come in, go out or are others, documents, redirects. FEED shows all that
    changes in one feed or a few. It works while `feedd run` runs. No article is named that is not public before or
    after.

    Before a reload, --config names the new configuration and --against the one in force: relative paths are those that
    they will be when it lies there. If it names another state or output directory, it is still compared with what lies
    in those of --against.

    Exits with 0 if it could be told, whatever would change, and with 1 if not for certain; with --exit-code also with 1
    if anything would change.
    """
    gc.disable()  # as in `build`
    config, old = _configurations(file, against)
    with ExitStack() as stack:
        begun = stack.enter_context(look(config))
        rehearsed = _rehearsed(config, old, approve, quiet if as_json else progress(), begun)
        stack.enter_context(closing(rehearsed))
        names = [_name(rehearsed, feed) for feed in feeds]
        difference = rehearsed.difference.of(names) if names else rehearsed.difference
        if as_json:
            print_json(difference)
        else:
            say_problems(difference.problems, len(difference.problems))
            click.echo("\n".join(_text(difference, names, _NO_END if everything or names else SHOWN)))
    gc.freeze()
    sys.exit(PROBLEMS if serious(difference.problems) or (exit_code and difference) else FINE)


def _configurations(file: Path, against: Path | None) -> "tuple[Config, Config]":
    """What is to be, and what is in force: the same unless that was named."""
    old = load(against or file)
    return (load(file, instead_of=against) if against else old), old


def _rehearsed(
    config: "Config", old: "Config", approve: bool, shown: "Progress", begun: "Copy | None"
) -> "Rehearsed":
    from feedd.diff import Rehearsed

    try:
        return Rehearsed(config, old, now(), approve, shown, begun)
    except FeeddError as error:
        fail(error)


def _name(rehearsed: "Rehearsed", feed: str) -> str:
    """The feed that was asked for."""
    name = rehearsed.feed(feed, here())
    if name is None:
        near = rehearsed.near_feed(feed)
        refuse(f"no feed {feed!r}. " + (f"Did you mean {near}?" if near else "`feedd diff --all` names what changes."))
    return name


# What is said


def _text(difference: "Difference", names: Sequence[str], most: int) -> Iterator[str]:
    """All of it, the weightiest first; `most` lines of what there may be thousands. With names, the feeds in detail."""
    yield _summary(difference, names)
    for key, value in difference.site.items():
        yield _became(key, value)
    yield from _withheld(difference, most)
    yield from _feeds(difference.feeds, most)
    for feed in difference.feeds if names else ():
        yield from _entries(feed)
    yield from _articles(difference, most)
    yield from _paths(difference, most)
    if most == _NO_END:
        yield from _documents(difference.documents)


def _became(key: str, value: "Value") -> str:
    return f"{key}: {printable(value.before) or 'none'} → {printable(value.after) or 'none'}"


def _summary(difference: "Difference", names: Sequence[str]) -> str:
    if not difference:
        return f"nothing would change{' in ' + ', '.join(names) if names else ''}"
    came, changed, left = map(len, (difference.came, difference.changed, difference.left))
    news = [(came, "comes", "come"), (changed, "changes", "change"), (left, "leaves", "leave")]
    told = [f"{many(count, 'article')} {one if count == 1 else more}" for count, one, more in news if count]
    kinds = Counter(feed.kind for feed in difference.feeds)
    told += [many(count, "feed") + f" {kind}" for kind, count in kinds.items()]
    documents = difference.documents
    written = [path for path in (*documents.added, *documents.rewritten) if path[0] != "."]  # as `build` counts
    told += [f"{many(len(written), 'document')} to write"] if written else []
    told += [f"{many(len(documents.removed), 'document')} to remove"] if documents.removed else []
    told = told or ["what servers are told of the directory changes"]
    return "; ".join(told)


def _withheld(difference: "Difference", most: int) -> Iterator[str]:
    """What the guard keeps."""
    withheld = difference.withheld
    if not withheld.count:
        return
    yield ""
    yield f"the guard would keep {many(withheld.count, 'article')} in the feeds; `--approve` shows what if it does not:"
    yield from _some([f"  {_titled(one)}: {printable(one.why)}" for one in withheld.articles], most, withheld.count)


def _feeds(feeds: Sequence["FeedDiff"], most: int) -> Iterator[str]:
    """A table. Of feeds that are only rewritten there may be hundreds, of which nothing else is to be said."""
    shown = [feed for feed in feeds if feed.kind != "rewritten" or most == _NO_END]
    rest = len(feeds) - len(shown)
    if feeds:
        yield ""
    width = max((len(feed.name) for feed in shown[:most]), default=0)
    yield from _some([_row(feed, width) for feed in shown], most, len(shown))
    if rest:
        whose = f"{rest} {'more ' if shown else ''}{'feed' if rest == 1 else 'feeds'}"
        yield f"{whose} with the same entries in other documents; `--all` names them"


def _row(feed: "FeedDiff", width: int) -> str:
    entries, documents = feed.entries, feed.documents
    counts = (("+", len(entries.entered)), ("-", len(entries.left)), ("~", len(entries.changed)))
    told = " ".join(click.style(f"{sign}{count}", fg=_SIGNS[sign]) for sign, count in counts if count)
    notes = [
        *([told] if told else []),
        *(["other order"] if entries.reordered and not told else []),
        *([f"leads to {feed.leads_to}"] if feed.leads_to else []),
        *([", ".join(feed.head)] if feed.head else []),
        *([many(len(documents), "document")] if documents else []),
    ]
    kind = click.style(f"{feed.kind:9}", fg=_KINDS.get(feed.kind))
    return f"{kind} {feed.name:{width}}  {'; '.join(notes)}".rstrip()


def _entries(feed: "FeedDiff") -> Iterator[str]:
    """All that changes in a feed."""
    entries = feed.entries
    before = "not known" if entries.before is None else entries.before
    yield ""
    yield f"{feed.name}: {before} → {many(entries.after, 'entry').replace('entrys', 'entries')}"
    for key, value in feed.head.items():
        yield f"  {_became(key, value)}"
    yield from _named(entries.entered, "+", "  ")
    yield from _named(entries.left, "-", "  ")
    yield from _named(entries.changed, "~", "  ")


def _articles(difference: "Difference", most: int) -> Iterator[str]:
    lines = [
        *_named(difference.came, "+"),
        *_named(difference.left, "-"),
        *_named(difference.changed, "~"),
    ]
    yield from ["", *_some(lines, most, len(lines))] if lines else []


def _named(articles: Iterable["Named"], sign: str, indent: str = "") -> Iterator[str]:
    for one in articles:
        was = f", which was {printable(one.was)}" if one.was else ""
        gone = ", withdrawn" if one.withdrawn and indent else ""
        yield f"{indent}{click.style(sign, fg=_SIGNS[sign])} {_titled(one)}{was}{gone}"


def _titled(one: "Named") -> str:
    return f"{printable(one.title)} <{one.id}>" if one.title else f"<{one.id}>"


def _paths(difference: "Difference", most: int) -> Iterator[str]:
    """Redirects, and what is gone."""
    paths = difference.paths
    lines = [
        *(f"{old} leads to {new}" for old, new in paths.moved.items()),
        *(f"{old} leads to {new} no more" for old, new in paths.moved_no_more.items()),
        *(f"{path} is gone" for path in paths.gone),
        *(f"{path} is gone no more" for path in paths.gone_no_more),
    ]
    yield from ["", *_some(lines, most, len(lines))] if lines else []


def _documents(documents: "Documents") -> Iterator[str]:
    if documents:
        yield ""
    for sign, paths in (("+", documents.added), ("-", documents.removed), ("~", documents.rewritten)):
        yield from (f"{click.style(sign, fg=_SIGNS[sign])} {path}" for path in paths)


def _some(lines: Sequence[str], most: int, total: int) -> Iterator[str]:
    yield from lines[:most]
    if total > min(most, len(lines)):
        yield f"… and {total - min(most, len(lines))} more: `--all` shows them"

"""`feedd explain`: why an article is in a feed or not, and which articles a feed has and nearly has."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from feedd.commands.edges import here, load, run
from feedd.commands.names import ARTICLE, FEED
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import PROBLEMS, SHOWN, fail, many, print_json, refuse, say
from feedd.errors import Problem, StateError, printable

if TYPE_CHECKING:
    from feedd.explain import Explanation
    from feedd.misses import Item, Miss, View
    from feedd.pipeline import Pipeline
    from feedd.reasons.places import Place
    from feedd.reasons.verdicts import Documents, Verdict
    from feedd.state.index import Row

_MOST = 5
"""Articles that are named in each list of a feed, unless it is said otherwise."""

_WIDEST = 72
"""Letters of what a rule says for which there is a column; what is longer moves its places to the right."""


@click.command(epilog="Example: feedd explain content/news/2024-05-31-a-story.md topics/ai")
@configured
@jsonable
@click.argument("article", required=False, type=ARTICLE)
@click.argument("feed", required=False, type=FEED)
@click.option(
    "--feed", "asked", metavar="FEED", type=FEED, help="The feed; without ARTICLE, what it has and nearly has."
)
@click.option(
    "--limit", "most", metavar="N", type=click.IntRange(min=0), help="How many articles each list names; else 5."
)
@click.option("--all", "everything", is_flag=True, help="Name all articles, also those that their authors hold back.")
def command(
    file: Path,
    as_json: bool,
    article: str | None,
    feed: str | None,
    asked: str | None,
    most: int | None,
    everything: bool,
) -> None:
    """Say why ARTICLE is in FEED, or why not.

    ARTICLE is a path, from here or below the content directory, a file name or an id; FEED a name such as all,
    topics/ai or providers/news.example, or one of its documents, such as feeds/topics/ai.atom. Without FEED, all
    that could hold it are explained.

    Without ARTICLE, `feedd explain --feed FEED` (or FEED alone, where no article is called so) says what the feed asks
    for, what is in it, and which articles just miss it: public ones that one rule alone keeps out, and those that time
    will let in. It reads what is not public too, and names it: the answer is for you.
    """
    if feed and asked:
        raise click.UsageError("FEED is named twice: leave out one of them.")
    if article is None and asked is None:
        raise click.UsageError("Missing argument 'ARTICLE': name one, or a feed by --feed.")
    with _opened(file, article or "") as inquiry:
        if article and (path := inquiry.article(article)):
            inquiry.explain(path, article, feed or asked, as_json)
        elif article and (id := inquiry.gone(article)):
            inquiry.explain_gone(id, feed or asked, as_json)
        elif article and (path := inquiry.unmatched(article)):
            inquiry.explain(path, article, feed or asked, as_json)
        elif article is not None and (feed or asked):
            inquiry.refuse_article(article)
        else:
            name = inquiry.feed(asked) if asked else inquiry.feed_or_article(article or "")
            inquiry.view(name, asked or article or "", None if everything else _MOST if most is None else most, as_json)


@contextmanager
def _opened(file: Path, article: str) -> Iterator["_Question"]:
    """A run on a copy of the state that writes nothing. A state that cannot be read is told of: what documents show
    nobody knows then, and the command ends with 1. Of what is called as the article is asked for, it notes what is
    known before the run.
    """
    from sqlite3 import DatabaseError

    from feedd.pipeline import Pipeline
    from feedd.publish.directory import Rehearsal
    from feedd.state.database import DAMAGED, FILE, RESTORE, open_copy

    config = load(file)
    database = open_copy(config.state.path)
    if database.unread:
        say(database.unread)
    with closing(Pipeline(config, database, Rehearsal(config.output.path))) as pipeline:
        try:
            question = _Question(file, pipeline, database.unread is None, article)
            damage = None if database.unread else question.damage
            if damage:
                say(Problem(DAMAGED, damage.what, RESTORE, str(config.state.path / FILE), field="state.path"))
            yield question
        except DatabaseError as error:
            what, place = f"is damaged: {error}", str(config.state.path / FILE)
            fail(StateError(Problem(DAMAGED, what, RESTORE, place, field="state.path")))
    if database.unread or damage:
        sys.exit(PROBLEMS)


class _Question:
    """One pipeline, after a run that wrote nothing, and what documents showed before it, if that is `known`."""

    def __init__(self, file: Path, pipeline: "Pipeline", known: bool, article: str) -> None:
        from sqlite3 import DatabaseError

        from feedd.named import remembered
        from feedd.reasons.verdicts import documents_of
        from feedd.state.database import DAMAGED

        self.file, self.pipeline, self.here = file, pipeline, here()
        self.documents: Documents | None = documents_of(pipeline) if known else None
        self._before: Row | None = None
        with suppress(DatabaseError):  # of a damaged state, the run finds out more
            self._before = remembered(pipeline, article, self.here) if article else None
        report = run(pipeline)
        self.now = report.now
        self.damage = next((problem for problem in report.problems if problem.kind == DAMAGED), None)

    def article(self, named: str) -> str | None:
        """The path of the article that is called so."""
        from feedd.named import find

        return find(self.pipeline.desk, named, self.pipeline, self.here)

    def explain(self, path: str, named: str, feed: str | None, as_json: bool) -> None:
        """Answer for an article."""
        from feedd.explain import explain, possible_feeds
        from feedd.named import find_feed, former_name

        row = self.pipeline.index.row(path) if path.isprintable() else None
        card = self.pipeline.catalogue.get(row.id) if row and row.id else None
        also = possible_feeds(self.pipeline, self.pipeline.index.article(card.key)) if card else set()
        name = find_feed(self.pipeline, feed, self.here, frozenset(also)) if feed else None
        if feed and name is None:
            refuse(f"no feed {feed!r}. {_other_feeds(self.pipeline, feed)}")
        if not feed and find_feed(self.pipeline, named, self.here):
            click.echo(f"feedd: {named!r} is a feed as well: `feedd explain --feed {named}` is about that.", err=True)
        asked = former_name(self.pipeline, feed, self.here) if feed else None
        explanation = explain(self.pipeline, path, self.now, asked or name, self.file, self.documents)
        print_json(explanation) if as_json else click.echo("\n".join(_explained(explanation, name, self.here)))

    def unmatched(self, named: str) -> str | None:
        """The path of the file that is called so and holds no article that is known, unless a feed is called so."""
        from feedd.named import find_feed, find_unmatched

        is_feed = find_feed(self.pipeline, named, self.here)
        return None if is_feed else find_unmatched(self.pipeline.config.content.path, named)

    def gone(self, named: str) -> str | None:
        """The id of the article that was called so before its file went."""
        from feedd.named import find_feed, told_of

        if self._before and self._before.id:
            return self._before.id
        return None if find_feed(self.pipeline, named, self.here) else told_of(self.pipeline, named)

    def explain_gone(self, id: str, feed: str | None, as_json: bool) -> None:
        """Answer for an article whose file is gone."""
        from feedd.explain import explain_gone

        name = self.feed(feed) if feed else None
        explanation = explain_gone(id, self._before, self.pipeline.ledger.told(id), name, self.documents)
        print_json(explanation) if as_json else click.echo("\n".join(_explained(explanation, name, self.here)))

    def feed(self, named: str) -> str:
        """The name of the feed that is called so."""
        from feedd.named import find_feed

        return find_feed(self.pipeline, named, self.here) or refuse(
            f"no feed {named!r}. {_other_feeds(self.pipeline, named)}"
        )

    def feed_or_article(self, named: str) -> str:
        """The same of what is no article."""
        from feedd.named import find_feed, near_feed

        found = find_feed(self.pipeline, named, self.here)
        near = near_feed(self.pipeline, named)
        return found or self.refuse_article(named, f" Or did you mean the feed {near}?" if near else "")

    def view(self, name: str, named: str, most: int | None, as_json: bool) -> None:
        """Answer for a feed."""
        from feedd.misses import view
        from feedd.named import former_name

        former = former_name(self.pipeline, named, self.here)
        found = view(self.pipeline, name, self.now, self.file, self.documents, most, former)
        print_json(found) if as_json else click.echo("\n".join(_viewed(found, self.here)))

    def refuse_article(self, named: str, more: str = "") -> NoReturn:
        """End, since nothing is called so."""
        place = self.pipeline.config.content.path
        refuse(f"no article {named!r} below {place}. Name its path, file name or id, or a feed by --feed.{more}")


def _other_feeds(pipeline: "Pipeline", named: str) -> str:
    """What to name instead of a feed that there is not: the nearest, else some that there are."""
    from feedd.named import feed_names, near_feed

    near, names = near_feed(pipeline, named), sorted(feed_names(pipeline))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"Did you mean {near}?" if near else f"There are: {', '.join(names[:SHOWN])}{more}"


# An article


def _explained(explanation: "Explanation", feed: str | None, here: Path) -> Iterator[str]:
    """All verdicts; a feed that was asked for is answered for also where no rule of it was asked."""
    widths = _widths([*explanation.article, *(one for verdicts in explanation.feeds.values() for one in verdicts)])
    yield printable(f"{explanation.path}  {explanation.id}".strip())
    for verdict in explanation.article:
        yield from _verdict(verdict, widths, here)
    if explanation.former:
        yield _former(explanation.former, here)
    for name in explanation.feeds or ([feed] if feed else []):
        reason = ", for the reason above" if explanation.barred_by_itself(name) else ""
        yield f"{name}: {'in' if explanation.shown_in(name) else 'not in'}{reason}"
        for verdict in explanation.feeds.get(name, ()):
            yield from _verdict(verdict, widths, here)


def _former(place: "Place", here: Path) -> str:
    return f"{place.note}  {_dim(_place(place, here))}".rstrip()


def _widths(verdicts: Sequence["Verdict"]) -> tuple[int, int]:
    """How wide the columns of rules and of their words are."""
    words = [len(one.says) for one in verdicts if len(one.says) <= _WIDEST and one.places]
    return max((len(one.rule) for one in verdicts), default=0), max(words, default=0)


def _verdict(verdict: "Verdict", widths: tuple[int, int], here: Path) -> Iterator[str]:
    passes = click.style("yes", fg="green") if verdict.passes else click.style("no ", fg="red")
    told = f"  {passes}  {verdict.rule:<{widths[0]}}  "
    places = _places(verdict, here)
    says = printable(verdict.says)
    yield told + (f"{says:<{widths[1]}}  {_dim(places)}" if places else says)
    if verdict.remedy:
        yield f"{'':{widths[0] + 9}}{printable(verdict.remedy)}"


def _places(verdict: "Verdict", here: Path, own: str = "") -> str:
    """Where what decides is written, with what has to be known of it and is not said yet; `own` is the file that need
    not be named.
    """
    told = (
        _place(place, here, own) + (f" ({place.note})" if place.note and place.note not in verdict.says else "")
        for place in verdict.places
    )
    return ", ".join(dict.fromkeys(told))


def _place(place: "Place", here: Path, own: str = "") -> str:
    """A place as it is seen from here, where it lies below."""
    if place.file and place.file == own and place.line:
        return f"line {place.line}" + (f": {place.field}" if place.field else "")
    found = printable(str(place))
    return found.removeprefix(f"{here}{os.sep}") if place.file.startswith(f"{here}{os.sep}") else found


def _dim(text: str) -> str:
    return click.style(text, dim=True) if text else ""


# A feed


def _viewed(view: "View", here: Path) -> Iterator[str]:
    yield printable(f"{view.name}  {view.title}")
    if view.former:
        yield _former(view.former, here)
    rows = [("documents", ", ".join(view.documents), "")]
    rows += [(wish.key, _value(wish.value), _place(wish.place, here)) for wish in view.asks]
    widths = (max(len(row[0]) for row in rows), max(len(row[1]) for row in rows if len(row[1]) <= _WIDEST))
    for key, value, place in rows:
        yield f"  {key:<{widths[0]}}  {value:<{widths[1]}}  {_dim(place)}".rstrip()
    yield from _list(f"in: {many(view.count, 'article')}", view.count, map(_item, view.entries))
    for group in view.misses:
        yield from _list(
            f"not in, by {click.style(group.rule, fg='red')} alone: {many(group.count, 'article')}",
            group.count,
            (_miss(miss, here) for miss in group.articles),
        )
    if view.coming:
        told = (printable(f"{coming.when}  {coming.item.path}  {coming.item.title}") for coming in view.coming)
        yield from _list(f"to come, by time alone: {many(view.coming_count, 'article')}", view.coming_count, told)
    if view.held_back:
        told = (_miss(miss, here) for miss in view.held_back)
        count = len(view.held_back)
        yield from _list(f"held back by their authors: {many(count, 'article')}", count, told)
    if view.not_public:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(view.not_public.items()))
        yield f"not public, of the whole site: {counts}"


def _value(value: Any) -> str:
    return printable(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def _list(head: str, count: int, lines: Iterable[str]) -> Iterator[str]:
    """A head, what is listed below it, and how many are left out."""
    yield head
    shown = [f"  {line}" for line in lines]
    yield from shown
    if len(shown) < count:
        yield f"  … and {count - len(shown)} more: `--all` names them"


def _item(item: "Item") -> str:
    return printable(f"{item.published}  {item.path}  {item.title}")


def _miss(miss: "Miss", here: Path) -> str:
    places = _places(miss.verdict, here, miss.item.path)
    said = printable(f"{miss.item.published}  {miss.item.path}  {miss.verdict.says}")
    return said + (f"  {_dim(places)}" if places else "")

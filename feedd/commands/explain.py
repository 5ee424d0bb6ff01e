"""`feedd explain`: why an article is in a feed or not."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import here, load, open_pipeline, run
from feedd.commands.names import ARTICLE, FEED
from feedd.commands.options import configured, jsonable
from feedd.commands.terminal import SHOWN, print_json, refuse

if TYPE_CHECKING:
    from feedd.explain import Explanation, Verdict
    from feedd.pipeline import Pipeline


@click.command(epilog="Example: feedd explain content/news/2024-05-31-a-story.md topics/ai")
@configured
@jsonable
@click.argument("article", type=ARTICLE)
@click.argument("feed", required=False, type=FEED)
def command(file: Path, as_json: bool, article: str, feed: str | None) -> None:
    """Say why ARTICLE is in FEED or not: each rule, in order.

    ARTICLE is a path, from here or below the content directory, a file name or an id; FEED a name such as all,
    topics/ai or providers/news.example, or one of its documents, such as feeds/topics/ai.atom. Without FEED, all
    that could hold it are explained.
    """
    from feedd.explain import explain
    from feedd.named import find, find_feed

    pipeline, _ = open_pipeline(load(file), dry_run=True)
    with closing(pipeline):
        moment, place = run(pipeline).now, here()
        path = find(pipeline.desk, article, pipeline, place)
        if path is None:
            refuse(f"no article {article!r} below {pipeline.config.content.path}. Name its path, file name or id.")
        name = find_feed(pipeline, feed, place) if feed else None
        if feed and name is None:
            refuse(f"no feed {feed!r}. {_other_feeds(pipeline, feed)}")
        explanation = explain(pipeline, path, moment, name)
    print_json(explanation) if as_json else _say_explanation(explanation, name)


def _say_explanation(explanation: "Explanation", feed: str | None) -> None:
    """All verdicts; a feed that was asked for is answered for also where no rule of it was asked."""
    click.echo(f"{explanation.path}  {explanation.id}".rstrip())
    for verdict in explanation.article:
        _say_verdict(verdict)
    for name in explanation.feeds or ([feed] if feed else []):
        reason = ", for the reason above" if explanation.barred_by_itself(name) else ""
        click.echo(f"{name}: {'in' if explanation.shown_in(name) else 'not in'}{reason}")
        for verdict in explanation.feeds.get(name, ()):
            _say_verdict(verdict)


def _other_feeds(pipeline: "Pipeline", named: str) -> str:
    """What to name instead of a feed that there is not: the nearest, else some that there are."""
    from feedd.named import feed_names, near_feed

    near, names = near_feed(pipeline, named), sorted(feed_names(pipeline))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"Did you mean {near}?" if near else f"There are: {', '.join(names[:SHOWN])}{more}"


def _say_verdict(verdict: "Verdict") -> None:
    passes = click.style("yes", fg="green") if verdict.passes else click.style("no ", fg="red")
    click.echo(f"  {passes}  {verdict.rule}: {verdict.says}")

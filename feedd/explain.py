"""Explain: why an article is in a feed or not, rule by rule, each with where what decides is written.

In: a pipeline that has just run, the moment, and an article's path (`named` makes one of what somebody calls it). Out:
verdicts in the order in which the rules are asked: of the article by itself, then of it in each feed. Writes nothing.
"""

from pathlib import Path

from msgspec import Struct

from feedd.content.article import Article
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.plan import ALL
from feedd.feeds.select import readable
from feedd.named import feed_names
from feedd.pipeline import Pipeline
from feedd.reasons.membership import Membership
from feedd.reasons.places import Place
from feedd.reasons.standing import can_be_named, inquiry, standing
from feedd.reasons.verdicts import Documents, Verdict
from feedd.state.index import Row
from feedd.state.ledger import Told


class Explanation(Struct, frozen=True):
    """All verdicts on an article by itself (`article`), then on it in each feed that matters (`feeds`). `former` tells
    that the feed was asked for by a name that its topic had before.
    """

    path: str
    id: str
    article: tuple[Verdict, ...]
    feeds: dict[str, tuple[Verdict, ...]]
    former: Place | None = None

    def shown_in(self, feed: str) -> bool:
        """Whether subscribers of that feed see the article, whichever of its documents they read."""
        return feed in self.feeds and not self.refusals(feed)

    def refusals(self, feed: str) -> list[Verdict]:
        """The verdicts that keep it out of that feed."""
        return [one for one in (*self.article, *self.feeds.get(feed, ())) if not one.passes]

    def barred_by_itself(self, feed: str) -> bool:
        """Whether what is said of the article by itself alone keeps it out of that feed: no rule of the feed does."""
        return not all(one.passes for one in self.article) and all(one.passes for one in self.feeds.get(feed, ()))


def explain(
    pipeline: Pipeline,
    path: str,
    now: int,
    feed: str | None = None,
    file: Path | None = None,
    documents: Documents | None = None,
) -> Explanation:
    """Why the article at a path is where it is. `feed` names one feed, perhaps by a former name; without it, those of
    its topics, its provider, all, every configured one, and those whose documents show it. For what no author
    published only the latter are explained.

    `file` is that of the configuration, in which places are looked for. `documents` are looked at as well if they are
    given: as they are now, or were before a rehearsal. Raises KeyError for a feed that there is not, and that would not
    be there whatever `[output]` says.
    """
    asked, plan = inquiry(pipeline, now, file, documents), pipeline.desk.plan
    asked_for, feed = feed, plan.former.get(feed, feed) if feed else None
    row = pipeline.index.row(path) if can_be_named(path) else None
    card = pipeline.catalogue.get(row.id) if row and row.id and not row.rival else None
    article = pipeline.index.article(card.key) if card else None
    if feed and feed not in {*feed_names(pipeline), *(possible_feeds(pipeline, article) if article else ())}:
        raise KeyError(feed)
    former = asked.places.former(asked_for, feed) if asked_for and feed and asked_for != feed else None
    verdicts = tuple(standing(asked, row, path))
    if row is None or card is None:
        id = (row and row.id) or ""
        lingers = _lingers(id, feed, documents) if row and not row.rival else {}
        return Explanation(path, id, verdicts, lingers, former)
    lingers = _lingers(card.id, feed, documents)
    names = [feed] if feed else sorted({*plan.route(card), *plan.configured, *lingers})
    feeds = {name: Membership(asked, name).verdicts(card) for name in names}
    found = Explanation(path, card.id, verdicts, feeds, former)
    for name in lingers:
        if found.refusals(name) and not any(one.rule == "documents" for one in feeds[name]):
            feeds[name] += lingers[name]
    return found


def _lingers(id: str, feed: str | None, documents: Documents | None) -> dict[str, tuple[Verdict, ...]]:
    """Of the feeds whose documents show an article, as they are: what is said where it is not in them any more."""
    says = "still shows the article, as it was last written, until the next run (`feedd build`, or `feedd run`)"
    members = documents.members if documents else {}
    shown = (name for name in sorted(members) if id in members[name] and feed in {None, name})
    return {name: (Verdict("documents", True, says, name),) for name in shown}


def explain_gone(
    id: str, row: Row | None, told: Told | None, feed: str | None, documents: Documents | None
) -> Explanation:
    """The same of an article whose file is gone, and which a run takes out of the feeds: what the index held of it
    before, what was told of it, and which documents show it.
    """
    path, members = row.path if row else "", documents.members if documents else {}
    feeds = [name for name in sorted(members) if id in members[name] and feed in {None, name}]
    shown = any(id in ids for ids in members.values())
    file = Verdict("file", shown, _gone(shown, told), path or id, path, remedy=_PUT_BACK if shown else "")
    says = "still shows the article, as it was last written"
    return Explanation(path, id, (file,), {name: (Verdict("documents", True, says, name),) for name in feeds})


_PUT_BACK = "Put the file back to keep it; `feedd approve` lists, and lets go, what the guard keeps."


def _gone(shown: bool, told: Told | None) -> str:
    """What became of an article whose file is gone."""
    if shown:
        return "the file is gone; the article stays in the feeds until the next run, and longer if the guard keeps it"
    if told and told.retracted is not None:
        return f"the file is gone; the article left the feeds at {readable(told.retracted)}"
    return "the file is gone; no feed shows the article"


def possible_feeds(known: Pipeline, article: Article) -> set[str]:
    """The automatic feeds that an article would be in if no switch in the configuration kept them from being there."""
    taxonomy = known.desk.taxonomy
    topics = {taxonomy.topic(name).slug for name in article.topics}
    above = {slug for topic in topics for slug in taxonomy.ancestors(topic)}
    provider = taxonomy.organization(article.provider, article.link).key
    return {ALL, *(TOPICS + slug for slug in topics | above), *([PROVIDERS + provider] if provider else [])}

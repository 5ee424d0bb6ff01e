"""Explain: why an article is in a feed or not, rule by rule.

In: a pipeline that has just run, the moment, and an article's path. Out: verdicts in the order in which the rules are
asked. Decides nothing: the rules are those of `content.article` and `feeds.select`. Writes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from feedd.content.article import Article, Reading, parse
from feedd.desk import Desk
from feedd.feeds.select import Card, Spec, asked, earlier_twin, enough, leaves, readable, select
from feedd.pipeline import Pipeline
from feedd.state.index import Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of an article: whether it lets it in, and why, for people."""

    rule: str
    passes: bool
    says: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All verdicts on an article by itself (`article`), then on it in each feed that matters (`feeds`)."""

    path: str
    id: str
    article: tuple[Verdict, ...]
    feeds: dict[str, tuple[Verdict, ...]]

    def shown_in(self, feed: str) -> bool:
        """Whether subscribers of that feed see the article."""
        return all(verdict.passes for verdict in (*self.article, *self.feeds[feed]))


def explain(pipeline: Pipeline, path: str, now: int, feed: str | None = None) -> Explanation:
    """Why the article at a path is where it is. `feed` names one feed; without it, those of its topics, its provider,
    all, and every configured one. Raises KeyError for a feed that there is not.
    """
    row = pipeline.index.row(path)
    verdicts = tuple(_standing(pipeline, row, path, now))
    card = pipeline.catalogue.get(row.id) if row and row.id and not row.rival else None
    names = [feed] if feed else _near(pipeline, card)
    if feed and feed not in pipeline.feed_names():
        raise KeyError(feed)
    feeds = {name: tuple(_membership(pipeline, pipeline.desk.plan.spec(name), card, now)) for name in names if card}
    return Explanation(path, (row.id if row else None) or "", verdicts, feeds)


def _near(pipeline: Pipeline, card: Card | None) -> list[str]:
    plan = pipeline.desk.plan
    return sorted({*(plan.route(card) if card else ()), *plan.configured})


# The article by itself


def _standing(pipeline: Pipeline, row: Row | None, path: str, now: int) -> Iterator[Verdict]:
    desk = pipeline.desk
    wanted = desk.tree.wanted(path)
    yield Verdict(
        "content", wanted, "matches content.include" if wanted else "not matched by content.include, or excluded"
    )
    found = desk.tree.read(path, desk.rules.max_bytes) if wanted else None
    if found is None:
        yield Verdict("file", False, "there is no such file")
        return
    reading = parse(path, found[1], desk.rules)
    yield from _as_read(reading, row)
    if row is None or row.id is None:
        return
    yield Verdict("id", not row.rival, f"{row.id}, which {row.rival} keeps" if row.rival else row.id)
    article = pipeline.index.article(row.key)
    withheld = _withheld(reading.article, row, now)
    if withheld:
        yield Verdict("guard", True, "it is to be withdrawn, but the mass-change guard keeps all articles")
    yield from _decided(article, now)


def _as_read(reading: Reading, row: Row | None) -> Iterator[Verdict]:
    if reading.state == "skipped":
        yield Verdict("front-matter", False, "the file does not open with a --- fence, so it is no article")
    elif reading.state == "article":
        yield Verdict("front-matter", True, "reads well")
    else:
        kept = bool(row and row.id)
        wrong = (
            "; ".join(f"{p.field}: {p.what}" if p.field else p.what for p in reading.problems) or "the file is empty"
        )
        yield Verdict("front-matter", kept, f"{wrong}; {'its last good version stays' if kept else 'never read well'}")


def _withheld(article: Article | None, row: Row, now: int) -> bool:
    gone = article is None or not article.published or article.removed
    return gone and row.shown(now) and article is not None


def _decided(article: Article, now: int) -> Iterator[Verdict]:
    yield Verdict("published", article.published, f"published is {'true' if article.published else 'not true'}")
    yield Verdict("removed", not article.removed, "deleted or removed is true" if article.removed else "not removed")
    over = article.date <= now
    yield Verdict("embargo", over, f"{'public since' if over else 'appears at'} {readable(article.date)}")
    if article.expires is not None:
        stays = now < article.expires
        yield Verdict("expiry", stays, f"{'leaves' if stays else 'left'} at {readable(article.expires)}")


# The article in a feed


def _membership(pipeline: Pipeline, spec: Spec, card: Card, now: int) -> Iterator[Verdict]:
    for rule in asked(spec):
        yield Verdict(rule.name, rule.passes(card, spec), rule.says(card, spec))
    if spec.sticky:
        yield _sticky(pipeline, spec, card)
    if (until := leaves(card, spec)) is not None:
        yield Verdict(
            "age", now < until, f"{'in the window until' if now < until else 'too old since'} {readable(until)}"
        )
    twin = earlier_twin(card, spec, now, pipeline.catalogue.twins)
    yield Verdict("same-story", twin is None, f"{twin.id} tells the same story and came first" if twin else "told once")
    yield _limit(pipeline, spec, card, now)


def _sticky(pipeline: Pipeline, spec: Spec, card: Card) -> Verdict:
    wants = f"quality ≥ {spec.min_quality}, heat ≥ {spec.min_heat}".replace("None", "any")
    has = f"quality {card.traits.quality}, heat {card.traits.heat}; the feed wants {wants}"
    if enough(card, spec):
        return Verdict("minimum", True, has)
    stays = card.id in pipeline.ledger.marks(spec.name)
    return Verdict("minimum", stays, f"{has}{'; it was in before, so it stays' if stays else ''}")


def _limit(pipeline: Pipeline, spec: Spec, card: Card, now: int) -> Verdict:
    marked = pipeline.ledger.marks(spec.name) if spec.sticky else set()
    shelf = pipeline.catalogue.shelf(spec.name)
    chosen = select(spec, shelf, now, marked, pipeline.catalogue.twins).cards
    inside = any(one.id == card.id for one in chosen)
    full = len(chosen) == spec.limit and not inside
    return Verdict("limit", not full, f"{'not among' if full else 'among'} the first {spec.limit} ({spec.order})")


def find(desk: Desk, named: str, known: Pipeline) -> str | None:
    """The path of an article that somebody names by its path, its id, or its file name."""
    root = desk.tree.root.rstrip("/") + "/"
    path = named.removeprefix(root).removeprefix("./")
    if known.index.row(path) or desk.tree.read(path, 0):
        return path
    holders = known.index.holders(named)
    return holders[0].path if holders else known.index.path_of_name(named)

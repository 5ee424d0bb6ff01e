"""Explain: why an article is in a feed or not, rule by rule.

In: a pipeline that has just run, the moment, and an article's path; what somebody calls the article, or a feed, is made
into a path, or a name, by `find` and `find_feed`. Out: verdicts in the order in which the rules are asked. Decides
nothing: files are read by the desk, the rules are those of `feeds.select`. Writes nothing.
"""

import errno
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from feedd.content.article import Article
from feedd.content.text import key
from feedd.cron import Cron
from feedd.desk import Desk, Record, decode_problems
from feedd.errors import Problem
from feedd.feeds.archive import has_archives
from feedd.feeds.formats import FORMATS
from feedd.feeds.select import (
    Card,
    Edition,
    Spec,
    admits,
    asked,
    earlier_twin,
    enough,
    enters,
    held,
    leaves,
    readable,
    select,
)
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
        return feed in self.feeds and all(verdict.passes for verdict in (*self.article, *self.feeds[feed]))

    def barred_by_itself(self, feed: str) -> bool:
        """Whether what is said of the article by itself alone keeps it out of that feed: no rule of the feed does."""
        return not all(one.passes for one in self.article) and all(one.passes for one in self.feeds.get(feed, ()))


def explain(pipeline: Pipeline, path: str, now: int, feed: str | None = None) -> Explanation:
    """Why the article at a path is where it is. `feed` names one feed, perhaps by a former name; without it, those of
    its topics, its provider, all, and every configured one. No feeds are explained for what no author published.

    Raises KeyError for a feed that there is not.
    """
    plan = pipeline.desk.plan
    feed = plan.former.get(feed, feed) if feed else None
    if feed and feed not in feed_names(pipeline):
        raise KeyError(feed)
    row = pipeline.index.row(path)
    article = tuple(_standing(pipeline, row, path, now))
    card = pipeline.catalogue.get(row.id) if row and row.id and not row.rival else None
    if row is None or card is None:
        return Explanation(path, (row and row.id) or "", article, {})
    names = [feed] if feed else sorted({*plan.route(card), *plan.configured})
    return Explanation(path, card.id, article, {name: _membership(pipeline, name, card, now) for name in names})


# The article by itself


def _standing(pipeline: Pipeline, row: Row | None, path: str, now: int) -> Iterator[Verdict]:
    """What the file says now, then what the index holds of it, which is what subscribers see."""
    desk = pipeline.desk
    held = row is not None and row.id is not None
    wanted = desk.tree.wanted(path)
    record = desk.record(path) if wanted else None
    yield _wanted(wanted, held)
    if wanted:
        yield _as_read(record, held)
    if row is None or row.id is None:
        return
    yield Verdict("id", not row.rival, f"{row.id}, which {row.rival} keeps" if row.rival else row.id)
    if row.shown(now) and _leaves(record, now):
        says = "it would leave, but is held back: too many would at once, or the content cannot be listed"
        yield Verdict("guard", True, says)
    yield from _decided(pipeline.index.article(row.key), now)


def _wanted(wanted: bool, held: bool) -> Verdict:
    says = "matches content.include" if wanted else "not matched by content.include, or excluded"
    return Verdict("content", wanted or held, says)


def _as_read(record: Record | Problem | None, held: bool) -> Verdict:
    """The verdict on the file; one that says nothing good passes where the index still holds an article of it."""
    if record is None:
        return Verdict("file", held, "there is no such file")
    if isinstance(record, Problem):
        return Verdict("file", held, record.what)
    if record.state == "article":
        return Verdict("front-matter", True, "reads well")
    if record.state == "skipped":
        return Verdict("front-matter", held, "the file does not open with a --- fence, so it is no article")
    return Verdict("front-matter", held, f"{_wrong(record)}; {_kept(record, held)}")


def _wrong(record: Record) -> str:
    problems = decode_problems(record.problems) if record.problems else ()
    return "; ".join(f"{one.field}: {one.what}" if one.field else one.what for one in problems) or "the file is empty"


def _kept(record: Record, held: bool) -> str:
    if record.withdrawn:
        return "its text says not to publish it"
    return "its last good version stays" if held else "it never read well"


def _leaves(record: Record | Problem | None, now: int) -> bool:
    """Whether an article would be seen no longer, if it went by its file alone."""
    if record is None:
        return True
    if isinstance(record, Problem) or (record.state in {"broken", "empty"} and not record.withdrawn):
        return False
    return not record.shown(now)


def _decided(article: Article, now: int) -> Iterator[Verdict]:
    yield Verdict("published", article.published, f"published is {'true' if article.published else 'not true'}")
    yield Verdict("removed", not article.removed, "deleted or removed is true" if article.removed else "not removed")
    over = article.date <= now
    yield Verdict("embargo", over, f"{'public since' if over else 'appears at'} {readable(article.date)}")
    if article.expires is not None:
        stays = now < article.expires
        yield Verdict("expiry", stays, f"{'leaves' if stays else 'left'} at {readable(article.expires)}")


# The article in a feed


def _membership(pipeline: Pipeline, name: str, card: Card, now: int) -> tuple[Verdict, ...]:
    """The verdicts of a feed's rules: of what it takes, then of what is chosen of that."""
    plan, edition = pipeline.desk.plan, pipeline.ledger.edition(name)
    spec = plan.spec(name)
    verdicts = [Verdict(rule.name, rule.passes(card, spec), rule.says(card, spec)) for rule in asked(spec)]
    if admits(spec, card) and name not in plan.route(card):
        verdicts.append(Verdict("feed", False, "the configuration has no such feed any more"))
    if edition is None or spec.schedule is None or not edition.holds(spec, now):
        return (*verdicts, *_choice(pipeline, spec, card, now, _all_pass(verdicts)))
    if card.id in edition.ids:
        return (*verdicts, *_stay(pipeline, spec, card, now, edition))
    verdicts += _choice(pipeline, spec, card, now, _all_pass(verdicts))
    return (*verdicts, _entry(spec.schedule, card, now, _all_pass(verdicts)))


def _all_pass(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.passes for verdict in verdicts)


def _choice(pipeline: Pipeline, spec: Spec, card: Card, now: int, admitted: bool) -> list[Verdict]:
    """Whether an article is chosen, or would be now; by the limit only one that passes all else."""
    marked = pipeline.ledger.marks(spec.name) if spec.sticky else set()
    verdicts = [_minimum(spec, card, marked)] if spec.sticky else []
    until = leaves(card, spec)
    if until is not None:
        says = f"{'in the window until' if now < until else 'too old since'} {readable(until)}"
        verdicts.append(Verdict("age", now < until, says))
    verdicts.append(_told_once(earlier_twin(card, spec, now, marked, pipeline.catalogue.twins)))
    if card.shown(now) and admitted and _all_pass(verdicts):
        verdicts.append(_limit(pipeline, spec, card, now, marked))
    return verdicts


def _stay(pipeline: Pipeline, spec: Spec, card: Card, now: int, edition: Edition) -> tuple[Verdict, ...]:
    """Whether an article that was chosen is still in the feed."""
    members = held(spec, edition, now, set(), pipeline.catalogue.get).cards
    twin = next((other for other in members if other.story == card.story and other is not card), None)
    says = "is in the feed at least until " + (readable(edition.due) if edition.due else "it is withdrawn")
    return _told_once(twin), Verdict("schedule", True, says)


def _entry(schedule: Cron, card: Card, now: int, fits: bool) -> Verdict:
    """When an article that fits can come in, or the feed is chosen anew."""
    moment = schedule.next(max(now, card.since - 1))
    says = "enters" if fits else "the feed is chosen anew"
    return Verdict("schedule", False, f"{says} at {readable(moment)}" if moment else "nothing enters any more")


def _told_once(twin: Card | None) -> Verdict:
    says = f"{twin.id} tells the same story and came first" if twin else "told once"
    return Verdict("same-story", twin is None, says)


def _minimum(spec: Spec, card: Card, marked: Container[str]) -> Verdict:
    minima = {"quality": spec.min_quality, "heat": spec.min_heat}
    wants = ", ".join(f"{name} ≥ {minimum}" for name, minimum in minima.items() if minimum is not None)
    has = f"quality {card.traits.quality}, heat {card.traits.heat}; the feed wants {wants}"
    stays = not enough(card, spec) and card.id in marked
    return Verdict("minimum", enters(card, spec, marked), f"{has}{'; it was in before, so it stays' if stays else ''}")


def _limit(pipeline: Pipeline, spec: Spec, card: Card, now: int, marked: Container[str]) -> Verdict:
    shelf = pipeline.catalogue.shelf(spec.name)
    inside = card in select(spec, shelf, now, marked, pipeline.catalogue.twins).cards
    kept = "; it is in the archives" if not inside and pipeline.config.output.archives and has_archives(spec) else ""
    return Verdict("limit", inside, f"{'among' if inside else 'not among'} the first {spec.limit} ({spec.order}){kept}")


# What somebody calls an article or a feed


def find(desk: Desk, named: str, known: Pipeline, here: Path) -> str | None:
    """The path of an article that somebody names by its path below the content directory or as seen from the directory
    `here`, by its id, or by its file name. Where both paths lead to a file the former wins, since messages name files
    like that, unless `./`, `../` or `/` says that the latter is meant.
    """
    below, seen = named.removeprefix("./"), _below(Path(desk.tree.root), named, here)
    for path in (seen, below) if named.startswith(("./", "../", "/")) else (below, seen):
        if path and (known.index.row(path) or _is_file(desk, path)):
            return path
    holders = known.index.holders(named)
    return holders[0].path if holders else known.index.path_of_name(named)


def feed_names(known: Pipeline) -> set[str]:
    """The feeds that can be asked for: those that there are, and those whose first article is yet to appear."""
    return {*known.feed_names(), *known.catalogue.names()}


def near_feed(known: Pipeline, named: str) -> str | None:
    """The feed that was probably meant by a name that none has: one whose last part is like that of the name."""
    folder, _, last = _without_format(named).rpartition("/")
    names = sorted(feed_names(known), key=lambda name: (name.rpartition("/")[0] == folder, name))
    lasts = {name.rpartition("/")[2]: name for name in names}  # of two with one last part that in the folder counts
    found = get_close_matches(key(last[:100]), lasts, 1)
    return lasts[found[0]] if found else None


def find_feed(known: Pipeline, named: str, here: Path) -> str | None:
    """The name of a feed that somebody names by it, by a former name, or by one of its documents: its path below the
    output directory or as seen from the directory `here`, or its address.
    """
    output, names = known.config.output.path, feed_names(known)
    below = named.removeprefix(known.config.site.feeds_url).removeprefix("./")
    for path in (below, below.removeprefix(f"{output.name}/"), _below(output, named, here)):
        for name in (path, _without_format(path)):
            name = known.desk.plan.former.get(name, name)
            if name in names:
                return name
    return None


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


def _without_format(path: str) -> str:
    name, _, suffix = path.rpartition(".")
    return name if suffix in FORMATS else path


def _is_file(desk: Desk, path: str) -> bool:
    try:
        return desk.tree.read(path, 0) is not None
    except OSError as error:  # there and unreadable, unless no file can have that name
        return error.errno != errno.ENAMETOOLONG

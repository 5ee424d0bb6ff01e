"""Prune: which feeds and documents could be removed for good, since nothing asks for them any more, and their removal.

In: a pipeline that has just run, and the moment. Out: what could go, with its documents and the reason, or why what
somebody named could not; then documents that the next run removes and remembers as gone. A feed is left alone as long
as the configuration wants it, an article is in it, or one under embargo will be. Only what feedd remembers to have
written is ever found. What comes back is a feed again, with the id that it had.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path

from feedd.config import Where, noted
from feedd.errors import Problem
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.plan import ALL
from feedd.feeds.select import readable
from feedd.pipeline import Pipeline, Report
from feedd.publish.directory import PAGE
from feedd.run import SITE
from feedd.status import Prunable, PruneReply

MOST_FOUND = 1000
"""Of what could be removed, as many are named; the others are counted, and removed with these."""

_UNSURE = {"no-content", "failure", "state-unusable"}
"""Kinds of problems of a run after which nothing is removed: what is public is not known, or what is done forgotten."""
_KIND = "asked-for"
_NS = 1_000_000_000


def prune(
    pipeline: Pipeline,
    file: Path,
    report: Report,
    run: Callable[[], Report],
    names: Sequence[str] = (),
    digest: str = "",
) -> PruneReply:
    """What could be removed of what these names mean, of everything without any, as of a run with this report. With the
    `digest` of an earlier answer exactly that is removed which it listed, by another `run`; if it is another by now,
    that is listed, and nothing removed. `file` is that of the configuration.

    Raises StateError, with nothing done.
    """
    if any(problem.kind in _UNSURE for problem in report.problems):
        return PruneReply(False, problems=report.problems)
    found, problems = chosen(pipeline, report.now, file, names)
    known = digest_of(found)
    if problems or digest != known:
        return PruneReply(not problems, tuple(found[:MOST_FOUND]), len(found), known, 0, tuple(problems))
    documents = [path for one in found for path in one.documents]
    pipeline.give_up(_feeds(pipeline, found), documents)
    after = run()
    left = set(documents).intersection(pipeline.ledger.doomed())
    return PruneReply(not left, removed=len(documents) - len(left), problems=after.problems if left else ())


def _feeds(pipeline: Pipeline, found: Iterable[Prunable]) -> list[str]:
    """The feeds among what could be removed, and their former names, which may have been feeds themselves."""
    names = {one.name for one in found if not one.name.startswith(".")}
    return sorted(names.union(old for old, new in pipeline.desk.plan.former.items() if new in names))


def digest_of(found: Iterable[Prunable]) -> str:
    """What stands for exactly these, with their documents."""
    digest = blake2b(digest_size=16)
    for one in found:
        digest.update("\0".join((one.name, *one.documents, "\n")).encode())
    return digest.hexdigest()


def chosen(pipeline: Pipeline, now: int, file: Path, names: Sequence[str]) -> tuple[list[Prunable], list[Problem]]:
    """What is meant by these names and could be removed, everything without any; and why others are not to be."""
    found = {one.name: one for one in prunable(pipeline, now)}
    if not names:
        return list(found.values()), []
    meant = dict.fromkeys(_meant(pipeline, name) for name in names)
    refused = [_refused(pipeline, name, now, file) for name in meant if name not in found]
    return [found[name] for name in meant if name in found], refused


def prunable(pipeline: Pipeline, now: int) -> Iterator[Prunable]:
    """Everything that could be removed, feeds by name, then what is left of formats."""
    written, used = _written(pipeline), {form.suffix for form in pipeline.desk.formats}
    empty = [name for name in pipeline.ledger.feeds() if not _is_wanted(pipeline, name, now)]
    for name in empty:
        documents = written.pop(name, {})
        current = {path: mtime for path, mtime in documents.items() if _suffix(path) in used}
        yield Prunable(name, _why(pipeline, name), tuple(sorted(documents)), _first(current or documents))
    left: dict[str, dict[str, int]] = defaultdict(dict)
    for path, mtime in (item for documents in written.values() for item in documents.items()):
        if _suffix(path) not in {*used, PAGE}:
            left[_suffix(path)][path] = mtime
    for suffix, documents in sorted(left.items()):
        why = f"output.formats has no {suffix} any more"
        yield Prunable(f".{suffix}", why, tuple(sorted(documents)), _first(documents))


def _suffix(path: str) -> str:
    return path.rpartition(".")[2]


def _first(documents: dict[str, int]) -> int | None:
    """When the first of these was last written, in seconds: all were when nothing was left in them. None if nobody
    knows.
    """
    known = [mtime for mtime in documents.values() if mtime >= 0]
    return min(known) // _NS if known else None


def _written(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """The documents of each feed, under whatever name, with when they were written: those that are to stay so far."""
    doomed, found = set(pipeline.ledger.doomed()), defaultdict[str, dict[str, int]](dict)
    for path, one in pipeline.ledger.all_written():
        if one.feed != SITE and path not in doomed:
            found[one.feed][path] = one.mtime
    return found


# What asks for a feed


def _is_wanted(pipeline: Pipeline, name: str, now: int) -> bool:
    plan, known = pipeline.desk.plan, pipeline.ledger.feed(name)
    if name in plan.standing() or name in plan.former or (known and known.members):
        return True
    return any(card.until is None or card.until > now for card in pipeline.catalogue.shelf(name))


def _why(pipeline: Pipeline, name: str) -> str:
    """Why nothing asks for a feed."""
    output = pipeline.config.output
    if name.startswith(TOPICS):
        return "no public article has this topic" if output.topics else "output.topics is false"
    if name.startswith(PROVIDERS):
        return "no public article is of this provider" if output.providers else "output.providers is false"
    return "output.all is false" if name == ALL else "the configuration has no such [[feed]]"


def _refused(pipeline: Pipeline, name: str, now: int, file: Path) -> Problem:
    """Why what somebody named is not to be removed."""
    plan = pipeline.desk.plan
    if name in plan.former:
        what = f"{name} is a former name of {plan.former[name]} and leads there"
        return Problem(_KIND, what, "Take the alias out of the taxonomy first.")
    if name in plan.standing():
        return _asked_by(pipeline, name, file)
    known = pipeline.ledger.feed(name)
    if known and known.members:
        count = known.listing.count if known.listing else len(known.members)
        what = f"{name} has {count} public article{'s' if count != 1 else ''}"
        return Problem(_KIND, what, "A feed can be removed once nothing is in it.")
    since = [card.since for card in pipeline.catalogue.shelf(name) if card.since > now]
    if known and since:
        what = f"{name} is waiting for an article under embargo until {readable(min(since))}"
        return Problem(_KIND, what, "A feed can be removed once nothing is to come into it.")
    if name.startswith(".") and name[1:].isalnum():
        return Problem(_KIND, f"nothing is left of a format {name[1:]!r}, or it is in use", "See `feedd prune`.")
    near = get_close_matches(name, pipeline.feed_names(), 1)
    return Problem("unknown-feed", f"there is no feed {name}", f"Did you mean {near[0]}?" if near else "")


def _asked_by(pipeline: Pipeline, name: str, file: Path) -> Problem:
    """That the configuration asks for a feed, and where."""
    names = [feed.name for feed in pipeline.config.feeds]
    where: Where = ("feed", names.index(name) + 1, "name") if name in names else ("output", "all")
    found = noted(file, _KIND, where, f"asks for the feed {name}", "Change that first.")
    return Problem(found.kind, found.what, found.remedy, found.file, found.line, found.field)


def _meant(pipeline: Pipeline, named: str) -> str:
    """The name of what somebody names by it, or by the path or the address of one of its documents."""
    below = named.removeprefix(pipeline.config.site.feeds_url).removeprefix("./")
    known = {*pipeline.feed_names(), *pipeline.desk.plan.former}
    for path in (below, below.removeprefix(f"{pipeline.config.output.path.name}/")):
        for name in (path, path.rpartition(".")[0]):
            if name in known:
                return name
    return f".{named[2:]}" if named.startswith("*.") else named

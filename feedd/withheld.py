"""Withheld: what the guard keeps in the feeds, as people are shown it before they let it go.

In: a pipeline that has just run, and its report. Out: a reply that names each article, why it would leave, and which
feeds show it. Writes nothing, and lets nothing go: `Pipeline.run` does, where the digest of the reply is approved.
"""

from feedd.errors import Problem
from feedd.pipeline import Pipeline, Report
from feedd.service.health import is_good
from feedd.state.intake import Held
from feedd.status import ApproveReply, Withheld, WithheldReply


def listed(pipeline: Pipeline, report: Report) -> WithheldReply:
    """What the guard kept in a run that looked at everything."""
    articles = tuple(_withheld(pipeline, held) for held in report.held)
    return WithheldReply(_is_good(report), articles, report.withheld, report.digest, _others(report))


def _withheld(pipeline: Pipeline, held: Held) -> Withheld:
    row = pipeline.index.row(held.path)
    title = pipeline.index.article(row.key).title if row and row.id else ""
    return Withheld(held.path, held.id, title, held.why, tuple(pipeline.feeds_showing(held.id)))


def approved(_: Pipeline, report: Report) -> ApproveReply:
    """What came of a run in which something was approved. What is withheld still is named by `listed`."""
    return ApproveReply(_is_good(report), len(report.left), report.withheld, _others(report))


def _is_good(report: Report) -> bool:
    return is_good(report.problems, len(report.written) + report.unchanged)


def _others(report: Report) -> tuple[Problem, ...]:
    """The problems of a run, without that of the guard where what it keeps is told anyway."""
    return tuple(one for one in report.problems if one.kind != "guard" or not report.withheld)

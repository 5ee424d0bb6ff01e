"""Standing: the rules that are asked of an article by itself, whatever the feed.

In: what is asked, and the path of an article with what the index holds of it. Out: verdicts: on the file as it is now,
then on the article as the index has it, which is what subscribers see. Reads the file; decides nothing.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from msgspec.structs import replace

from feedd.content.article import Article, Hold, Reading, Rules, parse
from feedd.content.header import withdrawn_at
from feedd.content.source import pattern, shown
from feedd.desk import Desk, Record, duplicate_id
from feedd.errors import Problem
from feedd.feeds.select import readable
from feedd.pipeline import Pipeline
from feedd.reasons.places import Place, Places
from feedd.reasons.verdicts import Documents, Inquiry, Verdict
from feedd.state.index import Row
from feedd.state.intake import GONE, UNWANTED, why_leaving


class File(NamedTuple):
    """What a file holds now: its record and its reading, or why it cannot be read."""

    record: Record | Problem | None
    reading: Reading | None = None
    data: bytes = b""


def inquiry(pipeline: Pipeline, now: int, file: Path | None, documents: Documents | None) -> Inquiry:
    """What is asked of a pipeline; `file` is that of the configuration."""
    return Inquiry(pipeline, now, Places(pipeline.desk, file, partial(_kept_as, pipeline, now)), documents)


def _kept_as(pipeline: Pipeline, now: int, path: str) -> str:
    """Why what the index holds of an article is not what its file says now; empty if it is."""
    row = pipeline.index.row(path) if can_be_named(path) else None
    if row is None or row.id is None:
        return ""
    record = read_file(pipeline.desk, path, pipeline.desk.rules).record
    if row.shown(now) and _leaves(record, now):
        return "as the guard keeps it; the file may say something else now"
    if not isinstance(record, Record):
        return ""
    return "as it was last good; the file may say something else now" if record.state in {"broken", "empty"} else ""


def standing(inquiry: Inquiry, row: Row | None, path: str) -> Iterator[Verdict]:
    """What the file says now, then what the index holds of it, which is what subscribers see."""
    kept = row is not None and row.id is not None
    whereabouts = _content(inquiry, path, kept)
    wanted = whereabouts.passes and not whereabouts.remedy
    file = read_file(inquiry.pipeline.desk, path, inquiry.pipeline.desk.rules) if wanted else File(None)
    yield whereabouts
    if wanted:
        yield from _as_read(inquiry, path, file, kept)
    if row is None or row.id is None:
        if isinstance(file.record, Record) and file.record.state == "article":
            yield _not_found(inquiry, path)
        return
    yield _id(inquiry, row)
    if row.shown(inquiry.now) and _leaves(file.record, inquiry.now):
        yield _held_back(inquiry, path, file, wanted)
    yield from _decided(inquiry, inquiry.pipeline.index.article(row.key), file)


def file_is_there(inquiry: Inquiry, path: str) -> bool:
    """Whether anything lies at a path of content."""
    return os.path.lexists(Path(inquiry.pipeline.desk.tree.root, path))


def _held_back(inquiry: Inquiry, path: str, file: File, wanted: bool) -> Verdict:
    """That an article stays which its file, or that there is none, does not let stay; why it would leave, and where
    that is written.
    """
    is_gone = file.record is None and not file_is_there(inquiry, path)
    at, root = inquiry.places.setting(("guard", "fraction")), inquiry.pipeline.config.content.path
    try:
        os.scandir(root).close()
    except OSError as error:
        at = inquiry.places.setting(("content", "path"))
        says = f"it would leave, but is held back, as all are: the content cannot be listed: {error.strerror or error}"
        return Verdict("guard", True, says, path, wanted_at=at, remedy="Restore the content directory.")
    why = why_leaving(file.record, inquiry.now) if isinstance(file.record, Record) else GONE if wanted else UNWANTED
    kept = f"it would leave, since {why}, but is held back: the guard keeps it"
    kept = "the file is gone; the guard keeps the article" if is_gone else kept
    says = f"{kept} in the feeds, since too many would leave at once"
    mend = "Put the file back" if is_gone else "Mend the file or the settings"
    own = _leaving_by(inquiry, path, file)
    return Verdict(
        "guard", True, says, GONE if is_gone else why, own.file or path, own.line, own.field,
        wanted_at=at, remedy=f"{mend}, or let it go: `feedd approve`.",
    )  # fmt: skip


def _leaving_by(inquiry: Inquiry, path: str, file: File) -> Place:
    """What the file says now by which its article would leave; empty if it says nothing."""
    record, reading, places = file.record, file.reading, inquiry.places
    if not isinstance(record, Record) or reading is None:
        return Place()
    if reading.held:
        return places.key_now(path, reading.held[0].key)
    if at := withdrawn_at(file.data) if record.withdrawn else None:
        return Place(at[0], path, at[1])
    if record.article is None or record.since is None:
        return Place()
    return places.date_now(path) if record.since > inquiry.now else places.front_now(path, "expires")


def can_be_named(path: str) -> bool:
    """Whether a path is UTF-8, as all are that are known."""
    return shown(path) == path


def _content(inquiry: Inquiry, path: str, kept: bool) -> Verdict:
    """Whether a path is one of content; the remedy is there only if it is not."""
    tree, content, places = inquiry.pipeline.desk.tree, inquiry.pipeline.config.content, inquiry.places
    include, exclude = places.setting(("content", "include")), places.setting(("content", "exclude"))

    def refused(says: str, remedy: str, wanted: object = None, at: Place | None = None) -> Verdict:
        return Verdict("content", kept, says, shown(path), wanted=wanted, wanted_at=at, remedy=remedy)

    hidden = next((part for part in path.split("/") if part.startswith(".") and part not in {".", ".."}), "")
    if path.startswith(("/", "../")) or path == "..":
        root = places.setting(("content", "path"))
        return refused("is outside the content directory", "Move it there.", str(content.path), root)
    if not can_be_named(path):
        return refused("its name is not UTF-8", "Rename the file.")
    if hidden:
        return refused(f"is hidden, since {hidden} begins with a dot", "Rename it.")
    if glob := next((glob for glob in content.exclude if pattern([glob]).match(path)), ""):
        return refused(
            f"is excluded by {glob}", "Move it, or take that out of content.exclude.", content.exclude, exclude
        )
    if not (glob := next((glob for glob in content.include if pattern([glob]).match(path)), "")):
        says = f"is not matched by content.include: {', '.join(content.include)}"
        return refused(says, "Rename it, or add a pattern.", content.include, include)
    if link := tree.linked(path):
        return refused(f"lies behind the symbolic link {link}, which is not followed", "Put the folder itself there.")
    return Verdict("content", True, f"is matched by {glob}", path, wanted=content.include, wanted_at=include)


def read_file(desk: Desk, path: str, rules: Rules) -> File:
    """What a file holds now, read by these rules."""
    try:
        found = desk.tree.read(path, rules.max_bytes)
    except OSError:
        return File(desk.record(path))
    if found is None:
        return File(None)
    reading = parse(path, found[1], rules)
    return File(desk.file(path, found[0], reading), reading, found[1])


def _as_read(inquiry: Inquiry, path: str, file: File, kept: bool) -> Iterator[Verdict]:
    """The verdict on the file; one that says nothing good passes where the index still holds an article of it."""
    record, reading = file.record, file.reading
    if record is None:
        says = _absent(Path(inquiry.pipeline.desk.tree.root, path))
        yield Verdict("file", kept, says, path, path)
    elif isinstance(record, Problem):
        yield Verdict("file", kept, record.what, path, path, remedy=record.remedy)
    elif reading is None or record.state == "article":
        yield Verdict("front-matter", True, "reads well", file=path)
    elif record.state == "skipped" and reading.problems:
        for problem in reading.problems:
            yield Verdict("front-matter", kept, problem.what, file=path, line=problem.line, remedy=problem.remedy)
    elif record.state == "skipped":
        says = "the file does not open with a --- fence, so it is no article"
        yield Verdict("front-matter", kept, says, file=path, line=1, remedy="Open it with a line of three dashes.")
    elif record.state == "empty":
        yield Verdict("front-matter", kept, f"the file is empty; {_kept(record, kept)}", file=path, remedy="Write it.")
    else:
        yield from _broken(inquiry, path, file, reading, kept)


def _absent(place: Path) -> str:
    with suppress(OSError):
        status = place.stat()
        return "" if S_ISREG(status.st_mode) else f"is {'a folder' if S_ISDIR(status.st_mode) else 'no regular file'}"
    return "is a symbolic link that leads nowhere" if place.is_symlink() else "there is no such file"


def _broken(inquiry: Inquiry, path: str, file: File, reading: Reading, kept: bool) -> Iterator[Verdict]:
    """A verdict for each error; what the text says beside them once."""
    wrong = [problem for problem in reading.problems if problem.severity == "error"]
    at = withdrawn_at(file.data) if reading.withdrawn else None
    through = (Place(at[0], path, at[1], "the text says not to publish it"),) if at else ()
    for problem in wrong:
        says = f"{problem.field}: {problem.what}" if problem.field else problem.what
        wanted_at = inquiry.places.setting(("content", "max_bytes")) if problem.kind == "too-large" else None
        yield Verdict(
            "front-matter", kept, f"{says}; {_kept(reading, kept)}", problem.kind, path, problem.line, problem.field,
            wanted_at=wanted_at, through=through, remedy=problem.remedy,
        )  # fmt: skip


def _kept(reading: Reading | Record, kept: bool) -> str:
    if reading.withdrawn:
        return "its text says not to publish it"
    return "its last good version stays" if kept else "it never read well"


def _not_found(inquiry: Inquiry, path: str) -> Verdict:
    """Why an article that reads well is not known: nothing tells of it, or the guard keeps what it would replace."""
    folders = path.split("/")[:-1]
    for count in range(len(folders) + 1):
        folder = "/".join(folders[:count])
        try:
            os.scandir(f"{inquiry.pipeline.desk.tree.root}/{folder}").close()
        except OSError as error:
            says = f"the folder {folder or '.'} cannot be listed: {error.strerror}, so nobody knows of the file"
            return Verdict("scan", False, says, path, path, remedy="Let feedd's user read it.")
    says = "is not known yet: it came since the content was looked at, or would replace what the guard holds back"
    return Verdict(
        "scan", False, says, path, path, remedy="Ask again after the next run; `feedd status` tells of the guard."
    )


def _id(inquiry: Inquiry, row: Row) -> Verdict:
    id, places = str(row.id), inquiry.places
    at = places.front(row.path, "guid") if row.guid else Place("", row.path)
    if not row.rival:
        return Verdict("id", True, id, id, at.file, at.line, at.field, at.note)
    problem = duplicate_id(row.path, id, row.rival)
    other = places.key(row.rival, "guid") if places.has(row.rival, "guid") else Place("", row.rival)
    through = (replace(other, note="keeps the id"),)
    return Verdict(
        "id", False, f"{id}, which {row.rival} keeps", id, at.file, at.line, at.field,
        through=through, remedy=problem.remedy,
    )  # fmt: skip


def _leaves(record: Record | Problem | None, now: int) -> bool:
    """Whether an article would be seen no longer, if it went by its file alone."""
    if record is None:
        return True
    if isinstance(record, Problem) or (record.state in {"broken", "empty"} and not record.withdrawn):
        return False
    return not record.shown(now)


def _decided(inquiry: Inquiry, article: Article, file: File) -> Iterator[Verdict]:
    """What its author decided, and when it is public."""
    holds = _holds(article, file)
    if not holds or any(hold.rule != "slip" for hold in holds) or inquiry.places.has(article.path, "published"):
        yield _published(inquiry, article, holds, file)
    if any(hold.rule == "draft" for hold in holds):
        yield verdict_on_hold(inquiry, article.path, Hold("draft", "draft"), file)
    removals = [hold for hold in holds if hold.rule == "removed"]
    yield from (verdict_on_hold(inquiry, article.path, hold, file) for hold in removals)
    if not removals:
        yield Verdict("removed", True, "not removed")
    yield from (verdict_on_hold(inquiry, article.path, hold, file) for hold in holds if hold.rule == "slip")
    yield from _in_time(inquiry, article, file)


def _holds(article: Article, file: File) -> tuple[Hold, ...]:
    """All that keeps the article from being published as the index has it: what the file says, if it is that which the
    index has.
    """
    if article.published and not article.removed:
        return ()
    if file.reading and file.reading.held:
        return file.reading.held
    at = withdrawn_at(file.data)
    if at and at[0] != "published":
        return (Hold("draft", "draft"),) if at[0] == "draft" else (Hold("removed", at[0]),)
    removed = (Hold("removed", "removed"),) if article.removed else ()
    return (*removed, *(() if article.published else (Hold("published", "published"),)))


def _published(inquiry: Inquiry, article: Article, holds: tuple[Hold, ...], file: File) -> Verdict:
    if any(hold.rule == "published" for hold in holds):
        return verdict_on_hold(inquiry, article.path, Hold("published", "published"), file)
    at = inquiry.places.front(article.path, "published")
    if at.file:
        says = "published is true" if at.line else "published was true"
        return Verdict("published", True, says, True, at.file, at.line, at.field, at.note)
    for number, one in enumerate(inquiry.pipeline.config.collections, 1):
        if one.name == article.collection and one.published_default:
            wanted_at = inquiry.places.setting(("collection", number, "published_default"))
            return Verdict("published", True, f"is true unless said otherwise in {one.name}", True, wanted_at=wanted_at)
    return Verdict("published", True, "published was true", True, article.path)


def verdict_on_hold(inquiry: Inquiry, path: str, hold: Hold, file: File) -> Verdict:
    """The verdict on a key that keeps an article from being published."""
    says_so = file.reading is not None and hold in file.reading.held
    at = (inquiry.places.key_now if says_so else inquiry.places.key)(path, hold.key)
    problems = file.reading.problems if file.reading else ()
    told = next((one for one in problems if one.field == hold.key and one.kind in _KINDS[hold.rule]), None)
    text = withdrawn_at(file.data)
    if told:
        says, remedy = f"{hold.key} {told.what}", told.remedy
    elif at.line:
        says, remedy = _SAID[hold.rule].format(key=hold.key), _REMEDIES[hold.rule].format(key=hold.key)
    elif text and text[0] == hold.key:
        at, says = Place(hold.key, path, text[1]), "its text, which cannot be read, says not to publish it"
        remedy = "Mend the file, and write `published: true`."
    else:
        says, remedy = "published was not true", "Write `published: true`."
    hides = {"draft": True, "removed": True, "published": False}.get(hold.rule)
    wanted = None if hides is None else not hides
    return Verdict(hold.rule, False, says, hides, at.file, at.line, at.field, at.note, wanted=wanted, remedy=remedy)


_KINDS = {
    "published": {"published-missing", "published-not-boolean"},
    "draft": {"flag-not-boolean"},
    "removed": {"flag-not-boolean"},
    "slip": {"unknown-key", "duplicate-key"},
}
"""What reading a file says of these keys (`article.Reading.problems`)."""
_SAID = {"published": "published is false", "draft": "draft is true", "removed": "{key} is true", "slip": "{key}"}
_REMEDIES = {
    "published": "Write `published: true` to publish it.",
    "draft": "Take `draft` out to publish it.",
    "removed": "Take `{key}` out to publish it again.",
    "slip": "",
}


def _in_time(inquiry: Inquiry, article: Article, file: File) -> Iterator[Verdict]:
    now, places = inquiry.now, inquiry.places
    naive = {one.field for one in (file.reading.problems if file.reading else ()) if one.kind == "naive-date"}
    zone = places.setting(("content", "timezone"), note="the date names no time zone")
    over, at = article.date <= now, places.date(article.path)
    by = "" if at.field else ", the date that the file's name begins with"
    says = f"{'public since' if over else 'appears at'} {readable(article.date)}{by}"
    through = (zone,) if at.field in naive else ()
    yield Verdict("embargo", over, says, readable(article.date), at.file, at.line, at.field, at.note, through=through)
    if article.expires is not None:
        stays, at = now < article.expires, places.front(article.path, "expires")
        says = f"{'leaves' if stays else 'left'} at {readable(article.expires)}"
        through = (zone,) if at.field in naive else ()
        when = readable(article.expires)
        yield Verdict("expiry", stays, says, when, at.file, at.line, at.field, at.note, through=through)

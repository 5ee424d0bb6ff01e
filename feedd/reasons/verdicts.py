"""Verdicts: what one rule says of an article, as a value; and what has to be known to ask any rule.

In: nothing. Out: the words that the modules beside this share. Asks nothing but what documents show.
"""

from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Any

from msgspec import Struct

from feedd.feeds.select import FILTERS
from feedd.pipeline import Pipeline
from feedd.publish.directory import PAGE, Directory
from feedd.reasons.places import Place, Places

OF_ARTICLES = (
    "content", "file", "front-matter", "scan", "id", "guard", "published", "draft", "removed", "slip", "embargo",
    "expiry",
)  # fmt: skip
"""The rules that are asked of an article by itself, in their order."""
OF_FEEDS = (
    *(rule.name for rule in FILTERS), "feed", "minimum", "age", "same-story", "limit", "schedule", "documents", "format"
)  # fmt: skip
"""The rules that are asked of an article in a feed, in their order."""


class Verdict(Struct, frozen=True):
    """What one rule says of an article: whether it lets it in, and why, for people.

    `value` is what the article has, and `file`, `line`, `field` and `note` tell of where that is written (as
    `places.Place` does); `wanted` is what the feed, or feedd, wants, and `wanted_at` where that is; `through` is what
    else decides, such as a name in the taxonomy. `remedy` says what to do about a mistake.
    """

    rule: str
    passes: bool
    says: str
    value: Any = None
    file: str = ""
    line: int | None = None
    field: str = ""
    note: str = ""
    wanted: Any = None
    wanted_at: Place | None = None
    through: tuple[Place, ...] = ()
    remedy: str = ""

    @property
    def places(self) -> tuple[Place, ...]:
        """All places: of the article's value if it is a field, of what is wanted, and what else decides."""
        own = (Place(self.field, self.file, self.line, self.note),) if self.line or self.field else ()
        return (*own, *((self.wanted_at,) if self.wanted_at else ()), *self.through)


class Documents(Struct, frozen=True):
    """What the documents of feeds show: the ids in each, the feeds of which something could not be written, and those
    of which a document is not as it was left, with that document.
    """

    members: dict[str, frozenset[str]]
    stale: frozenset[str]
    lost: dict[str, str]


def documents_of(pipeline: Pipeline) -> Documents | None:
    """What lies in the output directory; None where the state that knows is damaged. To be asked before a rehearsal,
    which only notes what it would write.
    """
    try:
        feeds = list(pipeline.ledger.all_members())
        written = list(pipeline.ledger.all_written())
    except DatabaseError:
        return None
    directory, formats = (
        Directory(pipeline.config.output.path),
        {form.suffix for form in pipeline.desk.formats} - {PAGE},
    )
    lost = {
        one.feed: path
        for path, one in written
        if path.rpartition(".")[2] in formats
        and path.rpartition(".")[0] == one.feed
        and not (directory.lies(path, one.size, one.mtime) or _is_as_left(directory.root / path, one.digest))
    }
    members = {name: frozenset(ids) for name, _, ids in feeds}
    return Documents(members, frozenset(name for name, stale, _ in feeds if stale), lost)


def _is_as_left(place: Path, digest: bytes) -> bool:
    """Whether a document is as it was left, though its file looks another, as one that was copied does."""
    with suppress(OSError):
        return blake2b(place.read_bytes(), digest_size=len(digest) or 1).digest() == digest
    return False


@dataclass(slots=True)
class Inquiry:
    """What is asked: of a pipeline that has just run, at a moment; what documents show, None if that is not asked."""

    pipeline: Pipeline
    now: int
    places: Places
    documents: Documents | None

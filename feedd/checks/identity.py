"""Identity: whether ids are still made as those were that readers know.

In: the configuration and its file. Out: a warning where the state knows public articles whose ids were made with
another authority or date. They keep them as long as the state is there, but feeds and new articles get others, and
without the state so would all: readers would show every article as new. Reads a copy of the state.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from feedd.config import Config, Where, noted, written
from feedd.errors import Problem
from feedd.state.database import open_copy
from feedd.state.ledger import Ledger


def changed_ids(config: Config, file: Path) -> Iterator[Problem]:
    """The key that changes ids, with the value that it had; nothing once articles were told under the new ones."""
    with closing(open_copy(config.state.path)) as copy:
        told = Ledger(copy).made()
    site = config.site
    if not told or (site.id_authority, site.id_date) in told:
        return
    ((authority, date), count), *_ = told.most_common(1)
    if authority != site.id_authority:
        key = "id_authority" if ("site", "id_authority") in written(file) else "url"
        yield _changed(file, ("site", key), "id_authority", site.id_authority, authority, count)
    if date != site.id_date:
        yield _changed(file, ("site", "id_date"), "id_date", site.id_date, date, count)


def _changed(file: Path, where: Where, key: str, now: str, before: str, count: int) -> Problem:
    articles = "1 public article was" if count == 1 else f"{count} public articles were"
    what = (
        f"makes new ids with {now}, but {articles} told with {before}: articles that the state knows keep their ids, "
        "feeds and new articles get others; if the state is lost, all do, and readers show what they have as new"
    )
    remedy = f'Write {key} = "{before}" below [site], unless that is meant.'
    return noted(file, "changed-ids", where, what, remedy)

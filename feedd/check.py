"""Check: every problem of settings (configuration, taxonomy, templates) and content, found without the state and
without writing anything.

In: a desk, which has read the configuration, its file, and the moment. Out: problems, each with file, line, field and
remedy. The rules are those by which a run reads; what is added here needs all articles at once, or is no obstacle to
a run but likely a mistake.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from feedd.config import Where, noted
from feedd.content import header
from feedd.content.article import Article
from feedd.content.links import host
from feedd.content.text import key
from feedd.desk import Desk, Record, decode_article, decode_problems, duplicate_id
from feedd.errors import BrokenArticle, Problem, SourceError
from feedd.feeds import pages
from feedd.feeds.plan import provider_key
from feedd.feeds.select import readable
from feedd.workers import Workers


@dataclass(slots=True)
class _Names:
    """The topics, or the providers, that there are: what feeds select them by, and how to write each, by its names."""

    selected: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)

    def add(self, selected: str, written: str, name: str) -> None:
        """One that there is, under what is to be written for it and under another name."""
        self.selected.add(selected)
        self.written.update({key(written): written, key(name): written})


@dataclass(slots=True)
class _Survey:
    """What the files show together: how many are in each state, which keeps which id, the collections of articles,
    their topics and providers.
    """

    states: dict[str, int] = field(default_factory=dict)
    keepers: dict[str, str] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)
    topics: _Names = field(default_factory=_Names)
    providers: _Names = field(default_factory=_Names)


def check(desk: Desk, file: Path, now: int) -> tuple[list[Problem], dict[str, int]]:
    """All problems, those of settings first, then by file; and how many files are in each state. `file` is that of the
    configuration.
    """
    settings = [*desk.problems, *pages.unused(desk.config), *_places(desk)]
    survey = _Survey()
    try:
        changes = desk.tree.scan({})
    except SourceError as error:
        return [*settings, error.problem], survey.states
    with Workers(desk) as workers:
        problems = list(_files(desk, workers.records(changes.added), survey, now))
    settings += [*_folders(desk, file, changes.added), *_collections(desk, file, survey.collections)]
    settings += _selectors(desk, file, survey)
    return [*settings, *changes.problems, *problems], survey.states


def _files(desk: Desk, records: Iterable[Record | Problem | None], survey: _Survey, now: int) -> Iterator[Problem]:
    for record in records:
        if isinstance(record, Problem):
            yield record
        elif record is not None:
            survey.states[record.state] = survey.states.get(record.state, 0) + 1
            yield from _file(desk, record, survey, now)


def _file(desk: Desk, record: Record, survey: _Survey, now: int) -> Iterator[Problem]:
    if record.problems:
        yield from decode_problems(record.problems)
    if record.id is None or record.article is None:
        return
    keeper = survey.keepers.setdefault(record.id, record.path)
    if keeper != record.path:
        yield duplicate_id(record.path, record.id, keeper, _line(desk, record.path, "guid"))
    article = decode_article(record.article)
    survey.collections.add(article.collection)
    _note_names(desk, article, survey)
    yield from _announced(desk, article, now)
    yield from unknown_topics(desk, article)


def _note_names(desk: Desk, article: Article, survey: _Survey) -> None:
    for name in article.topics:
        topic = desk.taxonomy.topic(name)
        if topic.known or desk.config.taxonomy.unknown_topics != "ignore":
            survey.topics.add(topic.slug, topic.name, name)
    provider = desk.taxonomy.organization(article.provider, article.link)
    if provider.key:
        survey.providers.add(provider.key, host(provider.url) or provider.name, provider.name)


def _announced(desk: Desk, article: Article, now: int) -> Iterator[Problem]:
    """An update that is yet to come, unless the article itself is: most likely a slip."""
    if article.modified is not None and article.modified > max(now, article.date):
        what = f"is in the future; until {readable(article.modified)} no feed tells of it"
        line = _line(desk, article.path, "updatedDateTime")
        remedy = "Write when the article was last changed, or leave it out."
        yield Problem("future-update", what, remedy, article.path, line, "updatedDateTime", "warning")


def unknown_topics(desk: Desk, article: Article) -> Iterator[Problem]:
    """The topics of an article that the taxonomy does not list, each with the nearest one that it does; none where it
    lists no topics at all.
    """
    listed = desk.taxonomy.topics
    unknown = [name for name in article.topics if key(name) not in listed] if listed else []
    line = _line(desk, article.path, "topics") if unknown else None
    for name in unknown:
        near = get_close_matches(key(name), listed, 1)
        meant = f"Did you mean {listed[near[0]].name!r}? Else add" if near else "Add"
        ignored = desk.config.taxonomy.unknown_topics == "ignore"
        what = f"{name!r} is not in the taxonomy; it gets {'no feed' if ignored else 'a feed of its own'}"
        yield Problem("unknown-topic", what, f"{meant} it to the taxonomy.", article.path, line, "topics", "warning")


def _line(desk: Desk, path: str, field: str) -> int | None:
    """The line of a front matter field; the file is read again, since few lines are asked for and records keep none."""
    with suppress(OSError, BrokenArticle):  # it was changed meanwhile
        found = desk.tree.read(path, desk.rules.max_bytes)
        head = header.read(found[1]) if found else None
        return head.line(field) if head else None
    return None


def _collections(desk: Desk, file: Path, had: set[str]) -> Iterator[Problem]:
    """Collections that feeds ask for and that there are not; `had` are those of the articles."""
    config = desk.config
    known = sorted(had | {one.name for one in config.collections})
    asked: list[tuple[Where, tuple[str, ...]]] = [(("output", "collections"), config.output.collections)]
    asked += [(("feed", number, "collections"), feed.collections) for number, feed in enumerate(config.feeds, 1)]
    for where, names in asked:
        for place, name in enumerate(names, 1):
            if key(name) not in known:
                what = f"{name!r} is a collection that no [[collection]] defines and no article has"
                remedy = _nearest(key(name), known) or f"Name one that there is: {', '.join(known) or 'none so far'}."
                yield noted(file, "unknown-collection", (*where, place), what, remedy)


def _selectors(desk: Desk, file: Path, survey: _Survey) -> Iterator[Problem]:
    """Topics and providers that feeds ask for or leave out, and that there are not."""
    for name, topic in desk.taxonomy.topics.items():
        survey.topics.add(topic.slug, topic.name, name)
    for name, provider in desk.taxonomy.organizations.items():
        survey.providers.add(provider.key, name, name)
    for number, feed in enumerate(desk.config.feeds, 1):
        for selector in ("topics", "all_topics", "not_topics", "providers", "not_providers"):
            for place, name in enumerate(getattr(feed, selector), 1):
                yield from _selector(desk, file, survey, ("feed", number, selector, place), name)


def _selector(desk: Desk, file: Path, survey: _Survey, where: Where, name: str) -> Iterator[Problem]:
    kind, names, selected = "topic", survey.topics, desk.taxonomy.topic(name).slug
    if str(where[2]).endswith("providers"):
        kind, names, selected = "provider", survey.providers, provider_key(name, desk.taxonomy)
    if selected not in names.selected:
        what = f"{name!r} is a {kind} that the taxonomy does not list and no article has"
        near = get_close_matches(key(name), names.written, 1)
        remedy = f"Did you mean {names.written[near[0]]!r}?" if near else "Name one that there is, or leave it out."
        yield noted(file, f"unknown-{kind}", where, what, remedy)


def _folders(desk: Desk, file: Path, paths: Iterable[str]) -> Iterator[Problem]:
    """Folders of collections that there are not; `paths` are those of all files."""
    for number, collection in enumerate(desk.config.collections, 1):
        for place, folder in enumerate(collection.folders, 1):
            if not os.path.isdir(desk.config.content.path / folder):  # noqa: PTH112 - raises for no place
                what = f"{folder!r} is no folder below content.path, so no article is in it"
                remedy = _nearest(folder, {path.rpartition("/")[0] for path in paths}) or "Create it, or leave it out."
                yield noted(file, "no-folder", ("collection", number, "folders", place), what, remedy)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"Did you mean {near[0]!r}?" if near else ""


def _places(desk: Desk) -> Iterator[Problem]:
    """Directories in which feedd could not write."""
    for name, place in (("output.path", desk.config.output.path), ("state.path", desk.config.state.path)):
        nearest = next((folder for folder in (place, *place.parents) if folder.exists()), Path("/"))
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            what = f"{nearest} is not a directory that this user can write in"
            yield Problem("not-writable", what, "Mend its permissions, or name another.", str(place), field=name)

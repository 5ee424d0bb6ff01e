"""Articles: what is wrong with articles, one by one and taken together.

In: the records of files, in the order of their paths, by a desk that reads thoroughly. Out: problems, and a `Survey`
of what the files hold. What is wrong with a file by itself came with its record (`content.article`,
`content.doubts`); here is what needs the time, the taxonomy, or other files.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches

from feedd.content import header
from feedd.content.article import Article, key_of_date
from feedd.content.links import host
from feedd.content.text import key
from feedd.desk import Desk, Record, decode_article, decode_problems, duplicate_id
from feedd.errors import BrokenArticle, Problem
from feedd.feeds.select import readable

_FAR = 366 * 86400  # seconds in the future, beyond which a date is most likely a slip


@dataclass(slots=True)
class Names:
    """The topics, or the providers, that there are: what feeds select them by, and how to write each, by its names."""

    selected: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)

    def add(self, selected: str, written: str, name: str) -> None:
        """One that there is, under what is to be written for it and under another name."""
        self.selected.add(selected)
        self.written.update({key(written): written, key(name): written})


@dataclass(slots=True)
class Survey:
    """What files show together: how many are in each state, which keeps which id, the collections of articles, their
    topics and providers; which published ones tell which story, by publication, and where the links of each lead.
    `owners` are the articles that an address leads to, with whether they are to be seen.
    """

    states: dict[str, int] = field(default_factory=dict)
    keepers: dict[str, str] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)
    topics: Names = field(default_factory=Names)
    providers: Names = field(default_factory=Names)
    tellers: dict[int, list[tuple[int, str, str]]] = field(default_factory=dict)
    links: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    owners: dict[int, tuple[str, bool]] = field(default_factory=dict)


Asked = Callable[[str], bool]
"""Whether anybody wants to know of a file's problems."""


def problems(
    desk: Desk, records: Iterable[Record | Problem | None], survey: Survey, asked: Asked, now: int
) -> list[Problem]:
    """What is wrong with those files that are asked for, by file; `survey` is filled with all."""
    found: list[Problem] = []
    for record in records:
        if isinstance(record, Problem):
            found += [record] if asked(record.file) else []
        elif record is not None:
            found += _file(desk, record, survey, asked, now)
    found += _doubled_stories(desk, survey, asked)
    found += _hidden_links(desk, survey, asked)
    return sorted(found, key=lambda problem: problem.file)


def _file(desk: Desk, record: Record, survey: Survey, asked: Asked, now: int) -> Iterator[Problem]:
    wanted = asked(record.path)
    if wanted:
        survey.states[record.state] = survey.states.get(record.state, 0) + 1
        if record.problems:
            yield from decode_problems(record.problems)
    if record.id is None or record.article is None:
        _note_addresses(record, survey, False)
        return
    keeper = survey.keepers.setdefault(record.id, record.path)
    if keeper != record.path:
        yield from _doubled_id(desk, record, record.id, keeper, asked)
    _note_stories(record, survey, keeper == record.path, now)
    if wanted:
        article = decode_article(record.article)
        survey.collections.add(article.collection)
        _note_names(desk, article, survey)
        yield from _announced(desk, article, now)
        yield from unknown_topics(desk, article)


def _doubled_id(desk: Desk, record: Record, id: str, keeper: str, asked: Asked) -> Iterator[Problem]:
    """At the file that is in no feed; at the other if nobody asks for that one."""
    if asked(record.path):
        yield duplicate_id(record.path, id, keeper, line_of(desk, record.path, "guid"))
    elif asked(keeper):
        what = f"has the id {id} of {record.path}; this one keeps it, and that one is in no feed any more"
        remedy = "Give this file a name of its own, or write another `guid` in it."
        yield Problem("duplicate-id", what, remedy, keeper, line_of(desk, keeper, "guid"), "guid")


# What is noted


def _note_stories(record: Record, survey: Survey, kept: bool, now: int) -> None:
    """Which story an article tells, and whose addresses its related links may lead to."""
    _note_addresses(record, survey, kept and record.shown(now))
    if not (record.public and kept) or record.since is None or (record.until is not None and record.until <= now):
        return
    if record.story is not None:
        survey.tellers.setdefault(record.story, []).append((record.since, str(record.id), record.path))
    if record.stories:
        survey.links.append((record.path, record.stories))


def _note_addresses(record: Record, survey: Survey, seen: bool) -> None:
    for address in record.addresses:
        before = survey.owners.get(address)
        if before is None or seen > before[1]:
            survey.owners[address] = record.path, seen


def _note_names(desk: Desk, article: Article, survey: Survey) -> None:
    for name in article.topics:
        topic = desk.taxonomy.topic(name)
        if topic.known or desk.config.taxonomy.unknown_topics != "ignore":
            survey.topics.add(topic.slug, topic.name, name)
    provider = desk.taxonomy.organization(article.provider, article.link)
    if provider.key:
        survey.providers.add(provider.key, host(provider.url) or provider.name, provider.name)


# What is wrong


def _announced(desk: Desk, article: Article, now: int) -> Iterator[Problem]:
    """Moments that are yet to come and most likely were not meant so."""
    if article.date > now + _FAR:
        line, name = _line_of_date(desk, article.path)
        what = f"is {readable(article.date)}, more than a year from now; the article is not shown before"
        yield Problem("far-date", what, "Mend the year, if it is a slip.", article.path, line, name, "warning")
    if article.modified is not None and article.modified > max(now, article.date):
        what = f"is in the future; until {readable(article.modified)} no feed tells of it"
        line = line_of(desk, article.path, "updatedDateTime")
        remedy = "Write when the article was last changed, or leave it out."
        yield Problem("future-update", what, remedy, article.path, line, "updatedDateTime", "warning")


def unknown_topics(desk: Desk, article: Article) -> Iterator[Problem]:
    """The topics of an article that the taxonomy does not list, each with the nearest one that it does; none where it
    lists no topics at all.
    """
    listed = desk.taxonomy.topics
    unknown = [name for name in article.topics if key(name) not in listed] if listed else []
    line = line_of(desk, article.path, "topics") if unknown else None
    for name in unknown:
        near = get_close_matches(key(name), listed, 1)
        meant = f"Did you mean {listed[near[0]].name!r}? Else add" if near else "Add"
        if "," in name:
            meant = f"If it is several, write a list: `[{name}]`. Else add"
        ignored = desk.config.taxonomy.unknown_topics == "ignore"
        what = f"{name!r} is not in the taxonomy; it gets {'no feed' if ignored else 'a feed of its own'}"
        yield Problem("unknown-topic", what, f"{meant} it to the taxonomy.", article.path, line, "topics", "warning")


def _doubled_stories(desk: Desk, survey: Survey, asked: Asked) -> Iterator[Problem]:
    """Published articles that lead to the story of an earlier one, whose place they would take in no feed."""
    for tellers in survey.tellers.values():
        (_, _, first), *later = sorted(tellers) if len(tellers) > 1 else tellers
        for _, _, path in later:
            if asked(path):
                what = f"leads to the same story as {first}, which is the earlier: of the two, feeds show that one"
                yield _doubled_story(desk, path, what)
            elif asked(first):
                what = f"leads to the same story as {path}, which is the later: of the two, feeds show this one"
                yield _doubled_story(desk, first, what)


def _doubled_story(desk: Desk, path: str, what: str) -> Problem:
    line, name = _first_line(desk, path, ("webUrl", "link", "originalUrl", "sourceUrl"))
    return Problem("duplicate-story", what, "Mend the address, or publish one of them.", path, line, name, "warning")


def _hidden_links(desk: Desk, survey: Survey, asked: Asked) -> Iterator[Problem]:
    """Related links that are left out, since they lead to an article of one's own that is not to be seen."""
    for path, links in survey.links:
        hidden = [owner for link in links if (owner := survey.owners.get(link)) and not owner[1] and owner[0] != path]
        if hidden and asked(path):
            more = f", and {len(hidden) - 1} more to others" if len(hidden) > 1 else ""
            what = f"one leads to {hidden[0][0]}{more}, which is not published: it is left out"
            remedy = "Publish that article, or take the link out."
            line = line_of(desk, path, "related")
            yield Problem("hidden-link", what, remedy, path, line, "related", "suggestion")


# Where it is


def line_of(desk: Desk, path: str, name: str) -> int | None:
    """The line of a front matter field; the file is read again, since few lines are asked for and records keep none."""
    head = _head(desk, path)
    return head.line(name) if head else None


def _first_line(desk: Desk, path: str, names: tuple[str, ...]) -> tuple[int | None, str]:
    """The line and the name of the first of some fields that a file has; the first name if it has none."""
    head = _head(desk, path)
    name = next((name for name in names if head and head.mapping.get(name) is not None), names[0])
    return (head.line(name) if head else None), name


def _line_of_date(desk: Desk, path: str) -> tuple[int | None, str]:
    """The line and the name of the field that says since when an article is public."""
    head = _head(desk, path)
    name = key_of_date(head.mapping, desk.rules.zone) if head else ""
    return (head.line(name) if head else None), name or "date"


def _head(desk: Desk, path: str) -> header.Header | None:
    with suppress(OSError, BrokenArticle):  # it was changed meanwhile
        found = desk.tree.read(path, desk.rules.max_bytes)
        return header.read(found[1]) if found else None
    return None

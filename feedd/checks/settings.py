"""Settings: what in a configuration that is sound by itself does not fit the content, the taxonomy, or itself.

In: a desk, the configuration's file, and a survey of the articles or the paths of files. Out: warnings and suggestions,
each with the line of its key.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from feedd.checks.articles import Names, Survey
from feedd.config import FeedConfig, Where, noted
from feedd.content.text import key
from feedd.desk import Desk
from feedd.errors import Problem
from feedd.feeds.plan import provider_key

_AT_HOME = {"localhost", "127.0.0.1", "::1"}


def contradictions(desk: Desk, file: Path) -> Iterator[Problem]:
    """Keys that make one another useless, whatever the content."""
    config, output = desk.config, desk.config.output
    if not (output.all or output.topics or output.providers or config.feeds):
        what = "there is no feed at all: all, topics and providers are false, and there is no [[feed]]"
        yield noted(file, "no-feeds", ("output",), what, "Set one of them to true, or write a [[feed]].")
    for number, feed in enumerate(config.feeds, 1):
        for selector, name, other in _impossible(desk, feed):
            what = f"asks for {name!r}, which {other} leaves out: no article can be in it"
            yield noted(file, "impossible-feed", ("feed", number, selector), what, "Take it out of one of them.")
    if config.watch.quiet > config.watch.limit:
        what = "is longer than watch.limit, so every change waits for that"
        yield noted(file, "useless-key", ("watch", "quiet"), what, "Write less than watch.limit.")
    yield from _taxonomy_among_articles(desk, file)
    yield from _open_addresses(desk, file)


def _impossible(desk: Desk, feed: FeedConfig) -> Iterator[tuple[str, str, str]]:
    """What a feed asks for and leaves out at once: the selector, a name in it, the other selector."""
    without = {desk.taxonomy.topic(name).slug for name in feed.not_topics}
    others = {provider_key(name, desk.taxonomy) for name in feed.not_providers}
    topics = [name for name in feed.topics if desk.taxonomy.topic(name).slug in without]
    together = [name for name in feed.all_topics if desk.taxonomy.topic(name).slug in without]
    providers = [name for name in feed.providers if provider_key(name, desk.taxonomy) in others]
    if topics and len(topics) == len(feed.topics):
        yield "topics", topics[0], "not_topics"
    if together:
        yield "all_topics", together[0], "not_topics"
    if providers and len(providers) == len(feed.providers):
        yield "providers", providers[0], "not_providers"


def _taxonomy_among_articles(desk: Desk, file: Path) -> Iterator[Problem]:
    """Directories of the taxonomy whose files are taken for articles, too."""
    settings, content = desk.config.taxonomy, desk.config.content.path
    for name, folders in (("topics", settings.topics), ("providers", settings.providers)):
        for place, folder in enumerate(folders, 1):
            if folder.is_relative_to(content) and desk.tree.wanted(f"{folder.relative_to(content)}/a.md"):
                what = f"{folder} is below content.path, so its Markdown files are taken for articles, too"
                remedy = f'Add "{folder.relative_to(content)}/**" to content.exclude.'
                yield noted(file, "taxonomy-in-content", ("taxonomy", name, place), what, remedy)


def _open_addresses(desk: Desk, file: Path) -> Iterator[Problem]:
    """Addresses of one's own that everybody on the way can read and change."""
    site, content = desk.config.site, desk.config.content
    addresses: list[tuple[Where, str]] = [(("site", "url"), site.url), (("site", "feeds_url"), site.feeds_url)]
    addresses += [(("content", "own_pages"), content.own_pages)]
    addresses += [(("websub", "hubs", place), hub) for place, hub in enumerate(desk.config.websub.hubs, 1)]
    for where, address in addresses:
        if address.startswith("http://") and urlsplit(address).hostname not in _AT_HOME:
            what, remedy = "is http://, which is not encrypted", "Write https:// if it is there by https too."
            yield replace(noted(file, "http-link", where, what, remedy), severity="suggestion")


def placed(desk: Desk, file: Path, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Problems of the taxonomy: those of topics that the configuration lists, with where it does."""
    topics = [repr(topic.name) for topic in desk.config.taxonomy.inline_topics]
    for problem in problems:
        number = next((at for at, name in enumerate(topics, 1) if f"topic {name}" in problem.what), 0)
        if problem.file or not number:
            yield problem
        else:
            where = ("taxonomy", "topic", number, problem.field)
            yield noted(file, problem.kind, where, problem.what, problem.remedy)


_FEW = 5


def told_once(file: Path, problems: Sequence[Problem], survey: Survey) -> list[Problem]:
    """Problems of articles, but one for all that do not say `published`, where that is the rule: then it is a setting
    that lacks.
    """
    unsaid = [problem for problem in problems if problem.kind == "published-missing"]
    articles = survey.states.get("article", 0)
    if len(unsaid) <= max(_FEW, articles // 2):
        return list(problems)
    count, first = len(unsaid), unsaid[0].file
    what = f"{count} of {articles} articles, such as {first}, do not say `published`: they are not published"
    remedy = "If they are to be, set `published_default = true` in a [[collection]], or write `published: true`."
    others = [problem for problem in problems if problem.kind != "published-missing"]
    return [Problem("published-missing", what, remedy, str(file), severity="warning"), *others]


# What articles and folders there must be


def collections(desk: Desk, file: Path, had: set[str]) -> Iterator[Problem]:
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


def selectors(desk: Desk, file: Path, survey: Survey) -> Iterator[Problem]:
    """Topics and providers that feeds ask for or leave out, and that there are not."""
    topics, providers = survey.topics, survey.providers
    for name, topic in desk.taxonomy.topics.items():
        topics.add(topic.slug, topic.name, name)
    for name, provider in desk.taxonomy.organizations.items():
        providers.add(provider.key, name, name)
    for number, feed in enumerate(desk.config.feeds, 1):
        for selector in ("topics", "all_topics", "not_topics"):
            for place, name in enumerate(getattr(feed, selector), 1):
                where = ("feed", number, selector, place)
                yield from _selector(file, "topic", topics, where, name, desk.taxonomy.topic(name).slug)
        for selector in ("providers", "not_providers"):
            for place, name in enumerate(getattr(feed, selector), 1):
                where = ("feed", number, selector, place)
                yield from _selector(file, "provider", providers, where, name, provider_key(name, desk.taxonomy))


def _selector(file: Path, kind: str, names: Names, where: Where, name: str, selected: str) -> Iterator[Problem]:
    if selected not in names.selected:
        what = f"{name!r} is a {kind} that the taxonomy does not list and no article has"
        near = get_close_matches(key(name), names.written, 1)
        remedy = f"Did you mean {names.written[near[0]]!r}?" if near else "Name one that there is, or leave it out."
        yield noted(file, f"unknown-{kind}", where, what, remedy)


def folders(desk: Desk, file: Path, paths: Iterable[str]) -> Iterator[Problem]:
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

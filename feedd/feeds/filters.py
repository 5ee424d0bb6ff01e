"""Filters: conditions for feeds that installed packages bring.

In: the configuration, and an article. Out: the names of the filters that let it pass, and what is wrong with those that
fail. A filter can only keep an article out of a feed: so does one that raises, says neither yes nor no, or is not there
any more. Decides nothing about feeds: `select` asks for the names.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from feedd import installed, plugins
from feedd.config import Config
from feedd.content.article import Article
from feedd.content.links import absolute
from feedd.errors import PluginError, Problem
from feedd.feeds.project import address

Passed = tuple[str, ...]
"""The names of filters that let an article pass, sorted."""


class Filters:
    """The filters that a configuration names, which are loaded when something is first asked of them."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def problems(self) -> list[Problem]:
        """Why some of them cannot be used at all."""
        return [one for one in self._all if isinstance(one, Problem)]

    @cached_property
    def _all(self) -> list["_Found | Problem"]:
        found: list[_Found | Problem] = []
        for name in self._config.filters:
            try:
                found.append(_found(name))
            except PluginError as error:
                found.append(error.problem)
        return found

    def ask(self, article: Article) -> tuple[Passed, tuple[Problem, ...]]:
        """The filters that let an article pass, and a problem for each that failed."""
        found = [one for one in self._all if isinstance(one, _Found)]
        if not found:
            return (), ()
        view = _view(article, self._config)
        answers = [(one, _answer(one, view)) for one in found]
        failed = tuple(_failed(one, why, article.path) for one, why in answers if isinstance(why, str))
        return tuple(one.name for one, passes in answers if passes is True), failed


class _Found(NamedTuple):
    """A filter, and the package that brings it."""

    name: str
    package: str
    function: Callable[[Any], Any]


def _found(name: str) -> _Found:
    """The filter of a name. Raises PluginError."""
    package, function = installed.package(installed.FILTERS, name), installed.load(installed.FILTERS, name)
    if not callable(function):
        what = f"{name!r} of {package} is no function"
        raise PluginError(Problem("plugin-broken", what, "Mend the package.", field=installed.FILTERS))
    return _Found(name, package, function)


def _answer(filter: _Found, view: plugins.Article) -> bool | str:
    """What a filter says of an article, or in words why that is nothing."""
    try:
        answer = installed.call(filter.function, view)
    except installed.CallFailed as error:
        return f"raised {error}"
    return answer if isinstance(answer, bool) else f"gave a {type(answer).__name__}, neither True nor False"


def _failed(filter: _Found, why: str, path: str) -> Problem:
    what = f"the filter {filter.name!r} of {filter.package} {why}; no feed with it takes the article"
    return Problem("filter-failed", what, "Mend the filter, or leave it out of the feed.", path)


def _view(article: Article, config: Config) -> plugins.Article:
    """What filters are given."""
    image = absolute(article.image.url, config.site.url) if article.image else ""
    return plugins.Article(
        article.title, article.excerpt, address(article, config), article.original_url, _moment(article.date),
        None if article.modified is None else _moment(article.modified), article.language or config.site.language,
        article.collection, article.type, article.topics, article.provider.name, article.provider.domain, image,
    )  # fmt: skip


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""Plan: which feeds there can be, what each wants, and which of them a card goes to.

In: the configuration and the taxonomy. Out: specs by name, and routes. Pure. `route` and `select.admits` must agree: a
card is routed to exactly the feeds whose spec admits it (a property of the tests); routing is only the quick way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from feedd.config import Config, FeedConfig
from feedd.content.article import Article
from feedd.content.links import domain
from feedd.content.slugs import domain_slug, slug
from feedd.content.taxonomy import Taxonomy
from feedd.content.text import key
from feedd.cron import Cron
from feedd.feeds.manifest import PROVIDERS, TOPICS
from feedd.feeds.select import Card, Spec, Traits, admits

ALL = "all"
_REMEMBERED = 4096  # routes: most cards share their traits, which are all that decides, with others


@dataclass(slots=True)
class Plan:
    """The feeds of a site. Names are paths below the output directory without suffix, such as `topics/ai`.

    `former` leads from the feed of a former name of a topic to the feed of that topic; `collections` are those that the
    automatic feeds take, all where it is empty.
    """

    config: Config
    taxonomy: Taxonomy
    configured: dict[str, Spec] = field(init=False)
    former: dict[str, str] = field(init=False)
    collections: frozenset[str] = field(init=False)
    needs_title: bool = field(init=False)
    needs_rank: bool = field(init=False)
    _routes: dict[Traits, list[str]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.configured = {feed.name: _configured(feed, self.config, self.taxonomy) for feed in self.config.feeds}
        self.former = _former(self.taxonomy)
        self.collections = frozenset(map(key, self.config.output.collections))
        specs = self.configured.values()
        self.needs_title = any(spec.title_contains for spec in specs)
        self.needs_rank = any(spec.sticky or spec.order in {"quality", "heat"} for spec in specs)

    def standing(self) -> list[str]:
        """The feeds that are there even without any article."""
        return [*([ALL] if self.config.output.all else []), *self.configured]

    def spec(self, name: str) -> Spec:
        """What the feed of that name wants."""
        if name in self.configured:
            return self.configured[name]
        output = self.config.output
        # A [[feed]] that was taken out stays, and empty: under a title that is not the site's own.
        title = output.all_title if name == ALL else output.topic_title
        base = Spec(name, "all", title, collections=self.collections, limit=output.limit)
        if name.startswith(TOPICS):
            topics = frozenset({name.removeprefix(TOPICS)})
            return replace(base, kind="topic", title=output.topic_title, topics=topics)
        if name.startswith(PROVIDERS):
            providers = frozenset({name.removeprefix(PROVIDERS)})
            return replace(base, kind="provider", title=output.provider_title, providers=providers)
        return base

    def route(self, card: Card) -> list[str]:
        """The names of the feeds that admit a card."""
        names = self._routes.get(card.traits)
        if names is None:
            if len(self._routes) >= _REMEMBERED:
                self._routes.clear()
            names = self._routes[card.traits] = self._route(card)
        return names

    def _route(self, card: Card) -> list[str]:
        names: list[str] = []
        output = self.config.output
        if not self.collections or card.traits.collection in self.collections:
            if output.all:
                names.append(ALL)
            if output.topics:
                names += [TOPICS + topic for topic in card.traits.topics]
            if output.providers and card.traits.provider:
                names.append(PROVIDERS + card.traits.provider)
        names += [name for name, spec in self.configured.items() if admits(spec, card)]
        return names

    def aliases(self, name: str) -> list[str]:
        """The other names under which a feed's documents lie too: those of the former names of its topic."""
        return sorted(former for former, present in self.former.items() if present == name)

    def named(self, spec: Spec, article: Article) -> tuple[str, str, str] | None:
        """The name, icon and logo of a feed's topic or provider, as the taxonomy or else its newest article has them;
        None for a feed of neither.
        """
        wanted = spec.name.rpartition("/")[2]
        if spec.kind == "provider":
            found = self.taxonomy.organization(article.provider, article.link)
            return found.name, found.icon, found.logo
        if spec.kind == "topic":
            own = (topic for topic in map(self.taxonomy.topic, article.topics) if topic.slug == wanted)
            topic = self.taxonomy.listed(wanted) or next(own, None)
            return (topic.name if topic else wanted), "", ""
        return None

    def traits(self, article: Article, passed: tuple[str, ...] = ()) -> Traits:
        """What selection asks of a published article, which these filters let pass: its topics and provider under the
        names of the taxonomy.
        """
        provider = self.taxonomy.organization(article.provider, article.link)
        return Traits(
            article.collection,
            article.type,
            article.language or self.config.site.language,
            self.topics(article),
            provider.key,
            article.quality if self.needs_rank else 0,
            article.heat if self.needs_rank else 0,
            article.title if self.needs_title else "",
            provider.icon,
            passed,
        )

    def topics(self, article: Article) -> tuple[str, ...]:
        """The slugs of an article's topics, in its order, those that the configuration ignores left out; where topics
        are rolled up, each is followed by those above it.
        """
        settings = self.config.taxonomy
        topics = [self.taxonomy.topic(name) for name in article.topics]
        slugs = [topic.slug for topic in topics if topic.known or settings.unknown_topics != "ignore"]
        if settings.rollup:
            slugs = [name for topic in slugs for name in (topic, *self.taxonomy.ancestors(topic))]
        return tuple(dict.fromkeys(slugs))


def _configured(feed: FeedConfig, config: Config, taxonomy: Taxonomy) -> Spec:
    """The spec of a `[[feed]]`, its topics and providers under the names of the taxonomy."""

    def topics(names: Iterable[str]) -> frozenset[str]:
        return frozenset(taxonomy.topic(name).slug for name in names)

    def providers(names: Iterable[str]) -> frozenset[str]:
        return frozenset(provider_key(name, taxonomy) for name in names)

    return Spec(
        feed.name,
        "feed",
        feed.title or feed.name,
        feed.description,
        frozenset(map(key, feed.collections)),
        topics(feed.topics),
        topics(feed.all_topics),
        topics(feed.not_topics),
        providers(feed.providers),
        providers(feed.not_providers),
        frozenset(map(key, feed.types)),
        frozenset(feed.languages),
        feed.title_contains,
        feed.min_quality,
        feed.min_heat,
        feed.max_age or None,
        feed.limit or config.output.limit,
        feed.order,
        Cron(feed.schedule, config.schedule.timezone) if feed.schedule else None,
        frozenset(feed.filters),
    )


def provider_key(name: str, taxonomy: Taxonomy) -> str:
    """The key of the provider that a `[[feed]]` means by a domain or a name."""
    found = taxonomy.organizations.get(key(name))
    if found:
        return found.key
    known_as = domain(name)
    return domain_slug(known_as) if known_as else slug(name)


def _former(taxonomy: Taxonomy) -> dict[str, str]:
    """The feeds of former names, where neither the name nor its path belongs to another topic."""
    former: dict[str, str] = {}
    for topic in taxonomy.topics.values():
        for alias in topic.aliases:
            path = slug(alias)
            if path not in taxonomy.slugs and taxonomy.topic(alias).slug == topic.slug:
                former[TOPICS + path] = TOPICS + topic.slug
    return former

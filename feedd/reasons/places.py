"""Places: where what decides on an article is written, as file, line and key.

In: a desk, the configuration's file, and names of keys. Out: places, for people who want to change what is there. Reads
files anew, each once, since no record keeps lines. Decides nothing and never fails: of what cannot be read there is no
line, nor of a value that the file had when it was last filed, and need not have by now: the place has a note then. What
nobody wrote has no file: it is a default.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from feedd.config import Where, dotted, written
from feedd.content import header
from feedd.content.article import FIELDS, Article, key_of_date
from feedd.content.slugs import slug
from feedd.content.taxonomy import OrganizationItem, Topic, TopicItem
from feedd.content.text import key
from feedd.desk import Desk
from feedd.errors import BrokenArticle

KEYS = {field.attribute: field.keys for field in FIELDS}
"""The keys of front matter from which each attribute of an article is read."""


class Place(Struct, frozen=True):
    """Where a value is written. `field` is a key of front matter, of the configuration or of a taxonomy file; `file` is
    as in `errors.Problem`, empty for a default; `line` counts from 1; `note` is what has to be known of it.
    """

    field: str = ""
    file: str = ""
    line: int | None = None
    note: str = ""

    def __str__(self) -> str:
        """`feedd.toml:42: feed[2].topics`, or `default: output.limit`."""
        file = self.file + (f":{self.line}" if self.line else "") if self.file else "default"
        return ": ".join(part for part in (file, self.field) if part)


class Places:
    """Those of one configuration: `file` is what its keys are written in, None where nobody knows. `kept` tells of the
    path of an article why what is known of it is not what its file says, as a note; empty if it is.
    """

    def __init__(self, desk: Desk, file: Path | None, kept: Callable[[str], str] = lambda path: "") -> None:
        self._desk, self._file, self._ask = desk, file, kept
        self._settings = written(file) if file else {}
        self._numbers = {feed.name: number for number, feed in enumerate(desk.config.feeds, 1)}
        self._heads: dict[str, header.Header | None] = {}
        self._lines: dict[str, dict[str, int]] = {}
        self._notes: dict[str, str] = {}

    # The configuration

    def setting(self, *ways: Where, note: str = "") -> Place:
        """The first of these keys that is written; if none is, the last one's default."""
        found = next((way for way in ways if way in self._settings), None)
        if found is None:
            return Place(dotted(ways[-1]), note=note)
        return Place(dotted(found), str(self._file), self._settings[found], note)

    def wish(self, feed: str, name: str, automatic: str) -> Place:
        """What a feed asks for: a key of its `[[feed]]`, or of `[output]` where it is none that somebody described."""
        number = self._numbers.get(feed)
        if number is None:
            return self.setting(("output", automatic))
        fallback: list[Where] = [("output", "limit")] if name == "limit" else []
        return self.setting(("feed", number, name), *fallback)

    def configuration(self, note: str) -> Place:
        """The configuration as a whole."""
        return Place("", str(self._file or ""), note=note)

    # Front matter

    def front(self, path: str, attribute: str) -> Place:
        """The key from which an attribute of an article is read; a default if there is none, and a place without line
        where the file cannot be read any more, or need not say it.
        """
        file = "" if self._of(path) else path
        return self._first(path, KEYS[attribute]) or Place(KEYS[attribute][0], file, note=self._note(path))

    def date(self, path: str) -> Place:
        """The key that says since when an article is public; without one, the file, whose name says it."""
        return self.front(path, "date") if self._note(path) else self.date_now(path)

    def date_now(self, path: str) -> Place:
        """The same of what the file says now, whatever is known of the article."""
        head = self._head(path)
        name = key_of_date(head.mapping, self._desk.rules.zone) if head else ""
        if name:
            return self.key_now(path, name)
        return Place("", path) if head else self.front(path, "date")

    def key(self, path: str, name: str) -> Place:
        """A key of an article, which may be the one that it lacks."""
        return Place(name, path, self._of(path).get(name), self._note(path))

    def key_now(self, path: str, name: str) -> Place:
        """The same of what the file says now, whatever is known of the article."""
        return Place(name, path, self._read(path).get(name))

    def front_now(self, path: str, attribute: str) -> Place:
        """As `front`, of what the file says now."""
        lines, keys = self._read(path), KEYS[attribute]
        name = next((name for name in keys if name in lines), keys[0])
        return Place(name, path, lines.get(name))

    def _note(self, path: str) -> str:
        if path not in self._notes:
            self._notes[path] = self._ask(path)
        return self._notes[path]

    def _own(self, path: str, attribute: str) -> Place | None:
        """The key from which an attribute is read, if the article has it, or may have had it."""
        if note := self._note(path):
            return Place(KEYS[attribute][0], path, note=note)
        return self._first(path, KEYS[attribute])

    def _first(self, path: str, names: Iterable[str]) -> Place | None:
        lines = self._of(path)
        return next((Place(name, path, lines[name]) for name in names if name in lines), None)

    def has(self, path: str, name: str) -> bool:
        """Whether an article has a key."""
        return name in self._of(path)

    def _of(self, path: str) -> dict[str, int]:
        """The keys of a file with their lines; none if what they say is not what is known."""
        return {} if self._note(path) else self._read(path)

    def _read(self, path: str) -> dict[str, int]:
        if path not in self._lines:
            head = self._head(path)
            lines = header.key_lines(head.text) if head else {}
            self._lines[path] = {name: line + head.above for name, line in lines.items()} if head else {}
        return self._lines[path]

    def _head(self, path: str) -> header.Header | None:
        """The front matter of a file."""
        if path not in self._heads:
            self._heads[path] = None
            with suppress(OSError, BrokenArticle):
                found = self._desk.tree.read(path, self._desk.rules.max_bytes)
                self._heads[path] = header.read(found[1]) if found else None
        return self._heads[path]

    def collection(self, article: Article) -> Place:
        """What makes an article belong to its collection: its category, or its folder."""
        found = self._own(article.path, "category")
        if found:
            return found
        for number, one in enumerate(self._desk.config.collections, 1):
            if one.name == article.collection and one.folders:
                folder = article.path.rpartition("/")[0] or "."
                return self.setting(("collection", number, "folders"), note=f"the folder {folder} belongs to it")
        return Place(KEYS["category"][0])

    def language(self, article: Article) -> Place:
        """What makes an article be in its language."""
        found = self._own(article.path, "language") if article.language else None
        return found or self.setting(("site", "language"), note="the article says none")

    def provider(self, article: Article) -> Place:
        """What makes an article be its provider's: what it says, or the host of its address."""
        found = self._own(article.path, "provider")
        return found or self.front(article.path, "web_url" if article.web_url else "original_url")

    # The taxonomy

    def topics(self, names: Iterable[str], wanted: frozenset[str]) -> Iterator[Place]:
        """What else decides which topics these names mean to a feed that wants some: other names of a topic, its place
        below another, and that unknown ones are left out.
        """
        taxonomy, settings = self._desk.taxonomy, self._desk.config.taxonomy
        for name in names:
            topic = taxonomy.topic(name)
            if not topic.known and settings.unknown_topics == "ignore":
                note = f"{name} is not in the taxonomy, so it is ignored"
                yield self.setting(("taxonomy", "unknown_topics"), note=note)
            elif topic.known and key(name) != key(topic.name):
                yield self._named(topic, name)
            for above in wanted.intersection(taxonomy.ancestors(topic.slug)) - {topic.slug}:
                yield self._above(topic, above)

    def _named(self, topic: Topic, name: str) -> Place:
        """Where a topic is given another name."""
        for where, item in self._topic_items(topic):
            for field in ("aliases", "id"):
                names = item.aliases if field == "aliases" else (item.id,)
                if key(name) in map(key, names):
                    return self._item(where, item, field, f"{name} is {topic.name}")
        return Place(note=f"{name} is {topic.name}")

    def _above(self, topic: Topic, above: str) -> Place:
        """Where a topic lies below another, or why that does not count."""
        listed = self._desk.taxonomy.listed(above)
        note = f"{topic.name} is below {listed.name if listed else above}"
        if not self._desk.config.taxonomy.rollup:
            return self.setting(("taxonomy", "rollup"), note=f"{note}, which does not take its articles")
        items = [(where, item) for where, item in self._topic_items(topic) if item.parent]
        return self._item(*items[0], "parent", note) if items else Place(note=note)

    def former(self, old: str, present: str) -> Place:
        """Where a topic is given the name that its feed had before; both are names of feeds."""
        topic = self._desk.taxonomy.listed(present.rpartition("/")[2])
        note = f"{old} is a former name of {present}"
        for where, item in self._topic_items(topic) if topic else ():
            if old.rpartition("/")[2] in map(slug, item.aliases):
                return self._item(where, item, "aliases", note)
        return Place(note=note)

    def _topic_items(self, topic: Topic) -> Iterator[tuple[Where, TopicItem]]:
        """Where a topic is described: all that have its name, those of the configuration first."""
        for number, one in enumerate(self._desk.config.taxonomy.inline_topics, 1):
            if key(one.name) == key(topic.name):
                yield ("taxonomy", "topic", number), TopicItem(one.name, one.id, one.parent, one.aliases)
        for item in self._desk.known.topics:
            if key(item.name) == key(topic.name):
                yield (), item

    def known_provider(self, name: str) -> Iterator[Place]:
        """Where the taxonomy says which provider a name means, unless it is the name of its domain itself."""
        found = self._desk.taxonomy.organizations.get(key(name))
        for number, one in enumerate(self._desk.config.taxonomy.inline_providers, 1):
            for field, names in (("name", (one.name,)), ("aliases", one.aliases)):
                if found and key(name) in map(key, names):
                    where: Where = ("taxonomy", "provider", number, field)
                    yield self.setting(where, note=f"{name} is {one.domain}")
                    return
        for item in self._desk.known.organizations if found else ():
            for field, names in (("name", (item.name,)), ("aliases", item.aliases)):
                if key(name) in map(key, names):
                    yield self._item((), item, field, f"{name} is {item.domain}")
                    return

    def _item(self, where: Where, item: TopicItem | OrganizationItem, field: str, note: str) -> Place:
        """A field of what describes a topic or a provider, in the configuration or in a file."""
        if where:
            return self.setting((*where, field), note=note)
        names = {"aliases": ("aliases", "otherNames"), "id": ("_id",)}.get(field, (field,))
        lines = _taxonomy_lines(item.file)
        found = next((name for name in names if name in lines), names[0])
        return Place(found, item.file, lines.get(found), note)


def _taxonomy_lines(file: str) -> dict[str, int]:
    """The top-level keys of a taxonomy file with their lines."""
    with suppress(OSError, UnicodeDecodeError, BrokenArticle):
        data = Path(file).read_bytes()
        if file.endswith((".yaml", ".yml")):
            return header.key_lines(data.decode("utf-8-sig"))
        head = header.read(data)
        return {name: line + head.above for name, line in header.key_lines(head.text).items()} if head else {}
    return {}

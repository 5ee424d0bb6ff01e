"""Article: the bytes of one file become an `Article`, a skip, or a list of problems.

In: the path, the bytes, and the rules by which the configuration wants them read. Out: a `Reading`. `FIELDS` is the one
table of what front matter means; whatever is not in it (`secured`, `featuredContent`, …) stops here. Does not know the
taxonomy, other articles, or what time it is. Times are whole seconds since the epoch, UTC.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

from feedd.content import text
from feedd.content.instants import instant
from feedd.content.links import domain, host, story, web_story, web_url
from feedd.content.text import Flag, Mapping
from feedd.errors import BrokenArticle, Problem

if TYPE_CHECKING:
    from feedd.content.header import Header

REVISION = 5
"""Counts up whenever the same bytes and rules may give another reading than before, so that states are read anew."""
MAX_RELATED = 20
"""Related links kept of an article; selection shows at most five of them."""
_MAX_ITEMS = 100  # of any other list: who writes more has made a mistake, which must not cost memory

# No leading zero, which YAML 1.1 takes for octal, and no more digits than a float holds.
_NUMBER = re.compile(r"[-+]?(?:0|[1-9](?:_?[0-9]){0,14})(?:\.[0-9]{0,20})?")


class Picture(Struct, frozen=True, array_like=True):
    """An image as written: the address may be relative to the site; 0 where width or height are not known."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""
    credit: str = ""


class Provider(Struct, frozen=True, array_like=True):
    """Who published the original."""

    name: str = ""
    domain: str = ""
    images: tuple[Picture, ...] = ()


class Link(Struct, frozen=True, array_like=True):
    """A related story; `story` is the number of its canonical address."""

    title: str
    url: str
    story: int


class Article(Struct, frozen=True, array_like=True):
    """What the front matter and the body of one file say, in the words of section 5 of the design.

    `published` is what the author decided; whether anybody sees it is up to selection. `web_url`, `original_url` and
    `amp_url` are absolute or empty; `story` is the number of the canonical address (`links.story`), None without one;
    `other_stories` are those of further addresses, which nobody is sent to. `modified` and `expires` are None if not
    given.
    """

    path: str
    slug: str
    collection: str
    title: str
    date: int
    published: bool
    removed: bool = False
    guid: str = ""
    excerpt: str = ""
    body: str = ""
    modified: int | None = None
    expires: int | None = None
    web_url: str = ""
    original_url: str = ""
    amp_url: str = ""
    story: int | None = None
    other_stories: tuple[int, ...] = ()
    type: str = "article"
    topics: tuple[str, ...] = ()
    provider: Provider = Provider()
    image: Picture | None = None
    related: tuple[Link, ...] = ()
    language: str = ""
    quality: int = 0
    heat: int = 0

    @property
    def link(self) -> str:
        """Where the story is to be read, pages of one's own left aside; empty if the front matter names no address."""
        return self.web_url or self.original_url


class Rules(Struct, frozen=True):
    """How the configuration wants files read. `thorough`: also what nobody would see anyway, since the article is not
    published, to find what is wrong with it.
    """

    zone: tzinfo
    own_pages: bool = False
    repair_mojibake: bool = True
    max_bytes: int = 1 << 20
    folders: tuple[tuple[str, str], ...] = ()
    published_by_default: frozenset[str] = frozenset()
    thorough: bool = False

    def collection(self, path: str, category: str) -> str:
        """The collection of a file: its category, else the one whose folder it lies in, else `articles`."""
        if category:
            return category
        return next(
            (name for folder, name in self.folders if folder == "." or path.startswith(f"{folder}/")), "articles"
        )


class Reading(Struct, frozen=True):
    """What a file turned out to be.

    `skipped`: no front matter that is read, so no article. `empty`: nothing in it at all, as while an editor is saving.
    `broken`: it means to be an article and cannot be read; `withdrawn` then tells that its text still says not to
    publish it, and `stories` are those to which its addresses seem to lead. `held` is all that keeps an article from
    being published.
    """

    state: Literal["article", "skipped", "empty", "broken"]
    article: Article | None = None
    problems: tuple[Problem, ...] = ()
    withdrawn: bool = False
    stories: tuple[int, ...] = ()
    held: tuple["Hold", ...] = ()


class Hold(NamedTuple):
    """One reason for which an author does not publish an article: `published` is not true, it is a `draft`, it is
    `removed`, or a `slip` (a key that is doubled or misspelt may have meant so); and the key that says it.
    """

    rule: Literal["published", "draft", "removed", "slip"]
    key: str


_FLAGS = {
    "draft": Hold("draft", "draft"),
    "removed": Hold("removed", "removed"),
    "deleted": Hold("removed", "deleted"),
}


def parse(path: str, data: bytes, rules: Rules) -> Reading:
    """The reading of one file. Never raises for anything that `data` may hold."""
    from feedd.content import header  # YAML takes 35 ms to import; a run that finds nothing new needs none

    if not data.strip():
        return Reading("empty")
    try:
        if len(data) > rules.max_bytes:
            raise BrokenArticle(_too_large(rules))
        head = header.read(data)
    except BrokenArticle as error:
        return _broken(path, data, [error.problem])
    if head is None:
        return Reading("skipped", problems=_in_toml(path, data) if header.is_toml(data) else ())
    return _read_fields(path, data, head, rules)


def _in_toml(path: str, data: bytes) -> tuple[Problem, ...]:
    what = "front matter is TOML (+++), which is not read, so this is no article"
    remedy = "Write it as YAML between lines of three dashes; for many files, `hugo convert toYAML` does so."
    line = data[: data.find(b"+++")].count(b"\n") + 1
    return (Problem("toml-front-matter", what, remedy, path, line, severity="warning"),)


def _read_fields(path: str, data: bytes, head: "Header", rules: Rules) -> Reading:
    notes = _Notes(rules)
    dated = _dated(head.mapping, path)
    values = {spec.attribute: spec.value(dated, notes) for spec in _FIRST}
    link = values["web_url"] or values["original_url"]
    if not (link or rules.own_pages):
        notes.fail("no-link", "webUrl", "no absolute http(s) address", "Write webUrl, originalUrl or sourceUrl.")
    collection = rules.collection(path, values.pop("category"))
    held = _held(head, values["published"], collection in rules.published_by_default, notes)
    flags = [_FLAGS[name] for name in _FLAGS if values[name]]
    hidden = values.pop("draft")
    values["published"] = not (held or hidden)
    values["removed"] |= values.pop("deleted")
    if rules.thorough or (values["published"] and not values["removed"]):
        values |= {spec.attribute: spec.value(head.mapping, notes) for spec in _SHOWN}
        values["body"] = text.carriable(head.body)
        if not (values["provider"].name or values["provider"].domain):
            values["provider"] = Provider(domain=host(link)) if link else Provider()
    if rules.thorough:
        from feedd.content.doubts import doubts  # late: builds do not ask

        notes.problems += doubts(head.mapping, values, key_of_date(head.mapping, rules.zone) or "date")
    problems = [_placed(problem, path, head) for problem in notes.problems]
    if notes.failed:
        return _broken(path, data, problems, hidden or values["removed"])
    number = story(link) if link else None
    others = _other_stories(head.mapping, (values["web_url"], values["original_url"], values["amp_url"]))
    slug = slug_of(path)
    article = Article(path=path, slug=slug, collection=collection, story=number, other_stories=others, **values)
    return Reading("article", article, tuple(problems), held=(*held, *flags))


class _Day(str):
    """A date that is written in the name of a file."""

    __slots__ = ()


_DAY = re.compile(r"(\d{4}-\d\d?-\d\d?)-", re.ASCII)


def _dated(mapping: Mapping, path: str) -> Mapping:
    """The front matter, with the date that the name of its file begins with where no key says any, as Jekyll has it."""
    if _has_date(mapping) or not (day := _DAY.match(slug_of(path))):
        return mapping
    return {**mapping, "date": _Day(day[1])}


def _has_date(mapping: Mapping) -> bool:
    return any(name in mapping for name in _DATE_KEYS)


def slug_of(path: str) -> str:
    """What an article is called by its file: the name without suffix; the folder's for a page bundle, which the content
    directory is not (`posts/boats/index.md` is `boats`, `posts/boats/index.de.md` is `boats.de`).
    """
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return text.carriable(folder.rpartition("/")[2] + stem.removeprefix("index") if is_bundle(path) else stem)


def is_bundle(path: str) -> bool:
    """Whether a file is the article of a page bundle, a folder that holds all that belongs to it."""
    return "/index." in path and path.rpartition("/")[2].startswith("index.")


def _other_stories(mapping: Mapping, known: tuple[str, ...]) -> tuple[int, ...]:
    """The stories to which addresses of an article lead beside those that are known."""
    values = [mapping[key] for key in _SECOND_ADDRESSES if key in mapping]
    return tuple(number for value in values if value not in known and (number := web_story(value)[1]))


# Whoever writes of an article may know it by any of these; a related link by it must not give a draft away.
_SECOND_ADDRESSES = ("link", "sourceUrl", "ampUrl", "cdnAmpWebUrl", "cdnAmpUrl")
_ADDRESSES = ("webUrl", "originalUrl", "ampWebUrl", *_SECOND_ADDRESSES)
_ADDRESS_LINE = re.compile(
    rf"""^["']?(?:{"|".join(_ADDRESSES)})["']?[ \t]*:[ \t]*["']?(https?://[^\s"'<>]+)""".encode(), re.MULTILINE
)


def _held(head: "Header", published: bool | None, by_default: bool, notes: "_Notes") -> list[Hold]:
    """What keeps the author from publishing the article, drafts and removals left aside. Doubled keys are named: YAML
    takes the last of them in silence.
    """
    for name in head.doubled:
        withheld = ", so the article is not published" if name in _DECISIVE else ""
        notes.warn("duplicate-key", name, f"occurs more than once{withheld}", "Leave one of them.")
    misspelt = _misspelt(head, notes)
    held = [Hold("slip", name) for name in (*(name for name in head.doubled if name in _DECISIVE), *misspelt)]
    absent = published is None and not (by_default and "published" not in head.mapping)
    if absent and not held:
        what = "is missing or empty, so the article is not published"
        notes.warn("published-missing", "published", what, _SAY_PUBLISHED)
    if published is False or (absent and "published" not in misspelt.values()):
        held.append(Hold("published", "published"))
    return held


# Keys that decide whether and when an article is seen: where one is doubled, nobody knows what its author meant.
_DECISIVE = frozenset(
    {"published", "deleted", "removed", "draft", "publishedDateTime", "publishDate", "date", "expiryDate"}
)


def _misspelt(head: "Header", notes: "_Notes") -> dict[str, str]:
    """Name keys that are not known and look like one that is; gives those that may have decided on publication, each
    with the key that it seems to mean.
    """
    decisive: dict[str, str] = {}
    has_date = _has_date(head.mapping)
    for name in [name for name in head.mapping if name not in _KNOWN]:
        meant = _meant(name) if isinstance(name, str) else ""
        if not has_date and isinstance(name, str) and name.lower() in _DATES_OF_OTHERS:
            meant = "publishDate"
        # Beside one of these keys, `date` decides nothing.
        hides = meant in _DECISIVE and not (meant == "date" and any(head.mapping.get(key) for key in _TOGETHER))
        if meant and (hides or meant not in head.mapping or meant.lower() == name.lower()):
            withheld = ", so the article is not published" if hides else ""
            notes.warn("unknown-key", name, f"is not known{withheld}", f"Did you mean `{meant}`?")
            if hides:
                decisive[name] = meant
    return decisive


@lru_cache(maxsize=1000)
def _meant(name: str) -> str:
    """The known key of which another is a slip; an empty string for keys of somebody else."""
    from difflib import get_close_matches

    known = sorted(_KNOWN)
    same = next((key for key in known if key.lower() == name.lower() or _swapped(key, name)), "")
    return _HABITS.get(name.lower()) or same or next(iter(get_close_matches(name, known, 1, 0.9)), "")


def _swapped(one: str, other: str) -> bool:
    """Whether one name is the other with two neighbouring letters swapped, which is a frequent slip."""
    places = [place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) != len(other) or len(places) != 2 or places[1] != places[0] + 1:
        return False
    first, second = places
    return one[first] == other[second] and one[second] == other[first]


# What other tools call it: whoever writes this means that the article is not to be seen, now or later.
_HABITS = (
    {"unpublished": "published"}
    | dict.fromkeys(
        ("expires", "expiry", "expiry_date", "expiration", "expirationdate", "expiresat", "unpublishdate"), "expiryDate"
    )
    | dict.fromkeys(("publish_date", "publish-date", "pubdate", "pub_date"), "publishDate")
)


# The same, where no key says when: the date in the name of a file may then be an earlier one. Beside a date that feedd
# knows these are too frequent to be slips.
_DATES_OF_OTHERS = {
    "publishedat", "published_at", "publishedon", "published_on", "publisheddate", "published_date", "datepublished",
    "date_published", "publishat", "publish_at", "publishon", "publish_on", "publicationdate", "publication_date",
    "pubdatetime", "releasedate", "release_date", "scheduled", "scheduledat", "scheduled_at", "postdate", "post_date",
}  # fmt: skip


def _placed(problem: Problem, path: str, head: "Header") -> Problem:
    return Problem(
        problem.kind, problem.what, problem.remedy, path, head.line(problem.field), problem.field, problem.severity
    )


def _broken(path: str, data: bytes, problems: list[Problem], withdrawn: bool = False) -> Reading:
    """The reading of a file that cannot be read; `withdrawn` where that is known without a look at its text."""
    from feedd.content.header import says_withdrawn

    placed = tuple(
        Problem(problem.kind, problem.what, problem.remedy, path, problem.line, problem.field, problem.severity)
        for problem in problems
    )
    found = (web_story(url.decode("utf-8", "replace"))[1] for url in _ADDRESS_LINE.findall(data.replace(b"\r", b"\n")))
    stories = tuple(sorted({number for number in found if number}))
    return Reading("broken", None, placed, withdrawn or says_withdrawn(data), stories)


def _too_large(rules: Rules) -> Problem:
    return Problem("too-large", f"is larger than {rules.max_bytes} bytes", "Shorten it, or raise content.max_bytes.")


class _Wrong(Exception):
    """A value that cannot be used; `kind`, `what` and `remedy` as in Problem."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        super().__init__(what)
        self.kind, self.what, self.remedy = kind, what, remedy


class _Notes(Struct):
    """The problems found so far in one file."""

    rules: Rules
    problems: list[Problem] = []
    failed: bool = False

    def warn(self, kind: str, name: str, what: str, remedy: str) -> None:
        """Note a warning, once for each field: a list of a thousand mistakes is one mistake."""
        if not any(problem.kind == kind and problem.field == name for problem in self.problems):
            self.problems.append(Problem(kind, what, remedy, field=name, severity="warning"))

    def fail(self, kind: str, name: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(kind, what, remedy, field=name))
        self.failed = True


Reader = Callable[[Any, str, _Notes], Any]


class Field(Struct, frozen=True):
    """One attribute of `Article`: the keys it is read from, in order, how, and what stands for an absent value.

    The first key with a usable value wins; of those in `together` all are read, and the greatest of their values wins.
    An unusable one breaks the article where `vital`, else it is reported and left aside. `required` breaks the article
    when there is none. `shown`: it is only read of an article that is published, so that nothing of a draft that nobody
    needs gets any further.
    """

    attribute: str
    keys: tuple[str, ...]
    read: Reader
    absent: Any = ""
    vital: bool = False
    required: bool = False
    shown: bool = False
    together: frozenset[str] = frozenset()

    def value(self, mapping: Mapping, notes: _Notes) -> Any:
        """The value of this field in a front matter; what is wrong goes to the notes."""
        greatest: Any = None
        for name in self.keys:
            raw = mapping.get(name)
            if raw is None or (greatest is not None and name not in self.together):
                continue
            try:
                value = self.read(raw, name, notes)
            except _Wrong as wrong:
                (notes.fail if self.vital else notes.warn)(wrong.kind, name, wrong.what, wrong.remedy)
                if self.vital:
                    return self.absent
                continue
            if name in self.together:
                greatest = value if greatest is None else max(greatest, value)
            elif value != "" or not self.required:
                return value
        if greatest is not None:
            return greatest
        if self.required:
            remedy = " or ".join(f"`{name}: …`" for name in sorted({self.keys[0], self.keys[-1]}))
            notes.fail("missing", self.keys[0], "is missing", f"Write {remedy}.")
        return self.absent


_SAY_FLAG = "Write `true` to withdraw the article, `false` to say that it is not withdrawn."
_SAY_DRAFT = "Write `draft: true` to hold the article back, `draft: false` to say that it is no draft."
_WORDS = dict.fromkeys(("true", "yes", "on"), "true") | dict.fromkeys(("false", "no", "off"), "false")  # if not quoted
_SAY_PUBLISHED = "Write `published: true` to publish it, `published: false` to say that it is not."


def _plain(raw: Any, name: str, notes: _Notes) -> str:
    """One line of plain text."""
    if isinstance(raw, str) and raw.isascii() and text.is_plain(raw):
        return raw if type(raw) is str else str(raw)
    if not isinstance(raw, str):
        if not isinstance(raw, int | float):
            raise _Wrong("not-text", "is not text", "Write it on one line, in quotes.")
        raw = str(raw)
    value = raw
    if notes.rules.repair_mojibake and value != (value := text.repaired(value)):
        notes.warn("mojibake", name, "is UTF-8 read as Windows-1252, and is repaired", "Save it as UTF-8, once.")
    return text.plain(value)


def _shortened(value: str) -> str:
    value = " ".join(value.split())
    return value if len(value) <= 60 else f"{value[:59]}…"


def _word(raw: Any, name: str, notes: _Notes) -> str:
    return _plain(raw, name, notes).lower()


def _category(raw: Any, name: str, notes: _Notes) -> str:
    """The category as a part of ids and a name to select by: lower case, words joined by hyphens."""
    return _hyphenated(_word(raw, name, notes))


@lru_cache(maxsize=1000)
def _hyphenated(words: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())


def _locale(raw: Any, name: str, notes: _Notes) -> str:
    """A language tag (RFC 5646): `en_US` is `en-US`."""
    value = _plain(raw, name, notes).replace("_", "-")
    parts = value.split("-")
    if not (value.isascii() and 2 <= len(parts[0]) <= 3 and parts[0].isalpha()):
        raise _Wrong("bad-language", f"{_shortened(value)!r} is no language tag", "Write one such as `en` or `de-AT`.")
    if not all(1 <= len(part) <= 8 and part.isalnum() for part in parts):
        raise _Wrong("bad-language", f"{_shortened(value)!r} is no language tag", "Write one such as `en` or `de-AT`.")
    return "-".join([parts[0].lower(), *(part.upper() if len(part) == 2 else part for part in parts[1:])])


def _published(raw: Any, name: str, notes: _Notes) -> bool:
    """Only a plain `true` publishes; the text "true" does not."""
    if isinstance(raw, Flag):
        return raw.on
    if raw is True or raw is False:
        return bool(raw)
    notes.warn("published-not-boolean", name, *_no_flag(raw, name, _SAY_PUBLISHED))
    return False


def _flag(raw: Any, name: str, notes: _Notes) -> bool:
    """Anything but a plain false hides the article: what this guards must not be published by a slip."""
    if isinstance(raw, Flag):
        return raw.on
    if not isinstance(raw, str) or raw not in {"0", "false", "no", "off"}:
        notes.warn("flag-not-boolean", name, *_no_flag(raw, name, _SAY_DRAFT if name == "draft" else _SAY_FLAG))
        return True
    return False


def _no_flag(raw: Any, name: str, remedy: str) -> tuple[str, str]:
    """What is wrong with a value that is neither true nor false, and the remedy: the one given, unless it is quoted."""
    if isinstance(raw, str) and raw.lower() in _WORDS:
        publishes = "true" if name == "published" else "false"
        other = "" if _WORDS[raw.lower()] == publishes else f", or write `{name}: {publishes}` to publish it"
        return f"is text, not {raw}, so the article is not published", f"Take the quotes away: `{name}: {raw}`{other}."
    return "is not true or false, so the article is not published", remedy


def _instant(raw: Any, name: str, notes: _Notes) -> int:
    example = "Write it as 2024-05-31T09:30:00Z."
    if not isinstance(raw, str):
        raise _Wrong("bad-date", "is not a date", example)
    try:
        seconds, aware = instant(raw, notes.rules.zone)
    except ValueError as error:
        what = f"{_shortened(raw)!r}: {error}"
        if isinstance(raw, _Day):
            what = f"is missing, and the file's name begins with {what}"
            example = "Write `date: …`, or mend the name."
        raise _Wrong("bad-date", what, example) from error
    if not aware and ":" in raw:
        notes.warn("naive-date", name, f"has no time zone, read as {notes.rules.zone}", example)
    return seconds


def _number(raw: Any, name: str, notes: _Notes) -> int:
    if not isinstance(raw, str) or not _NUMBER.fullmatch(raw):
        raise _Wrong("bad-number", "is not a number", "Write a whole number.")
    return int(float(raw)) if "." in raw else int(raw)


def _url(raw: Any, name: str, notes: _Notes) -> str:
    url = web_url(raw)
    if not url:
        shown = repr(_shortened(raw)) if isinstance(raw, str) else "this"
        raise _Wrong("bad-url", f"{shown} is not an absolute http(s) address", "Write https://…")
    return url


def _topics(raw: Any, name: str, notes: _Notes) -> tuple[str, ...]:
    items = raw if isinstance(raw, list) else [raw]
    names: dict[str, str] = {}
    for item in items[:_MAX_ITEMS]:
        if isinstance(item, str | int | float):
            label = _plain(item, name, notes)
            names.setdefault(text.key(label), label)
        elif item is not None:
            notes.warn("bad-topic", name, "holds something that is not text", "Write a list of names.")
    return tuple(label for label in names.values() if label)


def _mapping(raw: Any) -> Mapping:
    return raw if isinstance(raw, dict) else {}


def _provider(raw: Any, name: str, notes: _Notes) -> Provider:
    if isinstance(raw, str):
        return Provider(_plain(raw, name, notes))
    if not isinstance(raw, dict):
        raise _Wrong("bad-provider", "is neither a name nor a mapping", "Write `name:` and `domain:` below it.")
    title = _plain(raw.get("name") or "", name, notes)
    return Provider(title, _domain(raw.get("domain"), name, notes), _pictures(raw.get("images"), name, notes))


def _domain(raw: Any, name: str, notes: _Notes) -> str:
    """A domain in lower case without `www.`; an address is cut down to its host."""
    if raw is None or raw == "":
        return ""
    value = domain(raw) if isinstance(raw, str) else ""
    if not value:
        shown = _shortened(raw.strip().lower()) if isinstance(raw, str) else ""
        notes.warn("bad-domain", name, f"{shown!r} is no domain", "Write one such as news.example.")
    return value


def _pictures(raw: Any, name: str, notes: _Notes) -> tuple[Picture, ...]:
    return tuple(_each_picture(raw, name, notes))


def _image(raw: Any, name: str, notes: _Notes) -> Picture | None:
    """The first picture; those after it are not looked at."""
    return next(_each_picture(raw, name, notes), None)


def _each_picture(raw: Any, name: str, notes: _Notes) -> Iterator[Picture]:
    for item in raw[:_MAX_ITEMS] if isinstance(raw, list) else ():
        if picture := _picture(_mapping(item), name, notes):
            yield picture


def _picture(item: Mapping, name: str, notes: _Notes) -> Picture | None:
    url = item.get("url")
    if not isinstance(url, str) or not url.strip():
        notes.warn("bad-image", name, "an image without url", "Write `url: https://…`.")
        return None
    return Picture(
        text.carriable(url.strip()),
        pixels(item.get("width")),
        pixels(item.get("height")),
        _plain(item.get("title") or "", name, notes) if "title" in item else "",
        _plain(item.get("attribution") or "", name, notes) if "attribution" in item else "",
    )


def pixels(raw: Any) -> int:
    """A width or height; 0 for what is none."""
    digits = str(raw) if isinstance(raw, str | int) else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0


def _related(raw: Any, name: str, notes: _Notes) -> tuple[Link, ...]:
    items = raw if isinstance(raw, list) else []
    return tuple(link for item in items[:MAX_RELATED] if (link := _link(_mapping(item), name, notes)))


def _link(item: Mapping, name: str, notes: _Notes) -> Link | None:
    title = item.get("title")
    if not isinstance(title, str) or not (label := _plain(title, name, notes)):
        return None
    for key in _LINK_KEYS:
        if key in item and (found := web_story(item[key]))[0]:
            return Link(label, *found)
    return None


_LINK_KEYS = ("webUrl", "originalUrl", "sourceUrl", "link")

# Both mean nothing but publication: of two that differ the later one counts, so that nothing is seen too early.
_TOGETHER = frozenset({"publishedDateTime", "publishDate"})

_DATE_KEYS = ("publishedDateTime", "publishDate", "date")

FIELDS = (
    Field("title", ("title",), _plain, vital=True, required=True),
    Field("excerpt", ("excerpt",), _plain, shown=True),
    Field("date", _DATE_KEYS, _instant, 0, vital=True, required=True, together=_TOGETHER),
    Field("modified", ("updatedDateTime",), _instant, None),
    Field("expires", ("expiryDate",), _instant, None, vital=True),
    Field("published", ("published",), _published, None),
    Field("removed", ("removed",), _flag, False),
    Field("deleted", ("deleted",), _flag, False),
    Field("draft", ("draft",), _flag, False),
    Field("guid", ("guid",), _plain),
    Field("category", ("category",), _category),
    Field("web_url", ("webUrl", "link"), _url),
    Field("original_url", ("originalUrl", "sourceUrl"), _url),
    Field("amp_url", ("ampWebUrl", "ampUrl"), _url),
    Field("type", ("type",), _word, "article", shown=True),
    Field("topics", ("topics",), _topics, (), shown=True),
    Field("provider", ("provider",), _provider, Provider(), shown=True),
    Field("image", ("images",), _image, None, shown=True),
    Field("related", ("related",), _related, (), shown=True),
    Field("language", ("locale",), _locale, shown=True),
    Field("quality", ("quality",), _number, 0, shown=True),
    Field("heat", ("heat",), _number, 0, shown=True),
)
"""What front matter means, one row an attribute of `Article`."""
_FIRST, _SHOWN = (tuple(spec for spec in FIELDS if spec.shown is shown) for shown in (False, True))
_KNOWN = frozenset(key for spec in FIELDS for key in spec.keys)


def key_of_date(mapping: Mapping, zone: tzinfo) -> str:
    """The key of a front matter that says since when the article is public; empty where none does, but perhaps the name
    of its file.
    """
    given = [name for name in _DATE_KEYS if mapping.get(name) is not None]
    together = [name for name in given if name in _TOGETHER]
    if len(together) > 1:
        with suppress(ValueError):  # the article is broken
            return max(together, key=lambda name: instant(str(mapping[name]), zone)[0])
    return next(iter(given), "")

"""Explain, the whole of it: every way in which an article can be kept out of a feed, with exactly that reason, where it
is written, and what lets the article in (design: sections 1, 5, 7 and 10).
"""

import ast
import inspect
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest
from packages import install, project

from feedd.config import FeedConfig, keys
from feedd.content import article as articles
from feedd.content import header
from feedd.content.article import FIELDS
from feedd.errors import Problem, RenderError
from feedd.explain import Explanation, explain
from feedd.feeds.entry import Entry
from feedd.feeds.formats import Format
from feedd.feeds.select import FILTERS
from feedd.pipeline import Pipeline
from feedd.publish.directory import Directory, Rehearsal
from feedd.reasons import membership, standing
from feedd.reasons.verdicts import OF_ARTICLES, OF_FEEDS, documents_of
from feedd.state.database import open_copy
from feedd.testing import FailingDirectory, Site, article, bound_by_permissions

TITLE = "The story"
HOUR = 3600
Mend = Callable[[Site], str | None]
"""What lets the article in; gives its path if that is another from then on."""


def story(**front: Any) -> str:
    """The article that is asked for."""
    body = front.pop("body", "")
    return article(TITLE, body=body, **{"webUrl": "https://source.example/a", **front})


GOOD = story()
OTHER = article("Another", publishedDateTime="2024-05-02T08:00:00Z")


def write(text: str, path: str = "a.md") -> Mend:
    def mend(site: Site) -> None:
        site.write(path, text)

    return mend


def configure(settings: str) -> Mend:
    def mend(site: Site) -> None:
        site.configure(settings)

    return mend


def wait(seconds: int) -> Mend:
    def mend(site: Site) -> None:
        site.now += seconds

    return mend


def move(old: str | bytes, new: str) -> Mend:
    """Move what lies below the site's folder; the article has the new path below the content."""

    def mend(site: Site) -> str:
        root = os.fsencode(site.folder)
        target = site.content / new
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root + b"/" + (old if isinstance(old, bytes) else old.encode()), target)
        return new

    return mend


@dataclass
class Way:
    """One way out: files and settings (those of an earlier run in `before` and `settings_before`), what else is done to
    the site (`spoil`) or to the pipeline (`prepare`), and the article and the feed that are asked for; then what must
    be said, where, and what lets the article in.
    """

    rule: str
    says: str
    places: list[str]
    mend: Mend
    files: Mapping[str, str | bytes] = field(default_factory=lambda: {"a.md": GOOD})
    settings: str = ""
    before: dict[str, str] | None = None
    settings_before: str | None = None
    feed: str = "all"
    path: str = "a.md"
    spoil: Callable[[Site], object] = lambda site: None
    prepare: Callable[[Pipeline], object] = lambda pipeline: None
    directory: Callable[[Path], Directory] | None = None
    rehearsed: bool = False
    kind: str = ""

    def site(self, folder: Path) -> Site:
        """The site before its last run."""
        earlier = self.settings if self.settings_before is None or self.before is None else self.settings_before
        site = Site(folder, earlier)
        if self.before is not None:
            for path, text in self.before.items():
                site.write(path, text)
            site.build()
            site.configure(self.settings)
            for path in set(self.before) - set(self.files):
                (site.content / path).unlink()
        for path, text in self.files.items():
            site.write(path, text)
        self.spoil(site)
        return site


@contextmanager
def after_run(site: Site, way: Way | None = None) -> Iterator[tuple[Pipeline, Any]]:
    """A pipeline that has just run, and what documents show."""
    if way and way.rehearsed:
        pipeline = Pipeline(site.config, open_copy(site.state), Rehearsal(site.feeds))
        documents = documents_of(pipeline)
    else:
        pipeline = site.pipeline(way.directory(site.feeds) if way and way.directory else None)
        documents = None
    with closing(pipeline):
        if way:
            way.prepare(pipeline)
        pipeline.run(site.now)
        yield pipeline, documents or documents_of(pipeline)


def explained(site: Site, path: str, feed: str, way: Way | None = None) -> Explanation:
    with after_run(site, way) as (pipeline, documents):
        return explain(pipeline, path, site.now, feed, site.file, documents)


def is_shown(site: Site, feed: str) -> bool:
    """Whether the article is in the feed's document."""
    with suppress(FileNotFoundError):
        return TITLE in site.titles(feed)
    return False


def hot(wish: str) -> dict[str, str]:
    return {"settings": f'[[feed]]\nname = "hot"\n{wish}\n', "feed": "hot"}


def broken(kind: str, says: str, text: str | bytes, line: int | None = None, field: str = "", **more: Any) -> Way:
    """A file that means to be an article, and is none."""
    place = [f"a.md:{line}: {field}".removesuffix(": ")] if line else [f"a.md: {field}"] if field else []
    says = f"{field}: {says}" if field else says
    at = more.pop("at", [])
    return Way(
        "front-matter", f"{says}; it never read well", [*place, *at], write(GOOD), {"a.md": text}, kind=kind, **more
    )


def fenced(lines: str) -> str:
    return f"---\n{lines}\n---\n"


def without(name: str) -> str:
    return "\n".join(line for line in GOOD.split("\n") if not line.startswith(f"{name}:"))


PUBLISHED = "so the article is not published"
LINES = {line.partition(":")[0]: number for number, line in enumerate(GOOD.split("\n"), 1)}
"""Where the keys of the article stand."""

CONTENT = {
    "not-included": Way(
        "content",
        "is not matched by content.include: **/*.md",
        ["default: content.include"],
        configure('[content]\ninclude = ["**/*.md", "**/*.txt"]\n'),
        {"a.txt": GOOD},
        path="a.txt",
    ),
    "not-included-by-own-patterns": Way(
        "content",
        "is not matched by content.include: news/*.md, talk/*.md",
        ["feedd.toml:6: content.include"],
        configure(""),
        settings='[content]\ninclude = ["news/*.md", "talk/*.md"]\n',
    ),
    "excluded": Way(
        "content",
        "is excluded by **/_data/**",
        ["default: content.exclude"],
        configure("[content]\nexclude = []\n"),
        {"_data/a.md": GOOD},
        path="_data/a.md",
    ),
    "excluded-by-own-patterns": Way(
        "content",
        "is excluded by news/**",
        ["feedd.toml:6: content.exclude"],
        configure(""),
        {"news/a.md": GOOD},
        settings='[content]\nexclude = ["old/**", "news/**"]\n',
        path="news/a.md",
    ),
    "hidden-file": Way(
        "content",
        "is hidden, since .a.md begins with a dot",
        [],
        move("content/.a.md", "a.md"),
        {".a.md": GOOD},
        path=".a.md",
    ),
    "hidden-folder": Way(
        "content",
        "is hidden, since .drafts begins with a dot",
        [],
        move("content/x/.drafts/a.md", "x/a.md"),
        {"x/.drafts/a.md": GOOD},
        path="x/.drafts/a.md",
    ),
    "outside": Way(
        "content",
        "is outside the content directory",
        ["default: content.path"],
        move("a.md", "a.md"),
        {},
        path="../a.md",
        spoil=lambda site: (site.folder / "a.md").write_text(GOOD),
    ),
    "name-that-is-no-text": Way(
        "content",
        "its name is not UTF-8",
        [],
        move(b"content/caf\xe9.md", "café.md"),
        {},
        path="caf\udce9.md",
        spoil=lambda site: Path(os.fsdecode(os.fsencode(site.content) + b"/caf\xe9.md")).write_text(GOOD),
    ),
    "behind-a-link": Way(
        "content",
        "lies behind the symbolic link news, which is not followed",
        [],
        lambda site: (site.content / "news").unlink() or (move("elsewhere", "news")(site) and "news/a.md"),
        {},
        path="news/a.md",
        spoil=lambda site: link_folder(site),
    ),
}


def link_folder(site: Site) -> None:
    (site.folder / "elsewhere").mkdir()
    (site.folder / "elsewhere" / "a.md").write_text(GOOD)
    (site.content / "news").symlink_to(site.folder / "elsewhere")


def put_another_in_its_place(site: Site) -> None:
    """Of a folder, a pipe or a link: the article itself."""
    place = site.content / "a.md"
    place.rmdir() if place.is_dir() else place.unlink()
    site.write("a.md", GOOD)


FILES = {
    "gone": Way(
        "file", "there is no such file", [], write(GOOD), {"b.md": OTHER}, before={"a.md": GOOD, "b.md": OTHER}
    ),
    "never-there": Way("file", "there is no such file", [], write(GOOD), {"b.md": OTHER}),
    "link-to-nothing": Way(
        "file",
        "is a symbolic link that leads nowhere",
        [],
        put_another_in_its_place,
        {},
        spoil=lambda site: (site.content / "a.md").symlink_to("nowhere"),
    ),
    "loop-of-links": Way(
        "file",
        "cannot be read: Too many levels of symbolic links; what was known of it stays",
        [],
        put_another_in_its_place,
        {},
        spoil=lambda site: (site.content / "a.md").symlink_to("a.md"),
    ),
    "folder": Way(
        "file", "is a folder", [], put_another_in_its_place, {}, spoil=lambda site: (site.content / "a.md").mkdir()
    ),
    "pipe": Way(
        "file",
        "is no regular file",
        [],
        put_another_in_its_place,
        {},
        spoil=lambda site: os.mkfifo(site.content / "a.md"),
    ),
    "unreadable": Way(
        "file",
        "cannot be read: Permission denied; what was known of it stays",
        [],
        lambda site: (site.content / "a.md").chmod(0o644),
        spoil=lambda site: (site.content / "a.md").chmod(0),
    ),
    "folder-that-cannot-be-listed": Way(
        "scan",
        "the folder news cannot be listed: Permission denied, so nobody knows of the file",
        [],
        lambda site: (site.content / "news").chmod(0o755),
        {"news/a.md": GOOD},
        path="news/a.md",
        spoil=lambda site: (site.content / "news").chmod(0o311),
    ),
    "heir-of-what-the-guard-holds-back": Way(
        "scan",
        "is not known yet: it came since the content was looked at, or would replace what the guard holds back",
        [],
        write(GOOD, "y/a.md"),
        {"y/a.md": story(published=False)},
        "[guard]\nfraction = 0\ncount = 0\n",
        before={"x/a.md": article("Another", webUrl="https://source.example/another")},
        path="y/a.md",
    ),
}

BROKEN = {
    "no-fence": Way(
        "front-matter",
        "the file does not open with a --- fence, so it is no article",
        ["a.md:1"],
        write(GOOD),
        {"a.md": "Just a note.\n"},
    ),
    "no-fence-any-more": Way(
        "front-matter",
        "the file does not open with a --- fence, so it is no article",
        ["a.md:1"],
        write(GOOD),
        {"a.md": "Just a note.\n"},
        before={"a.md": GOOD},
    ),
    "empty": Way("front-matter", "the file is empty; it never read well", [], write(GOOD), {"a.md": "\n"}),
    "not-utf8": broken("not-utf8", "is not UTF-8 (byte 14)", GOOD.replace("The", "Th\xe9").encode("latin-1"), 2),
    "utf16": broken("not-utf8", "is UTF-16 text", "---".encode("utf-16")),
    "no-closing-fence": broken("no-closing-fence", "front matter has no closing fence", "---\ntitle: x\n", 1),
    "not-a-mapping": broken("not-a-mapping", "front matter is a list", fenced("- a\n- b"), 2),
    "header-too-large": broken(
        "header-too-large", "front matter is longer than 65536 characters", fenced("x: " + "y" * 70000), 2
    ),
    "header-too-deep": broken(
        "header-too-deep", "front matter holds too many lists and mappings", fenced("x: " + "[" * 1001), 2
    ),
    "yaml": broken("yaml", "YAML: did not find expected node content", fenced("title: x\nexcerpt: ["), 4),
    "too-large": broken(
        "too-large",
        "is larger than 4096 bytes",
        story(body="x" * 5000),
        settings="[content]\nmax_bytes = 4096\n",
        at=["feedd.toml:6: content.max_bytes"],
    ),
    "no-link": broken("no-link", "no absolute http(s) address", without("webUrl"), field="webUrl"),
    "no-title": broken("missing", "is missing", without("title"), field="title"),
    "title-that-is-a-list": broken("not-text", "is not text", GOOD.replace('"The story"', "[a]"), 2, "title"),
    "no-date": broken("missing", "is missing", without("publishedDateTime"), field="publishedDateTime"),
    "impossible-date": broken(
        "bad-date",
        "'2024-02-30': day is out of range for month",
        story(publishedDateTime="2024-02-30"),
        LINES["publishedDateTime"],
        "publishedDateTime",
    ),
    "impossible-date-in-the-name": Way(
        "front-matter",
        "date: is missing, and the file's name begins with '2024-02-30': day is out of range for month; "
        "it never read well",
        ["2024-02-30-a.md: date"],
        write(without("publishedDateTime").replace("\n---\n", "\ndate: 2024-02-29\n---\n"), "2024-02-30-a.md"),
        {"2024-02-30-a.md": without("publishedDateTime")},
        path="2024-02-30-a.md",
        kind="bad-date",
    ),
    "other-date-beside-a-date-in-the-name": Way(
        "slip",
        f"published_at is not known, {PUBLISHED}",
        ["2024-02-08-a.md:11: published_at"],
        write(without("publishedDateTime"), "2024-02-08-a.md"),
        {"2024-02-08-a.md": without("publishedDateTime").replace("\n---\n", "\npublished_at: 2027-06-01\n---\n")},
        path="2024-02-08-a.md",
    ),
    "impossible-publish-date": broken(
        "bad-date",
        "'2024-02-30': day is out of range for month",
        story(publishDate="2024-02-30"),
        LINES["topics"] + 2,
        "publishDate",
    ),
    "impossible-expiry": broken(
        "bad-date", "'soon': is not a date", story(expiryDate="soon"), LINES["topics"] + 2, "expiryDate"
    ),
    "broken-and-not-published": Way(
        "front-matter",
        "YAML: did not find expected node content; its text says not to publish it",
        ["a.md:4", "a.md:2: published (the text says not to publish it)"],
        write(GOOD),
        {"a.md": fenced("published: false\ntitle: [")},
    ),
}


def said_in_a_broken_file(line: str, key: str, rule: str = "published") -> Way:
    return Way(
        rule,
        "its text, which cannot be read, says not to publish it",
        [f"a.md:2: {key}"],
        write(GOOD),
        {"a.md": fenced(f"{line}\ntitle: [")},
        before={"a.md": GOOD},
    )


def slip(key: str, meant: str, text: str, line: int) -> Way:
    return Way("slip", f"{key} is not known, {PUBLISHED}", [f"a.md:{line}: {key}"], write(GOOD), {"a.md": text})


LAST = LINES["topics"] + 2
AUTHORS = {
    "not-published": Way(
        "published",
        "published is false",
        [f"a.md:{LINES['published']}: published"],
        write(GOOD),
        {"a.md": story(published=False)},
    ),
    "not-published-any-more": Way(
        "published",
        "published is false",
        [f"a.md:{LINES['published']}: published"],
        write(GOOD),
        {"a.md": story(published=False)},
        before={"a.md": GOOD},
    ),
    "published-missing": Way(
        "published",
        f"published is missing or empty, {PUBLISHED}",
        ["a.md: published"],
        configure('[[collection]]\nname = "articles"\npublished_default = true\n'),
        {"a.md": without("published")},
    ),
    "published-empty": Way(
        "published",
        f"published is missing or empty, {PUBLISHED}",
        [f"a.md:{LINES['published']}: published"],
        write(GOOD),
        {"a.md": GOOD.replace("published: true", "published:")},
        '[[collection]]\nname = "articles"\npublished_default = true\n',
    ),
    "published-as-text": Way(
        "published",
        f"published is text, not true, {PUBLISHED}",
        [f"a.md:{LINES['published']}: published"],
        write(GOOD),
        {"a.md": story(published="true")},
    ),
    "published-as-number": Way(
        "published",
        f"published is not true or false, {PUBLISHED}",
        [f"a.md:{LINES['published']}: published"],
        write(GOOD),
        {"a.md": story(published=1)},
    ),
    "not-published-in-a-broken-file": said_in_a_broken_file("published: false", "published"),
    "draft-in-a-broken-file": said_in_a_broken_file("draft: true", "draft", "draft"),
    "deleted-in-a-broken-file": said_in_a_broken_file("deleted: true", "deleted", "removed"),
    "draft": Way("draft", "draft is true", [f"a.md:{LAST}: draft"], write(GOOD), {"a.md": story(draft=True)}),
    "draft-perhaps": Way(
        "draft",
        f"draft is not true or false, {PUBLISHED}",
        [f"a.md:{LAST}: draft"],
        write(story(draft=False)),
        {"a.md": story(draft="perhaps")},
    ),
    "deleted": Way("removed", "deleted is true", [f"a.md:{LAST}: deleted"], write(GOOD), {"a.md": story(deleted=True)}),
    "removed": Way("removed", "removed is true", [f"a.md:{LAST}: removed"], write(GOOD), {"a.md": story(removed=True)}),
    "removed-perhaps": Way(
        "removed",
        f"removed is not true or false, {PUBLISHED}",
        [f"a.md:{LAST}: removed"],
        write(GOOD),
        {"a.md": story(removed="perhaps")},
    ),
    "misspelt-published": slip("pubilshed", "published", GOOD.replace("published:", "pubilshed:"), LINES["published"]),
    "misspelt-beside-published": slip("pubilshed", "published", story(pubilshed=False), LAST),
    "misspelt-expiry": slip("expires", "expiryDate", story(expires="2021-01-01"), LAST),
    "misspelt-removed": slip("remvoed", "removed", story(remvoed=False), LAST),
    "doubled": Way(
        "slip",
        f"published occurs more than once, {PUBLISHED}",
        [f"a.md:{LAST}: published"],
        write(GOOD),
        {"a.md": GOOD.replace('  - "AI"\n', '  - "AI"\npublished: true\n')},
    ),
    "id-of-another": Way(
        "id",
        "tag:news.example,2020:articles/a, which x/a.md keeps",
        ["x/a.md (keeps the id)"],
        write(story(guid="of-its-own"), "y/a.md"),
        {"x/a.md": OTHER, "y/a.md": GOOD},
        path="y/a.md",
    ),
    "id-of-another-bundle": Way(
        "id",
        "tag:news.example,2020:articles/a, which x/a/index.md keeps",
        ["x/a/index.md (keeps the id)"],
        write(story(guid="of-its-own"), "y/a/index.md"),
        {"x/a/index.md": OTHER, "y/a/index.md": GOOD},
        path="y/a/index.md",
    ),
    "guid-of-another": Way(
        "id",
        "tag:news.example,2020:guid/one, which a.md keeps",
        [f"b.md:{LAST}: guid", f"a.md:{LAST}: guid (keeps the id)"],
        write(GOOD, "b.md"),
        {"a.md": article("Another", guid="one"), "b.md": story(guid="one")},
        path="b.md",
    ),
}

WHEN = f"a.md:{LINES['publishedDateTime']}: publishedDateTime"
TIME = {
    "embargo": Way(
        "embargo",
        "appears at 2024-06-01T12:00:10Z",
        [WHEN],
        wait(10),
        {"a.md": story(publishedDateTime="2024-06-01T12:00:10Z")},
    ),
    "embargo-of-a-later-publish-date": Way(
        "embargo",
        "appears at 2024-06-01T12:00:10Z",
        [f"a.md:{LAST}: publishDate"],
        wait(10),
        {"a.md": story(publishDate="2024-06-01T12:00:10Z")},
    ),
    "embargo-of-a-publish-date-beside-a-date": Way(
        "embargo",
        "appears at 2024-06-02T00:00:00Z",
        ["a.md:12: publishDate"],
        wait(12 * HOUR),
        {"a.md": without("publishedDateTime").replace("\n---\n", "\ndate: 2024-01-01\npublishDate: 2024-06-02\n---\n")},
    ),
    "embargo-of-a-date-in-the-name": Way(
        "embargo",
        "appears at 2024-06-02T00:00:00Z, the date that the file's name begins with",
        [],
        wait(12 * HOUR),
        {"2024-06-02-a.md": without("publishedDateTime")},
        path="2024-06-02-a.md",
    ),
    "embargo-of-a-date-without-zone": Way(
        "embargo",
        "appears at 2024-06-01T12:00:10Z",
        [WHEN, "feedd.toml:6: content.timezone (the date names no time zone)"],
        wait(10),
        {"a.md": story(publishedDateTime="2024-06-01T14:00:10")},
        '[content]\ntimezone = "Europe/Berlin"\n',
    ),
    "expired": Way(
        "expiry",
        "left at 2024-06-01T12:00:00Z",
        [f"a.md:{LAST}: expiryDate"],
        write(GOOD),
        {"a.md": story(expiryDate="2024-06-01T12:00:00Z")},
    ),
}

OWN = "feedd.toml:7: feed[1]"
TOPICS = f"a.md:{LINES['topics']}: topics"
PROVIDER = f"a.md:{LINES['provider']}: provider"
ALIAS = '[[taxonomy.topic]]\nname = "AI"\naliases = ["Robots"]\n'
TREE = '[[taxonomy.topic]]\nname = "Science"\n[[taxonomy.topic]]\nname = "AI"\nparent = "Science"\n'
FILTERED = {
    "collection": Way(
        "collection",
        "articles; the feed takes news",
        ["default: category", f"{OWN}.collections"],
        write(story(category="News")),
        **hot('collections = ["news"]'),
    ),
    "collection-by-category": Way(
        "collection",
        "talk; the feed takes news",
        [f"a.md:{LAST}: category", f"{OWN}.collections"],
        write(story(category="news")),
        {"a.md": story(category="Talk")},
        **hot('collections = ["news"]'),
    ),
    "collection-by-folder": Way(
        "collection",
        "talk; the feed takes news",
        ["feedd.toml:10: collection[1].folders (the folder x belongs to it)", f"{OWN}.collections"],
        move("content/x/a.md", "a.md"),
        {"x/a.md": GOOD},
        settings='[[feed]]\nname = "hot"\ncollections = ["news"]\n[[collection]]\nname = "talk"\nfolders = ["x"]\n'
        '[[collection]]\nname = "news"\nfolders = ["."]\n',
        feed="hot",
        path="x/a.md",
    ),
    "collections-of-automatic-feeds": Way(
        "collection",
        "articles; the feed takes news",
        ["default: category", "feedd.toml:6: output.collections"],
        write(story(category="news")),
        settings='[output]\ncollections = ["news"]\n',
    ),
    "topics": Way(
        "topics",
        "ai; the feed takes any of cars, food",
        [TOPICS, f"{OWN}.topics"],
        write(story(topics=["AI", "Food"])),
        **hot('topics = ["Cars", "food"]'),
    ),
    "no-topic": Way(
        "topics",
        "none; the feed takes any of cars",
        ["default: topics", f"{OWN}.topics"],
        write(story(topics="Cars")),
        {"a.md": without("topics").replace('  - "AI"\n', "")},
        **hot('topics = ["Cars"]'),
    ),
    "feed-of-another-topic": Way(
        "topics",
        "ai; the feed takes any of cars",
        [TOPICS, "default: output.topics"],
        write(story(topics=["Cars"])),
        {"a.md": GOOD, "b.md": article("Another", topics=["Cars"])},
        feed="topics/cars",
    ),
    "all-topics": Way(
        "all-topics",
        "ai; the feed wants all of ai, cars",
        [TOPICS, f"{OWN}.all_topics"],
        write(story(topics=["AI", "Cars"])),
        **hot('all_topics = ["Cars", "AI"]'),
    ),
    "not-topics": Way(
        "not-topics",
        "ai; the feed takes none of ai",
        [TOPICS, f"{OWN}.not_topics"],
        write(story(topics=["Cars"])),
        **hot('not_topics = ["ai"]'),
    ),
    "not-topics-by-another-name": Way(
        "not-topics",
        "ai; the feed takes none of ai (Robots is AI)",
        [TOPICS, "feedd.toml:10: feed[1].not_topics", "feedd.toml:7: taxonomy.topic[1].aliases (Robots is AI)"],
        write(story(topics=["Cars"])),
        {"a.md": story(topics=["Robots"])},
        settings=f'{ALIAS}[[feed]]\nname = "hot"\nnot_topics = ["AI"]\n',
        feed="hot",
    ),
    "not-topics-below-another": Way(
        "not-topics",
        "ai, science; the feed takes none of science (AI is below Science)",
        [TOPICS, "feedd.toml:14: feed[1].not_topics", "feedd.toml:9: taxonomy.topic[2].parent (AI is below Science)"],
        configure(f'{TREE}[[feed]]\nname = "hot"\nnot_topics = ["science"]\n'),
        settings=f'{TREE}[taxonomy]\nrollup = true\n[[feed]]\nname = "hot"\nnot_topics = ["science"]\n',
        feed="hot",
    ),
    "topic-below-another-that-does-not-take-it": Way(
        "topics",
        "ai; the feed takes any of science (AI is below Science, which does not take its articles)",
        [
            TOPICS,
            "default: output.topics",
            "default: taxonomy.rollup (AI is below Science, which does not take its articles)",
        ],
        configure(f"{TREE}[taxonomy]\nrollup = true\n"),
        {"a.md": GOOD, "b.md": article("Another", topics=["Science"])},
        TREE,
        feed="topics/science",
    ),
    "unknown-topic": Way(
        "topics",
        "none; the feed takes any of ai (AI is not in the taxonomy, so it is ignored)",
        [
            TOPICS,
            "default: output.topics",
            "feedd.toml:6: taxonomy.unknown_topics (AI is not in the taxonomy, so it is ignored)",
        ],
        configure(""),
        settings='[taxonomy]\nunknown_topics = "ignore"\n[[taxonomy.topic]]\nname = "Cars"\n',
        feed="topics/ai",
    ),
    "unknown-topic-that-had-a-feed": Way(
        "topics",
        "none; the feed takes any of ai (AI is not in the taxonomy, so it is ignored)",
        [
            TOPICS,
            "default: output.topics",
            "feedd.toml:6: taxonomy.unknown_topics (AI is not in the taxonomy, so it is ignored)",
        ],
        configure('[taxonomy]\nunknown_topics = "ignore"\n[[taxonomy.topic]]\nname = "AI"\n'),
        settings='[taxonomy]\nunknown_topics = "ignore"\n',
        before={"a.md": GOOD},
        settings_before="",
        feed="topics/ai",
    ),
    "name-that-is-no-longer-one-of-its-topic": Way(
        "topics",
        "ai; the feed takes any of robots",
        [TOPICS, "default: output.topics"],
        configure(ALIAS),
        before={"a.md": GOOD},
        settings_before=ALIAS,
        feed="topics/robots",
    ),
    "providers": Way(
        "providers",
        "source.example; the feed takes other.example",
        [PROVIDER, f"{OWN}.providers"],
        write(story(provider={"domain": "www.other.example"})),
        **hot('providers = ["other.example"]'),
    ),
    "providers-by-address": Way(
        "providers",
        "source.example; the feed takes other.example",
        [f"a.md:{LINES['webUrl']}: webUrl", f"{OWN}.providers"],
        write(story(provider={"domain": "www.other.example"})),
        {"a.md": "\n".join(line for line in story(provider=None).split("\n"))},
        **hot('providers = ["other.example"]'),
    ),
    "not-providers": Way(
        "not-providers",
        "source.example; the feed takes none of source.example",
        [PROVIDER, f"{OWN}.not_providers"],
        write(story(provider={"domain": "other.example"})),
        **hot('not_providers = ["source.example"]'),
    ),
    "not-providers-by-another-name": Way(
        "not-providers",
        "source.example; the feed takes none of source.example (The Source is source.example)",
        [
            PROVIDER,
            "feedd.toml:11: feed[1].not_providers",
            "feedd.toml:8: taxonomy.provider[1].aliases (The Source is source.example)",
        ],
        write(story(provider={"domain": "other.example"})),
        {"a.md": story(provider="The Source")},
        settings='[[taxonomy.provider]]\nname = "Source"\ndomain = "source.example"\naliases = ["The Source"]\n'
        '[[feed]]\nname = "hot"\nnot_providers = ["source.example"]\n',
        feed="hot",
    ),
    "types": Way(
        "types",
        "article; the feed takes video",
        ["default: type", f"{OWN}.types"],
        write(story(type="Video")),
        **hot('types = ["video"]'),
    ),
    "languages": Way(
        "languages",
        "de; the feed takes en",
        [f"a.md:{LAST}: locale", f"{OWN}.languages"],
        write(GOOD),
        {"a.md": story(locale="de")},
        **hot('languages = ["en"]'),
    ),
    "languages-of-the-site": Way(
        "languages",
        "en; the feed takes de",
        ["default: site.language (the article says none)", f"{OWN}.languages"],
        write(story(locale="de")),
        **hot('languages = ["de"]'),
    ),
    "title": Way(
        "title",
        "'The story'; the feed wants one of 'moon', 'sun'",
        [f"a.md:{LINES['title']}: title", f"{OWN}.title_contains"],
        configure('[[feed]]\nname = "hot"\ntitle_contains = ["STORY"]\n'),
        **hot('title_contains = ["sun", "moon"]'),
    ),
}


def filter_of_a_package(name: str, says: str, text: str) -> Way:
    """A filter that an installed package brings, as a module of its name."""

    def spoil(site: Site) -> None:
        install(site.folder / "packages", project("feedd.filters", {name: f"{name}:asked"}), {name: text})

    settings = f'[[feed]]\nname = "hot"\nfilters = ["{name}"]\n'
    wants = f"passes none; the feed wants all of {name}{says}"
    mend = configure('[[feed]]\nname = "hot"\n')
    return Way("filters", wants, [f"{OWN}.filters"], mend, settings=settings, feed="hot", spoil=spoil)


PLUGGED = {
    "filter-of-a-package": filter_of_a_package(
        "very_short", "", "def asked(article):\n    return len(article.title) < 5\n"
    ),
    "filter-that-fails": filter_of_a_package(
        "very_wrong",
        " (the filter 'very_wrong' of feedd-beside 1.0 gave a NoneType, neither True nor False; no feed with it takes"
        " the article)",
        "def asked(article):\n    return None\n",
    ),
}

ADDRESS = f"a.md:{LINES['webUrl']}: webUrl"
TWIN = f"b.md:{LINES['webUrl']}: webUrl (came first)"
SAME = article("Another", webUrl="https://www.source.example/a/?utm_source=x", publishedDateTime="2024-04-01T08:00:00Z")
DIGEST = '[[feed]]\nname = "hot"\nschedule = "0 18 * * *"\n'
CHOSEN = {
    "quality": Way(
        "minimum",
        "quality 59, heat 99; the feed wants quality ≥ 60",
        [f"a.md:{LAST}: quality", f"{OWN}.min_quality"],
        write(story(quality=60)),
        {"a.md": story(quality=59, heat=99)},
        **hot("min_quality = 60"),
    ),
    "heat": Way(
        "minimum",
        "quality 0 (not written), heat -1 (unranked); the feed wants heat ≥ 0",
        [f"a.md:{LAST}: heat", f"{OWN}.min_heat"],
        write(story(heat=0)),
        {"a.md": story(heat=-1)},
        **hot("min_heat = 0"),
    ),
    "quality-and-heat": Way(
        "minimum",
        "quality 1, heat 0 (not written); the feed wants quality ≥ 1, heat ≥ 1",
        ["default: heat", "feedd.toml:8: feed[1].min_heat"],
        write(story(quality=1, heat=1)),
        {"a.md": story(quality=1)},
        **hot("min_quality = 1\nmin_heat = 1"),
    ),
    "heat-that-fell-while-the-article-was-out": Way(
        "minimum",
        "quality 0 (not written), heat 1; the feed wants heat ≥ 5",
        [f"a.md:{LAST}: heat", f"{OWN}.min_heat"],
        write(story(heat=5)),
        {"a.md": story(heat=1)},
        before={"a.md": story(heat=9, published=False)},
        **hot("min_heat = 5"),
    ),
    "age": Way(
        "age",
        "too old since 2024-05-08T08:00:00Z",
        [WHEN, f"{OWN}.max_age"],
        configure('[[feed]]\nname = "hot"\nmax_age = "60d"\n'),
        **hot('max_age = "7d"'),
    ),
    "same-story": Way(
        "same-story",
        "tag:news.example,2020:articles/b tells the same story and came first",
        [ADDRESS, TWIN],
        lambda site: (site.content / "b.md").unlink(),
        {"a.md": GOOD, "b.md": SAME},
    ),
    "same-story-by-one-that-has-grown-old": Way(
        "same-story",
        "tag:news.example,2020:articles/b tells the same story and came first",
        [ADDRESS, TWIN],
        write(SAME.replace("published: true", "published: false"), "b.md"),
        {"a.md": GOOD, "b.md": SAME},
        **hot('max_age = "40d"'),
    ),
    "same-story-by-a-member-of-an-edition": Way(
        "same-story",
        "tag:news.example,2020:articles/b tells the same story and came first",
        [ADDRESS, TWIN],
        write(article("Another", publishedDateTime="2024-04-01T08:00:00Z"), "b.md"),
        {"a.md": GOOD, "b.md": SAME},
        DIGEST,
        before={"a.md": GOOD, "b.md": article("Another", publishedDateTime="2024-04-01T08:00:00Z")},
        feed="hot",
    ),
    "limit": Way(
        "limit",
        "not among the first 1 (newest): it is number 2 of 2; it is in the archives",
        [f"{OWN}.limit", "b.md (the last that is in)"],
        configure('[[feed]]\nname = "hot"\nlimit = 2\n'),
        {"a.md": GOOD, "b.md": OTHER},
        **hot("limit = 1"),
    ),
    "limit-of-all-feeds": Way(
        "limit",
        "not among the first 1 (newest): it is number 3 of 3; it is in the archives",
        ["feedd.toml:6: output.limit", "b.md (the last that is in)"],
        configure(""),
        {"a.md": GOOD, "b.md": OTHER, "c.md": article("Third", publishedDateTime="2024-05-01T09:00:00Z")},
        "[output]\nlimit = 1\n",
    ),
    "limit-of-all-feeds-in-one-of-its-own": Way(
        "limit",
        "not among the first 1 (newest): it is number 2 of 2; it is in the archives",
        ["feedd.toml:6: output.limit", "b.md (the last that is in)"],
        configure('[[feed]]\nname = "hot"\n'),
        {"a.md": GOOD, "b.md": OTHER},
        '[output]\nlimit = 1\n[[feed]]\nname = "hot"\n',
        feed="hot",
    ),
    "limit-in-another-order": Way(
        "limit",
        "not among the first 1 (quality): it is number 2 of 2",
        ["feedd.toml:8: feed[1].limit", f"{OWN}.order", "b.md (the last that is in)"],
        write(story(quality=9)),
        {"a.md": GOOD, "b.md": article("Another", quality=5, publishedDateTime="2024-04-01T08:00:00Z")},
        **hot('order = "quality"\nlimit = 1'),
    ),
    "schedule": Way(
        "schedule",
        "enters at 2024-06-01T18:00:00Z",
        [f"{OWN}.schedule"],
        wait(6 * HOUR),
        {"a.md": GOOD, "b.md": OTHER},
        DIGEST,
        before={"b.md": OTHER},
        feed="hot",
    ),
}

OFF = "there is no such feed: output.{} is false"


def switched_off(switch: str, feed: str, before: dict[str, str] | None = None) -> Way:
    """An automatic feed that a switch keeps from being there, or from being filled."""
    return Way(
        "feed",
        OFF.format(switch),
        [f"feedd.toml:6: output.{switch}"],
        configure(""),
        settings=f"[output]\n{switch} = false\n",
        before=before,
        settings_before="",
        feed=feed,
    )


NO_FEED = {
    "all-is-off": switched_off("all", "all"),
    "all-was-switched-off": switched_off("all", "all", {"a.md": GOOD}),
    "topics-are-off": switched_off("topics", "topics/ai"),
    "topics-were-switched-off": switched_off("topics", "topics/ai", {"a.md": GOOD}),
    "providers-are-off": switched_off("providers", "providers/source.example"),
    "providers-were-switched-off": switched_off("providers", "providers/source.example", {"a.md": GOOD}),
    "feed-taken-out": Way(
        "feed",
        "the configuration has no such feed any more; its documents stay, and are empty",
        ["feedd.toml (no [[feed]] has that name)"],
        configure('[[feed]]\nname = "hot"\n'),
        before={"a.md": GOOD},
        settings_before='[[feed]]\nname = "hot"\n',
        feed="hot",
    ),
}


def failing(form: Format) -> Format:
    """A format that cannot write the article."""

    def entry(entry: Entry) -> bytes:
        if entry.title == TITLE:
            raise RenderError(Problem("render-failed", "entry 'a' cannot be written as JSON: it is too odd"))
        return form.entry(entry)

    return Format(form.suffix, form.media_type, entry, form.document)


def fail_as_json(pipeline: Pipeline) -> None:
    pipeline.run(0)
    pipeline.desk.formats = tuple(failing(form) if form.suffix == "json" else form for form in pipeline.desk.formats)


WRITTEN = {
    "disk-is-full": Way(
        "documents",
        "all.atom, all.rss, all.json: something could not be written at the last try, which is made again",
        ["default: output.path"],
        lambda site: None,
        directory=lambda root: FailingDirectory(root, {"all.json", "all.atom"}),
    ),
    "not-written-yet": Way(
        "documents",
        "all.atom, all.rss, all.json: not written since, so that they do not show it yet",
        ["default: output.path"],
        lambda site: None,
        rehearsed=True,
    ),
    "not-written-since": Way(
        "documents",
        "all.atom, all.rss, all.json: not written since, so that they do not show it yet",
        ["default: output.path"],
        lambda site: None,
        {"a.md": GOOD, "b.md": OTHER},
        before={"b.md": OTHER},
        rehearsed=True,
    ),
    "document-removed": Way(
        "documents",
        "all.json was changed or removed since it was written",
        ["default: output.path"],
        lambda site: None,
        before={"a.md": GOOD},
        spoil=lambda site: (site.feeds / "all.json").unlink(),
        rehearsed=True,
    ),
    "format-that-cannot-write-it": Way(
        "format",
        "entry 'a' cannot be written as JSON: it is too odd; the other formats have it",
        ["default: output.formats"],
        lambda site: None,
        prepare=fail_as_json,
    ),
    "no-format-can-write-it": Way(
        "format",
        "entry 'a' cannot be written as JSON: it is too odd",
        ["feedd.toml:6: output.formats"],
        lambda site: None,
        settings='[output]\nformats = ["json"]\n',
        prepare=fail_as_json,
    ),
}

WAYS = {
    f"{group}-{name}": way
    for group, ways in {
        "content": CONTENT,
        "file": FILES,
        "broken": BROKEN,
        "author": AUTHORS,
        "time": TIME,
        "filter": {**FILTERED, **PLUGGED},
        "chosen": CHOSEN,
        "feed": NO_FEED,
        "written": WRITTEN,
    }.items()
    for name, way in ways.items()
}


def places(explanation: Explanation, site: Site, feed: str) -> list[str]:
    """The places of what keeps the article out, as seen from the site's folder."""
    [verdict] = explanation.refusals(feed)
    told = (f"{place}" + (f" ({place.note})" if place.note else "") for place in verdict.places)
    return [text.removeprefix(f"{site.folder}/") for text in told]


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_each_way_out_has_exactly_its_reason_and_its_remedy_lets_the_article_in(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "packages")
    site = way.site(tmp_path)
    with ExitStack() as stack:
        stack.enter_context(bound_by_permissions())
        explanation = explained(site, way.path, way.feed, way)
        assert [(one.rule, one.says) for one in explanation.refusals(way.feed)] == [(way.rule, way.says)]
        assert places(explanation, site, way.feed) == way.places
        assert not explanation.shown_in(way.feed)
        assert not is_shown(site, way.feed)

        path = way.mend(site) or way.path
        explanation = explained(site, path, way.feed)
        [feed] = explanation.feeds  # under another name where the one that was asked for is a former one
        assert explanation.refusals(feed) == []
        assert explanation.shown_in(feed)
        assert is_shown(site, way.feed)


# The table is whole


def rules_in(module: ModuleType) -> set[str]:
    """The rules that are named where verdicts are made."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Verdict", "Ruling"}:
            found |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    return found


def test_every_rule_that_explain_can_name_is_listed_in_its_order() -> None:
    of_authors = set(get_args(get_type_hints(articles.Hold)["rule"]))
    filters = {rule.name for rule in FILTERS}
    assert rules_in(standing) | rules_in(membership) | of_authors | filters == {*OF_ARTICLES, *OF_FEEDS}


def test_every_rule_keeps_some_article_out_here() -> None:
    """But for the guard, which only ever keeps one in."""
    assert {way.rule for way in WAYS.values()} == {*OF_ARTICLES, *OF_FEEDS} - {"guard"}


def kinds_named(function: Callable[..., Any], call: str) -> set[str]:
    """The kinds of problems that a function gives to another, as its source names them."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(function))) if isinstance(node, ast.Call)]
    named = [node for node in calls if ast.unparse(node.func) == call]
    return {node.args[0].value for node in named if isinstance(node.args[0], ast.Constant)}


def test_everything_that_breaks_an_article_is_here() -> None:
    in_headers = kinds_named(header, "_broken")
    in_fields = set().union(*(kinds_named(field.read, "_Wrong") for field in FIELDS if field.vital))
    elsewhere = kinds_named(articles, "notes.fail") | kinds_named(articles._too_large, "Problem")
    assert all((in_headers, in_fields, elsewhere))
    assert {way.kind for way in WAYS.values()} - {""} == in_headers | in_fields | elsewhere


def test_every_key_by_which_a_feed_selects_keeps_some_article_out_here() -> None:
    """But for what is said of a feed, and its order, which decides with the limit."""
    texts = "\n".join(way.settings for way in WAYS.values())
    silent = {"name", "title", "description"}
    assert [key for key in keys(FeedConfig) if key not in silent and f"\n{key} = " not in texts] == []

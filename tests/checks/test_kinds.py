"""Every kind of problem: a site that has it, and exactly what is said; the list of kinds is that of the code."""

import ast
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from packages import install, project

import feedd
from feedd.check import check
from feedd.checks.kinds import KINDS, NAMES, table, unknown
from feedd.checks.world import Room, Watches, Who, World
from feedd.config import load
from feedd.desk import Desk
from feedd.errors import ConfigError, ControlError, Problem
from feedd.state.database import FILE
from feedd.status import InForce, Status, StatusReply, told
from feedd.testing import NOON, Site, article, bound_by_permissions, quiet_world

PACKAGE = Path(feedd.__file__).parent
Make = Callable[[Site], World | None]
"""Makes a site have a problem; gives the machine where it matters."""


def found(make: Make, site: Site) -> list[str]:
    """What is said, to root where there is a unit, else to one whose permissions count; the site's folder as SITE."""
    world = make(site) or quiet_world(uid=1000)
    try:
        with bound_by_permissions() if world.uid else nullcontext():
            problems = check(Desk(load(site.file), thorough=True), site.file, site.now, world)[0]
    except ConfigError as error:
        problems = list(error.problems)
    return [f"{one.severity}: {one} [{one.kind}]".replace(str(site.folder), "SITE") for one in problems]


# What makes them


def story(**front: Any) -> Make:
    """One article with this front matter."""
    return lambda site: site.story("a.md", **front) and None


def text(data: str | bytes, settings: str = "") -> Make:
    """One file that holds this."""

    def make(site: Site) -> None:
        site.configure(settings)
        site.write("a.md", data)

    return make


def stories(first: dict[str, Any], second: dict[str, Any], names: tuple[str, str] = ("a.md", "b.md")) -> Make:
    """Two articles."""

    def make(site: Site) -> None:
        for name, front in zip(names, (first, second), strict=True):
            site.story(name, **front)

    return make


def settings(toml: str, *files: tuple[str, str]) -> Make:
    """Settings, and files beside the configuration."""

    def make(site: Site) -> None:
        site.configure(toml)
        for name, data in files:
            (site.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (site.folder / name).write_text(data)

    return make


def world(toml: str = "", **edges: Any) -> Make:
    """A machine."""

    def make(site: Site) -> World:
        site.configure(toml)
        return quiet_world(uid=1000, **edges)

    return make


def locked(path: str, is_folder: bool = False) -> Make:
    """Something that nobody may read."""

    def make(site: Site) -> None:
        place = site.story(path)
        (place.parent if is_folder else place).chmod(0)

    return make


def beside(module: str, text: str) -> Make:
    """An article, a feed with a filter, and the package that brings it."""

    def make(site: Site) -> None:
        install(site.folder / "packages", project("feedd.filters", {"short": f"{module}:short"}), {module: text})
        site.configure('[[feed]]\nname = "some"\nfilters = ["short"]\n')
        site.story("a.md")

    return make


def _file_with_a_wild_name(site: Site) -> None:
    with open(os.fsencode(site.content) + b"/\xff.md", "wb") as file:  # noqa: PTH123 - a Path cannot hold it
        file.write(article("a").encode())


def _no_content(site: Site) -> None:
    shutil.rmtree(site.content)


def _output_is_a_file(site: Site) -> None:
    site.feeds.write_text("")


def _topics_are_a_file(site: Site) -> None:
    site.story("a.md")
    (site.feeds / "all.atom").mkdir(parents=True)
    (site.feeds / "topics").write_text("")


def _own_page(site: Site) -> None:
    site.configure("[pages]\n")
    site.feeds.mkdir()
    (site.feeds / "index.html").write_text("<h1>Mine")


def _mounted_page(site: Site) -> World:
    site.feeds.mkdir()
    (site.feeds / "all.atom").write_text("")
    return quiet_world(mounts=lambda: f"1 2 8:1 / {site.feeds}/all.atom rw - ext4 /dev/x rw")


def _state(site: Site, mode: int = 0o750) -> None:
    site.state.mkdir()
    site.state.chmod(mode)


def _other_host(site: Site) -> None:
    site.story("a.md")
    site.build()
    site.file.write_text(site.file.read_text().replace("https://news.example/", "https://new.example/", 1))


def _damaged_state(site: Site) -> None:
    site.story("a.md")
    site.build()
    with closing(sqlite3.connect(site.state / FILE)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'file_path'")
        database.commit()


def _state_of_another_version(site: Site) -> None:
    _state(site)
    with closing(sqlite3.connect(site.state / FILE)) as database:
        database.execute("PRAGMA user_version = 99")


def _locked_state(site: Site) -> None:
    site.story("a.md")
    site.build()
    (site.state / FILE).chmod(0)


def _unreadable_for_the_service(site: Site) -> World:
    site.configure("[content]\n")
    for folder in (site.feeds, site.state):
        folder.mkdir(mode=0o700)
        os.chown(folder, 4711, 4711)
    site.story("a.md").chmod(0o600)
    for folder in (site.folder, *site.folder.parents[:-1]):
        if not folder.stat().st_mode & 1:
            folder.chmod(0o755)
    return unit(site, User="feedd", StateDirectoryMode="0700", ReadWritePaths=str(site.folder))


def unit(site: Site, **properties: str) -> World:
    """A machine with a unit that runs feedd by the site's configuration, with these properties."""
    shown = {
        "LoadState": "loaded",
        "ExecStart": f"{{ path=/bin/sh ; argv[]=/bin/sh run --config {site.file} ; ignore_errors=no ; pid=0 }}",
        **properties,
    }
    text = "\n".join(f"{name}={value}" for name, value in shown.items())
    who = Who("feedd", 4711, frozenset({4711}))
    return quiet_world(uid=0, systemctl=lambda _: text, account=lambda name: who if name == "feedd" else None)


def has_unit(**properties: str) -> Make:
    """A site whose unit has these properties."""
    return lambda site: unit(site, **properties)


def daemon(**changes: Any) -> Make:
    """A site whose daemon says this of itself."""

    def make(site: Site) -> World:
        in_force = InForce(str(site.file), NOON, site.config.fingerprint)
        fine = Status(feedd.__version__, 1, NOON, NOON, 0.0, "ready", in_force)
        known = {name: value(site) if callable(value) else value for name, value in changes.items()}
        force = {name: known.pop(name) for name in ("file", "fingerprint", "last_error") if name in known}
        status = _replaced(fine, **known, configuration=_replaced(in_force, **force))
        return quiet_world(status=lambda _: told(StatusReply(True, status)))

    return make


def _replaced(value: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(value, **changes)


def asked(kind: str, what: str) -> Make:
    """A site whose daemon cannot be asked."""

    def nobody(path: Path) -> Any:
        raise ControlError(Problem(kind, what, "See."))

    return lambda site: quiet_world(status=nobody)


TOPICS = '[[taxonomy.topic]]\nname = "AI"\n'
CROWDED = Watches(most=8192, most_instances=128, used=8191, used_instances=1)
NFS = "1 2 0:9 / {} rw - nfs4 server:/ rw"

REFUSED: list[tuple[str, Make]] = [
    ("unknown-key", settings("[output]\nlimitt = 3\n")),
    ("conflict", settings('[output]\npath = "content/feeds"\n')),
    ("missing-key", lambda site: site.file.write_text('[site]\ntitle = "A"\nurl = "https://a.example/"\n') and None),
    ("not-toml", settings("title = A\n")),
    ("wrong-value", settings("[output]\nlimit = 0\n")),
]
"""What makes a configuration unusable: how that is said, the tests of the configuration tell."""

ROWS: list[tuple[str, Make, str]] = [
    (
        "bad-date",
        story(publishedDateTime="2024-02-30T00:00:00Z"),
        "error: a.md:4: publishedDateTime: '2024-02-30T00:00:00Z': day is out of range for month. Write it "
        "as 2024-05-31T09:30:00Z. [bad-date]",
    ),
    (
        "bad-domain",
        story(provider={"name": "A", "domain": "not a domain"}),
        "warning: a.md:7: provider: 'not a domain' is no domain. Write one such as news.example. "
        "[bad-domain]",
    ),
    (
        "bad-image",
        story(images=[{"width": 3}]),
        "warning: a.md:12: images: an image without url. Write `url: https://…`. [bad-image]",
    ),
    (
        "bad-language",
        story(locale="German"),
        "warning: a.md:12: locale: 'German' is no language tag. Write one such as `en` or `de-AT`. "
        "[bad-language]",
    ),
    (
        "bad-number",
        story(quality="good"),
        "warning: a.md:12: quality: is not a number. Write a whole number. [bad-number]",
    ),
    (
        "bad-provider",
        text(article("a").replace("provider:", "provider: [a]\nx:")),
        "warning: a.md:7: provider: is neither a name nor a mapping. Write `name:` and `domain:` below it. "
        "[bad-provider]",
    ),
    (
        "bad-topic",
        text(article("a").replace('- "AI"', "- {a: b}")),
        "warning: a.md:10: topics: holds something that is not text. Write a list of names. [bad-topic]",
    ),
    (
        "bad-url",
        story(originalUrl="somewhere"),
        "warning: a.md:12: originalUrl: 'somewhere' is not an absolute http(s) address. Write https://… "
        "[bad-url]",
    ),
    (
        "duplicate-key",
        text(article("a").replace("excerpt:", "title: B\nexcerpt:")),
        "warning: a.md:3: title: occurs more than once. Leave one of them. [duplicate-key]",
    ),
    (
        "early-update",
        story(updatedDateTime="2023-01-01T00:00:00Z"),
        "warning: a.md:12: updatedDateTime: is more than a year before `publishedDateTime`. Mend it or "
        "`publishedDateTime`, or leave it out. [early-update]",
    ),
    (
        "escaped-twice",
        story(excerpt="Salt &amp;amp; bread"),
        "warning: a.md:3: excerpt: is escaped twice: readers see &amp;. Write the character itself, or "
        "escape it once. [escaped-twice]",
    ),
    (
        "far-date",
        story(publishedDateTime="2034-05-01T08:00:00Z"),
        "warning: a.md:4: publishedDateTime: is 2034-05-01T08:00:00Z, more than a year from now; the "
        "article is not shown before. Mend the year, if it is a slip. [far-date]",
    ),
    (
        "flag-not-boolean",
        story(draft="maybe"),
        "warning: a.md:12: draft: is not true or false, so the article is not published. Write `draft: true` "
        "to hold the article back, `draft: false` to say that it is no draft. [flag-not-boolean]",
    ),
    (
        "flag-not-boolean",
        story(removed="maybe"),
        "warning: a.md:12: removed: is not true or false, so the article is not published. Write `true` to "
        "withdraw the article, `false` to say that it is not withdrawn. [flag-not-boolean]",
    ),
    (
        "flag-not-boolean",
        story(removed="true"),
        "warning: a.md:12: removed: is text, not true, so the article is not published. Take the quotes "
        "away: `removed: true`, or write `removed: false` to publish it. [flag-not-boolean]",
    ),
    (
        "future-update",
        story(updatedDateTime="2024-06-01T12:00:01Z"),
        "warning: a.md:12: updatedDateTime: is in the future; until 2024-06-01T12:00:01Z no feed tells of "
        "it. Write when the article was last changed, or leave it out. [future-update]",
    ),
    (
        "header-too-deep",
        text(f"---\ntitle: {'[' * 2000}\n---\n"),
        "error: a.md:2: front matter holds too many lists and mappings. Make it smaller. [header-too-deep]",
    ),
    (
        "header-too-large",
        text(f"---\ntitle: {'a' * 70000}\n---\n"),
        "error: a.md:2: front matter is longer than 65536 characters. Move text to the body. "
        "[header-too-large]",
    ),
    (
        "http-link",
        story(webUrl="http://source.example/a"),
        "suggestion: a.md:5: webUrl: is http://, which is not encrypted. Write https:// if it is there by "
        "https too. [http-link]",
    ),
    (
        "http-link",
        story(images=[{"url": "http://source.example/a.png", "width": 9, "height": 9}]),
        "suggestion: a.md:12: images: the first one is http://, which browsers may refuse to show. Write "
        "https:// if it is there by https too. [http-link]",
    ),
    (
        "http-link",
        settings('[websub]\nhubs = ["http://hub.example/"]\n'),
        "suggestion: SITE/feedd.toml:6: websub.hubs[1]: is http://, which is not encrypted. Write https:// "
        "if it is there by https too. [http-link]",
    ),
    (
        "image-size",
        story(images=[{"url": "https://source.example/a.png", "width": 9}]),
        "warning: a.md:12: images: of the first one, width or height is missing or no number of pixels. "
        "Write both, so that readers keep room for it. [image-size]",
    ),
    (
        "image-size",
        story(images=[{"url": "https://source.example/a.png", "width": 1, "height": 1}]),
        "warning: a.md:12: images: the first one has 1 × 1 pixels. Name a picture that can be seen, and "
        "its size. [image-size]",
    ),
    (
        "long-title",
        story(title="long " * 41),
        "warning: a.md:2: title: has 204 characters, more than 200. Write a title; what it says beside may "
        "be the excerpt. [long-title]",
    ),
    (
        "markup",
        story(title="A <b>bold</b> claim"),
        "warning: a.md:2: title: holds HTML, <b>, which is left out. Write plain text; `&lt;` is a bracket "
        "that is to be seen. [markup]",
    ),
    (
        "missing",
        text(article("a").replace('title: "a"', "")),
        "error: a.md: title: is missing. Write `title: …`. [missing]",
    ),
    (
        "mojibake",
        story(excerpt="The supermarketâ€™s"),
        "warning: a.md:3: excerpt: is UTF-8 read as Windows-1252, and is repaired. Save it as UTF-8, once. "
        "[mojibake]",
    ),
    (
        "naive-date",
        story(publishedDateTime="2024-05-01 08:00"),
        "warning: a.md:4: publishedDateTime: has no time zone, read as UTC. Write it as "
        "2024-05-31T09:30:00Z. [naive-date]",
    ),
    (
        "never-shown",
        story(expiryDate="2024-05-01T08:00:00Z"),
        "warning: a.md:12: expiryDate: is not after publication, so the article is never shown. Mend it or "
        "`publishedDateTime`, or leave it out. [never-shown]",
    ),
    (
        "no-closing-fence",
        text("---\ntitle: A\n"),
        "error: a.md:1: front matter has no closing fence. End it with a line of three dashes. "
        "[no-closing-fence]",
    ),
    (
        "no-link",
        story(webUrl=None),
        "error: a.md: webUrl: no absolute http(s) address. Write webUrl, originalUrl or sourceUrl. "
        "[no-link]",
    ),
    (
        "no-text",
        story(excerpt=None),
        "warning: a.md: excerpt: is missing, as is a body: readers see nothing but the title. Write a "
        "sentence or two. [no-text]",
    ),
    (
        "not-a-mapping",
        text("---\n- a\n---\n"),
        "error: a.md:2: front matter is a list. Write it as lines of `key: value`. [not-a-mapping]",
    ),
    (
        "not-text",
        text(article("a").replace('title: "a"', "title: [a]")),
        "error: a.md:2: title: is not text. Write it on one line, in quotes. [not-text]",
    ),
    (
        "not-utf8",
        text("---\ntitle: Grüße\n---\n".encode("latin-1")),
        "error: a.md:2: is not UTF-8 (byte 13). Save it as UTF-8. [not-utf8]",
    ),
    (
        "old-date",
        story(publishedDateTime="1970-01-01T00:00:00Z"),
        "warning: a.md:4: publishedDateTime: is before 1990. Write when the article was published. "
        "[old-date]",
    ),
    (
        "published-missing",
        story(published=None),
        "warning: a.md: published: is missing or empty, so the article is not published. Write `published: "
        "true` to publish it, `published: false` to say that it is not. [published-missing]",
    ),
    (
        "published-not-boolean",
        story(published="true"),
        "warning: a.md:6: published: is text, not true, so the article is not published. Take the quotes "
        "away: `published: true`. [published-not-boolean]",
    ),
    (
        "published-not-boolean",
        story(published="No"),
        "warning: a.md:6: published: is text, not No, so the article is not published. Take the quotes away: "
        "`published: No`, or write `published: true` to publish it. [published-not-boolean]",
    ),
    (
        "published-not-boolean",
        story(published="maybe"),
        "warning: a.md:6: published: is not true or false, so the article is not published. Write "
        "`published: true` to publish it, `published: false` to say that it is not. [published-not-boolean]",
    ),
    (
        "toml-front-matter",
        text('\n+++\ntitle = "A"\n+++\n'),
        "warning: a.md:2: front matter is TOML (+++), which is not read, so this is no article. Write it as YAML "
        "between lines of three dashes; for many files, `hugo convert toYAML` does so. [toml-front-matter]",
    ),
    (
        "too-large",
        text("---\n" + "a" * 5000, "[content]\nmax_bytes = 4096\n"),
        "error: a.md: is larger than 4096 bytes. Shorten it, or raise content.max_bytes. [too-large]",
    ),
    (
        "unknown-key",
        story(pubilshed=False),
        "warning: a.md:12: pubilshed: is not known, so the article is not published. Did you mean "
        "`published`? [unknown-key]",
    ),
    (
        "yaml",
        text("---\ntitle: [\n---\n"),
        "error: a.md:3: YAML: did not find expected node content. Mend it; quote text that holds special "
        "characters. [yaml]",
    ),
    (
        "yaml",
        text("---\ntitle: A\nprovider:\n\tname: B\n---\n"),
        "error: a.md:4: YAML: a tab, where there may be spaces only. Write spaces instead of the tab. [yaml]",
    ),
    (
        "yaml",
        text("---\ntitle: @A\n---\n"),
        "error: a.md:2: YAML: found character that cannot start any token. Mend it; quote text that holds "
        "special characters. [yaml]",
    ),
    (
        "duplicate-id",
        stories({}, {}, ("x/a.md", "y/a.md")),
        "error: y/a.md: guid: has the id tag:news.example,2020:articles/a of x/a.md, since both files are "
        "called 'a', whatever their folders; that one keeps it, this one is in no feed. Give this file a "
        "name of its own, or write a `guid` in it. [duplicate-id]",
    ),
    (
        "duplicate-story",
        stories(
            {"webUrl": "https://www.source.example/one/?utm_source=x"},
            {"webUrl": "https://source.example/one", "publishedDateTime": "2024-04-01T00:00:00Z"},
        ),
        "warning: a.md:5: webUrl: leads to the same story as b.md, which is the earlier: of the two, feeds "
        "show that one. Mend the address, or publish one of them. [duplicate-story]",
    ),
    (
        "hidden-link",
        stories({"related": [{"title": "B", "webUrl": "https://source.example/b"}]}, {"published": False}),
        "suggestion: a.md:12: related: one leads to b.md, which is not published: it is left out. Publish "
        "that article, or take the link out. [hidden-link]",
    ),
    (
        "unknown-topic",
        lambda site: site.configure(TOPICS) or (site.story("a.md", topics=["AIs"]) and None),
        "warning: a.md:10: topics: 'AIs' is not in the taxonomy; it gets a feed of its own. Did you mean "
        "'AI'? Else add it to the taxonomy. [unknown-topic]",
    ),
    (
        "unknown-topic",
        lambda site: site.configure(TOPICS) or (site.story("a.md", topics="AI, Food") and None),
        "warning: a.md:10: topics: 'AI, Food' is not in the taxonomy; it gets a feed of its own. If it is "
        "several, write a list: `[AI, Food]`. Else add it to the taxonomy. [unknown-topic]",
    ),
    (
        "bad-file-name",
        _file_with_a_wild_name,
        "error: \\udcff.md: the name is not UTF-8. Rename the file. [bad-file-name]",
    ),
    (
        "no-content",
        _no_content,
        "error: SITE/content: content.path: cannot be listed: No such file or directory. Create it, mount "
        "it, or let feedd's user read it. [no-content]",
    ),
    (
        "not-included",
        lambda site: site.story("a.markdown") and None,
        "warning: a.markdown: looks like an article, but no pattern of content.include takes it. Add "
        "\"**/*.markdown\" to content.include, or rename it. [not-included]",
    ),
    (
        "twin-names",
        stories({"guid": "urn:a"}, {"guid": "urn:b", "webUrl": "https://x.example/"}, ("A.md", "a.md")),
        "warning: a.md: differs from A.md in capitals alone; on some systems only one of them can be. "
        "Rename one of them. [twin-names]",
    ),
    (
        "unreadable",
        locked("a.md"),
        "error: a.md: cannot be read: Permission denied; what was known of it stays. Let feedd's user read "
        "it. [unreadable]",
    ),
    (
        "unreadable-by-service",
        _unreadable_for_the_service,
        "error: SITE/content: content.path: a.md cannot be read by the user feedd. Let feedd read all that "
        "is below it, for instance by its group. [unreadable-by-service]",
    ),
    (
        "unreadable-folder",
        locked("news/a.md", is_folder=True),
        "error: news: cannot be listed: Permission denied; what was known of it stays. Create it, mount "
        "it, or let feedd's user read it. [unreadable-folder]",
    ),
    (
        "doubled-name",
        settings('[taxonomy]\ntopics = ["t"]\n', ("t/a.yaml", "name: A"), ("t/b.yaml", "name: A")),
        "warning: SITE/t/b.yaml: name: topic 'A' is described in SITE/t/a.yaml already. Use each name "
        "once. [doubled-name]",
    ),
    (
        "impossible-feed",
        settings(TOPICS + '[[feed]]\nname = "a"\ntopics = ["AI"]\nnot_topics = ["ai"]\n'),
        "warning: SITE/feedd.toml:9: feed[1].topics: asks for 'AI', which not_topics leaves out: no "
        "article can be in it. Take it out of one of them. [impossible-feed]",
    ),
    (
        "impossible-feed",
        settings(
            '[[taxonomy.provider]]\nname = "B"\ndomain = "b.example"\n'
            '[[feed]]\nname = "a"\nproviders = ["B"]\nnot_providers = ["b.example"]\n'
        ),
        "warning: SITE/feedd.toml:10: feed[1].providers: asks for 'B', which not_providers leaves out: no "
        "article can be in it. Take it out of one of them. [impossible-feed]",
    ),
    (
        "no-feeds",
        settings("[output]\nall = false\ntopics = false\nproviders = false\n"),
        "warning: SITE/feedd.toml:5: output: there is no feed at all: all, topics and providers are false, "
        "and there is no [[feed]]. Set one of them to true, or write a [[feed]]. [no-feeds]",
    ),
    (
        "no-folder",
        settings('[[collection]]\nname = "a"\nfolders = ["b"]\n'),
        "warning: SITE/feedd.toml:7: collection[1].folders[1]: 'b' is no folder below content.path, so no "
        "article is in it. Create it, or leave it out. [no-folder]",
    ),
    (
        "no-taxonomy",
        settings('[taxonomy]\ntopics = ["t"]\n'),
        "error: SITE/t: does not exist. Create it, or take it out of [taxonomy]. [no-taxonomy]",
    ),
    (
        "no-templates",
        settings('[pages]\ntemplates = "t"\n'),
        "error: SITE/t: pages.templates: is no directory that this user can read, so pages look as feedd's "
        "own do. Create it or mend its permissions, or take pages.templates out of the configuration. "
        "[no-templates]",
    ),
    (
        "filter-failed",
        beside("filter_that_fails", "def short(article):\n    return 1 / 0\n"),
        "error: a.md: the filter 'short' of feedd-beside 1.0 raised ZeroDivisionError: division by zero; no feed with "
        "it takes the article. Mend the filter, or leave it out of the feed. [filter-failed]",
    ),
    (
        "plugin-broken",
        beside("filter_that_is_none", "short = 5\n"),
        "error: feedd.filters: 'short' of feedd-beside 1.0 is no function. Mend the package. [plugin-broken]",
    ),
    (
        "parent-loop",
        settings(TOPICS + 'parent = "B"\n[[taxonomy.topic]]\nname = "B"\nparent = "AI"\n'),
        "warning: SITE/feedd.toml:7: taxonomy.topic[1].parent: parent 'B' of topic 'AI' lies below it. "
        "Break the loop. [parent-loop]\n"
        "warning: SITE/feedd.toml:10: taxonomy.topic[2].parent: parent 'AI' of topic 'B' lies below it. "
        "Break the loop. [parent-loop]",
    ),
    (
        "asset",
        settings('[pages]\ntemplates = "t"\n', ("t/assets/a.css", "a" * 20_000_000)),
        "error: SITE/t/assets/a.css: has more than 4 MiB, which is no asset of a page. Make it smaller, or "
        "serve it from elsewhere. [asset]",
    ),
    (
        "taxonomy-file",
        settings('[taxonomy]\ntopics = ["t"]\n', ("t/a.yaml", "parent: B")),
        "error: SITE/t/a.yaml: name: has no name. Write name, or move it away. [taxonomy-file]",
    ),
    (
        "taxonomy-in-content",
        settings('[taxonomy]\ntopics = ["content/t"]\n', ("content/t/a.yaml", "name: A")),
        "warning: SITE/feedd.toml:6: taxonomy.topics[1]: SITE/content/t is below content.path, so its "
        "Markdown files are taken for articles, too. Add \"t/**\" to content.exclude. [taxonomy-in-content]",
    ),
    (
        "template",
        settings('[pages]\ntemplates = "t"\n', ("t/entry.html", "{{ entry.titel }}")),
        "error: SITE/t/entry.html:1: fails: 'feedd.feeds.pages.Story object' has no attribute 'titel'. "
        "Mend it. Where it fails, feedd's own is used. [template]",
    ),
    (
        "unknown-collection",
        settings('[output]\ncollections = ["a"]\n'),
        "warning: SITE/feedd.toml:6: output.collections[1]: 'a' is a collection that no [[collection]] "
        "defines and no article has. Name one that there is: none so far. [unknown-collection]",
    ),
    (
        "unknown-parent",
        settings(TOPICS + 'parent = "B"\n'),
        "warning: SITE/feedd.toml:7: taxonomy.topic[1].parent: parent 'b' of topic 'AI' is not in the "
        "taxonomy. Add it, or mend its name. [unknown-parent]",
    ),
    (
        "unknown-provider",
        settings('[[feed]]\nname = "a"\nproviders = ["b.example"]\n'),
        "warning: SITE/feedd.toml:7: feed[1].providers[1]: 'b.example' is a provider that the taxonomy "
        "does not list and no article has. Name one that there is, or leave it out. [unknown-provider]",
    ),
    (
        "unused-asset",
        settings('[pages]\ntemplates = "t"\n', ("t/assets/film.mp4", "")),
        "warning: SITE/t/assets/film.mp4: is no file that can be an asset, so it is not published. Only "
        "files right in assets/ are: of letters, digits and _.-, ending in .css, .js, .svg, .png, .jpg, "
        ".jpeg, .gif, .webp, .avif, .ico, .woff2, .txt. [unused-asset]",
    ),
    (
        "unused-template",
        settings('[pages]\ntemplates = "t"\n', ("t/entrys.html", "")),
        "warning: SITE/t/entrys.html: is none of the templates that pages are made of, and no template of "
        "yours uses it. Did you mean 'entry.html'? [unused-template]",
    ),
    (
        "useless-key",
        settings('[watch]\nquiet = "2s"\nlimit = "1s"\n'),
        "warning: SITE/feedd.toml:6: watch.quiet: is longer than watch.limit, so every change waits for "
        "that. Write less than watch.limit. [useless-key]",
    ),
    (
        "foreign-file",
        _own_page,
        "warning: SITE/feeds/index.html: output.path: was not written by feedd, which will put its own in "
        "its place. Move it away, or let feedd write elsewhere. [foreign-file]",
    ),
    (
        "low-space",
        world(room=lambda path: Room(99 << 20)),
        "warning: SITE/feeds: output.path: only 99 MiB are free in the file system of SITE. Remove "
        "something, or name another place. [low-space]",
    ),
    (
        "low-space",
        world(room=lambda path: Room(1 << 40, 999)),
        "warning: SITE/feeds: output.path: only 999 more files fit in the file system of SITE. Remove "
        "something, or name another place. [low-space]",
    ),
    (
        "mounted-file",
        _mounted_page,
        "warning: SITE/feeds/all.atom: output.path: was not written by feedd, which will put its own in "
        "its place. Move it away, or let feedd write elsewhere. [foreign-file]\n"
        "error: SITE/feeds/all.atom: output.path: is mounted by itself, so feedd cannot put a new one in "
        "its place. Mount its directory instead. [mounted-file]",
    ),
    (
        "network-mount",
        lambda site: quiet_world(mounts=lambda: NFS.format(site.folder)),
        "suggestion: SITE/content: content.path: SITE is mounted from elsewhere (nfs4), so feedd looks at "
        "everything every 10 s. Set watch.mode = \"poll\", which says the same in peace. [network-mount]\n"
        "warning: SITE/state: state.path: SITE is mounted from elsewhere (nfs4), where SQLite's log is not "
        "safe. Name a place on this machine. [network-mount]\n"
        "suggestion: SITE/feeds: output.path: SITE is mounted from elsewhere (nfs4): a feedd of another "
        "machine may write there, too. Let one machine alone write there. [network-mount]",
    ),
    (
        "not-writable",
        _output_is_a_file,
        "error: SITE/feeds: output.path: SITE/feeds is no directory. Remove or rename the file, or name "
        "another directory. [not-writable]",
    ),
    (
        "not-writable",
        _topics_are_a_file,
        "error: SITE/feeds/all.atom: output.path: is a folder, so the document of that name cannot be "
        "written. Remove or rename the folder that is in the way. [not-writable]\n"
        "error: SITE/feeds/topics: output.path: is no folder, so nothing can be written below it. Remove or "
        "rename the file that is in the way. [not-writable]",
    ),
    (
        "state-damaged",
        _damaged_state,
        "error: SITE/state/feedd.sqlite3: state.path: is damaged: *** in database main *** 2nd reference "
        "to page 3. Restore a backup first: in a new one, what was told before is forgotten. "
        "[state-damaged]",
    ),
    (
        "changed-ids",
        _other_host,
        "warning: SITE/feedd.toml:3: site.url: makes new ids with new.example, but 1 public article was told with "
        "news.example: articles that the state knows keep their ids, feeds and new articles get others; if the "
        "state is lost, all do, and readers show what they have as new. "
        'Write id_authority = "news.example" below [site], unless that is meant. [changed-ids]',
    ),
    (
        "state-open",
        lambda site: _state(site, 0o755),
        "warning: SITE/state: state.path: is open to everybody (mode 755), and knows what is not public. "
        "Run `chmod o= SITE/state`. [state-open]",
    ),
    (
        "state-damaged",
        _state_of_another_version,
        "error: SITE/state/feedd.sqlite3: state.path: cannot be used: it is of version 99, this feedd "
        "knows 4; a run puts it aside and begins a new one. Restore a backup first: in a new one, what was "
        "told before is forgotten. [state-damaged]",
    ),
    (
        "state-unread",
        _locked_state,
        "error: SITE/state: state.path: SITE/state/feedd.sqlite3 is not a file that this user can write. "
        "Mend its permissions, or name another. [not-writable]\n"
        "error: SITE/state/feedd.sqlite3: state.path: cannot be read: unable to open database file. Run "
        "this as a user who may read it, such as `sudo -u feedd`; if a first run is filling it, wait for "
        "that. [state-unread]",
    ),
    (
        "address-taken",
        world('[server]\nlisten = "127.0.0.1:8000"\n', refusal=lambda address: "another program listens there"),
        "error: server.listen: nobody could listen at 127.0.0.1:8000 now: another program listens there. "
        "Stop what listens there, or name another address. [address-taken]",
    ),
    (
        "daemon-behind",
        daemon(fingerprint="other"),
        "warning: the daemon works by the configuration from before this file was changed. Run `feedd "
        "reload`. [daemon-behind]",
    ),
    (
        "daemon-other",
        daemon(file=lambda site: str(site.content)),
        "warning: control.socket: the daemon that answers there works by SITE/content. Give each its own "
        "control.socket, state.path and output.path. [daemon-other]",
    ),
    (
        "daemon-refused",
        daemon(last_error=("feedd.toml:6: output.limitt: is not a known key",)),
        "error: the daemon refused the configuration: feedd.toml:6: output.limitt: is not a known key. "
        "Mend it, then run `feedd reload`. [daemon-refused]",
    ),
    (
        "daemon-version",
        daemon(version="0.0.1"),
        "warning: the daemon is feedd 0.0.1, this command is 0.1.0. Run `systemctl restart feedd`. "
        "[daemon-version]",
    ),
    (
        "hook-missing",
        settings('[hooks]\ncommand = ["purge-what-changed", "--all"]\n'),
        "error: SITE/feedd.toml:6: hooks.command: there is no program purge-what-changed on PATH. Install "
        "it, or name its full path. [hook-missing]",
    ),
    (
        "hook-missing",
        settings('[hooks]\ncommand = ["./purge"]\n'),
        "error: SITE/feedd.toml:6: hooks.command: there is no program SITE/purge. Install it, or name its "
        "full path. [hook-missing]",
    ),
    (
        "hook-missing",
        settings('[hooks]\ncommand = ["./purge"]\n', ("purge", "#!/bin/sh\n")),
        "error: SITE/feedd.toml:6: hooks.command: SITE/purge is not a program that this user may run. Run "
        "`chmod +x SITE/purge`, or name the full path of another. [hook-missing]",
    ),
    (
        "no-answer",
        asked("no-answer", "feedd does not answer in time"),
        "error: feedd does not answer in time. See. [no-answer]",
    ),
    (
        "not-understood",
        asked("not-understood", "something else than feedd answers there"),
        "error: something else than feedd answers there. See. [not-understood]",
    ),
    (
        "unit-closed",
        lambda site: unit(site, ProtectSystem="strict", ReadWritePaths=f"-{site.feeds}"),
        "error: state.path: feedd.service does not let feedd write to SITE/state. Add "
        "ReadWritePaths=SITE/state by `systemctl edit feedd.service`. [unit-closed]",
    ),
    (
        "unit-closed",
        lambda site: unit(site, PrivateTmp="yes", ReadWritePaths=f"{site.feeds} +{site.state}"),
        "error: content.path: feedd.service hides SITE/content from feedd, or from others what feedd "
        "writes there. Choose a place outside of /home, /root and /tmp, or change ProtectHome= or "
        "PrivateTmp= by `systemctl edit feedd.service`. [unit-closed]",
    ),
    (
        "unit-memory",
        has_unit(MemoryMax=str(32 << 20)),
        "warning: feedd.service may take 32 MiB, but 0 articles may need 64 at the start. Raise MemoryMax= "
        "by `systemctl edit feedd.service`. [unit-memory]",
    ),
    (
        "unit-other",
        has_unit(ExecStart="{ path=/x ; argv[]=/x run --config /etc/feedd/feedd.toml ; }"),
        "suggestion: feedd.service runs by /etc/feedd/feedd.toml, not by this file. If it should, change "
        "ExecStart= by `systemctl edit feedd.service`. [unit-other]",
    ),
    (
        "unit-program",
        lambda site: unit(site, ExecStart=f"{{ path=/x ; argv[]=/nowhere/feedd run -c {site.file} ; }}"),
        "error: feedd.service starts /nowhere/feedd, which is not there. Install feedd there, or change "
        "ExecStart= by `systemctl edit feedd.service`. [unit-program]",
    ),
    (
        "unit-stale",
        has_unit(NeedDaemonReload="yes"),
        "warning: the files of feedd.service were changed since systemd read them. Run `systemctl "
        "daemon-reload`. [unit-stale]",
    ),
    (
        "watch-limit",
        world(watches=lambda uid: CROWDED, toml="[watch]\n"),
        "warning: watch.mode: fs.inotify.max_user_watches is 8192, but 2 directories are to be watched, "
        "and 8191 are in use. Run `sysctl fs.inotify.max_user_watches=16386`; until then feedd looks at "
        "everything every so often. [watch-limit]",
    ),
    (
        "watch-limit",
        world(watches=lambda uid: Watches(8192, 128, 3, 128)),
        "warning: watch.mode: fs.inotify.max_user_instances is 128, but one is needed, and 128 are in use. "
        "Run `sysctl fs.inotify.max_user_instances=1024`; until then feedd looks at everything every so "
        "often. [watch-limit]",
    ),
    (
        "wrong-clock",
        world(changed=lambda path: NOON + 90000),
        "error: the clock says 2024-06-01T12:00:00Z, but a file was changed at 2024-06-02T13:00:00Z. Set "
        "the clock: embargoes and expiry go by it. [wrong-clock]",
    ),
    (
        "wrong-clock",
        world(clock_is_set=lambda: False),
        "warning: nothing keeps the clock right, as the kernel tells. Let a time service run, such as "
        "systemd-timesyncd: embargoes and expiry go by the clock. [wrong-clock]",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_problem_is_said_and_nothing_else(row: tuple[str, Make, str], site: Site) -> None:
    kind, make, says = row
    assert found(make, site) == says.split("\n")
    assert says.endswith(f"[{kind}]")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    tmp_path.chmod(0o755)  # the service's user may enter it
    monkeypatch.syspath_prepend(tmp_path / "packages")  # if it has any
    return Site(tmp_path)


@pytest.mark.parametrize("row", REFUSED, ids=[row[0] for row in REFUSED])
def test_a_configuration_that_cannot_be_used_is_said_with_line_and_remedy(row: tuple[str, Make], site: Site) -> None:
    kind, make = row
    (said,) = found(make, site)
    assert re.fullmatch(rf"error: SITE/feedd\.toml:\d+: .+\. .+ \[{kind}\]", said)


def test_each_kind_has_a_row() -> None:
    assert {kind for kind, *_ in (*ROWS, *REFUSED)} == NAMES


# What code says of a kind: the functions that make problems, and which of their arguments it is.
MAKERS = {
    "Problem": 0, "_Wrong": 0, "warn": 0, "fail": 0, "_broken": 0, "Finding": 0, "noted": 1, "_doubt": 0, "_problem": 0,
}  # fmt: skip
MODULES = [
    *(PACKAGE / "content").glob("*.py"), *(PACKAGE / "config").glob("*.py"), PACKAGE / "desk.py",
    PACKAGE / "installed.py", PACKAGE / "feeds" / "filters.py", PACKAGE / "feeds" / "formats.py",
    *(PACKAGE / "checks" / f"{one}.py" for one in ("articles", "files", "settings", "identity")),
    *(PACKAGE / "checks" / f"{one}.py" for one in ("places", "hook", "machine", "service")),
    PACKAGE / "feeds" / "pages.py",
]  # fmt: skip
ELSEWHERE = {
    "state-unread": "state/database.py",
    "no-answer": "service/control.py",
    "not-understood": "service/control.py",
    "unknown-provider": "checks/settings.py",
}
"""Kinds that are made from a part, or beside others that no check meets, and where."""
NEVER = {"render-failed"}
"""What no check meets: a page of an article that is checked without being written."""


def said() -> Iterator[str]:
    """The kinds that the code of the package names."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                maker = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = MAKERS.get(maker)
                kind = node.args[place] if place is not None and len(node.args) > place else None
                if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                    yield kind.value


def test_the_list_of_kinds_is_that_of_the_code() -> None:
    assert {kind for kind in said() if " " not in kind} - NEVER == NAMES - set(ELSEWHERE)


def test_what_is_said_elsewhere_is_said_there() -> None:
    for kind, module in ELSEWHERE.items():
        assert kind.removeprefix("unknown-") in (PACKAGE / module).read_text(encoding="utf-8")


def test_the_documentation_has_the_list() -> None:
    assert f"\n{table()}\n" in (PACKAGE.parent / "config" / "README.md").read_text(encoding="utf-8")


def test_no_kind_is_listed_twice() -> None:
    assert sum(map(len, KINDS.values())) == len(NAMES)


def test_a_name_that_is_no_kind_is_told_with_the_nearest() -> None:
    assert unknown(["mojibake", "markup"]) == ""
    assert unknown(["mojibak"]) == "'mojibak' is no kind of problem. Did you mean mojibake?"
    assert unknown(["quokka"]) == "'quokka' is no kind of problem. `feedd check --kinds` lists them."


# What is told once


@pytest.mark.parametrize(
    ("unsaid", "said", "told"), [(6, 5, ["feedd.toml"]), (6, 6, ["content"] * 6), (5, 0, ["content"] * 5)]
)
def test_articles_that_do_not_say_published_are_told_once_where_that_is_the_rule(
    unsaid: int, said: int, told: list[str], site: Site
) -> None:
    for number in range(unsaid + said):
        published = {} if number >= unsaid else {"published": None}
        site.story(f"{number}.md", webUrl=f"https://source.example/{number}", **published)
    problems = check(Desk(site.config, thorough=True), site.file, site.now)[0]
    assert {one.kind for one in problems} == {"published-missing"}
    assert [Path(one.file).name.replace(".md", "") for one in problems] == (
        told if told == ["feedd.toml"] else [str(number) for number in range(unsaid)]
    )
    assert told != ["feedd.toml"] or problems[0].what.startswith("6 of 11 articles, such as 0.md, do not say")
    assert told != ["feedd.toml"] or "`published_default = true`" in problems[0].remedy


# What is let pass beside them


@pytest.mark.parametrize(
    "toml",
    [
        '[[feed]]\nname = "a"\ntopics = ["AI", "Food"]\nnot_topics = ["food"]\n',
        '[[feed]]\nname = "a"\ntopics = ["AI"]\nall_topics = ["AI"]\nnot_topics = ["Food"]\n',
        '[websub]\nhubs = ["http://127.0.0.1:8080/hub", "http://localhost/hub", "http://[::1]:80/"]\n',
        '[watch]\nquiet = "1s"\nlimit = "1s"\n',
        "[output]\nall = false\ntopics = false\n",
    ],
)
def test_settings_that_may_be_meant_so_are_no_problem(toml: str, site: Site) -> None:
    taxonomy = '[[taxonomy.topic]]\nname = "AI"\n[[taxonomy.topic]]\nname = "Food"\n'
    site.configure(toml + taxonomy)
    assert found(lambda _: None, site) == []


def test_a_taxonomy_beside_content_or_left_out_of_it_is_no_problem(site: Site) -> None:
    for folder in ("content/_data/topics", "topics"):
        (site.folder / folder).mkdir(parents=True)
    site.configure('[taxonomy]\ntopics = ["content/_data/topics", "topics"]\n')
    assert found(lambda _: None, site) == []

"""The promise of `feedd diff`: it names exactly what a run at that moment does, and does none of it."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from test_promise import (
    HOUR,
    MARK,
    TOPICS,
    Life,
    bring_folder,
    burst,
    copy,
    exchange,
    flip,
    folder_like_file,
    furnish,
    grow,
    make_folder_again,
    move,
    move_folder,
    noise,
    remove,
    rewrite,
    save,
    spoil,
    spoil_topic,
    take_folder_out,
    topic,
    touch,
    write,
)

from feedd.cli import main
from feedd.config import Config
from feedd.diff import Difference, Documents, FeedDiff, Rehearsed
from feedd.feeds.archive import is_period
from feedd.pipeline import Pipeline
from feedd.publish.directory import Directory
from feedd.state.database import FILE, open_database
from feedd.testing import FailingDirectory, Site, bound_by_permissions, eventually, no_sync, running


def difference(site: Site, old: Config | None = None, approved: bool = False) -> Difference:
    config = site.config
    with closing(Rehearsed(config, old or config, site.now, approved)) as rehearsed:
        return rehearsed.difference


def feed(found: Difference, name: str) -> FeedDiff:
    return next(one for one in found.feeds if one.name == name)


def kinds(found: Difference) -> dict[str, str]:
    return {one.name: one.kind for one in found.feeds}


def titles(articles: Any) -> list[str]:
    return [one.title for one in articles]


def on(site: Site, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(site.file)], catch_exceptions=False)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones as well."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def everything(folder: Path) -> dict[str, Any]:
    """Whatever can be told of all that is below a folder, and of it."""
    found: dict[str, Any] = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_mode, data)
    return found


def changes(before: dict[str, bytes], after: dict[str, bytes]) -> Documents:
    """What became of the files of a directory."""
    return Documents(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(path for path in after.keys() & before.keys() if after[path] != before[path])),
        tuple(sorted(before.keys() - after.keys())),
    )


# Exactly what a run does: any history, any change


def ids(data: bytes, suffix: str) -> dict[str, Any]:
    """The entries in a document: each id with what is said of it."""
    if suffix == "json":
        return {item["id"]: item for item in json.loads(data)["items"]}
    root = etree.fromstring(data)
    names = ("{*}entry", "{*}id") if suffix == "atom" else ("channel/item", "guid")
    found = ((entry, etree.tostring(entry, method="c14n", exclusive=True)) for entry in root.findall(names[0]))
    return {entry.findtext(names[1]): text for entry, text in found}


def entries(documents: dict[str, bytes], name: str, formats: tuple[str, ...]) -> dict[str, Any]:
    """The entries in a document of a feed that is in a format of the configuration; none without any."""
    there = (suffix for suffix in ("atom", "json", "rss") if suffix in formats and f"{name}.{suffix}" in documents)
    return next((ids(documents[f"{name}.{suffix}"], suffix) for suffix in there), {})


def names(documents: dict[str, bytes]) -> set[str]:
    """The feeds that there are documents of."""
    paths = (path for path in documents if path[0] != ".")
    stems = (path.rpartition(".")[0] for path in paths if path.endswith((".json", ".atom", ".rss")))
    return {stem for stem in stems if not is_period(stem.rpartition("/")[2])}


class Still(Life):
    """A site that nobody watches: it is built now and then."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def at(self, now: int) -> None:
        self.reader.latest = max(self.reader.latest, now)
        self.site.now = now

    def pause(self, calm: float = 0.1) -> None:
        pass

    def calm(self, timeout: float = 20) -> None:
        self.build()

    def build(self, approved: bool = False) -> None:
        self.built_before, self.built = getattr(self, "built", self.site.config), self.site.config
        with closing(opened(self.built)) as pipeline:
            pipeline.run(self.site.now, approved=approved)

    def settings(self) -> str:
        pick, choose = self.random.random, self.random.choice
        feeds = {
            "window": 'max_age = "3h"',
            "oldest": 'title_contains = ["1", "7"]\norder = "oldest"\nlimit = 2',
            "best": 'order = "quality"\nnot_topics = ["Sea"]',
            "sticky": f"min_quality = {choose([1, 2, 3])}",
            "hourly": f'schedule = "{choose(["0", "20"])} * * * *"\nlimit = 3',
            "letters": 'collections = ["letters"]\ndescription = "Letters, all of them"',
        }
        hubs = choose(["", '[websub]\nhubs = ["https://hub.example/"]'])
        return f"""
[guard]
count = {choose([2, 1_000_000, 1_000_000])}
fraction = 0
[content]
amp = {choose(["true", "false"])}
include = {choose(['["**/*.md"]', '["**/*.md", "**/*.html"]'])}
[output]
path = "{choose(["feeds", "feeds", "feeds", "moved"])}"
limit = {choose([2, 3, 50])}
formats = {choose(['["atom", "rss", "json"]', '["atom", "rss", "json"]', '["json", "atom"]', '["rss"]'])}
topics = {choose(["true", "true", "false"])}
archives = {choose(["true", "true", "false"])}
topic_title = "{choose(["{site}: {name}", "{site}: {name}", "On {name}"])}"
{choose(["", 'tombstones = ""'])}
{hubs}
[taxonomy]
topics = ["content/{TOPICS}"]
rollup = {choose(["true", "false"])}
[pages]
enabled = {choose(["true", "false", "false"])}
[[collection]]
name = "letters"
folders = ["letters"]
""" + "".join(f'[[feed]]\nname = "{name}"\n{wish}\n' for name, wish in feeds.items() if pick() < 0.5)


def opened(config: Config) -> Pipeline:
    return Pipeline(config, open_database(config.state.path, patience=0), Directory(config.output.path, no_sync))


def configure(life: Life) -> None:
    life.site.configure(life.settings())


def configure_address(life: Life) -> None:
    life.site.file.write_text(life.site.file.read_text().replace("news.example/feeds/", "news.example/moved/"))


def later(life: Life) -> None:
    life.at(life.site.now + life.random.choice([600, HOUR, 5 * HOUR, 40 * 24 * HOUR]))


def earlier(life: Life) -> None:
    life.at(life.site.now - life.random.choice([600, 30 * HOUR]))


def outputs(life: Life) -> list[Path]:
    folders = (life.site.folder / name for name in ("feeds", "moved"))
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def lose(life: Life) -> None:
    """Somebody deletes a document, or spoils one."""
    if there := outputs(life):
        place = life.random.choice(there)
        place.unlink() if life.random.random() < 0.5 else place.write_bytes(b"?")


def lose_output(life: Life) -> None:
    shutil.rmtree(life.site.folder / "feeds", ignore_errors=True)


def build(life: Life) -> None:
    life.calm()


EDITS: tuple[Callable[[Life], None], ...] = (
    write, write, write, save, touch, rewrite, flip, flip, remove, move, exchange, copy, spoil, move_folder,
    take_folder_out, make_folder_again, bring_folder, grow, folder_like_file, burst, noise, topic, topic, spoil_topic,
    later, later, earlier, configure, configure, configure_address, lose,
)  # fmt: skip
HISTORY = st.lists(st.sampled_from([*EDITS, build, build, build, build]), max_size=12)
CHANGES = st.lists(st.sampled_from([*EDITS, lose_output]), min_size=1, max_size=4)


def live(seed: int, history: list[Callable[[Life], None]], changed: list[Callable[[Life], None]], folder: Path) -> None:
    """A history, a change, and what is told of it before it is applied."""
    life = Still(Site(folder), Random(seed))
    furnish(life)
    for edit in (*history, build):
        edit(life)
    for edit in changed:
        edit(life)
    new, approved = life.site.config, life.random.random() < 0.3
    old = life.random.choice([life.built, new])
    before, untouched = contents(new.output.path), everything(folder)
    published = contents(old.output.path)

    found = difference(life.site, old, approved)

    assert everything(folder) == untouched
    life.build(approved)
    after = contents(new.output.path)
    assert found.documents == changes(before, after)
    outdated = old.output.path != life.built_before.output.path
    assert_feeds(found, published, after, life.built_before, new, outdated)
    assert_nothing_secret(life, found)
    again = difference(life.site, approved=approved)
    assert (again.documents, again.feeds, again.came, bool(again)) == (Documents(), (), (), False)


def assert_feeds(
    found: Difference, before: dict[str, bytes], after: dict[str, bytes], old: Config, new: Config, outdated: bool
) -> None:
    """What is told of each feed is what its documents tell before and after. `outdated`: those before are of another
    time than the state, as the output was in another directory in between.
    """
    told = {one.name: one for one in found.feeds}
    assert len(told) == len(found.feeds)
    for name in names(before) | names(after):
        both = [suffix for suffix in ("atom", "json") if all(f"{name}.{suffix}" in side for side in (before, after))]
        whole = [suffix for suffix in both if suffix in new.output.formats and suffix in old.output.formats]
        if name in led(after) or is_spoilt(before, name, old):
            continue  # it is told of with the feed to which it leads, or cannot be read
        one, other = entries(before, name, old.output.formats), entries(after, name, new.output.formats)
        if name not in told:
            assert list(one) == list(other), name
            continue
        said = told[name].entries
        if said.before is None:
            assert outdated, name
            continue
        if not any(f"{name}.{suffix}" in before for suffix in old.output.formats):
            continue  # its documents are lost: the ledger knows what was in them
        assert [entry.id for entry in said.entered] == [id for id in other if id not in one], name
        assert [entry.id for entry in said.left] == [id for id in one if id not in other], name
        stay = [id for id in other if id in one]
        assert said.reordered == (stay != [id for id in one if id in other]), name
        assert (said.before, said.after) == (len(one), len(other)), name
        if "atom" in whole:
            assert [entry.id for entry in said.changed] == [id for id in stay if one[id] != other[id]], name
        if "json" in whole:
            heads = [json.loads(side[f"{name}.json"]) for side in (before, after)] if one and other else [{}, {}]
            for key in ("title", "description"):
                assert (heads[0].get(key) != heads[1].get(key)) == (key in told[name].head and bool(one and other))
        assert kind_of(told[name].kind, name, before, after, one, other)


def is_spoilt(documents: dict[str, bytes], name: str, config: Config) -> bool:
    """Whether somebody spoilt, or took away, a document of a feed."""
    there = [documents.get(f"{name}.{suffix}") for suffix in config.output.formats]
    return b"?" in there or (None in there and any(there))


def kind_of(kind: str, name: str, before: Any, after: Any, one: Any, other: Any) -> bool:
    """Whether a feed is of that kind, as its documents tell."""
    was, will = name in names(before), name in names(after)
    if kind in {"added", "gone"}:
        return (was, will) == ((False, True) if kind == "added" else (True, False))
    return was and will and (kind == "emptied") == bool(one and not other)


def led(documents: dict[str, bytes]) -> set[str]:
    """The names that lead to other feeds."""
    return {path.rpartition(".")[0] for path in json.loads(documents[".feedd.json"]).get("moved", {})}


def assert_nothing_secret(life: Life, found: Difference) -> None:
    """No version is named that is not to be seen yet, or not at all."""
    numbers = {int(number) for _, number in MARK.findall(msgspec.json.encode(found))}
    named = [life.author.versions[number] for number in numbers]
    assert [one for one in named if one.secret or one.since > life.reader.latest] == []


ANY = given(seed=st.integers(0, 1 << 32), history=HISTORY, changed=CHANGES)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(PATIENT, max_examples=25)
@ANY
def test_a_run_does_exactly_what_was_told(
    seed: int, history: list[Callable[[Life], None]], changed: list[Callable[[Life], None]]
) -> None:
    with TemporaryDirectory() as folder:
        live(seed, history, changed, Path(folder))


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(PATIENT, max_examples=300)
@ANY
def test_a_run_does_exactly_what_was_told_whatever_happened(
    seed: int, history: list[Callable[[Life], None]], changed: list[Callable[[Life], None]]
) -> None:
    with TemporaryDirectory() as folder:
        live(seed, history, changed, Path(folder))


# What is said of feeds


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site of three articles, built."""
    site = Site(tmp_path, "[output]\nlimit = 2\narchives = false\n")
    site.story("fog.md", "Fog gets a map", publishedDateTime="2024-05-03T08:00:00Z", topics=["Sea"])
    site.story("moon.md", "The moon rents a boat", publishedDateTime="2024-05-02T08:00:00Z", topics=["Moon"])
    site.story("old.md", "An old lamp", publishedDateTime="2024-05-01T08:00:00Z", topics=["Sea"])
    site.build()
    return site


def test_nothing_is_told_where_nothing_changes(site: Site) -> None:
    site.write("note.txt", "No article.")
    found = difference(site)

    assert not found
    assert found == Difference(site.now)


def test_article_that_comes_is_told_with_what_it_pushes_out(site: Site) -> None:
    site.story("new.md", "News from the sea", topics=["Sea", "Kites"], publishedDateTime="2024-05-09T08:00:00Z")
    found = difference(site)
    everything = feed(found, "all")

    assert titles(found.came) == ["News from the sea"]
    assert (found.left, found.changed) == ((), ())
    assert kinds(found) == {
        "topics/kites": "added", "all": "changed", "topics/sea": "changed", "providers/source.example": "changed",
    }  # fmt: skip
    assert titles(everything.entries.entered) == ["News from the sea"]
    assert [(one.title, one.withdrawn) for one in everything.entries.left] == [("The moon rents a boat", False)]
    assert everything.documents.rewritten == ("all.atom", "all.json", "all.rss")
    assert feed(found, "topics/kites").documents.added == ("topics/kites.atom", "topics/kites.json", "topics/kites.rss")


def test_article_that_leaves_is_told_with_the_feed_that_it_empties(site: Site) -> None:
    (site.content / "moon.md").unlink()
    found = difference(site)
    moon = feed(found, "topics/moon")

    assert next(iter(kinds(found).items())) == ("topics/moon", "emptied")
    assert titles(found.left) == ["The moon rents a boat"]
    assert (moon.entries.before, moon.entries.after) == (1, 0)
    assert [(one.title, one.withdrawn) for one in moon.entries.left] == [("The moon rents a boat", True)]
    assert titles(feed(found, "all").entries.entered) == ["An old lamp"]
    assert found.came == ()


def test_edit_is_told_with_both_titles(site: Site) -> None:
    site.story("fog.md", "Fog loses its map", publishedDateTime="2024-05-03T08:00:00Z", topics=["Sea"])
    found = difference(site)

    assert [(one.title, one.was) for one in found.changed] == [("Fog loses its map", "Fog gets a map")]
    assert kinds(found)["topics/sea"] == "changed"
    assert feed(found, "all").entries.changed == found.changed
    assert (found.came, found.left) == ((), ())


def test_time_alone_changes_what_is_told(site: Site) -> None:
    site.story("fog.md", "Fog gets a map", publishedDateTime="2024-05-03T08:00:00Z", expiryDate="2024-06-02T08:00:00Z")
    site.build()
    assert not difference(site)
    site.now += 24 * HOUR

    assert titles(difference(site).left) == ["Fog gets a map"]


def test_date_of_an_update_that_has_come_is_an_edit(site: Site) -> None:
    dates = {"publishedDateTime": "2024-05-03T08:00:00Z", "updatedDateTime": "2024-06-02T08:00:00Z"}
    site.story("fog.md", "Fog gets a map", **dates)
    site.build()
    assert not difference(site)
    site.now += 24 * HOUR

    assert [(one.title, one.was) for one in difference(site).changed] == [("Fog gets a map", "")]


def test_other_order_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "best"\norder = "quality"\n')
    site.story("one.md", "One", quality=1)
    site.story("two.md", "Two", quality=2)
    site.build()
    site.story("one.md", "One", quality=3)
    best = feed(difference(site), "best")

    assert (best.kind, best.entries.reordered) == ("changed", True)
    assert (best.entries.entered, best.entries.left, best.entries.changed) == ((), (), ())
    assert "changed   best  other order; 3 documents\n" in on(site, "diff", "best").stdout


def test_new_name_of_a_feed_is_its_head(site: Site) -> None:
    site.configure('[output]\nlimit = 2\narchives = false\ntopic_title = "All on {name}"\n')
    found = difference(site)

    assert kinds(found) == {"topics/moon": "changed", "topics/sea": "changed"}
    head = feed(found, "topics/sea").head
    assert (head["title"].before, head["title"].after) == ("Example News: Sea", "All on Sea")
    assert not feed(found, "topics/sea").entries


def test_form_of_documents_alone_is_told_last(site: Site) -> None:
    site.story("new.md", "New", topics=["Sea"], publishedDateTime="2024-05-09T08:00:00Z")
    site.configure("[output]\nlimit = 2\narchives = false\nttl = 61\n")
    found = difference(site)

    assert kinds(found)["topics/moon"] == "rewritten"
    assert list(kinds(found))[-1] == "topics/moon"


def test_formats_come_and_go_with_their_documents(site: Site) -> None:
    site.configure('[output]\nlimit = 2\narchives = false\nformats = ["atom"]\n[pages]\nenabled = true\n')
    found = difference(site)

    assert feed(found, "topics/sea").kind == "rewritten"
    assert feed(found, "topics/sea").documents == Documents(
        ("topics/sea.html",), ("topics/sea.atom", "topics/sea.json", "topics/sea.rss")
    )
    assert {"index.html", "feeds.opml"} < {*found.documents.added}
    site.build()
    site.configure('[output]\nlimit = 2\narchives = false\nformats = ["atom"]\n')
    assert feed(difference(site), "topics/sea").documents.removed == ("topics/sea.html",)


def test_other_ids_are_told(site: Site) -> None:
    site.configure('[output]\nlimit = 2\narchives = false\n')
    site.file.write_text(site.file.read_text().replace("[site]\n", '[site]\nid_authority = "else.example"\n', 1))

    change = difference(site).site["ids of feeds and new articles"]

    assert (change.before, change.after) == ("tag:news.example,2020:", "tag:else.example,2020:")


def test_address_and_hubs_are_told_once_and_of_each_feed(site: Site) -> None:
    site.configure('[output]\nlimit = 2\narchives = false\n[websub]\nhubs = ["https://hub.example/"]\n')
    site.file.write_text(site.file.read_text().replace("news.example/feeds/", "feeds.example/"))
    found = difference(site)

    assert (found.site["address"].before, found.site["address"].after) == (
        "https://news.example/feeds/", "https://feeds.example/",
    )  # fmt: skip
    assert found.site["hubs"].after == "https://hub.example/"
    assert feed(found, "topics/sea").head == found.site


def test_topic_that_is_renamed_leads_to_its_new_feed(site: Site) -> None:
    site.configure('[output]\nlimit = 2\narchives = false\n[[taxonomy.topic]]\nname = "Ocean"\naliases = ["Sea"]\n')
    found = difference(site)
    sea, ocean = feed(found, "topics/sea"), feed(found, "topics/ocean")

    assert (sea.kind, sea.leads_to, ocean.kind) == ("moved", "topics/ocean", "added")
    assert (sea.entries.entered, sea.entries.left) == ((), ())
    assert found.paths.moved["topics/sea.atom"] == "topics/ocean.atom"
    site.build()
    site.configure("[output]\nlimit = 2\narchives = false\n")
    assert difference(site).paths.moved_no_more["topics/sea.atom"] == "topics/ocean.atom"


def test_archives_that_go_are_gone_from_then_on(tmp_path: Path) -> None:
    site = Site(tmp_path, "[output]\nlimit = 1\n")
    site.story("one.md", publishedDateTime="2024-04-01T08:00:00Z")
    site.story("two.md", publishedDateTime="2024-05-01T08:00:00Z")
    site.build()
    site.configure("[output]\nlimit = 1\narchives = false\n")
    found = difference(site)

    assert "all/2024-04.atom" in feed(found, "all").documents.removed
    assert "all/2024-04.atom" in found.paths.gone
    assert feed(found, "all").kind == "rewritten"


# What nobody is told


def test_what_is_not_public_is_not_even_counted(site: Site) -> None:
    site.story("new.md", "New", topics=["Sea"])
    before = difference(site)
    site.story("secret.md", "Marsupials", topics=["Marsupials"], published=False)
    site.story("later.md", "Marsupials", topics=["Marsupials"], publishedDateTime="2024-06-02T08:00:00Z")
    site.story("gone.md", "Marsupials", topics=["Marsupials"], removed=True)
    site.write("broken.md", '---\ntitle: "Marsupials\n')

    assert msgspec.json.encode(difference(site)) == msgspec.json.encode(before)
    (site.content / "secret.md").chmod(0)
    (site.content / "deep").mkdir(0)
    with bound_by_permissions():
        found = difference(site)
    (site.content / "deep").chmod(0o700)

    assert [problem.kind for problem in found.problems] == ["content-unread"]
    assert "secret" not in str(found)


@pytest.mark.parametrize("name", ["topics/marsupials", "topics/marsupial", "topics/marsupials.atom"])
def test_feed_of_what_is_not_public_is_no_feed(name: str, site: Site) -> None:
    def asked() -> str:
        result = on(site, "diff", name)
        assert (result.exit_code, result.stdout) == (2, "")
        return result.stderr

    site.build()
    before = asked()
    site.story("secret.md", "Marsupials", topics=["Marsupials"], published=False)
    site.story("later.md", "Marsupials", topics=["Marsupials"], publishedDateTime="2999-06-02T08:00:00Z")

    assert asked() == before
    site.build()
    assert asked() == before
    site.story("new.md", "Marsupials", topics=["Marsupials"])
    if name == "topics/marsupial":
        assert "Did you mean topics/marsupials?" in asked()
    else:
        assert on(site, "diff", name).stdout.startswith("1 feed added")


def test_withdrawn_article_is_told_by_the_title_that_is_public(site: Site) -> None:
    site.story("fog.md", "What nobody may know", published=False)
    site.story("moon.md", "What nobody may know yet", publishedDateTime="2024-07-01T08:00:00Z")
    found = difference(site)

    assert titles(found.left) == ["Fog gets a map", "The moon rents a boat"]
    assert "may know" not in str(found)


@pytest.mark.parametrize("withdrawn", [{"published": False}, {"publishedDateTime": "2024-07-01T08:00:00Z"}])
def test_article_that_left_although_a_document_could_not_be_written_has_no_title_any_more(
    site: Site, withdrawn: dict[str, Any]
) -> None:
    full = FailingDirectory(site.feeds, ["topics/moon.atom"])
    site.story("moon.md", "What nobody may know", **withdrawn)
    assert site.build(directory=full).problems
    moon = feed(difference(site), "topics/moon")

    assert [(one.id, one.title) for one in moon.entries.left] == [("tag:news.example,2020:articles/moon", "")]
    assert "may know" not in str(difference(site))


# A configuration that is yet to come


def test_configuration_elsewhere_is_read_as_if_it_lay_in_the_place_of_the_other(site: Site, tmp_path: Path) -> None:
    new = tmp_path / "elsewhere" / "new.toml"
    new.parent.mkdir()
    new.write_text(site.file.read_text().replace("limit = 2", "limit = 1"))
    result = CliRunner().invoke(main, ["diff", "--json", "--config", str(new), "--against", str(site.file)])
    told = json.loads(result.stdout)
    one = next(one for one in told["feeds"] if one["name"] == "all")

    assert result.exit_code == 0
    assert (one["entries"]["before"], one["entries"]["after"], one["entries"]["in"]) == (2, 1, [])
    assert [entry["title"] for entry in one["entries"]["out"]] == ["The moon rents a boat"]
    assert sorted(path.name for path in new.parent.iterdir()) == ["new.toml"]
    shutil.copyfile(new, site.file)
    before = contents(site.feeds)
    site.build()
    assert sorted(changes(before, contents(site.feeds)).rewritten) == told["documents"]["rewritten"]


def test_other_output_directory_is_compared_with_what_lies_in_the_former(site: Site) -> None:
    old = site.config
    site.configure('[output]\nlimit = 1\narchives = false\npath = "public"\n')
    found = difference(site, old)

    assert found.site["output"].after == str(site.folder / "public")
    assert kinds(found) == {
        "all": "changed", "providers/source.example": "changed", "topics/sea": "changed", "topics/moon": "rewritten",
    }  # fmt: skip
    assert titles(feed(found, "all").entries.left) == ["The moon rents a boat"]
    assert {*found.documents.added} == {*contents(site.feeds)}
    assert kinds(difference(site)) == dict.fromkeys(kinds(found), "added")  # nothing lies there, and no other is named


def test_directory_of_before_the_last_is_known_by_its_documents_alone(site: Site) -> None:
    former = site.config
    site.configure('[output]\nlimit = 1\narchives = false\npath = "public"\n')
    site.build()
    site.configure('[output]\nlimit = 1\narchives = false\nall_title = "All of it"\n')
    found, before = difference(site), contents(site.feeds)

    assert feed(found, "all").entries.before is None
    assert feed(found, "all").head == {}
    assert feed(difference(site, former), "all").entries.before is None
    site.build()
    assert found.documents == changes(before, contents(site.feeds))


def test_other_state_is_compared_with_what_the_former_knows(site: Site) -> None:
    old = site.config
    settings = '[output]\nlimit = 2\narchives = false\npath = "public"\ntopics = false\n[state]\npath = "fresh"\n'
    site.configure(settings)
    found = difference(site, old)

    assert kinds(found) == {
        "topics/moon": "gone", "topics/sea": "gone", "all": "rewritten", "providers/source.example": "rewritten",
    }  # fmt: skip
    assert titles(feed(found, "topics/sea").entries.left) == ["Fog gets a map", "An old lamp"]
    assert (found.came, found.left, found.known) == ((), (), True)
    assert not (site.folder / "fresh").exists()


def test_wrong_configuration_is_told_like_that_of_any_command(site: Site, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text("[output]\nlimit = 0\n")
    arguments = ["diff", "--config", str(tmp_path / "new.toml"), "--against", str(site.file)]
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 78
    assert f"{tmp_path / 'new.toml'}:2: output.limit" in result.stderr


# The guard


def guarded(tmp_path: Path) -> Site:
    """A site that would lose four of five articles."""
    site = Site(tmp_path, "[guard]\ncount = 3\n")
    for number in range(5):
        site.story(f"{number}.md", f"Story {number}")
    site.build()
    for number in range(4):
        (site.content / f"{number}.md").unlink()
    return site


def test_what_the_guard_would_keep_is_named_and_stays(tmp_path: Path) -> None:
    found = difference(guarded(tmp_path))

    assert not found
    assert found.withheld.count == 4
    assert titles(found.withheld.articles) == ["Story 0", "Story 1", "Story 2", "Story 3"]
    assert all(one.why for one in found.withheld.articles)


def test_approval_shows_what_the_guard_would_have_kept(tmp_path: Path) -> None:
    found = difference(guarded(tmp_path), approved=True)

    assert found.withheld.count == 0
    assert titles(found.left) == ["Story 0", "Story 1", "Story 2", "Story 3"]
    assert (feed(found, "all").entries.before, feed(found, "all").entries.after) == (5, 1)


# States and directories in disorder


def test_lost_state_is_told_of_and_documents_alone_are_compared(site: Site) -> None:
    shutil.rmtree(site.state)
    (site.content / "moon.md").unlink()
    found, before = difference(site), contents(site.feeds)
    site.build()

    assert found.documents == changes(before, contents(site.feeds))
    assert (found.known, found.came, found.left) == (False, (), ())
    assert [problem.kind for problem in found.problems] == ["state-unknown"]
    assert feed(found, "topics/moon").entries.before is None
    assert feed(found, "topics/moon").entries.left == ()


def test_nothing_published_yet_is_no_lost_state(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("first.md", "The first")
    found = difference(site)

    assert (found.known, titles(found.came)) == (True, ["The first"])
    assert [(problem.kind, problem.severity) for problem in found.problems] == [("nothing-published", "suggestion")]
    assert "--against" in found.problems[0].remedy
    assert {*kinds(found).values()} == {"added"}
    assert found.site == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content", "feedd.toml"]


@pytest.mark.parametrize("sound", [0, 4096], ids=["nothing is left", "only its head is left"])
def test_damaged_state_is_told_of_and_left_alone(site: Site, sound: int) -> None:
    place = site.state / FILE
    data = place.read_bytes()
    place.write_bytes(data[:sound] + b"\xff" * (len(data) - sound))
    site.story("new.md", "New")
    untouched = everything(site.folder)
    found, before = difference(site), contents(site.feeds)

    assert everything(site.folder) == untouched
    assert found.problems[0].kind == "state-damaged"
    site.build()
    assert found.documents == changes(before, contents(site.feeds))


def test_state_of_an_earlier_version_does_not_know_which_entries_there_were(site: Site) -> None:
    with closing(sqlite3.connect(site.state / FILE)) as database:
        for column in ("listing", "head", "members"):
            database.execute(f"ALTER TABLE feed DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 3")
        database.commit()
        database.execute("PRAGMA journal_mode = DELETE")
    site.story("new.md", "New", publishedDateTime="2024-05-09T08:00:00Z")
    untouched, before = everything(site.folder), contents(site.feeds)
    found = difference(site)

    assert everything(site.folder) == untouched
    assert titles(found.came) == ["New"]
    assert feed(found, "all").entries.before is None
    assert feed(found, "topics/ai").kind == "added"
    assert titles(feed(found, "topics/ai").entries.entered) == ["New"]
    site.build()
    assert found.documents == changes(before, contents(site.feeds))


def test_state_that_may_not_be_read_is_no_empty_one(site: Site) -> None:
    (site.state / FILE).chmod(0)
    with bound_by_permissions():
        result = on(site, "diff", "--json")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "feedd.sqlite3: state.path: cannot be read: unable to open database file" in result.stderr
    assert "sudo -u feedd" in result.stderr


def test_state_of_a_daemon_that_was_killed_is_read_without_a_trace(site: Site, tmp_path: Path) -> None:
    site.story("new.md", "New")
    crashed = tmp_path / "crashed"
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        shutil.copytree(site.state, crashed)
    shutil.rmtree(site.state)
    (crashed / f"{FILE}-shm").unlink()
    crashed.rename(site.state)
    untouched = everything(site.folder)

    assert (site.state / f"{FILE}-wal").stat().st_size > 0
    assert not difference(site)
    assert everything(site.folder) == untouched


def test_directories_need_not_be_writable(site: Site) -> None:
    site.story("new.md", "New")
    expected = difference(site)
    for folder in (site.feeds, site.feeds / "topics", site.state, site.content):
        folder.chmod(0o555)
    with bound_by_permissions():
        found = difference(site)
    for folder in (site.feeds, site.feeds / "topics", site.state, site.content):
        folder.chmod(0o755)

    assert found == expected
    assert titles(found.came) == ["New"]


def test_feeds_of_a_deleted_directory_are_added(site: Site) -> None:
    shutil.rmtree(site.feeds)
    found = difference(site)

    assert {*kinds(found).values()} == {"added"}
    assert titles(feed(found, "all").entries.entered) == ["Fog gets a map", "The moon rents a boat"]
    assert (found.came, found.left) == ((), ())
    site.build()
    assert found.documents == changes({}, contents(site.feeds))


def test_documents_that_were_copied_back_are_known_by_their_bytes(site: Site) -> None:
    for path in (path for path in site.feeds.rglob("*") if path.is_file()):
        os.utime(path, (1, 1))
    assert not difference(site)
    site.story("new.md", "New", topics=["Sea"], publishedDateTime="2024-05-09T08:00:00Z")

    assert (feed(difference(site), "all").entries.before, feed(difference(site), "all").kind) == (2, "changed")


def test_something_in_the_way_of_a_document_is_told_and_the_document_is_not(site: Site) -> None:
    (site.feeds / "all.rss").unlink()
    (site.feeds / "all.rss" / "folder").mkdir(parents=True)
    found, before = difference(site), contents(site.feeds)

    what = "is a folder, so the document of that name cannot be written"
    assert found.documents == Documents()
    assert [problem.what for problem in found.problems] == [what]
    assert [problem.what for problem in site.build().problems] == [what]
    assert changes(before, contents(site.feeds)) == Documents()


def test_a_daemon_at_work_is_not_disturbed(site: Site) -> None:
    with running(site) as inbox:
        (site.feeds / "all.rss").write_bytes(b"?")  # of which no event tells
        before = {path: path.lstat().st_ino for path in (*site.state.rglob("*"), *site.feeds.rglob("*"))}
        found = difference(site)
        after = {path: path.lstat().st_ino for path in (*site.state.rglob("*"), *site.feeds.rglob("*"))}
        site.story("new.md", "New", publishedDateTime="2024-05-09T08:00:00Z")
        inbox.wake()
        eventually(lambda: "New" in site.titles())

    assert found.documents.rewritten == ("all.rss",)
    assert after == before
    assert f"{FILE}-wal" in {path.name for path in before}


# What people and programs are told


@pytest.fixture
def told(tmp_path: Path) -> Site:
    """The site of above, built at this moment."""
    site = Site(tmp_path, "[output]\nlimit = 2\narchives = false\n")
    site.story("fog.md", "Fog gets a map", publishedDateTime="2024-05-03T08:00:00Z", topics=["Sea"])
    site.story("moon.md", "The moon rents a boat", publishedDateTime="2024-05-02T08:00:00Z", topics=["Moon"])
    assert on(site, "build").exit_code == 0
    return site


def test_text_is_short_and_the_weightiest_comes_first(told: Site) -> None:
    (told.content / "moon.md").unlink()
    told.story("new.md", "News", topics=["Sea"], publishedDateTime="2024-05-09T08:00:00Z")
    told.story("fog.md", "Fog has a map", publishedDateTime="2024-05-03T08:00:00Z", topics=["Sea"])
    result = on(told, "diff")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == """\
1 article comes; 1 article changes; 1 article leaves; 1 feed emptied; 3 feeds changed; 12 documents to write

emptied   topics/moon               -1; 3 documents
changed   all                       +1 -1 ~1; 3 documents
changed   providers/source.example  +1 -1 ~1; 3 documents
changed   topics/sea                +1 ~1; 3 documents

+ News <tag:news.example,2020:articles/new>
- The moon rents a boat <tag:news.example,2020:articles/moon>
~ Fog has a map <tag:news.example,2020:articles/fog>, which was Fog gets a map
"""


def test_one_feed_is_told_in_detail(told: Site) -> None:
    (told.content / "moon.md").unlink()
    told.story("new.md", "News", topics=["Sea"], publishedDateTime="2024-05-09T08:00:00Z")
    result = on(told, "diff", str(told.feeds / "all.atom"))

    assert result.stdout == """\
1 feed changed; 3 documents to write

changed   all  +1 -1; 3 documents

all: 2 → 2 entries
  + News <tag:news.example,2020:articles/new>
  - The moon rents a boat <tag:news.example,2020:articles/moon>, withdrawn

~ all.atom
~ all.json
~ all.rss
"""
    assert on(told, "diff", "topics/sea", "topics/moon").stdout.startswith("1 feed emptied; 1 feed changed; 6 doc")
    (told.content / "new.md").unlink()
    assert on(told, "diff", "topics/sea").stdout == "nothing would change in topics/sea\n"


def test_unknown_feed_is_refused_with_the_one_that_was_meant(told: Site) -> None:
    result = on(told, "diff", "topics/see")

    assert result.exit_code == 2
    assert result.stderr == "feedd: no feed 'topics/see'. Did you mean topics/sea?\n"


def test_exit_code_tells_of_changes_only_if_asked(told: Site) -> None:
    assert [on(told, "diff", *options).exit_code for options in ((), ("--exit-code",))] == [0, 0]
    told.story("new.md", "News", topics=["Sea"])

    assert [on(told, "diff", *options).exit_code for options in ((), ("--exit-code",))] == [0, 1]
    assert on(told, "diff", "--exit-code", "topics/moon").exit_code == 0


def test_what_could_not_be_told_for_certain_is_a_failure(told: Site) -> None:
    shutil.rmtree(told.content)
    result = on(told, "diff")

    assert (result.exit_code, result.stdout) == (1, "nothing would change\n")
    assert f"error: {told.content}: content.path: " in result.stderr


def test_json_is_what_is_documented(told: Site) -> None:
    told.story("new.md", "News", topics=["Sea"], publishedDateTime="2024-05-09T08:00:00Z")
    found = json.loads(on(told, "diff", "--json").stdout)

    assert list(found) == [
        "now", "known", "site", "withheld", "feeds", "came", "left", "changed", "paths", "documents", "problems",
    ]  # fmt: skip
    assert found["came"] == [{"id": "tag:news.example,2020:articles/new", "title": "News"}]
    assert next(one for one in found["feeds"] if one["name"] == "topics/sea") == {
        "name": "topics/sea",
        "kind": "changed",
        "entries": {
            "before": 1,
            "after": 2,
            "in": [{"id": "tag:news.example,2020:articles/new", "title": "News"}],
            "out": [],
            "changed": [],
            "reordered": False,
        },
        "head": {},
        "documents": {
            "added": [], "rewritten": ["topics/sea.atom", "topics/sea.json", "topics/sea.rss"], "removed": [],
        },
        "leads_to": "",
    }  # fmt: skip


def test_many_feeds_are_counted_and_all_are_named_if_asked(told: Site) -> None:
    for number in range(25):
        told.story(f"{number}.md", f"Kite {number:02}", topics=[f"Kite {number:02}"])
    short, whole = on(told, "diff").stdout, on(told, "diff", "--all").stdout

    assert "25 articles come" in short
    assert "\n… and 5 more: `--all` shows them\n2 more feeds with the same entries in other documents; `--all`" in short
    assert short.endswith("+ Kite 19 <tag:news.example,2020:articles/19>\n… and 5 more: `--all` shows them\n")
    assert "+ topics/kite-24.rss\n" in whole
    assert "more" not in whole


def test_documents_of_another_form_are_summed_up(told: Site) -> None:
    told.configure("[output]\nlimit = 2\narchives = false\nttl = 61\n")
    text = "4 feeds rewritten; 4 documents to write\n\n4 feeds with the same entries in other documents; `--all` names"

    assert on(told, "diff").stdout == f"{text} them\n"  # ttl is in RSS alone
    assert "rewritten all                       1 document\n" in on(told, "diff", "--all").stdout


def test_redirects_heads_and_the_address_are_told(told: Site) -> None:
    told.configure('[output]\nlimit = 2\narchives = false\n[[taxonomy.topic]]\nname = "Ocean"\naliases = ["Sea"]\n')
    told.file.write_text(told.file.read_text().replace('"Example News"', '"Other News"').replace("e/feeds", "e/new"))
    said = on(told, "diff").stdout

    assert said.startswith("2 articles change; 1 feed moved; 1 feed added; 3 feeds changed; 15 documents to write\n")
    assert "\naddress: https://news.example/feeds/ → https://news.example/new/\n" in said
    assert "\nmoved     topics/sea                ~1; leads to topics/ocean; title, description, address; 3 doc" in said
    assert "\ntopics/sea.atom leads to topics/ocean.atom\n" in said


def test_guard_is_told_with_what_it_keeps(tmp_path: Path) -> None:
    result = on(guarded(tmp_path), "diff")

    assert result.exit_code == 0
    assert "nothing would change\n\nthe guard would keep 4 articles in the feeds; `--approve` shows" in result.stdout
    assert "\n  Story 0 <tag:news.example,2020:articles/0>: " in result.stdout
    assert "4 articles leave" in on(Site(tmp_path, "[guard]\ncount = 3\n"), "diff", "--approve").stdout


def test_titles_cannot_move_the_cursor(told: Site) -> None:
    told.story("new.md", "\u202eeman\u00a0A\u200d", topics=["Sea"])

    assert "+ \ufffdeman A\u200d <" in on(told, "diff").stdout


def test_colours_are_for_terminals(told: Site) -> None:
    told.story("new.md", "News", topics=["Sea"])
    arguments = ["diff", "--config", str(told.file)]

    assert "\x1b" not in CliRunner().invoke(main, arguments).stdout
    assert "\x1b[32m+\x1b[0m News" in CliRunner().invoke(main, arguments, color=True).stdout

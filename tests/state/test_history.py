"""The promise of the whole: what there is after any history of edits is what a fresh start makes of the final state.

The ledger's memory is left aside exactly: dates of updates are not compared; every article names its `guid`, so that
no id is carried over; the fresh start gets the last good version of what is broken at the end; and a feed that only
once had articles must be empty.
"""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedd.pipeline import Pipeline
from feedd.testing import NOON, Site, article

HOUR = 3600
SETTINGS = """
[output]
formats = ["atom", "json"]
limit = 4
[guard]
count = 1000
[taxonomy]
rollup = true
[[taxonomy.topic]]
name = "Technology"
[[taxonomy.topic]]
name = "AI"
parent = "Technology"
aliases = ["Artificial Intelligence"]
[[feed]]
name = "window"
title = "Window"
max_age = "3h"
[[feed]]
name = "first"
title = "First"
title_contains = ["1"]
order = "oldest"
limit = 2
[[feed]]
name = "best"
title = "Best"
order = "quality"
not_topics = ["Cloud"]
"""

DOMAINS = ("one.example", "www.two.example")
TOPICS = ("AI", "ai", "Artificial Intelligence", "Cloud", "cloud")
MEMORY = re.compile(
    rb"<updated>[^<]*</updated>|\"date_modified\":\"[^\"]*\",?|\s*<at:deleted-entry [^>]*/>| xmlns:at=\"[^\"]*\""
)
PATHS = ("a.md", "b.md", "c.md", "sub/a.md", "sub/d.md")
HOURS = st.integers(-2, 4)


def zulu(hours: int) -> str:
    return datetime.fromtimestamp(NOON + hours * HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def some(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """An article of one of three stories, under one of two ids each."""
    story = draw(some(1, 3))
    related = draw(st.lists(some(1, 4), max_size=2, unique=True))
    links = [{"title": f"See {number}", "webUrl": f"https://source.example/{number}"} for number in related]
    provider = {"name": draw(st.sampled_from(["One", "The One"])), "domain": draw(st.sampled_from(DOMAINS))}
    return article(
        f"Story {story}, version {draw(some(1, 3))}",
        guid=f"urn:story:{story}{draw(st.sampled_from(['', ':twin']))}",
        webUrl=f"https://source.example/{story}",
        publishedDateTime=zulu(draw(HOURS)),
        updatedDateTime=zulu(draw(HOURS)),
        expiryDate=zulu(draw(HOURS)) if draw(some(0, 4)) == 0 else None,
        published=draw(some(0, 3)) > 0,
        topics=draw(st.lists(st.sampled_from(TOPICS), max_size=2)),
        provider=provider,
        related=links or None,
        quality=draw(some(0, 2)),
    )


BROKEN = '---\ntitle: "torn\n---\n'
WITHDRAWN = "---\ntitle: [\npublished: false\n---\n"


@dataclass
class Batch:
    """Edits that happen between two runs, the hours that pass, and whether the process is started anew."""

    edits: list[tuple[str, ...]]
    hours: int = 0
    restart: bool = False


PLACES = st.sampled_from(PATHS)
EDITS = st.one_of(
    st.tuples(st.just("write"), PLACES, texts()),
    st.tuples(st.just("write"), PLACES, texts()),
    st.tuples(st.just("write"), PLACES, st.sampled_from([BROKEN, WITHDRAWN, "", "A plain note.\n"])),
    st.tuples(st.just("remove"), PLACES),
    st.tuples(st.just("rename"), PLACES, PLACES),
    st.tuples(st.just("copy"), PLACES, PLACES),
)
BATCHES = st.builds(Batch, st.lists(EDITS, max_size=3), st.sampled_from([0, 0, 1, 2]), st.booleans())


def apply(edit: tuple[str, ...], site: Site) -> list[str]:
    """Do one edit; gives the paths that a watcher would name."""
    kind, path, *rest = edit
    place = site.content / path
    if kind == "write":
        site.write(path, rest[0])
    elif place.exists():
        if kind == "remove":
            place.unlink()
        elif kind == "copy":
            site.write(rest[0], place.read_bytes())
        else:
            (site.content / rest[0]).parent.mkdir(exist_ok=True)
            place.replace(site.content / rest[0])
    return [path, *rest[:1]] if kind != "write" else [path]


@dataclass
class Memory:
    """What a fresh start would have to find to show the same: of each file the last good version that a run saw."""

    seen: dict[str, str] = field(default_factory=dict)

    def look(self, site: Site) -> None:
        texts = {path: (site.content / path).read_text() for path in PATHS if (site.content / path).exists()}
        self.seen = {path: good for path, text in texts.items() if (good := self._good(path, text))}

    def _good(self, path: str, text: str) -> str:
        if text == WITHDRAWN:
            return self.seen.get(path, "").replace("published: true", "published: false")
        if text in {BROKEN, ""}:
            return self.seen.get(path, "")
        return text


def start(folder: Path) -> Site:
    site = Site(folder, SETTINGS)
    # One that stays, so that the content is never empty, which the guard would take for an accident.
    site.story("stays.md", "Stays", publishedDateTime=zulu(-1), guid="urn:stays")
    return site


def filled(site: Site) -> dict[str, bytes]:
    """The documents that hold entries, without the dates of updates and without tombstones."""
    held = ((path, data) for path, data in site.documents().items() if b"<entry>" in data or b'{"id":' in data)
    return {path: MEMORY.sub(b"", data) for path, data in held}


def check(history: list[Batch], folder: Path) -> None:
    """Live through a history with scans in new processes and with hints in long-lived ones; then compare."""
    scanned, hinted, memory = start(folder / "scanned"), start(folder / "hinted"), Memory()
    pipeline: Pipeline | None = None
    for batch in history:
        paths = [path for edit in batch.edits for path in apply(edit, scanned)]
        for edit in batch.edits:
            apply(edit, hinted)
        scanned.now += batch.hours * HOUR
        scanned.build()
        memory.look(scanned)
        if batch.restart and pipeline:
            pipeline.close()
            pipeline = None
        pipeline = pipeline or hinted.pipeline()
        pipeline.run(scanned.now, hints=paths)
        assert hinted.documents() == scanned.documents()
    if pipeline:
        pipeline.close()

    fresh = start(folder / "fresh")
    fresh.now = scanned.now
    for path, text in memory.seen.items():
        fresh.write(path, text)
    fresh.build()
    assert filled(scanned) == filled(fresh)
    assert sorted(fresh.documents().keys() - scanned.documents().keys()) == []


HISTORIES = st.lists(BATCHES, min_size=1, max_size=7)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
relaxed = settings(deadline=None, database=None, suppress_health_check=SLOW)


@settings(relaxed, max_examples=8)
@given(HISTORIES)
def test_any_history_ends_like_a_fresh_start(history: list[Batch]) -> None:
    with TemporaryDirectory() as folder:
        check(history, Path(folder))


@pytest.mark.slow
@pytest.mark.long
@settings(relaxed, max_examples=100)
@given(HISTORIES)
def test_any_of_many_histories_ends_like_a_fresh_start(history: list[Batch]) -> None:
    with TemporaryDirectory() as folder:
        check(history, Path(folder))


NAMES = st.sampled_from("abcde")
RENAMES = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), NAMES),
            st.tuples(st.just("rename"), NAMES, NAMES),
            st.tuples(st.just("remove"), NAMES),
            st.tuples(st.just("swap"), NAMES, NAMES),
        ),
        max_size=3,
    ),
    min_size=2,
    max_size=8,
)


def rename(edits: list[tuple[str, ...]], content: Path, fresh: Iterator[int]) -> None:
    """Write, rename, remove and swap files; every file that is written tells a story of its own."""
    for kind, *names in edits:
        places = [content / f"{name}.md" for name in names]
        if kind == "write":
            places[0].write_text(article(f"Story {next(fresh)}"))
        elif kind == "remove":
            places[0].unlink(missing_ok=True)
        elif places[0].exists():
            places[0].rename(content / "moving")
            if kind == "swap" and places[1].exists():
                places[1].rename(places[0])
            (content / "moving").rename(places[1])


def check_renames(history: list[list[tuple[str, ...]]], folder: Path) -> None:
    """Every file's article is seen, under an id of its own, whatever the files were called before."""
    site, fresh = start(folder), itertools.count()
    for edits in history:
        rename(edits, site.content, fresh)
        site.build()
        titles = {path.read_text().split('"')[1] for path in site.content.glob("*.md")}
        with closing(site.pipeline()) as pipeline:
            cards = list(pipeline.index.cards())
            assert {pipeline.index.article(card.key).title for card in cards} == titles
            assert pipeline.problems() == []


@settings(relaxed, max_examples=10)
@given(RENAMES)
def test_no_history_of_renames_loses_an_article(history: list[list[tuple[str, ...]]]) -> None:
    with TemporaryDirectory() as folder:
        check_renames(history, Path(folder))


@pytest.mark.slow
@pytest.mark.long
@settings(relaxed, max_examples=150)
@given(RENAMES)
def test_none_of_many_histories_of_renames_loses_an_article(history: list[list[tuple[str, ...]]]) -> None:
    with TemporaryDirectory() as folder:
        check_renames(history, Path(folder))

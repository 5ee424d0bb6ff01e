"""Feed readers that people use, newsboat and the library `reader`, subscribe to a running feedd: each story once,
corrections as such, and no document twice. Neither follows archives, so that these are not asked for here.
"""

import http.client
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
import reader
from prometheus_client.parser import text_string_to_metric_families

from feedd.testing import Site, asked, eventually, running

PUBLISHED = "2024-05-01T10:30:00+02:00"
HOUR = 3600
NEWSBOAT = shutil.which("newsboat")

SETTINGS = """\
[site]
title = "Example News"
url = "https://news.example/"
feeds_url = "http://127.0.0.1:{feeds}/"
[pages]
enabled = false
[watch]
quiet = "10ms"
[server]
listen = "127.0.0.1:{feeds}"
[monitoring]
listen = "127.0.0.1:{monitoring}"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        found = connection.getresponse()
        return found.status, {name.lower(): value for name, value in found.getheaders()}, found.read()


@pytest.fixture(scope="module", autouse=True)
def _feedparser_as_it_is_installed() -> Iterator[None]:
    """The copy within `reader` 3.26 needs sgmllib3k of 2010, which feedparser itself no longer brings."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("READER_NO_VENDORED_FEEDPARSER", "1")
        yield


# What is published


class Paper:
    """A site that feedd publishes and serves. Its clock only goes forward."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"feeds": free_port(), "monitoring": free_port()}
        self.site, self._topics = Site(folder), ""
        self.configure()
        self._beacons, self._desks, self._open = 0, 0, ExitStack()
        self.start()

    def configure(self) -> None:
        self.site.file.write_text(SETTINGS.format(**self.ports) + self._topics, encoding="utf-8")

    def rename_topic(self, old: str, new: str) -> None:
        self._topics += f'[[taxonomy.topic]]\nname = "{new}"\naliases = ["{old}"]\n'
        self.configure()

    def start(self) -> None:
        self._inbox = self._open.enter_context(running(self.site))

    def stop(self) -> None:
        self._open.close()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['feeds']}/{path}"

    def desk(self) -> "Desk":
        self._desks += 1
        return Desk(self, f"Desk{self._desks}")

    def settle(self, passes: int = 60) -> None:
        """Return when feedd has done all that was to be done: it has published what was written last. Some seconds
        pass meanwhile.
        """
        self._beacons += 1
        self.site.now += passes
        title = f"Beacon {self._beacons}"
        self.site.story("beacon.md", title, topics=["Beacons"])
        eventually(lambda: (self.site.feeds / "topics" / "beacons.json").exists())
        eventually(lambda: title in self.site.titles("topics/beacons"))
        asked(self._inbox, "status")  # the run is over

    def answers(self) -> Counter[str]:
        """What the server counts: how many answers it has given to those who read feeds, by status."""
        text = get(self.ports["monitoring"], "/metrics")[2].decode()
        found = Counter[str]()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "feedd_http_requests_total" and sample.labels["listener"] == "feeds":
                    found[sample.labels["status"]] += int(sample.value)
        return found


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("paper"))
    yield paper
    paper.stop()


class Desk:
    """What one test publishes in the paper: stories of a topic of its own."""

    def __init__(self, paper: Paper, topic: str) -> None:
        self.paper, self.topic, self.feed = paper, topic, f"topics/{topic.lower()}"

    def write(self, name: str, title: str, **front: Any) -> Path:
        front = {
            "topics": [self.topic],
            "publishedDateTime": PUBLISHED,
            "webUrl": f"https://source.example/{self.topic}/{name}",
            **front,
        }
        return self.paper.site.story(f"{self.topic}-{name}.md", title, **front)

    def publish(self, name: str, title: str, **front: Any) -> Path:
        place = self.write(name, title, **front)
        self.paper.settle()
        return place

    def outlives_its_second(self) -> None:
        """Return when the second is over in which its feed was published last: HTTP's dates tell seconds."""
        written = max(path.stat().st_mtime for path in self.paper.site.feeds.glob(f"{self.feed}.*"))
        eventually(lambda: int(time.time()) > int(written))


@pytest.fixture
def desk(paper: Paper) -> Desk:
    return paper.desk()


# Who reads it


class Entry(NamedTuple):
    """A story as a subscriber has it."""

    id: str
    title: str
    link: str
    author: str
    published: datetime
    text: str


class Subscriber(Protocol):
    """A reader that is subscribed to the document at an address."""

    address: str

    def look(self) -> None:
        """Ask once for what is new, as the person before it would. Raises where the reader tells of a fault."""

    def entries(self) -> list[Entry]:
        """All stories that it has, by their ids."""

    def unread(self) -> int:
        """How many of them it shows as unread."""

    def read_all(self) -> None:
        """Read them."""

    def tag(self) -> str:
        """The entity tag that it asks with."""

    def forget_tag(self) -> None:
        """Ask by the date alone from now on."""

    def close(self) -> None:
        """End it."""


FILES = {"url": "urls", "cache": "cache.db", "config": "config"}

_empty = b""


class Newsboat:
    """newsboat without its screen, with files of its own. Each look is a process."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address, self._folder, self._cache = address, folder, folder / "cache.db"
        folder.mkdir()
        (folder / "urls").write_text(f"{address}\n", encoding="utf-8")
        (folder / "config").write_text(f'error-log "{folder}/errors"\n', encoding="utf-8")
        self._cache.write_bytes(_empty or self._made_cache())
        self.look()
        # It keeps what to ask with only for feeds that are in its cache already, hence from the second look on.
        self.look()

    def _run(self, *command: str) -> str:
        files = [f"--{name}-file={self._folder / place}" for name, place in FILES.items()]
        environ = {"HOME": str(self._folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        assert NEWSBOAT
        done = subprocess.run(
            [NEWSBOAT, *files, *command], env=environ, capture_output=True, text=True, timeout=30, check=True
        )
        errors = self._folder / "errors"
        assert not errors.exists() or errors.read_text(encoding="utf-8") == ""
        return done.stdout

    def _made_cache(self) -> bytes:
        """An empty cache, kept for all: newsboat takes half a second to make one."""
        global _empty
        self.unread()
        _empty = self._cache.read_bytes()
        return _empty

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._cache)) as cache:
            return cache.execute(query).fetchall()

    def look(self) -> None:
        self._run("--execute=reload")

    def entries(self) -> list[Entry]:
        rows = self._select("SELECT guid, title, url, author, pubDate, content FROM rss_item ORDER BY guid")
        return [
            Entry(id, title, link, author, datetime.fromtimestamp(published, UTC), text)
            for id, title, link, author, published, text in rows
        ]

    def unread(self) -> int:
        return int(self._run("--execute=print-unread").split()[0])

    def read_all(self) -> None:
        read = self._folder / "read"
        read.write_text("".join(f"{one.id}\n" for one in self.entries()), encoding="utf-8")
        self._run(f"--import-from-file={read}")

    def tag(self) -> str:
        [(tag,)] = self._select("SELECT etag FROM rss_feed")
        return str(tag)

    def forget_tag(self) -> None:
        with closing(sqlite3.connect(self._cache)) as cache, cache:
            cache.execute("UPDATE rss_feed SET etag = ''")

    def close(self) -> None:
        """It has ended."""


class Library:
    """The library `reader`, with a database of its own."""

    def __init__(self, folder: Path, address: str) -> None:
        self._file, self.address = f"{folder}.sqlite", address
        self._reader = reader.make_reader(self._file)
        self._reader.add_feed(address)
        self.look()

    def look(self) -> None:
        self._reader.update_feed(self.address)

    def entries(self) -> list[Entry]:
        found = sorted(self._reader.get_entries(), key=lambda one: one.id)
        return [
            Entry(one.id, one.title, one.link, one.authors_str, one.published, one.get_content().value) for one in found
        ]

    def unread(self) -> int:
        counts = self._reader.get_entry_counts()
        return int(counts.total - counts.read)

    def read_all(self) -> None:
        for one in self._reader.get_entries():
            self._reader.mark_entry_as_read(one)

    def _caching(self) -> dict[str, str]:
        with closing(sqlite3.connect(self._file)) as database:
            [(text,)] = database.execute("SELECT caching_info FROM feeds").fetchall()
        found: dict[str, str] = json.loads(text or "{}")
        return found

    def tag(self) -> str:
        return self._caching().get("etag", "")

    def forget_tag(self) -> None:
        known = {name: value for name, value in self._caching().items() if name != "etag"}
        with closing(sqlite3.connect(self._file)) as database, database:
            database.execute("UPDATE feeds SET caching_info = ?", (json.dumps(known) if known else None,))

    def close(self) -> None:
        self._reader.close()


needs_newsboat = pytest.mark.skipif(NEWSBOAT is None, reason="there is no newsboat here")

Subscribe = Callable[[], Subscriber]

READERS = [
    pytest.param((Newsboat, "atom"), marks=needs_newsboat, id="newsboat-atom"),
    pytest.param((Newsboat, "rss"), marks=needs_newsboat, id="newsboat-rss"),
    pytest.param((Library, "atom"), id="reader-atom"),
    pytest.param((Library, "rss"), id="reader-rss"),
    pytest.param((Library, "json"), id="reader-json"),
]


@pytest.fixture(params=READERS)
def subscribe(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Subscribe]:
    """Subscribes to the feed of a desk's topic."""
    (program, suffix), opened = request.param, []

    def subscribed() -> Subscriber:
        opened.append(program(tmp_path / f"subscriber-{len(opened)}", desk.paper.address(f"{desk.feed}.{suffix}")))
        return opened[-1]

    yield subscribed
    for one in opened:
        one.close()


def zulu(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def look(desk: Desk, subscriber: Subscriber) -> dict[str, int]:
    """Let a subscriber look once; what it was answered, by status."""
    before = desk.paper.answers()
    subscriber.look()
    return dict(desk.paper.answers() - before)


def titles(subscriber: Subscriber) -> list[str]:
    return [one.title for one in subscriber.entries()]


# Asking again


def test_what_has_not_changed_is_not_sent_again(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    subscriber = subscribe()
    for _ in range(3):
        assert look(desk, subscriber) == {"304": 1}
    desk.publish("two", "Two")
    assert look(desk, subscriber) == {"200": 1}
    assert look(desk, subscriber) == {"304": 1}


def test_the_date_alone_tells_what_has_not_changed(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    desk.outlives_its_second()
    subscriber = subscribe()
    subscriber.forget_tag()
    assert subscriber.tag() == ""
    assert look(desk, subscriber) == {"304": 1}
    desk.publish("two", "Two")
    subscriber.forget_tag()  # what was answered may have told it again
    assert look(desk, subscriber) == {"200": 1}
    assert titles(subscriber) == ["One", "Two"]


@pytest.mark.slow
def test_of_two_changes_within_a_second_none_is_missed(desk: Desk, subscribe: Subscribe) -> None:
    """newsboat drops what is not newer by its date than what it has, to the second, and asks by its tag then."""
    for name in ("one", "two", "three"):
        desk.publish(name, name)
        desk.outlives_its_second()
        desk.publish(name, f"{name} edited")
        by_tag, by_date = subscribe(), subscribe()
        by_date.forget_tag()
        desk.publish(name, f"{name} corrected")
        desk.outlives_its_second()
        for subscriber in (by_tag, by_date):
            subscriber.look()
            assert f"{name} corrected" in titles(subscriber)


def test_subscribers_get_compressed_documents(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    subscriber = subscribe()
    path = "/" + subscriber.address.rpartition("//")[2].partition("/")[2]
    packed, plain = (get(desk.paper.ports["feeds"], path, **asked)[1] for asked in ({"accept_encoding": "gzip"}, {}))
    assert packed["content-encoding"] == "gzip"
    assert subscriber.tag() == packed["etag"] != plain["etag"]


def test_restart_of_feedd_is_not_seen(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    subscriber = subscribe()
    desk.paper.stop()
    desk.paper.start()
    assert look(desk, subscriber) == {"304": 1}


# Stories


def test_new_story_is_seen_once(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    subscriber = subscribe()
    subscriber.read_all()
    desk.publish("two", "Two")
    for _ in range(3):
        subscriber.look()
        assert titles(subscriber) == ["One", "Two"]
        assert subscriber.unread() == 1


def test_edited_title_is_changed_and_not_doubled(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    desk.publish("two", "Two")
    subscriber = subscribe()
    before = subscriber.entries()
    subscriber.read_all()
    desk.publish("one", "One, corrected", webUrl="https://source.example/moved")
    assert look(desk, subscriber) == {"200": 1}
    first, second = subscriber.entries()
    assert (first.id, first.title, first.link) == (before[0].id, "One, corrected", "https://source.example/moved")
    assert second == before[1]
    assert subscriber.unread() == 0


def test_edits_that_nobody_is_to_see_are_not_seen(desk: Desk, subscribe: Subscribe) -> None:
    numbers = {"heat": 1, "quality": 1, "secured": "b2xk"}
    desk.publish("one", "One", **numbers)
    subscriber = subscribe()
    before = subscriber.entries()
    for edit in ({"heat": 90}, {"quality": 7}, {"secured": "bmV3"}):
        numbers |= edit
        desk.publish("one", "One", **numbers)
        assert look(desk, subscriber) == {"304": 1}
    assert subscriber.entries() == before


def test_story_in_another_folder_is_the_same(desk: Desk, subscribe: Subscribe) -> None:
    place = desk.publish("one", "One")
    subscriber = subscribe()
    before = subscriber.entries()
    folder = place.parent / f"{desk.topic}-archive"
    folder.mkdir()
    place.rename(folder / place.name)
    desk.paper.settle()
    assert look(desk, subscriber) == {"304": 1}
    assert subscriber.entries() == before


def test_renamed_story_is_the_same(desk: Desk, subscribe: Subscribe) -> None:
    place = desk.publish("one", "One")
    subscriber = subscribe()
    before = subscriber.entries()
    place.rename(place.with_name(f"{desk.topic}-of-another-name.md"))
    desk.paper.settle()
    assert look(desk, subscriber) == {"304": 1}
    assert subscriber.entries() == before
    desk.write("of-another-name", "One, corrected", webUrl=before[0].link)
    desk.paper.settle()
    assert look(desk, subscriber) == {"200": 1}
    assert subscriber.entries() == [before[0]._replace(title="One, corrected", text=subscriber.entries()[0].text)]


def test_story_under_embargo_is_seen_once_when_it_is_due(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One")
    subscriber = subscribe()
    subscriber.read_all()
    due = desk.paper.site.now + HOUR
    desk.publish("two", "Two", publishedDateTime=zulu(due))
    assert look(desk, subscriber) == {"304": 1}
    desk.paper.site.now = due - 1
    desk.paper.settle(0)
    assert look(desk, subscriber) == {"304": 1}
    assert titles(subscriber) == ["One"]
    desk.paper.site.now = due
    eventually(lambda: "Two" in desk.paper.site.titles(desk.feed))
    desk.paper.settle(0)
    for answer in ("200", "304"):
        assert look(desk, subscriber) == {answer: 1}
        assert titles(subscriber) == ["One", "Two"]
        assert subscriber.unread() == 1
    assert subscriber.entries()[1].published == datetime.fromtimestamp(due, UTC)


def test_what_is_withdrawn_is_no_news_and_not_doubled_by_its_return(desk: Desk, subscribe: Subscribe) -> None:
    """The readers keep what they have, also what a tombstone in Atom (RFC 6721) names, but newcomers do not get it."""
    desk.publish("one", "One")
    desk.publish("two", "Two")
    subscriber = subscribe()
    before = subscriber.entries()
    subscriber.read_all()
    desk.publish("two", "Two", removed=True)
    assert b"deleted-entry" in (desk.paper.site.feeds / f"{desk.feed}.atom").read_bytes()
    assert look(desk, subscriber) == {"200": 1}
    assert subscriber.entries() == before
    assert titles(subscribe()) == ["One"]
    desk.publish("two", "Two")
    assert look(desk, subscriber) == {"200": 1}
    assert subscriber.entries() == before
    assert subscriber.unread() == 0


def test_renamed_topic_is_found_at_its_old_address_and_nothing_is_doubled(desk: Desk, subscribe: Subscribe) -> None:
    """The readers follow to the new address, and ask at the old one again the next time."""
    desk.publish("one", "One")
    subscriber = subscribe()
    before = subscriber.entries()
    subscriber.read_all()
    desk.paper.rename_topic(desk.topic, f"New{desk.topic}")
    path = f"/{desk.feed}.atom"
    eventually(lambda: get(desk.paper.ports["feeds"], path)[0] == 301)
    assert look(desk, subscriber) == {"301": 1, "200": 1}
    assert subscriber.entries() == before
    assert look(desk, subscriber) == {"301": 1, "304": 1}
    desk.publish("two", "Two")
    desk.publish("three", "Three", topics=[f"New{desk.topic}"])
    assert look(desk, subscriber) == {"301": 1, "200": 1}
    assert titles(subscriber) == ["One", "Three", "Two"]
    assert subscriber.unread() == 2


# What they say


TITLES = {
    'Küche & "Büro": l\'été – 日本 🦊': 'Küche & "Büro": l\'été – 日本 🦊',
    "3 < 5 > 2 & 1<2": "3 < 5 > 2 & 1<2",
    "Fish &amp; chips &#8211; &quot;caf&eacute;&quot;": 'Fish & chips – "café"',
    "How &lt;b&gt; works": "How <b> works",
    "What &amp;amp; and &amp;lt; are": "What &amp; and &lt; are",
    "A <b>bold</b> move": "A bold move",
    "שלום עולם": "שלום עולם",
}
"""As they are written in front matter, and as they are meant."""


def test_titles_are_what_was_written(desk: Desk, subscribe: Subscribe) -> None:
    for number, title in enumerate(TITLES):
        desk.write(str(number), title)
    desk.paper.settle()
    assert titles(subscribe()) == list(TITLES.values())


def test_date_author_link_and_text_are_what_was_written(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish(
        "one",
        "One",
        publishedDateTime="2024-03-31T02:30:00-05:00",
        provider={"name": 'Müller & Söhne "Nord"', "domain": "nord.example"},
        webUrl="https://source.example/übersicht?a=1&b=2&copy=3#teil",
        body="Grüße *an alle*: 1 < 2 & 3.<script>alert(1)</script>",
    )
    [found] = subscribe().entries()
    assert found.published == datetime(2024, 3, 31, 7, 30, tzinfo=UTC)
    assert found.author == 'Müller & Söhne "Nord"'
    assert found.link == "https://source.example/%C3%BCbersicht?a=1&b=2&copy=3#teil"
    assert found.text.strip() == "<p>Grüße <em>an alle</em>: 1 &lt; 2 &amp; 3.</p>"


def test_excerpt_is_the_text_of_a_story_without_a_body(desk: Desk, subscribe: Subscribe) -> None:
    desk.publish("one", "One", excerpt='1 < 2 & "3"; <b>bold</b> &amp; grün')
    [found] = subscribe().entries()
    assert found.text in ('1 < 2 & "3"; bold & grün', '1 &lt; 2 &amp; "3"; bold &amp; grün')  # plain, or as HTML

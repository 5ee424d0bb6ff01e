"""WebSub from end to end: what hubs are told, and what subscribers get, also when hubs, processes and disks fail.

The hub of the first tests, and its subscriber, are those of Flask-WebSub: it fetches what it is told of from `feedd
serve`, and hands it on.
"""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import feedparser
import pytest
from celery import Celery
from click.testing import CliRunner, Result
from flask import Flask, request
from flask_websub.hub import Hub as WebSubHub
from flask_websub.hub import SQLite3HubStorage
from flask_websub.subscriber import (
    SQLite3SubscriberStorage,
    SQLite3TempSubscriberStorage,
    Subscriber,
    discover,
)
from werkzeug.serving import make_server

from feedd.cli import main
from feedd.publish.directory import Directory
from feedd.service.inbox import Inbox
from feedd.testing import Hub, Service, Site, asked, eventually, no_sync, running, serving

BASE = "https://news.example/feeds/"


@contextmanager
def answering(app: Flask, port: int = 0) -> Iterator[str]:
    """Within it an application is served on loopback, at the address that this gives."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class RealHub:
    """Flask-WebSub's hub, at work in this process: `told` are the forms of publishers."""

    def __init__(self, folder: Path) -> None:
        self.told: list[dict[str, str]] = []
        celery = Celery("hub")
        celery.conf.task_always_eager = True  # each task is done at once, in the thread that asks for it
        hub = WebSubHub(SQLite3HubStorage(str(folder / "hub.sqlite3")), celery)
        self.app = Flask("hub")
        self.app.config["PUBLISH_SUPPORTED"] = True
        self.app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))

        @self.app.before_request
        def note() -> None:
            if request.form.get("hub.mode") == "publish":
                self.told.append(request.form.to_dict())


class Reader:
    """Flask-WebSub's subscriber, at work in this process: `got` are the documents that it was sent, by topic."""

    def __init__(self, folder: Path) -> None:
        self.got: dict[str, list[bytes]] = {}
        self.subscribed: list[str] = []
        file = str(folder / "subscriber.sqlite3")
        self._subscriber = Subscriber(SQLite3SubscriberStorage(file), SQLite3TempSubscriberStorage(file))
        self._subscriber.add_listener(lambda topic, _, body: self.got.setdefault(topic, []).append(body))
        self._subscriber.add_success_handler(lambda topic, *_: self.subscribed.append(topic))
        self.app = Flask("subscriber")
        self.app.register_blueprint(self._subscriber.build_blueprint(url_prefix="/callbacks"))

    def subscribe(self, here: str, hub: str, topic: str) -> None:
        with self.app.test_request_context(base_url=here):
            self._subscriber.subscribe(topic_url=topic, hub_url=hub)
        eventually(lambda: topic in self.subscribed)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def configure(site: Site, *hubs: str, base: str = BASE, more: str = "") -> None:
    """Let a site have hubs, and an address for its feeds."""
    site.configure(f"[websub]\nhubs = {json.dumps(hubs)}\n{more}")
    site.file.write_text(site.file.read_text(encoding="utf-8").replace(BASE, base), encoding="utf-8")


def links(document: bytes) -> tuple[str, str]:
    """The hub and the topic that a document names."""
    if document.startswith(b"{"):
        feed = json.loads(document)
        return feed["hubs"][0]["url"], feed["feed_url"]
    found = {link["rel"]: link["href"] for link in feedparser.parse(document).feed.links}
    return found["hub"], found["self"]


def topics(paths: set[str], base: str = BASE) -> list[str]:
    return sorted(base + path for path in paths)


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """The feeds' documents that are new or different."""
    paths = {path for path, data in after.items() if before.get(path) != data}
    return {path for path in paths if path.endswith((".atom", ".rss", ".json"))}


@contextmanager
def up_to_date(site: Site, hub: Hub) -> Iterator[Inbox]:
    """Within it the daemon runs, and its hub knows all that is there."""
    with running(site) as inbox:
        eventually(lambda: waiting(inbox) == 0)
        hub.told.clear()
        yield inbox


def status(inbox: Inbox) -> dict[str, Any]:
    found: dict[str, Any] = asked(inbox, "status")["status"]
    return found


def waiting(inbox: Inbox) -> int:
    return sum(hub["waiting"] for hub in status(inbox)["hubs"])


def feedd(site: Site, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(site.file)], catch_exceptions=False)


def later(site: Site) -> bool:
    """Let the clock go on by ten seconds."""
    site.now += 10
    return True


# A real hub


def test_subscribers_of_a_real_hub_get_the_documents_byte_for_byte(site: Site, reader: Reader, tmp_path: Path) -> None:
    hub = RealHub(tmp_path)
    site.story("first.md", topics=["AI"])
    site.feeds.mkdir()
    with serving(site.feeds) as served, answering(hub.app) as at, answering(reader.app) as here:
        configure(site, f"{at}/hub", base=served.url)
        with running(site) as inbox:
            eventually(lambda: waiting(inbox) == 0)
            for suffix in ("atom", "rss", "json"):
                address, topic = links((site.feeds / f"all.{suffix}").read_bytes())
                assert (address, topic) == (f"{at}/hub", f"{served.url}all.{suffix}")
                reader.subscribe(here, address, topic)
            site.story("second.md", topics=["AI"])
            eventually(lambda: len(reader.got) == 3)
            eventually(lambda: waiting(inbox) == 0)

    assert "second" in site.titles()
    assert reader.got == {
        f"{served.url}all.{suffix}": [(site.feeds / f"all.{suffix}").read_bytes()] for suffix in ("atom", "rss", "json")
    }
    assert {form["hub.mode"] for form in hub.told} == {"publish"}
    assert all(form["hub.topic"] == form["hub.url"] for form in hub.told)


def test_links_of_the_header_are_those_of_the_feed(site: Site) -> None:
    site.story("first.md")
    site.feeds.mkdir()
    with serving(site.feeds) as served:
        configure(site, "https://hub.example/", base=served.url)
        site.build()
        for suffix in ("atom", "rss", "json"):
            found = discover(f"{served.url}all.{suffix}")
            assert (found["hub_url"], found["topic_url"]) == links((site.feeds / f"all.{suffix}").read_bytes())


def test_subscriber_hears_of_embargoed_articles_when_they_are_public_and_not_before(
    site: Site, reader: Reader, tmp_path: Path
) -> None:
    hub = RealHub(tmp_path)
    site.story("first.md")
    site.feeds.mkdir()
    with serving(site.feeds) as served, answering(hub.app) as at, answering(reader.app) as here:
        configure(site, f"{at}/hub", base=served.url)
        with running(site) as inbox:
            eventually(lambda: waiting(inbox) == 0)
            topic = f"{served.url}all.json"
            reader.subscribe(here, f"{at}/hub", topic)
            hub.told.clear()
            site.story("secret.md", publishedDateTime="2024-06-01T12:30:00Z")
            eventually(lambda: status(inbox)["due"] == site.now + 1800)
            assert (hub.told, waiting(inbox)) == ([], 0)
            site.now += 1800
            eventually(lambda: topic in reader.got)

    assert [item["title"] for item in json.loads(reader.got[topic][0])["items"]] == ["secret", "first"]


def test_real_hub_that_was_away_is_told_when_it_is_back(site: Site, reader: Reader, tmp_path: Path) -> None:
    hub = RealHub(tmp_path)
    site.story("first.md")
    site.feeds.mkdir()
    with serving(site.feeds) as served, answering(reader.app) as here:
        with answering(hub.app) as at:
            configure(site, f"{at}/hub", base=served.url)
            topic = f"{served.url}all.atom"
            reader.subscribe(here, f"{at}/hub", topic)
        with running(site) as inbox:
            eventually(lambda: status(inbox)["hubs"][0]["error"] == "no connection: Connection refused")
            with answering(hub.app, int(at.rpartition(":")[2])):
                assert hub.told == []
                eventually(lambda: later(site) and waiting(inbox) == 0)

    assert reader.got == {topic: [(site.feeds / "all.atom").read_bytes()]}


# Exactly what changed


def test_exactly_the_documents_that_changed_are_told(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url, more="[pages]\nenabled = true\n")
        site.story("a.md", topics=["Sea"])
        site.story("b.md", topics=["Sky"], provider={"name": "Other", "domain": "other.example"})
        with up_to_date(site, hub) as inbox:
            before = site.documents()
            site.story("c.md", topics=["Sea"])
            eventually(lambda: "c" in site.titles())
            eventually(lambda: waiting(inbox) == 0)
            expected = changed(before, site.documents())

    assert {"all.atom", "topics/sea.rss", "providers/source.example.json"} <= expected
    assert not any("sky" in path or "other" in path for path in expected)
    assert sorted(hub.topics) == topics(expected)


def test_first_run_tells_of_all_documents_of_feeds_and_of_nothing_else(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url, more="[pages]\nenabled = true\n")
        site.story("a.md")
        with running(site) as inbox:
            eventually(lambda: waiting(inbox) == 0)

    assert sorted(hub.topics) == topics(changed({}, site.documents()))
    assert any(path.endswith(".html") for path in site.documents())


@pytest.mark.parametrize("heat", [1, 99])
def test_silent_edit_tells_nobody(site: Site, heat: int) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md", heat=0)
        with up_to_date(site, hub) as inbox:
            read = status(inbox)["last"]["at"]
            site.now += 10
            site.story("a.md", heat=heat)
            eventually(lambda: status(inbox)["last"]["read"] == 1 and status(inbox)["last"]["at"] > read)
            assert waiting(inbox) == 0

    assert hub.told == []


def test_former_names_of_a_topic_are_not_told_of(site: Site) -> None:
    """Their documents call themselves by the name that the topic has now, where servers redirect to."""
    topic = '[[taxonomy.topic]]\nname = "Artificial Intelligence"\naliases = ["AI"]\n'
    with Hub() as hub:
        configure(site, hub.url, more=topic)
        site.story("a.md", topics=["AI"])
        with up_to_date(site, hub):
            site.story("b.md", topics=["AI"])
            eventually(lambda: f"{BASE}topics/artificial-intelligence.atom" in hub.topics)
        assert (site.feeds / "topics" / "ai.atom").exists()

    assert [topic for topic in hub.topics if "/topics/ai." in topic] == []


def test_archives_are_not_told_of(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url, more="[output]\nlimit = 1\n")
        for month in (1, 2, 3):
            site.story(f"{month}.md", publishedDateTime=f"2024-0{month}-01T00:00:00Z")
        with running(site) as inbox:
            eventually(lambda: waiting(inbox) == 0)

    assert (site.feeds / "all" / "2024-01.atom").exists()
    assert sorted(hub.topics) == topics({path for path in changed({}, site.documents()) if "/2024-" not in path})


def test_what_is_only_restored_is_no_news(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        site.build()
        feedd(site, "ping")
        hub.told.clear()
        shutil.rmtree(site.feeds)
        assert site.build().written
        assert feedd(site, "ping").exit_code == 0
    assert hub.told == []


def test_state_that_is_lost_tells_of_nothing_that_did_not_change(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md", topics=["Sea"])
        site.build()
        shutil.rmtree(site.state)
        before = site.documents()
        site.story("b.md", topics=["Sky"])
        site.build()
        feedd(site, "ping")

    assert sorted(hub.topics) == topics(changed(before, site.documents()))
    assert not any("sea" in topic for topic in hub.topics)


# Crashes


class Killed(Directory):
    """An output directory whose process dies when all documents are in their places, and none is remembered."""

    def settle(self) -> None:
        raise KeyboardInterrupt


def test_documents_that_a_killed_run_put_into_their_places_are_told_of(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        site.build()
        feedd(site, "ping")
        hub.told.clear()
        before = site.documents()
        site.story("a.md", title="Another title")
        with pytest.raises(KeyboardInterrupt):
            site.build(directory=Killed(site.feeds, sync=no_sync))
        assert site.titles() == ["Another title"]
        assert site.build().written == ()
        feedd(site, "ping")

    assert sorted(hub.topics) == topics(changed(before, site.documents()))
    assert len(hub.told) == 9


def test_what_was_not_told_when_the_daemon_was_killed_is_told_by_the_next(site: Site, tmp_path: Path) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        hub.hold()
        with Service(site.file, tmp_path) as service:
            service.wait_for("READY=1")
            eventually(lambda: hub.asked == 4)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
        hub.answer()
        eventually(lambda: len(hub.told) == 4)  # by one who is not there any more
        hub.told.clear()
        with Service(site.file, tmp_path) as service:
            service.wait_for("READY=1")
            eventually(lambda: len(hub.told) == 9)
            assert service.stop() == 0

    assert sorted(hub.topics) == topics(changed({}, site.documents()))


@pytest.mark.slow
def test_hub_that_was_away_when_the_daemon_was_killed_is_told_when_both_are_back(site: Site, tmp_path: Path) -> None:
    with Hub() as gone:
        configure(site, gone.url)
    site.story("a.md")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(lambda: "Connection refused" in feedd(site, "status").output)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    with Hub(gone.port) as hub, Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        eventually(lambda: len(hub.told) == 9, timeout=30)
        eventually(lambda: "was told of all changes" in feedd(site, "status").output)
        assert service.stop() == 0

    assert sorted(hub.topics) == topics(changed({}, site.documents()))


# Hubs that fail


def test_hub_that_never_answers_delays_no_publication(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        with up_to_date(site, hub) as inbox:
            hub.hold()
            before = hub.asked
            site.story("b.md")
            eventually(lambda: hub.asked == before + 4)
            site.story("c.md")
            eventually(lambda: "c" in site.titles())
            assert hub.told == []
            hub.answer()
            eventually(lambda: waiting(inbox) == 0)

    assert set(topics({"all.atom", "topics/ai.rss"})) <= set(hub.topics)
    assert max(map(hub.topics.count, hub.topics)) == 2  # what changed while it was told of is told of again


def test_hub_that_never_answers_delays_the_end_by_nothing(site: Site, tmp_path: Path) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        hub.hold()
        with Service(site.file, tmp_path) as service:
            service.wait_for("READY=1")
            eventually(lambda: hub.asked == 4)
            assert service.stop(timeout=5) == 0


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What the log says of hubs: events with the kinds of their problems."""
    fields = ((record.getMessage(), getattr(record, "fields", {}).get("kind", "")) for record in caplog.records)
    return [(event, kind) for event, kind in fields if kind.startswith("hub-")]


def test_hub_that_fails_for_long_is_told_of_and_leaves_the_daemon_ready(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "feedd")
    with Hub() as hub:
        hub.status, hub.says = 500, b"out of order"
        configure(site, hub.url)
        site.story("a.md")
        with running(site) as inbox:
            eventually(lambda: status(inbox)["hubs"][0]["error"] == "HTTP 500: out of order")
            assert status(inbox)["degraded"] is False
            site.now += 300
            eventually(lambda: status(inbox)["degraded"])
            found = status(inbox)
            assert found["state"] == "ready"
            assert found["reasons"][0].startswith(f"websub.hubs: {hub.url} takes nothing")
            assert found["hubs"][0]["waiting"] == 9
            hub.status = 202
            eventually(lambda: later(site) and not status(inbox)["degraded"] and waiting(inbox) == 0)
    assert told(caplog) == [("problem", "hub-fails"), ("over", "hub-fails")]


def test_real_hub_that_takes_no_publications_is_given_up_and_told_of_once(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "feedd")
    hub = RealHub(tmp_path)
    hub.app.config["PUBLISH_SUPPORTED"] = False
    with answering(hub.app) as at:
        configure(site, f"{at}/hub")
        site.story("a.md")
        with running(site) as inbox:
            eventually(lambda: later(site) and waiting(inbox) == 0)
            found = status(inbox)

    assert len(hub.told) == 3 * 9
    assert (found["state"], found["degraded"]) == ("ready", True)
    assert "Invalid hub.mode (should be 'subscribe' or 'unsubscribe'): publish" in found["reasons"][0]
    assert told(caplog) == [("problem", "hub-refuses")]


def test_hub_that_is_no_longer_configured_is_told_nothing_more(site: Site) -> None:
    with Hub() as gone, Hub() as hub:
        gone.status = 503
        configure(site, gone.url, hub.url)
        site.story("a.md")
        with running(site) as inbox:
            eventually(lambda: [one["waiting"] for one in status(inbox)["hubs"]] == [9, 0])
            configure(site, hub.url)
            inbox.reload()
            eventually(lambda: [one["url"] for one in status(inbox)["hubs"]] == [hub.url])
            eventually(lambda: waiting(inbox) == 0)
            with closing(site.pipeline()) as pipeline:
                assert pipeline.pings.troubles() == {}


# feedd build and feedd ping


def test_build_tells_hubs_at_its_end(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        result = feedd(site, "build")
        assert (result.exit_code, sorted(hub.topics)) == (0, topics(changed({}, site.documents())))
        assert feedd(site, "build").exit_code == 0
        assert len(hub.told) == 9


def test_build_without_pings_leaves_them_to_ping(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        assert feedd(site, "build", "--no-ping").exit_code == 0
        assert hub.told == []
        pinged = feedd(site, "ping")
        assert (pinged.exit_code, pinged.stdout) == (0, "hubs: 9 notifications, 0 of them left\n")
        assert sorted(hub.topics) == topics(changed({}, site.documents()))
        assert feedd(site, "ping").stdout == "hubs: nothing to tell\n"


def test_rehearsal_tells_nobody(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        feedd(site, "build", "--dry-run")
    assert hub.asked == 0


def test_build_whose_hub_is_away_is_fine_and_says_so(site: Site) -> None:
    with Hub() as gone:
        configure(site, gone.url)
    site.story("a.md")
    built, pinged = feedd(site, "build"), feedd(site, "ping", "--json")

    assert built.exit_code == 0
    assert f"{gone.url} could not be told of 9 documents: no connection: Connection refused" in built.stderr
    assert pinged.exit_code == 1
    told = json.loads(pinged.stdout)
    assert [problem["kind"] for problem in told["problems"]] == ["hub-untold"]
    assert (told["due"], told["left"]) == (9, 9)


def test_run_tells_what_a_build_left(site: Site) -> None:
    with Hub() as hub:
        configure(site, hub.url)
        site.story("a.md")
        site.build()
        with running(site) as inbox:
            eventually(lambda: waiting(inbox) == 0)
            assert len(hub.told) == 9


def test_build_without_hubs_knows_no_http(site: Site) -> None:
    site.story("a.md")
    script = (
        "import sys; from feedd.cli import main\n"
        f"try: main(['build', '--config', {str(site.file)!r}])\n"
        "finally: print(sorted({'urllib3', 'feedd.service.courier'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines()[-1] == "[]"

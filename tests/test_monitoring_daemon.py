"""/healthz and /metrics of a real daemon, over HTTP on loopback: they tell the truth, whatever happens to it."""

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from feedd.testing import Service, Site, article, eventually


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, **headers: str) -> Response:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        found = connection.getresponse()
        return Response(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())


class Watched:
    """A site whose daemon runs as a process, with both listeners; and what it tells."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.feeds, self.monitoring = free_port(), free_port()
        self.settings = (
            f'{settings}\n[server]\nlisten = "127.0.0.1:{self.feeds}"\n'
            f'[monitoring]\nlisten = "127.0.0.1:{self.monitoring}"\n'
        )
        self.site = Site(folder, self.settings)

    def health(self) -> tuple[int, dict[str, Any]]:
        found = get(self.monitoring, "/healthz")
        return found.status, json.loads(found.body)

    def text(self) -> str:
        found = get(self.monitoring, "/metrics")
        assert found.status == 200, found.body
        return found.body.decode()

    def numbers(self) -> dict[str, float]:
        """Every sample, as `name` or `name/label/label`, labels in the order of their names."""
        families = text_string_to_metric_families(self.text())
        samples = [sample for family in families for sample in family.samples]
        return {"/".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}

    def becomes(self, name: str, value: float) -> dict[str, float]:
        """All numbers, once that one has this value."""
        eventually(lambda: self.numbers().get(name) == value)
        return self.numbers()


@contextmanager
def started(watched: Watched, ready: bool = True) -> Iterator[Service]:
    with Service(watched.site.file, watched.site.folder) as service:
        if ready:
            service.wait_for("READY=1")
        eventually(lambda: listens(watched.monitoring))
        yield service


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5):
            return True
    except OSError:
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    watched = Watched(tmp_path)
    watched.site.story("first.md")
    return watched


# /healthz, from the start to the end


def test_health_of_a_daemon_from_its_start_to_its_end(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.site.content.rmdir()
    with started(watched, ready=False) as service:
        status, health = watched.health()
        assert (status, health["state"], health["ready"]) == (503, "starting", False)

        watched.site.story("first.md")
        service.wait_for("READY=1")
        eventually(lambda: watched.health()[0] == 200)
        eventually(lambda: not watched.health()[1]["degraded"])
        assert watched.health()[1]["articles"] == 1

        watched.site.file.write_text("[nonsense]\n")
        eventually(lambda: watched.health()[1]["degraded"])
        status, health = watched.health()
        assert (status, health["ready"]) == (200, True)
        assert "feedd.toml" in health["reasons"][0]

        watched.site.configure(watched.settings)
        eventually(lambda: not watched.health()[1]["degraded"])
        assert service.stop() == 0
    eventually(lambda: not listens(watched.monitoring))


def test_a_daemon_that_does_not_answer_is_not_ready(watched: Watched) -> None:
    with started(watched) as service:
        service.process.send_signal(signal.SIGSTOP)
        eventually(lambda: watched.health()[0] == 503)
        reasons = watched.health()[1]["reasons"]
        scrape = get(watched.monitoring, "/metrics")
        feed = get(watched.feeds, "/feeds/all.atom")
        service.process.send_signal(signal.SIGCONT)
        eventually(lambda: watched.health()[0] == 200)

    assert "does not answer in time" in reasons[0]
    assert scrape.status == 503
    assert feed.status == 200


def test_nobody_answers_for_a_daemon_that_was_killed(watched: Watched) -> None:
    with started(watched) as service:
        service.process.kill()
        eventually(lambda: not listens(watched.monitoring))


@pytest.mark.slow
def test_a_long_start_is_told_of_while_it_lasts(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for number in range(6_000):
        watched.site.story(f"{number}.md", webUrl=f"https://source.example/{number}")
    seen: list[tuple[int, str]] = []
    with started(watched, ready=False):
        before = time.monotonic()
        while not seen or seen[-1][1] != "ready":
            assert time.monotonic() - before < 50
            status, health = watched.health()
            seen.append((status, health.get("state", "starting")))
        assert watched.numbers()["feedd_public_articles"] == 6_000

    assert seen[0] == (503, "starting")
    assert {status for status, state in seen if state == "starting"} == {503}


# /metrics: each number moves when that happens which it is about


def test_a_change_moves_lag_runs_documents_and_articles(watched: Watched) -> None:
    with started(watched):
        before = watched.numbers()
        watched.site.story("second.md", published=False)
        draft = watched.becomes("feedd_articles/unpublished", 1)
        watched.site.story("second.md")
        after = watched.becomes("feedd_articles/public", 2)

    assert before["feedd_runs_total/good"] >= 1
    assert draft["feedd_publish_lag_seconds_count"] == before["feedd_publish_lag_seconds_count"] == 0
    assert draft["feedd_documents_written_total"] == before["feedd_documents_written_total"] > 0
    assert after["feedd_publish_lag_seconds_count"] == 1
    assert 0.05 <= after["feedd_publish_lag_seconds_sum"] < 20  # the quiet time is part of it
    assert after["feedd_documents_written_total"] > draft["feedd_documents_written_total"]
    assert after["feedd_article_changes_total/came"] == before["feedd_article_changes_total/came"] + 1
    assert after["feedd_run_seconds_count"] == sum(after[f"feedd_runs_total/{one}"] for one in ("good", "failed"))
    assert after["feedd_run_seconds_count"] > before["feedd_run_seconds_count"]
    assert after["feedd_public_articles"] == 2
    assert after["feedd_feeds"] == 3
    assert (after["feedd_watcher/inotify"], after["feedd_state/ready"]) == (1, 1)


def test_documents_that_stay_the_same_are_counted_as_unchanged(watched: Watched) -> None:
    unchanged, written = "feedd_documents_unchanged_total", "feedd_documents_written_total"
    with started(watched):
        before = watched.numbers()
        watched.site.configure(f"{watched.settings}[output]\nttl = 61\n")  # which RSS alone says
        eventually(lambda: watched.numbers()[unchanged] > before[unchanged])
        after = watched.numbers()

    assert after[written] == before[written] + 3
    assert after[unchanged] >= before[unchanged] + 6


def test_problems_are_told_until_they_are_mended(watched: Watched) -> None:
    with started(watched):
        watched.site.write("broken.md", "---\ntitle: [\n---\n")
        assert watched.becomes("feedd_articles/broken", 1)["feedd_content_problems/error"] == 1
        watched.site.write("broken.md", article("Mended", webUrl="https://source.example/mended"))
        assert watched.becomes("feedd_articles/broken", 0)["feedd_content_problems/error"] == 0


def test_a_configuration_that_is_refused_is_told(watched: Watched) -> None:
    with started(watched):
        before = watched.numbers()
        watched.site.file.write_text("[nonsense]\n")
        after = watched.becomes("feedd_config_last_reload_successful", 0)
        watched.site.configure(watched.settings + "[guard]\ncount = 11\n")
        good = watched.becomes("feedd_config_last_reload_successful", 1)

    moment = "feedd_config_last_reload_success_timestamp_seconds"
    assert abs(before[moment] - time.time()) < 300
    assert after[moment] == before[moment] < good[moment]
    assert (before["feedd_degraded"], after["feedd_degraded"], good["feedd_degraded"]) == (0, 1, 0)


def test_requests_are_counted_by_status(watched: Watched) -> None:
    with started(watched):
        tag = get(watched.feeds, "/feeds/all.atom").headers["etag"]
        get(watched.feeds, "/feeds/all.atom", If_None_Match=tag)
        get(watched.feeds, "/feeds/none.atom")
        get(watched.monitoring, "/nothing")
        after = watched.numbers()

    requests = "feedd_http_requests_total"
    assert after[f"{requests}/atom/feeds/200"] == after[f"{requests}/atom/feeds/304"] == 1
    assert after[f"{requests}//feeds/404"] == after[f"{requests}//monitoring/404"] == 1


def test_notifications_that_wait_are_told(tmp_path: Path) -> None:
    hub = f"http://127.0.0.1:{free_port()}/"
    watched = Watched(tmp_path, f'[websub]\nhubs = ["{hub}"]\n')
    watched.site.story("first.md")
    with started(watched):
        eventually(lambda: watched.numbers()[f"feedd_hub_failing/{hub}"] == 1)
        after = watched.numbers()

    assert after[f"feedd_pending_notifications/{hub}"] > 0


def test_both_processes_are_measured(watched: Watched) -> None:
    with started(watched):
        after = watched.numbers()

    for process in ("process", "feedd_http_process"):
        assert after[f"{process}_resident_memory_bytes"] > 1_000_000
        assert after[f"{process}_cpu_seconds_total"] > 0


def test_every_name_comes_once(watched: Watched) -> None:
    with started(watched):
        text = watched.text()

    types = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) > 20
    assert len({line.split()[2] for line in types}) == len(types)
    assert "_created" not in text


# Who may know what


def test_nothing_is_told_of_what_is_not_public(watched: Watched) -> None:
    watched.site.story("hush-hush.md", "Hush", publishedDateTime="2099-01-01T00:00:00Z")
    (watched.site.content / "secret-merger.md").symlink_to("secret-merger.md")
    watched.site.write("secret-broken.md", "---\ntitle: [\n---\n")
    with started(watched):
        _, health = watched.health()
        told = f"{health}{watched.text()}".lower()

    assert health["degraded"]
    assert "hush" not in told
    assert "secret" not in told


def test_monitoring_and_feeds_are_apart(watched: Watched) -> None:
    with started(watched):
        assert get(watched.feeds, "/healthz").status == get(watched.feeds, "/metrics").status == 404
        assert get(watched.monitoring, "/feeds/all.atom").status == get(watched.monitoring, "/all.atom").status == 404


def test_many_scrapers_do_not_delay_a_publication(watched: Watched) -> None:
    with started(watched):
        scraping = [socket.create_connection(("127.0.0.1", watched.monitoring)) for _ in range(50)]
        for connection in scraping:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        watched.site.story("second.md")
        eventually(lambda: len(watched.site.titles()) == 2, timeout=5)
        for connection in scraping:
            connection.close()
        assert watched.health()[0] == 200

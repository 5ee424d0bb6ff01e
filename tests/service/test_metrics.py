"""Metrics: every number moves when the thing happens that it counts, and none when another does."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from feedd.config import Config
from feedd.errors import Problem
from feedd.pipeline import Pipeline, Progress, Report
from feedd.publish.directory import Directory
from feedd.service.control import ask
from feedd.service.inbox import Inbox
from feedd.service.metrics import Known, Metrics
from feedd.state.database import open_database
from feedd.status import InForce, Status
from feedd.testing import NOON, FailingDirectory, Site, approved, asked, eventually, no_sync, running

# The clock of these sites stands still in the past: nothing is looked at but what changes.
QUIETLY = '[schedule]\nrescan = "900000h"\n[watch]\nquiet = "0ms"\n[monitoring]\nlisten = "./monitoring.sock"\n'

STATUS = Status("1.0", 1, NOON, NOON, 0.0, "ready", InForce("feedd.toml", NOON, "f"), watcher="inotify")

Numbers = dict[str, float]


def numbers(text: str) -> Numbers:
    """Every sample: `name` or `name/label`."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {"/".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def told(inbox: Inbox) -> Numbers:
    return numbers(asked(inbox, "metrics")["text"])


def moved(before: Numbers, after: Numbers) -> Numbers:
    """By how much the counts rose, sums and buckets left out."""
    counted = (name for name in after if re.search(r"_(total|count)(/|$)", name) and "process" not in name)
    rises = {name: after[name] - before.get(name, 0) for name in counted}
    return {name: rise for name, rise in rises.items() if rise}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(NOON)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, QUIETLY)
    site.story("first.md")
    return site


# The numbers


def test_a_run_that_wrote_counts_what_it_did_and_how_long_it_took(metrics: Metrics) -> None:
    before = numbers(metrics.text(Known(STATUS)))
    report = Report(NOON, read=5, written=("a", "b"), unchanged=7, came=("1",), changed=("2", "3"), left=("4",))
    metrics.ran(report, 0.2, True, lag=0.3, due_lag=None)
    after = numbers(metrics.text(Known(STATUS)))

    assert moved(before, after) == {
        "feedd_runs_total/good": 1,
        "feedd_run_seconds_count": 1,
        "feedd_publish_lag_seconds_count": 1,
        "feedd_files_read_total": 5,
        "feedd_documents_written_total": 2,
        "feedd_documents_unchanged_total": 7,
        "feedd_article_changes_total/came": 1,
        "feedd_article_changes_total/changed": 2,
        "feedd_article_changes_total/left": 1,
    }
    assert after["feedd_run_seconds_sum"] == 0.2
    assert after["feedd_publish_lag_seconds_sum"] == 0.3
    assert (after["feedd_publish_lag_seconds_bucket/0.25"], after["feedd_publish_lag_seconds_bucket/0.5"]) == (0, 1)


def test_a_run_that_wrote_nothing_has_no_lag(metrics: Metrics) -> None:
    metrics.ran(Report(NOON, read=1), 0.2, True, lag=0.3, due_lag=0.4)
    after = numbers(metrics.text(Known(STATUS)))

    assert after["feedd_publish_lag_seconds_count"] == after["feedd_due_lag_seconds_count"] == 0


def test_a_moment_that_was_due_has_a_lag_of_its_own(metrics: Metrics) -> None:
    metrics.ran(Report(NOON, written=("a",)), 0.2, True, lag=None, due_lag=0.4)
    after = numbers(metrics.text(Known(STATUS)))

    assert after["feedd_publish_lag_seconds_count"] == 0
    assert after["feedd_due_lag_seconds_sum"] == 0.4


def test_a_clock_that_was_set_back_makes_no_lag_negative(metrics: Metrics) -> None:
    metrics.ran(Report(NOON, written=("a",)), 0.2, True, lag=None, due_lag=-3600)

    assert numbers(metrics.text(Known(STATUS)))["feedd_due_lag_seconds_sum"] == 0


def test_failed_runs_are_counted_apart(metrics: Metrics) -> None:
    metrics.ran(Report(NOON, problems=(Problem("failure", "x"),)), 0.2, False, None, None)
    after = numbers(metrics.text(Known(STATUS)))

    assert (after["feedd_runs_total/good"], after["feedd_runs_total/failed"]) == (0, 1)


def test_a_reload_that_is_refused_keeps_the_moment_of_the_last_good_one(metrics: Metrics) -> None:
    metrics.reloaded(True, NOON + 60)
    metrics.reloaded(False, NOON + 120)
    after = numbers(metrics.text(Known(STATUS)))

    assert after["feedd_config_last_reload_successful"] == 0
    assert after["feedd_config_last_reload_success_timestamp_seconds"] == NOON + 60


def test_exactly_one_state_and_one_way_to_watch_is_told(metrics: Metrics) -> None:
    after = numbers(metrics.text(Known(STATUS)))

    assert [name for name, value in after.items() if name.startswith("feedd_state/") and value] == ["feedd_state/ready"]
    assert (after["feedd_watcher/inotify"], after["feedd_watcher/polling"]) == (1, 0)


def test_two_daemons_in_one_process_do_not_add_up(metrics: Metrics) -> None:
    Metrics(NOON).ran(Report(NOON), 0.2, True, None, None)

    assert numbers(metrics.text(Known(STATUS)))["feedd_runs_total/good"] == 0


def test_names_and_texts_are_as_prometheus_wants_them(metrics: Metrics) -> None:
    """What `promtool check metrics` asks for."""
    families = list(text_string_to_metric_families(metrics.text(Known(STATUS, problems={"guard": 1}))))
    own = [family for family in families if not family.name.startswith("process_")]

    assert len(own) > 15
    assert len({family.name for family in families}) == len(families)
    for family in own:
        assert re.fullmatch(r"feedd(_[a-z]+)+", family.name)
        assert family.documentation[0].isupper()
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "gauge", "histogram"}
        assert not family.name.endswith(("_created", "_count", "_sum", "_milliseconds"))
        assert (family.type == "histogram") <= family.name.endswith("_seconds")


def test_the_process_is_measured_too(metrics: Metrics) -> None:
    after = numbers(metrics.text(Known(STATUS)))

    assert after["process_resident_memory_bytes"] > 1_000_000
    assert after["process_cpu_seconds_total"] > 0


# The daemon's own


def test_an_edit_is_counted_with_its_lag(site: Site) -> None:
    with running(site) as inbox:
        before = told(inbox)
        site.story("second.md")
        eventually(lambda: len(site.titles()) == 2)
        after = told(inbox)

    news = moved(before, after)
    assert news["feedd_publish_lag_seconds_count"] >= 1
    assert news["feedd_files_read_total"] >= 1
    assert news["feedd_article_changes_total/came"] == 1
    assert news["feedd_documents_written_total"] >= 3
    assert 0 < after["feedd_publish_lag_seconds_sum"] < 20
    assert after["feedd_public_articles"] == before["feedd_public_articles"] + 1 == 2
    assert after["feedd_feeds"] == 3


def test_the_start_and_a_quiet_edit_have_no_lag(site: Site) -> None:
    with running(site) as inbox:
        before = told(inbox)
        site.story("first.md", heat=80)
        eventually(lambda: told(inbox)["feedd_files_read_total"] > before["feedd_files_read_total"])
        after = told(inbox)

    assert after["feedd_publish_lag_seconds_count"] == 0
    assert after["feedd_documents_written_total"] == before["feedd_documents_written_total"] > 0


def test_a_lag_counts_from_the_first_sign_also_where_the_disk_was_full_meanwhile(site: Site) -> None:
    disk, hands = FailingDirectory(site.feeds), [1000.0]

    def opened(config: Config, progress: Progress) -> Pipeline:
        return site.opened(config, progress, disk)

    with running(site, open=opened) as inbox:
        disk.full = {"all.json", "all.atom", "all.rss"}
        site.story("second.md")
        eventually(lambda: told(inbox)["feedd_degraded"])
        assert told(inbox)["feedd_problems/not-written"] == 3
        hands[0] = told(inbox)["feedd_publish_lag_seconds_sum"]
        disk.full = set()
        eventually(lambda: not told(inbox)["feedd_degraded"])
        after = told(inbox)

    assert after["feedd_publish_lag_seconds_sum"] - hands[0] > 0.9  # it is tried again after a second
    assert "feedd_problems/not-written" not in after


def test_an_embargo_that_ends_is_counted_with_its_own_lag(site: Site) -> None:
    site.story("later.md", publishedDateTime="2024-06-01T12:30:00Z")
    with running(site) as inbox:
        assert told(inbox)["feedd_articles/embargoed"] == 1
        site.now = NOON + 1803
        inbox.wake()
        eventually(lambda: told(inbox)["feedd_articles/embargoed"] == 0)
        after = told(inbox)

    assert after["feedd_due_lag_seconds_count"] == 1
    assert after["feedd_due_lag_seconds_sum"] == 3
    assert after["feedd_articles/public"] == len(site.titles()) == 2


def test_articles_are_counted_by_what_keeps_them_from_being_public(tmp_path: Path) -> None:
    site = Site(tmp_path, QUIETLY)
    site.story("public.md")
    site.story("draft.md", published=False)
    site.story("later.md", publishedDateTime="2024-06-02T12:00:00Z")
    site.story("over.md", expiryDate="2024-06-01T11:00:00Z")
    site.story("a/twin.md", guid="tag:one", webUrl="https://source.example/1")
    site.story("b/twin.md", guid="tag:one", webUrl="https://source.example/2")
    site.story("broken.md", publishedDateTime="2024-02-30")
    site.write("note.md", "no front matter")
    site.write("empty.md", "")
    with running(site) as inbox:
        after = told(inbox)

    kinds = {name.partition("/")[2]: value for name, value in after.items() if name.startswith("feedd_articles/")}
    assert kinds == {"public": 2, "unpublished": 1, "embargoed": 1, "expired": 1, "duplicate": 1, "broken": 1}
    assert after["feedd_content_problems/error"] >= 1


def test_a_broken_file_is_counted_and_stays_public(site: Site) -> None:
    with running(site) as inbox:
        site.write("first.md", "---\ntitle: [\n---\n")
        eventually(lambda: told(inbox)["feedd_articles/broken"] == 1)
        after = told(inbox)

    assert after["feedd_public_articles"] == 1
    assert after["feedd_content_problems/error"] == 1


def test_a_refused_reload_is_told_until_a_good_one(site: Site) -> None:
    with running(site) as inbox:
        site.configure("[nonsense]\n")
        asked(inbox, "reload")
        refused = told(inbox)
        site.now += 60
        site.configure(QUIETLY + "[guard]\ncount = 11\n")
        asked(inbox, "reload")
        good = told(inbox)

    assert (refused["feedd_config_last_reload_successful"], refused["feedd_degraded"]) == (0, 1)
    assert refused["feedd_config_last_reload_success_timestamp_seconds"] == NOON
    assert (good["feedd_config_last_reload_successful"], good["feedd_degraded"]) == (1, 0)
    assert good["feedd_config_last_reload_success_timestamp_seconds"] == NOON + 60


def test_what_the_guard_keeps_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, f"{QUIETLY}[guard]\ncount = 2\n")
    for number in range(10):
        site.story(f"{number}.md", webUrl=f"https://source.example/{number}")
    with running(site) as inbox:
        for number in range(9):
            (site.content / f"{number}.md").unlink()
        eventually(lambda: told(inbox)["feedd_withheld_articles"] > 0)
        assert told(inbox)["feedd_problems/guard"] == 1
        approved(inbox)
        assert told(inbox)["feedd_withheld_articles"] == 0


def test_polling_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, QUIETLY.replace("[watch]", '[watch]\nmode = "poll"'))
    with running(site) as inbox:
        after = told(inbox)

    assert (after["feedd_watcher/inotify"], after["feedd_watcher/polling"]) == (0, 1)


def test_metrics_are_kept_from_the_moment_on_that_they_are_wanted(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("first.md")
    with running(site) as inbox:
        without = asked(inbox, "metrics")
        site.configure(QUIETLY)
        asked(inbox, "reload")
        after = told(inbox)

    assert not without["ok"]
    assert without["problems"][0]["kind"] == "no-metrics"
    assert after["feedd_public_articles"] == 1


def test_who_wants_no_metrics_imports_nothing_for_them() -> None:
    program = "import sys, feedd.service.daemon, feedd.cli; print('prometheus_client' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


# While the loop does not answer


class Held:
    """A pipeline whose runs, from the second on, do not end before they are let go; `alive`: they tell of progress."""

    def __init__(self, alive: bool = True) -> None:
        self.go_on, self.waits, self.alive = threading.Event(), threading.Event(), alive
        self.runs = 0

    def __call__(self, config: Config, progress: Progress) -> Pipeline:
        held = self

        class Slow(Pipeline):
            def run(self, now: int, hints: Iterable[str] | None = None, approved: bool = False) -> Report:
                held.runs += 1
                if held.runs > 1:
                    held.waits.set()
                    for _ in range(200):
                        if held.go_on.wait(0.1):
                            break
                        if held.alive:
                            progress("files", 10, 20)
                return super().run(now, hints, approved)

        return Slow(config, open_database(config.state.path), Directory(config.output.path, no_sync), progress)


HUB = "http://127.0.0.1:9/"
"""Where nobody answers."""


@pytest.fixture
def held(site: Site) -> Iterator[Held]:
    held = Held()
    site.configure(f'{QUIETLY}[websub]\nhubs = ["{HUB}"]\n')
    with running(site, open=held) as inbox:
        told(inbox)
        site.story("second.md")
        assert held.waits.wait(20)
        try:
            yield held
        finally:
            held.go_on.set()


def health(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = ask(site.state / "control.sock", "health", 10)["health"]
    return found


def test_metrics_are_told_during_a_run_as_they_were_before(site: Site, held: Held) -> None:
    during = numbers(ask(site.state / "control.sock", "metrics", 10)["text"])

    assert during["feedd_public_articles"] == during["feedd_articles/public"] == 1
    assert during["feedd_runs_total/good"] == 1
    assert f"feedd_pending_notifications/{HUB}" in during


def test_a_command_that_fails_is_in_the_numbers(site: Site) -> None:
    site.configure(QUIETLY)
    with running(site) as inbox:
        assert not [name for name in told(inbox) if name.startswith("feedd_hook")]
    site.configure(f'{QUIETLY}[hooks]\ncommand = ["false"]\n')
    with running(site) as inbox:
        site.story("new.md")
        eventually(lambda: told(inbox)["feedd_hook_failing"] == 1)
        failing = told(inbox)
        assert failing["feedd_hook_pending_documents"] > 0
        assert failing["feedd_problems/hook-fails"] == 1
        site.configure(f'{QUIETLY}[hooks]\ncommand = ["true"]\n')
        asked(inbox, "reload")
        eventually(lambda: told(inbox)["feedd_hook_pending_documents"] == 0)
        assert told(inbox)["feedd_hook_failing"] == 0


def test_articles_are_not_counted_again_while_nothing_happens_or_when_that_would_be_all_there_is_time_for(
    site: Site,
) -> None:
    counted: list[int] = []
    hands = [0.0]

    def opened(config: Config, progress: Progress) -> Pipeline:
        pipeline = site.opened(config, progress)
        count = pipeline.index.articles

        def slowly(now: int) -> dict[str, int]:
            hands[0] += 1
            counted.append(now)
            return count(now)

        pipeline.index.articles = slowly  # type: ignore[method-assign]
        return pipeline

    with running(site, open=opened, monotonic=lambda: hands[0]) as inbox:
        for _ in range(3):
            told(inbox)
        idle = len(counted)
        site.story("second.md")
        eventually(lambda: len(site.titles()) == 2)
        too_soon = told(inbox)["feedd_articles/public"], len(counted)
        hands[0] += 20
        later = told(inbox)["feedd_articles/public"], len(counted)

    assert idle == 1
    assert (too_soon, later) == ((1, 1), (2, 2))


def test_health_is_told_during_a_run_without_waiting_for_it(site: Site, held: Held) -> None:
    eventually(lambda: health(site)["running"] == {"what": "files", "done": 10, "total": 20})
    found = health(site)

    assert (found["ready"], found["degraded"]) == (True, False)


def test_who_asks_before_there_is_anything_to_tell_is_told_so(site: Site) -> None:
    """The clock is looked at when the socket has just been opened."""
    place, replies = site.state / "control.sock", []

    def clock() -> float:
        if place.exists() and not replies:
            replies.extend(ask(place, command, 10) for command in ("health", "metrics"))
        return float(site.now)

    with running(site, clock=clock):
        found = health(site)

    assert [reply["problems"][0]["kind"] for reply in replies] == ["starting", "starting"]
    assert found["ready"]


def test_a_loop_without_a_sign_of_life_is_not_ready(site: Site) -> None:
    hands, held = [0.0], Held(alive=False)
    with running(site, open=held, monotonic=lambda: hands[0]) as inbox:
        site.story("second.md")
        assert held.waits.wait(20)
        hands[0] += 61
        found = health(site)
        silent = numbers(ask(site.state / "control.sock", "metrics", 10)["text"])["feedd_loop_silent_seconds"]
        held.go_on.set()
        asked(inbox, "status")
        well = health(site)

    assert (found["ready"], found["degraded"]) == (False, True)
    assert found["reasons"] == ["the loop has given no sign of life for 61 s"]
    assert silent == 61
    assert (well["ready"], well["reasons"]) == (True, [])


def test_health_names_no_content_file_and_no_embargo(site: Site) -> None:
    (site.content / "secret-merger.md").symlink_to("secret-merger.md")
    site.story("hush.md", publishedDateTime="2024-06-01T12:30:00Z")
    with running(site) as inbox:
        text, found = asked(inbox, "metrics")["text"], health(site)

    assert found["degraded"]
    assert "content file" in found["reasons"][0]
    assert "secret" not in f"{found}{text}"
    assert "hush" not in f"{found}{text}"
    assert (found["articles"], found["state"]) == (1, "ready")
    assert "due" not in found

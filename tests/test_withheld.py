"""What the guard keeps is listed with the reasons, and exactly what was listed is let go, with and without a daemon."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from feedd.cli import main
from feedd.publish.lock import sole_writer
from feedd.service.inbox import Inbox, Question, Reply
from feedd.state.intake import MOST_HELD
from feedd.testing import Service, Site, Terminal, article, asked, bound_by_permissions, eventually, running

GUARD = """
[watch]
mode = "poll"
poll = "1h"
[output]
formats = ["json"]
limit = 3
[guard]
count = 3
fraction = 0.2
"""
"""A daemon learns of what is removed when it looks at everything: one file after the other would pass the guard."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site of twelve public articles, of which four make the guard stop what leaves."""
    site = Site(tmp_path, GUARD)
    for number in range(12):
        site.story(f"{number:02}.md", f"Story {number}", topics=["Even" if number % 2 == 0 else "Odd"])
    site.build()
    return site


def remove(site: Site, *numbers: int) -> None:
    for number in numbers:
        (site.content / f"{number:02}.md").unlink()


def listed(site: Site) -> dict[str, Any]:
    """What `feedd approve --json` lists where no daemon runs."""
    done = feedd(site, "--json")
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def feedd(site: Site, *options: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "feedd", "approve", "--config", str(site.file), *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


# --- What is listed ---

REASONS: dict[str, tuple[Callable[[Site, str], object], str]] = {
    "gone": (lambda site, path: (site.content / path).unlink(), "its file is gone"),
    "unpublished": (lambda site, path: site.story(path, published=False), "published is not true"),
    "draft": (lambda site, path: site.story(path, draft=True), "published is not true"),
    "deleted": (lambda site, path: site.story(path, deleted=True), "deleted or removed is true"),
    "removed": (lambda site, path: site.story(path, removed=True), "deleted or removed is true"),
    "embargo": (
        lambda site, path: site.story(path, publishedDateTime="2030-01-01T00:00:00Z"),
        "under embargo until 2030-01-01T00:00:00Z",
    ),
    "expiry": (
        lambda site, path: site.story(path, expiryDate="2024-05-20T00:00:00Z"),
        "expired at 2024-05-20T00:00:00Z",
    ),
    "note": (lambda site, path: site.write(path, "A note.\n"), "its file is no article any more"),
    "broken": (
        lambda site, path: site.write(path, article(published=False).replace("title:", "title")),
        "its text says not to publish it",
    ),
}


@pytest.mark.parametrize(("accident", "why"), REASONS.values(), ids=list(REASONS))
def test_each_article_is_listed_with_why_it_would_leave(
    site: Site, accident: Callable[[Site, str], object], why: str
) -> None:
    for number in range(4):
        accident(site, f"{number:02}.md")
    report = site.build()

    assert report.withheld == 4
    assert [(held.path, held.why) for held in report.held] == [(f"{number:02}.md", why) for number in range(4)]


def test_narrower_pattern_is_told_apart_from_files_that_are_gone(site: Site) -> None:
    site.configure(GUARD + '[content]\ninclude = ["1*.md"]\n')

    assert {held.why for held in site.build().held} == {"[content] does not ask for its file"}


def test_list_names_titles_ids_and_the_feeds_that_show_them(site: Site) -> None:
    remove(site, 0, 1, 2, 11)
    found = listed(site)

    assert (found["ok"], found["withheld"], found["problems"]) == (True, 4, [])
    assert [one["title"] for one in found["articles"]] == ["Story 0", "Story 1", "Story 2", "Story 11"]
    assert found["articles"][-1] == {
        "path": "11.md",
        "id": "tag:news.example,2020:articles/11",
        "title": "Story 11",
        "why": "its file is gone",
        "feeds": ["all", "providers/source.example", "topics/odd"],
    }


def test_list_names_so_many_and_counts_all(tmp_path: Path) -> None:
    site = Site(tmp_path, GUARD)
    for number in range(MOST_HELD + 5):
        site.story(f"{number:04}.md")
    site.build()
    for path in list(site.content.iterdir()):
        path.unlink()
    report = site.build()

    assert (report.withheld, len(report.held), report.held[-1].path) == (MOST_HELD + 5, MOST_HELD, "0999.md")


def test_digest_stands_for_the_articles_whatever_else_happens(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    first = site.build().digest
    site.story("new.md")
    site.story("05.md", "Another title")
    site.now += 3600
    assert site.build().digest == first

    remove(site, 4)
    assert site.build().digest != first


def test_what_is_listed_is_of_no_draft(site: Site) -> None:
    """A draft that goes with all others is kept too, so that it is not given away; but it is nobody's to approve."""
    site.story("draft.md", "Secret", published=False)
    site.build()
    remove(site, *range(12))
    (site.content / "draft.md").unlink()

    assert "Secret" not in json.dumps(listed(site))
    assert listed(site)["withheld"] == 12


# --- What is let go ---


def test_exactly_what_was_listed_leaves(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    digest = site.build().digest
    pipeline = site.pipeline()
    report = pipeline.run(site.now, approved=(digest,))
    pipeline.close()

    assert (report.withheld, len(report.left)) == (0, 4)


def test_nothing_leaves_if_more_would_by_now(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    digest = site.build().digest
    remove(site, 4)
    pipeline = site.pipeline()
    before = site.documents()
    report = pipeline.run(site.now, approved=(digest,))

    assert (report.withheld, report.left) == (5, ())
    assert site.documents() == before
    assert len(pipeline.run(site.now, approved=(report.digest,)).left) == 5
    pipeline.close()


def test_an_approval_settles_what_left_before_it(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    remove(site, 0, 1, 2)
    pipeline.run(site.now)
    remove(site, 3)
    digest = pipeline.run(site.now).digest
    assert digest
    pipeline.run(site.now, approved=(digest,))
    remove(site, 4, 5)
    assert len(pipeline.run(site.now).left) == 2
    pipeline.close()


def test_without_a_daemon_the_command_does_it_itself(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    before = site.documents()
    done = feedd(site)
    assert (done.returncode, site.documents()) == (1, before)
    assert done.stdout.startswith("4 articles would leave, and are kept in the feeds by the guard:\n  00.md: Story 0 ")

    done = feedd(site, "--yes")
    assert done.stdout.endswith("\n4 articles left the feeds\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert site.build().withheld == 0
    assert "Story 0" not in site.titles("topics/even")
    assert feedd(site).returncode == 0


def test_where_another_writes_the_command_says_so_and_does_nothing(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    with sole_writer(site.feeds):
        done = feedd(site, "--yes")

    assert "is writing here" in done.stderr
    assert done.returncode == 1
    assert site.build().withheld == 4


def test_who_may_not_read_the_state_is_told_so_and_not_that_nothing_is_kept(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    site.build()
    (site.state / "feedd.sqlite3").chmod(0)
    with bound_by_permissions():
        result = CliRunner().invoke(main, ["approve", "--config", str(site.file)])

    assert "feedd.sqlite3: state.path: cannot be read" in result.stderr
    assert (result.stdout, result.exit_code) == ("", 1)


# --- By somebody at a terminal ---


QUESTION = "Let 4 articles leave the feeds? [y/N] "
ANSWERS = {
    "y": ("y\n", 0), "Yes": ("Yes\n", 0), "n": ("n\n", 1), "enter": ("\n", 1), "Ctrl-D": ("\x04", 1),
    "Ctrl-C": ("\x03", 130),
}  # fmt: skip


@contextmanager
def asking(site: Site, question: str = QUESTION) -> Iterator[Terminal]:
    """A terminal on which `feedd approve` asks that."""
    with Terminal(sys.executable, "-m", "feedd", "approve", "--config", str(site.file)) as terminal:
        eventually(lambda: terminal.said.endswith(question), 40)
        yield terminal


@pytest.mark.parametrize(("answer", "exit_code"), ANSWERS.values(), ids=list(ANSWERS))
def test_only_who_says_yes_lets_them_leave(site: Site, answer: str, exit_code: int) -> None:
    remove(site, 0, 1, 2, 3)
    before = site.documents()
    with asking(site) as terminal:
        assert "  00.md: Story 0" in terminal.said
        terminal.type(answer)
        assert terminal.process.wait(20) == exit_code

    assert (site.documents() == before) is (exit_code != 0)
    assert site.build().withheld == (4 if exit_code else 0)


def test_what_more_is_kept_while_somebody_reads_is_asked_anew(site: Site) -> None:
    remove(site, 0, 1, 2, 3)
    with Service(site.file, site.folder) as service:
        service.wait_for("READY=1")
        with asking(site) as terminal:
            remove(site, 4)
            terminal.type("y\n")
            eventually(lambda: terminal.said.endswith(QUESTION.replace("4", "5")))
            assert "nothing was done, since by now it is this" in terminal.said
            assert len(site.titles("topics/even")) == 3
            terminal.type("y\n")
            assert terminal.process.wait(20) == 0

    assert "5 articles left the feeds" in terminal.said
    assert site.build().withheld == 0


# --- By the daemon ---


def tell(inbox: Inbox, question: Question) -> Reply:
    inbox.ask(question)
    reply = question.wait(30)
    assert reply is not None
    return reply


def test_daemon_lists_what_it_finds_then_and_lets_that_leave(site: Site) -> None:
    with running(site) as inbox:
        remove(site, 0, 1, 2, 3)
        found = asked(inbox, "withheld")
        assert (found["ok"], found["withheld"], len(found["articles"]), found["problems"]) == (True, 4, 4, ())

        remove(site, 4)
        before = site.documents()
        refused = tell(inbox, Question("approve", digest=found["digest"]))
        assert (refused["left"], refused["withheld"]) == (0, 5)
        assert site.documents() == before

        found = asked(inbox, "withheld")
        assert tell(inbox, Question("approve", digest=found["digest"]))["left"] == 5
        assert asked(inbox, "withheld")["withheld"] == 0


def test_who_does_not_say_what_may_leave_lets_nothing_leave(site: Site) -> None:
    with running(site) as inbox:
        before = site.documents()
        remove(site, 0, 1, 2, 3)
        refused = asked(inbox, "approve")
        assert (refused["ok"], refused["problems"][0]["kind"]) == (False, "no-digest")
        assert asked(inbox, "withheld")["withheld"] == 4
        assert site.documents() == before


def test_content_that_is_gone_is_no_list_of_articles(site: Site) -> None:
    site.content.rename(site.folder / "away")
    with running(site) as inbox:
        found = asked(inbox, "withheld")

    assert (found["ok"], found["withheld"]) == (False, 0)
    assert [problem["kind"] for problem in found["problems"]] == ["no-content"]

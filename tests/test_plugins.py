"""What installed packages bring, filters and formats, from end to end."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from packages import install, project

from feedd import installed
from feedd.cli import main
from feedd.testing import Service, Site, asked, eventually, running, serving

SHORT = "def short(article):\n    return len(article.title) < 10\n"
TWTXT = """
from feedd.plugins import Format
def entry(entry):
    return f"{entry.published}\\t{entry.title}\\n".encode()
def document(feed, entries):
    return f"# {feed.title}\\n".encode() + b"".join(entries)
FORMAT = Format("twtxt", "text/twtxt", entry, document)
"""


@dataclass
class Beside:
    """A site, and packages beside feedd that its builds find."""

    site: Site

    def __post_init__(self) -> None:
        self.packages = self.site.folder / "packages"
        self.packages.mkdir()
        # What is written twice within a second must not be taken for what was compiled first.
        self.environ = {**os.environ, "PYTHONPATH": str(self.packages), "PYTHONDONTWRITEBYTECODE": "1"}

    def filters(self, text: str, version: str = "1.0", **points: str) -> None:
        """A package that brings filters, functions in a module with this text."""
        self.brings("feedd.filters", text, version, {name: f"beside:{points[name]}" for name in points})

    def formats(self, text: str, version: str = "1.0", **points: str) -> None:
        self.brings("feedd.formats", text, version, {name: f"beside:{points[name]}" for name in points})

    def brings(self, group: str, text: str, version: str, points: Mapping[str, str]) -> None:
        install(self.packages, project(group, points, version=version), {"beside": text})

    def feedd(self, *arguments: str) -> Result:
        """A command, as by a new process."""
        self.begin()
        return CliRunner().invoke(main, [arguments[0], "--config", str(self.site.file), *arguments[1:]])

    def begin(self) -> None:
        """As in a new process nothing is known of packages."""
        for name in [name for name in sys.modules if name.startswith("beside")]:
            del sys.modules[name]
        installed._print.cache_clear()
        importlib.invalidate_caches()

    def build(self, expect: int = 0, *options: str) -> dict[str, Any]:
        """What a build says of itself, which ends with that exit code."""
        done = self.feedd("build", "--json", *options)
        assert done.exit_code == expect, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def problems(self, expect: int = 1) -> list[str]:
        found = self.build(expect)["problems"]
        return [f"{one['file']}: {one['what']}" if one["file"] else one["what"] for one in found]


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Beside:
    made = Beside(Site(tmp_path))
    monkeypatch.syspath_prepend(made.packages)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return made


FEED = '[[feed]]\nname = "some"\nfilters = ["short"]\n'


# Filters


def test_a_feed_takes_only_what_its_filter_lets_pass(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md", title="Short")
    beside.site.story("b.md", title="Long enough to be left out")
    beside.build()
    assert beside.site.titles("some") == ["Short"]
    assert set(beside.site.titles()) == {"Short", "Long enough to be left out"}


def test_all_filters_have_to_let_an_article_pass(beside: Beside) -> None:
    beside.filters(f"{SHORT}def s(article):\n    return article.title.startswith('S')\n", short="short", s="s")
    beside.site.configure('[[feed]]\nname = "some"\nfilters = ["short", "s"]\n')
    for title in ("Short", "Brief", "So long that it is left out"):
        beside.site.story(f"{title.lower()[:5]}.md", title=title)
    beside.build()
    assert beside.site.titles("some") == ["Short"]


def test_a_filter_lets_nothing_in_that_other_rules_keep_out(beside: Beside) -> None:
    beside.filters("def short(article):\n    return True\n", short="short")
    beside.site.configure(FEED + 'types = ["video"]\n')
    beside.site.story("a.md")
    beside.site.story("b.md", type="video")
    beside.site.story("c.md", type="video", published=False)
    beside.site.story("d.md", type="video", publishedDateTime="2999-01-01T00:00:00Z")
    beside.build()
    assert beside.site.titles("some") == ["b"]


def test_a_filter_sees_what_subscribers_do_and_nothing_more(beside: Beside) -> None:
    beside.filters(
        "import msgspec, pathlib\n"
        "def short(article):\n"
        f"    pathlib.Path({str(beside.site.folder / 'seen')!r}).write_text(repr(msgspec.structs.asdict(article)))\n"
        "    return True\n",
        short="short",
    )
    beside.site.configure(FEED)
    beside.site.story(
        "a.md", title="A &amp; B", body="The body", secured="SECRET", heat=3, quality=9,
        originalUrl="https://source.example/original", image="/picture.png", updatedDateTime="2024-05-02T08:00:00Z",
        related=[{"title": "Other", "webUrl": "https://news.example/other"}],
    )  # fmt: skip
    beside.build()
    seen = (beside.site.folder / "seen").read_text()
    assert "'title': 'A & B'" in seen
    assert "datetime.datetime(2024, 5, 1, 8, 0, tzinfo=datetime.timezone.utc)" in seen
    assert "'topics': ('AI',), 'provider': 'Source', 'domain': 'source.example'" in seen
    assert not any(word in seen for word in ("SECRET", "body", "quality", "heat", "Other", "secured"))


def test_an_article_that_changes_is_asked_about_again(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md", title="Short")
    beside.build()
    beside.site.story("a.md", title="Not so short any more")
    beside.build()
    assert beside.site.titles("some") == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_upgraded_filter_is_asked_anew(beside: Beside, version: str) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md", title="Short")
    beside.site.settle()
    beside.build()
    assert beside.build()["read"] == 0
    beside.filters("def short(article):\n    return False\n", version, short="short")
    beside.build()
    assert beside.site.titles("some") == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('no idea')", "raised ValueError: no idea"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
        ("raise GeneratorExit", "raised GeneratorExit"),
        ("raise KeyboardInterrupt('mine')", "raised KeyboardInterrupt: mine"),
        ("raise type('Own', (BaseException,), {})('stop')", "raised Own: stop"),
        ("import asyncio; raise asyncio.CancelledError", "raised CancelledError"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})", "raised Odd"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: exit()})", "raised Odd"),
        ("return 'yes'", "gave a str, neither True nor False"),
        ("return 1", "gave a int, neither True nor False"),
        ("return None", "gave a NoneType, neither True nor False"),
        ("article.title = 'Another'", "raised AttributeError: immutable type: 'Article'"),
    ],
)
def test_a_filter_that_fails_lets_nothing_in_and_is_named_with_the_article(beside: Beside, body: str, why: str) -> None:
    text = f"def short(article):\n    if article.title == 'Bad':\n        {body}\n    return True\n"
    beside.filters(text, short="short")
    beside.site.configure(FEED)
    beside.site.story("bad.md", title="Bad")
    beside.site.story("good.md", title="Good")
    problem = f"bad.md: the filter 'short' of feedd-beside 1.0 {why}; no feed with it takes the article"
    assert beside.problems() == [problem]
    assert beside.site.titles("some") == ["Good"]
    assert set(beside.site.titles()) == {"Bad", "Good"}
    assert problem.removeprefix("bad.md: ") in beside.feedd("check").stdout


def test_an_upgraded_filter_that_fails_is_told_of(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    beside.site.settle()
    beside.build()
    beside.filters("def short(article):\n    raise ValueError\n", "1.1", short="short")
    assert beside.problems() == [
        "a.md: the filter 'short' of feedd-beside 1.1 raised ValueError; no feed with it takes the article"
    ]
    beside.filters(SHORT, "1.2", short="short")
    assert beside.problems(0) == []


def test_a_filter_that_failed_is_asked_again_by_the_next_build(beside: Beside) -> None:
    mark = beside.site.folder / "mark"
    beside.filters(f"def short(article):\n    open({str(mark)!r}).close()\n    return True\n", short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    beside.site.settle()
    assert len(beside.problems()) == 1
    mark.touch()
    assert beside.problems(0) == []
    assert beside.site.titles("some") == ["a"]
    assert beside.build()["read"] == 0


def test_a_filter_that_cannot_be_loaded_empties_its_feed_and_no_other_until_it_can(beside: Beside) -> None:
    beside.filters("import beside_missing\n" + SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    (problem,) = beside.problems()
    assert problem == (
        "'short' of feedd-beside 1.0 cannot be loaded: ModuleNotFoundError: No module named 'beside_missing'"
    )
    assert (beside.site.titles(), beside.site.titles("some")) == (["a"], [])
    (beside.packages / "beside_missing.py").touch()
    assert beside.problems(0) == []
    assert beside.site.titles("some") == ["a"]


def test_a_daemon_with_a_filter_that_cannot_be_loaded_is_degraded_until_it_can(beside: Beside) -> None:
    beside.filters("import beside_missing\n" + SHORT, short="short")
    beside.site.configure(f"{FEED}[watch]\nquiet = '10ms'\n")
    beside.site.story("a.md")
    beside.begin()
    with running(beside.site) as inbox:
        beside.site.story("b.md")
        eventually(lambda: len(beside.site.titles()) == 2)
        status = asked(inbox, "status")["status"]
        assert (status["state"], status["degraded"]) == ("ready", True)
        assert "'short' of feedd-beside 1.0 cannot be loaded" in status["reasons"][0]
        (beside.packages / "beside_missing.py").touch()
        importlib.invalidate_caches()
        inbox.scan("test")
        eventually(lambda: not asked(inbox, "status")["status"]["degraded"])
        assert set(beside.site.titles("some")) == {"a", "b"}


@pytest.mark.parametrize("fault", ["KeyboardInterrupt", "GeneratorExit", "type('Own', (BaseException,), {})"])
def test_a_daemon_outlives_whatever_a_filter_raises(beside: Beside, fault: str) -> None:
    text = f"def short(article):\n    if article.title == 'Bad':\n        raise {fault}\n    return True\n"
    beside.filters(text, short="short")
    beside.site.configure(f"{FEED}[watch]\nquiet = '10ms'\n")
    beside.begin()
    with running(beside.site) as inbox:
        beside.site.story("bad.md", title="Bad")
        eventually(lambda: beside.site.titles() == ["Bad"])
        beside.site.story("good.md", title="Good")
        eventually(lambda: beside.site.titles("some") == ["Good"])
        assert asked(inbox, "status")["status"]["state"] == "ready"


@pytest.mark.parametrize("fault", ["KeyboardInterrupt", "GeneratorExit"])
def test_a_filter_that_cannot_be_imported_costs_no_more_whatever_it_raises(beside: Beside, fault: str) -> None:
    beside.filters(f"raise {fault}\n", short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    assert beside.problems() == [f"'short' of feedd-beside 1.0 cannot be loaded: {fault}"]
    assert beside.site.titles() == ["a"]


def test_ctrl_c_ends_a_command_while_a_filter_works(beside: Beside) -> None:
    text = "import time\ndef short(article):\n    open('begun', 'w').close()\n    time.sleep(50)\n"
    beside.filters(text, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    command = [sys.executable, "-m", "feedd", "build", "--config", str(beside.site.file)]
    with subprocess.Popen(
        command, cwd=beside.site.folder, env=beside.environ, stderr=subprocess.PIPE, text=True
    ) as build:
        try:
            eventually((beside.site.folder / "begun").exists)
            build.send_signal(signal.SIGINT)
            assert build.communicate(timeout=10)[1] == "\nfeedd: interrupted; no document is left half-written\n"
            assert build.returncode == 130
        finally:
            build.kill()


@pytest.mark.parametrize("articles", [1, 1100])  # of which the latter are read by other processes
def test_what_packages_print_is_not_in_what_programs_read(beside: Beside, articles: int) -> None:
    beside.filters("print('loaded')\ndef short(article):\n    print(article.title)\n    return True\n", short="short")
    text = TWTXT.replace("(entry):", "(entry):\n    print('entry')")
    text = text.replace("entries):", "entries):\n    print('whole')")
    install(beside.packages, project("feedd.formats", {"twtxt": "form:FORMAT"}, name="feedd-form"), {"form": text})
    beside.site.configure(FEED + "[output]\nformats = ['json', 'twtxt']\n")
    for number in range(articles):
        beside.site.story(f"{number}.md", title=f"Story {number}")
    done = subprocess.run(
        [sys.executable, "-m", "feedd", "build", "--json", "--config", str(beside.site.file)],
        env=beside.environ, capture_output=True, text=True, timeout=50, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["read"] == articles
    # The lines of several processes run into each other.
    assert all(said in done.stderr for said in ("loaded", "entry", "whole", f"Story {articles - 1}"))


def test_what_is_no_function_is_no_filter(beside: Beside) -> None:
    beside.filters("short = 7\n", short="short")
    beside.site.configure(FEED)
    assert beside.problems() == ["'short' of feedd-beside 1.0 is no function"]


def test_explain_names_the_filter(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md", title="Much too long for it")
    told = beside.feedd("explain", "a.md", "some").stdout
    assert "no   filters       passes none; the feed wants all of short" in told


def test_workers_ask_filters_as_well(beside: Beside) -> None:
    beside.filters("import os\ndef short(article):\n    return os.getpid() % 2 in (0, 1)\n", short="short")
    beside.site.configure(FEED + "limit = 1000\n[guard]\ncount = 100000\n")
    for number in range(1100):
        beside.site.story(f"{number}.md")
    beside.build()
    assert len(beside.site.titles("some")) == 1000


# Formats


def test_a_feed_is_written_in_the_format_of_a_package(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["atom", "json", "twtxt"]\n')
    beside.site.story("a.md")
    beside.site.story("b.md", publishedDateTime="2024-05-02T08:00:00Z")
    beside.build()
    documents = beside.site.documents()
    assert documents["all.twtxt"] == b"# Example News\n1714636800\tb\n1714550400\ta\n"
    assert {path.rpartition(".")[2] for path in documents} == {"atom", "json", "twtxt"}
    assert "providers/source.example.twtxt" in documents


def test_pages_and_lists_lead_to_what_readers_know(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["twtxt", "json"]\n[pages]\nenabled = true\n')
    beside.site.story("a.md")
    beside.build()
    documents = beside.site.documents()
    assert b'all.json"' in documents["index.html"]
    for path in ("index.html", "feeds.opml", "topics/ai.html"):
        assert b"twtxt" not in documents[path]


def test_a_document_that_a_format_cannot_write_costs_no_other(beside: Beside) -> None:
    text = TWTXT.replace("(feed, entries):", "(feed, entries):\n    1 / ('ai' not in feed.name)")
    beside.formats(text, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["atom", "json", "twtxt"]\n')
    beside.site.story("a.md")
    (problem,) = beside.problems()
    assert problem == (
        "feed 'topics/ai' cannot be written: the format 'twtxt' of feedd-beside 1.0 raised ZeroDivisionError: "
        "division by zero"
    )
    documents = beside.site.documents()
    assert "topics/ai.twtxt" not in documents
    assert {"all.twtxt", "topics/ai.atom", "topics/ai.json"} <= documents.keys()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise KeyError('x')", "raised KeyError: 'x'"),
        ("return 'text'", "gave a str instead of bytes"),
        ("import sys; sys.exit('no')", "raised SystemExit: no"),
        ("raise GeneratorExit", "raised GeneratorExit"),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("from feedd.plugins import RenderError; raise RenderError('no')", "raised RenderError: no"),
    ],
)
def test_an_entry_that_a_format_cannot_write_costs_no_other(beside: Beside, body: str, why: str) -> None:
    text = TWTXT.replace("def entry(entry):", f"def entry(entry):\n    if entry.title == 'Bad':\n        {body}")
    beside.formats(text, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    beside.site.story("bad.md", title="Bad")
    beside.site.story("good.md", title="Good")
    (problem,) = beside.problems()
    assert problem.endswith(f"cannot be written: the format 'twtxt' of feedd-beside 1.0 {why}")
    assert beside.site.documents()["all.twtxt"] == b"# Example News\n1714550400\tGood\n"
    assert set(beside.site.titles()) == {"Bad", "Good"}


def test_what_a_format_fails_for_stays_but_nothing_that_was_withdrawn(beside: Beside) -> None:
    mark = beside.site.folder / "mark"
    text = TWTXT.replace("(feed, entries):", f"(feed, entries):\n    open({str(mark)!r}).close()")
    beside.formats(text, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\narchives = false\n')
    mark.touch()
    beside.site.story("a.md", topics=["Sea"])
    beside.site.story("b.md", topics=["Sky"])
    beside.build()
    mark.unlink()
    before = beside.site.documents()
    beside.site.story("c.md", topics=["Sea"])
    beside.build(1)
    assert beside.site.documents()["all.twtxt"] == before["all.twtxt"]
    beside.site.story("a.md", topics=["Sea"], published=False)
    beside.build(1)
    assert [path for path in beside.site.documents() if path.endswith("twtxt")] == ["topics/sky.twtxt"]
    mark.touch()
    beside.build()
    assert beside.site.documents()["topics/sea.twtxt"].endswith(b"\tc\n")


def test_a_format_that_cannot_be_loaded_leaves_its_documents_until_it_can(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    beside.site.story("a.md")
    beside.build()
    before = beside.site.documents()["all.twtxt"]
    beside.formats("import beside_missing\n" + TWTXT, "1.1", twtxt="FORMAT")
    beside.site.story("b.md")
    problems = beside.problems()
    assert set(problems) == {
        "'twtxt' of feedd-beside 1.1 cannot be loaded: ModuleNotFoundError: No module named 'beside_missing'"
    }
    assert beside.site.documents()["all.twtxt"] == before
    assert set(beside.site.titles()) == {"a", "b"}
    (beside.packages / "beside_missing.py").touch()
    beside.build()
    assert b"\tb\n" in beside.site.documents()["all.twtxt"]


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("7", "is no feedd.plugins.Format"),
        ("Format('other', 'text/plain', entry, document)", "has the suffix 'other', which is not the name"),
        ("Format('twtxt', 'text/plain; x=\"\\n\"', entry, document)", "has the media type"),
        ("Format('twtxt', 'nothing', entry, document)", "has the media type 'nothing', which is none without"),
    ],
)
def test_what_is_no_format_is_told(beside: Beside, made: str, why: str) -> None:
    beside.formats(f"{TWTXT}\nFORMAT = {made}\n", twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    beside.site.story("a.md")
    problems = beside.problems()
    assert any(f"'twtxt' of feedd-beside 1.0 {why}" in problem for problem in problems)
    assert beside.site.titles() == ["a"]


def test_an_upgraded_format_writes_anew(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    beside.site.story("a.md")
    beside.site.settle()
    beside.build()
    assert beside.build()["written"] == []
    beside.formats(TWTXT.replace('"# ', '"#! '), twtxt="FORMAT")
    assert set(beside.build()["written"]) == {"all.twtxt", "topics/ai.twtxt", "providers/source.example.twtxt"}


def test_feedds_own_formats_cannot_be_taken_over(beside: Beside) -> None:
    beside.formats(TWTXT.replace("twtxt", "atom"), atom="FORMAT")
    beside.site.story("a.md")
    beside.build()
    assert beside.site.documents()["all.atom"].startswith(b"<?xml")


def test_a_format_that_is_dropped_leaves_documents_without_entries(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    beside.site.story("a.md")
    beside.build()
    beside.site.configure('[output]\nformats = ["json"]\n')
    beside.build()
    assert beside.site.documents()["all.twtxt"] == b"# Example News\n"
    assert json.loads((beside.site.feeds / ".feedd.json").read_bytes())["types"] == {"twtxt": "text/twtxt"}


def test_documents_in_a_format_that_is_uninstalled_are_removed(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nlimit = 1\nformats = ["json", "twtxt"]\n')
    beside.site.story("a.md")
    beside.build()
    beside.site.configure("[output]\nlimit = 1\n")
    for path in (beside.packages / "feedd_beside.dist-info").iterdir():
        path.unlink()
    beside.build()
    assert not [path for path in beside.site.documents() if path.endswith("twtxt")]
    assert "all.twtxt" in json.loads((beside.site.feeds / ".feedd.json").read_bytes())["gone"]


def test_archives_are_written_in_a_format_that_wants_them(beside: Beside) -> None:
    beside.formats(TWTXT.replace("entry, document)", "entry, document, archives=True)"), twtxt="FORMAT")
    beside.site.configure('[output]\nlimit = 1\nformats = ["json", "twtxt"]\n')
    for month in range(1, 4):
        beside.site.story(f"{month}.md", publishedDateTime=f"2024-0{month}-01T08:00:00Z")
    beside.build()
    assert beside.site.documents()["all/2024-01.twtxt"].endswith(b"\t1\n")


def test_the_format_of_a_package_is_served_as_what_it_is(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n[websub]\nhubs = ["http://127.0.0.1:1/"]\n')
    beside.site.story("a.md")
    beside.build(0, "--no-ping")
    (beside.site.feeds / "other.odd").write_text("hidden")
    with serving(beside.site.feeds) as served:
        got = served.get("/all.twtxt", accept_encoding="gzip")
        assert (got.status, got.headers["content-type"]) == (200, "text/twtxt; charset=utf-8")
        assert got.headers["access-control-allow-origin"] == "*"
        assert got.headers["content-security-policy"].endswith("sandbox")
        assert 'rel="hub"' in got.headers["link"]
        assert served.get("/other.odd").status == 404
        again = served.get("/all.twtxt", if_none_match=served.get("/all.twtxt").headers["etag"])
        assert again.status == 304
        beside.formats(TWTXT.replace("text/twtxt", "text/x-twtxt"), twtxt="FORMAT")
        beside.build(0, "--no-ping")
        assert served.get("/all.twtxt").headers["content-type"] == "text/x-twtxt; charset=utf-8"


def test_a_daemon_serves_it_too(beside: Beside, tmp_path: Path) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure(
        f'[output]\nformats = ["json", "twtxt"]\n[watch]\nquiet = "10ms"\n[server]\nlisten = "{tmp_path}/http.sock"\n'
    )
    beside.site.story("a.md")
    with Service(beside.site.file, tmp_path, PYTHONPATH=str(beside.packages)) as service:
        service.wait_for("READY=1")
        get = ["curl", "-sS", "-o", os.devnull, "-w", "%{content_type}", "--unix-socket", f"{tmp_path}/http.sock"]
        told = subprocess.run([*get, "http://x/all.twtxt"], capture_output=True, text=True, check=False).stdout
        assert told == "text/twtxt; charset=utf-8"
        beside.site.story("b.md")
        eventually(lambda: b"\tb\n" in (beside.site.feeds / "all.twtxt").read_bytes())
        assert service.stop() == 0


@pytest.mark.parametrize("server", ["nginx", "caddy"])
def test_web_servers_are_told_of_it(beside: Beside, server: str) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["json", "twtxt"]\n')
    said = {"nginx": "    text/twtxt twtxt;", "caddy": 'header @twtxt Content-Type "text/twtxt; charset=utf-8"'}
    assert said[server] in beside.feedd("print-config", server).stdout


# The configuration


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            FEED.replace('"short"', '"shrt"'),
            'feed[1].filters[1]: is "shrt", a filter that no installed package brings. Did you mean "short"? '
            'There are: "short" (feedd-beside 1.0).',
        ),
        (
            FEED.replace('"short"', '"xyzzy"'),
            'feed[1].filters[1]: is "xyzzy", a filter that no installed package brings. '
            'There are: "short" (feedd-beside 1.0).',
        ),
        (
            '[output]\nformats = ["json", "twtx"]\n',
            'output.formats[2]: is "twtx", a format that neither feedd nor an installed package writes. '
            'Write "atom", "rss", "json" or "twtxt" (feedd-other 1.0). Did you mean "twtxt"?',
        ),
        (
            '[output]\nformats = ["html", "json"]\n',
            'output.formats[1]: is "html", which is no feed but another kind of file beside feeds. '
            'Name at least one of "atom", "rss" and "json", and beside it what installed packages bring.',
        ),
    ],
)
def test_what_no_package_brings_is_a_mistake_in_the_configuration(beside: Beside, settings: str, said: str) -> None:
    beside.filters(SHORT, short="short")
    install(beside.packages, project("feedd.formats", {"twtxt": "other:FORMAT"}, "feedd-other"), {"other": TWTXT})
    beside.site.configure(settings)
    done = beside.feedd("build")
    assert done.exit_code == 78
    assert f": {said}\n" in done.stderr
    assert f"{beside.site.file}:" in done.stderr


def test_one_format_at_least_is_for_readers(beside: Beside) -> None:
    beside.formats(TWTXT, twtxt="FORMAT")
    beside.site.configure('[output]\nformats = ["twtxt"]\n')
    done = beside.feedd("build")
    assert done.exit_code == 78
    assert "output.formats: holds no format that feed readers know. Name at least one of" in done.stderr


def test_a_name_that_two_packages_bring_is_a_mistake(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    install(beside.packages, project("feedd.filters", {"short": "beside:short"}, "feedd-brief", "0.3"), {})
    beside.site.configure(FEED)
    done = beside.feedd("build")
    assert done.exit_code == 78
    assert 'is "short", which several packages bring: feedd-beside 1.0 and feedd-brief 0.3. Keep one' in done.stderr


def test_without_plugins_nobody_looks_for_any(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.story("a.md")
    script = (
        "import sys; from feedd.cli import main\n"
        f"try: main([sys.argv[1], '--config', {str(beside.site.file)!r}])\n"
        "finally: print(sorted({'importlib.metadata', 'beside', 'feedd.plugins'} & sys.modules.keys()))"
    )
    for command in ("build", "build", "check"):
        done = subprocess.run(
            [sys.executable, "-c", script, command], capture_output=True, text=True, env=beside.environ, check=False
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_an_unchanged_build_loads_no_plugin(beside: Beside) -> None:
    beside.filters(SHORT, short="short")
    beside.site.configure(FEED)
    beside.site.story("a.md")
    beside.site.settle()
    beside.build()
    script = (
        "import sys; from feedd.cli import main\n"
        f"try: main(['build', '--config', {str(beside.site.file)!r}])\n"
        "finally: print('beside' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=beside.environ, check=True)
    assert done.stdout.splitlines()[-1] == "False"


# The documentation

GUIDE = (Path(__file__).parent.parent / "feedd" / "README.md").read_text(encoding="utf-8")
SECTION = GUIDE.split("\n## Packages beside feedd\n")[1].split("\n## ")[0]
PROJECTS, MODULES = (re.findall(rf"^```{kind}\n(.*?)^```$", SECTION, re.M | re.S) for kind in ("toml", "python"))


def documented(beside: Beside, number: int) -> str:
    """Install a package of the documentation as it stands there; its name."""
    told = tomllib.loads(PROJECTS[number])
    (module,) = told["tool"]["setuptools"]["py-modules"]
    install(beside.packages, PROJECTS[number], {module: MODULES[number]})
    name: str = told["project"]["name"]
    return name


def built(beside: Beside) -> None:
    """A build by a process of its own."""
    command = [sys.executable, "-m", "feedd", "build", "--config", str(beside.site.file)]
    done = subprocess.run(command, capture_output=True, text=True, env=beside.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_filter_of_the_documentation_works_as_it_stands(beside: Beside) -> None:
    assert documented(beside, 0) == "feedd-weekdays"
    beside.site.configure('[[feed]]\nname = "office"\nfilters = ["weekdays"]\n')
    beside.site.story("friday.md", publishedDateTime="2024-05-03T23:59:00Z")
    beside.site.story("saturday.md", publishedDateTime="2024-05-04T00:00:00Z")
    beside.site.story("monday.md", publishedDateTime="2024-05-06T00:00:00Z")
    built(beside)
    assert beside.site.titles("office") == ["monday", "friday"]


def test_the_format_of_the_documentation_works_as_it_stands(beside: Beside) -> None:
    assert documented(beside, 1) == "feedd-twtxt"
    beside.site.configure('[output]\nformats = ["atom", "rss", "json", "twtxt"]\n')
    beside.site.story("a.md", title="A story with käse")
    built(beside)
    assert beside.site.documents()["topics/ai.twtxt"].decode() == (
        "# title = Example News: AI\n"
        "# url = https://news.example/feeds/topics/ai.twtxt\n"
        "2024-05-01T08:00:00+00:00\tA story with käse https://source.example/a-story-with-k%C3%A4se\n"
    )


def test_a_package_of_the_documentation_can_be_installed_by_pip(beside: Beside, tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77", reason="pip needs setuptools to build a package")
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECTS[0], encoding="utf-8")
    (source / "feedd_weekdays.py").write_text(MODULES[0], encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", str(target), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    beside.environ["PYTHONPATH"] = str(target)
    beside.site.configure('[[feed]]\nname = "office"\nfilters = ["weekdays"]\n')
    beside.site.story("friday.md", publishedDateTime="2024-05-03T23:59:00Z")
    built(beside)
    assert beside.site.titles("office") == ["friday"]


def test_examples_are_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="is for lint")
    for number, text in enumerate(MODULES):
        (tmp_path / f"example{number}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(MODULES) == len(PROJECTS) == 2

"""What nothing asks for any more is removed for good, when somebody says so; everything else stays whoever says so."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedd.feeds.manifest import NAME, Manifest, decode
from feedd.pipeline import Report
from feedd.prune import prune
from feedd.publish.directory import Directory
from feedd.service.inbox import Inbox, Question, Reply
from feedd.status import PruneReply
from feedd.testing import NOON, Hub, Site, asked, no_sync, running, serving

HOUR = 3600
SETTINGS = '[watch]\nquiet = "0ms"\n[guard]\ncount = 1000\n'
JSON_ONLY = '[output]\nformats = ["json"]\n'
ALIAS = '[[taxonomy.topic]]\nname = "New"\naliases = ["Old"]\n'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a feed that lost its only article, `topics/old`."""
    site = Site(tmp_path, SETTINGS)
    site.story("stays.md", topics=["AI"])
    site.story("goes.md", topics=["Old"])
    site.build()
    (site.content / "goes.md").unlink()
    site.build()
    return site


def found(site: Site, *names: str) -> PruneReply:
    """What could be removed, as of now."""
    with closing(site.pipeline()) as pipeline:
        return prune(pipeline, site.file, pipeline.run(site.now), lambda: pipeline.run(site.now), names)


def pruned(site: Site, *names: str, directory: Directory | None = None) -> PruneReply:
    """Have that removed, as by a process of its own."""
    digest = found(site, *names).digest
    with closing(site.pipeline(directory)) as pipeline:
        report = pipeline.run(site.now)
        return prune(pipeline, site.file, report, lambda: pipeline.run(site.now), names, digest)


def named(reply: PruneReply) -> list[str]:
    return [one.name for one in reply.found]


def why(site: Site, name: str) -> str:
    """Why a feed is not to be removed, as people are told."""
    reply = found(site, name)
    assert (reply.ok, len(reply.problems)) == (False, 1)
    return str(reply.problems[0])


def manifest(site: Site) -> Manifest:
    return decode((site.feeds / NAME).read_bytes())


def fresh(site: Site) -> dict[str, bytes]:
    """What a fresh start makes of what there is."""
    with TemporaryDirectory() as folder:
        other = Site.copied(site.folder, Path(folder))
        other.now = site.now
        other.build()
        return other.documents()


MEMORY = re.compile(
    rb"(?<=<updated>)[^<]*|(?<=<atom:updated>)[^<]*|(?<=\"date_modified\":\")[^\"]*|(?<=<lastBuildDate>)[^<]*"
    rb"|\s*<at:deleted-entry [^>]*/>| xmlns:at=\"[^\"]*\""
)


def normal(documents: dict[str, bytes]) -> dict[str, bytes]:
    """Documents without what only the ledger remembers."""
    return {path: MEMORY.sub(b"", data) for path, data in documents.items()}


# --- What could be removed ---


def test_feed_that_nothing_asks_for_is_found_with_its_documents_and_the_reason(site: Site) -> None:
    [old] = found(site).found

    assert (old.name, old.why) == ("topics/old", "no public article has this topic")
    assert old.documents == ("topics/old.atom", "topics/old.json", "topics/old.rss")
    assert old.since == int((site.feeds / "topics" / "old.rss").stat().st_mtime)


def test_documents_in_formats_of_before_do_not_tell_since_when_a_feed_is_empty(site: Site) -> None:
    site.configure(SETTINGS + JSON_ONLY)
    site.build()
    [old, *_] = found(site).found
    os.utime(site.feeds / "topics" / "old.rss", ns=(NOON * 10**9, NOON * 10**9))
    with closing(site.pipeline()), site.database.transaction():
        site.database.execute("UPDATE document SET mtime = ? WHERE path = 'topics/old.rss'", (NOON * 10**9,))

    assert found(site).found[0] == old


def test_listing_removes_nothing(site: Site) -> None:
    before = site.documents()
    found(site)

    assert (site.documents(), manifest(site).gone) == (before, ())


LOST = {"name": "Lost", "domain": "lost.example"}
FORSAKEN: dict[str, tuple[str, Callable[[Site], object], dict[str, str]]] = {
    "provider": (
        "",
        lambda site: (site.content / "lost.md").unlink(),
        {"providers/lost.example": "no public article is of this provider"},
    ),
    "configured": ('[[feed]]\nname = "mine"\n', lambda site: None, {"mine": "the configuration has no such [[feed]]"}),
    "all": ("", lambda site: site.configure(SETTINGS + "[output]\nall = false\n"), {"all": "output.all is false"}),
    "topics": (
        "",
        lambda site: site.configure(SETTINGS + "[output]\ntopics = false\n"),
        {"topics/ai": "output.topics is false", "topics/old": "output.topics is false"},
    ),
    "former name that leads nowhere": (
        '[[taxonomy.topic]]\nname = "AI"\naliases = ["Clever"]\n',
        lambda site: None,
        {"topics/clever": "no public article has this topic"},
    ),
    "expired": (
        "",
        lambda site: site.story("lost.md", provider=LOST, expiryDate="2024-05-20T00:00:00Z"),
        {"providers/lost.example": "no public article is of this provider"},
    ),
}


@pytest.mark.parametrize(("before", "change", "expected"), FORSAKEN.values(), ids=list(FORSAKEN))
def test_each_way_to_be_forsaken_is_found(
    site: Site, before: str, change: Callable[[Site], object], expected: dict[str, str]
) -> None:
    site.story("lost.md", provider=LOST)
    site.configure(SETTINGS + before)
    site.build()
    site.configure(SETTINGS)
    change(site)
    site.build()
    reasons = {one.name: one.why for one in found(site).found}

    assert reasons == {"topics/old": reasons["topics/old"], **expected}


def test_documents_in_a_format_that_is_written_no_more_are_found_by_its_name(site: Site) -> None:
    site.configure(SETTINGS + '[output]\nformats = ["atom", "json"]\n')
    site.build()
    reply = found(site, "*.rss")

    assert reply.found == found(site, ".rss").found
    [left] = reply.found
    assert (left.name, left.why) == (".rss", "output.formats has no rss any more")
    assert left.documents == ("all.rss", "providers/source.example.rss", "topics/ai.rss")


def test_a_feed_is_named_as_people_name_it(site: Site) -> None:
    ways = ("topics/old", "topics/old.rss", "feeds/topics/old.atom", "https://news.example/feeds/topics/old.json")

    assert [named(found(site, way)) for way in ways] == [["topics/old"]] * 4
    assert named(found(site, *ways)) == ["topics/old"]


# --- What is asked for ---


def test_feed_with_articles_is_refused_with_their_number(site: Site) -> None:
    assert why(site, "topics/ai") == "topics/ai has 1 public article. A feed can be removed once nothing is in it."
    site.story("too.md", topics=["AI"])
    assert why(site, "topics/ai").startswith("topics/ai has 2 public articles.")


def test_feed_with_archives_is_refused_with_the_number_of_all_its_articles(tmp_path: Path) -> None:
    site = Site(tmp_path, SETTINGS + "[output]\nlimit = 2\n")
    for number in range(5):
        site.story(f"{number}.md", publishedDateTime=f"2024-0{number + 1}-01T00:00:00Z")

    assert why(site, "topics/ai").startswith("topics/ai has 5 public articles.")


def test_feed_of_the_configuration_is_refused_with_the_place(site: Site) -> None:
    site.configure(SETTINGS + '[[feed]]\nname = "one"\n[[feed]]\ntitle = "Two"\nname = "two"\nlanguages = ["fr"]\n')
    site.build()

    assert why(site, "two") == f"{site.file}:13: feed[2].name: asks for the feed two. Change that first."
    assert why(site, "all").endswith("output.all: asks for the feed all. Change that first.")


def test_feed_that_waits_for_the_end_of_an_embargo_is_left_alone(site: Site) -> None:
    site.story("goes.md", topics=["Old"], publishedDateTime="2024-07-01T00:00:00Z")
    site.build()

    assert named(found(site)) == []
    assert why(site, "topics/old").startswith(
        "topics/old is waiting for an article under embargo until 2024-07-01T00:00:00Z"
    )


def test_feed_that_nobody_ever_saw_is_unknown_though_an_article_is_under_embargo(site: Site) -> None:
    site.story("secret.md", topics=["Secret"], publishedDateTime="2024-07-01T00:00:00Z")

    assert why(site, "topics/secret").startswith("there is no feed topics/secret")


def test_former_name_that_leads_somewhere_is_refused(site: Site) -> None:
    site.story("new.md", topics=["New"])
    site.configure(SETTINGS + ALIAS)
    site.build()

    assert named(found(site)) == []
    assert why(site, "topics/old") == (
        "topics/old is a former name of topics/new and leads there. Take the alias out of the taxonomy first."
    )


def test_names_that_mean_nothing_are_refused_with_the_nearest(site: Site) -> None:
    assert why(site, "topics/odl") == "there is no feed topics/odl. Did you mean topics/old?"
    assert why(site, ".rss").startswith("nothing is left of a format 'rss', or it is in use")
    assert why(site, "../../etc/passwd") == "there is no feed ../../etc/passwd"


def test_one_name_that_is_wanted_keeps_all(site: Site) -> None:
    before = site.documents()
    reply = pruned(site, "topics/old", "topics/ai")

    assert (reply.ok, named(reply), reply.removed) == (False, ["topics/old"], 0)
    assert site.documents() == before


def test_what_the_guard_keeps_is_no_feed_without_articles(tmp_path: Path) -> None:
    site = Site(tmp_path, "[guard]\ncount = 0\nfraction = 0\n")
    site.story("stays.md")
    site.story("goes.md", topics=["Old"])
    site.build()
    (site.content / "goes.md").unlink()

    assert named(found(site)) == []


def test_nothing_is_removed_while_the_content_cannot_be_listed(site: Site) -> None:
    site.content.rename(site.folder / "away")
    reply = found(site)

    assert (reply.ok, reply.found, [problem.kind for problem in reply.problems]) == (False, (), ["no-content"])


# --- What is removed ---


def test_documents_are_removed_and_told_to_be_gone(site: Site) -> None:
    expected = fresh(site)
    assert pruned(site) == PruneReply(True, removed=3)

    assert normal(site.documents()) == normal(expected)
    assert manifest(site).gone == ("topics/old.atom", "topics/old.json", "topics/old.rss")
    assert named(found(site)) == []
    assert site.build().written == ()
    assert normal(site.documents()) == normal(expected)


def test_server_answers_410(site: Site) -> None:
    pruned(site)
    with serving(site.feeds) as server:
        assert [server.get(f"/feeds/topics/{name}.rss").status for name in ("old", "ai", "other")] == [410, 200, 404]


def test_feed_whose_topic_comes_back_is_a_feed_again(site: Site) -> None:
    site.now += HOUR
    site.story("goes.md", topics=["Old"])
    site.build()
    (site.content / "goes.md").unlink()
    site.build()
    before = (site.feeds / "topics" / "old.atom").read_text()
    pruned(site)
    site.now += HOUR
    site.story("goes.md", topics=["Old"])
    site.build()
    after = (site.feeds / "topics" / "old.atom").read_text()

    ids, updates = (re.compile(f"<{name}>(.*?)</{name}>") for name in ("id", "updated"))
    assert ids.search(after)[1] == ids.search(before)[1] == "tag:news.example,2020:feeds/topics/old"  # type: ignore[index]
    assert updates.search(after)[1] > updates.search(before)[1]  # type: ignore[index]
    assert manifest(site).gone == ()
    with serving(site.feeds) as server:
        assert server.get("/feeds/topics/old.atom").status == 200


def test_format_that_comes_back_is_written_again(site: Site) -> None:
    site.configure(SETTINGS + JSON_ONLY)
    site.build()
    assert pruned(site, ".rss", ".atom").removed == 6
    assert pruned(site).removed == 3
    assert {path.rpartition(".")[2] for path in site.documents()} == {"json"}
    site.story("more.md", topics=["AI"])
    site.build()
    assert {path.rpartition(".")[2] for path in site.documents()} == {"json"}
    site.configure(SETTINGS)
    site.build()

    assert normal(site.documents()) == normal(fresh(site))
    assert manifest(site).gone == ("topics/old.atom", "topics/old.json", "topics/old.rss")


def test_feed_goes_with_the_documents_of_its_former_names(site: Site) -> None:
    site.configure(SETTINGS + ALIAS)
    site.story("new.md", topics=["New"])
    site.build()
    (site.content / "new.md").unlink()
    site.build()
    assert [one.documents[:2] for one in found(site).found] == [("topics/new.atom", "topics/new.json")]
    assert pruned(site).removed == 6

    site.configure(SETTINGS)
    site.build()
    assert normal(site.documents()) == normal(fresh(site))


def test_folder_that_nothing_is_left_in_is_removed(site: Site) -> None:
    (site.content / "stays.md").unlink()
    site.story("other.md", topics=[])
    site.build()
    pruned(site)

    assert not (site.feeds / "topics").exists()
    assert site.build().problems == ()


def test_what_feedd_did_not_write_stays(site: Site) -> None:
    (site.feeds / "topics" / "old.txt").write_text("mine")
    (site.feeds / "topics" / "old").mkdir()
    (site.feeds / "topics" / "old" / "2024-05.xml").write_text("mine")
    pruned(site)

    assert {"topics/old.txt", "topics/old/2024-05.xml"} <= set(site.documents())


def test_what_is_another_list_by_now_is_listed_and_nothing_is_removed(site: Site) -> None:
    digest = found(site).digest
    (site.content / "stays.md").unlink()
    site.story("other.md", topics=[])
    site.build()
    before = site.documents()
    with closing(site.pipeline()) as pipeline:
        reply = prune(pipeline, site.file, pipeline.run(site.now), lambda: pipeline.run(site.now), (), digest)

    assert (reply.removed, named(reply)) == (0, ["topics/ai", "topics/old"])
    assert reply.digest not in {"", digest}
    assert site.documents() == before


def test_hubs_are_told_no_more_of_what_is_gone(site: Site) -> None:
    with Hub() as hub:
        site.configure(SETTINGS + f'[websub]\nhubs = ["{hub.url}"]\n')
        site.story("goes.md", topics=["Old"])
        site.build()
        (site.content / "goes.md").unlink()
        site.build()
        assert "topics/old" in str(waiting(site))
        pruned(site)

    assert "topics/old" not in str(waiting(site))
    assert "topics/ai" in str(waiting(site))


def waiting(site: Site) -> list[Any]:
    with closing(site.pipeline()) as pipeline:
        return [path for (path,) in site.database.execute("SELECT path FROM ping")] if pipeline else []


# --- What goes wrong on the way ---


class Killed(BaseException):
    """The process is gone; nothing may catch that."""


class Dying(Directory):
    """An output directory in the midst of which the process dies: before or after the removal of the document of that
    number.
    """

    def __init__(self, root: Path, at: int, after: bool) -> None:
        super().__init__(root, no_sync)
        self._left, self._after = at, after

    def remove(self, path: str) -> None:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Killed
        super().remove(path)
        if self._left < 0:
            raise Killed


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_removal_that_is_killed_is_done_by_the_next_run(site: Site, at: int, after: bool) -> None:
    expected = fresh(site)
    with pytest.raises(Killed):
        pruned(site, directory=Dying(site.feeds, at, after))
    site.build()

    assert normal(site.documents()) == normal(expected)
    assert len(manifest(site).gone) == 3


def test_what_is_to_be_removed_and_comes_back_before_it_was_stays(site: Site) -> None:
    with suppress(Killed):
        pruned(site, directory=Dying(site.feeds, 1, after=True))
    site.story("goes.md", topics=["Old"])
    site.build()

    assert normal(site.documents()) == normal(fresh(site))
    assert (manifest(site).gone, site.titles("topics/old")) == ((), ["goes"])


def test_former_name_that_is_to_be_removed_is_no_feed_when_its_alias_goes(site: Site) -> None:
    site.configure(SETTINGS + ALIAS)
    site.story("new.md", topics=["New"])
    site.build()
    (site.content / "new.md").unlink()
    site.build()
    with suppress(Killed):
        pruned(site, directory=Dying(site.feeds, 0, after=False))
    site.configure(SETTINGS)
    site.build()

    assert normal(site.documents()) == normal(fresh(site))


def test_what_is_removed_is_written_no_more_in_the_same_process(site: Site) -> None:
    site.configure(SETTINGS + JSON_ONLY)
    with closing(site.pipeline()) as pipeline:
        report = pipeline.run(site.now)

        def run() -> Report:
            return pipeline.run(site.now, hints=["more.md"])

        prune(pipeline, site.file, report, run, (), prune(pipeline, site.file, report, run).digest)
        site.story("more.md", topics=["AI"])
        run()

    assert normal(site.documents()) == normal(fresh(site))


class Stubborn(Directory):
    """An output directory from which a document cannot be removed."""

    def __init__(self, root: Path, stays: str) -> None:
        super().__init__(root, no_sync)
        self._stays = stays

    def _remove(self, place: Path) -> None:
        if place.name == self._stays:
            raise PermissionError(1, "Operation not permitted")
        super()._remove(place)


def test_document_that_cannot_be_removed_is_told_of_and_removed_by_a_later_run(site: Site) -> None:
    reply = pruned(site, directory=Stubborn(site.feeds, "old.rss"))

    assert (reply.ok, reply.removed) == (False, 2)
    assert "cannot be removed: Operation not permitted" in reply.problems[0].what
    assert "topics/old.rss" in site.documents()
    site.build()
    assert "topics/old.rss" not in site.documents()
    assert len(manifest(site).gone) == 3


# --- The commands ---


def feedd(site: Site, *options: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "feedd", "prune", "--config", str(site.file), *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def test_without_a_daemon_the_command_does_it_itself(site: Site) -> None:
    before = site.documents()
    done = feedd(site)
    assert (done.returncode, site.documents()) == (1, before)
    assert done.stdout.startswith("topics/old: no public article has this topic; empty since ")
    assert "with --yes" in done.stderr

    assert json.loads(feedd(site, "--json", "topics/old").stdout)["found"][0]["name"] == "topics/old"
    done = feedd(site, "topics/old", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n3 documents removed for good\n")
    assert not (site.feeds / "topics" / "old.rss").exists()
    assert feedd(site).stdout == "there is nothing to remove: everything is asked for\n"


def tell(inbox: Inbox, *names: str, digest: str = "") -> Reply:
    question = Question("prune", names, digest)
    inbox.ask(question)
    reply = question.wait(30)
    assert reply is not None
    return reply


def test_daemon_removes_what_it_listed(site: Site) -> None:
    with running(site) as inbox:
        listed = tell(inbox, "topics/old")
        assert (listed["ok"], listed["found"][0]["name"]) == (True, "topics/old")
        assert tell(inbox, "topics/ai")["problems"][0]["what"] == "topics/ai has 1 public article"
        assert asked(inbox, "status")["status"]["feeds"] == 4

        assert tell(inbox, "topics/old", digest=listed["digest"])["removed"] == 3
        assert asked(inbox, "status")["status"]["feeds"] == 3
        assert not (site.feeds / "topics" / "old.rss").exists()
        site.story("goes.md", topics=["Old"])
        assert tell(inbox)["found"] == ()
        assert site.titles("topics/old") == ["goes"]


# --- Whatever happened before ---

NAMES = "abcd"
TOPICS = ("AI", "Old", "Sea")
WHOLE = ["atom", "rss", "json"]


@st.composite
def settings_of_a_site(draw: st.DrawFn) -> str:
    formats = draw(st.sampled_from([WHOLE, WHOLE, ["json"], ["atom", "json"]]))
    text = f"{SETTINGS}[output]\nformats = {json.dumps(formats)}\nlimit = 1\n"
    text += f"topics = {draw(st.sampled_from(['true', 'true', 'true', 'false']))}\n"
    for name in draw(st.lists(st.sampled_from(["best", "ocean"]), unique=True)):
        text += f'[[feed]]\nname = "{name}"\ntopics = ["Sea"]\n'
    return text + draw(st.sampled_from(["", '[[taxonomy.topic]]\nname = "Sea"\naliases = ["Old"]\n']))


@st.composite
def article_of_a_site(draw: st.DrawFn) -> dict[str, Any]:
    since = draw(st.sampled_from(["2024-04-01", "2024-05-01", "2024-05-02", "2024-06-01T15:00:00Z"]))
    return {
        "topics": draw(st.lists(st.sampled_from(TOPICS), unique=True)),
        "provider": {"name": "P", "domain": draw(st.sampled_from(["one.example", "two.example"]))},
        "publishedDateTime": since,
        "published": draw(st.sampled_from([True, True, False])),
        "expiryDate": draw(st.sampled_from([None, None, None, "2024-06-01T14:00:00Z"])),
    }


STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), article_of_a_site()),
    st.tuples(st.just("write"), st.sampled_from(NAMES), article_of_a_site()),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("configure"), settings_of_a_site()),
    st.tuples(st.just("wait"), st.integers(1, 3)),
    st.tuples(st.just("build")),
    st.tuples(st.just("prune"), st.booleans()),
)


def take(site: Site, step: tuple[Any, ...]) -> None:
    """One step of a history."""
    match step:
        case ("write", name, front):
            site.story(f"{name}.md", **front)
        case ("remove", name):
            (site.content / f"{name}.md").unlink(missing_ok=True)
        case ("configure", text):
            site.configure(text)
        case ("wait", hours):
            site.now += hours * HOUR
        case ("build",):
            site.build()
        case ("prune", whole):
            prune_rightly(site, whole)


def prune_rightly(site: Site, whole: bool) -> None:
    """Remove all that could be removed, or the first of it: nothing that a fresh start would write."""
    listed = found(site)
    assert listed.ok
    before = site.documents()
    names = [] if whole else named(listed)[:1]
    if not whole and not names:
        return
    expected = {path for one in listed.found if whole or one.name in names for path in one.documents}
    assert pruned(site, *names).removed == len(expected)
    after = site.documents()

    assert before.keys() - after.keys() == expected
    assert expected.isdisjoint(fresh(site))
    assert {path: data for path, data in before.items() if path not in expected} == after


def waited_for(site: Site) -> set[str]:
    """The feeds into which an article under embargo will come, by any name."""
    with closing(site.pipeline()) as pipeline:
        pipeline.run(site.now)
        cards = [card for card in map(pipeline.catalogue.get, ids(site)) if card and card.since > site.now]
        names = {name for card in cards for name in pipeline.desk.plan.route(card)}
        return names.union(old for old, new in pipeline.desk.plan.former.items() if new in names)


def ids(site: Site) -> Iterator[str]:
    return (f"tag:news.example,2020:articles/{name}" for name in NAMES)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=3, max_size=14))
def test_after_any_history_all_that_is_left_is_what_a_fresh_start_makes(history: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), SETTINGS)
        site.story("stays.md", topics=["AI"])
        for step in history:
            take(site, step)
        site.build()
        prune_rightly(site, whole=True)
        site.build()
        there, expected = normal(site.documents()), normal(fresh(site))
        more = {path: there.pop(path) for path in there.keys() - expected.keys()}

        assert there == expected
        assert {path.rpartition(".")[0] for path in more} <= waited_for(site)
        assert not any(b"<entry>" in data or b"<item>" in data or b'{"id":' in data for data in more.values())
        assert set(manifest(site).gone).isdisjoint(site.documents())

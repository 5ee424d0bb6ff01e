"""The mass-change guard: what leaves by accident stays, until a person says that it is meant."""

import shutil
from collections.abc import Callable, Container
from pathlib import Path

import pytest

from feedd.errors import SourceError
from feedd.pipeline import Report
from feedd.publish.directory import Directory
from feedd.testing import NOON, Site, no_sync

HOUR = 3600
SETTINGS = '[output]\nformats = ["json"]\nlimit = 100\n'
GUARD = "[guard]\ncount = 3\nfraction = 0.2\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site of twenty public articles in two folders, with a feed for each and no more than four that may go."""
    site = Site(tmp_path, SETTINGS + GUARD)
    for number in range(20):
        site.story(name(number), str(number), topics=["Even" if number % 2 == 0 else "Odd"])
    site.build()
    return site


def name(number: int) -> str:
    return f"{'low' if number < 10 else 'high'}/{number}.md"


def remove(site: Site, *numbers: int) -> None:
    for number in numbers:
        (site.content / name(number)).unlink()


def unpublish(site: Site, *numbers: int) -> None:
    for number in numbers:
        site.story(name(number), str(number), published=False)


def numbers(site: Site, feed: str = "all") -> list[int]:
    return sorted(map(int, site.titles(feed)))


def guarded(report: Report) -> list[str]:
    """What the guard said."""
    return [problem.what for problem in report.problems if problem.kind == "guard"]


ACCIDENTS: dict[str, Callable[[Site], object]] = {
    "many removed": lambda site: remove(site, *range(5)),
    "many unpublished": lambda site: unpublish(site, *range(5)),
    "some removed and some unpublished": lambda site: (remove(site, 0, 1), unpublish(site, 2, 3, 4)),
    "a folder gone": lambda site: shutil.rmtree(site.content / "low"),
    "a folder moved out": lambda site: (site.content / "low").rename(site.folder / "low"),
    "many embargoed": lambda site: [
        site.story(name(number), str(number), publishedDateTime="2030-01-01") for number in range(5)
    ],
    "many without front matter": lambda site: [site.write(name(number), "note\n") for number in range(5)],
    "content emptied": lambda site: [shutil.rmtree(folder) for folder in list(site.content.iterdir())],
    "files emptied of folders": lambda site: remove(site, *range(20)),
    "a narrower pattern": lambda site: site.configure(SETTINGS + GUARD + '[content]\ninclude = ["low/*.md"]\n'),
}


@pytest.mark.parametrize("accident", ACCIDENTS.values(), ids=list(ACCIDENTS))
def test_mass_withdrawal_leaves_the_feeds_as_they_are(site: Site, accident: Callable[[Site], object]) -> None:
    before = site.documents()

    accident(site)
    report = site.build()

    assert len(guarded(report)) == 1
    assert "of 20 published articles" in guarded(report)[0]
    assert report.withheld >= 5
    assert site.documents() == before


@pytest.mark.parametrize("accident", ACCIDENTS.values(), ids=list(ACCIDENTS))
def test_guard_says_so_at_every_scan_until_it_is_approved(site: Site, accident: Callable[[Site], object]) -> None:
    accident(site)
    first = site.build()
    site.now += HOUR
    second = site.build()
    assert (guarded(first), first.withheld) == (guarded(second), second.withheld)

    report = site.build(approved=True)

    assert (guarded(report), report.withheld) == ([], 0)
    assert len(numbers(site)) == 20 - first.withheld
    assert guarded(site.build()) == []


def test_content_root_that_is_gone_leaves_the_feeds_as_they_are(site: Site) -> None:
    before = site.documents()
    site.content.rename(site.folder / "elsewhere")

    for approved in (False, True):
        report = site.build(approved=approved)
        assert [problem.kind for problem in report.problems] == ["no-content"]
        assert site.documents() == before

    (site.folder / "elsewhere").rename(site.content)
    assert site.build().problems == ()
    assert site.documents() == before


def test_content_root_that_goes_while_it_is_read_leaves_the_feeds_as_they_are(site: Site) -> None:
    class Leaving(Directory):
        def find(self, known: Container[str]) -> list[str]:  # between the scan and the reading
            site.content.rename(site.folder / "away")
            return super().find(known)

    before = site.documents()
    unpublish(site, 0)
    site.story("new.md")
    with pytest.raises(SourceError, match="cannot be listed"):
        site.build(approved=True, directory=Leaving(site.feeds, no_sync))
    assert site.documents() == before
    (site.folder / "away").rename(site.content)
    assert site.build(approved=True).left != ()


def test_emptied_content_is_guarded_however_small(tmp_path: Path) -> None:
    site = Site(tmp_path, SETTINGS)
    site.story("only.md", "Only")
    site.build()

    (site.content / "only.md").unlink()
    assert guarded(site.build()) == ["1 of 1 published articles would leave the feeds at once; these stay"]
    assert site.titles() == ["Only"]

    site.build(approved=True)
    assert site.titles() == []


def test_additions_and_edits_go_on_while_the_guard_holds(site: Site) -> None:
    remove(site, *range(10))
    site.story("new.md", "100")
    site.story(name(15), "150")
    report = site.build()

    assert report.withheld == 10
    assert numbers(site) == [*range(15), 16, 17, 18, 19, 100, 150]


def test_small_withdrawals_pass_the_guard(site: Site) -> None:
    remove(site, 0, 1)
    unpublish(site, 2, 3)
    report = site.build()

    assert (guarded(report), report.withheld) == ([], 0)
    assert numbers(site) == list(range(4, 20))


@pytest.mark.parametrize(
    ("guard", "held"),
    [
        ("count = 4\nfraction = 0.2", True),
        ("count = 5\nfraction = 0.2", False),
        ("count = 3\nfraction = 0.24", True),
        ("count = 3\nfraction = 0.25", False),
        ("count = 0\nfraction = 0", True),
        ("count = 0\nfraction = 1", False),
    ],
)
def test_guard_holds_what_is_more_than_both_count_and_fraction(site: Site, guard: str, held: bool) -> None:
    site.configure(f"{SETTINGS}[guard]\n{guard}\n")
    remove(site, *range(5))

    assert bool(guarded(site.build())) == held


def test_articles_that_nobody_sees_count_neither_as_public_nor_as_leaving(tmp_path: Path) -> None:
    site = Site(tmp_path, SETTINGS + "[guard]\ncount = 0\nfraction = 0.5\n")
    for number in range(4):
        site.story(f"{number}.md", str(number))
        site.story(f"unpublished{number}.md", published=False)
        site.story(f"embargoed{number}.md", publishedDateTime="2030-01-01")
        site.story(f"expired{number}.md", expiryDate="2024-05-01")
    site.build()
    for number in range(4):
        for kind in ("unpublished", "embargoed", "expired"):
            (site.content / f"{kind}{number}.md").unlink()
    assert guarded(site.build()) == []

    for number in range(3):
        (site.content / f"{number}.md").unlink()
    assert guarded(site.build()) == ["3 of 4 published articles would leave the feeds at once; these stay"]


def test_replacing_most_articles_by_others_is_guarded(site: Site) -> None:
    remove(site, *range(10))
    for number in range(100, 200):
        site.story(f"{number}.md", str(number))

    assert site.build().withheld == 10


def test_moved_files_are_no_withdrawal(site: Site) -> None:
    before = {item["id"] for item in site.items()}
    (site.content / "low").rename(site.content / "moved")
    (site.content / "high").rename(site.content / "low")

    assert guarded(site.build()) == []
    assert numbers(site) == list(range(20))
    assert {item["id"] for item in site.items()} == before


def test_renamed_files_are_no_withdrawal(site: Site) -> None:
    before = {item["id"] for item in site.items()}
    for number in range(20):
        (site.content / name(number)).rename(site.content / f"renamed-{number}.md")

    assert guarded(site.build()) == []
    assert {item["id"] for item in site.items()} == before


def test_moved_file_is_followed_while_the_guard_holds_others(site: Site) -> None:
    (site.content / name(19)).rename(site.content / "moved.md")
    remove(site, *range(10))
    assert site.build().withheld == 10

    site.story("moved.md", "190", webUrl="https://source.example/19")
    site.build()
    assert numbers(site) == [*range(19), 190]


def test_held_articles_stay_though_files_with_their_ids_come_that_show_nothing(site: Site) -> None:
    """A folder that was moved and unpublished in one go is an accident too."""
    for number in range(10):
        (site.content / name(number)).unlink()
        site.story(f"above/{number}.md", str(number), published=False)

    for _ in range(2):
        assert site.build().withheld == 10
        assert numbers(site) == list(range(20))

    site.build(approved=True)
    assert numbers(site) == list(range(10, 20))


def test_held_articles_stay_though_drafts_with_their_ids_are_gone_as_well(site: Site) -> None:
    site.story("low/first.md", "100", guid="same")
    site.story("low/second.md", "101", guid="same", published=False)
    site.build()
    before = site.documents()
    shutil.rmtree(site.content / "low")

    assert site.build().withheld == 11
    assert site.documents() == before


def test_expiry_is_no_accident(tmp_path: Path) -> None:
    site = Site(tmp_path, SETTINGS + GUARD)
    for number in range(20):
        site.story(f"{number}.md", expiryDate="2024-06-01T13:00:00Z")
    site.build()
    site.now = NOON + HOUR

    assert guarded(site.build()) == []
    assert site.titles() == []


def test_restored_content_ends_the_guard(site: Site) -> None:
    before = site.documents()
    (site.content / "low").rename(site.folder / "low")
    site.build()
    (site.folder / "low").rename(site.content / "low")

    assert guarded(site.build()) == []
    assert site.documents() == before


@pytest.mark.parametrize("gone", ["low", ""], ids=["a folder", "all"])
def test_what_is_restored_in_portions_is_kept_until_the_last_is_back(gone: str, site: Site) -> None:
    before, lost = site.documents(), site.folder / "lost"
    (site.content / gone).rename(lost)
    site.build()
    for place in sorted(path for path in lost.rglob("*") if path.is_file()):
        back = site.content / gone / place.relative_to(lost)
        back.parent.mkdir(parents=True, exist_ok=True)
        place.rename(back)
        site.now += HOUR
        site.build()
        assert site.documents() == before
    assert guarded(site.build()) == []


def test_what_is_restored_in_portions_is_kept_by_a_daemon_as_well(site: Site) -> None:
    before, pipeline = site.documents(), site.pipeline()
    pipeline.run(site.now)
    (site.content / "low").rename(site.folder / "low")
    kept = pipeline.run(site.now).withheld
    (site.content / "low").mkdir()
    for place in sorted((site.folder / "low").iterdir()):
        place.rename(site.content / "low" / place.name)
        site.now += HOUR
        kept -= 1
        assert pipeline.run(site.now, hints=[f"low/{place.name}"]).withheld == kept
        assert site.documents() == before
    pipeline.close()
    assert kept == 0


def test_what_is_not_back_a_while_after_the_rest_is_let_go(site: Site) -> None:
    remove(site, *range(10))
    site.build()
    site.now += HOUR
    for number in range(8):
        site.story(name(number), str(number))
    assert site.build().withheld == 2
    site.now += 599
    assert site.build().withheld == 2

    site.now += 1

    assert site.build().withheld == 0
    assert numbers(site) == [*range(8), *range(10, 20)]


def test_much_is_kept_however_long_nothing_comes_back(site: Site) -> None:
    remove(site, *range(10))
    for _ in range(3):
        site.now += HOUR
        assert site.build().withheld == 10


def test_content_that_was_away_and_is_back_as_it_was_leaves_nothing_to_keep(site: Site) -> None:
    site.settle()
    site.build()
    (site.content / "low").rename(site.folder / "low")
    site.build()
    (site.folder / "low").rename(site.content / "low")
    assert site.build().withheld == 0

    remove(site, 3)
    assert site.build().withheld == 0
    assert 3 not in numbers(site)


def test_the_rest_of_what_was_kept_can_be_approved(site: Site) -> None:
    remove(site, *range(10))
    site.build()
    restore = [name(number) for number in range(8)]
    for path in restore:
        site.story(path, publishedDateTime="2024-05-01T08:00:00Z")
    report = site.build()
    assert [held.path for held in report.held] == [name(8), name(9)]

    assert site.build(approved=(report.digest,)).withheld == 0
    assert len(site.titles()) == 18


def test_while_the_guard_keeps_some_a_few_others_may_leave(site: Site) -> None:
    remove(site, *range(10))
    site.build()

    site.story(name(15), published=False)
    report = site.build()

    assert report.withheld == 10
    assert 15 not in numbers(site)


def test_what_was_kept_and_is_unpublished_now_leaves(site: Site) -> None:
    remove(site, *range(10))
    site.build()

    site.story(name(3), published=False)
    site.build()

    assert 3 not in numbers(site)
    assert {1, 2, 4} <= set(numbers(site))


VANISHED: dict[str, Callable[[Site], object]] = {
    "root gone": lambda site: site.content.rename(site.folder / "elsewhere"),
    "root emptied": lambda site: [shutil.rmtree(folder) for folder in list(site.content.iterdir())],
    "files gone, folders there": lambda site: remove(site, *range(20)),
}


def hinted(site: Site, accident: Callable[[Site], object], named: int) -> Report:
    """A run that is told of the first so many of the files that an accident befalls."""
    pipeline = site.pipeline()
    pipeline.run(site.now)
    accident(site)
    report = pipeline.run(site.now, hints=[name(number) for number in range(named)])
    pipeline.close()
    return report


@pytest.mark.parametrize("named", [1, 3, 20])
@pytest.mark.parametrize("accident", VANISHED.values(), ids=list(VANISHED))
def test_hints_of_a_part_are_enough_to_see_that_all_is_gone(
    site: Site, accident: Callable[[Site], object], named: int
) -> None:
    before = site.documents()

    report = hinted(site, accident, named)

    assert [problem.kind for problem in report.problems] in (["guard"], ["no-content"])
    assert site.documents() == before


def test_guard_holds_against_many_hints(site: Site) -> None:
    report = hinted(site, lambda site: remove(site, *range(10)), 10)

    assert report.withheld == 10
    assert numbers(site) == list(range(20))


def test_few_hints_of_removed_files_pass_the_guard(site: Site) -> None:
    report = hinted(site, lambda site: remove(site, 0, 1, 2), 3)

    assert report.problems == ()
    assert numbers(site) == list(range(3, 20))


def test_approval_is_for_one_run(site: Site) -> None:
    site.build(approved=True)
    remove(site, *range(10))

    assert site.build().withheld == 10


def test_drafts_that_are_gone_with_all_others_are_not_given_away(tmp_path: Path) -> None:
    site = Site(tmp_path, "[guard]\ncount = 0\n")
    site.story("draft.md", "Secret", published=False, webUrl="https://source.example/draft")
    for number in range(3):
        related = [{"title": "Secret", "webUrl": "https://source.example/draft"}]
        site.story(f"{number}.md", webUrl=f"https://source.example/{number}", related=related)
    site.build()
    before = site.documents()
    for path in list(site.content.iterdir()):
        path.unlink()
    report = site.build()

    assert (report.withheld, report.written) == (3, ())
    assert site.documents() == before


def hourglass(site: Site, *portions: range, wait: int = 1) -> list[Report]:
    """Runs of one process, a moment apart, each told of files that were removed before it."""
    pipeline = site.pipeline()
    pipeline.run(site.now)
    reports: list[Report] = []
    for portion in portions:
        remove(site, *portion)
        site.now += wait
        reports.append(pipeline.run(site.now, hints=[name(number) for number in portion]))
    pipeline.close()
    return reports


def test_guard_adds_up_what_leaves_in_small_portions(site: Site) -> None:
    first, second, third = hourglass(site, range(3), range(3, 4), range(4, 7))

    assert [len(report.left) for report in (first, second, third)] == [3, 1, 0]
    assert third.withheld == 3
    assert "after the 4 that left within a minute" in third.problems[0].what
    assert numbers(site) == list(range(4, 20))


def test_what_left_a_while_ago_does_not_count(site: Site) -> None:
    reports = hourglass(site, range(3), range(3, 6), range(6, 9), wait=60)

    assert [report.withheld for report in reports] == [0, 0, 0]
    assert numbers(site) == list(range(9, 20))


def test_an_approval_settles_what_left_before(site: Site) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    remove(site, *range(4))
    pipeline.run(site.now)
    pipeline.run(site.now, approved=True)
    remove(site, 4, 5, 6)
    report = pipeline.run(site.now)
    pipeline.close()

    assert (report.withheld, len(report.left)) == (0, 3)


def test_a_clock_that_is_set_back_forgets_what_left(site: Site) -> None:
    reports = hourglass(site, range(3), range(3, 6), wait=-1)

    assert [report.withheld for report in reports] == [0, 0]


def test_what_a_failed_run_would_have_let_go_does_not_count(site: Site) -> None:
    """It left in no run: the next one must not add it to itself."""
    fails = False

    def progress(what: str, done: int, total: int) -> None:
        if fails and what == "feeds":
            raise OSError("the disk is on fire")

    pipeline = site.pipeline(progress=progress)
    pipeline.run(site.now)
    remove(site, 0, 1, 2)
    fails = True
    with pytest.raises(OSError, match="fire"):
        pipeline.run(site.now)
    fails = False
    report = pipeline.run(site.now)
    pipeline.close()

    assert (report.withheld, len(report.left)) == (0, 3)

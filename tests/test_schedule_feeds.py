"""Feeds with a schedule: articles enter at its moments only, and leave at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedd.explain import explain
from feedd.testing import NOON, FailingDirectory, Site

DIGEST = '[[feed]]\nname = "digest"\nschedule = "0 7 * * *"\n'
HOUR = 3600
SEVEN = NOON + 19 * HOUR
"""The first moment of the schedule after a site's clock starts: 2024-06-02T07:00:00Z."""


def site_with(folder: Path, *stories: str, wishes: str = "", settings: str = "") -> Site:
    """A site whose digest was made with these stories."""
    site = Site(folder, DIGEST + wishes + settings)
    for story in stories:
        site.story(f"{story}.md")
    site.build()
    return site


def after(site: Site, now: int) -> list[str]:
    """What is in the digest after a run at a moment."""
    site.now = now
    site.build()
    return site.titles("digest")


def test_a_new_feed_is_made_at_once(tmp_path: Path) -> None:
    assert site_with(tmp_path, "a", "b").titles("digest") == ["a", "b"]


def test_a_story_enters_at_the_next_moment_and_not_before(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, NOON + 1) == ["a"]
    assert site.titles("all") == ["a", "b"]
    assert after(site, SEVEN - 1) == ["a"]
    assert after(site, SEVEN) == ["a", "b"]


def test_a_run_at_the_moment_is_asked_for_and_needs_no_change_of_a_file(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    pipeline = site.pipeline()
    try:
        assert [pipeline.run(NOON + 1, ["b.md"]).due, pipeline.run(NOON + 2, []).due] == [SEVEN, SEVEN]
        report = pipeline.run(SEVEN, [])
    finally:
        pipeline.close()
    assert (report.feeds, report.due) == (1, SEVEN + 24 * HOUR)
    assert site.titles("digest") == ["a", "b"]


def test_a_moment_that_was_missed_is_made_up_for(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, SEVEN + 50 * HOUR) == ["a", "b"]


def test_an_embargo_that_ends_between_moments_waits_for_the_next(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md", publishedDateTime="2024-06-01T13:00:00Z")
    assert after(site, NOON + 2 * HOUR) == ["a"]
    assert after(site, SEVEN) == ["b", "a"]


def change(**front: Any) -> Callable[[Site], object]:
    return lambda site: site.story("b.md", **front)


@pytest.mark.parametrize(
    "withdraw",
    [
        change(published=False),
        change(removed=True),
        change(publishedDateTime="2030-01-01T00:00:00Z"),
        change(expiryDate="2024-06-01T12:00:01Z"),
        change(topics=["Cars"]),
        lambda site: (site.content / "b.md").unlink(),
    ],
    ids=["unpublished", "removed", "embargoed", "expired", "of-another-topic", "deleted"],
)
def test_what_is_withdrawn_leaves_at_once(withdraw: Callable[[Site], object], tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b", "c", wishes='topics = ["AI"]\n')
    withdraw(site)
    assert after(site, NOON + 1) == ["a", "c"]


def test_what_expires_leaves_at_its_second(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md", expiryDate="2024-06-02T08:00:00Z")
    assert after(site, SEVEN) == ["a", "b"]
    assert after(site, SEVEN + HOUR - 1) == ["a", "b"]
    assert after(site, SEVEN + HOUR) == ["a"]


def test_what_left_by_mistake_comes_back_to_its_place(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b", "c")
    site.story("b.md", published=False)
    assert after(site, NOON + 1) == ["a", "c"]
    site.story("b.md")
    assert after(site, NOON + 2) == ["a", "b", "c"]


def test_an_edit_of_a_member_is_shown_at_once(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b")
    site.story("b.md", "B, corrected")
    assert after(site, NOON + 1) == ["a", "B, corrected"]


def test_nothing_fills_up_what_left(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b", "c", wishes="limit = 2\n")
    assert site.titles("digest") == ["a", "b"]
    site.story("a.md", published=False)
    assert after(site, NOON + 1) == ["b"]
    assert after(site, SEVEN) == ["b", "c"]


def test_what_grows_too_old_stays_until_the_next_moment(tmp_path: Path) -> None:
    site = Site(tmp_path, DIGEST + 'max_age = "1d"\n')
    site.story("a.md", publishedDateTime="2024-05-31T13:00:00Z")
    assert after(site, NOON) == ["a"]
    assert after(site, SEVEN - 1) == ["a"]
    assert after(site, SEVEN) == []


def test_a_digest_by_heat_keeps_its_order(tmp_path: Path) -> None:
    """Heat changes all the time, and a digest between its moments only if somebody withdraws or corrects."""
    site = Site(tmp_path, DIGEST + 'order = "heat"\n')
    for title, heat in (("a", 2), ("b", 1)):
        site.story(f"{title}.md", heat=heat)
    assert after(site, NOON) == ["a", "b"]
    site.story("b.md", heat=9)
    written = site.documents()["digest.atom"]
    assert after(site, NOON + 1) == ["a", "b"]
    assert site.documents()["digest.atom"] == written
    assert after(site, SEVEN) == ["b", "a"]


# With minimum heat


def test_who_reaches_the_minimum_enters_at_the_next_moment(tmp_path: Path) -> None:
    site = Site(tmp_path, DIGEST + "min_heat = 5\n")
    site.story("a.md", heat=5)
    site.story("b.md", heat=4)
    assert after(site, NOON) == ["a"]
    site.story("a.md", heat=0)
    site.story("b.md", heat=6)
    assert after(site, NOON + 1) == ["a"]
    assert after(site, SEVEN) == ["a", "b"]


def test_who_reached_it_between_moments_only_does_not_enter(tmp_path: Path) -> None:
    site = Site(tmp_path, DIGEST + "min_heat = 5\n")
    site.story("a.md", heat=5)
    assert after(site, NOON) == ["a"]
    for now, heat in ((NOON + 1, 9), (NOON + 2, 0)):
        site.story("b.md", heat=heat)
        assert after(site, now) == ["a"]
    assert after(site, SEVEN) == ["a"]


def test_who_was_withdrawn_has_to_earn_its_place_again_at_the_next_moment(tmp_path: Path) -> None:
    site = Site(tmp_path, DIGEST + "min_heat = 5\n")
    site.story("a.md", heat=5)
    site.story("b.md", heat=5)
    assert after(site, NOON) == ["a", "b"]
    site.story("b.md", heat=0, published=False)
    assert after(site, NOON + 1) == ["a"]
    site.story("b.md", heat=0)
    assert after(site, NOON + 2) == ["a", "b"]
    assert after(site, SEVEN) == ["a"]


# One story told twice


def test_the_later_of_two_that_tell_a_story_does_not_take_the_place_of_the_earlier(tmp_path: Path) -> None:
    twin = "https://source.example/story"
    site = Site(tmp_path, DIGEST)
    site.story("a.md", webUrl=twin)
    site.story("b.md", webUrl=twin, publishedDateTime="2024-05-02T08:00:00Z")
    assert after(site, NOON) == ["a"]
    site.story("a.md", webUrl=twin, published=False)
    assert after(site, NOON + 1) == []
    assert after(site, SEVEN) == ["b"]


def test_an_earlier_twin_that_comes_later_does_not_take_the_place_of_a_member(tmp_path: Path) -> None:
    twin = "https://source.example/story"
    site = Site(tmp_path, DIGEST)
    site.story("b.md", webUrl=twin, publishedDateTime="2024-05-02T08:00:00Z")
    assert after(site, NOON) == ["b"]
    site.story("a.md", webUrl=twin)
    assert after(site, NOON + 1) == ["b"]
    assert after(site, SEVEN) == ["a"]


def test_of_two_members_that_tell_one_story_since_an_edit_the_earlier_stays(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b")
    site.story("b.md", webUrl="https://source.example/a")
    assert after(site, NOON + 1) == ["a"]


# The state, the clock, the configuration


def test_without_the_state_the_feed_is_made_anew(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, NOON + 1) == ["a"]
    for file in site.state.iterdir():
        file.unlink()
    assert after(site, NOON + 2) == ["a", "b"]


def test_a_document_that_could_not_be_written_at_the_moment_is_that_of_the_moment(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    site.now = SEVEN
    site.build(directory=FailingDirectory(site.feeds, ["digest.json"]))
    assert site.titles("digest") == ["a"]
    site.story("c.md")
    assert after(site, SEVEN + 1) == ["a", "b"]


def test_a_clock_that_is_set_back_keeps_the_members_and_waits_for_the_next_moment_by_it(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, SEVEN) == ["a", "b"]
    site.now = NOON
    assert site.build().due == SEVEN
    site.story("c.md")
    assert after(site, NOON + 1) == ["a", "b"]
    assert after(site, SEVEN) == ["a", "b", "c"]


def test_a_clock_that_was_ahead_for_a_while_shows_nothing_early(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md", publishedDateTime="2024-06-03T12:00:00Z")
    assert after(site, NOON + 100 * HOUR) == ["b", "a"]
    assert after(site, NOON + 1) == ["a"]


def test_a_schedule_that_is_taken_out_lets_articles_in_at_once(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, NOON + 1) == ["a"]
    site.configure('[[feed]]\nname = "digest"\n')
    assert after(site, NOON + 2) == ["a", "b"]
    site.story("c.md")
    assert after(site, NOON + 3) == ["a", "b", "c"]


def test_a_schedule_that_is_put_in_starts_with_what_there_is(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.configure('[[feed]]\nname = "digest"\n')
    site.story("b.md")
    assert after(site, NOON + 1) == ["a", "b"]
    site.configure(DIGEST)
    assert after(site, NOON + 2) == ["a", "b"]
    site.story("c.md")
    assert after(site, NOON + 3) == ["a", "b"]
    assert after(site, SEVEN) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "wishes",
    ['topics = ["AI"]', "limit = 7", 'order = "oldest"', 'schedule = "0 8 * * *"', 'max_age = "500w"', "min_heat = 0"],
)
def test_a_feed_that_is_to_hold_something_else_is_made_anew(wishes: str, tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    lines = DIGEST.splitlines() if "schedule" not in wishes else DIGEST.splitlines()[:2]
    site.configure("\n".join([*lines, wishes, ""]))
    assert after(site, NOON + 1) == ["a", "b"]


def test_another_time_zone_makes_the_feed_anew(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    assert after(site, NOON + 1) == ["a"]
    site.configure(DIGEST + '[schedule]\ntimezone = "Asia/Tokyo"\n')
    assert site.build().due == NOON + 10 * HOUR
    assert site.titles("digest") == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        DIGEST + 'title = "The digest"\ndescription = "What there was."\n',
        DIGEST + '[[feed]]\nname = "other"\n',
        DIGEST + '[output]\ntopics = false\nformats = ["json"]\n',
        DIGEST + '[[taxonomy.topic]]\nname = "Artificial Intelligence"\naliases = ["AI"]\n',
    ],
    ids=["title", "another-feed", "output", "taxonomy"],
)
def test_any_other_change_of_the_configuration_lets_nothing_in(text: str, tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    site.configure(text)
    assert after(site, NOON + 1) == ["a"]


# Explain


@dataclass
class Asked:
    """What `explain` says of an article and the digest."""

    rules: dict[str, bool] = field(default_factory=dict)
    schedule: str = ""
    shown: bool = False


def asked(site: Site, path: str, now: int) -> Asked:
    """After a run a moment after the last."""
    pipeline = site.pipeline()
    try:
        pipeline.run(site.now + 1)
        found = explain(pipeline, path, now, "digest")
    finally:
        pipeline.close()
    verdicts = found.feeds["digest"]
    says = next((one.says for one in verdicts if one.rule == "schedule"), "")
    return Asked({one.rule: one.passes for one in verdicts}, says, found.shown_in("digest"))


def test_an_article_that_is_in_is_explained_by_when_it_was_chosen(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    found = asked(site, "a.md", NOON + 1)
    assert found.schedule == "is in the feed at least until 2024-06-02T07:00:00Z"
    assert found.rules == {"same-story": True, "schedule": True}
    assert found.shown


def test_an_article_that_waits_is_told_when_it_enters(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    found = asked(site, "b.md", NOON + 1)
    assert found.schedule == "enters at 2024-06-02T07:00:00Z"
    assert [rule for rule, passes in found.rules.items() if not passes] == ["schedule"]
    assert not found.shown


def test_an_article_under_embargo_enters_at_the_first_moment_after_it(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md", publishedDateTime="2024-06-04T07:00:00Z")
    assert asked(site, "b.md", NOON + 1).schedule == "enters at 2024-06-04T07:00:00Z"


def test_of_an_article_that_does_not_fit_no_entry_is_promised(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", wishes='topics = ["AI"]\n')
    site.story("b.md", topics=["Cars"])
    found = asked(site, "b.md", NOON + 1)
    assert found.schedule == "the feed is chosen anew at 2024-06-02T07:00:00Z"
    assert not found.rules["topics"]


def test_a_member_whose_story_another_tells_by_now_is_explained(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a", "b")
    site.story("b.md", webUrl="https://source.example/a")
    found = asked(site, "b.md", NOON + 1)
    assert found.rules == {"same-story": False, "schedule": True}
    assert not found.shown


def test_a_feed_whose_calendar_has_ended_lets_nothing_in_any_more(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "digest"\nschedule = "@yearly"\n')
    site.now = int(datetime(9998, 6, 1, tzinfo=UTC).timestamp())
    site.story("a.md")
    assert site.build().due is None
    site.story("b.md")
    found = {path: asked(site, path, site.now + 1).schedule for path in ("a.md", "b.md")}
    assert found == {"a.md": "is in the feed at least until it is withdrawn", "b.md": "nothing enters any more"}


def test_at_the_next_moment_all_rules_are_asked(tmp_path: Path) -> None:
    site = site_with(tmp_path, "a")
    site.story("b.md")
    found = asked(site, "b.md", SEVEN)
    assert found.rules == {"same-story": True, "limit": True}
    assert found.shown


def test_a_feed_without_schedule_is_explained_without(tmp_path: Path) -> None:
    site = Site(tmp_path, '[[feed]]\nname = "digest"\n')
    site.story("a.md")
    assert asked(site, "a.md", NOON + 1).rules == {"same-story": True, "limit": True}


# Whatever happens

fronts = st.fixed_dictionaries(
    {},
    optional={
        "published": st.booleans(),
        "publishedDateTime": st.integers(0, 40).map(lambda hours: moment(NOON - 10 * HOUR + hours * HOUR)),
        "expiryDate": st.integers(0, 40).map(lambda hours: moment(NOON + hours * HOUR)),
        "heat": st.integers(0, 2),
        "topics": st.sampled_from([["AI"], ["Cars"]]),
        "webUrl": st.sampled_from(["https://source.example/x", "https://source.example/y"]),
    },
)
steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | fronts, st.sampled_from([0, 1, 6, 13, -20])), min_size=1, max_size=8
)
wishes = st.sampled_from(
    ["", 'topics = ["AI"]\n', "min_heat = 1\n", "limit = 2\n", 'max_age = "6h"\norder = "oldest"\n']
)


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps, wishes=wishes)
def test_at_every_moment_the_members_are_among_what_is_public(
    steps: list[tuple[str, dict[str, Any] | None, int]], wishes: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And between moments nobody enters, nor takes another place, however the clock is set."""
    site = Site(tmp_path_factory.mktemp("site"), DIGEST + wishes + "[guard]\nfraction = 1\n")
    site.story("z.md", topics=["AI"], heat=2)
    pipeline = site.pipeline()
    try:
        pipeline.run(site.now)
        chosen, due = ids(site), SEVEN
        for story, front, hours in steps:
            if front is None:
                (site.content / f"{story}.md").unlink(missing_ok=True)
            else:
                site.story(f"{story}.md", **front)
            site.now += hours * HOUR
            report = pipeline.run(site.now, [f"{story}.md"])
            cards = [card for id in ids(site) if (card := pipeline.catalogue.get(id)) and card.shown(site.now)]
            assert [card.id for card in cards] == ids(site)
            if site.now >= due:
                chosen = ids(site)
            assert [id for id in chosen if id in ids(site)] == ids(site)
            due = SEVEN + ((site.now - SEVEN) // (24 * HOUR) + 1) * 24 * HOUR
            assert report.due is not None
            assert site.now < report.due <= due
    finally:
        pipeline.close()


def ids(site: Site) -> list[str]:
    return [item["id"] for item in site.items("digest")]

"""Places: what the disk tells of directories, for the one who asks and for the service's user."""

import os
from pathlib import Path

import pytest

from feedd.checks import places
from feedd.checks.articles import Survey
from feedd.checks.world import Room, Who
from feedd.errors import Problem
from feedd.testing import Site, bound_by_permissions, quiet_world

FEEDD = Who("feedd", 4711, frozenset({4711, 4712}))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 1)  # all may pass
    return Site(tmp_path)


def directories(site: Site, who: Who | None = FEEDD) -> list[Problem]:
    return list(places.directories(site.config, quiet_world(), who))


@pytest.mark.parametrize(
    ("owner", "group", "mode", "reads", "writes"),
    [
        (4711, 0, 0o600, True, True),
        (4711, 4711, 0o060, False, False),  # the owner's bits count, whatever others may
        (0, 4712, 0o060, True, True),
        (0, 4712, 0o006, False, False),
        (0, 0, 0o004, True, False),
        (0, 0, 0o660, False, False),
    ],
)
def test_what_a_user_may_is_told_by_the_mode(
    owner: int, group: int, mode: int, reads: bool, writes: bool, site: Site
) -> None:
    file = site.folder / "file"
    file.write_text("")
    file.chmod(mode)
    os.chown(file, owner, group)
    assert (places.can(file, os.R_OK, FEEDD), places.can(file, os.W_OK, FEEDD)) == (reads, writes)
    assert places.can(file, os.R_OK | os.W_OK, Who("root", 0, frozenset()))


def test_who_may_not_enter_a_folder_above_may_nothing(site: Site) -> None:
    file = site.folder / "deep" / "file"
    file.parent.mkdir(mode=0o700)
    file.write_text("")
    file.chmod(0o666)
    assert not places.can(file, os.R_OK, FEEDD)
    file.parent.chmod(0o711)
    assert places.can(file, os.R_OK, FEEDD)


def test_directories_of_the_service_are_no_problem(site: Site) -> None:
    for folder in (site.feeds, site.state):
        folder.mkdir(mode=0o750)
        os.chown(folder, 4711, 4711)
    assert directories(site) == []


def test_a_folder_that_root_made_in_the_output_is_one(site: Site) -> None:
    """As `sudo feedd build` leaves it."""
    for folder in (site.feeds, site.state):
        folder.mkdir(mode=0o750)
        os.chown(folder, 4711, 4711)
    (site.feeds / "topics").mkdir(mode=0o755)
    (problem,) = directories(site)
    assert (problem.kind, problem.field) == ("not-writable", "output.path")
    assert problem.what == f"{site.feeds / 'topics'} is not a directory that the user feedd can write in"


def test_a_database_that_root_made_is_one(site: Site) -> None:
    site.story("a.md")
    site.build()
    for folder in (site.feeds, site.state, *(path for path in site.feeds.rglob("*") if path.is_dir())):
        os.chown(folder, 4711, 4711)
    (problem,) = directories(site)
    assert problem.what == f"{site.state / 'feedd.sqlite3'} is not a file that the user feedd can write"


def test_a_place_that_nobody_may_enter_ends_no_check(site: Site) -> None:
    locked = site.folder / "locked"
    (locked / "feeds").mkdir(parents=True)
    locked.chmod(0)
    site.configure('[output]\npath = "locked/feeds"\n')
    with bound_by_permissions():
        assert [one.kind for one in directories(site, None)] == ["not-writable"]


def test_one_file_system_is_asked_for_room_once(site: Site) -> None:
    asked: list[Path] = []
    world = quiet_world(room=lambda path: asked.append(path) or Room(1 << 40))
    assert list(places.directories(site.config, world, None)) == []
    assert asked == [site.folder]


def test_a_file_system_that_counts_no_files_has_room(site: Site) -> None:
    assert list(places.directories(site.config, quiet_world(room=lambda _: Room(1 << 40, None)), None)) == []
    assert list(places.directories(site.config, quiet_world(room=lambda _: None), None)) == []


# The output directory


def foreign(site: Site, survey: Survey | None = None) -> list[str]:
    return [Path(one.file).name for one in places.foreign(site.config, survey or Survey())]


def test_nothing_that_feedd_wrote_is_foreign(site: Site) -> None:
    site.configure('[pages]\n[[feed]]\nname = "mine"\n')
    for number in range(60):
        site.story(f"{number}.md", title=f"n{number}", publishedDateTime=f"2024-0{number % 5 + 1}-01T00:00:00Z")
    site.build()
    survey = Survey()
    survey.topics.selected.add("ai")
    survey.providers.selected.add("source.example")
    assert len(site.documents()) > 20
    assert foreign(site, survey) == []


def test_files_of_others_are_foreign_where_feedd_would_write_alone(site: Site) -> None:
    site.configure('[pages]\n[[feed]]\nname = "mine"\n')
    names = ["index.html", "mine.json", "robots.txt", "yours.json", "topics/ai.atom", "topics/cars.atom"]
    for name in names:
        (site.feeds / name).parent.mkdir(parents=True, exist_ok=True)
        (site.feeds / name).write_text("mine")
    survey = Survey()
    survey.topics.selected.add("ai")
    assert foreign(site, survey) == ["index.html", "mine.json", "ai.atom"]


# The state


def test_a_state_that_feedd_made_is_no_problem(site: Site) -> None:
    site.story("a.md")
    site.build()
    assert list(places.state(site.config)) == []


def test_a_state_that_is_not_there_is_no_problem(site: Site) -> None:
    assert list(places.state(site.config)) == []


def test_a_state_in_use_is_read_as_it_is(site: Site) -> None:
    site.story("a.md")
    pipeline = site.pipeline()
    try:
        pipeline.run(site.now)
        with site.database.transaction():
            site.database.execute("INSERT OR REPLACE INTO meta VALUES ('x', x'00')")
            assert list(places.state(site.config)) == []
    finally:
        pipeline.close()


# Mounts


@pytest.mark.parametrize(
    ("point", "kind", "kinds"),
    [
        ("", "nfs4", [("content.path", "suggestion"), ("state.path", "warning"), ("output.path", "suggestion")]),
        ("", "ext4", []),
        ("state", "cifs", [("state.path", "warning")]),
        ("content/news", "9p", [("content.path", "suggestion")]),
    ],
)
def test_what_lies_elsewhere_is_told_of_each_place(
    point: str, kind: str, kinds: list[tuple[str, str]], site: Site
) -> None:
    mounts = f"1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:9 / {(site.folder / point).resolve()} rw - {kind} x rw\n"
    found = list(places.remote(site.config, quiet_world(mounts=lambda: mounts)))
    assert [(one.field, one.severity) for one in found] == kinds
    assert {one.kind for one in found} <= {"network-mount"}


def test_who_polls_is_not_told_to(site: Site) -> None:
    site.configure('[watch]\nmode = "poll"\n')
    mounts = f"2 1 0:9 / {site.content.resolve()} rw - nfs4 x rw\n"
    assert list(places.remote(site.config, quiet_world(mounts=lambda: mounts))) == []

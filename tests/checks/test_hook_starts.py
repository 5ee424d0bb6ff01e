"""Hook: whether the command could be started, by whom."""

import os
from pathlib import Path

import pytest

from feedd.checks.hook import startable
from feedd.checks.world import Who
from feedd.testing import Site

SERVICE = Who("feedd", 4711, frozenset({4712}))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if not folder.stat().st_mode & 1:
            folder.chmod(0o755)  # the service's user may enter it
    site = Site(tmp_path)
    site.configure('[hooks]\ncommand = ["./bin/purge"]\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "purge").write_text("#!/bin/sh\n")
    return site


def told(site: Site, who: Who | None = None, search: str = "") -> list[str]:
    return [one.what.replace(str(site.folder), "SITE") for one in startable(site.config, site.file, who, search)]


@pytest.mark.parametrize(
    ("mode", "who", "fine"),
    [(0o755, None, True), (0o644, None, False), (0o755, SERVICE, True), (0o744, SERVICE, False)],
)
def test_a_command_may_be_executed_by_whom_the_service_runs_as(
    mode: int, who: Who | None, fine: bool, site: Site
) -> None:
    (site.folder / "bin" / "purge").chmod(mode)
    assert (told(site, who) == []) == fine


def test_root_executes_nothing_that_nobody_may(site: Site) -> None:
    (site.folder / "bin" / "purge").chmod(0o644)
    assert told(site, Who("root", 0, frozenset())) == ["SITE/bin/purge is not a program that the user root may run"]


def test_a_folder_is_no_program(site: Site) -> None:
    site.configure('[hooks]\ncommand = ["./bin"]\n')
    assert told(site) == ["SITE/bin is not a program that this user may run"]


def test_a_bare_name_is_looked_for_where_programs_are(site: Site) -> None:
    (site.folder / "bin" / "purge").chmod(0o755)
    site.configure('[hooks]\ncommand = ["purge"]\n')
    assert told(site, search=f"/nowhere{os.pathsep}{site.folder}/bin") == []
    assert told(site, search=f"/nowhere{os.pathsep}") == ["there is no program purge on PATH"]


def test_without_a_command_there_is_nothing_to_start(site: Site) -> None:
    site.configure("[hooks]\n")
    assert told(site) == []

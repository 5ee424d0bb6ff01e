"""Directories that symbolic links lead into one another: refused by whatever puts the configuration to use."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedd.cli import main
from feedd.config import load
from feedd.errors import ConfigError
from feedd.testing import Site, asked, running


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.story("draft.md", "Not for anybody", published=False)
    site.feeds.mkdir()
    return site


def feedd(site: Site, *command: str) -> Result:
    return CliRunner().invoke(main, [*command, "--config", str(site.file)], catch_exceptions=False)


def state_is_served(site: Site) -> None:
    (site.feeds / "inner").mkdir(mode=0o750)
    site.state.symlink_to("feeds/inner")


def output_is_read(site: Site) -> None:
    site.feeds.rmdir()
    (site.content / "feeds").mkdir()
    site.feeds.symlink_to("content/feeds")


def content_is_served(site: Site) -> None:
    (site.feeds / "articles").mkdir()
    for file in site.content.iterdir():
        file.rename(site.feeds / "articles" / file.name)
    site.content.rmdir()
    site.content.symlink_to("feeds/articles")


def state_stirs_the_content(site: Site) -> None:
    site.state.symlink_to("content")


CASES: dict[Callable[[Site], None], tuple[str, str]] = {
    state_is_served: ("state.path: is inside output.path", "so the state would be served"),
    output_is_read: ("output.path: is inside content.path", "so feedd would read its own feeds"),
    content_is_served: ("output.path: holds content.path", "so the articles' sources would be served"),
    state_stirs_the_content: ("state.path: is content.path", "so each write of the state would look like a change"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("command", ["build", "run", "diff", "prune", "approve", "check", "explain"])
def test_what_links_lead_together_is_refused_and_nothing_is_written(
    case: Callable[[Site], None], command: str, site: Site
) -> None:
    case(site)
    before = sorted(site.folder.rglob("*"))
    result = feedd(site, command, *(["draft.md"] if command == "explain" else []))

    assert result.exit_code == 78
    said = result.output
    (field, _, what), why = CASES[case][0].partition(": "), CASES[case][1]
    assert f"{what}, since symbolic links lead from {site.folder}" in said
    assert field in said
    assert why in said
    assert "or lead the link elsewhere." in said
    assert sorted(site.folder.rglob("*")) == before


def test_the_key_is_named_with_its_line(site: Site) -> None:
    site.configure('[state]\npath = "elsewhere"\n')
    (site.feeds / "inner").mkdir()
    (site.folder / "elsewhere").symlink_to("feeds/inner")

    with pytest.raises(ConfigError) as caught:
        load(site.file)
    [problem] = caught.value.problems
    written = site.file.read_text().splitlines()
    assert (problem.kind, problem.field) == ("conflict", "state.path")
    assert written[(problem.line or 0) - 1] == 'path = "elsewhere"'
    assert problem.what == (
        f"is inside output.path, since symbolic links lead from {site.folder}/elsewhere to {site.feeds}/inner, "
        "so the state would be served"
    )


def test_a_state_and_a_content_directory_behind_links_that_lead_elsewhere_are_fine(site: Site, tmp_path: Path) -> None:
    for number, place in enumerate((site.content, site.state, site.feeds)):
        real = tmp_path / f"disk-{number}"
        place.rename(real) if place.exists() else real.mkdir()
        place.symlink_to(real)

    assert feedd(site, "build").exit_code == 0
    assert load(site.file).state.path == site.state


def test_a_link_that_leads_in_a_circle_counts_as_it_is_written(site: Site) -> None:
    site.state.symlink_to(site.state)

    assert load(site.file).state.path == site.state


def test_a_reload_keeps_what_is_in_force(site: Site) -> None:
    (site.feeds / "inner").mkdir()
    (site.folder / "elsewhere").symlink_to("feeds/inner")
    with running(site) as inbox:
        site.configure('[state]\npath = "elsewhere"\n')
        reply = asked(inbox, "reload")

        assert reply["refused"] is True
        assert reply["problems"][0]["field"] == "state.path"
        assert list((site.feeds / "inner").iterdir()) == []
        assert asked(inbox, "status")["status"]["configuration"]["last_error"]
    assert list(site.state.iterdir())

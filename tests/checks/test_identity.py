"""Identity: a setting that changes ids is told of before readers see any of them."""

import shutil
from pathlib import Path

import pytest

from feedd.check import check
from feedd.checks.identity import changed_ids
from feedd.desk import Desk
from feedd.testing import SETTINGS, Site, quiet_world


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with two articles that were told with tag:news.example,2020, and one that brought its own id."""
    site = Site(tmp_path)
    site.story("first.md")
    site.story("second.md")
    site.story("other.md", guid="tag:other.example,2001:1")
    site.build()
    return site


def configure(site: Site, url: str = "https://news.example/", below: str = "") -> None:
    site.file.write_text(SETTINGS.replace("https://news.example/", url, 1) + below, encoding="utf-8")


def said(site: Site) -> list[str]:
    return [str(problem).removeprefix(f"{site.file}:") for problem in changed_ids(site.config, site.file)]


def test_nothing_is_said_while_ids_stay(site: Site) -> None:
    configure(site, "https://News.Example:8443/", 'id_date = "2020"\n')

    assert said(site) == []


def test_another_url_is_named_with_the_authority_that_it_gave(site: Site) -> None:
    configure(site, "https://new.example/")

    assert said(site) == [
        "3: site.url: makes new ids with new.example, but 2 public articles were told with news.example: "
        "articles that the state knows keep their ids, feeds and new articles get others; if the state is lost, all "
        "do, and readers show what they have as new. "
        'Write id_authority = "news.example" below [site], unless that is meant.'
    ]


def test_another_authority_and_another_date_are_named_where_they_are_written(site: Site) -> None:
    configure(site, below='id_authority = "new.example"\nid_date = "2024-05"\n')

    assert [line.partition(", but")[0] for line in said(site)] == [
        "5: site.id_authority: makes new ids with new.example",
        "6: site.id_date: makes new ids with 2024-05",
    ]


def test_nothing_is_said_once_the_new_ids_were_told(site: Site) -> None:
    configure(site, "https://new.example/")
    site.story("third.md")
    site.build()

    assert said(site) == []


def test_nothing_is_said_of_ids_that_articles_bring(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.story("other.md", guid="tag:other.example,2001:1")
    site.build()

    assert said(site) == []


def test_nothing_is_said_without_a_state(site: Site) -> None:
    configure(site, "https://new.example/")
    shutil.rmtree(site.state)

    assert said(site) == []
    assert not site.state.exists()


def test_check_warns_of_it(site: Site) -> None:
    configure(site, "https://new.example/")
    problems, _ = check(Desk(site.config), site.file, site.now, quiet_world())

    assert [(problem.kind, problem.severity) for problem in problems if problem.field == "site.url"] == [
        ("changed-ids", "warning")
    ]

"""What was known of a taxonomy that cannot be read now stays, as the last good version of an article does."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path, PosixPath

import pytest
from msgspec.structs import replace

from feedd.pipeline import silent
from feedd.testing import Site

SETTINGS = """\
[taxonomy]
topics = ["content/_data/topics", "more"]
providers = ["content/_data/providers"]
rollup = true
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, SETTINGS)
    site.write("_data/topics/drinks.yaml", "_id: drinks\nname: Drinks\n")
    site.write("_data/topics/tea.yaml", "_id: tea\nname: Tea & Coffee\nparent: Drinks\naliases: [Tea]\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "sea.yaml").write_text("_id: sea\nname: The Sea\naliases: [Sea]\n", encoding="utf-8")
    site.write("_data/providers/source.md", "---\nname: The Source\ndomain: source.example\n---\n")
    site.story("a.md", topics=["Tea"], webUrl="https://source.example/a")
    site.story("b.md", topics=["Sea"], webUrl="https://source.example/b")
    return site


def file(site: Site) -> Path:
    return site.content / "_data" / "topics" / "tea.yaml"


DAMAGE: dict[str, Callable[[Site], object]] = {
    "a file is broken": lambda site: file(site).write_text("name: [\n"),
    "a file is empty": lambda site: file(site).write_text(""),
    "a file has no name": lambda site: file(site).write_text("_id: tea\n"),
    "a directory is gone": lambda site: shutil.rmtree(site.content / "_data" / "topics"),
    "all directories are gone": lambda site: [shutil.rmtree(site.folder / one) for one in ("content/_data", "more")],
    "all directories are emptied": lambda site: [one.unlink() for one in site.folder.rglob("*.yaml")],
    "the content is gone": lambda site: site.content.rename(site.folder / "away"),
}


@pytest.mark.parametrize("restarts", [True, False], ids=["restarted", "running"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_feeds_stay_as_they_are(site: Site, damage: Callable[[Site], object], restarts: bool) -> None:
    pipeline = site.pipeline()
    pipeline.run(site.now)
    before = site.documents()
    assert "Tea & Coffee" in {tag for item in site.items() for tag in item["tags"]}
    damage(site)
    if restarts:
        pipeline.close()
        pipeline = site.pipeline()
    report = pipeline.run(site.now)
    again = pipeline.run(site.now)
    problems = pipeline.problems()
    pipeline.close()

    assert (report.written, again.written) == ((), ())
    assert site.documents() == before
    assert all("what it said before stays" in problem.what for problem in problems)
    assert problems


def test_what_is_wrong_is_reported_by_the_run_that_found_it(site: Site) -> None:
    site.build()
    file(site).write_text("name: [\n")
    report = site.build()

    assert [(problem.file, problem.severity) for problem in report.noticed] == [(str(file(site)), "error")]


def test_a_file_that_is_removed_is_forgotten(site: Site) -> None:
    site.build()
    file(site).unlink()
    site.build()

    assert "Tea & Coffee" not in {tag for item in site.items() for tag in item["tags"]}


def test_a_directory_that_left_the_configuration_is_forgotten(site: Site) -> None:
    site.build()
    shutil.rmtree(site.folder / "more")
    site.configure(SETTINGS.replace(', "more"', ""))
    site.build()

    assert "The Sea" not in {tag for item in site.items() for tag in item["tags"]}


def test_a_mended_file_counts_again(site: Site) -> None:
    site.build()
    file(site).write_text("name: [\n")
    site.build()
    file(site).write_text("_id: tea\nname: Hot Drinks\naliases: [Tea]\n")
    site.build()

    assert "Hot Drinks" in {tag for item in site.items() for tag in item["tags"]}


def test_directories_that_were_never_there_are_only_reported(tmp_path: Path) -> None:
    site = Site(tmp_path, '[taxonomy]\ntopics = ["nowhere"]\n')
    site.story("a.md")
    report = site.build()

    assert [problem.kind for problem in report.noticed] == ["no-taxonomy"]
    assert site.documents()


def test_topics_in_an_emptied_content_stay_until_they_are_back(site: Site) -> None:
    site.configure(SETTINGS.replace(', "more"', ""))
    site.build()
    before, topics = site.documents(), site.content / "_data" / "topics"
    files = {path: path.read_bytes() for path in topics.iterdir()}
    shutil.rmtree(site.content)
    topics.mkdir(parents=True)
    site.build()
    assert site.documents() == before

    files[topics / "tea.yaml"] = b"_id: tea\nname: Hot Drinks\naliases: [Tea]\n"
    for path, data in files.items():
        path.write_bytes(data)
    site.story("a.md", topics=["Tea"], webUrl="https://source.example/a")
    site.story("b.md", topics=["Sea"], webUrl="https://source.example/b")
    site.build()
    assert "Hot Drinks" in {tag for item in site.items() for tag in item["tags"]}


def test_a_directory_that_comes_back_empty_is_believed(site: Site) -> None:
    site.build()
    shutil.rmtree(site.content / "_data" / "topics")
    site.build()
    (site.content / "_data" / "topics").mkdir()
    site.build()

    assert "Tea & Coffee" not in {tag for item in site.items() for tag in item["tags"]}


class Fleeting(PosixPath):
    """A directory that goes when it was listed for the first time."""

    def iterdir(self) -> Iterator[Path]:
        found = [*super().iterdir()]
        if ONCE:
            ONCE.clear()
            self.rmdir()
        return iter(found)


ONCE: list[bool] = []


def test_a_directory_that_goes_while_it_is_read_and_comes_back_empty_is_believed(site: Site) -> None:
    site.build()
    topics = Fleeting(site.content / "_data" / "topics")
    shutil.rmtree(topics)
    topics.mkdir()
    ONCE.append(True)
    config = replace(site.config, taxonomy=replace(site.config.taxonomy, topics=(topics, site.folder / "more")))
    with closing(site.opened(config, silent)) as pipeline:
        pipeline.run(site.now)
        assert not topics.exists()
        topics.mkdir()
        pipeline.run(site.now)

    assert "Tea & Coffee" not in {tag for item in site.items() for tag in item["tags"]}

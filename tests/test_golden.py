"""Golden cases: small sites in tests/golden/, each with the documents that feedd makes of it, byte for byte.

A case is a site as an admin has it, `feedd.toml` and `content/`, and `expected/`, which is the output directory after a
run at 2024-06-01T12:00:00Z; `expected/problems.txt` is what `check` then says, if it says anything. Some have a second
act: what is in `later/content/` is saved over the content, an hour passes, and `later/expected/` is what there is after
another run. A file that is empty there is removed.

After a change that is meant, write them anew and read the difference: `GOLDEN=write pytest tests/test_golden.py`.
"""

import os
import shutil
from pathlib import Path

import pytest

from feedd.check import check
from feedd.desk import Desk
from feedd.testing import Site

CASES = sorted(path.parent for path in (Path(__file__).parent / "golden").glob("*/feedd.toml"))
HOUR = 3600


def outcome(site: Site) -> dict[str, bytes]:
    """The documents after a run, and what `check` says."""
    site.build()
    problems, _ = check(Desk(site.config), site.file, site.now)
    said = "".join(f"{problem.severity}: {problem} [{problem.kind}]\n" for problem in problems)
    return site.documents() | ({"problems.txt": said.encode()} if said else {})


def save(edits: Path, site: Site) -> None:
    """What an author does between two runs."""
    for edit in edits.rglob("*.md"):
        place = site.write(edit.relative_to(edits).as_posix(), edit.read_bytes())
        if not place.stat().st_size:
            place.unlink()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def compare(actual: dict[str, bytes], folder: Path) -> None:
    """The files in a folder are exactly these; or become so, if that is asked for."""
    if os.environ.get("GOLDEN") == "write":
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in actual.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    expected = files(folder)
    assert sorted(actual) == sorted(expected)
    for path, data in expected.items():
        assert actual[path].decode() == data.decode(), path


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_gives_the_expected_documents(case: Path, tmp_path: Path) -> None:
    site = Site.copied(case, tmp_path)
    compare(outcome(site), case / "expected")
    if (case / "later").is_dir():
        save(case / "later" / "content", site)
        site.now += HOUR
        compare(outcome(site), case / "later" / "expected")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_is_the_same_from_another_directory(case: Path, tmp_path: Path) -> None:
    there = Site.copied(case, tmp_path / "there")
    elsewhere = Site.copied(case, tmp_path / "some where else")

    assert outcome(there) == outcome(elsewhere)


def test_there_are_cases() -> None:
    assert len(CASES) >= 7

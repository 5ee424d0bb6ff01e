"""Resources: read once while they stay, anew when they change, within a bound."""

import asyncio
import gzip
import os
from collections.abc import Coroutine
from email.utils import formatdate
from pathlib import Path
from typing import Any, TypeVar

import pytest

from feedd.serve.resources import NotThere, Resource
from feedd.serve.shelf import Crowded, Room, Shelf

Found = TypeVar("Found")
NOW = 1_700_000_000.0
SMALL = Room(kept=30_000, held=60_000, largest=9_000)


def shelf(root: Path, room: Room = SMALL) -> Shelf:
    return Shelf(root, lambda: NOW, room)


def done(work: Coroutine[Any, Any, Found]) -> Found:
    return asyncio.run(work)


def test_a_file_is_read_once_while_it_stays_and_anew_when_it_changes(tmp_path: Path) -> None:
    async def story() -> None:
        kept = shelf(tmp_path)
        (tmp_path / "a.txt").write_bytes(b"one")
        assert kept.at_hand("a.txt") is None
        first = await kept.find("a.txt")
        assert first.plain.data == b"one"
        assert kept.at_hand("a.txt") is first is await kept.find("a.txt")

        (tmp_path / "new").write_bytes(b"two")
        (tmp_path / "new").replace(tmp_path / "a.txt")
        assert kept.at_hand("a.txt") is None
        assert (await kept.find("a.txt")).plain.data == b"two"

        (tmp_path / "a.txt").unlink()
        assert kept.at_hand("a.txt") is None
        with pytest.raises(NotThere):
            await kept.find("a.txt")
        kept.close()

    done(story())


def test_however_many_ask_at_once_a_file_is_read_once(tmp_path: Path) -> None:
    async def story() -> set[int]:
        kept = shelf(tmp_path)
        (tmp_path / "a.txt").write_bytes(b"one")
        found = await asyncio.gather(*(kept.find("a.txt") for _ in range(50)))
        return {id(one) for one in found}

    assert len(done(story())) == 1


def test_packed_bytes_are_the_same_bytes_with_a_tag_of_their_own_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"news " * 200)
    one, other = (done(shelf(tmp_path).find("a.txt")) for _ in range(2))

    assert one.packed
    assert one.packed == other.packed
    assert gzip.decompress(one.packed.data or b"") == one.plain.data
    assert one.packed.tag != one.plain.tag


def test_what_does_not_get_smaller_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(os.urandom(500))
    (tmp_path / "a.png").write_bytes(b"a" * 500)

    assert done(shelf(tmp_path).find("a.txt")).packed is None
    assert done(shelf(tmp_path).find("a.png")).packed is None


def test_the_moment_of_change_is_never_later_than_now(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    for moment in (NOW - 5.5, NOW + 5):
        os.utime(tmp_path / "a.txt", (moment, moment))
        assert done(shelf(tmp_path).find("a.txt")).modified == min(int(moment), NOW)


def test_a_file_has_no_date_before_the_second_is_over_in_which_it_was_written(tmp_path: Path) -> None:
    async def story() -> list[bytes]:
        now, found = [NOW + 0.5], []
        kept = Shelf(tmp_path, lambda: now[0], SMALL)
        (tmp_path / "a.txt").write_bytes(b"one")
        os.utime(tmp_path / "a.txt", (NOW + 0.3, NOW + 0.3))
        for moment in (NOW + 0.5, NOW + 0.9, NOW + 1, NOW + 2):
            now[0] = moment
            found.append((await kept.find("a.txt")).modified_date)
        kept.close()
        return found

    assert done(story()) == [b"", b"", *[formatdate(NOW, usegmt=True).encode()] * 2]


def test_memory_has_a_bound_and_what_was_asked_for_last_is_kept(tmp_path: Path) -> None:
    async def story() -> list[bool]:
        kept = shelf(tmp_path)
        for number in range(10):
            (tmp_path / f"{number}.png").write_bytes(os.urandom(5000))
            await kept.find(f"{number}.png")
            kept.at_hand("0.png")
        assert kept._size <= SMALL.kept
        return [kept.at_hand(f"{number}.png") is not None for number in range(10)]

    assert done(story()) == [True, *[False] * 6, True, True, True]


def test_what_is_still_being_sent_counts_and_in_the_end_nothing_more_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        kept, sending = shelf(tmp_path), list[Resource]()
        while sum(one.held for one in sending) <= SMALL.held:
            (tmp_path / "a.png").write_bytes(os.urandom(8000 + len(sending)))
            sending.append(await kept.find("a.png"))
        (tmp_path / "a.png").write_bytes(b"new")
        with pytest.raises(Crowded):
            await kept.find("a.png")
        sending.clear()
        await kept.find("a.png")

    done(story())


def test_a_large_file_is_not_held_but_read_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        kept, data = shelf(tmp_path), os.urandom(20_000)
        (tmp_path / "a.txt").write_bytes(data)
        found = await kept.find("a.txt")
        assert found.plain.data is None
        assert found.plain.size == len(data)
        handle = kept.reader(found)
        (tmp_path / "new").write_bytes(b"other")
        (tmp_path / "new").replace(tmp_path / "a.txt")
        assert await kept.read(handle, 100, 50) == data[100:150]
        os.close(handle)
        with pytest.raises(NotThere):
            kept.reader(found)

    done(story())


def test_tags_of_large_and_small_files_are_made_alike(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a" * 20_000)
    held = done(shelf(tmp_path, Room()).find("a.txt"))

    assert done(shelf(tmp_path).find("a.txt")).plain.tag == held.plain.tag


@pytest.mark.parametrize(
    "path", ["folder.txt", "fifo.txt", "out.txt", "hidden.txt", "nothing.txt", "other.db", "a" * 300 + ".txt"]
)
def test_only_regular_files_within_under_open_names_are_read(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "folder.txt").mkdir(parents=True)
    os.mkfifo(root / "fifo.txt")
    (tmp_path / "secret.txt").write_text("secret")
    (root / ".secret.txt").write_text("secret")
    (root / "other.db").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "hidden.txt").symlink_to(root / ".secret.txt")

    with pytest.raises(NotThere):
        done(shelf(root).find(path))

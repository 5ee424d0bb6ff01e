"""The manifest: one text for one value, and the value again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedd.feeds.manifest import Manifest, decode

PATHS = st.text(min_size=1, max_size=20)


@given(
    st.builds(
        Manifest,
        base=st.text(max_size=20),
        hubs=st.lists(PATHS).map(tuple),
        moved=st.dictionaries(PATHS, PATHS),
        gone=st.lists(PATHS).map(tuple),
    )
)
def test_what_is_written_is_read_again(manifest: Manifest) -> None:
    assert decode(manifest.encode()) == manifest


def test_the_order_in_which_moves_were_found_does_not_show() -> None:
    one, other = (
        Manifest(moved={"a.atom": "b.atom", "c.atom": "d.atom"}),
        Manifest(moved={"c.atom": "d.atom", "a.atom": "b.atom"}),
    )

    assert one.encode() == other.encode()


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"moved": ["a"]}', b'{"hubs": 1}', b"[" * 100_000])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="is no manifest"):
        decode(data)


def test_a_later_version_may_say_more() -> None:
    assert decode(b'{"base": "https://a.example/", "flavour": "mint"}') == Manifest("https://a.example/")

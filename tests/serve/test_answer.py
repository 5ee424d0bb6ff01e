"""Answers: conditions, codings and ranges, for all that clients may say."""

import gzip
from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedd.feeds.manifest import Manifest
from feedd.serve.answer import CONDITIONS, Answer, answer, conditions, span, takes_gzip
from feedd.serve.paths import KINDS, Map
from feedd.serve.resources import Resource, Variant

DATA = b"<feed>" + b"news" * 500 + b"</feed>"
PACKED = gzip.compress(DATA, mtime=0)
CHANGED = 1_700_000_000
FEED = Resource(
    "all.atom",
    KINDS["atom"],
    (0, 0, 0, 0, 0),
    CHANGED,
    formatdate(CHANGED, usegmt=True).encode(),
    Variant(b"", b'"plain"', len(DATA), DATA),
    Variant(b"gzip", b'"packed"', len(PACKED), PACKED),
)
NOTICE = Map.of(Manifest("https://a.example/", ("https://hub.example/",)))
TAGS = st.sampled_from(
    [b'"plain"', b'"plain-opened"', b'"packed"', b'W/"plain"', b'"other"', b"*", b"plain", b'"', b"", b",", b'"a,b"']
)
DATES = st.one_of(
    st.integers(CHANGED - 3, CHANGED + 3).map(lambda moment: formatdate(moment, usegmt=True).encode()),
    st.binary(max_size=30),
)
RANGES = st.one_of(st.from_regex(rb"bytes=[0-9]{0,5}-[0-9]{0,5}", fullmatch=True), st.binary(max_size=20))
ASKED = st.fixed_dictionaries(
    {},
    optional={
        b"if-match": st.lists(TAGS, max_size=3).map(b", ".join),
        b"if-none-match": st.lists(TAGS, max_size=3).map(b", ".join),
        b"if-modified-since": DATES,
        b"if-unmodified-since": DATES,
        b"if-range": st.one_of(TAGS, DATES),
        b"range": RANGES,
        b"accept-encoding": st.sampled_from([b"gzip", b"gzip;q=0", b"*", b"br", b""]),
        b"sec-fetch-dest": st.sampled_from([b"document", b"iframe", b"empty", b"document, document", b""]),
    },
)


def said(asked: dict[bytes, bytes], method: str = "GET") -> Answer:
    return answer(method, asked, FEED, NOTICE, 300)


def body(found: Answer) -> bytes:
    data = found.variant.data if found.variant else None
    return found.body if data is None else data[found.start : found.stop]


@given(ASKED)
@example({b"if-none-match": b'"plain"', b"range": b"bytes=0-1"})
def test_whatever_is_asked_the_answer_is_whole(asked: dict[bytes, bytes]) -> None:
    found = said(asked)
    headers = dict(found.headers)
    whole = gzip.decompress(PACKED) if headers.get(b"content-encoding") else DATA

    assert found.status in (200, 206, 304, 412, 416)
    assert len(found.headers) == len(headers)
    if found.status == 304:
        assert body(found) == b""
        assert {b"etag", b"cache-control", b"vary"} <= headers.keys()
    else:
        assert int(headers[b"content-length"]) == len(body(found))
    if found.status == 200:
        assert (gzip.decompress(body(found)) if headers.get(b"content-encoding") else body(found)) == whole
    if found.status == 206:
        place, _, size = headers[b"content-range"].removeprefix(b"bytes ").partition(b"/")
        first, last = map(int, place.split(b"-"))
        entire = PACKED if headers.get(b"content-encoding") else DATA
        assert (entire[first : last + 1], int(size)) == (body(found), len(entire))


@given(ASKED)
def test_head_has_the_headers_of_get_without_a_range(asked: dict[bytes, bytes]) -> None:
    without = {name: value for name, value in asked.items() if name != b"range"}

    assert said(asked, "HEAD").headers == said(without).headers
    assert said(asked, "HEAD").status == said(without).status


@given(ASKED)
def test_not_modified_is_said_only_to_who_has_the_very_bytes(asked: dict[bytes, bytes]) -> None:
    found = said(asked)
    tags = asked.get(b"if-none-match")

    if found.status == 304 and tags is not None:
        assert dict(found.headers)[b"etag"] in tags or tags.strip() == b"*"
    if found.status == 304 and tags is None:
        assert b"if-modified-since" in asked


def test_what_has_no_date_yet_is_sent_to_who_asks_by_date() -> None:
    young = replace(FEED, modified_date=b"")
    found = answer("GET", {b"if-modified-since": FEED.modified_date}, young, NOTICE, 300)

    assert found.status == 200
    assert b"last-modified" not in dict(found.headers)
    assert answer("GET", {b"if-none-match": b'"plain"'}, young, NOTICE, 300).status == 304
    assert answer("GET", {b"if-unmodified-since": FEED.modified_date}, young, NOTICE, 300).status == 412


@given(st.binary(max_size=40), st.integers(0, 10_000))
def test_a_span_lies_within_or_is_empty(asked: bytes, size: int) -> None:
    found = span(asked, size)

    if found is not None:
        start, stop = found
        assert start >= stop or (0 <= start < stop <= size)


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 100))
def test_a_span_is_the_bytes_that_a_range_names(first: int, last: int, size: int) -> None:
    everything = bytes(range(size))
    found = span(b"bytes=%d-%d" % (first, last), size)

    if last < first:
        assert found is None
    else:
        assert found is not None
        assert everything[slice(*found)] == everything[first : last + 1]
    ending = span(b"bytes=-%d" % last, size)
    assert ending is not None
    assert everything[slice(*ending)] == (everything[-last:] if last else b"")


@given(st.binary(max_size=60))
def test_any_accept_encoding_is_read(accepted: bytes) -> None:
    if takes_gzip(accepted):
        assert b"gzip" in accepted.lower() or b"*" in accepted


def test_headers_in_several_lines_are_put_together() -> None:
    lines = [(b"if-none-match", b'"a"'), (b"host", b"b"), (b"if-none-match", b'"c"')]

    assert conditions(lines) == {b"if-none-match": b'"a", "c"'}
    assert set(conditions([(name, b"") for name in CONDITIONS])) == set(CONDITIONS)


@pytest.mark.parametrize("asked", [b"bytes=" + b"9" * 40 + b"-", b"bytes=-" + b"9" * 40])
def test_numbers_beyond_all_bounds_are_numbers(asked: bytes) -> None:
    assert span(asked, 5) in ((5, 5), (0, 5))


def test_numbers_too_long_to_read_are_ignored() -> None:
    assert span(b"bytes=0-" + b"9" * 10_000, 5) is None

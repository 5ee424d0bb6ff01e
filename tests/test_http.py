"""HTTP: what subscribers, proxies and people with bad intentions get from the running server."""

import gzip
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import pytest

from feedd.feeds.manifest import NAME, Manifest
from feedd.testing import Served, Service, Site, asked, eventually, running, serving

ALL = b"<feed>" + b"<entry>news</entry>" * 2000 + b"</feed>"
OLD = 1_700_000_000
BASE = "https://news.example/paper/feeds/"
HUBS = ("https://hub.example/", "https://other.example/hub?a=1")
DAY = "Wed, 15 Nov 2023 00:00:00 GMT"
LATER, EARLIER = "Wed, 15 Nov 2023 00:00:01 GMT", "Tue, 14 Nov 2023 22:13:19 GMT"
EXACTLY = formatdate(OLD, usegmt=True)

FILES = {
    "all.atom": ALL,
    "all.rss": b"<rss/>",
    "all.json": b"{}",
    "feeds.opml": b"<opml/>",
    "index.html": b"<!doctype html><title>Feeds</title>" + b"<p>News</p>" * 100,
    "assets/style.css": b"body { margin: 0 }" * 20,
    "assets/picture.png": b"\x89PNG" + b"\0" * 2000,
    "assets/logo.svg": b"<svg/>",
    "topics/ai.atom": b"<feed>AI</feed>",
    "topics/künstlich.atom": b"<feed>KI</feed>",
    "topics/old.atom": b"<feed>a copy</feed>",
    "folder/index.html": b"<!doctype html>",
    "empty.txt": b"",
}
SECRETS = {
    ".feedd.json": b"",
    ".all.atom.77.feedd-tmp": b"SECRET",
    ".git/config.txt": b"SECRET",
    "topics/.ai.atom": b"SECRET",
    "state.db": b"SECRET",
    "state.db-wal": b"SECRET",
    "control.sock": b"SECRET",
    "backup.atom~": b"SECRET",
    "noname": b"SECRET",
}
MANIFEST = Manifest(
    BASE, HUBS, {"topics/old.atom": "topics/ai.atom", "first.rss": "second.rss", "second.rss": "all.rss"}, ("old.rss",)
)


def fill(folder: Path) -> Path:
    """The files of a directory that is served, and what must not be."""
    for path, data in {**FILES, **SECRETS}.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        os.utime(place, (OLD, OLD))
    (folder / NAME).write_bytes(MANIFEST.encode())
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of files that do not change."""
    folder = fill(tmp_path_factory.mktemp("site") / "feeds")
    (folder.parent / "outside.atom").write_bytes(b"SECRET")
    (folder / "leads-out.atom").symlink_to(folder.parent / "outside.atom")
    (folder / "leads-out").symlink_to(folder.parent)
    (folder / "hidden.json").symlink_to(folder / NAME)
    (folder / "within.atom").symlink_to(folder / "all.atom")
    os.mkfifo(folder / "pipe.atom")
    with serving(folder) as served:
        yield served


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, Served]]:
    """A server of files that do."""
    folder = fill(tmp_path / "feeds")
    with serving(folder, "--max-age", "60") as served:
        yield folder, served


def said(port: int, request: bytes) -> bytes:
    """All that comes back on a connection on which these bytes are sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        with suppress(ConnectionError):  # it may be refused before all of it is sent
            connection.sendall(request)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> bytes:
    found = bytearray()
    with suppress(ConnectionResetError):
        while data := connection.recv(1 << 16):
            found += data
    return bytes(found)


# 1: statuses


@pytest.mark.parametrize("path", sorted(FILES.keys() - {"topics/old.atom", "topics/künstlich.atom"}))
def test_a_file_is_there_at_its_address_with_and_without_the_prefix(server: Served, path: str) -> None:
    for address in (f"/paper/feeds/{path}", f"/{path}"):
        got = server.get(address)
        assert (got.status, got.body) == (200, FILES[path])


def test_names_beyond_ascii_are_found_by_their_escapes(server: Served) -> None:
    assert server.get("/topics/k%C3%BCnstlich.atom").body == FILES["topics/künstlich.atom"]


def test_a_query_changes_nothing(server: Served) -> None:
    assert server.get("/all.atom?utm_source=reader").body == ALL


@pytest.mark.parametrize("path", ["/", "/paper/feeds/", "/index.html"])
def test_the_directory_itself_is_its_index(server: Served, path: str) -> None:
    assert server.get(path).body == FILES["index.html"]


def test_a_folder_is_found_by_its_slash(server: Served) -> None:
    assert server.get("/folder/").body == FILES["folder/index.html"]
    assert server.get("/folder").headers["location"] == f"{BASE}folder/"
    assert server.get("/paper/feeds").headers["location"] == BASE
    assert server.get("/topics/").status == server.get("/topics").status == 404


def test_what_moved_has_its_new_address_although_a_copy_lies_there(server: Served) -> None:
    got = server.get("/topics/old.atom")

    assert (got.status, got.headers["location"]) == (301, f"{BASE}topics/ai.atom")
    assert got.headers["cache-control"] == "public, max-age=300"


def test_what_moved_twice_is_told_its_last_address(server: Served) -> None:
    assert server.get("/paper/feeds/first.rss").headers["location"] == f"{BASE}all.rss"


def test_what_was_pruned_is_gone(server: Served) -> None:
    assert server.get("/old.rss").status == 410


@pytest.mark.parametrize("path", ["/nothing.atom", "/topics/nothing.rss", "/all", "/all.atom/", "/all.atom/x.atom"])
def test_what_never_was_is_not_found(server: Served, path: str) -> None:
    got = server.get(path)

    assert got.status == 404
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert len(got.body) < 100


def test_a_changed_manifest_counts_at_once(site: tuple[Path, Served]) -> None:
    folder, served = site
    (folder / "topics/ai.atom").unlink()
    (folder / NAME).write_bytes(Manifest(BASE, gone=("topics/ai.atom",)).encode())
    assert served.get("/topics/ai.atom").status == 410
    assert served.get("/topics/old.atom").status == 200

    (folder / NAME).write_bytes(b"nonsense")
    assert served.get("/topics/ai.atom").status == 410

    (folder / NAME).unlink()
    assert served.get("/topics/ai.atom").status == 404
    assert served.get("/paper/feeds/all.rss").status == 404
    assert served.get("/all.rss").status == 200


def test_a_feed_that_is_there_again_is_not_gone(site: tuple[Path, Served]) -> None:
    folder, served = site
    (folder / "old.rss").write_bytes(b"<rss/>")

    assert served.get("/old.rss").status == 200


def test_where_a_path_has_two_meanings_the_one_that_feedd_writes_counts(site: tuple[Path, Served]) -> None:
    folder, served = site
    (folder / NAME).write_bytes(Manifest("https://news.example/topics/").encode())
    assert served.get("/topics/ai.atom").body == FILES["topics/ai.atom"]

    (folder / "ai.atom").write_bytes(b"<feed>a feed of that name</feed>")
    assert served.get("/topics/ai.atom").body == b"<feed>a feed of that name</feed>"
    assert served.get("/topics/topics/ai.atom").body == FILES["topics/ai.atom"]


# 2: media types


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("all.atom", "application/atom+xml; charset=utf-8"),
        ("all.rss", "application/rss+xml; charset=utf-8"),
        ("all.json", "application/feed+json; charset=utf-8"),
        ("feeds.opml", "text/x-opml; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("assets/style.css", "text/css; charset=utf-8"),
        ("assets/logo.svg", "image/svg+xml; charset=utf-8"),
        ("assets/picture.png", "image/png"),
        ("empty.txt", "text/plain; charset=utf-8"),
    ],
)
def test_media_type(server: Served, path: str, media_type: str) -> None:
    assert server.get(f"/{path}").headers["content-type"] == media_type


# 3: validators


def test_a_file_has_a_strong_tag_and_the_moment_of_its_change(server: Served) -> None:
    headers = server.get("/all.atom").headers

    assert re.fullmatch(r'"[!#-~]+"', headers["etag"])
    assert headers["last-modified"] == EXACTLY


def test_the_tag_stays_while_the_bytes_do_also_over_restarts(site: tuple[Path, Served]) -> None:
    folder, served = site
    before = served.get("/all.atom").headers["etag"]
    (folder / "copy").write_bytes(ALL)
    (folder / "copy").replace(folder / "all.atom")
    assert served.get("/all.atom").headers["etag"] == before
    with serving(folder) as other:
        assert other.get("/all.atom").headers["etag"] == before

    (folder / "copy").write_bytes(ALL + b"\n")
    (folder / "copy").replace(folder / "all.atom")
    assert served.get("/all.atom").headers["etag"] != before


def test_a_file_from_the_future_has_no_date(site: tuple[Path, Served]) -> None:
    folder, served = site
    os.utime(folder / "all.rss", (time.time() + 1e6, time.time() + 1e6))

    assert "last-modified" not in served.get("/all.rss").headers


def test_a_file_that_was_just_written_is_not_younger_than_the_answer_or_has_no_date(site: tuple[Path, Served]) -> None:
    folder, served = site
    for number in range(20):
        (folder / "all.rss").write_bytes(b"<rss/>" * number)
        headers = served.get("/all.rss").headers
        if "last-modified" in headers:
            assert parsedate_to_datetime(headers["last-modified"]) <= parsedate_to_datetime(headers["date"])


# 4: conditions


def test_not_modified_repeats_tag_and_cache_control_and_has_no_body(server: Served) -> None:
    tag = server.get("/all.atom").headers["etag"]
    head = f"GET /all.atom HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n"
    answer = said(server.port, head.encode())

    assert answer.startswith(b"HTTP/1.1 304 ")
    assert answer.endswith(b"\r\n\r\n")
    headers = server.get("/all.atom", if_none_match=tag).headers
    assert headers["etag"] == tag
    assert headers["cache-control"] == "public, max-age=300"
    assert headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"


@pytest.mark.parametrize(
    "form", ["{}", "W/{}", '"other", {}', '{}, "other"', '"a,b", W/{}', "*", " * ", '"other" ,W/{} '], ids=str
)
def test_a_tag_that_matches_is_enough(server: Served, form: str) -> None:
    tag = server.get("/all.atom").headers["etag"]

    assert server.get("/all.atom", if_none_match=form.format(tag)).status == 304


@pytest.mark.parametrize("form", ['"other"', 'W/"other"', "", "garbage", '"', "{bare}", "**", '"*"'], ids=str)
def test_a_tag_that_does_not_match_gets_the_file(server: Served, form: str) -> None:
    tag = server.get("/all.atom").headers["etag"]

    assert server.get("/all.atom", if_none_match=form.format(bare=tag.strip('"'))).status == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (EXACTLY, 304),
        (LATER, 304),
        (EARLIER, 200),
        ("Wednesday, 15-Nov-23 00:00:01 GMT", 304),
        ("Wed Nov 15 00:00:01 2023", 304),
        ("yesterday", 200),
        ("", 200),
        ("Wed, 99 Nov 2023 00:00:01 GMT", 200),
        ("Fri, 31 Dec 9999999 23:59:59 GMT", 200),
    ],
)
def test_a_date_that_is_equal_or_later_is_enough(server: Served, since: str, status: int) -> None:
    assert server.get("/all.atom", if_modified_since=since).status == status


def test_the_tag_beats_the_date(server: Served) -> None:
    tag = server.get("/all.atom").headers["etag"]

    assert server.get("/all.atom", if_none_match='"other"', if_modified_since=LATER).status == 200
    assert server.get("/all.atom", if_none_match=tag, if_modified_since=EARLIER).status == 304


def test_tags_in_two_lines_are_one_list(server: Served) -> None:
    tag = server.get("/all.atom").headers["etag"].encode()
    head = b'GET /all.atom HTTP/1.0\r\nHost: a\r\nIf-None-Match: "a"\r\nif-none-match: %s\r\n\r\n' % tag

    assert said(server.port, head).startswith(b"HTTP/1.1 304 ")


def test_what_must_match_does_not(server: Served) -> None:
    tag = server.get("/all.atom").headers["etag"]

    assert server.get("/all.atom", if_match='"other"').status == 412
    assert server.get("/all.atom", if_match=f"W/{tag}").status == 412
    assert server.get("/all.atom", if_match=tag).status == 200
    assert server.get("/all.atom", if_match="*").status == 200
    assert server.get("/all.atom", if_unmodified_since=EARLIER).status == 412
    assert server.get("/all.atom", if_unmodified_since=EXACTLY).status == 200


def test_an_old_tag_gets_the_new_file_as_soon_as_it_is_there(site: tuple[Path, Served]) -> None:
    folder, served = site
    for number in range(20):
        tag = served.get("/all.atom").headers["etag"]
        assert served.get("/all.atom", if_none_match=tag).status == 304
        (folder / ".new").write_bytes(b"<feed>%d</feed>" % number)
        (folder / ".new").replace(folder / "all.atom")
        got = served.get("/all.atom", if_none_match=tag)
        assert (got.status, got.body) == (200, b"<feed>%d</feed>" % number)


# 5: gzip


def test_gzip_on_request_with_a_tag_of_its_own(server: Served) -> None:
    plain, packed = server.get("/all.atom"), server.get("/all.atom", accept_encoding="gzip, br")

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == ALL
    assert int(packed.headers["content-length"]) == len(packed.body) < len(ALL)
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("GZIP;Q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1, gzip;q=0.1", True),
        ("gzip ; q=1.000", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("br", False),
        ("", False),
        ("gzipped", False),
        ("gzip;q=nan", False),
        (";;;,,,=", False),
    ],
)
def test_only_who_takes_gzip_gets_it(server: Served, accepted: str, packed: bool) -> None:
    got = server.get("/all.atom", accept_encoding=accepted)

    assert ("content-encoding" in got.headers) is packed
    assert (gzip.decompress(got.body) if packed else got.body) == ALL


def test_the_tag_of_one_coding_is_not_that_of_the_other(server: Served) -> None:
    plain = server.get("/all.atom").headers["etag"]
    packed = server.get("/all.atom", accept_encoding="gzip").headers["etag"]

    assert server.get("/all.atom", accept_encoding="gzip", if_none_match=packed).status == 304
    assert server.get("/all.atom", accept_encoding="gzip", if_none_match=plain).status == 200
    assert server.get("/all.atom", if_none_match=packed).status == 200


def test_pictures_are_packed_already(server: Served) -> None:
    headers = server.get("/assets/picture.png", accept_encoding="gzip").headers

    assert headers.keys().isdisjoint({"content-encoding", "vary"})


# 6: everything else in the head, methods, ranges


@pytest.mark.parametrize("path", ["/all.atom", "/", "/nothing", "/topics/old.atom", "/old.rss", "/assets/style.css"])
def test_what_no_answer_lacks_and_what_none_has(server: Served, path: str) -> None:
    headers = server.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert "date" in headers
    assert headers.keys().isdisjoint({"set-cookie", "server", "x-powered-by"})


def test_how_long_readers_may_keep_a_file(site: tuple[Path, Served]) -> None:
    assert site[1].get("/all.atom").headers["cache-control"] == "public, max-age=60"


def test_what_is_not_there_is_asked_for_again(server: Served) -> None:
    assert server.get("/nothing.atom").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "shared"), [("all.atom", 1), ("all.rss", 1), ("all.json", 1), ("feeds.opml", 1), ("", 0)]
)
def test_scripts_of_other_sites_may_read_feeds(server: Served, path: str, shared: bool) -> None:
    assert (server.get(f"/{path}").headers.get("access-control-allow-origin") == "*") is bool(shared)


@pytest.mark.parametrize("path", ["/all.atom", "/all.rss", "/topics/ai.atom"])
@pytest.mark.parametrize("accepted", ["", "gzip"])
@pytest.mark.parametrize("dest", ["document", "iframe"])
def test_feed_that_is_opened_is_xml_and_all_else_is_as_for_a_reader(
    server: Served, path: str, accepted: str, dest: str
) -> None:
    reader = server.get(path, accept_encoding=accepted)
    opened = server.get(path, accept_encoding=accepted, sec_fetch_dest=dest)
    own = {
        "content-type": "application/xml; charset=utf-8",
        "etag": reader.headers["etag"][:-1] + '-opened"',
        "content-security-policy": "default-src 'none'; style-src 'self' https: http:; sandbox",
        "referrer-policy": "no-referrer",
    }

    assert (opened.status, opened.body) == (reader.status, reader.body)
    assert {**opened.headers, "date": ""} == {**reader.headers, **own, "date": ""}
    assert opened.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"


@pytest.mark.parametrize("dest", ["empty", "image", "embed", "Document", "document, document", ""])
@pytest.mark.parametrize("suffix", ["atom", "rss"])
def test_reader_gets_the_type_of_the_feed_whatever_it_says_of_itself(server: Served, suffix: str, dest: str) -> None:
    plain = server.get(f"/all.{suffix}").headers

    assert plain["content-type"] == f"application/{suffix}+xml; charset=utf-8"
    assert plain["vary"] == "Accept-Encoding, Sec-Fetch-Dest"
    assert {**server.get(f"/all.{suffix}", sec_fetch_dest=dest).headers, "date": ""} == {**plain, "date": ""}


@pytest.mark.parametrize("path", ["/all.json", "/feeds.opml", "/", "/assets/style.css", "/assets/logo.svg", "/nothing"])
def test_what_browsers_can_show_is_opened_as_it_is(server: Served, path: str) -> None:
    plain, opened = server.get(path).headers, server.get(path, sec_fetch_dest="document").headers

    assert {**opened, "date": ""} == {**plain, "date": ""}
    assert "Sec-Fetch-Dest" not in opened.get("vary", "")


@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_opened_feed_that_is_still_so_is_a_304_and_what_a_reader_has_is_another(server: Served, accepted: str) -> None:
    reader, opened = (server.get("/all.atom", accept_encoding=accepted, sec_fetch_dest=to) for to in ("", "document"))
    for dest, tag, status in (
        ("document", opened.headers["etag"], 304),
        ("document", reader.headers["etag"], 200),
        ("empty", reader.headers["etag"], 304),
        ("empty", opened.headers["etag"], 200),
    ):
        got = server.get("/all.atom", accept_encoding=accepted, sec_fetch_dest=dest, if_none_match=tag)

        assert got.status == status
        assert got.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"
        assert ("content-type" in got.headers) is (status == 200)


def test_head_of_an_opened_feed_equals_get(server: Served) -> None:
    get, head = (server.get("/all.atom", method, sec_fetch_dest="document") for method in ("GET", "HEAD"))

    assert head.body == b""
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


def test_large_feed_that_is_opened_is_xml_too(site: tuple[Path, Served]) -> None:
    data = b"<rss>" + b"x" * (9 << 20) + b"</rss>"
    (site[0] / "large.rss").write_bytes(data)
    opened = site[1].get("/large.rss", sec_fetch_dest="document")

    assert opened.headers["content-type"] == "application/xml; charset=utf-8"
    assert opened.body == data


def test_scripts_of_other_sites_may_ask_on_conditions(server: Served) -> None:
    got = server.get("/all.atom", "OPTIONS", origin="https://reader.example", access_control_request_method="GET")

    assert got.status == 204
    assert got.headers["access-control-allow-origin"] == "*"
    assert "GET" in got.headers["access-control-allow-methods"]
    assert "if-none-match" in got.headers["access-control-allow-headers"]
    assert "content-length" not in got.headers


def test_pages_allow_nothing_foreign_but_pictures(server: Served) -> None:
    headers = server.get("/").headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self' https: http: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["referrer-policy"] == "no-referrer"
    assert "content-security-policy" not in server.get("/all.atom").headers
    assert "sandbox" in server.get("/assets/logo.svg").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/all.atom", "/", "/nothing", "/topics/old.atom", "/old.rss", "/empty.txt"])
@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_head_equals_get(server: Served, path: str, accepted: str) -> None:
    get, head = (server.get(path, method, accept_encoding=accepted) for method in ("GET", "HEAD"))

    assert head.body == b""
    assert head.status == get.status
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert int(get.headers["content-length"]) == len(get.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/all.atom", "/nothing"])
def test_there_is_only_reading(server: Served, method: str, path: str) -> None:
    got = server.get(path, method)

    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("BYTES = 0-0", 0, 1),
        ("bytes=5-9999999999", 5, None),
        ("bytes=-9999999", 0, None),
    ],
)
@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_a_range_is_what_it_says(server: Served, asked: str, start: int, stop: int | None, accepted: str) -> None:
    whole = server.get("/all.atom", accept_encoding=accepted)
    part = server.get("/all.atom", range=asked, accept_encoding=accepted)

    assert whole.headers["accept-ranges"] == "bytes"
    assert part.status == 206
    assert part.body == whole.body[start:stop]
    first, last, size = map(int, re.findall(r"\d+", part.headers["content-range"]))
    assert whole.body[first : last + 1] == part.body
    assert (size, int(part.headers["content-length"])) == (len(whole.body), len(part.body))
    assert part.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=a-b", "lines=0-1", "bytes=-", "bytes=0-1,5-6", "bytes", "0-5", ""]
)
def test_a_range_that_means_nothing_gets_everything(server: Served, asked: str) -> None:
    got = server.get("/all.atom", range=asked)

    assert (got.status, got.body) == (200, ALL)


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", f"bytes={len(ALL)}-{len(ALL)}"])
def test_a_range_beyond_the_end_is_refused_with_the_size(server: Served, asked: str) -> None:
    got = server.get("/all.atom", range=asked)

    assert (got.status, got.headers["content-range"]) == (416, f"bytes */{len(ALL)}")


def test_a_range_of_what_it_was_gets_all_of_what_it_is(server: Served) -> None:
    tag = server.get("/all.atom").headers["etag"]

    assert server.get("/all.atom", range="bytes=0-1", if_range=tag).status == 206
    assert server.get("/all.atom", range="bytes=0-1", if_range='"other"').status == 200
    assert server.get("/all.atom", range="bytes=0-1", if_range=f"W/{tag}").status == 200
    assert server.get("/all.atom", range="bytes=0-1", if_range=EXACTLY).status == 200
    assert server.get("/all.atom", range="bytes=0-1", if_none_match=tag).status == 304
    assert server.get("/all.atom", "HEAD", range="bytes=0-1").status == 200


# 7: links


def test_feeds_name_hubs_and_themselves(server: Served) -> None:
    assert server.get("/topics/ai.atom").headers["link"] == (
        f'<https://hub.example/>; rel="hub", <https://other.example/hub?a=1>; rel="hub", '
        f'<{BASE}topics/ai.atom>; rel="self"'
    )
    assert "topics/k%C3%BCnstlich.atom" in server.get("/topics/k%C3%BCnstlich.atom").headers["link"]
    assert "link" not in server.get("/").headers


def test_without_hubs_there_are_no_links(site: tuple[Path, Served]) -> None:
    folder, served = site
    (folder / NAME).write_bytes(Manifest(BASE).encode())

    assert "link" not in served.get("/all.atom").headers


# 9: hostile requests

HIDDEN = [
    *(f"/{path}" for path in SECRETS),
    "/leads-out.atom",
    "/leads-out/outside.atom",
    "/leads-out/feeds/.feedd.json",
    "/hidden.json",
    "/pipe.atom",
    "/../outside.atom",
    "/..%2foutside.atom",
    "/%2e%2e/outside.atom",
    "/topics/../../outside.atom",
    "/topics/..%5c..%5coutside.atom",
    "/topics/%2e%2e/%2e%2e/outside.atom",
    "/%252e%252e/outside.atom",
    "/paper/feeds/../outside.atom",
    "/paper/feeds/../../../outside.atom",
    "/paper/../all.atom",
    "/./all.atom",
    "//all.atom",
    "/topics//ai.atom",
    "/%2e%66eedd.json",
    "/.feedd%2ejson",
    "/%00/all.atom",
    "/all.atom%00",
    "/all.atom%00.html",
    "/all.atom%0d%0aX: y",
    "/%c0%ae%c0%ae/outside.atom",
    "/%ff.atom",
    "/..;/outside.atom",
    "/C:/outside.atom",
    "/~root/all.atom",
    "/" + "a" * 5000 + ".atom",
    "/" + "a/" * 2000 + "all.atom",
    "/proc/self/environ",
    "/etc/passwd.txt",
]


@pytest.mark.parametrize("path", HIDDEN, ids=lambda path: path[:40])
def test_nothing_hidden_or_outside_is_ever_served(server: Served, path: str) -> None:
    for prefix in ("", "/paper/feeds"):
        request = f"GET {prefix}{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode("latin-1")
        answer = said(server.port, request)
        assert answer.split(b" ", 2)[1] in (b"404", b"400")
        assert b"SECRET" not in answer
        assert BASE.encode() not in answer.partition(b"\r\n\r\n")[2]


def test_a_link_within_the_directory_is_followed(server: Served) -> None:
    assert server.get("/within.atom").body == ALL


def test_a_link_that_is_swapped_is_noticed(site: tuple[Path, Served]) -> None:
    folder, served = site
    (folder.parent / "outside.atom").write_bytes(b"SECRET")
    (folder / "topics/ai.atom").unlink()
    (folder / "topics/ai.atom").symlink_to(folder / "all.atom")
    assert served.get("/topics/ai.atom").body == ALL

    (folder / "topics/ai.atom").unlink()
    (folder / "topics/ai.atom").symlink_to(folder.parent / "outside.atom")
    assert served.get("/topics/ai.atom").status == 404


def test_a_directory_that_is_swapped_by_its_link_is_served_anew(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "all.atom").write_text(name)
    (tmp_path / "feeds").symlink_to(tmp_path / "one")
    with serving(tmp_path / "feeds") as served:
        assert served.get("/all.atom").body == b"one"
        (tmp_path / "new").symlink_to(tmp_path / "two")
        (tmp_path / "new").replace(tmp_path / "feeds")
        assert served.get("/all.atom").body == b"two"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-%s: y\r\n\r\n" % (b"a" * 20_000), b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 500_000, b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100_000, b"431"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"431"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
def test_a_request_against_the_rules_is_refused_and_its_connection_ended(
    server: Served, request_: bytes, status: bytes
) -> None:
    answer = said(server.port, request_)

    assert not answer or answer.startswith(b"HTTP/1.1 " + status)  # a reset may overtake what is sent
    assert server.get("/all.atom").status == 200


def test_a_body_is_not_read_and_ends_the_connection(server: Served) -> None:
    request = b"POST /all.atom HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nabc"

    answer = said(server.port, request)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"connection: close" in answer


def test_nobody_is_asked_to_go_on_with_a_body(server: Served) -> None:
    request = b"PUT /all.atom HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"

    assert said(server.port, request).startswith(b"HTTP/1.1 405 ")


def test_who_asks_for_another_protocol_is_answered_in_this_one(server: Served) -> None:
    request = b"GET /empty.txt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert said(server.port, request).startswith(b"HTTP/1.1 200 ")


def test_requests_in_a_row_are_answered_in_their_order(server: Served) -> None:
    one = b"GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n"
    row = [one % (name, b"") for name in (b"all.json", b"nothing", b"all.rss", b"all.atom")]
    answer = said(server.port, b"".join([*row, one % (b"empty.txt", b"Connection: close\r\n")]))

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200", b"200", b"200"]
    assert answer.index(b"{}") < answer.index(b"<rss/>") < answer.index(ALL)


def test_who_has_hung_up_half_is_still_answered(site: tuple[Path, Served]) -> None:
    _, served = site
    for _ in range(2):  # one that has to be read first, one that is at hand
        with served.connect() as connection:
            connection.sendall(b"GET /all.atom HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert until_closed(connection).endswith(ALL)


def test_a_flood_of_requests_in_a_row_is_cut_off(server: Served) -> None:
    answer = said(server.port, b"GET /all.atom HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)

    assert answer.count(b"HTTP/1.1 ") < 100
    assert server.get("/all.atom").status == 200


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator["Hurried"]:
    fill(tmp_path / "feeds")
    with Hurried(tmp_path / "feeds", head=0.3, idle=0.6, take=0.5, connections=40) as served:
        yield served


class Hurried(Served):
    """A server with less patience and less room than usual."""

    def __init__(self, directory: Path, **bounds: float) -> None:
        self.script = (
            "import sys; from pathlib import Path; import feedd.serve.server as server, feedd.serve.alone as alone;"
            f"bounds = server.Bounds(**{bounds}); real = alone.answer;"
            "alone.answer = lambda *a: real(*a, bounds=bounds);"
            "say = lambda said: print(said, file=sys.stderr, flush=True);"
            "alone.serve(Path(sys.argv[1]), '127.0.0.1:0', '', 300, say)"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.script, str(directory)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr
        self.url = self.process.stderr.readline().rpartition(" at ")[2].strip()
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def __enter__(self) -> "Hurried":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@pytest.mark.parametrize(
    ("first", "drop"), [(b"", b""), (b"GET /", b"a"), (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a"), (b"", b"\r\n")]
)
def test_a_head_that_comes_in_drops_is_not_waited_for(hurried: Hurried, first: bytes, drop: bytes) -> None:
    with hurried.connect() as connection:
        started, answer = time.monotonic(), b""
        connection.sendall(first)
        connection.settimeout(0.05)
        while time.monotonic() - started < 10:
            try:
                data = connection.recv(4096)
                if not data:
                    break
                answer += data
            except TimeoutError:
                with suppress(ConnectionError):
                    connection.sendall(drop)
            except ConnectionError:
                break
        assert time.monotonic() - started < 5
    assert answer.startswith(b"HTTP/1.1 408 ") or not first


def test_a_second_request_has_no_more_time_than_the_first(tmp_path: Path) -> None:
    folder = fill(tmp_path / "feeds")
    with Hurried(folder, head=0.3, idle=60) as served:
        for _ in range(2):  # once the first has to be read, once it is at hand
            with served.connect() as connection:
                connection.sendall(b"GET /all.json HTTP/1.1\r\nHost: a\r\n\r\nGET /all")
                assert b"HTTP/1.1 408 " in until_closed(connection)


def test_who_asks_no_more_is_let_go(hurried: Hurried) -> None:
    with hurried.connect() as connection:
        connection.sendall(b"GET /all.json HTTP/1.1\r\nHost: a\r\n\r\n")
        assert until_closed(connection).endswith(b"{}")


def test_who_does_not_take_an_answer_is_let_go(tmp_path: Path) -> None:
    folder = fill(tmp_path / "feeds")
    (folder / "huge.txt").write_bytes(os.urandom(7 << 20))
    with Hurried(folder, take=0.5) as served, served.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /huge.txt HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        eventually(lambda: _is_reset(connection))
        assert served.get("/all.atom").status == 200


def _is_reset(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_others_are_served_however_many_say_nothing(hurried: Hurried) -> None:
    with ExitStack() as stack:
        for number in range(200):  # five times as many as there is room for
            connection = stack.enter_context(hurried.connect())
            with suppress(ConnectionError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " if number % 2 else b"")
            if number % 20 == 0:
                assert hurried.get("/all.atom").body == ALL


def test_three_hundred_idle_connections_cost_little_and_disturb_nobody(server: Served) -> None:
    def resident() -> int:
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[0])

    server.get("/all.atom")
    before = resident()
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(300)]
        for connection in connections:
            connection.sendall(b"GET /all.json HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in connections:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert server.get("/all.atom").body == ALL
        assert resident() - before < 300 * 60  # KiB


# Large files, and files that are replaced


def test_a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was(site: tuple[Path, Served]) -> None:
    folder, served = site
    for size in (3 << 20, 12 << 20):  # one that is held in memory, one that is read as it is sent
        data = os.urandom(size)
        (folder / "big.txt").write_bytes(data)
        served.get("/big.txt", "HEAD")
        with served.connect() as connection:
            connection.sendall(b"GET /big.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            start = connection.recv(1000)
            (folder / ".new").write_bytes(b"other")
            (folder / ".new").replace(folder / "big.txt")
            assert (start + until_closed(connection)).partition(b"\r\n\r\n")[2] == data
        assert served.get("/big.txt").body == b"other"


def test_a_file_too_large_for_memory_is_served_like_any_other(site: tuple[Path, Served]) -> None:
    folder, served = site
    data = os.urandom(1 << 16) * 160
    (folder / "big.txt").write_bytes(data)
    tag = served.get("/big.txt", "HEAD").headers["etag"]

    assert served.get("/big.txt").body == data
    assert served.get("/big.txt", range="bytes=70000-9000000").body == data[70000:9000001]
    assert served.get("/big.txt", if_none_match=tag).status == 304


def test_no_answer_is_torn_while_files_are_replaced(site: tuple[Path, Served]) -> None:
    folder, served = site
    stop = threading.Event()

    def publish() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (folder / ".new").write_bytes(b"%06d" % number * 20_000)
            (folder / ".new").replace(folder / "all.atom")

    def read(_: int) -> bool:
        got = served.get("/all.atom", accept_encoding="gzip")
        body = gzip.decompress(got.body) if "content-encoding" in got.headers else got.body
        return body == ALL or body == body[:6] * 20_000

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        with ThreadPoolExecutor(4) as readers:
            assert all(readers.map(read, range(200)))
    finally:
        stop.set()
        publisher.join()


# The command


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_and_finishes_what_is_under_way(tmp_path: Path, sign: signal.Signals) -> None:
    folder = fill(tmp_path / "feeds")
    with serving(folder) as served, served.connect() as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        idle.recv(100)
        served.process.send_signal(sign)
        assert served.process.wait(5) == 0


def test_it_says_what_is_wrong_with_an_address(tmp_path: Path) -> None:
    folder = fill(tmp_path / "feeds")
    with serving(folder) as served, pytest.raises(RuntimeError, match=r"nobody can listen at.*already in use"):
        Served(folder, "--listen", f"127.0.0.1:{served.port}")


@pytest.mark.parametrize("address", ["8000", "127.0.0.1:99999", "localhost", ":80"])
def test_an_address_that_is_none_is_wrong_usage(tmp_path: Path, address: str) -> None:
    command = [sys.executable, "-m", "feedd", "serve", str(tmp_path), "--listen", address]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 2
    assert ended.stderr == (
        f'feedd: --listen: is "{address}". '
        'Write a host and a port, such as "127.0.0.1:8000", the path of a Unix socket, or "systemd".\n'
    )


def test_a_configured_address_that_is_taken_is_blamed_on_the_configuration(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.configure(f'[server]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        command = [sys.executable, "-m", "feedd", "serve", "--config", str(site.file)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: server.listen: nobody can listen at 127.0.0.1:")


def test_unix_socket_is_for_all_replaces_a_dead_one_and_goes_with_its_process(tmp_path: Path) -> None:
    folder, place = fill(tmp_path / "feeds"), tmp_path / "http.sock"
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(place))
    command = [sys.executable, "-m", "feedd", "serve", str(folder), "--listen", str(place)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert process.stderr.readline() == f"serving {folder} at unix:{place}\n"
        assert place.stat().st_mode & 0o777 == 0o666
        assert over(place, "/all.json").endswith(b"{}")
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert (second.returncode, "another process answers" in second.stderr) == (1, True)
        process.terminate()
        assert process.wait(5) == 0
    assert not place.exists()


def over(place: Path, path: str) -> bytes:
    """What is answered over a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(place))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return until_closed(connection)


@contextmanager
def activated(folder: Path, command: list[str], names: str, count: int = 1) -> Iterator[list[int]]:
    """A command as systemd starts it for the sockets that it has opened: their ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        handles = [one.fileno() for one in sockets]
        script = (
            "import fcntl, os, sys;"
            "held = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in sys.argv[1].split(',')];"
            "[os.dup2(one, 3 + index) for index, one in enumerate(held)];"
            f"os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='{count}', LISTEN_FDNAMES='{names}');"
            "os.execv(sys.executable, [sys.executable, '-m', 'feedd', *sys.argv[2:]])"
        )
        held = ",".join(map(str, handles))
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", script, held, *command], pass_fds=handles, cwd=folder)
        )
        try:
            yield [one.getsockname()[1] for one in sockets]
        finally:
            process.terminate()
            process.wait(10)


def get_json(port: int, path: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(said(port, f"GET {path} HTTP/1.0\r\n\r\n".encode()).partition(b"\r\n\r\n")[2])
    return found


def test_a_socket_of_systemd_is_taken(tmp_path: Path) -> None:
    folder = fill(tmp_path / "feeds")
    with activated(tmp_path, ["serve", str(folder)], "feedd.socket") as (port,):
        assert said(port, b"GET /all.json HTTP/1.0\r\n\r\n").endswith(b"{}")


# feedd run

SETTINGS = '[server]\nlisten = "{place}"\nmax_age = "{age}"\n'


def test_the_daemon_serves_what_it_publishes(tmp_path: Path) -> None:
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="90s"))
    site.story("a.md", "Hello")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        answer = over(place, "/feeds/all.json")
        assert b'"Hello"' in answer
        assert b"cache-control: public, max-age=90\r\n" in answer
        site.story("b.md", "World")
        eventually(lambda: b'"World"' in over(place, "/feeds/all.json"))
        blocked = re.findall(r"SigBlk:\s+(\w+)", Path(f"/proc/{child_of(service.process.pid)}/status").read_text())
        assert int(blocked[0], 16) == 0  # as they are in the daemon, which could not end it but by force
        assert service.stop() == 0
    assert not place.exists()


def child_of(process: int) -> int:
    """The process that serves for a daemon."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            if b"feedd.serve" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0


def test_the_daemon_starts_a_server_that_died_anew_and_says_so(tmp_path: Path) -> None:
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="5m"))
    site.story("a.md", "Hello")
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        over(place, "/feeds/all.json")
        first = child_of(service.process.pid)
        os.kill(first, signal.SIGKILL)
        assert b'"Hello"' in over(place, "/feeds/all.json")  # the connection waits for the next one
        assert child_of(service.process.pid) not in (0, first)
        eventually(lambda: "over kind=not-served" in service.log.read_text())
        assert "ended by signal SIGKILL" in service.log.read_text()


def test_the_daemon_is_degraded_while_nobody_serves(tmp_path: Path) -> None:
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="5m"))
    site.story("a.md", "Hello")
    with running(site) as inbox:
        over(place, "/feeds/all.json")

        def reasons() -> str:
            return str(asked(inbox, "status")["status"]["reasons"])

        assert reasons() in ("()", "[]")
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        eventually(lambda: "the process that serves over HTTP ended by signal SIGKILL" in reasons())
        over(place, "/feeds/all.json")
        eventually(lambda: "serves" not in reasons())


def test_the_server_dies_with_the_daemon(tmp_path: Path) -> None:
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="5m"))
    with Service(site.file, tmp_path) as service:
        eventually(place.exists)
        over(place, "/")
        child = child_of(service.process.pid)
        service.process.kill()
        eventually(lambda: not Path(f"/proc/{child}").exists())


def test_a_reload_moves_the_server_and_a_bad_address_is_refused(tmp_path: Path) -> None:
    site, one, other = Site(tmp_path), tmp_path / "one.sock", tmp_path / "other.sock"
    site.configure(SETTINGS.format(place=one, age="5m"))
    with Service(site.file, tmp_path) as service:
        service.wait_for("READY=1")
        over(one, "/feeds/all.json")
        (tmp_path / "taken").write_text("a file of somebody")
        assert _reload(site, SETTINGS.format(place=tmp_path / "taken", age="5m")) == 78
        assert b"max-age=300" in over(one, "/feeds/all.json")
        assert (tmp_path / "taken").read_text() == "a file of somebody"

        assert _reload(site, SETTINGS.format(place=one, age="7s")) == 0
        eventually(lambda: b"max-age=7\r\n" in over(one, "/feeds/all.json"))
        assert _reload(site, SETTINGS.format(place=other, age="7s")) == 0
        assert b"HTTP/1.1 200 " in over(other, "/feeds/all.json")
        eventually(lambda: not one.exists())
        assert _reload(site, "") == 0
        eventually(lambda: not other.exists())
        eventually(lambda: child_of(service.process.pid) == 0)


def _reload(site: Site, settings: str) -> int:
    site.configure(settings)
    command = [sys.executable, "-m", "feedd", "reload", "--config", str(site.file)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode


def test_the_daemon_takes_both_sockets_of_systemd_by_their_names(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure('[server]\nlisten = "systemd"\n[monitoring]\nlisten = "systemd"\n')
    site.story("a.md", "Hello")
    with activated(tmp_path, ["run"], "monitoring:http", count=2) as (monitoring, feeds):
        eventually(lambda: b'"Hello"' in said(feeds, b"GET /feeds/all.json HTTP/1.0\r\n\r\n"))
        assert get_json(monitoring, "/healthz")["state"] in ("starting", "ready")
        assert said(monitoring, b"GET /feeds/all.json HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 ")
        assert said(feeds, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_without_a_socket_of_systemd_it_does_not_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure('[server]\nlisten = "systemd"\n')
    with Service(site.file, tmp_path) as service:
        assert service.process.wait(20) == 1
        assert "handed over no listening stream socket" in service.log.read_text()


def test_the_daemon_itself_speaks_no_http(tmp_path: Path) -> None:
    code = (
        "import sys; import feedd.cli, feedd.service.daemon, feedd.pipeline, feedd.check;"
        "print(*[name for name in ('uvicorn', 'httptools', 'uvloop', 'asyncio') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert found.stdout.split() == []


def test_ctrl_c_is_for_the_daemon_alone(tmp_path: Path) -> None:
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="5m"))
    with Service(site.file, tmp_path, through=["setsid"]) as service:
        service.wait_for("READY=1")
        over(place, "/feeds/all.json")
        assert os.getpgid(child_of(service.process.pid)) != service.process.pid
        os.killpg(service.process.pid, signal.SIGINT)
        assert service.process.wait(10) == 0
        assert "not-served" not in service.log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_thousand_idle_and_two_hundred_slow_clients_delay_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip(f"a process may have {hard} open files here")
    site, place = Site(tmp_path), tmp_path / "http.sock"
    site.configure(SETTINGS.format(place=place, age="5m"))
    for number in range(50):
        site.story(f"{number}.md", "Long " * 500 + str(number))
    resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, hard))
    try:
        with Service(site.file, tmp_path) as service, ExitStack() as stack:
            service.wait_for("READY=1")
            server = _served_by(service, place)
            for number in range(10_200):
                connection = stack.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(place))
                is_slow = number % 51 == 0
                path = b"/all.atom" if is_slow else b"/nothing"
                connection.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
                assert connection.recv(1 if is_slow else 4096).startswith(b"H")
            site.story("new.md", "Breaking", publishedDateTime="2024-05-31T08:00:00Z")
            started = time.monotonic()
            eventually(lambda: b">Breaking<" in over(place, "/all.atom"))
            assert time.monotonic() - started < 5
            assert int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{server}/status").read_text())[0]) < 300 * 1024
            assert child_of(service.process.pid) == server
            assert service.stop() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _served_by(service: Service, place: Path) -> int:
    over(place, "/all.atom")
    return child_of(service.process.pid)

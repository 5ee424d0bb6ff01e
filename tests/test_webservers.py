"""nginx and Caddy, as `feedd print-config` tells them, beside feedd's own server: the same requests, the same answers.

The servers are real, on loopback, and serve the same directory. Where one of them cannot do the same, `DIFFERENCES`
says so, and the test sees that it is still so.
"""

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from feedd.cli import main
from feedd.config import parse
from feedd.errors import ConfigError
from feedd.feeds.manifest import NAME, Manifest, decode
from feedd.testing import Site, eventually
from feedd.webservers import PRINTERS, caddy, nginx

ROOT = Path(__file__).parent.parent
SERVERS = ("nginx", "caddy", "feedd")
HUBS = '[websub]\nhubs = ["https://hub.example/?a=b&c=d", "https://other.example/it\'s"]\n'
MOVED = {"topics/old.atom": "topics/older.atom", "topics/older.atom": "topics/ai.atom"}
GONE = ("all/2024-05.atom", "topics/ai/2024-05.json", "topics/gone.rss")
"""The archives among these are there again."""
LINKS = '<https://hub.example/?a=b&c=d>; rel="hub", <https://other.example/it\'s>; rel="hub", <{}>; rel="self"'
PAGE = "<!DOCTYPE html><title>Feeds</title>" + "<p>All of them.</p>" * 100
MODIFIED = 1_717_243_200
EARLIER, DATE, LATER = (formatdate(MODIFIED + seconds, usegmt=True) for seconds in (-9, 0, 9))


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A server that answers on loopback."""

    name: str
    port: int

    def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        """The response to one request on a connection of its own; `_` in names of headers is `-`."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": "news.example", **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            found = connection.getresponse()
            names = [name.lower() for name in found.headers]
            assert len(names) == len(set(names)), f"a header came twice: {found.headers}"
            return Response(found.status, {name.lower(): found.headers[name] for name in found.headers}, found.read())


# How the servers are run


def installed(name: str) -> str:
    place = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if not place:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return place


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx_command(folder: Path, port: int, snippet: str) -> list[str]:
    (folder / "feedd.conf").write_bytes(os.fsencode(snippet))
    user = "user root;\n" if os.getuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log stderr;\nevents {{ }}\n"
        f"http {{\naccess_log off;\n{temporary}\n"
        f"server {{\nlisten 127.0.0.1:{port};\nserver_name news.example;\ninclude feedd.conf;\n}}\n}}\n"
    )
    return [installed("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy_command(folder: Path, port: int, snippet: str) -> list[str]:
    (folder / "feedd.caddy").write_bytes(os.fsencode(snippet))
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n"
        f"http://news.example:{port} {{\n\tbind 127.0.0.1\n\timport feedd.caddy\n\trespond 404\n}}\n"
    )
    return [installed("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


COMMANDS: dict[str, Callable[[Path, int, str], list[str]]] = {"nginx": nginx_command, "caddy": caddy_command}


@contextmanager
def serving(name: str, site: Site, folder: Path) -> Iterator[Server]:
    """Within it a server serves the output directory of a site."""
    port, folder = free_port(), folder / name
    folder.mkdir()
    manifest = decode((site.config.output.path / NAME).read_bytes())
    if name == "feedd":
        command = [sys.executable, "-m", "feedd", "serve", "--config", str(site.file), "--listen", f"127.0.0.1:{port}"]
    else:
        command = COMMANDS[name](folder, port, PRINTERS[name](site.config, manifest))
    home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=home)
    try:
        eventually(lambda: listens(port) or ended(process, folder / "log"))
        yield Server(name, port)
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def ended(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    return False


BROUGHT = {"twtxt": "text/x-t"}
"""The media type of a format that an installed package brings."""


def built(folder: Path, settings: str = "") -> Site:
    """A site with what a server may meet, none of whose files is new."""
    site = Site(folder, settings)
    for number in range(9):
        site.story(f"{number}.md", f"Story {number}", webUrl=f"https://source.example/{number}")
    site.build()
    output = site.config.output.path
    files = {
        NAME: Manifest(site.config.site.feeds_url, site.config.websub.hubs, MOVED, GONE, BROUGHT).encode(),
        "topics/ai.twtxt": b"line" * 200,
        "index.html": PAGE.encode(),
        "feeds.opml": b"<opml/>" * 100,
        "assets/feedd.css": b"p { color: black }" * 100,
        "assets/feedd.svg": b"<svg/>" * 100,
        "topics/older.atom": b"left over",
        "all/2024-05.atom": b"<feed/>" * 100,
        "all/2024-05.rss": b"<rss/>" * 100,
        "topics/ai/2024-05.json": b"{}" * 300,
        ".all.atom.1.feedd-tmp": b"half of it",
        ".secret.atom": b"hidden",
        ".git/config.json": b"hidden",
        "notes.md": b"not of a kind that is served",
    }
    for path, data in files.items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        (output / path).write_bytes(data)
    for path in output.rglob("*"):
        os.utime(path, (MODIFIED, MODIFIED))
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return built(tmp_path_factory.mktemp("site"), HUBS)


def test_nginx_has_nothing_to_say_about_what_it_is_told(site: Site, tmp_path: Path) -> None:
    with serving("nginx", site, tmp_path) as server:
        server.get("/feeds/all.atom")

    assert (tmp_path / "nginx" / "log").read_text() == ""


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(request.param, site, tmp_path_factory.mktemp("server")) as server:
        yield server


# The same requests, the same answers

FEED = {
    "cache-control": "public, max-age=300",
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Link",
    "vary": "Accept-Encoding",
}
ATOM_OR_RSS = {**FEED, "vary": "Accept-Encoding, Sec-Fetch-Dest"}
ATOM = {**ATOM_OR_RSS, "content-type": "application/atom+xml; charset=utf-8", "content-security-policy": ""}
OPENED = {
    **ATOM_OR_RSS,
    "content-type": "application/xml; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'self' https: http:; sandbox",
    "referrer-policy": "no-referrer",
}
STATIC = {"cache-control": "public, max-age=300", "x-content-type-options": "nosniff", "vary": "Accept-Encoding"}
SHOWN = {**STATIC, "referrer-policy": "no-referrer", "access-control-allow-origin": ""}
UNKNOWN = {"cache-control": "no-cache", "x-content-type-options": "nosniff", "access-control-allow-origin": "*"}
READING = {"allow": "GET, HEAD, OPTIONS"}
LASTING = {**UNKNOWN, "cache-control": "public, max-age=300", "access-control-expose-headers": "ETag, Link"}


@dataclass(frozen=True)
class Case:
    """A request, and what is expected of the answer: a header that is empty is not there."""

    path: str
    status: int = 200
    expected: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)


GZIP = {"Accept-Encoding": "gzip, br"}
BROWSER = {"Sec-Fetch-Dest": "document"}
SELF = LINKS.format

CASES: dict[str, Case] = {
    "atom": Case("/feeds/all.atom", 200, {**ATOM, "link": SELF("https://news.example/feeds/all.atom")}),
    "rss": Case("/feeds/all.rss", 200, {**ATOM_OR_RSS, "content-type": "application/rss+xml; charset=utf-8"}),
    "json": Case("/feeds/all.json", 200, {**FEED, "content-type": "application/feed+json; charset=utf-8"}),
    "brought": Case(
        "/feeds/topics/ai.twtxt", 200,
        {
            **FEED, "content-type": "text/x-t; charset=utf-8", "link": SELF("https://news.example/feeds/topics/ai.twtxt"),
            "content-security-policy": "default-src 'none'; style-src 'self' https: http:; sandbox",
        },
    ),
    "gzip-brought": Case("/feeds/topics/ai.twtxt", 200, {"content-encoding": "gzip"}, headers=GZIP),
    "topic": Case(
        "/feeds/topics/ai.rss", 200, {**ATOM_OR_RSS, "link": SELF("https://news.example/feeds/topics/ai.rss")}
    ),
    "provider": Case(
        "/feeds/providers/source.example.json",
        200,
        {**FEED, "link": SELF("https://news.example/feeds/providers/source.example.json")},
    ),
    "query": Case("/feeds/all.atom?x=1", 200, {**ATOM, "link": SELF("https://news.example/feeds/all.atom")}),
    "escaped": Case("/feeds/all%2Eatom", 200, {**ATOM, "link": SELF("https://news.example/feeds/all.atom")}),
    "archive": Case("/feeds/all/2024-05.atom", 200, {**ATOM, "link": ""}),
    "archive-rss": Case("/feeds/all/2024-05.rss?x=1", 200, {**ATOM_OR_RSS, "link": ""}),
    "archive-json": Case("/feeds/topics/ai/2024-05.json", 200, {**FEED, "link": ""}),
    "archive-opened": Case("/feeds/all/2024-05.atom", 200, {**OPENED, "link": ""}, headers=BROWSER),
    "archive-unknown": Case("/feeds/all/2024-06.atom", 404, {**UNKNOWN, "link": ""}),
    "opml": Case("/feeds/feeds.opml", 200, {**FEED, "content-type": "text/x-opml; charset=utf-8", "link": ""}),
    "index": Case("/feeds/", 200, {**SHOWN, "content-type": "text/html; charset=utf-8", "link": ""}),
    "page": Case("/feeds/index.html", 200, {**SHOWN, "content-type": "text/html; charset=utf-8"}),
    "css": Case("/feeds/assets/feedd.css", 200, {**STATIC, "content-type": "text/css; charset=utf-8"}),
    "svg": Case("/feeds/assets/feedd.svg", 200, {**SHOWN, "content-type": "image/svg+xml; charset=utf-8"}),
    "gzip": Case("/feeds/all.atom", 200, {**ATOM, "content-encoding": "gzip"}, headers=GZIP),
    "gzip-json": Case("/feeds/all.json", 200, {"content-encoding": "gzip"}, headers=GZIP),
    "gzip-page": Case("/feeds/", 200, {"content-encoding": "gzip"}, headers=GZIP),
    "no-gzip": Case("/feeds/all.atom", 200, {"content-encoding": ""}, headers={"Accept-Encoding": "gzip;q=0"}),
    "opened": Case(
        "/feeds/all.atom", 200, {**OPENED, "link": SELF("https://news.example/feeds/all.atom")}, headers=BROWSER
    ),
    "opened-rss": Case("/feeds/topics/ai.rss?x=1", 200, OPENED, headers=BROWSER),
    "opened-frame": Case("/feeds/all.rss", 200, OPENED, headers={"Sec-Fetch-Dest": "iframe"}),
    "opened-escaped": Case("/feeds/all%2Eatom", 200, OPENED, headers=BROWSER),
    "opened-head": Case("/feeds/all.atom", 200, OPENED, method="HEAD", headers=BROWSER),
    "opened-gzip": Case("/feeds/all.atom", 200, {**OPENED, "content-encoding": "gzip"}, headers={**GZIP, **BROWSER}),
    "opened-range": Case("/feeds/all.atom", 206, OPENED, headers={"Range": "bytes=0-9", **BROWSER}),
    "opened-later": Case(
        "/feeds/all.atom", 304, {"vary": ATOM["vary"]}, headers={"If-Modified-Since": LATER, **BROWSER}
    ),
    "opened-post": Case("/feeds/all.atom", 405, READING, method="POST", headers={"Content-Length": "0", **BROWSER}),
    "opened-options": Case("/feeds/all.atom", 204, READING, method="OPTIONS", headers=BROWSER),
    "opened-json": Case(
        "/feeds/all.json", 200, {**FEED, "content-type": "application/feed+json; charset=utf-8"}, headers=BROWSER
    ),
    "opened-page": Case("/feeds/", 200, {**SHOWN, "content-type": "text/html; charset=utf-8"}, headers=BROWSER),
    "opened-unknown": Case("/feeds/none.atom", 404, UNKNOWN, headers=BROWSER),
    "opened-moved": Case("/feeds/topics/old.atom", 301, LASTING, headers=BROWSER),
    "opened-gone": Case("/feeds/topics/gone.rss", 410, LASTING, headers=BROWSER),
    "opened-hidden": Case("/feeds/.secret.atom", 404, UNKNOWN, headers=BROWSER),
    "opened-hidden-folder": Case("/feeds/.git/x.atom", 404, UNKNOWN, headers=BROWSER),
    "opened-above": Case("/feeds/..%2fall.atom", 404, {}, headers=BROWSER),
    "fetched": Case("/feeds/all.atom", 200, ATOM, headers={"Sec-Fetch-Dest": "empty"}),
    "as-xml": Case("/feeds/all.atom.xml", 404, UNKNOWN),
    "as-xml-opened": Case("/feeds/all.atom.xml", 404, UNKNOWN, headers=BROWSER),
    "head": Case("/feeds/all.atom", 200, ATOM, method="HEAD"),
    "range": Case("/feeds/all.atom", 206, {}, headers={"Range": "bytes=0-9"}),
    "bad-range": Case("/feeds/all.atom", 416, {}, headers={"Range": "bytes=9999999-"}),
    "later": Case("/feeds/all.atom", 304, {}, headers={"If-Modified-Since": LATER}),
    "equal": Case("/feeds/all.atom", 304, {}, headers={"If-Modified-Since": DATE}),
    "earlier": Case("/feeds/all.atom", 200, {}, headers={"If-Modified-Since": EARLIER}),
    "any-tag": Case("/feeds/all.atom", 304, {"cache-control": FEED["cache-control"]}, headers={"If-None-Match": "*"}),
    "other-tag": Case("/feeds/all.atom", 200, {}, headers={"If-None-Match": '"no"', "If-Modified-Since": DATE}),
    "no-match": Case("/feeds/all.atom", 412, {}, headers={"If-Match": '"no"'}),
    "bare": Case("/feeds", 301, {"location": "https://news.example/feeds/"}),
    "moved": Case(
        "/feeds/topics/older.atom", 301, {**LASTING, "location": "https://news.example/feeds/topics/ai.atom"}
    ),
    "twice": Case("/feeds/topics/old.atom", 301, {**LASTING, "location": "https://news.example/feeds/topics/ai.atom"}),
    "moved-head": Case("/feeds/topics/old.atom", 301, LASTING, method="HEAD"),
    "gone": Case("/feeds/topics/gone.rss", 410, {**LASTING, "link": ""}),
    "gone-escaped": Case("/feeds/topics/gone%2Erss?x=1", 410, LASTING),
    "gone-post": Case("/feeds/topics/gone.rss", 405, READING, method="POST", headers={"Content-Length": "0"}),
    "gone-head": Case("/feeds/topics/gone.rss", 410, LASTING, method="HEAD"),
    "unknown": Case("/feeds/none.atom", 404, {**UNKNOWN, "link": ""}),
    "unknown-head": Case("/feeds/none.atom", 404, UNKNOWN, method="HEAD"),
    "folder": Case("/feeds/topics/", 404, UNKNOWN),
    "folder-bare": Case("/feeds/topics", 404, UNKNOWN),
    "other-kind": Case("/feeds/notes.md", 404, UNKNOWN),
    "other-case": Case("/feeds/ALL.ATOM", 404, UNKNOWN),
    "manifest": Case("/feeds/.feedd.json", 404, UNKNOWN),
    "manifest-escaped": Case("/feeds/%2Efeedd.json", 404, UNKNOWN),
    "temporary": Case("/feeds/.all.atom.1.feedd-tmp", 404, UNKNOWN),
    "hidden": Case("/feeds/.secret.atom", 404, UNKNOWN),
    "hidden-folder": Case("/feeds/.git/config.json", 404, UNKNOWN),
    "above": Case("/feeds/../feedd.toml", 404, {}),
    "above-escaped": Case("/feeds/%2e%2e/feedd.toml", 404, {}),
    "above-in-one": Case("/feeds/..%2ffeedd.toml", 404, {}),
    "state": Case("/feeds../state/feedd.sqlite", 404, {}),
    "break": Case("/feeds/all.atom%0d%0aX-Injected:1", 404, {"x-injected": ""}),
    "nul": Case("/feeds/all.atom%00.html", 404, {}),
    "post": Case("/feeds/all.atom", 405, READING, method="POST", headers={"Content-Length": "0"}),
    "put": Case("/feeds/new.atom", 405, READING, method="PUT", headers={"Content-Length": "0"}),
    "delete": Case("/feeds/all.atom", 405, READING, method="DELETE"),
    "options": Case(
        "/feeds/all.atom",
        204,
        {
            "allow": "GET, HEAD, OPTIONS",
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "GET, HEAD, OPTIONS",
            "access-control-max-age": "86400",
        },
        method="OPTIONS",
    ),
}

DIFFERENCES: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    ("nginx", "nul"): ({"status": 400}, "nginx takes no NUL in a path"),
    ("nginx", "gone-post"): ({"status": 410, "allow": ""}, "nginx looks for the file before it refuses POST"),
}
"""By server and case: what is different there, `status` or a header, and why."""


def differing(server: str, case: str) -> dict[str, Any]:
    return DIFFERENCES.get((server, case), ({}, ""))[0]


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_feedd(server: Server, name: str) -> None:
    case, other = CASES[name], differing(server.name, name)
    found = server.get(case.path, case.method, **case.headers)
    wanted = {"status": case.status, **case.expected, **other}
    shown = {"status": str(found.status), **found.headers}

    assert {name: shown.get(name, "") for name in wanted} == {name: str(value) for name, value in wanted.items()}
    assert b"hidden" not in found.body
    assert b"[site]" not in found.body


# Conditions, codings, bytes


def test_a_tag_is_strong_and_stays_while_the_bytes_do(server: Server) -> None:
    first, second = server.get("/feeds/all.atom"), server.get("/feeds/all.atom", "HEAD")

    assert re.fullmatch(r'"[^"]+"', first.headers["etag"])
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["last-modified"] == DATE


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', '"a", W/{}, "b"'])
def test_a_reader_that_has_it_gets_a_304(server: Server, form: str) -> None:
    tag = server.get("/feeds/all.atom").headers["etag"]
    found = server.get("/feeds/all.atom", If_None_Match=form.format(tag))

    assert (found.status, found.body) == (304, b"")
    assert (found.headers["etag"], found.headers["cache-control"]) == (tag, "public, max-age=300")
    assert found.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"
    assert "content-type" not in found.headers


def test_the_tag_beats_the_date(server: Server) -> None:
    """nginx wants both to be so, and sends more often than it needs to: a reader sends the date that it was told."""
    tag = server.get("/feeds/all.atom").headers["etag"]
    earlier, same = (server.get("/feeds/all.atom", If_None_Match=tag, If_Modified_Since=at) for at in (EARLIER, DATE))

    assert (earlier.status, same.status) == (200 if server.name == "nginx" else 304, 304)


def test_a_reader_that_has_it_packed_gets_a_304(server: Server) -> None:
    tag = server.get("/feeds/all.atom", Accept_Encoding="gzip").headers["etag"]
    found = server.get("/feeds/all.atom", Accept_Encoding="gzip", If_None_Match=tag)

    assert (found.status, found.body) == (304, b"")


def test_packed_bytes_are_the_plain_ones(server: Server) -> None:
    plain, packed = server.get("/feeds/all.atom"), server.get("/feeds/all.atom", Accept_Encoding="gzip")

    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"


def test_the_tag_of_packed_bytes_is_as_the_snippet_says(server: Server) -> None:
    plain, packed = (server.get("/feeds/all.atom", Accept_Encoding=coding).headers["etag"] for coding in ("", "gzip"))

    if server.name == "nginx":
        assert packed == f"W/{plain}"
    elif server.name == "caddy":
        assert packed in {plain, plain[:-1] + '-gzip"'}  # before and since 2.9
    else:
        assert re.fullmatch(r'"[^"]+"', packed)
        assert packed != plain


def test_who_has_it_opened_gets_a_304_and_its_tag_is_as_the_snippet_says(server: Server) -> None:
    reader, opened = (server.get("/feeds/all.atom", **asked) for asked in ({}, BROWSER))
    again = server.get("/feeds/all.atom", If_None_Match=opened.headers["etag"], **BROWSER)

    assert (again.status, again.body) == (304, b"")
    assert again.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest"
    assert opened.body == reader.body
    assert (opened.headers["etag"] == reader.headers["etag"]) is (server.name != "feedd")


@pytest.mark.parametrize("path", ["/feeds/all.atom", "/feeds/", "/feeds/none.atom", "/feeds/topics/old.atom"])
def test_head_is_get_without_a_body(server: Server, path: str) -> None:
    get, head = server.get(path), server.get(path, "HEAD")

    assert head.body == b""
    assert without_date(head) == without_date(get)


def without_date(found: Response) -> dict[str, str]:
    """The headers, but for the moment, and the length of nothing, which may be told or not."""
    return {name: value for name, value in found.headers.items() if name != "date" and (name, value) != NOTHING}


NOTHING = ("content-length", "0")


def test_a_range_is_the_part_that_was_asked_for(server: Server) -> None:
    whole, part = server.get("/feeds/all.atom"), server.get("/feeds/all.atom", Range="bytes=10-99")

    assert part.body == whole.body[10:100]
    assert part.headers["content-range"] == f"bytes 10-99/{len(whole.body)}"


def test_all_serve_the_same_bytes(server: Server, site: Site) -> None:
    for path in ("all.atom", "all.rss", "all.json", "topics/ai.json", "feeds.opml", "assets/feedd.css"):
        assert server.get(f"/feeds/{path}").body == (site.feeds / path).read_bytes()


@pytest.mark.parametrize("name", SERVERS)
def test_a_document_that_is_replaced_is_another_one(name: str, tmp_path: Path) -> None:
    site = built(tmp_path / "site")
    with serving(name, site, tmp_path) as server:
        before = server.get("/feeds/all.atom")
        site.story("new.md", webUrl="https://source.example/new")
        site.build()
        after = server.get("/feeds/all.atom", If_None_Match=before.headers["etag"])

    assert after.status == 200
    assert after.headers["etag"] != before.headers["etag"]


# Whatever paths and addresses are called

FOLDERS = [
    "with space",
    "it's",
    'say "hi"',
    "semi;colon",
    "brace{d}",
    "back\\slash",
    "#hash",
    "ünï ☃",
    "100%20",
    "*?[a]",
    "tick`",
    "a\nb",
    "-flag",
    "..dots",
    "all 'of' {it};\t#\"x\"",
]


UNTOLD = {"nginx": re.compile(r"\$"), "caddy": re.compile(r"[*?\[\]\\{}]")}
"""What these servers have no way to write in the path of a directory."""


@pytest.mark.parametrize("folder", [*FOLDERS, "cash$", "{$HOME}"])
@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_directory_may_be_called_anything(name: str, folder: str, tmp_path: Path) -> None:
    site = built(tmp_path / "site", f"[output]\npath = {toml(folder)}\n")
    if UNTOLD[name].search(folder):
        with pytest.raises(ConfigError, match="cannot be told"):
            PRINTERS[name](site.config, Manifest())
        return
    with serving(name, site, tmp_path) as server:
        found, opened = server.get("/feeds/all.atom"), server.get("/feeds/all.atom", **BROWSER)

    assert found.status == opened.status == 200
    assert found.body == opened.body == (site.folder / folder / "all.atom").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/a/b/c/",
        "/a%20b/",
        "/caf%C3%A9/",
        "/it's/",
        "/semi;colon/",
        "/(x%7Cy)+/",
        "/wh%3Fat/",
        "/back%5Cslash/",
        "/%7Bbrace%7D/",
        "/~user/feeds/",
        "/a.b/",
        "/a,b=c&d/",
        "/say%22hi%22/",
        "/100%25/",
    ],
)
@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_an_address_may_have_any_path(name: str, path: str, tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    url = f"https://news.example{path}"
    text = site.file.read_text("utf-8").replace("https://news.example/feeds/", url)
    site.file.write_text(f"{text}{HUBS}", "utf-8")
    site.story("first.md")
    site.build()
    site.feeds.joinpath(NAME).write_bytes(Manifest(url, (), {"old.atom": "all.atom"}, ("gone.rss",)).encode())
    with serving(name, site, tmp_path) as server:
        found = server.get(f"{path}all.atom")
        moved, gone = server.get(f"{path}old.atom"), server.get(f"{path}gone.rss")
        hidden = server.get(f"{path}{NAME}")
        opened = server.get(f"{path}all.atom", **BROWSER)

    assert (found.status, found.body) == (200, (site.feeds / "all.atom").read_bytes())
    assert found.headers["link"].endswith(f'<{url}all.atom>; rel="self"')
    assert (opened.status, opened.body, opened.headers["link"]) == (200, found.body, found.headers["link"])
    assert opened.headers["content-type"] == "application/xml; charset=utf-8"
    assert (moved.status, moved.headers["location"]) == (301, f"{url}all.atom")
    assert (gone.status, hidden.status) == (410, 404)


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


@pytest.mark.parametrize(
    ("name", "path", "settings"),
    [
        ("nginx", "/cash$/", ""),
        ("nginx", "/feeds/", '[output]\npath = "cash$"\n'),
        ("nginx", "/feeds/", '[websub]\nhubs = ["https://hub.example/$x"]\n'),
        ("caddy", "/a*b/", ""),
        ("caddy", "/[a]/", ""),
        ("caddy", "/feeds/", '[output]\npath = "a{$HOME}"\n'),
    ],
)
def test_what_a_server_cannot_be_told_is_refused(name: str, path: str, settings: str, tmp_path: Path) -> None:
    site = Site(tmp_path, settings)
    site.file.write_text(site.file.read_text("utf-8").replace("/feeds/", path), "utf-8")
    result = CliRunner().invoke(main, ["print-config", name, "--config", str(site.file)])

    assert (result.exit_code, result.stdout) == (78, "")
    assert "cannot be told" in result.stderr


# The command


def test_the_command_prints_what_the_directory_says_of_itself(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.feeds.mkdir()
    site.feeds.joinpath(NAME).write_bytes(Manifest("", (), MOVED, GONE).encode())
    result = CliRunner().invoke(main, ["print-config", "nginx", "--config", str(site.file)])

    assert result.exit_code == 0
    assert result.stdout == nginx(site.config, Manifest("", (), MOVED, GONE))


def test_the_command_needs_no_directory(tmp_path: Path) -> None:
    site = Site(tmp_path)
    result = CliRunner().invoke(main, ["print-config", "caddy", "--config", str(site.file)])

    assert (result.exit_code, result.stdout, result.stderr) == (0, caddy(site.config, Manifest()), "")


def test_the_command_says_when_the_directory_says_nonsense(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.feeds.mkdir()
    site.feeds.joinpath(NAME).write_bytes(b"{")
    result = CliRunner().invoke(main, ["print-config", "caddy", "--config", str(site.file)])

    assert result.exit_code == 0
    assert "left out" in result.stderr


def test_another_server_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["print-config", "apache", "--config", str(Site(tmp_path).file)])

    assert result.exit_code == 2


@pytest.mark.parametrize(("file", "name"), [("feedd.nginx.conf", "nginx"), ("feedd.caddy", "caddy")])
def test_what_lies_in_config_is_what_is_printed_for_the_sample(file: str, name: str) -> None:
    """Written anew with GOLDEN=write."""
    sample = parse((ROOT / "config" / "feedd.toml").read_text("utf-8"), "feedd.toml", Path("/srv/feedd"))
    printed = PRINTERS[name](sample, Manifest())
    if os.environ.get("GOLDEN") == "write":
        (ROOT / "config" / file).write_text(printed, "utf-8")

    assert (ROOT / "config" / file).read_text("utf-8") == printed


def test_what_is_printed_for_caddy_is_formatted_as_caddy_does(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "feedd.caddy"
    file.write_text(caddy(site.config, Manifest("", (), MOVED, GONE)), "utf-8")
    result = subprocess.run([installed("caddy"), "fmt", str(file)], capture_output=True, text=True, check=False)

    assert result.stdout == file.read_text("utf-8")

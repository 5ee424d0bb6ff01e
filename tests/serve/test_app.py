"""The application: one answer, whether it is waited for or given at once."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedd.feeds.manifest import NAME, Manifest
from feedd.serve.answer import sent
from feedd.serve.app import Feeds, feeds

PATHS = [b"/all.atom", b"/feeds/all.atom", b"/", b"/feeds", b"/old.atom", b"/gone.atom", b"/.feedd.json", b"/long.txt"]
HEADERS = st.lists(
    st.sampled_from(
        [
            (b"accept-encoding", b"gzip"),
            (b"if-none-match", b"*"),
            (b"range", b"bytes=1-2"),
            (b"if-match", b'"x"'),
            (b"sec-fetch-dest", b"document"),
        ]
    ),
    unique=True,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feeds]:
    folder = tmp_path_factory.mktemp("feeds")
    for name, size in (("all.atom", 5000), ("index.html", 100), ("old.atom", 10), ("long.txt", 100_000)):
        (folder / name).write_bytes(os.urandom(size // 2).hex().encode())
    manifest = Manifest("https://a.example/feeds/", ("https://hub.example/",), {"old.atom": "all.atom"}, ("gone.atom",))
    (folder / NAME).write_bytes(manifest.encode())
    with closing(feeds(folder, 300, lambda: 2e9)) as application:
        yield application


def waited_for(application: Feeds, method: str, path: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[Any, ...]:
    """Status, headers and body of an answer, and its kind."""
    said: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        said.append({**message, "body": bytes(message.get("body", b""))})

    async def receive() -> None:
        raise AssertionError("nothing is read from who asks")

    scope: dict[str, Any] = {"type": "http", "method": method, "raw_path": path, "headers": headers}
    asyncio.run(application(scope, receive, send))
    assert [message.get("more_body") for message in said[1:]] == [*[True] * (len(said) - 2), False]
    return said[0]["status"], said[0]["headers"], b"".join(one["body"] for one in said), scope.get("feedd.kind")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["GET", "HEAD"]), st.sampled_from(PATHS), HEADERS)
def test_an_answer_that_is_given_at_once_is_the_one_that_is_waited_for(
    served: Feeds, method: str, path: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    expected = waited_for(served, method, path, headers)
    found = served.at_once(method, path, headers)

    if path in (b"/all.atom", b"/feeds/all.atom", b"/"):
        assert found
        answer, kind = found
        assert (answer.status, answer.headers, bytes(sent(answer, method)), kind) == expected
    elif path != b"/long.txt":
        assert found is None


def test_what_has_changed_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    with closing(feeds(tmp_path, 300, lambda: 2e9)) as application:
        assert application.at_once("GET", b"/a.txt", []) is None
        assert waited_for(application, "GET", b"/a.txt", [])[2] == b"one"
        assert application.at_once("GET", b"/a.txt", []) is not None
        (tmp_path / "a.txt").write_bytes(b"other")
        assert application.at_once("GET", b"/a.txt", []) is None

"""WebSub: how one hub is told that one document changed, and what to do when it does not listen.

In: the addresses of a hub and of a document. Out: an `Answer`. Telling is a request to fetch the document anew, a POST
of `hub.mode=publish`. The W3C's WebSub (section 6) leaves to publisher and hub how that looks; this is what hubs have
in common since PubSubHubbub 0.3 (section 7.1), with the address both as `hub.url` and as `hub.topic`, since some hubs
know only the one and some the other. What to do after a failure is a function of numbers. Remembers nothing, and asks
neither the clock nor chance: these are arguments.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from feedd import __version__

if TYPE_CHECKING:
    import urllib3

AT_ONCE = 4
"""Connections to one hub."""
FEW = 3
"""Tries after which what a hub refuses is given up."""
LONGEST = 3600.0
"""Seconds between two tries at the most."""
FORGOTTEN = 86400.0
"""Seconds after which a change is old enough for nobody to be told of it; the next one is."""

_FIRST = 5.0  # seconds
_PATIENCE = 10.0  # seconds for a connection, and for each part of an answer
_MOST_READ = 16384  # bytes of an answer
_MOST_SAID = 100  # characters of what a hub gives as its reason

Outcome = Literal["told", "refused", "failed", "away"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of telling a hub.

    `told`: it knows. `refused`: it does not want this, and will not later. `failed`: it could not, for this document.
    `away`: it cannot be reached, or is too busy, for any document. `why` is in words; `retry_after` is what the field
    of that name said (RFC 9110, section 10.2.3).
    """

    outcome: Outcome
    why: str = ""
    retry_after: str = ""


def backoff(tries: int, chance: float) -> float:
    """Seconds to wait after so many tries in vain: from seconds to an hour, twice as long after each. `chance`, from 0
    to 1, spreads over the second half of that time what was told at once.
    """
    whole = min(_FIRST * 2.0 ** min(tries - 1, 60), LONGEST)
    return whole * (1 + chance) / 2


def asked_for(retry_after: str, now: float) -> float:
    """Seconds that a Retry-After field asks to wait, an hour at the most; 0 if it asks for none that makes sense."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after, re.ASCII):
        seconds = float(retry_after)
    else:
        from email.utils import parsedate_to_datetime  # takes 5 ms, and hardly any hub names a date

        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, OverflowError):
            seconds = 0.0
    return min(max(seconds, 0.0), LONGEST)


def body(topic: str) -> bytes:
    """What is posted to a hub."""
    return urlencode({"hub.mode": "publish", "hub.topic": topic, "hub.url": topic}).encode("ascii")


_BUSY = {408, 425, 429, 502, 503, 504}
"""Status codes that say: not now."""


def judged(status: int, said: str = "", location: str = "", retry_after: str = "") -> Answer:
    """The answer that an HTTP status is. `said` is the beginning of its text, `location` where it redirects to."""
    if 200 <= status < 300:
        return Answer("told")
    if 300 <= status < 400:
        return Answer("refused", f"it redirects to {_plain(location) or 'nowhere'} (HTTP {status})")
    why = f"HTTP {status}" + (f": {plain}" if (plain := _plain(said)) else "")
    if status in _BUSY:
        return Answer("away", why, retry_after)
    return Answer("refused" if 400 <= status < 500 else "failed", why)


def _plain(text: str) -> str:
    """Text of a stranger for people: one line of letters that can be shown, not many, and no markup."""
    if text.lstrip().startswith("<"):
        return ""
    line = " ".join(text.split())
    return "".join(letter for letter in line if letter.isprintable())[:_MOST_SAID]


class Teller:
    """Tells hubs, over connections that are kept for the next time; any number of threads may tell at once.

    `patience` is how many seconds to wait for a connection, and for each part of an answer.
    """

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience

    def __call__(self, hub: str, topic: str) -> Answer:
        """Tell a hub that a document changed. Never raises for what hubs and networks do."""
        from urllib3.exceptions import HTTPError

        try:
            response = self._post(hub, body(topic))
        except (HTTPError, OSError, ValueError) as error:  # ValueError: a name that no host can have
            return Answer("away", self._words(error))
        return self._read(response)

    def close(self) -> None:
        """Let go of all connections that are not in use, and of the others when they no longer are."""
        if "_connections" in self.__dict__:
            self._connections.clear()

    @cached_property
    def _connections(self) -> "urllib3.PoolManager":
        import urllib3  # late: takes 65 ms

        headers = {"User-Agent": f"feedd/{__version__}", "Content-Type": "application/x-www-form-urlencoded"}
        timeout = urllib3.Timeout(connect=self._patience, read=self._patience)
        # Certificates are verified, as is urllib3's default. Where a hub redirects to may be anywhere.
        return urllib3.PoolManager(maxsize=AT_ONCE, headers=headers, timeout=timeout, retries=False)

    def _post(self, hub: str, data: bytes) -> "urllib3.BaseHTTPResponse":
        return self._connections.request(
            "POST", hub, body=data, redirect=False, preload_content=False, decode_content=False
        )

    def _read(self, response: "urllib3.BaseHTTPResponse") -> Answer:
        """The answer that a response is. Of its text so much is read that the connection can be used again, but for a
        text that does not end soon.
        """
        from urllib3.exceptions import HTTPError

        try:
            said = response.read(_MOST_READ)
            if response.read(1):
                response.close()
        except (HTTPError, OSError):
            said = b""
            response.close()
        finally:
            response.release_conn()
        fields = response.headers
        return judged(
            response.status, said.decode("utf-8", "replace"), fields.get("Location", ""), fields.get("Retry-After", "")
        )

    def _words(self, error: Exception) -> str:
        """What is wrong with a connection, for people."""
        from urllib3 import exceptions

        seconds = f"{self._patience:g} s"
        words: tuple[tuple[type[Any], str], ...] = (
            (exceptions.NameResolutionError, "the name of its host leads nowhere"),
            (exceptions.NewConnectionError, f"no connection: {_cause(error)}"),
            (exceptions.ConnectTimeoutError, f"no connection within {seconds}"),
            (exceptions.ReadTimeoutError, f"no answer within {seconds}"),
            (exceptions.SSLError, f"no secure connection: {_cause(error)}"),
        )
        return next((said for kind, said in words if isinstance(error, kind)), f"no answer: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """What the system says of an error that a library has wrapped."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return _plain(str(getattr(error, "strerror", None) or error)) or type(error).__name__

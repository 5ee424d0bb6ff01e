"""Manifest: what an output directory says of itself to the server of it.

In: a value. Out: the bytes of the hidden file `.feedd.json` at the root of the output directory, and the value again.
The same value gives the same bytes. Nobody but feedd reads the file, and no web server is to serve it. Does not write
it, and does not decide which paths have moved or are gone.
"""

import msgspec
from msgspec import Struct

NAME = ".feedd.json"
"""The name of the file, below the output directory."""

TOPICS, PROVIDERS = "topics/", "providers/"
FOLDERS = ("", TOPICS, PROVIDERS)
"""Where the documents of feeds lie below the output directory. Their archives lie in folders below these."""
ASSETS = "assets/"
"""Where what pages need lies."""
UNKNOWN = "application/octet-stream"
"""The media type of what is of none that is known."""


class Manifest(Struct, frozen=True, omit_defaults=True):
    """What a server of the output directory has to know beside the files in it.

    `base` is the URL of the directory, ending in `/`; `hubs` are the addresses of WebSub hubs. `moved` and `gone` are
    about paths below the directory with `/` between their parts, such as `topics/ai.atom`: where a document is found
    instead (301), and those that are no more (410), the latter sorted. `types` are the media types, by suffix, of feeds
    in formats that installed packages bring.
    """

    base: str = ""
    hubs: tuple[str, ...] = ()
    moved: dict[str, str] = {}
    gone: tuple[str, ...] = ()
    types: dict[str, str] = {}

    def encode(self) -> bytes:
        """The manifest as JSON: one text for equal values, whatever order their parts were found in."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """The manifest that these bytes tell. Raises ValueError where they tell none."""
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"is no manifest: {error}") from error

"""Orders: what the process that serves is told by the one that starts it.

In: a value. Out: one argument of its command line, and the value again. Says which open sockets to listen on by the
numbers of their descriptors, which the process inherits.
"""

import msgspec
from msgspec import Struct

from feedd.service.log import Form, Level


class Orders(Struct, frozen=True, omit_defaults=True):
    """`feeds` and `monitoring` are descriptors of listening sockets, if any; `directory` is what the former shows, with
    a `max_age` in seconds. `control` is the path of the daemon's socket, which monitoring asks. `parent` is the process
    without which this one ends, `ready` a descriptor that gets a byte once all is listened to. `level` and `format` are
    the log's.
    """

    directory: str
    max_age: int
    feeds: int | None = None
    monitoring: int | None = None
    control: str = ""
    parent: int = 0
    ready: int | None = None
    level: Level = "info"
    format: Form = "text"

    def encode(self) -> str:
        """The orders as JSON."""
        return msgspec.json.encode(self).decode()


def decode(text: str) -> Orders:
    """The orders that a text is. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Orders)

"""feedd, the feed publishing daemon: a directory of articles becomes a directory of feeds."""

__version__ = "0.1.0"

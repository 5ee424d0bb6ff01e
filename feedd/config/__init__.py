"""The configuration: what an admin writes in TOML, as values.

`load` and `parse` give a `Config`, the structs of which are the list of keys, or raise a `ConfigError` that holds all
that is wrong. What is in the modules below and not here is theirs alone.
"""

from feedd.config.files import load, noted, parse, socket_in, written
from feedd.config.forms import RESERVED, Format, Order
from feedd.config.model import (
    STATE_MODE,
    Collection,
    Config,
    Content,
    Control,
    FeedConfig,
    Guard,
    Hooks,
    Log,
    Monitoring,
    Output,
    Pages,
    ProviderConfig,
    Schedule,
    Server,
    Site,
    State,
    Taxonomy,
    TopicConfig,
    Watch,
    WebSub,
    headers,
    keys,
    table_of,
    words,
)
from feedd.config.phrases import Where, dotted

__all__ = [
    "RESERVED",
    "STATE_MODE",
    "Collection",
    "Config",
    "Content",
    "Control",
    "FeedConfig",
    "Format",
    "Guard",
    "Hooks",
    "Log",
    "Monitoring",
    "Order",
    "Output",
    "Pages",
    "ProviderConfig",
    "Schedule",
    "Server",
    "Site",
    "State",
    "Taxonomy",
    "TopicConfig",
    "Watch",
    "WebSub",
    "Where",
    "dotted",
    "headers",
    "keys",
    "load",
    "noted",
    "parse",
    "socket_in",
    "table_of",
    "words",
    "written",
]

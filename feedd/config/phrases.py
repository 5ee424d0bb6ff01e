"""How messages speak: a value short and on one line, the way to a key, words as a list, the known word that was meant.

Plain values in, strings out. Knows no key and no table.
"""

import re
from collections.abc import Iterable

Where = tuple[str | int, ...]
"""The way to a key: `("feed", 2, "limit")`."""


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word that was probably meant, however it joins its parts (`feedsUrl`); or nothing."""
    from difflib import get_close_matches  # late: only a mistake needs it

    plain = {plain_name(name): name for name in known}
    found = get_close_matches(plain_name(word[:100]), plain, n=1, cutoff=likeness)
    return plain[found[0]] if found else ""


def plain_name(name: str) -> str:
    """A name without what people mix up: case, and how its parts are joined."""
    return name.casefold().replace("_", "").replace("-", "")


def did_you_mean(value: object, known: Iterable[str], likeness: float = 0.6) -> str:
    """The question after the nearest known word, or nothing."""
    meant = nearest(value, known, likeness) if isinstance(value, str) else ""
    return f'Did you mean "{meant}"?' if meant else ""


def shown(value: object) -> str:
    """A TOML value for a message, short and on one line."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list" if value else "an empty list"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:59] + "…"
        return f'"{text}"' if text.isprintable() else ascii(text)
    if isinstance(value, int) and abs(value) >= 10**20:  # Python refuses to write thousands of digits
        return "a number of more than 20 digits"
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(words: Iterable[str], joint: str) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} {joint} {last}" if most else last


def header(where: Where) -> str:
    """`[site]`, or `[[feed]]` for the way to one of several."""
    name = ".".join(_key(part) for part in where if isinstance(part, str))
    return f"[[{name}]]" if isinstance(where[-1], int) else f"[{name}]"


def dotted(where: Where) -> str:
    """`feed[2].limit`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in where)[1:]


def _key(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,60}", part) else shown(part)

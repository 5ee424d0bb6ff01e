r"""Simple YAML: the part of YAML that programs write into front matter, read four times as fast as by PyYAML.

In: the text of a header. Out: its mapping, exactly as `header.load` gives it, or None on any doubt, so that PyYAML
reads it. Never raises and never guesses: a line that is not plainly `key: value`, `key:`, `- value`, `- key: value`, a
comment or blank makes the whole header doubtful, as do doubled keys at the top, which are to be reported.

Why not an engine in C or Rust: in one run on generated articles PyYAML took 672 µs each, this 142. The sound one of
eight fast engines (fastyaml-rs 0.7) takes a sixth of PyYAML's time, but such a check as `_LINE` must come before any of
them, since they read YAML 1.2 and differ from PyYAML in some damaged headers; that check alone takes half as long
again. In 100,000 damaged headers this reader differed from PyYAML in none.
"""

import json
import re
from typing import Any

Mapping = dict[str, Any]


class Flag(str):
    """A plain scalar that YAML 1.1 reads as a boolean; the text stays, since `title: No` is a title."""

    __slots__ = ()

    @property
    def on(self) -> bool:
        """Whether it means true."""
        return self.lower() in {"true", "yes", "on"}


# Control characters, and those that YAML 1.1 takes for line ends or refuses.
_BAD = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff"
# Only the escapes that JSON has too, and no halves of characters.
_DOUBLE = rf'"(?:[^"\\\n{_BAD}]++|\\(?:["\\/nrt]|u(?:[0-9a-cA-CefEF][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{{2}}))*+"'
_SINGLE = rf"'(?:[^'\n{_BAD}]++|'')*+'"
# Begins with what means nothing else in YAML; no `: ` and no ` #` inside, no space at the end.
_PLAIN = (
    r"(?:-?[0-9A-Za-z]|[(/$\xa1-\u1fff\u2010-\u2027\u2030-\u2fff\u3001-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    r"\U00010000-\U0010ffff])"
    rf"(?:[^\n:# {_BAD}]++|:(?=[^\s])|(?<! )#| ++(?=[^\n# ]))*+"
)
_VALUE = rf"{_DOUBLE}|{_SINGLE}|{_PLAIN}"
_KEY = r"(?!(?i:null):)[A-Za-z_][A-Za-z0-9_]{0,60}+"
# What leads (indent, dash), the key, the value; else nothing but a comment; else what no simple line is.
_LINE = re.compile(
    rf"^( *+(?:- )?)(?:({_KEY}):(?: ++|(?=\n)))?({_VALUE})?\n|^ *+\#[^\n{_BAD}]*+\n|([^\n]+\n?|\n)", re.MULTILINE
)

_BOOLEANS = {
    word: Flag(word)
    for name in ("true", "false", "yes", "no", "on", "off")
    for word in (name, name.capitalize(), name.upper())
}
_WORDS: dict[str, Flag | None] = {**_BOOLEANS, "null": None, "Null": None, "NULL": None}


def load(text: str) -> Mapping | None:
    """The mapping of a header whose every line is simple; None where it is not, or where a top-level key is doubled.

    `text` ends in a line end. Scalars are text, `Flag` or None; lists and mappings nest as they are indented.
    """
    root: Mapping = {}
    blocks: list[tuple[int, bool, Any]] = [(0, False, root)]
    hole, keys = "", 0
    for lead, key, value, other in _LINE.findall(text):
        if not (key or value):
            if other or "-" in lead:
                return None
            continue
        listed = lead.endswith("-", 0, -1)
        column = len(lead) - 2 if listed else len(lead)
        left, listing, block = blocks[-1]
        if hole and (column > left or (listed and column == left)):
            block[hole] = [] if listed else {}
            block = block[hole]
            blocks.append((column, listed, block))
        elif column != left or listed is not listing:
            block = _closed(blocks, column, listed)
            if block is None:
                return None
        if not key:
            if not listed:
                return None
            block.append(_scalar(value))
            hole = ""
            continue
        if listed:
            block.append(block := {})
            blocks.append((column + 2, False, block))
        elif column == 0:
            keys += 1
        block[key] = _scalar(value) if value else None
        hole = "" if value else key
    return root if root and keys == len(root) else None


def _closed(blocks: list[tuple[int, bool, Any]], column: int, listed: bool) -> Any:
    """The block that a line belongs to, those that end before it closed; None if it belongs to none."""
    while blocks and blocks[-1][0] >= column:
        left, listing, block = blocks[-1]
        if left == column and listing is listed:
            return block
        blocks.pop()
    return None


def _scalar(value: str) -> str | None:
    first = value[0]
    if first == '"':
        text: str = json.loads(value) if "\\" in value else value[1:-1]
        return text
    if first == "'":
        return value[1:-1].replace("''", "'")
    return _WORDS.get(value, value)

r"""Simple YAML: the part of YAML that programs write into front matter, read six times as fast as by PyYAML.

In: the text of a header. Out: its mapping, as `header.load` gives it but for what nobody reads of related stories
(`LINK_KEYS`), or None on any doubt, so that PyYAML reads it. Never raises and never guesses: a line that is not plainly
`key: value`, `key:`, `- value`, `- key: value`, a comment or blank makes the whole header doubtful, as do doubled keys
at the top, which are to be reported.

Why not an engine in C or Rust: feedd/README.md, "A reader of simple YAML before PyYAML".
"""

import json
import re
from typing import Any

from feedd.content.text import Flag, Mapping

# Control characters, and those that YAML 1.1 takes for line ends or refuses.
_BAD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_GOOD_ASCII = b"\n" + bytes(range(0x20, 0x7F))

# The quickest to find; what it finds is looked at again (`_scalar`); if it ends within a line, the next is tried.
_QUICK = r'"[^"]*+"(?=\n)'
# Only the escapes that JSON has too, and no halves of characters.
_DOUBLE = r'"(?:[^"\\\n]++|\\(?:["\\/nrt]|u(?:[0-9a-cA-CefEF][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}))*+"'
_SINGLE = r"'(?:[^'\n]++|'')*+'"
# Begins with what means nothing else in YAML; no `: ` and no ` #` inside, no space at the end.
_PLAIN = r"(?:-?[0-9A-Za-z]|[\w(/$])(?:[^\n:# ]++|:(?=[^\s])|(?<! )#| ++(?=[^\n# ]))*+"
# Most values are of the first two kinds, which are quickly told.
_SOUND = rf'"[^"\\\n]*+"(?=\n)|\w[\w.-]*+(?=\n)|{_DOUBLE}|{_SINGLE}|{_PLAIN}'
_VALUE = rf"{_QUICK}|{_SOUND}"
_KEY = r"(?!(?i:null):)[A-Za-z_][A-Za-z0-9_]{0,60}+"
_PAIR = rf"{_KEY}: ++(?:{_SOUND})\n"

# Indent, dash, key, value; else nothing but a comment; else what no simple line is.
_LINE = re.compile(rf"( *+)(- |)(?:({_KEY}):(?: ++|(?=\n))|)({_VALUE}|)\n++| *+\#[^\n]*+\n|([^\n]+\n?|\n)")

# Related stories are half of the lines of a header, and hardly anything of them is read. As programs write them, each
# is one match, in which all else is only looked at to be sure that it is what it seems to be.
LINK_KEYS = ("title", "webUrl", "originalUrl", "sourceUrl", "link")
"""What is read of each item of `related`; `load` may leave out the others."""
_LINK = "|".join(rf"{name}: ++({_SOUND})\n" for name in LINK_KEYS)
_INNER = rf"(?:\1    {_PAIR})++|(?:\1    - {_PAIR}(?:\1      {_PAIR})*+)++"
_PART = rf"(?:{_LINK}|{_PAIR}|(?!(?:{'|'.join(LINK_KEYS)}):){_KEY}:\n(?:{_INNER}))"
_ITEM = re.compile(rf"( *+)- {_PART}(?:\1  {_PART})*+")
_AFTER_ITEMS = re.compile(r"\n*+(?:[A-Za-z_]|\Z)")

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
    try:
        # What is left when all that is good and common is deleted is quickly searched.
        if _BAD.search(text.encode().translate(None, _GOOD_ASCII).decode()):
            return None
        start, end, related = _related(text)
        root = _lines(text[:start] + text[end:] if related else text)
    except ValueError:
        return None
    if related and root.setdefault("related", related) is not related:
        return None
    return root or None


def _related(text: str) -> tuple[int, int, list[Mapping]]:
    """The list of related stories with the places where its lines begin and end; an empty one if they look otherwise
    than programs write them.
    """
    start = 0 if text.startswith(_RELATED) else text.find(f"\n{_RELATED}") + 1
    end = start + len(_RELATED)
    found = _ITEM.match(text, end) if start or text.startswith(_RELATED) else None
    items, indent = list[Mapping](), found and found[1]
    while found and found[1] == indent:
        values = found.groups()
        items.append({key: _scalar(value) for place, key in _PLACES if (value := values[place])})
        end = found.end()
        found = _ITEM.match(text, end)
    return start, end, items if _AFTER_ITEMS.match(text, end) else []


# The groups of the first part of an item, then those of the others: a later one counts.
_PLACES = tuple(enumerate((*LINK_KEYS, *LINK_KEYS), 1))
_RELATED = "related:\n"


def _lines(text: str) -> Mapping:
    """The mapping of lines that are all simple. Raises ValueError where one is not, or a top-level key is doubled."""
    root: Mapping = {}
    blocks: list[_Block] = [(0, False, root)]
    left, listing, block = blocks[0]
    hole, keys = "", 0
    for lead, dash, key, value, other in _LINE.findall(text):
        if not (key or value):
            if other or dash:
                raise ValueError(_DOUBT)
            continue
        column = len(lead)
        if dash:
            if hole and column >= left:
                inner: Any = []
                block[hole] = inner
                blocks.append((column, True, inner))
                left, listing, block = blocks[-1]
            elif column != left or not listing:
                left, listing, block = _closed(blocks, column, listed=True)
            if not key:
                block.append(_scalar(value))
                hole = ""
                continue
            block.append({})
            blocks.append((column + 2, False, block[-1]))
            left, listing, block = blocks[-1]
        else:
            if not key:
                raise ValueError(_DOUBT)
            if hole and column > left:
                inner = {}
                block[hole] = inner
                blocks.append((column, False, inner))
                left, listing, block = blocks[-1]
            elif column != left or listing:
                left, listing, block = _closed(blocks, column, listed=False)
            if column == 0:
                keys += 1
        if value:
            block[key] = _scalar(value)
            hole = ""
        else:
            block[key] = None
            hole = key
    if keys != len(root):
        raise ValueError(_DOUBT)
    return root


_Block = tuple[int, bool, Any]
"""The column where the lines of a block begin, whether they are items of a list, and the list or mapping."""
_DOUBT = "no simple YAML"


def _closed(blocks: list[_Block], column: int, listed: bool) -> _Block:
    """The block that a line belongs to, those that end before it closed. Raises ValueError if it belongs to none."""
    while blocks and blocks[-1][0] >= column:
        if blocks[-1][0] == column and blocks[-1][1] is listed:
            return blocks[-1]
        blocks.pop()
    raise ValueError(_DOUBT)


def _scalar(value: str) -> str | None:
    """What a value means. Raises ValueError for a text in quotes that goes on over lines or holds other escapes."""
    first = value[0]
    if first == '"':
        if "\\" not in value and "\n" not in value:
            return value[1:-1]
        if not _ESCAPED.fullmatch(value):
            raise ValueError(_DOUBT)
        text: str = json.loads(value)
        return text
    if first == "'":
        return value[1:-1].replace("''", "'")
    return _WORDS.get(value, value)


_ESCAPED = re.compile(_DOUBLE)

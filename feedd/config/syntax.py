"""What is wrong with text that is not TOML, in words of whoever wrote it, and what would be right.

In: the text, what `tomllib` says of it, and the place that it names. Out: a clause and a remedy. `tomllib` tells what
it expected; most often there was a slip that people make: no quotes, those of a word processor, a colon, a comma that
lacks. A line is offered as the remedy only if it is TOML.
"""

import re
import tomllib
from collections.abc import Callable
from typing import NamedTuple

from feedd.config.model import headers
from feedd.config.phrases import shown


class Slip(NamedTuple):
    """A place in a text at which it ceases to be TOML: `line` and `column` from 1, and what `tomllib` says."""

    text: str
    said: str
    line: int
    column: int

    @property
    def rows(self) -> list[str]:
        """All lines."""
        return self.text.split("\n")

    @property
    def row(self) -> str:
        """The line, without what ends it."""
        return self.rows[self.line - 1].rstrip("\r")

    @property
    def before(self) -> str:
        """The line up to the place."""
        return self.row[: self.column - 1]

    @property
    def rest(self) -> str:
        """The line from the place on, without the comment at its end."""
        text, _, comment = self.row[self.column - 1 :].partition(" #")
        return (text if '"' not in comment else self.row[self.column - 1 :]).strip()


Words = tuple[str, str]
"""What is wrong, as a clause, and the remedy."""


def explain(slip: Slip) -> Words:
    """What is wrong at a place, and what would be right."""
    for said, words in _RULES:
        if re.match(said, slip.said):
            return words(slip)
    return slip.said[:1].lower() + slip.said[1:], _REMEDY


_REMEDY = "Mend this line or the one before it; text belongs in quotes, and each key in one place."
_STATEMENT = "Write KEY = VALUE, a [table], or # in front of a comment."


def _write(row: str, otherwise: str) -> str:
    """A line to write, if it is TOML and not too long to be read in a message."""
    try:
        tomllib.loads(row[:_LONGEST])
    except (ValueError, RecursionError):
        return otherwise
    return f"Write {row.strip()}" if len(row) <= _LONGEST else otherwise


_LONGEST = 90
"""The most characters of a line that a message repeats."""


def _open_quote(slip: Slip) -> Words:
    row = slip.row.rstrip()
    ends = [end for end in ('"', "'") if _write(row + end, "")]
    return "the quote is not closed", _write(row + (ends or [""])[0], "Put a quote at the end of the text.")


_QUOTES = "“”„‟«»‘’‚`´"
_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


_YAML = ("an item of a list has - in front of it", 'Write lists in brackets, such as topics = ["AI", "Robots"].')


def _no_value(slip: Slip) -> Words:
    value = slip.rest
    if not value and _opening(slip):
        return _open_list(slip)
    if not value and slip.rows[slip.line :] and slip.rows[slip.line].lstrip().startswith("- "):
        return _YAML
    if not value:
        return "there is no value", "Write one after the =, or # in front of the line."
    if value.lower() in _TRUTH:
        truth = _TRUTH[value.lower()]
        return f"{shown(value)} is no value", _write(slip.before + truth, f"Write {truth}.")
    if value[0] in _QUOTES:
        plain = '"' + value.strip(_QUOTES) + '"'
        return f"{value[0]} is not a quote that TOML knows", _write(slip.before + plain, f"Write {plain}.")
    if value[0] in ",]}":
        return f"a value is missing before {value[0]}", "Write the value, or leave the comma out."
    return "text has no quotes", _write(f'{slip.before}"{value}"', "Put it in quotes.")


def _no_equals_sign(slip: Slip) -> Words:
    key, rest = slip.before.strip(), slip.rest
    if key == "-":
        return _YAML
    if not rest:
        return "a key has no value", f"Write {key} = VALUE, or # in front of the line."
    if rest[0] == ":":
        row = f"{key} = {rest[1:].strip()}"
        return "there is : where = belongs", _write(row, f'Write {key} = "…".')
    return "there is no = after the key", _write(f"{key} = {rest}", "Write KEY = VALUE; a key holds no spaces.")


def _goes_on(slip: Slip) -> Words:
    row, rest, start = slip.row.rstrip(), slip.rest, slip.before.partition("=")[2].strip()
    key = slip.before.partition("=")[0]
    what = f"{shown(rest)} follows where the line should end"
    if several := _statements(slip.before + rest):
        return what, _write_each(several)
    if row.lstrip().startswith("["):
        return what, _write(f"[{row.strip()}", "Write [name], or [[name]] where there may be several.")
    if start[:1] in ("'", '"') and row[-1:] == start[0]:
        other = '"' if start[0] == "'" else "'"
        return what, _write(f"{key}= {other}{row.partition('=')[2].strip()[1:-1]}{other}", _WITHIN)
    if "=" in rest:
        return what, "Write each key on a line of its own."
    if re.fullmatch(r"\d{4}", start) and re.match(r"-\d+-\d+$", rest):
        return _no_date(f"{start}{rest}")
    number = _write(f"{key}= {rest}", "") if start == "0" and rest.isdecimal() else ""
    return what, number or _write(f'{key}= "{start}{row[len(slip.before) :].strip()}"', "Put text and dates in quotes.")


def _statements(row: str) -> list[str]:
    """The keys with their values, or headers, that stand on one line; empty if it is not just these."""
    found: list[str] = []
    while row:
        try:
            tomllib.loads(row)
            ends = len(row)
        except RecursionError:
            return []
        except ValueError as error:
            at = re.fullmatch(r"Expected newline or end of document after a statement \(.*column (\d+)\)", str(error))
            ends = int(at[1]) - 1 if at else 0
        if not ends:
            return []
        found.append(row[:ends].strip())
        row = row[ends:].lstrip(" \t,;")
    return found


def _write_each(rows: list[str]) -> str:
    if max(map(len, rows)) > _LONGEST or len(rows) > _MOST_ROWS:
        return "Write each key on a line of its own."
    return f"Give each key a line of its own: {', then '.join(rows)}"


_MOST_ROWS = 4
"""The most lines that a message names to be written."""

_WITHIN = 'Write \\" for a quote within double quotes, and each key on a line of its own.'


def _key_twice(slip: Slip) -> Words:
    key = slip.row.partition("=")[0].strip()
    if key.startswith("["):
        return f"{key} is a value already", "Write it as a table or as a value, not as both."
    for number in range(slip.line - 1, 0, -1):
        row = slip.rows[number - 1]
        if row.partition("=")[0].strip() == key:
            return f"{key} is set a second time; line {number} sets it, too", "Leave one of them out."
        if row.lstrip().startswith("["):
            break
    return f"{key} is set a second time", "Leave one of them out."


def _table_twice(slip: Slip) -> Words:
    table = slip.row.partition("#")[0].strip()
    first = next((number for number, row in enumerate(slip.rows, 1) if row.partition("#")[0].strip() == table), 0)
    where = f"; line {first} has it, too" if 0 < first < slip.line else ""
    several = f"[{table}]"
    if several in dict(headers()):
        return f"{table} is there a second time{where}", f"Write {several}, in double brackets, above each of them."
    return f"{table} is there a second time{where}", "Put all of its keys below the first of them."


def _open_header(slip: Slip) -> Words:
    row = slip.row.partition("#")[0].rstrip()
    return "the brackets do not match", _write(row + "]", "Write [name], or [[name]] where there may be several.")


def _open_list(slip: Slip) -> Words:
    begins = _opening(slip)
    place = f" that begins in line {begins}" if begins and begins != slip.line else ""
    remedy = _write(f"{slip.before.rstrip()}, {slip.rest}", "Put a comma between its items, and ] at its end.")
    return f"the list{place} is not closed, or lacks a comma", remedy


def _opening(slip: Slip) -> int:
    """The line on which a list begins that is open at the place; 0 if there is none."""
    for number in range(slip.line, 0, -1):
        row = slip.rows[number - 1]
        if re.match(r"\s*[\w.\"'-]+\s*=", row):
            return number if re.match(r"[^=]*=\s*\[", row) else 0
    return 0


def _open_table(slip: Slip) -> Words:
    return (
        "the table in { } is not closed, or lacks a comma",
        "Put a comma between its keys and } at its end, on one line.",
    )


def _open_text(slip: Slip) -> Words:
    starts = [number for number, row in enumerate(slip.rows, 1) if re.search(r"=\s*(\"{3}|'{3})", row)]
    place = f" that begins in line {starts[-1]}" if starts else ""
    return f"the text in three quotes{place} does not end", "Put three quotes at its end."


def _backslash(slip: Slip) -> Words:
    return "a \\ within double quotes begins an escape", "Write / in paths, or \\\\ for the sign itself."


def _character(slip: Slip) -> Words:
    found = re.search(r"'(.+)'$", slip.said)
    sign = found[1].encode().decode("unicode_escape") if found and found[1].startswith("\\") else ""
    name = f"U+{ord(sign):04X}" if len(sign) == 1 else found[1] if found else "here"
    return f"the character {name} cannot be in TOML", "Leave it out."


def _no_key(slip: Slip) -> Words:
    row, first = slip.row.strip(), slip.rest[:1]
    if not first:
        return (
            "a table in { } goes on in the next line",
            "Write it on one line, or as a table in [ ] with a line for each key.",
        )
    if first == "=":
        return "there is no key before the =", _STATEMENT
    if row.startswith(("//", ";", "--", "/*")):
        return f"{first} begins no key", _write(f"# {row.lstrip('/;-* ')}", _STATEMENT)
    return f"{first} begins no key", _STATEMENT


def _date(slip: Slip) -> Words:
    return _no_date(slip.rest)


def _no_date(value: str) -> Words:
    return f"{shown(value)} is no date", 'Write one that there is, in quotes, such as "2020-06-30".'


_RULES: tuple[tuple[str, Callable[[Slip], Words]], ...] = (
    (r"Illegal character '\\n'", _open_quote),
    ("Illegal character|Found invalid character", _character),
    ("Invalid value", _no_value),
    ("Expected '=' after", _no_equals_sign),
    ("Expected newline or end", _goes_on),
    (r"Expected '\]", _open_header),
    ("Cannot overwrite", _key_twice),
    ("Cannot declare", _table_twice),
    ("Unclosed array", _open_list),
    ("Unclosed inline", _open_table),
    ("Unterminated string", _open_text),
    ("Unescaped|Invalid hex|Escaped character", _backslash),
    ("Invalid initial|Invalid statement", _no_key),
    ("Invalid date", _date),
)
"""What `tomllib` says, as a pattern, and what to say instead; the first that fits."""

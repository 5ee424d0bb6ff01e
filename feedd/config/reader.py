"""Values as TOML has them → the structs of the model, with all that is wrong on the way.

In: the tables and values of a sound TOML text. Out: a struct of the model, every key checked and every default filled
in; what could be read, by key; and a `Finding` for each mistake. What keys mean together is asked by `agreement`, lines
are found by `lines`. In findings, tables in double brackets are counted from 1: `feed[2].limit` is the limit of the
second `[[feed]]`.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo

from feedd.config.forms import Wrong, absolute
from feedd.config.model import bounds_of, headers, keys, table_of, unannotated, words
from feedd.config.phrases import Where, did_you_mean, header, listed, nearest, plain_name, shown


class Finding(NamedTuple):
    """A problem whose file and line are not known yet; `what` ends with `other`, a place that has a line, too."""

    kind: str
    where: Where
    what: str
    remedy: str
    other: Where = ()


_BAD: Any = object()  # the value of what could not be read

# Controls that XML cannot carry (NUL, which no path can hold, among them), and halves of characters.
_UNUSABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"


class Reader:
    """Reads tables into their structs and gathers what is wrong on the way, and what is right, by key."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.findings: list[Finding] = []
        self.values: dict[Where, Any] = {}

    def table(self, kind: Any, raw: Any, where: Where) -> Any:
        """The struct of a table, or `_BAD` when anything in it, or below it, is wrong."""
        if not isinstance(raw, dict):
            what = "is in double brackets, but there is only one" if _is_table(raw) else f"is {shown(raw)}"
            self._refuse(where, what, _as_table(where))
            return _BAD
        known = keys(kind)
        for key in raw:
            if key not in known:
                self.findings.append(_unknown(kind, key, (*where, key), raw[key]))
        found = {item.name: self._member(item, key, raw, where) for key, item in known.items()}
        return _BAD if _BAD in found.values() else kind(**found)

    def _member(self, item: FieldInfo, key: str, raw: dict[str, Any], where: Where) -> Any:
        inner, many = table_of(item.type)
        if many:
            return self._tables(inner, raw.get(key, []), (*where, key))
        if inner:
            return self.table(inner, raw.get(key, {}), (*where, key))
        if key not in raw:
            return self._absent(item, key, where)
        return self._keep((*where, key), self._value(item.type, raw[key], (*where, key)))

    def _tables(self, kind: Any, raw: Any, where: Where) -> Any:
        if not isinstance(raw, list):
            self._refuse(where, f"is {shown(raw)}", _as_tables(where))
            return _BAD
        found = tuple(self.table(kind, item, (*where, count)) for count, item in enumerate(raw, 1))
        return _BAD if _BAD in found else found

    def _absent(self, item: FieldInfo, key: str, where: Where) -> Any:
        if item.required:
            remedy = f'Add {key} = "…" below {header(where)}: {words(item.type)}.'
            self.findings.append(Finding("missing-key", (*where, key), "is missing", remedy))
            return _BAD
        default = item.default
        return self._keep((*where, key), absolute(default, self.base) if isinstance(default, Path) else default)

    def _value(self, kind: Any, raw: Any, where: Where) -> Any:
        """The value of one key or of one item of a list, or `_BAD`."""
        try:
            return self._converted(kind, raw, where)
        except msgspec.ValidationError:
            self._refuse(where, f"is {shown(raw)}", _right(kind, raw))
        except Wrong as wrong:
            self._refuse(where, wrong.what, wrong.remedy or _right(kind, raw))
        return _BAD

    def _converted(self, kind: Any, raw: Any, where: Where) -> Any:
        bare, form = unannotated(kind)
        # To make a pattern takes longer than to read a whole file, in which most texts are printable.
        if isinstance(raw, str) and not raw.isprintable() and (bad := re.search(_UNUSABLE, raw)):
            raise Wrong(
                f"holds the character U+{ord(bad[0]):04X}",
                "Leave it out: neither feeds nor paths can carry it.",
            )
        if get_origin(bare) is tuple:
            value = self._items(kind, raw, where)
        else:
            value = msgspec.convert(raw, form.source if form and form.source else kind)
        return value if value is _BAD or not form else form.read(value, self.base)

    def _items(self, kind: Any, raw: Any, where: Where) -> Any:
        any_list = Annotated[tuple[Any, ...], Meta(min_length=bounds_of(kind).get("min_length"))]
        item = get_args(unannotated(kind)[0])[0]
        counted = enumerate(msgspec.convert(raw, any_list), 1)
        found = tuple(self._value(item, value, (*where, count)) for count, value in counted)
        return _BAD if _BAD in found else found

    def _keep(self, where: Where, value: Any) -> Any:
        if value is not _BAD:
            self.values[where] = value
        return value

    def _refuse(self, where: Where, what: str, remedy: str) -> None:
        self.findings.append(Finding("wrong-value", where, what, remedy))


_SURE = 0.7
"""How like a choice must be to be asked about: of few that are all named, "oldest" was hardly meant by "latest"."""


def _right(kind: Any, raw: object) -> str:
    """The remedy for a value of the wrong type or form."""
    bare, form = unannotated(kind)
    hint = ", without quotes" if isinstance(raw, str) and not form and _is_unquoted(bare) else ""
    guess = did_you_mean(raw, get_args(bare), _SURE) if get_origin(bare) is Literal else ""
    if get_origin(bare) is tuple and not form and isinstance(raw, str):
        guess = f"Put it in brackets: [{shown(raw)}]."
    return f"Write {words(kind)}{hint}." + (f" {guess}" if guess else "")


def _is_unquoted(bare: Any) -> bool:
    """Whether a type is written without quotes: numbers and truth values, also where they may be absent."""
    return any(unannotated(kind)[0] in (int, float, bool) for kind in (bare, *get_args(bare)))


def _as_table(where: Where) -> str:
    return f"Write its keys on lines below {header(where)}."


def _as_tables(where: Where) -> str:
    return f"Write {header((*where, 1))}, in double brackets, above each of them."


def _unknown(table: Any, key: str, where: Where, raw: object) -> Finding:
    """A key or table that is not known, with the one that was probably meant."""
    if _is_table(raw):
        return Finding("unknown-key", where, "is not a known table", _meant_table(key))
    return Finding("unknown-key", where, "is not a known key", _meant_key(table, key))


def _meant_key(table: Any, key: str) -> str:
    """The remedy: the same word here, the same word elsewhere, a like word here, a like word elsewhere."""
    known = [name for name, item in keys(table).items() if not table_of(item.type)[0]]
    everywhere = (name for _, other in headers() for name in keys(other))
    here, anywhere = nearest(key, known), nearest(key, everywhere)
    guess = f"Did you mean {here}?" if here else ""
    if here and (plain_name(here) == plain_name(key) or plain_name(anywhere) != plain_name(key)):
        return guess
    if anywhere:
        homes = listed((header for header, other in headers() if anywhere in keys(other)), "or")
        if guess:
            return f"{guess} {anywhere} belongs below {homes}."
        guess = "" if anywhere == key else f"Did you mean {anywhere}? "
        return f"{guess}It belongs below {homes}."
    return f"Known here: {listed(keys(table), 'and')}."


def _meant_table(key: str) -> str:
    """The remedy: the table of that name, wherever it belongs, or all that there are."""
    known = {header.strip("[]").rpartition(".")[2]: header for header, _ in headers()}
    meant = nearest(key, known)
    return f"Did you mean {known[meant]}?" if meant else f"Known: {listed(known.values(), 'and')}."


def _is_table(raw: object) -> bool:
    return isinstance(raw, dict) or (isinstance(raw, list) and bool(raw) and isinstance(raw[0], dict))

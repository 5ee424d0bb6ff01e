"""Plain text: what an author wrote in a title or an excerpt becomes what every format can carry.

In: any string. Out: one line of plain text. Does not escape for XML or HTML (the formats do) and does not touch bodies.
"""

import re
import unicodedata
from typing import Any

Mapping = dict[str, Any]
"""A mapping of YAML; scalars are text, `Flag` or None."""


class Flag(str):
    """A plain scalar that YAML 1.1 reads as a boolean; the text stays, since `title: No` is a title."""

    __slots__ = ()

    @property
    def on(self) -> bool:
        """Whether it means true."""
        return self.lower() in {"true", "yes", "on"}


# What no browser shows, from its beginning to its end.
_HIDDEN = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in ((r"<!--", r"-->"), (r"<script\b", r"</script\s*>"), (r"<style\b", r"</style\s*>"))
)
# Possessive, so that time is linear: nothing is read again where no bracket closes.
_TAG = re.compile(r"</?([a-zA-Z][^\s/<>]*+)[^<>]*+>")
# The elements of HTML: those that part words in a browser, others, and those that the standard calls obsolete.
_PARTING = "p br hr div h1 h2 h3 h4 h5 h6 ul ol dl li dt dd blockquote pre table tr td th"
_OTHERS = """
    a abbr address area article aside audio b base bdi bdo body button canvas caption cite code col colgroup data
    datalist del details dfn dialog em embed fieldset figcaption figure footer form head header hgroup html i iframe
    img input ins kbd label legend link main map mark math menu meta meter nav noscript object optgroup option output
    picture progress q rp rt ruby s samp script search section select selectedcontent slot small source span strong
    style sub summary sup svg tbody template textarea tfoot thead time title track u var video wbr
"""
_OBSOLETE = """
    acronym applet basefont bgsound big blink center dir font frame frameset image isindex keygen listing marquee
    menuitem multicol nextid nobr noembed noframes param plaintext rb rtc spacer strike tt xmp
"""
_BREAKS = frozenset(_PARTING.split())
_ELEMENTS = frozenset((_OTHERS + _OBSOLETE).split())
_CUSTOM = re.compile(r"[a-z][\w.]*-[\w.-]*")  # the name of an element that a page defines itself
_SPACE = re.compile(r"\s+")
# What XML 1.0 (section 2.2) cannot carry, C1 controls (discouraged there), and marks without width.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\ufeff\ud800-\udfff\ufffe\uffff]")
# UTF-8 read as Windows-1252 starts with one of these followed by another character beyond ASCII; read as Windows-1251,
# with one of two Russian letters followed by one that is no letter of the alphabet but Ё.
_MOJIBAKE = re.compile(r"[\u00c2-\u00f4][^\x00-\x7f]|[\u0420\u0432][^\x00-\x7f\u0410-\u044f]")


def plain(value: str) -> str:
    """Tags stripped, HTML entities unescaped exactly once, white space folded to single spaces, trimmed.

    In that order: `&lt;b&gt;` is somebody writing about `<b>`, and stays. What else stands in angle brackets stays too:
    `List<Item>` names no element of HTML. Characters that XML 1.0 cannot carry go.
    """
    value = str(value).strip()  # and no subclass of it, which only the code that made it knows
    if is_plain(value):
        return value  # four out of five
    if "<" in value:
        value = _TAG.sub(_shown, _without_hidden(value))
    if "&" in value:
        from html import unescape  # its table of names takes 2 ms, which a run that reads nothing need not spend

        value = unescape(value)
    return _SPACE.sub(" ", _UNFIT.sub("", value)).strip()


def is_plain(value: str) -> bool:
    """Whether a text is for certain one line of plain text already."""
    # The only white space that counts as printable is the space.
    return (
        value.isprintable()
        and not ("<" in value or "&" in value or "  " in value)
        and value[:1] != " " != value[-1:]
    )


def _shown(tag: re.Match[str]) -> str:
    """What is seen in place of something that looks like a tag."""
    name = tag[1].lower()
    if name in _BREAKS:
        return " "
    return "" if name in _ELEMENTS or _CUSTOM.fullmatch(name) else tag[0]


def _without_hidden(value: str) -> str:
    """The text without comments, scripts and styles; one that does not end hides nothing. Takes time linear in size."""
    for begin, end in _HIDDEN:
        shown, place = [], 0
        while (opening := begin.search(value, place)) and (closing := end.search(value, opening.end())):
            shown.append(value[place : opening.start()])
            place = closing.end()
        value = " ".join([*shown, value[place:]])
    return value


def carriable(value: str) -> str:
    """The text without the characters that XML 1.0 cannot carry; white space stays as it is."""
    return value if value.isprintable() else _UNFIT.sub("", value)


def repaired(value: str) -> str:
    """Mojibake such as `supermarketâ€™s` put right, only where ftfy is certain; anything else comes back as it is."""
    if value.isascii() or not _MOJIBAKE.search(value):
        return value
    import ftfy  # takes 60 ms to import, and is seldom needed

    return str(ftfy.fix_encoding(value))


def key(name: str) -> str:
    """What two spellings of one name share: NFC, case folded, white space folded (design: section 5, topics)."""
    if name.isascii():
        return " ".join(name.lower().split())
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", name).casefold().split()))

"""Doubts: what is no obstacle to an article, but most likely a mistake of its author.

In: the front matter of one file, and the values that were read from it. Out: problems without file and line, all of
them warnings or suggestions. Asked only where somebody wants to know (`article.Rules.thorough`). What is a matter of
taste is no doubt: each of these was measured to be rare on real articles, and to be right.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from feedd.errors import Problem, Severity

LONGEST_TITLE = 200
"""Characters of a title, more than which a text is that was put there by a slip."""

_EARLIEST = 631152000  # 1990-01-01, before the web: who writes an earlier date mistook the century, or means "none"
_YEAR = 366 * 86400  # by which an update may precede its publication: drafts are written before they are published
_SMALLEST = 2  # pixels: smaller are pictures that count visitors
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ENTITY = re.compile(r"&(?:#[0-9]+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[nm]dash|hellip);")
_ADDRESSES = ("webUrl", "link", "originalUrl", "sourceUrl", "ampWebUrl", "ampUrl")


def doubts(mapping: Mapping[str, Any], values: Mapping[str, Any], dated: str) -> Iterator[Problem]:
    """What is doubtful in a front matter; `values` are those of `article.FIELDS`, by attribute, as far as they could be
    read; `dated` is the key of the date.
    """
    yield from _dates(mapping, values, dated)
    yield from _title(mapping, values)
    yield from _text(values)
    yield from _image(values)
    yield from _addresses(mapping, values)


def _doubt(kind: str, name: str, what: str, remedy: str, severity: Severity = "warning") -> Problem:
    return Problem(kind, what, remedy, field=name, severity=severity)


def _dates(mapping: Mapping[str, Any], values: Mapping[str, Any], name: str) -> Iterator[Problem]:
    date, modified, expires = values["date"], values["modified"], values["expires"]
    if not (date or str(mapping.get(name)).startswith(("1969-", "1970-"))):  # it is none, and 0 stands for it
        return
    if date < _EARLIEST:
        yield _doubt("old-date", name, "is before 1990", "Write when the article was published.")
    if expires is not None and expires <= date:
        what = "is not after publication, so the article is never shown"
        yield _doubt("never-shown", "expiryDate", what, f"Mend it or `{name}`, or leave it out.")
    if modified is not None and modified < date - _YEAR:
        what = f"is more than a year before `{name}`"
        yield _doubt("early-update", "updatedDateTime", what, f"Mend it or `{name}`, or leave it out.")


def _title(mapping: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    raw, title = mapping.get("title"), values["title"]
    if len(title) > LONGEST_TITLE:
        what = f"has {len(title)} characters, more than {LONGEST_TITLE}"
        yield _doubt("long-title", "title", what, "Write a title; what it says beside may be the excerpt.")
    if isinstance(raw, str) and "<" in raw:
        tag = next((tag for tag in _TAG.findall(raw) if tag not in title), "")
        if tag:
            what = f"holds HTML, {_short(tag)}, which is left out"
            yield _doubt("markup", "title", what, "Write plain text; `&lt;` is a bracket that is to be seen.")


def _text(values: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("title", "excerpt"):
        found = _ENTITY.search(values[name])
        if found:
            what = f"is escaped twice: readers see {found[0]}"
            yield _doubt("escaped-twice", name, what, "Write the character itself, or escape it once.")
    if values["published"] and not (values["excerpt"] or values["body"]):
        what = "is missing, as is a body: readers see nothing but the title"
        yield _doubt("no-text", "excerpt", what, "Write a sentence or two.")


def _image(values: Mapping[str, Any]) -> Iterator[Problem]:
    image = values["image"]
    if image is None:
        return
    if not (image.width and image.height):
        what = "of the first one, width or height is missing or no number of pixels"
        yield _doubt("image-size", "images", what, "Write both, so that readers keep room for it.")
    elif image.width < _SMALLEST or image.height < _SMALLEST:
        what = f"the first one has {image.width} × {image.height} pixels"
        yield _doubt("image-size", "images", what, "Name a picture that can be seen, and its size.")


def _addresses(mapping: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Addresses that anybody on the way can change, and pictures that browsers do not show on pages with https."""
    remedy = "Write https:// if it is there by https too."
    for name in _ADDRESSES:
        if _is_open(mapping.get(name)):
            yield _doubt("http-link", name, "is http://, which is not encrypted", remedy, "suggestion")
    if values["image"] and _is_open(values["image"].url):
        what = "the first one is http://, which browsers may refuse to show"
        yield _doubt("http-link", "images", what, remedy, "suggestion")


def _is_open(address: object) -> bool:
    return isinstance(address, str) and address.startswith("http://")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"

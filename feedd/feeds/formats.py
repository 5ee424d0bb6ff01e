"""The formats that feeds are written in, as a table.

In: suffixes. Out: for each the media type and the functions that write an entry and a document. A new format is one
module and one row, or is brought by an installed package (`feedd.plugins`). Writes nothing itself, and imports a module
only when it is first asked to write: feedgen takes 90 ms, which a build that finds nothing new should not wait for.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from feedd import installed
from feedd.errors import PluginError, Problem, RenderError
from feedd.feeds.entry import Entry, Feed


class Format(Struct, frozen=True):
    """One way to write a feed.

    `entry` writes an entry apart from any feed, and `document` a feed around such bytes in the order given. Both give
    the same bytes for the same values, and raise RenderError for what they cannot write. `suffix` ends the name of the
    document, without a dot. `get_ready` imports what both need. `archives` tells whether what no longer fits in a feed
    is kept in documents of this format.
    """

    suffix: str
    media_type: str
    entry: Callable[[Entry], bytes]
    document: Callable[[Feed, Sequence[bytes]], bytes]
    get_ready: Callable[[], object] = tuple
    archives: bool = False


def _row(suffix: str, media_type: str, module: str, entry: str, document: str, archives: bool) -> Format:
    ready = partial(import_module, f"feedd.feeds.{module}")
    return Format(suffix, media_type, _late(module, entry), _late(module, document), ready, archives)


def _late(module: str, name: str) -> Callable[..., bytes]:
    """That function of a module in this package, imported at its first call."""

    @cache
    def found() -> Callable[..., bytes]:
        function: Callable[..., bytes] = getattr(import_module(f"feedd.feeds.{module}"), name)
        return function

    def call(*arguments: Any) -> bytes:
        return found()(*arguments)

    return call


_ROWS = (
    _row("atom", "application/atom+xml", "rss_atom", "atom_entry", "atom_document", archives=True),
    _row("rss", "application/rss+xml", "rss_atom", "rss_item", "rss_document", archives=False),
    _row("json", "application/feed+json", "json_feed", "json_item", "json_document", archives=True),
)

FORMATS: dict[str, Format] = {row.suffix: row for row in _ROWS}
"""Every format of feedd's own, which are those that feed readers know, by its suffix."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,60}/[a-z0-9][a-z0-9_.+-]{0,60}")


def is_media_type(text: str) -> bool:
    """Whether a text is a media type without parameters (RFC 6838, section 4.2), of letters that any web server's
    configuration can hold: small ones, digits, and a few others.
    """
    return _MEDIA_TYPE.fullmatch(text) is not None


def formats_of(names: Iterable[str]) -> tuple[tuple[Format, ...], list[Problem]]:
    """The formats of these suffixes, and what is wrong with those of installed packages. One that cannot be used stands
    there all the same, and writes nothing: the documents stay as they are.
    """
    found: list[Format] = []
    problems: list[Problem] = []
    for name in names:
        try:
            found.append(FORMATS[name] if name in FORMATS else brought(name))
        except PluginError as error:
            problems.append(error.problem)
            found.append(_absent(name, error.problem))
    return tuple(found), problems


def brought(name: str) -> Format:
    """The format of that suffix that an installed package brings, bound to what a format promises: it gives bytes or
    raises RenderError. Raises PluginError.
    """
    package, form = installed.package(installed.FORMATS, name), installed.load(installed.FORMATS, name)
    what = f"{name!r} of {package}"
    if not isinstance(form, Format):
        raise _unfit(f"{what} is no feedd.plugins.Format")
    if form.suffix != name:
        raise _unfit(f"{what} has the suffix {form.suffix!r}, which is not the name of its entry point")
    if not is_media_type(form.media_type):
        raise _unfit(f"{what} has the media type {form.media_type!r}, which is none without parameters")
    entry, document = _held(form.entry, what), _held(form.document, what)
    return replace(form, entry=entry, document=document, get_ready=tuple)


def _unfit(what: str) -> PluginError:
    return PluginError(Problem("plugin-broken", what, "Mend the package.", field="output.formats"))


def _held(write: Callable[..., object], what: str) -> Callable[..., bytes]:
    """A function of a format that is a stranger's. One entry or document that it fails for costs no other."""

    def call(subject: Entry | Feed, *arguments: Any) -> bytes:
        try:
            data = installed.call(write, subject, *arguments)
        except installed.CallFailed as error:
            cause = error.__cause__
            if isinstance(cause, RenderError) and isinstance(getattr(cause, "problem", None), Problem):
                raise cause from None
            raise _not_written(subject, what, f"raised {error}") from error
        if not isinstance(data, bytes):
            raise _not_written(subject, what, f"gave a {type(data).__name__} instead of bytes")
        return data

    return call


def _not_written(subject: Entry | Feed, what: str, why: str) -> RenderError:
    about = f"entry {subject.id!r}" if isinstance(subject, Entry) else f"feed {subject.name!r}"
    return RenderError(Problem("render-failed", f"{about} cannot be written: the format {what} {why}", "Mend it."))


def _absent(name: str, problem: Problem) -> Format:
    """Stands for a format that cannot be used; its media type is empty."""

    def document(feed: Feed, entries: Sequence[bytes]) -> bytes:
        raise RenderError(problem)

    return Format(name, "", lambda entry: b"", document)

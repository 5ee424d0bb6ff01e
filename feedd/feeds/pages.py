"""Pages: HTML for browsers, made by Jinja2 out of templates that an admin may replace one by one.

In: an `Entry`, a `Listing`, or a `Feed` with what was made of its entries. Out: bytes of HTML in UTF-8, and the style
sheets and the script that pages link to. Everything but the templates themselves comes in as an argument; nothing is
asked of the clock or the network, and the same values give the same bytes. Does not choose, order or count anything.

A page is a column beside the formats: what a template makes of an entry or of a row of the index is kept, and
spliced into every page that holds it. Such a piece is one line of JSON that says what the page must know of it (where
its pictures are, where it is listed), followed by HTML.

No mistake of an admin's keeps a page from being written, since what was withdrawn would stay on the former one: where a
template of theirs fails, feedd's own makes that piece. `problems` finds such mistakes before anything is written.

Texts are untrusted. Templates escape them; addresses are http(s) or left out; and each page allows itself, by a Content
Security Policy (https://www.w3.org/TR/CSP3/), its own style sheet and script and the hosts of the pictures in it, and
nothing else. Links within the output directory are relative, so that pages work under any prefix; what is subscribed to
(autodiscovery, the address to copy) is absolute.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from feedd import __version__
from feedd.config import Config
from feedd.content.links import web_url
from feedd.content.text import plain
from feedd.errors import Problem, RenderError
from feedd.feeds.entry import Author, Category, Document, Entry, Feed, Image, Instant, Listing
from feedd.feeds.formats import FORMATS, Format
from feedd.feeds.opml import PATH as OPML

if TYPE_CHECKING:
    from jinja2 import Environment, TemplateError
    from markupsafe import Markup

_HERE = Path(__file__).parent
_TEMPLATES, _ASSETS = _HERE / "templates", _HERE / "assets"

INDEX = "index.html"
"""The path of the page that lists all feeds."""
STYLESHEET = "assets/feed.css"
"""The path of the style sheet for Atom and RSS documents that are opened in a browser."""

KINDS = ("all", "feed", "topic", "provider")
"""The kinds of `Listing` in the order in which the index has them."""

_EXCERPT = 320
"""Characters of a body that stand in for an excerpt."""

ASSETS = ("css", "js", "svg", "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "woff2", "txt")
"""The suffixes of files that may be assets; nothing else is taken from an admin's directory."""
_ASSET = re.compile(rf"[A-Za-z0-9][\w.-]*\.(?:{'|'.join(ASSETS)})", re.ASCII)
_MAX_ASSET = 4 << 20

# What a policy can name (CSP 3, section 2.3.1, host-source); Chromium takes underscores too.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[1-9][0-9]{0,4})?(?=[/?#]|\Z)")


# What templates are given


class Link(Struct, frozen=True):
    """A document of a feed: `href` as seen from the page, `url` absolute."""

    suffix: str
    media_type: str
    href: str
    url: str


class Moment(Struct, frozen=True, order=True):
    """A moment: as RFC 3339 has it in UTC, and its parts in the time zone of the site. `clock` is such as `20:30`,
    `zone` the name of that zone at the moment, such as `CEST`, or `UTC-03` where it has none.
    """

    iso: str
    year: int
    month: int
    day: int
    clock: str
    zone: str


class Story(Struct, frozen=True):
    """An entry for `entry.html`. Addresses are http(s) or empty; `picture` and `icon` are empty without pictures."""

    title: str
    link: str
    via: str
    excerpt: str
    published: Moment
    updated: Moment
    source: str
    icon: str
    topics: tuple[str, ...]
    picture: Image | None
    video: bool
    language: str


class Row(Struct, frozen=True):
    """A feed for `row.html`: `name` is its label, or its title where it has none; `initial` stands in for an icon."""

    kind: str
    name: str
    title: str
    description: str
    icon: str
    initial: str
    count: int
    whole: bool
    newest: Moment | None
    newest_title: str
    newest_link: str
    page: str
    links: tuple[Link, ...]


class _Head(Struct, frozen=True, array_like=True):
    """The first line of a piece: where its pictures are, and for a row of the index, where it is listed."""

    origins: tuple[str, ...]
    kind: str = ""
    order: str = ""


_Sample = TypeVar("_Sample", bound=Struct)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Head).decode


# Feeds


def page_format(config: Config) -> Format:
    """Pages as one more format of feeds; its functions raise RenderError for what no page can show."""
    return Format(
        "html", "text/html", partial(_entry_piece, config), partial(_feed_page, config), partial(_get_ready, config)
    )


def _get_ready(config: Config) -> None:
    """Compile the templates. What is wrong with them is told by `problems`."""
    for name in ("entry.html", "feed.html"):
        try:
            _environment(config.pages.templates).get_template(name)
        except Exception:  # noqa: BLE001 - whatever it is, rendering meets it too
            return


def _entry_piece(config: Config, entry: Entry) -> bytes:
    """One entry, as `entry.html` shows it."""
    story = _story(entry, config)
    pictures = (story.icon, story.picture.url if story.picture else "")
    html = _render(config, "entry.html", f"entry {entry.id!r}", {"entry": story})
    return _piece(_Head(_origins(pictures)), html)


def _story(entry: Entry, config: Config) -> Story:
    picture = _picture(entry.image.url, config) if entry.image else ""
    return Story(
        title=entry.title,
        link=web_url(entry.link),
        via=web_url(entry.via),
        excerpt=entry.summary or _shortened(plain(entry.html)),
        published=_moment(entry.published, config),
        updated=_moment(entry.updated, config),
        source=entry.author.name,
        icon=_picture(entry.author.avatar, config),
        topics=tuple(category.label or category.term for category in entry.categories),
        picture=structs.replace(entry.image, url=picture) if entry.image and picture else None,
        video=entry.video,
        language=entry.language,
    )


def _shortened(text: str) -> str:
    """The beginning of a text, of whole words."""
    if len(text) <= _EXCERPT:
        return text
    return (text[:_EXCERPT].rpartition(" ")[0] or text[:_EXCERPT]).rstrip(",;:–— ") + " …"


def _feed_page(config: Config, feed: Feed, pieces: Sequence[bytes]) -> bytes:
    """The page of a feed, as `feed.html` shows it."""
    return _render(config, "feed.html", f"feed {feed.name!r}", _of_feed(config, feed, pieces))


def _of_feed(config: Config, feed: Feed, pieces: Sequence[bytes]) -> dict[str, Any]:
    """What `feed.html` is given. `shown` is how many entries are on the page; `older` is the document in which a reader
    finds those before them, None where there is none.
    """
    heads, entries = _parted(pieces)
    icon = _picture(feed.icon, config)
    root = "../" * feed.name.count("/")
    links = _links(config, feed.name, root)
    return {
        "feed": feed,
        "icon": icon,
        "updated": None if feed.newest is None else _moment(feed.updated, config),
        "links": links,
        "address": _preferred(links),
        "entries": _markup(b"\n".join(entries)),
        "shown": len(entries),
        "older": _older(config, feed, root),
        "root": root,
        "canonical": feed.url("html"),
        "csp": _policy([*_origins([icon]), *(origin for head in heads for origin in head.origins)]),
    }


def _older(config: Config, feed: Feed, root: str) -> Link | None:
    """The archive before a feed, in the first of the configured formats that has archives."""
    links = _links(config, feed.previous, root) if feed.previous else ()
    return next((link for link in links if FORMATS[link.suffix].archives), None)


def _links(config: Config, name: str, root: str = "") -> tuple[Link, ...]:
    """The documents of a feed that feed readers know, in the order in which the configuration names the formats."""
    return tuple(
        Link(suffix, FORMATS[suffix].media_type, f"{root}{name}.{suffix}", f"{config.site.feeds_url}{name}.{suffix}")
        for suffix in config.output.formats
        if suffix in FORMATS
    )


def _preferred(links: Iterable[Link]) -> Link:
    """The document to subscribe to, for who does not care."""
    return min(links, key=lambda link: list(FORMATS).index(link.suffix))


# The index


def index_row(listing: Listing, config: Config) -> bytes:
    """A row of the index, as `row.html` shows it, for `index_document`. Raises RenderError."""
    row = _row(listing, config)
    html = _render(config, "row.html", f"row of {listing.name!r}", _of_row(row))
    return _piece(_Head(_origins([row.icon]), listing.kind, f"{_folded(row.name)}\0{listing.name}"), html)


def _of_row(row: Row) -> dict[str, Any]:
    """What `row.html` is given."""
    return {"feed": row, "address": _preferred(row.links)}


def _row(listing: Listing, config: Config) -> Row:
    name = (listing.label if listing.kind in {"topic", "provider"} else "") or listing.title
    return Row(
        kind=listing.kind,
        name=name,
        title=listing.title,
        description=listing.description if listing.kind in {"all", "feed"} else "",
        icon=_picture(listing.icon, config),
        initial=next((letter.upper() for letter in name if letter.isalnum()), "#"),
        count=listing.count,
        whole=listing.whole,
        newest=None if listing.newest is None else _moment(listing.newest, config),
        newest_title=listing.newest_title,
        newest_link=web_url(listing.newest_link),
        page=f"{listing.name}.html",
        links=_links(config, listing.name),
    )


def _folded(text: str) -> str:
    """What names are ordered by: neither case nor accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(one))


def index_document(config: Config, rows: Iterable[bytes]) -> Document:
    """The page of all feeds, as `index.html` shows it, around rows in any order. Raises RenderError."""
    return Document(INDEX, _render(config, INDEX, "the index", _of_index(config, rows)))


def _of_index(config: Config, rows: Iterable[bytes]) -> dict[str, Any]:
    """What `index.html` is given."""
    heads, listed = _parted(rows)
    order = sorted(range(len(heads)), key=lambda place: heads[place].order)
    groups = {kind: [listed[place] for place in order if heads[place].kind == kind] for kind in KINDS}
    return {
        "groups": {
            kind: {"count": len(some), "rows": _markup(b"\n".join(some))} for kind, some in groups.items() if some
        },
        "total": len(heads),
        "discoverable": _discoverable(config),
        "opml": OPML,
        "root": "",
        "canonical": f"{config.site.feeds_url}{INDEX}",
        "csp": _policy(origin for head in heads for origin in head.origins),
    }


def _discoverable(config: Config) -> list[tuple[str, Link]]:
    """The title and the document of what readers offer who are given the address of the index."""
    titles = {"all": config.output.all_title.format(site=config.site.title, name="all")} if config.output.all else {}
    titles |= {feed.name: feed.title or feed.name for feed in config.feeds}
    return [(title, link) for name, title in titles.items() for link in _links(config, name)]


# Assets


def assets(config: Config) -> list[Document]:
    """The style sheets, the script and the pictures that pages need, and what an admin has in `assets/` beside the
    templates: a file there replaces feedd's of the same name. Raises RenderError where one cannot be read.
    """
    files = {path.name: path for folder in _asset_folders(config.pages.templates) for path in _asset_files(folder)}
    return [Document(f"assets/{name}", _read(path)) for name, path in sorted(files.items())]


def _asset_folders(templates: Path | None) -> list[Path]:
    """Those of feedd first."""
    return [_ASSETS, *([templates / "assets"] if templates else [])]


def _asset_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _ASSET.fullmatch(path.name) and path.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_ASSET + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > _MAX_ASSET:
        what = f"has more than {_MAX_ASSET >> 20} MiB, which is no asset of a page"
        raise RenderError(Problem("asset", what, "Make it smaller, or serve it from elsewhere.", str(path)))
    return data


def _unreadable(path: Path, error: OSError) -> RenderError:
    what = f"cannot be read: {error.strerror}"
    return RenderError(Problem("asset", what, "Let feedd's user read it, or remove it.", str(path)))


def fingerprint(config: Config) -> bytes:
    """16 bytes that change when a template or an asset may have: paths, sizes, times. Reads no file, never raises."""
    templates = config.pages.templates
    digest = blake2b(b"there" if templates and _is_folder(templates) else b"", digest_size=16)
    for path in sorted(_sources(templates)):
        try:
            status = path.stat()
        except OSError:  # it went meanwhile
            continue
        digest.update(os.fsencode(path) + f"\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_size}\0".encode())
    return digest.digest()


def _sources(templates: Path | None) -> Iterator[Path]:
    """Everything that pages are made of."""
    for folder in (*_template_folders(templates), *_asset_folders(templates)):
        try:
            yield from folder.iterdir()
        except OSError:  # then nothing of it is used
            continue


# Templates


def _template_folders(templates: Path | None) -> list[Path]:
    """Where templates are looked for, in this order."""
    return [*([templates] if templates else []), _TEMPLATES]


@lru_cache(maxsize=8)
def _environment(templates: Path | None) -> "Environment":
    """Jinja2, with an admin's directory before feedd's own. What changed there is compiled anew by itself."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # takes 35 ms

    made = Environment(
        loader=FunctionLoader(partial(_source, _template_folders(templates))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["version"] = __version__
    return made


def _source(folders: Sequence[Path], name: str) -> tuple[str, str, Callable[[], bool]] | None:
    """The text of a template, its file, and whether that is how it still is. (Jinja2's own loader does not see that a
    file appeared in a folder before the one where it found another.)
    """
    stamp = _stamp(folders, name)
    if stamp is None:
        return None
    text = Path(stamp[0]).read_text(encoding="utf-8")
    if not stamp[0].startswith(f"{_TEMPLATES}/") and (error := _slip(text, name, stamp[0])):
        raise error.with_traceback(None)
    return text, stamp[0], lambda: _stamp(folders, name) == stamp


@lru_cache(maxsize=32)
def _slip(text: str, name: str, file: str) -> "TemplateError | None":
    """Why a template cannot be compiled, remembered: it is asked for every story, and to find it out takes 2 ms."""
    from jinja2 import TemplateError

    try:
        _environment(None).compile(text, name, file, raw=True)
    except TemplateError as error:
        return error
    return None


def _stamp(folders: Iterable[Path], name: str) -> tuple[str, int, int, int] | None:
    """The file that is a template, and what of it changes with it; None where there is none."""
    for folder in folders if "/" not in name else ():  # what lies elsewhere is not in the fingerprint
        with suppress(OSError):
            path = f"{folder}/{name}"
            status = os.stat(path)  # noqa: PTH116 - asked for every story, and Path takes twice the time
            return path, status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return None


def _render(config: Config, name: str, what: str, values: dict[str, Any]) -> bytes:
    """What a template makes of these values: an admin's, or where that fails feedd's own, with nothing of theirs in it.
    `what` names the result, should that fail too.
    """
    if config.pages.templates:
        with suppress(Exception):  # `problems` tells it
            return _rendered(config, config.pages.templates, name, values)
    try:
        return _rendered(config, None, name, values)
    except Exception as error:
        said = f"{what} cannot be written as a page: {_said(error)}"
        raise RenderError(Problem("template", said, "", *_place(error, name, _TEMPLATES))) from error


def _rendered(config: Config, templates: Path | None, name: str, values: dict[str, Any]) -> bytes:
    template = _environment(templates).get_template(name)
    return template.render(site=config.site, timezone=config.content.timezone, **values).encode()


def _said(error: Exception) -> str:
    """What an error says, as the middle of a sentence."""
    from jinja2 import TemplateNotFound

    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name!r}"
    said = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(said.split())[:300].rstrip(".")


def _place(error: Exception, name: str, folder: Path) -> tuple[str, int | None]:
    """The file and the line of an error that is due to the templates in a folder; where it shows in none of these,
    the template that is likely meant.
    """
    line, file = getattr(error, "lineno", None), getattr(error, "filename", None)
    if isinstance(line, int) and isinstance(file, str):
        return file, line
    places = [place for place in _frames(error.__traceback__) if Path(place[0]).is_relative_to(folder)]
    if places:
        return places[-1]
    there = [one for one in (name, "words.html", "base.html") if _stamp([folder], one)]
    likely = (one for one in there if one in str(error))
    return str(folder / next(likely, there[0] if there else name)), None


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    """The places of a traceback, the outermost first; Jinja2 puts the lines of templates there."""
    while trace:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


# Trying templates


def problems(config: Config) -> list[Problem]:
    """What is wrong with an admin's templates, once for each: they are tried on stories and feeds that have everything,
    nothing but a title, and all but one or only one of what they may have. Never raises.
    """
    folder = config.pages.templates
    if folder is None or not config.pages.enabled:
        return []
    if not _is_folder(folder):
        what = "is no directory that this user can read, so pages look as feedd's own do"
        remedy = "Create it or mend its permissions, or take pages.templates out of the configuration."
        return [Problem("no-templates", what, remedy, str(folder), None, "pages.templates")]
    found = (problem for name, samples in _samples(config).items() if (problem := _tried(config, name, samples)))
    return list({one.file: one for one in reversed([*found])}.values())[::-1]


def _is_folder(path: Path) -> bool:
    """Whether a directory is there, and open."""
    return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK, effective_ids=True)  # noqa: PTH112 - Path's raises


def _tried(config: Config, name: str, samples: Iterable[dict[str, Any]]) -> Problem | None:
    """What is wrong with a template or with what it uses."""
    templates = config.pages.templates or _TEMPLATES
    for values in samples:
        try:
            _rendered(config, templates, name, values)
        except Exception as error:  # noqa: BLE001 - templates can do anything
            file, line = _place(error, name, templates)
            remedy = "Mend it. Where it fails, feedd's own is used."
            return Problem("template", f"fails: {_said(error)}", remedy, file, line)
    return None


def _samples(config: Config) -> dict[str, Iterable[dict[str, Any]]]:
    """What templates are tried on, by their names. No admin's is used to make it."""
    plain_config = structs.replace(config, pages=structs.replace(config.pages, templates=None))
    stories = [_entry_piece(plain_config, _FULL_ENTRY), _entry_piece(plain_config, _BARE_ENTRY)]
    listings = [structs.replace(one, kind=kind) for kind in KINDS for one in _mixed(_FULL_LISTING, _BARE_LISTING)]
    rows = [index_row(structs.replace(_FULL_LISTING, kind=kind), plain_config) for kind in KINDS]
    return {
        "entry.html": ({"entry": _story(entry, config)} for entry in _mixed(_FULL_ENTRY, _BARE_ENTRY)),
        "feed.html": (
            _of_feed(config, feed, some) for feed in _mixed(_FULL_FEED, _BARE_FEED) for some in (stories, [])
        ),
        "row.html": (_of_row(_row(listing, config)) for listing in listings),
        INDEX: (_of_index(config, some) for some in (rows, rows[:1], [])),
    }


def _mixed(full: _Sample, bare: _Sample) -> list[_Sample]:
    """Both, and each with one field of the other."""
    different = [name for name in full.__struct_fields__ if getattr(full, name) != getattr(bare, name)]
    mixed = [
        structs.replace(one, **{name: getattr(other, name)})
        for name in different
        for one, other in ((full, bare), (bare, full))
    ]
    return [full, bare, *mixed]


_URL = "https://example.org/"
_BARE_ENTRY = Entry(
    id="tag:example.org,2020:bare", title="A title", summary="", html="", link=_URL, via="", published=0, updated=0,
    categories=(), author=Author(""), source_feed="", image=None, video=False, related=(), language="",
)  # fmt: skip
_FULL_ENTRY = structs.replace(
    _BARE_ENTRY, summary="A text", via=_URL, updated=1, categories=(Category("a", "A topic", ""),), video=True,
    author=Author("A source", _URL, _URL), image=Image(_URL, 4, 3, "A picture", "A person"), language="en",
)  # fmt: skip
_BARE_FEED = Feed("tag:example.org,2020:feed", "all", _URL, "A title", "", _URL, "", 0, None, 60, complete=True)
_FULL_FEED = structs.replace(
    _BARE_FEED, description="A text", language="en", updated=1, newest=1, icon=_URL, previous="all/2020-01", count=9,
    complete=False,
)  # fmt: skip
_BARE_LISTING = Listing("topics/a", "topic", "A title", "A topic")
_FULL_LISTING = Listing("topics/a", "topic", "A title", "A topic", "A text", _URL, 2, False, "A story", _URL, 1)


# What is not used


def unused(config: Config) -> list[Problem]:
    """The files in an admin's directory that pages make no use of, most likely by a slip in a name, and assets that
    cannot be read. Files that are hidden, and editors' copies, are nobody's business. Never raises.
    """
    folder = config.pages.templates
    if folder is None or not config.pages.enabled:
        return []
    try:
        assets(config)
    except RenderError as error:
        return [*_unused_templates(folder), *_unused_assets(folder / "assets"), error.problem]
    return [*_unused_templates(folder), *_unused_assets(folder / "assets")]


def _unused_assets(folder: Path) -> Iterator[Problem]:
    for path in _visible(folder):
        if not (_ASSET.fullmatch(path.name) and path.is_file()):
            what = "is no file that can be an asset, so it is not published"
            remedy = f"Only files right in assets/ are: of letters, digits and _.-, ending in .{', .'.join(ASSETS)}."
            yield Problem("unused-asset", what, remedy, str(path), severity="warning")


def _unused_templates(folder: Path) -> Iterator[Problem]:
    there, known = _visible(folder), sorted(path.name for path in _TEMPLATES.iterdir())
    used = _used(folder, [path for path in there if path.is_file()])
    if used is not None:
        for path in there:
            if path.name not in {*known, *used, "assets"}:
                yield from _unused_template(path, known)


def _unused_template(path: Path, known: list[str]) -> Iterator[Problem]:
    near = get_close_matches(path.name, [*known, "assets"], 1)
    if path.is_dir() and near != ["assets"]:
        return
    what = "is none of the templates that pages are made of, and no template of yours uses it"
    remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
    if _ASSET.fullmatch(path.name) and not near:
        what, remedy = "is not published, since it is not in assets/", "Move it there."
    yield Problem("unused-template", what, remedy, str(path), severity="warning")


def _used(folder: Path, files: Iterable[Path]) -> set[str] | None:
    """The templates that an admin's use; None where that cannot be told."""
    from jinja2 import TemplateError, meta

    used: set[str | None] = set()
    for path in files:
        with suppress(OSError, UnicodeDecodeError, TemplateError):  # `problems` tells it, if it matters
            used.update(meta.find_referenced_templates(_environment(folder).parse(path.read_text(encoding="utf-8"))))
    return None if None in used else {name for name in used if name}


def _visible(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where there is none or it cannot be read, which is told elsewhere."""
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.name[-1] != "~")
    return []


# Pieces


def _piece(head: _Head, html: bytes) -> bytes:
    return _encode(head) + b"\n" + html.strip()


def _parted(pieces: Iterable[bytes]) -> tuple[list[_Head], list[bytes]]:
    """The heads and the HTML of pieces."""
    parts = [piece.split(b"\n", 1) for piece in pieces]
    return [_decode(head) for head, _ in parts], [html for _, html in parts]


def _markup(html: bytes) -> "Markup":
    """What a template made, and is not to be escaped again."""
    from markupsafe import Markup

    return Markup(html.decode())  # noqa: S704 - it is escaped where it needs to be


# Values


def _moment(moment: Instant, config: Config) -> Moment:
    try:
        when = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError) as error:  # OSError: what the system's time cannot hold
        raise RenderError(Problem("render-failed", f"{moment} s after 1970 is in no calendar")) from error
    iso = when.isoformat().replace("+00:00", "Z")
    with suppress(OverflowError):  # on the first or the last day of the calendar: then it is shown in UTC
        when = when.astimezone(ZoneInfo(config.content.timezone))
    zone = when.tzname() or ""
    zone = f"UTC{zone}" if zone[:1] in {"+", "-"} else zone
    return Moment(iso, when.year, when.month, when.day, f"{when:%H:%M}", zone)


def _picture(url: str, config: Config) -> str:
    """The address of a picture, if pages show any and a policy can allow this one."""
    url = web_url(url) if url and config.pages.pictures else ""
    return url if _ORIGIN.match(url) else ""


def _origins(pictures: Iterable[str]) -> tuple[str, ...]:
    """Where pictures are, as a policy names it."""
    found = (_ORIGIN.match(web_url(url)) for url in pictures)
    return tuple(dict.fromkeys(one[0].lower() for one in found if one))


_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def _policy(origins: Iterable[str]) -> str:
    """The Content Security Policy of a page: besides what every page needs, pictures from the directory itself and
    from these origins.
    """
    pictures = " ".join(["'self'", *sorted(set(origins))])
    return "; ".join(f"{name} {sources}" for name, sources in (*_POLICY.items(), ("img-src", pictures)))

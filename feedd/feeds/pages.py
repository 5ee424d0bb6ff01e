"""Pages: HTML for browsers, made by Jinja2 out of templates that an admin may replace one by one.

In: an `Entry`, a `Listing`, or a `Feed` with what was made of its entries. Out: bytes of HTML in UTF-8, and the style
sheets and the script that pages link to. Everything but the templates themselves comes in as an argument; nothing is
asked of the clock or the network, and the same values give the same bytes. Does not choose, order or count anything.

A page is a column beside the formats: what a template makes of an entry or of a row of the index is kept, and
spliced into every page that holds it. Such a piece is one line of JSON that says what the page must know of it (where
its pictures are, where it is listed), followed by HTML.

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
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

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
    from jinja2 import Environment
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

# What may be an asset of an admin's: what else lies in the directory (editors' copies, notes) is nobody's business.
_ASSET = re.compile(r"[A-Za-z0-9][\w.-]*\.(?:css|js|svg|png|jpg|webp|ico|txt)", re.ASCII)
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
    """A moment in UTC: as RFC 3339 has it, and its parts; `clock` is such as `20:30`."""

    iso: str
    year: int
    month: int
    day: int
    clock: str


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


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Head).decode


# Feeds


def page_format(config: Config) -> Format:
    """Pages as one more format of feeds; its functions raise RenderError, with the file and the line of a template."""
    return Format(
        "html", "text/html", partial(_entry_piece, config), partial(_feed_page, config), partial(_get_ready, config)
    )


def _get_ready(config: Config) -> None:
    """Compile the templates. What is wrong with them is told when they are used."""
    for name in ("entry.html", "feed.html"):
        try:
            _environment(config.pages.templates).get_template(name)
        except Exception:  # noqa: BLE001 - whatever it is, rendering meets it too
            return


def _entry_piece(config: Config, entry: Entry) -> bytes:
    """One entry, as `entry.html` shows it."""
    story = _story(entry, config)
    pictures = (story.icon, story.picture.url if story.picture else "")
    html = _render(config, "entry.html", f"entry {entry.id!r}", entry=story)
    return _piece(_Head(_origins(pictures)), html)


def _story(entry: Entry, config: Config) -> Story:
    picture = _picture(entry.image.url, config) if entry.image else ""
    return Story(
        title=entry.title,
        link=web_url(entry.link),
        via=web_url(entry.via),
        excerpt=entry.summary or _shortened(plain(entry.html)),
        published=_moment(entry.published),
        updated=_moment(entry.updated),
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
    heads, entries = _parted(pieces)
    icon = _picture(feed.icon, config)
    root = "../" * feed.name.count("/")
    links = _links(config, feed.name, root)
    return _render(
        config,
        "feed.html",
        f"feed {feed.name!r}",
        feed=feed,
        icon=icon,
        updated=None if feed.newest is None else _moment(feed.updated),
        links=links,
        address=_preferred(links),
        entries=_markup(b"\n".join(entries)),
        root=root,
        canonical=feed.url("html"),
        csp=_policy([*_origins([icon]), *(origin for head in heads for origin in head.origins)]),
    )


def _links(config: Config, name: str, root: str = "") -> tuple[Link, ...]:
    """The documents of a feed, in the order in which the configuration names the formats."""
    return tuple(
        Link(suffix, FORMATS[suffix].media_type, f"{root}{name}.{suffix}", f"{config.site.feeds_url}{name}.{suffix}")
        for suffix in config.output.formats
    )


def _preferred(links: Iterable[Link]) -> Link:
    """The document to subscribe to, for who does not care."""
    return min(links, key=lambda link: list(FORMATS).index(link.suffix))


# The index


def index_row(listing: Listing, config: Config) -> bytes:
    """A row of the index, as `row.html` shows it, for `index_document`. Raises RenderError."""
    row = _row(listing, config)
    html = _render(config, "row.html", f"row of {listing.name!r}", feed=row, address=_preferred(row.links))
    return _piece(_Head(_origins([row.icon]), listing.kind, f"{_folded(row.name)}\0{listing.name}"), html)


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
        newest=None if listing.newest is None else _moment(listing.newest),
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
    heads, listed = _parted(rows)
    order = sorted(range(len(heads)), key=lambda place: heads[place].order)
    groups = {kind: [listed[place] for place in order if heads[place].kind == kind] for kind in KINDS}
    html = _render(
        config,
        INDEX,
        "the index",
        groups={kind: {"count": len(some), "rows": _markup(b"\n".join(some))} for kind, some in groups.items() if some},
        total=len(heads),
        discoverable=_discoverable(config),
        opml=OPML,
        root="",
        canonical=f"{config.site.feeds_url}{INDEX}",
        csp=_policy(origin for head in heads for origin in head.origins),
    )
    return Document(INDEX, html)


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
    digest = blake2b(digest_size=16)
    for path in sorted(_sources(config.pages.templates)):
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
    return Path(stamp[0]).read_text(encoding="utf-8"), stamp[0], lambda: _stamp(folders, name) == stamp


def _stamp(folders: Iterable[Path], name: str) -> tuple[str, int, int, int] | None:
    """The file that is a template, and what of it changes with it; None where there is none."""
    for folder in folders if ".." not in name else ():
        with suppress(OSError):
            path = f"{folder}/{name}"
            status = os.stat(path)  # noqa: PTH116 - asked for every story, and Path takes twice the time
            return path, status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return None


def _render(config: Config, name: str, what: str, **values: Any) -> bytes:
    """What a template makes of these values; `what` names the result in problems."""
    try:
        template = _environment(config.pages.templates).get_template(name)
        return template.render(site=config.site, **values).encode()
    except Exception as error:
        raise RenderError(_problem(error, name, what, config.pages.templates)) from error


def _problem(error: Exception, name: str, what: str, templates: Path | None) -> Problem:
    """What is wrong, with the file and the line of the template where they can be told."""
    file, line = _place(error, name, templates)
    said = " ".join((getattr(error, "message", None) or str(error) or type(error).__name__).split())[:300]
    own = templates is None or not Path(file).is_relative_to(templates)
    remedy = "" if own else "Mend the template, or remove it: feedd's own takes its place."
    return Problem("template", f"{what} cannot be written as a page: {said}", remedy, file, line)


def _place(error: Exception, name: str, templates: Path | None) -> tuple[str, int | None]:
    """The file and the line of an error; the file of the template where no line is known."""
    line = getattr(error, "lineno", None)
    if isinstance(line, int) and isinstance(file := getattr(error, "filename", None), str):
        return file, line
    folders = _template_folders(templates)
    places = [place for place in _frames(error.__traceback__) if any(Path(place[0]).is_relative_to(f) for f in folders)]
    if places:
        return places[-1]
    return str(next((folder / name for folder in folders if (folder / name).exists()), name)), None


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    """The places of a traceback, the outermost first; Jinja2 puts the lines of templates there."""
    while trace:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


# Trying templates


def problems(config: Config) -> list[Problem]:
    """What is wrong with an admin's templates and assets, tried on a story and a feed that have everything, and on such
    that have nothing but a title. Never raises.
    """
    folder = config.pages.templates
    if folder is None or not config.pages.enabled:
        return []
    if not folder.is_dir():
        remedy = "Create it, or take pages.templates out of the configuration."
        return [Problem("no-templates", "is no directory", remedy, str(folder), None, "pages.templates")]
    found = [problem for attempt in _attempts(config) for problem in _problem_of(attempt)]
    return list({(one.file, one.line): one for one in reversed(found)}.values())[::-1]


def _problem_of(attempt: Callable[[], object]) -> Iterator[Problem]:
    try:
        attempt()
    except RenderError as error:
        yield error.problem


def _attempts(config: Config) -> Iterator[Callable[[], object]]:
    form = page_format(config)
    yield from (partial(form.entry, entry) for entry in (_FULL_ENTRY, _BARE_ENTRY))
    yield from (partial(form.document, feed, ()) for feed in (_FULL_FEED, _BARE_FEED))
    yield from (partial(index_row, listing, config) for listing in (_FULL_LISTING, _BARE_LISTING))
    yield partial(index_document, config, ())
    yield partial(assets, config)


_URL = "https://example.org/"
_BARE_ENTRY = Entry(
    id="tag:example.org,2020:bare", title="A title", summary="", html="", link=_URL, via="", published=0, updated=0,
    categories=(), author=Author(""), source_feed="", image=None, video=False, related=(), language="",
)  # fmt: skip
_FULL_ENTRY = structs.replace(
    _BARE_ENTRY, summary="A text", via=_URL, updated=1, categories=(Category("a", "A topic", ""),), video=True,
    author=Author("A source", _URL, _URL), image=Image(_URL, 4, 3, "A picture", "A person"), language="en",
)  # fmt: skip
_BARE_FEED = Feed("tag:example.org,2020:feed", "all", _URL, "A title", "", _URL, "", 0, None, 60)
_FULL_FEED = structs.replace(_BARE_FEED, description="A text", language="en", updated=1, newest=1, icon=_URL)
_BARE_LISTING = Listing("topics/a", "topic", "A title", "A topic")
_FULL_LISTING = Listing("a", "feed", "A title", "a", "A text", _URL, 2, False, "A story", _URL, 1)


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


def _moment(moment: Instant) -> Moment:
    try:
        when = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError) as error:  # OSError: what the system's time cannot hold
        raise RenderError(Problem("render-failed", f"{moment} s after 1970 is in no calendar")) from error
    iso = when.isoformat()
    return Moment(iso.replace("+00:00", "Z"), when.year, when.month, when.day, iso[11:16])


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
    "base-uri": "'none'",
    "form-action": "'none'",
}


def _policy(origins: Iterable[str]) -> str:
    """The Content Security Policy of a page: besides what every page needs, pictures from the directory itself and
    from these origins.
    """
    pictures = " ".join(["'self'", *sorted(set(origins))])
    return "; ".join(f"{name} {sources}" for name, sources in (*_POLICY.items(), ("img-src", pictures)))

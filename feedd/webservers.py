"""Web servers: how nginx and Caddy are told to serve the output directory as feedd itself does.

In: a configuration, and what the directory says of itself. Out: text to include in the block of a site, at the path of
`site.feeds_url`. What it says of types, caching, CORS, links and security is asked of `serve/` itself, and thus is the
same; where a server cannot do the same, the text says so. Pure. Everything is written as the server's own syntax wants
it, and what that cannot write is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from msgspec import structs

from feedd.config import Config
from feedd.errors import ConfigError, Problem
from feedd.feeds.manifest import FOLDERS, Manifest
from feedd.serve import answer as answers
from feedd.serve.answer import OPENED, Answer
from feedd.serve.paths import INDEX, Kind, Map
from feedd.serve.resources import Resource, Variant

_OWN = {"content-type", "content-length", "etag", "last-modified", "accept-ranges", "location"}
"""Headers that a web server makes itself, or is told by other means."""
_DOCUMENT = "-.document.-"  # what stands for a document's path until a server's own variable does
_ARCHIVE = f"-/{_DOCUMENT}"  # for that of an archive, which is told of otherwise
_LINK = "Use another path, or a symbolic link that leads there."
_OPENS = {b"sec-fetch-dest": OPENED[0]}


Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Site:
    """What both servers are told. `prefix` is the path of `base`, unescaped. `groups` are the kinds of files by the
    headers that they have beside their type, in which `_DOCUMENT` may stand; so is `opened`, for those of them that who
    opens one in a browser gets as another kind. Where a kind is in two groups, the one with a Link is that of feeds,
    and the other, which comes later, that of archives.
    """

    base: str
    prefix: str
    directory: Path
    max_age: int
    groups: dict[Headers, list[Kind]]
    opened: dict[Headers, list[Kind]]
    moved: tuple[tuple[str, str], ...]
    gone: tuple[str, ...]
    kinds: tuple[Kind, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said at the beginning, but for how to include it."""
        return (
            f"The feeds of {self.base}, as feedd prints it.",
            "Print it anew when [site] feeds_url, [output] path or formats, [server] max_age or [websub] hubs changes,",
            "or when feeds were renamed or pruned.",
        )


def _site(config: Config, manifest: Manifest) -> _Site:
    base, max_age = config.site.feeds_url, int(config.server.max_age)
    known = Map.of(structs.replace(manifest, base=base, hubs=config.websub.hubs))
    kinds = tuple(known.kinds.values())
    targets = ((path, known.target(path)) for path in sorted(manifest.moved))
    return _Site(
        known.address("").decode(),
        unquote(urlsplit(base).path, errors="surrogateescape"),
        config.output.path,
        max_age,
        _groups(kinds, known, max_age, {}),
        _groups((kind for kind in kinds if kind.opened), known, max_age, _OPENS),
        tuple((path, known.address(target).decode()) for path, target in targets if target),
        tuple(path for path in manifest.gone if path not in manifest.moved),
        kinds,
    )


def _groups(kinds: Iterable[Kind], known: Map, max_age: int, asked: dict[bytes, bytes]) -> dict[Headers, list[Kind]]:
    """Kinds by the headers with which feedd itself answers a request for a file of that kind."""
    groups: dict[Headers, list[Kind]] = {}
    plain = Variant(b"", b'""', 0, b"")
    for kind, path in product(kinds, (_DOCUMENT, _ARCHIVE)):
        resource = Resource(path, kind, (0, 0, 0, 0, 0), 0, b"", plain)
        group = groups.setdefault(_headers(answers.answer("GET", asked, resource, known, max_age)), [])
        if kind not in group:
            group.append(kind)
    return groups


def _headers(answer: Answer) -> Headers:
    """Those that a web server has to be told."""
    named = ((name.decode().title(), value.decode()) for name, value in answer.headers)
    return tuple((name, value) for name, value in named if name.lower() not in _OWN)


def _bare(kind: Kind) -> tuple[str, str]:
    """A media type, and its charset or nothing."""
    media_type, _, charset = kind.media_type.decode().partition("; charset=")
    return media_type, charset


def _sent(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """A kind for each media type that is sent."""
    return {_bare(one)[0]: one for kind in kinds for one in (kind, kind.opened) if one}


def _commented(lines: Iterable[str]) -> Iterator[str]:
    return (f"# {line}" for line in lines)


def _indented(lines: Iterable[str], by: str) -> Iterator[str]:
    return (by + line if line else line for line in lines)


def _refused(server: str, what: str, field: str, remedy: str) -> ConfigError:
    return ConfigError((Problem("not-writable", f"holds {what}, which {server} cannot be told", remedy, field=field),))


# nginx

_VARIABLE = "$feedd_document"
_AS_XML = ".xml"

_NGINX = """
Include it in the server block of that host: `include snippets/feedd.conf;`.
What the server block says by add_header does not hold in here: repeat it where it is wanted.
What nginx packs on the way has the ETag of the plain file, made weak (W/), which is as good for readers.
What is sent as XML to who opens it in a browser has the ETag that readers get.
"""


def nginx(config: Config, manifest: Manifest) -> str:
    """Locations for nginx (1.18 or later). Raises ConfigError where a path or address cannot be written."""
    site = _site(config, manifest)
    lines = [*_commented((*site.lines, *_NGINX.strip().splitlines())), ""]
    if site.prefix != "/":
        lines += [f"location = {_token(site.prefix[:-1])} {{ return 301 {_value(site.base, 'site.feeds_url')}; }}", ""]
    lines += [f"location ^~ {_token(site.prefix)} {{", *_indented(_inside(site), "    "), "}"]
    return "\n".join([*lines, "", *_places(site)]) + "\n"


def _inside(site: _Site) -> Iterator[str]:
    yield f"alias {_value(f'{site.directory}/', 'output.path')};"
    yield from _types(site)
    yield "gzip on;"
    yield "gzip_vary off;  # Vary is below"
    yield "gzip_proxied any;"
    yield "if_modified_since before;"
    for answer, place in _named():
        yield f"error_page {answer.status} = {place};"
    yield ""
    yield from _moves(site)
    yield "# Hidden files: what feedd keeps for itself, and documents that are being written."
    yield r"location ~ /\. { return 404; }"
    yield f"location ~ /$ {{ rewrite ^(.*)$ $1{INDEX} last; }}"
    for headers, kinds in site.groups.items():
        yield from _location(headers, kinds, site)
    yield "# Atom and RSS for who opens them in a browser, which heeds their style sheet only if they are called XML."
    yield "# `if` cannot say so, but the suffix of the path can: one that nobody can ask for."
    for headers, kinds in site.opened.items():
        yield from _opened(headers, kinds, site)
    yield "return 404;"


def _named() -> tuple[tuple[Answer, str], ...]:
    """What is answered without a file but for redirects, and the place where nginx does so."""
    return (
        (answers.unknown(), "@feedd_unknown"),
        (answers.refused(), "@feedd_method"),
    )


def _places(site: _Site) -> Iterator[str]:
    for answer, place in _named():
        yield f"location {place} {{"
        if answer.status == answers.unknown().status:
            yield from _indented(_gone(site), " " * 4)
        if answer.status == answers.refused().status:
            yield "    if ($request_method = OPTIONS) {"
            yield from _indented(_added(_headers(answers.options())), " " * 8)
            yield f"        return {answers.options().status};"
            yield "    }"
        yield from _indented(_added(_headers(answer), " always"), " " * 4)
        yield f"    return {answer.status};"
        yield "}"


def _gone(site: _Site) -> Iterator[str]:
    """What is not there because it is no more. It may be there again at any time, as archives are: so only of what was
    not found is this asked.
    """
    if not site.gone:
        return
    headers = _headers(answers.gone(site.max_age))
    yield "set $feedd_asked $uri;"
    yield rf"if ($uri ~ ^(.*){re.escape(_AS_XML)}$) {{ set $feedd_asked $1; }}"
    yield 'set $feedd_gone "";'
    for path in site.gone:
        yield f"if ($feedd_asked = {_value(site.prefix + path, 'site.feeds_url')}) {{ set $feedd_gone yes; }}"
    yield "if ($feedd_gone) {"
    yield from _indented(_added(headers, " always"), " " * 4)
    yield f"    return {answers.gone(site.max_age).status};"
    yield "}"


def _added(headers: Headers, always: str = "") -> Iterator[str]:
    """Headers of all answers that are no errors; `always` of these as well."""
    for name, value in headers:
        text = _value(value, "websub.hubs").replace(_DOCUMENT, _VARIABLE)
        yield f"add_header {name} {text}{always};"


def _types(site: _Site) -> Iterator[str]:
    yield "types {"
    yield from (f"    {_bare(kind)[0]} {kind.suffix};" for kind in site.kinds)
    yield "}"
    yield "charset utf-8;"
    # Both hold for text/html anyway, and nginx warns of what it is told twice.
    told = {name: kind for name, kind in _sent(site.kinds).items() if name != "text/html"}
    yield f"charset_types {' '.join(name for name, kind in told.items() if _bare(kind)[1])};"
    yield f"gzip_types {' '.join(name for name, kind in told.items() if kind.packs)};"


def _moves(site: _Site) -> Iterator[str]:
    """What is elsewhere by now, with the headers that hold for what has none of its own."""
    if site.moved:
        yield from _added(_headers(answers.moved(b"", site.max_age)))
    for path, target in site.moved:
        yield f"location = {_token(site.prefix + path)} {{ return 301 {_value(target, 'site.feeds_url')}; }}"
    if site.moved:
        yield ""


def _location(headers: Headers, kinds: list[Kind], site: _Site) -> Iterator[str]:
    named = _named_document(headers, kinds, site) if "Link" in dict(headers) else _suffix(kinds)
    yield f"location ~ {_token(f'{named}$')} {{"
    if kinds[0].opened:
        dest = b"|".join(OPENED).decode()
        yield f"    if ($http_sec_fetch_dest ~ ^(?:{dest})$) {{ rewrite ^(.*)$ $1{_AS_XML} last; }}"
    yield from _indented(_added(headers), " " * 4)
    yield "}"


def _opened(headers: Headers, kinds: list[Kind], site: _Site) -> Iterator[str]:
    """Files under names that nobody can ask for: `if` may hold neither types nor a default, so the type is another only
    where the name is.
    """
    (media_type,) = {_bare(kind.opened)[0] for kind in kinds if kind.opened}
    file = _value(f"{site.directory}/{_DOCUMENT}", "output.path").replace(_DOCUMENT, _VARIABLE)
    yield f"location ~ {_token(f'{_named_document(headers, kinds, site)}{re.escape(_AS_XML)}$')} {{"
    yield "    internal;"
    yield f"    alias {file};"
    yield f"    types {{ {media_type} {_AS_XML[1:]}; }}"
    yield from _indented(_added(headers), " " * 4)
    yield "}"


def _suffix(kinds: list[Kind]) -> str:
    suffixes = [kind.suffix for kind in kinds]
    return rf"\.(?:{'|'.join(suffixes)})" if len(suffixes) > 1 else rf"\.{suffixes[0]}"


def _named_document(headers: Headers, kinds: list[Kind], site: _Site) -> str:
    folders = "|".join(filter(None, FOLDERS))
    path = rf"(?:{folders})?[a-z0-9._-]+" if "Link" in dict(headers) else "[a-z0-9._/-]+"
    return rf"^{re.escape(site.prefix)}(?<feedd_document>{path}{_suffix(kinds)})"


def _value(text: str, field: str) -> str:
    """Text where nginx looks for variables."""
    if "$" in text:
        raise _refused("nginx", "a $", field, _LINK if field == "output.path" else "Write it as %24.")
    return _token(text)


def _token(text: str) -> str:
    """Text as one word, in quotes where it holds what is special."""
    if re.fullmatch(r"(?:[\w./:~^$()?|+*<>=,%@-]|\\[.-])+", text, re.ASCII):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# Caddy

_CADDY = """
Include it in the block of that site: `import feedd.caddy`.
What Caddy packs on the way, and what is sent as XML to who opens it in a browser, has the ETag of the plain file.
"""


def caddy(config: Config, manifest: Manifest) -> str:
    """Directives for Caddy (2.6 or later). Raises ConfigError where a path or address cannot be written."""
    site = _site(config, manifest)
    lines = [*_commented((*site.lines, *_CADDY.strip().splitlines())), ""]
    bare = _pattern(site.prefix[:-1])
    if bare and "%" not in bare:  # else it would match all that begins so
        lines += [f"redir {bare} {_literal(site.base, 'site.feeds_url')} 301", ""]
    lines += [f"handle_path {_pattern(site.prefix, '*')} {{", "\troute {", *_indented(_route(site), "\t\t"), "\t}", "}"]
    return "\n".join(lines) + "\n"


def _route(site: _Site) -> Iterator[str]:
    yield "@options method OPTIONS"
    yield from _respond("@options", answers.options())
    yield "@other not method GET HEAD"
    yield from _respond("@other", answers.refused())
    if site.moved:
        yield f"@moved path {' '.join(_pattern(f'/{path}') for path, _ in site.moved)}"
        yield from _set("@moved", _headers(answers.moved(b"", site.max_age)))
        yield from (f"redir {_pattern(f'/{path}')} {_literal(to, 'site.feeds_url')} 301" for path, to in site.moved)
    yield f"root * {_directory(site.directory)}"
    if site.gone:
        yield "@gone {"
        yield f"\tpath {' '.join(_pattern(f'/{path}') for path in site.gone)}"
        yield "\tnot file"
        yield "}"
        yield from _respond("@gone", answers.gone(site.max_age))
    yield "@folder path */"
    yield f"rewrite @folder {{path}}{INDEX}"
    yield "# Hidden files are what feedd keeps for itself, and documents that are being written."
    yield "@files {"
    yield f"\tpath {' '.join(f'*.{kind.suffix}' for kind in site.kinds)}"
    yield "\tnot path */.*"
    yield "\tfile"
    yield "}"
    yield "handle @files {"
    yield from _indented(_files(site), "\t")
    yield "}"
    yield from _respond("", answers.unknown())


def _files(site: _Site) -> Iterator[str]:
    for number, (headers, kinds) in enumerate(site.groups.items(), 1):
        yield f"@group{number} path {_paths(headers, kinds)}"
        yield from _set(f"@group{number}", headers, defer=True)
    for kind in site.kinds:
        yield f"@{kind.suffix} path *.{kind.suffix}"
        yield f'header @{kind.suffix} Content-Type "{kind.media_type.decode()}"'
    for number, (headers, kinds) in enumerate(site.opened.items(), 1):
        yield from _shown(f"@opened{number}", headers, kinds)
    yield from _encode(site)
    yield "file_server"


def _paths(headers: Headers, kinds: list[Kind]) -> str:
    """Where files of these kinds with these headers lie. A first * stands for any folders too, another for none."""
    folders = [f"/{folder}" for folder in FOLDERS] if "Link" in dict(headers) else [""]
    return " ".join(f"{folder}*.{kind.suffix}" for kind, folder in product(kinds, folders))


def _respond(matcher: str, answer: Answer) -> Iterator[str]:
    """An answer without a file."""
    yield " ".join(["handle", *filter(None, [matcher]), "{"])
    yield from _indented(_set("", _headers(answer)), "\t")
    yield f"\trespond {answer.status}"
    yield "}"


def _shown(matcher: str, headers: Headers, kinds: list[Kind]) -> Iterator[str]:
    """Files that somebody opens in a browser."""
    yield f"{matcher} {{"
    yield f"\tpath {_paths(headers, kinds)}"
    yield from (f"\theader Sec-Fetch-Dest {dest.decode()}" for dest in OPENED)
    yield "}"
    (media_type,) = {kind.opened.media_type.decode() for kind in kinds if kind.opened}
    yield f'header {matcher} Content-Type "{media_type}"'
    yield from _set(matcher, headers, defer=True)


def _set(matcher: str, headers: Headers, *, defer: bool = False) -> Iterator[str]:
    """Headers; with `defer`, in the place of what Caddy itself says, which is known only when it answers."""
    yield " ".join(["header", *filter(None, [matcher]), "{"])
    for name, value in headers:
        yield f"\t{name} {_literal(value, 'websub.hubs').replace(f'/{_DOCUMENT}', '{path}')}"
    if defer:
        yield "\tdefer"
    yield "}"


def _encode(site: _Site) -> Iterator[str]:
    yield "encode gzip {"
    yield "\tmatch {"
    yield from (f"\t\theader Content-Type {name}*" for name, kind in _sent(site.kinds).items() if kind.packs)
    yield "\t}"
    yield "}"


def _pattern(path: str, wildcard: str = "") -> str:
    """A path where Caddy looks for wildcards and placeholders, escaped as requests have it."""
    if re.search(r"[*\[\]]", path):
        raise _refused("Caddy", "a wildcard (*, [, ])", "site.feeds_url", "Use another path.")
    return _word(quote(path, safe="/~!$&'()+,;=:@", errors="surrogateescape") + wildcard)


def _literal(text: str, field: str) -> str:
    """Text where Caddy looks for placeholders."""
    if "{" in text or "}" in text:
        raise _refused("Caddy", "a brace", field, _LINK)
    return _word(text)


def _directory(path: Path) -> str:
    """A directory, in which Caddy's `file` looks for wildcards."""
    if re.search(r"[*?\[\]\\]", str(path)):
        raise _refused("Caddy", "a wildcard (*, ?, [, ], \\)", "output.path", _LINK)
    return _literal(str(path), "output.path")


def _word(text: str) -> str:
    """Text as one word, in quotes where it holds what is special."""
    if re.fullmatch(r"[\w./:*=,%@+~-]*", text, re.ASCII):
        return text
    if "`" not in text:
        return f"`{text}`"
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


PRINTERS: dict[str, Callable[[Config, Manifest], str]] = {"nginx": nginx, "caddy": caddy}
"""What is printed, by the name of the server."""

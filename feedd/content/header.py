"""Header: the bytes of a file become its front matter, as a mapping, and its body.

In: bytes. Out: a `Header`, or None for a file that has no front matter. Raises `BrokenArticle` for a file that has some
but cannot be read. Scalars keep the author's spelling (`title: 1984` is "1984", `version: 1.10` is "1.10"): a plain
`true` or `No` is a `Flag`, nothing else is guessed. Does not know what the fields mean (`article` does).

The file is split and read by python-frontmatter with a YAML handler of our own, because its default one answers a BOM,
a missing closing fence, a list or an empty header with no metadata and no error.
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

import frontmatter
import yaml
from frontmatter.default_handlers import YAMLHandler

from feedd.content import simple_yaml
from feedd.content.simple_yaml import Flag, Mapping
from feedd.errors import BrokenArticle, Problem

# PyYAML's C loader ends the process at 30,000 nested brackets and takes seconds for 20,000 (measured). A level needs
# one of these characters or, in block style, a deeper indent than the one before: 64 KiB hold 360 of those.
MAX_HEADER = 65536
_MAX_BRACKETS = 1000
_MAX_DASHES = 10000
# Merge keys multiply: nine aliases in each of eight levels never end (measured). Ten aliases in all do no harm.
_MAX_MERGED_ALIASES = 10

_FENCE = re.compile(r"---[ \t]*(?:\n|$)")
_CLOSING = re.compile(r"\n---[ \t]*(?=\n|\Z)")
_TOP_KEY = re.compile(
    r"""^(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#'"\[\]{},|>&*!%@`-][^:\n]*?))[ \t]*:(?=\s|$)""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Header:
    """The front matter of one file and what follows it. `text` is the YAML between the fences; `doubled` are top-level
    keys that occur more than once there.
    """

    mapping: Mapping
    body: str
    text: str
    doubled: tuple[str, ...] = ()

    def line(self, field: str) -> int | None:
        """The line of the file, counted from 1, where that top-level key stands (the last one, which YAML takes)."""
        return key_lines(self.text).get(field, [None])[-1]


def key_lines(text: str) -> dict[str, list[int]]:
    """Each top-level key of a header with the lines of the file where it stands; the opening fence is line 1."""
    lines: dict[str, list[int]] = {}
    for match in _TOP_KEY.finditer(text):
        name = next(group for group in match.groups() if group is not None)
        lines.setdefault(name, []).append(text.count("\n", 0, match.start()) + 2)
    return lines


def read(data: bytes) -> Header | None:
    """The front matter and body of a file; None where the text does not open with a `---` fence.

    Raises BrokenArticle, with the line in the file and the remedy, where the text is not UTF-8, the closing fence is
    missing, or what stands between the fences is too large, no YAML, or no mapping.
    """
    if not data.startswith(b"---"):
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            _broken("not-utf8", "is UTF-16 text", "Save it as UTF-8.")
        data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not data.startswith(b"---"):
            return None
    text = _decoded(data)
    if not _FENCE.match(text):
        return None
    handler = _Handler()
    mapping, body = frontmatter.parse(text, handler=handler)
    doubled = () if handler.simple else _doubled(handler.header, mapping)
    return Header(mapping, body, handler.header, doubled)


def _doubled(text: str, mapping: Mapping) -> tuple[str, ...]:
    """The keys that occur more than once; lines within a value that only look like keys are not in the mapping."""
    return tuple(key for key, lines in key_lines(text).items() if len(lines) > 1 and key in mapping)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _broken("not-utf8", f"is not UTF-8 (byte {error.start})", "Save it as UTF-8.", line)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class _Handler(YAMLHandler):
    """python-frontmatter's YAML handler, which refuses instead of giving nothing."""

    header = ""
    simple = False

    def split(self, text: str) -> tuple[str, str]:
        opening = text.find("\n") + 1 or len(text)
        closing = _CLOSING.search(text, opening - 1)
        if closing is None:
            _broken("no-closing-fence", "front matter has no closing fence", "End it with a line of three dashes.", 1)
        self.header = text[opening : closing.start() + 1]
        return self.header, text[closing.end() :]

    def load(self, fm: str, **kwargs: object) -> Mapping:
        quick = simple_yaml.load(fm) if len(fm) <= MAX_HEADER else None
        if quick is not None:
            self.simple = True
            return quick
        _bound(fm)
        mapping = load(fm)
        if not isinstance(mapping, dict):
            found = "is empty" if mapping is None else f"is a {_shape(mapping)}"
            _broken("not-a-mapping", f"front matter {found}", "Write it as lines of `key: value`.", 2)
        return mapping


def _shape(value: object) -> str:
    return "list" if isinstance(value, list) else "single value"


def _bound(text: str) -> None:
    if len(text) > MAX_HEADER:
        _broken("header-too-large", f"front matter is longer than {MAX_HEADER} characters", "Move text to the body.", 2)
    if text.count("[") + text.count("{") > _MAX_BRACKETS or text.count("-") + text.count("?") > _MAX_DASHES:
        _broken("header-too-deep", "front matter holds too many lists and mappings", "Make it smaller.", 2)
    if "<<" in text and text.count("*") > _MAX_MERGED_ALIASES:
        _broken("header-too-deep", "front matter merges too many aliases", "Write the values out.", 2)


def load(text: str) -> object:
    """The YAML of a header by PyYAML. Raises BrokenArticle with the line in the file (the fence is line 1)."""
    try:
        return yaml.load(text, Loader=_Loader)  # type: ignore[no-untyped-call] # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        # What the parser misses are words of its own; other errors quote the text, which may be secret.
        missed = isinstance(error, yaml.parser.ParserError | yaml.scanner.ScannerError)
        what = f"YAML: {error.problem}" if missed else "YAML that cannot be read"
        line = error.problem_mark.line + 2 if error.problem_mark else None
        _broken("yaml", what, "Mend it; quote text that holds special characters.", line)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _broken("yaml", "YAML that cannot be read", "Mend it; quote text that holds special characters.", 2)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, but scalars stay as the author wrote them."""


_MERGE, _NULL, _BOOL = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {_MERGE, _NULL, _BOOL}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_flag(loader: Any, node: Any) -> Flag:
    return Flag(loader.construct_scalar(node))


_Loader.add_constructor(_BOOL, _construct_flag)
for _tag in ("int", "float", "timestamp", "binary"):
    # Also where a tag asks for them, values stay text: `!!timestamp soon` must not end in an exception of its own.
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", yaml.SafeLoader.construct_yaml_str)


_SAYS_WITHDRAWN = re.compile(
    rb"""^[ \t{,]*["']?(?:
        published["']?[ \t]*:(?![ \t]*(?:true|yes|on)[ \t]*[,}]?[ \t]*(?:\#.*)?$)
        | (?:deleted|removed)["']?[ \t]*:[ \t]*["']?(?:true|yes|on|1)\b
    )""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)


def says_withdrawn(data: bytes) -> bool:
    """Whether the text of a file that cannot be parsed still says that it is not to be seen.

    A line `published:` with any other value than a plain true says so, as does `deleted: true` or `removed: true`,
    wherever it stands: in a broken file nobody knows where the front matter ends.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode()
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _SAYS_WITHDRAWN.search(text.removeprefix(b"\xef\xbb\xbf")) is not None


def _broken(kind: str, what: str, remedy: str, line: int | None = None) -> NoReturn:
    raise BrokenArticle(Problem(kind, what, remedy, line=line))

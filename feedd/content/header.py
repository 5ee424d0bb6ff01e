"""Header: the bytes of a file become its front matter, as a mapping, and its body.

In: bytes. Out: a `Header`, or None for a file that has no front matter. Raises `BrokenArticle` for a file that has some
but cannot be read. Scalars keep the author's spelling (`title: 1984` is "1984", `version: 1.10` is "1.10"): a plain
`true` or `No` is a `Flag`, nothing else is guessed. Does not know what the fields mean (`article` does).

What is not simple enough for `simple_yaml` is split and read by python-frontmatter with a YAML handler of our own,
because its default one answers a BOM, a missing closing fence, a list or an empty header with no metadata and no error.
"""

import re
from collections import Counter
from typing import Any, NoReturn

import frontmatter
import yaml
from frontmatter.default_handlers import YAMLHandler
from msgspec import Struct
from msgspec.structs import replace

from feedd.content import simple_yaml
from feedd.content.text import Flag, Mapping
from feedd.errors import BrokenArticle, Problem

# PyYAML's C loader ends the process at 30,000 nested brackets and takes seconds for 20,000 (measured). A level needs
# one of these characters or, in block style, a deeper indent than the one before: 64 KiB hold 360 of those.
MAX_HEADER = 65536
_MAX_BRACKETS = 1000
_MAX_DASHES = 10000
# Merge keys multiply: nine aliases in each of eight levels never end (measured). Ten aliases in all do no harm.
_MAX_MERGED_ALIASES = 10

_FENCE = re.compile(r"---[ \t]*(?:\n|$)")
_TOML_FENCE = re.compile(rb"(?:\xef\xbb\xbf)?\s*\+\+\+[ \t]*[\r\n]")
_CLOSING = re.compile(r"\n---[ \t]*(?=\n|\Z)")
_TOP_KEY = re.compile(
    r"""^(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#'"\[\]{},|>&*!%@`-][^:\n]*))[ \t]*:(?=\s|$)""", re.MULTILINE
)


class Header(Struct, frozen=True):
    """The front matter of one file and what follows it. `text` is the YAML between the fences, `above` counts the lines
    of the file before the first of it; `doubled` are top-level keys that occur more than once there.
    """

    mapping: Mapping
    body: str
    text: str
    above: int = 1
    doubled: tuple[str, ...] = ()

    def line(self, field: str) -> int | None:
        """The line of the file, counted from 1, where that top-level key stands (the last one, which YAML takes)."""
        line = key_lines(self.text).get(field)
        return line and line + self.above


def key_lines(text: str) -> dict[str, int]:
    """Each top-level key of a header with the last of its lines that holds it, counted from 1."""
    lines: dict[str, int] = {}
    line, end = 1, 0
    for match in _TOP_KEY.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        lines[next(group for group in match.groups() if group is not None).rstrip()] = line
    return lines


def read(data: bytes) -> Header | None:
    """The front matter and body of a file; None where the text does not open with a `---` fence.

    Raises BrokenArticle, with the line in the file and the remedy, where the text is not UTF-8, the closing fence is
    missing, or what stands between the fences is too large, no YAML, or no mapping.
    """
    if data.startswith(b"---"):
        return _read(data, 1)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        _broken("not-utf8", "is UTF-16 text", "Save it as UTF-8.")
    rest = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _read(rest, 1 + data[: len(data) - len(rest)].count(b"\n"))


def is_toml(data: bytes) -> bool:
    """Whether a file opens with front matter in TOML, which is not read."""
    return bool(_TOML_FENCE.match(data))


def _read(data: bytes, above: int) -> Header | None:
    """The same for text that opens with the fence; `above` are the lines of the file up to the fence."""
    if not data.startswith(b"---"):
        return None
    try:
        text = _decoded(data)
        if not _FENCE.match(text):
            return None
        handler = _Handler()
        header, body = handler.split(text)
        mapping = simple_yaml.load(header) if len(header) <= MAX_HEADER else None
        if mapping is not None:
            return Header(mapping, body.strip(), header, above)
        mapping, body = frontmatter.parse(text, handler=handler)
    except BrokenArticle as error:
        line = error.problem.line
        raise BrokenArticle(replace(error.problem, line=line and line + above - 1)) from error
    return Header(mapping, body, handler.header, above, handler.doubled)


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
    doubled: tuple[str, ...] = ()

    def split(self, text: str) -> tuple[str, str]:
        opening = text.find("\n") + 1 or len(text)
        # A search for plain text is ten times as quick, and nearly always enough.
        closing = _CLOSING.match(text, text.find("\n---", opening - 1)) or _CLOSING.search(text, opening - 1)
        if closing is None:
            _broken("no-closing-fence", "front matter has no closing fence", "End it with a line of three dashes.", 1)
        self.header = text[opening : closing.start() + 1]
        return self.header, text[closing.end() :]

    def load(self, fm: str, **kwargs: object) -> Mapping:
        _bound(fm)
        mapping, self.doubled = load_twice_named(fm)
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
    if ("<<" in text or "merge" in text) and text.count("*") > _MAX_MERGED_ALIASES:
        _broken("header-too-deep", "front matter merges too many aliases", "Write the values out.", 2)


def load(text: str) -> object:
    """The YAML of a header by PyYAML. Raises BrokenArticle with the line in the file (the fence is line 1)."""
    return load_twice_named(text)[0]


def load_twice_named(text: str) -> tuple[object, tuple[str, ...]]:
    """The same, and the top-level keys that occur more than once, of which YAML takes the last in silence."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data(), loader.doubled
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        # What the parser misses are words of its own; other errors quote the text, which may be secret.
        missed = isinstance(error, yaml.parser.ParserError | yaml.scanner.ScannerError)
        what = f"YAML: {error.problem}" if missed else "YAML that cannot be read"
        line = error.problem_mark.line + 2 if error.problem_mark else None
        if missed and error.problem_mark and _is_tab(text, error.problem_mark):
            _broken("yaml", "YAML: a tab, where there may be spaces only", "Write spaces instead of the tab.", line)
        _broken("yaml", what, "Mend it; quote text that holds special characters.", line)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _broken("yaml", "YAML that cannot be read", "Mend it; quote text that holds special characters.", 2)


def _is_tab(text: str, mark: Any) -> bool:
    """Whether a tab is what stands where the parser stopped, or indents that line."""
    line = "".join(text.split("\n")[mark.line : mark.line + 1])  # none if YAML counts other signs as ends of lines
    return "\t" in (line[mark.column : mark.column + 1], *line[: len(line) - len(line.lstrip())])


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, but scalars stay as the author wrote them, and doubled keys are noted."""

    doubled: tuple[str, ...] = ()

    def construct_document(self, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            self.doubled = tuple(name for name, times in names.items() if times > 1)
        return super().construct_document(node)


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
        | (?:deleted|removed|draft)["']?[ \t]*:(?![ \t]*(?:["']?(?:false|no|off|0)\b|(?:null|~)?[ \t]*(?:\#.*)?$))
    )""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)


def says_withdrawn(data: bytes) -> bool:
    """Whether the text of a file that cannot be parsed still says that it is not to be seen.

    A line `published:` with any other value than a plain true says so, as does `deleted:`, `removed:` or `draft:` with
    any other than false, wherever it stands: in a broken file nobody knows where the front matter ends.
    """
    return _withdrawal(data)[1] is not None


def withdrawn_at(data: bytes) -> tuple[str, int] | None:
    """The first key by which it says so, and its line, counted from 1."""
    text, found = _withdrawal(data)
    if found is None:
        return None
    key = re.sub(rb"[^a-z]", b"", found[0].partition(b":")[0].lower()).decode()
    return key, text.count(b"\n", 0, found.start()) + 1


def _withdrawal(data: bytes) -> tuple[bytes, re.Match[bytes] | None]:
    """The text with plain line ends, and where it says that it is not to be seen."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode()
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf")
    return text, _SAYS_WITHDRAWN.search(text)


def _broken(kind: str, what: str, remedy: str, line: int | None = None) -> NoReturn:
    raise BrokenArticle(Problem(kind, what, remedy, line=line))

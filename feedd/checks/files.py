"""Files: what the names of files tell, whatever is in them.

In: the content directory, and the paths of what may be articles. Out: names that no two files should have, and files
that look like articles though no pattern takes them. Of the latter only the beginning is read, and only where their
name ends like that of a text.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize

from feedd.config import Config
from feedd.content.source import Tree, pattern, shown
from feedd.errors import Problem

_ENDS = ("md", "markdown", "mdown", "mkdn", "mkd", "mdwn", "mdtxt", "mdx", "txt", "text", "html", "htm")
_SUFFIXES = {"", *(f".{end}" for end in _ENDS)}
_HEAD = 4096
_FENCE = re.compile(rb"(?:\xef\xbb\xbf)?\s*---[ \t]*\r?\n")
_KEYS = re.compile(rb"^(title|published|publishedDateTime|publishDate|date)[ \t]*:", re.MULTILINE)


def twins(paths: Iterable[str]) -> Iterator[Problem]:
    """Files whose names differ in capitals alone, or in how accents are written: where file systems do not tell them
    apart (macOS, Windows), a checkout has only one of them.
    """
    known: dict[str, str] = {}
    for path in sorted(paths):
        first = known.setdefault(_folded(path), path)
        if first is not path:
            same = normalize("NFC", first) == normalize("NFC", path)
            how = "in the way accents are written" if same else "in capitals alone"
            what = f"differs from {first} {how}; on some systems only one of them can be"
            yield Problem("twin-names", what, "Rename one of them.", path, severity="warning")


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else normalize("NFC", path.casefold())


def folders(tree: Tree) -> Iterator[str]:
    """The folders that content may lie in, from the directory itself (empty) on, each with a slash at its end."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        yield folder
        with suppress(OSError), os.scandir(f"{tree.root}/{folder}") as items:
            for item in items:
                path = folder + item.name
                if item.name[0] != "." and item.is_dir(follow_symlinks=False) and not tree.skips(path):
                    waiting.append(f"{path}/")


def strays(config: Config, tree: Tree) -> list[str]:
    """The files beside content that no pattern takes, but whose names end like those of texts."""
    taken = pattern([*config.content.include, *config.content.exclude])
    found: list[str] = []
    for folder in folders(tree):
        with suppress(OSError), os.scandir(f"{tree.root}/{folder}") as items:
            names = [item.name for item in items if item.name[0] != "." and not item.is_dir(follow_symlinks=False)]
            found += [folder + name for name in names if _is_text(name) and not taken.match(folder + name)]
    return found


def _is_text(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in _SUFFIXES  # noqa: PTH122 - of every file there is


def lookalikes(tree: Tree, paths: Iterable[str]) -> Iterator[Problem]:
    """Those of some files that open as articles do, one problem for all that end alike."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        if _is_text(path) and _opens_as_article(Path(tree.root, path)):
            alike[Path(path).suffix].append(path)
    for suffix, found in alike.items():
        first, count = shown(found[0]), len(found)
        others = f", as do {count - 1} more that end in {suffix or 'nothing'}" if count > 1 else ""
        what = f"looks like an article, but no pattern of content.include takes it{others}"
        remedy = f'Add "**/*{suffix}" to content.include, or rename it.' if suffix else "Rename it so that one does."
        yield Problem("not-included", what, remedy, first, severity="warning")


def _opens_as_article(path: Path) -> bool:
    """Whether a file opens with front matter that has a title and tells of publication."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = os.read(handle, _HEAD)
        finally:
            os.close(handle)
        fence = _FENCE.match(data)
        keys = set(_KEYS.findall(data, fence.end())) if fence else set()
        return b"title" in keys and len(keys) > 1
    return False

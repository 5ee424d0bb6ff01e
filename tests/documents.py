"""Documents: what a Markdown file of the project shows, as values, and its commands as if typed in a checkout.

In: `README.md` and its like. Out: their fenced blocks, tables, links and pictures, for the tests that hold them to the
truth. Does not know which of them there are, nor what they promise.
"""

import contextlib
import re
import shlex
import struct
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result
from lxml import etree

from feedd.cli import main
from feedd.testing import Site

ROOT = Path(__file__).parent.parent
FEEDD = ".venv/bin/feedd"
DAEMON = ("run", "serve")
"""Commands that go on until they are stopped."""
ASKING = ("status", "reload", "approve")
"""Commands that ask `feedd run`."""


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


class Picture(NamedTuple):
    """An `<img>`: the file, and the size that it is said to have."""

    source: str
    width: int
    height: int
    alt: str


class Document:
    """A Markdown file below the root of the checkout."""

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.text = self.path.read_text(encoding="utf-8")
        found = re.findall(r"^```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self.blocks = [Block(*one) for one in found]

    def of(self, language: str) -> list[str]:
        """The texts of the blocks in a language."""
        return [block.text for block in self.blocks if block.language == language]

    @property
    def lines(self) -> list[str]:
        """Everything that is to be typed, a command a line; comments are not."""
        return [line for text in self.of("sh") for line in text.splitlines() if line and not line.startswith("#")]

    def commands(self, *names: str) -> list[str]:
        """The lines that are one of these commands of feedd."""
        return [line for line in self.lines if line.startswith(f"{FEEDD} ") and line.split()[1] in names]

    @property
    def examples(self) -> list[str]:
        """The commands of feedd that end by themselves and need no daemon."""
        feedd = [line for line in self.lines if line.startswith(f"{FEEDD} ")]
        return [line for line in feedd if line.split()[1] not in (*DAEMON, *ASKING)]

    def table(self, head: str) -> list[list[str]]:
        """The rows of the table whose first column is called so."""
        _, _, after = self.text.partition(f"\n| {head} |")
        rows = after.partition("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]

    @property
    def links(self) -> list[str]:
        """Where its links lead, but for addresses."""
        return [link for link in re.findall(r"\]\(([^)]+)\)", self.text) if "://" not in link]

    @property
    def pictures(self) -> list[Picture]:
        """Its pictures."""
        found = re.findall(r'<img src="([^"]+)" width="(\d+)" height="(\d+)" alt="([^"]+)">', self.text)
        return [Picture(source, int(width), int(height), alt) for source, width, height, alt in found]

    def missing(self) -> list[str]:
        """Links, of this file and within it, that lead nowhere."""
        return [link for link in self.links if not self._leads(link)]

    def _leads(self, link: str) -> bool:
        path, _, anchor = link.partition("#")
        target = self.path.parent / path if path else self.path
        return target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to the headings of a Markdown file."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parts(command: str) -> list[str]:
    """The commands that a line consists of."""
    return re.split(r" && |; ", command)


def run(command: str, checkout: Path) -> Result:
    """A line `.venv/bin/feedd …` as if typed in the checkout."""
    program, *arguments = shlex.split(command)
    assert program == FEEDD
    with contextlib.chdir(checkout):
        return CliRunner().invoke(main, arguments, env={"FEEDD_CONFIG": None}, catch_exceptions=False)


def demo(checkout: Path, port: int | None = None) -> Site:
    """A copy of the demo in what stands for a checkout. It is served at another port, or not at all: its own may be in
    use here.
    """
    site = Site.copied(ROOT / "config" / "demo", checkout / "config" / "demo")
    settings = site.file.read_text(encoding="utf-8")
    if port:
        settings = settings.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    else:
        settings = settings.replace('listen = "127.0.0.1:8000"', 'listen = ""')
    site.file.write_text(settings, encoding="utf-8")
    return site


def without_seconds(text: str) -> str:
    """What a command says, whatever it took."""
    return re.sub(r"\d+\.\d\d s\n", "… s\n", text)


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a picture, PNG or SVG, in pixels."""
    if picture.startswith(b"\x89PNG\r\n"):
        width, height = struct.unpack(">II", picture[16:24])
        return width, height
    _, _, width, height = etree.fromstring(picture).get("viewBox", "").split()
    return int(width), int(height)

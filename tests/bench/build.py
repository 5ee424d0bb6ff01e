"""How long `feedd build` takes and how much memory, over a corpus of articles.

    python tests/bench/build.py --corpus DIR [--vs 'COMMAND'] [--runs 5] [--formats atom,rss,json] [--everything]

It is a program, not a test: nothing passes or fails, and pytest does not collect it. It needs nothing but the standard
library and the `feedd` of the environment whose Python runs it. DIR holds Markdown articles at any depth; it is copied
into a temporary directory, where everything else happens too, and is not touched. Nothing uses the network.

What is measured, each time a process from its start to its end:

- *cold*: no state, no output.
- *vs*: the command that is given, directly after the cold build, so that both meet the same noise.
- *unchanged*: the same build again, with nothing changed.
- *one edit*: the same again, after the newest published article got another title, which must then be in the feeds.
- *memory*, in runs of their own, since looking takes time: the largest sum over a process and all its descendants of
  their proportional set sizes (pages that several share count once), looked at every 20 ms; and the largest resident
  set of any one of them, as the kernel knows it.

Ratios are of times within one round, so that a machine that is slow for a while does not tell against one side. The
smallest time is the one least disturbed; how far the largest is from it tells how noisy the machine was.

Archives, pages and the list of feeds are off, since a site to compare with has none: feeds alone are measured. With
`--everything` they are on, as they are by default.

An editable install adds to every process what its finder takes to look for a package (10 to 50 ms, depending on what
else is in that environment), which no other does: what is printed begins with which of both this one is.

What feedd is to achieve with 20,000 articles on two cores: cold at most half the time of Hugo 0.111 for the same site
(articles, topics, providers; RSS and Atom), unchanged at most a twentieth of cold, memory at most 250 MiB.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from statistics import median

CONFIGURATION = """\
[site]
title = "Benchmark"
url = "https://bench.example/"
feeds_url = "https://bench.example/feeds/"
[content]
path = "content"
[output]
path = "feeds"
formats = [{formats}]
archives = {archives}
[state]
path = "state"
"""

FEEDS_ALONE = """\
[pages]
enabled = false
"""

LOOK_EVERY_S = 0.02
MIB = 1 << 20


@dataclass(frozen=True)
class Run:
    """One process, with its descendants: seconds on the wall, seconds of processors, bytes of the largest of them."""

    wall: float
    cpu: float
    largest: int


class Failed(Exception):
    """A command did not do what it should."""


def run(command: Sequence[str], at_most: int = 0) -> Run:
    """Run a command that may exit with codes up to `at_most`."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if not 0 <= process.returncode <= at_most:
            said.seek(0)
            raise Failed(f"{shlex.join(command)}: exit code {process.returncode}\n{said.read().decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def peak(command: Sequence[str]) -> int:
    """The largest sum of proportional set sizes of a command and its descendants, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(proportional_size, family(process.pid))))
        time.sleep(LOOK_EVERY_S)
    return most


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def proportional_size(pid: int) -> int:
    """The memory of a process in bytes, its part of what it shares; 0 for one that has ended."""
    try:
        found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


class Site:
    """A copy of the corpus with a configuration, in a folder of its own."""

    def __init__(self, folder: Path, corpus: Path, formats: Sequence[str], everything: bool) -> None:
        self.folder = folder
        shutil.copytree(corpus, folder / "content", copy_function=shutil.copyfile)
        quoted = ", ".join(f'"{name}"' for name in formats)
        settings = CONFIGURATION.format(formats=quoted, archives=str(everything).lower())
        (folder / "feedd.toml").write_text(settings + ("" if everything else FEEDS_ALONE))
        self.command = [str(feedd()), "build", "--config", str(folder / "feedd.toml")]
        self.articles = sorted((folder / "content").rglob("*.md"), key=lambda path: path.name)
        self.newest = next(path for path in reversed(self.articles) if "\npublished: true\n" in path.read_text())
        self.edits = self.cleared = 0

    def clear(self) -> None:
        """Let the next build be a cold one. What is there is moved away, not removed: ext4 is slow at creating files
        just after many were removed, which no first build has to do. A command to compare with should do likewise.
        """
        for name in ("state", "feeds"):
            if (self.folder / name).exists():
                self.cleared += 1
                (self.folder / name).rename(self.folder / f"{name}-{self.cleared}")

    def build(self) -> Run:
        """A build; problems in the content (exit code 1) do not matter here."""
        return run(self.command, at_most=1)

    def edit(self) -> str:
        """Give an article another title; that title."""
        self.edits += 1
        title = f"Edited for the {self.edits}. time"
        text = self.newest.read_text()
        self.newest.write_text(re.sub(r"^title: .*$", f'title: "{title}"', text, count=1, flags=re.MULTILINE))
        return title

    def documents(self) -> list[Path]:
        """All that was published."""
        return [path for path in (self.folder / "feeds").rglob("*") if path.is_file()]


def feedd() -> Path:
    """The command of the environment that runs this program."""
    beside = Path(sys.executable).with_name("feedd")
    found = beside if beside.exists() else shutil.which("feedd")
    if not found:
        raise Failed("there is no feedd in this environment")
    return Path(found)


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder:
        site = Site(Path(folder), arguments.corpus, arguments.formats.split(","), arguments.everything)
        versus = shlex.split(arguments.vs)
        print(f"{len(site.articles)} articles, {arguments.runs} rounds, {os.cpu_count()} processors, load {load()}")
        print(f"{'all there is' if arguments.everything else 'feeds alone'}; {installed()}")
        rounds = [one_round(site, versus) for _ in range(arguments.runs)]
        print(f"{len(site.documents())} documents; load at the end {load()}\n")
        show(rounds)
        show_memory(site, versus)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="a directory of articles")
    parser.add_argument("--vs", default="", metavar="COMMAND", help="what to compare cold builds with")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds (default: 5)")
    parser.add_argument("--formats", default="atom,rss,json", metavar="LIST", help="default: atom,rss,json")
    parser.add_argument("--everything", action="store_true", help="with archives, pages and the list of feeds")
    return parser.parse_args()


def installed() -> str:
    """How feedd got into the environment that runs this program."""
    told = distribution("feedd").read_text("direct_url.json") or "{}"
    return "editable install" if json.loads(told).get("dir_info", {}).get("editable") else "normal install"


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def one_round(site: Site, versus: Sequence[str]) -> dict[str, Run]:
    """Each kind of run once."""
    site.clear()
    made = {"cold": site.build()}
    if versus:
        made["vs"] = run(versus)
    made["unchanged"] = site.build()
    title = site.edit()
    made["one edit"] = site.build()
    if not any(title in path.read_text() for path in site.documents()):
        raise Failed("the edited title is in no document")
    return made


def show(rounds: Sequence[dict[str, Run]]) -> None:
    print(f"{'':22}{'min':>9}{'median':>9}{'max':>9}   processors, median")
    for kind in rounds[0]:
        cpu = median(one[kind].cpu for one in rounds)
        print(f"{kind + ', s':22}{spread([one[kind].wall for one in rounds])}   {cpu:.2f} s")
    pairs = [("cold", "vs"), ("unchanged", "cold"), ("one edit", "cold")]
    for part, whole in pairs:
        if whole in rounds[0]:
            ratios = [one[part].wall / one[whole].wall for one in rounds]
            print(f"{f'{part} / {whole}':22}{spread(ratios)}")


def spread(values: Sequence[float]) -> str:
    return "".join(f"{value:9.3f}" for value in (min(values), median(values), max(values)))


def show_memory(site: Site, versus: Sequence[str]) -> None:
    print(f"\n{'memory, MiB':22}{'all':>9}{'largest':>9}")
    site.clear()
    kinds: list[tuple[str, Sequence[str], Callable[[], None]]]
    kinds = [("cold", site.command, site.clear), ("unchanged", site.command, lambda: None)]
    if versus:
        kinds.append(("vs", versus, lambda: None))
    for kind, command, prepare in kinds:
        most = peak(command)
        prepare()
        print(f"{kind:22}{most / MIB:9.0f}{run(command, at_most=1).largest / MIB:9.0f}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))

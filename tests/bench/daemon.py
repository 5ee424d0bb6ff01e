"""How prompt `feedd run` is, what it takes while nothing happens, and how it stands a burst, over corpora of articles.

    python tests/bench/daemon.py prompt --corpus DIR [--corpus DIR …] [--quiet 50ms] [--flips 100]
    python tests/bench/daemon.py idle --corpus DIR [--seconds 60]
    python tests/bench/daemon.py burst --corpus DIR

It is a program, not a test: nothing passes or fails, and pytest does not collect it. DIR holds Markdown articles at any
depth; it is copied into a temporary directory and is not touched. Nothing uses the network.

- *prompt*: an article's `published` is flipped by an atomic save, again and again, each time of another article. What
  is measured is the time from the rename to the moment at which a document of one of its topics has other bytes, as
  inotify tells of it. With several corpora, the ratios of their medians are of one program's run.
- *idle*: processor time and memory of the daemon and all its threads while nothing changes, some seconds after it was
  ready.
- *burst*: a daemon with an empty content directory gets all articles at once, by as many renames; what is measured is
  the time until its documents are those of a `feedd build` of the same, which is timed as well.

What feedd is to achieve on two cores: prompt within quiet time + 20 ms at 5,000 articles, and within 1.5 times of that
at 100,000; idle at 100,000 with less than 0.5 % of one core and 150 MiB; a burst of 10,000 within twice a cold build.
"""

import argparse
import ctypes
import os
import random
import re
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from build import MIB, Failed, feedd, proportional_size, run

from feedd.testing import Service

CONFIGURATION = """\
[site]
title = "Benchmark"
url = "https://bench.example/"
feeds_url = "https://bench.example/feeds/"
[output]
formats = [{formats}]
[watch]
quiet = "{quiet}"
[guard]
count = 1000000
"""
_MOVED_TO = 0x80  # <sys/inotify.h>


class Site:
    """A configuration in a folder of its own, with a copy of a corpus, or with nothing where there is none."""

    def __init__(self, folder: Path, corpus: Path | None, quiet: str = "50ms", formats: str = "atom,rss,json") -> None:
        self.folder, self.content, self.feeds = folder, folder / "content", folder / "feeds"
        self.file = folder / "feedd.toml"
        if corpus:
            shutil.copytree(corpus, self.content, copy_function=shutil.copyfile)
        else:
            self.content.mkdir(parents=True)
        quoted = ", ".join(f'"{name}"' for name in formats.split(","))
        self.file.write_text(CONFIGURATION.format(formats=quoted, quiet=quiet))

    def documents(self) -> dict[str, bytes]:
        found = (path for path in self.feeds.rglob("*.*") if path.name[0] != ".")
        return {str(path.relative_to(self.feeds)): path.read_bytes() for path in found}


class Eye:
    """Sees files being renamed into a folder: the kernel says so, so that looking takes no time of its own."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.handle = libc.inotify_init1(os.O_CLOEXEC)
        libc.inotify_add_watch(self.handle, os.fsencode(folder), _MOVED_TO)

    def wait_for(self, name: str, timeout: float) -> float:
        """The moment at which a file got that name. Raises Failed."""
        end = time.monotonic() + timeout
        while select.select([self.handle], [], [], max(0, end - time.monotonic()))[0]:
            if name.encode() in os.read(self.handle, 1 << 20):
                return time.monotonic()
        raise Failed(f"{name} has not changed within {timeout} s")


@contextmanager
def service(site: Site) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder, Service(site.file, Path(folder)) as running:
        started = time.monotonic()
        print(f"ready after {running.wait_for('READY=1', 600) - started:.2f} s", flush=True)
        yield running


def prompt(corpora: Sequence[Path], quiet: str, flips: int) -> None:
    medians = []
    for corpus in corpora:
        with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder:
            site = Site(Path(folder), corpus, quiet)
            with service(site):
                times = sorted(flipped(site, flips))
        medians.append(median(times))
        parts = [times[0], *(times[int(len(times) * part)] for part in (0.25, 0.5, 0.75, 0.95)), times[-1]]
        print(f"{corpus}, quiet {quiet}, {flips} flips: min, quartiles, 95 %, max in ms")
        print("".join(f"{part * 1000:9.1f}" for part in parts), flush=True)
    if len(medians) > 1:
        print("ratio of medians to the first:", *(f"{one / medians[0]:.2f}" for one in medians[1:]))


def flipped(site: Site, flips: int) -> Iterator[float]:
    """Seconds from each save to the new document of a topic."""
    newest: dict[str, Path] = {}
    for path in sorted(site.content.rglob("*.md")):
        text = path.read_text()
        if re.search(r"^published: true$", text, re.MULTILINE) and (topic := first_topic(text)):
            newest[topic] = max(path, newest.get(topic, path), key=lambda one: dated(one.read_text()))
    eye, chance = Eye(site.feeds / "topics"), random.Random(1)
    topics = sorted(newest)
    time.sleep(8)  # until the daemon is at rest
    for number in range(flips):
        topic = topics[number // 2 % len(topics)]
        path = newest[topic]
        text = path.read_text()
        to = "false" if re.search(r"^published: true$", text, re.MULTILINE) else "true"
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_text(re.sub(r"^published: .*$", f"published: {to}", text, count=1, flags=re.MULTILINE))
        start = time.monotonic()
        beside.rename(path)
        yield eye.wait_for(f"{topic}.atom", 30) - start
        time.sleep(0.2 + chance.random() / 5)


def first_topic(text: str) -> str:
    found = re.search(r"^topics:\n +- (.+)$", text, re.MULTILINE)
    return "-".join(re.findall(r"\w+", found[1].lower())) if found else ""


def dated(text: str) -> str:
    found = re.search(r"^publishedDateTime: (.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def idle(corpus: Path, seconds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder:
        site = Site(Path(folder), corpus)
        with service(site) as running:
            pid = running.process.pid
            time.sleep(15)
            before, start = processor_time(pid), time.monotonic()
            time.sleep(seconds)
            used, span = processor_time(pid) - before, time.monotonic() - start
            print(f"{used:.2f} s of processor in {span:.0f} s: {100 * used / span:.3f} % of one core")
            status = Path(f"/proc/{pid}/status").read_text()
            resident = int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0]) * 1024
            print(f"resident {resident / MIB:.0f} MiB, proportional {proportional_size(pid) / MIB:.0f} MiB")


def processor_time(pid: int) -> float:
    """Seconds that a process and the children that it waited for have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def burst(corpus: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder:
        cold = Site(Path(folder) / "cold", corpus)
        build = run([str(feedd()), "build", "--config", str(cold.file)], at_most=1).wall
        expected = cold.documents()
        site, store = Site(Path(folder) / "site", None), Path(folder) / "store"
        shutil.copytree(corpus, store, copy_function=shutil.copyfile)
        with service(site):
            start = time.monotonic()
            moved = throw(store, site.content)
            thrown = time.monotonic()
            while site.documents() != expected:
                if time.monotonic() > thrown + 10 * build + 30:
                    raise Failed("the documents never became those of a build")
                time.sleep(0.1)
            taken = time.monotonic() - start
        print(f"{moved} files in {thrown - start:.2f} s; feeds right after {taken:.2f} s")
        print(f"cold build {build:.2f} s; ratio {taken / build:.2f}")


def throw(store: Path, content: Path) -> int:
    """Move every file of one directory to the same place in another; how many there were."""
    files = [path for path in store.rglob("*") if path.is_file()]
    for folder in [path for path in store.rglob("*") if path.is_dir()]:
        (content / folder.relative_to(store)).mkdir(parents=True, exist_ok=True)
    for path in files:
        path.rename(content / path.relative_to(store))
    return len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prompt", "idle", "burst"])
    parser.add_argument("--corpus", type=Path, required=True, action="append", metavar="DIR")
    parser.add_argument("--quiet", default="50ms", metavar="SPAN")
    parser.add_argument("--flips", type=int, default=100, metavar="N")
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    if arguments.what == "prompt":
        prompt(arguments.corpus, arguments.quiet, arguments.flips)
    for corpus in arguments.corpus if arguments.what != "prompt" else ():
        idle(corpus, arguments.seconds) if arguments.what == "idle" else burst(corpus)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))

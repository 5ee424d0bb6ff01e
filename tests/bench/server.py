"""How fast `feedd run` answers over HTTP, beside nginx, and whether readers, however many or slow, delay publications.

    python tests/bench/server.py rate --corpus DIR [--seconds 5] [--rounds 5]
    python tests/bench/server.py load --corpus DIR [--flips 60]
    python tests/bench/server.py crowd --corpus DIR [--flips 60] [--idle 10000] [--slow 200]

It is a program, not a test: nothing passes or fails, and pytest does not collect it. DIR holds Markdown articles at any
depth; it is copied into a temporary directory and is not touched. It needs nginx and wrk, and uses loopback only.

- *rate*: wrk asks on a condition for one feed that has not changed (304), in turns of feedd and of nginx with the same
  file; medians and their ratio. nginx runs with one worker, and with one for each processor, as Debian has it.
- *load*: how long it takes from a change of an article to a new document, as in `daemon.py prompt`: first with nobody
  asking, then while wrk asks as above.
- *crowd*: the same, first alone, then with idle connections that have had an answer, and with clients that take theirs
  a few bytes at a time. Meanwhile another reader gets a feed ten times a second: how long that takes, and whether it
  ever fails. Proportional memory of the daemon and of the process that serves, before and meanwhile.

What feedd is to achieve on two cores: 0.15 × nginx's rate; publications within twice the time that they take alone.
"""

import argparse
import http.client
import multiprocessing
import os
import re
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from build import MIB, Failed, proportional_size
from daemon import Site, flipped, service

from feedd.testing import Service

FEED, STILL = "/all.atom", "/still.txt"  # the latter is a copy that does not change
CONNECTIONS = 32  # of wrk
NGINX = """\
daemon off; worker_processes {workers}; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    types {{ application/atom+xml atom; }}
    server {{
        listen 127.0.0.1:{port};
        root {root};
        add_header Cache-Control "public, max-age=300";
        add_header X-Content-Type-Options nosniff;
        add_header Access-Control-Allow-Origin *;
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(corpus: Path) -> Iterator[tuple[Site, Service, int]]:
    """A daemon that serves a corpus, and the port."""
    with tempfile.TemporaryDirectory(prefix="feedd-bench-") as folder:
        site, port = Site(Path(folder), corpus), free_port()
        with site.file.open("a") as file:
            file.write(f'[server]\nlisten = "127.0.0.1:{port}"\n')
        with service(site) as running:
            wait_for(port)
            yield site, running, port


def wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise Failed(f"nobody listens at {port}")


@contextmanager
def nginx(root: Path, workers: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="feedd-bench-nginx-") as folder:
        port, file = free_port(), Path(folder) / "nginx.conf"
        Path(folder).chmod(0o755)
        root.parent.chmod(0o755)  # workers are another user's
        file.write_text(NGINX.format(workers=workers, folder=folder, port=port, root=root))
        process = subprocess.Popen(["nginx", "-c", str(file)])
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def condition(port: int, path: str = FEED) -> str:
    """The tag of a file, which then is answered with 304. Raises Failed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    tag = answer.headers["ETag"]
    connection.request("GET", path, headers={"If-None-Match": tag})
    status = connection.getresponse().status
    connection.close()
    if status != 304:
        raise Failed(f"{status} instead of 304 at port {port}")
    return str(tag)


def wrk(port: int, tag: str, seconds: int, path: str = FEED) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"If-None-Match: {tag}"]
    return subprocess.Popen([*command, f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, text=True)


def rate_of(running: subprocess.Popen[str]) -> float:
    """Answers a second of a wrk that has ended. Raises Failed where any was an error."""
    said = running.communicate()[0]
    if "Non-2xx" in said or "Socket errors" in said:
        raise Failed(said)
    return float(re.findall(r"Requests/sec: +([\d.]+)", said)[0])


def rate(corpus: Path, seconds: int, rounds: int) -> None:
    with served(corpus) as (site, _, port), nginx(site.feeds, "1") as one, nginx(site.feeds, "auto") as auto:
        ports = {"feedd": port, "nginx, 1 worker": one, "nginx, auto": auto}
        tags = {name: condition(port) for name, port in ports.items()}
        rates: dict[str, list[float]] = {name: [] for name in ports}
        time.sleep(5)  # until the daemon is at rest
        for _ in range(rounds):
            for name in ports:
                rates[name].append(rate_of(wrk(ports[name], tags[name], seconds)))
        for name, found in rates.items():
            print(f"{name:16} {median(found):9.0f} conditional requests/s", *(f"{one:.0f}" for one in found))
        for name in list(rates)[1:]:
            print(f"feedd : {name}: {median(rates['feedd']) / median(rates[name]):.2f}")


def told(name: str, times: Sequence[float]) -> float:
    ordered = sorted(times)
    parts = [ordered[0], median(ordered), ordered[int(len(ordered) * 0.95)], ordered[-1]]
    print(f"{name:22} min, median, 95 %, max in ms:", *(f"{one * 1000:7.1f}" for one in parts), flush=True)
    return parts[1]


def load(corpus: Path, flips: int) -> None:
    with served(corpus) as (site, _, port):
        alone = told("alone", list(flipped(site, flips)))
        shutil.copyfile(site.feeds / FEED[1:], site.feeds / STILL[1:])
        running = wrk(port, condition(port, STILL), 30 + flips, STILL)
        try:
            loaded = told("while wrk asks", list(flipped(site, flips)))
        finally:
            running.send_signal(2)
        said = running.communicate()[0]
        print("\n".join(line.strip() for line in said.splitlines() if "requests in" in line or "Requests/sec" in line))
        print(f"ratio of medians: {loaded / alone:.2f}")


# A crowd


def stay(port: int, idle: int, slow: int, there: "multiprocessing.synchronize.Event") -> None:
    """Hold so many connections, for ever, in a process of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, idle + slow + 1000), hard))
    watch = selectors.DefaultSelector()
    for _ in range(idle):
        watch.register(ask(port, "HEAD"), selectors.EVENT_READ, "idle")
    dawdlers = [ask(port, "GET") for _ in range(slow)]
    there.set()
    while True:
        for key, _ in watch.select(0.25):
            one: socket.socket = key.fileobj  # type: ignore[assignment]
            if not received(one, 4096):  # the server has let it go: here is the next
                watch.unregister(one)
                one.close()
                watch.register(ask(port, "HEAD"), selectors.EVENT_READ, "idle")
        for index, one in enumerate(dawdlers):
            if not received(one, 512):
                one.close()
                dawdlers[index] = ask(port, "GET")


def ask(port: int, method: str) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", port))
    one.sendall(f"{method} {FEED} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    one.setblocking(False)
    return one


def received(one: socket.socket, size: int) -> bool:
    """Take some bytes, if any are there; whether the connection is still there."""
    try:
        return one.recv(size) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class Reader(threading.Thread):
    """Gets a feed ten times a second, each time by a connection of its own."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.times, self.failed, self.ends = port, list[float](), 0, threading.Event()

    def run(self) -> None:
        while not self.ends.wait(0.1):
            start = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", FEED)
                answer = connection.getresponse()
                self.failed += answer.status != 200 or len(answer.read()) != int(answer.headers["Content-Length"])
                connection.close()
            except OSError:
                self.failed += 1
            self.times.append(time.monotonic() - start)


def crowd(corpus: Path, flips: int, idle: int, slow: int) -> None:
    with served(corpus) as (site, running, port):
        daemon, server = running.process.pid, child_of(running.process.pid)
        print(f"the feed has {(site.feeds / FEED[1:]).stat().st_size} bytes")
        alone = told("alone", list(flipped(site, flips)))
        memory("alone", daemon, server)
        there = multiprocessing.Event()
        others = multiprocessing.Process(target=stay, args=(port, idle, slow, there), daemon=True)
        others.start()
        try:
            if not there.wait(60):
                raise Failed("they never got their connections")
            files = open_files(server)
            print(f"{idle} idle connections and {slow} slow readers; the server has {files} files open")
            reader = Reader(port)
            reader.start()
            crowded = told("in the crowd", list(flipped(site, flips)))
            reader.ends.set()
            reader.join()
            told("another reader's GET", reader.times)
            print(f"of {len(reader.times)} answers to it, {reader.failed} failed")
            files = open_files(server)
            print(f"then the server has {files} files open")
            memory("in the crowd", daemon, server)
        finally:
            others.kill()
        print(f"ratio of medians: {crowded / alone:.2f}")


def memory(name: str, daemon: int, server: int) -> None:
    sizes = [proportional_size(pid) / MIB for pid in (daemon, server)]
    print(f"{name:22} proportional memory: daemon {sizes[0]:.0f} MiB, server {sizes[1]:.0f} MiB", flush=True)


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def child_of(pid: int) -> int:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            if b"feedd.serve" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise Failed("the daemon has no process that serves")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "load", "crowd"])
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--flips", type=int, default=60, metavar="N")
    parser.add_argument("--seconds", type=int, default=5, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--idle", type=int, default=10_000, metavar="N")
    parser.add_argument("--slow", type=int, default=200, metavar="N")
    arguments = parser.parse_args()
    for program in ("nginx", "wrk"):
        if not shutil.which(program):
            raise Failed(f"{program} is not installed")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    if arguments.what == "rate":
        rate(arguments.corpus, arguments.seconds, arguments.rounds)
    elif arguments.what == "load":
        load(arguments.corpus, arguments.flips)
    else:
        crowd(arguments.corpus, arguments.flips, arguments.idle, arguments.slow)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))

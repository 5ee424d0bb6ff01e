"""How long feedd takes to start: `feedd --version` and `--help` beside `python -c pass`, in turns.

    python tests/bench/start.py [--rounds 41]

Prints medians and the ratios of each round. Nothing is measured alone: a machine's noise is in all of them alike. Ends
with 1 if `feedd --version` takes more than five times as long as `python -c pass`, by the median of the ratios.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

FEEDD = shutil.which("feedd", path=str(Path(sys.executable).parent)) or "feedd"
BASE, BOUNDED, MOST = "python -c pass", "feedd --version", 5.0
COMMANDS = {
    BASE: [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    BOUNDED: [FEEDD, "--version"],
    "feedd --help": [FEEDD, "--help"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="How long feedd takes to start.")
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    medians: dict[str, float] = {}
    for name, times in taken.items():
        ratios = [one / base for one, base in zip(times, taken[BASE], strict=True)]
        medians[name] = statistics.median(ratios)
        taken_for = f"{statistics.median(times) * 1000:6.1f} ms   × {medians[name]:.2f} of {BASE}"
        print(f"{name:16} {taken_for} ({min(ratios):.2f}-{max(ratios):.2f})")
    return int(medians[BOUNDED] > MOST)


if __name__ == "__main__":
    sys.exit(main())

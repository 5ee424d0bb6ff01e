"""How long feedd takes to start: `feedd --version` and `--help` beside `python -c pass`, in turns.

    python tests/bench/start.py [--rounds 41]

Prints medians and the ratios of each round. Nothing is measured alone: a machine's noise is in all three alike.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

FEEDD = shutil.which("feedd", path=str(Path(sys.executable).parent)) or "feedd"
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "feedd --version": [FEEDD, "--version"],
    "feedd --help": [FEEDD, "--help"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="How long feedd takes to start.")
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    for name, times in taken.items():
        ratios = [one / base for one, base in zip(times, taken["python -c pass"], strict=True)]
        print(
            f"{name:16} {statistics.median(times) * 1000:6.1f} ms   × {statistics.median(ratios):.2f} of python -c pass"
            f" ({min(ratios):.2f}-{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()

"""Run the benchmarks, each in a process of its own.

    python -m benchmarks [NAME ...] [--json FOLDER] [any option of the named ones]

All of them by default, in the order below. `python -m benchmarks.report FOLDER` makes the plots and
the tables of docs/performance.md from what they leave in FOLDER.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

NAMES = (
    "throughput",
    "live",
    "first_token",
    "handlers",
    "switches",
    "tools",
    "memory",
    "control",
    "cold",
    "concurrency",
    "targets",
    "cancel",
    "faults",
    "stages",
    "policies",
    "tracks",
    "structured",
    "gui",
    "terminal",
)
_BRIEFLY = {"cancel": ["--rounds", "10"]}  # of a full run: by itself it takes 200


def main(arguments: list[str]) -> int:
    named = list(itertools.takewhile(lambda each: not each.startswith("-"), arguments))
    options, failed = arguments[len(named) :], []
    names = named or NAMES
    for number, name in enumerate(names, 1):
        print(f"\n== {name} ({number} of {len(names)}) ==", flush=True)
        begun = time.monotonic()
        more = [] if named else _BRIEFLY.get(name, [])
        command = [sys.executable, "-m", f"benchmarks.{name}", *more, *options]
        if subprocess.run(command, check=False, cwd=Path(__file__).parents[1]).returncode:
            failed.append(name)
        print(f"-- {name}: {time.monotonic() - begun:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run the benchmarks: `python -m benchmarks [cancel ...]`, all of them by default."""

from __future__ import annotations

import importlib
import sys

NAMES = ("cancel", "throughput", "faults", "stages", "policies")

for name in sys.argv[1:] or NAMES:
    print(f"\n== {name} ==", flush=True)
    importlib.import_module(f"benchmarks.{name}").main()

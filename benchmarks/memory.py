"""What a stream of 200,000 tokens holds beyond its text, and what its tokens cost against those of 20,000.

    python -m benchmarks.memory [--tokens 200000] [--rounds 7]

The handler keeps nothing; the text is what the handlers were given, in bytes, counted once. With and
without history (`keep_history`). Judged is the peak that tracemalloc sees, which counts every object
of Python; beside it stands how far resident memory grew at its peak, in a new process each time,
the text left in. Costs are CPU.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from api_models import StreamHandler

from .clients import manager_for
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .server import served

_HISTORY = {"history kept": True, "history not kept": False}
_LIMITS = {"history kept": (2.0, 1.0), "history not kept": (0.5, 0.1)}
_WARM = 2000  # tokens before memory is looked at
_ROOT = Path(__file__).parents[1]


class Weigh(StreamHandler):
    """Counts the tokens and the bytes of their text."""

    def __init__(self) -> None:
        self.tokens = self.bytes = 0

    def on_token_received(self, token: str, index: int) -> None:
        self.tokens += 1
        self.bytes += len(token)


def answers(root: str, keep: bool) -> Callable[[int], Weigh]:
    """What runs a whole answer of so many tokens."""
    managers = {}

    def answer(tokens: int) -> Weigh:
        if tokens not in managers:
            managers[tokens] = manager_for(f"{root}/all-{tokens}", "lab", kind="openai_compatible")
        weigh = Weigh()
        ask = managers[tokens].generate_stream_with_handlers
        ask("hi", "lab:m", None, [weigh], {"keep_history": keep}).wait()
        if weigh.tokens != tokens:
            raise RuntimeError(f"{weigh.tokens} of {tokens} tokens came")
        return weigh

    return answer


def traced(answer: Callable[[int], Weigh], tokens: int) -> float:
    """The peak of what Python objects take beyond the text; MB."""
    answer(_WARM)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    text = answer(tokens).bytes
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (peak - before - text) / 1e6


def status(name: str) -> float:
    """MB of a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def grown(answer: Callable[[int], Weigh], tokens: int) -> float:
    """How far resident memory grew at its peak; MB."""
    answer(_WARM)
    gc.collect()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    answer(tokens)
    return status("VmHWM") - before


def grown_in_process(root: str, keep: bool, tokens: int) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", "--grow", root, str(int(keep)), str(tokens)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=_ROOT)
    return float(done.stdout)


def cost(answer: Callable[[int], Weigh], tokens: int, times: int) -> float:
    """Microseconds of CPU a token."""
    answer(_WARM)
    begun = time.process_time()
    for _ in range(times):
        answer(tokens)
    return (time.process_time() - begun) / tokens / times * 1e6


def measured(root: str, name: str, tokens: int, rounds: int) -> dict[str, list[float]]:
    answer, short = answers(root, _HISTORY[name]), tokens // 10
    works = {
        "traced": partial(traced, answer, tokens),
        "resident": partial(grown_in_process, root, _HISTORY[name], tokens),
        "long": partial(cost, answer, tokens, 1),
        "short": partial(cost, answer, short, 10),
    }
    return interleaved(rounds, works, warm_up=False)  # each work warms up by itself


def goals_of(name: str, tokens: int, found: dict[str, list[float]]) -> list[Goal]:
    peak = statistics.median(found["traced"])
    costs = [f"{statistics.median(found[each]):.2f} us" for each in ("long", "short")]
    title = f"{tokens:,} tokens, {name}"
    return [
        Goal(f"{title}: memory beyond the text", peak, "MB", *_LIMITS[name], f"{peak:.2f} MB"),
        Goal(
            f"{title}: a token x one of {tokens // 10:,}",
            ratio(found["long"], found["short"]), "x", 1.2, 1.05, *costs,
        ),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--tokens", type=int, default=200_000)
    options.add_argument("--grow", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.grow:
        root, keep, tokens = given.grow
        print(grown(answers(root, bool(int(keep))), int(tokens)))
        return
    findings = Findings("memory", "A long stream")
    with served() as root:
        found = {name: measured(root, name, given.tokens, given.rounds) for name in _HISTORY}
    for title, what, unit in (
        ("Peak beyond the text (tracemalloc)", "traced", "MB"),
        ("Growth of resident memory at its peak, text and all", "resident", "MB"),
        ("CPU a token", "long", "us"),
    ):
        bars = [Bar.of(name, "ours", figures[what]) for name, figures in found.items()]
        findings.charts.append(Chart(f"{title}, {given.tokens:,} tokens", unit, bars))
    for name, figures in found.items():
        findings.goals += goals_of(name, given.tokens, figures)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

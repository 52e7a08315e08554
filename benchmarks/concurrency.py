"""Many live streams at once: 500 at 20 tokens a second, 2,000 at 5, on threads.

    python -m benchmarks.concurrency [--window 2] [--rounds 7]

Ours against raw sockets, each in a thread of its own. Every run is a new process, so that memory is
its own; the server is another. When all streams run, one window is looked at: CPU of all threads as
a share of one core, how late tokens came (from being written to the handler), resident memory a
stream, and how many streams are behind: their last token came later than one period, or a tenth of
their tokens did not come. A client that has not even answered 15 s after it should have is stopped;
then all its streams are behind, and how late they are is only known to be more than that.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .clients import Tell, manager_for
from .floor import RawSocket
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, quantile, ratio
from .server import allow_many_files, served, stamps

Sample = dict[str, float]
_SETTLES = 0.5  # seconds between the last start and the window
_FLOOR, _OURS = "raw-socket threads", "ours, anthropic:"
_LOADS = "500x20", "2000x5"
"""Streams x tokens a second of each."""
_PATIENCE = 15.0  # seconds more than a run takes: a client that is not done by then is stopped
_LONG = 1000  # seconds: no stream ends by itself

# Load -> what of ours -> unit, must, aim.
_LIMITS: dict[int, dict[str, tuple[str, float | None, float | None]]] = {
    500: {
        "behind": ("", 0, 0),
        "cpu": ("%", 70, None),
        "p99": ("ms", 25, 5),
        "memory": ("KiB", 200, None),
    },
    2000: {"behind": ("", 0, 0), "p99": ("ms", None, 20)},
}
_TITLES = {"behind": "streams behind", "cpu": "of a core", "p99": "p99", "memory": "resident memory a stream"}


class Watch:
    """How late the tokens of one stream come while the window is open."""

    def __init__(self, window: threading.Event) -> None:
        self._window = window
        self.late = array("q")

    def __call__(self, text: str) -> None:
        late = time.perf_counter_ns() - stamps(text)[1]
        if self._window.is_set():
            self.late.append(late)

    def is_behind(self, tokens: float, period: float) -> bool:
        return len(self.late) < 0.9 * (tokens - 1) or self.late[-1] > period * 1e9


def start_ours(base: str) -> Callable[[Watch], object]:
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    manager = manager_for(base, "anthropic")
    ask = partial(manager.generate_stream_with_handlers, "hi", "anthropic:m", {"max_tokens": 9})
    ask([Tell(str)]).get_stream_status()  # loads the SDK
    return lambda watch: ask([Tell(watch)])


def start_floor(base: str) -> Callable[[Watch], object]:
    stream = RawSocket(base, "messages")
    return lambda watch: threading.Thread(target=stream, args=(watch,), daemon=True).start()


def resident() -> float:
    """KiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def start_all(start: Callable[[Watch], object], watches: Iterable[Watch], pause: float) -> None:
    """One after another, evenly over the ramp."""
    begun = time.perf_counter()
    for number, watch in enumerate(watches):
        time.sleep(max(0.0, begun + number * pause - time.perf_counter()))
        start(watch)


def run(client: str, base: str, streams: int, rate: float, seconds: tuple[float, float]) -> Sample:
    ramp, length = seconds
    allow_many_files()
    start = {_FLOOR: start_floor, _OURS: start_ours}[client](base)
    time.sleep(
        1.0 if client == _OURS else 0
    )  # until the first stream has come so far that it costs no more memory
    window = threading.Event()
    watches = [Watch(window) for _ in range(streams)]
    before = resident()
    start_all(start, watches, ramp / streams)
    time.sleep(_SETTLES)
    window.set()
    begun = time.perf_counter(), time.process_time()
    time.sleep(length)
    wall, spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    window.clear()
    late = [each / 1e6 for watch in watches for each in watch.late]
    return {
        "cpu": spent / wall * 100,
        "p50": quantile(late, 0.5) if late else float("inf"),
        "p99": quantile(late, 0.99) if late else float("inf"),
        "behind": sum(watch.is_behind(rate * wall, 1 / rate) for watch in watches),
        "memory": (resident() - before) / streams,
        "tokens": len(late) / (rate * wall * streams),
    }


class Load(NamedTuple):
    streams: int
    rate: float

    @classmethod
    def of(cls, word: str) -> Load:
        streams, rate = word.split("x")
        return cls(int(streams), float(rate))

    def __str__(self) -> str:
        return f"{self.streams:,} streams x {self.rate:.0f} tokens/s"


def in_process(client: str, root: str, load: Load, seconds: tuple[float, float]) -> Sample:
    base = f"{root}/paced-{int(load.rate * _LONG)}-{load.rate}-0"
    command = [sys.executable, "-m", "benchmarks.concurrency", "--run", client, base]
    command += map(str, [*load, *seconds])
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:
        begun = time.perf_counter()
        try:
            said, _ = process.communicate(timeout=sum(seconds) + _PATIENCE)
        except subprocess.TimeoutExpired:
            found = overrun(process.pid, load.streams, time.perf_counter() - begun)
            process.kill()
        else:
            found = json.loads(said)
    return found


def overrun(process: int, streams: int, seconds: float) -> Sample:
    """What is seen from outside of a client that cannot keep up so far that it does not answer."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    late = seconds * 1e3
    return {
        "cpu": ticks / os.sysconf("SC_CLK_TCK") / seconds * 100,
        "p50": late,
        "p99": late,
        "behind": streams,
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 1024 / streams,
        "tokens": 0,
    }


def goals_of(load: Load, found: dict[str, list[Sample]]) -> list[Goal]:
    goals = []
    for what, (unit, must, aim) in _LIMITS[min(_LIMITS, key=lambda each: abs(each - load.streams))].items():
        bars = {name: Bar.of(name, "", [each[what] for each in samples]) for name, samples in found.items()}
        value = bars[_OURS].high if what == "behind" else bars[_OURS].median
        goal = Goal(f"{load}: {_TITLES[what]}", value, unit, must, aim)
        goals.append(
            Goal(goal.measure, value, unit, must, aim, goal.shown(value), goal.shown(bars[_FLOOR].median))
        )
    cpu = {name: [each["cpu"] for each in samples] for name, samples in found.items()}
    aim = 1.3 if load.streams == min(_LIMITS) else None
    goals.append(Goal(f"{load}: CPU x raw-socket threads", ratio(cpu[_OURS], cpu[_FLOOR]), "x", None, aim))
    return goals


def charts_of(load: Load, found: dict[str, list[Sample]]) -> list[Chart]:
    kinds = {_FLOOR: "floor", _OURS: "ours"}
    return [
        Chart(
            f"{load}: {title}",
            unit,
            [Bar.of(name, kinds[name], [each[what] for each in samples]) for name, samples in found.items()],
        )
        for what, title, unit in (
            ("cpu", "CPU", "% of a core"),
            ("p50", "lateness, median", "ms"),
            ("p99", "lateness, p99", "ms"),
            ("memory", "resident memory a stream", "KiB"),
        )
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--window", type=float, default=2.0, help="seconds that are looked at")
    options.add_argument("--starts", type=float, default=250, help="streams started in a second")
    options.add_argument("--loads", nargs="*", default=_LOADS)
    options.add_argument("--run", nargs=6, help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.run:
        client, base, *numbers = given.run
        streams, rate, *seconds = map(float, numbers)
        print(json.dumps(run(client, base, int(streams), rate, (seconds[0], seconds[1]))), flush=True)
        os._exit(0)  # the streams are left to their server
    findings = Findings("concurrency", "Many streams at once")
    with served() as root:
        for load in map(Load.of, given.loads):
            what = (load, (load.streams / given.starts, given.window))
            works = {name: partial(in_process, name, root, *what) for name in (_FLOOR, _OURS)}
            found = interleaved(given.rounds, works, warm_up=False)
            findings.goals += goals_of(load, found)
            findings.charts += charts_of(load, found)
            share = min(each["tokens"] for samples in found.values() for each in samples)
            findings.notes.append(
                f"{load}: at least {share:.1%} of the tokens came that should have been written."
            )
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

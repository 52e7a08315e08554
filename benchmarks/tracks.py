"""What it costs to make one stream of many.

    python -m benchmarks.tracks [--tracks 20] [--rate 1000] [--seconds 2] [--rounds 5]

Each track says `rate` tokens a second, so many in a read. CPU of the whole process: once for the same streams
side by side, each with a handler of its own, and once merged, with one handler; rounds interleaved, medians
printed. "At once" is without a rate: as fast as they come. Then the same over HTTP from a loopback server,
beside raw sockets in a thread each: there the tokens come one by one, or late and together where the process
cannot follow.
"""

from __future__ import annotations

import argparse
import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from api_models import APIModelManager, DualTrack, StreamManager, StreamSource, merge
from api_models.dual_track.mode import Mode
from api_models.dual_track.track import Track

from .clients import manager_for
from .floor import RawSocket
from .measure import interleaved, ratio
from .server import served
from .sources import Counting

QUIET = {"progress_interval": 1000.0}


class Paced(StreamSource):
    """So many tokens a read, at a given rate; what a slow reader missed comes at once."""

    def __init__(self, tokens: int, at_once: int, rate: float) -> None:
        self._left, self._at_once, self._pause = tokens, at_once, at_once / rate
        self._due: float | None = None
        self._aborted = threading.Event()

    def read(self) -> Sequence[str] | None:
        if self._left <= 0:
            return None
        self._due = (self._due or time.monotonic()) + self._pause
        self._aborted.wait(max(0.0, self._due - time.monotonic()))
        self._left -= self._at_once
        return ["word "] * self._at_once

    def abort(self) -> None:
        self._aborted.set()


class Cost(NamedTuple):
    """Microseconds of CPU a token, and seconds that it took."""

    cpu: float
    wall: float


def measured(run: Callable[[], int]) -> Cost:
    cpu, wall = time.process_time(), time.monotonic()
    tokens = run()
    return Cost((time.process_time() - cpu) / tokens * 1e6, time.monotonic() - wall)


def side_by_side(sources: Sequence[StreamSource]) -> int:
    handlers = [Counting() for _ in sources]
    streams = [StreamManager(QUIET) for _ in sources]
    for stream, handler, source in zip(streams, handlers, sources, strict=True):
        stream.register_handler(handler)
        stream.start_stream(source)
    for stream in streams:
        stream.result()
    return sum(handler.count for handler in handlers)


def merged(sources: Sequence[StreamSource], mode: Mode) -> int:
    handler = Counting()
    tracks = []
    for number, source in enumerate(sources):
        stream = StreamManager(QUIET)
        tracks.append(
            Track(f"track {number}", stream, lambda stream=stream, it=source: stream.start_stream(it))
        )
    several = DualTrack(tracks, mode, QUIET, [handler])
    several.start()
    several.result()
    return handler.count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("tracks", 20), ("rate", 1000), ("seconds", 2), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options, _ = parser.parse_known_args(arguments)
    tokens = options.rate * options.seconds
    for at_once, rate in ((1, options.rate), (10, options.rate), (100, options.rate), (64, math.inf)):
        report(at_once, rate, tokens, options)
    report_wire(tokens, options)


def sockets(root: str, tracks: int) -> int:
    """The floor: a raw socket and a parser in a thread each, and nothing else."""
    counts: list[int] = [0] * tracks

    def follow(number: int) -> None:
        said: list[str] = []
        RawSocket(root, "chat")(said.append)
        counts[number] = len(said)

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(tracks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def asked_apart(manager: APIModelManager, tracks: int) -> int:
    handlers = [Counting() for _ in range(tracks)]
    ask = partial(manager.generate_stream_with_handlers, "hi", "lab:m", None)
    for stream in [ask([handler], QUIET) for handler in handlers]:
        stream.result()
    return sum(handler.count for handler in handlers)


def asked_together(manager: APIModelManager, tracks: int) -> int:
    handler = Counting()
    manager.generate_tracks("hi", ["lab:m"] * tracks, merge(), None, [handler], QUIET).result()
    return handler.count


def report_wire(tokens: int, options: argparse.Namespace) -> None:
    with served() as server:
        root = f"{server}/paced-{tokens}-{options.rate}-0"
        manager = manager_for(root, "lab", kind="openai_compatible")
        works = {
            "raw sockets": partial(sockets, root, options.tracks),
            "side by side": partial(asked_apart, manager, options.tracks),
            "merged": partial(asked_together, manager, options.tracks),
        }
        ways = {name: partial(measured, work) for name, work in works.items()}
        found = {
            name: [cost.cpu for cost in costs] for name, costs in interleaved(options.rounds, ways).items()
        }
    figures = ", ".join(f"{statistics.median(costs):6.2f} {name}" for name, costs in found.items())
    times = {name: ratio(found[name], found["raw sockets"]) for name in ("side by side", "merged")}
    print(
        f"    HTTP, {options.rate}/s each: us a token: {figures}; "
        f"{times['side by side']:.2f} x and {times['merged']:.2f} x raw sockets",
        flush=True,
    )


def report(at_once: int, rate: float, tokens: int, options: argparse.Namespace) -> None:
    def sources() -> list[StreamSource]:
        return [Paced(tokens, at_once, rate) for _ in range(options.tracks)]

    rounds = [
        (measured(lambda: side_by_side(sources())), measured(lambda: merged(sources(), merge())))
        for _ in range(options.rounds)
    ]
    apart, together = (statistics.median(cost[way].cpu for cost in rounds) for way in (0, 1))
    added = statistics.median(cost[1].cpu - cost[0].cpu for cost in rounds)
    late = statistics.median(cost[1].wall - tokens / rate for cost in rounds)
    pace = "at once" if math.isinf(rate) else f"{rate}/s"
    print(
        f"{pace:>8}, {at_once:3} a read: {apart:6.2f} us a token side by side, {together:6.2f} merged, "
        f"{added:5.2f} more; took {1000 * late:.0f} ms longer than the tokens",
        flush=True,
    )


if __name__ == "__main__":
    main()

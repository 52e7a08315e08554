"""What a token costs, and how long it takes, when tokens come one by one: 100 a second.

    python -m benchmarks.live [--tokens 150] [--rate 100] [--rounds 7]

Every token is a wake-up of its own with cold caches. The server stamps each with the moment it was
written, on the clock that all processes of the machine share; latency is from there to the handler.
The first tokens, and the request, are not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from .clients import CLIENTS, FLOOR, Client, Stream, present
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, quantile, ratio
from .server import served, stamps

_SKIPPED = 10  # tokens: the first share their time with the request
_WIRES = ("messages", "chat")


class Live(NamedTuple):
    """Microseconds."""

    cpu: float
    p50: float
    p99: float


def watched(stream: Stream, tokens: int) -> Live:
    seen: list[tuple[int, float, str]] = []
    stream(lambda text: seen.append((time.perf_counter_ns(), time.process_time(), text)))
    if len(seen) != tokens:
        raise RuntimeError(f"{len(seen)} of {tokens} tokens came")
    counted = seen[_SKIPPED:]
    late = [(at - stamps(text)[1]) / 1e3 for at, _, text in counted]
    spent = (counted[-1][1] - counted[0][1]) / (len(counted) - 1)
    return Live(spent * 1e6, statistics.median(late), quantile(late, 0.99))


def goals_of(wire: str, clients: Sequence[Client], found: dict[str, list[Live]]) -> list[Goal]:
    goals = []
    for client in clients:
        if client.kind != "ours":
            continue
        name = client.name.replace("ours, ", "")
        for field, what, must, aim in (("cpu", "CPU a token", 2, 1.3), ("p50", "latency p50", 1.6, 1.2)):
            own, floor = ([getattr(one, field) for one in found[each]] for each in (client.name, FLOOR))
            goals.append(
                Goal(
                    f"live, {what}, {wire}, {name} x {FLOOR}", ratio(own, floor), "x", must, aim,
                    f"{statistics.median(own):.0f} us", f"{statistics.median(floor):.0f} us",
                )
            )  # fmt: skip
    return goals


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--tokens", type=int, default=150)
    options.add_argument("--rate", type=float, default=100)
    given = options.parse_args(arguments)
    findings = Findings("live", f"Live: {given.rate:.0f} tokens a second")
    with served() as root:
        base = f"{root}/paced-{given.tokens}-{given.rate}-0"
        for wire in _WIRES:
            clients = [each for each in present(CLIENTS[wire]) if not each.name.startswith("the same")]
            works = {each.name: partial(watched, each.make(base, wire), given.tokens) for each in clients}
            found = interleaved(given.rounds, works)
            for field, title in (("cpu", "CPU a token"), ("p50", "Latency, median"), ("p99", "Latency, p99")):
                bars = [
                    Bar.of(one.name, one.kind, [getattr(each, field) for each in found[one.name]])
                    for one in clients
                ]
                findings.charts.append(Chart(f"{title}, {given.rate:.0f} tokens/s, {wire} wire", "us", bars))
            findings.goals += goals_of(wire, clients, found)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

"""What a token costs, from a loopback server to the handler: CPU and wall time of a whole answer.

    python -m benchmarks.throughput [--events 10000] [--rounds 7]

All is sent at once, every event an HTTP chunk of its own, as providers send them. The floor is a
socket and a parser that undo the chunks and know these events; a second one does not even undo the
chunks. The text that came is checked every time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from .clients import CLIENTS, FLOOR, Client, Stream, present
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .server import served, words

_LEAST = 0.1  # seconds of CPU: what is faster is repeated, 20 ms alone would be noise

# Wire -> client -> measure of the peer, must, aim.
_PEERS = {
    "messages": {
        "anthropic create()": ("anthropic.messages.create loop", 1 / 5, 1 / 12),
        "langchain-anthropic": ("langchain-anthropic, one callback", 1 / 11, 1 / 25),
    },
    "chat": {
        "openai create()": ("openai.chat.completions.create loop", 1 / 12, 1 / 30),
        "langchain-openai": ("langchain-openai, one callback", 1 / 16, 1 / 40),
    },
    "responses": {},
}


class Cost(NamedTuple):
    """Of an event; microseconds. CPU is that of all threads of this process."""

    cpu: float
    wall: float


def cost(stream: Stream, events: int) -> Cost:
    cpu = wall = 0.0
    times = 0
    while cpu < _LEAST:
        seen: list[str] = []
        begun = time.perf_counter(), time.process_time()
        stream(seen.append)
        wall += time.perf_counter() - begun[0]
        cpu += time.process_time() - begun[1]
        times += 1
        if seen != words(events):
            raise RuntimeError(f"the text is wrong: {len(seen)} of {events} tokens")
    return Cost(cpu / times / events * 1e6, wall / times / events * 1e6)


def measured(
    root: str, wire: str, clients: Sequence[Client], events: int, rounds: int
) -> dict[str, list[Cost]]:
    streams = {client.name: client.make(f"{root}/all-{events}", wire) for client in clients}
    return interleaved(rounds, {name: partial(cost, stream, events) for name, stream in streams.items()})


def goals_of(wire: str, clients: Sequence[Client], costs: dict[str, list[Cost]]) -> list[Goal]:
    cpu = {name: [each.cpu for each in found] for name, found in costs.items()}
    median = {name: Bar.of(name, "", values).median for name, values in cpu.items()}
    limits = {FLOOR: (FLOOR, 4.0, 1.5), **_PEERS[wire]}
    return [
        Goal(
            f"CPU a token, {wire}, {client.name.replace('ours, ', '')} x {measure}",
            ratio(cpu[client.name], cpu[name]), "x", must, aim,
            f"{median[client.name]:.2f} us", f"{median[name]:.2f} us",
        )
        for client in clients if client.kind == "ours"
        for name, (measure, must, aim) in limits.items() if name in cpu
    ]  # fmt: skip


def charts_of(wire: str, clients: Sequence[Client], costs: dict[str, list[Cost]]) -> list[Chart]:
    return [
        Chart(
            f"{what} an event, {wire} wire, all at once",
            "us",
            [
                Bar.of(
                    each.name, each.kind, [getattr(one, what.split()[0].lower()) for one in costs[each.name]]
                )
                for each in clients
            ],
            logarithmic=True,
        )
        for what in ("CPU", "Wall time")
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, default=10_000)
    given = options.parse_args(arguments)
    findings = Findings("throughput", "What a token costs")
    with served() as root:
        for wire, clients in CLIENTS.items():
            here = present(clients)
            costs = measured(root, wire, here, given.events, given.rounds)
            findings.charts += charts_of(wire, here, costs)
            findings.goals += goals_of(wire, here, costs)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

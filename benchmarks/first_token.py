"""What a client adds to the time until the first token of a request.

    python -m benchmarks.first_token [--requests 15] [--delay 0.02] [--rounds 7]

Twice: with the head of the answer sent at once and the first token after a delay, as providers do,
and with all of it sent at once. Judged is the time from the call to the first token, less the delay,
which leaves in it how late the server's own timer was. The charts leave the server out: they show
the time from the call to the request being read, and from the token being written to the handler.

The client is warm, and so is the floor it is compared with: its connection is open. A raw socket
that connects anew, and one with a new thread a request, as ours has, stand beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from .clients import CLIENTS, FLOOR, FRESH, THREADED, Client, Stream, present
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .server import served, stamps

_TOKENS, _RATE = 3, 1000


class Overhead(NamedTuple):
    """Milliseconds: all but the delay; and without anything that the server does."""

    whole: float
    client: float


def overhead(stream: Stream, requests: int, delay: float) -> Overhead:
    """The medians of so many requests."""
    whole, client = [], []
    for _ in range(requests):
        seen: list[tuple[int, str]] = []
        begun = time.perf_counter_ns()
        stream(partial(_note, seen))
        at, text = seen[0]
        asked, written = stamps(text)
        whole.append((at - begun) / 1e6 - delay * 1e3)
        client.append((at - written + asked - begun) / 1e6)
    return Overhead(statistics.median(whole), statistics.median(client))


def _note(seen: list[tuple[int, str]], text: str) -> None:
    seen.append((time.perf_counter_ns(), text))


def clients_on(wire: str) -> list[Client]:
    floor, knowing, *others = CLIENTS[wire]
    del knowing
    return present([floor, THREADED, FRESH, *others])


Found = dict[str, list[Overhead]]


def measured(
    base: str, wire: str, clients: Sequence[Client], delay: float, numbers: tuple[int, int]
) -> Found:
    requests, rounds = numbers
    streams = {each.name: each.make(base, wire) for each in clients}
    return interleaved(
        rounds, {name: partial(overhead, stream, requests, delay) for name, stream in streams.items()}
    )


def goals_of(wire: str, clients: Sequence[Client], found: Found) -> list[Goal]:
    goals = []
    for client in clients:
        if client.kind != "ours":
            continue
        for field, title, limits in (
            ("whole", "first token", (2.8, 1.8)),
            ("client", "the same, server left out", (None, None)),
        ):
            own, floor = ([getattr(one, field) for one in found[each]] for each in (client.name, FLOOR))
            measure = f"{title}, {wire}, {client.name.replace('ours, ', '')} x {FLOOR}"
            shown = [f"{statistics.median(each):.2f} ms" for each in (own, floor)]
            goals.append(Goal(measure, ratio(own, floor), "x", *limits, *shown))
    return goals


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--requests", type=int, default=15, help="requests a round")
    options.add_argument("--delay", type=float, default=0.02, help="seconds from the head to the first token")
    given = options.parse_args(arguments)
    findings = Findings("first_token", "First-token overhead")
    with served() as root:
        for wire in ("messages", "chat"):
            clients = clients_on(wire)
            for delay in (given.delay, 0.0):
                base = f"{root}/paced-{_TOKENS}-{_RATE}-{delay}"
                found = measured(base, wire, clients, delay, (given.requests, given.rounds))
                when = f"the token {delay * 1000:.0f} ms after the head" if delay else "all at once"
                bars = [
                    Bar.of(one.name, one.kind, [each.client for each in found[one.name]]) for one in clients
                ]
                findings.charts.append(Chart(f"First-token overhead, {wire} wire, {when}", "ms", bars))
                if delay:
                    findings.goals += goals_of(wire, clients, found)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

"""What the conveniences of a stream cost a token: the same stream with each of them on and off.

    python -m benchmarks.switches [--tokens 20000] [--rounds 7]

No network: tokens come from memory, 64 in a read, to one handler that counts. The pause gate and the
statistics cannot be switched off. What bounds them is all that a stream always does (gate, statistics,
isolation of handlers, the log), without history, against a plain loop that calls the same handler.
What their own lines cost is measured in a loop that does nothing else.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from api_models import StreamManager

from .measure import Bar, Chart, Findings, Goal, interleaved, parser
from .sources import BatchSource, Counting, bare_loop

_BATCH = 64
_LOOP, _PLAIN = "plain loop", "no history"
_CONFIGS: dict[str, dict[str, Any]] = {
    _PLAIN: {"keep_history": False},
    "recording (history kept)": {"keep_history": True},
    "buffering, 16 tokens": {"keep_history": False, "buffer_size": 16},
    "buffering, 64 tokens or 1 s": {"keep_history": False, "buffer_size": 64, "buffer_seconds": 1.0},
}


class Counts:
    tokens = characters = 0


def streamed(config: dict[str, Any], tokens: Sequence[str]) -> None:
    manager = StreamManager(config)
    manager.register_handler(Counting())
    manager.start_stream(BatchSource(tokens, _BATCH))
    manager.result()


def gated(tokens: Sequence[str]) -> None:
    """The gate as it stands in the delivering loop: is there anything to obey?"""
    waiting, notices = deque(tokens), deque[str]()
    while waiting and not notices:
        waiting.popleft()


def ungated(tokens: Sequence[str]) -> None:
    waiting = deque(tokens)
    while waiting:
        waiting.popleft()


def counted(tokens: Sequence[str]) -> None:
    """The statistics as they stand in the delivering loop."""
    counts, waiting = Counts(), deque(tokens)
    while waiting:
        token = waiting.popleft()
        counts.tokens += 1
        counts.characters += len(token)


def cost(run: Callable[[Sequence[str]], None], tokens: Sequence[str]) -> float:
    """Microseconds of CPU a token."""
    begun = time.process_time()
    run(tokens)
    return (time.process_time() - begun) / len(tokens) * 1e6


def difference(found: dict[str, list[float]], on: str, off: str) -> float:
    return median(one - other for one, other in zip(found[on], found[off], strict=True))


def goals_of(found: dict[str, list[float]]) -> list[Goal]:
    pairs = [(name, name, _PLAIN) for name in _CONFIGS if name != _PLAIN]
    pairs += [
        ("pause gate, its line alone", "gated", "empty"),
        ("statistics, their lines alone", "counted", "empty"),
    ]
    goals = [
        Goal(
            f"{title}: on, less off, a token", difference(found, on, off), "us", 0.3, 0.1,
            f"{median(found[on]):.3f} us", f"{median(found[off]):.3f} us",
        )
        for title, on, off in pairs
    ]  # fmt: skip
    always = difference(found, _PLAIN, _LOOP)
    measure = "gate, statistics, isolation, log together: a stream less a plain loop"
    goals.append(
        Goal(
            measure,
            always,
            "us",
            None,
            None,
            f"{median(found[_PLAIN]):.3f} us",
            f"{median(found[_LOOP]):.3f} us",
        )
    )
    return goals


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--tokens", type=int, default=20_000)
    given = options.parse_args(arguments)
    tokens = ["word "] * given.tokens
    ways: dict[str, Callable[[Sequence[str]], None]] = {
        _LOOP: lambda each: bare_loop(each, [Counting()]),
        **{name: partial(streamed, config) for name, config in _CONFIGS.items()},
        "gated": gated,
        "counted": counted,
        "empty": ungated,
    }
    found = interleaved(given.rounds, {name: partial(cost, run, tokens) for name, run in ways.items()})
    bars = [Bar.of(name, "ours" if name in _CONFIGS else "floor", found[name]) for name in (_LOOP, *_CONFIGS)]
    findings = Findings("switches", "What each convenience costs")
    findings.charts.append(Chart("CPU a token, no network, one handler", "us", bars))
    findings.goals += goals_of(found)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

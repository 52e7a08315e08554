"""What a piece of a tool call's arguments costs: calls of 100 KB against calls of 2 KB.

    python -m benchmarks.tools [--rounds 7]

Both answers carry the same number of bytes in the same number of pieces, as one long call or as
fifty short ones, so that the request and the rest of the answer weigh the same. What grows with the
length of a call, such as parsing again what has come so far, shows in the ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from api_models import StreamHandler

from .clients import manager_for
from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .server import served

_MODELS = {
    "messages": ("anthropic", {}),
    "chat": ("lab", {"kind": "openai_compatible"}),
}
_TOOL = {"name": "write", "description": "", "input_schema": {"type": "object"}}


class Calls(StreamHandler):
    def __init__(self) -> None:
        self.bytes = 0

    def on_tool_call(self, tool_call: Any) -> None:
        self.bytes += len(tool_call.arguments_json)


def ours(base: str, wire: str) -> Callable[[], int]:
    provider, entry = _MODELS[wire]
    manager = manager_for(base, provider, **entry)

    def stream() -> int:
        calls = Calls()
        manager.generate_stream_with_handlers("hi", f"{provider}:m", {"max_tokens": 9}, [calls]).result()
        return calls.bytes

    return stream


def anthropic_stream(base: str, wire: str) -> Callable[[], int]:
    """`messages.stream()`, which keeps a snapshot of the arguments so far."""
    import anthropic

    client = anthropic.Anthropic(api_key="k", base_url=base, max_retries=0)
    message = [{"role": "user", "content": "hi"}]

    def stream() -> int:
        count = 0
        with client.messages.stream(model="m", max_tokens=9, messages=message, tools=[_TOOL]) as events:
            for event in events:
                count += len(event.partial_json) if event.type == "input_json" else 0
        return count

    return stream


def cost(stream: Callable[[], int], piece: int) -> float:
    """Microseconds of CPU a piece."""
    begun = time.process_time()
    received = stream()
    return (time.process_time() - begun) / (received / piece) * 1e6


def goal_of(title: str, found: dict[int, list[float]], sizes: Sequence[int], judged: bool) -> Goal:
    short, long = sizes
    shown = [f"{statistics.median(found[size]):.2f} us" for size in (long, short)]
    limits = (1.5, 1.1) if judged else (None, None)
    measure = f"tool arguments, {title}, a piece, {long // 1000} KB x {short // 1000} KB"
    return Goal(measure, ratio(found[long], found[short]), "x", *limits, *shown)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--long", type=int, default=100_000, help="bytes of the long call")
    options.add_argument("--short", type=int, default=2_000, help="bytes of a short one")
    options.add_argument("--piece", type=int, default=20, help="bytes of a piece")
    given = options.parse_args(arguments)
    sizes = (given.short, given.long)
    findings = Findings("tools", "Tool arguments")
    makers: list[tuple[str, str, str, Any]] = [
        ("ours, anthropic:", "messages", "ours", ours),
        ("ours, HTTP client", "chat", "ours", ours),
        ("anthropic messages.stream()", "messages", "peer", anthropic_stream),
    ]
    works = {}
    with served() as root:
        for name, wire, _, make in makers:
            for size in sizes:
                base = f"{root}/tools-{given.long // size}-{size}-{given.piece}"
                works[name, size] = partial(cost, make(base, wire), given.piece)
        found = interleaved(given.rounds, works)
    bars = [
        Bar.of(f"{name}, {size // 1000} KB", kind, found[name, size])
        for name, _, kind, _ in makers
        for size in sizes
    ]
    findings.charts.append(Chart("CPU a piece of tool arguments", "us", bars, logarithmic=True))
    for name, _, kind, _ in makers:
        findings.goals.append(
            goal_of(name, {size: found[name, size] for size in sizes}, sizes, kind == "ours")
        )
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

"""The five targets that the project set out with, beside what is measured.

    python -m benchmarks.targets [--rounds 7]

Through the HTTP client, against a loopback server: what a provider takes is not in it.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Sequence
from functools import partial

from api_models import StreamManager

from .clients import Stream, ours
from .first_token import overhead
from .live import watched
from .measure import Findings, Goal, interleaved, parser
from .server import served
from .sources import BatchSource, Counting

_TOKENS = 5000
_RATE = 100


def per_second(stream: Stream, tokens: int) -> float:
    """Tokens a second of wall time, when the server holds nothing back."""
    begun = time.perf_counter()
    stream(str)
    return tokens / (time.perf_counter() - begun)


def peak(stream: Stream) -> float:
    """What a stream takes at its peak, its text included; MB."""
    tracemalloc.start()
    stream(str)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def share(stream: Stream, tokens: int) -> float:
    """Percent of one core, at 100 tokens a second."""
    return watched(stream, tokens).cpu * _RATE / 1e4


def callback(tokens: int) -> float:
    """From one token to the next, handed to one handler that does nothing; milliseconds."""
    manager = StreamManager()
    manager.register_handler(Counting())
    begun = time.perf_counter()
    manager.start_stream(BatchSource(["word "] * tokens, 64))
    manager.result()
    return (time.perf_counter() - begun) / tokens * 1e3


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--tokens", type=int, default=_TOKENS)
    given = options.parse_args(arguments)
    make = ours("lab", kind="openai_compatible")
    with served() as root:
        whole, paced = (
            make(f"{root}/all-{given.tokens}", "chat"),
            make(f"{root}/paced-60-{_RATE}-0.02", "chat"),
        )
        prompt = make(f"{root}/paced-3-1000-0.02", "chat")
        works = {
            "first token": lambda: overhead(prompt, 5, 0.02).whole,
            "rate": partial(per_second, whole, given.tokens),
            "memory": partial(peak, whole),
            "share": partial(share, paced, 60),
            "callback": partial(callback, given.tokens),
        }
        found = interleaved(given.rounds, works)
    value = {name: statistics.median(figures) for name, figures in found.items()}
    findings = Findings("targets", "The seed's five targets")
    findings.goals += [
        Goal("first-token overhead", value["first token"], "ms", 100),
        Goal("tokens a second", value["rate"], "", 500, at_least=True),
        Goal(f"memory of a stream of {given.tokens:,} tokens, its text included", value["memory"], "MB", 1),
        Goal(f"CPU at {_RATE} tokens a second", value["share"], "%", 5),
        Goal("a callback", value["callback"], "ms", 1),
    ]
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()

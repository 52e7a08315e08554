"""What a policy and a recording cost a token, and what a recording keeps.

    python -m benchmarks.policies [--tokens 200000] [--repeats 7]

CPU beside the same tokens without it, rounds interleaved, medians printed. A policy stands alone, as a
stage over a list of tokens. A recording is the only handler of a stream that arrives 100 tokens a read,
beside the same stream without a handler. Memory is what `tracemalloc` counts, less the text.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from api_models import (
    PolicyChain,
    StreamPolicy,
    StreamProcessor,
    StreamRecording,
    StreamSource,
    ban_phrases,
    cap_length,
    judge_text,
    redact,
    redact_emails,
    redact_keys,
)

POLICIES: dict[str, StreamPolicy] = {
    "redact_keys": redact_keys(),
    "redact_emails": redact_emails(),
    "redact, window 12": redact(r"\d{3}-\d{3}-\d{4}", 12),
    "ban_phrases": ban_phrases("launch code", "top secret", "word98"),
    "cap_length": cap_length(10**9),
    "judge_text, sentences": judge_text(lambda text: text),
}
QUIET = {"keep_history": False, "progress_interval": 1000.0}


class Batches(StreamSource):
    def __init__(self, tokens: Sequence[str]) -> None:
        self._reads = iter([tokens[at : at + 100] for at in range(0, len(tokens), 100)])

    def read(self) -> Sequence[str] | None:
        return next(self._reads, None)


def cpu(use: Callable[[], Any], tokens: Sequence[str]) -> float:
    """Microseconds a token, all threads of this process."""
    begun = time.process_time()
    use()
    return (time.process_time() - begun) / len(tokens) * 1e6


def drain(chain: PolicyChain, tokens: Sequence[str]) -> None:
    for _ in chain(tokens):
        pass


def record(tokens: Sequence[str], *handlers: Any) -> None:
    StreamProcessor(QUIET).process_stream(Batches(tokens), handlers)


def report(name: str, without: Callable[[], Any], with_it: Callable[[], Any], options: Any) -> None:
    tokens = options.words
    rounds = [(cpu(without, tokens), cpu(with_it, tokens)) for _ in range(options.repeats + 1)][1:]
    added = [more - less for less, more in rounds]
    print(
        f"{name:<24} {statistics.median(added):6.3f} us a token ({min(added):.3f} to {max(added):.3f})",
        flush=True,
    )


def kept(tokens: Sequence[str]) -> float:
    """Megabytes that a recording of these tokens holds beyond their text."""
    tracemalloc.start()
    recording = StreamRecording()
    for number, token in enumerate(tokens):
        recording.on_token_received(token, number)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (size - len(recording.text)) / 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=7)
    options, _ = parser.parse_known_args(arguments)
    options.words = [f"word{number % 97}{' ' if number % 20 else '. '}" for number in range(options.tokens)]
    for name, policy in POLICIES.items():
        chains = PolicyChain(), PolicyChain(policy)
        report(name, *[lambda chain=chain: drain(chain, options.words) for chain in chains], options)
    report(
        "recording", lambda: record(options.words), lambda: record(options.words, StreamRecording()), options
    )
    print(f"a recording keeps {kept(options.words):.2f} MB beyond its text")


if __name__ == "__main__":
    main()

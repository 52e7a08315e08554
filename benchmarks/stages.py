"""What a stage costs a token: CPU, beside the same tokens without it.

    python -m benchmarks.stages [--tokens 200000] [--repeats 7]

A pass-through stage looks at each token and changes nothing. What it adds is taken as the difference
between chains of nine and of one, over eight; rounds are interleaved, medians printed. "in a stream"
is a whole run of a `StreamManager` over a source that gives one token a read, the worst case.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from api_models import (
    Stage,
    StreamManager,
    batch,
    compose,
    flat_map_text,
    map_text,
    recut,
    take_until,
    tee,
)
from api_models.stages import StagedSource
from api_models.streaming.stream_source import Chunk, IterableSource

MORE = 8
THROUGH = tee()
STAGES: dict[str, Stage] = {
    "pass-through": THROUGH,
    "map_text": map_text(lambda text: text),
    "flat_map_text": flat_map_text(lambda text: (text,)),
    "take_until": take_until("\0"),
    "recut word": recut("word"),
    "recut regex": recut(re.compile(r"\s")),
    "batch of 1": batch(1),
}

Use = Callable[[Stage, Sequence[Chunk]], None]


def alone(stage: Stage, tokens: Sequence[Chunk]) -> None:
    for _ in stage(tokens):
        pass


def in_a_stream(stage: Stage, tokens: Iterable[Chunk]) -> None:
    stream = StreamManager({"keep_history": False})
    stream.start_stream(StagedSource(IterableSource(tokens), stage))
    stream.result()


def cost(use: Use, stage: Stage, tokens: Sequence[Chunk]) -> float:
    """Microseconds of CPU a token, all threads of this process."""
    begun = time.process_time()
    use(stage, tokens)
    return (time.process_time() - begun) / len(tokens) * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=7)
    options, _ = parser.parse_known_args(arguments)
    tokens = ["token "] * options.tokens
    for name, use, stage in [
        *((name, alone, stage) for name, stage in STAGES.items()),
        ("pass-through, in a stream", in_a_stream, THROUGH),
    ]:
        chains = compose(stage), compose(*[stage] * (1 + MORE))
        rounds = [[cost(use, chain, tokens) for chain in chains] for _ in range(options.repeats + 1)][1:]
        added = [(many - one) / MORE for one, many in rounds]
        first = statistics.median(one for one, _ in rounds)
        print(
            f"{name:<26} {statistics.median(added):6.3f} us a token and stage "
            f"({min(added):.3f} to {max(added):.3f}); with one stage {first:.2f} in all",
            flush=True,
        )


if __name__ == "__main__":
    main()

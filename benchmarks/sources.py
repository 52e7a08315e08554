"""Sources without a network: what a stream costs beyond its wire."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from api_models import StreamHandler, StreamSource


class BatchSource(StreamSource):
    """Gives tokens as the clients do: all that one network read brought, together."""

    def __init__(self, tokens: Sequence[str], batch: int) -> None:
        self._batches = iter([tokens[at : at + batch] for at in range(0, len(tokens), batch)])

    def read(self) -> Sequence[str] | None:
        return next(self._batches, None)


def flow(per_second: int, seconds: float) -> Iterator[str]:
    """Plain Python that yields so many tokens a second, in bursts of a millisecond."""
    begun, burst = time.perf_counter(), ["word "] * (per_second // 1000)
    for number in range(int(seconds * 1000)):
        yield from burst
        time.sleep(max(0.0, begun + (number + 1) / 1000 - time.perf_counter()))


class Counting(StreamHandler):
    """As little as a handler can do."""

    def __init__(self) -> None:
        self.count = 0

    def on_token_received(self, token: str, index: int) -> None:
        self.count += 1


def bare_loop(tokens: Sequence[str], handlers: Sequence[Counting]) -> None:
    """What one would write by hand: every handler called, none of them able to stop the others."""
    for index, token in enumerate(tokens):
        for handler in handlers:
            try:
                handler.on_token_received(token, index)
            except Exception as error:  # noqa: BLE001  # a handler may raise anything
                print(error)

"""Text handed on by a clock: no faster than a rate, or as steadily as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..streaming.parts.checks import INTERVAL, check_value
from ..streaming.parts.outlet import Pacer
from ..streaming.stream_source import Chunk, text_of
from .ahead import Ahead, End
from .flow import TICK, Line
from .stage import Stage

_LIMIT = 10_000  # chunks that are read ahead; beyond them the source has to wait


def throttle(pieces_per_second: float) -> Stage:
    """Hand on so many pieces of text a second at most, evenly; what piles up is read ahead.

    The time between two pieces is no fault of the provider: a stream's `idle_timeout` may be shorter.
    """
    check_value("pieces_per_second", pieces_per_second, INTERVAL)
    return _Pace(pieces_per_second, False)


def smooth(pieces_per_second: float | None = None) -> Stage:
    """Hand on text as steadily as it comes, in bursts or not: the more is waiting, the faster.

    At the rate given, or at twenty pieces a second, while hardly anything is waiting; when the
    source has ended, the rest goes out at once.
    """
    if pieces_per_second is not None:
        check_value("pieces_per_second", pieces_per_second, INTERVAL)
    return _Pace(pieces_per_second, True)


class _Pace(Stage):
    def __init__(self, rate: float | None, smooth: bool) -> None:
        self._pace = rate, smooth

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        pacer = Pacer(*self._pace)
        ahead = Ahead(chunks, line.wake, limit=_LIMIT, name="pace")
        ticked = False
        try:
            ahead.start()
            while not isinstance(chunk := ahead.take(), End):
                if text_of(chunk):
                    now = time.monotonic()
                    self._wait(pacer.book(now, ahead.texts, ahead.has_ended) - now, line)
                if chunk is not None and not (chunk is TICK and ticked):
                    yield chunk
                ticked = chunk is not TICK
                if ticked:
                    yield TICK  # out with it, whatever else came together with it
            if chunk.error is not None:
                raise chunk.error
        finally:
            ahead.close()

    def _wait(self, seconds: float, line: Line) -> None:
        waiting = object()
        line.pacing.add(waiting)
        line.stopped.wait(seconds)
        line.pacing.discard(waiting)

"""Fewer, larger pieces: joined by count, by size, by time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import INTERVAL, check_value, count
from ..streaming.stream_source import Chunk, text_of
from .ahead import Ahead, End
from .flow import FLUSH, Line
from .stage import Stage, TextStage, TextState, compose

_LIMIT = 1000  # chunks that are read ahead


def batch(pieces: int | None = None, *, characters: int | None = None, seconds: float | None = None) -> Stage:
    """Join pieces until there are so many, or so many characters, or the first has waited so long.

    Whichever comes first; no piece is ever cut. With `seconds` a thread reads ahead, so that text goes
    out in time although nothing more comes. Raises `ConfigurationError` for what is no size, and for none.
    """
    for name, size in (("pieces", pieces), ("characters", characters)):
        if size is not None:
            check_value(name, size, count(1))
    joined = _Batch(pieces, characters)
    if seconds is not None:
        check_value("seconds", seconds, INTERVAL)
        return compose(_Alarm(seconds), joined)
    if pieces is None and characters is None:
        raise ConfigurationError("batch needs one of pieces, characters and seconds")
    return joined


class _Batch(TextStage):
    def __init__(self, pieces: int | None, characters: int | None) -> None:
        self._limits = pieces or float("inf"), characters or float("inf")

    def begin(self) -> TextState:
        return _Joined(*self._limits)


class _Joined(TextState):
    def __init__(self, pieces: float, characters: float) -> None:
        self._limits = pieces, characters
        self._texts: list[str] = []
        self._size = 0

    def push(self, text: str) -> Sequence[str]:
        self._texts.append(text)
        self._size += len(text)
        pieces, characters = self._limits
        return self.flush() if len(self._texts) >= pieces or self._size >= characters else ()

    def flush(self) -> Sequence[str]:
        texts, self._texts, self._size = self._texts, [], 0
        return ("".join(texts),) if texts else ()


class _Alarm(Stage):
    """Says `FLUSH` when so much time has passed since the first text behind the last one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        ahead = Ahead(chunks, line.wake, limit=_LIMIT, name="batch")
        due: float | None = None
        try:
            ahead.start()
            while not isinstance(chunk := ahead.take(_left(due)), End):
                if chunk is not None:
                    yield chunk
                    if due is None and text_of(chunk):
                        due = time.monotonic() + self._seconds
                if due is not None and due <= time.monotonic():
                    due = None
                    yield FLUSH
            if chunk.error is not None:
                raise chunk.error
        finally:
            ahead.close()


def _left(due: float | None) -> float | None:
    return None if due is None else max(due - time.monotonic(), 0.0)

"""Text up to a point, and no further: what comes behind it is not even read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.stream_source import Chunk
from .flow import Line
from .stage import Stage, TextStage, TextState


def take_until(marker: str | Callable[[str], Any], *, inclusive: bool = False) -> Stage:
    """Text up to `marker`, wherever it was cut, or up to the first piece that a function says yes to.

    The source is closed at once, so that a provider stops; with `inclusive` the marker, or that piece,
    is still handed on. A stream that ends so has the stop reason `stop_sequence`; its usage is not known,
    since a provider says it at the end.
    """
    if isinstance(marker, str) and marker:
        return _Until(lambda: _Marker(marker, inclusive))
    if callable(marker) and not inspect.iscoroutinefunction(marker):
        return _Until(lambda: _Piece(marker, inclusive))
    raise ConfigurationError(f"marker must be a str of at least one character or a function, not {marker!r}")


class _Over(Exception):  # noqa: N818  # no error: it leaves the loop over the source, which closes it
    def __init__(self, text: str) -> None:
        self.text = text


class _Until(TextStage):
    def __init__(self, begin: Callable[[], TextState]) -> None:
        self._begin = begin

    def begin(self) -> TextState:
        return self._begin()

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        try:
            yield from super().run(chunks, line)
        except _Over as over:
            last, line.stop_reason = over.text, "stop_sequence"
        else:
            return
        if last:
            yield last


class _Marker(TextState):
    """Keeps back what may be the beginning of the marker."""

    def __init__(self, marker: str, inclusive: bool) -> None:
        self._marker = marker
        self._behind = len(marker) if inclusive else 0
        self._kept = ""

    def push(self, text: str) -> Sequence[str]:
        text = self._kept + text
        found = text.find(self._marker)
        if found >= 0:
            raise _Over(text[: found + self._behind])
        free = len(text) - self._begun(text)
        self._kept = text[free:]
        return (text[:free],) if free else ()

    def flush(self) -> Sequence[str]:
        kept, self._kept = self._kept, ""
        return (kept,) if kept else ()

    def _begun(self, text: str) -> int:
        """How many of the last characters begin the marker."""
        longest = min(len(self._marker) - 1, len(text))
        return next((size for size in range(longest, 0, -1) if text.endswith(self._marker[:size])), 0)


class _Piece(TextState):
    def __init__(self, is_last: Callable[[str], Any], inclusive: bool) -> None:
        self._is_last = is_last
        self._inclusive = inclusive

    def push(self, text: str) -> Sequence[str]:
        if self._is_last(text):
            raise _Over(text if self._inclusive else "")
        return (text,)

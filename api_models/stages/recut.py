"""The same text in other pieces: nothing is lost, nothing added."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import check_value, choice, count
from ..streaming.parts.cutting import Shaper
from .stage import Stage, TextStage, TextState

_NAMED = choice("grapheme", "word", "line", "sentence")
_CONTEXT = 256  # characters that stay before what is searched, for what looks back


def recut(split: str | re.Pattern[str], window: int | None = None) -> Stage:
    """Text in graphemes, words, lines or sentences, each with the white space behind it.

    A compiled regex cuts behind each of its matches; one that reaches to the end of what has come
    waits for more, since it may yet grow. `window` is the length of its longest match, what it looks ahead
    at included; without one all text behind the last cut is searched each time, which takes long where no
    match comes for thousands of characters.
    """
    if isinstance(split, re.Pattern) and isinstance(split.pattern, str):
        if window is not None:
            check_value("window", window, count(1))
        return _Recut(lambda: _Matched(split, window))
    is_known, wanted = _NAMED
    if not isinstance(split, str) or not is_known(split):
        raise ConfigurationError(f"split must be {wanted}, or a compiled regex of str, not {split!r}")
    if window is not None:
        raise ConfigurationError("window belongs to a regex")
    return _Recut(lambda: _Named(split))


class _Recut(TextStage):
    def __init__(self, begin: Callable[[], TextState]) -> None:
        self._begin = begin

    def begin(self) -> TextState:
        return self._begin()


class _Named(TextState):
    def __init__(self, split: str) -> None:
        self._shaper = Shaper(split, 1)

    def push(self, text: str) -> Sequence[str]:
        return [piece for piece, _ in self._shaper.push(text)]

    def flush(self) -> Sequence[str]:
        return [piece for piece, _ in self._shaper.flush()]


class _Matched(TextState):
    """Keeps what is behind the last cut: that a match may still begin in, and what came before that."""

    def __init__(self, pattern: re.Pattern[str], window: int | None) -> None:
        self._pattern = pattern
        self._window = window
        self._before: list[str] = []  # where no match can begin any more
        self._kept = ""

    def push(self, text: str) -> Sequence[str]:
        searched = 0 if self._window is None else max(0, len(self._kept) - self._window)
        text, start, pieces = self._kept + text, 0, []
        for found in self._pattern.finditer(text, searched):
            if start < found.end() < len(text):
                pieces.append("".join([*self._before, text[start : found.end()]]))
                self._before, start = [], found.end()
        self._keep(text[start:])
        return pieces

    def flush(self) -> Sequence[str]:
        kept = "".join([*self._before, self._kept])
        self._before, self._kept = [], ""
        return (kept,) if kept else ()

    def _keep(self, text: str) -> None:
        """Put away what need not be searched again, in slices large enough that little is copied."""
        self._kept = text
        if self._window is not None and len(text) > 2 * (self._window + _CONTEXT):
            free = len(text) - self._window - _CONTEXT
            self._before.append(text[:free])
            self._kept = text[free:]

"""The same text in other pieces: nothing is lost, nothing added."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import choice
from ..streaming.parts.cutting import Shaper
from .stage import Stage, TextStage, TextState

_NAMED = choice("grapheme", "word", "line", "sentence")


def recut(split: str | re.Pattern[str]) -> Stage:
    """Text in graphemes, words, lines or sentences, each with the white space behind it.

    A compiled regex cuts behind each of its matches; one that reaches to the end of what has come
    waits for more, since it may yet grow.
    """
    if isinstance(split, re.Pattern) and isinstance(split.pattern, str):
        return _Recut(split)
    is_known, wanted = _NAMED
    if not isinstance(split, str) or not is_known(split):
        raise ConfigurationError(f"split must be {wanted}, or a compiled regex of str, not {split!r}")
    return _Recut(split)


class _Recut(TextStage):
    def __init__(self, split: str | re.Pattern[str]) -> None:
        self._split = split

    def begin(self) -> TextState:
        return _Named(self._split) if isinstance(self._split, str) else _Matched(self._split)


class _Named(TextState):
    def __init__(self, split: str) -> None:
        self._shaper = Shaper(split, 1)

    def push(self, text: str) -> Sequence[str]:
        return [piece for piece, _ in self._shaper.push(text)]

    def flush(self) -> Sequence[str]:
        return [piece for piece, _ in self._shaper.flush()]


class _Matched(TextState):
    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._kept = ""

    def push(self, text: str) -> Sequence[str]:
        text, start, pieces = self._kept + text, 0, []
        for found in self._pattern.finditer(text):
            if start < found.end() < len(text):
                pieces.append(text[start : found.end()])
                start = found.end()
        self._kept = text[start:]
        return pieces

    def flush(self) -> Sequence[str]:
        kept, self._kept = self._kept, ""
        return (kept,) if kept else ()

"""In which pieces text is handed out."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

Piece = tuple[str, int]
"""Text as it is handed out, and the number of provider tokens before it."""

_BOUNDARIES = {
    "word": r"(?<=\S)\s",
    "line": r"\n|\r(?=[^\n])",
    "sentence": r"[.!?…][\"'”’)\]]*\s|[。！？]|\n",  # noqa: RUF001  # other scripts' own marks
}
_ABBREVIATION = r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|[A-Z])\.\s$"
_LOOK_BACK = 16  # a boundary may begin in text that was searched before; none is longer


# Compiled when they are first needed: most streams are handed out as they come.
_compiled = functools.cache(re.compile)


def _boundaries(split: str, text: str, searched: int) -> Iterator[int]:
    """Where `text` may be cut, given that it was searched up to `searched` before."""
    if split == "grapheme":
        yield from _graphemes(text, searched)
        return
    for found in _compiled(_BOUNDARIES[split]).finditer(text):
        end = found.end()
        if end >= searched and not (split == "sentence" and _ends_in_abbreviation(text, end)):
            yield end


def _ends_in_abbreviation(text: str, end: int) -> bool:
    return _compiled(_ABBREVIATION).search(text, end - _LOOK_BACK, end) is not None


def _graphemes(text: str, searched: int) -> Iterator[int]:
    begin = 0
    for at in range(max(1, searched), len(text)):
        if not _joins(text, at, begin):
            begin = at
            yield at


def _joins(text: str, at: int, begin: int) -> bool:
    """Whether the character at `at` belongs to the grapheme that begins at `begin` (UAX 29, abridged)."""
    before, char = text[at - 1], text[at]
    if before in "\r\n" or char in "\r\n":
        return before + char == "\r\n"
    if unicodedata.category(char) in ("Mn", "Mc", "Me") or char == "\u200d":
        return True
    if before == "\u200d" or "\u1160" <= char <= "\u11ff" or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if "\U000e0020" <= char <= "\U000e007f":
        return True
    if not "\U0001f1e6" <= char <= "\U0001f1ff":
        return False
    flags = re.search("[\U0001f1e6-\U0001f1ff]*$", text[begin:at])
    return flags is not None and len(flags[0]) % 2 == 1


def whole_graphemes(text: str) -> int:
    """How many characters come before the last grapheme of `text`, which may yet grow."""
    at = len(text) - 1
    if text.isascii():
        return max(0, at - text.endswith("\r\n"))
    while at > 0 and _joins(text, at, 0):
        at -= 1
    return max(0, at)


class Shaper:
    """Re-cuts and buffers the text of one run; joined, the pieces are the text."""

    def __init__(self, split: str, buffer_size: int) -> None:
        self._split = split
        self._size = buffer_size
        self._units: list[str] = []  # cut, waiting for the buffer to fill
        self._tail: list[str] = []  # not cut yet, in the pieces in which it came
        self._before = ""  # the end of the tail, for boundaries that begin there
        self._ends: deque[int] = deque()  # where tokens not handed out end, in characters
        self._taken = self._given = self._index = 0

    @property
    def withheld(self) -> str:
        return "".join(self._units + self._tail)

    def push(self, text: str) -> list[Piece]:
        return self.push_all((text,))

    def push_all(self, texts: Sequence[str]) -> list[Piece]:
        """Take texts that came together, none of them empty; the pieces that are complete now."""
        ends = list(itertools.accumulate(map(len, texts), initial=self._taken))
        self._ends.extend(ends[1:])
        self._taken = ends[-1]
        if self._split == "token":
            self._units.extend(texts)
        else:
            self._cut("".join(texts))
        return self._pieces(len(self._units) - len(self._units) % self._size)

    def flush(self) -> list[Piece]:
        if self._tail:
            self._units.append("".join(self._tail))
            self._tail, self._before = [], ""
        return self._pieces(len(self._units))

    def _cut(self, text: str) -> None:
        begin = known = len(self._before)
        view = self._before + text
        for end in _boundaries(self._split, view, known):
            unit = view[begin:end]
            if self._tail:
                unit, self._tail = "".join([*self._tail, unit]), []
            self._units.append(unit)
            begin, self._before = end, ""
        if rest := view[begin:]:
            self._tail.append(rest)
            self._before = (self._before + rest)[-_LOOK_BACK:]

    def _pieces(self, count: int) -> list[Piece]:
        if not count:
            return []
        units, self._units = self._units[:count], self._units[count:]
        return [self._numbered("".join(units[at : at + self._size])) for at in range(0, count, self._size)]

    def _numbered(self, text: str) -> Piece:
        while self._ends and self._ends[0] <= self._given:
            self._ends.popleft()
            self._index += 1
        self._given += len(text)
        return text, self._index


def buffered(tokens: Iterable[str], size: int) -> Iterator[str]:
    """Join tokens by count, lazily; closes `tokens` when the consumer stops."""
    shaper = Shaper("token", size)
    try:
        for token in tokens:
            yield from (text for text, _ in shaper.push(token))
        yield from (text for text, _ in shaper.flush())
    finally:
        close = getattr(tokens, "close", None)
        if callable(close):
            close()

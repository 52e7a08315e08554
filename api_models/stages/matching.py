"""Patterns in text that comes in pieces: found wherever it is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .policy import Block, Judge, Replace, Verdict

_CONTEXT = 256
"""Characters that are kept behind what is decided, for what looks back: a boundary, a look-behind."""

Decide = Callable[[str], Replace | Block]


class _Matching(Judge):
    """Lets text through up to a match, which `decide` decides about."""

    def __init__(self, pattern: re.Pattern[str], decide: Decide) -> None:
        self._pattern = pattern
        self._decide = decide
        self._text = ""
        self._at = 0  # up to where it is decided

    @property
    def held(self) -> str:
        return self._text[self._at :]

    def _take(self, text: str) -> None:
        if self._at > 2 * _CONTEXT:
            self._text, self._at = self._text[self._at - _CONTEXT :], _CONTEXT
        self._text += text

    def _pass(self, end: int) -> Iterator[str]:
        """Let through what comes before `end`."""
        if end > self._at:
            start, self._at = self._at, end
            yield self._text[start:end]

    def _match(self, start: int, end: int) -> Iterator[Verdict]:
        yield from self._pass(start)
        self._at = end
        yield self._decide(self._text[start:end])


class Searching(_Matching):
    """For a pattern of which is known how its matches begin: keeps nothing back but what may become one.

    `begun` matches, up to the end of the text, what a match may begin with; a match that may yet grow too.
    What `more` matches right behind a match is taken away with it, however long it is.
    """

    def __init__(self, pattern: re.Pattern[str], begun: str, decide: Decide, more: str = "") -> None:
        super().__init__(pattern, decide)
        # What may yet grow comes first: only when it cannot, a shorter match counts.
        self._begun_or_whole = re.compile(rf"(?:{begun})\Z|(?:{pattern.pattern})", pattern.flags)
        self._more = re.compile(f"(?:{more})*") if more else None
        self._is_behind_match = False

    def push(self, text: str) -> Iterator[Verdict]:
        self._take(text)
        if self._is_behind_match:
            yield from self._take_away()
        text, search = self._text, self._begun_or_whole.search
        while found := search(text, self._at):
            start, end = found.span()
            if end == len(text):  # it may yet grow
                yield from self._pass(start)
                return
            yield from self._match(start, end)
            yield from self._take_away()
        yield from self._pass(len(text))

    def end(self) -> Iterator[Verdict]:
        while found := self._pattern.search(self._text, self._at):
            yield from self._match(*found.span())
            yield from self._take_away()
        yield from self._pass(len(self._text))

    def _take_away(self) -> Iterator[Verdict]:
        if self._more is not None and (found := self._more.match(self._text, self._at)):
            self._at = found.end()
            self._is_behind_match = self._at == len(self._text)
            if found[0]:
                yield Replace("", found[0])


class Stepping(_Matching):
    """For any pattern: what it matches at a place is decided when `window` characters behind it are there.

    So it depends on the text alone, and not on its cuts. A longer match is cut off there.
    """

    def __init__(self, pattern: re.Pattern[str], window: int, decide: Decide) -> None:
        super().__init__(pattern, decide)
        self._window = window

    def push(self, text: str) -> Iterator[Verdict]:
        self._take(text)
        return self._step(len(self._text) - self._window)

    def end(self) -> Iterator[Verdict]:
        return self._step(len(self._text))

    def _step(self, end: int) -> Iterator[Verdict]:
        text, match, width = self._text, self._pattern.match, self._window + 1
        at = self._at
        while at < end:
            found = match(text, at, at + width)
            if found is None or found.end() == at:  # nothing, or an empty match
                at += 1
            else:
                yield from self._match(at, found.end())
                at = self._at
        yield from self._pass(at)

"""What was handed out in one run, kept so that it can be read again."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from typing import Any

Token = tuple[str, int, float]
"""Text in the log, its index, and its time in seconds: an object for each would cost ten times as much."""


class _Block:
    """A stretch of the log: open it is a list, closed it is one text and its cuts."""

    __slots__ = ("cuts", "entries", "others", "text")

    def __init__(self) -> None:
        self.entries: list[Token | Any] | None = []

    def close(self, keep_cuts: bool) -> None:
        entries = self.entries or []
        tokens = [entry for entry in entries if isinstance(entry, tuple)]
        self.text = "".join([text for text, _, _ in tokens])
        self.others = [(at, entry) for at, entry in enumerate(entries) if not isinstance(entry, tuple)]
        if tokens and not keep_cuts:
            tokens = [(self.text, *tokens[0][1:])]
            self.others = [(1 + at, entry) for at, (_, entry) in enumerate(self.others)]
        lengths, indices, times = zip(*tokens, strict=True) if tokens else ((), (), ())
        self.cuts = array("L", map(len, lengths)), array("L", indices), array("f", times)
        self.entries = None  # last: a reader that finds None finds the rest in place

    def read(self) -> list[Token | Any]:
        """The entries; while the block is open the list itself, so that a reader sees it grow."""
        entries = self.entries
        if entries is not None:
            return entries
        entries, start = [], 0
        for length, index, elapsed in zip(*self.cuts, strict=True):
            entries.append((self.text[start : start + length], index, elapsed))
            start += length
        for at, entry in self.others:
            entries.insert(at, entry)
        return entries

    def joined(self) -> str:
        entries = self.entries
        if entries is None:
            return self.text
        return "".join([entry[0] for entry in entries if isinstance(entry, tuple)])


class Log:
    """All that one run handed out, in order, for any number of readers that may join at any time.

    An entry is a `Token` or anything that is no tuple. Only one thread writes. Readers follow blocks
    that only grow; a block that a reader is inside of stays its own when it closes. Without
    `keep_cuts`, text that has passed is kept without its cuts: a late reader gets it in larger pieces.
    """

    _BLOCK = 1024

    def __init__(self, keep_cuts: bool = True) -> None:
        self._keep_cuts = keep_cuts
        self._blocks = [_Block()]
        self._origin = 0  # the block with which the text that counts begins
        self._open = self._blocks[0].read()
        self._ended = False
        self._waiting = 0
        # Wakes readers that have read all there is; the writer takes it only when one waits.
        self._grown = threading.Condition()

    def add(self, entry: Token | Any) -> None:
        self._open.append(entry)
        if len(self._open) >= self._BLOCK:
            self._next_block()
        if self._waiting:
            self._wake()

    def reset(self) -> None:
        """Begin an empty text; what came before stays among the entries."""
        self._next_block()
        self._origin = len(self._blocks) - 1

    def end(self) -> None:
        self._ended = True
        self._wake()

    def text(self) -> str:
        return "".join([block.joined() for block in self._blocks[self._origin :]])

    def tokens(self) -> Iterator[str]:
        """The texts added since the last reset before the call, to the end of the run."""
        for entry in self._follow(self._origin):
            if isinstance(entry, tuple):
                yield entry[0]

    def entries(self) -> Iterator[Token | Any]:
        """All that was added, from the first to the end of the run; text as `Token`."""
        return self._follow(0)

    def _next_block(self) -> None:
        full = self._blocks[-1]
        self._blocks.append(_Block())
        self._open = self._blocks[-1].read()
        full.close(self._keep_cuts)

    def _wake(self) -> None:
        with self._grown:
            self._grown.notify_all()

    def _follow(self, number: int) -> Iterator[Token | Any]:
        while number < len(self._blocks):
            entries, position = self._blocks[number].read(), 0
            while position < len(entries) or self._more(number, entries, position):
                yield entries[position]
                position += 1
            number += 1

    def _more(self, number: int, entries: list[Token | Any], position: int) -> bool:
        """Wait until the block has more than `position` entries; False when it gets no more."""
        with self._grown:
            self._waiting += 1  # before the look: the writer adds first and looks second
            try:
                while True:
                    full = self._ended or number + 1 < len(self._blocks)  # before the length
                    if position < len(entries) or full:
                        return position < len(entries)
                    self._grown.wait()
            finally:
                self._waiting -= 1

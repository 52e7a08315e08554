"""What was delivered in one run, kept so that it can be read again."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator

from .stream_events import StreamEvent, TokenReceived

Token = tuple[str, int, float]
"""A delivery in the log: text, index, seconds since the start. A `TokenReceived` costs ten times as much."""


class _Block:
    """A stretch of the log: open it is a list, closed it is one text and its cuts."""

    __slots__ = ("cuts", "entries", "events", "text")

    def __init__(self) -> None:
        self.entries: list[Token | StreamEvent] | None = []

    def close(self, keep_cuts: bool) -> None:
        entries = self.entries or []
        tokens = [entry for entry in entries if isinstance(entry, tuple)]
        self.text = "".join([text for text, _, _ in tokens])
        self.events = [(at, event) for at, event in enumerate(entries) if not isinstance(event, tuple)]
        if tokens and not keep_cuts:
            tokens = [(self.text, *tokens[0][1:])]
            self.events = [(1 + at, event) for at, (_, event) in enumerate(self.events)]
        lengths, indices, times = zip(*tokens, strict=True) if tokens else ((), (), ())
        self.cuts = array("L", map(len, lengths)), array("L", indices), array("f", times)
        self.entries = None  # last: a reader that finds None finds the rest in place

    def read(self) -> list[Token | StreamEvent]:
        """The entries; while the block is open the list itself, so that a reader sees it grow."""
        entries = self.entries
        if entries is not None:
            return entries
        entries, start = [], 0
        for length, index, elapsed in zip(*self.cuts, strict=True):
            entries.append((self.text[start : start + length], index, elapsed))
            start += length
        for at, event in self.events:
            entries.insert(at, event)
        return entries

    def joined(self) -> str:
        entries = self.entries
        if entries is None:
            return self.text
        return "".join([entry[0] for entry in entries if isinstance(entry, tuple)])


class StreamLog:
    """All that one run delivered, in order, for any number of readers that may join at any time.

    Only the delivering thread writes. Readers follow blocks that only grow; a block that a reader
    is inside of stays its own when it closes. Without `keep_cuts`, text that has passed is kept
    without its cuts: a late reader gets it in larger pieces.
    """

    _BLOCK = 1024

    def __init__(self, stream_id: str, keep_cuts: bool = True) -> None:
        self._stream_id = stream_id
        self._keep_cuts = keep_cuts
        self._blocks = [_Block()]
        self._origin = 0  # the block with which the text that counts begins
        self._open = self._blocks[0].read()
        self._ended = False
        self._waiting = 0
        # Wakes readers that have read all there is; the writer takes it only when one waits.
        self._grown = threading.Condition()

    def add(self, entry: Token | StreamEvent) -> None:
        self._open.append(entry)
        if len(self._open) >= self._BLOCK:
            self._next_block()
        if self._waiting:
            self._wake()

    def reset(self) -> None:
        """Begin an empty text; what was delivered before stays readable as events."""
        self._next_block()
        self._origin = len(self._blocks) - 1

    def end(self) -> None:
        self._ended = True
        self._wake()

    def text(self) -> str:
        return "".join([block.joined() for block in self._blocks[self._origin :]])

    def tokens(self) -> Iterator[str]:
        """The texts delivered since the last reset before the call, to the end of the run."""
        for entry in self._follow(self._origin):
            if isinstance(entry, tuple):
                yield entry[0]

    def events(self) -> Iterator[StreamEvent]:
        for entry in self._follow(0):
            if isinstance(entry, StreamEvent):
                yield entry
            else:
                text, index, elapsed = entry
                yield TokenReceived(self._stream_id, elapsed, text, index)

    def _next_block(self) -> None:
        full = self._blocks[-1]
        self._blocks.append(_Block())
        self._open = self._blocks[-1].read()
        full.close(self._keep_cuts)

    def _wake(self) -> None:
        with self._grown:
            self._grown.notify_all()

    def _follow(self, number: int) -> Iterator[Token | StreamEvent]:
        while number < len(self._blocks):
            entries, position = self._blocks[number].read(), 0
            while position < len(entries) or self._more(number, entries, position):
                yield entries[position]
                position += 1
            number += 1

    def _more(self, number: int, entries: list[Token | StreamEvent], position: int) -> bool:
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

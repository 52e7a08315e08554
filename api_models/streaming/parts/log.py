"""What was handed out in one run, kept so that it can be read again."""

from __future__ import annotations

import itertools
import threading
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

Token = tuple[str, int, float]
"""Text in the log, its index, and its time in seconds: an object for each would cost ten times as much."""

_Run = tuple[int, int, float]
"""Where texts begin that came together, the index of the first, and their time."""

_Other = tuple[int, Any]
"""What is no text, behind the number of texts before it."""

_Content = tuple[list[str], list[_Run], list[_Other]]


class _Block:
    """A stretch of the log: open it holds its texts one by one, closed where they stand in the log's text."""

    __slots__ = ("_begin", "_cuts", "open")

    def __init__(self) -> None:
        self.open: _Content | None = [], [], []

    def close(self, begin: int, keep_cuts: bool) -> None:
        """Keep the lengths of the texts, which stand in the text of the log from `begin` on."""
        texts, runs, others = self.read("")
        lengths = list(map(len, texts))
        if texts and not keep_cuts:
            lengths, runs, others = [sum(lengths)], runs[:1], [(1, entry) for _, entry in others]
        places, indices, times = zip(*runs, strict=True) if runs else ((), (), ())
        kind = "B" if max(lengths, default=0) < 1 << 8 else "L"
        self._begin = begin
        self._cuts = array(kind, lengths), _packed(places), _packed(indices), array("f", times), others
        self.open = None  # last: a reader that finds None finds the rest in place

    def read(self, text: str) -> _Content:
        """What it holds; while the block is open the lists themselves, so that a reader sees them grow."""
        content = self.open
        if content is not None:
            return content
        lengths, places, indices, times, others = self._cuts
        ends = itertools.accumulate(lengths, initial=self._begin)
        texts = [text[start:end] for start, end in itertools.pairwise(ends)]
        return texts, list(zip(places, indices, times, strict=True)), others


def _packed(numbers: Sequence[int]) -> Sequence[int]:
    """The same numbers in little room: they mostly follow each other."""
    span = range(numbers[0], numbers[0] + len(numbers)) if numbers else range(0)
    return span if tuple(span) == numbers else array("L", numbers)


class Log:
    """All that one run handed out, in order, for any number of readers that may join at any time.

    An entry is a `Token` or anything that is no tuple. Only one thread writes. Readers follow blocks
    that only grow; a block that a reader is inside of stays its own when it closes. Without
    `keep_cuts`, text that has passed is kept without its cuts: a late reader gets it in larger pieces.
    """

    _BLOCK = 1024

    def __init__(self, keep_cuts: bool = True) -> None:
        self._keep_cuts = keep_cuts
        self._text = ""  # of all closed blocks
        self._blocks = [_Block()]
        self._origin = 0, 0  # the block with which the text that counts begins, and where it does
        self._texts, self._runs, self._others = self._blocks[0].read("")
        self._ended = False
        self.waiting = 0
        """Readers that have read all there is."""
        # Guards the text of the closed blocks, which is not whole while it grows; and wakes readers
        # that have read all there is. The writer takes it when one waits, or when a block is full.
        self._grown = threading.Condition()

    def add(self, entry: Token | Any) -> None:
        if isinstance(entry, tuple):
            text, index, at = entry
            self.begin_run(index, at).append(text)
        else:
            self._others.append((len(self._texts), entry))
        self.end_run()

    def begin_run(self, index: int, at: float) -> list[str]:
        """For texts that came together, numbered from `index`: append them here, then `end_run`.

        Whoever appends looks at `waiting` behind each, and calls `wake`.
        """
        self._runs.append((len(self._texts), index, at))
        return self._texts

    def end_run(self) -> None:
        if len(self._texts) + len(self._others) >= self._BLOCK:
            self._next_block()
        if self.waiting:
            self.wake()

    def wake(self) -> None:
        """Let the readers look again."""
        with self._grown:
            self._grown.notify_all()

    def reset(self) -> None:
        """Begin an empty text; what came before stays among the entries."""
        self._next_block()
        self._origin = len(self._blocks) - 1, len(self._text)

    def end(self) -> None:
        self._ended = True
        self.wake()

    def text(self) -> str:
        """All text since the last reset; called by who writes."""
        self._next_block()  # so that it stands in one piece, which need not be copied
        return self._text[self._origin[1] :]

    def tokens(self) -> Iterator[str]:
        """The texts added since the last reset before the call, to the end of the run."""
        for entry in self._follow(self._origin[0]):
            if isinstance(entry, tuple):
                yield entry[0]

    def entries(self) -> Iterator[Token | Any]:
        """All that was added, from the first to the end of the run; text as `Token`."""
        return self._follow(0)

    def _next_block(self) -> None:
        full = self._blocks[-1]
        self._blocks.append(_Block())
        texts = "".join(self._texts)
        self._texts, self._runs, self._others = self._blocks[-1].read("")
        with self._grown:
            text, self._text = self._text, ""
            full.close(len(text), self._keep_cuts)
            text += texts  # in place, as nobody else holds it
            self._text = text

    def _follow(self, number: int) -> Iterator[Token | Any]:
        while number < len(self._blocks):
            with self._grown:
                content = self._blocks[number].read(self._text)
            yield from self._follow_block(number, *content)
            number += 1

    def _follow_block(
        self, number: int, texts: list[str], runs: list[_Run], others: list[_Other]
    ) -> Iterator[Token | Any]:
        text_at = run_at = other_at = 0
        while True:
            known = len(texts)  # first: what stands before a text was added before it
            if other_at < len(others) and others[other_at][0] <= text_at:
                yield others[other_at][1]
                other_at += 1
            elif text_at < known:
                while run_at + 1 < len(runs) and runs[run_at + 1][0] <= text_at:
                    run_at += 1
                begin, index, at = runs[run_at]
                yield texts[text_at], index + text_at - begin, at
                text_at += 1
            elif not self._grows(number, text_at + other_at, texts, others):
                return

    def _grows(self, number: int, read: int, texts: list[str], others: list[_Other]) -> bool:
        """Wait until the block holds more than was read of it; False when it gets no more."""
        with self._grown:
            self.waiting += 1  # before the look: the writer adds first and looks second
            try:
                while True:
                    is_full = self._ended or number + 1 < len(self._blocks)  # before the look
                    if is_full or len(texts) + len(others) > read:
                        return len(texts) + len(others) > read
                    self._grown.wait()
            finally:
                self.waiting -= 1

"""What was handed out in one run, kept so that it can be read again."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Token = tuple[str, int, float]
"""Text in the log, its index, and its time in seconds: an object for each would cost ten times as much."""
Wake = Callable[[], Any]
"""Tells a reader that there is more; called on the writer's thread, so it must not block."""


class _Block:
    """A stretch of the log: open it is a list, closed it is one text and its cuts."""

    __slots__ = ("cuts", "entries", "others", "text")

    def __init__(self) -> None:
        self.entries: list[Token | Any] | None = []

    def close(self, keep_cuts: bool) -> None:
        tokens: Sequence[Token] = self.entries or []
        self.others: list[tuple[int, Any]] = []
        if set(map(type, tokens)) != {tuple}:
            self.others = [(at, entry) for at, entry in enumerate(tokens) if not isinstance(entry, tuple)]
            tokens = [entry for entry in tokens if isinstance(entry, tuple)]
        texts, indices, times = zip(*tokens, strict=True) if tokens else ((), (), ())
        self.text = "".join(texts)
        if tokens and not keep_cuts:
            texts, indices, times = (self.text,), indices[:1], times[:1]
            self.others = [(1 + at, entry) for at, (_, entry) in enumerate(self.others)]
        self.cuts = _packed(tuple(map(len, texts))), _packed(indices), array("f", times)
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


def _packed(numbers: tuple[int, ...]) -> Sequence[int]:
    """The same numbers in little memory: a range where they count up, as indices do."""
    first = numbers[0] if numbers else 0
    counting = range(first, first + len(numbers))
    if numbers == tuple(counting):
        return counting
    try:
        return bytes(numbers)
    except ValueError:
        return array("L", numbers)


class Cursor:
    """One reader's place in a log: all from there on, in order, once, whenever it asks."""

    def __init__(self, log: Log, number: int, position: int = 0) -> None:
        self._log = log
        self._number = number
        self._position = position
        self._entries = log.block(number)
        self._wake: Wake | None = None
        self._stopped = False

    def poll(self, wake: Wake) -> list[Token | Any] | None:
        """What has come since, without waiting; None when nothing more will.

        After an empty answer `wake` is called once, on whatever thread, as soon as there is more.
        """
        self._wake = wake
        for _ in range(2):  # once more after asking to be woken: the writer adds first and looks second
            over = self._log.ended or self._stopped  # before the look
            found = self._take()
            if found or over:
                return found or None
            self._log.sleep(wake)
        return []

    def follow(self) -> Iterator[Token | Any]:
        """All from here to the end of the run, waiting for what has not come yet."""
        awake = threading.Event()
        try:
            while (entries := self.poll(awake.set)) is not None:
                if not entries:
                    awake.wait()
                    awake.clear()
                yield from entries
        finally:
            self.rest()

    def rest(self) -> None:
        """Ask to be woken no more."""
        if self._wake is not None:
            self._log.forget(self._wake)

    def so_far(self) -> list[Token | Any]:
        """All from here to this moment."""
        entries: list[Token | Any] = []
        while found := self._take():
            entries += found
        return entries

    def stop(self) -> None:
        """Make `follow`, and whoever polls, end soon; any thread."""
        self._stopped = True
        if self._wake is not None:
            self._wake()

    def _take(self) -> list[Token | Any]:
        while True:
            is_full = self._log.has_block(self._number + 1)  # before the look
            found = self._entries[self._position :]
            self._position += len(found)
            if found or not is_full:
                return found
            self._number, self._position = self._number + 1, 0
            self._entries = self._log.block(self._number)


class Log:
    """All that one run handed out, in order, for any number of readers that may join at any time.

    An entry is a `Token` or anything that is no tuple. Only one thread writes. Readers follow blocks
    that only grow; a block that a reader is inside of stays its own when it closes. Without
    `keep_cuts`, text that has passed is kept without its cuts: a late reader gets it in larger pieces.
    """

    _BLOCK = 1024

    def __init__(self, keep_cuts: bool = True) -> None:
        self.ended = False
        self._keep_cuts = keep_cuts
        self._blocks = [_Block()]
        self._origin = 0  # the block with which the text that counts begins
        self._open = self._blocks[0].read()
        self._sleepers: set[Wake] = set()
        # Guards the change of the sleepers; the writer takes it only when there are any.
        self._lock = threading.Lock()

    def add(self, entry: Token | Any) -> None:
        self._open.append(entry)
        if len(self._open) >= self._BLOCK:
            self._next_block()
        if self._sleepers:
            self._wake()

    def reset(self) -> None:
        """Begin an empty text; what came before stays among the entries."""
        self._next_block()
        self._origin = len(self._blocks) - 1

    def end(self) -> None:
        self.ended = True
        self._wake()

    def text(self) -> str:
        return "".join([block.joined() for block in self._blocks[self._origin :]])

    def tokens(self) -> Iterator[str]:
        """The texts added since the last reset before the call, to the end of the run."""
        for entry in self.text_cursor().follow():
            if isinstance(entry, tuple):
                yield entry[0]

    def entries(self) -> Iterator[Token | Any]:
        """All that was added, from the first to the end of the run; text as `Token`."""
        return self.cursor().follow()

    def cursor(self) -> Cursor:
        """A reader that begins with the first entry."""
        return Cursor(self, 0)

    def text_cursor(self) -> Cursor:
        """A reader that begins with the text that counts now."""
        return Cursor(self, self._origin)

    def end_cursor(self) -> Cursor:
        """A reader that begins with the entry that comes next."""
        number = len(self._blocks) - 1
        return Cursor(self, number, len(self.block(number)))

    def block(self, number: int) -> list[Token | Any]:
        return self._blocks[number].read()

    def has_block(self, number: int) -> bool:
        return number < len(self._blocks)

    def sleep(self, wake: Wake) -> None:
        """Have `wake` called at the next entry, once."""
        with self._lock:
            self._sleepers.add(wake)

    def forget(self, wake: Wake) -> None:
        with self._lock:
            self._sleepers.discard(wake)

    def _next_block(self) -> None:
        full = self._blocks[-1]
        self._blocks.append(_Block())
        self._open = self._blocks[-1].read()
        full.close(self._keep_cuts)

    def _wake(self) -> None:
        with self._lock:
            sleepers, self._sleepers = self._sleepers, set()
        for wake in sleepers:
            wake()

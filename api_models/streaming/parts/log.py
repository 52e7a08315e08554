"""What was handed out in one run, kept so that it can be read again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from .blocks import Block, Content, OpenRuns, Other, Runs

Token = tuple[str, int, float]
"""Text in the log, its index, and its time in seconds: an object for each would cost ten times as much."""


def is_token(entry: Token | Any) -> bool:
    return isinstance(entry, tuple) and isinstance(entry[0], str)


Wake = Callable[[], Any]
"""Tells a reader that there is more; called on the writer's thread, so it must not block."""


class Cursor:
    """One reader's place in a log: all from there on, in order, once, whenever it asks."""

    def __init__(self, log: Log, number: int, texts: int = 0, others: int = 0) -> None:
        self._log = log
        self._number = number  # of the block, of which so much was read:
        self._text_at, self._run_at, self._other_at = texts, 0, others
        self._content = log.block(number)
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
            found = self._read_on()
            if found or not is_full:
                return found
            self._number += 1
            self._text_at = self._run_at = self._other_at = 0
            self._content = self._log.block(self._number)

    def _read_on(self) -> list[Token | Any]:
        texts, runs, others = self._content
        known = len(texts)  # first: what stands before a text was added before it
        found: list[Token | Any] = []
        while True:
            if self._other_at < len(others) and others[self._other_at][0] <= self._text_at:
                found.append(others[self._other_at][1])
                self._other_at += 1
            elif self._text_at < known:
                found.append(self._token(texts, runs))
            else:
                return found

    def _token(self, texts: list[str], runs: Runs) -> Token:
        at, places = self._text_at, runs.places
        while self._run_at + 1 < len(places) and places[self._run_at + 1] <= at:
            self._run_at += 1
        number = self._run_at
        self._text_at += 1
        return texts[at], runs.indices[number] + at - places[number], runs.times[number]


class Log:
    """All that one run handed out, in order, for any number of readers that may join at any time.

    An entry is a `Token` or anything else. Only one thread writes. Readers follow blocks
    that only grow; a block that a reader is inside of stays its own when it closes. Without
    `keep_cuts`, text that has passed is kept without its cuts: a late reader gets it in larger pieces.
    """

    _BLOCK = 1024

    def __init__(self, keep_cuts: bool = True) -> None:
        self.ended = False
        self.sleepers: set[Wake] = set()
        """Those to be woken by the next entry."""
        self._keep_cuts = keep_cuts
        self._text = ""  # of all closed blocks
        self._blocks: list[Block] = []
        self._open_block()
        self._origin = 0, 0  # the block with which the text that counts begins, and where it does
        # Guards the change of the sleepers and of the closed blocks; the writer takes it only when there
        # are any, and when a block is full.
        self._lock = threading.Lock()

    def add(self, entry: Token | Any) -> None:
        if is_token(entry):
            text, index, at = entry
            self.begin_run(index, at).append(text)
        else:
            self._others.append((len(self._texts), entry))
        self.end_run()

    def begin_run(self, index: int, at: float) -> list[str]:
        """For texts that came together, numbered from `index`: append them here, then `end_run`.

        Whoever appends looks at `sleepers` behind each, and calls `wake` if there are any.
        """
        self._runs.add(len(self._texts), index, at)
        return self._texts

    def end_run(self) -> None:
        if len(self._texts) + len(self._others) >= self._BLOCK:
            self._next_block()
        if self.sleepers:
            self.wake()

    def wake(self) -> None:
        """Let the readers that sleep look again."""
        with self._lock:
            sleepers, self.sleepers = self.sleepers, set()
        for wake in sleepers:
            wake()

    def reset(self) -> None:
        """Begin an empty text; what came before stays among the entries."""
        self._next_block()
        self._origin = len(self._blocks) - 1, len(self._text)

    def end(self) -> None:
        self.ended = True
        self.wake()

    def text(self) -> str:
        """All text since the last reset; any thread."""
        with self._lock:
            return (self._text + "".join(self._texts))[self._origin[1] :]

    def length(self) -> int:
        """Characters of all text since the last reset, for who writes."""
        return len(self._text) + sum(map(len, self._texts)) - self._origin[1]

    def final_text(self) -> str:
        """The same, for who writes and will not go on: it stands in one piece then, and is not copied."""
        self._next_block()
        return self._text[self._origin[1] :]

    def tokens(self) -> Iterator[str]:
        """The texts added since the last reset before the call, to the end of the run."""
        for entry in self.text_cursor().follow():
            if is_token(entry):
                yield entry[0]

    def entries(self) -> Iterator[Token | Any]:
        """All that was added, from the first to the end of the run; text as `Token`."""
        return self.cursor().follow()

    def cursor(self) -> Cursor:
        """A reader that begins with the first entry."""
        return Cursor(self, 0)

    def text_cursor(self) -> Cursor:
        """A reader that begins with the text that counts now."""
        return Cursor(self, self._origin[0])

    def end_cursor(self) -> Cursor:
        """A reader that begins with the entry that comes next."""
        number = len(self._blocks) - 1
        texts, _, others = self.block(number)
        return Cursor(self, number, len(texts), len(others))

    def block(self, number: int) -> Content:
        with self._lock:
            return self._blocks[number].read(self._text)

    def has_block(self, number: int) -> bool:
        return number < len(self._blocks)

    def sleep(self, wake: Wake) -> None:
        """Have `wake` called at the next entry, once."""
        with self._lock:
            self.sleepers.add(wake)

    def forget(self, wake: Wake) -> None:
        with self._lock:
            self.sleepers.discard(wake)

    def _next_block(self) -> None:
        with self._lock:
            text, self._text = self._text, ""
            self._blocks[-1].close(len(text), self._keep_cuts)
            text += "".join(self._texts)  # in place, as nobody else holds it
            self._text = text
            self._open_block()

    def _open_block(self) -> None:
        self._texts: list[str] = []
        self._runs = OpenRuns()
        self._others: list[Other] = []
        self._blocks.append(Block((self._texts, self._runs, self._others)))

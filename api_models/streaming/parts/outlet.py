"""Text between its arrival and its delivery: in which pieces it goes out, and when."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from .cutting import Piece, Shaper


class Pacer:
    """When the next piece is due: at a fixed rate, or as steadily as the backlog allows."""

    _WINDOW = 0.5  # seconds in which a smoothed backlog is worked off
    _SLOWEST = 0.05  # seconds between smoothed pieces when there is hardly a backlog

    def __init__(self, rate: float | None, smooth: bool) -> None:
        self._interval = 1 / rate if rate else self._SLOWEST
        self._smooth = smooth
        self._next = 0.0

    def book(self, now: float, waiting: int, ending: bool) -> float:
        """The time at which a piece is due that has `waiting` more behind it."""
        interval = self._interval
        if self._smooth:
            interval = 0.0 if ending else min(interval, self._WINDOW / (waiting + 1))
        due = max(self._next, now) if interval else now
        self._next = due + interval
        return due


class Outlet:
    """Takes text, and gives the pieces that are due; what is no text keeps its place among them.

    `buffer_seconds` is the longest time text may be withheld, by the clock `elapsed`; None for no
    limit. Belongs to one thread.
    """

    def __init__(
        self,
        split: str,
        buffer_size: int,
        buffer_seconds: float | None,
        pacer: Pacer | None,
        elapsed: Callable[[], float],
    ) -> None:
        self.pieces: deque[Piece | Any] = deque()
        """Cut, in the order to hand out."""
        self.ending = False
        """Whether no more text will come, so that a smoothed end need not linger."""
        self._shape = split, buffer_size
        self._buffer_seconds = buffer_seconds
        self._elapsed = elapsed
        self._pacer = pacer
        self.reset()
        self.is_paced = pacer is not None
        self.is_plain = self._shaper is None and pacer is None
        """Whether all text goes out as it comes and at once."""

    def reset(self) -> None:
        """Forget the text that is not cut yet, and count from 0 again."""
        recuts = self._shape != ("token", 1)
        self._shaper = Shaper(*self._shape) if recuts else None
        self._withheld_since: float | None = None

    def push(self, texts: Sequence[str], index: int) -> None:
        """Take texts that came together, numbered from `index`; none of them is empty."""
        if self._shaper is None:
            self.pieces.extend(zip(texts, itertools.count(index)))  # as many as there are
            return
        pieces = self._shaper.push_all(texts)
        self.pieces.extend(pieces)
        if pieces or self._withheld_since is None:  # what is withheld now came just now
            self._withheld_since = self._elapsed() if self._shaper.withheld else None

    def put(self, thing: Any) -> None:
        """Take what is no text: it goes out whole, after all the text before it."""
        self.flush()
        self.pieces.append(thing)

    def flush(self) -> None:
        """Cut loose all that is withheld."""
        if self._shaper is not None:
            self.pieces.extend(self._shaper.flush())

    def flush_due(self) -> float | None:
        """Cut loose what was withheld too long; seconds until then, None if nothing is withheld."""
        if self._withheld_since is None or not self._buffer_seconds:
            return None
        left = self._withheld_since + self._buffer_seconds - self._elapsed()
        if left <= 0:
            self.flush()
            self._withheld_since = None
        return max(left, 0)

    def due(self, now: float, behind: int) -> float:
        """The time at which the first piece is due, with `behind` more to come after the others."""
        if self._pacer is None:
            return now
        return self._pacer.book(now, len(self.pieces) - 1 + behind, self.ending)

    def text(self) -> str:
        """All text that was taken and not handed out."""
        texts = [piece[0] for piece in self.pieces if isinstance(piece, tuple)]
        return "".join(texts) + (self._shaper.withheld if self._shaper is not None else "")

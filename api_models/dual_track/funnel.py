"""One bounded queue for what several threads say, in one order: that of arrival."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

# To be woken costs more than to take: who takes looks as often as a fast screen at most, and whatever
# comes after some silence is taken at once.
_REST = 0.008
_FEW = 32  # with so many waiting there is no rest


class Inlet:
    """Where one thread puts things in; it waits when too many pieces of its own have not been used yet."""

    def __init__(self, funnel: Funnel, number: int) -> None:
        self.used = 0
        """How many pieces were used; written by the taker alone."""
        self._funnel = funnel
        self._add = funnel.arrivals.append
        self._number = number
        self._allowed = 0  # may be put in all, as far as is known
        self._left = self._allow()  # of these

    def put(self, thing: Any, pieces: int = 1) -> None:
        """Add what others see behind all that was put before; once the funnel is closed nobody does."""
        self._add((self._number, thing))
        if self._funnel.is_awaited:
            self._funnel.wake()
        self._left -= pieces
        if self._left <= 0:
            self._funnel.wait_for_room(self)
            self._left += self._allow()

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return self._allowed - self._left >= self.used + self._funnel.limit

    def _allow(self) -> int:
        before, self._allowed = self._allowed, self.used + self._funnel.limit
        return self._allowed - before


class Funnel:
    """Several inlets, one taker.

    Adding needs no lock unless somebody waits: who adds looks for that behind it, who waits looks for
    what was added behind saying so.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """How many pieces of one inlet may be waiting."""
        self.arrivals: deque[tuple[int, Any]] = deque()
        """Each with the number of its inlet."""
        self.is_awaited = False
        """Whether the taker waits for an arrival."""
        self.is_closed = False
        self._took_at = 0.0
        self._full = 0  # threads that wait for room
        # Wakes the taker when something came, and who waits for room when there is some; guards the
        # notes of who waits.
        self._changed = threading.Condition()

    def take(self, timeout: float | None = None) -> list[Any]:
        """Wait for what comes next and take all there is; nothing after `timeout` seconds, or when closed."""
        arrivals, changed = self.arrivals, self._changed
        with changed:
            if len(arrivals) < _FEW:
                changed.wait_for(lambda: self.is_closed, self._took_at + _REST - time.monotonic())
            changed.wait_for(self._is_over, timeout)
            self.is_awaited = False
        self._took_at = time.monotonic()
        return [arrivals.popleft() for _ in range(len(arrivals))]

    def made_room(self) -> None:
        """Say that some were used: the taker calls it, having counted them."""
        if self._full:
            self.wake()

    def wake(self) -> None:
        with self._changed:
            self.is_awaited = False  # until the taker has looked: the next need not wake it as well
            self._changed.notify_all()

    def wait_for_room(self, inlet: Inlet) -> None:
        with self._changed:
            self._full += 1
            self._changed.wait_for(lambda: self.is_closed or not inlet.is_full)
            self._full -= 1

    def _is_over(self) -> bool:
        """Whether the taker's wait is; what it notes comes before its look."""
        self.is_awaited = True
        return bool(self.arrivals) or self.is_closed

    def close(self) -> None:
        """Let everybody go: nothing more is taken. Any thread, never blocks."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

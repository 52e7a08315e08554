"""One bounded queue for what several threads say, in one order: that of arrival."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

# To be woken costs more than to take: who takes looks as often as a fast screen at most, and whatever
# comes after some silence is taken at once.
_REST = 0.004
_FEW = 32  # with so many waiting there is no rest

Arrival = tuple[int, Any]
"""The number of the inlet, and what came through it."""


class Inlet:
    """Where one thread puts things in; it waits when too many of its own have not been used yet."""

    def __init__(self, funnel: Funnel, number: int) -> None:
        self.used = 0
        """How many were used; written by the taker alone."""
        self._funnel = funnel
        self._number = number
        self._put = 0

    def put(self, thing: Any) -> None:
        """Add what others see behind all that was put before; once the funnel is closed nobody does."""
        funnel = self._funnel
        self._put += 1
        funnel.arrivals.append((self._number, thing))
        if funnel.is_awaited:
            funnel.wake()
        if self._put - self.used >= funnel.limit:
            funnel.wait_for_room(self)

    @property
    def is_full(self) -> bool:
        return self._put - self.used >= self._funnel.limit


class Funnel:
    """Several inlets, one taker.

    Adding needs no lock unless somebody waits: who adds looks for that behind it, who waits looks for
    what was added behind saying so.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """How many things of one inlet may be waiting."""
        self.arrivals: deque[Arrival] = deque()
        self.is_awaited = False
        """Whether the taker waits for an arrival."""
        self.is_closed = False
        self._took_at = 0.0
        self._full = 0  # threads that wait for room
        # Wakes the taker when something came, and who waits for room when there is some; guards the
        # notes of who waits.
        self._changed = threading.Condition()

    def take(self, most: int, timeout: float | None = None) -> list[Arrival]:
        """Wait for what comes next, at most so many; nothing after `timeout` seconds, or when closed."""
        arrivals, changed = self.arrivals, self._changed
        with changed:
            if len(arrivals) < _FEW:
                changed.wait_for(lambda: self.is_closed, self._took_at + _REST - time.monotonic())
            changed.wait_for(self._is_over, timeout)
            self.is_awaited = False
        self._took_at = time.monotonic()
        return [arrivals.popleft() for _ in range(min(most, len(arrivals)))]

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

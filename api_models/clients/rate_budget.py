"""Staying within a provider's limits: so many requests and so many tokens a minute.

A request reserves what it may cost before it goes out, waiting in the order of arrival until there is
room, and settles what it did cost afterwards.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .guard_settings import BudgetSettings
from .limit_headers import ToldLimit, retry_after, told_limit

_TOLERANCE = 1e-6  # of a request or token: what is lost by adding fractions


@dataclass(frozen=True)
class BudgetSnapshot:
    """What is left at one moment, None where there is no limit; below 0 is a debt."""

    requests_left: float | None
    tokens_left: float | None
    waiting: int
    held_for: float
    """Seconds for which the provider asked to be left alone."""


class Reservation:
    """What one request may cost; settled or given back exactly once."""

    def __init__(self, tokens: float) -> None:
        self.tokens = tokens
        self._is_settled = False


class _Bucket:
    """Holds up to `capacity`, and fills by `rate` a second; it may be overdrawn."""

    def __init__(self, capacity: float, level: float, rate: float, now: float) -> None:
        self.level = level
        self._capacity = capacity
        self._rate = rate
        self._filled_at = now

    def fill(self, now: float) -> None:
        self.add((now - self._filled_at) * self._rate)
        self._filled_at = now

    def add(self, amount: float) -> None:
        self.level = min(self._capacity, self.level + amount)

    def delay(self, amount: float) -> float:
        """Seconds until there is so much; more than fits needs a full bucket, and leaves a debt."""
        lacking = min(amount, self._capacity) - self.level
        return lacking / self._rate if lacking > _TOLERANCE else 0.0


class _Limit:
    """Requests or tokens: what the user allows and, once the provider has said something, what it does."""

    def __init__(self, resource: str, per_minute: float, now: float) -> None:
        self.resource = resource
        self._per_minute = per_minute
        self.own = _Bucket(per_minute, per_minute, per_minute / 60, now)
        self.buckets = [self.own]

    def fill(self, now: float) -> None:
        for bucket in self.buckets:
            bucket.fill(now)

    def add(self, amount: float) -> None:
        for bucket in self.buckets:
            bucket.add(amount)

    def delay(self, amount: float) -> float:
        return max(bucket.delay(amount) for bucket in self.buckets)

    @property
    def left(self) -> float:
        return min(bucket.level for bucket in self.buckets)

    def correct(self, told: ToldLimit, now: float) -> None:
        """Replace what the provider said before; its bucket fills so that it is full when it said."""
        capacity = max(told.limit or self._per_minute, told.remaining)
        used = capacity - told.remaining
        rate = used / told.reset if used and told.reset else self._per_minute / 60
        self.buckets = [self.own, _Bucket(capacity, told.remaining, rate, now)]


class RateBudget:
    """Two budgets together; who waits longest goes first, however little the others need.

    `clock` counts seconds and never goes back.
    """

    def __init__(self, settings: BudgetSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        limits = (("requests", settings.requests_per_minute), ("tokens", settings.tokens_per_minute))
        self._limits = {name: _Limit(name, limit, now) for name, limit in limits if limit is not None}
        self._held_until = now
        self._queue: deque[Reservation] = deque()
        # Guards all of the above and the reservations' marks; wakes who waits when any of it has changed.
        self._changed = threading.Condition()

    def reserve(self, tokens: float, cancelled: threading.Event) -> Reservation | None:
        """Wait until there is room for a request of so many tokens, and take it.

        None if `cancelled` was set meanwhile; who sets it calls `wake`.
        """
        reservation = Reservation(tokens)
        with self._changed:
            self._queue.append(reservation)
            try:
                while not cancelled.is_set():
                    delay = self._delay(tokens) if self._queue[0] is reservation else None
                    if delay == 0:
                        self._add(-1, -tokens)
                        return reservation
                    self._changed.wait(delay if delay is None else min(delay, threading.TIMEOUT_MAX))
            finally:
                self._queue.remove(reservation)
                self._changed.notify_all()
        return None

    def wake(self) -> None:
        """Let everybody who waits look again. Any thread, never blocks for long."""
        with self._changed:
            self._changed.notify_all()

    def settle(self, reservation: Reservation, used_tokens: float) -> None:
        """Give back, or take, what the request used less or more than reserved; twice is harmless.

        What the provider said to be left stays: its own count is in it.
        """
        with self._changed:
            tokens = self._limits.get("tokens")
            if tokens is not None and not reservation._is_settled:
                tokens.fill(self._clock())
                tokens.own.add(reservation.tokens - used_tokens)
            reservation._is_settled = True
            self._changed.notify_all()

    def give_back(self, reservation: Reservation) -> None:
        """Undo a reservation whose request was not sent; twice is harmless."""
        with self._changed:
            if not reservation._is_settled:
                self._add(1, reservation.tokens)
            reservation._is_settled = True
            self._changed.notify_all()

    def correct(self, headers: Mapping[str, str]) -> None:
        """Take note of what the provider says is left, and of its wish to be left alone."""
        told = {name: told_limit(headers, name) for name in self._limits}
        self.hold(retry_after(headers) or 0.0)
        with self._changed:
            now = self._clock()
            for name, limit in told.items():
                if limit is not None:
                    self._limits[name].fill(now)
                    self._limits[name].correct(limit, now)
            self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Let nobody go for so long."""
        with self._changed:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def snapshot(self) -> BudgetSnapshot:
        with self._changed:
            now = self._clock()
            for limit in self._limits.values():
                limit.fill(now)
            left = {name: limit.left for name, limit in self._limits.items()}
            held = max(0.0, self._held_until - now)
            return BudgetSnapshot(left.get("requests"), left.get("tokens"), len(self._queue), held)

    def _delay(self, tokens: float) -> float:
        """Seconds until a request of so many tokens may go, as far as can be told now."""
        now = self._clock()
        amounts = {"requests": 1.0, "tokens": tokens}
        for limit in self._limits.values():
            limit.fill(now)
        return max(
            self._held_until - now,
            *(limit.delay(amounts[name]) for name, limit in self._limits.items()),
        )

    def _add(self, requests: float, tokens: float) -> None:
        for name, amount in (("requests", requests), ("tokens", tokens)):
            if name in self._limits:
                self._limits[name].add(amount)

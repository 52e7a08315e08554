"""Not asking a model that keeps failing: closed, open, half-open.

A request takes a `Permit` before it goes out, and settles it when it is known what came of it, on
whatever thread. Nothing else is timed or counted, so that requests never wait for each other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from ..exceptions import CircuitOpenError
from .guard_settings import BreakerSettings

_logger = logging.getLogger("api_models")


class CircuitState(str, Enum):
    """Members are strings, so `snapshot.state == "open"` holds."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"

    __str__ = str.__str__


class _Trigger(Enum):
    TOO_MANY_FAILED = "too many failed"
    COOLED_DOWN = "cooled down"
    PROBE_SUCCEEDED = "probe succeeded"
    PROBE_FAILED = "probe failed"


_TABLE = {
    (CircuitState.CLOSED, _Trigger.TOO_MANY_FAILED): CircuitState.OPEN,
    (CircuitState.OPEN, _Trigger.COOLED_DOWN): CircuitState.HALF_OPEN,
    (CircuitState.HALF_OPEN, _Trigger.PROBE_SUCCEEDED): CircuitState.CLOSED,
    (CircuitState.HALF_OPEN, _Trigger.PROBE_FAILED): CircuitState.OPEN,
}

Change = tuple[CircuitState, CircuitState]
Listener = Callable[[CircuitState, CircuitState], None]


class Outcome(Enum):
    """What came of a request; NEUTRAL says nothing of the provider's health: a cancel, a 4xx."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class BreakerSnapshot:
    """A circuit at one moment, and how often each thing has happened."""

    state: CircuitState
    recent_failures: int
    """Failures within the window."""
    successes: int
    failures: int
    neutral: int
    refused: int
    retry_after: float
    """Seconds until the next request may be let through; 0 if it would be now."""


class Permit:
    """The right to send one request; settled exactly once, by any thread."""

    def __init__(self, breaker: CircuitBreaker, is_probe: bool) -> None:
        self._breaker = breaker
        self._is_probe = is_probe
        self._is_settled = False

    def answered(self) -> None:
        """The first content has come: that closes a half-open circuit. The answer may still fail."""
        self._breaker._take_answer(self)

    def settle(self, outcome: Outcome, reason: str = "") -> bool:
        """Say what came of it, and why; False if that was said before, which changes nothing."""
        return self._breaker._settle(self, outcome, reason)


class CircuitBreaker:
    """Opens when too many requests fail, and closes when the one that probes has content.

    `name` stands in the errors. `listener(before, after)` hears of every change on the thread that
    caused it, outside the lock. `clock` counts seconds and never goes back.
    """

    def __init__(
        self,
        name: str,
        settings: BreakerSettings | None = None,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._settings = settings or BreakerSettings()
        self._listener = listener
        self._clock = clock
        self._state = CircuitState.CLOSED
        self._failed_at: deque[float] = deque(maxlen=self._settings.failures)
        self._counts = dict.fromkeys(Outcome, 0)
        self._refused = 0
        self._last_reason = ""
        self._probe: Permit | None = None
        self._next_at = 0.0  # when the next probe may go, unless the circuit closes before
        # Guards all of the above and the permits' marks; nothing is called while it is held but the clock.
        self._lock = threading.Lock()

    def permit(self) -> Permit:
        """The right to send a request now; raises `CircuitOpenError` with `retry_after` if there is none."""
        change, permit = None, None
        with self._lock:
            now = self._clock()
            wait = self._wait(now)
            if wait <= 0:
                change = self._fire(_Trigger.COOLED_DOWN)
                permit = Permit(self, self._state is CircuitState.HALF_OPEN)
            if permit is not None and permit._is_probe:
                self._probe, self._next_at = permit, now + self._settings.probe_timeout
        self._tell(change)
        return permit or self._refuse(wait)

    def check(self) -> None:
        """Raise what `permit` would raise now, and take nothing."""
        with self._lock:
            wait = self._wait(self._clock())
        if wait > 0:
            self._refuse(wait)

    def snapshot(self) -> BreakerSnapshot:
        with self._lock:
            now = self._clock()
            return BreakerSnapshot(
                self._state,
                sum(at > now - self._settings.window for at in self._failed_at),
                self._counts[Outcome.SUCCESS],
                self._counts[Outcome.FAILURE],
                self._counts[Outcome.NEUTRAL],
                self._refused,
                self._wait(now),
            )

    def _wait(self, now: float) -> float:
        """Seconds until a request may go: while cooling down, and while another one probes."""
        is_shut = self._state is CircuitState.OPEN or self._probe is not None
        return max(0.0, self._next_at - now) if is_shut else 0.0

    def _refuse(self, wait: float) -> NoReturn:
        with self._lock:
            self._refused += 1
            reason = self._last_reason
        raise CircuitOpenError(
            f"{self._name} was not asked: it failed too often of late; try again in {wait:.3g} s"
            + (f". The last failure was {reason}" if reason else ""),
            retry_after=wait,
        )

    def _take_answer(self, permit: Permit) -> None:
        change = None
        with self._lock:
            if not permit._is_settled:
                change = self._succeed(permit)
        self._tell(change)

    def _settle(self, permit: Permit, outcome: Outcome, reason: str) -> bool:
        change = None
        with self._lock:
            if permit._is_settled:
                return False
            permit._is_settled = True
            self._counts[outcome] += 1
            if outcome is Outcome.SUCCESS:
                change = self._succeed(permit)
            elif outcome is Outcome.FAILURE:
                self._last_reason = reason
                change = self._fail(permit, self._clock())
            if permit is self._probe:
                self._probe = None
        self._tell(change)
        return True

    def _succeed(self, permit: Permit) -> Change | None:
        """One that probes closes the circuit, also if it had been taken for lost; others do not."""
        if not permit._is_probe:
            return None
        permit._is_probe = False
        change = self._fire(_Trigger.PROBE_SUCCEEDED)
        if change is not None:
            self._probe = None
        return change

    def _fail(self, permit: Permit, now: float) -> Change | None:
        self._failed_at.append(now)
        change = None
        if permit is self._probe:
            change = self._fire(_Trigger.PROBE_FAILED)
        elif len(self._failed_at) == self._settings.failures and (
            self._failed_at[0] > now - self._settings.window
        ):
            change = self._fire(_Trigger.TOO_MANY_FAILED)
        if change is not None:
            self._next_at = now + self._settings.cooldown
        return change

    def _fire(self, trigger: _Trigger) -> Change | None:
        """Change the state as the table says; None where it has no row."""
        before = self._state
        self._state = _TABLE.get((before, trigger), before)
        return None if self._state is before else (before, self._state)

    def _tell(self, change: Change | None) -> None:
        if change is None or self._listener is None:
            return
        try:
            self._listener(*change)
        except Exception:  # user code may raise anything; the circuit has changed already
            _logger.warning("the listener of the circuit of %s failed", self._name, exc_info=True)

"""The states of a stream, the table of what leads from one to another, and who waits for a change.

The table is the whole truth: nothing else in the house decides whether a call is legal. Calls on
a state that has no row for them change nothing and say False.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum


class StreamState(str, Enum):
    """Members are strings, so `status["state"] == "paused"` holds."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"

    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]  # typeshed knows only Enum.__format__


class Trigger(Enum):
    """START, PAUSE, RESUME and CANCEL are fired by callers, COMPLETE and FAIL by the stream itself."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"


TRANSITIONS: dict[StreamState, dict[Trigger, StreamState]] = {
    StreamState.INACTIVE: {Trigger.START: StreamState.ACTIVE},
    StreamState.ACTIVE: {
        Trigger.PAUSE: StreamState.PAUSED,
        Trigger.CANCEL: StreamState.CANCELLED,
        Trigger.COMPLETE: StreamState.COMPLETED,
        Trigger.FAIL: StreamState.ERROR,
    },
    StreamState.PAUSED: {
        Trigger.RESUME: StreamState.ACTIVE,
        Trigger.CANCEL: StreamState.CANCELLED,
    },
    StreamState.COMPLETED: {},
    StreamState.CANCELLED: {},
    StreamState.ERROR: {},
}

Notice = Trigger | float
"""A control call that happened, or the seconds for which the source has been quiet."""

_NOTICED = (Trigger.PAUSE, Trigger.RESUME, Trigger.CANCEL)


class StateMachine:
    """One run's state, its clock, and the control calls that its delivering thread has yet to see."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = StreamState.INACTIVE
        self.clock = clock
        self.notices: deque[Notice] = deque()
        """What is still to be told and obeyed; looked at without the lock before every delivery."""
        self.paused_time = 0.0
        # Where stream time begins, pauses taken out, and when it was stopped, None while it runs.
        # One tuple, replaced as a whole, so that it can be read without the lock.
        self._time: tuple[float, float | None] = (now := clock(), now)
        # Guards state and clock; wakes the stream's own threads. Held for a few lines, never while
        # user code, I/O or a join runs.
        self._changed = threading.Condition()

    def fire(self, trigger: Trigger) -> bool:
        """Change the state as the table says; whether it did.

        The end waits for control calls that the handlers have not heard of yet.
        """
        with self._changed:
            after = TRANSITIONS[self.state].get(trigger)
            if after is None or (trigger not in _NOTICED and self.notices):
                return False
            self.state = after
            self._turn_clock(trigger)
            if trigger in _NOTICED:
                self.notices.append(trigger)
            self._changed.notify_all()
            return True

    def notify(self, notice: Notice) -> None:
        """Have something told in order with the control calls."""
        with self._changed:
            self.notices.append(notice)
            self._changed.notify_all()

    def next_notice(self) -> Notice | None:
        """The oldest notice not yet acted upon, or None; waits for one while paused.

        A cancel stays in place, so that every later look finds it.
        """
        with self._changed:
            while not self.notices and self.state is StreamState.PAUSED:
                self._changed.wait()
            if not self.notices or self.notices[0] is Trigger.CANCEL:
                return self.notices[0] if self.notices else None
            return self.notices.popleft()

    def wait(self, ready: Callable[[], object], timeout: float | None = None) -> bool:
        """Wait for a notice or until `ready()`; False when neither came within `timeout` seconds."""
        limit = None if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        with self._changed:
            return self._changed.wait_for(lambda: self.notices or ready(), limit) is not False

    def wait_while_paused(self) -> None:
        self.wait_until(lambda: self.state is not StreamState.PAUSED)

    def wait_until(self, ready: Callable[[], object]) -> None:
        """Wait until `ready()`, whatever else is to be noticed."""
        with self._changed:
            self._changed.wait_for(ready)

    def wake(self) -> None:
        """Let the stream's own threads look again."""
        with self._changed:
            self._changed.notify_all()

    def elapsed(self) -> float:
        """Seconds since the start, pauses excluded; stands still once the stream has ended."""
        epoch, stopped_at = self._time
        return (self.clock() if stopped_at is None else stopped_at) - epoch

    def _turn_clock(self, trigger: Trigger) -> None:
        now, (epoch, stopped_at) = self.clock(), self._time
        if trigger is Trigger.START:
            epoch = now
        elif stopped_at is not None:  # a pause is over
            self.paused_time += now - stopped_at
            epoch += now - stopped_at
        self._time = epoch, None if trigger in (Trigger.START, Trigger.RESUME) else now

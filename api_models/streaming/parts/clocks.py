"""When something is too slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..exceptions import Clock


class Limits(Protocol):
    """How many seconds each clock may run, None for as long as it takes."""

    @property
    def first_token_timeout(self) -> float | None: ...
    @property
    def idle_timeout(self) -> float | None: ...
    @property
    def silence_timeout(self) -> float | None: ...
    @property
    def total_timeout(self) -> float | None: ...
    @property
    def quiet_after(self) -> float | None: ...


class Clocks:
    """What has last happened in one run, and so when each of its clocks runs out.

    All times are seconds since the start of the run, pauses excluded, and come from the caller.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        waits = (limits.first_token_timeout, limits.idle_timeout, limits.silence_timeout, limits.quiet_after)
        # A clock that is not running now cannot run out before so many seconds have passed.
        self._shortest = min((wait for wait in waits if wait is not None), default=None)
        self.is_waiting = False
        """Whether the source is being waited for: only then may it be too slow."""
        self.last_byte = 0.0
        self.last_content = 0.0
        self._attempt_began = 0.0
        self._has_content = False
        self._quiet_told = False
        self._waiting_since = 0.0
        self._was_away = False  # handing out what had come, which is no fault of the source

    def began_waiting(self, at: float) -> None:
        if self._was_away:
            self._waiting_since, self._was_away = at, False
        self.is_waiting = True

    def began_attempt(self, at: float) -> None:
        """A request goes out at `at`, which may lie ahead: nothing is due before."""
        self._attempt_began = self.last_byte = self.last_content = at
        self._has_content = False

    def received(self, at: float, content: bool) -> float:
        """Bytes came, and perhaps content among them; how long content has been waited for."""
        before, since = self.last_content, self._waiting_since
        self.last_byte = at
        if content:
            self.last_content, self._has_content, self._quiet_told = at, True, False
            self._was_away = True
        return at - (before if before > since else since)

    def ran_out(self, at: float) -> tuple[float, Clock] | None:
        """The first of the clocks that have run out by `at`, and when it did; None if none has."""
        first = min(self.limits(), default=None)
        return first if first is not None and first[0] <= at else None

    def newly_quiet(self, at: float) -> float | None:
        """Seconds without content, if they are worth a word; said once until content comes again."""
        quiet_at = self.quiet_at()
        if quiet_at is None or quiet_at > at:
            return None
        self._quiet_told = True
        return at - self.last_content

    def next_look(self, at: float) -> float | None:
        """Seconds from `at` until something may run out, None if nothing ever will."""
        looks = [limit - at for limit, _ in self.limits()]
        if (quiet_at := self.quiet_at()) is not None:
            looks.append(quiet_at - at)
        if self._shortest is not None:
            looks.append(self._shortest)
        return min(looks, default=None)

    def quiet_at(self) -> float | None:
        if self._limits.quiet_after is None or not self.is_waiting or self._quiet_told:
            return None
        return max(self.last_content, self._waiting_since) + self._limits.quiet_after

    def limits(self) -> Iterator[tuple[float, Clock]]:
        """When each clock that is running runs out, unless something happens before."""
        limits, waiting = self._limits, self._waiting_since
        if limits.total_timeout is not None:
            yield limits.total_timeout, "total"
        if not self.is_waiting:
            return
        if limits.first_token_timeout is not None and not self._has_content:
            yield self._attempt_began + limits.first_token_timeout, "first_token"
        if limits.idle_timeout is not None and self._has_content:
            yield max(self.last_content, waiting) + limits.idle_timeout, "idle"
        if limits.silence_timeout is not None:
            yield max(self.last_byte, waiting) + limits.silence_timeout, "silence"

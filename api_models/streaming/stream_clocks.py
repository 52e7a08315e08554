"""The clocks of a stream, and the one thread of the process that looks at them.

The thread that waits for bytes cannot notice that it waits too long. All times of a run are in
stream time: seconds since its start, which stand still while it is paused.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Protocol

from .exceptions import Clock
from .stream_config import StreamConfig


class Clocks:
    """What has last happened in one run, and so when each of its clocks runs out."""

    def __init__(self, config: StreamConfig) -> None:
        self._config = config
        waits = (config.first_token_timeout, config.idle_timeout, config.silence_timeout, config.quiet_after)
        self.shortest: float | None = min((wait for wait in waits if wait is not None), default=None)
        """A clock that is not running now cannot run out before so many seconds have passed."""
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

    def received(self, at: float, content: bool) -> None:
        """Bytes came, and perhaps content among them."""
        self.last_byte = at
        self._was_away = self._was_away or content
        if content:
            self.last_content, self._has_content, self._quiet_told = at, True, False

    def gap(self, at: float) -> float:
        """How long content that comes at `at` was waited for."""
        return at - max(self.last_content, self._waiting_since)

    def told_quiet(self) -> None:
        """Once is enough until content comes again."""
        self._quiet_told = True

    def quiet_at(self) -> float | None:
        if self._config.quiet_after is None or not self.is_waiting or self._quiet_told:
            return None
        return max(self.last_content, self._waiting_since) + self._config.quiet_after

    def limits(self) -> Iterator[tuple[float, Clock]]:
        """When each clock that is running runs out, unless something happens before."""
        config, waiting = self._config, self._waiting_since
        if config.total_timeout is not None:
            yield config.total_timeout, "total"
        if not self.is_waiting:
            return
        if config.first_token_timeout is not None and not self._has_content:
            yield self._attempt_began + config.first_token_timeout, "first_token"
        if config.idle_timeout is not None and self._has_content:
            yield max(self.last_content, waiting) + config.idle_timeout, "idle"
        if config.silence_timeout is not None:
            yield max(self.last_byte, waiting) + config.silence_timeout, "silence"


class Watched(Protocol):
    """A run as the watchdog sees it."""

    def check_clocks(self) -> float | None:
        """Act on what has run out; seconds until the next look, None if nothing can run out now.

        Called on the watchdog's thread: must not block, and must not call user code.
        """


class Watchdog:
    """Looks at the clocks of every run of the process, each time the next one may run out.

    Its thread lives while there are runs, so that an idle process has none.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: in a forked child neither the thread nor the runs exist."""
        self._runs: set[Watched] = set()
        self._thread: threading.Thread | None = None
        # Guards the set and the thread; wakes the thread for a run whose turn comes before the others'.
        self._changed = threading.Condition()
        self._poked = False

    def watch(self, run: Watched) -> None:
        with self._changed:
            self._runs.add(run)
            self._poked = True
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_on, name="api-models-clocks", daemon=True)
                self._thread.start()

    def forget(self, run: Watched) -> None:
        with self._changed:
            self._runs.discard(run)
            if not self._runs:
                self._changed.notify()

    def poke(self) -> None:
        """Look again: a clock that stood still goes on."""
        with self._changed:
            self._poked = True
            self._changed.notify()

    def _look_on(self) -> None:
        while True:
            with self._changed:
                if not self._runs:
                    self._thread = None
                    return
                runs, self._poked = tuple(self._runs), False
            looks = [look for run in runs if (look := run.check_clocks()) is not None]
            with self._changed:
                if self._runs and not self._poked:
                    self._changed.wait(min([*looks, threading.TIMEOUT_MAX]))


WATCHDOG = Watchdog()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.reset)

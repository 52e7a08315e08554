"""The one thread of the process that looks at the clocks of all runs.

The thread that waits for bytes cannot notice that it waits too long.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from typing import Protocol

from .crowd import Crowd


class Watched(Protocol):
    """A run as the watchdog sees it."""

    is_over: bool
    """Whether there is nothing more to look at; set before the run is forgotten."""

    def next_look(self) -> float | None:
        """Seconds until something may run out, None if nothing can now. Any thread; must not block."""

    def check_clocks(self) -> None:
        """Act on what has run out. On the watchdog's thread; must neither block nor call user code."""


_Look = tuple[float, int]
"""When, on the monotonic clock, and the number of the look."""


class Watchdog:
    """Looks at the clocks of each run of the process, when the next one of it may run out.

    Its thread lives while there are runs, so that an idle process has none.
    """

    def __init__(self) -> None:
        self._crowd = Crowd()
        self.reset()

    def reset(self) -> None:
        """Begin anew: in a forked child neither the thread nor the runs exist."""
        self._crowd.note(0)
        self._runs: dict[Watched, _Look | None] = {}  # with the look at each that is planned, if one is
        self._turns: dict[int, Watched] = {}  # whose look it is, by its number
        self._looks: list[_Look] = []  # a heap; a look whose number is not in `_turns` is void
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        # Guards all of the above; wakes the thread when its next look is earlier than it thought.
        self._changed = threading.Condition()

    def watch(self, run: Watched) -> None:
        with self._changed:
            if run.is_over:
                return
            self._runs[run] = None
            self._crowd.note(len(self._runs))
            self._plan(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_on, name="api-models-clocks", daemon=True)
                self._thread.start()

    def forget(self, run: Watched) -> None:
        with self._changed:
            self._call_off(self._runs.pop(run, None))
            self._crowd.note(len(self._runs))
            if not self._runs:
                self._looks.clear()
                self._changed.notify()

    def look_again(self, run: Watched) -> None:
        """Something may run out earlier than was planned: its clocks go on after they stood still."""
        with self._changed:
            if run in self._runs:
                self._plan(run)

    def _plan(self, run: Watched) -> None:
        wait, planned = run.next_look(), self._runs[run]
        due = None if wait is None else time.monotonic() + wait
        if due is None or (planned is not None and planned[0] <= due):
            return
        self._call_off(planned)
        self._runs[run] = look = (due, next(self._numbers))
        self._turns[look[1]] = run
        heapq.heappush(self._looks, look)
        if self._looks[0] is look:
            self._changed.notify()

    def _call_off(self, look: _Look | None) -> None:
        if look is not None:
            self._turns.pop(look[1], None)

    def _look_on(self) -> None:
        while (run := self._wait_for_a_look()) is not None:
            run.check_clocks()
            self.look_again(run)

    def _wait_for_a_look(self) -> Watched | None:
        """The run whose turn has come; None when there are no runs, and no thread is needed."""
        with self._changed:
            while self._runs:
                wait = self._looks[0][0] - time.monotonic() if self._looks else threading.TIMEOUT_MAX
                if wait > 0:
                    self._changed.wait(min(wait, threading.TIMEOUT_MAX))
                    continue
                run = self._turns.pop(heapq.heappop(self._looks)[1], None)
                if run is not None:
                    self._runs[run] = None
                    return run
            self._thread = None
            return None


WATCHDOG = Watchdog()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.reset)

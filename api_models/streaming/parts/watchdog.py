"""The one thread of the process that looks at the clocks of all runs.

The thread that waits for bytes cannot notice that it waits too long.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol


class Watched(Protocol):
    """A run as the watchdog sees it."""

    is_over: bool
    """Whether there is nothing more to look at; set before the run is forgotten."""

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
            if run.is_over:
                return
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

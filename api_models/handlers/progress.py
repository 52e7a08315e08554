"""How far work is: one operation, or a workflow of items in a tree."""

from __future__ import annotations

import time
from collections.abc import Callable

from .progress_item import ProgressItem, ProgressTree
from .progress_listeners import ProgressCallback, Types


class ProgressTracker(ProgressItem):
    """Tells callbacks how far work is; by itself a single operation, with `add_item` a workflow.

    A callback hears of everything in order, from one thread at a time, which may be any that does
    something here, and is told when a lock is held by nobody. What it raises is logged, counted in
    `callback_failures`, and harms neither the work nor other callbacks.
    """

    def __init__(
        self,
        callback: ProgressCallback | None = None,
        *,
        name: str = "",
        types: Types = None,
        interval: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._listeners = (tree := ProgressTree(clock, wall_clock)).listeners
        super().__init__(name, 1.0, None, tree)
        if callback is not None:
            self.add_listener(callback, types=types, interval=interval)

    @property
    def callback_failures(self) -> int:
        return self._listeners.failures

    def add_listener(self, callback: ProgressCallback, *, types: Types = None, interval: float = 0.0) -> int:
        """Tell `callback` of events from now on; returns an id for `remove_listener`.

        `types` are those it wants to hear of, all if not given. Of progress it is told at most every
        `interval` seconds; starts and ends are always told, and an end knows what was left out. Raises
        `ConfigurationError` for an unknown type, and for what cannot be called.
        """
        return self._listeners.add_listener(callback, types, interval)

    def remove_listener(self, callback: ProgressCallback | int) -> bool:
        """Tell a callback, given itself or by id, nothing more; False if it is not there."""
        return self._listeners.remove_listener(callback)

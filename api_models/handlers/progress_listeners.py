"""Who hears of progress: in order, filtered, and never under a lock."""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import DELAY, check_names, check_value
from .progress_event import ProgressEvent, ProgressType

_logger = logging.getLogger("api_models")

ProgressCallback = Callable[[ProgressEvent], Any]
Types = Iterable[ProgressType | str] | None


class _Listener:
    """One callback, and what it wants to hear."""

    def __init__(self, number: int, callback: ProgressCallback, types: Types, interval: float) -> None:
        if not callable(callback):
            raise ConfigurationError(f"what hears of progress is a function, not {callback!r}")
        check_value("interval", interval, DELAY)
        self.number = number
        self.callback = callback
        self._types = _checked(types)
        self._interval = interval
        self._next_progress = -math.inf  # on the clock of the events

    def wants(self, event: ProgressEvent) -> bool:
        if event.event_type not in self._types:
            return False
        if event.event_type is not ProgressType.PROGRESS:
            return True
        if event.monotonic_time < self._next_progress:
            return False
        self._next_progress = event.monotonic_time + self._interval
        return True


class ProgressListeners:
    """Tells the events of one tree in the order in which they were made.

    They are added under `lock`, and told outside it by one thread at a time: by who comes first, who
    tells also what others add meanwhile. So no callback is called twice at once, or with what was
    before what it knows already. Of the progress of an item that waits to be told, the newest counts.
    """

    def __init__(self) -> None:
        self.failures = 0
        """How often a callback raised; each time was logged."""
        # Guards the tree and what waits to be told; never held while a callback runs.
        self.lock = threading.Lock()
        self._listeners: tuple[_Listener, ...] = ()  # replaced at every change
        self._numbers = itertools.count(1)
        self._waiting: OrderedDict[tuple[int, ProgressType], ProgressEvent] = OrderedDict()
        self._turn: object | None = None  # of the thread that tells

    def add_listener(self, callback: ProgressCallback, types: Types, interval: float) -> int:
        with self.lock:
            listener = _Listener(next(self._numbers), callback, types, interval)
            self._listeners += (listener,)
        return listener.number

    def remove_listener(self, callback: ProgressCallback | int) -> bool:
        with self.lock:
            kept = tuple(each for each in self._listeners if callback not in (each.callback, each.number))
            was_there = len(kept) < len(self._listeners)
            self._listeners = kept
        return was_there

    def add(self, event: ProgressEvent) -> None:
        """Have it told after all that waits; to be called under the lock."""
        key = (event.item_id, event.event_type)
        self._waiting.pop(key, None)
        self._waiting[key] = event

    def tell(self) -> None:
        """Tell what waits, unless a thread is at it, which will not leave before it has told this too.

        An exit raised in a callback is raised here, when all has been told.
        """
        with self.lock:
            if self._turn is not None:
                return
            turn = self._turn = object()
        interruption: BaseException | None = None
        try:
            while (event := self._next()) is not None:
                interruption = self._call(event) or interruption
        finally:  # Ctrl-C between two callbacks must not leave the turn taken
            with self.lock:
                if self._turn is turn:
                    self._turn = None
        if interruption is not None:
            raise interruption

    def _next(self) -> ProgressEvent | None:
        """The oldest event that waits; if there is none, the turn is laid down at the same moment."""
        with self.lock:
            if self._waiting:
                return self._waiting.popitem(last=False)[1]
            self._turn = None
            return None

    def _call(self, event: ProgressEvent) -> BaseException | None:
        """Call who wants to hear of it; the last thing raised that is no mere failure."""
        interruption = None
        for listener in self._listeners:
            try:
                if listener.wants(event):
                    listener.callback(event)
            except BaseException as error:  # an exit must not cost the others their events either
                self.failures += 1
                _logger.exception("progress callback %r failed", listener.callback)
                if not isinstance(error, Exception):
                    interruption = error
        return interruption


def _checked(types: Types) -> frozenset[str]:
    wanted = [types] if isinstance(types, str) else list(ProgressType if types is None else types)
    check_names(wanted, [kind.value for kind in ProgressType], "type of progress")
    return frozenset(wanted)

"""Callbacks that follow a recording, each on a thread of its own."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamStateError
from ..streaming.parts.log import Cursor

_logger = logging.getLogger("api_models")

Callback = Callable[[Any], Any]


class _Listener:
    """One callback and its thread, a daemon that ends with the log or when it is stopped."""

    def __init__(self, callback: Callback, cursor: Cursor, event_of: Callable[[Any], Any]) -> None:
        self.callback = callback
        self.done = threading.Event()
        self._cursor = cursor
        self._is_gone = False
        # Only the thread knows `event_of`, which knows the recording: no circle is left when it has ended.
        self.thread = threading.Thread(
            target=self._follow, args=(event_of,), name="api-models-listener", daemon=True
        )

    def stop(self) -> None:
        self._is_gone = True
        self._cursor.stop()

    def _follow(self, event_of: Callable[[Any], Any]) -> None:
        try:
            for entry in self._cursor.follow():
                if self._is_gone:
                    return
                self._call(event_of(entry))
        finally:
            self.done.set()

    def _call(self, event: Any) -> None:
        try:
            self.callback(event)
        except BaseException:  # SystemExit in a listener must not cost it the next event either
            _logger.exception("listener %r of a recording failed", self.callback)


class Listeners:
    """Who listens to one recording."""

    def __init__(self) -> None:
        self._listeners: tuple[_Listener, ...] = ()  # replaced at every change
        # Serialises changes; never held while a listener is called.
        self._lock = threading.Lock()

    def add(self, callback: Callback, cursor: Cursor, event_of: Callable[[Any], Any]) -> None:
        """Start to call `callback` with what `event_of` makes of each entry."""
        if not callable(callback) or inspect.iscoroutinefunction(callback):
            raise ConfigurationError(f"a listener is an ordinary function of an event, not {callback!r}")
        with self._lock:
            if self._found(callback):
                raise ConfigurationError(f"{callback!r} listens already")
            listening = [listener for listener in self._listeners if not listener.done.is_set()]
            listener = _Listener(callback, cursor, event_of)
            self._listeners = (*listening, listener)
        listener.thread.start()  # last: what it calls may look at the listeners

    def remove(self, callback: Callback) -> bool:
        with self._lock:
            found = self._found(callback)
            self._listeners = tuple(listener for listener in self._listeners if listener not in found)
        for listener in found:
            listener.stop()
        return bool(found)

    def check_not_inside(self) -> None:
        if any(listener.thread is threading.current_thread() for listener in self._listeners):
            raise StreamStateError("a listener cannot wait for the end that it is told of")

    def wait(self, deadline: float | None) -> bool:
        """Wait until all have heard the end; `deadline` on the monotonic clock."""
        for listener in self._listeners:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not listener.done.wait(left):
                return False
        return True

    def _found(self, callback: Callback) -> list[_Listener]:
        return [one for one in self._listeners if one.callback == callback and not one.done.is_set()]

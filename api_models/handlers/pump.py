"""The way of a stream's events to the thread that owns the window: Tk, Qt, wx, a notebook, a game loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from ..exceptions import ConfigurationError
from .deferred import DeferredHandler

_BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")


class Pump(DeferredHandler):
    """Lets `handler` hear of streams on the thread that calls `drain`, which is the one you choose.

    Register the pump instead of the handler, then call `drain` from time to time, or have one of the
    `attach` methods do it. The stream's threads never wait for it and never touch a widget. Text that
    came between two calls arrives as one; nothing of it is dropped, order is kept, and the one end of
    each stream comes last. One pump may serve several streams, at a time or one after the other.
    """

    _is_draining = False  # by the thread that drains, which is always the same

    def drain(self, budget_seconds: float | None = None) -> int:
        """Call the handler with what waits, for about so long; how many calls that were.

        Without a budget, with all that waits now and what comes meanwhile. A handler that runs the event
        loop, by showing a dialog for example, is not called again before it has returned.
        """
        if self._is_draining:
            return 0
        self._is_draining, calls = True, 0
        deadline = None if budget_seconds is None else time.monotonic() + budget_seconds
        try:
            while (item := self._take()) is not None:
                self._hand_on(item)
                calls += 1
                if deadline is not None and time.monotonic() >= deadline:
                    break
        finally:
            self._is_draining = False
        return calls

    def close(self) -> None:
        """Call the handler no more: the window is gone. What waits, and what comes, is let go."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()

    def attach(self, call_later: Callable[[float, Callable[[], None]], Any], fps: float = 30) -> None:
        """Drain so many times a second; `call_later(seconds, function)` is the loop's own way to call it.

        For wx `lambda seconds, function: wx.CallLater(round(seconds * 1000), function)`; in a notebook
        `asyncio.get_running_loop().call_later`. Half of each frame at most goes to the handler, the rest
        is the toolkit's. Ends with `close`.
        """
        interval = _interval(fps)

        def tick() -> None:
            self.drain(interval / 2)
            if not self._is_closed:  # by what the handler did, maybe
                call_later(interval, tick)

        call_later(interval, tick)

    def attach_tk(self, root: Any, fps: float = 30) -> None:
        """Drain in the main loop of this window or widget of tkinter's, until it is destroyed."""

        def leave(event: Any) -> None:
            if event.widget is root:  # a window hears of the end of all that is in it, too
                self.close()

        root.bind("<Destroy>", leave, add="+")
        self.attach(lambda seconds, tick: root.after(round(seconds * 1000), tick), fps)

    def attach_qt(self, parent: Any, fps: float = 30) -> None:
        """Drain on the thread of this QObject (PySide6, PyQt6 and older), until it is destroyed.

        By a timer: nothing is emitted for a token.
        """
        interval = _interval(fps)
        timer = _qt_core_of(parent).QTimer(parent)
        timer.timeout.connect(lambda: self.drain(interval / 2))
        parent.destroyed.connect(self.close)
        timer.start(round(interval * 1000))


def _interval(fps: float) -> float:
    if not fps > 0:
        raise ConfigurationError(f"fps is a number of frames a second, not {fps!r}")
    return 1 / fps


def _qt_core_of(parent: Any) -> Any:
    """The QtCore that the object comes from: whoever has one has loaded it."""
    for kind in type(parent).__mro__:
        binding = kind.__module__.partition(".")[0]
        if binding in _BINDINGS:
            return sys.modules[f"{binding}.QtCore"]
    raise ConfigurationError(f"the parent is a QObject of {', '.join(_BINDINGS)}, not {parent!r}")

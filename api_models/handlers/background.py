"""A slow handler on a thread of its own, so that it slows nobody."""

from __future__ import annotations

import logging
import threading
from typing import Any

from ..streaming.exceptions import StreamStateError
from .deferred import DeferredHandler

_logger = logging.getLogger("api_models")

_PATIENCE = 1.0  # seconds without anything to do after which the thread leaves; the next event brings another


class BackgroundHandler(DeferredHandler):
    """Lets `handler` hear of streams on one thread of its own: a database, a slow disk, a speaking voice.

    Neither the streams nor their other handlers wait for it. A handler that falls behind gets the text
    that came meanwhile as one; nothing of it is dropped. A stream's `wait()` does not wait for it:
    `join()` does. The thread is a daemon: call `close()`, or leave a `with` block, before the program
    ends, or what still waits is lost.
    """

    def __init__(self, handler: Any) -> None:
        super().__init__(handler)
        self._is_idle = True
        # Wakes the thread when something waits, and those who wait for it to have nothing to do.
        self._changed = threading.Condition(self._lock)
        # Calls the handler: there from the first event until the end of a stream, or of a while, leaves
        # nothing to do.
        self._thread: threading.Thread | None = None

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the handler has heard all that came; False if that took longer than `timeout`.

        Raises `StreamStateError` inside the handler, which would wait for itself.
        """
        if self._thread is threading.current_thread():
            raise StreamStateError("a handler cannot wait until it has heard all")
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle and not self._queue, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Take nothing more, and wait until the handler has heard the rest; False after `timeout`."""
        with self._changed:
            self._is_closed = True
            thread = self._thread
            self._changed.notify_all()
        if not self.join(timeout):
            return False
        if thread is not None:
            thread.join(timeout)
        return True

    def __enter__(self) -> BackgroundHandler:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _arrived(self) -> None:
        with self._changed:
            self._changed.notify_all()
            if self._thread is not None or not self._queue:
                return
            thread = threading.Thread(target=self._work, name="api-models-background", daemon=True)
            self._thread = thread
        thread.start()

    def _work(self) -> None:
        was_end = False
        while self._has_work(was_end):
            was_end = self._hear_next()

    def _hear_next(self) -> bool:
        """Hand on what waits longest; whether it was the end of a stream."""
        item = self._take()
        try:
            return item is not None and self._hand_on(item)
        except BaseException:  # an exit raised in a handler must not cost it what comes next either
            self.handler_errors += 1
            _logger.exception("handler %r failed", self.handler)
            return False

    def _has_work(self, was_end: bool) -> bool:
        """Wait for something to do; False when it is time to leave, which is done then."""
        with self._changed:
            self._is_idle = True
            self._changed.notify_all()
            patience = 0.0 if was_end or self._is_closed else _PATIENCE
            self._changed.wait_for(lambda: self._queue or self._is_closed, patience)
            if self._queue:
                self._is_idle = False
                return True
            self._thread = None
            return False

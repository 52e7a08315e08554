"""What a handler hears later, on another thread: kept in order, text joined, nothing of it dropped."""

from __future__ import annotations

import io
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ..streaming import stream_events as events
from ..streaming.stream_handler import HandlerRegistry, StreamHandler

_logger = logging.getLogger("api_models")

PIECE = 16 * 1024
"""Characters after which waiting text is joined no longer, so that handing on one piece stays quick."""

_ENDS = (events.StreamCompleted, events.StreamFailed, events.StreamCancelled)
_TextEvent = type[events.TokenReceived] | type[events.ThinkingReceived]


class _Waiting:
    """Text of one kind that came without anything between; its index and time are those of its beginning."""

    __slots__ = ("elapsed", "index", "kind", "length", "stream_id", "text")

    def __init__(self, kind: _TextEvent, stream_id: str | None, elapsed: float, index: int) -> None:
        self.kind = kind
        self.stream_id = stream_id
        """None for text that came by `on_token_received`, which does not say whose it is."""
        self.elapsed = elapsed
        self.index = index
        self.length = 0
        self.text = io.StringIO()  # holds the characters alone; a list would hold an object for each token

    def takes(self, kind: _TextEvent, stream_id: str | None) -> bool:
        return self.length < PIECE and self.kind is kind and self.stream_id == stream_id

    def add(self, text: str) -> None:
        self.text.write(text)
        self.length += len(text)


_Item = events.StreamEvent | _Waiting | Callable[[], Any]


def hearer(handler: Any) -> Any:
    """Who hears in the end, where a `Pump` or a `BackgroundHandler` stands between."""
    return handler.handler if isinstance(handler, DeferredHandler) else handler


def call_where_heard(handler: Any, hook: Callable[[], Any]) -> None:
    """Call a hook of who hears in the end where it wants to be called: now, or in its turn."""
    if isinstance(handler, DeferredHandler):
        handler.later(hook)
    else:
        hook()


class DeferredHandler(StreamHandler):
    """Hears of streams on their threads, at once, and lets `handler` hear of it on another one.

    Nobody waits for anybody. What waits is bounded by what the streams themselves keep: adjacent text
    becomes one text, of progress only the newest stays, and other events are few.
    """

    def __init__(self, handler: Any) -> None:
        registry = HandlerRegistry()
        registry.add(handler)
        (entry,) = registry.entries
        self.handler = handler
        self.handler_errors = 0
        """How often the handler raised; each time is logged, and it hears what comes next all the same."""
        self.tokens_as_events = entry.wants_events
        self._tell, self._tell_token = entry.on_event, entry.on_token
        self._is_closed = False
        self._queue: deque[_Item] = deque()
        # Guards what waits; held for a few lines, never while the handler is called.
        self._lock = threading.Lock()

    def on_event(self, event: events.StreamEvent) -> None:
        if isinstance(event, events.TokenReceived | events.ThinkingReceived):
            self._put_text(type(event), event.stream_id, event.elapsed, event.text, event.index)
        else:
            self._put(event)

    def on_token_received(self, token: str, index: int) -> None:
        if self._tell_token is not None:
            self._put_text(events.TokenReceived, None, 0.0, token, index)

    def later(self, call: Callable[[], Any]) -> None:
        """Have something else called in its turn, where the handler is called, and guarded like it."""
        with self._lock:
            if self._is_closed:
                return
            self._queue.append(call)
        self._arrived()

    def _put_text(
        self, kind: _TextEvent, stream_id: str | None, elapsed: float, text: str, index: int
    ) -> None:
        with self._lock:
            if self._is_closed:
                return
            last = self._queue[-1] if self._queue else None
            if isinstance(last, _Waiting) and last.takes(kind, stream_id):
                last.add(text)
                return
            waiting = _Waiting(kind, stream_id, elapsed, index)
            waiting.add(text)
            self._queue.append(waiting)
        self._arrived()

    def _put(self, event: events.StreamEvent) -> None:
        with self._lock:
            if self._is_closed:
                return
            if isinstance(event, events.StreamProgress):
                self._forget_progress(event.stream_id)
            self._queue.append(event)
        self._arrived()

    def _forget_progress(self, stream_id: str) -> None:
        """Take out what the newest says better; of each stream one waits at most."""
        for one in self._queue:
            if isinstance(one, events.StreamProgress) and one.stream_id == stream_id:
                self._queue.remove(one)
                return

    def _arrived(self) -> None:
        """Something waits that was not joined to what waited before; called without the lock."""

    def _take(self) -> _Item | None:
        with self._lock:
            return self._queue.popleft() if self._queue else None

    def _hand_on(self, item: _Item) -> bool:
        """Let the handler hear of it; whether it was the end of a stream."""
        try:
            if isinstance(item, events.StreamEvent):
                self._tell(item)
            elif not isinstance(item, _Waiting):
                item()
            elif item.stream_id is not None:
                self._tell(item.kind(item.stream_id, item.elapsed, item.text.getvalue(), item.index))
            elif self._tell_token is not None:
                self._tell_token(item.text.getvalue(), item.index)
        except Exception:  # user code may raise anything; the next event must be heard, and so must the end
            self.handler_errors += 1
            _logger.exception("handler %r failed", self.handler)
        return isinstance(item, _ENDS)

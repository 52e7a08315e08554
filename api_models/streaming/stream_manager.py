"""The remote control of a stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from .exceptions import StreamCancelledError, StreamStateError
from .stream_config import StreamConfig
from .stream_delivery import Delivery
from .stream_events import StreamEvent, StreamResult
from .stream_handler import HandlerRegistry
from .stream_run import StreamRun
from .stream_source import as_source
from .stream_state import StreamState


class StreamManager:
    """Runs one stream at a time in the background and controls it from any thread.

    Every control call returns at once and says whether it did something. After a stream has ended
    the manager may start another; handlers stay registered.
    """

    def __init__(self, config: StreamConfig | Mapping[str, Any] | str | None = None) -> None:
        self.config = StreamConfig.of(config)
        self._handlers = HandlerRegistry()
        self._run: StreamRun | None = None
        # Lets one of several starts through; held for the look and the change alone.
        self._starting = threading.Lock()

    def register_handler(self, handler: Any) -> int:
        """Tell `handler` of every event from now on; the id returned is never used again.

        Raises `ConfigurationError` (a `ValueError`) for what is no handler, or is registered.
        """
        return self._handlers.add(handler)

    def unregister_handler(self, handler: Any) -> bool:
        """Tell a handler, given itself or by id, nothing more; False if it is not registered."""
        return self._handlers.remove(handler)

    def start_stream(self, stream_source: Any, metadata: Mapping[str, Any] | None = None) -> str:
        """Begin to read `stream_source` on a thread of the stream's own; returns the stream's id.

        Raises `StreamStateError` while a stream runs, `ConfigurationError` for what is no source.
        """
        source = as_source(stream_source)
        delivery = Delivery(self.config, self._handlers, metadata or {})
        run = StreamRun(source, delivery)
        with self._starting:
            if self._run is not None and not self._run.done.is_set():
                raise StreamStateError("a stream is running: wait for its end, or cancel it")
            self._run = run
        run.start()
        return delivery.stream_id

    def pause_stream(self) -> bool:
        """Hand out nothing more until resumed, save a token already in a handler's hands."""
        return self._run is not None and self._run.pause()

    def resume_stream(self) -> bool:
        """Go on, beginning with what arrived during the pause."""
        return self._run is not None and self._run.resume()

    def cancel_stream(self) -> bool:
        """End the stream now: no further token, and the source is let go."""
        return self._run is not None and self._run.cancel()

    @property
    def state(self) -> StreamState:
        return StreamState.INACTIVE if self._run is None else self._run.machine.state

    def get_stream_status(self) -> dict[str, Any]:
        """`stream_id`, `state` and `stats` at this moment; the caller's to keep."""
        if self._run is None:
            unused = Delivery(self.config, self._handlers, {})
            return {"stream_id": None, "state": StreamState.INACTIVE, "stats": unused.status()}
        delivery = self._run.delivery
        return {
            "stream_id": delivery.stream_id,
            "state": delivery.machine.state,
            "stats": delivery.status(),
        }

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last callback has returned; False if that took longer than `timeout`."""
        return self._awaitable().done.wait(timeout)

    def result(self, timeout: float | None = None) -> StreamResult:
        """Wait for the end and return what came of it, or raise what ended it.

        Raises `TimeoutError` after `timeout` seconds; the stream runs on.
        """
        run = self._awaitable()
        if not run.done.wait(timeout):
            raise TimeoutError(f"the stream has not ended within {timeout} seconds")
        if isinstance(run.delivery.outcome, StreamResult):
            return run.delivery.outcome
        raise run.delivery.outcome or StreamStateError("the stream came to no end; see the log")

    def __iter__(self) -> Iterator[str]:
        """Iterate the text as it is handed out, from the start (of the text after a reset).

        A failed stream raises its error after its text, a cancelled one just ends.
        """
        return self._tokens(self._awaitable())

    def events(self) -> Iterator[StreamEvent]:
        """Iterate all that happened, from the start to the end of the stream."""
        return self._awaitable().delivery.log.events()

    def __enter__(self) -> StreamManager:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel_stream()

    def _awaitable(self) -> StreamRun:
        run = self._run
        if run is None:
            raise StreamStateError("no stream was started")
        if run.is_own_thread():
            raise StreamStateError("a callback cannot wait for the end of its own stream")
        return run

    @staticmethod
    def _tokens(run: StreamRun) -> Iterator[str]:
        yield from run.delivery.log.tokens()
        outcome = run.delivery.outcome
        if isinstance(outcome, Exception) and not isinstance(outcome, StreamCancelledError):
            raise outcome

"""What is controlled and read like a stream, because there is one inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from .streaming.stream_events import StreamEvent
from .streaming.stream_handler import StreamHandler
from .streaming.stream_manager import StreamManager
from .streaming.stream_state import StreamState

_Self = TypeVar("_Self", bound="WrappedStream")


class WrappedStream:
    """Passes on the calls of a `StreamManager`; a handler may have hooks that only the wrapper knows.

    For such a handler `_teller` makes another one, which calls those hooks: its herald.
    """

    def __init__(self, stream: StreamManager) -> None:
        self._stream = stream

    def _teller(self, handler: Any) -> StreamHandler | None:
        """What tells a handler more than a stream does; None for one that listens to nothing more."""
        return None

    def register_handler(self, handler: Any) -> int:
        """As with a `StreamManager`; the hooks that are known here are called, too."""
        return self._stream.register_handler(handler, herald=self._teller(handler))

    def unregister_handler(self, handler: Any) -> bool:
        """Tell it nothing more, by no hook; False if it is not registered."""
        return self._stream.unregister_handler(handler)

    def pause_stream(self) -> bool:
        """Hand out nothing more until resumed."""
        return self._stream.pause_stream()

    def resume_stream(self) -> bool:
        """Go on, beginning with what arrived during the pause."""
        return self._stream.resume_stream()

    def cancel_stream(self) -> bool:
        """End it now, and all that works for it: connections are closed, nothing more is asked."""
        return self._stream.cancel_stream()

    @property
    def state(self) -> StreamState:
        return self._stream.state

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last callback has returned; False if that took longer than `timeout` seconds."""
        return self._stream.wait(timeout)

    def events(self) -> Iterator[StreamEvent]:
        """Iterate all that happened, from the start to the end."""
        return self._stream.events()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.cancel_stream()

"""How a stream can go wrong.

StreamingError                 (an APIModelError)
├── StreamStateError           start while running, wait inside a callback
├── StreamInterruptedError     the wire ended before the text did
├── StreamTimeoutError         clock: connect, first_token, idle, silence, total
├── StreamCancelledError       raised by result() of a cancelled stream
└── HandlerError               a handler raised and the policy says stop
"""

from __future__ import annotations

from typing import Literal

from ..exceptions import APIModelError

Clock = Literal["connect", "first_token", "idle", "silence", "total"]


class StreamingError(APIModelError):
    """A stream ended otherwise than by its own end; `__cause__` is what its source raised."""


class StreamStateError(StreamingError):
    """The call is not possible in the stream's present state, or on this thread."""


class StreamInterruptedError(StreamingError):
    """The answer broke off: its end marker never came. `partial_text` is what did come."""


class StreamTimeoutError(StreamingError):
    """One of the stream's clocks ran out; `clock` says which."""

    def __init__(
        self,
        message: str = "",
        *,
        clock: Clock,
        provider: str | None = None,
        model: str | None = None,
        retryable: bool | None = None,
        partial_text: str = "",
    ) -> None:
        super().__init__(
            message, provider=provider, model=model, retryable=retryable, partial_text=partial_text
        )
        self.clock: Clock = clock


class StreamCancelledError(StreamingError):
    """The stream was cancelled; `partial_text` is what had arrived."""


class HandlerError(StreamingError):
    """A handler raised, and `handler_errors` or the kind of exception says that ends the stream."""

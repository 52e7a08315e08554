"""A handler that hears of the answer as a growing object, not as text alone."""

from __future__ import annotations

from typing import Any

from ..handlers.progress_event import ProgressEvent
from ..streaming.stream_events import StreamEvent, StreamProgress
from ..streaming.stream_handler import StreamHandler
from .partial import Partial, Path


class StructuredHandler(StreamHandler):
    """Override what you want to hear of; the hooks of a `StreamHandler` are there too.

    Any handler may have the first three of these hooks. What one raises is logged and counted, and is
    nobody else's loss.
    """

    tokens_as_events = False

    def on_event(self, event: StreamEvent) -> None:
        """As of any handler; only that how far the stream is comes as how far the answer is."""
        if not isinstance(event, StreamProgress):
            super().on_event(event)

    def on_partial(self, partial: Partial) -> None:
        """The answer has grown, or a new attempt begins (`partial.is_reset`)."""

    def on_field_complete(self, path: Path, value: Any) -> None:
        """What stands at `path` will not change any more in this attempt; what is inside comes first."""

    def on_item(self, item: Any) -> None:
        """The next element of the list is there; of the type that the response model says."""

    def on_progress(self, progress: ProgressEvent) -> None:  # type: ignore[override]  # more is known here
        """How far the answer is, at most every `progress_interval` seconds; its start and its end always."""

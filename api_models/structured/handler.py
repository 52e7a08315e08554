"""A handler that hears of the answer as a growing object, not as text alone."""

from __future__ import annotations

from typing import Any

from ..streaming.stream_handler import StreamHandler
from .partial import Partial, Path


class StructuredHandler(StreamHandler):
    """Override what you want to hear of; the hooks of a `StreamHandler` are there too.

    Any handler may have these hooks. What one raises is logged and counted, and is nobody else's loss.
    """

    def on_partial(self, partial: Partial) -> None:
        """The answer has grown, or a new attempt begins (`partial.is_reset`)."""

    def on_field_complete(self, path: Path, value: Any) -> None:
        """What stands at `path` will not change any more in this attempt; what is inside comes first."""

    def on_item(self, item: Any) -> None:
        """The next element of the list is there; of the type that the response model says."""

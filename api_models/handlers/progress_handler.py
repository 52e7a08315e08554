"""A plain stream as an item of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import APIModelError
from ..streaming.stream_events import StreamProgress
from ..streaming.stream_handler import StreamHandler
from .progress_item import ProgressItem


class ProgressHandler(StreamHandler):
    """Says of one stream how it is getting on, to an item of a `ProgressTracker` or to that itself.

    How long an answer will be is known to nobody before its end, so its percent is None until then;
    `data` has `tokens`, `characters` and `rate`.
    """

    tokens_as_events = False

    def __init__(self, item: ProgressItem) -> None:
        self._item = item

    def on_stream_start(self, metadata: Mapping[str, Any]) -> None:
        self._item.start_operation(data=metadata)

    def on_progress(self, progress: StreamProgress) -> None:
        told = {"tokens": progress.tokens, "characters": progress.characters, "rate": progress.rate}
        self._item.update_progress(f"{progress.tokens:,} tokens", data=told)

    def on_stream_reset(self, reason: str) -> None:
        self._item.update_progress(f"beginning again: {reason}")

    def on_stream_complete(self, full_response: str) -> None:
        self._item.complete_operation(data={"characters": len(full_response)})

    def on_stream_error(self, error: APIModelError) -> None:
        self._item.fail_operation(error)

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._item.cancel_operation(data={"characters": len(partial_response)})

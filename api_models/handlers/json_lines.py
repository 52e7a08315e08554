"""Every event of a stream as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from ..exceptions import APIModelError
from ..streaming.parts.frozen import Frozen, fields_of
from ..streaming.stream_events import StreamEvent
from ..streaming.stream_handler import StreamHandler


class JSONLinesHandler(StreamHandler):
    """Writes `{"event": "TokenReceived", "stream_id": ..., "elapsed": ..., ...}` lines to `output`.

    The keys are the attributes of the event; an error is its class, message and facts.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def on_event(self, event: StreamEvent) -> None:
        line = {"event": type(event).__name__, **fields_of(event)}
        self._output.write(json.dumps(line, default=plain, ensure_ascii=False) + "\n")
        self._output.flush()


def plain(value: Any) -> Any:
    """What JSON has a word for, of what it has none for."""
    if isinstance(value, APIModelError):
        facts = {name: fact for name, fact in vars(value).items() if fact is not None}
        return {
            "error": type(value).__name__,
            "message": str(value),
            "retryable": value.retryable,
            **facts,
        }
    if isinstance(value, Mapping):
        return dict(value)
    return fields_of(value) if isinstance(value, Frozen) else repr(value)

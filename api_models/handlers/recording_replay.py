"""A recorded stream as a source: once more, as fast as is wanted."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from ..exceptions import APIModelError, ConfigurationError
from ..streaming import stream_events as events
from ..streaming.exceptions import StreamCancelledError, StreamInterruptedError
from ..streaming.parts.log import Cursor, Token
from ..streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, StreamResult
from ..streaming.stream_source import Chunk, StreamSource

_Entry = Token | events.StreamEvent


class Replay(StreamSource):
    """Gives what a log holds, each entry when it is due; waits for what has not come yet."""

    def __init__(self, cursor: Cursor, speed: float | None) -> None:
        is_number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
        if speed is not None and not (is_number and math.isfinite(speed) and speed > 0):
            raise ConfigurationError(f"speed must be a number above 0, or None, not {speed!r}")
        self._cursor = cursor
        self._speed = speed
        self._entries: deque[_Entry] = deque()
        self._begun: float | None = None
        self._aborted = False
        # Set when the log has grown, and by who aborts.
        self._awake = threading.Event()

    def read(self) -> Sequence[Chunk] | None:
        chunks: list[Chunk] = []
        while not chunks:
            if self._aborted:
                raise StreamInterruptedError("the replay was aborted")
            if not self._entries and not self._fetch():
                return None
            self._take_due(chunks)
            if self._entries and not chunks:
                self._wait(self._seconds_until(self._entries[0]))
        return chunks

    def abort(self) -> None:
        self._aborted = True
        self._awake.set()

    def close(self) -> None:
        self._cursor.rest()

    def _fetch(self) -> bool:
        """Take what the log holds more, or wait until it may; False at its end."""
        entries = self._cursor.poll(self._awake.set)
        if entries is None:
            return False
        self._entries.extend(entries)
        if not entries:
            self._wait(None)
        return True

    def _take_due(self, chunks: list[Chunk]) -> None:
        """Add what is due; raises an error that is due, with nothing before it."""
        while self._entries and self._seconds_until(self._entries[0]) <= 0:
            if (failure := failure_of(self._entries[0])) is not None:
                if not chunks:
                    raise failure
                return
            chunks += chunks_of(self._entries.popleft())

    def _seconds_until(self, entry: _Entry) -> float:
        """Until the entry is due; the clock begins with the first that is asked about."""
        if self._speed is None:
            return 0.0
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        at = entry[2] if isinstance(entry, tuple) else entry.elapsed
        return self._begun + at / self._speed - now

    def _wait(self, seconds: float | None) -> None:
        self._awake.wait(seconds)
        self._awake.clear()  # whoever set it did so after what it tells of


def chunks_of(entry: Token | events.StreamEvent) -> list[Chunk]:
    """What a source must have given for this to be told; nothing for what control calls and clocks did."""
    if isinstance(entry, tuple):
        return [entry[0]]
    if isinstance(entry, events.ThinkingReceived):
        return [StreamChunk(thinking=entry.text)]
    if isinstance(entry, events.ToolCallReceived):
        return [StreamChunk(tool_call=entry.tool_call)]
    if isinstance(entry, events.StreamReset):
        return [ResetNotice(entry.reason)]
    if isinstance(entry, events.StreamRetrying):
        return [RetryNotice(entry.attempt, entry.delay, entry.error)]
    return _last_words(entry.result) if isinstance(entry, events.StreamCompleted) else []


def _last_words(result: StreamResult) -> list[Chunk]:
    """What an answer said besides the text, which comes from its end: it is not known when it was said."""
    names = ("refusal", "usage", "stop_reason", "raw_stop_reason", "model", "response_id")
    said: dict[str, Any] = {name: getattr(result, name) for name in names}
    return [*(StreamChunk(citation=citation) for citation in result.citations), StreamChunk(**said)]


def failure_of(entry: Token | events.StreamEvent) -> APIModelError | None:
    """What to raise for an end that is none; its own error each time, since a stream writes into it."""
    if isinstance(entry, events.StreamCancelled):
        return StreamCancelledError("the recorded stream was cancelled", partial_text=entry.partial_text)
    if not isinstance(entry, events.StreamFailed):
        return None
    error = copy.copy(entry.error)
    error.__cause__ = entry.error.__cause__
    return error

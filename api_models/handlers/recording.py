"""A stream that can be read again: by anybody, at any time, at any speed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TextIO

from ..exceptions import APIModelError
from ..streaming.exceptions import StreamInterruptedError, StreamStateError
from ..streaming.parts.frozen import replace
from ..streaming.parts.log import Log, Token
from ..streaming.stream_events import (
    StreamCancelled,
    StreamCompleted,
    StreamEvent,
    StreamFailed,
    StreamReset,
    StreamStarted,
    TokenReceived,
)
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_source import StreamSource
from .recording_file import read_events, write_events
from .recording_listeners import Listeners
from .recording_replay import Replay

_now = time.monotonic
_ENDINGS = (StreamCompleted, StreamFailed, StreamCancelled)
_NO_RUN = -1
_AT_ONCE = 500  # tokens at most that are kept with one time, so that the blocks of the log stay small
_TOGETHER = 0.001  # seconds within which tokens are kept as having come together, with one time


class StreamRecording(StreamHandler):
    """Keeps one stream, from when it is registered with it to the end.

    Readers join at any time, on any thread, and all get the same: what has come, then what comes.
    `for text in recording` is the text, from the start (of the text after a reset); a failed stream
    raises its error after its text, a cancelled one just ends. `async for` is the same for asyncio.
    Callbacks of the stream that is being recorded must not wait for it by reading to its end.
    """

    tokens_as_events = False

    def __init__(self) -> None:
        self._log = Log()
        # The run of tokens that is being written: where they go, the index of the next, and up to which
        # index and what time the run goes on.
        self._texts: list[str] = []
        self._next_index = _NO_RUN
        self._run_end, self._run_until = 0, 0.0
        self._stream_id: str | None = None
        self._zero = time.monotonic()  # when the clock of the stream stood at 0
        self._late_by = 0.0  # what that clock had counted when the recording began
        self._ending: StreamEvent | None = None
        self._ended = threading.Event()
        self._listeners = Listeners()

    def on_token_received(self, token: str, index: int) -> None:
        now = _now()
        if not (self._next_index == index < self._run_end and now < self._run_until):
            self._begin_run(index, now)
        self._next_index = index + 1
        self._texts.append(token)
        if self._log.sleepers:
            self._log.wake()

    def on_event(self, event: StreamEvent) -> None:
        """Keep what is no token. Raises `StreamStateError` for an event of another stream."""
        if event.stream_id != self._stream_id:
            self._begin(event)
        if self._late_by:
            event = replace(event, elapsed=event.elapsed - self._late_by)
        self._zero = time.monotonic() - event.elapsed
        self._keep(event)

    @property
    def is_complete(self) -> bool:
        """Whether the answer is whole; False while it is coming, and for one that broke off."""
        return isinstance(self._ending, StreamCompleted)

    @property
    def has_error(self) -> bool:
        return isinstance(self._ending, StreamFailed)

    @property
    def text(self) -> str:
        """The text so far, since the last reset."""
        return self._log.text()

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What `on_stream_start` was given; empty before."""
        (first,) = self._log.cursor().so_far()[:1] or (None,)
        return first.metadata if isinstance(first, StreamStarted) else MappingProxyType({})

    def get_error(self) -> APIModelError | None:
        """What ended the stream, if it failed."""
        return self._ending.error if isinstance(self._ending, StreamFailed) else None

    def get_chunks(self) -> list[str]:
        """The pieces of the text so far, since the last reset."""
        return [entry[0] for entry in self._log.text_cursor().so_far() if isinstance(entry, tuple)]

    def events(self) -> Iterator[StreamEvent]:
        """All that happened, resets and the end included, from the start, waiting for what is to come."""
        return map(self._event_of, self._log.entries())

    def __iter__(self) -> Iterator[str]:
        yield from self._log.tokens()
        if (error := self.get_error()) is not None:
            raise error

    def __aiter__(self) -> AsyncIterator[str]:
        from .recording_async import AwaitedTexts  # noqa: PLC0415  # needs asyncio

        return AwaitedTexts(self._log.text_cursor(), self.get_error)

    def wait_for_completion(self, timeout: float | None = None) -> bool:
        """Wait until the stream has ended, however, and the listeners have heard of it.

        False if that took longer than `timeout`. Raises `StreamStateError` inside a listener.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._listeners.check_not_inside()
        return self._ended.wait(timeout) and self._listeners.wait(deadline)

    def add_listener(self, callback: Callable[[StreamEvent], Any], replay: bool = True) -> None:
        """Call `callback` with each event, in order, on a thread of its own, to the end of the stream.

        It begins with what has come already, or with what comes next. A slow listener delays nobody; what
        one raises is logged. Raises `ConfigurationError` if it listens already.
        """
        log = self._log
        self._listeners.add(callback, log.cursor() if replay else log.end_cursor(), self._event_of)

    def remove_listener(self, callback: Callable[[StreamEvent], Any]) -> bool:
        """Call it no more, save a call already running; False if it does not listen."""
        return self._listeners.remove(callback)

    def save(self, path_or_file: str | os.PathLike[str] | TextIO) -> None:
        """Write what has come so far as JSON lines, with its timing; a file is there whole or not at all."""
        so_far = map(self._event_of, self._log.cursor().so_far())
        write_events(path_or_file, self._stream_id, so_far)

    @classmethod
    def load(cls, path_or_file: str | os.PathLike[str] | TextIO) -> StreamRecording:
        """Read what `save` has written; what had no end then ends in `StreamInterruptedError`.

        Raises `ConfigurationError` for what is no recording.
        """
        recording = cls()
        recording._stream_id, told = read_events(path_or_file)
        for event in told:
            recording._keep(event)
        recording.close()
        return recording

    def replay(self, speed: float | None = 1.0) -> StreamSource:
        """A source that gives it all again: as fast as it came, `speed` times as fast, or at once (None).

        It ends as the stream did: an error is raised again, and a cancelled one is a
        `StreamCancelledError`. What is still coming is followed.
        """
        return Replay(self._log.cursor(), speed)

    def close(self) -> bool:
        """Take no more: for a recording that was unregistered before its stream had ended.

        Readers end with `StreamInterruptedError`. False if the stream had ended.
        """
        return self._end_early("the recording was closed before the stream had ended")

    def _begin_run(self, index: int, now: float) -> None:
        """Begin to write tokens that come together; behind the end, to where nobody reads."""
        self._texts, self._run_end, self._run_until = [], index + _AT_ONCE, now + _TOGETHER
        if self._ending is None:
            self._log.end_run()
            self._texts = self._log.begin_run(index, now - self._zero)

    def _begin(self, event: StreamEvent) -> None:
        """Learn whose recording this is."""
        if self._stream_id is not None:
            self._end_early("the recording was given two streams at once")
            raise StreamStateError(f"this recording is of stream {self._stream_id}; make another")
        self._stream_id = event.stream_id
        if not isinstance(event, StreamStarted):
            self._late_by = event.elapsed - (time.monotonic() - self._zero)

    def _keep(self, event: StreamEvent) -> None:
        self._next_index = _NO_RUN  # what comes next is later than this
        if self._ending is not None:
            return
        if isinstance(event, TokenReceived):
            self._log.add((event.text, event.index, event.elapsed))
            return
        if isinstance(event, StreamReset):
            self._log.reset()
        self._log.add(event)
        if isinstance(event, _ENDINGS):
            self._end(event)

    def _end_early(self, reason: str) -> bool:
        if self._ending is not None:
            return False
        error = StreamInterruptedError(reason, partial_text=self.text)
        self._keep(StreamFailed(self._stream_id or "", time.monotonic() - self._zero, error))
        return True

    def _end(self, event: StreamEvent) -> None:
        """The first end is the end; what comes behind it is not kept."""
        self._ending = event  # first: readers look at it when the log has ended
        self._log.end()
        self._ended.set()

    def _event_of(self, entry: Token | StreamEvent) -> StreamEvent:
        if isinstance(entry, tuple):
            text, index, elapsed = entry
            return TokenReceived(self._stream_id or "", elapsed, text, index)
        return entry

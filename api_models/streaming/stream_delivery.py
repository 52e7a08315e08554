"""From chunks to handlers: count, number, shape, and name what happened, under the user's control."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..exceptions import APIModelError
from . import stream_events as events
from .exceptions import HandlerError, StreamCancelledError, StreamingError
from .stream_backlog import SPILLED, Backlog
from .stream_clocks import Clocks
from .stream_config import StreamConfig
from .stream_events import StreamChunk, StreamResult, ToolCall
from .stream_handler import Dispatcher, HandlerRegistry
from .stream_log import StreamLog
from .stream_record import Answer, Statistics
from .stream_shape import Pacer, Piece, Shaper
from .stream_source import Chunk, StreamSource
from .stream_state import StateMachine, Trigger

_logger = logging.getLogger("api_models")


class Delivery:
    """Hands the chunks of one run to its handlers, obeying control calls between any two pieces.

    One thread delivers; the thread that reads may be another and only calls `read`.
    """

    def __init__(self, config: StreamConfig, registry: HandlerRegistry, metadata: Mapping[str, Any]) -> None:
        self.stream_id = uuid.uuid4().hex
        self.config = config
        self.metadata = MappingProxyType({**metadata, "stream_id": self.stream_id})
        self.machine = StateMachine()
        self.log = StreamLog(self.stream_id, config.keep_history)
        self.backlog = Backlog(config.max_backlog_bytes)
        self.clocks = Clocks(config)
        self.in_haste = False
        """Whether time has run out: what is left is handed out without pacing."""
        self.failure: BaseException | None = None
        self.outcome: StreamResult | APIModelError | None = None
        self.stats = Statistics()
        self._dispatcher = Dispatcher(registry, config.handler_errors, self.stream_id, self.machine.elapsed)
        self._shaper = Shaper(config.split, config.buffer_size) if config.recuts else None
        self._pacer = Pacer(config) if config.tokens_per_second or config.smooth else None
        self._pieces: deque[Piece | ToolCall] = deque()  # shaped, in the order to hand out
        self._asked: Mapping[str, Any] = self.metadata  # who answers, by provider and model
        self._answer = Answer()
        self._index = self._thoughts = 0
        self._withheld_since: float | None = None
        self._next_progress = config.progress_interval
        self._plain = self._shaper is None and self._pacer is None
        self._arrived_at = 0.0
        self._ending = False

    def begin(self) -> None:
        self._tell(events.StreamStarted, self.metadata)

    def read(self, source: StreamSource) -> bool:
        """Wait for what the source gives next and put it on the backlog; False at its end.

        What the source raises is its end, and the `failure`.
        """
        self.clocks.began_waiting(self.machine.elapsed())
        try:
            chunks = source.read()
            self.clocks.is_waiting = False
            self.stats.bytes_received = source.bytes_received
            if chunks is not None:
                self._arrive(chunks, self.machine.elapsed())
                return True
        except (HandlerError, StreamCancelledError) as error:  # of a stream that the source reads from
            self.failure = _wrapped(error)
        except BaseException as error:  # noqa: BLE001  # what a source raises ends its stream, as does a full disk
            self.failure = error
        return False

    def deliver(self, on_pause: Callable[[], None]) -> None:
        """Hand out all that has arrived; `on_pause` is called before a pause is waited out.

        Raises `StreamCancelledError` when the stream was cancelled, `HandlerError` when a
        handler's failure ends it.
        """
        notices, backlog, pieces = self.machine.notices, self.backlog.items, self._pieces
        while True:
            if notices:
                self.attend(on_pause)
            if pieces:
                self._hand_out(pieces, on_pause)
            elif not backlog:
                break
            elif self._plain and not self.backlog.bounded:
                self._hand_out_plain()
            else:
                self._take(backlog.popleft())
        self._report_progress(self._arrived_at)

    def attend(self, on_pause: Callable[[], None]) -> None:
        """Tell what control calls did, and wait out a pause."""
        while (notice := self.machine.next_notice()) is not None:
            if notice is Trigger.CANCEL:
                raise StreamCancelledError("the stream was cancelled")
            if notice is Trigger.PAUSE:
                self._tell(events.StreamPaused)
                on_pause()
            elif notice is Trigger.RESUME:
                self._tell(events.StreamResumed)
            else:
                self._tell(events.StreamQuiet, notice)

    def flush_due(self) -> float | None:
        """Cut loose what was withheld for `buffer_seconds`; seconds until then, None if nothing is."""
        if self._withheld_since is None or self._shaper is None or not self.config.buffer_seconds:
            return None
        left = self._withheld_since + self.config.buffer_seconds - self.machine.elapsed()
        if left <= 0:
            self._pieces.extend(self._shaper.flush())
            self._withheld_since = None
        return max(left, 0)

    @property
    def interruption(self) -> BaseException | None:
        """Ctrl-C or an exit that was raised in a handler."""
        return self._dispatcher.interruption

    def cancel(self) -> bool:
        if not self.machine.fire(Trigger.CANCEL):
            return False
        self._dispatcher.mute()
        return True

    def conclude(self, error: BaseException | None) -> None:
        """Hand out what is left, change to the last state, tell it. The source is closed by now."""
        if not isinstance(error, (HandlerError, StreamCancelledError)):
            error = self._flush() or error
        while not isinstance(error, StreamCancelledError) and not self.machine.fire(
            Trigger.FAIL if error else Trigger.COMPLETE
        ):
            try:
                self.attend(no_reading)
            except (HandlerError, StreamCancelledError) as late:
                error = late
        try:
            self._tell_end(error)
        except HandlerError:
            _logger.debug("stream %s had ended when a handler failed", self.stream_id)
        finally:
            self.backlog.close()
            self.log.end()

    def status(self) -> dict[str, Any]:
        """The statistics of this moment, the caller's to keep."""
        return self.stats.snapshot(self.machine, self._dispatcher)

    def _arrive(self, chunks: Sequence[Chunk], at: float) -> None:
        self._arrived_at = at
        is_first = self.stats.time_to_first_token is None
        has_content = any(map(events.is_content, chunks)) if is_first else bool(chunks)
        if has_content:
            self.stats.arrived(at, self.clocks.gap(at))
        self.clocks.received(at, has_content)
        if chunks:
            if isinstance(chunks[-1], events.RetryNotice):
                self.clocks.began_attempt(at + chunks[-1].delay)
            self.backlog.add(chunks)

    def _take(self, chunk: Any) -> None:
        if chunk is SPILLED:
            self.backlog.load()
            return
        self.backlog.took(chunk)
        if isinstance(chunk, str):
            self._take_text(chunk)
        elif isinstance(chunk, StreamChunk):
            self._take_chunk(chunk)
        elif isinstance(chunk, events.RetryNotice):
            self.stats.attempts += 1
            self._asked = (
                {"provider": chunk.provider, "model": chunk.model} if chunk.provider else self._asked
            )
            self._answer.continued = chunk.continues
            self._tell(events.StreamRetrying, chunk.attempt, chunk.delay, chunk.error)
        elif isinstance(chunk, events.ResetNotice):
            self._reset(chunk.reason)
        elif chunk is not None:  # None between deltas is common and harmless
            raise StreamingError(f"a source yields str or StreamChunk, not {type(chunk).__name__}")

    def _take_chunk(self, chunk: StreamChunk) -> None:
        self._answer.absorb(chunk)
        if chunk.thinking:
            self._answer.thinking.append(chunk.thinking)
            self._tell(events.ThinkingReceived, chunk.thinking, self._thoughts)
            self._thoughts += 1
        self._take_text(chunk.text)
        if chunk.tool_call is not None:
            self._pieces.extend(self._shaper.flush() if self._shaper else ())
            self._pieces.append(chunk.tool_call)

    def _hand_out_plain(self) -> None:
        """Hand out tokens as they came, until something else is up: the way of most of them."""
        notices, backlog, dispatcher, stats = (
            self.machine.notices,
            self.backlog.items,
            self._dispatcher,
            self.stats,
        )
        add, call, token_hooks, at = self.log.add, dispatcher.call, dispatcher.token_hooks, self._arrived_at
        begun = self.machine.clock()
        try:
            while backlog and not notices:
                chunk = backlog.popleft()
                if type(chunk) is not str or not chunk:
                    self._take(chunk)
                    break
                index = self._index
                self._index = index + 1
                stats.tokens += 1
                stats.characters += len(chunk)
                add((chunk, index, at))
                call(token_hooks(), chunk, index)
        finally:
            dispatcher.handler_time += self.machine.clock() - begun

    def _count(self, text: str) -> int:
        """Count a token of the provider; returns how many came before it."""
        self.stats.tokens += 1
        self.stats.characters += len(text)
        self._index += 1
        return self._index - 1

    def _take_text(self, text: str) -> None:
        if not text:
            return
        index = self._count(text)
        if self._shaper is None:
            self._pieces.append((text, index))
            return
        pieces = self._shaper.push(text)
        self._pieces.extend(pieces)
        if pieces or self._withheld_since is None:  # what is withheld now came just now
            self._withheld_since = self.machine.elapsed() if self._shaper.withheld else None

    def _hand_out(self, pieces: deque[Piece | ToolCall], on_pause: Callable[[], None]) -> None:
        """Hand out the first piece, when it is due."""
        if self._pacer is not None:
            clock, waiting = self.machine.clock, len(pieces) + len(self.backlog.items) - 1
            due = self._pacer.book(clock(), waiting, self._ending)
            while (left := due - clock()) > 0 and not self.in_haste:
                self.machine.wait(lambda: self.in_haste, left)
                self.attend(on_pause)
        piece = pieces.popleft()
        if isinstance(piece, ToolCall):
            self._answer.tool_calls.append(piece)
            self._tell(events.ToolCallReceived, piece)
        else:
            self._hand_out_text(*piece)
            self._report_progress(self.machine.elapsed())

    def _hand_out_text(self, text: str, index: int) -> None:
        self.log.add((text, index, self.machine.elapsed()))
        dispatcher, clock = self._dispatcher, self.machine.clock
        begun = clock()
        try:
            dispatcher.call(dispatcher.token_hooks(), text, index)
        finally:
            dispatcher.handler_time += clock() - begun

    def _tell(self, kind: type[events.StreamEvent], *values: Any) -> None:
        event = kind(self.stream_id, self.machine.elapsed(), *values)
        self.log.add(event)
        self._dispatcher.tell(event)

    def _report_progress(self, elapsed: float) -> None:
        if elapsed < self._next_progress:
            return
        self._next_progress = elapsed + self.config.progress_interval
        tokens = self.stats.tokens
        self._tell(events.StreamProgress, tokens, self.stats.characters, tokens / elapsed)

    def _reset(self, reason: str) -> None:
        self.log.reset()
        self._answer = Answer()
        self._index = self._thoughts = 0
        if self._shaper is not None:
            self._shaper = Shaper(self.config.split, self.config.buffer_size)
        self._tell(events.StreamReset, reason)

    def _flush(self) -> Exception | None:
        """Hand out all that is left; what went wrong with that, if anything."""
        self._ending = True
        try:
            self.deliver(no_reading)
            if self._shaper is not None:
                self._pieces.extend(self._shaper.flush())
                self.deliver(no_reading)
        except Exception as error:  # noqa: BLE001  # of a handler, a chunk of a wrong type, the backlog's file
            return error
        return None

    def _tell_end(self, error: BaseException | None) -> None:
        text = self._received_text()
        if error is None:
            self.outcome = self._answer.result(text, self._asked, self.status())
            self._tell(events.StreamCompleted, self.outcome)
            return
        self.outcome = failure = _typed(error)
        failure.partial_text = text
        failure.provider = failure.provider or self._asked.get("provider")
        failure.model = failure.model or self._asked.get("model")
        if isinstance(failure, StreamCancelledError):
            failure.__traceback__ = None  # its frames would keep the source alive
            self._tell(events.StreamCancelled, text)
        else:
            self.stats.failures += 1
            self._tell(events.StreamFailed, failure)

    def _received_text(self) -> str:
        """All that arrived, handed out or not."""
        texts = [self.log.text()]
        texts += [piece[0] for piece in self._pieces if not isinstance(piece, ToolCall)]
        texts += [self._shaper.withheld] if self._shaper else []
        texts += self.backlog.texts()
        return "".join(texts)


def no_reading() -> None:
    """What to do before a pause when no reading has to go on: nothing."""


def _typed(error: BaseException) -> APIModelError:
    return error if isinstance(error, APIModelError) else _wrapped(error)


def _wrapped(error: BaseException) -> StreamingError:
    wrapped = StreamingError(f"the source failed: {error!r}")
    wrapped.__cause__ = error
    return wrapped

"""The one loop of a stream, from its source to its handlers; and a stream on the caller's own thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..exceptions import APIModelError
from . import stream_events as events
from .exceptions import HandlerError, StreamCancelledError, StreamingError, StreamTimeoutError
from .parts.backlog import SPILLED
from .parts.cutting import buffered
from .parts.frozen import replace
from .parts.outlet import Outlet, Pacer
from .parts.statistics import Statistics
from .stream_config import StreamConfig
from .stream_events import StreamChunk, StreamResult, ToolCall
from .stream_handler import Dispatcher, HandlerRegistry
from .stream_source import Answer, Reader, StreamSource, as_source, source_failed, text_of
from .stream_state import StateMachine, Trigger

_logger = logging.getLogger("api_models")

_TEXTS_AT_ONCE = 256
"""How many are cut together, where that is to be done, before anybody is told of the first."""


class Delivery:
    """One run: hands what was read to the handlers, obeying control calls between any two pieces.

    One thread delivers; the thread that reads may be another, and meets it at the backlog alone.
    """

    def __init__(
        self,
        source: StreamSource,
        config: StreamConfig,
        registry: HandlerRegistry,
        metadata: Mapping[str, Any],
    ) -> None:
        self.stream_id = os.urandom(16).hex()
        self.config = config
        self.machine = StateMachine()
        elapsed = self.machine.elapsed
        self.reader = Reader(source, config, self.stream_id, elapsed)
        self.backlog = self.reader.backlog
        self.dispatcher = Dispatcher(registry, config, self.stream_id, elapsed)
        self.timeout: StreamTimeoutError | None = None
        """Which clock ran out: what is left is handed out without pacing then."""
        self.outcome: StreamResult | APIModelError | None = None
        self._metadata = MappingProxyType({**metadata, "stream_id": self.stream_id})
        self._stats = self.reader.stats
        rate, smooth = config.tokens_per_second, config.smooth
        self._outlet = Outlet(
            config.split,
            config.buffer_size,
            config.buffer_seconds,
            Pacer(rate, smooth) if rate or smooth else None,
            elapsed,
        )
        self._is_plain = self._outlet.is_plain
        self._answer = Answer(self._metadata)
        self._index = 0
        self._next_progress = config.progress_interval

    def open(self) -> None:
        """Tell the start and get the source ready; what comes next is the first read."""
        self.dispatcher.tell(events.StreamStarted, self._metadata)
        self.reader.open()

    def deliver(self) -> None:
        """Hand out all that has arrived.

        Raises `StreamCancelledError` when the stream was cancelled, `HandlerError` when a
        handler's failure ends it.
        """
        notices, backlog, pieces = self.machine.notices, self.backlog.items, self._outlet.pieces
        while True:
            if notices:
                self.attend()
            if pieces:
                self._hand_out()
            elif not backlog:
                break
            elif self._is_plain and not self.backlog.bounded:
                self._hand_out_plain()
                if backlog and not notices:  # no token, or that would have gone out too
                    self._take(backlog.popleft())
            elif texts := self.backlog.take_texts(_TEXTS_AT_ONCE):
                self._take_texts(texts)
            else:
                self._take(backlog.popleft())
        if self.reader.arrived_at >= self._next_progress:
            self._report_progress(self.reader.arrived_at)

    def attend(self) -> None:
        """Tell what control calls did, and wait out a pause."""
        while (notice := self.machine.next_notice()) is not None:
            if notice is Trigger.CANCEL:
                raise StreamCancelledError("the stream was cancelled")
            if notice is Trigger.PAUSE:
                self.dispatcher.tell(events.StreamPaused)
                self.before_pause()
            elif notice is Trigger.RESUME:
                self.dispatcher.tell(events.StreamResumed)
            else:
                self.dispatcher.tell(events.StreamQuiet, notice)

    def before_pause(self) -> None:
        """Called before a pause is waited out: where there is one thread, reading waits too."""

    def flush_due(self) -> float | None:
        """Cut loose what was withheld for `buffer_seconds`; seconds until then, None if nothing is."""
        return self._outlet.flush_due()

    def cancel(self) -> bool:
        if not self.machine.fire(Trigger.CANCEL):
            return False
        self.dispatcher.mute()
        return True

    def conclude(self, error: BaseException | None) -> None:
        """Hand out what is left, change to the last state, tell it. The source is closed by now."""
        try:
            self._tell_end(self._settle(error))
        except HandlerError:
            _logger.debug("stream %s had ended when a handler failed", self.stream_id)
        finally:
            self.dispatcher.log.end()
            self.reader.forget()

    def status(self) -> dict[str, Any]:
        """The statistics of this moment, the caller's to keep."""
        machine, told, received = self.machine, self.dispatcher, self.reader.bytes_received
        return self._stats.snapshot(
            machine.elapsed(), machine.paused_time, told.handler_time, told.handler_errors, received
        )

    def _hand_out_plain(self) -> None:
        """Hand out tokens as they came, until something else is up: the way of most of them."""
        dispatcher, begun = self.dispatcher, self.machine.clock()
        texts = dispatcher.log.begin_run(self._index, self.reader.arrived_at)
        known = len(texts)
        self._stats.count_along(texts)
        try:
            dispatcher.tell_texts(self.backlog.items, self.machine.notices, texts, self._index)
        finally:
            index, self._index = self._index, self._index + len(texts) - known
            dispatcher.log.end_run()
            dispatcher.tell_together(texts, known, index)
            dispatcher.handler_time += self.machine.clock() - begun

    def _take(self, chunk: Any) -> None:
        """Number and shape what came, or say what it means."""
        if chunk is SPILLED:
            self.backlog.load()
            return
        self.backlog.took(chunk)
        if isinstance(chunk, str):
            self._take_texts([chunk] if chunk else [])
        elif isinstance(chunk, StreamChunk):
            self._take_chunk(chunk)
        elif isinstance(chunk, events.RetryNotice):
            self._stats.attempts += 1
            self._answer.retried(chunk)
            self.dispatcher.tell(events.StreamRetrying, chunk.attempt, chunk.delay, chunk.error)
        elif isinstance(chunk, events.ResetNotice):
            self._reset(chunk.reason)
        elif chunk is not None:  # None between deltas is common and harmless
            raise StreamingError(f"a source yields str or StreamChunk, not {type(chunk).__name__}")

    def _take_chunk(self, chunk: StreamChunk) -> None:
        self._answer.absorb(chunk)
        if chunk.thinking:
            self.dispatcher.tell(events.ThinkingReceived, chunk.thinking, len(self._answer.thinking) - 1)
        self._take_texts([chunk.text] if chunk.text else [])
        if chunk.tool_call is not None:
            self._outlet.put(chunk.tool_call)

    def _take_texts(self, texts: Sequence[str]) -> None:
        if texts:
            self._stats.add_tokens(len(texts))
            self._outlet.push(texts, self._index)
            self._index += len(texts)

    def _reset(self, reason: str) -> None:
        self.dispatcher.log.reset()
        self._outlet.reset()
        self._answer, self._index = self._answer.anew(), 0
        self.dispatcher.tell(events.StreamReset, reason)

    def _hand_out(self) -> None:
        """Hand out the first piece, when it is due."""
        if self._outlet.is_paced:
            self._wait_until_due()
        piece = self._outlet.pieces.popleft()
        if isinstance(piece, ToolCall):
            self._answer.tool_calls.append(piece)
            self.dispatcher.tell(events.ToolCallReceived, piece)
            return
        text, index = piece
        self.dispatcher.tell_text(text, index)
        if (elapsed := self.machine.elapsed()) >= self._next_progress:
            self._report_progress(elapsed)

    def _wait_until_due(self) -> None:
        now = self.machine.clock()
        due = self._outlet.due(now, len(self.backlog.items))
        while due > now and self.timeout is None:
            self.machine.wait(lambda: self.timeout, due - now)
            self.attend()
            now = self.machine.clock()

    def _report_progress(self, elapsed: float) -> None:
        tokens, characters = self._stats.tokens, self.dispatcher.log.length() + len(self._outlet.text())
        self.dispatcher.tell(events.StreamProgress, tokens, characters, tokens / elapsed)
        # From behind the event, whose own time may be later than the look that led to it.
        self._next_progress = self.machine.elapsed() + self.config.progress_interval

    def _settle(self, error: BaseException | None) -> BaseException | None:
        """Hand out what is left and change to the last state; what ended the stream, after all."""
        if not isinstance(error, (HandlerError, StreamCancelledError)):
            error = self._flush() or error
        while not isinstance(error, StreamCancelledError) and not self.machine.fire(
            Trigger.FAIL if error else Trigger.COMPLETE
        ):
            try:
                self.attend()
            except (HandlerError, StreamCancelledError) as late:
                error = late
        return error

    def _flush(self) -> Exception | None:
        """Hand out all that is left; what went wrong with that, if anything."""
        self._outlet.ending = True
        try:
            self.deliver()
            self._outlet.flush()
            self.deliver()
        except Exception as error:  # noqa: BLE001  # of a handler, a chunk of a wrong type, the backlog's file
            return error
        return None

    def _tell_end(self, error: BaseException | None) -> None:
        # All that arrived, handed out or not; most of all a single text, which joining leaves as it is.
        texts = [self.dispatcher.log.final_text(), self._outlet.text(), *map(text_of, self.backlog.rest())]
        text = "".join([each for each in texts if each])
        if error is None:
            self.outcome = self._answer.result(text, self.status())
            self.dispatcher.tell(events.StreamCompleted, self.outcome)
            return
        self.outcome = failure = error if isinstance(error, APIModelError) else source_failed(error)
        self._answer.inform(failure, text)
        if isinstance(failure, StreamCancelledError):
            failure.__traceback__ = None  # its frames would keep the source alive
            self.dispatcher.tell(events.StreamCancelled, text)
        else:
            self._stats.failures += 1
            self.dispatcher.tell(events.StreamFailed, failure)


class StreamProcessor:
    """Runs streams on the caller's own thread: for scripts that want no other.

    Keeps nothing from one stream to the next but the statistics of the last one; may serve
    several threads at once.
    """

    def __init__(self, config: StreamConfig | Mapping[str, Any] | str | None = None) -> None:
        self.config = StreamConfig.of(config)
        self._statistics = Statistics().snapshot()

    def process_stream(self, stream: Any, handlers: Iterable[Any]) -> str:
        """Read the stream to its end, telling the handlers, and return the full text.

        Raises what ended the stream, after the handlers were told. Ctrl-C ends it as cancelled.
        Without a second thread, text withheld for `buffer_seconds` is looked at when the next text
        comes, and of the clocks only `connect_timeout` is kept.
        """
        source, registry = as_source(stream), HandlerRegistry()
        for handler in handlers:
            registry.add(handler)
        delivery = Delivery(source, self.config, registry, {})
        delivery.machine.fire(Trigger.START)
        error = _read_through(delivery)
        # Ctrl-C or an exit is for the caller to see, not to be translated.
        way_out = delivery.dispatcher.interruption if error is None or isinstance(error, Exception) else error
        if way_out is not None:
            delivery.cancel()
            error = StreamCancelledError("interrupted")
        delivery.conclude(error)
        self._statistics = delivery.status()
        if (way_out := way_out or delivery.dispatcher.interruption) is not None:
            raise way_out
        if isinstance(delivery.outcome, StreamResult):
            return delivery.outcome.text
        raise delivery.outcome or StreamingError("the stream came to no end")

    def buffer_tokens(self, tokens: Iterable[str], buffer_size: int | None = None) -> Iterator[str]:
        """Join tokens by count, lazily; closes `tokens` when the consumer stops."""
        size = self.config.buffer_size if buffer_size is None else buffer_size
        return buffered(tokens, replace(self.config, buffer_size=size).buffer_size)

    def get_statistics(self) -> dict[str, Any]:
        """The statistics of the stream that ended last, all zero before the first."""
        return dict(self._statistics)


def _read_through(delivery: Delivery) -> BaseException | None:
    """Both roles on one thread, to the end of the source; what ended it, if not its own end."""
    try:
        delivery.open()
        while delivery.reader.read():
            delivery.flush_due()
            delivery.deliver()
    except BaseException as error:  # noqa: BLE001  # every way out is an end that handlers are told of
        return error
    finally:
        delivery.reader.close()
    return delivery.reader.failure

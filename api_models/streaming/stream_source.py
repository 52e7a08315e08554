"""Where chunks come from, who reads them, and what they say: the one door into a stream."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..exceptions import APIModelError, ConfigurationError
from .exceptions import HandlerError, StreamCancelledError, StreamingError, StreamTimeoutError
from .parts.backlog import Backlog
from .parts.clocks import Clocks
from .parts.frozen import replace
from .parts.statistics import Statistics
from .stream_config import StreamConfig
from .stream_events import (
    ResetNotice,
    RetryNotice,
    StreamChunk,
    StreamResult,
    TokenUsage,
    ToolCall,
    estimated_usage,
    is_content,
)

_logger = logging.getLogger("api_models")

Chunk = str | StreamChunk | RetryNotice | ResetNotice


class StreamSource(ABC):
    """An iterator of chunks that another thread may abort.

    All methods but `abort` are called by the stream's own threads, one at a time.
    """

    bytes_received: int = 0
    """Bytes read off the wire so far; 0 where there is no wire."""
    headers: Mapping[str, str] = MappingProxyType({})
    """What the provider sent before the answer; empty until then, and where there is no wire."""

    def open(self, config: StreamConfig) -> None:
        """Learn how the stream is to be run, and get ready; once, before the first read.

        The clocks do not run yet, and nothing can end it: no network belongs here.
        """

    @abstractmethod
    def read(self) -> Sequence[Chunk] | None:
        """Wait for the next chunks and return all that arrived together, None at the end.

        An empty sequence says that something arrived that is no content, a heartbeat for example.
        What is raised ends the stream as failed.
        """

    def abort(self) -> None:
        """Make a blocked `read` return or raise soon. Any thread, more than once, never blocks."""

    def time_out(self, error: StreamTimeoutError) -> bool:
        """End a blocked `read` because a clock ran out; as `abort`, on the watchdog's thread.

        True if the source can go on by other means and will raise `error` itself if not.
        """
        self.abort()
        return False

    def close(self) -> None:
        """Let everything go; called once, on every path."""

    def __iter__(self) -> Iterator[Chunk]:
        while (chunks := self.read()) is not None:
            yield from chunks


class IterableSource(StreamSource):
    """A plain iterable of chunks, which may have `abort()` and `close()` of its own."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self._iterable = iterable
        self._iterator: Iterator[Any] | None = None

    def read(self) -> Sequence[Chunk] | None:
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        for chunk in self._iterator:
            return (chunk,)
        return None

    def abort(self) -> None:
        abort = getattr(self._iterable, "abort", None)
        if callable(abort):
            abort()

    def close(self) -> None:
        closing = [self._iterable]
        if self._iterator is not None and self._iterator is not self._iterable:
            closing.insert(0, self._iterator)
        for thing in closing:
            close = getattr(thing, "close", None)
            if callable(close):
                close()


def as_source(source: Any) -> StreamSource:
    """Take a source as it is and wrap any other iterable.

    Raises `ConfigurationError` for what cannot be iterated, and for a lone `str`, which would
    be handed out letter by letter.
    """
    if isinstance(source, StreamSource):
        return source
    if isinstance(source, (str, bytes)) or not hasattr(type(source), "__iter__"):
        raise ConfigurationError(
            f"a stream's source is an iterable of chunks, not {type(source).__name__}; "
            "put a single text into a list"
        )
    return IterableSource(source)


class Reader:
    """The reading role of one run: from the source onto the backlog, noting when what came.

    One thread at a time reads; `abort` and `time_out` come from others.
    """

    def __init__(
        self, source: StreamSource, config: StreamConfig, stream_id: str, elapsed: Callable[[], float]
    ) -> None:
        self.backlog: Backlog[Chunk] = Backlog(config.max_backlog_bytes, _size)
        self.clocks = Clocks(config)
        self.stats = Statistics()
        self.arrived_at = 0.0
        self.failure: BaseException | None = None
        """What the source raised."""
        self._source = source
        self._config = config
        self._stream_id = stream_id
        self._elapsed = elapsed
        self._bytes_received = 0  # by a source that was let go

    @property
    def bytes_received(self) -> int:
        return self._bytes_received or self._source.bytes_received

    def open(self) -> None:
        self._source.open(self._config)
        self.clocks.began_attempt(self._elapsed())

    def read(self) -> bool:
        """Wait for what the source gives next and put it on the backlog; False at its end.

        What the source raises is its end, and the `failure`.
        """
        self.clocks.began_waiting(self._elapsed())
        try:
            chunks = self._source.read()
            self.clocks.is_waiting = False
            if chunks is not None:
                self._arrive(chunks, self._elapsed())
                return True
        except (HandlerError, StreamCancelledError) as error:  # of a stream that the source reads from
            self.failure = source_failed(error)
        except BaseException as error:  # noqa: BLE001  # what a source raises ends its stream, as does a full disk
            self.failure = error
        return False

    def abort(self) -> None:
        self._call(self._source.abort)

    def time_out(self, error: StreamTimeoutError) -> bool:
        """End a blocked read; True if the source goes on by other means."""
        return bool(self._call(self._source.time_out, error))

    def close(self) -> None:
        self._call(self._source.close)

    def forget(self) -> None:
        """Let everything go: an ended run keeps nothing of its source alive."""
        self._bytes_received = self.bytes_received
        self.backlog.close()
        self._source, self.failure = _NOTHING, None

    def _arrive(self, chunks: Sequence[Chunk], at: float) -> None:
        self.arrived_at = at
        stats = self.stats
        is_first = stats.time_to_first_token is None
        has_content = any(map(is_content, chunks)) if is_first else bool(chunks)
        waited = self.clocks.received(at, has_content)
        if has_content and (is_first or waited > stats.longest_gap):
            stats.arrived(at, waited)
        if chunks:
            if isinstance(chunks[-1], RetryNotice):
                self.clocks.began_attempt(at + chunks[-1].delay)
            self.backlog.add(chunks)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """End or close the source; a failure to do so costs neither the text nor the end of its stream."""
        try:
            return method(*arguments)
        except Exception:  # a user's source may raise anything, and the stream must still come to its end
            _logger.warning("the source of stream %s was not let go", self._stream_id, exc_info=True)
            return None


_NOTHING = IterableSource(())
"""Stands in for the source of a run that has ended."""


def source_failed(error: BaseException) -> StreamingError:
    """An error of the house for what a source raised."""
    wrapped = StreamingError(f"the source failed: {error!r}")
    wrapped.__cause__ = error
    return wrapped


def text_of(chunk: Chunk | None) -> str:
    """The visible text of a chunk; a notice has none."""
    if isinstance(chunk, str):
        return chunk
    return chunk.text if isinstance(chunk, StreamChunk) else ""


def _size(chunks: Sequence[Chunk | None]) -> int:
    """How many characters these chunks hold, about."""
    try:
        return sum(map(len, chunks))  # type: ignore[arg-type]  # all text, as they mostly are
    except TypeError:
        return sum(map(_size_of, chunks))


def _size_of(chunk: Chunk | None) -> int:
    if isinstance(chunk, StreamChunk):
        return len(chunk.text) + len(chunk.thinking) + len(chunk.tool_arguments)
    return len(chunk) if isinstance(chunk, str) else 0


class Answer:
    """A result in the making: who was asked, and what the chunks of a run have said besides the text."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.thinking: list[str] = []
        self.tool_calls: list[ToolCall] = []
        self._asked = asked  # by provider and model
        self._continued = False
        self._refusal: list[str] = []
        self._citations: list[Mapping[str, Any]] = []
        self._said: dict[str, Any] = {}

    def absorb(self, chunk: StreamChunk) -> None:
        """Take in all but the text and the call, which count when they are handed out."""
        for name in ("usage", "stop_reason", "raw_stop_reason", "model", "response_id", "provider"):
            if (value := getattr(chunk, name)) is not None:
                self._said[name] = value
        if chunk.thinking:
            self.thinking.append(chunk.thinking)
        if chunk.refusal:
            self._refusal.append(chunk.refusal)
        if chunk.citation is not None:
            self._citations.append(chunk.citation)

    def retried(self, notice: RetryNotice) -> None:
        if notice.provider:
            self._asked = {"provider": notice.provider, "model": notice.model}
        self._continued = notice.continues

    def anew(self) -> Answer:
        """What a new answer of the one who is asked begins as."""
        return Answer(self._asked)

    def result(self, text: str, stats: Mapping[str, Any]) -> StreamResult:
        return StreamResult(
            text,
            thinking="".join(self.thinking),
            refusal="".join(self._refusal),
            tool_calls=tuple(self.tool_calls),
            citations=tuple(self._citations),
            continued=self._continued,
            stats=stats,
            **{**self._whom(), **self._said, "usage": self._usage(text)},
        )

    def _whom(self) -> dict[str, Any]:
        return {name: self._asked.get(name) for name in ("provider", "model")}

    def _usage(self, text: str) -> TokenUsage:
        """As it was said, but for the answer's part of an estimate, which is known only now."""
        usage: TokenUsage = self._said.get("usage", TokenUsage())
        if usage.source != "estimated" or usage.output_tokens is not None:
            return usage
        besides = [*self.thinking, *self._refusal, *(call.arguments_json for call in self.tool_calls)]
        answered = estimated_usage(None, len(text) + sum(map(len, besides)))
        return replace(answered, input_tokens=usage.input_tokens)

    def inform(self, error: APIModelError, text: str) -> None:
        """Give an error what is known of the answer that it ended."""
        error.partial_text = text
        error.provider = error.provider or self._asked.get("provider")
        error.model = error.model or self._asked.get("model")

"""Where chunks come from: the one door through which data enters a stream."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..exceptions import ConfigurationError
from .exceptions import StreamTimeoutError
from .stream_config import StreamConfig
from .stream_events import ResetNotice, RetryNotice, StreamChunk

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


def close_source(source: StreamSource, stream_id: str) -> None:
    """Close a source; a failure to do so costs neither the text nor the end of its stream."""
    try:
        source.close()
    except Exception:  # a user's source may raise anything
        _logger.warning("closing the source of stream %s failed", stream_id, exc_info=True)

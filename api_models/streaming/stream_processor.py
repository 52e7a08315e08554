"""Streams on the caller's own thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .exceptions import StreamCancelledError, StreamingError
from .stream_config import StreamConfig
from .stream_delivery import Delivery, no_reading
from .stream_events import StreamResult
from .stream_handler import HandlerRegistry
from .stream_shape import Shaper
from .stream_source import StreamSource, as_source, close_source
from .stream_state import Trigger

_logger = logging.getLogger("api_models")


class StreamProcessor:
    """Runs streams on the caller's own thread: for scripts that want no other.

    Keeps nothing from one stream to the next but the statistics of the last one; may serve
    several threads at once.
    """

    def __init__(self, config: StreamConfig | Mapping[str, Any] | str | None = None) -> None:
        self.config = StreamConfig.of(config)
        self._statistics = Delivery(self.config, HandlerRegistry(), {}).status()

    def process_stream(self, stream: Any, handlers: Iterable[Any]) -> str:
        """Read the stream to its end, telling the handlers, and return the full text.

        Raises what ended the stream, after the handlers were told. Ctrl-C ends it as cancelled.
        Without a second thread, text withheld for `buffer_seconds` is looked at when the next text
        comes, and of the clocks only `connect_timeout` is kept.
        """
        source, registry = as_source(stream), HandlerRegistry()
        for handler in handlers:
            registry.add(handler)
        delivery = Delivery(self.config, registry, {})
        delivery.machine.fire(Trigger.START)
        error = self._read_through(source, delivery)
        way_out = error if _is_way_out(error) else delivery.interruption
        if way_out is not None:
            delivery.cancel()
            error = StreamCancelledError("interrupted")
        delivery.conclude(error)
        self._statistics = delivery.status()
        if (way_out := way_out or delivery.interruption) is not None:
            raise way_out
        if isinstance(delivery.outcome, StreamResult):
            return delivery.outcome.text
        raise delivery.outcome or StreamingError("the stream came to no end")

    def _read_through(self, source: StreamSource, delivery: Delivery) -> BaseException | None:
        try:
            delivery.begin()
            source.open(self.config)
            while delivery.read(source):
                delivery.flush_due()
                delivery.deliver(no_reading)
        except BaseException as error:  # noqa: BLE001  # every way out is an end that handlers are told of
            return error
        finally:
            close_source(source, delivery.stream_id)
        return delivery.failure

    def buffer_tokens(self, tokens: Iterable[str], buffer_size: int | None = None) -> Iterator[str]:
        """Join tokens by count, lazily; closes `tokens` when the consumer stops."""
        size = self.config.buffer_size if buffer_size is None else buffer_size
        return _buffered(tokens, Shaper("token", replace(self.config, buffer_size=size).buffer_size))

    def get_statistics(self) -> dict[str, Any]:
        """The statistics of the stream that ended last, all zero before the first."""
        return dict(self._statistics)


def _is_way_out(error: BaseException | None) -> bool:
    """Whether it is Ctrl-C or an exit: for the caller to see, not to be translated."""
    return error is not None and not isinstance(error, Exception)


def _buffered(tokens: Iterable[str], shaper: Shaper) -> Iterator[str]:
    try:
        for token in tokens:
            yield from (text for text, _ in shaper.push(token))
        yield from (text for text, _ in shaper.flush())
    finally:
        close = getattr(tokens, "close", None)
        if callable(close):
            close()

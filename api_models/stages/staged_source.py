"""A chain of stages between a source and its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..exceptions import APIModelError, ConfigurationError
from ..streaming.exceptions import StreamingError, StreamTimeoutError
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import WITHHELD, StreamChunk, is_content
from ..streaming.stream_source import Chunk, StreamSource
from .flow import TICK, Flow
from .stage import Stage, compose


class StagedSource(StreamSource):
    """A source whose chunks go through a stage, for a stream: control, clocks and counts reach through it."""

    def __init__(self, source: StreamSource, stage: Stage) -> None:
        self._source = source
        self._came: list[Sequence[Chunk]] = []  # of the last read, until it was asked about
        self._flow = Flow(source, stage.run, _batches(source, self._came))
        self._ticks = False  # whether one comes through: only then is it known which chunks belong together
        self._failure: BaseException | None = None
        self._has_ended = False

    @property
    def bytes_received(self) -> int:  # type: ignore[override]  # others only read it
        return self._source.bytes_received

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override]  # others only read it
        return self._source.headers

    def open(self, config: StreamConfig) -> None:
        self._source.open(config)

    def read(self) -> Sequence[Chunk] | None:
        if self._failure is not None:
            raise self._failure
        if self._has_ended:
            return None
        chunks: list[Chunk] = []
        try:
            self._gather(chunks)
        except Exception as error:  # noqa: BLE001  # raised below, or by the next read
            self._failure = self._named(error)
            if not chunks:
                raise self._failure from self._failure.__cause__
        if chunks:
            return chunks
        return None if self._has_ended else self._sign_of_life()

    def abort(self) -> None:
        self._flow.abort()

    def time_out(self, error: StreamTimeoutError) -> bool:
        if error.clock != "total" and self._flow.line.pacing:
            return True  # content is there: it is we who keep it back
        goes_on = self._source.time_out(error)
        if not goes_on:
            self._flow.line.stopped.set()
        return goes_on

    def close(self) -> None:
        self._flow.close()

    def _gather(self, chunks: list[Chunk]) -> None:
        """Take what comes out of the stages, until they have handed on what came in together."""
        for chunk in self._flow.ticking:
            if chunk is not TICK:
                chunks.append(chunk)
                if not self._ticks:
                    return
            elif self._ticks:
                return
            else:
                self._ticks = True
        self._has_ended = True
        if (reason := self._flow.line.stop_reason) is not None:
            chunks.append(StreamChunk(stop_reason=reason))

    def _sign_of_life(self) -> Sequence[Chunk]:
        batch = self._came.pop() if self._came else ()
        return (WITHHELD,) if any(map(is_content, batch)) else ()

    def _named(self, error: Exception) -> Exception:
        """An error of the house for what a stage raised; a source's own goes as it is."""
        if isinstance(error, APIModelError) or error is self._flow.line.error:
            return error
        failure = StreamingError(f"a stage failed: {error!r}")
        failure.__cause__ = error
        return failure


def _batches(source: StreamSource, came: list[Sequence[Chunk]]) -> Iterator[Chunk]:
    # Not a method: a source that nobody holds any more shall go at once, which it does not in a circle.
    yield TICK  # comes out first, if the stages let it through
    while (batch := source.read()) is not None:
        came[:] = (batch,)
        yield from batch
        yield TICK


def staged(source: StreamSource, stages: Stage | Iterable[Any]) -> StagedSource:
    """The source behind a stage, or behind several, the first first.

    Raises `ConfigurationError` for what is no stage.
    """
    if not isinstance(stages, (Stage, Iterable)):
        raise ConfigurationError(f"stages is a Stage or a list of them, not {stages!r}")
    return StagedSource(source, stages if isinstance(stages, Stage) else compose(*stages))

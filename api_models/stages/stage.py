"""What a stage is, and how stages are joined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.parts.frozen import replace
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import ResetNotice, StreamChunk
from ..streaming.stream_source import Chunk, StreamSource, as_source
from .flow import FLUSH, TICK, Flow, Line, let_go

_EMPTY = StreamChunk()


class Stage(ABC):
    """Changes chunks: called with an iterable of them, it gives an iterator over what becomes of them.

    A stage keeps no state between two calls, so that one object may serve many streams. `a | b` is a
    stage too: first `a`, then `b`. Closing the iterator closes the source it reads from.
    """

    def __call__(self, chunks: Iterable[Any]) -> Flow:
        """What becomes of these chunks; lazy: nothing is read before the first is asked for."""
        source = as_source(chunks)
        return Flow(source, self.run, _read(source) if source is chunks else _each(chunks))

    @abstractmethod
    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        """The same inside a chain; a generator that closes `chunks` when it ends, however it ends.

        It passes on what it does not know, a `TICK` above all, and stops waiting, if it waits,
        once `line.stopped` is set.
        """

    def __or__(self, after: Any) -> Stage:
        return compose(self, after)

    def __ror__(self, before: Any) -> Stage:
        return compose(before, self)


class TextState(ABC):
    """What a stage knows of one text, while it is coming."""

    @abstractmethod
    def push(self, text: str, /) -> Iterable[str]:
        """Take the next text, never empty; what can be handed on now."""

    def flush(self) -> Iterable[str]:
        """What was kept back: nothing more comes, or something that is no text. There may come more later."""
        return ()


class TextStage(Stage):
    """A stage that looks at text alone: everything else passes untouched and in order.

    The text of a `StreamChunk` is treated like a `str`, its other fields are kept. What is kept back
    goes out before a tool call, a stop reason, and any end, also of a source that fails; after
    a `ResetNotice` it is forgotten.
    """

    @abstractmethod
    def begin(self) -> TextState:
        """The state before the first text."""

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        state, is_ours = self.begin(), False
        push = state.push
        try:
            for chunk in chunks:
                if isinstance(chunk, str):
                    if chunk:
                        is_ours = True  # whatever is raised now: else it comes from before us
                        yield from push(chunk)
                        is_ours = False
                elif chunk is TICK:
                    yield chunk
                elif isinstance(chunk, StreamChunk):
                    is_ours = True
                    yield from _changed(chunk, state)
                    is_ours = False
                else:
                    if isinstance(chunk, ResetNotice):
                        state = self.begin()
                        push = state.push
                    yield chunk
            is_ours = True
            yield from state.flush()
        except Exception:  # raised on; but what was held back when the source failed goes out before it
            if not is_ours:
                yield from state.flush()
            raise
        finally:
            let_go(chunks)


def _changed(chunk: StreamChunk, state: TextState) -> Iterator[Chunk]:
    """A chunk with its text changed, if it has any; in so many pieces, its other fields with the last."""
    is_end = chunk.tool_call is not None or chunk.stop_reason is not None
    if not chunk.text:
        if is_end or chunk is FLUSH:
            yield from state.flush()
        yield TICK if chunk is FLUSH else chunk
        return
    pieces = list(state.push(chunk.text))
    if is_end:
        pieces += state.flush()
    *before, last = pieces or [""]
    if before and chunk.thinking:  # comes before the text, as it is told
        yield StreamChunk(thinking=chunk.thinking)
        chunk = replace(chunk, thinking="")
    yield from before
    if (changed := replace(chunk, text=last)) != _EMPTY:
        yield changed


class _Composed(Stage):
    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        for stage in self.stages:
            chunks = stage.run(chunks, line)
        return chunks


class _Function(Stage):
    """Any callable of the users': it may not close what it reads from, so that is done for it."""

    def __init__(self, function: Callable[[Iterator[Chunk]], Iterable[Chunk]]) -> None:
        self._function = function

    def run(self, chunks: Iterator[Chunk], line: Line) -> Iterator[Chunk]:
        try:
            yield from self._function(chunks)
        finally:
            let_go(chunks)


def compose(*stages: Any) -> Stage:
    """One stage of several, the first first; of none, everything passes.

    A stage is a `Stage`, or any callable from an iterator of chunks to an iterable of them.
    Raises `ConfigurationError` for what is neither.
    """
    flat: list[Stage] = []
    for stage in stages:
        if isinstance(stage, _Composed):
            flat += stage.stages
        elif isinstance(stage, Stage):
            flat.append(stage)
        elif callable(stage) and not isinstance(stage, type):
            flat.append(_Function(stage))
        else:
            raise ConfigurationError(
                f"a stage is a Stage, or a function from an iterator to an iterable, not {stage!r}"
            )
    return flat[0] if len(flat) == 1 else _Composed(flat)


def _each(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:  # noqa: UP028  # `yield from` would close them too
        yield chunk


def _read(source: StreamSource) -> Iterator[Chunk]:
    source.open(StreamConfig())
    yield from source

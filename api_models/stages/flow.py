"""One run of a chain of stages: where it begins, how it ends, and who closes what."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ..streaming.stream_events import StopReason, StreamChunk
from ..streaming.stream_source import Chunk, StreamSource

TICK = StreamChunk()
"""Told apart by identity. Goes through a chain behind all that arrived together, and says: hand on what
there is. A stage that holds chunks back for a time lets one follow each of them."""

FLUSH = StreamChunk()
"""By identity as well: what the next stage keeps back has waited long enough."""


class Line:
    """What the stages of one run have in common: where it begins, and whether it was stopped."""

    def __init__(self, source: StreamSource) -> None:
        self.stopped = threading.Event()
        """Set when the run was cancelled: from then on no stage waits for anything but its source."""
        self.error: BaseException | None = None
        """What the source raised, to be told from what a stage raises."""
        self.stop_reason: StopReason | None = None
        """Why the text ended, if it was a stage that ended it."""
        self.pacing: set[object] = set()
        """The stages that are keeping text back for a time; a source is not too slow meanwhile."""
        self._source = source
        self._open_once = threading.Lock()  # taken for good by who closes the source: there may be two

    def wake(self) -> None:
        """Make a blocked read of the source end soon; any thread, never blocks."""
        self._source.abort()

    def close_source(self) -> None:
        """Close the source, unless that was done."""
        if self._open_once.acquire(blocking=False):
            self._source.close()


Run = Callable[[Iterator[Chunk], Line], Iterator[Chunk]]
"""What a chain does, once it knows what it reads from."""


class Flow(Iterator[Chunk]):
    """One run of a chain over a source: an iterator that closes its source when it ends or is closed."""

    def __init__(self, source: StreamSource, run: Run, chunks: Iterator[Chunk]) -> None:
        self.line = Line(source)
        self._run = run
        self._fed = _feed(chunks, self.line)
        self._out: Iterator[Chunk] | None = None
        self._is_closed = False

    @property
    def ticking(self) -> Iterator[Chunk]:
        """What comes out of the last stage, `TICK`s included."""
        if self._out is None:  # not sooner: a function may begin to read when it is called
            self._out = iter(()) if self._is_closed else self._run(self._fed, self.line)
        return self._out

    def __next__(self) -> Chunk:
        try:
            for chunk in self._out or self.ticking:
                if chunk is not TICK:
                    return chunk
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def abort(self) -> None:
        """End all waiting in the stages and in the source; any thread, never blocks."""
        self.line.stopped.set()
        self.line.wake()

    def close(self) -> None:
        """Close the stages, the last first, and the source; more than once is harmless."""
        self._is_closed = True
        self.line.stopped.set()
        try:
            let_go(self._out)
        finally:
            # A stage's own thread that is still reading closes it after that.
            if inspect.getgeneratorstate(self._fed) != inspect.GEN_RUNNING:
                self._fed.close()
                self.line.close_source()
            self.line.error = None  # whose frames hold the line

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def let_go(chunks: Any) -> None:
    """Close an iterator, if it can be closed."""
    close = getattr(chunks, "close", None)
    if callable(close):
        close()


def _feed(chunks: Iterator[Chunk], line: Line) -> Generator[Chunk, None, None]:
    """The beginning of a chain: notes what the source raises, and closes it at the end."""
    try:
        yield from chunks
    except BaseException as error:
        line.error = error
        raise
    finally:
        line.close_source()

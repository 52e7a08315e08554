"""Several sources at once, as one iterator of chunks that say where they come from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamCancelledError, StreamTimeoutError
from ..streaming.parts.checks import LIMIT, check_value, choice, count
from ..streaming.stream_manager import StreamManager
from ..streaming.stream_source import Chunk, StreamSource
from .ahead import PATIENCE, Ahead, End, Meeting
from .stage import compose

Tag = str | int
Order = Literal["arrival", "sequence", "priority"]


class Tagged(NamedTuple):
    """A chunk and the name, or the number, of the source that it comes from."""

    source: Tag
    chunk: Chunk


def combine(
    sources: Mapping[str, Any] | Iterable[Any],
    order: Order = "arrival",
    *,
    errors: Literal["fail", "isolate"] = "fail",
    idle_timeout: float | None = None,
    limit: int = 1000,
) -> Combined:
    """Read several sources at once; a list of them, or a mapping that names them.

    A source is whatever a stream can be made of, or a running stream. `order` is `"arrival"`;
    `"sequence"`, all of the first, then all of the second; or `"priority"`, of what is waiting the
    first named goes first. The chunks of one source always keep their order. With `errors="fail"` an
    error is raised in its place and ends the others; with `"isolate"` it ends its own source only,
    stands in `errors`, and is raised when no source is left that has not failed. `idle_timeout` is the
    longest a source may keep us waiting for a chunk. At most `limit` chunks of each source are waiting.
    """
    check_value("order", order, choice("arrival", "sequence", "priority"))
    check_value("errors", errors, choice("fail", "isolate"))
    check_value("idle_timeout", idle_timeout, LIMIT)
    check_value("limit", limit, count(1))
    if isinstance(sources, (str, bytes)) or not isinstance(sources, Iterable):
        raise ConfigurationError(f"sources must be a list or a mapping of sources, not {sources!r}")
    named = sources.items() if isinstance(sources, Mapping) else enumerate(sources)
    return Combined(dict(named), order, errors == "isolate", idle_timeout, limit)


class Combined(Iterator[Tagged]):
    """What `combine` returns. Closing it, leaving its `with` or dropping it ends all sources."""

    def __init__(
        self,
        sources: Mapping[Tag, Any],
        order: Order,
        isolates: bool,
        idle_timeout: float | None,
        limit: int,
    ) -> None:
        self.errors: dict[Tag, BaseException] = {}
        """What became of the sources that failed, in the order in which that was found."""
        self._meeting = Meeting()
        self._parts = {tag: _part(tag, source, limit, self._meeting) for tag, source in sources.items()}
        self._left = list(self._parts)  # who has not ended, as far as was handed on
        self._cancelled: set[Tag] = set()
        self._order = order
        self._isolates = isolates
        self._idle_timeout = idle_timeout
        self._state: Literal["new", "running", "closed"] = "new"

    def __next__(self) -> Tagged:
        if self._state == "new":
            self._state = "running"
            for part in self._parts.values():
                part.start()
        while self._left and self._state == "running":
            tag, chunk = self._take()
            if not isinstance(chunk, End):
                return Tagged(tag, chunk)
            self._ended(tag, chunk.error)
        self.close()
        raise StopIteration

    def cancel(self, source: Tag) -> bool:
        """End one source, with what it has given; any thread, never blocks. Whether it was running."""
        if source not in self._parts:
            raise ConfigurationError(f"no source is named {source!r}: choose from {list(self._parts)}")
        with self._meeting.changed:
            if source not in self._left or source in self._cancelled:
                return False
            self._cancelled.add(source)
        self._parts[source].stop()
        return True

    def status(self) -> dict[Tag, str]:
        """Each source is `"running"`, `"ended"`, `"failed"` or `"cancelled"`."""
        return {tag: self._status(tag) for tag in self._parts}

    def untagged(self) -> StreamSource:
        """The chunks without their tags, as a source of a stream."""
        return _Untagged(self)

    def abort(self) -> None:
        """End all sources; any thread, never blocks."""
        for tag in self._parts:
            self.cancel(tag)

    def close(self) -> None:
        """End all sources and wait until they are closed; more than once is harmless."""
        self._state = "closed"
        for part in self._parts.values():
            part.stop()
        deadline = time.monotonic() + PATIENCE
        for part in self._parts.values():
            part.join(max(deadline - time.monotonic(), 0.0))

    def __enter__(self) -> Combined:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        for part in getattr(self, "_parts", {}).values():
            with contextlib.suppress(Exception):  # there is nobody to tell
                part.stop()

    def _take(self) -> tuple[Tag, Chunk | End]:
        """Wait for the chunk or the end that is next in order."""
        with self._meeting.changed:
            while (tag := self._next()) is None:
                for gone in self._cancelled.intersection(self._left):
                    return gone, End(None)  # nothing of it is waiting, and it may be deaf
                stalled, wait = self._stalled()
                if stalled is not None:
                    limit = self._idle_timeout
                    error = StreamTimeoutError(f"source {stalled!r} gave nothing for {limit} s", clock="idle")
                    return stalled, End(error)
                self._meeting.changed.wait(wait)
            return tag, self._parts[tag].taken()

    def _next(self) -> Tag | None:
        """Whose turn it is of those that are waiting, if it is anybody's."""
        if self._order == "sequence":
            first = self._left[0]
            return first if self._parts[first].waiting else None
        ready = [tag for tag in self._left if self._parts[tag].waiting]
        if self._order == "arrival":
            return min(ready, key=lambda tag: self._parts[tag].waiting[0][0], default=None)
        return ready[0] if ready else None

    def _stalled(self) -> tuple[Tag | None, float | None]:
        """Who kept us waiting too long, if anybody; else seconds until the next may have."""
        if self._idle_timeout is None:
            return None, None
        now, wait = time.monotonic(), self._idle_timeout
        for tag in self._left:
            since = self._parts[tag].reading_since
            if since is not None and not self._parts[tag].waiting:
                left = since + self._idle_timeout - now
                if left <= 0:
                    return tag, None
                wait = min(wait, left)
        return None, wait

    def _ended(self, tag: Tag, error: BaseException | None) -> None:
        self._left.remove(tag)
        if error is not None and tag not in self._cancelled:
            self.errors[tag] = error
            self._parts[tag].stop()
        is_lost = self._parts.keys() == self.errors.keys() | self._cancelled
        if is_lost or (self.errors and not self._isolates):
            self.close()
            for first in self.errors.values():
                raise first
            raise StreamCancelledError("all sources were cancelled")

    def _status(self, tag: Tag) -> str:
        if tag in self.errors:
            return "failed"
        if tag in self._cancelled:
            return "cancelled"
        return "running" if tag in self._left and self._state != "closed" else "ended"


class _Untagged(StreamSource):
    def __init__(self, combined: Combined) -> None:
        self._combined = combined

    def read(self) -> Sequence[Chunk] | None:
        for _, chunk in self._combined:
            return (chunk,)
        return None

    def abort(self) -> None:
        self._combined.abort()

    def close(self) -> None:
        self._combined.close()


class _Running(StreamSource):
    """The text of a stream that runs already; it is cancelled when nobody wants it any more."""

    def __init__(self, stream: StreamManager) -> None:
        self._stream = stream
        self._tokens: Iterator[str] | None = None

    def read(self) -> Sequence[Chunk] | None:
        if self._tokens is None:
            self._tokens = iter(self._stream)
        for token in self._tokens:
            return (token,)
        self._stream.result()  # says so if it was cancelled: its iterator just ends
        return None

    def abort(self) -> None:
        self._stream.cancel_stream()

    def close(self) -> None:
        self._stream.cancel_stream()


def _part(tag: Tag, source: Any, limit: int, meeting: Meeting) -> Ahead:
    flow = compose()(_Running(source) if isinstance(source, StreamManager) else source)
    return Ahead(flow, flow.abort, limit=limit, name=f"combine-{tag}", meeting=meeting)

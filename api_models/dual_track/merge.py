"""All tracks at once, as one text of tagged pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..streaming.parts.checks import check_value, choice
from ..streaming.parts.cutting import Shaper, whole_graphemes
from ..streaming.stream_events import ResetNotice, StreamChunk, TokenUsage
from ..streaming.stream_source import Chunk
from .mode import Act, Acts, Finish, Mode, Play
from .switches import TrackText


def merge(by: Literal["arrival", "sentence", "sequence"] = "arrival") -> Mode:
    """Hand on what all of them say: as it comes, in whole sentences, or one track behind the other.

    Each piece is a `TrackText`. The text of a track keeps its order and is never split inside a
    grapheme: the last one is kept back until it cannot grow. A track that fails ends by itself; the whole
    fails when all have.
    """
    check_value("by", by, choice("arrival", "sentence", "sequence"))
    return Mode("merge", lambda names: Merging(names, by))


class Merging(Play):
    def __init__(self, names: Sequence[str], by: str) -> None:
        super().__init__(names)
        make: Callable[[], _Graphemes | _Sentences] = _Sentences if by == "sentence" else _Graphemes
        self._make = make
        self._cut = [make() for _ in names]
        self._said: list[list[str]] = [[] for _ in names]
        self._in_sequence = by == "sequence"
        self._waiting: list[list[Chunk]] = [[] for _ in names]  # behind tracks before them, in sequence

    def take(self, track: int, chunk: Chunk, now: float) -> Acts:
        if isinstance(chunk, str):
            text = self._cut[track].push(chunk)
            return self._said_by(track, text) if text else ()
        if isinstance(chunk, ResetNotice):
            return self._reset(track, chunk)
        if isinstance(chunk, StreamChunk) and (chunk.thinking or chunk.tool_call or chunk.citation):
            return [*self._flushed(track), *self._pass(track, (chunk,))]
        return ()  # of the ends of all tracks one is made

    def ended(self, track: int, now: float) -> Acts:
        acts: list[Act] = [*self._flushed(track)]
        if self._in_sequence:
            acts += self._next_in_sequence()
        if self.running:
            return acts
        if not self.whole:
            return [*acts, self.failure()]
        return [*acts, self._last_words(), Finish()]

    def _said_by(self, track: int, text: str) -> Sequence[Chunk]:
        piece = TrackText(text)
        piece.track = self.names[track]
        self._said[track].append(piece)
        return self._pass(track, (piece,)) if self._in_sequence else (piece,)

    def _flushed(self, track: int) -> Sequence[Chunk]:
        text = self._cut[track].flush()
        return self._said_by(track, text) if text else ()

    def _pass(self, track: int, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        if not self._in_sequence or track == min(self.running, default=track):
            return chunks
        self._waiting[track] += chunks
        return ()

    def _next_in_sequence(self) -> Sequence[Chunk]:
        """What waited for the tracks that have ended by now."""
        first = min(self.running, default=self.tracks - 1)
        ready = [chunk for waiting in self._waiting[: first + 1] for chunk in waiting]
        self._waiting[: first + 1] = [[] for _ in range(first + 1)]
        return ready

    def _reset(self, track: int, notice: ResetNotice) -> Sequence[Chunk]:
        """Take back one track's text: only all can be taken back, so the others are said again."""
        self._cut[track], said = self._make(), self._said[track]
        self._said[track] = []
        if self._waiting[track]:
            self._waiting[track] = []
            return ()
        heard = self._said[:track] if self._in_sequence else self._said
        return [notice, *(piece for pieces in heard for piece in pieces)] if said else ()

    def _last_words(self) -> StreamChunk:
        results = list(self.whole.values())
        reasons = {result.stop_reason for result in results}
        reason = reasons.pop() if len(reasons) == 1 else None
        return StreamChunk(stop_reason=reason, usage=_sum([result.usage for result in results]))


class _Graphemes:
    """Gives text at once, but for the last grapheme."""

    def __init__(self) -> None:
        self._tail = ""

    def push(self, text: str) -> str:
        text = self._tail + text
        if text.isascii() and text[-1] != "\n":  # as nearly always
            self._tail = text[-1]
            return text[:-1]
        end = whole_graphemes(text)
        self._tail = text[end:]
        return text[:end]

    def flush(self) -> str:
        tail, self._tail = self._tail, ""
        return tail


class _Sentences:
    """Gives whole sentences."""

    def __init__(self) -> None:
        self._shaper = Shaper("sentence", 1)

    def push(self, text: str) -> str:
        return "".join([piece for piece, _ in self._shaper.push(text)])

    def flush(self) -> str:
        return "".join([piece for piece, _ in self._shaper.flush()])


def _sum(usages: Sequence[TokenUsage]) -> TokenUsage:
    """What all of them took, if each has said so."""
    if any(usage.source != "reported" for usage in usages):
        return TokenUsage()
    asked = _total([usage.input_tokens for usage in usages])
    return TokenUsage(asked, _total([usage.output_tokens for usage in usages]), source="reported")


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None

"""All tracks at once, as one text of tagged pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..streaming.parts.checks import check_value, choice
from ..streaming.parts.cutting import Shaper, whole_graphemes
from ..streaming.stream_events import ResetNotice, StreamChunk, TokenUsage
from ..streaming.stream_source import Chunk
from .mode import Act, Acts, Finish, Mode, Play, Say
from .switches import TrackText, texts_of


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
        self._texts = [texts_of(name) for name in self.names]
        self._said: list[Chunk] = []  # of all, in order, as far as it counts
        self._in_sequence = by == "sequence"
        self._waiting: list[list[Chunk]] = [[] for _ in names]  # behind tracks before them, in sequence

    def take_texts(self, track: int, texts: list[str], now: float) -> Sequence[Act]:
        return (Say(self._said_by(track, self._cut[track].push(texts))),)

    def take(self, track: int, chunk: Chunk, now: float) -> Acts:
        if isinstance(chunk, ResetNotice):
            return self._reset(track, chunk)
        if isinstance(chunk, StreamChunk) and (chunk.thinking or chunk.tool_call or chunk.citation):
            return [*self._flushed(track), *self._pass(track, [chunk])]
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

    def _said_by(self, track: int, texts: Sequence[str]) -> Sequence[Chunk]:
        return self._pass(track, list(map(self._texts[track], texts)))

    def _flushed(self, track: int) -> Sequence[Chunk]:
        return self._said_by(track, self._cut[track].flush())

    def _pass(self, track: int, chunks: list[Chunk]) -> Sequence[Chunk]:
        """These, as far as it is their turn."""
        if not self._in_sequence or track == min(self.running, default=track):
            self._said += chunks
            return chunks
        self._waiting[track] += chunks
        return ()

    def _next_in_sequence(self) -> Sequence[Chunk]:
        """What waited for the tracks that have ended by now."""
        first = min(self.running, default=self.tracks - 1)
        ready = [chunk for waiting in self._waiting[: first + 1] for chunk in waiting]
        self._waiting[: first + 1] = [[] for _ in range(first + 1)]
        self._said += ready
        return ready

    def _reset(self, track: int, notice: ResetNotice) -> Sequence[Chunk]:
        """Take back one track's text: only all can be taken back, so the others are said again."""
        self._cut[track], self._waiting[track] = self._make(), []
        said = [chunk for chunk in self._said if isinstance(chunk, TrackText)]
        self._said = [piece for piece in said if piece.track != self.names[track]]
        return [notice, *self._said] if len(self._said) < len(said) else ()

    def _last_words(self) -> StreamChunk:
        results = list(self.whole.values())
        reasons = {result.stop_reason for result in results}
        reason = reasons.pop() if len(reasons) == 1 else None
        return StreamChunk(stop_reason=reason, usage=_sum([result.usage for result in results]))


class _Graphemes:
    """Gives text at once, but for the last grapheme."""

    def __init__(self) -> None:
        self._tail = ""

    def push(self, texts: Sequence[str]) -> list[str]:
        """All that is whole by now, cut as it came where that is possible."""
        text = self._tail + "".join(texts)
        if text.isascii() and "\r" not in text:  # as nearly always
            return self._cut_anywhere(texts)
        return [piece for each in texts if (piece := self._push(each))]

    def flush(self) -> list[str]:
        tail, self._tail = self._tail, ""
        return [tail] if tail else []

    def _cut_anywhere(self, texts: Sequence[str]) -> list[str]:
        pieces = [self._tail + texts[0], *texts[1:]]
        last = pieces.pop()
        self._tail = last[-1]
        return [*pieces, last[:-1]] if len(last) > 1 else pieces

    def _push(self, text: str) -> str:
        text = self._tail + text
        end = whole_graphemes(text)
        self._tail = text[end:]
        return text[:end]


class _Sentences:
    """Gives whole sentences."""

    def __init__(self) -> None:
        self._shaper = Shaper("sentence", 1)

    def push(self, texts: Sequence[str]) -> list[str]:
        return [piece for text in texts for piece, _ in self._shaper.push(text)]

    def flush(self) -> list[str]:
        return [piece for piece, _ in self._shaper.flush()]


def _sum(usages: Sequence[TokenUsage]) -> TokenUsage:
    """What all of them took, if each has said so."""
    if any(usage.source != "reported" for usage in usages):
        return TokenUsage()
    asked = _total([usage.input_tokens for usage in usages])
    return TokenUsage(asked, _total([usage.output_tokens for usage in usages]), source="reported")


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None

"""The first good token wins; the others are stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..exceptions import ConfigurationError
from ..streaming.parts.checks import DELAY, check_value
from ..streaming.parts.cutting import Shaper
from ..streaming.stream_events import ResetNotice, StreamChunk, StreamResult
from ..streaming.stream_source import Chunk, text_of
from .mode import Act, Acts, Finish, Mode, Play, Start

Good = Callable[[str], object]


def race(hedge: float | None = None, until: Literal["token", "sentence"] | Good = "token") -> Mode:
    """Whoever says something first answers, and the others are stopped on the wire.

    `until` is what counts: the first text that is no white space, the first whole sentence, or the
    first text that a function says yes to; a tool call and a whole answer always count. With `hedge`
    the next track starts only when none has spoken for so many seconds, or all before it have failed.
    """
    if hedge is not None:
        check_value("hedge", hedge, DELAY)
    good = _GOOD.get(until) if isinstance(until, str) else until
    if not callable(good):
        raise ConfigurationError(f"until is 'token', 'sentence' or a function of a text, not {until!r}")
    return Mode("race", lambda names: _Race(names, hedge, good))


def has_sentence(text: str) -> bool:
    """Whether a whole sentence stands in the text."""
    return bool(Shaper("sentence", 1).push(text)) if text else False


_GOOD: dict[str, Good] = {"token": str.strip, "sentence": has_sentence}


class _Race(Play):
    def __init__(self, names: Sequence[str], hedge: float | None, good: Good) -> None:
        super().__init__(names)
        self._hedge = hedge
        self._good = good
        self._held: list[list[Chunk]] = [[] for _ in names]
        self._started = 0
        self._next_start: float | None = None

    def begin(self, now: float) -> Acts:
        if self._hedge is None:
            self._started = self.tracks
            return super().begin(now)
        return self._start_next(now)

    def take(self, track: int, chunk: Chunk, now: float) -> Acts:
        if self.shown == track:
            return (chunk,)
        if self.shown is not None:
            return ()
        held = self._held[track]
        if isinstance(chunk, ResetNotice):
            held.clear()
            return ()
        held.append(chunk)
        is_call = isinstance(chunk, StreamChunk) and chunk.tool_call is not None
        if is_call or (text_of(chunk) and self._good("".join(map(text_of, held)))):
            return self._won(track)
        return ()

    def ended(self, track: int, now: float) -> Acts:
        ending = self.endings[track]
        if self.shown == track:
            return [Finish() if isinstance(ending, StreamResult) else Finish(ending)]
        if self.shown is not None:
            return ()
        if isinstance(ending, StreamResult) and any(map(text_of, self._held[track])):
            return [*self._won(track), Finish()]
        if self._started < self.tracks and self._started == len(self.endings):
            return self._start_next(now)
        return () if self.running else self._none_was_good()

    def next_look(self) -> float | None:
        return self._next_start if self.shown is None else None

    def look(self, now: float) -> Acts:
        if self.shown is None and self._next_start is not None and now >= self._next_start:
            return self._start_next(now)
        return ()

    def _start_next(self, now: float) -> Acts:
        track, self._started = self._started, self._started + 1
        is_last = self._hedge is None or self._started == self.tracks
        self._next_start = None if is_last else now + (self._hedge or 0.0)
        return [Start(track)]

    def _won(self, track: int) -> list[Act]:
        self.shown = track
        held, self._held = self._held[track], [[] for _ in self.names]
        return [*self.stop_all_but(track), *held]

    def _none_was_good(self) -> Acts:
        """Nobody said anything: an empty answer is still whole, and else the first error is the reason."""
        for track in self.whole:
            return [*self._won(track), Finish()]
        return [self.failure()]

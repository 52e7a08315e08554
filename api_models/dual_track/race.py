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
    if not callable(until) and until not in ("token", "sentence"):
        raise ConfigurationError(f"until is 'token', 'sentence' or a function of a text, not {until!r}")
    return Mode("race", lambda names: _Race(names, hedge, until))


class SentenceWatch:
    """Sees the text of one track come, and says when a sentence is whole."""

    def __init__(self) -> None:
        self._shaper = Shaper("sentence", 1)

    def __call__(self, text: str) -> bool:
        return bool(self._shaper.push(text))


class _TextWatch:
    """Asks a function about all text so far."""

    def __init__(self, is_good: Good) -> None:
        self._is_good = is_good
        self._text = ""

    def __call__(self, text: str) -> bool:
        self._text += text
        return bool(self._is_good(self._text))


def _watch(until: str | Good) -> Good:
    """What is given each piece of the text of one track, and says yes when it has been good."""
    if isinstance(until, str):
        return SentenceWatch() if until == "sentence" else str.strip
    return _TextWatch(until)


class _Race(Play):
    def __init__(self, names: Sequence[str], hedge: float | None, until: str | Good) -> None:
        super().__init__(names)
        self._hedge = hedge
        self._until = until
        self._is_good = [_watch(until) for _ in names]
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
        if isinstance(chunk, ResetNotice):
            self._held[track], self._is_good[track] = [], _watch(self._until)
            return ()
        self._held[track].append(chunk)
        is_call = isinstance(chunk, StreamChunk) and chunk.tool_call is not None
        text = text_of(chunk)
        return self._won(track) if is_call or (text and self._is_good[track](text)) else ()

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

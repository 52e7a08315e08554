"""A draft is shown at once, until a better track takes over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..exceptions import ConfigurationError
from ..streaming.stream_events import ResetNotice, StreamChunk
from ..streaming.stream_source import Chunk, text_of
from .mode import Act, Acts, Finish, Mode, Play
from .race import SentenceWatch
from .switches import TrackSwitch

Judge = Callable[[str, str], object]


def prefer(judge: Judge | None = None) -> Mode:
    """Show whatever comes first, until a track that is named before it has its first sentence.

    The tracks are named in the order in which they are wanted: the wanted one first, its drafts behind
    it. A takeover replaces the text: a reset, then all that the other has said. If the one that is shown
    fails, the best that is left takes over. `judge(shown, candidate)` is asked about the two texts
    instead, whenever the candidate has grown by a sentence and when it has ended.
    """
    if judge is not None and not callable(judge):
        raise ConfigurationError(f"judge is a function of two texts, not {judge!r}")
    return Mode("prefer", lambda names: _Prefer(names, judge))


class _Prefer(Play):
    def __init__(self, names: Sequence[str], judge: Judge | None) -> None:
        super().__init__(names)
        self._judge = judge
        self._said: list[list[Chunk]] = [[] for _ in names]
        self._ends_sentence = [SentenceWatch() for _ in names]

    def take(self, track: int, chunk: Chunk, now: float) -> Acts:
        if isinstance(chunk, ResetNotice):
            self._said[track], self._ends_sentence[track] = [], SentenceWatch()
            return (chunk,) if track == self.shown else ()
        self._said[track].append(chunk)
        text = text_of(chunk)
        ends_sentence = bool(text) and self._ends_sentence[track](text)
        if track == self.shown:
            return (chunk,)
        return self._show(track) if self._is_ready(track, chunk, ends_sentence) else ()

    def ended(self, track: int, now: float) -> Acts:
        if not self.running and not self.whole:
            return [self.failure()]
        acts: list[Act] = []
        if track == self.shown and track in self.errors:
            acts = self._fall_back()
        elif track in self.whole and self._spoke(track) and self._takes_over(track):
            acts = self._show(track)
        return [*acts, *self._finished()]

    def _is_ready(self, track: int, chunk: Chunk, ends_sentence: bool) -> bool:
        """Whether a track takes over, now that this has come."""
        if self._nobody_speaks:
            return _is_said(chunk)
        is_call = isinstance(chunk, StreamChunk) and chunk.tool_call is not None
        return (is_call or ends_sentence) and self._takes_over(track)

    def _takes_over(self, track: int) -> bool:
        """Whether a track that has said enough is better than the one that is shown."""
        if self.shown is None or self._nobody_speaks:
            return track != self.shown
        if track >= self.shown:
            return False
        return self._judge is None or bool(self._judge(self._text(self.shown), self._text(track)))

    @property
    def _nobody_speaks(self) -> bool:
        return self.shown is None or self.shown in self.errors

    def _fall_back(self) -> list[Act]:
        """Show the best that is left and has said anything; if none has, the first that will."""
        left = [track for track in range(self.tracks) if track not in self.errors and self._spoke(track)]
        return self._show(left[0]) if left else []

    def _show(self, track: int) -> list[Act]:
        before, self.shown = self.shown, track
        said = self._said[track]
        if before is None or not self._said[before]:
            return list(said)
        why = "it failed" if before in self.errors else f"{self.names[track]} is preferred"
        return [ResetNotice(TrackSwitch(self.names[before], self.names[track], why)), *said]

    def _finished(self) -> list[Act]:
        """The end, if what is shown is whole and nothing better can come."""
        acts: list[Act] = []
        if not self.running and self.shown not in self.whole:  # what is whole is empty
            acts = self._show(min(self.whole))
        shown = self.shown
        if shown is None or shown not in self.whole or any(track < shown for track in self.running):
            return []
        return [*acts, *self.stop_all_but(shown), Finish()]

    def _spoke(self, track: int) -> bool:
        return any(map(_is_said, self._said[track]))

    def _text(self, track: int) -> str:
        return "".join(map(text_of, self._said[track]))


def _is_said(chunk: Chunk) -> bool:
    return bool(text_of(chunk)) or (isinstance(chunk, StreamChunk) and chunk.tool_call is not None)

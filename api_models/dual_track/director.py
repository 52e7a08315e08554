"""Carries out what a mode decides: the source of the one stream that is made of several tracks."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterable, Sequence

from ..exceptions import APIModelError
from ..stages.ahead import PATIENCE
from ..streaming.exceptions import (
    StreamCancelledError,
    StreamingError,
    StreamInterruptedError,
    StreamStateError,
)
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import StreamChunk, StreamResult
from ..streaming.stream_source import Chunk, StreamSource
from .funnel import Funnel, Inlet
from .mode import Act, Arrival, Finish, Order, Play, Say, Start, Stop
from .shares import Shares
from .track import Track

_AT_ONCE = 64  # pieces that are handed on together where what comes next is to be chosen by weight
_LIMIT = 1000  # pieces of one track that may be waiting; then the track waits


class Director(StreamSource):
    """Begins and ends the tracks as the mode says, and gives what is to be said.

    The mode is asked on the thread that reads. Of the tracks of one lane only one runs at a time.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        play: Play,
        weights: Sequence[float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.play = play
        self._tracks = tracks
        self._clock = clock
        self._funnel = Funnel(_LIMIT)
        self._inlets = [Inlet(self._funnel, number) for number in range(len(tracks))]
        self._shares = Shares(weights, _AT_ONCE) if len(set(weights)) > 1 else None
        self._queued: list[int] = []  # wait for their lane
        self._begun: set[int] = set()
        self._has_begun = self._has_signed = False
        self._finish: Finish | None = None
        self._config = StreamConfig()

    def open(self, config: StreamConfig) -> None:
        self._config = config

    def read(self) -> Sequence[Chunk] | None:
        chunks: list[Chunk] = []
        if not self._has_begun:
            self._has_begun = True
            self._carry_out(self.play.begin(self._clock()), chunks)
        while not chunks and self._finish is None:
            if self._funnel.is_closed:
                raise StreamInterruptedError("the tracks were stopped")
            self._carry_out(self.play.look(self._clock()), chunks)
            self._hear(self._arrivals(), chunks)
            self._funnel.made_room()
        if chunks:
            return chunks
        rest = self._rest()
        return self._signature() if rest is None else rest

    def abort(self) -> None:
        self._funnel.close()
        for track in self._tracks:
            track.stream.cancel_stream()
        if self._finish is not None and self._finish.rest is not None:
            self._finish.rest.abort()

    def close(self) -> None:
        """Stop what runs, and wait for it; not for ever, there are sources that cannot be woken."""
        self.abort()
        deadline = time.monotonic() + PATIENCE
        for number in self._begun:
            with contextlib.suppress(StreamStateError):  # its start failed
                self._tracks[number].stream.wait(max(0.0, deadline - time.monotonic()))
        if self._finish is not None and self._finish.rest is not None:
            self._finish.rest.close()

    def _arrivals(self) -> list[Arrival]:
        """What comes next, in the order in which it is to be heard."""
        if self._shares is None:
            return self._funnel.take(self._patience())
        self._shares.add(self._funnel.take(0.0 if self._shares else self._patience()))
        return self._shares.next()

    def _patience(self) -> float | None:
        """Seconds until the mode wants to be asked though nothing came."""
        due = self.play.next_look()
        return None if due is None else max(0.0, due - self._clock())

    def _hear(self, arrivals: Sequence[Arrival], chunks: list[Chunk]) -> None:
        now = self._clock()
        for number, thing in arrivals:
            self._inlets[number].used += len(thing) if isinstance(thing, list) else 1
            if self._finish is not None:
                return
            self._carry_out(self.play.hear(number, thing, now), chunks)
            if self._queued:
                self._start_queued()

    def _carry_out(self, acts: Iterable[Act], chunks: list[Chunk]) -> None:
        for act in acts:
            if isinstance(act, Say):
                chunks += act.chunks
            elif isinstance(act, Order):
                self._obey(act)
                if self._finish is not None:
                    return
            else:
                chunks.append(act)

    def _obey(self, order: Order) -> None:
        if isinstance(order, Start):
            self._start(order.track)
        elif isinstance(order, Stop):
            self._stop(order.track)
        elif isinstance(order, Finish):
            self._finish = order
            if order.rest is not None:
                order.rest.open(self._config)

    def _start(self, number: int) -> None:
        track = self._tracks[number]
        running = self._begun - self.play.endings.keys()
        if track.lane is not None and any(self._tracks[each].lane == track.lane for each in running):
            self._queued.append(number)
        elif not self._funnel.is_closed:
            self._begun.add(number)
            track.start(self._inlets[number])

    def _start_queued(self) -> None:
        queued, self._queued = self._queued, []
        for number in queued:
            self._start(number)

    def _stop(self, number: int) -> None:
        if number in self._queued:
            self._queued.remove(number)
        self._tracks[number].stream.cancel_stream()

    def _rest(self) -> Sequence[Chunk] | None:
        """What comes behind the last word of the mode."""
        finish = self._finish
        if finish is None or (finish.error is None and finish.rest is None):
            return None
        if finish.rest is not None:
            return finish.rest.read()
        raise _own(finish.error)

    def _signature(self) -> Sequence[Chunk] | None:
        """Who has answered, if it was one of them: the last that is said."""
        shown = self.play.shown
        ending = None if shown is None else self.play.endings.get(shown)
        if self._has_signed or not isinstance(ending, StreamResult):
            return None
        self._has_signed = True
        return [StreamChunk(provider=ending.provider, model=ending.model)]


def _own(error: APIModelError | None) -> APIModelError:
    """The error of a track for the whole, which writes its own text into it."""
    if error is None or isinstance(error, StreamCancelledError):
        return StreamingError("the track was cancelled, and no other is left")
    own = copy.copy(error)
    own.__cause__ = error.__cause__
    return own

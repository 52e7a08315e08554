"""What a mode is: it decides what becomes of the text of several tracks. It knows no thread and no clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..exceptions import APIModelError
from ..streaming.stream_events import StreamResult
from ..streaming.stream_source import Chunk, StreamSource


@dataclass(frozen=True)
class Order:
    """What a mode wants done, where a chunk is what it wants said."""


@dataclass(frozen=True)
class Start(Order):
    track: int


@dataclass(frozen=True)
class Stop(Order):
    track: int


@dataclass(frozen=True)
class Finish(Order):
    """End the whole: whole, with an error, or with what this source still says."""

    error: APIModelError | None = None
    rest: StreamSource | None = None


class Say(NamedTuple):
    """Several chunks at once: cheaper than an act for each."""

    chunks: Sequence[Chunk]


Act = Chunk | Say | Order
Acts = Sequence[Act]


class Ended(NamedTuple):
    """Behind the last chunk of a track: what became of it."""

    ending: StreamResult | APIModelError


Thing = list[str] | Chunk | Ended
"""What comes from a track: texts that came together, another chunk, or its end."""

Arrival = tuple[int, Thing]
"""The number of a track, and what came from it."""


class Play(ABC):
    """One run of a mode. It is told what happens, in order, and answers with acts; tracks go by number."""

    shown: int | None = None
    """Whose answer it is, as far as that is decided."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.tracks = len(self.names)
        self.endings: dict[int, StreamResult | APIModelError] = {}
        """What became of the tracks that have ended, in the order in which they did."""

    def begin(self, now: float) -> Acts:
        """The first acts; all tracks start unless a mode knows better."""
        return [Start(track) for track in range(self.tracks)]

    def hear(self, track: int, thing: Thing, now: float) -> Iterable[Act]:
        """Something came; each text is looked at when the acts of those before it have been carried out."""
        if isinstance(thing, list):
            return self.take_texts(track, thing, now)
        if isinstance(thing, Ended):
            return self.end(track, thing.ending, now)
        return self.take(track, thing, now)

    def take_texts(self, track: int, texts: list[str], now: float) -> Iterable[Act]:
        """Texts of a track came together; one after another unless a mode is quicker."""
        return (act for text in texts for act in self.take(track, text, now))

    def take(self, track: int, chunk: Chunk, now: float) -> Acts:
        """A chunk of a track came."""
        return ()

    def end(self, track: int, ending: StreamResult | APIModelError, now: float) -> Acts:
        """A track ended, behind its last chunk."""
        self.endings[track] = ending
        return self.ended(track, now)

    @abstractmethod
    def ended(self, track: int, now: float) -> Acts:
        """The same, when it has been noted."""

    def next_look(self) -> float | None:
        """When `look` wants to be called though nothing came; None for never."""
        return None

    def look(self, now: float) -> Acts:
        """So much time has passed."""
        return ()

    @property
    def running(self) -> list[int]:
        """The tracks that have not ended, started or not."""
        return [track for track in range(self.tracks) if track not in self.endings]

    @property
    def whole(self) -> dict[int, StreamResult]:
        """The tracks whose answers are whole, and these."""
        return {track: end for track, end in self.endings.items() if isinstance(end, StreamResult)}

    @property
    def errors(self) -> dict[int, APIModelError]:
        """What the others ended with."""
        return {track: end for track, end in self.endings.items() if not isinstance(end, StreamResult)}

    def failure(self) -> Finish:
        """The end of a run of which nothing whole came: why the track that is shown failed, or the first."""
        errors = self.errors
        return Finish(errors[next(iter(errors)) if self.shown is None else self.shown])

    def stop_all_but(self, kept: int) -> list[Act]:
        return [Stop(track) for track in self.running if track != kept]


@dataclass(frozen=True)
class Mode:
    """A mode with its settings, for any number of runs."""

    name: str
    start: Callable[[Sequence[str]], Play]

"""One of several tracks: a stream like any other, and how it is begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..exceptions import APIModelError
from ..handlers.recording_replay import chunks_of, failure_of
from ..streaming import stream_events as events
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager
from .funnel import Inlet
from .mode import Ended


class Track:
    """A stream that only needs to be started, under a name.

    `lane` says where it is asked, if one stream at a time is to be asked there.
    """

    def __init__(
        self, name: str, stream: StreamManager, start: Callable[[], Any], lane: str | None = None
    ) -> None:
        self.name = name
        self.stream = stream
        self.lane = lane
        self.texts: list[str] = []
        """What it has said since its last reset."""
        self._start = start

    def start(self, inlet: Inlet) -> None:
        """Begin; what it says goes into `inlet`, and at last what became of it."""
        self.stream.register_handler(_Feed(self, inlet))
        try:
            self._start()
        except APIModelError as error:  # the manager was closed meanwhile
            inlet.put(Ended(error))


class _Feed(StreamHandler):
    """Puts the chunks of a track into its inlet; waits there, on the track's own thread, when it is full."""

    tokens_as_events = False

    def __init__(self, track: Track, inlet: Inlet) -> None:
        self._texts = track.texts
        self._put = inlet.put

    def on_texts_received(self, texts: list[str], index: int) -> None:
        self._texts += texts
        self._put(texts, len(texts))

    def on_event(self, event: events.StreamEvent) -> None:
        if isinstance(event, events.StreamReset):
            self._texts.clear()
        if not isinstance(event, events.StreamRetrying):  # the whole was not asked again
            for chunk in chunks_of(event):
                self._put(chunk)
        if ending := event.result if isinstance(event, events.StreamCompleted) else failure_of(event):
            self._put(Ended(ending))

"""A change of track, for those who want to know more than that the text begins anew."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from ..handlers.deferred import call_where_heard, hearer
from ..streaming.stream_handler import StreamHandler


class TrackText(str):
    """Text of one of several tracks; `track` is its name."""

    __slots__ = ()
    track: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _text_of, (self.track, str(self))


@lru_cache(256)
def texts_of(name: str) -> type[TrackText]:
    """The class of one track's texts: what all have in common is not kept with each."""
    return type("TrackText", (TrackText,), {"__slots__": (), "track": name})


def _text_of(name: str, text: str) -> TrackText:
    return texts_of(name)(text)


class TrackSwitch(str):
    """The reason of a reset, when another track takes over: from `before` to `after`, by name."""

    __slots__ = ("after", "before")
    before: str
    after: str

    def __new__(cls, before: str, after: str, why: str) -> TrackSwitch:
        made = super().__new__(cls, f"{after} takes over from {before}: {why}")
        made.before, made.after = before, after
        return made


def knows_switches(handler: Any) -> bool:
    return callable(getattr(hearer(handler), "on_track_switch", None))


class SwitchTeller(StreamHandler):
    """Registered before a handler that has `on_track_switch(before, after)`, and calls it."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def on_stream_reset(self, reason: str) -> None:
        if isinstance(reason, TrackSwitch):
            told = hearer(self._handler).on_track_switch
            call_where_heard(self._handler, partial(told, reason.before, reason.after))

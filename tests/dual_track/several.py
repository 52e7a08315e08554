"""Tracks of sources that a test drives."""

from __future__ import annotations

from typing import Any

from api_models.dual_track.dual_track import config_of_track
from api_models.dual_track.track import Track
from api_models.streaming.stream_config import StreamConfig
from api_models.streaming.stream_manager import StreamManager


def tracks_of(*sources: Any, lanes: tuple[str | None, ...] = (), **config: Any) -> list[Track]:
    """Tracks named `a`, `b`, ... of these sources, not begun."""
    made = []
    for number, source in enumerate(sources):
        stream = StreamManager(config_of_track(StreamConfig.of(config)))
        name, lane = "abcdefghijklmnopqrstuvwxyz"[number], lanes[number] if lanes else None
        told = {"provider": f"{name}-provider", "model": f"{name}-model"}
        made.append(
            Track(
                name, stream, lambda stream=stream, it=source, told=told: stream.start_stream(it, told), lane
            )
        )
    return made

"""A recorded answer, served again: the same bytes, cut where its events end, in the time they took."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .rendering import Event
from .reply import Reply

_BLANK_LINE = rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))"
_EVENT = re.compile(rb".+?(?:" + _BLANK_LINE + rb"|\Z)", re.DOTALL)
_LINE = re.compile(rb".*?(?:\n|\Z)", re.DOTALL)

NDJSON = "application/x-ndjson"


def recorded_events(body: bytes, is_ndjson: bool = False) -> list[Event]:
    """The body cut behind each event, or behind each line; joined, they are the body again."""
    pieces = (_LINE if is_ndjson else _EVENT).findall(body)
    return [Event(piece) for piece in pieces if piece]


def replay(
    recording: bytes | str | Path,
    *,
    pace: float = 0.0,
    times: Sequence[float] | None = None,
    speed: float = 1.0,
    **options: Any,
) -> Reply:
    """A reply that is a recorded body: its bytes, or the file they are in (`.ndjson`: an event a line).

    `pace` passes between any two events; `times` are the moments at which they came, on any clock,
    and are kept, `speed` times as fast. `options` are those of `Reply`, its faults included.
    Raises `ValueError` if there is not one time for each event.
    """
    is_file = not isinstance(recording, bytes)
    body = Path(recording).read_bytes() if isinstance(recording, (str, Path)) else recording
    is_ndjson = is_file and str(recording).endswith(".ndjson")
    events = recorded_events(body, is_ndjson)
    if is_ndjson:
        options.setdefault("content_type", NDJSON)
    if times is not None:
        if len(times) != len(events):
            raise ValueError(f"{len(events)} events were recorded, but {len(times)} times are given")
        gaps = itertools.pairwise(times)
        options["naps"] = {at: (after - before) / speed for at, (before, after) in enumerate(gaps, 1)}
    return Reply(events, pace=pace / speed, **options)

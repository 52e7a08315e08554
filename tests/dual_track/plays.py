"""A mode played by hand: who says what and when, and what is made of it."""

from __future__ import annotations

from typing import Any

from api_models.dual_track.mode import Finish, Mode, Say, Start, Stop
from api_models.exceptions import ProviderConnectionError
from api_models.streaming.stream_events import ResetNotice, StreamChunk, StreamResult

OVER = object()  # said by a track: its answer is whole
FAILED = ProviderConnectionError("the line is dead")
LATER = object()  # said by nobody: time has passed


def play(mode: Mode, arrivals: list[tuple[Any, ...]], names: tuple[str, ...] = ("a", "b")) -> list[Any]:
    """What becomes of these arrivals: each is a track, what it says, and when, if that matters.

    Texts come out as they are, orders as words: `+a`, `-a` for a start and a stop, `reset` for a
    reset, `end` or an error at the end.
    """
    run = mode.start(names)
    told = [_told(act, names) for act in run.begin(0.0)]
    for arrival in arrivals:
        name, said, now = (*arrival, 0.0)[:3]
        if said is LATER:
            acts = run.look(now)
        elif said is OVER:
            acts = run.end(names.index(name), StreamResult("", provider=name), now)
        elif isinstance(said, Exception):
            acts = run.end(names.index(name), said, now)
        else:
            acts = run.hear(names.index(name), [said] if isinstance(said, str) else said, now)
        told += [
            _told(each, names) for act in acts for each in (act.chunks if isinstance(act, Say) else [act])
        ]
    return [each for each in told if each is not None]


def _told(act: Any, names: tuple[str, ...]) -> Any:
    if isinstance(act, Start):
        return f"+{names[act.track]}"
    if isinstance(act, Stop):
        return f"-{names[act.track]}"
    if isinstance(act, Finish):
        return act.error or "end"
    if isinstance(act, ResetNotice):
        return "reset"
    if isinstance(act, StreamChunk) and act.stop_reason is None and act.usage is not None:
        return None  # the last words of a merge
    return act

"""How one request is answered: the events, and what goes wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .rendering import Event

FOREVER = float("inf")


@dataclass(frozen=True)
class Reply:
    """A scripted answer. Times in seconds; positions count events from 0, `cut_at` counts bytes.

    `pace` passes before each event but the first; `naps` before single ones. After `stall_after`
    events the server falls silent for `stall_for`, sending `heartbeat` every `beat_every` if there
    is one. `cut_at` ends the body after so many bytes: by closing (`fin`), by a reset (`rst`), or
    with a well-formed end (`clean`). With `patience`, a write blocked for longer gives up.
    """

    events: Iterable[Event | bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream; charset=utf-8"
    framing: Literal["chunked", "length", "close"] = "chunked"
    delay: float = 0.0
    pace: float = 0.0
    naps: Mapping[int, float] = field(default_factory=dict)
    stall_after: int | None = None
    stall_for: float = FOREVER
    heartbeat: Event | None = None
    beat_every: float = 0.1
    cut_at: int | None = None
    cut_how: Literal["fin", "rst", "clean"] = "fin"
    reset_unanswered: bool = False
    slice_size: int | None = None
    gzip: bool = False
    patience: float | None = None
    keep_alive: bool = True
    close_silently: bool = False
    """Announce keep-alive and close all the same, as llama.cpp does."""

    def pieces(self) -> Iterator[bytes]:
        """The body in the pieces in which it is written, each one HTTP chunk."""
        wires = (one.wire if isinstance(one, Event) else one for one in self.events)
        if self.slice_size is None:
            yield from wires
            return
        body = b"".join(wires)
        for at in range(0, len(body), self.slice_size):
            yield body[at : at + self.slice_size]


def error_reply(status: int, body: Any = None, **headers: str) -> Reply:
    """An HTTP error: `body` as JSON, bytes as they are; `retry_after="2"` is the header Retry-After."""
    if body is None:
        body = {"error": {"message": f"scripted {status}", "type": "scripted_error"}}
    wire = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply([wire], status, named, "application/json", "length")

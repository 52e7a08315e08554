"""What goes wrong: each fault as the reply of a server, the same for everybody on one wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api_models.testing import (
    Event,
    Reply,
    anthropic,
    anthropic_error,
    chat,
    chat_error,
    comment,
    error_reply,
)

TOKENS = ["Once ", "upon ", "a ", "time, ", "the ", "end."]
TEXT = "".join(TOKENS)
_CAME = 3  # tokens before the fault
_PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"


@dataclass(frozen=True)
class Wire:
    render: Callable[..., list[Event]]
    error: Callable[[], Event]
    heartbeat: Event
    json_error: dict[str, Any]
    length: str
    """The word for an answer that was cut by its length."""
    after_reason: int
    """Events behind the one that says why the answer stopped."""

    @property
    def events(self) -> list[Event]:
        return self.render(TOKENS)

    @property
    def begun(self) -> list[Event]:
        """The events up to the third token."""
        spoken = [number for number, event in enumerate(self.events) if event.text]
        return self.events[: spoken[_CAME - 1] + 1]


_OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
_BUSY = {"type": "server_error", "message": "overloaded", "code": 503}
_PING = Event(b'event: ping\ndata: {"type": "ping"}\n\n')

WIRES = {
    "messages": Wire(
        anthropic, anthropic_error, _PING, {"type": "error", "error": _OVERLOADED}, "max_tokens", 1
    ),
    "chat": Wire(chat, chat_error, comment(), {"error": _BUSY}, "length", 2),
}


@dataclass(frozen=True)
class Fault:
    name: str
    reply: Callable[[Wire], Reply]
    text: str = TEXT
    """All that is to be said if nothing is lost."""
    passes: bool = False
    """Whether a second request is answered well."""
    timeout: float | None = None
    """Seconds of silence that every client is told to bear."""
    recovers: bool = False
    shows_wait: bool = False


def _cut(wire: Wire, how: Any, beyond: int = 0) -> Reply:
    return Reply(wire.events, cut_at=sum(len(event.wire) for event in wire.begun) + beyond, cut_how=how)


def _mangled(wire: Wire) -> Reply:
    """Of one token's event half the data is missing."""
    mangled, *behind = wire.events[len(wire.begun) :]
    return Reply([*wire.begun, mangled.wire[:-20] + b"\n\n", *behind])


def _tool_cut_by_length(wire: Wire) -> Reply:
    return Reply(wire.render((), tool=("call_1", "weather", ['{"city": ', '"Par']), stop=wire.length))


def _behind_the_end(wire: Wire) -> Reply:
    return Reply([*wire.events, wire.begun[-1]])


FAULTS = [
    Fault("closed between two events", lambda wire: _cut(wire, "fin")),
    Fault("closed inside an event", lambda wire: _cut(wire, "fin", 20)),
    Fault("reset", lambda wire: _cut(wire, "rst")),
    Fault("clean end of the body, no end marker", lambda wire: _cut(wire, "clean")),
    Fault("clean end inside an event", lambda wire: _cut(wire, "clean", 20)),
    Fault("clean end behind the stop reason", lambda wire: Reply(wire.events[: -wire.after_reason])),
    Fault("error event in the text", lambda wire: Reply([*wire.begun, wire.error()])),
    Fault("event in the text that is not JSON", _mangled),
    Fault("200 with an empty body", lambda _: Reply()),
    Fault("200 with a page", lambda _: Reply([_PAGE], content_type="text/html", framing="length")),
    Fault("200 with an error as JSON", lambda wire: error_reply(200, wire.json_error)),
    Fault("429, Retry-After 1 s, then well", lambda _: error_reply(429, retry_after="1"),
          passes=True, shows_wait=True),
    Fault("503, then well", lambda _: error_reply(503), passes=True),
    Fault("error as the first event, then well", lambda wire: Reply([wire.error()]), passes=True),
    Fault("silence in the text, timeout 1 s", lambda wire: Reply(wire.events, stall_after=len(wire.begun)),
          timeout=1.0),
    Fault("heartbeats alone, timeout 1 s", lambda wire: Reply(
        wire.events, stall_after=len(wire.begun), heartbeat=wire.heartbeat, beat_every=0.3
    ), timeout=1.0),
    Fault("tool call cut by length", _tool_cut_by_length, text=""),
    Fault("text behind the end marker", _behind_the_end),
    Fault("closed in the text, then well; recovery on", lambda wire: _cut(wire, "fin"),
          passes=True, recovers=True),
]  # fmt: skip

"""What the decoders of all wires share: from payloads to chunks, strict about the end.

A decoder is fed bytes and gives chunks; it does no I/O and raises nothing. What went wrong is its
`failure`, to be raised after the chunks that came before it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jiter

from ..exceptions import APIModelError, MalformedResponseError
from ..streaming.exceptions import StreamInterruptedError
from ..streaming.stream_events import StopReason, StreamChunk, TokenUsage, ToolCall
from .errors import error_from_inband
from .framing import Framing
from .template import Template

_SNIPPET = 80  # characters shown of a body that is no answer


class Decoder(ABC):
    """One answer on one wire."""

    stop_words: Mapping[str, StopReason] = {}
    """The provider's words for why it stopped, as ours."""
    usage_words: Mapping[str, str] = {}
    """The provider's counts, as fields of `TokenUsage`; a dot leads into an object."""

    def __init__(self, framing: Framing) -> None:
        self.ended = False
        """Whether the end marker came, or a clean end that counts as one. Nothing behind it counts."""
        self.failure: APIModelError | None = None
        self.estimate: Callable[[], TokenUsage] | None = None
        """What says the usage where the provider does not."""
        self._framing = framing
        self._template = Template()
        self._has_text = False
        self._chunks: list[str | StreamChunk] = []
        self._model: str | None = None
        self._response_id: str | None = None
        self._counts: dict[str, int] = {}
        self._refused = False
        self._calls: list[CallParts] = []

    def feed(self, received: bytes) -> list[str | StreamChunk]:
        """The chunks of the events that these bytes complete."""
        chunks = self._chunks = []
        if self.ended or self.failure is not None:
            return chunks
        framing, known = self._framing, None
        if not framing.seam and received.endswith(framing.terminator):  # mostly one event like the last
            known = self._template.match(received, 0, len(received) - len(framing.terminator))
        for frame in framing.feed(received) if known is None else (received,):
            known = known or self._template.match(frame)
            if known is not None and (text := known[1]):
                known = None
                try:
                    chunks.append(text.decode())
                    continue
                except UnicodeDecodeError:
                    pass  # the parser will say so
            self._take_frame(frame)
            if self.ended or self.failure is not None:
                break
        return chunks

    def finish(self) -> list[str | StreamChunk]:
        """The body ended cleanly: the last chunks, if that makes the answer whole, else a `failure`."""
        chunks = self._chunks = []
        if self.ended or self.failure is not None:
            return chunks
        payload = self._framing.payload(self._framing.finish())
        if payload is not None and _is_whole(payload):  # half an event is never handed on
            self._take(payload)
        if not self.ended and self.failure is None:
            self._end_of_body()
        return chunks

    def begin_body(self) -> None:
        """What comes next is another body, that goes on with the answer behind the last whole event."""
        self.failure = None
        self._framing = type(self._framing)()

    def _take_frame(self, frame: bytes) -> None:
        payload = self._framing.payload(frame)
        if payload is None:
            return
        text = self._take(payload)
        if text is not None and self._has_text:
            self._template.learn(frame, text, self._read_text)
        elif text:  # what it takes to learn would be added to the time to the first token
            self._has_text = True

    def _read_text(self, frame: bytes) -> str | None:
        """What the event would say if it came; nothing is noted."""
        event = _parsed(self._framing.payload(frame) or b"")
        return self._text_alone(event) if isinstance(event, dict) else None

    @abstractmethod
    def _text_alone(self, event: dict[str, Any]) -> str | None:
        """The text of an event that says nothing else which is not known already."""

    @abstractmethod
    def _event(self, event: dict[str, Any]) -> None:
        """Take one event."""

    def _take(self, payload: bytes) -> str | None:
        """Take the payload of one event; its text, if it says nothing but text."""
        try:
            event = jiter.from_json(payload)
        except ValueError:
            self.failure = MalformedResponseError(f"an event of the answer is not JSON: {_shown(payload)}")
            return None
        if not isinstance(event, dict):
            return None
        text = self._text_alone(event)
        if text is None:
            self._event(event)
        elif text:
            self._chunks.append(text)
        return text

    def _end_of_body(self) -> None:
        head = self._framing.head
        said = _parsed(head)
        if isinstance(said, dict) and said.get("error"):
            self.failure = error_from_inband(said)
        elif self._framing.is_empty:
            self.failure = StreamInterruptedError("the answer was empty")
        elif head.strip() and not head.lstrip().startswith(self._framing.beginnings):
            self.failure = StreamInterruptedError(f"not a stream of events, but: {_shown(head)}")
        else:
            self.failure = StreamInterruptedError("the answer broke off: its end never came", retryable=True)

    def _fail(self, error: Any) -> None:
        self.failure = error_from_inband(error)

    def _add_text(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self._chunks.append(text)

    def _add_thinking(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self._chunks.append(StreamChunk(thinking=text))

    def _add_refusal(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self._refused = True
            self._chunks.append(StreamChunk(refusal=text))

    def _add_arguments(self, call: CallParts, piece: Any) -> None:
        if isinstance(piece, str) and piece:
            call.pieces.append(piece)
            self._chunks.append(StreamChunk(tool_arguments=piece))

    def _add_citation(self, citation: Any) -> None:
        if isinstance(citation, dict):
            self._chunks.append(StreamChunk(citation=citation))

    def _note_identity(self, model: Any, response_id: Any) -> None:
        """The first that are not empty count."""
        if self._model is None and isinstance(model, str) and model:
            self._model = model
        if self._response_id is None and isinstance(response_id, str) and response_id:
            self._response_id = response_id

    def _note_usage(self, usage: Any) -> None:
        """Of each count, the last that is not null counts."""
        for path, name in self.usage_words.items():
            value = usage
            for key in path.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, int) and not isinstance(value, bool):
                self._counts[name] = value

    def _end(self, raw: Any, calls_decide: bool = False) -> None:
        """The end marker came. Where the wire has no word for it (`calls_decide`), calls make it one."""
        word = raw if isinstance(raw, str) and raw else None
        stop = self.stop_words.get(word) if word else None
        closed = stop not in ("length", "content_filter")
        calls = [
            call for parts in sorted(self._calls, key=_place) if (call := parts.whole(closed)) is not None
        ]
        if stop == "stop" and calls and calls_decide:
            stop = "tool_calls"
        if stop == "stop" and self._refused:
            stop = "refusal"
        self._chunks += [StreamChunk(tool_call=call) for call in calls]
        usage = TokenUsage(**self._counts, source="reported") if self._counts else self._estimated()
        self._chunks.append(
            StreamChunk(
                usage=usage,
                stop_reason=stop,
                raw_stop_reason=word,
                model=self._model,
                response_id=self._response_id,
            )
        )
        self.ended = True

    def _estimated(self) -> TokenUsage | None:
        return self.estimate() if self.estimate is not None else None


class CallParts:
    """A tool call in the making."""

    def __init__(self, identifier: Any = None, name: Any = None, index: Any = None) -> None:
        self.id: str | None = None
        self.name = ""
        self.index = index
        self.pieces: list[str] = []
        self.given: dict[str, Any] | None = None
        """Arguments that came as an object instead of text."""
        self.is_closed = True
        """Whether the wire said, or need not say, that no more arguments come."""
        self.note(identifier, name)

    def note(self, identifier: Any, name: Any) -> None:
        """The first that are not empty count; repeated, they are not appended."""
        if not self.id and isinstance(identifier, str) and identifier:
            self.id = identifier
        if not self.name and isinstance(name, str):
            self.name = name

    def whole(self, closed: bool) -> ToolCall | None:
        """The call, None if it was cut: its arguments must be one JSON object, or none at all."""
        text = "".join(self.pieces)
        if not text and self.given is not None:
            return ToolCall(self.id, self.name, self.given, json.dumps(self.given, ensure_ascii=False))
        if not text:
            return ToolCall(self.id, self.name, {}, "") if closed and self.is_closed else None
        arguments = _parsed(text.encode("utf-8", "replace"))
        return ToolCall(self.id, self.name, arguments, text) if isinstance(arguments, dict) else None


def _place(call: CallParts) -> int:
    return call.index if isinstance(call.index, int) else 0


def as_mapping(value: Any) -> dict[str, Any]:
    """The object itself; null, absent or of a wrong type is an empty one."""
    return value if isinstance(value, dict) else {}


def mappings_in(value: Any) -> Iterable[dict[str, Any]]:
    """The objects of a list; null, absent or of a wrong type is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parsed(text: bytes) -> Any:
    try:
        return jiter.from_json(text)
    except ValueError:
        return None


def _is_whole(payload: bytes) -> bool:
    return payload == b"[DONE]" or _parsed(payload) is not None


def _shown(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return repr(text if len(text) <= _SNIPPET else text[:_SNIPPET] + "...")

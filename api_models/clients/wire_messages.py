"""The Messages wire of Anthropic: ends with `message_stop`."""

from __future__ import annotations

from typing import Any

from .framing import SSEFraming
from .wire import CallParts, Decoder, as_mapping, mappings_in


class MessagesDecoder(Decoder):
    stop_words = {
        "end_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "stop_sequence": "stop_sequence",
        "pause_turn": "pause",
        "refusal": "refusal",
    }
    usage_words = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_input_tokens": "cache_read_tokens",
        "cache_creation_input_tokens": "cache_write_tokens",
    }

    def __init__(self) -> None:
        super().__init__(SSEFraming())
        self._open_calls: dict[Any, CallParts] = {}  # by the index of their block
        self._started = False
        self._stop: Any = None

    def _text_alone(self, event: dict[str, Any]) -> str | None:
        if event.get("type") != "content_block_delta":
            return None
        delta = event.get("delta")
        if not isinstance(delta, dict) or delta.get("type") != "text_delta":
            return None
        text = delta.get("text")
        return text if isinstance(text, str) else None

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            self._delta(event.get("index"), as_mapping(event.get("delta")))
        elif kind == "content_block_start":
            self._block(event.get("index"), as_mapping(event.get("content_block")))
        elif kind == "content_block_stop":
            if (call := self._open_calls.pop(_key(event.get("index")), None)) is not None:
                call.is_closed = True
        elif kind == "message_start":
            self._start(as_mapping(event.get("message")))
        elif kind == "message_delta":
            self._stop = as_mapping(event.get("delta")).get("stop_reason") or self._stop
            self._note_usage(event.get("usage"))
        elif kind == "message_stop":
            self._end(self._stop)
        elif kind == "error":
            self._fail(event.get("error") or event)

    def _delta(self, index: Any, delta: dict[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "thinking_delta":
            self._add_thinking(delta.get("thinking"))
        elif kind == "input_json_delta":
            if (call := self._open_calls.get(_key(index))) is not None:  # else the provider runs it itself
                self._add_arguments(call, delta.get("partial_json"))
        elif kind == "citations_delta":
            self._add_citation(delta.get("citation"))

    def _start(self, message: dict[str, Any]) -> None:
        """Content may stand here already; gateways send this event twice, and text starts once."""
        self._note_identity(message.get("model"), message.get("id"))
        self._note_usage(message.get("usage"))
        self._stop = message.get("stop_reason") or self._stop
        if not self._started:
            self._started = True
            for block in mappings_in(message.get("content")):
                self._block(None, block)
            self._open_calls.clear()

    def _block(self, index: Any, block: dict[str, Any]) -> None:
        kind = block.get("type")
        if kind == "text":
            self._add_text(block.get("text"))
            for citation in mappings_in(block.get("citations")):
                self._add_citation(citation)
        elif kind == "thinking":
            self._add_thinking(block.get("thinking"))
        elif kind == "tool_use":
            call = CallParts(block.get("id"), block.get("name"))
            call.given = as_mapping(block.get("input")) or None
            call.is_closed = index is None
            self._calls.append(call)
            self._open_calls[_key(index)] = call


def _key(index: Any) -> Any:
    return index if isinstance(index, (int, str)) else None

"""Ollama's own wire, a JSON object a line: ends with `"done": true`."""

from __future__ import annotations

from typing import Any

from .framing import LineFraming
from .wire import CallParts, Decoder, as_mapping, mappings_in


class OllamaDecoder(Decoder):
    stop_words = {"stop": "stop", "length": "length"}
    usage_words = {"prompt_eval_count": "input_tokens", "eval_count": "output_tokens"}

    def __init__(self) -> None:
        super().__init__(LineFraming())

    def _text_alone(self, event: dict[str, Any]) -> str | None:
        return None  # each line has a time of its own, so that none is like another

    def _event(self, event: dict[str, Any]) -> None:
        if event.get("error"):
            self._fail(event)
            return
        self._note_identity(event.get("model"), None)
        message = as_mapping(event.get("message"))
        self._add_thinking(message.get("thinking"))
        self._add_text(message.get("content"))
        for piece in mappings_in(message.get("tool_calls")):
            function = as_mapping(piece.get("function"))
            call = CallParts(piece.get("id"), function.get("name"))
            call.given = as_mapping(function.get("arguments"))
            self._calls.append(call)
        if event.get("done") is True:
            self._note_usage(event)
            self._end(event.get("done_reason"), calls_decide=True)

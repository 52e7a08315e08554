"""The Chat Completions wire: ends with `[DONE]`."""

from __future__ import annotations

import json
from typing import Any

from .framing import SSEFraming
from .wire import CallParts, Decoder, as_mapping, mappings_in

_MORE_THAN_TEXT = ("tool_calls", "reasoning_content", "reasoning", "refusal", "annotations")


class ChatDecoder(Decoder):
    """`finish_reason_ends`: a finish_reason and then a clean end of the body count as `[DONE]`."""

    stop_words = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
    usage_words = {
        "prompt_tokens": "input_tokens",
        "completion_tokens": "output_tokens",
        "prompt_tokens_details.cached_tokens": "cache_read_tokens",
        "completion_tokens_details.reasoning_tokens": "reasoning_tokens",
    }

    def __init__(self, finish_reason_ends: bool) -> None:
        super().__init__(SSEFraming())
        self._finish_reason_ends = finish_reason_ends
        self._finish_reason: str | None = None

    def _take(self, payload: bytes) -> str | None:
        if payload == b"[DONE]":
            self._end(self._finish_reason)
            return None
        return super()._take(payload)

    def _text_alone(self, event: dict[str, Any]) -> str | None:
        choices = event.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not self._is_known(event):
            return None
        choice = choices[0]
        if not isinstance(choice, dict) or choice.get("index") or choice.get("finish_reason"):
            return None
        delta = choice.get("delta")
        if not isinstance(delta, dict) or any(map(delta.get, _MORE_THAN_TEXT)):
            return None
        text = delta.get("content")
        return text if isinstance(text, str) else None

    def _is_known(self, event: dict[str, Any]) -> bool:
        """Whether the event says nothing new beside its choices."""
        if any(map(event.get, ("error", "usage", "x_groq"))):
            return False
        return bool(self._model or not event.get("model")) and bool(self._response_id or not event.get("id"))

    def _end_of_body(self) -> None:
        if self._finish_reason is not None and self._finish_reason_ends:
            self._end(self._finish_reason)
        else:
            super()._end_of_body()

    def _event(self, event: dict[str, Any]) -> None:
        if event.get("error"):
            self._fail(event)
            return
        if self._model is None or self._response_id is None:
            self._note_identity(event.get("model"), event.get("id"))
        for choice in mappings_in(event.get("choices")):
            if not choice.get("index"):  # the answer is choice 0; a lone one may not say so
                self._choice(choice)
        usage = event.get("usage") or as_mapping(event.get("x_groq")).get("usage")
        if usage:
            self._note_usage(usage)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = as_mapping(choice.get("delta"))
        self._add_thinking(delta.get("reasoning_content") or delta.get("reasoning"))
        content = delta.get("content")
        if isinstance(content, str):
            self._add_text(content)
        elif content:
            self._parts(content)
        self._add_refusal(delta.get("refusal"))
        for call in mappings_in(delta.get("tool_calls")):
            self._call(call)
        for citation in mappings_in(delta.get("annotations")):
            self._add_citation(citation)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._finish_reason = reason

    def _parts(self, content: Any) -> None:
        for part in mappings_in(content):
            if part.get("type") == "text":
                self._add_text(part.get("text"))
            elif part.get("type") == "thinking":
                for thought in mappings_in(part.get("thinking")):
                    self._add_thinking(thought.get("text"))
                self._add_thinking(part.get("thinking"))

    def _call(self, piece: dict[str, Any]) -> None:
        function = as_mapping(piece.get("function"))
        call = self._slot(piece.get("index"), piece.get("id"))
        call.note(piece.get("id"), function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        self._add_arguments(call, arguments)

    def _slot(self, index: Any, identifier: Any) -> CallParts:
        """Which call a piece belongs to.

        A known id says it; a new one opens a call, even on an index that is taken, which some
        servers send for all; without an id the index says it, and without either, the last call.
        """
        known = [call for call in self._calls if identifier and call.id == identifier]
        if not known and isinstance(index, int):
            same = [call for call in self._calls if call.index == index]
            known = [call for call in same if not identifier or call.id is None]
        elif not known and not identifier:
            known = self._calls[-1:]
        if not known:
            known = [CallParts(index=index)]
            self._calls += known
        return known[-1]

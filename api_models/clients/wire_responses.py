"""The Responses wire of OpenAI: ends with `response.completed` or `response.incomplete`."""

from __future__ import annotations

from typing import Any

from ..streaming.exceptions import StreamInterruptedError
from .framing import SSEFraming
from .wire import CallParts, Decoder, as_mapping

_THINKING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class ResponsesDecoder(Decoder):
    stop_words = {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter"}
    usage_words = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "input_tokens_details.cached_tokens": "cache_read_tokens",
        "output_tokens_details.reasoning_tokens": "reasoning_tokens",
    }

    def __init__(self) -> None:
        super().__init__(SSEFraming())
        self._in_making: dict[Any, CallParts] = {}  # calls whose arguments still come, by their item
        self._is_kept = False  # by the provider, which goes on with it whether anybody listens or not
        self._number: Any = None  # of the last event

    @property
    def resumption(self) -> tuple[str, int] | None:
        """The response, and the number behind which it goes on; None if the provider does not keep it."""
        if not self._is_kept or self._response_id is None or not isinstance(self._number, int):
            return None
        if self.failure is not None and not isinstance(self.failure, StreamInterruptedError):
            return None
        return self._response_id, self._number

    def _read_text(self, frame: bytes) -> str | None:
        """Of an answer that is kept every event is parsed, for its number."""
        return None if self._is_kept else super()._read_text(frame)

    def _text_alone(self, event: dict[str, Any]) -> str | None:
        self._number = event.get("sequence_number")
        if event.get("type") != "response.output_text.delta":
            return None
        text = event.get("delta")
        return text if isinstance(text, str) else None

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind in _THINKING:
            self._add_thinking(event.get("delta"))
        elif kind == "response.refusal.delta":
            self._add_refusal(event.get("delta"))
        elif kind == "response.function_call_arguments.delta":
            self._add_arguments(self._making(event), event.get("delta"))
        elif kind == "response.output_item.done":
            self._item(event, as_mapping(event.get("item")))
        elif kind == "response.output_text.annotation.added":
            self._add_citation(event.get("annotation"))
        elif kind in ("response.failed", "error"):
            self._fail(as_mapping(event.get("response")).get("error") or event.get("error") or event)
        else:
            self._response(kind, as_mapping(event.get("response")))

    def _response(self, kind: Any, response: dict[str, Any]) -> None:
        self._note_identity(response.get("model"), response.get("id"))
        self._is_kept = self._is_kept or response.get("background") is True
        if kind in ("response.completed", "response.incomplete"):
            self._note_usage(response.get("usage"))
            why = as_mapping(response.get("incomplete_details")).get("reason")
            self._end(why or response.get("status") or kind.removeprefix("response."), calls_decide=True)

    def _making(self, event: dict[str, Any]) -> CallParts:
        key = event.get("output_index", event.get("item_id"))
        return self._in_making.setdefault(key if isinstance(key, (int, str)) else None, CallParts())

    def _item(self, event: dict[str, Any], item: dict[str, Any]) -> None:
        """A finished call; its arguments win over the pieces, of which there may be none."""
        if item.get("type") != "function_call":
            return
        call = CallParts(item.get("call_id"), item.get("name"), event.get("output_index"))
        call.is_closed = item.get("status") != "incomplete"
        arguments = item.get("arguments")
        call.pieces = [arguments] if isinstance(arguments, str) and arguments else self._making(event).pieces
        self._calls.append(call)

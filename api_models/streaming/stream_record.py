"""What one run has said and seen: the answer in the making, and the statistics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .stream_events import StreamChunk, StreamResult, TokenUsage, ToolCall, estimated_usage
from .stream_handler import Dispatcher
from .stream_state import StateMachine


class Answer:
    """What the chunks of a run have said so far, besides its text."""

    def __init__(self) -> None:
        self.thinking: list[str] = []
        self.tool_calls: list[ToolCall] = []
        self.continued = False
        self._refusal: list[str] = []
        self._citations: list[Mapping[str, Any]] = []
        self._said: dict[str, Any] = {}

    def absorb(self, chunk: StreamChunk) -> None:
        for name in ("usage", "stop_reason", "raw_stop_reason", "model", "response_id"):
            if (value := getattr(chunk, name)) is not None:
                self._said[name] = value
        if chunk.refusal:
            self._refusal.append(chunk.refusal)
        if chunk.citation is not None:
            self._citations.append(chunk.citation)

    def result(self, text: str, asked: Mapping[str, Any], stats: Mapping[str, Any]) -> StreamResult:
        said = {"model": asked.get("model"), **self._said, "usage": self._usage(text)}
        return StreamResult(
            text,
            thinking="".join(self.thinking),
            refusal="".join(self._refusal),
            tool_calls=tuple(self.tool_calls),
            citations=tuple(self._citations),
            provider=asked.get("provider"),
            continued=self.continued,
            stats=stats,
            **said,
        )

    def _usage(self, text: str) -> TokenUsage:
        """As it was said, but for the answer's part of an estimate, which is known only now."""
        usage: TokenUsage = self._said.get("usage", TokenUsage())
        if usage.source != "estimated" or usage.output_tokens is not None:
            return usage
        besides = [*self.thinking, *self._refusal, *(call.arguments_json for call in self.tool_calls)]
        answered = estimated_usage(None, len(text) + sum(map(len, besides)))
        return replace(answered, input_tokens=usage.input_tokens)


class Statistics:
    """What a run has seen; seconds and counts. Written by its own threads, read by any."""

    def __init__(self) -> None:
        self.start_time = time.time()
        self.tokens = self.characters = self.failures = self.bytes_received = 0
        self.attempts = 1
        self.time_to_first_token: float | None = None
        self.longest_gap = 0.0

    def arrived(self, elapsed: float, waited: float) -> None:
        """Note that content came after a wait of `waited` seconds."""
        if self.time_to_first_token is None:
            self.time_to_first_token = elapsed
        else:
            self.longest_gap = max(self.longest_gap, waited)

    def snapshot(self, machine: StateMachine, dispatcher: Dispatcher) -> dict[str, Any]:
        elapsed, tokens, faults = machine.elapsed(), self.tokens, dispatcher.handler_errors
        return {
            "tokens_received": tokens,
            "tokens_per_second": tokens / elapsed if elapsed > 0 else 0.0,
            "start_time": self.start_time,
            "elapsed_time": elapsed,
            "errors": self.failures + faults,
            "time_to_first_token": self.time_to_first_token,
            "longest_gap": self.longest_gap,
            "paused_time": machine.paused_time,
            "handler_time": dispatcher.handler_time,
            "handler_errors": faults,
            "bytes_received": self.bytes_received,
            "attempts": self.attempts,
        }

"""What a source yields, what happened to a stream, and what came of it, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from ..exceptions import APIModelError
from .parts.frozen import Frozen

CHARACTERS_PER_TOKEN = 4

StopReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "stop_sequence", "pause"]


class ToolCall(Frozen):
    """A whole call that the model asks the caller to make."""

    id: str | None
    name: str
    arguments: dict[str, Any]
    arguments_json: str
    """The arguments byte for byte as the provider sent them; may be empty for no arguments."""


class TokenUsage(Frozen):
    """Tokens as the provider counts them, None where it did not say; nothing is recomputed.

    Whether `input_tokens` includes cached ones differs from provider to provider. Where nothing was
    reported, or only a part of it (an answer put together from two requests), the two counts may be
    `estimated`: a token for each four characters of what was asked, and of what was answered.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: Literal["reported", "estimated", "unknown"] = "unknown"


def estimated_usage(asked: int | None, answered: int | None) -> TokenUsage:
    """The usage of so many characters, rounded up; None for what is not known."""
    counted = [None if said is None else math.ceil(said / CHARACTERS_PER_TOKEN) for said in (asked, answered)]
    return TokenUsage(input_tokens=counted[0], output_tokens=counted[1], source="estimated")


class StreamChunk(Frozen):
    """What a source yields when it is more than visible text (which may be a plain `str`)."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    tool_call: ToolCall | None = None
    tool_arguments: str = ""
    """A piece of a call in the making: it keeps the content clocks alive, no handler sees it."""
    citation: Mapping[str, Any] | None = None
    usage: TokenUsage | None = None
    stop_reason: StopReason | None = None
    raw_stop_reason: str | None = None
    model: str | None = None
    response_id: str | None = None
    provider: str | None = None
    """Who answers, where that is not the one who was asked."""


class StreamResult(Frozen):
    """What a completed stream came to; `str(result)` is the text."""

    text: str
    thinking: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    citations: tuple[Mapping[str, Any], ...] = ()
    stop_reason: StopReason | None = None
    raw_stop_reason: str | None = None
    usage: TokenUsage = TokenUsage()
    model: str | None = None
    provider: str | None = None
    response_id: str | None = None
    continued: bool = False
    """Whether the text was put together from an answer that broke off and its continuation."""
    stats: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        return self.text


class RetryNotice(Frozen):
    """A source's word that attempt number `attempt` failed and the next begins in `delay` seconds."""

    attempt: int
    delay: float
    error: APIModelError
    provider: str | None = None
    """Who is asked next, and for which model; None for the same as before."""
    model: str | None = None
    continues: bool = False
    """Whether the next attempt is asked for the rest of the answer."""


class ResetNotice(Frozen):
    """A source's word that the text so far is void and a new answer begins."""

    reason: str


WITHHELD = StreamChunk()
"""Told apart by identity: content came and all of it was kept back. The clocks shall know, nobody else."""


def is_content(chunk: object) -> bool:
    """Whether a chunk carries text, thinking or tool arguments: what the clocks and retries ask."""
    if isinstance(chunk, StreamChunk):
        is_filled = chunk.text or chunk.thinking or chunk.tool_arguments or chunk.tool_call
        return bool(is_filled) or chunk is WITHHELD
    return isinstance(chunk, str) and chunk != ""


class StreamEvent(Frozen):
    """Something that happened to one stream, `elapsed` seconds after its start (pauses excluded)."""

    stream_id: str
    elapsed: float


class StreamStarted(StreamEvent):
    """The first event; `metadata` says who was asked, for which model."""

    metadata: Mapping[str, Any]


class TokenReceived(StreamEvent):
    """`index` is the number of provider tokens handed out completely before this text."""

    text: str
    index: int


class ThinkingReceived(StreamEvent):
    """`index` counts the pieces of thinking."""

    text: str
    index: int


class ToolCallReceived(StreamEvent):
    """A call is told of when it is whole."""

    tool_call: ToolCall


class StreamPaused(StreamEvent):
    """No token follows before `StreamResumed`, or an end."""


class StreamResumed(StreamEvent):
    """The pause is over."""


class StreamQuiet(StreamEvent):
    """Nothing but heartbeats, if that, for `seconds`; a warning, the stream lives on."""

    seconds: float


class StreamRetrying(StreamEvent):
    """Attempt `attempt` (the first is 1) failed with `error`; the next begins in `delay` seconds."""

    attempt: int
    delay: float
    error: APIModelError


class StreamReset(StreamEvent):
    """Text was delivered and a new attempt begins from an empty text."""

    reason: str


class StreamProgress(StreamEvent):
    """`rate` is tokens per second of `elapsed`."""

    tokens: int
    characters: int
    rate: float


class StreamCompleted(StreamEvent):
    """The end of an answer that came whole."""

    result: StreamResult


class StreamFailed(StreamEvent):
    """The end of one that did not; the error has its text."""

    error: APIModelError


class StreamCancelled(StreamEvent):
    """The end of one that was not wanted any more."""

    partial_text: str

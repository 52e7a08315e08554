"""An answer as the events that a provider would send: lists of `Event`, one wire a function."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Tool = tuple[str, str, Sequence[str]]
"""A tool call: id, name, and the pieces in which its arguments come."""


@dataclass(frozen=True)
class Event:
    """One event as bytes, the visible text in it, and whether it is the wire's end marker."""

    wire: bytes
    text: str = ""
    is_end: bool = False


def event(payload: Any, name: str | None = None, text: str = "", is_end: bool = False) -> Event:
    """An event with `payload` as JSON, or as it is if it is a str."""
    line = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    head = f"event: {name}\n" if name else ""
    return Event(f"{head}data: {line}\n\n".encode(), text, is_end)


def comment(text: str = " keep-alive") -> Event:
    """What servers send to keep a connection alive while they think."""
    return Event(f":{text}\n\n".encode())


def plain_sse(texts: Iterable[str]) -> list[Event]:
    """Events whose data is the text itself, which no client of this house reads as an answer."""
    return [event(text, text=text) for text in texts]


def anthropic(
    texts: Iterable[str] = (),
    *,
    thinking: Iterable[str] = (),
    tool: Tool | None = None,
    stop: str = "end_turn",
    model: str = "claude-test",
) -> list[Event]:
    """A Messages stream, from `message_start` over its blocks to `message_stop`."""
    usage = {"input_tokens": 11, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_test", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    blocks: list[list[Event]] = []
    if thinking := list(thinking):
        blocks.append(_block(len(blocks), "thinking", "thinking_delta", "thinking", thinking))
    texts = list(texts)
    if texts or tool is None:
        blocks.append(_block(len(blocks), "text", "text_delta", "text", texts))
    if tool is not None:
        identifier, name, pieces = tool
        more = {"id": identifier, "name": name, "input": {}}
        blocks.append(_block(len(blocks), "tool_use", "input_json_delta", "partial_json", pieces, more=more))
    return [
        _typed("message_start", message=message),
        _typed("ping"),
        *(one for block in blocks for one in block),
        _typed(
            "message_delta",
            delta={"stop_reason": stop, "stop_sequence": None},
            usage={"output_tokens": max(1, len(texts))},
        ),
        _typed("message_stop", is_end=True),
    ]


def anthropic_error(kind: str = "overloaded_error", message: str = "Overloaded") -> Event:
    return _typed("error", error={"type": kind, "message": message})


def _block(
    index: int,
    kind: str,
    delta: str,
    field: str,
    pieces: Iterable[str],
    *,
    more: dict[str, Any] | None = None,
) -> list[Event]:
    start = {"type": kind, **(more if more is not None else {field: ""})}
    return [
        _typed("content_block_start", index=index, content_block=start),
        *(
            _typed(
                "content_block_delta",
                text=piece if kind == "text" else "",
                index=index,
                delta={"type": delta, field: piece},
            )
            for piece in pieces
        ),
        _typed("content_block_stop", index=index),
    ]


def _typed(kind: str, text: str = "", is_end: bool = False, **fields: Any) -> Event:
    return event({"type": kind, **fields}, kind, text, is_end)


def chat(
    texts: Iterable[str] = (),
    *,
    reasoning: Iterable[str] = (),
    tool: Tool | None = None,
    stop: str | None = "stop",
    done: bool = True,
    model: str = "test-model",
) -> list[Event]:
    """A Chat Completions stream: role, deltas, finish_reason, usage, `[DONE]`."""
    texts = list(texts)
    base = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1, "model": model}

    def delta(fields: dict[str, Any], text: str = "", reason: str | None = None) -> Event:
        return event({**base, "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}, text=text)

    usage = {"prompt_tokens": 11, "completion_tokens": max(1, len(texts)), "total_tokens": 12}
    return [
        delta({"role": "assistant", "content": ""}),
        *(delta({"reasoning_content": piece}) for piece in reasoning),
        *(delta({"content": text}, text) for text in texts),
        *(delta({"tool_calls": [call]}) for call in _chat_calls(tool)),
        *([delta({}, reason=stop)] if stop else []),
        event({**base, "choices": [], "usage": usage}),
        *([event("[DONE]", is_end=True)] if done else []),
    ]


def chat_error(message: str = "overloaded", kind: str = "server_error", code: Any = 503) -> Event:
    return event({"error": {"message": message, "type": kind, "code": code}})


def _chat_calls(tool: Tool | None) -> list[dict[str, Any]]:
    if tool is None:
        return []
    identifier, name, pieces = tool
    first = {"index": 0, "id": identifier, "type": "function", "function": {"name": name, "arguments": ""}}
    return [first, *({"index": 0, "function": {"arguments": piece}} for piece in pieces)]


def responses(
    texts: Iterable[str] = (),
    *,
    model: str = "test-model",
    status: str = "completed",
    background: bool = False,
) -> list[Event]:
    """A Responses stream, from `response.created` to `response.completed`, its events numbered from 0."""
    texts = list(texts)
    part = {"type": "output_text", "text": "".join(texts), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant"}
    where: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    def response(state: str, output: list[Any], usage: Any) -> dict[str, Any]:
        return {
            "id": "resp_test", "object": "response", "created_at": 1, "status": state, "model": model,
            "background": background,
            "output": output, "usage": usage, "error": None, "incomplete_details": None,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        }  # fmt: skip

    whole = {**item, "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 11, "output_tokens": max(1, len(texts)), "total_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    number = itertools.count()

    def numbered(kind: str, **fields: Any) -> Event:
        return _typed(kind, sequence_number=next(number), **fields)

    return [
        numbered("response.created", response=response("in_progress", [], None)),
        numbered("response.output_item.added", output_index=0, item={**item, "content": []}),
        *[numbered("response.output_text.delta", text=text, **where, delta=text) for text in texts],
        numbered("response.output_item.done", output_index=0, item=whole),
        numbered(f"response.{status}", is_end=True, response=response(status, [whole], usage)),
    ]


def responses_error(message: str = "the server had an error", code: str = "server_error") -> Event:
    return _typed("error", code=code, message=message)

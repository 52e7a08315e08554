"""The misbehaving provider in a box: a loopback server that speaks the providers' wires, faults included.

    from api_models.testing import Provider, Reply, chat

    with Provider(Reply(chat(["Hel", "lo"]), stall_after=3)) as provider:
        config = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
        ...
        provider.requests[0].json      # what was asked
        provider.wait_for_close()      # when the client let go

Standard library only; listens on 127.0.0.1 alone, on a free port, and stops by itself.
"""

from .distortion import split_letters, with_byte_order_mark, with_line_ends
from .line import Connection, Request
from .provider import Provider, unanswered_port
from .recording import recorded_events, replay
from .rendering import (
    Event,
    anthropic,
    anthropic_error,
    chat,
    chat_error,
    comment,
    plain_sse,
    responses,
    responses_error,
)
from .reply import Reply, error_reply

__all__ = [
    "Connection",
    "Event",
    "Provider",
    "Reply",
    "Request",
    "anthropic",
    "anthropic_error",
    "chat",
    "chat_error",
    "comment",
    "error_reply",
    "plain_sse",
    "recorded_events",
    "replay",
    "responses",
    "responses_error",
    "split_letters",
    "unanswered_port",
    "with_byte_order_mark",
    "with_line_ends",
]

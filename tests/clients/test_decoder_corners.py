"""What probing the decoders found: each of these was once wrong."""

from __future__ import annotations

import json
import time

import pytest

from api_models.clients.errors import redact
from api_models.clients.framing import SSEFraming
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_ollama import OllamaDecoder
from api_models.clients.wire_responses import ResponsesDecoder
from api_models.exceptions import ProviderError, RateLimitError
from api_models.streaming.exceptions import StreamInterruptedError

SLOW = 2.0  # seconds; what is linear here takes a tenth of it


def sse(*events):
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize("line", [b"data: ab\n", b"data: ab\r\n", b": ab\n"])
def test_an_event_of_many_lines_in_tiny_pieces_is_not_read_again_and_again(line):
    body, framing = line * 40_000, SSEFraming()
    begun = time.process_time()
    for at in range(0, len(body), 7):
        framing.feed(body[at : at + 7])
    assert time.process_time() - begun < SLOW


def test_an_unterminated_event_behind_the_end_marker_does_not_count():
    decoder = MessagesDecoder()
    decoder.feed(sse({"type": "message_stop"}) + b'data: {"type": "error", "error": {"message": "late"}}')
    assert decoder.finish() == []
    assert decoder.failure is None


def test_the_end_marker_is_the_type_of_the_event_whatever_its_response_holds():
    decoder = ResponsesDecoder()
    decoder.feed(sse({"type": "response.completed", "response": None}))
    assert decoder.ended


def test_calls_come_by_their_index_whichever_ends_first():
    item = {"type": "function_call", "name": "look", "arguments": "{}"}
    done = [
        {"type": "response.output_item.done", "output_index": at, "item": {**item, "call_id": f"call_{at}"}}
        for at in (1, 0)
    ]
    chunks = ResponsesDecoder().feed(sse(*done, {"type": "response.completed", "response": {}}))
    assert [chunk.tool_call.id for chunk in chunks[:-1]] == ["call_0", "call_1"]


def test_a_page_where_lines_should_be_is_an_interruption():
    decoder = OllamaDecoder()
    decoder.feed(b"<html>\n<body>Sign in</body>\n</html>\n")
    decoder.finish()
    assert isinstance(decoder.failure, StreamInterruptedError)
    assert "Sign in" in str(decoder.failure)


def test_an_indented_error_where_lines_should_be_is_that_error():
    decoder = OllamaDecoder()
    decoder.feed(b'{\n  "error": "no such model"\n}\n')
    decoder.finish()
    assert type(decoder.failure) is ProviderError
    assert str(decoder.failure) == "no such model"


def test_comments_alone_are_a_stream_that_broke_off():
    """So that it is asked for again, as every interruption before the first content is."""
    decoder = ChatDecoder(True)
    decoder.feed(b": PROCESSING\n\n: PROCESSING\n\n")
    decoder.finish()
    assert isinstance(decoder.failure, StreamInterruptedError)
    assert decoder.failure.retryable


def test_the_code_beside_an_error_that_is_a_text_decides_its_class():
    decoder = ChatDecoder(True)
    decoder.feed(sse({"error": "busy", "code": 429}))
    assert isinstance(decoder.failure, RateLimitError)


def test_no_end_of_a_longer_secret_is_left():
    assert redact("sk-12345678-more", ["sk-12345678", "sk-12345678-more"]) == "***"

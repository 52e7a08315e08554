"""What all decoders hold to: strict about the end, calls whole or not at all, nothing raised."""

from __future__ import annotations

import json

import pytest

from api_models import MalformedResponseError, ProviderUnavailableError, StreamInterruptedError
from api_models.clients.wire import CallParts
from api_models.clients.wire_chat import ChatDecoder
from api_models.clients.wire_messages import MessagesDecoder
from api_models.clients.wire_ollama import OllamaDecoder
from api_models.clients.wire_responses import ResponsesDecoder

MAKERS = [MessagesDecoder, lambda: ChatDecoder(True), ResponsesDecoder, OllamaDecoder]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "body", [b"", b"<html>sign in</html>", b'{"ok": true}', b": ping\n\n", b"\n\n"], ids=repr
)
def test_a_body_that_is_no_stream_is_interrupted(make, body):
    """HTML, other JSON, heartbeats alone, nothing: never an empty success."""
    decoder = make()
    assert decoder.feed(body) == [] and decoder.finish() == []
    assert isinstance(decoder.failure, StreamInterruptedError) and not decoder.ended


@pytest.mark.parametrize("make", MAKERS)
def test_a_body_that_is_an_error_is_that_error(make):
    decoder = make()
    decoder.feed(b'{"error": {"message": "later", "type": "overloaded_error"}}')
    decoder.finish()
    assert isinstance(decoder.failure, ProviderUnavailableError) and str(decoder.failure) == "later"


def test_what_came_instead_is_shown():
    decoder = ChatDecoder(True)
    decoder.feed(b"<html>\n<body>Please sign in" + b"!" * 200)
    decoder.finish()
    assert "Please sign in" in str(decoder.failure) and len(str(decoder.failure)) < 150
    assert decoder.failure.retryable is False


def test_an_answer_that_broke_off_may_be_asked_again():
    decoder = ChatDecoder(True)
    decoder.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n')
    decoder.finish()
    assert decoder.failure.retryable is True


def test_an_event_that_is_no_json_is_malformed():
    decoder = ChatDecoder(True)
    decoder.feed(b"data: {half\n\n")
    assert isinstance(decoder.failure, MalformedResponseError)


def test_half_an_event_at_the_end_is_never_handed_on():
    decoder = ChatDecoder(True)
    decoder.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "a')
    assert decoder.finish() == [] and isinstance(decoder.failure, StreamInterruptedError)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "value", [None, 7, "x", [], {}, [None], {"type": None}, {"choices": 7}, {"message": []}], ids=repr
)
def test_events_of_any_shape_raise_nothing(make, value):
    decoder = make()
    wire = json.dumps(value).encode()
    decoder.feed(b"data: " + wire + b"\n\n" if make is not OllamaDecoder else wire + b"\n")
    decoder.finish()
    assert decoder.failure is not None


@pytest.mark.parametrize(
    ("pieces", "closed", "arguments"),
    [
        (['{"a"', ": 1}"], False, {"a": 1}), (['{"a": 1'], True, None), ([], True, {}), ([], False, None),
        (["[1]"], True, None), (["null"], True, None), (["{}"], False, {}),
    ],
    ids=repr,
)  # fmt: skip
def test_only_a_whole_call_is_a_call(pieces, closed, arguments):
    """Ruling 17: one JSON object, or nothing where the wire closed the call."""
    call = CallParts("id", "f")
    call.pieces = pieces
    whole = call.whole(closed)
    assert (whole.arguments if whole else None) == arguments
    assert whole is None or whole.arguments_json == "".join(pieces)


def test_arguments_that_came_as_an_object_are_a_call():
    call = CallParts("id", "f")
    call.given = {"ö": 1}
    assert json.loads(call.whole(True).arguments_json) == call.whole(True).arguments == {"ö": 1}

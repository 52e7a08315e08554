"""What the Responses wire says in its own way."""

from __future__ import annotations

import pytest

from api_models import RateLimitError
from api_models.clients.wire_responses import ResponsesDecoder
from api_models.testing import responses
from api_models.testing.rendering import event


def decoded(*events):
    decoder = ResponsesDecoder()
    return decoder, [chunk for one in events for chunk in decoder.feed(one.wire)]


def typed(kind, **fields):
    return event({"type": kind, **fields}, kind)


def end(kind="completed", **more):
    return typed(f"response.{kind}", response={"status": kind, "id": "r", "model": "m", **more})


def test_a_whole_answer_in_order():
    decoder, chunks = decoded(*responses(["a", "b"]))
    assert decoder.ended and chunks[:2] == ["a", "b"]
    assert (chunks[-1].stop_reason, chunks[-1].raw_stop_reason) == ("stop", "completed")
    assert (chunks[-1].usage.input_tokens, chunks[-1].response_id) == (11, "resp_test")


@pytest.mark.parametrize(
    ("why", "reason"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_incomplete_answer_is_whole_and_says_why(why, reason):
    decoder, chunks = decoded(end("incomplete", incomplete_details={"reason": why}))
    assert decoder.ended and (chunks[-1].stop_reason, chunks[-1].raw_stop_reason) == (reason, why)


def test_a_call_decides_where_the_wire_has_no_word():
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    _, chunks = decoded(typed("response.output_item.done", output_index=0, item=item), end())
    assert chunks[0].tool_call.arguments == {"a": 1} and chunks[-1].stop_reason == "tool_calls"


def test_arguments_come_from_the_pieces_where_the_item_has_none():
    item = {"type": "function_call", "call_id": "c", "name": "f"}
    pieces = [
        typed("response.function_call_arguments.delta", output_index=0, delta=text)
        for text in ('{"a"', ":1}")
    ]
    _, chunks = decoded(*pieces, typed("response.output_item.done", output_index=0, item=item), end())
    assert [chunk.tool_call.arguments for chunk in chunks if chunk.tool_call] == [{"a": 1}]


def test_a_call_that_was_cut_is_none():
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "status": "incomplete"}
    _, chunks = decoded(typed("response.output_item.done", output_index=0, item=item), end("incomplete"))
    assert [chunk.tool_call for chunk in chunks] == [None]


def test_what_the_provider_runs_is_no_call():
    item = {"type": "web_search_call", "id": "w", "status": "completed"}
    _, chunks = decoded(typed("response.output_item.done", output_index=0, item=item), end())
    assert chunks[-1].stop_reason == "stop" and len(chunks) == 1


def test_thinking_and_refusals_are_no_text():
    _, chunks = decoded(
        typed("response.reasoning_summary_text.delta", delta="h"),
        typed("response.reasoning_text.delta", delta="m"),
        typed("response.refusal.delta", delta="no"),
        end(),
    )
    assert [chunk.thinking for chunk in chunks[:2]] == ["h", "m"]
    assert chunks[2].refusal == "no" and chunks[-1].stop_reason == "refusal"


@pytest.mark.parametrize(
    "failed",
    [
        typed("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "slow down"}}),
        typed("error", code="rate_limit_exceeded", message="slow down"),
        typed("error", error={"code": "rate_limit_exceeded", "message": "slow down"}),
    ],
    ids=["failed", "flat", "nested"],
)
def test_a_failure_is_typed_in_each_of_its_forms(failed):
    decoder, _ = decoded(failed)
    assert isinstance(decoder.failure, RateLimitError) and str(decoder.failure) == "slow down"


def test_citations_are_kept():
    annotation = {"type": "url_citation", "url": "u"}
    _, chunks = decoded(typed("response.output_text.annotation.added", annotation=annotation))
    assert chunks[0].citation == annotation

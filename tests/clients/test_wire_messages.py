"""What the Messages wire says in its own way."""

from __future__ import annotations

from api_models import ProviderUnavailableError
from api_models.clients.wire_messages import MessagesDecoder
from api_models.testing import anthropic, anthropic_error
from api_models.testing.rendering import event


def decoded(*events):
    decoder = MessagesDecoder()
    return decoder, [chunk for one in events for chunk in decoder.feed(one.wire)]


def typed(kind, **fields):
    return event({"type": kind, **fields}, kind)


def test_a_whole_answer_in_order():
    tool = ("t1", "look", ['{"a"', ": 1}"])
    decoder, chunks = decoded(*anthropic(["a", "b"], thinking=["hm"], tool=tool, stop="tool_use"))
    assert decoder.ended
    assert [chunk for chunk in chunks if isinstance(chunk, str)] == ["a", "b"]
    thinking, *rest = [chunk for chunk in chunks if not isinstance(chunk, str)]
    assert thinking.thinking == "hm"
    assert "".join(chunk.tool_arguments for chunk in rest) == '{"a": 1}'
    assert rest[-2].tool_call.arguments == {"a": 1}
    last = rest[-1]
    assert (last.stop_reason, last.raw_stop_reason, last.model) == ("tool_calls", "tool_use", "claude-test")
    assert (last.usage.input_tokens, last.usage.output_tokens, last.usage.source) == (11, 2, "reported")


def test_a_second_beginning_does_not_repeat_the_text():
    message = {
        "id": "m",
        "model": "c",
        "content": [{"type": "text", "text": "once"}],
        "stop_reason": "end_turn",
    }
    start = typed("message_start", message=message)
    _, chunks = decoded(start, start, typed("message_stop"))
    assert chunks[0] == "once" and len(chunks) == 2 and chunks[1].stop_reason == "stop"


def test_a_call_that_the_provider_runs_is_none():
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"q": 1}'}
    _, chunks = decoded(
        typed("content_block_start", index=0, content_block=block),
        typed("content_block_delta", index=0, delta=delta),
        typed("content_block_stop", index=0),
        typed("message_stop"),
    )
    assert len(chunks) == 1 and chunks[0].tool_call is None


def test_a_call_that_was_never_closed_is_cut():
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    _, chunks = decoded(typed("content_block_start", index=0, content_block=block), typed("message_stop"))
    assert [chunk.tool_call for chunk in chunks] == [None]


def test_citations_are_kept_apart_from_the_text():
    citation = {"type": "char_location", "cited_text": "x"}
    delta = {"type": "citations_delta", "citation": citation}
    _, chunks = decoded(typed("content_block_delta", index=0, delta=delta))
    assert [chunk.citation for chunk in chunks] == [citation]


def test_an_error_inside_the_answer_is_typed_and_comes_after_the_text():
    decoder, chunks = decoded(*anthropic(["a", "b"])[:5], anthropic_error())
    assert chunks == ["a", "b"] and isinstance(decoder.failure, ProviderUnavailableError)
    assert decoder.feed(anthropic(["late"])[-1].wire) == [] and not decoder.ended


def test_a_stop_reason_is_no_end():
    decoder, _ = decoded(*anthropic(["a"])[:-1])
    decoder.finish()
    assert not decoder.ended and decoder.failure is not None

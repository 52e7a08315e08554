"""What the Chat Completions wire says in its own ways."""

from __future__ import annotations

import pytest

from api_models import StreamInterruptedError
from api_models.clients.wire_chat import ChatDecoder
from api_models.testing.rendering import event


def chunk(delta=None, reason=None, index=0, **more):
    choice = {"index": index, "delta": delta or {}, "finish_reason": reason}
    return event({"id": "c", "model": "m", "choices": [choice], **more}).wire


DONE = b"data: [DONE]\n\n"


def decoded(*wires, lenient=False):
    decoder = ChatDecoder(lenient)
    return decoder, [each for wire in wires for each in decoder.feed(wire)]


def calls_of(*deltas, reason="tool_calls"):
    _, chunks = decoded(*[chunk({"tool_calls": [delta]}) for delta in deltas], chunk(reason=reason), DONE)
    return [
        (each.tool_call.id, each.tool_call.name, each.tool_call.arguments_json)
        for each in chunks
        if each.tool_call
    ]


def piece(arguments=None, index=None, identifier=None, name=None):
    delta = {"function": {"arguments": arguments, **({"name": name} if name else {})}}
    if index is not None:
        delta["index"] = index
    return {**delta, **({"id": identifier} if identifier else {})}


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(("reason", "done"), [(True, True), (False, True), (True, False), (False, False)])
def test_when_a_chat_has_ended(reason, done, lenient):
    """Ruling 3: the marker ends it; a reason and a clean end only by the named leniency."""
    wires = [chunk({"content": "a"}), *([chunk(reason="stop")] if reason else []), *([DONE] if done else [])]
    decoder, _ = decoded(*wires, lenient=lenient)
    decoder.finish()
    assert decoder.ended is (done or (reason and lenient))
    assert decoder.ended or isinstance(decoder.failure, StreamInterruptedError)


def test_pieces_belong_together_by_index_wherever_it_starts():
    assert calls_of(
        piece("", 3, "a", "f"), piece("", 1, "b", "g"), piece('{"x":', 3), piece("{}", 1), piece("1}", 3)
    ) == [("b", "g", "{}"), ("a", "f", '{"x":1}')]


def test_without_an_index_a_new_id_opens_a_call():
    assert calls_of(piece("{", identifier="a", name="f"), piece("}"), piece("{}", identifier="b", name="g")) == [
        ("a", "f", "{}"), ("b", "g", "{}"),
    ]  # fmt: skip


def test_the_same_index_with_another_id_is_another_call():
    assert calls_of(piece("{}", 0, "a", "f"), piece("{}", 0, "b", "f")) == [
        ("a", "f", "{}"),
        ("b", "f", "{}"),
    ]


def test_an_id_and_a_name_said_again_are_not_appended():
    assert calls_of(piece("{", 0, "a", "f"), piece("}", 0, "a", "f")) == [("a", "f", "{}")]


def test_arguments_that_never_came_are_none_at_all():
    assert calls_of(piece(None, 0, "a", "f")) == [("a", "f", "")]
    assert calls_of(piece(None, 0, "a", "f"), reason="length") == []


def test_the_parts_of_a_list_are_text_and_thinking():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
    ]
    _, chunks = decoded(chunk({"content": parts}), chunk({"content": "b"}))
    assert [getattr(each, "thinking", each) for each in chunks] == ["hm", "a", "b"]


def test_of_two_fields_for_thinking_one_counts():
    _, chunks = decoded(chunk({"reasoning_content": "x", "reasoning": "x"}), chunk({"reasoning": "y"}))
    assert [each.thinking for each in chunks] == ["x", "y"]


def test_other_choices_are_dropped_with_their_reasons():
    wires = [chunk({"content": "no"}, index=1), chunk(reason="length", index=1), chunk({"content": "a"})]
    decoder, chunks = decoded(*wires, chunk(reason="stop"), DONE)
    assert chunks[0] == "a" and chunks[-1].stop_reason == "stop"


def test_a_refusal_is_no_text_and_decides_the_reason():
    _, chunks = decoded(chunk({"refusal": "I can't"}), chunk(reason="stop"), DONE)
    assert chunks[0].refusal == "I can't" and chunks[-1].stop_reason == "refusal"


def test_usage_is_read_wherever_it_stands():
    usage = {"prompt_tokens": 7, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 3}}
    for more in ({"usage": usage}, {"x_groq": {"usage": usage}}):
        _, chunks = decoded(chunk({"content": "a"}, **more), chunk(reason="stop"), DONE)
        found = chunks[-1].usage
        assert (found.input_tokens, found.output_tokens, found.cache_read_tokens) == (7, 0, 3)


def test_an_error_beats_any_reason():
    decoder, chunks = decoded(
        chunk({"content": "a"}, reason="stop", error={"message": "no", "code": 500}), DONE
    )
    assert chunks == [] and str(decoder.failure) == "no" and not decoder.ended


def test_choices_may_be_missing_or_null():
    wires = [event({"id": "c", "choices": []}).wire, event({"choices": None}).wire, event({}).wire]
    decoder, chunks = decoded(*wires, chunk({"content": "a", "tool_calls": None}), DONE)
    assert chunks[0] == "a" and decoder.ended

"""What a stage is: called with chunks it gives chunks, joined it is a stage, closed it closes."""

from __future__ import annotations

import pytest
from fakes import ScriptedSource

from api_models.exceptions import APIModelError, ConfigurationError
from api_models.stages import compose, map_text, recut
from api_models.streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, TokenUsage, ToolCall

upper, words = map_text(str.upper), recut("word")
CALL = ToolCall("1", "look", {}, "")


def test_a_stage_is_called_with_any_iterable():
    assert list(upper(["a", "b"])) == ["A", "B"]
    assert list(upper(chunk for chunk in "ab")) == ["A", "B"]
    assert list(upper(ScriptedSource("a", "b").end())) == ["A", "B"]


def test_stages_are_joined_in_reading_order():
    plus = map_text(lambda text: text + "+")
    assert list((words | plus | upper)(["one t", "wo"])) == ["ONE +", "TWO+"]
    assert list(compose(words, plus, upper)(["one t", "wo"])) == ["ONE +", "TWO+"]


def test_none_joined_is_a_stage_that_changes_nothing():
    assert list(compose()(["a", StreamChunk(model="m")])) == ["a", StreamChunk(model="m")]


def test_a_function_of_the_users_is_a_stage_on_either_side():
    def twice(chunks):
        for chunk in chunks:
            yield chunk
            yield chunk

    assert list((upper | twice)(["a"])) == ["A", "A"]
    assert list((twice | upper)(["a"])) == ["A", "A"]


@pytest.mark.parametrize("wrong", ["upper", None, 3, str])
def test_what_is_no_stage_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="a stage is"):
        compose(upper, wrong)


@pytest.mark.parametrize("wrong", ["text", b"text", 3])
def test_what_is_no_iterable_of_chunks_is_refused_at_once(wrong):
    with pytest.raises(ConfigurationError):
        upper(wrong)


def test_one_stage_serves_two_streams():
    """State belongs to the run, not to the stage."""
    first, second = words(["one t", "wo"]), words(["three f", "our"])
    assert [next(first), next(second), *first, *second] == ["one ", "three ", "two", "four"]


def test_nothing_is_read_before_it_is_asked_for():
    source = ScriptedSource("a").end()
    flow = upper(source)
    assert source.reads == 0
    assert next(flow) == "A"
    assert source.reads == 1


@pytest.mark.parametrize(
    "chunk",
    [
        StreamChunk(thinking="hm"),
        StreamChunk(usage=TokenUsage(1, 2)),
        StreamChunk(stop_reason="stop"),
        StreamChunk(tool_call=CALL),
        StreamChunk(tool_arguments='{"a'),
        RetryNotice(2, 0.5, APIModelError("x")),
        ResetNotice("again"),
    ],
)
def test_what_is_no_text_passes_untouched_and_in_order(chunk):
    """The very object, in its place."""
    made = list((upper | upper)(["a", chunk, "b"]))
    assert made == ["A", chunk, "B"]
    assert made[1] is chunk


def test_text_inside_a_chunk_is_text_and_its_other_fields_are_kept():
    assert list(upper([StreamChunk("a", model="m")])) == [StreamChunk("A", model="m")]


def test_a_chunk_in_several_pieces_has_its_other_fields_with_the_last():
    """But thinking is told before the text, as ever."""
    whole = StreamChunk("one two three ", model="m", thinking="hm")
    assert list(words([whole])) == [
        StreamChunk(thinking="hm"), "one ", "two ", StreamChunk("three ", model="m"),
    ]  # fmt: skip


def test_a_chunk_whose_text_is_kept_back_is_not_lost():
    assert list(words([StreamChunk("one", model="m"), StreamChunk("two")])) == [
        StreamChunk(model="m"),
        "onetwo",
    ]


def test_thinking_and_usage_do_not_wait_for_text_that_is_kept_back():
    assert list(words(["on", StreamChunk(thinking="hm"), "e "])) == [StreamChunk(thinking="hm"), "one "]


@pytest.mark.parametrize("end", [StreamChunk(tool_call=CALL), StreamChunk(stop_reason="stop")])
def test_text_that_is_kept_back_goes_out_before_a_tool_call_and_a_stop_reason(end):
    assert list(words(["on", end, "e"])) == ["on", end, "e"]


def test_text_in_the_chunk_of_a_tool_call_goes_out_before_the_call():
    both = StreamChunk("two th", tool_call=CALL)
    assert list(words(["one ", both])) == ["one ", "two ", StreamChunk("th", tool_call=CALL)]


def test_a_reset_makes_a_stage_forget_what_it_kept_back():
    again = ResetNotice("again")
    assert list(words(["old and ", "ol", again, "new"])) == ["old ", "and ", again, "new"]


def test_text_that_is_kept_back_goes_out_before_an_error_of_the_source():
    """What did arrive is always in hand."""
    flow = (words | words)(ScriptedSource("one tw").fail(OSError("cut")))
    assert [next(flow), next(flow)] == ["one ", "tw"]
    with pytest.raises(OSError, match="cut"):
        next(flow)


def test_an_error_of_a_stage_is_raised_as_it_is():
    """The root cause, not what it broke."""
    cause = ValueError("x")

    def fail(text):
        raise cause

    with pytest.raises(ValueError, match="x") as caught:
        list((words | map_text(fail) | words)(["a b"]))
    assert caught.value is cause

"""A stream of what was said all at once."""

from __future__ import annotations

import itertools
import math
import threading
import time

import pytest
from fakes import TIMEOUT, RecordingHandler, finish, outcome, run, start
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.stages import emulate_stream, recut, windows
from api_models.streaming.exceptions import StreamingError, StreamInterruptedError, StreamTimeoutError
from api_models.streaming.stream_events import StreamChunk, StreamResult, TokenUsage, ToolCall


def texts(source):
    return [chunk for chunk in source if isinstance(chunk, str)]


@given(st.text(), st.integers(1, 9))
def test_the_text_is_the_answer_to_the_byte_whatever_the_size(text, size):
    assert "".join(texts(emulate_stream(text, chunk_size=size))) == text
    assert "".join(texts(emulate_stream(lambda: text, chunk_size=size))) == text


@given(st.text("ab \n.", max_size=60), st.text("ab \n.", min_size=1, max_size=3))
def test_the_text_is_the_answer_to_the_byte_whatever_the_delimiter(text, delimiter):
    pieces = texts(emulate_stream(text, delimiter=delimiter))
    assert "".join(pieces) == text
    assert all(piece.endswith(delimiter) for piece in pieces[:-1])


def test_a_long_text_begins_at_once():
    """It is cut as it is asked for."""
    source = emulate_stream("x" * 50_000_000, chunk_size=10)
    assert source.read() == ("x" * 10,)


# Windows.


@given(st.lists(st.text("abc"), max_size=20), st.integers(1, 6), st.data())
def test_b0_20_windows_end_and_cover_the_text(pieces, size, data):
    """Any overlap comes to an end, and without it the pieces are the text."""
    overlap, text = data.draw(st.integers(0, size - 1)), "".join(pieces)
    made = list(windows(pieces, size, overlap))
    assert made == list(windows(text, size, overlap))
    assert "".join(piece[overlap if number else 0 :] for number, piece in enumerate(made)) == text
    assert all(len(piece) == size for piece in made[:-1])
    assert all(before[size - overlap :] == after[:overlap] for before, after in itertools.pairwise(made))


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-1, 0), (4, 4), (4, 9), (4, -1), (4.0, 1), (True, 0)])
def test_b0_20_windows_that_could_not_end_are_refused_at_once(size, overlap):
    with pytest.raises(ConfigurationError, match=r"size|overlap"):
        windows("text", size, overlap)


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", True])
def test_b0_20_a_chunk_size_that_is_none_is_refused(size):
    with pytest.raises(ConfigurationError, match="chunk_size"):
        emulate_stream("x", chunk_size=size)


def test_b0_21_no_stream_can_be_told_to_overlap():
    with pytest.raises(TypeError):
        emulate_stream("x", chunk_size=4, overlap=2)


def test_b0_22_white_space_is_text():
    text = "def f():\n    \n\n    return 1\n   "
    assert any(not piece.strip() for piece in texts(emulate_stream(text, chunk_size=2)))
    heard = RecordingHandler()
    assert run(emulate_stream(text, chunk_size=4), heard).result().text == text
    assert heard.text == text


def test_b0_23_the_delimiter_is_kept():
    assert texts(emulate_stream("One. Two.", delimiter=". ")) == ["One. ", "Two."]


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_b0_24_an_empty_answer_has_an_end_too(text):
    result = run(emulate_stream(text)).result()
    assert (result.text, result.stop_reason) == (text, "stop")


def test_b0_25_each_chunk_is_handed_out_before_the_next_is_due():
    """With an hour between two of them, the first is there."""
    heard = RecordingHandler()
    with start(emulate_stream("ab", chunk_size=1, delay=3600.0), heard):
        heard.wait_for_text("a")


def test_b0_26_a_delay_is_what_is_asked_for_and_nothing_else_waits():
    begun = time.monotonic()
    assert texts(emulate_stream("abc", chunk_size=1, delay=0.01)) == list("abc")
    assert time.monotonic() - begun >= 0.02
    assert len(texts(emulate_stream("x" * 10_000, chunk_size=1))) == 10_000


def test_b0_26_a_delay_ends_with_its_stream():
    heard = RecordingHandler()
    stream = start(emulate_stream("ab", chunk_size=1, delay=3600.0), heard)
    heard.wait_for_text("a")
    assert stream.cancel_stream()
    finish(stream)
    heard.check("cancelled")


def test_b0_26_no_chunk_cuts_what_belongs_together():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert texts(emulate_stream(f"a\r\n{family}e\u0301", chunk_size=1)) == ["a", "\r\n", family, "e\u0301"]


def test_b0_26_the_reason_to_stop_is_the_models():
    """And so is all else that is known of the answer."""
    call = ToolCall("1", "look", {}, "")
    answer = StreamResult(
        "text", thinking="hm", tool_calls=(call,), citations=({"url": "x"},), refusal="no", stop_reason="length",
        raw_stop_reason="max_tokens", usage=TokenUsage(1, 2, source="reported"), model="m", response_id="r",
    )  # fmt: skip
    result = run(emulate_stream(lambda: answer)).result()
    for name in ("text", "thinking", "tool_calls", "citations", "refusal", "stop_reason", "raw_stop_reason"):
        assert getattr(result, name) == getattr(answer, name)
    assert (result.usage, result.model, result.response_id) == (answer.usage, "m", "r")


def test_b0_27_an_error_of_the_function_is_the_cause_that_is_seen():
    cause = RuntimeError("no model")

    def fail():
        raise cause

    heard = RecordingHandler()
    error = outcome(run(emulate_stream(fail), heard))
    assert isinstance(error, StreamingError)
    assert error.__cause__ is cause
    heard.check("error")


# A function that waits.


class Slow:
    """Waits until it is let go."""

    def __init__(self):
        self.called, self.gate, self.returned = threading.Event(), threading.Event(), threading.Event()

    def __call__(self):
        self.called.set()
        self.gate.wait(TIMEOUT)
        self.returned.set()
        return "late"


def test_a_function_is_called_once_and_not_before_the_stream_runs():
    calls = []
    source = emulate_stream(lambda: calls.append(1) or "text")
    assert calls == []
    run(source)
    assert calls == [1]


def test_a_stream_is_cancelled_at_once_while_the_function_runs():
    """The call returns when it likes; nobody hears of it."""
    slow, heard = Slow(), RecordingHandler()
    stream = start(emulate_stream(slow), heard)
    assert slow.called.wait(TIMEOUT)
    assert stream.cancel_stream()
    finish(stream)
    assert not slow.returned.is_set()
    slow.gate.set()
    assert slow.returned.wait(TIMEOUT)
    assert heard.check("cancelled").text == ""


def test_a_clock_ends_the_wait_for_a_function():
    slow = Slow()
    error = outcome(run(emulate_stream(slow), first_token_timeout=0.01))
    assert isinstance(error, StreamTimeoutError)
    slow.gate.set()


def test_what_was_aborted_is_not_taken_for_whole():
    source = emulate_stream("ab", chunk_size=1)
    assert source.read() == ("a",)
    source.abort()
    with pytest.raises(StreamInterruptedError):
        source.read()


@pytest.mark.parametrize("returned", [None, 3, b"x", ["a"]])
def test_a_function_returns_text_or_a_result(returned):
    assert "returned no str" in str(outcome(run(emulate_stream(lambda: returned))))


def test_stages_work_on_it_as_on_any_source():
    assert texts(recut("word")(emulate_stream("one two three", chunk_size=2))) == ["one ", "two ", "three"]


def test_the_last_chunk_says_why_it_stopped():
    assert [*emulate_stream("a")] == ["a", StreamChunk(stop_reason="stop")]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"delimiter": ""}, "delimiter"),
        ({"delimiter": 3}, "delimiter"),
        ({"delay": -1}, "delay"),
        ({"delay": math.nan}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"delimiter": ".", "chunk_size": 3}, "not both"),
    ],
)
def test_what_cannot_work_is_refused_at_once(settings, named):
    with pytest.raises(ConfigurationError, match=named):
        emulate_stream("x", **settings)


@pytest.mark.parametrize("wrong", [None, 3, b"x", ["a"]])
def test_what_is_no_answer_is_refused_at_once(wrong):
    with pytest.raises(ConfigurationError, match="answer"):
        emulate_stream(wrong)

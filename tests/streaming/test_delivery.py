"""From chunks to handlers: what is told, counted and kept on the way."""

from __future__ import annotations

import time
from itertools import accumulate, pairwise

import pytest
from fakes import RecordingHandler, ScriptedSource, finish, outcome, run, start
from hypothesis import given, settings
from hypothesis import strategies as st

from api_models.exceptions import RateLimitError
from api_models.streaming.exceptions import (
    HandlerError,
    StreamCancelledError,
    StreamingError,
    StreamInterruptedError,
)
from api_models.streaming.stream_events import (
    ResetNotice,
    RetryNotice,
    StreamChunk,
    StreamProgress,
    StreamRetrying,
    TokenReceived,
    ToolCall,
)
from api_models.streaming.stream_manager import StreamManager

CALL = ToolCall("1", "look", {"at": "it"}, '{"at":"it"}')

# What a source may yield that carries text, and what carries none and is harmless.
CHUNKS = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=5),
        st.builds(StreamChunk, text=st.text(max_size=5), thinking=st.sampled_from(["", "hm"])),
        st.sampled_from([None, "", ". ", "\r", "\n", " ", "👩\u200d", "👧", "\u0301"]),
    ),
    max_size=30,
)
CONFIGS = st.fixed_dictionaries(
    {
        "split": st.sampled_from(["token", "grapheme", "word", "line", "sentence"]),
        "buffer_size": st.integers(1, 4),
        "pause_mode": st.sampled_from(["drain", "hold"]),
        "keep_history": st.booleans(),
        "smooth": st.booleans(),
        "buffer_seconds": st.sampled_from([None, 0.0001, 60.0]),
        "tokens_per_second": st.sampled_from([None, 100_000.0]),
        "max_backlog_bytes": st.sampled_from([0, 100, 1 << 20]),
    }
)


def text_of(chunk: object) -> str:
    return chunk.text if isinstance(chunk, StreamChunk) else chunk or ""


@settings(deadline=None)
@given(CHUNKS, CONFIGS, st.integers(1, 5), st.sampled_from(["end", "fail"]))
def test_every_character_is_handed_out_once_and_numbered(chunks, config, batch, ending):
    """Joined deliveries are the provider's text, and each index follows the contract's definition."""
    source, handler = ScriptedSource(), RecordingHandler()
    for at in range(0, len(chunks), batch):
        source.push_batch(*chunks[at : at + batch])
    stream = start(source, handler, **config)
    source.end() if ending == "end" else source.fail(StreamInterruptedError("cut"))
    finish(stream)
    text = "".join(map(text_of, chunks))
    handler.check("complete" if ending == "end" else "error")
    assert handler.text == text
    assert (handler.ending if ending == "end" else handler.ending.partial_text) == text
    ends = list(accumulate(len(text_of(chunk)) for chunk in chunks if text_of(chunk)))
    position = 0
    for token, index in handler.arguments("token"):
        assert index == sum(end <= position for end in ends)
        position += len(token)
    assert stream.get_stream_status()["stats"]["tokens_received"] == len(ends)


@settings(deadline=None, max_examples=40)
@given(CHUNKS, CONFIGS, st.data())
def test_pauses_lose_and_repeat_nothing(chunks, config, data):
    """Paused and resumed at any tokens, in either mode, the text is the same and the pauses are told."""
    pauses = data.draw(st.sets(st.integers(0, 10)), "deliveries to pause in")

    def pause(*_: object) -> None:
        if len(handler.tokens) - 1 in pauses:
            assert stream.pause_stream()

    def resume() -> None:
        assert stream.resume_stream()

    source, handler = ScriptedSource(), RecordingHandler(token=pause, paused=resume)
    stream = start(source, handler, **config)
    source.push(*chunks).end()
    finish(stream)
    assert handler.check("complete").text == "".join(map(text_of, chunks))
    told = [name for name in handler.names() if name in ("paused", "resumed")]
    count = sum(number < len(handler.tokens) for number in pauses)
    assert told == ["paused", "resumed"] * count


def test_thinking_is_no_text():
    """Thinking has a hook and an index of its own, and is no part of the answer."""
    handler = RecordingHandler()
    run([StreamChunk(thinking="x"), "a", StreamChunk(thinking="y", text="b")], handler)
    assert handler.arguments("thinking") == [("x", 0), ("y", 1)]
    assert handler.check("complete").arguments("token") == [("a", 0), ("b", 1)]
    assert handler.ending == "ab"


def test_a_tool_call_comes_after_the_text_before_it():
    """Text that was buffered when a call arrived is handed out first."""
    handler = RecordingHandler()
    run(["a", "b", StreamChunk(tool_call=CALL), "c"], handler, buffer_size=9)
    assert handler.names() == ["start", "token", "tool", "token", "complete"]
    assert handler.arguments("token") == [("ab", 0), ("c", 2)]
    assert handler.arguments("tool") == [(CALL,)]


@pytest.mark.parametrize("hook", ["thinking", "start", "token", "tool"])
@pytest.mark.parametrize("buffer_size", [1, 2])
def test_nothing_follows_a_cancel_inside_a_callback(hook, buffer_size):
    """After `cancel_stream()` inside any hook nothing comes but the end, not even from the same chunk."""
    handler = RecordingHandler(**{hook: lambda *_: stream.cancel_stream()})
    source = ScriptedSource(StreamChunk(thinking="hm", text="a"), "b", StreamChunk(tool_call=CALL), "c")
    stream = StreamManager({"buffer_size": buffer_size})
    stream.register_handler(handler)
    stream.start_stream(source)
    finish(stream)
    assert handler.check("cancelled").names()[-2:] == [hook, "cancelled"]


@pytest.mark.parametrize("hook", ["thinking", "token"])
def test_nothing_follows_a_pause_inside_a_callback(hook):
    """After `pause_stream()` inside a hook the next thing told is the pause."""
    handler = RecordingHandler(**{hook: lambda *_: stream.pause_stream()})
    source = ScriptedSource()
    stream = start(source, handler)
    source.push(StreamChunk(thinking="hm", text="a"), "b").end()
    handler.wait_for_call("paused")
    names = handler.names()
    assert names[-2:] == [hook, "paused"]
    handler.inside.clear()
    stream.resume_stream()
    finish(stream)
    assert handler.check("complete").text == "ab"


def test_b1_19_none_and_empty_chunks_do_no_harm():
    """A None or an empty delta is passed over, and the text after it arrives."""
    handler = RecordingHandler()
    run(["a", None, "", StreamChunk(), "b"], handler)
    assert handler.check("complete").arguments("token") == [("a", 0), ("b", 1)]


@pytest.mark.parametrize("bad", [1, b"bytes", {"text": "a"}, ["a"]], ids=repr)
def test_a_foreign_chunk_is_one_typed_end(bad):
    """What is no chunk ends the stream as failed, with the text before it."""
    handler = RecordingHandler()
    stream = run(["a", bad, "b"], handler)
    assert handler.check("error").text == "a"
    assert isinstance(outcome(stream), StreamingError)
    assert type(bad).__name__ in str(outcome(stream))


@pytest.mark.parametrize("config", [{}, {"tokens_per_second": 10_000.0}], ids=["plain", "parted"])
def test_many_foreign_chunks_are_one_typed_end_too(config):
    """When more that is no chunk arrived with the first, the stream still has one end and a state."""
    handler = RecordingHandler()
    stream = start(ScriptedSource().push_batch("a", 1, 2, "b").end(), handler, **config)
    finish(stream)
    handler.check("error")
    assert stream.state == "error"


@pytest.mark.parametrize("error", [StreamCancelledError("inner"), HandlerError("inner")], ids=repr)
def test_an_inner_streams_end_is_not_this_ones(error):
    """A source that raises what ended another stream fails, flushed, in the state of a failure."""
    handler = RecordingHandler()
    source = ScriptedSource("a", "b").fail(error)
    stream = run(source, handler, buffer_size=9)
    assert handler.check("error").text == "ab"
    assert stream.state == "error"
    assert stream.pause_stream() is False


def test_a_reset_begins_from_an_empty_text():
    """After a reset text, indices, thinking and calls begin anew; what was withheld is void."""
    handler = RecordingHandler()
    old = [StreamChunk(text="old ", thinking="x", tool_call=CALL), "lost", ResetNotice("again")]
    stream = run([*old, StreamChunk(thinking="y"), "n", "e", "w"], handler, buffer_size=2)
    assert handler.names() == [
        "start", "thinking", "token", "tool", "reset", "thinking", "token", "token", "complete",
    ]  # fmt: skip
    assert handler.arguments("token") == [("old ", 0), ("ne", 0), ("w", 2)]
    assert handler.arguments("thinking")[-1] == ("y", 0)
    assert handler.arguments("reset") == [("again",)]
    result = stream.result()
    assert (result.text, handler.ending, result.thinking, result.tool_calls) == ("new", "new", "y", ())
    assert list(stream) == ["ne", "w"]


def test_retries_are_told_and_counted():
    """A source's word that an attempt failed is an event and counts as an attempt."""
    limit = RateLimitError("slow down")
    stream = run([RetryNotice(1, 0.5, limit), RetryNotice(2, 1.0, limit), "a"])
    told = [(e.attempt, e.delay, e.error) for e in stream.events() if isinstance(e, StreamRetrying)]
    assert told == [(1, 0.5, limit), (2, 1.0, limit)]
    assert stream.result().stats["attempts"] == 3


def test_buffered_text_does_not_wait_for_ever():
    """Text withheld for `buffer_seconds` is handed out though nothing more arrives."""
    source, handler = ScriptedSource("a", "b"), RecordingHandler()
    stream = start(source, handler, buffer_size=99, buffer_seconds=0.01)
    handler.wait_for_text("ab")
    source.push("c")
    handler.wait_for_text("abc")
    assert handler.indices[-1] == 2
    source.end()
    finish(stream)
    handler.check("complete")


def test_b1_32_buffering_has_a_bound_in_time():
    """A quiet stream withholds a half sentence no longer than it was told to."""
    source, handler = ScriptedSource("Half a sen"), RecordingHandler()
    stream = start(source, handler, split="sentence", buffer_seconds=0.01)
    handler.wait_for_text("Half a sen")
    source.push("tence. ").end()
    finish(stream)
    assert handler.tokens == ["Half a sen", "tence. "]


def test_the_throttle_holds_the_rate():
    """Tokens come no faster than asked for, and all of them come."""
    handler = RecordingHandler()
    stream = run(["x"] * 11, handler, tokens_per_second=200)
    assert handler.check("complete").text == "x" * 11
    assert stream.result().stats["elapsed_time"] >= 10 / 200


def test_the_throttle_does_not_hold_up_the_reading():
    """A slow reveal does not stop the source from being read to its end."""
    source, handler = ScriptedSource(*"abc").end(), RecordingHandler()
    stream = start(source, handler, tokens_per_second=0.001)
    source.wait_until_closed()
    handler.wait_for_text("a")
    assert stream.cancel_stream()
    finish(stream)
    assert (handler.check("cancelled").text, handler.ending) == ("a", "abc")


def test_a_cancel_leaves_the_throttle_at_once():
    """A throttle that would wait a quarter of an hour is left when the stream is cancelled."""
    handler = RecordingHandler()
    stream = start(["a", "b"], handler, tokens_per_second=0.001)
    handler.wait_for_text("a")
    begun = time.monotonic()
    assert stream.cancel_stream()
    finish(stream)
    assert time.monotonic() - begun < 0.5
    assert handler.check("cancelled").text == "a"


def test_a_pause_in_the_throttle_is_a_pause():
    """Paused while a token waits for its time, nothing comes until the resume, then all of it."""
    handler = RecordingHandler()
    stream = start(["a", "b", "c"], handler, tokens_per_second=50)
    handler.wait_for_text("a")
    assert stream.pause_stream()
    handler.wait_for_call("paused")
    before = handler.tokens
    time.sleep(0.05)  # the throttle's own clock has to pass the time of two tokens
    assert handler.tokens == before
    stream.resume_stream()
    finish(stream)
    assert handler.check("complete").text == "abc"


def test_progress_comes_at_most_so_often():
    """Progress is told with true numbers and never more often than asked for."""
    stream = run(["xy"] * 30, tokens_per_second=1000, progress_interval=0.005)
    told = [event for event in stream.events() if isinstance(event, StreamProgress)]
    assert told
    times = [event.elapsed for event in told]
    assert all(later - earlier >= 0.00499 for earlier, later in pairwise(times))
    for event in told:
        assert event.characters == 2 * event.tokens <= 60
        assert event.rate == pytest.approx(event.tokens / event.elapsed, rel=0.2)
    assert len(told) <= stream.result().stats["elapsed_time"] / 0.005


def test_b1_23_an_error_has_all_there_is_to_know():
    """The one error has its cause, the partial text, and whom it came from."""
    handler, boom = RecordingHandler(), ValueError("boom")
    source = ScriptedSource("a", "b")
    stream = start([], handler)
    finish(stream)
    handler.calls.clear()
    stream.start_stream(source, {"provider": "p", "model": "m"})
    source.fail(boom)
    finish(stream)
    error = handler.check("error").ending
    assert (error.partial_text, error.provider, error.model, error.retryable) == ("ab", "p", "m", False)
    assert error.__cause__ is boom


def test_a_typed_error_keeps_what_it_knows():
    """An error of the house is not wrapped, and its own provider and model stay."""
    limit = RateLimitError("slow", provider="real", model="one")
    stream = start(ScriptedSource("a").fail(limit))
    finish(stream)
    assert outcome(stream) is limit
    assert (limit.provider, limit.model, limit.partial_text) == ("real", "one", "a")


@pytest.mark.parametrize(
    "config", [{}, {"buffer_size": 9}, {"split": "sentence"}, {"tokens_per_second": 0.001}]
)
def test_partial_text_holds_all_that_was_received(config):
    """A cancelled stream gives all text that arrived, handed out or not, and hands out no more."""
    source, handler = ScriptedSource("a", "b", StreamChunk(text="c")), RecordingHandler()
    stream = start(source, handler, **config)
    source.wait_until_blocked()
    stream.cancel_stream()
    count = len(handler.tokens)
    finish(stream)
    assert handler.check("cancelled").ending == "abc"
    assert outcome(stream).partial_text == "abc"
    assert len(handler.tokens) == count
    assert "abc".startswith(handler.text)


def test_events_tell_what_handlers_hear():
    """The events of a run are those of its handlers, each with the stream's id and a time that grows."""
    handler = RecordingHandler()
    stream = run(["a", StreamChunk(thinking="hm"), "b"], handler)
    heard = list(stream.events())
    assert [type(event).__name__ for event in heard] == [
        "StreamStarted", "TokenReceived", "ThinkingReceived", "TokenReceived", "StreamCompleted",
    ]  # fmt: skip
    assert {event.stream_id for event in heard} == {stream.get_stream_status()["stream_id"]}
    assert [event.elapsed for event in heard] == sorted(event.elapsed for event in heard)
    assert [(e.text, e.index) for e in heard if isinstance(e, TokenReceived)] == handler.arguments("token")
    assert heard[-1].result is stream.result()

"""A chain between a source and its stream: control, clocks, counts and errors reach through it."""

from __future__ import annotations

import gc
import threading

import pytest
from fakes import AbortedError, RecordingHandler, ScriptedSource, finish, outcome, run, start

from api_models import APIModelManager
from api_models.exceptions import APIModelError, ConfigurationError
from api_models.stages import StagedSource, batch, compose, emulate_stream, map_text, recut, smooth, throttle
from api_models.streaming.exceptions import StreamingError, StreamTimeoutError
from api_models.streaming.stream_config import StreamConfig
from api_models.streaming.stream_events import ResetNotice, StreamChunk, ToolCall, is_content

upper, words, sentences = map_text(str.upper), recut("word"), recut("sentence")


def staged(source, *stages):
    return StagedSource(source, compose(*stages))


def fail(_):
    raise ValueError("a bug in a stage")


@pytest.mark.parametrize("chain", [upper, words | upper, batch(1), batch(1, seconds=60.0)])
def test_what_came_together_is_handed_on_together(chain):
    source = staged(ScriptedSource().push_batch("a ", "b ").push_batch("c ", "d ").end(), upper)
    assert [source.read(), source.read(), source.read()] == [["A ", "B "], ["C ", "D "], None]
    source.close()


def test_what_came_is_not_kept_waiting_for_what_comes():
    """One read of the source, one read of the chain."""
    inner = ScriptedSource("a ")
    source = staged(inner, words, upper)
    assert source.read() == ["A "]
    assert inner.reads == 1


def test_a_heartbeat_stays_a_heartbeat():
    source = staged(ScriptedSource().push_batch().push("a ").end(), words, upper)
    assert [list(source.read()), source.read()] == [[], ["A "]]


def test_text_that_is_kept_back_is_no_silence():
    """The clocks of the stream see that content came; no handler does."""
    source = staged(ScriptedSource("on", "e ").push_batch().end(), words)
    (sign,) = source.read()
    assert is_content(sign)
    assert (sign.text, sign.thinking, sign.tool_call) == ("", "", None)
    assert source.read() == ["one "]
    assert list(source.read()) == []


def test_a_function_that_drops_ticks_delays_nothing():
    """Then each chunk counts by itself."""
    inner = ScriptedSource().push_batch("a", "b")
    source = staged(inner, lambda chunks: (chunk for chunk in chunks if isinstance(chunk, str)), upper)
    assert [source.read(), source.read()] == [["A"], ["B"]]
    assert inner.reads == 1


def test_a_function_may_speak_before_it_reads():
    def greet(chunks):
        yield "Hello, "
        yield from chunks

    source = staged(ScriptedSource().push_batch("a", "b").end(), greet)
    assert [source.read(), source.read(), source.read()] == [["Hello, "], ["a", "b"], None]


def test_text_goes_out_before_the_error_behind_it():
    source = staged(ScriptedSource("on").fail(OSError("cut")), words)
    source.read()
    assert source.read() == ["on"]
    for _ in range(2):  # and the error does not go away
        with pytest.raises(OSError, match="cut"):
            source.read()


def test_the_error_of_a_stage_is_the_cause_of_the_streams():
    source = staged(ScriptedSource("a"), map_text(fail))
    with pytest.raises(StreamingError, match="a stage failed: ValueError") as caught:
        source.read()
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_ours_in_a_stage_goes_as_it_is():
    class Refused(APIModelError):
        pass

    def refuse(_):
        raise Refused("no")

    with pytest.raises(Refused):
        staged(ScriptedSource("a"), map_text(refuse)).read()


def test_the_source_is_reached_through_the_chain():
    inner = ScriptedSource("a").end()
    inner.bytes_received, inner.headers = 7, {"x": "y"}
    source, config = staged(inner, upper), StreamConfig()
    source.open(config)
    assert (source.bytes_received, source.headers, inner.configs) == (7, {"x": "y"}, [config])
    source.abort()
    source.close()
    source.close()
    assert (inner.aborts, inner.closes) == (1, 1)
    with pytest.raises(AbortedError):
        inner.read()


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_time_out_is_the_sources_to_answer(goes_on):
    class Persistent(ScriptedSource):
        def time_out(self, error):
            super().time_out(error)
            return goes_on

    assert staged(Persistent(), upper).time_out(StreamTimeoutError("x", clock="idle")) is goes_on


def test_a_source_that_is_dropped_goes_at_once():
    """Not when the garbage is collected: nothing in it refers to itself."""
    inner = ScriptedSource("one t", "wo")
    source = staged(inner, words, upper)
    source.read()
    gc.disable()
    try:
        del source
        assert inner.closes == 1
    finally:
        gc.enable()


# In a stream.


@pytest.mark.parametrize("chain", [upper, words | upper, upper | smooth(), upper | batch(2, seconds=0.01)])
def test_a_stream_of_a_chain_is_a_stream(chain):
    inner, heard = (
        ScriptedSource("one t", "wo").push(StreamChunk(stop_reason="stop", model="m")).end(),
        RecordingHandler(),
    )
    result = run(staged(inner, chain), heard).result()
    assert (result.text, heard.text, result.stop_reason, result.model) == ("ONE TWO", "ONE TWO", "stop", "m")
    assert inner.closes == 1
    heard.check("complete")


@pytest.mark.parametrize("chain", [upper, sentences, words | smooth(), throttle(0.001), batch(seconds=60.0)])
def test_a_cancelled_stream_is_gone_at_once(chain):
    """Blocked in its source, or in a wait of a stage."""
    before = set(threading.enumerate())
    inner, heard = ScriptedSource("One. ", "Two"), RecordingHandler()
    stream = start(staged(inner, chain), heard)
    inner.wait_until_blocked()
    assert stream.cancel_stream()
    finish(stream)
    heard.check("cancelled")
    assert inner.closes == 1
    assert not {t for t in set(threading.enumerate()) - before if "clocks" not in t.name}


def test_a_failing_stage_fails_its_stream_and_closes_its_source():
    inner, heard = ScriptedSource("a", "b"), RecordingHandler()
    error = outcome(
        run(
            staged(inner, lambda chunks: chunks, map_text(lambda text: text if text == "a" else fail(text))),
            heard,
        )
    )
    assert isinstance(error, StreamingError)
    assert isinstance(error.__cause__, ValueError)
    assert (error.partial_text, inner.closes) == ("a", 1)
    heard.check("error")


def test_a_failing_source_leaves_all_that_arrived():
    error = outcome(run(staged(ScriptedSource("Half a sen").fail(OSError("cut")), sentences)))
    assert isinstance(error.__cause__, OSError)
    assert error.partial_text == "Half a sen"


def test_a_reset_begins_the_text_anew():
    again = ResetNotice("again")
    heard = RecordingHandler()
    result = run(staged(ScriptedSource("old, ol", again, "new").end(), words), heard).result()
    assert result.text == "new"
    assert heard.names().count("reset") == 1


def test_tool_calls_come_in_their_place():
    call, heard = ToolCall("1", "look", {}, ""), RecordingHandler()
    run(staged(ScriptedSource("I lo", "ok").push(StreamChunk(tool_call=call), "so").end(), words), heard)
    assert [name for name in heard.names() if name in ("token", "tool")] == [
        "token",
        "token",
        "tool",
        "token",
    ]


def test_text_that_is_kept_back_has_arrived_for_the_clocks_of_its_stream():
    inner, heard = ScriptedSource("One "), RecordingHandler()
    with start(staged(inner, sentences), heard) as stream:
        inner.wait_until_blocked()
        assert stream.get_stream_status()["stats"]["time_to_first_token"] is not None
        assert heard.tokens == []


class Client:
    def __init__(self, source):
        self.generate_stream = lambda prompt, params: source


def test_the_manager_takes_stages():
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client(emulate_stream("one two")))
        stream = manager.generate_stream_with_handlers("hi", "mine", stages=[words, upper])
        assert list(stream) == ["ONE ", "TWO"]
        assert stream.result().stop_reason == "stop"
        manager.register_provider("other", lambda entry: Client(emulate_stream("one two")))
        assert list(manager.generate_stream_with_handlers("hi", "other", stages=words | upper)) == [
            "ONE ",
            "TWO",
        ]


@pytest.mark.parametrize("wrong", [3, [3], "word"])
def test_the_manager_refuses_what_is_no_stage(wrong):
    with APIModelManager() as manager:
        manager.register_provider("mine", lambda entry: Client(emulate_stream("x")))
        with pytest.raises(ConfigurationError, match="stage"):
            manager.generate_stream_with_handlers("hi", "mine", stages=wrong)

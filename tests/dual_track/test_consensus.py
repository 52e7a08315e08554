"""One answer of several."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, outcome
from plays import FAILED, OVER, play
from several import tracks_of

from api_models.dual_track import DualTrack, consensus
from api_models.exceptions import ConfigurationError
from api_models.streaming.exceptions import StreamingError
from api_models.streaming.stream_events import StreamChunk, StreamResult


def decided(judge, *sources):
    handler = RecordingHandler()
    several = DualTrack(tracks_of(*sources), consensus(judge), handlers=[handler])
    several.start()
    assert several.wait(TIMEOUT)
    return several, handler


def test_a_text_that_is_built_of_all_is_the_answer():
    asked = []

    def judge(results):
        asked.append({name: result.text for name, result in results.items()})
        return " and ".join(result.text for result in results.values())

    several, handler = decided(judge, ScriptedSource("one").end(), ScriptedSource("two").end())
    assert handler.check("complete").text == several.result().text == "one and two"
    assert asked == [{"a": "one", "b": "two"}]
    assert several.shown is None


def test_a_result_that_is_picked_is_handed_out_with_all_it_says():
    last = StreamChunk(stop_reason="length", model="m2")
    several, _ = decided(lambda r: r["b"], ScriptedSource("one").end(), ScriptedSource("two", last).end())
    result = several.result()
    assert (result.text, result.stop_reason, result.model, several.shown) == ("two", "length", "m2", "b")


def test_who_failed_is_not_asked_about():
    cause = ValueError("x")
    several, _ = decided(",".join, ScriptedSource("one").fail(cause), ScriptedSource("two").end())
    assert several.result().text == "b"


def test_nothing_whole_is_a_failure():
    assert play(consensus(lambda results: ""), [("a", FAILED), ("b", ConfigurationError("no key"))])[2:] == [
        FAILED
    ]
    assert play(consensus(lambda results: ""), [("a", OVER)])[2:] == []


def test_what_the_function_raises_ends_the_whole():
    def fail(results):
        raise ValueError("a bug")

    several, handler = decided(fail, ScriptedSource("one").end(), ScriptedSource("two").end())
    error = handler.check("error").ending
    assert isinstance(error, StreamingError)
    assert isinstance(error.__cause__, ValueError)
    assert outcome(several) is error


def test_a_function_that_takes_its_time_keeps_no_cancel_waiting():
    asked, gate = threading.Event(), threading.Event()

    def slow(results):
        asked.set()
        gate.wait(TIMEOUT)
        return StreamResult("late")

    handler = RecordingHandler()
    several = DualTrack(
        tracks_of(ScriptedSource("one").end(), ScriptedSource().end()), consensus(slow), handlers=[handler]
    )
    several.start()
    assert asked.wait(TIMEOUT)
    assert several.cancel_stream()
    assert several.wait(TIMEOUT)
    gate.set()
    assert handler.check("cancelled").text == ""


@pytest.mark.parametrize("wrong", [None, "x"])
def test_what_is_no_function_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="judge"):
        consensus(wrong)


def test_consensus_needs_a_function():
    with pytest.raises(ConfigurationError, match="judge"):
        DualTrack(tracks_of([], []), "consensus")

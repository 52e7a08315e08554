"""What one run has said and seen: its result and its statistics."""

from __future__ import annotations

import time

import pytest
from fakes import RecordingHandler, ScriptedSource, finish, outcome, run, start

from api_models.streaming.exceptions import StreamInterruptedError
from api_models.streaming.stream_events import (
    StreamChunk,
    StreamPaused,
    TokenUsage,
    ToolCall,
    estimated_usage,
)

CALL = ToolCall("1", "look", {"at": "it"}, '{"at":"it"}')


def test_a_result_holds_what_the_chunks_said():
    """Everything a provider says besides text is in the result, the last word of each counting."""
    usage = TokenUsage(input_tokens=5, output_tokens=7, source="reported")
    chunks = [
        StreamChunk(model="m-1", response_id="r"),
        StreamChunk(thinking="hm ", text="a"),
        StreamChunk(thinking="so", refusal="no", usage=TokenUsage(input_tokens=5)),
        StreamChunk(text="b", citation={"url": "u"}, tool_call=CALL),
        StreamChunk(usage=usage, stop_reason="tool_calls", raw_stop_reason="tool_use", refusal="pe"),
    ]
    result = run(chunks).result()
    assert (str(result), result.thinking, result.refusal) == ("ab", "hm so", "nope")
    assert (result.tool_calls, result.citations) == ((CALL,), ({"url": "u"},))
    assert (result.stop_reason, result.raw_stop_reason, result.usage) == ("tool_calls", "tool_use", usage)
    assert (result.model, result.response_id, result.provider) == ("m-1", "r", None)


def test_a_result_falls_back_on_the_metadata():
    """Where the provider does not say its model, the one asked for stands."""
    stream = start(["a"])
    finish(stream)
    stream.start_stream(["a"], {"provider": "p", "model": "asked"})
    assert (stream.result().model, stream.result().provider) == ("asked", "p")
    finish(stream)
    stream.start_stream([StreamChunk(model="reported", text="a")], {"model": "asked"})
    assert stream.result().model == "reported"


@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
def test_b1_24_how_it_ended_is_not_hidden(reason):
    """An answer that the provider cut says so; one that broke off is an error with its text."""
    assert run(["a", StreamChunk(stop_reason=reason)]).result().stop_reason == reason
    broken = outcome(run(ScriptedSource("a").fail(StreamInterruptedError("cut"))))
    assert isinstance(broken, StreamInterruptedError)
    assert broken.partial_text == "a"


def test_nothing_is_inferred():
    """Without a word of the provider there is no reason and no count."""
    result = run(["a"]).result()
    assert (result.stop_reason, result.raw_stop_reason, result.usage.source) == (None, None, "unknown")


def test_the_answers_part_of_an_estimate_is_known_at_the_end():
    """A token for each four characters of all that was said; what a source counted itself stands."""
    asked = estimated_usage(9, None)
    assert (asked.input_tokens, asked.output_tokens, asked.source) == (3, None, "estimated")
    chunks = ["abcd", StreamChunk(thinking="ef", refusal="g", tool_call=CALL, usage=asked)]
    usage = run(chunks).result().usage
    assert (usage.input_tokens, usage.source) == (3, "estimated")
    assert usage.output_tokens == -(-(4 + 2 + 1 + len(CALL.arguments_json)) // 4)
    counted = TokenUsage(input_tokens=1, output_tokens=9, source="estimated")
    assert run(["abcd", StreamChunk(usage=counted)]).result().usage is counted


def test_statistics_have_the_contracts_names():
    """Every number of the contract is there, in the status, in the result, before a start and after."""
    names = {
        "tokens_received", "tokens_per_second", "start_time", "elapsed_time", "errors", "time_to_first_token",
        "longest_gap", "paused_time", "handler_time", "handler_errors", "bytes_received", "attempts",
    }  # fmt: skip
    stream = run(["a"])
    assert names == set(stream.result().stats) == set(stream.get_stream_status()["stats"])


def test_gaps_and_the_first_token_are_measured():
    """The first content and the longest silence between two contents are told apart."""

    def slow():
        time.sleep(0.02)
        yield StreamChunk(model="m")  # no content yet
        time.sleep(0.02)
        yield StreamChunk(thinking="hm")
        yield "a"
        time.sleep(0.03)
        yield "b"

    stats = run(slow()).result().stats
    assert 0.04 <= stats["time_to_first_token"] < stats["elapsed_time"]
    assert 0.03 <= stats["longest_gap"] < stats["elapsed_time"]
    assert stats["elapsed_time"] >= 0.07
    assert stats["tokens_per_second"] == pytest.approx(2 / stats["elapsed_time"], rel=0.2)


def test_heartbeats_do_not_shorten_a_gap():
    """Silence of the answer is measured from content to content, whatever else arrives between."""

    class Beating(ScriptedSource):
        def read(self):
            time.sleep(0.01)
            return super().read()

    source = Beating("a").push_batch().push_batch().push_batch().push("b").end()
    assert run(source).result().stats["longest_gap"] >= 0.04


def test_a_handlers_time_is_kept_apart():
    """What a slow handler takes is told by itself."""
    handler = RecordingHandler(token=lambda *_: time.sleep(0.02))
    assert 0.04 <= run(["a", "b"], handler).result().stats["handler_time"] < 5


def test_paused_time_is_no_elapsed_time():
    """A pause counts as a pause and nowhere else."""
    source, handler = ScriptedSource("a"), RecordingHandler()
    stream = start(source, handler)
    handler.wait_for_text("a")
    stream.pause_stream()
    handler.wait_for_call("paused")
    before = stream.get_stream_status()["stats"]
    time.sleep(0.05)  # the pause itself is what is measured
    during = stream.get_stream_status()["stats"]
    assert during["elapsed_time"] == before["elapsed_time"]
    assert during["tokens_per_second"] == before["tokens_per_second"]
    stream.resume_stream()
    source.push("b").end()
    stats = finish(stream).result().stats
    assert stats["paused_time"] >= 0.05
    assert stats["elapsed_time"] < before["elapsed_time"] + 1
    assert [type(e) for e in stream.events()].count(StreamPaused) == 1


def test_b1_17_a_jump_of_the_wall_clock_changes_no_duration(monkeypatch):
    """Durations and rates come from a clock that cannot be set."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    source, handler = ScriptedSource("a"), RecordingHandler()
    stream = start(source, handler)
    handler.wait_for_text("a")
    now[0] -= 5000
    source.push("b").end()
    stats = finish(stream).result().stats
    assert stats["start_time"] == 1_000_000.0
    assert 0 <= stats["time_to_first_token"] <= stats["elapsed_time"] < 60
    assert stats["tokens_per_second"] > 0


def test_b1_20_an_error_is_counted_before_it_is_told():
    """A handler that looks finds its stream's error counted; failures in the first hook count as well."""
    seen = []
    handler = RecordingHandler(error=lambda _: seen.append(stream.get_stream_status()["stats"]["errors"]))
    source = ScriptedSource()
    stream = start(source, handler)
    source.fail(ValueError("x"))
    finish(stream)
    assert seen == [1]

    def fail(_: object) -> None:
        raise RuntimeError("in the first hook")

    assert run(["a"], RecordingHandler(start=fail)).get_stream_status()["stats"]["errors"] == 1

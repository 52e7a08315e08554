"""A recording played again is the stream it was, as fast as is wanted."""

from __future__ import annotations

import threading
import time

import pytest
from fakes import TIMEOUT, RecordingHandler, finish, in_threads, outcome, run, start
from hypothesis import given
from hypothesis import strategies as st
from test_recording import CALL, recorded, recording_now

from api_models.exceptions import ConfigurationError, RateLimitError
from api_models.handlers.recording import StreamRecording
from api_models.streaming import stream_events as events
from api_models.streaming.exceptions import StreamCancelledError, StreamInterruptedError, StreamTimeoutError
from api_models.streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, TokenUsage

USAGE = TokenUsage(3, 4, cache_read_tokens=1, source="reported")
RICH = [
    StreamChunk(thinking="hm"),
    "old ",
    RetryNotice(1, 0.0, RateLimitError("again")),
    ResetNotice("again"),
    "Hel",
    StreamChunk(text="lo", refusal="no", citation={"at": "it"}),
    StreamChunk(tool_call=CALL),
    StreamChunk(stop_reason="tool_calls", raw_stop_reason="tool_use", usage=USAGE),
    StreamChunk(model="m-1", response_id="r"),
]


def at(*times):
    """A recording of a token at each of these seconds, whole."""
    recording = StreamRecording()
    for number, seconds in enumerate(times):
        recording.on_event(events.TokenReceived("s", seconds, f"{number} ", number))
    recording.on_event(events.StreamCompleted("s", times[-1], events.StreamResult("")))
    return recording


def told(recording):
    """What was told but for what control calls, clocks and moments make different."""
    kept = []
    for event in recording.events():
        said = {name: getattr(event, name) for name in type(event).__slots__ if name != "result"}
        if isinstance(event, events.StreamCompleted):
            said = {
                name: getattr(event.result, name) for name in events.StreamResult.__slots__ if name != "stats"
            }
        said = {name: str(fact) if isinstance(fact, Exception) else fact for name, fact in said.items()}
        if not isinstance(event, (events.StreamProgress, events.StreamStarted)):
            kept.append((type(event).__name__, said))
    return kept


def replayed(recording, **config):
    """What a stream of the recording at full speed came to, and a recording of it."""
    again = StreamRecording()
    return outcome(run(recording.replay(None), again, **config)), again


def test_a_replay_is_the_stream_with_all_it_said():
    recording = recorded(*RICH)
    result, again = replayed(recording)
    assert told(again) == told(recording)
    assert (result.text, result.usage, result.tool_calls) == ("Hello", USAGE, (CALL,))
    assert (result.stop_reason, result.raw_stop_reason) == ("tool_calls", "tool_use")
    assert (result.model, result.response_id, result.refusal) == ("m-1", "r", "no")


CHUNKS = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=5),
        st.builds(StreamChunk, text=st.text(max_size=3), thinking=st.text(max_size=3)),
        st.sampled_from(RICH),
    ),
    max_size=20,
)


@given(CHUNKS)
def test_any_stream_is_replayed_as_it_was(chunks):
    recording = recorded(*chunks)
    assert told(replayed(recording)[1]) == told(recording)


def test_an_error_is_raised_again_with_its_class_and_its_facts():
    """Each time an error of its own: the stream that is told of it writes into it."""
    error = RateLimitError("slow down", status_code=429, retry_after=2.0)
    error.__cause__ = OSError("429")
    recording = recorded("a", "b", failing=error)
    first, second = replayed(recording)[0], replayed(recording)[0]
    assert type(first) is RateLimitError
    assert (str(first), first.status_code, first.retry_after, first.partial_text) == (
        "slow down",
        429,
        2.0,
        "ab",
    )
    assert first.__cause__ is error.__cause__
    assert first is not second is not error


def test_a_cancelled_stream_does_not_pass_for_a_whole_one():
    recording, stream, _ = recording_now("a")
    stream.cancel_stream()
    finish(stream)
    replay = recording.replay(None)
    with pytest.raises(StreamCancelledError) as caught:
        list(replay)
    assert caught.value.partial_text == "a"
    assert isinstance(replayed(recording)[0].__cause__, StreamCancelledError)


def test_at_full_speed_what_is_there_comes_together():
    """Not a token a read: the timing is nobody's concern."""
    reads = []
    replay = at(*range(100)).replay(None)
    while (chunks := replay.read()) is not None:
        reads.append(len(chunks))
    assert sum(reads) == 100 + 1
    assert len(reads) <= 2


@pytest.mark.parametrize(("speed", "least"), [(1, 0.2), (2.0, 0.1), (0.5, 0.4)])
def test_it_takes_the_time_it_took(speed, least):
    """At `speed` times the speed; what is due together comes together."""
    replay, came = at(0.0, 0.0, 0.1, 0.2).replay(speed), []
    begun = time.monotonic()
    while (chunks := replay.read()) is not None:
        came += [(chunk, time.monotonic() - begun) for chunk in chunks]
    assert [chunk for chunk, _ in came][:4] == ["0 ", "1 ", "2 ", "3 "]
    assert came[3][1] >= least - 0.001
    assert came[2][1] >= least / 2 - 0.001


def test_a_replay_is_cancelled_at_once():
    """In the middle of a gap of an hour, and the stream ends as cancelled."""
    handler = RecordingHandler()
    stream = start(at(0.0, 3600.0).replay(), handler)
    handler.wait_for_text("0 ")
    stream.cancel_stream()
    assert stream.wait(TIMEOUT)
    assert handler.check("cancelled").ending == "0 "


def test_an_aborted_replay_does_not_pass_for_a_whole_one():
    """Also outside a stream, from another thread, and before it began."""
    replay = at(0.0, 3600.0).replay()
    assert replay.read() == ["0 "]
    reading, blocked = [], threading.Event()

    def read():
        blocked.set()
        try:
            replay.read()
        except StreamInterruptedError as error:
            reading.append(error)

    in_threads(read, lambda: blocked.wait(TIMEOUT) and replay.abort())
    assert len(reading) == 1
    early = at(0.0).replay(None)
    early.abort()
    with pytest.raises(StreamInterruptedError):
        early.read()


def test_clocks_reach_a_replay():
    stream = start(at(0.0, 3600.0).replay(), idle_timeout=0.05)
    assert isinstance(outcome(stream), StreamTimeoutError)


def test_what_is_still_coming_is_followed():
    """Replay, then live, to the end that comes."""
    recording, stream, source = recording_now("a")
    again, handler = recording.replay(None), RecordingHandler()
    following = start(again, handler)
    handler.wait_for_text("a")
    source.push("b").end()
    finish(stream)
    assert outcome(following).text == "ab"
    assert not recording._log.sleepers


def test_a_cancelled_follower_leaves_the_recording_alone():
    recording, stream, source = recording_now("a")
    handler = RecordingHandler()
    following = start(recording.replay(), handler)
    handler.wait_for_text("a")
    following.cancel_stream()
    finish(following)
    assert not recording._log.sleepers
    source.push("b").end()
    finish(stream)
    assert recording.text == "ab"


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), "fast", True])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ConfigurationError, match="speed"):
        recorded("a").replay(speed)

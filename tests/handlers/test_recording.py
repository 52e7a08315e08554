"""A recording can be read by anybody, at any time, and says the same to all."""

from __future__ import annotations

import copy
import gc
import random
import threading
import weakref

import pytest
from fakes import TIMEOUT, WAYS_TO_END, ScriptedSource, end, finish, in_threads, outcome, run, start

from api_models.exceptions import RateLimitError
from api_models.handlers.recording import StreamRecording
from api_models.streaming import stream_events as events
from api_models.streaming.exceptions import StreamInterruptedError, StreamStateError
from api_models.streaming.stream_events import ResetNotice, StreamChunk, ToolCall
from api_models.streaming.stream_manager import StreamManager

CALL = ToolCall("1", "look", {"at": "it"}, '{"at":"it"}')


def recorded(*chunks, failing=None, **config):
    """A recording of a stream of these chunks that has ended."""
    recording = StreamRecording()
    source = ScriptedSource(*chunks)
    run(source.fail(failing) if failing else source.end(), recording, **config)
    return recording


def recording_now(*chunks):
    """A recording of a stream that has come so far and waits; with its stream and source."""
    recording, source = StreamRecording(), ScriptedSource(*chunks)
    stream = start(source, recording)
    source.wait_until_blocked()
    return recording, stream, source


def read_all(texts):
    """What an iterator gives, and what it raises at the end."""
    read = []
    try:
        for text in texts:
            read += [text]
    except Exception as error:
        return read, error
    return read, None


def test_it_holds_the_text_and_says_how_it_ended():
    recording = recorded("a", "b")
    assert (recording.text, recording.get_chunks(), list(recording)) == ("ab", ["a", "b"], ["a", "b"])
    assert (recording.is_complete, recording.has_error, recording.get_error()) == (True, False, None)
    assert recording.metadata["stream_id"]


def test_a_new_one_is_empty():
    recording = StreamRecording()
    assert (recording.text, recording.get_chunks(), dict(recording.metadata)) == ("", [], {})
    assert (recording.is_complete, recording.has_error, recording.wait_for_completion(0)) == (
        False,
        False,
        False,
    )


@pytest.mark.parametrize("chunks", [["a", StreamChunk(thinking="hm", text="b", tool_call=CALL), "c"], []])
def test_it_holds_the_events_that_the_stream_told(chunks):
    """The same as `stream.events()`, but for the moment at which a token came, to the millisecond."""
    recording = StreamRecording()
    stream = run(ScriptedSource(*chunks).end(), recording)
    told, kept = list(stream.events()), list(recording.events())
    assert [(type(event), event.stream_id) for event in kept] == [(type(e), e.stream_id) for e in told]
    assert [event.elapsed for event in kept] == pytest.approx([event.elapsed for event in told], abs=0.5)
    without_time = [repr(event).partition("elapsed=")[2].partition(",")[2] for event in told]
    assert [repr(event).partition("elapsed=")[2].partition(",")[2] for event in kept] == without_time


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_every_end_of_a_stream_is_an_end_of_its_recording(way):
    """No reader waits for ever, whatever becomes of the stream; `end` is told to late handlers too."""
    recording = StreamRecording()
    original = StreamManager.__init__

    def with_recording(self, config=None):
        original(self, config)
        self.register_handler(recording)

    StreamManager.__init__ = with_recording
    try:
        end(way)
    finally:
        StreamManager.__init__ = original
    assert recording.wait_for_completion(TIMEOUT)
    kind = {"complete": "StreamCompleted", "error": "StreamFailed", "cancelled": "StreamCancelled"}
    assert type(list(recording.events())[-1]).__name__ == kind[WAYS_TO_END[way]]
    assert recording.is_complete == (WAYS_TO_END[way] == "complete")
    assert recording.has_error == (WAYS_TO_END[way] == "error")


def test_b0_1_readers_end_when_the_stream_does():
    """A reader that waits when the last word comes does not wait for another."""
    recording, _, source = recording_now("a")
    reading = iter(recording)
    assert next(reading) == "a"
    rest, _ = in_threads(lambda: list(reading), source.end)
    assert rest == []


def test_b0_2_b0_14_readers_of_a_failed_stream_get_its_error():
    """Behind its text; the error itself, with its class and its cause, and not another that quotes it."""
    error = RateLimitError("slow down", status_code=429)
    recording = recorded("a", "b", failing=error)
    assert read_all(recording) == (["a", "b"], error)
    assert (recording.get_error(), recording.has_error, recording.is_complete) == (error, True, False)
    foreign = OSError("gone")
    _, wrapped = read_all(recorded("a", failing=foreign))
    assert wrapped.__cause__ is foreign


def test_b0_3_a_slow_reader_loses_nothing_at_the_end():
    recording, stream, source = recording_now("a")
    reading = iter(recording)
    assert next(reading) == "a"
    source.push(*"bcdef").end()
    finish(stream)
    assert list(reading) == list("bcdef")


def test_b0_5_b0_6_the_first_end_counts():
    """What comes behind it is neither kept nor an error."""
    recording, error = StreamRecording(), RateLimitError("first")
    recording.on_event(events.StreamFailed("s", 1.0, error))
    recording.on_event(events.StreamFailed("s", 2.0, RateLimitError("second")))
    recording.on_event(events.StreamCompleted("s", 3.0, events.StreamResult("x")))
    recording.on_token_received("late", 0)
    recording.on_event(events.StreamReset("s", 4.0, "late"))
    assert (recording.get_error(), recording.is_complete, recording.text) == (error, False, "")
    assert [event.elapsed for event in recording.events()] == pytest.approx([0.0], abs=1.5)
    assert recording.close() is False


def test_b0_12_waiting_ends_with_an_error_too():
    """Who waits in order to let something go is not forgotten because the stream failed."""
    recording, _, source = recording_now("a")
    waited, _ = in_threads(lambda: recording.wait_for_completion(TIMEOUT), lambda: source.fail(OSError()))
    assert waited is True
    assert recording.is_complete is False


def test_b0_15_an_interrupted_reader_is_interrupted():
    """Neither Ctrl-C nor the end of a generator is swallowed."""
    recording = recorded("a", "b")
    reading = iter(recording)
    next(reading)
    with pytest.raises(KeyboardInterrupt):
        reading.throw(KeyboardInterrupt())
    assert list(recording) == ["a", "b"]


def test_b0_16_readers_have_no_queues():
    """A reader is a place in the log: a thousand that wait hold no text, and what is read is read once."""
    recording, stream, source = recording_now("a" * 1000)
    readers = [iter(recording) for _ in range(1000)]
    assert {next(reader) for reader in readers} == {"a" * 1000}
    source.push("b").end()
    finish(stream)
    assert all(list(reader) == ["b"] for reader in readers)


def test_b0_18_an_error_counts_even_if_it_is_falsy():
    class Falsy(RateLimitError):
        def __bool__(self):
            return False

    recording, error = StreamRecording(), Falsy("no truth in it")
    recording.on_token_received("a", 0)
    recording.on_event(events.StreamFailed("s", 1.0, error))
    assert recording.has_error
    assert recording.get_error() is error
    assert read_all(recording) == (["a"], error)


def test_b0_19_it_is_a_handler():
    """No interface that nobody implements: it is registered like any other, and removed like it."""
    stream, recording = StreamManager(), StreamRecording()
    number = stream.register_handler(recording)
    assert stream.unregister_handler(number)


def test_text_begins_anew_after_a_reset():
    """As it does on the stream itself; the events show what was before."""
    recording, stream, source = recording_now("old")
    reading = iter(recording)
    assert next(reading) == "old"
    source.push(ResetNotice("again"), "new").end()
    finish(stream)
    assert list(reading) == ["new"]
    assert (list(recording), recording.text, recording.get_chunks()) == (["new"], "new", ["new"])
    told = [getattr(event, "text", type(event).__name__) for event in recording.events()]
    assert [name for name in told if name != "StreamProgress"] == [
        "StreamStarted", "old", "StreamReset", "new", "StreamCompleted",
    ]  # fmt: skip


def test_a_cancelled_stream_just_ends():
    recording, stream, _ = recording_now("a")
    stream.cancel_stream()
    finish(stream)
    assert read_all(recording) == (["a"], None)
    assert (recording.is_complete, recording.has_error) == (False, False)


def test_a_late_recording_begins_where_it_joins():
    """Its clock too: what comes first came about when the recording was made."""
    recording, source = StreamRecording(), ScriptedSource("a")
    stream = start(source)
    source.wait_until_blocked()
    stream.register_handler(recording)
    source.push("b").end()
    finish(stream)
    assert (list(recording), recording.is_complete, dict(recording.metadata)) == (["b"], True, {})
    assert all(-0.01 <= event.elapsed < TIMEOUT for event in recording.events())


def test_a_recording_is_of_one_stream(caplog):
    """A second one is refused, loudly, and the first stays as it is."""
    recording = recorded("a")
    run(ScriptedSource("b").end(), recording)
    assert list(recording) == ["a"]
    assert "this recording is of stream" in str(caplog.records[0].exc_info[1])


def test_two_streams_at_once_are_no_recording(caplog):
    """Whose token is whose cannot be told: nobody takes what is mixed for an answer."""
    recording, stream, source = recording_now("a")
    run(ScriptedSource("b").end(), recording)
    read, error = read_all(recording)
    assert read[0] == "a"
    assert isinstance(error, StreamInterruptedError)
    source.end()
    assert outcome(stream).text == "a"
    assert any(isinstance(record.exc_info[1], StreamStateError) for record in caplog.records)


def test_a_recording_that_was_unregistered_is_closed_by_hand():
    recording, stream, source = recording_now("a")
    stream.unregister_handler(recording)
    reading = iter(recording)
    assert next(reading) == "a"
    assert (recording.close(), recording.close()) == (True, False)
    assert isinstance(read_all(reading)[1], StreamInterruptedError)
    source.end()
    finish(stream)


def test_b3_6_looking_at_a_recording_uses_nothing_up(tmp_path):
    """Copying, logging, saving and reading it leave it as it was; also while it is being read."""
    recording = recorded("a", "b", "c")
    reading = iter(recording)
    assert next(reading) == "a"
    repr(recording), str(recording), list(copy.copy(recording)), list(recording.events())
    recording.save(tmp_path / "one")
    recording.save(tmp_path / "two")
    assert (tmp_path / "one").read_text() == (tmp_path / "two").read_text()
    assert list(reading) == ["b", "c"]
    assert list(recording) == recording.get_chunks() == ["a", "b", "c"]


def test_tokens_make_no_events():
    """Text comes by the hook that costs least, and gets the same time and index."""
    heard = []

    class Listening(StreamRecording):
        def on_event(self, event):
            heard.append(event)
            super().on_event(event)

    recording = Listening()
    run(ScriptedSource("a", "b").end(), recording)
    assert not any(isinstance(event, events.TokenReceived) for event in heard)
    tokens = [event for event in recording.events() if isinstance(event, events.TokenReceived)]
    assert [(event.text, event.index) for event in tokens] == [("a", 0), ("b", 1)]
    assert [event.elapsed for event in tokens] == sorted(event.elapsed for event in tokens)


def test_tokens_that_come_as_events_are_kept_too():
    """From a handler that passes events on."""
    recording = StreamRecording()
    recording.on_event(events.StreamStarted("s", 0.0, {}))
    recording.on_event(events.TokenReceived("s", 1.5, "a", 7))
    recording.close()
    _, token, _ = recording.events()
    assert (token.text, token.index, token.elapsed) == ("a", 7, 1.5)


MANY = 100_000


@pytest.mark.parametrize("seed", range(2))
def test_sixteen_readers_at_random_times_read_the_same(seed):
    """Of 100,000 tokens, on threads, faster and slower than the producer, the last after the end."""
    recording, chance = StreamRecording(), random.Random(seed)
    joins = [0, *(chance.randrange(MANY) for _ in range(14)), MANY]
    written = threading.Condition()
    count = 0

    def rest():
        """Until more was written."""
        with written:
            seen = count
            assert written.wait_for(lambda: count > seen or count == MANY, TIMEOUT)

    def read_from(join, pause):
        with written:
            assert written.wait_for(lambda: count >= join, TIMEOUT)
        read = []
        for text in recording:
            read.append(text)
            if pause and len(read) % pause == 0:
                rest()
        return read

    def write():
        nonlocal count
        recording.on_event(events.StreamStarted("s", 0.0, {}))
        for number in range(MANY):
            recording.on_token_received(f"{number} ", number)
            if number % 100 == 99:
                with written:
                    count = number + 1
                    written.notify_all()
        recording.on_event(events.StreamCompleted("s", 1.0, events.StreamResult("")))

    pauses = [0 if number % 2 else 2000 for number in range(16)]
    readers = [lambda j=join, p=pause: read_from(j, p) for join, pause in zip(joins, pauses, strict=True)]
    *readings, _ = in_threads(*readers, write)
    expected = [f"{number} " for number in range(MANY)]
    assert all(reading == expected for reading in readings)


def test_a_stalled_reader_holds_nobody():
    """The producer writes all it has while one reader sleeps at the first token and one was abandoned."""
    recording, asleep, wake = StreamRecording(), threading.Event(), threading.Event()
    abandoned = iter(recording)

    def stall():
        reading = iter(recording)
        first = next(reading)
        asleep.set()
        assert wake.wait(TIMEOUT)
        return [first, *reading]

    def write():
        recording.on_token_received("0", 0)
        assert asleep.wait(TIMEOUT)
        next(abandoned)
        for number in range(1, 10_000):
            recording.on_token_received(str(number), number)
        recording.on_event(events.StreamCompleted("s", 1.0, events.StreamResult("")))
        written = not wake.is_set()
        wake.set()
        return written

    read, written_while_it_slept = in_threads(stall, write)
    assert written_while_it_slept
    assert len(read) == 10_000


def test_a_recording_that_nobody_holds_is_gone():
    """It makes no circle with its readers and listeners, so that its memory comes back at once."""
    gc.collect()
    gc.disable()
    try:
        recording = StreamRecording()
        recording.on_token_received("a", 0)
        recording.on_event(events.StreamCompleted("s", 1.0, events.StreamResult("")))
        recording.add_listener(lambda event: None)
        recording.wait_for_completion(TIMEOUT)
        read = [list(recording), recording.get_chunks(), list(recording.replay(None))]
        (listener,) = recording._listeners._listeners
        listener.thread.join(TIMEOUT)
        seen = weakref.ref(recording._log)
        del recording, listener
        left = seen()
    finally:
        gc.enable()
    assert read[0] == read[1] == read[2][:1] == ["a"]
    assert left is None

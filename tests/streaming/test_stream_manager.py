"""The remote control of a stream: its calls in every state, waiting, reading, leaving."""

from __future__ import annotations

import gc
import threading

import pytest
from fakes import (
    TIMEOUT,
    RecordingHandler,
    ScriptedSource,
    bring_to,
    end,
    finish,
    in_threads,
    outcome,
    run,
    start,
)

from api_models.exceptions import ConfigurationError
from api_models.streaming.exceptions import StreamingError, StreamStateError
from api_models.streaming.stream_manager import StreamManager

# The caller's half of the contract's grid, by hand: state and call, then the state after, None if refused.
CALLS = {
    ("inactive", "pause"): None,
    ("inactive", "resume"): None,
    ("inactive", "cancel"): None,
    ("active", "pause"): "paused",
    ("active", "resume"): None,
    ("active", "cancel"): "cancelled",
    ("paused", "pause"): None,
    ("paused", "resume"): "active",
    ("paused", "cancel"): "cancelled",
    ("completed", "pause"): None,
    ("completed", "resume"): None,
    ("completed", "cancel"): None,
    ("cancelled", "pause"): None,
    ("cancelled", "resume"): None,
    ("cancelled", "cancel"): None,
    ("error", "pause"): None,
    ("error", "resume"): None,
    ("error", "cancel"): None,
}


@pytest.mark.parametrize(("state", "call"), CALLS)
def test_every_control_call_in_every_state(state, call):
    """A call does what the grid says and returns True, or returns False and is heard by nobody."""
    stream, source, handler = bring_to(state)
    before, after = handler.names(), CALLS[state, call]
    assert getattr(stream, f"{call}_stream")() is (after is not None)
    assert stream.state == stream.get_stream_status()["state"] == (after or state)
    if after is None and state not in ("active", "paused"):
        assert handler.names() == before
    stream.resume_stream()
    source.end()
    if state != "inactive":
        finish(stream)


@pytest.mark.parametrize("state", ["active", "paused"])
def test_a_start_while_one_runs_is_refused(state):
    """A second start raises and harms neither the stream nor its handlers."""
    stream, source, handler = bring_to(state)
    with pytest.raises(StreamStateError):
        stream.start_stream(["other"])
    assert stream.state == state
    stream.resume_stream()
    source.push("b").end()
    finish(stream)
    assert handler.check("complete").text == "ab"


@pytest.mark.parametrize("state", ["completed", "cancelled", "error"])
def test_after_an_end_a_new_run_begins_clean(state):
    """Nothing of the run before is left: not its text, its numbers, its outcome or its source."""
    stream, _, handler = bring_to(state)
    old = stream.get_stream_status()
    handler.calls.clear()
    number = stream.start_stream(["new ", "run"])
    finish(stream)
    assert handler.check("complete").arguments("token") == [("new ", 0), ("run", 1)]
    status = stream.get_stream_status()
    assert (status["stream_id"], status["state"]) == (number, "completed")
    assert number != old["stream_id"]
    assert (status["stats"]["tokens_received"], status["stats"]["errors"]) == (2, 0)
    assert (stream.result().text, "".join(stream)) == ("new run", "new run")


def test_of_many_starts_at_once_one_begins():
    """When threads race to start, one stream runs and the others are told."""
    for _ in range(20):
        stream = StreamManager()
        source = ScriptedSource()

        def begin(stream=stream, source=source):
            try:
                return stream.start_stream(source)
            except StreamStateError:
                return None

        started = [number for number in in_threads(*[begin] * 4) if number]
        source.end()
        finish(stream)
        assert (len(started), source.closes) == (1, 1)


def test_wait_is_true_only_after_the_last_callback():
    """Who waits for the end finds the terminal callbacks done."""
    inside, gate = threading.Event(), threading.Event()
    handler = RecordingHandler(complete=lambda _: (inside.set(), gate.wait(TIMEOUT)))
    stream = start(["a"], handler)
    assert inside.wait(TIMEOUT)
    assert stream.wait(0) is False
    assert stream.state == "completed"
    with pytest.raises(TimeoutError):
        stream.result(0)
    with pytest.raises(StreamStateError):
        stream.start_stream(["b"])
    gate.set()
    finish(stream)


def test_b1_01_a_stream_runs():
    """The plainest use there is: start, wait, read."""
    handler = RecordingHandler()
    assert str(run(["Hello ", "world"], handler).result()) == "Hello world"
    assert handler.check("complete").names() == ["start", "token", "token", "complete"]


@pytest.mark.parametrize("call", [StreamManager.wait, StreamManager.result, iter, StreamManager.events])
def test_b1_03_waiting_inside_a_callback_is_refused(call):
    """A callback that would wait for its own stream is told so instead of hanging."""
    caught = []

    def wait(*_: object) -> None:
        try:
            call(stream)
        except StreamStateError as error:
            caught.append(error)

    source = ScriptedSource()
    stream = start(source, RecordingHandler(token=wait))
    source.push("a").end()
    finish(stream)
    assert len(caught) == 1


def test_b1_12_two_streams_share_nothing():
    """Two managers at the same time, and two runs of one, count each for itself."""
    streams = [start(ScriptedSource(*"abcde").end(), RecordingHandler()) for _ in range(2)]
    for stream in streams:
        assert finish(stream).result().stats["tokens_received"] == 5
    streams[0].start_stream(["x"])
    assert streams[0].result().stats["tokens_received"] == 1
    assert streams[1].result().stats["tokens_received"] == 5


def test_b1_13_stream_ids_are_never_reused():
    """Ids stay different when streams are collected in between."""
    ids = set()
    for _ in range(200):
        ids.add(run(["a"]).get_stream_status()["stream_id"])
        gc.collect(0)
    assert len(ids) == 200


def test_b1_18_a_status_is_the_callers_to_keep():
    """Changing what was returned changes nothing; what was returned does not change."""
    stream, source, _ = bring_to("active")
    status = stream.get_stream_status()
    status["state"] = "nonsense"
    status["stats"]["tokens_received"] = 99
    assert stream.get_stream_status()["state"] == "active"
    assert stream.get_stream_status()["stats"]["tokens_received"] == 1
    kept = stream.get_stream_status()
    source.push("b").end()
    finish(stream)
    assert kept["stats"]["tokens_received"] == 1


def test_b1_18_snapshots_never_tear():
    """While tokens flow, every snapshot is consistent in itself and none goes back."""
    source = ScriptedSource()
    stream = start(source, RecordingHandler())

    def look() -> list[dict[str, float]]:
        return [stream.get_stream_status()["stats"] for _ in range(300)]

    snapshots, _ = in_threads(look, lambda: source.push(*["x"] * 3000))
    stream.cancel_stream()
    finish(stream)
    counts = [stats["tokens_received"] for stats in snapshots]
    assert counts == sorted(counts)
    for stats in snapshots:
        rate = stats["tokens_received"] / stats["elapsed_time"]
        assert stats["tokens_per_second"] == pytest.approx(rate)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 99])
def test_b1_22_buffer_size_is_honoured(size):
    """Each delivery but the last is of so many tokens; the rest comes before the end."""
    handler = RecordingHandler()
    run(ScriptedSource(*map(str, range(10))).end(), handler, buffer_size=size)
    words = "0123456789"
    assert handler.check("complete").tokens == [words[at : at + size] for at in range(0, 10, size)]


@pytest.mark.parametrize("call", [StreamManager.wait, StreamManager.result, iter, StreamManager.events])
def test_waiting_before_a_start_is_refused(call):
    """Who would wait for what never began is told so."""
    with pytest.raises(StreamStateError):
        call(StreamManager())


def test_a_manager_that_never_started_has_a_status():
    """Before the first start everything is zero, and nothing is an error."""
    status = StreamManager().get_stream_status()
    assert (status["stream_id"], status["state"]) == (None, "inactive")
    assert not any(value for key, value in status["stats"].items() if key not in ("start_time", "attempts"))


def test_a_wait_that_is_too_short_changes_nothing():
    """`wait` says False and `result` raises TimeoutError; the stream runs on."""
    stream, source, _ = bring_to("active")
    assert stream.wait(0.001) is False
    with pytest.raises(TimeoutError):
        stream.result(0.001)
    source.end()
    assert stream.result(TIMEOUT).text == "a"


def test_every_waiter_gets_the_same_outcome():
    """Four threads that wait for one stream get one result, or one error."""
    for ending in ("end", "fail"):
        stream, source, _ = bring_to("active")
        stop = source.end if ending == "end" else lambda source=source: source.fail(ValueError("x"))
        *outcomes, _ = in_threads(*[lambda stream=stream: outcome(stream)] * 4, stop)
        assert all(found is outcomes[0] for found in outcomes)


@pytest.mark.parametrize("history", [True, False])
def test_readers_and_handlers_get_the_same(history):
    """Readers who join at any time get the whole text, as the handlers do."""
    source, handler = ScriptedSource(), RecordingHandler()
    stream = start(source, handler, keep_history=history)
    words = [f"{number} " for number in range(3000)]

    def read_late() -> list[str]:
        handler.wait_for(lambda: len(handler.calls) > 1500)
        return list(stream)

    early, late, _ = in_threads(lambda: list(stream), read_late, lambda: source.push(*words).end())
    finish(stream)
    after = list(stream)
    assert "".join(early) == "".join(late) == "".join(after) == handler.check("complete").text
    assert handler.tokens == words
    if history:
        assert early == late == after == words


def test_a_failed_stream_yields_its_text_and_then_raises():
    """A reader never takes a broken answer for a whole one."""
    stream, _, handler = end("fail")
    read = []
    with pytest.raises(StreamingError) as caught:
        read.extend(text for text in stream)
    tokens = iter(stream)
    assert (next(tokens), caught.value) == ("a", handler.ending)
    with pytest.raises(StreamingError):
        next(tokens)


def test_a_blocked_reader_ends_with_a_cancelled_stream():
    """A reader asleep in `for` wakes when the stream is cancelled, and its loop just ends."""
    stream, _, _ = bring_to("active")
    tokens = iter(stream)
    assert next(tokens) == "a"
    rest, did = in_threads(lambda: list(tokens), stream.cancel_stream)
    assert (rest, did) == ([], True)


def test_leaving_the_loop_leaves_the_stream_alone():
    """A reader that breaks off takes nothing from the handlers or from other readers."""
    source, handler = ScriptedSource("a", "b", "c"), RecordingHandler()
    stream = start(source, handler)
    for _ in stream:
        break
    source.push("d").end()
    finish(stream)
    assert handler.check("complete").text == "abcd" == "".join(stream)


@pytest.mark.parametrize("error", [None, LookupError])
def test_leaving_the_with_block_cancels_what_runs(error):
    """Leaving the block, by its end or by an error, ends the stream; one that has ended stays."""
    stream, _, handler = bring_to("active")
    try:
        with stream as same:
            assert same is stream
            if error:
                raise error
    except LookupError:
        assert error
    finish(stream)
    handler.check("cancelled")
    done, _, handler = end("complete")
    with done:
        pass
    handler.check("complete")


@pytest.mark.parametrize("bad", ["text", 7, None, object()])
def test_what_is_no_source_starts_nothing(bad):
    """A mistake in the call raises at once and tells nobody."""
    handler = RecordingHandler()
    stream = StreamManager()
    stream.register_handler(handler)
    with pytest.raises(ConfigurationError):
        stream.start_stream(bad)
    assert (stream.state, handler.calls) == ("inactive", [])


def test_metadata_reaches_the_handlers_read_only():
    """The caller's metadata and the stream's id are told at the start, and nobody can change them."""
    handler, given = RecordingHandler(), {"provider": "p", "model": "m", "stream_id": "mine"}
    stream = StreamManager()
    stream.register_handler(handler)
    number = stream.start_stream(["a"], given)
    finish(stream)
    (told,) = handler.arguments("start")[0]
    assert dict(told) == {"provider": "p", "model": "m", "stream_id": number}
    assert given["stream_id"] == "mine"
    with pytest.raises(TypeError):
        told["provider"] = "other"

"""A recording in a file is the recording, and holds no secret."""

from __future__ import annotations

import io
import json

import pytest
from fakes import outcome, run
from hypothesis import given
from hypothesis import strategies as st
from test_recording import read_all, recorded, recording_now
from test_recording_replay import CHUNKS, RICH, told

from api_models import APIModelManager
from api_models import exceptions as errors
from api_models.exceptions import APIModelError, ConfigurationError
from api_models.handlers.recording import StreamRecording
from api_models.streaming import exceptions as streaming_errors
from api_models.streaming.exceptions import StreamInterruptedError
from api_models.streaming.stream_events import StreamChunk, ToolCall
from api_models.testing import Provider, error_reply

KEY = "sk-test-0123456789abcdef0123456789abcdef"


def saved(recording):
    file = io.StringIO()
    recording.save(file)
    return file.getvalue()


def loaded(text):
    return StreamRecording.load(io.StringIO(text))


@given(CHUNKS)
def test_what_was_saved_is_loaded(chunks):
    """Any stream: text, thinking, calls, resets, and the end with all it says; and at the same moments."""
    recording = recorded(*chunks)
    again = loaded(saved(recording))
    assert told(again) == told(recording)
    times = [event.elapsed for event in recording.events()]
    assert [event.elapsed for event in again.events()] == pytest.approx(times, abs=1e-5)
    assert [event.stream_id for event in again.events()] == [event.stream_id for event in recording.events()]
    assert (again.text, again.is_complete) == (recording.text, True)
    assert saved(again) == saved(loaded(saved(again)))
    assert told(recorded(*again.replay(None))) == told(recording)


@given(st.text(st.characters(), min_size=1))
def test_any_text_survives(text):
    """Line ends of all kinds, half a surrogate pair, quotes; in a file and in ASCII."""
    recording = recorded(text)
    written = saved(recording)
    assert written.isascii()
    assert len(written.splitlines()) == len(list(recording.events())) + 1
    assert loaded(written).text == text


def test_each_line_is_json_and_the_first_a_header():
    header, first, *_ = [json.loads(line) for line in saved(recorded("a")).splitlines()]
    assert header["api_models_recording"] == 1
    assert header["stream_id"] == first["metadata"]["stream_id"]
    assert set(first) == {"event", "elapsed", "metadata"}


CLASSES = [
    kind
    for module in (errors, streaming_errors)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, APIModelError)
]
FACTS = {
    "StreamTimeoutError": {"clock": "idle"},
    "CircuitOpenError": {"retry_after": 3.0},
    "PolicyViolationError": {"policy": "p", "reason": "r"},
    "StructuredOutputError": {"raw_text": "a", "problems": ["x", "y"]},
    "RateLimitError": {"status_code": 429, "request_id": "q", "retry_after": 1.5},
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_comes_back_with_its_class_and_its_facts(kind):
    error = kind("it went wrong", **FACTS.get(kind.__name__, {}))
    error.retryable = True
    recording = StreamRecording()
    run(["a"], recording)
    recording = recorded("a", failing=error)
    kept = recording.get_error()
    again = loaded(saved(recording)).get_error()
    assert type(again) is type(kept)
    assert (str(again), vars(again)) == (str(kept), {**vars(kept), "retryable": kept.retryable})


def test_an_error_that_is_not_ours_is_named():
    class OwnError(APIModelError):
        """A user's."""

    (text,), error = read_all(loaded(saved(recorded("a", failing=OwnError("mine")))))
    assert (text, type(error), str(error)) == ("a", streaming_errors.StreamingError, "OwnError: mine")


def test_a_recording_that_had_no_end_ends_as_interrupted():
    """What was saved while it came is no whole answer."""
    recording, stream, source = recording_now("a")
    again = loaded(saved(recording))
    texts, error = read_all(again)
    assert (texts, again.is_complete, type(error)) == (["a"], False, StreamInterruptedError)
    source.end()
    assert outcome(stream).text == "a"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "stream.jsonl"
    recording = recorded("a")
    recording.save(path)
    recording.save(str(path))
    before = path.read_text()
    circle = {}
    circle["again"] = circle
    with pytest.raises(ValueError, match=r"[Cc]ircular"):
        recorded(StreamChunk(tool_call=ToolCall("1", "f", circle, "{}"))).save(path)
    assert path.read_text() == before
    assert [one.name for one in tmp_path.glob("stream*")] == ["stream.jsonl"]
    assert StreamRecording.load(path).text == StreamRecording.load(str(path)).text == "a"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "empty"),
        ("not json\n", "line 1"),
        ('{"api_models_recording": 2, "stream_id": "s"}\n', "line 1"),
        ('{"other": 1}\n', "line 1"),
        ("[]\n", "line 1"),
        ('{"api_models_recording": 1, "stream_id": "s"}\n{"event": "Nothing", "elapsed": 1}\n', "line 2"),
        ('{"api_models_recording": 1, "stream_id": "s"}\n{"event": "TokenReceived"}\n', "line 2"),
        ('{"api_models_recording": 1, "stream_id": "s"}\n{"event": "TokenRec', "line 2"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(text, line):
    with pytest.raises(ConfigurationError, match=line):
        loaded(text)


def test_no_key_is_in_a_recording(tmp_path):
    """Neither the client's, although the provider sends it back, nor one among the caller's own facts."""
    recording = StreamRecording()
    with Provider(error_reply(401, message=f"bad key {KEY}")) as provider:
        lab = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m", "api_key": KEY}
        with APIModelManager({"providers": {"lab": lab}}) as manager:
            stream = manager.generate_stream_with_handlers("hi", "lab", handlers=[recording])
            assert isinstance(outcome(stream), errors.AuthenticationError)
        assert KEY in str(provider.requests[0].headers)
    recording.save(tmp_path / "one")
    assert KEY not in (tmp_path / "one").read_text()


def test_facts_that_look_like_secrets_are_left_out():
    from api_models.streaming.stream_manager import StreamManager

    secret = {"api_key": KEY, "headers": {"x": KEY}, "nested": {"Authorization": KEY, "max_tokens": 3}}
    recording, stream = StreamRecording(), StreamManager()
    stream.register_handler(recording)
    stream.start_stream(["a"], {**secret, "user": "u", "set": {1}, 3: "three"} | {"access_token": KEY})
    assert stream.wait(10)
    written = saved(recording)
    assert KEY not in written
    metadata = loaded(written).metadata
    assert (metadata["user"], metadata["nested"], metadata["3"]) == ("u", {"max_tokens": 3}, "three")
    assert recording.metadata["api_key"] == KEY  # what the caller gave is the caller's


def test_a_rich_recording_is_readable_by_hand():
    lines = [json.loads(line) for line in saved(recorded(*RICH)).splitlines()]
    assert [line["text"] for line in lines if line.get("event") == "TokenReceived"] == ["old ", "Hel", "lo"]
    assert lines[-1]["result"]["usage"]["input_tokens"] == 3

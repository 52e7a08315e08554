"""Every event is one line of JSON that a program can read."""

from __future__ import annotations

import io
import json

from fakes import ScriptedSource, run, start

from api_models.exceptions import RateLimitError
from api_models.handlers.json_lines import JSONLinesHandler
from api_models.streaming.stream_events import StreamChunk, TokenUsage, ToolCall


def lines_of(source, **config):
    """What a stream of this source writes, read again; each line must be JSON by itself."""
    output = io.StringIO()
    run(source, JSONLinesHandler(output), **config)
    written = output.getvalue()
    assert written.endswith("\n")
    return [json.loads(line, parse_constant=lambda word: 1 / 0) for line in written.splitlines()]


def only(lines, event):
    (line,) = [line for line in lines if line["event"] == event]
    return line


def test_a_line_is_the_event_with_its_attributes():
    """From the start to the end, in order, all of one stream."""
    lines = lines_of(ScriptedSource("Hel", "lo").end(), progress_interval=1000)
    told = [line["event"] for line in lines if line["event"] != "StreamProgress"]
    assert told == ["StreamStarted", "TokenReceived", "TokenReceived", "StreamCompleted"]
    tokens = [line for line in lines if line["event"] == "TokenReceived"]
    assert [(line["text"], line["index"]) for line in tokens] == [("Hel", 0), ("lo", 1)]
    assert len({line["stream_id"] for line in lines}) == 1
    assert [line["elapsed"] for line in lines] == sorted(line["elapsed"] for line in lines)
    assert all(set(line) >= {"event", "stream_id", "elapsed"} for line in lines)


def test_the_last_line_of_a_whole_answer_is_its_result():
    """With usage, tool calls and statistics, as objects."""
    call = ToolCall("c1", "look", {"at": ["a", 1]}, '{"at": ["a", 1]}')
    usage = StreamChunk(usage=TokenUsage(3, 4, source="reported"), stop_reason="tool_calls")
    lines = lines_of(ScriptedSource("ok", StreamChunk(tool_call=call), usage).end())
    result = lines[-1]["result"]
    assert lines[-1]["event"] == "StreamCompleted"
    assert (result["text"], result["stop_reason"]) == ("ok", "tool_calls")
    assert result["usage"]["input_tokens"] == 3
    assert result["usage"]["source"] == "reported"
    assert result["tool_calls"][0]["arguments"] == {"at": ["a", 1]}
    assert result["stats"]["tokens_received"] >= 1
    assert only(lines, "ToolCallReceived")["tool_call"]["name"] == "look"


def test_an_error_is_its_class_its_message_and_its_facts():
    """What it knows nothing of is left out."""
    error = RateLimitError("slow down", status_code=429, retry_after=2.0)
    told = only(lines_of(ScriptedSource("some").fail(error)), "StreamFailed")["error"]
    assert (told["error"], told["message"], told["retryable"]) == ("RateLimitError", "slow down", True)
    assert (told["status_code"], told["retry_after"], told["partial_text"]) == (429, 2.0, "some")
    assert "request_id" not in told


def test_a_cancelled_stream_ends_with_what_had_arrived():
    output, source = io.StringIO(), ScriptedSource("some")
    stream = start(source, JSONLinesHandler(output))
    source.wait_until_blocked()
    stream.cancel_stream()
    assert stream.wait(10)
    last = json.loads(output.getvalue().splitlines()[-1])
    assert (last["event"], last["partial_text"]) == ("StreamCancelled", "some")


def test_a_line_break_in_the_text_breaks_no_line():
    """And letters of any alphabet stay readable."""
    output = io.StringIO()
    run(ScriptedSource('a\n"b"\r', "日本").end(), JSONLinesHandler(output))
    tokens = [line for line in output.getvalue().split("\n") if '"TokenReceived"' in line]
    assert [json.loads(line)["text"] for line in tokens] == ['a\n"b"\r', "日本"]
    assert "日本" in tokens[1]


def test_what_json_has_no_word_for_is_written_as_python_shows_it():
    """Metadata may hold anything; it must not end the stream."""
    output = io.StringIO()
    stream = start(ScriptedSource().end())
    assert stream.wait(10)
    stream.register_handler(JSONLinesHandler(output))
    stream.start_stream(ScriptedSource().end(), {"set": {1}, "provider": "p"})
    assert stream.result(10).text == ""
    metadata = json.loads(output.getvalue().splitlines()[0])["metadata"]
    assert (metadata["set"], metadata["provider"]) == ("{1}", "p")


def test_each_line_is_flushed():
    """A program at the other end of a pipe reads the event when it happens."""

    class Pipe(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed = len(self.getvalue())

    output, source = Pipe(), ScriptedSource("a")
    stream = start(source, JSONLinesHandler(output))
    source.wait_until_blocked()
    while '"TokenReceived"' not in output.getvalue()[: output.flushed]:
        assert stream.state == "active"
    source.end()
    assert stream.wait(10)

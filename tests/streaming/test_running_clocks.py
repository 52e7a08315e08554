"""The clocks of a running stream."""

from __future__ import annotations

import os
import threading
import time

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, outcome, start

from api_models.exceptions import RateLimitError
from api_models.streaming.exceptions import StreamTimeoutError
from api_models.streaming.stream_events import RetryNotice, StreamChunk, StreamQuiet

OFF = {"first_token_timeout": None, "silence_timeout": None, "quiet_after": None}


@pytest.mark.parametrize(
    ("config", "before", "clock"),
    [
        ({"first_token_timeout": 0.03}, [], "first_token"),
        ({"silence_timeout": 0.03}, [], "silence"),
        ({"silence_timeout": 0.03}, ["a"], "silence"),
        ({"idle_timeout": 0.03}, ["a"], "idle"),
        ({"total_timeout": 0.03}, ["a"], "total"),
        ({"total_timeout": 0.03, "pause_mode": "hold", "tokens_per_second": 1000}, ["a"], "total"),
    ],
)
def test_a_clock_that_runs_out_ends_a_blocked_stream(config, before, clock):
    """The error names its clock, the source is aborted and closed, and the text that came is told."""
    source, handler = ScriptedSource(*before), RecordingHandler()
    stream = finish(start(source, handler, **{**OFF, **config}))
    error = handler.check("error").ending
    assert isinstance(error, StreamTimeoutError)
    assert error.clock == clock
    assert handler.text == error.partial_text == "".join(before)
    assert source.aborts >= 1
    assert (source.closes, stream.state) == (1, "error")


@pytest.mark.parametrize("config", [{"idle_timeout": 0.03}, {"silence_timeout": 0.03}], ids=str)
@pytest.mark.parametrize("busy", ["start", "token"])
def test_a_clock_that_was_not_running_when_last_looked_at_runs_out_too(busy, config):
    """However long a handler kept the stream away from the wire, the silence after it has an end."""
    source, handler = ScriptedSource("a"), RecordingHandler(**{busy: lambda *_: time.sleep(0.05)})
    stream = start(source, handler, **{**OFF, **config})
    assert f"{outcome(stream).clock}_timeout" in config
    assert handler.check("error").text == "a"


def test_the_idle_clock_runs_out_though_the_first_content_came_late():
    """A clock that begins only with the first content does not wait for those that began before it."""
    source = ScriptedSource()
    stream = start(source, idle_timeout=0.03)
    source.wait_until_blocked()
    time.sleep(0.01)  # the watchdog has to have looked at clocks that cannot run out for minutes
    source.push("a")
    assert outcome(stream).clock == "idle"


def test_thinking_and_tool_arguments_are_content():
    """A model that thinks or writes a call has begun to answer; one that only says its name has not."""
    source, handler = ScriptedSource(StreamChunk(tool_arguments="{")), RecordingHandler()
    stream = start(source, handler, **{**OFF, "first_token_timeout": 0.03, "idle_timeout": 0.06})
    assert outcome(stream).clock == "idle"
    named = ScriptedSource(StreamChunk(model="m"))
    assert outcome(start(named, **{**OFF, "first_token_timeout": 0.03})).clock == "first_token"


def test_clocks_stop_while_paused():
    """A pause longer than every limit ends nothing; after the resume the clock goes on."""
    source, handler = ScriptedSource("a"), RecordingHandler()
    stream = start(source, handler, **{**OFF, "silence_timeout": 0.04, "total_timeout": 5.0})
    handler.wait_for_text("a")
    assert stream.pause_stream()
    time.sleep(0.05)  # the pause has to be longer than the limit
    assert stream.state == "paused"
    assert stream.resume_stream()
    assert outcome(stream).clock == "silence"
    handler.check("error")


def test_quiet_is_an_event_and_never_an_end():
    """A silent stream is told to be quiet once, while it is blocked, and lives on."""
    source, heard = ScriptedSource("a"), threading.Event()
    quiet = []

    class Listener(RecordingHandler):
        def on_event(self, event):
            super().on_event(event)
            if isinstance(event, StreamQuiet):
                quiet.append(event.seconds)
                heard.set()

    handler = Listener()
    stream = start(source, handler, quiet_after=0.02)
    assert heard.wait(TIMEOUT)
    assert stream.state == "active"
    source.push("b").end()
    finish(stream)
    assert handler.check("complete").text == "ab"
    assert len(quiet) == 1
    assert quiet[0] >= 0.02


def test_total_runs_over_all_attempts():
    """Retries do not extend the deadline of the whole stream."""
    source = ScriptedSource(RetryNotice(1, 30.0, RateLimitError("slow")))
    stream = start(source, **{**OFF, "first_token_timeout": 30.0, "total_timeout": 0.03})
    assert outcome(stream).clock == "total"


def test_a_clock_that_runs_out_does_not_wait_for_the_throttle():
    """What had arrived is handed out at once when time is up, not at the throttle's leisure."""
    source, handler = ScriptedSource(*"abc"), RecordingHandler()
    stream = start(source, handler, **{**OFF, "total_timeout": 0.05, "tokens_per_second": 0.01})
    finish(stream)
    assert handler.check("error").text == "abc"


def watchdog_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "api-models-clocks"]


def test_one_watchdog_serves_all_streams():
    """Twenty streams have one thread that looks at their clocks."""
    sources = [ScriptedSource() for _ in range(20)]
    streams = [start(source, silence_timeout=60) for source in sources]
    for source in sources:
        source.wait_until_blocked()
    assert len(watchdog_threads()) <= 2  # ours, and one of another test that is about to go
    for stream in streams:
        stream.cancel_stream()
        finish(stream)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_clocks_of_its_own():
    """In a child made while streams run, a new stream's clocks run out as they should."""
    source = ScriptedSource()
    stream = start(source, silence_timeout=60)
    source.wait_until_blocked()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            error = outcome(start(ScriptedSource(), silence_timeout=0.02))
            code = 0 if error.clock == "silence" else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    stream.cancel_stream()
    finish(stream)

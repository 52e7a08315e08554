"""A slow handler on a thread of its own slows nobody, misses nothing, and leaves no thread behind."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, run, start

from api_models.handlers.background import BackgroundHandler
from api_models.streaming.exceptions import StreamStateError

NAME = "api-models-background"


def living():
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def gone():
    for thread in living():
        thread.join(TIMEOUT)
    return not living()


class Gate:
    """Holds who comes through until it is opened."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, *_):
        self.reached.set()
        assert self.opened.wait(TIMEOUT)


def test_a_handler_that_hangs_delays_neither_the_stream_nor_the_others():
    gate, quick = Gate(), RecordingHandler()
    slow = BackgroundHandler(RecordingHandler(start=gate))
    stream = run(["a", "b", "c"], slow, quick)
    assert stream.result().text == "abc"
    quick.check("complete")
    assert slow.handler.names() == ["start"]
    gate.opened.set()
    assert slow.join(TIMEOUT)
    assert slow.handler.check("complete").tokens == ["abc"]
    assert gone()


def test_it_is_called_on_one_thread_of_its_own():
    handler = RecordingHandler()
    with BackgroundHandler(handler) as background:
        run(["a", "b"], background)
    handler.check("complete")
    (thread,) = {call.thread for call in handler.calls}
    assert thread.name == NAME
    assert gone()


def test_no_thread_is_there_before_the_first_event_and_after_the_last():
    background = BackgroundHandler(RecordingHandler())
    assert living() == []
    for _ in range(3):
        run(["a"], background)
        assert background.join(TIMEOUT)
        assert gone()
    assert background.handler.names() == ["start", "token", "complete"] * 3


def test_close_lets_it_hear_the_rest_and_takes_nothing_more():
    gate = Gate()
    background = BackgroundHandler(RecordingHandler(start=gate))
    source = ScriptedSource("a")
    stream = start(source, background)
    source.wait_until_blocked()
    assert gate.reached.wait(TIMEOUT)
    assert not background.close(0.01)
    source.push("late").end()
    finish(stream)
    gate.opened.set()
    assert background.close(TIMEOUT)
    assert background.handler.names() == ["start", "token"]
    assert background.handler.text == "a"
    assert gone()


def test_who_joins_waits_until_all_is_heard_or_the_time_is_over():
    gate = Gate()
    background = BackgroundHandler(RecordingHandler(complete=gate))
    run(["a"], background)
    assert gate.reached.wait(TIMEOUT)
    assert not background.join(0.01)
    gate.opened.set()
    assert background.join(TIMEOUT)
    background.handler.check("complete")


def test_a_handler_cannot_wait_for_itself():
    errors = []

    def wait(*_):
        with pytest.raises(StreamStateError) as caught:
            background.join()
        errors.append(caught.value)

    background = BackgroundHandler(RecordingHandler(token=wait))
    run(["a"], background)
    assert background.join(TIMEOUT)
    assert len(errors) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_failing_handler_is_logged_and_counted_and_hears_the_rest(error, caplog):
    def fail(*_):
        raise error("a bug")

    background = BackgroundHandler(RecordingHandler(token=fail))
    run(["a", "b"], background)
    assert background.join(TIMEOUT)
    background.handler.check("complete")
    assert background.handler_errors == caplog.text.count(": a bug") >= 1


def test_a_stream_that_is_told_of_no_more_keeps_no_thread():
    """The handler was unregistered in the middle: its thread does not wait for an end for ever."""
    background, source = BackgroundHandler(RecordingHandler()), ScriptedSource("a")
    stream = start(source, background)
    source.wait_until_blocked()
    assert stream.unregister_handler(background)
    source.end()
    finish(stream)
    assert background.join(TIMEOUT)
    assert gone()
    assert background.handler.names() == ["start", "token"]


def test_several_streams_at_once_lose_nothing():
    handler = RecordingHandler()
    with BackgroundHandler(handler) as background:
        streams = [start(["x"] * 500, background) for _ in range(8)]
        for stream in streams:
            finish(stream)
    assert len(handler.text) == 8 * 500
    assert handler.names().count("start") == handler.names().count("complete") == 8
    assert gone()

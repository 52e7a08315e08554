"""A pump lets a handler hear on the thread that drains: everything, in order, once, in few calls."""

from __future__ import annotations

import threading
import tracemalloc

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, run, start

from api_models.exceptions import ConfigurationError
from api_models.handlers.deferred import PIECE
from api_models.handlers.pump import Pump
from api_models.streaming import stream_events as events
from api_models.streaming.stream_events import StreamChunk
from api_models.streaming.stream_handler import StreamHandler


class Events(StreamHandler):
    """Keeps events as they are."""

    def __init__(self):
        self.heard = []

    def on_event(self, event):
        self.heard.append(event)

    @property
    def texts(self):
        return [(e.stream_id, e.text) for e in self.heard if isinstance(e, events.TokenReceived)]


def test_nothing_is_called_until_it_is_drained_and_then_on_that_thread():
    handler = RecordingHandler()
    pump = Pump(handler)
    run(["a", "b", "c"], pump)
    assert handler.calls == []
    assert pump.drain() == 3
    assert {call.thread for call in handler.calls} == {threading.current_thread()}
    assert handler.check("complete").ending == "abc"


def test_adjacent_text_is_one_text_with_the_index_of_its_beginning():
    handler = RecordingHandler()
    pump = Pump(handler)
    source = ScriptedSource("a", "b", StreamChunk(thinking="hm"), StreamChunk(thinking="!"), "c", "d").end()
    run(source, pump)
    pump.drain()
    told = [call[:2] for call in handler.calls[1:-1]]
    assert [(name, arguments[0]) for name, arguments in told] == [
        ("token", "ab"),
        ("thinking", "hm!"),
        ("token", "cd"),
    ]
    assert handler.indices[0] == 0
    assert handler.indices[1] >= 2


def test_text_of_two_streams_is_never_joined_for_a_handler_that_tells_them_apart():
    handler = Events()
    pump = Pump(handler)
    sources = ScriptedSource("a"), ScriptedSource("b")
    streams = [start(source, pump) for source in sources]
    for source in sources:
        source.wait_until_blocked()
    for source in sources:
        source.push("c").end()
    for stream in streams:
        finish(stream)
    pump.drain()
    ids = [stream.get_stream_status()["stream_id"] for stream in streams]
    assert ["".join(text for whose, text in handler.texts if whose == one) for one in ids] == ["ac", "bc"]
    ends = [event.stream_id for event in handler.heard if isinstance(event, events.StreamCompleted)]
    assert sorted(ends) == sorted(ids)


def test_of_progress_the_newest_is_told_alone():
    handler = Events()
    pump = Pump(handler)
    for tokens in (1, 2, 3):
        pump.on_event(events.TokenReceived("s", 0.0, "x", tokens))
        pump.on_event(events.StreamProgress("s", float(tokens), tokens, tokens, 1.0))
        pump.on_event(events.StreamProgress("other", float(tokens), tokens, tokens, 1.0))
    pump.drain()
    assert [(e.stream_id, e.tokens) for e in handler.heard if isinstance(e, events.StreamProgress)] == [
        ("s", 3),
        ("other", 3),
    ]
    assert "".join(text for _, text in handler.texts) == "xxx"


def test_b0_5_a_hundred_thousand_tokens_arrive_whole_in_few_calls_while_it_drains():
    """The worker pushes as fast as it can, the other thread drains beside it; the end comes last."""
    handler, tokens = RecordingHandler(), [f"{number} " for number in range(100_000)]
    pump = Pump(handler)
    stream = start(tokens, pump)
    while not handler.calls or handler.calls[-1].name != "complete":
        pump.drain(0.005)
    finish(stream)
    assert pump.drain() == 0
    assert handler.check("complete").text == "".join(tokens)
    assert len(handler.tokens) < 50_000
    assert max(map(len, handler.tokens)) < PIECE + 10


def test_a_budget_ends_the_turn_and_the_rest_waits_for_the_next_one():
    handler = RecordingHandler()
    pump = Pump(handler)
    run(["a"], pump)
    assert [pump.drain(0.0) for _ in range(4)] == [1, 1, 1, 0]
    handler.check("complete")


@pytest.mark.parametrize("ending", ["complete", "error", "cancelled"])
def test_the_end_is_told_once_also_if_nobody_drained_before(ending):
    handler, source = RecordingHandler(), ScriptedSource("a")
    pump = Pump(handler)
    stream = start(source, pump)
    source.wait_until_blocked()
    if ending == "cancelled":
        assert stream.cancel_stream()
    elif ending == "error":
        source.fail(ValueError("x"))
    else:
        source.end()
    finish(stream)
    pump.drain()
    pump.drain()
    handler.check(ending)


def test_a_failing_handler_is_logged_and_counted_and_hears_the_rest(caplog):
    handler = RecordingHandler(token=lambda *_: 1 / 0)
    pump = Pump(handler)
    run(["a", "b"], pump)
    pump.drain()
    handler.check("complete")
    assert pump.handler_errors == caplog.text.count("ZeroDivisionError: ") == 1


def test_control_c_inside_the_handler_reaches_the_loop_and_nothing_is_lost():
    def interrupt(*_):
        handler.inside.clear()
        raise KeyboardInterrupt

    handler = RecordingHandler(token=interrupt)
    pump = Pump(handler)
    run(["a"], pump)
    with pytest.raises(KeyboardInterrupt):
        pump.drain()
    pump.drain()
    handler.check("complete")


def test_a_handler_that_runs_the_loop_is_not_called_inside_itself():
    """As one does that shows a dialog: what comes meanwhile waits until it has returned."""
    depths = []
    handler = RecordingHandler(start=lambda *_: depths.append(pump.drain()))
    pump = Pump(handler)
    run(["a"], pump)
    assert pump.drain() == 3
    assert depths == [0]
    handler.check("complete")


def test_nothing_is_called_after_close_and_the_stream_runs_on():
    handler, source = RecordingHandler(), ScriptedSource("a")
    pump = Pump(handler)
    stream = start(source, pump)
    source.wait_until_blocked()
    pump.close()
    source.push("b").end()
    assert finish(stream).result().text == "ab"
    assert pump.drain() == 0
    assert handler.calls == []


def test_the_worker_is_never_made_to_wait_and_keeps_no_more_than_the_text():
    """Nobody drains: a million tokens are taken all the same, for about twice their characters."""
    pump = Pump(RecordingHandler())
    tracemalloc.start()
    for number in range(1_000_000):
        pump.on_token_received("word ", number)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 12_000_000


class Loop:
    """Calls later what it is asked to call, when the test says so."""

    def __init__(self):
        self.asked = []

    def call_later(self, seconds, function):
        self.asked.append((seconds, function))

    def turn(self):
        _, function = self.asked.pop(0)
        function()


def test_attached_to_a_loop_it_drains_each_frame_until_it_is_closed():
    loop, handler = Loop(), RecordingHandler()
    pump = Pump(handler)
    pump.attach(loop.call_later, fps=50)
    assert loop.asked[0][0] == pytest.approx(0.02)
    run(["a"], pump)
    loop.turn()
    handler.check("complete")
    assert len(loop.asked) == 1
    pump.close()
    loop.turn()
    assert loop.asked == []


def test_a_handler_may_close_its_window_in_the_middle():
    loop = Loop()
    pump = Pump(RecordingHandler(start=lambda *_: pump.close()))
    pump.attach(loop.call_later)
    run(["a"], pump)
    loop.turn()
    assert pump.handler.names() == ["start"]
    assert loop.asked == []


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_that_cannot_be_is_refused(fps):
    with pytest.raises(ConfigurationError, match="fps"):
        Pump(RecordingHandler()).attach(Loop().call_later, fps=fps)


@pytest.mark.parametrize("handler", [object(), RecordingHandler, None])
def test_what_is_no_handler_is_refused(handler):
    with pytest.raises(ConfigurationError, match="handler"):
        Pump(handler)


def test_what_is_no_qobject_is_refused():
    with pytest.raises(ConfigurationError, match="QObject"):
        Pump(RecordingHandler()).attach_qt(object())


def test_closing_while_the_worker_puts_and_the_window_drains_harms_neither():
    for _ in range(50):
        handler, source = RecordingHandler(), ScriptedSource()
        pump = Pump(handler)
        stream = start(source, pump)
        closer = threading.Thread(target=pump.close)
        source.push_batch(*["x"] * 200).end()
        closer.start()
        while not stream.wait(0):
            pump.drain()
        closer.join(TIMEOUT)
        pump.drain()
        calls = len(handler.calls)
        assert pump.drain() == 0
        assert len(handler.calls) == calls
        assert "complete" not in handler.names()[:-1]

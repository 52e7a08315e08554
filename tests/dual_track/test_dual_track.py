"""Several streams as one: control, isolation, and nothing left behind."""

from __future__ import annotations

import threading
import time

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, outcome
from several import tracks_of

from api_models.dual_track import DualTrack, Track, consensus, merge, prefer, race
from api_models.dual_track.dual_track import named
from api_models.exceptions import ConfigurationError
from api_models.handlers.pump import Pump
from api_models.streaming.exceptions import StreamStateError, StreamTimeoutError
from api_models.streaming.stream_events import StreamChunk, StreamCompleted, StreamReset, ToolCall


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + TIMEOUT
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), thread.name


def started(mode, *sources, handler=None, config=None, priority=None, lanes=(), **of_tracks):
    handler = handler or RecordingHandler()
    tracks = tracks_of(*sources, lanes=lanes, **of_tracks)
    several = DualTrack(tracks, mode, config, [handler], priority)
    several.start()
    return several, handler


def test_the_winner_is_heard_like_any_stream_and_the_loser_is_let_go():
    last = StreamChunk(stop_reason="stop", model="m1")
    first, second = ScriptedSource(), ScriptedSource()
    several, handler = started("race", first, second)
    second.push("Hel")
    handler.wait_for_text("Hel")
    first.wait_until_closed()
    assert several.state == "active"
    second.push("lo", last).end()
    assert several.wait(TIMEOUT)
    assert handler.check("complete").tokens == ["Hel", "lo"]
    assert handler.indices == [0, 1]
    result = several.result()
    assert (result.text, result.stop_reason, result.provider, result.model) == (
        "Hello", "stop", "b-provider", "m1",
    )  # fmt: skip
    assert (several.shown, several.tracks["a"].state, several.tracks["b"].state) == (
        "b",
        "cancelled",
        "completed",
    )
    assert (first.closes, second.closes, list(several)) == (1, 1, ["Hel", "lo"])


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("race", ("b-provider", "b-model")),
        ("prefer", ("b-provider", "b-model")),
        (consensus(lambda results: results["b"]), ("b-provider", "b-model")),
        (consensus(lambda results: "mine"), (None, None)),
        ("merge", (None, None)),
    ],
)
def test_handlers_hear_who_has_answered_where_it_was_one(mode, names):
    several, _ = started(mode, ScriptedSource().fail(OSError()) if mode != "merge" else ["x"], ["y"], ["z"])
    heard = [event.result for event in several.events() if isinstance(event, StreamCompleted)]
    assert [(result.provider, result.model) for result in heard] == [names]
    assert several.result() == heard[0]


def test_the_start_says_who_takes_part():
    several, handler = started("race", ["x"], ["x"])
    several.wait(TIMEOUT)
    ((metadata,),) = handler.arguments("start")
    assert (metadata["mode"], metadata["tracks"], metadata["provider"]) == ("race", ("a", "b"), None)


class Knowing(RecordingHandler):
    def on_track_switch(self, before, after):
        self._note("switch", before, after)


def test_a_switch_is_told_to_who_knows_switches_before_the_reset():
    wanted, draft = ScriptedSource(), ScriptedSource("draft")
    several, handler = started("prefer", wanted, draft, handler=Knowing())
    plain = RecordingHandler()
    several.register_handler(plain)
    handler.wait_for_text("draft")
    wanted.push("One. ").end()
    assert several.wait(TIMEOUT)
    assert [call for call in handler.names() if call != "progress"] == [
        "start", "token", "switch", "reset", "token", "complete",
    ]  # fmt: skip
    assert handler.arguments("switch") == [("b", "a")]
    assert (handler.ending, several.result().text, list(several)) == ("One. ", "One. ", ["One. "])
    assert "switch" not in plain.names()
    (reset,) = [event for event in several.events() if isinstance(event, StreamReset)]
    assert (reset.reason.before, reset.reason.after) == ("b", "a")


def test_a_switch_is_told_behind_a_pump_where_it_is_drained():
    wanted, draft, handler = ScriptedSource(), ScriptedSource("draft"), Knowing()
    pump = Pump(handler)
    several, plain = started("prefer", wanted, draft)
    several.register_handler(pump)
    plain.wait_for_text("draft")
    wanted.push("One. ").end()
    assert several.wait(TIMEOUT) and not handler.calls
    pump.drain()
    assert handler.arguments("switch") == [("b", "a")]
    assert handler.names().index("switch") == handler.names().index("reset") - 1


def test_who_is_unregistered_hears_of_no_switch_either():
    wanted, draft = ScriptedSource(), ScriptedSource("draft")
    several, handler = started("prefer", wanted, draft, handler=Knowing())
    handler.wait_for_text("draft")
    assert several.unregister_handler(handler)
    wanted.push("One. ").end()
    assert several.wait(TIMEOUT)
    assert "switch" not in handler.names()


def test_tool_calls_and_thinking_of_the_winner_come_through():
    call = ToolCall("1", "look", {}, "{}")
    source = ScriptedSource(StreamChunk(thinking="hm"), "x", StreamChunk(tool_call=call)).end()
    several, handler = started("race", source, ScriptedSource())
    result = several.result(TIMEOUT)
    assert (result.text, result.thinking, result.tool_calls) == ("x", "hm", (call,))


@pytest.mark.parametrize("mode", ["merge", "compare"])
def test_a_failure_of_one_harms_no_other(mode):
    cause = ValueError("x")
    several, handler = started(mode, ScriptedSource("one").fail(cause), ScriptedSource("two").end())
    assert sorted(several.result(TIMEOUT).text) == sorted("onetwo")
    handler.check("complete")
    assert outcome(several.tracks["a"]).__cause__ is cause
    assert several.tracks["b"].result().text == "two"


def test_the_failure_of_all_is_that_of_the_whole_and_each_keeps_its_own():
    several, handler = started(
        "merge", ScriptedSource("one").fail(ValueError("x")), ScriptedSource().fail(OSError())
    )
    error = outcome(several)
    assert handler.check("error").ending is error
    assert error.partial_text == "one"
    own = [outcome(stream) for stream in several.tracks.values()]
    assert error not in own
    assert sorted(each.partial_text for each in own) == ["", "one"]


def test_a_silent_track_is_out_by_its_own_clock_and_harms_no_other():
    several, _ = started("merge", ScriptedSource("one"), ScriptedSource("two").end(), idle_timeout=0.05)
    assert sorted(several.result(TIMEOUT).text) == sorted("onetwo")
    assert isinstance(outcome(several.tracks["a"]), StreamTimeoutError)


def test_the_whole_can_be_paused_while_the_tracks_go_on():
    first, second = ScriptedSource("one "), ScriptedSource("two ")
    several, handler = started(merge("sentence"), first, second)
    first.wait_until_blocked()
    second.wait_until_blocked()
    assert several.pause_stream()
    handler.wait_for_call("paused")
    first.push("more. ").end()
    second.push("too. ").end()
    assert several.tracks["a"].wait(TIMEOUT)
    assert several.tracks["b"].wait(TIMEOUT)
    assert (handler.text, several.state) == ("", "paused")
    assert several.resume_stream()
    assert several.wait(TIMEOUT)
    assert sorted(handler.check("complete").tokens) == ["one more. ", "two too. "]


def test_one_track_can_be_paused_by_itself():
    first, second = ScriptedSource(), ScriptedSource()
    several, handler = started(merge("sentence"), first, second)
    first.wait_until_blocked()
    second.wait_until_blocked()
    assert several.tracks["a"].pause_stream()
    first.push("One. ").end()
    second.push("Two. ").end()
    handler.wait_for_text("Two. ")
    assert several.get_stream_status()["tracks"]["a"]["state"] == "paused"
    assert several.tracks["a"].resume_stream()
    assert several.wait(TIMEOUT)
    assert handler.check("complete").tokens == ["Two. ", "One. "]


def test_one_track_can_be_cancelled_by_itself():
    first, second = ScriptedSource("One. "), ScriptedSource("Two. ")
    several, handler = started(merge("sentence"), first, second)
    handler.wait_for(lambda: len(handler.tokens) == 2)
    assert several.tracks["a"].cancel_stream()
    first.wait_until_closed()
    second.push("Three. ").end()
    assert several.wait(TIMEOUT)
    assert handler.check("complete").tokens[-1] == "Three. "


def test_tracks_that_were_all_cancelled_leave_nothing():
    first, second = ScriptedSource(), ScriptedSource()
    several, handler = started("merge", first, second)
    for source, stream in zip((first, second), several.tracks.values(), strict=True):
        source.wait_until_blocked()
        assert stream.cancel_stream()
    assert "cancelled" in str(outcome(several))
    handler.check("error")


@pytest.mark.parametrize("mode", ["race", "prefer", "merge", "compare"])
@pytest.mark.parametrize("when", ["at once", "while it speaks", "while paused"])
def test_cancelling_the_whole_ends_every_track(mode, when):
    first, second = ScriptedSource(), ScriptedSource()
    several, handler = started(mode, first, second)
    if when != "at once":
        second.push("Two. ")
        handler.wait_for(lambda: handler.text)
    if when == "while paused":
        assert several.pause_stream()
    assert several.cancel_stream()
    assert several.wait(TIMEOUT)
    handler.check("cancelled")
    for stream in several.tracks.values():
        assert stream.state in ("cancelled", "inactive")


def test_leaving_a_with_cancels():
    first, second = ScriptedSource(), ScriptedSource()
    several, _ = started("merge", first, second)
    with several:
        first.wait_until_blocked()
    assert several.wait(TIMEOUT)
    assert several.state == "cancelled"


def test_control_calls_are_legal_inside_a_callback_and_waiting_is_not():
    errors = []

    def act(*_):
        try:
            several.wait()
        except StreamStateError as error:
            errors.append(error)
        several.cancel_stream()

    handler = RecordingHandler(token=act)
    first = ScriptedSource()
    several, _ = started("race", first, ScriptedSource(), handler=handler)
    first.push("x", "y")
    assert several.wait(TIMEOUT)
    assert handler.check("cancelled").tokens == ["x"]
    assert errors


def test_a_callback_of_a_track_does_not_wait_for_the_whole():
    """Its own end is waited for there."""
    told = []

    class Impatient(RecordingHandler):
        def on_token_received(self, token, index):
            for call in (several.wait, several.result, lambda: next(iter(several))):
                with pytest.raises(StreamStateError):
                    call()
            told.append(several.cancel_stream())

    source = ScriptedSource()
    several, handler = started("merge", source, ScriptedSource())
    several.tracks["a"].register_handler(Impatient())
    handler.wait_for_call("start")
    source.push("x")
    assert several.wait(TIMEOUT) and told == [True]
    handler.check("cancelled")


def test_a_hedge_starts_nobody_else_while_the_first_speaks():
    second = ScriptedSource()
    several, _ = started(race(hedge=1000.0), ["x"], second)
    assert several.result(TIMEOUT).text == "x"
    assert (several.tracks["b"].state, second.reads) == ("inactive", 0)


def test_a_hedge_starts_the_next_when_its_time_has_come():
    first, second = ScriptedSource(), ScriptedSource("y").end()
    several, _ = started(race(hedge=0.02), first, second)
    assert several.result(TIMEOUT).text == "y"
    assert (first.closes, several.shown) == (1, "b")


def test_a_hedge_starts_the_next_at_once_when_the_first_fails():
    several, _ = started(race(hedge=1000.0), ScriptedSource().fail(OSError()), ["y"])
    assert several.result(TIMEOUT).text == "y"


def test_of_one_lane_one_runs_at_a_time():
    first, second, other = ScriptedSource("x"), ScriptedSource("y").end(), ScriptedSource("z").end()
    several, handler = started("merge", first, second, other, lanes=("host", "host", None))
    first.wait_until_blocked()
    handler.wait_for(lambda: "z" in handler.text)
    assert (several.tracks["b"].state, second.reads) == ("inactive", 0)
    first.end()
    assert several.wait(TIMEOUT)
    assert handler.check("complete").text == "zxy"


def test_who_waits_for_a_lane_that_is_lost_never_starts():
    first, second = ScriptedSource("x").end(), ScriptedSource("y")
    several, _ = started("race", first, second, lanes=("host", "host"))
    assert several.result(TIMEOUT).text == "x"
    assert second.reads == 0


def test_priority_says_who_is_heard_when_more_comes_than_is_taken():
    """The handler is stuck until both tracks have said all they may; then three of four are the first's."""
    gate = threading.Event()
    handler = RecordingHandler(token=lambda *_: gate.wait(TIMEOUT))
    first = ScriptedSource("x ").push_batch(*["a "] * 400)
    second = ScriptedSource().push_batch(*["b "] * 400)
    several, _ = started("merge", first, second, handler=handler, priority={"a": 3.0})
    first.wait_until_blocked()
    second.wait_until_blocked()
    gate.set()
    first.end()
    second.end()
    assert several.wait(TIMEOUT)
    begin = [piece.track for piece in handler.tokens][80:200]
    assert 80 <= begin.count("a") <= 100
    assert handler.text.count("a") == handler.text.count("b") == 400


def test_a_track_that_says_much_waits_for_who_listens():
    """It is not read on for ever while a handler is stuck, and nothing is lost."""
    many, far_ahead, waits = 5000, threading.Event(), []

    def endless():
        for number in range(many):
            if number == 2500:
                far_ahead.set()
            yield f"{number} "

    def be_stuck(*_):
        if not waits:
            waits.append(far_ahead.wait(0.2))

    handler = RecordingHandler(token=be_stuck)
    several, _ = started("merge", endless(), ["x"], handler=handler)
    assert several.wait(TIMEOUT)
    assert waits == [False]
    assert "".join(t for t in handler.tokens if t.track == "a") == "".join(f"{n} " for n in range(many))


def test_pacing_and_cutting_are_those_of_the_whole():
    several, handler = started("race", ["On", "e. T", "wo."], ScriptedSource(), config="voice")
    assert several.wait(TIMEOUT)
    assert handler.check("complete").tokens == ["One. ", "Two."]


def test_a_judge_that_fails_ends_the_whole_with_its_error():
    def fail(*_):
        raise ValueError("a bug")

    wanted, draft = ScriptedSource(), ScriptedSource("y")
    several, handler = started(prefer(fail), wanted, draft)
    handler.wait_for_text("y")
    wanted.push("One. ")
    assert isinstance(outcome(several).__cause__, ValueError)
    assert (wanted.closes, draft.closes) == (1, 1)


@pytest.mark.parametrize(
    ("model_ids", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a#2", "a#3"]),
        ([None, "a"], ["default", "a"]),
        ([["a", "b"], "c"], ["a or b", "c"]),
        ({"draft": "a", "final": "b"}, ["draft", "final"]),
    ],
)
def test_tracks_are_named_by_what_is_asked(model_ids, names):
    assert list(named(model_ids)) == names


@pytest.mark.parametrize("wrong", ["ab", None, 3, [], ["a"], {}, ["a", 5], [b"a", "b"]])
def test_what_are_no_two_tracks_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=r"track|model_ids"):
        named(wrong)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mode": "rase"}, "race"),
        ({"priority": {"c": 1}}, "track"),
        ({"priority": {"a": 0}}, "priority"),
        ({"priority": 5}, "priority"),
        ({"priority": ["a"]}, "priority"),
    ],
)
def test_what_cannot_work_is_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        DualTrack(tracks_of([], []), **settings)


def test_the_deadline_is_that_of_the_whole():
    first, second = ScriptedSource("x"), ScriptedSource("y")
    several, handler = started("merge", first, second, config={"total_timeout": 0.05})
    error = outcome(several)
    assert (error.clock, handler.check("error").ending) == ("total", error)
    assert (first.closes, second.closes) == (1, 1)


def test_tracks_start_once():
    several, _ = started("merge", ["x"], ["y"])
    assert several.wait(TIMEOUT)
    with pytest.raises(StreamStateError):
        several.start()


def test_a_track_that_cannot_start_is_one_that_failed():
    tracks = tracks_of(["x"], ["y"])

    def refuse():
        raise ConfigurationError("closed")

    tracks[0] = Track("a", tracks[0].stream, refuse)
    several = DualTrack(tracks, "race")
    several.start()
    assert several.result(TIMEOUT).text == "y"


def test_the_error_of_a_whole_is_of_the_class_of_its_track():
    several, _ = started("merge", ScriptedSource("x"), ScriptedSource("y"), idle_timeout=0.03)
    error = outcome(several)
    assert isinstance(error, StreamTimeoutError)
    assert (error.clock, sorted(error.partial_text)) == ("idle", ["x", "y"])

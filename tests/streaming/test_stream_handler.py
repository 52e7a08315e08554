"""Who is told, in what order, and what becomes of a handler that fails."""

from __future__ import annotations

import gc
import logging
from types import SimpleNamespace

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, in_threads, outcome, run, start

from api_models.exceptions import APIModelError, ConfigurationError
from api_models.streaming import stream_events as events
from api_models.streaming.exceptions import HandlerError
from api_models.streaming.stream_config import StreamConfig
from api_models.streaming.stream_events import StreamChunk, StreamResult, ToolCall
from api_models.streaming.stream_handler import Dispatcher, HandlerRegistry, StreamHandler
from api_models.streaming.stream_manager import StreamManager
from api_models.streaming.stream_processor import StreamProcessor

CALL = ToolCall("1", "look", {"at": "it"}, '{"at":"it"}')


def fail(*_: object) -> None:
    raise RuntimeError("a handler's fault")


def raising(error: BaseException):
    """A callback that raises `error`."""

    def callback(*_: object) -> None:
        raise error

    return callback


# Which hook each event reaches, and what it is given.
ROUTES = [
    (events.StreamStarted("s", 0.0, {"stream_id": "s"}), ("start", ({"stream_id": "s"},))),
    (events.TokenReceived("s", 0.0, "a", 3), ("token", ("a", 3))),
    (events.ThinkingReceived("s", 0.0, "hm", 1), ("thinking", ("hm", 1))),
    (events.ToolCallReceived("s", 0.0, CALL), ("tool", (CALL,))),
    (events.StreamPaused("s", 0.0), ("paused", ())),
    (events.StreamResumed("s", 0.0), ("resumed", ())),
    (events.StreamReset("s", 0.0, "again"), ("reset", ("again",))),
    (events.StreamCompleted("s", 0.0, StreamResult("all")), ("complete", ("all",))),
    (events.StreamCancelled("s", 0.0, "part"), ("cancelled", ("part",))),
]


@pytest.mark.parametrize(("event", "heard"), ROUTES, ids=lambda value: type(value).__name__)
def test_each_event_reaches_its_hook(event, heard):
    """The default of `on_event` routes an event to the one hook that belongs to it."""
    handler = RecordingHandler()
    handler.on_event(event)
    assert [(call.name, call.arguments) for call in handler.calls] == [heard]


def test_errors_and_progress_are_given_whole():
    """The error hook gets the error itself, the progress hook the event."""
    handler = RecordingHandler()
    error, progress = APIModelError("x"), events.StreamProgress("s", 1.0, 2, 3, 2.0)
    handler.on_event(events.StreamFailed("s", 0.0, error))
    handler.on_event(progress)
    assert handler.arguments("error")[0][0] is error
    assert handler.arguments("progress")[0][0] is progress


@pytest.mark.parametrize(
    "event", [events.StreamQuiet("s", 0.0, 30.0), events.StreamRetrying("s", 0.0, 1, 0.5, APIModelError("x"))]
)
def test_events_without_a_hook_reach_on_event_alone(event):
    """An event nobody has a hook for is no failure of the handler."""
    handler = RecordingHandler()
    handler.on_event(event)
    assert handler.calls == []


def test_every_hook_has_a_default():
    """A handler that overrides nothing hears a whole stream and does nothing."""
    call = StreamChunk(thinking="hm", text="a", tool_call=CALL)
    assert run([call, "b"], StreamHandler()).get_stream_status()["stats"]["errors"] == 0


def test_on_event_is_the_single_entry():
    """A handler that overrides only `on_event` is told the whole stream, tokens included."""

    class One(StreamHandler):
        def __init__(self):
            self.heard = []

        def on_event(self, event):
            self.heard.append(type(event).__name__)

    one = One()
    run(["a", "b"], one)
    assert one.heard == ["StreamStarted", "TokenReceived", "TokenReceived", "StreamCompleted"]


def test_on_event_may_pass_on():
    """A handler that looks at every event and calls the default still has its hooks called."""

    class Both(RecordingHandler):
        seen = 0

        def on_event(self, event):
            self.seen += 1
            super().on_event(event)

    both = Both()
    run(["a", "b"], both)
    assert both.check("complete").tokens == ["a", "b"]
    assert both.seen == 4


def test_b1_04_ids_are_never_reused():
    """An id names one handler for ever, and the handler itself names it as well."""
    stream = StreamManager()
    a, b, c = RecordingHandler(), RecordingHandler(), RecordingHandler()
    ids = [stream.register_handler(handler) for handler in (a, b, c)]
    assert stream.unregister_handler(ids[0])
    assert stream.unregister_handler(b)
    assert not stream.unregister_handler(ids[0])
    assert not stream.unregister_handler(b)
    assert stream.register_handler(a) not in ids
    stream.start_stream(["x"])
    finish(stream)
    assert ([h.text for h in (a, b, c)], len({*ids})) == (["x", "", "x"], 3)


@pytest.mark.parametrize("unknown", [0, 99, True, None, "1", object(), StreamHandler()])
def test_unregistering_a_stranger_does_nothing(unknown):
    """What was never registered is not unregistered, even if it looks like an id."""
    stream = StreamManager()
    stream.register_handler(RecordingHandler())
    assert stream.unregister_handler(unknown) is False


def test_b1_05_unregistering_inside_a_callback_skips_nobody():
    """Whoever leaves in the middle of an event, the others miss nothing, and who left hears no more."""
    stream = StreamManager()
    first, last = RecordingHandler(), RecordingHandler()
    leaver = RecordingHandler(token=lambda *_: stream.unregister_handler(leaver))
    remover = RecordingHandler(token=lambda *_: stream.unregister_handler(removed))
    removed = RecordingHandler()
    for handler in (first, leaver, remover, removed, last):
        stream.register_handler(handler)
    stream.start_stream(["a", "b", "c"])
    finish(stream)
    assert [h.text for h in (first, leaver, remover, removed, last)] == ["abc", "a", "abc", "", "abc"]
    assert (leaver.names(), removed.names()) == (["start", "token"], ["start"])


def test_a_handler_added_inside_a_callback_gets_what_follows():
    """Who comes in the middle of an event does not get that one, but the next ones and the end."""
    stream, late = StreamManager(), RecordingHandler()

    def bring(text: str, _: int) -> None:
        if text == "a":
            stream.register_handler(late)

    stream.register_handler(RecordingHandler(token=bring))
    stream.start_stream(["a", "b", "c"])
    finish(stream)
    assert late.names() == ["token", "token", "complete"]
    assert (late.indices, late.ending) == ([1, 2], "abc")


def test_a_late_handler_gets_what_follows_and_the_end():
    """A handler registered from another thread in mid-stream hears the rest, with the right index."""
    source, first, late = ScriptedSource("a", "b"), RecordingHandler(), RecordingHandler()
    stream = start(source, first)
    first.wait_for_text("ab")
    stream.register_handler(late)
    source.push("c").end()
    finish(stream)
    assert late.arguments("token") == [("c", 2)]
    assert late.ending == "abc"
    assert "start" not in late.names()


def test_a_handler_after_the_end_hears_nothing_of_it():
    """A handler registered when all is over hears of the next run only."""
    late = RecordingHandler()
    stream = run(["a"])
    stream.register_handler(late)
    assert late.calls == []
    stream.start_stream(["b"])
    finish(stream)
    assert late.check("complete").text == "b"


def test_b1_26_ducks_are_handlers_and_duplicates_are_not():
    """Any object with one of the hooks will do; a second registration of the same is refused."""
    heard = []
    duck = SimpleNamespace(on_token_received=lambda token, index: heard.append((token, index)))
    stream = StreamManager()
    stream.register_handler(duck)
    for bad in (duck, object(), None, "handler", RecordingHandler, 3):
        with pytest.raises((TypeError, ValueError)):
            stream.register_handler(bad)
    stream.start_stream(["a", "b"])
    finish(stream)
    assert heard == [("a", 0), ("b", 1)]


def test_handlers_are_told_apart_by_identity():
    """Equal handlers are two handlers, and a handler need not be hashable."""

    class Same(RecordingHandler):
        __hash__ = None

        def __eq__(self, other):
            return True

    one, two = Same(), Same()
    run(["a"], one, two)
    assert [one.text, two.text] == ["a", "a"]


@pytest.mark.parametrize("hook", ["start", "token", "complete"])
def test_a_failing_handler_harms_no_other(hook, caplog):
    """Isolation: the others miss nothing, and the failure is counted and logged with its traceback."""
    before, after = RecordingHandler(), RecordingHandler()
    bad = RecordingHandler(**{hook: fail})
    with caplog.at_level(logging.ERROR, "api_models"):
        stream = run(["a", "b"], before, bad, after)
    for handler in (before, bad, after):
        assert handler.check("complete").text == "ab"
    failures = 2 if hook == "token" else 1
    assert stream.get_stream_status()["stats"]["handler_errors"] == failures
    logged = [record for record in caplog.records if record.exc_info]
    assert [str(record.exc_info[1]) for record in logged] == ["a handler's fault"] * failures


@pytest.mark.parametrize("hook", ["error", "cancelled", "paused", "resumed", "thinking", "tool", "reset"])
def test_failures_in_the_other_hooks_stay_there(hook):
    """A failure in any hook leaves the other handler's events as they were."""
    bad, good = RecordingHandler(**{hook: fail}), RecordingHandler()
    source = ScriptedSource("a", StreamChunk(thinking="hm", tool_call=CALL), events.ResetNotice("r"), "b")
    stream = start(source, bad, good)
    good.wait_for(lambda: good.text == "ab")
    assert stream.pause_stream()
    good.wait_for_call("paused")
    assert stream.resume_stream()
    if hook == "cancelled":
        stream.cancel_stream()
    source.fail(ValueError("the wire")) if hook == "error" else source.end()
    finish(stream)
    assert hook in bad.names()
    expected = hook if hook in ("error", "cancelled") else "complete"
    assert good.check(expected).names() == bad.check(expected).names()


def test_policy_stop_ends_the_stream_for_all():
    """The event is still given to the others, then everyone, the culprit too, gets the HandlerError."""
    fault = RuntimeError("a handler's fault")
    bad, good = RecordingHandler(token=raising(fault)), RecordingHandler()
    source = ScriptedSource("a", "b")
    stream = start(source, bad, good, handler_errors="stop")
    finish(stream)
    for handler in (bad, good):
        assert handler.check("error").tokens == ["a"]
        assert isinstance(handler.ending, HandlerError)
        assert handler.ending.__cause__ is fault
        assert handler.ending.partial_text.startswith("a")
    assert stream.state == "error"
    assert outcome(stream) is bad.ending
    assert source.closes == 1


@pytest.mark.parametrize("hook", ["start", "paused", "resumed"])
def test_policy_stop_counts_for_every_hook(hook):
    """A failure outside the tokens stops the stream as well."""
    bad, good = RecordingHandler(**{hook: fail}), RecordingHandler()
    source = ScriptedSource("a")
    stream = start(source, bad, good, handler_errors="stop")
    if hook != "start":
        good.wait_for_text("a")
        stream.pause_stream()
        good.wait_for_call("paused")
        stream.resume_stream()
    finish(stream)
    assert isinstance(good.check("error").ending, HandlerError)
    assert (stream.state, source.closes) == ("error", 1)


@pytest.mark.parametrize("hook", ["complete", "error", "cancelled"])
def test_policy_stop_cannot_stop_what_has_ended(hook):
    """A failure in a terminal callback brings no second end."""
    bad, good = RecordingHandler(**{hook: fail}), RecordingHandler()
    source = ScriptedSource("a")
    stream = start(source, bad, good, handler_errors="stop")
    good.wait_for_text("a")
    if hook == "cancelled":
        stream.cancel_stream()
    source.fail(ValueError("x")) if hook == "error" else source.end()
    finish(stream)
    good.check(hook)
    bad.check(hook)


def test_a_number_drops_the_handler_after_so_many_failures():
    """With `handler_errors=2` a handler that failed twice hears nothing more, not even the end."""
    bad, good = RecordingHandler(token=fail), RecordingHandler()
    stream = run(["a", "b", "c"], bad, good, handler_errors=2)
    assert bad.names() == ["start", "token", "token"]
    assert good.check("complete").text == "abc"
    assert stream.unregister_handler(bad) is False


def test_one_handlers_failures_are_not_anothers():
    """Failures are counted for each handler by itself."""
    bad = [RecordingHandler(token=lambda t, i, mine=mine: fail() if i == mine else None) for mine in range(3)]
    run(["a", "b", "c"], *bad, handler_errors=2)
    assert [handler.check("complete").text for handler in bad] == ["abc"] * 3


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("policy", ["isolate", "stop", 5])
def test_a_base_exception_ends_the_stream(error, policy):
    """What is meant to end a program ends the stream, with one end for all, whatever the policy."""
    bad, good = RecordingHandler(token=raising(error)), RecordingHandler()
    stream = run(["a", "b"], bad, good, handler_errors=policy)
    assert good.check("error").text == "a"
    assert isinstance(outcome(stream), HandlerError)
    assert outcome(stream).__cause__ is error


def test_registering_from_many_threads_loses_nobody():
    """Handlers that come at the same time all get an id of their own."""
    registry = HandlerRegistry()
    ids = in_threads(*[lambda: [registry.add(RecordingHandler()) for _ in range(50)]] * 8)
    assert len({number for numbers in ids for number in numbers}) == 400
    assert len(registry.entries) == 400


def test_handlers_come_and_go_during_a_stream():
    """Registrations from other threads never disturb who stays."""
    source, stays = ScriptedSource(), RecordingHandler()
    stream = start(source, stays)

    def churn() -> None:
        for _ in range(200):
            guest = RecordingHandler()
            number = stream.register_handler(guest)
            assert stream.unregister_handler(number)

    in_threads(churn, churn, lambda: source.push(*map(str, range(500))).end())
    finish(stream)
    assert stays.check("complete").tokens == list(map(str, range(500)))
    assert stays.indices == list(range(500))


def test_one_handler_serves_several_streams():
    """A handler owns nothing: it may observe two streams, which its metadata tell apart."""
    shared = RecordingHandler()
    ids = [run(["a", "b"], shared).get_stream_status()["stream_id"] for _ in range(2)]
    assert [metadata["stream_id"] for (metadata,) in shared.arguments("start")] == ids
    assert shared.names() == ["start", "token", "token", "complete"] * 2


def test_a_non_handler_is_a_configuration_error():
    """The message names what a handler needs."""
    with pytest.raises(ConfigurationError, match="on_token_received"):
        StreamManager().register_handler(object())


def test_a_handler_of_events_may_have_its_text_by_the_token_hook():
    """All else comes to `on_event`; who says nothing gets text there too."""

    class Split(StreamHandler):
        tokens_as_events = False

        def __init__(self):
            self.heard = []

        def on_event(self, event):
            self.heard.append(type(event).__name__)

        def on_token_received(self, token, index):
            self.heard.append((token, index))

    class Whole(Split):
        tokens_as_events = True

    split, whole = Split(), Whole()
    run([StreamChunk(thinking="hm"), "a", "b"], split, whole, progress_interval=1000)
    assert split.heard == ["StreamStarted", "ThinkingReceived", ("a", 0), ("b", 1), "StreamCompleted"]
    assert whole.heard == [
        "StreamStarted",
        "ThinkingReceived",
        "TokenReceived",
        "TokenReceived",
        "StreamCompleted",
    ]


class Together(RecordingHandler):
    """Takes texts as they were handed out, with the index of the first."""

    tokens_as_events = False

    def __init__(self, act=lambda texts: None):
        super().__init__()
        self.taken = []
        self._act = act

    def on_texts_received(self, texts, index):
        self.taken.append((texts, index))
        self._act(texts)


def test_texts_that_came_together_can_be_taken_together():
    together, other = Together(), RecordingHandler()
    source = ScriptedSource().push_batch("a", "b", "c").push("d").push_batch("e", "f").end()
    StreamProcessor().process_stream(source, [together, other])
    assert together.taken == [(["a", "b", "c"], 0), (["d"], 3), (["e", "f"], 4)]
    assert together.check("complete").tokens == []
    assert other.check("complete").tokens == list("abcdef")


def test_texts_that_are_cut_anew_are_taken_one_by_one():
    together = Together()
    StreamProcessor({"split": "word"}).process_stream(["one two"], [together])
    assert together.taken == [(["one "], 0), (["two"], 0)]


def test_a_failure_of_who_takes_texts_together_is_his_own():
    def fail(texts):
        raise ValueError(texts)

    failing, other = Together(fail), RecordingHandler()
    StreamProcessor().process_stream(ScriptedSource().push_batch("a", "b").push("c").end(), [failing, other])
    assert other.check("complete").text == "abc"
    assert [texts for texts, _ in failing.taken] == [["a", "b"], ["c"]]


def test_who_takes_texts_together_can_end_the_stream():
    def fail(texts):
        raise ValueError(texts)

    failing = Together(fail)
    with pytest.raises(HandlerError):
        StreamProcessor({"handler_errors": "stop"}).process_stream(
            ScriptedSource().push_batch("a", "b").push("c").end(), [failing]
        )
    assert failing.check("error").ending.partial_text.startswith("ab")


def test_who_is_cancelled_in_the_middle_takes_no_more_texts():
    manager = StreamManager()
    together = Together()
    manager.register_handler(together)
    manager.register_handler(RecordingHandler(token=lambda *_: manager.cancel_stream()))
    manager.start_stream(ScriptedSource().push_batch("a", "b", "c"))
    assert manager.wait(TIMEOUT)
    assert together.taken == []
    together.check("cancelled")


def test_after_a_pause_texts_are_taken_too():
    manager, source, together = StreamManager(), ScriptedSource(), Together()
    manager.register_handler(together)
    manager.start_stream(source)
    source.wait_until_blocked()
    assert manager.pause_stream()
    source.push_batch("a", "b").end()
    assert manager.resume_stream()
    assert manager.wait(TIMEOUT)
    assert "".join(text for texts, _ in together.taken for text in texts) == "ab"
    together.check("complete")


def test_progress_in_the_history_is_nothing_that_the_garbage_collector_visits():
    """It is told every half second for as long as a stream runs, and is read back as it was."""
    dispatcher = Dispatcher(HandlerRegistry(), StreamConfig(), "s", lambda: 2.0)
    dispatcher.tell(events.StreamProgress, 1, 2, 0.5)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(1000):
        dispatcher.tell(events.StreamProgress, number, 2 * number, number / 2)
    for _ in range(3):  # a tuple of tuples is seen through from the inside
        gc.collect()
    assert len(gc.get_objects()) - before < 100
    dispatcher.log.end()
    first, *_, last = dispatcher.history()
    assert first == events.StreamProgress("s", 2.0, 1, 2, 0.5)
    assert last == events.StreamProgress("s", 2.0, 999, 1998, 499.5)

"""A stream of an object: followed while it grows, valid in the end, controlled like any other."""

from __future__ import annotations

import threading

import pytest
from answers import ObjectHandler, answering, pieces, said
from fakes import TIMEOUT, ScriptedSource
from pydantic import BaseModel, field_validator

from api_models import (
    BackgroundHandler,
    ConfigurationError,
    HandlerError,
    ProviderUnavailableError,
    Pump,
    ResetNotice,
    StreamCancelledError,
    StreamChunk,
    StreamingError,
    StreamInterruptedError,
    StreamState,
    StreamStateError,
    StreamTimeoutError,
    StructuredOutputError,
    ToolCall,
)


class Person(BaseModel):
    name: str
    age: int


class People(BaseModel):
    title: str
    people: list[Person]


ANN, BOB = Person(name="Ann", age=30), Person(name="Bob", age=4)
ANN_TEXT, BOB_TEXT = '{"name": "Ann", "age": 30}', '{"name": "Bob", "age": 4}'
PEOPLE = f'{{"title": "All", "people": [{ANN_TEXT}, {BOB_TEXT}]}}'


def started(wanted, *answers, **settings):
    stream, prompts = answering(wanted, *answers, **settings)
    stream.start()
    return stream, prompts


def test_b4_1_partials_come_while_the_answer_is_still_coming():
    """From live deltas: there is something to see before the provider has said the rest."""
    source = ScriptedSource('{"name": "Ann", ', '"age": 3')
    stream, _ = started(Person, source)
    partials = iter(stream)
    first = next(partials)
    assert first.value == {"name": "Ann"} and first.is_complete("name") and not first.is_complete()
    source.wait_until_blocked()
    assert stream.state == "active"
    source.push("0}").end()
    assert [partial.value for partial in partials][-1] == ANN.model_dump()
    assert stream.result(TIMEOUT) == ANN


def test_every_reader_sees_it_all():
    stream, _ = started(Person, ANN_TEXT)
    assert stream.result(TIMEOUT) == ANN
    one, other = list(stream), list(stream)
    assert one == other and one[-1].is_final and one[-1].value == ANN.model_dump()
    assert stream.answer().text == ANN_TEXT


def test_a_handler_is_told_in_order():
    handler = ObjectHandler()
    stream, _ = started(People, PEOPLE, handlers=[handler])
    assert stream.result(TIMEOUT) == People(title="All", people=[ANN, BOB])
    handler.check("complete")
    assert handler.text == PEOPLE and [item for (item,) in handler.arguments("item")] == [ANN, BOB]
    paths = [path for path, _ in handler.arguments("field")]
    assert paths[0] == ("title",) and paths[-1] == ("people",)
    assert paths.index(("people", 0, "age")) < paths.index(("people", 0)) < paths.index(("people", 1, "name"))
    assert [partial.is_final for partial in handler.partials].count(True) == 1
    assert handler.partials[-1].is_final and handler.names()[-2:] == ["partial", "complete"]


def test_a_late_handler_sees_whole_partials():
    source = ScriptedSource('{"name": "Ann", ')
    early, late = ObjectHandler(), ObjectHandler()
    stream, _ = started(Person, source, handlers=[early])
    early.wait_for_call("partial")
    number = stream.register_handler(late)
    source.push('"age": 30}').end()
    stream.wait(TIMEOUT)
    assert late.values[0] == ANN.model_dump()
    assert stream.unregister_handler(number) and not stream.unregister_handler(number)


def test_a_handler_that_is_refused_is_told_nothing_by_that():
    """Registered a second time, it hears of each partial once; what is no handler hears of none."""

    class NoHandler:
        on_partial = ObjectHandler.on_partial

    handler = ObjectHandler()
    stream, _ = answering(Person, ANN_TEXT, handlers=[handler])
    for refused in (handler, NoHandler()):
        with pytest.raises(ConfigurationError):
            stream.register_handler(refused)
    stream.start()
    assert stream.result(TIMEOUT) == ANN
    assert handler.partials == list(stream)
    assert stream.get_stream_status()["stats"]["handler_errors"] == 0


def test_an_unregistered_handler_is_told_no_more():
    source, handler, other = ScriptedSource('{"name": "Ann", '), ObjectHandler(), ObjectHandler()
    stream, _ = started(Person, source, handlers=[handler, other])
    other.wait_for_call("partial")
    assert stream.unregister_handler(handler)
    source.push('"age": 30}').end()
    assert stream.result(TIMEOUT) == ANN
    assert len(handler.partials) == 1 < len(other.partials)


@pytest.mark.parametrize("hook", ["partial", "field", "item"])
def test_a_raising_callback_harms_nothing(hook):
    """Neither another handler's news, nor its own, nor the answer; and it is counted."""

    def fail(*_):
        raise RuntimeError("a bug in this handler")

    broken, whole = ObjectHandler(**{hook: fail}), ObjectHandler()
    stream, _ = started(People, PEOPLE, handlers=[broken, whole])
    assert stream.result(TIMEOUT).people == [ANN, BOB]
    assert [call.name for call in broken.calls] == [call.name for call in whole.calls]
    assert len(whole.arguments("item")) == 2
    assert stream.get_stream_status()["stats"]["handler_errors"] >= 1


def test_items_come_one_by_one_as_they_close():
    source = ScriptedSource(*pieces(PEOPLE[: PEOPLE.index(BOB_TEXT) + 5]))
    stream, _ = started(People, source)
    items = stream.items()
    assert next(items) == ANN
    source.push(PEOPLE[PEOPLE.index(BOB_TEXT) + 5 :]).end()
    assert list(items) == [BOB] and list(stream.items()) == [ANN, BOB]


def test_items_of_a_list_that_is_the_answer():
    stream, _ = started(list[Person], f'{{"items": [{ANN_TEXT}, {BOB_TEXT}]}}')
    assert list(stream.items()) == [ANN, BOB] == stream.result(TIMEOUT)


def test_items_of_what_has_no_list_is_an_error_at_once():
    stream, _ = answering(Person, ANN_TEXT)
    with pytest.raises(ConfigurationError, match="list"):
        stream.items()


WRONG = '{"name": "Ann", "age": "thirty"}'


def test_what_is_not_valid_is_asked_for_again_with_its_problems():
    handler = ObjectHandler()
    stream, prompts = started(Person, WRONG, ANN_TEXT, handlers=[handler])
    assert stream.result(TIMEOUT) == ANN
    assert prompts[0] == "Say it."
    assert [message["role"] for message in prompts[1]] == ["user", "assistant", "user"]
    assert prompts[1][1]["content"] == WRONG
    assert "age: Input should be a valid integer" in prompts[1][2]["content"]
    assert stream.get_stream_status()["attempt"] == 2
    assert stream.get_stream_status()["stats"]["attempts"] == 2
    assert stream.answer().text == ANN_TEXT == handler.ending
    assert (stream.answer().provider, stream.answer().model) == ("lab", "m2")


def test_b4_7_attempts_are_numbered_and_a_new_one_begins_with_a_reset():
    """A partial with fewer fields than the one before belongs to another attempt, and says so."""
    handler = ObjectHandler()
    stream, _ = started(Person, WRONG, ANN_TEXT, handlers=[handler])
    stream.wait(TIMEOUT)
    for partials in (handler.partials, list(stream)):
        (at,) = [at for at, partial in enumerate(partials) if partial.is_reset]
        assert {partial.attempt for partial in partials[:at]} == {1}
        assert {partial.attempt for partial in partials[at:]} == {2}
        assert partials[at].value is None and not partials[at].complete
    at = [call.name == "partial" and call.arguments[0].is_reset for call in handler.calls].index(True)
    assert handler.names()[at + 1] == "reset"
    assert [type(event).__name__ for event in stream.events()].count("StreamReset") == 1


def test_b4_7_a_restart_of_the_answer_is_another_attempt_too():
    source = ScriptedSource('{"name": "Bo', ResetNotice("broke off"), *pieces(ANN_TEXT)).end()
    stream, _ = started(Person, source)
    assert stream.result(TIMEOUT) == ANN
    assert list(stream)[-1].attempt == 2 and stream.answer().text == ANN_TEXT


def test_after_the_last_repair_it_is_an_error_with_the_text_and_the_problems():
    handler = ObjectHandler()
    stream, prompts = started(Person, WRONG, WRONG, WRONG, max_repairs=2, handlers=[handler])
    with pytest.raises(StructuredOutputError) as caught:
        stream.result(TIMEOUT)
    assert caught.value.raw_text == WRONG == caught.value.partial_text
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["age"]
    assert len(prompts) == 3 and stream.state == "error"
    assert handler.check("error").ending is caught.value
    assert not any(partial.is_final for partial in handler.partials)


@pytest.mark.parametrize("max_repairs", [-1, 1.5, None, True])
def test_repairs_are_a_number(max_repairs):
    with pytest.raises(ConfigurationError, match="max_repairs"):
        answering(Person, ANN_TEXT, max_repairs=max_repairs)


@pytest.mark.parametrize(
    ("stop", "problem"),
    [("length", "max_tokens"), ("content_filter", "filter"), ("refusal", "refused")],
)
def test_b4_11_an_answer_that_was_cut_off_is_an_error_and_not_asked_for_again(stop, problem):
    """What is missing is not made up as None, and would be missing the next time."""
    short = said('{"name": "Ann", "age": 3', 4, StreamChunk(stop_reason=stop))
    stream, prompts = started(Person, short, ANN_TEXT)
    with pytest.raises(StructuredOutputError, match=problem) as caught:
        stream.result(TIMEOUT)
    assert "breaks off inside age" in caught.value.problems[1] and len(prompts) == 1


def test_a_refusal_is_said():
    source = ScriptedSource(StreamChunk(refusal="I would "), StreamChunk(refusal="rather not.")).end()
    stream, prompts = started(Person, source, ANN_TEXT)
    with pytest.raises(StructuredOutputError, match="refused to answer: I would rather not"):
        stream.result(TIMEOUT)
    assert len(prompts) == 1


def test_an_answer_that_was_whole_before_its_limit_is_whole():
    stream, _ = started(Person, said(ANN_TEXT, 4, StreamChunk(stop_reason="length")))
    assert stream.result(TIMEOUT) == ANN


def test_b4_2_a_failed_stream_has_one_end_for_everybody():
    """Handlers, result and both iterations: the same error, once, behind what had come."""
    failure = StreamInterruptedError("the wire was cut")
    handler = ObjectHandler()
    stream, _ = started(People, ScriptedSource(*pieces(PEOPLE[:-3])).fail(failure), handlers=[handler])
    with pytest.raises(StreamInterruptedError):
        stream.result(TIMEOUT)
    assert handler.check("error").ending is failure
    for iteration in (iter(stream), stream.items()):
        assert next(iteration)
        with pytest.raises(StreamInterruptedError):
            list(iteration)


def test_b4_3_the_exception_itself_arrives():
    """Not its text: type, attributes and cause are there."""
    failure = ProviderUnavailableError("busy", status_code=503)
    failure.__cause__ = OSError("below")
    stream, _ = started(Person, ScriptedSource().fail(failure))
    with pytest.raises(ProviderUnavailableError) as caught:
        stream.result(TIMEOUT)
    assert caught.value is failure and caught.value.status_code == 503
    assert isinstance(caught.value.__cause__, OSError)


def test_b4_4_who_leaves_a_loop_still_has_a_stream_and_a_result():
    """`break` leaves nothing unbound; leaving the `with` lets the provider go."""
    stream, _ = started(Person, ANN_TEXT)
    for _ in stream:
        break
    assert stream.result(TIMEOUT) == ANN
    source = ScriptedSource('{"name": "Ann", ')
    with started(Person, source)[0] as stream:
        for _ in stream:
            break
    assert stream.wait(TIMEOUT) and stream.state == "cancelled"
    assert source.closes == 1


def test_b4_8_no_partial_is_kept():
    """The text is kept once; what is made of it is the caller's, and nobody else's."""
    stream, _ = started(Person, ANN_TEXT)
    assert stream.result(TIMEOUT) == ANN
    one, other = list(stream)[-1], list(stream)[-1]
    one.value["name"] = "changed"
    assert other.value["name"] == "Ann" == list(stream)[-1].value["name"]


def test_b4_10_there_is_no_setting_of_an_unknown_unit_and_streaming_needs_no_switch():
    """A name from elsewhere is refused; who wants no partials asks for the result alone."""
    with pytest.raises(ConfigurationError, match="streaming_chunk_size"):
        answering(Person, ANN_TEXT, config={"streaming_chunk_size": 1024})
    with pytest.raises(ConfigurationError, match="enable_streaming"):
        answering(Person, ANN_TEXT, config={"enable_streaming": False})
    assert started(Person, ANN_TEXT)[0].result(TIMEOUT) == ANN


def test_b4_14_a_message_holds_no_answer_and_no_prompt():
    """What is logged or labelled by message stays short, and says nothing private."""
    long = '{"name": "' + "Secret " * 500 + '", "age": "secret"}'
    stream, _ = started(Person, long, max_repairs=0)
    with pytest.raises(StructuredOutputError) as caught:
        stream.result(TIMEOUT)
    assert len(str(caught.value)) < 200 and "ecret" not in str(caught.value)
    assert "ecret" not in "".join(caught.value.problems)


def call(text, name="answer"):
    return StreamChunk(tool_call=ToolCall("1", name, {}, text))


def test_arguments_of_a_call_are_the_answer():
    """By whatever way the JSON comes, what is made of it is the same."""
    deltas = [StreamChunk(tool_arguments=piece) for piece in pieces(ANN_TEXT)]
    handler = ObjectHandler()
    stream, _ = started(
        Person, ScriptedSource("Here: ", *deltas, call(ANN_TEXT)).end(), mode="tool", handlers=[handler]
    )
    assert stream.result(TIMEOUT) == ANN and stream.mode == "tool" and not stream.degraded
    assert stream.answer().text == ANN_TEXT == handler.text
    assert len(handler.partials) > 2 and "tool" not in handler.names()


def test_arguments_that_come_whole_are_the_answer():
    stream, _ = started(Person, ScriptedSource(call(ANN_TEXT)).end(), mode="tool")
    assert stream.result(TIMEOUT) == ANN


def test_of_several_calls_the_first_is_the_answer():
    deltas = [StreamChunk(tool_arguments=piece) for piece in [*pieces(ANN_TEXT), *pieces(BOB_TEXT)]]
    stream, _ = started(Person, ScriptedSource(*deltas, call(ANN_TEXT), call(BOB_TEXT)).end(), mode="tool")
    assert stream.result(TIMEOUT) == ANN and stream.answer().text == ANN_TEXT


def test_a_call_that_nobody_asked_for_is_no_answer():
    source = ScriptedSource(StreamChunk(tool_arguments="{}"), call("{}")).end()
    stream, _ = started(Person, source, max_repairs=0)
    with pytest.raises(StructuredOutputError, match="no JSON"):
        stream.result(TIMEOUT)


def test_nothing_is_handed_out_while_it_is_paused():
    source, handler = ScriptedSource('{"name": "Ann", '), ObjectHandler()
    stream, _ = started(Person, source, handlers=[handler])
    handler.wait_for_call("partial")
    assert stream.pause_stream() and stream.state == StreamState.PAUSED
    handler.wait_for_call("paused")
    source.push('"age": 30}').end()
    source.wait_until_closed()
    assert len(handler.partials) == 1 and not stream.wait(0)
    assert stream.resume_stream()
    assert stream.result(TIMEOUT) == ANN and len(handler.partials) > 1


def test_a_cancelled_stream_just_ends():
    source, handler = ScriptedSource('{"name": "Ann", '), ObjectHandler()
    stream, prompts = started(Person, source, handlers=[handler])
    handler.wait_for_call("partial")
    assert stream.cancel_stream() and stream.wait(TIMEOUT)
    with pytest.raises(StreamCancelledError):
        stream.result(TIMEOUT)
    assert [partial.value for partial in stream] == [{"name": "Ann"}]
    assert handler.check("cancelled").ending == '{"name": "Ann", ' and len(prompts) == 1


def test_cancelled_while_it_asks_again_nothing_more_is_asked():
    """The abort that comes between two attempts reaches the one that is being made."""
    second, streams = ScriptedSource(), []

    def cancel(times):
        if times == 2:
            assert streams[0].cancel_stream()

    stream, prompts = answering(Person, WRONG, second, ANN_TEXT, when_asked=cancel)
    streams.append(stream)
    stream.start()
    assert stream.wait(TIMEOUT) and stream.state == "cancelled"
    assert second.aborts >= 1 and second.closes == 1 and len(prompts) == 2


def test_it_is_started_once():
    stream, _ = answering(Person, ANN_TEXT)
    assert stream.state == "inactive" and stream.stream_id is None
    assert stream.start() == stream.stream_id
    with pytest.raises(StreamStateError):
        stream.start()
    assert stream.result(TIMEOUT) == ANN


def test_the_status_says_how_far_it_is():
    stream, _ = started(People, PEOPLE)
    stream.wait(TIMEOUT)
    status = stream.get_stream_status()
    known = {"fields_done": 2, "fields_expected": 2, "items_done": 2, "attempt": 1, "mode": "native"}
    assert known.items() <= status.items() and status["state"] == "completed"


def test_half_a_document_is_not_continued():
    """Constrained to a schema, a model begins a document anew, which half of another would spoil."""
    source = ScriptedSource(*pieces(ANN_TEXT)).end()
    stream, _ = started(Person, source, config={"recovery": "continue"})
    stream.wait(TIMEOUT)
    assert [config.recovery for config in source.configs] == ["restart"]


def test_however_the_text_is_handed_out():
    """Cut otherwise, joined, by the clock: the partials are of the same answer."""
    for config in ({"split": "grapheme"}, {"buffer_size": 3}, {"buffer_seconds": 0.01}, "smooth"):
        stream, _ = started(People, PEOPLE, config=config)
        assert stream.result(TIMEOUT).people == [ANN, BOB]
        assert list(stream)[-1].value["people"][1] == BOB.model_dump()


def test_handlers_that_may_stop_a_stream_may_do_so_by_these_hooks():
    def fail(*_):
        raise RuntimeError("not like that")

    broken, other = ObjectHandler(partial=fail), ObjectHandler()
    stream, _ = started(Person, ANN_TEXT, handlers=[broken, other], config={"handler_errors": "stop"})
    with pytest.raises(HandlerError, match="not like that"):
        stream.result(TIMEOUT)
    assert len(other.partials) == 1 and other.check("error")


def test_a_handler_that_is_dropped_for_one_hook_hears_by_no_other():
    def fail(*_):
        raise RuntimeError("again and again")

    broken, other = ObjectHandler(partial=fail), ObjectHandler()
    stream, _ = started(Person, ANN_TEXT, handlers=[broken, other], config={"handler_errors": 2})
    assert stream.result(TIMEOUT) == ANN
    assert len(broken.partials) == 2 and not broken.arguments("complete")
    assert stream.get_stream_status()["stats"]["handler_errors"] == 2
    assert other.check("complete") and not stream.unregister_handler(broken)


class Touchy(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def explode(cls, name):
        raise RuntimeError("a bug in this validator")


def test_a_bug_in_a_validator_ends_the_stream_and_is_named():
    """Also where it strikes first: at an element."""
    handler = ObjectHandler()
    stream, prompts = started(list[Touchy], '{"items": [{"name": "x"}, {"name": "y"}]}', handlers=[handler])
    with pytest.raises(StreamingError, match="a bug in this validator") as caught:
        stream.result(TIMEOUT)
    assert isinstance(caught.value.__cause__, RuntimeError) and len(prompts) == 1
    assert not handler.arguments("item") and len(handler.arguments("field")) == 4
    assert stream.get_stream_status()["stats"]["handler_errors"] == 0


def test_each_attempt_has_its_time_to_the_first_token():
    silent = ScriptedSource()
    stream, _ = started(Person, WRONG, silent, config={"first_token_timeout": 0.1})
    with pytest.raises(StreamTimeoutError) as caught:
        stream.result(TIMEOUT)
    assert caught.value.clock == "first_token" and silent.closes == 1


def test_after_a_cancel_nothing_is_told_not_even_of_the_same_piece():
    """An element that is reason enough is the last one, although others came with it."""
    streams = []
    handler = ObjectHandler(item=lambda _: streams[0].cancel_stream())
    stream, _ = answering(People, PEOPLE, handlers=[handler], size=1000)
    streams.append(stream)
    stream.start()
    assert stream.wait(TIMEOUT) and stream.state == "cancelled"
    assert handler.arguments("item") == [(ANN,)]
    handler.check("cancelled")


def test_a_handler_behind_a_pump_is_told_where_it_is_drained():
    """News and text in one order, on the thread that drains."""
    handler = ObjectHandler()
    pump = Pump(handler)
    stream, _ = started(People, PEOPLE, handlers=[pump])
    assert stream.result(TIMEOUT).people == [ANN, BOB] and not handler.calls
    pump.drain()
    handler.check("complete")
    assert [item for (item,) in handler.arguments("item")] == [ANN, BOB] and handler.partials[-1].is_final
    assert {call.thread for call in handler.calls} == {threading.current_thread()}


def test_a_slow_handler_hears_of_it_on_a_thread_of_its_own():
    def fail(*_):
        raise RuntimeError("a bug in this handler")

    handler = ObjectHandler(item=fail)
    with BackgroundHandler(handler) as background:
        stream, _ = started(People, PEOPLE, handlers=[background])
        assert stream.result(TIMEOUT).people == [ANN, BOB]
        assert background.join(TIMEOUT)
    assert len(handler.arguments("item")) == 2 == background.handler_errors
    assert handler.partials[-1].is_final and stream.get_stream_status()["stats"]["handler_errors"] == 0

"""Several sources at once."""

from __future__ import annotations

import gc
import math
import threading

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, in_threads, run, start
from hypothesis import given, settings
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.stages import Combined, Tagged, combine, recut
from api_models.streaming.exceptions import StreamCancelledError, StreamTimeoutError
from api_models.streaming.stream_events import StreamChunk

ORDERS = ["arrival", "sequence", "priority"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = {thread for thread in set(threading.enumerate()) - before if "combine" in thread.name}
    for thread in left:
        thread.join(TIMEOUT)
    assert not any(thread.is_alive() for thread in left)


def of(name, tagged):
    return [chunk for source, chunk in tagged if source == name]


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=25, deadline=None)
@given(sources=st.lists(st.lists(st.text(min_size=1), max_size=30), max_size=4), limit=st.integers(1, 5))
def test_each_source_keeps_its_order_and_nothing_is_lost(order, sources, limit):
    tagged = list(combine(sources, order, limit=limit))
    assert [of(number, tagged) for number in range(len(sources))] == sources
    assert len(tagged) == sum(map(len, sources))


def test_b0_33_chunks_are_handed_on_while_the_sources_go_on():
    source = ScriptedSource("a")
    with combine([source]) as combined:
        assert next(combined) == (0, "a")
        source.push("b").end()
        assert list(combined) == [(0, "b")]


@pytest.mark.parametrize("order", ORDERS)
def test_b0_34_the_root_cause_is_raised_and_nothing_else(order):
    cause = ValueError("root cause")
    failing, other = ScriptedSource("a").fail(cause), ScriptedSource("b")
    combined, tagged = combine([failing, other], order), []
    with pytest.raises(ValueError, match="root cause") as caught:
        tagged.extend(combined)  # keeps what came before the error
    assert caught.value is cause
    assert combined.errors == {0: cause}
    assert of(0, tagged) == ["a"]


def test_b0_35_when_one_fails_the_others_are_ended_and_closed():
    """Also one that is silent."""
    failing, silent = ScriptedSource().fail(ValueError("x")), ScriptedSource()
    with pytest.raises(ValueError, match="x"):
        list(combine([failing, silent]))
    assert (silent.aborts >= 1, silent.closes, failing.closes) == (True, 1, 1)


def test_b0_36_each_chunk_says_where_it_comes_from():
    tagged = list(combine({"local": ["a"], "cloud": [StreamChunk("b", model="m")]}, "sequence"))
    assert tagged == [("local", "a"), ("cloud", StreamChunk("b", model="m"))]
    assert isinstance(tagged[0], Tagged)
    assert (tagged[0].source, tagged[0].chunk) == ("local", "a")


def test_b0_37_in_sequence_all_are_read_at_once():
    """The second is not left waiting, open and unread, until the first has ended."""
    first, second = ScriptedSource("a"), ScriptedSource("x", "y")
    with combine([first, second], "sequence") as combined:
        assert next(combined) == (0, "a")
        second.wait_until_blocked()
        first.push("b").end()
        second.end()
        assert list(combined) == [(0, "b"), (1, "x"), (1, "y")]


def test_b0_38_a_stalled_source_does_not_stop_the_others():
    stalled, alive = ScriptedSource("a"), ScriptedSource("x", "y").end()
    with combine([stalled, alive]) as combined:
        assert sorted(next(combined) for _ in range(3)) == [(0, "a"), (1, "x"), (1, "y")]


@pytest.mark.parametrize("order", ORDERS)
def test_b0_38_a_stalled_source_has_a_time_limit_of_its_own(order):
    stalled = ScriptedSource("a")
    combined = combine({"s": stalled, "t": ["x"]}, order, errors="isolate", idle_timeout=0.02)
    assert sorted(combined) == [("s", "a"), ("t", "x")]
    assert isinstance(combined.errors["s"], StreamTimeoutError)
    assert combined.errors["s"].clock == "idle"
    assert combined.status() == {"s": "failed", "t": "ended"}
    assert stalled.closes == 1


def test_b0_38_a_stalled_source_can_be_cancelled_by_itself():
    stalled, alive = ScriptedSource("a"), ScriptedSource("x")
    with combine({"s": stalled, "t": alive}) as combined:
        assert sorted([next(combined), next(combined)]) == [("s", "a"), ("t", "x")]
        assert combined.status() == {"s": "running", "t": "running"}
        assert combined.cancel("s")
        assert not combined.cancel("s")
        alive.push("y").end()
        assert list(combined) == [("t", "y")]
        assert combined.status() == {"s": "cancelled", "t": "ended"}
    assert stalled.closes == 1


def test_a_deaf_source_that_is_cancelled_is_not_waited_for():
    """It cannot be woken; its thread ends with its read."""
    gate = threading.Event()

    def deaf():
        gate.wait(TIMEOUT)
        yield "late"

    combined = combine([deaf(), ["x"]])
    assert next(combined) == (1, "x")
    assert combined.cancel(0)
    assert list(combined) == []
    gate.set()


def test_isolated_errors_end_their_own_source_alone():
    cause = ValueError("x")
    combined = combine([ScriptedSource("a").fail(cause), ["b", "c"]], errors="isolate")
    assert sorted(combined) == [(0, "a"), (1, "b"), (1, "c")]
    assert combined.errors == {0: cause}


def test_isolated_errors_of_all_are_an_error():
    """Nothing whole came of it."""
    first = ValueError("first")
    with pytest.raises(ValueError, match="first"):
        list(combine([ScriptedSource().fail(first)], errors="isolate"))


def test_what_has_priority_goes_first_of_what_is_waiting():
    first, second = ScriptedSource("a", "b", "c").end(), ScriptedSource("x", "y").end()
    with combine([second, first], "priority") as combined:
        tagged = [next(combined)]
        first.wait_until_closed()
        second.wait_until_closed()
        tagged += combined
    rest = [source for source, _ in tagged[1:]]
    assert rest == sorted(rest)


def test_no_more_than_the_limit_is_waiting():
    """A source that is not listened to waits, so that no memory fills."""
    eager, slow = ScriptedSource(*map(str, range(50))).end(), ScriptedSource("a")
    with combine([slow, eager], "sequence", limit=3) as combined:
        next(combined)
        slow.wait_until_blocked()
        assert eager.reads <= 3 + 1
        slow.end()
        assert [chunk for _, chunk in combined] == [str(number) for number in range(50)]


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("way", ["close", "leave", "drop"])
def test_the_sources_are_closed_when_the_consumer_stops(read, way):
    sources = [ScriptedSource("a", "b"), ScriptedSource("x")]
    combined = combine(sources)
    for _ in range(read):
        next(combined)
    if way == "close":
        combined.close()
        combined.close()
    elif way == "leave":
        with combined:
            pass
    elif read:
        del combined
    if way != "drop" or read:
        for source in sources:
            source.wait_until_closed()
        assert [source.closes for source in sources] == [1, 1]


def test_leaving_the_loop_is_enough():
    sources = [ScriptedSource("a", "b"), ScriptedSource()]
    for _ in combine(sources):
        break
    for source in sources:
        source.wait_until_closed()


def test_an_abort_from_another_thread_ends_the_wait():
    """And does not pass for an end."""
    sources = [ScriptedSource(), ScriptedSource()]
    combined = combine(sources)

    def read():
        with pytest.raises(StreamCancelledError):
            next(combined)

    def abort():
        sources[0].wait_until_blocked()
        combined.abort()

    in_threads(read, abort)
    assert [source.closes for source in sources] == [1, 1]


def test_it_can_be_the_source_of_a_stream():
    heard = RecordingHandler()
    assert run(combine([["a", "b"], ["c"]], "sequence").untagged(), heard).result().text == "abc"
    heard.check("complete")


def test_a_stream_of_it_is_cancelled_with_all_sources():
    sources, heard = [ScriptedSource("a"), ScriptedSource()], RecordingHandler()
    stream = start(combine(sources).untagged(), heard)
    heard.wait_for_text("a")
    assert stream.cancel_stream()
    finish(stream)
    heard.check("cancelled")
    assert [source.closes for source in sources] == [1, 1]


def test_streams_that_run_already_can_be_combined():
    """Who is not wanted any more is cancelled."""
    first, second = start(ScriptedSource("a", "b").end()), start(ScriptedSource("x"))
    with combine({"first": first, "second": second}) as combined:
        assert sorted(next(combined) for _ in range(3)) == [("first", "a"), ("first", "b"), ("second", "x")]
    finish(second)
    assert (first.state, second.state) == ("completed", "cancelled")


def test_a_stream_that_somebody_cancels_has_not_ended_well():
    stream = start(ScriptedSource("a"))
    combined = combine([stream])
    assert next(combined) == (0, "a")
    stream.cancel_stream()
    with pytest.raises(StreamCancelledError):
        next(combined)


def test_what_comes_out_of_a_stage_can_be_combined():
    assert list(combine([recut("word")(["one t", "wo"])])) == [(0, "one "), (0, "two")]


def test_nothing_combined_is_nothing():
    assert list(combine([])) == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"order": "random"}, "order"),
        ({"errors": "ignore"}, "errors"),
        ({"idle_timeout": 0}, "idle_timeout"),
        ({"idle_timeout": math.nan}, "idle_timeout"),
        ({"limit": 0}, "limit"),
    ],
)
def test_what_cannot_work_is_refused_at_once(settings, named):
    with pytest.raises(ConfigurationError, match=named):
        combine([["a"]], **settings)


@pytest.mark.parametrize("wrong", ["text", None, 3, [3], ["text"], {"a": 3}])
def test_what_are_no_sources_is_refused_at_once(wrong):
    with pytest.raises(ConfigurationError):
        combine(wrong)


def test_a_name_that_is_none_is_refused():
    combined = combine({"a": ["x"]})
    with pytest.raises(ConfigurationError, match="'b'"):
        combined.cancel("b")
    assert isinstance(combined, Combined)
    combined.close()

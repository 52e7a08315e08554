"""Text handed on by a clock. How fast exactly is the business of the `Pacer`, tested with the outlet."""

from __future__ import annotations

import math
import time

import pytest
from fakes import ScriptedSource, outcome, run

from api_models.exceptions import ConfigurationError
from api_models.stages import StagedSource, smooth, throttle
from api_models.streaming.stream_events import StreamChunk


def test_a_throttle_is_never_faster_than_its_rate():
    begun = time.monotonic()
    assert list(throttle(100)(list("abcdef"))) == list("abcdef")
    assert time.monotonic() - begun >= 0.05


def test_the_first_piece_does_not_wait():
    """At one in a thousand seconds, it is there; so is what is no text, before the second."""
    usage = StreamChunk(model="m")
    with throttle(0.001)(ScriptedSource().push_batch("a", usage, "b")) as flow:
        assert [next(flow), next(flow)] == ["a", usage]


def test_paced_pieces_are_handed_on_one_by_one():
    """Also when they came together."""
    source = StagedSource(ScriptedSource().push_batch("a", "b", "c").end(), throttle(1000))
    assert [text for text in iter(source.read, None) if text] == [["a"], ["b"], ["c"]]
    source.close()


def test_a_throttle_reads_on_while_it_waits():
    """The provider need not wait for the reader."""
    source = ScriptedSource("a", "b", "c")
    with throttle(0.001)(source) as flow:
        next(flow)
        source.wait_until_blocked()
        assert source.reads == 4


def test_the_rest_goes_out_at_once_when_the_source_has_ended():
    """At this rate the test would take a quarter of an hour."""
    source = ScriptedSource().push_batch(*"abcdefghij").end()
    flow = smooth(0.01)(source)
    texts = [next(flow)]
    source.wait_until_closed()
    assert texts + list(flow) == list("abcdefghij")


def test_the_more_is_waiting_the_faster_it_goes():
    """A backlog is worked off in half-seconds; at twenty a second the test would run into its limit."""
    source = ScriptedSource().push_batch(*["x"] * 2000)
    with smooth()(source) as flow:
        next(flow)
        source.wait_until_blocked()
        assert [next(flow) for _ in range(1800)] == ["x"] * 1800


def test_an_error_comes_behind_the_text():
    flow = smooth()(ScriptedSource("a", "b").fail(OSError("cut")))
    assert [next(flow), next(flow)] == ["a", "b"]
    with pytest.raises(OSError, match="cut"):
        next(flow)


@pytest.mark.parametrize("make", [throttle, smooth])
@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, "2", True])
def test_what_is_no_rate_is_refused(make, wrong):
    with pytest.raises(ConfigurationError, match="pieces_per_second"):
        make(wrong)


def test_what_a_throttle_keeps_waiting_is_no_fault_of_the_source():
    """The idle clock runs out between two pieces, and nothing comes of it."""
    source = ScriptedSource().push_batch("a", "b", "c").end()
    stream = run(StagedSource(source, throttle(20)), idle_timeout=0.02)
    assert stream.result().text == "abc"


def test_a_source_that_is_silent_behind_a_throttle_is_too_slow():
    stream = run(StagedSource(ScriptedSource("a"), throttle(20)), idle_timeout=0.02)
    assert outcome(stream).clock == "idle"


def test_the_total_clock_runs_out_in_a_throttle_too():
    stream = run(StagedSource(ScriptedSource("a", "b").end(), throttle(0.001)), total_timeout=0.05)
    assert outcome(stream).clock == "total"

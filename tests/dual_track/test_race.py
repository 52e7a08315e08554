"""The first good token wins."""

from __future__ import annotations

import pytest
from plays import FAILED, LATER, OVER, play

from api_models.dual_track import race
from api_models.exceptions import ConfigurationError, RateLimitError
from api_models.streaming.stream_events import ResetNotice, StreamChunk, ToolCall

OTHER = RateLimitError("busy")
CALL = StreamChunk(tool_call=ToolCall("1", "look", {}, "{}"))
THINKING = StreamChunk(thinking="hm")


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ([("a", "x"), ("b", "y"), ("a", "z"), ("a", OVER)], ["-b", "x", "z", "end"]),
        ([("b", "y"), ("a", "x"), ("b", OVER)], ["-a", "y", "end"]),
        # White space and thinking are no answer yet, and are not lost when one comes.
        ([("a", " "), ("b", "y"), ("a", "x")], ["-a", "y"]),
        ([("a", THINKING), ("a", " "), ("a", "x")], ["-b", THINKING, " ", "x"]),
        ([("a", CALL), ("b", "y")], ["-b", CALL]),
        # Who fails before it has spoken is out; the others go on.
        ([("a", FAILED), ("b", "y"), ("b", OVER)], ["y", "end"]),
        ([("a", FAILED), ("b", OTHER)], [FAILED]),
        ([("a", FAILED), ("b", OVER)], ["end"]),
        ([("a", OVER), ("b", "y"), ("b", OVER)], ["y", "end"]),
        # Who has won has won: its failure is that of the whole.
        ([("a", "x"), ("b", OVER), ("a", FAILED)], ["-b", "x", FAILED]),
        ([("a", "x"), ("b", FAILED), ("a", OVER)], ["-b", "x", "end"]),
        # An answer that begins anew before it has won has not begun.
        ([("a", " "), ("a", ResetNotice("again")), ("a", "x")], ["-b", "x"]),
        ([("a", "x"), ("a", ResetNotice("again")), ("a", "z")], ["-b", "x", "reset", "z"]),
    ],
)
def test_the_first_to_say_something_wins(arrivals, told):
    assert play(race(), arrivals) == ["+a", "+b", *told]


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ([("a", "One "), ("b", "Yes. "), ("a", "two. ")], ["-a", "Yes. "]),
        ([("a", "One "), ("b", "Ye"), ("a", "two. "), ("a", "Three")], ["-b", "One ", "two. ", "Three"]),
        ([("a", "No end"), ("a", OVER)], ["-b", "No end", "end"]),
    ],
)
def test_the_first_whole_sentence_may_be_what_counts(arrivals, told):
    """A whole answer counts without."""
    assert play(race(until="sentence"), arrivals) == ["+a", "+b", *told]


def test_a_function_may_say_what_counts():
    good = race(until=lambda text: "yes" in text)
    assert play(good, [("a", "no"), ("b", "ye"), ("b", "s")]) == ["+a", "+b", "-a", "ye", "s"]


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ([("", LATER, 0.4), ("a", "x", 0.4), ("", LATER, 0.6)], ["-b", "-c", "x"]),
        ([("", LATER, 0.5), ("b", "y", 0.6)], ["+b", "-a", "-c", "y"]),
        ([("", LATER, 0.5), ("", LATER, 0.9), ("", LATER, 1.0)], ["+b", "+c"]),
        ([("a", FAILED, 0.1), ("b", "y", 0.2)], ["+b", "-c", "y"]),
        ([("", LATER, 0.5), ("a", FAILED, 0.6), ("b", FAILED, 0.7)], ["+b", "+c"]),
        ([("a", FAILED, 0.1), ("b", FAILED, 0.2), ("c", FAILED, 0.3)], ["+b", "+c", FAILED]),
    ],
)
def test_a_hedge_starts_the_next_only_when_nobody_has_spoken_in_time(arrivals, told):
    assert play(race(hedge=0.5), arrivals, ("a", "b", "c")) == ["+a", *told]


def test_a_hedge_says_when_it_wants_to_look():
    run = race(hedge=0.5).start(("a", "b"))
    run.begin(10.0)
    assert run.next_look() == 10.5
    run.look(10.5)
    assert run.next_look() is None


@pytest.mark.parametrize("wrong", [{"hedge": -1}, {"hedge": "1"}, {"until": "word"}, {"until": None}])
def test_what_is_no_race_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        race(**wrong)

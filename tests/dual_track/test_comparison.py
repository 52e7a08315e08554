"""Several answers side by side."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from fakes import TIMEOUT, ScriptedSource
from several import tracks_of

from api_models.dual_track import Comparison, DualTrack, side_by_side
from api_models.dual_track.agreement import measure_of, most_alike
from api_models.dual_track.comparison import TrackFigures
from api_models.exceptions import ConfigurationError
from api_models.streaming.stream_events import StreamChunk, StreamResult, TokenUsage

USAGE = TokenUsage(10, 20, source="reported")


def compared(*sources, prices=None):
    several = DualTrack(tracks_of(*sources), "compare")
    several.start()
    assert several.wait(TIMEOUT)
    return several.compare(prices)


def figures(name, text):
    return TrackFigures(name, None, "completed", text, 0.5, 2.0, 4, 2.0, TokenUsage(), None, None)


def test_the_numbers_are_those_of_the_tracks():
    first, second = ScriptedSource("one ", "two", StreamChunk(usage=USAGE, model="m1")).end(), ["one"]
    a, b = compared(first, second, prices={"a": (1.0, 2.0), "b": (1.0, 2.0)}).tracks
    assert (a.name, a.model, a.state, a.text, a.tokens, a.usage) == (
        "a", "m1", "completed", "one two", 2, USAGE,
    )  # fmt: skip
    assert a.cost == pytest.approx((10 * 1.0 + 20 * 2.0) / 1e6)
    assert 0 <= a.time_to_first_token <= a.elapsed_time
    assert a.tokens_per_second == pytest.approx(2 / a.elapsed_time)
    assert (b.text, b.cost, b.error) == ("one", None, None)


def test_a_track_that_failed_says_why_and_keeps_its_text():
    _, failed = compared(["one"], ScriptedSource("tw").fail(OSError("cut"))).tracks
    assert (failed.state, failed.text) == ("error", "tw")
    assert "cut" in failed.error


def test_it_can_be_looked_at_while_they_run():
    source = ScriptedSource("one")
    several = DualTrack(tracks_of(source, ScriptedSource()), "compare")
    several.start()
    source.wait_until_blocked()
    first, second = several.compare().tracks
    assert (first.state, first.text, second.text, second.time_to_first_token) == ("active", "one", "", None)
    several.cancel_stream()
    assert several.wait(TIMEOUT)


@pytest.mark.parametrize(
    ("first", "other", "parts", "agrees"),
    [
        ("one two three", "one two three", None, 1.0),
        ("one two three four", "one too three four", 5, 0.75),
        ("one two", "one two three", 7, 0.8),
        ("", "x", 0, 0.0),
        ("", "", None, 1.0),
    ],
)
def test_where_they_part_and_how_much_they_agree(first, other, parts, agrees):
    """Agreement by hand: twice the words in common, by all words."""
    comparison = Comparison((figures("a", first), figures("b", other)))
    assert comparison.first_divergence("b") == parts
    assert comparison.agreement("b") == pytest.approx(agrees)


def test_that_a_text_is_shorter_means_nothing_while_it_grows():
    whole, growing = figures("a", "one two"), replace(figures("b", "one"), state="active")
    assert Comparison((whole, growing)).first_divergence("b") is None
    assert Comparison((growing, whole)).first_divergence("a") is None
    assert Comparison((whole, replace(growing, text="on x"))).first_divergence("b") == 2


@pytest.mark.parametrize("measure", ["difflib", "rapidfuzz"])
def test_the_comparison_says_what_measured_it(measure):
    if measure == "rapidfuzz":
        pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed: not measured with")
    several = DualTrack(tracks_of(["one two three four"], ["one too three four"]), "compare")
    several.start()
    assert several.wait(TIMEOUT)
    comparison = several.compare(measure=measure)
    assert (comparison.measured_with, comparison.agreement("b")) == (measure, pytest.approx(0.75))
    assert f"agreement ({measure})" in str(comparison)
    assert json.loads(comparison.to_json())["measured_with"] == measure


def test_rapidfuzz_is_taken_where_it_is_and_missed_only_by_who_asks_for_it(monkeypatch):
    pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed: not measured with")
    assert measure_of()[0] == "rapidfuzz"
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    assert measure_of()[0] == "difflib"
    with pytest.raises(ConfigurationError, match="fuzzy"):
        measure_of("rapidfuzz")
    with pytest.raises(ConfigurationError, match="difflib"):
        measure_of("diflib")


def test_the_answer_that_is_most_like_the_others():
    texts = {"a": "red and blue", "b": "red or green", "c": "red or blue"}
    assert most_alike({name: StreamResult(text) for name, text in texts.items()}).text == "red or blue"


def test_the_report_as_text_and_as_json():
    comparison = Comparison((figures("alpha", "one two"), figures("b", "one")))
    headings, alpha, b = str(comparison).splitlines()
    assert headings.split()[:4] == ["track", "state", "first", "token"]
    assert alpha.split() == [
        "alpha", "completed", "0.500", "s", "2.0/s", "4", "7", "-", "-", "-", "-",
    ]  # fmt: skip
    assert b.split()[-4:] == ["-", "0.67", "at", "3"]
    assert headings.index("state") == alpha.index("completed") == b.index("completed")
    said = json.loads(comparison.to_json())["tracks"]
    assert [track["name"] for track in said] == ["alpha", "b"]
    assert (said[0]["agreement"], said[1]["first_divergence"]) == (None, 3)


def test_texts_stand_in_columns_of_their_own():
    shown = side_by_side({"a": "one two three four five", "b": "x\n\ny"}, width=43)
    assert shown.splitlines() == [
        "a                    | b",
        "-------------------- | --------------------",
        "one two three four   | x",
        "five                 |",
        "                     | y",
    ]


def test_of_no_texts_nothing_is_shown():
    assert side_by_side({}) == ""


def test_of_long_texts_the_end_is_shown_below_the_notes():
    shown = side_by_side({"a": "1\n2\n3", "b": "x"}, width=35, rows=2, notes={"a": ["active"]})
    assert shown.splitlines() == [
        "a                | b",
        "active           |",
        "---------------- | ----------------",
        "2                | x",
        "3                |",
    ]


@pytest.mark.parametrize("prices", [5, {"c": (1, 2)}, {"a": 5}, {"a": (1,)}, {"a": (1, "2")}, {"a": (-1, 2)}])
def test_prices_are_two_numbers_for_tracks_that_there_are(prices):
    with pytest.raises(ConfigurationError, match="prices"):
        DualTrack(tracks_of([], []), "compare").compare(prices)


def test_a_track_that_there_is_not_is_named():
    comparison = DualTrack(tracks_of([], []), "compare").compare()
    for ask in (comparison.agreement, comparison.first_divergence):
        with pytest.raises(ConfigurationError, match="'c'"):
            ask("c")

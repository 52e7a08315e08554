"""All tracks as one text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plays import FAILED, OVER, play

from api_models.dual_track import TrackText, compare, merge
from api_models.exceptions import ConfigurationError, RateLimitError
from api_models.streaming.parts.cutting import Shaper
from api_models.streaming.stream_events import ResetNotice, StreamChunk, StreamResult, TokenUsage, ToolCall

OTHER = RateLimitError("busy")
CALL = StreamChunk(tool_call=ToolCall("1", "look", {}, "{}"))
ACUTE, ZWJ = "\u0301", "\u200d"
AGAIN = ResetNotice("again")


@pytest.mark.parametrize("mode", [merge(), compare()])
@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        # The last grapheme waits until it cannot grow.
        ([("a", "one "), ("b", "xy"), ("a", "two"), ("b", "z"), ("a", OVER), ("b", OVER)],
         ["one", "x", " tw", "y", "o", "z", "end"]),
        ([("a", "caf"), ("a", "e"), ("b", "xy"), ("a", ACUTE), ("a", "s")],
         ["ca", "f", "x", "e" + ACUTE]),
        ([("a", "👩"), ("b", "xy"), ("a", ZWJ), ("a", "👧"), ("a", "!")], ["x", f"👩{ZWJ}👧"]),
        ([("a", "ab\r"), ("a", "\nc")], ["ab", "\r\n"]),
        # What is no text keeps its place in its track.
        ([("a", "one"), ("a", CALL), ("b", "xy")], ["on", "e", CALL, "x"]),
        # A failure is that of its track; text goes out before it.
        ([("a", "one"), ("a", FAILED), ("b", "xy"), ("b", OVER)], ["on", "e", "x", "y", "end"]),
        ([("a", "one"), ("a", FAILED), ("b", OTHER)], ["on", "e", FAILED]),
        # Of one track's reset all hear, and the others' text is said again.
        ([("a", "one"), ("b", "xyz"), ("a", AGAIN), ("a", "two")], ["on", "xy", "reset", "xy", "tw"]),
        ([("b", "xyz"), ("a", AGAIN), ("a", "two")], ["xy", "tw"]),
    ],
)  # fmt: skip
def test_by_arrival(mode, arrivals, told):
    assert play(mode, arrivals) == ["+a", "+b", *told]


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ([("a", "One "), ("b", "Ex. Y"), ("a", "two. "), ("a", "Three"), ("a", OVER), ("b", OVER)],
         ["Ex. ", "One two. ", "Three", "Y", "end"]),
        ([("a", "One "), ("a", AGAIN), ("a", "Two. ")], ["Two. "]),
    ],
)  # fmt: skip
def test_by_sentence(arrivals, told):
    assert play(merge("sentence"), arrivals) == ["+a", "+b", *told]


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ([("b", "xyz"), ("a", "one"), ("b", OVER), ("a", OVER)], ["on", "e", "xy", "z", "end"]),
        ([("b", "xyz"), ("a", FAILED), ("b", "!"), ("b", OVER)], ["xy", "z", "!", "end"]),
        ([("b", "xyz"), ("b", AGAIN), ("b", "uv"), ("a", OVER), ("b", OVER)], ["u", "v", "end"]),
        ([("b", "xyz"), ("a", "one"), ("a", AGAIN), ("a", "two"), ("a", OVER), ("b", OVER)],
         ["on", "reset", "tw", "o", "xy", "z", "end"]),
        ([("b", "xyz"), ("a", "one"), ("a", OVER), ("b", AGAIN), ("b", "uv"), ("b", OVER)],
         ["on", "e", "xy", "reset", "on", "e", "u", "v", "end"]),
    ],
)  # fmt: skip
def test_in_sequence(arrivals, told):
    assert play(merge("sequence"), arrivals) == ["+a", "+b", *told]


def test_each_piece_knows_its_track():
    pieces = play(merge(), [("a", "ab"), ("b", "xy")])[2:]
    assert [(piece.track, piece) for piece in pieces] == [("a", "a"), ("b", "x")]
    assert all(isinstance(piece, TrackText) for piece in pieces)


@pytest.mark.parametrize("by", ["arrival", "sentence", "sequence"])
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.text(st.sampled_from(["a", "e", ACUTE, "\r", "\n", "🇩", ZWJ, "👩", ".", " "]), min_size=1),
        ),
        max_size=30,
    )
)
def test_the_text_of_each_track_is_whole_and_no_grapheme_is_split(by, said):
    names = ("a", "b", "c")
    pieces = [
        piece
        for piece in play(merge(by), [*said, *((name, OVER) for name in names)], names)
        if isinstance(piece, TrackText)
    ]
    for name in names:
        text = "".join(each for who, each in said if who == name)
        own = [piece for piece in pieces if piece.track == name]
        assert "".join(own) == text
        shaper = Shaper("grapheme", 1)
        graphemes = [grapheme for grapheme, _ in shaper.push(text) + shaper.flush()] if text else []
        ends = {sum(map(len, graphemes[:number])) for number in range(len(graphemes) + 1)}
        if by != "sentence":
            assert all(sum(map(len, own[:number])) in ends for number in range(len(own)))


def last_words(*results):
    run = merge().start(("a", "b"))
    acts = [run.end(track, result, 0.0) for track, result in enumerate(results)]
    return acts[-1][0]


def test_usage_is_the_sum_of_what_all_have_reported():
    first = StreamResult("", stop_reason="stop", usage=TokenUsage(3, 4, source="reported"))
    other = StreamResult("", stop_reason="length", usage=TokenUsage(5, None, source="reported"))
    assert last_words(first, first) == StreamChunk(
        stop_reason="stop", usage=TokenUsage(6, 8, source="reported")
    )
    assert last_words(first, other) == StreamChunk(usage=TokenUsage(8, None, source="reported"))
    assert last_words(first, StreamResult("", stop_reason="stop")) == StreamChunk(
        stop_reason="stop", usage=TokenUsage()
    )


def test_what_is_no_merge_is_refused():
    with pytest.raises(ConfigurationError, match="by"):
        merge("word")

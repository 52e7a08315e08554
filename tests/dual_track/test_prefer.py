"""A draft, until something better comes. The tracks are in order of preference: `a` is the wanted one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plays import FAILED, OVER, play

from api_models.dual_track import prefer, race
from api_models.dual_track.switches import TrackSwitch
from api_models.exceptions import ConfigurationError, RateLimitError
from api_models.streaming.stream_events import ResetNotice, StreamChunk, StreamResult, ToolCall
from api_models.streaming.stream_source import text_of

OTHER = RateLimitError("busy")
CALL = StreamChunk(tool_call=ToolCall("1", "look", {}, "{}"))
AGAIN = ResetNotice("again")


@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        # The wanted one is shown at once if it is the first to speak, and no draft replaces it.
        ([("a", "x"), ("b", "y. "), ("a", OVER)], ["x", "-b", "end"]),
        # It takes over with its first whole sentence, and with all it has said.
        ([("b", "y"), ("a", "On"), ("b", "z"), ("a", "e. T"), ("b", "!"), ("a", "wo")],
         ["y", "z", "reset", "On", "e. T", "wo"]),
        ([("b", "y"), ("a", "One"), ("a", OVER)], ["y", "reset", "One", "-b", "end"]),
        ([("b", "y"), ("a", CALL)], ["y", "reset", CALL]),
        # A draft that is whole waits for the wanted one, as long as that may come.
        ([("b", "y"), ("b", OVER), ("a", "One. "), ("a", OVER)], ["y", "reset", "One. ", "end"]),
        ([("b", "y"), ("b", OVER), ("a", FAILED)], ["y", "end"]),
        ([("a", FAILED), ("b", "y"), ("b", OVER)], ["y", "end"]),
        # What has nothing to say replaces nothing.
        ([("b", "y"), ("a", OVER), ("b", OVER)], ["y", "end"]),
        ([("a", OVER), ("b", OVER)], ["end"]),
        ([("a", OVER), ("b", FAILED)], ["end"]),
        # Back to the draft when the wanted one fails.
        ([("b", "y"), ("a", "One. "), ("b", "z"), ("a", FAILED), ("b", "!"), ("b", OVER)],
         ["y", "reset", "One. ", "reset", "y", "z", "!", "end"]),
        ([("b", "y"), ("b", OVER), ("a", "One. "), ("a", FAILED)], ["y", "reset", "One. ", "reset", "y", "end"]),
        ([("a", "x"), ("a", FAILED), ("b", "y"), ("b", OVER)], ["x", "reset", "y", "end"]),
        ([("b", "y"), ("b", FAILED), ("a", "x"), ("a", OVER)], ["y", "reset", "x", "end"]),
        # Nothing is left: the error is that of what is shown.
        ([("b", "y"), ("a", FAILED), ("b", OTHER)], ["y", OTHER]),
        ([("a", FAILED), ("b", OTHER)], [FAILED]),
        # An answer that begins anew.
        ([("b", "y"), ("a", "One"), ("a", AGAIN), ("a", ". Two"), ("a", ". ")],
         ["y", "reset", ". Two", ". "]),
        ([("b", "y"), ("b", AGAIN), ("b", "z"), ("a", "One. ")], ["y", "reset", "z", "reset", "One. "]),
    ],
)  # fmt: skip
def test_what_is_shown(arrivals, told):
    assert play(prefer(), arrivals) == ["+a", "+b", *told]


def test_the_best_of_several_that_has_spoken_takes_over():
    arrivals = [("c", "z"), ("b", "Two. "), ("a", "One. "), ("a", FAILED), ("b", OVER)]
    assert play(prefer(), arrivals, ("a", "b", "c"))[3:] == [
        "z", "reset", "Two. ", "reset", "One. ", "reset", "Two. ", "-c", "end",
    ]  # fmt: skip


def test_a_judge_decides_sentence_by_sentence():
    asked = []

    def longer(shown, candidate):
        asked.append((shown, candidate))
        return len(candidate) > len(shown)

    arrivals = [
        ("b", "A long draft"),
        ("a", "On"),
        ("a", "e. "),
        ("a", "Two. "),
        ("a", "Three. "),
        ("a", OVER),
    ]
    assert play(prefer(longer), arrivals)[2:] == [
        "A long draft", "reset", "On", "e. ", "Two. ", "Three. ", "-b", "end",
    ]  # fmt: skip
    assert asked == [("A long draft", text) for text in ("One. ", "One. Two. ", "One. Two. Three. ")]


def test_a_judge_that_never_says_yes_keeps_the_draft():
    arrivals = [("b", "y"), ("a", "One. "), ("a", OVER), ("b", "z"), ("b", OVER)]
    assert play(prefer(lambda *_: False), arrivals)[2:] == ["y", "z", "end"]


def test_a_judge_is_not_asked_when_the_draft_has_failed():
    arrivals = [("b", "y"), ("a", "One. "), ("b", FAILED), ("a", OVER)]
    assert play(prefer(lambda *_: False), arrivals)[2:] == ["y", "reset", "One. ", "end"]


def test_a_switch_says_from_whom_to_whom():
    run = prefer().start(("cloud", "local"))
    run.take(1, "draft", 0.0)
    notice, text = run.take(0, "One. ", 0.0)
    assert isinstance(notice.reason, TrackSwitch)
    assert (notice.reason.before, notice.reason.after, text) == ("local", "cloud", "One. ")
    assert notice.reason == "cloud takes over from local: cloud is preferred"


EVENTS = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["x", "One. ", " y", "Two. ", OVER, FAILED, AGAIN])
)


@given(st.lists(EVENTS, max_size=40))
def test_a_switch_never_repeats_or_drops_text(events):
    """Whatever comes: what is shown is what the shown track has said, no more, no less."""
    names, run, text, said, over = ("a", "b", "c"), prefer().start(("a", "b", "c")), "", ["", "", ""], set()
    for name, event in events:
        track = names.index(name)
        if track in over:
            continue
        if event is OVER or event is FAILED:
            over.add(track)
        said[track] = "" if event is AGAIN else said[track] + (event if isinstance(event, str) else "")
        for act in _acts(run, track, event):
            text = "" if isinstance(act, ResetNotice) else text + text_of(act)
        assert text == ("" if run.shown is None else said[run.shown])


def _acts(run, track, event):
    if event is OVER:
        return run.end(track, StreamResult(""), 0.0)
    return run.end(track, event, 0.0) if event is FAILED else run.take(track, event, 0.0)


def test_what_is_no_judge_is_refused():
    with pytest.raises(ConfigurationError, match="judge"):
        prefer("x")


@pytest.mark.parametrize("mode", [prefer(), race(until="sentence")])
def test_a_text_without_a_sentence_is_not_looked_at_again_with_each_token(mode):
    """A hundred thousand characters; searched again for each token they would take minutes."""
    run, begun = mode.start(("a", "b")), time.process_time()
    run.take(1, "y", 0.0)
    for _ in range(20_000):
        run.take(0, "word ", 0.0)
    assert time.process_time() - begun < 2

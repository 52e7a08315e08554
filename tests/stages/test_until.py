"""Text up to a point, and no further."""

from __future__ import annotations

import pytest
from fakes import RecordingHandler, ScriptedSource, run
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.stages import StagedSource, take_until
from api_models.streaming.stream_events import ResetNotice, StreamChunk


@given(st.lists(st.text("ab", min_size=1)), st.text("ab", min_size=1, max_size=4))
def test_a_marker_is_found_however_the_text_was_cut(texts, marker):
    before, found, _ = "".join(texts).partition(marker)
    assert "".join(take_until(marker)(texts)) == before
    assert "".join(take_until(marker, inclusive=True)(texts)) == before + found


def test_only_what_may_begin_the_marker_is_kept_back():
    flow = take_until("END")(ScriptedSource("text E", "not"))
    assert [next(flow), next(flow)] == ["text ", "Enot"]


def test_nothing_is_read_behind_the_marker_and_the_source_is_closed():
    source, heard = ScriptedSource("a", "END", "b"), RecordingHandler()
    assert run(StagedSource(source, take_until("END")), heard).result().text == "a"
    assert (source.reads, source.closes) == (2, 1)
    heard.check("complete")


def test_a_function_says_which_piece_is_the_last():
    assert list(take_until(str.isdigit)(["a", "1", "b"])) == ["a"]
    assert list(take_until(str.isdigit, inclusive=True)(["a", "1", "b"])) == ["a", "1"]


def test_a_marker_does_not_reach_across_a_reset():
    again = ResetNotice("again")
    assert list(take_until("END")(["E", again, "ND"])) == [again, "ND"]


def test_several_in_a_row_each_find_their_own():
    assert list((take_until("X") | take_until("Y"))(["a", "Y", "X"])) == ["a"]
    assert list((take_until("Y") | take_until("X"))(["a", "Y", "X"])) == ["a"]


def test_without_the_marker_all_of_it_passes():
    end = StreamChunk(stop_reason="stop")
    assert list(take_until("END")(["a E", end])) == ["a ", "E", end]


@pytest.mark.parametrize("wrong", ["", None, 3, b"x"])
def test_what_marks_nothing_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="marker"):
        take_until(wrong)


@pytest.mark.parametrize("marker", ["END", lambda text: text == "END"])
def test_a_stream_that_was_cut_off_says_so(marker):
    """As with a stop sequence of the provider's; of the usage it never got to speak."""
    result = run(StagedSource(ScriptedSource("a", "END", "b"), take_until(marker))).result()
    assert (result.stop_reason, result.raw_stop_reason, result.usage.source) == (
        "stop_sequence",
        None,
        "unknown",
    )


def test_a_stream_that_ends_by_itself_keeps_its_own_stop_reason():
    source = ScriptedSource("a", StreamChunk(stop_reason="length")).end()
    assert run(StagedSource(source, take_until("END"))).result().stop_reason == "length"

"""Pieces joined by count, by size, by time."""

from __future__ import annotations

import math

import pytest
from fakes import ScriptedSource

from api_models.exceptions import ConfigurationError
from api_models.stages import StagedSource, batch
from api_models.streaming.stream_events import StreamChunk


def test_so_many_pieces_are_joined():
    assert list(batch(2)(["a", "b", "c"])) == ["ab", "c"]


def test_pieces_are_joined_to_so_many_characters_and_not_cut():
    assert list(batch(characters=3)(["a", "bc", "defghi", "j"])) == ["abc", "defghi", "j"]


def test_whichever_comes_first():
    assert list(batch(3, characters=4)(["a", "b", "c", "wxyz", "d"])) == ["abc", "wxyz", "d"]


def test_text_goes_out_in_time_although_nothing_more_comes():
    source = ScriptedSource("a", "b")
    with batch(seconds=0.01)(source) as flow:
        texts = ""
        while texts != "ab":
            texts += next(flow)
        source.push("c")
        assert next(flow) == "c"


def test_text_of_a_stream_goes_out_in_time_too():
    source = StagedSource(ScriptedSource("a"), batch(seconds=0.01))
    while not (chunks := [chunk for chunk in source.read() if isinstance(chunk, str)]):
        pass
    assert chunks == ["a"]
    source.close()


def test_what_is_no_text_does_not_wait_for_the_clock():
    usage = StreamChunk(model="m")
    with batch(seconds=60.0)(ScriptedSource("a", usage)) as flow:
        assert next(flow) is usage


def test_an_error_comes_behind_the_text():
    flow = batch(seconds=60.0)(ScriptedSource("a").fail(OSError("cut")))
    assert next(flow) == "a"
    with pytest.raises(OSError, match="cut"):
        next(flow)


@pytest.mark.parametrize("name", ["pieces", "characters", "seconds"])
@pytest.mark.parametrize("wrong", [0, -1, math.nan, "2", True])
def test_what_is_no_size_is_refused(name, wrong):
    with pytest.raises(ConfigurationError, match=name):
        batch(**{name: wrong})


def test_a_batch_needs_a_limit():
    with pytest.raises(ConfigurationError, match="batch needs one of"):
        batch()

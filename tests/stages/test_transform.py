"""Other text for each piece of text."""

from __future__ import annotations

import threading

import pytest
from fakes import ScriptedSource

from api_models.exceptions import ConfigurationError
from api_models.stages import filter_text, flat_map_text, map_text, recut, tee
from api_models.streaming.exceptions import StreamingError

MAKERS = [map_text, filter_text, flat_map_text, tee]


def test_map_gives_one_for_one():
    assert list(map_text(str.title)(["one", " two"])) == ["One", " Two"]


def test_b0_28_a_stage_streams():
    """What goes in comes out before the next is read, so an endless source is no harm."""
    source = ScriptedSource("a")
    with map_text(str.upper)(source) as flow:
        assert next(flow) == "A"
        assert source.reads == 1


async def later(text):
    return text


@pytest.mark.parametrize("make", MAKERS)
def test_b0_29_an_async_function_is_refused_at_once(make):
    with pytest.raises(ConfigurationError, match="ordinary function"):
        make(later)


def test_b0_29_what_would_have_to_be_awaited_never_becomes_text():
    promise = later("a")
    with pytest.raises(StreamingError, match="coroutine"):
        list(map_text(lambda text: promise)(["a"]))
    promise.close()


def test_b0_30_filtering_takes_out_and_leaves_no_trace():
    assert list(filter_text(lambda text: text != "b")(["a", "b", "c"])) == ["a", "c"]
    assert list(map_text(lambda text: "")(["a"])) == []


def test_b0_30_one_piece_may_become_several_or_none():
    assert list(flat_map_text(str.split)(["one two", " ", "three"])) == ["one", "two", "three"]


def test_b0_31_the_source_is_closed_when_a_function_fails():
    source = ScriptedSource("a", "b")
    with pytest.raises(ZeroDivisionError):
        list(map_text(lambda text: str(1 / 0))(source))
    assert (source.closes, source.reads) == (1, 1)


def test_b0_32_an_error_behind_a_function_is_not_blamed_on_it():
    """The consumer's error goes its own way, the source's is raised as it came."""
    cause = OSError("cut")
    with pytest.raises(OSError, match="cut") as caught:
        list(map_text(str.upper)(ScriptedSource("a").fail(cause)))
    assert caught.value is cause
    assert caught.value.__cause__ is None


def test_tee_shows_text_and_passes_it_unchanged():
    first, second = [], []
    assert list((recut("word") | tee(first.append, second.append))(["a b", " c"])) == ["a ", "b ", "c"]
    assert first == second == ["a ", "b ", "c"]


def test_tee_shows_a_text_before_the_next_is_read():
    seen, source = threading.Event(), ScriptedSource("a")
    with tee(lambda text: seen.set())(source) as flow:
        next(flow)
        assert seen.is_set()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("wrong", [None, "upper", 3])
def test_what_cannot_be_called_is_refused(make, wrong):
    with pytest.raises(ConfigurationError):
        make(wrong)


@pytest.mark.parametrize("wrong", [None, 3, b"x"])
def test_a_function_that_makes_no_text_fails_its_stream(wrong):
    with pytest.raises(StreamingError, match="str"):
        list(map_text(lambda text: wrong)(["a"]))

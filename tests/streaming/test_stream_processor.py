"""Streams on the caller's own thread."""

from __future__ import annotations

import threading

import pytest
from fakes import RecordingHandler, ScriptedSource, in_threads
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import APIModelError, ConfigurationError, RateLimitError
from api_models.streaming.exceptions import HandlerError, StreamingError, StreamInterruptedError
from api_models.streaming.stream_processor import StreamProcessor
from api_models.streaming.stream_source import StreamSource


def raising(error: BaseException):
    def callback(*_: object) -> None:
        raise error

    return callback


def test_the_text_is_returned_and_told():
    """The handlers hear what they would hear of a stream in the background; the caller gets the text."""
    handler, before = RecordingHandler(), threading.active_count()
    source = ScriptedSource("a", "b").end()
    assert StreamProcessor().process_stream(source, [handler]) == "ab"
    assert handler.check("complete").arguments("token") == [("a", 0), ("b", 1)]
    assert {call.thread for call in handler.calls} == {threading.current_thread()} == set(source.threads)
    assert (threading.active_count(), source.closes) == (before, 1)


def test_no_handlers_are_needed():
    """The text alone may be what a script wants."""
    assert StreamProcessor().process_stream(["a", "b"], []) == "ab"
    assert StreamProcessor().process_stream([], []) == ""


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_the_config_applies(size):
    """Buffering works on the caller's thread as in the background."""
    handler = RecordingHandler()
    StreamProcessor({"buffer_size": size}).process_stream(["a", "b", "c", "d", "e"], [handler])
    words = ["abcde"[at : at + size] for at in range(0, 5, size)]
    assert handler.arguments("token") == [(word, at * size) for at, word in enumerate(words)]


def test_b1_28_nothing_is_left_of_a_failed_stream():
    """What an error left in the buffer never reaches the next stream."""
    processor = StreamProcessor({"buffer_size": 3})
    with pytest.raises(StreamInterruptedError):
        processor.process_stream(ScriptedSource("STALE").fail(StreamInterruptedError("cut")), [])
    handler = RecordingHandler()
    assert processor.process_stream(["n", "1"], [handler]) == "n1"
    assert handler.tokens == ["n1"]


def test_b1_28_streams_on_several_threads_do_not_mix():
    """One processor may serve several threads at once."""
    processor = StreamProcessor({"buffer_size": 3})
    words = [[f"{number}.{at} " for at in range(100)] for number in range(4)]
    texts = in_threads(*[lambda w=w: processor.process_stream(w, [RecordingHandler()]) for w in words])
    assert texts == ["".join(w) for w in words]


def test_b1_29_buffered_text_comes_before_the_error():
    """The handlers have all the text when they are told of the error."""
    handler = RecordingHandler()
    source = ScriptedSource("a", "b").fail(ValueError("boom"))
    with pytest.raises(StreamingError):
        StreamProcessor({"buffer_size": 9}).process_stream(source, [handler])
    assert handler.check("error").tokens == ["ab"]
    assert handler.ending.partial_text == "ab"


def test_b1_30_the_index_of_a_buffered_delivery_is_that_of_its_first_token():
    """The index counts the provider's tokens handed out before."""
    handler = RecordingHandler()
    StreamProcessor({"buffer_size": 2}).process_stream(list("abcde"), [handler])
    assert handler.arguments("token") == [("ab", 0), ("cd", 2), ("e", 4)]


def test_b1_31_an_error_is_told_once_and_raised():
    """The start carries metadata and comes once; the error told is the error raised, with its cause."""
    handler, boom = RecordingHandler(), ValueError("boom")
    with pytest.raises(StreamingError) as caught:
        StreamProcessor().process_stream(ScriptedSource("a").fail(boom), [handler])
    assert handler.check("error").ending is caught.value
    assert caught.value.__cause__ is boom
    assert handler.arguments("start")[0][0]["stream_id"]


def test_an_error_of_the_house_is_not_wrapped():
    """What is already typed is raised as it is, with the partial text added."""
    limit = RateLimitError("slow down")
    with pytest.raises(RateLimitError) as caught:
        StreamProcessor().process_stream(ScriptedSource("a").fail(limit), [])
    assert caught.value is limit
    assert limit.partial_text == "a"


@given(st.lists(st.text(max_size=3), max_size=20), st.integers(1, 6))
def test_buffer_tokens_keeps_the_text(tokens, size):
    """Joined, the buffered pieces are the tokens, each but the last of `size` of them."""
    pieces = list(StreamProcessor().buffer_tokens(tokens, size))
    assert pieces == ["".join(tokens[at : at + size]) for at in range(0, len(tokens), size)]


def test_buffer_tokens_is_lazy_and_takes_the_configs_size():
    """Nothing is read before it is asked for."""
    read = []

    def source():
        for token in "abcde":
            read.append(token)
            yield token

    pieces = StreamProcessor({"buffer_size": 2}).buffer_tokens(source())
    assert read == []
    assert (next(pieces), read) == ("ab", ["a", "b"])
    assert list(pieces) == ["cd", "e"]


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", True])
def test_b1_33_nonsense_sizes_are_refused(size):
    """Zero is not taken for the default, and neither is anything else that is no size."""
    with pytest.raises(ConfigurationError, match="buffer_size"):
        StreamProcessor().buffer_tokens(["a"], size)


def test_b1_34_statistics_are_of_the_stream_that_ended_last():
    """Zero before the first, then whole and the caller's to keep."""
    processor = StreamProcessor()
    assert processor.get_statistics()["tokens_received"] == 0
    processor.process_stream(["a", "b", "c"], [])
    kept = processor.get_statistics()
    assert (kept["tokens_received"], kept["errors"], kept["attempts"]) == (3, 0, 1)
    kept["tokens_received"] = 99
    with pytest.raises(StreamingError):
        processor.process_stream(ScriptedSource("a").fail(ValueError("x")), [])
    assert (processor.get_statistics()["tokens_received"], processor.get_statistics()["errors"]) == (1, 1)


def test_b1_35_buffer_tokens_closes_its_source():
    """The source is let go when the consumer stops early, and when it reads to the end."""
    for stop_early in (True, False):
        closed = []

        def source(closed=closed):
            try:
                yield from "abcdef"
            finally:
                closed.append(1)

        pieces = StreamProcessor().buffer_tokens(source(), 2)
        next(pieces)
        pieces.close() if stop_early else list(pieces)
        assert closed == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(2)], ids=repr)
@pytest.mark.parametrize("where", ["source", "handler"])
def test_ctrl_c_ends_it_as_cancelled(error, where):
    """Ctrl-C comes through to the caller; the handlers hear one end, and the source is closed."""
    source = ScriptedSource("a")
    handler = RecordingHandler(**({"token": raising(error)} if where == "handler" else {}))
    source.fail(error) if where == "source" else source.push("b").end()
    with pytest.raises(type(error)):
        StreamProcessor().process_stream(source, [handler])
    assert handler.check("cancelled").ending == "a"
    assert source.closes == 1


def test_ctrl_c_in_a_handler_of_flushed_text_comes_through():
    """Ctrl-C is not swallowed when it falls into the delivery of what the buffer still held."""
    handler = RecordingHandler(token=raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        StreamProcessor({"buffer_size": 9}).process_stream(["a"], [handler])
    assert [name for name in handler.names() if name in ("complete", "error", "cancelled")] != []


def test_ctrl_c_in_the_last_callback_comes_through():
    """Ctrl-C is not swallowed when it falls into the callback that tells the end."""
    handler = RecordingHandler(complete=raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        StreamProcessor().process_stream(["a"], [handler])
    handler.check("complete")


def test_a_failing_handler_is_isolated_or_stops():
    """The policies hold on the caller's thread too."""
    for policy, ending in (("isolate", "complete"), ("stop", "error")):
        bad, good = RecordingHandler(token=raising(RuntimeError("x"))), RecordingHandler()
        try:
            StreamProcessor({"handler_errors": policy}).process_stream(["a", "b"], [bad, good])
        except HandlerError:
            assert policy == "stop"
        good.check(ending)


def test_a_source_that_cannot_be_closed_does_no_harm():
    """A failure in `close` costs neither the text nor the end."""

    class Stuck(ScriptedSource):
        def close(self):
            raise OSError("it sticks")

    handler = RecordingHandler()
    assert StreamProcessor().process_stream(Stuck("a").end(), [handler]) == "a"
    handler.check("complete")


def test_the_wires_own_numbers_are_reported():
    """Bytes and gaps are measured on the caller's thread as in the background."""

    class Wire(ScriptedSource):
        def read(self):
            self.bytes_received += 10
            return super().read()

    source, processor = Wire("a").end(), StreamProcessor()
    processor.process_stream(source, [])
    assert processor.get_statistics()["bytes_received"] == source.bytes_received == 20


@pytest.mark.parametrize("bad", ["text", 7, None])
def test_what_is_no_source_is_refused_before_anyone_is_told(bad):
    """A mistake in the call is no failed stream."""
    handler = RecordingHandler()
    with pytest.raises(ConfigurationError):
        StreamProcessor().process_stream(bad, [handler])
    assert handler.calls == []


def test_a_source_that_fails_to_open_is_one_typed_end():
    """Handlers hear of a start even when the source fails before its first read."""

    class Shut(StreamSource):
        def open(self, config):
            raise OSError("shut")

        def read(self):
            return None

    handler = RecordingHandler()
    with pytest.raises(APIModelError):
        StreamProcessor().process_stream(Shut(), [handler])
    handler.check("error")

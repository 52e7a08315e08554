"""One run of a chain: its source is closed on every path, once, and by nobody who is in its way."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, AbortedError, ScriptedSource

from api_models.stages import batch, map_text, recut, smooth, take_until, throttle

upper, words = map_text(str.upper), recut("word")
CHAINS = {
    "one": upper,
    "several": words | upper | words,
    "function": words | (lambda chunks: (chunk for chunk in chunks)) | upper,
    "ahead": words | smooth() | upper,
    "ahead twice": batch(seconds=0.01) | throttle(1e9) | upper,
}


@pytest.fixture(params=CHAINS)
def chain(request):
    before = set(threading.enumerate())
    yield CHAINS[request.param]
    assert set(threading.enumerate()) <= before


def test_the_source_is_closed_at_its_end(chain):
    source = ScriptedSource("a ", "b").end()
    assert "".join(chunk for chunk in chain(source) if isinstance(chunk, str)) == "A B"
    assert source.closes == 1


def test_the_source_is_closed_when_it_fails(chain):
    source = ScriptedSource("a ").fail(OSError("cut"))
    with pytest.raises(OSError, match="cut"):
        list(chain(source))
    assert source.closes == 1


def test_the_source_is_closed_when_a_stage_fails(chain):
    source = ScriptedSource("a ", "b ")
    with pytest.raises(ZeroDivisionError):
        list((chain | map_text(lambda text: str(1 / 0)))(source))
    assert source.closes == 1


def test_the_source_is_closed_when_the_consumer_stops(chain):
    """While it is silent, too: a thread that reads ahead is woken."""
    source = ScriptedSource("a ", "b ")
    with chain(source) as flow:
        next(flow)
    flow.close()
    assert source.closes == 1
    assert list(flow) == []


def test_the_source_is_closed_that_was_never_read(chain):
    source = ScriptedSource()
    flow = chain(source)
    flow.close()
    assert (source.closes, source.reads) == (1, 0)
    assert list(flow) == []


def test_the_source_is_closed_when_the_flow_is_dropped(chain):
    source = ScriptedSource("a ", "b ")
    flow = chain(source)
    next(flow)
    del flow
    source.wait_until_closed()
    assert source.closes == 1


def test_the_source_is_closed_by_an_interrupt(chain):
    """Ctrl-C and an exit are not swallowed on their way."""
    source = ScriptedSource("a ").fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(chain(source))
    assert source.closes == 1


def test_b0_15_leaving_a_generator_is_not_swallowed():
    """Closing a generator that iterates a chain ends both; neither goes on."""
    source = ScriptedSource("a ", "b ", "c ").end()

    def consumer():
        yield from (words | upper)(source)

    texts = consumer()
    next(texts)
    texts.close()
    assert source.closes == 1
    assert list(texts) == []


def test_a_generator_is_closed_by_its_chain(chain):
    closed = []

    def source():
        try:
            yield "a "
            yield "b "
        finally:
            closed.append(True)

    with chain(source()) as flow:
        next(flow)
    assert closed == [True]


def test_an_abort_ends_a_read_from_another_thread(chain):
    """And all the waiting in the stages."""
    source = ScriptedSource("a ")
    flow = chain(source)
    threading.Timer(0.01, lambda: (source.wait_until_blocked(), flow.abort())).start()
    with pytest.raises(AbortedError):
        list(flow)
    assert source.closes == 1
    assert source.aborts >= 1


def test_an_abort_ends_the_wait_of_a_throttle():
    """What it had kept goes out at once: it was received."""
    source = ScriptedSource().push_batch("a", "b", "c")
    flow, texts = throttle(0.001)(source), []
    threading.Timer(0.01, lambda: (source.wait_until_blocked(), flow.abort())).start()
    with pytest.raises(AbortedError):
        texts.extend(flow)  # keeps what came before the error
    assert texts == ["a", "b", "c"]
    assert source.closes == 1


def test_take_until_ends_what_stands_before_it():
    """The source is closed before the last text is handed on, whatever reads ahead."""
    for before in CHAINS.values():
        source = ScriptedSource("a ", "b ", "c ")
        flow = (before | take_until("B", inclusive=True))(source)
        texts = []
        for chunk in flow:
            texts.append(chunk)
            if "B" in chunk:
                assert source.closes == 1
        assert "".join(texts) == "A B"
        assert source.closes == 1


def test_a_source_that_nothing_wakes_is_closed_when_its_read_ends():
    """Closing does not wait for it for ever; its thread closes it, and is gone."""
    gate, closed = threading.Event(), threading.Event()

    def deaf():
        try:
            yield "a"
            gate.wait(TIMEOUT)
            yield "b"
        finally:
            closed.set()

    flow = smooth()(deaf())
    assert next(flow) == "a"
    flow.close()
    assert not closed.is_set()
    gate.set()
    assert closed.wait(TIMEOUT)

"""Reading ahead on a thread: bounded, in order, to the end or until it is stopped."""

from __future__ import annotations

import contextvars
import threading

import pytest
from fakes import TIMEOUT, ScriptedSource

from api_models.stages import compose
from api_models.stages.ahead import Ahead, End


def ahead_of(source, limit=10):
    flow = compose()(source)
    return Ahead(flow, flow.abort, limit=limit, name="test")


def test_chunks_come_in_order_and_then_the_end():
    ahead = ahead_of(["a", "b"])
    ahead.start()
    assert [ahead.take(), ahead.take(), ahead.take()] == ["a", "b", End(None)]
    assert ahead.has_ended
    ahead.close()


def test_an_error_is_behind_the_chunks():
    cause = OSError("cut")
    ahead = ahead_of(ScriptedSource("a").fail(cause))
    ahead.start()
    assert [ahead.take(), ahead.take()] == ["a", End(cause)]
    ahead.close()


def test_it_does_not_read_further_than_it_may():
    source = ScriptedSource(*"abcdef").end()
    ahead = ahead_of(source, limit=2)
    ahead.start()
    assert ahead.take() == "a"
    taken = ["a"]
    while not isinstance(chunk := ahead.take(), End):
        assert source.reads <= len(taken) + 1 + 2 + 1  # taken, in hand, waiting, being put down
        taken.append(chunk)
    assert taken == list("abcdef")
    ahead.close()


def test_waiting_ends_in_time():
    ahead = ahead_of(ScriptedSource())
    ahead.start()
    assert ahead.take(0.001) is None
    ahead.close()


def test_a_failure_to_close_is_told():
    class Stuck(ScriptedSource):
        def close(self):
            raise RuntimeError("stuck")

    ahead = ahead_of(Stuck("a").end())
    ahead.start()
    assert ahead.take() == "a"
    end = ahead.take()
    assert isinstance(end.error, RuntimeError)


def test_the_thread_has_the_context_of_who_made_it():
    """A user's stage sees the same context variables, on whatever thread."""
    variable, seen = contextvars.ContextVar("variable"), []
    variable.set("here")

    def source():
        seen.append((variable.get(None), threading.current_thread().name))
        yield "a"

    ahead = ahead_of(source())
    ahead.start()
    assert ahead.take(TIMEOUT) == "a"
    ahead.close()
    assert seen == [("here", "api-models-test")]


@pytest.mark.parametrize("started", [True, False])
def test_closing_twice_is_harmless(started):
    source = ScriptedSource()
    ahead = ahead_of(source)
    if started:
        ahead.start()
    ahead.close()
    ahead.close()
    assert source.closes == 1

"""The words and figures for a stream that is being watched."""

from __future__ import annotations

import pytest

from api_models.exceptions import ProviderUnavailableError
from api_models.handlers.answer_status import AnswerStatus, figures
from api_models.streaming import stream_events as events


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def told(*news, clock=None):
    status = AnswerStatus(clock or Clock())
    for one in news:
        status.take(one, 3)
    return status


START = events.StreamStarted("s", 0.0, {"provider": "lab", "model": "m"})
ERROR = ProviderUnavailableError("overloaded")


@pytest.mark.parametrize(
    ("news", "title"),
    [
        ([], "waiting"),
        (["text"], "streaming"),
        ([events.ThinkingReceived("s", 1.0, "hm", 0)], "thinking"),
        ([events.ThinkingReceived("s", 1.0, "hm", 0), "text"], "streaming"),
        ([events.StreamPaused("s", 1.0)], "paused"),
        (["text", events.StreamPaused("s", 1.0), events.StreamResumed("s", 1.0)], "streaming"),
        ([events.StreamQuiet("s", 40.0, 30.0)], "nothing for 30 s"),
        ([events.StreamRetrying("s", 1.0, 1, 2.5, ERROR)], "attempt 1 failed, next in 2.5 s"),
        (["text", events.StreamReset("s", 1.0, "broke off")], "beginning again"),
        (["text", events.StreamCancelled("s", 1.0, "text")], "stopped"),
        ([events.StreamFailed("s", 1.0, ERROR)], "failed"),
        ([events.StreamCompleted("s", 1.0, events.StreamResult("t"))], "complete"),
        ([events.StreamCompleted("s", 1.0, events.StreamResult("t", stop_reason="length"))], "cut at its longest length"),
    ],
)  # fmt: skip
def test_a_state_has_a_word(news, title):
    assert told(START, *news).title == title


def test_the_clock_goes_on_between_events_and_stands_still_in_a_pause():
    clock = Clock()
    status = told(events.StreamResumed("s", 2.0), clock=clock)
    clock.now += 1.5
    assert status.elapsed == pytest.approx(3.5)
    status.take(events.StreamPaused("s", 4.0), 3)
    clock.now += 60
    assert status.elapsed == pytest.approx(4.0)
    assert not status.is_ticking


def test_the_figures_are_those_that_are_known():
    assert figures(AnswerStatus(Clock())) == ["0.0 s"]
    status = told("text", events.StreamCancelled("s", 2.0, "text"))
    assert figures(status) == ["3 tokens", "2/s", "2.0 s"]
    assert figures(status, 10) == ["3 of 10 tokens", "2/s", "2.0 s"]


def test_the_model_is_named_as_far_as_it_is_known():
    assert told(START).model == "lab:m"
    assert told(events.StreamStarted("s", 0.0, {"provider": "lab", "model": None})).model == "lab"
    assert told(events.StreamStarted("s", 0.0, {})).model == ""


def test_a_whole_answer_is_counted_by_its_statistics():
    result = events.StreamResult("t", stats={"tokens_received": 7})
    assert told(events.StreamCompleted("s", 1.0, result)).tokens == 7

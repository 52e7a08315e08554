"""Asking again, and asking another: only what may be, and no text twice."""

from __future__ import annotations

import threading

import pytest
from fakes import ScriptedSource

from api_models import (
    InvalidRequestError,
    ProviderUnavailableError,
    RateLimitError,
    ResetNotice,
    RetryNotice,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.resilience import Candidate, PersistentSource
from api_models.streaming.stream_config import StreamConfig


def unavailable():
    return ProviderUnavailableError("busy", status_code=503)


def cut():
    return StreamInterruptedError("cut", retryable=True)


class Asked:
    """Gives the scripted sources one after another, and notes what each was asked."""

    def __init__(self, *sources):
        self.sources, self.partials = list(sources), []

    def __call__(self, partial):
        self.partials.append(partial)
        return self.sources[len(self.partials) - 1]


def persistent(*sources, more=(), **config):
    """The source under test, opened, over one candidate's attempts (and more candidates)."""
    asked = Asked(*sources)
    candidates = [Candidate("p", "m", asked), *more]
    source = PersistentSource(candidates)
    source.open(StreamConfig(**{"retry_delay": 0.001, "max_retry_delay": 0.01, **config}))
    return source, asked


def read_all(source):
    """All chunks; what was raised at the end stands last."""
    chunks = []
    try:
        chunks.extend(source)
    except Exception as error:  # what it ended with is the outcome
        chunks.append(error)
    source.close()
    return chunks


def words(chunks):
    return [chunk for chunk in chunks if isinstance(chunk, str)]


def test_before_the_first_content_it_is_asked_again():
    source, asked = persistent(ScriptedSource().fail(unavailable()), ScriptedSource("a", "b").end())
    chunks = read_all(source)
    assert words(chunks) == ["a", "b"] and isinstance(chunks[0], RetryNotice) and chunks[0].attempt == 1
    assert [each.closes for each in asked.sources] == [1, 1]


def test_the_number_of_attempts_is_kept():
    source, asked = persistent(*[ScriptedSource().fail(unavailable()) for _ in range(4)], max_retries=2)
    assert isinstance(read_all(source)[-1], ProviderUnavailableError) and len(asked.partials) == 3


@pytest.mark.parametrize("error", [InvalidRequestError("no"), ValueError("bug")])
def test_what_cannot_work_is_not_tried_again(error):
    source, asked = persistent(ScriptedSource().fail(error), ScriptedSource("a").end())
    assert read_all(source) == [error] and len(asked.partials) == 1


def test_the_provider_says_when_to_come_back():
    told = RateLimitError("slow", retry_after=0.002)
    source, _ = persistent(ScriptedSource().fail(told), ScriptedSource("a").end())
    assert read_all(source)[0].delay == 0.002


def test_a_wait_that_is_too_long_is_not_begun():
    source, asked = persistent(ScriptedSource().fail(RateLimitError("slow", retry_after=60.0)))
    error = read_all(source)[-1]
    assert error.retry_after == 60.0 and len(asked.partials) == 1


def test_an_abort_ends_the_wait_and_sends_nothing_again():
    source, asked = persistent(
        ScriptedSource().fail(RateLimitError("slow", retry_after=30.0)),
        ScriptedSource("a").end(),
        max_retry_delay=60.0,
    )
    assert isinstance(source.read()[0], RetryNotice)
    ended = []

    def read():
        with pytest.raises(RateLimitError):
            source.read()
        ended.append(True)

    reader = threading.Thread(target=read)
    reader.start()
    source.abort()
    reader.join(10)
    assert ended and len(asked.partials) == 1


def test_after_content_it_fails_by_default():
    source, asked = persistent(ScriptedSource("a").fail(cut()), ScriptedSource("x").end())
    chunks = read_all(source)
    assert words(chunks) == ["a"] and isinstance(chunks[-1], StreamInterruptedError)
    assert len(asked.partials) == 1


def test_a_restart_is_announced_when_there_is_something_in_its_place():
    source, asked = persistent(
        ScriptedSource("old").fail(cut()), ScriptedSource("new").end(), recovery="restart"
    )
    kinds = [each if isinstance(each, str) else type(each) for each in read_all(source)]
    assert kinds == ["old", RetryNotice, ResetNotice, "new"] and asked.partials == ["", ""]


def test_a_restart_that_brings_nothing_voids_nothing():
    sources = [ScriptedSource("old").fail(cut()), *[ScriptedSource().fail(cut()) for _ in range(2)]]
    source, _ = persistent(*sources, recovery="restart")
    chunks = read_all(source)
    assert not any(isinstance(each, ResetNotice) for each in chunks) and words(chunks) == ["old"]


def test_a_continuation_is_asked_for_the_rest():
    source, asked = persistent(
        ScriptedSource("one two ").fail(cut()), ScriptedSource("three").end(), recovery="continue"
    )
    chunks = read_all(source)
    assert "".join(words(chunks)) == "one two three" and asked.partials == ["", "one two "]
    assert next(each for each in chunks if isinstance(each, RetryNotice)).continues


def test_another_is_asked_when_one_gives_up():
    other = Asked(ScriptedSource("from two").end())
    source, _ = persistent(
        ScriptedSource().fail(unavailable()), more=[Candidate("q", "n", other)], max_retries=0
    )
    chunks = read_all(source)
    assert words(chunks) == ["from two"] and (chunks[0].provider, chunks[0].model) == ("q", "n")


def test_another_is_not_asked_what_cannot_work():
    source, _ = persistent(
        ScriptedSource().fail(InvalidRequestError("no")),
        more=[Candidate("q", "n", Asked(ScriptedSource("x").end()))],
    )
    assert words(read_all(source)) == []


def test_a_clock_that_ran_out_moves_on_to_another():
    slow = ScriptedSource()
    source, _ = persistent(slow, more=[Candidate("q", "n", Asked(ScriptedSource("quick").end()))])
    late = StreamTimeoutError("too slow", clock="first_token")
    assert source.time_out(StreamTimeoutError("over", clock="total")) is False
    source, _ = persistent(ScriptedSource(), more=[Candidate("q", "n", Asked(ScriptedSource("quick").end()))])
    assert source.time_out(late) is True
    chunks = read_all(source)
    assert chunks[0].error is late and words(chunks) == ["quick"]


def test_bytes_of_all_attempts_are_counted():
    first, second = ScriptedSource().fail(unavailable()), ScriptedSource("a").end()
    first.bytes_received, second.bytes_received = 5, 7
    source, _ = persistent(first, second)
    read_all(source)
    assert source.bytes_received == 12

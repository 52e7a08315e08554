"""Asking again: before the first content, never behind it unasked, and always so that it can be ended."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, ScriptedSource

from api_models import (
    APIModelError,
    APIModelManager,
    AuthenticationError,
    ProviderUnavailableError,
    RateLimitError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.resilience import Candidate, PersistentSource
from api_models.streaming.stream_config import StreamConfig
from api_models.streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, TokenUsage
from api_models.testing import Provider, Reply, chat, error_reply

AT_ONCE = {"retry_delay": 0.0, "max_retries": 2}
NEVER = 1000.0  # seconds: no test waits so long


def busy(**more):
    return ProviderUnavailableError("busy", **more)


def broken():
    return StreamInterruptedError("broke off", retryable=True)


def make(*candidates, **config):
    """A source over candidates, each a list of the sources it gives when asked; and what it was asked."""
    asked = []

    def candidate(number, sources):
        waiting = list(sources)

        def ask(partial):
            asked.append((number, partial))
            return waiting.pop(0)

        return Candidate(f"p{number}", f"m{number}", ask)

    source = PersistentSource([candidate(number, each) for number, each in enumerate(candidates)])
    source.open(StreamConfig(**{**AT_ONCE, **config}))
    return source, asked


def read_all(source):
    """What came, notices by their class, and what was raised behind it."""
    said = []
    try:
        for chunk in source:
            said.append(type(chunk) if isinstance(chunk, (RetryNotice, ResetNotice)) else chunk)
    except APIModelError as error:
        return said, error
    finally:
        source.close()
    return said, None


@pytest.mark.parametrize("before", [(), (StreamChunk(usage=TokenUsage(1, 0, source="reported")),)])
def test_a_failure_before_the_first_content_is_tried_again(before):
    first, second = ScriptedSource(*before).fail(busy()), ScriptedSource("a", "b").end()
    source, asked = make([first, second])
    assert read_all(source) == ([*before, RetryNotice, "a", "b"], None)
    assert len(asked) == 2 and (first.closes, second.closes) == (1, 1)


def test_attempts_are_counted_and_the_last_failure_is_the_outcome():
    sources = [ScriptedSource().fail(busy()) for _ in range(3)]
    last = busy()
    source, asked = make([*sources[:2], ScriptedSource().fail(last)])
    assert read_all(source) == ([RetryNotice, RetryNotice], last) and len(asked) == 3


def test_the_notice_says_what_failed_and_who_is_next():
    error = busy()
    source, _ = make([ScriptedSource().fail(error), ScriptedSource().end()])
    (notice,) = source.read()
    assert (notice.attempt, notice.delay, notice.error) == (1, 0.0, error)
    assert (notice.provider, notice.model, notice.continues) == ("p0", "m0", False)
    source.close()


@pytest.mark.parametrize("error", [AuthenticationError("no"), StreamInterruptedError("HTML")], ids=repr)
def test_what_would_fail_again_is_not_tried_again(error):
    source, asked = make([ScriptedSource().fail(error)])
    assert read_all(source) == ([], error) and len(asked) == 1


@pytest.mark.parametrize(
    "content", ["a", StreamChunk(thinking="hm"), StreamChunk(tool_arguments="{")], ids=repr
)
def test_behind_the_first_content_nothing_is_repeated_unasked(content):
    error = broken()
    source, asked = make([ScriptedSource(content).fail(error)])
    assert read_all(source) == ([content], error) and len(asked) == 1


@pytest.mark.parametrize(("told", "delay"), [(7.0, 7.0), (0.0, 0.0)])
def test_the_provider_says_how_long_to_wait(told, delay):
    error = RateLimitError("slow down", retry_after=told)
    source, _ = make([ScriptedSource().fail(error)], retry_delay=3.0, max_retry_delay=30.0)
    (notice,) = source.read()
    assert notice.delay == delay
    source.close()


def test_a_wait_that_is_longer_than_allowed_is_not_begun():
    error = RateLimitError("tomorrow", retry_after=86400.0)
    source, asked = make([ScriptedSource().fail(error)], max_retry_delay=30.0)
    assert read_all(source) == ([], error) and len(asked) == 1


def test_waits_grow_and_are_limited():
    sources = [ScriptedSource().fail(busy()) for _ in range(5)]
    source, _ = make([*sources], retry_delay=0.001, max_retry_delay=0.005, max_retries=4)
    delays = []
    with pytest.raises(ProviderUnavailableError):
        delays += [
            chunk.delay for chunk in iter(lambda: source.read()[0], None) if not delays.append(chunk.delay)
        ]
    source.close()
    assert 0.001 <= delays[0] <= 0.002 <= delays[1] <= 0.003 and delays[3] == 0.005


def test_an_abort_ends_the_wait_between_two_attempts():
    error = busy()
    first = ScriptedSource().fail(error)
    source, asked = make([first, ScriptedSource("a").end()], retry_delay=NEVER, max_retry_delay=2 * NEVER)
    said = []
    reader = threading.Thread(target=lambda: said.extend(read_all(source)), daemon=True)
    reader.start()
    first.wait_until_closed()  # the failed attempt is let go right before the wait
    source.abort()
    reader.join(TIMEOUT)
    assert not reader.is_alive() and said == [[RetryNotice], error] and len(asked) == 1


def test_an_aborted_attempt_is_not_tried_again():
    first = ScriptedSource()
    source, asked = make([first, ScriptedSource("a").end()])
    source.abort()
    first.fail(busy())
    with pytest.raises(OSError, match="cut from another thread"):
        source.read()
    assert len(asked) == 1 and first.aborts == 1
    source.close()


def test_a_restart_voids_the_text_only_when_there_is_something_in_its_place():
    sources = [
        ScriptedSource("a", "b").fail(broken()),
        ScriptedSource().push_batch().fail(busy()),  # a heartbeat, and no content
        ScriptedSource("c").end(),
    ]
    source, asked = make(sources, recovery="restart")
    assert read_all(source) == (["a", "b", RetryNotice, RetryNotice, ResetNotice, "c"], None)
    assert asked == [(0, "")] * 3


def test_a_restart_that_brings_nothing_leaves_the_text():
    last = busy()
    sources = [ScriptedSource("a").fail(broken()), ScriptedSource().fail(last)]
    source, _ = make(sources, recovery="restart", max_retries=1)
    assert read_all(source) == (["a", RetryNotice], last)


def test_a_continued_answer_has_no_text_twice():
    said = "Once upon a time there was"
    sources = [ScriptedSource(said).fail(broken()), ScriptedSource("a time there was a king").end()]
    source, asked = make(sources, recovery="continue")
    chunks, error = read_all(source)
    text = "".join(chunk for chunk in chunks if isinstance(chunk, str))
    assert (text, error) == (said + " a king", None) and ResetNotice not in chunks
    assert asked == [(0, ""), (0, said)]


def test_bytes_of_all_attempts_add_up():
    first, second = ScriptedSource().fail(busy()), ScriptedSource("a").end()
    first.bytes_received, second.bytes_received = 10, 32
    source, _ = make([first, second])
    read_all(source)
    assert source.bytes_received == 42


def test_another_is_asked_when_one_has_failed_often_enough():
    sources = [ScriptedSource().fail(busy()) for _ in range(2)]
    source, asked = make(sources, [ScriptedSource("a").end()], max_retries=1)
    (first,), (second,) = source.read(), source.read()
    assert (first.provider, second.provider, second.model, second.delay) == ("p0", "p1", "m1", 0.0)
    assert read_all(source) == (["a"], None) and asked == [(0, ""), (0, ""), (1, "")]


def test_another_is_not_asked_for_what_is_wrong_with_the_key():
    error = AuthenticationError("no")
    source, asked = make([ScriptedSource().fail(error)], [ScriptedSource("a").end()])
    assert read_all(source) == ([], error) and asked == [(0, "")]


def test_another_is_asked_at_once_when_the_wait_would_be_too_long():
    error = RateLimitError("tomorrow", retry_after=86400.0)
    source, asked = make([ScriptedSource().fail(error)], [ScriptedSource("a").end()])
    assert read_all(source) == ([RetryNotice, "a"], None) and asked == [(0, ""), (1, "")]


class Cut(ScriptedSource):
    """Fails as a client's source does when it was aborted."""

    def read(self):
        try:
            return super().read()
        except OSError as error:
            raise broken() from error


def test_a_clock_gives_up_on_one_candidate_and_not_on_the_stream():
    timeout = StreamTimeoutError("no first token", clock="first_token")
    slow = Cut()
    source, asked = make([slow], [ScriptedSource("a").end()])
    assert source.time_out(timeout) is True and slow.aborts == 1
    (notice,) = source.read()
    assert notice.error is timeout and notice.provider == "p1"
    assert read_all(source) == (["a"], None) and asked == [(0, ""), (1, "")]


@pytest.mark.parametrize("clock", ["total", "first_token"])
def test_the_total_clock_and_the_last_candidate_end_the_stream(clock):
    timeout = StreamTimeoutError("too long", clock=clock)
    others = [[ScriptedSource("a").end()]] if clock == "total" else []
    source, asked = make([Cut()], *others)
    assert source.time_out(timeout) is False
    said, error = read_all(source)
    assert said == [] and isinstance(error, StreamInterruptedError) and len(asked) == 1


def test_over_the_wire_a_retry_is_one_more_request_and_the_text_comes_once():
    plan = [error_reply(503), error_reply(429, retry_after="0")]
    with Provider(Reply(chat(["Hel", "lo"])), plan=plan) as provider:
        entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
        config = {"providers": {"lab": entry}, "stream": {"retry_delay": 0.001}}
        with APIModelManager(config) as manager:
            assert manager.generate("hi", "lab").text == "Hello"
        assert len(provider.requests) == 3

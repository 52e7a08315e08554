"""Sources behind breakers and budgets, by themselves and over a real wire on the loopback."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, in_threads, outcome, start

from api_models import APIModelManager
from api_models.clients.circuit_breaker import CircuitBreaker
from api_models.clients.guard_settings import BreakerSettings, BudgetSettings
from api_models.clients.guarded import GuardedSource, estimate_tokens
from api_models.clients.rate_budget import RateBudget
from api_models.exceptions import (
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderConnectionError,
    ProviderUnavailableError,
    RateLimitError,
)
from api_models.streaming.exceptions import StreamCancelledError, StreamInterruptedError, StreamTimeoutError
from api_models.streaming.stream_events import StreamChunk, TokenUsage
from api_models.testing import Provider, Reply, chat, error_reply

HELLO = Reply(chat(["Hel", "lo"]))
BROKEN = Reply(chat(["Hel", "lo"]), cut_at=len(b"".join(event.wire for event in chat(["Hel", "lo"])[:3])))
STALLED = Reply(chat(["Hel", "lo"]), stall_after=3)
ONE_STRIKE = {"failures": 1}


@pytest.fixture
def breaker(clock):
    return CircuitBreaker("lab:m1", BreakerSettings(failures=1, cooldown=30), clock=clock)


@pytest.fixture
def budget(clock):
    return RateBudget(BudgetSettings(2, 1000), clock)


def guard(*tokens, breaker=None, budget=None, estimate=100.0):
    inner = ScriptedSource(*tokens)
    return inner, GuardedSource(inner, breaker, budget, estimate)


def read_all(source):
    """What the source gave, or what it raised; closed as a stream closes it."""
    try:
        return list(source)
    except Exception as error:
        return error
    finally:
        source.close()


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def test_nothing_is_taken_before_the_first_read(breaker, budget):
    _, source = guard("a", breaker=breaker, budget=budget)
    source.close()
    assert budget.snapshot().requests_left == 2
    assert breaker.snapshot().neutral == 0


@pytest.mark.parametrize(
    "error",
    [
        ProviderConnectionError("x"),
        ProviderUnavailableError("x", status_code=529),
        MalformedResponseError("x"),
        StreamInterruptedError("x"),
        StreamTimeoutError("x", clock="connect"),
        ConnectionResetError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("tokens", [(), ("a",)], ids=["before content", "mid-stream"])
def test_what_the_provider_did_counts(error, tokens, breaker):
    """B4.12: mid-stream failures too."""
    inner, source = guard(*tokens, breaker=breaker)
    inner.fail(error)
    assert read_all(source) is error
    assert breaker.snapshot().state == "open"
    inner, source = guard("a", breaker=breaker)
    assert isinstance(read_all(source), CircuitOpenError)
    assert inner.reads == 0


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("x", status_code=401),
        InvalidRequestError("x", status_code=422),
        ContextLengthError("x"),
        RateLimitError("x", status_code=429, retry_after=3),
        ConfigurationError("x"),
        ValueError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_caller_did_does_not_count(error, breaker):
    """B4.12: the caller's validation errors, and every 4xx."""
    inner, source = guard(breaker=breaker)
    inner.fail(error)
    assert read_all(source) is error
    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.neutral, snapshot.failures) == ("closed", 1, 0)


@pytest.mark.parametrize("tokens", [(), ("a",)], ids=["before content", "mid-stream"])
def test_a_users_cancel_does_not_count(tokens, breaker):
    """B4.12: although the read it ends raises what a broken connection raises."""
    inner, source = guard(*tokens, breaker=breaker)
    stream = start(source)
    inner.wait_until_blocked()
    assert stream.cancel_stream()
    finish(stream)
    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.neutral, snapshot.failures) == ("closed", 1, 0)


@pytest.mark.parametrize(
    ("clock_name", "tokens", "state"),
    [
        ("first_token", (), "open"),
        ("idle", ("a",), "open"),
        ("total", (), "open"),
        ("total", ("a",), "closed"),
    ],
)
def test_a_provider_that_is_too_slow_counts(clock_name, tokens, state, breaker):
    """Unless it was answering, and only the caller's patience with the whole ended."""
    inner, source = guard(*tokens, breaker=breaker)
    stream = start(source)
    inner.wait_until_blocked()
    source.time_out(StreamTimeoutError("x", clock=clock_name))
    finish(stream)
    assert breaker.snapshot().state == state


def test_the_first_content_closes_a_half_open_circuit(breaker, clock):
    inner, source = guard(breaker=breaker)
    inner.fail(ProviderConnectionError("x"))
    read_all(source)
    clock.now += 30
    inner, source = guard(breaker=breaker)
    inner.push_batch().push("a").end()
    assert source.read() == ()
    assert breaker.snapshot().state == "half-open"
    assert source.read() == ("a",)
    assert breaker.snapshot().state == "closed"
    assert read_all(source) == []
    assert breaker.snapshot().successes == 1


def test_a_cancelled_probe_frees_its_place(breaker, clock):
    inner, source = guard(breaker=breaker)
    inner.fail(ProviderConnectionError("x"))
    read_all(source)
    clock.now += 30
    inner, source = guard(breaker=breaker)
    stream = start(source)
    inner.wait_until_blocked()
    stream.cancel_stream()
    finish(stream)
    inner, source = guard("a", breaker=breaker)
    inner.end()
    assert read_all(source) == ["a"]


def test_threads_racing_for_the_probe_send_one_request(breaker, clock):
    """B4.12: half-open admits one."""
    inner, source = guard(breaker=breaker)
    inner.fail(ProviderConnectionError("x"))
    read_all(source)
    clock.now += 30
    pairs = [guard(breaker=breaker) for _ in range(16)]
    for inner, _ in pairs:
        inner.push_batch()  # a heartbeat: nobody has content before all have asked

    def first_read(source):
        try:
            source.read()
        except CircuitOpenError:
            return False
        return True

    admitted = in_threads(*[lambda source=source: first_read(source) for _, source in pairs])
    assert admitted.count(True) == 1
    assert sum(inner.reads for inner, _ in pairs) == 1


def test_what_was_used_is_what_it_costs(budget):
    inner, source = guard("a", budget=budget, estimate=900.0)
    inner.push(StreamChunk(usage=TokenUsage(30, 20, source="reported"))).end()
    read_all(source)
    assert budget.snapshot().tokens_left == 950
    assert budget.snapshot().requests_left == 1


def test_without_a_count_of_the_provider_the_estimate_stands(budget):
    inner, source = guard("a", budget=budget)
    inner.end()
    read_all(source)
    assert budget.snapshot().tokens_left == 900


def test_a_request_that_was_not_answered_costs_no_tokens(budget):
    inner, source = guard(budget=budget)
    inner.fail(RateLimitError("x", status_code=429, retry_after=7))
    read_all(source)
    snapshot = budget.snapshot()
    assert (snapshot.tokens_left, snapshot.requests_left, snapshot.held_for) == (1000, 1, 7)


def test_what_the_headers_say_is_taken_over(budget):
    inner, source = guard("a", budget=budget)
    inner.headers = {"x-ratelimit-remaining-requests": "0"}
    inner.end()
    read_all(source)
    assert budget.snapshot().requests_left == 0


@pytest.mark.parametrize("way", ["abort", "time_out"])
def test_the_wait_for_the_budget_ends_at_once(way, breaker, budget):
    never = threading.Event()
    budget.reserve(0, never), budget.reserve(0, never)
    inner, source = guard("a", breaker=breaker, budget=budget)
    found = []
    reader = threading.Thread(target=lambda: found.append(read_all(source)), daemon=True)
    reader.start()
    wait_until(lambda: budget.snapshot().waiting)
    begun = time.monotonic()
    source.abort() if way == "abort" else source.time_out(StreamTimeoutError("x", clock="total"))
    reader.join(TIMEOUT)
    assert time.monotonic() - begun < 0.5
    assert isinstance(found[0], StreamCancelledError)
    assert inner.reads == 0
    assert budget.snapshot().waiting == 0
    assert breaker.snapshot().failures == breaker.snapshot().neutral == 0


def test_a_circuit_that_opens_during_the_wait_gives_the_budget_back(breaker, budget):
    never = threading.Event()
    spent = [budget.reserve(0, never), budget.reserve(0, never)]
    inner, source = guard("a", breaker=breaker, budget=budget)
    found = []
    reader = threading.Thread(target=lambda: found.append(read_all(source)), daemon=True)
    reader.start()
    wait_until(lambda: budget.snapshot().waiting)
    failing, other = guard(breaker=breaker)
    failing.fail(ProviderConnectionError("x"))
    read_all(other)
    budget.give_back(spent[0])
    reader.join(TIMEOUT)
    assert isinstance(found[0], CircuitOpenError)
    assert inner.reads == 0
    assert budget.snapshot().requests_left == 1


def test_the_estimate():
    parts = [{"type": "text", "text": "x" * 40}, {"type": "image", "source": {"data": "y" * 4000}}]
    messages = [{"role": "user", "content": "x" * 400}, {"role": "user", "content": parts}]
    assert estimate_tokens("x" * 400, {"max_tokens": 50}) == 150
    assert estimate_tokens(messages, {"max_tokens": 50, "system": "x" * 40}) == 170
    assert estimate_tokens("", None) == 4096
    assert estimate_tokens([{"role": "assistant", "content": None}], {"max_tokens": 1}) == 1


@contextlib.contextmanager
def lab(*plan, reply=HELLO, **entry):
    """A provider that answers by the plan, and a manager that asks it with no retries."""
    with Provider(reply, plan=plan) as provider:
        known = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m1"}
        config = {
            "default_provider": "lab",
            "providers": {"lab": {**known, **entry}, "other": known},
            "stream": {"max_retries": 0},
        }
        with APIModelManager(config) as manager:
            yield provider, manager


@pytest.mark.parametrize("failing", [error_reply(503), BROKEN], ids=["503", "broken off"])
def test_an_open_circuit_is_not_asked(failing, caplog):
    with lab(failing, failing, failing, breaker={"failures": 3}) as (provider, manager):
        for _ in range(3):
            with pytest.raises((ProviderUnavailableError, StreamInterruptedError)):
                manager.generate("hi")
        with pytest.raises(CircuitOpenError) as caught:
            manager.generate("hi")
        assert len(provider.requests) == 3
        assert (caught.value.provider, caught.value.model) == ("lab", "m1")
        assert 0 < caught.value.retry_after <= 30
        assert "lab:m1 is open" in caplog.text
        assert manager.generate("hi", "lab:m2").text == "Hello", "another model has its own circuit"
        assert manager.generate("hi", "other").text == "Hello"


def test_every_retry_counts_and_an_open_circuit_ends_them():
    with lab(reply=error_reply(503), breaker={"failures": 2}) as (provider, manager):
        stream = manager.generate_stream_with_handlers("hi", config={"max_retries": 5, "retry_delay": 0})
        assert isinstance(outcome(stream), CircuitOpenError)
        assert len(provider.requests) == 2


def test_a_fallback_list_passes_over_an_open_circuit():
    with lab(error_reply(503), breaker=ONE_STRIKE) as (provider, manager):
        for _ in range(2):
            result = manager.generate("hi", ["lab", "other:m2"])
            assert (result.text, result.provider) == ("Hello", "other")
        assert len(provider.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_refusals_do_not_open_it(status):
    with lab(reply=error_reply(status), breaker=ONE_STRIKE) as (provider, manager):
        for _ in range(3):
            assert outcome(manager.generate_stream_with_handlers("hi")).status_code == status
        assert len(provider.requests) == 3


def test_cancels_over_the_wire_do_not_open_it():
    with lab(STALLED, STALLED, breaker=ONE_STRIKE) as (provider, manager):
        for _ in range(2):
            handler = RecordingHandler()
            stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
            handler.wait_for_call("token")
            stream.cancel_stream()
            finish(stream)
        assert manager.generate("hi").text == "Hello"


def test_a_candidate_that_is_too_slow_counts_and_the_next_one_answers():
    slow = Reply(chat(["no"]), stall_after=0)
    with lab(slow, breaker=ONE_STRIKE) as (provider, manager):
        for count in (2, 3):  # requests: the second time the slow one is not asked
            stream = manager.generate_stream_with_handlers(
                "hi", ["lab", "other"], config={"first_token_timeout": 0.2}
            )
            assert stream.result(TIMEOUT).provider == "other"
            assert len(provider.requests) == count


def test_the_third_of_two_a_minute_waits_and_a_cancel_ends_that():
    with lab(budget={"requests_per_minute": 2}) as (provider, manager):
        for _ in range(2):
            assert manager.generate("hi").text == "Hello"
        handler = RecordingHandler()
        stream = manager.generate_stream_with_handlers("hi", handlers=[handler])
        handler.wait_for_call("start")
        _, budget = manager._providers._guards._made["lab", "m1"]
        wait_until(lambda: budget.snapshot().waiting)
        begun = time.monotonic()
        assert stream.cancel_stream()
        finish(stream)
        assert time.monotonic() - begun < 0.5
        handler.check("cancelled")
        assert len(provider.requests) == 2
        assert manager.generate("hi", "other").text == "Hello"


def test_a_budget_follows_the_providers_headers():
    said = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}
    reply = Reply(chat(["Hel", "lo"]), headers=said)
    with lab(reply=reply, budget={"requests_per_minute": 100}) as (_, manager):
        manager.generate("hi")
        _, budget = manager._providers._guards._made["lab", "m1"]
        assert budget.snapshot().requests_left < 1


def test_a_registered_provider_may_have_both():
    class Client:
        def generate_stream(self, prompt, params):
            return iter(["a"])

    entry = {"colour": "red", "breaker": True, "budget": {"requests_per_minute": 1}}
    with APIModelManager({"providers": {"fake": entry}}) as manager:
        manager.register_provider("fake", lambda entry: Client())
        assert manager.generate("hi", "fake:m").text == "a"
        breaker, budget = manager._providers._guards._made["fake", "m"]
        assert breaker.snapshot().successes == 1
        assert budget.snapshot().requests_left < 1

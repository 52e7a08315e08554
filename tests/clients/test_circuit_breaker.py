"""The circuit: when it opens, whom it lets through, and who may close it. All with a clock of the test."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, in_threads

from api_models.clients.circuit_breaker import CircuitBreaker, Outcome
from api_models.clients.guard_settings import BreakerSettings
from api_models.exceptions import CircuitOpenError

SETTINGS = BreakerSettings(failures=3, window=60, cooldown=30, probe_timeout=10)


@pytest.fixture
def changes():
    return []


@pytest.fixture
def breaker(clock, changes):
    return CircuitBreaker("lab:m1", SETTINGS, lambda *change: changes.append(change), clock)


def fail(breaker, times=1):
    for _ in range(times):
        assert breaker.permit().settle(Outcome.FAILURE, "HTTP 503")


def half_open(breaker, clock):
    """Bring it to where the next permit is the probe's."""
    fail(breaker, 3)
    clock.now += 30


def is_refused(breaker):
    try:
        return breaker.permit() is None
    except CircuitOpenError:
        return True


def test_so_many_failures_open_it(breaker, changes):
    fail(breaker, 2)
    assert breaker.snapshot().state == "closed"
    fail(breaker)
    with pytest.raises(CircuitOpenError, match=r"lab:m1 was not asked.*HTTP 503") as caught:
        breaker.permit()
    assert caught.value.retry_after == 30
    assert not caught.value.retryable
    assert changes == [("closed", "open")]


def test_failures_that_are_far_apart_do_not(breaker, clock):
    for _ in range(10):
        fail(breaker)
        clock.now += 30.5
    assert breaker.snapshot().state == "closed"
    assert breaker.snapshot().recent_failures == 1


def test_successes_between_them_do_not_hide_failures(breaker):
    for _ in range(3):
        fail(breaker)
        if breaker.snapshot().state == "closed":
            breaker.permit().settle(Outcome.SUCCESS)
    assert breaker.snapshot().state == "open"


def test_what_says_nothing_of_the_provider_does_not_count(breaker):
    """B4.12: a user's cancel, and the caller's own mistakes."""
    for _ in range(20):
        breaker.permit().settle(Outcome.NEUTRAL)
    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.recent_failures, snapshot.neutral) == ("closed", 0, 20)


def test_a_failure_after_the_first_content_counts(breaker):
    """B4.12: an answer that breaks off is no success because it had begun."""
    for _ in range(3):
        permit = breaker.permit()
        permit.answered()
        permit.settle(Outcome.FAILURE)
    assert breaker.snapshot().state == "open"


def test_a_permit_is_settled_once(breaker):
    permit = breaker.permit()
    assert permit.settle(Outcome.SUCCESS)
    for _ in range(5):
        assert not permit.settle(Outcome.FAILURE)
    permit.answered()
    snapshot = breaker.snapshot()
    assert (snapshot.successes, snapshot.failures, snapshot.recent_failures) == (1, 0, 0)


def test_threads_racing_to_settle_one_permit(breaker):
    permit = breaker.permit()
    settled = in_threads(*[lambda: permit.settle(Outcome.FAILURE)] * 16)
    assert settled.count(True) == 1
    assert breaker.snapshot().failures == 1


def test_exactly_one_of_many_threads_may_probe(breaker, clock):
    """B4.12: half-open admits one, however many ask in the same moment."""
    half_open(breaker, clock)
    refused = in_threads(*[lambda: is_refused(breaker)] * 32)
    assert refused.count(False) == 1
    assert breaker.snapshot().state == "half-open"
    assert breaker.snapshot().refused == 31


def test_the_first_content_of_the_probe_closes_it(breaker, clock, changes):
    """Nobody waits for the end of a long answer."""
    half_open(breaker, clock)
    probe = breaker.permit()
    assert is_refused(breaker)
    probe.answered()
    assert not is_refused(breaker)
    assert changes[-2:] == [("open", "half-open"), ("half-open", "closed")]


def test_the_probe_may_be_settled_by_another_thread(breaker, clock):
    half_open(breaker, clock)
    probe = breaker.permit()
    assert in_threads(lambda: probe.settle(Outcome.SUCCESS)) == [True]
    assert breaker.snapshot().state == "closed"


def test_a_probe_that_fails_opens_it_for_another_while(breaker, clock):
    half_open(breaker, clock)
    fail(breaker)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.permit()
    assert caught.value.retry_after == 30
    clock.now += 30
    breaker.permit().answered()
    assert breaker.snapshot().state == "closed"


def test_a_probe_that_breaks_off_after_it_closed_the_circuit_counts(breaker, clock):
    """The failures before it are still in the window: it is one too many again."""
    half_open(breaker, clock)
    probe = breaker.permit()
    probe.answered()
    probe.settle(Outcome.FAILURE)
    assert breaker.snapshot().state == "open"


def test_a_cancelled_probe_lets_the_next_one_probe(breaker, clock):
    half_open(breaker, clock)
    breaker.permit().settle(Outcome.NEUTRAL)
    assert breaker.snapshot().state == "half-open"
    assert not is_refused(breaker)
    assert is_refused(breaker)


def test_a_lost_probe_does_not_lock_it_for_ever(breaker, clock):
    half_open(breaker, clock)
    lost = breaker.permit()
    clock.now += 9
    with pytest.raises(CircuitOpenError) as caught:
        breaker.permit()
    assert caught.value.retry_after == pytest.approx(1)
    clock.now += 1
    assert not is_refused(breaker)
    assert is_refused(breaker)
    lost.settle(Outcome.FAILURE)  # it is heard of after all, but another one probes now
    assert breaker.snapshot().state == "half-open"


def test_a_probe_that_was_slow_rather_than_lost_closes_it(breaker, clock):
    half_open(breaker, clock)
    slow = breaker.permit()
    clock.now += 10
    breaker.permit()
    slow.answered()
    assert breaker.snapshot().state == "closed"


def test_what_was_asked_before_decides_nothing_while_half_open(breaker, clock):
    early, late = breaker.permit(), breaker.permit()
    half_open(breaker, clock)
    breaker.permit()
    early.answered()
    early.settle(Outcome.SUCCESS)
    late.settle(Outcome.FAILURE)
    assert breaker.snapshot().state == "half-open"


def test_looking_takes_nothing(breaker, clock):
    half_open(breaker, clock)
    for _ in range(3):
        breaker.check()
    breaker.permit()
    with pytest.raises(CircuitOpenError):
        breaker.check()


def test_listeners_are_called_outside_the_lock(clock):
    """One that asks for a permit on another thread, and waits for it, does not hang."""
    refusals = []

    def listen(before, after):
        asker = threading.Thread(target=lambda: refusals.append(is_refused(breaker)), daemon=True)
        asker.start()
        asker.join(TIMEOUT)

    breaker = CircuitBreaker("lab:m1", SETTINGS, listen, clock)
    fail(breaker, 3)
    assert refusals == [True]


def test_a_failing_listener_harms_nobody(clock, caplog):
    def listen(before, after):
        raise ValueError("x")

    breaker = CircuitBreaker("lab:m1", SETTINGS, listen, clock)
    fail(breaker, 3)
    assert is_refused(breaker)
    assert "lab:m1" in caplog.text

"""Room for requests and tokens: who waits, in which order, and what wakes who waits."""

from __future__ import annotations

import threading
import time

import pytest
from fakes import TIMEOUT

from api_models.clients.guard_settings import BudgetSettings
from api_models.clients.rate_budget import RateBudget

NEVER = threading.Event()


class Asker(threading.Thread):
    """Reserves on a thread of its own; in its budget's queue when it is made."""

    def __init__(self, budget, tokens=0.0, order=None):
        super().__init__(daemon=True)
        self.cancelled, self.reservation = threading.Event(), None
        self._budget, self._tokens, self._order = budget, tokens, order
        waiting = budget.snapshot().waiting
        self.start()
        wait_until(lambda: budget.snapshot().waiting > waiting)

    def run(self):
        self.reservation = self._budget.reserve(self._tokens, self.cancelled)
        if self._order is not None:
            self._order.append(self)

    def cancel(self):
        self.cancelled.set()
        self._budget.wake()

    def finish(self):
        self.join(TIMEOUT)
        assert not self.is_alive(), "the reservation still waits"
        return self.reservation


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def make(clock, requests=None, tokens=None):
    return RateBudget(BudgetSettings(requests, tokens), clock)


def advance(budget, clock, seconds):
    clock.now += seconds
    budget.wake()


def test_requests_within_the_budget_do_not_wait(clock):
    budget = make(clock, requests=2)
    assert budget.reserve(10**9, NEVER)
    assert budget.reserve(10**9, NEVER)
    assert budget.snapshot().requests_left == 0
    assert budget.snapshot().tokens_left is None


def test_the_third_of_two_a_minute_waits_half_a_minute(clock):
    budget = make(clock, requests=2)
    budget.reserve(0, NEVER), budget.reserve(0, NEVER)
    third = Asker(budget)
    advance(budget, clock, 29)
    assert budget.snapshot().waiting == 1
    advance(budget, clock, 1)
    assert third.finish()


def test_both_budgets_must_have_room(clock):
    budget = make(clock, requests=60, tokens=600)
    budget.reserve(600, NEVER)
    asker = Asker(budget, 100)
    advance(budget, clock, 5)
    assert budget.snapshot().waiting == 1, "there is room for a request, not for its tokens"
    advance(budget, clock, 5)
    assert asker.finish()
    assert budget.snapshot().tokens_left == pytest.approx(0)


def test_who_waits_longest_goes_first_however_little_the_others_need(clock):
    budget, order = make(clock, tokens=600), []
    budget.reserve(600, NEVER)
    askers = [Asker(budget, tokens, order) for tokens in (300, 1, 200, 2)]
    advance(budget, clock, 5)
    assert order == [], "the small ones do not overtake"
    for asker, seconds in zip(askers, (25, 0.1, 20, 0.2), strict=True):
        advance(budget, clock, seconds)
        asker.finish()
    assert order == askers


def test_more_than_fits_needs_a_full_budget_and_leaves_a_debt(clock):
    budget = make(clock, tokens=60)
    budget.reserve(1, NEVER)
    asker = Asker(budget, 100)
    advance(budget, clock, 1)
    assert asker.finish()
    assert budget.snapshot().tokens_left == -40


def test_a_cancel_ends_the_wait_at_once(clock):
    budget = make(clock, requests=1)
    budget.reserve(0, NEVER)
    asker = Asker(budget)
    begun = time.monotonic()
    asker.cancel()
    assert asker.finish() is None
    assert time.monotonic() - begun < 0.5
    assert budget.snapshot().waiting == 0


def test_a_cancelled_one_lets_the_next_one_pass(clock):
    budget = make(clock, tokens=60)
    budget.reserve(30, NEVER)
    first, second = Asker(budget, 60), Asker(budget, 30)
    first.cancel()
    assert first.finish() is None
    assert second.finish()


def test_one_that_was_cancelled_before_takes_nothing(clock):
    budget, cancelled = make(clock, requests=1), threading.Event()
    cancelled.set()
    assert budget.reserve(0, cancelled) is None
    assert budget.snapshot().requests_left == 1


def test_settling_gives_back_what_was_not_used_and_wakes(clock):
    budget = make(clock, requests=60, tokens=600)
    reservation = budget.reserve(600, NEVER)
    asker = Asker(budget, 500)
    budget.settle(reservation, 100)
    assert asker.finish()
    budget.settle(reservation, 0)  # again: changes nothing
    budget.give_back(reservation)
    assert budget.snapshot().tokens_left == 0
    assert budget.snapshot().requests_left == 58


def test_settling_takes_what_was_used_beyond_the_reservation(clock):
    budget = make(clock, tokens=600)
    budget.settle(budget.reserve(100, NEVER), 700)
    assert budget.snapshot().tokens_left == -100


def test_an_unsent_request_costs_nothing(clock):
    budget = make(clock, requests=1, tokens=600)
    reservation = budget.reserve(600, NEVER)
    asker = Asker(budget, 600)
    budget.give_back(reservation)
    assert asker.finish()


def test_a_provider_that_says_there_is_less_is_believed(clock):
    """Another process uses the same key."""
    budget = make(clock, requests=60)
    budget.correct({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m0s"})
    asker = Asker(budget)
    advance(budget, clock, 1)
    assert budget.snapshot().waiting == 1, "it fills as slowly as the provider says"
    advance(budget, clock, 1)
    assert asker.finish()


def test_a_correction_wakes_who_waits(clock):
    budget = make(clock, tokens=600)
    budget.correct({"anthropic-ratelimit-tokens-remaining": "0"})
    asker = Asker(budget, 500)
    budget.correct({"anthropic-ratelimit-tokens-remaining": "550"})
    assert asker.finish()
    assert budget.snapshot().tokens_left == pytest.approx(50)


def test_a_provider_that_allows_more_does_not_lift_the_users_own_limit(clock):
    budget = make(clock, requests=1)
    budget.reserve(0, NEVER)
    budget.correct({"x-ratelimit-remaining-requests": "29999", "x-ratelimit-reset-requests": "2ms"})
    assert budget.snapshot().requests_left == 0


def test_retry_after_holds_everybody(clock):
    budget = make(clock, requests=60)
    budget.correct({"retry-after": "7"})
    assert budget.snapshot().held_for == 7
    asker = Asker(budget)
    advance(budget, clock, 6)
    assert budget.snapshot().waiting == 1
    advance(budget, clock, 1)
    assert asker.finish()


def test_a_wait_longer_than_the_system_can_count(clock):
    budget = make(clock, requests=60)
    budget.hold(1e300)
    asker = Asker(budget)
    asker.cancel()
    assert asker.finish() is None


def test_many_threads_get_no_more_than_there_is(clock):
    budget = make(clock, requests=10)
    gate, granted = threading.Barrier(30), []
    cancelled = threading.Event()

    def ask():
        gate.wait(TIMEOUT)
        if budget.reserve(0, cancelled):
            granted.append(1)

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(30)]
    for asker in askers:
        asker.start()
    wait_until(lambda: len(granted) == 10 and budget.snapshot().waiting == 20)
    cancelled.set()
    budget.wake()
    for asker in askers:
        asker.join(TIMEOUT)
    assert len(granted) == 10

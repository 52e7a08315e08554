"""The one thread that looks at the clocks of all runs."""

from __future__ import annotations

import sys
import threading

from fakes import TIMEOUT

from api_models.streaming.parts.watchdog import Watchdog


class Watched:
    """A run that says when to look again, and lets the test wait for the looks."""

    is_over = False

    def __init__(self, *answers: float | None) -> None:
        self.answers = list(answers)
        self.looked = threading.Semaphore(0)

    def next_look(self) -> float | None:
        return self.answers.pop(0) if self.answers else None

    def check_clocks(self) -> None:
        self.looked.release()


def watchdog_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "api-models-clocks"]


def test_the_watchdog_looks_when_something_may_run_out():
    """It comes back after the time it was told, looks at that run alone, and has no other plans."""
    watchdog, first, second = Watchdog(), Watched(0.001, 0.001, 60.0), Watched(60.0, 0.0)
    watchdog.watch(second)
    watchdog.watch(first)
    assert all(first.looked.acquire(timeout=TIMEOUT) for _ in range(2))
    assert not second.looked.acquire(timeout=0.01)
    watchdog.look_again(second)
    assert second.looked.acquire(timeout=TIMEOUT)
    assert not first.looked.acquire(timeout=0.01) and not second.answers
    watchdog.forget(first)
    watchdog.forget(second)


def test_a_run_whose_clocks_stand_still_is_looked_at_when_they_go_on():
    watchdog, run = Watchdog(), Watched(None, 0.001)
    watchdog.watch(run)
    assert not run.looked.acquire(timeout=0.01)
    watchdog.look_again(run)
    assert run.looked.acquire(timeout=TIMEOUT)
    watchdog.forget(run)


def test_plans_are_not_piled_up():
    """A look that is planned for earlier is good enough for a later one; a forgotten run is let go."""
    watchdog, run = Watchdog(), Watched(50.0, 60.0, 70.0, 40.0)
    watchdog.watch(run)
    for _ in range(3):
        watchdog.look_again(run)
    assert len(watchdog._looks) == 2
    other = Watched(60.0)
    watchdog.watch(other)
    watchdog.forget(run)
    assert sys.getrefcount(run) == 2
    watchdog.forget(other)
    watchdog.look_again(other)
    assert not watchdog._looks and not watchdog._turns


def test_the_watchdog_is_gone_when_there_is_nothing_to_watch():
    """An idle process has no thread of ours."""
    before = set(watchdog_threads())
    watchdog, run = Watchdog(), Watched(0.0, 60.0)
    watchdog.watch(run)
    assert run.looked.acquire(timeout=TIMEOUT)
    (thread,) = set(watchdog_threads()) - before
    assert thread.daemon
    watchdog.forget(run)
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    again = Watched(0.0)
    watchdog.watch(again)
    assert again.looked.acquire(timeout=TIMEOUT)
    watchdog.forget(again)


def test_a_limit_beyond_what_a_lock_can_wait_is_no_limit():
    """A number of seconds that no lock can wait for does not end the watch over the others."""
    watchdog, run, second = Watchdog(), Watched(1e12), Watched(0.001)
    watchdog.watch(run)
    watchdog.watch(second)
    assert second.looked.acquire(timeout=TIMEOUT)
    assert not run.looked.acquire(timeout=0.001)
    watchdog.forget(run)
    watchdog.forget(second)


def test_a_run_that_is_over_already_is_not_watched():
    """It was forgotten before who started it came to have it watched."""
    watchdog, run = Watchdog(), Watched()
    run.is_over = True
    watchdog.watch(run)
    assert not run.looked.acquire(timeout=0.01)

"""The one thread that looks at the clocks of all runs."""

from __future__ import annotations

import threading

from fakes import TIMEOUT

from api_models.streaming.parts.watchdog import Watchdog


class Watched:
    """A run that says when to look again, and lets the test wait for the looks."""

    is_over = False

    def __init__(self, *answers: float | None) -> None:
        self.answers = list(answers)
        self.looked = threading.Semaphore(0)

    def check_clocks(self) -> float | None:
        self.looked.release()
        return self.answers.pop(0) if self.answers else None


def watchdog_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "api-models-clocks"]


def test_the_watchdog_looks_when_something_may_run_out():
    """It comes back after the time it was told, and again for one that is due before."""
    watchdog, run, second = Watchdog(), Watched(0.001, 60.0), Watched(60.0)
    watchdog.watch(run)
    assert all(run.looked.acquire(timeout=TIMEOUT) for _ in range(2))
    watchdog.watch(second)
    assert second.looked.acquire(timeout=TIMEOUT)
    watchdog.poke()
    assert second.looked.acquire(timeout=TIMEOUT)
    watchdog.forget(run)
    watchdog.forget(second)


def test_the_watchdog_is_gone_when_there_is_nothing_to_watch():
    """An idle process has no thread of ours."""
    before = set(watchdog_threads())
    watchdog, run = Watchdog(), Watched(60.0)
    watchdog.watch(run)
    assert run.looked.acquire(timeout=TIMEOUT)
    (thread,) = set(watchdog_threads()) - before
    assert thread.daemon
    watchdog.forget(run)
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    again = Watched(60.0)
    watchdog.watch(again)
    assert again.looked.acquire(timeout=TIMEOUT)
    watchdog.forget(again)


def test_a_limit_beyond_what_a_lock_can_wait_is_no_limit():
    """A number of seconds that no lock can wait for does not end the watch over the others."""
    watchdog, run, second = Watchdog(), Watched(1e12), Watched(0.001)
    watchdog.watch(run)
    assert run.looked.acquire(timeout=TIMEOUT)
    watchdog.watch(second)
    assert second.looked.acquire(timeout=TIMEOUT)
    watchdog.forget(run)
    watchdog.forget(second)


def test_a_run_that_is_over_already_is_not_watched():
    """It was forgotten before who started it came to have it watched."""
    watchdog, run = Watchdog(), Watched()
    run.is_over = True
    watchdog.watch(run)
    assert not run.looked.acquire(timeout=0.01)

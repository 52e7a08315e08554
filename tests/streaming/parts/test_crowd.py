"""The switch interval while there are many threads, and after."""

from __future__ import annotations

import sys

import pytest

from api_models.streaming.parts.crowd import LONG, MANY, Crowd
from api_models.streaming.parts.watchdog import Watchdog


@pytest.fixture(autouse=True)
def usual():
    """The interval as it was, put back whatever happens."""
    interval = sys.getswitchinterval()
    yield interval
    sys.setswitchinterval(interval)


def test_it_is_long_while_there_are_many_and_as_it_was_after(usual):
    crowd = Crowd()
    for threads, interval in ((MANY - 1, usual), (MANY, LONG), (MANY // 2, LONG), (MANY // 2 - 1, usual)) * 2:
        crowd.note(threads)
        assert sys.getswitchinterval() == pytest.approx(interval)


@pytest.mark.parametrize("own", [1e-4, 1.0])
def test_one_that_the_program_sets_meanwhile_stays(own):
    crowd = Crowd()
    crowd.note(MANY)
    sys.setswitchinterval(own)
    crowd.note(0)
    assert sys.getswitchinterval() == pytest.approx(own)


def test_a_longer_one_stays():
    sys.setswitchinterval(2 * LONG)
    crowd = Crowd()
    for threads in (MANY, 0):
        crowd.note(threads)
        assert sys.getswitchinterval() == pytest.approx(2 * LONG)


def test_the_watchdog_counts_what_it_looks_at(usual):
    class Watched:
        is_over = False

        def next_look(self) -> None:
            return None

        def check_clocks(self) -> None:
            raise AssertionError("nothing was planned")

    watchdog, runs = Watchdog(), [Watched() for _ in range(MANY)]
    for run in runs:
        assert sys.getswitchinterval() == pytest.approx(usual)
        watchdog.watch(run)
    assert sys.getswitchinterval() == pytest.approx(LONG)
    for run in runs:
        watchdog.forget(run)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_a_forked_child_begins_with_the_usual_interval(usual):
    """What a child does first with the watchdog it inherits; see `os.register_at_fork` there."""
    crowd, watchdog = Crowd(), Watchdog()
    crowd.note(MANY)
    watchdog._crowd = crowd
    watchdog.reset()
    assert sys.getswitchinterval() == pytest.approx(usual)

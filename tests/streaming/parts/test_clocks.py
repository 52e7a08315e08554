"""What has happened last, and so when each clock runs out."""

from __future__ import annotations

from api_models.streaming.parts.clocks import Clocks
from api_models.streaming.stream_config import StreamConfig

OFF = {"first_token_timeout": None, "silence_timeout": None, "quiet_after": None}


def clocks(**config: object) -> Clocks:
    """Clocks of a stream that has just sent its request and waits for the answer."""
    of = Clocks(StreamConfig(**{**OFF, **config}))
    of.began_waiting(0)
    return of


def arrive(of: Clocks, at: float, content: bool) -> None:
    """Something arrives and is handed out at once."""
    of.is_waiting = False
    of.received(at, content)
    of.began_waiting(at)


def limits(of: Clocks) -> dict[str, float]:
    return {clock: at for at, clock in of.limits()}


def test_nothing_runs_out_that_is_switched_off():
    """Without limits there is nothing to wait for."""
    assert limits(clocks()) == {}
    assert clocks().quiet_at() is None


def test_each_clock_runs_from_where_the_contract_says():
    """First token from the request, idle from content, silence from bytes, total from the start."""
    of = clocks(first_token_timeout=100, idle_timeout=20, silence_timeout=5, total_timeout=1000)
    assert limits(of) == {"total": 1000, "first_token": 100, "silence": 5}
    arrive(of, 3, content=False)
    assert limits(of) == {"total": 1000, "first_token": 100, "silence": 8}
    arrive(of, 4, content=True)
    assert limits(of) == {"total": 1000, "idle": 24, "silence": 9}


def test_a_heartbeat_does_not_reset_the_idle_clock():
    """Only content keeps the idle clock from running out."""
    of = clocks(idle_timeout=20)
    arrive(of, 4, content=True)
    for beat in (5, 10, 15, 20):
        arrive(of, beat, content=False)
    assert limits(of) == {"idle": 24}


def test_clocks_of_the_wire_stand_still_while_nobody_waits_for_it():
    """Time a handler takes is not held against the provider; the total deadline counts it."""
    of = clocks(idle_timeout=100, silence_timeout=5, total_timeout=1000)
    of.is_waiting = False
    of.received(3, content=True)
    assert limits(of) == {"total": 1000}
    of.began_waiting(50)
    assert limits(of) == {"total": 1000, "idle": 150, "silence": 55}


def test_a_new_attempt_begins_its_clocks_anew():
    """`first_token` runs for each attempt from its own beginning, `total` over all of them."""
    of = clocks(first_token_timeout=100, silence_timeout=50, total_timeout=1000)
    arrive(of, 7, content=True)
    of.began_attempt(40)
    assert limits(of) == {"total": 1000, "first_token": 140, "silence": 90}


def test_quiet_is_told_once_until_content_comes():
    """A warning is a warning, not an alarm bell."""
    of = clocks(quiet_after=30)
    assert of.quiet_at() == 30
    assert of.newly_quiet(29) is None
    assert of.newly_quiet(31) == 31
    assert of.newly_quiet(32) is None
    assert of.quiet_at() is None
    arrive(of, 60, content=False)
    assert of.quiet_at() is None
    arrive(of, 70, content=True)
    assert of.quiet_at() == 100


def test_the_first_clock_that_ran_out_is_named():
    """Of several that have run out by now, the one that did so first; before that, none."""
    of = clocks(first_token_timeout=100, silence_timeout=5, total_timeout=1000)
    assert of.ran_out(4.9) is None
    assert of.ran_out(5) == of.ran_out(2000) == (5, "silence")
    assert clocks().ran_out(1e9) is None


def test_the_next_look_is_when_the_next_clock_may_run_out():
    """That of a running clock, or of one that might begin to run now; none, if nothing can run out."""
    assert clocks().next_look(0) is None
    assert clocks(total_timeout=50).next_look(20) == 30
    of = clocks(silence_timeout=40, quiet_after=30)
    assert of.next_look(10) == 20
    of.newly_quiet(30)
    assert of.next_look(35) == 5
    of.is_waiting = False
    assert of.next_look(35) == 30

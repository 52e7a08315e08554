"""The table of states, the clock that pauses, and the notices between control calls and the stream."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, in_threads

from api_models.streaming.stream_state import StateMachine, StreamState, Trigger

# The grid of the contract, written out once more by hand: a test that reads the table proves nothing.
GRID = [
    ("inactive", "start", "active"),
    ("inactive", "pause", None),
    ("inactive", "resume", None),
    ("inactive", "cancel", None),
    ("inactive", "complete", None),
    ("inactive", "fail", None),
    ("active", "start", None),
    ("active", "pause", "paused"),
    ("active", "resume", None),
    ("active", "cancel", "cancelled"),
    ("active", "complete", "completed"),
    ("active", "fail", "error"),
    ("paused", "start", None),
    ("paused", "pause", None),
    ("paused", "resume", "active"),
    ("paused", "cancel", "cancelled"),
    ("paused", "complete", None),
    ("paused", "fail", None),
    ("completed", "start", None),
    ("completed", "pause", None),
    ("completed", "resume", None),
    ("completed", "cancel", None),
    ("completed", "complete", None),
    ("completed", "fail", None),
    ("cancelled", "start", None),
    ("cancelled", "pause", None),
    ("cancelled", "resume", None),
    ("cancelled", "cancel", None),
    ("cancelled", "complete", None),
    ("cancelled", "fail", None),
    ("error", "start", None),
    ("error", "pause", None),
    ("error", "resume", None),
    ("error", "cancel", None),
    ("error", "complete", None),
    ("error", "fail", None),
]
WAY_TO = {
    "inactive": [],
    "active": ["start"],
    "paused": ["start", "pause"],
    "completed": ["start", "complete"],
    "cancelled": ["start", "cancel"],
    "error": ["start", "fail"],
}


class FakeClock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def machine_in(state: str, clock: FakeClock | None = None) -> StateMachine:
    """A machine that was brought to `state` and whose notices have been seen."""
    machine = StateMachine(clock or FakeClock())
    for trigger in WAY_TO[state]:
        assert machine.fire(Trigger(trigger))
    if state == "paused":
        assert machine.next_notice() is Trigger.PAUSE
    return machine


def test_the_grid_is_whole():
    """Every pair of a state and a trigger stands in the grid, once."""
    assert len(GRID) == 36
    assert {(state, trigger) for state, trigger, _ in GRID} == {
        (state.value, trigger.value) for state in StreamState for trigger in Trigger
    }


@pytest.mark.parametrize(("state", "trigger", "after"), GRID)
def test_b1_11_every_pair(state, trigger, after):
    """A trigger leads where the contract says, or says False and changes nothing at all."""
    machine = machine_in(state)
    before = (machine.state, list(machine.notices), machine.elapsed(), machine.paused_time)
    assert machine.fire(Trigger(trigger)) is (after is not None)
    assert machine.state == (after or state)
    if after is None:
        assert (machine.state, list(machine.notices), machine.elapsed(), machine.paused_time) == before


def test_states_are_strings():
    """A state compares, prints and formats as the plain word, and is no other word."""
    assert [str(state) for state in StreamState] == list(WAY_TO)
    assert StreamState.PAUSED == "paused"
    assert f"{StreamState.PAUSED}" == "paused"
    assert StreamState.PAUSED != "active"


@pytest.mark.parametrize("trigger", [Trigger.COMPLETE, Trigger.FAIL])
def test_the_end_waits_for_notices(trigger):
    """A stream cannot end while its handlers have not heard of a pause that is already over."""
    machine = machine_in("active")
    machine.fire(Trigger.PAUSE)
    machine.fire(Trigger.RESUME)
    assert not machine.fire(trigger)
    assert machine.next_notice() is Trigger.PAUSE
    assert not machine.fire(trigger)
    assert machine.next_notice() is Trigger.RESUME
    assert machine.fire(trigger)


def test_notices_keep_the_order_of_the_calls():
    """What control calls did is seen in the order in which they were made."""
    machine = machine_in("active")
    order = [Trigger.PAUSE, Trigger.RESUME, Trigger.PAUSE, Trigger.RESUME]
    assert all(machine.fire(trigger) for trigger in order)
    assert [machine.next_notice() for _ in order] == order
    assert machine.next_notice() is None


def test_refused_calls_leave_no_notice():
    """A call that did nothing is nothing to hear of."""
    machine = machine_in("active")
    assert not machine.fire(Trigger.RESUME)
    assert machine.next_notice() is None


def test_a_cancel_stays_in_sight():
    """Every later look finds the cancel again, so that no path can overlook it."""
    machine = machine_in("active")
    machine.fire(Trigger.CANCEL)
    assert [machine.next_notice() for _ in range(3)] == [Trigger.CANCEL] * 3


def test_the_clock_stops_while_paused():
    """Elapsed time leaves pauses out; paused time counts them and nothing else."""
    clock = FakeClock()
    machine = machine_in("active", clock)
    clock.now += 3
    machine.fire(Trigger.PAUSE)
    clock.now += 100
    assert machine.elapsed() == 3
    machine.fire(Trigger.RESUME)
    clock.now += 4
    assert machine.elapsed() == 7
    assert machine.paused_time == 100
    assert machine.elapsed() == 7


@pytest.mark.parametrize("way", [["complete"], ["fail"], ["cancel"], ["pause", "cancel"]])
def test_the_clock_stands_still_after_the_end(way):
    """However long ago a stream ended, it took as long as it took."""
    clock = FakeClock()
    machine = machine_in("active", clock)
    clock.now += 5
    if way[0] == "pause":
        machine.fire(Trigger.PAUSE)
        clock.now += 50
        machine.next_notice()
    assert machine.fire(Trigger(way[-1]))
    clock.now += 1000
    assert machine.elapsed() == 5
    assert machine.paused_time == (50 if way[0] == "pause" else 0)


def test_several_pauses_add_up():
    """The clock survives any number of pauses."""
    clock = FakeClock()
    machine = machine_in("active", clock)
    for seconds in (1, 2, 3):
        clock.now += 10
        machine.fire(Trigger.PAUSE)
        clock.now += seconds
        machine.fire(Trigger.RESUME)
    assert (machine.elapsed(), machine.paused_time) == (30, 6)


def test_the_clock_may_begin_at_zero():
    """A pause or an end in the very first moment of a clock stops it as well."""
    clock = FakeClock(0.0)
    machine = machine_in("paused", clock)
    clock.now += 10
    assert machine.elapsed() == 0
    machine.fire(Trigger.RESUME)
    assert (machine.elapsed(), machine.paused_time) == (0, 10)


def test_next_notice_waits_out_a_pause():
    """Who asks during a pause hears of nothing until it is over, and then of the resume."""
    machine = machine_in("paused")
    heard = []
    waiter = threading.Thread(target=lambda: heard.append(machine.next_notice()), daemon=True)
    waiter.start()
    machine.wake()  # not a reason to come back
    assert heard == []
    machine.fire(Trigger.RESUME)
    waiter.join(TIMEOUT)
    assert heard == [Trigger.RESUME]


@pytest.mark.parametrize("trigger", [Trigger.RESUME, Trigger.CANCEL])
def test_wait_while_paused_ends_with_the_pause(trigger):
    """Whatever ends the pause lets the reading role go on."""
    machine = machine_in("paused")
    waiter = threading.Thread(target=machine.wait_while_paused, daemon=True)
    waiter.start()
    machine.wake()
    machine.fire(trigger)
    waiter.join(TIMEOUT)
    assert not waiter.is_alive()


def test_wait_says_whether_anything_came():
    """A wait ends with a notice, with what it waits for, or with its time."""
    machine = machine_in("active")
    assert machine.wait(bool, 0.001) is False
    assert machine.wait(lambda: True) is True
    machine.fire(Trigger.PAUSE)
    assert machine.wait(bool) is True


@pytest.mark.parametrize("trigger", [Trigger.CANCEL, Trigger.PAUSE])
def test_of_many_calls_at_once_one_does_it(trigger):
    """When threads race for the same change, exactly one is told that it made it."""
    for _ in range(50):
        machine = machine_in("active")
        assert in_threads(*[lambda m=machine: m.fire(trigger)] * 4).count(True) == 1


def test_a_cancel_and_an_end_never_both_happen():
    """Whichever comes first wins; the other is refused."""
    for _ in range(50):
        machine = machine_in("active")
        said = in_threads(
            lambda m=machine: m.fire(Trigger.CANCEL), lambda m=machine: m.fire(Trigger.COMPLETE)
        )
        assert sorted(said) == [False, True]
        assert machine.state == ("cancelled" if said[0] else "completed")

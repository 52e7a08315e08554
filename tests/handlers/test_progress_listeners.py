"""Who listens to progress hears it in order, from one thread at a time, as much as asked for."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, in_threads

from api_models.exceptions import ConfigurationError
from api_models.handlers.progress import ProgressTracker


class Clock:
    """Stands still until the test turns it."""

    now = 0.0

    def __call__(self):
        return self.now


def test_types_are_filtered():
    heard = []
    tracker = ProgressTracker(heard.append, types=["start", "error"])
    tracker.update_progress("a", 10)
    tracker.fail_operation("torn")
    assert [event.event_type for event in heard] == ["start", "error"]
    ends = []
    tracker = ProgressTracker(ends.append, types="complete")
    tracker.update_progress("a", 10)
    tracker.complete_operation()
    assert [event.event_type for event in ends] == ["complete"]


def test_of_progress_one_is_told_each_interval_and_of_starts_and_ends_all():
    clock, heard = Clock(), []
    tracker = ProgressTracker(heard.append, interval=0.5, clock=clock)
    for step in range(20):
        clock.now = step / 8
        tracker.update_progress(percent=step)
    tracker.complete_operation()
    assert [event.event_type for event in heard] == ["start", *["progress"] * 5, "complete"]
    assert [event.monotonic_time for event in heard[1:-1]] == [0, 0.5, 1, 1.5, 2]
    assert heard[-2].percent == 16


def test_each_listener_has_filters_of_its_own():
    clock, few, all_of_it = Clock(), [], []
    tracker = ProgressTracker(clock=clock)
    tracker.add_listener(few.append, types=["progress"], interval=10)
    tracker.add_listener(all_of_it.append)
    for _ in range(3):
        tracker.update_progress("again")
    assert (len(few), len(all_of_it)) == (1, 4)


def test_who_is_removed_hears_nothing_more():
    tracker, first, second = ProgressTracker(), [], []
    by_itself, number = first.append, tracker.add_listener(second.append)
    tracker.add_listener(by_itself)
    tracker.start_operation()
    assert tracker.remove_listener(by_itself)
    assert tracker.remove_listener(number)
    assert not tracker.remove_listener(by_itself)
    assert not tracker.remove_listener(number)
    tracker.complete_operation()
    assert (len(first), len(second)) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"types": ["completed"]}, "did you mean 'complete'"),
        ({"types": [3]}, "type of progress"),
        ({"interval": -1}, "interval"),
        ({"interval": None}, "interval"),
    ],
)
def test_what_cannot_work_is_refused_at_once(settings, named):
    with pytest.raises(ConfigurationError, match=named):
        ProgressTracker(print, **settings)
    with pytest.raises(ConfigurationError, match="function"):
        ProgressTracker("print")


def test_a_callback_may_do_everything_itself():
    """No lock is held: it updates, ends and listens, and hears of it when it has returned."""
    heard, depth = [], []

    def busy(event):
        heard.append(event.event_type)
        assert not depth, "called inside itself"
        depth.append(1)
        if event.event_type == "start":
            tracker.update_progress("from inside", 10)
            tracker.add_listener(late.append)
            tracker.complete_operation()
        depth.pop()

    late = []
    tracker = ProgressTracker(busy)
    tracker.start_operation()
    assert heard == ["start", "progress", "complete"]
    assert [event.event_type for event in late] == ["progress", "complete"]


def test_no_lock_is_held_while_a_callback_runs():
    """Another thread can do all it likes meanwhile; what it did is told when the callback returns."""
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(event):
        heard.append((event.event_type, event.message))
        if event.event_type == "start":
            inside.set()
            assert go_on.wait(TIMEOUT)

    tracker = ProgressTracker(slow)
    starter = threading.Thread(target=tracker.start_operation, daemon=True)
    starter.start()
    assert inside.wait(TIMEOUT)
    assert tracker.update_progress("first", 10)
    assert tracker.update_progress("second", 20)
    assert tracker.percent == 20
    assert tracker.complete_operation("done")
    assert heard == [("start", "")]
    go_on.set()
    starter.join(TIMEOUT)
    assert heard == [("start", ""), ("progress", "second"), ("complete", "done")]


def test_what_waits_for_a_slow_callback_does_not_pile_up():
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(event):
        heard.append(event)
        inside.set()
        assert go_on.wait(TIMEOUT)

    tracker = ProgressTracker(slow)
    part = tracker.add_item("part")
    starter = threading.Thread(target=tracker.start_operation, daemon=True)
    starter.start()
    assert inside.wait(TIMEOUT)
    for step in range(10_000):
        part.update_progress(percent=step / 200)
    assert len(tracker._listeners._waiting) == 2
    go_on.set()
    starter.join(TIMEOUT)
    assert [(event.event_type, event.percent) for event in heard[1:]] == [
        ("start", None),
        ("progress", 9999 / 200),
    ]


def test_what_waits_is_told_in_the_order_of_its_newest():
    """Else the whole would be seen to go back: each event knows how far that was at its time."""
    inside, go_on, heard = threading.Event(), threading.Event(), []

    def slow(event):
        heard.append(event)
        inside.set()
        assert go_on.wait(TIMEOUT)

    tracker = ProgressTracker(slow)
    first, second = tracker.add_item("first"), tracker.add_item("second")
    starter = threading.Thread(target=tracker.start_operation, daemon=True)
    starter.start()
    assert inside.wait(TIMEOUT)
    first.update_progress(percent=10)
    second.update_progress(percent=10)
    first.update_progress(percent=90)
    go_on.set()
    starter.join(TIMEOUT)
    told = [(event.path[0], event.overall_percent) for event in heard if event.event_type == "progress"]
    assert told == [("second", 10), ("first", 50)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_callback_is_raised_when_all_was_told(interruption):
    def leave(event):
        raise interruption

    heard = []
    tracker = ProgressTracker(leave, types=["start"])
    tracker.add_listener(heard.append)
    with pytest.raises(interruption):
        tracker.add_item("part").update_progress(percent=10)
    assert [event.event_type for event in heard] == ["start", "start", "progress"]
    assert tracker.complete_operation()
    assert heard[-1].event_type == "complete"


def test_callbacks_are_called_by_one_thread_at_a_time():
    busy, overlaps, heard = threading.Lock(), [], []

    def callback(event):
        if not busy.acquire(blocking=False):
            overlaps.append(event)
            return
        heard.append(event)
        busy.release()

    tracker = ProgressTracker(callback)

    def work():
        for step in range(200):
            with tracker.add_item("part") as part:
                part.update_progress(percent=step / 2)

    in_threads(work, work, work, work)
    tracker.complete_operation()
    assert not overlaps
    assert len([event for event in heard if event.event_type == "complete"]) == 801
    shown = [event.overall_percent for event in heard if event.overall_percent is not None]
    assert shown == sorted(shown)

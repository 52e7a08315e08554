"""Progress is honest: never backwards, 100 after success alone, None while nothing is known."""

from __future__ import annotations

import itertools
import math
import time

import pytest
from fakes import in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from api_models.exceptions import ConfigurationError
from api_models.handlers.progress import ProgressTracker
from api_models.handlers.progress_event import ProgressType
from api_models.streaming.exceptions import StreamCancelledError
from api_models.streaming.stream_state import StreamState

ENDS = {"complete", "error", "cancelled"}


def tracked(**settings):
    """A tracker, and the list of what it told."""
    heard = []
    return ProgressTracker(heard.append, **settings), heard


def told(heard):
    return [(event.event_type, event.percent) for event in heard]


def check(heard):
    """Hold what one listener heard to the promises."""
    highest = {}
    for item, events in itertools.groupby(sorted(heard, key=lambda e: e.item_id), lambda e: e.item_id):
        types = [event.event_type for event in events]
        assert types[0] == "start", (item, types)
        assert types.count("start") == 1, (item, types)
        assert not ENDS & set(types[:-1]), (item, types)
    for event in heard:
        for key, percent in ((event.item_id, event.percent), ("overall", event.overall_percent)):
            assert percent is not None or key not in highest, "what was known is unknown again"
            if percent is not None:
                assert percent >= highest.get(key, 0.0)
                highest[key] = percent
        assert (event.percent == 100) == (event.event_type == "complete")
        assert event.overall_percent != 100 or heard[-1] == event
    assert [e.monotonic_time for e in heard] == sorted(e.monotonic_time for e in heard)


def test_an_operation_is_told_from_its_start_to_its_end():
    tracker, heard = tracked(name="work")
    assert tracker.start_operation("Processing")
    assert tracker.update_progress("Halfway", 50.0, data={"page": 3})
    assert tracker.complete_operation("Finished")
    assert told(heard) == [("start", None), ("progress", 50.0), ("complete", 100.0)]
    assert [event.message for event in heard] == ["Processing", "Halfway", "Finished"]
    assert [dict(event.data) for event in heard] == [{}, {"page": 3}, {}]
    assert [event.is_end for event in heard] == [False, False, True]
    assert {(event.path, event.item_id) for event in heard} == {((), 0)}


def test_b4_5_each_event_knows_its_time_and_its_type_is_one_of_five():
    before, wall_before = time.monotonic(), time.time()
    tracker, heard = tracked()
    tracker.start_operation()
    (event,) = heard
    assert before <= event.monotonic_time <= time.monotonic()
    assert wall_before <= event.wall_time <= time.time()
    assert event.event_type is ProgressType.START
    assert f"{event.event_type}" == "start"
    assert {kind.value for kind in ProgressType} == ENDS | {"start", "progress"}


def test_b4_6_zero_percent_is_known_and_none_is_unknown():
    tracker, heard = tracked()
    tracker.update_progress("connecting")
    tracker.update_progress("nothing of ten", done=0, total=10)
    tracker.update_progress("a word, no number")
    tracker.update_progress("of nobody knows how many", done=3)
    tracker.update_progress("of none", done=3, total=0)
    assert told(heard)[1:] == [("progress", None), ("progress", 0.0)] + [("progress", 0.0)] * 3


@pytest.mark.parametrize("end", sorted(ENDS))
def test_b4_9_an_operation_may_fail_or_be_cancelled_and_ends_once(end):
    tracker, heard = tracked()
    tracker.start_operation()
    tracker.update_progress("halfway", 50)
    ways = {
        "complete": tracker.complete_operation,
        "error": lambda: tracker.fail_operation(ValueError("torn")),
        "cancelled": tracker.cancel_operation,
    }
    assert ways[end]()
    assert told(heard)[-1] == (end, 100.0 if end == "complete" else 50.0)
    assert not any(way() for way in ways.values())
    assert not tracker.update_progress("too late", 70)
    assert not tracker.start_operation("again")
    assert len(heard) == 3
    check(heard)


def test_b4_9_what_ends_without_having_been_started_is_started_first():
    for end in ("complete_operation", "cancel_operation"):
        tracker, heard = tracked()
        assert getattr(tracker, end)()
        assert len(heard) == 2
        check(heard)
    tracker, heard = tracked()
    assert tracker.fail_operation("no such page")
    assert told(heard) == [("start", None), ("error", None)]
    assert (heard[-1].message, heard[-1].error) == ("no such page", None)


def test_b4_9_a_raising_callback_harms_neither_the_work_nor_the_others_and_is_not_silent(caplog):
    def bad(event):
        raise ValueError("a bad day")

    tracker, heard = ProgressTracker(bad), []
    tracker.add_listener(heard.append)
    assert tracker.start_operation()
    assert tracker.complete_operation()
    check(heard)
    assert len(heard) == tracker.callback_failures == 2
    assert [record.exc_info[1].args for record in caplog.records] == [("a bad day",)] * 2


def test_an_error_is_kept_as_it_is():
    tracker, heard = tracked()
    error = KeyError("page")
    tracker.fail_operation(error, "reading")
    assert heard[-1].error is error
    assert heard[-1].message == "reading"
    tracker, heard = tracked()
    tracker.fail_operation(ValueError())
    assert heard[-1].message == "ValueError"


def test_less_than_was_said_is_not_shown_and_success_is_not_said_before_it_is_there():
    tracker, heard = tracked()
    for percent in (30, 20, 99.9, 100, 250):
        tracker.update_progress(percent=percent)
    assert [event.percent for event in heard[1:]] == [30, 30, 99, 99, 99]
    tracker.complete_operation()
    check(heard)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "half", True])
@pytest.mark.parametrize("name", ["percent", "done", "total"])
def test_numbers_that_are_none_are_refused(name, value):
    tracker, heard = tracked()
    with pytest.raises(ConfigurationError, match=name):
        tracker.update_progress(**{"done": 1, "total": 2, name: value})
    assert heard == []


@pytest.mark.parametrize("weight", [0, -1, math.nan, "heavy"])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(ConfigurationError, match="weight"):
        ProgressTracker().add_item("a", weight)


def test_a_whole_is_the_weighted_mean_of_its_parts():
    tracker, heard = tracked()
    light, heavy = tracker.add_item("light"), tracker.add_item("heavy", weight=3)
    light.update_progress(percent=80)
    assert tracker.percent == 20
    heavy.update_progress(done=1, total=3)
    assert tracker.percent == pytest.approx(45)
    inner = heavy.add_item("inner")
    inner.update_progress(percent=50)
    assert (heavy.percent, tracker.percent) == (50, pytest.approx(57.5))
    assert heard[-1].path == ("heavy", "inner")
    assert heard[-1].percent == 50
    assert heard[-1].overall_percent == pytest.approx(57.5)
    check(heard)


def test_nothing_is_known_until_something_is_known_of_a_part():
    tracker, _ = tracked()
    parts = [tracker.add_item(name) for name in "abcd"]
    parts[0].start_operation()
    assert tracker.percent is None
    parts[1].fail_operation("x")
    assert tracker.percent is None
    parts[0].complete_operation()
    assert tracker.percent == pytest.approx(100 / 3)


def test_what_a_failed_part_leaves_undone_is_expected_no_more():
    tracker, heard = tracked()
    parts = [tracker.add_item(str(number)) for number in range(4)]
    parts[0].complete_operation()
    parts[1].update_progress(percent=50)
    assert tracker.percent == 37.5
    parts[1].fail_operation("torn")
    assert tracker.percent == pytest.approx(100 * 1.5 / 3.5)
    parts[2].cancel_operation()
    parts[3].complete_operation()
    assert tracker.percent == 99
    tracker.complete_operation("with one error")
    assert told(heard)[-1] == ("complete", 100)
    check(heard)


def test_parts_that_come_late_do_not_turn_it_back():
    tracker, heard = tracked()
    tracker.add_item("first").complete_operation()
    late = tracker.add_item("late")
    late.update_progress(percent=1)
    assert tracker.percent == 99
    check(heard)


def test_parts_that_are_to_come_are_counted_when_they_are_expected():
    tracker, heard = tracked()
    tracker.expect_items(4)
    for number in range(3):
        tracker.add_item(str(number)).complete_operation()
        assert tracker.percent == 25 * (number + 1)
    tracker.add_item("heavier than was said", 5)
    tracker.expect_items(2)
    assert tracker.percent == 75
    tracker.complete_operation()
    check(heard)


def test_nothing_is_said_of_a_whole_of_which_nobody_knows_how_long_it_is():
    tracker, heard = tracked()
    tracker.expect_items(None)
    first = tracker.add_item("first")
    first.complete_operation()
    assert (first.percent, tracker.percent) == (100, None)
    tracker.expect_items(2)
    tracker.add_item("second").complete_operation()
    assert tracker.percent == 99
    tracker.complete_operation()
    check(heard)


def test_a_part_that_begins_begins_what_it_is_a_part_of():
    tracker, heard = tracked(name="all")
    tracker.add_item("outer").add_item("inner").update_progress("a step")
    assert [(event.event_type, event.path) for event in heard] == [
        ("start", ()),
        ("start", ("outer",)),
        ("start", ("outer", "inner")),
        ("progress", ("outer", "inner")),
    ]
    assert [event.message for event in heard] == ["all", "outer", "inner", "a step"]


def test_the_end_of_a_whole_is_that_of_its_parts_which_are_told_first():
    tracker, heard = tracked()
    outer = tracker.add_item("outer")
    runs, waits = outer.add_item("runs"), outer.add_item("waits")
    runs.start_operation()
    tracker.fail_operation("torn")
    assert [(event.event_type, event.path) for event in heard[3:]] == [
        ("cancelled", ("outer", "runs")),
        ("cancelled", ("outer",)),
        ("error", ()),
    ]
    assert [item.state for item in (runs, waits, outer)] == [StreamState.CANCELLED] * 3
    assert not waits.start_operation()
    late = outer.add_item("late")
    assert not late.complete_operation()
    assert late.percent is None
    check(heard)


def test_percent_and_parts_do_not_contradict_each_other():
    tracker, heard = tracked()
    tracker.add_item("part").update_progress(percent=10)
    with pytest.raises(ConfigurationError, match="from its parts"):
        tracker.update_progress(percent=50)
    assert tracker.update_progress("a word")
    assert told(heard)[-1] == ("progress", 10)


def leave(raised):
    if raised is not None:
        raise raised


@pytest.mark.parametrize(
    ("raised", "end"),
    [
        (None, "complete"),
        (ValueError("x"), "error"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(), "cancelled"),
        (StreamCancelledError("x"), "cancelled"),
    ],
)
def test_leaving_a_block_ends_it_whatever_happened(raised, end):
    tracker, heard = tracked()
    try:
        with tracker, tracker.add_item("part") as part:
            part.update_progress(percent=10)
            leave(raised)
    except BaseException as error:
        assert error is raised
    assert [event.event_type for event in heard[-2:]] == [end, end]
    assert heard[-1].error is (raised if end == "error" else None)
    check(heard)


def test_a_block_may_end_early_by_a_word():
    tracker, heard = tracked()
    with tracker:
        tracker.cancel_operation("enough")
    assert told(heard) == [("start", None), ("cancelled", None)]


def test_what_is_handed_out_cannot_be_changed():
    tracker, heard = tracked()
    data = {"page": 1}
    tracker.update_progress("x", data=data)
    data["page"] = 2
    assert heard[-1].data["page"] == 1
    with pytest.raises(TypeError):
        heard[-1].data["page"] = 2
    with pytest.raises(AttributeError):
        heard[-1].percent = 100


def test_parts_that_have_ended_leave_nothing_behind_in_the_whole():
    tracker, _ = tracked(types=["error"])
    for number in range(2000):
        tracker.add_item(str(number)).complete_operation()
    assert not tracker._open


def test_it_says_what_it_is():
    tracker, _ = tracked(name="all")
    assert repr(tracker) == "<ProgressTracker 'all': inactive, unknown>"
    part = tracker.add_item("a").add_item("b")
    part.update_progress(percent=12.4)
    assert repr(part) == "<ProgressItem 'a/b': active, 12 %>"


STEPS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(["start", "update", "word", "complete", "fail", "cancel", "add", "expect"]),
        st.floats(0, 150),
    ),
    max_size=40,
)


def play(items, steps):
    """Do what the steps say to the items, which grow."""
    for which, action, number in steps:
        item = items[which % len(items)]
        try:
            if action == "expect":
                item.expect_items(None if number > 100 else number + 0.1)
            elif action == "add":
                items.append(item.add_item(str(len(items)), weight=number + 0.1))
            elif action == "update":
                item.update_progress("far", number)
            elif action == "word":
                item.update_progress("a word")
            elif action == "fail":
                item.fail_operation("torn")
            else:
                getattr(item, f"{action}_operation")()
        except ConfigurationError:
            assert action == "update"  # of an item with parts


@given(STEPS)
def test_no_order_of_calls_turns_it_back_or_makes_a_hundred_without_success(steps):
    tracker, heard = tracked()
    play([tracker], steps)
    tracker.complete_operation()
    check(heard)
    started = [event for event in heard if event.event_type == "start"]
    ended = [event for event in heard if event.is_end]
    assert len(started) == len(ended)


@given(st.lists(STEPS, min_size=2, max_size=4))
@settings(max_examples=60)
def test_nor_do_several_threads_at_once(scripts):
    tracker, heard = tracked()
    items = [tracker]
    in_threads(*(lambda steps=steps: play(items, steps) for steps in scripts))
    tracker.fail_operation("the end")
    check(heard)
    assert all(item.has_ended for item in items)
    assert len([e for e in heard if e.event_type == "start"]) == len([e for e in heard if e.is_end])


@given(st.lists(st.tuples(st.floats(0.01, 1e6), st.floats(0, 99)), min_size=1, max_size=20))
def test_a_whole_is_the_weighted_mean_whatever_the_weights(parts):
    tracker, _ = tracked()
    items = [tracker.add_item("x", weight) for weight, _ in parts]
    for item, (_, percent) in reversed(list(zip(items, parts, strict=True))):
        item.update_progress(percent=percent)
    mean = sum(weight * percent for weight, percent in parts) / sum(weight for weight, _ in parts)
    assert tracker.percent == pytest.approx(min(mean, 99.0))

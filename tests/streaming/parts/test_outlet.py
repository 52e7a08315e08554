"""Text on its way out: cut, buffered, paced, in order with what is no text."""

from __future__ import annotations

import pytest

from api_models.streaming.parts.outlet import Outlet, Pacer


class Clock:
    """Shows what the test sets it to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def outlet(
    split: str = "token",
    size: int = 1,
    seconds: float | None = None,
    pacer: Pacer | None = None,
    clock: Clock | None = None,
) -> Outlet:
    return Outlet(split, size, seconds, pacer, clock or Clock())


@pytest.mark.parametrize(
    "changes",
    [{"split": "word"}, {"size": 2}, {"pacer": Pacer(10.0, smooth=False)}],
    ids=["cut", "joined", "paced"],
)
def test_only_what_changes_nothing_is_plain(changes):
    """Who would cut, join or delay text says so."""
    assert outlet().is_plain
    assert outlet(seconds=1.0).is_plain
    assert not outlet(**changes).is_plain


def test_text_goes_out_as_it_comes():
    """Without cuts, pieces and numbers are those that went in."""
    out = outlet(pacer=Pacer(10.0, smooth=False))
    out.push(["a"], 0)
    out.push(["b"], 1)
    assert list(out.pieces) == [("a", 0), ("b", 1)]


def test_what_is_no_text_comes_after_all_the_text_before_it():
    """It is handed out whole, in its place, and text that was withheld goes first."""
    out, thing = outlet(size=10), object()
    out.push(["a"], 0)
    assert not out.pieces
    out.put(thing)
    out.push(["b"], 1)
    assert list(out.pieces) == [("a", 0), thing]
    out.flush()
    assert list(out.pieces)[2:] == [("b", 1)]


def test_text_is_withheld_for_so_long():
    """The time runs from the first text that waits, and anew when some of it went out."""
    clock = Clock()
    out = outlet(split="word", seconds=5.0, clock=clock)
    assert out.flush_due() is None
    for clock.now, text in [(10.0, "on"), (12.0, "ce "), (13.0, "up"), (14.0, "on")]:
        out.push([text], 0)
    clock.now = 15.0
    assert out.flush_due() == 3.0
    clock.now = 18.0
    assert out.flush_due() == 0
    assert list(out.pieces) == [("once ", 0), ("upon", 2)]
    assert out.flush_due() is None


def test_without_a_limit_text_may_wait_for_ever():
    """A buffer without a time is cut loose by its size, or at the end."""
    clock = Clock()
    out = outlet(size=2, clock=clock)
    out.push(["a"], 0)
    clock.now = 1e9
    assert out.flush_due() is None
    assert not out.pieces


def test_without_a_pace_all_is_due_at_once():
    """Nothing waits that nobody slowed down."""
    out = outlet(size=2)
    assert [out.due(7.0, 100), out.due(7.0, 100)] == [7.0, 7.0]


def test_a_paced_piece_waits_for_its_turn():
    """Pieces and what is behind them count as the backlog; at the end a smoothed rest goes out at once."""
    out = outlet(pacer=Pacer(None, smooth=True))
    for index in range(10):
        out.push(["x"], index)
    first = out.due(0.0, 90)
    assert out.due(0.0, 90) - first == pytest.approx(0.5 / 100)
    out.ending = True
    assert out.due(1.0, 90) == 1.0


def test_text_that_was_not_handed_out_is_known():
    """Pieces that wait and text that is withheld, in order, without what is no text."""
    out = outlet(split="word")
    out.push(["one two"], 0)
    out.put(object())
    out.push(["three"], 1)
    assert out.text() == "one twothree"


def test_after_a_reset_all_begins_anew():
    """Withheld text is forgotten, and so is its age and its number."""
    clock = Clock()
    out = outlet(split="word", seconds=5.0, clock=clock)
    out.push(["old"], 0)
    out.reset()
    clock.now = 100.0
    assert (out.text(), out.flush_due()) == ("", None)
    out.push(["new "], 0)
    assert list(out.pieces) == [("new ", 0)]


# The pace


def test_a_fixed_rate_spaces_the_pieces():
    """Pieces that wait are due one interval after the other."""
    at = Pacer(4.0, smooth=False)
    assert [at.book(10.0, 99, False) for _ in range(4)] == [10.0, 10.25, 10.5, 10.75]


def test_a_late_piece_is_due_at_once_and_brings_no_burst():
    """Time in which nothing came is not made up for."""
    at = Pacer(4.0, smooth=False)
    assert at.book(10.0, 0, False) == 10.0
    assert [at.book(20.0, 0, False), at.book(20.0, 0, False)] == [20.0, 20.25]


def test_smoothing_speeds_up_with_the_backlog():
    """The more waits, the shorter the intervals, so that a backlog is worked off in bounded time."""

    def interval(waiting: int) -> float:
        at = Pacer(None, smooth=True)
        return -at.book(0.0, waiting, False) + at.book(0.0, waiting, False)

    assert interval(1) > 0
    assert interval(1000) < interval(100) < interval(20)
    assert interval(1000) * 1000 < 2


def test_a_smoothed_end_does_not_linger():
    """When the text has ended, what is left is due at once."""
    at = Pacer(None, smooth=True)
    at.book(0.0, 5, False)
    assert [at.book(1.0, waiting, True) for waiting in (5, 4, 3)] == [1.0, 1.0, 1.0]


def test_smoothing_never_goes_below_the_rate_asked_for():
    """With a rate and smoothing, a backlog makes it faster, never slower."""
    at = Pacer(10.0, smooth=True)
    first = at.book(0.0, 0, False)
    assert at.book(0.0, 0, False) - first == pytest.approx(0.1)

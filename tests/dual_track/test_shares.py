"""Who is heard how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.dual_track.shares import Shares


def test_few_are_handed_out_as_they_came():
    shares = Shares([1.0, 9.0], 4)
    shares.add([(0, "a"), (1, "x"), (0, "b")])
    assert shares.next() == [(0, "a"), (1, "x"), (0, "b")]
    assert not shares


@pytest.mark.parametrize(
    ("weights", "counts"), [([1.0, 1.0], [20, 20]), ([1.0, 3.0], [10, 30]), ([4.0, 1.0], [32, 8])]
)
def test_many_are_handed_out_by_weight(weights, counts):
    shares = Shares(weights, 40)
    shares.add([(track, number) for number in range(100) for track in (0, 1)])
    found = shares.next()
    assert [sum(track == each for track, _ in found) for each in (0, 1)] == counts


def test_who_has_nothing_to_say_keeps_nobody_waiting():
    shares = Shares([100.0, 1.0], 5)
    shares.add([(1, number) for number in range(10)])
    assert shares.next() == [(1, number) for number in range(5)]


@given(
    st.lists(st.lists(st.integers(0, 2), max_size=20), max_size=10),
    st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    st.integers(1, 8),
)
def test_nothing_is_lost_and_each_track_keeps_its_order(batches, weights, at_once):
    shares, came, found = Shares(weights, at_once), [], []
    for batch in batches:
        arrivals = [(track, len(came) + number) for number, track in enumerate(batch)]
        came += arrivals
        shares.add(arrivals)
        found += shares.next()
    while shares:
        found += shares.next()
    for track in range(3):
        assert [each for each in found if each[0] == track] == [each for each in came if each[0] == track]

"""A block reads the same when it is closed, but for the rounding of its times."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.streaming.parts.blocks import Block, OpenRuns

RUNS = st.lists(
    st.tuples(
        st.lists(st.one_of(st.text(min_size=1, max_size=3), st.just("long" * 64)), max_size=4),
        st.integers(0, 10_000),
        st.floats(0, 1e6, width=32),
    ),
    max_size=8,
)
"""Texts that came together, the index of the first, their time."""


def block_of(runs, others=()):
    texts, open_runs = [], OpenRuns()
    for together, index, time in runs:
        open_runs.add(len(texts), index, time)
        texts += together
    return Block((texts, open_runs, list(others)))


def told(content):
    texts, runs, others = content
    return list(texts), [list(each) for each in (runs.places, runs.indices, runs.times)], list(others)


@given(RUNS, st.text(max_size=5))
def test_what_is_closed_reads_as_before(runs, before):
    block = block_of(runs, [(0, "started")])
    was = told(block.read(""))
    block.close(len(before), keep_cuts=True)
    assert told(block.read(before + "".join(was[0]))) == was


def test_without_its_cuts_a_block_is_one_text():
    block = block_of([(["a", "b"], 3, 0.5), (["c"], 5, 1.5)], [(0, "started"), (3, "told")])
    block.close(0, keep_cuts=False)
    assert told(block.read("abc")) == (["abc"], [[0], [3], [0.5]], [(1, "started"), (1, "told")])


@pytest.mark.parametrize("keep_cuts", [True, False])
def test_a_block_without_text_keeps_the_rest(keep_cuts):
    block = block_of([], [(0, "started")])
    block.close(0, keep_cuts)
    assert told(block.read("")) == ([], [[], [], []], [(0, "started")])


def test_a_token_is_nothing_that_the_garbage_collector_visits():
    texts, runs = [], OpenRuns()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(1000):
        runs.add(number, number, number / 10)
        texts.append(f"word{number} ")
    assert len(gc.get_objects()) - before < 10

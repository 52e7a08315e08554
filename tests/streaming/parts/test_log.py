"""The log of one run: readers may join at any time and read the same."""

from __future__ import annotations

import gc
import inspect
import random
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import TIMEOUT, in_threads
from hypothesis import given
from hypothesis import strategies as st

from api_models.streaming.parts.log import Log

# More than two closed blocks of the log and an open one.
MANY = 2500


@dataclass(frozen=True)
class Mark:
    """An entry that is no text, told apart from others by its number."""

    number: int


def told(entry: object) -> tuple[object, ...]:
    """What an entry said, without the rounding of a token's time."""
    return entry[:2] if isinstance(entry, tuple) else ("mark", entry.number)


# Runs of tokens whose lengths meet, miss and cross the borders of the log's blocks.
RUNS = st.lists(st.sampled_from([0, 1, 2, 1022, 1023, 1024, 1025, 2048]), max_size=4)


def fill(log: Log, runs: list[int]) -> list[tuple[object, ...]]:
    """Add runs of tokens with an event after each; what a reader is to be told."""
    expected: list[tuple[object, ...]] = []
    for length in runs:
        for _ in range(length):
            number = len(expected)
            log.add((f"{number} ", number, float(number)))
            expected.append((f"{number} ", number))
        log.add(Mark(len(expected)))
        expected.append(("mark", len(expected)))
    log.end()
    return expected


@given(RUNS)
def test_what_was_added_is_read_back(runs):
    """Tokens and other entries come out in the order they went in, across all blocks of the log."""
    log = Log()
    expected = fill(log, runs)
    assert [told(entry) for entry in log.entries()] == expected
    assert list(log.tokens()) == [entry[0] for entry in expected if entry[0] != "mark"]
    assert log.text() == "".join(log.tokens())


@given(RUNS)
def test_without_cuts_the_text_is_whole(runs):
    """When cuts are not kept, the text comes in larger pieces; neither it nor another entry is lost."""
    log = Log(keep_cuts=False)
    expected = fill(log, runs)
    text = "".join(entry[0] for entry in expected if entry[0] != "mark")
    assert "".join(log.tokens()) == log.text() == text
    marks = [told(entry) for entry in log.entries() if isinstance(entry, Mark)]
    assert marks == [entry for entry in expected if entry[0] == "mark"]


def test_without_cuts_the_log_stays_small():
    """Bounded memory: text that has passed is one piece a block, not one a token."""
    log = Log(keep_cuts=False)
    for number in range(10_000):
        log.add(("x", number, 0.0))
    log.end()
    assert len(list(log.tokens())) < 1500


def test_a_reader_waits_for_more_and_ends_with_the_log():
    """A reader that has read all there is sleeps until there is more, or no more to come."""
    log, read, reading = Log(), [], threading.Semaphore(0)

    def follow() -> None:
        for text in log.tokens():
            read.append(text)
            reading.release()

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    for text in ("a", "b"):
        log.add((text, 0, 0.0))
        assert reading.acquire(timeout=TIMEOUT)
    assert reader.is_alive()
    log.end()
    reader.join(TIMEOUT)
    assert (read, reader.is_alive()) == (["a", "b"], False)


@pytest.mark.parametrize("seed", range(3))
def test_readers_who_join_at_random_times_read_the_same(seed):
    """Eight readers on threads, the first before the first token and the last after the end."""
    log, random_ = Log(), random.Random(seed)
    joins = [0, *(random_.randrange(MANY) for _ in range(6)), MANY]
    written = threading.Condition()
    count = 0

    def read_from(join: int) -> list[tuple[object, ...]]:
        with written:
            assert written.wait_for(lambda: count >= join, TIMEOUT)
        return [told(entry) for entry in log.entries()]

    def write() -> None:
        nonlocal count
        for number in range(MANY):
            log.add(Mark(number) if number % 10 == 0 else (str(number), number, float(number)))
            with written:
                count += 1
                written.notify_all()
        log.end()

    *readings, _ = in_threads(*[lambda j=join: read_from(j) for join in joins], write)
    assert len(readings[0]) == MANY
    assert all(reading == readings[0] for reading in readings)


def test_a_reset_begins_an_empty_text():
    """The text after a reset is the text; what came before it stays readable."""
    log = Log()
    log.add(("old", 0, 0.0))
    log.reset()
    assert log.text() == ""
    log.add(Mark(1))
    log.add(("new", 0, 2.0))
    log.end()
    assert log.text() == "new"
    assert list(log.tokens()) == ["new"]
    assert [told(entry) for entry in log.entries()] == [("old", 0), ("mark", 1), ("new", 0)]


def test_a_reader_in_the_middle_of_a_reset_reads_on():
    """A reader that was waiting when the text was reset gets the new text too."""
    log = Log()
    log.add(("old", 0, 0.0))
    tokens = log.tokens()
    assert next(tokens) == "old"
    log.reset()
    log.add(("new", 0, 0.0))
    log.end()
    assert list(tokens) == ["new"]


def test_times_of_tokens_survive():
    """A token read back late has the time at which it was handed out, to the millisecond."""
    log = Log()
    for number in range(1500):
        log.add(("x", number, number / 10))
    log.end()
    times = [entry[2] for entry in log.entries()]
    assert times == pytest.approx([number / 10 for number in range(1500)], abs=1e-3)


def test_an_abandoned_reader_holds_nobody():
    """Who stops reading in the middle takes nothing from others and blocks nobody."""
    log = Log()
    log.add(("a", 0, 0.0))
    reader = log.tokens()
    assert next(reader) == "a"
    reader.close()
    log.add(("b", 1, 0.0))
    log.end()
    assert list(log.tokens()) == ["a", "b"]


def test_a_cursor_never_waits_when_it_is_polled():
    """It gives what has come since; after nothing has, it wakes who asked, once, and then is silent."""
    log, woken = Log(), []
    cursor = log.cursor()

    def wake() -> None:
        woken.append(len(woken))

    assert cursor.poll(wake) == []
    log.add(("a", 0, 0.0))
    log.add(("b", 1, 0.0))
    assert woken == [0]
    assert [told(entry) for entry in cursor.poll(wake)] == [("a", 0), ("b", 1)]
    log.add(Mark(2))
    assert woken == [0]
    assert cursor.poll(wake) == [Mark(2)]
    assert cursor.poll(wake) == []
    log.end()
    assert (woken, cursor.poll(wake)) == ([0, 1], None)


def test_who_rests_is_not_woken():
    log, woken = Log(), []
    cursor = log.cursor()
    cursor.rest()
    cursor.poll(lambda: woken.append(1))
    cursor.rest()
    log.add(Mark(1))
    assert woken == []
    assert cursor.poll(lambda: None) == [Mark(1)]


def test_a_cursor_that_is_stopped_ends():
    """Also one that waits, on another thread; nobody else does."""
    log = Log()
    log.add(Mark(1))
    cursor, other, read = log.cursor(), log.cursor(), threading.Event()

    def follow() -> list[object]:
        entries = []
        for entry in cursor.follow():
            entries.append(entry)
            read.set()
        return entries

    entries, _ = in_threads(follow, lambda: read.wait(TIMEOUT) and cursor.stop())
    assert entries == [Mark(1)]
    assert other.poll(lambda: None) == [Mark(1)]
    assert other.poll(lambda: None) == []


def test_a_cursor_begins_where_it_is_asked_to():
    """With the first entry, with the text that counts, or with what comes next, at any border of blocks."""
    for length in (0, 1, 1023, 1024, 1025, 2048):
        log = Log()
        log.add(("old", 0, 0.0))
        log.reset()
        for number in range(length):
            log.add((str(number), number, 0.0))
        end, text = log.end_cursor(), log.text_cursor()
        log.add(Mark(1))
        assert end.so_far() == [Mark(1)]
        assert len(text.so_far()) == length + 1
        assert len(log.cursor().so_far()) == length + 2
        assert text.so_far() == []


@pytest.mark.parametrize("length", [1, 255, 256, 70_000])
def test_lengths_and_indices_of_all_sizes_survive(length):
    """Whether indices count up or not."""
    log = Log()
    expected = [("x" * length, number // 2 * 3, 0.0) for number in range(1030)]
    for entry in expected:
        log.add(entry)
    log.end()
    assert list(log.entries()) == expected


def test_a_token_takes_few_bytes():
    """Beyond its text: a byte for its length, four for its time, and nothing for an index that counts up."""
    log = Log()
    tracemalloc.start()
    try:
        for number in range(20_480):
            log.add((f"word{number} ", number, number / 10))
        gc.collect()  # lets go of the tuples that the interpreter keeps to use again
        parts = tracemalloc.Filter(True, str(Path(inspect.getfile(Log)).parent / "*"))
        its_own = tracemalloc.take_snapshot().filter_traces([parts])
    finally:
        tracemalloc.stop()
    size = sum(trace.size for trace in its_own.traces)
    assert (size - len(log.text())) / 20_480 < 7

"""What waits between two threads: in order, in bounded memory, and gone when it is closed."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_models.exceptions import RateLimitError
from api_models.streaming.parts.backlog import SPILLED, Backlog
from api_models.streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, ToolCall

CHUNKS = st.one_of(
    st.text(max_size=200),
    st.builds(StreamChunk, text=st.text(max_size=50), thinking=st.text(max_size=50)),
    st.none(),
    st.just(ResetNotice("again")),
)


def weight(chunks: Sequence[object]) -> int:
    """What the items of these tests hold, about."""
    said = [chunk.text + chunk.thinking if isinstance(chunk, StreamChunk) else chunk for chunk in chunks]
    return sum(len(each) for each in said if isinstance(each, str))


def take(backlog: Backlog) -> object:
    """The next chunk, as the delivering role takes it; `SPILLED` when there is none."""
    while backlog:
        chunk = backlog.items.popleft()
        if chunk is not SPILLED:
            backlog.took(chunk)
            return chunk
        backlog.load()
    return SPILLED


def take_all(backlog: Backlog, taken: list[object]) -> None:
    taken.extend(iter(lambda: take(backlog), SPILLED))


@pytest.fixture
def spill_folder(tmp_path, monkeypatch):
    """A folder of the test's own for temporary files."""
    folder = tmp_path / "spill"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@given(
    st.lists(st.tuples(st.lists(CHUNKS, max_size=4), st.integers(0, 3)), max_size=20),
    st.sampled_from([0, 100, 500, 1 << 20]),
    st.integers(0, 20),
)
def test_chunks_come_out_in_the_order_they_went_in(steps, limit, bounded_from):
    """Whatever waits in memory and whatever in the file, nothing is lost, repeated or reordered."""
    taken: list[object] = []
    with closing(Backlog(limit, weight)) as backlog:
        for number, (batch, takes) in enumerate(steps):
            if number == bounded_from:
                take_all(backlog, taken)  # the roles part when all was handed out
                backlog.bounded = True
            backlog.add(batch)
            given = [take(backlog) for _ in range(takes)]
            taken.extend(chunk for chunk in given if chunk is not SPILLED)
        take_all(backlog, taken)
    assert taken == [chunk for batch, _ in steps for chunk in batch]


@given(st.lists(st.lists(CHUNKS, max_size=4), max_size=10), st.sampled_from([0, 100, 1 << 20]))
def test_the_rest_is_whole(batches, limit):
    """What nobody took is found again, from memory and from the file, and the queue is empty then."""
    backlog = Backlog(limit, weight)
    backlog.bounded = True
    for batch in batches:
        backlog.add(batch)
    chunks = [chunk for batch in batches for chunk in batch]
    assert list(backlog.rest()) == chunks
    assert not backlog
    backlog.close()


def test_every_kind_of_chunk_survives_the_file():
    """Calls, notices and their errors come back from the file as they went in."""
    call = ToolCall("1", "f", {"x": [1]}, '{"x":[1]}')
    limit = RateLimitError("slow", retry_after=2.0, provider="p")
    backlog = Backlog(0, weight)
    backlog.bounded = True
    backlog.add([StreamChunk(tool_call=call), RetryNotice(1, 0.5, limit)])
    chunk, notice = take(backlog), take(backlog)
    backlog.close()
    assert chunk.tool_call == call
    assert (notice.attempt, notice.delay, vars(notice.error)) == (1, 0.5, vars(limit))


def test_memory_is_bounded():
    """Twenty megabytes that arrive during a pause take little more memory than the limit."""
    backlog, piece = Backlog(100_000, weight), "x" * 1000
    backlog.bounded = True
    tracemalloc.start()
    try:
        for number in range(20_000):
            backlog.add([f"{number} {piece}"])
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    first, last = take(backlog), ""
    while (chunk := take(backlog)) is not SPILLED:
        last = chunk
    backlog.close()
    assert size < 2_000_000
    assert (first.split()[0], last.split()[0]) == ("0", "19999")


def test_small_backlogs_need_no_file(spill_folder, monkeypatch):
    """Below the limit no temporary file is made."""
    monkeypatch.setattr(tempfile, "tempdir", str(spill_folder / "missing"))
    backlog = Backlog(1000, weight)
    backlog.bounded = True
    backlog.add(["a", "b"])
    assert [take(backlog), take(backlog), take(backlog)] == ["a", "b", SPILLED]


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot remove an open file; close() does")
def test_the_file_has_no_name_to_be_left_behind(spill_folder):
    """Even a killed process leaves no file: it is removed while it is open."""
    backlog = Backlog(0, weight)
    backlog.bounded = True
    backlog.add(["a"])
    assert list(spill_folder.iterdir()) == []
    backlog.close()


def test_texts_are_taken_together():
    """As many as stand at the front, in memory or not; what is no text, or none at all, ends them."""
    with closing(Backlog(150, weight)) as backlog:
        backlog.bounded = True
        backlog.add(["a", "b"])
        backlog.add(["c"])  # beyond the limit
        assert backlog.take_texts(9) == ["a", "b"] and backlog.take_texts(9) == []
        assert backlog.items.popleft() is SPILLED
        backlog.load()
        assert backlog.take_texts(9) == ["c"]
        backlog.add(["d", ""])
        assert [backlog.take_texts(1), backlog.take_texts(9)] == [["d"], []]
        backlog.took(backlog.items.popleft())
        assert backlog.take_texts(9) == []

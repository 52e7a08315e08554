"""The file behind a backlog."""

from __future__ import annotations

from api_models.streaming.parts.spill import SpillFile
from api_models.streaming.stream_events import StreamChunk, ToolCall


def test_batches_come_back_in_order_while_others_are_written():
    """Whatever a source yields survives: text, chunks, calls, nothing."""
    batches = [["a", "", None], [StreamChunk(thinking="b")], [ToolCall("1", "f", {"x": 1}, '{"x": 1}')], []]
    spilled = SpillFile()
    found = []
    for batch in batches:
        spilled.write(batch)
        spilled.write(batch)
        found.append(spilled.read())
    found += [spilled.read() for _ in batches]
    spilled.close()
    doubled = [batch for batch in batches for _ in range(2)]
    assert found == doubled

"""A plain stream is an item like any other, of which nothing is known before its end."""

from __future__ import annotations

import pytest
from fakes import RecordingHandler, ScriptedSource, finish, start

from api_models.handlers.progress import ProgressTracker
from api_models.handlers.progress_handler import ProgressHandler
from api_models.streaming.stream_events import ResetNotice


@pytest.mark.parametrize("way", ["complete", "fail", "cancel"])
def test_a_stream_ends_its_item_as_it_ends_itself(way):
    heard = []
    tracker = ProgressTracker(heard.append)
    source, witness = ScriptedSource("a"), RecordingHandler()
    stream = start(source, witness, ProgressHandler(tracker.add_item("answer")), progress_interval=0.001)
    witness.wait_for_text("a")
    if way == "cancel":
        stream.cancel_stream()
    elif way == "complete":
        source.end()
    else:
        source.fail(ValueError("torn"))
    finish(stream)
    types = [event.event_type for event in heard if event.path == ("answer",)]
    assert types[0] == "start"
    assert types[-1] == witness.calls[-1].name
    assert all(event.percent is None for event in heard[:-1])
    assert (heard[-1].percent == 100) == (types[-1] == "complete")


def test_tokens_are_told_and_no_total_is_invented():
    heard, witness = [], RecordingHandler()
    tracker = ProgressTracker(heard.append)
    source = ScriptedSource()
    stream = start(source, ProgressHandler(tracker), witness, progress_interval=0.001)
    while not any(event.data for event in heard if event.event_type == "progress"):
        source.push("ab")
        source.wait_until_blocked()
    source.push(ResetNotice("once more"), "c").end()
    finish(stream)
    progress = [event for event in heard if event.event_type == "progress"]
    assert "beginning again: once more" in [event.message for event in progress]
    counted = [event for event in progress if event.data]
    assert counted
    assert all(event.percent is None and event.data["tokens"] >= 1 for event in counted)
    assert dict(heard[-1].data) == {"characters": 1}
    assert heard[-1].percent == 100

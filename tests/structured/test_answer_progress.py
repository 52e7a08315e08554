"""How far an answer is: what is known of it, from its start to its one end."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from answers import ScriptedSource, answering, pieces, said
from fakes import TIMEOUT

from api_models.exceptions import ConfigurationError, StructuredOutputError
from api_models.handlers.progress_event import ProgressEvent
from api_models.streaming.stream_handler import StreamHandler
from api_models.structured import StructuredHandler


@dataclass
class City:
    name: str
    people: int
    rivers: list[str]


TEXT = '{"name": "Bern", "people": 134000, "rivers": ["Aare", "Sulg"]}'


class Watcher(StructuredHandler):
    """Writes down the progress, and when the stream starts and ends."""

    def __init__(self):
        self.heard = []
        self.names = []

    def on_progress(self, progress):
        self.heard.append(progress)
        self.names.append("progress")

    def on_stream_start(self, metadata):
        self.names.append("start")

    def on_stream_complete(self, full_response):
        self.names.append("end")

    on_stream_error = on_stream_cancelled = on_stream_complete


def watched(wanted, *answers, **settings):
    """A stream that has ended, and what its progress was."""
    watcher = Watcher()
    stream, _ = answering(
        wanted, *answers, config={"progress_interval": 1e-9}, handlers=[watcher], **settings
    )
    stream.start()
    assert stream.wait(TIMEOUT)
    return stream, watcher


def percents(watcher):
    return [event.percent for event in watcher.heard]


def test_fields_done_of_those_the_schema_has():
    stream, watcher = watched(City, TEXT)
    assert [round(p) if p is not None else p for p in percents(watcher)] == [None, 33, 67, 67, 67, 99, 100]
    assert [event.message for event in watcher.heard[1:3]] == ["1 of 3 fields", "2 of 3 fields"]
    assert watcher.heard[3].message == "2 of 3 fields, 1 item"
    assert watcher.heard[1].data["fields_done"] == 1
    assert stream.progress.percent == stream.get_stream_status()["percent"] == 100
    assert watcher.names == ["start", *["progress"] * 7, "end"]


def test_elements_done_of_those_asked_for():
    _, watcher = watched(list[int], "[1, 2, 3, 4]", size=1, expected_items=4)
    assert percents(watcher) == [None, 25, 50, 75, 99, 100]
    assert watcher.heard[1].message == "1 of 4 items"
    _, watcher = watched(City, TEXT, expected_items=2)
    assert [round(p) for p in percents(watcher)[1:]] == [20, 40, 60, 80, 99, 100]


def test_nothing_is_invented_where_nobody_knows():
    _, watcher = watched(list[int], "[1, 2, 3, 4]", size=1)
    assert percents(watcher) == [None] * 5 + [100]
    assert [event.message for event in watcher.heard[1:3]] == ["1 item", "2 items"]
    _, watcher = watched(dict[str, int], '{"a": 1, "b": 2}')
    assert percents(watcher) == [None, 100]


def test_more_than_was_asked_for_is_no_more_than_all():
    _, watcher = watched(list[int], "[1, 2, 3, 4]", size=1, expected_items=2)
    assert percents(watcher) == [None, 50, 99, 99, 99, 100]
    with pytest.raises(ConfigurationError, match="expected_items"):
        answering(list[int], "[]", expected_items=0)


def test_b4_7_another_attempt_does_not_turn_it_back_and_says_which_it_is():
    _, watcher = watched(City, '{"name": "Bern", "people": 134000}', TEXT)
    shown = [percent for percent in percents(watcher) if percent is not None]
    assert shown == sorted(shown)
    (again,) = [event for event in watcher.heard if event.message.startswith("beginning again")]
    assert again.data["attempt"] == 2
    assert watcher.heard[watcher.heard.index(again) + 1].message == "1 of 3 fields"
    assert round(again.percent) == 67
    assert watcher.heard[-1].event_type == "complete"


def test_what_fails_says_so_and_never_a_hundred():
    stream, watcher = watched(City, '{"name": "Bern"', max_repairs=0)
    assert [event.event_type for event in watcher.heard] == ["start", "progress", "error"]
    assert isinstance(watcher.heard[-1].error, StructuredOutputError)
    assert round(stream.progress.percent) == 33
    assert watcher.names[-1] == "end"


def test_what_is_cancelled_says_so():
    watcher, came = Watcher(), threading.Event()
    source = ScriptedSource(*pieces(TEXT)[:6])
    stream, _ = answering(City, source, handlers=[watcher])
    stream.progress.add_listener(lambda event: came.set(), types=["progress"])
    stream.start()
    assert came.wait(TIMEOUT)
    source.wait_until_blocked()
    assert stream.cancel_stream()
    assert stream.wait(TIMEOUT)
    assert [event.event_type for event in watcher.heard] == ["start", "progress", "cancelled"]


def test_handlers_are_told_as_often_as_the_config_says_and_listeners_as_often_as_they_like():
    watcher, heard = Watcher(), []
    stream, _ = answering(list[int], said("[1, 2, 3, 4]", 1), handlers=[watcher])
    stream.progress.add_listener(heard.append)
    stream.start()
    assert stream.wait(TIMEOUT)
    assert len(watcher.heard) == 3
    assert len(heard) == 6


def test_a_handler_of_plain_streams_hears_what_it_always_does():
    class Plain(StreamHandler):
        def __init__(self):
            self.heard = []

        def on_progress(self, progress):
            self.heard.append(progress)

    plain = Plain()
    stream, _ = answering(City, TEXT, handlers=[plain], config={"progress_interval": 1e-9})
    stream.start()
    assert stream.wait(TIMEOUT)
    assert plain.heard
    assert not any(isinstance(progress, ProgressEvent) for progress in plain.heard)
    assert plain.heard[-1].characters <= len(TEXT)


def test_a_failing_callback_is_counted_and_harms_nobody(caplog):
    class Bad(Watcher):
        def on_progress(self, progress):
            super().on_progress(progress)
            raise ValueError("a bad day")

    bad, good = Bad(), Watcher()
    stream, _ = answering(City, TEXT, handlers=[bad, good], config={"progress_interval": 1e-9})
    stream.start()
    assert stream.result(TIMEOUT).name == "Bern"
    assert len(bad.heard) == len(good.heard) == 7
    assert stream.get_stream_status()["stats"]["handler_errors"] >= 1
    assert caplog.records


def test_who_is_unregistered_hears_nothing_more():
    watcher = Watcher()
    stream, _ = answering(City, TEXT, handlers=[watcher])
    assert stream.unregister_handler(watcher)
    stream.start()
    assert stream.wait(TIMEOUT)
    assert watcher.names == []

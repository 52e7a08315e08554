"""Listeners of a recording: each hears everything, and none can harm another."""

from __future__ import annotations

import threading

import pytest
from fakes import TIMEOUT, finish
from test_recording import recorded, recording_now

from api_models.exceptions import ConfigurationError
from api_models.handlers.recording import StreamRecording
from api_models.streaming import stream_events as events
from api_models.streaming.exceptions import StreamStateError

LISTENERS = "api-models-listener"


class Listener:
    """Writes down texts, and the names of other events."""

    def __init__(self, inside=lambda event: None):
        self.heard = []
        self.inside = inside
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self.heard.append(getattr(event, "text", type(event).__name__))
            self._changed.notify_all()
        self.inside(event)

    def wait_for(self, word):
        with self._changed:
            assert self._changed.wait_for(lambda: word in self.heard, TIMEOUT), self.heard

    @property
    def texts(self):
        return [word for word in self.heard if not word.startswith("Stream")]


def living():
    return [thread for thread in threading.enumerate() if thread.name == LISTENERS]


def gone():
    for thread in living():
        thread.join(TIMEOUT)
    return not living()


def raise_(error):
    raise error


def test_b0_4_a_listener_gets_what_was_and_what_comes_without_a_gap():
    """Added in the middle of a fast stream: from the first to the last, each once."""
    recording, listeners = StreamRecording(), []
    recording.on_event(events.StreamStarted("s", 0.0, {}))
    for number in range(5000):
        recording.on_token_received(str(number), number)
        if number % 1000 == 500:
            listeners.append(Listener())
            recording.add_listener(listeners[-1])
    recording.on_event(events.StreamCompleted("s", 1.0, events.StreamResult("")))
    assert recording.wait_for_completion(TIMEOUT)
    assert [listener.texts for listener in listeners] == [[str(number) for number in range(5000)]] * 5
    assert all(listener.heard[-1] == "StreamCompleted" for listener in listeners)


def test_without_replay_it_hears_what_comes_next():
    recording, stream, source = recording_now("a")
    listener = Listener()
    recording.add_listener(listener, replay=False)
    source.push("b").end()
    finish(stream)
    assert recording.wait_for_completion(TIMEOUT)
    assert listener.heard == ["b", "StreamCompleted"]


def test_b0_7_a_listener_may_remove_itself_and_others():
    """Nobody is skipped because of it."""
    recording, stream, source = recording_now("a")
    first, second = Listener(lambda event: recording.remove_listener(first)), Listener()
    recording.add_listener(first)
    recording.add_listener(second)
    first.wait_for("StreamStarted")
    source.push("b").end()
    finish(stream)
    assert recording.wait_for_completion(TIMEOUT)
    assert first.heard == ["StreamStarted"]
    assert second.texts == ["a", "b"]
    assert gone()


def test_b0_8_a_function_that_would_have_to_be_awaited_is_refused():
    async def listener(event):
        """Nobody would run it."""

    with pytest.raises(ConfigurationError, match="ordinary function"):
        recorded("a").add_listener(listener)
    with pytest.raises(ConfigurationError, match="ordinary function"):
        recorded("a").add_listener("no function")


def test_b0_9_a_listener_that_fails_is_logged_and_harms_nobody(caplog):
    """Itself included: it gets the next event; an exit raised in it is no exception."""
    recording, well = recorded("a", "b"), Listener()
    failing, leaving = Listener(lambda event: 1 / 0), Listener(lambda event: raise_(SystemExit()))
    for listener in (failing, well, leaving):
        recording.add_listener(listener)
    assert recording.wait_for_completion(TIMEOUT)
    assert failing.texts == well.texts == leaving.texts == ["a", "b"]
    assert sum(record.exc_info is not None for record in caplog.records) == len(failing.heard) * 2


def test_b0_10_a_slow_listener_delays_neither_the_stream_nor_another():
    recording, stream, source = recording_now("a")
    hold = threading.Event()
    slow, quick = Listener(lambda event: hold.wait(TIMEOUT)), Listener()
    recording.add_listener(slow)
    recording.add_listener(quick)
    slow.wait_for("StreamStarted")
    source.push("b").end()
    finish(stream)
    quick.wait_for("StreamCompleted")
    assert slow.heard == ["StreamStarted"]
    hold.set()
    slow.wait_for("StreamCompleted")
    assert slow.texts == ["a", "b"]


def test_b0_11_a_listener_that_comes_after_the_end_hears_all():
    recording, listener = recorded("a"), Listener()
    recording.add_listener(listener)
    assert recording.wait_for_completion(TIMEOUT)
    assert [word for word in listener.heard if word != "StreamProgress"] == [
        "StreamStarted",
        "a",
        "StreamCompleted",
    ]


def test_b0_12_a_listener_hears_of_a_failure():
    recording, listener = recorded("a", failing=OSError("gone")), Listener()
    recording.add_listener(listener)
    assert recording.wait_for_completion(TIMEOUT)
    assert listener.heard[-1] == "StreamFailed"


def test_b0_13_who_waits_goes_on_after_the_listeners():
    """They have heard of the end by then, or the time is up."""
    recording, stream, source = recording_now("a")
    hold = threading.Event()
    listener = Listener(lambda event: hold.wait(TIMEOUT))
    recording.add_listener(listener)
    source.end()
    finish(stream)
    assert recording.wait_for_completion(0.01) is False
    hold.set()
    assert recording.wait_for_completion(TIMEOUT) is True
    assert listener.heard[-1] == "StreamCompleted"


def test_b0_18_a_listener_listens_once():
    recording, _, source = recording_now("a")
    listener = Listener()
    recording.add_listener(listener)
    with pytest.raises(ConfigurationError, match="listens already"):
        recording.add_listener(listener)
    assert (recording.remove_listener(listener), recording.remove_listener(listener)) == (True, False)
    assert gone()
    recording.add_listener(listener)
    source.end()
    assert recording.wait_for_completion(TIMEOUT)


def test_a_listener_cannot_wait_for_itself():
    raised = []

    def wait(event):
        try:
            recording.wait_for_completion()
        except StreamStateError as error:
            raised.append(error)

    recording = recorded("a")
    recording.add_listener(wait)
    assert gone()
    assert len(raised) == len(list(recording.events()))


@pytest.mark.parametrize("how", ["end", "remove", "close"])
def test_no_thread_is_left_behind(how):
    """Neither of an ended stream nor of a listener that was removed while it waited."""
    recording, stream, source = recording_now("a")
    listener = Listener()
    recording.add_listener(listener)
    listener.wait_for("a")
    assert len(living()) == 1
    {"end": source.end, "remove": lambda: recording.remove_listener(listener), "close": recording.close}[
        how
    ]()
    assert gone()
    stream.cancel_stream()
    finish(stream)

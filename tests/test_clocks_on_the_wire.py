"""A dead wire and a thinking model are told apart, on the wire and at the defaults."""

from __future__ import annotations

import hashlib
import threading

import pytest
from fakes import RecordingHandler

from api_models import APIModelManager, StreamHandler, StreamQuiet, StreamTimeoutError
from api_models.streaming.parts.clocks import Clocks
from api_models.streaming.stream_config import StreamConfig
from api_models.testing import Provider, Reply, anthropic, chat, comment
from api_models.testing.rendering import event

PING = event({"type": "ping"}, "ping")


def manager_for(provider, **stream):
    entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
    messages = {"api_key": "sk-test-key", "base_url": provider.url, "model": "m"}
    return APIModelManager(
        {
            "default_provider": "lab",
            "providers": {"lab": entry, "anthropic": messages},
            "stream": {"max_retries": 0, **stream},
        }
    )


def ended_by(reply, **stream):
    """The error of a stream over this reply, after checking that the server saw the close."""
    with Provider(reply) as provider, manager_for(provider, **stream) as manager:
        with pytest.raises(StreamTimeoutError) as caught:
            manager.generate("hi")
        assert provider.wait_for_close() is not None
        assert len(provider.requests) == 1
        return caught.value


def test_a_silent_server_is_named_by_the_silence_clock():
    error = ended_by(Reply(chat(["a", "b", "c"]), stall_after=3), silence_timeout=0.3)
    assert (error.clock, error.partial_text) == ("silence", "ab")


def test_heartbeats_alone_do_not_hold_the_idle_clock():
    reply = Reply(chat(["a", "b", "c"]), stall_after=3, heartbeat=comment(), beat_every=0.05)
    error = ended_by(reply, idle_timeout=0.3, silence_timeout=5.0)
    assert (error.clock, error.partial_text) == ("idle", "ab")


def test_heartbeats_alone_do_not_hold_the_clock_of_the_first_token():
    reply = Reply(chat(["a"]), stall_after=1, heartbeat=comment(), beat_every=0.05)
    assert ended_by(reply, first_token_timeout=0.3).clock == "first_token"


def test_one_byte_at_a_time_does_not_hold_the_total_clock():
    error = ended_by(Reply(chat(["a", "b"]), slice_size=1, pace=0.02), total_timeout=0.3)
    assert error.clock == "total"


def test_thinking_keeps_the_content_clocks_alive():
    """A model that thinks for longer than the idle clock is not silent."""
    reply = Reply(anthropic(["done"], thinking=["hm "] * 12), pace=0.05)
    with (
        Provider(reply) as provider,
        manager_for(provider, idle_timeout=0.4, first_token_timeout=0.5) as manager,
    ):
        assert manager.generate("hi", "anthropic").text == "done"


def test_tool_arguments_keep_the_content_clocks_alive():
    tool = ("t1", "save", ['{"text": "', *["x"] * 12, '"}'])
    with Provider(Reply(anthropic([], tool=tool, stop="tool_use"), pace=0.05)) as provider:
        with manager_for(provider, idle_timeout=0.4) as manager:
            assert manager.generate("hi", "anthropic").tool_calls[0].arguments == {"text": "x" * 12}


def test_quiet_is_told_once_and_kills_nothing():
    """A heartbeat does not hide that nothing comes; the stream lives on."""
    reply = Reply(chat(["a", "b"]), stall_after=2, stall_for=0.6, heartbeat=comment(), beat_every=0.05)
    with Provider(reply) as provider, manager_for(provider, quiet_after=0.2) as manager:
        stream = manager.generate_stream_with_handlers("hi")
        assert stream.result().text == "ab"
        quiet = [each for each in stream.events() if isinstance(each, StreamQuiet)]
        assert len(quiet) == 1 and quiet[0].seconds >= 0.2


def test_eight_minutes_of_pings_are_no_reason_to_give_up_at_the_defaults():
    """In compressed time: pings each ten seconds, then the answer; no clock has run out."""
    clocks = Clocks(StreamConfig())
    clocks.began_waiting(0.0)
    for second in range(10, 480, 10):
        assert not [clock for at, clock in clocks.limits() if at <= second], second
        clocks.received(float(second), content=False)
        clocks.began_waiting(float(second))
    clocks.received(481.0, content=True)
    assert not [clock for at, clock in clocks.limits() if at <= 481.0]


class Digest(StreamHandler):
    """Keeps what arrived as a hash, and lets the test wait for the first of it."""

    def __init__(self):
        self.sha, self.size = hashlib.sha256(), 0

    def on_token_received(self, token, index):
        self.sha.update(token.encode())
        self.size += len(token)


def test_a_pause_longer_than_the_providers_patience_loses_nothing():
    """20 MB, a provider that gives up after 0.5 s of blocked writes, a pause until it has sent all."""
    texts = [f"{number:08d}" * 6250 for number in range(400)]
    reply = Reply(chat(texts), patience=0.5)
    first = RecordingHandler()
    digest = Digest()
    with Provider(reply) as provider, manager_for(provider, keep_history=False) as manager:
        stream = manager.generate_stream_with_handlers("hi", handlers=[digest, first])
        first.wait_for_call("token")
        assert stream.pause_stream()
        connection = provider.connections[0]
        whole = sum(len(one.wire) for one in reply.events)
        while connection.bytes_sent < whole and not connection.gave_up:  # the test's timeout ends it
            threading.Event().wait(0.01)
        assert not connection.gave_up
        assert stream.resume_stream()
        assert len(stream.result(30).text) == digest.size == sum(map(len, texts))
        assert digest.sha.hexdigest() == hashlib.sha256("".join(texts).encode()).hexdigest()

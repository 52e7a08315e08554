"""After every outcome nothing is left: no thread, no descriptor, no file, no memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from api_models import APIModelError, APIModelManager, StreamHandler
from api_models.testing import Provider, Reply, chat, chat_error, error_reply

DESCRIPTORS = Path("/proc/self/fd")
ROUNDS = 250
"""Of eight kinds: 2,000 streams in all."""


class Faulty(StreamHandler):
    def on_token_received(self, token, index):
        raise RuntimeError("a bug in a handler")


def our_threads():
    return {t for t in threading.enumerate() if t.name.startswith("api-models") and "testing" not in t.name}


def settled(condition, patience=10.0):
    """Whether the condition comes true; threads and sockets need a moment to go."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        gc.collect()
        if condition():
            return True
        threading.Event().wait(0.02)
    return False


EVENTS = chat(["a", "b", "c"])
REPLIES = {
    "complete": Reply(EVENTS),
    "cut": Reply(EVENTS, cut_at=300),
    "reset": Reply(EVENTS, cut_at=300, cut_how="rst"),
    "refused": error_reply(503),
    "in-band": Reply([*EVENTS[:2], chat_error()]),
    "cancelled": Reply(EVENTS, stall_after=2),
    "timed out": Reply(EVENTS, stall_after=2),
    "faulty handler": Reply(EVENTS),
}


def run_one(kind, provider, manager):
    provider.reply = REPLIES[kind]
    config = {
        "timed out": {"idle_timeout": 0.01},
        "faulty handler": {"handler_errors": "stop"},
        "cancelled": {"pause_mode": "drain"},
    }.get(kind)
    handlers = [Faulty()] if kind == "faulty handler" else []
    stream = manager.generate_stream_with_handlers("hi", handlers=handlers, config=config)
    if kind == "cancelled":
        next(iter(stream))
        stream.pause_stream()
        stream.cancel_stream()
    try:
        assert stream.result(20).text == "abc" and kind == "complete"
    except APIModelError:
        assert kind != "complete"


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors in /proc, which Linux has")
def test_two_thousand_streams_leave_nothing_behind(caplog):
    caplog.set_level("CRITICAL")  # the faulty handler is logged each time, which is not what is tested
    with Provider() as provider:
        entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "model": "m"}
        config = {"default_provider": "lab", "providers": {"lab": entry}, "stream": {"max_retries": 0}}
        with APIModelManager(config) as manager:
            for kind in REPLIES:
                run_one(kind, provider, manager)
            assert settled(lambda: not our_threads())
            descriptors = len(list(DESCRIPTORS.iterdir()))
            for _ in range(ROUNDS):
                for kind in REPLIES:
                    run_one(kind, provider, manager)
                del provider.requests[:], provider.connections[:-1]
            assert settled(lambda: not our_threads()), our_threads()
            assert settled(lambda: len(list(DESCRIPTORS.iterdir())) <= descriptors + 4)
        assert settled(lambda: all(one.closed_at for one in provider.connections))


SCRIPT = """
import sys
from api_models import APIModelManager
config = {"kind": "openai_compatible", "base_url": sys.argv[1] + "/v1", "model": "m"}
manager = APIModelManager({"default_provider": "lab", "providers": {"lab": config}})
stream = manager.generate_stream_with_handlers("hi")
print(next(iter(stream)), flush=True)
"""


@pytest.mark.parametrize("more", ["", "stream.pause_stream()"], ids=["silent", "paused"])
def test_a_running_stream_does_not_hold_up_the_end_of_the_program(more):
    """The interpreter leaves at once, without a word, although the provider is silent."""
    with Provider(Reply(EVENTS, stall_after=2)) as provider:
        command = [sys.executable, "-c", SCRIPT + more, provider.url]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        seen = provider.connections[0].stalled.is_set()
        assert (done.returncode, done.stdout, done.stderr, seen) == (0, "a\n", "", True)
        assert time.monotonic() - begun < 20, "it waited for something"

"""A source that the test drives token by token, and a handler that writes everything down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from api_models.streaming.stream_config import StreamConfig
from api_models.streaming.stream_handler import StreamHandler
from api_models.streaming.stream_manager import StreamManager
from api_models.streaming.stream_source import Chunk, StreamSource

TIMEOUT = 20.0
"""Seconds after which what a test waits for will not happen; nothing waits this long in a good run."""

ENDINGS = ("complete", "error", "cancelled")
_END = object()


class AbortedError(OSError):
    """What a wire raises when it was cut from another thread."""


class ScriptedSource(StreamSource):
    """Yields what the test pushes, when the test pushes it, and blocks in between.

    A deaf one cannot be woken by `abort`, like a plain iterable stuck in `next()`.
    """

    def __init__(self, *tokens: Chunk, deaf: bool = False) -> None:
        self.aborts = self.closes = self.reads = 0
        self.configs: list[StreamConfig] = []
        self.threads: list[threading.Thread] = []
        self._deaf = deaf
        self._script: deque[Any] = deque()
        self._blocked = False
        # Wakes the reader when the script grows, and the test when the reader blocks or closes.
        self._changed = threading.Condition()
        self.push(*tokens)

    def push(self, *tokens: Chunk) -> ScriptedSource:
        """Let each token arrive by itself."""
        for token in tokens:
            self._add((token,))
        return self

    def push_batch(self, *tokens: Chunk) -> ScriptedSource:
        """Let the tokens arrive together, in one read; none at all is a heartbeat."""
        self._add(tokens)
        return self

    def end(self) -> ScriptedSource:
        self._add(_END)
        return self

    def fail(self, error: BaseException) -> ScriptedSource:
        self._add(error)
        return self

    def wait_until_blocked(self) -> None:
        """Wait until all that was pushed has been read and the next read is waiting."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._blocked and not self._script, TIMEOUT)

    def wait_until_closed(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.closes, TIMEOUT)

    def open(self, config: StreamConfig) -> None:
        self.configs.append(config)

    def read(self) -> Sequence[Chunk] | None:
        with self._changed:
            self.threads.append(threading.current_thread())
            self.reads += 1
            self._blocked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._script or (self.aborts and not self._deaf))
            self._blocked = False
            if self.aborts and not self._deaf:
                raise AbortedError("cut from another thread")
            said = self._script.popleft()
        if isinstance(said, BaseException):
            raise said
        return None if said is _END else said

    def abort(self) -> None:
        with self._changed:
            self.aborts += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closes += 1
            self._changed.notify_all()

    def _add(self, said: Any) -> None:
        with self._changed:
            self._script.append(said)
            self._changed.notify_all()


class Call(NamedTuple):
    """A callback, as the handler met it."""

    name: str
    arguments: tuple[Any, ...]
    thread: threading.Thread


class RecordingHandler(StreamHandler):
    """Writes down every callback; a function given as `token=` or `start=` runs inside that one."""

    def __init__(self, **inside: Callable[..., Any]) -> None:
        self.calls: list[Call] = []
        self.inside = inside
        self._heard = threading.Condition()

    def _note(self, name: str, *arguments: Any) -> None:
        with self._heard:
            self.calls.append(Call(name, arguments, threading.current_thread()))
            self._heard.notify_all()
        if name in self.inside:
            self.inside[name](*arguments)

    def on_stream_start(self, metadata: Any) -> None:
        self._note("start", metadata)

    def on_token_received(self, token: str, index: int) -> None:
        self._note("token", token, index)

    def on_thinking_received(self, text: str, index: int) -> None:
        self._note("thinking", text, index)

    def on_tool_call(self, tool_call: Any) -> None:
        self._note("tool", tool_call)

    def on_progress(self, progress: Any) -> None:
        self._note("progress", progress)

    def on_stream_paused(self) -> None:
        self._note("paused")

    def on_stream_resumed(self) -> None:
        self._note("resumed")

    def on_stream_reset(self, reason: str) -> None:
        self._note("reset", reason)

    def on_stream_complete(self, full_response: str) -> None:
        self._note("complete", full_response)

    def on_stream_error(self, error: Any) -> None:
        self._note("error", error)

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._note("cancelled", partial_response)

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until `condition()` holds; it is looked at after every callback."""
        with self._heard:
            assert self._heard.wait_for(condition, TIMEOUT), self.names()

    def wait_for_text(self, text: str) -> None:
        self.wait_for(lambda: len(self.text) >= len(text))
        assert self.text == text

    def wait_for_call(self, name: str, count: int = 1) -> None:
        self.wait_for(lambda: self.names().count(name) >= count)

    def names(self) -> list[str]:
        return [call.name for call in list(self.calls)]

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [call.arguments for call in list(self.calls) if call.name == name]

    @property
    def tokens(self) -> list[str]:
        return [text for text, _ in self.arguments("token")]

    @property
    def indices(self) -> list[int]:
        return [index for _, index in self.arguments("token")]

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def ending(self) -> Any:
        """What the one terminal callback was given."""
        (ending,) = [call.arguments[0] for call in self.calls if call.name in ENDINGS]
        return ending

    def check(self, ending: str) -> RecordingHandler:
        """Hold what was heard to G1: one start, first; one ending, last, and it is this one."""
        names = [name for name in self.names() if name != "progress"]
        assert names.count("start") == 1, names
        assert names[0] == "start", names
        assert [name for name in names if name in ENDINGS] == [ending], names
        assert names[-1] == ending, names
        return self


def start(source: Any, *handlers: Any, **config: Any) -> StreamManager:
    """A running stream of `source` with these handlers and this config."""
    stream = StreamManager(config)
    for handler in handlers:
        stream.register_handler(handler)
    stream.start_stream(source)
    return stream


def finish(stream: StreamManager) -> StreamManager:
    assert stream.wait(TIMEOUT), f"the stream did not end: {stream.get_stream_status()}"
    return stream


def outcome(stream: StreamManager) -> Any:
    """The result, or what `result()` raised."""
    try:
        return stream.result(TIMEOUT)
    except Exception as error:  # the caller looks at it
        return error


def run(source: Any, *handlers: Any, **config: Any) -> StreamManager:
    """A stream that has ended."""
    return finish(start(source, *handlers, **config))


def threads_of(stream: StreamManager) -> list[threading.Thread]:
    """The living threads that carry the name of the stream's present or last run."""
    name = stream.get_stream_status()["stream_id"]
    return [thread for thread in threading.enumerate() if name in thread.name]


def in_threads(*functions: Callable[[], Any]) -> list[Any]:
    """Call each function on a thread of its own, all let go at once; what they returned, in order."""
    results: list[Any] = [None] * len(functions)
    gate = threading.Barrier(len(functions))

    def play(number: int) -> None:
        gate.wait(TIMEOUT)
        results[number] = functions[number]()

    threads = [threading.Thread(target=play, args=(number,), daemon=True) for number in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), "a call hangs"
    return results


# Every way a stream can end, with the callback that tells it.
WAYS_TO_END = {
    "complete": "complete",
    "fail": "error",
    "fail at once": "error",
    "interrupt": "error",
    "cancel": "cancelled",
    "cancel while paused": "cancelled",
    "complete after a pause": "complete",
    "fail after a pause": "error",
    "handler": "error",
    "open": "error",
}


class Shut(ScriptedSource):
    """A source that cannot even be opened."""

    def open(self, config):
        raise OSError("shut")


def bring_to(state: str, **config: object) -> tuple[StreamManager, ScriptedSource, RecordingHandler]:
    """A stream in `state` whose handler has heard one token."""
    source, handler = ScriptedSource("a"), RecordingHandler()
    stream = StreamManager(config)
    stream.register_handler(handler)
    if state == "inactive":
        return stream, source, handler
    stream.start_stream(source)
    handler.wait_for_text("a")
    source.wait_until_blocked()
    if state == "paused":
        assert stream.pause_stream()
        handler.wait_for_call("paused")
    elif state == "completed":
        source.end()
    elif state == "error":
        source.fail(ValueError("x"))
    elif state == "cancelled":
        assert stream.cancel_stream()
    if state in ("completed", "cancelled", "error"):
        finish(stream)
    assert stream.state == state
    return stream, source, handler


def end(way: str, **config: object) -> tuple[StreamManager, ScriptedSource, RecordingHandler]:
    """A stream that ended in one of the `WAYS_TO_END`."""
    if way == "open":
        source, handler = Shut(), RecordingHandler()
        return run(source, handler, **config), source, handler
    if way == "fail at once":
        source, handler = ScriptedSource().fail(ValueError("x")), RecordingHandler()
        return run(source, handler, **config), source, handler
    stream, source, handler = bring_to("paused" if "pause" in way else "active", **config)
    if way == "handler":
        handler.inside["token"] = raise_interrupt
        source.push("b")
    elif way.startswith("cancel"):
        assert stream.cancel_stream()
    elif way == "interrupt":
        source.fail(KeyboardInterrupt())
    else:
        source.end() if way.startswith("complete") else source.fail(ValueError("x"))
    if "after a pause" in way:
        assert stream.resume_stream()
    return finish(stream), source, handler


def raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt

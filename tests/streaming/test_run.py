"""The threads that run a stream: pausing, cancelling and ending, on every path."""

from __future__ import annotations

import contextvars
import gc
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path

import pytest
from fakes import (
    TIMEOUT,
    WAYS_TO_END,
    RecordingHandler,
    ScriptedSource,
    bring_to,
    end,
    finish,
    in_threads,
    run,
    start,
    threads_of,
)

from api_models.streaming.exceptions import StreamCancelledError, StreamingError
from api_models.streaming.stream_manager import StreamManager
from api_models.streaming.stream_source import StreamSource

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("way", WAYS_TO_END)
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"buffer_size": 3, "buffer_seconds": 0.001},
        {"pause_mode": "hold"},
        {"tokens_per_second": 1e5},
        {"keep_history": False, "split": "grapheme", "buffer_seconds": 0.001},
    ],
    ids=str,
)
def test_one_start_one_end_one_close_on_every_path(way, config):
    """G1 and G9: whatever ends it, one start, one end, the source closed once and no thread left."""
    stream, source, handler = end(way, **config)
    handler.check(WAYS_TO_END[way])
    for thread in threads_of(stream):
        thread.join(TIMEOUT)
    assert threads_of(stream) == []
    assert source.closes == 1


@pytest.mark.parametrize("way", ["complete", "cancel", "cancel while paused", "complete after a pause"])
def test_b1_14_an_ended_run_lets_its_source_go(way):
    """The manager lives on and keeps its text; the source, its connection and its buffers do not."""
    stream, source, _ = end(way)
    for thread in threads_of(stream):
        thread.join(TIMEOUT)
    gone = weakref.ref(source)
    del source
    gc.collect()
    assert gone() is None
    assert "".join(stream) == "a"


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_nothing_comes_after_the_end(way):
    """After `wait()` has returned True, no callback follows and the state stays."""
    stream, source, handler = end(way)
    calls, state = list(handler.calls), stream.state
    source.push("late").end()
    assert not any([stream.pause_stream(), stream.resume_stream(), stream.cancel_stream()])
    for thread in threads_of(stream):
        thread.join(TIMEOUT)
    assert (handler.calls, stream.state) == (calls, state)


def test_threads_are_daemons_named_after_the_stream():
    """Every thread of a stream carries its id and never holds up the interpreter."""
    stream, _, _ = bring_to("paused")
    names = threads_of(stream)
    assert len(names) == 2
    assert all(thread.daemon for thread in names)
    assert all(stream.get_stream_status()["stream_id"] in thread.name for thread in names)
    stream.cancel_stream()
    finish(stream)


def test_b1_02_start_returns_at_once():
    """The caller has its stream while the source has yet to say a word, and is never the one who reads."""
    source, handler = ScriptedSource(), RecordingHandler()
    stream = start(source, handler)
    assert stream.state == "active"
    source.push("a").end()
    finish(stream)
    assert threading.current_thread() not in source.threads
    assert threading.current_thread() not in {call.thread for call in handler.calls}


@pytest.mark.parametrize("hook", ["start", "token", "paused", "resumed", "complete"])
@pytest.mark.parametrize("call", ["pause", "resume", "cancel"])
def test_b1_03_control_calls_are_legal_inside_callbacks(hook, call):
    """In no callback does any control call raise or hang, and the stream still ends once."""
    said = []

    def act(*_: object) -> None:
        if not said:
            said.append(getattr(stream, f"{call}_stream")())

    source, handler = ScriptedSource(), RecordingHandler()
    stream = StreamManager()
    stream.register_handler(handler)
    handler.inside[hook] = act
    stream.start_stream(source)
    source.push("a")
    if hook in ("paused", "resumed"):
        handler.wait_for_text("a")
        stream.pause_stream()
        handler.wait_for_call("paused")
        stream.resume_stream()
    source.push("b").end()
    handler.wait_for(lambda: said)
    if said == [True] and call == "pause":
        handler.wait_for_call("paused", 2 if hook == "resumed" else 1)
        stream.resume_stream()
    finish(stream)
    handler.check("cancelled" if said == [True] and call == "cancel" else "complete")


def test_b1_03_no_lock_is_held_while_a_callback_runs():
    """While one callback is stuck, every call works from another thread."""
    inside, gate = threading.Event(), threading.Event()
    handler = RecordingHandler(token=lambda *_: (inside.set(), gate.wait(TIMEOUT)))
    stream = start(["a", "b"], handler)
    assert inside.wait(TIMEOUT)

    def poke() -> list[object]:
        number = stream.register_handler(RecordingHandler())
        return [
            stream.unregister_handler(number),
            stream.get_stream_status()["state"],
            stream.wait(0),
            stream.pause_stream(),
            stream.resume_stream(),
            next(iter(stream)),
            stream.cancel_stream(),
        ]

    assert in_threads(poke) == [[True, "active", False, True, True, "a", True]]
    gate.set()
    finish(stream)
    assert handler.check("cancelled").tokens == ["a"]


@pytest.mark.parametrize("mode", ["drain", "hold"])
def test_b1_06_a_cancel_while_paused_delivers_nothing(mode):
    """Of what arrived during the pause not one token is handed out after the cancel."""
    stream, source, handler = bring_to("paused", pause_mode=mode)
    source.push("b", "c")
    if mode == "drain":
        source.wait_until_blocked()
    assert stream.cancel_stream()
    finish(stream)
    assert handler.check("cancelled").text == "a"
    assert "abc".startswith(handler.ending)
    assert mode == "hold" or handler.ending == "abc"
    assert "resumed" not in handler.names()


def test_b1_07_a_cancel_does_not_wait_for_the_next_token():
    """A stream blocked on a silent provider is over at once, its source aborted and closed."""
    stream, source, handler = bring_to("active")
    begun = time.monotonic()
    assert stream.cancel_stream()
    finish(stream)
    assert time.monotonic() - begun < 0.5
    handler.check("cancelled")
    assert source.aborts >= 1
    assert source.closes == 1


def test_a_deaf_source_does_not_hold_up_the_caller():
    """A cancel returns at once though the source cannot be woken; the terminal callback waits for it."""
    source, handler = ScriptedSource("a", deaf=True), RecordingHandler()
    stream = start(source, handler)
    handler.wait_for_text("a")
    source.wait_until_blocked()
    assert stream.cancel_stream()
    assert (stream.state, stream.wait(0)) == ("cancelled", False)
    assert "cancelled" not in handler.names()
    source.push("late")
    finish(stream)
    assert handler.check("cancelled").text == "a"
    assert (source.closes, source.reads) == (1, 2)


def test_a_cancel_inside_a_slow_handler_lets_it_finish():
    """The callback that runs is the last; the other handler does not get its token any more."""
    inside, gate = threading.Event(), threading.Event()
    slow = RecordingHandler(token=lambda *_: (inside.set(), gate.wait(TIMEOUT)))
    other = RecordingHandler()
    stream = start(["a", "b", "c"], slow, other)
    assert inside.wait(TIMEOUT)
    assert stream.cancel_stream()
    assert "cancelled" not in slow.names()
    gate.set()
    finish(stream)
    assert slow.check("cancelled").tokens == ["a"]
    assert other.check("cancelled").tokens == []


def test_b1_08_a_cancelled_stream_says_so_and_gives_its_text():
    """The handlers get the partial text, and so does whoever asks for the result."""
    stream, source, handler = bring_to("active")
    source.push("b")
    handler.wait_for_text("ab")
    assert stream.cancel_stream()
    finish(stream)
    assert handler.check("cancelled").ending == "ab"
    with pytest.raises(StreamCancelledError) as caught:
        stream.result()
    assert caught.value.partial_text == "ab"
    assert list(stream) == ["a", "b"]


@pytest.mark.parametrize("way", ["end", "fail"])
def test_b1_09_a_cancel_and_an_end_never_both_happen(way):
    """However close the race, `cancel_stream()` says True if and only if the one end is a cancel."""
    said = []
    for _ in range(100):
        stream, source, handler = bring_to("active")
        stop = source.end if way == "end" else lambda source=source: source.fail(ValueError("x"))
        did, _ = in_threads(stream.cancel_stream, stop)
        finish(stream)
        handler.check("cancelled" if did else {"end": "complete", "fail": "error"}[way])
        assert (stream.state == "cancelled") is did
        said.append(did)
    assert True in said


def test_of_many_cancels_one_is_true():
    """A cancel is told once, however many threads ask for it."""
    for _ in range(20):
        stream, _, handler = bring_to("active")
        assert in_threads(*[stream.cancel_stream] * 4).count(True) == 1
        finish(stream)
        handler.check("cancelled")


@pytest.mark.parametrize("way", ["end", "fail"])
def test_b1_10_a_paused_stream_does_not_end(way):
    """An end or a failure during a pause waits for the resume, behind the text."""
    stream, source, handler = bring_to("paused")
    source.push("b")
    source.end() if way == "end" else source.fail(ValueError("x"))
    source.wait_until_closed()
    assert (stream.state, stream.wait(0.02)) == ("paused", False)
    assert handler.names() == ["start", "token", "paused"]
    assert stream.resume_stream()
    finish(stream)
    handler.check("complete" if way == "end" else "error")
    assert handler.names()[:5] == ["start", "token", "paused", "resumed", "token"]
    assert handler.text == "ab"


@pytest.mark.parametrize("config", [{}, {"pause_mode": "hold"}, {"buffer_size": 2}], ids=str)
def test_b1_10_a_pause_in_the_last_token_holds_the_end_back(config):
    """A pause from inside the very last callback is kept: the completion comes after the resume."""
    handler = RecordingHandler(token=lambda text, _: text.endswith("last") and stream.pause_stream())
    source = ScriptedSource()
    stream = start(source, handler, **config)
    source.push("a", "last").end()
    handler.wait_for_call("paused")
    assert (stream.state, stream.wait(0.02)) == ("paused", False)
    stream.resume_stream()
    finish(stream)
    handler.check("complete")


def test_b1_15_a_resume_wakes_at_once():
    """A resumed stream goes on in milliseconds: nobody polls."""
    lags = []
    for _ in range(9):
        stream, source, handler = bring_to("paused")
        source.push("b")
        source.wait_until_blocked()
        begun = time.monotonic()
        stream.resume_stream()
        handler.wait_for_text("ab")
        lags.append(time.monotonic() - begun)
        source.end()
        finish(stream)
    assert sorted(lags)[len(lags) // 2] < 0.02


def test_b1_16_a_pause_does_not_stop_the_reading():
    """In mode drain all that the provider sends during a pause is read, and handed out after it."""
    stream, source, handler = bring_to("paused")
    source.push(*map(str, range(500)))
    source.wait_until_blocked()
    assert handler.text == "a"
    stream.resume_stream()
    source.end()
    finish(stream)
    assert handler.check("complete").tokens == ["a", *map(str, range(500))]
    assert handler.indices == list(range(501))


def test_hold_stops_the_reading():
    """In mode hold not more than the read that was under way is finished during a pause."""
    stream, source, handler = bring_to("paused", pause_mode="hold")
    reads = source.reads
    source.push("b", "c", "d")
    second = run(["x"] * 50)  # something else runs from start to end meanwhile
    assert second.state == "completed"
    assert (source.reads, handler.text) == (reads, "a")
    stream.resume_stream()
    source.end()
    finish(stream)
    assert handler.check("complete").text == "abcd"


def test_a_pause_while_blocked_in_the_read_is_told_at_once():
    """Handlers hear of a pause although no token arrives, on another thread than the one that reads."""
    stream, source, handler = bring_to("paused")
    (paused,) = [call for call in handler.calls if call.name == "paused"]
    assert paused.thread not in source.threads
    stream.resume_stream()
    handler.wait_for_call("resumed")
    source.end()
    finish(stream)


class Busy(StreamSource):
    """Has always more, and keeps the interpreter's lock while it makes it."""

    def __init__(self):
        self.reads, self.flows, self.is_over = 0, threading.Event(), False

    def read(self):
        self.reads += 1
        if self.reads == 5:
            self.flows.set()
        return None if self.is_over else (str(sum(range(30_000))),)

    def abort(self):
        self.is_over = True


def reads_before_a_pause_is_told():
    source, told, reads = Busy(), threading.Event(), []

    class Paused(RecordingHandler):
        def on_stream_paused(self):
            reads.append(source.reads)
            told.set()

    stream = StreamManager()
    stream.register_handler(Paused())
    stream.start_stream(source)
    assert source.flows.wait(TIMEOUT)
    reads.append(source.reads)
    assert stream.pause_stream() and told.wait(TIMEOUT)
    stream.cancel_stream()
    finish(stream)
    return reads[1] - reads[0]


def test_a_pause_is_told_although_the_reader_never_lets_go():
    """Also where the interpreter's lock changes hands rarely: the reader waits for who is to tell."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.05)
    try:
        assert max(reads_before_a_pause_is_told() for _ in range(30)) <= 3
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("mode", ["drain", "hold"])
def test_a_pause_inside_a_handler_parts_the_roles(mode):
    """A handler that pauses its own stream does not keep it from being read, unless it is to be held."""
    source = ScriptedSource()
    handler = RecordingHandler(token=lambda text, _: text == "a" and stream.pause_stream())
    stream = start(source, handler, pause_mode=mode)
    source.push("a")
    handler.wait_for_call("paused")
    source.push("b", "c")
    if mode == "drain":
        source.wait_until_blocked()
    assert handler.text == "a"
    stream.resume_stream()
    source.end()
    finish(stream)
    assert handler.check("complete").text == "abc"
    assert handler.names() == ["start", "token", "paused", "resumed", "token", "token", "complete"]


@pytest.mark.parametrize("mode", ["drain", "hold"])
@pytest.mark.parametrize("config", [{}, {"buffer_size": 3}, {"split": "word"}], ids=str)
def test_a_storm_of_pauses_keeps_the_text(mode, config):
    """Pauses and resumes from three threads lose nothing, repeat nothing, and are told in pairs."""
    words = [f"{number} " for number in range(1500)]
    source, handler = ScriptedSource(), RecordingHandler()
    stream = start(source, handler, pause_mode=mode, **config)

    def storm() -> int:
        done = 0
        for _ in range(300):
            done += stream.pause_stream()
            stream.resume_stream()
        return done

    *pauses, _ = in_threads(storm, storm, storm, lambda: source.push(*words))
    stream.resume_stream()
    source.end()
    finish(stream)
    assert handler.check("complete").text == "".join(words)
    told = [name for name in handler.names() if name in ("paused", "resumed")]
    assert told == ["paused", "resumed"] * sum(pauses)
    assert sum(pauses) > 0


def test_no_token_while_paused():
    """Between the pause that was told and the resume no token comes, though hundreds wait."""
    source, handler = ScriptedSource(), RecordingHandler()
    stream = start(source, handler)
    for _ in range(50):
        source.push(*["x"] * 50)
        assert stream.pause_stream()
        assert stream.resume_stream()
    source.end()
    finish(stream)
    names = handler.check("complete").names()
    pauses = [at for at, name in enumerate(names) if name == "paused"]
    assert len(pauses) == 50
    assert all(names[at + 1] == "resumed" for at in pauses)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=repr)
def test_b1_21_an_interrupt_in_the_source_is_an_end(error):
    """Even what is no `Exception` ends the stream, once, typed, with its text."""
    handler = RecordingHandler()
    stream = run(ScriptedSource("a").fail(error), handler)
    assert handler.check("error").ending.partial_text == "a"
    assert isinstance(handler.ending, StreamingError)
    assert handler.ending.__cause__ is error
    assert stream.state == "error"


def test_b1_25_a_slow_handler_loses_nothing():
    """A slow handler costs the other one time, never a token."""
    slow, quick = RecordingHandler(token=lambda *_: time.sleep(0.001)), RecordingHandler()
    run(ScriptedSource(*map(str, range(40))).end(), slow, quick)
    assert slow.check("complete").tokens == quick.check("complete").tokens == list(map(str, range(40)))


def test_a_source_learns_how_the_stream_is_run():
    """`open` gets the config, once, before the first read."""
    source = ScriptedSource("a").end()
    stream = run(source, first_token_timeout=3.0)
    assert source.configs == [stream.config]
    assert stream.config.first_token_timeout == 3.0


@pytest.mark.parametrize("method", ["close", "abort"])
def test_a_source_that_fails_to_let_go_is_no_failed_stream(method):
    """An exception of `close` or `abort` is logged and harms neither the text nor the end."""

    def fail(*_: object) -> None:
        raise OSError("it sticks")

    kind = type("Sticky", (ScriptedSource,), {method: fail})
    source, handler = kind("a", deaf=True), RecordingHandler()
    stream = start(source, handler)
    handler.wait_for_text("a")
    if method == "abort":
        assert stream.cancel_stream()
    source.end()
    finish(stream)
    handler.check("cancelled" if method == "abort" else "complete")


def test_a_plain_generator_runs_its_finally():
    """A generator is closed on the stream's own thread when the stream is cancelled."""
    closed, asked, gate = [], threading.Event(), threading.Event()

    def source():
        try:
            yield "a"
            asked.set()
            gate.wait(TIMEOUT)
            yield "b"
        finally:
            closed.append(threading.current_thread())

    handler = RecordingHandler()
    stream = start(source(), handler)
    assert asked.wait(TIMEOUT)
    stream.cancel_stream()
    gate.set()
    finish(stream)
    assert handler.check("cancelled").text == "a"
    assert len(closed) == 1
    assert closed[0] is not threading.current_thread()


@pytest.mark.parametrize("pause", [False, True])
def test_handlers_see_the_context_of_who_started(pause):
    """Context variables are those of the call to `start_stream`, also after another thread paused."""
    variable = contextvars.ContextVar("variable", default="nobody")
    seen = []
    handler = RecordingHandler(token=lambda *_: seen.append(variable.get()))
    source = ScriptedSource("a")
    token = variable.set("starter")
    stream = start(source, handler)
    variable.reset(token)
    handler.wait_for_text("a")
    source.wait_until_blocked()
    if pause:
        assert in_threads(stream.pause_stream) == [True]
        assert stream.resume_stream()
    source.push("b").end()
    finish(stream)
    assert seen == ["starter", "starter"]


def test_many_streams_at_once():
    """A hundred streams run side by side, each with its own text, and leave no thread."""
    handlers = [RecordingHandler() for _ in range(100)]
    streams = [
        start(ScriptedSource(*(f"{number}.{at} " for at in range(20))).end(), handler)
        for number, handler in enumerate(handlers)
    ]
    for number, (stream, handler) in enumerate(zip(streams, handlers, strict=True)):
        finish(stream)
        assert handler.check("complete").tokens == [f"{number}.{at} " for at in range(20)]
        for thread in threads_of(stream):
            thread.join(TIMEOUT)
        assert threads_of(stream) == []


class Endless(StreamSource):
    """A source that never runs dry."""

    def read(self):
        return ("x",)


def test_no_token_begins_after_a_cancel_returned():
    """Of an endless rush of tokens at most the one in hand is finished once the cancel has returned."""
    for _ in range(30):
        handler = RecordingHandler()
        stream = start(Endless(), handler, keep_history=False)
        handler.wait_for(lambda handler=handler: len(handler.calls) > 20)
        assert stream.cancel_stream()
        begun = len(handler.calls)
        finish(stream)
        names = handler.check("cancelled").names()
        assert names[begun:].count("token") <= 1


CHILD = """
import threading
from api_models.streaming.stream_manager import StreamManager
stream = StreamManager({config})
def source():
    yield "a"
    threading.Event().wait()
stream.start_stream(source())
next(iter(stream))
{act}
print("bye")
"""


@pytest.mark.parametrize("act", ["pass", "stream.pause_stream()", "stream.cancel_stream()"])
@pytest.mark.parametrize("config", ["", "{'tokens_per_second': 0.01, 'total_timeout': 100}"])
def test_the_interpreter_exits_whatever_still_runs(act, config):
    """The end of a program is not held up by a stream that is stuck, paused or being cancelled."""
    code = CHILD.format(config=config, act=act)
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=ROOT
    )
    assert (child.stdout, child.stderr, child.returncode) == ("bye\n", "", 0)


# A pause that does not fit into memory


@pytest.fixture
def spill_folder(tmp_path, monkeypatch):
    """A folder of the test's own for temporary files."""
    folder = tmp_path / "spill"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux lists them")
@pytest.mark.parametrize("way", ["resume", "cancel", "fail"])
def test_a_spilled_pause_loses_nothing_and_leaves_nothing(way, spill_folder):
    """Text that went through the file is handed out, or is the partial text; the file is closed."""
    before = open_files()
    words = [f"{number} " for number in range(200)]
    source, handler = ScriptedSource("start "), RecordingHandler()
    stream = start(source, handler, max_backlog_bytes=500)
    handler.wait_for_text("start ")
    source.wait_until_blocked()
    assert stream.pause_stream()
    source.push(*words)
    source.wait_until_blocked()
    assert open_files() > before
    if way == "cancel":
        assert stream.cancel_stream()
    else:
        source.end() if way == "resume" else source.fail(ValueError("x"))
        assert stream.resume_stream()
    finish(stream)
    handler.check({"resume": "complete", "cancel": "cancelled", "fail": "error"}[way])
    if way == "cancel":
        assert (handler.text, handler.ending) == ("start ", "start " + "".join(words))
    else:
        assert handler.tokens == ["start ", *words]
    assert open_files() == before


def test_a_backlog_that_cannot_be_kept_fails_the_stream(spill_folder, monkeypatch):
    """When the file cannot be written, the stream ends in an error and never hangs."""
    monkeypatch.setattr(tempfile, "tempdir", str(spill_folder / "missing"))
    source, handler = ScriptedSource("a"), RecordingHandler()
    stream = start(source, handler, max_backlog_bytes=0, tokens_per_second=1000)
    source.end()
    finish(stream)
    assert isinstance(handler.check("error").ending.__cause__, OSError)

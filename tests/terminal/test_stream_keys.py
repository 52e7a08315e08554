"""Keys by themselves: on a terminal, without one, and on Windows."""

from __future__ import annotations

import importlib.util
import io
import sys
import threading
import types

import pytest

pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("pyte", reason="pyte is not installed: no screen to look at, terminal programs untested")

from fakes import TIMEOUT, ScriptedSource, start
from pseudo_terminal import PseudoTerminal

from api_models.handlers import keys as module
from api_models.handlers.keys import StreamKeys

# Tells what is called, and hands itself in as the stream.
TOLD = """
import sys, threading
from api_models import StreamKeys
def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")  # in one write: two threads tell
    sys.stdout.flush()
class Stream:
    paused, over = False, threading.Event()
    def pause_stream(self):
        before, self.paused = self.paused, True
        if not before: tell("paused")
        return not before
    def resume_stream(self):
        self.paused = False
        tell("resumed")
    def cancel_stream(self):
        tell("cancelled")
        self.over.set()
stream = Stream()
"""
LISTEN = (
    TOLD
    + """
with StreamKeys(stream) as keys:
    tell("listening", keys.is_listening)
    stream.over.wait()
tell("threads", threading.active_count())
"""
)
FAIL = (
    TOLD
    + """
with StreamKeys(stream):
    tell("listening")
    stream.over.wait()
    raise RuntimeError("trouble")
"""
)


def test_keys_pause_resume_and_stop_and_no_thread_is_left():
    with PseudoTerminal([sys.executable, "-c", LISTEN]) as terminal:
        terminal.wait_for(lambda text: "listening True" in text)
        for key in ("p", " ", "P", "x", "\x1b[15~", "\x1bOP", "é", "p"):
            terminal.type(key)
        terminal.wait_for(lambda text: text.count("resumed") == 2)
        terminal.type("\x1b")
        assert terminal.wait() == 0
        lines = terminal.text.split("\n")
        assert lines == ["listening True", "paused", "resumed", "paused", "resumed", "cancelled", "threads 1"]
        assert terminal.modes == terminal.modes_before


def test_an_exception_leaves_the_terminal_as_it_was():
    with PseudoTerminal([sys.executable, "-c", FAIL]) as terminal:
        terminal.wait_for(lambda text: "listening" in text)
        terminal.type("q")
        assert terminal.wait() == 1
        assert "RuntimeError: trouble" in terminal.text
        assert terminal.modes == terminal.modes_before


def test_control_c_leaves_the_terminal_as_it_was():
    with PseudoTerminal([sys.executable, "-c", FAIL]) as terminal:
        terminal.wait_for(lambda text: "listening" in text)
        terminal.type("\x03")
        assert terminal.wait() != 0
        assert "KeyboardInterrupt" in terminal.text
        assert terminal.modes == terminal.modes_before


@pytest.mark.parametrize("source", [io.StringIO("q"), None, open])
def test_where_nobody_can_type_nothing_happens(source, monkeypatch):
    """A pipe, no standard input at all, and something that is no file."""
    monkeypatch.setattr(sys, "stdin", None)
    before = threading.active_count()
    with StreamKeys(None, source) as keys:
        assert not keys.is_listening
        assert threading.active_count() == before


class Console:
    """What `msvcrt` says of a Windows console on which these keys are typed."""

    def __init__(self, typed):
        self.typed = list(typed)

    def kbhit(self):
        return bool(self.typed)

    def getwch(self):
        return self.typed.pop(0)


class Typewriter(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        return 0


def test_on_windows_the_console_is_asked(monkeypatch):
    """An arrow key comes as two characters, the second of which may look like a letter."""
    monkeypatch.setattr(sys, "platform", "win32")
    msvcrt = types.ModuleType("msvcrt")
    console = Console("\xe0px\0qp")
    msvcrt.kbhit, msvcrt.getwch = console.kbhit, console.getwch
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    spec = importlib.util.spec_from_file_location("api_models.handlers.keys_on_windows", module.__file__)
    windows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(windows)
    monkeypatch.undo()
    source = ScriptedSource("a")
    stream = start(source)
    with windows.StreamKeys(stream, Typewriter()) as keys:
        assert keys.is_listening
        (listener,) = [thread for thread in threading.enumerate() if thread.name == "api-models-keys"]
        for event in stream.events():
            if type(event).__name__ == "StreamPaused":
                break
        console.typed += "q"
        assert stream.wait(TIMEOUT)
    assert stream.state == "cancelled"
    assert not listener.is_alive()

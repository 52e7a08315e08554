"""Parts of the window that are easier to look at from inside, on a real display."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import tkinter
from pathlib import Path

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, start
from program import until

from api_models import Pump
from api_models.clients.local_model import is_engine_installed, list_models
from api_models.desktop.palette import DARK, LIGHT
from api_models.desktop.tk_theme import Looks
from api_models.desktop.tk_transcript import Transcript

EXAMPLE = Path(__file__).parents[2] / "examples" / "desktop" / "tk_example.py"


@pytest.fixture
def root(screen):
    made = tkinter.Tk(screenName=screen.display)
    yield made
    with contextlib.suppress(tkinter.TclError):  # the test destroyed it
        made.destroy()


@pytest.fixture
def transcript(root):
    made = Transcript(root, Looks(root, LIGHT))
    made.pack(fill="both", expand=True)
    root.geometry("500x200")
    root.update()
    return made


def loop(root, condition):
    """Run the main loop of Tk until the condition holds."""
    given_up = root.after(int(TIMEOUT * 1000), root.quit)

    def look():
        if condition():
            root.quit()
        else:
            root.after(1, look)

    look()
    root.mainloop()
    root.after_cancel(given_up)
    assert condition()


def test_the_pump_calls_in_the_main_loop(root):
    handler, source = RecordingHandler(), ScriptedSource("a", "b").end()
    pump = Pump(handler)
    pump.attach_tk(root, fps=100)
    finish(start(source, pump))
    loop(root, lambda: "complete" in handler.names())
    assert handler.check("complete").text == "ab"
    assert {call.thread for call in handler.calls} == {threading.current_thread()}


def test_nothing_is_called_after_the_window_is_gone_and_the_stream_runs_on(root):
    handler, source = RecordingHandler(), ScriptedSource("a")
    pump = Pump(handler)
    pump.attach_tk(root, fps=100)
    stream = start(source, pump)
    loop(root, lambda: handler.text == "a")
    root.destroy()
    source.push("b").end()
    assert finish(stream).result().text == "ab"
    assert pump.drain() == 0
    assert handler.names() == ["start", "token"]


def test_the_end_of_a_widget_is_not_the_end_of_its_window(root):
    handler, label = RecordingHandler(), tkinter.Label(root)
    pump = Pump(handler)
    pump.attach_tk(root, fps=100)
    label.destroy()
    finish(start(["a"], pump))
    loop(root, lambda: "complete" in handler.names())


def test_a_handler_may_destroy_the_window(root):
    handler = RecordingHandler(complete=lambda *_: root.destroy())
    pump = Pump(handler)
    pump.attach_tk(root, fps=100)
    finish(start(["a"], pump))
    root.mainloop()  # ends because there is no window any more
    handler.check("complete")


def test_a_line_without_an_end_is_broken_on_the_screen_at_a_space(transcript):
    text = "word " * 5000
    for at in range(0, len(text), 777):
        transcript.add("answer", text[at : at + 777])
    shown = transcript.text.get("1.0", "end-1c").split("\n")
    assert "".join(shown) == text
    assert all(len(line) <= 2000 and line.endswith(" ") for line in shown[:-1])


def test_the_end_is_followed_until_the_reader_scrolls_up_and_again_at_the_end(root, transcript):
    def ends():
        root.update()
        return transcript.text.dlineinfo("end-1c") is not None

    def scroll(where):
        transcript.text.yview_moveto(where)
        transcript.text.event_generate("<Button-5>")
        root.update()

    transcript.add("answer", "line\n" * 100)
    assert ends()
    scroll(0.0)
    transcript.add("answer", "more\n" * 10)
    assert not ends()
    root.geometry("400x180")
    assert not ends()
    scroll(1.0)
    transcript.add("answer", "more\n" * 10)
    assert ends()
    root.geometry("350x160")
    assert ends()


def test_what_was_answered_is_forgotten_and_what_was_asked_stays(transcript):
    transcript.add("prompt", "Why?")
    transcript.begin_answer()
    transcript.add("thinking", "Hm.")
    transcript.add("answer", "Because.")
    transcript.forget_answer()
    assert transcript.text.get("1.0", "end").strip() == "Why?"
    transcript.add("answer", "So.")
    assert transcript.text.get("1.0", "end-1c") == "Why?\nSo."
    transcript.forget_all()
    assert transcript.text.get("1.0", "end-1c") == ""


def test_what_a_reader_types_changes_nothing(root, transcript):
    transcript.add("answer", "fixed")
    transcript.text.focus_force()
    transcript.text.event_generate("<Key-x>")
    root.update()
    assert transcript.text.get("1.0", "end-1c") == "fixed"


@pytest.mark.parametrize(("dots", "pixels"), [(96, 10), (192, 20)])
def test_sizes_follow_the_display(root, dots, pixels):
    root.tk.call("tk", "scaling", dots / 72)
    assert Looks(root, DARK).px(10) == pixels


def test_an_x11_desktop_is_asked_for_its_dots_an_inch(root, monkeypatch, tmp_path):
    command = tmp_path / "xrdb"
    command.write_text("#!/bin/sh\nprintf 'Xcursor.size:\\t24\\nXft.dpi:\\t144\\n'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert Looks(root, LIGHT).px(10) == 15


@pytest.mark.skipif(not (is_engine_installed() and list_models()), reason="the local model is not installed")
def test_the_short_example_answers_and_ends_with_its_window(screen):
    environment = {**os.environ, "DISPLAY": screen.display}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLE)], env=environment, stderr=subprocess.PIPE
    )
    try:
        window = int(
            until(lambda: screen.xdotool("search", "--onlyvisible", "--pid", process.pid, "--class", "Tk"))
        )
        screen.xdotool("windowfocus", "--sync", window)
        empty = screen.rows(400, 300, top=26)  # below the line in which it is asked
        screen.xdotool("type", "Say hello.")
        screen.xdotool("key", "Return")
        until(lambda: screen.rows(400, 300, top=26) != empty)
        screen.xdotool("key", "Escape")
        screen.ask_to_close(window)
        _, errors = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, b"")

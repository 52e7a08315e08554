"""The window, driven by keys and clicks on a virtual screen, against providers that misbehave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from program import CONTINUE, PATIENCE, PAUSE, SEND, STOP, until

from api_models.clients.local_model import is_engine_installed, list_models
from api_models.testing import Reply, chat

WORDS = [f"word{number} " for number in range(400)]
TEXT = "".join(WORDS)
SHORT = Reply(chat(["Hello, ", "world."], reasoning=["Somebody says hello."]))
LONG = Reply(chat(WORDS), pace=0.005)
SILENT = Reply(chat(["Well, "]), stall_after=2)

STOP_LIMIT = 0.2
"""Seconds from the key to the new state, on a silent wire."""
CLOSE_LIMIT = 1.0
"""Seconds from the closing of the window to the end of the process, in the middle of a stream."""


def test_a_prompt_that_is_typed_is_asked_and_its_answer_is_shown(opened):
    program, lab = opened(lab=SHORT)
    assert program.title == "Ready: lab:m-lab - api_models"
    program.ask("What do you say?")
    program.wait_for("Done")
    assert lab.requests[0].json["messages"] == [{"role": "user", "content": "What do you say?"}]
    assert program.answer() == "Hello, world."


def test_the_next_prompt_goes_on_with_the_conversation_and_a_click_sends_it(opened):
    program, lab = opened(lab=SHORT)
    program.ask("One")
    program.wait_for("Done")
    program.type("Two")
    program.press("shift+Return")
    program.type("lines")
    program.click(SEND)
    assert lab.wait_for_requests(2)
    said = [message["content"] for message in lab.requests[1].json["messages"]]
    assert said == ["One", "Hello, world.", "Two\nlines"]


@pytest.mark.parametrize("by", ["keys", "clicks"])
def test_paused_text_stands_still_and_resumed_it_comes_whole(opened, by):
    program, lab = opened(lab=LONG)
    pause = (lambda: program.press("ctrl+p")) if by == "keys" else (lambda: program.click(PAUSE))
    program.ask("Count")
    program.wait_for("Streaming")
    pause()
    program.wait_for("Paused")
    shown = program.answer()
    assert TEXT.startswith(shown)
    sent = lab.connections[0].bytes_sent
    until(lambda: lab.connections[0].bytes_sent > sent + 2000)  # it goes on sending, and is listened to
    assert program.answer() == shown
    assert len(shown) < len(TEXT)
    pause()
    program.wait_for("Done")
    assert program.answer() == TEXT


@pytest.mark.parametrize("by", ["keys", "clicks"])
def test_stop_on_a_silent_wire_changes_the_state_at_once_and_closes_the_wire(opened, by):
    program, lab = opened(lab=SILENT)
    program.ask("Well?")
    program.wait_for("Streaming")
    assert lab.connections[0].stalled.wait(PATIENCE)
    if by == "keys":
        program.press("Escape")
    else:
        program.click(STOP)
    begun = time.monotonic()
    program.wait_for("Stopped")
    assert time.monotonic() - begun < STOP_LIMIT
    assert lab.wait_for_close() is not None
    assert program.answer() == "Well, "


@pytest.mark.parametrize("way", ["the cross", "a key", "Ctrl-C in the terminal"])
@pytest.mark.parametrize("reply", [LONG, SILENT], ids=["flowing", "silent"])
def test_closed_in_the_middle_the_process_ends_and_the_provider_sees_it(opened, way, reply):
    program, lab = opened(lab=reply)
    program.ask("Go")
    program.wait_for("Streaming")
    if way == "the cross":
        program.screen.ask_to_close(program.window)
    elif way == "Ctrl-C in the terminal":
        program.process.send_signal(signal.SIGINT)
    else:
        program.press("ctrl+q")
    assert program.ended(within=CLOSE_LIMIT) == 0
    assert lab.wait_for_close() is not None


@pytest.mark.parametrize("by", ["keys", "clicks"])
def test_an_answer_that_broke_off_is_kept_and_continued(opened, by):
    replies = iter([Reply(chat(["It was a dark ", "and stormy"]), cut_at=600), Reply(chat([" night."]))])
    program, lab = opened(lab=lambda request: next(replies))
    program.ask("Begin")
    program.wait_for("Failed")
    kept = program.answer()
    assert kept
    assert "It was a dark and stormy".startswith(kept)
    if by == "keys":
        program.press("ctrl+g")
    else:
        program.click(CONTINUE)
    program.wait_for("Done")
    assert lab.requests[1].json["messages"][1] == {"role": "assistant", "content": kept}
    assert program.answer() == kept + " night."


def test_two_models_answer_side_by_side_and_stop_together(opened):
    program, one, other = opened("--model", "one", "--model", "other:special", one=LONG, other=SILENT)
    assert program.title == "Ready: one | Ready: other:special - api_models"
    program.ask("Both of you")
    program.wait_for("Streaming: one | Streaming: other:special")
    assert [lab.requests[0].json["model"] for lab in (one, other)] == ["m-one", "special"]
    program.press("Escape")
    program.wait_for("Stopped: one | Stopped: other:special")
    assert all(lab.wait_for_close() is not None for lab in (one, other))
    program.press("ctrl+b")
    program.wait_for("Stopped: one - api_models")


def test_all_of_it_can_be_done_with_the_keyboard(opened):
    """Choose another model from the list, ask it, pause with the button that Tab reaches, resume, stop."""
    program, one, other = opened(one=SHORT, other=LONG)
    program.open_list()
    program.press("Down")
    program.leave_list("Return")
    program.wait_for("other:m-other")
    program.press("ctrl+l")
    program.ask("You there")
    program.wait_for("Streaming")
    assert other.requests[0].json["model"] == "m-other"
    program.open_list()
    program.leave_list("Escape")
    program.press("Tab", "Tab", "space")
    program.wait_for("Paused")
    program.press("space")
    program.wait_for("Streaming")
    program.press("Tab", "Return")
    program.wait_for("Stopped")
    assert one.requests == []


def test_a_refused_request_says_why_and_can_be_tried_again(opened):
    program, _ = opened("--model", "anthropic", lab=SHORT)
    program.ask("Hello?")  # there is no key
    program.wait_for("Failed: anthropic")
    program.open_list()
    program.leave_list("Escape")
    program.press("ctrl+a")
    program.type("lab")
    program.press("Tab", "ctrl+g")
    program.wait_for("Done")
    assert program.answer() == "Hello, world."


def test_the_conversation_is_saved_where_the_user_says(opened, tmp_path):
    program, _ = opened(lab=SHORT)
    program.ask("What do you say?")
    program.wait_for("Done")
    program.press("ctrl+s")
    dialog = until(
        lambda: program.screen.xdotool("search", "--onlyvisible", "--name", "Save the conversation")
    )
    program.screen.xdotool("windowfocus", "--sync", dialog)
    path = tmp_path / "said.md"
    program.press("ctrl+slash")  # selects the name that is offered
    program.type(str(path))
    program.press("Return")
    until(lambda: path.exists() and path.stat().st_size)
    assert path.read_text(encoding="utf-8") == "## You\n\nWhat do you say?\n\n## Model\n\nHello, world.\n"


def test_it_works_when_small_and_dark_and_with_all_keys_shown(opened):
    """Nothing hangs while the window is resized, recoloured and covered in the middle of a stream."""
    program, _ = opened(lab=LONG)
    program.ask("Count")
    program.wait_for("Streaming")
    for size in ((460, 420), (900, 700), (500, 640), (1200, 900)):
        program.resize(*size)
        program.press("ctrl+d", "ctrl+t", "F1", "ctrl+b")
    program.wait_for("Done")
    assert program.answer() == TEXT


@pytest.mark.skipif(not (is_engine_installed() and list_models()), reason="the local model is not installed")
def test_the_local_model_answers(opened):
    program, *_ = opened("--model", "local", "--max-tokens", "12")
    program.ask("Say hello.")
    until(lambda: program.title.startswith(("Done", "Failed")), 40)
    assert program.answer().strip()


def test_without_a_display_it_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)  # of which Tk left a copy where Python does not look
    command = [sys.executable, "-m", "api_models", "gui"]
    ended = subprocess.run(
        command, env={**os.environ}, capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert ended.returncode == 2
    assert re.fullmatch(
        r"error: (no window can be shown here|this Python has no tkinter): .*\n", ended.stderr
    )

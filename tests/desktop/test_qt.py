"""The same conversation in Qt, without a screen: the example's window, driven by keys and clicks."""

from __future__ import annotations

import importlib.util
import threading
import time
from pathlib import Path

import pytest
from fakes import TIMEOUT, RecordingHandler, ScriptedSource, finish, start

from api_models import APIModelManager, Pump
from api_models.desktop.palette import LIGHT
from api_models.testing import Reply, chat

if importlib.util.find_spec("PySide6") is None:
    pytest.skip(
        "Qt is not tested: PySide6 is not installed (pip install 'api-models[qt]')", allow_module_level=True
    )

PROGRAM = Path(__file__).parents[2] / "examples" / "desktop" / "qt_program.py"
WORDS = [f"word{number} " for number in range(300)]
TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def application():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        from PySide6.QtWidgets import QApplication

        yield QApplication.instance() or QApplication([])


def until(application, condition):
    """Run the loop of Qt until the condition holds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        application.processEvents()


@pytest.fixture
def opened(application, provider):
    """A function that shows the example's window on a provider; returns it, and what is needed to drive it."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    spec = importlib.util.spec_from_file_location("qt_program", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    managers = []

    def open_it(reply):
        lab = provider(reply)
        entry = {"kind": "openai_compatible", "base_url": lab.url + "/v1", "model": "m"}
        managers.append(APIModelManager({"providers": {"lab": entry}, "stream": {"max_retries": 0}}))
        window = module.Window(managers[-1], ["lab"], LIGHT)
        window.show()
        window.type = lambda text: QTest.keyClicks(window.prompt, text)
        window.press = lambda key, modifier=Qt.KeyboardModifier.NoModifier: QTest.keyClick(
            window.prompt, getattr(Qt.Key, f"Key_{key}"), modifier
        )
        window.click = lambda button: QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        window.control = Qt.KeyboardModifier.ControlModifier
        QTest.qWaitForWindowExposed(window)
        window.activateWindow()
        return window, lab

    yield open_it
    for manager in managers:
        manager.close()


def test_a_prompt_is_answered_paused_resumed_and_all_of_it_shown(application, opened):
    window, lab = opened(Reply(chat(WORDS, reasoning=["hm"]), pace=0.003))
    window.type("Count")
    window.press("Return")
    until(application, lambda: "word3 " in window.text.toPlainText())
    window.click(window.pause)
    assert window.state.text() == "● Paused"
    shown = window.text.toPlainText()
    sent = lab.connections[0].bytes_sent
    until(application, lambda: lab.connections[0].bytes_sent > sent + 2000)
    assert window.text.toPlainText() == shown
    window.press("P", window.control)
    until(application, lambda: window.state.text() == "● Done")
    assert window.conversation.answer == TEXT
    assert window.text.toPlainText().endswith(TEXT)


def test_escape_stops_a_silent_wire_at_once(application, opened):
    window, lab = opened(Reply(chat(["Well, "]), stall_after=2))
    window.type("Well?")
    window.press("Return")
    until(application, lambda: "Well, " in window.text.toPlainText())
    window.press("Escape")
    assert window.state.text() == "● Stopped"
    assert lab.wait_for_close() is not None


def test_a_broken_answer_is_kept_and_continued(application, opened):
    replies = iter([Reply(chat(["It was a dark ", "and stormy"]), cut_at=600), Reply(chat([" night."]))])
    window, lab = opened(lambda request: next(replies))
    window.type("Begin")
    window.press("Return")
    until(application, lambda: window.state.text() == "● Failed")
    assert window.error.text()
    kept = window.conversation.answer
    window.click(window.more)
    until(application, lambda: window.state.text() == "● Done")
    assert window.conversation.answer == kept + " night."
    assert lab.requests[1].json["messages"][1]["content"] == kept


def test_closing_the_window_in_the_middle_closes_the_wire(application, opened):
    window, lab = opened(Reply(chat(["Well, "]), stall_after=2))
    window.type("Well?")
    window.press("Return")
    until(application, lambda: window.conversation.answer)
    window.close()
    assert lab.wait_for_close() is not None


def test_the_pump_calls_on_the_thread_of_qt_and_ends_with_its_parent(application):
    from PySide6.QtCore import QObject
    from shiboken6 import delete

    parent, handler, source = QObject(), RecordingHandler(), ScriptedSource("a")
    pump = Pump(handler)
    pump.attach_qt(parent, fps=200)
    stream = start(source, pump)
    until(application, lambda: handler.text == "a")
    delete(parent)
    source.push("b").end()
    finish(stream)
    application.processEvents()
    assert pump.drain() == 0
    assert handler.text == "a"
    assert {call.thread for call in handler.calls} == {threading.current_thread()}

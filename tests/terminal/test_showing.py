"""Which handler shows an answer where, and how the screen is had back."""

from __future__ import annotations

import io
import sys
import threading

import pytest
from fakes import TIMEOUT, ScriptedSource, start

pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")

from api_models import ConsoleHandler, RichHandler
from api_models.terminal import showing


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("output", "term", "plain", "kind"),
    [
        (Terminal(), "xterm", False, RichHandler),
        (Terminal(), "xterm", True, ConsoleHandler),
        (Terminal(), "dumb", False, ConsoleHandler),
        (io.StringIO(), "xterm", False, ConsoleHandler),
        (None, "xterm", False, ConsoleHandler),
    ],
)
def test_markdown_is_drawn_where_that_is_possible_and_wanted(monkeypatch, output, term, plain, kind):
    """Not into a file, on a dumb terminal, or where there is no standard output at all."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", output)
    assert type(showing.shown(plain, thinking=False, total=None)) is kind


def test_the_screen_is_had_back_from_a_stream_that_cannot_be_woken(monkeypatch):
    """What it says later is not drawn over what is typed by then."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(showing, "STOPPING_PATIENCE", 0.05)
    output, source = Terminal(), ScriptedSource("some", deaf=True)
    handler = RichHandler(output)
    stream = start(source, handler)
    source.wait_until_blocked()
    showing.stop(handler, stream)
    assert not [thread for thread in threading.enumerate() if "frames" in thread.name]
    before = output.getvalue()
    assert "some" in before
    source.push("more").end()
    assert stream.wait(TIMEOUT)
    assert output.getvalue() == before

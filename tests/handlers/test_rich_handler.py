"""The answer as Markdown on a terminal, looked at as text; the tests in tests/terminal look at a real one."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from fakes import TIMEOUT, ScriptedSource, run, start
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")

from api_models import RichHandler
from api_models.exceptions import ProviderUnavailableError
from api_models.handlers import rich_screen
from api_models.handlers.answer_page import Piece
from api_models.handlers.rich_screen import Screen
from api_models.streaming.stream_events import ResetNotice, StreamChunk, ToolCall


class Terminal(io.StringIO):
    """A terminal, as far as it says; `fault` is what the next write raises."""

    encoding = "utf-8"
    fault: Exception | None = None

    def isatty(self):
        return True

    def write(self, text):
        if self.fault is not None:
            raise self.fault
        return super().write(text)


@pytest.fixture(autouse=True)
def a_terminal_of_known_size(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    monkeypatch.setenv("NO_COLOR", "1")


def shown(text):
    """What stays: the last frame's erasing, and all codes, taken out."""
    kept = re.split(r"\x1b\[1A\x1b\[2K", text)[-1]
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", kept).replace("\r", "")


def finally_shown(source, **options):
    output, errors = Terminal(), io.StringIO()
    run(source, RichHandler(output, errors, **options))
    return shown(output.getvalue()), errors.getvalue()


def test_what_becomes_of_an_answer_is_its_last_line():
    text, _ = finally_shown(ScriptedSource("*one*\n\n", "two").end())
    assert re.fullmatch(r"one\n\ntwo\ncomplete · 2 tokens · [\d,]+/s · 0\.\d s\n", text)


def test_html_is_shown_and_not_left_out():
    """An answer about `<b>` is about `<b>`, outside of code too."""
    text, _ = finally_shown(ScriptedSource("Use <b>bold</b>.\n\n<div>\n  inside\n</div>\n\nDone.").end())
    assert text.startswith("Use <b>bold</b>.\n\n<div>\n  inside\n</div>\n\nDone.\n")


def test_a_link_shows_where_it_leads():
    text, _ = finally_shown(ScriptedSource("[our bank](http://elsewhere.example)").end())
    assert "our bank (http://elsewhere.example)" in text


def test_no_escape_sequence_of_an_answer_reaches_the_terminal():
    output = Terminal()
    run(ScriptedSource("safe \x1b]0;title\x07\x1b[2J text").end(), RichHandler(output))
    assert "\x1b]0" not in output.getvalue()
    assert "\x1b[2J" not in output.getvalue()


def test_an_answer_that_begins_again_says_so():
    """What had been printed stays above the line."""
    text, _ = finally_shown(ScriptedSource("old", ResetNotice("the wire broke"), "new").end())
    assert text.startswith("old\n\n-- the answer begins again: the wire broke\n\nnew\n")


def test_an_error_comes_after_the_text_with_what_to_do():
    message = " ".join(["overloaded"] * 20)  # longer than a line, and still one
    text, errors = finally_shown(ScriptedSource("some").fail(ProviderUnavailableError(message)))
    assert text.startswith("some\nfailed · ")
    assert errors == f"error: {message}\nnext: ask again in a while, or ask another model\n"


@pytest.mark.parametrize("wanted", [True, False])
def test_thinking_is_left_out_if_it_is_not_wanted(wanted):
    source = ScriptedSource(StreamChunk(thinking="hmm"), "yes").end()
    text, _ = finally_shown(source, thinking=wanted)
    assert text.startswith("hmm\n\nyes\n" if wanted else "yes\n")


def test_a_call_of_a_tool_is_shown():
    call = ToolCall("1", "look", {"at": "it"}, '{"at": "it"}')
    assert 'calls look({"at": "it"})' in finally_shown(ScriptedSource(StreamChunk(tool_call=call)).end())[0]


def test_a_frame_that_prints_shows_the_state_of_that_moment():
    """Also if it is the last one for a long time, as before a pause."""
    output = Terminal()
    screen = Screen(output, io.StringIO())
    screen.hold()
    screen.show([], Piece("answer", ""), ["waiting"], None)
    screen.show([Piece("answer", "one")], Piece("answer", "two"), ["paused"], None)
    assert shown(output.getvalue()) == "one\n\ntwo\n\npaused"
    screen.release()


def test_an_answer_that_was_stopped_stays():
    output, source = Terminal(), ScriptedSource("some")
    stream = start(source, RichHandler(output))
    source.wait_until_blocked()
    stream.cancel_stream()
    assert stream.wait(TIMEOUT)
    assert shown(output.getvalue()).startswith("some\nstopped · ")


def test_blanks_that_only_fill_a_line_up_are_left_out():
    """They would end up in the clipboard."""
    text, _ = finally_shown(ScriptedSource("short\n\n- item\n").end())
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_markdown_at_which_rich_is_at_a_loss_is_shown_as_it_stands(monkeypatch, caplog):
    def fail(text):
        raise RuntimeError("a fault of rich")

    monkeypatch.setattr(rich_screen, "_markdown", fail)
    assert finally_shown(ScriptedSource("**bold**").end())[0].startswith("**bold**\n")
    assert "a fault of rich" in caplog.text


MARKDOWN = st.lists(
    st.sampled_from(
        ["word ", "**b**", "`c`", "\n", "\n\n", "- a\n", "  - b\n", "1. x\n", "```py\n", "```\n", "# h\n", "| a |\n", "|---|\n",
         "> q\n", "![i](j)", "[l](m)", "<i>", "<p>\n", "***\n", "    code\n", "\\", "&amp;"]
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=60)
@given(MARKDOWN)
def test_any_markdown_can_be_shown(pieces):
    """As it grows, piece by piece, without a fault of ours or rich's."""
    output = Terminal()
    handler = RichHandler(output)
    live = handler._live
    live._take_hold()
    for piece in pieces:
        live.on_token_received(piece, 0)
        live._draw()
    live._draw_last()
    live._let_go()
    assert shown(output.getvalue()).endswith(" s\n")


def test_a_screen_that_has_gone_is_a_failure_of_the_handler():
    """It is counted and logged; standard output is nobody's any more."""
    output, source, before = Terminal(), ScriptedSource("a"), (sys.stdout, sys.stderr)
    stream = start(source, RichHandler(output))
    source.wait_until_blocked()
    output.fault = OSError("gone")
    source.push("b").end()
    assert stream.result(TIMEOUT).text == "ab"
    assert stream.get_stream_status()["stats"]["handler_errors"] >= 1
    assert (sys.stdout, sys.stderr) == before


def test_nothing_happens_to_the_output_before_a_stream():
    output = Terminal()
    RichHandler(output)
    assert output.getvalue() == ""


def test_what_others_print_meanwhile_goes_above_the_tail(monkeypatch):
    """A handler that prints does not tear the frame apart."""
    output = Terminal()
    monkeypatch.setattr(sys, "stdout", output)
    source = ScriptedSource("some")
    stream = start(source, RichHandler())
    source.wait_until_blocked()
    print("from elsewhere")
    source.end()
    stream.result(TIMEOUT)
    assert "from elsewhere\n" in output.getvalue()
    assert shown(output.getvalue()).endswith(" s\n")
    assert sys.stdout is output


def test_what_others_print_into_a_file_meanwhile_goes_there(capsys):
    """Standard output may be a file although the handler draws on a terminal."""
    output, source = Terminal(), ScriptedSource("some")
    stream = start(source, RichHandler(output))
    source.wait_until_blocked()
    print("data")
    print("log", file=sys.stderr)
    source.end()
    stream.result(TIMEOUT)
    assert capsys.readouterr() == ("data\n", "log\n")
    assert "data" not in output.getvalue()


def test_without_rich_it_says_what_to_install(tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('not installed')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom api_models import RichHandler\nRichHandler()"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert "ConfigurationError: RichHandler needs rich: pip install 'api-models[rich]'" in ended.stderr


def test_terminals_that_know_no_unicode_get_none_in_the_status_line():
    class Old(Terminal):
        encoding = "ascii"

    output = Old()
    screen = Screen(output, io.StringIO())
    screen.hold()
    screen.end([], ["complete", "1.0 s"])
    assert shown(output.getvalue()) == "complete | 1.0 s\n"

"""The answer on a terminal: every piece at once, whole lines, trouble in one line beside it."""

from __future__ import annotations

import io

import pytest
from fakes import ScriptedSource, outcome, run, start

from api_models.exceptions import ProviderUnavailableError
from api_models.handlers.console import ConsoleHandler
from api_models.streaming.exceptions import HandlerError
from api_models.streaming.stream_events import ResetNotice, StreamChunk


class Terminal(io.StringIO):
    """Notes what a flush made visible."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def flush(self):
        self.shown.append(self.getvalue())


@pytest.fixture
def screen():
    return Terminal(), Terminal()


def show(screen, source, **config):
    output, errors = screen
    run(source, ConsoleHandler(output, errors), **config)
    return output.getvalue(), errors.getvalue()


def test_text_is_shown_as_it_arrives(screen):
    """Each token is flushed, so that it is seen before the next one comes."""
    show(screen, ScriptedSource("Hel", "lo").end())
    assert screen[0].shown[:2] == ["Hel", "Hello"]


@pytest.mark.parametrize(
    ("tokens", "shown"), [(["a", "b"], "ab\n"), (["a\n"], "a\n"), (["a\n", "b"], "a\nb\n"), ([], "")]
)
def test_a_whole_answer_ends_with_one_new_line(screen, tokens, shown):
    """An answer that brings its own gets none, and so does nothing at all."""
    assert show(screen, ScriptedSource(*tokens).end()) == (shown, "")


def test_what_went_wrong_is_one_line_beside_the_text(screen):
    """The text before it stays, and its line is ended."""
    source = ScriptedSource("some").fail(ProviderUnavailableError("overloaded"))
    assert show(screen, source) == ("some\n", "error: overloaded\n")


def test_a_cancelled_answer_ends_its_line():
    output, errors = Terminal(), Terminal()
    source = ScriptedSource("some")
    stream = start(source, ConsoleHandler(output, errors))
    source.wait_until_blocked()
    stream.cancel_stream()
    assert stream.wait(10)
    assert (output.getvalue(), errors.getvalue()) == ("some\n", "")


def test_an_answer_that_begins_again_says_so(screen):
    """The void text stays above the line; the new one begins on a line of its own."""
    source = ScriptedSource("old").push(ResetNotice("the wire broke"), "new").end()
    assert show(screen, source) == ("old\nnew\n", "-- the answer begins again: the wire broke --\n")


def test_thinking_is_shown_only_where_it_is_wanted():
    """By default it is not shown at all."""
    for wanted in (True, False):
        output, thinking = Terminal(), Terminal()
        source = ScriptedSource(StreamChunk(thinking="hmm"), "yes").end()
        run(source, ConsoleHandler(output, Terminal(), thinking if wanted else None))
        assert output.getvalue() == "yes\n"
        assert thinking.shown == (["hmm"] if wanted else [])


def test_one_handler_shows_several_answers_one_after_the_other():
    output = Terminal()
    handler = ConsoleHandler(output)
    for text in ("one", "two"):
        run(ScriptedSource(text).end(), handler)
    assert output.getvalue() == "one\ntwo\n"


def test_it_writes_to_standard_output_and_standard_error(capsys):
    """Those of the moment it was made."""
    run(ScriptedSource("some").fail(ProviderUnavailableError("overloaded")), ConsoleHandler())
    assert capsys.readouterr() == ("some\n", "error: overloaded\n")


def test_a_reader_that_has_gone_stops_the_stream_and_nothing_is_said():
    """With `handler_errors` "stop": the broken pipe is the cause of what `result()` raises."""

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    errors, source = Terminal(), ScriptedSource("some")
    stream = run(source, ConsoleHandler(Gone(), errors), handler_errors="stop")
    error = outcome(stream)
    assert isinstance(error, HandlerError)
    assert isinstance(error.__cause__, BrokenPipeError)
    assert errors.getvalue() == ""

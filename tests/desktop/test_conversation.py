"""A conversation, without any toolkit: what its view is shown, and what its model is asked."""

from __future__ import annotations

import pytest
from fakes import TIMEOUT, ScriptedSource

from api_models import APIModelManager, InvalidRequestError, StreamChunk, StreamInterruptedError
from api_models.desktop.conversation import Conversation, Setup
from api_models.streaming.stream_events import ResetNotice, ToolCall


class View:
    """Writes down what it is shown."""

    def __init__(self):
        self.shown = []
        self.status = None

    def __getattr__(self, name):
        return lambda *said: self.shown.append((name, *said))

    def show_status(self, status):
        self.status = status


class Desk:
    """A conversation with a model whose answers the test scripts."""

    def __init__(self, *sources):
        self.sources = list(sources)
        self.asked = []
        self.view = View()
        self.manager = APIModelManager({"stream": {"max_retries": 0}})
        self.manager.register_provider("lab", lambda entry: self)
        self.manager.register_provider("other", lambda entry: self)
        self.conversation = Conversation(Setup(self.manager, ["lab"], {"system": "Be brief."}), self.view)

    def generate_stream(self, prompt, params):
        self.asked.append(prompt)
        return self.sources[len(self.asked) - 1]

    def ask(self, prompt="Hello?", model="lab"):
        assert self.conversation.ask(prompt, model)

    def finish(self):
        assert self.conversation._stream.wait(TIMEOUT)
        self.conversation.pump.drain()
        return self.view.status

    @property
    def text(self):
        return "".join(said[1] for said in self.view.shown if said[0] == "show_text")


@pytest.fixture
def desk():
    made = []

    def make(*sources):
        made.append(Desk(*sources))
        return made[-1]

    yield make
    for each in made:
        each.conversation.close()
        each.manager.close()


def said(*turns):
    roles = ("user", "assistant") * len(turns)
    return [{"role": role, "content": turn} for role, turn in zip(roles, turns, strict=False)]


def test_prompt_thinking_and_answer_are_shown_in_order(desk):
    a = desk(ScriptedSource(StreamChunk(thinking="Hm."), "Hello, ", "you.").end())
    a.ask()
    status = a.finish()
    assert a.view.shown == [("show_prompt", "Hello?"), ("show_thinking", "Hm."), ("show_text", "Hello, you.")]
    assert (status.title, status.is_running, status.can_continue) == ("Done", False, False)
    assert "2 tokens in" in status.figures


def test_it_is_not_done_before_the_last_word_is_shown(desk):
    source = ScriptedSource("Hello.").end()
    a = desk(source)
    a.ask()
    assert a.conversation._stream.wait(TIMEOUT)
    assert (a.conversation.status().title, a.text) == ("Waiting", "")
    assert a.finish().title == "Done"
    assert a.text == "Hello."


def test_the_conversation_is_sent_along_with_the_next_question(desk):
    a = desk(ScriptedSource("One.").end(), ScriptedSource("Two.").end())
    a.ask("1?")
    a.finish()
    a.ask("2?")
    a.finish()
    assert a.asked == [said("1?"), said("1?", "One.", "2?")]
    assert (
        a.conversation.transcript()
        == "## You\n\n1?\n\n## Model\n\nOne.\n\n## You\n\n2?\n\n## Model\n\nTwo.\n"
    )


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_nothing_is_asked_by_an_empty_prompt(desk, prompt):
    a = desk()
    assert not a.conversation.ask(prompt)
    assert a.view.shown == []


def test_nothing_is_asked_while_an_answer_is_on_its_way(desk):
    a = desk(ScriptedSource("x"))
    a.ask()
    assert not a.conversation.ask("And?")
    assert len(a.asked) <= 1


def test_a_question_without_an_answer_is_left_out_of_the_next_one(desk):
    a = desk(ScriptedSource().fail(InvalidRequestError("no")), ScriptedSource("Yes.").end())
    a.ask("1?")
    assert a.finish().error == "no"
    a.ask("2?")
    a.finish()
    assert a.asked[1] == said("2?")


def test_a_pause_shows_what_had_come_and_then_nothing(desk):
    source = ScriptedSource("a")
    a = desk(source)
    a.ask()
    source.wait_until_blocked()
    assert a.conversation.pause_or_resume()
    assert (a.text, a.view.status.title, a.view.status.is_paused) == ("a", "Paused", True)
    source.push("b").end()
    source.wait_until_closed()
    a.conversation.pump.drain()
    assert a.text == "a"
    assert a.conversation.pause_or_resume()
    assert a.finish().title == "Done"
    assert a.text == "ab"


def test_stop_keeps_what_came_and_the_rest_can_be_asked_for(desk):
    source = ScriptedSource("It was ")
    a = desk(source, ScriptedSource("a dark night.").end())
    a.ask()
    source.wait_until_blocked()
    assert a.conversation.stop()
    assert (a.text, a.view.status.title, a.view.status.can_continue) == ("It was ", "Stopped", True)
    assert a.conversation.go_on("lab")
    a.finish()
    assert a.asked[1][:2] == said("Hello?", "It was ")
    assert a.conversation.answer == a.text == "It was a dark night."


def test_what_a_model_says_again_when_it_goes_on_is_not_shown_twice(desk):
    a = desk(
        ScriptedSource("The answer is forty-").fail(StreamInterruptedError("cut")),
        ScriptedSource("The answer ", "is forty-two.").end(),
    )
    a.ask()
    assert a.finish().can_continue
    a.conversation.go_on("lab")
    a.finish()
    assert a.text == "The answer is forty-two."


def test_another_model_may_go_on(desk):
    a = desk(ScriptedSource("Well").fail(StreamInterruptedError("cut")), ScriptedSource(", yes.").end())
    a.ask()
    a.finish()
    a.conversation.go_on("other")
    a.finish()
    assert a.text == "Well, yes."


def test_if_nothing_came_the_same_is_asked_again(desk):
    a = desk(ScriptedSource().fail(StreamInterruptedError("cut")), ScriptedSource("Here.").end())
    a.ask()
    assert a.finish().can_continue
    assert a.conversation.go_on("lab")
    a.finish()
    assert a.asked == [said("Hello?")] * 2
    assert a.view.shown == [("show_prompt", "Hello?"), ("show_text", "Here.")]


def test_an_answer_cut_by_its_length_can_be_continued(desk):
    a = desk(ScriptedSource("One, ", StreamChunk(stop_reason="length")).end())
    a.ask()
    status = a.finish()
    assert (status.title, status.can_continue) == ("Done", True)
    assert "cut by its longest length" in status.figures


def test_a_whole_answer_cannot(desk):
    a = desk(ScriptedSource("All.").end())
    a.ask()
    a.finish()
    assert not a.conversation.go_on("lab")


def test_a_reset_takes_back_what_was_shown_of_this_answer(desk):
    a = desk(ScriptedSource("bad", ResetNotice("again"), "good").end())
    a.ask()
    a.finish()
    assert a.view.shown[1:] == [("show_text", "bad"), ("forget_answer",), ("show_text", "good")]
    assert a.conversation.answer == "good"


def test_a_missing_key_is_an_error_of_the_answer(desk):
    a = desk()
    a.ask(model="anthropic")
    assert a.view.status.title == "Failed"
    assert "ANTHROPIC_API_KEY" in a.view.status.error
    assert a.view.status.can_continue


def test_what_a_stopped_answer_still_had_to_tell_is_no_matter_to_the_next(desk):
    first, second = ScriptedSource("old"), ScriptedSource("new").end()
    a = desk(first, second)
    a.ask()
    first.wait_until_blocked()
    a.conversation.stop()
    a.ask("Next?")
    assert a.finish().title == "Done"
    assert a.conversation.answer == "new"


def test_a_tool_call_is_a_note(desk):
    a = desk(ScriptedSource(StreamChunk(tool_call=ToolCall("1", "look", {}, '{"at": 1}'))).end())
    a.ask()
    a.finish()
    assert ("show_note", 'asks for look({"at": 1})') in a.view.shown


def test_starting_over_stops_and_forgets(desk):
    source = ScriptedSource("x")
    a = desk(source, ScriptedSource("y").end())
    a.ask()
    source.wait_until_blocked()
    a.conversation.start_over()
    source.wait_until_closed()
    assert a.view.shown[-1] == ("forget_all",)
    assert a.view.status.title == "Ready"
    a.ask("Anew?")
    a.finish()
    assert a.asked[1] == said("Anew?")


def test_nothing_is_shown_after_close(desk):
    source = ScriptedSource("x")
    a = desk(source)
    a.ask()
    source.wait_until_blocked()
    a.conversation.close()
    source.wait_until_closed()
    a.finish()
    assert a.text == ""

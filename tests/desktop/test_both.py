"""Two conversations that are asked at once, without any toolkit."""

from __future__ import annotations

import pytest
from fakes import TIMEOUT, ScriptedSource
from test_conversation import View

from api_models import APIModelManager
from api_models.desktop.both import ask_together
from api_models.desktop.conversation import Conversation, Setup


class Lab:
    def __init__(self):
        self.asked, self.source = [], ScriptedSource()

    def generate_stream(self, prompt, params):
        self.asked.append(prompt)
        self.source = ScriptedSource()
        return self.source


@pytest.fixture
def both():
    """Two conversations, each with a lab of its own, and a function that asks them."""
    manager = APIModelManager({"stream": {"max_retries": 0}})
    labs = {"left": Lab(), "right": Lab()}
    for name, lab in labs.items():
        manager.register_provider(name, lambda entry, lab=lab: lab)
    setup = Setup(manager, list(labs), {})
    conversations = [Conversation(setup, View()) for _ in labs]

    def ask(prompt, models=("left", "right")):
        return ask_together(setup, prompt, list(zip(conversations, models, strict=True)))

    yield ask, conversations, list(labs.values())
    manager.close()


def finish(conversation):
    assert conversation._stream.wait(TIMEOUT)
    conversation.pump.drain()
    return conversation.status()


def begun(tracks, *labs):
    for lab in labs:
        lab.source.wait_until_blocked()


def test_both_are_asked_by_tracks_and_each_shows_its_own(both):
    ask, (left, right), (a, b) = both
    tracks = ask("Hello?")
    assert left.is_running
    assert right.is_running
    begun(tracks, a, b)
    a.source.push("I am ", "A.").end()
    b.source.push("I am B.").end()
    assert tracks.wait(TIMEOUT)
    assert [finish(one).title for one in (left, right)] == ["Done", "Done"]
    assert (left.answer, right.answer) == ("I am A.", "I am B.")
    assert [track.text for track in tracks.compare().tracks] == ["I am A.", "I am B."]


def test_each_is_asked_behind_what_it_has_said_itself(both):
    ask, (left, right), (a, b) = both
    for answers in (["one", "two"], ["three", "four"]):
        tracks = ask("Go on")
        begun(tracks, a, b)
        for lab, answer in zip((a, b), answers, strict=True):
            lab.source.push(answer).end()
        finish(left), finish(right)
    assert [turn["content"] for turn in a.asked[1]] == ["Go on", "one", "Go on"]
    assert [turn["content"] for turn in b.asked[1]] == ["Go on", "two", "Go on"]


def test_one_is_paused_and_stopped_by_itself(both):
    ask, (left, right), (a, b) = both
    tracks = ask("Hello?")
    begun(tracks, a, b)
    assert left.pause_or_resume()
    a.source.push("kept ")
    b.source.push("told").end()
    assert finish(right).title == "Done"
    assert (left.state, left.answer, right.answer) == ("paused", "", "told")
    assert left.pause_or_resume()
    a.source.wait_until_blocked()
    assert left.stop()
    assert finish(left).can_continue
    assert tracks.wait(TIMEOUT)


def test_both_are_stopped_together(both):
    ask, (left, right), (a, b) = both
    tracks = ask("Hello?")
    begun(tracks, a, b)
    assert tracks.cancel_stream()
    assert [finish(one).title for one in (left, right)] == ["Stopped", "Stopped"]
    assert (a.source.closes, b.source.closes) == (1, 1)


def test_who_cannot_be_asked_says_so_and_the_other_answers(both, monkeypatch):
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    ask, (left, right), (_, b) = both
    assert ask("Hello?", ("groq:m", "right")) is None
    b.source.push("Here.").end()
    assert finish(right).title == "Done"
    assert "GROQ_API_KEY" in left.status().error

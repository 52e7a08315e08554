"""What a chat keeps, what it sends, and what it forgets."""

from __future__ import annotations

import pytest

from api_models.terminal.conversation import Conversation


def contents(messages):
    return [message["content"] for message in messages]


def test_a_question_is_kept_with_its_answer_alone():
    """Two questions in a row would confuse the model."""
    conversation = Conversation()
    conversation.ask("lost")
    conversation.answered("")
    assert contents(conversation.ask("first")) == ["first"]
    conversation.answered("one")
    assert contents(conversation.ask("second")) == ["first", "one", "second"]
    assert [message["role"] for message in conversation.messages] == ["user", "assistant"]


def test_what_is_taken_back_can_be_asked_again():
    """An answer is forgotten; a question that failed was not kept, and what went before stays."""
    conversation = Conversation()
    assert conversation.take_back() is None
    for question, answer in [("first", "one"), ("second", "two")]:
        conversation.ask(question)
        conversation.answered(answer)
    assert conversation.take_back() == "second"
    assert contents(conversation.messages) == ["first", "one"]
    conversation.ask("failed")
    conversation.answered("")
    assert conversation.take_back() == "failed"
    assert contents(conversation.messages) == ["first", "one"]


def test_the_same_question_twice_is_taken_back_once():
    conversation = Conversation()
    for _ in range(2):
        conversation.ask("again")
        conversation.answered("yes")
    conversation.take_back()
    assert contents(conversation.messages) == ["again", "yes"]


def test_a_file_is_written_over_only_by_the_conversation_that_made_it(tmp_path):
    first, second = Conversation(), Conversation()
    first.save(tmp_path / "talk.md")
    first.save(tmp_path / "talk.md")
    with pytest.raises(FileExistsError):
        second.save(tmp_path / "talk.md")

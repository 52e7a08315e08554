"""A real model on this machine, through the same door as all others."""

from __future__ import annotations

import pytest
from fakes import RecordingHandler

from api_models import APIModelManager, ConfigurationError, StreamCancelledError


@pytest.fixture(scope="module")
def manager():
    with APIModelManager() as made:
        yield made


def test_a_real_answer_is_streamed_token_by_token(manager):
    handler = RecordingHandler()
    stream = manager.generate_stream_with_handlers("Say hello.", "local", {"max_tokens": 12}, [handler])
    result = stream.result()
    assert len(handler.check("complete").tokens) > 2 and handler.text == result.text != ""
    assert result.usage.source == "reported" and result.usage.output_tokens > 2
    assert result.provider == "local" and result.model.startswith("SmolLM2")


def test_the_same_question_has_the_same_answer(manager):
    """Nothing is sampled unless the caller asks for it."""
    answers = {manager.generate("What is a cat?", "local", {"max_tokens": 10}).text for _ in range(2)}
    assert len(answers) == 1


def test_an_answer_cut_by_its_limit_says_so(manager):
    assert manager.generate("Count to one hundred.", "local", {"max_tokens": 3}).stop_reason == "length"


def test_a_stop_ends_within_a_token(manager):
    handler = RecordingHandler()
    stream = manager.generate_stream_with_handlers("Tell a story.", "local", {"max_tokens": 200}, [handler])
    handler.wait_for_call("token")
    assert stream.cancel_stream()
    with pytest.raises(StreamCancelledError) as caught:
        stream.result()
    assert caught.value.partial_text.startswith(handler.text)


def test_a_file_that_is_not_there_is_told_at_the_call(manager):
    with pytest.raises(ConfigurationError, match=r"nowhere\.gguf"):
        manager.generate_stream_with_handlers("hi", "local:/nowhere.gguf")

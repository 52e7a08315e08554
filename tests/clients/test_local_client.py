"""The model on this machine, for real: asked, cancelled, counted."""

from __future__ import annotations

import os
import shutil
import socket
from urllib.parse import urlsplit

import pytest
from fakes import TIMEOUT, RecordingHandler

from api_models import APIModelManager, ConfigurationError, StreamCancelledError
from api_models.clients.local_client import LocalClient
from api_models.clients.local_model import DEFAULT_MODEL, find_model, is_engine_installed

LONG = {"max_tokens": 2000, "ignore_eos": True}


@pytest.fixture(scope="module")
def manager():
    if not is_engine_installed():
        reason = "xllamacpp is not installed: pip install 'api-models[local]', if this platform has a wheel"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with APIModelManager({"stream": {"max_retries": 0}}) as manager:
        yield manager


def test_an_answer_streams_token_by_token_and_its_usage_is_reported(manager):
    handler = RecordingHandler()
    stream = manager.generate_stream_with_handlers(
        "Say hello.", "local", {"max_tokens": 8}, handlers=[handler]
    )
    result = stream.result(TIMEOUT)
    assert handler.check("complete").text == result.text != ""
    assert len(handler.tokens) > 1 and result.provider == "local"
    assert result.usage.source == "reported" and 0 < result.usage.output_tokens <= 8
    assert result.usage.input_tokens > 2


def test_without_sampling_the_same_question_has_the_same_answer(manager):
    first, second = [manager.generate("Name a colour.", "local", {"max_tokens": 8}) for _ in range(2)]
    assert first.text == second.text != ""


def test_a_limit_is_kept_and_told(manager):
    result = manager.generate("Count.", f"local:{DEFAULT_MODEL}", {"max_tokens": 3, "ignore_eos": True})
    assert (result.stop_reason, result.usage.output_tokens) == ("length", 3)


def test_the_system_text_of_the_house_gives_way(manager):
    """With its own, the model reads more than the two words it was asked."""
    with_ours = manager.generate("Hi", "local", {"max_tokens": 1})
    without = manager.generate("Hi", "local", {"max_tokens": 1, "system": "x"})
    in_the_prompt = [{"role": "system", "content": "x"}, {"role": "user", "content": "Hi"}]
    assert without.usage.input_tokens < with_ours.usage.input_tokens
    asked = manager.generate(in_the_prompt, "local", {"max_tokens": 1})
    assert asked.usage.input_tokens == without.usage.input_tokens


def test_a_cancelled_answer_stops_and_the_next_one_comes(manager):
    handler = RecordingHandler()
    stream = manager.generate_stream_with_handlers("Tell a story.", "local", LONG, handlers=[handler])
    handler.wait_for_call("token", 2)
    assert stream.cancel_stream()
    with pytest.raises(StreamCancelledError) as caught:
        stream.result(TIMEOUT)
    told = handler.check("cancelled").text
    assert told and caught.value.partial_text.startswith(told), "what had arrived, told of or not"
    assert manager.generate("Hi", "local", {"max_tokens": 2}).text


def test_a_model_that_is_not_there_is_said_at_the_call(manager, tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.gguf"):
        manager.generate_stream_with_handlers("hi", f"local:{tmp_path / 'none.gguf'}")


def test_a_closed_client_lets_its_engine_go(manager, tmp_path):
    path = tmp_path / "other.gguf"
    try:
        os.link(find_model(environ={}), path)
    except OSError:
        shutil.copyfile(find_model(environ={}), path)
    client = LocalClient(model=str(path))
    source = client.generate_stream("Hi", {"max_tokens": 2})
    assert any(isinstance(chunk, str) for chunk in source)
    source.close()
    engine, _ = client._opened[path]
    client.close()
    client.close()
    parts = urlsplit(engine.base_url)
    with pytest.raises(OSError):
        socket.create_connection((parts.hostname, parts.port), timeout=5).close()

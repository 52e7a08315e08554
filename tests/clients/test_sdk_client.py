"""The SDKs ask, the wire of the house answers."""

from __future__ import annotations

import threading

import pytest
from fakes import in_threads

from api_models import APIModelManager, ProviderUnavailableError
from api_models.clients.anthropic_client import AnthropicClient
from api_models.clients.openai_client import OpenAIClient
from api_models.testing import Provider, Reply, anthropic, chat, error_reply

KEY = "sk-sdk-client-key"


@pytest.mark.parametrize(("make", "events"), [(AnthropicClient, anthropic), (OpenAIClient, chat)])
def test_the_sdk_is_made_once_and_made_again_after_a_close(make, events):
    with Provider(Reply(events(["a"]))) as provider:
        client = make("p", base_url=provider.url, api_key=KEY, model="m")
        made = in_threads(*[client._sdk for _ in range(4)])
        assert len({id(each) for each in made}) == 1
        client.close()
        client.close()
        assert client._sdk() is not made[0]
        client.close()


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_an_sdk_sends_nothing_twice(name):
    """M2: its own retries are off."""
    with Provider(error_reply(503)) as provider:
        entry = {"api_key": KEY, "base_url": provider.url}
        with APIModelManager({"providers": {name: entry}, "stream": {"max_retries": 0}}) as manager:
            with pytest.raises(ProviderUnavailableError) as caught:
                manager.generate("hi", f"{name}:m")
            assert len(provider.requests) == 1
            assert type(caught.value.__cause__).__module__.startswith(name)


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_what_an_sdk_has_no_name_for_goes_into_the_body(name):
    events = anthropic if name == "anthropic" else chat
    with Provider(Reply(events(["a"]))) as provider:
        entry = {"api_key": KEY, "base_url": provider.url, "headers": {"X-Mine": "1"}}
        params = {"temperature": 0.25, "novelty": {"deep": 1}, "extra_body": {"more": 2}, "max_tokens": 5}
        with APIModelManager({"providers": {name: entry}}) as manager:
            assert manager.generate("hi", f"{name}:m", params).text == "a"
        body = provider.requests[0].json
        assert (body["temperature"], body["novelty"], body["more"], body["stream"]) == (
            0.25,
            {"deep": 1},
            2,
            True,
        )
        assert provider.requests[0].headers["x-mine"] == "1"


def test_the_same_connection_serves_the_next_answer_of_an_sdk():
    with Provider(Reply(chat(["a"]))) as provider:
        entry = {"api_key": KEY, "base_url": provider.url + "/v1"}
        with APIModelManager({"providers": {"openai": entry}}) as manager:
            for _ in range(3):
                assert manager.generate("hi", "openai:m").text == "a"
        assert len(provider.connections) == 1


def test_no_thread_is_left_by_an_sdk():
    with Provider(Reply(chat(["a"]))) as provider:
        before = set(threading.enumerate())
        entry = {"api_key": KEY, "base_url": provider.url + "/v1"}
        with APIModelManager({"providers": {"openai": entry}}) as manager:
            manager.generate("hi", "openai:m")
        assert {t for t in threading.enumerate() if "testing" not in t.name} <= before

"""OpenAI's models and compatible servers through OpenAI's SDK: which wire is spoken, and what is sent."""

from __future__ import annotations

from contextlib import closing

import pytest

from api_models import APIModelError, ProviderUnavailableError
from api_models.clients import openai_client
from api_models.clients.openai_client import OpenAIClient
from api_models.testing import Provider, Reply, chat, chat_error, responses, responses_error

KEY = "sk-openai-0123456789abcdef"
TURNS = [{"role": "user", "content": "hi"}]


def ask(provider, api=None, key=KEY, **params):
    client = OpenAIClient("lab", base_url=provider.url + "/v1", api_key=key, model="m", api=api)
    with closing(client), closing(client.generate_stream("hi", params)) as source:
        return list(source)


@pytest.fixture
def own_host(monkeypatch):
    """Makes the loopback server OpenAI's own host."""
    return lambda provider: monkeypatch.setattr(openai_client, "OPENAI_URL", provider.url + "/v1")


def test_a_compatible_host_is_asked_over_chat():
    with Provider(Reply(chat(["Hel", "lo"]))) as provider:
        chunks = ask(provider, max_tokens=5)
        (request,) = provider.requests
    assert chunks[:2] == ["Hel", "lo"] and chunks[-1].usage.source == "reported"
    assert request.path == "/v1/chat/completions" and request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": "m", "messages": TURNS, "max_tokens": 5, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_openais_own_host_is_asked_over_responses(own_host):
    with Provider(Reply(responses(["Hel", "lo"]))) as provider:
        own_host(provider)
        chunks = ask(provider, max_tokens=5, system="s")
        (request,) = provider.requests
    assert chunks[:2] == ["Hel", "lo"] and chunks[-1].response_id == "resp_test"
    assert request.path == "/v1/responses"
    assert request.json == {
        "model": "m", "input": TURNS, "max_output_tokens": 5, "instructions": "s", "stream": True,
    }  # fmt: skip


def test_the_wire_can_be_chosen_on_either(own_host):
    with Provider(Reply(chat(["a"])), plan=[Reply(responses(["a"]))]) as provider:
        assert ask(provider, "responses")[0] == "a"
        own_host(provider)
        assert ask(provider, "chat_completions", max_tokens=5)[0] == "a"
        paths = [request.path for request in provider.requests]
        assert paths == ["/v1/responses", "/v1/chat/completions"]
        assert provider.requests[1].json["max_completion_tokens"] == 5  # newer models refuse max_tokens


def test_the_organization_of_the_environment_is_for_openai_alone(own_host, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    with Provider(Reply(chat(["a"]))) as provider:
        ask(provider)
        own_host(provider)
        ask(provider, "chat_completions")
        there, own = [request.headers for request in provider.requests]
    assert "openai-organization" not in there and "openai-project" not in there
    assert (own["openai-organization"], own["openai-project"]) == ("org", "project")


def test_a_server_without_keys_is_asked_without_a_real_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-host")
    with Provider(Reply(chat(["a"]))) as provider:
        assert ask(provider, key=None)[0] == "a"
        assert "sk-not-for-this-host" not in str(provider.requests[0].headers)


def test_the_end_that_the_sdk_would_hide_is_seen():
    """The decoder reads the bytes themselves: [DONE] alone is the end, and nothing is not."""
    events = chat(["a"], stop=None)
    with Provider(Reply(events), plan=[Reply(events[:-1])]) as provider:
        with pytest.raises(APIModelError):
            ask(provider)
        assert ask(provider)[-1].stop_reason is None


@pytest.mark.parametrize(
    ("api", "error"), [("chat_completions", chat_error()), ("responses", responses_error())]
)
def test_an_error_inside_the_answer_is_typed(api, error):
    with Provider(Reply([error])) as provider:
        with pytest.raises(ProviderUnavailableError):
            ask(provider, api)
        assert len(provider.requests) == 1

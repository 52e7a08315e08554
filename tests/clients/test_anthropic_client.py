"""Anthropic's models through its SDK: what is sent, and that nothing of the machine slips in."""

from __future__ import annotations

from contextlib import closing

import pytest

from api_models import APIModelManager, ProviderUnavailableError
from api_models.clients.anthropic_client import AnthropicClient
from api_models.testing import Provider, Reply, anthropic, anthropic_error, error_reply

KEY = "sk-ant-0123456789abcdef"
HELLO = Reply(anthropic(["Hel", "lo"]))


def ask(provider, prompt="hi", **params):
    with closing(AnthropicClient("anthropic", base_url=provider.url, api_key=KEY, model="m")) as client:
        with closing(client.generate_stream(prompt, params)) as source:
            return list(source)


def test_a_message_is_asked_where_and_as_the_wire_wants_it():
    prompt = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    with Provider(HELLO) as provider:
        chunks = ask(provider, prompt, stop="END", temperature=0.5)
        (request,) = provider.requests
    assert chunks[:2] == ["Hel", "lo"] and chunks[-1].stop_reason == "stop"
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers["x-api-key"] == KEY and request.headers["anthropic-version"]
    assert request.json == {
        "model": "m", "messages": [prompt[1]], "system": "s", "max_tokens": 4096, "stop_sequences": ["END"],
        "temperature": 0.5, "stream": True,
    }  # fmt: skip


def test_a_token_of_the_environment_is_not_sent(monkeypatch):
    """ANTHROPIC_AUTH_TOKEN belongs to other programs; the key given is the one that counts."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "somebody-elses")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with Provider(HELLO) as provider:
        ask(provider)
        headers = provider.requests[0].headers
    assert "authorization" not in headers and headers["x-api-key"] == KEY


def test_a_limit_of_the_output_beyond_the_sdks_own_patience_is_sent():
    """The SDK refuses large limits unless the answer is streamed, which it is."""
    with Provider(HELLO) as provider:
        ask(provider, max_tokens=200_000)
        assert provider.requests[0].json["max_tokens"] == 200_000


def test_thinking_and_a_call_come_through():
    tool = ("t1", "look", ['{"a"', ": 1}"])
    schema = {"type": "object", "properties": {}}
    with Provider(Reply(anthropic(["a"], thinking=["hm"], tool=tool, stop="tool_use"))) as provider:
        with APIModelManager(
            {"providers": {"anthropic": {"api_key": KEY, "base_url": provider.url}}}
        ) as manager:
            result = manager.generate(
                "hi", "anthropic:m", {"tools": [{"name": "look", "parameters": schema}]}
            )
        assert provider.requests[0].json["tools"] == [{"name": "look", "input_schema": schema}]
    assert (result.text, result.thinking, result.stop_reason) == ("a", "hm", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in result.tool_calls] == [("t1", "look", {"a": 1})]


@pytest.mark.parametrize(
    "reply",
    [
        error_reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        Reply([*anthropic(["a"])[:4], anthropic_error()]),
    ],
    ids=["status", "inside"],
)
def test_an_overloaded_server_is_unavailable_before_and_inside_the_answer(reply):
    with Provider(reply) as provider:
        with pytest.raises(ProviderUnavailableError, match="Overloaded") as caught:
            ask(provider)
        assert len(provider.requests) == 1
    assert caught.value.retryable and caught.value.error_type == "overloaded_error"

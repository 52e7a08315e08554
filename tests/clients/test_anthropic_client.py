"""Anthropic's models: the key where every gateway looks for it, and the wire's own names."""

from __future__ import annotations

from api_models import APIModelManager
from api_models.testing import Provider, Reply, anthropic

KEY = "sk-ant-test-key"


def test_what_is_sent():
    with Provider(Reply(anthropic(["a"]))) as provider:
        entry = {"api_key": KEY, "base_url": provider.url}
        messages = [{"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}]
        with APIModelManager({"providers": {"anthropic": entry}}) as manager:
            assert manager.generate(messages, "anthropic:claude-x", {"stop": "END"}).text == "a"
        (request,) = provider.requests
        assert request.path == "/v1/messages"
        assert request.headers["x-api-key"] == KEY and "authorization" not in request.headers
        assert request.headers["accept-encoding"] == "identity" and "anthropic-version" in request.headers
        body = request.json
        assert body["system"] == "brief" and body["messages"] == messages[1:]
        assert (body["model"], body["max_tokens"], body["stop_sequences"]) == ("claude-x", 4096, ["END"])


def test_the_environment_is_honoured(monkeypatch):
    with Provider(Reply(anthropic(["a"]))) as provider:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        with APIModelManager() as manager:
            assert manager.generate("hi").provider == "anthropic"
        assert provider.requests[0].headers["x-api-key"] == KEY

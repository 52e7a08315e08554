"""OpenAI's models, and compatible servers through its SDK."""

from __future__ import annotations

import pytest

from api_models import APIModelManager
from api_models.clients.openai_client import OPENAI_URL, OpenAIClient
from api_models.testing import Provider, Reply, chat, responses

KEY = "sk-openai-test-key"


@pytest.mark.parametrize(
    ("api", "path", "events", "limit"),
    [
        ("responses", "/v1/responses", responses, "max_output_tokens"),
        ("chat_completions", "/v1/chat/completions", chat, "max_tokens"),
    ],
)
def test_what_is_sent(api, path, events, limit):
    with Provider(Reply(events(["a"]))) as provider:
        entry = {"api_key": KEY, "base_url": provider.url + "/v1", "api": api}
        with APIModelManager({"providers": {"openai": entry}}) as manager:
            assert manager.generate("hi", "openai:m", {"max_tokens": 7}).text == "a"
        (request,) = provider.requests
        assert request.path == path and request.headers["authorization"] == f"Bearer {KEY}"
        assert request.json[limit] == 7 and request.json["stream"] is True


def test_the_api_by_default_is_that_of_the_host():
    assert OpenAIClient("openai", base_url=OPENAI_URL, api_key=KEY)._api == "responses"
    assert OpenAIClient("openai", base_url="http://lab/v1", api_key=KEY)._api == "chat_completions"


def test_the_limit_has_another_name_on_openais_own_host():
    client = OpenAIClient("openai", base_url=OPENAI_URL, api_key=KEY, api="chat_completions")
    send, _ = client._prepare("m", [], {"max_tokens": 7})
    assert send.args[1]["max_completion_tokens"] == 7 and "max_tokens" not in send.args[1]


def test_organisation_and_project_stay_with_openai(monkeypatch):
    """A compatible server is not told whose customer the user is."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    with Provider(Reply(chat(["a"]))) as provider:
        entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "transport": "sdk"}
        with APIModelManager({"providers": {"lab": entry}}) as manager:
            assert manager.generate("hi", "lab:m").text == "a"
        sent = provider.requests[0].headers
        assert "org-1" not in sent.values() and "proj-1" not in sent.values()


def test_a_server_without_keys_needs_none():
    with Provider(Reply(chat(["a"]))) as provider:
        entry = {"kind": "openai_compatible", "base_url": provider.url + "/v1", "transport": "sdk"}
        with APIModelManager({"providers": {"lab": entry}}) as manager:
            assert manager.generate("hi", "lab:m").text == "a"

"""Any compatible server over requests: what is sent, and what its refusals mean."""

from __future__ import annotations

import pytest
import requests
import responses

from api_models import APIModelManager, ProviderConnectionError, RateLimitError, StreamInterruptedError
from api_models.clients.http_client import HTTPClient, OllamaClient
from api_models.streaming.stream_config import StreamConfig
from api_models.testing import Provider, Reply, chat

URL = "http://lab.example/v1"


def read_all(source):
    source.open(StreamConfig())
    try:
        return [chunk for chunk in source if isinstance(chunk, str)]
    finally:
        source.close()


def ask(**more):
    return HTTPClient("lab", base_url=URL, model="m", api_key="sk-http-key", **more).generate_stream("hi")


def test_what_is_sent():
    with Provider(Reply(chat(["a"]))) as provider:
        client = HTTPClient("lab", base_url=provider.url + "/v1/", model="m", api_key="sk-http-key")
        params = {
            "model": "other", "max_tokens": 9, "extra_headers": {"X-Mine": "1"}, "extra_query": {"v": "2"},
            "extra_body": {"deep": True},
        }  # fmt: skip
        assert read_all(client.generate_stream("hi", params)) == ["a"]
        (request,) = provider.requests
        assert request.path == "/v1/chat/completions?v=2"
        assert request.headers["authorization"] == "Bearer sk-http-key" and request.headers["x-mine"] == "1"
        assert request.json == {
            "model": "other", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "deep": True,
            "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip


def test_a_netrc_does_not_replace_the_key(tmp_path, monkeypatch):
    path = tmp_path / ".netrc"
    path.write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(path))
    with Provider(Reply(chat(["a"]))) as provider:
        read_all(
            HTTPClient("lab", base_url=provider.url, model="m", api_key="sk-http-key").generate_stream("hi")
        )
        assert provider.requests[0].headers["authorization"] == "Bearer sk-http-key"


@responses.activate
def test_a_mocked_answer_is_read_too():
    """Users' own tests may mock requests."""
    responses.post(f"{URL}/chat/completions", body=b"".join(one.wire for one in chat(["a", "b"])))
    assert read_all(ask()) == ["a", "b"]


@responses.activate
def test_a_refusal_is_typed():
    responses.post(
        f"{URL}/chat/completions", status=429, headers={"Retry-After": "3"}, json={"error": "slow"}
    )
    with pytest.raises(RateLimitError) as caught:
        read_all(ask())
    assert caught.value.retry_after == 3.0


@responses.activate
@pytest.mark.parametrize(
    "error", [requests.ConnectionError, requests.ReadTimeout, requests.exceptions.SSLError]
)
def test_what_requests_raises_is_translated(error):
    responses.post(f"{URL}/chat/completions", body=error("no"))
    with pytest.raises(ProviderConnectionError) as caught:
        read_all(ask())
    assert isinstance(caught.value.__cause__, error)


@pytest.mark.parametrize("lenient", [False, True])
def test_the_leniency_is_a_setting(lenient):
    with Provider(Reply(chat(["a"], done=False))) as provider:
        client = HTTPClient("lab", base_url=provider.url, model="m", finish_reason_ends=lenient)
        if lenient:
            assert read_all(client.generate_stream("hi")) == ["a"]
        else:
            with pytest.raises(StreamInterruptedError):
                read_all(client.generate_stream("hi"))


def test_ollama_speaks_its_own_wire():
    line = b'{"model": "m", "message": {"content": "a"}, "done": false}\n'
    end = b'{"model": "m", "message": {"content": ""}, "done": true, "done_reason": "stop"}\n'
    with Provider(Reply([line, end], content_type="application/x-ndjson")) as provider:
        client = OllamaClient("ollama", base_url=provider.url, model="m")
        assert read_all(client.generate_stream("hi", {"max_tokens": 3})) == ["a"]
        assert provider.requests[0].path == "/api/chat"
        assert provider.requests[0].json["options"] == {"num_predict": 3}


def test_an_answer_goes_through_a_proxy(monkeypatch):
    """HTTP_PROXY is asked with the whole address of the request."""
    with Provider(Reply(chat(["a"]))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        entry = {"kind": "openai_compatible", "base_url": URL, "model": "m"}
        with APIModelManager({"default_provider": "lab", "providers": {"lab": entry}}) as manager:
            assert manager.generate("hi").text == "a"
        assert proxy.requests[0].path == f"{URL}/chat/completions"

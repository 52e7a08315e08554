"""Servers asked without an SDK: what is sent to them, and what their refusals become."""

from __future__ import annotations

from contextlib import closing

import pytest
import requests
import responses as mocked

from api_models import (
    APIModelError,
    AuthenticationError,
    ConfigurationError,
    ContextLengthError,
    InvalidRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitError,
    StreamInterruptedError,
)
from api_models.clients.http_client import HTTPClient, OllamaClient
from api_models.testing import Provider, Reply, chat, error_reply

KEY = "sk-http-0123456789abcdef"
URL = "http://models.example/v1"
HELLO = Reply(chat(["Hel", "lo"]))
NDJSON = [
    b'{"model":"q","message":{"role":"assistant","content":"Hel"},"done":false}\n',
    b'{"model":"q","message":{"role":"assistant","content":"lo"},"done":false}\n',
    b'{"model":"q","message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}\n',
]


def ask(client, prompt="hi", **params):
    """The chunks of an answer, read to its end and closed."""
    with closing(client), closing(client.generate_stream(prompt, params)) as source:
        return list(source)


def text_of(chunks):
    return "".join(chunk for chunk in chunks if isinstance(chunk, str))


def test_a_chat_is_asked_where_and_as_the_wire_wants_it():
    with Provider(HELLO) as provider:
        client = HTTPClient("lab", base_url=provider.url + "/v1/", api_key=KEY, headers={"X-Team": "a"})
        chunks = ask(client, model="m", max_tokens=5, novelty=1)
        (request,) = provider.requests
    assert text_of(chunks) == "Hello" and chunks[-1].stop_reason == "stop"
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}" and request.headers["x-team"] == "a"
    assert request.headers["accept-encoding"] == "identity"
    assert request.json == {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True,
        "stream_options": {"include_usage": True}, "max_tokens": 5, "novelty": 1,
    }  # fmt: skip


def test_without_a_key_none_is_sent_whatever_a_netrc_says(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Provider(HELLO) as provider:
        ask(HTTPClient("lab", base_url=provider.url, model="m"))
        ask(HTTPClient("lab", base_url=provider.url, model="m", api_key=KEY))
        assert "authorization" not in provider.requests[0].headers
        assert provider.requests[1].headers["authorization"] == f"Bearer {KEY}"


def test_extras_go_into_headers_query_and_body():
    extras = {"extra_headers": {"X-Trace": "t"}, "extra_query": {"v": "2"}, "extra_body": {"temperature": 9}}
    with Provider(HELLO) as provider:
        ask(HTTPClient("lab", base_url=provider.url + "/v1", model="m"), temperature=1, **extras)
        (request,) = provider.requests
    assert request.path == "/v1/chat/completions?v=2" and request.headers["x-trace"] == "t"
    assert request.json["temperature"] == 9 and not set(extras) & set(request.json)


def test_a_proxy_of_the_environment_is_asked_for_the_whole_address(monkeypatch):
    with Provider(HELLO) as provider:
        monkeypatch.setenv("HTTP_PROXY", provider.url)
        assert text_of(ask(HTTPClient("lab", base_url=URL, model="m", api_key=KEY))) == "Hello"
        (request,) = provider.requests
    assert request.path == URL + "/chat/completions" and request.headers["host"] == "models.example"


def test_a_redirect_is_followed_with_the_body_but_the_key_stays_with_its_host():
    with Provider(HELLO) as elsewhere:
        plan = [
            Reply([b""], 307, {"Location": "/v2/chat"}, framing="length"),
            Reply([b""], 308, {"Location": elsewhere.url + "/v3/chat"}, framing="length"),
        ]
        with Provider(HELLO, plan=plan) as provider:
            assert text_of(ask(HTTPClient("lab", base_url=provider.url, model="m", api_key=KEY))) == "Hello"
            first, second = provider.requests
        (third,) = elsewhere.requests
    assert [request.path for request in (second, third)] == ["/v2/chat", "/v3/chat"]
    assert first.body == second.body == third.body
    assert second.headers["authorization"] == f"Bearer {KEY}" and "authorization" not in third.headers


@pytest.mark.parametrize("lenient", [True, False])
def test_a_reason_and_a_clean_end_are_enough_only_where_that_was_said(lenient):
    with Provider(Reply(chat(["a"], done=False))) as provider:
        client = HTTPClient("lab", base_url=provider.url, model="m", finish_reason_ends=lenient)
        if lenient:
            assert text_of(ask(client)) == "a"
        else:
            with pytest.raises(StreamInterruptedError):
                ask(client)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError), (401, AuthenticationError), (402, ProviderError), (403, AuthenticationError),
        (404, InvalidRequestError), (429, RateLimitError), (500, ProviderUnavailableError),
        (529, ProviderUnavailableError),
    ],
)  # fmt: skip
@mocked.activate
def test_a_status_of_refusal_is_typed_and_asked_once(status, kind):
    said = {"error": {"message": "not this time", "type": "t"}}
    headers = {"x-request-id": "r1", "retry-after": "3"}
    mocked.post(URL + "/chat/completions", json=said, status=status, headers=headers)
    with pytest.raises(APIModelError) as caught:
        ask(HTTPClient("lab", base_url=URL, model="m", api_key=KEY))
    error = caught.value
    assert type(error) is kind and str(error) == "not this time" and error.status_code == status
    assert (error.request_id, error.error_type, error.retry_after) == ("r1", "t", 3.0)
    assert len(mocked.calls) == 1


@mocked.activate
def test_a_prompt_too_long_and_a_page_of_a_gateway_are_told_apart():
    said = {"error": {"message": "This model's maximum context length is 8 tokens"}}
    mocked.post(URL + "/chat/completions", json=said, status=400)
    mocked.post(URL + "/chat/completions", body="<html>bad</html>", status=502)
    with pytest.raises(ContextLengthError):
        ask(HTTPClient("lab", base_url=URL, model="m"))
    with pytest.raises(ProviderUnavailableError, match="HTTP 502 from the provider: Bad Gateway"):
        ask(HTTPClient("lab", base_url=URL, model="m"))


@mocked.activate
def test_an_answer_is_read_from_whatever_response_requests_gives():
    body = b"".join(one.wire for one in chat(["Hel", "lo"]))
    mocked.post(URL + "/chat/completions", body=body, content_type="text/event-stream")
    assert text_of(ask(HTTPClient("lab", base_url=URL, model="m"))) == "Hello"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (requests.ConnectionError("refused"), ProviderConnectionError),
        (requests.exceptions.SSLError("bad certificate"), ProviderConnectionError),
        (requests.ReadTimeout("slow"), ProviderConnectionError),
        (ConnectionResetError("reset"), ProviderConnectionError),
        (TypeError("a set is not JSON"), ConfigurationError),
    ],
    ids=repr,
)
@mocked.activate
def test_what_requests_raises_without_an_answer_is_typed(raised, kind):
    mocked.post(URL + "/chat/completions", body=raised)
    with pytest.raises(kind) as caught:
        ask(HTTPClient("lab", base_url=URL, model="m"))
    assert caught.value.__cause__ is raised and str(raised) in str(caught.value)


def test_what_is_no_json_is_refused_before_anything_is_sent():
    with Provider(HELLO) as provider:
        with pytest.raises(ConfigurationError):
            ask(HTTPClient("lab", base_url=provider.url, model="m"), logit_bias={1, 2})
        assert not provider.requests


def test_ollamas_own_wire_is_asked_and_read():
    with Provider(Reply(NDJSON, content_type="application/x-ndjson")) as provider:
        client = OllamaClient("ollama", base_url=provider.url, model="q")
        chunks = ask(client, system="s", max_tokens=5, keep_alive="1m")
        (request,) = provider.requests
    assert text_of(chunks) == "Hello" and chunks[-1].usage.output_tokens == 2
    assert request.path == "/api/chat" and "authorization" not in request.headers
    assert request.json == {
        "model": "q", "stream": True, "options": {"num_predict": 5}, "keep_alive": "1m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
    }  # fmt: skip


def test_ollamas_errors_are_typed():
    with Provider(error_reply(404, {"error": "model 'q' not found"})) as provider:
        with pytest.raises(InvalidRequestError, match="model 'q' not found"):
            ask(OllamaClient("ollama", base_url=provider.url, model="q"))


def test_a_secret_header_is_in_no_error_either():
    """What an entry gives as a header with a telling name is as secret as its key."""
    body = {"error": {"message": "bad header azure-header-secret"}}
    with Provider(error_reply(401, body)) as provider:
        client = HTTPClient(
            "lab", base_url=provider.url, model="m", headers={"api-key": "azure-header-secret"}
        )
        with pytest.raises(APIModelError) as caught:
            list(client.generate_stream("hi"))
        assert "azure-header-secret" not in str(caught.value)

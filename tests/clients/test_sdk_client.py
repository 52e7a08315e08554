"""The SDK asks once, with what it was given; the answer is read by the wire of the house."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest
from fakes import in_threads

from api_models import APIModelError, ConfigurationError, ProviderUnavailableError, RateLimitError
from api_models.clients.anthropic_client import AnthropicClient, _arguments
from api_models.clients.openai_client import OpenAIClient
from api_models.testing import Provider, Reply, anthropic, chat, error_reply

KEY = "sk-sdk-0123456789abcdef"
CLIENTS = {"openai": (OpenAIClient, chat, "/v1"), "anthropic": (AnthropicClient, anthropic, "")}
each_client = pytest.mark.parametrize("kind", CLIENTS)


def make(kind, provider, **settings):
    made, _, version = CLIENTS[kind]
    return made("lab", base_url=provider.url + version, api_key=KEY, model="m", **settings)


def hello(kind):
    return Reply(CLIENTS[kind][1](["Hel", "lo"]))


def ask(client, **params):
    with closing(client.generate_stream("hi", params)) as source:
        return "".join(chunk for chunk in source if isinstance(chunk, str))


@each_client
def test_what_the_sdk_does_not_know_is_sent_all_the_same(kind):
    extras = {"extra_headers": {"X-Trace": "t"}, "extra_query": {"v": "2"}, "extra_body": {"novelty": 2}}
    with Provider(hello(kind)) as provider, closing(make(kind, provider, headers={"X-Team": "a"})) as client:
        ask(client, temperature=0.5, novelty=1, other=[1], **extras)
        (request,) = provider.requests
    assert (request.json["temperature"], request.json["novelty"], request.json["other"]) == (0.5, 2, [1])
    assert request.json["stream"] is True and not set(extras) & set(request.json)
    assert request.path.endswith("?v=2")
    assert (request.headers["x-trace"], request.headers["x-team"]) == ("t", "a")
    assert request.headers["accept-encoding"] == "identity"


def test_extra_body_wins_and_must_be_a_mapping():
    def create(*, model, extra_body=None):
        """As an SDK's."""

    body = {"model": "m", "new": 1, "newer": 2}
    assert _arguments(create, body) == {"model": "m", "extra_body": {"new": 1, "newer": 2}}
    assert _arguments(create, {**body, "extra_body": {"new": 9}})["extra_body"] == {"new": 9, "newer": 2}
    with pytest.raises(ConfigurationError, match="extra_body"):
        _arguments(create, {**body, "extra_body": [1]})


@each_client
@pytest.mark.parametrize("status", [429, 503])
def test_the_sdk_does_not_ask_again(kind, status):
    """Its own retries are off, even where the server demands one: ours are counted and told."""
    refusal = error_reply(status, x_should_retry="true", retry_after="4", request_id="r1")
    with Provider(refusal) as provider, closing(make(kind, provider)) as client:
        with pytest.raises(APIModelError) as caught:
            ask(client)
        assert len(provider.requests) == 1
    error = caught.value
    assert type(error) is (RateLimitError if status == 429 else ProviderUnavailableError)
    assert (error.status_code, error.retry_after, error.request_id) == (status, 4.0, "r1")
    assert str(error) == f"scripted {status}" and error.error_type == "scripted_error"


@each_client
def test_the_error_of_the_sdk_is_the_cause(kind):
    with Provider(error_reply(400)) as provider, closing(make(kind, provider)) as client:
        with pytest.raises(APIModelError) as caught:
            ask(client)
    assert type(caught.value.__cause__).__module__.startswith(kind)


@each_client
def test_a_connection_that_served_an_error_serves_again(kind):
    with Provider(hello(kind), plan=[error_reply(400)]) as provider, closing(make(kind, provider)) as client:
        with pytest.raises(APIModelError):
            ask(client)
        assert ask(client) == "Hello"
        assert len(provider.connections) == 1


@each_client
def test_threads_that_ask_first_together_share_one_sdk(kind, monkeypatch):
    with Provider(hello(kind)) as provider, closing(make(kind, provider)) as client:
        ask(client)  # imports the SDK
        client.close()
        name = {"openai": "OpenAI", "anthropic": "Anthropic"}[kind]
        made, original = [], getattr(sys.modules[kind], name)
        monkeypatch.setattr(sys.modules[kind], name, lambda **s: made.append(s) or original(**s))
        assert in_threads(*[lambda: ask(client)] * 6) == ["Hello"] * 6
    assert len(made) == 1 and made[0]["max_retries"] == 0


@each_client
def test_a_closed_client_closes_its_connections_and_may_be_closed_again(kind):
    with Provider(hello(kind)) as provider:
        client = make(kind, provider)
        client.close()
        ask(client)
        client.close()
        client.close()
        assert provider.wait_for_close() is not None


@each_client
def test_an_argument_that_is_no_json_is_a_configuration_error(kind):
    with Provider(hello(kind)) as provider, closing(make(kind, provider)) as client:
        with pytest.raises(ConfigurationError):
            ask(client, novelty=object())
        assert not provider.requests

"""What every client holds to: nothing sent unread, errors typed and without keys, connections kept or closed."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing

import pytest
from fakes import TIMEOUT

from api_models import (
    APIModelError,
    AuthenticationError,
    ConfigurationError,
    ProviderConnectionError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.anthropic_client import AnthropicClient
from api_models.clients.http_client import HTTPClient
from api_models.clients.openai_client import OpenAIClient
from api_models.testing import Provider, Reply, anthropic, chat, error_reply
from api_models.testing.rendering import event

KEY = "sk-base-0123456789abcdef"
CLIENTS = {
    "http": (HTTPClient, chat, "/v1"),
    "openai": (OpenAIClient, chat, "/v1"),
    "anthropic": (AnthropicClient, anthropic, ""),
}
each_client = pytest.mark.parametrize("kind", CLIENTS)


def make(kind, url):
    made, _, version = CLIENTS[kind]
    return made("lab", base_url=url + version, api_key=KEY, model="m")


def answer(kind, **faults):
    return Reply(CLIENTS[kind][1](["Hel", "lo"]), **faults)


def ask(client, **params):
    """The visible text of an answer, read to its end and closed."""
    with closing(client.generate_stream("hi", params)) as source:
        return "".join(chunk for chunk in source if isinstance(chunk, str))


def failure(client, **params):
    with pytest.raises(APIModelError) as caught:
        ask(client, **params)
    return caught.value


@pytest.fixture
def refusing_url():
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@each_client
def test_nothing_is_sent_before_the_first_read(kind):
    with Provider(answer(kind)) as provider, closing(make(kind, provider.url)) as client:
        with closing(client.generate_stream("hi")) as source:
            assert not provider.connections
            source.read()
            assert len(provider.requests) == 1


@each_client
def test_one_connection_serves_one_answer_after_the_other(kind):
    with Provider(answer(kind)) as provider, closing(make(kind, provider.url)) as client:
        assert [ask(client) for _ in range(4)] == ["Hello"] * 4
        assert (len(provider.connections), len(provider.requests)) == (1, 4)


@each_client
def test_the_model_of_the_parameters_goes_before_that_of_the_client(kind):
    with Provider(answer(kind)) as provider, closing(make(kind, provider.url)) as client:
        ask(client)
        ask(client, model="other")
        assert [request.json["model"] for request in provider.requests] == ["m", "other"]


def test_without_any_model_the_call_itself_says_so():
    client = HTTPClient("lab", base_url="http://127.0.0.1:9/v1")
    with closing(client), pytest.raises(ConfigurationError, match="lab:MODEL"):
        client.generate_stream("hi")


@each_client
def test_bytes_are_counted_and_headers_kept(kind):
    reply = answer(kind, headers={"x-request-id": "r1"})
    with Provider(reply) as provider, closing(make(kind, provider.url)) as client:
        with closing(client.generate_stream("hi")) as source:
            assert source.bytes_received == 0 and not source.headers
            list(source)
        assert source.headers["x-request-id"] == "r1"
        assert source.bytes_received == sum(len(one.wire) for one in reply.events)


@each_client
def test_a_compressed_answer_is_read_all_the_same(kind):
    with Provider(answer(kind, gzip=True)) as provider, closing(make(kind, provider.url)) as client:
        assert ask(client) == "Hello"


@each_client
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_an_answer_that_breaks_off_is_interrupted(kind, how):
    with Provider(answer(kind, cut_at=60, cut_how=how)) as provider:
        with closing(make(kind, provider.url)) as client:
            error = failure(client)
    assert isinstance(error, StreamInterruptedError) and error.retryable and error.__cause__ is not None


@each_client
def test_nobody_listening_is_a_connection_error(kind, refusing_url):
    with closing(make(kind, refusing_url)) as client:
        error = failure(client)
    assert isinstance(error, ProviderConnectionError) and error.retryable and error.__cause__ is not None


@each_client
def test_a_connection_reset_before_the_answer_is_a_connection_error(kind):
    with Provider(Reply(reset_unanswered=True)) as provider, closing(make(kind, provider.url)) as client:
        assert isinstance(failure(client), ProviderConnectionError)
        assert len(provider.requests) == 1


@each_client
def test_a_name_that_has_no_address_is_a_connection_error(kind, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with closing(make(kind, "http://models.invalid")) as client:
        error = failure(client)
    assert isinstance(error, ProviderConnectionError) and "models.invalid" in str(error)


@each_client
def test_a_certificate_that_is_not_trusted_is_a_connection_error(kind, certificate_authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate_authority.issue_cert("127.0.0.1").configure_cert(context)
    with Provider(answer(kind), tls=context) as provider, closing(make(kind, provider.url)) as client:
        error = failure(client)
        assert isinstance(error, ProviderConnectionError) and "certificate" in str(error).lower()
        assert not provider.requests


@each_client
def test_no_connection_in_time_is_the_connect_clock(kind, monkeypatch):
    def never(*_):
        raise TimeoutError("timed out")

    with closing(make(kind, "http://127.0.0.1:9")) as client:
        monkeypatch.setattr(socket.socket, "connect", never)
        error = failure(client)
    assert isinstance(error, StreamTimeoutError) and error.clock == "connect" and error.retryable


@each_client
def test_an_address_that_is_none_is_a_configuration_error(kind):
    with closing(make(kind, "http://")) as client:
        assert isinstance(failure(client), ConfigurationError)


@each_client
def test_a_key_that_the_server_repeats_is_in_no_error(kind):
    said = {"error": {"message": f"Incorrect API key provided: {KEY}", "type": "authentication_error"}}
    inside = Reply([event({"type": "error", **said}, "error")])
    with Provider(inside, plan=[error_reply(401, said)]) as provider:
        with closing(make(kind, provider.url)) as client:
            errors = [failure(client), failure(client)]
    for error in errors:
        assert isinstance(error, AuthenticationError)
        assert KEY not in str(error) and KEY not in repr(error) and "provided: ***" in str(error)


@each_client
@pytest.mark.parametrize("key", [KEY + "\n", KEY[:9] + "\n" + KEY[9:], KEY + "…"], ids=ascii)
def test_a_key_that_no_header_can_carry_is_refused_unsaid(kind, key):
    """The libraries would quote it, escaped, so that it could not be found and taken out."""
    made, _, version = CLIENTS[kind]
    with pytest.raises(ConfigurationError, match="the key of lab") as caught:
        made("lab", base_url="http://127.0.0.1:9" + version, api_key=key, model="m")
    assert KEY[9:] not in str(caught.value) and caught.value.__cause__ is caught.value.__context__ is None


@each_client
def test_an_abort_ends_a_read_that_waits(kind):
    with Provider(answer(kind, stall_after=3)) as provider, closing(make(kind, provider.url)) as client:
        source, raised = client.generate_stream("hi"), []

        def read():
            try:
                list(source)
            except APIModelError as error:
                raised.append(error)
            source.close()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        assert provider.wait_for_requests(1) and provider.connections[0].stalled.wait(TIMEOUT)
        source.abort()
        reader.join(TIMEOUT)
        assert not reader.is_alive() and len(raised) == 1
        assert provider.wait_for_close() is not None


@each_client
def test_an_answer_left_half_read_closes_its_connection(kind):
    with Provider(answer(kind, stall_after=3)) as provider, closing(make(kind, provider.url)) as client:
        with closing(client.generate_stream("hi")) as source:
            source.read()
        assert provider.wait_for_close() is not None


@each_client
def test_a_body_kept_open_behind_its_end_does_not_keep_the_client(kind):
    """The answer is whole, so that it is given; the connection is not fit for another."""
    events = CLIENTS[kind][1](["Hel", "lo"])
    with Provider(Reply(events, stall_after=len(events))) as provider:
        with closing(make(kind, provider.url)) as client:
            assert ask(client) == "Hello"
            assert provider.wait_for_close() is not None

"""An answer is a source: it sends when it is read, and translates what its wire raises."""

from __future__ import annotations

import socket

import pytest
import urllib3

from api_models import (
    ConfigurationError,
    ProviderConnectionError,
    ProviderUnavailableError,
    StreamInterruptedError,
    StreamTimeoutError,
)
from api_models.clients.http_client import HTTPClient
from api_models.streaming.stream_config import StreamConfig
from api_models.testing import Provider, Reply, chat, chat_error, error_reply


def client_for(provider, **more):
    return HTTPClient("lab", base_url=provider.url + "/v1", model="m", api_key="sk-base-key", **more)


def texts(source):
    """All the visible text; the source is closed like a stream closes it."""
    try:
        source.open(StreamConfig(connect_timeout=2.0))
        return "".join(chunk for chunk in source if isinstance(chunk, str))
    finally:
        source.close()


def test_nothing_is_sent_before_the_first_read():
    with Provider(Reply(chat(["a"]))) as provider:
        source = client_for(provider).generate_stream("hi")
        source.open(StreamConfig())
        assert not provider.requests
        assert texts(source) == "a" and len(provider.requests) == 1
        assert source.bytes_received > 50


def test_the_connection_serves_the_next_answer():
    with Provider(Reply(chat(["a"]))) as provider:
        client = client_for(provider)
        for _ in range(4):
            assert texts(client.generate_stream("hi")) == "a"
        assert len(provider.connections) == 1


def test_a_body_left_open_behind_its_end_is_not_waited_for():
    events = chat(["a"])
    with Provider(Reply(events, stall_after=len(events))) as provider:
        assert texts(client_for(provider).generate_stream("hi")) == "a"
        assert provider.wait_for_close() is not None


@pytest.mark.parametrize("gzip", [False, True])
def test_compressed_and_plain_bodies_are_the_same_text(gzip):
    with Provider(Reply(chat(["ä", "🙂"]), gzip=gzip)) as provider:
        client = client_for(provider, headers={"Accept-Encoding": "gzip"})
        assert texts(client.generate_stream("hi")) == "ä🙂"


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_broken_body_is_interrupted_with_its_cause(how):
    with Provider(Reply(chat(["a", "b"]), cut_at=200, cut_how=how)) as provider:
        with pytest.raises(StreamInterruptedError) as caught:
            texts(client_for(provider).generate_stream("hi"))
        assert caught.value.__cause__ is not None and caught.value.retryable


def test_an_error_inside_the_answer_comes_after_its_text():
    with Provider(Reply([*chat(["a", "b"])[:3], chat_error()])) as provider:
        source, seen = client_for(provider).generate_stream("hi"), []
        with pytest.raises(ProviderUnavailableError):
            seen.extend(source)
        source.close()
        assert seen == ["a", "b"]


def test_nobody_there_is_a_connection_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = HTTPClient("lab", base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1", model="m")
        with pytest.raises(ProviderConnectionError) as caught:
            texts(client.generate_stream("hi"))
    assert caught.value.retryable and caught.value.__cause__ is not None


def test_a_reset_before_the_answer_is_a_connection_error():
    with Provider(Reply(reset_unanswered=True)) as provider, pytest.raises(ProviderConnectionError):
        texts(client_for(provider).generate_stream("hi"))


def test_a_connect_that_takes_too_long_names_its_clock(monkeypatch):
    def never(*_):
        raise urllib3.exceptions.ConnectTimeoutError(None, "too long")

    client = HTTPClient("lab", base_url="http://127.0.0.1:9/v1", model="m")
    monkeypatch.setattr(client, "post", never)
    with pytest.raises(StreamTimeoutError) as caught:
        texts(client.generate_stream("hi"))
    assert caught.value.clock == "connect" and caught.value.retryable


def test_a_certificate_nobody_vouches_for_is_a_connection_error(tls_server_context, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with Provider(Reply(chat(["a"])), tls=tls_server_context) as provider:
        with pytest.raises(ProviderConnectionError):
            texts(client_for(provider).generate_stream("hi"))


def test_the_key_is_in_no_error():
    body = {"error": {"message": "wrong key: sk-base-key"}}
    with Provider(error_reply(401, body)) as provider:
        with pytest.raises(Exception, match="wrong key: \\*\\*\\*") as caught:
            texts(client_for(provider).generate_stream("hi"))
        assert "sk-base-key" not in repr(caught.value)


def test_a_model_must_be_named_somewhere():
    with pytest.raises(ConfigurationError, match="lab:MODEL"):
        HTTPClient("lab", base_url="http://127.0.0.1:9/v1").generate_stream("hi")

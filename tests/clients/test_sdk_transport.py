"""Under the SDKs' httpx2 lies the wire of the house, and leaves the answer unread."""

from __future__ import annotations

import httpx2
import pytest
import urllib3

from api_models.clients.sdk_transport import limits, make_http_client
from api_models.clients.transport import Call
from api_models.testing import Provider, Reply, chat, error_reply

HELLO = Reply(chat(["Hel", "lo"]), headers={"x-request-id": "r1"})


def test_the_answer_is_left_with_the_call_unread():
    with Provider(HELLO) as provider, make_http_client(provider.url) as client:
        call = Call()
        request = client.build_request("POST", provider.url + "/x?a=b", json={"a": 1}, headers={"X-A": "b"})
        answer = call.send(lambda: client.send(request, stream=True))
        assert answer.status_code == 200 and answer.headers["x-request-id"] == "r1"
        assert b"[DONE]" in call.answer.read()
        (seen,) = provider.requests
        assert (seen.path, seen.json, seen.headers["x-a"]) == ("/x?a=b", {"a": 1}, "b")
        answer.close()


@pytest.mark.parametrize("compressed", [False, True])
def test_an_sdk_can_read_the_body_itself(compressed):
    with Provider(Reply([b"one", b"two"], gzip=compressed)) as provider:
        with make_http_client(provider.url) as client:
            assert client.post(provider.url).content == b"onetwo"


def test_a_redirect_is_followed_with_method_and_body():
    moved = Reply([b""], 307, {"Location": "/moved"}, framing="length")
    with Provider(HELLO, plan=[moved]) as provider, make_http_client(provider.url) as client:
        assert client.post(provider.url + "/x", json={"a": 1}).status_code == 200
        first, second = provider.requests
        assert (second.method, second.path, second.body) == ("POST", "/moved", first.body)


def test_nothing_is_asked_again_here():
    with Provider(error_reply(503), plan=[Reply(reset_unanswered=True)]) as provider:
        with make_http_client(provider.url) as client:
            with pytest.raises(urllib3.exceptions.ProtocolError):
                client.post(provider.url)
            assert client.post(provider.url).status_code == 503
        assert len(provider.requests) == 2


def test_the_environment_is_read_by_the_pools_alone(monkeypatch):
    """No proxy, netrc or certificate of httpx2's own beside ours."""
    with Provider(HELLO) as provider:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        with make_http_client(provider.url) as client:
            assert client.post(provider.url).status_code == 200
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("HTTP_PROXY", provider.url)
        with make_http_client("http://models.example") as client:
            assert client.post("http://models.example/x").status_code == 200
        assert provider.requests[-1].path == "http://models.example/x"


def test_closing_closes_the_connections():
    with Provider(HELLO) as provider:
        with make_http_client(provider.url) as client:
            client.post(provider.url)
        assert provider.wait_for_close() is not None


def test_limits_come_back_from_the_sdk_as_they_went_in():
    asked = limits(urllib3.Timeout(connect=3, read=None))
    assert (asked.connect, asked.read) == (3, None)
    assert limits(urllib3.Timeout(connect=None, read=2.5)).read == 2.5
    seen = {}

    def see(request):
        seen.update(request.extensions["timeout"])
        return httpx2.Response(200)

    with httpx2.Client(transport=httpx2.MockTransport(see)) as client:
        client.get("http://models.example", timeout=asked)
    assert (seen["connect"], seen["read"]) == (3, None)

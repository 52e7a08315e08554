"""The wire of the house under an httpx2 client."""

from __future__ import annotations

import httpx2
import urllib3

from api_models.clients.sdk_transport import limits, make_http_client
from api_models.clients.transport import Call
from api_models.testing import Provider, Reply, error_reply


def test_an_answer_is_left_with_the_call_it_was_sent_for():
    with Provider(Reply([b"data: 1\n\n"])) as provider, make_http_client(provider.url) as client:
        call = Call()
        request = client.build_request("POST", provider.url + "/x", json={"a": 1})
        call.send(lambda: client.send(request, stream=True))
        assert call.answer.status == 200 and call.body.receive() == b"data: 1\n\n"
        assert provider.requests[0].json == {"a": 1}
        call.answer.close()


def test_an_sdk_can_read_the_body_of_an_error():
    with Provider(error_reply(400, {"error": "no"})) as provider, make_http_client(provider.url) as client:
        response = client.post(provider.url + "/x", json={})
        assert (response.status_code, response.json()) == (400, {"error": "no"})


def test_the_limits_of_a_call_reach_urllib3():
    assert limits(urllib3.Timeout(connect=3, read=None)) == httpx2.Timeout(None, connect=3)
    assert limits(urllib3.Timeout(connect=None, read=5)) == httpx2.Timeout(5, connect=None)


def test_a_redirect_is_followed():
    target = Reply([b"there"], framing="length", content_type="text/plain")
    moved = Reply([b""], status=307, headers={"Location": "/there"}, framing="length")
    with Provider(target, plan=[moved]) as provider, make_http_client(provider.url) as client:
        assert client.post(provider.url + "/x", json={}).text == "there"

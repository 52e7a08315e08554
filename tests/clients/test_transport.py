"""The wire can be ended from another thread in each of its phases, and is used again when it may be."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from api_models.clients.transport import Call, CallAbortedError, make_pools, proxy_for
from api_models.testing import Provider, Reply, chat, unanswered_port
from api_models.testing.reply import FOREVER

LIMIT = 0.5  # seconds within which an aborted call is over; it takes milliseconds, on an idle machine
TIMEOUT = urllib3.Timeout(connect=10, read=10)


def ask(pools, url, call):
    return call.send(
        lambda: pools.urlopen(
            "POST", url + "/x", body=b"{}", timeout=TIMEOUT, retries=False, preload_content=False
        )
    )


class Asker(threading.Thread):
    """Sends a request and reads all of its answer on a thread of its own."""

    def __init__(self, url, pools=None):
        super().__init__(daemon=True)
        self.call, self.error, self.body = Call(), None, b""
        self._url, self._pools = url, pools or make_pools(url)
        self.start()

    def run(self):
        try:
            response = ask(self._pools, self._url, self.call)
            while received := response.read1(65536):
                self.body += received
        except Exception as error:
            self.error = error
        finally:
            self.ended_at = time.monotonic()

    def abort(self):
        """Abort, and return how long the thread went on after it."""
        begun = time.monotonic()
        self.call.abort()
        self.join(10)
        assert not self.is_alive(), "the aborted call is still blocked"
        return self.ended_at - begun


def wait_for_socket(call):
    """Until the call is on its way: it has a socket that it can be aborted by."""
    deadline = time.monotonic() + 10
    while call._socket is None:
        assert time.monotonic() < deadline, "no connection was begun"
        threading.Event().wait(0.001)


def test_urllib3_has_the_method_that_makes_the_connect_abortable():
    """The one private name of urllib3 we replace; without it a connect ends by its timeout alone."""
    assert callable(HTTPConnection._new_conn)
    assert HTTPSConnection.connect.__code__.co_names.count("_new_conn")


def test_abort_while_connecting():
    with unanswered_port() as port:
        asker = Asker(f"http://127.0.0.1:{port}")
        wait_for_socket(asker.call)
        assert asker.abort() < LIMIT
        assert asker.error is not None


def test_abort_in_the_tls_handshake():
    with Provider(mute=True) as provider:
        asker = Asker(provider.url.replace("http:", "https:"))
        wait_for_socket(asker.call)
        while not provider.connections:
            threading.Event().wait(0.001)
        assert asker.abort() < LIMIT
        assert provider.wait_for_close() is not None


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("silence", [{"delay": FOREVER}, {"stall_after": 3}], ids=["headers", "body"])
def test_abort_while_the_server_is_silent(secure, silence, tls_server_context):
    with Provider(Reply(chat(["a", "b"]), **silence), tls=tls_server_context if secure else None) as provider:
        asker = Asker(provider.url)
        assert provider.wait_for_requests(1)
        provider.connections[0].stalled.wait(10)
        assert asker.abort() < LIMIT
        assert provider.wait_for_close() is not None
        assert len(provider.requests) == 1, "an aborted request was sent again"


def test_abort_on_a_connection_that_served_before():
    with Provider(Reply(delay=FOREVER), plan=[Reply(chat(["a"]))]) as provider:
        pools = make_pools(provider.url)
        first = Asker(provider.url, pools)
        first.join(10)
        second = Asker(provider.url, pools)
        assert provider.wait_for_requests(2)
        assert second.call.reused and len(provider.connections) == 1
        assert second.abort() < LIMIT
        assert len(provider.requests) == 2


def test_a_call_aborted_before_it_began_sends_nothing():
    with Provider(Reply(chat(["a"]))) as provider:
        call = Call()
        call.abort()
        with pytest.raises((CallAbortedError, urllib3.exceptions.NewConnectionError)):
            ask(make_pools(provider.url), provider.url, call)
        assert not provider.requests


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_the_second_request_takes_the_same_connection(secure, tls_server_context):
    """No second TLS handshake."""
    with Provider(Reply(chat(["a"])), tls=tls_server_context if secure else None) as provider:
        pools = make_pools(provider.url)
        for _ in range(3):
            asker = Asker(provider.url, pools)
            asker.join(10)
            assert asker.error is None and b"[DONE]" in asker.body
        assert len(provider.connections) == 1


def test_head_and_body_leave_together_on_a_connection_that_is_open():
    """As two packets they wake the server up twice."""
    answer, received = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", []

    def serve(listener):
        carrier, _ = listener.accept()
        with carrier:
            for _ in range(2):
                request = carrier.recv(65536)
                while not request.endswith(b"{}"):
                    request += carrier.recv(65536)
                carrier.sendall(answer)
            received.append(carrier.recv(65536))
            carrier.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        pools = make_pools(url := f"http://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(3):
            assert ask(pools, url, Call()).read() == b"ok"
        server.join(10)
    (request,) = received
    assert request.startswith(b"POST /x HTTP/1.1\r\n") and request.endswith(b"\r\n\r\n{}")


def test_a_connection_that_its_server_closed_does_not_fail_the_next_request():
    """llama.cpp announces keep-alive and closes all the same."""
    with Provider(Reply(chat(["a"]), close_silently=True)) as provider:
        pools = make_pools(provider.url)
        for _ in range(30):
            asker = Asker(provider.url, pools)
            asker.join(10)
            assert asker.error is None, asker.error
        assert len(provider.requests) == 30


def test_a_fresh_connection_that_breaks_is_not_tried_again_here():
    with Provider(Reply(reset_unanswered=True)) as provider:
        asker = Asker(provider.url)
        asker.join(10)
        assert isinstance(asker.error, urllib3.exceptions.ProtocolError)
        assert len(provider.requests) == 1


def test_proxies_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,.internal")
    assert proxy_for("https://api.example.com/v1") == "http://proxy.example:3128"
    assert proxy_for("https://127.0.0.1/v1") is None
    assert proxy_for("https://models.internal/v1") is None
    pools = make_pools("https://api.example.com/v1")
    assert isinstance(pools, urllib3.ProxyManager) and pools.proxy.host == "proxy.example"

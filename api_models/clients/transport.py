"""One wire under every client: urllib3 over HTTP/1.1, each blocking step of which another thread can end.

A `Call` follows one request. While the request is on its way, the connection that carries it shows
the call its socket: while connecting, in the TLS handshake, and when a pooled connection is used
again. `Call.abort` shuts that socket down, which ends whatever the worker is blocked in; only the
worker closes. A DNS look-up cannot be ended: the worker leaves when it returns.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.url import parse_url

from .body import StreamedResponse

_Answer = TypeVar("_Answer")

_STALE = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)  # RemoteDisconnected is the first
_calls: dict[int, Call] = {}
"""What each thread is sending for, by its number; a `threading.local` would leave something behind."""


class CallAbortedError(OSError):
    """The call was ended from another thread."""


class Call:
    """One request and its answer, which any thread may abort in any phase."""

    def __init__(self) -> None:
        self.aborted = False
        self.reused = False
        """Whether the request went out on a connection that had served another."""
        self.answer: urllib3.BaseHTTPResponse | None = None
        """What an SDK's transport received: the SDK itself does not hand it on."""
        self.body: StreamedResponse | None = None
        """Its body as it comes off the wire, below urllib3, which looks at each read for a microsecond."""
        self._socket: socket.socket | None = None
        # Keeps the worker from closing the socket, and the system from giving its number away,
        # between abort's look and its shutdown, which does not block.
        self._lock = threading.Lock()

    def abort(self) -> None:
        with self._lock:
            self.aborted = True
            self._shut_down()

    def watch(self, carrier: socket.socket | None) -> None:
        """Take note of the socket the worker is about to block in; raises if the call was aborted."""
        with self._lock:
            self._socket = carrier
            if self.aborted:
                self._shut_down()
                raise CallAbortedError("the request was cancelled")

    def release(self) -> None:
        """Forget the socket: it is about to be closed, or to serve another call."""
        with self._lock:
            self._socket = None

    def send(self, send: Callable[[], _Answer]) -> _Answer:
        """Run `send` on this thread with the connections it uses watched.

        A pooled connection that its server has closed meanwhile costs nothing: as long as not a
        byte of an answer has come, the request goes out again on the next connection.
        """
        while True:
            _calls[threading.get_ident()] = self
            try:
                return send()
            except Exception as error:
                if (
                    self.aborted
                    or not self.reused
                    or not any(isinstance(cause, _STALE) for cause in causes(error))
                ):
                    raise
            finally:
                del _calls[threading.get_ident()]

    def hurry(self, seconds: float) -> None:
        """Let a read fail that takes longer."""
        if self._socket is not None and self._socket.fileno() >= 0:
            self._socket.settimeout(seconds)

    def _shut_down(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(OSError):  # not connected yet, or not any more: a read fails by itself
            # Not SSLSocket.shutdown, which takes the TLS state away from under a running read.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from or wraps; libraries stack up to four layers."""
    waiting, seen = [error], set[int]()
    while waiting:
        error = waiting.pop(0)
        if id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        inner = (*error.args, getattr(error, "reason", None), error.__cause__, error.__context__)
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def current_call() -> Call:
    """The call this thread is sending for; requests that nobody can abort get one of their own."""
    return _calls.get(threading.get_ident()) or Call()


class _CalledResponse(StreamedResponse):
    """Leaves itself with the call it answers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        current_call().body = self


class _WatchedConnection(HTTPConnection):
    response_class = _CalledResponse
    _served = False
    _awaits_body = False  # whether the next thing sent is a head, behind which a body comes
    _head = b""  # kept until then, so that both leave in one packet and the server wakes up once

    def _new_conn(self) -> socket.socket:
        # urllib3 creates and connects the socket in one function; to abort a connect, the socket
        # must be known before. The exceptions are those of the method this replaces.
        try:
            return self._connect_watched(current_call())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(
                self, f"no connection to {self.host} within {self.timeout} s"
            ) from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error}") from error

    def _connect_watched(self, call: Call) -> socket.socket:
        failure: OSError = OSError("the host name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._dns_host, self.port, 0, socket.SOCK_STREAM
        ):
            carrier = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    carrier.setsockopt(*option)
                carrier.settimeout(self.timeout)
                if self.source_address:
                    carrier.bind(self.source_address)
                call.watch(carrier)
                carrier.connect(address)
            except OSError as error:
                carrier.close()
                failure = error
                if call.aborted:
                    break
            else:
                return carrier
        raise failure

    def request(self, *arguments: Any, **options: Any) -> None:
        call = current_call()
        call.reused, self._served = self._served, True
        if self.sock is not None:
            call.watch(self.sock)
            self._awaits_body, self._head = _is_whole(options.get("body")), b""
        super().request(*arguments, **options)

    def send(self, data: Any) -> None:
        if self._awaits_body:
            self._awaits_body, self._head = False, data
        else:
            head, self._head = self._head, b""
            super().send(head + data if head else data)


def _is_whole(body: Any) -> bool:
    """Whether a body is sent in one piece."""
    return isinstance(body, bytes) and bool(body)


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        carrier = super()._new_conn()
        # The handshake takes the number of this socket away from it; the twin keeps one of its own.
        self._twin = carrier.dup()
        current_call().watch(self._twin)
        return carrier

    def connect(self) -> None:
        try:
            super().connect()
            current_call().watch(self.sock)
        finally:
            if self._twin is not None:
                self._twin.close()
                self._twin = None


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


POOL_CLASSES = {"http": _Pool, "https": _TLSPool}
POOL_SIZE = 64
"""Connections kept open to one host; more are opened when needed, and closed after use."""


def make_tls_context() -> ssl.SSLContext:
    """Trust what the environment says (`SSL_CERT_FILE`, as requests: `REQUESTS_CA_BUNDLE`), else certifi."""
    variables = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    named = next((os.environ[name] for name in variables if os.environ.get(name)), certifi.where())
    folder = os.environ.get("SSL_CERT_DIR")
    if Path(named).is_dir():
        return ssl.create_default_context(capath=named)
    return ssl.create_default_context(cafile=named, capath=folder)


def proxy_for(url: str) -> str | None:
    """The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, as curl reads them."""
    parsed = parse_url(url)
    proxies = urllib.request.getproxies()
    if urllib.request.proxy_bypass(parsed.host or ""):
        return None
    return proxies.get(parsed.scheme or "http") or proxies.get("all")


def make_pools(url: str) -> urllib3.PoolManager:
    """The connection pools for requests to `url`; they read the environment once, here."""
    options: dict[str, Any] = {"maxsize": POOL_SIZE}
    if url.startswith("https"):
        options["ssl_context"] = make_tls_context()
    proxy = proxy_for(url)
    if proxy:
        credentials = parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=credentials) if credentials else None
        pools: urllib3.PoolManager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    else:
        pools = urllib3.PoolManager(**options)
    pools.pool_classes_by_scheme = POOL_CLASSES
    return pools


def close_pools(pools: urllib3.PoolManager) -> None:
    """Close the connections kept open now; urllib3 leaves that to the garbage collector."""
    for key in list(pools.pools.keys()):
        pools.pools[key].close()
    pools.clear()

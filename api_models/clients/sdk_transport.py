"""The wire of the house under the providers' SDKs: they build the request, our pools carry it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import urllib3

from .body import READ_SIZE
from .transport import close_pools, current_call, make_pools


class _RawBody(httpx2.SyncByteStream):
    """The body for an SDK that wants to read it, which it does with errors alone."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._response.read1(READ_SIZE, decode_content=False), b"")

    def close(self) -> None:
        self._response.close()


_NEVER = urllib3.Retry.from_int(False, redirect=False)


class WireTransport(httpx2.BaseTransport):
    """Sends with urllib3, and leaves the answer with the call it was sent for."""

    def __init__(self, url: str) -> None:
        self._pools = make_pools(url)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        limits = request.extensions.get("timeout", {})
        response = self._pools.urlopen(
            request.method,
            str(request.url),
            body=request.read(),
            headers=dict(request.headers.items()),
            timeout=urllib3.Timeout(connect=limits.get("connect"), read=limits.get("read")),
            retries=_NEVER,
            redirect=False,
            preload_content=False,
        )
        current_call().answer = response
        return httpx2.Response(
            response.status, headers=list(response.headers.items()), stream=_RawBody(response)
        )

    def close(self) -> None:
        close_pools(self._pools)


def limits(timeout: urllib3.Timeout) -> httpx2.Timeout:
    """The limits of a call as an SDK takes them; the transport gives them back to urllib3."""
    connect, read = timeout.connect_timeout, timeout.read_timeout
    return httpx2.Timeout(
        read if isinstance(read, (int, float)) else None,
        connect=connect if isinstance(connect, (int, float)) else None,
    )


def make_http_client(url: str) -> httpx2.Client:
    """For an SDK's `http_client=`. Its pools have read the environment; httpx2 must not again."""
    return httpx2.Client(transport=WireTransport(url), trust_env=False, follow_redirects=True)

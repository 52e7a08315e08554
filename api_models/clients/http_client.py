"""Any server that speaks Chat Completions, or Ollama's own wire: over requests, without an SDK."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ..exceptions import ConfigurationError
from .base import ModelClient, Send
from .bodies import Body, chat_body, ollama_body
from .errors import error_from_status
from .transport import Call, close_pools, make_pools
from .wire import Decoder
from .wire_chat import ChatDecoder
from .wire_ollama import OllamaDecoder


class WireAdapter(HTTPAdapter):
    """Lets requests send over the pools of the house."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: urllib3.HTTPConnectionPool | None = None  # of the one host there mostly is
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        self.poolmanager = make_pools(self._url)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *_: Any, **__: Any
    ) -> urllib3.HTTPConnectionPool:
        pool: urllib3.HTTPConnectionPool
        if str(request.url).startswith(self._url + "/"):
            self._pool = pool = self._pool or self.poolmanager.connection_from_url(self._url)
        else:  # a redirect led away
            pool = self.poolmanager.connection_from_url(str(request.url))
        return pool

    def close(self) -> None:
        self._pool = None
        close_pools(self.poolmanager)

    def cert_verify(self, *_: Any) -> None:
        """Leave the pools the certificates they were made with."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        proxied = isinstance(self.poolmanager, urllib3.ProxyManager)
        absolute = proxied and str(request.url).startswith("http:")
        return str(request.url) if absolute else request.path_url


class HTTPClient(ModelClient):
    """A server at `base_url`, which includes the version (`.../v1`)."""

    schema_wire = "chat"

    def __init__(self, provider: str, *, finish_reason_ends: bool = True, **settings: Any) -> None:
        super().__init__(provider, **settings)
        self._finish_reason_ends = finish_reason_ends
        self._adapter = WireAdapter(self._base_url)
        self._session = requests.Session()
        self._session.trust_env = False  # the pools have read it; a netrc must not replace the key
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        if self._api_key:
            self._session.headers["Authorization"] = f"Bearer {self._api_key}"
        self._session.headers.update({"Content-Type": "application/json", **self._headers})
        self._prepared: dict[str, requests.PreparedRequest] = {}  # without a body, by path

    def close(self) -> None:
        self._session.close()

    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        body = {**chat_body(model, messages, params), "stream": True}
        return partial(self.post, "/chat/completions", body), ChatDecoder(self._finish_reason_ends)

    def post(self, path: str, body: Body, call: Call, timeout: urllib3.Timeout) -> urllib3.BaseHTTPResponse:
        """Send `body` and return the answer once its head is there; raises what an error status means."""
        extra = {name: body.pop(f"extra_{name}", None) for name in ("headers", "query", "body")}
        request = self._empty_request(path, extra["headers"], extra["query"])
        request.body = content = _as_json({**body, **(extra["body"] or {})})
        request.headers["Content-Length"] = str(len(content))
        response = self._send(request, timeout)
        if response.status_code >= 400:
            raise error_from_status(response.status_code, response.headers, response.content)
        raw: urllib3.BaseHTTPResponse = response.raw
        return raw

    def _send(self, request: requests.PreparedRequest, timeout: Any) -> requests.Response:
        """As the session would, which besides looks for cookies, hooks and proxies that there are not."""
        response = self._adapter.send(request, timeout=timeout, stream=True)
        if response.is_redirect:
            *_, response = self._session.resolve_redirects(response, request, timeout=timeout, stream=True)
        return response

    def _empty_request(self, path: str, headers: Any, query: Any) -> requests.PreparedRequest:
        """A request without its body; what is the same each time is put together once."""
        if headers or query:
            asked = requests.Request("POST", self._base_url + path, headers=headers, params=query)
            return self._session.prepare_request(asked)
        if path not in self._prepared:
            asked = requests.Request("POST", self._base_url + path)
            self._prepared[path] = self._session.prepare_request(asked)
        return self._prepared[path].copy()


def _as_json(body: Body) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the prompt and the parameters do not make JSON: {error}") from error


class OllamaClient(HTTPClient):
    """Ollama's own wire, newline-delimited JSON; `base_url` is the host without a version."""

    schema_wire = "ollama"

    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        body = {**ollama_body(model, messages, params), "stream": True}
        return partial(self.post, "/api/chat", body), OllamaDecoder()

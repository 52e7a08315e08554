"""A real small model on this machine's CPU: no key, no network."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import urllib3

from .base import ModelClient, Send
from .bodies import Body, chat_body
from .http_client import HTTPClient
from .local_engine import LocalEngine, acquire_engine
from .local_model import DEFAULT_MODEL, find_model
from .transport import Call
from .wire import Decoder
from .wire_chat import ChatDecoder

SYSTEM = "You are a helpful assistant. Answer briefly."
"""What makes a model of this size usable, with no sampling and a limit on the length."""
DEFAULTS: dict[str, Any] = {"temperature": 0, "max_tokens": 256}


class LocalClient(ModelClient):
    """llama.cpp on this machine, asked over its own locked loopback listener.

    `model` is the name of an installed model or a path to a GGUF file. A file is loaded on the
    first request for it, on the thread that asks, which takes half a second.
    """

    schema_wire = "grammar"

    def __init__(self, provider: str = "local", *, model: str | None = None) -> None:
        super().__init__(provider, model=model or DEFAULT_MODEL)
        self._opened: dict[Path, tuple[LocalEngine, HTTPClient]] = {}
        # Lets one thread load a file; who waits for it needs the same engine.
        self._opening = threading.Lock()

    def close(self) -> None:
        with self._opening:
            opened, self._opened = list(self._opened.values()), {}
        for engine, client in opened:
            client.close()
            engine.release()

    def _get_ready(self, model: str) -> None:
        self._client(_path_of(model))

    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        path = _path_of(model)
        if not any(message.get("role") == "system" for message in messages):
            params = {"system": SYSTEM, **params}
        body = {**chat_body(path.stem, messages, {**DEFAULTS, **params}), "stream": True}
        return partial(self._post, path, body), ChatDecoder(finish_reason_ends=False)

    def _post(self, path: Path, body: Body, call: Call, timeout: urllib3.Timeout) -> urllib3.BaseHTTPResponse:
        return self._client(path).post("/chat/completions", body, call, timeout)

    def _client(self, path: Path) -> HTTPClient:
        with self._opening:
            if path not in self._opened:
                engine = acquire_engine(path)
                client = HTTPClient(self.provider, base_url=engine.base_url, api_key=engine.api_key)
                self._opened[path] = engine, client
        engine, client = self._opened[path]
        engine.ensure_running()
        return client


def _path_of(model: str) -> Path:
    return find_model(None if model == DEFAULT_MODEL else model)

"""The clients that are measured: the floors, ours, and what a user would pick instead.

A client is made once for a server's address; each call is one request, its text handed to
`on_text` as it comes. It returns when the answer has ended.
"""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from api_models import APIModelManager, StreamHandler

from .floor import PARSER, KnowingSocket, RawSocket
from .server import WIRES

Stream = Callable[[Callable[[str], None]], None]
_MESSAGES = [{"role": "user", "content": "hi"}]


class Tell(StreamHandler):
    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text

    def on_token_received(self, token: str, index: int) -> None:
        self._on_text(token)


def manager_for(base: str, provider: str, **entry: Any) -> APIModelManager:
    base_url = base if provider == "anthropic" else base + "/v1"
    return APIModelManager({"providers": {provider: {"api_key": "sk-bench", "base_url": base_url, **entry}}})


def ours(provider: str, **entry: Any) -> Callable[[str, str], Stream]:
    def make(base: str, wire: str) -> Stream:
        manager = manager_for(base, provider, **entry)

        def stream(on_text: Callable[[str], None]) -> None:
            handlers = [Tell(on_text)]
            manager.generate_stream_with_handlers("hi", f"{provider}:m", {"max_tokens": 9}, handlers).result()

        return stream

    return make


def socket_in_thread(base: str, wire: str) -> Stream:
    """The floor with a new thread for each request."""
    stream = RawSocket(base, wire)

    def threaded(on_text: Callable[[str], None]) -> None:
        worker = threading.Thread(target=stream, args=(on_text,))
        worker.start()
        worker.join()

    return threaded


def sdk_anthropic(base: str, wire: str) -> Stream:
    import anthropic

    client = anthropic.Anthropic(api_key="k", base_url=base, max_retries=0)

    def stream(on_text: Callable[[str], None]) -> None:
        for event in client.messages.create(model="m", max_tokens=9, messages=_MESSAGES, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                on_text(event.delta.text)

    return stream


def sdk_openai(base: str, wire: str) -> Stream:
    import openai

    client = openai.OpenAI(api_key="k", base_url=base + "/v1", max_retries=0)

    def chat_stream(on_text: Callable[[str], None]) -> None:
        for chunk in client.chat.completions.create(model="m", messages=_MESSAGES, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                on_text(chunk.choices[0].delta.content)

    def responses_stream(on_text: Callable[[str], None]) -> None:
        for event in client.responses.create(model="m", input="hi", stream=True):
            if event.type == "response.output_text.delta":
                on_text(event.delta)

    return chat_stream if wire == "chat" else responses_stream


def langchain(base: str, wire: str) -> Stream:
    """`stream()` with one callback, which gets the text."""
    from langchain_core.callbacks import BaseCallbackHandler

    class Callback(BaseCallbackHandler):
        def __init__(self, on_text: Callable[[str], None]) -> None:
            self.on_text = on_text

        def on_llm_new_token(self, token: str, **_: Any) -> None:
            if token:
                self.on_text(token)

    model = _langchain_model(base, wire)

    def stream(on_text: Callable[[str], None]) -> None:
        for _ in model.stream("hi", config={"callbacks": [Callback(on_text)]}):
            pass

    return stream


def _langchain_model(base: str, wire: str) -> Any:
    if wire == "messages":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model="m", base_url=base, api_key="k", max_tokens=9, max_retries=0)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="m", base_url=base + "/v1", api_key="k", max_retries=0)


def requests_sseclient(base: str, wire: str) -> Stream:
    import requests
    import sseclient

    session = requests.Session()

    def stream(on_text: Callable[[str], None]) -> None:
        response = session.post(base + WIRES[wire][0], json={}, stream=True)
        for event in sseclient.SSEClient(response.iter_content(None)).events():
            if event.data != "[DONE]" and (choices := json.loads(event.data).get("choices")):
                text = choices[0]["delta"].get("content")
                if text:
                    on_text(text)

    return stream


@dataclass(frozen=True)
class Client:
    """`kind` is floor, ours or peer; `module` what must be installed."""

    name: str
    kind: str
    make: Callable[[str, str], Any]
    module: str = "api_models"

    @property
    def is_here(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


FLOOR = f"raw socket + {PARSER}"
_FLOOR = Client(FLOOR, "floor", RawSocket)
_KNOWING = Client("the same, undoing no chunks", "floor", KnowingSocket)

CLIENTS: dict[str, tuple[Client, ...]] = {
    "messages": (
        _FLOOR,
        _KNOWING,
        Client("ours, anthropic:", "ours", ours("anthropic")),
        Client("anthropic create()", "peer", sdk_anthropic, "anthropic"),
        Client("langchain-anthropic", "peer", langchain, "langchain_anthropic"),
    ),
    "chat": (
        _FLOOR,
        _KNOWING,
        Client("ours, openai:", "ours", ours("openai", api="chat_completions")),
        Client("ours, HTTP client", "ours", ours("lab", kind="openai_compatible")),
        Client("requests + sseclient", "peer", requests_sseclient, "sseclient"),
        Client("openai create()", "peer", sdk_openai, "openai"),
        Client("langchain-openai", "peer", langchain, "langchain_openai"),
    ),
    "responses": (
        _FLOOR,
        _KNOWING,
        Client("ours, openai:", "ours", ours("openai", api="responses")),
        Client("openai create()", "peer", sdk_openai, "openai"),
    ),
}
FRESH = Client("raw socket, new connection", "floor", partial(RawSocket, keep_alive=False))
THREADED = Client("raw socket, new thread", "floor", socket_in_thread)


def present(clients: Iterable[Client]) -> list[Client]:
    """Those that are installed; the others are named."""
    here = []
    for client in clients:
        if client.is_here:
            here.append(client)
        else:
            print(f"{client.name}: not installed, left out")
    return here

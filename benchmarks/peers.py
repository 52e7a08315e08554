"""How each client is asked for an answer, ours among them, and what it hands over.

Every client reads to the end of one answer with two retries allowed, and raises what it raises. What
is not installed is left out, and said so.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from api_models import APIModelManager, StreamHandler

RETRIES = 2
MESSAGE: list[Any] = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True)
class Setup:
    url: str
    timeout: float | None = None
    recovers: bool = False
    """Whether to switch on what the client has for an answer that breaks off."""


@dataclass
class Heard:
    text: str = ""
    reason: str | None = None
    call: Any = None
    """Arguments of a tool call, if the client hands it over as one that can be made."""


@dataclass(frozen=True)
class Client:
    name: str
    package: str
    wire: str
    ask: Callable[[Setup, Heard], None]

    def title(self) -> str:
        return self.name if self.package == "api-models" else f"{self.name} {version(self.package)}"


def is_installed(name: str, package: str) -> bool:
    """Whether the peer is there; says so if it is not."""
    try:
        version(package)
    except PackageNotFoundError:
        print(f"{name}: not installed, left out")
        return False
    return True


class _Collect(StreamHandler):
    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def on_token_received(self, token: str, index: int) -> None:
        self._heard.text += token

    def on_stream_reset(self, reason: str) -> None:
        self._heard.text = ""

    def on_tool_call(self, tool_call: Any) -> None:
        self._heard.call = tool_call.arguments


def ours(provider: str, **entry: Any) -> Callable[[Setup, Heard], None]:
    def ask(setup: Setup, heard: Heard) -> None:
        base_url = setup.url + ("" if provider == "anthropic" else "/v1")
        known = {"api_key": "sk-benchmark-key", "base_url": base_url, "model": "m", **entry}
        clocks = {"silence_timeout": setup.timeout, "idle_timeout": setup.timeout} if setup.timeout else {}
        stream = {"recovery": "restart" if setup.recovers else "fail", "max_retries": RETRIES, **clocks}
        with APIModelManager({"providers": {provider: known}, "stream": stream}) as manager:
            running = manager.generate_stream_with_handlers(MESSAGE, provider, handlers=[_Collect(heard)])
            heard.reason = running.result().raw_stop_reason

    return ask


def _sdk_options(setup: Setup, base_url: str) -> dict[str, Any]:
    limit = {"timeout": setup.timeout} if setup.timeout else {}
    return {"api_key": "k", "base_url": base_url, "max_retries": RETRIES, **limit}


def anthropic_create(setup: Setup, heard: Heard) -> None:
    import anthropic

    client = anthropic.Anthropic(**_sdk_options(setup, setup.url))
    for event in client.messages.create(model="m", max_tokens=9, messages=MESSAGE, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            heard.text += event.delta.text
        elif event.type == "message_delta":
            heard.reason = event.delta.stop_reason


def anthropic_stream(setup: Setup, heard: Heard) -> None:
    import anthropic

    client = anthropic.Anthropic(**_sdk_options(setup, setup.url))
    with client.messages.stream(model="m", max_tokens=9, messages=MESSAGE) as stream:
        for text in stream.text_stream:
            heard.text += text
        message = stream.get_final_message()
    heard.reason = message.stop_reason
    heard.call = next((block.input for block in message.content if block.type == "tool_use"), None)


def openai_create(setup: Setup, heard: Heard) -> None:
    import openai

    client = openai.OpenAI(**_sdk_options(setup, setup.url + "/v1"))
    for chunk in client.chat.completions.create(model="m", messages=MESSAGE, stream=True):
        _take_chat(chunk, heard)


def _take_chat(chunk: Any, heard: Heard) -> None:
    for choice in chunk.choices:
        heard.text += choice.delta.content or ""
        heard.reason = choice.finish_reason or heard.reason


def openai_stream(setup: Setup, heard: Heard) -> None:
    import openai

    client = openai.OpenAI(**_sdk_options(setup, setup.url + "/v1"))
    with client.chat.completions.stream(model="m", messages=MESSAGE) as stream:
        for event in stream:
            if event.type == "content.delta":
                heard.text += event.delta
        heard.reason = stream.get_final_completion().choices[0].finish_reason


def requests_sseclient(setup: Setup, heard: Heard) -> None:
    """The loop that most people write; it retries nothing."""
    import requests
    import sseclient

    url, body = setup.url + "/v1/chat/completions", {"model": "m", "messages": MESSAGE, "stream": True}
    with requests.post(url, json=body, stream=True, timeout=setup.timeout) as response:
        response.raise_for_status()
        for event in sseclient.SSEClient(iter(response)).events():
            if event.data == "[DONE]":
                return
            for choice in json.loads(event.data)["choices"]:
                heard.text += choice["delta"].get("content") or ""
                heard.reason = choice.get("finish_reason") or heard.reason


def langchain(module: str, kind: str, path: str = "") -> Callable[[Setup, Heard], None]:
    def ask(setup: Setup, heard: Heard) -> None:
        make = getattr(importlib.import_module(module), kind)
        model, whole = make(model="m", max_tokens=9, **_sdk_options(setup, setup.url + path)), None
        for chunk in (model.with_retry() if setup.recovers else model).stream("hi"):
            heard.text += str(chunk.text)
            whole = chunk if whole is None else whole + chunk
        if whole is not None:
            said = whole.response_metadata
            heard.reason = said.get("stop_reason") or said.get("finish_reason")
            heard.call = next((call["args"] for call in whole.tool_calls), None)

    return ask


def litellm_completion(model: str, path: str) -> Callable[[Setup, Heard], None]:
    def ask(setup: Setup, heard: Heard) -> None:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the internet
        import litellm

        litellm.suppress_debug_info = True
        for chunk in litellm.completion(
            model, MESSAGE, api_key="k", api_base=setup.url + path, stream=True, max_tokens=9,
            num_retries=RETRIES, timeout=setup.timeout,
        ):  # fmt: skip
            _take_chat(chunk, heard)

    return ask


def llm_prompt(setup: Setup, heard: Heard) -> None:
    """Its retries are those of the openai SDK, which are two; it has no timeout to set."""
    from llm.default_plugins.openai_models import Chat

    model = Chat("m", api_base=setup.url + "/v1")
    model.key = "k"
    for text in model.prompt("hi"):
        heard.text += text


def pydantic_ai_anthropic(setup: Setup, heard: Heard) -> None:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key="k", base_url=setup.url)
    _pydantic_ai(AnthropicModel("m", provider=provider), setup, heard)


def pydantic_ai_openai(setup: Setup, heard: Heard) -> None:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(api_key="k", base_url=setup.url + "/v1")
    _pydantic_ai(OpenAIChatModel("m", provider=provider), setup, heard)


def _pydantic_ai(model: Any, setup: Setup, heard: Heard) -> None:
    """Its retries are those of the SDKs, which are two."""
    from pydantic_ai import Agent

    def weather(city: str) -> str:
        heard.call = {"city": city}
        raise SystemError("the tool was called")

    limit: Any = {"timeout": setup.timeout} if setup.timeout else None
    answer = Agent(model, tools=[weather]).run_stream_sync("hi", model_settings=limit)
    for text in answer.stream_text(delta=True, debounce_by=None):
        heard.text += text
    heard.reason = answer.response.finish_reason


CLIENTS = [
    Client("ours", "api-models", "messages", ours("anthropic")),
    Client("anthropic `create()`", "anthropic", "messages", anthropic_create),
    Client("anthropic `stream()`", "anthropic", "messages", anthropic_stream),
    Client("langchain", "langchain-anthropic", "messages", langchain("langchain_anthropic", "ChatAnthropic")),
    Client("litellm", "litellm", "messages", litellm_completion("anthropic/m", "")),
    Client("pydantic-ai", "pydantic-ai-slim", "messages", pydantic_ai_anthropic),
    Client("ours, `openai`", "api-models", "chat", ours("openai", api="chat_completions")),
    Client("ours, any server", "api-models", "chat", ours("lab", kind="openai_compatible")),
    Client("openai `create()`", "openai", "chat", openai_create),
    Client("openai `stream()`", "openai", "chat", openai_stream),
    Client("requests + sseclient-py", "sseclient-py", "chat", requests_sseclient),
    Client("langchain", "langchain-openai", "chat", langchain("langchain_openai", "ChatOpenAI", "/v1")),
    Client("litellm", "litellm", "chat", litellm_completion("openai/m", "/v1")),
    Client("llm", "llm", "chat", llm_prompt),
    Client("pydantic-ai", "pydantic-ai-slim", "chat", pydantic_ai_openai),
]


def installed(clients: Iterable[Client]) -> list[Client]:
    return [client for client in clients if is_installed(f"{client.name} ({client.wire})", client.package)]

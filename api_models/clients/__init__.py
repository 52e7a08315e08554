"""Who produces: the only folder that imports a provider's SDK or HTTP.

Making a client imports what it needs and no more: this is the one place where that happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..streaming.stream_source import StreamSource

_CLASSES = {
    ("anthropic", "sdk"): (".anthropic_client", "AnthropicClient"),
    ("openai", "sdk"): (".openai_client", "OpenAIClient"),
    ("openai_compatible", "sdk"): (".openai_client", "OpenAIClient"),
    ("openai_compatible", "http"): (".http_client", "HTTPClient"),
    ("ollama", "http"): (".http_client", "OllamaClient"),
    ("local", "http"): (".local_client", "LocalClient"),
}


def make_client(kind: str, transport: str, provider: str, settings: Mapping[str, Any]) -> Any:
    """The client for a kind of provider over a transport, with the settings its constructor takes."""
    module, name = _CLASSES[kind, transport]
    return getattr(import_module(module, __name__), name)(provider, **settings)


def persistent(ask: Callable[[], StreamSource]) -> StreamSource:
    """A source that asks again as its stream's config allows; see `resilience`, which needs tenacity."""
    source: StreamSource = import_module(".resilience", __name__).PersistentSource(ask)
    return source

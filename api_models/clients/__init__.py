"""Who produces: the only folder that imports a provider's SDK or HTTP.

Making a client imports what it needs and no more: this is the one place where that happens.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
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


def persistent(candidates: Sequence[tuple[str, str, Callable[[str], StreamSource]]]) -> StreamSource:
    """A source that asks again, and asks another, as its stream's config allows.

    A candidate is a provider, a model, and what asks it to go on from a partial text; see `resilience`.
    """
    resilience = _resilience()
    source: StreamSource = resilience.PersistentSource([resilience.Candidate(*each) for each in candidates])
    return source


@functools.cache  # as each request comes by here
def _resilience() -> ModuleType:
    return import_module(".resilience", __name__)


def make_guards(settings_of: Callable[[str], tuple[Any, Any]]) -> Any:
    """The breakers and budgets of all models; see `guarded.Guards`."""
    return import_module(".guarded", __name__).Guards(settings_of)


def continued_prompt(prompt: Any, partial: str, provider: str, model: str) -> Any:
    """The prompt that asks for the rest of an answer; see `continuation`."""
    return import_module(".continuation", __name__).continued_prompt(prompt, partial, provider, model)


def schema_shape(name: str, schema: Mapping[str, Any], mode: Any, note: Callable[..., None]) -> Any:
    """What changes a prompt and its parameters so that the answer fits a schema; see `answer_schema`."""
    return import_module(".answer_schema", __name__).SchemaShape(name, schema, mode, note)

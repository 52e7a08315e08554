"""Anthropic's models, asked through its SDK."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from ..exceptions import ConfigurationError
from .base import Send
from .bodies import Body, messages_body
from .sdk_client import SDKClient, sdk_transport
from .wire import Decoder
from .wire_messages import MessagesDecoder


class AnthropicClient(SDKClient):
    """`base_url` is the host, without a version."""

    schema_wire = "messages"

    def _load(self) -> tuple[ModuleType, Any]:
        import anthropic  # noqa: PLC0415  # takes a second, and only who asks Anthropic needs it

        # The SDK has moved on to Authorization; every gateway that speaks this wire knows x-api-key.
        headers: dict[str, Any] = {"Authorization": anthropic.Omit(), "x-api-key": self._api_key}
        sdk = anthropic.Anthropic(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            default_headers={**headers, **self._headers},
            http_client=sdk_transport().make_http_client(self._base_url),
        )
        return anthropic, sdk

    def _prepare(
        self, model: str, messages: list[dict[str, Any]], params: dict[str, Any]
    ) -> tuple[Send, Decoder]:
        body = messages_body(model, messages, params)
        return partial(self._ask, partial(_create, body)), MessagesDecoder()


def _create(body: Body, _: ModuleType, sdk: Any, limits: Any) -> None:
    create = sdk.messages.create
    create(**_arguments(create, body), stream=True, timeout=limits)


def _arguments(ask: Callable[..., Any], body: Body) -> dict[str, Any]:
    """What the SDK has a name for, by name; the rest in `extra_body`, which it sends as it is."""
    known = _parameters(getattr(ask, "__func__", ask))
    arguments = {name: value for name, value in body.items() if name in known}
    extra = {name: value for name, value in body.items() if name not in known}
    given = arguments.get("extra_body") or {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"extra_body must be a mapping, not {given!r}")
    return {**arguments, "extra_body": {**extra, **given}}


@functools.lru_cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    """The names a method takes; to look them up takes a tenth of the time of a request."""
    return frozenset(inspect.signature(function).parameters)

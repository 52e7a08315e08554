"""Anthropic's models, asked through its SDK."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from .base import Send
from .bodies import messages_body
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
        return partial(self._ask, lambda sdk: sdk.messages.create, body), MessagesDecoder()

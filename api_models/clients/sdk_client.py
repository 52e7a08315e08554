"""What the clients over a provider's SDK share: the SDK asks, the wire of the house answers."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from types import ModuleType
from typing import Any

import urllib3

from ..exceptions import APIModelError
from .base import ModelClient
from .errors import error_from_status
from .transport import Call

Ask = Callable[[ModuleType, Any, Any], object]
"""Has a request sent: given the SDK's module, its client and the limits of time."""


class SDKClient(ModelClient):
    """Loads its SDK on the first request, on the thread that sends it: that takes up to a second."""

    def __init__(self, provider: str, **settings: Any) -> None:
        super().__init__(provider, **settings)
        self._loaded: tuple[ModuleType, Any] | None = None
        # Lets one thread load and make the SDK; the others need just what it makes.
        self._loading = threading.Lock()

    @abstractmethod
    def _load(self) -> tuple[ModuleType, Any]:
        """The SDK's module, and its client on our wire, with its own retries off."""

    def _sdk(self) -> tuple[ModuleType, Any]:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _get_ready(self, model: str) -> None:
        self._sdk()

    def close(self) -> None:
        with self._loading:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded[1].close()

    def _ask(self, ask: Ask, call: Call, timeout: urllib3.Timeout) -> urllib3.BaseHTTPResponse:
        """Let the SDK send a request; the answer to it does not come back the same way."""
        library, sdk = self._sdk()
        try:
            ask(library, sdk, sdk_transport().limits(timeout))
        except library.APIStatusError as error:
            response = error.response
            raise error_from_status(response.status_code, response.headers, response.content) from error
        if call.answer is None:
            raise APIModelError(f"the {library.__name__} SDK sent nothing over its http_client")
        return call.answer


def sdk_transport() -> ModuleType:
    """Our wire as an SDK takes it; needs httpx2, which comes with the SDKs."""
    from . import sdk_transport as transport  # noqa: PLC0415  # as that takes half a second

    return transport

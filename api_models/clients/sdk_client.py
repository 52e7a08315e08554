"""What the clients over a provider's SDK share: the SDK asks, the wire of the house answers."""

from __future__ import annotations

import functools
import inspect
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import urllib3

from ..exceptions import APIModelError, ConfigurationError
from .base import ModelClient
from .bodies import Body
from .errors import error_from_status
from .transport import Call


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

    def _ask(
        self, method: Callable[[Any], Callable[..., Any]], body: Body, call: Call, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        """Let the SDK send `body` through one of its methods."""
        library, sdk = self._sdk()
        ask = method(sdk)
        try:
            ask(**_arguments(ask, body), stream=True, timeout=sdk_transport().limits(timeout))
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

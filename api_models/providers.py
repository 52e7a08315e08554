"""Who can be asked: the providers by their names, and the clients that speak to them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .arguments import Ask, ClientFactory, ModelId, Prompt, Shape, with_model
from .clients import continued_prompt, make_client, make_guards
from .exceptions import ConfigurationError
from .settings import MissingKeyError, Settings
from .streaming.stream_source import StreamSource, as_source


class ClosedError(ConfigurationError):
    """Somebody is asked who takes no more questions."""

    def __init__(self) -> None:
        super().__init__("this manager is closed: make another")


class Providers:
    """Keeps one client for each provider, made when it is first asked. Any thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guards = make_guards(settings.guards) if settings.has_guards else None
        self._factories: dict[str, ClientFactory] = {}
        self._clients: dict[str, Any] = {}
        self._closed = False
        # Guards the tables above; clients are light to make, no network or SDK is touched.
        self._lock = threading.Lock()

    def register(self, name: str, factory: ClientFactory) -> None:
        """Add or replace a provider; the client of the one replaced is closed."""
        if not isinstance(name, str) or not name or ":" in name:
            raise ConfigurationError(f"a provider's name is a str without a colon, not {name!r}")
        if not callable(factory):
            raise ConfigurationError(f"the factory of provider {name!r} cannot be called: {factory!r}")
        with self._lock:
            self._factories[name] = factory
            replaced = self._clients.pop(name, None)
        _close(replaced)

    def close(self) -> None:
        """Close the clients, and make no more; twice is harmless."""
        with self._lock:
            self._closed = True
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            _close(client)

    def candidates(
        self, prompt: Prompt, model_id: ModelId, params: Mapping[str, Any] | None, shape: Shape | None = None
    ) -> list[tuple[str, str, Ask]]:
        """Who may be asked, in order: without those whose key is missing, if others are left."""
        if not isinstance(model_id, (str, Sequence, type(None))):
            raise ConfigurationError(f"model_id is a str or a list of them, not {model_id!r}")
        wanted = [model_id] if isinstance(model_id, (str, type(None))) else list(model_id)
        parsed = [self._parse(each) for each in wanted]
        candidates, failure = [], ConfigurationError("model_id is an empty list")
        for provider, model in parsed:
            try:
                candidates.append(self._candidate(prompt, provider, model, params, shape))
            except MissingKeyError as error:
                failure = error
        if not candidates:
            raise failure
        return candidates

    def _candidate(  # what a candidate is made of
        self,
        prompt: Prompt,
        provider: str,
        model: str | None,
        params: Mapping[str, Any] | None,
        shape: Shape | None,
    ) -> tuple[str, str, Ask]:
        client = self._client(provider)
        asked, name = with_model(params, model), model or getattr(client, "model", None) or ""
        return provider, name, partial(self._ask, provider, name, client, prompt, asked, shape)

    def _ask(  # noqa: PLR0917  # what a candidate is made of, and the answer so far
        self,
        provider: str,
        model: str,
        client: Any,
        prompt: Prompt,
        params: Mapping[str, Any] | None,
        shape: Shape | None,
        so_far: str,
    ) -> StreamSource:
        said, given = (prompt, params) if shape is None else shape(provider, client, prompt, params)
        whole = continued_prompt(said, so_far, provider, model) if so_far else said
        source = as_source(client.generate_stream(whole, given))
        if self._guards is None:
            return source
        guarded: StreamSource = self._guards.over(source, provider, model, whole, given)
        return guarded

    def _parse(self, model_id: str | None) -> tuple[str, str | None]:
        """A provider and a model; what stands before a colon is a provider only if it is a known one."""
        model_id = self._settings.default_model_id if model_id is None else model_id
        if model_id is None:
            return self._settings.default_provider, None
        if not isinstance(model_id, str) or not model_id.strip():
            raise ConfigurationError(f"model_id is a str like 'provider:model', not {model_id!r}")
        prefix, _, model = model_id.partition(":")
        if prefix in self._settings.provider_names or prefix in self._factories:
            return prefix, model or None
        return self._settings.default_provider, model_id

    def lane(self, provider: str) -> str | None:
        """The host whose requests go one by one, if it is known that it answers them so."""
        return None if provider in self._factories else self._settings.lane(provider)

    def _client(self, provider: str) -> Any:
        with self._lock:
            if self._closed:
                raise ClosedError
            if provider not in self._clients:
                self._clients[provider] = self._make_client(provider)
            return self._clients[provider]

    def _make_client(self, provider: str) -> Any:
        if provider in self._factories:
            return self._factories[provider](self._settings.entry(provider))
        found = self._settings.provider(provider)
        return make_client(found.kind, found.transport, provider, found.for_client())


def _close(client: Any) -> None:
    close = getattr(client, "close", None)
    if callable(close):
        close()

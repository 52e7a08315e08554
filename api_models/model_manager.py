"""From a prompt and a model's name to a running stream."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .arguments import (
    ClientFactory,
    ModelId,
    Prompt,
    StreamSettings,
    handlers_of,
    metadata_of,
    staged,
    with_model,
)
from .clients import continued_prompt, make_client, make_guards, persistent, schema_shape
from .exceptions import ConfigurationError
from .handlers.notebook import ShownInNotebooks
from .settings import MissingKeyError, Settings
from .streaming.exceptions import StreamStateError
from .streaming.stream_config import StreamConfig
from .streaming.stream_events import StreamResult
from .streaming.stream_manager import StreamManager
from .streaming.stream_source import StreamSource, as_source

if TYPE_CHECKING:
    from .arguments import Ask, Shape, T
    from .clients.answer_schema import SchemaMode
    from .dual_track import DualTrack, Mode
    from .stages.stage import Stage
    from .structured import StructuredBatch, StructuredStream

    Controlled = StreamManager | DualTrack | StructuredStream[Any] | StructuredBatch[Any]

_CLOSING_PATIENCE = 5.0  # seconds close() gives a cancelled stream whose source cannot be woken


class ModelStream(ShownInNotebooks, StreamManager):
    """The stream of a model's answer."""


class APIModelManager:
    """Knows the providers, keeps their clients, and starts streams. Any thread may use it.

    `config` is a mapping with `default_provider`, `stream` and `providers`. Raises
    `ConfigurationError` for names and values that cannot work, naming the nearest valid one.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._settings = Settings(config)
        self._guards = make_guards(self._settings.guards) if self._settings.has_guards else None
        self._factories: dict[str, ClientFactory] = {}
        self._clients: dict[str, Any] = {}
        self._streams: weakref.WeakSet[Controlled] = weakref.WeakSet()
        self._closed = False
        # Guards the tables above; clients are light to make, no network or SDK is touched.
        self._lock = threading.Lock()

    def generate_stream_with_handlers(
        self,
        prompt: Prompt,
        model_id: ModelId = None,
        params: Mapping[str, Any] | None = None,
        handlers: Iterable[Any] | None = None,
        config: StreamSettings = None,
        *,
        stages: Stage | Iterable[Any] | None = None,
    ) -> StreamManager:
        """Start to stream the answer to `prompt` and return at once.

        `model_id` is `"provider:model"`, a provider, or a model of the default provider; a list of
        them falls back in order, when one is unavailable, too slow, or has no key. `params`
        are `max_tokens`, `temperature`, `stop`, `system`, `tools` and whatever else the provider
        takes. `stages` change the chunks on their way to the handlers, the first first. What is wrong
        with the arguments raises `ConfigurationError` here; what needs the network reaches the
        handlers and `result()`.
        """
        stream, source, metadata = self._prepare(prompt, model_id, params, handlers, config)
        self._start(stream, staged(source, stages), metadata)
        return stream

    def generate_tracks(  # noqa: PLR0917  # the contract's order, the one of the method above
        self,
        prompt: Prompt,
        model_ids: Sequence[ModelId] | Mapping[str, ModelId],
        mode: Mode | str = "race",
        params: Mapping[str, Any] | None = None,
        handlers: Iterable[Any] | None = None,
        config: StreamSettings = None,
        *,
        priority: Mapping[str, float] | None = None,
        serialise: bool = True,
    ) -> DualTrack:
        """Ask several models at once, and return one stream made of theirs, already running.

        `model_ids` are two or more, each as in `generate_stream_with_handlers`; a mapping names the tracks.
        `mode` is `"race"`, `"prefer"`, `"merge"`, `"compare"`, or one of these with settings, or
        `consensus(judge)`. `priority` says by the names of tracks how much of them is handed out, 1.0 each,
        when they say more than the handlers can take. Servers known to answer one request at a time are
        asked one by one, unless `serialise` is False.
        """
        from .dual_track import DualTrack, Track, config_of_track, named  # noqa: PLC0415  # most ask one model

        settings = StreamConfig.of(config, self._settings.stream)
        tracks = []
        for name, model_id in named(model_ids).items():
            own = config_of_track(settings)
            stream, source, metadata = self._prepare(prompt, model_id, params, None, own)
            lane = self._lane(metadata["provider"]) if serialise else None
            tracks.append(Track(name, stream, partial(self._start, stream, source, metadata), lane))
        several = DualTrack(tracks, mode, settings, handlers_of(handlers), priority)
        told = {"prompt": prompt} if settings.include_prompt else {}
        self._begin(several, partial(several.start, told))
        return several

    def generate_structured(  # noqa: PLR0917  # the contract's order, the one of the methods above
        self,
        prompt: Prompt,
        response_model: type[T] | Mapping[str, Any],
        model_id: ModelId = None,
        params: Mapping[str, Any] | None = None,
        handlers: Iterable[Any] | None = None,
        config: StreamSettings = None,
        *,
        mode: SchemaMode | None = None,
        max_repairs: int = 1,
        expected_items: int | None = None,
    ) -> StructuredStream[T]:
        """Ask for an answer that fits `response_model`, and return its stream, already running.

        `response_model` is a pydantic model, a dataclass, a TypedDict, `list[...]`, or a JSON schema. The
        provider is held to it as well as it can be, which `mode` of the stream says, or by the `mode` given:
        `"native"`, `"tool"`, `"json"` or `"prompt"`. An answer that is not valid is asked for again
        `max_repairs` times, with what is wrong with it. `expected_items` is how many elements the prompt
        asks for, so that the progress of a list can be told.
        """
        from .structured import StructuredStream  # noqa: PLC0415  # loads pydantic, and most want a text

        settings = StreamConfig.of(config, self._settings.stream)

        def ask(asked: Prompt, name: str, schema: Any, note: Any) -> StreamSource:
            shape = schema_shape(name, schema, mode, note)
            return persistent(self._candidates(asked, model_id, params, shape))

        stream: StructuredStream[T] = StructuredStream(
            ask, prompt, response_model, settings, handlers_of(handlers), max_repairs, expected_items
        )
        told = metadata_of(self._candidates(prompt, model_id, params), prompt, settings)
        self._begin(stream, partial(stream.start, told))
        return stream

    def generate_structured_many(  # noqa: PLR0917  # the same order
        self,
        prompts: Iterable[Prompt] | Mapping[str, Prompt],
        response_model: Any,
        model_id: ModelId = None,
        params: Mapping[str, Any] | None = None,
        handlers: Iterable[Any] | None = None,
        config: StreamSettings = None,
        *,
        mode: SchemaMode | None = None,
        max_repairs: int = 1,
        **settings: Any,
    ) -> StructuredBatch[Any]:
        """Ask for an answer to each prompt, and return the batch of their streams, already running.

        `settings` are those of a `StructuredBatch`: `max_parallel`, `ordered`, `store`, a file where answers
        are kept by their `key`, so that a rerun skips what is done, and `on_progress`. A mapping of prompts
        gives the keys. `handlers` hear of all streams, of several at once.
        """
        from .structured import StructuredBatch  # noqa: PLC0415  # as above

        self._candidates("", model_id, params)  # what is wrong with these is wrong with all
        asked: dict[str, Any] = {"params": params, "config": config, "mode": mode, "max_repairs": max_repairs}
        begin = partial(self.generate_structured, model_id=model_id, **asked)
        batch = StructuredBatch(begin, prompts, response_model, handlers_of(handlers), **settings)
        self._begin(batch, batch.start)
        return batch

    def generate(
        self, prompt: Prompt, model_id: ModelId = None, params: Mapping[str, Any] | None = None
    ) -> StreamResult:
        """Wait for the whole answer, or raise what went wrong. Ctrl-C stops it on the wire."""
        with self.generate_stream_with_handlers(prompt, model_id, params) as stream:
            return stream.result()

    def generate_stream(
        self, prompt: Prompt, model_id: ModelId = None, params: Mapping[str, Any] | None = None
    ) -> Iterator[str]:
        """Iterate the answer; closing the iterator, or dropping it, stops it on the wire."""
        return self._tokens(*self._prepare(prompt, model_id, params, None, None))

    def register_provider(self, name: str, factory: ClientFactory) -> None:
        """Add or replace a provider: `factory(entry)` makes its client from its configuration.

        A client has `generate_stream(prompt, params) -> source`, and may have `close()` and
        `model`, the model asked for when nobody names one.
        """
        if not isinstance(name, str) or not name or ":" in name:
            raise ConfigurationError(f"a provider's name is a str without a colon, not {name!r}")
        if not callable(factory):
            raise ConfigurationError(f"the factory of provider {name!r} cannot be called: {factory!r}")
        with self._lock:
            self._factories[name] = factory
            replaced = self._clients.pop(name, None)
        _close(replaced)

    def close(self) -> None:
        """Cancel what runs, wait for it, and close the connections; twice is harmless."""
        with self._lock:
            self._closed = True
            streams, clients = list(self._streams), list(self._clients.values())
            self._clients = {}
        for stream in streams:
            stream.cancel_stream()
        for stream in streams:
            with contextlib.suppress(StreamStateError):  # closed from inside one of its callbacks
                stream.wait(_CLOSING_PATIENCE)
        for client in clients:
            _close(client)

    def __enter__(self) -> APIModelManager:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<APIModelManager default_provider={self._settings.default_provider!r}>"

    def _prepare(
        self,
        prompt: Prompt,
        model_id: ModelId,
        params: Mapping[str, Any] | None,
        handlers: Iterable[Any] | None,
        config: StreamSettings,
    ) -> tuple[StreamManager, Any, dict[str, Any]]:
        """A stream that only needs to be started, its source and its metadata."""
        settings = StreamConfig.of(config, self._settings.stream)
        candidates = self._candidates(prompt, model_id, params)
        source = persistent(candidates)
        stream = ModelStream(settings)
        for handler in handlers_of(handlers):
            stream.register_handler(handler)
        return stream, source, metadata_of(candidates, prompt, settings)

    def _start(self, stream: StreamManager, source: Any, metadata: Mapping[str, Any]) -> None:
        self._begin(stream, partial(stream.start_stream, source, metadata))

    def _begin(self, stream: Controlled, start: Callable[[], Any]) -> None:
        """Start it where `close()` either prevents that or cancels it, but never misses it."""
        with self._lock:
            self._check_open()
            self._streams.add(stream)
            try:
                start()
            except BaseException:  # Ctrl-C, when it runs already and nobody has it yet
                stream.cancel_stream()
                raise

    def _tokens(self, stream: StreamManager, source: Any, metadata: Mapping[str, Any]) -> Iterator[str]:
        with stream:  # nothing is sent before the first token is asked for
            self._start(stream, source, metadata)
            yield from stream

    def _candidates(
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

        def ask(partial: str) -> StreamSource:
            said, given = (prompt, asked) if shape is None else shape(provider, client, prompt, asked)
            whole = continued_prompt(said, partial, provider, name) if partial else said
            source = as_source(client.generate_stream(whole, given))
            if self._guards is None:
                return source
            guarded: StreamSource = self._guards.over(source, provider, name, whole, given)
            return guarded

        return provider, name, ask

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

    def _lane(self, provider: str) -> str | None:
        return None if provider in self._factories else self._settings.lane(provider)

    def _client(self, provider: str) -> Any:
        with self._lock:
            self._check_open()
            if provider not in self._clients:
                self._clients[provider] = self._make_client(provider)
            return self._clients[provider]

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this manager is closed: make another")

    def _make_client(self, provider: str) -> Any:
        if provider in self._factories:
            return self._factories[provider](self._settings.entry(provider))
        found = self._settings.provider(provider)
        return make_client(found.kind, found.transport, provider, found.for_client())


def _close(client: Any) -> None:
    close = getattr(client, "close", None)
    if callable(close):
        close()

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
)
from .clients import persistent, schema_shape
from .handlers.notebook import ShownInNotebooks
from .providers import ClosedError, Providers
from .settings import Settings
from .streaming.exceptions import StreamStateError
from .streaming.parts.checks import SWITCH, check_value, count
from .streaming.stream_config import StreamConfig
from .streaming.stream_events import StreamResult
from .streaming.stream_manager import StreamManager
from .streaming.stream_source import StreamSource

if TYPE_CHECKING:
    from .arguments import T
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
        self._providers = Providers(self._settings)
        self._streams: weakref.WeakSet[Controlled] = weakref.WeakSet()
        self._closed = False
        # Held where a stream starts, so that `close()` either prevents that or finds it.
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
        prompt: Prompt | Mapping[str, Prompt],
        model_ids: Sequence[ModelId] | Mapping[str, ModelId],
        mode: Mode | str = "race",
        params: Mapping[str, Any] | None = None,
        handlers: Iterable[Any] | None = None,
        config: StreamSettings = None,
        *,
        priority: Mapping[str, float] | None = None,
        serialise: bool = True,
        track_handlers: Mapping[str, Iterable[Any]] | None = None,
    ) -> DualTrack:
        """Ask several models at once, and return one stream made of theirs, already running.

        `model_ids` are two or more, each as in `generate_stream_with_handlers`; a mapping names the tracks.
        `mode` is `"race"`, `"prefer"`, `"merge"`, `"compare"`, or one of these with settings, or
        `consensus(judge)`. `priority` says by the names of tracks how much of them is handed out, 1.0 each,
        when they say more than the handlers can take. Servers known to answer one request at a time are
        asked one by one, unless `serialise` is False. `track_handlers` hear single tracks, by name; a mapping
        of prompts asks each its own.
        """
        from . import dual_track as tracked  # noqa: PLC0415  # most ask one model

        settings = StreamConfig.of(config, self._settings.stream)
        check_value("serialise", serialise, SWITCH)
        names, tracks, own = tracked.named(model_ids), [], tracked.config_of_track(settings)
        asked = tracked.prompts_of(prompt, names)
        hear = tracked.by_track("track_handlers", track_handlers, names)
        for name, model_id in names.items():
            stream, source, metadata = self._prepare(asked[name], model_id, params, hear.get(name), own)
            lane = self._providers.lane(metadata["provider"]) if serialise else None
            tracks.append(tracked.Track(name, stream, partial(self._start, stream, source, metadata), lane))
        several = tracked.DualTrack(tracks, mode, settings, handlers_of(handlers), priority)
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
            return persistent(self._providers.candidates(asked, model_id, params, shape))

        stream: StructuredStream[T] = StructuredStream(
            ask, prompt, response_model, settings, handlers_of(handlers), max_repairs, expected_items
        )
        told = metadata_of(self._providers.candidates(prompt, model_id, params), prompt, settings)
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

        own = StreamConfig.of(config, self._settings.stream)
        check_value("max_repairs", max_repairs, count(0))  # what is wrong with these is wrong with all
        schema_shape("answer", {}, mode, lambda *_: None)
        self._providers.candidates("", model_id, params)
        asked: dict[str, Any] = {"params": params, "config": own, "mode": mode, "max_repairs": max_repairs}
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
        self._providers.register(name, factory)

    def close(self) -> None:
        """Cancel what runs, wait for it, and close the connections; twice is harmless."""
        with self._lock:
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.cancel_stream()
        for stream in streams:
            with contextlib.suppress(StreamStateError):  # closed from inside one of its callbacks
                stream.wait(_CLOSING_PATIENCE)
        self._providers.close()

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
        candidates = self._providers.candidates(prompt, model_id, params)
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
            if self._closed:
                raise ClosedError
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

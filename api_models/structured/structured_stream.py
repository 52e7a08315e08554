"""A stream of an answer that is an object: followed while it grows, valid in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from ..exceptions import ConfigurationError
from ..handlers.notebook import ShownInNotebooks
from ..handlers.progress import ProgressTracker
from ..handlers.progress_event import ProgressEvent
from ..streaming.exceptions import StreamCancelledError, StreamStateError
from ..streaming.parts.checks import check_value, count
from ..streaming.parts.frozen import replace
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import StreamCompleted, StreamReset, StreamResult, TokenReceived
from ..streaming.stream_handler import StreamHandler
from ..streaming.stream_manager import StreamManager
from ..streaming.stream_source import StreamSource
from ..streaming.stream_state import StreamState
from ..wrapped_stream import WrappedStream
from .answer_progress import AnswerProgress
from .attempts import Attempts
from .growth import Growth, ItemCompleted, News
from .partial import Partial
from .response_model import response_model
from .telling import Fold, Teller, hooks_of

T = TypeVar("T")

NoteRequest = Callable[[str, str, str | None], None]
"""To be told of a request: how the provider is held to the schema, which one it is, and its model."""

Ask = Callable[[Any, str, Mapping[str, Any], NoteRequest], StreamSource]
"""What begins an answer: given a prompt, a name and a schema for the answer, and whom to tell of requests."""

DEGRADED_MODES = ("json", "prompt")
"""Modes in which nothing but the prompt tells the model what the schema is."""


class StructuredStream(ShownInNotebooks, WrappedStream, Generic[T]):
    """Asks for an answer that fits `wanted`, and is a stream of it, controlled like a `StreamManager`.

    Its text is the JSON, by whatever way the provider sends it. Iterating it gives partials, `result()`
    the valid answer. `max_repairs` is how often an answer that is not valid is asked for again;
    `expected_items` how many elements of its list were asked for, for `progress` to know.
    """

    def __init__(  # noqa: PLR0917  # in the order of the manager's method
        self,
        ask: Ask,
        prompt: Any,
        wanted: Any,
        config: StreamConfig | Mapping[str, Any] | str | None = None,
        handlers: Iterable[Any] = (),
        max_repairs: int = 1,
        expected_items: int | None = None,
    ) -> None:
        check_value("max_repairs", max_repairs, count(0))
        if expected_items is not None:
            check_value("expected_items", expected_items, count(1))
        self._model = response_model(wanted)
        self._mode = "prompt"
        self._asked: tuple[str | None, str | None] = None, None
        self._attempts: Attempts[T] = Attempts(
            ask=lambda asked: ask(asked, self._model.name, self._model.schema, self._note_request),
            prompt=prompt,
            model=self._model,
            max_repairs=max_repairs,
            takes_arguments=lambda: self._mode == "tool",
            asked=lambda: self._asked,
        )
        settings = _config_of_answer(StreamConfig.of(config))
        super().__init__(StreamManager(settings))
        growth = Growth(self._model, set())
        progress = AnswerProgress(growth, expected_items, settings.progress_interval)
        self._fold = Fold(growth, progress)
        self._stream.register_handler(self._fold)
        for handler in handlers:
            self.register_handler(handler)

    def start(self, metadata: Mapping[str, Any] | None = None) -> str:
        """Begin, once, and return the stream's id; raises `StreamStateError` the second time."""
        if self._stream.state != StreamState.INACTIVE:
            raise StreamStateError("this answer was asked for: make another stream")
        return self._stream.start_stream(self._attempts, metadata)

    def _teller(self, handler: Any) -> StreamHandler | None:
        hooks = hooks_of(handler)
        self._fold.growth.wants |= {kind for kind in hooks if kind is not ProgressEvent}
        return Teller(handler, self._fold, lambda: self.state == StreamState.CANCELLED) if hooks else None

    @property
    def stream_id(self) -> str | None:
        """None before the start."""
        found: str | None = self._stream.get_stream_status()["stream_id"]
        return found

    @property
    def mode(self) -> str:
        """How the provider that was asked last is held to the schema: `native`, `tool`, `json`, `prompt`."""
        return self._mode

    @property
    def degraded(self) -> bool:
        """Whether nothing but the prompt tells the model what is wanted: it may well answer otherwise."""
        return self._mode in DEGRADED_MODES

    @property
    def schema(self) -> Mapping[str, Any]:
        """What the model is asked to fit: that of an object, also where a list is wanted."""
        return self._model.schema

    @property
    def progress(self) -> ProgressTracker:
        """How far the answer is, to look at and to listen to."""
        return self._fold.progress.tracker

    def get_stream_status(self) -> dict[str, Any]:
        """As of a stream, and how far the answer has come: `attempt`, `fields_done`, `items_done`, `mode`."""
        return {
            **self._stream.get_stream_status(),
            "mode": self.mode,
            "degraded": self.degraded,
            "percent": self.progress.percent,
            **self._fold.growth.progress(),
        }

    def result(self, timeout: float | None = None) -> T:
        """The valid answer, of the type that was asked for, or what went wrong is raised.

        `StructuredOutputError` says that no attempt was valid, with the text and the problems of the last.
        Raises `TimeoutError` after `timeout` seconds; the stream runs on.
        """
        self._stream.result(timeout)
        return self._attempts.values[-1]

    def answer(self, timeout: float | None = None) -> StreamResult:
        """The same as a stream of text gives it: the JSON, usage, model. Waits and raises as `result`."""
        return self._stream.result(timeout)

    def items(self) -> Iterator[Any]:
        """Each element of the answer's list as it closes, of the type that the model says.

        That is the answer itself, or its one field that is a list; raises `ConfigurationError` where there
        is no such, or more than one. After a reset they begin again with the first. What failed the stream
        is raised behind the last.
        """
        if self._model.list_path is None:
            raise ConfigurationError("items() is for a list, or a model with one list among its fields")
        news = self._news({ItemCompleted})
        return (each.item for each in news if isinstance(each, ItemCompleted))

    def __iter__(self) -> Iterator[Partial]:
        """The answer as it grows, from the start, for any number of readers; the last partial is final.

        A failed stream raises its error behind the last partial, a cancelled one just ends.
        """
        return (each for each in self._news({Partial}) if isinstance(each, Partial))

    def _note_request(self, mode: str, provider: str | None, model: str | None) -> None:
        self._mode, self._asked = mode, (provider, model)

    def _news(self, wants: set[type[News]]) -> Iterator[News]:
        """A reader of its own: partials are made from the text for each, and kept for nobody."""
        return _followed(self._stream, Growth(self._model, wants))


def _followed(stream: StreamManager, growth: Growth) -> Iterator[News]:
    for event in stream.events():
        if isinstance(event, TokenReceived):
            yield from growth.feed(event.text)
        elif isinstance(event, StreamReset):
            yield from growth.reset()
        elif isinstance(event, StreamCompleted):
            yield from growth.finish()
    try:
        stream.result()
    except StreamCancelledError:
        return


def _config_of_answer(config: StreamConfig) -> StreamConfig:
    """Half a JSON document and the rest of another do not make one: what breaks off begins anew."""
    return replace(config, recovery="restart") if config.recovery == "continue" else config

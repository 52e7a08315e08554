"""The same question about many things: so many at once, each answer by itself, and none asked for twice."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import closing, suppress
from functools import partial
from typing import Any, Generic, TypeVar

from ..exceptions import APIModelError, ConfigurationError
from ..handlers.progress import ProgressTracker
from ..handlers.progress_listeners import ProgressCallback
from ..streaming.exceptions import StreamCancelledError, StreamingError, StreamStateError
from ..streaming.parts.checks import SWITCH, Check, check_value, count
from ..streaming.stream_handler import HandlerRegistry
from ..streaming.stream_state import TRANSITIONS, StreamState, Trigger
from .answer_model import ResponseModel
from .answer_store import AnswerStore, key_of
from .batch_outcome import BatchOutcome, Outcomes
from .batch_work import BatchWork, keyed
from .response_model import response_model
from .structured_stream import StructuredStream

T = TypeVar("T")

_KEY: Check = lambda value: value is None or callable(value), "a function of a prompt"
_CLOSING_PATIENCE = 10.0  # seconds close() waits for streams whose sources cannot be woken


class StructuredBatch(Generic[T]):
    """Asks for an answer to each prompt, `max_parallel` at once; iterated, it gives their `BatchOutcome`s.

    They come in the order of the prompts if it is `ordered`, else as they are there, to any number of
    readers, each from the start. A prompt is taken when there is room for it, by the batch's own thread;
    `begin(prompt, wanted, handlers=...)` starts its stream. One that fails, fails alone; what `prompts`
    or `key` raise, or the disk, ends the batch.
    """

    def __init__(
        self,
        begin: Callable[..., StructuredStream[T]],
        prompts: Iterable[Any] | Mapping[str, Any],
        wanted: Any,
        handlers: Iterable[Any] = (),
        *,
        max_parallel: int = 4,
        ordered: bool = True,
        key: Callable[[Any], str] | None = None,
        store: str | os.PathLike[str] | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        check_value("max_parallel", max_parallel, count(1))
        check_value("ordered", ordered, SWITCH)
        check_value("key", key, _KEY)
        if isinstance(prompts, (str, bytes)) or not isinstance(prompts, Iterable):
            raise ConfigurationError(f"prompts are a list or another iterable of them, not {prompts!r}")
        self.progress = ProgressTracker(on_progress, name="batch")
        """How far the batch is, to look at and to listen to; each prompt is an item, named by its key."""
        self.progress.expect_items((len(prompts) or None) if isinstance(prompts, Sized) else None)
        self._prompts = keyed(prompts, key or _digest)
        self._max_parallel = max_parallel
        self._outcomes: Outcomes[T] = Outcomes(ordered)
        kept = None if store is None else AnswerStore(store)
        model: ResponseModel[T] = response_model(wanted)
        ask = partial(_ask, begin, model, _checked(handlers))
        self._work = BatchWork(ask, model, self._outcomes, self.progress, kept)
        self._failure: BaseException | None = None
        self._state = StreamState.INACTIVE
        # Guards the state, which changes as the table of streams says.
        self._lock = threading.Lock()
        self._done = threading.Event()  # set last, when all has been told and let go
        # Takes prompts, begins streams and gathers their answers; a daemon that ends with the batch.
        self._thread = threading.Thread(target=self._run, name="api-models-batch", daemon=True)

    def start(self) -> None:
        """Begin, once; raises `StreamStateError` the second time."""
        if not self._fire(Trigger.START):
            raise StreamStateError("this batch was started: make another")
        self._thread.start()

    @property
    def state(self) -> StreamState:
        return self._state

    def cancel_stream(self) -> bool:
        """End it now: no further prompt is taken, and what runs is cancelled on the wire."""
        cancelled = self._fire(Trigger.CANCEL)
        if cancelled:
            self._work.cancel()
        return cancelled

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is over; False if that took longer than `timeout` seconds."""
        if self._state is StreamState.INACTIVE:
            raise StreamStateError("the batch was not started")
        self._refuse_callbacks()
        return self._done.wait(timeout)

    def result(self, timeout: float | None = None) -> list[BatchOutcome[T]]:
        """All outcomes in the order of the prompts, also of those that failed.

        Raises what ended the batch, if not its own end, and `TimeoutError` after `timeout` seconds; it
        runs on then.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the batch has not ended within {timeout} seconds")
        if self._state is StreamState.CANCELLED:
            raise StreamCancelledError("the batch was cancelled")
        self._raise_failure()
        return self._outcomes.in_order()

    def close(self) -> None:
        """Cancel what runs, and wait until no thread is left, unless a callback calls; twice is harmless."""
        self.cancel_stream()
        if self._state is not StreamState.INACTIVE:
            with suppress(StreamStateError):
                self._refuse_callbacks()
                self._thread.join(_CLOSING_PATIENCE)

    def __iter__(self) -> Iterator[BatchOutcome[T]]:
        """Each outcome; what failed the batch is raised behind the last, a cancelled one just ends."""
        self._refuse_callbacks()
        yield from self._outcomes
        self.wait()
        self._raise_failure()

    def __enter__(self) -> StructuredBatch[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _refuse_callbacks(self) -> None:
        if threading.current_thread() is self._thread:
            raise StreamStateError("a callback cannot wait for the end of its own batch")
        self._work.refuse_callbacks()

    def _run(self) -> None:
        """What the batch's thread does."""
        try:
            self.progress.start_operation()
            with closing(self._prompts):
                self._work.do(self._prompts, self._max_parallel)
        except BaseException as error:  # noqa: BLE001  # raised to who asks for the result
            self._failure = error
        try:
            self._fire(Trigger.COMPLETE if self._failure is None else Trigger.FAIL)
            self._tell_end()
        finally:
            self._outcomes.end()
            self._done.set()

    def _tell_end(self) -> None:
        counts = self._work.counts
        if self._state is StreamState.CANCELLED:
            self.progress.cancel_operation(data=counts)
        elif self._failure is not None:
            self.progress.fail_operation(self._failure, data=counts)
        else:
            said = f"{counts['done'] + counts['stored']} answers, {counts['failed']} failed"
            self.progress.complete_operation(said, data=counts)

    def _fire(self, trigger: Trigger) -> bool:
        with self._lock:
            after = TRANSITIONS[self._state].get(trigger)
            if after is not None:
                self._state = after
            return after is not None

    def _raise_failure(self) -> None:
        if isinstance(self._failure, APIModelError):
            raise self._failure
        if self._failure is not None:
            raise StreamingError(f"the batch failed: {self._failure}") from self._failure


def _checked(handlers: Iterable[Any]) -> list[Any]:
    """The handlers; what each stream would refuse is refused now."""
    registry = HandlerRegistry()
    for handler in (known := list(handlers)):
        registry.add(handler)
    return known


def _digest(prompt: Any) -> str:
    """The key of a prompt; of what is none, and will be refused by itself, a key that finds nothing."""
    try:
        return key_of(prompt)
    except ConfigurationError:
        return os.urandom(8).hex()


def _ask(begin: Callable[..., Any], model: Any, handlers: list[Any], prompt: Any, end: Any) -> Any:
    return begin(prompt, model, handlers=[*handlers, end])

"""The work of a batch: which prompt is next, what runs, and what came of it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..handlers.progress_event import ProgressEvent
from ..handlers.progress_item import ProgressItem
from ..streaming.exceptions import StreamCancelledError
from ..streaming.stream_handler import StreamHandler
from .answer_model import ResponseModel
from .answer_store import AnswerStore
from .batch_outcome import BatchOutcome, Outcomes
from .document import Document
from .structured_stream import StructuredStream

_logger = logging.getLogger("api_models")

T = TypeVar("T")

Begin = Callable[[Any, StreamHandler], StructuredStream[T]]
"""Starts the stream of an answer to a prompt, which is to tell this handler last."""

_CLOSING_PATIENCE = 5.0  # seconds that what was cancelled gets to end, if it cannot be woken


@dataclass(frozen=True, slots=True)
class _Running(Generic[T]):
    """A prompt that is being answered."""

    index: int
    key: str
    prompt: Any
    stream: StructuredStream[T]
    item: ProgressItem


class _End(StreamHandler):
    """Says which stream has ended."""

    def __init__(self, ended: queue.SimpleQueue[int], index: int) -> None:
        self._ended = ended
        self._index = index

    def on_stream_complete(self, full_response: str) -> None:
        self._ended.put(self._index)

    def on_stream_error(self, error: Exception) -> None:
        self._ended.put(self._index)

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._ended.put(self._index)


class BatchWork(Generic[T]):
    """Done by one thread, which calls `do`; `cancel` may come from any."""

    def __init__(
        self,
        begin: Begin[T],
        model: ResponseModel[T],
        outcomes: Outcomes[T],
        whole: ProgressItem,
        store: AnswerStore | None,
    ) -> None:
        self.counts = {"done": 0, "failed": 0, "stored": 0}
        self._begin = begin
        self._model = model
        self._outcomes = outcomes
        self._whole = whole
        self._store = store
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()  # prompts whose streams have told their end
        self._running: dict[int, _Running[T]] = {}
        self._cancelled = False
        # Guards what runs, for who cancels it; held for a look or a change.
        self._lock = threading.Lock()

    def do(self, prompts: Iterable[tuple[str, Any]], max_parallel: int) -> None:
        """Have all prompts answered, so many at once; raises what `prompts` or the store raise."""
        waiting = enumerate(prompts)
        try:
            while True:
                while len(self._running) < max_parallel and not self._cancelled:
                    found = next(waiting, None)
                    if found is None:
                        break
                    self._take(found[0], *found[1])
                if not self._running:
                    return
                self._gather(self._ended.get())
        finally:
            self._leave()

    def cancel(self) -> None:
        """Take no further prompt, and cancel what runs."""
        with self._lock:
            self._cancelled = True
            running = list(self._running.values())
        for each in running:
            each.stream.cancel_stream()

    def refuse_callbacks(self) -> None:
        """Raise `StreamStateError` on a thread of a stream that runs, for whose end the batch waits."""
        with self._lock:
            running = list(self._running.values())
        for each in running:
            each.stream.wait(0)

    def _take(self, index: int, key: str, prompt: Any) -> None:
        """Begin to answer a prompt, unless its answer is there or it cannot be asked."""
        item = self._whole.add_item(key)
        stored = self._stored(key)
        if stored is not None:
            self.counts["stored"] += 1
            item.complete_operation("was there")
            self._outcomes.add(BatchOutcome(index, key, prompt, stored[0], stored=True))
            return
        item.start_operation()
        try:
            stream = self._begin(prompt, _End(self._ended, index))
        except Exception as error:  # noqa: BLE001  # kept in its outcome, so that the others go on
            self._fail(index, key, prompt, item, error)
            return
        stream.progress.add_listener(_follower(item), types=["progress"])
        with self._lock:
            self._running[index] = _Running(index, key, prompt, stream, item)
            is_late = self._cancelled
        if is_late:
            stream.cancel_stream()

    def _gather(self, index: int) -> None:
        """Take in the answer of a stream that has ended."""
        with self._lock:
            ended = self._running.pop(index)
        try:
            value = ended.stream.result()
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(index, ended.key, ended.prompt, ended.item, error)
            return
        if self._store is not None:
            self._store.add(ended.key, self._document(ended.stream.answer().text))
        self.counts["done"] += 1
        ended.item.complete_operation()
        self._outcomes.add(BatchOutcome(index, ended.key, ended.prompt, value))

    def _fail(self, index: int, key: str, prompt: Any, item: ProgressItem, error: Exception) -> None:
        self.counts["failed"] += 1
        if isinstance(error, StreamCancelledError):
            item.cancel_operation()
        else:
            item.fail_operation(error)
        self._outcomes.add(BatchOutcome(index, key, prompt, error=error))

    def _stored(self, key: str) -> tuple[T] | None:
        """The answer that is kept under the key, if there is one and it is what is asked for now."""
        document = None if self._store is None else self._store.get(key)
        if document is None:
            return None
        try:
            return (self._model.validate(document, not document.startswith(b"[")),)
        except Exception as error:  # noqa: BLE001  # a user's validator may raise anything; it is asked again
            _logger.warning("the answer stored under %r is not taken: %s", key, type(error).__name__)
            return None

    def _document(self, text: str) -> bytes:
        """The JSON in an answer that is valid."""
        document = Document("{" if self._model.wrapper is None else "{[")
        document.feed(text)
        return document.whole()

    def _leave(self) -> None:
        """After the last answer nothing is left to do; after a failure, to let go of what still runs."""
        self.cancel()
        for each in self._running.values():
            each.stream.wait(_CLOSING_PATIENCE)
        if self._store is not None:
            self._store.close()


def _follower(item: ProgressItem) -> Callable[[ProgressEvent], Any]:
    return lambda event: item.update_progress(event.message, event.percent, data=event.data)


def keyed(
    prompts: Iterable[Any] | Mapping[str, Any], key: Callable[[Any], str]
) -> Generator[tuple[str, Any], None, None]:
    """Each prompt with its key, which a mapping gives."""
    if isinstance(prompts, Mapping):
        yield from ((str(name), prompt) for name, prompt in prompts.items())
    else:
        for prompt in prompts:
            yield str(key(prompt)), prompt

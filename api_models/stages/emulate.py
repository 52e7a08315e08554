"""A stream of what a model said all at once, for models and functions that cannot stream."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamingError, StreamInterruptedError
from ..streaming.parts.checks import DELAY, check_value, count
from ..streaming.parts.cutting import Shaper
from ..streaming.stream_events import StreamChunk, StreamResult
from ..streaming.stream_source import Chunk, StreamSource

_CHUNK_SIZE = 100
_SLAB = 4096  # characters that are cut at a time, so that a long text begins at once


def emulate_stream(
    answer: str | StreamResult | Callable[[], str | StreamResult],
    *,
    chunk_size: int | None = None,
    delimiter: str | None = None,
    delay: float = 0.0,
) -> StreamSource:
    """A source of an answer that is there as a whole, or that a function waits for and returns.

    It comes in chunks of `chunk_size` characters as people count them (100), or cut behind each
    `delimiter`; joined they are the answer, to the byte. `delay` seconds pass between two. A function
    is called once, on a thread of its own: cancelled meanwhile, the stream ends at once; the call
    runs to its end, and what it returns is thrown away.
    """
    if not isinstance(answer, (str, StreamResult)) and not callable(answer):
        raise ConfigurationError(f"answer must be a str, a StreamResult or a function, not {answer!r}")
    if chunk_size is not None:
        check_value("chunk_size", chunk_size, count(1))
    if delimiter is not None:
        check_value("delimiter", delimiter, (_is_filled, "a str of at least one character"))
        if chunk_size is not None:
            raise ConfigurationError("emulate_stream takes chunk_size or delimiter, not both")
    check_value("delay", delay, DELAY)

    def cut(text: str) -> Iterator[str]:
        return _behind(text, delimiter) if delimiter else _sized(text, chunk_size or _CHUNK_SIZE)

    return _EmulatedSource(answer, cut, delay)


class _EmulatedSource(StreamSource):
    def __init__(self, answer: Any, cut: Callable[[str], Iterator[str]], delay: float) -> None:
        self._answer = answer
        self._cut = cut
        self._delay = delay
        self._chunks: Iterator[Chunk] | None = None
        self._returned: list[Any] = []
        self._raised: BaseException | None = None
        self._aborted = False
        # Says that the function has returned, or that nobody waits for it any more.
        self._changed = threading.Condition()

    def read(self) -> Sequence[Chunk] | None:
        if self._chunks is None:
            self._chunks = self._all(self._wait_for_answer())
        elif self._delay:
            with self._changed:
                self._changed.wait_for(lambda: self._aborted, self._delay)
        if self._aborted:
            raise StreamInterruptedError("the answer was not handed out to its end")
        chunk = next(self._chunks, None)
        return None if chunk is None else (chunk,)

    def abort(self) -> None:
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def _wait_for_answer(self) -> Any:
        if not callable(self._answer):
            return self._answer
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._call,), name="api-models-emulated", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self._aborted or self._returned or self._raised)
        if self._raised is not None:
            raise self._raised
        return self._returned[0] if self._returned else ""

    def _call(self) -> None:
        returned, raised = [], None
        try:
            returned = [self._answer()]
        except BaseException as error:  # noqa: BLE001  # raised by `read`
            raised = error
        with self._changed:
            self._returned, self._raised = returned, raised
            self._changed.notify_all()

    def _all(self, answer: Any) -> Iterator[Chunk]:
        if isinstance(answer, str):
            yield from self._cut(answer)
            yield StreamChunk(stop_reason="stop")
            return
        if not isinstance(answer, StreamResult):
            raise StreamingError(f"the function returned no str or StreamResult, but {answer!r}")
        if answer.thinking:
            yield StreamChunk(thinking=answer.thinking)
        yield from self._cut(answer.text)
        yield from (StreamChunk(tool_call=call) for call in answer.tool_calls)
        yield from (StreamChunk(citation=citation) for citation in answer.citations)
        yield StreamChunk(
            refusal=answer.refusal,
            usage=answer.usage,
            stop_reason=answer.stop_reason,
            raw_stop_reason=answer.raw_stop_reason,
            model=answer.model,
            response_id=answer.response_id,
        )


def windows(text: str | Iterable[str], size: int, overlap: int = 0) -> Iterator[str]:
    """Pieces of `size` characters, each beginning with the last `overlap` characters of the one before.

    For what looks at a text in context, and the only place where text comes twice: no stream does.
    The last piece may be shorter; the text itself may still be coming.
    """
    check_value("size", size, count(1))
    check_value("overlap", overlap, count(0))
    if overlap >= size:
        raise ConfigurationError(f"overlap must be less than size ({size}), not {overlap}")
    return _windows((text,) if isinstance(text, str) else text, size, overlap)


def _windows(texts: Iterable[str], size: int, overlap: int) -> Iterator[str]:
    kept, is_first = "", True
    for text in texts:
        kept += text
        start = 0
        while len(kept) - start >= size:
            yield kept[start : start + size]
            start, is_first = start + size - overlap, False
        kept = kept[start:]
    if len(kept) > (0 if is_first else overlap):
        yield kept


def _sized(text: str, size: int) -> Iterator[str]:
    shaper = Shaper("grapheme", size)
    for start in range(0, len(text), _SLAB):
        yield from (piece for piece, _ in shaper.push(text[start : start + _SLAB]))
    yield from (piece for piece, _ in shaper.flush())


def _behind(text: str, delimiter: str) -> Iterator[str]:
    start = 0
    while (found := text.find(delimiter, start)) >= 0:
        yield text[start : found + len(delimiter)]
        start = found + len(delimiter)
    if start < len(text):
        yield text[start:]


def _is_filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""

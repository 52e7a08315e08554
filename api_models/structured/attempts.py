"""A source that asks until the answer is valid, or may not ask again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..exceptions import StructuredOutputError
from ..streaming.exceptions import StreamTimeoutError
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import ResetNotice, RetryNotice, StreamChunk
from ..streaming.stream_source import Chunk, IterableSource, StreamSource, text_of
from .answer_model import InvalidAnswer, ResponseModel
from .document import Document, MalformedDocument
from .repair import repair_prompt

T = TypeVar("T")

Ask = Callable[[Any], StreamSource]
"""What begins an answer to a prompt."""

_CUT_BY = {
    "length": "the answer was cut off at its limit of tokens: give it more 'max_tokens'",
    "content_filter": "the provider's filter cut the answer off",
    "refusal": "the model refused to answer",
}
"""Why an answer is not whole, where asking again would not help."""


@dataclass
class _Said:
    """What one attempt has said."""

    texts: list[str] = field(default_factory=list)
    refusal: str = ""
    stop_reason: str | None = None
    arguments: Document = field(default_factory=Document)
    """Of the first call; a model that calls more than once has answered with the first."""


_NOTHING = IterableSource(())


class Attempts(StreamSource, Generic[T]):
    """The answer to a prompt, held against a model at its end; what is wrong with it goes back.

    Arguments of a tool call are handed on as text where `takes_arguments()`: from here on nobody needs to
    know by which way the provider sent the JSON.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        prompt: Any,
        model: ResponseModel[T],
        max_repairs: int,
        takes_arguments: Callable[[], bool],
        asked: Callable[[], tuple[str | None, str | None]],
    ) -> None:
        self.values: list[T] = []
        """The valid answer, once it is there."""
        self._ask = ask
        self._prompt = prompt
        self._model = model
        self._repairs_left = max_repairs
        self._takes_arguments = takes_arguments
        self._asked = asked  # provider and model, for who reads what came of it
        self._source = ask(prompt)
        self._config = StreamConfig.of(None)
        self._said = _Said()
        self._attempt = 1
        self._bytes_before = 0
        # Set by abort: ends any thought of another attempt.
        self._aborted = threading.Event()

    @property
    def bytes_received(self) -> int:  # type: ignore[override]  # others only read it
        return self._bytes_before + self._source.bytes_received

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override]  # others only read it
        return self._source.headers

    def open(self, config: StreamConfig) -> None:
        self._config = config
        self._source.open(config)

    def read(self) -> Sequence[Chunk] | None:
        chunks = self._source.read()
        if chunks is not None:
            return [self._heard(chunk) for chunk in chunks]
        problems, may_be_repaired = self._judged()
        if not problems:
            return None
        error = StructuredOutputError(
            f"the answer is not what was asked for: {problems[0]}",
            raw_text="".join(self._said.texts),
            problems=problems,
        )
        if not may_be_repaired or self._repairs_left < 1 or self._aborted.is_set():
            raise error
        return self._begin_repair(error)

    def abort(self) -> None:
        self._aborted.set()
        self._source.abort()

    def time_out(self, error: StreamTimeoutError) -> bool:
        return self._source.time_out(error)

    def close(self) -> None:
        self._source.close()
        self._bytes_before += self._source.bytes_received
        self._source = _NOTHING  # who keeps the stream keeps no connection

    def _heard(self, chunk: Chunk) -> Chunk:
        """Take note of a chunk, and say as text what is to be read as the answer."""
        if isinstance(chunk, ResetNotice):
            self._said = _Said()
        elif isinstance(chunk, StreamChunk):
            chunk = self._heard_more(chunk)
        elif isinstance(chunk, str) and self._takes_arguments():
            chunk = ""  # a remark beside the call
        if text := text_of(chunk):
            self._said.texts.append(text)
        return chunk

    def _heard_more(self, chunk: StreamChunk) -> StreamChunk:
        said = self._said
        said.refusal += chunk.refusal
        said.stop_reason = chunk.stop_reason or said.stop_reason
        if not self._takes_arguments():
            return chunk
        text, arguments = chunk.tool_arguments, said.arguments
        if chunk.tool_call is not None and not len(arguments):
            text = chunk.tool_call.arguments_json  # they came whole
        if arguments.end is not None:
            text = ""
        arguments.feed(text)
        return _as_text(chunk, text)

    def _judged(self) -> tuple[list[str], bool]:
        """What is wrong with the answer, if anything, and whether it may be otherwise the next time."""
        said = self._said
        document = Document("{" if self._model.wrapper is None else "{[")
        document.feed("".join(said.texts))
        try:
            self.values.append(self._model.validate(document.whole(), not document.is_list))
        except MalformedDocument as error:
            why = said.stop_reason if not said.refusal else "refusal"
            cut = _CUT_BY.get(why or "")
            if cut is not None:
                return [f"{cut}: {said.refusal}" if said.refusal else cut, str(error)], False
            return [str(error)], True
        except InvalidAnswer as error:
            return list(error.problems), True
        return [], True

    def _begin_repair(self, error: StructuredOutputError) -> Sequence[Chunk]:
        """Ask again, with what is wrong; the next read is the first of the new attempt."""
        self._source.close()
        self._bytes_before += self._source.bytes_received
        self._repairs_left -= 1
        self._source = self._ask(repair_prompt(self._prompt, error.raw_text, error.problems))
        self._source.open(self._config)
        if self._aborted.is_set():  # in between: the abort reached the old source only
            self._source.abort()
        self._said = _Said()
        self._attempt += 1
        provider, model = self._asked()
        notice = RetryNotice(self._attempt - 1, 0.0, error, provider=provider, model=model)
        return [ResetNotice(str(error)), notice]


def _as_text(chunk: StreamChunk, text: str) -> StreamChunk:
    """The same chunk with this text alone, and nothing of a call."""
    return StreamChunk(
        text=text,
        thinking=chunk.thinking,
        refusal=chunk.refusal,
        usage=chunk.usage,
        stop_reason=chunk.stop_reason,
        raw_stop_reason=chunk.raw_stop_reason,
        model=chunk.model,
        response_id=chunk.response_id,
    )

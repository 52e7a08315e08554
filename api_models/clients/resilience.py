"""Asking again, and asking another: before the first content at will, after it as the user said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..exceptions import APIModelError, CircuitOpenError
from ..streaming.exceptions import StreamTimeoutError
from ..streaming.parts.frozen import Frozen, replace
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import ResetNotice, RetryNotice, StreamChunk, estimated_usage, is_content
from ..streaming.stream_source import Chunk, StreamSource
from .continuation import Resumable, Seam, takes_prefill

if TYPE_CHECKING:
    from .repeats import Repeats


class Candidate(Frozen):
    """Somebody to ask: `ask(partial)` is the source of an answer that goes on from a partial one."""

    provider: str
    model: str
    ask: Callable[[str], StreamSource]


class PersistentSource(StreamSource):
    """One answer, asked for as often as the stream's config allows, of one candidate after another.

    Before the first content every retryable failure is tried again. After it, `recovery` decides:
    with `restart` the first content of the new attempt is announced by a `ResetNotice`, so that
    nothing is handed out twice, and what had come is kept until there is something in its place;
    with `continue` the new attempt is asked for the rest, once there is text to go on from.
    An answer that the provider keeps is not asked for again: it is listened to from where it broke off.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = list(candidates)
        self._source = self._candidates[0].ask("")
        self._config = StreamConfig.of(None)
        self._batches: Iterator[Sequence[Chunk]] = iter(())
        self._bytes_before = 0
        self._attempts_made = 0
        self._has_content = False  # whether any attempt has brought content
        self._is_settled = False  # whether no other attempt can follow: then nothing is looked at here
        self._said: list[str] = []  # the visible text so far, if an attempt may have to go on from it
        self._notice: RetryNotice | None = None
        self._rest: StreamSource | None = None  # of the answer that broke off, where it is kept
        self._timeout: StreamTimeoutError | None = None
        self._is_aborted = False  # then there is no thought of another attempt
        self._wait: threading.Event | None = None  # set by abort: ends the wait for the next attempt

    @property
    def bytes_received(self) -> int:  # type: ignore[override]  # others only read it
        return self._bytes_before + self._source.bytes_received

    def open(self, config: StreamConfig) -> None:
        self._config = config
        self._source.open(config)
        self._batches = self._ask_all()

    def read(self) -> Sequence[Chunk] | None:
        return next(self._batches, None)

    def abort(self) -> None:
        self._stop()
        self._source.abort()

    def time_out(self, error: StreamTimeoutError) -> bool:
        """Give up on this candidate if there is another; `total` is the limit of them all."""
        if error.clock == "total" or len(self._candidates) < 2 or self._is_settled:
            self._stop()
            self._source.time_out(error)
            return False
        self._timeout = error
        self._source.time_out(error)
        return True

    def close(self) -> None:
        self._source.close()

    def _stop(self) -> None:
        self._is_aborted = True
        if (wait := self._wait) is not None:
            wait.set()

    def _ask_all(self) -> Iterator[Sequence[Chunk]]:
        while True:
            try:
                yield from self._ask_one(self._candidates[0])
            except APIModelError as error:
                if len(self._candidates) < 2 or not self._may_move_on(error):
                    raise
                del self._candidates[0]
                self._rest = None
                self._notice = self._note(error, 0.0)
            else:
                return

    def _ask_one(self, candidate: Candidate) -> Iterator[Sequence[Chunk]]:
        repeats: Repeats | None = None
        while True:
            notice, self._notice = self._notice, None
            if notice is not None:
                yield [notice]
                self._prepare_another(candidate, notice)
            self._attempts_made += 1
            try:
                yield from self._one_attempt(candidate, notice)
            except APIModelError as error:
                if not self._is_worth_another(error):
                    raise
                repeats = repeats or _repeats(self._config)
                self._take_note(error, repeats.delay_after(error))
            else:
                return

    def _one_attempt(self, candidate: Candidate, notice: RetryNotice | None) -> Iterator[Sequence[Chunk]]:
        """What the source gives, joined to what an earlier attempt gave, or in its place."""
        is_new, self._rest = self._rest is None, None
        is_void = is_new and self._has_content and not self._continues()
        seam = self._seam(candidate) if is_new and self._continues() else None
        while (chunks := self._read_source()) is not None:
            if is_void and notice is not None and any(map(is_content, chunks)):
                is_void = False
                self._said.clear()
                yield [ResetNotice(str(notice.error))]
            yield self._joined(chunks, seam)
        if seam is not None and (held := seam.rest()):
            yield [held]

    def _read_source(self) -> Sequence[Chunk] | None:
        try:
            return self._source.read()
        except Exception as error:
            timeout, self._timeout = self._timeout, None
            if timeout is not None:  # the read ended because the clock did
                raise timeout from error
            raise

    def _joined(self, chunks: Sequence[Chunk], seam: Seam | None) -> Sequence[Chunk]:
        """The chunks without what was said before; noted, as far as it matters later."""
        if not self._has_content:
            self._has_content = any(map(is_content, chunks))
            if self._has_content and self._config.recovery == "fail":
                self._is_settled = True
                self.read = self._source.read  # type: ignore[method-assign]  # no need to come by here any more
                self._batches = iter(())  # what led here is kept for nothing
        if self._config.recovery != "continue":
            return chunks
        if seam is not None:
            chunks = [_behind(seam, chunk) for chunk in chunks]
        self._said += [text for chunk in chunks if (text := _text(chunk))]
        return chunks

    def _continues(self) -> bool:
        """Whether the next attempt is asked for the rest: thinking and white space are no beginning."""
        return self._config.recovery == "continue" and "".join(self._said).strip() != ""

    def _seam(self, candidate: Candidate) -> Seam:
        prefilled = takes_prefill(candidate.provider, candidate.model) is not None
        return Seam("".join(self._said), prefilled)

    def _prepare_another(self, candidate: Candidate, notice: RetryNotice) -> None:
        """Let the failed attempt go, wait, and make the next one."""
        self._source.close()
        self._bytes_before += self._source.bytes_received
        self._wait = wait = threading.Event()
        if self._is_aborted or wait.wait(notice.delay):
            raise notice.error
        self._source = self._rest or candidate.ask("".join(self._said) if self._continues() else "")
        self._source.open(self._config)
        if self._is_aborted:  # in between: the abort reached the old source only
            self._source.abort()

    def _is_worth_another(self, error: APIModelError) -> bool:
        told = getattr(error, "retry_after", None) or 0
        return error.retryable and self._is_allowed() and told <= self._config.max_retry_delay

    def _may_move_on(self, error: APIModelError) -> bool:
        passing = error.retryable or isinstance(error, (StreamTimeoutError, CircuitOpenError))
        return passing and self._is_allowed()

    def _is_allowed(self) -> bool:
        return not self._is_aborted and not (self._has_content and self._config.recovery == "fail")

    def _take_note(self, error: APIModelError, delay: float) -> None:
        if self._config.recovery != "restart" and isinstance(self._source, Resumable):
            self._rest = self._source.rest()
        self._notice = self._note(error, delay)

    def _note(self, error: APIModelError, delay: float) -> RetryNotice:
        following = self._candidates[0]
        return RetryNotice(
            self._attempts_made,
            delay,
            error,
            provider=following.provider,
            model=following.model,
            continues=self._continues() or (self._rest is not None and self._has_content),
        )


def _text(chunk: Chunk) -> str:
    if isinstance(chunk, StreamChunk):
        return chunk.text
    return chunk if isinstance(chunk, str) else ""


def _behind(seam: Seam, chunk: Chunk) -> Chunk:
    """A chunk of the second part of an answer, of which the provider counts just that part."""
    text = _text(chunk)
    joined = seam.join(text) if text else text
    if not isinstance(chunk, StreamChunk):
        return joined if text else chunk
    usage = chunk.usage
    if usage is not None and usage.output_tokens is not None:
        before = estimated_usage(None, seam.length_before).output_tokens or 0
        usage = replace(usage, output_tokens=before + usage.output_tokens, source="estimated")
    return replace(chunk, text=joined, usage=usage)


def _repeats(config: StreamConfig) -> Repeats:
    from .repeats import Repeats  # noqa: PLC0415  # loads tenacity, which most requests never need

    return Repeats(config)

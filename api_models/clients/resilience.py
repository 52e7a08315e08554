"""Asking again: before the first content because nothing is lost, after it only as the user said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import tenacity

from ..exceptions import APIModelError
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import ResetNotice, RetryNotice, is_content
from ..streaming.stream_source import Chunk, StreamSource


class PersistentSource(StreamSource):
    """One answer, asked for as often as the stream's config allows; each attempt is a source.

    Before the first content every retryable failure is tried again. After it, `recovery` decides:
    with `restart` the first content of the new attempt is announced by a `ResetNotice`, so that
    nothing is handed out twice, and what had come is kept until there is something in its place.
    """

    def __init__(self, ask: Callable[[], StreamSource]) -> None:
        self._ask = ask
        self._source = ask()
        self._config = StreamConfig()
        self._batches: Iterator[Sequence[Chunk]] = iter(())
        self._bytes_before = 0
        self._has_content = False  # whether any attempt has brought content
        self._notice: RetryNotice | None = None
        # Set by abort: ends a wait between attempts, and any thought of another one.
        self._aborted = threading.Event()

    @property
    def bytes_received(self) -> int:  # type: ignore[override]  # read only, as far as others go
        return self._bytes_before + self._source.bytes_received

    def open(self, config: StreamConfig) -> None:
        self._config = config
        self._source.open(config)
        self._batches = self._attempts()

    def read(self) -> Sequence[Chunk] | None:
        return next(self._batches, None)

    def abort(self) -> None:
        self._aborted.set()
        self._source.abort()

    def close(self) -> None:
        self._source.close()

    def _attempts(self) -> Iterator[Sequence[Chunk]]:
        config = self._config
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_another),
            stop=tenacity.stop_after_attempt(config.max_retries + 1),
            wait=_WaitAsTold(config.retry_delay, config.max_retry_delay),
            before_sleep=self._take_note,
            sleep=_not_yet,
            reraise=True,
        ):
            if self._notice is not None:
                yield [self._notice]
                self._prepare_another(self._notice)
            with attempt:
                yield from self._one_attempt()

    def _one_attempt(self) -> Iterator[Sequence[Chunk]]:
        is_void = self._has_content  # what an earlier attempt brought, once this one brings something
        while (chunks := self._source.read()) is not None:
            if (is_void or not self._has_content) and any(map(is_content, chunks)):
                if is_void and self._notice is not None:
                    yield [ResetNotice(str(self._notice.error))]
                is_void, self._has_content = False, True
            yield chunks

    def _prepare_another(self, notice: RetryNotice) -> None:
        """Let the failed attempt go, wait, and make the next one."""
        self._source.close()
        self._bytes_before += self._source.bytes_received
        self._aborted.wait(notice.delay)
        if self._aborted.is_set():
            raise notice.error
        self._source = self._ask()
        self._source.open(self._config)
        if self._aborted.is_set():  # in between: the abort reached the old source only
            self._source.abort()

    def _is_worth_another(self, error: BaseException) -> bool:
        if self._aborted.is_set() or not isinstance(error, APIModelError) or not error.retryable:
            return False
        if self._has_content and self._config.recovery == "fail":
            return False
        return (getattr(error, "retry_after", None) or 0) <= self._config.max_retry_delay

    def _take_note(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        delay = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, APIModelError):
            self._notice = RetryNotice(state.attempt_number, float(delay), error)


class _WaitAsTold(tenacity.wait.wait_base):
    """What the provider said with Retry-After; else longer each time, with jitter."""

    def __init__(self, first: float, longest: float) -> None:
        self._backoff = tenacity.wait_exponential(first) + tenacity.wait_random(0, first)
        self._longest = longest

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        told = getattr(error, "retry_after", None)
        return min(self._backoff(retry_state), self._longest) if told is None else float(told)


def _not_yet(_: float) -> None:
    """tenacity sleeps before the notice of it could be told: the wait comes after, and can be ended."""

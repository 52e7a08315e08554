"""A source behind a breaker and a budget: admitted before its first read, accounted for after its last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..exceptions import (
    CircuitOpenError,
    MalformedResponseError,
    ProviderConnectionError,
    ProviderUnavailableError,
    RateLimitError,
)
from ..streaming.exceptions import StreamCancelledError, StreamInterruptedError, StreamTimeoutError
from ..streaming.stream_config import StreamConfig
from ..streaming.stream_events import CHARACTERS_PER_TOKEN, StreamChunk, TokenUsage, is_content
from ..streaming.stream_source import Chunk, StreamSource
from .bodies import MESSAGES_MAX_TOKENS, characters_in
from .circuit_breaker import CircuitBreaker, CircuitState, Outcome, Permit
from .continuation import Resumable
from .guard_settings import BreakerSettings, BudgetSettings
from .rate_budget import RateBudget, Reservation

_logger = logging.getLogger("api_models")

_FAILURES = (
    ProviderConnectionError,
    ProviderUnavailableError,
    MalformedResponseError,
    StreamInterruptedError,
    StreamTimeoutError,
    OSError,
)
"""What says that the provider is not well; every other error says it of the request or the key."""


class GuardedSource(StreamSource):
    """One request: waits for its budget and takes its permit in the first read, on the reader's thread."""

    def __init__(
        self, inner: StreamSource, breaker: CircuitBreaker | None, budget: RateBudget | None, tokens: float
    ) -> None:
        self._inner = inner
        self._breaker = breaker
        self._budget = budget
        self._tokens = tokens
        self._permit: Permit | None = None
        self._reservation: Reservation | None = None
        self._is_admitted = False
        self._has_content = False
        self._usage = TokenUsage()
        self._timeout: StreamTimeoutError | None = None
        # Set by abort and time_out: ends the wait for the budget.
        self._ended = threading.Event()

    @property
    def bytes_received(self) -> int:  # type: ignore[override]  # others only read it
        return self._inner.bytes_received

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override]  # as above
        return self._inner.headers

    def open(self, config: StreamConfig) -> None:
        self._inner.open(config)

    def read(self) -> Sequence[Chunk] | None:
        is_first, self._is_admitted = not self._is_admitted, True
        if is_first:
            self._enter()
        try:
            chunks = self._inner.read()
        except Exception as error:
            self._fail(error)
            raise
        if is_first and self._budget is not None:
            self._budget.correct(self._inner.headers)
        if chunks is None:
            self._settle(Outcome.SUCCESS)
        else:
            self._note(chunks)
        return chunks

    def abort(self) -> None:
        self._end_wait()
        self._inner.abort()

    def time_out(self, error: StreamTimeoutError) -> bool:
        self._timeout = error
        self._end_wait()
        return self._inner.time_out(error)

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._settle(self._outcome_of_ending(), str(self._timeout))

    def rest(self) -> StreamSource | None:
        """The rest of this answer where its provider keeps it; its tokens are in this one's budget."""
        rest = self._inner.rest() if isinstance(self._inner, Resumable) else None
        return None if rest is None else GuardedSource(rest, self._breaker, None, 0.0)

    def _end_wait(self) -> None:
        self._ended.set()
        if self._budget is not None:
            self._budget.wake()

    def _enter(self) -> None:
        """Wait for room in the budget, but not if the circuit is open; then take the permit."""
        if self._breaker is not None and self._budget is not None:
            self._breaker.check()
        if self._budget is not None:
            self._reservation = self._budget.reserve(self._tokens, self._ended)
        if self._ended.is_set():
            self._give_back()
            raise StreamCancelledError("ended before its request was sent")
        if self._breaker is not None:
            try:
                self._permit = self._breaker.permit()
            except CircuitOpenError:
                self._give_back()
                raise

    def _note(self, chunks: Sequence[Chunk]) -> None:
        if not self._has_content and any(map(is_content, chunks)):
            self._has_content = True
            if self._permit is not None:
                self._permit.answered()
        for chunk in chunks:
            if (
                isinstance(chunk, StreamChunk)
                and chunk.usage is not None
                and chunk.usage.source == "reported"
            ):
                self._usage = chunk.usage

    def _fail(self, error: Exception) -> None:
        if self._budget is not None and isinstance(error, RateLimitError):
            self._budget.hold(error.retry_after or 0.0)
        is_failure = isinstance(error, _FAILURES) and not self._ended.is_set()
        outcome = Outcome.FAILURE if is_failure else self._outcome_of_ending()
        self._settle(outcome, f"{type(error).__name__}: {error}")

    def _outcome_of_ending(self) -> Outcome:
        """What it means that the answer was not read to its end; `total` is no fault of who was answering."""
        if self._timeout is None or (self._timeout.clock == "total" and self._has_content):
            return Outcome.NEUTRAL
        return Outcome.FAILURE

    def _settle(self, outcome: Outcome, reason: str = "") -> None:
        """The first time counts."""
        if self._permit is not None:
            self._permit.settle(outcome, reason)
        if self._budget is not None and self._reservation is not None:
            self._budget.settle(self._reservation, self._used(outcome))

    def _used(self, outcome: Outcome) -> float:
        """Tokens: what the provider says at the end, nothing without an answer, else what was reserved."""
        counts = [self._usage.input_tokens, self._usage.output_tokens]
        if outcome is Outcome.SUCCESS and None not in counts:
            return float(sum(count or 0 for count in counts))
        return self._tokens if self._has_content or outcome is Outcome.SUCCESS else 0.0

    def _give_back(self) -> None:
        if self._budget is not None and self._reservation is not None:
            self._budget.give_back(self._reservation)


class Guards:
    """The breaker and the budget of each model of each provider, made when it is first asked.

    `settings_of(provider)` is what is configured; a provider has one host, so that each host, too,
    has its own.
    """

    def __init__(
        self, settings_of: Callable[[str], tuple[BreakerSettings | None, BudgetSettings | None]]
    ) -> None:
        self._settings_of = settings_of
        self._made: dict[tuple[str, str], tuple[CircuitBreaker | None, RateBudget | None]] = {}
        # Lets one thread make what all the others that ask the same model share.
        self._lock = threading.Lock()

    def over(self, source: StreamSource, provider: str, model: str, prompt: Any, params: Any) -> StreamSource:
        """The source behind what is configured for its model, which may be nothing."""
        with self._lock:
            if (provider, model) not in self._made:
                self._made[provider, model] = self._make(provider, model)
            breaker, budget = self._made[provider, model]
        if breaker is None and budget is None:
            return source
        return GuardedSource(source, breaker, budget, estimate_tokens(prompt, params))

    def _make(self, provider: str, model: str) -> tuple[CircuitBreaker | None, RateBudget | None]:
        breaker, budget = self._settings_of(provider)
        name = f"{provider}:{model}"
        return (
            None if breaker is None else CircuitBreaker(name, breaker, partial(_log_change, name)),
            None if budget is None else RateBudget(budget),
        )


def estimate_tokens(prompt: Any, params: Any) -> float:
    """What a request may cost: a token for four characters, and the longest answer that it allows."""
    given = params if isinstance(params, Mapping) else {}
    characters = characters_in(prompt) + characters_in(given.get("system"))
    limit = given.get("max_tokens")
    return characters / CHARACTERS_PER_TOKEN + (limit if isinstance(limit, int) else MESSAGES_MAX_TOKENS)


def _log_change(name: str, before: CircuitState, after: CircuitState) -> None:
    level = logging.WARNING if after is CircuitState.OPEN else logging.INFO
    _logger.log(level, "the circuit of %s is %s, after being %s", name, after, before)

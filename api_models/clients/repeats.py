"""How often a request is repeated, and how long to wait before: tenacity decides."""

from __future__ import annotations

import tenacity

from ..streaming.stream_config import StreamConfig


class Repeats:
    """The repeats of one request, from its first failure on."""

    def __init__(self, config: StreamConfig) -> None:
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(config.max_retries + 1),
            wait=_WaitAsTold(config.retry_delay, config.max_retry_delay),
            sleep=_not_yet,
            reraise=True,
        )
        self._retrying.begin()
        self._state = tenacity.RetryCallState(self._retrying, None, (), {})

    def delay_after(self, error: Exception) -> float:
        """Seconds to wait before the next attempt; raises the error if there is to be none."""
        self._state.set_exception((type(error), error, error.__traceback__))
        self._retrying.iter(self._state)
        delay = self._state.next_action.sleep if self._state.next_action else 0.0
        self._state.prepare_for_next_attempt()
        return float(delay)


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
    """Who asks waits, after telling of it, so that the wait can be ended; tenacity does not."""

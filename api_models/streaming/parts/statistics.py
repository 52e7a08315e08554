"""What one run has seen, in numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any


class Statistics:
    """Seconds and counts, written by a run's own threads and read by any."""

    def __init__(self) -> None:
        self.start_time = time.time()
        self.failures = 0
        self.attempts = 1
        self.time_to_first_token: float | None = None
        self.longest_gap = 0.0
        # Tokens, and a list with one more for each of its items: to count them one by one costs too much.
        self._counted: tuple[int, Sequence[str]] = 0, ()

    @property
    def tokens(self) -> int:
        before, texts = self._counted
        return before + len(texts)

    def add_tokens(self, number: int) -> None:
        self._counted = self.tokens + number, ()

    def count_along(self, texts: Sequence[str]) -> None:
        """Count what is appended to `texts` from now on, until others are counted."""
        if self._counted[1] is not texts:
            self._counted = self.tokens - len(texts), texts

    def arrived(self, elapsed: float, waited: float) -> None:
        """Note that content came after a wait of `waited` seconds."""
        if self.time_to_first_token is None:
            self.time_to_first_token = elapsed
        else:
            self.longest_gap = max(self.longest_gap, waited)

    def snapshot(
        self,
        elapsed: float = 0.0,
        paused_time: float = 0.0,
        handler_time: float = 0.0,
        handler_errors: int = 0,
        bytes_received: int = 0,
    ) -> dict[str, Any]:
        """All numbers of this moment, the caller's to keep; what others measure is given."""
        tokens = self.tokens
        return {
            "tokens_received": tokens,
            "tokens_per_second": tokens / elapsed if elapsed > 0 else 0.0,
            "start_time": self.start_time,
            "elapsed_time": elapsed,
            "errors": self.failures + handler_errors,
            "time_to_first_token": self.time_to_first_token,
            "longest_gap": self.longest_gap,
            "paused_time": paused_time,
            "handler_time": handler_time,
            "handler_errors": handler_errors,
            "bytes_received": bytes_received,
            "attempts": self.attempts,
        }

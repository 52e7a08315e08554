"""How an answer is getting on, in the words of who watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..streaming import stream_events as events
from .frames import News

_CUT = {
    "length": "cut at its longest length",
    "content_filter": "cut by a filter",
    "refusal": "the model refused",
    "tool_calls": "the model asks for a tool",
}


class AnswerStatus:
    """State, figures and clock of one stream, by what was heard of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.title = "waiting"
        self.model = ""
        self.tokens = 0
        self.is_paused = False
        self.has_ended = False
        self._clock = clock
        self._resumed_title = self.title
        # What the stream's clock said, and when; while it stands still it says that.
        self._elapsed, self._heard_at = 0.0, clock()

    @property
    def is_ticking(self) -> bool:
        return not (self.is_paused or self.has_ended)

    @property
    def elapsed(self) -> float:
        """Seconds of stream time, pauses excluded."""
        return self._elapsed + (self._clock() - self._heard_at if self.is_ticking else 0.0)

    @property
    def rate(self) -> float:
        """Tokens a second, over all the time."""
        elapsed = self.elapsed
        return self.tokens / elapsed if elapsed > 0 else 0.0

    def take(self, news: News, tokens: int) -> None:
        """Note what was heard, and that so many tokens had come by then."""
        self.tokens = tokens
        if isinstance(news, str):
            self.title = self._resumed_title = "streaming"
            return
        tell = _TOLD.get(type(news))
        if tell is not None:
            tell(self, news)
        self._elapsed, self._heard_at = news.elapsed, self._clock()

    def _start(self, event: events.StreamStarted) -> None:
        self.model = model_name(event.metadata)

    def _think(self, event: events.ThinkingReceived) -> None:
        self.title = self._resumed_title = "thinking"

    def _pause(self, event: events.StreamPaused) -> None:
        self.is_paused, self._resumed_title, self.title = True, self.title, "paused"

    def _resume(self, event: events.StreamResumed) -> None:
        self.is_paused, self.title = False, self._resumed_title

    def _warn(self, event: events.StreamQuiet) -> None:
        self.title = f"nothing for {event.seconds:.0f} s"

    def _retry(self, event: events.StreamRetrying) -> None:
        self.title = f"attempt {event.attempt} failed, next in {event.delay:.1f} s"

    def _reset(self, event: events.StreamReset) -> None:
        self.title = "beginning again"

    def _complete(self, event: events.StreamCompleted) -> None:
        self.tokens = event.result.stats.get("tokens_received", self.tokens)
        self._end(_CUT.get(event.result.stop_reason or "", "complete"))

    def _cancel(self, event: events.StreamCancelled) -> None:
        self._end("stopped")

    def _fail(self, event: events.StreamFailed) -> None:
        self._end("failed")

    def _end(self, title: str) -> None:
        self.is_paused, self.has_ended, self.title = False, True, title


_TOLD: Mapping[type, Callable[[AnswerStatus, Any], None]] = {
    events.StreamStarted: AnswerStatus._start,
    events.ThinkingReceived: AnswerStatus._think,
    events.StreamPaused: AnswerStatus._pause,
    events.StreamResumed: AnswerStatus._resume,
    events.StreamQuiet: AnswerStatus._warn,
    events.StreamRetrying: AnswerStatus._retry,
    events.StreamReset: AnswerStatus._reset,
    events.StreamCompleted: AnswerStatus._complete,
    events.StreamCancelled: AnswerStatus._cancel,
    events.StreamFailed: AnswerStatus._fail,
}


def model_name(metadata: Mapping[str, Any]) -> str:
    """`provider:model`, or what is known of it."""
    return ":".join(str(part) for part in (metadata.get("provider"), metadata.get("model")) if part)


def figures(status: AnswerStatus, total: int | None = None) -> list[str]:
    """`128 tokens`, `43/s`, `3.2 s`: what is known of them."""
    told = []
    if status.tokens:
        told.append(f"{status.tokens:,}{f' of {total:,}' if total else ''} tokens")
        told.append(f"{status.rate:,.0f}/s")
    return [*told, f"{status.elapsed:.1f} s"]

"""What a window shows of a stream besides its text, in the words of its user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..streaming.stream_events import StreamResult, TokenUsage
from ..streaming.stream_state import StreamState

TITLES: Mapping[StreamState, str] = {
    StreamState.INACTIVE: "Ready",
    StreamState.ACTIVE: "Waiting",
    StreamState.PAUSED: "Paused",
    StreamState.COMPLETED: "Done",
    StreamState.CANCELLED: "Stopped",
    StreamState.ERROR: "Failed",
}
STREAMING = "Streaming"
_STOP_REASONS = {"length": "cut by its longest length", "content_filter": "cut by a filter"}


@dataclass(frozen=True)
class Status:
    """One look at a stream: its state, its figures, and what can be done with it now."""

    state: StreamState = StreamState.INACTIVE
    title: str = TITLES[StreamState.INACTIVE]
    figures: str = ""
    """Tokens a second, time to the first one, usage: what is known of them, on one line."""
    error: str = ""
    can_continue: bool = False

    @property
    def is_running(self) -> bool:
        return self.state in (StreamState.ACTIVE, StreamState.PAUSED)

    @property
    def is_paused(self) -> bool:
        return self.state is StreamState.PAUSED


def title_of(state: StreamState, has_text: bool) -> str:
    """The word for a state; a stream that has begun to speak waits no longer."""
    return STREAMING if state is StreamState.ACTIVE and has_text else TITLES[state]


def figures_of(stats: Mapping[str, Any], result: StreamResult | None) -> str:
    """`85 tokens/s  ·  first after 0.12 s  ·  412 tokens in 4.8 s  ·  usage 12 in, 412 out`."""
    told = []
    if stats["tokens_received"]:
        told.append(f"{stats['tokens_per_second']:,.0f} tokens/s")
    if stats["time_to_first_token"] is not None:
        told.append(f"first after {stats['time_to_first_token']:.2f} s")
    if stats["tokens_received"] or stats["elapsed_time"]:
        told.append(f"{stats['tokens_received']:,} tokens in {stats['elapsed_time']:.1f} s")
    if stats["attempts"] > 1:
        told.append(f"attempt {stats['attempts']}")
    if result is not None:
        told.append(_usage(result.usage))
        told.append(_STOP_REASONS.get(result.stop_reason or "", ""))
    return "  ·  ".join(each for each in told if each)


def _usage(usage: TokenUsage) -> str:
    if usage.source == "unknown":
        return "usage unknown"
    counts = [(usage.input_tokens, "in"), (usage.output_tokens, "out")]
    told = ", ".join(f"{count:,} {way}" for count, way in counts if count is not None)
    return f"usage {told}{' (estimated)' if usage.source == 'estimated' else ''}"

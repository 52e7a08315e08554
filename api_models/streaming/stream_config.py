"""How a stream is to be run: every default of the house stands in this one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..exceptions import ConfigurationError
from .parts import checks
from .parts.frozen import Frozen, fields_of, replace

Split = Literal["token", "grapheme", "word", "line", "sentence"]

PROFILES: dict[str, dict[str, Any]] = {
    "interactive": {},
    "smooth": {"smooth": True, "split": "word"},
    "bulk": {"buffer_size": 64, "buffer_seconds": 1.0},
    "voice": {"split": "sentence"},
}


class StreamConfig(Frozen):
    """Settings of one stream; durations in seconds, None switches a limit off.

    Raises `ConfigurationError` naming the key for any value that cannot work.
    """

    buffer_size: int = 1
    """Tokens per delivery."""
    buffer_seconds: float | None = None
    """Longest time text may be withheld by buffering."""
    split: Split = "token"
    """Re-cut the text before it is handed out."""
    tokens_per_second: float | None = None
    """Throttle what is handed out."""
    smooth: bool = False
    """Steady reveal: the rate follows the backlog and catches up; flushed at the end."""
    pause_mode: Literal["drain", "hold"] = "drain"
    """While paused: keep reading into a backlog, or stop reading."""
    max_backlog_bytes: int = 1024 * 1024
    """Backlog kept in memory; beyond it spills to an anonymous temporary file."""
    handler_errors: Literal["isolate", "stop"] | int = "isolate"
    """A failing handler is isolated, stops the stream, or is dropped after so many failures."""
    connect_timeout: float | None = 10.0
    first_token_timeout: float | None = 600.0
    """From the request to the first content; thinking and tool arguments are content."""
    idle_timeout: float | None = None
    """Longest gap between contents; heartbeats do not reset it."""
    silence_timeout: float | None = 600.0
    """Longest gap between any two bytes."""
    total_timeout: float | None = None
    quiet_after: float | None = 30.0
    """A `StreamQuiet` event after so long without content; never a kill."""
    max_retries: int = 2
    """Attempts after the first, before the first content."""
    retry_delay: float = 0.5
    max_retry_delay: float = 30.0
    recovery: Literal["fail", "restart", "continue"] = "fail"
    """What to do when the answer breaks off after its first content."""
    keep_history: bool = True
    """Text can be iterated again from the start, token by token."""
    progress_interval: float = 0.5
    include_prompt: bool = False
    """Put the prompt into the metadata that `on_stream_start` gets."""

    def __post_init__(self) -> None:
        for name, value in fields_of(self).items():
            checks.check_value(name, value, _CHECKS.get(name, checks.LIMIT))

    @classmethod
    def of(
        cls, value: StreamConfig | Mapping[str, Any] | str | None, base: StreamConfig | None = None
    ) -> StreamConfig:
        """Make a config of a mapping, of a profile's name, or of nothing.

        A mapping or profile changes `base` (default: the defaults). Raises `ConfigurationError`
        for an unknown key or profile, naming the nearest valid one, and for a bad value.
        """
        if isinstance(value, StreamConfig):
            return value
        if value is None:
            return base or _DEFAULT
        if isinstance(value, str):
            checks.check_names([value], PROFILES, "profile")
            changes: Mapping[str, Any] = PROFILES[value]
        elif isinstance(value, Mapping):
            changes = value
        else:
            raise ConfigurationError(
                f"config must be a StreamConfig, a mapping or a profile's name, not {value!r}"
            )
        checks.check_names(changes, cls.__match_args__, "stream setting")
        return replace(base or _DEFAULT, **changes)

    @property
    def timed(self) -> bool:
        """Whether handing out follows a clock of its own, so that reading must not wait for it."""
        return bool(self.buffer_seconds or self.tokens_per_second or self.smooth)


_CHECKS: dict[str, checks.Check] = {
    "buffer_size": checks.count(1),
    "max_backlog_bytes": checks.count(0),
    "max_retries": checks.count(0),
    "split": checks.choice("token", "grapheme", "word", "line", "sentence"),
    "pause_mode": checks.choice("drain", "hold"),
    "recovery": checks.choice("fail", "restart", "continue"),
    "smooth": checks.SWITCH,
    "keep_history": checks.SWITCH,
    "include_prompt": checks.SWITCH,
    "retry_delay": checks.DELAY,
    "max_retry_delay": checks.DELAY,
    "progress_interval": checks.INTERVAL,
    "handler_errors": (
        lambda value: value in ("isolate", "stop") if isinstance(value, str) else checks.is_count(value, 1),
        "'isolate', 'stop' or a whole number of at least 1",
    ),
}
"""What stands here is checked so; every other setting is a limit in seconds or a rate."""

_DEFAULT = StreamConfig()
"""Frozen, and so the same for all who ask for nothing else."""

"""What a progress tracker tells: of which item, how far it is, and when that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class ProgressType(str, Enum):
    """Members are strings, so `event.event_type == "complete"` holds."""

    START = "start"
    PROGRESS = "progress"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"

    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]  # typeshed knows only Enum.__format__


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step of one item: its start, then progress, then exactly one of complete, error, cancelled."""

    event_type: ProgressType
    message: str
    percent: float | None
    """How far the item is, 0 to 100; None while nothing is known of it. 100 comes with `complete` alone."""
    overall_percent: float | None
    """The same of the whole tree; of a single operation it is `percent`."""
    data: Mapping[str, Any]
    monotonic_time: float
    """Seconds on a clock that is never set back: for differences."""
    wall_time: float
    """Seconds since 1970: for people."""
    item_id: int
    """Tells the items of a tree apart, also those of one name; 0 is the whole."""
    path: tuple[str, ...]
    """The names from below the whole down to the item; empty for the whole itself."""
    error: BaseException | None = None
    """What the item failed of, if that was an exception."""

    @property
    def is_end(self) -> bool:
        """Whether the item has ended; nothing of it follows."""
        return self.event_type not in (ProgressType.START, ProgressType.PROGRESS)

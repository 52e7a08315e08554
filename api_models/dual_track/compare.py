"""All tracks to their ends, to be looked at side by side."""

from __future__ import annotations

from .merge import Merging
from .mode import Mode


def compare() -> Mode:
    """Let all run to their ends, whatever becomes of the others; what they say comes tagged, as it comes.

    `DualTrack.compare()` has the figures, at any time.
    """
    return Mode("compare", lambda names: Merging(names, "arrival"))

"""Who changes: stages between a source and its stream, sources that are emulated, and several at once."""

from .batch import batch
from .combine import Combined, Tagged, combine
from .emulate import emulate_stream, windows
from .pace import smooth, throttle
from .recut import recut
from .stage import Stage, TextStage, TextState, compose
from .staged_source import StagedSource
from .transform import filter_text, flat_map_text, map_text, tee
from .until import take_until

__all__ = [
    "Combined",
    "Stage",
    "StagedSource",
    "Tagged",
    "TextStage",
    "TextState",
    "batch",
    "combine",
    "compose",
    "emulate_stream",
    "filter_text",
    "flat_map_text",
    "map_text",
    "recut",
    "smooth",
    "take_until",
    "tee",
    "throttle",
    "windows",
]

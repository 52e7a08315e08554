"""Several models at once: one stream made of the streams of several tracks."""

from .compare import compare
from .comparison import Comparison, TrackFigures
from .consensus import consensus
from .dual_track import DualTrack
from .merge import merge
from .mode import Mode
from .prefer import prefer
from .race import race
from .side_by_side import side_by_side
from .switches import TrackSwitch, TrackText

__all__ = [
    "Comparison",
    "DualTrack",
    "Mode",
    "TrackFigures",
    "TrackSwitch",
    "TrackText",
    "compare",
    "consensus",
    "merge",
    "prefer",
    "race",
    "side_by_side",
]

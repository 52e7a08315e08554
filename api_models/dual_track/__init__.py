"""Several models at once: one stream made of the streams of several tracks."""

from .compare import compare
from .comparison import Comparison, TrackFigures
from .consensus import consensus
from .dual_track import DualTrack, by_track, config_of_track, named, prompts_of
from .merge import merge
from .mode import Mode
from .prefer import prefer
from .race import race
from .side_by_side import side_by_side
from .switches import TrackSwitch, TrackText
from .track import Track

__all__ = [
    "Comparison",
    "DualTrack",
    "Mode",
    "Track",
    "TrackFigures",
    "TrackSwitch",
    "TrackText",
    "by_track",
    "compare",
    "config_of_track",
    "consensus",
    "merge",
    "named",
    "prefer",
    "prompts_of",
    "race",
    "side_by_side",
]

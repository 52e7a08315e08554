"""Several answers that grow beside each other on a terminal."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator

from ..dual_track.comparison import Comparison, TrackFigures
from ..dual_track.dual_track import DualTrack
from ..dual_track.side_by_side import side_by_side
from ..exceptions import ConfigurationError
from ..handlers.frames import Frames
from ..handlers.rich_handler import can_draw, sketch

_BESIDES = 6  # lines: names, two of figures, a rule, one that stays free, and the one with the cursor


@contextlib.contextmanager
def growing(tracks: DualTrack) -> Iterator[None]:
    """Draw the answers as they come, ten times a second at most; they are taken away when the block is left.

    Nothing is drawn where that is not possible, or rich is missing.
    """
    board = None
    if can_draw(sys.stdout):
        with contextlib.suppress(ConfigurationError):  # without rich
            board = sketch(sys.stdout)
    if board is None:
        yield
        return

    def draw() -> bool:
        board.draw(page(tracks.compare(), *shutil.get_terminal_size()))
        return True

    board.hold()
    frames = Frames("api-models-columns", draw)
    try:
        yield
    finally:
        frames.finish()
        board.release()
    if frames.failure is not None:
        raise frames.failure


def page(comparison: Comparison, width: int, height: int) -> str:
    """What a terminal of this size shows of a comparison: the figures, and the end of each text."""
    texts = {track.name: track.text for track in comparison.tracks}
    notes = {track.name: _figures(track, comparison) for track in comparison.tracks}
    return side_by_side(texts, width, rows=max(height - _BESIDES, 1), notes=notes)


def _figures(track: TrackFigures, comparison: Comparison) -> list[str]:
    first, is_first = track.time_to_first_token, track is comparison.tracks[0]
    parts = None if is_first else comparison.first_divergence(track.name)
    spoke = "" if first is None else f", first token {first:.2f} s, {track.tokens_per_second:.0f}/s"
    apart = "" if parts is None else f", parts at {parts}"
    return [f"{track.state}{spoke}", f"{len(track.text)} characters{apart}"]

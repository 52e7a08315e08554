"""Horizontal bars as SVG, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from .measure import Bar, Chart

_Place = Callable[[float], float]

_WIDTH, _LEFT, _RIGHT = 760, 230, 150
_TOP, _STEP, _THICK = 52, 26, 16
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .axis { fill: #59636e; font-size: 12px }
.ours { fill: #0969da } .peer { fill: #afb8c1 } .floor { fill: #57ab5a }
.range { stroke: #1f2328; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .axis { fill: #9198a1 } .range { stroke: #e6edf3 }
  .ours { fill: #4493f8 } .peer { fill: #656c76 } .floor { fill: #3fb950 }
}
"""


def drawn(chart: Chart) -> str:
    """The chart: a bar a client, as long as its median; a line from the least to the greatest."""
    height = _TOP + _STEP * len(chart.bars) + 8
    place = _scale(chart)
    axis = f"{chart.unit}{', logarithmic' if chart.logarithmic else ''}"
    rows = [_row(bar, _TOP + number * _STEP, place) for number, bar in enumerate(chart.bars)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(chart.title)}</title><style>{_STYLE}</style>",
            f'<text class="title" x="8" y="20">{escape(chart.title)}</text>',
            f'<text class="axis" x="8" y="38">{axis}; less is better; green: floor, blue: ours</text>',
            *rows,
            "</svg>\n",
        ]
    )


def _scale(chart: Chart) -> _Place:
    """From a figure to how far right it stands."""
    room = _WIDTH - _LEFT - _RIGHT
    most = max([bar.high for bar in chart.bars] + [1e-9])
    if not chart.logarithmic:
        return lambda figure: room * max(figure, 0) / most
    least = min([bar.low for bar in chart.bars if bar.low > 0] + [most]) / 2
    span = math.log(most / least) or 1
    return lambda figure: room * max(0.0, math.log(max(figure, least) / least)) / span


def _row(bar: Bar, top: float, place: _Place) -> str:
    middle, text = top + _THICK / 2, top + _THICK - 3
    width = max(1.0, place(bar.median))
    low, high = (_LEFT + place(figure) for figure in (bar.low, bar.high))
    figure = f"{bar.median:,.0f}" if bar.median >= 100 else f"{bar.median:.3g}"
    return (
        f'<text x="{_LEFT - 8}" y="{text:.1f}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect class="{bar.kind}" x="{_LEFT}" y="{top:.1f}" width="{width:.1f}" height="{_THICK}"/>'
        f'<line class="range" x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}"/>'
        f'<text x="{max(high, _LEFT + 1) + 8:.1f}" y="{text:.1f}">{figure}</text>'
    )

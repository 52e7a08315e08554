"""Pictures of rounded boxes, of which a toolkit without round corners can make buttons and cards."""

from __future__ import annotations

import math
import struct
import zlib

Colour = tuple[int, int, int]


def rounded_png(
    radius: int, middle: int, *, fill: str, border: str, ground: str, width: float = 1.0
) -> bytes:
    """A PNG of a box to be stretched: its corners, and between them a middle of so many pixels.

    The middle is what a toolkit fills a box with, tile by tile: the larger, the sooner it is done.
    Colours are `#rrggbb`; `ground` is what shows outside of the corners, `width` that of the border.
    """
    colours = _rgb(fill), _rgb(border), _rgb(ground)
    half = [
        [bytes(_pixel(_depth(x, y, radius), width, *colours)) for x in range(radius + 1)]
        for y in range(radius + 1)
    ]
    rows = [b"\0" + b"".join([*row[:-1], row[-1] * middle, *row[-2::-1]]) for row in half]
    return _png(2 * radius + middle, b"".join([*rows[:-1], rows[-1] * middle, *rows[-2::-1]]))


def _depth(x: int, y: int, radius: int) -> float:
    """How far inside of the rounded outline the middle of a pixel lies; negative outside."""
    across, down = x + 0.5, y + 0.5
    if across >= radius or down >= radius:
        return min(across, down)
    return radius - math.hypot(radius - across, radius - down)


def _pixel(depth: float, width: float, fill: Colour, border: Colour, ground: Colour) -> Colour:
    """Smooth on both sides of the border: each colour by how much of the pixel it covers."""
    outer, inner = _clamped(depth + 0.5), _clamped(depth - width + 0.5)
    return _mixed(_mixed(ground, border, outer), fill, inner)


def _clamped(share: float) -> float:
    return max(0.0, min(1.0, share))


def _mixed(below: Colour, above: Colour, share: float) -> Colour:
    red, green, blue = (round(low + (high - low) * share) for low, high in zip(below, above, strict=True))
    return red, green, blue


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(size: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )

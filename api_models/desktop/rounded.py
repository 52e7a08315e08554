"""Pictures of rounded boxes, of which a toolkit without round corners can make buttons and cards."""

from __future__ import annotations

import math
import struct
import zlib

Colour = tuple[int, int, int]


def rounded_png(radius: int, fill: str, border: str, ground: str, width: float = 1.0) -> bytes:
    """A PNG of a box just large enough to be stretched: its corners, and two pixels between them.

    Colours are `#rrggbb`; `ground` is what shows outside of the corners, `width` that of the border.
    """
    size = 2 * radius + 2
    colours = _rgb(fill), _rgb(border), _rgb(ground)
    rows = (
        bytes(part for x in range(size) for part in _pixel(_depth(x, y, size, radius), width, *colours))
        for y in range(size)
    )
    return _png(size, b"".join(b"\0" + row for row in rows))


def _depth(x: int, y: int, size: int, radius: int) -> float:
    """How far inside of the rounded outline the middle of a pixel lies; negative outside."""
    across, down = (min(each + 0.5, size - each - 0.5) for each in (x, y))
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

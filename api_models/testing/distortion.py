"""The same events in bytes that a careless reader gets wrong: legal, rare, and seen in the wild."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .rendering import Event

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def with_byte_order_mark(events: Iterable[Event]) -> list[Event]:
    """The events behind a byte order mark, which a reader has to drop."""
    first, *others = events
    return [replace(first, wire=_BYTE_ORDER_MARK + first.wire), *others]


def with_line_ends(events: Iterable[Event], ends: Sequence[str] = ("\r\n", "\r", "\n")) -> list[Event]:
    """The events with these line ends in turn; one kind alone, or all that the standard allows, mixed."""
    turns = itertools.cycle(end.encode() for end in ends)
    return [replace(event, wire=_with_ends(event.wire, turns)) for event in events]


def split_letters(events: Iterable[Event]) -> list[bytes]:
    """The events in pieces that end inside each letter of more than one byte.

    The positions of a `Reply` count these pieces.
    """
    pieces = []
    for event in events:
        begin = 0
        for at, byte in enumerate(event.wire):
            if byte & 0xC0 == 0x80:  # the second byte of a letter, or a later one
                pieces.append(event.wire[begin:at])
                begin = at
        pieces.append(event.wire[begin:])
    return pieces


def _with_ends(wire: bytes, turns: Iterable[bytes]) -> bytes:
    lines, written = wire.split(b"\n"), b""
    for line, end in zip(lines[:-1], turns, strict=False):
        written += line
        # LF behind CR is no second line end but the rest of the first.
        written += b"\r\n" if end == b"\n" and written.endswith(b"\r") else end
    return written + lines[-1]

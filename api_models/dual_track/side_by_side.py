"""Texts beside each other, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from itertools import zip_longest

_GAP = " | "
_NARROWEST = 16


def side_by_side(texts: Mapping[str, str], width: int = 100) -> str:
    """Each text in a column of its own under its name; `width` is that of the terminal, in characters."""
    column = max(_NARROWEST, (width - len(_GAP) * (len(texts) - 1)) // len(texts))
    columns = [[name, "-" * column, *_wrapped(text, column)] for name, text in texts.items()]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join(_GAP.join(cell[:column].ljust(column) for cell in row).rstrip() for row in rows)


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, width) or [""]
    return lines

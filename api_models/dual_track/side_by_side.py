"""Texts beside each other, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest

_GAP = " | "
_NARROWEST = 16


def side_by_side(
    texts: Mapping[str, str],
    width: int = 100,
    *,
    rows: int | None = None,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Each text in a column of its own under its name; `width` is that of the terminal, in characters.

    Of longer texts the last `rows` lines are shown. `notes` are lines to stand under the names.
    """
    if not texts:
        return ""
    height = max((len(lines) for lines in (notes or {}).values()), default=0)
    column = max(_NARROWEST, (width - len(_GAP) * (len(texts) - 1)) // len(texts))
    columns = [
        [
            name,
            *_noted((notes or {}).get(name, ()), height),
            "-" * column,
            *_last(_wrapped(text, column), rows),
        ]
        for name, text in texts.items()
    ]
    lines = zip_longest(*columns, fillvalue="")
    return "\n".join(_GAP.join(cell[:column].ljust(column) for cell in line).rstrip() for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, width) or [""]
    return lines


def _noted(lines: Sequence[str], height: int) -> list[str]:
    return [*lines, *[""] * (height - len(lines))]


def _last(lines: list[str], number: int | None) -> list[str]:
    return lines if number is None else lines[-number:]

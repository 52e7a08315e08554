"""How much of a growing Markdown text is finished, so that it need not be looked at again.

A block is finished when another one stands behind it. What the parser says is enough for that: the
tokens of markdown-it, of which only `type`, `level` and `map` (first line, line behind the last) are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

LONGEST_TAIL = 3000
"""Characters of a block after which it is cut although it is not finished: rendering stays cheap."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")


class Cut(NamedTuple):
    """A text in two parts. `is_forced` says that both are of one block."""

    finished: str
    tail: str
    is_forced: bool = False


def cut(text: str, tokens: Sequence[Any]) -> Cut:
    """Part the text, of which these are the tokens, where its last block begins."""
    blocks = [token for token in tokens if token.level == 0 and token.map]
    if not blocks:
        return Cut("", text)
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    first = blocks[-1].map[0]
    finished, tail = "".join(lines[:first]), lines[first:]
    if finished.strip() or sum(map(len, tail)) <= LONGEST_TAIL:
        return Cut(finished, "".join(tail))
    return _cut_block(blocks[-1].type, tail, _last_item(tokens, first))


def _last_item(tokens: Sequence[Any], first: int) -> int:
    """The line, counted from `first`, with which the last item of an outermost list begins; else 0."""
    items = [token.map[0] for token in tokens if token.level == 1 and token.type == "list_item_open"]
    return max(items[-1] - first, 0) if items else 0


def _cut_block(kind: str, lines: list[str], last_item: int) -> Cut:
    """Part one block that has grown too long, and repeat what its rest needs to be read alike."""
    whole = len(lines) if lines[-1].endswith("\n") else len(lines) - 1
    if kind == "fence" and whole > 1:
        return _cut_fence(lines, whole)
    if kind == "table_open" and whole > 2:
        return Cut("".join(lines[:whole]), "".join([*lines[:2], *lines[whole:]]), True)
    at = last_item or whole
    if at:
        return Cut("".join(lines[:at]), "".join(lines[at:]), True)
    space = lines[0].rfind(" ") + 1 or len(lines[0])
    return Cut(lines[0][:space], lines[0][space:], True)


def _cut_fence(lines: list[str], whole: int) -> Cut:
    opening = _FENCE.match(lines[0])
    marker = opening[1] if opening else "```"
    last = lines[whole - 1].strip()
    if last.startswith(marker) and not last.strip(marker[0]):  # it was closed
        return Cut("".join(lines[:whole]), "".join(lines[whole:]))
    return Cut("".join([*lines[:whole], marker, "\n"]), "".join([lines[0], *lines[whole:]]), True)

"""An answer in parts: pieces that are finished, to be printed once, and the tail that still grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from .markdown_cut import LONGEST_TAIL, Cut, cut

Kind = Literal["answer", "thinking", "tool", "notice"]

# Control characters would let an answer move the cursor or retitle the window.
_HARMLESS = {
    code: None if code == 13 else 0xFFFD for code in [*range(32), *range(127, 160)] if code not in (9, 10)
}


class Piece(NamedTuple):
    """Text of one kind. `continues` says that it belongs to the piece before it, without a gap."""

    kind: Kind
    text: str
    continues: bool = False


class Page:
    """Takes text as it comes; only the tail is ever looked at again.

    `tokens_of` parses Markdown, as `markdown_cut` wants it.
    """

    def __init__(self, tokens_of: Callable[[str], Sequence[Any]]) -> None:
        self._tokens_of = tokens_of
        self._kind: Kind = "answer"
        self._tail = ""
        self._is_new = False  # whether the tail has grown since it was cut
        self._continues = False
        self._finished: list[Piece] = []

    @property
    def tail(self) -> Piece:
        return Piece(self._kind, self._tail, self._continues)

    def add(self, kind: Kind, text: str) -> None:
        if kind != self._kind:
            self.end_part()
            self._kind = kind
        self._tail += text.translate(_HARMLESS)
        self._is_new = True

    def say(self, kind: Kind, text: str) -> None:
        """Add a piece that is whole."""
        self.end_part()
        self._finished.append(Piece(kind, text.translate(_HARMLESS)))

    def end_part(self) -> None:
        """Nothing more comes to the tail."""
        self._finish(Cut(self._tail, ""))
        self._continues = False

    def take_finished(self) -> list[Piece]:
        """What has been finished since the last call."""
        while self._is_new:
            self._is_new = False
            parted = self._parted()
            if parted.finished:
                self._finish(parted)
                self._is_new = parted.is_forced and len(self._tail) > LONGEST_TAIL
        finished, self._finished = self._finished, []
        return finished

    def _parted(self) -> Cut:
        if self._kind == "answer":
            return cut(self._tail, self._tokens_of(self._tail))
        at = self._tail.rfind("\n") + 1
        return Cut(self._tail[:at], self._tail[at:], True)

    def _finish(self, parted: Cut) -> None:
        if parted.finished.strip():
            self._finished.append(Piece(self._kind, parted.finished, self._continues))
            self._continues = parted.is_forced
        self._tail = parted.tail

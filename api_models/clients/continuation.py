"""Asking a model to go on with an answer that broke off.

Where a model takes the beginning of its own answer as the last message (a prefill), it goes on from
there. Others are told to, and may say again the end of what they had said: that is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from ..streaming.stream_source import StreamSource

_INSTRUCTION = (
    "Your answer was cut off above. Continue it exactly where it stops. "
    "Repeat nothing of it, and add no remark about this."
)

_PREFILLED: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    # provider, models, what the last message needs besides
    ("anthropic", r"claude-(2|3|instant|(opus|sonnet|haiku)-4-[0-5](?!\d))", {}),
    ("mistral", r".*", {"prefix": True}),
    ("ollama", r".*", {}),
    ("llamacpp", r".*", {}),
    ("local", r".*", {}),
)
"""Who takes a prefill. Nobody else is known to; newer models of Anthropic refuse it."""

_SHORTEST_OVERLAP = 8
"""Characters said again that are no coincidence; fewer could be the beginning of a new word."""
_LONGEST_OVERLAP = 400


def takes_prefill(provider: str, model: str) -> Mapping[str, Any] | None:
    """What a prefilled message needs besides, None if the model takes none."""
    for name, models, extra in _PREFILLED:
        if name == provider and re.match(models, model):
            return extra
    return None


def continued_prompt(
    prompt: str | Sequence[Mapping[str, Any]], partial: str, provider: str, model: str
) -> list[dict[str, Any]]:
    """The conversation with the partial answer in it, asking for the rest."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [*map(dict, prompt)]
    extra = takes_prefill(provider, model)
    if extra is not None:
        # A prefill that ends in white space is refused; the white space has been handed out already.
        return [*messages, {"role": "assistant", "content": partial.rstrip() or partial, **extra}]
    answer = {"role": "assistant", "content": partial}
    return [*messages, answer, {"role": "user", "content": _INSTRUCTION}]


@runtime_checkable
class Resumable(Protocol):
    """A source whose answer the provider may keep."""

    def rest(self) -> StreamSource | None:
        """The rest of this very answer, broken off here; None where it has to be asked for anew."""


class Seam:
    """Joins the rest of an answer to its beginning: takes out what is said again at the border."""

    def __init__(self, before: str, is_prefilled: bool) -> None:
        self.length_before = len(before)
        self._before = before[-_LONGEST_OVERLAP:]
        self._is_prefilled = is_prefilled
        self._held = ""
        self._is_closed = False

    def join(self, text: str) -> str:
        """The part of `text` that is new; holds text back while it may still be a repetition."""
        if self._is_closed:
            return text
        self._held += text
        if self._may_still_repeat():
            return ""
        return self.rest()

    def rest(self) -> str:
        """What is held, without a repetition; from here on everything is new."""
        self._is_closed = True
        held, self._held = self._held, ""
        return held[self._repeated(held) :]

    def _may_still_repeat(self) -> bool:
        held = self._held
        if self._is_prefilled:
            return self._stripped().startswith(held) and len(held) < len(self._stripped())
        ends = (self._before[at:] for at in range(len(self._before)))
        return any(end.startswith(held) and len(end) > len(held) for end in ends)

    def _repeated(self, held: str) -> int:
        """How many characters at the beginning stand at the end of what was said before."""
        if self._is_prefilled:
            white = self._stripped()
            return len(white) if white and held.startswith(white) else 0
        longest = min(len(held), len(self._before))
        overlaps = (size for size in range(longest, _SHORTEST_OVERLAP - 1, -1))
        return next((size for size in overlaps if self._before.endswith(held[:size])), 0)

    def _stripped(self) -> str:
        """The white space a prefill goes without, and with which its continuation may begin."""
        return self._before[len(self._before.rstrip()) :]

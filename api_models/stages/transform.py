"""Other text for each piece of text: one for one, some of them, or several."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..exceptions import ConfigurationError
from ..streaming.exceptions import StreamingError
from .stage import Stage, TextStage, TextState


def map_text(function: Callable[[str], str]) -> Stage:
    """Each piece of text becomes what `function` makes of it; the empty string takes it out."""
    _check(function)
    return _PerPiece(lambda text: (made,) if (made := _text(function(text))) else ())


def filter_text(is_kept: Callable[[str], Any]) -> Stage:
    """Only the pieces of text that `is_kept` says yes to pass."""
    _check(is_kept)
    return _PerPiece(lambda text: (text,) if is_kept(text) else ())


def flat_map_text(function: Callable[[str], Iterable[str]]) -> Stage:
    """Each piece of text becomes the pieces that `function` makes of it: none, one or several."""
    _check(function)
    return _PerPiece(lambda text: [made for made in map(_text, function(text)) if made])


def tee(*sinks: Callable[[str], Any]) -> Stage:
    """Each piece of text is also given to each of these, `file.write` for example, and passes unchanged."""
    for sink in sinks:
        _check(sink)

    def give(text: str) -> tuple[str]:
        for sink in sinks:
            sink(text)
        return (text,)

    return _PerPiece(give)


def _check(function: Any) -> None:
    """Raise `ConfigurationError` for what cannot be called, or whose answers would have to be awaited."""
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"this stage takes an ordinary function of a text, not {function!r}")


def _text(made: Any) -> str:
    if not isinstance(made, str):
        raise StreamingError(f"a stage makes str of str, not {type(made).__name__}")
    return made


class _PerPiece(TextStage):
    def __init__(self, made_of: Callable[[str], Sequence[str]]) -> None:
        self._made_of = made_of

    def begin(self) -> TextState:
        return _Stateless(self._made_of)


class _Stateless(TextState):
    """Keeps nothing from one piece to the next: the function itself, without a call around it."""

    __slots__ = ("push",)
    push: Callable[[str], Sequence[str]]

    def __init__(self, push: Callable[[str], Sequence[str]]) -> None:
        self.push = push

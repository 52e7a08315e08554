"""An answer as far as it has come, and which parts of it are sure by now."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Where something stands in an answer: names of fields and numbers of elements; `()` is the whole."""


class CompletePaths(Set[Path]):
    """The paths of all that will not change any more, a view: nothing is gathered before it is asked for.

    All that has come is complete but what still grows, and all around that.
    """

    __slots__ = ("_growing", "_value")

    def __init__(self, value: Any, growing: Path | None) -> None:
        self._value = value
        self._growing = growing  # None when nothing does

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, tuple) or (self._growing is not None and self._growing[: len(path)] == path):
            return False
        value = self._value
        for step in path:
            if not has_step(value, step):
                return False
            value = value[step]
        return True

    def __iter__(self) -> Iterator[Path]:
        return self._walk((), self._value, self._growing)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}"

    @classmethod
    def _from_iterable(cls, paths: Any) -> Any:
        return frozenset(paths)

    def _walk(self, path: Path, value: Any, growing: Path | None) -> Iterator[Path]:
        """What is complete at and below `path`, what stands inside first; `growing` is seen from there."""
        for step, inner in _parts(value):
            below = growing[1:] if growing and growing[0] == step else None
            is_open = growing is not None and growing[:1] == (step,)
            yield from self._walk((*path, step), inner, below if is_open else None)
        if growing is None:
            yield path


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def has_step(value: Any, step: Any) -> bool:
    """Whether there is such a field or element in it."""
    if isinstance(value, list):
        return isinstance(step, int) and 0 <= step < len(value)
    return isinstance(value, dict) and isinstance(step, str) and step in value


@dataclass(frozen=True, slots=True)
class Partial:
    """What has come of the answer, as plain data: dicts, lists, texts and numbers, the caller's to keep.

    A text that still grows is there as far as it goes, and so is a number, which may come to mean
    another: what is in `complete` stays as it is to the end.
    """

    value: Any
    """None before anything came."""
    complete: Set[Path]
    """The paths of what will not change any more; that of the whole is `()`."""
    attempt: int = 1
    """Which attempt this is part of, from 1: a higher one than before begins again from nothing."""
    is_reset: bool = False
    """Whether this is the first of another attempt: what the one before had said is void."""
    is_final: bool = False
    """Whether the answer is whole, and was found valid."""
    fields_done: int = 0
    """Fields at the top that are complete."""
    fields_expected: int | None = None
    """How many of them the schema has; None where it does not say, as for a list."""
    items_done: int = 0
    """Elements that are complete, of the list that `items()` is about; 0 where there is none."""

    def is_complete(self, *path: str | int) -> bool:
        """Whether what stands there will not change any more; without a path, whether nothing will."""
        return path in self.complete

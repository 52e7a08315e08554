"""What came of the prompts of a batch, and in which order that is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..streaming.parts.log import Log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchOutcome(Generic[T]):
    """What came of one prompt of a batch: the valid answer, or the error that it failed of."""

    index: int
    """The place of the prompt among the prompts, from 0."""
    key: str
    prompt: Any
    value: T | None = None
    error: Exception | None = None
    stored: bool = False
    """Whether the answer was there already, and nobody was asked."""

    def result(self) -> T:
        """The answer, or the error is raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # None only if that is what was asked for


class Outcomes(Generic[T]):
    """All outcomes in the order of the prompts, or else as they come, for any number of readers.

    Only one thread adds.
    """

    def __init__(self, ordered: bool) -> None:
        self._log = Log()
        self._ordered = ordered
        self._next = 0
        self._early: dict[int, BatchOutcome[T]] = {}  # of prompts whose turn has not come

    def add(self, outcome: BatchOutcome[T]) -> None:
        if not self._ordered:
            self._log.add(outcome)
            return
        self._early[outcome.index] = outcome
        while self._next in self._early:
            self._log.add(self._early.pop(self._next))
            self._next += 1

    def end(self) -> None:
        self._log.end()

    def __iter__(self) -> Iterator[BatchOutcome[T]]:
        """From the first to the last, waiting for what has not come yet."""
        for outcome in self._log.entries():
            assert isinstance(outcome, BatchOutcome)
            yield outcome

    def in_order(self) -> list[BatchOutcome[T]]:
        """All, once they are there."""
        return sorted(self, key=lambda outcome: outcome.index)

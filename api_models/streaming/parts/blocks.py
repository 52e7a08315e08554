"""A stretch of a log: its texts one by one while it grows, and in little room when it does not any more."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from operator import eq
from typing import Any

Other = tuple[int, Any]
"""What is no text, behind the number of texts before it."""


class Runs:
    """Texts that came together: where they begin, the index of the first, and their time.

    Three arrays: a tuple for each run would be one more thing that the garbage collector counts and visits.
    """

    __slots__ = ("indices", "places", "times")

    def __init__(self, places: Sequence[int], indices: Sequence[int], times: Sequence[float]) -> None:
        self.places = places
        self.indices = indices
        self.times = times


class OpenRuns(Runs):
    """Those to which more are added."""

    __slots__ = ()
    places: array[int]
    indices: array[int]
    times: array[float]

    def __init__(self) -> None:
        super().__init__(array("L"), array("L"), array("d"))

    def add(self, place: int, index: int, time: float) -> None:
        self.times.append(time)
        self.indices.append(index)
        self.places.append(place)  # last: a reader sees by these how many there are


Content = tuple[list[str], Runs, list[Other]]


class Block:
    """A stretch of the log: open it holds its texts one by one, closed where they stand in the log's text."""

    __slots__ = ("_begin", "_cuts", "open")

    def __init__(self, content: Content) -> None:
        self.open: Content | None = content

    def close(self, begin: int, keep_cuts: bool) -> None:
        """Keep the lengths of the texts, which stand in the text of the log from `begin` on."""
        texts, runs, others = self.read("")
        count = len(runs.places)
        if texts and not keep_cuts:
            texts, count, others = ["".join(texts)], 1, [(1, entry) for _, entry in others]
        places, indices = _packed(runs.places[:count]), _packed(runs.indices[:count])
        self._begin = begin
        self._cuts = _lengths(texts), Runs(places, indices, array("f", runs.times[:count])), others
        self.open = None  # last: a reader that finds None finds the rest in place

    def read(self, text: str) -> Content:
        """What it holds; while the block is open the lists themselves, so that a reader sees them grow."""
        content = self.open
        if content is not None:
            return content
        lengths, runs, others = self._cuts
        ends = itertools.accumulate(lengths, initial=self._begin)
        texts = [text[start:end] for start, end in itertools.pairwise(ends)]
        return texts, runs, others


def _lengths(texts: Sequence[str]) -> Sequence[int]:
    lengths = list(map(len, texts))
    try:
        return bytes(lengths)
    except ValueError:  # one is 256 or more
        return array("L", lengths)


def _packed(numbers: Sequence[int]) -> Sequence[int]:
    """The same numbers in little room: they mostly follow each other."""
    span = range(numbers[0], numbers[0] + len(numbers)) if numbers else range(0)
    return span if all(map(eq, span, numbers)) else numbers

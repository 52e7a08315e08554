"""Who is heard how much, when more comes than can be handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .mode import Arrival


class Shares:
    """Takes arrivals in, and hands them out by weight once more are waiting than are asked for at a time.

    Those of one track keep their order. While few are waiting it is the order of arrival.
    """

    def __init__(self, weights: Sequence[float], at_once: int) -> None:
        self._weights = weights
        self._at_once = at_once
        self._waiting: list[deque[tuple[int, Arrival]]] = [deque() for _ in weights]
        self._credits = [0.0] * len(weights)
        self._arrived = self._size = 0

    def add(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            for piece in _pieces(arrival):
                self._waiting[arrival[0]].append((self._arrived, piece))
                self._arrived += 1
                self._size += 1

    def next(self) -> list[Arrival]:
        """What is to be handed out now."""
        if self._size <= self._at_once:
            found = sorted(each for waiting in self._waiting for each in waiting)
            for waiting in self._waiting:
                waiting.clear()
        else:
            found = [self._waiting[self._turn()].popleft() for _ in range(self._at_once)]
        self._size -= len(found)
        return [arrival for _, arrival in found]

    def __len__(self) -> int:
        return self._size

    def _turn(self) -> int:
        """Whose turn it is: each that waits earns its weight, the richest pays for all."""
        waiting = [track for track, each in enumerate(self._waiting) if each]
        for track in waiting:
            self._credits[track] += self._weights[track]
        richest = max(waiting, key=self._credits.__getitem__)
        self._credits[richest] -= sum(self._weights[track] for track in waiting)
        return richest


def _pieces(arrival: Arrival) -> list[Arrival]:
    """Texts that came together are handed out by themselves."""
    track, thing = arrival
    return [(track, [text]) for text in thing] if isinstance(thing, list) else [arrival]

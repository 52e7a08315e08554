"""Things on their way from one thread to another; what piles up waits in a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .spill import SpillFile

Item = TypeVar("Item")

_OVERHEAD = 64  # bytes an item takes in memory besides what it holds, about


class Backlog(Generic[Item]):
    """A queue with one thread that adds and one that takes, without a lock.

    Beyond `limit` bytes in memory, what is added goes to an anonymous temporary file, pickled, and is
    read back in order. The count is taken only once `bounded` is set: as long as one thread does
    both, the queue never holds more than one read.
    """

    def __init__(self, limit: int, size: Callable[[Sequence[Item]], int]) -> None:
        self.items: deque[Item | _SpilledType] = deque()
        """In order; a `SPILLED` stands for the next batch in the file."""
        self.bounded = False
        self._limit = limit
        self._size = size  # bytes that items hold together, about
        self._added = 0  # bytes, written by who adds
        self._taken = 0  # bytes, written by who takes
        self._file: SpillFile | None = None

    def __bool__(self) -> bool:
        return bool(self.items)

    def add(self, items: Sequence[Item]) -> None:
        if not self.bounded:
            self.items.extend(items)
            return
        size = self._sum(items)
        if self._added - self._taken + size > self._limit:
            self._file = self._file or _new_file()
            self._file.write(items)
            self.items.append(SPILLED)  # after the write: who takes it finds the batch in place
        else:
            self._added += size
            self.items.extend(items)

    def took(self, item: Item) -> None:
        """Note that an item counted by `add` was taken off."""
        if self.bounded:
            self._taken += self._sum((item,))

    def take_texts(self, most: int) -> list[str]:
        """Take off the texts at the front, up to so many; an empty one is none."""
        taken: list[Any] = []
        items = self.items
        while items and len(taken) < most and type(items[0]) is str and items[0]:
            taken.append(items.popleft())
        if self.bounded:
            self._taken += self._sum(taken)
        return taken

    def load(self) -> None:
        """Put the next batch of the file at the front, in place of the `SPILLED` just taken off."""
        if self._file is not None:
            items = self._file.read()
            self._taken -= self._sum(items)  # `took` will count them, `add` did not
            self.items.extendleft(reversed(items))

    def rest(self) -> Iterator[Item]:
        """All that is left, in order; empties the queue."""
        while self.items:
            item = self.items.popleft()
            if isinstance(item, _SpilledType):
                self.load()
            else:
                yield item

    def close(self) -> None:
        """Let the file go, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _sum(self, items: Sequence[Item]) -> int:
        return self._size(items) + _OVERHEAD * len(items)


class _SpilledType:
    """The type of `SPILLED`."""


SPILLED = _SpilledType()


def _new_file() -> SpillFile:
    from .spill import SpillFile  # noqa: PLC0415  # loads pickle; hardly ever a stream has need of it

    return SpillFile()

"""Chunks on their way from who reads to who delivers; what piles up waits in a file."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from .stream_events import StreamChunk
from .stream_source import Chunk

_OVERHEAD = 64  # bytes a chunk takes in memory besides its text, about


class Backlog:
    """A queue with one thread that adds and one that takes, without a lock.

    Beyond `limit` bytes in memory, what is added goes to an anonymous temporary file, read back in
    order. The count is taken only once `bounded` is set: as long as one thread does both, the
    queue never holds more than one read.
    """

    def __init__(self, limit: int) -> None:
        self.items: deque[Chunk | _SpilledType] = deque()
        """In order; a `SPILLED` stands for the next batch in the file."""
        self.bounded = False
        self._limit = limit
        self._added = 0  # bytes, written by who adds
        self._taken = 0  # bytes, written by who takes
        self._file: _SpillFile | None = None

    def __bool__(self) -> bool:
        return bool(self.items)

    def add(self, chunks: Sequence[Chunk]) -> None:
        if not self.bounded:
            self.items.extend(chunks)
            return
        size = sum(map(_size, chunks))
        if self._added - self._taken + size > self._limit:
            self._file = self._file or _SpillFile()
            self._file.write(chunks)
            self.items.append(SPILLED)  # after the write: who takes it finds the batch in place
        else:
            self._added += size
            self.items.extend(chunks)

    def took(self, chunk: Chunk) -> None:
        """Note that a chunk counted by `add` was taken off."""
        if self.bounded:
            self._taken += _size(chunk)

    def load(self) -> None:
        """Put the next batch of the file at the front, in place of the `SPILLED` just taken off."""
        if self._file is not None:
            chunks = self._file.read()
            self._taken -= sum(map(_size, chunks))  # `took` will count them, `add` did not
            self.items.extendleft(reversed(chunks))

    def texts(self) -> Iterator[str]:
        """The visible text of all that is left; empties the queue."""
        while self.items:
            chunk = self.items.popleft()
            if chunk is SPILLED:
                self.load()
            elif isinstance(chunk, (str, StreamChunk)):
                yield chunk if isinstance(chunk, str) else chunk.text

    def close(self) -> None:
        """Let the file go, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _SpilledType:
    """The type of `SPILLED`."""


SPILLED = _SpilledType()


class _SpillFile:
    """Batches written at one end and read at the other, through a handle for each: no lock."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="api-models-backlog-")
        self._path = Path(name)
        self._writer: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._reader: IO[bytes] = self._path.open("rb", buffering=0)
        if os.name != "nt":  # Windows cannot remove a file that is open; close() does it there
            self._path.unlink()

    def write(self, chunks: Sequence[Chunk]) -> None:
        batch = pickle.dumps(list(chunks), pickle.HIGHEST_PROTOCOL)
        self._writer.write(len(batch).to_bytes(8, "big") + batch)

    def read(self) -> list[Any]:
        size = int.from_bytes(self._reader.read(8), "big")
        chunks: list[Any] = pickle.loads(self._reader.read(size))
        return chunks

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._path.unlink(missing_ok=True)


def _size(chunk: Chunk) -> int:
    if isinstance(chunk, str):
        return len(chunk) + _OVERHEAD
    if isinstance(chunk, StreamChunk):
        return len(chunk.text) + len(chunk.thinking) + len(chunk.tool_arguments) + _OVERHEAD
    return _OVERHEAD

"""Where a backlog goes when it outgrows memory."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any


class SpillFile:
    """Batches written at one end and read at the other, through a handle for each: no lock."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="api-models-backlog-")
        self._path = Path(name)
        self._writer: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._reader: IO[bytes] = self._path.open("rb", buffering=0)
        if os.name != "nt":  # Windows cannot remove a file that is open; close() does it there
            self._path.unlink()

    def write(self, items: Sequence[Any]) -> None:
        batch = pickle.dumps(list(items), pickle.HIGHEST_PROTOCOL)
        self._writer.write(len(batch).to_bytes(8, "big") + batch)

    def read(self) -> list[Any]:
        size = int.from_bytes(self._reader.read(8), "big")
        items: list[Any] = pickle.loads(self._reader.read(size))
        return items

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._path.unlink(missing_ok=True)

"""Valid answers by key in a file, a line of JSON each, so that a batch that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..exceptions import ConfigurationError

_logger = logging.getLogger("api_models")


class AnswerStore:
    """Knows what the file holds, and adds to it; used by one thread.

    A line is written in one piece and flushed. One that was cut off, by a kill or a full disk, is passed
    over, and what it was about is asked for again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ConfigurationError(f"store is the path of a file, not {path!r}")
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise ConfigurationError(f"store {str(path)!r}: there is no such folder")
        self._answers: dict[str, Any] = dict(self._read())
        self._file: BinaryIO | None = None

    def get(self, key: str) -> bytes | None:
        """The JSON of the answer that is kept under a key."""
        return json.dumps(self._answers[key]).encode() if key in self._answers else None

    def add(self, key: str, document: bytes) -> None:
        """Keep an answer; raises `OSError` if it cannot be written."""
        if self._file is None:
            self._file = self._opened()
        one_line = document.replace(b"\r", b" ").replace(
            b"\n", b" "
        )  # in JSON they stand between values alone
        self._file.write(b'{"key": %s, "answer": %s}\n' % (json.dumps(key).encode(), one_line))
        self._file.flush()
        self._answers[key] = json.loads(document)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BinaryIO:
        """The file at its end, which is that of a line."""
        file = self._path.open("a+b")
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        return file

    def _read(self) -> Iterator[tuple[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = json.loads(line)
                    yield entry["key"], entry["answer"]
                except (ValueError, TypeError, KeyError):
                    _logger.warning("%s, line %d is no whole answer: passed over", self._path, number)


def key_of(prompt: Any) -> str:
    """A key that is the same for the same prompt."""
    try:
        said = json.dumps(prompt, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"a prompt is a str or a list of messages, not {prompt!r}") from error
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]

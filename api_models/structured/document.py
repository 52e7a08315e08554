"""A JSON document that is still coming: where it begins and ends, and which values in it have ended.

Only brackets, quotes and commas are looked at, each byte once. What the values are, jiter says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jiter

from .partial import Path
from .preface import Preface

_TOKEN = re.compile(rb'[\s,:]*(?:([{\[])|([}\]])|(")|([^\s,:{}\[\]"]+))?')
_OPENS, _CLOSES, _QUOTE = 1, 2, 3
_IN_STRING = re.compile(rb'(?:[^"\\]+|\\.)*', re.DOTALL)
_AFTERWORD = re.compile(rb"[^{}\[\]]*|\s*```(?:(?!```).)*", re.DOTALL)
"""What may stand behind a document: no more JSON, unless the end of the fence stands between them."""


_DEEPEST = 200
"""Objects and lists inside each other that jiter reads."""


class MalformedDocument(ValueError):  # noqa: N818  # what it says is a problem of the answer
    """What came is no JSON document; the message says why, in words that can be shown to a model."""


@dataclass(slots=True)
class Closed:
    """A value that has ended, and where it stands in the document's bytes."""

    path: Path
    begin: int
    end: int


class _Frame:
    """An object or a list that is open, and the place in it that is looked at."""

    __slots__ = ("begin", "is_list", "step")

    def __init__(self, is_list: bool, begin: int) -> None:
        self.is_list = is_list
        self.begin = begin
        self.step: Any = 0 if is_list else None  # None: the name of the next field is to come


class Document:
    """Fed text as it comes; `roots` are the brackets that the document may begin with."""

    def __init__(self, roots: str = "{[") -> None:
        self.closed: list[Closed] = []
        """What has ended since somebody emptied this list; what stands inside comes first."""
        self.begin: int | None = None
        self.end: int | None = None
        """Where the document ends, None while it has not."""
        self._buffer = bytearray()
        self._preface = Preface(roots)
        self._frames: list[_Frame] = []
        self._at = 0
        self._string_begin: int | None = None  # of the string that is open

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def growing(self) -> Path | None:
        """The path of what may still change; None when nothing can, as the document has ended."""
        return None if self.end is not None else tuple([frame.step for frame in self._frames])

    @property
    def is_list(self) -> bool:
        """Whether the document is a list, once it has begun."""
        return self.begin is not None and self._buffer[self.begin] == ord("[")

    def feed(self, text: str) -> None:
        """Take the next piece; what has ended by it is in `closed`."""
        self._buffer += text.encode("utf-8", "surrogatepass")
        if self.begin is None:
            self.begin = self._preface.find(self._buffer)
            self._at = self.begin or 0
        if self.begin is not None and self.end is None and len(self._frames) <= _DEEPEST:
            self._scan()

    def snapshot(self) -> Any:
        """All that has come, with the text that is open as far as it goes; raises `MalformedDocument`."""
        return _parsed(self._buffer[self.begin : self.end], partial_mode="trailing-strings")

    def value(self, closed: Closed) -> Any:
        """What has ended there; raises `MalformedDocument`."""
        return _parsed(self._buffer[closed.begin : closed.end])

    def whole(self) -> bytes:
        """The document, which is JSON through and through; raises `MalformedDocument` if it is not."""
        if self.begin is None:
            raise MalformedDocument("there is no JSON in the answer")
        if len(self._frames) > _DEEPEST:
            raise MalformedDocument(f"more than {_DEEPEST} objects and lists are inside each other")
        if self.end is None:
            raise MalformedDocument(f"the answer breaks off{_inside(self.growing)}")
        if not _AFTERWORD.fullmatch(self._buffer, self.end):
            raise MalformedDocument("the JSON value is followed by more JSON, or by a bracket too many")
        document = bytes(self._buffer[self.begin : self.end])
        _parsed(document)
        return document

    def _scan(self) -> None:
        buffer, frames, limit = self._buffer, self._frames, len(self._buffer)
        while self.end is None and len(frames) <= _DEEPEST:
            if self._string_begin is not None:
                if not self._end_string(self._string_begin):
                    return
                continue
            found = _TOKEN.match(buffer, self._at)
            assert found is not None  # it matches nothing, too
            kind, self._at = found.lastindex, found.end()
            if kind is None:
                return
            begin = found.start(kind)
            if kind == _OPENS:
                frames.append(_Frame(buffer[begin] == ord("["), begin))
            elif kind == _CLOSES:
                self._close(frames.pop().begin)
            elif kind == _QUOTE:
                self._string_begin = begin
            elif self._at == limit:  # a number may have more digits
                self._at = begin
                return
            else:
                self._close(begin)

    def _end_string(self, begin: int) -> bool:
        """Go to the end of the string that is open; False if it has not come."""
        found = _IN_STRING.match(self._buffer, max(self._at, begin + 1))
        assert found is not None  # it matches nothing, too
        self._at = found.end()
        if self._buffer[self._at : self._at + 1] != b'"':
            return False
        self._at += 1
        self._string_begin = None
        frame = self._frames[-1]
        if frame.step is None:
            frame.step = _name(self._buffer[begin : self._at])
        else:
            self._close(begin)
        return True

    def _close(self, begin: int) -> None:
        """A value that began there has just ended."""
        frames = self._frames
        self.closed.append(Closed(tuple([frame.step for frame in frames]), begin, self._at))
        if not frames:
            self.end = self._at
        elif frames[-1].is_list:
            frames[-1].step += 1
        else:
            frames[-1].step = None


def _name(quoted: bytearray) -> str:
    try:
        name: str = jiter.from_json(bytes(quoted))
    except ValueError:
        return quoted.decode("utf-8", "replace")  # the parser of the whole will refuse it
    return name


def _parsed(document: bytearray | bytes, **mode: Any) -> Any:
    try:
        return jiter.from_json(bytes(document), catch_duplicate_keys=True, allow_inf_nan=False, **mode)
    except ValueError as error:
        raise MalformedDocument(f"the answer is not JSON: {error}") from error


def _inside(growing: Path | None) -> str:
    steps = [str(step) for step in growing or () if step is not None]
    return f" inside {'.'.join(steps)}" if steps else ""

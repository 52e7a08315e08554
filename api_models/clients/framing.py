"""Bytes to events: where in a body one ends and the next begins, and what it carries."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import sseclient

_HEAD = 65536
"""Bytes kept of a body without events, to be able to say what came instead."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n?")
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")  # two line ends, whatever they are
_LONGEST_BLANK_LINE = 4
_ANY_BYTE = "latin-1"  # what is no UTF-8 is for the parser to refuse, as it does everywhere else
_LINES_AT_ONCE = 256
"""Lines given to sseclient together: it copies all it has with each, which for many takes for ever."""


class Framing(ABC):
    """Collects bytes until events are whole; nothing is looked at twice but the last few bytes."""

    beginnings: tuple[bytes, ...]
    """How a body begins that is a stream, even if it holds no event."""
    terminator: bytes
    """What providers send behind each event."""

    def __init__(self) -> None:
        self.head = b""
        """The beginning of the body, kept until its first event."""
        self._seen = False  # whether an event was seen
        self._parts: list[bytes] = []  # of an event that is not whole yet
        self.seam = b""
        """The last bytes of an event that is not whole yet, half of a blank line perhaps; else nothing."""
        self._mark = b""  # what may be the beginning of a byte order mark
        self._begun = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing came that could be the beginning of a stream, or of anything else."""
        return not self._seen and not self.head.strip()

    def feed(self, received: bytes) -> list[bytes]:
        """The events that these bytes complete, as they stand in the body."""
        if not self._seen:
            received = self._beginning(received)
        before = b""
        if self.seam:
            seam = self.seam + received
            if not self._has_end(seam):
                self._parts.append(received)  # an event in many small pieces is joined once
                self.seam = seam[1 - _LONGEST_BLANK_LINE :]
                return []
            before = b"".join(self._parts)
        frames = self._split(before + received, max(0, len(before) - _LONGEST_BLANK_LINE))
        rest = frames.pop()
        self._parts, self.seam = [rest], rest[1 - _LONGEST_BLANK_LINE :]
        return frames

    def finish(self) -> bytes:
        """The last event, if the end of the body left it without its terminator."""
        frame = b"".join(self._parts)
        self._parts = []
        return frame

    def payload(self, frame: bytes) -> bytes | None:
        """What an event carries, None for one that carries nothing, a comment for example."""
        payload = self._payload(frame)
        if payload is not None and not self._seen:
            self._seen, self.head = True, b""
        return payload

    def _beginning(self, received: bytes) -> bytes:
        """Drop a byte order mark, which may come in pieces, and keep what could be no stream at all."""
        if not self._begun:
            self._mark += received
            if len(self._mark) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(self._mark):
                return b""
            self._begun = True
            received = self._mark.removeprefix(_BYTE_ORDER_MARK)
        if len(self.head) < _HEAD:
            self.head += received[: _HEAD - len(self.head)]
        return received

    @abstractmethod
    def _has_end(self, received: bytes) -> bool:
        """Whether an event may end in these bytes."""

    @abstractmethod
    def _split(self, body: bytes, start: int) -> list[bytes]:
        """The whole frames and, last, the rest; no frame ends before `start`."""

    @abstractmethod
    def _payload(self, frame: bytes) -> bytes | None:
        """What a frame carries, None for one that carries nothing."""


class SSEFraming(Framing):
    """Server-sent events as WHATWG has them, with a short path for the event that providers send."""

    beginnings = (b":", b"data:", b"event:", b"id:", b"retry:")
    terminator = b"\n\n"

    def _has_end(self, received: bytes) -> bool:
        return b"\n\n" in received or (b"\r" in received and _BLANK_LINE.search(received) is not None)

    def _split(self, body: bytes, start: int) -> list[bytes]:
        if b"\r" not in body:
            return body.split(b"\n\n")
        frames, begin = [], 0
        for blank in _BLANK_LINE.finditer(body, start):
            frames.append(body[begin : blank.start()])
            begin = blank.end()  # a CR here may be half of CRLF: the LF then begins the next frame
        return [*frames, body[begin:]]

    def _payload(self, frame: bytes) -> bytes | None:
        if b"\r" in frame:
            return _unusual(frame)
        frame = frame.lstrip(b"\n") if frame.startswith(b"\n") else frame
        if frame.startswith(b"data:"):
            begin = 5
        else:
            begin = frame.find(b"\ndata:") + 6
            if begin == 5:
                return None
        if frame.find(b"\n", begin) >= 0:
            return _unusual(frame)
        return frame[begin + 1 :] if frame[begin : begin + 1] == b" " else frame[begin:]


class LineFraming(Framing):
    """Newline-delimited JSON."""

    beginnings = (b'{"',)
    terminator = b"\n"

    def _has_end(self, received: bytes) -> bool:
        return b"\n" in received

    def _split(self, body: bytes, start: int) -> list[bytes]:
        return body.split(b"\n")

    def _payload(self, frame: bytes) -> bytes | None:
        """Before the first object a line is part of a page or of an indented error, which `head` shows."""
        line = frame.strip()
        if not self._seen and not (line.startswith(b"{") and line.endswith(b"}")):
            return None
        return line or None


def _unusual(frame: bytes) -> bytes | None:
    """Several data lines, comments or fields among them: sseclient reads the fields of one whole event."""
    lines = _LINE_END.sub(b"\n", frame).strip(b"\n").split(b"\n")
    said = []
    for at in range(0, len(lines), _LINES_AT_ONCE):
        block = b"\n".join(lines[at : at + _LINES_AT_ONCE]) + b"\n\n"
        said += [event.data for event in sseclient.SSEClient(iter([block]), _ANY_BYTE).events()]
    return "\n".join(said).encode(_ANY_BYTE) if said else None

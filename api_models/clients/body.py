"""The body of an answer, off the wire: all that has arrived at once, whatever HTTP cut it into."""

from __future__ import annotations

import functools
import http.client
import socket
from typing import Any

READ_SIZE = 32768
"""The most bytes asked of the socket at once; a read returns as soon as there are any."""

_TOKEN_SIZE = 4096
"""Bytes asked for while tokens come one by one: room for more, made and given back each time, is
what a read of a lone token would mostly cost."""

_LONGEST_LINE = 4096  # bytes between two chunks: a size with its extensions, or the trailers


class StreamedResponse(http.client.HTTPResponse):
    """An answer whose body is received as it comes.

    http.client gives one HTTP chunk a read, and providers send one chunk a token; undoing the
    chunks of a whole read at once takes a third of the time.
    """

    _carrier: socket.socket | None = None  # read from directly, once nothing is left in the buffer above it
    _room = _TOKEN_SIZE  # for the next read
    _line = b""  # a size line, or trailers, cut off by the end of a read
    _left = 0  # bytes of the current chunk still to come, its CRLF included
    _in_trailers = False

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._below = sock

    def receive(self) -> bytes:
        """Wait for bytes of the body and return all there are; nothing at its end.

        Raises `http.client.IncompleteRead` if the connection ended before the body did.
        """
        if not self.chunked:
            return self._receive_plain()
        while self.fp is not None:
            arrived = self._carrier.recv(self._room) if self._carrier else self._drain()
            if not arrived:
                raise http.client.IncompleteRead(b"")
            self._room = READ_SIZE if len(arrived) >= _TOKEN_SIZE else _TOKEN_SIZE
            if self._in_trailers:
                self._end_trailers(self._line + arrived)
            elif not self._left and not self._line and (only := _only_chunk(arrived)):
                return only
            elif received := self._undo_chunks(arrived):
                return received
        return b""

    def _drain(self) -> bytes:
        """The first read: what came with the head of the answer is in the buffer, and then it is empty."""
        arrived = self.fp.read1(READ_SIZE)
        self._carrier = self._below
        return arrived

    def _receive_plain(self) -> bytes:
        received = self.read1(READ_SIZE)
        if not received and self.length:
            raise http.client.IncompleteRead(b"", self.length)
        return received

    def _undo_chunks(self, arrived: bytes) -> bytes:
        """What the chunks in these bytes carry; a chunk, or a line between two, may go on in the next."""
        coded = self._line + arrived if self._line else arrived
        self._line = b""
        pieces, at, left, end = [], 0, self._left, len(coded)
        while True:
            if left:
                taken = min(left, end - at)
                if left > 2:
                    pieces.append(coded[at : at + min(taken, left - 2)])
                at, left = at + taken, left - taken
            if left or at == end:
                break
            line_end = coded.find(b"\r\n", at)
            if line_end < 0:
                self._line = _checked(coded[at:])
                break
            size = _chunk_size(coded[at:line_end])
            if size == 0:
                self._end_trailers(coded[line_end + 2 :])
                break
            at, left = line_end + 2, size + 2
        self._left = left
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _end_trailers(self, lines: bytes) -> None:
        """The last chunk has come: behind it stand trailers, mostly none, and a blank line."""
        self._in_trailers, self._line = True, lines
        if lines.startswith(b"\r\n") or b"\r\n\r\n" in lines:
            self._close_conn()  # type: ignore[attr-defined]  # what http.client does at the end of a body
        else:
            _checked(lines)


def _only_chunk(coded: bytes) -> bytes | None:
    """What these bytes carry, if they are one chunk and nothing else: the way in which a token comes."""
    begin = coded.find(b"\r\n") + 2
    if begin > 1 and len(coded) == begin + _chunk_size(coded[: begin - 2]) + 2:
        return coded[begin:-2]
    return None


@functools.lru_cache(256)  # tokens are of few sizes
def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits.isalnum():  # int() takes signs and underscores
        raise http.client.IncompleteRead(line)
    try:
        return int(digits, 16)
    except ValueError as error:
        raise http.client.IncompleteRead(line) from error


def _checked(line: bytes) -> bytes:
    if len(line) > _LONGEST_LINE:
        raise http.client.LineTooLong("chunk")
    return line

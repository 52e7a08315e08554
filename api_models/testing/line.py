"""One connection of the loopback server: requests in, scripted answers out, faults included."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from .reply import Reply

STEP = 0.05
"""Seconds after which a waiting thread looks whether the server is to stop."""


@dataclass
class Connection:
    """One connection as the server sees it; times are `time.monotonic()`."""

    opened_at: float
    closed_at: float | None = None
    """When the client was seen to close, or to go away."""
    bytes_sent: int = 0
    """Of the bodies, without HTTP's own framing."""
    sent_at: list[float] = field(default_factory=list)
    gave_up: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    received_at: float
    connection: Connection

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


class Over(Exception):  # noqa: N818  # no error: the end of a connection
    """The client has gone, or the server is to stop: this connection is over."""


class Line:
    """One accepted connection: reads requests, writes replies, notices at any time that the client left."""

    def __init__(self, accepted: socket.socket, connection: Connection, stopping: threading.Event) -> None:
        self._socket = accepted
        self._connection = connection
        self._stopping = stopping
        self._unread = b""
        self.gone_at: float | None = None

    def begin(self, tls: ssl.SSLContext | None) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._socket.settimeout(10)
            self._socket = tls.wrap_socket(self._socket, server_side=True)
        self._socket.setblocking(False)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def wait(self, seconds: float) -> None:
        """Let time pass; ends at once when the client leaves."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check()
            if select.select([self._socket], [], [], min(left, STEP))[0]:
                self._unread += self._receive_some()

    def receive(self) -> Request:
        head, self._unread = self._read_until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._unread) < length:
            self._unread += self._wait_for_some()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Request(method, path, headers, body, time.monotonic(), self._connection)

    def answer(self, reply: Reply) -> None:
        if reply.reset_unanswered:
            self._reset()
        if reply.delay:
            self._connection.stalled.set()
            self.wait(reply.delay)
        body = reply.pieces()
        if reply.framing == "length":
            body = iter([b"".join(body)])
        writer = BodyWriter(self, reply)
        for number, piece in enumerate(body):
            self._keep_time(reply, number, writer)
            writer.write(piece)
            if writer.cut:
                self._cut(reply, writer)
                return
        if reply.stall_after is not None and reply.stall_after >= writer.written:
            self._stall(reply, writer)
        writer.end()

    def send(self, wire: bytes, patience: float | None) -> None:
        """Write all of it; with `patience`, give up on a client that takes nothing for so long."""
        view, since = memoryview(wire), time.monotonic()
        while view:
            self._check()
            try:
                view, since = view[self._socket.send(view[:65536]) :], time.monotonic()
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if patience is not None and time.monotonic() - since > patience:
                    self._connection.gave_up = True
                    self._reset()
                if select.select([self._socket], [self._socket], [], STEP)[0]:
                    self._unread += self._receive_some()
            except OSError:
                self._leave()

    def note(self, count: int) -> None:
        self._connection.bytes_sent += count
        self._connection.sent_at.append(time.monotonic())

    def _keep_time(self, reply: Reply, number: int, writer: BodyWriter) -> None:
        if reply.stall_after == number:
            self._stall(reply, writer)
        pause = reply.naps.get(number, reply.pace if number else 0.0)
        if pause:
            self.wait(pause)

    def _stall(self, reply: Reply, writer: BodyWriter) -> None:
        writer.begin()
        self._connection.stalled.set()
        until = time.monotonic() + reply.stall_for
        while (left := until - time.monotonic()) > 0:
            self.wait(min(reply.beat_every, left) if reply.heartbeat else left)
            if reply.heartbeat:
                writer.put(reply.heartbeat.wire)

    def _cut(self, reply: Reply, writer: BodyWriter) -> None:
        if reply.cut_how == "clean":
            writer.end()
        elif reply.cut_how == "rst":
            self._reset()
        else:
            raise Over

    def _reset(self) -> None:
        linger_for_no_time = struct.pack("ii", 1, 0)  # makes close() send RST instead of FIN
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
        raise Over

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Over

    def _leave(self) -> None:
        self.gone_at = self.gone_at or time.monotonic()
        raise Over

    def _receive_some(self) -> bytes:
        try:
            received = self._socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError:
            received = b""
        if not received:
            self._leave()
        return received

    def _wait_for_some(self) -> bytes:
        while True:
            self._check()
            received = self._receive_some()
            if received:
                return received
            select.select([self._socket], [], [], STEP)

    def _read_until(self, end: bytes) -> tuple[bytes, bytes]:
        while end not in self._unread:
            self._unread += self._wait_for_some()
        head, _, rest = self._unread.partition(end)
        return head, rest


class BodyWriter:
    """Writes one answer: the head with its first bytes, then chunk after chunk."""

    def __init__(self, line: Line, reply: Reply) -> None:
        self._line = line
        self._reply = reply
        self._begun = False
        self._zip = zlib.compressobj(wbits=31) if reply.gzip else None
        self._length = 0
        self.written = 0
        self.cut = False

    def begin(self) -> None:
        """Send the head, if that was not done."""
        if not self._begun:
            self._begun = True
            self._line.send(self._head(None), self._reply.patience)

    def write(self, piece: bytes) -> None:
        """Send a piece of the body, or what of it comes before the cut."""
        cut_at = self._reply.cut_at
        whole = piece
        if cut_at is not None and self._length + len(piece) >= cut_at:
            piece, self.cut = piece[: cut_at - self._length], True
        if not self._begun:
            self._begun = True
            self._line.send(self._head(len(whole)), self._reply.patience)
        self._length += len(piece)
        self.written += 1
        if piece:
            self.put(piece)
            self._line.note(len(piece))

    def put(self, piece: bytes) -> None:
        if self._zip is not None:
            piece = self._zip.compress(piece) + self._zip.flush(zlib.Z_SYNC_FLUSH)
        self._send(piece)

    def end(self) -> None:
        self.begin()
        if self._zip is not None:
            self._send(self._zip.flush())
        if self._reply.framing == "chunked":
            self._line.send(b"0\r\n\r\n", self._reply.patience)

    def _send(self, piece: bytes) -> None:
        if self._reply.framing == "chunked":
            piece = b"%x\r\n%s\r\n" % (len(piece), piece)
        self._line.send(piece, self._reply.patience)

    def _head(self, length: int | None) -> bytes:
        reply = self._reply
        headers = {"Content-Type": reply.content_type}
        if reply.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif reply.framing == "length":
            headers["Content-Length"] = str(length or 0)
        if reply.gzip:
            headers["Content-Encoding"] = "gzip"
        stays = reply.keep_alive and reply.framing != "close"
        headers["Connection"] = "keep-alive" if stays else "close"
        headers.update(reply.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1")

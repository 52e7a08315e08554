"""The floor: a socket and a JSON parser, and nothing else. It is no client, it knows these bodies.

The parser is orjson where it is installed, else jiter.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from .server import WIRES

try:
    import orjson

    PARSER, parsed = "orjson", orjson.loads
except ImportError:
    import jiter

    PARSER, parsed = "jiter", jiter.from_json

_END = b"\r\n0\r\n\r\n"


def text_of(wire: str) -> Callable[[bytes], str | None]:
    """What finds the text in the JSON of an event."""

    def messages(data: bytes) -> str | None:
        event = parsed(data)
        return event["delta"].get("text") if event["type"] == "content_block_delta" else None

    def chat(data: bytes) -> str | None:
        choices = None if data == b"[DONE]" else parsed(data)["choices"]
        return choices[0]["delta"].get("content") if choices else None

    def responses(data: bytes) -> str | None:
        event = parsed(data)
        return event["delta"] if event["type"] == "response.output_text.delta" else None

    return {"messages": messages, "chat": chat, "responses": responses}[wire]


class RawSocket:
    """Undoes HTTP chunks and splits events; keeps its connections open unless told otherwise."""

    def __init__(self, base: str, wire: str, keep_alive: bool = True) -> None:
        url = urlsplit(base)
        self._address = (url.hostname, url.port)
        head = f"POST {url.path}{WIRES[wire][0]} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 2\r\n\r\n"
        self._request = head.encode() + b"{}"
        self._text_of = text_of(wire)
        self._keep_alive = keep_alive
        self._idle: list[socket.socket] = []

    def __call__(self, on_text: Callable[[str], None]) -> None:
        find, rest = self._text_of, b""
        for block in self._blocks():
            *events, rest = (rest + block).split(b"\n\n")
            for event in events:
                if text := find(event[event.find(b"data: ") + 6 :]):
                    on_text(text)

    def _ask(self) -> socket.socket:
        line = self._idle.pop() if self._idle else socket.create_connection(self._address)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(self._request)
        return line

    def _blocks(self) -> Iterator[bytes]:
        """The pieces of the body as they come."""
        line = self._ask()
        kept = line.recv(65536)
        while (end := kept.find(b"\r\n\r\n")) < 0:
            kept += line.recv(65536)
        kept = kept[end + 4 :]
        while True:
            pieces, used, is_last = undone(kept)
            if pieces:
                yield b"".join(pieces)
            if is_last:
                self._put_back(line)
                return
            received = line.recv(65536)
            if not received:
                raise ConnectionError("the connection ended inside the body")
            kept = kept[used:] + received

    def _put_back(self, line: socket.socket) -> None:
        if self._keep_alive:
            self._idle.append(line)
        else:
            line.close()

    def __del__(self) -> None:
        while self._idle:
            self._idle.pop().close()


def undone(coded: bytes) -> tuple[list[bytes], int, bool]:
    """What the whole HTTP chunks carry, how many bytes they take, whether the last one was among them."""
    pieces: list[bytes] = []
    at = 0
    while (end := coded.find(b"\r\n", at)) >= 0:
        size = int(coded[at:end], 16)
        behind = end + 2 + size
        if len(coded) < behind + 2:
            break
        if not size:
            return pieces, behind + 2, True
        pieces.append(coded[end + 2 : behind])
        at = behind + 2
    return pieces, at, False


class KnowingSocket(RawSocket):
    """Undoes no HTTP chunks either: it knows that each event is one. Nothing can be faster in Python."""

    def __call__(self, on_text: Callable[[str], None]) -> None:
        find, kept, line = self._text_of, b"", self._ask()
        while True:
            received = line.recv(65536)
            *events, kept = (kept + received).split(b"\n\n\r\n")
            for event in events:
                if text := find(event[event.find(b"data: ") + 6 :]):
                    on_text(text)
            if kept == _END[2:]:
                self._put_back(line)
                return
            if not received:
                raise ConnectionError("the connection ended inside the body")

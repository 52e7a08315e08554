"""The server of the benchmarks, in a process of its own so that its CPU is not counted.

    with served() as root: ...     # "http://127.0.0.1:PORT"

The first segment of a path says what is answered, its end on which wire:

    /all-10000/v1/messages              10,000 tokens as fast as they are taken
    /paced-200-100-0.02/v1/messages     200 tokens, 100 a second, the first after 0.02 s
    /tools-50-2000-20/v1/messages       50 tool calls of 2,000 bytes each, in pieces of 20

Each event is one HTTP chunk, as providers send them, prepared before it is asked for. A paced token
is two moments of CLOCK_MONOTONIC, which all processes of a machine share, as 16 hexadecimal digits
each: when its request was read, and when the token was written. One thread serves all connections.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import re
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any, NoReturn

from api_models.testing import anthropic, chat, responses

WIRES: dict[str, tuple[str, Callable[..., Any]]] = {
    "messages": ("/v1/messages", anthropic),
    "chat": ("/v1/chat/completions", chat),
    "responses": ("/v1/responses", responses),
}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST = b"0\r\n\r\n"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_STAMPS = "#" * 32


def words(count: int) -> list[str]:
    return [f"word{number % 97} " for number in range(count)]


def stamps(token: str) -> tuple[int, int]:
    """When the request of a paced token was read, and when the token was written; nanoseconds."""
    return int(token[:16], 16), int(token[16:], 16)


@contextlib.contextmanager
def served() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def allow_many_files() -> None:
    """Raise the limit of open files as far as the machine lets us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def chunk(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


@cache
def whole_answer(kind: str, wire: str) -> bytes:
    render = WIRES[wire][1]
    name, *numbers = kind.split("-")
    if name == "all":
        events = [event.wire for event in render(words(int(numbers[0])))]
    else:
        events = tool_events(wire, *map(int, numbers))
    return _HEAD + b"".join(map(chunk, events)) + _LAST


def tool_events(wire: str, calls: int, size: int, piece: int) -> list[bytes]:
    """`calls` calls one after another, each with `size` bytes of arguments, in pieces."""
    arguments = json.dumps({"lines": ["x" * 60] * (size // 64)})
    pieces = [arguments[at : at + piece] for at in range(0, len(arguments), piece)]
    alone = [event.wire for event in WIRES[wire][1](tool=("call_0", "write", pieces))]
    mark = b'"tool_calls": [{"index": 0' if wire == "chat" else b'"index": 0'
    inside = [number for number, event in enumerate(alone) if mark in event]
    of_call = alone[inside[0] : inside[-1] + 1]
    repeated = [
        event.replace(mark, mark[:-1] + b"%d" % number).replace(b"call_0", b"call_%d" % number)
        for number in range(calls)
        for event in of_call
    ]
    return [*alone[: inside[0]], *repeated, *alone[inside[-1] + 1 :]]


@cache
def paced_parts(wire: str) -> tuple[bytes, bytes, bytes, bytes]:
    """What comes first, what stands around the stamps of a token, what comes last."""
    events = WIRES[wire][1]([_STAMPS])
    at = next(number for number, event in enumerate(events) if event.text)
    before, behind = chunk(events[at].wire).split(_STAMPS.encode())
    first, last = (b"".join(chunk(event.wire) for event in part) for part in (events[:at], events[at + 1 :]))
    return _HEAD + first, before, behind, last + _LAST


class Line:
    """One connection, and the answer it is given."""

    def __init__(self, carrier: socket.socket) -> None:
        self.carrier = carrier
        self.asked = b""  # of a request that is not whole yet
        self.left = memoryview(b"")  # still to be sent
        self.parts = (b"", b"", b"", b"")
        self.tokens = 0  # still to be written
        self.asked_at = 0
        self.period = self.due = 0.0

    def request(self) -> str | None:
        """The path of the request, once it is there with its body."""
        head, end, body = self.asked.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or (length and len(body) < int(length[1])):
            return None
        self.asked = b""
        return head.split(b" ", 2)[1].decode()


class Server:
    def __init__(self) -> None:
        allow_many_files()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self._events = select.epoll()
        self._events.register(self.listener, select.EPOLLIN)
        self._lines: dict[int, Line] = {}
        self._due: list[tuple[float, int, Line]] = []
        self._order = itertools.count()

    def serve(self) -> NoReturn:
        while True:
            wait = max(0.0, self._due[0][0] - perf_counter()) if self._due else None
            for number, event in self._events.poll(wait):
                if number == self.listener.fileno():
                    self._accept()
                elif (line := self._lines.get(number)) is not None:
                    with contextlib.suppress(BlockingIOError):
                        self._attend(line, event)
            while self._due and self._due[0][0] <= perf_counter():
                self._write_token(heapq.heappop(self._due)[2])

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                carrier, _ = self.listener.accept()
                carrier.setblocking(False)
                carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines[carrier.fileno()] = Line(carrier)
                self._events.register(carrier, select.EPOLLIN)

    def _attend(self, line: Line, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                self._send(line, b"")
                return
            received = line.carrier.recv(65536)
        except ConnectionError:
            received = b""
        if not received:
            self._drop(line)
            return
        line.asked += received
        path = line.request()
        if path is not None:
            self._answer(line, path)

    def _drop(self, line: Line) -> None:
        line.tokens = 0
        del self._lines[line.carrier.fileno()]
        line.carrier.close()

    def _answer(self, line: Line, path: str) -> None:
        line.asked_at = perf_counter_ns()
        kind = path.split("/")[1]
        wire = next(name for name, (end, _) in WIRES.items() if path.endswith(end))
        if not kind.startswith("paced"):
            self._send(line, whole_answer(kind, wire))
            return
        tokens, rate, delay = map(float, kind.split("-")[1:])
        line.parts, line.tokens, line.period = paced_parts(wire), int(tokens), 1 / rate
        line.due = perf_counter() + delay
        self._send(line, line.parts[0])
        heapq.heappush(self._due, (line.due, next(self._order), line))

    def _write_token(self, line: Line) -> None:
        if not line.tokens:  # the client left
            return
        _, before, behind, last = line.parts
        line.tokens -= 1
        token = b"%s%016x%016x%s" % (before, line.asked_at, perf_counter_ns(), behind)
        if line.tokens:
            line.due += line.period
            heapq.heappush(self._due, (line.due, next(self._order), line))
        with contextlib.suppress(OSError):  # what is wrong with the connection is seen when it is read
            self._send(line, token if line.tokens else token + last)

    def _send(self, line: Line, more: bytes) -> None:
        """Send what the connection takes; the rest when it takes more."""
        left = memoryview(bytes(line.left) + more) if line.left else memoryview(more)
        was_behind = bool(line.left) or not more
        with contextlib.suppress(BlockingIOError):
            while left:
                left = left[line.carrier.send(left[: 1 << 20]) :]
        line.left = left if more or left else memoryview(b"")
        if bool(left) or was_behind:
            wanted = select.EPOLLIN | (select.EPOLLOUT if left else 0)
            self._events.modify(line.carrier, wanted)


def main() -> None:
    server = Server()
    print(server.listener.getsockname()[1], flush=True)
    server.serve()


if __name__ == "__main__":
    main()

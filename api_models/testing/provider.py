"""The loopback server: a thread accepts, a thread answers each connection, all end with it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .line import STEP, Connection, Line, Over, Request
from .reply import Reply, error_reply


@contextlib.contextmanager
def unanswered_port() -> Iterator[int]:
    """A port on which a connect is never answered: its accept queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


Answer = Reply | Callable[[Request], Reply]

THREAD_PREFIX = "api-models-testing"


class Provider:
    """Answers each request with the next reply of `plan`, then with `reply`; keeps what it saw.

    `tls` is a server context; with `mute` it accepts and never says a word, not even TLS.
    """

    def __init__(
        self,
        reply: Answer | None = None,
        *,
        plan: Iterable[Answer] = (),
        tls: ssl.SSLContext | None = None,
        mute: bool = False,
    ) -> None:
        self.reply = reply
        self.plan = list(plan)
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._tls = tls
        self._mute = mute
        self._stopping = threading.Event()
        # Numbers the requests, so that each takes its own reply; wakes who waits for something seen.
        self._seen = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.settimeout(STEP)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._acceptor = self._start(self._accept)

    def close(self) -> None:
        self._stopping.set()
        self._acceptor.join()  # from here on no thread is added
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> bool:
        """Whether so many requests have come within `timeout` seconds."""
        with self._seen:
            return self._seen.wait_for(lambda: len(self.requests) >= count, timeout)

    def wait_for_close(self, connection: Connection | None = None, timeout: float = 10.0) -> float | None:
        """When the client closed the connection (default: the last one); None if it did not in time."""
        with self._seen:
            watched = connection or self.connections[-1]
            self._seen.wait_for(lambda: watched.closed_at is not None, timeout)
            return watched.closed_at

    def _start(self, target: Callable[..., None], *arguments: Any) -> threading.Thread:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        name = f"{THREAD_PREFIX}-{self.port}"
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection = Connection(time.monotonic())
            self.connections.append(connection)
            self._start(self._serve, accepted, connection)

    def _serve(self, accepted: socket.socket, connection: Connection) -> None:
        line = Line(accepted, connection, self._stopping)
        try:
            if self._mute:
                line.wait(float("inf"))
            line.begin(self._tls)
            while True:
                request = line.receive()
                reply = self._reply_to(request)
                line.answer(reply)
                if not reply.keep_alive or reply.close_silently or reply.framing == "close":
                    return
        except (Over, OSError):
            pass  # the client went away, which is what connection.closed_at says
        finally:
            with self._seen:
                connection.closed_at = connection.closed_at or line.gone_at
                self._seen.notify_all()
            line.close()

    def _reply_to(self, request: Request) -> Reply:
        with self._seen:
            self.requests.append(request)
            number = len(self.requests) - 1
            self._seen.notify_all()
        planned = self.plan[number] if number < len(self.plan) else self.reply
        if planned is None:
            return error_reply(500)
        return planned(request) if callable(planned) else planned

"""Showing a stream without slowing it: what comes is put down at once, and drawn a few times a second."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator

from ..streaming.stream_events import (
    StreamCancelled,
    StreamCompleted,
    StreamEvent,
    StreamFailed,
    StreamProgress,
    ThinkingReceived,
)
from ..streaming.stream_handler import StreamHandler

FRAME_SECONDS = 0.1
"""The shortest time from one frame to the next."""

_REST = 4  # times as long as a frame took: who draws leaves four fifths of a core to others

ENDS = (StreamCompleted, StreamFailed, StreamCancelled)
_CAN_WAIT = (StreamProgress, ThinkingReceived)  # for the next frame; anything else wakes a resting thread

News = str | StreamEvent
"""A piece of the answer's text, or anything else that happened."""


class Frames:
    """Calls `draw` on a thread of its own, again and again; while that returns False, only for news."""

    def __init__(self, name: str, draw: Callable[[], bool]) -> None:
        self.failure: BaseException | None = None
        """What `draw` raised; nothing is drawn after that."""
        self._draw = draw
        self._news, self._over = threading.Event(), threading.Event()
        # Draws, so that the stream waits neither for the rendering nor for the screen; made at the
        # start of a stream, gone before the callback of its end returns.
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name=name, daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        self._news.set()

    def finish(self) -> None:
        """Draw no more; returns when the frame that is being drawn is done."""
        self._over.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._show_one()
        except BaseException as error:  # noqa: BLE001  # the handler raises it where it is counted
            self.failure = error

    def _show_one(self) -> None:
        self._news.clear()
        begun = time.monotonic()
        goes_on = self._draw()
        took = time.monotonic() - begun
        self._over.wait(max(FRAME_SECONDS, took * _REST))
        if not goes_on:
            self._news.wait()


class FramedHandler(StreamHandler):
    """Shows one stream after another; a subclass says how. A token costs one append."""

    tokens_as_events = False

    def __init__(self) -> None:
        self._inbox: deque[News] = deque()
        self._tokens = 0  # that have come, as the provider counts them; at least
        self._frames: Frames | None = None
        self._stream_id = ""
        # Lets one of those through who close at the same time; held for the change alone.
        self._closing = threading.Lock()

    def on_token_received(self, token: str, index: int) -> None:
        self._inbox.append(token)
        self._tokens = index + 1

    def on_event(self, event: StreamEvent) -> None:
        """Put it down; what went wrong with the drawing is raised here, and so counted and logged."""
        if self._frames is None and not isinstance(event, ENDS):
            self._begin(event.stream_id)
        frames = self._frames
        if frames is None or event.stream_id != self._stream_id:
            return  # a stream that was let go of, or comes while another is shown
        self._inbox.append(event)
        if isinstance(event, ENDS):
            self.close()
        elif frames.failure is not None:
            raise frames.failure
        elif not isinstance(event, _CAN_WAIT):
            frames.wake()

    def close(self) -> None:
        """Show what is still to be shown, and let go of the screen; twice is harmless.

        The end of a stream does it, and the end of the program, should that come first. What the
        stream says after that is not shown.
        """
        with self._closing:
            frames, self._frames = self._frames, None
        if frames is None:
            return
        frames.finish()
        atexit.unregister(self.close)
        try:
            if frames.failure is not None:
                raise frames.failure
            self._draw_last()
        finally:
            self._inbox.clear()
            self._let_go()

    def _begin(self, stream_id: str) -> None:
        self._tokens, self._stream_id = 0, stream_id
        self._take_hold()
        atexit.register(self.close)
        self._frames = Frames(f"api-models-frames-{stream_id}", self._draw)

    def _news(self) -> Iterator[News]:
        """What has come since the last frame; adjacent text in one piece."""
        texts: list[str] = []
        for _ in range(len(self._inbox)):
            item = self._inbox.popleft()
            if isinstance(item, str):
                texts.append(item)
                continue
            if texts:
                yield "".join(texts)
                texts.clear()
            yield item
        if texts:
            yield "".join(texts)

    @abstractmethod
    def _take_hold(self) -> None:
        """Prepare to show a stream, on the stream's own thread."""

    @abstractmethod
    def _draw(self) -> bool:
        """Show the news, on the thread of the frames; whether there is a clock to be shown besides."""

    @abstractmethod
    def _draw_last(self) -> None:
        """Show the rest of the news, after the last frame."""

    @abstractmethod
    def _let_go(self) -> None:
        """Leave the screen as it was found, also after a failure; may be called more than once."""

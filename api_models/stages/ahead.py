"""Reading ahead on a thread, for what must act while its source is silent, or be slower than it."""

from __future__ import annotations

import contextvars
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..streaming.stream_source import Chunk, text_of
from .flow import let_go

PATIENCE = 1.0  # seconds that closing waits for a source that nothing wakes; its thread ends with its read


class End(NamedTuple):
    """Behind the last chunk: why there are no more."""

    error: BaseException | None


class Meeting:
    """Where threads that read meet the one that takes: one condition, and the order of arrivals."""

    def __init__(self) -> None:
        # Guards what is waiting; wakes whoever waits for chunks, or for room.
        self.changed = threading.Condition()
        self.arrivals = itertools.count()


class Ahead:
    """Chunks of one iterator, read by a thread before they are asked for, `limit` of them at most.

    The thread closes the iterator when it is done with it. `wake` makes a blocked read end soon.
    """

    def __init__(
        self,
        chunks: Iterator[Chunk],
        wake: Callable[[], None],
        *,
        limit: int,
        name: str,
        meeting: Meeting | None = None,
    ) -> None:
        self.waiting: deque[tuple[int, Chunk | End]] = deque()
        """What was read, each with the number of its arrival; an `End` is the last."""
        self.reading_since: float | None = None
        """When the present read began, None between two of them; by `time.monotonic`."""
        self.has_ended = False
        """Whether all has been read."""
        self.texts = 0
        """How many of those that are waiting have text."""
        self._chunks = chunks
        self._wake = wake
        self._limit = limit
        self._meeting = meeting or Meeting()
        self._stopped = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._work,), name=f"api-models-{name}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def take(self, timeout: float | None = None) -> Chunk | End | None:
        """The next chunk, or the end; waits for it, and gives None when `timeout` seconds have passed."""
        changed = self._meeting.changed
        with changed:
            if not changed.wait_for(lambda: self.waiting, timeout):
                return None
            return self.taken()

    def taken(self) -> Chunk | End:
        """Take off the first that is waiting; the meeting's condition is held."""
        _, chunk = self.waiting.popleft()
        self.texts -= _is_text(chunk)
        self._meeting.changed.notify_all()
        return chunk

    def stop(self) -> None:
        """Read no more, and wake the thread; it may take a moment to end, see `join`."""
        with self._meeting.changed:
            self._stopped = True
            self._meeting.changed.notify_all()
        if not self.has_ended:
            self._wake()

    def join(self, timeout: float = PATIENCE) -> None:
        """Wait for the thread; not for ever, there are sources that cannot be woken."""
        if self._thread.ident is None:
            let_go(self._chunks)
        elif self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def close(self) -> None:
        self.stop()
        self.join()

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            while self._read():
                pass
        except BaseException as caught:  # noqa: BLE001  # raised where the chunks are taken
            error = caught
        try:
            let_go(self._chunks)
        except BaseException as caught:  # noqa: BLE001  # as above
            error = error or caught
        self._put(End(error))

    def _read(self) -> bool:
        """Read the next chunk and put it down, when there is room."""
        if self._stopped:
            return False
        self.reading_since = time.monotonic()
        chunk = next(self._chunks, _NOTHING)
        self.reading_since = None
        if isinstance(chunk, End):
            return False
        self._put(chunk)
        return True

    def _put(self, chunk: Chunk | End) -> None:
        changed = self._meeting.changed
        with changed:
            self.has_ended = isinstance(chunk, End)
            if not self.has_ended:
                changed.wait_for(lambda: self._stopped or len(self.waiting) < self._limit)
            self.texts += _is_text(chunk)
            self.waiting.append((next(self._meeting.arrivals), chunk))
            changed.notify_all()


_NOTHING = End(None)


def _is_text(chunk: Chunk | End) -> bool:
    return not isinstance(chunk, End) and text_of(chunk) != ""

"""The text of a recording for asyncio: the same log, read without a thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable

from ..exceptions import APIModelError
from ..streaming.parts.log import Cursor


class AwaitedTexts(AsyncIterator[str]):
    """Follows a log on the running loop, which it never blocks; the writer wakes it when it waits."""

    def __init__(self, cursor: Cursor, get_error: Callable[[], APIModelError | None]) -> None:
        self._cursor = cursor
        self._get_error = get_error
        self._texts: deque[str] = deque()
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()

    async def __anext__(self) -> str:
        while not self._texts:
            entries = self._cursor.poll(self._wake)
            if entries is None:
                raise self._get_error() or StopAsyncIteration
            if entries:
                self._texts.extend([entry[0] for entry in entries if isinstance(entry, tuple)])
                await asyncio.sleep(0)  # who has much to catch up on lets others run in between
            else:
                await self._wait()
        return self._texts.popleft()

    async def _wait(self) -> None:
        try:
            await self._awake.wait()
        finally:
            self._cursor.rest()  # also when the reader was cancelled
        self._awake.clear()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._awake.set)

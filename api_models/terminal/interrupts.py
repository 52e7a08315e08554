"""Ctrl-C at moments when it must not be lost, nor hit what is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait until the block is left; it is raised there. For a few milliseconds only.

    So a stream is started and in hand before it can be stopped. Where Ctrl-C is somebody else's (not
    on the main thread, or ignored, as in the background) nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt

"""Keys that control a stream while it runs: p or space pauses and resumes, q or Esc stops."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from collections.abc import Iterable
from typing import Any, TextIO

if sys.platform == "win32":
    import msvcrt
else:
    import termios
    import tty

_ESCAPE_SECONDS = 0.05  # within which the rest of an arrow key follows its Esc
_LOOK_SECONDS = 0.05  # between two looks at a Windows console, which cannot be waited for
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O?[^\x1b])")  # an arrow or function key, or one with Alt
_PAUSE, _STOP = frozenset("pP "), frozenset("qQ\x1b")


class StreamKeys:
    """Listens to the keys inside a `with` block, and leaves the terminal as it was, on every path.

    `stream` is anything with the control calls of a stream. Where nobody can type (no terminal, or a
    program in the background) nothing happens. Ctrl-C stays Ctrl-C. Other keys are not echoed.
    """

    def __init__(self, stream: Any, source: TextIO | None = None) -> None:
        self._stream = stream
        self._keyboard = _keyboard(sys.stdin if source is None else source)
        self._thread: threading.Thread | None = None

    @property
    def is_listening(self) -> bool:
        return self._thread is not None

    def __enter__(self) -> StreamKeys:
        if self._keyboard is not None and self._keyboard.open():
            # Waits for keys, so that no one else need; woken and gone when the block is left.
            self._thread = threading.Thread(target=self._listen, name="api-models-keys", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._keyboard is None or self._thread is None:
            return
        try:
            self._keyboard.wake()
            self._thread.join()
        finally:
            self._thread = None
            self._keyboard.close()

    def _listen(self) -> None:
        assert self._keyboard is not None
        for key in self._keyboard.typed():
            if key in _PAUSE and not self._stream.pause_stream():
                self._stream.resume_stream()
            elif key in _STOP:
                self._stream.cancel_stream()


if sys.platform == "win32":

    class _Keyboard:
        """The console of this process."""

        def __init__(self, descriptor: int) -> None:
            self._over = threading.Event()

        def open(self) -> bool:
            self._over.clear()
            return True

        def typed(self) -> Iterable[str]:
            while not self._over.wait(_LOOK_SECONDS):
                while msvcrt.kbhit():
                    key = msvcrt.getwch()
                    if key in "\0\xe0":  # an arrow or function key, told by a second character
                        msvcrt.getwch()
                    else:
                        yield key

        def wake(self) -> None:
            self._over.set()

        def close(self) -> None:
            pass

else:

    class _Keyboard:
        """A terminal that hands on each key at once, without an echo; signals stay as they are."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._before: list[Any] = []
            self._ears: tuple[int, int] = (-1, -1)  # a pipe: what is written wakes who waits for keys

        def open(self) -> bool:
            """Whether keys can be had: not in the background, where the attempt would stop the process."""
            try:
                if os.tcgetpgrp(self._descriptor) != os.getpgrp():
                    return False
                self._before = termios.tcgetattr(self._descriptor)
                self._ears = os.pipe()
                tty.setcbreak(self._descriptor, termios.TCSADRAIN)
            except (OSError, termios.error):
                return False
            return True

        def typed(self) -> Iterable[str]:
            while self._descriptor in select.select([self._descriptor, self._ears[0]], [], [])[0]:
                try:
                    read = os.read(self._descriptor, 64)
                except OSError:  # the terminal has gone
                    return
                if not read:
                    return
                if read == b"\x1b" and select.select([self._descriptor], [], [], _ESCAPE_SECONDS)[0]:
                    read += os.read(self._descriptor, 64)
                yield from _SEQUENCE.sub("", read.decode("utf-8", "ignore"))

        def wake(self) -> None:
            os.write(self._ears[1], b"!")

        def close(self) -> None:
            try:
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            except termios.error:
                pass  # the terminal has gone, and nobody can be harmed by its settings
            finally:
                for end in self._ears:
                    os.close(end)


def _keyboard(source: TextIO) -> _Keyboard | None:
    try:
        return _Keyboard(source.fileno()) if source.isatty() else None
    except (AttributeError, OSError, ValueError):  # no file, or a closed one
        return None

"""A program on a terminal of its own: the test types, and looks at the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pyte

TIMEOUT = 30.0
COLUMNS, ROWS = 100, 30

_MARK = b"\x1b[9m\x1b[29m"  # crossed out, and not: nothing is seen of it


class PseudoTerminal:
    """Runs a command until the block is left; `screen` shows what a person would see."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str] | None = None,
        size: tuple[int, int] = (COLUMNS, ROWS),
        **pipes: Any,
    ) -> None:
        self.raw = b""
        self.screen = pyte.HistoryScreen(*size, history=2000, ratio=0.5)
        self._letters = pyte.ByteStream(self.screen)
        # Wakes the test when something was shown, or the program has let go of the terminal.
        self._seen = threading.Condition()
        self._is_over = False
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.modes_before = termios.tcgetattr(theirs)
        self._theirs = theirs
        variables = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        self.process = subprocess.Popen(
            command,
            env={name: value for name, value in variables.items() if value != ""},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # a terminal is taken by who runs on it, before it begins
            **{"stdin": theirs, "stdout": theirs, "stderr": theirs, **pipes},
        )
        # Reads what the program writes, as fast as a terminal would; ends when the test closes its side.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def modes(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    @property
    def lines(self) -> list[str]:
        """All lines, from the first that scrolled away to the last of the screen, without blanks behind."""
        scrolled = [_line(row, self.screen.columns) for row in self.screen.history.top]
        return [line.rstrip() for line in [*scrolled, *self.screen.display]]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, condition: Callable[[str], Any]) -> str:
        """Wait until this holds of the text on the screen, and return that."""
        with self._seen:
            assert self._seen.wait_for(lambda: condition(self.text), TIMEOUT), self.text
            return self.text

    def wait_for_modes(self, *, canonical: bool) -> None:
        """Wait until the terminal hands on whole lines, or each key at once."""
        self._wait_until(lambda: bool(self.modes[3] & termios.ICANON) == canonical)

    def wait(self) -> int:
        """Wait for the end of the program, and for all it has written; its exit code."""
        code = self.process.wait(TIMEOUT)
        os.write(self._theirs, _MARK)  # comes behind all that the program wrote
        with self._seen:
            assert self._seen.wait_for(lambda: self.raw.endswith(_MARK), TIMEOUT)
            self.raw = self.raw[: -len(_MARK)]
        return code

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """For what nobody tells of."""
        waiting, waited = threading.Event(), 0.0
        while not condition():
            assert waited < TIMEOUT
            waiting.wait(0.005)
            waited += 0.005

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._ours, 65536)
            except OSError:
                return
            with self._seen:
                self.raw += read
                self._letters.feed(read)
                self._seen.notify_all()

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self._theirs)
        self._thread.join(TIMEOUT)
        os.close(self._ours)


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "api_models", *arguments]


def _take_terminal() -> None:
    """In the child: make standard input its controlling terminal, so that Ctrl-C is a signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor in (0, 1, 2):
        if os.isatty(descriptor):
            fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
            return


def _line(row: Any, columns: int) -> str:
    return "".join(row[column].data for column in range(columns))

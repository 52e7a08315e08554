"""The answer on a terminal, as it comes: plain writes, no dependency."""

from __future__ import annotations

import sys
from typing import TextIO

from ..exceptions import APIModelError
from ..streaming.stream_handler import StreamHandler


class ConsoleHandler(StreamHandler):
    """Writes text to `output` as it arrives, and each whole answer ends with a new line.

    What went wrong is one line on `errors`; the text before it stays. Thinking is shown only if
    `thinking` is the stream to show it on. A reader that has gone away (a closed pipe) stops the
    stream when `handler_errors` is "stop", which is what command lines want.
    """

    def __init__(
        self,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        thinking: TextIO | None = None,
    ) -> None:
        self._output = sys.stdout if output is None else output
        self._errors = sys.stderr if errors is None else errors
        self._thinking = thinking
        self._at_line_start = True

    def on_token_received(self, token: str, index: int) -> None:
        self._write(token)

    def on_thinking_received(self, text: str, index: int) -> None:
        if self._thinking is not None:
            self._thinking.write(text)
            self._thinking.flush()

    def on_stream_reset(self, reason: str) -> None:
        self._end_line()
        self._say(f"-- the answer begins again: {reason} --")

    def on_stream_complete(self, full_response: str) -> None:
        self._end_line()

    def on_stream_error(self, error: APIModelError) -> None:
        self._end_line()
        self._say(f"error: {error}")

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._end_line()

    def _write(self, text: str) -> None:
        self._at_line_start = text.endswith("\n")  # also when nobody takes it: then nothing more is said
        self._output.write(text)
        self._output.flush()

    def _end_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _say(self, line: str) -> None:
        self._errors.write(line + "\n")
        self._errors.flush()

"""The answer on a terminal as Markdown that grows, with a status line and keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..exceptions import ConfigurationError
from ..streaming.stream_events import StreamEvent
from ..streaming.stream_handler import StreamHandler
from .console import ConsoleHandler
from .keys import StreamKeys
from .live_answer import LiveAnswer


class RichHandler(StreamHandler):
    """Shows one stream at a time on `output`: Markdown, drawn at most ten times a second.

    Finished paragraphs are printed once; below them the unfinished one and a status line are drawn
    anew, on a thread of the handler's own, so that a token costs the stream next to nothing. Thinking
    is dimmed, or left out; `total` is the number of tokens expected, for a progress bar. Where
    `output` is no terminal the text is written as it comes, as by `ConsoleHandler`, whose `errors`
    mean the same here. Needs rich: raises `ConfigurationError` without it.
    """

    tokens_as_events = False

    def __init__(
        self,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        *,
        thinking: bool = True,
        total: int | None = None,
    ) -> None:
        output = sys.stdout if output is None else output
        errors = sys.stderr if errors is None else errors
        screen = _rich_screen("RichHandler").Screen
        self._live = LiveAnswer(screen(output, errors), thinking, total) if can_draw(output) else None
        self._shown: StreamHandler = self._live or ConsoleHandler(
            output, errors, errors if thinking else None
        )

    def on_event(self, event: StreamEvent) -> None:
        self._shown.on_event(event)

    def on_token_received(self, token: str, index: int) -> None:
        self._shown.on_token_received(token, index)

    def close(self) -> None:
        """Let go of the screen before the stream has ended; what it says after that is not shown."""
        if self._live is not None:
            self._live.close()

    @contextmanager
    def keys(self, stream: Any) -> Iterator[None]:
        """Inside the `with` block p or space pauses and resumes `stream`, q or Esc stops it.

        Nothing happens where nobody sees or types: output or standard input is no terminal.
        """
        if self._live is None:
            yield
            return
        with StreamKeys(stream) as keys:
            self._live.has_keys = keys.is_listening
            try:
                yield
            finally:
                self._live.has_keys = False


def sketch(output: TextIO) -> Any:
    """Where a text is drawn anew in place; raises `ConfigurationError` without rich."""
    return _rich_screen("drawing in place").Sketch(output)


def can_draw(output: TextIO) -> bool:
    """Whether lines can be drawn anew there: a terminal, and not a dumb one."""
    try:
        return output.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    except (AttributeError, ValueError):  # no file, or a closed one
        return False


def _rich_screen(who: str) -> Any:
    try:
        from . import rich_screen  # noqa: PLC0415  # rich is optional
    except ImportError as error:
        raise ConfigurationError(f"{who} needs rich: pip install 'api-models[rich]'") from error
    return rich_screen

"""A stream in the output of a notebook's cell, replaced as it grows: the one file that knows IPython."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

from IPython import get_ipython
from IPython.display import display

from ..streaming.stream_events import (
    StreamFailed,
    StreamReset,
    ThinkingReceived,
    TokenReceived,
)
from .advice import advice
from .answer_status import AnswerStatus, figures
from .frames import FramedHandler, News

try:
    import ipywidgets
except ImportError:
    ipywidgets = None

_CHARACTERS_PER_SECOND = 200_000  # sent to the browser at most: each time all of the text is


def show(stream: Any) -> None:
    """Show a stream that was started, from its first token on, and return at once.

    Raises `NotImplementedError` where no output can be replaced, as in IPython on a terminal: then
    IPython falls back to `repr`.
    """
    if not hasattr(get_ipython(), "kernel"):
        raise NotImplementedError  # the word by which IPython's protocol for display asks for `repr`
    cell = Cell(stream)
    if stream.wait(0):
        _feed(stream, cell)
        return
    # Follows the stream, so that the cell may end before it does; ends with the stream.
    threading.Thread(
        target=contextvars.copy_context().run, args=(_feed, stream, cell), name="api-models-cell", daemon=True
    ).start()


def _feed(stream: Any, cell: Cell) -> None:
    for event in stream.events():
        if isinstance(event, TokenReceived):
            cell.on_token_received(event.text, event.index)
        else:
            cell.on_event(event)


class Cell(FramedHandler):
    """The output of one cell: the buttons, and below them the state and the text."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._status = AnswerStatus()
        self._text = self._thinking = self._trouble = ""
        self._next_at = 0.0  # not to be drawn again before
        self._shown = self._content()
        self._buttons = None if ipywidgets is None else Buttons(stream)
        self._output = display(self._shown, raw=True, display_id=True)

    def _take_hold(self) -> None:
        pass

    def _draw(self) -> bool:
        if time.monotonic() >= self._next_at:
            self._take_news()
            self._next_at = time.monotonic() + len(self._text) / _CHARACTERS_PER_SECOND
            self._update()
        return self._status.is_ticking

    def _draw_last(self) -> None:
        self._take_news()
        self._update()

    def _let_go(self) -> None:
        if self._buttons is not None:
            self._buttons.hide()

    def _update(self) -> None:
        content = self._content()
        if content != self._shown:
            self._output.update(content, raw=True)
            self._shown = content
        if self._buttons is not None:
            self._buttons.name_pause(self._status.is_paused)

    def _take_news(self) -> None:
        for news in self._news():
            self._status.take(news, self._tokens)
            self._take(news)

    def _take(self, news: News) -> None:
        if isinstance(news, str):
            self._text += news
        elif isinstance(news, ThinkingReceived):
            self._thinking += news.text
        elif isinstance(news, StreamReset):
            self._text = self._thinking = ""
        elif isinstance(news, StreamFailed):
            self._trouble = f"error: {news.error}; next: {advice(news.error)}"

    def _content(self) -> dict[str, str]:
        """What stands above the text stays readable when a code block is not yet closed."""
        status = self._status
        told = [status.title, *([status.model] if status.model else []), *figures(status)]
        head = [" \N{MIDDLE DOT} ".join(told), *([self._trouble] if self._trouble else [])]
        return {
            "text/plain": "\n\n".join([*head, self._text]),
            "text/markdown": "\n\n".join([*map(_as_code, head), _quoted(self._thinking), self._text]),
        }


class Buttons:
    """Pause, which resumes too, and Stop."""

    def __init__(self, stream: Any) -> None:
        self._pause, self._stop = (ipywidgets.Button(description=label) for label in ("Pause", "Stop"))
        self._box = ipywidgets.HBox([self._pause, self._stop])
        self._pause.on_click(lambda _: stream.pause_stream() or stream.resume_stream())
        self._stop.on_click(lambda _: stream.cancel_stream())
        display(self._box)

    def name_pause(self, is_paused: bool) -> None:
        self._pause.description = "Resume" if is_paused else "Pause"

    def hide(self) -> None:
        self._box.layout.display = "none"


def _as_code(line: str) -> str:
    """A line in which no Markdown is looked for."""
    return f"`{line.replace('`', chr(39)).replace(chr(10), ' ')}`"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())

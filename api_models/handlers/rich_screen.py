"""The terminal, drawn with rich: the one file that knows it."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from .answer_page import Kind, Piece

_logger = logging.getLogger("api_models")

_STYLES: dict[Kind, str] = {"answer": "", "thinking": "dim italic", "tool": "cyan", "notice": "yellow"}
_MARKS: dict[Kind, str] = {"answer": "", "thinking": "", "tool": "calls ", "notice": "-- "}
_STATUS_LINES = 3  # below the tail: a gap, the status, and the line the cursor is on
_BAR_WIDTH = 20

_Lines = list[list[Segment]]


class _Rendered:
    """Lines that need no more rendering."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


class Screen:
    """Prints pieces for good, and keeps the tail and a status line below them while it is held."""

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        self._console = Console(file=output, highlight=False)
        self._errors = Console(file=errors, highlight=False, soft_wrap=True)
        self._gap = " \N{MIDDLE DOT} " if self._console.encoding.startswith("utf") else " | "
        self._live: Live | None = None
        self._is_blank = True  # whether nothing of this answer is printed yet
        self._tail: tuple[Piece, int, _Lines] | None = None  # as it was last drawn, in which width

    def tokens_of(self, text: str) -> Sequence[Any]:
        return Markdown(text).parsed

    def hold(self) -> None:
        """Begin an answer: the cursor hides, and what others print on the terminal goes above the tail."""
        self._is_blank, self._tail = True, None
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=_is_terminal(sys.stdout),  # and not what is meant for a file
            redirect_stderr=_is_terminal(sys.stderr),
        )
        self._live.start()

    def show(
        self, finished: Sequence[Piece], tail: Piece, status: Sequence[str], share: float | None
    ) -> None:
        """Draw a frame, in one write."""
        if self._live is None:
            return
        printed = self._printed(finished)
        with self._console:
            self._live.update(Group(*self._drawn_tail(tail), self._status(status, share)), refresh=True)
            if finished:  # second: what is printed goes above what was drawn last
                self._console.print(_Rendered(printed), end="")

    def end(self, finished: Sequence[Piece], status: Sequence[str]) -> None:
        """Print the rest, and what became of it."""
        with self._console:
            self.release()
            self._console.print(_Rendered(self._printed(finished)), end="")
            self._console.print(Text(self._gap.join(status), style="dim"))

    def fail(self, message: str, advice: str) -> None:
        self._errors.print(Text.assemble(("error: ", "bold red"), message))
        self._errors.print(Text.assemble(("next: ", "bold"), advice))

    def release(self) -> None:
        """Take the tail away and give the cursor back; twice is harmless."""
        live, self._live = self._live, None
        if live is not None:
            live.update(Text(""))
            live.stop()

    def _printed(self, pieces: Iterable[Piece]) -> _Lines:
        lines: _Lines = []
        for piece in pieces:
            lines += self._with_gap(piece, self._rendered(piece))
            self._is_blank = False
        return lines

    def _with_gap(self, piece: Piece, lines: _Lines) -> _Lines:
        return lines if self._is_blank or piece.continues else [[], *lines]

    def _drawn_tail(self, piece: Piece) -> list[RenderableType]:
        """As much of the end of the tail as the window has room for."""
        if not piece.text.strip():
            return []
        width, height = self._console.size
        if self._tail is None or self._tail[:2] != (piece, width):
            self._tail = piece, width, self._with_gap(piece, self._rendered(piece))
        return [_Rendered(self._tail[2][-max(height - _STATUS_LINES, 1) :])]

    def _rendered(self, piece: Piece) -> _Lines:
        """The lines of a piece; as it stands, should rich be at a loss with its Markdown."""
        plain = Text(_MARKS[piece.kind] + piece.text.strip("\n"), style=_STYLES[piece.kind])
        if piece.kind != "answer":
            return self._lines(plain)
        try:
            return self._lines(_markdown(piece.text))
        except Exception:  # rich may raise anything at odd Markdown; the text matters more than its looks
            _logger.warning("an answer is shown as plain text", exc_info=True)
            return self._lines(plain)

    def _lines(self, renderable: RenderableType) -> _Lines:
        """Without blank lines around them: how far pieces are apart is said in one place."""
        lines = [_stripped(line) for line in self._console.render_lines(renderable, pad=False)]
        full = [number for number, line in enumerate(lines) if any(segment.text for segment in line)]
        return lines[full[0] : full[-1] + 1] if full else []

    def _status(self, parts: Sequence[str], share: float | None) -> RenderableType:
        line = Text(self._gap.join(parts), style="dim", no_wrap=True, overflow="ellipsis")
        if parts:
            line.stylize("bold", 0, len(parts[0]))
        if share is None:
            return Group(Text(), line)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=share, width=_BAR_WIDTH), line)
        return Group(Text(), grid)


class Sketch:
    """One text, drawn anew in place while it is held, and then taken away."""

    def __init__(self, output: TextIO) -> None:
        self._live = Live(console=Console(file=output, highlight=False), auto_refresh=False, transient=True)

    def hold(self) -> None:
        self._live.start()

    def draw(self, text: str) -> None:
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

    def release(self) -> None:
        """Give the cursor back."""
        self._live.stop()


def _is_terminal(output: TextIO | None) -> bool:
    return output is not None and not output.closed and output.isatty()


def _markdown(text: str) -> Markdown:
    """Markdown whose HTML is shown: rich would leave it out, and an answer about `<b>` would lose it."""
    markdown = Markdown(text, hyperlinks=False)  # a link whose address is not seen is not trusted
    markdown.parsed = [told for token in markdown.parsed for told in _told(token)]
    return markdown


def _told(token: Any) -> list[Any]:
    for child in token.children or ():
        if child.type == "html_inline":
            child.type = "text"
    if token.type != "html_block":
        return [token]
    opening, inside, closing = copy.copy(token), copy.copy(token), copy.copy(token)
    opening.type, opening.tag, opening.nesting = "paragraph_open", "p", 1
    inside.type, inside.content = "text", token.content.strip("\n")
    closing.type, closing.tag, closing.nesting = "paragraph_close", "p", -1
    return [opening, inside, closing]


def _stripped(line: list[Segment]) -> list[Segment]:
    """The line without the blanks that only fill it up, which would end up in the clipboard."""
    line = list(line)
    while line and not line[-1].text.strip(" ") and not _is_coloured(line[-1]):
        line.pop()
    if line and not _is_coloured(line[-1]):
        line[-1] = Segment(line[-1].text.rstrip(" "), line[-1].style)
    return line


def _is_coloured(segment: Segment) -> bool:
    return segment.style is not None and segment.style.bgcolor is not None

"""What is drawn on a terminal with rich: its news, its status, and how it ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..streaming.stream_events import StreamFailed
from .advice import advice
from .answer_page import Piece
from .answer_status import AnswerStatus
from .frames import FramedHandler, News

if TYPE_CHECKING:
    from .rich_screen import Screen


class OnScreen(FramedHandler):
    """Draws one stream after another on `screen`; a subclass says what, and how far it is."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen
        self._status = AnswerStatus()
        self._failed: StreamFailed | None = None

    def _take_hold(self) -> None:
        self._status, self._failed = AnswerStatus(), None
        self._screen.hold()

    def _draw_last(self) -> None:
        self._take_news()
        self._screen.end(self._last_pieces(), self._status_parts())
        if self._failed is not None:
            self._screen.fail(str(self._failed.error), advice(self._failed.error))

    def _let_go(self) -> None:
        self._screen.release()

    def _take_news(self) -> None:
        for news in self._news():
            self._status.take(news, self._tokens)
            if isinstance(news, StreamFailed):
                self._failed = news
            self._take(news)

    def _take(self, news: News) -> None:
        """Note what the text and the events mean for what is drawn."""

    @abstractmethod
    def _last_pieces(self) -> Sequence[Piece]:
        """What stays on the terminal."""

    @abstractmethod
    def _status_parts(self) -> list[str]:
        """The state first, and last what may be cut off where the window is narrow."""

"""An answer that grows on a terminal: what is finished scrolls away, the rest is drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..streaming.stream_events import StreamReset, ThinkingReceived, ToolCallReceived
from .answer_page import Page, Piece
from .answer_status import figures
from .frames import News
from .on_screen import OnScreen

if TYPE_CHECKING:
    from .rich_screen import Screen


class LiveAnswer(OnScreen):
    """Draws one stream after another on `screen`, `total` being the tokens that are expected."""

    def __init__(self, screen: Screen, thinking: bool, total: int | None) -> None:
        super().__init__(screen)
        self.has_keys = False
        self._thinking = thinking
        self._total = total

    def _take_hold(self) -> None:
        self._page = Page(self._screen.tokens_of)
        super()._take_hold()

    def _draw(self) -> bool:
        self._take_news()
        self._screen.show(self._page.take_finished(), self._page.tail, self._status_parts(), self._share())
        return self._status.is_ticking

    def _last_pieces(self) -> list[Piece]:
        finished = self._page.take_finished()
        self._page.end_part()
        return [*finished, *self._page.take_finished()]

    def _take(self, news: News) -> None:
        if isinstance(news, str):
            self._page.add("answer", news)
        elif isinstance(news, ThinkingReceived) and self._thinking:
            self._page.add("thinking", news.text)
        elif isinstance(news, ToolCallReceived):
            call = news.tool_call
            self._page.say("tool", f"{call.name}({call.arguments_json})")
        elif isinstance(news, StreamReset):
            self._page.say("notice", f"the answer begins again: {news.reason}")

    def _status_parts(self) -> list[str]:
        status = self._status
        told = [status.title, *figures(status, self._total)]
        if self.has_keys and not status.has_ended:
            told += ["p resume" if status.is_paused else "p pause", "q stop"]
        return [*told, *([status.model] if status.model else [])]

    def _share(self) -> float | None:
        """How much of the expected tokens are there, from 0 to 1; None if nobody knows."""
        return min(self._status.tokens / self._total, 1.0) if self._total else None

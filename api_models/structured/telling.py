"""Who hears of partials: one fold over the text for all handlers, and what tells each of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..streaming.stream_handler import StreamHandler
from .growth import FieldCompleted, Growth, ItemCompleted, News
from .handler import StructuredHandler
from .partial import Partial

_HOOKS: dict[type[News], str] = {
    Partial: "on_partial",
    FieldCompleted: "on_field_complete",
    ItemCompleted: "on_item",
}


def hooks_of(handler: Any) -> dict[type[News], str]:
    """The hooks of a handler that say more than text, by the news that they are for."""
    return {kind: name for kind, name in _HOOKS.items() if _overrides(handler, name)}


def _overrides(handler: Any, name: str) -> bool:
    hook = getattr(handler, name, None)
    return callable(hook) and getattr(hook, "__func__", hook) is not getattr(StructuredHandler, name)


class Fold(StreamHandler):
    """Registered before all others: what a piece of text means is worked out once, when it is handed out."""

    def __init__(self, growth: Growth) -> None:
        self.growth = growth
        self.news: list[News] = []
        """Of the piece that is being handed out."""

    def on_token_received(self, token: str, index: int) -> None:
        self.news = self.growth.feed(token)

    def on_stream_reset(self, reason: str) -> None:
        self.news = self.growth.reset()

    def on_stream_complete(self, full_response: str) -> None:
        self.news = self.growth.finish()


class Teller(StreamHandler):
    """Registered before a handler that has hooks for news, and calls them."""

    def __init__(self, handler: Any, fold: Fold) -> None:
        self._handler = handler
        self._hooks = hooks_of(handler)
        self._fold = fold

    def on_token_received(self, token: str, index: int) -> None:
        if self._fold.news:
            self._tell(self._fold.news)

    def on_stream_reset(self, reason: str) -> None:
        self._tell(self._fold.news)

    def on_stream_complete(self, full_response: str) -> None:
        self._tell(self._fold.news)

    def _tell(self, news: Iterable[News]) -> None:
        """Call a hook with each; what one raises, the stream counts when all have been called."""
        failure: BaseException | None = None
        for each in news:
            hook = self._hooks.get(type(each))
            if hook is None:
                continue
            try:
                getattr(self._handler, hook)(*_arguments(each))
            except BaseException as error:  # noqa: BLE001  # raised below, to where failures are dealt with
                failure = failure or error
        if failure is not None:
            raise failure


def _arguments(news: News) -> tuple[Any, ...]:
    if isinstance(news, FieldCompleted):
        return news.path, news.value
    return (news.item,) if isinstance(news, ItemCompleted) else (news,)

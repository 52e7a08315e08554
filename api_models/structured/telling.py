"""Who hears of partials: one fold over the text for all handlers, and what tells each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

from ..exceptions import APIModelError
from ..handlers.deferred import call_where_heard, hearer
from ..handlers.progress_event import ProgressEvent
from ..streaming.stream_handler import StreamHandler
from .answer_progress import AnswerProgress
from .growth import FieldCompleted, Growth, ItemCompleted, News
from .handler import StructuredHandler
from .partial import Partial

Told = News | ProgressEvent

_HOOKS: dict[type[Any], str] = {
    Partial: "on_partial",
    FieldCompleted: "on_field_complete",
    ItemCompleted: "on_item",
    ProgressEvent: "on_progress",
}


def hooks_of(handler: Any) -> dict[type[Any], str]:
    """The hooks of a handler that say more than text, by the news that they are for.

    The `on_progress` of any other handler is that of a stream, and is called by it.
    """
    handler = hearer(handler)
    found = {kind: name for kind, name in _HOOKS.items() if _overrides(handler, name)}
    if not isinstance(handler, StructuredHandler):
        found.pop(ProgressEvent, None)
    return found


def _overrides(handler: Any, name: str) -> bool:
    hook = getattr(handler, name, None)
    return callable(hook) and getattr(hook, "__func__", hook) is not getattr(StructuredHandler, name)


class Fold(StreamHandler):
    """Registered before all others: what a piece of text means is worked out once, when it is handed out."""

    def __init__(self, growth: Growth, progress: AnswerProgress) -> None:
        self.growth = growth
        self.progress = progress
        self.news: Sequence[Told] = ()
        """Of the piece that is being handed out."""

    def on_stream_start(self, metadata: Any) -> None:
        self.progress.begin()  # of which handlers hear with the first piece, since their start is first

    def on_token_received(self, token: str, index: int) -> None:
        news = self.growth.feed(token)
        self.progress.look()
        self.news = [*news, *self.progress.take()]

    def on_stream_reset(self, reason: str) -> None:
        news = self.growth.reset()
        self.progress.begin_again(reason)
        self.news = [*news, *self.progress.take()]

    def on_stream_complete(self, full_response: str) -> None:
        news = self.growth.finish()
        self.progress.complete()
        self.news = [*news, *self.progress.take()]

    def on_stream_error(self, error: APIModelError) -> None:
        self.progress.fail(error)
        self.news = self.progress.take()

    def on_stream_cancelled(self, partial_response: str) -> None:
        self.progress.cancel()
        self.news = self.progress.take()


class Teller(StreamHandler):
    """Registered before a handler that has hooks for news, and calls them where that wants to be called."""

    def __init__(self, handler: Any, fold: Fold, is_cancelled: Callable[[], bool]) -> None:
        self._handler = handler
        self._hooks = hooks_of(handler)
        self._fold = fold
        self._is_cancelled = is_cancelled

    def on_token_received(self, token: str, index: int) -> None:
        if self._fold.news:  # several, maybe, and one of them may be reason enough to cancel
            self._tell(takewhile(lambda _: not self._is_cancelled(), self._fold.news))

    def on_stream_reset(self, reason: str) -> None:
        self._tell(self._fold.news)

    def on_stream_complete(self, full_response: str) -> None:
        self._tell(self._fold.news)

    def on_stream_error(self, error: APIModelError) -> None:
        self._tell(self._fold.news)

    def on_stream_cancelled(self, partial_response: str) -> None:
        self._tell(self._fold.news)

    def _tell(self, news: Iterable[Told]) -> None:
        """Call a hook with each; what one raises, the stream counts when all have been called."""
        failure: BaseException | None = None
        for each in news:
            hook = self._hooks.get(type(each))
            if hook is None:
                continue
            try:
                told = partial(getattr(hearer(self._handler), hook), *_arguments(each))
                call_where_heard(self._handler, told)
            except BaseException as error:  # noqa: BLE001  # raised below, to where failures are dealt with
                failure = failure or error
        if failure is not None:
            raise failure


def _arguments(news: Told) -> tuple[Any, ...]:
    if isinstance(news, FieldCompleted):
        return news.path, news.value
    return (news.item,) if isinstance(news, ItemCompleted) else (news,)
